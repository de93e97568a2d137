from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from largesse.engine.orders import (
    COUNTED,
    MOST_AMOUNT,
    MOST_QUANTITY,
    Item,
    Sold,
    Totals,
    flaw,
    may_become,
    moves,
    priced,
    totals,
)

STATUSES = ["CREATED", "PAID", "FULFILLED", "CANCELED"]


# --- items --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "price", "amount", "subtotal"),
    [
        (Item(price=300, quantity=4), 300, 1200, 1200),
        (Item(price=300), 300, 300, 300),
        (Item(price=0, quantity=7), 0, 0, 0),
        (Item(price=300, quantity=4, amount=1000), 300, 1000, 1000),
        (Item(price=300, quantity=4, amount=0), 300, 0, 0),
        (Item(amount=900), UNSET, 900, 900),
        (Item(amount=900, discount_amount=100), UNSET, 900, 800),
        (Item(amount=900, discount_amount=901), UNSET, 900, 0),
        (Item(price=5, quantity=2, discount_amount=3), 5, 10, 7),
        (Item(price=5, quantity=2, discount_amount=0), 5, 10, 10),
        (Item(quantity=3), UNSET, UNSET, UNSET),
        (Item(quantity=3, discount_amount=5), UNSET, UNSET, UNSET),
        (Item(), UNSET, UNSET, UNSET),
        (Item(quantity=2, product=Sold(price=70)), 70, 140, 140),
        (Item(quantity=2, sku=Sold(price=50), product=Sold(price=70)), 50, 100, 100),
        (Item(quantity=2, price=30, sku=Sold(price=50), product=Sold(price=70)), 30, 60, 60),
        (Item(quantity=2, price=0, sku=Sold(price=50)), 0, 0, 0),
        (Item(quantity=2, sku=Sold(), product=Sold(price=70)), 70, 140, 140),
        (Item(quantity=2, sku=Sold(), product=Sold()), UNSET, UNSET, UNSET),
    ],
)
def test_an_item_has_its_own_price_else_its_skus_else_its_products(
    given: Item, price: Any, amount: Any, subtotal: Any
) -> None:
    item = priced(given)
    assert (item.price, item.amount, item.subtotal_amount) == (price, amount, subtotal)


# --- sums ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "amount", "discount", "expected"),
    [
        ([], None, 0, Totals(0, 0, 0, 0, 0)),
        ([], 700, 0, Totals(700, 0, 0, 0, 700)),
        ([], 700, 200, Totals(700, 200, 0, 200, 500)),
        ([], 700, 701, Totals(700, 701, 0, 701, 0)),
        ([], None, 5, Totals(0, 5, 0, 5, 0)),
        ([Item(amount=900), Item(amount=100)], None, 0, Totals(1000, 0, 0, 0, 1000)),
        ([Item(amount=900), Item(amount=100)], 5, 0, Totals(1000, 0, 0, 0, 1000)),
        ([Item(amount=900), Item()], 5, 0, Totals(900, 0, 0, 0, 900)),
        ([Item(amount=0)], 5, 0, Totals(0, 0, 0, 0, 0)),
        ([Item()], 5, 0, Totals(5, 0, 0, 0, 5)),
        ([Item(quantity=2)], None, 0, Totals(0, 0, 0, 0, 0)),
        ([Item(amount=700, discount_amount=70)], None, 7, Totals(700, 7, 70, 77, 623)),
        ([Item(amount=10, discount_amount=50)], None, 0, Totals(10, 0, 50, 50, 0)),
        ([Item(discount_amount=50)], 80, 0, Totals(80, 0, 50, 50, 30)),
    ],
)
def test_what_an_order_comes_to(
    items: list[Item], amount: int | None, discount: int, expected: Totals
) -> None:
    assert totals(items, amount, discount) == expected


AMOUNTS = st.integers(0, MOST_AMOUNT)
ITEMS = st.builds(
    Item,
    quantity=st.just(UNSET) | st.integers(1, MOST_QUANTITY),
    amount=st.just(UNSET) | AMOUNTS,
    discount_amount=st.just(UNSET) | AMOUNTS,
    price=st.just(UNSET) | AMOUNTS,
)


@given(st.lists(ITEMS, max_size=20), st.none() | AMOUNTS, AMOUNTS)
def test_sums_add_up(items: list[Item], amount: int | None, discount: int) -> None:
    found = totals([priced(item) for item in items], amount, discount)
    assert found.total_discount_amount == found.discount_amount + found.items_discount_amount
    assert found.discount_amount == discount
    assert found.total_amount == max(found.amount - found.total_discount_amount, 0)
    if all(item.amount is UNSET for item in items):
        assert found.amount == (amount or 0)
    else:
        assert found.amount == sum(item.amount for item in items if isinstance(item.amount, int))


@given(st.lists(ITEMS, max_size=8), st.none() | AMOUNTS, AMOUNTS, st.randoms())
def test_the_order_of_items_does_not_matter(
    items: list[Item], amount: int | None, discount: int, shuffled: Any
) -> None:
    ready = [priced(item) for item in items]
    other = list(ready)
    shuffled.shuffle(other)
    assert totals(other, amount, discount) == totals(ready, amount, discount)


@given(ITEMS)
def test_pricing_again_changes_nothing(item: Item) -> None:
    once = priced(item)
    seen = (once.price, once.amount, once.subtotal_amount)
    twice = priced(once)
    assert (twice.price, twice.amount, twice.subtotal_amount) == seen


def test_five_hundred_items_of_the_highest_amounts_fit_a_column() -> None:
    most = [Item(amount=MOST_AMOUNT, discount_amount=MOST_AMOUNT) for _ in range(500)]
    found = totals(most, None, MOST_AMOUNT)
    assert found.amount == 500_000_000_000_000_000
    assert found.total_discount_amount == 501_000_000_000_000_000
    assert max(found.amount, found.total_discount_amount) < 2**63


# --- bounds -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (Item(), None),
        (Item(quantity=1, initial_quantity=1, discount_quantity=0), None),
        (Item(amount=0, discount_amount=0, initial_amount=0, price=0), None),
        (Item(amount=10**15, price=10**15, quantity=10**9), None),
        (Item(quantity=0), "Property .items[3].quantity cannot be lower than 1"),
        (Item(quantity=-1), "Property .items[3].quantity cannot be lower than 1"),
        (Item(initial_quantity=-1), "Property .items[3].initial_quantity cannot be lower than 0"),
        (Item(discount_quantity=-1), "Property .items[3].discount_quantity cannot be lower than 0"),
        (Item(amount=-1), "Property .items[3].amount cannot be lower than 0"),
        (Item(discount_amount=-1), "Property .items[3].discount_amount cannot be lower than 0"),
        (Item(initial_amount=-1), "Property .items[3].initial_amount cannot be lower than 0"),
        (Item(price=-1), "Property .items[3].price cannot be lower than 0"),
        (
            Item(quantity=10**9 + 1),
            "Property .items[3].quantity cannot be higher than 1000000000",
        ),
        (
            Item(amount=10**15 + 1),
            "Property .items[3].amount cannot be higher than 1000000000000000",
        ),
        (Item(price=10**30), "Property .items[3].price cannot be higher than 1000000000000000"),
    ],
)
def test_numbers_out_of_bounds_are_named(item: Item, expected: str | None) -> None:
    assert flaw(item, ".items[3]") == expected


# --- statuses -----------------------------------------------------------------------------------


def test_a_status_never_goes_back() -> None:
    allowed = {(one, other) for one in STATUSES for other in STATUSES if may_become(one, other)}
    assert allowed == {
        ("CREATED", "CREATED"),
        ("CREATED", "PAID"),
        ("CREATED", "FULFILLED"),
        ("CREATED", "CANCELED"),
        ("PAID", "PAID"),
        ("PAID", "FULFILLED"),
        ("PAID", "CANCELED"),
        ("FULFILLED", "FULFILLED"),
        ("FULFILLED", "PAID"),
        ("FULFILLED", "CANCELED"),
        ("CANCELED", "CANCELED"),
    }


def test_paid_and_fulfilled_orders_count() -> None:
    assert sorted(COUNTED) == ["FULFILLED", "PAID"]


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        (None, "CREATED", ["created"]),
        (None, "PAID", ["created", "paid"]),
        (None, "FULFILLED", ["created", "fulfilled"]),
        (None, "CANCELED", ["created", "canceled"]),
        ("CREATED", "CREATED", ["updated"]),
        ("CREATED", "PAID", ["updated", "paid"]),
        ("CREATED", "FULFILLED", ["updated", "fulfilled"]),
        ("CREATED", "CANCELED", ["updated", "canceled"]),
        ("PAID", "PAID", ["updated"]),
        ("PAID", "FULFILLED", ["updated", "fulfilled"]),
        ("PAID", "CANCELED", ["updated", "canceled"]),
        ("FULFILLED", "PAID", ["updated", "paid"]),
        ("FULFILLED", "FULFILLED", ["updated"]),
        ("CANCELED", "CANCELED", ["updated"]),
    ],
)
def test_the_events_of_a_change(before: str | None, after: str, events: list[str]) -> None:
    assert moves(before, after) == events
