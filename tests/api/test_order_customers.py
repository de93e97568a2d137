from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.test_customers import read, sql
from tests.api.test_orders import activity, change, save, summary, words
from tests.running import Shop

# --- people ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("nobody", [None, {}, {"id": None, "source_id": None, "name": None}])
def test_an_order_may_be_nobodys(shop: Shop, nobody: Any) -> None:
    order = save(shop, status="PAID", customer=nobody, referrer=nobody)
    assert (order["customer_id"], order["referrer_id"]) == (None, None)
    assert not {"customer", "referrer"} & set(order)
    assert shop.api.get("/v1/customers").json()["total"] == 0


def test_a_customer_is_named_by_id_or_source_id(shop: Shop) -> None:
    ann = shop.api.post("/v1/customers", json={"source_id": "ann", "name": "Ann"}).json()["id"]
    for who in (
        {"id": ann},
        {"source_id": "ann"},
        {"id": ann, "source_id": "somebody else"},
        {"id": "ann"},
    ):
        assert save(shop, customer=who)["customer_id"] == ann
        assert save(shop, referrer=who)["referrer_id"] == ann
    assert save(shop, customer_id=ann)["customer_id"] == ann
    assert save(shop, referrer_id=ann)["referrer_id"] == ann
    assert shop.api.get("/v1/customers").json()["total"] == 1
    # Who is only named is not changed.
    assert words(shop).count("updated") == 0
    assert read(shop, "ann")["name"] == "Ann"


def test_a_customer_is_created_or_updated_by_the_order(shop: Shop) -> None:
    save(shop, customer={"source_id": "ann", "name": "Ann", "address": {"city": "Oslo"}})
    assert words(shop) == ["created", "order.created"]
    save(shop, customer={"source_id": "ann", "phone": "1", "address": None})
    assert words(shop)[2:] == ["updated", "order.created"]
    ann = read(shop, "ann")
    assert (ann["name"], ann["phone"], ann["address"]["city"]) == ("Ann", "1", "Oslo")


def test_a_customer_without_a_name_for_them_is_new_each_time(shop: Shop) -> None:
    first = save(shop, customer={"name": "Ann"})
    second = save(shop, customer={"name": "Ann"})
    assert first["customer_id"] != second["customer_id"]


def test_somebody_may_refer_themselves(shop: Shop) -> None:
    order = save(
        shop,
        customer={"source_id": "ann", "name": "Ann"},
        referrer={"source_id": "ann", "phone": "1"},
    )
    assert order["customer_id"] == order["referrer_id"]
    assert activity(shop)[-1]["data"]["customer"]["name"] == "Ann"
    ann = read(shop, "ann")
    assert (ann["name"], ann["phone"]) == ("Ann", "1")


# --- the summary ----------------------------------------------------------------------------------


def test_the_summary_follows_every_change_of_status(shop: Shop) -> None:
    order = save(shop, source_id="a", amount=100, customer={"source_id": "ann"})
    made = order["created_at"]
    assert summary(shop) == (0, 0, 0, 0, None)
    change(shop, "a", status="PAID")
    assert summary(shop) == (100, 1, 100, 100, made)
    change(shop, "a", status="FULFILLED")
    assert summary(shop) == (100, 1, 100, 100, made)
    change(shop, "a", amount=150, discount_amount=30)
    assert summary(shop) == (120, 1, 120, 120, made)
    change(shop, "a", status="PAID")
    assert summary(shop) == (120, 1, 120, 120, made)
    change(shop, "a", status="CANCELED")
    assert summary(shop) == (0, 0, 0, 0, None)
    change(shop, "a", amount=999)
    assert summary(shop) == (0, 0, 0, 0, None)


def test_the_last_order_is_the_one_made_last(shop: Shop) -> None:
    ann = {"source_id": "ann"}
    for n, amount in ((3, 300), (1, 100), (2, 201)):
        save(
            shop,
            source_id=str(n),
            amount=amount,
            customer=ann,
            status="PAID",
            created_at=f"2020-01-0{n}",
        )
    assert summary(shop) == (601, 3, 200, 300, "2020-01-03T00:00:00.000Z")
    # An older one that changes later does not become the last.
    change(shop, "1", amount=102)
    assert summary(shop) == (603, 3, 201, 300, "2020-01-03T00:00:00.000Z")
    change(shop, "3", status="CANCELED")
    assert summary(shop) == (303, 2, 152, 201, "2020-01-02T00:00:00.000Z")
    save(shop, amount=5, customer=ann)
    assert summary(shop) == (303, 2, 152, 201, "2020-01-02T00:00:00.000Z")


def test_an_order_that_changes_hands_takes_its_sums_along(shop: Shop) -> None:
    save(shop, source_id="a", amount=100, status="PAID", customer={"source_id": "ann"})
    save(shop, source_id="b", amount=7, status="PAID", customer={"source_id": "ann"})
    order = change(shop, "a", customer={"source_id": "bob"}, amount=110)
    assert order["customer_id"] == read(shop, "bob")["id"]
    assert summary(shop)[:4] == (7, 1, 7, 7)
    assert summary(shop, "bob")[:4] == (110, 1, 110, 110)
    change(shop, "a", customer={"source_id": "ann"}, status="CANCELED")
    assert summary(shop)[:4] == (7, 1, 7, 7)
    assert summary(shop, "bob")[:4] == (0, 0, 0, 0)


def test_an_order_of_nobody_is_given_a_customer_later(shop: Shop) -> None:
    save(shop, source_id="a", amount=100, status="PAID")
    change(shop, "a", customer={"source_id": "ann"})
    assert summary(shop)[:2] == (100, 1)
    assert words(shop) == ["created", "order.updated"]


def test_a_deleted_customers_orders_live_on(shop: Shop) -> None:
    order = save(shop, source_id="a", amount=100, status="PAID", customer={"source_id": "ann"})
    assert shop.api.delete("/v1/customers/ann").status_code == 204
    found = change(shop, "a", status="CANCELED")
    assert found["customer_id"] == order["customer_id"]
    # Somebody new of the same name starts at nothing.
    save(shop, source_id="b", amount=5, status="PAID", customer={"source_id": "ann"})
    assert summary(shop)[:2] == (5, 1)
    assert (
        change(shop, "a", customer={"source_id": "ann"})["customer_id"] == read(shop, "ann")["id"]
    )
    assert summary(shop)[:2] == (5, 1)


def test_a_customer_made_again_with_their_old_id_has_their_orders_sums(shop: Shop) -> None:
    order = save(shop, source_id="a", amount=100, status="PAID", customer={"source_id": "ann"})
    assert shop.api.delete("/v1/customers/ann").status_code == 204
    shop.api.post("/v1/customers", json={"id": order["customer_id"], "source_id": "ann"})
    assert summary(shop)[:2] in ((100, 1), (0, 0))
    change(shop, "a", status="CANCELED")
    assert summary(shop)[:4] == (0, 0, 0, 0)


# --- events ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("CREATED", "CREATED", ["created", "updated"]),
        ("CREATED", "PAID", ["created", "updated", "paid"]),
        ("CREATED", "FULFILLED", ["created", "updated", "fulfilled"]),
        ("CREATED", "CANCELED", ["created", "updated", "canceled"]),
        ("PAID", "PAID", ["created", "paid", "updated"]),
        ("PAID", "FULFILLED", ["created", "paid", "updated", "fulfilled"]),
        ("FULFILLED", "PAID", ["created", "fulfilled", "updated", "paid"]),
        ("PAID", "CANCELED", ["created", "paid", "updated", "canceled"]),
        ("CANCELED", "CANCELED", ["created", "canceled", "updated"]),
    ],
)
def test_the_events_of_a_customer_in_their_order(
    shop: Shop, first: str, second: str, expected: list[str]
) -> None:
    save(shop, source_id="a", status=first, customer={"source_id": "ann"})
    save(shop, source_id="a", status=second)
    assert words(shop) == ["created", *(f"order.{word}" for word in expected)]


def test_the_data_of_an_order_event(shop: Shop) -> None:
    order = save(
        shop,
        source_id="a",
        status="PAID",
        items=[{"price": 5, "quantity": 2}],
        customer={"source_id": "ann", "name": "Ann", "email": "ann@shop.example"},
        referrer={"source_id": "bob", "metadata": {"k": 1}},
    )
    events = activity(shop)[1:]
    assert [event["type"] for event in events] == ["customer.order.created", "customer.order.paid"]
    for event in events:
        assert re.fullmatch(r"evcus_[0-9a-f]{18}", event["id"])
        assert event["data"] == {
            "customer": {
                "id": order["customer_id"],
                "source_id": "ann",
                "name": "Ann",
                "email": "ann@shop.example",
                "metadata": {},
                "object": "customer",
            },
            "referrer": {
                "id": order["referrer_id"],
                "source_id": "bob",
                "metadata": {"k": 1},
                "object": "customer",
            },
            "order": order,
            "redemption": None,
        }
    assert events[0]["group_id"] == events[1]["group_id"]
    changed = change(shop, "a", status="CANCELED")
    last = activity(shop)[-1]["data"]
    assert (last["order"], last["redemption"]) == (changed, None)


def test_an_order_that_changes_hands_is_told_to_the_new_customer(shop: Shop) -> None:
    save(shop, source_id="a", customer={"source_id": "ann"})
    change(shop, "a", customer={"source_id": "bob"}, status="PAID")
    assert words(shop) == ["created", "order.created"]
    assert words(shop, "bob") == ["created", "order.updated", "order.paid"]


def test_nobodys_orders_are_told_to_nobody(shop: Shop) -> None:
    save(shop, source_id="a", status="PAID", referrer={"source_id": "ann"})
    change(shop, "a", status="CANCELED")
    assert words(shop) == ["created"]
    told = sql(
        shop, "SELECT count(*) FROM events WHERE project_id = $1 AND type LIKE '%order.paid'"
    )
    assert told[0][0] == 0
    assert shop.api.get("/v1/orders").json()["total"] == 1


# --- forgetting -----------------------------------------------------------------------------------


def test_orders_of_a_forgotten_customer_are_gone(shop: Shop) -> None:
    ann = {"source_id": "ann", "name": "Annabel Lee"}
    for n in range(3):
        save(shop, source_id=f"a{n}", status="PAID", amount=5, customer=ann)
    change(shop, "a0", status="CANCELED")
    other = save(
        shop, source_id="b", status="PAID", amount=7, customer={"source_id": "bob"}, referrer=ann
    )
    answer = shop.api.post("/v1/customers/ann/permanent-deletion")
    assert answer.status_code == 200
    gone = answer.json()["data_json"]
    # 3 created, 3 paid, and one updated and canceled; the customer's own: 1 created, 3 updated.
    assert (gone["orders"], gone["order_events"], gone["customer_events"]) == (3, 8, 4)
    assert (gone["customer"], gone["events"]) == (1, 0)
    for n in range(3):
        assert shop.api.get(f"/v1/orders/a{n}").status_code == 404
    listed = shop.api.get("/v1/orders").json()
    assert (listed["total"], [order["id"] for order in listed["orders"]]) == (1, [other["id"]])
    assert listed["orders"][0]["referrer_id"] is None
    assert summary(shop, "bob")[:2] == (7, 1)
    left = sql(
        shop,
        "SELECT 'events', id FROM events WHERE project_id = $1 AND data::text LIKE '%Annabel%' "
        "UNION ALL SELECT 'orders', id FROM orders WHERE project_id = $1 "
        "AND (items::text || metadata::text LIKE '%Annabel%' OR customer_id = $2)",
        answer.json()["related_object_id"],
    )
    assert left == []


def test_orders_of_a_customer_deleted_before_are_gone_too(shop: Shop) -> None:
    save(shop, source_id="a", status="PAID", customer={"source_id": "ann"})
    assert shop.api.delete("/v1/customers/ann").status_code == 204
    assert shop.api.get("/v1/orders/a").status_code == 200
    gone = shop.api.post("/v1/customers/ann/permanent-deletion").json()["data_json"]
    assert (gone["orders"], gone["order_events"]) == (1, 2)
    assert shop.api.get("/v1/orders/a").status_code == 404
    assert shop.api.get("/v1/orders").json()["total"] == 0
