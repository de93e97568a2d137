"""The lines of an order while discounts are worked out: what each costs, and what is left of it.

Amounts are in minor units. A line never changes; a discount answers new ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec
from msgspec import UNSET, UnsetType

from largesse.engine.money import rounded
from largesse.engine.orders import Item

# Of a product or SKU, by its id or source id: the ids of the collections that it belongs to. A
# SKU belongs to those of its product too.
Collections = Mapping[str, AbstractSet[str]]


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order line. `amount` is before any discount, `discount_amount` what items' discounts have
    taken so far. The `initial_` members say what was there before free units came; unset where no
    discount of units touched the line. `item` is what the line was made of, with its metadata.
    """

    index: int
    product_id: str | None = None
    product_source_id: str | None = None
    sku_id: str | None = None
    sku_source_id: str | None = None
    quantity: int = 1
    price: int | None = None
    amount: int = 0
    discount_amount: int = 0
    discount_quantity: int = 0
    initial_quantity: int | UnsetType = UNSET
    initial_amount: int | UnsetType = UNSET
    item: Item = msgspec.field(default_factory=Item)

    @property
    def subtotal(self) -> int:
        """What is left of the line after its discounts."""
        return max(self.amount - self.discount_amount, 0)

    @property
    def paid(self) -> int:
        """How many units are not free: those that a further discount can be taken off."""
        return max(self.quantity - self.discount_quantity, 0)

    @property
    def unit_price(self) -> int:
        """The price of one unit: as given, else what a unit comes to."""
        return rounded(self.amount, self.quantity) if self.price is None else self.price

    @property
    def products(self) -> tuple[str, ...]:
        """The id and source id of the product, those that are known."""
        return _known(self.product_id, self.product_source_id)

    @property
    def skus(self) -> tuple[str, ...]:
        """The id and source id of the SKU, those that are known."""
        return _known(self.sku_id, self.sku_source_id)


def _known(id_: str | None, source_id: str | None) -> tuple[str, ...]:
    if source_id is None:
        return () if id_ is None else (id_,)
    return (source_id,) if id_ is None else (id_, source_id)


class Cart(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order's lines, and what was taken off the order as a whole so far. `amount` is what an
    order comes to whose lines do not say; 0 where they do.
    """

    lines: tuple[Line, ...] = ()
    amount: int = 0
    discount_amount: int = 0

    @property
    def whole(self) -> int:
        """Before any discount."""
        return self.amount + sum(line.amount for line in self.lines)

    @property
    def initial(self) -> int:
        """Before any discount, without the free units that discounts added."""
        return self.amount + sum(
            line.amount if line.initial_amount is UNSET else line.initial_amount
            for line in self.lines
        )

    @property
    def left(self) -> int:
        """What is due after all discounts so far."""
        of_lines = sum(line.discount_amount for line in self.lines)
        return max(self.whole - of_lines - self.discount_amount, 0)


def cart(items: Sequence[Item], amount: int | None, discount_amount: int = 0) -> Cart:
    """The cart of an order: its priced items decide over an `amount` that was sent beside them,
    unless none of them has one.
    """
    itemized = any(isinstance(item.amount, int) for item in items)
    return Cart(
        lines=read(items),
        amount=0 if itemized else amount or 0,
        discount_amount=discount_amount,
    )


def stored(items: Sequence[Item], amount: int, discount_amount: int) -> Cart:
    """The cart of an order that is stored, which knows what it comes to: what its lines do not say
    of that is the order's own.
    """
    found = read(items)
    own = max(amount - sum(line.amount for line in found), 0)
    return Cart(lines=found, amount=own, discount_amount=discount_amount)


def read(items: Sequence[Item]) -> tuple[Line, ...]:
    """The lines of an order's priced items, in their order."""
    return tuple(_line(item, index) for index, item in enumerate(items))


def _line(item: Item, index: int) -> Line:
    product, sku = item.product or None, item.sku or None
    source_id = item.source_id or None
    of_sku = item.related_object == "sku"
    quantity = item.quantity or 1
    price = item.price if isinstance(item.price, int) else None
    return Line(
        index=index,
        product_id=item.product_id or (product and product.id) or None,
        product_source_id=(product and product.source_id) or (None if of_sku else source_id),
        sku_id=item.sku_id or (sku and sku.id) or None,
        sku_source_id=(sku and sku.source_id) or (source_id if of_sku else None),
        quantity=quantity,
        price=price,
        amount=item.amount if isinstance(item.amount, int) else (price or 0) * quantity,
        discount_amount=item.discount_amount or 0,
        discount_quantity=item.discount_quantity or 0,
        initial_quantity=item.initial_quantity,
        initial_amount=item.initial_amount,
        item=item,
    )


def item(line: Line) -> Item:
    """The order item that a line has become. What is free of discounts says nothing of them, and
    what has no price nothing of amounts, as a free shipping that is no product with a price.
    """
    priced = line.price is not None or line.amount > 0
    return msgspec.structs.replace(
        line.item,
        product_id=line.product_id or UNSET,
        sku_id=line.sku_id or UNSET,
        quantity=line.quantity,
        discount_quantity=line.discount_quantity or UNSET,
        initial_quantity=line.initial_quantity,
        price=UNSET if line.price is None else line.price,
        amount=line.amount if priced else UNSET,
        discount_amount=line.discount_amount or UNSET,
        initial_amount=line.initial_amount if priced else UNSET,
        subtotal_amount=line.subtotal if priced else UNSET,
    )


def collections_of(line: Line, collections: Collections) -> AbstractSet[str]:
    """The ids of the collections that a line's product or SKU belongs to."""
    found: AbstractSet[str] = frozenset()
    for key in line.products + line.skus:
        if its := collections.get(key):
            found = found | its if found else its
    return found


def worth(line: Line, quantity: int) -> int:
    """What can be taken off some units of a line at most: their price, and what is left of it."""
    return min(rounded(line.amount * quantity, line.quantity), line.subtotal)
