"""Free units: what a discount of units adds to an order, and what it makes free there.

An added unit joins the line of the same product or SKU, at that line's price; otherwise it is a
new line at the end. A unit that was added is paid for in full by the discount, so that it leaves
what is due as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from largesse.engine.discounts import ADD_NEW, ADD_SAME, Granted, Named, Unit
from largesse.engine.lines import Cart, Collections, Line, collections_of, worth
from largesse.engine.lines import read as read_lines
from largesse.engine.orders import MOST_AMOUNT, MOST_QUANTITY, Item, Sold

# What a `unit_type` names, by its id or source id: an item of the product or SKU with its price.
Catalog = Mapping[str, Item]
# How many units one kind gives.
Counted = Callable[[Granted], int]
Given = TypeVar("Given", Granted, Unit)


def apply(
    discount: Unit, cart: Cart, counted: Counted, catalog: Catalog, collections: Collections
) -> Cart:
    """The cart with the units that a discount gives, in it and free.

    `counted` says how many units of a kind there are to give. A unit type that is no product
    (`catalog` does not know it) gives nothing here.
    """
    lines = list(cart.lines)
    left = cart.left
    for granted in discount.granted:
        quantity = counted(granted)
        if quantity <= 0:
            continue
        if granted.effect == ADD_SAME:
            _add_same(lines, granted.unit_type, quantity, collections)
            continue
        named = catalog.get(granted.unit_type)
        if named is None:
            continue
        if granted.effect != ADD_NEW:
            quantity, freed = _free(lines, named, quantity, left)
            left -= freed
        if quantity:
            _add(lines, named, quantity)
    return msgspec.structs.replace(cart, lines=tuple(lines))


def _free(lines: list[Line], named: Item, quantity: int, left: int) -> tuple[int, int]:
    """Make units free that are there already, and not free yet, up to `quantity`. Answers how many
    are missing, and by how much less is due; that is at most what is left to pay.
    """
    freed = 0
    for number, line in enumerate(lines):
        there = min(line.paid, quantity)
        if there > 0 and _is(line, named):
            off = min(worth(line, there), left - freed)
            lines[number] = _with_free(line, there, 0, off)
            quantity -= there
            freed += off
    return quantity, freed


def _add(lines: list[Line], named: Item, quantity: int) -> None:
    """Add free units to the line that sells the very same, else in a new one."""
    for number, line in enumerate(lines):
        if _is(line, named) and line.sku_id == (named.sku_id or None):
            lines[number] = _added(line, quantity)
            return
    index = len(lines)
    new = read_lines([msgspec.structs.replace(named, quantity=UNSET, amount=UNSET)])[0]
    lines.append(_added(msgspec.structs.replace(new, index=index, quantity=0, amount=0), quantity))


def _add_same(lines: list[Line], unit_type: str, quantity: int, collections: Collections) -> None:
    """Add free units of each product in the cart that is, or is in the collection, named."""
    seen = set()
    for number, line in enumerate(lines):
        keys = line.products + line.skus
        if unit_type in keys or unit_type in collections_of(line, collections):
            if keys not in seen:
                lines[number] = _added(line, quantity)
            seen.add(keys)


def _is(line: Line, named: Item) -> bool:
    """Whether a line sells what was named. A SKU is its product too."""
    if named.sku_id:
        return line.sku_id == named.sku_id
    return line.product_id is not None and line.product_id == named.product_id


def _added(line: Line, quantity: int) -> Line:
    price = line.unit_price if line.quantity else line.price or 0
    quantity = min(quantity, MOST_QUANTITY - line.quantity)
    if price:
        quantity = min(quantity, max(MOST_AMOUNT - line.amount, 0) // price)
    return _with_free(line, quantity, quantity, price * quantity)


def _with_free(line: Line, quantity: int, added: int, off: int) -> Line:
    """A line of which some units are free, among them those that were added."""
    first = line.initial_quantity is UNSET
    return msgspec.structs.replace(
        line,
        quantity=line.quantity + added,
        amount=line.amount + (off if added else 0),
        discount_quantity=line.discount_quantity + quantity,
        discount_amount=line.discount_amount + off,
        initial_quantity=line.quantity if first else line.initial_quantity,
        initial_amount=line.amount if first else line.initial_amount,
    )


def told(discount: Unit, catalog: Catalog) -> Unit:
    """A discount as it is answered: with what the products and SKUs that it gives are called."""
    if discount.units is UNSET:
        return _told(discount, catalog)
    return msgspec.structs.replace(
        discount, units=[_told(granted, catalog) for granted in discount.units]
    )


def _told(given: Given, catalog: Catalog) -> Given:
    item = None if given.unit_type is UNSET else catalog.get(given.unit_type)
    if item is None:
        return given
    return msgspec.structs.replace(
        given, product=_named(given.product, item.product), sku=_named(given.sku, item.sku)
    )


def _named(said: Named | UnsetType, sold: Sold | UnsetType) -> Named | UnsetType:
    if said is not UNSET or sold is UNSET:
        return said
    name = sold.name if sold.sku is UNSET else sold.sku
    return Named(id=sold.id, source_id=sold.source_id, name=name)
