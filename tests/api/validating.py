"""Redeemables and rules for the tests of validations, and what is asked and answered there."""

from __future__ import annotations

from typing import Any

import httpx

from tests.running import Shop

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
TEN_OFF = {"type": "AMOUNT", "amount_off": 1000}
TEN_PERCENT = {"type": "PERCENT", "percent_off": 10}
EMPTY_LIST = {"data": [], "total": 0, "data_ref": "data", "object": "list"}
PAST = "2020-01-01T00:00:00Z"
FUTURE = "2100-01-01T00:00:00Z"


def made(shop: Shop, path: str, **body: Any) -> Any:
    """Creates something; the answer."""
    answer = shop.api.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def coupon(shop: Shop, code: str, discount: Any = None, **more: Any) -> Any:
    """A discount voucher, of 10 off unless another discount is given."""
    body = {"type": "DISCOUNT_VOUCHER", "discount": discount or TEN_OFF, **more}
    return made(shop, f"/v1/vouchers/{code}", **body)


def card(shop: Shop, code: str, amount: int, effect: str | None = None, **more: Any) -> Any:
    """A gift card."""
    gift = {"amount": amount} | ({"effect": effect} if effect else {})
    return made(shop, f"/v1/vouchers/{code}", type="GIFT_VOUCHER", gift=gift, **more)


def campaign(shop: Shop, name: str, discount: Any = None, **more: Any) -> Any:
    """A campaign of discount vouchers, without any yet."""
    voucher = {"type": "DISCOUNT_VOUCHER", "discount": discount or TEN_OFF}
    body = {"name": name, "campaign_type": "DISCOUNT_COUPONS", "voucher": voucher, **more}
    return made(shop, "/v1/campaigns", **body)


def of_campaign(shop: Shop, campaign_id: str, code: str, **more: Any) -> Any:
    """A voucher of a campaign."""
    return made(shop, f"/v1/campaigns/{campaign_id}/vouchers/{code}", **more)


def promotion(shop: Shop, name: str = "Promotion", **more: Any) -> str:
    """A campaign of promotion tiers; its id."""
    found: str = made(shop, "/v1/campaigns", name=name, campaign_type="PROMOTION", **more)["id"]
    return found


def tier(shop: Shop, of: str, name: str, discount: Any = None, **more: Any) -> str:
    """A promotion tier; its id."""
    body = {"name": name, "action": {"discount": discount or TEN_OFF}, **more}
    found: str = made(shop, f"/v1/promotions/{of}/tiers", **body)["id"]
    return found


def rule(shop: Shop, name: str, conditions: Any, error: str | None = None, **more: Any) -> str:
    """A validation rule of one rule; its id."""
    one = {"name": name, "conditions": conditions, **more}
    body: dict[str, Any] = {"name": name, "rules": {"1": one, "logic": "1"}}
    if error is not None:
        body["error"] = {"message": error}
    found: str = made(shop, "/v1/validation-rules", **body)["id"]
    return found


def products_rule(shop: Shop, **applicable_to: Any) -> str:
    """A validation rule that says to what a discount applies; its id."""
    body = {"name": "Products", "rules": {}, "applicable_to": applicable_to}
    found: str = made(shop, "/v1/validation-rules", **body)["id"]
    return found


def stacking(shop: Shop, **rules: Any) -> None:
    """Sets the stacking rules of a project."""
    with shop.server.management() as management:
        path = f"/management/v1/projects/{shop.id}/stacking-rules"
        answer = management.post(path, json=rules)
        assert answer.status_code == 200, answer.text


def named(name: str | dict[str, Any]) -> dict[str, Any]:
    """A redeemable by its id or code."""
    if isinstance(name, dict):
        return name
    kind = {"promo_": "promotion_tier", "stack_": "promotion_stack"}.get(name[:6], "voucher")
    return {"object": kind, "id": name}


def ask(shop: Shop, *names: str | dict[str, Any], **body: Any) -> httpx.Response:
    return shop.api.post(
        "/v1/validations", json={"redeemables": [named(name) for name in names], **body}
    )


def validate(shop: Shop, *names: str | dict[str, Any], **body: Any) -> Any:
    """What a validation answers; an order of 100 unless the body says otherwise."""
    answer = ask(shop, *names, **({"order": {"amount": 10_000}} | body))
    assert answer.status_code == 200, answer.text
    return answer.json()


def error(answer: Any, place: int = 0) -> Any:
    """Why a redeemable of an answer is inapplicable."""
    assert answer["valid"] is False
    found = answer["inapplicable_redeemables"][place]
    assert found["status"] == "INAPPLICABLE"
    assert found["result"]["details"]["key"] == found["result"]["error"]["key"]
    return found["result"]["error"]


def off(answer: Any) -> int:
    """What is taken off the order."""
    assert answer["valid"] is True
    found: int = answer["order"].get("total_applied_discount_amount", 0)
    return found


def category(shop: Shop, name: str, hierarchy: int) -> str:
    """A category; its id."""
    found: str = made(shop, "/v1/categories", name=name, hierarchy=hierarchy)["id"]
    return found
