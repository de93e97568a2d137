"""The official Python SDK validates stacked discounts: models built as its users build them; every
answer parsed, and nothing of it lost but the members that the SDK does not know.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from voucherify import ApiClient, ValidationsApi, ValidationsValidateRequestBody
from voucherify.exceptions import BadRequestException, NotFoundException

from tests.api.validating import (
    campaign,
    card,
    category,
    coupon,
    made,
    of_campaign,
    products_rule,
    promotion,
    rule,
    stacking,
    tier,
)
from tests.running import Shop
from tests.sdk.test_python_sdk import common, keys_of, plain


class Sdk:
    """The SDK's client for one project."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client
        self.api = ValidationsApi(client)

    def validate(self, *names: Any, **body: Any) -> Any:
        redeemables = [
            name
            if isinstance(name, dict)
            else {
                "object": "promotion_tier" if name.startswith("promo_") else "voucher",
                "id": name,
            }
            for name in names
        ]
        given = ValidationsValidateRequestBody.from_dict({"redeemables": redeemables, **body})
        assert given is not None
        return kept(self.api.validate_stacked_discounts_with_http_info(given))


# Of stacking rules; the SDK knows them where they are managed, but not in a validation.
UNKNOWN = {
    "grouped_redeemables_sorting_rule",
    "discount_calculation_mode",
    "initial_amount_mode_categories",
    "discounted_amount_mode_categories",
}


def kept(answer: Any) -> Any:
    """The model of an answer, which must hold all that was sent and the SDK knows, unchanged."""
    assert answer.status_code == 200
    sent = known(plain(json.loads(answer.raw_data)))
    assert common(plain(answer.data.to_dict()), sent) == sent
    return answer.data


def known(value: Any) -> Any:
    if isinstance(value, list):
        return [known(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: known(item) for name, item in value.items() if name not in UNKNOWN}


@pytest.fixture
def sdk(shop: Shop) -> Iterator[Sdk]:
    key = shop.project["server_side_key"]
    sdk = Sdk(keys_of(shop.server.url, key["app_id"], key["app_token"]))
    yield sdk
    sdk.client.rest_client.pool_manager.clear()


def test_stacked_discounts(shop: Shop, sdk: Sdk) -> None:
    product = made(shop, "/v1/products", name="mug", source_id="mug", price=1000)["id"]
    only = products_rule(shop, included=[{"object": "product", "id": product}])
    of = campaign(shop, "Sale", category_id=category(shop, "Sale", 1))["id"]
    of_campaign(shop, of, "SALE")
    ten = {"type": "PERCENT", "percent_off": 10, "effect": "APPLY_TO_ITEMS"}
    coupon(shop, "MUGS", ten, validation_rules=[only])
    card(shop, "CARD", 5000)
    of_tier = tier(shop, promotion(shop), "Tier", {"type": "FIXED", "fixed_amount": 100})
    coupon(shop, "UNIT", {"type": "UNIT", "unit_off": 1, "unit_type": product})
    items = [{"source_id": "mug", "related_object": "product", "quantity": 10}]
    found = sdk.validate(
        *("MUGS", "SALE", "UNIT"),
        {"object": "voucher", "id": "CARD", "gift": {"credits": 500}},
        of_tier,
        customer={"source_id": "ann", "metadata": {"a": 1}},
        order={"items": items, "metadata": {"b": 2}},
        options={"expand": ["order", "redeemable", "category"]},
        session={"type": "LOCK", "ttl": 2, "ttl_unit": "HOURS"},
        metadata={"c": 3},
    )
    assert found.valid is True
    assert [each.status for each in found.redeemables] == ["APPLICABLE"] * 5
    assert (found.session.ttl, found.session.ttl_unit) == (2, "HOURS")
    assert found.tracking_id.startswith("track_")
    assert found.order.total_amount == 100
    assert found.order.amount - found.order.total_discount_amount == found.order.total_amount


def test_what_does_not_apply(shop: Shop, sdk: Sdk) -> None:
    stacking(shop, redeemables_application_mode="PARTIAL", applicable_redeemables_limit=1)
    coupon(shop, "TEN")
    coupon(shop, "MORE")
    big = rule(shop, "order.amount", {"$more_than": [10**6]}, "Buy more")
    coupon(shop, "BIG", validation_rules=[big])
    found = sdk.validate("nobody", "BIG", "TEN", "MORE", order={"amount": 5000})
    assert (found.valid, found.order.total_amount) == (True, 4000)
    assert [each.id for each in found.inapplicable_redeemables] == ["nobody", "BIG"]
    refusals = [each.result.error for each in found.inapplicable_redeemables]
    assert [each.key for each in refusals] == ["not_found", "order_rules_violated"]
    assert refusals[1].message == "Buy more"
    assert [each.id for each in found.skipped_redeemables] == ["MORE"]
    nothing = sdk.validate("nobody", order={"amount": 5000})
    assert (nothing.valid, nothing.order) == (False, None)


def test_what_is_refused(shop: Shop, sdk: Sdk) -> None:
    coupon(shop, "TEN")
    with pytest.raises(BadRequestException) as twice:
        sdk.validate("TEN", "TEN")
    assert '"duplicated_redeemables"' in (twice.value.body or "")
    with pytest.raises(NotFoundException):
        sdk.validate({"object": "promotion_stack", "id": "stack_nothing"})
