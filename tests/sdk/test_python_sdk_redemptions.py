"""The official Python SDK's redemptions: models built as its users build them; every answer parsed,
and nothing of it lost but the members that the SDK does not know.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from voucherify import (
    ApiClient,
    Customer,
    ParameterCreatedBeforeAfter,
    ParameterOrderListRedemptions,
    RedemptionsApi,
    RedemptionsRedeemRequestBody,
    RedemptionsRollbackCreateRequestBody,
    RedemptionsRollbacksCreateRequestBody,
)
from voucherify.exceptions import BadRequestException, NotFoundException

from tests.api.test_promotions import add as add_tier
from tests.api.test_promotions import campaign as promotion
from tests.api.test_redemptions import stacking, tier, voucher
from tests.api.test_vouchers import GIFT, create
from tests.running import Shop
from tests.sdk.test_python_sdk import keys_of, plain


class Sdk:
    """The SDK's client for one project."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client
        self.api = RedemptionsApi(client)

    def redeem(self, *redeemables: dict[str, Any], **body: Any) -> Any:
        given = RedemptionsRedeemRequestBody.from_dict({"redeemables": list(redeemables), **body})
        return kept(self.api.redeem_stacked_discounts_with_http_info(given))

    def listed(self, **query: Any) -> list[str]:
        found = kept(self.api.list_redemptions_with_http_info(**query)).redemptions
        return [each.id for each in found]


# Of what was redeemed: examples have them, and the SDK's models do not.
UNKNOWN = ("campaign.name", "redemption.redeemed_amount")


def kept(answer: Any) -> Any:
    """The model of an answer, which must hold all that was sent and the SDK knows, unchanged."""
    assert answer.status_code == 200
    sent = plain(json.loads(answer.raw_data))
    lost = missing(plain(answer.data.to_dict()), sent)
    assert [path for path in lost if not path.partition(":")[0].endswith(UNKNOWN)] == []
    return answer.data


def missing(parsed: Any, sent: Any, path: str = "") -> Iterator[str]:
    """Where a model differs from what was sent."""
    if isinstance(sent, dict) and isinstance(parsed, dict):
        for name, value in sent.items():
            yield from missing(parsed.get(name), value, f"{path}.{name}")
    elif isinstance(sent, list) and isinstance(parsed, list) and len(sent) == len(parsed):
        for one, other in zip(parsed, sent, strict=True):
            yield from missing(one, other, path)
    elif parsed != sent:
        yield f"{path}: {parsed!r:.60} / {sent!r:.60}"


@pytest.fixture
def sdk(shop: Shop) -> Iterator[Sdk]:
    key = shop.project["server_side_key"]
    sdk = Sdk(keys_of(shop.server.url, key["app_id"], key["app_token"]))
    yield sdk
    sdk.client.rest_client.pool_manager.clear()


def test_one_redemption_from_its_making_to_its_end(shop: Shop, sdk: Sdk) -> None:
    create(shop, "TEN", metadata={"a": 1})
    done = sdk.redeem(
        voucher("TEN"),
        order={"source_id": "o", "amount": 5000, "metadata": {"b": 2}},
        customer={"source_id": "ann", "name": "Ann"},
        metadata={"c": 3},
        options={"expand": ["redeemable", "order"]},
    )
    assert (done.order.total_amount, done.order.status) == (4000, "PAID")
    id_ = done.redemptions[0].id
    found = kept(sdk.api.get_redemption_with_http_info(id_))
    assert (found.id, found.result, found.metadata) == (id_, "SUCCESS", {"c": 3})
    body = RedemptionsRollbackCreateRequestBody(
        reason="Unwanted", customer=Customer.from_dict({"source_id": "ann"})
    )
    undone = kept(
        sdk.api.rollback_redemption_with_http_info(
            id_, redemptions_rollback_create_request_body=body
        )
    )
    assert (undone.redemption, undone.reason) == (id_, "Unwanted")
    with pytest.raises(BadRequestException, match="already_rolled_back"):
        sdk.api.rollback_redemption(id_, reason="Again")
    with pytest.raises(NotFoundException):
        sdk.api.get_redemption("r_000000000000000000")


def test_a_stack(shop: Shop, sdk: Sdk) -> None:
    stacking(shop, redeemables_application_mode="PARTIAL")
    create(shop, "TEN")
    create(shop, "card", **GIFT)
    create(shop, "off", active=False)
    of = add_tier(shop, promotion(shop)["id"])["id"]
    asked = [voucher("card", 100), voucher("TEN"), tier(of), voucher("off")]
    done = sdk.redeem(*asked, order={"amount": 9000}, customer={"source_id": "ann"})
    assert done.order.total_amount == 4900
    assert [each.id for each in done.inapplicable_redeemables] == ["off"]
    parent = done.parent_redemption.id
    for id_ in (parent, *(each.id for each in done.redemptions)):
        kept(sdk.api.get_redemption_with_http_info(id_))
    body = RedemptionsRollbacksCreateRequestBody(metadata={"a": 1})
    undone = kept(
        sdk.api.rollback_stacked_redemptions_with_http_info(
            parent, tracking_id="ann", redemptions_rollbacks_create_request_body=body
        )
    )
    assert undone.parent_rollback.redemption == parent
    assert undone.order.status == "CANCELED"
    kept(sdk.api.get_redemption_with_http_info(undone.parent_rollback.id))


def test_lists(shop: Shop, sdk: Sdk) -> None:
    create(shop, "TEN")
    create(shop, "off", active=False)
    first = sdk.redeem(voucher("TEN"), customer={"source_id": "ann"}).redemptions[0].id
    with pytest.raises(BadRequestException, match="voucher_disabled"):
        sdk.redeem(voucher("off"))
    second = sdk.redeem(voucher("TEN"), order={"amount": 9}).redemptions[0].id
    failed = sdk.listed(result="FAILURE")
    assert sdk.listed() == [second, *failed, first]
    assert sdk.listed(order=ParameterOrderListRedemptions.ID, result="SUCCESS") == [first, second]
    assert sdk.listed(customer="ann") == [first]
    assert sdk.listed(limit=1, page=3) == [first]
    before = ParameterCreatedBeforeAfter(before=datetime(2020, 1, 1, tzinfo=UTC))
    assert sdk.listed(created_at=before) == []
    assert kept(sdk.api.get_voucher_redemptions_with_http_info("TEN")).redeemed_quantity == 2
