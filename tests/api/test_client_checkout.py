"""What browsers and apps may validate and redeem: `/client/v1`."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.api.test_access import bearer, token
from tests.api.test_promotions import add, campaign
from tests.api.test_single_validation import (
    NOTHING,
    TEN,
    TRACK,
    of_tier,
    one_product,
    refused,
    rule,
    validated,
)
from tests.api.test_vouchers import GIFT, create
from tests.running import Server, Shop

HOME = "https://shop.example"
VALIDATE = "/client/v1/validate"
SWITCHED_OFF = "The project does not let clients redeem"


@pytest.fixture
def open_shop(server: Server) -> Shop:
    """A project that lets clients redeem."""
    return server.project(client_redeem_enabled=True, client_trusted_domains=[HOME])


def one(code: str, **more: Any) -> dict[str, Any]:
    return {"redeemables": [{"object": "voucher", "id": code}], **more}


def asked(shop: Shop, query: str) -> httpx.Response:
    with shop.browser() as browser:
        return browser.get(f"{VALIDATE}?{query}")


def valid(shop: Shop, query: str) -> dict[str, Any]:
    """The answer to a validation by query, which is not an error."""
    answer = asked(shop, query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


# --- several ------------------------------------------------------------------------------------


def test_a_client_validates(shop: Shop) -> None:
    create(shop, "TEN", discount=TEN)
    body = one("TEN", order={"amount": 5000}, customer={"source_id": "ann"})
    with shop.browser() as browser:
        found = browser.post("/client/v1/validations", json=body)
        assert found.status_code == 200, found.text
        locked = browser.post("/client/v1/validations", json={**body, "session": {"key": "mine"}})
        assert refused(browser.post("/client/v1/validations", json={}), 400, "invalid_payload")
    server_side = shop.api.post("/v1/validations", json=body).json()
    plain = found.json()
    assert plain.pop("id") != server_side.pop("id")
    assert plain == server_side
    assert locked.json()["session"]["key"] == "mine"


def test_clients_are_not_told_what_rules_saw(shop: Shop) -> None:
    paid = {"property": "salary", "conditions": {"$more_than": [500000]}}
    body = {"name": "Rich", "rules": {"1": {"name": "customer.metadata", **paid}}}
    made = shop.api.post("/v1/validation-rules", json=body).json()["id"]
    create(shop, "RICH", discount=TEN, validation_rules=[made])
    shop.api.post("/v1/customers", json={"source_id": "ann", "metadata": {"salary": 123456}})
    asked = one("RICH", customer={"source_id": "ann"}, options={"explain": True})
    with shop.browser() as browser:
        found = browser.post("/client/v1/validations", json=asked)
    assert found.json()["valid"] is False
    assert "explanation" not in found.text
    assert "123456" not in found.text
    assert "123456" in shop.api.post("/v1/validations", json=asked).text


def test_a_client_redeems(open_shop: Shop) -> None:
    create(open_shop, "TEN", discount=TEN)
    with open_shop.browser() as browser:
        body = one("TEN", order={"amount": 5000}, customer={"source_id": "ann"})
        answer = browser.post("/client/v1/redemptions", json=body)
        assert answer.status_code == 200, answer.text
    [child] = answer.json()["redemptions"]
    key = open_shop.project["client_side_key"]["app_id"]
    assert child["channel"] == {"channel_id": key, "channel_type": "API"}
    assert child["order"]["total_amount"] == 4000
    assert open_shop.api.get("/v1/vouchers/TEN").json()["redemption"]["redeemed_quantity"] == 1


@pytest.mark.parametrize("path", ["/client/v1/redemptions", "/client/v1/redeem?code=TEN"])
def test_redeeming_is_off_until_the_project_allows_it(shop: Shop, path: str) -> None:
    create(shop, "TEN", discount=TEN)
    with shop.browser() as browser:
        found = refused(browser.post(path, json=one("TEN")), 403, "forbidden")
    assert found["details"] == SWITCHED_OFF
    assert shop.api.get("/v1/vouchers/TEN").json()["redemption"]["redeemed_quantity"] == 0


def test_a_client_lists_tiers(shop: Shop) -> None:
    of = campaign(shop)["id"]
    tiers = [add(shop, of, name) for name in ("A", "B", "C")]
    shop.api.post(f"/v1/promotions/tiers/{tiers[0]['id']}/disable")
    path = "/client/v1/promotions/tiers"
    with shop.browser() as browser:
        assert browser.get(path).json() == shop.api.get("/v1/promotions/tiers").json()
        found = browser.get(f"{path}?is_available=true&limit=1&page=2&order=created_at").json()
        assert refused(browser.get(f"{path}?limit=101"), 400, "invalid_query_params")
    assert ([tier["name"] for tier in found["tiers"]], found["total"]) == (["C"], 2)


def test_a_page_reads_the_answers(open_shop: Shop) -> None:
    create(open_shop, "TEN", discount=TEN)
    with open_shop.browser(HOME) as page:
        answers = [
            page.post("/client/v1/validations", json=one("TEN")),
            page.post("/client/v1/redemptions", json=one("TEN")),
            page.get(f"{VALIDATE}?code=TEN"),
            page.get(f"{VALIDATE}?code=none"),
            page.post("/client/v1/redeem?code=TEN", json={}),
            page.get("/client/v1/promotions/tiers"),
        ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 404, 200, 200]
    assert {answer.headers["Access-Control-Allow-Origin"] for answer in answers} == {HOME}
    with open_shop.browser("https://elsewhere.example") as page:
        refused(page.get(f"{VALIDATE}?code=TEN"), 403, "forbidden")
        refused(page.post("/client/v1/redeem?code=TEN", json={}), 403, "forbidden")


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("client_validations", "POST", "/client/v1/validations"),
        ("client_redemptions", "POST", "/client/v1/redemptions"),
        ("client_validate", "GET", f"{VALIDATE}?code=TEN"),
        ("client_redeem", "POST", "/client/v1/redeem?code=TEN"),
        ("client_promotions", "GET", "/client/v1/promotions/tiers"),
    ],
)
def test_a_token_with_the_scope(
    server: Server, open_shop: Shop, scope: str, method: str, path: str
) -> None:
    create(open_shop, "TEN", discount=TEN)
    body = one("TEN") if method == "POST" else None

    def status(scopes: str) -> int:
        with server.anonymous(**bearer(token(open_shop, scopes))) as client:
            return client.request(method, path, json=body).status_code

    assert status(scope) == status("client_api") == 200
    assert status("client_customers") == status("api vouchers validations redemptions") == 403


# --- one, by query ------------------------------------------------------------------------------


def test_a_coupon_by_query(shop: Shop) -> None:
    create(shop, "TEN", discount=TEN, metadata={"shoutout": "Ten off"})
    found = valid(shop, "code=TEN&amount=10100")
    assert re.fullmatch(TRACK, found.pop("tracking_id"))
    assert found == {
        "valid": True,
        "code": "TEN",
        "applicable_to": NOTHING,
        "inapplicable_to": NOTHING,
        "discount": TEN,
        "metadata": {"shoutout": "Ten off"},
        "order": {
            "amount": 10100,
            "discount_amount": 1000,
            "total_discount_amount": 1000,
            "total_amount": 9100,
            "applied_discount_amount": 1000,
            "total_applied_discount_amount": 1000,
            "metadata": {},
            "customer_id": None,
            "referrer_id": None,
            "object": "order",
        },
    }


def test_items_by_query(shop: Shop) -> None:
    half = {"type": "PERCENT", "percent_off": 50, "effect": "APPLY_TO_ITEMS"}
    create(shop, "HALF", discount=half, validation_rules=[one_product(shop)])
    first = "item[0][source_id]=a&item[0][quantity]=2&item[0][related_object]=product"
    second = "item[1][source_id]=b&item[1][price]=100&item[1][amount]=100"
    found = valid(shop, f"code=HALF&{first}&{second}&order[metadata][lang]=en")["order"]
    assert [item["quantity"] for item in found["items"]] == [2, 1]
    assert (found["items_discount_amount"], found["metadata"]) == (600, {"lang": "en"})
    # As a browser writes it, and however many there are.
    many = "&".join(f"item%5B{n}%5D%5Bsource_id%5D=s{n}" for n in range(12))
    items = valid(shop, f"code=HALF&item[12][source_id]=a&{many}")["order"]["items"]
    assert [item["source_id"] for item in items] == [*(f"s{n}" for n in range(12)), "a"]
    assert valid(shop, "code=HALF&item[source_id]=a")["order"]["total_amount"] == 300


@pytest.mark.parametrize(
    "query",
    [
        "customer[source_id]=ann&customer[metadata][lang]=de",
        "customer=ann&customer[metadata][lang]=de",
        "customer[metadata][lang]=de&customer=ann",
    ],
)
def test_the_customer_by_query(shop: Shop, query: str) -> None:
    rule_id = rule(shop, "customer.metadata", {"$is": ["de"]}, property="lang")
    create(shop, "TEN", discount=TEN, validation_rules=[rule_id])
    found = valid(shop, f"code=TEN&{query}")
    assert found["valid"]
    named = shop.api.post("/v1/validations", json=one("TEN", customer={"source_id": "ann"}))
    assert found["tracking_id"] == named.json()["tracking_id"]
    assert shop.api.get("/v1/customers").json()["total"] == 0


def test_the_customer_by_id_or_tracked(shop: Shop) -> None:
    create(shop, "TEN", discount=TEN)
    ann = shop.api.post("/v1/customers", json={"source_id": "ann"}).json()["id"]
    found = {
        query: valid(shop, f"code=TEN&amount=5&{query}")
        for query in (f"customer={ann}", f"customer[id]={ann}", "customer=ann", "tracking_id=ann")
    }
    assert {each["order"]["customer_id"] for each in found.values()} == {ann}
    [tracked] = {quote(each["tracking_id"]) for each in found.values()}
    assert quote(valid(shop, f"code=TEN&tracking_id={tracked}")["tracking_id"]) == tracked
    assert valid(shop, f"code=TEN&customer=ann&tracking_id={tracked}")["valid"]
    refused(asked(shop, f"code=TEN&customer=cust_{'0' * 24}"), 404, "not_found")


def test_metadata_by_query_are_what_their_schema_says(server: Server, shop: Shop) -> None:
    types = {"shop": "number", "test": "boolean"}
    properties = {name: {"type": kind, "optional": True} for name, kind in types.items()}
    with server.management() as management:
        management.post(
            f"/management/v1/projects/{shop.id}/metadata-schemas",
            json={"related_object": "redemption", "properties": properties},
        )
    rule_id = rule(shop, "redemption.metadata", {"$is": [1]}, property="shop")
    create(shop, "TEN", discount=TEN, validation_rules=[rule_id])
    assert valid(shop, "code=TEN&metadata[shop]=1&metadata[test]=true")["valid"]
    assert not valid(shop, "code=TEN&metadata[shop]=2")["valid"]
    refused(asked(shop, "code=TEN&metadata[shop]=one"), 400, "metadata_validation_failed")
    # What nobody described is text.
    text = rule(shop, "redemption.metadata", {"$is": ["1"]}, property="other")
    create(shop, "TEXT", discount=TEN, validation_rules=[text])
    assert valid(shop, "code=TEXT&metadata[other]=1")["valid"]
    for several in ("[other][0]=0&metadata[other][1]=1", "[other][]=0&metadata[other][]=1"):
        assert valid(shop, f"code=TEXT&metadata{several}")["valid"]


def test_a_session_by_query(shop: Shop) -> None:
    create(shop, "ONCE", discount=TEN, redemption={"quantity": 1})
    query = "session_type=LOCK&session_key=mine&session_ttl=2&session_ttl_unit=HOURS"
    found = valid(shop, f"code=ONCE&{query}")["session"]
    assert found == {"key": "mine", "type": "LOCK", "ttl": 2, "ttl_unit": "HOURS"}
    other = valid(shop, "code=ONCE")
    assert (other["valid"], other["error"]["key"]) == (False, "quantity_exceeded")
    assert valid(shop, "code=ONCE&session_key=mine")["valid"]
    create(shop, "TWICE", discount=TEN, redemption={"quantity": 2})
    assert valid(shop, "code=TWICE&session_type=LOCK")["session"]["key"].startswith("ssn_")


def test_a_gift_card_by_query(shop: Shop) -> None:
    create(shop, "CARD", **GIFT)
    found = valid(shop, "code=CARD&amount=4000")
    assert found["gift"] == {"amount": 10000, "balance": 10000, "effect": "APPLY_TO_ORDER"}
    assert found["order"]["total_amount"] == 0


def test_what_is_not_valid_by_query(shop: Shop) -> None:
    rule_id = rule(shop, "order.amount", {"$more_than": [5000]}, error="Buy more!")
    create(shop, "MORE", discount=TEN, validation_rules=[rule_id])
    found = valid(shop, "code=MORE&amount=1")
    assert (found["valid"], found["code"]) == (False, "MORE")
    assert found["reason"] == "order does not match validation rules"
    assert found["error"]["message"] == "Buy more!"
    assert found["metadata"] == {}


def test_errors_by_query(shop: Shop) -> None:
    rule_id = rule(shop, "customer.metadata", {"$is": ["de"]}, property="lang")
    create(shop, "TEN", discount=TEN, validation_rules=[rule_id])
    found = refused(asked(shop, "code=TEN"), 400, "missing_customer")
    assert found["details"] == "Customer is required to validate rules"
    found = refused(
        asked(shop, "code=TEN&customer=ann&tracking_id=bob"), 400, "ambiguous_tracking_id"
    )
    assert found["message"] == "Ambiguous trackingId ('bob' vs. 'ann')"
    refused(asked(shop, "code=none"), 404, "not_found")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "Query should have required property 'code'"),
        ("code=", "Query should have required property 'code'"),
        ("code=TEN&amount=x", "Property .amount should be integer"),
        ("code=TEN&item=x", "Property .item should be object"),
        ("code=TEN&item[0]=x", "Property .item[0] should be object"),
        ("code=TEN&item[0][quantity]=x", "Property .item[0].quantity should be integer"),
        ("code=TEN&order=x", "Property .order should be object"),
        ("code=TEN&customer[metadata]=x", "Property .customer.metadata should be object"),
        ("code=TEN&session_ttl_unit=EONS", None),
        ("code=TEN&metadata=x", "Property .metadata should be object"),
    ],
)
def test_bad_queries(shop: Shop, query: str, said: str | None) -> None:
    create(shop, "TEN", discount=TEN)
    found = refused(asked(shop, query), 400, "invalid_query_params")
    assert said is None or found["details"] == said


def test_queries_that_mean_harm(shop: Shop) -> None:
    create(shop, "TEN", discount=TEN)
    deep, digits = "[a]" * 2000, "9" * 5000
    for query in (
        *(f"{name}{deep}=1" for name in ("metadata", "customer", "item", "order")),
        *(f"{name}[metadata]{deep}=1" for name in ("customer", "item[0]", "order")),
        *(f"item[{digits}][source_id]=a", f"item[0][quantity]={digits}", f"amount={digits}"),
    ):
        assert asked(shop, f"code=TEN&{query}").status_code in (200, 400), query[:40]


# --- one, redeemed ------------------------------------------------------------------------------


def test_a_client_redeems_one(open_shop: Shop) -> None:
    create(open_shop, "TEN", discount=TEN)
    tracked = valid(open_shop, "code=TEN&tracking_id=ann")["tracking_id"]
    with open_shop.browser() as browser:
        path = "/client/v1/redeem?code=TEN"
        first = browser.post(f"{path}&tracking_id=ann", json={"order": {"amount": 5000}})
        assert first.status_code == 200, first.text
        empty = browser.post(path, json={"customer": {}})
        none = browser.post("/client/v1/redeem?code=none", json={})
        nothing = browser.post("/client/v1/redeem", json={})
    found = first.json()
    assert (found["customer"]["source_id"], found["tracking_id"]) == ("ann", tracked)
    assert found["order"]["total_amount"] == 4000
    assert found["voucher"]["redemption"]["redeemed_quantity"] == 1
    assert "customer" not in empty.json()
    refused(none, 404, "not_found")
    refused(nothing, 400, "invalid_query_params")


def test_validations_of_the_server_are_no_business_of_clients(shop: Shop) -> None:
    create(shop, "TEN", discount=TEN)
    tier = add(shop, campaign(shop)["id"])
    assert validated(shop, "TEN")["valid"]
    assert of_tier(shop, tier["id"])["valid"]
    with shop.browser() as browser:
        for path in (
            "/v1/vouchers/TEN/validate",
            "/v1/vouchers/TEN/redemption",
            "/v1/promotions/validation",
            f"/v1/promotions/tiers/{tier['id']}/validation",
            f"/v1/promotions/tiers/{tier['id']}/redemption",
        ):
            refused(browser.post(path, json={}), 401, "unauthorized")
    assert shop.api.get(f"{VALIDATE}?code=TEN").status_code == 401
