"""The official Python SDK's stacking rules: models built as its users build them; every answer
parsed, and nothing of it lost but the one member that the SDK does not know.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from voucherify import (
    ApiClient,
    CategoriesApi,
    CategoriesCreateRequestBody,
    Configuration,
    ManagementApi,
    ManagementProjectsStackingRulesCreateRequestBody,
    ManagementProjectsStackingRulesUpdateRequestBody,
)
from voucherify.exceptions import (
    ApiException,
    BadRequestException,
    NotFoundException,
    UnauthorizedException,
)

from tests.running import FIRST, Server, Shop
from tests.sdk.test_python_sdk import common, keys_of, plain

UNKNOWN = "grouped_redeemables_sorting_rule"


@pytest.fixture
def management(server: Server) -> Iterator[ManagementApi]:
    keys = {
        "X-Management-Id": FIRST["management_id"],
        "X-Management-Token": FIRST["management_token"],
    }
    client = ApiClient(Configuration(host=server.url, api_key=keys))
    yield ManagementApi(client)
    client.rest_client.pool_manager.clear()


@pytest.fixture
def categories(shop: Shop) -> Iterator[CategoriesApi]:
    key = shop.project["server_side_key"]
    client = keys_of(shop.server.url, key["app_id"], key["app_token"])
    yield CategoriesApi(client)
    client.rest_client.pool_manager.clear()


def known(answer: Any) -> Any:
    """The model of an answer, which must hold all that was sent and the SDK knows, unchanged."""
    assert answer.status_code == 200
    sent = plain(json.loads(answer.raw_data))
    for rules in sent.get("data", [sent]):
        assert rules.pop(UNKNOWN) == "JOINT_ALWAYS_LAST"
    assert common(plain(answer.data.to_dict()), sent) == sent
    return answer.data


def test_rules_from_the_defaults_and_back(
    shop: Shop, management: ManagementApi, categories: CategoriesApi
) -> None:
    first, second = (
        categories.create_category(CategoriesCreateRequestBody(name=name, hierarchy=1)).id
        for name in ("First", "Second")
    )
    default = known(management.list_stacking_rules_with_http_info(shop.id))
    assert (default.object, default.data_ref, default.total) == ("list", "data", 1)
    assert (default.data[0].id, default.data[0].created_at) == (None, None)
    assert default.data[0].applicable_redeemables_limit == 5
    body = ManagementProjectsStackingRulesCreateRequestBody(
        exclusive_categories=[first],
        joint_categories=[second],
        redeemables_limit=25,
        applicable_redeemables_limit=10,
        applicable_redeemables_category_limits={first: 2},
        redeemables_application_mode="PARTIAL",
        redeemables_sorting_rule="CATEGORY_HIERARCHY",
    )
    made = known(management.create_stacking_rules_with_http_info(shop.id, body))
    assert body.to_dict().items() <= made.to_dict().items()
    assert made.applicable_redeemables_per_category_limit == 1
    found = known(management.get_stacking_rules_with_http_info(shop.id, made.id))
    assert found.to_dict() == made.to_dict()
    change = ManagementProjectsStackingRulesUpdateRequestBody(
        joint_categories=[], discount_calculation_mode="INITIAL_AMOUNT"
    )
    changed = known(management.update_stacking_rules_with_http_info(shop.id, made.id, change))
    assert (changed.joint_categories, changed.exclusive_categories) == ([], [first])
    assert changed.discount_calculation_mode == "INITIAL_AMOUNT"
    assert changed.updated_at >= changed.created_at
    [listed] = known(management.list_stacking_rules_with_http_info(shop.id)).data
    assert listed.to_dict() == changed.to_dict()
    assert management.delete_stacking_rules(shop.id, made.id) is None
    [again] = management.list_stacking_rules(shop.id).data or []
    assert again.to_dict() == default.data[0].to_dict()
    with pytest.raises(NotFoundException):
        management.get_stacking_rules(shop.id, made.id)


def test_bodies_made_of_dictionaries(shop: Shop, management: ManagementApi) -> None:
    """Such a body has a null for every member that was not given."""
    body = ManagementProjectsStackingRulesCreateRequestBody.from_dict({"redeemables_limit": 20})
    made = known(management.create_stacking_rules_with_http_info(shop.id, body))
    assert (made.redeemables_limit, made.applicable_redeemables_limit) == (20, 5)
    assert made.applicable_redeemables_per_category_limit is None
    change = ManagementProjectsStackingRulesUpdateRequestBody.from_dict(
        {"applicable_redeemables_per_category_limit": 3, "redeemables_no_effect_rule": "SKIP"}
    )
    changed = known(management.update_stacking_rules_with_http_info(shop.id, made.id, change))
    assert (changed.redeemables_limit, changed.redeemables_no_effect_rule) == (20, "SKIP")
    assert changed.applicable_redeemables_per_category_limit == 3
    assert changed.applicable_exclusive_redeemables_per_category_limit is None


def test_what_cannot_be_is_refused(shop: Shop, management: ManagementApi) -> None:
    few = ManagementProjectsStackingRulesCreateRequestBody(redeemables_limit=4)
    with pytest.raises(BadRequestException) as refused:
        management.create_stacking_rules(shop.id, few)
    assert "Property .applicable_redeemables_limit must be <= 4" in (refused.value.body or "")
    nothing = ManagementProjectsStackingRulesCreateRequestBody()
    management.create_stacking_rules(shop.id, nothing)
    with pytest.raises(ApiException) as taken:
        management.create_stacking_rules(shop.id, nothing)
    assert taken.value.status == 409
    assert '"stacking_rules_exist"' in (taken.value.body or "")
    with pytest.raises(NotFoundException):
        management.list_stacking_rules("proj_nothing1")


def test_a_projects_own_keys_are_refused(shop: Shop) -> None:
    key = shop.project["server_side_key"]
    client = keys_of(shop.server.url, key["app_id"], key["app_token"])
    with pytest.raises(UnauthorizedException):
        ManagementApi(client).list_stacking_rules(shop.id)
    client.rest_client.pool_manager.clear()
