"""The engine alone, in this process: an order judged by rules, formulas, a discount of items."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from bench.harness import Goal, Plan, Report, bench, number, progress
from bench.load import percentile
from bench.sides import Failed
from largesse.engine import (
    applicability,
    calculation,
    discounts,
    formula,
    formula_syntax,
    judging,
    lines,
    rule_facts,
    rules,
)
from largesse.engine.calculation import Terms
from largesse.engine.calendar import Clock
from largesse.engine.formula import Customer, Order, Scope
from largesse.engine.formula_functions import FUNCTIONS
from largesse.engine.formula_syntax import Call, Node
from largesse.engine.lines import Cart
from largesse.engine.orders import Item, Sold, priced
from largesse.engine.rule_facts import CustomerFacts, Facts, OrderFacts

CLOCK = Clock(datetime(2026, 11, 23, 12, tzinfo=UTC))
CALLS = 500
# A measurement takes milliseconds, so there can be many of them.
TIMES_A_ROUND = 20
CONDITIONS, OPERATORS = 10, 20

# --- an order of 20 items -----------------------------------------------------------------------

LINES = 20
IDS = [f"prod_{n:018x}" for n in range(LINES)]
CART = Cart(
    lines=lines.read(
        [
            priced(
                Item(
                    product_id=id_,
                    price=500 + 125 * n,
                    quantity=1 + n % 3,
                    metadata={"gift": n % 2 == 0},
                    product=Sold(metadata={"colour": "red" if n < 10 else "blue"}),
                )
            )
            for n, id_ in enumerate(IDS)
        ]
    )
)
SUMMER = {id_: frozenset({"pc_summer"}) for id_ in IDS[::4]}


def order() -> OrderFacts:
    """The order as rules see it."""
    return OrderFacts(
        CART.left, CART.whole, rule_facts.lines(CART.lines, SUMMER), {"channel": "web"}
    )


FACTS = Facts(
    CLOCK,
    order=order(),
    customer=CustomerFacts("cust_1", {"level": 3}, frozenset({"seg_new"})),
    metadata={"card": "Visa"},
    api_key="key_1",
    counters={"incentive.customer/redemptions/total": 0},
)

# --- rules --------------------------------------------------------------------------------------


def rule(name: str, conditions: Mapping[str, Any], **members: Any) -> dict[str, Any]:
    return {"name": name, "conditions": conditions, **members}


def joined(*given: dict[str, Any]) -> dict[str, Any]:
    """Rules that all have to hold: where all do, all are judged."""
    found = {str(n): one for n, one in enumerate(given, 1)}
    return {**found, "logic": " and ".join(found)}


def product(n: int) -> dict[str, str]:
    return {"id": IDS[n], "object": "product"}


OF_SUMMER = {"$is": [{"id": "pc_summer", "object": "products_collection"}]}
MIXED = {
    "rules": joined(
        rule("customer.segment", {"$is": ["seg_new"]}),
        rule("customer.metadata", {"$more_than": [2]}, property="level"),
        rule("order.amount", {"$more_than_or_equal": [1000]}),
        rule("order.items.count", {"$more_than": [10]}),
        rule("order.metadata", {"$is": ["web"]}, property="channel"),
        rule("redemption.metadata", {"$in": ["Visa", "Mastercard"]}, property="card"),
        rule("redemption.api_key", {"$is": ["key_1"]}),
        rule("redemption.count.per_customer", {"$less_than_or_equal": [1]}),
        rule("order.items.price_each", {"$more_than_or_equal": [500]}),
        rule("product.id", {"$in": [product(19)]}),
    )
}
OF_ITEMS = {
    "rules": joined(
        rule("order.items.price_each", {"$more_than_or_equal": [500]}),
        rule("order.items.price_any", {"$more_than": [2800]}),
        rule("order.items.metadata_any", {"$is": [False]}, property="gift"),
        rule("product.metadata", {"$is": ["red"]}, property="colour"),
        rule(
            "order.items.any",
            OF_SUMMER,
            rules=joined(rule("order.items.aggregated_quantity", {"$more_than": [2]})),
        ),
        rule(
            "order.items.none",
            {"$is": [product(0)]},
            rules=joined(rule("order.items.price", {"$more_than": [1000]})),
        ),
        rule("order.items.cheapest", OF_SUMMER),
        rule("product.id", {"$in": [product(19)]}),
    )
}


def conditions(given: Mapping[str, Any] | None) -> int:
    """How many conditions some rules have, with those of their own."""
    found = [one for key, one in (given or {}).items() if key != "logic"]
    return sum(len(one["conditions"]) + conditions(one.get("rules")) for one in found)


# --- formulas -----------------------------------------------------------------------------------

ARITHMETIC = "1.5" + " + ORDER_AMOUNT * 0.01 - 2.25 / 3 + 7 % 4" * 3 + " + 3 * 0.5"
BRANCHING = (
    'ROUND(IF(ORDER_AMOUNT > 100 AND CUSTOMER_METADATA("level") > 2;'
    ' MIN(ORDER_AMOUNT * 0.1 + CUSTOMER_METADATA("visits") * 0.5; 40) - 1.25 + 7 % 4;'
    " MAX(ORDER_AMOUNT * 0.05; 5)) + ORDER_UNITS_QUANTITY / 4"
    ' + FLOOR(CUSTOMER_METADATA("visits") / 10; 0) * 2; 2)'
)
SCOPE = Scope(
    CLOCK, order=Order(CART.left, CART.lines), customer=Customer({"level": 3, "visits": 12})
)


def operators(node: Node) -> int:
    """How many operators and functions a formula has."""
    if not isinstance(node, Call):
        return 0
    return (node.name in FUNCTIONS) + sum(map(operators, node.arguments))


# --- a discount ---------------------------------------------------------------------------------


def percentage() -> Callable[[], int]:
    """A percentage off each line, as a redemption takes it: which units it is for, what comes off
    each, and the order afterwards.
    """
    given = {"type": "PERCENT", "percent_off": 12.5, "effect": "APPLY_TO_ITEMS"}
    read = discounts.read(given)
    included = applicability.read({"included": [product(n) for n in range(LINES)]})
    terms = Terms(scopes=lambda _: SCOPE, collections=SUMMER)

    def take() -> int:
        portions = calculation.portions(read, included, CART, terms)
        return calculation.apply(read, CART, portions, terms).total

    return take


# --- measuring ----------------------------------------------------------------------------------


class Subject(msgspec.Struct):
    """Something to do, what has to come out, and the goal for how long it may take, if it has one.
    Times are in microseconds.
    """

    what: str
    do: Callable[[], Any]
    outcome: Any
    most: float | None = None


def subjects() -> list[Subject]:
    counted = (
        conditions(MIXED["rules"]),
        conditions(OF_ITEMS["rules"]),
        operators(formula_syntax.parse(ARITHMETIC)),
        operators(formula_syntax.parse(BRANCHING)),
    )
    if counted != (CONDITIONS, CONDITIONS, OPERATORS, OPERATORS):
        raise Failed(f"the rules and formulas are of other sizes than their names say: {counted}")
    mixed, of_items = rules.read(MIXED), rules.read(OF_ITEMS)
    arithmetic, branching = formula.read(ARITHMETIC), formula.read(BRANCHING)
    # The reader remembers what it has read, and would only look it up.
    read_anew = formula._read.__wrapped__
    ten, twenty = f"{CONDITIONS} conditions", f"{OPERATORS} operators"
    return [
        Subject(f"{ten}, all judged", lambda: judging.judge(mixed, FACTS).passed, True, 50),
        Subject(f"{ten} of items, all judged", lambda: judging.judge(of_items, FACTS).passed, True),
        Subject(f"{twenty}, evaluated", lambda: arithmetic.amount(SCOPE, 0), 2963, 20),
        Subject(f"{twenty} that branch, evaluated", lambda: branching.amount(SCOPE, 0), 5350),
        Subject(f"a percentage off {LINES} lines", percentage(), 8282),
        Subject(f"the facts of {LINES} lines, gathered", lambda: len(order().lines), LINES),
        Subject(f"{ten}, read", lambda: rules.read(MIXED).message, None),
        Subject(f"{twenty}, read", lambda: read_anew(ARITHMETIC, None).text, ARITHMETIC),
    ]


def timed(do: Callable[[], Any], calls: int) -> float:
    """Microseconds that one of so many calls takes, with those of calling it."""
    started = time.perf_counter_ns()
    for _ in range(calls):
        do()
    return (time.perf_counter_ns() - started) / calls / 1000


@bench("engine")
def engine(plan: Plan) -> Report:
    """An order of 20 items judged by rules that all hold, so that none is left out; formulas, and
    a discount. What was read and gathered once is not timed, but for where reading is measured.
    """
    measured = subjects()
    for one in measured:
        if (found := one.do()) != one.outcome:
            raise Failed(f"{one.what}: {found}, not {one.outcome}")
    calls, times = plan.rows or CALLS, plan.rounds * TIMES_A_ROUND
    taken: dict[str, list[float]] = {one.what: [] for one in measured}
    for _ in range(times):
        for one in measured:
            taken[one.what].append(timed(one.do, calls))
    progress(f"{times} times {calls} calls of each")
    report = Report(raw={"microseconds": taken})
    rows = [[what, *map(told, spread(found))] for what, found in taken.items()]
    title = f"An order of {LINES} items, one core, medians of {times} times {calls} calls"
    report.table(title, ["", "µs", "fastest µs", "slowest but 10 % µs"], rows)
    for one in measured:
        if one.most is not None:
            middle = percentile(sorted(taken[one.what]), 50)
            wanted = f"{one.what}: below {one.most:.0f} µs"
            report.goals.append(Goal(wanted, f"{told(middle)} µs", middle < one.most))
    return report


def spread(found: Sequence[float]) -> tuple[float, float, float]:
    ordered = sorted(found)
    return percentile(ordered, 50), ordered[0], percentile(ordered, 90)


def told(value: float) -> str:
    return number(value, 1)
