"""The operands of dynamic formulas, by name: which part of the scope each reads, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec

from largesse.engine.formula_scope import Scope, is_priced
from largesse.engine.formula_values import DATE, EXACT, NUMBER, Run, Unknown, of_json
from largesse.engine.lines import Line

_HUNDREDTH = Decimal("0.01")


class Operand(msgspec.Struct, frozen=True):
    """`part` is the member of the scope that it reads."""

    part: str
    kind: str
    run: Run


class Property(msgspec.Struct, frozen=True):
    """Metadata, of which an operand names one property."""

    part: str
    metadata: Callable[[Scope], Mapping[str, Any]]

    def named(self, name: str) -> Run:
        """How the property of a name is read."""
        metadata = self.metadata
        return lambda scope: of_json(metadata(scope).get(name))


def _known(get: Callable[[Scope], Any], convert: Callable[[Any], Any]) -> Run:
    def run(scope: Scope) -> Any:
        value = get(scope)
        if value is None:
            raise Unknown
        return convert(value)

    return run


def _major(minor: int) -> Decimal:
    return EXACT.multiply(minor, _HUNDREDTH)


def _as_it_is(value: datetime) -> datetime:
    return value


def _operand(path: str, kind: str, convert: Callable[[Any], Any]) -> Operand:
    return Operand(path.partition(".")[0], kind, _known(attrgetter(path), convert))


def _money(path: str) -> Operand:
    return _operand(path, NUMBER, _major)


def _count(path: str) -> Operand:
    return _operand(path, NUMBER, Decimal)


def _moment(path: str) -> Operand:
    return _operand(path, DATE, _as_it_is)


def _property(path: str) -> Property:
    return Property(path.partition(".")[0], attrgetter(path))


# --- lines --------------------------------------------------------------------------------------

Pick = Callable[[Scope], Line | None]
_LINES: dict[str, tuple[str, Pick]] = {
    "ORDER_ITEM": ("item", attrgetter("item")),
    "CHEAPEST_ORDER_ITEM": ("order", attrgetter("order.cheapest")),
    "MOST_EXPENSIVE_ORDER_ITEM": ("order", attrgetter("order.most_expensive")),
}


def _of_line(pick: Pick, read: Callable[[Line], Any]) -> Callable[[Scope], Any]:
    def get(scope: Scope) -> Any:
        line = pick(scope)
        return None if line is None else read(line)

    return get


def _of_priced(pick: Pick, read: Callable[[Line], int]) -> Run:
    return _known(_of_line(pick, lambda line: read(line) if is_priced(line) else None), _major)


def _line_operands(name: str) -> dict[str, Operand]:
    part, pick = _LINES[name]
    units = _known(_of_line(pick, attrgetter("quantity")), Decimal)
    return {
        f"{name}_PRICE": Operand(part, NUMBER, _of_priced(pick, attrgetter("unit_price"))),
        f"{name}_AMOUNT": Operand(part, NUMBER, _of_priced(pick, attrgetter("amount"))),
        f"{name}_SUBTOTAL": Operand(part, NUMBER, _of_priced(pick, attrgetter("subtotal"))),
        f"{name}_UNITS_QUANTITY": Operand(part, NUMBER, units),
    }


def _own(line: Line) -> Any:
    return line.item.metadata


def _of_product(line: Line) -> Any:
    return line.item.product.metadata if line.item.product else None


def _line_properties(name: str) -> dict[str, Property]:
    part, pick = _LINES[name]
    own, of_product = _of_line(pick, _own), _of_line(pick, _of_product)
    return {
        f"{name}_METADATA": Property(part, lambda scope: own(scope) or {}),
        f"{name}_PRODUCT_METADATA": Property(part, lambda scope: of_product(scope) or {}),
    }


# --- by name ------------------------------------------------------------------------------------

OPERANDS = {
    "ORDER_AMOUNT": _money("order.amount"),
    "ORDER_ITEMS_QUANTITY": _count("order.items"),
    "ORDER_UNITS_QUANTITY": _count("order.units"),
    **_line_operands("ORDER_ITEM"),
    **_line_operands("CHEAPEST_ORDER_ITEM"),
    **_line_operands("MOST_EXPENSIVE_ORDER_ITEM"),
    # So spelt where bundles are documented.
    "order.bundle.quantity": _count("bundles"),
    "VOUCHER_REDEMPTION_QUANTITY": _count("voucher.redemption_quantity"),
    "VOUCHER_REDEEMED_QUANTITY": _count("voucher.redeemed_quantity"),
    "VOUCHER_PUBLISH_COUNT": _count("voucher.publish_count"),
    "VOUCHER_START_DATE": _moment("voucher.start_date"),
    "VOUCHER_EXPIRATION_DATE": _moment("voucher.expiration_date"),
    "PROMOTION_TIER_START_DATE": _moment("tier.start_date"),
    "PROMOTION_TIER_EXPIRATION_DATE": _moment("tier.expiration_date"),
    "CUSTOMER_BIRTHDATE": _moment("customer.birthdate"),
    "TODAY": _moment("clock.today"),
    "NOW": _moment("clock.now"),
}

PROPERTIES = {
    "ORDER_METADATA": _property("order.metadata"),
    "CUSTOMER_METADATA": _property("customer.metadata"),
    "REDEEMABLE_METADATA": _property("redeemable_metadata"),
    "REDEMPTION_METADATA": _property("redemption_metadata"),
    "PUBLICATION_METADATA": _property("publication_metadata"),
    **_line_properties("ORDER_ITEM"),
    **_line_properties("CHEAPEST_ORDER_ITEM"),
    **_line_properties("MOST_EXPENSIVE_ORDER_ITEM"),
}
