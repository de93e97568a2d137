"""Many requests for the same products at the same moment, over two web workers and the worker."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.test_product_imports import finished, table, upload
from tests.races.load import Ask, parallel, sql
from tests.running import Shop, until


def listed(shop: Shop) -> dict[str, str]:
    """All products there are: ids by source id."""
    page = shop.api.get("/v1/products", params={"limit": 100}).json()
    assert len(page["products"]) == page["total"]
    return {product["source_id"]: product["id"] for product in page["products"]}


def totals_agree(shop: Shop) -> None:
    """What the events were folded into, and what is there, are the same."""
    unhandled = "SELECT count(*) FROM events WHERE project_id = $1 AND NOT handled"
    until(lambda: sql(shop.server, unhandled, shop.id) == [(0,)])
    folded = sql(
        shop.server, "SELECT n FROM totals WHERE project_id = $1 AND noun = 'products'", shop.id
    )
    there = "SELECT count(*) FROM products WHERE project_id = $1 AND deleted_at IS NULL"
    assert folded == sql(shop.server, there, shop.id)


def test_parallel_upserts_of_one_source_id_make_one_product(shop: Shop) -> None:
    asks: list[Ask] = [
        ("POST", "/v1/products", {"source_id": "one", "metadata": {f"key_{n}": n}})
        for n in range(100)
    ]
    answers = parallel(shop, asks)
    assert Counter(answer.status_code for answer in answers) == {200: 100}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum(answer.json()["updated_at"] is None for answer in answers) == 1
    product = shop.api.get("/v1/products/one").json()
    assert product["metadata"] == {f"key_{n}": n for n in range(100)}
    kinds = sql(shop.server, "SELECT type FROM events WHERE project_id = $1", shop.id)
    assert Counter(kinds) == {("product.created",): 1, ("product.updated",): 99}
    totals_agree(shop)


def test_parallel_upserts_of_one_sku_make_one_sku_of_one_product(shop: Shop) -> None:
    for name in ("p", "q"):
        shop.api.post("/v1/products", json={"source_id": name})
    asks: list[Ask] = [
        (
            "POST",
            f"/v1/products/{'pq'[n % 2]}/skus",
            {"source_id": "one", "attributes": {f"{n}": n}},
        )
        for n in range(60)
    ]
    answers = parallel(shop, asks)
    assert Counter(answer.status_code for answer in answers) == {200: 30, 409: 30}
    sku = shop.api.get("/v1/skus/one").json()
    assert len(sku["attributes"]) == 30
    assert len({int(key) % 2 for key in sku["attributes"]}) == 1


def mixed(shop: Shop, count: int, seed: int) -> None:
    """Requests of every kind for six products: none fails, and nothing is left in between."""
    chance = random.Random(seed)
    asks: list[Ask] = []
    kinds = []
    for n in range(count):
        name = f"shared-{chance.randrange(6)}"
        path = f"/v1/products/{name}"
        kind = chance.choice(["create", "create", "update", "sku", "sku", "delete", "sku delete"])
        kinds.append(kind)
        asks.append(
            {
                "create": ("POST", "/v1/products", {"source_id": name, "name": f"Name {n}"}),
                "update": ("PUT", path, {"price": n}),
                "sku": ("POST", f"{path}/skus", {"source_id": f"{name}-sku", "price": n}),
                "delete": ("DELETE", f"{path}?force=true", None),
                "sku delete": ("DELETE", f"{path}/skus/{name}-sku?force=true", None),
            }[kind]
        )
    answers = parallel(shop, asks, connections=40)
    allowed = {
        "create": {200},
        "update": {200, 404},
        "sku": {200, 404},
        "delete": {204, 404},
        "sku delete": {204, 404},
    }
    for kind, answer in zip(kinds, answers, strict=True):
        assert answer.status_code in allowed[kind], f"{kind}: {answer.status_code} {answer.text}"
    # An update never makes a product, so each has the source id that it was created with.
    nameless = "SELECT count(*) FROM products WHERE project_id = $1 AND source_id IS NULL"
    assert sql(shop.server, nameless, shop.id) == [(0,)]
    totals_agree(shop)


def test_updates_against_deletions(shop: Shop) -> None:
    mixed(shop, 400, seed=1)


@pytest.mark.soak
def test_updates_against_deletions_at_length(shop: Shop) -> None:
    for seed in range(2, 20):
        mixed(shop, 1000, seed)


def test_no_sku_lives_on_in_a_product_in_the_bin(shop: Shop) -> None:
    for number in range(30):
        shop.api.post("/v1/products", json={"source_id": f"p{number}"})
    asks: list[Ask] = []
    for number in range(30):
        asks.append(("POST", f"/v1/products/p{number}/skus", {"source_id": f"a{number}"}))
        asks.append(("DELETE", f"/v1/products/p{number}", None))
        asks.append(("POST", f"/v1/products/p{number}/skus", {"source_id": f"b{number}"}))
    answers = parallel(shop, asks, connections=90)
    assert {answer.status_code for answer in answers} <= {200, 204, 404}
    assert listed(shop) == {}
    living = "SELECT source_id FROM skus WHERE project_id = $1 AND deleted_at IS NULL"
    assert sql(shop.server, living, shop.id) == []
    skus = sql(shop.server, "SELECT count(*) FROM skus WHERE project_id = $1", shop.id)
    binned = "SELECT count(*) FROM bin WHERE project_id = $1 AND resource_type = 'sku'"
    assert sql(shop.server, binned, shop.id) == skus


def test_an_import_while_its_products_are_binned(shop: Shop) -> None:
    names = [f"p{number}" for number in range(60)]
    many = [{"source_id": name, "name": "Old"} for name in names]
    shop.finished(shop.api.post("/v1/products/bulk/async", json=many))
    rows = [(f"New {n}", names[n % 60]) for n in range(1500)]
    accepted = upload(shop, table(("name", "source_id"), *rows))
    answers = parallel(shop, [("DELETE", f"/v1/products/{name}", None) for name in names[:40]], 10)
    assert {answer.status_code for answer in answers} == {204}
    result = finished(shop, accepted)["result"]
    assert result["done_count"] + result["failed_count"] == 1500
    reasons = {failed["reason"] for failed in result["failed"]}
    assert reasons <= {f"The product {name} is in the bin" for name in names[:40]}
    assert set(listed(shop)) == set(names[40:])
    assert shop.api.get("/v1/products/p59").json()["name"] == "New 1499"
    totals_agree(shop)


def test_two_bulks_over_the_same_products_in_opposite_orders(shop: Shop) -> None:
    """A source id many times within each; every row counts, the last of the last one wins."""
    names = [f"p{number}" for number in range(50)]
    forth = [{"source_id": name, "metadata": {f"forth_{n}": n}} for n in range(6) for name in names]
    back = [{"source_id": row["source_id"], "price": n} for n, row in enumerate(reversed(forth))]
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(
            lambda rows: shop.api.post("/v1/products/bulk/async", json=rows), (forth, back)
        )
    singles: list[Ask] = [
        ("POST", "/v1/products", {"source_id": name, "attributes": ["x"]}) for name in names
    ]
    assert {answer.status_code for answer in parallel(shop, singles, 20)} == {200}
    for accepted in (first, second):
        result = shop.finished(accepted)["result"]
        assert (result["done_count"], result["failed_count"]) == (300, 0)
    assert set(listed(shop)) == set(names)
    product = shop.api.get("/v1/products/p0").json()
    assert product["metadata"] == {f"forth_{n}": n for n in range(6)}
    assert (product["price"], product["attributes"]) == (299, ["x"])
    totals_agree(shop)


def test_a_failed_order_of_an_import_leaves_no_product_behind(shop: Shop) -> None:
    """Its second item names a product in the bin, which is passed over; its third is refused."""
    with shop.server.management() as management:
        schema = {
            "related_object": "order_item",
            "allow_defined_only": True,
            "properties": {"size": {"type": "number", "optional": True}},
        }
        path = f"/management/v1/projects/{shop.id}/metadata-schemas"
        assert management.post(path, json=schema).status_code == 200
    shop.api.post("/v1/products", json={"source_id": "binned"})
    shop.api.delete("/v1/products/binned")
    binned = {"product": {"source_id": "binned", "override": True, "name": "Back"}}
    fresh = {"product": {"source_id": "fresh", "override": True, "name": "Half"}}
    order = {
        "source_id": "order",
        "customer": {"source_id": "ann"},
        "items": [binned, fresh, binned, {"price": 1, "metadata": {"color": "red"}}],
    }
    action = finished(shop, shop.api.post("/v1/orders/import", json=[order]))
    assert (action["result"]["done_count"], action["result"]["failed_count"]) == (0, 1)
    assert shop.api.get("/v1/orders/order").status_code == 404
    assert listed(shop) == {}
    assert shop.api.get("/v1/customers").json()["total"] == 0
    assert shop.api.post("/v1/orders", json=order).status_code == 400
    assert listed(shop) == {}
