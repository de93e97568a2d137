from __future__ import annotations

import re
import time
from typing import Any

import pytest

from tests.running import Server, Shop

ID = r"cat_[0-9a-f]{18}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
UNUSED = "cat_000000000000000000"


def save(shop: Shop, **body: Any) -> dict[str, Any]:
    """Creates a category; the answer."""
    answer = shop.api.post("/v1/categories", json=body)
    assert answer.status_code == 200, answer.text
    category: dict[str, Any] = answer.json()
    return category


def read(shop: Shop, category_id: str) -> dict[str, Any]:
    answer = shop.api.get(f"/v1/categories/{category_id}")
    assert answer.status_code == 200, answer.text
    category: dict[str, Any] = answer.json()
    return category


def test_a_category_from_its_creation_to_its_end(shop: Shop) -> None:
    created = save(shop, name="First", hierarchy=0)
    assert re.fullmatch(ID, created["id"])
    assert re.fullmatch(TIME, created["created_at"])
    assert created == {
        "id": created["id"],
        "name": "First",
        "hierarchy": 0,
        "created_at": created["created_at"],
        "object": "category",
    }
    assert read(shop, created["id"]) == created
    path = f"/v1/categories/{created['id']}"
    changed = shop.api.put(path, json={"name": "Ä 😀", "hierarchy": 7}).json()
    assert re.fullmatch(TIME, changed["updated_at"])
    assert changed == {
        **created,
        "name": "Ä 😀",
        "hierarchy": 7,
        "updated_at": changed["updated_at"],
    }
    assert read(shop, created["id"]) == changed
    answer = shop.api.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert shop.api.get(path).status_code == 404
    assert shop.api.put(path, json={"name": "x", "hierarchy": 1}).status_code == 404
    assert shop.api.delete(path).status_code == 404


def test_all_categories_are_listed_the_newest_first(shop: Shop) -> None:
    empty = shop.api.get("/v1/categories").json()
    assert empty == {"object": "list", "data_ref": "data", "data": [], "total": 0}
    made = []
    for number in range(12):
        made.append(save(shop, name=f"Number {number}", hierarchy=number % 3))
        time.sleep(0.002)
    page = shop.api.get("/v1/categories").json()
    assert page == {"object": "list", "data_ref": "data", "data": made[::-1], "total": 12}
    # Nothing narrows the list: every member of a query is ignored.
    assert shop.api.get("/v1/categories", params={"limit": 1, "page": 9}).json() == page


def test_names_and_hierarchies_may_be_shared(shop: Shop) -> None:
    one, two = save(shop, name="Same", hierarchy=1), save(shop, name="Same", hierarchy=1)
    assert one["id"] != two["id"]
    assert shop.api.delete(f"/v1/categories/{one['id']}").status_code == 204
    assert read(shop, two["id"]) == two


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"hierarchy": 1}, "Payload should have required property 'name'"),
        ({"name": "x"}, "Payload should have required property 'hierarchy'"),
        (
            {"name": "", "hierarchy": 1},
            "Property .name should NOT be shorter than 1 characters",
        ),
        (
            {"name": "x" * 256, "hierarchy": 1},
            "Property .name should NOT be longer than 255 characters",
        ),
        ({"name": 5, "hierarchy": 1}, "Property .name should be string"),
        ({"name": None, "hierarchy": 1}, "Property .name should be string"),
        ({"name": "x", "hierarchy": -1}, "Property .hierarchy should be >= 0"),
        ({"name": "x", "hierarchy": 2**31}, "Property .hierarchy should be <= 2147483647"),
        ({"name": "x", "hierarchy": 1.5}, "Property .hierarchy should be integer"),
        ({"name": "x", "hierarchy": "one"}, "Property .hierarchy should be integer"),
        ({"name": "x", "hierarchy": None}, "Property .hierarchy should be integer"),
        ({"name": "a\x00", "hierarchy": 1}, "Strings cannot contain the null character"),
        ([], "Payload should be object"),
    ],
)
def test_what_is_no_category_is_refused(shop: Shop, body: Any, details: str) -> None:
    known = save(shop, name="Known", hierarchy=1)
    for method, path in (("POST", "/v1/categories"), ("PUT", f"/v1/categories/{known['id']}")):
        answer = shop.api.request(method, path, json=body)
        assert answer.status_code == 400
        assert (answer.json()["key"], answer.json()["details"]) == ("invalid_payload", details)
    assert shop.api.get("/v1/categories").json()["data"] == [known]


def test_the_largest_hierarchy(shop: Shop) -> None:
    assert save(shop, name="x", hierarchy=2**31 - 1)["hierarchy"] == 2147483647
    assert save(shop, name="x", hierarchy="3")["hierarchy"] == 3


@pytest.mark.parametrize("unknown", [UNUSED, "x", "prod_000000000000000000", "%C3%A4", "a%2Fb"])
def test_an_unknown_category(shop: Shop, unknown: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        body = {"name": "x", "hierarchy": 1} if method == "PUT" else None
        answer = shop.api.request(method, f"/v1/categories/{unknown}", json=body)
        assert answer.status_code == 404
        problem = answer.json()
        plain = {"%C3%A4": "ä", "a%2Fb": "a/b"}.get(unknown, unknown)
        assert problem.pop("request_id")
        assert problem == {
            "code": 404,
            "key": "not_found",
            "message": "Resource not found",
            "details": f"Cannot find category with id {plain}",
            "resource_id": plain,
            "resource_type": "category",
        }


def test_another_projects_category(server: Server, shop: Shop) -> None:
    mine = save(shop, name="Mine", hierarchy=1)
    other = server.project()
    path = f"/v1/categories/{mine['id']}"
    assert other.api.get(path).status_code == 404
    assert other.api.put(path, json={"name": "Thief", "hierarchy": 2}).status_code == 404
    assert other.api.delete(path).status_code == 404
    assert other.api.get("/v1/categories").json()["total"] == 0
    assert read(shop, mine["id"]) == mine
