"""What is done with segments: making and deleting them, and keeping their members right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, Meta, UnsetType

from largesse.engine import segments as rules
from largesse.engine.calendar import Clock
from largesse.engine.conditions import FilterError
from largesse.engine.segments import Segment
from largesse.kit import db, wire
from largesse.kit.errors import InvalidPayload, NotFound, ResourceInUse
from largesse.store import customers, definitions, locations, segments
from largesse.store import rules as validation_rules
from largesse.store.context import Context
from largesse.store.customer_view import Instant
from largesse.store.definitions import Definitions
from largesse.store.events import Event
from largesse.store.segments import SegmentName

# A round that confirms the first, after all that was under way when the segment was made.
CONFIRM_AFTER = timedelta(seconds=90)
PORTION = 5000

Name = Annotated[str, Meta(min_length=1, max_length=255)]


class SegmentBody(msgspec.Struct, kw_only=True):
    """A segment to create: `customers` (ids) for a static one, else `filter`. Without a `type`, one
    with a filter is passive.
    """

    name: Name
    type: Literal["static", "passive", "auto-update"] | None = None
    filter: dict[str, Any] | None = None
    customers: list[str] | None = None


class SegmentAnswer(msgspec.Struct, kw_only=True):
    """A segment; `initial_sync_status` tells whether all its first members are found."""

    id: str
    name: str
    created_at: Instant
    updated_at: Instant | UnsetType = UNSET
    type: str
    filter: msgspec.Raw | None
    initial_sync_status: str
    object: str = "segment"


def answer(row: db.Row) -> SegmentAnswer:
    """A row as it is answered."""
    return SegmentAnswer(
        id=row["id"],
        name=row["name"],
        created_at=wire.stamp(row["created_at"]),
        updated_at=UNSET if row["updated_at"] is None else wire.stamp(row["updated_at"]),
        type=row["type"],
        filter=row["filter"],
        initial_sync_status=row["initial_sync_status"],
    )


async def get(ctx: Context, segment_id: str) -> db.Row:
    """A segment's row. Raises NotFound."""
    row = await ctx.db.fetchrow(segments.GET, ctx.project_id, segment_id)
    if row is None:
        raise NotFound.of("segment", segment_id)
    return row


async def create(ctx: Context, body: SegmentBody) -> SegmentAnswer:
    """Makes a segment. The members of one with a filter are found in the background; who changes
    from now on enters or leaves with the change.
    """
    type_ = body.type or (rules.STATIC if body.filter is None else rules.PASSIVE)
    # First the lock that every change of a definition takes: no segment that this one speaks of can
    # be deleted meanwhile.
    await _within_limits(ctx, type_, body.customers or [])
    given = None if type_ == rules.STATIC else await _filter(ctx, body.filter)
    segment_id = ctx.new_id("seg_")
    row = await ctx.db.fetchrow(
        segments.INSERT,
        ctx.project_id,
        segment_id,
        body.name,
        type_,
        None if given is None else wire.encode(given).decode(),
        "DONE" if given is None else "IN_PROGRESS",
        None if given is None else ctx.now,
        ctx.now,
    )
    if type_ == rules.STATIC:
        await _enrol(ctx, segment_id, body.customers or [])
    return answer(row)


async def _filter(ctx: Context, given: dict[str, Any] | None) -> dict[str, Any]:
    if given is None:
        raise InvalidPayload("Payload should have required property 'filter'")
    try:
        conditions = rules.read(given)
    except FilterError as error:
        raise InvalidPayload(str(error)) from None
    named = rules.segments_named(conditions)
    if named:
        rows = await ctx.db.fetch(segments.KNOWN, ctx.project_id, named)
        unknown = sorted(set(named) - {row["id"] for row in rows})
        if unknown:
            raise InvalidPayload(f"Property .filter speaks of an unknown segment {unknown[0]}")
        known = await definitions.load(ctx.db, ctx.project_id)
        if rules.weight(conditions, known.by_id) > rules.MOST_WEIGHT:
            raise InvalidPayload(
                "Property .filter speaks of segments that speak of too many others"
            )
    places = conditions.named("$in_location")
    if places:
        missing = sorted(set(places) - set(await locations.shapes(ctx.db, ctx.project_id, places)))
        if missing:
            raise InvalidPayload(f"Property .filter speaks of an unknown location {missing[0]}")
    return given


async def _within_limits(ctx: Context, type_: str, customer_ids: Sequence[str]) -> None:
    """Counts under the lock that every change of a definition takes."""
    await definitions.bump(ctx.db, ctx.project_id)
    static = type_ == rules.STATIC
    if static and len(customer_ids) > ctx.settings.segment_customers:
        limit = ctx.settings.segment_customers
        raise InvalidPayload(f"A static segment can have at most {limit} customers")
    if not static:
        count = await ctx.db.fetchval(segments.COUNT, ctx.project_id, False)
        if count >= ctx.settings.segments:
            limit = ctx.settings.segments
            raise InvalidPayload(f"A project can have at most {limit} active and passive segments")


async def _enrol(ctx: Context, segment_id: str, customer_ids: Sequence[str]) -> None:
    await db.plan_for_values(ctx.db)
    rows = await ctx.db.fetch(segments.KNOWN_CUSTOMERS, ctx.project_id, customer_ids)
    known = {row["id"] for row in rows}
    unknown = next((id_ for id_ in customer_ids if id_ not in known), None)
    if unknown is not None:
        raise NotFound.of("customer", unknown)
    await ctx.db.execute(segments.ENROL, ctx.project_id, segment_id, customer_ids)


async def delete(ctx: Context, segment_id: str) -> None:
    """Deletes a segment. Raises NotFound, and ResourceInUse where another segment or a rule speaks
    of it.
    """
    await get(ctx, segment_id)
    await definitions.bump(ctx.db, ctx.project_id)
    known = await definitions.load(ctx.db, ctx.project_id)
    users = [
        other.id for other in known.segments if segment_id in rules.segments_named(other.conditions)
    ]
    if users:
        raise ResourceInUse.of("segment", segment_id, "segment", users)
    users = await validation_rules.users(ctx.db, ctx.project_id, segment_id)
    if users:
        raise ResourceInUse.of("segment", segment_id, "validation_rules", users)
    await ctx.db.execute(segments.DELETE, ctx.project_id, segment_id)


# --- customers at hand --------------------------------------------------------------------------


def clock_of(ctx: Context) -> Clock:
    """The instant of this request, with days as the project counts them."""
    return Clock(ctx.now, ZoneInfo(ctx.project.timezone))


async def settle(ctx: Context, known: Definitions, rows: Sequence[db.Row]) -> None:
    """Lets customers, whose changed rows are held, enter and leave segments, and tells of it."""
    if not known.segments:
        return
    clock = clock_of(ctx)
    old = [row["id"] for row in rows]
    before = await segments.memberships(ctx.db, ctx.project_id, old)
    all_facts = await segments.facts(
        ctx.db,
        ctx.project_id,
        rows,
        known.segments,
        clock,
        member_of=before,
        shapes=known.locations,
    )
    dynamic = {segment.id for segment in known.segments}
    entered: list[tuple[str, db.Row]] = []
    left: list[tuple[str, db.Row]] = []
    for row, facts in zip(rows, all_facts, strict=True):
        was = before.get(row["id"], set()) & dynamic
        belongs = rules.members(known.segments, facts, clock)
        entered += [(id_, row) for id_ in sorted(belongs - was)]
        left += [(id_, row) for id_ in sorted(was - belongs)]
    for statement, moved in ((segments.ENTER, entered), (segments.LEAVE, left)):
        if moved:
            ids = [segment_id for segment_id, _ in moved]
            await ctx.db.execute(statement, ctx.project_id, ids, [row["id"] for _, row in moved])
    await _tell(ctx, known.segments, entered, left)


async def _tell(
    ctx: Context,
    known: Sequence[Segment],
    entered: Sequence[tuple[str, db.Row]],
    left: Sequence[tuple[str, db.Row]],
) -> None:
    """Events for the active ones among the segments."""
    active = {segment.id: segment for segment in known if segment.announces}
    moved = [
        (type_, active[segment_id], row)
        for type_, moves in (
            ("customer.segment.entered", entered),
            ("customer.segment.left", left),
        )
        for segment_id, row in moves
        if segment_id in active
    ]
    if not moved:
        return
    rows = {row["id"]: row for _, _, row in moved}
    dressed = await customers.dress(ctx.db, ctx.project_id, list(rows.values()))
    answers = {customer.id: wire.encode(customer) for customer in dressed}
    await ctx.emit(
        [
            Event(type_, _data(answers[row["id"]], segment), customer_id=row["id"])
            for type_, segment, row in moved
        ]
    )


def _data(customer: bytes, segment: Segment) -> str:
    named = wire.encode(SegmentName(segment.id, segment.name))
    return f'{{"customer":{customer.decode()},"segment":{named.decode()}}}'


async def of_customer(ctx: Context, customer: str) -> list[SegmentName]:
    """The segments that a customer is in at this moment; for somebody unknown, those that they
    would be in as a new customer of this source id.
    """
    known = await definitions.current(ctx.db, ctx.project_id)
    row = await customers.find(ctx.db, ctx.project_id, customer)
    found = {}
    if row is not None:
        for member in await segments.of_customer(ctx.db, ctx.project_id, row["id"]):
            if member["type"] == rules.STATIC:
                found[member["id"]] = SegmentName(member["id"], member["name"])
    columns: Mapping[str, Any] = customers.blank(customer, ctx.now) if row is None else row
    belongs = await _belonging(ctx, known, columns, set(found))
    rows = await ctx.db.fetch(segments.NAMES, ctx.project_id, sorted(belongs | set(found)))
    return [SegmentName(row["id"], row["name"]) for row in rows]


async def _belonging(
    ctx: Context, known: Definitions, columns: Mapping[str, Any], static: set[str]
) -> set[str]:
    clock = clock_of(ctx)
    facts = await segments.facts(
        ctx.db,
        ctx.project_id,
        [columns],
        known.segments,
        clock,
        member_of={columns["id"]: static},
        shapes=known.locations,
    )
    return rules.members(known.segments, facts[0], clock)


async def belonging(ctx: Context, known: Definitions, columns: Mapping[str, Any]) -> frozenset[str]:
    """The ids of all segments that somebody is in who is as these columns say."""
    members = await segments.memberships(ctx.db, ctx.project_id, [columns["id"]])
    static = members.get(columns["id"], set()) - {segment.id for segment in known.segments}
    return frozenset(static | await _belonging(ctx, known, columns, static))


# --- all customers ------------------------------------------------------------------------------


async def sync(pool: Any, begin: Any, project_id: str) -> bool:
    """Goes through the next portion of customers for a segment that is due; False where none is."""
    return await db.in_transaction(pool, partial(_portion, begin))


async def _portion(begin: Any, connection: Any) -> bool:
    ctx: Context = begin(connection)
    row = await segments.due(ctx.db, ctx.project_id, ctx.now)
    if row is None:
        return False
    known = await definitions.current(ctx.db, ctx.project_id)
    segment = known.by_id.get(row["id"])
    if segment is None:
        return False
    found = segments.matching(
        segment.conditions, clock_of(ctx), taken=2, segments=known.by_id, locations=known.locations
    )
    moved = await segments.sync_portion(
        ctx.db, ctx.project_id, segment.id, row["sync_after"], found, PORTION
    )
    first = row["initial_sync_status"] != "DONE"
    if segment.announces and not first and (moved.entered or moved.left):
        await _announce(ctx, segment, moved.entered, moved.left)
    if moved.last:
        again = CONFIRM_AFTER if first else None
        if rules.depends_on_time(segment.conditions, known.by_id):
            again = timedelta(seconds=ctx.settings.segment_refresh_seconds)
        await segments.finish_sync(ctx.db, ctx.project_id, segment.id, ctx.now, again)
    return True


async def _announce(
    ctx: Context, segment: Segment, entered: Sequence[str], left: Sequence[str]
) -> None:
    rows = await ctx.db.fetch(customers.GET_MANY, ctx.project_id, [*entered, *left])
    by_id = {row["id"]: row for row in rows}
    await _tell(
        ctx,
        [segment],
        [(segment.id, by_id[id_]) for id_ in entered],
        [(segment.id, by_id[id_]) for id_ in left],
    )
