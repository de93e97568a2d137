"""A sieve over many incentives: which of them a cart and a customer could fulfil at all.

It looks at what an incentive cannot do without: one of some items, or a segment. What passes is
judged; what does not would be refused. The incentives that fulfil something are the bits of one
number, so that thousands are told apart at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from largesse.engine.applicability import COLLECTION
from largesse.engine.discounts import on_items
from largesse.engine.incentives import Incentive
from largesse.engine.logic import All, Node
from largesse.engine.qualification import Scenario
from largesse.engine.rule_names import NO, Structure
from largesse.engine.rules import Rule, Rules


class _Index:
    """Incentives by the names of which each needs one; `free` are those that need none."""

    def __init__(self) -> None:
        self.free = 0
        self.by_name: dict[str, int] = {}

    def add(self, place: int, names: AbstractSet[str]) -> None:
        if not names:
            self.free |= 1 << place
        for name in names:
            self.by_name[name] = self.by_name.get(name, 0) | 1 << place

    def fulfilled(self, names: Iterable[str]) -> int:
        found = self.free
        for name in names:
            found |= self.by_name.get(name, 0)
        return found


class Sieve:
    """Made once of some incentives, which keep their order."""

    def __init__(self, incentives: Sequence[Incentive]) -> None:
        self.of_rules, self.of_discounts, self.of_segments = _Index(), _Index(), _Index()
        self.all = (1 << len(incentives)) - 1
        for place, incentive in enumerate(incentives):
            required = [rule for guard in incentive.guards for rule in _required(guard.rules.rules)]
            self.of_rules.add(place, _first(map(_items, required)))
            self.of_discounts.add(place, _discounted(incentive))
            self.of_segments.add(place, _first(map(_segments, required)))

    def passed(
        self, scenario: Scenario, names: AbstractSet[str], segments: AbstractSet[str]
    ) -> Iterator[int]:
        """The places of those that may qualify: `names` are what the lines of the cart are called
        (`product/` or `sku/` with an id or source id), `segments` those of the customer.
        """
        left = self.all
        if "order.items.any" not in scenario.unseen:
            left &= self.of_rules.fulfilled(names)
        if scenario.needs_items:
            left &= self.of_discounts.fulfilled(names)
        if "customer.segment" not in scenario.unseen:
            left &= self.of_segments.fulfilled(segments)
        bits = f"{left:b}"[::-1]
        place = bits.find("1")
        while place >= 0:
            yield place
            place = bits.find("1", place + 1)


def _required(rules: Rules) -> list[Rule]:
    """The rules that have to hold whatever the others do."""
    return [rules.given[place] for place in _and(rules.logic)]


def _and(node: Node) -> Iterator[int]:
    if isinstance(node, int):
        yield node
    elif isinstance(node, All):
        for part in node.parts:
            yield from _and(part)


def _first(found: Iterable[frozenset[str]]) -> frozenset[str]:
    return next(filter(None, found), frozenset())


def _items(rule: Rule) -> frozenset[str]:
    """The names of which a line of the order has to have one; none where nobody can say."""
    about = rule.about
    if not isinstance(about, Structure) or about.asks == NO or rule.conditions.negative:
        return frozenset()
    return _plain(rule.conditions.named)


def _segments(rule: Rule) -> frozenset[str]:
    if rule.name != "customer.segment" or rule.conditions.negative:
        return frozenset()
    return rule.conditions.named


def _discounted(incentive: Incentive) -> frozenset[str]:
    """The names of which a line has to have one that is discounted."""
    if incentive.discount is None or not on_items(incentive.discount):
        return frozenset()
    for guard in incentive.guards:
        named = guard.applicable_to
        if named.names_products:
            if named.included_all:
                return frozenset()
            return _plain(
                frozenset(f"{entry.object}/{key}" for entry in named.included for key in entry.keys)
            )
    return frozenset()


def _plain(names: frozenset[str]) -> frozenset[str]:
    """Names of products and SKUs: what is in a collection is not known here."""
    if any(name.startswith(COLLECTION) for name in names):
        return frozenset()
    return names
