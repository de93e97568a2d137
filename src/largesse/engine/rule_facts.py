"""What validation rules are judged on: the facts of one redemption of one incentive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from largesse.engine.calendar import Clock
from largesse.engine.lines import Collections, Line
from largesse.engine.orders import Sold

Metadata = Mapping[str, Any]
_NONE: Metadata = {}

PRODUCT, SKU, COLLECTION = "product", "sku", "products_collection"


class LineFacts(msgspec.Struct, frozen=True, gc=False):
    """A line of an order. `names` are what it can be called: `product/` and `sku/` with an id or
    source id, `products_collection/` with the id of one that it belongs to. `price` is a unit's,
    `amount` what is left of the line after the discounts already applied; None where unknown.
    """

    names: frozenset[str] = frozenset()
    price: int | None = None
    quantity: int = 1
    amount: int | None = None
    metadata: Metadata = _NONE
    product_metadata: Metadata = _NONE


class OrderFacts(msgspec.Struct, frozen=True, gc=False):
    """An order before the discount in hand. `amount` is after the discounts already applied,
    `initial_amount` before all of them; None where unknown.
    """

    amount: int | None = None
    initial_amount: int | None = None
    lines: tuple[LineFacts, ...] = ()
    metadata: Metadata = _NONE


class CustomerFacts(msgspec.Struct, frozen=True, gc=False):
    """Who redeems. Of segments and tiers, those that the rules ask about are enough."""

    id: str
    metadata: Metadata = _NONE
    segments: frozenset[str] = frozenset()
    loyalty_tiers: frozenset[str] = frozenset()


class Effect(msgspec.Struct, frozen=True, gc=False):
    """What the redemption comes to once its discount is worked out. `total_amount` is what is
    left to pay, None without an order.
    """

    total_amount: int | None = None
    amount_discounted: int = 0
    gift_amount: int = 0
    points_used: int = 0


class Facts(msgspec.Struct, frozen=True, gc=False):
    """All that rules may ask about; None is what is unknown or takes no part. Amounts are in minor
    units.

    `metadata` is the redemption's, `event` that of the custom event that is answered. `holders`
    are the customers to whom the voucher was published. `counters` are by `Counter.key`, without
    the redemption that is judged. `effect` is None as long as no discount was worked out.
    """

    clock: Clock
    order: OrderFacts | None = None
    customer: CustomerFacts | None = None
    metadata: Metadata = _NONE
    event: Metadata | None = None
    api_key: str | None = None
    user: str | None = None
    holders: frozenset[str] = frozenset()
    counters: Mapping[str, int] = {}
    effect: Effect | None = None


def lines(given: Iterable[Line], collections: Collections) -> tuple[LineFacts, ...]:
    """The lines of an order as rules see them. The metadata of a SKU goes over its product's."""
    return tuple(_line(line, collections) for line in given)


def _line(line: Line, collections: Collections) -> LineFacts:
    products, skus = line.products, line.skus
    names = [f"{PRODUCT}/{key}" for key in products] + [f"{SKU}/{key}" for key in skus]
    for key in products + skus:
        names += [f"{COLLECTION}/{id_}" for id_ in collections.get(key, ())]
    priced = line.price is not None or line.amount > 0
    product, sku = _metadata(line.item.product), _metadata(line.item.sku)
    return LineFacts(
        names=frozenset(names),
        price=line.unit_price if priced else None,
        quantity=line.quantity,
        amount=line.subtotal if priced else None,
        metadata=line.item.metadata or _NONE,
        product_metadata={**product, **sku} if sku else product,
    )


def _metadata(sold: Sold | msgspec.UnsetType) -> Metadata:
    return (sold.metadata or _NONE) if isinstance(sold, Sold) else _NONE
