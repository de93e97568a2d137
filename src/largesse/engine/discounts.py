"""Discounts as they are defined: what is taken off, and off what.

Reading accepts what can be and refuses the rest; a Discount that was read is, as builtins, the
wire's answer. Amounts are in minor units, percents in percent, units in pieces.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import Any, cast

import msgspec
from msgspec import UNSET, UnsetType

from largesse.engine import formula
from largesse.engine.formula import Context, Formula
from largesse.engine.members import Members
from largesse.engine.orders import MOST_AMOUNT, MOST_QUANTITY

AMOUNT, PERCENT, FIXED, UNIT = "AMOUNT", "PERCENT", "FIXED", "UNIT"

TO_ORDER = "APPLY_TO_ORDER"
TO_ITEMS = "APPLY_TO_ITEMS"
PROPORTIONALLY = "APPLY_TO_ITEMS_PROPORTIONALLY"
PROPORTIONALLY_BY_QUANTITY = "APPLY_TO_ITEMS_PROPORTIONALLY_BY_QUANTITY"
BY_QUANTITY = "APPLY_TO_ITEMS_BY_QUANTITY"
ADD_MISSING, ADD_NEW, ADD_MANY, ADD_SAME = (
    "ADD_MISSING_ITEMS",
    "ADD_NEW_ITEMS",
    "ADD_MANY_ITEMS",
    "ADD_SAME_ITEMS",
)
EFFECTS = {
    AMOUNT: (TO_ORDER, TO_ITEMS, PROPORTIONALLY, PROPORTIONALLY_BY_QUANTITY, BY_QUANTITY),
    PERCENT: (TO_ORDER, TO_ITEMS),
    FIXED: (TO_ORDER, TO_ITEMS),
    UNIT: (ADD_MISSING, ADD_NEW, ADD_MANY, ADD_SAME),
}
# Of the units of one discount.
MOST_UNITS = 100


class DiscountError(ValueError):
    """A discount that cannot be; its text says why."""


class Amount(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True, tag=AMOUNT):
    """An amount off: the order, each line, each unit, or split over the lines."""

    amount_off: int
    amount_off_formula: str | UnsetType = UNSET
    aggregated_amount_limit: int | UnsetType = UNSET
    effect: str
    is_dynamic: bool | UnsetType = UNSET

    @cached_property
    def formula(self) -> Formula | None:
        """What works out the amount; `amount_off` is its fallback."""
        return _compiled(self.amount_off_formula)


class Percent(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True, tag=PERCENT
):
    """A percentage off the order or each line; `amount_limit` is the most for each of these."""

    percent_off: int | float
    percent_off_formula: str | UnsetType = UNSET
    amount_limit: int | UnsetType = UNSET
    aggregated_amount_limit: int | UnsetType = UNSET
    effect: str
    is_dynamic: bool | UnsetType = UNSET

    @cached_property
    def formula(self) -> Formula | None:
        """What works out the percentage; `percent_off` is its fallback."""
        return _compiled(self.percent_off_formula)

    @cached_property
    def percent(self) -> Decimal:
        """The percentage as it was written, not as a float holds it."""
        return Decimal(str(self.percent_off))


class Fixed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True, tag=FIXED):
    """A new price for the order or for each unit. Those of units stand in the applicability;
    `fixed_amount` is for units without one there.
    """

    fixed_amount: int | UnsetType = UNSET
    fixed_amount_formula: str | UnsetType = UNSET
    effect: str
    is_dynamic: bool | UnsetType = UNSET

    @cached_property
    def formula(self) -> Formula | None:
        """What works out the price; `fixed_amount` is its fallback."""
        return _compiled(self.fixed_amount_formula)


class Named(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The product or SKU that a unit is, as it is answered; a SKU has its name in `sku`."""

    id: str | UnsetType = UNSET
    source_id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    sku: str | UnsetType = UNSET


class Granted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True):
    """Units of one kind that a discount gives for free."""

    effect: str
    unit_off: int | UnsetType = UNSET
    unit_off_formula: str | UnsetType = UNSET
    unit_type: str
    product: Named | UnsetType = UNSET
    sku: Named | UnsetType = UNSET

    @cached_property
    def formula(self) -> Formula | None:
        """What works out the number of units; `unit_off` is its fallback."""
        return _compiled(self.unit_off_formula)


class Unit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True, tag=UNIT):
    """Free units: of one kind, or with ADD_MANY_ITEMS of several, each with its own effect."""

    effect: str
    unit_off: int | UnsetType = UNSET
    unit_off_formula: str | UnsetType = UNSET
    unit_type: str | UnsetType = UNSET
    product: Named | UnsetType = UNSET
    sku: Named | UnsetType = UNSET
    units: list[Granted] | UnsetType = UNSET
    is_dynamic: bool | UnsetType = UNSET

    @cached_property
    def granted(self) -> list[Granted]:
        """The units of each kind."""
        if self.units is not UNSET:
            return self.units
        assert self.unit_type is not UNSET
        return [
            Granted(
                effect=self.effect,
                unit_off=self.unit_off,
                unit_off_formula=self.unit_off_formula,
                unit_type=self.unit_type,
            )
        ]


Discount = Amount | Percent | Fixed | Unit


def on_items(discount: Discount) -> bool:
    """Whether a discount is taken off lines that an applicability names."""
    return discount.effect.startswith(TO_ITEMS)


def _context(effect: str) -> Context:
    """What a formula may speak of: of the line in hand where each has its own discount."""
    return formula.ITEM if effect in (TO_ITEMS, BY_QUANTITY) else formula.ORDER


def _compiled(text: str | UnsetType) -> Formula | None:
    return None if text is UNSET else formula.read(text)


# --- reading ------------------------------------------------------------------------------------


def read(
    given: Mapping[str, Any],
    *,
    of_items: bool = False,
    path: str = ".discount",
) -> Discount:
    """A discount as it was sent. Raises DiscountError.

    `of_items` is whether products are included or excluded beside it: an amount, percentage or
    price without an effect is then taken off the items, otherwise off the order.
    """
    members = Members(given, path, DiscountError)
    members.require("type")
    kind = cast(str, members.choice("type", tuple(EFFECTS)))
    if kind == UNIT:
        return _unit(members)
    effect = members.choice("effect", EFFECTS[kind])
    effect = effect or (TO_ITEMS if of_items else TO_ORDER)
    return _READERS[kind](members, effect)


def _formula(members: Members, name: str, effect: str) -> str | UnsetType:
    return members.formula(name, _context(effect))


def _amount(members: Members, effect: str) -> Discount:
    members.require("amount_off")
    return Amount(
        amount_off=cast(int, members.whole("amount_off", 0, MOST_AMOUNT)),
        amount_off_formula=_formula(members, "amount_off_formula", effect),
        aggregated_amount_limit=members.whole("aggregated_amount_limit", 0, MOST_AMOUNT),
        effect=effect,
        is_dynamic=members.flag("is_dynamic"),
    )


def _percent(members: Members, effect: str) -> Discount:
    members.require("percent_off")
    return Percent(
        percent_off=cast(float, members.number("percent_off", 0, 100)),
        percent_off_formula=_formula(members, "percent_off_formula", effect),
        amount_limit=members.whole("amount_limit", 0, MOST_AMOUNT),
        aggregated_amount_limit=members.whole("aggregated_amount_limit", 0, MOST_AMOUNT),
        effect=effect,
        is_dynamic=members.flag("is_dynamic"),
    )


def _fixed(members: Members, effect: str) -> Discount:
    if effect == TO_ORDER:
        members.require("fixed_amount")
    return Fixed(
        fixed_amount=members.whole("fixed_amount", 0, MOST_AMOUNT),
        fixed_amount_formula=_formula(members, "fixed_amount_formula", effect),
        effect=effect,
        is_dynamic=members.flag("is_dynamic"),
    )


_READERS = {AMOUNT: _amount, PERCENT: _percent, FIXED: _fixed}


def _unit(members: Members) -> Unit:
    many = members.objects("units", MOST_UNITS)
    effect = members.choice("effect", EFFECTS[UNIT]) or (ADD_MANY if many else ADD_MISSING)
    is_dynamic = members.flag("is_dynamic")
    if effect != ADD_MANY:
        one = _granted(members, effect)
        return Unit(
            effect=effect,
            unit_off=one.unit_off,
            unit_off_formula=one.unit_off_formula,
            unit_type=one.unit_type,
            product=one.product,
            sku=one.sku,
            is_dynamic=is_dynamic,
        )
    if not many:
        raise DiscountError(f"Property {members.path}.units should have at least one unit")
    units = [
        _granted(each, each.choice("effect", (ADD_MISSING, ADD_NEW)) or ADD_MISSING)
        for each in many
    ]
    return Unit(effect=effect, units=units, is_dynamic=is_dynamic)


def _granted(members: Members, effect: str) -> Granted:
    """The units of one kind; a formula makes up for no number, and its fallback can be 0."""
    members.require("unit_type")
    unit_off_formula = _formula(members, "unit_off_formula", effect)
    if unit_off_formula is UNSET:
        members.require("unit_off")
    return Granted(
        effect=effect,
        unit_off=members.whole("unit_off", 1 if unit_off_formula is UNSET else 0, MOST_QUANTITY),
        unit_off_formula=unit_off_formula,
        unit_type=cast(str, members.text("unit_type")),
        product=_named(members.object("product")),
        sku=_named(members.object("sku")),
    )


def _named(members: Members | UnsetType) -> Named | UnsetType:
    if members is UNSET:
        return UNSET
    return Named(
        id=members.text("id"),
        source_id=members.text("source_id"),
        name=members.text("name"),
        sku=members.text("sku"),
    )
