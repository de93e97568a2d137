"""The official Python SDK's qualifications: models built as its users build them; every answer
parsed, and nothing of it lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from voucherify import (
    ApiClient,
    ClientQualificationsCheckEligibilityRequestBody,
    ClientSideApi,
    Configuration,
    QualificationsApi,
    QualificationsCheckEligibilityRequestBody,
)

from tests.api.test_campaigns import kind, make
from tests.api.test_promotions import add as tier
from tests.api.test_promotions import campaign
from tests.api.test_qualifications import EVERYTHING, ORDER, any_item, gift, product, rule, voucher
from tests.running import Shop
from tests.sdk.test_python_sdk import common, keys_of, plain


@pytest.fixture
def client(shop: Shop) -> Iterator[ApiClient]:
    key = shop.project["server_side_key"]
    client = keys_of(shop.server.url, key["app_id"], key["app_token"])
    yield client
    client.rest_client.pool_manager.clear()


def whole(answer: Any) -> Any:
    """The model of an answer, which must hold all that was sent but for the stacking rules: of
    those the SDK knows fewer than there are.
    """
    assert answer.status_code == 200
    sent = plain(json.loads(answer.raw_data))
    assert sent.pop("stacking_rules")["redeemables_limit"] == 30
    assert common(plain(answer.data.to_dict()), sent) == sent
    return answer.data


def scene(shop: Shop) -> str:
    """Redeemables of every kind; the product that is sold."""
    sold = product(shop, "drill", 10000)
    of = campaign(shop, "P")["id"]
    ruled = rule(shop, rules={"1": any_item(sold)}, bundle_rules={"1": any_item(sold)})
    tiers = [tier(shop, of, "T", banner="b", validation_rules=[ruled]), tier(shop, of, "U")]
    body = {"name": "S", "tiers": {"ids": [each["id"] for each in tiers]}}
    assert shop.api.post(f"/v1/promotions/{of}/stacks", json=body).status_code == 200
    make(shop, "C", validation_rules=[ruled])
    kind(shop, "GIFT_VOUCHERS", "G")
    voucher(shop, "CODE")
    gift(shop, "CARD", 500)
    return sold


@pytest.mark.parametrize(
    ("scenario", "count"), [("ALL", 6), ("AUDIENCE_ONLY", 6), ("PROMOTION_STACKS", 1)]
)
def test_what_qualifies_is_parsed(shop: Shop, client: ApiClient, scenario: str, count: int) -> None:
    sold = scene(shop)
    asked: dict[str, Any] = {
        "customer": {"source_id": "me", "metadata": {"a": 1}},
        "order": {"items": [{"product_id": sold, "quantity": 2}]},
        "scenario": scenario,
        "session": {"type": "LOCK"},
        "options": {**EVERYTHING, "sorting_rule": "BEST_DEAL", "filters": {"junction": "and"}},
    }
    body = QualificationsCheckEligibilityRequestBody.from_dict(asked)
    found = whole(QualificationsApi(client).check_eligibility_with_http_info(body))
    assert len(found.redeemables.data) == count


def test_pages_follow_the_cursor(shop: Shop, client: ApiClient) -> None:
    scene(shop)
    api, after, seen = QualificationsApi(client), None, []
    while True:
        body = QualificationsCheckEligibilityRequestBody.from_dict(
            {"order": ORDER, "options": {"limit": 1, "starting_after": after}}
        )
        found = api.check_eligibility(body).redeemables
        seen += [each.id for each in found.data]
        if not found.has_more:
            break
        after = found.more_starting_after
    assert len(seen) == len(set(seen)) == 6


def test_a_client_asks(shop: Shop) -> None:
    voucher(shop, "CODE")
    key = shop.project["client_side_key"]
    keys = {"X-Client-Application-Id": key["app_id"], "X-Client-Token": key["app_token"]}
    client = ApiClient(Configuration(host=shop.server.url, api_key=keys))
    body = ClientQualificationsCheckEligibilityRequestBody.from_dict({"order": ORDER})
    found = whole(ClientSideApi(client).check_eligibility_client_side_with_http_info(body))
    assert [each.id for each in found.redeemables.data] == ["CODE"]
    client.rest_client.pool_manager.clear()
