from __future__ import annotations

from typing import Any

import pytest

from tests.api.test_promotions import THIRTY_OFF, add, campaign, listed, refused
from tests.running import Shop

DISCOUNT = {"discount": THIRTY_OFF}


def with_discount(**discount: Any) -> dict[str, Any]:
    return {"name": "x", "action": {"discount": discount}}


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"action": DISCOUNT}, "Payload should have required property 'name'"),
        ({"name": "x"}, "Payload should have required property 'action'"),
        (
            {"name": "x", "action": {}},
            "Property .action should have required property 'discount'",
        ),
        (
            {"name": "", "action": DISCOUNT},
            "Property .name should NOT be shorter than 1 characters",
        ),
        (
            {"name": "x" * 256, "action": DISCOUNT},
            "Property .name should NOT be longer than 255 characters",
        ),
        (
            {"name": "a\x00b", "action": DISCOUNT},
            "Strings cannot contain the null character",
        ),
        ({"name": 5, "action": DISCOUNT}, "Property .name should be string"),
        ({"name": "x", "action": "off"}, "Property .action should be object"),
        ({"name": "x", "action": {"discount": []}}, "Property .action.discount should be object"),
        (
            {"name": "x", "action": DISCOUNT, "hierarchy": 0},
            "Property .hierarchy should be >= 1",
        ),
        (
            {"name": "x", "action": DISCOUNT, "hierarchy": -1},
            "Property .hierarchy should be >= 1",
        ),
        (
            {"name": "x", "action": DISCOUNT, "hierarchy": 2**30 + 1},
            "Property .hierarchy should be <= 1073741824",
        ),
        (
            {"name": "x", "action": DISCOUNT, "hierarchy": 1.5},
            "Property .hierarchy should be integer",
        ),
        (
            {
                "name": "x",
                "action": DISCOUNT,
                "start_date": "2022-09-30",
                "expiration_date": "2022-09-21",
            },
            "Property .expiration_date should not be before start_date",
        ),
        (
            {"name": "x", "action": DISCOUNT, "validity_day_of_week": [7]},
            "Property .validity_day_of_week[0] should be a day from 0 to 6",
        ),
        (
            {"name": "x", "action": DISCOUNT, "validation_rules": "val_1"},
            "Property .validation_rules should be array",
        ),
    ],
)
def test_what_can_be_no_tier_is_refused(shop: Shop, body: dict[str, Any], details: str) -> None:
    of = campaign(shop)["id"]
    assert refused(shop.api.post(f"/v1/promotions/{of}/tiers", json=body)) == details
    assert listed(shop) == []


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (with_discount(), "type"),
        (with_discount(type="NONE"), "type"),
        (with_discount(type="PERCENT", percent_off=101), "percent_off"),
        (with_discount(type="PERCENT", percent_off=-1), "percent_off"),
        (with_discount(type="PERCENT"), "percent_off"),
        (with_discount(type="AMOUNT", amount_off=-1), "amount_off"),
        (with_discount(type="AMOUNT", amount_off="much"), "amount_off"),
        (with_discount(type="AMOUNT", amount_off=1, effect="ADD_NEW_ITEMS"), "effect"),
        (with_discount(type="UNIT", units=[]), "unit"),
    ],
)
def test_what_can_be_no_discount_is_refused(shop: Shop, body: dict[str, Any], named: str) -> None:
    of = campaign(shop)["id"]
    assert named in refused(shop.api.post(f"/v1/promotions/{of}/tiers", json=body))
    tier = add(shop, of)
    path = f"/v1/promotions/tiers/{tier['id']}"
    assert named in refused(shop.api.put(path, json=body))
    assert shop.api.get(path).json() == tier


@pytest.mark.parametrize("hierarchy", ["1" + "0" * 30, "-" + "9" * 400, "1e400", "NaN"])
def test_numbers_beyond_counting_are_refused(shop: Shop, hierarchy: str) -> None:
    tier = add(shop, campaign(shop)["id"])
    answer = shop.api.put(
        f"/v1/promotions/tiers/{tier['id']}",
        content=f'{{"hierarchy": {hierarchy}}}',
        headers={"Content-Type": "application/json"},
    )
    assert refused(answer)


def test_an_unknown_rule_makes_no_tier(shop: Shop) -> None:
    of = campaign(shop)["id"]
    body = {"name": "x", "action": DISCOUNT, "validation_rules": ["val_nothing"]}
    answer = shop.api.post(f"/v1/promotions/{of}/tiers", json=body)
    assert refused(answer, 404, "not_found").endswith("with id val_nothing")
    assert listed(shop) == []


def test_only_promotions_have_tiers_and_stacks(shop: Shop) -> None:
    answer = shop.api.post(
        "/v1/campaigns",
        json={
            "name": "Coupons",
            "campaign_type": "DISCOUNT_COUPONS",
            "voucher": {"type": "DISCOUNT_VOUCHER", "discount": THIRTY_OFF},
        },
    )
    assert answer.status_code == 200, answer.text
    of = answer.json()["id"]
    details = (
        f"Only a PROMOTION campaign has promotion tiers; campaign {of} is of type DISCOUNT_COUPONS"
    )
    tier = {"name": "x", "action": DISCOUNT}
    stack = {"name": "x", "tiers": {"ids": ["promo_x"]}}
    for kind, body in (("tiers", tier), ("stacks", stack)):
        answer = shop.api.post(f"/v1/promotions/{of}/{kind}", json=body)
        assert refused(answer, 400, "invalid_campaign") == details
        assert shop.api.get(f"/v1/promotions/{of}/{kind}").json()["total"] == 0


def test_a_campaign_has_at_most_a_thousand_tiers(shop: Shop) -> None:
    tier = {"name": "x", "action": DISCOUNT}
    body = {"name": "Many", "campaign_type": "PROMOTION", "promotion": {"tiers": [tier] * 1001}}
    answer = shop.api.post("/v1/campaigns", json=body)
    assert refused(answer, 400, "invalid_campaign") == (
        "A campaign can have at most 1000 promotion tiers"
    )
    assert listed(shop) == []


def test_metadata_is_held_against_its_schema(shop: Shop) -> None:
    with shop.server.management() as management:
        made = management.post(
            f"/management/v1/projects/{shop.id}/metadata-schemas",
            json={
                "related_object": "promotion_tier",
                "properties": {"level": {"type": "string"}},
            },
        )
        assert made.status_code == 200, made.text
    of = campaign(shop)["id"]
    body = {"name": "x", "action": DISCOUNT}
    for wrong in ({}, {"level": 1}):
        answer = shop.api.post(f"/v1/promotions/{of}/tiers", json={**body, "metadata": wrong})
        assert refused(answer, 400, "metadata_validation_failed")
    tier = add(shop, of, metadata={"level": "A"})
    path = f"/v1/promotions/tiers/{tier['id']}"
    assert refused(
        shop.api.put(path, json={"metadata": {"level": 1}}), 400, "metadata_validation_failed"
    )
    assert shop.api.put(path, json={"name": "y"}).json()["metadata"] == {"level": "A"}
