"""What a customer holds: vouchers and cards, and whether each can be redeemed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET

from largesse.actions import voucher_view
from largesse.actions.segments import clock_of
from largesse.actions.voucher_view import VoucherAnswer
from largesse.engine import incentives, timeframes
from largesse.engine.calendar import Clock
from largesse.engine.incentives import Incentive
from largesse.engine.timeframes import EXPIRED, NOT_ACTIVE
from largesse.kit import db, wire
from largesse.store import redeemables
from largesse.store.context import Context
from largesse.store.customer_view import Instant


class HeldVoucher(msgspec.Struct):
    """A voucher that is held, and whether it can be redeemed."""

    type: str
    voucher: VoucherAnswer
    status: str


class Held(msgspec.Struct, kw_only=True):
    """A voucher or card that a customer holds, and in which role."""

    id: str
    created_at: Instant
    redeemable_id: str
    redeemable_object: str
    customer_id: str
    holder_role: str
    campaign_id: str | None
    campaign_type: str | None
    voucher_type: str
    redeemable: HeldVoucher


_COLUMNS = [name for name in Held.__struct_fields__ if name not in ("created_at", "redeemable")]


async def answers(ctx: Context, rows: Sequence[db.Row]) -> list[Held]:
    """Rows of holders as they are answered; what was deleted meanwhile is left out."""
    ids = [row["redeemable_id"] for row in rows]
    found = await redeemables.load(ctx.db, ctx.project, (), (), ctx.now, voucher_ids=ids)
    loaded = list(found.vouchers.values())
    views = await voucher_view.answers(ctx, [each.row for each in loaded])
    clock = clock_of(ctx)
    held = {
        view.id: HeldVoucher("voucher", _told(view), status(each.incentive, clock))
        for view, each in zip(views, loaded, strict=True)
    }
    return [
        Held(
            **{name: row[name] for name in _COLUMNS},
            created_at=wire.stamp(row["created_at"]),
            redeemable=held[row["redeemable_id"]],
        )
        for row in rows
        if row["redeemable_id"] in held
    ]


def _told(view: VoucherAnswer) -> VoucherAnswer:
    """A voucher without what this list knows nothing of."""
    view.redemption.redeemed_amount = UNSET
    for part in (view, view.redemption):
        for name in part.__struct_fields__:
            if getattr(part, name) is None:
                setattr(part, name, UNSET)
    return view


def status(incentive: Incentive, clock: Clock) -> str:
    """Whether a voucher can be redeemed, as its holder is told: of several reasons why not, that
    which lasts longest.
    """
    campaign = incentive.campaign
    if not incentive.active or (campaign is not None and not campaign.active):
        return "DISABLED"
    times = [incentive.timeframe, *([campaign.timeframe] if campaign else [])]
    why = {timeframes.inactive(each, clock, incentive.published_at) for each in times}
    if EXPIRED in why:
        return "EXPIRED"
    if incentive.quantity is not None and incentive.redeemed >= incentive.quantity:
        return "USED"
    if incentive.type != incentives.DISCOUNT and incentive.balance <= 0:
        return "NO_BALANCE"
    return "NOT_ACTIVE_YET" if NOT_ACTIVE in why else "ACTIVE"
