"""Which lines of an order, and which of their units, a discount applies to.

An entry of `included` or `excluded` names a product, a SKU or a collection. A line that several
entries match belongs to the most specific: SKU, then product, then collection, and the first
among equals. An excluded entry keeps out all lines that it matches, whatever its effect. A limit
of 0 is no limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, cast

import msgspec
from msgspec import UNSET, UnsetType

from largesse.engine import formula
from largesse.engine.formula import Formula
from largesse.engine.lines import Collections, Line, collections_of
from largesse.engine.members import Members
from largesse.engine.orders import MOST_AMOUNT, MOST_QUANTITY

PRODUCT, SKU, COLLECTION = "product", "sku", "products_collection"
EVERY, CHEAPEST, MOST_EXPENSIVE = (
    "APPLY_TO_EVERY",
    "APPLY_TO_CHEAPEST",
    "APPLY_TO_MOST_EXPENSIVE",
)
FROM_CHEAPEST, FROM_MOST_EXPENSIVE = "APPLY_FROM_CHEAPEST", "APPLY_FROM_MOST_EXPENSIVE"
EFFECTS = (EVERY, CHEAPEST, FROM_CHEAPEST, MOST_EXPENSIVE, FROM_MOST_EXPENSIVE)
ITEM, UNIT = "ITEM", "UNIT"

# How many units all customers, or one, may get discounted: of all that an entry matches, or of
# each product in it; in the campaign or in the promotion tier.
BUDGETS = tuple(
    f"product_{of_each}{of_customer}{within}_quantity_limit"
    for within in ("campaign", "promotion_tier")
    for of_each in ("", "in_collection_")
    for of_customer in ("", "customer_")
)
# Of the entries of one list, and of the units that an answer lists one by one.
MOST_ENTRIES = 1000
MOST_LISTED = 1000


class ApplicabilityError(ValueError):
    """An applicability that cannot be; its text says why."""


class Units(msgspec.Struct, frozen=True, omit_defaults=True):
    """The units of a line that a discount covers, as they are answered; counted from 1."""

    index: int
    units: list[int] | UnsetType = UNSET
    units_limit_exceeded: bool = False


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True):
    """A product, SKU or collection, with how many of its lines and units a discount covers."""

    object: str
    id: str | UnsetType = UNSET
    source_id: str | UnsetType = UNSET
    product_id: str | UnsetType = UNSET
    product_source_id: str | UnsetType = UNSET
    effect: str
    price: int | UnsetType = UNSET
    price_formula: str | UnsetType = UNSET
    quantity_limit: int | UnsetType = UNSET
    aggregated_quantity_limit: int | UnsetType = UNSET
    amount_limit: int | UnsetType = UNSET
    aggregated_amount_limit: int | UnsetType = UNSET
    product_campaign_quantity_limit: int | UnsetType = UNSET
    product_campaign_quantity_limit_formula: str | UnsetType = UNSET
    product_customer_campaign_quantity_limit: int | UnsetType = UNSET
    product_customer_campaign_quantity_limit_formula: str | UnsetType = UNSET
    product_in_collection_campaign_quantity_limit: int | UnsetType = UNSET
    product_in_collection_campaign_quantity_limit_formula: str | UnsetType = UNSET
    product_in_collection_customer_campaign_quantity_limit: int | UnsetType = UNSET
    product_in_collection_customer_campaign_quantity_limit_formula: str | UnsetType = UNSET
    product_promotion_tier_quantity_limit: int | UnsetType = UNSET
    product_promotion_tier_quantity_limit_formula: str | UnsetType = UNSET
    product_customer_promotion_tier_quantity_limit: int | UnsetType = UNSET
    product_customer_promotion_tier_quantity_limit_formula: str | UnsetType = UNSET
    product_in_collection_promotion_tier_quantity_limit: int | UnsetType = UNSET
    product_in_collection_promotion_tier_quantity_limit_formula: str | UnsetType = UNSET
    product_in_collection_customer_promotion_tier_quantity_limit: int | UnsetType = UNSET
    product_in_collection_customer_promotion_tier_quantity_limit_formula: str | UnsetType = UNSET
    skip_initially: int | UnsetType = UNSET
    repeat: int | UnsetType = UNSET
    target: str | UnsetType = UNSET
    order_item_indices: list[int] | UnsetType = UNSET
    order_item_units: list[Units] | UnsetType = UNSET

    @property
    def keys(self) -> tuple[str, ...]:
        """The id and source id, those that are given."""
        return tuple(key for key in (self.id, self.source_id) if key is not UNSET)

    @cached_property
    def formula(self) -> Formula | None:
        """What works out the new price of a unit; `price` is its fallback."""
        return None if self.price_formula is UNSET else formula.read(self.price_formula)

    @cached_property
    def budgets(self) -> tuple[tuple[str, int, Formula | None], ...]:
        """The budgets that limit the entry: name, units (the formula's fallback) and formula."""
        found = []
        for name in BUDGETS:
            limit, text = getattr(self, name), getattr(self, f"{name}_formula")
            if limit or text is not UNSET:
                found.append((name, limit or 0, None if text is UNSET else formula.read(text)))
        return tuple(found)


class Applicability(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What a discount applies to. Where nothing is included, it is all that is not excluded."""

    excluded: list[Entry] = []
    included: list[Entry] = []
    included_all: bool = False

    @property
    def names_products(self) -> bool:
        """Whether it says anything: a discount without an effect is then one of items."""
        return self.included_all or bool(self.included or self.excluded)

    @cached_property
    def _included(self) -> Matcher:
        return Matcher(self.included)

    @cached_property
    def _excluded(self) -> Matcher:
        return Matcher(self.excluded)


class Matcher:
    """The entries of one list by what they name."""

    __slots__ = ("_by_object",)

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._by_object: dict[str, dict[str, int]] = {SKU: {}, PRODUCT: {}, COLLECTION: {}}
        for number, entry in enumerate(entries):
            for key in entry.keys:
                self._by_object[entry.object].setdefault(key, number)

    def match(self, line: Line, collections: Collections) -> int | None:
        """The number of the entry that a line belongs to."""
        by_sku, by_product, by_collection = self._by_object.values()
        found = _first(by_sku, line.skus) if by_sku else None
        if found is None and by_product:
            found = _first(by_product, line.products)
        if found is None and by_collection:
            found = _first(by_collection, collections_of(line, collections))
        return found


def _first(numbers: Mapping[str, int], keys: Iterable[str]) -> int | None:
    return min((numbers[key] for key in keys if key in numbers), default=None)


# --- reading ------------------------------------------------------------------------------------


def read(given: Mapping[str, Any], *, path: str = ".applicable_to") -> Applicability:
    """An applicability as it was sent. Raises ApplicabilityError."""
    members = Members(given, path, ApplicabilityError)
    return Applicability(
        excluded=_entries(members, "excluded"),
        included=_entries(members, "included"),
        included_all=members.flag("included_all") or False,
    )


def _entries(members: Members, name: str) -> list[Entry]:
    return [_entry(each) for each in members.objects(name, MOST_ENTRIES) or ()]


def _entry(members: Members) -> Entry:
    members.require("object")
    if not members.has("source_id"):
        members.require("id")
    amounts = ("price", "amount_limit", "aggregated_amount_limit")
    quantities = ("quantity_limit", "aggregated_quantity_limit", "skip_initially", *BUDGETS)
    values: dict[str, Any] = {
        name: members.text(name) for name in ("id", "source_id", "product_id", "product_source_id")
    }
    values |= {name: members.whole(name, 0, MOST_AMOUNT) for name in amounts}
    values |= {name: members.whole(name, 0, MOST_QUANTITY) for name in quantities}
    values |= {
        f"{name}_formula": members.formula(f"{name}_formula", formula.LIMIT) for name in BUDGETS
    }
    return Entry(
        object=cast(str, members.choice("object", (PRODUCT, SKU, COLLECTION))),
        effect=members.choice("effect", EFFECTS) or EVERY,
        price_formula=members.formula("price_formula", formula.ITEM),
        repeat=members.whole("repeat", 1, MOST_QUANTITY),
        target=members.choice("target", (ITEM, UNIT)),
        **values,
    )


# --- applying -----------------------------------------------------------------------------------


class Portion(msgspec.Struct, frozen=True, gc=False):
    """The units of a line that are covered: `quantity` of them, each `step` after the other from
    the unit `first`, counted from 1. `entry` is the entry that the line belongs to; None for one
    that is covered because all are.
    """

    line: Line
    quantity: int
    entry: Entry | None = None
    first: int = 1
    step: int = 1

    def of(self, quantity: int) -> Portion:
        """The first units of the portion."""
        if quantity == self.quantity:
            return self
        return Portion(self.line, quantity, self.entry, self.first, self.step)


class Budget(msgspec.Struct, frozen=True, gc=False):
    """A count of discounted units to keep: what limits it, and of what it is. `product` is set
    for a limit of each product in a collection: its id or source id.
    """

    name: str
    object: str
    id: str
    product: str | None = None


# How many units of a budget were discounted before.
Used = Mapping[Budget, int]
# The number of units that a limit's formula comes to, None where it cannot be worked out.
Evaluate = Callable[[Formula], int | None]


def of(
    applicability: Applicability,
    lines: Sequence[Line],
    collections: Collections,
    *,
    used: Used | None = None,
    evaluate: Evaluate | None = None,
    bundles: int = 1,
) -> list[Portion]:
    """The units that are covered, in the order in which a discount reaches them; free units are
    not.

    `evaluate` works out the formulas of budgets; where it cannot and there is no number either,
    a budget has no units. `bundles` multiplies the limits of units, but not the budgets. A line
    without a covered unit is left out.
    """
    matched: dict[int | None, list[Line]] = {
        number: [] for number in range(len(applicability.included))
    }
    matched[None] = []
    all_lines = applicability.included_all or not applicability.included
    excluded, included = applicability._excluded, applicability._included
    for line in lines:
        if line.paid and excluded.match(line, collections) is None:
            number = included.match(line, collections)
            if number is not None or all_lines:
                matched[number].append(line)
    portions: list[Portion] = []
    for number, entry in enumerate(applicability.included):
        if matched[number]:
            selected = _limited(entry, _selected(entry, matched[number]), bundles)
            portions += _within_budgets(entry, selected, used or {}, evaluate)
    portions += [Portion(line, line.paid) for line in matched[None]]
    return portions


def _selected(entry: Entry, lines: list[Line]) -> Iterator[Portion]:
    """Lines, or units of lines, by the entry's effect, skipping and repeating."""
    if entry.effect in (CHEAPEST, FROM_CHEAPEST):
        lines = sorted(lines, key=lambda line: line.unit_price)
    elif entry.effect in (MOST_EXPENSIVE, FROM_MOST_EXPENSIVE):
        lines = sorted(lines, key=lambda line: -line.unit_price)
    of_units = entry.target == UNIT
    if entry.effect in (CHEAPEST, MOST_EXPENSIVE):
        yield Portion(lines[0], 1 if of_units else lines[0].paid, entry)
        return
    skip, step = entry.skip_initially or 0, entry.repeat or 1
    if not of_units:
        for line in lines[skip::step]:
            yield Portion(line, line.paid, entry)
        return
    # Units are counted through all lines; `following` is the next one covered, from the first of
    # the line at hand.
    following = skip
    for line in lines:
        if following < line.paid:
            quantity = (line.paid - following - 1) // step + 1
            yield Portion(line, quantity, entry, following + 1, step)
            following += quantity * step
        following -= line.paid


def _limited(entry: Entry, portions: Iterator[Portion], bundles: int) -> Iterator[Portion]:
    """As many units of each line, and of all, as the entry allows."""
    left = (entry.aggregated_quantity_limit or 0) * bundles or None
    each = (entry.quantity_limit or 0) * bundles or None
    for portion in portions:
        quantity = min(n for n in (portion.quantity, each, left) if n is not None)
        if left is not None:
            left -= quantity
        if quantity:
            yield portion.of(quantity)


def _within_budgets(
    entry: Entry, portions: Iterator[Portion], used: Used, evaluate: Evaluate | None
) -> Iterator[Portion]:
    """As many units as the budgets have left, each taken from all budgets that it counts in."""
    if not entry.budgets:
        yield from portions
        return
    limits = dict(_limits(entry, evaluate))
    spent: dict[Budget, int] = {}
    for portion in portions:
        quantity = portion.quantity
        counted = budgets(portion)
        for budget in counted:
            left = limits[budget.name] - used.get(budget, 0) - spent.get(budget, 0)
            quantity = max(min(quantity, left), 0)
        for budget in counted:
            spent[budget] = spent.get(budget, 0) + quantity
        if quantity:
            yield portion.of(quantity)


def _limits(entry: Entry, evaluate: Evaluate | None) -> Iterator[tuple[str, int]]:
    for name, limit, read in entry.budgets:
        found = evaluate(read) if evaluate and read else None
        yield name, limit if found is None else max(found, 0)


def budgets(portion: Portion) -> list[Budget]:
    """The budgets that the units of a portion count in."""
    entry = portion.entry
    if entry is None:
        return []
    key = entry.keys[0]
    sold = next(iter(portion.line.products + portion.line.skus), None)
    return [
        Budget(name, entry.object, key, sold if "in_collection" in name else None)
        for name, _, _ in entry.budgets
    ]


def could_spend(
    applicability: Applicability, lines: Sequence[Line], collections: Collections
) -> list[Budget]:
    """The budgets that units of some lines would count in, each once."""
    if not any(entry.budgets for entry in applicability.included):
        return []
    found: dict[Budget, None] = {}
    for line in lines:
        number = applicability._included.match(line, collections)
        if number is not None:
            portion = Portion(line, line.quantity, applicability.included[number])
            found.update(dict.fromkeys(budgets(portion)))
    return list(found)


def answered(
    applicability: Applicability, lines: Sequence[Line], portions: Sequence[Portion]
) -> list[Entry]:
    """The included entries as a validation answers them: with the lines that a discount covers,
    and their units where it is one of units. In an order of more than 1000 units they are not
    listed one by one.
    """
    listed = sum(line.quantity for line in lines) <= MOST_LISTED
    by_entry: dict[int, list[Portion]] = {}
    for portion in portions:
        by_entry.setdefault(id(portion.entry), []).append(portion)
    found = []
    for entry in applicability.included:
        of_entry = by_entry.get(id(entry), [])
        members: dict[str, Any] = {"order_item_indices": [each.line.index for each in of_entry]}
        if entry.target == UNIT:
            members["order_item_units"] = [_units(each, listed) for each in of_entry]
        found.append(msgspec.structs.replace(entry, **members))
    return found


def _units(portion: Portion, listed: bool) -> Units:
    if not listed:
        return Units(portion.line.index, units_limit_exceeded=True)
    after = portion.first + portion.step * portion.quantity
    return Units(portion.line.index, list(range(portion.first, after, portion.step)))


def left_out(
    applicability: Applicability, lines: Sequence[Line], collections: Collections
) -> list[Entry]:
    """The excluded entries as a validation answers them, with the lines that they keep out."""
    indices: dict[int | None, list[int]] = {}
    for line in lines:
        number = applicability._excluded.match(line, collections)
        indices.setdefault(number, []).append(line.index)
    return [
        msgspec.structs.replace(entry, order_item_indices=indices.get(number, []))
        for number, entry in enumerate(applicability.excluded)
    ]
