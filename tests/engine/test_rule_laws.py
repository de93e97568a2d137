from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from largesse.engine import judging, rules
from largesse.engine.judging import judge
from largesse.engine.rule_contexts import CONTEXTS
from largesse.engine.rule_facts import Effect, Facts, LineFacts, OrderFacts
from largesse.engine.rule_names import NAMES, SUBRULES
from largesse.engine.rules import RuleError
from tests.engine.ruling import CLOCK, FACTS, ORDER, refusal, verdict

# --- reading ------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([10**4000, -(2**63), "2026-11-23", "1;2;3", "\0", "\ud800"])
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
OPERATORS = [
    *("$is", "$is_not", "$in", "$not_in", "$less_than", "$more_than_or_equal", "$starts_with"),
    *("$contains", "$timeframe", "$timeframe_absolute", "$timeframe_daily_hours", "$dow", "$count"),
    *("$not_differ", "$not_intersect", "$from", "$after", "$more_than_ago", "is_days_ago", "$moon"),
]
REFERENCES = st.fixed_dictionaries(
    {"id": st.sampled_from(["prod_mug", "pc_home", ""]) | JSON},
    optional={"object": st.sampled_from(["product", "sku", "products_collection"]) | JSON},
)
VALUES = st.lists(st.integers(0, 9000) | REFERENCES | st.booleans() | JSON, max_size=3) | JSON
CONDITIONS = st.dictionaries(st.sampled_from(OPERATORS), VALUES, max_size=2) | JSON
LOGIC = st.text(st.sampled_from("12 ()andor"), max_size=12) | JSON
MEMBERS = {
    "name": st.sampled_from(sorted({*NAMES, *SUBRULES})),
    "property": st.sampled_from(["level", "gift", "", None]),
    "conditions": CONDITIONS,
}
OF_RULES = st.recursive(
    st.just({}),
    lambda inner: st.dictionaries(
        st.sampled_from(["1", "2"]),
        st.fixed_dictionaries(MEMBERS, optional={"rules": inner | JSON, "error": JSON}) | JSON,
        max_size=2,
    ),
    max_leaves=4,
)
DEFINITIONS = st.fixed_dictionaries(
    {"rules": st.builds(lambda given, logic: {**given, "logic": logic}, OF_RULES, LOGIC)},
    optional={"context_type": st.sampled_from(sorted(CONTEXTS)) | JSON, "error": JSON},
)
SOME_FACTS = st.builds(
    Facts,
    clock=st.just(CLOCK),
    order=st.none() | st.just(ORDER) | st.just(OrderFacts()),
    customer=st.none() | st.just(FACTS.customer),
    user=st.none() | st.just("ann"),
    metadata=st.dictionaries(st.sampled_from(["level", "gift"]), JSON),
    counters=st.just({"campaign/redemptions/total": 1}),
)


@given(DEFINITIONS | JSON, SOME_FACTS)
@settings(max_examples=150, deadline=None)
def test_anything_is_refused_or_can_be_judged(definition: Any, facts: Facts) -> None:
    try:
        found = rules.read(definition)
    except RuleError as error:
        assert str(error)
        return
    rules.needs(found)
    before = judge(found, facts, explain=True)
    assert before.passed is None or before.passed is judge(found, facts).passed
    after = judge(found, replace(facts, effect=Effect()))
    assert after.passed in (True, False)
    assert (after.path is None) is after.passed


def test_what_nests_without_end_is_refused_without_recursion() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    rule: dict[str, Any] = {"name": "order.metadata", "property": "p"}
    assert refusal({"rules": {"1": {**rule, "conditions": {"$is": value}}}})
    assert refusal({"rules": {"1": {**rule, "conditions": {"$is": [{"id": value}]}}}})
    assert refusal({"rules": {"1": value}})
    assert refusal({"rules": value})
    deep: dict[str, Any] = {"name": "order.amount", "conditions": {"$is": [1]}}
    for _ in range(100_000):
        deep = {**deep, "rules": {"1": deep}}
    assert refusal({"rules": {"1": deep}}) == "Rules should NOT be nested deeper than 10"


def nested(logic: str, value: int) -> dict[str, Any]:
    """Ten rules, each in another twice, and joined by the same logic."""
    rule = {"name": "order.amount", "conditions": {"$is": [value]}}
    inner: dict[str, Any] = {**rule, "conditions": {"$is": [8700]}}
    given_: dict[str, Any] = {"1": rule, "2": rule}
    for _ in range(9):
        given_ = {"1": rule, "2": {**inner, "rules": {**given_, "logic": logic}}}
    return {"rules": {**given_, "logic": logic}}


def test_the_deepest_logic_in_the_deepest_rules_is_judged() -> None:
    logic = "2 and (1 or 2 and (2 or " * 10 + "2" + "))" * 10
    for value, passed in ((8700, True), (1, False)):
        assert verdict(nested(logic, value)).passed is passed
        assert len(verdict(nested(logic, value), explain=True).explained) == 20


def test_a_rule_that_is_named_over_and_over_is_judged_once() -> None:
    """Otherwise each of ten levels would take thousands of times as long as the one within it."""
    for word in ("and", "or"):
        logic = f" {word} ".join(["2"] * 2000)
        assert verdict(nested(logic, 8700)).passed is True
        assert verdict(nested(logic, 1)).passed is False


# --- judging ------------------------------------------------------------------------------------

AMOUNTS = {
    str(number): {"name": "order.amount", "conditions": {operator: [bound]}}
    for number, (operator, bound) in enumerate(
        [("$more_than", 2), ("$less_than", 5), ("$is", 4), ("$is_not", 3)], 1
    )
}
MEANING = {
    "1": lambda amount: amount > 2,
    "2": lambda amount: amount < 5,
    "3": lambda amount: amount == 4,
    "4": lambda amount: amount != 3,
}
EXPRESSIONS = st.recursive(
    st.sampled_from(list(AMOUNTS)),
    lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
    max_leaves=8,
)


def with_amount(amount: int) -> Facts:
    return Facts(CLOCK, order=OrderFacts(amount))


@given(EXPRESSIONS, st.integers(0, 6))
def test_a_set_is_judged_as_its_logic_reads(logic: str, amount: int) -> None:
    truths = {f"r{key}": means(amount) for key, means in MEANING.items()}
    program = logic
    for key in AMOUNTS:
        program = program.replace(key, f"r{key}")
    found = verdict({"rules": {**AMOUNTS, "logic": logic}}, with_amount(amount))
    assert found.passed is eval(program, dict(truths))
    if found.path:
        assert truths[f"r{found.path}"] is False


@given(EXPRESSIONS, EXPRESSIONS, st.sampled_from(["and", "or"]), st.integers(0, 6))
def test_the_sides_of_a_junction_may_be_swapped(
    left: str, right: str, word: str, amount: int
) -> None:
    one = {"rules": {**AMOUNTS, "logic": f"{left} {word} {right}"}}
    other = {"rules": {**AMOUNTS, "logic": f"{right} {word} {left}"}}
    facts = with_amount(amount)
    assert verdict(one, facts).passed is verdict(other, facts).passed


LATE = {
    **AMOUNTS,
    "3": {"name": "order.total_amount", "conditions": {"$more_than": [2]}},
    "4": {"name": "order.total_amount", "conditions": {"$less_than": [5]}},
}


@given(EXPRESSIONS, st.integers(0, 6))
def test_what_is_decided_before_the_discount_stays_so(logic: str, amount: int) -> None:
    definition = {"rules": {**LATE, "logic": logic}}
    facts = with_amount(amount)
    before = verdict(definition, facts).passed
    after = {verdict(definition, replace(facts, effect=Effect(n))).passed for n in range(7)}
    assert after == {before} if before is not None else None not in after


LINES = st.lists(
    st.builds(
        LineFacts,
        names=st.sets(st.sampled_from(["product/a", "product/b", "products_collection/c"])).map(
            frozenset
        ),
        price=st.none() | st.integers(0, 3),
        quantity=st.integers(1, 3),
        amount=st.integers(0, 9),
    ),
    min_size=1,
    max_size=4,
).map(tuple)
BOUNDS = st.integers(0, 8)


@given(LINES, BOUNDS, BOUNDS, st.sampled_from(["and", "or"]))
def test_structure_is_what_it_says(
    lines: tuple[LineFacts, ...], quantity: int, units: int, word: str
) -> None:
    """Of lines of a product in a collection, with a quantity and so many units in all."""
    own = {
        "1": {"name": "order.items.quantity", "conditions": {"$more_than": [quantity]}},
        "2": {"name": "order.items.aggregated_quantity", "conditions": {"$more_than": [units]}},
        "logic": f"1 {word} 2",
    }
    wanted = {"$is": [{"id": "a", "object": "product"}], "$from": ["c"]}
    chosen = [line for line in lines if {"product/a", "products_collection/c"} <= line.names]
    join = all if word == "and" else any
    fitting = [
        line
        for line in chosen
        if join([line.quantity > quantity, sum(each.quantity for each in chosen) > units])
    ]

    def holds(name: str) -> bool | None:
        rule = {"name": f"order.items.{name}", "conditions": wanted, "rules": own}
        return verdict({"rules": {"1": rule}}, Facts(CLOCK, order=OrderFacts(lines=lines))).passed

    assert holds("any") is bool(fitting)
    assert holds("none") is not holds("any")
    assert holds("every") is (len(fitting) == len(lines))


@given(LINES)
def test_the_cheapest_and_most_expensive_are_the_ends_of_all_prices(
    lines: tuple[LineFacts, ...],
) -> None:
    prices = [line.price for line in lines if line.price is not None]
    facts = Facts(CLOCK, order=OrderFacts(lines=lines))
    for name, extreme in (("cheapest", min), ("most_expensive", max)):
        for price in range(4):
            own = {"1": {"name": "order.items.price", "conditions": {"$is": [price]}}}
            rule = {"name": f"order.items.{name}", "conditions": None, "rules": own}
            passed = verdict({"rules": {"1": rule}}, facts).passed
            assert passed is (bool(prices) and extreme(prices) == price)


def test_explaining_changes_no_verdict() -> None:
    for amount in range(7):
        found = rules.read({"rules": {**AMOUNTS, "logic": "1 and (2 or 3) and 4"}})
        plain = judging.judge(found, with_amount(amount))
        explained = judging.judge(found, with_amount(amount), explain=True)
        assert replace(explained, explained=()) == plain
        assert [j.passed for j in explained.explained] == [m(amount) for m in MEANING.values()]
