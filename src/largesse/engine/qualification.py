"""What a qualification asks: which redeemables could be used, each judged alone on the cart.

A scenario says which rules are judged, and how much of the cart a redeemable needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

import msgspec

from largesse.engine import eligibility, judging, rules, stacking
from largesse.engine.calculation import DISCOUNTED_AMOUNT
from largesse.engine.counters import Counter
from largesse.engine.discounts import TO_ITEMS, Unit, on_items
from largesse.engine.incentives import Guard, Incentive
from largesse.engine.lines import collections_of
from largesse.engine.rule_facts import Facts, OrderFacts
from largesse.engine.rule_names import NAMES, UNQUALIFIED, OfItems, Plain, Structure
from largesse.engine.rules import RuleSet
from largesse.engine.situations import Basis, Outcome, Situation
from largesse.engine.stacking import StackingRules

DEFAULT, BEST_DEAL, LEAST_DEAL = "DEFAULT", "BEST_DEAL", "LEAST_DEAL"
# What has to be about items of the cart: the discount, or the discount or the rules.
DISCOUNTED, CONCERNED = "discounted", "concerned"

_AUDIENCE: Final = frozenset({"customer.segment", "customer.loyalty.tier", "customer.metadata"})
_ITEMS: Final = frozenset(
    name for name, about in NAMES.items() if isinstance(about, (OfItems, Structure))
)
# Rules about sums over redemptions.
COUNTED: Final = frozenset(
    name for name, about in NAMES.items() if isinstance(about, Plain) and about.counter
)
_OF_CUSTOMERS: Final = frozenset(name for name in COUNTED if "customer" in name)


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """How redeemables are judged. Rules named in `unseen` are not; `products` is what of a
    redeemable has to be about items of the cart, None for nothing. `wallet` asks for what the
    customer holds alone, `stacks` for promotion stacks alone.
    """

    unseen: frozenset[str] = UNQUALIFIED
    needs_bundle: bool = True
    needs_items: bool = True
    products: str | None = None
    wallet: bool = False
    stacks: bool = False


def _only(*seen: frozenset[str]) -> frozenset[str]:
    """All names of rules but these."""
    return (frozenset(NAMES) - frozenset().union(*seen)) | UNQUALIFIED


def _of_products(*seen: frozenset[str]) -> Scenario:
    return Scenario(unseen=_only(*seen), needs_bundle=False, needs_items=False, products=CONCERNED)


def _of_discounts(*seen: frozenset[str]) -> Scenario:
    return Scenario(unseen=_only(*seen), needs_bundle=False, products=DISCOUNTED)


SCENARIOS: Mapping[str, Scenario] = {
    "ALL": Scenario(),
    "CUSTOMER_WALLET": Scenario(wallet=True),
    "AUDIENCE_ONLY": Scenario(unseen=_only(_AUDIENCE), needs_bundle=False, needs_items=False),
    "PRODUCTS": _of_products(_ITEMS),
    "PRODUCTS_DISCOUNT": _of_discounts(_ITEMS),
    "PROMOTION_STACKS": Scenario(stacks=True),
    "PRODUCTS_BY_CUSTOMER": _of_products(_ITEMS, _AUDIENCE),
    "PRODUCTS_DISCOUNT_BY_CUSTOMER": _of_discounts(_ITEMS, _AUDIENCE),
}
# Of the operations that came before: they judge every limit, or the audience with its own.
EXAMINED = Scenario(unseen=frozenset())
EXAMINED_AUDIENCE = Scenario(
    unseen=frozenset(NAMES) - _AUDIENCE - _OF_CUSTOMERS, needs_bundle=False, needs_items=False
)


def qualify(
    incentive: Incentive, basis: Basis, scenario: Scenario, stacking_rules: StackingRules
) -> Outcome | None:
    """What a redeemable does to the cart by itself; None where it does not qualify. The basis is
    one of the scenario.
    """
    mode = DISCOUNTED_AMOUNT
    if basis.cart is not None:
        mode = stacking.mode(stacking_rules, incentive.category_id)
    alone = Situation(cart=basis.cart, moved={}, ordered=set(), mode=mode)
    outcome = eligibility.apply(incentive, None, basis, alone)
    if outcome.refusal is not None:
        return None
    if scenario.products is None or _is_about(incentive, outcome, basis, scenario.products):
        return outcome
    return None


class Refusing:
    """A first look at incentives whose rules speak of no collections, before anything is made of
    them: whether they refuse, or are not about items of the cart where they have to be. Rules that
    are assigned to many are judged once.
    """

    def __init__(self, scenario: Scenario, facts: Facts) -> None:
        self.scenario = scenario
        self.facts = facts
        self.unseen = scenario.unseen | COUNTED
        self.known: dict[int, bool] = {}

    def refuses(self, incentive: Incentive) -> bool:
        """Whether an incentive cannot qualify."""
        for guard in incentive.guards:
            refused = self.known.get(id(guard.rules))
            if refused is None:
                refused = judging.holds(guard.rules, self.facts, self.unseen) is False
                self.known[id(guard.rules)] = refused
            if refused:
                return True
        products = self.scenario.products
        return products is not None and not self._could_be_about(incentive, products)

    def _could_be_about(self, incentive: Incentive, products: str) -> bool:
        discount = incentive.discount
        if isinstance(discount, Unit) or incentive.effect == TO_ITEMS:
            return True
        if discount is not None and on_items(discount):
            return True
        return products == CONCERNED and any(
            guard.bundles.parts or _asks_for_items(guard, self.facts) for guard in incentive.guards
        )


def _asks_for_items(guard: Guard, facts: Facts) -> bool:
    return judging.asks_for_items(guard.rules, facts.order or OrderFacts(), facts.clock)


def _is_about(incentive: Incentive, outcome: Outcome, basis: Basis, products: str) -> bool:
    if outcome.covered or _gives(incentive, basis):
        return True
    if products == DISCOUNTED:
        return False
    if outcome.bundle is not None and outcome.bundle.identified:
        return True
    facts = Facts(clock=basis.clock, order=basis.seen)
    return any(_asks_for_items(guard, facts) for guard in incentive.guards)


def _gives(incentive: Incentive, basis: Basis) -> bool:
    """Whether the cart holds what the discount gives units of."""
    given = incentive.unit_types()
    if not given or basis.cart is None:
        return False
    return any(
        not given.isdisjoint((*line.products, *line.skus))
        or not given.isdisjoint(collections_of(line, basis.collections))
        for line in basis.cart.lines
    )


@cache
def counters(scenario: Scenario) -> frozenset[Counter]:
    """The sums that its rules ask about."""
    found = set()
    for name in COUNTED - scenario.unseen:
        about = NAMES[name]
        assert isinstance(about, Plain)
        assert about.counter is not None
        found.add(about.counter)
    return frozenset(found)


def omitted(rule_set: RuleSet, unseen: frozenset[str]) -> list[str]:
    """The rules that were not judged, by their keys."""
    return [rule.path for rule in rules.walk(rule_set.rules) if rule.name in unseen]
