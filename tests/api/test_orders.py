from __future__ import annotations

import re
from typing import Any

from tests.api.test_customers import read
from tests.running import Shop

ID = r"ord_[0-9A-Za-z]{24}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
UNUSED = "ord_000000000000000000000000"

PHONE = {
    "source_id": "prod_1",
    "related_object": "product",
    "quantity": 2,
    "product": {
        "name": "Apple iPhone 12",
        "price": 60000,
        "metadata": {"color": ["purple"], "vendor": "mall"},
        "override": True,
    },
}
COMIC = {
    "source_id": "ComicBook_1",
    "related_object": "sku",
    "quantity": 1,
    "product": {
        "source_id": "Books",
        "name": "Comic Books1",
        "price": 2100,
        "metadata": {"color": ["silver"], "vendor": "Bookstore1"},
        "override": True,
    },
    "sku": {
        "sku": "Comics1",
        "source_id": "ComicBook_1",
        "price": 1700,
        "metadata": {"color": ["golden"], "vendor": "islands"},
        "override": True,
    },
}


def save(shop: Shop, **body: Any) -> dict[str, Any]:
    """Creates or updates an order; the answer."""
    answer = shop.api.post("/v1/orders", json=body)
    assert answer.status_code == 200, answer.text
    order: dict[str, Any] = answer.json()
    return order


def change(shop: Shop, name: str, **body: Any) -> dict[str, Any]:
    answer = shop.api.put(f"/v1/orders/{name}", json=body)
    assert answer.status_code == 200, answer.text
    order: dict[str, Any] = answer.json()
    return order


def summary(shop: Shop, customer: str = "ann") -> tuple[int, int, int, int, str | None]:
    """The total, count, average, and the amount and time of the last order."""
    orders = read(shop, customer)["summary"]["orders"]
    return (
        orders["total_amount"],
        orders["total_count"],
        orders["average_amount"],
        orders["last_order_amount"],
        orders.get("last_order_date"),
    )


def activity(shop: Shop, customer: str = "ann") -> list[dict[str, Any]]:
    """The customer's events, the oldest first."""
    path = f"/v1/customers/{customer}/activity"
    answer = shop.api.get(path, params={"limit": 100, "order": "created_at"})
    assert answer.status_code == 200, answer.text
    events: list[dict[str, Any]] = answer.json()["data"]
    return events


def words(shop: Shop, customer: str = "ann") -> list[str]:
    return [event["type"].removeprefix("customer.") for event in activity(shop, customer)]


def money(order: dict[str, Any]) -> dict[str, int]:
    return {name: value for name, value in order.items() if name.endswith("amount")}


# --- creating -------------------------------------------------------------------------------------


def test_an_empty_body_makes_an_order(shop: Shop) -> None:
    order = save(shop)
    assert re.fullmatch(ID, order.pop("id"))
    assert re.fullmatch(TIME, order.pop("created_at"))
    assert order == {
        "source_id": None,
        "updated_at": None,
        "status": "CREATED",
        "amount": 0,
        "total_amount": 0,
        "items": [],
        "metadata": {},
        "customer_id": None,
        "referrer_id": None,
        "object": "order",
    }


def test_create_answers_the_whole_order(shop: Shop) -> None:
    order = save(
        shop,
        source_id="new",
        status="FULFILLED",
        metadata={"location_id": ["L1", "L2"], "payment_mean": ["paypal", "credit-card"]},
        customer={"source_id": "bob", "name": "Bob Smith", "metadata": {"lang": "en"}},
        referrer={"source_id": "jane", "name": "Jane Smith", "birthday": "2022-03-03"},
        items=[PHONE, COMIC],
    )
    bob, jane = read(shop, "bob"), read(shop, "jane")
    assert (bob["name"], bob["metadata"]) == ("Bob Smith", {"lang": "en"})
    assert (jane["name"], jane["birthday"]) == ("Jane Smith", "2022-03-03")
    phone = shop.api.get("/v1/products/prod_1").json()
    books = shop.api.get("/v1/products/Books").json()
    comic = shop.api.get("/v1/skus/ComicBook_1").json()
    assert (phone["name"], phone["price"]) == ("Apple iPhone 12", 60000)
    assert (books["name"], books["price"]) == ("Comic Books1", 2100)
    assert (comic["sku"], comic["price"], comic["product_id"]) == ("Comics1", 1700, books["id"])
    first, second = order.pop("items")
    first.pop("product_id", None)
    assert first == {
        "object": "order_item",
        "source_id": "prod_1",
        "related_object": "product",
        "quantity": 2,
        "amount": 120000,
        "price": 60000,
        "subtotal_amount": 120000,
        "product": {
            "id": phone["id"],
            "source_id": "prod_1",
            "name": "Apple iPhone 12",
            "metadata": {"color": ["purple"], "vendor": "mall"},
            "price": 60000,
        },
    }
    assert second == {
        "object": "order_item",
        "source_id": "ComicBook_1",
        "related_object": "sku",
        "product_id": books["id"],
        "quantity": 1,
        "amount": 1700,
        "price": 1700,
        "subtotal_amount": 1700,
        "product": {
            "id": books["id"],
            "source_id": "Books",
            "name": "Comic Books1",
            "metadata": {"color": ["silver"], "vendor": "Bookstore1"},
            "price": 2100,
        },
        "sku": {
            "id": comic["id"],
            "source_id": "ComicBook_1",
            "sku": "Comics1",
            "metadata": {"color": ["golden"], "vendor": "islands"},
            "price": 1700,
        },
    }
    assert re.fullmatch(ID, order.pop("id"))
    assert re.fullmatch(TIME, order.pop("created_at"))
    assert order == {
        "source_id": "new",
        "updated_at": None,
        "status": "FULFILLED",
        "amount": 121700,
        "total_amount": 121700,
        "metadata": {"location_id": ["L1", "L2"], "payment_mean": ["paypal", "credit-card"]},
        "customer": {"id": bob["id"], "object": "customer"},
        "referrer": {"id": jane["id"], "object": "customer"},
        "customer_id": bob["id"],
        "referrer_id": jane["id"],
        "object": "order",
    }
    assert summary(shop, "bob")[:4] == (121700, 1, 121700, 121700)
    assert summary(shop, "jane")[:4] == (0, 0, 0, 0)


def test_currencies_and_unknown_members_are_ignored(shop: Shop) -> None:
    items = [{"object": "x", "quantity": 1, "price": 5, "currency": "EUR", "foo": [1]}]
    order = save(shop, currency="USD", items=items, foo=None)
    assert order["items"] == [
        {"object": "order_item", "quantity": 1, "amount": 5, "price": 5, "subtotal_amount": 5}
    ]
    assert "currency" not in order


def test_created_at_is_taken_from_the_body_but_never_from_the_future(shop: Shop) -> None:
    past = save(shop, source_id="a", created_at="2020-02-03T04:05:06+01:00")
    assert past["created_at"] == "2020-02-03T03:05:06.000Z"
    assert save(shop, created_at="2020-02-03")["created_at"] == "2020-02-03T00:00:00.000Z"
    assert save(shop, created_at="3020-02-03")["created_at"] < "2100"
    # Of an order that exists it stays.
    assert save(shop, source_id="a", created_at="2021-01-01")["created_at"] == past["created_at"]
    assert change(shop, "a", created_at="2021-01-01")["created_at"] == past["created_at"]


# --- upsert ---------------------------------------------------------------------------------------


def test_a_source_id_that_is_known_updates(shop: Shop) -> None:
    first = save(shop, source_id="a", amount=5, metadata={"k": 1})
    again = save(shop, source_id="a", status="PAID")
    assert again.pop("updated_at") >= first["created_at"]
    assert first.pop("updated_at") is None
    assert again == {**first, "status": "PAID"}
    assert shop.api.get("/v1/orders").json()["total"] == 1


def test_an_id_that_is_known_updates(shop: Shop) -> None:
    first = save(shop, source_id="a", amount=5)
    other = save(shop, source_id="b", amount=6)
    again = save(shop, id=first["id"], source_id="b", amount=7)
    # The id decides; the order keeps its source id.
    assert (again["id"], again["source_id"], again["amount"]) == (first["id"], "a", 7)
    assert shop.api.get("/v1/orders/b").json() == other


def test_an_unused_id_is_taken_if_it_is_one(shop: Shop) -> None:
    order = save(shop, id=UNUSED, source_id="a")
    assert (order["id"], order["source_id"], order["updated_at"]) == (UNUSED, "a", None)
    other = save(shop, id="mine")
    assert re.fullmatch(ID, other["id"])
    assert save(shop, id="cust_000000000000000000000000")["id"].startswith("ord_")


def test_an_id_may_be_said_by_source_id(shop: Shop) -> None:
    order = save(shop, source_id="a")
    assert save(shop, id="a", amount=5)["id"] == order["id"]


def test_source_ids_are_case_sensitive_and_may_be_any_text(shop: Shop) -> None:
    names = ["a", "A", "a b/c?d", "\u017c\u00f3\u0142w", "' OR 1=1 --", "x" * 255]
    ids = {save(shop, source_id=name)["id"] for name in names}
    assert len(ids) == 6
    assert {save(shop, source_id=name)["id"] for name in names} == ids
    assert shop.api.get("/v1/orders/a%20b%2Fc%3Fd").json()["source_id"] == "a b/c?d"


def test_what_is_null_or_not_sent_stays(shop: Shop) -> None:
    order = save(
        shop,
        source_id="a",
        status="PAID",
        discount_amount=3,
        initial_amount=40,
        items=[{"quantity": 2, "price": 10}],
        metadata={"k": 1},
        customer={"source_id": "ann"},
        referrer={"source_id": "bob"},
    )
    nulls = dict.fromkeys(
        (
            *("source_id", "status", "amount", "initial_amount", "discount_amount", "items"),
            *("metadata", "customer", "customer_id", "referrer", "referrer_id"),
        )
    )
    for body in ({}, nulls):
        found = change(shop, "a", **body)
        assert found.pop("updated_at") is not None
        assert found == {name: value for name, value in order.items() if name != "updated_at"}
    assert summary(shop)[:2] == (17, 1)


def test_metadata_is_merged_and_a_null_removes(shop: Shop) -> None:
    save(shop, source_id="a", metadata={"a": 1, "b": {"c": [1, None]}, "n": None})
    assert change(shop, "a")["metadata"] == {"a": 1, "b": {"c": [1, None]}}
    merged = change(shop, "a", metadata={"b": {"d": 2}, "e": "x", "a": None})
    assert merged["metadata"] == {"b": {"d": 2}, "e": "x"}
    assert change(shop, "a", metadata={})["metadata"] == {"b": {"d": 2}, "e": "x"}


def test_an_order_without_a_source_id_can_be_given_one(shop: Shop) -> None:
    order = save(shop)
    assert change(shop, order["id"], source_id="mine")["source_id"] == "mine"
    assert shop.api.get("/v1/orders/mine").json()["id"] == order["id"]
    # Once it has one, it keeps it.
    assert change(shop, order["id"], source_id="other")["source_id"] == "mine"


# --- reading --------------------------------------------------------------------------------------


def test_get_by_id_and_by_source_id(shop: Shop) -> None:
    order = save(shop, source_id="a", items=[PHONE], customer={"source_id": "ann"})
    assert shop.api.get("/v1/orders/a").json() == order
    assert shop.api.get(f"/v1/orders/{order['id']}").json() == order


def test_orders_are_listed_the_newest_first(shop: Shop) -> None:
    made = [save(shop, source_id=str(n), created_at=f"2020-01-0{n + 1}") for n in range(5)]
    made[1] = change(shop, "1", amount=5)
    made[3] = change(shop, "3", amount=5)

    def listed(**query: Any) -> list[dict[str, Any]]:
        answer = shop.api.get("/v1/orders", params=query).json()
        assert (answer["object"], answer["data_ref"], answer["total"]) == ("list", "orders", 5)
        found: list[dict[str, Any]] = answer["orders"]
        return found

    assert listed() == made[::-1]
    assert listed(order="created_at") == made
    assert listed(order="-created_at", limit=2, page=2) == [made[2], made[1]]
    assert listed(limit=2, page=4) == []
    assert [order["source_id"] for order in listed(order="-updated_at", limit=2)] == ["3", "1"]
    assert [order["source_id"] for order in listed(order="updated_at")][-2:] == ["1", "3"]
    # Every page shows others.
    pages = [listed(limit=1, page=page, order="updated_at")[0]["id"] for page in range(1, 6)]
    assert sorted(pages) == sorted(order["id"] for order in made)


def test_another_projects_orders_are_unknown(shop: Shop) -> None:
    other = shop.server.project()
    order = save(other, source_id="a", amount=5)
    for name in ("a", order["id"]):
        assert shop.api.get(f"/v1/orders/{name}").status_code == 404
        assert shop.api.put(f"/v1/orders/{name}", json={}).status_code == 404
    assert save(shop, source_id="a", amount=6)["id"] != order["id"]
    # An id that another project uses is free here.
    assert save(shop, id=order["id"], amount=7)["id"] == order["id"]
    assert other.api.get("/v1/orders/a").json() == order
    assert other.api.get("/v1/orders").json()["total"] == 1
