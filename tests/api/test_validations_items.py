from __future__ import annotations

from typing import Any

import pytest

from tests.api.validating import (
    ask,
    coupon,
    error,
    made,
    off,
    products_rule,
    rule,
    stacking,
    validate,
)
from tests.running import Shop

SHIPPING = {"type": "UNIT", "unit_off": 1, "unit_type": "prod_5h1pp1ng"}
ITEMS = {"effect": "APPLY_TO_ITEMS"}
TEN_OF_ITEMS = {"type": "PERCENT", "percent_off": 10, **ITEMS}


def product(shop: Shop, name: str, price: int | None = 1000, **metadata: Any) -> str:
    """A product of this source id; its id."""
    body = {"name": name, "source_id": name, "price": price, "metadata": metadata}
    found: str = made(shop, "/v1/products", **body)["id"]
    return found


def items(**quantities: int) -> dict[str, Any]:
    """An order of products by their source ids."""
    return {
        "order": {
            "items": [
                {"source_id": name, "related_object": "product", "quantity": quantity}
                for name, quantity in quantities.items()
            ]
        }
    }


def parts(answer: Any) -> list[int]:
    """What is off each item."""
    assert answer["valid"] is True
    return [item.get("applied_discount_amount", 0) for item in answer["order"]["items"]]


# --- units --------------------------------------------------------------------------------------


def test_free_shipping(shop: Shop) -> None:
    product(shop, "mug")
    coupon(shop, "SHIP", {**SHIPPING, "effect": "ADD_MISSING_ITEMS"})
    answer = validate(shop, "SHIP", **items(mug=1))
    mug, shipping = answer["order"]["items"]
    assert (answer["order"]["amount"], answer["order"]["total_amount"]) == (1000, 1000)
    assert mug["subtotal_amount"] == 1000
    assert shipping["product_id"] == "prod_5h1pp1ng"
    assert shipping["product"]["name"] == "Shipping"
    assert (shipping["quantity"], shipping["discount_quantity"]) == (1, 1)
    assert shipping["initial_quantity"] == 0
    assert "price" not in shipping
    result = answer["redeemables"][0]["result"]["discount"]
    assert (result["type"], result["unit_type"], result["unit_off"]) == (
        *("UNIT", "prod_5h1pp1ng"),
        1,
    )
    # Where a shop sends what shipping costs, that is free.
    paid = items(mug=1)
    paid["order"]["items"].append({"product_id": "prod_5h1pp1ng", "quantity": 1, "price": 500})
    answer = validate(shop, "SHIP", **paid)
    assert (parts(answer), answer["order"]["total_amount"]) == ([0, 500], 1000)
    assert validate(shop, "SHIP")["valid"]


@pytest.mark.parametrize(
    "named",
    [
        {"product_id": "prod_5h1pp1ng"},
        {"source_id": "5h1pp1ng"},
        {"source_id": "5h1pp1ng", "related_object": "product"},
        {"product": {"source_id": "5h1pp1ng"}},
    ],
)
@pytest.mark.parametrize("unit_type", ["prod_5h1pp1ng", "5h1pp1ng"])
def test_shipping_by_each_of_its_names(shop: Shop, named: Any, unit_type: str) -> None:
    """The reference's examples send it by its source id, and answer which product that is."""
    product(shop, "mug")
    coupon(shop, "SHIP", {**SHIPPING, "unit_type": unit_type, "effect": "ADD_MISSING_ITEMS"})
    paid = items(mug=1)
    paid["order"]["items"].append({**named, "quantity": 1, "price": 500})
    answer = validate(shop, "SHIP", **paid)
    assert (parts(answer), answer["order"]["total_amount"]) == ([0, 500], 1000)
    shipping = answer["order"]["items"][1]["product"]
    assert shipping == {"id": "prod_5h1pp1ng", "source_id": "5h1pp1ng", "name": "Shipping"}


@pytest.mark.parametrize(
    ("effect", "there", "quantity", "amount"),
    [
        ("ADD_NEW_ITEMS", 0, 2, 2000),
        ("ADD_NEW_ITEMS", 1, 3, 3000),
        ("ADD_MISSING_ITEMS", 0, 2, 2000),
        ("ADD_MISSING_ITEMS", 1, 2, 2000),
        ("ADD_MISSING_ITEMS", 3, 3, 3000),
    ],
)
def test_free_units(shop: Shop, effect: str, there: int, quantity: int, amount: int) -> None:
    mug = product(shop, "mug")
    product(shop, "cap")
    unit = {"type": "UNIT", "unit_off": 2, "unit_type": mug, "effect": effect}
    coupon(shop, "MUGS", unit)
    order = items(cap=1, mug=there) if there else items(cap=1)
    answer = validate(shop, "MUGS", **order)
    cap, mugs = answer["order"]["items"]
    assert (mugs["quantity"], mugs["discount_quantity"]) == (quantity, 2)
    assert (mugs["initial_quantity"], mugs["amount"]) == (there, amount)
    assert mugs["discount_amount"] == 2000
    assert (cap["amount"], "discount_amount" in cap) == (1000, False)
    due = 1000 + max(there - 2, 0) * 1000 if effect == "ADD_MISSING_ITEMS" else 1000 + there * 1000
    assert answer["order"]["total_amount"] == due
    assert answer["order"]["initial_amount"] == 1000 + there * 1000
    given = answer["redeemables"][0]["result"]["discount"]
    assert given["product"] == {"id": mug, "source_id": "mug", "name": "mug"}


def test_a_product_that_is_deleted_meanwhile_gives_nothing(shop: Shop) -> None:
    mug = product(shop, "mug")
    product(shop, "cap")
    coupon(shop, "MUG", {"type": "UNIT", "unit_off": 1, "unit_type": mug})
    shop.api.delete(f"/v1/products/{mug}?force=true")
    assert off(validate(shop, "MUG", **items(cap=1))) == 0
    stacking(shop, redeemables_no_effect_rule="SKIP")
    answer = validate(shop, "MUG", **items(cap=1))
    assert answer["valid"] is False
    details = answer["skipped_redeemables"][0]["result"]["details"]
    assert details["key"] == "no_effect"


# --- what a discount applies to -----------------------------------------------------------------


def test_lists_of_what_a_discount_applies_to(shop: Shop) -> None:
    mug, cap = product(shop, "mug"), product(shop, "cap")
    product(shop, "pen")
    only = products_rule(
        shop,
        included=[{"object": "product", "id": mug}, {"object": "product", "id": cap}],
        excluded=[{"object": "product", "id": cap}],
    )
    coupon(shop, "TEN", TEN_OF_ITEMS, validation_rules=[only])
    answer = validate(shop, "TEN", **items(pen=1, mug=2, cap=1))
    assert parts(answer) == [0, 200, 0]
    [found] = answer["redeemables"]
    lists = {name: found[name] for name in ("applicable_to", "inapplicable_to")}
    for each in lists.values():
        assert (each["object"], each["data_ref"], each["total"]) == (
            *("list", "data"),
            len(each["data"]),
        )
    [first, *_] = lists["applicable_to"]["data"]
    assert (first["object"], first["id"], first["source_id"]) == ("product", mug, "mug")
    assert (first["effect"], first["order_item_indices"]) == ("APPLY_TO_EVERY", [1])
    [left_out] = lists["inapplicable_to"]["data"]
    assert (left_out["id"], left_out["order_item_indices"]) == (cap, [2])
    found = error(validate(shop, "TEN", **items(pen=1)))
    assert found["key"] == "order_rules_violated"


def test_skus(shop: Shop) -> None:
    mug = product(shop, "mug")
    red, blue = (
        made(shop, f"/v1/products/{mug}/skus", source_id=name, sku=name, price=price)["id"]
        for name, price in (("red", 1200), ("blue", 1500))
    )
    only = products_rule(shop, included=[{"object": "sku", "id": red}])
    coupon(shop, "RED", TEN_OF_ITEMS, validation_rules=[only])
    order = {
        "items": [
            {"sku_id": red, "quantity": 1},
            {"source_id": "blue", "related_object": "sku", "quantity": 2},
        ]
    }
    answer = validate(shop, "RED", order=order)
    assert parts(answer) == [120, 0]
    first, second = answer["order"]["items"]
    assert (first["sku_id"], first["product_id"]) == (red, mug)
    assert (second["sku"]["id"], second["amount"]) == (blue, 3000)


@pytest.mark.parametrize("kind", ["STATIC", "AUTO_UPDATE"])
def test_collections(shop: Shop, kind: str) -> None:
    mug, _ = product(shop, "mug", brand="Adventure"), product(shop, "cap", brand="Star")
    if kind == "STATIC":
        holds: Any = {"products": [{"id": mug, "product_id": mug, "object": "product"}]}
    else:
        brand = {"conditions": {"$is": ["Adventure"]}}
        holds = {"filter": {"junction": "and", "metadata.brand": brand}}
    body = {"name": "Adventure", "type": kind, **holds}
    collection = made(shop, "/v1/product-collections", **body)["id"]
    entry = {"object": "products_collection", "id": collection}
    coupon(shop, "TEN", TEN_OF_ITEMS, validation_rules=[products_rule(shop, included=[entry])])
    assert parts(validate(shop, "TEN", **items(mug=1, cap=1))) == [100, 0]
    assert error(validate(shop, "TEN", **items(cap=1)))["key"] == "order_rules_violated"
    has = rule(shop, "order.items.any", {"$is": [entry]})
    coupon(shop, "HAS", validation_rules=[has])
    assert off(validate(shop, "HAS", **items(mug=2))) == 1000
    assert error(validate(shop, "HAS", **items(cap=2)))["key"] == "order_rules_violated"
    if kind == "AUTO_UPDATE":
        product(shop, "poster", brand="Adventure")
        assert parts(validate(shop, "TEN", **items(mug=1, poster=1))) == [100, 100]


def test_items_of_metadata(shop: Shop) -> None:
    product(shop, "mug", colour="red")
    product(shop, "cap", colour="blue")
    red = rule(shop, "product.metadata", {"$is": ["red"]}, property="colour")
    coupon(shop, "RED", validation_rules=[red])
    assert off(validate(shop, "RED", **items(mug=1, cap=1))) == 1000
    assert error(validate(shop, "RED", **items(cap=1)))["key"] == "order_rules_violated"
    # What an order says of a product goes before the catalogue.
    order = items(cap=1)
    order["order"]["items"][0]["product"] = {"metadata": {"colour": "red"}}
    assert off(validate(shop, "RED", **order)) == 1000


def test_formulas(shop: Shop) -> None:
    product(shop, "mug", price=1000, cost=4)
    coupon(
        shop,
        "COST",
        {
            "type": "AMOUNT",
            "amount_off": 100,
            "amount_off_formula": "ORDER_AMOUNT * 0.25",
            "effect": "APPLY_TO_ORDER",
        },
    )
    answer = validate(shop, "COST", **items(mug=2))
    assert off(answer) == 500
    result = answer["redeemables"][0]["result"]["discount"]
    assert (result["amount_off"], result["amount_off_formula"]) == (500, "ORDER_AMOUNT * 0.25")
    assert off(validate(shop, "COST", order={"amount": 1000})) == 250
    # Without an order there is nothing to reckon with.
    found = ask(shop, "COST").json()["redeemables"][0]["result"]["discount"]
    assert found["amount_off"] == 100


# --- bundles ------------------------------------------------------------------------------------


def test_bundles(shop: Shop) -> None:
    mug, cap = product(shop, "mug"), product(shop, "cap")

    def part(id_: str, quantity: int) -> dict[str, Any]:
        sold = {"id": id_, "object": "product", "type": "product_or_sku"}
        count = {"name": "order.items.aggregated_quantity", "conditions": {"$is": [quantity]}}
        return {
            "name": "order.items.any",
            "conditions": {"$is": [sold]},
            "rules": {"1": {**count, "rules": {}}, "logic": "1"},
        }

    bundle = made(
        shop,
        "/v1/validation-rules",
        name="Bundle",
        rules={},
        bundle_rules={"1": part(mug, 2), "2": part(cap, 1), "limit": 2, "logic": "1 and 2"},
    )["id"]
    coupon(shop, "BUNDLE", validation_rules=[bundle])
    answer = validate(shop, "BUNDLE", **items(mug=5, cap=9))
    assert off(answer) == 2000
    found = answer["redeemables"][0]["result"]["bundle"]
    assert (found["quantity"], found["limit"]) == (2, 2)
    assert [(each["item_index"], each["item_quantity"]) for each in found["identified"]] == [
        *((0, 4), (1, 2))
    ]
    answer = validate(shop, "BUNDLE", **items(mug=2))
    assert error(answer)["key"] == "order_rules_violated"
    missing = answer["redeemables"][0]["result"]["bundle"]["missing"]
    assert [(each["id"], each["item_quantity"]) for each in missing] == [(cap, 1)]
    assert error(ask(shop, "BUNDLE").json())["key"] == "missing_order"
    assert error(validate(shop, "BUNDLE"))["key"] == "missing_order_items"
