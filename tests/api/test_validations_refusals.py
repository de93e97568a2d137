from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.validating import (
    FUTURE,
    PAST,
    TEN_OFF,
    ask,
    campaign,
    card,
    coupon,
    error,
    made,
    of_campaign,
    off,
    products_rule,
    promotion,
    rule,
    tier,
    validate,
)
from tests.running import Server, Shop

# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["voucher", "promotion_tier"])
def test_unknown_ones(shop: Shop, kind: str) -> None:
    found = error(validate(shop, {"object": kind, "id": "nobody"}))
    assert found.pop("request_id")
    assert found == {
        "code": 404,
        "key": "not_found",
        "message": "Resource not found",
        "details": f"Cannot find {kind} with id nobody",
        "resource_id": "nobody",
        "resource_type": kind,
    }


def test_those_of_other_projects_are_unknown(server: Server, shop: Shop) -> None:
    theirs = server.project()
    id_ = coupon(theirs, "TEN")["id"]
    of_tier = tier(theirs, promotion(theirs), "Tier")
    for name in ("TEN", id_, of_tier):
        assert error(validate(shop, name))["key"] == "not_found"


def test_a_voucher_that_is_switched_off(shop: Shop) -> None:
    made_ = coupon(shop, "TEN")
    shop.api.post("/v1/vouchers/TEN/disable")
    found = error(validate(shop, "TEN"))
    assert (found["code"], found["key"], found["message"]) == (
        *(400, "voucher_disabled"),
        "voucher is disabled",
    )
    assert (found["resource_id"], found["resource_type"]) == (made_["id"], "voucher")
    assert found["details"] == "TEN"
    shop.api.post("/v1/vouchers/TEN/enable")
    assert off(validate(shop, "TEN")) == 1000


def test_a_campaign_that_is_switched_off(shop: Shop) -> None:
    of = campaign(shop, "Sale")["id"]
    of_campaign(shop, of, "TEN")
    assert off(validate(shop, "TEN")) == 1000
    shop.api.post(f"/v1/campaigns/{of}/disable")
    assert error(validate(shop, "TEN"))["key"] == "voucher_disabled"
    shop.api.post(f"/v1/campaigns/{of}/enable")
    assert off(validate(shop, "TEN")) == 1000
    shop.api.delete(f"/v1/campaigns/{of}")
    assert error(validate(shop, "TEN"))["key"] == "not_found"


def test_a_tier_that_is_switched_off(shop: Shop) -> None:
    of = promotion(shop)
    id_ = tier(shop, of, "Tier")
    assert off(validate(shop, id_)) == 1000
    shop.api.post(f"/v1/promotions/tiers/{id_}/disable")
    found = error(validate(shop, id_))
    assert (found["key"], found["message"]) == ("promotion_inactive", "Inactive Promotion")
    assert found["details"] == f"Promotion Tier with id: {id_} is disabled."
    assert (found["resource_id"], found["resource_type"]) == (id_, "promotion_tier")
    shop.api.post(f"/v1/promotions/tiers/{id_}/enable")
    shop.api.post(f"/v1/campaigns/{of}/disable")
    assert error(validate(shop, id_))["key"] == "promotion_inactive"


@pytest.mark.parametrize(
    ("times", "key", "of_tier"),
    [
        ({"start_date": FUTURE}, "voucher_not_active", "promotion_inactive"),
        ({"expiration_date": PAST}, "voucher_expired", "promotion_inactive"),
        (
            {
                "start_date": PAST,
                "validity_timeframe": {"interval": "P100Y", "duration": "PT1M"},
            },
            "voucher_not_active_now",
            "promotion_not_active_now",
        ),
    ],
)
def test_the_wrong_time(shop: Shop, times: dict[str, Any], key: str, of_tier: str) -> None:
    coupon(shop, "TEN", **times)
    assert error(validate(shop, "TEN"))["key"] == key
    of = campaign(shop, "Sale", **times)["id"]
    of_campaign(shop, of, "SALE")
    assert error(validate(shop, "SALE"))["key"] == key
    assert error(validate(shop, tier(shop, promotion(shop), "a", **times)))["key"] == of_tier
    late = promotion(shop, "Late", **times)
    assert error(validate(shop, tier(shop, late, "b")))["key"] == of_tier


def test_a_wrong_day_and_a_wrong_hour(server: Server) -> None:
    shop = server.project(timezone="UTC")
    # Well away from now on either side, lest a day or an hour end meanwhile.
    today = datetime.now(UTC)
    other = [(today.isoweekday() + n) % 7 for n in (2, 3, 4, 5)]
    coupon(shop, "DAY", validity_day_of_week=other)
    assert error(validate(shop, "DAY"))["key"] == "voucher_not_active_now"
    coupon(shop, "DAYS", validity_day_of_week=[0, 1, 2, 3, 4, 5, 6])
    assert off(validate(shop, "DAYS")) == 1000
    first, last = (today + timedelta(hours=n) for n in (6, 8))
    hours = {"start_time": f"{first:%H}:00", "expiration_time": f"{last:%H}:00"}
    coupon(shop, "HOUR", validity_hours={"daily": [hours]})
    found = error(validate(shop, "HOUR"))
    assert (found["key"], found["message"]) == (
        "voucher_not_active_now",
        "voucher not active now",
    )
    of_tier = tier(shop, promotion(shop), "Tier", validity_hours={"daily": [hours]})
    assert error(validate(shop, of_tier))["key"] == "promotion_not_active_now"


def test_what_is_on_a_card(shop: Shop) -> None:
    card(shop, "CARD", 5000)
    assert off(validate(shop, "CARD")) == 5000
    assert off(validate(shop, "CARD", order={"amount": 300})) == 300
    asked = {"object": "voucher", "id": "CARD", "gift": {"credits": 5001}}
    found = error(validate(shop, asked))
    assert (found["key"], found["message"]) == ("gift_amount_exceeded", "gift amount exceeded")
    asked["gift"] = {"credits": 5000}
    answer = validate(shop, asked, order={"amount": 1200})
    assert answer["redeemables"][0]["result"] == {"gift": {"balance": 5000, "credits": 1200}}
    answer = ask(shop, "CARD").json()
    assert error(answer)["key"] == "missing_order"
    answer = ask(shop, asked).json()
    assert answer["redeemables"][0]["result"] == {"gift": {"balance": 5000, "credits": 5000}}
    card(shop, "EMPTY", 0)
    assert error(validate(shop, "EMPTY"))["key"] == "gift_amount_exceeded"


def test_a_card_for_items(shop: Shop) -> None:
    only = products_rule(shop, included=[{"object": "product", "source_id": "mug"}])
    card(shop, "CARD", 5000, "APPLY_TO_ITEMS", validation_rules=[only])
    items = [
        {"source_id": name, "related_object": "product", "price": 1000, "quantity": 2}
        for name in ("mug", "cap")
    ]
    for each in items:
        made(shop, "/v1/products", name=each["source_id"], source_id=each["source_id"])
    answer = validate(shop, "CARD", order={"items": items})
    assert [item.get("discount_amount", 0) for item in answer["order"]["items"]] == [2000, 0]
    assert answer["redeemables"][0]["result"]["gift"]["credits"] == 2000
    answer = validate(shop, "CARD", order={"items": items[1:]})
    assert error(answer)["key"] == "missing_order_items_amount"


def test_a_loyalty_card_wants_a_reward(shop: Shop) -> None:
    card_ = {"type": "LOYALTY_CARD", "loyalty_card": {"points": 100}}
    of = made(shop, "/v1/campaigns", name="Club", campaign_type="LOYALTY_PROGRAM", voucher=card_)
    of_campaign(shop, of["id"], "CARD")
    assert error(validate(shop, "CARD"))["key"] == "missing_reward"
    asked = {"object": "voucher", "id": "CARD", "reward": {"id": "rew_nothing"}}
    found = error(validate(shop, asked))
    assert (found["code"], found["key"], found["resource_id"]) == (404, "not_found", "rew_nothing")


# --- validation rules -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "conditions", "members", "key"),
    [
        ("order.amount", {"$more_than": [10_000]}, {}, "order_rules_violated"),
        ("order.total_amount", {"$more_than": [9000]}, {}, "order_rules_violated"),
        ("customer.metadata", {"$is": ["gold"]}, {"property": "level"}, "customer_rules_violated"),
        (
            "redemption.metadata",
            {"$is": ["web"]},
            {"property": "channel"},
            "redemption_rules_violated",
        ),
    ],
)
def test_rules(shop: Shop, name: str, conditions: Any, members: Any, key: str) -> None:
    body: dict[str, Any] = {
        "order": {"amount": 10_000},
        "customer": {"source_id": "ann", "metadata": {"level": "new"}},
        "metadata": {"channel": "shop"},
    }
    plain = rule(shop, name, conditions, **members)
    spoken = rule(shop, name, conditions, "Not for you", **members)
    coupon(shop, "PLAIN", validation_rules=[plain])
    coupon(shop, "SPOKEN", validation_rules=[spoken])
    found = error(validate(shop, "PLAIN", **body))
    assert found["key"] == key
    assert "error" not in found
    assert found["details"].endswith(f"violated validation rules: {plain}")
    answer = validate(shop, "SPOKEN", **body)
    found = error(answer)
    assert (found["key"], found["message"]) == (key, "Not for you")
    assert found["error"] == {"message": "Not for you"}
    details = answer["inapplicable_redeemables"][0]["result"]["details"]
    assert details == {"key": key, "message": "Not for you"}
    of_tier = tier(shop, promotion(shop), "Tier", validation_rules=[plain])
    assert error(validate(shop, of_tier, **body))["key"] == key


def test_rules_that_hold(shop: Shop) -> None:
    coupon(
        shop,
        "TEN",
        validation_rules=[
            rule(shop, "customer.metadata", {"$is": ["gold"]}, property="level"),
            rule(shop, "redemption.metadata", {"$is": ["web"]}, property="channel"),
            rule(shop, "order.metadata", {"$is": [1]}, property="table"),
            rule(shop, "order.items.metadata_any", {"$is": ["yes"]}, property="gift"),
        ],
    )
    item = {"source_id": "mug", "price": 5000, "metadata": {"gift": "yes"}}
    body: dict[str, Any] = {
        "order": {"items": [item], "metadata": {"table": 1}},
        "customer": {"source_id": "ann", "metadata": {"level": "gold"}},
        "metadata": {"channel": "web"},
    }
    assert off(validate(shop, "TEN", **body)) == 1000
    for gone in body:
        assert error(validate(shop, "TEN", **(body | {gone: None})))["code"] == 400


def test_a_rule_of_the_campaign_guards_all_its_vouchers(shop: Shop) -> None:
    big = rule(shop, "order.amount", {"$more_than_or_equal": [5000]})
    of = campaign(shop, "Sale", validation_rules=[big])["id"]
    of_campaign(shop, of, "SALE")
    assert off(validate(shop, "SALE", order={"amount": 5000})) == 1000
    assert error(validate(shop, "SALE", order={"amount": 4999}))["key"] == "order_rules_violated"
    answer = shop.api.put(
        f"/v1/validation-rules/{big}",
        json={"rules": {"1": {"name": "order.amount", "conditions": {"$less_than": [10]}}}},
    )
    assert answer.status_code == 200, answer.text
    # A change holds for the next request, in every process.
    for _ in range(4):
        assert error(validate(shop, "SALE", order={"amount": 5000}))["code"] == 400
        assert off(validate(shop, "SALE", order={"amount": 9})) == 9


def test_what_is_missing(shop: Shop) -> None:
    coupon(
        shop, "C", validation_rules=[rule(shop, "customer.metadata", {"$is": [1]}, property="a")]
    )
    coupon(shop, "O", validation_rules=[rule(shop, "order.amount", {"$more_than": [1]})])
    coupon(shop, "I", {**TEN_OFF, "effect": "APPLY_TO_ITEMS"})
    assert error(validate(shop, "C"))["key"] == "missing_customer"
    assert error(ask(shop, "O").json())["key"] == "missing_order"
    assert error(ask(shop, "I").json())["key"] == "missing_order"
    assert error(validate(shop, "I"))["key"] == "missing_order_items"


def test_two_of_a_campaign_that_allows_each_customer_one(shop: Shop) -> None:
    once = rule(shop, "campaign.redemptions.customers_count", {"$less_than_or_equal": [1]})
    of = campaign(shop, "Sale", validation_rules=[once])["id"]
    for code in ("A", "B"):
        of_campaign(shop, of, code)
    ann = {"source_id": "ann"}
    for code in ("A", "B"):
        assert off(validate(shop, code, customer=ann)) == 1000
    found = error(validate(shop, "A", "B", customer=ann))
    assert found["key"] == "redemption_rules_violated"
    assert error(validate(shop, "A"))["key"] == "missing_customer"


def test_segments(shop: Shop) -> None:
    bob = made(shop, "/v1/customers", source_id="bob", metadata={"vip": True})
    made(shop, "/v1/customers", source_id="cat")
    static = made(shop, "/v1/segments", name="Few", type="static", customers=[bob["id"]])
    filter_ = {"junction": "and", "metadata.vip": {"conditions": {"$is": [True]}}}
    auto = made(shop, "/v1/segments", name="Vip", type="auto-update", filter=filter_)
    for code, segment in (("FEW", static), ("VIP", auto)):
        in_it = rule(shop, "customer.segment", {"$is": [segment["id"]]})
        coupon(shop, code, validation_rules=[in_it])
        assert off(validate(shop, code, customer={"source_id": "bob"})) == 1000
        assert off(validate(shop, code, customer={"id": bob["id"]})) == 1000
        for other in ("cat", "nobody"):
            found = error(validate(shop, code, customer={"source_id": other}))
            assert found["key"] == "customer_rules_violated"
        assert error(validate(shop, code))["key"] == "missing_customer"
    # What the request says of a customer goes over what is stored, and nothing is.
    asked = {"source_id": "cat", "metadata": {"vip": True}}
    assert off(validate(shop, "VIP", customer=asked)) == 1000
    assert off(validate(shop, "VIP", customer=asked | {"source_id": "new"})) == 1000
    assert shop.api.get("/v1/customers/cat").json()["metadata"] == {}
