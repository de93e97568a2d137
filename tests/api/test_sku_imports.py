from __future__ import annotations

import pytest

from tests.api.test_product_imports import PRODUCTS, finished, imported, table, upload
from tests.api.test_products import PHONE, read, save
from tests.api.test_skus import BLACK, read_sku, save_sku
from tests.running import Shop

SKUS = """\
product_id,sku,source_id,price,image_url,attributes
productSourceID11,Extra Small Blue Shirt,sku_source_id_1,13,,\
"{'color':'blue','size':'XS','ranking':1}"
productSourceID11,Small Red Shirt,sku_source_id_2,14,,"{'color':'red','size':'S','ranking':2}"
productSourceID11,Medium Yellow Shirt,sku_source_id_3,14.5,,\
"{'color':'yellow','size':'M','ranking':3}"
productSourceID11,Large Pink Shirt,sku_source_id_4,17,,"{'color':'pink','size':'L','ranking':4}"
"""


def test_the_template_of_skus(shop: Shop) -> None:
    """The reference's own file, one price of which has a fraction."""
    imported(shop, PRODUCTS)
    action = imported(shop, SKUS, "skus")
    assert (action["type"], action["operation_status"]) == ("SKUS.IMPORT_CSV", "SUCCESS")
    assert action["result"]["message"] == "4 sku(s) imported successfully, 0 failed."
    sku = read_sku(shop, "sku_source_id_1")
    assert (sku["sku"], sku["image_url"]) == ("Extra Small Blue Shirt", None)
    prices = [read_sku(shop, f"sku_source_id_{n}")["price"] for n in range(1, 5)]
    assert prices == [1300, 1400, 1450, 1700]
    assert sku["attributes"] == {"color": "blue", "size": "XS", "ranking": 1}
    assert sku["product_id"] == read(shop, "productSourceID11")["id"]
    assert shop.api.get("/v1/products/productSourceID11/skus").json()["total"] == 4


def test_skus_wait_for_the_products_imported_before_them(shop: Shop) -> None:
    """The reference promises that one import is worked off before the next of the queue begins."""
    count = 4000
    many = table(("name", "source_id"), *((f"N{n}", f"p{n}") for n in range(count)))
    skus = table(
        ("source_id", "product_id"), *((f"s{n}", f"p{n}") for n in range(count - 20, count))
    )
    first, second = upload(shop, many), upload(shop, skus, "skus")
    assert finished(shop, second)["result"]["failed"] == []
    assert finished(shop, first)["result"]["done_count"] == count


def test_of_a_sku_that_exists_a_file_changes_name_and_price_alone(shop: Shop) -> None:
    phone = save(shop, **PHONE)
    before = save_sku(shop, "first_product", **BLACK)
    action = imported(
        shop,
        table(
            ("Source_id", "Product_id", "sku", "price", "currency", "attributes", "extra"),
            ("first_product_sku_1", phone["id"], "New", "7", "PLN", '{"color": "x"}', "1"),
            ("first_product_sku_1", "first_product", "", "8", "", "", ""),
        ),
        "skus",
    )
    assert action["result"]["done_count"] == 2
    after = read_sku(shop, "first_product_sku_1")
    assert after == {**before, "sku": "New", "price": 800, "updated_at": after["updated_at"]}


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (("x", "nope", ""), "Cannot find product with id nope"),
        (("x", "binned", ""), "Cannot find product with id binned"),
        (("x", "", ""), "The row has no product_id"),
        (("", "p", ""), "The row has no source_id"),
        (("theirs", "p", ""), "Duplicated sku exists with id theirs"),
        (("gone", "p", ""), "Duplicated sku exists with id gone"),
        (("x", "p", "red"), "Property .attributes should be a JSON object"),
        (("x", "p", "[1]"), "Property .attributes should be a JSON object"),
        (("x", "p", "{'a': 1j}"), "Property .attributes should be a JSON object"),
        (("x", "p", "__import__('os').getcwd()"), "Property .attributes should be a JSON object"),
        (("x", "p", "{'a': 18446744073709551616}"), None),
        (("x", "p", "[" * 3000), None),
        (("x", "p", "{'a': '\\x00'}"), None),
        (("x", "p", '{"a": "\\u0000"}'), None),
        (("x", "p", "{'a': '\\ud800'}"), None),
    ],
)
def test_a_sku_that_cannot_be_kept_fails_alone(
    shop: Shop, cells: tuple[str, str, str], reason: str | None
) -> None:
    for name in ("p", "q", "binned"):
        save(shop, source_id=name)
    save_sku(shop, "q", source_id="theirs")
    save_sku(shop, "p", source_id="gone")
    shop.api.delete("/v1/products/p/skus/gone")
    shop.api.delete("/v1/products/binned")
    header = ("source_id", "product_id", "attributes")
    rows = (("1", "p", "{'a': 'b'}"), cells, ("3", "p", '{"a": [1, null]}'))
    action = imported(shop, table(header, *rows), "skus")
    assert action["result"]["message"] == "2 sku(s) imported successfully, 1 failed."
    [failed] = action["result"]["failed"]
    assert (failed["source_id"], failed["row"]) == (cells[0], 2)
    if reason is not None:
        assert failed["reason"] == reason
    assert failed["reason"] != "The row cannot be stored"
    assert read_sku(shop, "1")["attributes"] == {"a": "b"}
    assert read_sku(shop, "3")["attributes"] == {"a": [1, None]}


def test_pages_keep_to_their_limit_after_an_import_of_skus(shop: Shop) -> None:
    save(shop, source_id="p")
    rows = ((f"{n}", "p") for n in range(40))
    assert (
        imported(shop, table(("source_id", "product_id"), *rows), "skus")["result"]["done_count"]
        == 40
    )
    body = {
        "name": "SKUs",
        "type": "AUTO_UPDATE",
        "filter": {"junction": "and", "object": {"conditions": {"$is": ["sku"]}}},
    }
    collection = shop.api.post("/v1/product-collections", json=body).json()
    page = shop.api.get(f"/v1/product-collections/{collection['id']}/products").json()
    assert (len(page["data"]), page["total"]) == (10, 40)
