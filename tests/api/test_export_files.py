"""What stands in the files of exports, and how they are handed out."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.api.test_customers import BOB, TIME, read, save, sql
from tests.api.test_exports import ALLOWED, file, files, link
from tests.running import Shop

SCHEMAS = "/management/v1/projects/{}/metadata-schemas"


def define(shop: Shop, noun: str, **properties: dict[str, Any]) -> None:
    """Gives a project a metadata schema; what is not said of a property is optional."""
    body = {
        "related_object": noun,
        "properties": {key: {"optional": True, **one} for key, one in properties.items()},
    }
    with shop.server.management() as management:
        answer = management.post(SCHEMAS.format(shop.id), json=body)
        assert answer.status_code == 200, answer.text


def post(shop: Shop, path: str, **body: Any) -> dict[str, Any]:
    answer = shop.api.post(path, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def column(shop: Shop, noun: str, field: str, **parameters: Any) -> list[str]:
    """One column of a new export, without its header."""
    return [row[0] for row in file(shop, noun, fields=[field], **parameters)[1:]]


# --- fields -------------------------------------------------------------------------------------


def test_all_fields_of_customers(shop: Shop) -> None:
    bob = save(shop, **BOB | {"birthday": "1990-01-02"})
    post(shop, "/v1/orders", status="PAID", amount=1001, customer={"source_id": "source_123"})
    post(shop, "/v1/orders", status="PAID", amount=200, customer={"source_id": "source_123"})
    sql(
        shop,
        "UPDATE customers SET redemptions_total_redeemed = 1, redemptions_total_failed = 2, "
        "redemptions_total_succeeded = 3, redemptions_total_rolled_back = 4, "
        "redemptions_total_rollback_failed = 5, redemptions_total_rollback_succeeded = 6, "
        "loyalty_points = -7, loyalty_referred_customers = 8 WHERE project_id = $1",
    )
    [stored] = sql(shop, "SELECT orders_last_date, updated_at FROM customers WHERE project_id = $1")
    fields = sorted(ALLOWED["customer"] - {"metadata"})
    header, row = file(shop, "customer", fields=fields)
    found = dict(zip(fields, row, strict=True))
    assert re.fullmatch(TIME, found["updated_at"] or bob["created_at"])
    assert found == {
        "id": bob["id"],
        "source_id": "source_123",
        "name": "Bob Smith",
        "description": "A frequent customer",
        "email": "bob.smith@email.example",
        "phone": "'+1 933 222 3333",
        "address_city": "New York",
        "address_state": "NY",
        "address_line_1": "123 Main St.",
        "address_line_2": "APT 3 BLG 4",
        "address_country": "United States",
        "address_postal_code": "10001",
        "birthday": "1990-01-02",
        "birthdate": "2022-01-01",
        "created_at": bob["created_at"],
        "updated_at": read(shop, bob["id"]).get("updated_at") or "",
        "orders_total_amount": "1201",
        "orders_total_count": "2",
        "orders_average_amount": "601",
        "orders_last_order_amount": "200",
        "orders_last_order_date": stored[0].isoformat(timespec="milliseconds")[:23] + "Z",
        "redemptions_total_redeemed": "1",
        "redemptions_total_failed": "2",
        "redemptions_total_succeeded": "3",
        "redemptions_total_rolled_back": "4",
        "redemptions_total_rollback_failed": "5",
        "redemptions_total_rollback_succeeded": "6",
        "loyalty_points": "-7",
        "loyalty_referred_customers": "8",
    }
    assert header[:4] == ["Address City", "Address Country", "Address Line 1", "Address Line 2"]
    assert file(shop, "customer")[0] == ["Name", "Source ID"]


def test_all_fields_of_orders(shop: Shop) -> None:
    item = {"quantity": 2, "price": 50, "discount_amount": 10}
    order = post(
        shop,
        "/v1/orders",
        source_id="o1",
        status="FULFILLED",
        items=[item],
        discount_amount=5,
        customer={"source_id": "bob"},
        referrer={"source_id": "ann"},
    )
    order = shop.api.put("/v1/orders/o1", json={"metadata": {"a": 1}}).json()
    fields = sorted(ALLOWED["order"] - {"metadata"})
    rows = file(shop, "order", fields=fields)
    assert rows[1:] == [[str(order[field]) for field in fields]]
    assert (order["amount"], order["total_discount_amount"]) == (100, 15)
    assert file(shop, "order") == [["ID", "Source ID", "Status"], [order["id"], "o1", "FULFILLED"]]
    post(shop, "/v1/orders")
    assert rows[1] in (found := file(shop, "order", fields=fields))
    assert len(found) == 3


def test_all_fields_of_products_and_skus(shop: Shop) -> None:
    product = post(
        shop,
        "/v1/products",
        source_id="p1",
        name="Phone",
        price=700,
        attributes=["colour", "size, in inches"],
        image_url="https://shop.example/p.png",
    )
    sku = post(
        shop,
        "/v1/products/p1/skus",
        source_id="s1",
        sku="Phone, red",
        price=710,
        currency="EUR",
        attributes={"colour": "red"},
        image_url="https://shop.example/s.png",
    )
    default = ["id", "name", "price", "image_url", "source_id", "attributes", "created_at"]
    assert file(shop, "product") == [
        ["ID", "Name", "Price", "Image URL", "Source ID", "Attributes", "Created At"],
        [str(product[name]) for name in default[:5]]
        + ["colour,size, in inches", product["created_at"]],
    ]
    default = ["id", "sku", "product_id", "currency", "price", "image_url", "source_id"]
    assert file(shop, "sku") == [
        [
            *("ID", "SKU", "Product ID", "Currency", "Price", "Image URL", "Source ID"),
            *("Attributes", "Created At"),
        ],
        [str(sku[name]) for name in default] + ['{"colour": "red"}', sku["created_at"]],
    ]
    assert column(shop, "product", "updated_at") == column(shop, "sku", "updated_at") == [""]
    # What is in the bin is no longer sold.
    shop.api.delete("/v1/products/p1/skus/s1")
    assert file(shop, "sku", fields=["id"]) == [["ID"]]
    shop.api.delete("/v1/products/p1")
    assert file(shop, "product", fields=["id"]) == [["ID"]]


@pytest.mark.parametrize("noun", ALLOWED)
def test_an_export_of_nothing_is_a_header(shop: Shop, noun: str) -> None:
    assert [len(row) for row in file(shop, noun, fields=sorted(ALLOWED[noun]))] == [
        len(ALLOWED[noun])
    ]


def test_fields_stand_in_the_order_asked_for_and_twice_where_asked_twice(shop: Shop) -> None:
    save(shop, source_id="bob", name="Bob", metadata={"a": 1})
    assert file(shop, fields=["source_id", "metadata.a", "name", "source_id", "metadata.a"]) == [
        ["Source ID", "metadata.a", "Name", "Source ID", "metadata.a"],
        ["bob", "1", "Bob", "bob", "1"],
    ]


# --- metadata -----------------------------------------------------------------------------------

MIXED = {
    "text": "a, \"b\"\n'c'",
    "number": -1.5,
    "whole": 12345678901234567,
    "yes": True,
    "list": ["x", 2, None, "y"],
    "empty": [],
    "inner": {"a": {"b": ["deep"]}},
    "with.dot": "dotted",
    "ключ €": "ü",
}


def test_metadata_by_key(shop: Shop) -> None:
    save(shop, source_id="bob", metadata=MIXED)
    keys = [*MIXED, "inner.a.b", "none", "$1", 'it\'s \\ "q" %s {0}']
    header, row = file(shop, fields=[f"metadata.{key}" for key in keys])
    assert header == [f"metadata.{key}" for key in keys]
    assert dict(zip(keys, row, strict=True)) == {
        "text": "a, \"b\"\n'c'",
        "number": "-1.5",
        "whole": "12345678901234567",
        "yes": "true",
        "list": "x,2,y",
        "empty": "",
        "inner": '{"a": {"b": ["deep"]}}',
        "inner.a.b": "deep",
        "with.dot": "dotted",
        "ключ €": "ü",
        "none": "",
        "$1": "",
        'it\'s \\ "q" %s {0}': "",
    }


def test_metadata_as_a_whole_without_a_schema_is_json(shop: Shop) -> None:
    save(shop, source_id="bob", metadata=MIXED)
    [header, [cell]] = file(shop, fields=["metadata"])
    assert header == ["Metadata"]
    assert httpx.Response(200, text=cell).json() == MIXED


@pytest.mark.parametrize("noun", ["customer", "order", "product", "sku"])
def test_metadata_as_a_whole_is_a_column_for_each_definition(shop: Shop, noun: str) -> None:
    schema = "product" if noun == "sku" else noun
    define(
        shop,
        schema,
        age={"type": "number"},
        gone={"type": "string", "deleted": True},
        tags={"type": "string", "array": True},
        unused={"type": "date"},
    )
    metadata = {"age": 5, "tags": ["a", "b"], "undefined": "u", "gone": "g"}
    path = {"customer": "/v1/customers", "order": "/v1/orders"}.get(noun, "/v1/products")
    post(shop, path, source_id="one", metadata=metadata)
    if noun == "sku":
        post(shop, "/v1/products/one/skus", source_id="one", metadata=metadata)
    fields = ["source_id", "metadata", "metadata.undefined"]
    header, row = file(shop, noun, fields=fields)
    found = dict(zip(header, row, strict=True))
    assert found == {
        "Source ID": "one",
        "metadata.age": "5",
        "metadata.tags": "a,b",
        "metadata.unused": "",
        "metadata.undefined": "u",
    }


# --- order --------------------------------------------------------------------------------------


def test_order_by_text_and_time(shop: Shop) -> None:
    for name in "bca":
        save(shop, name=name)
        post(shop, "/v1/products", name=name)
    expected = {
        "name": "abc",
        "-name": "cba",
        "created_at": "bca",
        "-created_at": "acb",
        "": "acb",
    }
    for noun in ("customer", "product"):
        asked = [(noun, {"fields": ["name"], "order": order}) for order in expected]
        found = ["".join(row[0] for row in rows[1:]) for rows in files(shop, *asked)]
        assert found == list(expected.values())


def test_order_by_what_is_written_another_way(shop: Shop) -> None:
    """A price stands as text in the file, a name perhaps behind an apostrophe; the order is that
    of the values.
    """
    for name, price in (("d", 9), ("+b", 100), ("'a", 10), ("e", None)):
        post(shop, "/v1/products", source_id=f"{name}", name=name, price=price)
        post(shop, "/v1/products/d/skus", source_id=f"s{name}", sku=name, price=price)
    for noun, name in (("product", "name"), ("sku", "sku")):
        both = ["price", name]
        up, down, by_name, only_ids, with_id = files(
            shop,
            (noun, {"fields": both, "order": "price"}),
            (noun, {"fields": both, "order": "-price"}),
            (noun, {"fields": [name], "order": name}),
            (noun, {"fields": ["id"], "order": name}),
            (noun, {"fields": [name, "id"], "order": name}),
        )
        assert [row[0] for row in up[1:]] == ["", "9", "10", "100"]
        assert [row[0] for row in down[1:]] == ["100", "10", "9", ""]
        # With or without the column in the file.
        assert [row[:1] for row in with_id] == by_name
        assert [row[1:] for row in with_id] == only_ids


@pytest.mark.parametrize(
    ("noun", "orders"),
    [
        ("customer", ["name", "id", "email", "source_id", "created_at", "updated_at"]),
        ("order", ["created_at", "updated_at", "status"]),
        ("product", ["created_at", "updated_at", "name", "id", "source_id", "price"]),
        ("sku", ["created_at", "updated_at", "sku", "id", "source_id", "price"]),
    ],
)
def test_every_order_there_is(shop: Shop, noun: str, orders: list[str]) -> None:
    path = {"customer": "customers", "order": "orders"}.get(noun, "products")
    for source_id in ("a", "b", "c"):
        post(shop, f"/v1/{path}", source_id=source_id)
    for source_id in "abc" if noun == "sku" else "":
        post(shop, "/v1/products/a/skus", source_id=source_id)
    changed = {"status": "PAID"} if noun == "order" else {"metadata": {"b": 1}}
    changed_path = "products/a/skus" if noun == "sku" else path
    assert shop.api.put(f"/v1/{changed_path}/b", json=changed).status_code == 200
    asked = [f"{sign}{order}" for order in orders for sign in ("", "-")]
    found = files(shop, *((noun, {"fields": ["source_id"], "order": order}) for order in asked))
    names = {order: [row[0] for row in rows[1:]] for order, rows in zip(asked, found, strict=True)}
    for order in orders:
        assert sorted(names[order]) == ["a", "b", "c"]
        assert names[order] == names[f"-{order}"][::-1]
    assert names["created_at"] == ["a", "b", "c"]
    assert names["-updated_at"][0] == "b"
    assert names.get("source_id", ["a", "b", "c"]) == ["a", "b", "c"]
    assert names.get("-status", ["b"])[0] == "b"


# --- safe in a spreadsheet ----------------------------------------------------------------------

FORMULAS = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "=\nx", '=HYPERLINK("x","y")']


def test_nothing_opens_as_a_formula(shop: Shop) -> None:
    post(shop, "/v1/products", source_id="p")
    for n, formula in enumerate(FORMULAS):
        name = f"{n}"
        metadata = {"a": formula, "b": [formula, 1], formula: formula, "c": {"d": formula}}
        save(
            shop,
            source_id=name,
            name=formula,
            email=formula,
            address={"city": formula},
            metadata=metadata,
        )
        product = {"name": formula, "attributes": [formula], "image_url": formula}
        post(shop, "/v1/products", source_id=f"p{name}", metadata=metadata, **product)
        sku = {"sku": formula, "currency": formula}
        post(shop, "/v1/products/p/skus", source_id=name, metadata=metadata, **sku)
        post(shop, "/v1/orders", source_id=formula, metadata=metadata)
    keys = [f"metadata.{key}" for key in ("a", "c.d", *FORMULAS)]
    fields = {
        "customer": ["name", "email", "address_city"],
        "product": ["name", "attributes", "image_url"],
        "sku": ["sku", "currency"],
        "order": ["source_id"],
    }
    asked = [
        (noun, {"fields": [*names, "metadata.b", *keys], "order": "created_at"})
        for noun, names in fields.items()
    ]
    for (noun, names), rows in zip(fields.items(), files(shop, *asked), strict=True):
        assert rows[0][len(names) :] == ["metadata.b", *keys]
        # The product that has the SKUs comes first.
        told = rows[2:] if noun == "product" else rows[1:]
        for n, formula in enumerate(FORMULAS):
            own = ["" if other != formula else f"'{formula}" for other in FORMULAS]
            plain = [f"'{formula}"] * len(names)
            assert told[n] == [*plain, f"'{formula},1", f"'{formula}", f"'{formula}", *own]


def test_numbers_are_no_formulas(shop: Shop) -> None:
    save(shop, metadata={"a": -1, "b": -0.5, "c": "-1"})
    assert file(shop, fields=["metadata.a", "metadata.b", "metadata.c"])[1] == ["-1", "-0.5", "'-1"]


def test_no_key_begins_a_row_of_its_own(shop: Shop) -> None:
    save(shop, source_id="bob", metadata={"a\r=1+1": "x", "a\n=1+1": "y"})
    keys = ["a\r=1+1", "a\n=1+1"]
    text = httpx.get(link(shop, fields=[f"metadata.{key}" for key in keys])).content
    assert text == b'"metadata.a\r=1+1","metadata.a\n=1+1"\nx,y\n'


def test_keys_of_a_schema_are_no_formulas_either(shop: Shop) -> None:
    define(shop, "customer", **{"=1+1": {"type": "string"}, '@a,\n"b"': {"type": "string"}})
    save(shop, metadata={"=1+1": "x", '@a,\n"b"': "y"})
    header, row = file(shop, fields=["metadata"])
    assert dict(zip(header, row, strict=True)) == {
        "metadata.=1+1": "x",
        'metadata.@a,\n"b"': "y",
    }


AWKWARD = [
    *("a,b", 'a"b', '"', '""', "a\nb", "a\r\nb", "a;b", "\\", "\\.", "\\N", "NULL", "'", " a "),
    *("ł€😀", "\u202ex", "a\u2028b", "\ufeffx", "{}", "$1", "%s", "a\tb"),
]


def test_awkward_values_come_out_as_they_went_in(shop: Shop) -> None:
    answer = shop.api.post(
        "/v1/customers/bulk/async",
        json=[
            {"source_id": f"{n:03}", "name": v, "metadata": {"k": v}} for n, v in enumerate(AWKWARD)
        ],
    )
    shop.finished(answer)
    rows = file(shop, fields=["name", "metadata.k"], order="source_id")
    assert rows[1:] == [[value, value] for value in AWKWARD]
    # Every row ends with a line feed, and an empty text is told from no text.
    save(shop, source_id="!", name="")
    text = httpx.get(link(shop, fields=["name", "email"], order="source_id")).text
    assert text.startswith('Name,Email\n"",\n')
    assert text.endswith("a\tb,\n")
    assert "\r\n\r" not in text
