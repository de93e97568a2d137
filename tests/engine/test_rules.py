from __future__ import annotations

import math
from typing import Any

import pytest
from msgspec.structs import replace

from largesse.engine import rules
from largesse.engine.counters import Counter
from largesse.engine.rule_contexts import CONTEXTS
from largesse.engine.rule_facts import Effect
from largesse.engine.rule_names import NAMES, SUBRULES, UNQUALIFIED
from tests.engine.ruling import FACTS, one, refusal, verdict

AMOUNT = {"name": "order.amount", "conditions": {"$more_than": [10_000]}}
SEGMENT = {"name": "customer.segment", "conditions": {"$is": ["seg_new"]}}

# --- reading ------------------------------------------------------------------------------------

# As the reference lists them.
LISTED = [
    "customer.segment",
    "customer.metadata",
    "order.amount",
    "order.total_amount",
    "order.initial_amount",
    "order.items.count",
    "order.items.price_any",
    "order.items.price_each",
    "order.items.metadata_any",
    "order.items.metadata_each",
    "order.metadata",
    "campaign.orders.amount_discounted",
    "campaign.orders.amount",
    "campaign.redemptions.count",
    "campaign.redemptions.count.daily",
    "campaign.redemptions.count.weekly",
    "campaign.redemptions.count.monthly",
    "campaign.redemptions.customers_count",
    "campaign.redemptions.customers_count.daily",
    "campaign.redemptions.customers_count.weekly",
    "campaign.redemptions.customers_count.monthly",
    "redemption.gift.amount",
    "redemption.count.daily",
    "redemption.count.weekly",
    "redemption.count.monthly",
    "redemption.count.per_customer",
    "redemption.count.per_customer.daily",
    "redemption.count.per_customer.weekly",
    "redemption.count.per_customer.monthly",
    "redemption.api_key",
    "redemption.count.per_api_key",
    "redemption.user.login",
    "redemption.count.per_user",
    "redemption.metadata",
    "redemption.reward.pay_with_points.points_used",
    "product.id",
    "product.price",
    "product.quantity",
    "product.discount_applicable",
    "product.metadata",
    "product.metadata.aggregated_quantity",
    "product.metadata.aggregated_amount",
    "product.metadata.discount_applicable",
    "product.metadata.match_all",
    "sku.id",
    "sku.price",
    "sku.quantity",
    "sku.discount_applicable",
    "publication.redeemable_by_linked_customer",
    "custom_event.metadata",
    "order.items.every",
    "order.items.any",
    "order.items.none",
    "order.items.cheapest",
    "order.items.most_expensive",
    "order.items.quantity",
    "order.items.aggregated_quantity",
    "order.items.price",
    "order.items.aggregated_amount",
    "order.items.metadata",
]


def test_the_names_are_those_of_the_reference() -> None:
    assert sorted({*NAMES, *SUBRULES}) == sorted([*LISTED, "customer.loyalty.tier"])
    assert not NAMES.keys() & SUBRULES.keys()
    assert NAMES.keys() >= UNQUALIFIED
    assert len(CONTEXTS) == 55


EVERY_ITEM = {
    "name": "order.items.every",
    "conditions": {"$is": [{"id": "prod_1", "object": "product", "source_id": "p1"}]},
    "rules": {
        "1": {
            "name": "order.items.metadata",
            "property": "test",
            "rules": {},
            "conditions": {"$greater_than_or_equal": [1]},
        }
    },
}


def test_the_example_of_the_reference_is_read() -> None:
    """Its third rule is not named by its logic, and so not judged."""
    location = {"name": "order.metadata", "property": "location", "conditions": {"$is": ["Oia"]}}
    event = {"name": "custom_event.metadata", "property": "test", "conditions": {"$is": [1]}}
    found = rules.read(
        {
            "name": "Rules",
            "rules": {"1": location, "2": event, "3": EVERY_ITEM, "logic": "1 or 2"},
            "error": {"message": "No."},
            "context_type": "campaign.promotion",
        }
    )
    assert (found.message, found.context_type) == ("No.", "campaign.promotion")
    assert [rule.path for rule in found.rules.given] == ["1", "2", "3"]
    assert [rule.name for rule in found.rules.asked] == ["order.metadata", "custom_event.metadata"]
    structure = found.rules.given[2]
    assert structure.rules and structure.rules.given[0].path == "3.1"
    assert structure.rules.given[0].property == "test"


@pytest.mark.parametrize(
    "definition",
    [
        {},
        {"rules": None, "error": None, "context_type": None},
        {"rules": {}},
        {"rules": {"logic": ""}},
        {"rules": {"1": None, "logic": None}},
        {"error": {"message": None}},
    ],
)
def test_without_rules_nothing_is_refused(definition: Any) -> None:
    assert rules.read(definition) == rules.RuleSet()
    assert verdict(definition).passed is True


def nested(depth: int) -> dict[str, Any]:
    rule: dict[str, Any] = dict(AMOUNT)
    for _ in range(depth - 1):
        rule = {**AMOUNT, "rules": {"1": rule}}
    return {"rules": {"1": rule}}


def with_rule(**members: Any) -> dict[str, Any]:
    return {"rules": {"1": {**AMOUNT, **members}}}


STRUCTURE = {"name": "order.items.any", "conditions": {"$is": ["prod_1"]}}
NUMERIC = (
    "$is, $in, $is_not, $not_in, $more_than, $greater_than, $more_than_or_equal, "
    "$more_than_equal, $greater_than_or_equal, $less_than, $less_than_or_equal, $less_than_equal"
)


@pytest.mark.parametrize(
    ("definition", "reason"),
    [
        (None, "Validation rule should be object"),
        ([], "Validation rule should be object"),
        ({"context_type": "moon"}, "context_type is not one that validation rules can have"),
        ({"context_type": {}}, "context_type is not one that validation rules can have"),
        ({"error": "No."}, "Validation rule: error should be object with a string 'message'"),
        (
            {"error": {"message": 1}},
            "Validation rule: error should be object with a string 'message'",
        ),
        (
            {"error": {"message": "\0"}},
            "Validation rule: error.message cannot contain the null character",
        ),
        ({"rules": []}, "Validation rule: rules should be object"),
        (
            {"rules": {"a b": AMOUNT}},
            "Validation rule: a rule should have a number, not 'a b'",
        ),
        ({"rules": {"1": AMOUNT, "logic": 1}}, "Validation rule: logic should be string"),
        (
            {"rules": {"1": AMOUNT, "logic": "1 and 2"}},
            "Validation rule: logic '1 and 2' names rule '2', which is not defined",
        ),
        (
            {"rules": {"logic": "1"}},
            "Validation rule: logic '1' names rule '1', which is not defined",
        ),
        ({"rules": {"1": []}}, "Rule '1' should be object"),
        ({"rules": {"1": {}}}, "Rule '1' must have a 'name'"),
        ({"rules": {"1": {"name": 5}}}, "Rule '1' must have a 'name'"),
        (with_rule(name="order.colour"), "Rule '1': name 'order.colour' is not known"),
        (with_rule(name="x" * 100), f"Rule '1': name '{'x' * 60}' is not known"),
        (
            with_rule(name="order.items.price"),
            "Rule '1': order.items.price can only stand in the rules of order.items.any or "
            "order.items.every or order.items.none or order.items.cheapest or "
            "order.items.most_expensive",
        ),
        (
            with_rule(name="custom_event.metadata"),
            "Rule 'custom_event.metadata' must have a 'property'",
        ),
        (
            with_rule(name="custom_event.metadata", property=" "),
            "Rule 'custom_event.metadata' must have a 'property'",
        ),
        (
            with_rule(name="customer.metadata", property=1),
            "Rule 'customer.metadata' must have a 'property'",
        ),
        (
            with_rule(name="customer.metadata", property="\0"),
            "Rule 'customer.metadata': property cannot contain the null character",
        ),
        (with_rule(conditions={}), "Rule '1' must have 'conditions'"),
        (with_rule(conditions=None), "Rule '1' must have 'conditions'"),
        (with_rule(conditions={"$is": None}), "Rule '1' must have 'conditions'"),
        (with_rule(conditions=[]), "Rule '1': conditions should be object"),
        (
            with_rule(conditions={"$contains": [1]}),
            "Rule '1': operator $contains is not allowed for order.amount. "
            f"It must be one of: {NUMERIC}",
        ),
        (
            with_rule(conditions={"$one_of_voucherify_conditions": ["string"]}),
            "Rule '1': operator $one_of_voucherify_conditions is not allowed for order.amount. "
            f"It must be one of: {NUMERIC}",
        ),
        (with_rule(conditions={"$is": ["much"]}), "Rule '1': $is should be number"),
        (with_rule(error=[]), "Rule '1': error should be object with a string 'message'"),
        (with_rule(rules=[]), "Rule '1': rules should be object"),
        (with_rule(rules={"1": 5}), "Rule '1.1' should be object"),
        (
            with_rule(rules={"1": AMOUNT, "logic": "2"}),
            "Rule '1': logic '2' names rule '2', which is not defined",
        ),
        (
            {"rules": {"7": {**STRUCTURE, "rules": {"2": AMOUNT}}}},
            "Rule '7.2': order.amount cannot stand in the rules of order.items.any. It must be "
            "one of: order.items.quantity, order.items.aggregated_quantity, order.items.price, "
            "order.items.aggregated_amount, order.items.metadata",
        ),
        (
            {"rules": {"1": {**STRUCTURE, "conditions": {}}}},
            "Rule '1' must have 'conditions'",
        ),
        (nested(11), "Rules should NOT be nested deeper than 10"),
        (nested(1000), "Rules should NOT be nested deeper than 10"),
        (
            {"rules": {str(n): AMOUNT for n in range(1001)}},
            "Validation rules should NOT have more than 1000 rules",
        ),
        (
            {
                "rules": {
                    str(n): {"name": "customer.segment", "conditions": {"$in": ["s"] * 1000}}
                    for n in range(20)
                }
            },
            "Validation rules should NOT have more than 20000 conditions and values",
        ),
    ],
)
def test_definitions_that_cannot_be_judged(definition: Any, reason: str) -> None:
    assert refusal(definition) == reason


def test_what_is_just_within_bounds_is_read() -> None:
    assert refusal(nested(10)) == ""
    assert refusal({"rules": {str(n): AMOUNT for n in range(1000)}}) == ""


@pytest.mark.parametrize("name", sorted(LISTED))
def test_every_name_takes_values_of_its_type_and_no_others(name: str) -> None:
    def read(conditions: Any) -> str:
        rule = {"name": name, "property": "p", "conditions": conditions}
        if name in SUBRULES:
            rule = {**STRUCTURE, "name": SUBRULES[name][0], "property": "p", "rules": {"1": rule}}
        return refusal({"rules": {"1": rule}})

    fitting = [value for value in (1, "a", True) if read({"$is": [value]}) == ""]
    anything = name.endswith("metadata") or "metadata_" in name
    kind = [1, "a", True] if anything else fitting[:1]
    assert fitting == kind != []
    assert f" is not allowed for {name}. It must be" in read({"$moon": fitting})
    assert read({"$is": [None]})
    assert read({"$is": [[]]})


@pytest.mark.parametrize("number", [math.nan, math.inf, 10**4000, -(10**19), True, "1e999", "\0"])
def test_numbers_that_are_none(number: Any) -> None:
    assert refusal(with_rule(conditions={"$more_than": [number]})).startswith("Rule '1': $more")


# --- what has to be known -----------------------------------------------------------------------

OF_CUSTOMER = ("incentive", "customer")


@pytest.mark.parametrize(
    ("name", "counter", "key"),
    [
        (
            "campaign.orders.amount",
            Counter(("campaign",), "orders_amount"),
            "campaign/orders_amount/total",
        ),
        (
            "campaign.orders.amount_discounted",
            Counter(("campaign",), "amount_discounted"),
            "campaign/amount_discounted/total",
        ),
        (
            "redemption.gift.amount",
            Counter(("campaign",), "gift_amount"),
            "campaign/gift_amount/total",
        ),
        (
            "campaign.redemptions.count",
            Counter(("campaign",)),
            "campaign/redemptions/total",
        ),
        (
            "campaign.redemptions.count.weekly",
            Counter(("campaign",), period="weekly"),
            "campaign/redemptions/weekly",
        ),
        (
            "campaign.redemptions.customers_count.monthly",
            Counter(("campaign", "customer"), period="monthly"),
            "campaign.customer/redemptions/monthly",
        ),
        (
            "redemption.count.daily",
            Counter(("incentive",), period="daily"),
            "incentive/redemptions/daily",
        ),
        (
            "redemption.count.per_customer",
            Counter(("incentive", "customer")),
            "incentive.customer/redemptions/total",
        ),
        (
            "redemption.count.per_customer.daily",
            Counter(("incentive", "customer"), period="daily"),
            "incentive.customer/redemptions/daily",
        ),
        (
            "redemption.count.per_api_key",
            Counter(("incentive", "api_key")),
            "incentive.api_key/redemptions/total",
        ),
        (
            "redemption.count.per_user",
            Counter(("incentive", "user")),
            "incentive.user/redemptions/total",
        ),
    ],
)
def test_a_budget_needs_its_counter(name: str, counter: Counter, key: str) -> None:
    needs = rules.needs(one(name, {"$less_than_or_equal": [1]}))
    assert needs.counters == (counter,)
    assert needs.counters[0].key == key
    assert needs.late is (counter.measure in ("amount_discounted", "gift_amount"))


def test_what_rules_need() -> None:
    once = {"name": "redemption.count.per_customer", "conditions": {"$less_than_or_equal": [1]}}
    daily = {"name": "campaign.redemptions.count.daily", "conditions": {"$less_than": [9]}}
    collections = {"$is": [{"id": "pc_1", "object": "products_collection"}], "$from": ["pc_2"]}
    definition = {
        "rules": {
            "1": {"name": "customer.segment", "conditions": {"$in": ["s1", {"id": "s2"}]}},
            "2": {
                **once,
                "rules": {"1": {"name": "customer.segment", "conditions": {"$is": "s3"}}},
            },
            "3": daily,
            "4": {"name": "customer.loyalty.tier", "conditions": {"$is_not": ["lotr_1"]}},
            "5": {"name": "order.items.every", "conditions": collections},
            "6": {
                "name": "publication.redeemable_by_linked_customer",
                "conditions": {"$is": [True]},
            },
            "7": {"name": "order.total_amount", "conditions": {"$more_than": [0]}},
            "8": {"name": "product.id", "conditions": {"$is": [{"id": "prod_1"}]}},
        }
    }
    assert rules.needs(rules.read(definition)) == rules.Needs(
        counters=(
            Counter(("campaign",), period="daily"),
            Counter(("incentive", "customer")),
        ),
        segments=frozenset({"s1", "s2", "s3"}),
        loyalty_tiers=frozenset({"lotr_1"}),
        collections=frozenset({"pc_1", "pc_2"}),
        holders=True,
        late=True,
    )


def test_rules_that_logic_does_not_name_need_nothing() -> None:
    definition = {"rules": {"1": AMOUNT, "2": SEGMENT, "logic": "1"}}
    assert rules.needs(rules.read(definition)) == rules.Needs()


def test_an_id_of_anything_may_be_that_of_a_collection() -> None:
    found = rules.needs(one("order.items.any", {"$is": ["x"]}))
    assert found.collections == {"x"}


# --- verdicts -----------------------------------------------------------------------------------

NEW = "You can't get discount because you are not a new customer"
BOTH = "You must buy IPhone and be our new customer in order to get a discount"
# The worked example of custom error messages.
PHONE = {
    "error": {"message": BOTH},
    "rules": {
        "1": {
            "name": "customer.segment",
            "conditions": {"$is": ["seg_new"]},
            "error": {"message": NEW},
        },
        "2": {"name": "product.id", "conditions": {"$is": [{"id": "prod_shirt"}]}},
        "logic": "1 AND 2",
    },
}
assert FACTS.customer and FACTS.order
STRANGER = replace(FACTS, customer=replace(FACTS.customer, segments=frozenset()))
EMPTY = replace(FACTS, order=replace(FACTS.order, lines=FACTS.order.lines[1:]))


def test_the_message_of_the_rule_that_failed_or_of_the_set() -> None:
    found = verdict(PHONE, STRANGER)
    assert (found.passed, found.path, found.name) == (False, "1", "customer.segment")
    assert found.message == NEW
    found = verdict(PHONE, EMPTY)
    assert (found.passed, found.path, found.message) == (False, "2", BOTH)
    found = verdict(PHONE)
    assert (found.passed, found.path, found.message) == (True, None, None)


def test_without_any_message_there_is_none() -> None:
    assert verdict({"rules": {"1": AMOUNT}}).message is None


FAILING = {"name": "order.amount", "conditions": {"$is": [1]}}


@pytest.mark.parametrize(
    ("rule", "path", "message"),
    [
        ({**FAILING, "error": {"message": "outer"}, "rules": {"1": SEGMENT}}, "1", "outer"),
        (
            {**SEGMENT, "error": {"message": "outer"}, "rules": {"1": SEGMENT, "2": FAILING}},
            "1.2",
            "outer",
        ),
        (
            {
                **SEGMENT,
                "error": {"message": "outer"},
                "rules": {"2": {**FAILING, "error": {"message": "inner"}}},
            },
            "1.2",
            "inner",
        ),
        ({**SEGMENT, "rules": {"2": FAILING}}, "1.2", "set"),
        (
            {
                "name": "order.items.any",
                "conditions": {"$is": ["prod_mug"]},
                "rules": {
                    "1": {"name": "order.items.quantity", "conditions": {"$more_than": [5]}},
                    "2": {
                        "name": "order.items.price",
                        "conditions": {"$more_than": [500]},
                        "error": {"message": "too cheap"},
                    },
                },
            },
            "1.2",
            "too cheap",
        ),
        (
            {
                "name": "order.items.any",
                "conditions": {"$is": ["prod_moon"]},
                "rules": {"1": {"name": "order.items.quantity", "conditions": {"$is": [1]}}},
            },
            "1",
            "set",
        ),
        (
            {
                "name": "order.items.none",
                "conditions": {"$is": ["prod_mug"]},
                "error": {"message": "no mugs"},
                "rules": {"1": {"name": "order.items.quantity", "conditions": {"$is": [6]}}},
            },
            "1",
            "no mugs",
        ),
    ],
)
def test_the_innermost_rule_that_failed(rule: Any, path: str, message: str) -> None:
    found = verdict({"rules": {"1": rule}, "error": {"message": "set"}})
    assert (found.passed, found.path, found.message) == (False, path, message)


def test_of_alternatives_the_first_is_told() -> None:
    alternatives = {"1": FAILING, "2": AMOUNT, "logic": "2 or 1"}
    assert verdict({"rules": alternatives}).path == "2"


def test_a_rule_of_a_rule_has_to_hold_with_it() -> None:
    assert verdict({"rules": {"1": {**SEGMENT, "rules": {"1": SEGMENT}}}}).passed is True
    assert verdict({"rules": {"1": {**SEGMENT, "rules": {"1": FAILING}}}}).passed is False
    either = {"1": FAILING, "2": SEGMENT, "logic": "1 or 2"}
    assert verdict({"rules": {"1": {**SEGMENT, "rules": either}}}).passed is True


def test_what_is_skipped_passes() -> None:
    definition = {"rules": {"1": AMOUNT, "2": SEGMENT}}
    assert verdict(definition).passed is False
    assert verdict(definition, skipped=UNQUALIFIED).passed is True
    assert verdict(definition, STRANGER, skipped=UNQUALIFIED).path == "2"


def test_every_rule_that_is_named_is_explained() -> None:
    mugs = {"$is": [{"id": "pc_home"}]}
    definition = {
        "rules": {
            "1": {**AMOUNT, "rules": {"1": SEGMENT}},
            "2": {"name": "order.items.any", "conditions": mugs},
            "3": {"name": "order.items.price_each", "conditions": {"$more_than": [500]}},
            "4": {"name": "redemption.count.daily", "conditions": {"$is": [1]}},
            "5": SEGMENT,
            "logic": "1 and 2 and 3 and 4",
        }
    }
    assert [(j.path, j.seen, j.passed) for j in verdict(definition, explain=True).explained] == [
        ("1", 8700, False),
        ("1.1", ["seg_new"], True),
        ("2", [1, 2], True),
        ("3", [2000, 500, 2000], False),
        ("4", None, False),
    ]
    assert verdict(definition).explained == ()


# --- before and after the discount --------------------------------------------------------------

BEFORE = replace(FACTS, effect=None, counters={"campaign/amount_discounted/total": 500})
TOTAL = {"name": "order.total_amount", "conditions": {"$more_than": [7000]}}
SPENT = {
    "name": "campaign.orders.amount_discounted",
    "conditions": {"$less_than_or_equal": [1500]},
}


@pytest.mark.parametrize(
    ("given", "logic", "passed"),
    [
        ({"1": TOTAL}, "1", None),
        ({"1": SPENT}, "1", None),
        ({"1": TOTAL, "2": SEGMENT}, "1 and 2", None),
        ({"1": TOTAL, "2": SEGMENT}, "1 or 2", True),
        ({"1": TOTAL, "2": AMOUNT}, "1 and 2", False),
        ({"1": TOTAL, "2": AMOUNT}, "1 or 2", None),
        ({"1": {**TOTAL, "rules": {"1": AMOUNT}}}, "1", False),
        ({"1": {**TOTAL, "rules": {"1": SEGMENT}}}, "1", None),
        ({"1": {**SEGMENT, "rules": {"1": TOTAL}}}, "1", None),
    ],
)
def test_what_waits_for_the_discount_is_undecided_before(
    given: Any, logic: str, passed: bool | None
) -> None:
    definition = {"rules": {**given, "logic": logic}}
    assert verdict(definition, BEFORE).passed is passed
    cheap = replace(BEFORE, effect=Effect(total_amount=7700, amount_discounted=1000))
    dear = replace(BEFORE, effect=Effect(total_amount=7000, amount_discounted=1001))
    if passed is None:
        outcomes = [verdict(definition, facts).passed for facts in (cheap, dear)]
        assert outcomes == [True, False]
    else:
        assert verdict(definition, cheap).passed is verdict(definition, dear).passed is passed


def test_without_an_order_there_will_be_no_total() -> None:
    assert verdict({"rules": {"1": TOTAL}}, replace(BEFORE, order=None)).passed is False
