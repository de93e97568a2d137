"""Segments: named groups of customers, picked by hand or by a filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from largesse.engine import segments as rules
from largesse.engine.calendar import Clock
from largesse.engine.conditions import Conditions
from largesse.engine.segments import Counted, Segment
from largesse.kit.db import Db, Row
from largesse.store.conditions import Hole, Writer
from largesse.store.filters import TEXT, TIME
from largesse.store.listing import Listing


class SegmentName(msgspec.Struct):
    id: str
    name: str
    object: str = "segment"


COLUMNS = "id, name, type, filter, initial_sync_status, created_at, updated_at"
OF_CUSTOMER = """
SELECT segments.id, segments.name, segments.type FROM segment_customers
JOIN segments ON segments.project_id = $1 AND segments.id = segment_customers.segment_id
WHERE segment_customers.project_id = $1 AND segment_customers.customer_id = $2
ORDER BY segments.created_at DESC, segments.id DESC
"""
NAMES = """
SELECT id, name FROM segments WHERE project_id = $1 AND id = ANY($2::text[])
ORDER BY created_at DESC, id DESC
"""
INSERT = f"""
INSERT INTO segments (project_id, id, name, type, filter, initial_sync_status, sync_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING {COLUMNS}
"""
GET = f"SELECT {COLUMNS} FROM segments WHERE project_id = $1 AND id = $2"
DELETE = "DELETE FROM segments WHERE project_id = $1 AND id = $2 RETURNING id"
COUNT = "SELECT count(*) FROM segments WHERE project_id = $1 AND (type = 'static') = $2::boolean"
KNOWN = "SELECT id FROM segments WHERE project_id = $1 AND id = ANY($2::text[])"
ENROL = """
INSERT INTO segment_customers (project_id, segment_id, customer_id)
SELECT $1, $2, id FROM customers WHERE project_id = $1 AND id = ANY($3::text[])
ON CONFLICT DO NOTHING
"""
# Not a join with the ids: for a new project, of which the planner knows nothing yet, it would go
# through all customers once for each id.
KNOWN_CUSTOMERS = "SELECT id FROM customers WHERE project_id = $1 AND id = ANY($2::text[])"

# The memberships of customers at hand.
MEMBERSHIPS = """
SELECT customer_id, segment_id FROM segment_customers
WHERE project_id = $1 AND customer_id = ANY($2::text[])
"""
ENTER = """
INSERT INTO segment_customers (project_id, segment_id, customer_id)
SELECT $1, segments.id, entering.customer_id
FROM unnest($2::text[], $3::text[]) AS entering (segment_id, customer_id)
JOIN segments ON segments.project_id = $1 AND segments.id = entering.segment_id
FOR KEY SHARE OF segments
ON CONFLICT DO NOTHING
"""
LEAVE = """
DELETE FROM segment_customers
USING unnest($2::text[], $3::text[]) AS leaving (segment_id, customer_id)
WHERE project_id = $1 AND segment_customers.segment_id = leaving.segment_id
    AND segment_customers.customer_id = leaving.customer_id
"""
EVENTS_OF = """
SELECT customer_id, type, n, first_at, last_at FROM event_counts
WHERE project_id = $1 AND customer_id = ANY($2::text[])
"""
WINDOWS_OF = """
SELECT asked.customer_id, asked.i, (
    SELECT count(*) FROM custom_events
    WHERE project_id = $1 AND custom_events.customer_id = asked.customer_id
        AND custom_events.type = asked.type
        AND (asked.since IS NULL OR created_at >= asked.since)
        AND (asked.before IS NULL OR created_at < asked.before)
) AS n
FROM unnest($2::text[], $3::int[], $4::text[], $5::timestamptz[], $6::timestamptz[])
    AS asked (customer_id, i, type, since, before)
"""
STANDINGS_OF = """
SELECT customer_id, campaign, points, referred_customers, loyalty_tier FROM customer_campaigns
WHERE project_id = $1 AND customer_id = ANY($2::text[])
"""

# Going through all customers, a portion at a time.
DUE = """
SELECT id, name, type, filter, initial_sync_status, sync_after FROM segments
WHERE project_id = $1 AND sync_at <= $2 ORDER BY sync_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
"""
PROJECTS_WITH_DUE = """
SELECT id FROM projects
WHERE EXISTS (SELECT 1 FROM segments WHERE segments.project_id = projects.id AND sync_at <= $1)
"""
LAST_OF_PORTION = """
SELECT max(id) AS until, count(*) AS n FROM (
    SELECT id FROM customers WHERE project_id = $1 AND id > $2 ORDER BY id LIMIT $3
) AS portion
"""
MEMBERS_OF_PORTION = """
SELECT customer_id FROM segment_customers
WHERE project_id = $1 AND segment_id = $2 AND customer_id > $3 AND customer_id <= $4
"""
# Who changes a customer holds their row until its segments are settled, so what is read after these
# locks of those who seem to move is the last word; who does not move needs none.
LOCK_MOVING = """
SELECT id FROM customers WHERE project_id = $1 AND id = ANY($2::text[]) ORDER BY id FOR SHARE
"""
LEAVE_PORTION = """
DELETE FROM segment_customers
WHERE project_id = $1 AND segment_id = $2 AND customer_id = ANY($3::text[])
RETURNING customer_id
"""
ENTER_PORTION = """
INSERT INTO segment_customers (project_id, segment_id, customer_id)
SELECT $1, $2, entering.id FROM unnest($3::text[]) AS entering (id)
ON CONFLICT DO NOTHING RETURNING customer_id
"""
SYNCED_TO = "UPDATE segments SET sync_after = $3 WHERE project_id = $1 AND id = $2"
SYNCED = """
UPDATE segments SET sync_after = '', sync_at = $3, initial_sync_status = 'DONE'
WHERE project_id = $1 AND id = $2
"""
# What they speak of has changed: all are gone through again.
AGAIN = """
UPDATE segments SET sync_at = $2, sync_after = '' WHERE project_id = $1 AND type <> 'static'
"""

LISTING = Listing(
    "segments",
    COLUMNS,
    filters={"ids": "id = ANY({}::text[])"},
    fields={
        "id": ("id", TEXT),
        "name": ("name", TEXT),
        "type": ("type", TEXT),
        "created_at": ("created_at", TIME),
        "updated_at": ("updated_at", TIME),
    },
    orders={"created_at": "created_at"},
    default="-created_at",
)


async def of_customer(db: Db, project_id: str, customer_id: str) -> list[Row]:
    return await db.fetch(OF_CUSTOMER, project_id, customer_id)


# --- customers at hand --------------------------------------------------------------------------


async def memberships(db: Db, project_id: str, customer_ids: Sequence[str]) -> dict[str, set[str]]:
    """The segments that each customer is in, for those who are in any."""
    found: dict[str, set[str]] = {}
    for row in await db.fetch(MEMBERSHIPS, project_id, customer_ids):
        found.setdefault(row["customer_id"], set()).add(row["segment_id"])
    return found


async def facts(
    db: Db,
    project_id: str,
    rows: Sequence[Mapping[str, Any]],
    segments: Sequence[Segment],
    clock: Clock,
    *,
    member_of: Mapping[str, set[str]],
    shapes: Mapping[str, Any],
) -> list[rules.Customer]:
    """What the segments ask of customers, whose rows these are."""
    needs = rules.needs(segments, clock)
    ids = [row["id"] for row in rows]
    events: dict[str, dict[str, Counted]] = {}
    windows: dict[str, rules.Windows] = {}
    standings: dict[str, dict[str, Any]] = {}
    if needs.events:
        for row in await db.fetch(EVENTS_OF, project_id, ids):
            counted = Counted(row["n"], row["first_at"], row["last_at"])
            events.setdefault(row["customer_id"], {})[row["type"]] = counted
    if needs.windows:
        asked = [(id_, i, *window) for id_ in ids for i, window in enumerate(needs.windows)]
        columns = [list(column) for column in zip(*asked, strict=True)]
        for row in await db.fetch(WINDOWS_OF, project_id, *columns):
            windows.setdefault(row["customer_id"], {})[needs.windows[row["i"]]] = row["n"]
    if needs.standings:
        for row in await db.fetch(STANDINGS_OF, project_id, ids):
            standings.setdefault(row["customer_id"], {})[row["campaign"]] = dict(row)
    return [
        rules.Customer(
            row,
            standings=standings.get(row["id"]),
            events=events.get(row["id"]),
            windows=windows.get(row["id"]),
            segments=sorted(member_of.get(row["id"], ())),
            shapes=shapes,
        )
        for row in rows
    ]


# --- all customers ------------------------------------------------------------------------------


class Matching(msgspec.Struct, frozen=True):
    """A condition on `customers` with its arguments but the first, which is the project."""

    condition: str
    arguments: list[Any]


def matching(
    conditions: Conditions,
    clock: Clock,
    *,
    taken: int = 0,
    segments: Mapping[str, Segment] | None = None,
    locations: Mapping[str, Any] | None = None,
) -> Matching:
    """The customers that fulfil the conditions, with `$1` the project and `taken` more parameters
    before the first of its own. `segments` are those that a filter decides.
    """
    arguments: list[Any] = []

    def hole(value: Any) -> str:
        arguments.append(value)
        return f"${len(arguments) + taken + 1}"

    def member(segment_id: str) -> str:
        known = (segments or {}).get(segment_id)
        if known is not None:
            return writer.condition(known.conditions)
        return (
            "EXISTS (SELECT 1 FROM segment_customers WHERE segment_customers.project_id = $1 "
            f"AND segment_id = {hole(segment_id)}::text AND customer_id = customers.id)"
        )

    writer = Writer(hole, column, clock, locations=locations, segments=member)
    return Matching(writer.condition(conditions), arguments)


def column(field: str, hole: Hole) -> str:
    """A property of a customer as an expression on the table `customers`."""
    if field in rules.COLUMNS:
        return _EXPRESSIONS.get(rules.COLUMNS[field][1], rules.COLUMNS[field][1])
    if path := rules.metadata_path(field):
        return json_at(f"customers.{path[0]}", path[1], hole)
    if found := rules.standing(field):
        return (
            f"(SELECT max({found.what}) FROM customer_campaigns "
            "WHERE customer_campaigns.project_id = $1 AND customer_id = customers.id "
            f"AND campaign = {hole(found.campaign)}::text)"
        )
    tally = rules.tally(field)
    assert tally is not None
    counted = {"count": "n", "first": "first_at", "last": "last_at"}[tally.what]
    found_ = (
        f"(SELECT {counted} FROM event_counts WHERE event_counts.project_id = $1 "
        f"AND event_counts.customer_id = customers.id AND type = {hole(tally.name)}::text)"
    )
    return f"coalesce({found_}, 0)" if tally.what == "count" else found_


_EXPRESSIONS = {
    "birthdate": "coalesce(birthdate, birthday)",
    "orders_average_amount": (
        "CASE WHEN orders_total_count > 0 THEN "
        "div(2::numeric * orders_total_amount + orders_total_count, "
        "2::numeric * orders_total_count) "
        "ELSE 0 END"
    ),
}


def json_at(document: str, key: str, hole: Hole) -> str:
    """A value in a jsonb column: by the whole key, else by its parts."""
    whole = f"{document} -> {hole(key)}::text"
    if "." not in key:
        return f"({whole})"
    return f"coalesce({whole}, {document} #> {hole(key.split('.'))}::text[])"


async def due(db: Db, project_id: str, now: datetime) -> Row | None:
    """A segment whose customers have to be gone through, locked; None where there is none."""
    return await db.fetchrow(DUE, project_id, now)


class Moved(msgspec.Struct, frozen=True):
    """What a portion came to: who entered and left, and whether it was the last."""

    entered: list[str]
    left: list[str]
    last: bool


async def sync_portion(
    db: Db, project_id: str, segment_id: str, after: str, found: Matching, most: int
) -> Moved:
    """Puts the memberships of the next `most` customers right. `found` has three parameters before
    its own.
    """
    portion = (await db.fetch(LAST_OF_PORTION, project_id, after, most))[0]
    until = portion["until"]
    if until is None:
        return Moved([], [], True)
    rows = await db.fetch(MEMBERS_OF_PORTION, project_id, segment_id, after, until)
    seen = {row["customer_id"] for row in rows}
    statement = (
        "SELECT id FROM customers WHERE project_id = $1 AND id > $2 AND id <= $3 "
        f"AND {found.condition}"
    )
    rows = await db.fetch(statement, project_id, after, until, *found.arguments)
    moving = sorted(seen ^ {row["id"] for row in rows})
    entered: list[Row] = []
    left: list[Row] = []
    if moving:
        await db.fetch(LOCK_MOVING, project_id, moving)
        # The same parameters as above, so that the filter's own keep their places.
        statement = (
            "SELECT id FROM customers WHERE project_id = $1 AND id = ANY($2::text[]) "
            f"AND id <= $3 AND {found.condition}"
        )
        rows = await db.fetch(statement, project_id, moving, until, *found.arguments)
        belong = {row["id"] for row in rows}
        gone = [customer_id for customer_id in moving if customer_id not in belong]
        left = await db.fetch(LEAVE_PORTION, project_id, segment_id, gone)
        entered = await db.fetch(ENTER_PORTION, project_id, segment_id, sorted(belong))
    last = portion["n"] < most
    if not last:
        await db.execute(SYNCED_TO, project_id, segment_id, until)
    return Moved(
        [row["customer_id"] for row in entered], [row["customer_id"] for row in left], last
    )


async def finish_sync(
    db: Db, project_id: str, segment_id: str, now: datetime, again: timedelta | None
) -> None:
    """Ends a round; the next begins after `again`, or never."""
    at = None if again is None else now + again
    await db.execute(SYNCED, project_id, segment_id, at)
