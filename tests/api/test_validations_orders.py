from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.validating import ask, coupon, error, made, off, rule, validate
from tests.running import Server, Shop

STORED: dict[str, Any] = {
    "source_id": "order-1",
    "status": "CREATED",
    "items": [{"source_id": "mug", "related_object": "product", "price": 1000, "quantity": 3}],
    "metadata": {"table": 4},
}

# --- orders that exist --------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["id", "source_id"])
def test_an_order_that_exists_is_used_as_it_is_stored(shop: Shop, by: str) -> None:
    stored = made(shop, "/v1/orders", **STORED, customer={"source_id": "ann"})
    coupon(shop, "TEN", {"type": "PERCENT", "percent_off": 10})
    for more in ({}, {"amount": 5}, {"items": [{"price": 7}]}, {"metadata": {"table": 5}}):
        answer = validate(shop, "TEN", order={by: stored[by], **more})
        found = answer["order"]
        assert (found["id"], found["source_id"]) == (stored["id"], "order-1")
        assert (found["amount"], found["total_amount"]) == (3000, 2700)
        assert (found["status"], found["metadata"]) == ("CREATED", {"table": 4})
        assert found["customer_id"] == stored["customer_id"]
        assert found["created_at"] == stored["created_at"]
        assert answer["redeemables"][0]["order"]["id"] == stored["id"]
        assert re.fullmatch(r"track_[A-Za-z0-9_-]{20,}={0,2}", answer["tracking_id"])
    assert shop.api.get("/v1/orders/order-1").json() == stored


def test_rules_judge_the_order_and_the_customer_that_are_stored(shop: Shop) -> None:
    made(shop, "/v1/customers", source_id="ann", metadata={"level": "gold"})
    made(shop, "/v1/orders", **STORED, customer={"source_id": "ann"})
    table = rule(shop, "order.metadata", {"$is": [4]}, property="table")
    gold = rule(shop, "customer.metadata", {"$is": ["gold"]}, property="level")
    coupon(shop, "BOTH", validation_rules=[table, gold])
    assert off(validate(shop, "BOTH", order={"source_id": "order-1"})) == 1000
    body = {"order": {"source_id": "order-2", "amount": 1}, "customer": {"source_id": "ann"}}
    found = error(validate(shop, "BOTH", **body))
    assert found["key"] == "order_rules_violated"


def test_a_discount_of_a_stored_order_is_on_top_of_those_before(shop: Shop) -> None:
    made(shop, "/v1/orders", source_id="o", amount=10_000, discount_amount=4000)
    coupon(shop, "TEN", {"type": "PERCENT", "percent_off": 10})
    found = validate(shop, "TEN", order={"source_id": "o"})["order"]
    assert (found["discount_amount"], found["applied_discount_amount"]) == (4600, 600)
    assert found["total_amount"] == 5400


def test_orders_of_other_projects_are_not_there(server: Server, shop: Shop) -> None:
    theirs = server.project()
    id_ = made(theirs, "/v1/orders", **STORED)["id"]
    coupon(shop, "TEN")
    assert ask(shop, "TEN", order={"id": id_}).status_code == 404
    assert validate(shop, "TEN", order={"source_id": "order-1"})["order"]["amount"] == 0


def test_a_new_order_is_answered_as_it_was_sent(shop: Shop) -> None:
    coupon(shop, "TEN")
    order = {**STORED, "source_id": "new", "status": "PAID"}
    found = validate(shop, "TEN", order=order, customer={"source_id": "new"})["order"]
    assert (found["source_id"], found["status"]) == ("new", "PAID")
    assert (found["metadata"], found["customer_id"]) == ({"table": 4}, None)
    assert "id" not in found
    assert [item["source_id"] for item in found["items"]] == ["mug"]
    assert "product_id" not in found["items"][0]


# --- customers ----------------------------------------------------------------------------------


def test_what_is_said_of_a_customer_goes_over_what_is_stored(shop: Shop) -> None:
    ann = made(shop, "/v1/customers", source_id="ann", metadata={"level": "gold", "age": 30})
    gold = rule(shop, "customer.metadata", {"$is": ["gold"]}, property="level")
    thirty = rule(shop, "customer.metadata", {"$is": [30]}, property="age")
    coupon(shop, "BOTH", validation_rules=[gold, thirty])
    for name in ({"id": ann["id"]}, {"source_id": "ann"}):
        assert off(validate(shop, "BOTH", customer=name)) == 1000
        for metadata in ({"age": 31}, {"age": None}, {"level": "new"}):
            asked = {**name, "metadata": metadata}
            found = error(validate(shop, "BOTH", customer=asked))
            assert found["key"] == "customer_rules_violated"
        asked = {**name, "metadata": {"other": 1}}
        assert off(validate(shop, "BOTH", customer=asked)) == 1000
    new = {"source_id": "new", "metadata": {"level": "gold", "age": 30}}
    assert off(validate(shop, "BOTH", customer=new)) == 1000
    assert off(validate(shop, "BOTH", customer={"metadata": new["metadata"]})) == 1000
    assert shop.api.get("/v1/customers/ann").json()["metadata"] == {"level": "gold", "age": 30}


def test_the_customer_of_the_order(shop: Shop) -> None:
    ann = made(shop, "/v1/customers", source_id="ann", metadata={"level": "gold"})
    gold = rule(shop, "customer.metadata", {"$is": ["gold"]}, property="level")
    coupon(shop, "GOLD", validation_rules=[gold])
    for said in (
        {"customer": {"source_id": "ann"}},
        {"customer": {"id": ann["id"]}},
        {"customer_id": ann["id"]},
    ):
        answer = validate(shop, "GOLD", order={"amount": 5000, **said})
        assert answer["order"]["customer_id"] == ann["id"]
        assert answer["order"]["customer"] == {"id": ann["id"], "object": "customer"}
    assert error(validate(shop, "GOLD"))["key"] == "missing_customer"


def test_who_is_tracked(server: Server, shop: Shop) -> None:
    coupon(shop, "TEN")
    by_name = validate(shop, "TEN", customer={"source_id": "ann"})["tracking_id"]
    assert re.fullmatch(r"track_[A-Za-z0-9_-]{20,}={0,2}", by_name)
    assert "tracking_id" not in validate(shop, "TEN")
    ann = made(shop, "/v1/customers", source_id="ann")
    for body in (
        {"customer": {"id": ann["id"]}},
        {"tracking_id": "ann"},
        {"tracking_id": by_name},
        {"tracking_id": by_name, "customer": {"source_id": "ann"}},
        {"tracking_id": "ann", "customer": {"id": ann["id"]}},
    ):
        assert validate(shop, "TEN", **body)["tracking_id"] == by_name
    assert validate(shop, "TEN", customer={"source_id": "bob"})["tracking_id"] != by_name
    theirs = server.project()
    coupon(theirs, "TEN")
    other = validate(theirs, "TEN", customer={"source_id": "ann"})["tracking_id"]
    assert other != by_name
    # Who is tracked by name is the customer.
    gold = rule(shop, "customer.metadata", {"$is": [1]}, property="a")
    coupon(shop, "GOLD", validation_rules=[gold])
    shop.api.put("/v1/customers/ann", json={"metadata": {"a": 1}})
    assert off(validate(shop, "GOLD", tracking_id="ann")) == 1000
