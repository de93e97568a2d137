"""What is redeemed: a voucher or a promotion tier, with all that was defined over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from largesse.engine import applicability, counters
from largesse.engine.applicability import COLLECTION, Applicability, Budget
from largesse.engine.bundles import BundleRules
from largesse.engine.calendar import Clock
from largesse.engine.counters import Counter, Subject
from largesse.engine.discounts import Discount, Unit
from largesse.engine.lines import Collections, Line
from largesse.engine.rules import Needs, RuleSet
from largesse.engine.timeframes import Timeframe

DISCOUNT, GIFT, LOYALTY, TIER = "DISCOUNT_VOUCHER", "GIFT_VOUCHER", "LOYALTY_CARD", "PROMOTION_TIER"
VOUCHER, PROMOTION_TIER, CAMPAIGN = "voucher", "promotion_tier", "campaign"

Metadata = Mapping[str, Any]
_ALWAYS = Timeframe()


class Guard(msgspec.Struct, frozen=True, gc=False):
    """A validation rule as it is assigned, to an object of some `kind`. `key` stands for this
    assignment of this version, `id@version`: what it counts is counted anew under another, units
    of products excepted, which no redemption tells.
    """

    key: str
    rule_id: str
    rules: RuleSet = RuleSet()
    applicable_to: Applicability = Applicability()
    bundles: BundleRules = BundleRules()
    needs: Needs = Needs()
    kind: str = CAMPAIGN

    @property
    def assignment(self) -> str:
        """The assignment's id, whatever the version."""
        return self.key.partition("@")[0]


class Campaign(msgspec.Struct, frozen=True, gc=False):
    """What a campaign says of all that is in it."""

    id: str
    active: bool = True
    timeframe: Timeframe = _ALWAYS


class Incentive(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A voucher or a promotion tier. `quantity` is how often it can be redeemed, None without end;
    `redeemed` how often it was, what others have put aside counted in. `balance` is what is left on
    a card, less what others have put aside. `holders` are those to whom it was published.
    """

    id: str
    name: str
    object: str = VOUCHER
    type: str = DISCOUNT
    active: bool = True
    timeframe: Timeframe = _ALWAYS
    campaign: Campaign | None = None
    discount: Discount | None = None
    effect: str | None = None
    balance: int = 0
    quantity: int | None = None
    redeemed: int = 0
    category_id: str | None = None
    guards: tuple[Guard, ...] = ()
    metadata: Metadata = {}
    holders: frozenset[str] = frozenset()
    referrer_id: str | None = None
    published: int = 0
    published_at: datetime | None = None

    def subjects(self, customer_id: str | None, api_key: str | None) -> dict[Subject, str]:
        """Whose redemptions are counted: what belongs to no campaign is one of its own."""
        found: dict[Subject, str] = {
            "campaign": self.campaign.id if self.campaign else self.id,
            "incentive": self.id,
        }
        if customer_id is not None:
            found["customer"] = customer_id
        if api_key is not None:
            found["api_key"] = api_key
        return found

    def collections(self) -> set[str]:
        """The product collections that its rules and its discount speak of."""
        found: set[str] = set()
        for guard in self.guards:
            found |= guard.needs.collections
            entries = (*guard.applicable_to.included, *guard.applicable_to.excluded)
            found |= {key for entry in entries if entry.object == COLLECTION for key in entry.keys}
            found |= {part.id for part in guard.bundles.parts if part.object == COLLECTION}
        return found | {name for name in self.unit_types() if name.startswith("pc_")}

    def unit_types(self) -> set[str]:
        """What its discount gives units of: ids or source ids of products, SKUs or collections."""
        if not isinstance(self.discount, Unit):
            return set()
        return {granted.unit_type for granted in self.discount.granted}


# --- what is counted ----------------------------------------------------------------------------


class Tally(msgspec.Struct, frozen=True, gc=False):
    """One row of counters that a redemption looks at and moves: of a guard's counter or budget.
    One that is moved `elsewhere` too, by redemptions that this guard does not see, says too little.
    """

    key: str
    counter: Counter
    subjects: Mapping[Subject, str]
    incentive: Incentive
    bucket: str
    elsewhere: bool = False

    def counts(self, subjects: Mapping[Subject, str], clock: Clock, week_starts_on: int) -> bool:
        """Whether a redemption of these, at that time, belongs to what this row counts."""
        counter = self.counter
        return all(subjects.get(name) == self.subjects[name] for name in counter.scope) and (
            counters.bucket(counter.period, clock, week_starts_on) == self.bucket
        )


def tallies(
    incentive: Incentive, subjects: Mapping[Subject, str], clock: Clock, week_starts_on: int
) -> Iterator[tuple[Guard, Tally]]:
    """The rows that the rules of an incentive ask for; those that nobody takes part in are left
    out.
    """
    for guard in incentive.guards:
        for counter in guard.needs.counters:
            tally = _tally(guard, counter, subjects, incentive, clock, week_starts_on)
            if tally is not None:
                yield guard, tally


def _tally(
    guard: Guard,
    counter: Counter,
    subjects: Mapping[Subject, str],
    incentive: Incentive,
    clock: Clock,
    week_starts_on: int = 0,
) -> Tally | None:
    row = counters.row(counter, subjects, clock, week_starts_on)
    if row is None:
        return None
    bucket = counters.bucket(counter.period, clock, week_starts_on)
    if counter.measure == "units":
        return Tally(f"{guard.assignment}/{row}", counter, subjects, incentive, bucket)
    elsewhere = (
        guard.kind != CAMPAIGN and incentive.campaign is not None and "campaign" in counter.scope
    )
    return Tally(f"{guard.key}/{row}", counter, subjects, incentive, bucket, elsewhere)


def budgets(
    incentive: Incentive,
    subjects: Mapping[Subject, str],
    clock: Clock,
    lines: Sequence[Line],
    collections: Collections,
) -> Iterator[tuple[Budget, Tally | None]]:
    """The budgets of units that lines of an order could spend, with their rows; None for one of
    each customer where there is none.
    """
    for guard in incentive.guards:
        for budget in applicability.could_spend(guard.applicable_to, lines, collections):
            yield budget, tally_of(guard, budget, subjects, incentive, clock)


def tally_of(
    guard: Guard,
    budget: Budget,
    subjects: Mapping[Subject, str],
    incentive: Incentive,
    clock: Clock,
) -> Tally | None:
    """The row of a budget of units."""
    of: dict[Subject, str] = dict(subjects)
    of["product"] = budget.id if budget.product is None else budget.product
    if budget.product is not None:
        of["collection"] = budget.id
    return _tally(guard, counters.of_units(budget.name), of, incentive, clock)
