"""What is done with orders, and what the summaries of their customers make of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from largesse.actions import customers, metadata, order_items, segments
from largesse.actions.customers import CustomerBody
from largesse.actions.order_items import ItemBody, SourceId, Text
from largesse.engine import metadata as metadata_rules
from largesse.engine import orders as rules
from largesse.engine.orders import Item
from largesse.kit import db, wire
from largesse.kit.errors import DuplicateFound, InvalidOrder, InvalidPayload, NotFound
from largesse.kit.ids import is_id
from largesse.kit.wire import Moment
from largesse.store import customers as customer_store
from largesse.store import definitions, events, orders
from largesse.store.context import Context
from largesse.store.customer_view import Instant
from largesse.store.definitions import Definitions
from largesse.store.events import Event
from largesse.store.orders import Written

Status = Literal["CREATED", "PAID", "CANCELED", "FULFILLED"]


class OrderFields(msgspec.Struct, kw_only=True):
    """What a shop says of an order. A member that is not sent, or is null, stays as it is; `items`
    are replaced as a whole. Amounts are in minor units.
    """

    source_id: SourceId | None = None
    status: Status | None = None
    amount: int | None = None
    initial_amount: int | None = None
    discount_amount: int | None = None
    items: list[ItemBody] | None = None
    metadata: dict[str, Any] | None = None
    customer: CustomerBody | None = None
    customer_id: Text | None = None
    referrer: CustomerBody | None = None
    referrer_id: Text | None = None


class OrderBody(OrderFields, kw_only=True):
    """An order to create or update: by `id` where it is sent, else by `source_id`."""

    id: Text | None = None
    created_at: Moment | None = None


class CustomerOfOrder(msgspec.Struct):
    id: str
    object: str = "customer"


class Order(msgspec.Struct, kw_only=True):
    """An order as it is answered. Amounts are in minor units; discounts of 0 are left out."""

    id: str
    source_id: str | None
    created_at: Instant
    updated_at: Instant | None
    status: str
    amount: int
    initial_amount: int | UnsetType = UNSET
    discount_amount: int | UnsetType = UNSET
    items_discount_amount: int | UnsetType = UNSET
    total_discount_amount: int | UnsetType = UNSET
    total_amount: int
    applied_discount_amount: int | UnsetType = UNSET
    items_applied_discount_amount: int | UnsetType = UNSET
    total_applied_discount_amount: int | UnsetType = UNSET
    items: list[Item]
    metadata: dict[str, Any]
    customer: CustomerOfOrder | UnsetType = UNSET
    referrer: CustomerOfOrder | UnsetType = UNSET
    customer_id: str | None
    referrer_id: str | None
    object: str = "order"
    redemptions: dict[str, Any] | UnsetType = UNSET


def answer(row: db.Row) -> Order:
    """A row as it is answered."""
    order = Order(
        id=row["id"],
        source_id=row["source_id"],
        created_at=wire.stamp(row["created_at"]),
        updated_at=None if row["updated_at"] is None else wire.stamp(row["updated_at"]),
        status=row["status"],
        amount=row["amount"],
        total_amount=row["total_amount"],
        items=row["items"],
        metadata=row["metadata"],
        customer_id=row["customer_id"],
        referrer_id=row["referrer_id"],
    )
    for name in (*orders.AMOUNTS, *orders.APPLIED):
        if row[name]:
            setattr(order, name, row[name])
    if row["customer_id"] is not None:
        order.customer = CustomerOfOrder(row["customer_id"])
    if row["referrer_id"] is not None:
        order.referrer = CustomerOfOrder(row["referrer_id"])
    if row["redemptions"] is not None:
        order.redemptions = row["redemptions"]
    return order


async def get(ctx: Context, id_or_source_id: str) -> db.Row:
    """An order's row. Raises NotFound."""
    row = await orders.find(ctx.db, ctx.project_id, id_or_source_id)
    if row is None:
        raise NotFound.of("order", id_or_source_id)
    return row


class Stored(msgspec.Struct, frozen=True):
    """An order that was written: its row, and the order as JSON."""

    row: db.Row
    answer: bytes


# --- creating and updating ----------------------------------------------------------------------


def check(body: OrderFields, most_items: int) -> None:
    """Raises InvalidPayload for what cannot be kept, before anything is written."""
    if found := rules.flaw(body):
        raise InvalidPayload(found)
    order_items.check(body.items or [], most_items)


async def upsert(
    ctx: Context, body: OrderBody, *, silent: bool = False, at: datetime | None = None
) -> Stored:
    """Creates the order, or updates the one with this id or else source id. `silent` is for an
    import, which tells of segments alone, and `at` the instant of its row. Raises NotFound for a
    customer's id that nobody has, InvalidOrder for a status that goes back, MetadataInvalid.
    """
    check(body, ctx.settings.order_items)
    name = body.id or body.source_id
    known = await orders.hold(ctx.db, ctx.project_id, name) if name else None
    if known is None:
        return await _create(ctx, body, silent=silent, at=at)
    return await _update(ctx, known, body, silent=silent)


async def update(ctx: Context, id_or_source_id: str, body: OrderFields) -> Stored:
    """Updates an order that exists. Raises NotFound, and what `upsert` raises."""
    check(body, ctx.settings.order_items)
    known = await orders.hold(ctx.db, ctx.project_id, id_or_source_id)
    if known is None:
        raise NotFound.of("order", id_or_source_id)
    return await _update(ctx, known, body, silent=False)


class People(msgspec.Struct):
    """Who an order names: the customer's held row, and the referrer's id."""

    customer: db.Row | None
    referrer_id: str | None


async def _people(ctx: Context, body: OrderFields, before: str | None = None) -> People:
    """`before` is the customer that the order had."""
    await _hold_in_order(ctx, body, before)
    given = {
        "customer": body.customer or _reference(body.customer_id),
        "referrer": body.referrer or _reference(body.referrer_id),
    }
    found: dict[str, db.Row | None] = {}
    last: db.Row | None = None
    # By name, so that two orders that make the same two customers do so one after the other.
    for role in sorted(given, key=lambda role: _name(given[role])):
        found[role] = last = await customers.mention(ctx, given[role])
    customer, referrer = found["customer"], found["referrer"]
    if customer is not None and referrer is not None and customer["id"] == referrer["id"]:
        customer = last  # written twice; what counts is the row as it now stands
    elif referrer is not None:
        known = await definitions.numbered(ctx.db, ctx.project_id, referrer["definitions"])
        await segments.settle(ctx, known, [referrer])
    return People(customer, None if referrer is None else referrer["id"])


async def _hold_in_order(ctx: Context, body: OrderFields, before: str | None) -> None:
    """Where an order concerns several customers, their rows are held by name, so that two orders
    that cross wait for each other and never in a circle.
    """
    people = (body.customer, body.referrer)
    names = [person.id or person.source_id for person in people if person is not None]
    names += [body.customer_id, body.referrer_id, before]
    wanted = {name for name in names if name}
    if len(wanted) < 2:
        return
    rows = [await customer_store.find(ctx.db, ctx.project_id, name) for name in sorted(wanted)]
    ids = [row["id"] for row in rows if row is not None]
    await ctx.db.fetch(orders.HOLD_CUSTOMERS, ctx.project_id, ids)


async def _definitions(ctx: Context, people: People) -> Definitions:
    """The project's definitions, whose number came with the customer if there is one."""
    if people.customer is None:
        return await definitions.current(ctx.db, ctx.project_id)
    version = people.customer["definitions"]
    return await definitions.numbered(ctx.db, ctx.project_id, version)


def _name(body: CustomerBody | None) -> str:
    return "" if body is None else body.id or body.source_id or ""


def _reference(customer_id: str | None) -> CustomerBody | None:
    return CustomerBody(id=customer_id) if customer_id else None


async def _create(ctx: Context, body: OrderBody, *, silent: bool, at: datetime | None) -> Stored:
    merged, _ = metadata.patch(body.metadata)
    people = await _people(ctx, body)
    known = await _definitions(ctx, people)
    metadata.check(known, "order", body.metadata, whole=True)
    items = await order_items.items_of(ctx, body.items or [], known, silent=silent)
    totals = rules.totals(items, body.amount, body.discount_amount or 0)
    written = Written(
        id=body.id if body.id and is_id(body.id, "ord_") else ctx.new_id("ord_"),
        source_id=body.source_id,
        status=body.status or rules.CREATED,
        customer_id=None if people.customer is None else people.customer["id"],
        referrer_id=people.referrer_id,
        initial_amount=body.initial_amount,
        items=wire.encode(items).decode(),
        metadata=merged,
        **msgspec.structs.asdict(totals),
    )
    created_at = at or min(body.created_at or ctx.now, ctx.now)
    row = await orders.insert(ctx.db, ctx.project_id, written, created_at)
    if row is None:
        await _taken(ctx, body)
        # It was made in the meantime. Whoever updates it holds the order first and its customers
        # then; here they are held already, so all is let go and begun again.
        raise db.Again
    return await _follow(ctx, None, row, people.customer, silent=silent)


async def _taken(ctx: Context, body: OrderBody) -> None:
    """Raises DuplicateFound where the order is new by its id, and its source id another's."""
    if body.id and body.source_id and await orders.find(ctx.db, ctx.project_id, body.id) is None:
        raise DuplicateFound.of("order", body.source_id)


async def _update(ctx: Context, before: db.Row, body: OrderFields, *, silent: bool) -> Stored:
    status = body.status or before["status"]
    if not rules.may_become(before["status"], status):
        raise InvalidOrder(f"Status cannot change from {before['status']} to {status}")
    people = await _people(ctx, body, before["customer_id"])
    known = await _definitions(ctx, people)
    metadata.check(known, "order", body.metadata, whole=False)
    kept, removed = metadata_rules.patch(_flawless(body.metadata))
    merged = {
        name: value
        for name, value in msgspec.json.decode(before["metadata"]).items()
        if name not in removed
    } | kept
    if body.items is None:
        items = msgspec.json.decode(before["items"], type=list[Item])
    else:
        items = await order_items.items_of(ctx, body.items, known, silent=silent)
    amount = before["amount"] if body.amount is None and body.items is None else body.amount
    discount = before["discount_amount"] if body.discount_amount is None else body.discount_amount
    initial = before["initial_amount"] if body.initial_amount is None else body.initial_amount
    totals = rules.totals(items, amount, discount)
    customer_id = before["customer_id"] if people.customer is None else people.customer["id"]
    written = Written(
        id=before["id"],
        source_id=body.source_id,
        status=status,
        customer_id=customer_id,
        referrer_id=people.referrer_id or before["referrer_id"],
        initial_amount=initial,
        items=wire.encode(items).decode() if body.items is not None else _text(before["items"]),
        metadata=wire.encode(merged).decode(),
        **msgspec.structs.asdict(totals),
    )
    try:
        row = await orders.update(ctx.db, ctx.project_id, written, ctx.now)
    except db.UniqueViolation as error:
        if not db.violates(error, "orders_source_id"):
            raise
        raise DuplicateFound.of("order", body.source_id or "") from None
    return await _follow(ctx, before, row, people.customer, silent=silent)


def _flawless(given: dict[str, Any] | None) -> dict[str, Any]:
    if given and (found := metadata_rules.flaw(given)):
        raise InvalidPayload(found)
    return given or {}


def _text(raw: Any) -> str:
    return bytes(raw).decode()


# --- what follows -------------------------------------------------------------------------------


async def _follow(
    ctx: Context, before: db.Row | None, after: db.Row, customer: db.Row | None, *, silent: bool
) -> Stored:
    """Moves the sums of the customers, tells what happened, and settles segments."""
    changed = {} if customer is None else {customer["id"]: customer}
    for customer_id, (amount, count) in _moves(before, after).items():
        if customer_id not in changed:
            # The last order is looked up by a statement that begins when the row is held already.
            await ctx.db.fetch(orders.HOLD_CUSTOMERS, ctx.project_id, [customer_id])
        row = await _sum_up(ctx, customer_id, amount, count)
        if row is not None:
            changed[customer_id] = row
    stored = Stored(after, wire.encode(answer(after)))
    await _tell(ctx, before, stored, changed.get(after["customer_id"]), silent=silent)
    if changed:
        rows = [changed[customer_id] for customer_id in sorted(changed)]
        known = await definitions.numbered(ctx.db, ctx.project_id, rows[0]["definitions"])
        await segments.settle(ctx, known, rows)
    return stored


def _moves(before: db.Row | None, after: db.Row) -> dict[str, tuple[int, int]]:
    """By how much the sums of each customer change: an amount and a count."""
    moves: dict[str, tuple[int, int]] = {}
    for order, sign in ((before, -1), (after, 1)):
        if order is not None and order["status"] in rules.COUNTED and order["customer_id"]:
            amount, count = moves.get(order["customer_id"], (0, 0))
            moves[order["customer_id"]] = (
                amount + sign * order["total_amount"],
                count + sign,
            )
    return {customer_id: move for customer_id, move in sorted(moves.items()) if move != (0, 0)}


async def _sum_up(ctx: Context, customer_id: str, amount: int, count: int) -> db.Row | None:
    try:
        return await orders.sum_up(ctx.db, ctx.project_id, customer_id, amount, count)
    except db.DatabaseError as error:
        if not db.out_of_range(error):
            raise
        raise InvalidPayload("The customer's orders would come to too much") from None


async def _tell(
    ctx: Context, before: db.Row | None, stored: Stored, customer: db.Row | None, *, silent: bool
) -> None:
    """The order's events, for the customer whose order it is. What nobody is told of counts among
    the orders all the same.
    """
    after = stored.row
    if after["customer_id"] is None or silent:
        if before is None:
            await ctx.emit([Event(events.ORDER_STORED, "{}")])
        return
    if customer is None:
        customer = await ctx.db.fetchrow(
            customer_store.GET_BY_ID, ctx.project_id, after["customer_id"]
        )
    referrer = None
    if after["referrer_id"] is not None:
        referrer = await ctx.db.fetchrow(
            customer_store.GET_BY_ID, ctx.project_id, after["referrer_id"]
        )
    data = wire.encode(
        {
            "customer": _simple(customer),
            "referrer": _simple(referrer),
            "order": msgspec.Raw(stored.answer),
            "redemption": None,
        }
    ).decode()
    status = None if before is None else before["status"]
    await ctx.emit(
        [
            Event(
                f"customer.order.{word}",
                data,
                customer_id=after["customer_id"],
                referrer_id=after["referrer_id"],
            )
            for word in rules.moves(status, after["status"])
        ]
    )


def _simple(row: db.Row | None) -> Any:
    return None if row is None else customers.simple(row)
