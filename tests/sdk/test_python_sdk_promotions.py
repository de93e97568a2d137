"""The official Python SDK's promotion tiers, stacks and bin: models built as its users build them;
every answer parsed, and nothing of it lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from voucherify import (
    ApiClient,
    BinApi,
    CategoriesApi,
    CategoriesCreateRequestBody,
    ProductsApi,
    ProductsCreateRequestBody,
    PromotionsApi,
    PromotionsStacksCreateRequestBody,
    PromotionsStacksUpdateRequestBody,
    PromotionsTiersCreateRequestBody,
    PromotionsTiersUpdateRequestBody,
)
from voucherify.exceptions import BadRequestException, NotFoundException

from tests.api.test_promotions import BIG_ORDER, FORTY_PERCENT, UNUSED, campaign, rule
from tests.running import Shop
from tests.sdk.test_python_sdk import keys_of, whole


class Sdk:
    """The SDK's clients for one project."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client
        self.promotions = PromotionsApi(client)
        self.bin = BinApi(client)
        self.products = ProductsApi(client)
        self.categories = CategoriesApi(client)

    def tier(self, of: str, **members: Any) -> Any:
        body = PromotionsTiersCreateRequestBody.from_dict({**BIG_ORDER, **members})
        return whole(self.promotions.add_promotion_tier_to_campaign_with_http_info(of, body))

    def stack(self, of: str, ids: list[str], **members: Any) -> Any:
        body = PromotionsStacksCreateRequestBody.from_dict(
            {"name": "Stack", "tiers": {"ids": ids, "hierarchy_mode": "MANUAL"}, **members}
        )
        return whole(self.promotions.create_promotion_stack_with_http_info(of, body))


@pytest.fixture
def sdk(shop: Shop) -> Iterator[Sdk]:
    key = shop.project["server_side_key"]
    sdk = Sdk(keys_of(shop.server.url, key["app_id"], key["app_token"]))
    yield sdk
    sdk.client.rest_client.pool_manager.clear()


def test_a_tier_from_its_creation_to_its_end(shop: Shop, sdk: Sdk) -> None:
    api = sdk.promotions
    named = sdk.categories.create_category(CategoriesCreateRequestBody(name="c", hierarchy=1))
    of = campaign(shop, "Sale", start_date="2022-09-21", category_id=named.id)["id"]
    made = sdk.tier("Sale", category_id=named.id)
    assert (made.object, made.campaign_id, made.campaign.id) == ("promotion_tier", of, of)
    assert made.action.discount.amount_off == 3000
    assert (made.hierarchy, made.active, made.updated_at) == (1, True, None)
    assert [category.id for category in made.categories] == [named.id]
    assert made.summary.redemptions.total_redeemed == 0
    found = whole(api.get_promotion_tier_with_http_info(made.id))
    assert found.to_dict() == made.to_dict()
    path = f"/v1/validation-rules/{rule(shop)}/assignments"
    assert shop.api.post(path, json={"promotion_tier": made.id}).status_code == 200
    found = whole(api.get_promotion_tier_with_http_info(made.id))
    assert found.validation_rule_assignments.total == 1
    change = PromotionsTiersUpdateRequestBody.from_dict(
        {"name": "New", "action": {"discount": FORTY_PERCENT}, "metadata": {"level": "B"}}
    )
    changed = whole(api.update_promotion_tier_with_http_info(made.id, change))
    assert (changed.name, changed.banner) == ("New", BIG_ORDER["banner"])
    assert changed.action.discount.percent_off == 40
    assert changed.metadata == {"level": "B"}
    assert changed.updated_at >= changed.created_at
    assert whole(api.disable_promotion_tier_with_http_info(made.id)).active is False
    assert whole(api.enable_promotion_tier_with_http_info(made.id)).active is True
    assert api.delete_promotion_tier(made.id) is None
    with pytest.raises(NotFoundException):
        api.get_promotion_tier(made.id)


def test_tiers_are_listed(shop: Shop, sdk: Sdk) -> None:
    of = campaign(shop)["id"]
    first, second = sdk.tier(of, expiration_date="2121-09-30T00:00:00Z"), sdk.tier(of)
    every = whole(sdk.promotions.list_promotion_tiers_with_http_info(limit=1, page=2))
    assert (every.object, every.data_ref, every.total) == ("list", "tiers", 2)
    assert [tier.id for tier in every.tiers] == [first.id]
    usable = whole(
        sdk.promotions.list_promotion_tiers_with_http_info(is_available=True, order="created_at")
    )
    assert [tier.id for tier in usable.tiers] == [first.id]
    own = whole(sdk.promotions.list_promotion_tiers_from_campaign_with_http_info(of))
    assert [tier.id for tier in own.tiers] == [second.id, first.id]
    assert (own.total, own.has_more) == (2, False)
    assert own.tiers[0].validation_rule_assignments is None


def test_a_stack_from_its_creation_to_its_end(shop: Shop, sdk: Sdk) -> None:
    api = sdk.promotions
    of = campaign(shop, "Sale")["id"]
    ids = [sdk.tier(of).id for _ in range(3)]
    made = sdk.stack(of, ids)
    assert (made.object, made.campaign_id, made.tiers.ids) == ("promotion_stack", of, ids)
    assert whole(api.get_promotion_stack_with_http_info("Sale", made.id)).name == "Stack"
    change = PromotionsStacksUpdateRequestBody.from_dict(
        {"name": "New", "tiers": {"ids": ids[::-1], "hierarchy_mode": "MANUAL"}}
    )
    changed = whole(api.update_promotion_stack_with_http_info(of, made.id, change))
    assert (changed.name, changed.tiers.ids) == ("New", ids[::-1])
    assert changed.updated_at >= changed.created_at
    with pytest.raises(BadRequestException):
        api.delete_promotion_tier(ids[0])
    every = whole(api.list_all_promotion_stacks_with_http_info(order="-name", limit=5))
    own = whole(api.list_promotion_stacks_in_campaign_with_http_info(of))
    assert [stack.id for stack in every.data] == [stack.id for stack in own.data] == [made.id]
    assert api.delete_promotion_stack(of, made.id) is None
    with pytest.raises(NotFoundException):
        api.get_promotion_stack(of, made.id)


def test_what_cannot_be_is_refused(shop: Shop, sdk: Sdk) -> None:
    of = campaign(shop)["id"]
    with pytest.raises(NotFoundException):
        sdk.promotions.enable_promotion_tier(UNUSED)
    with pytest.raises(NotFoundException):
        sdk.stack(of, [UNUSED])
    with pytest.raises(BadRequestException):
        sdk.tier(of, action={"discount": {"type": "PERCENT", "percent_off": 101}})


def test_what_is_in_the_bin_is_deleted_for_good(sdk: Sdk) -> None:
    for name in ("a", "b", "c"):
        sdk.products.create_product(ProductsCreateRequestBody(source_id=name, name=name))
        sdk.products.delete_product(name)
    first = whole(sdk.bin.list_bin_entries_with_http_info(limit=2, order="id"))
    assert (first.object, first.data_ref, first.total) == ("list", "data", 2)
    assert [(entry.resource_type, entry.resource_name) for entry in first.data] == [
        ("product", "a"),
        ("product", "b"),
    ]
    assert (first.has_more, first.more_starting_after) == (True, first.data[1].id)
    rest = whole(
        sdk.bin.list_bin_entries_with_http_info(starting_after_id=first.more_starting_after)
    )
    assert [entry.resource_name for entry in rest.data] == ["c"]
    assert (rest.has_more, rest.data[0].deleted_by_user_id) == (False, None)
    assert sdk.bin.delete_bin_entry(first.data[0].id) is None
    with pytest.raises(NotFoundException):
        sdk.bin.delete_bin_entry(first.data[0].id)
    again = sdk.products.create_product(ProductsCreateRequestBody(source_id="a", name="a"))
    assert again.source_id == "a"
