"""Bundles: products that earn a discount when they are bought together.

Bundle rules are numbered parts, each a product, a SKU or a collection in a quantity. A unit in the
cart counts for one part of one bundle: SKUs are filled first, then products, then collections,
and a unit moves to another part where that completes a bundle.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
from msgspec import UNSET, UnsetType

from largesse.engine.applicability import COLLECTION, PRODUCT, SKU
from largesse.engine.lines import Collections, Line, collections_of
from largesse.engine.members import Members
from largesse.engine.orders import MOST_QUANTITY

_FILLED = (SKU, PRODUCT, COLLECTION)
_TYPES = {SKU: "product_or_sku", PRODUCT: "product_or_sku", COLLECTION: "products_collection"}
_ANY, _QUANTITY = "order.items.any", "order.items.aggregated_quantity"
MOST_BUNDLES = 100
MOST_PARTS = 50
_NUMBER = re.compile(r"[1-9]\d{0,2}", re.ASCII)
# Of a rule set that is joined as bundles are: every part is needed.
_JOINED = re.compile(r"\d{1,3}(?: and \d{1,3})*", re.ASCII | re.IGNORECASE)


class BundleError(ValueError):
    """Bundle rules that cannot be; its text says why."""


class Part(msgspec.Struct, frozen=True):
    """A product, SKU or collection of which a bundle takes so many units."""

    number: str
    object: str
    id: str
    quantity: int = 1


class BundleRules(msgspec.Struct, frozen=True):
    """What makes a bundle, and how many of them an order can have at most. Without parts there
    is nothing to be bundled.
    """

    parts: tuple[Part, ...] = ()
    limit: int = 1


class Identified(msgspec.Struct, frozen=True):
    """Units of a line that a bundle takes; `id` and `object` are those of its SKU or product."""

    id: str
    object: str
    item_index: int
    item_quantity: int


class Missing(msgspec.Struct, frozen=True):
    """Units of a part that the order lacks for a bundle."""

    id: str
    object: str
    item_quantity: int


class Bundle(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many bundles an order has, as it is answered. Where there is none, `identified` is what
    one could be made of, and `missing` what it lacks.
    """

    quantity: int
    limit: int
    identified: list[Identified]
    missing: list[Missing] | UnsetType = UNSET


# --- reading ------------------------------------------------------------------------------------


def read(given: Mapping[str, Any], *, path: str = ".bundle_rules") -> BundleRules:
    """Bundle rules as they were sent; an empty object is none. Raises BundleError."""
    members = Members(given, path, BundleError)
    numbers = [name for name in members.names() if name not in ("limit", "logic")]
    if len(numbers) > MOST_PARTS:
        raise BundleError(f"Property {path} should NOT have more than {MOST_PARTS} rules")
    for name in numbers:
        if not isinstance(name, str) or not _NUMBER.fullmatch(name):
            raise BundleError(f"Property {path} should have rules named 1, 2, 3 and so on")
    _check_logic(members, numbers)
    limit = members.whole("limit", 1, MOST_BUNDLES) or 1
    parts = tuple(_part(name, cast(Members, members.object(name))) for name in numbers)
    return BundleRules(tuple(sorted(parts, key=lambda part: int(part.number))), limit)


def _check_logic(members: Members, numbers: Sequence[str]) -> None:
    logic = members.text("logic")
    if logic is UNSET:
        return
    named = set(re.findall(r"\d+", logic))
    if not _JOINED.fullmatch(logic.strip()) or named != set(numbers):
        reason = "should join all bundle rules with and"
        raise BundleError(f"Property {members.path}.logic {reason}")


def _part(number: str, rule: Members) -> Part:
    rule.require("name")
    rule.choice("name", (_ANY,))
    rule.require("conditions")
    conditions = cast(Members, rule.object("conditions"))
    sold = _only(conditions, conditions.objects("$is", 1))
    for name in ("id", "object"):
        sold.require(name)
    kind = cast(str, sold.choice("object", _FILLED))
    sold.choice("type", (_TYPES[kind],))
    return Part(number, kind, cast(str, sold.text("id")), _quantity(rule))


def _only(conditions: Members, found: list[Members] | UnsetType) -> Members:
    if not found:
        raise BundleError(f"Property {conditions.path}.$is should have one value")
    return found[0]


def _quantity(rule: Members) -> int:
    """The quantity of the sub-rule; 1 where there is none."""
    subrules = rule.object("rules")
    if subrules is UNSET:
        return 1
    names = [name for name in subrules.names() if name != "logic"]
    if not names:
        return 1
    if len(names) > 1:
        raise BundleError(f"Property {subrules.path} should have one rule")
    quantity = cast(Members, subrules.object(names[0]))
    quantity.require("name")
    quantity.choice("name", (_QUANTITY,))
    quantity.require("conditions")
    conditions = cast(Members, quantity.object("conditions"))
    return conditions.only_whole("$is", 1, MOST_QUANTITY)


def spelt(rules: BundleRules) -> dict[str, Any]:
    """Bundle rules as they are answered: an empty object for none."""
    if not rules.parts:
        return {}
    spelling: dict[str, Any] = {"limit": rules.limit}
    for part in rules.parts:
        sold = {"id": part.id, "type": _TYPES[part.object], "object": part.object}
        quantity = {"name": _QUANTITY, "conditions": {"$is": [part.quantity]}, "rules": {}}
        spelling[part.number] = {
            "name": _ANY,
            "conditions": {"$is": [sold]},
            "rules": {"1": quantity, "logic": "1"},
        }
    return spelling


# --- finding ------------------------------------------------------------------------------------


class _Filling:
    """The units of lines that parts take. `fitting` are, by part, the lines that it can use."""

    def __init__(self, fitting: Sequence[Sequence[int]], free: Sequence[int]) -> None:
        self.fitting = fitting
        self.free = list(free)
        # By line: the units of it that a part takes.
        self.taken: list[dict[int, int]] = [{} for _ in free]

    def take(self, part: int, wanted: int) -> int:
        """Let a part take more units, moving those of other parts to other lines where it must.
        Answers how many it lacks.
        """
        while wanted:
            got = self._push(part, wanted, {part})
            if not got:
                break
            wanted -= got
        return wanted

    def _push(self, part: int, wanted: int, seen: set[int]) -> int:
        for line in self.fitting[part]:
            if self.free[line]:
                got = min(self.free[line], wanted)
                self.free[line] -= got
                self._give(line, part, got)
                return got
        for line in self.fitting[part]:
            for other, units in list(self.taken[line].items()):
                if other not in seen:
                    seen.add(other)
                    got = self._push(other, min(wanted, units), seen)
                    if got:
                        self._give(line, other, -got)
                        self._give(line, part, got)
                        return got
        return 0

    def _give(self, line: int, part: int, units: int) -> None:
        taken = self.taken[line]
        taken[part] = taken.get(part, 0) + units
        if not taken[part]:
            del taken[part]


def find(rules: BundleRules, lines: Sequence[Line], collections: Collections) -> Bundle:
    """The bundles in an order, as many as there can be within the limit, and the units of lines
    that they take. Free units that discounts added count like any other.
    """
    if not rules.parts:
        return Bundle(0, rules.limit, [])
    parts = sorted(rules.parts, key=lambda part: _FILLED.index(part.object))
    fitting = [
        [number for number, line in enumerate(lines) if _fits(part, line, collections)]
        for part in parts
    ]

    def filled(bundles: int) -> tuple[_Filling, dict[str, int]]:
        filling = _Filling(fitting, [line.quantity for line in lines])
        lacks = {
            part.number: filling.take(number, part.quantity * bundles)
            for number, part in enumerate(parts)
        }
        return filling, lacks

    enough, lacking = 0, rules.limit + 1
    while lacking - enough > 1:
        middle = (enough + lacking) // 2
        if any(filled(middle)[1].values()):
            lacking = middle
        else:
            enough = middle
    filling, lacks = filled(max(enough, 1))
    missing = [
        Missing(part.id, part.object, lacks[part.number])
        for part in rules.parts
        if lacks[part.number]
    ]
    return Bundle(enough, rules.limit, _identified(filling, lines), missing or UNSET)


def _fits(part: Part, line: Line, collections: Collections) -> bool:
    if part.object == COLLECTION:
        return part.id in collections_of(line, collections)
    return part.id in (line.skus if part.object == SKU else line.products)


def _identified(filling: _Filling, lines: Sequence[Line]) -> list[Identified]:
    quantities = [line.quantity - free for line, free in zip(lines, filling.free, strict=True)]
    return [
        Identified(
            (line.skus + line.products)[0], SKU if line.skus else PRODUCT, line.index, quantity
        )
        for line, quantity in zip(lines, quantities, strict=True)
        if quantity
    ]
