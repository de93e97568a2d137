"""Orders: what their items come to, and how their status may move. Amounts are in minor units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

CREATED, PAID, FULFILLED, CANCELED = "CREATED", "PAID", "FULFILLED", "CANCELED"
# A status never goes back to one of a lower rank; PAID and FULFILLED come in either order.
_RANKS = {CREATED: 0, PAID: 1, FULFILLED: 1, CANCELED: 2}
# What a customer's summary counts.
COUNTED = frozenset({PAID, FULFILLED})

# Above this an amount is a mistake, and no sum of a customer's orders could hold many.
MOST_AMOUNT = 10**15
MOST_QUANTITY = 10**9


class Sold(msgspec.Struct, omit_defaults=True):
    """The product of an item, or its SKU (which has its name in `sku`), as it is answered."""

    id: str | UnsetType = UNSET
    source_id: str | UnsetType = UNSET
    override: bool | UnsetType = UNSET
    name: str | UnsetType = UNSET
    sku: str | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    price: int | UnsetType = UNSET


class Item(msgspec.Struct, kw_only=True):
    """A line of an order. What is unset is left out; `subtotal_amount` is after its discounts, and
    the `applied_` members tell what one request did.
    """

    object: str = "order_item"
    source_id: str | UnsetType = UNSET
    related_object: str | UnsetType = UNSET
    product_id: str | UnsetType = UNSET
    sku_id: str | UnsetType = UNSET
    quantity: int | UnsetType = UNSET
    discount_quantity: int | UnsetType = UNSET
    initial_quantity: int | UnsetType = UNSET
    amount: int | UnsetType = UNSET
    discount_amount: int | UnsetType = UNSET
    applied_discount_amount: int | UnsetType = UNSET
    applied_discount_quantity: int | UnsetType = UNSET
    applied_quantity: int | UnsetType = UNSET
    applied_quantity_amount: int | UnsetType = UNSET
    initial_amount: int | UnsetType = UNSET
    price: int | UnsetType = UNSET
    subtotal_amount: int | UnsetType = UNSET
    product: Sold | UnsetType = UNSET
    sku: Sold | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET


# What items say of the request that touched them last.
APPLIED = ("discount_amount", "discount_quantity", "quantity", "quantity_amount")


class Totals(msgspec.Struct, frozen=True):
    """The sums of an order; `total_amount` is what is due after all discounts, never below 0."""

    amount: int
    discount_amount: int
    items_discount_amount: int
    total_discount_amount: int
    total_amount: int


_BOUNDS = {
    "quantity": (1, MOST_QUANTITY),
    "initial_quantity": (0, MOST_QUANTITY),
    "discount_quantity": (0, MOST_QUANTITY),
    "amount": (0, MOST_AMOUNT),
    "discount_amount": (0, MOST_AMOUNT),
    "initial_amount": (0, MOST_AMOUNT),
    "price": (0, MOST_AMOUNT),
}


def flaw(values: Any, path: str = "") -> str | None:
    """What is wrong with the numbers of an order or an item, such as `Property .items[0].quantity
    cannot be lower than 1`; None where nothing is.
    """
    for name, (least, most) in _BOUNDS.items():
        value = getattr(values, name, None)
        if not isinstance(value, int):
            continue
        if value < least:
            return f"Property {path}.{name} cannot be lower than {least}"
        if value > most:
            return f"Property {path}.{name} cannot be higher than {most}"
    return None


def priced(item: Item) -> Item:
    """The item with its price, amount and subtotal: its own price, else its SKU's, else its
    product's; its own amount, else the price times the quantity (one where none is given).
    """
    for price in (item.price, _price(item.sku), _price(item.product)):
        if isinstance(price, int):
            item.price = price
            break
    if item.amount is UNSET and isinstance(item.price, int):
        item.amount = item.price * (item.quantity if isinstance(item.quantity, int) else 1)
    if isinstance(item.amount, int):
        discount = item.discount_amount if isinstance(item.discount_amount, int) else 0
        item.subtotal_amount = max(item.amount - discount, 0)
    return item


def _price(sold: Sold | UnsetType) -> int | UnsetType:
    return sold.price if isinstance(sold, Sold) else UNSET


def totals(items: Sequence[Item], amount: int | None, discount_amount: int) -> Totals:
    """What an order comes to. Items decide over an `amount` that was sent beside them, unless none
    of them has one.
    """
    amounts = [item.amount for item in items if isinstance(item.amount, int)]
    whole = sum(amounts) if amounts else amount or 0
    of_items = sum(item.discount_amount for item in items if isinstance(item.discount_amount, int))
    discount = of_items + discount_amount
    return Totals(whole, discount_amount, of_items, discount, max(whole - discount, 0))


def may_become(status: str, new: str) -> bool:
    """Whether an order of a status may take on a new one."""
    return _RANKS[new] >= _RANKS[status]


def redeemed(status: str, new: str | None) -> str:
    """The status of an order once something was redeemed for it; a new one that it may not become
    counts for nothing.
    """
    after = new if new is not None and may_become(status, new) else status
    return PAID if after == CREATED else after


def moves(before: str | None, after: str) -> list[str]:
    """The events of an order that was created (`before` is None) or updated, by their last word."""
    happened = ["created" if before is None else "updated"]
    if after not in (before, CREATED):
        happened.append(after.lower())
    return happened
