"""Metadata schemas hold wherever metadata is written, and what they refuse leaves no trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.test_customers import save
from tests.crowd import on_database
from tests.races.load import parallel
from tests.running import Server, Shop

Metadata = dict[str, Any]
Way = Callable[[Shop, Metadata], httpx.Response]

MANAGED = "/management/v1/projects"
NESTED = {"type": "object", "object_type": "Inner", "optional": True}
# A key for each thing that can be wrong: its definition, a value that is wrong, what is said then.
WRONG: dict[str, tuple[dict[str, Any], Any, str]] = {
    "text": ({"type": "string"}, 5, "must be a string (actual value is 5)"),
    "count": ({"type": "number"}, "5", "must be a number (actual value is '5')"),
    "flag": ({"type": "boolean"}, "yes", "must be a boolean (actual value is 'yes')"),
    "on": ({"type": "date"}, "2024-02-30", "must be a date (YYYY-MM-DD)"),
    "at": ({"type": "datetime"}, "yesterday", "must be a datetime (ISO 8601)"),
    "place": ({"type": "geopoint"}, "91,0", "must be a geopoint (latitude,longitude)"),
    "image": ({"type": "image_url"}, "https://shop.example/a.gif", "must be a URL pointing to"),
    "any": ({"type": "object"}, "{}", "must be an object"),
    "list": ({"type": "string", "array": True}, "a", "must be an array, and every element"),
    "mixed": ({"type": "string", "array": True}, ["a", 5], "must be an array, and every"),
    "size": (
        {"type": "string", "eq": ["S", "M"]},
        "L",
        "must be a string, must be equal to one of S,M",
    ),
    "low": ({"type": "number", "lt": 5}, 5, "must be a number, must be lower than 5"),
}
RIGHT: Metadata = {
    "text": "5",
    "count": 5,
    "flag": True,
    "on": "2024-02-29",
    "at": "2024-02-29T10:00:00Z",
    "place": "90,180",
    "image": "https://shop.example/a.png",
    "any": {"a": [1]},
    "list": ["a", "b"],
    "mixed": [],
    "size": "M",
    "low": 4.5,
    "inner": {"deep": "x"},
}


def define(shop: Shop, noun: str, properties: dict[str, Any], **more: Any) -> str:
    """Makes a metadata schema; its id."""
    body = {"related_object": noun, "properties": properties, **more}
    with shop.server.management() as management:
        answer = management.post(f"{MANAGED}/{shop.id}/metadata-schemas", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def define_all(shop: Shop, noun: str, **more: Any) -> None:
    """A schema with a definition of every type, none of them required."""
    optional = {key: {**one, "optional": True} for key, (one, _, _) in WRONG.items()}
    define(shop, "Inner", {"deep": {"type": "string"}})
    define(shop, noun, {**optional, "inner": NESTED}, **more)


def define_event(shop: Shop, name: str, properties: dict[str, Any]) -> None:
    body = {"name": name, "schema": {"properties": properties}}
    with shop.server.management() as management:
        answer = management.post(f"{MANAGED}/{shop.id}/custom-event-schemas", json=body)
    assert answer.status_code == 200, answer.text


def state(shop: Shop) -> dict[str, tuple[int, str]]:
    """All that is stored for a project: of each table the number of rows, and their digest."""

    async def look(connection: Any) -> dict[str, tuple[int, str]]:
        found = {}
        for table in (
            *("customers", "orders", "products", "skus", "custom_events", "event_counts"),
            *("event_schemas", "definitions", "segment_customers", "jobs", "job_rows"),
        ):
            row = await connection.fetchrow(
                "SELECT count(*), coalesce(md5(string_agg(row::text, '|' ORDER BY row::text)), '') "
                f"FROM {table} AS row WHERE project_id = $1",
                shop.id,
            )
            found[table] = (row[0], row[1])
        # What the background worker does with events changes no more than a mark on them.
        events = await connection.fetchval(
            "SELECT count(*) FROM events WHERE project_id = $1", shop.id
        )
        return found | {"events": (events, "")}

    return on_database(shop.server, look)


@pytest.fixture
def open_shop(server: Server) -> Shop:
    """A project that browsers may write to, in which there is one of each already."""
    shop = server.project(
        client_create_customer_enabled=True,
        client_loyalty_events_enabled=True,
        client_trusted_domains=["https://shop.example"],
    )
    save(shop, source_id="old")
    assert shop.api.post("/v1/products", json={"source_id": "old"}).status_code == 200
    assert shop.api.post("/v1/products/old/skus", json={"source_id": "old"}).status_code == 200
    assert shop.api.post("/v1/orders", json={"source_id": "old"}).status_code == 200
    return shop


def refused(answer: httpx.Response, said: str) -> None:
    assert answer.status_code == 400, answer.text
    problem = answer.json()
    assert (problem["code"], problem["key"]) == (400, "metadata_validation_failed")
    assert problem["message"] == "Metadata validation failed"
    assert said in problem["details"]


# --- one at a time ------------------------------------------------------------------------------


def sent(method: str, path: str, body: Callable[[Metadata], Any]) -> Way:
    return lambda shop, metadata: shop.api.request(method, path, json=body(metadata))


def clicked(path: str, body: Callable[[Metadata], Any]) -> Way:
    def send(shop: Shop, metadata: Metadata) -> httpx.Response:
        with shop.browser("https://shop.example") as browser:
            return browser.post(path, json=body(metadata))

    return send


def new(metadata: Metadata) -> Any:
    return {"source_id": "new", "metadata": metadata}


def old(metadata: Metadata) -> Any:
    return {"source_id": "old", "metadata": metadata}


def overriding(member: str, source_id: str) -> Callable[[Metadata], Any]:
    def body(metadata: Metadata) -> Any:
        sold = {"source_id": source_id, "override": True, "metadata": metadata}
        item = {member: sold} if member == "product" else {member: sold, "product_id": "old"}
        return {"items": [item]}

    return body


def item(metadata: Metadata) -> Any:
    return {"source_id": "new", "items": [{"amount": 2, "metadata": metadata}]}


# What writes to something new, and what writes to something that is there already.
CREATING: dict[str, tuple[str, Way]] = {
    "customer": ("customer", sent("POST", "/v1/customers", new)),
    "customer of a browser": ("customer", clicked("/client/v1/customers", new)),
    "customer of an order": (
        "customer",
        sent("POST", "/v1/orders", lambda m: {"source_id": "o", "customer": new(m)}),
    ),
    "customer of an update of an order": (
        "customer",
        sent("PUT", "/v1/orders/old", lambda m: {"status": "PAID", "customer": new(m)}),
    ),
    "referrer of an order": (
        "customer",
        sent(
            "POST", "/v1/orders", lambda m: {"customer": {"source_id": "old"}, "referrer": new(m)}
        ),
    ),
    "customer of an event": (
        "customer",
        sent("POST", "/v1/events", lambda m: {"event": "seen", "customer": new(m)}),
    ),
    "customer of an event of a browser": (
        "customer",
        clicked("/client/v1/events", lambda m: {"event": "seen", "customer": new(m)}),
    ),
    "product": ("product", sent("POST", "/v1/products", new)),
    "product of an order": ("product", sent("POST", "/v1/orders", overriding("product", "new"))),
    "order": ("order", sent("POST", "/v1/orders", new)),
    "item of an order": ("order_item", sent("POST", "/v1/orders", item)),
    "item of an update of an order": ("order_item", sent("PUT", "/v1/orders/old", item)),
}
CHANGING: dict[str, tuple[str, Way]] = {
    "customer again": ("customer", sent("POST", "/v1/customers", old)),
    "customer": ("customer", sent("PUT", "/v1/customers/old", lambda m: {"metadata": m})),
    "customer of a browser": ("customer", clicked("/client/v1/customers", old)),
    "customer of an order": (
        "customer",
        sent("POST", "/v1/orders", lambda m: {"source_id": "o", "customer": old(m)}),
    ),
    "customer of an event": (
        "customer",
        sent("POST", "/v1/events", lambda m: {"event": "seen", "customer": old(m)}),
    ),
    "product again": ("product", sent("POST", "/v1/products", old)),
    "product": ("product", sent("PUT", "/v1/products/old", lambda m: {"metadata": m})),
    "product of an order": ("product", sent("POST", "/v1/orders", overriding("product", "old"))),
    "SKU again": ("product", sent("POST", "/v1/products/old/skus", old)),
    "SKU": ("product", sent("PUT", "/v1/products/old/skus/old", lambda m: {"metadata": m})),
    "SKU of an order": ("product", sent("POST", "/v1/orders", overriding("sku", "old"))),
    "order again": ("order", sent("POST", "/v1/orders", old)),
    "order": ("order", sent("PUT", "/v1/orders/old", lambda m: {"metadata": m})),
}
SKU = {"new SKU": ("product", sent("POST", "/v1/products/old/skus", new))}
ALL = {
    f"{kind} {name}": way
    for kind, ways in (("new", CREATING | SKU), ("old", CHANGING))
    for name, way in ways.items()
}


@pytest.mark.parametrize("name", ALL)
def test_each_type_wrong_once(open_shop: Shop, name: str) -> None:
    noun, write = ALL[name]
    define_all(open_shop, noun)
    before = state(open_shop)
    for key, (_, value, said) in WRONG.items():
        answer = write(open_shop, {**RIGHT, key: value})
        refused(answer, f"{key}: {said}")
        assert ";" not in answer.json()["details"]
    refused(write(open_shop, {"inner": {"deep": 5}}), "inner.deep: must be a string")
    refused(write(open_shop, {"inner": {}}), "inner.deep: is required")
    # All that is wrong is said at once.
    answer = write(open_shop, {"text": 1, "flag": 2, "undefined": 3})
    refused(answer, "text: must be a string (actual value is 1); flag: must be a boolean")
    assert "undefined" not in answer.json()["details"]
    assert state(open_shop) == before
    answer = write(open_shop, {**RIGHT, "undefined": [1]})
    assert answer.status_code == 200, answer.text
    assert state(open_shop) != before


@pytest.mark.parametrize("name", ALL)
def test_only_what_is_defined(open_shop: Shop, name: str) -> None:
    noun, write = ALL[name]
    define(
        open_shop,
        noun,
        {"a": {"type": "string", "optional": True}, "gone": {"type": "string", "deleted": True}},
        allow_defined_only=True,
    )
    before = state(open_shop)
    for key in ("b", "A", "a.b", "gone", "", "€"):
        refused(write(open_shop, {"a": "x", key: "x"}), f"{key}: is not defined in the schema")
    assert state(open_shop) == before
    assert write(open_shop, {"a": "x"}).status_code == 200
    # What is not there can be removed, whatever it is called.
    assert write(open_shop, {"b": None}).status_code == 200


@pytest.mark.parametrize("name", CREATING)
def test_what_is_required_has_to_come_with_something_new(open_shop: Shop, name: str) -> None:
    noun, write = CREATING[name]
    define(
        open_shop, noun, {"must": {"type": "number"}, "may": {"type": "string", "optional": True}}
    )
    before = state(open_shop)
    for metadata in ({}, {"may": "x"}, {"must": None}, {"other": 1}):
        refused(write(open_shop, metadata), "must: is required")
    assert state(open_shop) == before
    assert write(open_shop, {"must": 0}).status_code == 200


@pytest.mark.parametrize("name", CHANGING)
def test_what_is_required_does_not_have_to_come_again(open_shop: Shop, name: str) -> None:
    noun, write = CHANGING[name]
    define(
        open_shop, noun, {"must": {"type": "number"}, "may": {"type": "string", "optional": True}}
    )
    before = state(open_shop)
    refused(write(open_shop, {"must": None, "may": "x"}), "must: is required")
    assert state(open_shop) == before
    for metadata in ({"may": "x"}, {"must": 1}, {"may": None}, {"other": 1}, {}):
        answer = write(open_shop, metadata)
        assert answer.status_code == 200, (metadata, answer.text)


def test_who_is_only_named_is_held_against_the_schema_when_new(open_shop: Shop) -> None:
    """An order or event that names somebody unknown creates them, who then lack what is required;
    one who exists is not judged.
    """
    define(open_shop, "customer", {"must": {"type": "number"}})
    before = state(open_shop)
    for path, body in (
        ("/v1/orders", {"customer": {"source_id": "new"}}),
        ("/v1/orders", {"customer": {"source_id": "old"}, "referrer": {"source_id": "new"}}),
        ("/v1/events", {"event": "seen", "customer": {"source_id": "new"}}),
        ("/v1/customers", {"source_id": "new"}),
        ("/v1/customers", {}),
    ):
        refused(open_shop.api.post(path, json=body), "must: is required")
    assert state(open_shop) == before
    assert open_shop.api.post("/v1/orders", json={"customer": {"source_id": "old"}}).is_success


# --- custom events ------------------------------------------------------------------------------


@pytest.mark.parametrize("by_browser", [False, True])
def test_the_metadata_of_events(open_shop: Shop, by_browser: bool) -> None:
    types = ("string", "number", "boolean", "date", "datetime")
    wrong = {key: one for key, one in WRONG.items() if one[0] in [{"type": name} for name in types]}
    assert len(wrong) == 5
    define_event(open_shop, "review", {**{k: d for k, (d, _, _) in wrong.items()}})

    def body(metadata: Metadata | None, event: str = "review") -> Any:
        return {"event": event, "customer": new({"a": 1}), "metadata": metadata}

    def track(metadata: Metadata | None, event: str = "review") -> httpx.Response:
        if by_browser:
            return clicked("/client/v1/events", lambda m: body(metadata, event))(open_shop, {})
        return open_shop.api.post("/v1/events", json=body(metadata, event))

    right = {key: RIGHT[key] for key in wrong}
    before = state(open_shop)
    for key, (_, value, said) in wrong.items():
        refused(track({**right, key: value}), f"{key}: {said}")
        refused(track({**right, key: None}), f"{key}: is required")
    refused(track(None), "text: is required; count: is required")
    assert state(open_shop) == before
    assert track({**right, "undefined": {"a": 1}}).status_code == 200
    # An event without a schema takes anything, and so does one that it comes to be known by.
    assert track({"text": 5}, "other").status_code == 200
    assert track({"text": [5]}, "other").status_code == 200


# --- changes of a schema ------------------------------------------------------------------------


def test_a_change_counts_at_once_in_every_process(shop: Shop) -> None:
    path = f"{MANAGED}/{shop.id}/metadata-schemas"

    def statuses(value: Any) -> set[int]:
        asks = [("POST", "/v1/customers", {"metadata": {"a": value}})] * 40
        return {answer.status_code for answer in parallel(shop, asks, 20)}

    assert statuses(5) == {200}
    with shop.server.management() as management:
        for _ in range(3):
            schema_id = define(shop, "customer", {"a": {"type": "string"}})
            one = f"{path}/{schema_id}"
            assert statuses(5) == {400}
            change = {"properties": {"a": {"type": "string", "deleted": True}}}
            assert management.put(one, json=change).status_code == 200
            assert statuses(5) == {200}
            only: dict[str, Any] = {"properties": {}, "allow_defined_only": True}
            assert management.put(one, json=only).status_code == 200
            assert statuses("x") == {400}
            assert management.delete(one).status_code == 204
            assert statuses(5) == {200}


def test_a_schema_is_its_projects_alone(shop: Shop) -> None:
    other = shop.server.project()
    define(shop, "customer", {"must": {"type": "string"}})
    refused(shop.api.post("/v1/customers", json={}), "must: is required")
    assert other.api.post("/v1/customers", json={"metadata": {"must": 5}}).status_code == 200


def test_what_was_stored_before_a_schema_stays(shop: Shop) -> None:
    save(shop, source_id="old", metadata={"a": 5, "b": 1})
    define(shop, "customer", {"a": {"type": "string"}}, allow_defined_only=True)
    assert save(shop, source_id="old", name="Old")["metadata"] == {"a": 5, "b": 1}
    assert save(shop, source_id="old", metadata={"b": None})["metadata"] == {"a": 5}
