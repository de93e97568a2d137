"""What an order comes to after some discounts, and what they did to each line."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from largesse.engine import lines
from largesse.engine.lines import Cart, Line
from largesse.engine.orders import Item


class Receipt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The sums of an order, in minor units; the `applied_` ones are of the discounts in question,
    the others of all so far. `initial_amount` is set where units were added.
    """

    amount: int
    initial_amount: int | UnsetType
    discount_amount: int
    items_discount_amount: int
    total_discount_amount: int
    total_amount: int
    applied_discount_amount: int
    items_applied_discount_amount: int
    total_applied_discount_amount: int
    items: list[Item]


def of(before: Cart, after: Cart) -> Receipt:
    """What was done to a cart between two moments."""
    of_items = sum(line.discount_amount for line in after.lines)
    applied = after.discount_amount - before.discount_amount
    earlier = {line.index: line for line in before.lines}
    items, items_applied = [], 0
    for line in after.lines:
        was = earlier.get(line.index)
        items_applied += line.discount_amount - (was.discount_amount if was else 0)
        items.append(_item(was, line))
    added = any(line.initial_amount is not UNSET for line in after.lines)
    return Receipt(
        amount=after.whole,
        initial_amount=after.initial if added else UNSET,
        discount_amount=after.discount_amount,
        items_discount_amount=of_items,
        total_discount_amount=after.discount_amount + of_items,
        total_amount=after.left,
        applied_discount_amount=applied,
        items_applied_discount_amount=items_applied,
        total_applied_discount_amount=applied + items_applied,
        items=items,
    )


def _item(was: Line | None, line: Line) -> Item:
    """A line as it is answered, with what was applied to it."""
    before = was or msgspec.structs.replace(
        line, quantity=0, amount=0, discount_amount=0, discount_quantity=0
    )
    off = line.discount_amount - before.discount_amount
    quantity = line.quantity - before.quantity
    item = lines.item(line)
    # An item is called what the shop called it: one by its source id goes on without an id.
    item.product_id, item.sku_id = line.item.product_id, line.item.sku_id
    item.applied_discount_amount = off or UNSET
    item.applied_discount_quantity = line.discount_quantity - before.discount_quantity or UNSET
    item.applied_quantity = quantity or UNSET
    item.applied_quantity_amount = line.amount - before.amount if quantity else UNSET
    return item
