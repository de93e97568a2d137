"""Gift cards and loyalty cards: what is put on them and taken off, each change with a transaction
in the same commit.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from largesse.actions import voucher_view
from largesse.actions.segments import clock_of
from largesse.actions.worth import GIFT_VOUCHER, LOYALTY_CARD
from largesse.engine.orders import MOST_AMOUNT
from largesse.kit import db, wire
from largesse.kit.errors import (
    GiftAmountExceeded,
    InvalidBalance,
    InvalidCustomer,
    NotFound,
    PointsExceeded,
)
from largesse.store import campaigns, vouchers
from largesse.store.context import Context
from largesse.store.customer_view import Instant
from largesse.store.events import Event
from largesse.store.vouchers import LEDGER, Transaction

Text = Annotated[str, Meta(max_length=255)]

KINDS = {GIFT_VOUCHER: "gift_voucher", LOYALTY_CARD: "loyalty_card"}


class BalanceBody(msgspec.Struct, kw_only=True):
    """What to put on a card, or below 0 to take off: credits in minor units, or points."""

    amount: int
    source_id: Text | None = None
    reason: Text | None = None


class BalanceOf(msgspec.Struct):
    type: str
    id: str


class Balance(msgspec.Struct, kw_only=True):
    """What a card holds after a change by `amount` (of points: `points`)."""

    amount: int | UnsetType = UNSET
    points: int | UnsetType = UNSET
    total: int
    balance: int
    type: str
    operation_type: str = "MANUAL"
    object: str = "balance"
    related_object: BalanceOf


class TransactionAnswer(msgspec.Struct, kw_only=True):
    """A change of what is on a card, as it is answered."""

    id: str
    source_id: str | None
    voucher_id: str
    campaign_id: str | None
    source: str | None
    reason: str | None
    type: str
    details: dict[str, Any]
    related_transaction_id: str | None
    created_at: Instant


def transaction(row: db.Row) -> TransactionAnswer:
    """A row as it is answered."""
    return TransactionAnswer(
        id=row["id"],
        source_id=row["source_id"],
        voucher_id=row["voucher_id"],
        campaign_id=row["campaign_id"],
        source=row["source"],
        reason=row["reason"],
        type=row["type"],
        details=row["details"],
        related_transaction_id=row["related_transaction_id"],
        created_at=wire.stamp(row["created_at"]),
    )


def today(ctx: Context) -> date:
    """The day of the project's time zone."""
    return clock_of(ctx).today


async def change(ctx: Context, code_or_id: str, body: BalanceBody) -> Balance:
    """Puts credits or points on a card, or takes them off. Raises NotFound, InvalidBalance for what
    is no card, InvalidCustomer for a loyalty card without a holder, GiftAmountExceeded and
    PointsExceeded where there is less than what is to be taken off.
    """
    known = await vouchers.find(ctx.db, ctx.project, code_or_id)
    row = known and await ctx.db.fetchrow(vouchers.HOLD, ctx.project_id, known["id"])
    if row is None:
        raise NotFound.of("voucher", code_or_id)
    if row["type"] not in KINDS:
        raise InvalidBalance(f"A {row['type']} has no balance")
    if row["type"] == LOYALTY_CARD and row["holder_id"] is None:
        raise InvalidCustomer("Customer must be a holder of a loyalty card.")
    if body.amount == 0:
        raise InvalidBalance("Property .amount should not be 0")
    added, taken = max(body.amount, 0), max(-body.amount, 0)
    if added > MOST_AMOUNT - row["amount"] or taken > MOST_AMOUNT:
        raise InvalidBalance(f"A card cannot hold more than {MOST_AMOUNT}")
    written = await ctx.db.fetchrow(
        vouchers.CHANGE_BALANCE, ctx.project_id, row["id"], added, taken, ctx.now
    )
    if written is None:
        problem = GiftAmountExceeded if row["type"] == GIFT_VOUCHER else PointsExceeded
        raise problem(row["code"])
    return await tell(ctx, written, body.amount, body.source_id, body.reason)


async def tell(
    ctx: Context,
    row: db.Row,
    amount: int,
    source_id: str | None = None,
    reason: str | None = None,
) -> Balance:
    """Writes the transaction of a change that was made by hand, counts it for the campaign, and
    tells of it. `row` is the card after the change.
    """
    gift = row["type"] == GIFT_VOUCHER
    found = Balance(
        amount=amount if gift else UNSET,
        points=UNSET if gift else amount,
        total=row["amount"] - row["subtracted_amount"],
        balance=voucher_view.balance(row),
        type=KINDS[row["type"]],
        related_object=BalanceOf("voucher", row["id"]),
    )
    unit = "CREDITS" if gift else "POINTS"
    entry = Transaction(
        id=ctx.new_id("vtx_"),
        voucher_id=row["id"],
        campaign_id=row["campaign_id"],
        type=f"{unit}_{'ADDITION' if amount > 0 else 'REMOVAL'}",
        source_id=source_id,
        source="API",
        reason=reason,
        amount=amount,
        total=found.total,
        balance=found.balance,
        details=wire.encode({"balance": found}).decode(),
        created_at=ctx.now,
    )
    await ctx.db.execute(LEDGER.INSERT, ctx.project_id, *LEDGER.arguments(entry))
    if row["campaign_id"] is not None:
        way = "added" if amount > 0 else "subtracted"
        measure = f"amount_{way}" if gift else f"points_{way}"
        await campaigns.count(
            ctx.db, ctx.project_id, row["campaign_id"], today(ctx), {measure: abs(amount)}
        )
    await _announce(ctx, row, found, entry)
    found.amount, found.points = amount, UNSET
    return found


async def _announce(ctx: Context, row: db.Row, balance: Balance, entry: Transaction) -> None:
    voucher = (await voucher_view.answers(ctx, [row]))[0]
    told = wire.encode({"voucher": voucher, "balance": balance}).decode()
    details = msgspec.Raw(entry.details.encode())
    written = msgspec.structs.asdict(entry) | {"details": details}
    for name in ("amount", "total", "balance"):
        del written[name]
    written["created_at"] = wire.stamp(ctx.now)
    ledger = wire.encode({"transaction": written, "voucher": voucher}).decode()
    kind = "gift" if row["type"] == GIFT_VOUCHER else "loyalty_card"
    happened = "gift.balance_added" if kind == "gift" else "loyalty_card.points_added"
    campaign_id = row["campaign_id"]
    events = [
        Event(f"voucher.{happened}", told, campaign_id=campaign_id),
        Event(f"voucher.{kind}.transaction.created", ledger, campaign_id=campaign_id),
    ]
    if row["holder_id"] is not None:
        events.append(
            Event(f"customer.voucher.{happened}", told, row["holder_id"], campaign_id=campaign_id)
        )
    await ctx.emit(events)
