"""The official Python SDK's validation rules: models built as its users build them; every answer
parsed, and nothing of it lost.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from voucherify import (
    ApiClient,
    ApplicableTo,
    ApplicableToEffect,
    ValidationRulesApi,
    ValidationRulesAssignmentsCreateRequestBody,
    ValidationRulesCreateRequestBody,
    ValidationRulesCreateRequestBodyApplicableTo,
    ValidationRulesCreateRequestBodyError,
    ValidationRulesUpdateRequestBody,
)
from voucherify.exceptions import ApiException, BadRequestException, NotFoundException

from tests.api.test_products import save as save_product
from tests.api.test_validation_rules import SANTORINI
from tests.api.test_validation_rules_assignments import VOUCHER, voucher
from tests.running import Shop
from tests.sdk.test_python_sdk import keys_of, whole


class Sdk:
    """The SDK's client of validation rules for one project."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client
        self.rules = ValidationRulesApi(client)


@pytest.fixture
def sdk(shop: Shop) -> Iterator[Sdk]:
    key = shop.project["server_side_key"]
    sdk = Sdk(keys_of(shop.server.url, key["app_id"], key["app_token"]))
    yield sdk
    sdk.client.rest_client.pool_manager.clear()


def test_a_rule_from_its_creation_to_its_end(shop: Shop, sdk: Sdk) -> None:
    save_product(shop, source_id="phone", name="Phone")
    entry = ApplicableTo(
        object="product", source_id="phone", effect=ApplicableToEffect.APPLY_TO_CHEAPEST
    )
    body = ValidationRulesCreateRequestBody(
        name="Volume",
        rules={
            "1": {"name": "order.amount", "conditions": {"$more_than": [10000]}},
            "logic": "1",
        },
        error=ValidationRulesCreateRequestBodyError(message="Too little"),
        applicable_to=ValidationRulesCreateRequestBodyApplicableTo(
            included=[entry], excluded=[], included_all=False
        ),
        context_type="campaign.discount_coupons",
    )
    made = whole(sdk.rules.create_validation_rules_with_http_info(body))
    assert (made.name, made.type, made.context_type) == (
        "Volume",
        "expression",
        "campaign.discount_coupons",
    )
    assert made.applicable_to.included[0].id.startswith("prod_")
    got = whole(sdk.rules.get_validation_rule_with_http_info(made.id))
    assert got.to_dict() == made.to_dict()
    changes = ValidationRulesUpdateRequestBody(name="Large volume")
    changed = whole(sdk.rules.update_validation_rule_with_http_info(made.id, changes))
    assert (changed.name, changed.error.message) == ("Large volume", "Too little")
    listed = whole(sdk.rules.list_validation_rules_with_http_info(limit=10))
    assert [rule.id for rule in listed.data] == [made.id]
    sdk.rules.delete_validation_rules(made.id)
    with pytest.raises(NotFoundException):
        sdk.rules.get_validation_rule(made.id)


def test_the_example_of_the_reference(sdk: Sdk) -> None:
    body = ValidationRulesCreateRequestBody.from_dict(SANTORINI)
    made = whole(sdk.rules.create_validation_rules_with_http_info(body))
    assert made.rules["logic"] == "1 or 2"
    changes = ValidationRulesUpdateRequestBody.from_dict({"name": "Renamed"})
    changed = whole(sdk.rules.update_validation_rule_with_http_info(made.id, changes))
    assert (changed.name, changed.rules) == ("Renamed", made.rules)


def test_assignments(shop: Shop, sdk: Sdk) -> None:
    voucher(shop)
    rule = sdk.rules.create_validation_rules(ValidationRulesCreateRequestBody(name="Rule"))
    body = ValidationRulesAssignmentsCreateRequestBody(
        related_object_type="voucher", related_object_id=VOUCHER
    )
    create = sdk.rules.create_validation_rule_assignment_with_http_info
    made = whole(create(rule.id, validation_rules_assignments_create_request_body=body))
    assert (made.rule_id, made.related_object_id) == (rule.id, VOUCHER)
    with pytest.raises(ApiException) as duplicate:
        create(rule.id, validation_rules_assignments_create_request_body=body)
    assert duplicate.value.status == 409
    again = whole(create(rule.id, True, validation_rules_assignments_create_request_body=body))
    listed = whole(sdk.rules.list_validation_rule_assignments_with_http_info(rule.id))
    assert [each.id for each in listed.data] == [again.id]
    listed = whole(
        sdk.rules.list_validation_rules_assignments_with_http_info(related_object_id=VOUCHER)
    )
    assert [each.id for each in listed.data] == [again.id]
    with pytest.raises(BadRequestException) as in_use:
        sdk.rules.delete_validation_rules(rule.id)
    assert "resource_in_use" in (in_use.value.body or "")
    sdk.rules.delete_validation_rule_assignment(rule.id, again.id)
    sdk.rules.delete_validation_rules(rule.id)


def test_a_refused_rule(sdk: Sdk) -> None:
    rules = {"1": {"name": "custom_event.metadata", "conditions": {"$is": [1]}}}
    with pytest.raises(BadRequestException) as refused:
        sdk.rules.create_validation_rules(ValidationRulesCreateRequestBody(name="x", rules=rules))
    assert "must have a 'property'" in (refused.value.body or "")
