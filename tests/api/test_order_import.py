from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.test_customers import read, sql
from tests.api.test_orders import save, summary, words
from tests.running import Server, Shop, running, until


def send(shop: Shop, *orders: Any) -> dict[str, Any]:
    """Imports orders, and waits until that is done; the async action."""
    return finished(shop, shop.api.post("/v1/orders/import", json=list(orders)))


def finished(shop: Shop, accepted: httpx.Response) -> dict[str, Any]:
    # Unlike other imports this one is answered with 200.
    assert accepted.status_code == 200, accepted.text
    path = f"/v1/async-actions/{accepted.json()['async_action_id']}"
    action: dict[str, Any] = {}

    def done() -> bool:
        action.update(shop.api.get(path).json())
        return action["status"] in ("DONE", "FAILED")

    until(done, 60)
    return action


def everything(shop: Shop) -> tuple[Any, ...]:
    counted = ("orders", "customers", "products", "skus", "events", "jobs", "job_rows")
    columns = ", ".join(f"(SELECT count(*) FROM {t} WHERE project_id = $1)" for t in counted)
    return tuple(sql(shop, f"SELECT {columns}")[0])


def refused(shop: Shop, body: Any, details: str) -> None:
    before = everything(shop)
    answer = shop.api.post("/v1/orders/import", json=body)
    assert answer.status_code == 400, answer.text
    assert (answer.json()["key"], answer.json()["details"]) == ("invalid_payload", details)
    assert everything(shop) == before


# --- what an import does ------------------------------------------------------------------------


def test_imported_orders_are_there(shop: Shop) -> None:
    shop.api.post("/v1/products", json={"source_id": "vase", "name": "Vase", "price": 2000})
    started = sql(shop, "SELECT now(), $1::text")[0][0]
    action = send(
        shop,
        {
            "source_id": "o1",
            "status": "PAID",
            "metadata": {"location_id": ["L1"]},
            "customer": {"source_id": "ann", "name": "Ann"},
            "referrer": {"source_id": "bob"},
            "items": [{"source_id": "vase", "quantity": 2}],
        },
        {"source_id": "o2", "status": "FULFILLED", "amount": 500, "customer": {"source_id": "ann"}},
        {"source_id": "o3", "status": "CANCELED", "amount": 7000, "customer": {"source_id": "ann"}},
        {"source_id": "o4", "items": [{"amount": 900}, {"amount": 2000}]},
        {},
    )
    assert (action["type"], action["status"]) == ("ORDERS.IMPORT", "DONE")
    assert (action["operation_status"], action["progress"]) == ("SUCCESS", 100)
    result = action["result"]
    assert (result["done_count"], result["failed_count"], result["failed"]) == (5, 0, [])
    assert result["message"] == "5 order(s) imported successfully, 0 failed."
    first = shop.api.get("/v1/orders/o1").json()
    assert (first["amount"], first["metadata"]) == (4000, {"location_id": ["L1"]})
    assert first["customer_id"] == read(shop, "ann")["id"]
    assert first["referrer_id"] == read(shop, "bob")["id"]
    assert first["items"][0]["product"]["name"] == "Vase"
    assert first["updated_at"] is None
    assert shop.api.get("/v1/orders/o4").json()["amount"] == 2900
    assert summary(shop)[:2] == (4500, 2)
    assert shop.api.get("/v1/orders").json()["total"] == 5
    stored = sql(
        shop, "SELECT count(*) FROM orders WHERE project_id = $1 AND created_at >= $2", started
    )
    assert stored[0][0] == 5


def test_created_at_is_the_time_of_the_import(shop: Shop) -> None:
    send(
        shop,
        {"source_id": "a", "created_at": "2001-01-01T00:00:00Z", "status": "PAID", "amount": 1},
    )
    assert shop.api.get("/v1/orders/a").json()["created_at"] > "2024"


def test_the_last_order_of_a_file_is_the_customers_last(shop: Shop) -> None:
    orders = [
        {"status": "PAID", "amount": 100 + n, "customer": {"source_id": "ann"}} for n in range(30)
    ]
    send(shop, *orders)
    assert summary(shop)[:4] == (sum(range(100, 130)), 30, 115, 129)


def test_an_import_tells_of_no_orders_and_no_products(shop: Shop) -> None:
    order = {
        "source_id": "a",
        "status": "PAID",
        "amount": 5,
        "customer": {"source_id": "ann", "name": "Ann"},
        "items": [{"source_id": "p", "price": 1, "product": {"name": "P", "override": True}}],
    }
    send(shop, order, {**order, "status": "CANCELED"})
    told = sql(
        shop,
        "SELECT DISTINCT type FROM events WHERE project_id = $1 "
        "AND (type LIKE '%order.%' OR type LIKE 'product.%') AND type NOT LIKE '%.stored'",
    )
    assert told == []
    assert words(shop) == ["created", "updated"]
    assert shop.api.get("/v1/products/p").json()["name"] == "P"
    assert shop.api.get("/v1/products").json()["total"] == 1
    assert shop.api.get("/v1/orders").json()["total"] == 1
    # From then on changes are told.
    shop.api.put("/v1/orders/a", json={"metadata": {"k": 1}})
    assert words(shop)[-1] == "order.updated"


def test_customers_of_an_import_enter_and_leave_segments(shop: Shop) -> None:
    segment = shop.api.post(
        "/v1/segments",
        json={
            "name": "Spenders",
            "type": "auto-update",
            "filter": {
                "junction": "and",
                "summary.orders.total_amount": {"conditions": {"$more_than": [100]}},
            },
        },
    )
    assert segment.status_code == 200, segment.text
    order = {"source_id": "a", "status": "PAID", "amount": 101, "customer": {"source_id": "ann"}}
    send(shop, order)
    assert words(shop) == ["created", "segment.entered"]
    assert shop.api.get("/v1/customers/ann/segments").json()["data"][0]["name"] == "Spenders"
    send(shop, {"source_id": "a", "status": "CANCELED"})
    assert words(shop) == ["created", "segment.entered", "segment.left"]
    assert summary(shop)[:2] == (0, 0)


def test_an_import_updates_what_is_there(shop: Shop) -> None:
    order = save(shop, source_id="a", amount=5, status="PAID", customer={"source_id": "ann"})
    action = send(shop, {"source_id": "a", "amount": 6}, {"id": order["id"], "metadata": {"k": 1}})
    assert action["result"]["done_count"] == 2
    found = shop.api.get("/v1/orders/a").json()
    assert (found["amount"], found["metadata"], found["id"]) == (6, {"k": 1}, order["id"])
    assert found["created_at"] == order["created_at"]
    assert summary(shop)[:2] == (6, 1)


def test_one_order_several_times_in_one_import(shop: Shop) -> None:
    steps: list[dict[str, Any]] = [
        {"amount": 1},
        {"status": "PAID"},
        {"amount": 3},
        {"customer": {"source_id": "ann"}},
        {"discount_amount": 1},
    ]
    send(shop, *({"source_id": "a", **step} for step in steps))
    assert shop.api.get("/v1/orders").json()["total"] == 1
    assert summary(shop)[:4] == (2, 1, 2, 2)


def test_no_orders_are_done_at_once(shop: Shop) -> None:
    action = send(shop)
    assert (action["status"], action["result"]["done_count"]) == ("DONE", 0)


# --- bad rows -----------------------------------------------------------------------------------


def test_a_row_that_cannot_be_kept_fails_alone_and_leaves_nothing(shop: Shop) -> None:
    save(shop, source_id="done", status="CANCELED", customer={"source_id": "ann"})
    stored = {"source_id": "p", "product": {"name": "P", "override": True}}
    nobody = "cust_000000000000000000000000"
    action = send(
        shop,
        {"source_id": "a", "amount": 1, "status": "PAID", "customer": {"source_id": "ann"}},
        {"source_id": "b", "customer": {"id": nobody}, "items": [stored]},
        {"source_id": "done", "status": "PAID", "customer": {"source_id": "new"}},
        {"source_id": "c", "metadata": {"k": 2**63}, "customer": {"source_id": "new"}},
        {"source_id": "d", "amount": 2, "status": "PAID", "customer": {"source_id": "ann"}},
    )
    assert (action["status"], action["operation_status"]) == ("DONE", "SUCCESS")
    assert action["result"]["message"] == "2 order(s) imported successfully, 3 failed."
    assert action["result"]["failed"] == [
        {"source_id": "b", "row": 2, "reason": f"Cannot find customer with id {nobody}"},
        {"source_id": "done", "row": 3, "reason": "Status cannot change from CANCELED to PAID"},
        {"source_id": "c", "row": 4, "reason": "Property .metadata.k should be a 64-bit integer"},
    ]
    assert summary(shop)[:2] == (3, 2)
    for path in ("/v1/orders/b", "/v1/orders/c", "/v1/customers/new", "/v1/products/p"):
        assert shop.api.get(path).status_code == 404, path


def test_a_row_that_fails_after_another_products_conflict_leaves_nothing(shop: Shop) -> None:
    """An item's product that is in the bin is passed over; what fails then undoes the whole row."""
    shop.api.post("/v1/products", json={"source_id": "old", "name": "Old"})
    assert shop.api.delete("/v1/products/old").status_code == 204
    fresh = {"source_id": "fresh", "product": {"name": "Fresh", "override": True}}
    binned = {"source_id": "old", "product": {"name": "Again", "override": True}}
    nobody = "cust_000000000000000000000000"
    action = send(
        shop,
        {
            "source_id": "a",
            "customer": {"source_id": "new", "name": "New"},
            "items": [fresh, binned, {"price": 10**15, "quantity": 2}],
        },
        {"source_id": "b", "items": [fresh, binned], "referrer": {"id": nobody}},
        {"source_id": "c"},
    )
    assert (action["result"]["done_count"], action["result"]["failed_count"]) == (1, 2)
    assert shop.api.get("/v1/customers/new").status_code == 404
    assert shop.api.get("/v1/products/fresh").status_code == 404
    assert shop.api.get("/v1/orders/c").status_code == 200


def test_all_rows_bad(shop: Shop) -> None:
    nobody = {"customer": {"id": "cust_000000000000000000000000"}}
    action = send(shop, nobody, nobody)
    assert (action["status"], action["operation_status"]) == ("DONE", "FAILED")
    assert (action["result"]["done_count"], action["result"]["failed_count"]) == (0, 2)


# --- refused as a whole -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "details"),
    [
        ({"amount": -1}, "Property [1].amount cannot be lower than 0"),
        ({"status": "paid"}, "Property [1].status should be equal to one of the allowed values"),
        (
            {"items": [{"initial_quantity": -1}]},
            "Property [1].items[0].initial_quantity cannot be lower than 0",
        ),
        ({"items": [{}] * 501}, "Property [1].items should NOT have more than 500 items"),
        ({"customer": "ann"}, "Property [1].customer should be object"),
        ({"source_id": ""}, "Property [1].source_id should NOT be shorter than 1 characters"),
        (5, "Property [1] should be object"),
        (None, "Property [1] should be object"),
    ],
)
def test_one_wrong_order_refuses_all(shop: Shop, wrong: Any, details: str) -> None:
    refused(shop, [{"source_id": "a"}, wrong, {"source_id": "b"}], details)


@pytest.mark.parametrize("body", [{}, {"orders": []}, "x", 5])
def test_what_is_no_list(shop: Shop, body: Any) -> None:
    refused(shop, body, "Payload should be array")


def test_two_thousand_orders_and_no_more(shop: Shop) -> None:
    orders = [
        {"source_id": f"o{n}", "status": "PAID", "amount": 1, "customer": {"source_id": "ann"}}
        for n in range(2001)
    ]
    refused(shop, orders, "Payload should NOT have more than 2000 items")
    action = send(shop, *orders[:2000])
    assert (action["result"]["done_count"], action["result"]["failed_count"]) == (2000, 0)
    assert summary(shop)[:4] == (2000, 2000, 1, 1)
    assert shop.api.get("/v1/orders").json()["total"] == 2000


# --- one after another --------------------------------------------------------------------------


def test_imports_run_in_the_order_in_which_they_came(shop: Shop) -> None:
    def portion(status: str) -> list[dict[str, Any]]:
        return [
            {
                "source_id": f"o{n}",
                "status": status,
                "amount": 2,
                "metadata": {"last": status},
                "customer": {"source_id": "ann"},
            }
            for n in range(150)
        ]

    answers = [
        shop.api.post("/v1/orders/import", json=portion(status))
        for status in ("CREATED", "PAID", "FULFILLED")
    ]
    actions = [finished(shop, answer) for answer in answers]
    # None overtook another: a status that goes back would have failed.
    assert [action["result"]["failed_count"] for action in actions] == [0, 0, 0]
    ends = [action["updated_at"] for action in actions]
    assert ends == sorted(ends)
    rows = sql(shop, "SELECT DISTINCT status, metadata FROM orders WHERE project_id = $1")
    assert [(row[0], json.loads(bytes(row[1]))) for row in rows] == [
        ("FULFILLED", {"last": "FULFILLED"})
    ]
    assert summary(shop)[:2] == (300, 150)


# --- forgetting ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def idle() -> Iterator[Server]:
    """A server whose jobs wait: nobody works in the background."""
    yield from running(workers=1, background="false")


def test_a_forgotten_customer_is_in_no_import_that_waits(idle: Server) -> None:
    shop = idle.project()
    save(shop, source_id="a", customer={"source_id": "ann", "name": "Annabel Lee"})
    answer = shop.api.post(
        "/v1/orders/import",
        json=[
            {"source_id": "b", "customer": {"source_id": "ann", "name": "Annabel Lee"}},
            {"source_id": "c", "referrer": {"source_id": "ann", "email": "annabel@shop.example"}},
            {"source_id": "d", "customer": {"source_id": "bob"}},
            # Named as the customer is, and none of theirs.
            {"source_id": "ann", "customer": {"source_id": "bob"}},
        ],
    )
    assert answer.status_code == 200
    assert shop.api.post("/v1/customers/ann/permanent-deletion").status_code == 200
    left = sql(
        shop,
        "SELECT n FROM job_rows WHERE project_id = $1 AND input ~* 'annabel'",
    )
    assert left == []
    others = sql(shop, "SELECT n FROM job_rows WHERE project_id = $1 AND input IS NOT NULL")
    assert sorted(row[0] for row in others) == [3, 4]


def test_an_import_waits_for_its_turn(idle: Server) -> None:
    shop = idle.project()
    accepted = shop.api.post("/v1/orders/import", json=[{"source_id": "a"}])
    action = shop.api.get(f"/v1/async-actions/{accepted.json()['async_action_id']}").json()
    assert (action["status"], action["progress"]) == ("ENQUEUED", 0)
    assert "result" not in action
    until(lambda: shop.api.get("/v1/orders").json()["total"] == 0, 1)
