"""The names of validation rules: what each looks at, and how it is asked.

There are three kinds. A plain rule looks at one value of the facts. A rule of items asks for a
value of any or each line of the order. A structure rule chooses lines of the order, and its own
rules (subrules, which stand nowhere else) look at these lines or at their sums.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from largesse.engine.counters import PERIODS, Counter, Subject
from largesse.engine.rule_conditions import IDS, LINE, METADATA, NUMBER, SWITCH, TEXT
from largesse.engine.rule_facts import COLLECTION, PRODUCT, SKU, Facts, LineFacts
from largesse.engine.segments import at


class Missing(enum.Enum):
    """Why there is no value: nothing is known of what a rule asks about, and the rule fails; or
    the discount has to be worked out first.
    """

    ABSENT = "absent"
    UNDECIDED = "undecided"


ABSENT: Final = Missing.ABSENT
UNDECIDED: Final = Missing.UNDECIDED


class Plain(msgspec.Struct, frozen=True, gc=False):
    """A rule about one value. The value is given for the `property` that some names need.

    `late` rules are undecided until the discount is worked out.
    """

    kind: str
    value: Callable[[Facts, str], Any]
    property: bool = False
    late: bool = False
    counter: Counter | None = None


class OfItems(msgspec.Struct, frozen=True, gc=False):
    """A rule about each line, or about any: where the order has lines, and all or one passes."""

    kind: str
    value: Callable[[LineFacts, str], Any]
    each: bool
    property: bool = False


class Chosen(msgspec.Struct, frozen=True, gc=False):
    """The lines that a structure rule chose, by their places in the order, and what they come to;
    `amount` is None where that of a line is unknown. `all` is whether the order has no others.
    """

    places: tuple[int, ...]
    all: bool
    quantity: int = 0
    amount: int | None = None


class Subrule(msgspec.Struct, frozen=True, gc=False):
    """A rule about one of the chosen lines or about all of them together."""

    kind: str
    value: Callable[[LineFacts, Chosen, str], Any]
    property: bool = False


# Which lines of an order have to be as a structure rule wants them.
ANY, EVERY, NO, CHEAPEST, MOST_EXPENSIVE = "any", "every", "none", "cheapest", "most expensive"


class Structure(msgspec.Struct, frozen=True, gc=False):
    """A rule about the lines of an order: those whose value passes its conditions.

    `kinds` are what an object of its conditions may be that does not say it. Where it `excludes`,
    conditions that only say what is not wanted are about every line.
    """

    asks: str
    subrules: Mapping[str, Subrule]
    value: Callable[[LineFacts, str], Any] = lambda line, _: line.names
    kind: str = LINE
    kinds: tuple[str, ...] = (PRODUCT, SKU, COLLECTION)
    property: bool = False
    excludes: bool = False


Name: TypeAlias = Plain | OfItems | Structure | Subrule


def _known(value: Any) -> Any:
    return ABSENT if value is None else value


# --- of the order and who redeems ---------------------------------------------------------------


def _total_amount(facts: Facts, _: str) -> Any:
    if facts.order is None:
        return ABSENT
    return UNDECIDED if facts.effect is None else _known(facts.effect.total_amount)


def _points_used(facts: Facts, _: str) -> Any:
    return UNDECIDED if facts.effect is None else facts.effect.points_used


def _units(facts: Facts, _: str) -> Any:
    if facts.order is None or not facts.order.lines:
        return ABSENT
    return sum(line.quantity for line in facts.order.lines)


def _holder(facts: Facts, _: str) -> bool:
    return facts.customer is not None and facts.customer.id in facts.holders


def _one(id_: str | None) -> Any:
    return ABSENT if id_ is None else (id_,)


_PLAIN = {
    "customer.segment": Plain(
        IDS, lambda facts, _: _known(facts.customer and facts.customer.segments)
    ),
    # Prose has it among the rules of the audience, but the list of names does not.
    "customer.loyalty.tier": Plain(
        IDS, lambda facts, _: _known(facts.customer and facts.customer.loyalty_tiers)
    ),
    "customer.metadata": Plain(
        METADATA,
        lambda facts, key: ABSENT if facts.customer is None else at(facts.customer.metadata, key),
        property=True,
    ),
    "order.amount": Plain(NUMBER, lambda facts, _: _known(facts.order and facts.order.amount)),
    "order.initial_amount": Plain(
        NUMBER, lambda facts, _: _known(facts.order and facts.order.initial_amount)
    ),
    "order.total_amount": Plain(NUMBER, _total_amount, late=True),
    "order.items.count": Plain(NUMBER, _units),
    "order.metadata": Plain(
        METADATA,
        lambda facts, key: ABSENT if facts.order is None else at(facts.order.metadata, key),
        property=True,
    ),
    "redemption.metadata": Plain(
        METADATA, lambda facts, key: at(facts.metadata, key), property=True
    ),
    "custom_event.metadata": Plain(
        METADATA,
        lambda facts, key: ABSENT if facts.event is None else at(facts.event, key),
        property=True,
    ),
    "redemption.api_key": Plain(IDS, lambda facts, _: _one(facts.api_key)),
    "redemption.user.login": Plain(TEXT, lambda facts, _: _known(facts.user)),
    "redemption.reward.pay_with_points.points_used": Plain(NUMBER, _points_used, late=True),
    "publication.redeemable_by_linked_customer": Plain(SWITCH, _holder),
}


# --- budgets ------------------------------------------------------------------------------------


def _budget(counter: Counter) -> Plain:
    """A rule about a sum over redemptions, with the one that is judged counted in."""
    key, late = counter.key, counter.measure in ("amount_discounted", "gift_amount")

    def value(facts: Facts, _: str) -> Any:
        stored = facts.counters.get(key)
        if stored is None or not _takes_part(facts, counter):
            return ABSENT
        if counter.measure == "redemptions":
            return stored + 1
        if counter.measure == "orders_amount":
            return stored + (facts.order.initial_amount or 0 if facts.order else 0)
        if facts.effect is None:
            return UNDECIDED
        return stored + int(getattr(facts.effect, counter.measure))

    return Plain(NUMBER, value, late=late, counter=counter)


def _takes_part(facts: Facts, counter: Counter) -> bool:
    for subject in counter.scope[1:]:
        if subject == "customer" and facts.customer is None:
            return False
        if subject == "api_key" and facts.api_key is None:
            return False
        if subject == "user" and facts.user is None:
            return False
    return True


_OF_CAMPAIGN: tuple[Subject, ...] = ("campaign",)
_OF_INCENTIVE: tuple[Subject, ...] = ("incentive",)
_REDEMPTIONS: dict[str, tuple[Subject, ...]] = {
    "campaign.redemptions.count": _OF_CAMPAIGN,
    # What one customer redeems in the campaign, whatever the name says.
    "campaign.redemptions.customers_count": (*_OF_CAMPAIGN, "customer"),
    "redemption.count": _OF_INCENTIVE,
    "redemption.count.per_customer": (*_OF_INCENTIVE, "customer"),
}
_BUDGETS = {
    "campaign.orders.amount": _budget(Counter(_OF_CAMPAIGN, "orders_amount")),
    "campaign.orders.amount_discounted": _budget(Counter(_OF_CAMPAIGN, "amount_discounted")),
    "redemption.gift.amount": _budget(Counter(_OF_CAMPAIGN, "gift_amount")),
    "redemption.count.per_api_key": _budget(Counter((*_OF_INCENTIVE, "api_key"))),
    "redemption.count.per_user": _budget(Counter((*_OF_INCENTIVE, "user"))),
} | {
    name if period == "total" else f"{name}.{period}": _budget(Counter(scope, period=period))
    for name, scope in _REDEMPTIONS.items()
    for period in PERIODS
    # That of one incentive in all is its own limit of redemptions.
    if (name, period) != ("redemption.count", "total")
}


# --- of items and their structure ---------------------------------------------------------------


_OF_ITEMS = {
    f"order.items.{what}_{which}": OfItems(kind, value, which == "each", what == "metadata")
    for what, kind, value in (
        ("price", NUMBER, lambda line, _: _known(line.price)),
        ("metadata", METADATA, lambda line, key: at(line.metadata, key)),
    )
    for which in ("any", "each")
}

_LINE_PRICE = Subrule(NUMBER, lambda line, _, __: _known(line.price))
_LINE_QUANTITY = Subrule(NUMBER, lambda line, _, __: line.quantity)
_QUANTITY = Subrule(NUMBER, lambda _, chosen, __: chosen.quantity)
_AMOUNT = Subrule(NUMBER, lambda _, chosen, __: _known(chosen.amount))
# It asks for nothing: it tells which products a discount is for, as `discounted` does.
_DISCOUNT_APPLICABLE = Subrule(SWITCH, lambda _, __, ___: True)

_OF_LINES = {
    "order.items.quantity": _LINE_QUANTITY,
    "order.items.aggregated_quantity": _QUANTITY,
    "order.items.price": _LINE_PRICE,
    "order.items.aggregated_amount": _AMOUNT,
    "order.items.metadata": Subrule(
        METADATA, lambda line, _, key: at(line.metadata, key), property=True
    ),
}
_STRUCTURES = {
    "order.items.any": Structure(ANY, _OF_LINES),
    "order.items.every": Structure(EVERY, _OF_LINES),
    "order.items.none": Structure(NO, _OF_LINES),
    "order.items.cheapest": Structure(CHEAPEST, _OF_LINES),
    "order.items.most_expensive": Structure(MOST_EXPENSIVE, _OF_LINES),
    "product.metadata": Structure(
        ANY,
        {
            "product.metadata.aggregated_quantity": _QUANTITY,
            "product.metadata.aggregated_amount": _AMOUNT,
            "product.metadata.discount_applicable": _DISCOUNT_APPLICABLE,
            "product.metadata.match_all": Subrule(SWITCH, lambda _, chosen, __: chosen.all),
        },
        value=lambda line, key: at(line.product_metadata, key),
        kind=METADATA,
        property=True,
    ),
} | {
    f"{kind}.id": Structure(
        ANY,
        {
            f"{kind}.price": _LINE_PRICE,
            f"{kind}.quantity": _QUANTITY,
            f"{kind}.discount_applicable": _DISCOUNT_APPLICABLE,
        },
        kinds=(kind,),
        excludes=True,
    )
    for kind in (PRODUCT, SKU)
}

NAMES: Mapping[str, Name] = {**_PLAIN, **_BUDGETS, **_OF_ITEMS, **_STRUCTURES}
SUBRULES: Mapping[str, tuple[str, ...]] = {
    subrule: tuple(name for name, structure in _STRUCTURES.items() if subrule in structure.subrules)
    for family in _STRUCTURES.values()
    for subrule in family.subrules
}
# What a qualification does not judge.
UNQUALIFIED = frozenset(
    {
        "campaign.orders.amount_discounted",
        "campaign.redemptions.count",
        "redemption.count.per_customer",
        "campaign.redemptions.customers_count",
        "order.amount",
    }
)
