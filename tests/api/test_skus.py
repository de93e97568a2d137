from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import httpx
import pytest

from tests.api.test_customers import sql
from tests.api.test_products import PHONE, TIME, binned, save
from tests.crowd import on_database
from tests.running import Server, Shop

ID = r"sku_[0-9a-f]{18}"
UNUSED = "sku_000000000000000000"
BLACK = {
    "source_id": "first_product_sku_1",
    "sku": "Samsung phone 256GB",
    "price": 1300,
    "currency": "USD",
    "attributes": {"color": "vintage-black", "memory": "256", "processor": "Intel"},
    "image_url": "https://images.example/black.png",
    "metadata": {"imported": True},
}


def save_sku(shop: Shop, product: str, **body: Any) -> dict[str, Any]:
    """Creates or updates a SKU; the answer."""
    answer = shop.api.post(f"/v1/products/{product}/skus", json=body)
    assert answer.status_code == 200, answer.text
    sku: dict[str, Any] = answer.json()
    return sku


def read_sku(shop: Shop, name: str) -> dict[str, Any]:
    answer = shop.api.get(f"/v1/skus/{name}")
    assert answer.status_code == 200, answer.text
    sku: dict[str, Any] = answer.json()
    return sku


def listed(shop: Shop, product: str, **query: Any) -> list[str]:
    """The source ids of a page of a product's SKUs."""
    answer = shop.api.get(f"/v1/products/{product}/skus", params=query)
    assert answer.status_code == 200, answer.text
    return [sku["source_id"] for sku in answer.json()["skus"]]


# --- creating and updating ----------------------------------------------------------------------


def test_create_answers_the_whole_sku(shop: Shop) -> None:
    phone = save(shop, **PHONE)
    created = save_sku(shop, "first_product", **BLACK)
    assert re.fullmatch(ID, created["id"])
    assert re.fullmatch(TIME, created["created_at"])
    assert created == {
        **BLACK,
        "id": created["id"],
        "product_id": phone["id"],
        "created_at": created["created_at"],
        "updated_at": None,
        "object": "sku",
    }
    for name in (created["id"], "first_product_sku_1"):
        assert read_sku(shop, name) == created


def test_an_empty_body_makes_a_sku_without_a_name(shop: Shop) -> None:
    phone = save(shop, **PHONE)
    created = save_sku(shop, phone["id"])
    assert created == {
        "id": created["id"],
        "source_id": None,
        "product_id": phone["id"],
        "sku": None,
        "price": None,
        "currency": None,
        "attributes": {},
        "image_url": None,
        "metadata": {},
        "created_at": created["created_at"],
        "updated_at": None,
        "object": "sku",
    }
    assert save_sku(shop, phone["id"])["id"] != created["id"]


def test_what_is_not_sent_or_null_stays_and_attributes_are_merged(shop: Shop) -> None:
    save(shop, **PHONE)
    before = save_sku(shop, "first_product", **BLACK)
    nothing = {name: None for name in BLACK if name != "source_id"}
    same = save_sku(shop, "first_product", source_id=BLACK["source_id"], **nothing)
    assert re.fullmatch(TIME, same["updated_at"])
    assert same == {**before, "updated_at": same["updated_at"]}
    answer = shop.api.put(
        f"/v1/products/first_product/skus/{before['id']}",
        json={
            "price": 210000,
            "currency": "PLN",
            "attributes": {"memory": 512, "finish": ["matt"]},
            "metadata": {"imported": None, "vendor": "x"},
            "source_id": "other",
            "product_id": "other",
            "id": UNUSED,
        },
    )
    assert answer.status_code == 200
    changed = answer.json()
    assert changed == {
        **before,
        "price": 210000,
        "currency": "PLN",
        "attributes": {
            "color": "vintage-black",
            "memory": 512,
            "processor": "Intel",
            "finish": ["matt"],
        },
        "metadata": {"vendor": "x"},
        "updated_at": changed["updated_at"],
    }
    assert read_sku(shop, "first_product_sku_1") == changed


def test_the_id_decides_and_one_that_is_unknown_is_used(shop: Shop) -> None:
    save(shop, source_id="p")
    assert save_sku(shop, "p", id=UNUSED, source_id="mine")["id"] == UNUSED
    again = save_sku(shop, "p", id=UNUSED, source_id="ignored", sku="New")
    assert (again["source_id"], again["sku"]) == ("mine", "New")
    assert re.fullmatch(ID, save_sku(shop, "p", id="malformed")["id"])
    answer = shop.api.post("/v1/products/p/skus", json={"id": "malformed", "source_id": "mine"})
    assert (answer.status_code, answer.json()["resource_id"]) == (409, "mine")


# --- SKUs of another product ----------------------------------------------------------------------


def test_a_sku_is_no_other_products(shop: Shop) -> None:
    save(shop, source_id="mine")
    save(shop, source_id="other")
    sku = save_sku(shop, "mine", **BLACK)
    for name in (sku["id"], "first_product_sku_1"):
        path = f"/v1/products/other/skus/{name}"
        for method in ("PUT", "DELETE"):
            body = {"price": 1} if method == "PUT" else None
            answer = shop.api.request(method, path, json=body)
            assert answer.status_code == 404
            assert answer.json()["resource_type"] == "sku"
            assert answer.json()["details"] == f"Cannot find sku with id {name}"
    for member, taken in (("source_id", "first_product_sku_1"), ("id", sku["id"])):
        answer = shop.api.post("/v1/products/other/skus", json={member: taken, "price": 1})
        assert answer.status_code == 409
        assert answer.json()["resource_type"] == "sku"
        assert answer.json()["resource_id"] == taken
    assert read_sku(shop, sku["id"]) == sku
    assert listed(shop, "other") == []


def test_an_unknown_product_or_sku(shop: Shop) -> None:
    save(shop, source_id="p")
    body: dict[str, Any] = {"sku": "x"}
    for method, path, kind in (
        ("GET", "/v1/products/nope/skus", "product"),
        ("POST", "/v1/products/nope/skus", "product"),
        ("PUT", "/v1/products/nope/skus/x", "product"),
        ("DELETE", "/v1/products/nope/skus/x", "product"),
        ("PUT", "/v1/products/p/skus/nope", "sku"),
        ("DELETE", "/v1/products/p/skus/nope", "sku"),
        ("GET", "/v1/skus/nope", "sku"),
        ("GET", "/v1/skus/p", "sku"),
    ):
        sent = body if method in ("POST", "PUT") else None
        answer = shop.api.request(method, path, json=sent)
        assert (answer.status_code, answer.json()["resource_type"]) == (404, kind), path
    assert sql(shop, "SELECT id FROM skus WHERE project_id = $1") == []


def test_another_projects_sku(server: Server, shop: Shop) -> None:
    phone = save(shop, **PHONE)
    sku = save_sku(shop, "first_product", **BLACK)
    other = server.project()
    assert other.api.get(f"/v1/skus/{sku['id']}").status_code == 404
    assert other.api.get(f"/v1/products/{phone['id']}/skus").status_code == 404
    answer = other.api.post(f"/v1/products/{phone['id']}/skus", json={"sku": "x"})
    assert answer.status_code == 404
    save(other, source_id="theirs")
    theirs = save_sku(other, "theirs", id=sku["id"], source_id=BLACK["source_id"])
    assert theirs["id"] == sku["id"]
    assert read_sku(shop, sku["id"]) == sku


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "value", "details"),
    [
        ("sku", 5, "Property .sku should be string"),
        ("sku", "x" * 256, "Property .sku should NOT be longer than 255 characters"),
        ("price", -1, "Property .price cannot be lower than 0"),
        ("price", 10**15 + 1, "Property .price cannot be higher than 1000000000000000"),
        ("price", 2**63, "Property .price cannot be higher than 1000000000000000"),
        ("price", 9.99, "Property .price should be integer"),
        ("currency", ["USD"], "Property .currency should be string"),
        ("attributes", ["color"], "Property .attributes should be object"),
        ("attributes", "color", "Property .attributes should be object"),
        ("attributes", {"a": 2**64}, "Property .attributes.a should be a 64-bit integer"),
        ("attributes", {"a": "\x00"}, "Strings cannot contain the null character"),
        ("metadata", "x", "Property .metadata should be object"),
        ("image_url", {}, "Property .image_url should be string"),
    ],
)
def test_what_is_no_sku_is_refused(shop: Shop, member: str, value: Any, details: str) -> None:
    save(shop, source_id="p")
    known = save_sku(shop, "p", **BLACK)
    for method, path in (
        ("POST", "/v1/products/p/skus"),
        ("PUT", "/v1/products/p/skus/first_product_sku_1"),
    ):
        answer = shop.api.request(method, path, json={"metadata": {"new": 1}, member: value})
        assert answer.status_code == 400
        assert (answer.json()["key"], answer.json()["details"]) == ("invalid_payload", details)
    assert shop.api.get("/v1/products/p/skus").json()["skus"] == [known]


# --- deleting -----------------------------------------------------------------------------------


def test_a_sku_in_the_bin_is_gone_and_its_names_stay_taken(shop: Shop) -> None:
    phone = save(shop, **PHONE)
    save(shop, source_id="other")
    sku = save_sku(shop, "first_product", **BLACK)
    path = "/v1/products/first_product/skus/first_product_sku_1"
    answer = shop.api.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    for name in (sku["id"], "first_product_sku_1"):
        assert shop.api.get(f"/v1/skus/{name}").status_code == 404
    assert shop.api.put(path, json={"price": 1}).status_code == 404
    assert shop.api.delete(path, params={"force": "true"}).status_code == 404
    assert listed(shop, "first_product") == []
    assert shop.api.get("/v1/products/first_product").json()["skus"]["total"] == 0
    for product in ("first_product", "other"):
        for body in ({"source_id": "first_product_sku_1"}, {"id": sku["id"]}):
            answer = shop.api.post(f"/v1/products/{product}/skus", json=body)
            assert (answer.status_code, answer.json()["key"]) == (409, "duplicate_found")
    assert binned(shop) == [("sku", "Samsung phone 256GB", phone["id"])]


def test_force_frees_the_names_of_a_sku(shop: Shop) -> None:
    save(shop, source_id="p")
    save(shop, source_id="q")
    save_sku(shop, "p", source_id="x", price=5)
    answer = shop.api.delete("/v1/products/p/skus/x", params={"force": "true"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert binned(shop) == []
    assert save_sku(shop, "q", source_id="x")["price"] is None


def test_skus_follow_their_product_into_the_bin(shop: Shop) -> None:
    phone = save(shop, **PHONE)
    save_sku(shop, "first_product", **BLACK)
    save_sku(shop, "first_product", source_id="white")
    assert shop.api.delete("/v1/products/first_product").status_code == 204
    assert shop.api.get("/v1/skus/white").status_code == 404
    assert binned(shop) == [
        ("product", "Samsung Phone", None),
        ("sku", "Samsung phone 256GB", phone["id"]),
        ("sku", "white", phone["id"]),
    ]
    save(shop, source_id="other")
    answer = shop.api.post("/v1/products/other/skus", json={"source_id": "white"})
    assert answer.status_code == 409


def test_force_of_a_product_leaves_no_sku_even_in_the_bin(shop: Shop) -> None:
    save(shop, **PHONE)
    save_sku(shop, "first_product", **BLACK)
    save_sku(shop, "first_product", source_id="white")
    assert shop.api.delete("/v1/products/first_product/skus/white").status_code == 204
    path = "/v1/products/first_product"
    assert shop.api.delete(path, params={"force": "true"}).status_code == 204
    assert sql(shop, "SELECT id FROM skus WHERE project_id = $1") == []
    # An entry for what no longer exists could never be deleted sensibly.
    assert binned(shop) == []
    save(shop, source_id="other")
    assert save_sku(shop, "other", source_id="white")["source_id"] == "white"


# --- lists --------------------------------------------------------------------------------------


def test_skus_are_listed_the_oldest_first(shop: Shop) -> None:
    save(shop, source_id="p")
    save(shop, source_id="q")
    made = []
    for name in ("a", "b", "c", "d"):
        made.append(save_sku(shop, "p", source_id=name))
        time.sleep(0.003)
    save_sku(shop, "q", source_id="foreign")
    page = shop.api.get("/v1/products/p/skus").json()
    assert page == {"object": "list", "data_ref": "skus", "skus": made, "total": 4}
    assert listed(shop, "p", order="-created_at") == ["d", "c", "b", "a"]
    assert listed(shop, "p", limit=3, page=2) == ["d"]
    dates = {"start_date": made[1]["created_at"], "end_date": made[2]["created_at"]}
    assert listed(shop, "p", **dates) == ["b", "c"]
    assert shop.api.get("/v1/products/p/skus", params=dates).json()["total"] == 2
    save_sku(shop, "p", source_id="b", price=1)
    assert listed(shop, "p", order="-updated_at")[0] == "b"
    assert shop.api.get("/v1/products/p").json()["skus"]["data"][0]["source_id"] == "d"


# --- while the product is being deleted -----------------------------------------------------------

GONE = "DELETE FROM products WHERE project_id = $1 AND source_id = 'p'"
BINNED = (
    "UPDATE products SET deleted_at = '2026-01-01T00:00:00Z' "
    "WHERE project_id = $1 AND source_id = 'p'"
)


def meanwhile(shop: Shop, statement: str, method: str, path: str, body: Any) -> httpx.Response:
    """Sends a request while a transaction holds what its statement did, and then commits."""

    async def work(connection: Any) -> httpx.Response:
        async with connection.transaction():
            await connection.execute(statement, shop.id)
            asked = asyncio.create_task(
                asyncio.to_thread(lambda: shop.api.request(method, path, json=body))
            )
            await asyncio.sleep(0.4)
        return await asked

    return on_database(shop.server, work)


@pytest.mark.parametrize("statement", [GONE, BINNED])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/v1/products/p", {"price": 1}),
        ("POST", "/v1/products/p/skus", {"source_id": "late"}),
        ("DELETE", "/v1/products/p", None),
    ],
)
def test_whoever_comes_while_a_product_is_deleted_finds_none(
    shop: Shop, statement: str, method: str, path: str, body: Any
) -> None:
    save(shop, source_id="p", name="Name")
    answer = meanwhile(shop, statement, method, path, body)
    assert (answer.status_code, answer.json()["resource_type"]) == (404, "product")
    assert shop.api.get("/v1/products").json()["total"] == 0
    assert shop.api.get("/v1/skus/late").status_code == 404
