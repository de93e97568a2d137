"""What redemptions and rollbacks write: gathered for all requests that are decided together, and
written by a number of statements that does not depend on how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from largesse.actions import customers, segments
from largesse.actions.segments import clock_of
from largesse.engine import orders as order_rules
from largesse.kit import db, wire
from largesse.kit.db import Row
from largesse.kit.errors import InvalidPayload
from largesse.store import counters, events, redemptions, sessions
from largesse.store.context import Context
from largesse.store.definitions import Definitions
from largesse.store.events import Event
from largesse.store.redeemables import Redeemables
from largesse.store.redemptions import Checkout, Redemption
from largesse.store.vouchers import Transaction

Moves = dict[str, dict[str, int]]


class Writing:
    """All that some requests write, who hold what they found, and the customers who buy or whose
    orders these are. Sums are moved by what is gathered here.
    """

    def __init__(self, ctx: Context, known: Definitions, found: Redeemables) -> None:
        self.ctx = ctx
        self.known = known
        self.found = found
        self.rows: list[Redemption] = []
        self.entries: list[Transaction] = []
        self.spent: dict[str, tuple[int, int]] = {}
        self.counted: dict[str, int] = {}
        self.made: list[Checkout] = []
        self.changed: list[Checkout] = []
        self.sums: Moves = {}
        self.ordered: set[str] = set()
        self.events: list[tuple[Context, Event]] = []
        self.sessions: set[str] = set()

    def spend(self, voucher_id: str, uses: int, amount: int) -> None:
        """A voucher is used so often more, and so much more is taken from its card."""
        before = self.spent.get(voucher_id, (0, 0))
        self.spent[voucher_id] = (before[0] + uses, before[1] + amount)

    def count(self, moved: Mapping[str, int], sign: int = 1) -> None:
        """Rows of counters are moved."""
        for key, n in moved.items():
            self.counted[key] = self.counted.get(key, 0) + sign * n

    def sum_up(self, customer_id: str | None, **moves: int) -> None:
        """The sums of a customer are moved."""
        if customer_id:
            of = self.sums.setdefault(customer_id, {})
            for name, n in moves.items():
                of[name] = of.get(name, 0) + n

    def order(self, before: Row | None, after: Checkout) -> None:
        """An order is made, or changed; the sums of its customers follow."""
        (self.made if before is None else self.changed).append(after)
        sides = [(after.status, after.customer_id, after.total_amount, 1)]
        if before is not None:
            amount = before["total_amount"]
            sides.append((before["status"], before["customer_id"], amount, -1))
        for status, customer_id, amount, sign in sides:
            if status in order_rules.COUNTED and customer_id:
                self.sum_up(customer_id, orders_total_amount=sign * amount, orders_total_count=sign)
                self.ordered.add(customer_id)

    def tell(self, ctx: Context, event: Event) -> None:
        """Something happened in the request of a context."""
        self.events.append((ctx, event))

    async def store(self) -> None:
        """Writes it all, in one order of locks. Raises Again where it was decided on what is no
        longer so.
        """
        database, project_id, now = self.ctx.db, self.ctx.project_id, self.ctx.now
        if self.made or self.changed:
            written = await redemptions.write_orders(
                database, project_id, self.made, self.changed, now
            )
            if len(written) < len(self.made) + len(self.changed):
                # Somebody else has made it in the meantime: then it is used as it is stored.
                raise db.Again
        await redemptions.record(database, project_id, self.rows)
        await redemptions.enter(database, project_id, self.entries)
        await self._sum_up()
        for key in sorted(self.sessions):
            await sessions.forget(database, project_id, key)
        await self._announce()
        await counters.move(database, project_id, self.counted)
        guarded = {id_: self.found.vouchers[id_].row["guards"] for id_ in self.spent}
        done = await redemptions.spend(database, project_id, self.spent, guarded)
        if len(done) < len(self.spent):
            # The vouchers are held, but a rule can be assigned to one while others wait for it.
            raise db.Again

    async def _sum_up(self) -> None:
        moved = {id_: moves for id_, moves in self.sums.items() if any(moves.values())}
        try:
            rows = await redemptions.sum_up(
                self.ctx.db, self.ctx.project_id, moved, self.ordered & set(moved)
            )
        except db.DatabaseError as error:
            if not db.out_of_range(error):
                raise
            raise InvalidPayload("The customer's orders would come to too much") from None
        if rows:
            await segments.settle(self.ctx, self.known, sorted(rows, key=lambda row: row["id"]))

    async def _announce(self) -> None:
        """Writes the events; the first brings the number of rows too."""
        if self.rows:
            ctx, first = self.events[0]
            day = clock_of(ctx).today
            rows_ = ("", day, redemptions.ROWS, len(self.rows))
            counted = (*first.counted, rows_)
            self.events[0] = (ctx, msgspec.structs.replace(first, counted=counted))
        rows = [
            (ctx.new_id(event.prefix), event, ctx.request_id, ctx.now) for ctx, event in self.events
        ]
        await events.record(self.ctx.db, self.ctx.project_id, rows)


# --- orders' events -----------------------------------------------------------------------------


def order_events(
    before: str | None,
    status: str,
    customer: Mapping[str, Any] | None,
    order: msgspec.Raw,
    referrer_id: str | None,
) -> Iterable[Event]:
    """That an order was made or changed, and paid or canceled with that; `before` is the status
    that it had.
    """
    if customer is None:
        if before is None:
            yield Event(events.ORDER_STORED, "{}")
        return
    data = wire.encode(
        {
            "customer": customers.simple(customer),
            "referrer": None,
            "order": order,
            "redemption": None,
        }
    ).decode()
    for word in order_rules.moves(before, status):
        yield Event(
            f"customer.order.{word}",
            data,
            customer_id=customer["id"],
            referrer_id=referrer_id,
        )


# --- redemptions' events ------------------------------------------------------------------------


def event(
    ctx: Context,
    happened: str,
    view: Any,
    parts: Mapping[str, Any],
    row: Redemption,
    campaign: Mapping[str, Any] | None,
    measures: Mapping[str, int],
) -> Event:
    """That a redemption or a rollback `succeeded` or `failed`: told of its customer, where there is
    one. `measures` are what it adds to its campaign's sums, and those of a tier.
    """
    day = clock_of(ctx).today
    counted = [
        (campaign["id"], day, name, n)
        for name, n in measures.items()
        if n and campaign is not None and not name.startswith("tier.")
    ]
    if row.promotion_tier_id is not None:
        counted += [
            (row.promotion_tier_id, day, name.removeprefix("tier."), n)
            for name, n in measures.items()
            if n and name.startswith("tier.")
        ]
    type_ = f"redemption.{happened}"
    return Event(
        type_ if row.customer_id is None else f"customer.{type_}",
        wire.encode({**parts, view.object: view}).decode(),
        customer_id=row.customer_id,
        campaign_id=row.campaign_id,
        campaign_type=campaign["campaign_type"] if campaign else None,
        counted=tuple(counted),
    )


def campaign_of(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The campaign of what was redeemed, as events tell of it."""
    if row is None or row["campaign_id"] is None:
        return None
    return {
        "id": row["campaign_id"],
        "name": row["campaign_name"],
        "campaign_type": row["campaign_type"],
        "object": "campaign",
    }


def entry(
    ctx: Context,
    row: Mapping[str, Any],
    amount: int,
    redemption_id: str,
    order: Mapping[str, Any] | None,
    rollback_id: str | None = None,
    related: str | None = None,
) -> Transaction:
    """A line of the ledger: what a card gave for a redemption (below 0), or got back. `row` is the
    card after it.
    """
    gift = row["type"] == "GIFT_VOUCHER"
    total = row["amount"] - row["subtracted_amount"]
    balance = total - row["redeemed_amount"] - row["points_expired"]
    details: dict[str, Any] = {
        "balance": {
            "type": "gift_voucher" if gift else "loyalty_card",
            "total": total,
            "amount": amount,
            "object": "balance",
            "balance": balance,
            "related_object": {"id": row["id"], "type": "voucher"},
        },
        "order": order and {name: value for name, value in order.items() if value is not None},
        "redemption": {"id": redemption_id},
    }
    if rollback_id is not None:
        details["rollback"] = {"id": rollback_id}
    unit = "CREDITS" if gift else "POINTS"
    return Transaction(
        id=ctx.new_id("vtx_"),
        voucher_id=row["id"],
        campaign_id=row["campaign_id"],
        type=f"{unit}_{'REDEMPTION' if rollback_id is None else 'REFUND'}",
        amount=amount,
        total=total,
        balance=balance,
        details=wire.encode(details).decode(),
        related_transaction_id=related,
        created_at=ctx.now,
    )
