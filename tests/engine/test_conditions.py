from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from largesse.engine import calendar, conditions
from largesse.engine.calendar import Clock
from largesse.engine.conditions import Conditions, FilterError
from tests.engine.filtering import CLOCK, KINDS, Facts, at, one, read

# --- reading -------------------------------------------------------------------------------------

KNOWN = {
    "text": "$contains, $ends_with, $has_value, $in, $is, $is_not, $is_unknown, $not_contain, "
    "$not_in, $starts_with",
    "segment": "$in, $is, $is_not, $not_in",
}


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        (
            {"junction": "xor"},
            "Property .filter has wrong `junction` property. It must be one of: and, or",
        ),
        (
            {"junction": 5},
            "Property .filter has wrong `junction` property. It must be one of: and, or",
        ),
        ({"shoe": {"conditions": {"$is": 1}}}, "Property .filter.shoe is not supported"),
        ({"text": "a"}, "Property .filter.text should have 'conditions'"),
        ({"text": {"$is": "a"}}, "Property .filter.text should have 'conditions'"),
        ({"text": {"conditions": {}}}, "Property .filter.text should have 'conditions'"),
        ({"text": {"conditions": []}}, "Property .filter.text should have 'conditions'"),
        *(
            (
                {kind: {"conditions": {operator: 1}}},
                f"Property .filter.{kind}.conditions.{operator} is not a known operator. "
                f"It must be one of: {KNOWN[kind]}",
            )
            for kind, operator in (
                ("text", "$more_than"),
                ("segment", "$has_value"),
                ("text", "is"),
            )
        ),
    ],
)
def test_filters_that_cannot_be_read(given_: dict[str, Any], message: str) -> None:
    with pytest.raises(FilterError) as error:
        conditions.read(given_, KINDS.get)
    assert str(error.value) == message


def test_what_is_null_is_not_there() -> None:
    """Models made from a dict send a null for whatever is not set."""
    assert read(text=None, junction=None).groups == ()
    given_ = {"$is": None, "$contains": "a", "$in": None}
    assert read(text={"conditions": given_}) == one("text", "$contains", "a")
    assert read(text={"conditions": {"$is": "a"}}, json=None) == one("text", "$is", "a")


@pytest.mark.parametrize(
    ("kind", "operator", "value", "reason"),
    [
        ("text", "$is", [], "should have 1 to 1000 values"),
        ("text", "$is", ["a"] * 1001, "should have 1 to 1000 values"),
        ("text", "$is", None, "should be a value or an array of values"),
        ("text", "$is", [["a"]], "should be a value or an array of values"),
        ("text", "$is", [None], "should be a value or an array of values"),
        ("text", "$is", "a\x00", "cannot contain the null character"),
        ("number", "$is", "five", "should be number"),
        ("number", "$is", True, "should be number"),
        ("number", "$more_than", "", "should be number"),
        ("number", "$more_than", "1e400", "should be number"),
        ("number", "$more_than", "Infinity", "should be number"),
        ("number", "$more_than", float("nan"), "should be number"),
        ("number", "$more_than", "\u0665", "should be number"),
        ("number", "$more_than", [1, 2], "should be one value"),
        ("json", "$more_than", "x", "should be number"),
        ("json", "$count", -1, "should be a whole number from 0 to 36500"),
        ("json", "$count", 1.5, "should be a whole number from 0 to 36500"),
        ("json", "$count", "\u0661", "should be a whole number from 0 to 36500"),
        ("time", "$is_days_ago", 36_501, "should be a whole number from 0 to 36500"),
        ("time", "$more_than", "2026-01-01", "should be a whole number from 0 to 36500"),
        ("time", "$after", "soon", "cannot be recognized as a ISO-8601 compliant date"),
        ("time", "$after", 5, "cannot be recognized as a ISO-8601 compliant date"),
        ("time", "$is", "2026-02-30", "cannot be recognized as a ISO-8601 compliant date"),
        ("day", "$is", "2026-13-01", "cannot be recognized as a ISO-8601 compliant date"),
        ("day", "$next_month", "yes", "should be boolean"),
        ("json", "$next_month", None, "should be a value or an array of values"),
        ("event", "$count", [], "should have 1 to 1000 values"),
    ],
)
def test_values_that_cannot_be_read(kind: str, operator: str, value: Any, reason: str) -> None:
    with pytest.raises(FilterError) as error:
        one(kind, operator, value)
    assert str(error.value) == f"Property .filter.{kind}.conditions.{operator} {reason}"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-29", "2026-03-29T00:00:00+00:00"),
        ("2026-03-29T22:30", "2026-03-29T22:30:00+00:00"),
        ("2026-03-29 22:30:00.5", "2026-03-29T22:30:00.500000+00:00"),
        ("2026-03-29T22:30:00.123456Z", "2026-03-29T22:30:00.123456+00:00"),
        ("2026-03-29T22:30:00+05:45", "2026-03-29T16:45:00+00:00"),
        ("2026-03-29T22:30-14:00", "2026-03-30T12:30:00+00:00"),
    ],
)
def test_instants(text: str, instant: str) -> None:
    found = calendar.instant_of(text)
    assert found is not None
    assert found.isoformat() == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-03",
        "20260329",
        "2026-3-29",
        "2026-02-29",
        "2026-03-29T24:00",
        "2026-03-29T22:30:60",
        "2026-03-29T22:30:00.1234567",
        "2026-03-29T22:30+15:00",
        "2026-03-29T22:30z",
        "2026-03-29Z",
        " 2026-03-29",
        "2026-03-29\n",
        "0000-01-01",
        "0001-01-01T00:00+01:00",
        "9999-12-31T23:59-01:00",
        "\u0662026-03-29",
    ],
)
def test_what_is_no_instant(text: str) -> None:
    assert calendar.instant_of(text) is None


# --- time ----------------------------------------------------------------------------------------


def span(kind: str, operator: str, value: Any, now: str, zone: str) -> list[str | None]:
    [group] = one(kind, operator, value).groups
    clock = Clock(at(now), ZoneInfo(zone))
    return [
        None if bound is None else bound.isoformat().removesuffix("+00:00")
        for bound in conditions.span(group.tests[0], group.kind, clock)
    ]


@pytest.mark.parametrize(
    ("operator", "value", "now", "zone", "expected"),
    [
        # The day on which the clocks go forward has 23 hours, the one when they go back 25.
        (
            "$is_days_ago",
            0,
            "2026-03-29T12:00Z",
            "Europe/Warsaw",
            ["2026-03-28T23", "2026-03-29T22"],
        ),
        (
            "$is_days_ago",
            1,
            "2026-10-26T12:00Z",
            "Europe/Warsaw",
            ["2026-10-24T22", "2026-10-25T23"],
        ),
        # Half past midnight in Warsaw is still yesterday in UTC, and not yet tomorrow in America.
        ("$is_days_ago", 0, "2026-03-29T22:30Z", "UTC", ["2026-03-29T00", "2026-03-30T00"]),
        (
            "$is_days_ago",
            0,
            "2026-03-29T22:30Z",
            "Europe/Warsaw",
            ["2026-03-29T22", "2026-03-30T22"],
        ),
        (
            "$is_days_in_future",
            1,
            "2026-03-30T01:00Z",
            "America/New_York",
            ["2026-03-30T04", "2026-03-31T04"],
        ),
        ("$is_days_ago", 0, "2026-01-01T00:00Z", "Etc/GMT+12", ["2025-12-31T12", "2026-01-01T12"]),
    ],
)
def test_days_are_those_of_the_zone(
    operator: str, value: int, now: str, zone: str, expected: list[str]
) -> None:
    assert span("time", operator, value, now, zone) == [f"{hour}:00:00" for hour in expected]


def test_days_of_json_are_those_of_utc() -> None:
    found = span("json", "$is_days_ago", 0, "2026-03-29T22:30Z", "Europe/Warsaw")
    assert found == ["2026-03-29T00:00:00", "2026-03-30T00:00:00"]
    found = span("day", "$is_days_ago", 0, "2026-03-29T22:30Z", "Europe/Warsaw")
    assert found == ["2026-03-30", "2026-03-31"]


def test_ages_are_counted_in_hours() -> None:
    found = span("time", "$more_than_ago", 1, "2026-03-29T12:00Z", "Europe/Warsaw")
    assert found == [None, "2026-03-28T12:00:00"]
    found = span("time", "$less_than_future", 36_500, "2026-03-29T12:00Z", "UTC")
    assert found == ["2026-03-29T12:00:00", "2126-03-05T12:00:00"]


@pytest.mark.parametrize("kind", ["time", "day", "json", "event"])
@pytest.mark.parametrize("latest", ["9999-12-31", "9999-12-31T23:59:59.999999Z"])
def test_nothing_is_after_the_end_of_time(kind: str, latest: str) -> None:
    filter_ = one(kind, "$after", latest)
    for known in (None, "9999-12-30" if kind == "json" else None):
        assert conditions.holds(filter_, Facts(known), CLOCK) is False


@pytest.mark.parametrize(
    ("now", "zone", "month"),
    [
        ("2026-11-30T23:30Z", "UTC", 12),
        ("2026-11-30T23:30Z", "Europe/Warsaw", 1),
        ("2026-12-01T00:30Z", "America/New_York", 12),
        ("2026-01-31T12:00Z", "UTC", 2),
    ],
)
def test_the_next_month(now: str, zone: str, month: int) -> None:
    assert calendar.next_month(Clock(at(now), ZoneInfo(zone))) == month


@pytest.mark.parametrize(
    ("kind", "operator", "value", "expected"),
    [
        ("time", "$is_days_ago", 1, True),
        ("day", "$next_month", True, True),
        ("day", "$more_than", 1, True),
        ("event", "$less_than_future", 1, True),
        ("time", "$after", "2030-01-01", False),
        ("number", "$more_than", 1, False),
        ("json", "$more_than", 1, False),
        ("json", "$count", 1, False),
    ],
)
def test_what_depends_on_time(kind: str, operator: str, value: Any, expected: bool) -> None:
    assert one(kind, operator, value).depends_on_time is expected


# --- anything ------------------------------------------------------------------------------------

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=6,
)
MAYBE = st.fixed_dictionaries(
    {
        "conditions": st.dictionaries(st.sampled_from(conditions.OPERATORS), TREES, max_size=2)
        | TREES
    }
)


@given(st.dictionaries(st.sampled_from([*KINDS, "junction", "x"]), MAYBE | TREES), TREES)
@settings(max_examples=300, deadline=None)
def test_anything_is_read_and_decided_or_refused(given_: dict[str, Any], known: Any) -> None:
    try:
        filter_ = conditions.read(given_, KINDS.get)
    except FilterError as error:
        assert str(error).startswith("Property .filter")
        return
    assert json.dumps(given_)
    groups = [group for group in filter_.groups if group.kind in ("json", "event")]
    for group in groups:
        alone = Conditions("and", (group,))
        assert conditions.holds(alone, Facts(known), CLOCK) in (True, False)
