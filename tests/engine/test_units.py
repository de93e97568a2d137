"""Free units: the worked examples of what is added to a cart and made free there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from largesse.engine import lines
from largesse.engine.lines import Cart
from largesse.engine.orders import Item, totals
from tests.engine.carts import BRAND, CARTS, cart, item, scope_of, take

CATALOG = {
    "shirt": Item(product_id="shirt", price=2900),
    "hat": Item(product_id="hat", price=3100),
    "phone-256": Item(product_id="phone", sku_id="phone-256", price=210_000),
    "shipping": Item(product_id="shipping"),
}


def granted(effect: str, unit_off: int, unit_type: str) -> dict[str, Any]:
    return {"unit_off": unit_off, "unit_type": unit_type, "effect": effect}


def give(order: Cart, *units: dict[str, Any], **terms: Any) -> Any:
    discount = {"type": "UNIT"}
    if len(units) == 1:
        discount |= units[0]
    else:
        discount |= {"effect": "ADD_MANY_ITEMS", "units": list(units)}  # type: ignore[dict-item]
    return take(discount, order, catalog=CATALOG, **terms)


NEW, MISSING, SAME = "ADD_NEW_ITEMS", "ADD_MISSING_ITEMS", "ADD_SAME_ITEMS"


@pytest.mark.parametrize(
    ("effect", "unit_off", "there", "quantity", "discounted", "amount", "off"),
    [
        # One shirt for free: with none, one and two in the cart.
        (NEW, 1, 0, 1, 1, 2900, 2900),
        (NEW, 1, 1, 2, 1, 5800, 2900),
        (NEW, 1, 2, 3, 1, 8700, 2900),
        (MISSING, 1, 0, 1, 1, 2900, 2900),
        (MISSING, 1, 1, 1, 1, 2900, 2900),
        (MISSING, 1, 2, 2, 1, 5800, 2900),
        # Two shirts for free.
        (MISSING, 2, 0, 2, 2, 5800, 5800),
        (MISSING, 2, 1, 2, 2, 5800, 5800),
        (MISSING, 2, 2, 2, 2, 5800, 5800),
        (NEW, 2, 3, 5, 2, 14_500, 5800),
    ],
)
def test_one_kind(
    effect: str, unit_off: int, there: int, quantity: int, discounted: int, amount: int, off: int
) -> None:
    order = cart(("shirt", 2900, there)) if there else cart()
    applied = give(order, granted(effect, unit_off, "shirt"))
    (line,) = applied.cart.lines
    assert (line.quantity, line.discount_quantity) == (quantity, discounted)
    assert (line.amount, line.discount_amount) == (amount, off)
    assert (line.initial_quantity, line.initial_amount) == (there, there * 2900)
    assert applied.items == (off,)


def test_many_kinds() -> None:
    """The worked example: a shirt that may be there, and another hat in any case."""
    order = cart(("shirt", 2900, 1), ("hat", 3100, 1))
    applied = give(order, granted(MISSING, 1, "shirt"), granted(NEW, 1, "hat"))
    shirt, hat = map(lines.item, applied.cart.lines)
    assert (shirt.quantity, shirt.discount_quantity, shirt.initial_quantity) == (1, 1, 1)
    assert (shirt.amount, shirt.discount_amount, shirt.subtotal_amount) == (2900, 2900, 0)
    assert (hat.quantity, hat.discount_quantity, hat.initial_quantity) == (2, 1, 1)
    assert (hat.amount, hat.discount_amount, hat.subtotal_amount) == (6200, 3100, 3100)
    assert hat.initial_amount == 3100
    sums = totals([shirt, hat], None, 0)
    assert (sums.amount, sums.items_discount_amount, sums.total_amount) == (9100, 6000, 3100)
    assert (applied.items, applied.amount, applied.cart.initial) == ((2900, 3100), 0, 6000)


def test_a_new_line_is_what_the_catalog_says() -> None:
    """The worked example of 11 phones that the order did not have."""
    applied = give(cart(("pen", 500, 1)), granted(MISSING, 11, "phone-256"))
    assert [line.index for line in applied.cart.lines] == [0, 1]
    assert applied.items == (0, 2_310_000)
    assert lines.item(applied.cart.lines[1]) == Item(
        product_id="phone",
        sku_id="phone-256",
        quantity=11,
        discount_quantity=11,
        initial_quantity=0,
        price=210_000,
        amount=2_310_000,
        discount_amount=2_310_000,
        initial_amount=0,
        subtotal_amount=0,
    )


def test_free_shipping_without_a_price_has_no_amounts() -> None:
    applied = give(cart(("pen", 500, 1)), granted(MISSING, 1, "shipping"))
    assert lines.item(applied.cart.lines[1]) == Item(
        product_id="shipping", quantity=1, discount_quantity=1, initial_quantity=0
    )
    assert applied.total == 0
    assert applied.cart.left == 500


def test_an_order_that_is_just_an_amount_keeps_it() -> None:
    order = lines.cart([Item(product_id="hat", quantity=1)], 6000, 500)
    assert (order.whole, order.initial, order.left) == (6000, 6000, 5500)
    applied = give(order, granted(NEW, 1, "shirt"))
    assert (applied.items, applied.cart.whole) == ((0, 2900), 8900)
    assert (applied.cart.initial, applied.cart.left) == (6000, 5500)


def test_a_unit_joins_its_line_at_the_price_of_that() -> None:
    applied = give(cart(("shirt", 2500, 2)), granted(NEW, 2, "shirt"))
    (line,) = applied.cart.lines
    assert (line.quantity, line.amount, line.discount_amount) == (4, 10_000, 5000)


def test_a_sku_is_its_product_but_not_another_sku() -> None:
    order = Cart(lines=lines.read([item("phone", 200_000, 1, sku_id="phone-128")]))
    applied = give(order, granted(MISSING, 1, "phone-256"))
    assert applied.items == (0, 210_000)
    catalog = {"phone": Item(product_id="phone", price=1)}
    unit = {"type": "UNIT"} | granted(MISSING, 1, "phone")
    assert take(unit, order, catalog=catalog).items == (200_000,)
    # But nothing of the product itself is there for a new one to join.
    unit = {"type": "UNIT"} | granted(NEW, 1, "phone")
    assert take(unit, order, catalog=catalog).items == (0, 1)


def test_two_discounts_do_not_make_the_same_unit_free() -> None:
    once = give(cart(("shirt", 2900, 1)), granted(MISSING, 1, "shirt"))
    twice = give(once.cart, granted(MISSING, 1, "shirt"))
    (line,) = twice.cart.lines
    assert (line.quantity, line.discount_quantity, line.initial_quantity) == (2, 2, 1)
    assert (twice.items, twice.cart.left) == ((2900,), 0)


def test_free_units_are_not_discounted_again() -> None:
    order = give(cart(("shirt", 2900, 1)), granted(NEW, 3, "shirt")).cart
    percent = {"type": "PERCENT", "percent_off": 10, "effect": "APPLY_TO_ITEMS"}
    assert take(percent, order).items == (290,)
    assert take(percent, order, mode="INITIAL_AMOUNT").items == (290,)
    amount = {"type": "AMOUNT", "amount_off": 100, "effect": "APPLY_TO_ITEMS_BY_QUANTITY"}
    assert take(amount, order).items == (100,)
    price = {"type": "FIXED", "fixed_amount": 2000, "effect": "APPLY_TO_ITEMS"}
    assert take(price, order).items == (900,)
    # A line that is free as a whole is none to choose from.
    both = give(cart(("shirt", 2900, 1), ("hat", 3100, 1)), granted(MISSING, 1, "shirt")).cart
    known = {"shirt": frozenset({"adventure"}), "hat": frozenset({"adventure"})}
    cheapest = {"included": [BRAND | {"effect": "APPLY_TO_CHEAPEST"}]}
    assert take(percent, both, cheapest, collections=known).items == (0, 310)
    whole = {"type": "PERCENT", "percent_off": 50}
    assert take(whole, order, mode="INITIAL_AMOUNT").amount == 1450


def test_what_is_no_product_adds_nothing() -> None:
    order = cart(("pen", 500, 1))
    assert give(order, granted(NEW, 1, "minutes")).cart == order


@pytest.mark.parametrize(("bundles", "quantity"), [(1, 2), (2, 4), (3, 6)])
def test_bundles_multiply_units(bundles: int, quantity: int) -> None:
    applied = give(cart(), granted(NEW, 2, "hat"), bundles=bundles)
    assert applied.cart.lines[0].quantity == quantity


@pytest.mark.parametrize(
    ("formula", "quantity"), [("ORDER_AMOUNT / 100", 5), ("0 - ORDER_AMOUNT", 0), ("1 / 0", 1)]
)
def test_units_by_formula(formula: str, quantity: int) -> None:
    unit = granted(NEW, 1, "hat") | {"unit_off_formula": formula}
    applied = give(cart(), unit, scopes=lambda index: scope_of(46_500))
    assert sum(line.quantity for line in applied.cart.lines) == quantity


def test_more_of_what_is_in_the_cart() -> None:
    order = cart(("shirt", 2900, 1), ("hat", 3100, 2), ("pen", 500, 1))
    clothes = {"shirt": frozenset({"clothes"}), "hat": frozenset({"clothes"})}
    applied = give(order, granted(SAME, 1, "clothes"), collections=clothes)
    assert [line.quantity for line in applied.cart.lines] == [2, 3, 1]
    assert applied.items == (2900, 3100, 0)
    assert give(order, granted(SAME, 2, "pen")).items == (0, 0, 1000)
    assert give(order, granted(SAME, 2, "toys")).items == (0, 0, 0)
    # Two lines of one product are given to once.
    order = cart(("shirt", 2900, 1), ("shirt", 2700, 1))
    assert give(order, granted(SAME, 1, "clothes"), collections=clothes).items == (2900, 0)


def test_an_order_never_grows_beyond_what_orders_can_be() -> None:
    applied = give(cart(("shirt", 10**14, 9)), granted(NEW, 10**9, "shirt"))
    (line,) = applied.cart.lines
    assert (line.quantity, line.amount) == (10, 10**15)
    applied = give(cart(), granted(NEW, 10**9, "shipping"), bundles=100)
    assert applied.cart.lines[0].quantity == 10**9


def test_units_that_were_there_give_no_more_than_is_left() -> None:
    order = take({"type": "AMOUNT", "amount_off": 2000}, cart(("shirt", 2900, 1))).cart
    applied = give(order, granted(MISSING, 2, "shirt"))
    assert (applied.items, applied.cart.left) == ((3800,), 0)


@given(CARTS, st.sampled_from([NEW, SAME]), st.integers(1, 50), st.sampled_from("abz"))
def test_added_units_cost_nothing(order: Cart, effect: str, unit_off: int, product: str) -> None:
    unit = {"type": "UNIT"} | granted(effect, unit_off, product)
    applied = take(unit, order, catalog={product: Item(product_id=product, price=777)})
    assert applied.cart.left == order.left
    assert applied.cart.whole - order.whole == applied.items_amount
    assert applied.cart.initial == order.whole


@given(CARTS, st.integers(1, 50), st.sampled_from("abz"))
def test_missing_units_make_that_many_free(order: Cart, unit_off: int, product: str) -> None:
    unit = {"type": "UNIT"} | granted(MISSING, unit_off, product)
    applied = take(unit, order, catalog={product: Item(product_id=product, price=777)})
    after = [line for line in applied.cart.lines if line.product_id == product]
    there = sum(line.quantity for line in order.lines if line.product_id == product)
    assert sum(line.discount_quantity for line in after) == unit_off
    assert sum(line.quantity for line in after) == max(there, unit_off)
    assert 0 <= applied.cart.left <= order.left
