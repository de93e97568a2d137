"""What dynamic formulas can speak of: the order, its items, the customer and the redeemable.

Amounts are in minor units here; formulas read them in major units. Whatever is None is not known,
and a formula that needs it cannot be evaluated.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import date, datetime
from functools import cached_property
from typing import Any

import msgspec

from largesse.engine.calendar import Clock
from largesse.engine.lines import Line

Metadata = Mapping[str, Any]


class Order(msgspec.Struct, frozen=True, dict=True):
    """An order, its `amount` as it is due before the discount in hand. One that the scopes of its
    lines share looks for the extremes only once.
    """

    amount: int | None = None
    lines: tuple[Line, ...] = ()
    metadata: Metadata = {}

    @property
    def items(self) -> int:
        return len(self.lines)

    @cached_property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines)

    @cached_property
    def cheapest(self) -> Line | None:
        """The line of the lowest price; among several that of the lowest subtotal, then the first.
        None where no line has a price.
        """
        return self._extreme(1)

    @cached_property
    def most_expensive(self) -> Line | None:
        """The line of the highest price; among several that of the lowest subtotal, then the
        first. None where no line has a price.
        """
        return self._extreme(-1)

    def _extreme(self, sign: int) -> Line | None:
        priced = (line for line in self.lines if is_priced(line))
        return min(priced, key=lambda line: (sign * line.unit_price, line.subtotal), default=None)


def is_priced(line: Line) -> bool:
    """Whether it is known what a line costs."""
    return line.price is not None or line.amount > 0


class Customer(msgspec.Struct, frozen=True):
    metadata: Metadata = {}
    birthdate: date | None = None


class Voucher(msgspec.Struct, frozen=True):
    """`redemption_quantity` is the limit, None where there is none."""

    redemption_quantity: int | None = None
    redeemed_quantity: int | None = None
    publish_count: int | None = None
    start_date: datetime | None = None
    expiration_date: datetime | None = None


class Tier(msgspec.Struct, frozen=True):
    start_date: datetime | None = None
    expiration_date: datetime | None = None


class Scope(msgspec.Struct, frozen=True):
    """All that a formula is evaluated with. `item` is the line in hand where each is discounted by
    itself, `bundles` how many of the discount's bundles the order holds.
    """

    clock: Clock
    order: Order = Order()
    item: Line | None = None
    customer: Customer = Customer()
    voucher: Voucher = Voucher()
    tier: Tier = Tier()
    redeemable_metadata: Metadata = {}
    redemption_metadata: Metadata = {}
    publication_metadata: Metadata = {}
    bundles: int | None = None


class Context(enum.Enum):
    """What a formula belongs to, in the words of a refusal."""

    ORDER = "an order discount"
    ITEM = "a product discount"
    LIMIT = "a limit"
    EARNING = "an earning rule"


_DISCOUNT = frozenset(Scope.__struct_fields__) - {"item"}
# The parts of the scope that the formulas of a context may read.
OFFERED = {
    Context.ORDER: _DISCOUNT,
    Context.ITEM: _DISCOUNT | {"item"},
    Context.LIMIT: _DISCOUNT,
    Context.EARNING: frozenset({"clock", "order", "customer"}),
}
