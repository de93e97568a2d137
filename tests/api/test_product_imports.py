from __future__ import annotations

import csv
import io
from typing import Any

import httpx
import pytest

from tests.api.test_bulk import report_of
from tests.api.test_customers import sql
from tests.api.test_products import PHONE, read, save
from tests.running import Shop, until

PRODUCTS = """\
name,source_id,price,attributes,image_url,Fashion
T-Shirt,productSourceID11,21,"color,size,ranking",https://images.com/original.jpg,slim
"""


def finished(shop: Shop, accepted: httpx.Response) -> dict[str, Any]:
    """Waits for the async action of an answer, whichever status it came with; the action."""
    assert accepted.status_code in (200, 202), accepted.text
    path = f"/v1/async-actions/{accepted.json()['async_action_id']}"

    def done() -> dict[str, Any] | None:
        action: dict[str, Any] = shop.api.get(path).json()
        return action if action["status"] in ("DONE", "FAILED") else None

    found = until(done, 60)
    assert found is not None
    return found


def upload(shop: Shop, content: str | bytes, noun: str = "products") -> httpx.Response:
    content = content.encode() if isinstance(content, str) else content
    return shop.api.post(f"/v1/{noun}/importCSV", files={"file": ("file.csv", content)})


def imported(shop: Shop, content: str | bytes, noun: str = "products") -> dict[str, Any]:
    """Imports a file and waits; the finished action."""
    return finished(shop, upload(shop, content, noun))


def bulk(shop: Shop, rows: Any) -> dict[str, Any]:
    """Sends products in bulk and waits; the finished action."""
    return finished(shop, shop.api.post("/v1/products/bulk/async", json=rows))


def table(*rows: tuple[str, ...]) -> str:
    """Rows as CSV."""
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def defined(shop: Shop, **properties: Any) -> None:
    """Gives the project a metadata schema for products."""
    with shop.server.management() as management:
        answer = management.post(
            f"/management/v1/projects/{shop.id}/metadata-schemas",
            json={"related_object": "product", "properties": properties},
        )
        assert answer.status_code == 200, answer.text


# --- bulk ---------------------------------------------------------------------------------------


def test_bulk_creates_and_updates_and_reports_which(shop: Shop) -> None:
    known = save(shop, **PHONE)
    action = bulk(
        shop,
        [
            {**PHONE, "source_id": "new"},
            {
                "source_id": "first_product",
                "price": 5,
                "metadata": {"test": None, "n": 1},
                "name": None,
            },
        ],
    )
    assert (action["type"], action["status"]) == ("PRODUCTS.BULK_UPDATE", "DONE")
    result = action["result"]
    assert (result["done_count"], result["failed_count"], result["errors"]) == (2, 0, [])
    new, updated = read(shop, "new"), read(shop, "first_product")
    assert {name: new[name] for name in PHONE} == {**PHONE, "source_id": "new"}
    assert new["updated_at"] is None
    assert updated == {
        **known,
        "price": 5,
        "metadata": {"vendor": "Online Store", "n": 1},
        "updated_at": updated["updated_at"],
    }
    assert report_of(action) == [
        ["1", "new", new["id"], "false", "true", ""],
        ["2", "first_product", known["id"], "true", "true", ""],
    ]


def test_one_product_twice_in_one_request(shop: Shop) -> None:
    action = bulk(
        shop,
        [
            {"source_id": "twice", "name": "First", "price": 1, "metadata": {"a": 1, "b": 1}},
            {"source_id": "between"},
            {"source_id": "twice", "name": "Second", "attributes": ["x"], "metadata": {"a": 2}},
            {"source_id": "twice", "attributes": [], "metadata": {"b": None}},
        ],
    )
    product = read(shop, "twice")
    assert (product["name"], product["price"]) == ("Second", 1)
    assert (product["attributes"], product["metadata"]) == ([], {"a": 2})
    assert [(row[1], row[3]) for row in report_of(action)] == [
        ("twice", "false"),
        ("between", "false"),
        ("twice", "true"),
        ("twice", "true"),
    ]
    kinds = sql(
        shop,
        "SELECT type FROM events WHERE project_id = $1 AND product_id = $2 ORDER BY type",
        product["id"],
    )
    assert [row[0] for row in kinds] == ["product.created", "product.updated", "product.updated"]


def test_one_that_is_wrong_fails_alone(shop: Shop) -> None:
    save(shop, source_id="binned")
    shop.api.delete("/v1/products/binned")
    action = bulk(
        shop,
        [
            {"source_id": "fine"},
            {"source_id": "negative", "price": -1},
            {"source_id": "huge", "price": 10**15 + 1},
            {"source_id": "object", "attributes": {"color": 1}},
            {"source_id": "deep", "metadata": {"a": 2**63}},
            {"source_id": "binned", "name": "Back"},
            {"source_id": "fine too", "price": "7"},
        ],
    )
    assert action["status"] == "DONE"
    result = action["result"]
    assert (result["done_count"], result["failed_count"]) == (2, 5)
    assert {error["source_id"]: error["details"] for error in result["errors"]} == {
        "negative": "Property .price cannot be lower than 0",
        "huge": "Property .price cannot be higher than 1000000000000000",
        "object": "Property .attributes should be array",
        "deep": "Property .metadata.a should be a 64-bit integer",
        "binned": "The product binned is in the bin",
    }
    assert read(shop, "fine too")["price"] == 7
    assert shop.api.get("/v1/products").json()["total"] == 2
    assert shop.api.get("/v1/products/binned").status_code == 404


@pytest.mark.parametrize(
    ("rows", "details"),
    [
        ({}, "Payload should be array"),
        ([{"name": "x"}], "Property [0] should have required property 'source_id'"),
        ([{"source_id": "a"}, {"source_id": ""}], None),
        ([{"source_id": "a"}, 5], None),
        ([{"source_id": "a"}, {"source_id": None}], None),
    ],
)
def test_a_request_that_is_refused_whole(shop: Shop, rows: Any, details: str | None) -> None:
    answer = shop.api.post("/v1/products/bulk/async", json=rows)
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_payload")
    if details is not None:
        assert answer.json()["details"] == details
    assert shop.api.get("/v1/async-actions").json()["async_actions"] == []
    assert shop.api.get("/v1/products").json()["total"] == 0


def test_metadata_for_many(shop: Shop) -> None:
    known = save(shop, **PHONE)
    save(shop, source_id="binned")
    shop.api.delete("/v1/products/binned")
    body = {
        "source_ids": ["first_product", "new", "binned", "new"],
        "metadata": {"label": True, "vendor": None},
    }
    action = finished(shop, shop.api.post("/v1/products/metadata/async", json=body))
    assert action["type"] == "PRODUCTS.METADATA_UPDATE"
    assert [(row[1], row[3], row[5]) for row in report_of(action)] == [
        ("first_product", "true", ""),
        ("new", "false", ""),
        ("binned", "false", "The product binned is in the bin"),
        ("new", "true", ""),
    ]
    updated = read(shop, "first_product")
    assert updated == {
        **known,
        "metadata": {"test": True, "label": True},
        "updated_at": updated["updated_at"],
    }
    assert read(shop, "new")["metadata"] == {"label": True}


def test_metadata_that_the_schema_forbids_fails_every_row(shop: Shop) -> None:
    defined(shop, size={"type": "number"})
    save(shop, source_id="a", metadata={"size": 1})
    body = {"source_ids": ["a", "new"], "metadata": {"size": "large"}}
    action = finished(shop, shop.api.post("/v1/products/metadata/async", json=body))
    assert (action["result"]["done_count"], action["result"]["failed_count"]) == (0, 2)
    assert read(shop, "a")["metadata"] == {"size": 1}
    # Whoever is created has to have what is required; whoever exists has it already.
    action = bulk(shop, [{"source_id": "a", "name": "x"}, {"source_id": "new", "name": "x"}])
    assert [(row[1], row[4]) for row in report_of(action)] == [("a", "true"), ("new", "false")]
    assert shop.api.get("/v1/products").json()["total"] == 1


def test_pages_keep_to_their_limit_after_a_bulk_with_a_flaw(shop: Shop) -> None:
    """A portion that cannot be written as a whole is written row by row."""
    defined(shop, size={"type": "number"})
    rows = [{"source_id": f"{n}", "metadata": {"size": n}} for n in range(30)]
    action = bulk(shop, [*rows, {"source_id": "without"}])
    assert (action["result"]["done_count"], action["result"]["failed_count"]) == (30, 1)
    collection = shop.api.post(
        "/v1/product-collections",
        json={
            "name": "All",
            "type": "AUTO_UPDATE",
            "filter": {"junction": "and", "source_id": {"conditions": {"$is_not": ["x"]}}},
        },
    ).json()
    page = shop.api.get(f"/v1/product-collections/{collection['id']}/products").json()
    assert (len(page["data"]), page["total"]) == (10, 30)


# --- products from a file -----------------------------------------------------------------------


def test_the_template_of_products(shop: Shop) -> None:
    action = imported(shop, PRODUCTS)
    assert (action["type"], action["operation_status"]) == ("PRODUCTS.IMPORT_CSV", "SUCCESS")
    result = action["result"]
    assert result["message"] == "1 product(s) imported successfully, 0 failed."
    assert (result["done_count"], result["failed_count"], result["failed"]) == (1, 0, [])
    shirt = read(shop, "productSourceID11")
    assert (shirt["name"], shirt["attributes"]) == ("T-Shirt", ["color", "size", "ranking"])
    assert shirt["image_url"] == "https://images.com/original.jpg"
    # Files give prices as people write them, answers in minor units.
    assert (shirt["price"], shirt["metadata"]) == (2100, {"Fashion": "slim"})
    assert shirt["updated_at"] is None
    assert report_of(action) == [["1", "productSourceID11", shirt["id"], "false", "true", ""]]


def test_of_a_product_that_exists_a_file_changes_the_name_alone(shop: Shop) -> None:
    before = save(shop, **PHONE)
    save(shop, source_id="binned")
    shop.api.delete("/v1/products/binned")
    action = imported(
        shop,
        "name,source_id,price,attributes,image_url,vendor\n"
        'New name,first_product,1,"a,b",https://other.example,Other\n'
        "Back,binned,1,,,\n",
    )
    assert action["result"]["failed"] == [
        {"source_id": "binned", "row": 2, "reason": "The product binned is in the bin"}
    ]
    after = read(shop, "first_product")
    assert after == {**before, "name": "New name", "updated_at": after["updated_at"]}
    assert after["updated_at"] is not None


def test_headers_in_any_case_and_cells_that_are_empty(shop: Shop) -> None:
    content = table(
        ("NAME", "Source ID", "metadata.Color", "Price", "", "Attributes"),
        ("One", "1", "red", "", "dropped", " a , ,b,"),
        ("Two", "2", "", "5", "", ""),
        ("Three", "", "=1+1", "0", "", "ä"),
    )
    action = imported(shop, b"\xef\xbb\xbf" + content.encode())
    assert action["result"]["done_count"] == 3
    one, two = read(shop, "1"), read(shop, "2")
    assert (one["price"], one["metadata"]) == (None, {"Color": "red"})
    assert one["attributes"] == ["a", "b"]
    assert (two["price"], two["metadata"], two["attributes"]) == (500, {}, [])
    [three] = [
        product
        for product in shop.api.get("/v1/products").json()["products"]
        if product["source_id"] is None
    ]
    assert (three["name"], three["metadata"]) == ("Three", {"Color": "=1+1"})


def test_rows_without_a_source_id_are_new_products_each_time(shop: Shop) -> None:
    for _ in range(2):
        assert imported(shop, "name\nSame\nSame\n")["result"]["done_count"] == 2
    assert shop.api.get("/v1/products").json()["total"] == 4


def test_cells_take_the_types_of_the_schema(shop: Shop) -> None:
    defined(
        shop,
        size={"type": "number", "optional": True},
        fresh={"type": "boolean", "optional": True},
        tags={"type": "string", "array": True, "optional": True},
    )
    action = imported(
        shop,
        table(
            ("name", "source_id", "size", "fresh", "tags", "other"),
            ("A", "a", "1.5", "true", "x,y", "12"),
            ("B", "b", "large", "", "", ""),
        ),
    )
    assert action["result"]["failed"][0]["source_id"] == "b"
    assert action["result"]["done_count"] == 1
    assert read(shop, "a")["metadata"] == {
        "size": 1.5,
        "fresh": True,
        "tags": ["x", "y"],
        "other": "12",
    }


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("", "x", "1"), "The row has no name"),
        (("Name", "x" * 256, "1"), "Property .source_id should NOT be longer than 255 characters"),
        (("N" * 256, "x", "1"), "Property .name should NOT be longer than 255 characters"),
        (("Name", "x", "-1"), "Property .price cannot be lower than 0"),
        (("Name", "x", "cheap"), "Property .price should be number"),
        (("Name", "x", "1,5"), "Property .price should be number"),
        (("Name", "x", "9" * 40), None),
        (("Name", "x", "1000000000000001"), None),
        (("Name", "x", "٣"), "Property .price should be number"),
        (("Na\x00me", "x", "1"), "A cell contains the null character"),
        (("Name", "x"), "The row has 2 cells, the header 3"),
        (("Name", "x", "1", "more"), "The row has 4 cells, the header 3"),
    ],
)
def test_a_row_that_cannot_be_kept_fails_alone(
    shop: Shop, row: tuple[str, ...], reason: str | None
) -> None:
    header = ("name", "source_id", "price")
    action = imported(shop, table(header, ("First", "1", "1"), row, ("Third", "3", "3")))
    assert action["result"]["message"] == "2 product(s) imported successfully, 1 failed."
    [failed] = action["result"]["failed"]
    assert failed["row"] == 2
    if reason is not None:
        assert failed["reason"] == reason
    assert shop.api.get("/v1/products").json()["total"] == 2


@pytest.mark.parametrize(
    ("noun", "content"),
    [
        ("products", b""),
        ("products", b"source_id,price\nx,1\n"),
        ("products", b"name,Name\na,b\n"),
        ("products", b"name,x\x00y\na,b\n"),
        ("products", b"name\n\xff\xfe\n"),
        ("skus", b"source_id,price\nx,1\n"),
        ("skus", b"product_id,price\nx,1\n"),
    ],
)
def test_files_that_are_refused_whole(shop: Shop, noun: str, content: bytes) -> None:
    answer = upload(shop, content, noun)
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_payload")
    assert shop.api.get("/v1/async-actions").json()["async_actions"] == []


def test_a_file_without_rows(shop: Shop) -> None:
    action = imported(shop, "name,source_id\n\n\n")
    assert (action["result"]["done_count"], action["result"]["failed_count"]) == (0, 0)
