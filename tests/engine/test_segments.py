from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from largesse.engine import conditions, segments
from largesse.engine.calendar import Clock
from largesse.engine.conditions import FilterError
from largesse.engine.segments import Counted, Customer, Segment, Standing, Tally

NOW = datetime(2026, 3, 29, 22, 30, tzinfo=UTC)
CLOCK = Clock(NOW)
COLUMNS: dict[str, Any] = {
    **{column: None for _, column in segments.COLUMNS.values()},
    **{column: 0 for kind, column in segments.COLUMNS.values() if kind == conditions.NUMBER},
    "id": "cust_1",
    "created_at": NOW - timedelta(days=10),
    "metadata": b"{}",
    "system_metadata": b"{}",
}


def customer(
    metadata: bytes = b"{}", *, known: dict[str, Any] | None = None, **columns: Any
) -> Any:
    return Customer({**COLUMNS, **columns, "metadata": metadata}, **(known or {}))


def segment(id_: str, filter_: dict[str, Any], type_: str = segments.PASSIVE) -> Segment:
    given = {field: {"conditions": tests} for field, tests in filter_.items()}
    return segments.segment(id_, id_.title(), type_, given)


def by(field: str, **conditions_: Any) -> Segment:
    given = {f"${name}": value for name, value in conditions_.items()}
    return segments.segment("s", "S", segments.PASSIVE, {field: {"conditions": given}})


def belongs(one: Segment, facts: Customer) -> bool:
    return segments.members([one], facts, CLOCK) == {one.id}


# --- what a filter may speak of ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("name", "text"),
        ("address.postal_code", "text"),
        ("city", "text"),
        ("birthdate", "day"),
        ("birthday", "day"),
        ("created_at", "time"),
        ("summary.orders.last_order_date", "time"),
        ("summary.orders.average_amount", "number"),
        ("summary.redemptions.gift.amount_to_go", "number"),
        ("loyalty.points", "number"),
        ("metadata.a", "json"),
        ("metadata.a.b.c", "json"),
        ("metadata..", "json"),
        ("system_metadata.a", "json"),
        ("loyalty.campaigns.Club.points", "number"),
        ("loyalty_points.campaigns.Club.points", "number"),
        ("loyalty.campaigns.My.Club.referred_customers", "number"),
        ("loyalty_tier.campaigns.Club.loyalty_tier", "text"),
        ("events.seen", "event"),
        ("events.seen.count", "number"),
        ("events.seen.first", "time"),
        ("events.a.b.last", "time"),
        ("events.count", "event"),
        ("segments", "segment"),
        ("segment", "segment"),
        ("segment_id", "segment"),
    ],
)
def test_properties(field: str, kind: str) -> None:
    assert segments.kind_of(field) == kind


@pytest.mark.parametrize(
    "field",
    [
        "",
        "shoe_size",
        "Name",
        "metadata",
        "metadata.",
        "metadatax.a",
        "address",
        "address.street",
        "summary.orders",
        "summary.orders.total",
        "loyalty.campaigns.Club",
        "loyalty.campaigns..points",
        "events",
        "events.",
        "name'; --",
        "password",
        "project_id",
    ],
)
def test_what_is_no_property(field: str) -> None:
    assert segments.kind_of(field) is None
    with pytest.raises(FilterError):
        segments.read({field: {"conditions": {"$has_value": True}}})


def test_names_within_names() -> None:
    assert segments.standing("loyalty.campaigns.A.points.points") == Standing("A.points", "points")
    assert segments.standing("loyalty.campaigns.points") is None
    assert segments.tally("events.a.count.count") == Tally("a.count", "count")
    assert segments.tally("events.count") is None


def test_a_filter_has_to_say_something() -> None:
    for nothing in ({}, {"junction": "or"}):
        with pytest.raises(FilterError, match="should have at least one property"):
            segments.read(nothing)


# --- what is known of a customer -----------------------------------------------------------------

METADATA = (
    b'{"a": 1, "b": {"c": [10, {"d": 2.50}]}, "b.c": null, "e.f": "whole", "e": {"f": "part"},'
    b' "big": 9223372036854775807, "huge": 100000000000000000000, "": {"": "x"}, "n": null}'
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a", 1),
        ("b.c.0", 10),
        ("b.c.1.d", Decimal("2.5")),
        # A whole key wins, even one that is empty.
        ("b.c", None),
        ("e.f", "whole"),
        ("big", 9223372036854775807),
        ("huge", 100000000000000000000),
        (".", "x"),
        ("n", None),
        ("n.x", None),
        ("a.b", None),
        ("z", None),
    ],
)
def test_metadata(path: str, value: Any) -> None:
    assert customer(METADATA).value(f"metadata.{path}") == value


def test_numbers_in_metadata_are_exact() -> None:
    facts = customer(b'{"a": 0.1, "b": 0.30000000000000004, "c": [1, 2.5]}')
    assert facts.value("metadata.a") == Decimal("0.1")
    assert belongs(by("metadata.b", more_than="0.3"), facts)
    assert not belongs(by("metadata.a", more_than="0.1"), facts)
    assert facts.value("metadata.c.-1") == Decimal("2.5")
    assert facts.value("metadata.c.2") is None


def test_columns() -> None:
    facts = customer(
        name="Ann",
        address_city="Łódź",
        birthday=date(1990, 1, 2),
        orders_total_amount=5,
        orders_total_count=2,
        loyalty_points=7,
    )
    assert facts.value("name") == "Ann"
    assert facts.value("city") == facts.value("address.city") == "Łódź"
    assert facts.value("birthdate") == facts.value("birthday") == date(1990, 1, 2)
    assert facts.value("summary.orders.average_amount") == 3
    assert facts.value("loyalty.points") == 7
    both = customer(birthday=date(1990, 1, 2), birthdate=date(1991, 1, 2))
    assert (both.value("birthdate"), both.value("birthday")) == (
        date(1991, 1, 2),
        date(1990, 1, 2),
    )
    assert customer().value("summary.orders.average_amount") == 0


def test_standings_and_events() -> None:
    club = {"points": 5, "referred_customers": 1, "loyalty_tier": "Gold"}
    seen = Counted(3, NOW - timedelta(days=9), NOW)
    facts = customer(known={"standings": {"Club": club}, "events": {"seen": seen}})
    assert facts.value("loyalty.campaigns.Club.points") == 5
    assert facts.value("loyalty_tier.campaigns.Club.loyalty_tier") == "Gold"
    assert facts.value("loyalty.campaigns.Other.points") is None
    assert facts.value("events.seen.count") == 3
    assert facts.value("events.other.count") == 0
    assert facts.value("events.seen.first") == NOW - timedelta(days=9)
    assert facts.value("events.other.last") is None
    assert belongs(by("events.seen", count_more=2), facts)
    assert belongs(by("events.other", count=0), facts)
    assert belongs(by("loyalty.campaigns.Other.points", is_unknown=True), facts)
    assert belongs(by("loyalty.campaigns.Other.points", is_not=5), facts)


def test_windows_are_what_is_asked_for() -> None:
    recent = by("events.seen", less_than_ago=2, count=1)
    [window] = segments.needs([recent], CLOCK).windows
    assert window[0] == "seen"
    assert belongs(recent, customer(known={"windows": {window: 1}}))
    assert not belongs(recent, customer(known={"windows": {window: 2}}))
    assert not belongs(recent, customer())


def test_needs() -> None:
    nothing = segments.needs([by("name", has_value=1)], CLOCK)
    assert nothing == segments.Needs(False, False, ())
    assert segments.needs([by("events.a", count=1)], CLOCK).events
    assert segments.needs([by("events.a.first", has_value=1)], CLOCK).events
    assert segments.needs([by("loyalty.campaigns.A.points", has_value=1)], CLOCK).standings
    both = [by("events.a", less_than_ago=1), by("events.a", less_than_ago=1, count=5)]
    assert len(segments.needs(both, CLOCK).windows) == 1


# --- members -------------------------------------------------------------------------------------


def test_segments_of_segments_in_their_order() -> None:
    gold = segment("gold", {"metadata.level": {"$is": "gold"}})
    in_gold = segment("in_gold", {"segments": {"$is": "gold"}})
    not_gold = segment("not_gold", {"segments": {"$is_not": "gold"}})
    both = segment(
        "both", {"segments": {"$in": ["in_gold", "static"]}, "segment": {"$is": "static"}}
    )
    known = [gold, in_gold, not_gold, both]
    rich = customer(b'{"level": "gold"}', known={"segments": ["static", "not_gold"]})
    assert segments.members(known, rich, CLOCK) == {"gold", "in_gold", "both"}
    # What they were in before does not count for those that a filter decides.
    poor = customer(known={"segments": ["gold", "in_gold"]})
    assert segments.members(known, poor, CLOCK) == {"not_gold"}
    assert segments.segments_named(both.conditions) == ["in_gold", "static", "static"]


def test_only_auto_update_announces() -> None:
    assert segment("a", {"name": {"$is": "a"}}, segments.ACTIVE).announces
    assert not segment("a", {"name": {"$is": "a"}}).announces


def test_places() -> None:
    square = {
        "type": "polygon",
        "format": "geojson",
        "geojson": {
            "type": "Polygon",
            "coordinates": [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]],
        },
    }
    home = by("metadata.home", in_location="loc_1")
    assert segments.locations(home) == ["loc_1"]
    known = {"shapes": {"loc_1": square}}
    assert belongs(home, customer(b'{"home": "5,5"}', known=known))
    assert belongs(home, customer(b'{"home": ["50,50", "geo:5,5"]}', known=known))
    assert not belongs(home, customer(b'{"home": "5,15"}', known=known))
    assert not belongs(home, customer(b'{"home": "5,5"}'))
    assert not belongs(home, customer(b'{"home": 5}', known=known))


def test_a_hundred_segments_are_decided_in_little_time() -> None:
    known = [
        segment(
            f"s{n}",
            {
                "metadata.level": {"$in": ["gold", "silver"]},
                "summary.orders.total_amount": {"$more_than": n},
                "created_at": {"$more_than_ago": 1},
            },
        )
        for n in range(100)
    ]
    best = 1.0
    for _ in range(20):
        facts = customer(b'{"level": "gold", "more": [1, 2, 3]}', orders_total_amount=50)
        started = time.process_time()
        found = segments.members(known, facts, CLOCK)
        best = min(best, time.process_time() - started)
        assert found == {f"s{n}" for n in range(50)}
    assert best < 0.002
