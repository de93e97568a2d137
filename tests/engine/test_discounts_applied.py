"""What discounts take off orders: the worked examples, limits, formulas, bundles, stacking."""

from __future__ import annotations

from typing import Any

import pytest

from largesse.engine.calculation import INITIAL_AMOUNT
from largesse.engine.lines import Cart
from tests.engine.carts import ADVENTURE, BRAND, SHOP, cart, scope_of, take

AMOUNT: dict[str, Any] = {"type": "AMOUNT", "amount_off": 1000}
TEN: dict[str, Any] = {"type": "PERCENT", "percent_off": 10}
ITEMS, BY_QUANTITY = {"effect": "APPLY_TO_ITEMS"}, {"effect": "APPLY_TO_ITEMS_BY_QUANTITY"}
SPLIT = {"effect": "APPLY_TO_ITEMS_PROPORTIONALLY"}
SPLIT_BY_QUANTITY = {"effect": "APPLY_TO_ITEMS_PROPORTIONALLY_BY_QUANTITY"}


def items(
    discount: dict[str, Any], entry: dict[str, Any], order: Cart = SHOP, **terms: Any
) -> list[int]:
    """What comes off each line of what is of the Adventure brand."""
    applicable_to = {"included": [BRAND | entry]}
    applied = take(discount, order, applicable_to, collections=ADVENTURE, **terms)
    assert applied.total == order.left - applied.cart.left
    return list(applied.items)


@pytest.mark.parametrize(
    ("discount", "entry", "expected"),
    [
        # The worked examples: mug, poster, t-shirt, and a bottle of another brand.
        (AMOUNT | ITEMS, {}, [1000, 1000, 1000, 0]),
        (AMOUNT | BY_QUANTITY, {}, [2000, 3000, 3000, 0]),
        (AMOUNT | SPLIT, {}, [160, 360, 480, 0]),
        (AMOUNT | SPLIT_BY_QUANTITY, {}, [250, 375, 375, 0]),
        (TEN | ITEMS, {}, [200, 450, 600, 0]),
        ({"type": "FIXED", "fixed_amount": 1000} | ITEMS, {}, [0, 1500, 3000, 0]),
        ({"type": "FIXED"} | ITEMS, {"price": 1000}, [0, 1500, 3000, 0]),
        ({"type": "FIXED"} | ITEMS, {"price": 0}, [2000, 4500, 6000, 0]),
        # An entry's price goes before the discount's; without any, nothing happens.
        ({"type": "FIXED", "fixed_amount": 0} | ITEMS, {"price": 1900}, [0, 0, 300, 0]),
        ({"type": "FIXED"} | ITEMS, {}, [0, 0, 0, 0]),
        # Limits of a line and of the order, of the discount and of the entry: the lowest counts.
        (TEN | {"amount_limit": 300} | ITEMS, {}, [200, 300, 300, 0]),
        (TEN | ITEMS, {"amount_limit": 250}, [200, 250, 250, 0]),
        (TEN | {"amount_limit": 300} | ITEMS, {"amount_limit": 250}, [200, 250, 250, 0]),
        (TEN | {"amount_limit": 0} | ITEMS, {"amount_limit": 0}, [200, 450, 600, 0]),
        (TEN | {"aggregated_amount_limit": 500} | ITEMS, {}, [200, 300, 0, 0]),
        (TEN | ITEMS, {"aggregated_amount_limit": 500}, [200, 300, 0, 0]),
        (AMOUNT | {"aggregated_amount_limit": 1500} | ITEMS, {}, [1000, 500, 0, 0]),
        (AMOUNT | {"aggregated_amount_limit": 2500} | BY_QUANTITY, {}, [2000, 500, 0, 0]),
        (AMOUNT | BY_QUANTITY, {"quantity_limit": 1}, [1000, 1000, 1000, 0]),
        (AMOUNT | BY_QUANTITY, {"aggregated_quantity_limit": 3}, [2000, 1000, 0, 0]),
        (TEN | ITEMS, {"quantity_limit": 1}, [100, 150, 200, 0]),
        # No unit becomes cheaper than free.
        ({"type": "AMOUNT", "amount_off": 1800} | BY_QUANTITY, {}, [2000, 4500, 5400, 0]),
        ({"type": "AMOUNT", "amount_off": 3000} | ITEMS, {}, [2000, 3000, 3000, 0]),
        # What a split is too much for one line, the others take.
        ({"type": "AMOUNT", "amount_off": 10_400} | SPLIT_BY_QUANTITY, {}, [2000, 4200, 4200, 0]),
        ({"type": "AMOUNT", "amount_off": 99_999} | SPLIT_BY_QUANTITY, {}, [2000, 4500, 6000, 0]),
        ({"type": "AMOUNT", "amount_off": 99_999} | SPLIT, {}, [2000, 4500, 6000, 0]),
    ],
)
def test_items(discount: dict[str, Any], entry: dict[str, Any], expected: list[int]) -> None:
    assert items(discount, entry) == expected


@pytest.mark.parametrize(
    ("discount", "expected"),
    [
        # Worked examples: orders of 465.00 and 200.50.
        ({"type": "AMOUNT", "amount_off": 1000}, 1000),
        ({"type": "PERCENT", "percent_off": 10}, 4650),
        ({"type": "PERCENT", "percent_off": 100}, 46_500),
        ({"type": "PERCENT", "percent_off": 12.5}, 5813),
        ({"type": "PERCENT", "percent_off": 0.01}, 5),
        ({"type": "PERCENT", "percent_off": 10, "amount_limit": 3000}, 3000),
        ({"type": "PERCENT", "percent_off": 10, "aggregated_amount_limit": 2000}, 2000),
        ({"type": "AMOUNT", "amount_off": 1000, "aggregated_amount_limit": 900}, 900),
        ({"type": "AMOUNT", "amount_off": 10**15}, 46_500),
        ({"type": "FIXED", "fixed_amount": 5000}, 41_500),
        ({"type": "FIXED", "fixed_amount": 46_500}, 0),
        ({"type": "FIXED", "fixed_amount": 99_999}, 0),
        ({"type": "FIXED", "fixed_amount": 0}, 46_500),
    ],
)
def test_the_order(discount: dict[str, Any], expected: int) -> None:
    applied = take(discount, Cart(amount=46_500))
    assert (applied.amount, applied.items, applied.cart.left) == (expected, (), 46_500 - expected)


def test_items_then_order_as_they_stack() -> None:
    """Of 27.00: 10.00 off each of two items, one of them cheaper; 1.00, 40% and 0.30 after."""
    order = cart(("tv", 2000, 1), ("cable", 700, 1))
    first = take(AMOUNT | ITEMS, order)
    assert (first.items, first.items_amount, first.cart.left) == ((1000, 700), 1700, 1000)
    credits_ = take({"type": "AMOUNT", "amount_off": 100}, first.cart)
    percent = take({"type": "PERCENT", "percent_off": 40}, credits_.cart)
    last = take({"type": "AMOUNT", "amount_off": 30}, percent.cart)
    assert (percent.amount, last.amount) == (360, 30)
    assert (last.cart.discount_amount, last.cart.left) == (490, 510)
    assert [line.subtotal for line in last.cart.lines] == [1000, 0]


@pytest.mark.parametrize(
    ("mode", "of_order", "of_items"),
    [("DISCOUNTED_AMOUNT", [1000, 900], [[500], [450]]), (INITIAL_AMOUNT, [1000] * 2, [[500]] * 2)],
)
def test_percentages_of_what_is_left_or_of_what_there_was(
    mode: str, of_order: list[int], of_items: list[list[int]]
) -> None:
    once = take(TEN, Cart(amount=10_000), mode=mode)
    twice = take(TEN, once.cart, mode=mode)
    assert [once.amount, twice.amount] == of_order
    once = take(TEN | ITEMS, cart(("a", 2500, 2)), mode=mode)
    twice = take(TEN | ITEMS, once.cart, mode=mode)
    assert [list(once.items), list(twice.items)] == of_items


def test_initial_amounts_never_take_more_than_is_left() -> None:
    order = take({"type": "PERCENT", "percent_off": 80}, Cart(amount=1000)).cart
    assert take({"type": "PERCENT", "percent_off": 80}, order, mode=INITIAL_AMOUNT).amount == 200


def test_items_give_no_more_than_the_order_has_left() -> None:
    order = take({"type": "AMOUNT", "amount_off": 17_000}, SHOP).cart
    applied = take(AMOUNT | ITEMS, order)
    assert (applied.items, applied.cart.left) == ((500, 0, 0, 0), 0)


RULE = {"effect": "APPLY_FROM_MOST_EXPENSIVE", "skip_initially": 1, "repeat": 2}
BRANDED = cart(
    ("t-shirt", 2000, 3), ("poster", 1500, 5), ("mug", 1000, 2), ("socks", 500, 4), ("cup", 2500, 2)
)


@pytest.mark.parametrize(
    ("effect", "target", "expected"),
    [("APPLY_TO_ITEMS", "ITEM", [0, 500, 0, 500, 0]),
     ("APPLY_TO_ITEMS_BY_QUANTITY", "UNIT", [500, 1500, 500, 1000, 0])],
)  # fmt: skip
def test_application_rules(effect: str, target: str, expected: list[int]) -> None:
    """The worked examples of every second line, and every second unit, from the most expensive."""
    discount = {"type": "AMOUNT", "amount_off": 500, "effect": effect}
    assert items(discount, RULE | {"target": target}, BRANDED) == expected


@pytest.mark.parametrize(
    ("formula", "amount", "expected"),
    [
        ("IF(ORDER_AMOUNT > 300;15;5)", 46_500, 6975),
        ("IF(ORDER_AMOUNT > 300;15;5)", 20_000, 2325),
        ("ORDER_AMOUNT - 400", 46_500, 30_225),
        ("ORDER_AMOUNT", 46_500, 46_500),
        ("0 - ORDER_AMOUNT", 46_500, 0),
        ("12.34 + 0", 46_500, 5738),
        # What cannot be worked out gives way to the definition's own percentage.
        ('CUSTOMER_METADATA("age")', 46_500, 4650),
        ("1 / 0", 46_500, 4650),
    ],
)
def test_percentages_by_formula(formula: str, amount: int, expected: int) -> None:
    discount = TEN | {"percent_off_formula": formula}
    order = Cart(amount=46_500)
    assert take(discount, order, scopes=lambda index: scope_of(amount)).amount == expected


def test_amounts_by_formula() -> None:
    scopes: dict[str, Any] = {"scopes": lambda index: scope_of(46_500)}
    order = Cart(amount=46_500)
    amount = AMOUNT | {"amount_off_formula": "ORDER_AMOUNT / 8"}
    fixed = {"type": "FIXED", "fixed_amount": 1, "fixed_amount_formula": "ORDER_AMOUNT / 8"}
    assert take(amount, order, **scopes).amount == 5813
    assert take(fixed, order, **scopes).amount == 46_500 - 5813
    assert take(AMOUNT | {"amount_off_formula": "0 - 5"}, order, **scopes).amount == 0


def test_prices_by_formula() -> None:
    """The worked example of new prices: 80% of the price of one line, no price for another."""
    order = cart(("t-shirt", 11_000, 2), ("shipping", 2000, 1))
    entries = [
        {
            "object": "product",
            "id": "t-shirt",
            "price": 99_900,
            "price_formula": "ORDER_AMOUNT * 0.2",
        },
        {
            "object": "product",
            "id": "shipping",
            "price": 2000,
            "price_formula": "IF(ORDER_AMOUNT > 400;0;20)",
        },
    ]
    discount = {"type": "FIXED", "effect": "APPLY_TO_ITEMS"}
    applied = take(discount, order, {"included": entries}, scopes=lambda index: scope_of(44_000))
    assert applied.items == (22_000 - 2 * 8800, 2000)
    # Without an order to speak of, the prices are the fallbacks.
    assert take(discount, order, {"included": entries}).items == (0, 0)
    # And where there is no fallback either, nothing becomes free.
    bare = [{key: entry[key] for key in entry if key != "price"} for entry in entries]
    for entry in bare:
        entry["price_formula"] = 'ORDER_METADATA("price") * 1'
    assert take(discount, order, {"included": bare}).items == (0, 0)


@pytest.mark.parametrize(
    ("discount", "bundles", "expected"),
    [
        ({"type": "AMOUNT", "amount_off": 100}, 5, 500),
        ({"type": "PERCENT", "percent_off": 5}, 5, 2500),
        ({"type": "PERCENT", "percent_off": 40}, 3, 10_000),
        ({"type": "PERCENT", "percent_off": 5, "amount_limit": 200}, 5, 1000),
        # A new price of the whole is not multiplied.
        ({"type": "FIXED", "fixed_amount": 5000}, 5, 5000),
    ],
)
def test_bundles_multiply_what_comes_off_the_order(
    discount: dict[str, Any], bundles: int, expected: int
) -> None:
    assert take(discount, Cart(amount=10_000), bundles=bundles).amount == expected


@pytest.mark.parametrize(
    ("discount", "entry", "rows", "expected"),
    [
        # 20.00 off one mouse for each laptop and bag: of three mice two, or all without a limit.
        (AMOUNT | {"amount_off": 2000} | BY_QUANTITY, {"quantity_limit": 1}, [5000, 3], [4000]),
        (AMOUNT | {"amount_off": 2000} | BY_QUANTITY, {}, [5000, 3], [6000]),
        # 20.00 off the line.
        (AMOUNT | {"amount_off": 2000} | ITEMS, {}, [5000, 3], [4000]),
        # 5% for each bundle; the units that it covers stay as they are.
        ({"type": "PERCENT", "percent_off": 5} | ITEMS, {}, [1000, 4], [400]),
        ({"type": "PERCENT", "percent_off": 5} | ITEMS, {"quantity_limit": 1}, [1000, 4], [100]),
        # 10.00 for a ticket, one with each bundle.
        ({"type": "FIXED"} | ITEMS, {"price": 1000, "quantity_limit": 1}, [2500, 3], [3000]),
    ],
)
def test_two_bundles_multiply_what_comes_off_lines(
    discount: dict[str, Any], entry: dict[str, Any], rows: list[int], expected: list[int]
) -> None:
    order = cart(("mug", rows[0], rows[1]))
    assert items(discount, entry, order, bundles=2) == expected


@pytest.mark.parametrize(
    ("effect", "rows", "expected"),
    [
        (SPLIT, [("mug", 3000, 1), ("poster", 2000, 1)], [1200, 800]),
        (SPLIT_BY_QUANTITY, [("mug", 900, 3), ("poster", 900, 2)], [1200, 800]),
    ],
)
def test_two_bundles_multiply_what_is_split(
    effect: dict[str, str], rows: list[tuple[str, int, int]], expected: list[int]
) -> None:
    assert items(AMOUNT | effect, {}, cart(*rows), bundles=2) == expected
