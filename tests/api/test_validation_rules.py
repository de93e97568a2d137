from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from tests.api.test_customers import sql
from tests.api.test_product_collections import create as create_collection
from tests.api.test_products import PHONE
from tests.api.test_products import save as save_product
from tests.api.test_segments import make as make_segment
from tests.api.test_skus import BLACK, save_sku
from tests.running import Server, Shop

ID = r"val_[0-9A-Za-z]{12}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
UNUSED = "val_000000000000"
TO_NOTHING: dict[str, Any] = {"excluded": [], "included": [], "included_all": False}
OVER_100 = {"1": {"name": "order.amount", "conditions": {"$more_than": [10000]}}, "logic": "1"}

# As the reference's own example has it, but for the ids.
SANTORINI: dict[str, Any] = {
    "name": "Set of Validation Rules",
    "error": {"message": "Your order does not meet at least one of the required criteria."},
    "applicable_to": {
        "included_all": False,
        "excluded": [
            {
                "object": "product",
                "id": "prod_0bae45ffc7003ffc52",
                "source_id": "second_product",
                "effect": "APPLY_TO_EVERY",
            }
        ],
        "included": [
            {
                "object": "product",
                "id": "prod_0b72b00ffed198e344",
                "source_id": None,
                "effect": "APPLY_TO_MOST_EXPENSIVE",
                "quantity_limit": 1,
            },
            {
                "object": "products_collection",
                "id": "pc_4ndRXAsTOzwSdHcQcxf489uU",
                "source_id": None,
                "effect": "APPLY_TO_EVERY",
                "quantity_limit": 5,
            },
        ],
    },
    "rules": {
        "1": {
            "name": "order.metadata",
            "property": "location",
            "rules": {},
            "conditions": {"$is": ["Santorini"]},
            "error": {"message": "Your order must be placed at one of our Santorini shops."},
        },
        "2": {
            "name": "custom_event.metadata",
            "property": "test",
            "rules": {},
            "conditions": {"$greater_than_or_equal": [1]},
        },
        "3": {
            "name": "order.items.every",
            "rules": {
                "1": {
                    "name": "order.items.metadata",
                    "property": "test",
                    "rules": {},
                    "conditions": {"$greater_than_or_equal": [1]},
                }
            },
            "conditions": {
                "$is": [
                    {
                        "id": "prod_0bae45ffc7003ffc52",
                        "effect": "APPLY_TO_EVERY",
                        "object": "product",
                        "source_id": "second_product",
                    }
                ]
            },
        },
        "logic": "1 or 2",
    },
}


def create(shop: Shop, name: str = "Rule", **body: Any) -> dict[str, Any]:
    """Defines a rule; the answer."""
    answer = shop.api.post("/v1/validation-rules", json={"name": name, **body})
    assert answer.status_code == 200, answer.text
    rule: dict[str, Any] = answer.json()
    return rule


def read(shop: Shop, rule_id: str) -> dict[str, Any]:
    answer = shop.api.get(f"/v1/validation-rules/{rule_id}")
    assert answer.status_code == 200, answer.text
    rule: dict[str, Any] = answer.json()
    return rule


def change(shop: Shop, rule: dict[str, Any], **body: Any) -> dict[str, Any]:
    """Updates a rule; the answer."""
    answer = shop.api.put(f"/v1/validation-rules/{rule['id']}", json=body)
    assert answer.status_code == 200, answer.text
    changed: dict[str, Any] = answer.json()
    return changed


def refused(answer: httpx.Response) -> str:
    """What is wrong with a definition, as it is said."""
    assert answer.status_code == 400, answer.text
    problem = answer.json()
    assert (problem["key"], problem["message"]) == (
        "invalid_validation_rules",
        "Invalid Validation Rule Definition",
    )
    details: str = problem["details"]
    return details


def names(shop: Shop, **query: Any) -> list[str]:
    answer = shop.api.get("/v1/validation-rules", params=query)
    assert answer.status_code == 200, answer.text
    return [rule["name"] for rule in answer.json()["data"]]


def events(shop: Shop) -> list[tuple[str, dict[str, Any]]]:
    """What is told of rules, in the order in which it happened."""
    statement = """
    SELECT type, data::text FROM events
    WHERE project_id = $1 AND type LIKE 'business_validation_rule.%' ORDER BY id
    """
    return [(row["type"], json.loads(row["data"])) for row in sql(shop, statement)]


# --- from creation to end -----------------------------------------------------------------------


def test_a_rule_from_its_creation_to_its_end(shop: Shop) -> None:
    created = create(shop, "Volume", rules=OVER_100)
    assert re.fullmatch(ID, created["id"])
    assert re.fullmatch(TIME, created["created_at"])
    assert created == {
        "id": created["id"],
        "name": "Volume",
        "rules": {
            "1": {
                "name": "order.amount",
                "property": None,
                "conditions": {"$more_than": [10000]},
                "rules": {},
            },
            "logic": "1",
        },
        "applicable_to": TO_NOTHING,
        "created_at": created["created_at"],
        "type": "expression",
        "context_type": "global",
        "object": "validation_rules",
    }
    assert read(shop, created["id"]) == created
    changed = change(shop, created, name="Ä 😀", type="basic")
    assert re.fullmatch(TIME, changed["updated_at"])
    assert changed == {
        **created,
        "name": "Ä 😀",
        "type": "basic",
        "updated_at": changed["updated_at"],
    }
    assert read(shop, created["id"]) == changed
    path = f"/v1/validation-rules/{created['id']}"
    answer = shop.api.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    for answer in (shop.api.get(path), shop.api.put(path, json={}), shop.api.delete(path)):
        assert answer.status_code == 404
        problem = answer.json()
        assert {name: problem[name] for name in problem if name != "request_id"} == {
            "code": 404,
            "key": "not_found",
            "message": "Resource not found",
            "details": f"Cannot find validation_rules with id {created['id']}",
            "resource_id": created["id"],
            "resource_type": "validation_rules",
        }
    assert events(shop) == [
        ("business_validation_rule.created", {"rule": created}),
        ("business_validation_rule.updated", {"rule": changed}),
        ("business_validation_rule.deleted", {"rule": changed}),
    ]


def test_the_example_of_the_reference(shop: Shop) -> None:
    created = create(shop, **SANTORINI)
    sent = SANTORINI["rules"]
    assert created["rules"] == {**sent, "3": {"property": None, **sent["3"]}}
    assert created["error"] == SANTORINI["error"]
    assert created["applicable_to"] == SANTORINI["applicable_to"]
    assert read(shop, created["id"]) == created


def test_a_rule_needs_no_more_than_a_name(shop: Shop) -> None:
    for body in ({}, {"rules": {}}, {"rules": {"logic": ""}}, {"rules": None, "error": {}}):
        created = create(shop, "Empty", **body)
        assert created["rules"] == {"logic": ""}
        assert created["applicable_to"] == TO_NOTHING
        assert {"error", "bundle_rules", "assignments_count", "updated_at"}.isdisjoint(created)


def test_two_rules_may_have_one_name(shop: Shop) -> None:
    assert create(shop, "Twin")["id"] != create(shop, "Twin")["id"]


@pytest.mark.parametrize(
    "context_type",
    [
        "global",
        "earning_rule.customer.tier.prolonged",
        "campaign.discount_coupons.discount.percent.apply_to_items",
        "voucher.gift_voucher.gift.apply_to_items",
        "reward_assignment.pay_with_points",
    ],
)
def test_the_context_is_kept(shop: Shop, context_type: str) -> None:
    assert create(shop, context_type=context_type)["context_type"] == context_type


def test_unknown_members_are_not_kept(shop: Shop) -> None:
    rule = {
        **OVER_100["1"],
        "shoe_size": 43,
        "property": ["x"],
        "error": {"message": "No", "code": 1},
    }
    entry = {"object": "product", "id": "prod_1", "strict": False}
    created = create(
        shop,
        rules={"1": rule, "logic": "1"},
        applicable_to={"included": [entry], "shoe_size": 43},
        shoe_size=43,
    )
    assert created["rules"]["1"] == {
        "name": "order.amount",
        "property": None,
        "conditions": {"$more_than": [10000]},
        "rules": {},
        "error": {"message": "No"},
    }
    assert created["applicable_to"]["included"] == [
        {"object": "product", "id": "prod_1", "source_id": None, "effect": "APPLY_TO_EVERY"}
    ]


# --- updating -----------------------------------------------------------------------------------


def test_what_is_not_sent_stays(shop: Shop) -> None:
    created = create(shop, **SANTORINI, type="complex", context_type="campaign.promotion")
    for body in ({}, dict.fromkeys(("name", "rules", "error", "applicable_to", "type"))):
        changed = change(shop, created, **body)
        del changed["updated_at"]
        assert changed == created


def test_rules_and_applicability_are_replaced_whole(shop: Shop) -> None:
    created = create(shop, **SANTORINI)
    changed = change(
        shop,
        created,
        rules={"5": OVER_100["1"], "logic": "5"},
        applicable_to={"included_all": True},
        error={"message": "Too little"},
    )
    assert list(changed["rules"]) == ["5", "logic"]
    assert changed["applicable_to"] == {**TO_NOTHING, "included_all": True}
    assert changed["error"] == {"message": "Too little"}
    assert "error" not in change(shop, created, error={"message": None})


def test_bundle_rules_until_they_are_removed(shop: Shop) -> None:
    part = {
        "name": "order.items.any",
        "conditions": {"$is": [{"id": "prod_1", "type": "product_or_sku", "object": "product"}]},
        "rules": {
            "1": {
                "name": "order.items.aggregated_quantity",
                "conditions": {"$is": [2]},
                "rules": {},
            },
            "logic": "1",
        },
    }
    created = create(shop, bundle_rules={"1": part, "limit": 3})
    assert created["bundle_rules"] == {"1": part, "limit": 3}
    assert change(shop, created, name="Bundle")["bundle_rules"] == {"1": part, "limit": 3}
    assert change(shop, created, bundle_rules=None)["bundle_rules"] == {}
    assert read(shop, created["id"])["bundle_rules"] == {}


def test_a_refused_update_changes_nothing(shop: Shop) -> None:
    created = create(shop, **SANTORINI)
    path = f"/v1/validation-rules/{created['id']}"
    refused(shop.api.put(path, json={"name": "New", "rules": {"1": {"name": "no.such.rule"}}}))
    refused(shop.api.put(path, json={"name": "New", "context_type": "no.such.context"}))
    assert read(shop, created["id"]) == created
    assert [type_ for type_, _ in events(shop)] == ["business_validation_rule.created"]


# --- what rules apply to ------------------------------------------------------------------------


def test_products_and_skus_are_named_by_either_name(shop: Shop) -> None:
    product = save_product(shop, **PHONE)
    nameless = save_product(shop, name="No source id")
    sku = save_sku(shop, product["id"], **BLACK)
    kept = save_sku(shop, nameless["id"], source_id="kept", sku="x")
    created = create(
        shop,
        applicable_to={
            "included": [
                {"object": "product", "source_id": "first_product"},
                {"object": "product", "id": product["id"], "source_id": "another"},
                {"object": "product", "id": nameless["id"], "effect": "APPLY_TO_CHEAPEST"},
                {"object": "sku", "source_id": "first_product_sku_1", "amount_limit": 5},
                {"object": "sku", "id": kept["id"]},
            ],
            "excluded": [
                {"object": "sku", "source_id": "first_product"},
                {"object": "product", "id": "prod_000000000000000000", "source_id": "kept"},
            ],
        },
    )
    by_both = {"object": "product", "id": product["id"], "source_id": "first_product"}
    every = {"effect": "APPLY_TO_EVERY"}
    assert created["applicable_to"] == {
        "included": [
            {**by_both, **every},
            {**by_both, **every},
            {
                "object": "product",
                "id": nameless["id"],
                "source_id": None,
                "effect": "APPLY_TO_CHEAPEST",
            },
            {
                "object": "sku",
                "id": sku["id"],
                "source_id": "first_product_sku_1",
                "product_id": product["id"],
                "product_source_id": "first_product",
                "amount_limit": 5,
                **every,
            },
            {
                "object": "sku",
                "id": kept["id"],
                "source_id": "kept",
                "product_id": nameless["id"],
                **every,
            },
        ],
        "excluded": [
            {"object": "sku", "source_id": "first_product", **every},
            {
                "object": "product",
                "id": "prod_000000000000000000",
                "source_id": "kept",
                **every,
            },
        ],
        "included_all": False,
    }


def test_a_product_of_another_project_is_unknown(shop: Shop) -> None:
    save_product(shop.server.project(), **PHONE)
    entry = {"object": "product", "source_id": "first_product"}
    created = create(shop, applicable_to={"included": [entry]})
    assert created["applicable_to"]["included"] == [{**entry, "effect": "APPLY_TO_EVERY"}]


# --- what rules speak of ------------------------------------------------------------------------


def test_a_segment_that_a_rule_speaks_of_stays(shop: Shop) -> None:
    segment = make_segment(shop, type="static", customers=[])["id"]
    inner = {"name": "customer.segment", "conditions": {"$is": [segment]}}
    rule = create(shop, rules={"1": inner, "logic": "1"})
    answer = shop.api.delete(f"/v1/segments/{segment}")
    assert answer.status_code == 400
    problem = answer.json()
    assert {name: problem[name] for name in problem if name != "request_id"} == {
        "code": 400,
        "key": "resource_in_use",
        "message": "Resource in use",
        "details": f"Resource segment with id {segment} is in use by validation_ruless with ids "
        f"[{rule['id']}]",
        "related_object_ids": [rule["id"]],
        "related_object_type": "validation_rules",
    }
    change(shop, rule, rules=OVER_100)
    assert shop.api.delete(f"/v1/segments/{segment}").status_code == 204


def test_a_collection_that_rules_speak_of_stays(shop: Shop) -> None:
    def picked(collection: str) -> dict[str, Any]:
        return {"id": collection, "object": "products_collection"}

    collection = create_collection(shop, type="STATIC", products=[])["id"]
    path = f"/v1/product-collections/{collection}"
    every = {"name": "order.items.any", "conditions": {"$is": [picked(collection)]}}
    bundled = {"id": collection, "type": "products_collection", "object": "products_collection"}
    part = {"name": "order.items.any", "conditions": {"$is": [bundled]}}
    rules = [
        create(shop, applicable_to={"included": [picked(collection)]}),
        create(shop, applicable_to={"excluded": [picked(collection)]}),
        create(shop, rules={"1": every, "logic": "1"}),
        create(shop, bundle_rules={"1": part}),
    ]
    ids = [rule["id"] for rule in rules]
    while ids:
        answer = shop.api.delete(path)
        assert answer.status_code == 400
        assert answer.json()["related_object_ids"] == ids[::-1]
        assert f"in use by validation_ruless with ids [{', '.join(ids[::-1])}]" in answer.text
        assert shop.api.delete(f"/v1/validation-rules/{ids.pop()}").status_code == 204
    assert shop.api.delete(path).status_code == 204


def test_metadata_that_looks_like_an_id_holds_nothing(shop: Shop) -> None:
    collection = create_collection(shop, type="STATIC", products=[])["id"]
    rule = {"name": "order.metadata", "property": "x", "conditions": {"$is": [collection]}}
    create(shop, rules={"1": rule, "logic": "1"})
    assert shop.api.delete(f"/v1/product-collections/{collection}").status_code == 204


def test_rules_of_other_projects_hold_nothing(shop: Shop) -> None:
    segment = make_segment(shop, type="static", customers=[])["id"]
    rule = {"name": "customer.segment", "conditions": {"$is": [segment]}}
    create(shop.server.project(), rules={"1": rule, "logic": "1"})
    assert shop.api.delete(f"/v1/segments/{segment}").status_code == 204


# --- lists --------------------------------------------------------------------------------------


def test_the_list_with_its_orders_and_pages(shop: Shop) -> None:
    made = [create(shop, name) for name in ("b", "c", "a")]
    changed = change(shop, made[0], type="basic")
    answer = shop.api.get("/v1/validation-rules")
    assert answer.json() == {
        "object": "list",
        "data_ref": "data",
        "data": [made[2], made[1], changed],
        "total": 3,
    }
    assert names(shop, order="created_at") == ["b", "c", "a"]
    assert names(shop, order="name") == ["a", "b", "c"]
    assert names(shop, order="-name") == ["c", "b", "a"]
    assert names(shop, order="-updated_at")[0] == "b"
    assert names(shop, order="updated_at")[-1] == "b"
    assert names(shop, limit=2) == ["a", "c"]
    assert names(shop, limit=2, page=2) == ["b"]
    assert shop.api.get("/v1/validation-rules", params={"limit": 1}).json()["total"] == 3


def test_only_those_of_a_time(shop: Shop) -> None:
    made = [create(shop, name) for name in ("a", "b", "c")]
    start, end = made[1]["created_at"], made[1]["created_at"]
    assert "b" in names(shop, start_date=start, end_date=end)
    assert set(names(shop, start_date=start)) >= {"b", "c"}
    assert set(names(shop, end_date=end)) >= {"a", "b"}
    assert names(shop, start_date="2100-01-01") == []
    answer = shop.api.get("/v1/validation-rules", params={"end_date": "2000-01-01"})
    assert (answer.json()["data"], answer.json()["total"]) == ([], 0)


def test_no_rule_of_another_project_is_seen(shop: Shop) -> None:
    rule = create(shop.server.project())["id"]
    path = f"/v1/validation-rules/{rule}"
    assert names(shop) == []
    for answer in (
        shop.api.get(path),
        shop.api.put(path, json={"name": "x"}),
        shop.api.delete(path),
        shop.api.get(f"{path}/assignments"),
        shop.api.post(f"{path}/assignments", json={"related_object_id": "x"}),
        shop.api.delete(f"{path}/assignments/asgm_0000000000000000"),
    ):
        assert answer.status_code == 404
        assert answer.json()["resource_id"] == rule


# --- bad input ----------------------------------------------------------------------------------


def nested(levels: int) -> dict[str, Any]:
    """Rules that stand in one another."""
    rule: dict[str, Any] = {"name": "order.items.any", "conditions": {"$is": [{"id": "p"}]}}
    for _ in range(levels):
        rule = {**rule, "rules": {"1": rule, "logic": "1"}}
    return {"1": rule, "logic": "1"}


@pytest.mark.parametrize(
    "rules",
    [
        {"1": {"name": "no.such.rule", "conditions": {"$is": [1]}}},
        {"1": {"name": "order.amount", "conditions": {"$no_such_operator": [1]}}},
        {"1": {"name": "order.amount", "conditions": {"$starts_with": ["a"]}}},
        {"1": {"name": "order.amount", "conditions": {"$more_than": ["much"]}}},
        {"1": {"name": "order.amount", "conditions": {"$more_than": [2**80]}}},
        {"1": {"name": "order.amount", "conditions": [1]}},
        {"1": {"name": "order.metadata", "conditions": {"$is": [1]}}},
        {"1": {"name": 5}},
        {"1": {}},
        {"1": []},
        {"1": "order.amount"},
        {**OVER_100, "logic": "1 and 2"},
        {**OVER_100, "logic": "1 xor 1"},
        {**OVER_100, "logic": "(1"},
        {**OVER_100, "logic": 5},
        {**OVER_100, "logic": "(" * 5000},
        {"1": {**OVER_100["1"], "rules": []}},
        {"1": {**OVER_100["1"], "error": "No"}},
        nested(100),
    ],
)
def test_rules_that_cannot_be_judged(shop: Shop, rules: dict[str, Any]) -> None:
    answer = shop.api.post("/v1/validation-rules", json={"name": "No", "rules": rules})
    assert refused(answer)
    assert names(shop) == []


def test_a_rule_without_its_property(shop: Shop) -> None:
    rule = {"name": "custom_event.metadata", "conditions": {"$is": [1]}}
    body = {"name": "No", "rules": {"1": rule, "logic": "1"}}
    answer = shop.api.post("/v1/validation-rules", json=body)
    assert refused(answer) == "Rule 'custom_event.metadata' must have a 'property'"


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({}, "Payload should have required property 'name'"),
        ({"name": None}, "Property .name should be string"),
        ({"name": ""}, "Property .name should NOT be shorter than 1 characters"),
        ({"name": "x" * 256}, "Property .name should NOT be longer than 255 characters"),
        ({"name": "\x00"}, "Strings cannot contain the null character"),
        ({"name": "x", "rules": []}, "Property .rules should be object"),
        ({"name": "x", "rules": "1"}, "Property .rules should be object"),
        ({"name": "x", "bundle_rules": 5}, "Property .bundle_rules should be object"),
        ({"name": "x", "applicable_to": []}, "Property .applicable_to should be object"),
        ({"name": "x", "error": "No"}, "Property .error should be object"),
        ({"name": "x", "error": {"message": 5}}, "Property .error.message should be string"),
        (
            {"name": "x", "type": "simple"},
            "Property .type should be equal to one of the allowed values",
        ),
        ({"name": "x", "context_type": 5}, "Property .context_type should be string"),
        ([], "Payload should be object"),
    ],
)
def test_bodies_of_a_wrong_shape(shop: Shop, body: Any, details: str) -> None:
    answer = shop.api.post("/v1/validation-rules", json=body)
    assert answer.status_code == 400
    assert (answer.json()["key"], answer.json()["details"]) == ("invalid_payload", details)


@pytest.mark.parametrize(
    "body",
    [
        {"context_type": "no.such.context"},
        {"context_type": ""},
        {"applicable_to": {"included": 5}},
        {"applicable_to": {"included": [5]}},
        {"applicable_to": {"included": [{"object": "product"}]}},
        {"applicable_to": {"included": [{"object": "customer", "id": "x"}]}},
        {"applicable_to": {"included": [{"object": "product", "id": "x", "effect": "ALL"}]}},
        {"applicable_to": {"excluded": [{"object": "product", "id": 5}]}},
        {"applicable_to": {"included": [{"object": "sku", "id": "x", "quantity_limit": -1}]}},
        {"applicable_to": {"included_all": "yes"}},
        {"bundle_rules": {"1": {"name": "order.amount"}}},
        {"bundle_rules": {"limit": 101}},
    ],
)
def test_definitions_that_do_not_fit(shop: Shop, body: dict[str, Any]) -> None:
    assert refused(shop.api.post("/v1/validation-rules", json={"name": "No", **body}))
    assert names(shop) == []


@pytest.mark.parametrize("levels", [40, 300, 2000])
def test_what_is_nested_deep_is_refused(shop: Shop, levels: int) -> None:
    picked = {"id": "prod_1", "object": "product", "x": "deep"}
    rule = {"name": "order.items.any", "conditions": {"$is": [picked]}}
    body = json.dumps({"name": "No", "rules": {"1": rule}})
    body = body.replace('"deep"', "[" * levels + "]" * levels)
    answer = shop.api.post(
        "/v1/validation-rules", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400, answer.text
    assert "nested too deep" in answer.json()["details"]


def test_rules_that_nest_a_thousand_deep(shop: Shop) -> None:
    rule = '{"name": "order.items.any", "conditions": {}, "rules": {"1": '
    body = '{"name": "No", "rules": {"1": ' + rule * 1000 + "{}" + "}}" * 1000 + "}}"
    answer = shop.api.post(
        "/v1/validation-rules", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "page=0",
        "order=type",
        "order=created_at;",
        "start_date=yesterday",
        "end_date=2021-13-01",
    ],
)
def test_queries_that_cannot_be(shop: Shop, query: str) -> None:
    answer = shop.api.get(f"/v1/validation-rules?{query}")
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_query_params")


def test_a_page_too_far(shop: Shop) -> None:
    answer = shop.api.get("/v1/validation-rules?page=1001")
    assert answer.json()["key"] == "page_over_limit"


@pytest.mark.parametrize("rule_id", ["nope", "%00", "val_%C3%A9", "x" * 3000, UNUSED])
def test_paths_that_name_no_rule(server: Server, rule_id: str) -> None:
    with server.client() as api:
        for method in ("GET", "PUT", "DELETE"):
            body = {"json": {"name": "x"}} if method == "PUT" else {}
            answer = api.request(method, f"/v1/validation-rules/{rule_id}", **body)
            assert answer.status_code in (400, 404), answer.text
