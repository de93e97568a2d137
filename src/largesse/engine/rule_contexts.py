"""The contexts of validation rules: what a set of rules was made to be assigned to."""

from __future__ import annotations

GLOBAL = "global"

_DISCOUNTS = tuple(
    f".discount.{effect}"
    for effect in (
        "apply_to_order",
        "apply_to_items",
        "apply_to_items_proportionally",
        "apply_to_items_proportionally_by_quantity",
        "apply_to_items_by_quantity",
        "fixed.apply_to_items",
        "percent.apply_to_items",
    )
)
_GIFTS = (".gift.apply_to_order", ".gift.apply_to_items")
_EFFECTS: dict[str, tuple[str, ...]] = {
    "campaign.discount_coupons": _DISCOUNTS,
    "campaign.referral_program": _DISCOUNTS,
    "campaign.promotion": _DISCOUNTS,
    "voucher.discount_voucher": _DISCOUNTS,
    "campaign.gift_vouchers": _GIFTS,
    "voucher.gift_voucher": _GIFTS,
    "campaign.loyalty_program": (),
    "voucher.loyalty_card": (),
}
_TIER_EVENTS = ("joined", "left", "upgraded", "downgraded", "prolonged")

CONTEXTS = frozenset(
    {
        GLOBAL,
        "reward_assignment.pay_with_points",
        "earning_rule.order.paid",
        "earning_rule.custom_event",
        "earning_rule.customer.segment.entered",
        *(f"earning_rule.customer.tier.{event}" for event in _TIER_EVENTS),
        "distribution.custom_event",
        *(f"distribution.order.{status}" for status in ("paid", "created", "canceled", "updated")),
        *(base + effect for base, effects in _EFFECTS.items() for effect in ("", *effects)),
    }
)
