"""Who holds what can be redeemed: vouchers and cards, and the role of the holder."""

from __future__ import annotations

from largesse.store.filters import TEXT, TIME
from largesse.store.listing import Listing

HOLDERS = Listing(
    "redeemable_holders",
    "id, created_at, redeemable_id, redeemable_object, customer_id, holder_role, campaign_id, "
    "campaign_type, voucher_type",
    filters={"customer_id": "customer_id = {}"},
    fields={
        "id": ("id", TEXT),
        "created_at": ("created_at", TIME),
        "redeemable_id": ("redeemable_id", TEXT),
        "redeemable_object": ("redeemable_object", TEXT),
        "holder_role": ("holder_role", TEXT),
        "campaign_id": ("campaign_id", TEXT),
        "campaign_type": ("campaign_type", TEXT),
        "voucher_type": ("voucher_type", TEXT),
    },
    orders={"id": "id"},
    default="-id",
)
