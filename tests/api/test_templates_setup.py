from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.api.test_templates import (
    BIG_ORDER,
    PATH,
    TEN_OFF,
    coupons,
    gifts,
    promotion,
    refused,
    rule,
    sent,
    template,
)
from tests.running import Shop, until

# What an answer has of its own.
OWN = ("id", "name", "created_at", "updated_at", "validation_rules_assignments")
SETTINGS: dict[str, Any] = {
    "description": "Winter",
    "type": "STATIC",
    "join_once": True,
    "start_date": "2022-09-21T00:00:00.000Z",
    "expiration_date": "2122-09-30T00:00:00.000Z",
    "validity_day_of_week": [1, 2],
    "validity_timeframe": {"interval": "P2D", "duration": "P1D"},
    "activity_duration_after_publishing": "P24D",
    "metadata": {"season": "winter", "n": 1.5},
}


def set_up(shop: Shop, of: dict[str, Any], name: str = "New", **body: Any) -> httpx.Response:
    path = f"{PATH}/{of['id']}/campaign-setup"
    return shop.api.post(path, json={"name": name, **body})


def set_up_tier(shop: Shop, of: dict[str, Any], to: str, **body: Any) -> httpx.Response:
    path = f"{PATH}/{of['id']}/tier-setup"
    return shop.api.post(path, json={"name": "New", "campaign_id": to, **body})


def promotions(shop: Shop, name: str = "Promotions") -> str:
    """The id of a new promotion campaign without tiers."""
    body = {"name": name, "campaign_type": "PROMOTION"}
    id_: str = sent(shop.api.post("/v1/campaigns", json=body))["id"]
    return id_


def settings(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in OWN}


def rules(shop: Shop) -> dict[str, dict[str, Any]]:
    """All rules of a project by id."""
    answer = shop.api.get("/v1/validation-rules", params={"limit": 100})
    return {each["id"]: each for each in sent(answer)["data"]}


def campaigns(shop: Shop) -> set[str]:
    """The names of all campaigns."""
    answer = shop.api.get("/v1/campaigns", params={"limit": 100})
    return {each["name"] for each in sent(answer)["campaigns"]}


# --- campaigns ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["coupons", "gifts"])
def test_a_campaign_is_set_up_as_the_template_has_it(shop: Shop, kind: str) -> None:
    make = {"coupons": coupons, "gifts": gifts}[kind]
    of = make(shop, **SETTINGS, validation_rules=[rule(shop)])
    made = template(shop, campaign_id=of["id"])
    setup = sent(set_up(shop, made, vouchers_count=None, voucher=None, metadata=None))
    assert set(setup) == {"created_resources", "campaign", "object"}
    assert setup["object"] == "campaign_setup"
    new = setup["campaign"]
    assert settings(new) == settings(of)
    assert (new["name"], new["vouchers_count"], new["active"]) == ("New", 0, True)
    assert new["id"] != of["id"]
    [created] = setup["created_resources"]
    [assignment] = new["validation_rules_assignments"]["data"]
    assert created == {"id": assignment["rule_id"], "object": "validation_rules"}
    assert assignment["related_object_id"] == new["id"]
    assert sent(shop.api.get(f"/v1/campaigns/{new['id']}")) == new


def test_what_is_sent_replaces_what_the_template_has(shop: Shop) -> None:
    sent(shop.api.post("/v1/categories", json={"name": "Category", "hierarchy": 1}))
    made = template(shop, campaign_id=coupons(shop, **SETTINGS)["id"])
    change: dict[str, Any] = {
        "description": "Other",
        "type": "AUTO_UPDATE",
        "join_once": False,
        "use_voucher_metadata_schema": True,
        "start_date": "2023-01-01T00:00:00.000Z",
        "expiration_date": "2123-01-01T00:00:00.000Z",
        "validity_day_of_week": [5],
        "activity_duration_after_publishing": "P1D",
        "metadata": {"other": True},
        "category": "Category",
    }
    new = sent(set_up(shop, made, vouchers_count=1, **change))["campaign"]
    assert {name: new[name] for name in change} == change
    assert new["validity_timeframe"] == SETTINGS["validity_timeframe"]
    assert new["vouchers_count"] == 1
    assert sent(set_up(shop, made, "Bare", metadata={}))["campaign"]["metadata"] == {}


def test_codes_and_redemptions_of_a_campaign(shop: Shop) -> None:
    config = {"pattern": "U-##", "charset": "xD"}
    voucher = {"redemption": {"quantity": 4}, "code_config": config}
    made = template(shop, campaign_id=coupons(shop, voucher=voucher)["id"])
    own = {"length": 2, "charset": "xD", "pattern": "U-##"}

    def definition(name: str, **given: Any) -> tuple[Any, Any]:
        new = sent(set_up(shop, made, name, voucher=given))["campaign"]["voucher"]
        assert new["discount"] == TEN_OFF
        return new["redemption"]["quantity"], new["code_config"]

    assert definition("a") == (4, own)
    assert definition("b", redemption=None, code_config=None) == (4, own)
    assert definition("c", redemption={}, code_config={"pattern": None}) == (4, own)
    assert definition("d", redemption={"quantity": None}) == (None, own)
    assert definition("e", redemption={"quantity": 1}) == (1, own)
    # A code config is one thing: of the old one nothing is left.
    _, changed = definition("f", code_config={"length": 3, "charset": "12"})
    assert changed == {"length": 3, "charset": "12", "pattern": "###"}
    # What the vouchers are worth is the template's.
    assert definition("g", discount={"type": "PERCENT", "percent_off": 99}) == (4, own)


def test_a_campaign_has_its_codes(shop: Shop) -> None:
    voucher = {"code_config": {"pattern": "W-##", "charset": "ab"}}
    of = coupons(shop, voucher=voucher, vouchers_count=1)
    made = template(shop, campaign_id=of["id"])
    new = sent(set_up(shop, made, vouchers_count=3))["campaign"]
    path = f"/v1/campaigns/{new['id']}"
    until(lambda: sent(shop.api.get(path))["creation_status"] == "DONE")
    vouchers = sent(shop.api.get("/v1/vouchers", params={"campaign": "New"}))["vouchers"]
    assert len({voucher["code"] for voucher in vouchers}) == 3
    assert all(re.fullmatch("W-[ab]{2}", voucher["code"]) for voucher in vouchers)
    too_many = set_up(shop, made, "More", vouchers_count=5)
    refused(too_many, 400, "invalid_code_config")
    assert "More" not in campaigns(shop)


def test_a_standalone_campaign_has_its_code(shop: Shop) -> None:
    voucher = {"code_config": {"pattern": "BLACKFRIDAY"}}
    of = coupons(shop, type="STANDALONE", voucher=voucher)
    made = template(shop, campaign_id=of["id"])
    # The code is taken.
    assert set_up(shop, made).status_code in (400, 409)
    assert campaigns(shop) == {"Coupons"}
    other = {"code_config": {"pattern": "WHITEFRIDAY"}}
    new = sent(set_up(shop, made, voucher=other))["campaign"]
    assert (new["type"], new["vouchers_count"]) == ("STANDALONE", 1)
    assert sent(shop.api.get("/v1/vouchers/WHITEFRIDAY"))["campaign_id"] == new["id"]


def test_rules_are_made_anew_each_time(shop: Shop) -> None:
    first = rule(shop, name="First", error={"message": "Too little"})
    second = rule(shop, name="Second", rules={})
    of = coupons(shop, validation_rules=[first, second])
    made = template(shop, campaign_id=of["id"])
    before = rules(shop)
    # The template keeps them as they were.
    change = {"name": "Changed", "rules": {}}
    sent(shop.api.put(f"/v1/validation-rules/{first}", json=change))
    seen = set(before)
    for name in ("a", "b"):
        setup = sent(set_up(shop, made, name, validation_rules=[second]))
        ids = [each["id"] for each in setup["created_resources"]]
        assert not seen & set(ids)
        seen |= set(ids)
        found = rules(shop)
        # Rules that were assigned at once have no order.
        new = {found[id_]["name"]: found[id_] for id_ in ids}
        assert set(new) == {"First", "Second"}
        for old in (before[first], before[second]):
            for member in ("rules", "applicable_to", "type", "context_type"):
                assert new[old["name"]][member] == old[member]
            assert new[old["name"]]["assignments_count"] == 1
        assert new["First"]["error"] == {"message": "Too little"}
        assigned = setup["campaign"]["validation_rules_assignments"]["data"]
        assert {each["rule_id"] for each in assigned} == set(ids)
    assert len(seen) == 6


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"name": None}, 400, "invalid_payload"),
    ({"name": ""}, 400, "invalid_payload"),
    ({"name": "x" * 256}, 400, "invalid_payload"),
    ({"name": "a\0"}, 400, "invalid_payload"),
    ({"name": 1}, 400, "invalid_payload"),
    ({"type": "DYNAMIC"}, 400, "invalid_payload"),
    ({"vouchers_count": -1}, 400, "invalid_payload"),
    ({"vouchers_count": 10**30}, 400, "invalid_campaign"),
    ({"vouchers_count": "many"}, 400, "invalid_payload"),
    ({"start_date": "2122-10-01T00:00:00Z"}, 400, "invalid_payload"),
    ({"start_date": "soon"}, 400, "invalid_payload"),
    ({"validity_day_of_week": [7]}, 400, "invalid_payload"),
    ({"validity_timeframe": {"interval": "P1D"}}, 400, "invalid_payload"),
    ({"activity_duration_after_publishing": "long"}, 400, "invalid_payload"),
    ({"metadata": {"a": "b\0"}}, 400, "invalid_payload"),
    ({"metadata": "x"}, 400, "invalid_payload"),
    ({"category": "None such"}, 404, "not_found"),
    ({"voucher": {"redemption": {"quantity": 0}}}, 400, "invalid_voucher"),
    ({"voucher": {"redemption": {"quantity": "x"}}}, 400, "invalid_payload"),
    ({"voucher": {"code_config": {"charset": 1}}}, 400, "invalid_payload"),
    ({"voucher": {"code_config": {"length": -1}}}, 400, "invalid_code_config"),
    ({"voucher": []}, 400, "invalid_payload"),
]


def test_a_campaign_that_cannot_be_leaves_nothing_behind(shop: Shop) -> None:
    of = coupons(shop, **SETTINGS, validation_rules=[rule(shop)])
    made, before = template(shop, campaign_id=of["id"]), rules(shop)
    for body, status, key in REFUSED:
        answer = set_up(shop, made, **body)
        assert (answer.status_code, answer.json().get("key")) == (status, key), (body, answer.text)
    details = refused(set_up(shop, made, "Coupons"), 409, "duplicate_found")
    assert details == "Duplicated campaign exists with name Coupons"
    path = f"{PATH}/{made['id']}/campaign-setup"
    empty: list[Any] = [{}, [], None]
    for nothing in empty:
        refused(shop.api.post(path, json=nothing), 400, "invalid_payload")
    assert campaigns(shop) == {"Coupons"}
    assert rules(shop) == before


def test_of_many_campaigns_of_one_name_one_is_made(shop: Shop) -> None:
    of = coupons(shop, validation_rules=[rule(shop)])
    made = template(shop, campaign_id=of["id"])
    with ThreadPoolExecutor(10) as pool:
        found = Counter(pool.map(lambda _: set_up(shop, made).status_code, range(20)))
    assert found == {200: 1, 409: 19}
    assert len(rules(shop)) == 2


def test_metadata_has_to_fit_the_schema(shop: Shop) -> None:
    made = template(shop, campaign_id=coupons(shop, metadata={"size": "big"})["id"])
    with shop.server.management() as management:
        path = f"/management/v1/projects/{shop.id}/metadata-schemas"
        size = {"size": {"type": "number", "optional": True}}
        body = {"related_object": "campaign", "properties": size}
        schema = sent(management.post(path, json=body))
    refused(set_up(shop, made), 400, "metadata_validation_failed")
    assert sent(set_up(shop, made, metadata={"size": 1}))["campaign"]["metadata"] == {"size": 1}
    assert schema["related_object"] == "campaign"


# --- tiers --------------------------------------------------------------------------------------


def test_a_tier_is_set_up_as_the_template_has_it(shop: Shop) -> None:
    of = coupons(shop, **SETTINGS, validation_rules=[rule(shop)])
    made, to = template(shop, campaign_id=of["id"]), promotions(shop)
    setup = sent(set_up_tier(shop, made, to, metadata=None, hierarchy=None))
    assert set(setup) == {"created_resources", "promotion_tier", "object"}
    assert setup["object"] == "promotion_tier_setup"
    tier = setup["promotion_tier"]
    for name in ("start_date", "expiration_date", "validity_timeframe", "metadata"):
        assert tier[name] == SETTINGS[name]
    assert tier["validity_day_of_week"] == [1, 2]
    assert (tier["name"], tier["campaign_id"], tier["hierarchy"]) == ("New", to, 1)
    assert tier["action"] == {"discount": TEN_OFF}
    assert tier["active"] is True
    [created] = setup["created_resources"]
    [assignment] = tier["validation_rule_assignments"]["data"]
    assert created == {"id": assignment["rule_id"], "object": "validation_rules"}
    assert assignment["related_object_id"] == tier["id"]
    assert sent(shop.api.get(f"/v1/promotions/tiers/{tier['id']}")) == tier
    assert sent(set_up_tier(shop, made, "Promotions"))["promotion_tier"]["hierarchy"] == 2


def test_a_tier_from_a_tier(shop: Shop) -> None:
    sent(shop.api.post("/v1/categories", json={"name": "Category", "hierarchy": 1}))
    old = promotion(shop, banner="Ten off", metadata={"a": 1}, active=False, hierarchy=9)
    made, to = template(shop, promotion_tier_id=old["id"]), promotions(shop)
    tier = sent(set_up_tier(shop, made, to))["promotion_tier"]
    assert (tier["banner"], tier["metadata"]) == ("Ten off", {"a": 1})
    assert (tier["active"], tier["hierarchy"]) == (True, 1)
    assert "validation_rule_assignments" not in tier or not tier["validation_rule_assignments"]
    change = {
        "banner": "Other",
        "metadata": {"b": 2},
        "hierarchy": 1,
        "active": False,
        "start_date": "2023-01-01T00:00:00.000Z",
        "validity_day_of_week": [0],
    }
    other = sent(set_up_tier(shop, made, to, category="Category", **change))["promotion_tier"]
    assert {name: other[name] for name in change} == change
    assert other["categories"][0]["name"] == "Category"
    ignored = {"action": {"discount": {"type": "PERCENT", "percent_off": 99}}}
    assert sent(set_up_tier(shop, made, to, **ignored))["promotion_tier"]["action"] == {
        "discount": TEN_OFF
    }
    # And a campaign of a tier.
    new = sent(set_up(shop, made))["campaign"]
    assert new["campaign_type"] == "DISCOUNT_COUPONS"
    assert new["voucher"]["discount"] == TEN_OFF
    assert (new["type"], new["metadata"]) == ("AUTO_UPDATE", {"a": 1})


def test_a_rule_is_one_of_what_it_is_made_for(shop: Shop) -> None:
    entry = {"object": "product", "source_id": "phone"}
    context = "campaign.promotion.discount.apply_to_order"
    id_ = rule(
        shop,
        context_type=context,
        applicable_to={"included": [{**entry, "product_promotion_tier_quantity_limit": 3}]},
    )
    old = promotion(shop, validation_rules=[id_])
    made, to = template(shop, promotion_tier_id=old["id"]), promotions(shop)
    [as_tier] = sent(set_up_tier(shop, made, to))["created_resources"]
    [as_campaign] = sent(set_up(shop, made))["created_resources"]
    found = rules(shop)
    assert found[as_tier["id"]]["context_type"] == context
    assert found[as_tier["id"]]["applicable_to"] == found[id_]["applicable_to"]
    moved = found[as_campaign["id"]]
    assert moved["context_type"] == "campaign.discount_coupons.discount.apply_to_order"
    [included] = moved["applicable_to"]["included"]
    assert included["product_campaign_quantity_limit"] == 3
    assert "product_promotion_tier_quantity_limit" not in included


def test_a_tier_that_cannot_be_leaves_nothing_behind(shop: Shop) -> None:
    of = coupons(shop, **SETTINGS, validation_rules=[rule(shop)])
    made, to, before = template(shop, campaign_id=of["id"]), promotions(shop), rules(shop)
    unused = "camp_000000000000000000000000"
    details = refused(set_up_tier(shop, made, unused), 404, "not_found")
    assert details == f"Cannot find campaign with id {unused}"
    refused(set_up_tier(shop, made, of["id"]), 400, "invalid_campaign")
    for body in (
        {"name": None},
        {"name": ""},
        {"campaign_id": None},
        {"campaign_id": 1},
        {"hierarchy": 0},
        {"hierarchy": 2**40},
        {"active": "x"},
        {"metadata": {"a": "\0"}},
        {"start_date": "2122-10-01T00:00:00Z"},
    ):
        refused(set_up_tier(shop, made, to, **body), 400, "invalid_payload")
    refused(set_up_tier(shop, made, to, category="None such"), 404, "not_found")
    assert sent(shop.api.get(f"/v1/promotions/{to}/tiers"))["total"] == 0
    assert rules(shop) == before


def test_gift_vouchers_become_no_tier(shop: Shop) -> None:
    made = template(shop, campaign_id=gifts(shop)["id"])
    answer = set_up_tier(shop, made, promotions(shop))
    refused(answer, 400, "campaign_type_is_not_supported_by_campaign_template")


def test_many_tiers_at_once_rank_one_after_the_other(shop: Shop) -> None:
    of = coupons(shop, validation_rules=[rule(shop, rules=BIG_ORDER)])
    made, to = template(shop, campaign_id=of["id"]), promotions(shop)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: set_up_tier(shop, made, to), range(16)))
    ranks = [sent(answer)["promotion_tier"]["hierarchy"] for answer in found]
    assert sorted(ranks) == list(range(1, 17))
