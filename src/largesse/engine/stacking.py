"""Stacking rules: how many of the redeemables of one request apply, in which order, and which of
them keep others out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from largesse.engine.calculation import DISCOUNTED_AMOUNT, INITIAL_AMOUNT

ALL, PARTIAL = "ALL", "PARTIAL"
REQUESTED_ORDER, CATEGORY_HIERARCHY = "REQUESTED_ORDER", "CATEGORY_HIERARCHY"
STACK, ONCE = "STACK", "ONCE"
REDEEM_ANYWAY, SKIP = "REDEEM_ANYWAY", "SKIP"
WITH_ORDER, WITHOUT_ORDER = "WITH_ORDER", "WITHOUT_ORDER"
JOINT_ALWAYS_LAST, REDEEMABLES_SORTING_RULE = "JOINT_ALWAYS_LAST", "REDEEMABLES_SORTING_RULE"
EXCLUSIVE, JOINT = "EXCLUSIVE", "JOINT"

# Of what has no category: the hierarchy that stands for it.
DEFAULT_HIERARCHY = 1

# The most that each limit can be.
MOST_REDEEMABLES, MOST_OF_A_CATEGORY, MOST_EXCLUSIVE = 30, 10, 5
# Lists of categories, in pairs that have none in common.
APART = (
    ("exclusive_categories", "joint_categories"),
    ("initial_amount_mode_categories", "discounted_amount_mode_categories"),
    ("no_effect_skip_categories", "no_effect_redeem_anyway_categories"),
)
LISTS = tuple(name for pair in APART for name in pair)


class StackingRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a project says of redeemables that are applied together; the defaults are those of a
    project that says nothing. Categories are named by their ids.
    """

    exclusive_categories: list[str] = []
    joint_categories: list[str] = []
    redeemables_limit: int = 30
    applicable_redeemables_limit: int = 5
    applicable_redeemables_per_category_limit: int | None = 1
    applicable_redeemables_category_limits: dict[str, int] = {}
    applicable_exclusive_redeemables_limit: int = 1
    applicable_exclusive_redeemables_per_category_limit: int | None = 1
    discount_calculation_mode: str = DISCOUNTED_AMOUNT
    initial_amount_mode_categories: list[str] = []
    discounted_amount_mode_categories: list[str] = []
    redeemables_application_mode: str = ALL
    redeemables_sorting_rule: str = REQUESTED_ORDER
    redeemables_no_effect_rule: str = REDEEM_ANYWAY
    no_effect_skip_categories: list[str] = []
    no_effect_redeem_anyway_categories: list[str] = []
    redeemables_products_application_mode: str = STACK
    redeemables_rollback_order_mode: str = WITH_ORDER
    grouped_redeemables_sorting_rule: str = JOINT_ALWAYS_LAST


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How a redeemable stands among others: its category with what the rules say of that one."""

    category_id: str | None = None
    hierarchy: int = DEFAULT_HIERARCHY
    group: str | None = None


def standing(
    rules: StackingRules, category_id: str | None, hierarchies: Mapping[str, int]
) -> Standing:
    """The standing of what belongs to a category; one that is gone is none."""
    if category_id not in hierarchies:
        return Standing()
    assert category_id is not None
    group = None
    if category_id in rules.exclusive_categories:
        group = EXCLUSIVE
    elif category_id in rules.joint_categories:
        group = JOINT
    return Standing(category_id, hierarchies[category_id], group)


def arranged(
    rules: StackingRules, standings: Sequence[Standing], *, grouped: bool = True
) -> list[int]:
    """The places of redeemables in the order in which they apply. Where exclusive and joint ones
    meet, the joint ones may have to come last; not `grouped` where no exclusive one applies.
    """
    places = list(range(len(standings)))
    if rules.redeemables_sorting_rule == CATEGORY_HIERARCHY:
        places.sort(key=lambda place: standings[place].hierarchy)
    groups = {each.group for each in standings}
    last = rules.grouped_redeemables_sorting_rule == JOINT_ALWAYS_LAST
    if grouped and last and groups >= {EXCLUSIVE, JOINT}:
        places.sort(key=lambda place: standings[place].group == JOINT)
    return places


def mode(rules: StackingRules, category_id: str | None) -> str:
    """What discounts of a category are worked out from: INITIAL_AMOUNT or DISCOUNTED_AMOUNT."""
    if category_id in rules.initial_amount_mode_categories:
        return INITIAL_AMOUNT
    if category_id in rules.discounted_amount_mode_categories:
        return DISCOUNTED_AMOUNT
    return rules.discount_calculation_mode


def skips_no_effect(rules: StackingRules, category_id: str | None) -> bool:
    """Whether a redeemable of a category that would take nothing off is not redeemed."""
    if category_id in rules.no_effect_skip_categories:
        return True
    if category_id in rules.no_effect_redeem_anyway_categories:
        return False
    return rules.redeemables_no_effect_rule == SKIP


class Room:
    """How many more redeemables may apply."""

    def __init__(self, rules: StackingRules) -> None:
        self._rules = rules
        self._applied: list[Standing] = []

    def take(self, standing: Standing) -> None:
        """One of this standing applies."""
        self._applied.append(standing)

    def exceeded(self, standing: Standing) -> str | None:
        """The key of the limit that one more would pass; None where there is room."""
        rules, id_ = self._rules, standing.category_id
        if len(self._applied) >= rules.applicable_redeemables_limit:
            return "applicable_redeemables_limit_exceeded"
        alike = sum(each.category_id == id_ for each in self._applied) if id_ else 0
        if standing.group == EXCLUSIVE:
            exclusive = sum(each.group == EXCLUSIVE for each in self._applied)
            if exclusive >= rules.applicable_exclusive_redeemables_limit:
                return "applicable_exclusive_redeemables_limit_exceeded"
            most = rules.applicable_exclusive_redeemables_per_category_limit
            if most is not None and alike >= most:
                return "applicable_exclusive_redeemables_per_category_limit_exceeded"
        if id_ is None:
            return None
        most = rules.applicable_redeemables_category_limits.get(
            id_, rules.applicable_redeemables_per_category_limit
        )
        if most is not None and alike >= most:
            return "applicable_redeemables_per_category_limit_exceeded"
        return None


def told(rules: StackingRules) -> StackingRules:
    """Rules as checkouts are told of them, who know numbers alone: a limit per category that is
    none comes to that of all together.
    """
    of_all = {
        "applicable_redeemables_per_category_limit": rules.applicable_redeemables_limit,
        "applicable_exclusive_redeemables_per_category_limit": (
            rules.applicable_exclusive_redeemables_limit
        ),
    }
    missing = {name: most for name, most in of_all.items() if getattr(rules, name) is None}
    return msgspec.structs.replace(rules, **missing) if missing else rules


def flaw(rules: StackingRules) -> str | None:
    """What cannot be, as an answer's details say it; None where nothing is wrong."""
    for path, limit, most in _limits(rules):
        if limit < 1:
            return f"Property .{path} must be >= 1"
        if limit > most:
            return f"Property .{path} must be <= {most}"
    for one, other in APART:
        for category_id in getattr(rules, other):
            if category_id in getattr(rules, one):
                return f"Property .{other} must NOT have categories of .{one}: {category_id}"
    return None


def _limits(rules: StackingRules) -> Iterator[tuple[str, int, int]]:
    """Each limit with its path and the most that it can be beside the others."""
    applicable = rules.applicable_redeemables_limit
    exclusive = rules.applicable_exclusive_redeemables_limit
    yield "redeemables_limit", rules.redeemables_limit, MOST_REDEEMABLES
    yield "applicable_redeemables_limit", applicable, rules.redeemables_limit
    if (limit := rules.applicable_redeemables_per_category_limit) is not None:
        yield "applicable_redeemables_per_category_limit", limit, applicable
    for category_id, limit in rules.applicable_redeemables_category_limits.items():
        path = f"applicable_redeemables_category_limits.{category_id}"
        yield path, limit, min(MOST_OF_A_CATEGORY, applicable)
    yield "applicable_exclusive_redeemables_limit", exclusive, MOST_EXCLUSIVE
    if (limit := rules.applicable_exclusive_redeemables_per_category_limit) is not None:
        yield "applicable_exclusive_redeemables_per_category_limit", limit, exclusive


def categories(rules: StackingRules) -> list[str]:
    """The ids of all categories that rules name, each once."""
    named = dict.fromkeys(id_ for name in LISTS for id_ in getattr(rules, name))
    return list(named | dict.fromkeys(rules.applicable_redeemables_category_limits))


def without(rules: StackingRules, category_id: str) -> StackingRules:
    """Rules that say nothing of a category."""
    lists = {name: [id_ for id_ in getattr(rules, name) if id_ != category_id] for name in LISTS}
    limits = rules.applicable_redeemables_category_limits
    return msgspec.structs.replace(
        rules,
        **lists,
        applicable_redeemables_category_limits={
            id_: limit for id_, limit in limits.items() if id_ != category_id
        },
    )
