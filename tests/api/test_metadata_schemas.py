from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from voucherify import (
    ApiClient,
    Configuration,
    ManagementApi,
    ManagementProjectsCustomEventSchemasCreateRequestBody,
    ManagementProjectsCustomEventSchemasUpdateRequestBody,
    ManagementProjectsMetadataSchemasCreateRequestBody,
    ManagementProjectsMetadataSchemasUpdateRequestBody,
    MetadataSchemasApi,
)

from tests.contract.client import Client
from tests.crowd import on_database
from tests.running import FIRST, Server, Shop

PROJECTS = "/management/v1/projects"
STAMP = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z"
STRING = {"type": "string", "array": False, "optional": True, "object_type": None}
NUMBER = {"type": "number", "array": False, "optional": False, "object_type": None}
NOTHING = "proj_N0th1ng0"


@pytest.fixture
def management(server: Server) -> Iterator[Client]:
    with server.management() as client:
        yield client


@pytest.fixture
def path(shop: Shop) -> str:
    return f"{PROJECTS}/{shop.id}/metadata-schemas"


@pytest.fixture
def events(shop: Shop) -> str:
    return f"{PROJECTS}/{shop.id}/custom-event-schemas"


def created(management: Client, path: str, **body: Any) -> dict[str, Any]:
    answer = management.post(path, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refused(answer: httpx.Response, code: int = 400, key: str = "invalid_payload") -> str:
    """The details of a refusal."""
    assert answer.status_code == code, answer.text
    assert answer.json()["key"] == key
    details: str = answer.json()["details"]
    return details


# --- metadata schemas ---------------------------------------------------------------------------


def test_a_schema_is_created_and_found_again(management: Client, path: str) -> None:
    region = {"type": "string", "array": True, "optional": False, "eq": ["EMEA", "APAC"]}
    schema = created(management, path, related_object="reward", properties={"region": region})
    assert re.fullmatch(r"ms_[0-9A-Za-z]{24}", schema["id"])
    assert re.fullmatch(STAMP, schema["created_at"])
    assert {name: schema[name] for name in schema if name not in ("id", "created_at")} == {
        "related_object": "reward",
        "properties": {"region": {**region, "object_type": None}},
        "allow_defined_only": None,
        "updated_at": None,
        "object": "metadata_schema",
    }
    assert management.get(f"{path}/{schema['id']}").json() == schema
    assert management.get(path).json() == {
        "object": "list",
        "data_ref": "data",
        "data": [schema],
        "total": 1,
    }


def test_all_that_a_definition_can_say(management: Client, path: str) -> None:
    base = {"array": False, "optional": True, "object_type": None}
    properties = {
        "word": {**base, "type": "string", "eq": ["a"], "min_length": 0, "max_length": 9},
        "code": {**base, "type": "string", "exact_length": 5, "array": True},
        "size": {**base, "type": "number", "eq": [1, 2.5], "ne": [3], "lt": 9, "gt": -1},
        "rank": {**base, "type": "number", "lte": 9.5, "gte": 0},
        "paid": {**base, "type": "object", "object_type": "Payment"},
        **{
            name: {**base, "type": name}
            for name in ("date", "datetime", "geopoint", "boolean", "image_url")
        },
    }
    schema = created(management, path, related_object="customer", properties=properties)
    assert schema["properties"] == properties
    assert management.get(f"{path}/{schema['id']}").json()["properties"] == properties


def test_what_is_not_said_has_a_default(management: Client, path: str) -> None:
    properties = {
        "age": {"type": "number"},
        "lang": {"type": "string", "eq": [], "min_length": None},
    }
    schema = created(
        management, path, related_object="customer", properties=properties, allow_defined_only=False
    )
    assert schema["allow_defined_only"] is False
    plain = {"array": False, "optional": False, "object_type": None}
    assert schema["properties"] == {
        "age": {"type": "number", **plain},
        "lang": {"type": "string", **plain},
    }


def test_one_schema_for_each_object(management: Client, shop: Shop, path: str) -> None:
    created(management, path, related_object="customer", properties={})
    answer = management.post(path, json={"related_object": "customer", "properties": {"a": STRING}})
    assert refused(answer, 409, "duplicate_found") == (
        "Duplicated metadata schema exists with related_object customer"
    )
    assert answer.json()["message"] == "Duplicated resource found"
    assert answer.json()["resource_id"] == "customer"
    assert answer.json()["resource_type"] == "metadata schema"
    other = shop.server.project()
    created(management, path.replace(shop.id, other.id), related_object="customer", properties={})
    [schema] = management.get(path).json()["data"]
    assert schema["properties"] == {}


def test_of_many_creations_at_once_one_succeeds(shop: Shop, path: str) -> None:
    def create(number: int) -> int:
        with shop.server.management() as client:
            body = {"related_object": "order", "properties": {f"k{number}": STRING}}
            return client.post(path, json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(create, range(8))) == [200] + [409] * 7


def test_schemas_are_listed_by_what_they_belong_to(management: Client, path: str) -> None:
    for name in ("voucher", "Payment", "campaign", "order_item", "order"):
        created(management, path, related_object=name, properties={})
    listed = management.get(path).json()
    names = [schema["related_object"] for schema in listed["data"]]
    assert names == ["Payment", "campaign", "order", "order_item", "voucher"]
    assert listed["total"] == 5


def test_a_definition_is_replaced_whole_and_no_other_changes(management: Client, path: str) -> None:
    properties = {
        "size": {**STRING, "eq": ["S", "M"], "min_length": 1, "array": True},
        "age": {**NUMBER, "gte": 18},
    }
    schema = created(
        management, path, related_object="customer", properties=properties, allow_defined_only=True
    )
    one = f"{path}/{schema['id']}"
    changed = management.put(
        one,
        json={
            "properties": {
                "size": {"type": "string", "optional": True, "array": False, "max_length": 3},
                "new": {"type": "date", "optional": True, "array": False},
            }
        },
    )
    assert changed.status_code == 200
    assert re.fullmatch(STAMP, changed.json()["updated_at"])
    assert changed.json() == {
        **schema,
        "properties": {
            "size": {**STRING, "max_length": 3},
            "age": {**NUMBER, "gte": 18},
            "new": {"type": "date", "array": False, "optional": True, "object_type": None},
        },
        "updated_at": changed.json()["updated_at"],
    }
    assert management.get(one).json() == changed.json()
    again = management.put(one, json={"properties": {}, "allow_defined_only": False}).json()
    assert again["properties"] == changed.json()["properties"]
    assert again["allow_defined_only"] is False


def test_a_type_never_changes(management: Client, path: str) -> None:
    properties = {"size": STRING, "gone": {**STRING, "deleted": True}}
    schema = created(management, path, related_object="customer", properties=properties)
    one = f"{path}/{schema['id']}"
    for name in ("size", "gone"):
        answer = management.put(one, json={"properties": {"new": STRING, name: NUMBER}})
        assert refused(answer) == (
            f"Property .properties.{name}.type cannot be changed from string to number"
        )
    assert management.get(one).json() == schema


def test_what_is_deleted_stays_listed_and_can_come_back(management: Client, path: str) -> None:
    schema = created(management, path, related_object="customer", properties={"size": STRING})
    one = f"{path}/{schema['id']}"
    gone = management.put(one, json={"properties": {"size": {**STRING, "deleted": True}}}).json()
    assert gone["properties"] == {"size": {**STRING, "deleted": True}}
    assert management.get(path).json()["data"] == [gone]
    back = management.put(one, json={"properties": {"size": {**STRING, "deleted": False}}}).json()
    assert back["properties"] == {"size": STRING}


def test_a_hundred_definitions_and_no_more(management: Client, path: str) -> None:
    hundred = {f"k{n}": {**STRING, "deleted": n % 2 == 0} for n in range(100)}
    too_many = {**hundred, "one more": STRING}
    details = "Property .properties must NOT have more than 100 properties"
    body = {"related_object": "customer", "properties": too_many}
    assert refused(management.post(path, json=body)) == details
    schema = created(management, path, related_object="customer", properties=hundred)
    one = f"{path}/{schema['id']}"
    assert refused(management.put(one, json={"properties": {"one more": STRING}})) == details
    assert management.put(one, json={"properties": {"k0": STRING}}).status_code == 200
    assert len(management.get(one).json()["properties"]) == 100


def test_changes_at_once_all_land(management: Client, shop: Shop, path: str) -> None:
    schema = created(management, path, related_object="customer", properties={})

    def add(number: int) -> int:
        with shop.server.management() as client:
            body = {"properties": {f"k{number}": STRING}}
            return client.put(f"{path}/{schema['id']}", json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(add, range(24))) == {200}
    found = management.get(f"{path}/{schema['id']}").json()["properties"]
    assert set(found) == {f"k{number}" for number in range(24)}


def test_a_schema_is_deleted(management: Client, path: str) -> None:
    schema = created(management, path, related_object="customer", properties={"size": STRING})
    one = f"{path}/{schema['id']}"
    answer = management.delete(one)
    assert (answer.status_code, answer.content) == (204, b"")
    assert management.get(path).json() == {
        "object": "list",
        "data_ref": "data",
        "data": [],
        "total": 0,
    }
    for again in (
        management.get(one),
        management.put(one, json={"properties": {}}),
        management.delete(one),
    ):
        assert refused(again, 404, "not_found") == (
            f"Cannot find metadata schema with id {schema['id']}"
        )
        assert again.json()["resource_type"] == "metadata schema"
    # A type is bound to its schema, and the schema is gone.
    created(management, path, related_object="customer", properties={"size": NUMBER})


@pytest.mark.parametrize("noun", ["metadata-schemas", "custom-event-schemas"])
def test_an_unknown_project(management: Client, noun: str) -> None:
    path = f"{PROJECTS}/{NOTHING}/{noun}"
    schema = {"properties": {}}
    body = {"name": "a", "related_object": "a", "properties": {}, "schema": schema}
    for answer in (
        management.post(path, json=body),
        management.get(path),
        management.get(f"{path}/ms_1"),
        management.put(f"{path}/ms_1", json=body),
        management.delete(f"{path}/ms_1"),
    ):
        assert refused(answer, 404, "not_found") == f"Cannot find project with id {NOTHING}"


@pytest.mark.parametrize("noun", ["metadata-schemas", "custom-event-schemas"])
def test_a_schema_of_another_project(management: Client, shop: Shop, noun: str) -> None:
    other = shop.server.project()
    body = {"name": "a", "related_object": "a", "properties": {}, "schema": {"properties": {}}}
    schema = created(management, f"{PROJECTS}/{other.id}/{noun}", **body)
    one = f"{PROJECTS}/{shop.id}/{noun}/{schema['id']}"
    for answer in (management.get(one), management.put(one, json=body), management.delete(one)):
        assert answer.status_code == 404
    assert management.get(f"{PROJECTS}/{other.id}/{noun}").json()["data"] == [schema]


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({}, "Payload should have required property 'related_object'"),
        ({"related_object": "a"}, "Payload should have required property 'properties'"),
        ({"related_object": 1}, "Property .related_object should be string"),
        (
            {"related_object": "", "properties": {}},
            "Property .related_object should NOT be shorter than 1 characters",
        ),
        (
            {"related_object": "a" * 256, "properties": {}},
            "Property .related_object should NOT be longer than 255 characters",
        ),
        ({"related_object": "a", "properties": []}, "Property .properties should be object"),
        (
            {"related_object": "a", "properties": {"Size": []}},
            "Property .properties.Size must be object",
        ),
        (
            {"related_object": "a", "properties": {"Size": {"type": "number", "eq": ["L"]}}},
            "Property .properties.Size.eq.0 must be number",
        ),
        (
            {"related_object": "a", "properties": {"Size": {"type": "date", "lt": 5}}},
            "Property .properties.Size.lt is only available for the type number",
        ),
        (
            {"related_object": "Payment", "properties": {"by": {"type": "object"}}},
            "Property .properties.by.type must be equal to one of the allowed values "
            "[ string, number, date, datetime, geopoint, boolean, image_url ]",
        ),
        (
            {"related_object": "customer", "properties": {"Size": {"type": "text"}}},
            "Property .properties.Size.type must be equal to one of the allowed values "
            "[ string, number, object, date, datetime, geopoint, boolean, image_url ]",
        ),
    ],
)
def test_a_schema_with_a_flaw(
    management: Client, path: str, body: dict[str, Any], details: str
) -> None:
    assert refused(management.post(path, json=body)) == details
    assert management.get(path).json()["total"] == 0


def test_a_change_with_a_flaw_changes_nothing(management: Client, path: str) -> None:
    schema = created(management, path, related_object="Payment", properties={"size": NUMBER})
    one = f"{path}/{schema['id']}"
    bad = {"type": "number", "eq": ["L"]}
    answer = management.put(one, json={"properties": {"new": STRING, "size": bad}})
    assert refused(answer) == "Property .properties.size.eq.0 must be number"
    nested = management.put(one, json={"properties": {"by": {"type": "object"}}})
    assert "must be equal to one of the allowed values" in refused(nested)
    assert management.get(one).json() == schema


# --- metadata schemas, as a project sees its own ------------------------------------------------


def test_a_project_reads_its_own_schemas(management: Client, shop: Shop, path: str) -> None:
    properties = {
        "code": {**STRING, "exact_length": 5, "deleted": True},
        "name": {**STRING, "eq": ["a"], "min_length": 1, "max_length": 9},
        "paid": {"type": "object", "array": True, "optional": False, "object_type": "Payment"},
        "rank": {**NUMBER, "ne": [3], "lt": 9, "lte": 8, "gt": 0, "gte": 1},
    }
    schema = created(management, path, related_object="customer", properties=properties)
    nested = created(
        management, path, related_object="My payment", properties={}, allow_defined_only=True
    )
    spelt = {"min_length": "minLength", "max_length": "maxLength", "exact_length": "exactLength"}
    spelt["object_type"] = "objectType"
    schema["properties"] = {
        key: {spelt.get(name, name): value for name, value in definition.items()}
        for key, definition in properties.items()
    }
    assert shop.api.get("/v1/metadata-schemas/customer").json() == schema
    assert shop.api.get("/v1/metadata-schemas/My%20payment").json() == nested
    listed = shop.api.get("/v1/metadata-schemas")
    assert listed.status_code == 200
    assert listed.json() == {
        "object": "list",
        "data_ref": "schemas",
        "schemas": [nested, schema],
        "total": 2,
    }


@pytest.mark.parametrize("resource", ["customer", "earning_rules", "Payment"])
def test_a_resource_without_a_schema(shop: Shop, resource: str) -> None:
    answer = shop.api.get(f"/v1/metadata-schemas/{resource}")
    assert refused(answer, 404, "not_found") == f"Cannot find metadata schema with id {resource}"
    assert answer.json()["resource_id"] == resource
    assert answer.json()["resource_type"] == "metadata schema"
    assert shop.api.get("/v1/metadata-schemas").json()["total"] == 0


def test_a_projects_schemas_are_nobody_elses(management: Client, shop: Shop, path: str) -> None:
    created(management, path, related_object="customer", properties={})
    other = shop.server.project()
    assert other.api.get("/v1/metadata-schemas").json()["schemas"] == []
    assert other.api.get("/v1/metadata-schemas/customer").status_code == 404


# --- custom event schemas -----------------------------------------------------------------------


def test_an_events_schema_is_created_and_found_again(management: Client, events: str) -> None:
    properties = {
        "published": {"type": "boolean", "optional": True},
        "stars": {"type": "number", "optional": False},
        "title": {"type": "string", "optional": True, "deleted": True},
        "on": {"type": "date", "optional": True},
        "at": {"type": "datetime", "optional": True},
    }
    schema = created(management, events, name="review", schema={"properties": properties})
    assert re.fullmatch(r"ms_[0-9A-Za-z]{24}", schema["id"])
    assert re.fullmatch(STAMP, schema["created_at"])
    assert {name: schema[name] for name in schema if name not in ("id", "created_at")} == {
        "name": "review",
        "schema": {"properties": properties},
        "object": "custom-event-schema",
    }
    assert management.get(f"{events}/{schema['id']}").json() == schema


def test_events_schemas_are_listed_the_newest_first(management: Client, events: str) -> None:
    made = [
        created(management, events, name=name, schema={"properties": {}})
        for name in ("sign_up", "review_left", "newsletter_subscribed")
    ]
    assert management.get(events).json() == {
        "object": "list",
        "data_ref": "data",
        "data": made[::-1],
        "total": 3,
    }


def test_one_schema_for_each_event(management: Client, events: str) -> None:
    body = {"name": "sign-up", "schema": {"properties": {}}}
    created(management, events, **body)
    answer = management.post(events, json=body)
    assert refused(answer, 409, "duplicate_found") == (
        "Duplicated custom_event_schema exists with name sign-up"
    )
    assert answer.json()["resource_id"] == "sign-up"
    assert answer.json()["resource_type"] == "custom_event_schema"
    assert management.get(events).json()["total"] == 1


def test_a_property_is_replaced_whole_and_may_change_its_type(
    management: Client, events: str
) -> None:
    properties = {
        "stars": {"type": "string", "optional": False},
        "title": {"type": "string", "optional": False},
    }
    schema = created(management, events, name="review", schema={"properties": properties})
    one = f"{events}/{schema['id']}"
    new = {"stars": {"type": "number", "optional": True}, "on": {"type": "date", "optional": True}}
    changed = management.put(one, json={"schema": {"properties": new}})
    assert changed.status_code == 200
    assert re.fullmatch(STAMP, changed.json()["updated_at"])
    assert changed.json() == {
        **schema,
        "schema": {"properties": {**properties, **new}},
        "updated_at": changed.json()["updated_at"],
    }
    assert management.get(one).json() == changed.json()


def test_a_property_that_is_deleted_stays_listed(management: Client, events: str) -> None:
    stars = {"type": "number", "optional": True}
    schema = created(management, events, name="review", schema={"properties": {"stars": stars}})
    one = f"{events}/{schema['id']}"
    body = {"schema": {"properties": {"stars": {**stars, "deleted": True}}}}
    gone = management.put(one, json=body).json()
    assert gone["schema"] == body["schema"]
    back = management.put(one, json={"schema": {"properties": {"stars": stars}}}).json()
    assert back["schema"] == {"properties": {"stars": stars}}


def test_an_event_has_a_hundred_properties_and_no_more(management: Client, events: str) -> None:
    plain = {"type": "number", "optional": True}
    hundred = {f"k{n}": plain for n in range(100)}
    schema = created(management, events, name="review", schema={"properties": hundred})
    body = {"schema": {"properties": {"one more": plain}}}
    assert refused(management.put(f"{events}/{schema['id']}", json=body)) == (
        "Property .schema.properties must NOT have more than 100 properties"
    )


def test_an_events_schema_is_deleted(management: Client, events: str) -> None:
    schema = created(management, events, name="review", schema={"properties": {}})
    one = f"{events}/{schema['id']}"
    assert management.delete(one).status_code == 204
    assert management.get(events).json()["data"] == []
    for again in (
        management.get(one),
        management.put(one, json={"schema": {"properties": {}}}),
        management.delete(one),
    ):
        assert refused(again, 404, "not_found") == (
            f"Cannot find custom_event_schema with id {schema['id']}"
        )


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"schema": {"properties": {}}}, "Payload should have required property 'name'"),
        ({"name": "a"}, "Payload should have required property 'schema'"),
        (
            {"name": "a", "schema": {}},
            "Property .schema should have required property 'properties'",
        ),
        (
            {"name": "", "schema": {"properties": {}}},
            "Property .name should NOT be shorter than 1 characters",
        ),
        (
            {"name": "a", "schema": {"properties": {"x": {"optional": True}}}},
            "Property .schema.properties.x must have required property 'type'",
        ),
        (
            {"name": "a", "schema": {"properties": {"x": {"type": "geopoint"}}}},
            "Property .schema.properties.x.type must be equal to one of the allowed values "
            "[ string, number, date, datetime, boolean ]",
        ),
        (
            {"name": "a", "schema": {"properties": {"x": {"type": "string", "optional": 1}}}},
            "Property .schema.properties.x.optional must be boolean",
        ),
        (
            {"name": "a", "schema": {"properties": {"x": "string"}}},
            "Property .schema.properties.x must be object",
        ),
    ],
)
def test_an_events_schema_with_a_flaw(
    management: Client, events: str, body: dict[str, Any], details: str
) -> None:
    assert refused(management.post(events, json=body)) == details
    assert management.get(events).json()["total"] == 0


# --- the SDK ------------------------------------------------------------------------------------


@pytest.fixture
def sdk(server: Server) -> ManagementApi:
    keys = {
        "X-Management-Id": FIRST["management_id"],
        "X-Management-Token": FIRST["management_token"],
    }
    return ManagementApi(ApiClient(Configuration(host=server.url, api_key=keys)))


def test_the_python_sdk_reads_and_writes_schemas(sdk: ManagementApi, shop: Shop) -> None:
    size = {**STRING, "eq": ["S", "M"], "max_length": 1}
    schema = sdk.create_metadata_schema(
        shop.id,
        ManagementProjectsMetadataSchemasCreateRequestBody(
            related_object="product", properties={"size": size}
        ),
    )
    assert (schema.object, schema.related_object) == ("metadata_schema", "product")
    assert (schema.properties, schema.allow_defined_only) == ({"size": size}, False)
    assert schema.updated_at is None
    changed = sdk.update_metadata_schema(
        shop.id,
        schema.id,
        ManagementProjectsMetadataSchemasUpdateRequestBody(properties={"age": NUMBER}),
    )
    assert changed.properties == {"size": size, "age": NUMBER}
    assert sdk.get_metadata_schema1(shop.id, schema.id).updated_at == changed.updated_at
    listed = sdk.list_metadata_schemas1(shop.id)
    assert [(one.id, one.properties) for one in listed.data] == [(schema.id, changed.properties)]
    key = shop.project["server_side_key"]
    keys = {"X-App-Id": key["app_id"], "X-App-Token": key["app_token"]}
    mine = MetadataSchemasApi(ApiClient(Configuration(host=shop.server.url, api_key=keys)))
    assert [one.id for one in mine.list_metadata_schemas().schemas] == [schema.id]
    assert mine.get_metadata_schema("product").properties["size"]["maxLength"] == 1
    sdk.delete_metadata_schema(shop.id, schema.id)
    assert sdk.list_metadata_schemas1(shop.id).total == 0


def test_the_python_sdk_reads_and_writes_events_schemas(sdk: ManagementApi, shop: Shop) -> None:
    stars = {"type": "number", "optional": True}
    body = {"name": "review", "schema": {"properties": {"stars": stars}}}
    schema = sdk.create_custom_event_schema(
        shop.id, ManagementProjectsCustomEventSchemasCreateRequestBody.from_dict(body)
    )
    assert (schema.object, schema.name) == ("custom-event-schema", "review")
    assert schema.var_schema.properties == {"stars": stars}
    assert schema.updated_at is None
    body = {"schema": {"properties": {"on": {"type": "date", "optional": True}}}}
    changed = sdk.update_custom_event_schema(
        shop.id,
        schema.id,
        ManagementProjectsCustomEventSchemasUpdateRequestBody.from_dict(body),
    )
    assert set(changed.var_schema.properties) == {"stars", "on"}
    assert sdk.get_custom_event_schema(shop.id, schema.id).updated_at == changed.updated_at
    [listed] = sdk.list_custom_event_schemas(shop.id).data
    assert (listed.id, listed.updated_at) == (schema.id, changed.updated_at)
    sdk.delete_custom_event_schema(shop.id, schema.id)
    assert sdk.list_custom_event_schemas(shop.id).total == 0


# --- who may call, and what is told -------------------------------------------------------------


def test_only_management_keys_define(shop: Shop, path: str, events: str) -> None:
    for one in (path, events):
        assert shop.api.get(one).status_code == 401
        assert shop.api.post(one, json={}).status_code == 401


def test_every_change_of_a_schema_moves_the_number_of_definitions(
    management: Client, shop: Shop, path: str, events: str
) -> None:
    def number() -> int:
        async def work(connection: Any) -> int:
            found = await connection.fetchval(
                "SELECT version FROM definitions WHERE project_id = $1", shop.id
            )
            return found or 0

        return on_database(shop.server, work)

    assert number() == 0
    schema = created(management, path, related_object="customer", properties={})
    assert number() == 1
    assert management.put(f"{path}/{schema['id']}", json={"properties": {}}).status_code == 200
    assert number() == 2
    assert management.delete(f"{path}/{schema['id']}").status_code == 204
    assert number() == 3
    event = created(management, events, name="review", schema={"properties": {}})
    assert number() == 4
    assert management.put(f"{events}/{event['id']}", json={}).status_code == 200
    assert number() == 5
    assert management.delete(f"{events}/{event['id']}").status_code == 204
    assert number() == 6
    assert management.delete(f"{events}/{event['id']}").status_code == 404
    assert number() == 6
