"""The official Python SDK where stacked discounts are redeemed, and where a browser or an app would
call: models built as its users build them; every answer parsed, and nothing of it lost but the
members that the SDK does not know.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from voucherify import (
    ApiClient,
    ClientRedemptionsRedeemRequestBody,
    ClientSideApi,
    ClientValidationsValidateRequestBody,
    Configuration,
    ParameterOrderListPromotionTiersClientSide,
    PromotionsApi,
    RedemptionsApi,
    RedemptionsRedeemRequestBody,
    VouchersApi,
)
from voucherify.exceptions import (
    BadRequestException,
    ForbiddenException,
    NotFoundException,
    UnauthorizedException,
)

from tests.api.test_promotions import add, campaign
from tests.api.test_single_validation import TEN, rule
from tests.api.test_vouchers import GIFT, create
from tests.running import Server, Shop
from tests.sdk.test_python_sdk import common, keys_of, plain
from tests.sdk.test_python_sdk_vouchers import without_redeemed

HOME = "https://shop.example"
# Of stacking rules; the SDK knows them where they are managed, but not in a validation.
UNKNOWN = {
    "grouped_redeemables_sorting_rule",
    "discount_calculation_mode",
    "initial_amount_mode_categories",
    "discounted_amount_mode_categories",
}


class Sdk:
    """The SDK's clients for one project, with its server's key and with its clients'."""

    def __init__(self, shop: Shop) -> None:
        server, client = shop.project["server_side_key"], shop.project["client_side_key"]
        self.server = keys_of(shop.server.url, server["app_id"], server["app_token"])
        names = ("X-Client-Application-Id", "X-Client-Token")
        keys = dict(zip(names, (client["app_id"], client["app_token"]), strict=True))
        self.browser = ApiClient(Configuration(host=shop.server.url, api_key=keys))
        self.redemptions = RedemptionsApi(self.server)
        self.client_side = ClientSideApi(self.browser)

    def redeem(self, *names: str, **body: Any) -> Any:
        given = RedemptionsRedeemRequestBody.from_dict({"redeemables": of(names), **body})
        return kept(self.redemptions.redeem_stacked_discounts_with_http_info(given))

    def close(self) -> None:
        for client in (self.server, self.browser):
            client.rest_client.pool_manager.clear()


def of(names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {"object": "promotion_tier" if name.startswith("promo_") else "voucher", "id": name}
        for name in names
    ]


def kept(answer: Any) -> Any:
    """The model of an answer, which holds all that was sent but what the SDK does not know."""
    assert answer.status_code == 200
    sent = without_redeemed(plain(json.loads(answer.raw_data)))
    if "stacking_rules" in sent:
        sent["stacking_rules"] = {
            name: value for name, value in sent["stacking_rules"].items() if name not in UNKNOWN
        }
    assert common(plain(answer.data.to_dict()), sent) == sent
    return answer.data


@pytest.fixture
def shop(server: Server) -> Shop:
    return server.project(client_redeem_enabled=True, client_trusted_domains=[HOME])


@pytest.fixture
def sdk(shop: Shop) -> Iterator[Sdk]:
    sdk = Sdk(shop)
    yield sdk
    sdk.close()


# --- redemptions --------------------------------------------------------------------------------


def test_one_coupon(shop: Shop, sdk: Sdk) -> None:
    create(shop, "TEN", discount=TEN)
    found = sdk.redeem("TEN", customer={"source_id": "ann"}, order={"amount": 5000})
    [child] = found.redemptions
    assert (child.result, child.status, child.voucher.code) == ("SUCCESS", "SUCCEEDED", "TEN")
    assert (found.order.total_amount, child.customer.source_id) == (4000, "ann")
    assert VouchersApi(sdk.server).get_voucher("TEN").redemption.redeemed_quantity == 1


def test_several(shop: Shop, sdk: Sdk) -> None:
    create(shop, "TEN", discount=TEN)
    create(shop, "CARD", **GIFT)
    tier = add(shop, campaign(shop)["id"], action={"discount": TEN})
    found = sdk.redeem("TEN", tier["id"], "CARD", order={"amount": 5000}, metadata={"shop": 1})
    assert [child.related_object_type for child in found.redemptions] == [
        *("voucher", "promotion_tier", "voucher")
    ]
    assert {child.redemption for child in found.redemptions} == {found.parent_redemption.id}
    assert found.redemptions[2].amount == 3000
    assert found.order.total_amount == 0
    summary = PromotionsApi(sdk.server).get_promotion_tier(tier["id"]).summary
    assert summary.redemptions.total_redeemed == 1


def test_what_is_refused(shop: Shop, sdk: Sdk) -> None:
    create(shop, "OFF", discount=TEN, active=False)
    with pytest.raises(BadRequestException) as refused:
        sdk.redeem("OFF")
    told = json.loads(refused.value.body or "{}")
    assert (told["key"], told["resource_type"]) == ("voucher_disabled", "redemption")
    with pytest.raises(NotFoundException):
        sdk.redeem("none")


# --- clients ------------------------------------------------------------------------------------


def test_a_client_validates_and_redeems(shop: Shop, sdk: Sdk) -> None:
    create(shop, "TEN", discount=TEN)
    rule_id = rule(shop, "order.amount", {"$more_than": [9000]})
    create(shop, "MORE", discount=TEN, validation_rules=[rule_id])
    body = {
        "redeemables": of(("TEN",)),
        "customer": {"source_id": "ann"},
        "order": {"amount": 5000},
        "options": {"expand": ["order", "redeemable", "category"]},
    }
    api = sdk.client_side
    given = ClientValidationsValidateRequestBody.from_dict({**body, "session": {"type": "LOCK"}})
    validated = kept(api.validate_stacked_discounts_client_side_with_http_info(HOME, given))
    assert validated.valid
    assert validated.session.key.startswith("ssn_")
    assert validated.order.total_amount == 4000
    wrong = ClientValidationsValidateRequestBody.from_dict(
        {**body, "redeemables": of(("MORE", "TEN"))}
    )
    refused = kept(api.validate_stacked_discounts_client_side_with_http_info(HOME, wrong))
    assert not refused.valid
    session = {"type": "LOCK", "key": validated.session.key}
    asked = ClientRedemptionsRedeemRequestBody.from_dict({**body, "session": session})
    redeemed = kept(api.redeem_stacked_discounts_client_side_with_http_info(HOME, asked))
    assert redeemed.redemptions[0].voucher.code == "TEN"
    assert redeemed.order.status == "PAID"


def test_a_client_lists_tiers(shop: Shop, sdk: Sdk) -> None:
    of_campaign = campaign(shop)["id"]
    for name in ("A", "B"):
        add(shop, of_campaign, name, action={"discount": TEN})
    answer = sdk.client_side.list_promotion_tiers_client_side_with_http_info(
        HOME,
        is_available=True,
        limit=1,
        page=2,
        order=ParameterOrderListPromotionTiersClientSide.CREATED_AT,
    )
    found = kept(answer)
    assert ([tier.name for tier in found.tiers], found.total) == (["B"], 2)


def test_what_clients_may_not(server: Server, shop: Shop, sdk: Sdk) -> None:
    create(shop, "TEN", discount=TEN)
    body = ClientRedemptionsRedeemRequestBody.from_dict({"redeemables": of(("TEN",))})
    with pytest.raises(ForbiddenException):
        sdk.client_side.redeem_stacked_discounts_client_side("https://elsewhere.example", body)
    with pytest.raises(UnauthorizedException):
        ClientSideApi(sdk.server).redeem_stacked_discounts_client_side(HOME, body)
    closed = Sdk(server.project(client_trusted_domains=[HOME]))
    with pytest.raises(ForbiddenException) as refused:
        closed.client_side.redeem_stacked_discounts_client_side(HOME, body)
    assert "does not let clients redeem" in (refused.value.body or "")
    closed.close()
