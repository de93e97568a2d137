"""Definitions of discounts: what is accepted and answered, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from largesse.engine import discounts
from largesse.engine.discounts import DiscountError

ORDER, ITEMS = "APPLY_TO_ORDER", "APPLY_TO_ITEMS"


@pytest.mark.parametrize(
    "sent",
    [
        {"type": "AMOUNT", "amount_off": 1000, "effect": ORDER},
        {
            "type": "AMOUNT",
            "amount_off": 900,
            "effect": ITEMS,
            "aggregated_amount_limit": 9000,
            "is_dynamic": False,
        },
        {"type": "AMOUNT", "amount_off": 300, "effect": "APPLY_TO_ITEMS_PROPORTIONALLY"},
        {
            "type": "AMOUNT",
            "amount_off": 300,
            "effect": "APPLY_TO_ITEMS_PROPORTIONALLY_BY_QUANTITY",
        },
        {"type": "AMOUNT", "amount_off": 500, "effect": "APPLY_TO_ITEMS_BY_QUANTITY"},
        {"type": "PERCENT", "percent_off": 12.25, "effect": ORDER, "amount_limit": 1500},
        {
            "type": "PERCENT",
            "percent_off": 5,
            "percent_off_formula": "IF(ORDER_AMOUNT > 300;15;5)",
            "effect": ORDER,
        },
        {
            "type": "PERCENT",
            "percent_off": 5,
            "percent_off_formula": "IF(ORDER_ITEM_PRICE > 300;15;5)",
            "effect": ITEMS,
        },
        {"type": "FIXED", "fixed_amount": 200, "effect": ORDER},
        {"type": "FIXED", "effect": ITEMS},
        {"type": "UNIT", "unit_off": 1, "unit_type": "prod_1", "effect": "ADD_NEW_ITEMS"},
        {"type": "UNIT", "unit_off": 2, "unit_type": "pc_1", "effect": "ADD_SAME_ITEMS"},
        {
            "type": "UNIT",
            "effect": "ADD_MANY_ITEMS",
            "units": [
                {
                    "unit_off": 3,
                    "unit_type": "sku_1",
                    "effect": "ADD_MISSING_ITEMS",
                    "product": {"id": "prod_1", "source_id": "jacket", "name": "Jacket"},
                    "sku": {"id": "sku_1", "source_id": "jacket-m", "sku": "Jacket, M"},
                },
                {
                    "unit_off": 4,
                    "unit_off_formula": "ORDER_AMOUNT / 10",
                    "unit_type": "prod_2",
                    "effect": "ADD_NEW_ITEMS",
                },
            ],
        },
    ],
)
def test_what_is_sent_is_answered(sent: dict[str, Any]) -> None:
    assert msgspec.to_builtins(discounts.read(sent)) == sent


@pytest.mark.parametrize(
    ("sent", "of_items", "effect"),
    [
        ({"type": "AMOUNT", "amount_off": 1}, False, "APPLY_TO_ORDER"),
        ({"type": "AMOUNT", "amount_off": 1}, True, "APPLY_TO_ITEMS"),
        ({"type": "PERCENT", "percent_off": 1}, False, "APPLY_TO_ORDER"),
        ({"type": "PERCENT", "percent_off": 1}, True, "APPLY_TO_ITEMS"),
        ({"type": "FIXED", "fixed_amount": 1}, False, "APPLY_TO_ORDER"),
        ({"type": "FIXED"}, True, "APPLY_TO_ITEMS"),
        ({"type": "UNIT", "unit_off": 1, "unit_type": "p"}, False, "ADD_MISSING_ITEMS"),
        ({"type": "UNIT", "unit_off": 1, "unit_type": "p"}, True, "ADD_MISSING_ITEMS"),
        ({"type": "UNIT", "units": [{"unit_off": 1, "unit_type": "p"}]}, False, "ADD_MANY_ITEMS"),
    ],
)
def test_an_effect_that_is_not_given(sent: dict[str, Any], of_items: bool, effect: str) -> None:
    assert discounts.read(sent, of_items=of_items).effect == effect


def test_unknown_and_null_members_are_dropped() -> None:
    sent = {"type": "AMOUNT", "amount_off": 2500, "effect": ITEMS, "units": None, "colour": "red"}
    answer = {"type": "AMOUNT", "amount_off": 2500, "effect": ITEMS}
    assert msgspec.to_builtins(discounts.read(sent)) == answer


def test_whole_numbers_come_back_as_integers() -> None:
    sent = {"type": "UNIT", "unit_off": 1.0, "unit_type": "p", "effect": "ADD_NEW_ITEMS"}
    read = discounts.read(sent)
    assert isinstance(read, discounts.Unit)
    assert isinstance(read.unit_off, int)


def test_a_percentage_is_what_was_written() -> None:
    read = discounts.read({"type": "PERCENT", "percent_off": 33.33})
    assert isinstance(read, discounts.Percent)
    assert read.percent == Decimal("33.33")


P = {"type": "PERCENT", "percent_off": 10}
A = {"type": "AMOUNT", "amount_off": 10}
U = {"type": "UNIT", "unit_off": 1, "unit_type": "p"}


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ([], "Property .discount should be object"),
        ({}, "Property .discount should have required property 'type'"),
        (
            {"type": "GIFT"},
            "Property .discount.type should be one of: AMOUNT, PERCENT, FIXED, UNIT",
        ),
        ({"type": 5}, "Property .discount.type should be one of: AMOUNT, PERCENT, FIXED, UNIT"),
        ({"type": "AMOUNT"}, "Property .discount should have required property 'amount_off'"),
        ({"type": "PERCENT"}, "Property .discount should have required property 'percent_off'"),
        ({"type": "FIXED"}, "Property .discount should have required property 'fixed_amount'"),
        (P | {"percent_off": 101}, "Property .discount.percent_off cannot be higher than 100"),
        (P | {"percent_off": 100.01}, "Property .discount.percent_off cannot be higher than 100"),
        (P | {"percent_off": -1}, "Property .discount.percent_off cannot be lower than 0"),
        (P | {"percent_off": "10"}, "Property .discount.percent_off should be number"),
        (P | {"percent_off": True}, "Property .discount.percent_off should be number"),
        (P | {"percent_off": float("nan")}, "Property .discount.percent_off should be number"),
        (P | {"amount_limit": -1}, "Property .discount.amount_limit cannot be lower than 0"),
        (
            P | {"effect": "APPLY_TO_ITEMS_BY_QUANTITY"},
            "Property .discount.effect should be one of: APPLY_TO_ORDER, APPLY_TO_ITEMS",
        ),
        (
            P | {"effect": "ADD_NEW_ITEMS"},
            "Property .discount.effect should be one of: APPLY_TO_ORDER, APPLY_TO_ITEMS",
        ),
        (A | {"amount_off": -1}, "Property .discount.amount_off cannot be lower than 0"),
        (A | {"amount_off": 10.5}, "Property .discount.amount_off should be integer"),
        (
            A | {"amount_off": 10**400},
            "Property .discount.amount_off cannot be higher than 1000000000000000",
        ),
        (
            A | {"amount_off": float("inf")},
            "Property .discount.amount_off cannot be higher than 1000000000000000",
        ),
        (A | {"is_dynamic": "yes"}, "Property .discount.is_dynamic should be boolean"),
        (A | {"amount_off_formula": 5}, "Property .discount.amount_off_formula should be string"),
        (
            {"type": "UNIT", "unit_off": 1},
            "Property .discount should have required property 'unit_type'",
        ),
        (
            {"type": "UNIT", "unit_type": "p"},
            "Property .discount should have required property 'unit_off'",
        ),
        (U | {"unit_off": 0}, "Property .discount.unit_off cannot be lower than 1"),
        (U | {"unit_type": ""}, "Property .discount.unit_type should have 1 to 2000 characters"),
        (
            U | {"unit_type": "a\0"},
            "Property .discount.unit_type has a character that no text can have",
        ),
        (
            U | {"unit_type": "\ud800"},
            "Property .discount.unit_type has a character that no text can have",
        ),
        (
            U | {"effect": ORDER},
            "Property .discount.effect should be one of: "
            "ADD_MISSING_ITEMS, ADD_NEW_ITEMS, ADD_MANY_ITEMS, ADD_SAME_ITEMS",
        ),
        (
            {"type": "UNIT", "effect": "ADD_MANY_ITEMS", "units": []},
            "Property .discount.units should have at least one unit",
        ),
        (
            {"type": "UNIT", "effect": "ADD_MANY_ITEMS", "units": [1]},
            "Property .discount.units[0] should be object",
        ),
        (
            {"type": "UNIT", "units": [{"unit_off": 1, "unit_type": "p"}] * 101},
            "Property .discount.units should NOT have more than 100 items",
        ),
        (
            {"type": "UNIT", "units": [{"unit_type": "p", "effect": "ADD_MANY_ITEMS"}]},
            "Property .discount.units[0].effect should be one of: ADD_MISSING_ITEMS, ADD_NEW_ITEMS",
        ),
    ],
)
def test_refusals(sent: Any, text: str) -> None:
    with pytest.raises(DiscountError) as refusal:
        discounts.read(sent)
    assert str(refusal.value) == text


@pytest.mark.parametrize(
    "text", ["IF(", "ORDER_ITEM_PRICE", "9^9^", "__import__('os')", "1" * 2001]
)
def test_a_formula_that_cannot_be_read_is_refused_by_name(text: str) -> None:
    with pytest.raises(DiscountError, match=r"Property \.discount\.amount_off_formula "):
        discounts.read(A | {"amount_off_formula": text})


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
NAMES = [*discounts.Unit.__struct_fields__, *discounts.Amount.__struct_fields__, "percent_off"]


@given(st.sampled_from([*discounts.EFFECTS, "X"]), st.dictionaries(st.sampled_from(NAMES), JSON))
def test_anything_is_read_or_refused(kind: str, members: dict[str, Any]) -> None:
    try:
        read = discounts.read({"type": kind} | members)
    except DiscountError as refusal:
        assert str(refusal).startswith("Property .discount")
    else:
        assert discounts.read(msgspec.to_builtins(read)) == read


def test_deep_nesting_does_not_matter() -> None:
    nested: Any = 1
    for _ in range(10_000):
        nested = [nested]
    with pytest.raises(DiscountError):
        discounts.read(A | {"amount_off": nested})
    assert discounts.read(A | {"else": nested}) == discounts.read(A)
