from __future__ import annotations

from typing import Any

import pytest

from tests.api.test_orders import change, money, save
from tests.running import Shop

# --- amounts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"amount": 700}, {"amount": 700, "total_amount": 700}),
        ({"amount": "700"}, {"amount": 700, "total_amount": 700}),
        ({"amount": 0}, {"amount": 0, "total_amount": 0}),
        (
            {"amount": 700, "discount_amount": 200},
            {
                "amount": 700,
                "discount_amount": 200,
                "total_discount_amount": 200,
                "total_amount": 500,
            },
        ),
        (
            {"amount": 5, "discount_amount": 6},
            {"amount": 5, "discount_amount": 6, "total_discount_amount": 6, "total_amount": 0},
        ),
        (
            {"amount": 5, "items": [{"quantity": "3", "price": "100"}]},
            {"amount": 300, "total_amount": 300},
        ),
        ({"amount": 5, "items": [{"quantity": 3}]}, {"amount": 5, "total_amount": 5}),
        ({"amount": 5, "items": []}, {"amount": 5, "total_amount": 5}),
        (
            {
                "initial_amount": 3000,
                "discount_amount": 1243,
                "items": [{"amount": 700, "discount_amount": 70}, {"amount": 2000}],
            },
            {
                "amount": 2700,
                "initial_amount": 3000,
                "discount_amount": 1243,
                "items_discount_amount": 70,
                "total_discount_amount": 1313,
                "total_amount": 1387,
            },
        ),
        ({"amount": 10**15}, {"amount": 10**15, "total_amount": 10**15}),
        (
            {"items": [{"price": 10**9, "quantity": 10**6}] * 2},
            {"amount": 2 * 10**15, "total_amount": 2 * 10**15},
        ),
    ],
)
def test_amounts(shop: Shop, body: dict[str, Any], expected: dict[str, int]) -> None:
    order = save(shop, **body)
    assert money(order) == expected
    assert money(shop.api.get(f"/v1/orders/{order['id']}").json()) == expected


def test_new_items_change_the_amount_and_other_members_do_not(shop: Shop) -> None:
    save(shop, source_id="a", discount_amount=10, items=[{"price": 100, "quantity": 2}])
    assert money(change(shop, "a", metadata={"k": 1})) == {
        "amount": 200,
        "discount_amount": 10,
        "total_discount_amount": 10,
        "total_amount": 190,
    }
    assert change(shop, "a", amount=5)["amount"] == 200
    assert change(shop, "a", items=[{"price": 7}])["amount"] == 7
    assert change(shop, "a", discount_amount=0)["total_amount"] == 7


def test_an_order_whose_items_are_taken_away_comes_to_nothing(shop: Shop) -> None:
    save(shop, source_id="a", items=[{"price": 100, "quantity": 2}])
    order = change(shop, "a", items=[])
    assert (order["items"], order["amount"], order["total_amount"]) == ([], 0, 0)


# --- items ----------------------------------------------------------------------------------------


def catalogue(shop: Shop) -> tuple[str, str]:
    """A product and its SKU; their ids."""
    product = shop.api.post(
        "/v1/products",
        json={"source_id": "shoe", "name": "Shoe", "price": 900, "metadata": {"m": 1}},
    ).json()
    sku = shop.api.post(
        "/v1/products/shoe/skus", json={"source_id": "shoe-42", "sku": "42", "price": 950}
    ).json()
    return product["id"], sku["id"]


def test_an_item_takes_what_it_does_not_say_from_the_catalogue(shop: Shop) -> None:
    product_id, sku_id = catalogue(shop)
    product = {
        "id": product_id,
        "source_id": "shoe",
        "name": "Shoe",
        "price": 900,
        "metadata": {"m": 1},
    }
    sku = {"id": sku_id, "source_id": "shoe-42", "sku": "42", "price": 950, "metadata": {}}
    for item, price, has_sku in (
        ({"product_id": product_id}, 900, False),
        ({"product_id": "shoe"}, 900, False),
        ({"source_id": "shoe"}, 900, False),
        ({"source_id": "shoe", "related_object": "product"}, 900, False),
        ({"product": {"id": product_id}}, 900, False),
        ({"product": {"source_id": "shoe"}}, 900, False),
        ({"sku_id": sku_id}, 950, True),
        ({"source_id": "shoe-42", "related_object": "sku"}, 950, True),
        ({"sku": {"source_id": "shoe-42"}}, 950, True),
    ):
        [found] = save(shop, items=[{**item, "quantity": 2}])["items"]
        assert (found["price"], found["amount"]) == (price, 2 * price), item
        assert found["product"] == product, item
        assert found.get("sku") == (sku if has_sku else None), item


def test_what_an_item_says_wins_over_the_catalogue(shop: Shop) -> None:
    product_id, _ = catalogue(shop)
    [item] = save(
        shop,
        items=[
            {"source_id": "shoe", "price": 5, "product": {"name": "Mine", "metadata": {"x": 1}}}
        ],
    )["items"]
    assert (item["price"], item["amount"]) == (5, 5)
    assert item["product"] == {
        "id": product_id,
        "source_id": "shoe",
        "name": "Mine",
        "price": 900,
        "metadata": {"x": 1},
    }
    # Without `override` the catalogue stays as it is.
    assert shop.api.get("/v1/products/shoe").json()["name"] == "Shoe"


def test_an_item_with_an_unknown_product_is_kept_as_given(shop: Shop) -> None:
    given = [
        {"source_id": "nope", "related_object": "product", "quantity": 1, "price": 3},
        {"product_id": "prod_0b72b0bd64d198e3ae", "quantity": 2},
        {"sku_id": "sku_0b1621b319d248b79f", "quantity": 2},
        {"quantity": 1, "product": {"name": "Shipping", "metadata": {"a": None}}},
    ]
    order = save(shop, items=given)
    assert order["items"] == [
        {**given[0], "object": "order_item", "amount": 3, "subtotal_amount": 3},
        {**given[1], "object": "order_item"},
        {**given[2], "object": "order_item"},
        {**given[3], "object": "order_item"},
    ]
    assert shop.api.get("/v1/products").json()["total"] == 0


def test_override_replaces_what_the_catalogue_has(shop: Shop) -> None:
    product_id, sku_id = catalogue(shop)
    item = {
        "source_id": "shoe-42",
        "related_object": "sku",
        "quantity": 1,
        "product": {"source_id": "shoe", "name": "Boot", "price": 1, "override": True},
        "sku": {"sku": "43", "price": 2, "override": True},
    }
    [found] = save(shop, items=[item])["items"]
    assert (found["product"]["id"], found["sku"]["id"]) == (product_id, sku_id)
    product = shop.api.get("/v1/products/shoe").json()
    assert (product["name"], product["price"], product["metadata"]) == ("Boot", 1, {"m": 1})
    sku = shop.api.get("/v1/skus/shoe-42").json()
    assert (sku["sku"], sku["price"]) == ("43", 2)


def test_what_is_in_the_bin_is_not_stored_again(shop: Shop) -> None:
    product_id, _ = catalogue(shop)
    assert shop.api.delete("/v1/products/shoe").status_code == 204
    item = {"source_id": "shoe", "product": {"name": "Boot", "price": 4, "override": True}}
    [found] = save(shop, items=[item])["items"]
    assert found["product"]["name"] == "Boot"
    assert found["product"].get("id") != product_id
    assert shop.api.get("/v1/products/shoe").status_code == 404


def test_a_changed_price_leaves_orders_as_they_were(shop: Shop) -> None:
    catalogue(shop)
    save(shop, source_id="a", items=[{"source_id": "shoe", "quantity": 1}])
    shop.api.put("/v1/products/shoe", json={"price": 1})
    assert change(shop, "a", metadata={"k": 1})["amount"] == 900
    assert change(shop, "a", items=[{"source_id": "shoe", "quantity": 1}])["amount"] == 1


def test_five_hundred_items_fit(shop: Shop) -> None:
    order = save(shop, items=[{"price": n, "quantity": 1} for n in range(500)])
    assert (len(order["items"]), order["amount"]) == (500, 124750)
    assert [item["price"] for item in order["items"]] == list(range(500))
