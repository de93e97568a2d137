"""What is done with a customer: upsert, update, delete, forget."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from largesse.actions import metadata, segments
from largesse.kit import db, wire
from largesse.kit.errors import DuplicateFound, NotFound
from largesse.kit.ids import is_customer_id
from largesse.kit.wire import Day
from largesse.store import (
    counters,
    custom_events,
    customers,
    definitions,
    events,
    exports,
    jobs,
    kept_answers,
    orders,
    redemptions,
)
from largesse.store.context import Context
from largesse.store.customer_view import Instant
from largesse.store.customers import ADDRESS_COLUMNS, Change
from largesse.store.definitions import Definitions
from largesse.store.events import Event

Text = Annotated[str, Meta(max_length=255)]
LongText = Annotated[str, Meta(max_length=10_000)]
SourceId = Annotated[str, Meta(min_length=1, max_length=255)]


class AddressBody(msgspec.Struct):
    """Parts of an address, in the order of their columns; those that are not sent stay."""

    city: Text | None = None
    state: Text | None = None
    line_1: Text | None = None
    line_2: Text | None = None
    country: Text | None = None
    postal_code: Text | None = None


class ProfileBody(msgspec.Struct, kw_only=True):
    """What a shop knows of a customer. A member that is not sent, or is null, stays as it is;
    `address: null` clears the address, and a metadata key sent as null is removed.
    """

    name: Text | None = None
    description: LongText | None = None
    email: Text | None = None
    phone: Text | None = None
    birthday: Day | None = None
    birthdate: Day | None = None
    address: AddressBody | UnsetType | None = UNSET
    metadata: dict[str, Any] | None = None


class CustomerBody(ProfileBody, kw_only=True):
    """A customer to create or update: by `id` where it is sent, else by `source_id`."""

    id: Text | None = None
    source_id: SourceId | None = None


class BulkCustomer(ProfileBody, kw_only=True):
    """One of many customers to create or update, by `source_id`."""

    source_id: SourceId


class SimpleCustomer(msgspec.Struct):
    """A customer as other objects and events name them."""

    id: str
    source_id: str | UnsetType
    name: str | UnsetType
    email: str | UnsetType
    metadata: dict[str, Any]
    object: str = "customer"


def simple(row: db.Row) -> SimpleCustomer:
    """A row as other objects name it."""
    source_id, name, email = (
        UNSET if row[column] is None else row[column] for column in ("source_id", "name", "email")
    )
    return SimpleCustomer(row["id"], source_id, name, email, row["metadata"])


class MetadataBody(msgspec.Struct, kw_only=True):
    """Metadata to merge into each of the customers named."""

    source_ids: list[SourceId]
    metadata: dict[str, Any]


# --- one customer -------------------------------------------------------------------------------


def change_of(
    body: ProfileBody, now: datetime, id_: str, source_id: str | None, *, by_id: bool
) -> Change:
    """A body as what is to be written. Raises InvalidPayload for metadata that cannot be kept."""
    address = body.address if isinstance(body.address, AddressBody) else AddressBody()
    replaced = ADDRESS_COLUMNS if body.address is None else ()
    merged, removed = metadata.patch(body.metadata)
    profile = (
        body.name,
        body.description,
        body.email,
        body.phone,
        body.birthday,
        body.birthdate,
        *msgspec.structs.astuple(address),
    )
    return Change(
        id=id_,
        created_at=now,
        source_id=source_id,
        by_id=by_id,
        profile=profile,
        metadata=merged,
        removed=removed,
        replaced=replaced,
    )


async def upsert(ctx: Context, body: CustomerBody) -> msgspec.Raw:
    """Creates the customer, or updates the one with this id or else source id."""
    by_id = bool(body.id)
    id_ = body.id if body.id and is_customer_id(body.id) else ctx.new_id("cust_")
    row = await write(ctx, change_of(body, ctx.now, id_, body.source_id, by_id=by_id))
    return await _changed(ctx, body, row)


async def write(ctx: Context, change: Change) -> db.Row:
    """Upserts one customer. Raises DuplicateFound where the source id is another's."""
    try:
        row = await customers.upsert(ctx.db, ctx.project_id, change, ctx.now)
    except db.UniqueViolation as error:
        if change.source_id and db.violates(error, "customers_source_id"):
            raise DuplicateFound.of("customer", change.source_id) from None
        raise
    if change.by_id and row["updated_at"] is None:
        # Somebody of this id may have been here before, and their orders still are.
        return await ctx.db.fetchrow(orders.RECOUNT, ctx.project_id, row["id"])
    return row


async def _changed(ctx: Context, body: ProfileBody, row: db.Row) -> msgspec.Raw:
    """Checks, announces and settles a written row; the customer as JSON."""
    known = await definitions.numbered(ctx.db, ctx.project_id, row["definitions"])
    answer = await _announce(ctx, known, body, row)
    await segments.settle(ctx, known, [row])
    return msgspec.Raw(answer)


async def _announce(ctx: Context, known: Definitions, body: ProfileBody, row: db.Row) -> bytes:
    """Writes the event that a written row asks for; the customer as JSON. Raises MetadataInvalid
    where the body's metadata is against its schema.
    """
    metadata.check(known, "customer", body.metadata, whole=row["updated_at"] is None)
    answer = wire.encode(await customers.dress_one(ctx.db, ctx.project_id, row))
    await ctx.emit([event_of(row, answer)])
    return answer


def tells(body: CustomerBody) -> bool:
    """Whether a body says more of a customer than who they are."""
    return any(getattr(body, name) not in (None, UNSET) for name in ProfileBody.__struct_fields__)


async def mention(ctx: Context, body: CustomerBody | None) -> db.Row | None:
    """The customer that another body names, their row held; None where it names nobody. They are
    created or updated where it says more than who they are. Whoever mentions a customer settles
    their segments. Raises NotFound for an id that nobody has.
    """
    if body is None:
        return None
    if body.address is None:
        body.address = UNSET  # a null inside a larger body never clears anything
    name = body.id or body.source_id
    told = tells(body)
    row = await customers.hold(ctx.db, ctx.project_id, name) if name else None
    if row is None and body.id:
        raise NotFound.of("customer", body.id)
    if row is None and not told and not name:
        return None
    if row is not None and not told:
        return row
    id_ = ctx.new_id("cust_") if row is None else row["id"]
    source_id = body.source_id if row is None else None
    change = change_of(body, ctx.now, id_, source_id, by_id=row is not None)
    row = await write(ctx, change)
    known = await definitions.numbered(ctx.db, ctx.project_id, row["definitions"])
    await _announce(ctx, known, body, row)
    return row


def event_of(row: db.Row, answer: bytes) -> Event:
    """That a written row was created or updated; `answer` is the customer as JSON."""
    type_ = "customer.created" if row["updated_at"] is None else "customer.updated"
    return Event(type_, f'{{"customer":{answer.decode()}}}', customer_id=row["id"])


async def update(ctx: Context, id_or_source_id: str, body: ProfileBody) -> msgspec.Raw:
    """Updates a customer that exists. Raises NotFound."""
    known = await get(ctx, id_or_source_id)
    change = change_of(body, ctx.now, known["id"], None, by_id=True)
    row = await customers.update(ctx.db, ctx.project_id, change, ctx.now)
    if row is None:
        raise NotFound.of("customer", id_or_source_id)
    return await _changed(ctx, body, row)


async def get(ctx: Context, id_or_source_id: str) -> db.Row:
    """A customer's row. Raises NotFound."""
    row = await customers.find(ctx.db, ctx.project_id, id_or_source_id)
    if row is None:
        raise NotFound.of("customer", id_or_source_id)
    return row


async def delete(ctx: Context, id_or_source_id: str) -> None:
    """Deletes a customer; what they did stays in the events. Raises NotFound."""
    known = await get(ctx, id_or_source_id)
    last = await customers.dress_one(ctx.db, ctx.project_id, known)
    if await ctx.db.fetchrow(customers.DELETE, ctx.project_id, known["id"]) is None:
        raise NotFound.of("customer", id_or_source_id)
    data = wire.encode({"customer": last}).decode()
    await ctx.emit([Event("customer.deleted", data, customer_id=known["id"])])


# --- forgetting ---------------------------------------------------------------------------------


class Deleted(msgspec.Struct):
    """How much of each kind was deleted with the customer."""

    events: int = 0
    customer_events: int = 0
    daily_events: int = 0
    segments: int = 0
    orders: int = 0
    order_events: int = 0
    customer: int = 0


class PermanentDeletion(msgspec.Struct):
    """That a customer was forgotten, and what went with them."""

    id: str
    created_at: Instant
    related_object_id: str
    related_object: str
    status: str
    data_json: Deleted
    object: str = "pernament_deletion"


async def permanently_delete(ctx: Context, id_or_source_id: str) -> PermanentDeletion:
    """Forgets a customer, living or already deleted: no name, address or other trace of the person
    stays in customers, events, jobs or reports. By source id, all who ever had it are forgotten.
    Raises NotFound.
    """
    row = await customers.find(ctx.db, ctx.project_id, id_or_source_id)
    before = await ctx.db.fetch(events.DELETED_CUSTOMERS, ctx.project_id, id_or_source_id)
    customer_ids = ([row["id"]] if row is not None else []) + [
        found["customer_id"] for found in before
    ]
    if not customer_ids:
        raise NotFound.of("customer", id_or_source_id)
    await _forget_rows(ctx, row, customer_ids)
    # Whoever orders or does something for them holds their row: it ends first, or finds nobody.
    # Redemptions that are rolled back and orders that exist are held before their customer.
    for statement in (redemptions.HOLD_OF_CUSTOMERS, orders.HOLD_OF_CUSTOMERS):
        await ctx.db.fetch(statement, ctx.project_id, customer_ids)
    await ctx.db.fetch(orders.HOLD_CUSTOMERS, ctx.project_id, customer_ids)
    gone = Deleted()
    gone.orders = await _forget_orders(ctx, customer_ids)
    gone.segments = await ctx.db.fetchval(customers.COUNT_SEGMENTS, ctx.project_id, customer_ids)
    # In one order: two who forget the same hold their events too, also where no customer is left.
    for customer_id in sorted(customer_ids):
        last = await ctx.db.fetchrow(customers.DELETE, ctx.project_id, customer_id)
        for type_ in await events.forget_customer(ctx.db, ctx.project_id, customer_id):
            _count(gone, type_)
        if last is not None:
            gone.customer += 1
            data = wire.encode({"customer": {"id": customer_id, "object": "customer"}}).decode()
            await ctx.emit([Event("customer.deleted", data)])
    record = PermanentDeletion(
        ctx.new_id("del_"), wire.stamp(ctx.now), customer_ids[0], "customer", "DONE", gone
    )
    await ctx.db.execute(
        customers.RECORD_PERMANENT_DELETION,
        ctx.project_id,
        record.id,
        record.related_object_id,
        record.related_object,
        record.status,
        wire.encode(gone).decode(),
        ctx.now,
    )
    # Last, so that what was exported or answered while this went on goes too.
    for customer_id in customer_ids:
        await ctx.db.execute(redemptions.FORGET_CUSTOMER, ctx.project_id, customer_id)
        await ctx.db.execute(counters.FORGET_CUSTOMER, ctx.project_id, customer_id)
    await ctx.db.execute(exports.FORGET, ctx.project_id)
    await ctx.db.execute(kept_answers.FORGET, ctx.project_id)
    return record


async def _forget_rows(ctx: Context, row: db.Row | None, customer_ids: list[str]) -> None:
    """Crosses the customers out of jobs. It comes first: a portion in hand holds its rows, so this
    waits for it, and what it wrote is then deleted with the rest. A source id that somebody else
    bears by now is left alone.
    """
    source_ids = {row["source_id"]} if row is not None and row["source_id"] else set()
    for customer_id in customer_ids:
        names = await ctx.db.fetch(events.SOURCE_IDS_OF_CUSTOMER, ctx.project_id, customer_id)
        source_ids |= {name["source_id"] for name in names}
    taken = await ctx.db.fetch(
        customers.TAKEN_SOURCE_IDS, ctx.project_id, sorted(source_ids), customer_ids
    )
    source_ids -= {name["source_id"] for name in taken}
    for statement in (jobs.FORGET, jobs.FORGET_NAMED):
        await ctx.db.execute(statement, ctx.project_id, customer_ids, sorted(source_ids))
    names = [*customer_ids, *sorted(source_ids)]
    await custom_events.forget_referrer(ctx.db, ctx.project_id, names)


async def _forget_orders(ctx: Context, customer_ids: list[str]) -> int:
    """Deletes the customers' orders; how many there were."""
    count = 0
    for customer_id in sorted(customer_ids):
        rows = await ctx.db.fetch(orders.DELETE_OF_CUSTOMER, ctx.project_id, customer_id)
        await ctx.db.execute(orders.UNREFER, ctx.project_id, customer_id)
        await ctx.db.execute(events.FORGET_REFERRER, ctx.project_id, customer_id)
        count += len(rows)
    await ctx.emit([Event(events.ORDER_FORGOTTEN, "{}")] * count)
    return count


def _count(gone: Deleted, event_type: str) -> None:
    if event_type == "customer.custom_event":
        gone.events += 1
    elif event_type.startswith("customer.order."):
        gone.order_events += 1
    else:
        gone.customer_events += 1
