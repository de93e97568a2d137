"""The official Python SDK's campaign templates: models built as its users build them; every answer
parsed, and nothing of it lost.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from voucherify import (
    ApiClient,
    Configuration,
    ManagementApi,
    ManagementProjectsTemplatesCampaignsCopyCreateRequestBody,
    ParameterFiltersListTemplates,
    ParameterTemplatesList,
    TemplatesApi,
    TemplatesCampaignsCampaignSetupCreateRequestBody,
    TemplatesCampaignsCreateRequestBody,
    TemplatesCampaignsTierSetupCreateRequestBody,
    TemplatesCampaignsUpdateRequestBody,
)
from voucherify.exceptions import ApiException, BadRequestException, NotFoundException

from tests.api.test_templates import TEN_OFF, UNUSED, coupons, promotion, rule
from tests.api.test_templates_setup import promotions
from tests.running import FIRST, Server, Shop
from tests.sdk.test_python_sdk import keys_of, whole


@pytest.fixture
def api(shop: Shop) -> Iterator[TemplatesApi]:
    key = shop.project["server_side_key"]
    client = keys_of(shop.server.url, key["app_id"], key["app_token"])
    yield TemplatesApi(client)
    client.rest_client.pool_manager.clear()


@pytest.fixture
def management(server: Server) -> Iterator[ManagementApi]:
    keys = {
        "X-Management-Id": FIRST["management_id"],
        "X-Management-Token": FIRST["management_token"],
    }
    client = ApiClient(Configuration(host=server.url, api_key=keys))
    yield ManagementApi(client)
    client.rest_client.pool_manager.clear()


def named(name: str, campaign_id: str) -> TemplatesCampaignsCreateRequestBody:
    return TemplatesCampaignsCreateRequestBody(name=name, campaign_id=campaign_id)


def test_a_template_from_its_creation_to_its_end(shop: Shop, api: TemplatesApi) -> None:
    of = coupons(shop, description="Winter")
    body = TemplatesCampaignsCreateRequestBody.from_dict(
        {"name": "October", "description": "Reuse", "campaign_id": of["id"]}
    )
    made = whole(api.create_campaign_template_with_http_info(body))
    assert (made.object, made.name, made.description) == ("campaign_template", "October", "Reuse")
    assert made.campaign_type == "DISCOUNT_COUPONS"
    found = whole(api.get_campaign_template_with_http_info(made.id))
    assert found.updated_at is None
    assert found.to_dict() == {**made.to_dict(), "updated_at": None}
    # Such a body has a null for the description, which stays.
    change = TemplatesCampaignsUpdateRequestBody.from_dict({"name": "November"})
    changed = whole(api.update_campaign_template_with_http_info(made.id, change))
    assert (changed.name, changed.description) == ("November", "Reuse")
    assert changed.updated_at >= changed.created_at
    with pytest.raises(ApiException) as taken:
        api.create_campaign_template(named("November", of["id"]))
    assert taken.value.status == 409
    assert api.delete_campaign_template(made.id) is None
    with pytest.raises(NotFoundException):
        api.get_campaign_template(made.id)


def test_templates_are_listed(shop: Shop, api: TemplatesApi) -> None:
    of = coupons(shop)["id"]
    ids = [api.create_campaign_template(named(name, of)).id for name in ("a", "b", "c")]
    first = whole(api.list_campaign_templates_with_http_info(limit=2, include_total=True))
    assert (first.object, first.data_ref, first.total) == ("list", "data", 3)
    assert [each.id for each in first.data] == ids[:2]
    assert (first.has_more, first.more_starting_after) == (True, ids[1])
    rest = whole(api.list_campaign_templates_with_http_info(starting_after_id=ids[1]))
    assert [each.id for each in rest.data] == ids[2:]
    assert (rest.has_more, rest.total) == (False, None)
    back = whole(
        api.list_campaign_templates_with_http_info(order=ParameterTemplatesList.MINUS_ID, limit=1)
    )
    assert [each.name for each in back.data] == ["c"]
    filters = ParameterFiltersListTemplates.from_dict({"name": {"conditions": {"$in": ["a", "c"]}}})
    some = api.list_campaign_templates(filters=filters)
    assert [each.name for each in some.data or []] == ["a", "c"]


def test_a_campaign_is_set_up(shop: Shop, api: TemplatesApi) -> None:
    of = coupons(shop, validation_rules=[rule(shop)], metadata={"a": 1})
    made = api.create_campaign_template(named("October", of["id"]))
    body = TemplatesCampaignsCampaignSetupCreateRequestBody.from_dict(
        {
            "name": "Out of it",
            "description": "Created out of a template",
            "auto_join": True,
            "join_once": True,
            "voucher": {"code_config": {"length": 4}, "redemption": {"quantity": 3}},
        }
    )
    setup = whole(api.create_campaign_from_template_with_http_info(made.id, body))
    assert setup.object == "campaign_setup"
    assert [each.object for each in setup.created_resources] == ["validation_rules"]
    new = setup.campaign
    assert (new.name, new.description) == ("Out of it", "Created out of a template")
    assert (new.join_once, new.metadata) == (True, {"a": 1})
    assert (new.voucher.redemption.quantity, new.voucher.code_config.length) == (3, 4)
    assert new.voucher.discount.amount_off == TEN_OFF["amount_off"]
    again = TemplatesCampaignsCampaignSetupCreateRequestBody(name="Out of it")
    with pytest.raises(ApiException) as taken:
        api.create_campaign_from_template(made.id, again)
    assert taken.value.status == 409


def test_a_tier_is_set_up(shop: Shop, api: TemplatesApi) -> None:
    old = promotion(shop, banner="Ten off", validation_rules=[rule(shop)])
    body = TemplatesCampaignsCreateRequestBody(name="x", promotion_tier_id=old["id"])
    made = api.create_campaign_template(body)
    to = promotions(shop, "Others")
    given = TemplatesCampaignsTierSetupCreateRequestBody.from_dict(
        {"name": "Tier", "campaign_id": to, "metadata": {"b": 2}}
    )
    setup = whole(api.add_tier_from_template_with_http_info(made.id, given))
    assert setup.object == "promotion_tier_setup"
    assert [each.object for each in setup.created_resources] == ["validation_rules"]
    tier = setup.promotion_tier
    assert (tier.name, tier.banner, tier.metadata) == ("Tier", "Ten off", {"b": 2})
    assert (tier.campaign_id, tier.validation_rule_assignments.total) == (to, 1)


def test_what_cannot_be_is_refused(shop: Shop, api: TemplatesApi) -> None:
    to = promotions(shop)
    with pytest.raises(BadRequestException) as unsupported:
        api.create_campaign_template(named("x", to))
    assert "campaign_type_is_not_supported" in (unsupported.value.body or "")
    with pytest.raises(BadRequestException):
        api.create_campaign_template(TemplatesCampaignsCreateRequestBody(name="x"))
    given = TemplatesCampaignsTierSetupCreateRequestBody(name="x", campaign_id=to)
    with pytest.raises(NotFoundException):
        api.add_tier_from_template(UNUSED, given)


def test_templates_of_projects(
    shop: Shop, server: Server, api: TemplatesApi, management: ManagementApi
) -> None:
    other = server.project()
    made = api.create_campaign_template(named("October", coupons(shop)["id"]))
    assert made.id is not None
    body = ManagementProjectsTemplatesCampaignsCopyCreateRequestBody.from_dict(
        {"destination_project_id": other.id}
    )
    copy = whole(
        management.management_copy_campaign_template_with_http_info(shop.id, made.id, body)
    )
    assert (copy.name, copy.id == made.id) == ("October", False)
    listed = whole(
        management.management_list_campaign_templates_with_http_info(other.id, include_total=True)
    )
    assert ([each.id for each in listed.data], listed.total) == ([copy.id], 1)
    with pytest.raises(ApiException) as taken:
        management.management_copy_campaign_template(shop.id, made.id, body)
    assert taken.value.status == 409
    with pytest.raises(NotFoundException):
        management.management_list_campaign_templates("proj_nothing1")
