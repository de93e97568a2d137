"""What qualified, as it is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from largesse.actions import checkout_view
from largesse.actions.checkout_view import CategoryView, EntryList, OrderView
from largesse.engine import qualification, receipts
from largesse.engine.incentives import GIFT, LOYALTY
from largesse.engine.lines import Cart
from largesse.engine.redemption import Plan
from largesse.engine.situations import Outcome
from largesse.engine.stacking import StackingRules
from largesse.kit import wire
from largesse.kit.db import Row
from largesse.store.customer_view import Instant
from largesse.store.definitions import Definitions
from largesse.store.qualifications import CAMPAIGN, STACK, TIER, Candidate


class Qualified(msgspec.Struct, frozen=True):
    """A candidate that qualifies, with what it does to the cart; a stack with the plan of its
    tiers. `passed` is its number among those of its millisecond.
    """

    candidate: Candidate
    outcome: Outcome
    passed: int
    plan: Plan | None = None

    @property
    def total(self) -> int:
        """What it takes off the order, in minor units."""
        if self.plan is None:
            return self.outcome.total
        return sum(step.outcome.total for step in self.plan.applicable if step.outcome)


class AssignmentView(msgspec.Struct, kw_only=True):
    """A rule as it was judged: whole, or without some rules in it."""

    id: str
    rule_id: str
    related_object_id: str
    related_object_type: str
    created_at: Instant
    object: str = "validation_rules_assignment"
    validation_status: str = "VALID"
    validation_omitted_rules: list[str] | UnsetType = UNSET


class AssignmentsView(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "data"
    data: list[AssignmentView]
    total: int


class QualifiedView(msgspec.Struct, kw_only=True):
    """A redeemable that qualifies; a stack with its tiers."""

    id: str
    object: str
    created_at: Instant
    result: dict[str, Any]
    order: OrderView | UnsetType = UNSET
    applicable_to: EntryList | UnsetType = UNSET
    inapplicable_to: EntryList | UnsetType = UNSET
    metadata: Any = UNSET
    categories: list[CategoryView] | UnsetType = UNSET
    name: str | UnsetType = UNSET
    banner: str | UnsetType = UNSET
    campaign_id: str | UnsetType = UNSET
    campaign_name: str | UnsetType = UNSET
    validation_rules_assignments: AssignmentsView | UnsetType = UNSET
    redeemables: list[QualifiedView] | UnsetType = UNSET


class QualifiedList(msgspec.Struct, kw_only=True):
    """A page; `more_starting_after` is the cursor of the next."""

    object: str = "list"
    data_ref: str = "data"
    data: list[QualifiedView]
    total: int
    has_more: bool
    more_starting_after: str | UnsetType = UNSET


class Qualification(msgspec.Struct, kw_only=True):
    """The answer to a qualification."""

    redeemables: QualifiedList
    tracking_id: str | UnsetType = UNSET
    order: OrderView | UnsetType = UNSET
    stacking_rules: StackingRules


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What all redeemables of an answer share: `members` are those of the order that discounts do
    not change, `assignments` the rows by object, `locked` the credits that sessions hold by card,
    None where they are not asked for.
    """

    known: Definitions
    cart: Cart | None
    members: Mapping[str, Any]
    expand: Sequence[str]
    unseen: frozenset[str]
    assignments: Mapping[str, Sequence[Row]] = {}
    locked: Mapping[str, int] | None = None


def view(found: Qualified, terms: Terms) -> QualifiedView:
    """What qualified, as it is answered."""
    candidate, plan = found.candidate, found.plan
    if plan is None:
        return _one(candidate, found.outcome, terms.cart, terms)
    tiers = {tier.incentive.id: tier for tier in candidate.tiers}
    answer = _bare(candidate, {}, terms)
    answer.redeemables = [
        _one(tiers[step.asked.incentive.id], step.outcome, step.before, terms)
        for step in plan.applicable
        if step.asked.incentive and step.outcome
    ]
    if terms.cart is not None and plan.cart is not None:
        receipt = receipts.of(terms.cart, plan.cart)
        answer.order = checkout_view.order(receipt, **terms.members)
    return answer


def _one(
    candidate: Candidate, outcome: Outcome, before: Cart | None, terms: Terms
) -> QualifiedView:
    answer = _bare(candidate, _result(candidate, outcome, terms), terms)
    answer.applicable_to = checkout_view.entries(outcome.entries, before or Cart())
    answer.inapplicable_to = checkout_view.entries(outcome.excluded, before or Cart())
    if outcome.cart is not None and before is not None:
        receipt = receipts.of(before, outcome.cart)
        answer.order = checkout_view.order(receipt, **terms.members)
    if "validation_rules" in terms.expand:
        answer.validation_rules_assignments = _assignments(candidate, terms)
    return answer


def _bare(candidate: Candidate, result: dict[str, Any], terms: Terms) -> QualifiedView:
    row = candidate.row
    answer = QualifiedView(
        id=candidate.id,
        object=candidate.object,
        created_at=wire.stamp(candidate.created_at),
        result=result,
    )
    if "redeemable" in terms.expand:
        _tell(answer, candidate)
    if "category" in terms.expand:
        answer.categories = checkout_view.categories(terms.known, row["category_id"], whole=True)
    return answer


def _tell(answer: QualifiedView, candidate: Candidate) -> None:
    row = candidate.row
    if candidate.object != STACK:
        answer.metadata = row["metadata"]
    if candidate.object in (CAMPAIGN, TIER, STACK):
        answer.name = row["name"]
    if candidate.object == TIER and row["banner"] is not None:
        answer.banner = row["banner"]
    if candidate.object != CAMPAIGN and row["campaign_id"] is not None:
        answer.campaign_id = row["campaign_id"]
        answer.campaign_name = row["campaign_name"]


def _result(candidate: Candidate, outcome: Outcome, terms: Terms) -> dict[str, Any]:
    """What it gives; without an order nobody knows how many credits it would take."""
    row, incentive = candidate.row, candidate.incentive
    if incentive.type == LOYALTY:
        return {"loyalty_card": {"points": row["amount"], "balance": incentive.balance}}
    found = checkout_view.given(incentive, outcome.discount, outcome.credits, outcome.bundle)
    if incentive.type != GIFT:
        return found
    gift = {"balance": incentive.balance}
    if terms.cart is not None:
        gift["credits"] = outcome.credits
    if terms.locked is not None:
        gift["locked_credits"] = terms.locked.get(incentive.id, 0)
    return {"gift": gift} | ({"bundle": outcome.bundle} if outcome.bundle else {})


def _assignments(candidate: Candidate, terms: Terms) -> AssignmentsView:
    guards = {guard.assignment: guard for guard in candidate.incentive.guards}
    data = []
    for id_ in dict.fromkeys((candidate.row["id"], candidate.row["campaign_id"])):
        for row in terms.assignments.get(id_ or "", ()):
            guard = guards.get(row["id"])
            if guard is None:
                continue
            omitted = qualification.omitted(guard.rules, terms.unseen)
            data.append(
                AssignmentView(
                    id=row["id"],
                    rule_id=row["rule_id"],
                    related_object_id=row["related_object_id"],
                    related_object_type=row["related_object_type"],
                    created_at=wire.stamp(row["created_at"]),
                    validation_status="PARTIALLY_VALID" if omitted else "VALID",
                    validation_omitted_rules=omitted or UNSET,
                )
            )
    return AssignmentsView(data=data, total=len(data))
