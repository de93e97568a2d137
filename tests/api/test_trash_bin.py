from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.test_customers import sql
from tests.api.test_promotions import campaign, refused
from tests.running import Server, Shop, until

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
VOUCHER = {
    "type": "DISCOUNT_VOUCHER",
    "discount": {"type": "AMOUNT", "amount_off": 1000},
}


def product(shop: Shop, source_id: str, *skus: str) -> dict[str, Any]:
    """A product with SKUs, by their source ids; the answer."""
    body = {"source_id": source_id, "name": f"Product {source_id}"}
    made: dict[str, Any] = shop.api.post("/v1/products", json=body).json()
    for sku in skus:
        path = f"/v1/products/{source_id}/skus"
        answer = shop.api.post(path, json={"source_id": sku, "sku": f"SKU {sku}"})
        assert answer.status_code == 200, answer.text
    return made


def voucher(shop: Shop, code: str) -> dict[str, Any]:
    answer = shop.api.post(f"/v1/vouchers/{code}", json=VOUCHER)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def binned(shop: Shop, **query: Any) -> dict[str, dict[str, Any]]:
    """Entries of the bin by their names, as they are listed."""
    answer = shop.api.get("/v1/trash-bin", params={"limit": 100, **query})
    assert answer.status_code == 200, answer.text
    return {entry["resource_name"]: entry for entry in answer.json()["data"]}


def delete(shop: Shop, path: str) -> None:
    answer = shop.api.delete(path)
    assert answer.status_code in (200, 202, 204), answer.text


def purge(shop: Shop, name: str) -> None:
    """Deletes the entry of that name for good."""
    answer = shop.api.delete(f"/v1/trash-bin/{binned(shop)[name]['id']}")
    assert (answer.status_code, answer.content) == (204, b""), answer.text


# --- listing ------------------------------------------------------------------------------------


def test_everything_that_was_binned_is_listed(shop: Shop) -> None:
    phone = product(shop, "phone", "red")
    sku = shop.api.get("/v1/skus/red").json()
    code = voucher(shop, "CODE")
    of = campaign(shop, "Sale")
    delete(shop, "/v1/vouchers/CODE")
    delete(shop, "/v1/products/phone/skus/red")
    delete(shop, "/v1/products/phone")
    delete(shop, f"/v1/campaigns/{of['id']}")
    answer = shop.api.get("/v1/trash-bin")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    expected = [
        ("voucher", code["id"], "CODE", None),
        ("sku", sku["id"], "SKU red", phone["id"]),
        ("product", phone["id"], "Product phone", None),
        ("campaign", of["id"], "Sale", None),
    ]
    for entry in found["data"]:
        assert re.fullmatch(r"tbe_[0-9a-f]{18}", entry["id"])
        assert re.fullmatch(TIME, entry["created_at"])
    assert found == {
        "object": "list",
        "data_ref": "data",
        "data": [
            {
                "id": entry["id"],
                "created_at": entry["created_at"],
                "deleted_by_user_id": None,
                "resource_id": resource_id,
                "resource_type": kind,
                "resource_name": name,
                "resource_parent_id": parent_id,
                "object": kind,
            }
            for entry, (kind, resource_id, name, parent_id) in zip(
                found["data"], expected, strict=True
            )
        ],
        "total": 4,
        "has_more": False,
    }


def test_the_bin_is_paged(shop: Shop) -> None:
    for name in "abcde":
        product(shop, name)
        delete(shop, f"/v1/products/{name}")
    whole = [entry["id"] for entry in binned(shop).values()]
    assert whole == sorted(whole)
    assert list(binned(shop, order="-id")) == [f"Product {name}" for name in "edcba"]
    for order, ids in (("id", whole), ("-id", whole[::-1])):
        query: dict[str, Any] = {"limit": 2, "order": order}
        pages = []
        while True:
            page = shop.api.get("/v1/trash-bin", params=query).json()
            pages.append([entry["id"] for entry in page["data"]])
            assert page["total"] == len(page["data"])
            if not page["has_more"]:
                assert "more_starting_after" not in page
                break
            assert page["more_starting_after"] == pages[-1][-1]
            query["starting_after_id"] = page["more_starting_after"]
        assert pages == [ids[:2], ids[2:4], ids[4:]]
    # An entry that is gone still says where to go on.
    purge(shop, "Product b")
    rest = shop.api.get("/v1/trash-bin", params={"starting_after_id": whole[1]}).json()
    assert [entry["id"] for entry in rest["data"]] == whole[2:]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("filters[resource_type][conditions][$is]=sku", ["SKU red"]),
        ("filters[resource_type][conditions][$is_not]=sku", ["Product a", "Product b"]),
        (
            "filters[resource_type][conditions][$in][0]=sku"
            "&filters[resource_type][conditions][$in][1]=voucher",
            ["SKU red"],
        ),
        ("filters[resource_name][conditions][$starts_with]=Product", ["Product a", "Product b"]),
        ("filters[resource_name][conditions][$ends_with]=%20a", ["Product a"]),
        (
            "filters[junction]=or&filters[resource_name][conditions][$is]=Product%20a"
            "&filters[resource_type][conditions][$is]=sku",
            ["Product a", "SKU red"],
        ),
        ("filters[id][conditions][$has_value]=", ["Product a", "Product b", "SKU red"]),
        ("filters[resource_id][conditions][$is]=nothing", []),
    ],
)
def test_the_bin_is_filtered(shop: Shop, query: str, expected: list[str]) -> None:
    product(shop, "a")
    product(shop, "b", "red")
    delete(shop, "/v1/products/a")
    delete(shop, "/v1/products/b")
    answer = shop.api.get(f"/v1/trash-bin?{query}")
    assert answer.status_code == 200, answer.text
    assert [entry["resource_name"] for entry in answer.json()["data"]] == expected
    assert answer.json()["total"] == len(expected)


def test_wrong_questions_are_refused(shop: Shop) -> None:
    for query in (
        *("order=created_at", "limit=0", "limit=101", "filters[x][conditions][$is]=1"),
        *("filters[id][conditions][$after]=1", "filters=1", "starting_after_id=%00"),
    ):
        answer = shop.api.get(f"/v1/trash-bin?{query}")
        assert refused(answer, 400, "invalid_query_params"), query


# --- deleting for good --------------------------------------------------------------------------


def test_a_products_source_id_is_free_again(shop: Shop) -> None:
    first = product(shop, "phone", "red", "blue")
    delete(shop, "/v1/products/phone/skus/red")
    delete(shop, "/v1/products/phone")
    assert set(binned(shop)) == {"SKU red", "Product phone", "SKU blue"}
    again = shop.api.post("/v1/products", json={"source_id": "phone"})
    assert refused(again, 409, "duplicate_found")
    purge(shop, "Product phone")
    assert binned(shop) == {}
    second = product(shop, "phone", "red", "blue")
    assert second["id"] != first["id"]
    rows = sql(shop, "SELECT source_id FROM skus WHERE project_id = $1 ORDER BY source_id")
    assert [row[0] for row in rows] == ["blue", "red"]


def test_a_skus_source_id_is_free_again(shop: Shop) -> None:
    product(shop, "phone", "red", "blue")
    delete(shop, "/v1/products/phone/skus/red")
    other = shop.api.post("/v1/products/phone/skus", json={"source_id": "red"})
    assert refused(other, 409, "duplicate_found")
    purge(shop, "SKU red")
    assert binned(shop) == {}
    assert shop.api.post("/v1/products/phone/skus", json={"source_id": "red"}).status_code == 200
    skus = shop.api.get("/v1/products/phone/skus").json()["skus"]
    assert sorted(sku["source_id"] for sku in skus) == ["blue", "red"]


def test_a_binned_skus_entry_leaves_its_product_alone(shop: Shop) -> None:
    product(shop, "phone", "red")
    delete(shop, "/v1/products/phone")
    purge(shop, "SKU red")
    assert set(binned(shop)) == {"Product phone"}
    purge(shop, "Product phone")
    assert sql(shop, "SELECT id FROM products WHERE project_id = $1") == []


def test_a_vouchers_code_is_free_again(shop: Shop) -> None:
    first = voucher(shop, "CODE")
    delete(shop, "/v1/vouchers/CODE")
    assert refused(shop.api.post("/v1/vouchers/CODE", json=VOUCHER), 409, "duplicate_found")
    purge(shop, "CODE")
    assert binned(shop) == {}
    second = voucher(shop, "CODE")
    assert second["id"] != first["id"]


def test_a_campaigns_name_and_codes_are_free_again(shop: Shop) -> None:
    body = {"name": "Coupons", "campaign_type": "DISCOUNT_COUPONS", "voucher": VOUCHER}
    of = shop.api.post("/v1/campaigns", json=body).json()
    made = shop.api.post(f"/v1/campaigns/{of['id']}/vouchers/CODE", json={})
    assert made.status_code == 200, made.text
    delete(shop, f"/v1/campaigns/{of['id']}")
    assert shop.api.post("/v1/campaigns", json=body).status_code == 409
    purge(shop, "Coupons")
    until(lambda: shop.api.post("/v1/campaigns", json=body).status_code == 200)
    until(lambda: shop.api.post("/v1/vouchers/CODE", json=VOUCHER).status_code == 200)
    assert binned(shop) == {}


def test_what_is_no_entry_is_not_found(server: Server, shop: Shop) -> None:
    phone = product(shop, "phone")
    delete(shop, "/v1/products/phone")
    entry = binned(shop)["Product phone"]
    theirs = server.project()
    for api, name in (
        (shop.api, "tbe_000000000000000000"),
        (shop.api, phone["id"]),
        (theirs.api, entry["id"]),
    ):
        answer = api.delete(f"/v1/trash-bin/{name}")
        assert refused(answer, 404, "not_found") == f"Cannot find bin_entry with id {name}"
    assert theirs.api.get("/v1/trash-bin").json()["data"] == []
    assert binned(shop) == {"Product phone": entry}


@pytest.mark.parametrize("kind", ["product", "sku", "voucher", "campaign"])
def test_of_two_who_delete_an_entry_one_finds_it(shop: Shop, kind: str) -> None:
    key = shop.project["server_side_key"]
    product(shop, "phone", "red")
    voucher(shop, "CODE")
    campaign(shop, "Sale")
    path, name = {
        "product": ("/v1/products/phone", "Product phone"),
        "sku": ("/v1/products/phone/skus/red", "SKU red"),
        "voucher": ("/v1/vouchers/CODE", "CODE"),
        "campaign": ("/v1/campaigns/Sale", "Sale"),
    }[kind]
    delete(shop, path)
    entry = binned(shop)[name]

    def one(_: int) -> int:
        api = shop.server.client(key["app_id"], key["app_token"])
        return api.delete(f"/v1/trash-bin/{entry['id']}").status_code

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(one, range(6))) == [204, 404, 404, 404, 404, 404]
    assert name not in binned(shop)
