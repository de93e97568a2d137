"""Redeemables for the tests of the decision, from discounts and rules as they are sent."""

from __future__ import annotations

from typing import Any

from largesse.engine import applicability, bundles, discounts, redemption, rules
from largesse.engine.incentives import GIFT, PROMOTION_TIER, TIER, Guard, Incentive
from largesse.engine.lines import Cart
from largesse.engine.redemption import Asked, Plan
from largesse.engine.situations import Basis
from largesse.engine.stacking import StackingRules
from tests.engine.carts import CLOCK

# Categories by their ids, with their hierarchies.
CATEGORIES = {"first": 0, "second": 2, "third": 3, "vip": 4, "always": 5, "vip2": 6, "always2": 7}
ORDER: dict[str, Any] = {"effect": "APPLY_TO_ORDER"}
ITEMS: dict[str, Any] = {"effect": "APPLY_TO_ITEMS"}


def percent(percent_off: float, **members: Any) -> dict[str, Any]:
    return {"type": "PERCENT", "percent_off": percent_off, **members}


def amount(amount_off: int, **members: Any) -> dict[str, Any]:
    return {"type": "AMOUNT", "amount_off": amount_off, **members}


def unit(unit_off: int, unit_type: str, effect: str = "ADD_NEW_ITEMS") -> dict[str, Any]:
    return {"type": "UNIT", "unit_off": unit_off, "unit_type": unit_type, "effect": effect}


def guard(name: str, definition: dict[str, Any]) -> Guard:
    """A validation rule as it was sent, as it guards what `name` is."""
    rule_set = rules.read(definition)
    return Guard(
        key=f"asgm_{name}",
        rule_id=f"val_{name}",
        rules=rule_set,
        applicable_to=applicability.read(definition.get("applicable_to", {})),
        bundles=bundles.read(definition.get("bundle_rules", {})),
        needs=rules.needs(rule_set),
    )


def rule(name: str, conditions: Any, **members: Any) -> dict[str, Any]:
    """The definition of a set of one rule."""
    return {"rules": {"1": {"name": name, "conditions": conditions, **members}}}


def coupon(
    name: str,
    discount: dict[str, Any],
    category: str | None = None,
    *definitions: dict[str, Any],
    **members: Any,
) -> Asked:
    """A discount voucher, guarded by some definitions of validation rules."""
    incentive = Incentive(
        id=f"v_{name}",
        name=name,
        discount=discounts.read(discount),
        category_id=category,
        guards=tuple(guard(f"{name}{n}", given) for n, given in enumerate(definitions)),
        **members,
    )
    return Asked("voucher", name, incentive)


def tier(
    name: str, discount: dict[str, Any], *definitions: dict[str, Any], **members: Any
) -> Asked:
    """A promotion tier."""
    incentive = Incentive(
        id=f"promo_{name}",
        name=name,
        object=PROMOTION_TIER,
        type=TIER,
        discount=discounts.read(discount),
        guards=tuple(guard(f"{name}{n}", given) for n, given in enumerate(definitions)),
        **members,
    )
    return Asked(PROMOTION_TIER, f"promo_{name}", incentive)


def gift(
    name: str,
    balance: int,
    credits: int | None = None,
    category: str | None = None,
    *definitions: dict[str, Any],
    **members: Any,
) -> Asked:
    """A gift card with so much left on it, of which `credits` are to be taken."""
    incentive = Incentive(
        id=f"v_{name}",
        name=name,
        type=GIFT,
        balance=balance,
        category_id=category,
        guards=tuple(guard(f"{name}{n}", given) for n, given in enumerate(definitions)),
        **members,
    )
    return Asked("voucher", name, incentive, credits)


def expired(name: str, category: str | None = None) -> Asked:
    """A voucher that applies to nothing any more."""
    return coupon(name, amount(1), category, active=False)


def unknown(name: str) -> Asked:
    """What is in no project."""
    return Asked("voucher", name, None)


def decide(
    *asked: Asked,
    order: Cart | int | None = 10_000,
    basis: dict[str, Any] | None = None,
    **said: Any,
) -> Plan:
    """The plan for an order, or an amount without items, by stacking rules of which those are named
    that are not the defaults.
    """
    cart = Cart(amount=order) if isinstance(order, int) else order
    standing = Basis(clock=CLOCK, cart=cart, **(basis or {}))
    return redemption.decide(asked, standing, StackingRules(**said), CATEGORIES)


def told(plan: Plan) -> list[str | int | None]:
    """What came of each redeemable in turn: what it takes off, or why it is refused or skipped."""
    return [
        step.outcome.total if step.outcome else step.skipped or (step.refusal and step.refusal.key)
        for step in plan.steps
    ]


def order_of(plan: Plan) -> list[str]:
    """The names of those that apply, as they apply."""
    return [step.asked.name for step in plan.applicable]
