"""What is done with the redemption of one voucher or one promotion tier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from largesse.actions import checkout_view, customers, promotion_view, redeem, single, voucher_view
from largesse.actions.checkout import Request
from largesse.actions.checkout_bodies import TIER, VOUCHER, ContextBody
from largesse.actions.checkout_view import EntryList, RefusalView
from largesse.actions.customers import SimpleCustomer
from largesse.actions.promotion_view import TierAnswer
from largesse.actions.redemption_view import Amount, Channel, Points, RedemptionView
from largesse.actions.single import VoucherContextBody
from largesse.actions.voucher_view import VoucherAnswer
from largesse.kit.routing import Answered
from largesse.store import customers as customer_store
from largesse.store import promotions, redeemables
from largesse.store.context import Context
from largesse.store.customer_view import Instant


class RedeemedVoucher(VoucherAnswer, kw_only=True):
    """The voucher that was redeemed, as it is from then on, and what it applied to."""

    holder: SimpleCustomer | UnsetType = UNSET
    applicable_to: EntryList
    inapplicable_to: EntryList


class SingleRedemption(msgspec.Struct, kw_only=True):
    """The answer to the redemption of one voucher or one tier; `amount` are the credits or points
    that a card gave.
    """

    id: str
    object: str = "redemption"
    date: Instant
    customer_id: str | UnsetType = UNSET
    tracking_id: str | UnsetType = UNSET
    metadata: Any
    amount: int | UnsetType = UNSET
    result: str
    order: Any = UNSET
    channel: Channel
    customer: SimpleCustomer | UnsetType = UNSET
    related_object_type: str
    related_object_id: str
    voucher: RedeemedVoucher | None = None
    promotion_tier: TierAnswer | UnsetType = UNSET
    gift: Amount | UnsetType = UNSET
    loyalty_card: Points | UnsetType = UNSET


async def voucher(
    ctx: Context, code: str, body: VoucherContextBody, tracking_id: str | None = None
) -> SingleRedemption | Answered:
    """Redeems a voucher. A redemption that is refused is stored as well, and answered as an error.
    Raises what `redeem.redeem` raises.
    """
    request, done = await _redeem(ctx, VOUCHER, code, body, tracking_id)
    if isinstance(done, Answered):
        return done
    row = await ctx.db.fetchrow(
        redeemables.VOUCHERS_BY_ID, ctx.project_id, [done.related_object_id]
    )
    assert row is not None
    answer = await voucher_view.answer(ctx, row)
    applicable_to, inapplicable_to = checkout_view.covered(request.decided.steps[0])
    members = {name: getattr(answer, name) for name in VoucherAnswer.__struct_fields__}
    redeemed = RedeemedVoucher(
        **members,
        holder=await _holder(request, row["holder_id"]),
        applicable_to=applicable_to,
        inapplicable_to=inapplicable_to,
    )
    return _answer(done, voucher=redeemed, amount=done.amount, gift=done.gift)


async def tier(
    ctx: Context, tier_id: str, body: ContextBody, tracking_id: str | None = None
) -> SingleRedemption | Answered:
    """Redeems a promotion tier, as `voucher` does a voucher."""
    _, done = await _redeem(ctx, TIER, tier_id, body, tracking_id)
    if isinstance(done, Answered):
        return done
    row = await ctx.db.fetchrow(promotions.GET_TIER, ctx.project_id, tier_id)
    assert row is not None
    [answer] = await promotion_view.tiers(ctx, [row])
    return _answer(done, promotion_tier=answer)


async def _redeem(
    ctx: Context,
    object_: Literal["voucher", "promotion_tier"],
    name: str,
    body: ContextBody,
    tracking_id: str | None,
) -> tuple[Request, RedemptionView | Answered]:
    single.track(body, tracking_id)
    asked = single.checkout_of(object_, name, body)
    request, answer = await redeem.decided(ctx, asked)
    if not isinstance(answer, Answered):
        return request, answer.redemptions[0]
    assert isinstance(answer.value, RefusalView)
    return request, single.failed(answer.value)


async def _holder(request: Request, holder_id: str | None) -> SimpleCustomer | UnsetType:
    """Who holds the voucher, if anybody does."""
    if holder_id is None:
        return UNSET
    buyer: Mapping[str, Any] | None = request.customer
    if buyer is not None and buyer["id"] == holder_id:
        return customers.simple(buyer)
    ctx = request.ctx
    rows = await ctx.db.fetch(customer_store.GET_MANY, ctx.project_id, [holder_id])
    return customers.simple(rows[0]) if rows else UNSET


def _answer(done: RedemptionView, **members: Any) -> SingleRedemption:
    """A redemption as it is answered for itself, with what was redeemed."""
    return SingleRedemption(
        id=done.id,
        date=done.date,
        customer_id=done.customer_id or UNSET,
        tracking_id=done.tracking_id or UNSET,
        metadata=done.metadata,
        result=done.result,
        order=done.order or UNSET,
        channel=done.channel,
        customer=done.customer or UNSET,
        related_object_type=done.related_object_type,
        related_object_id=done.related_object_id,
        **members,
    )
