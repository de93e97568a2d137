"""The qualifications that came before: of vouchers that belong to no campaign, and of campaigns."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.test_campaigns import add, kind, make
from tests.api.test_promotions import add as tier
from tests.api.test_promotions import campaign
from tests.api.test_qualifications import (
    OFF_ITEMS,
    ORDER,
    any_item,
    customer,
    hold,
    in_segment,
    product,
    redeem,
    rule,
    voucher,
)
from tests.running import Shop


def ask(shop: Shop, of: str, query: str = "", **body: Any) -> dict[str, Any]:
    answer = shop.api.post(f"/v1/{of}/qualification{query}", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def codes(shop: Shop, query: str = "", **body: Any) -> list[str]:
    return [each["code"] for each in ask(shop, "vouchers", query, **body)["data"]]


def names(shop: Shop, query: str = "", **body: Any) -> list[str]:
    return [each["name"] for each in ask(shop, "campaigns", query, **body)["data"]]


def test_vouchers_are_answered_whole_with_the_lines_that_they_are_for(shop: Shop) -> None:
    drill = product(shop, "drill")
    entry = {"included": [{"object": "product", "id": drill}]}
    made = voucher(shop, "A", OFF_ITEMS, validation_rules=[rule(shop, applicable_to=entry)])
    order = {"items": [{"product_id": drill, "quantity": 1}]}
    answer = ask(shop, "vouchers", order=order, customer={"source_id": "me"})
    assert re.fullmatch(r"qfl_[0-9A-Za-z]{24}", answer["id"])
    assert answer["tracking_id"].startswith("track_")
    assert (answer["object"], answer["data_ref"], answer["total"]) == ("list", "data", 1)
    (found,) = answer["data"]
    assert found["applicable_to"]["data"][0]["order_item_indices"] == [0]
    assert found["inapplicable_to"]["total"] == 0
    assert {key: value for key, value in found.items() if "applicable_to" not in key} == made


def test_vouchers_of_campaigns_are_left_out_but_single_ones(shop: Shop) -> None:
    make(shop, "C")
    held = add(shop, "HELD")
    hold(shop, held["id"], customer(shop))
    coupon = {"type": "DISCOUNT_VOUCHER", "discount": OFF_ITEMS | {"effect": "APPLY_TO_ORDER"}}
    make(shop, "S", type="STANDALONE", voucher={**coupon, "code_config": {"pattern": "ONE"}})
    voucher(shop, "A")
    assert codes(shop, customer={"source_id": "me"}) == ["A", "ONE"]


def test_campaigns_are_answered_whole(shop: Shop) -> None:
    tier(shop, campaign(shop)["id"])
    made = [make(shop, "Coupons"), kind(shop, "GIFT_VOUCHERS", "Cards")]
    made.append(kind(shop, "REFERRAL_PROGRAM", "Friends"))
    kind(shop, "LOYALTY_PROGRAM", "Points")
    make(shop, "Off")
    shop.api.post("/v1/campaigns/Off/disable")
    voucher(shop, "A")
    answer = ask(shop, "campaigns", order=ORDER)
    assert answer["data"] == [
        shop.api.get(f"/v1/campaigns/{each['id']}").json() for each in reversed(made)
    ]
    assert answer["total"] == 3
    assert re.fullmatch(r"qfl_[0-9A-Za-z]{24}", answer["id"])


def test_every_limit_is_judged(shop: Shop) -> None:
    big = {"name": "order.amount", "conditions": {"$more_than": [10**6]}}
    once = {"name": "redemption.count.per_customer", "conditions": {"$less_than_or_equal": [1]}}
    voucher(shop, "big", validation_rules=[rule(shop, rules={"1": big})])
    voucher(shop, "once", validation_rules=[rule(shop, rules={"1": once})])
    voucher(shop, "drill", validation_rules=[rule(shop, rules={"1": any_item("prod_x")})])
    make(shop, "big", validation_rules=[rule(shop, rules={"1": big})])
    assert codes(shop, order=ORDER, customer={"source_id": "me"}) == ["once"]
    assert codes(shop, order=ORDER) == []
    assert names(shop, order=ORDER) == []


def test_the_audience_alone(shop: Shop) -> None:
    me = customer(shop)
    body = {"name": "VIP", "type": "static", "customers": [me]}
    vip = shop.api.post("/v1/segments", json=body).json()["id"]
    of_vip = rule(shop, rules={"1": in_segment(vip)})
    big = {"name": "order.amount", "conditions": {"$more_than": [10**6]}}
    for name, rule_id in (("VIP", of_vip), ("big", rule(shop, rules={"1": big}))):
        voucher(shop, name, validation_rules=[rule_id])
        make(shop, name, validation_rules=[rule_id])
    query = "?audienceRulesOnly=true"
    assert codes(shop, query, order=ORDER) == names(shop, query, order=ORDER) == ["big"]
    assert codes(shop, query, customer={"id": me}) == ["big", "VIP"]
    assert names(shop, query, customer={"id": me}) == ["big", "VIP"]
    assert names(shop, customer={"id": me}, order=ORDER) == ["VIP"]


def test_what_was_redeemed_counts_for_the_audience(shop: Shop) -> None:
    once = {"name": "redemption.count.daily", "conditions": {"$less_than_or_equal": [1]}}
    voucher(shop, "A", validation_rules=[rule(shop, rules={"1": once})])
    redeem(shop, "A")
    assert codes(shop, order=ORDER) == []
    assert codes(shop, "?audienceRulesOnly=true", order=ORDER) == ["A"]


def test_limit_and_order(shop: Shop) -> None:
    for name in ("b", "c", "a"):
        voucher(shop, name)
        make(shop, name)
    shop.api.put("/v1/vouchers/b", json={"additional_info": "x"})
    shop.api.put("/v1/campaigns/b", json={"description": "x"})
    assert codes(shop) == names(shop) == ["a", "c", "b"]
    assert codes(shop, "?order=created_at") == names(shop, "?order=created_at") == ["b", "c", "a"]
    assert codes(shop, "?order=code") == names(shop, "?order=campaign") == ["a", "b", "c"]
    assert codes(shop, "?order=-code&limit=2") == names(shop, "?order=-code&limit=2") == ["c", "b"]
    assert codes(shop, "?order=-updated_at&limit=1") == ["b"]
    assert names(shop, "?order=-updated_at&limit=1") == ["b"]
    assert set(names(shop, "?order=type")) == set(names(shop, "?order=-category"))


@pytest.mark.parametrize("of", ["vouchers", "campaigns"])
@pytest.mark.parametrize("query", ["limit=0", "limit=51", "order=x", "audienceRulesOnly=x"])
def test_what_cannot_be_asked_is_refused(shop: Shop, of: str, query: str) -> None:
    answer = shop.api.post(f"/v1/{of}/qualification?{query}", json={})
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_query_params")
