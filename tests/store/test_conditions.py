"""Who belongs to a segment is decided in two ways: by the engine for a customer who has changed, by
the database for all. Both have to say the same of every customer and every filter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from largesse.engine import segments as rules
from largesse.engine.calendar import Clock
from largesse.kit import db, migrate
from largesse.serve import MIGRATIONS
from largesse.store import customers, segments
from tests.kit.test_migrate import scratch
from tests.running import Server
from tests.store.population import (
    CIRCLE,
    CUSTOMERS,
    FILTERS,
    INSTANTS,
    ISLANDS,
    MOMENTS,
    NOW,
    NUMBERS,
    POINTS,
    PROJECT,
    READABLE,
    SHAPES,
    SQUARE,
    STATIC,
    TEXTS,
    Written,
    json_of,
)

WARSAW = Clock(NOW, ZoneInfo("Europe/Warsaw"))
ZONES = ["UTC", "Europe/Warsaw", "America/St_Johns", "Pacific/Kiritimati", "Etc/GMT+12"]
BLANK = customers.blank("", NOW) | {
    "source_id": None,
    "metadata": {},
    "system_metadata": {},
    "loyalty_campaigns": 0,
}

CLEAR = "TRUNCATE customers, segments CASCADE"
STATIC_SEGMENTS = """
INSERT INTO segments (project_id, id, name, created_at) SELECT $1, id, id, $3
FROM unnest($2::text[]) AS given (id)
"""
INSERT = """
INSERT INTO customers SELECT * FROM jsonb_populate_recordset(null::customers, $1::text::jsonb)
"""
ENROL = """
INSERT INTO segment_customers (project_id, segment_id, customer_id)
SELECT $1, * FROM unnest($2::text[], $3::text[])
"""
ACT = """
INSERT INTO custom_events (project_id, id, type, customer_id, metadata, created_at)
SELECT $1, n::text, type, customer_id, '{}', at
FROM unnest($2::text[], $3::text[], $4::timestamptz[]) WITH ORDINALITY
    AS given (customer_id, type, at, n)
"""
COUNT = """
INSERT INTO event_counts (project_id, customer_id, type, n, first_at, last_at)
SELECT project_id, customer_id, type, count(*), min(created_at), max(created_at)
FROM custom_events GROUP BY 1, 2, 3
"""
STAND = """
INSERT INTO customer_campaigns (project_id, customer_id, campaign_id, campaign, points,
    referred_customers, loyalty_tier)
SELECT $1, customer_id, campaign, campaign, points, referred, tier
FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[])
    AS given (customer_id, campaign, points, referred, tier)
"""


class Database:
    def __init__(self, runner: asyncio.Runner, connection: Any) -> None:
        self.runner = runner
        self.connection = connection

    def both(
        self, people: Sequence[dict[str, Any]], filters: Sequence[dict[str, Any]], clock: Clock
    ) -> tuple[list[set[str]], list[set[str]]]:
        """The segments that each customer is in, as the engine has it and as the database has it.
        The filters are those of the segments `seg_0`, `seg_1` and so on.
        """
        return self.runner.run(self._both(people, filters, clock))

    async def _both(
        self, people: Sequence[dict[str, Any]], filters: Sequence[dict[str, Any]], clock: Clock
    ) -> tuple[list[set[str]], list[set[str]]]:
        static = await self._populate(people)
        known = [
            rules.segment(f"seg_{number}", "", rules.PASSIVE, given_)
            for number, given_ in enumerate(filters)
        ]
        names = [f"c{number}" for number in range(len(people))]
        fetched = await self.connection.fetch(customers.GET_MANY, PROJECT, names)
        rows = sorted(fetched, key=lambda row: names.index(row["id"]))
        facts = await segments.facts(
            self.connection, PROJECT, rows, known, clock, member_of=static, shapes=SHAPES
        )
        engine = [rules.members(known, one, clock) for one in facts]
        by_id = {segment.id: segment for segment in known}
        arguments: list[Any] = []
        columns = []
        for segment in known:
            found = segments.matching(
                segment.conditions, clock, taken=len(arguments), segments=by_id, locations=SHAPES
            )
            arguments += found.arguments
            columns.append(f"{found.condition} AS {segment.id}")
        statement = f"SELECT id, {', '.join(columns)} FROM customers WHERE project_id = $1"
        found_ = {
            row["id"]: row for row in await self.connection.fetch(statement, PROJECT, *arguments)
        }
        database = []
        for name in names:
            row = found_[name]
            assert all(isinstance(row[segment.id], bool) for segment in known)
            database.append({segment.id for segment in known if row[segment.id]})
        return engine, database

    async def _populate(self, people: Sequence[dict[str, Any]]) -> dict[str, set[str]]:
        await self.connection.execute(CLEAR)
        await self.connection.execute(STATIC_SEGMENTS, PROJECT, STATIC, NOW)
        rows = []
        enrolled: list[tuple[str, str]] = []
        events: list[tuple[str, str, datetime]] = []
        standings: list[tuple[Any, ...]] = []
        for number, person in enumerate(people):
            columns = BLANK | person | {"project_id": PROJECT, "id": f"c{number}"}
            enrolled += [(name, columns["id"]) for name in columns.pop("segments", ())]
            events += [(columns["id"], *event) for event in columns.pop("events", ())]
            standings += [
                (columns["id"], name, at["points"], at["referred_customers"], at["loyalty_tier"])
                for name, at in columns.pop("campaigns", {}).items()
            ]
            if columns["source_id"] is not None:
                columns["source_id"] = f"{columns['source_id']}{number}"
            rows.append(columns)
        await self.connection.execute(INSERT, json_of(rows))
        for statement, given_ in ((ENROL, enrolled), (ACT, events), (STAND, standings)):
            if given_:
                await self.connection.execute(
                    statement, PROJECT, *(list(column) for column in zip(*given_, strict=True))
                )
        if events:
            await self.connection.execute(COUNT)
        static: dict[str, set[str]] = {}
        for segment_id, customer_id in enrolled:
            static.setdefault(customer_id, set()).add(segment_id)
        return static


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[Database]:
    with asyncio.Runner() as runner:
        place = scratch(server)
        connection = runner.run(db.connect(runner.run(place.__aenter__())))
        runner.run(migrate.apply(connection, MIGRATIONS))
        yield Database(runner, connection)
        runner.run(connection.close())
        runner.run(place.__aexit__(None, None, None))


def agree(
    database: Database,
    people: Sequence[dict[str, Any]],
    filters: Sequence[dict[str, Any]],
    clock: Clock = WARSAW,
) -> None:
    """The engine and the database say the same of every customer and segment."""
    engine, found = database.both(people, filters, clock)
    for person, one, other in zip(people, engine, found, strict=True):
        for segment_id in sorted(one ^ other):
            given_ = filters[int(segment_id.removeprefix("seg_"))]
            who = "engine" if segment_id in one else "database"
            raise AssertionError(f"only the {who} finds {person} by {given_}")


def one(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {field: {"conditions": {operator: value}}}


# --- every operator on every value ---------------------------------------------------------------

EQUAL = ["$is", "$in", "$is_not", "$not_in"]
TEXTUAL = ["$contains", "$not_contain", "$starts_with", "$ends_with"]
COMPARED = ["$more_than", "$less_than", "$more_than_equal", "$less_than_equal"]
DATED = ["$after", "$before"]
AGED = [
    "$is_days_ago",
    "$is_days_in_future",
    "$more_than_ago",
    "$less_than_ago",
    "$more_than_future",
    "$less_than_future",
]
PRESENT = ["$has_value", "$is_unknown"]

# Every JSON value that the tests know, alone and within an array.
ALONE: list[Any] = [
    *TEXTS,
    *POINTS,
    *MOMENTS,
    *map(Written, NUMBERS),
    True,
    False,
    None,
    {},
    {"b": 1},
    [],
    [None],
    [[5]],
    [{"b": 5}],
    [5, "a", True, None],
]
VALUES = [*ALONE, *([value] for value in ALONE), *(["b", value] for value in ALONE)]
JSON_FILTERS = [
    *(("$has_value", True), ("$is_unknown", True), ("$next_month", True), ("$next_month", False)),
    *((operator, text) for operator in EQUAL for text in [*TEXTS, *NUMBERS, True, False]),
    *((operator, text) for operator in TEXTUAL for text in TEXTS),
    *((operator, [text, "a"]) for operator in TEXTUAL for text in ("b", "")),
    *((operator, number) for operator in COMPARED for number in [*READABLE, "1E+99", "007"]),
    *((operator, moment) for operator in DATED for moment in MOMENTS[:8]),
    *((operator, days) for operator in AGED for days in (0, 1, 30, 36_500)),
    *((operator, n) for operator in ("$count", "$count_less", "$count_more") for n in range(4)),
]


def people_with(values: Sequence[Any]) -> list[dict[str, Any]]:
    return [{"metadata": {"a": value}} for value in values] + [{"metadata": {}}]


@pytest.mark.parametrize("operator", sorted({operator for operator, _ in JSON_FILTERS}))
def test_every_operator_on_every_value_in_metadata(database: Database, operator: str) -> None:
    filters = [one("metadata.a", name, value) for name, value in JSON_FILTERS if name == operator]
    agree(database, people_with(VALUES), filters)


COLUMN_FILTERS: dict[str, list[tuple[str, Any]]] = {
    "name": [
        *((operator, text) for operator in EQUAL + TEXTUAL for text in TEXTS),
        *((operator, ["b", "a"]) for operator in EQUAL + TEXTUAL),
        *((operator, True) for operator in PRESENT),
    ],
    "loyalty.points": [
        *((operator, n) for operator in EQUAL + COMPARED for n in [*READABLE, -3, "1E+99", 0.5]),
        *((operator, True) for operator in PRESENT),
    ],
    "summary.orders.average_amount": [
        (operator, n) for operator in EQUAL + COMPARED for n in (0, 1, 2, 3, 2**61, 2**62, 2**63)
    ],
}
for field_ in ("birthdate", "birthday", "updated_at", "summary.orders.last_order_date"):
    COLUMN_FILTERS[field_] = [
        *((operator, moment) for operator in EQUAL + DATED for moment in MOMENTS[:8]),
        *((operator, days) for operator in AGED for days in (0, 1, 2, 30, 36_500)),
        *((operator, days) for operator in ("$more_than", "$less_than") for days in (0, 1)),
        *(("$next_month", next_) for next_ in (True, False)),
        *((operator, True) for operator in PRESENT),
    ]
DAYS = [None, *(date(2026, 3, 29) + timedelta(days=days) for days in (-30, -1, 0, 1, 2, 3, 30))]
TIMES = [
    None,
    *(
        NOW + timedelta(days=days, hours=hours, microseconds=ticks)
        for days in (-30, -2, -1, 0, 1, 2, 30)
        for hours in (-2, 0, 1, 2)
        for ticks in (-1, 0, 1)
    ),
]
SUMS = (0, 1, 2, 3, 7, 2**53 + 1, 2**62, 2**63 - 1)
IN_COLUMN: dict[str, list[dict[str, Any]]] = {
    "name": [{"name": text} for text in [None, *TEXTS]],
    "loyalty.points": [{"loyalty_points": points} for points in SUMS],
    "birthdate": [{"birthdate": day, "birthday": date(2026, 3, 29)} for day in DAYS],
    "birthday": [{"birthday": day} for day in DAYS],
    "updated_at": [{"updated_at": at} for at in TIMES],
    "summary.orders.last_order_date": [{"orders_last_date": at} for at in TIMES],
    "summary.orders.average_amount": [
        {"orders_total_amount": total, "orders_total_count": count}
        for total in SUMS
        for count in SUMS
    ],
}


@pytest.mark.parametrize("zone", ["Europe/Warsaw", "America/St_Johns", "Etc/GMT+12"])
@pytest.mark.parametrize("field", sorted(COLUMN_FILTERS))
def test_every_operator_on_a_column(database: Database, field: str, zone: str) -> None:
    filters = [one(field, operator, value) for operator, value in COLUMN_FILTERS[field]]
    agree(database, IN_COLUMN[field], filters, Clock(NOW, ZoneInfo(zone)))


# --- paths into metadata -------------------------------------------------------------------------

DOCUMENTS: list[dict[str, Any]] = [
    {"a": {"b": 1}},
    {"a.b": 1},
    {"a.b": 2, "a": {"b": 1}},
    {"a": {"b": {"c": 1}, "b.c": 1}},
    {"a": [1, 2]},
    {"a": {"0": 1, "-1": 1}},
    {"a": {"": 1, "1": 1, "+1": 1, " 1": 1}},
    {"a": {"": {"b": 1}}},
    {"a": {"b": None}},
    {"a": 1},
    {"a": [[1], {"b": 1}]},
    {"": {"": 1}},
    {"": 1},
    {'"': 1, "'": 1, "$1": 1, "{a}": 1, "ż": 1},
]
PATHS = ["a", "a.b", "a.b.c", "a.0", "a.-1", "a.1", "a.2", "a.-3", "a.+1", "a. 1", "a.", "a..b"]
PATHS += [
    "a.1.b",
    "a.0.0",
    "a.99999999999",
    "a.-99999999999",
    "a.0x0",
    "a.1_0",
    ".",
    "..",
    "a.\u0660",
]
PATHS += ['"', "'", "$1", "{a}", "ż", "a.\\0"]


def test_paths_lead_to_the_same_value(database: Database) -> None:
    filters = [one(f"metadata.{path}", "$is", 1) for path in PATHS]
    filters += [one(f"system_metadata.{path}", "$has_value", True) for path in PATHS]
    people = [{"metadata": found, "system_metadata": found} for found in DOCUMENTS]
    agree(database, people, filters)


# --- places --------------------------------------------------------------------------------------

CORNERS = [
    *((lat, lon) for lat in (-9, -5, -1, 0, 4, 5, 6, 10) for lon in (-9, -5, -1, 0, 4, 5, 6, 10)),
    *((lat, lon) for lat in (0, 5, 10) for lon in (15, 20)),
    *((5, 10 + step * 1e-7) for step in (-1, 1)),
    *((lat, 4.4966) for lat in (0, 1e-3)),
]


def test_points_on_the_border_and_off_it(database: Database) -> None:
    people = people_with([f"{lat!r},{lon!r}" for lat, lon in CORNERS])
    agree(database, people, [one("metadata.a", "$in_location", name) for name in SHAPES])


@pytest.mark.parametrize("point", POINTS)
def test_odd_points(database: Database, point: str) -> None:
    filters = [one("metadata.a", "$in_location", name) for name in SHAPES]
    filters += [one("metadata.a", "$not_in_location", [CIRCLE, SQUARE, ISLANDS])]
    agree(database, people_with([point, [point, "x"], {"b": point}]), filters)


# --- at random -----------------------------------------------------------------------------------

PEOPLE = st.lists(CUSTOMERS, min_size=1, max_size=6)
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@given(PEOPLE, FILTERS, st.sampled_from(ZONES), st.sampled_from([NOW, NOW.replace(month=12)]))
@settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
def test_engine_and_database_agree(
    database: Database,
    people: list[dict[str, Any]],
    filters: tuple[dict[str, Any], ...],
    zone: str,
    now: datetime,
) -> None:
    agree(database, people, filters, Clock(now, ZoneInfo(zone)))


@pytest.mark.soak
@pytest.mark.timeout(1800)
@given(PEOPLE, FILTERS, st.sampled_from(ZONES), INSTANTS)
@settings(max_examples=2000, deadline=None, suppress_health_check=SLOW)
def test_engine_and_database_agree_for_long(
    database: Database,
    people: list[dict[str, Any]],
    filters: tuple[dict[str, Any], ...],
    zone: str,
    now: datetime,
) -> None:
    agree(database, people, filters, Clock(now, ZoneInfo(zone)))
