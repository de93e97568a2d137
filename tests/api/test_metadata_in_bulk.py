"""Metadata schemas in jobs: the row that is wrong fails alone, and says why."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.test_customers import read, save, sql
from tests.api.test_metadata_enforcement import RIGHT, WRONG, define, define_all
from tests.running import Shop

PATHS = {"customer": "/v1/customers", "product": "/v1/products", "order": "/v1/orders"}


def upload(shop: Shop, path: str, *rows: list[str]) -> dict[str, Any]:
    """Imports a file with these rows, the header first; the finished action."""
    text = "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in rows)
    return finished(shop, shop.api.post(path, files={"file": ("file.csv", text.encode())}))


def finished(shop: Shop, answer: httpx.Response) -> dict[str, Any]:
    """The finished action of an answer; imports of orders and products are answered with 200."""
    assert answer.status_code in (200, 202), answer.text
    answer.status_code = 202
    return shop.finished(answer)


def failures(action: dict[str, Any]) -> dict[str, str]:
    """What failed in an action, by source id."""
    result = action["result"]
    rows = result.get("failed") or result.get("errors") or []
    found = {row["source_id"]: row.get("reason") or row["details"] for row in rows}
    assert len(found) == len(rows) == result["failed_count"]
    return found


def names(shop: Shop, table: str) -> list[str]:
    """The source ids there are."""
    rows = sql(shop, f"SELECT source_id FROM {table} WHERE project_id = $1 ORDER BY source_id")
    return [row[0] for row in rows]


def metadata(shop: Shop, noun: str, source_id: str) -> dict[str, Any]:
    answer = shop.api.get(f"{PATHS[noun]}/{source_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["metadata"]
    return found


# --- rows of JSON -------------------------------------------------------------------------------


def in_bulk(shop: Shop, noun: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    path = "/v1/orders/import" if noun == "order" else f"{PATHS[noun]}/bulk/async"
    return finished(shop, shop.api.post(path, json=rows))


@pytest.mark.parametrize("noun", ["customer", "product", "order"])
def test_each_type_wrong_once_in_bulk(shop: Shop, noun: str) -> None:
    define_all(shop, noun)
    rows = [{"source_id": "a first", "metadata": RIGHT}]
    for key, (_, value, _) in WRONG.items():
        rows.append({"source_id": key, "metadata": {**RIGHT, key: value}})
    rows += [
        {"source_id": "nested", "metadata": {"inner": {"deep": 5}}},
        {"source_id": "z last", "metadata": {"undefined": 5}},
    ]
    action = in_bulk(shop, noun, rows)
    found = failures(action)
    assert set(found) == {*WRONG, "nested"}
    for key, (_, _, said) in WRONG.items():
        assert found[key].startswith(f"{key}: {said}")
    assert found["nested"].startswith("inner.deep: must be a string")
    assert action["result"]["done_count"] == 2
    assert names(shop, f"{noun}s") == ["a first", "z last"]
    assert metadata(shop, noun, "a first") == RIGHT
    # Nothing is told of what failed.
    told = sql(
        shop, "SELECT count(*) FROM events WHERE project_id = $1 AND data::text LIKE '%text%'"
    )
    assert told[0][0] == (0 if noun == "order" else 1)


@pytest.mark.parametrize("noun", ["customer", "product", "order"])
def test_what_is_required_and_what_is_allowed_in_bulk(shop: Shop, noun: str) -> None:
    old = {"source_id": "old", "metadata": {"may": "x"}}
    assert shop.api.post(PATHS[noun], json=old).status_code == 200
    may = {"type": "string", "optional": True}
    define(shop, noun, {"must": {"type": "number"}, "may": may}, allow_defined_only=True)
    rows: list[dict[str, Any]] = [
        {"source_id": "good", "metadata": {"must": 1}},
        {"source_id": "nothing"},
        {"source_id": "empty", "metadata": {}},
        {"source_id": "null", "metadata": {"must": None}},
        {"source_id": "undefined", "metadata": {"must": 1, "other": 1}},
        {"source_id": "old", "metadata": {"may": "y"}},
        {"source_id": "also good", "metadata": {"must": 2, "other": None}},
    ]
    action = in_bulk(shop, noun, rows)
    assert failures(action) == {
        "nothing": "must: is required",
        "empty": "must: is required",
        "null": "must: is required",
        "undefined": "other: is not defined in the schema",
    }
    assert names(shop, f"{noun}s") == ["also good", "good", "old"]
    assert metadata(shop, noun, "old") == {"may": "y"}
    again = in_bulk(
        shop,
        noun,
        [
            {"source_id": "good", "metadata": {"must": None}},
            {"source_id": "old", "metadata": {"may": None}},
        ],
    )
    assert failures(again) == {"good": "must: is required"}
    assert (metadata(shop, noun, "good"), metadata(shop, noun, "old")) == ({"must": 1}, {})


def test_customers_and_items_of_imported_orders(shop: Shop) -> None:
    define(shop, "customer", {"age": {"type": "number"}})
    define(shop, "order_item", {"gift": {"type": "boolean", "optional": True}})
    define(shop, "product", {"size": {"type": "string"}})
    sized = {"source_id": "p", "override": True, "metadata": {"size": "S"}}
    rows: list[dict[str, Any]] = [
        {"source_id": "1", "customer": {"source_id": "one", "metadata": {"age": 1}}},
        {"source_id": "2", "customer": {"source_id": "two", "metadata": {"age": "2"}}},
        {"source_id": "3", "customer": {"source_id": "three"}},
        {"source_id": "4", "referrer": {"source_id": "four"}},
        {"source_id": "5", "items": [{"metadata": {"gift": "no"}}]},
        {"source_id": "6", "items": [{"product": {"source_id": "q", "override": True}}]},
        {"source_id": "7", "items": [{"product": sized}], "customer": {"source_id": "x"}},
        {"source_id": "8", "items": [{"product": sized, "metadata": {"gift": True}}]},
    ]
    found = failures(in_bulk(shop, "order", rows))
    assert found == {
        "2": "age: must be a number (actual value is '2')",
        "3": "age: is required",
        "4": "age: is required",
        "5": "gift: must be a boolean (actual value is 'no')",
        "6": "size: is required",
        "7": "age: is required",
    }
    assert names(shop, "orders") == ["1", "8"]
    assert names(shop, "customers") == ["one"]
    assert names(shop, "products") == ["p"]


@pytest.mark.parametrize("noun", ["customer", "product"])
def test_the_same_metadata_for_many(shop: Shop, noun: str) -> None:
    assert shop.api.post(PATHS[noun], json={"source_id": "old"}).status_code == 200
    may = {"type": "string", "optional": True}
    define(shop, noun, {"must": {"type": "number"}, "may": may})

    def merged(given: dict[str, Any]) -> dict[str, str]:
        body = {"source_ids": ["old", "new"], "metadata": given}
        return failures(shop.finished(shop.api.post(f"{PATHS[noun]}/metadata/async", json=body)))

    wrong = "may: must be a string (actual value is 5)"
    assert merged({"must": 1, "may": 5}) == {"old": wrong, "new": wrong}
    assert merged({"must": None}) == {"old": "must: is required", "new": "must: is required"}
    assert (names(shop, f"{noun}s"), metadata(shop, noun, "old")) == (["old"], {})
    # Who exists is changed, who would be new lacks something.
    assert merged({"may": "x"}) == {"new": "must: is required"}
    assert (names(shop, f"{noun}s"), metadata(shop, noun, "old")) == (["old"], {"may": "x"})
    assert merged({"must": 1}) == {}
    assert metadata(shop, noun, "new") == {"must": 1}


# --- files --------------------------------------------------------------------------------------

CELLS = {
    "text": "5",
    "count": "-1.5e2",
    "flag": "TRUE",
    "on": "2024-02-29",
    "at": "2024-02-29T10:00:00Z",
    "place": "52.1, 13.4",
    "image": "https://shop.example/a.png",
    "list": "a, b",
    "size": "S",
    "low": "4",
}
READ: dict[str, Any] = {**CELLS, "count": -150.0, "flag": True, "list": ["a", "b"], "low": 4}
BAD = {
    "count": "many",
    "flag": "5",
    "on": "29.02.2024",
    "at": "noon",
    "place": "91,0",
    "image": "a.png",
    "size": "L",
    "low": "5",
}


@pytest.mark.parametrize("noun", ["customer", "product", "sku"])
def test_cells_become_what_their_definition_says(shop: Shop, noun: str) -> None:
    define_all(shop, "product" if noun == "sku" else noun)
    path = {"customer": "/v1/customers", "product": "/v1/products"}.get(noun, "/v1/skus")
    first = {"customer": ["source_id"], "product": ["name", "source_id"]}
    header = first.get(noun, ["product_id", "source_id"])
    if noun == "sku":
        assert shop.api.post("/v1/products", json={"source_id": "name"}).status_code == 200

    def row(source_id: str, **cells: str) -> list[str]:
        return [*["name"][: len(header) - 1], source_id, *(CELLS | cells).values()]

    rows = [row("good"), *(row(key, **{key: cell}) for key, cell in BAD.items()), row("last")]
    action = upload(shop, f"{path}/importCSV", [*header, *CELLS], *rows)
    found = failures(action)
    assert set(found) == set(BAD)
    for key, reason in found.items():
        assert reason.startswith(f"{key}: {WRONG[key][2].partition(' (')[0]}")
    stored = sql(
        shop,
        f"SELECT source_id, metadata FROM {noun}s WHERE project_id = $1 AND metadata <> '{{}}'",
    )
    assert sorted(row[0] for row in stored) == ["good", "last"]
    assert all(httpx.Response(200, content=bytes(row[1])).json() == READ for row in stored)


@pytest.mark.parametrize("noun", ["customer", "product"])
def test_a_file_has_to_bring_what_is_required(shop: Shop, noun: str) -> None:
    assert shop.api.post(PATHS[noun], json={"source_id": "old"}).status_code == 200
    may = {"type": "string", "optional": True}
    define(shop, noun, {"must": {"type": "number"}, "may": may}, allow_defined_only=True)
    path = f"{PATHS[noun]}/importCSV"
    action = upload(
        shop,
        path,
        ["name", "source_id", "must", "may"],
        ["Good", "good", "1", "x"],
        ["Empty", "empty", "", "x"],
        ["Null", "null", "null", "x"],
        ["Old", "old", "", "x"],
        ["Fine", "fine", "2", ""],
    )
    found = failures(action)
    assert {"empty", "null"} <= set(found) <= {"empty", "null", "old"}
    assert set(found.values()) == {"must: is required"}
    assert names(shop, f"{noun}s") == ["fine", "good", "old"]
    action = upload(shop, path, ["name", "source_id", "other"], ["Good", "good", "1"])
    assert failures(action) == {"good": "other: is not defined in the schema"}


def test_an_empty_cell_does_not_take_away_what_is_required(shop: Shop) -> None:
    """The columns of a file replace what was there; what is required cannot be removed so."""
    define(shop, "customer", {"must": {"type": "number"}})
    save(shop, source_id="old", metadata={"must": 1})
    rows = [["source_id", "must"], ["old", ""]]
    assert failures(upload(shop, "/v1/customers/importCSV", *rows)) == {"old": "must: is required"}
    assert read(shop, "old")["metadata"] == {"must": 1}
