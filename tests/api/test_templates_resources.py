"""What the rules and discounts of a template speak of: used where it is there, and made anew."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.test_product_imports import imported, table
from tests.api.test_templates import PATH, coupons, kept, refused, rule, sent, template
from tests.api.test_templates_lists import copied
from tests.api.test_templates_setup import set_up
from tests.running import Server, Shop

FILTER = {"junction": "and", "name": {"conditions": {"$starts_with": ["B"]}}}
CHEAP = {"junction": "and", "price": {"conditions": {"$less_than": [100]}}}


def made(shop: Shop, path: str, **body: Any) -> str:
    """The id of a new object."""
    id_: str = sent(shop.api.post(path, json=body))["id"]
    return id_


def location(shop: Shop, name: str, row: str) -> str:
    """The id of a new location; only the command line makes one."""
    file = shop.server.folder.with_name(f"{shop.id}.csv")
    file.write_text(f"name,latitude,longitude,radius\n{name},{row}\n")
    done = shop.server.command("locations", "import", "--project", shop.id, str(file))
    assert done.returncode == 0, done.stderr
    places = sent(shop.api.get("/v1/locations"))["data"]
    [id_] = [place["id"] for place in places if place["name"] == name]
    found: str = id_
    return found


def everything(shop: Shop) -> dict[str, str]:
    """One of everything that a rule may speak of; the ids by what they are."""
    phone = made(shop, "/v1/products", source_id="phone", name="Phone", price=500)
    case = made(shop, "/v1/products", name="Case", price=50, metadata={"a": [1]})
    black = made(
        shop, f"/v1/products/{phone}/skus", source_id="black", sku="Black", attributes={"c": 1}
    )
    place = location(shop, "Here", "50,19,1 km")
    segment = made(shop, "/v1/segments", name="B", type="auto-update", filter=FILTER)
    within = {
        "junction": "and",
        "segments": {"conditions": {"$is": [segment]}},
        "metadata.at": {"conditions": {"$in_location": [place]}},
        "metadata.note": {"conditions": {"$is": [segment]}},
    }
    nested = made(shop, "/v1/segments", name="Nested", type="passive", filter=within)
    picked = [{"id": case, "object": "product"}]
    static = made(shop, "/v1/product-collections", name="Static", type="STATIC", products=picked)
    dynamic = made(shop, "/v1/product-collections", name="Cheap", type="AUTO_UPDATE", filter=CHEAP)
    return {
        "phone": phone,
        "case": case,
        "black": black,
        "place": place,
        "segment": segment,
        "nested": nested,
        "static": static,
        "dynamic": dynamic,
    }


def speaking(shop: Shop, ids: dict[str, str]) -> dict[str, Any]:
    """A template whose rule and discount speak of all these."""
    collection = {"object": "products_collection"}
    asked = {
        "1": {"name": "customer.segment", "conditions": {"$is": [{"id": ids["nested"]}]}},
        "2": {
            "name": "order.items.any",
            "conditions": {"$is": [{"id": ids["dynamic"], **collection}]},
            "rules": {},
        },
        "3": {
            "name": "order.metadata",
            "property": "note",
            "conditions": {"$is": [ids["segment"]]},
        },
        "logic": "1 and 2 and 3",
    }
    applicable = {
        "included": [{"id": ids["static"], **collection}],
        "excluded": [{"object": "product", "id": ids["phone"]}],
    }
    unit = {
        "type": "UNIT",
        "unit_off": 1,
        "unit_type": ids["black"],
        "effect": "ADD_MISSING_ITEMS",
        "sku": {"id": ids["black"], "source_id": "black", "name": "Black"},
        "product": {"id": ids["phone"], "source_id": "phone", "name": "Phone"},
    }
    of = coupons(
        shop,
        voucher={"discount": unit},
        validation_rules=[rule(shop, rules=asked, applicable_to=applicable)],
    )
    return template(shop, campaign_id=of["id"])


def made_anew(setup: dict[str, Any]) -> list[str]:
    """What was created, by kind, without the rules."""
    return [
        each["object"]
        for each in setup["created_resources"]
        if each["object"] != "validation_rules"
    ]


def the_rule(shop: Shop, setup: dict[str, Any]) -> dict[str, Any]:
    [id_] = [
        each["id"] for each in setup["created_resources"] if each["object"] == "validation_rules"
    ]
    return sent(shop.api.get(f"/v1/validation-rules/{id_}"))


def test_what_is_there_is_used(shop: Shop) -> None:
    ids = everything(shop)
    of = speaking(shop, ids)
    found = {each["id"]: each["object"] for each in kept(shop, of["id"])["resources"]}
    assert found == {
        ids["phone"]: "product",
        ids["case"]: "product",
        ids["black"]: "sku",
        ids["place"]: "location",
        ids["segment"]: "segments",
        ids["nested"]: "segments",
        ids["static"]: "products_collection",
        ids["dynamic"]: "products_collection",
    }
    # A product has the price that it has now.
    sent(shop.api.put(f"/v1/products/{ids['phone']}", json={"price": 700}))
    setup = sent(set_up(shop, of))
    assert made_anew(setup) == []
    assert the_rule(shop, setup)["rules"]["1"]["conditions"] == {"$is": [{"id": ids["nested"]}]}
    assert sent(shop.api.get(f"/v1/products/{ids['phone']}"))["price"] == 700


def test_in_another_project_all_is_made_once(shop: Shop, server: Server) -> None:
    other, ids = server.project(), everything(shop)
    of = sent(copied(server, shop, speaking(shop, ids)["id"], other.id))
    setup = sent(set_up(other, of, "First"))
    assert made_anew(setup) == [
        *("product", "product", "sku", "location", "segments", "segments"),
        *("products_collection", "products_collection"),
    ]
    api = other.api
    phone = sent(api.get("/v1/products/phone"))
    assert (phone["name"], phone["price"]) == ("Phone", 500)
    assert sent(api.get("/v1/skus/black"))["product_id"] == phone["id"]
    segments = {each["name"]: each for each in sent(api.get("/v1/segments"))["data"]}
    inner, nested = segments["B"], segments["Nested"]
    assert (inner["type"], inner["filter"], nested["type"]) == ("auto-update", FILTER, "passive")
    assert nested["filter"]["segments"]["conditions"] == {"$is": [inner["id"]]}
    [place] = sent(api.get("/v1/locations"))["data"]
    assert nested["filter"]["metadata.at"]["conditions"] == {"$in_location": [place["id"]]}
    assert nested["filter"]["metadata.note"]["conditions"] == {"$is": [ids["segment"]]}
    assert place["name"] == "Here"
    collections = {each["name"]: each for each in sent(api.get("/v1/product-collections"))["data"]}
    [case] = collections["Static"]["products"]
    assert sent(api.get(f"/v1/products/{case['id']}"))["metadata"] == {"a": [1]}
    assert collections["Cheap"]["filter"] == CHEAP
    made = the_rule(other, setup)
    asked, applicable = made["rules"], made["applicable_to"]
    assert asked["1"]["conditions"] == {"$is": [{"id": nested["id"]}]}
    assert asked["2"]["conditions"]["$is"][0]["id"] == collections["Cheap"]["id"]
    # A text that happens to be an id is a text.
    assert asked["3"]["conditions"] == {"$is": [ids["segment"]]}
    assert applicable["included"][0]["id"] == collections["Static"]["id"]
    assert applicable["excluded"][0]["source_id"] == "phone"
    discount = setup["campaign"]["voucher"]["discount"]
    assert discount["product"]["id"] == phone["id"]
    # The second time all of it is there.
    again = sent(set_up(other, of, "Second"))
    assert made_anew(again) == []
    assert the_rule(other, again)["rules"] == asked


def test_products_of_another_project_are_known_by_their_source_id(
    shop: Shop, server: Server
) -> None:
    other, ids = server.project(), everything(shop)
    phone = made(other, "/v1/products", source_id="phone", name="Own", price=1)
    black = made(other, f"/v1/products/{phone}/skus", source_id="black", sku="Own")
    location(other, "Here", "1,1,2 km")
    of = sent(copied(server, shop, speaking(shop, ids)["id"], other.id))
    setup = sent(set_up(other, of))
    assert made_anew(setup) == [
        *("product", "segments", "segments", "products_collection", "products_collection"),
    ]
    assert sent(other.api.get("/v1/products/phone"))["name"] == "Own"
    discount = setup["campaign"]["voucher"]["discount"]
    assert (discount["product"]["id"], discount["sku"]["id"]) == (phone, black)
    assert discount["unit_type"] == black
    excluded = the_rule(other, setup)["applicable_to"]["excluded"]
    assert excluded[0]["id"] == phone
    [place] = sent(other.api.get("/v1/locations"))["data"]
    assert place["shape"]["type"] == "circle"


def test_what_was_deleted_or_changed_is_made_anew(shop: Shop) -> None:
    sold = made(shop, "/v1/products", source_id="phone", name="Phone", metadata={"a": 1})
    sku = made(shop, f"/v1/products/{sold}/skus", sku="Black", price=5)
    dynamic = made(shop, "/v1/product-collections", name="Cheap", type="AUTO_UPDATE", filter=CHEAP)
    entries = [
        {"object": "product", "id": sold},
        {"object": "products_collection", "id": dynamic},
    ]
    of = coupons(shop, validation_rules=[rule(shop, applicable_to={"included": entries})])
    made_of = template(shop, campaign_id=of["id"])
    forced = {"force": "true"}
    assert shop.api.delete(f"/v1/products/{sold}", params=forced).status_code == 204
    dear = {"junction": "and", "price": {"conditions": {"$more_than": [100]}}}
    sent(shop.api.put(f"/v1/product-collections/{dynamic}", json={"filter": dear}))
    setup = sent(set_up(shop, made_of))
    assert made_anew(setup) == ["product", "sku", "products_collection"]
    restored = sent(shop.api.get("/v1/products/phone"))
    assert (restored["id"], restored["metadata"]) == (sold, {"a": 1})
    [one] = restored["skus"]["data"]
    assert (one["id"], one["sku"], one["price"]) == (sku, "Black", 5)
    included = the_rule(shop, setup)["applicable_to"]["included"]
    assert included[0]["id"] == sold
    assert included[1]["id"] != dynamic
    new = sent(shop.api.get(f"/v1/product-collections/{included[1]['id']}"))
    assert (new["name"], new["filter"]) == ("Cheap", CHEAP)
    assert sent(shop.api.get(f"/v1/product-collections/{dynamic}"))["filter"] == dear


def test_a_product_in_the_bin_stops_the_template(shop: Shop) -> None:
    sold = made(shop, "/v1/products", source_id="phone", name="Phone")
    entry = {"object": "product", "id": sold}
    of = coupons(shop, validation_rules=[rule(shop, applicable_to={"included": [entry]})])
    made_of = template(shop, campaign_id=of["id"])
    assert shop.api.delete(f"/v1/products/{sold}").status_code == 204
    refused(set_up(shop, made_of), 409, "duplicate_found")
    assert sent(shop.api.get("/v1/validation-rules"))["total"] == 1
    assert sent(shop.api.get("/v1/campaigns"))["total"] == 1


def test_a_product_that_the_schema_forbids_stops_the_template(shop: Shop, server: Server) -> None:
    other = server.project()
    sold = made(shop, "/v1/products", source_id="phone", metadata={"size": "big"})
    entry = {"object": "product", "id": sold}
    of = coupons(shop, validation_rules=[rule(shop, applicable_to={"included": [entry]})])
    copy = sent(copied(server, shop, template(shop, campaign_id=of["id"])["id"], other.id))
    with server.management() as management:
        size = {"size": {"type": "number", "optional": True}}
        body = {"related_object": "product", "properties": size}
        path = f"/management/v1/projects/{other.id}/metadata-schemas"
        sent(management.post(path, json=body))
    refused(set_up(other, copy), 400, "metadata_validation_failed")
    assert sent(other.api.get("/v1/products"))["total"] == 0


def test_many_at_once_make_it_once(shop: Shop, server: Server) -> None:
    other, ids = server.project(), everything(shop)
    of = sent(copied(server, shop, speaking(shop, ids)["id"], other.id))
    with ThreadPoolExecutor(8) as pool:
        setups = list(pool.map(lambda n: sent(set_up(other, of, f"N{n}")), range(12)))
    assert sorted(len(made_anew(setup)) for setup in setups) == [0] * 11 + [8]
    for path, count in (("products", 2), ("product-collections", 2), ("campaigns", 12)):
        assert sent(other.api.get(f"/v1/{path}"))["total"] == count
    assert len(sent(other.api.get("/v1/segments"))["data"]) == 2


def test_a_template_keeps_only_so_much(shop: Shop) -> None:
    sold = made(shop, "/v1/products", source_id="phone")
    rows = (("phone", f"s{number}") for number in range(1000))
    imported(shop, table(("product_id", "source_id"), *rows), "skus")
    entry = {"object": "product", "id": sold}
    of = coupons(shop, validation_rules=[rule(shop, applicable_to={"included": [entry]})])
    answer = shop.api.post(PATH, json={"name": "x", "campaign_id": of["id"]})
    details = refused(answer, 400, "invalid_payload")
    assert details == "A campaign template can keep at most 1000 products and the like"


@pytest.mark.parametrize("missing", ["seg_000000000000000000000000", "gone"])
def test_what_was_gone_before_is_left_alone(shop: Shop, missing: str) -> None:
    asked = {"1": {"name": "customer.segment", "conditions": {"$is": [missing]}}}
    of = coupons(shop, validation_rules=[rule(shop, rules=asked)])
    setup = sent(set_up(shop, template(shop, campaign_id=of["id"])))
    assert made_anew(setup) == []
    assert the_rule(shop, setup)["rules"]["1"]["conditions"] == {"$is": [missing]}
