"""What a discount takes off an order: exactly so much, never more than is left.

Everything is worked out in whole minor units, with one rounding of each amount, half up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

import msgspec
from msgspec import UNSET, UnsetType

from largesse.engine import applicability, units
from largesse.engine.applicability import Applicability, Budget, Portion
from largesse.engine.discounts import (
    BY_QUANTITY,
    PROPORTIONALLY,
    PROPORTIONALLY_BY_QUANTITY,
    TO_ORDER,
    Amount,
    Discount,
    Fixed,
    Granted,
    Percent,
    Unit,
    on_items,
)
from largesse.engine.formula import Formula, Scope
from largesse.engine.lines import Cart, Collections, Line, worth
from largesse.engine.money import rounded, split
from largesse.engine.orders import MOST_QUANTITY

# What a percentage, and a new price, is taken from: what discounts before left, or what there
# was before any.
DISCOUNTED_AMOUNT, INITIAL_AMOUNT = "DISCOUNTED_AMOUNT", "INITIAL_AMOUNT"

# What formulas may look at: for the order (None), or for the line of an index.
Scopes = Callable[[int | None], Scope]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a discount is worked out with, besides the order and its own definition.

    `bundles` is how many bundles were found, or 1 where they shall not multiply the discount.
    `mode` is the stacking rules' `discount_calculation_mode`. `used` are the units that budgets
    have spent before.
    """

    scopes: Scopes
    mode: str = DISCOUNTED_AMOUNT
    bundles: int = 1
    collections: Collections = {}
    catalog: units.Catalog = {}
    used: applicability.Used = {}


class Applied(msgspec.Struct, frozen=True):
    """What a discount did: the cart after it, what it took off the order as a whole, and off each
    line of that cart.
    """

    cart: Cart
    amount: int
    items: tuple[int, ...]

    @property
    def items_amount(self) -> int:
        """What it took off all lines together."""
        return sum(self.items)

    @property
    def total(self) -> int:
        """All that it took off."""
        return self.amount + self.items_amount


def portions(
    discount: Discount, applicable_to: Applicability, cart: Cart, terms: Terms
) -> list[Portion]:
    """The units of the cart that a discount applies to; none for one that is not of items.

    Bundles multiply how many units may be discounted where they do not multiply the discount of
    each: of an amount for each unit, and of new prices.
    """
    if not on_items(discount):
        return []
    by_unit = isinstance(discount, Fixed) or discount.effect == BY_QUANTITY
    return applicability.of(
        applicable_to,
        cart.lines,
        terms.collections,
        used=terms.used,
        evaluate=lambda formula: formula.count(terms.scopes(None)),
        bundles=terms.bundles if by_unit else 1,
    )


def apply(discount: Discount, cart: Cart, portions: Sequence[Portion], terms: Terms) -> Applied:
    """Take a discount off an order. `portions` are the units that it applies to."""
    if isinstance(discount, Unit):
        counted = _counter(terms)
        after = units.apply(discount, cart, counted, terms.catalog, terms.collections)
    elif discount.effect == TO_ORDER:
        amount = min(_off_order(discount, cart, terms), cart.left)
        after = msgspec.structs.replace(cart, discount_amount=cart.discount_amount + amount)
    else:
        after = _deducted(cart, _off_items(discount, cart, portions, terms))
    before = [line.discount_amount for line in cart.lines]
    before += [0] * (len(after.lines) - len(before))
    items = tuple(line.discount_amount - was for line, was in zip(after.lines, before, strict=True))
    return Applied(after, after.discount_amount - cart.discount_amount, items)


def worked_out(discount: Discount, terms: Terms) -> Discount:
    """A discount as it is answered: with what the formula of one of the whole order came to, and
    the names of units.
    """
    if isinstance(discount, Unit):
        return units.told(discount, terms.catalog)
    if discount.effect != TO_ORDER or discount.formula is None:
        return discount
    if isinstance(discount, Amount):
        amount = _money(discount.formula, terms, None, discount.amount_off)
        return msgspec.structs.replace(discount, amount_off=amount)
    if isinstance(discount, Fixed):
        price = _money(discount.formula, terms, None, discount.fixed_amount or 0)
        return msgspec.structs.replace(discount, fixed_amount=price)
    percent = _percentage(discount, msgspec.structs.replace(terms, bundles=1), None)
    whole = percent == percent.to_integral_value()
    return msgspec.structs.replace(discount, percent_off=int(percent) if whole else float(percent))


def spent(applied: Applied, portions: Sequence[Portion]) -> dict[Budget, int]:
    """How many units of each budget a discount has spent: those of lines that it discounted."""
    places = {line.index: place for place, line in enumerate(applied.cart.lines)}
    found: dict[Budget, int] = {}
    for portion in portions:
        if applied.items[places[portion.line.index]]:
            for budget in applicability.budgets(portion):
                found[budget] = found.get(budget, 0) + portion.quantity
    return found


def _counter(terms: Terms) -> units.Counted:
    def counted(granted: Granted) -> int:
        quantity = granted.unit_off or 0
        if granted.formula is not None:
            found = granted.formula.count(terms.scopes(None))
            quantity = quantity if found is None else found
        return min(quantity * terms.bundles, MOST_QUANTITY)

    return counted


# --- the order as a whole -----------------------------------------------------------------------


def _off_order(discount: Amount | Percent | Fixed, cart: Cart, terms: Terms) -> int:
    base = cart.initial if terms.mode == INITIAL_AMOUNT else cart.left
    if isinstance(discount, Fixed):
        price = _money(discount.formula, terms, None, discount.fixed_amount or 0)
        return max(base - price, 0)
    if isinstance(discount, Amount):
        off = _money(discount.formula, terms, None, discount.amount_off) * terms.bundles
    else:
        off = _share(base, 1, _percentage(discount, terms, None))
    return _at_most(off, terms.bundles, *_limits(discount))


# --- lines --------------------------------------------------------------------------------------


def _off_items(
    discount: Amount | Percent | Fixed, cart: Cart, portions: Sequence[Portion], terms: Terms
) -> list[tuple[Portion, int]]:
    """What comes off each portion, within the limits of the discount and of the entries, and
    within what is left of the order. Limits over several lines are used up from the first.
    """
    if discount.effect in (PROPORTIONALLY, PROPORTIONALLY_BY_QUANTITY):
        assert isinstance(discount, Amount)
        parts = _proportional(discount, portions, terms)
    else:
        parts = [_part(discount, portion, terms) for portion in portions]
    each, in_all = _limits(discount)
    left = _at_most(cart.left, terms.bundles, in_all)
    of_entries: dict[int, int] = {}
    found = []
    for portion, part in zip(portions, parts, strict=True):
        part = min(part, left)
        if entry := portion.entry:
            part = _at_most(part, terms.bundles, each, entry.amount_limit)
            if limit := (entry.aggregated_amount_limit or 0) * terms.bundles:
                part = min(part, of_entries.setdefault(id(entry), limit))
                of_entries[id(entry)] -= part
        else:
            part = _at_most(part, terms.bundles, each)
        left -= part
        found.append((portion, part))
    return found


def _part(discount: Amount | Percent | Fixed, portion: Portion, terms: Terms) -> int:
    """What comes off a portion by itself."""
    line, quantity = portion.line, portion.quantity
    # What the units are priced at, as a fraction: before any discount, or their share of the rest.
    base, divisor = line.subtotal * quantity, line.paid
    if terms.mode == INITIAL_AMOUNT:
        base, divisor = line.amount * quantity, line.quantity
    if isinstance(discount, Percent):
        off = _share(base, divisor, _percentage(discount, terms, line.index))
    elif isinstance(discount, Fixed):
        price = _price(discount, portion, terms)
        off = 0 if price is None else rounded(base, divisor) - price * quantity
    else:
        off = _money(discount.formula, terms, line.index, discount.amount_off)
        off *= quantity if discount.effect == BY_QUANTITY else terms.bundles
    return max(min(off, worth(line, quantity)), 0)


def _price(discount: Fixed, portion: Portion, terms: Terms) -> int | None:
    """The new price of a unit: the entry's, else the discount's own; None where there is none."""
    given = [(discount.formula, discount.fixed_amount)]
    if portion.entry is not None:
        given.insert(0, (portion.entry.formula, portion.entry.price))
    for formula, price in given:
        if formula is not None:
            found = formula.amount(terms.scopes(portion.line.index), None)
            if found is not None:
                return max(found, 0)
        if price is not UNSET:
            return price
    return None


def _proportional(discount: Amount, portions: Sequence[Portion], terms: Terms) -> list[int]:
    """An amount split over portions by what they are worth, or by how many units they are. What
    is more than a portion is worth goes to the others.
    """
    off = _money(discount.formula, terms, None, discount.amount_off) * terms.bundles
    most = [worth(portion.line, portion.quantity) for portion in portions]
    weights = most
    if discount.effect == PROPORTIONALLY_BY_QUANTITY:
        weights = [portion.quantity for portion in portions]
    off = min(off, sum(most))
    parts = [0] * len(portions)
    open_ = [index for index, each in enumerate(most) if each]
    while off:
        shares = split(off, [weights[index] for index in open_])
        full = [i for i, share in zip(open_, shares, strict=True) if share >= most[i]]
        if not full:
            for index, share in zip(open_, shares, strict=True):
                parts[index] = share
            break
        for index in full:
            parts[index] = most[index]
            off -= most[index]
        open_ = [index for index in open_ if index not in full]
    return parts


def _deducted(cart: Cart, parts: Iterable[tuple[Portion, int]]) -> Cart:
    lines = list(cart.lines)
    places = {line.index: place for place, line in enumerate(lines)}
    for portion, part in parts:
        if part:
            place = places[portion.line.index]
            lines[place] = _less(lines[place], part)
    return msgspec.structs.replace(cart, lines=tuple(lines))


def _less(line: Line, amount: int) -> Line:
    return msgspec.structs.replace(line, discount_amount=line.discount_amount + amount)


# --- values and limits --------------------------------------------------------------------------


def _money(formula: Formula | None, terms: Terms, index: int | None, fallback: int) -> int:
    """An amount, worked out where it has a formula; never below 0."""
    if formula is None:
        return fallback
    found = formula.amount(terms.scopes(index), fallback)
    return max(found, 0)


def _percentage(discount: Percent, terms: Terms, index: int | None) -> Decimal:
    """The percentage, worked out where it has a formula; from 0 to 100."""
    percent = discount.percent
    if discount.formula is not None:
        percent = discount.formula.percent(terms.scopes(index), percent)
    return max(min(percent * terms.bundles, Decimal(100)), Decimal(0))


def _share(amount: int, divisor: int, percent: Decimal) -> int:
    """A percentage of `amount / divisor`, rounded once."""
    numerator, denominator = percent.as_integer_ratio()
    return rounded(amount * numerator, 100 * divisor * denominator)


def _limits(discount: Amount | Percent | Fixed) -> tuple[int | UnsetType, int | UnsetType]:
    """The limits of what comes off: one line (or the order), and all lines together."""
    if isinstance(discount, Fixed):
        return UNSET, UNSET
    each = discount.amount_limit if isinstance(discount, Percent) else UNSET
    return each, discount.aggregated_amount_limit


def _at_most(amount: int, bundles: int, *limits: int | UnsetType) -> int:
    """An amount within limits, each for one bundle; a limit of 0 is none."""
    return min([amount, *(limit * bundles for limit in limits if limit)])
