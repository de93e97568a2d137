from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.test_promotions import TIME, UNUSED, add, campaign, category, refused
from tests.running import Server, Shop


def tiers(shop: Shop, of: str, count: int) -> list[str]:
    return [add(shop, of, f"tier {n}")["id"] for n in range(count)]


def make(shop: Shop, of: str, ids: list[str], name: str = "Stack", **more: Any) -> dict[str, Any]:
    body = {"name": name, "tiers": {"ids": ids, "hierarchy_mode": "MANUAL"}, **more}
    answer = shop.api.post(f"/v1/promotions/{of}/stacks", json=body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_stack_is_created_read_changed_and_deleted(shop: Shop) -> None:
    of = campaign(shop)["id"]
    a, b, c = tiers(shop, of, 3)
    made = make(shop, of, [c, a, b])
    assert re.fullmatch(r"stack_[0-9A-Za-z]{24}", made["id"])
    assert re.fullmatch(TIME, made["created_at"])
    assert made == {
        "id": made["id"],
        "name": "Stack",
        "created_at": made["created_at"],
        "campaign_id": of,
        "object": "promotion_stack",
        "tiers": {"ids": [c, a, b], "hierarchy_mode": "MANUAL"},
        "category_id": None,
        "categories": [],
    }
    path = f"/v1/promotions/{of}/stacks/{made['id']}"
    assert shop.api.get(path).json() == made
    named = category(shop, "Category")
    answer = shop.api.put(
        path, json={"name": "New", "tiers": {"ids": [b, c]}, "category_id": named["id"]}
    )
    assert answer.status_code == 200, answer.text
    after = answer.json()
    assert re.fullmatch(TIME, after["updated_at"])
    assert after == {
        **made,
        "name": "New",
        "tiers": {"ids": [b, c], "hierarchy_mode": "MANUAL"},
        "category_id": named["id"],
        "categories": [named],
        "updated_at": after["updated_at"],
    }
    nothing = {"name": None, "tiers": {"hierarchy_mode": "MANUAL"}, "category_id": None}
    for body in ({}, nothing, {"tiers": None}):
        same = shop.api.put(path, json=body).json()
        assert same == {**after, "updated_at": same["updated_at"]}
    assert shop.api.delete(path).status_code == 204
    for gone in (shop.api.get(path), shop.api.put(path, json={}), shop.api.delete(path)):
        assert refused(gone, 404, "not_found") == (
            f"Cannot find promotion_stack with id {made['id']}"
        )
    assert shop.api.get(f"/v1/promotions/tiers/{a}").status_code == 200


def test_the_campaign_of_a_stack_may_be_named_by_its_name(shop: Shop) -> None:
    of = campaign(shop, "By name")["id"]
    made = make(shop, "By%20name", tiers(shop, of, 1))
    assert shop.api.get(f"/v1/promotions/By%20name/stacks/{made['id']}").json() == made
    assert shop.api.delete(f"/v1/promotions/By%20name/stacks/{made['id']}").status_code == 204


def test_a_stack_is_found_in_its_own_campaign_only(server: Server, shop: Shop) -> None:
    of, other = campaign(shop)["id"], campaign(shop, "Other")["id"]
    made = make(shop, of, tiers(shop, of, 1))
    theirs = server.project()
    wrong = [
        (shop.api, f"/v1/promotions/{other}/stacks/{made['id']}", "promotion_stack"),
        (shop.api, f"/v1/promotions/nobody/stacks/{made['id']}", "campaign"),
        (theirs.api, f"/v1/promotions/{of}/stacks/{made['id']}", "campaign"),
    ]
    for api, path, kind in wrong:
        for answer in (api.get(path), api.put(path, json={}), api.delete(path)):
            refused(answer, 404, "not_found")
            assert answer.json()["resource_type"] == kind
    assert theirs.api.get("/v1/promotions/stacks").json()["total"] == 0
    assert shop.api.get(f"/v1/promotions/{of}/stacks/{made['id']}").json() == made


def test_a_tier_of_a_stack_is_not_deleted(shop: Shop) -> None:
    of = campaign(shop)["id"]
    a, b = tiers(shop, of, 2)
    first, second = make(shop, of, [a, b]), make(shop, of, [b])
    answer = shop.api.delete(f"/v1/promotions/tiers/{b}")
    assert refused(answer, 400, "resource_in_use") == (
        f"Resource promotion_tier with id {b} is in use by promotion_stacks with ids "
        f"[{first['id']}, {second['id']}]"
    )
    assert answer.json()["related_object_ids"] == [first["id"], second["id"]]
    assert answer.json()["related_object_type"] == "promotion_stack"
    shop.api.put(f"/v1/promotions/{of}/stacks/{first['id']}", json={"tiers": {"ids": [a]}})
    assert shop.api.delete(f"/v1/promotions/tiers/{b}").status_code == 400
    shop.api.delete(f"/v1/promotions/{of}/stacks/{second['id']}")
    assert shop.api.delete(f"/v1/promotions/tiers/{b}").status_code == 204


def test_no_stack_names_a_tier_that_is_deleted_meanwhile(shop: Shop) -> None:
    of = campaign(shop)["id"]
    ids = tiers(shop, of, 8)
    key = shop.project["server_side_key"]

    def stack(tier_id: str) -> int:
        api = shop.server.client(key["app_id"], key["app_token"])
        body = {"name": tier_id, "tiers": {"ids": [tier_id]}}
        return api.post(f"/v1/promotions/{of}/stacks", json=body).status_code

    def delete(tier_id: str) -> int:
        api = shop.server.client(key["app_id"], key["app_token"])
        return api.delete(f"/v1/promotions/tiers/{tier_id}").status_code

    with ThreadPoolExecutor(8) as pool:
        stacked = pool.map(stack, ids)
        deleted = pool.map(delete, ids)
        outcomes = set(zip(stacked, deleted, strict=True))
    assert outcomes <= {(200, 400), (404, 204)}
    left = {tier["id"] for tier in shop.api.get(f"/v1/promotions/{of}/tiers").json()["tiers"]}
    stacks = shop.api.get(f"/v1/promotions/{of}/stacks").json()["data"]
    assert {stack["tiers"]["ids"][0] for stack in stacks} == left


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"tiers": {"ids": ["x"]}}, "Payload should have required property 'name'"),
        ({"name": "x"}, "Payload should have required property 'tiers'"),
        ({"name": "x", "tiers": {}}, "Property .tiers should have required property 'ids'"),
        (
            {"name": "x", "tiers": {"ids": []}},
            "Property .tiers.ids should NOT have fewer than 1 items",
        ),
        (
            {"name": "x", "tiers": {"ids": [f"promo_{n}" for n in range(31)]}},
            "Property .tiers.ids should NOT have more than 30 items",
        ),
        ({"name": "x", "tiers": {"ids": [1]}}, "Property .tiers.ids[0] should be string"),
        (
            {"name": "x", "tiers": {"ids": ["a", "b", "a"]}},
            "Property .tiers.ids[2] names a tier again",
        ),
        (
            {"name": "x", "tiers": {"ids": ["x"], "hierarchy_mode": "AUTO"}},
            "Property .tiers.hierarchy_mode should be equal to one of the allowed values",
        ),
        (
            {"name": "", "tiers": {"ids": ["x"]}},
            "Property .name should NOT be shorter than 1 characters",
        ),
        ({"name": "\x00", "tiers": {"ids": ["x"]}}, "Strings cannot contain the null character"),
    ],
)
def test_what_can_be_no_stack_is_refused(shop: Shop, body: dict[str, Any], details: str) -> None:
    of = campaign(shop)["id"]
    assert refused(shop.api.post(f"/v1/promotions/{of}/stacks", json=body)) == details
    assert shop.api.get("/v1/promotions/stacks").json()["total"] == 0


def test_a_stack_has_up_to_thirty_tiers(shop: Shop) -> None:
    of = campaign(shop)["id"]
    ids = tiers(shop, of, 31)
    made = make(shop, of, ids[:30])
    assert made["tiers"]["ids"] == ids[:30]
    path = f"/v1/promotions/{of}/stacks/{made['id']}"
    for wrong in (ids, [], [ids[0], ids[0]]):
        refused(shop.api.put(path, json={"tiers": {"ids": wrong}}))
    assert shop.api.get(path).json() == made


def test_a_stack_has_tiers_of_its_campaign_only(server: Server, shop: Shop) -> None:
    of, other = campaign(shop)["id"], campaign(shop, "Other")["id"]
    own, foreign = add(shop, of)["id"], add(shop, other)["id"]
    theirs = server.project()
    strange = add(theirs, campaign(theirs)["id"])["id"]
    made = make(shop, of, [own])
    for wrong in (UNUSED, foreign, strange):
        body = {"name": "x", "tiers": {"ids": [own, wrong]}}
        for answer in (
            shop.api.post(f"/v1/promotions/{of}/stacks", json=body),
            shop.api.put(f"/v1/promotions/{of}/stacks/{made['id']}", json=body),
        ):
            assert refused(answer, 404, "not_found") == (
                f"Cannot find promotion_tier with id {wrong}"
            )
            assert answer.json()["resource_type"] == "promotion_tier"
    assert shop.api.get("/v1/promotions/stacks").json()["data"] == [made]


def test_the_category_of_a_stack_has_to_exist(shop: Shop) -> None:
    of = campaign(shop)["id"]
    [tier] = tiers(shop, of, 1)
    body = {"name": "x", "tiers": {"ids": [tier]}, "category_id": "cat_0"}
    answer = shop.api.post(f"/v1/promotions/{of}/stacks", json=body)
    assert refused(answer, 404, "not_found") == "Cannot find category with id cat_0"


# --- lists --------------------------------------------------------------------------------------


def listed(shop: Shop, query: str = "") -> list[str]:
    answer = shop.api.get(f"/v1/promotions/stacks?{query}")
    assert answer.status_code == 200, answer.text
    assert {**answer.json(), "data": 0, "total": 0} == {
        "object": "list",
        "data_ref": "data",
        "data": 0,
        "total": 0,
    }
    return [stack["name"] for stack in answer.json()["data"]]


def test_all_stacks_are_listed(shop: Shop) -> None:
    first, second = campaign(shop, "First")["id"], campaign(shop, "Second")["id"]
    a = make(shop, first, tiers(shop, first, 1), "a")
    c = make(shop, second, tiers(shop, second, 1), "c")
    b = make(shop, first, a["tiers"]["ids"], "b")
    shop.api.put(f"/v1/promotions/{second}/stacks/{c['id']}", json={})
    assert listed(shop) == listed(shop, "order=-created_at") == ["b", "c", "a"]
    assert listed(shop, "order=name") == ["a", "b", "c"]
    assert listed(shop, "order=-name") == ["c", "b", "a"]
    assert listed(shop, "order=-updated_at")[0] == "c"
    assert listed(shop, "order=created_at&limit=2") == ["a", "c"]
    assert listed(shop, "order=created_at&limit=2&page=2") == ["b"]
    moment = c["created_at"]
    for query, expected in (
        (f"created_at[after]={moment}", ["b"]),
        (f"created_at[before]={moment}", ["a"]),
        (f"[created_at][before]={moment}", ["a"]),
        (f"[created_at][after]={moment}", ["b"]),
        (f"[updated_at][after]={moment}", ["c"]),
        (f"updated_at[before]={moment}", []),
        (f"[filters][created_at][conditions][$before][0]={moment}", ["a"]),
        (f"filters[updated_at][conditions][$after][0]={moment}", ["c"]),
        ("filters[name][conditions][$in][0]=a&filters[name][conditions][$in][1]=b", ["b", "a"]),
        (f"filters[campaign_id][conditions][$is]={second}", ["c"]),
    ):
        assert listed(shop, query) == expected, query
    for query in ("order=id", "filters[x][conditions][$is]=1", "created_at[before]=now"):
        answer = shop.api.get(f"/v1/promotions/stacks?{query}")
        assert refused(answer, 400, "invalid_query_params")
    assert shop.api.get(f"/v1/promotions/{first}/stacks").json() == {
        "object": "list",
        "data_ref": "data",
        "data": [a, b],
        "total": 2,
    }
