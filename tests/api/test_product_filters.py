"""What the filters of product collections find, over properties of every kind."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.test_product_collections import filtered, members
from tests.api.test_products import save
from tests.api.test_skus import save_sku
from tests.running import Server, Shop

SHELF: dict[str, dict[str, Any]] = {
    "plain": {
        "name": "Shirt",
        "price": 1000,
        "attributes": ["color", "size"],
        "image_url": "https://images.example/shirt.png",
        "metadata": {"n": 5, "color": "red", "fresh": True, "at": "2026-03-01T00:00:00Z"},
    },
    "text": {
        "name": "shirt",
        "price": 0,
        "metadata": {"n": "5", "color": ["red", "blue"], "fresh": "true", "at": "2026-03-02"},
    },
    "deep": {
        "name": "50% off_shirt",
        "price": 10**15,
        "metadata": {"n": [1, 50], "color": [], "box": {"size": {"w": 3}}, "at": "soon"},
    },
    "bare": {"metadata": {"n": 5.5, "color": [None, 5], "box": {"size": None}, "a.b": 1}},
}
ALL = set(SHELF)


@pytest.fixture(scope="module")
def shelf(server: Server) -> Shop:
    """A project with four products and a SKU, that no test changes."""
    shop = server.project()
    for name, body in SHELF.items():
        save(shop, source_id=name, **body)
    save_sku(shop, "plain", source_id="sku", sku="Shirt, red", price=7, attributes={"size": "L"})
    return shop


@pytest.mark.parametrize(
    ("field", "conditions", "expected"),
    [
        # Text.
        ("name", {"$is": ["Shirt"]}, {"plain"}),
        ("name", {"$in": ["Shirt", "shirt"]}, {"plain", "text"}),
        ("name", {"$is_not": ["Shirt"]}, {"text", "deep", "bare"}),
        ("name", {"$not_in": ["Shirt", "shirt"]}, {"deep", "bare"}),
        ("name", {"$contains": ["hir"]}, {"plain", "text", "deep"}),
        ("name", {"$contains": ["%"]}, {"deep"}),
        ("name", {"$contains": ["_"]}, {"deep"}),
        ("name", {"$not_contain": ["hir"]}, {"bare"}),
        ("name", {"$starts_with": ["Sh", "50%"]}, {"plain", "deep"}),
        ("name", {"$ends_with": ["irt"]}, {"plain", "text", "deep"}),
        ("name", {"$has_value": []}, {"plain", "text", "deep"}),
        ("name", {"$is_unknown": []}, {"bare"}),
        ("name", {"$starts_with": ["S"], "$ends_with": ["t"]}, {"plain"}),
        ("source_id", {"$starts_with": ["de", "te"]}, {"deep", "text"}),
        ("object", {"$is": ["product"]}, ALL),
        ("product_id", {"$has_value": []}, set()),
        ("image_url", {"$contains": ["images"]}, {"plain"}),
        # Numbers.
        ("price", {"$is": [1000]}, {"plain"}),
        ("price", {"$is": ["1000"]}, {"plain"}),
        ("price", {"$is_not": [1000]}, {"text", "deep", "bare"}),
        ("price", {"$more_than": [0]}, {"plain", "deep"}),
        ("price", {"$more_than_equal": [0]}, {"plain", "text", "deep"}),
        ("price", {"$less_than": [1000]}, {"text"}),
        ("price", {"$less_than_equal": [1000]}, {"plain", "text"}),
        ("price", {"$less_than": [0.5]}, {"text"}),
        ("price", {"$more_than": ["1e14"]}, {"deep"}),
        ("price", {"$more_than": [0], "$less_than": [10**6]}, {"plain"}),
        ("price", {"$has_value": []}, {"plain", "text", "deep"}),
        # Attributes and SKUs.
        ("attributes", {"$is": ["color"]}, {"plain"}),
        ("attributes", {"$contains": ["siz"]}, {"plain"}),
        ("attributes", {"$count": [2]}, {"plain"}),
        ("attributes", {"$count_less": [1]}, {"text", "deep", "bare"}),
        ("attributes", {"$is_unknown": []}, {"text", "deep", "bare"}),
        ("skus", {"$count_more": [0]}, {"plain"}),
        ("skus", {"$has_value": []}, {"plain"}),
        # Times.
        ("created_at", {"$after": ["2020-01-01"]}, ALL),
        ("created_at", {"$before": ["2020-01-01"]}, set()),
        ("created_at", {"$is_days_ago": [0]}, ALL),
        ("created_at", {"$more_than": [1]}, set()),
        ("created_at", {"$less_than": [1]}, ALL),
        ("created_at", {"$less_than_ago": [1]}, ALL),
        ("created_at", {"$more_than_future": [1]}, set()),
        ("updated_at", {"$is_unknown": []}, ALL),
        ("updated_at", {"$before": ["2020-01-01"]}, set()),
        # Metadata: a number is a number, and text that looks like one is text.
        ("metadata.n", {"$is": [5]}, {"plain", "text"}),
        ("metadata.n", {"$is": ["5.0"]}, {"plain"}),
        ("metadata.n", {"$is": [50]}, {"deep"}),
        ("metadata.n", {"$is_not": [5]}, {"deep", "bare"}),
        ("metadata.n", {"$more_than": [4]}, {"plain", "deep", "bare"}),
        ("metadata.n", {"$less_than": [5]}, {"deep"}),
        ("metadata.n", {"$less_than_equal": [5]}, {"plain", "deep"}),
        ("metadata.n", {"$starts_with": ["5"]}, {"text"}),
        ("metadata.n", {"$count": [1]}, {"plain", "text", "bare"}),
        ("metadata.n", {"$count_more": [1]}, {"deep"}),
        # Arrays: any element counts. An empty one has no value.
        ("metadata.color", {"$is": ["red"]}, {"plain", "text"}),
        ("metadata.color", {"$in": ["blue", "5"]}, {"text", "bare"}),
        ("metadata.color", {"$is_not": ["red"]}, {"deep", "bare"}),
        ("metadata.color", {"$contains": ["e"]}, {"plain", "text"}),
        ("metadata.color", {"$has_value": []}, {"plain", "text", "bare"}),
        ("metadata.color", {"$is_unknown": []}, {"deep"}),
        ("metadata.color", {"$count": [2]}, {"text", "bare"}),
        ("metadata.fresh", {"$is": ["true"]}, {"plain", "text"}),
        ("metadata.fresh", {"$is": ["false"]}, set()),
        # Dates.
        ("metadata.at", {"$after": ["2026-03-01"]}, {"text"}),
        ("metadata.at", {"$before": ["2026-03-02"]}, {"plain"}),
        ("metadata.at", {"$more_than_ago": [1]}, {"plain", "text"}),
        ("metadata.at", {"$has_value": []}, {"plain", "text", "deep"}),
        # Nested.
        ("metadata.box.size.w", {"$is": [3]}, {"deep"}),
        ("metadata.box.size", {"$has_value": []}, {"deep"}),
        ("metadata.box.size", {"$is_unknown": []}, {"plain", "text", "bare"}),
        ("metadata.a.b", {"$is": [1]}, {"bare"}),
        ("metadata.nothing", {"$is": ["x"]}, set()),
        ("metadata.nothing", {"$is_not": ["x"]}, ALL),
        ("metadata.nothing", {"$count": [0]}, ALL),
        ("metadata.'; --", {"$is": ["'; DROP TABLE products"]}, set()),
    ],
)
def test_a_condition_on_products(
    shelf: Shop, field: str, conditions: Any, expected: set[str]
) -> None:
    body = {"object": {"$is": ["product"]}, field: conditions}
    with_filter(shelf, body, expected)


def with_filter(
    shop: Shop, fields: dict[str, Any], expected: set[str], junction: str = "and"
) -> None:
    """Asks for what fulfils a filter; the collection is deleted again, for there may be but 100."""
    made = filtered(shop, fields, junction)
    try:
        assert set(members(shop, made, limit=100)) == expected
    finally:
        shop.api.delete(f"/v1/product-collections/{made['id']}")


def test_a_sku_is_judged_for_itself(shelf: Shop) -> None:
    plain = shelf.api.get("/v1/products/plain").json()["id"]
    sku = {"object": {"$is": ["sku"]}}
    for fields in (
        {"name": {"$ends_with": [", red"]}},
        {"price": {"$is": [7]}},
        {"product_id": {"$is": [plain]}},
        # Its product's metadata are its own.
        {"metadata.color": {"$is": ["red"]}, **sku},
        {"skus": {"$is_unknown": []}, **sku},
        {"attributes": {"$has_value": []}, **sku},
    ):
        with_filter(shelf, fields, {"sku"})
    with_filter(shelf, {"price": {"$is": [1000]}, **sku}, set())


def test_junctions(shelf: Shop) -> None:
    fields = {"name": {"$is": ["Shirt"]}, "price": {"$is": [0]}}
    with_filter(shelf, fields, set(), "and")
    with_filter(shelf, fields, {"plain", "text"}, "or")


def test_the_elements_of_an_array_of_ids(shelf: Shop) -> None:
    sku = shelf.api.get("/v1/skus/sku").json()["id"]
    with_filter(shelf, {"skus": {"$is": [sku]}}, {"plain"})
    with_filter(shelf, {"id": {"$is": [sku]}}, {"sku"})


def test_updated_products(shop: Shop) -> None:
    save(shop, source_id="still")
    save(shop, source_id="moved")
    moved = save(shop, source_id="moved", name="x")
    with_filter(shop, {"updated_at": {"$has_value": []}}, {"moved"})
    with_filter(shop, {"updated_at": {"$is": [moved["updated_at"]]}}, {"moved"})
    with_filter(shop, {"updated_at": {"$after": [moved["updated_at"]]}}, set())
    with_filter(shop, {"updated_at": {"$less_than": [1]}}, {"moved"})


def test_values_alone_are_answered_as_arrays(shop: Shop) -> None:
    """They are accepted; the reference's schema and the SDKs know arrays alone."""
    save(shop, source_id="p", price=5)
    made = filtered(shop, {"price": {"$is": 5}, "source_id": {"$has_value": ""}})
    assert made["filter"]["price"] == {"conditions": {"$is": [5]}}
    assert members(shop, made) == ["p"]


@pytest.mark.parametrize(
    ("field", "conditions", "details"),
    [
        ("currency", {"$is": ["USD"]}, "Property .filter.currency is not supported"),
        ("metadata", {"$is": ["x"]}, "Property .filter.metadata is not supported"),
        ("metadata.", {"$is": ["x"]}, "Property .filter.metadata. is not supported"),
        ("project_id", {"$is": ["x"]}, "Property .filter.project_id is not supported"),
        ("name", {}, "Property .filter.name should have 'conditions'"),
        ("name", [], "Property .filter.name should have 'conditions'"),
        ("name", None, "Property .filter.name should have 'conditions'"),
        (
            "name",
            {"$is": []},
            "Property .filter.name.conditions.$is should have 1 to 1000 values",
        ),
        (
            "name",
            {"$in": ["x"] * 1001},
            "Property .filter.name.conditions.$in should have 1 to 1000 values",
        ),
        (
            "name",
            {"$is": [{"a": 1}]},
            "Property .filter.name.conditions.$is should be a value or an array of values",
        ),
        (
            "name",
            {"$is": [None]},
            "Property .filter.name.conditions.$is should be a value or an array of values",
        ),
        ("price", {"$is": ["cheap"]}, "Property .filter.price.conditions.$is should be number"),
        ("price", {"$is": [True]}, "Property .filter.price.conditions.$is should be number"),
        (
            "price",
            {"$more_than": [1, 2]},
            "Property .filter.price.conditions.$more_than should be one value",
        ),
        (
            "metadata.n",
            {"$count": [-1]},
            "Property .filter.metadata.n.conditions.$count should be a whole number from 0 to "
            "36500",
        ),
        (
            "created_at",
            {"$more_than": [36501]},
            "Property .filter.created_at.conditions.$more_than should be a whole number from 0 to "
            "36500",
        ),
        (
            "created_at",
            {"$after": ["2026-02-30"]},
            "Property .filter.created_at.conditions.$after cannot be recognized as a ISO-8601 "
            "compliant date",
        ),
    ],
)
def test_filters_that_are_refused(shop: Shop, field: str, conditions: Any, details: str) -> None:
    body = {
        "name": "x",
        "type": "AUTO_UPDATE",
        "filter": {"junction": "and", field: {"conditions": conditions}},
    }
    answer = shop.api.post("/v1/product-collections", json=body)
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_payload")
    assert answer.json()["details"] == details


@pytest.mark.parametrize(
    ("field", "operator"),
    [
        ("price", "$contains"),
        ("price", "$after"),
        ("price", "$count"),
        ("name", "$more_than"),
        ("name", "$like"),
        ("name", "is"),
        ("created_at", "$contains"),
        ("name", "$in_location"),
    ],
)
def test_operators_that_a_property_does_not_know(shop: Shop, field: str, operator: str) -> None:
    given = {"junction": "and", field: {"conditions": {operator: [1]}}}
    body = {"name": "x", "type": "AUTO_UPDATE", "filter": given}
    answer = shop.api.post("/v1/product-collections", json=body)
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_payload")
    path = f"Property .filter.{field}.conditions.{operator} is not a known operator."
    assert answer.json()["details"].startswith(path)


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59.999999Z", "9999-12-31", "0001-01-01"])
@pytest.mark.parametrize("operator", ["$after", "$before", "$is"])
def test_the_ends_of_time(shop: Shop, operator: str, moment: str) -> None:
    """What is accepted has to be answerable for good: it may be refused, but never fail later."""
    save(shop, source_id="p", metadata={"at": moment})
    for field in ("created_at", "metadata.at"):
        given = {"junction": "and", field: {"conditions": {operator: [moment]}}}
        body = {"name": "x", "type": "AUTO_UPDATE", "filter": given}
        answer = shop.api.post("/v1/product-collections", json=body)
        if answer.status_code == 200:
            members(shop, answer.json())
        else:
            assert answer.json()["key"] == "invalid_payload"


@pytest.mark.parametrize("count", [33, 1000])
def test_a_filter_too_large_for_a_statement_is_refused(shop: Shop, count: int) -> None:
    texts = ["x" * 5] * (33_000 // count)
    given = {f"metadata.k{n}": {"conditions": {"$contains": texts}} for n in range(count)}
    body = {"name": "x", "type": "AUTO_UPDATE", "filter": {"junction": "or", **given}}
    answer = shop.api.post("/v1/product-collections", json=body)
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_payload")


# --- anything at all ----------------------------------------------------------------------------

FIELDS = [
    *("id", "product_id", "source_id", "name", "price", "object", "attributes", "image_url"),
    *("skus", "created_at", "updated_at", "metadata.n", "metadata.color", "metadata.at"),
    *("metadata.box.size", "metadata.a.b", "metadata..", "metadata.ä😀"),
]
WORDS = [
    *("$is", "$is_not", "$in", "$not_in", "$contains", "$not_contain", "$starts_with"),
    *("$ends_with", "$more_than", "$less_than", "$more_than_equal", "$less_than_equal"),
    *("$after", "$before", "$is_days_ago", "$is_days_in_future", "$more_than_ago"),
    *("$less_than_ago", "$more_than_future", "$less_than_future", "$count", "$count_less"),
    *("$count_more", "$has_value", "$is_unknown", "$in_location", "$not_in_location"),
    *("$next_month", "$greater_than"),
]
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    st.sampled_from(["5", "-0", "1e99", "2026-03-01", "2026-03-01T00:00:00+14:00", "9999-12-31"]),
    st.datetimes().map(lambda at: at.isoformat()),
)
CONDITIONS = st.dictionaries(
    st.sampled_from(WORDS), SCALARS | st.lists(SCALARS, max_size=3), min_size=1, max_size=2
)
FILTERS = st.dictionaries(st.sampled_from(FIELDS), CONDITIONS, min_size=1, max_size=3)


def whatever(shop: Shop, junction: str, fields: dict[str, Any]) -> None:
    """A filter is refused, or it can be answered. The reference's schema knows fewer values."""
    api = httpx.Client(base_url=shop.server.url, headers=shop.api.headers, timeout=60)
    conditions = {name: {"conditions": given} for name, given in fields.items()}
    body = {
        "name": "x",
        "type": "AUTO_UPDATE",
        "filter": {"junction": junction, **conditions},
    }
    answer = api.post("/v1/product-collections", json=body)
    if answer.status_code != 200:
        assert (answer.status_code, answer.json()["key"]) == (400, "invalid_payload")
        return
    path = f"/v1/product-collections/{answer.json()['id']}"
    found = api.get(f"{path}/products", params={"limit": 100})
    assert found.status_code == 200, (body, found.text)
    assert len(found.json()["data"]) == found.json()["total"] <= 5
    assert api.delete(path).status_code == 204


@given(st.sampled_from(["and", "or"]), FILTERS)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_filter_is_refused_or_answered(
    shelf: Shop, junction: str, fields: dict[str, Any]
) -> None:
    whatever(shelf, junction, fields)


@pytest.mark.soak
@given(st.sampled_from(["and", "or"]), FILTERS)
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_filter_is_refused_or_answered_at_length(
    shelf: Shop, junction: str, fields: dict[str, Any]
) -> None:
    whatever(shelf, junction, fields)
