"""What holds for every discount and every order."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from largesse.engine import discounts, lines
from largesse.engine.calculation import DISCOUNTED_AMOUNT, INITIAL_AMOUNT
from largesse.engine.discounts import AMOUNT, FIXED, PERCENT
from largesse.engine.lines import Cart
from tests.engine.carts import CARTS, take

AMOUNTS = st.integers(0, 100_000)
LIMITS = st.fixed_dictionaries({}, optional={"aggregated_amount_limit": AMOUNTS})
DISCOUNTS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(
        lambda amount, effect, limit: {
            "type": AMOUNT, "amount_off": amount, "effect": effect, **limit
        },
        AMOUNTS, st.sampled_from(discounts.EFFECTS[AMOUNT]), LIMITS,
    ),
    st.builds(
        lambda percent, effect, limit: {
            "type": PERCENT, "percent_off": percent / 100, "effect": effect, **limit
        },
        st.integers(0, 10_000), st.sampled_from(discounts.EFFECTS[PERCENT]), LIMITS,
    ),
    st.builds(
        lambda amount, effect: {"type": FIXED, "fixed_amount": amount, "effect": effect},
        AMOUNTS, st.sampled_from(discounts.EFFECTS[FIXED]),
    ),
)  # fmt: skip
ENTRIES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"object": st.just("product"), "id": st.sampled_from("abcde")},
    optional={
        "effect": st.sampled_from(["APPLY_TO_EVERY", "APPLY_FROM_CHEAPEST", "APPLY_TO_CHEAPEST"]),
        "target": st.sampled_from(["ITEM", "UNIT"]),
        "quantity_limit": st.integers(0, 3),
        "aggregated_quantity_limit": st.integers(0, 5),
        "amount_limit": AMOUNTS,
        "aggregated_amount_limit": AMOUNTS,
        "price": AMOUNTS,
        "repeat": st.integers(1, 3),
        "skip_initially": st.integers(0, 3),
    },
)
APPLICABLE: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "included": st.lists(ENTRIES, max_size=3),
        "excluded": st.lists(ENTRIES, max_size=1),
        "included_all": st.booleans(),
    },
)
MODES = st.sampled_from([DISCOUNTED_AMOUNT, INITIAL_AMOUNT])


@given(CARTS, st.lists(st.tuples(DISCOUNTS, APPLICABLE), max_size=4), MODES, st.integers(1, 3))
def test_no_discount_takes_more_than_is_left(
    order: Cart, stack: list[tuple[dict[str, Any], dict[str, Any]]], mode: str, bundles: int
) -> None:
    for discount, applicable_to in stack:
        applied = take(discount, order, applicable_to, mode=mode, bundles=bundles)
        after = applied.cart
        assert applied.amount >= 0
        assert all(part >= 0 for part in applied.items)
        assert applied.total == order.left - after.left
        assert 0 <= after.left <= order.left
        for line, part, was in zip(after.lines, applied.items, order.lines, strict=True):
            assert line.discount_amount == was.discount_amount + part <= line.amount
            assert (line.quantity, line.amount) == (was.quantity, was.amount)
        assert after.whole == order.whole
        limit = discount.get("aggregated_amount_limit")
        assert not limit or applied.total <= limit * bundles
        order = after


@given(CARTS, MODES)
def test_all_of_the_order_leaves_nothing(order: Cart, mode: str) -> None:
    for effect in ("APPLY_TO_ORDER", "APPLY_TO_ITEMS"):
        discount = {"type": PERCENT, "percent_off": 100, "effect": effect}
        assert take(discount, order, mode=mode).cart.left == 0


UNSPLIT = st.sampled_from([discounts.TO_ORDER, discounts.TO_ITEMS, discounts.BY_QUANTITY])


@given(CARTS, UNSPLIT, AMOUNTS, AMOUNTS)
def test_equal_amounts_in_either_order(order: Cart, effect: str, one: int, two: int) -> None:
    """Amounts off the order, each line and each unit come to the same however they follow."""
    first, second = ({"type": AMOUNT, "amount_off": off, "effect": effect} for off in (one, two))
    there = take(second, take(first, order).cart).cart
    back = take(first, take(second, order).cart).cart
    assert there == back


@given(CARTS, DISCOUNTS, DISCOUNTS)
def test_percentages_of_the_initial_amount_in_either_order(
    order: Cart, one: dict[str, Any], two: dict[str, Any]
) -> None:
    first, second = (d | {"effect": "APPLY_TO_ORDER"} for d in (one, two))
    there = take(second, take(first, order, mode=INITIAL_AMOUNT).cart, mode=INITIAL_AMOUNT)
    back = take(first, take(second, order, mode=INITIAL_AMOUNT).cart, mode=INITIAL_AMOUNT)
    assert there.cart.left == back.cart.left


@given(CARTS, AMOUNTS, st.sampled_from(["", "_BY_QUANTITY"]))
def test_what_is_split_is_split_exactly(order: Cart, amount: int, by: str) -> None:
    effect = f"APPLY_TO_ITEMS_PROPORTIONALLY{by}"
    applied = take({"type": AMOUNT, "amount_off": amount, "effect": effect}, order)
    assert applied.items_amount == min(amount, order.whole)
    if not by and 0 < amount <= order.whole:
        for line, part in zip(order.lines, applied.items, strict=True):
            assert abs(part - Fraction(amount * line.amount, order.whole)) < 1


@given(CARTS, DISCOUNTS, APPLICABLE)
def test_lines_split_or_not_never_overlap(
    order: Cart, discount: dict[str, Any], applicable_to: dict[str, Any]
) -> None:
    """A line that is excluded, and one that nothing includes, keeps its price."""
    applied = take(discount, order, applicable_to)
    excluded = {entry["id"] for entry in applicable_to.get("excluded", [])}
    included = {entry["id"] for entry in applicable_to.get("included", [])}
    open_to_all = applicable_to.get("included_all") or not included
    for line, part in zip(order.lines, applied.items, strict=True):
        if line.product_id in excluded or not (open_to_all or line.product_id in included):
            assert part == 0


@given(CARTS)
def test_lines_are_items_again(order: Cart) -> None:
    items = [line.item for line in order.lines]
    assert lines.cart(items, 5) == (order if items else Cart(amount=5))
    assert [lines.item(line) for line in order.lines] == items
    assert lines.read(items) == order.lines
