from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from largesse.engine import applicability, bundles, discounts, qualification, rule_facts, rules
from largesse.engine.calendar import Clock
from largesse.engine.incentives import GIFT, LOYALTY, Guard, Incentive
from largesse.engine.lines import Cart, Line
from largesse.engine.qualification import (
    COUNTED,
    EXAMINED,
    EXAMINED_AUDIENCE,
    SCENARIOS,
    Refusing,
    Scenario,
)
from largesse.engine.rule_facts import CustomerFacts, Facts, OrderFacts
from largesse.engine.rule_names import NAMES, UNQUALIFIED
from largesse.engine.sieve import Sieve
from largesse.engine.situations import Basis, Outcome
from largesse.engine.stacking import StackingRules

CLOCK = Clock(datetime(2024, 5, 1, 12, tzinfo=UTC), UTC)
CART = Cart(
    lines=(
        Line(index=0, product_id="drill", quantity=1, price=1000, amount=1000),
        Line(index=1, sku_id="red", product_id="hat", quantity=2, price=500, amount=1000),
    )
)
ORDER = {"type": "AMOUNT", "amount_off": 100, "effect": "APPLY_TO_ORDER"}
ITEMS = {"type": "PERCENT", "percent_off": 10, "effect": "APPLY_TO_ITEMS"}
UNITS = {"type": "UNIT", "unit_off": 1, "unit_type": "drill", "effect": "ADD_NEW_ITEMS"}


def any_item(id_: str) -> dict[str, Any]:
    conditions = {"$is": [{"id": id_, "object": "product"}]}
    return {"name": "order.items.any", "conditions": conditions}


def in_segment(*ids: str, operator: str = "$is") -> dict[str, Any]:
    return {"name": "customer.segment", "conditions": {operator: list(ids)}}


def guard(*given: dict[str, Any], logic: str = "", **more: Any) -> Guard:
    definition: dict[str, Any] = {str(n): each for n, each in enumerate(given, 1)}
    if logic:
        definition["logic"] = logic
    rule_set = rules.read({"rules": definition})
    return Guard("a@1", "val_1", rule_set, needs=rules.needs(rule_set), **more)


def entry(*ids: str, object_: str = "product") -> applicability.Applicability:
    return applicability.read({"included": [{"object": object_, "id": id_} for id_ in ids]})


def incentive(discount: Any = ORDER, *guards: Guard, **more: Any) -> Incentive:
    read = None if discount is None else discounts.read(discount)
    return Incentive(id="i", name="I", discount=read, guards=guards, **more)


def basis(scenario: Scenario, cart: Cart | None = CART, **more: Any) -> Basis:
    seen = None
    if cart is not None:
        lines = rule_facts.lines(cart.lines, {})
        seen = OrderFacts(amount=cart.left, initial_amount=cart.initial, lines=lines)
    return Basis(
        clock=CLOCK,
        cart=cart,
        unseen=scenario.unseen,
        needs_bundle=scenario.needs_bundle,
        needs_items=scenario.needs_items,
        spends=False,
        seen=seen,
        **more,
    )


def looked(name: str, given: Incentive, cart: Cart | None = CART, **more: Any) -> Outcome | None:
    scenario = SCENARIOS[name]
    return qualification.qualify(given, basis(scenario, cart, **more), scenario, StackingRules())


def qualifies(name: str, given: Incentive, cart: Cart | None = CART, **more: Any) -> bool:
    return looked(name, given, cart, **more) is not None


# --- scenarios ----------------------------------------------------------------------------------


def test_no_scenario_judges_the_five_limits_and_the_older_ones_judge_them() -> None:
    assert all(scenario.unseen >= UNQUALIFIED for scenario in SCENARIOS.values())
    assert EXAMINED.unseen == frozenset()
    seen = frozenset(NAMES) - EXAMINED_AUDIENCE.unseen
    assert "redemption.count.per_customer" in seen
    assert "redemption.count.daily" not in seen
    assert "order.amount" not in seen


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name != "PROMOTION_STACKS"])
def test_a_discount_of_an_item_in_the_cart_qualifies_everywhere(name: str) -> None:
    outcome = looked(name, incentive(ITEMS, guard(applicable_to=entry("drill"))))
    assert outcome is not None
    assert (outcome.covered, outcome.total) == ((0,), 100)


@pytest.mark.parametrize(
    ("given", "where"),
    [
        (incentive(), "ALL AUDIENCE_ONLY"),
        (incentive(ITEMS, guard(applicable_to=entry("saw"))), "AUDIENCE_ONLY"),
        (
            incentive(ITEMS, guard(any_item("drill"), applicable_to=entry("saw"))),
            "AUDIENCE_ONLY PRODUCTS",
        ),
        (incentive(ORDER, guard(any_item("drill"))), "ALL AUDIENCE_ONLY PRODUCTS"),
        (incentive(ORDER, guard(any_item("saw"))), "AUDIENCE_ONLY"),
        (incentive(UNITS), "ALL AUDIENCE_ONLY PRODUCTS PRODUCTS_DISCOUNT"),
        (incentive(ORDER, guard(in_segment("vip"))), ""),
        (
            incentive(ITEMS, guard(in_segment("vip"), applicable_to=entry("drill"))),
            "PRODUCTS PRODUCTS_DISCOUNT",
        ),
        (
            incentive(ORDER, guard(any_item("drill") | {"name": "order.items.none"})),
            "AUDIENCE_ONLY",
        ),
        (incentive(None, type=GIFT, balance=50), "ALL AUDIENCE_ONLY"),
        (
            incentive(None, type=GIFT, balance=50, effect="APPLY_TO_ITEMS"),
            "ALL AUDIENCE_ONLY PRODUCTS PRODUCTS_DISCOUNT",
        ),
        (incentive(ORDER, active=False), ""),
        (incentive(ORDER, quantity=1, redeemed=1), ""),
    ],
)
def test_where_an_incentive_qualifies(given: Incentive, where: str) -> None:
    names = ("ALL", "AUDIENCE_ONLY", "PRODUCTS", "PRODUCTS_DISCOUNT")
    assert " ".join(name for name in names if qualifies(name, given)) == where
    for name in names:
        facts = Facts(clock=CLOCK, order=basis(SCENARIOS[name]).seen)
        if Refusing(SCENARIOS[name], facts).refuses(given):
            assert not qualifies(name, given)


def test_by_customer_asks_for_the_customer_too() -> None:
    given = incentive(ITEMS, guard(in_segment("vip"), applicable_to=entry("drill")))
    vip, other = CustomerFacts("c", segments=frozenset({"vip"})), CustomerFacts("d")
    for name in ("PRODUCTS_BY_CUSTOMER", "PRODUCTS_DISCOUNT_BY_CUSTOMER"):
        assert qualifies(name, given, customer=vip)
        assert not qualifies(name, given, customer=other)


def test_what_lacks_its_bundle_takes_nothing_off() -> None:
    parts = bundles.read({"1": any_item("drill"), "2": any_item("saw")})
    given = incentive(ORDER, guard(bundles=parts))
    assert not qualifies("ALL", given)
    assert not qualifies("PRODUCTS_DISCOUNT", given)
    for name in ("AUDIENCE_ONLY", "PRODUCTS"):
        outcome = looked(name, given)
        assert outcome is not None
        assert outcome.bundle is not None
        assert (outcome.total, outcome.bundle.quantity) == (0, 0)
        assert [each.id for each in outcome.bundle.missing or ()] == ["saw"]
        assert outcome.cart == CART
    assert qualifies("AUDIENCE_ONLY", given, None)


def test_without_an_order_cards_need_no_credits() -> None:
    assert qualifies("ALL", incentive(None, type=GIFT, balance=50), None)
    assert not qualifies("ALL", incentive(None, type=GIFT, balance=0), None)
    assert qualifies("CUSTOMER_WALLET", incentive(None, type=LOYALTY, balance=50))
    assert not qualifies("ALL", incentive(ITEMS), None)
    assert qualifies("AUDIENCE_ONLY", incentive(ITEMS), None)


def test_only_the_counters_of_rules_that_are_judged_are_read() -> None:
    assert not qualification.counters(SCENARIOS["PRODUCTS"])
    assert not qualification.counters(SCENARIOS["AUDIENCE_ONLY"])
    measures = {counter.measure for counter in qualification.counters(SCENARIOS["ALL"])}
    assert measures == {"redemptions", "orders_amount", "gift_amount"}
    assert len(qualification.counters(EXAMINED)) == len(COUNTED)


def test_omitted_rules_are_named_by_their_keys() -> None:
    nested = {**in_segment("a"), "rules": {"1": any_item("drill"), "2": in_segment("b")}}
    given = guard(any_item("drill"), nested)
    audience = SCENARIOS["AUDIENCE_ONLY"].unseen
    assert qualification.omitted(given.rules, audience) == ["1", "2.1"]
    assert qualification.omitted(given.rules, frozenset()) == []


# --- the sieve ----------------------------------------------------------------------------------


def passed(name: str, *given: Incentive, names: str = "", segments: str = "") -> list[int]:
    sieve = Sieve(given)
    found = sieve.passed(SCENARIOS[name], set(names.split()), set(segments.split()))
    return list(found)


def test_the_sieve_looks_at_what_nobody_can_do_without() -> None:
    given = [
        incentive(),
        incentive(ORDER, guard(any_item("drill"))),
        incentive(ORDER, guard(any_item("drill"), any_item("saw"), logic="1 or 2")),
        incentive(ORDER, guard(any_item("saw"), in_segment("vip"))),
        incentive(ITEMS, guard(applicable_to=entry("drill"))),
        incentive(ITEMS, guard(applicable_to=entry("pc_1", object_="products_collection"))),
        incentive(ORDER, guard(in_segment("vip", operator="$is_not"))),
        incentive(ORDER, guard(any_item("drill") | {"name": "order.items.none"})),
    ]
    assert passed("ALL", *given) == [0, 2, 5, 6, 7]
    assert passed("ALL", *given, names="product/drill") == [0, 1, 2, 4, 5, 6, 7]
    assert passed("ALL", *given, names="product/saw") == [0, 2, 5, 6, 7]
    assert passed("ALL", *given, names="product/saw", segments="vip") == [0, 2, 3, 5, 6, 7]
    assert passed("AUDIENCE_ONLY", *given) == [0, 1, 2, 4, 5, 6, 7]
    assert passed("AUDIENCE_ONLY", *given, segments="vip") == list(range(8))
    assert passed("PRODUCTS", *given, names="product/saw") == [0, 2, 3, 4, 5, 6, 7]


def test_what_the_sieve_holds_back_does_not_qualify() -> None:
    given = [
        incentive(discount, *guards)
        for discount in (ORDER, ITEMS, UNITS)
        for id_ in ("drill", "saw")
        for guards in (
            (guard(any_item(id_)),),
            (guard(applicable_to=entry(id_)),),
            (guard(in_segment(id_)), guard(any_item(id_))),
            (guard(any_item(id_), in_segment("drill"), logic="1 or 2"),),
        )
    ]
    customer = CustomerFacts("c", segments=frozenset({"drill"}))
    names = "product/drill sku/red product/hat"
    for name, scenario in SCENARIOS.items():
        left = passed(name, *given, names=names, segments="drill")
        for place, each in enumerate(given):
            if place not in left:
                found = basis(scenario, customer=customer)
                outcome = qualification.qualify(each, found, scenario, StackingRules())
                assert outcome is None, (name, place)


def test_thousands_are_sieved_in_order() -> None:
    given = [incentive(ORDER, guard(any_item(f"p{n % 7}"))) for n in range(1000)]
    found = passed("ALL", *given, names="product/p3")
    assert found == list(range(3, 1000, 7))
    assert passed("ALL") == []
