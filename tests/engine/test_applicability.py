"""Which lines and units a discount covers: definitions, selection, limits and budgets."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from largesse.engine import applicability, calculation, lines
from largesse.engine.applicability import BUDGETS, ApplicabilityError, Budget
from largesse.engine.calculation import Terms
from largesse.engine.discounts import read as read_discount
from largesse.engine.lines import Cart
from tests.engine.carts import (
    ADVENTURE,
    BRAND,
    CARTS,
    SHOP,
    cart,
    item,
    nothing_known,
    scope_of,
)

BOTTLE = {"object": "product", "id": "bottle"}
MUG = {"object": "product", "id": "mug"}


def covered(given_: dict[str, Any], order: Cart = SHOP, **options: Any) -> dict[str, int]:
    """The units covered, by product, in the order in which they are reached."""
    read = applicability.read(given_)
    portions = applicability.of(read, order.lines, ADVENTURE, **options)
    return {str(each.line.product_id): each.quantity for each in portions}


# --- reading ------------------------------------------------------------------------------------


def test_what_is_sent_is_answered() -> None:
    sent = {
        "excluded": [
            {"object": "product", "id": "p", "source_id": "s", "effect": "APPLY_TO_EVERY"}
        ],
        "included": [
            {
                "object": "sku",
                "id": "sku_1",
                "product_id": "p",
                "product_source_id": "ps",
                "effect": "APPLY_FROM_CHEAPEST",
                "price": 2000,
                "price_formula": "IF(ORDER_AMOUNT > 400;0;20)",
                "quantity_limit": 1,
                "aggregated_quantity_limit": 2,
                "amount_limit": 3,
                "aggregated_amount_limit": 4,
                "skip_initially": 1,
                "repeat": 2,
                "target": "UNIT",
            },
            {"object": "products_collection", "id": "pc", "effect": "APPLY_TO_MOST_EXPENSIVE"}
            | {name: number for number, name in enumerate(BUDGETS, 1)}
            | {f"{name}_formula": "ORDER_AMOUNT / 2" for name in BUDGETS},
        ],
        "included_all": False,
    }
    assert msgspec.to_builtins(applicability.read(sent)) == sent


def test_defaults() -> None:
    empty: dict[str, Any] = {"excluded": [], "included": [], "included_all": False}
    assert msgspec.to_builtins(applicability.read({})) == empty
    sent = {"included": [{"object": "product", "id": "p", "source_id": None, "strict": True}]}
    entry = {"object": "product", "id": "p", "effect": "APPLY_TO_EVERY"}
    assert msgspec.to_builtins(applicability.read(sent)) == empty | {"included": [entry]}


@pytest.mark.parametrize(
    ("sent", "names"),
    [({}, False), ({"included_all": True}, True), ({"included": [MUG]}, True),
     ({"excluded": [MUG]}, True)],
)  # fmt: skip
def test_whether_it_names_products(sent: dict[str, Any], names: bool) -> None:
    assert applicability.read(sent).names_products is names


def test_the_eight_budgets() -> None:
    assert sorted(BUDGETS) == [
        "product_campaign_quantity_limit",
        "product_customer_campaign_quantity_limit",
        "product_customer_promotion_tier_quantity_limit",
        "product_in_collection_campaign_quantity_limit",
        "product_in_collection_customer_campaign_quantity_limit",
        "product_in_collection_customer_promotion_tier_quantity_limit",
        "product_in_collection_promotion_tier_quantity_limit",
        "product_promotion_tier_quantity_limit",
    ]


AT = "Property .applicable_to.included[0]"


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (5, f"{AT} should be object"),
        ({"id": "p"}, f"{AT} should have required property 'object'"),
        ({"object": "product"}, f"{AT} should have required property 'id'"),
        (
            {"object": "order", "id": "p"},
            f"{AT}.object should be one of: product, sku, products_collection",
        ),
        (
            MUG | {"effect": "EVERY"},
            f"{AT}.effect should be one of: APPLY_TO_EVERY, APPLY_TO_CHEAPEST, "
            "APPLY_FROM_CHEAPEST, APPLY_TO_MOST_EXPENSIVE, APPLY_FROM_MOST_EXPENSIVE",
        ),
        (MUG | {"target": "LINE"}, f"{AT}.target should be one of: ITEM, UNIT"),
        (MUG | {"repeat": 0}, f"{AT}.repeat cannot be lower than 1"),
        (MUG | {"skip_initially": -1}, f"{AT}.skip_initially cannot be lower than 0"),
        (MUG | {"quantity_limit": 1.5}, f"{AT}.quantity_limit should be integer"),
        (MUG | {"quantity_limit": 10**10}, f"{AT}.quantity_limit cannot be higher than 1000000000"),
        (MUG | {"price": -5}, f"{AT}.price cannot be lower than 0"),
        (MUG | {"price_formula": 5}, f"{AT}.price_formula should be string"),
    ],
)
def test_refusals(entry: Any, text: str) -> None:
    with pytest.raises(ApplicabilityError) as refusal:
        applicability.read({"included": [entry]})
    assert str(refusal.value) == text


def test_formulas_that_cannot_be_read_are_refused() -> None:
    for name in ("price_formula", *(f"{name}_formula" for name in BUDGETS)):
        with pytest.raises(ApplicabilityError, match=name):
            applicability.read({"included": [MUG | {name: "IF("}]})


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
ENTRIES = st.lists(
    st.dictionaries(st.sampled_from(applicability.Entry.__struct_fields__), JSON, max_size=5).map(
        lambda members: MUG | members
    ),
    max_size=2,
)


@given(st.fixed_dictionaries({}, optional={"included": ENTRIES | JSON, "excluded": ENTRIES | JSON}))
def test_anything_is_read_or_refused(sent: dict[str, Any]) -> None:
    try:
        read = applicability.read(sent)
    except ApplicabilityError as refusal:
        assert str(refusal).startswith("Property .applicable_to")
    else:
        assert applicability.read(msgspec.to_builtins(read)) == read


# --- lines --------------------------------------------------------------------------------------

ALL = {"mug": 2, "poster": 3, "t-shirt": 3, "bottle": 2}


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ({}, ALL),
        ({"included_all": True}, ALL),
        ({"included": [MUG]}, {"mug": 2}),
        ({"included": [BRAND]}, {"mug": 2, "poster": 3, "t-shirt": 3}),
        ({"included": [{"object": "product", "id": "unknown"}]}, {}),
        ({"excluded": [MUG]}, {"poster": 3, "t-shirt": 3, "bottle": 2}),
        ({"excluded": [BRAND]}, {"bottle": 2}),
        # What is excluded stays so, in a collection that is included too.
        ({"included": [BRAND], "excluded": [MUG]}, {"poster": 3, "t-shirt": 3}),
        ({"included": [MUG], "excluded": [MUG]}, {}),
        # All, and limits for some; those are reached first.
        (
            {"included_all": True, "included": [BOTTLE | {"quantity_limit": 1}]},
            {"bottle": 1, "mug": 2, "poster": 3, "t-shirt": 3},
        ),
        # A product goes before its collection, in whatever order they stand.
        (
            {"included": [BRAND | {"quantity_limit": 1}, MUG | {"quantity_limit": 2}]},
            {"poster": 1, "t-shirt": 1, "mug": 2},
        ),
        # The first of two that name the same.
        ({"included": [MUG | {"quantity_limit": 1}, MUG]}, {"mug": 1}),
    ],
)
def test_lines(given_: dict[str, Any], expected: dict[str, int]) -> None:
    assert covered(given_) == expected
    assert list(covered(given_)) == list(expected)


def test_a_sku_its_product_and_their_source_ids() -> None:
    row = item("phone", 900, 2, sku_id="phone-s", source_id="ps", related_object="sku")
    order = Cart(lines=lines.read([row, item("phone", 900, 1), item("other", 5, source_id="o")]))
    for entry, expected in (
        ({"object": "sku", "id": "phone-s"}, [0]),
        ({"object": "sku", "source_id": "ps"}, [0]),
        ({"object": "sku", "id": "unknown", "source_id": "ps"}, [0]),
        ({"object": "product", "id": "phone"}, [0, 1]),
        ({"object": "product", "id": "o"}, [2]),
        ({"object": "sku", "id": "phone"}, []),
        ({"object": "products_collection", "id": "phone"}, []),
    ):
        portions = applicability.of(applicability.read({"included": [entry]}), order.lines, {})
        assert [portion.line.index for portion in portions] == expected


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"effect": "APPLY_TO_EVERY"}, ["mug", "poster", "t-shirt"]),
        ({"effect": "APPLY_TO_CHEAPEST"}, ["mug"]),
        ({"effect": "APPLY_FROM_CHEAPEST"}, ["mug", "poster", "t-shirt"]),
        ({"effect": "APPLY_TO_MOST_EXPENSIVE"}, ["t-shirt"]),
        ({"effect": "APPLY_FROM_MOST_EXPENSIVE"}, ["t-shirt", "poster", "mug"]),
        ({"effect": "APPLY_TO_EVERY", "skip_initially": 1}, ["poster", "t-shirt"]),
        ({"effect": "APPLY_TO_EVERY", "repeat": 2}, ["mug", "t-shirt"]),
        ({"effect": "APPLY_TO_EVERY", "repeat": 2, "skip_initially": 1}, ["poster"]),
        ({"effect": "APPLY_FROM_MOST_EXPENSIVE", "repeat": 3}, ["t-shirt"]),
        ({"effect": "APPLY_TO_EVERY", "skip_initially": 3}, []),
        ({"effect": "APPLY_TO_EVERY", "repeat": 10**9}, ["mug"]),
        # Skipping and repeating is not for the one cheapest or most expensive.
        ({"effect": "APPLY_TO_CHEAPEST", "skip_initially": 1}, ["mug"]),
    ],
)
def test_which_lines_an_effect_reaches(rules: dict[str, Any], expected: list[str]) -> None:
    assert list(covered({"included": [BRAND | rules]})) == expected


def test_the_first_of_two_that_cost_the_same() -> None:
    order = cart(("mug", 500, 1), ("socks", 500, 1))
    for effect in ("APPLY_TO_CHEAPEST", "APPLY_TO_MOST_EXPENSIVE"):
        assert list(covered({"included": [BRAND | {"effect": effect}]}, order)) == ["mug"]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"quantity_limit": 2}, {"mug": 2, "poster": 2, "t-shirt": 2}),
        ({"aggregated_quantity_limit": 5}, {"mug": 2, "poster": 3}),
        ({"aggregated_quantity_limit": 6, "quantity_limit": 2}, {"mug": 2, "poster": 2,
                                                                 "t-shirt": 2}),
        ({"aggregated_quantity_limit": 0, "quantity_limit": 0}, {"mug": 2, "poster": 3,
                                                                 "t-shirt": 3}),
        ({"effect": "APPLY_FROM_MOST_EXPENSIVE", "aggregated_quantity_limit": 4},
         {"t-shirt": 3, "poster": 1}),
        ({"effect": "APPLY_TO_CHEAPEST", "quantity_limit": 1}, {"mug": 1}),
    ],
)  # fmt: skip
def test_limits_of_units(rules: dict[str, Any], expected: dict[str, int]) -> None:
    assert covered({"included": [BRAND | rules]}) == expected


def test_bundles_multiply_limits_of_units() -> None:
    assert covered({"included": [MUG | {"quantity_limit": 1}]}, bundles=2) == {"mug": 2}
    limited = {"included": [BRAND | {"aggregated_quantity_limit": 1}]}
    assert covered(limited, bundles=3) == {"mug": 2, "poster": 1}


# --- units --------------------------------------------------------------------------------------


def units(rules: dict[str, Any], order: Cart) -> list[tuple[int, list[int]]]:
    read = applicability.read({"included": [BRAND | {"target": "UNIT"} | rules]})
    portions = applicability.of(read, order.lines, ADVENTURE)
    (entry,) = applicability.answered(read, order.lines, portions)
    (answer,) = msgspec.to_builtins([entry])
    listed = [(each["index"], each["units"]) for each in answer["order_item_units"]]
    assert answer["order_item_indices"] == [index for index, _ in listed]
    return listed


TEN_MUGS = cart(("mug", 100, 10))


@pytest.mark.parametrize(
    ("rules", "order", "expected"),
    [
        ({}, TEN_MUGS, [(0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])]),
        ({"skip_initially": 1, "repeat": 3}, TEN_MUGS, [(0, [2, 5, 8])]),
        ({"skip_initially": 9}, TEN_MUGS, [(0, [10])]),
        ({"skip_initially": 10}, TEN_MUGS, []),
        ({"repeat": 3, "quantity_limit": 2}, TEN_MUGS, [(0, [1, 4])]),
        ({"effect": "APPLY_TO_CHEAPEST"}, SHOP, [(0, [1])]),
        ({"effect": "APPLY_TO_MOST_EXPENSIVE"}, SHOP, [(2, [1])]),
        # The counting goes on over lines.
        ({"repeat": 4}, SHOP, [(0, [1]), (1, [3])]),
        ({"effect": "APPLY_FROM_MOST_EXPENSIVE", "skip_initially": 1, "repeat": 2}, SHOP,
         [(2, [2]), (1, [1, 3]), (0, [2])]),
    ],
)  # fmt: skip
def test_units(rules: dict[str, Any], order: Cart, expected: list[tuple[int, list[int]]]) -> None:
    assert units(rules, order) == expected


def test_units_are_not_listed_one_by_one_in_a_large_order() -> None:
    read = applicability.read({"included": [BRAND | {"target": "UNIT", "repeat": 2}]})
    for quantity, exceeded in ((1000, False), (1001, True)):
        order = cart(("mug", 100, quantity))
        portions = applicability.of(read, order.lines, ADVENTURE)
        assert [portion.quantity for portion in portions] == [(quantity + 1) // 2]
        (entry,) = applicability.answered(read, order.lines, portions)
        (answer,) = msgspec.to_builtins(entry)["order_item_units"]
        assert answer.get("units_limit_exceeded", False) is exceeded
        assert ("units" in answer) is not exceeded


def test_lines_as_they_are_answered() -> None:
    read = applicability.read({"included": [BRAND, BOTTLE], "excluded": [MUG]})
    portions = applicability.of(read, SHOP.lines, ADVENTURE)
    answers = applicability.answered(read, SHOP.lines, portions)
    assert [entry.order_item_indices for entry in answers] == [[1, 2], [3]]
    (left_out,) = applicability.left_out(read, SHOP.lines, ADVENTURE)
    assert msgspec.to_builtins(left_out) == MUG | {
        "effect": "APPLY_TO_EVERY",
        "order_item_indices": [0],
    }


@given(CARTS, st.integers(0, 20), st.integers(1, 7))
def test_units_are_those_counted_one_by_one(order: Cart, skip: int, repeat: int) -> None:
    entry = {"target": "UNIT", "skip_initially": skip, "repeat": repeat} | BRAND
    known = {name: frozenset({"adventure"}) for name in "abcde"}
    read = applicability.read({"included": [entry]})
    portions = applicability.of(read, order.lines, known)
    (answer,) = applicability.answered(read, order.lines, portions)
    one_by_one = [(line.index, unit + 1) for line in order.lines for unit in range(line.quantity)]
    listed = [
        (each.index, unit) for each in answer.order_item_units or () for unit in each.units or ()
    ]
    assert listed == one_by_one[skip::repeat]


# --- budgets ------------------------------------------------------------------------------------


def spend(entry: dict[str, Any], orders: list[Cart], **scope: Any) -> list[list[int]]:
    """The units discounted in each of several orders that share the budgets of one entry."""
    discount = read_discount({"type": "PERCENT", "percent_off": 10}, of_items=True)
    read = applicability.read({"included": [BRAND | entry]})
    used: dict[Budget, int] = {}
    found = []
    for order in orders:
        terms = Terms(**{"scopes": nothing_known} | scope, collections=ADVENTURE, used=used)
        portions = calculation.portions(discount, read, order, terms)
        by_line = {portion.line.index: portion.quantity for portion in portions}
        found.append([by_line.get(line.index, 0) for line in order.lines])
        for budget, units in calculation.spent(
            calculation.apply(discount, order, portions, terms), portions
        ).items():
            used[budget] = used.get(budget, 0) + units
    return found


@pytest.mark.parametrize(
    "name", [name for name in BUDGETS if "in_collection" not in name and "customer" not in name]
)
def test_a_budget_of_all_units(name: str) -> None:
    """The worked example of ten units: five, four, and one of the last three."""
    orders = [cart(("mug", 100, quantity)) for quantity in (5, 4, 3)]
    assert spend({name: 10}, orders) == [[5], [4], [1]]


@pytest.mark.parametrize("name", [name for name in BUDGETS if "in_collection" in name])
def test_a_budget_of_each_product_in_a_collection(name: str) -> None:
    """The worked example of five t-shirts, five socks and five posters."""
    rows = [(5, 1, 4), (3, 3, 2), (1, 3, 3)]
    orders = [
        cart(("t-shirt", 100, shirts), ("socks", 100, socks), ("poster", 100, posters))
        for shirts, socks, posters in rows
    ]
    assert spend({name: 5}, orders) == [[5, 1, 4], [0, 3, 1], [0, 1, 0]]


def test_budgets_count_together() -> None:
    limits = {"product_campaign_quantity_limit": 4, "product_customer_campaign_quantity_limit": 3}
    orders = [cart(("mug", 100, 2), ("socks", 100, 2)), cart(("mug", 100, 2))]
    assert spend(limits, orders) == [[2, 1], [0]]


def test_what_a_budget_is_of() -> None:
    entry = BRAND | {
        "product_campaign_quantity_limit": 4,
        "product_in_collection_campaign_quantity_limit": 3,
        "product_promotion_tier_quantity_limit": 0,
    }
    read = applicability.read({"included": [entry]})
    (portion,) = applicability.of(read, cart(("mug", 100, 2)).lines, ADVENTURE)
    assert applicability.budgets(portion) == [
        Budget("product_campaign_quantity_limit", "products_collection", "adventure"),
        Budget("product_in_collection_campaign_quantity_limit", "products_collection",
               "adventure", "mug"),
    ]  # fmt: skip


def test_what_was_not_discounted_spends_nothing() -> None:
    orders = [cart(("mug", 0, 3)), cart(("mug", 1000, 5))]
    assert spend({"product_campaign_quantity_limit": 3}, orders) == [[3], [3]]


@pytest.mark.parametrize(
    ("formula", "fallback", "expected"),
    [
        ("ORDER_AMOUNT / 100", 2, 3),
        ("0 - ORDER_AMOUNT", 2, 0),
        ('CUSTOMER_METADATA("age")', 2, 2),
        ('CUSTOMER_METADATA("age")', None, 0),
    ],
)
def test_a_budget_by_formula(formula: str, fallback: int | None, expected: int) -> None:
    name = "product_campaign_quantity_limit"
    entry = {f"{name}_formula": formula, name: fallback}
    scopes = {"scopes": lambda index: scope_of(30_000)}
    assert spend(entry, [cart(("mug", 100, 9))], **scopes) == [[expected]]
