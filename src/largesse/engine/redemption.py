"""The decision: which redeemables of a request apply, in which order, and what the order comes to.

The same call answers validations, redemptions and qualifications.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from largesse.engine import eligibility, refusals, stacking
from largesse.engine.incentives import Incentive
from largesse.engine.lines import Cart
from largesse.engine.refusals import Refusal
from largesse.engine.situations import Basis, Explained, Outcome, Situation
from largesse.engine.stacking import EXCLUSIVE, ONCE, PARTIAL, Room, StackingRules, Standing

APPLICABLE: Final = "APPLICABLE"
INAPPLICABLE: Final = "INAPPLICABLE"
SKIPPED: Final = "SKIPPED"


class Asked(msgspec.Struct, frozen=True, gc=False):
    """A redeemable of a request: `name` is how it was called, `incentive` None for one that is not
    known, `credits` those to take from a gift card.
    """

    object: str
    name: str
    incentive: Incentive | None
    credits: int | None = None
    refusal: Refusal | None = None


class Step(msgspec.Struct, frozen=True, gc=False):
    """What came of one redeemable. `skipped` is the key of why it was; `before` is the cart that
    the redeemables before it left.
    """

    asked: Asked
    status: str
    refusal: Refusal | None = None
    skipped: str | None = None
    before: Cart | None = None
    outcome: Outcome | None = None
    standing: Standing = Standing()
    explained: tuple[Explained, ...] = ()


class Plan(msgspec.Struct, frozen=True, gc=False):
    """What a request comes to: a step for each redeemable, in the order in which they were asked
    for; `order` are the places of those that apply, as they apply. `valid` is whether the request
    can be redeemed.
    """

    steps: tuple[Step, ...]
    order: tuple[int, ...]
    valid: bool
    cart: Cart | None

    @property
    def applicable(self) -> list[Step]:
        """The steps that apply, in the order in which they do."""
        return [self.steps[place] for place in self.order]

    @property
    def refusal(self) -> Refusal:
        """The first refusal of a request that is not valid."""
        for step in self.steps:
            if step.refusal is not None:
                return step.refusal
        return Refusal(key="no_applicable_redeemables", details="All redeemables were skipped")


def decide(
    asked: Sequence[Asked],
    basis: Basis,
    rules: StackingRules,
    hierarchies: Mapping[str, int] | None = None,
) -> Plan:
    """Decide what redeemables do together, by the project's stacking rules. `hierarchies` are those
    of its categories, by their ids.
    """
    standings = [
        stacking.standing(
            rules, each.incentive.category_id if each.incentive else None, hierarchies or {}
        )
        for each in asked
    ]
    places = stacking.arranged(rules, standings)
    exclusive = [place for place in places if standings[place].group == EXCLUSIVE]
    known: dict[int, Step] = {}
    if exclusive and len(exclusive) < len(places):
        # Common ones give way to exclusive ones that apply, wherever those stand.
        kept = [
            place
            for place in places
            if standings[place].group is not None or asked[place].incentive is None
        ]
        run = _Run(asked, basis, rules, standings).through(kept)
        if any(run.steps[place].status == APPLICABLE for place in exclusive):
            for place in places:
                if place not in run.steps:
                    run.skip(place, "exclusion_rules_not_met")
            return run.plan()
        known = {place: run.steps[place] for place in exclusive}
        places = stacking.arranged(rules, standings, grouped=False)
    return _Run(asked, basis, rules, standings, known).through(places).plan()


class _Run:
    """One walk through redeemables, each on what those before it left."""

    def __init__(
        self,
        asked: Sequence[Asked],
        basis: Basis,
        rules: StackingRules,
        standings: Sequence[Standing],
        known: Mapping[int, Step] | None = None,
    ) -> None:
        self.asked = asked
        self.basis = basis
        self.rules = rules
        self.standings = standings
        self.known = known or {}
        self.steps: dict[int, Step] = {}
        self.order: list[int] = []
        self.room = Room(rules)
        self.now = Situation(cart=basis.cart, moved={}, ordered=set())
        self.refused = False

    def through(self, places: Sequence[int]) -> _Run:
        for place in places:
            if self.refused and self.rules.redeemables_application_mode != PARTIAL:
                self.skip(place, "preceding_validation_failed")
            elif place in self.known:
                self.steps[place] = self.known[place]
                self.refused |= self.known[place].status == INAPPLICABLE
            elif exceeded := self._exceeded(place):
                self.skip(place, exceeded)
            else:
                self._try(place)
        return self

    def _exceeded(self, place: int) -> str | None:
        """What is not known is told so, whether there is room or not."""
        if self.asked[place].incentive is None:
            return None
        return self.room.exceeded(self.standings[place])

    def skip(self, place: int, why: str) -> None:
        self.steps[place] = Step(
            self.asked[place], SKIPPED, skipped=why, standing=self.standings[place]
        )

    def _try(self, place: int) -> None:
        asked, standing = self.asked[place], self.standings[place]
        refusal = asked.refusal
        if refusal is None and asked.incentive is None:
            refusal = refusals.unknown(asked.object, asked.name)
        if refusal is not None:
            self._refuse(place, refusal)
            return
        assert asked.incentive is not None
        self.now.mode = stacking.mode(self.rules, standing.category_id)
        outcome = eligibility.apply(asked.incentive, asked.credits, self.basis, self.now)
        if outcome.refusal is not None:
            self._refuse(place, outcome.refusal, outcome.explained)
        elif not _effective(outcome, self.now.cart) and stacking.skips_no_effect(
            self.rules, standing.category_id
        ):
            self.steps[place] = Step(
                asked, SKIPPED, skipped="no_effect", standing=standing, explained=outcome.explained
            )
        else:
            self._apply(place, outcome)

    def _refuse(self, place: int, refusal: Refusal, explained: tuple[Explained, ...] = ()) -> None:
        self.refused = True
        self.steps[place] = Step(
            self.asked[place],
            INAPPLICABLE,
            refusal=refusal,
            standing=self.standings[place],
            explained=explained,
        )

    def _apply(self, place: int, outcome: Outcome) -> None:
        asked, standing = self.asked[place], self.standings[place]
        self.steps[place] = Step(
            asked,
            APPLICABLE,
            before=self.now.cart,
            outcome=outcome,
            standing=standing,
            explained=outcome.explained,
        )
        self.order.append(place)
        self.room.take(standing)
        now = self.now
        now.cart = outcome.cart
        for key, n in outcome.counted.items():
            now.moved[key] = now.moved.get(key, 0) + n
        assert asked.incentive is not None
        campaign = asked.incentive.subjects(None, None)["campaign"]
        sums = now.sums.setdefault(campaign, {})
        for measure, n in outcome.sums.items():
            sums[measure] = sums.get(measure, 0) + n
        if outcome.order_counted:
            now.ordered.add(campaign)
        if self.rules.redeemables_products_application_mode == ONCE and outcome.cart is not None:
            now.closed = now.closed | _discounted(outcome.cart, self.steps[place].before)

    def plan(self) -> Plan:
        steps = tuple(self.steps[place] for place in range(len(self.asked)))
        partial = self.rules.redeemables_application_mode == PARTIAL
        valid = bool(self.order) and (partial or not self.refused)
        cart = self.now.cart if valid else self.basis.cart
        return Plan(steps, tuple(self.order), valid, cart)


def _discounted(after: Cart, before: Cart | None) -> frozenset[int]:
    """The lines that have lost some of their amount or gained free units."""
    had = {line.index: line for line in before.lines} if before else {}
    return frozenset(
        line.index
        for line in after.lines
        if (was := had.get(line.index)) is None
        or (line.discount_amount, line.discount_quantity)
        != (was.discount_amount, was.discount_quantity)
    )


def _effective(outcome: Outcome, before: Cart | None) -> bool:
    """Whether a redeemable does anything: takes something off, or adds units. Without an order
    nobody knows.
    """
    if before is None or outcome.cart is None:
        return True
    if outcome.total or outcome.credits:
        return True
    return [line.quantity for line in outcome.cart.lines] != [
        line.quantity for line in before.lines
    ] or [line.discount_quantity for line in outcome.cart.lines] != [
        line.discount_quantity for line in before.lines
    ]
