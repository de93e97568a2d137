"""One order, one customer and one reader of rules, for the tests of validation rules."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from largesse.engine import judging, rules
from largesse.engine.calendar import Clock
from largesse.engine.judging import Verdict
from largesse.engine.rule_facts import CustomerFacts, Effect, Facts, LineFacts, OrderFacts
from largesse.engine.rules import RuleSet

CLOCK = Clock(datetime(2026, 11, 23, 12, tzinfo=UTC))

SHIRT = LineFacts(
    frozenset({"product/prod_shirt", "sku/sku_red", "products_collection/pc_summer"}),
    price=2000,
    quantity=2,
    amount=4000,
    metadata={"gift": True},
    product_metadata={"colour": "red"},
)
MUG = LineFacts(
    frozenset({"product/prod_mug", "product/mug-1", "products_collection/pc_home"}),
    price=500,
    quantity=6,
    amount=2700,
    metadata={"gift": False},
    product_metadata={"colour": "white"},
)
LAMP = LineFacts(
    frozenset({"product/prod_lamp", "products_collection/pc_home"}),
    price=2000,
    quantity=1,
    amount=2000,
    product_metadata={"colour": "white"},
)
ORDER = OrderFacts(8700, 9000, (SHIRT, MUG, LAMP), {"location": "Santorini"})
CUSTOMER = CustomerFacts(
    "cust_1",
    {"level": 3, "tags": ["a", "b"]},
    frozenset({"seg_new"}),
    frozenset({"lotr_gold"}),
)
FACTS = Facts(
    CLOCK,
    order=ORDER,
    customer=CUSTOMER,
    metadata={"card": "Visa"},
    event={"score": 7},
    api_key="key_1",
    user="ann@shop.example",
    holders=frozenset({"cust_1"}),
    counters={},
    effect=Effect(total_amount=7700, amount_discounted=1000),
)


def one(name: str, conditions: Any, **members: Any) -> RuleSet:
    """A set of one rule."""
    return rules.read({"rules": {"1": {"name": name, "conditions": conditions, **members}}})


def passed(name: str, conditions: Any, facts: Facts = FACTS, **members: Any) -> bool | None:
    """Whether facts pass a set of one rule."""
    return judging.judge(one(name, conditions, **members), facts).passed


def verdict(definition: Any, facts: Facts = FACTS, **options: Any) -> Verdict:
    """How facts are judged by a definition."""
    return judging.judge(rules.read(definition), facts, **options)


def refusal(definition: Any) -> str:
    """Why a definition cannot be read; empty where it can."""
    try:
        rules.read(definition)
    except rules.RuleError as error:
        return str(error)
    return ""
