from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.test_customers import sql
from tests.running import Server, Shop

ID = r"v_[0-9A-Za-z]{32}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
UNUSED = "v_" + "0" * 32
TEN_OFF = {"type": "DISCOUNT_VOUCHER", "discount": {"type": "AMOUNT", "amount_off": 1000}}
GIFT = {"type": "GIFT_VOUCHER", "gift": {"amount": 10000}}
# What nobody asked for: the rest of an answer, but for what is random and of time.
PLAIN = {
    "campaign": None,
    "campaign_id": None,
    "category": None,
    "category_id": None,
    "categories": [],
    "discount": None,
    "gift": None,
    "loyalty_card": None,
    "start_date": None,
    "expiration_date": None,
    "validity_timeframe": None,
    "validity_day_of_week": None,
    "active": True,
    "additional_info": None,
    "metadata": {},
    "is_referral_code": False,
    "updated_at": None,
    "validation_rules_assignments": {"object": "list", "data_ref": "data", "data": [], "total": 0},
    "object": "voucher",
}
WHEN = {
    "start_date": "2022-01-01T00:00:00Z",
    "expiration_date": "2022-12-31T23:59:59+01:00",
    "validity_timeframe": {"duration": "PT1H", "interval": "P2D"},
    "validity_day_of_week": [1, 2, 3, 4, 5],
}
CAMPAIGN = {
    "name": "Sale",
    "campaign_type": "DISCOUNT_COUPONS",
    "voucher": {"type": "DISCOUNT_VOUCHER", "discount": {"type": "PERCENT", "percent_off": 5}},
}


def create(shop: Shop, name: str | None = None, /, **body: Any) -> dict[str, Any]:
    """Creates a voucher, of 10 off unless the body says otherwise; the answer. `name` is its code
    as it stands in a path.
    """
    path = "/v1/vouchers" if name is None else f"/v1/vouchers/{name}"
    answer = shop.api.post(path, json={**TEN_OFF, **body})
    assert answer.status_code == 200, answer.text
    voucher: dict[str, Any] = answer.json()
    return voucher


def read(shop: Shop, path: str) -> dict[str, Any]:
    answer = shop.api.get(f"/v1/vouchers/{path}")
    assert answer.status_code == 200, answer.text
    voucher: dict[str, Any] = answer.json()
    return voucher


def put(shop: Shop, path: str, **body: Any) -> dict[str, Any]:
    answer = shop.api.put(f"/v1/vouchers/{path}", json=body)
    assert answer.status_code == 200, answer.text
    voucher: dict[str, Any] = answer.json()
    return voucher


def made(shop: Shop, path: str, **body: Any) -> str:
    """Creates something; its id."""
    answer = shop.api.post(path, json=body)
    assert answer.status_code == 200, answer.text
    id_: str = answer.json()["id"]
    return id_


def happened(shop: Shop) -> list[str]:
    """The types of what happened to vouchers, in order."""
    rows = sql(
        shop,
        "SELECT type FROM events WHERE project_id = $1 AND type LIKE 'voucher.%' ORDER BY id",
    )
    return [row["type"] for row in rows]


# --- creating -----------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["path", "body"])
def test_create_answers_the_whole_voucher(shop: Shop, way: str) -> None:
    body = TEN_OFF if way == "path" else {**TEN_OFF, "code": "10OFF"}
    path = "/v1/vouchers/10OFF" if way == "path" else "/v1/vouchers"
    voucher = shop.api.post(path, json=body).json()
    assert re.fullmatch(ID, voucher.pop("id"))
    assert re.fullmatch(TIME, voucher.pop("created_at"))
    assets = voucher.pop("assets")
    assert {name: sorted(asset) for name, asset in assets.items()} == {
        "qr": ["id", "url"],
        "barcode": ["id", "url"],
    }
    for kind, asset in assets.items():
        assert asset["url"] == f"{shop.server.url}/v1/assets/{kind}/{asset['id']}"
    assert voucher == {
        **PLAIN,
        "code": "10OFF",
        "type": "DISCOUNT_VOUCHER",
        "discount": {"type": "AMOUNT", "amount_off": 1000, "effect": "APPLY_TO_ORDER"},
        "redemption": {
            "quantity": None,
            "redeemed_quantity": 0,
            "object": "list",
            "url": "/v1/vouchers/10OFF/redemptions?page=1&limit=10",
        },
        "publish": {
            "object": "list",
            "count": 0,
            "url": "/v1/vouchers/10OFF/publications?page=1&limit=10",
        },
    }
    assert happened(shop) == ["voucher.created"]


def test_a_gift_card(shop: Shop) -> None:
    voucher = create(shop, "G", **GIFT)
    assert voucher["gift"] == {"amount": 10000, "balance": 10000, "effect": "APPLY_TO_ORDER"}
    assert (voucher["type"], voucher["discount"]) == ("GIFT_VOUCHER", None)
    assert voucher["redemption"]["redeemed_amount"] == 0
    other = create(shop, "I", type="GIFT_VOUCHER", gift={"amount": 0, "effect": "APPLY_TO_ITEMS"})
    assert other["gift"] == {"amount": 0, "balance": 0, "effect": "APPLY_TO_ITEMS"}


def test_a_loyalty_card_belongs_to_a_campaign(shop: Shop) -> None:
    body = {"type": "LOYALTY_CARD", "loyalty_card": {"points": 100}}
    answer = shop.api.post("/v1/vouchers/card", json=body)
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_voucher")
    of = made(
        shop,
        "/v1/campaigns",
        name="L",
        campaign_type="LOYALTY_PROGRAM",
        voucher=body,
        type="STATIC",
    )
    card = create(shop, "card", **body, campaign="L")
    assert (card["campaign"], card["campaign_id"]) == ("L", of)
    assert card["loyalty_card"] == {"points": 100, "balance": 100}
    assert card["redemption"]["redeemed_points"] == 0
    assert "redeemed_amount" not in card["redemption"]


def test_everything_that_a_voucher_can_say(shop: Shop) -> None:
    category = made(shop, "/v1/categories", name="New", hierarchy=7)
    rule = made(shop, "/v1/validation-rules", name="rule")
    campaign = made(shop, "/v1/campaigns", **CAMPAIGN)
    voucher = create(
        shop,
        "all",
        **WHEN,
        category="New",
        campaign_id=campaign,
        active=False,
        additional_info="Off until enabled",
        metadata={"test": True, "locale": "de-en", "gone": None},
        redemption={"quantity": 10},
        validation_rules=[rule],
    )
    assert voucher["start_date"] == "2022-01-01T00:00:00.000Z"
    assert voucher["expiration_date"] == "2022-12-31T22:59:59.000Z"
    assert voucher["validity_timeframe"] == WHEN["validity_timeframe"]
    assert voucher["validity_day_of_week"] == [1, 2, 3, 4, 5]
    assert (voucher["category"], voucher["category_id"]) == ("New", category)
    assert [one["hierarchy"] for one in voucher["categories"]] == [7]
    assert (voucher["campaign"], voucher["campaign_id"]) == ("Sale", campaign)
    assert (voucher["active"], voucher["additional_info"]) == (False, "Off until enabled")
    assert voucher["metadata"] == {"test": True, "locale": "de-en"}
    assert voucher["redemption"]["quantity"] == 10
    [assigned] = voucher["validation_rules_assignments"]["data"]
    assert (assigned["rule_id"], assigned["related_object_id"]) == (rule, voucher["id"])
    assert read(shop, "all") == voucher
    assert read(shop, voucher["id"]) == voucher
    assert shop.api.get(f"/v1/campaigns/{campaign}").json()["vouchers_count"] == 1
    [listed] = shop.api.get("/v1/vouchers").json()["vouchers"]
    del voucher["validation_rules_assignments"]
    assert listed == voucher


def test_hours_of_the_day(shop: Shop) -> None:
    hours = {
        "daily": [
            {"start_time": "12:00", "expiration_time": "14:00", "days_of_week": [1, 2]},
            {"start_time": "22:00", "expiration_time": "02:00", "days_of_week": [5]},
        ]
    }
    assert create(shop, "a", validity_hours=hours)["validity_hours"] == hours
    assert put(shop, "a", active=False)["validity_hours"] == hours
    assert "validity_hours" not in create(shop, "b")
    answer = shop.api.put("/v1/vouchers/b", json={**WHEN, "validity_hours": hours})
    assert answer.json()["details"] == (
        "Property .validity_hours cannot be combined with validity_timeframe"
    )


@pytest.mark.parametrize(
    ("config", "pattern"),
    [
        (None, r"[0-9A-Za-z]{8}"),
        ({}, r"[0-9A-Za-z]{8}"),
        ({"length": 3, "initial_count": 99}, r"[0-9A-Za-z]{3}"),
        ({"length": 12, "charset": "ab"}, r"[ab]{12}"),
        ({"pattern": "GIFT-####", "length": 2, "charset": "01"}, r"GIFT-[01]{4}"),
        ({"prefix": "New-", "postfix": "0", "pattern": "#-#", "charset": "x"}, r"New-x-x0"),
        ({"pattern": "FIXED"}, r"FIXED"),
        ({"pattern": "100%#{}", "charset": "ż"}, r"100%ż\{\}"),
    ],
)
def test_a_random_code(shop: Shop, config: Any, pattern: str) -> None:
    assert re.fullmatch(pattern, create(shop, code_config=config)["code"])


def test_a_pattern_gives_all_its_codes_and_then_no_more(shop: Shop) -> None:
    config = {"pattern": "A##", "charset": "01"}
    taken = create(shop, "A01")["code"]
    found = {create(shop, code_config=config)["code"] for _ in range(3)}
    assert found == {"A00", "A10", "A11"}
    assert taken not in found
    answer = shop.api.post("/v1/vouchers", json={**TEN_OFF, "code_config": config})
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_code_config")
    assert shop.api.get("/v1/vouchers").json()["total"] == 4


def test_a_code_that_is_taken(shop: Shop) -> None:
    first = create(shop, "CODE")
    for body in (TEN_OFF, GIFT):
        answer = shop.api.post("/v1/vouchers", json={**body, "code": "CODE"})
        assert answer.status_code == 409
        problem = answer.json()
        del problem["request_id"]
        assert problem == {
            "code": 409,
            "key": "duplicate_found",
            "message": "Duplicated resource found",
            "details": "Duplicated voucher exists with id CODE",
            "resource_id": "CODE",
            "resource_type": "voucher",
        }
    assert read(shop, "CODE") == first
    assert create(shop, "code")["id"] != first["id"]


def test_codes_without_case(server: Server) -> None:
    shop = server.project(case_sensitive_codes=False)
    create(shop, "Abc-Ż")
    for other in ("ABC-Ż", "abc-ż"):
        assert shop.api.post(f"/v1/vouchers/{other}", json=TEN_OFF).status_code == 409
        assert read(shop, other)["code"] == "Abc-Ż"
        assert shop.api.get("/v1/vouchers", params={"code": other}).json()["total"] == 1
        assert put(shop, other, metadata={"by": other})["code"] == "Abc-Ż"
    config = {"charset": "aA", "length": 1}
    assert create(shop, code_config=config)["code"] in "aA"
    answer = shop.api.post("/v1/vouchers", json={**TEN_OFF, "code_config": config})
    assert answer.json()["key"] == "invalid_code_config"


# Each must be found by its own name alone, whatever it means to a path, a pattern or a query.
NAMES = {
    "a/b": "a%2Fb",
    "a%2Fb": "a%252Fb",
    "a%b": "a%25b",
    "a_b": "a_b",
    "axb": "axb",
    "a b": "a%20b",
    "a?b#c": "a%3Fb%23c",
    "zażółć 😀": "za%C5%BC%C3%B3%C5%82%C4%87%20%F0%9F%98%80",
    "bulk": "bulk",
    "..": "%2E%2E",
    "back\\slash'\"": "back%5Cslash%27%22",
}


def test_codes_in_paths_are_plain_characters(shop: Shop) -> None:
    for code, path in NAMES.items():
        voucher = create(shop, path)
        assert voucher["code"] == code
        url = voucher["redemption"]["url"]
        assert url.startswith("/v1/vouchers/")
        assert url.endswith("/redemptions?page=1&limit=10")
    for code, path in NAMES.items():
        assert read(shop, path)["code"] == code
        assert shop.api.post(f"/v1/vouchers/{path}/disable").json()["code"] == code
        assert shop.api.delete(f"/v1/vouchers/{path}").status_code == 204
        assert shop.api.get(f"/v1/vouchers/{path}").status_code == 404


def test_an_id_goes_before_a_code(shop: Shop) -> None:
    named = create(shop, UNUSED)
    assert read(shop, UNUSED)["id"] == named["id"]
    other = create(shop, "other")
    lookalike = create(shop, other["id"])
    assert read(shop, other["id"])["code"] == "other"
    assert read(shop, lookalike["id"])["code"] == other["id"]


# --- campaigns ----------------------------------------------------------------------------------


def test_only_a_fitting_campaign_takes_a_voucher(shop: Shop) -> None:
    made(shop, "/v1/campaigns", **CAMPAIGN)
    made(shop, "/v1/campaigns", **{**CAMPAIGN, "name": "Alone", "type": "STANDALONE"})
    made(shop, "/v1/campaigns", name="Tiers", campaign_type="PROMOTION")
    for body, key in (
        ({**GIFT, "campaign": "Sale"}, "invalid_campaign"),
        ({**TEN_OFF, "campaign": "Tiers"}, "invalid_campaign"),
        ({**TEN_OFF, "campaign": "Nothing"}, "not_found"),
        ({**TEN_OFF, "campaign": "Alone"}, "invalid_campaign"),
    ):
        problem = shop.api.post("/v1/vouchers", json=body).json()
        assert problem["key"] == key, body
        if body["campaign"] == "Alone":
            assert problem["details"] == (
                "You can not generate vouchers for STANDALONE type campaign."
            )
    assert shop.api.get("/v1/vouchers").json()["total"] == 1


def test_a_referral_program_of_gift_cards_takes_gift_cards(shop: Shop) -> None:
    made(shop, "/v1/campaigns", name="R", campaign_type="REFERRAL_PROGRAM", voucher=GIFT)
    voucher = create(shop, "r", **GIFT, campaign="R")
    assert voucher["is_referral_code"] is True
    answer = shop.api.post("/v1/vouchers/other", json={**TEN_OFF, "campaign": "R"})
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_campaign")


def test_what_belongs_to_another_project_is_unknown(server: Server, shop: Shop) -> None:
    other = server.project()
    theirs = create(other, "theirs")
    category = made(other, "/v1/categories", name="c", hierarchy=1)
    campaign = made(other, "/v1/campaigns", **CAMPAIGN)
    rule = made(other, "/v1/validation-rules", name="rule")
    for name in ("theirs", theirs["id"]):
        path = f"/v1/vouchers/{name}"
        assert shop.api.get(path).status_code == 404
        assert shop.api.put(path, json={}).status_code == 404
        assert shop.api.post(f"{path}/disable").status_code == 404
        assert shop.api.post(f"{path}/balance", json={"amount": 1}).status_code == 404
        assert shop.api.delete(f"{path}?force=true").status_code == 404
    for extra in (
        {"category_id": category},
        {"category": "c"},
        {"campaign_id": campaign},
        {"campaign": "Sale"},
        {"validation_rules": [rule]},
    ):
        answer = shop.api.post("/v1/vouchers/mine", json={**TEN_OFF, **extra})
        assert (answer.status_code, answer.json()["key"]) == (404, "not_found"), extra
    assert shop.api.get("/v1/vouchers").json()["total"] == 0
    assert read(other, "theirs") == theirs
    # The same code is another voucher here.
    assert create(shop, "theirs")["id"] != theirs["id"]
