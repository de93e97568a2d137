"""Many changes of the same orders and of the same customers' orders at once: the sums of every
customer are what a recount of the orders finds, and every change has its events, once.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from tests.contract.client import check
from tests.races.load import Ask, Session, database_url, mishaps, parallel, sql
from tests.running import Server, Shop, until

# Waiting for a lock in a circle costs a second at least, before anybody notices.
QUICK_SECONDS = 15.0

RECOUNT = """
SELECT customers.source_id, orders_total_amount, orders_total_count, orders_last_amount,
    orders_last_date, coalesce(sums.amount, 0), coalesce(sums.n, 0), coalesce(sums.last_amount, 0),
    sums.last_date
FROM customers LEFT JOIN (
    SELECT customer_id, sum(total_amount)::bigint AS amount, count(*) AS n,
        (array_agg(total_amount ORDER BY created_at DESC, id DESC))[1] AS last_amount,
        max(created_at) AS last_date
    FROM orders WHERE project_id = $1 AND status IN ('PAID', 'FULFILLED') GROUP BY customer_id
) AS sums ON customer_id = customers.id
WHERE customers.project_id = $1 ORDER BY customers.id
"""


def recounted(shop: Shop) -> dict[str, tuple[int, int]]:
    """The sums of every customer, by source id, held against their orders."""
    found = {}
    for source_id, *sums in sql(shop.server, RECOUNT, shop.id):
        assert sums[:4] == sums[4:], f"{source_id} has {sums[:4]}, their orders say {sums[4:]}"
        found[source_id] = (sums[0], sums[1])
    return found


def order_events(shop: Shop) -> Counter[str]:
    rows = sql(
        shop.server,
        "SELECT substr(type, 16), count(*) FROM events "
        "WHERE project_id = $1 AND type LIKE 'customer.order.%' GROUP BY 1",
        shop.id,
    )
    return Counter(dict(rows))


def save(shop: Shop, **body: Any) -> dict[str, Any]:
    answer = shop.api.post("/v1/orders", json=body)
    assert answer.status_code == 200, answer.text
    order: dict[str, Any] = answer.json()
    return order


def all_well(shop: Shop, asks: Sequence[Ask], connections: int = 50) -> list[httpx.Response]:
    """Sends all at once; each is answered with 200, and soon."""
    started = time.monotonic()
    answers = parallel(shop, asks, connections)
    seconds = time.monotonic() - started
    outcomes = Counter(answer.status_code for answer in answers)
    assert outcomes == {200: len(asks)}, f"{outcomes} {mishaps(shop.server)}"
    assert seconds < QUICK_SECONDS, f"{len(asks)} requests took {seconds:.1f} s"
    check(answers[0])
    return answers


# --- one order ----------------------------------------------------------------------------------


def test_fifty_updates_of_one_order(shop: Shop) -> None:
    save(shop, source_id="one", status="PAID", amount=1, customer={"source_id": "ann"})
    asks: list[Ask] = [("PUT", "/v1/orders/one", {"amount": 100 + n}) for n in range(50)]
    answers = all_well(shop, asks)
    assert {answer.json()["amount"] for answer in answers} == set(range(100, 150))
    last = shop.api.get("/v1/orders/one").json()["amount"]
    assert recounted(shop) == {"ann": (last, 1)}
    assert 100 <= last < 150
    assert order_events(shop) == {"created": 1, "paid": 1, "updated": 50}


def test_fifty_payments_and_cancellations_of_one_order(shop: Shop) -> None:
    save(shop, source_id="one", amount=700, customer={"source_id": "ann"})
    asks: list[Ask] = [
        ("PUT", "/v1/orders/one", {"status": "CANCELED" if n % 5 == 4 else "PAID"})
        for n in range(50)
    ]
    answers = parallel(shop, asks, 50)
    outcomes = Counter(answer.status_code for answer in answers)
    assert set(outcomes) <= {200, 400}, mishaps(shop.server)
    keys = {answer.json()["key"] for answer in answers if answer.status_code == 400}
    assert keys <= {"invalid_order"}
    assert recounted(shop) == {"ann": (0, 0)}
    events = order_events(shop)
    assert (events["created"], events["canceled"]) == (1, 1)
    assert events["updated"] == outcomes[200]
    assert events["paid"] <= 1


@pytest.mark.parametrize("people", [1, 5])
def test_an_order_made_fifty_times_at_once_is_one(shop: Shop, people: int) -> None:
    asks: list[Ask] = [
        (
            "POST",
            "/v1/orders",
            {
                "source_id": "one",
                "status": "PAID",
                "amount": 100 + n,
                "customer": {"source_id": f"c{n % people}", "name": f"Name {n}"},
            },
        )
        for n in range(50)
    ]
    answers = all_well(shop, asks)
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum(answer.json()["updated_at"] is None for answer in answers) == 1
    stored = sql(shop.server, "SELECT total_amount FROM orders WHERE project_id = $1", shop.id)
    assert len(stored) == 1
    found = recounted(shop)
    assert len(found) == people
    assert sorted(found.values())[-1] == (stored[0][0], 1)
    assert sum(count for _, count in found.values()) == 1
    assert order_events(shop) == {"created": 1, "paid": 1, "updated": 49}
    told = sql(
        shop.server,
        "SELECT type, count(*) FROM events WHERE project_id = $1 "
        "AND type IN ('customer.created', 'customer.updated') GROUP BY 1",
        shop.id,
    )
    # Whoever came too late to make it has not written the customer twice.
    assert dict(told) == {"customer.created": people, "customer.updated": 50 - people}
    assert shop.api.get("/v1/orders").json()["total"] == 1


# --- one customer -------------------------------------------------------------------------------


def test_fifty_orders_of_one_customer(shop: Shop) -> None:
    asks: list[Ask] = [
        (
            "POST",
            "/v1/orders",
            {"status": "PAID", "amount": 100 + n, "customer": {"source_id": "ann"}},
        )
        for n in range(50)
    ]
    all_well(shop, asks)
    assert recounted(shop) == {"ann": (sum(range(100, 150)), 50)}
    assert order_events(shop) == {"created": 50, "paid": 50}
    summary = shop.api.get("/v1/customers/ann").json()["summary"]["orders"]
    assert summary["average_amount"] == 125  # 124.5, half up


def test_orders_and_the_profile_of_one_customer(shop: Shop) -> None:
    """Neither overwrites what the other has written."""
    asks: list[Ask] = []
    for n in range(30):
        body = {"status": "PAID", "amount": 10, "customer": {"source_id": "ann"}}
        asks.append(("POST", "/v1/orders", body))
        asks.append(
            (
                "POST",
                "/v1/customers",
                {"source_id": "ann", "name": f"N{n}", "metadata": {f"k{n}": n}},
            )
        )
    all_well(shop, asks)
    assert recounted(shop) == {"ann": (300, 30)}
    assert shop.api.get("/v1/customers/ann").json()["metadata"] == {f"k{n}": n for n in range(30)}


# --- several customers --------------------------------------------------------------------------


def test_orders_that_cross_between_two_customers(shop: Shop) -> None:
    for n in range(10):
        save(
            shop,
            source_id=f"o{n}",
            status="PAID",
            amount=1 + n,
            customer={"source_id": "ab"[n % 2]},
        )
    asks: list[Ask] = [
        ("PUT", f"/v1/orders/o{n % 10}", {"customer": {"source_id": "ab"[(n // 10 + n) % 2]}})
        for n in range(100)
    ]
    all_well(shop, asks, 20)
    found = recounted(shop)
    assert sum(amount for amount, _ in found.values()) == 55
    assert sum(count for _, count in found.values()) == 10
    assert order_events(shop) == {"created": 10, "paid": 10, "updated": 100}


def test_customers_who_refer_each_other(shop: Shop) -> None:
    """Half of the requests name them the other way round, and make them in doing so."""
    asks: list[Ask] = [
        (
            "POST",
            "/v1/orders",
            {
                "status": "PAID",
                "amount": 5,
                "customer": {"source_id": "ab"[n % 2], "name": f"N{n}"},
                "referrer": {"source_id": "ba"[n % 2], "name": f"N{n}"},
            },
        )
        for n in range(60)
    ]
    all_well(shop, asks, 20)
    assert recounted(shop) == {"a": (150, 30), "b": (150, 30)}


def test_orders_that_store_the_same_products(shop: Shop) -> None:
    """Half of the orders name them the other way round."""

    def item(name: str, n: int) -> dict[str, Any]:
        product = {"name": f"{name} {n}", "price": 5, "override": True}
        return {"source_id": name, "related_object": "product", "quantity": 1, "product": product}

    asks: list[Ask] = [
        (
            "POST",
            "/v1/orders",
            {"items": [item(name, n) for name in (("p", "q") if n % 2 else ("q", "p"))]},
        )
        for n in range(60)
    ]
    answers = all_well(shop, asks, 20)
    rows = sql(shop.server, "SELECT source_id, id FROM products WHERE project_id = $1", shop.id)
    assert sorted(source_id for source_id, _ in rows) == ["p", "q"]
    by_source_id = dict(rows)
    for answer in answers:
        for item_ in answer.json()["items"]:
            assert item_["product"]["id"] == by_source_id[item_["source_id"]]
            assert item_.get("product_id") in (None, item_["product"]["id"])
    told = sql(
        shop.server,
        "SELECT type, count(*) FROM events "
        "WHERE project_id = $1 AND type LIKE 'product.%' GROUP BY 1",
        shop.id,
    )
    assert dict(told) == {"product.created": 2, "product.updated": 118}


def mixed(shop: Shop, seed: int, count: int) -> None:
    """Creations, updates, cancellations and moves of a few orders of two customers."""
    chance = random.Random(seed)
    asks: list[Ask] = []
    for _ in range(count):
        source_id = f"o{chance.randrange(8)}"
        body: dict[str, Any] = {}
        if chance.random() < 0.7:
            body["amount"] = chance.randrange(1000)
        if chance.random() < 0.6:
            body["status"] = chance.choice(["CREATED", "PAID", "PAID", "FULFILLED", "CANCELED"])
        if chance.random() < 0.6:
            body["customer"] = {"source_id": chance.choice("ab")}
        if chance.random() < 0.2:
            body["referrer"] = {"source_id": chance.choice("ab")}
        if chance.random() < 0.4:
            asks.append(("PUT", f"/v1/orders/{source_id}", body))
        else:
            asks.append(("POST", "/v1/orders", {"source_id": source_id, **body}))
    started = time.monotonic()
    answers = parallel(shop, asks, 30)
    seconds = time.monotonic() - started
    outcomes = Counter(answer.status_code for answer in answers)
    assert set(outcomes) <= {200, 400, 404}, f"{outcomes} {mishaps(shop.server)}"
    assert seconds < QUICK_SECONDS, f"seed {seed}: {seconds:.1f} s"
    found = recounted(shop)
    assert set(found) <= {"a", "b"}
    made = sum(a.status_code == 200 and a.json()["updated_at"] is None for a in answers)
    with_customer = [a.json() for a in answers if a.status_code == 200 and a.json()["customer_id"]]
    events = order_events(shop)
    assert (
        made == sql(shop.server, "SELECT count(*) FROM orders WHERE project_id = $1", shop.id)[0][0]
    )
    told = Counter(
        "created" if order["updated_at"] is None else "updated" for order in with_customer
    )
    assert events["created"] + events["updated"] == len(with_customer)
    assert (events["created"], events["updated"]) == (told["created"], told["updated"])


def test_everything_at_once_on_two_customers(shop: Shop) -> None:
    mixed(shop, 1, 200)


@pytest.mark.soak
def test_everything_at_once_again_and_again(server: Server) -> None:
    for seed in range(40):
        mixed(server.project(), seed, 300)


# --- customers who go ---------------------------------------------------------------------------


def test_orders_of_a_customer_who_is_being_forgotten(shop: Shop) -> None:
    """An order that is under way when its customer is forgotten does not outlive them."""
    save(shop, source_id="first", status="PAID", amount=1, customer={"source_id": "ann"})
    customer_id = shop.api.get("/v1/customers/ann").json()["id"]
    done: dict[str, httpx.Response] = {}

    def act(name: str, path: str, body: Any) -> threading.Thread:
        def run() -> None:
            with httpx.Client(
                base_url=shop.server.url, headers=shop.api.headers, timeout=30
            ) as client:
                done[name] = client.post(path, json=body)

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    with Session(database_url(shop.server)) as session:
        # While the row is held, the order waits for it first and the deletion behind it.
        session.hold(shop, "ann")
        body = {"status": "PAID", "amount": 5, "customer": {"id": customer_id}}
        ordering = act("order", "/v1/orders", body)
        until(lambda: session.waiting() >= 1)
        forgetting = act("forget", f"/v1/customers/{customer_id}/permanent-deletion", None)
        until(lambda: session.waiting() >= 2)
        session.release()
        ordering.join()
        forgetting.join()
    assert done["forget"].status_code == 200
    assert done["order"].status_code in (200, 404)
    left = sql(
        shop.server,
        "SELECT id FROM orders WHERE project_id = $1 AND customer_id = $2",
        shop.id,
        customer_id,
    )
    assert left == []
    assert shop.api.get("/v1/orders").json()["total"] == 0


def test_customers_come_and_go_while_they_order(shop: Shop) -> None:
    asks: list[Ask] = []
    for n in range(120):
        name = "ab"[n % 2]
        if n % 6 == 5:
            asks.append(("DELETE", f"/v1/customers/{name}", None))
        elif n % 3 == 0:
            asks.append(("PUT", f"/v1/orders/o{n % 4}", {"status": "PAID", "amount": n}))
        else:
            body = {"status": "PAID", "amount": n, "customer": {"source_id": name}}
            asks.append(("POST", "/v1/orders", {**body, "source_id": f"o{n % 4}"}))
    answers = parallel(shop, asks, 20)
    outcomes = Counter(answer.status_code for answer in answers)
    assert set(outcomes) <= {200, 204, 404}, f"{outcomes} {mishaps(shop.server)}"
    recounted(shop)
