"""Vouchers and tiers that are validated one at a time, as before several could be."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.api.test_customers import sql
from tests.api.test_promotions import add, campaign, category
from tests.api.test_vouchers import GIFT, create
from tests.running import Server, Shop

NOTHING = {"data": [], "total": 0, "data_ref": "data", "object": "list"}
TRACK = r"track_[0-9A-Za-z_-]+={0,2}"
TEN = {"type": "AMOUNT", "amount_off": 1000, "effect": "APPLY_TO_ORDER"}


def validated(shop: Shop, code: str, /, **body: Any) -> dict[str, Any]:
    """The answer to the validation of a voucher, which is not an error."""
    answer = shop.api.post(f"/v1/vouchers/{code}/validate", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def of_tier(shop: Shop, tier_id: str, /, **body: Any) -> dict[str, Any]:
    answer = shop.api.post(f"/v1/promotions/tiers/{tier_id}/validation", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def promotions(shop: Shop, query: str = "", /, **body: Any) -> dict[str, Any]:
    answer = shop.api.post(f"/v1/promotions/validation{query}", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def names(found: dict[str, Any]) -> list[str]:
    return [tier["name"] for tier in found["promotions"]]


def rule(shop: Shop, name: str, conditions: dict[str, Any], /, **more: Any) -> str:
    """A validation rule of one condition; its id. `error` is what a marketer wrote for it."""
    error = more.pop("error", None)
    rules = {"1": {"name": name, "conditions": conditions, **more}, "logic": "1"}
    body: dict[str, Any] = {"name": "Rule", "rules": rules}
    if error is not None:
        body["error"] = {"message": error}
    answer = shop.api.post("/v1/validation-rules", json=body)
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["id"]
    return found


def one_product(shop: Shop) -> str:
    """A rule for discounts of the product `a`, which costs 6; its id."""
    product = shop.api.post("/v1/products", json={"source_id": "a", "price": 600}).json()
    included = [{"object": "product", "id": product["id"]}]
    body = {"name": "One product", "applicable_to": {"included": included}}
    found: str = shop.api.post("/v1/validation-rules", json=body).json()["id"]
    return found


def refused(answer: httpx.Response, code: int, key: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json().get("key")) == (code, key), answer.text
    found: dict[str, Any] = answer.json()
    return found


# --- vouchers that are valid --------------------------------------------------------------------


def test_a_coupon(shop: Shop) -> None:
    create(shop, "TEN", discount=TEN, metadata={"shoutout": "Ten off"})
    found = validated(shop, "TEN", order={"amount": 10000, "metadata": {"a": 1}})
    assert re.fullmatch(TRACK, found.pop("tracking_id"))
    assert found == {
        "valid": True,
        "code": "TEN",
        "applicable_to": NOTHING,
        "inapplicable_to": NOTHING,
        "discount": TEN,
        "metadata": {"shoutout": "Ten off"},
        "order": {
            "amount": 10000,
            "discount_amount": 1000,
            "total_discount_amount": 1000,
            "total_amount": 9000,
            "applied_discount_amount": 1000,
            "total_applied_discount_amount": 1000,
            "metadata": {"a": 1},
            "customer_id": None,
            "referrer_id": None,
            "object": "order",
        },
    }


def test_a_coupon_of_a_campaign_with_dates_and_a_category(shop: Shop) -> None:
    kind = category(shop, "Sale")
    of = {"name": "Sale", "campaign_type": "DISCOUNT_COUPONS"}
    made = shop.api.post(
        "/v1/campaigns",
        json={
            **of,
            "voucher": {"type": "DISCOUNT_VOUCHER", "discount": TEN},
            "category_id": kind["id"],
            "start_date": "2020-01-01T00:00:00.000Z",
            "expiration_date": "2999-01-01T00:00:00.000Z",
        },
    ).json()
    code = shop.api.post(f"/v1/campaigns/{made['id']}/vouchers").json()["code"]
    found = validated(shop, code, order={"amount": 500})
    assert (found["campaign"], found["campaign_id"]) == ("Sale", made["id"])
    assert found["start_date"] == "2020-01-01T00:00:00.000Z"
    assert found["expiration_date"] == "2999-01-01T00:00:00.000Z"
    assert found["order"]["total_amount"] == 0
    assert "categories" not in found
    told = validated(shop, code, options={"expand": ["category"]})
    assert [each["name"] for each in told["categories"]] == ["Sale"]
    assert "order" not in told


def test_items_that_a_discount_covers(shop: Shop) -> None:
    rule_id = one_product(shop)
    half = {"type": "PERCENT", "percent_off": 50, "effect": "APPLY_TO_ITEMS"}
    create(shop, "HALF", discount=half, validation_rules=[rule_id])
    items = [{"source_id": "a", "quantity": "2"}, {"source_id": "b", "price": 100}]
    found = validated(shop, "HALF", order={"items": items})
    assert [each["source_id"] for each in found["applicable_to"]["data"]] == ["a"]
    assert found["order"]["items_discount_amount"] == 600
    assert found["order"]["items"][0]["applied_discount_amount"] == 600
    assert found["order"]["total_amount"] == 700


def test_a_gift_card_and_how_many_credits(shop: Shop) -> None:
    create(shop, "CARD", **GIFT)
    order = {"amount": 4000}
    found = validated(shop, "CARD", order=order)
    assert found["gift"] == {"amount": 10000, "balance": 10000, "effect": "APPLY_TO_ORDER"}
    assert "discount" not in found
    assert found["order"]["total_amount"] == 0
    some = validated(shop, "CARD", order=order, gift={"credits": 200})
    assert some["order"]["total_discount_amount"] == 200
    alone = validated(shop, "CARD", gift={"credits": 200})
    assert alone["valid"]
    assert "order" not in alone
    many = validated(shop, "CARD", order=order, gift={"credits": 10001})
    assert (many["valid"], many["error"]["key"]) == (False, "gift_amount_exceeded")
    answer = shop.api.post("/v1/vouchers/CARD/validate", json={"gift": {"credits": -1}})
    said = refused(answer, 400, "invalid_payload")["details"]
    assert said == "Property .gift.credits cannot be lower than 0"


def test_who_validates(shop: Shop) -> None:
    create(shop, "TEN", discount=TEN)
    ann = shop.api.post("/v1/customers", json={"source_id": "ann"}).json()["id"]
    order = {"amount": 5000}
    named = validated(shop, "TEN", order=order, customer={"source_id": "ann"})
    assert named["order"]["customer_id"] == ann
    tracked = validated(shop, "TEN", order=order, tracking_id="ann")
    assert tracked["order"]["customer"] == {"id": ann, "object": "customer"}
    assert named["tracking_id"] == tracked["tracking_id"]
    again = validated(shop, "TEN", order=order, tracking_id=named["tracking_id"])
    assert again["tracking_id"] == named["tracking_id"]
    strangers = {validated(shop, "TEN")["tracking_id"] for _ in range(2)}
    assert len(strangers) == 2
    body = {"customer": {"source_id": "ann"}, "tracking_id": "bob"}
    refused(shop.api.post("/v1/vouchers/TEN/validate", json=body), 400, "ambiguous_tracking_id")
    body = {"customer": {"id": "cust_" + "0" * 24}}
    refused(shop.api.post("/v1/vouchers/TEN/validate", json=body), 404, "not_found")
    # Nobody was made.
    assert shop.api.get("/v1/customers").json()["total"] == 1


def test_a_stored_order(shop: Shop) -> None:
    create(shop, "TEN", discount=TEN)
    order = shop.api.post("/v1/orders", json={"source_id": "o", "amount": 3000}).json()
    found = validated(shop, "TEN", order={"id": order["id"]})["order"]
    assert (found["id"], found["source_id"], found["total_amount"]) == (order["id"], "o", 2000)
    assert shop.api.get("/v1/orders/o").json()["total_amount"] == 3000


def test_a_session_puts_aside(shop: Shop) -> None:
    create(shop, "ONCE", discount=TEN, redemption={"quantity": 1})
    session = {"type": "LOCK", "key": "mine", "ttl": 1, "ttl_unit": "HOURS"}
    found = validated(shop, "ONCE", session=session)
    assert found["session"] == session
    other = validated(shop, "ONCE")
    assert (other["valid"], other["error"]["key"]) == (False, "quantity_exceeded")
    assert "session" not in other
    assert validated(shop, "ONCE", session={"key": "mine"})["valid"]
    create(shop, "CARD", **GIFT)
    made = validated(shop, "CARD", gift={"credits": 9000}, session={"type": "LOCK"})["session"]
    assert made["key"].startswith("ssn_")
    left = validated(shop, "CARD", order={"amount": 20000})
    assert (left["gift"]["balance"], left["order"]["total_discount_amount"]) == (1000, 1000)


def test_a_referral_code_names_who_refers(shop: Shop) -> None:
    create(shop, "ANNS", discount=TEN)
    ann = shop.api.post("/v1/customers", json={"source_id": "ann"}).json()["id"]
    sql(shop, "UPDATE vouchers SET referrer_id = $2 WHERE project_id = $1", ann)
    found = validated(shop, "ANNS", order={"amount": 5000}, customer={"source_id": "bob"})
    assert found["order"]["referrer_id"] == ann
    assert found["order"]["referrer"] == {"id": ann, "object": "customer"}
    own = validated(shop, "ANNS", customer={"source_id": "ann"})
    assert own["error"]["key"] == "referrer_not_permitted_to_redeem"


# --- vouchers that are not ----------------------------------------------------------------------


def test_a_voucher_that_is_not_valid(shop: Shop) -> None:
    create(shop, "OFF", discount=TEN, active=False, metadata={"a": 1})
    found = validated(shop, "OFF", order={"amount": 100})
    assert re.fullmatch(TRACK, found.pop("tracking_id"))
    assert re.fullmatch(r"v-[0-9a-f]{18}", found["error"].pop("request_id"))
    assert found == {
        "valid": False,
        "reason": "voucher is disabled",
        "error": {
            "code": 400,
            "key": "voucher_disabled",
            "message": "voucher is disabled",
            "details": "OFF",
        },
        "code": "OFF",
        "metadata": {"a": 1},
    }


def test_what_a_marketer_wrote_for_it(shop: Shop) -> None:
    rule_id = rule(shop, "order.amount", {"$more_than": [5000]}, error="Buy more!")
    create(shop, "MORE", discount=TEN, validation_rules=[rule_id])
    found = validated(shop, "MORE", order={"amount": 100})
    assert found["reason"] == "order does not match validation rules"
    assert found["error"]["key"] == "order_rules_violated"
    assert (found["error"]["message"], found["error"]["error"]) == (
        "Buy more!",
        {"message": "Buy more!"},
    )
    assert rule_id in found["error"]["details"]


def test_what_a_request_lacks_is_an_error(shop: Shop) -> None:
    rule_id = rule(shop, "order.amount", {"$more_than": [1]}, error="What do you buy?")
    create(shop, "MORE", discount=TEN, validation_rules=[rule_id])
    found = refused(shop.api.post("/v1/vouchers/MORE/validate", json={}), 400, "missing_order")
    assert (found["message"], found["error"]) == (
        "Missing order",
        {"message": "What do you buy?"},
    )
    assert "resource_id" not in found
    card = {"type": "GIFT_VOUCHER", "gift": {"amount": 5, "effect": "APPLY_TO_ITEMS"}}
    create(shop, "CARD", **card, validation_rules=[one_product(shop)])
    other = {"order": {"items": [{"source_id": "b", "quantity": 1, "price": 100}]}}
    answer = shop.api.post("/v1/vouchers/CARD/validate", json=other)
    found = refused(answer, 400, "missing_order_items_amount")
    assert found["details"].endswith("is required to redeem this GIFT_VOUCHER")


def test_a_loyalty_card_needs_a_reward(shop: Shop) -> None:
    made = shop.api.post(
        "/v1/campaigns",
        json={
            "name": "Loyal",
            "campaign_type": "LOYALTY_PROGRAM",
            "voucher": {"type": "LOYALTY_CARD", "loyalty_card": {"points": 10}},
        },
    )
    assert made.status_code == 200, made.text
    code = shop.api.post(f"/v1/campaigns/{made.json()['id']}/vouchers").json()["code"]
    found = refused(shop.api.post(f"/v1/vouchers/{code}/validate", json={}), 400, "missing_reward")
    assert found["details"] == "A reward is required when redeeming a LOYALTY_CARD"
    body = {"reward": {"id": "rew_nobody"}}
    found = refused(shop.api.post(f"/v1/vouchers/{code}/validate", json=body), 404, "not_found")
    assert found["resource_id"] == "rew_nobody"


def test_a_code_that_nobody_has(shop: Shop) -> None:
    found = refused(shop.api.post("/v1/vouchers/none/validate", json={}), 404, "not_found")
    assert found["details"] == "Cannot find voucher with id none"
    assert found["resource_type"] == "voucher"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"order": {"amount": "x"}}, "Property .order.amount should be integer"),
        ({"session": {"ttl": 0}}, "Property .session.ttl should be > 0"),
        ({"gift": {"credits": {}}}, "Property .gift.credits should be integer"),
        ({"customer": []}, "Property .customer should be object"),
    ],
)
def test_bad_bodies(shop: Shop, body: dict[str, Any], said: str) -> None:
    create(shop, "TEN", discount=TEN)
    for path in ("vouchers/TEN/validate", "vouchers/TEN/redemption"):
        answer = shop.api.post(f"/v1/{path}", json=body)
        assert refused(answer, 400, "invalid_payload")["details"] == said


def test_a_body_may_be_missing(shop: Shop) -> None:
    create(shop, "TEN", discount=TEN)
    assert shop.api.post("/v1/vouchers/TEN/validate").json()["valid"]
    assert shop.api.post("/v1/promotions/validation").json()["promotions"] == []


def test_metadata_is_held_against_its_schema(server: Server, shop: Shop) -> None:
    create(shop, "TEN", discount=TEN)
    schema = {"related_object": "redemption", "properties": {"shop": {"type": "number"}}}
    with server.management() as management:
        path = f"/management/v1/projects/{shop.id}/metadata-schemas"
        assert management.post(path, json=schema).status_code == 200
    body = {"metadata": {"shop": "one"}}
    refused(
        shop.api.post("/v1/vouchers/TEN/validate", json=body), 400, "metadata_validation_failed"
    )
    assert validated(shop, "TEN", metadata={"shop": 1})["valid"]


# --- tiers --------------------------------------------------------------------------------------


def test_a_tier(shop: Shop) -> None:
    of = campaign(shop)
    tier = add(shop, of["id"], "Ten", action={"discount": TEN}, banner="Ten!", metadata={"a": 1})
    found = of_tier(shop, tier["id"], order={"amount": 5000}, metadata={"shop": "one"})
    assert re.fullmatch(TRACK, found.pop("tracking_id"))
    assert found.pop("order")["total_amount"] == 4000
    assert found == {
        "valid": True,
        "applicable_to": NOTHING,
        "inapplicable_to": NOTHING,
        "id": tier["id"],
        "name": "Ten",
        "banner": "Ten!",
        "discount": TEN,
        "campaign": {
            "id": of["id"],
            "start_date": None,
            "expiration_date": None,
            "active": True,
            "object": "campaign",
        },
        "hierarchy": 1,
        "discount_amount": 1000,
        "applied_discount_amount": 1000,
        "metadata": {"a": 1},
        "object": "promotion_tier",
    }


def test_a_tier_that_is_not_valid(shop: Shop) -> None:
    rule_id = rule(shop, "order.amount", {"$more_than": [5000]}, error="Buy more!")
    tier = add(shop, campaign(shop)["id"], action={"discount": TEN}, validation_rules=[rule_id])
    found = of_tier(shop, tier["id"], order={"amount": 100})
    assert (found["valid"], found["reason"]) == (False, "order does not match validation rules")
    assert found["error"]["message"] == "Buy more!"
    assert found["error"]["details"] == (
        f"Promotion Tier cannot be redeemed because of violated validation rules: {rule_id}"
    )
    assert found["discount"] == TEN
    assert not {"order", "applicable_to", "discount_amount"} & set(found)
    # Here what a request lacks is a reason, too.
    assert of_tier(shop, tier["id"])["error"]["key"] == "missing_order"
    shop.api.post(f"/v1/promotions/tiers/{tier['id']}/disable")
    off = of_tier(shop, tier["id"], order={"amount": 9000})
    assert (off["reason"], off["error"]["key"]) == ("Inactive Promotion", "promotion_inactive")


def test_a_tier_that_nobody_has(shop: Shop) -> None:
    answer = shop.api.post("/v1/promotions/tiers/promo_none/validation", json={})
    assert refused(answer, 404, "not_found")["resource_type"] == "promotion_tier"


def test_the_categories_of_a_tier(shop: Shop) -> None:
    kind, of_campaign = category(shop, "Tiers"), category(shop, "Campaigns")
    of = campaign(shop, category_id=of_campaign["id"])
    tier = add(shop, of["id"], action={"discount": TEN}, category_id=kind["id"])
    plain = of_tier(shop, tier["id"])
    assert plain["category_id"] == kind["id"]
    assert "categories" not in plain
    assert "categories" not in plain["campaign"]
    told = of_tier(shop, tier["id"], options={"expand": ["category"]})
    assert [each["name"] for each in told["categories"]] == ["Tiers"]
    assert [each["name"] for each in told["campaign"]["categories"]] == ["Campaigns"]


# --- all tiers ----------------------------------------------------------------------------------


def test_the_tiers_that_apply(shop: Shop) -> None:
    big = rule(shop, "order.amount", {"$more_than": [5000]})
    of = campaign(shop)["id"]
    add(shop, of, "Ten", action={"discount": TEN})
    add(shop, of, "Big", action={"discount": TEN}, validation_rules=[big])
    off = add(shop, of, "Off", action={"discount": TEN})
    shop.api.post(f"/v1/promotions/tiers/{off['id']}/disable")
    add(shop, of, "Past", action={"discount": TEN}, expiration_date="2020-01-01T00:00:00Z")
    later = campaign(shop, "Second")["id"]
    add(shop, later, "Five", action={"discount": {**TEN, "amount_off": 500}})
    asleep = campaign(shop, "Third")["id"]
    add(shop, asleep, "Asleep", action={"discount": TEN})
    shop.api.post(f"/v1/campaigns/{asleep}/disable")

    found = promotions(shop, order={"amount": 2000}, customer={"source_id": "ann"})
    assert (found["valid"], names(found)) == (True, ["Five", "Ten"])
    # Each for itself.
    assert [tier["order"]["total_amount"] for tier in found["promotions"]] == [1500, 1000]
    assert {tier["tracking_id"] for tier in found["promotions"]} == {found["tracking_id"]}
    assert names(promotions(shop, order={"amount": 9000})) == ["Five", "Big", "Ten"]


def test_no_tier_applies(shop: Shop) -> None:
    found = promotions(shop, order={"amount": 2000})
    assert re.fullmatch(TRACK, found.pop("tracking_id"))
    assert found == {"valid": False, "promotions": []}


def test_rules_about_the_audience_alone(shop: Shop) -> None:
    big = rule(shop, "order.amount", {"$more_than": [5000]})
    german = rule(shop, "customer.metadata", {"$is": ["de"]}, property="lang")
    of = campaign(shop)["id"]
    add(shop, of, "Big", action={"discount": TEN}, validation_rules=[big])
    add(shop, of, "German", action={"discount": TEN}, validation_rules=[german])
    body = {"order": {"amount": 2000}, "customer": {"source_id": "a", "metadata": {"lang": "en"}}}
    assert names(promotions(shop, **body)) == []
    assert names(promotions(shop, "?audienceRulesOnly=true", **body)) == ["Big"]
    assert names(promotions(shop, "?audienceRulesOnly=false", **body)) == []


def test_tiers_by_campaign_and_metadata(shop: Shop) -> None:
    first, second = campaign(shop)["id"], campaign(shop, "Second")["id"]
    add(shop, first, "A", action={"discount": TEN}, metadata={"kind": "x", "n": 1})
    add(shop, second, "B", action={"discount": TEN}, metadata={"kind": "y"})

    def found(query: str) -> list[str]:
        return names(promotions(shop, f"?{query}"))

    assert found(f"filters[promotion_id][conditions][$is][0]={second}") == ["B"]
    assert found("filters[metadata.kind][conditions][$is]=x") == ["A"]
    assert found("filters[metadata][kind][conditions][$in][0]=y") == ["B"]
    assert found("filters[junction]=or&filters[metadata.kind][conditions][$is]=x") == ["A"]
    answer = shop.api.post("/v1/promotions/validation?filters[name][conditions][$is]=A", json={})
    refused(answer, 400, "invalid_query_params")


def test_the_most_recent_tiers_alone_are_judged(shop: Shop) -> None:
    for part in range(6):
        tiers = [{"name": f"{part}-{n}", "action": {"discount": TEN}} for n in range(30)]
        campaign(shop, f"Campaign {part}", promotion={"tiers": tiers})
    found = promotions(shop, order={"amount": 2000})["promotions"]
    assert len(found) == 150
    assert {tier["name"].partition("-")[0] for tier in found} == set("12345")
