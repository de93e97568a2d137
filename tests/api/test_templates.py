from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.running import Shop

ID = r"camp_tpl_[0-9A-Za-z]{24}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
UNUSED = "camp_tpl_000000000000000000000000"
PATH = "/v1/templates/campaigns"
TEN_OFF = {"type": "AMOUNT", "amount_off": 1000, "effect": "APPLY_TO_ORDER"}
BIG_ORDER = {"1": {"name": "order.amount", "conditions": {"$more_than": [10000]}}, "logic": "1"}


def sent(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refused(answer: httpx.Response, status: int, key: str) -> str:
    """The details of a refusal."""
    assert (answer.status_code, answer.json()["key"]) == (status, key), answer.text
    details: str = answer.json().get("details", "")
    return details


def coupons(shop: Shop, name: str = "Coupons", **more: Any) -> dict[str, Any]:
    """A new campaign of discount coupons; the answer."""
    voucher = {"type": "DISCOUNT_VOUCHER", "discount": TEN_OFF, **more.pop("voucher", {})}
    body = {"name": name, "campaign_type": "DISCOUNT_COUPONS", "voucher": voucher, **more}
    return sent(shop.api.post("/v1/campaigns", json=body))


def gifts(shop: Shop, name: str = "Gifts", **more: Any) -> dict[str, Any]:
    """A new campaign of gift vouchers; the answer."""
    voucher = {"type": "GIFT_VOUCHER", "gift": {"amount": 5000, "effect": "APPLY_TO_ITEMS"}}
    body = {"name": name, "campaign_type": "GIFT_VOUCHERS", "voucher": voucher, **more}
    return sent(shop.api.post("/v1/campaigns", json=body))


def promotion(shop: Shop, name: str = "Promotion", **tier: Any) -> dict[str, Any]:
    """A new tier of a new promotion campaign; the tier."""
    of = sent(shop.api.post("/v1/campaigns", json={"name": name, "campaign_type": "PROMOTION"}))
    body = {"name": "Tier", "action": {"discount": TEN_OFF}, **tier}
    return sent(shop.api.post(f"/v1/promotions/{of['id']}/tiers", json=body))


def rule(shop: Shop, **more: Any) -> str:
    """The id of a new validation rule."""
    body = {"name": "Big order", "rules": BIG_ORDER, **more}
    id_: str = sent(shop.api.post("/v1/validation-rules", json=body))["id"]
    return id_


def template(shop: Shop, name: str = "Template", **of: Any) -> dict[str, Any]:
    """A new template, of a new campaign unless something else is named; the answer."""
    if not of.keys() & {"campaign_id", "promotion_tier_id"}:
        of["campaign_id"] = coupons(shop, f"Campaign of {name}")["id"]
    return sent(shop.api.post(PATH, json={"name": name, **of}))


def kept(shop: Shop, template_id: str) -> dict[str, Any]:
    """What a template keeps."""
    answer = shop.api.get(f"{PATH}/{template_id}", params={"expand": "json_template"})
    found: dict[str, Any] = sent(answer)["json_template"]
    return found


def listed(shop: Shop, **query: Any) -> dict[str, Any]:
    return sent(shop.api.get(PATH, params=query))


def names(page: dict[str, Any]) -> list[str]:
    return [each["name"] for each in page["data"]]


# --- from its creation to its end ---------------------------------------------------------------


def test_a_template_from_its_creation_to_its_end(shop: Shop) -> None:
    of = coupons(shop)
    body = {"name": "Ä 😀", "description": "Reuse every October", "campaign_id": of["id"]}
    created = sent(shop.api.post(PATH, json={**body, "promotion_tier_id": None, "unknown": 1}))
    assert re.fullmatch(ID, created["id"])
    assert re.fullmatch(TIME, created["created_at"])
    assert created == {
        "id": created["id"],
        "name": "Ä 😀",
        "description": "Reuse every October",
        "campaign_type": "DISCOUNT_COUPONS",
        "created_at": created["created_at"],
        "object": "campaign_template",
    }
    path = f"{PATH}/{created['id']}"
    assert sent(shop.api.get(path)) == created
    changed = sent(shop.api.put(path, json={"name": "New", "description": None}))
    assert re.fullmatch(TIME, changed["updated_at"])
    assert changed == {**created, "name": "New", "updated_at": changed["updated_at"]}
    changed = sent(shop.api.put(path, json={"description": "Other"}))
    assert (changed["name"], changed["description"]) == ("New", "Other")
    assert sent(shop.api.get(path)) == changed
    assert "description" not in sent(shop.api.put(path, json={"description": ""}))
    answer = shop.api.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    for gone in (
        shop.api.get(path),
        shop.api.put(path, json={"name": "x"}),
        shop.api.delete(path),
        shop.api.post(f"{path}/campaign-setup", json={"name": "x"}),
        shop.api.post(f"{path}/tier-setup", json={"name": "x", "campaign_id": of["id"]}),
    ):
        details = refused(gone, 404, "not_found")
        assert details == f"Cannot find campaign_template with id {created['id']}"
        assert gone.json()["resource_type"] == "campaign_template"
    assert sent(shop.api.get(f"/v1/campaigns/{of['id']}")) == of


def test_a_template_keeps_what_the_campaign_is_set_up_as(shop: Shop) -> None:
    sent(shop.api.post("/v1/categories", json={"name": "Category", "hierarchy": 1}))
    shown: dict[str, Any] = {
        "description": "Winter",
        "type": "STATIC",
        "join_once": True,
        "use_voucher_metadata_schema": True,
        "start_date": "2022-09-21T00:00:00.000Z",
        "expiration_date": "2122-09-30T00:00:00.000Z",
        "validity_timeframe": {"interval": "P2D", "duration": "P1D"},
        "validity_day_of_week": [1, 2],
        "activity_duration_after_publishing": "P24D",
        "metadata": {"season": "winter", "n": 1.5, "list": ["a"]},
    }
    voucher = {
        "redemption": {"quantity": 4},
        "code_config": {"pattern": "U-##", "charset": "xD", "postfix": "-WOT"},
    }
    of = coupons(shop, **shown, voucher=voucher, category="Category", vouchers_count=1)
    found = kept(shop, template(shop, campaign_id=of["id"])["id"])
    assert found == {
        "campaign_type": "DISCOUNT_COUPONS",
        "campaign": {
            **shown,
            "auto_join": False,
            "voucher": {
                "type": "DISCOUNT_VOUCHER",
                "discount": TEN_OFF,
                "redemption": {"quantity": 4},
                "code_config": {
                    "length": 2,
                    "charset": "xD",
                    "pattern": "U-##",
                    "postfix": "-WOT",
                },
                "is_referral_code": False,
            },
        },
        "validation_rule": None,
        "validation_rules": [],
        "resources": [],
    }


def test_a_template_is_of_the_campaign_as_it_was(shop: Shop) -> None:
    of = coupons(shop, description="before")
    made = template(shop, campaign_id=of["name"])
    before = kept(shop, made["id"])
    assert before["campaign"]["description"] == "before"
    sent(shop.api.put(f"/v1/campaigns/{of['id']}", json={"description": "after"}))
    shop.finished(shop.api.delete(f"/v1/campaigns/{of['id']}", params={"force": "true"}))
    assert kept(shop, made["id"]) == before


def test_a_tier_becomes_a_template_of_coupons(shop: Shop) -> None:
    tier = promotion(
        shop,
        banner="Get 10 off",
        metadata={"level": "A"},
        start_date="2022-09-21T00:00:00.000Z",
        validity_day_of_week=[1],
        hierarchy=7,
        validation_rules=[rule(shop)],
    )
    made = template(shop, promotion_tier_id=tier["id"])
    assert made["campaign_type"] == "DISCOUNT_COUPONS"
    found = kept(shop, made["id"])
    assert found["campaign"] == {
        "start_date": "2022-09-21T00:00:00.000Z",
        "validity_day_of_week": [1],
        "metadata": {"level": "A"},
        "banner": "Get 10 off",
        "voucher": {"type": "DISCOUNT_VOUCHER", "discount": TEN_OFF},
    }
    assert found["validation_rule"]["name"] == "Big order"


# --- what no template can be made of ------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "voucher"),
    [
        ("PROMOTION", None),
        ("LOYALTY_PROGRAM", {"type": "LOYALTY_CARD", "loyalty_card": {"points": 0}}),
        ("REFERRAL_PROGRAM", {"type": "DISCOUNT_VOUCHER", "discount": TEN_OFF}),
    ],
)
def test_other_campaigns_become_no_template(
    shop: Shop, kind: str, voucher: dict[str, Any] | None
) -> None:
    body = {"name": "x", "campaign_type": kind, "voucher": voucher}
    of = sent(shop.api.post("/v1/campaigns", json=body))
    answer = shop.api.post(PATH, json={"name": "x", "campaign_id": of["id"]})
    refused(answer, 400, "campaign_type_is_not_supported_by_campaign_template")
    message = "Campaign of the given type is not supported by campaign template"
    assert answer.json()["message"] == message
    assert listed(shop)["data"] == []


def test_there_has_to_be_something_to_make_it_of(shop: Shop) -> None:
    tier, of = promotion(shop), coupons(shop)
    nothing = shop.api.post(PATH, json={"name": "x"})
    assert refused(nothing, 400, "invalid_payload") == (
        "Payload should have required property 'campaign_id'"
    )
    both = {"name": "x", "campaign_id": of["id"], "promotion_tier_id": tier["id"]}
    refused(shop.api.post(PATH, json=both), 400, "invalid_payload")
    for member, unknown, noun in (
        ("campaign_id", "camp_000000000000000000000000", "campaign"),
        ("campaign_id", tier["id"], "campaign"),
        ("promotion_tier_id", "promo_000000000000000000000000", "promotion_tier"),
        ("promotion_tier_id", of["id"], "promotion_tier"),
    ):
        answer = shop.api.post(PATH, json={"name": "x", member: unknown})
        assert refused(answer, 404, "not_found") == f"Cannot find {noun} with id {unknown}"
    shop.finished(shop.api.delete(f"/v1/campaigns/{of['id']}"))
    answer = shop.api.post(PATH, json={"name": "x", "campaign_id": of["id"]})
    refused(answer, 404, "not_found")
    assert listed(shop)["data"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": None},
        {"name": ""},
        {"name": 7},
        {"name": "x" * 256},
        {"name": "a\0b"},
        {"name": "x", "description": 7},
        {"name": "x", "description": "x" * 10_001},
        {"name": "x", "campaign_id": ""},
        {"name": "x", "campaign_id": ["a"]},
        {"name": "x", "promotion_tier_id": {}},
        [],
        "x",
    ],
)
def test_bodies_that_cannot_be(shop: Shop, body: Any) -> None:
    if isinstance(body, dict):
        body = {"campaign_id": coupons(shop)["id"], **body}
    refused(shop.api.post(PATH, json=body), 400, "invalid_payload")
    assert listed(shop, include_total=True)["total"] == 0


def test_a_change_that_cannot_be(shop: Shop) -> None:
    path = f"{PATH}/{template(shop)['id']}"
    wrong: list[Any] = [{"name": ""}, {"name": 1}, {"name": "a\0"}, {"description": 1}, [], None]
    for body in wrong:
        refused(shop.api.put(path, json=body), 400, "invalid_payload")
    refused(shop.api.put(path, content=b"{"), 400, "invalid_payload")
    assert "updated_at" not in sent(shop.api.get(path))


UNSUPPORTED: list[dict[str, Any]] = [
    {"name": "redemption.api_key", "conditions": {"$is": ["key"]}},
    {"name": "redemption.user.login", "conditions": {"$is": ["me"]}},
    {"name": "customer.loyalty.tier", "conditions": {"$is": ["ltr_1"]}},
]


@pytest.mark.parametrize("unsupported", UNSUPPORTED, ids=lambda given: str(given["name"]))
def test_rules_that_are_not_supported_are_no_silent_loss(
    shop: Shop, unsupported: dict[str, Any]
) -> None:
    id_ = rule(shop, rules={"1": BIG_ORDER["1"], "2": unsupported, "logic": "1 and 2"})
    of, tier = coupons(shop, validation_rules=[id_]), promotion(shop, validation_rules=[id_])
    for body in ({"campaign_id": of["id"]}, {"promotion_tier_id": tier["id"]}):
        answer = shop.api.post(PATH, json={"name": "x", **body})
        assert refused(answer, 400, "invalid_validation_rules") == (
            f"Validation rule {id_} asks for {unsupported['name']}, which campaign templates do "
            "not support"
        )


def test_static_segments_are_not_supported(shop: Shop) -> None:
    body = {"name": "VIP", "type": "static", "customers": []}
    static = sent(shop.api.post("/v1/segments", json=body))["id"]
    asked = {"1": {"name": "customer.segment", "conditions": {"$is": [{"id": static}]}}}
    of = coupons(shop, validation_rules=[rule(shop, rules=asked)])
    answer = shop.api.post(PATH, json={"name": "x", "campaign_id": of["id"]})
    assert refused(answer, 400, "invalid_validation_rules") == (
        f"Segment {static} is static, which campaign templates do not support"
    )


# --- names --------------------------------------------------------------------------------------


def test_a_name_is_taken_once(shop: Shop) -> None:
    of = coupons(shop)["id"]
    first, second = template(shop, "A", campaign_id=of), template(shop, "B", campaign_id=of)
    path = f"{PATH}/{second['id']}"
    for answer in (
        shop.api.post(PATH, json={"name": "A", "campaign_id": of}),
        shop.api.put(path, json={"name": "A"}),
    ):
        details = refused(answer, 409, "duplicate_found")
        assert details == "Duplicated campaign_template exists with name A"
        assert answer.json()["resource_id"] == "A"
        assert answer.json()["resource_type"] == "campaign_template"
    assert sent(shop.api.get(path)) == second
    assert sent(shop.api.put(path, json={"name": "B"}))["name"] == "B"
    assert shop.api.delete(f"{PATH}/{first['id']}").status_code == 204
    assert sent(shop.api.put(path, json={"name": "A"}))["name"] == "A"
    assert template(shop, "a", campaign_id=of)["name"] == "a"


def test_of_many_who_want_a_name_one_gets_it(shop: Shop) -> None:
    of = coupons(shop)["id"]
    made = [template(shop, f"T{number}", campaign_id=of)["id"] for number in range(4)]

    def create(_: int) -> int:
        body = {"name": "Same", "campaign_id": of}
        return shop.api.post(PATH, json=body).status_code

    def rename(number: int) -> int:
        path = f"{PATH}/{made[number]}"
        return shop.api.put(path, json={"name": "Other"}).status_code

    with ThreadPoolExecutor(10) as pool:
        created = pool.map(create, range(20))
        renamed = pool.map(rename, range(4))
    assert Counter(created) == {200: 1, 409: 19}
    assert Counter(renamed) == {200: 1, 409: 3}
    assert Counter(names(listed(shop, limit=100)))["Same"] == 1
