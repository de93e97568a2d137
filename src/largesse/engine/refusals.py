"""Why a redeemable does not apply: the reference's keys and messages."""

from __future__ import annotations

from typing import Any

import msgspec

from largesse.engine.bundles import Bundle
from largesse.engine.incentives import DISCOUNT, GIFT, LOYALTY, PROMOTION_TIER, TIER, Incentive
from largesse.engine.judging import Verdict
from largesse.engine.rule_facts import Facts
from largesse.engine.timeframes import NOT_ACTIVE_NOW

_KINDS = {
    DISCOUNT: "Discount Coupon",
    GIFT: "Gift Card",
    LOYALTY: "Loyalty Card",
    TIER: "Promotion Tier",
}
MESSAGES = {
    "not_found": "Resource not found",
    "voucher_disabled": "voucher is disabled",
    "voucher_not_active": "voucher not active",
    "voucher_expired": "voucher expired",
    "voucher_not_active_now": "voucher not active now",
    "promotion_inactive": "Inactive Promotion",
    "promotion_not_active_now": "promotion not active now",
    "quantity_exceeded": "quantity exceeded",
    "gift_amount_exceeded": "gift amount exceeded",
    "loyalty_card_points_exceeded": "loyalty card points exceeded",
    "missing_reward": "Missing reward",
    "missing_customer": "Missing customer",
    "missing_order": "Missing order",
    "missing_order_items": "Missing order items",
    "missing_amount": "Missing order amount",
    "missing_order_items_amount": "Missing applicable order items",
    "referrer_not_permitted_to_redeem": "voucher cannot be redeemed by referrer",
    "customer_rules_violated": "customer does not match validation rules",
    "order_rules_violated": "order does not match validation rules",
    "redemption_rules_violated": "redemption does not match validation rules",
    "no_applicable_redeemables": "No applicable redeemables",
    "applicable_redeemables_limit_exceeded": "Applicable redeemables limit exceeded",
    "applicable_redeemables_per_category_limit_exceeded": (
        "Applicable redeemables limit per category exceeded"
    ),
    "applicable_exclusive_redeemables_limit_exceeded": (
        "Applicable exclusive redeemables limit exceeded"
    ),
    "applicable_exclusive_redeemables_per_category_limit_exceeded": (
        "Applicable exclusive redeemables limit per category exceeded"
    ),
    "exclusion_rules_not_met": "Redeemable cannot be applied due to exclusion rules",
    "preceding_validation_failed": (
        "Redeemable cannot be applied due to preceding validation failure"
    ),
    "no_effect": "Redeemable cannot be applied due to no effect",
}


class Refusal(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why a redeemable is inapplicable. `custom` is what a marketer wrote for it, `bundle` what the
    order has and lacks of a bundle.
    """

    key: str
    details: str | None = None
    code: int = 400
    custom: str | None = None
    resource_id: str | None = None
    resource_type: str | None = None
    bundle: Bundle | None = None

    @property
    def message(self) -> str:
        """The reference's message for the key."""
        return MESSAGES[self.key]


def unknown(object_: str, name: str) -> Refusal:
    """There is no such voucher or promotion tier."""
    return Refusal(
        key="not_found",
        details=f"Cannot find {object_} with id {name}",
        code=404,
        resource_id=name,
        resource_type=object_,
    )


def of(incentive: Incentive, key: str, details: str | None = None, **more: Any) -> Refusal:
    """A refusal that names what is refused: a voucher by its code."""
    return Refusal(
        key=key,
        details=incentive.name if details is None else details,
        resource_id=incentive.id,
        resource_type=incentive.object,
        **more,
    )


def disabled(incentive: Incentive) -> Refusal:
    """The incentive, or its campaign, is switched off."""
    if incentive.object == PROMOTION_TIER:
        details = f"Promotion Tier with id: {incentive.id} is disabled."
        return of(incentive, "promotion_inactive", details)
    return of(incentive, "voucher_disabled")


def inactive(incentive: Incentive, why: str) -> Refusal:
    """It is not the time; `why` is what `timeframes.inactive` says."""
    if incentive.object != PROMOTION_TIER:
        return of(incentive, f"voucher_{why}")
    key = "promotion_not_active_now" if why == NOT_ACTIVE_NOW else "promotion_inactive"
    return of(incentive, key, f"Promotion Tier with id: {incentive.id} is not active.")


_OF_ITEMS = ("order.items.", "product.", "sku.")


def violated(incentive: Incentive, rule_id: str, verdict: Verdict, facts: Facts) -> Refusal:
    """A rule is not met: what it asks about is missing, or is not as it wants it."""
    name = verdict.name or ""
    about_customer = name.startswith("customer.") or "customer" in name
    of_items = name.startswith(_OF_ITEMS) and name != "order.items.count"
    of_order = of_items or name.startswith("order.")
    if about_customer and facts.customer is None:
        details = "Customer is required to validate rules"
        return of(incentive, "missing_customer", details, custom=verdict.message)
    if of_order and facts.order is None:
        details = "Order is required to validate rules"
        return of(incentive, "missing_order", details, custom=verdict.message)
    if of_items and facts.order is not None and not facts.order.lines:
        details = "Order items are required to validate rules"
        return of(incentive, "missing_order_items", details, custom=verdict.message)
    key = "redemption_rules_violated"
    if name.startswith("customer."):
        key = "customer_rules_violated"
    elif of_order:
        key = "order_rules_violated"
    return of(incentive, key, _violates(incentive, rule_id), custom=verdict.message)


def unbundled(incentive: Incentive, rule_id: str, message: str | None, bundle: Bundle) -> Refusal:
    """The order does not hold the bundle that earns the discount."""
    details = _violates(incentive, rule_id)
    return of(incentive, "order_rules_violated", details, custom=message, bundle=bundle)


def _violates(incentive: Incentive, rule_id: str) -> str:
    kind = _KINDS[incentive.type]
    return f"{kind} cannot be redeemed because of violated validation rules: {rule_id}"
