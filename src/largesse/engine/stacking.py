"""Stacking rules: how many of the redeemables of one request apply, in which order, and which of
them keep others out.
"""

from __future__ import annotations

import msgspec

from largesse.engine.calculation import DISCOUNTED_AMOUNT

ALL, PARTIAL = "ALL", "PARTIAL"
REQUESTED_ORDER, CATEGORY_HIERARCHY = "REQUESTED_ORDER", "CATEGORY_HIERARCHY"
STACK, ONCE = "STACK", "ONCE"
REDEEM_ANYWAY, SKIP = "REDEEM_ANYWAY", "SKIP"
WITH_ORDER, WITHOUT_ORDER = "WITH_ORDER", "WITHOUT_ORDER"
JOINT_ALWAYS_LAST, REDEEMABLES_SORTING_RULE = "JOINT_ALWAYS_LAST", "REDEEMABLES_SORTING_RULE"
EXCLUSIVE, JOINT = "EXCLUSIVE", "JOINT"

# Of what has no category: the hierarchy that stands for it.
DEFAULT_HIERARCHY = 1


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
