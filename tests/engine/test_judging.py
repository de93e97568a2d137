"""What each name of a rule looks at, by one order of two shirts, six mugs and a lamp."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from largesse.engine import judging, lines, rule_facts
from largesse.engine.orders import Item, Sold, priced
from largesse.engine.rule_facts import Effect, Facts, LineFacts, OrderFacts
from tests.engine.ruling import (
    CLOCK,
    FACTS,
    ORDER,
    SHIRT,
    one,
    passed,
    verdict,
)

# --- one value ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "members", "good", "bad"),
    [
        ("customer.segment", {}, {"$is": ["seg_new"]}, {"$is": ["seg_old"]}),
        ("customer.segment", {}, {"$in": ["seg_old", "seg_new"]}, {"$is_not": ["seg_new"]}),
        ("customer.segment", {}, {"$not_in": ["seg_old"]}, {"$not_in": ["seg_old", "seg_new"]}),
        ("customer.segment", {}, {"$is": [{"id": "seg_new"}]}, {"$is": [{"id": "seg_old"}]}),
        ("customer.loyalty.tier", {}, {"$is": ["lotr_gold"]}, {"$is_not": ["lotr_gold"]}),
        ("customer.metadata", {"property": "level"}, {"$is": [3]}, {"$more_than": [3]}),
        ("customer.metadata", {"property": "tags"}, {"$is": ["b"]}, {"$is_not": ["b"]}),
        ("order.amount", {}, {"$is": [8700]}, {"$more_than": [8700]}),
        ("order.initial_amount", {}, {"$is": [9000]}, {"$less_than": [9000]}),
        ("order.total_amount", {}, {"$is": [7700]}, {"$more_than_or_equal": [7701]}),
        ("order.items.count", {}, {"$is": [9]}, {"$is": [3]}),
        ("order.metadata", {"property": "location"}, {"$is": ["Santorini"]}, {"$is": ["Oia"]}),
        ("redemption.metadata", {"property": "card"}, {"$is": ["Visa"]}, {"$is": ["Master"]}),
        ("custom_event.metadata", {"property": "score"}, {"$more_than": [6]}, {"$is": [6]}),
        ("redemption.api_key", {}, {"$is": ["key_1"]}, {"$is_not": ["key_1"]}),
        (
            "redemption.user.login",
            {},
            {"$ends_with": ["@shop.example"]},
            {"$is": ["bob@shop.example"]},
        ),
        (
            "redemption.reward.pay_with_points.points_used",
            {},
            {"$less_than_or_equal": [0]},
            {"$more_than": [0]},
        ),
        ("order.items.price_any", {}, {"$is": [500]}, {"$is": [501]}),
        ("order.items.price_each", {}, {"$more_than_or_equal": [500]}, {"$more_than": [500]}),
        ("order.items.metadata_any", {"property": "gift"}, {"$is": [True]}, {"$is": ["x"]}),
        ("order.items.metadata_each", {"property": "gift"}, {"$is_not": ["x"]}, {"$is": [True]}),
    ],
)
def test_what_a_rule_looks_at(name: str, members: Any, good: Any, bad: Any) -> None:
    assert passed(name, good, **members) is True
    assert passed(name, bad, **members) is False


def test_the_conditions_of_a_rule_hold_together() -> None:
    between = {"$more_than": [8000], "$less_than": [9000]}
    assert passed("order.amount", between) is True
    assert (
        passed("order.amount", between, replace(FACTS, order=replace(ORDER, amount=9000))) is False
    )


def test_only_the_customer_to_whom_a_code_was_published() -> None:
    name, on, off = "publication.redeemable_by_linked_customer", {"$is": [True]}, {"$is": [False]}
    assert passed(name, on) is True
    for facts in (
        replace(FACTS, holders=frozenset({"cust_2"})),
        replace(FACTS, holders=frozenset()),
        replace(FACTS, customer=None),
    ):
        assert passed(name, on, facts) is False
        assert passed(name, {"$is_not": [False]}, facts) is False
        assert passed(name, off, facts) is True
        assert passed(name, {"$is_not": [True]}, facts) is True


NOBODY = Facts(CLOCK, effect=Effect())
KNOWN = dict.fromkeys(
    (
        "incentive.customer/redemptions/total",
        "incentive.api_key/redemptions/total",
        "incentive.user/redemptions/total",
        "campaign.customer/redemptions/daily",
    ),
    0,
)


@pytest.mark.parametrize("operator", ["$is", "$is_not"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("customer.segment", "x"),
        ("customer.loyalty.tier", "x"),
        ("customer.metadata", "x"),
        ("order.metadata", "x"),
        ("custom_event.metadata", "x"),
        ("redemption.api_key", "x"),
        ("redemption.user.login", "x"),
        ("order.amount", 1),
        ("order.initial_amount", 1),
        ("order.total_amount", 1),
        ("order.items.count", 1),
        ("order.items.price_any", 1),
        ("order.items.price_each", 1),
        ("order.items.metadata_any", "x"),
        ("order.items.metadata_each", "x"),
        ("order.items.any", "x"),
        ("order.items.every", "x"),
        ("order.items.none", "x"),
        ("order.items.cheapest", "x"),
        ("product.id", "x"),
        ("sku.id", "x"),
        ("product.metadata", "x"),
        ("redemption.count.per_customer", 5),
        ("campaign.redemptions.customers_count.daily", 5),
        ("redemption.count.per_api_key", 5),
        ("redemption.count.per_user", 5),
        ("campaign.redemptions.count", 5),
    ],
)
def test_a_rule_about_what_takes_no_part_fails(name: str, value: Any, operator: str) -> None:
    """As those about users do in a request made by key, whether they are negative or not."""
    facts = replace(NOBODY, counters=KNOWN)
    assert passed(name, {operator: [value]}, facts, property="p") is False
    order = replace(facts, order=OrderFacts())
    if name.startswith(("order.items", "product", "sku", "order.amount", "order.initial")):
        assert passed(name, {operator: [value]}, order, property="p") is False


def test_a_property_without_a_value_passes_what_it_should_not_be() -> None:
    for name in ("customer.metadata", "order.metadata", "redemption.metadata"):
        assert passed(name, {"$is_not": ["x"]}, property="none") is True
        assert passed(name, {"$is": ["x"]}, property="none") is False
    assert passed("redemption.metadata", {"$is_not": ["x"]}, NOBODY, property="p") is True


def test_metadata_within_metadata() -> None:
    order = replace(ORDER, metadata={"shop": {"city": "Oia"}, "shop.city": "Fira"})
    facts = replace(FACTS, order=order)
    assert passed("order.metadata", {"$is": ["Fira"]}, facts, property="shop.city") is True
    order = replace(ORDER, metadata={"shop": {"city": "Oia"}})
    facts = replace(FACTS, order=order)
    assert passed("order.metadata", {"$is": ["Oia"]}, facts, property="shop.city") is True


# --- budgets ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "key", "adds"),
    [
        ("campaign.redemptions.count", "campaign/redemptions/total", 1),
        ("campaign.redemptions.count.daily", "campaign/redemptions/daily", 1),
        (
            "campaign.redemptions.customers_count",
            "campaign.customer/redemptions/total",
            1,
        ),
        ("redemption.count.monthly", "incentive/redemptions/monthly", 1),
        ("redemption.count.per_customer", "incentive.customer/redemptions/total", 1),
        ("redemption.count.per_api_key", "incentive.api_key/redemptions/total", 1),
        ("redemption.count.per_user", "incentive.user/redemptions/total", 1),
        ("campaign.orders.amount", "campaign/orders_amount/total", 9000),
        ("campaign.orders.amount_discounted", "campaign/amount_discounted/total", 1000),
        ("redemption.gift.amount", "campaign/gift_amount/total", 250),
    ],
)
def test_a_budget_counts_the_redemption_that_is_judged(name: str, key: str, adds: int) -> None:
    effect = Effect(7700, amount_discounted=1000, gift_amount=250)
    limit = 7 + adds
    full = replace(FACTS, effect=effect, counters={key: 7})
    over = replace(full, counters={key: 8})
    assert passed(name, {"$less_than_or_equal": [limit]}, full) is True
    assert passed(name, {"$less_than_or_equal": [limit]}, over) is False
    assert passed(name, {"$less_than": [limit]}, full) is False
    assert passed(name, {"$is": [limit]}, full) is True
    assert passed(name, {"$more_than": [0]}, replace(full, counters={})) is False


def test_once_per_customer() -> None:
    name, once = "redemption.count.per_customer", {"$less_than_or_equal": [1]}
    key = "incentive.customer/redemptions/total"
    assert passed(name, once, replace(FACTS, counters={key: 0})) is True
    assert passed(name, once, replace(FACTS, counters={key: 1})) is False


def test_a_redemption_without_an_order_adds_nothing_to_the_orders() -> None:
    facts = replace(NOBODY, counters={"campaign/orders_amount/total": 5})
    assert passed("campaign.orders.amount", {"$less_than_or_equal": [5]}, facts) is True


def test_points_that_are_paid() -> None:
    name, most = "redemption.reward.pay_with_points.points_used", {"$less_than_or_equal": [100]}
    assert passed(name, most, replace(FACTS, effect=Effect(points_used=100))) is True
    assert passed(name, most, replace(FACTS, effect=Effect(points_used=101))) is False
    assert passed(name, most, replace(FACTS, effect=None)) is None


# A cart of 10.50 and a gift card of 1.00: a coupon with both rules applies only before the card.
@pytest.mark.parametrize(("amount", "applies"), [(1050, True), (950, False)])
def test_the_worked_example_of_stacking(amount: int, applies: bool) -> None:
    rules = {
        "1": {"name": "order.amount", "conditions": {"$more_than": [1000]}},
        "2": {"name": "order.initial_amount", "conditions": {"$less_than": [1100]}},
    }
    facts = Facts(CLOCK, order=OrderFacts(amount, 1050))
    found = verdict({"rules": rules}, facts)
    assert found.passed is applies
    assert found.path == (None if applies else "1")


# --- the structure of the order -----------------------------------------------------------------

HOME = {"id": "pc_home", "object": "products_collection"}
SUMMER = {"id": "pc_summer", "object": "products_collection"}
PROD_MUG = {"id": "prod_mug", "object": "product"}
PROD_LAMP = {"id": "prod_lamp", "object": "product"}
PROD_SHIRT = {"id": "prod_shirt", "type": "product_or_sku", "object": "product"}


def structure(name: str, conditions: Any, **subrules: Any) -> bool | None:
    """A rule of structure, with subrules by the last word of their name: `price={"$is": [1]}`."""
    family = "order.items" if name.startswith("order") else name.removesuffix(".id")
    own = {
        str(number): {"name": f"{family}.{word}", "property": "gift", "conditions": wanted}
        for number, (word, wanted) in enumerate(subrules.items(), 1)
    }
    return passed(name, conditions, rules=own, property="colour")


@pytest.mark.parametrize(
    ("conditions", "any_", "every", "none"),
    [
        ({"$is": [PROD_MUG]}, True, False, False),
        ({"$is": [HOME]}, True, False, False),
        ({"$is": [{"id": "prod_moon"}]}, False, False, True),
        ({"$in": [HOME, PROD_SHIRT]}, True, True, False),
        ({"$is_not": [PROD_MUG]}, True, False, False),
        ({"$is_not": [{"id": "prod_moon"}]}, True, True, False),
        ({"$not_in": [HOME, PROD_SHIRT]}, False, False, True),
        ({"$is": [{"source_id": "mug-1", "object": "product"}]}, True, False, False),
        ({"$is": [{"id": "sku_red", "object": "sku"}]}, True, False, False),
        ({"$is": [{"id": "sku_red", "type": "product_or_sku"}]}, True, False, False),
        ({"$is": [{"id": "sku_red", "object": "product"}]}, False, False, True),
        ({"$is": ["sku_red"]}, True, False, False),
        ({"$is": [{"id": "pc_home"}]}, True, False, False),
        ({"$is": [PROD_MUG], "$from": [HOME]}, True, False, False),
        ({"$is": [PROD_MUG], "$from": [SUMMER]}, False, False, True),
        ({"$from": [HOME]}, True, False, False),
        ({"$from": ["pc_home", "pc_summer"]}, True, True, False),
    ],
)
def test_lines_that_are_there(conditions: Any, any_: bool, every: bool, none: bool) -> None:
    assert structure("order.items.any", conditions) is any_
    assert structure("order.items.every", conditions) is every
    assert structure("order.items.none", conditions) is none


@pytest.mark.parametrize(
    ("name", "conditions", "passes"),
    [
        ("cheapest", {"$is": [PROD_MUG]}, True),
        ("cheapest", {"$is": [PROD_LAMP]}, False),
        ("cheapest", {"$is": [HOME]}, True),
        ("cheapest", {"$is": [PROD_SHIRT], "$from": [SUMMER]}, True),
        ("cheapest", {"$is": [PROD_MUG], "$from": [SUMMER]}, False),
        ("most_expensive", {"$is": [PROD_MUG]}, False),
        # Both cost the same.
        ("most_expensive", {"$is": [PROD_SHIRT]}, True),
        ("most_expensive", {"$is": [PROD_LAMP]}, True),
        ("most_expensive", {"$is": [PROD_LAMP], "$from": [HOME]}, True),
        ("most_expensive", {"$is": [PROD_SHIRT], "$from": [HOME]}, False),
        ("most_expensive", {"$is": [PROD_SHIRT], "$from": [{"id": "pc_none"}]}, False),
    ],
)
def test_extremes_of_price(name: str, conditions: Any, passes: bool) -> None:
    assert structure(f"order.items.{name}", conditions) is passes


BOTH = {"$is": [HOME]}
AT_LEAST_SIX = {"$more_than_or_equal": [6]}


@pytest.mark.parametrize(
    ("name", "conditions", "subrules", "passes"),
    [
        # Six mugs and a lamp: one line has six, not both; together they are seven.
        ("any", BOTH, {"quantity": AT_LEAST_SIX}, True),
        ("any", BOTH, {"quantity": {"$is": [7]}}, False),
        ("any", BOTH, {"aggregated_quantity": {"$is": [7]}}, True),
        ("any", BOTH, {"aggregated_amount": {"$is": [4700]}}, True),
        ("any", BOTH, {"aggregated_amount": {"$more_than": [4700]}}, False),
        ("any", BOTH, {"price": {"$is": [2000]}}, True),
        # On one line, not one by the price and another by the quantity.
        ("any", BOTH, {"price": {"$is": [2000]}, "quantity": AT_LEAST_SIX}, False),
        ("any", BOTH, {"price": {"$is": [500]}, "quantity": AT_LEAST_SIX}, True),
        ("any", BOTH, {"metadata": {"$is": [False]}}, True),
        ("any", BOTH, {"metadata": {"$is": [True]}}, False),
        ("any", {}, {"price": {"$is": [500]}}, True),
        ("every", {"$in": [HOME, SUMMER]}, {"price": {"$more_than_or_equal": [500]}}, True),
        ("every", {"$in": [HOME, SUMMER]}, {"price": {"$more_than": [500]}}, False),
        ("every", {"$in": [HOME, SUMMER]}, {"aggregated_quantity": {"$is": [9]}}, True),
        ("every", BOTH, {"price": {"$more_than": [0]}}, False),
        ("every", {}, {"quantity": {"$less_than": [7]}}, True),
        ("none", BOTH, {"quantity": {"$more_than": [6]}}, True),
        ("none", BOTH, {"quantity": AT_LEAST_SIX}, False),
        ("none", {"$is": ["prod_moon"]}, {"quantity": AT_LEAST_SIX}, True),
        ("cheapest", {"$is": [PROD_MUG]}, {"quantity": AT_LEAST_SIX}, True),
        ("cheapest", {"$is": [PROD_MUG]}, {"aggregated_amount": {"$is": [2701]}}, False),
        ("most_expensive", {}, {"quantity": {"$less_than": [3]}}, True),
        # Each of those that qualify, and shirts come in twos.
        ("most_expensive", {}, {"quantity": {"$is": [1]}}, False),
        ("most_expensive", {"$is": [PROD_LAMP]}, {"quantity": {"$is": [1]}}, True),
        ("most_expensive", {}, {"aggregated_amount": {"$is": [6000]}}, True),
    ],
)
def test_subrules(name: str, conditions: Any, subrules: Any, passes: bool) -> None:
    assert structure(f"order.items.{name}", conditions, **subrules) is passes


def test_subrules_are_joined_by_their_logic() -> None:
    own = {
        "1": {"name": "order.items.quantity", "conditions": {"$is": [1]}},
        "2": {"name": "order.items.price", "conditions": {"$is": [500]}},
    }
    both = {"$in": [PROD_MUG, PROD_LAMP]}
    assert passed("order.items.cheapest", both, rules=own) is False
    assert passed("order.items.cheapest", both, rules={**own, "logic": "1 or 2"}) is True
    within = {"1": {**own["2"], "rules": {"1": own["1"]}}}
    assert passed("order.items.any", both, rules=within) is False
    within = {"1": {**own["2"], "rules": {"1": own["2"]}}}
    assert passed("order.items.any", both, rules=within) is True


@pytest.mark.parametrize(
    ("name", "conditions", "subrules", "passes"),
    [
        ("product.id", {"$is": [{"id": "prod_mug"}]}, {}, True),
        ("product.id", {"$is": [{"id": "mug-1"}]}, {}, True),
        ("product.id", {"$is": [{"id": "prod_mug", "source_id": ""}]}, {}, True),
        ("product.id", {"$is": [{"id": "sku_red"}]}, {}, False),
        ("product.id", {"$is_not": ["prod_mug"]}, {}, False),
        ("product.id", {"$is_not": ["prod_moon"]}, {}, True),
        ("product.id", {"$is": ["prod_mug"]}, {"quantity": AT_LEAST_SIX}, True),
        ("product.id", {"$in": ["prod_mug", "prod_lamp"]}, {"quantity": {"$is": [7]}}, True),
        ("product.id", {"$is": ["prod_mug"]}, {"price": {"$more_than_or_equal": [5000]}}, False),
        ("product.id", {"$is": ["prod_mug"]}, {"discount_applicable": {"$is": [True]}}, True),
        ("sku.id", {"$is": ["sku_red"]}, {"price": {"$is": [2000]}}, True),
        ("sku.id", {"$is": ["prod_mug"]}, {}, False),
        ("product.metadata", {"$is": ["white"]}, {}, True),
        ("product.metadata", {"$is": ["green"]}, {}, False),
        ("product.metadata", {"$is": ["white"]}, {"aggregated_quantity": {"$is": [7]}}, True),
        ("product.metadata", {"$is": ["white"]}, {"aggregated_amount": {"$is": [4701]}}, False),
        ("product.metadata", {"$is": ["white"]}, {"match_all": {"$is": [True]}}, False),
        ("product.metadata", {"$is": ["white"]}, {"match_all": {"$is": [False]}}, True),
        ("product.metadata", {"$in": ["white", "red"]}, {"match_all": {"$is": [True]}}, True),
    ],
)
def test_products_and_skus(name: str, conditions: Any, subrules: Any, passes: bool) -> None:
    assert structure(name, conditions, **subrules) is passes


def test_what_is_not_known_of_a_line_fails() -> None:
    bare = LineFacts(frozenset({"product/prod_mug"}))
    facts = replace(FACTS, order=OrderFacts(lines=(bare, SHIRT)))

    def holds(name: str, word: str, value: Any) -> bool | None:
        own = {"1": {"name": f"order.items.{word}", "conditions": value}}
        return passed(f"order.items.{name}", {"$is": ["prod_mug"]}, facts, rules=own)

    assert holds("any", "price", {"$more_than_or_equal": [0]}) is False
    assert holds("any", "aggregated_amount", {"$more_than_or_equal": [0]}) is False
    assert holds("any", "aggregated_quantity", {"$is": [1]}) is True
    assert holds("cheapest", "quantity", {"$is": [1]}) is False
    assert passed("order.items.price_each", {"$is_not": [1]}, facts) is False


def test_lines_that_a_discount_is_for() -> None:
    on = {"1": {"name": "product.discount_applicable", "conditions": {"$is": [True]}}}
    off = {"1": {"name": "product.discount_applicable", "conditions": {"$is": [False]}}}
    of_metadata = {
        "1": {"name": "product.metadata.discount_applicable", "conditions": {"$is_not": [False]}}
    }

    def of(name: str, conditions: Any, rules: Any) -> Any:
        found = one(name, conditions, rules=rules, property="colour")
        return judging.discounted(found, ORDER, CLOCK)

    assert of("product.id", {"$is": ["prod_mug"]}, on) == {1}
    assert of("product.id", {"$is": ["prod_moon"]}, on) == set()
    assert of("product.id", {"$is": ["prod_mug"]}, off) is None
    assert of("product.id", {"$is": ["prod_mug"]}, {}) is None
    assert of("product.metadata", {"$is": ["white"]}, of_metadata) == {1, 2}
    assert of("order.amount", {"$is": [1]}, {}) is None


# --- the lines of an order ----------------------------------------------------------------------


def test_lines_as_rules_see_them() -> None:
    items = [
        Item(
            product_id="prod_1",
            sku_id="sku_1",
            quantity=3,
            price=100,
            discount_amount=50,
            metadata={"a": 1},
            product=Sold(source_id="p1", metadata={"x": 1, "y": 1}),
            sku=Sold(source_id="s1", metadata={"y": 2}),
        ),
        Item(source_id="loose", related_object="sku", amount=1001, quantity=2),
        Item(product_id="prod_2", product=Sold(metadata={"z": 1})),
        Item(quantity=4, metadata=UNSET),
    ]
    collections = {"prod_1": frozenset({"pc_1"}), "s1": frozenset({"pc_2"})}
    found = rule_facts.lines(lines.read([priced(item) for item in items]), collections)
    assert found == (
        LineFacts(
            frozenset(
                {
                    "product/prod_1",
                    "product/p1",
                    "sku/sku_1",
                    "sku/s1",
                    "products_collection/pc_1",
                    "products_collection/pc_2",
                }
            ),
            price=100,
            quantity=3,
            amount=250,
            metadata={"a": 1},
            product_metadata={"x": 1, "y": 2},
        ),
        LineFacts(frozenset({"sku/loose"}), price=501, quantity=2, amount=1001),
        LineFacts(frozenset({"product/prod_2"}), product_metadata={"z": 1}),
        LineFacts(quantity=4),
    )
