"""The official Python SDK's vouchers: models built as its users build them; every answer parsed,
and nothing of it lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from voucherify import (
    ApiClient,
    AsyncActionsApi,
    ParameterCreatedBeforeAfter,
    ParameterOrderListTransactions,
    ParameterOrderVouchers,
    VouchersApi,
    VouchersBalanceUpdateRequestBody,
    VouchersCreateRequestBody,
    VouchersCreateWithSpecificCodeRequestBody,
    VouchersImportCreateItemRequestBody,
    VouchersMetadataUpdateInBulkRequestBody,
    VouchersUpdateInBulkItemRequestBody,
    VouchersUpdateRequestBody,
)
from voucherify.exceptions import ApiException, BadRequestException, NotFoundException

from tests.api.test_vouchers import GIFT, TEN_OFF, WHEN
from tests.running import Shop, until
from tests.sdk.test_python_sdk import common, keys_of, plain, whole


class Sdk:
    """The SDK's clients for one project."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client
        self.vouchers = VouchersApi(client)
        self.actions = AsyncActionsApi(client)

    def create(self, code: str, **body: Any) -> Any:
        given = VouchersCreateWithSpecificCodeRequestBody.from_dict({**TEN_OFF, **body})
        return kept(self.vouchers.create_voucher_with_http_info(code, given))

    def codes(self, **query: Any) -> list[str]:
        answer = self.vouchers.list_vouchers_with_http_info(**query)
        return [voucher.code for voucher in kept(answer).vouchers]

    def finished(self, accepted: Any) -> Any:
        def done() -> Any:
            id_ = accepted.async_action_id
            action = whole(self.actions.get_async_action_with_http_info(id_))
            return action if action.status in ("DONE", "FAILED") else None

        return until(done)


def kept(answer: Any) -> Any:
    """As `whole`, but for what a gift card's answer has in every example and the SDK drops."""
    sent = without_redeemed(plain(json.loads(answer.raw_data)))
    assert common(plain(answer.data.to_dict()), sent) == sent
    return answer.data


def without_redeemed(value: Any) -> Any:
    if isinstance(value, list):
        return [without_redeemed(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: without_redeemed(item) for name, item in value.items()}
    if found.get("type") == "GIFT_VOUCHER" and "redemption" in found:
        del found["redemption"]["redeemed_amount"]
    return found


@pytest.fixture
def sdk(shop: Shop) -> Iterator[Sdk]:
    key = shop.project["server_side_key"]
    sdk = Sdk(keys_of(shop.server.url, key["app_id"], key["app_token"]))
    yield sdk
    sdk.client.rest_client.pool_manager.clear()


def test_a_voucher_from_its_creation_to_its_end(sdk: Sdk) -> None:
    api = sdk.vouchers
    made = sdk.create("10OFF", **WHEN, metadata={"a": 1}, redemption={"quantity": 3})
    assert (made.object, made.code, made.active) == ("voucher", "10OFF", True)
    assert made.validity_day_of_week == [1, 2, 3, 4, 5]
    assert made.redemption.quantity == 3
    assert made.assets.qr.url.startswith("http://127.0.0.1")
    assert kept(api.get_voucher_with_http_info("10OFF")).to_dict() == made.to_dict()
    body = {"discount": {"type": "AMOUNT", "amount_off": 5}, "metadata": {"b": None, "c": 2}}
    change = VouchersUpdateRequestBody.from_dict(body)
    changed = kept(api.update_voucher_with_http_info("10OFF", change))
    assert (changed.metadata, changed.id) == ({"a": 1, "c": 2}, made.id)
    assert changed.start_date == made.start_date
    assert changed.redemption.quantity == 3
    assert kept(api.disable_voucher_with_http_info("10OFF")).active is False
    assert kept(api.enable_voucher_with_http_info(made.id)).active is True
    assert api.delete_voucher("10OFF") is None
    with pytest.raises(NotFoundException):
        api.get_voucher("10OFF")
    with pytest.raises(ApiException, match="409"):
        sdk.create("10OFF")
    sdk.create("other")
    assert api.delete_voucher("other", force=True) is None
    sdk.create("other")


def test_a_random_code(sdk: Sdk) -> None:
    body = {**GIFT, "code_config": {"pattern": "X-###", "charset": "01"}}
    given = VouchersCreateRequestBody.from_dict(body)
    made = kept(sdk.vouchers.generate_random_code_with_http_info(given))
    assert made.code.startswith("X-")
    assert made.gift.balance == 10000


def test_a_gift_card(sdk: Sdk) -> None:
    api = sdk.vouchers
    sdk.create("card", **GIFT)
    more = VouchersBalanceUpdateRequestBody(amount=500, source_id="s", reason="r")
    balance = whole(api.update_voucher_balance_with_http_info("card", more))
    assert (balance.amount, balance.total, balance.balance) == (500, 10500, 10500)
    api.update_voucher_balance("card", VouchersBalanceUpdateRequestBody(amount=-1500))
    assert kept(api.get_voucher_with_http_info("card")).gift.balance == 9000
    first = whole(api.list_voucher_transactions_with_http_info("card", limit=1))
    assert (first.has_more, first.data[0].type) == (True, "CREDITS_REMOVAL")
    rest = api.list_voucher_transactions("card", starting_after_id=first.more_starting_after)
    assert [one.source_id for one in rest.data] == ["s"]
    oldest = api.list_voucher_transactions("card", order=ParameterOrderListTransactions("id"))
    assert oldest.data[0].details.balance.amount == 500
    with pytest.raises(BadRequestException):
        api.update_voucher_balance("card", VouchersBalanceUpdateRequestBody(amount=-9001))


def test_lists(sdk: Sdk) -> None:
    ids = {code: sdk.create(code).id for code in ("a", "b", "c")}
    assert sdk.codes() == ["c", "b", "a"]
    assert sdk.codes(order=ParameterOrderVouchers("code"), limit=1, page=2) == ["b"]
    assert sdk.codes(code="b") == ["b"]
    assert sdk.codes(ids=[ids["a"]]) == ["a"]
    assert sdk.codes(ids=[ids["a"], ids["c"]]) == ["c", "a"]
    after = ParameterCreatedBeforeAfter(after=datetime(2020, 1, 1))
    before = ParameterCreatedBeforeAfter(before=datetime(2020, 1, 1))
    assert sdk.codes(created_at=after) == ["c", "b", "a"]
    assert sdk.codes(created_at=before) == []
    assert sdk.codes(campaign="nothing") == []


def test_many(sdk: Sdk, tmp_path: Path) -> None:
    api = sdk.vouchers
    rows = [
        VouchersImportCreateItemRequestBody.from_dict({"code": code, **body})
        for code, body in (("one", TEN_OFF), ("two", GIFT))
    ]
    action = sdk.finished(whole(api.import_vouchers_with_http_info(rows)))
    assert (action.type, action.result["done_count"]) == ("VOUCHERS.IMPORT", 2)
    file = tmp_path / "vouchers.csv"
    file.write_text("Code,Voucher Type,Value,Region\nthree,GIFT_VOUCHER,5,EU\n")
    answer = api.import_vouchers_using_csv_with_http_info(file=str(file), webhooks_enable=True)
    assert sdk.finished(whole(answer)).result["done_count"] == 1
    assert api.get_voucher("three").metadata == {"Region": "EU"}
    change = VouchersUpdateInBulkItemRequestBody(code="one", metadata={"x": [1]})
    assert sdk.finished(whole(api.update_vouchers_in_bulk_with_http_info([change])))
    same = VouchersMetadataUpdateInBulkRequestBody(codes=["one", "two"], metadata={"y": True})
    assert sdk.finished(whole(api.update_vouchers_metadata_in_bulk_with_http_info(same)))
    assert api.get_voucher("one").metadata == {"x": [1], "y": True}
    assert api.get_voucher("two").metadata == {"y": True}
