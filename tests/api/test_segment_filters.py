from __future__ import annotations

from typing import Any

import pytest

from tests.api.test_customers import save
from tests.api.test_segments import UNKNOWN, VIPS, get, make, members, segments_of
from tests.running import Shop, until


def refused(shop: Shop, body: Any, details: str, *, key: str = "invalid_payload") -> None:
    """A segment that is not made: 400 with these details, and nothing written."""
    before = shop.api.get("/v1/segments").json()["total"]
    answer = shop.api.post("/v1/segments", json=body)
    assert answer.status_code == 400, answer.text
    assert (answer.json()["key"], answer.json()["details"]) == (key, details)
    assert shop.api.get("/v1/segments").json()["total"] == before


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "details"),
    [
        ({}, "Property .filter should have at least one property"),
        ({"junction": "and"}, "Property .filter should have at least one property"),
        (
            {**VIPS, "junction": "xor"},
            "Property .filter has wrong `junction` property. It must be one of: and, or",
        ),
        (
            {**VIPS, "shoe_size": {"conditions": {"$is": 5}}},
            "Property .filter.shoe_size is not supported",
        ),
        ({"metadata.": {"conditions": {"$is": 5}}}, "Property .filter.metadata. is not supported"),
        ({"metadata.a": {"$is": 5}}, "Property .filter.metadata.a should have 'conditions'"),
        (
            {"metadata.a": {"conditions": {}}},
            "Property .filter.metadata.a should have 'conditions'",
        ),
        (
            {"name": {"conditions": {"$like": "A"}}},
            "Property .filter.name.conditions.$like is not a known operator. It must be one of: "
            "$contains, $ends_with, $has_value, $in, $is, $is_not, $is_unknown, $not_contain, "
            "$not_in, $starts_with",
        ),
        (
            {"segments": {"conditions": {"$is": UNKNOWN}}},
            f"Property .filter speaks of an unknown segment {UNKNOWN}",
        ),
        (
            {"metadata.home": {"conditions": {"$in_location": "loc_x"}}},
            "Property .filter speaks of an unknown location loc_x",
        ),
        (
            {"created_at": {"conditions": {"$after": "yesterday"}}},
            "Property .filter.created_at.conditions.$after cannot be recognized as a ISO-8601 "
            "compliant date",
        ),
        (
            {"metadata.a": {"conditions": {"$more_than": "many"}}},
            "Property .filter.metadata.a.conditions.$more_than should be number",
        ),
        (
            {"metadata.a": {"conditions": {"$is": {"a": {"b": 1}}}}},
            "Property .filter.metadata.a.conditions.$is should be a value or an array of values",
        ),
        (
            {"metadata.a": {"conditions": {"$is": None}}},
            "Property .filter.metadata.a.conditions.$is should be a value or an array of values",
        ),
    ],
)
def test_filters_that_cannot_be_read(shop: Shop, given_: dict[str, Any], details: str) -> None:
    for type_ in ("auto-update", "passive"):
        refused(shop, {"name": "No", "type": type_, "filter": given_}, details)


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"type": "static"}, "Payload should have required property 'name'"),
        ({"name": ""}, "Property .name should NOT be shorter than 1 characters"),
        ({"name": "No", "type": "auto-update"}, "Payload should have required property 'filter'"),
        (
            {"name": "No", "type": "dynamic", "filter": VIPS},
            "Property .type should be equal to one of the allowed values",
        ),
        ({"name": "No", "filter": "all"}, "Property .filter should be object"),
        ({"name": "No", "customers": "ann"}, "Property .customers should be array"),
        ({"name": "No", "customers": [5]}, "Property .customers[0] should be string"),
    ],
)
def test_bodies_that_cannot_be_read(shop: Shop, body: dict[str, Any], details: str) -> None:
    refused(shop, body, details)


def test_a_segment_of_another_project_is_unknown(shop: Shop) -> None:
    theirs = make(shop.server.project(), type="static")["id"]
    refused(
        shop,
        {"name": "No", "filter": {"segments": {"conditions": {"$is": theirs}}}},
        f"Property .filter speaks of an unknown segment {theirs}",
    )


@pytest.mark.parametrize(
    "conditions",
    [
        {"birthdate": {"conditions": {"$after": "9999-12-31"}}},
        {"created_at": {"conditions": {"$after": "9999-12-31T23:59:59.999999Z"}}},
        {"metadata.a": {"conditions": {"$after": "9999-12-31T23:59:59.999999Z"}}},
        {"events.a": {"conditions": {"$after": "9999-12-31T23:59:59.999999Z"}}},
    ],
)
def test_after_the_end_of_time_is_nobody(shop: Shop, conditions: dict[str, Any]) -> None:
    segment = make(shop, filter=conditions, wait=False)
    body = {"source_id": "ann", "birthdate": "9999-12-31", "metadata": {"a": "9999-12-31"}}
    assert shop.api.post("/v1/customers", json=body).status_code == 200
    until(lambda: get(shop, segment["id"])["initial_sync_status"] == "DONE")
    assert members(shop, segment["id"]) == set()


def test_a_very_large_filter_is_decided_or_refused(shop: Shop) -> None:
    """A statement of the database takes a limited number of arguments."""
    save(shop, source_id="ann", metadata={"a0": 1})
    large = {f"metadata.a{n}": {"conditions": {"$is": n}} for n in range(20_000)}
    answer = shop.api.post(
        "/v1/segments", json={"name": "Large", "filter": {"junction": "or", **large}}
    )
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 200:
        until(lambda: get(shop, answer.json()["id"])["initial_sync_status"] == "DONE", 30)


def test_a_hundred_segments_with_filters(shop: Shop) -> None:
    for number in range(100):
        make(shop, f"S{number}", filter={"metadata.n": {"conditions": {"$is": number}}}, wait=False)
    refused(
        shop,
        {"name": "No", "filter": VIPS},
        "A project can have at most 100 active and passive segments",
    )
    # Static ones do not count.
    static = make(shop, "Static", type="static")
    save(shop, source_id="ann", metadata={"n": 42})
    assert segments_of(shop, "ann") == ["S42"]
    newest = shop.api.get("/v1/segments", params={"limit": 2}).json()["data"]
    assert newest[0]["id"] == static["id"]
    assert shop.api.delete(f"/v1/segments/{newest[1]['id']}").status_code == 204
    make(shop, "Yes", filter=VIPS, wait=False)
