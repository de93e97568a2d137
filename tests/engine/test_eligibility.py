"""Whether one redeemable applies: each refusal, which goes first, and what a discount covers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from largesse.engine import timeframes
from largesse.engine.incentives import LOYALTY, Campaign
from largesse.engine.lines import Cart
from largesse.engine.redemption import Asked
from largesse.engine.rule_facts import CustomerFacts
from largesse.engine.situations import explained
from tests.engine.carts import CLOCK, cart
from tests.engine.redeeming import (
    ITEMS,
    amount,
    coupon,
    decide,
    gift,
    percent,
    rule,
    tier,
    told,
    unit,
)

NOW = CLOCK.now
DAY = timedelta(days=1)
ANN = CustomerFacts("cust_ann", {"level": 3}, frozenset({"seg_new"}))


def times(**members: Any) -> timeframes.Timeframe:
    return timeframes.read(members)


EARLY, LATE = times(start_date=NOW + DAY), times(expiration_date=NOW - DAY)
# The clock stands on a Monday, at midnight.
TUESDAYS = times(validity_day_of_week=[2])
EVENINGS = times(validity_hours={"daily": [{"start_time": "18:00", "expiration_time": "20:00"}]})
WINDOWS = times(start_date=NOW - DAY, validity_timeframe={"interval": "P2D", "duration": "PT1H"})


def refusal(asked: Asked, **said: Any) -> Any:
    """How a redeemable is refused."""
    found = decide(asked, **said).steps[0].refusal
    assert found is not None
    return found


# --- before any rule ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "key"),
    [
        ({"active": False}, "disabled"),
        ({"campaign": Campaign("camp_1", active=False)}, "disabled"),
        ({"timeframe": EARLY}, "not_active"),
        ({"timeframe": LATE}, "expired"),
        ({"timeframe": TUESDAYS}, "not_active_now"),
        ({"timeframe": EVENINGS}, "not_active_now"),
        ({"timeframe": WINDOWS}, "not_active_now"),
        ({"campaign": Campaign("camp_1", timeframe=EARLY)}, "not_active"),
        ({"campaign": Campaign("camp_1", timeframe=LATE)}, "expired"),
        ({"campaign": Campaign("camp_1", timeframe=TUESDAYS)}, "not_active_now"),
    ],
)
def test_the_switch_and_the_time(members: dict[str, Any], key: str) -> None:
    found = refusal(coupon("CODE", amount(1), **members))
    assert (found.key, found.details) == (f"voucher_{key}", "CODE")
    assert (found.resource_id, found.resource_type) == ("v_CODE", "voucher")
    of_tier = refusal(tier("a", amount(1), **members))
    expected = {"not_active_now": "promotion_not_active_now"}.get(key, "promotion_inactive")
    state = "disabled" if key == "disabled" else "not active"
    assert of_tier.key == expected
    assert of_tier.details == f"Promotion Tier with id: promo_a is {state}."
    assert (of_tier.resource_id, of_tier.resource_type) == ("promo_a", "promotion_tier")


@pytest.mark.parametrize(("quantity", "redeemed"), [(1, 1), (1, 2), (0, 0), (3, 3)])
def test_the_number_of_redemptions(quantity: int, redeemed: int) -> None:
    found = refusal(coupon("c", amount(1), quantity=quantity, redeemed=redeemed))
    assert (found.key, found.message) == ("quantity_exceeded", "quantity exceeded")
    assert decide(coupon("c", amount(1), quantity=redeemed + 1, redeemed=redeemed)).valid
    assert decide(coupon("c", amount(1), quantity=None, redeemed=10**9)).valid


def test_who_refers_does_not_redeem() -> None:
    asked = coupon("c", amount(1), referrer_id="cust_ann")
    assert refusal(asked, basis={"customer": ANN}).key == "referrer_not_permitted_to_redeem"
    assert decide(asked, basis={"customer": CustomerFacts("cust_bob")}).valid
    assert decide(asked).valid


@pytest.mark.parametrize(
    ("balance", "credits", "order", "expected"),
    [
        (500, None, 1000, 500),
        (500, None, 300, 300),
        (500, 200, 1000, 200),
        (500, 500, 100, 100),
        (500, 0, 1000, 0),
        (500, 501, 1000, "gift_amount_exceeded"),
        (0, None, 1000, "gift_amount_exceeded"),
        (0, 0, 1000, "gift_amount_exceeded"),
        (-5, None, 1000, "gift_amount_exceeded"),
        (500, None, None, "missing_order"),
        (500, 200, None, 200),
    ],
)
def test_what_is_on_a_card(balance: int, credits: Any, order: Any, expected: Any) -> None:
    plan = decide(gift("card", balance, credits), order=order)
    outcome = plan.steps[0].outcome
    assert (outcome.credits if outcome else told(plan)[0]) == expected


def test_a_card_for_items() -> None:
    order = cart(("a", 1000, 1), ("b", 3000, 1))
    entry = {"applicable_to": {"included": [{"object": "product", "id": "b"}]}}
    card = gift("card", 5000, 400, None, effect="APPLY_TO_ITEMS")
    plan = decide(card, order=order)
    assert plan.steps[0].outcome is not None
    assert plan.steps[0].outcome.items == (100, 300)
    of_b = gift("card", 5000, None, None, entry, effect="APPLY_TO_ITEMS")
    plan = decide(of_b, order=order)
    assert plan.steps[0].outcome is not None
    assert (plan.steps[0].outcome.items, plan.steps[0].outcome.credits) == ((0, 3000), 3000)
    assert refusal(of_b, order=cart(("a", 1000, 1))).key == "missing_order_items_amount"
    assert refusal(of_b, order=1000).key == "missing_order_items"


def test_a_loyalty_card_wants_a_reward() -> None:
    asked = coupon("card", amount(1))
    assert asked.incentive is not None
    card = msgspec.structs.replace(asked.incentive, type=LOYALTY, discount=None)
    assert refusal(Asked("voucher", "card", card)).key == "missing_reward"


CHECKS: list[tuple[str, dict[str, Any]]] = [
    ("voucher_disabled", {"active": False}),
    ("voucher_expired", {"timeframe": LATE}),
    ("quantity_exceeded", {"quantity": 1, "redeemed": 1}),
    ("referrer_not_permitted_to_redeem", {"referrer_id": "cust_ann"}),
]


@pytest.mark.parametrize("first", range(4))
def test_the_first_that_fails_is_the_refusal(first: int) -> None:
    members = {name: value for _, each in CHECKS[first:] for name, value in each.items()}
    violated = rule("order.amount", {"$more_than": [10**9]})
    found = refusal(coupon("c", amount(1), None, violated, **members), basis={"customer": ANN})
    assert found.key == CHECKS[first][0]


# --- rules --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "conditions", "members", "key"),
    [
        ("order.amount", {"$more_than": [10_000]}, {}, "order_rules_violated"),
        ("order.total_amount", {"$more_than": [9999]}, {}, "order_rules_violated"),
        ("order.initial_amount", {"$is": [1]}, {}, "order_rules_violated"),
        ("order.metadata", {"$is": ["x"]}, {"property": "y"}, "order_rules_violated"),
        ("customer.segment", {"$is": ["seg_old"]}, {}, "customer_rules_violated"),
        ("customer.metadata", {"$is": [4]}, {"property": "level"}, "customer_rules_violated"),
        ("redemption.metadata", {"$is": ["x"]}, {"property": "y"}, "redemption_rules_violated"),
        ("redemption.api_key", {"$is": ["key_2"]}, {}, "redemption_rules_violated"),
        (
            "redemption.count.per_customer",
            {"$less_than_or_equal": [0]},
            {},
            "redemption_rules_violated",
        ),
        ("campaign.redemptions.count", {"$less_than": [1]}, {}, "redemption_rules_violated"),
        ("campaign.orders.amount", {"$less_than": [10_000]}, {}, "redemption_rules_violated"),
        (
            "campaign.orders.amount_discounted",
            {"$less_than": [1]},
            {},
            "redemption_rules_violated",
        ),
    ],
)
def test_rules(name: str, conditions: Any, members: dict[str, Any], key: str) -> None:
    definition = rule(name, conditions, **members)
    basis = {"customer": ANN, "api_key": "key_1"}
    found = refusal(coupon("c", amount(1), None, definition), basis=basis)
    assert (found.key, found.custom) == (key, None)
    assert found.details == (
        "Discount Coupon cannot be redeemed because of violated validation rules: val_c0"
    )
    of_tier = refusal(tier("t", amount(1), definition), basis=basis)
    assert (of_tier.key, of_tier.resource_type) == (key, "promotion_tier")
    assert of_tier.details == (
        "Promotion Tier cannot be redeemed because of violated validation rules: val_t0"
    )
    of_card = refusal(gift("g", 1, None, None, rule("order.amount", {"$is": [1]})), basis=basis)
    assert of_card.details == (
        "Gift Card cannot be redeemed because of violated validation rules: val_g0"
    )


@pytest.mark.parametrize(
    ("name", "conditions", "members", "order", "key"),
    [
        ("customer.segment", {"$is": ["seg_new"]}, {}, 1, "missing_customer"),
        ("customer.segment", {"$is_not": ["seg_new"]}, {}, 1, "missing_customer"),
        ("customer.metadata", {"$is": [3]}, {"property": "level"}, 1, "missing_customer"),
        ("redemption.count.per_customer", {"$less_than": [9]}, {}, 1, "missing_customer"),
        ("campaign.redemptions.customers_count", {"$less_than": [9]}, {}, 1, "missing_customer"),
        ("order.amount", {"$less_than": [9]}, {}, None, "missing_order"),
        ("order.total_amount", {"$less_than": [9]}, {}, None, "missing_order"),
        ("order.items.count", {"$less_than": [9]}, {}, None, "missing_order"),
        ("order.metadata", {"$is": ["x"]}, {"property": "y"}, None, "missing_order"),
        (
            "order.items.any",
            {"$is": [{"id": "a", "object": "product"}]},
            {},
            None,
            "missing_order",
        ),
        (
            "order.items.any",
            {"$is": [{"id": "a", "object": "product"}]},
            {},
            1,
            "missing_order_items",
        ),
        ("order.items.price_any", {"$is": [1]}, {}, 1, "missing_order_items"),
    ],
)
def test_what_is_missing(
    name: str, conditions: Any, members: dict[str, Any], order: Any, key: str
) -> None:
    found = refusal(coupon("c", amount(1), None, rule(name, conditions, **members)), order=order)
    assert found.key == key


def test_what_a_marketer_wrote() -> None:
    definition = rule("order.amount", {"$more_than": [10**6]}, error={"message": "Buy more!"})
    found = refusal(coupon("c", amount(1), None, definition))
    assert (found.custom, found.message) == ("Buy more!", "order does not match validation rules")
    of_set = rule("order.amount", {"$more_than": [10**6]}) | {"error": {"message": "Sorry"}}
    assert refusal(coupon("c", amount(1), None, of_set)).custom == "Sorry"
    missing = rule("customer.segment", {"$is": ["x"]}, error={"message": "Log in"})
    assert refusal(coupon("c", amount(1), None, missing)).custom == "Log in"


def test_rules_of_the_voucher_and_then_of_its_campaign() -> None:
    own = rule("order.amount", {"$more_than": [1]})
    of_campaign = rule("order.amount", {"$more_than": [10**6]})
    found = refusal(coupon("c", amount(1), None, own, of_campaign))
    assert (found.details or "").endswith("val_c1")
    assert (refusal(coupon("c", amount(1), None, of_campaign, own)).details or "").endswith(
        "val_c0"
    )


def test_rules_that_wait_for_the_discount() -> None:
    least = rule("order.total_amount", {"$more_than_or_equal": [9000]})
    assert told(decide(coupon("c", percent(10), None, least))) == [1000]
    assert told(decide(coupon("c", percent(11), None, least))) == ["order_rules_violated"]
    card = rule("redemption.gift.amount", {"$less_than_or_equal": [300]})
    assert told(decide(gift("g", 500, 300, None, card))) == [300]
    assert told(decide(gift("g", 500, 301, None, card))) == ["redemption_rules_violated"]


def test_rules_that_shall_not_be_seen_are_passed() -> None:
    definition = rule("order.amount", {"$more_than": [10**6]})
    asked = coupon("c", amount(1), None, definition)
    assert decide(asked, basis={"unseen": frozenset({"order.amount"})}).valid


def test_what_was_stored_counts() -> None:
    definition = rule("redemption.count.per_customer", {"$less_than_or_equal": [2]})
    asked = coupon("c", amount(1), None, definition)
    basis: dict[str, Any] = {"customer": ANN}
    plan = decide(asked, basis=basis)
    assert plan.steps[0].outcome is not None
    [key] = plan.steps[0].outcome.counted
    assert plan.steps[0].outcome.counted == {key: 1}
    assert decide(asked, basis=basis | {"counters": {key: 1}}).valid
    assert told(decide(asked, basis=basis | {"counters": {key: 2}})) == [
        "redemption_rules_violated"
    ]


def test_how_rules_were_judged_is_told_on_request() -> None:
    definition = {
        "rules": {
            "1": {"name": "order.amount", "conditions": {"$more_than": [10**6]}},
            "2": {"name": "customer.segment", "conditions": {"$is": ["seg_new"]}},
        },
        "logic": "1 or 2",
    }
    asked = coupon("c", amount(1), None, definition)
    assert decide(asked, basis={"customer": ANN}).steps[0].explained == ()
    plan = decide(asked, basis={"customer": ANN, "explain": True})
    assert explained(plan.steps[0].explained) == [
        {
            "validation_rule_id": "val_c0",
            "rules": [
                {"rule": "1", "name": "order.amount", "value": 10_000, "passed": False},
                {"rule": "2", "name": "customer.segment", "value": ["seg_new"], "passed": True},
            ],
        }
    ]


# --- items --------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", ["APPLY_TO_ITEMS", "APPLY_TO_ITEMS_BY_QUANTITY"])
@pytest.mark.parametrize(
    ("order", "key"),
    [
        (None, "missing_order"),
        (1000, "missing_order_items"),
        (cart(("b", 1000, 1)), "order_rules_violated"),
    ],
)
def test_a_discount_of_items_wants_some(order: Any, key: str, effect: str) -> None:
    of_a = {"applicable_to": {"included": [{"object": "product", "id": "a"}]}}
    assert refusal(coupon("c", amount(1, effect=effect), None, of_a), order=order).key == key
    assert decide(coupon("c", amount(1, effect=effect), None, of_a), order=cart(("a", 1, 1))).valid


def test_a_discount_covers_what_all_its_rules_allow() -> None:
    def of(*names: str) -> dict[str, Any]:
        entries = [{"object": "product", "id": name} for name in names]
        return {"applicable_to": {"included": entries}}

    order = cart(("a", 1000, 1), ("b", 1000, 1), ("c", 1000, 1))
    plan = decide(coupon("c", percent(10, **ITEMS), None, of("a", "b"), of("b", "c")), order=order)
    assert plan.steps[0].outcome is not None
    assert plan.steps[0].outcome.items == (0, 100, 0)
    found = refusal(coupon("c", percent(10, **ITEMS), None, of("a"), of("b")), order=order)
    assert found.key == "order_rules_violated"


# --- bundles ------------------------------------------------------------------------------------

BUNDLE: dict[str, Any] = {
    "bundle_rules": {
        "limit": 2,
        **{
            str(n): {
                "name": "order.items.any",
                "conditions": {"$is": [{"id": name, "object": "product"}]},
                "rules": {},
            }
            for n, name in enumerate(("a", "b"), 1)
        },
    }
}


def test_bundles() -> None:
    asked = coupon("c", amount(100), None, BUNDLE)
    both = cart(("a", 1000, 2), ("b", 1000, 2))
    plan = decide(asked, order=both)
    assert told(plan) == [200]
    assert plan.steps[0].outcome is not None
    assert plan.steps[0].outcome.bundle is not None
    assert plan.steps[0].outcome.bundle.quantity == 2
    found = refusal(asked, order=cart(("a", 1000, 2)))
    assert found.key == "order_rules_violated"
    assert found.bundle is not None
    assert [missing.id for missing in found.bundle.missing] == ["b"]


def test_bundles_without_an_order() -> None:
    asked = coupon("c", amount(100), None, BUNDLE)
    assert refusal(asked, order=None).key == "missing_order"
    assert refusal(asked, order=1000).key == "missing_order_items"


# --- the rest -----------------------------------------------------------------------------------


def test_a_formula_sees_what_earlier_ones_left() -> None:
    tenth = {
        "type": "AMOUNT",
        "amount_off": 0,
        "amount_off_formula": "ORDER_AMOUNT * 0.1",
        "effect": "APPLY_TO_ORDER",
    }
    plan = decide(coupon("a", tenth), coupon("b", tenth))
    assert told(plan) == [1000, 900]
    assert plan.steps[1].outcome is not None
    assert msgspec.to_builtins(plan.steps[1].outcome.discount)["amount_off"] == 900


def test_units_need_no_order_to_be_granted() -> None:
    plan = decide(coupon("c", unit(1, "prod_5h1pp1ng", "ADD_MISSING_ITEMS")), order=None)
    assert (plan.valid, plan.cart) == (True, None)


def test_an_order_of_nothing_is_an_order() -> None:
    assert told(decide(coupon("c", percent(10)), order=Cart())) == [0]
    over = rule("order.amount", {"$less_than": [1]})
    assert told(decide(coupon("c", amount(5), None, over), order=Cart())) == [0]


def test_times_hold_to_the_instant() -> None:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    assert at == NOW
    for member in ("start_date", "expiration_date"):
        assert decide(coupon("c", amount(1), timeframe=times(**{member: at}))).valid
