from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from largesse.engine import conditions
from tests.engine.filtering import CLOCK, NOW, Facts, at, passes, read

# --- deciding ------------------------------------------------------------------------------------

# Operator, its value, values that pass and values that do not.
TEXT = [
    ("$is", "Ann", ["Ann"], ["ann", "Ann ", "", None]),
    ("$is", ["Ann", "Bob"], ["Ann", "Bob"], ["Cid", None]),
    ("$is", {"0": "Ann", "1": "Bob"}, ["Ann", "Bob"], ["Cid"]),
    ("$is", 5, ["5"], ["5.0", None]),
    ("$is", True, ["true"], ["True", None]),
    ("$in", ["Ann", "Bob"], ["Ann", "Bob"], ["Cid", None]),
    ("$is_not", "Ann", ["Bob", "", None], ["Ann"]),
    ("$not_in", ["Ann", "Bob"], ["Cid", None], ["Ann", "Bob"]),
    ("$contains", "n", ["Ann", "n"], ["Bob", "", None]),
    ("$contains", ["x", "n"], ["Ann", "x"], ["Bob", None]),
    ("$contains", "", ["", "Ann"], [None]),
    ("$not_contain", "n", ["Bob", "", None], ["Ann"]),
    ("$not_contain", ["x", "n"], ["Bob", None], ["Ann", "x"]),
    ("$starts_with", "A", ["Ann", "A"], ["nA", "", None]),
    ("$ends_with", ["n", "b"], ["Ann", "Bob"], ["Cid", None]),
    ("$has_value", True, ["Ann", ""], [None]),
    ("$is_unknown", "", [None], ["Ann", ""]),
]
NUMBER = [
    ("$is", 5, [5, Decimal("5.0")], [6, None]),
    ("$is", "5.0", [5], [50, None]),
    ("$in", [1, "2"], [1, 2], [3, None]),
    ("$is_not", 5, [6, None], [5]),
    ("$not_in", [1, 2], [3, None], [1, 2]),
    ("$more_than", 5, [6], [5, 4, None]),
    ("$greater_than", 5, [6], [5, None]),
    ("$more_than_equal", 5, [5, 6], [4, None]),
    ("$greater_than_or_equal", 5, [5], [4]),
    ("$more_than_or_equal", 5, [5], [4]),
    ("$less_than", 0.5, [0, -1], [1, None]),
    ("$less_than_equal", 5, [5, 4], [6, None]),
    ("$less_than_or_equal", 5, [5], [6]),
    ("$more_than", 2**53, [2**53 + 1], [2**53]),
    ("$has_value", True, [0, 5], [None]),
    ("$is_unknown", True, [None], [0]),
]
JSON = [
    ("$is", 5, [5, Decimal("5.0"), "5", [4, 5]], [6, "5.0", True, None, {"a": 5}, [[5]], []]),
    ("$is", "5.0", [5, "5.0"], ["5"]),
    ("$is", "1e2", [100, "1e2"], ["100"]),
    ("$is", True, [True, "true", [False, True]], [False, 1, "True", None]),
    ("$is", "", ["", [""]], [None, [], 0, False]),
    ("$is", "null", ["null"], [None, [None]]),
    ("$in", ["a", 1], ["a", 1, ["x", 1]], ["b", None]),
    ("$is_not", 5, [6, None, [], ["x"], {}], [5, "5", [4, 5]]),
    ("$not_in", ["a", 1], ["b", None, []], ["a", [2, 1]]),
    ("$contains", "b", ["abc", ["x", "b"]], ["a", ["a"], 5, None, {"b": 1}, {"a": "b"}]),
    ("$contains", "5", ["15"], [15]),
    ("$not_contain", "b", ["a", 5, None, []], ["abc", ["x", "b"]]),
    ("$starts_with", "a", ["abc", ["x", "ab"]], ["ba", None]),
    ("$ends_with", "c", ["abc"], ["ca", 5]),
    ("$more_than", 5, [6, Decimal("5.1"), [1, 6]], [5, "6", True, None, [], [5]]),
    ("$less_than", 1, [0, -1], [1, False, "0", None]),
    ("$more_than_equal", 5, [5], [4]),
    ("$less_than_equal", 5, [5], [6]),
    ("$count", 2, [[1, 2], [None, None]], ["ab", [1], [], None]),
    ("$count", 1, ["ab", 5, False, {}, [1]], [[], None, [1, 2]]),
    ("$count_less", 1, [[], None], [5, [1]]),
    ("$count_more", 1, [[1, 2]], [5, None]),
    ("$after", "2026-03-29", ["2026-03-29T00:00:01Z", ["x", "2027-01-01"]], ["2026-03-29", 5, "x"]),
    ("$before", "2026-03-29", ["2026-03-29T01:00:00+02:00"], ["2026-03-29", "2026-02-30", None]),
    ("$is_days_ago", 0, ["2026-03-29", "2026-03-29T23:59:59.999Z"], ["2026-03-30", "2026-03-28"]),
    ("$less_than_ago", 1, ["2026-03-28T22:30:01Z", "2026-03-29T22:30:00Z"], ["2026-03-28", "x"]),
    ("$next_month", True, ["2020-04-01", "1990-04-30T23:00:00Z"], ["2026-05-01", "x", None]),
    ("$next_month", [False], ["2026-05-01", "x", None], ["2020-04-01"]),
    ("$in_location", "loc_a", ["in loc_a", ["x", "in loc_a"]], ["in loc_b", 5, None]),
    ("$in_location", ["loc_a", "loc_b"], ["in loc_b"], ["in loc_c"]),
    ("$not_in_location", ["loc_a", "loc_b"], ["in loc_c", None, 5], ["in loc_b"]),
    ("$has_value", True, [0, False, "", {}, [None]], [None, []]),
    ("$is_unknown", True, [None, []], [0, False, "", {}]),
]
DAY = [
    ("$is", "2026-03-29", [date(2026, 3, 29)], [date(2026, 3, 30), None]),
    ("$is", "2026-03-29T23:00:00Z", [date(2026, 3, 29)], [date(2026, 3, 30)]),
    ("$after", "2026-03-29", [date(2026, 3, 30)], [date(2026, 3, 29), None]),
    ("$before", "2026-03-29T12:00:00Z", [date(2026, 3, 28)], [date(2026, 3, 29), None]),
    ("$is_days_ago", 1, [date(2026, 3, 28)], [date(2026, 3, 29), date(2026, 3, 27), None]),
    ("is_days_ago", "1", [date(2026, 3, 28)], [date(2026, 3, 29)]),
    ("$is_days_in_future", 1, [date(2026, 3, 30)], [date(2026, 3, 29), None]),
    ("$more_than_ago", 1, [date(2026, 3, 27)], [date(2026, 3, 28), None]),
    ("$more_than", 1, [date(2026, 3, 27)], [date(2026, 3, 28)]),
    ("$less_than_ago", 1, [date(2026, 3, 29)], [date(2026, 3, 28), date(2026, 3, 30)]),
    ("$less_than", 1, [date(2026, 3, 29)], [date(2026, 3, 28)]),
    ("$more_than_future", 1, [date(2026, 3, 31)], [date(2026, 3, 30), None]),
    ("$less_than_future", 2, [date(2026, 3, 29), date(2026, 3, 30)], [date(2026, 3, 31)]),
    ("$next_month", True, [date(1990, 4, 30)], [date(2026, 3, 1), None]),
    ("$has_value", True, [date(2026, 3, 29)], [None]),
]
TIME = [
    ("$is", "2026-03-29T22:30:00Z", [NOW], [NOW + timedelta(microseconds=1), None]),
    ("$after", "2026-03-29T22:30:00Z", [NOW + timedelta(microseconds=1)], [NOW, None]),
    ("$before", "2026-03-30T00:30:00+02:00", [NOW - timedelta(microseconds=1)], [NOW, None]),
    ("$is_days_ago", 0, [at("2026-03-29T00:00Z")], [at("2026-03-30T00:00Z"), None]),
    ("$more_than_ago", 1, [at("2026-03-28T22:29:59Z")], [at("2026-03-28T22:30Z"), None]),
    ("$less_than_ago", 1, [at("2026-03-28T22:30:01Z"), NOW], [at("2026-03-28T22:30Z"), None]),
    ("$more_than_future", 1, [at("2026-03-30T22:30:01Z")], [at("2026-03-30T22:30Z"), None]),
    ("$less_than_future", 1, [NOW], [at("2026-03-30T22:30Z"), NOW - timedelta(seconds=1)]),
    ("$next_month", True, [at("2020-04-30T23:59Z")], [at("2020-05-01T00:00Z"), None]),
    ("$is_unknown", True, [None], [NOW]),
]
SEGMENT = [
    ("$is", "seg_a", [["seg_a"], ["seg_b", "seg_a"]], [["seg_b"], []]),
    ("$in", ["seg_a", "seg_b"], [["seg_b"]], [["seg_c"], []]),
    ("$is_not", "seg_a", [["seg_b"], []], [["seg_b", "seg_a"]]),
    ("$not_in", ["seg_a", "seg_b"], [["seg_c"], []], [["seg_b"]]),
]
ROWS: dict[str, list[Any]] = {
    "text": TEXT,
    "number": NUMBER,
    "json": JSON,
    "day": DAY,
    "time": TIME,
    "segment": SEGMENT,
}
TABLE: list[Any] = [(kind, *row) for kind, rows in ROWS.items() for row in rows]


@pytest.mark.parametrize(("kind", "operator", "value", "good", "bad"), TABLE)
def test_operators(kind: str, operator: str, value: Any, good: list[Any], bad: list[Any]) -> None:
    for known in good:
        assert passes(kind, operator, value, known) is True, known
    for known in bad:
        assert passes(kind, operator, value, known) is False, known


@pytest.mark.parametrize(
    ("given_", "counts"),
    [
        ({"$count": 2}, {2}),
        ({"$count": "2"}, {2}),
        ({"$count_more": 1}, {2, 3, 4}),
        ({"$count_less": 1}, {0}),
        ({"$count_more": 0, "$count_less": 3}, {1, 2}),
        ({"$has_value": True}, {1, 2, 3, 4}),
        ({"$is_unknown": True}, {0}),
        # The events of the last two days are two at most.
        ({"$less_than_ago": 2}, {1, 2, 3, 4}),
        ({"$less_than_ago": 2, "$count": 2}, {2, 3, 4}),
        ({"$less_than_ago": 2, "$count": 0}, {0}),
        ({"$more_than_ago": 2}, {3, 4}),
        ({"$after": "2026-03-28T00:00:00Z", "$before": "2026-03-29T00:00:00Z"}, {2, 3, 4}),
        ({"$is_days_ago": 1, "$is_unknown": True}, {0, 1}),
    ],
)
def test_events(given_: dict[str, Any], counts: set[int]) -> None:
    """Of events half a day, a day and a half, and so on ago."""
    filter_ = read(event={"conditions": given_})
    for count in range(5):
        events = tuple(NOW - timedelta(days=n, hours=12) for n in range(count))
        assert conditions.holds(filter_, Facts(events=events), CLOCK) is (count in counts), count


def test_junctions() -> None:
    parts = {"text": {"conditions": {"$is": "a"}}, "json": {"conditions": {"$is": "b"}}}
    for junction in ("and", "AND", "And"):
        assert not conditions.holds(read(junction=junction, **parts), Facts("a"), CLOCK)
    assert conditions.holds(read(junction="or", **parts), Facts("a"), CLOCK)
    assert conditions.holds(read(junction="OR", **parts), Facts("b"), CLOCK)
    assert not conditions.holds(read(junction="or", **parts), Facts("c"), CLOCK)
    assert not conditions.holds(read(**parts), Facts("a"), CLOCK)
    # Within a property all hold, whatever the junction.
    both = {"text": {"conditions": {"$starts_with": "a", "$ends_with": "b"}}}
    assert not conditions.holds(read(junction="or", **both), Facts("a"), CLOCK)
    assert conditions.holds(read(junction="or", **both), Facts("ab"), CLOCK)
    assert conditions.holds(read(junction="and"), Facts(None), CLOCK)


@given(
    st.sampled_from([row for row in TABLE if row[1] in conditions._NOT]),
    st.sampled_from([None, "Ann", "", 5, True, [], ["x", 5], {"a": 1}]),
)
def test_a_negative_operator_is_the_contrary(row: tuple[Any, ...], known: Any) -> None:
    kind, operator, value = row[:3]
    positive = conditions._NOT[operator]
    if kind == "json":
        assert passes(kind, operator, value, known) is not passes(kind, positive, value, known)
