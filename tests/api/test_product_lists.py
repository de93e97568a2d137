from __future__ import annotations

import time

import pytest

from tests.api.test_products import NO_SKUS, names, save
from tests.running import Shop, until


def test_products_are_listed_with_their_skus_the_oldest_first(shop: Shop) -> None:
    made = []
    for name in ("a", "b", "c"):
        made.append(save(shop, source_id=name))
        time.sleep(0.002)
    skus = []
    for name in ("red", "blue"):
        skus.append(shop.api.post("/v1/products/b/skus", json={"source_id": name}).json())
        time.sleep(0.002)
    page = shop.api.get("/v1/products").json()
    made[1]["skus"] = {**NO_SKUS, "data": skus[::-1], "total": 2}
    made[0]["skus"] = made[2]["skus"] = NO_SKUS
    assert page == {"object": "list", "data_ref": "products", "products": made, "total": 3}


def test_orders_pages_and_dates(shop: Shop) -> None:
    stamps = []
    for name in ("a", "b", "c", "d"):
        stamps.append(save(shop, source_id=name)["created_at"])
        time.sleep(0.003)
    save(shop, source_id="b", name="Updated")
    assert names(shop, order="created_at") == ["a", "b", "c", "d"]
    assert names(shop, order="-created_at") == ["d", "c", "b", "a"]
    # What was never updated counts as oldest.
    assert names(shop, order="updated_at")[-1] == "b"
    assert names(shop, order="-updated_at")[0] == "b"
    assert names(shop, limit=2) == ["a", "b"]
    assert names(shop, limit=2, page=2) == ["c", "d"]
    assert names(shop, limit=2, page=3) == []
    assert names(shop, start_date=stamps[1], end_date=stamps[2]) == ["b", "c"]
    assert shop.api.get("/v1/products", params={"start_date": stamps[2]}).json()["total"] == 2
    assert names(shop, end_date="2020-01-01") == []
    assert names(shop, start_date="") == ["a", "b", "c", "d"]
    for word in ("type", "code", "campaign", "category"):
        assert names(shop, order=f"-{word}") == names(shop, order=word)[::-1]


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("limit=0", "invalid_query_params"),
        ("limit=101", "invalid_query_params"),
        ("limit=ten", "invalid_query_params"),
        ("page=0", "invalid_query_params"),
        ("page=1001", "page_over_limit"),
        ("page=99999999999999999999999", "page_over_limit"),
        ("order=name", "invalid_query_params"),
        ("start_date=yesterday", "invalid_query_params"),
        ("end_date=2026-02-30", "invalid_query_params"),
    ],
)
def test_queries_that_are_refused(shop: Shop, query: str, key: str) -> None:
    save(shop, source_id="x")
    for path in ("/v1/products", "/v1/products/x/skus"):
        answer = shop.api.get(f"{path}?{query}")
        assert (answer.status_code, answer.json()["key"]) == (400, key)


@pytest.mark.soak
def test_the_total_past_what_is_counted(shop: Shop) -> None:
    many = [{"source_id": f"many-{n}"} for n in range(10_200)]
    action = shop.finished(shop.api.post("/v1/products/bulk/async", json=many), 120)
    assert action["result"]["done_count"] == 10_200
    assert shop.api.get("/v1/products").json()["total"] == 10_200
    shop.api.delete("/v1/products/many-0")
    shop.api.delete("/v1/products/many-1", params={"force": "true"})
    orders = [
        {"items": [{"product": {"source_id": f"imported-{n}", "override": True}, "quantity": 1}]}
        for n in range(10)
    ]
    imported = shop.api.post("/v1/orders/import", json=orders).json()["async_action_id"]
    until(lambda: shop.api.get(f"/v1/async-actions/{imported}").json()["status"] == "DONE")
    assert shop.api.get("/v1/products").json()["total"] == 10_208
    since = {"start_date": "2020-01-01"}
    assert shop.api.get("/v1/products", params=since).json()["total"] == 10_208
