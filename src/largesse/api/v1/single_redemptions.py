"""/v1/vouchers/{code}/redemption, /v1/promotions/tiers/{promotionTierId}/redemption

One voucher or one tier at a time, for those who have not moved to /v1/redemptions.
"""

from __future__ import annotations

import msgspec

from largesse.actions import single_redemption
from largesse.actions.checkout_bodies import ContextBody, Text
from largesse.actions.single import VoucherContextBody
from largesse.actions.single_redemption import SingleRedemption
from largesse.kit.routing import Answered, Routes
from largesse.store.context import Context

routes = Routes("Redemptions")


class TrackingQuery(msgspec.Struct, kw_only=True):
    """Who redeems: a tracking id of ours, or a name of the shop's own."""

    tracking_id: Text | None = None


@routes.post(
    "/v1/vouchers/{code}/redemption",
    scope="vouchers",
    body=VoucherContextBody | None,
    query=TrackingQuery,
    answer=SingleRedemption,
    deprecated=True,
)
async def redeem_voucher(
    ctx: Context, code: str, body: VoucherContextBody | None, query: TrackingQuery
) -> SingleRedemption | Answered:
    """Redeem a voucher.

    A redemption that is refused is stored as well.
    """
    context = body or VoucherContextBody()
    return await single_redemption.voucher(ctx, code, context, query.tracking_id)


@routes.post(
    "/v1/promotions/tiers/{promotionTierId}/redemption",
    scope="promotions",
    body=ContextBody | None,
    query=TrackingQuery,
    answer=SingleRedemption,
    deprecated=True,
)
async def redeem_promotion(
    ctx: Context, promotion_tier_id: str, body: ContextBody | None, query: TrackingQuery
) -> SingleRedemption | Answered:
    """Redeem a promotion tier.

    A redemption that is refused is stored as well.
    """
    return await single_redemption.tier(
        ctx, promotion_tier_id, body or ContextBody(), query.tracking_id
    )
