from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from largesse.engine.stacking import LISTS, StackingRules, categories, flaw, without


def test_the_defaults() -> None:
    assert flaw(StackingRules()) is None
    assert categories(StackingRules()) == []
    assert msgspec.to_builtins(StackingRules()) == {
        "exclusive_categories": [],
        "joint_categories": [],
        "redeemables_limit": 30,
        "applicable_redeemables_limit": 5,
        "applicable_redeemables_per_category_limit": 1,
        "applicable_redeemables_category_limits": {},
        "applicable_exclusive_redeemables_limit": 1,
        "applicable_exclusive_redeemables_per_category_limit": 1,
        "discount_calculation_mode": "DISCOUNTED_AMOUNT",
        "initial_amount_mode_categories": [],
        "discounted_amount_mode_categories": [],
        "redeemables_application_mode": "ALL",
        "redeemables_sorting_rule": "REQUESTED_ORDER",
        "redeemables_no_effect_rule": "REDEEM_ANYWAY",
        "no_effect_skip_categories": [],
        "no_effect_redeem_anyway_categories": [],
        "redeemables_products_application_mode": "STACK",
        "redeemables_rollback_order_mode": "WITH_ORDER",
        "grouped_redeemables_sorting_rule": "JOINT_ALWAYS_LAST",
    }


@pytest.mark.parametrize(
    "rules",
    [
        {"redeemables_limit": 1, "applicable_redeemables_limit": 1},
        {"applicable_redeemables_limit": 30, "applicable_redeemables_per_category_limit": 30},
        {"applicable_redeemables_per_category_limit": None},
        {"applicable_redeemables_limit": 30, "applicable_redeemables_category_limits": {"a": 10}},
        {"applicable_redeemables_category_limits": {"a": 1, "b": 5}},
        {
            "applicable_exclusive_redeemables_limit": 5,
            "applicable_exclusive_redeemables_per_category_limit": 5,
        },
        {"applicable_exclusive_redeemables_per_category_limit": None},
        {"exclusive_categories": ["a"], "joint_categories": ["b"]},
        {
            "exclusive_categories": ["a"],
            "initial_amount_mode_categories": ["a"],
            "no_effect_skip_categories": ["a"],
        },
    ],
)
def test_what_can_be(rules: dict[str, Any]) -> None:
    assert flaw(StackingRules(**rules)) is None


@pytest.mark.parametrize(
    ("rules", "details"),
    [
        ({"redeemables_limit": 0}, "redeemables_limit must be >= 1"),
        ({"redeemables_limit": 31}, "redeemables_limit must be <= 30"),
        ({"redeemables_limit": 4}, "applicable_redeemables_limit must be <= 4"),
        ({"applicable_redeemables_limit": 0}, "applicable_redeemables_limit must be >= 1"),
        ({"applicable_redeemables_limit": 31}, "applicable_redeemables_limit must be <= 30"),
        (
            {"applicable_redeemables_per_category_limit": 0},
            "applicable_redeemables_per_category_limit must be >= 1",
        ),
        (
            {"applicable_redeemables_per_category_limit": 6},
            "applicable_redeemables_per_category_limit must be <= 5",
        ),
        (
            {"applicable_redeemables_category_limits": {"a": 5, "b": 6}},
            "applicable_redeemables_category_limits.b must be <= 5",
        ),
        (
            {
                "applicable_redeemables_limit": 30,
                "applicable_redeemables_category_limits": {"a": 11},
            },
            "applicable_redeemables_category_limits.a must be <= 10",
        ),
        (
            {"applicable_redeemables_category_limits": {"a": -1}},
            "applicable_redeemables_category_limits.a must be >= 1",
        ),
        (
            {"applicable_exclusive_redeemables_limit": 0},
            "applicable_exclusive_redeemables_limit must be >= 1",
        ),
        (
            {"applicable_exclusive_redeemables_limit": 6},
            "applicable_exclusive_redeemables_limit must be <= 5",
        ),
        (
            {
                "applicable_exclusive_redeemables_limit": 2,
                "applicable_exclusive_redeemables_per_category_limit": 3,
            },
            "applicable_exclusive_redeemables_per_category_limit must be <= 2",
        ),
        (
            {"applicable_exclusive_redeemables_per_category_limit": 0},
            "applicable_exclusive_redeemables_per_category_limit must be >= 1",
        ),
        (
            {"exclusive_categories": ["a", "b"], "joint_categories": ["c", "b"]},
            "joint_categories must NOT have categories of .exclusive_categories: b",
        ),
        (
            {
                "initial_amount_mode_categories": ["a"],
                "discounted_amount_mode_categories": ["a"],
            },
            "discounted_amount_mode_categories must NOT have categories of "
            ".initial_amount_mode_categories: a",
        ),
        (
            {"no_effect_skip_categories": ["a"], "no_effect_redeem_anyway_categories": ["a"]},
            "no_effect_redeem_anyway_categories must NOT have categories of "
            ".no_effect_skip_categories: a",
        ),
    ],
)
def test_what_cannot_be(rules: dict[str, Any], details: str) -> None:
    assert flaw(StackingRules(**rules)) == f"Property .{details}"


NAMED = st.lists(st.sampled_from("abcdef"), unique=True)
RULES = st.builds(
    StackingRules,
    **dict.fromkeys(LISTS, NAMED),
    applicable_redeemables_category_limits=st.dictionaries(
        st.sampled_from("abcdef"), st.integers(1, 5)
    ),
)


@given(RULES, st.sampled_from("abcdef"))
def test_without_a_category_nothing_else_changes(rules: StackingRules, gone: str) -> None:
    left = without(rules, gone)
    assert set(categories(left)) == set(categories(rules)) - {gone}
    assert flaw(rules) is not None or flaw(left) is None
    if gone not in categories(rules):
        assert left == rules
    assert without(left, gone) == left
