"""What a shop's promotions should be, in plain Python: no SQL, no HTTP, nothing of the server's.

Amounts are in minor units. Discounts are of the whole order, so that they can be told in a line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass
class Limit:
    """A rule that a sum is at most so much, for each customer by itself if it says so."""

    most: int
    each: bool = False
    of_amounts: bool = False
    sums: Counter[str] = field(default_factory=Counter)

    def whose(self, customer: str | None) -> str:
        return customer or "" if self.each else ""


@dataclass
class Campaign:
    name: str
    id: str
    active: bool = True
    limits: list[Limit] = field(default_factory=list)


@dataclass
class Thing:
    """What is redeemed: a coupon, a gift card or a promotion tier; `name` is its code or id."""

    name: str
    kind: str
    campaign: Campaign | None = None
    off: int = 0
    percent: int = 0
    limit: int | None = None
    balance: int = 0
    active: bool = True
    gone: bool = False
    used: int = 0
    limits: list[Limit] = field(default_factory=list)
    # What sessions put aside, by their keys: a use and so many credits.
    locks: dict[str, int] = field(default_factory=dict)

    @property
    def guards(self) -> list[Limit]:
        return self.limits + (self.campaign.limits if self.campaign else [])

    def takes(self, due: int, credits: int) -> int:
        """What it takes off an order of which so much is due."""
        if self.kind == "gift":
            return min(credits, due)
        if self.percent:
            return (due * self.percent + 50) // 100
        return min(self.off, due)


@dataclass
class Order:
    amount: int
    customer: str | None = None
    taken: int = 0
    canceled: bool = False


@dataclass
class Part:
    thing: Thing
    credits: int
    takes: int = 0

    def __repr__(self) -> str:
        return f"{self.thing.name} takes {self.takes}"


@dataclass
class Done:
    """A redemption that stands or stood; `moved` is by how much it moved every stored number."""

    id: str
    parts: list[Part]
    customer: str | None
    order: str | None
    moved: dict[str, int] = field(default_factory=dict)
    undone: bool = False


Refusals = set[str]


@dataclass
class Model:
    things: dict[str, Thing] = field(default_factory=dict)
    campaigns: dict[str, Campaign] = field(default_factory=dict)
    customers: dict[str, int] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)

    def refused(
        self, part: Part, due: int, customer: str | None, key: str | None, pending: Counter[str]
    ) -> Refusals:
        """All reasons why one thing cannot be redeemed; none where it can. `pending` is what the
        things before it in the same request add to the sums of limits.
        """
        thing = part.thing
        if thing.gone:
            return {"not_found"}
        found = set()
        aside = {of: credits for of, credits in thing.locks.items() if of != key}
        if not thing.active or (thing.campaign and not thing.campaign.active):
            found.add("promotion_inactive" if thing.kind == "tier" else "voucher_disabled")
        if thing.limit is not None and thing.used + len(aside) >= thing.limit:
            found.add("quantity_exceeded")
        left = thing.balance - sum(aside.values())
        if thing.kind == "gift" and (left <= 0 or part.credits > left):
            found.add("gift_amount_exceeded")
        for limit in thing.guards:
            if limit.each and customer is None:
                found.add("missing_customer")
            elif self._passed(limit, part, customer, pending):
                found.add("redemption_rules_violated")
        return found

    def _passed(
        self, limit: Limit, part: Part, customer: str | None, pending: Counter[str]
    ) -> bool:
        whose = limit.whose(customer)
        now = limit.sums[whose] + pending[f"{id(limit)}/{whose}"]
        return now + adds(limit, part) > limit.most

    def decide(
        self,
        parts: Sequence[Part],
        due: int,
        customer: str | None,
        key: str | None = None,
        *,
        partial: bool = False,
    ) -> tuple[list[Part], Refusals]:
        """The parts that apply, each with what it takes, and why the first refused one does not.
        All or none, unless in part.
        """
        pending: Counter[str] = Counter()
        applied: list[Part] = []
        first: Refusals = set()
        for part in parts:
            part.takes = part.thing.takes(due, part.credits)
            why = self.refused(part, due, customer, key, pending)
            if why:
                first = first or why
                if not partial:
                    return [], why
                continue
            due -= part.takes
            applied.append(part)
            for limit in part.thing.guards:
                pending[f"{id(limit)}/{limit.whose(customer)}"] += adds(limit, part)
        return applied, first

    def count(self, done: Done, sign: int) -> None:
        """Moves everything by a redemption, or back by its rollback."""
        for part in done.parts:
            part.thing.used += sign
            if part.thing.kind == "gift":
                part.thing.balance -= sign * part.takes
            for limit in part.thing.guards:
                limit.sums[limit.whose(done.customer)] += sign * adds(limit, part)
        if done.customer is not None:
            self.customers[done.customer] += sign * len(done.parts)

    def release(self, key: str | None) -> None:
        """Ends a session, whatever it holds."""
        for thing in self.things.values():
            thing.locks.pop(key or "", None)

    def standing(self) -> Iterator[Done]:
        return (done for done in self.done if not done.undone)


def adds(limit: Limit, part: Part) -> int:
    """What a redemption adds to the sum of a limit; a card's credits are no discount."""
    if not limit.of_amounts:
        return 1
    return 0 if part.thing.kind == "gift" else part.takes
