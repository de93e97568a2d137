"""Carts for tests of discounts, from rows of product, price and quantity."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from largesse.engine import applicability, calculation, discounts, lines
from largesse.engine.calculation import Applied, Terms
from largesse.engine.calendar import Clock
from largesse.engine.formula import Order, Scope
from largesse.engine.lines import Cart
from largesse.engine.orders import Item, priced

CLOCK = Clock(datetime(2026, 11, 23, tzinfo=UTC))


def nothing_known(index: int | None) -> Scope:
    return Scope(clock=CLOCK)


def item(product_id: str, price: int, quantity: int = 1, **members: Any) -> Item:
    return priced(Item(product_id=product_id, price=price, quantity=quantity, **members))


def cart(*rows: tuple[str, int, int]) -> Cart:
    return Cart(lines=lines.read([item(*row) for row in rows]))


def take(
    discount: dict[str, Any], order: Cart, applicable_to: dict[str, Any] | None = None, **terms: Any
) -> Applied:
    """A discount taken off an order, both as they are sent."""
    terms = {"scopes": nothing_known} | terms
    read = discounts.read(discount)
    given = Terms(**terms)
    portions = calculation.portions(read, applicability.read(applicable_to or {}), order, given)
    return calculation.apply(read, order, portions, given)


def scope_of(amount: int) -> Scope:
    """What formulas know of an order of so much."""
    return Scope(clock=CLOCK, order=Order(amount=amount))


ROWS = st.tuples(st.sampled_from("abcde"), st.integers(0, 10_000), st.integers(1, 9))
CARTS = st.lists(ROWS, max_size=6).map(lambda rows: cart(*rows))

# The shop of the worked examples: everything of the Adventure brand is in one collection.
ADVENTURE = {name: frozenset({"adventure"}) for name in ("mug", "poster", "t-shirt", "socks")}
SHOP = cart(("mug", 1000, 2), ("poster", 1500, 3), ("t-shirt", 2000, 3), ("bottle", 2500, 2))
BRAND: dict[str, Any] = {"object": "products_collection", "id": "adventure"}
