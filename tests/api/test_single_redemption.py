"""Vouchers and tiers that are redeemed one at a time, as before several could be."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import httpx

from tests.api.test_customers import sql
from tests.api.test_promotions import add, campaign
from tests.api.test_single_validation import NOTHING, TEN, one_product, refused, rule, validated
from tests.api.test_vouchers import GIFT, TIME, create
from tests.running import Shop

ID = r"r_[0-9a-f]{18}"
FAILED = r"rf_[0-9a-f]{18}"


def redeem(shop: Shop, code: str, query: str = "", /, **body: Any) -> dict[str, Any]:
    """The answer to the redemption of a voucher, which succeeds."""
    answer = shop.api.post(f"/v1/vouchers/{code}/redemption{query}", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def failures(shop: Shop) -> list[tuple[str, str | None, str]]:
    """The failed redemptions that are stored: id, voucher and why."""
    rows = sql(
        shop,
        "SELECT id, voucher_code, failure_code FROM redemptions "
        "WHERE project_id = $1 AND result = 'FAILURE' ORDER BY created_at",
    )
    return [tuple(row) for row in rows]


def turned_down(answer: httpx.Response, key: str) -> dict[str, Any]:
    """A refusal that names the redemption which failed."""
    found = refused(answer, 400, key)
    assert re.fullmatch(FAILED, found["resource_id"])
    assert found["resource_type"] == "redemption"
    return found


# --- vouchers -----------------------------------------------------------------------------------


def test_a_coupon(shop: Shop) -> None:
    made = create(shop, "TEN", discount=TEN, metadata={"a": 1})
    ann = {"source_id": "ann", "name": "Ann", "email": "ann@shop.example"}
    found = redeem(shop, "TEN", customer=ann, order={"amount": 5000}, metadata={"shop": "one"})
    id_, order = found["id"], found.pop("order")
    assert re.fullmatch(ID, id_)
    assert re.fullmatch(TIME, found["date"])
    customer = shop.api.get("/v1/customers/ann").json()
    person = {**ann, "id": customer["id"], "metadata": {}, "object": "customer"}
    voucher = found.pop("voucher")
    assert found == {
        "id": id_,
        "object": "redemption",
        "date": found["date"],
        "customer_id": customer["id"],
        "tracking_id": validated(shop, "TEN", customer={"source_id": "ann"})["tracking_id"],
        "metadata": {"shop": "one"},
        "result": "SUCCESS",
        "channel": {
            "channel_id": shop.project["server_side_key"]["app_id"],
            "channel_type": "API",
        },
        "customer": person,
        "related_object_type": "voucher",
        "related_object_id": made["id"],
    }
    # The whole voucher, as it is from then on.
    assert voucher == {
        **shop.api.get("/v1/vouchers/TEN").json(),
        "applicable_to": NOTHING,
        "inapplicable_to": NOTHING,
    }
    assert voucher["redemption"]["redeemed_quantity"] == 1
    assert voucher["metadata"] == {"a": 1}
    assert {**order, "items": []} == shop.api.get(f"/v1/orders/{order['id']}").json()
    assert (order["status"], order["total_amount"]) == ("PAID", 4000)
    assert order["redemptions"] == {
        id_: {
            "date": found["date"],
            "related_object_type": "voucher",
            "related_object_id": made["id"],
        }
    }


def test_nothing_but_a_code(shop: Shop) -> None:
    create(shop, "TEN", discount=TEN)
    answer = shop.api.post("/v1/vouchers/TEN/redemption")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert not {"order", "customer", "customer_id", "tracking_id"} & set(found)
    assert found["metadata"] is None


def test_items_that_a_discount_covers(shop: Shop) -> None:
    half = {"type": "PERCENT", "percent_off": 50, "effect": "APPLY_TO_ITEMS"}
    create(shop, "HALF", discount=half, validation_rules=[one_product(shop)])
    items = [{"source_id": "a", "quantity": 2}, {"source_id": "b", "price": 100}]
    found = redeem(shop, "HALF", order={"items": items})
    assert [each["source_id"] for each in found["voucher"]["applicable_to"]["data"]] == ["a"]
    assert found["voucher"]["validation_rules_assignments"]["total"] == 1
    assert found["order"]["items_discount_amount"] == 600


def test_a_gift_card(shop: Shop) -> None:
    create(shop, "CARD", **GIFT)
    found = redeem(shop, "CARD", order={"amount": 4000}, gift={"credits": 1500})
    assert (found["amount"], found["gift"]) == (1500, {"amount": 1500})
    assert found["voucher"]["gift"] == {
        "amount": 10000,
        "balance": 8500,
        "effect": "APPLY_TO_ORDER",
    }
    assert found["voucher"]["redemption"]["redeemed_amount"] == 1500
    assert found["order"]["total_amount"] == 2500
    # As many as are due.
    assert redeem(shop, "CARD", order={"amount": 4000})["gift"] == {"amount": 4000}
    body = {"gift": {"credits": 4501}}
    turned_down(shop.api.post("/v1/vouchers/CARD/redemption", json=body), "gift_amount_exceeded")
    assert shop.api.get("/v1/vouchers/CARD").json()["gift"]["balance"] == 4500


def test_who_holds_the_card(shop: Shop) -> None:
    create(shop, "CARD", **GIFT)
    ann = shop.api.post("/v1/customers", json={"source_id": "ann"}).json()["id"]
    sql(shop, "UPDATE vouchers SET holder_id = $2 WHERE project_id = $1", ann)
    for customer in ({"source_id": "ann"}, {"source_id": "bob"}):
        found = redeem(shop, "CARD", customer=customer, gift={"credits": 1})["voucher"]
        assert (found["holder_id"], found["holder"]["id"]) == (ann, ann)
        assert found["holder"]["source_id"] == "ann"


def test_who_is_tracked(shop: Shop) -> None:
    create(shop, "TEN", discount=TEN)
    token = validated(shop, "TEN", tracking_id="ann")["tracking_id"]
    # A name of the shop's own makes a customer.
    found = redeem(shop, "TEN", "?tracking_id=ann", order={"amount": 100})
    assert found["customer"]["source_id"] == "ann"
    assert found["tracking_id"] == token
    assert found["order"]["customer_id"] == found["customer_id"]
    # So does what a validation made of it.
    tracked = redeem(shop, "TEN", f"?tracking_id={quote(token)}")
    assert (tracked["customer_id"], tracked["tracking_id"]) == (found["customer_id"], token)
    named = redeem(shop, "TEN", f"?tracking_id={quote(token)}", customer={"source_id": "ann"})
    assert named["customer_id"] == found["customer_id"]
    path = "/v1/vouchers/TEN/redemption?tracking_id=bob"
    answer = shop.api.post(path, json={"customer": {"source_id": "ann"}})
    refused(answer, 400, "ambiguous_tracking_id")
    assert shop.api.get("/v1/customers").json()["total"] == 1


def test_a_rule_about_the_customer_knows_who_is_tracked(shop: Shop) -> None:
    rule_id = rule(shop, "customer.metadata", {"$is": ["de"]}, property="lang")
    create(shop, "TEN", discount=TEN, validation_rules=[rule_id])
    shop.api.post("/v1/customers", json={"source_id": "ann", "metadata": {"lang": "de"}})
    assert redeem(shop, "TEN", "?tracking_id=ann")["customer"]["source_id"] == "ann"
    turned_down(shop.api.post("/v1/vouchers/TEN/redemption"), "missing_customer")


def test_a_session_is_redeemed(shop: Shop) -> None:
    create(shop, "ONCE", discount=TEN, redemption={"quantity": 1})
    validated(shop, "ONCE", session={"type": "LOCK", "key": "mine"})
    path = "/v1/vouchers/ONCE/redemption"
    turned_down(shop.api.post(path, json={}), "quantity_exceeded")
    redeem(shop, "ONCE", session={"type": "LOCK", "key": "mine"})
    turned_down(
        shop.api.post(path, json={"session": {"key": "mine"}}),
        "quantity_exceeded",
    )


def test_a_stored_order(shop: Shop) -> None:
    create(shop, "TEN", discount=TEN)
    order = shop.api.post("/v1/orders", json={"source_id": "o", "amount": 3000}).json()
    found = redeem(shop, "TEN", order={"id": order["id"]})["order"]
    assert (found["id"], found["total_amount"], found["status"]) == (order["id"], 2000, "PAID")
    assert shop.api.get("/v1/orders/o").json()["total_amount"] == 2000


def test_an_order_may_be_asked_for_twice_with_one_key(shop: Shop) -> None:
    create(shop, "TEN", discount=TEN)
    headers = {"Idempotency-Key": "once"}
    path = "/v1/vouchers/TEN/redemption"
    first, second = (shop.api.post(path, json={}, headers=headers) for _ in range(2))
    assert first.json() == second.json()
    assert shop.api.get("/v1/vouchers/TEN").json()["redemption"]["redeemed_quantity"] == 1


def test_a_redemption_that_is_refused_is_stored(shop: Shop) -> None:
    create(shop, "OFF", discount=TEN, active=False)
    found = turned_down(shop.api.post("/v1/vouchers/OFF/redemption", json={}), "voucher_disabled")
    assert (found["message"], found["details"]) == ("voucher is disabled", "OFF")
    assert failures(shop) == [(found["resource_id"], "OFF", "voucher_disabled")]


def test_what_a_marketer_wrote_for_it(shop: Shop) -> None:
    rule_id = rule(shop, "order.amount", {"$more_than": [5000]}, error="Buy more!")
    create(shop, "MORE", discount=TEN, validation_rules=[rule_id])
    answer = shop.api.post("/v1/vouchers/MORE/redemption", json={"order": {"amount": 1}})
    found = turned_down(answer, "order_rules_violated")
    assert found["message"] == "order does not match validation rules"
    assert found["error"] == {"message": "Buy more!"}


def test_a_code_that_nobody_has(shop: Shop) -> None:
    answer = shop.api.post("/v1/vouchers/none/redemption", json={})
    found = refused(answer, 404, "not_found")
    assert (found["resource_id"], found["resource_type"]) == ("none", "voucher")


# --- tiers --------------------------------------------------------------------------------------


def test_a_tier(shop: Shop) -> None:
    of = campaign(shop)["id"]
    tier = add(shop, of, "Ten", action={"discount": TEN}, metadata={"a": 1})
    path = f"/v1/promotions/tiers/{tier['id']}"
    answer = shop.api.post(
        f"{path}/redemption", json={"customer": {"source_id": "ann"}, "order": {"amount": 5000}}
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["voucher"] is None
    assert (found["related_object_type"], found["related_object_id"]) == (
        "promotion_tier",
        tier["id"],
    )
    assert found["promotion_tier"] == shop.api.get(path).json()
    assert found["promotion_tier"]["summary"] == {
        "redemptions": {"total_redeemed": 1},
        "orders": {"total_amount": 5000, "total_discount_amount": 1000},
    }
    assert found["order"]["total_amount"] == 4000
    [entry] = found["order"]["redemptions"].values()
    assert entry["related_object_parent_id"] == of
    assert found["customer"]["source_id"] == "ann"
    again = shop.api.post(f"{path}/redemption?tracking_id=ann").json()
    assert again["customer_id"] == found["customer_id"]


def test_a_tier_that_is_refused(shop: Shop) -> None:
    tier = add(shop, campaign(shop)["id"], action={"discount": TEN})
    shop.api.post(f"/v1/promotions/tiers/{tier['id']}/disable")
    path = f"/v1/promotions/tiers/{tier['id']}/redemption"
    found = turned_down(shop.api.post(path, json={}), "promotion_inactive")
    assert found["message"] == "Inactive Promotion"
    assert found["details"] == f"Promotion Tier with id: {tier['id']} is disabled."
    assert failures(shop) == [(found["resource_id"], None, "promotion_inactive")]


def test_a_tier_that_nobody_has(shop: Shop) -> None:
    answer = shop.api.post("/v1/promotions/tiers/promo_none/redemption", json={})
    assert refused(answer, 404, "not_found")["resource_type"] == "promotion_tier"
