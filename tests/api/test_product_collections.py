from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.test_customers import sql
from tests.api.test_products import PHONE, TIME, save
from tests.api.test_skus import BLACK, save_sku
from tests.running import Server, Shop, running

ID = r"pc_[0-9A-Za-z]{24}"
UNUSED = "pc_000000000000000000000000"
CHEAP = {"junction": "and", "price": {"conditions": {"$less_than": [1000]}}}


def create(shop: Shop, **body: Any) -> dict[str, Any]:
    """Creates a collection; the answer."""
    answer = shop.api.post("/v1/product-collections", json={"name": "x", **body})
    assert answer.status_code == 200, answer.text
    collection: dict[str, Any] = answer.json()
    return collection


def filtered(shop: Shop, fields: dict[str, Any], junction: str = "and") -> dict[str, Any]:
    """Creates a collection that keeps itself up to date, with the conditions of its fields."""
    conditions = {name: {"conditions": given} for name, given in fields.items()}
    return create(shop, type="AUTO_UPDATE", filter={"junction": junction, **conditions})


def page_of(shop: Shop, collection: dict[str, Any], **query: Any) -> dict[str, Any]:
    answer = shop.api.get(f"/v1/product-collections/{collection['id']}/products", params=query)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def members(shop: Shop, collection: dict[str, Any], **query: Any) -> list[str]:
    """The source ids of a page of what is in a collection."""
    return [item["source_id"] for item in page_of(shop, collection, **query)["data"]]


# --- collections --------------------------------------------------------------------------------


def test_a_static_collection_from_its_creation_to_its_end(shop: Shop) -> None:
    phone = save(shop, **PHONE)
    picked = [{"id": phone["id"], "object": "product"}]
    made = create(shop, name="Phones", type="STATIC", products=picked)
    assert re.fullmatch(ID, made["id"])
    assert re.fullmatch(TIME, made["created_at"])
    assert made == {
        "id": made["id"],
        "name": "Phones",
        "type": "STATIC",
        "products": picked,
        "created_at": made["created_at"],
        "object": "products_collection",
    }
    path = f"/v1/product-collections/{made['id']}"
    assert shop.api.get(path).json() == made
    changed = shop.api.put(path, json={"name": "Renamed", "products": []}).json()
    assert re.fullmatch(TIME, changed["updated_at"])
    assert changed == {**made, "name": "Renamed", "updated_at": changed["updated_at"]}
    refused = shop.api.put(path, json={"name": "Half", "filter": CHEAP})
    assert (refused.status_code, refused.json()["key"]) == (400, "invalid_payload")
    assert shop.api.get(path).json() == changed
    answer = shop.api.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    for method, at in (("GET", path), ("PUT", path), ("DELETE", path), ("GET", f"{path}/products")):
        body = {"name": "x"} if method == "PUT" else None
        answer = shop.api.request(method, at, json=body)
        assert answer.status_code == 404
        assert answer.json()["resource_type"] == "products_collection"
        assert answer.json()["details"] == f"Cannot find products_collection with id {made['id']}"


def test_a_filter_is_replaced_as_a_whole(shop: Shop) -> None:
    save(shop, source_id="cheap", price=5, name="S")
    save(shop, source_id="dear", price=5000, name="T")
    made = create(shop, name="Cheap", type="AUTO_UPDATE", filter=CHEAP)
    assert made == {
        "id": made["id"],
        "name": "Cheap",
        "type": "AUTO_UPDATE",
        "filter": CHEAP,
        "created_at": made["created_at"],
        "object": "products_collection",
    }
    assert members(shop, made) == ["cheap"]
    path = f"/v1/product-collections/{made['id']}"
    dear = {"junction": "or", "name": {"conditions": {"$is": ["T"]}}}
    changed = shop.api.put(path, json={"filter": dear}).json()
    assert (changed["name"], changed["filter"]) == ("Cheap", dear)
    assert members(shop, made) == ["dear"]
    for given in ({}, {"junction": "and"}, {"junction": "xor", "price": CHEAP["price"]}):
        refused = shop.api.put(path, json={"name": "Half", "filter": given})
        assert (refused.status_code, refused.json()["key"]) == (400, "invalid_payload")
    assert shop.api.get(path).json() == changed


def test_the_junction_is_answered_in_one_spelling(shop: Shop) -> None:
    """The reference's example of an update sends AND; its schema, and the SDKs, know only and."""
    save(shop, source_id="cheap", price=5)
    made = create(shop, type="AUTO_UPDATE", filter={**CHEAP, "junction": "or"})
    answer = shop.api.build_request(
        "PUT",
        f"/v1/product-collections/{made['id']}",
        json={"filter": {**CHEAP, "junction": "AND"}},
    )
    with httpx.Client() as plain:
        changed = plain.send(answer)
    assert changed.status_code == 200
    assert changed.json()["filter"]["junction"] == "and"
    left_out = shop.api.build_request(
        "POST",
        "/v1/product-collections",
        json={"type": "AUTO_UPDATE", "name": "x", "filter": {"price": CHEAP["price"]}},
    )
    with httpx.Client() as plain:
        assert plain.send(left_out).json()["filter"]["junction"] == "and"


def test_collections_are_listed_the_newest_first(shop: Shop) -> None:
    made = []
    for number in range(3):
        made.append(create(shop, name=f"{number}", type="AUTO_UPDATE", filter=CHEAP))
        time.sleep(0.003)
    made.append(create(shop, name="static", type="STATIC", products=[]))
    page = shop.api.get("/v1/product-collections").json()
    assert page == {"object": "list", "data_ref": "data", "data": made[::-1], "total": 4}

    def names(**query: Any) -> list[str]:
        found = shop.api.get("/v1/product-collections", params=query).json()
        assert found["total"] == 4
        return [collection["name"] for collection in found["data"]]

    assert names(order="created_at") == ["0", "1", "2", "static"]
    assert names(limit=1, page=2) == ["2"]
    assert names(order="-type")[0] == "static"
    assert names(order="type")[-1] == "static"
    shop.api.put(f"/v1/product-collections/{made[1]['id']}", json={"name": "new"})
    assert names(order="-updated_at")[0] == "new"


@pytest.mark.parametrize("order", ["code", "-code", "campaign", "-campaign", "category"])
def test_every_order_of_the_reference_is_known(shop: Shop, order: str) -> None:
    made = create(shop, type="AUTO_UPDATE", filter=CHEAP)
    for path in ("", f"/{made['id']}/products"):
        answer = shop.api.get(f"/v1/product-collections{path}", params={"order": order})
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"type": "STATIC"}, "Payload should have required property 'name'"),
        ({"name": "x"}, "Payload should have required property 'type'"),
        (
            {"name": "x", "type": "DYNAMIC"},
            "Property .type should be equal to one of the allowed values",
        ),
        ({"name": 5, "type": "STATIC", "products": []}, "Property .name should be string"),
        (
            {"name": "x", "type": "AUTO_UPDATE"},
            "'AUTO_UPDATE' collection must contain valid filter with conditions",
        ),
        (
            {"name": "x", "type": "AUTO_UPDATE", "filter": {"junction": "and"}},
            "'AUTO_UPDATE' collection must contain valid filter with conditions",
        ),
        (
            {"name": "x", "type": "AUTO_UPDATE", "filter": {"junction": 5}},
            "Property .filter has wrong `junction` property. It must be one of: and, or",
        ),
        ({"name": "x", "type": "AUTO_UPDATE", "filter": []}, "Property .filter should be object"),
        (
            {"name": "x", "type": "STATIC", "products": [{"object": "product"}]},
            "Property .products[0] should have required property 'id'",
        ),
        (
            {"name": "x", "type": "STATIC", "products": [{"id": "x", "object": "order"}]},
            "Property .products[0].object should be equal to one of the allowed values",
        ),
    ],
)
def test_what_is_no_collection_is_refused(shop: Shop, body: Any, details: str) -> None:
    answer = shop.api.post("/v1/product-collections", json=body)
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_payload")
    assert answer.json()["details"] == details
    assert shop.api.get("/v1/product-collections").json()["total"] == 0


def test_another_projects_collection(server: Server, shop: Shop) -> None:
    phone = save(shop, **PHONE)
    mine = create(shop, type="STATIC", products=[{"id": phone["id"], "object": "product"}])
    other = server.project()
    for path in (f"/{mine['id']}", f"/{mine['id']}/products"):
        assert other.api.get(f"/v1/product-collections{path}").status_code == 404
    answer = other.api.post(
        "/v1/product-collections",
        json={"type": "STATIC", "name": "x", "products": [{"id": phone["id"]}]},
    )
    assert (answer.status_code, answer.json()["resource_id"]) == (404, phone["id"])
    everything = filtered(other, {"price": {"$more_than": [0]}})
    assert page_of(other, everything)["data"] == []


# --- static -------------------------------------------------------------------------------------


def test_a_product_brings_its_skus_and_a_sku_comes_alone(shop: Shop) -> None:
    phone, case = save(shop, **PHONE), save(shop, source_id="case")
    time.sleep(0.003)
    black = save_sku(shop, "first_product", **BLACK)
    time.sleep(0.003)
    blue = save_sku(shop, "case", source_id="blue")
    save_sku(shop, "case", source_id="red")
    picked = [
        {"id": phone["id"], "object": "product"},
        {"id": blue["id"], "product_id": case["id"], "object": "sku"},
    ]
    made = create(shop, type="STATIC", products=picked)
    assert made["products"] == picked
    page = page_of(shop, made)
    parent: dict[str, Any] = {"price": None, "attributes": [], "metadata": {}, "object": "product"}
    assert page == {
        "object": "list",
        "data_ref": "data",
        "data": [
            {
                **blue,
                "product": {
                    **parent,
                    "id": case["id"],
                    "source_id": "case",
                    "name": None,
                },
            },
            {
                **black,
                "metadata": {"test": True, "vendor": "Online Store", "imported": True},
                "product": {
                    **parent,
                    "id": phone["id"],
                    "source_id": "first_product",
                    "name": "Samsung Phone",
                },
            },
            phone,
        ],
        "total": 3,
    }
    save_sku(shop, "first_product", source_id="later")
    assert sorted(members(shop, made)) == sorted(
        ["blue", "first_product", "first_product_sku_1", "later"]
    )
    shop.api.delete("/v1/products/first_product")
    assert members(shop, made) == ["blue"]
    assert shop.api.get(f"/v1/product-collections/{made['id']}").json()["products"] == picked
    shop.api.delete("/v1/products/case/skus/blue", params={"force": "true"})
    assert page_of(shop, made) == {"object": "list", "data_ref": "data", "data": [], "total": 0}


def test_at_most_twenty_products_that_all_exist(shop: Shop) -> None:
    picked = [{"id": save(shop)["id"], "object": "product"} for _ in range(21)]
    body = {"name": "x", "type": "STATIC", "products": picked}
    answer = shop.api.post("/v1/product-collections", json=body)
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_payload")
    assert page_of(shop, create(shop, type="STATIC", products=picked[:20]))["total"] == 20
    shop.api.delete(f"/v1/products/{picked[0]['id']}")
    for unknown in (picked[0]["id"], "sku_000000000000000000", "x"):
        sent = {**body, "products": [picked[1], {"id": unknown}]}
        answer = shop.api.post("/v1/product-collections", json=sent)
        assert (answer.status_code, answer.json()["resource_id"]) == (404, unknown)
    assert shop.api.get("/v1/product-collections").json()["total"] == 1


def test_an_object_is_what_it_says(shop: Shop) -> None:
    """A product named as a SKU, or the other way round, would be answered as what it is not."""
    phone = save(shop, **PHONE)
    sku = save_sku(shop, "first_product", **BLACK)
    for wrong in ({"id": phone["id"], "object": "sku"}, {"id": sku["id"], "object": "product"}):
        answer = shop.api.post(
            "/v1/product-collections", json={"name": "x", "type": "STATIC", "products": [wrong]}
        )
        assert (answer.status_code, answer.json()["key"]) == (404, "not_found")
    inferred = create(shop, type="STATIC", products=[{"id": sku["id"]}, {"id": phone["id"]}])
    assert [item["object"] for item in inferred["products"]] == ["sku", "product"]


def test_at_most_a_hundred_collections_however_many_at_once(shop: Shop) -> None:
    body = {"name": "x", "type": "AUTO_UPDATE", "filter": CHEAP}
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: shop.api.post("/v1/product-collections", json=body), range(110))
        )
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), statuses.count(400)) == (100, 10)
    assert shop.api.get("/v1/product-collections").json()["total"] == 100
    gone = answers[statuses.index(200)].json()["id"]
    assert shop.api.delete(f"/v1/product-collections/{gone}").status_code == 204
    assert shop.api.post("/v1/product-collections", json=body).status_code == 200


# --- the list of members --------------------------------------------------------------------------


@pytest.mark.parametrize("together", [0, 15, 25])
def test_members_are_walked_by_the_instant_of_their_creation(shop: Shop, together: int) -> None:
    many = [{"source_id": f"{n:02}", "price": 1} for n in range(25)]
    shop.finished(shop.api.post("/v1/products/bulk/async", json=many))
    sql(
        shop,
        "UPDATE products SET created_at = '2026-01-01T00:00:00Z' "
        "WHERE project_id = $1 AND source_id < $2",
        f"{together:02}",
    )
    made = filtered(shop, {"price": {"$is": [1]}})
    newest = [f"{n:02}" for n in reversed(range(25))]
    for order, expected in (("", newest), ("-created_at", newest), ("created_at", newest[::-1])):
        seen: list[str] = []
        query: dict[str, Any] = {"limit": 7} | ({"order": order} if order else {})
        while True:
            page = page_of(shop, made, **query)
            # Longer than asked is a page only where all of it shares one instant.
            instants = {item["created_at"] for item in page["data"]}
            assert (page["total"], len(page["data"]) <= 7 or len(instants) == 1) == (25, True)
            if not page["data"]:
                break
            seen += [item["source_id"] for item in page["data"]]
            query["starting_after"] = page["data"][-1]["created_at"]
        assert seen == expected
    assert members(shop, made, limit=10, page=3) == newest[20:]
    for query in ({"order": "updated_at", "starting_after": "2026-01-01"}, {"order": "price"}):
        answer = shop.api.get(f"/v1/product-collections/{made['id']}/products", params=query)
        assert (answer.status_code, answer.json()["key"]) == (400, "invalid_query_params")


def test_products_and_skus_are_told_apart_in_the_order(shop: Shop) -> None:
    save(shop, source_id="p", price=1)
    save_sku(shop, "p", source_id="s", price=1)
    made = filtered(shop, {"price": {"$is": [1]}})
    assert members(shop, made, order="type") == ["p", "s"]
    assert members(shop, made, order="-type") == ["s", "p"]


def test_members_come_and_go_at_once(shop: Shop) -> None:
    save(shop, source_id="p", metadata={"color": "red"})
    made = filtered(shop, {"metadata.color": {"$is": ["red"]}})
    assert members(shop, made) == ["p"]
    save_sku(shop, "p", source_id="inherits")
    save_sku(shop, "p", source_id="own", metadata={"color": "blue"})
    assert sorted(members(shop, made)) == ["inherits", "p"]
    shop.api.put("/v1/products/p", json={"metadata": {"color": "blue"}})
    assert members(shop, made) == []
    shop.api.put("/v1/products/p/skus/own", json={"metadata": {"color": "red"}})
    assert members(shop, made) == ["own"]
    shop.api.delete("/v1/products/p")
    assert members(shop, made) == []


# --- places -------------------------------------------------------------------------------------


def test_products_in_a_location(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "places.csv"
    file.write_text("name,latitude,longitude,radius\nParis,48.8566,2.3522,10 km\n")
    assert (
        shop.server.command("locations", "import", "--project", shop.id, str(file)).returncode == 0
    )
    paris = shop.api.get("/v1/locations").json()["data"][0]["id"]
    places: dict[str, Any] = {
        "tower": "48.8584,2.2945",
        "geo": "geo:48.8584,2.2945",
        "several": ["0,0", " 48.8584 , 2.2945 "],
        "rome": "41.9,12.5",
        "nowhere": "95,200",
        "words": "Paris",
        "wide space": "48.8584\u2003,2.2945",
        "number": 48.8584,
        "empty": [],
        "null": None,
        "object": {"latitude": 48.8584, "longitude": 2.2945},
    }
    for name, place in places.items():
        save(shop, source_id=name, metadata={"at": place} if place is not None else {})
    inside = filtered(shop, {"metadata.at": {"$in_location": [paris]}})
    assert sorted(members(shop, inside, limit=100)) == ["geo", "several", "tower"]
    outside = filtered(shop, {"metadata.at": {"$not_in_location": [paris]}})
    assert set(members(shop, outside, limit=100)) == set(places) - {"geo", "several", "tower"}
    unknown = filtered(shop, {"metadata.at": {"$in_location": ["loc_unknown"]}})
    assert members(shop, unknown) == []


def test_a_plan_of_small_tables_is_not_kept_for_large_ones() -> None:
    rows = "timestamptz '2026-01-01' + n * interval '1 ms' FROM generate_series(1, 20000) AS n"
    for server in running(workers=1):
        shop = server.project()
        save(shop, source_id="first", name="tea")
        teas = filtered(shop, {"name": {"$contains": ["tea"]}})
        for _ in range(3):
            assert page_of(shop, teas)["total"] == 1
        sql(
            shop,
            "INSERT INTO products (project_id, id, name, attributes, metadata, created_at) "
            f"SELECT $1, 'prod_' || n, 'tea', '[]', '{{}}', {rows}",
        )
        sql(
            shop,
            "INSERT INTO skus (project_id, id, product_id, sku, attributes, metadata, created_at) "
            f"SELECT $1, 'sku_' || n, 'prod_' || n, 'tea', '{{}}', '{{}}', {rows}",
        )
        began = time.monotonic()
        assert page_of(shop, teas)["total"] > 10_000
        assert time.monotonic() - began < 5
