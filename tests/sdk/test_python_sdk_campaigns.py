"""The official Python SDK's campaigns: models built as its users build them; every answer parsed,
and nothing of it lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from voucherify import (
    ApiClient,
    CampaignsApi,
    CampaignsCreateRequestBody,
    CampaignsImportVoucherItem,
    CampaignsUpdateRequestBody,
    CampaignsVouchersCreateInBulkRequestBody,
    CampaignsVouchersCreateRequestBody,
)
from voucherify.exceptions import ApiException, BadRequestException, NotFoundException

from tests.api.test_campaigns import KINDS, TEN_OFF, kind, settled
from tests.running import Shop, until
from tests.sdk.test_python_sdk import keys_of, whole


class Sdk:
    """The SDK's client for one project."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client
        self.campaigns = CampaignsApi(client)

    def make(self, type_: str, **members: Any) -> Any:
        body = {"name": "C", "campaign_type": type_, "voucher": KINDS.get(type_), **members}
        model = CampaignsCreateRequestBody.from_dict(body)
        return whole(self.campaigns.create_campaign_with_http_info(model))


@pytest.fixture
def sdk(shop: Shop) -> Iterator[Sdk]:
    key = shop.project["server_side_key"]
    sdk = Sdk(keys_of(shop.server.url, key["app_id"], key["app_token"]))
    yield sdk
    sdk.client.rest_client.pool_manager.clear()


def finished(shop: Shop, accepted: Any) -> dict[str, Any]:
    """The async action that an answer names, once it is finished."""
    path = f"/v1/async-actions/{accepted.async_action_id}"
    until(lambda: shop.api.get(path).json()["status"] in ("DONE", "FAILED"))
    action: dict[str, Any] = shop.api.get(path).json()
    return action


@pytest.mark.parametrize("type_", [*KINDS, "PROMOTION"])
def test_each_type_is_made_read_listed_and_summed(sdk: Sdk, type_: str) -> None:
    count = {} if type_ == "PROMOTION" else {"vouchers_count": 1}
    made = sdk.make(type_, metadata={"region": "EU"}, **count)
    assert (made.name, made.campaign_type, made.object) == ("C", type_, "campaign")
    found = whole(sdk.campaigns.get_campaign_with_http_info("C"))
    assert found.id == made.id
    listed = whole(sdk.campaigns.list_campaigns_with_http_info(limit=5, campaign_type=type_))
    assert (listed.total, listed.campaigns[0].id) == (1, made.id)
    assert listed.campaigns[0].metadata == {"region": "EU"}
    summary = whole(sdk.campaigns.get_campaign_summary_with_http_info(made.id))
    assert summary.to_dict()["campaign"]["id"] == made.id
    assert summary.to_dict().get("vouchers_created") == count.get("vouchers_count")


def test_a_campaign_from_its_creation_to_its_end(shop: Shop, sdk: Sdk) -> None:
    api = sdk.campaigns
    made = sdk.make("DISCOUNT_COUPONS", start_date="2026-01-01T00:00:00Z", vouchers_count=3)
    assert made.creation_status == "IN_PROGRESS"
    settled(shop)
    changes = CampaignsUpdateRequestBody.from_dict(
        {"description": "new", "expiration_date": "2030-01-01T00:00:00Z", "metadata": {"a": 1}}
    )
    changed = whole(api.update_campaign_with_http_info(made.id, changes))
    assert (changed.description, changed.vouchers_count) == ("new", 3)
    assert changed.voucher.discount.amount_off == TEN_OFF["amount_off"]
    api.disable_campaign("C")
    assert api.get_campaign("C").active is False
    api.enable_campaign("C")
    assert api.get_campaign("C").active is True
    deleted = whole(api.delete_campaign_with_http_info("C", force=True))
    assert finished(shop, deleted)["status"] == "DONE"
    with pytest.raises(NotFoundException):
        api.get_campaign("C")


def test_vouchers_are_added(shop: Shop, sdk: Sdk) -> None:
    api = sdk.campaigns
    sdk.make("GIFT_VOUCHERS")
    # Its models of these two answers know no redeemed_amount.
    one = api.add_vouchers_to_campaign(
        "C", 1, CampaignsVouchersCreateInBulkRequestBody.from_dict({"metadata": {"a": 1}})
    )
    assert one.to_dict()["metadata"] == {"a": 1}
    extra = CampaignsVouchersCreateRequestBody.from_dict({"additional_info": "x"})
    named = api.add_voucher_with_specific_code_to_campaign("C", "CODE", extra)
    assert (named.code, named.gift.balance, named.additional_info) == ("CODE", 5000, "x")
    with pytest.raises(ApiException) as refused:
        api.add_voucher_with_specific_code_to_campaign("C", "CODE")
    assert refused.value.status == 409
    many = api.add_vouchers_to_campaign(
        "C",
        5,
        CampaignsVouchersCreateInBulkRequestBody.from_dict({"start_date": "2026-01-01T00:00:00Z"}),
    )
    assert finished(shop, many)["status"] == "DONE"
    assert api.get_campaign("C").vouchers_count == 7


def test_vouchers_are_imported(shop: Shop, sdk: Sdk, tmp_path: Path) -> None:
    sdk.make("DISCOUNT_COUPONS")
    row = CampaignsImportVoucherItem.from_dict(
        {"code": "JSON", "type": "DISCOUNT_VOUCHER", "discount": TEN_OFF}
    )
    accepted = whole(sdk.campaigns.import_vouchers_to_campaign_with_http_info("C", [row]))
    assert finished(shop, accepted)["result"]["done_count"] == 1
    file = tmp_path / "codes.csv"
    file.write_text("Code,Active\nCSV,false\n")
    answer = sdk.campaigns.import_vouchers_to_campaign_using_csv_with_http_info("C", str(file))
    assert finished(shop, whole(answer))["result"]["done_count"] == 1
    assert sdk.campaigns.get_campaign("C").vouchers_count == 2


def test_transactions_are_listed(shop: Shop, sdk: Sdk) -> None:
    kind(shop, "GIFT_VOUCHERS")
    shop.api.post("/v1/campaigns/C/vouchers/CODE")
    assert shop.api.post("/v1/vouchers/CODE/balance", json={"amount": 5}).status_code == 200
    listed = whole(sdk.campaigns.list_campaign_transactions_with_http_info("C"))
    assert len(listed.data) == 1
    # What an export of them answers it can never parse: it takes an id for one character.


def test_what_is_refused(sdk: Sdk) -> None:
    sdk.make("DISCOUNT_COUPONS")
    with pytest.raises(ApiException) as refused:
        sdk.make("DISCOUNT_COUPONS")
    assert refused.value.status == 409
    with pytest.raises(BadRequestException):
        sdk.make("DISCOUNT_COUPONS", name="D", vouchers_count=1_000_000)
