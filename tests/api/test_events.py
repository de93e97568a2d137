from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.api.test_customers import ID, UNUSED, read, save, sql
from tests.running import Shop

NUL = "\x00"


def track(shop: Shop, status: int = 200, **body: Any) -> dict[str, Any]:
    """Tracks an event; the answer."""
    answer = shop.api.post("/v1/events", json={"event": "seen", **body})
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def rows(shop: Shop, table: str) -> int:
    statement = f"SELECT count(*) FROM {table} WHERE project_id = $1"
    count: int = sql(shop, statement)[0][0]
    return count


def activity(shop: Shop, customer: str) -> list[dict[str, Any]]:
    """A customer's activity, the oldest first."""
    answer = shop.api.get(f"/v1/customers/{customer}/activity", params={"limit": 100})
    found: list[dict[str, Any]] = answer.json()["data"]
    return found[::-1]


def schemas(shop: Shop, method: str = "GET", path: str = "", **body: Any) -> httpx.Response:
    url = f"/management/v1/projects/{shop.id}/custom-event-schemas{path}"
    with shop.server.management() as management:
        return management.request(method, url, json=body or None)


def names(shop: Shop) -> list[str]:
    """The project's list of events."""
    answer = schemas(shop)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return sorted(schema["name"] for schema in found[found["data_ref"]])


# --- what is answered and stored ------------------------------------------------------------------


def test_an_event_with_all_its_members(shop: Shop) -> None:
    metadata = {"text": "a", "number": 1.5, "flag": True, "date": "2022-12-01", "list": [1, None]}
    answer = track(
        shop,
        event="cart_abandoned",
        customer={"source_id": "ann", "name": "Ann", "email": "a@b.example", "metadata": {"x": 1}},
        referral={"code": "REF", "referrer_id": "bob"},
        loyalty={"code": "CARD"},
        metadata={**metadata, "none": None},
    )
    ann = read(shop, "ann")
    assert answer == {
        "object": "event",
        "type": "cart_abandoned",
        "customer": {
            "id": ann["id"],
            "source_id": "ann",
            "name": "Ann",
            "email": "a@b.example",
            "metadata": {"x": 1},
            "object": "customer",
        },
        "referral": {"code": "REF", "referrer_id": "bob"},
        "loyalty": {"code": "CARD"},
        "metadata": metadata,
    }
    created, custom = activity(shop, "ann")
    assert created["type"] == "customer.created"
    assert custom["type"] == "customer.custom_event"
    event = custom["data"]["custom_event"]
    assert custom["data"]["customer"] == answer["customer"]
    assert {name: event[name] for name in answer if name != "object"} == {
        name: answer[name] for name in answer if name != "object"
    }
    assert event["id"].startswith("event_")


def test_an_event_without_anything_else(shop: Shop) -> None:
    ann = save(shop, source_id="ann", name="Ann")
    answer = track(shop, customer={"id": ann["id"]})
    assert (answer["referral"], answer["loyalty"], answer["metadata"]) == (None, None, {})
    # Whoever is only named is not changed by it.
    assert read(shop, "ann") == ann
    assert [event["type"] for event in activity(shop, "ann")] == [
        "customer.created",
        "customer.custom_event",
    ]
    nulls: dict[str, Any] = {"referral": None, "loyalty": None, "metadata": None}
    assert track(shop, customer={"source_id": "ann", "name": None, "address": None}, **nulls) == {
        **answer,
        "metadata": {},
    }


def test_a_referral_without_a_referrer(shop: Shop) -> None:
    answer = track(shop, customer={"source_id": "ann"}, referral={"code": "REF"})
    assert answer["referral"] == {"code": "REF"}


# --- the customer --------------------------------------------------------------------------------


def test_the_customer_is_created_and_updated(shop: Shop) -> None:
    first = track(shop, customer={"source_id": "ann"})["customer"]
    assert re.fullmatch(ID, first["id"])
    track(
        shop,
        customer={"source_id": "ann", "name": "Ann", "address": {"city": "Łódź"}, "metadata": {}},
    )
    ann = read(shop, "ann")
    assert (ann["id"], ann["name"], ann["address"]["city"]) == (first["id"], "Ann", "Łódź")
    assert [event["type"] for event in activity(shop, "ann")] == [
        "customer.created",
        "customer.custom_event",
        "customer.updated",
        "customer.custom_event",
    ]
    track(shop, customer={"source_id": "ann", "address": None})
    assert read(shop, "ann")["address"]["city"] == "Łódź"


def test_a_customer_that_is_only_described_is_new(shop: Shop) -> None:
    first = track(shop, customer={"name": "Ann"})["customer"]
    assert track(shop, customer={"name": "Ann"})["customer"]["id"] != first["id"]


def test_an_unknown_id_is_not_found(shop: Shop) -> None:
    answer = track(shop, 404, customer={"id": UNUSED, "source_id": "ann"})
    assert (answer["key"], answer["resource_id"], answer["resource_type"]) == (
        "not_found",
        UNUSED,
        "customer",
    )
    assert [rows(shop, table) for table in ("customers", "events", "custom_events")] == [0, 0, 0]
    assert names(shop) == []


def test_a_deleted_customer_takes_the_events_along(shop: Shop) -> None:
    track(shop, customer={"source_id": "ann"})
    assert shop.api.delete("/v1/customers/ann").status_code == 204
    assert [rows(shop, table) for table in ("custom_events", "event_counts")] == [0, 0]
    assert names(shop) == ["seen"]


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"customer": {}}, "Property .customer should have an id or a source id"),
        ({"customer": None}, "Property .customer should be object"),
        ({"customer": "ann"}, "Property .customer should be object"),
        ({"event": ""}, "Property .event should NOT be shorter than 1 characters"),
        ({"event": "a" * 301}, "Property .event should NOT be longer than 300 characters"),
        ({"event": None}, "Property .event should be string"),
        ({"event": 5}, "Property .event should be string"),
        ({"metadata": []}, "Property .metadata should be object"),
        ({"metadata": {"a": 2**63}}, "Property .metadata.a should be a 64-bit integer"),
        ({"referral": {}}, "Property .referral should have required property 'code'"),
        ({"loyalty": {"code": 5}}, "Property .loyalty.code should be string"),
        ({"event": f"a{NUL}"}, "Strings cannot contain the null character"),
        ({"metadata": {NUL: 1}}, "Strings cannot contain the null character"),
    ],
)
def test_bad_events_leave_nothing_behind(shop: Shop, body: dict[str, Any], details: str) -> None:
    answer = track(shop, 400, **{"customer": {"source_id": "ann", "name": "Ann"}, **body})
    assert (answer["key"], answer["details"]) == ("invalid_payload", details)
    tables = ("customers", "events", "custom_events", "event_counts", "event_schemas")
    assert [rows(shop, table) for table in tables] == [0] * len(tables)


def test_required_members(shop: Shop) -> None:
    for body in ({"customer": {"source_id": "ann"}}, {"event": "seen"}):
        assert shop.api.post("/v1/events", json=body).status_code == 400


@pytest.mark.parametrize("name", ["a" * 300, "ż" * 300, "💶", "a.count", "a'b", "%", " "])
def test_names(shop: Shop, name: str) -> None:
    assert track(shop, event=name, customer={"source_id": "ann"})["type"] == name
    assert names(shop) == [name]
    body = {"name": "S", "filter": {f"events.{name}": {"conditions": {"$count": 1}}}}
    if name != "a.count":
        shop.api.post("/v1/segments", json=body).raise_for_status()
        assert shop.api.get("/v1/customers/ann/segments").json()["total"] == 1


# --- schemas -------------------------------------------------------------------------------------


def test_undefined_events_join_the_list_once(shop: Shop) -> None:
    for event in ("seen", "heard", "seen"):
        track(shop, event=event, customer={"source_id": "ann"}, metadata={"any": event})
    assert names(shop) == ["heard", "seen"]
    assert names(shop.server.project()) == []


def test_a_defined_event_is_held_to_its_schema(shop: Shop) -> None:
    made = schemas(
        shop,
        "POST",
        name="rated",
        schema={"properties": {"stars": {"type": "number", "optional": False}}},
    )
    assert made.status_code in (200, 201), made.text
    good = {"stars": 5}
    track(shop, event="rated", customer={"source_id": "ann"}, metadata=good)
    before = activity(shop, "ann")
    for bad in ({"stars": "five"}, {}, {"stars": None}):
        answer = track(
            shop,
            400,
            event="rated",
            customer={"source_id": "ann", "name": "Changed"},
            metadata=bad,
        )
        assert answer["key"] == "metadata_validation_failed"
    # The customer's change went with the event.
    assert activity(shop, "ann") == before
    assert "name" not in read(shop, "ann")
    assert rows(shop, "custom_events") == 1


def test_the_customers_own_metadata_is_held_to_its_schema(shop: Shop) -> None:
    with shop.server.management() as management:
        made = management.post(
            f"/management/v1/projects/{shop.id}/metadata-schemas",
            json={
                "related_object": "customer",
                "properties": {"age": {"type": "number", "optional": True}},
            },
        )
    assert made.status_code in (200, 201), made.text
    track(shop, 400, customer={"source_id": "ann", "metadata": {"age": "old"}})
    assert [rows(shop, table) for table in ("customers", "events", "custom_events")] == [0, 0, 0]
    track(shop, customer={"source_id": "ann", "metadata": {"age": 40}})


# --- from a browser ------------------------------------------------------------------------------


def test_clients_need_the_projects_leave(shop: Shop) -> None:
    body = {"event": "seen", "customer": {"source_id": "ann"}}
    closed = shop.server.project(client_loyalty_events_enabled=False)
    with closed.browser() as browser:
        answer = browser.post("/client/v1/events", json=body)
        assert answer.status_code == 403
        assert closed.api.get("/v1/customers").json()["total"] == 0
    opened = shop.server.project(client_loyalty_events_enabled=True)
    with opened.browser() as browser:
        answer = browser.post("/client/v1/events", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["customer"]["source_id"] == "ann"
        assert browser.post("/v1/events", json=body).status_code in (401, 403)
    assert [event["type"] for event in activity(opened, "ann")] == [
        "customer.created",
        "customer.custom_event",
    ]


def test_access(shop: Shop) -> None:
    body = {"event": "seen", "customer": {"source_id": "ann"}}
    for path in ("/v1/events", "/client/v1/events"):
        with shop.server.anonymous() as nobody:
            assert nobody.post(path, json=body).status_code == 401
