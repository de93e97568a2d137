"""Each operator of validation rules on metadata, as of noon on Monday, 23 November 2026 in UTC."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from largesse.engine import conditions
from largesse.engine.calendar import Clock
from tests.engine.filtering import Facts as Property
from tests.engine.ruling import CLOCK, FACTS, passed, refusal

NEW_YORK = Clock(CLOCK.now, ZoneInfo("America/New_York"))


def holds(operator: str, wanted: Any, value: Any, clock: Clock = CLOCK) -> bool | None:
    facts = replace(FACTS, metadata={"p": value}, clock=clock)
    return passed("redemption.metadata", {operator: wanted}, facts, property="p")


@pytest.mark.parametrize(
    ("operator", "wanted", "good", "bad"),
    [
        ("$is", ["Visa"], "Visa", "visa"),
        ("$is", [5], 5, 6),
        ("$is", [5], "5", "5.0"),
        ("$is", ["5"], 5.0, 5.5),
        ("$is", [0.1], 0.1, 0.2),
        ("$is", [True], True, False),
        ("$is", [True], "true", 1),
        ("$is", [1], 1, True),
        ("$is", ["a"], ["b", "a"], ["b"]),
        ("$is", ["a"], "a", {"a": "a"}),
        ("$in", ["a", "b"], "b", "c"),
        ("$is_not", ["a"], "b", "a"),
        ("$is_not", ["a"], ["b"], ["b", "a"]),
        ("$is_not", ["a"], None, "a"),
        ("$not_in", ["a", 1], "b", 1),
        ("$not_in", ["a"], [], ["a"]),
        ("$less_than", [5], 4.9, 5),
        ("$less_than_or_equal", [5], 5, 5.1),
        ("$less_than_equal", [5], 5, 6),
        ("$more_than", [5], 6, 5),
        ("$greater_than", [5], 5.5, 5),
        ("$more_than_or_equal", [5], 5, 4),
        ("$more_than_equal", ["5"], 5, 4),
        ("$greater_than_or_equal", [1], 1, 0),
        ("$more_than", [-10], -9, -11),
        ("$more_than", [5], [1, 6], [1, 5]),
        ("$more_than", [0], 1, "1"),
        ("$more_than", [0], 1, True),
        ("$more_than", [0], 1, None),
        ("$more_than", ["2026-01-01"], "2026-01-02", "2026-01-01"),
        ("$more_than_or_equal", ["2026-01-01"], "2026-01-01", "2025-12-31"),
        ("$less_than", ["2026-01-01T10:00:00Z"], "2026-01-01T10:59:00+01:00", "2026-01-01T10:00Z"),
        ("$less_than_or_equal", ["2026-01-01"], "2026-01-01", "2026-01-01T00:00:01Z"),
        ("$less_than", ["2026-01-01"], "2025-01-01", 5),
        ("$after", ["2026-01-01"], "2026-01-01T00:00:01Z", "2026-01-01"),
        ("$before", ["2026-01-01"], "2025-12-31T23:59:59Z", "soon"),
        ("$starts_with", ["ab"], "abc", "cab"),
        ("$ends_with", ["bc"], "abc", "bca"),
        ("$contains", ["b"], "abc", "ac"),
        ("$contains", ["x", "b"], ["q", "abc"], ["q"]),
        ("$contains", ["b"], "b", None),
        ("$not_contain", ["b"], "ac", "abc"),
        ("$count", [2], ["a", "b"], ["a"]),
        ("$count", [1], "a", []),
        ("$count", [0], None, "a"),
        ("$count_more", [1], ["a", "b"], ["a"]),
        ("$count_less", [2], ["a"], ["a", "b"]),
        ("$not_differ", ["a", 2], [2, "a", "a"], ["a"]),
        ("$not_differ", ["a"], "a", ["a", "b"]),
        ("$not_differ", ["a"], ["a"], None),
        ("$not_differ", [2], ["2"], ["2", []]),
        ("$not_intersect", ["a", 2], ["b"], ["b", 2]),
        ("$not_intersect", ["a"], None, "a"),
        ("$is_days_ago", [3], "2026-11-20", "2026-11-21"),
        ("is_days_ago", [3], "2026-11-20T23:59:59Z", "2026-11-19T23:59:59Z"),
        ("$more_than_ago", [3], "2026-11-20T11:59:59Z", "2026-11-20T12:00:01Z"),
        ("$less_than_ago", [3], "2026-11-20T12:00:01Z", "2026-11-20T12:00:00Z"),
        ("$less_than_ago", [3], "2026-11-23T12:00:00Z", "2026-11-23T12:00:01Z"),
        ("$is_days_in_future", [1], "2026-11-24", "2026-11-25"),
        ("$more_than_future", [1], "2026-11-24T12:00:01Z", "2026-11-24T12:00:00Z"),
        ("$less_than_future", [1], "2026-11-24T11:59:59Z", "2026-11-23T11:59:59Z"),
        ("$next_month", [True], "1990-12-24", "1990-11-24"),
        ("$has_value", [True], "a", None),
        ("$is_unknown", [True], [], "a"),
        # From half past nine in the morning, every day for an hour.
        ("$timeframe", ["2026-11-01T09:30:00Z;P1D;PT1H"], "2026-11-05T10:29Z", "2026-11-05T10:30Z"),
        ("$timeframe", ["2026-11-01T09:30:00Z;P1D;PT1H"], "2026-11-01T09:30Z", "2026-10-31T10:00Z"),
        (
            "$timeframe_absolute",
            ["2024-11-14T16:02:00.000Z;2024-11-28T16:02:00.000Z"],
            "2024-11-28T16:02:00Z",
            "2024-11-14T16:01:59Z",
        ),
        # 24 and 25 November 2026 are a Tuesday and a Wednesday.
        ("$timeframe_daily_hours", ["18:00;20:01;2,3"], "2026-11-24T20:00Z", "2026-11-24T20:02Z"),
        ("$timeframe_daily_hours", ["18:00;20:01;2,3"], "2026-11-25T18:00Z", "2026-11-26T18:00Z"),
        (
            "$timeframe_daily_hours",
            ["08:00;09:00;1", "18:00;20:01;2,3"],
            "2026-11-23T08:30Z",
            "2026-11-23T18:30Z",
        ),
        ("$dow", [0, 1], "2026-11-23", "2026-11-24"),
        ("$dow", [0], "2026-11-22T23:59:59Z", "2026-11-23T00:00:00Z"),
        ("$dow", 6, "2026-11-28", "soon"),
        ("$dow", 6, ["2026-11-27", "2026-11-28"], None),
    ],
)
def test_operators(operator: str, wanted: Any, good: Any, bad: Any) -> None:
    assert holds(operator, wanted, good) is True
    assert holds(operator, wanted, bad) is False


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "in_utc", "in_new_york"),
    [
        ("$dow", [1], "2026-11-23", True, True),
        ("$dow", [1], "2026-11-23T03:00:00Z", True, False),
        ("$dow", [0], "2026-11-23T03:00:00Z", False, True),
        ("$is_days_ago", [1], "2026-11-23T03:00:00Z", False, True),
        ("$is_days_ago", [1], "2026-11-22", True, True),
        ("$before", ["2026-11-23"], "2026-11-23T03:00:00Z", False, True),
        ("$before", ["2026-11-23"], "2026-11-22", True, True),
        ("$before", ["2026-11-23"], "2026-11-23", False, False),
        ("$timeframe_daily_hours", ["12:00;13:00;1"], "2026-11-23T17:30:00Z", False, True),
        ("$next_month", [True], "2026-01-01T03:00:00Z", False, True),
    ],
)
def test_days_are_those_of_the_project(
    operator: str, wanted: Any, value: str, in_utc: bool, in_new_york: bool
) -> None:
    assert holds(operator, wanted, value) is in_utc
    assert holds(operator, wanted, value, NEW_YORK) is in_new_york


def test_dates_at_the_ends_of_time() -> None:
    tokyo = Clock(CLOCK.now, ZoneInfo("Asia/Tokyo"))
    for value in ("0001-01-01", "9999-12-31", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        for clock in (tokyo, NEW_YORK):
            assert holds("$dow", list(range(7)), value, clock) in (True, False)
            assert holds("$next_month", [False], value, clock) in (True, False)
            assert holds("$after", [value], value, clock) is False
            assert holds("$after", ["2026-11-23"], value, clock) is (value > "2026")


@pytest.mark.parametrize(
    ("name", "operator", "values", "reason"),
    [
        ("customer.metadata", "$is", [], "$is should have 1 to 1000 values"),
        ("customer.metadata", "$is", ["a"] * 1001, "$is should have 1 to 1000 values"),
        ("customer.metadata", "$is", [None], "$is should be an array of values"),
        ("customer.metadata", "$is", [{"id": "a"}], "$is should be an array of values"),
        ("customer.metadata", "$is", ["\0"], "$is cannot contain the null character"),
        ("customer.metadata", "$is", [float("inf")], "$is should be a finite number"),
        ("customer.metadata", "$is", [2**63], "$is should be a 64-bit integer"),
        ("customer.metadata", "$more_than", ["soon"], "$more_than should be number"),
        ("customer.metadata", "$more_than", [1, 2], "$more_than should have one value"),
        (
            "customer.metadata",
            "$after",
            [5],
            "$after cannot be recognized as a ISO-8601 compliant date",
        ),
        (
            "customer.metadata",
            "$is_days_ago",
            [-1],
            "$is_days_ago should be a whole number from 0 to 36500",
        ),
        ("customer.metadata", "$count", [1.5], "$count should be a whole number from 0 to 36500"),
        ("customer.metadata", "$next_month", ["x"], "$next_month should be boolean"),
        ("customer.metadata", "$dow", [7], "$dow should be days from 0 (Sunday) to 6"),
        ("customer.metadata", "$dow", ["1"], "$dow should be days from 0 (Sunday) to 6"),
        *(
            (
                "customer.metadata",
                "$timeframe",
                [value],
                "$timeframe should be 'start;interval;duration', such as "
                "2026-11-23T09:00:00Z;P1D;PT1H",
            )
            for value in ("", "x", 5, "2026-11-23;P1D", "2026-11-23;PT1H;P1D", ";P1D;PT1H")
        ),
        *(
            (
                "customer.metadata",
                "$timeframe_absolute",
                [value],
                "$timeframe_absolute should be 'start;end', such as "
                "2026-11-23T09:00:00Z;2026-11-30T09:00:00Z",
            )
            for value in ("2026-11-23", ";", "2026-11-23;", "2026-11-23;2026-11-22")
        ),
        *(
            (
                "customer.metadata",
                "$timeframe_daily_hours",
                [value],
                "$timeframe_daily_hours should be 'from;to;days', such as 09:00;17:00;1,2,3,4,5",
            )
            for value in (
                "18:00;20:00",
                "18:00;20:00;",
                "18:00;20:00;7",
                "18:00;20:00;12",
                "25:00;1;1",
            )
        ),
        ("redemption.user.login", "$is", [5], "$is should be string"),
        ("order.amount", "$is", ["1,5"], "$is should be number"),
        ("order.amount", "$is", [{}], "$is should be an array of values"),
        ("order.amount", "$less_than", [True], "$less_than should be number"),
        (
            "customer.segment",
            "$is",
            [5],
            "$is should be an array of ids, or of objects with an 'id'",
        ),
        (
            "customer.segment",
            "$is",
            [{"id": []}],
            "$is should be an array of ids, or of objects with an 'id'",
        ),
        (
            "order.items.any",
            "$is",
            [{"object": "sku"}],
            "$is should be an array of ids, or of objects with an 'id'",
        ),
        (
            "order.items.any",
            "$is",
            [{"id": "x", "object": "voucher"}],
            "$is should be of objects of type: product, sku, products_collection",
        ),
        (
            "order.items.any",
            "$is",
            [{"id": "x", "object": []}],
            "$is should be of objects of type: product, sku, products_collection",
        ),
        (
            "order.items.any",
            "$from",
            [{"id": "x", "object": "product"}],
            "$from should be of objects of type: products_collection",
        ),
        (
            "publication.redeemable_by_linked_customer",
            "$is",
            ["yes"],
            "$is should be boolean",
        ),
        (
            "publication.redeemable_by_linked_customer",
            "$is",
            [True, False],
            "$is should have one value",
        ),
    ],
)
def test_values_that_do_not_fit(name: str, operator: str, values: Any, reason: str) -> None:
    rule = {"name": name, "property": "p", "conditions": {operator: values}}
    assert refusal({"rules": {"1": rule}}) == f"Rule '1': {reason}"


def test_a_value_may_go_without_its_array_and_null_is_not_there() -> None:
    assert holds("$is", "a", "a") is True
    facts = replace(FACTS, metadata={"p": "a"})
    wanted = {"$is": "a", "$is_not": None, "$dow": None}
    assert passed("redemption.metadata", wanted, facts, property="p") is True


# --- laws ---------------------------------------------------------------------------------------

SHARED = {
    "$is": 2,
    "$in": 3,
    "$is_not": 2,
    "$not_in": 3,
    "$contains": 2,
    "$not_contain": 1,
    "$starts_with": 1,
    "$ends_with": 2,
    "$more_than": 0,
    "$less_than": 0,
    "$more_than_or_equal": 0,
    "$less_than_equal": 0,
    "$count": 0,
    "$count_more": 0,
    "$count_less": 0,
    "$has_value": 1,
    "$is_unknown": 1,
}
SCALARS = st.sampled_from(["", "a", "ab", "1", "true", True, False, 0, 1, 2, -1])


@given(st.sampled_from(sorted(SHARED)), st.data())
def test_rules_and_filters_mean_the_same(operator: str, data: st.DataObject) -> None:
    most = SHARED[operator]
    numbers = st.lists(st.integers(0, 3), min_size=1, max_size=1)
    wanted = data.draw(st.lists(SCALARS, min_size=1, max_size=most) if most else numbers)
    value = data.draw(st.none() | SCALARS | st.lists(SCALARS, max_size=3))
    filter_ = conditions.read({"p": {"conditions": {operator: wanted}}}, {"p": "json"}.get)
    assert holds(operator, wanted, value) is conditions.holds(filter_, Property(value), CLOCK)
