from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.test_customers import sql
from tests.running import Server, Shop

ID = r"prod_[0-9a-f]{18}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
UNUSED = "prod_000000000000000000"
PHONE = {
    "source_id": "first_product",
    "name": "Samsung Phone",
    "price": 200000,
    "attributes": ["color", "memory", "processor"],
    "metadata": {"test": True, "vendor": "Online Store"},
    "image_url": "https://images.example/phone.png",
}
NO_SKUS = {"object": "list", "data_ref": "data", "data": [], "total": 0}


def save(shop: Shop, **body: Any) -> dict[str, Any]:
    """Creates or updates a product; the answer."""
    answer = shop.api.post("/v1/products", json=body)
    assert answer.status_code == 200, answer.text
    product: dict[str, Any] = answer.json()
    return product


def read(shop: Shop, name: str) -> dict[str, Any]:
    """A product without its SKUs, as writes answer it."""
    answer = shop.api.get(f"/v1/products/{name}")
    assert answer.status_code == 200, answer.text
    product: dict[str, Any] = answer.json()
    del product["skus"]
    return product


def names(shop: Shop, **query: Any) -> list[str]:
    """The source ids of a page of products."""
    answer = shop.api.get("/v1/products", params=query)
    assert answer.status_code == 200, answer.text
    return [product["source_id"] for product in answer.json()["products"]]


def binned(shop: Shop) -> list[tuple[str, str, str | None]]:
    """What is in the bin: kinds, names and parents."""
    rows = sql(
        shop,
        "SELECT resource_type, resource_name, resource_parent_id FROM bin WHERE project_id = $1 "
        "ORDER BY resource_type, resource_name",
    )
    return [tuple(row) for row in rows]


# --- creating and updating ----------------------------------------------------------------------


def test_create_answers_the_whole_product(shop: Shop) -> None:
    created = save(shop, **PHONE)
    assert re.fullmatch(ID, created["id"])
    assert re.fullmatch(TIME, created["created_at"])
    assert created == {
        **PHONE,
        "id": created["id"],
        "created_at": created["created_at"],
        "updated_at": None,
        "object": "product",
    }
    for name in (created["id"], "first_product"):
        answer = shop.api.get(f"/v1/products/{name}")
        assert answer.json() == {**created, "skus": NO_SKUS}


def test_an_empty_body_makes_a_product_without_a_name(shop: Shop) -> None:
    created = save(shop)
    assert created == {
        "id": created["id"],
        "source_id": None,
        "name": None,
        "price": None,
        "attributes": [],
        "metadata": {},
        "image_url": None,
        "created_at": created["created_at"],
        "updated_at": None,
        "object": "product",
    }
    assert save(shop)["id"] != created["id"]


def test_what_is_not_sent_or_null_stays(shop: Shop) -> None:
    before = save(shop, **PHONE)
    same = save(
        shop,
        source_id="first_product",
        name=None,
        price=None,
        attributes=None,
        metadata=None,
        image_url=None,
    )
    assert re.fullmatch(TIME, same["updated_at"])
    assert same == {**before, "updated_at": same["updated_at"]}
    changed = save(
        shop,
        source_id="first_product",
        price=0,
        attributes=[],
        metadata={"vendor": None, "tags": [1, None, "x"], "deep": {"a": None}},
        image_url="",
    )
    assert changed == {
        **before,
        "price": 0,
        "attributes": [],
        "metadata": {"test": True, "tags": [1, None, "x"], "deep": {"a": None}},
        "image_url": "",
        "updated_at": changed["updated_at"],
    }
    assert read(shop, "first_product") == changed


def test_put_changes_only_what_is_sent_and_no_ids(shop: Shop) -> None:
    before = save(shop, **PHONE)
    for name in (before["id"], "first_product"):
        answer = shop.api.put(
            f"/v1/products/{name}",
            json={"price": 210000, "id": UNUSED, "source_id": "other", "metadata": {"test": None}},
        )
        assert answer.status_code == 200
        assert answer.json() == {
            **before,
            "price": 210000,
            "metadata": {"vendor": "Online Store"},
            "updated_at": answer.json()["updated_at"],
        }
    assert shop.api.get("/v1/products/other").status_code == 404
    assert shop.api.get(f"/v1/products/{UNUSED}").status_code == 404


def test_a_well_formed_unknown_id_is_used_and_another_is_not(shop: Shop) -> None:
    assert save(shop, id=UNUSED, source_id="mine")["id"] == UNUSED
    assert save(shop, id=UNUSED, name="Again")["source_id"] == "mine"
    for malformed in ("mine", "prod_", "prod_x-y", "PROD_000000000000000000", UNUSED + "\n"):
        created = save(shop, id=malformed)
        assert re.fullmatch(ID, created["id"])
        assert created["id"] not in (malformed, UNUSED)


def test_the_id_decides_and_the_source_id_beside_it_is_ignored(shop: Shop) -> None:
    one, two = save(shop, source_id="one"), save(shop, source_id="two")
    changed = save(shop, id=one["id"], source_id="two", name="Changed")
    assert (changed["id"], changed["source_id"]) == (one["id"], "one")
    assert read(shop, "two") == two
    for unknown in (UNUSED, "malformed"):
        answer = shop.api.post("/v1/products", json={"id": unknown, "source_id": "two"})
        assert answer.status_code == 409
        problem = answer.json()
        assert problem.pop("request_id")
        assert problem == {
            "code": 409,
            "key": "duplicate_found",
            "message": "Duplicated resource found",
            "details": "Duplicated product exists with id two",
            "resource_id": "two",
            "resource_type": "product",
        }
    assert shop.api.get("/v1/products").json()["total"] == 2


def test_an_id_wins_over_a_source_id_that_looks_like_it(shop: Shop) -> None:
    impostor = save(shop, source_id=UNUSED, name="Impostor")
    assert read(shop, UNUSED) == impostor
    real = save(shop, id=UNUSED, name="Real")
    assert read(shop, UNUSED) == real
    assert read(shop, impostor["id"]) == impostor


@pytest.mark.parametrize("name", ["a b", "a/b", "ä 😀", "%", "'; --", "Case", "case", "x" * 255])
def test_source_ids_of_any_kind(shop: Shop, name: str) -> None:
    created = save(shop, source_id=name)
    found = shop.api.get("/v1/products/" + "".join(f"%{byte:02X}" for byte in name.encode()))
    assert found.json() == {**created, "skus": NO_SKUS}
    assert save(shop, source_id=f"{name[:-1]}?")["id"] != created["id"]


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("member", "value", "said"),
    [
        ("source_id", "", "should NOT be shorter than 1 characters"),
        ("source_id", "x" * 256, "should NOT be longer than 255 characters"),
        ("source_id", 5, "should be string"),
        ("id", 5, "should be string"),
        ("name", {}, "should be string"),
        ("price", -1, "cannot be lower than 0"),
        ("price", 10**15 + 1, "cannot be higher than 1000000000000000"),
        ("price", 10**40, "cannot be higher than 1000000000000000"),
        ("price", 1.5, "should be integer"),
        ("price", "a lot", "should be integer"),
        ("price", True, "should be integer"),
        ("attributes", {"color": 1}, "should be array"),
        ("attributes", "color,size", "should be array"),
        ("image_url", 5, "should be string"),
        ("image_url", "x" * 2049, "should NOT be longer than 2048 characters"),
        ("metadata", [1], "should be object"),
        ("metadata", "x", "should be object"),
    ],
)
def test_what_is_no_product_is_refused(shop: Shop, member: str, value: Any, said: str) -> None:
    body = {"source_id": "x", "metadata": {"new": 1}, member: value}
    answer = shop.api.post("/v1/products", json=body)
    assert answer.status_code == 400
    assert answer.json()["key"] == "invalid_payload"
    assert answer.json()["details"] == f"Property .{member} {said}"
    assert shop.api.get("/v1/products").json()["total"] == 0
    if member not in ("id", "source_id"):
        known = save(shop, **PHONE)
        answer = shop.api.put("/v1/products/first_product", json={"name": "Half", member: value})
        assert (answer.status_code, answer.json()["details"]) == (400, f"Property .{member} {said}")
        assert read(shop, "first_product") == known


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"attributes": ["a", 1]}, "Property .attributes[1] should be string"),
        ({"attributes": [None]}, "Property .attributes[0] should be string"),
        ({"metadata": {"a": 2**63}}, "Property .metadata.a should be a 64-bit integer"),
        ({"name": "a\x00"}, "Strings cannot contain the null character"),
        ({"attributes": ["a\x00"]}, "Strings cannot contain the null character"),
        ({"metadata": {"a\x00": 1}}, "Strings cannot contain the null character"),
        ([], "Payload should be object"),
        (5, "Payload should be object"),
    ],
)
def test_other_bodies_that_are_refused(shop: Shop, body: Any, details: str) -> None:
    answer = shop.api.post("/v1/products", json=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["details"]) == (400, details)
    assert shop.api.get("/v1/products").json()["total"] == 0


def test_prices_at_the_edge_and_as_text(shop: Shop) -> None:
    assert save(shop, source_id="x", price=10**15)["price"] == 1_000_000_000_000_000
    assert save(shop, source_id="x", price="12")["price"] == 12
    assert save(shop, source_id="x", price=0)["price"] == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_unknown_product(shop: Shop, method: str) -> None:
    for unknown in (UNUSED, "nobody", "cat_000000000000000000"):
        body = {"name": "x"} if method == "PUT" else None
        answer = shop.api.request(method, f"/v1/products/{unknown}", json=body)
        assert answer.status_code == 404
        problem = answer.json()
        assert problem.pop("request_id")
        assert problem == {
            "code": 404,
            "key": "not_found",
            "message": "Resource not found",
            "details": f"Cannot find product with id {unknown}",
            "resource_id": unknown,
            "resource_type": "product",
        }


def test_another_projects_product(server: Server, shop: Shop) -> None:
    mine = save(shop, **PHONE)
    other = server.project()
    for name in (mine["id"], "first_product"):
        path = f"/v1/products/{name}"
        assert other.api.get(path).status_code == 404
        assert other.api.put(path, json={"name": "Thief"}).status_code == 404
        assert other.api.delete(path, params={"force": "true"}).status_code == 404
    # The same ids may exist in both, and are two products.
    theirs = save(other, id=mine["id"], source_id="first_product", name="Theirs")
    assert theirs["id"] == mine["id"]
    assert read(shop, mine["id"]) == mine
    assert other.api.delete("/v1/products/first_product").status_code == 204
    assert read(shop, "first_product") == mine


# --- deleting -----------------------------------------------------------------------------------


def test_a_product_in_the_bin_is_gone_and_its_names_stay_taken(shop: Shop) -> None:
    phone = save(shop, **PHONE)
    answer = shop.api.delete("/v1/products/first_product")
    assert (answer.status_code, answer.content) == (204, b"")
    for name in (phone["id"], "first_product"):
        path = f"/v1/products/{name}"
        assert shop.api.get(path).status_code == 404
        assert shop.api.put(path, json={"name": "x"}).status_code == 404
        assert shop.api.delete(path).status_code == 404
        # It is irrevocable: force does not reach into the bin.
        assert shop.api.delete(path, params={"force": "true"}).status_code == 404
        assert shop.api.get(f"{path}/skus").status_code == 404
        assert shop.api.post(f"{path}/skus", json={"sku": "x"}).status_code == 404
    assert names(shop) == []
    for body, taken in (
        ({"source_id": "first_product"}, "first_product"),
        ({"id": phone["id"]}, phone["id"]),
        ({"id": phone["id"], "source_id": "fresh"}, "fresh"),
        ({"id": UNUSED, "source_id": "first_product"}, "first_product"),
    ):
        refused = shop.api.post("/v1/products", json={**body, "name": "Back", "price": 1})
        assert refused.status_code == 409, body
        assert (refused.json()["key"], refused.json()["resource_id"]) == ("duplicate_found", taken)
    assert shop.api.get("/v1/products").json()["total"] == 0
    assert binned(shop) == [("product", "Samsung Phone", None)]
    [row] = sql(shop, "SELECT name, price, updated_at FROM products WHERE project_id = $1")
    assert tuple(row) == ("Samsung Phone", 200000, None)


def test_force_frees_the_names(shop: Shop) -> None:
    phone = save(shop, **PHONE)
    answer = shop.api.delete("/v1/products/first_product", params={"force": "true"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert binned(shop) == []
    again = save(shop, source_id="first_product")
    assert again["id"] != phone["id"]
    assert (again["name"], again["updated_at"]) == (None, None)
    assert save(shop, id=phone["id"])["id"] == phone["id"]


def test_force_is_true_or_false(shop: Shop) -> None:
    save(shop, **PHONE)
    answer = shop.api.delete("/v1/products/first_product", params={"force": "perhaps"})
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_query_params")
    assert names(shop) == ["first_product"]
    assert shop.api.delete("/v1/products/first_product?force=false").status_code == 204
    assert len(binned(shop)) == 1


def test_the_bin_names_what_has_no_name(shop: Shop) -> None:
    save(shop, source_id="only a source id")
    nameless = save(shop)["id"]
    assert shop.api.delete("/v1/products/only a source id").status_code == 204
    assert shop.api.delete(f"/v1/products/{nameless}").status_code == 204
    assert sorted(name for _, name, _ in binned(shop)) == ["only a source id", nameless]


def test_events_tell_what_became_of_a_product(shop: Shop) -> None:
    created = save(shop, source_id="x")
    updated = shop.api.put("/v1/products/x", json={"price": 1}).json()
    shop.api.delete("/v1/products/x")
    forced = save(shop, source_id="y")
    shop.api.delete("/v1/products/y", params={"force": "true"})
    rows = sql(
        shop,
        "SELECT type, data::text, product_id FROM events WHERE project_id = $1 ORDER BY created_at",
    )
    kinds = ["product.created", "product.updated", "product.deleted"]
    assert [row[0] for row in rows] == [*kinds, "product.created", "product.deleted"]
    assert [row[2] for row in rows] == [created["id"]] * 3 + [forced["id"]] * 2
    assert f'"updated_at":"{updated["updated_at"]}"' in rows[1][1]
