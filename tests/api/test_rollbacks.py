"""Rollbacks over HTTP: what goes back, what is answered, and what cannot be rolled back."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.api.test_cards import ledger
from tests.api.test_customers import read as read_customer
from tests.api.test_customers import save as save_customer
from tests.api.test_orders import summary as order_summary
from tests.api.test_promotions import add as add_tier
from tests.api.test_promotions import campaign as promotion
from tests.api.test_promotions import get as get_tier
from tests.api.test_redemptions import (
    get,
    money,
    redeem,
    refused,
    stacking,
    three,
    tier,
    voucher,
)
from tests.api.test_vouchers import GIFT, create, read
from tests.running import Shop

RR = r"rr_[0-9a-f]{18}"


def ask(shop: Shop, redemption_id: str, path: str = "rollback", **body: Any) -> httpx.Response:
    return shop.api.post(f"/v1/redemptions/{redemption_id}/{path}", json=body)


def undo(shop: Shop, redemption_id: str, **body: Any) -> dict[str, Any]:
    """Rolls one redemption back; the answer."""
    answer = ask(shop, redemption_id, **body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def undo_all(shop: Shop, redemption_id: str, **body: Any) -> dict[str, Any]:
    answer = ask(shop, redemption_id, "rollbacks", **body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def one(answer: dict[str, Any]) -> str:
    """The id of the only redemption of an answer."""
    [found] = answer["redemptions"]
    id_: str = found["id"]
    return id_


def key(answer: httpx.Response) -> tuple[int, str, str]:
    problem = answer.json()
    return answer.status_code, problem["key"], problem.get("details", "")


# --- what goes back -----------------------------------------------------------------------------


def test_a_stack_with_its_order(shop: Shop) -> None:
    """The documents' example: all of it goes back, and the order is canceled."""
    asked = three(shop)
    done = redeem(shop, *asked, order=200000, customer="ann")
    parent, children = done["parent_redemption"], done["redemptions"]
    answer = undo_all(shop, parent["id"], reason="Unwanted")
    order, undone = answer["order"], answer["parent_rollback"]
    assert re.fullmatch(RR, undone["id"])
    assert (undone["object"], undone["redemption"], undone["reason"]) == (
        "redemption_rollback",
        parent["id"],
        "Unwanted",
    )
    assert [each["redemption"] for each in answer["rollbacks"]] == [each["id"] for each in children]
    assert [each["result"] for each in (*answer["rollbacks"], undone)] == ["SUCCESS"] * 4
    assert money(order) == {"amount": 200000, "total_amount": 200000}
    assert order["status"] == "CANCELED"
    [entry] = order["redemptions"].values()
    assert entry == {
        "date": parent["date"],
        "rollback_id": undone["id"],
        "rollback_date": undone["date"],
        "related_object_type": "redemption",
        "related_object_id": parent["id"],
        "stacked": [each["id"] for each in children],
        "rollback_stacked": [each["id"] for each in answer["rollbacks"]],
    }
    gift = answer["rollbacks"][0]
    assert (gift["amount"], gift["gift"]) == (-100, {"amount": -100})
    assert gift["voucher"]["gift"]["balance"] == 20500
    assert read(shop, "39vnjyS8")["redemption"]["redeemed_quantity"] == 0
    for each in (parent, *children):
        assert get(shop, each["id"])["status"] == "ROLLED_BACK"
    for each in (undone, *answer["rollbacks"]):
        found = get(shop, each["id"])
        assert (found["object"], found["redemption"]) == ("redemption_rollback", each["redemption"])
    related = get(shop, parent["id"])["related_redemptions"]
    assert related["rollbacks"] == [{"id": undone["id"], "date": undone["date"]}]
    assert shop.api.get(f"/v1/orders/{order['id']}").json()["status"] == "CANCELED"
    assert order_summary(shop)[:2] == (0, 0)


def test_a_stack_without_its_order(shop: Shop) -> None:
    stacking(shop, redeemables_rollback_order_mode="WITHOUT_ORDER")
    done = redeem(shop, *three(shop), order=200000, customer="ann")
    answer = undo_all(shop, done["parent_redemption"]["id"])
    order = answer["order"]
    assert order["status"] == "PAID"
    assert order["total_amount"] == 151920
    assert order["discount_amount"] == 48080
    [entry] = order["redemptions"].values()
    assert entry["rollback_id"] == answer["parent_rollback"]["id"]
    # The order stays; the redemptions are undone all the same.
    assert read(shop, "dBj56oqJ")["gift"]["balance"] == 20500
    assert order_summary(shop)[:2] == (151920, 1)
    stored = shop.api.get(f"/v1/orders/{order['id']}").json()
    assert (stored["status"], stored["total_amount"]) == ("PAID", 151920)


def test_one_coupon(shop: Shop) -> None:
    create(shop, "TEN", metadata={"a": 1})
    ann = save_customer(shop, source_id="ann")
    id_ = one(done := redeem(shop, "TEN", order={"source_id": "o", "amount": 5000}, customer="ann"))
    found = undo(shop, id_, metadata={"location_id": ["L2"]})
    assert re.fullmatch(RR, found["id"])
    assert found["metadata"] == {"location_id": ["L2"]}
    assert (found["redemption"], found["customer_id"]) == (id_, ann["id"])
    assert found["tracking_id"] == done["redemptions"][0]["tracking_id"]
    assert "amount" not in found
    order = found["order"]
    assert (order["status"], order["total_amount"]) == ("CANCELED", 5000)
    assert order["redemptions"][id_]["rollback_id"] == found["id"]
    assert read(shop, "TEN")["redemption"]["redeemed_quantity"] == 0
    assert found["voucher"]["redemption"]["redeemed_quantity"] == 0
    redemptions = read_customer(shop, "ann")["summary"]["redemptions"]
    assert redemptions == {
        "total_redeemed": 0,
        "total_failed": 0,
        "total_succeeded": 1,
        "total_rolled_back": 1,
        "total_rollback_failed": 0,
        "total_rollback_succeeded": 1,
        "gift": {"redeemed_amount": 0, "amount_to_go": 0},
        "loyalty_card": {"redeemed_points": 0, "points_to_go": 0},
    }


def test_one_gift_card_and_its_ledger(shop: Shop) -> None:
    card = create(shop, "card", **GIFT)
    done = redeem(shop, voucher("card", 3000), order={"source_id": "o", "amount": 5000})
    id_ = one(done)
    undone = undo(shop, id_)
    assert (undone["amount"], undone["gift"]) == (-3000, {"amount": -3000})
    refund, redemption = ledger(shop, "card")
    assert (redemption["type"], refund["type"]) == ("CREDITS_REDEMPTION", "CREDITS_REFUND")
    order = {"id": done["order"]["id"], "source_id": "o"}

    def balance(amount: int, left: int) -> dict[str, Any]:
        return {
            "type": "gift_voucher",
            "total": 10000,
            "object": "balance",
            "amount": amount,
            "balance": left,
            "related_object": {"id": card["id"], "type": "voucher"},
        }

    assert redemption["details"] == {
        "balance": balance(-3000, 7000),
        "order": order,
        "redemption": {"id": id_},
    }
    assert refund["details"] == {
        "balance": balance(3000, 10000),
        "order": order,
        "redemption": {"id": id_},
        "rollback": {"id": undone["id"]},
    }
    assert read(shop, "card")["gift"]["balance"] == 10000
    assert read(shop, "card")["redemption"]["redeemed_amount"] == 0


def test_one_tier(shop: Shop) -> None:
    made = add_tier(shop, promotion(shop)["id"])
    id_ = one(redeem(shop, tier(made["id"]), order=5000))
    assert get_tier(shop, made["id"])["summary"] == {
        "redemptions": {"total_redeemed": 1},
        "orders": {"total_amount": 5000, "total_discount_amount": 3000},
    }
    undone = undo(shop, id_)
    assert undone["promotion_tier"]["id"] == made["id"]
    assert (undone["voucher"], undone["related_object_type"]) == (None, "promotion_tier")
    assert get_tier(shop, made["id"])["summary"] == {
        "redemptions": {"total_redeemed": 0},
        "orders": {"total_amount": 0, "total_discount_amount": 0},
    }


def test_units_that_were_added_go_again(shop: Shop) -> None:
    shop.api.post("/v1/products", json={"source_id": "mug", "name": "Mug", "price": 700})
    free = {"type": "UNIT", "unit_off": 2, "unit_type": "mug", "effect": "ADD_NEW_ITEMS"}
    create(shop, "mugs", discount=free)
    items = [
        {"source_id": "mug", "related_object": "product", "quantity": 1, "price": 700},
        {"source_id": "tea", "related_object": "product", "quantity": 3, "price": 100},
    ]
    done = redeem(shop, "mugs", order={"source_id": "o", "items": items})["order"]
    assert (done["amount"], done["initial_amount"], done["total_amount"]) == (2400, 1000, 1000)
    assert [item["quantity"] for item in done["items"]] == [3, 3]
    [id_] = done["redemptions"]
    order = undo(shop, id_)["order"]
    assert (order["amount"], order["total_amount"]) == (1000, 1000)
    assert "initial_amount" not in order
    assert [(item["quantity"], item["amount"]) for item in order["items"]] == [(1, 700), (3, 300)]
    # A line of its own goes as a whole.
    other = redeem(shop, "mugs", order={"source_id": "p", "items": items[1:]})["order"]
    assert [item["quantity"] for item in other["items"]] == [3, 2]
    [id_] = other["redemptions"]
    order = undo(shop, id_)["order"]
    assert [(item["source_id"], item["quantity"]) for item in order["items"]] == [("tea", 3)]
    assert money(order) == {"amount": 300, "total_amount": 300}
    stored = shop.api.get("/v1/orders/p").json()
    assert [item["source_id"] for item in stored["items"]] == ["tea"]


def test_units_that_were_added_to_an_order_without_items_go_again(shop: Shop) -> None:
    shop.api.post("/v1/products", json={"source_id": "mug", "name": "Mug", "price": 700})
    free = {"type": "UNIT", "unit_off": 2, "unit_type": "mug", "effect": "ADD_NEW_ITEMS"}
    create(shop, "mugs", discount=free)
    done = redeem(shop, "mugs", order=1001)["order"]
    assert (done["amount"], done["initial_amount"], done["total_amount"]) == (2401, 1001, 1001)
    [id_] = done["redemptions"]
    order = undo(shop, id_)["order"]
    assert money(order) == {"amount": 1001, "total_amount": 1001}
    assert money(shop.api.get(f"/v1/orders/{order['id']}").json()) == money(order)


def test_units_of_two_redemptions_go_with_their_own(shop: Shop) -> None:
    for name in ("mug", "cup"):
        shop.api.post("/v1/products", json={"source_id": name, "name": name, "price": 700})
        free = {"type": "UNIT", "unit_off": 1, "unit_type": name, "effect": "ADD_NEW_ITEMS"}
        create(shop, f"{name}s", discount=free)
    items = [{"source_id": "tea", "related_object": "product", "quantity": 3, "price": 100}]
    first = one(redeem(shop, "mugs", order={"source_id": "o", "items": items}))
    second = one(redeem(shop, "cups", order={"source_id": "o"}))
    order = undo(shop, first)["order"]
    assert [item["product"]["name"] for item in order["items"][1:]] == ["cup"]
    order = undo(shop, second)["order"]
    assert [item["source_id"] for item in order["items"]] == ["tea"]
    assert money(order) == {"amount": 300, "total_amount": 300}


def test_the_first_of_two_redemptions_of_an_order(shop: Shop) -> None:
    create(shop, "one", discount={"type": "AMOUNT", "amount_off": 700})
    create(shop, "two", discount={"type": "AMOUNT", "amount_off": 40})
    first = one(redeem(shop, "one", order={"source_id": "o", "amount": 1000}, customer="ann"))
    second = one(redeem(shop, "two", order={"source_id": "o"}))
    undone = undo(shop, first)["order"]
    assert (undone["status"], undone["total_discount_amount"], undone["total_amount"]) == (
        "CANCELED",
        40,
        960,
    )
    again = undo(shop, second)["order"]
    assert money(again) == {"amount": 1000, "total_amount": 1000}
    assert all("rollback_id" in entry for entry in again["redemptions"].values())
    assert order_summary(shop)[:2] == (0, 0)


def test_without_order_and_customer(shop: Shop) -> None:
    create(shop, "TEN")
    id_ = one(redeem(shop, "TEN"))
    answer = undo_all(shop, id_)
    assert set(answer) == {"rollbacks"}
    [undone] = answer["rollbacks"]
    assert (undone["order"], undone["customer"]) == (None, None)


def test_what_is_undone_can_be_redeemed_again(shop: Shop) -> None:
    create(shop, "ONCE", redemption={"quantity": 1})
    for _ in range(3):
        id_ = one(redeem(shop, "ONCE"))
        assert refused(shop, "ONCE") == "quantity_exceeded"
        undo(shop, id_)


# --- in the query as well -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["rollback", "rollbacks"])
def test_the_reason_in_the_query_or_in_the_body(shop: Shop, path: str) -> None:
    create(shop, "TEN")
    reasons = []
    for query, body in (
        ("reason=Query&tracking_id=ann", None),
        ("reason=Query", {"reason": "Body"}),
        ("", {"tracking_id": "ann"}),
        ("tracking_id=None&reason=", {}),
    ):
        id_ = one(redeem(shop, "TEN", customer="ann"))
        options = {} if body is None else {"json": body}
        answer = shop.api.post(f"/v1/redemptions/{id_}/{path}?{query}", **options)
        assert answer.status_code == 200, answer.text
        found = answer.json() if path == "rollback" else answer.json()["rollbacks"][0]
        reasons.append(found.get("reason"))
    assert reasons == ["Query", "Body", None, None]


# --- what is gone by now ------------------------------------------------------------------------


@pytest.mark.parametrize("force", ["false", "true"])
def test_the_voucher_is_deleted(shop: Shop, force: str) -> None:
    """In the bin it gets its own back, and so do what was redeemed with it, the order and the
    customer.
    """
    id_ = create(shop, "card", **GIFT)["id"]
    create(shop, "TWO")
    alone = one(redeem(shop, "card", order={"source_id": "o", "amount": 50}, customer="ann"))
    parent = redeem(shop, "card", "TWO", order=2000)["parent_redemption"]["id"]
    assert shop.api.delete(f"/v1/vouchers/card?force={force}").status_code == 204
    if force == "true":
        # Another one of that code is another one.
        create(shop, "card", **GIFT)
    undone = undo(shop, alone)
    assert (undone["related_object_type"], undone["related_object_id"]) == ("voucher", id_)
    assert (undone["voucher"], undone["order"]["status"]) == (None, "CANCELED")
    gone, other = undo_all(shop, parent)["rollbacks"]
    assert (gone["voucher"], other["voucher"]["code"]) == (None, "TWO")
    assert read(shop, "TWO")["redemption"]["redeemed_quantity"] == 0
    found = get(shop, alone)
    assert (found["status"], found["related_object_id"], found["voucher"]) == (
        "ROLLED_BACK",
        id_,
        None,
    )
    redemptions = read_customer(shop, "ann")["summary"]["redemptions"]
    assert (redemptions["total_redeemed"], redemptions["gift"]["redeemed_amount"]) == (0, 0)
    if force == "true":
        assert read(shop, "card")["gift"]["balance"] == 10000
        assert ledger(shop, "card") == []


@pytest.mark.parametrize("force", ["false", "true"])
def test_the_campaign_is_deleted(shop: Shop, force: str) -> None:
    made = promotion(shop)
    tier_id = add_tier(shop, made["id"])["id"]
    id_ = one(redeem(shop, tier(tier_id), order=5000, customer="ann"))
    shop.finished(shop.api.delete(f"/v1/campaigns/{made['id']}?force={force}"))
    undone = undo(shop, id_)
    assert (undone["related_object_type"], undone["related_object_id"]) == (
        "promotion_tier",
        tier_id,
    )
    assert undone["order"]["total_amount"] == 5000
    assert get(shop, id_)["status"] == "ROLLED_BACK"
    assert key(ask(shop, id_))[1] == "already_rolled_back"
