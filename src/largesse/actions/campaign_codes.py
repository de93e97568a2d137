"""The vouchers that are added to a campaign, and the sums of what happened in it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from largesse.actions import (
    campaign_view,
    campaigns,
    categories,
    generation,
    metadata,
    timeframes,
    vouchers,
)
from largesse.actions.queue import Accepted
from largesse.actions.timeframes import MEMBERS, TimeframeBody
from largesse.actions.voucher_view import VoucherAnswer
from largesse.actions.vouchers import CodeConfigFields, check_code, config_body, config_of
from largesse.actions.worth import RedemptionBody, quantity_of
from largesse.kit import db, wire
from largesse.kit.errors import InvalidCampaign, InvalidPayload
from largesse.store import campaigns as store
from largesse.store import definitions
from largesse.store.context import Context

Text = Annotated[str, Meta(max_length=255)]


class VouchersBody(TimeframeBody, kw_only=True):
    """What differs in the new vouchers from what their campaign says."""

    code: Text | None = None
    code_config: CodeConfigFields | None = None
    category: Text | None = None
    category_id: Text | None = None
    active: bool | None = None
    metadata: dict[str, Any] | None = None
    redemption: RedemptionBody | None = None
    additional_info: Annotated[str, Meta(max_length=10_000)] | None = None


async def open_for_vouchers(ctx: Context, id_or_name: str) -> db.Row:
    """A campaign's row, held. Raises NotFound, and InvalidCampaign for one that takes no vouchers,
    or whose vouchers are being written.
    """
    row = await campaigns.hold_quiet(ctx, id_or_name)
    if row["voucher"] is None:
        raise InvalidCampaign(f"A {row['campaign_type']} campaign has no vouchers")
    return row


async def add(ctx: Context, id_or_name: str, body: VouchersBody) -> VoucherAnswer:
    """Adds a voucher to a campaign, with its code or a random one. Raises DuplicateFound for a code
    that is taken, and as `open_for_vouchers`.
    """
    campaign = await open_for_vouchers(ctx, id_or_name)
    if campaign["type"] == campaigns.STANDALONE and body.code is None:
        raise InvalidCampaign("You can not generate vouchers for STANDALONE type campaign.")
    one, config = generation.made_from(ctx, campaign)
    for name, value in (await _changes(ctx, campaign, body)).items():
        setattr(one, name, value)
    if body.code is not None:
        row = await vouchers.insert(ctx, one, check_code(body.code))
    else:
        if body.code_config is not None:
            config = config_of(ctx, config_body(body.code_config))
        row = await vouchers.insert_random(ctx, one, config)
    await vouchers.enter(ctx, campaign["id"], 1, one.type, one.amount)
    return await vouchers.announce(ctx, "created", row)


async def add_many(ctx: Context, id_or_name: str, body: VouchersBody, count: int) -> Accepted:
    """Adds vouchers to a campaign in the background. Raises as `add`, and InvalidCodeConfig where
    the pattern has not as many codes.
    """
    campaign = await open_for_vouchers(ctx, id_or_name)
    if campaign["type"] == campaigns.STANDALONE:
        raise InvalidCampaign("You can not generate vouchers for STANDALONE type campaign.")
    _, config = generation.made_from(ctx, campaign)
    own = None
    if body.code_config is not None:
        own = config = config_of(ctx, config_body(body.code_config))
    if body.code is not None:
        raise InvalidPayload("Property .code is for one voucher alone")
    campaigns.check_count(ctx, count, config)
    changes = await _changes(ctx, campaign, body)
    return await generation.begin(ctx, campaign, count, config=own, changes=changes)


async def _changes(ctx: Context, campaign: db.Row, body: VouchersBody) -> dict[str, Any]:
    """The columns in which new vouchers differ from what the campaign says."""
    changes: dict[str, Any] = {}
    if any(getattr(body, name) is not None for name in MEMBERS):
        changes.update(timeframes.columns(body, campaign))
    if body.active is not None:
        changes["active"] = body.active
    if body.additional_info is not None:
        changes["additional_info"] = body.additional_info
    if category_id := await categories.named(ctx, body.category, body.category_id):
        changes["category_id"] = category_id
    if body.redemption is not None:
        changes["quantity"] = quantity_of(body.redemption, None)
    if body.metadata is not None:
        known = await definitions.current(ctx.db, ctx.project_id)
        metadata.check(known, "voucher", body.metadata, whole=False)
        merged, _ = metadata.patch(body.metadata)
        own: dict[str, Any] = {}
        if campaign["use_voucher_metadata_schema"]:
            own = msgspec.json.decode(campaign["metadata"])
        changes["metadata"] = wire.encode(own | msgspec.json.decode(merged)).decode()
    return changes


# --- sums ---------------------------------------------------------------------------------------

_ALL = (
    *("redemptions", "redemptions_succeeded", "redemptions_failed", "rollbacks"),
    *("rollbacks_succeeded", "rollbacks_failed", "validations", "validations_succeeded"),
    *("validations_failed", "orders_amount", "orders_rolledback_amount"),
)
_OF_CODES = (
    *("vouchers_created", "vouchers_deleted", "publications", "publications_succeeded"),
    "publications_failed",
)
_OF_DISCOUNTS = ("discounted_amount", "rolledback_discounted_amount")
MEASURES = {
    "DISCOUNT_COUPONS": (*_ALL, *_OF_CODES, *_OF_DISCOUNTS),
    "PROMOTION": (*_ALL, *_OF_DISCOUNTS),
    "GIFT_VOUCHERS": (
        *(*_ALL, *_OF_CODES, "created_vouchers_amount", "amount_added", "amount_deleted"),
        *("amount_redeemed", "amount_rolledback", "amount_subtracted"),
    ),
    "LOYALTY_PROGRAM": (
        *(*_ALL, *_OF_CODES, "created_vouchers_points", "points_deleted", "points_subtracted"),
        *("points_added", "points_rewarded", "points_redeemed", "points_rolledback"),
        *("points_expired", "points_transferred_out", "points_transferred_in"),
        *("pending_points_added", "pending_points_subtracted", "pending_points_activated"),
        "pending_points_canceled",
    ),
    "REFERRAL_PROGRAM": (*_ALL, *_OF_CODES, "referred_customers"),
}


async def summary(
    ctx: Context, row: db.Row, first: date | None, last: date | None
) -> dict[str, Any]:
    """What happened in a campaign from one day to another, both included."""
    counted = (await store.sums(ctx.db, ctx.project_id, [row["id"]], first, last))[row["id"]]
    measures = {name: counted.get(name, 0) for name in MEASURES[row["campaign_type"]]}
    campaign = (await campaign_view.answers(ctx, [row]))[0]
    return {"object": "campaign_summary", "campaign": campaign, **measures}
