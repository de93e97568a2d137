"""Bundles: what rules accept, and how many bundles a cart holds."""

from __future__ import annotations

from itertools import product as every
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from largesse.engine import bundles, lines
from largesse.engine.bundles import BundleError
from largesse.engine.lines import Line
from tests.engine.carts import cart, item


def rule(kind: str, id_: str, quantity: int | None = None) -> dict[str, Any]:
    type_ = "products_collection" if kind == "products_collection" else "product_or_sku"
    made: dict[str, Any] = {
        "name": "order.items.any",
        "conditions": {"$is": [{"id": id_, "type": type_, "object": kind}]},
    }
    if quantity is not None:
        count = {
            "name": "order.items.aggregated_quantity",
            "conditions": {"$is": [quantity]},
            "rules": {},
        }
        made["rules"] = {"1": count, "logic": "1"}
    return made


def rules(*parts: tuple[str, str, int], limit: int = 100) -> dict[str, Any]:
    made = {str(number): rule(*part) for number, part in enumerate(parts, 1)}
    return made | {"limit": limit}


def find(
    definition: dict[str, Any], order: tuple[Line, ...], known: dict[str, frozenset[str]]
) -> Any:
    found = bundles.find(bundles.read(definition), order, known)
    return msgspec.to_builtins(found)


P, S, C = "product", "sku", "products_collection"


def test_rules_are_answered_as_they_were_sent() -> None:
    sent = rules((P, "prod_1", 2), (S, "sku_1", 1), (C, "pc_1", 3), limit=5)
    assert bundles.spelt(bundles.read(sent)) == sent
    assert bundles.spelt(bundles.read({})) == {}
    # Defaults: one bundle, one unit.
    sent = {"1": rule(P, "prod_1")}
    assert bundles.spelt(bundles.read(sent)) == rules((P, "prod_1", 1), limit=1)
    assert bundles.spelt(bundles.read(sent | {"logic": "1", "2": None})) == rules(
        (P, "prod_1", 1), limit=1
    )


ONE = rule(P, "a")


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (5, "Property .bundle_rules should be object"),
        ({"limit": 0}, "Property .bundle_rules.limit cannot be lower than 1"),
        ({"limit": 101}, "Property .bundle_rules.limit cannot be higher than 100"),
        ({"one": ONE}, "Property .bundle_rules should have rules named 1, 2, 3 and so on"),
        (
            {str(number): ONE for number in range(1, 52)},
            "Property .bundle_rules should NOT have more than 50 rules",
        ),
        ({"1": 1}, "Property .bundle_rules.1 should be object"),
        ({"1": {}}, "Property .bundle_rules.1 should have required property 'name'"),
        (
            {"1": ONE | {"name": "order.items.every"}},
            "Property .bundle_rules.1.name should be one of: order.items.any",
        ),
        (
            {"1": {"name": "order.items.any"}},
            "Property .bundle_rules.1 should have required property 'conditions'",
        ),
        (
            {"1": ONE | {"conditions": {"$is": []}}},
            "Property .bundle_rules.1.conditions.$is should have one value",
        ),
        (
            {"1": ONE | {"conditions": {"$is_not": [{}]}}},
            "Property .bundle_rules.1.conditions.$is should have one value",
        ),
        (
            {"1": ONE | {"conditions": {"$is": [{"object": "product"}]}}},
            "Property .bundle_rules.1.conditions.$is[0] should have required property 'id'",
        ),
        (
            {"1": ONE | {"conditions": {"$is": [{"object": "product", "id": "a", "type": C}]}}},
            "Property .bundle_rules.1.conditions.$is[0].type should be one of: product_or_sku",
        ),
        ({"1": rule(P, "a", 0)}, "Property .bundle_rules.1.rules.1.conditions.$is "
         "cannot be lower than 1"),
        (
            {"1": ONE | {"rules": {"1": rule(P, "a", 2)}}},
            "Property .bundle_rules.1.rules.1.name should be one of: "
            "order.items.aggregated_quantity",
        ),
        (
            {"1": ONE | {"rules": {"1": {}, "2": {}}}},
            "Property .bundle_rules.1.rules should have one rule",
        ),
        (
            {"1": ONE, "2": ONE, "logic": "1 or 2"},
            "Property .bundle_rules.logic should join all bundle rules with and",
        ),
        (
            {"1": ONE, "2": ONE, "logic": "1"},
            "Property .bundle_rules.logic should join all bundle rules with and",
        ),
    ],
)  # fmt: skip
def test_refusals(sent: Any, text: str) -> None:
    with pytest.raises(BundleError) as refusal:
        bundles.read(sent)
    assert str(refusal.value) == text


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["1", "2", "limit", "logic", "name", "conditions", "rules", "$is", "x"]
            ),
            inner,
        )
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["1", "2", "limit", "logic", "x"]), JSON))
def test_anything_is_read_or_refused(sent: Any) -> None:
    try:
        read = bundles.read(sent)
    except BundleError as refusal:
        assert str(refusal).startswith("Property .bundle_rules")
    else:
        assert bundles.read(bundles.spelt(read)) == read or not read.parts


@pytest.mark.parametrize(
    ("laptops", "bags", "limit", "quantity"),
    [(1, 1, 100, 1), (2, 2, 100, 2), (3, 2, 100, 2), (5, 5, 1, 1), (5, 5, 4, 4), (5, 0, 9, 0)],
)
def test_a_laptop_and_a_bag(laptops: int, bags: int, limit: int, quantity: int) -> None:
    rows = [("laptop", 90_000, laptops), ("bag", 5000, bags)]
    order = cart(*(row for row in rows if row[2])).lines
    found = find(rules((P, "laptop", 1), (P, "bag", 1), limit=limit), order, {})
    assert (found["quantity"], found["limit"]) == (quantity, limit)


def test_only_the_units_of_bundles_are_identified() -> None:
    order = cart(("coffee", 400, 10), ("cup", 900, 2)).lines
    assert find(rules((P, "coffee", 5), limit=1), order, {}) == {
        "quantity": 1,
        "limit": 1,
        "identified": [{"id": "coffee", "object": "product", "item_index": 0, "item_quantity": 5}],
    }


def test_what_is_missing_for_the_first_bundle() -> None:
    order = cart(("cap", 1500, 1), ("socks", 499, 2)).lines
    known = {"socks": frozenset({"pc_1"})}
    assert find(rules((P, "cap", 2), (C, "pc_1", 4), limit=3), order, known) == {
        "quantity": 0,
        "limit": 3,
        "identified": [
            {"id": "cap", "object": "product", "item_index": 0, "item_quantity": 1},
            {"id": "socks", "object": "product", "item_index": 1, "item_quantity": 2},
        ],
        "missing": [
            {"id": "cap", "object": "product", "item_quantity": 1},
            {"id": "pc_1", "object": "products_collection", "item_quantity": 2},
        ],
    }


def test_no_rules_are_no_bundle() -> None:
    assert find({}, cart(("a", 1, 1)).lines, {}) == {"quantity": 0, "limit": 1, "identified": []}


def test_a_sku_counts_for_its_product() -> None:
    order = lines.read([item("phone", 900, 2, sku_id="phone-s"), item("phone", 950, 1)])
    found = find(rules((P, "phone", 3)), order, {})
    assert found["identified"] == [
        {"id": "phone-s", "object": "sku", "item_index": 0, "item_quantity": 2},
        {"id": "phone", "object": "product", "item_index": 1, "item_quantity": 1},
    ]
    assert find(rules((S, "phone-s", 2), (P, "phone", 1)), order, {})["quantity"] == 1
    assert find(rules((S, "phone-s", 2), (P, "phone", 2)), order, {})["quantity"] == 0


def test_a_unit_counts_once_and_goes_where_it_is_needed() -> None:
    known = {"tea": frozenset({"drinks", "hot"}), "cola": frozenset({"drinks"})}
    order = cart(("tea", 300, 1), ("cola", 200, 1)).lines
    both = rules((C, "drinks", 1), (C, "hot", 1))
    assert find(both, order, known)["quantity"] == 1
    assert find(rules((C, "drinks", 2), (C, "hot", 1)), order, known)["quantity"] == 0


PARTS = st.lists(
    st.tuples(
        st.sampled_from([(P, "a"), (P, "b"), (C, "ab"), (C, "bc"), (C, "abc")]), st.integers(1, 2)
    ),
    min_size=1,
    max_size=3,
)
KNOWN = {
    "a": frozenset({"ab", "abc"}),
    "b": frozenset({"ab", "bc", "abc"}),
    "c": frozenset({"bc", "abc"}),
}


@given(PARTS, st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 4)), max_size=3))
def test_as_many_bundles_as_there_can_be(
    parts: list[tuple[tuple[str, str], int]], rows: list[tuple[str, int]]
) -> None:
    order = cart(*((product, 100, quantity) for product, quantity in rows)).lines
    definition = rules(*((*named, quantity) for named, quantity in parts), limit=3)
    found = bundles.find(bundles.read(definition), order, KNOWN)
    units = {name: sum(q for product, q in rows if product == name) for name in "abc"}
    assert found.quantity == max(
        (n for n in range(4) if _possible(units, [(named, q * n) for named, q in parts])), default=0
    )
    taken = sum(each.item_quantity for each in found.identified)
    wanted = sum(quantity for _, quantity in parts)
    lacking = sum(each.item_quantity for each in found.missing or ())
    assert taken == wanted * max(found.quantity, 1) - lacking
    assert all(each.item_quantity <= order[each.item_index].quantity for each in found.identified)


def _possible(units: dict[str, int], wanted: list[tuple[tuple[str, str], int]]) -> bool:
    """Hall's condition: the units that any set of parts can use are as many as they need."""

    def fits(name: str, named: tuple[str, str]) -> bool:
        return name == named[1] if named[0] == P else named[1] in KNOWN[name]

    for chosen in every((False, True), repeat=len(wanted)):
        some = [each for each, is_in in zip(wanted, chosen, strict=True) if is_in]
        usable = sum(n for name, n in units.items() if any(fits(name, named) for named, _ in some))
        if usable < sum(quantity for _, quantity in some):
            return False
    return True
