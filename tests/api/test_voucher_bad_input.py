"""Vouchers that cannot be: refused in the reference's words, and nothing left behind."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.test_vouchers import TEN_OFF, WHEN, create, happened, read
from tests.running import Shop

ZERO = {"type": "DISCOUNT_VOUCHER"}
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({}, "invalid_payload", "Payload should have required property 'type'"),
    (
        {"type": "COUPON"},
        "invalid_payload",
        "Property .type should be equal to one of the allowed values",
    ),
    (ZERO, "invalid_voucher", "Property 'discount' is required for DISCOUNT_VOUCHER"),
    (
        {"type": "GIFT_VOUCHER"},
        "invalid_gift",
        "Property 'gift.amount' is required for GIFT_VOUCHER",
    ),
    (
        {"type": "GIFT_VOUCHER", "gift": {"amount": -1}},
        "invalid_gift",
        "Property .gift.amount cannot be lower than 0",
    ),
    (
        {"type": "GIFT_VOUCHER", "gift": {"amount": 10**30}},
        "invalid_gift",
        "Property .gift.amount cannot be higher than 1000000000000000",
    ),
    (
        {"type": "GIFT_VOUCHER", "gift": {"amount": 1.5}},
        "invalid_payload",
        "Property .gift.amount should be integer",
    ),
    (
        {"type": "DISCOUNT_VOUCHER", "discount": {"type": "PERCENT", "percent_off": 101}},
        "invalid_voucher",
        "Property .discount.percent_off cannot be higher than 100",
    ),
    (
        {"type": "DISCOUNT_VOUCHER", "discount": {"type": "AMOUNT", "amount_off": -1}},
        "invalid_voucher",
        "Property .discount.amount_off cannot be lower than 0",
    ),
    (
        {**TEN_OFF, "discount": "10"},
        "invalid_payload",
        "Property .discount should be object",
    ),
    (
        {**TEN_OFF, "redemption": {"quantity": 0}},
        "invalid_voucher",
        "Property .redemption.quantity should be >= 1",
    ),
    (
        {**TEN_OFF, "code": ""},
        "invalid_payload",
        "Property .code should have 1 to 255 characters that can be printed",
    ),
    (
        {**TEN_OFF, "code": "a\u202eb"},
        "invalid_payload",
        "Property .code should have 1 to 255 characters that can be printed",
    ),
    (
        {**TEN_OFF, "code": "a\x00"},
        "invalid_payload",
        "Strings cannot contain the null character",
    ),
    (
        {**TEN_OFF, "code": "a" * 256},
        "invalid_payload",
        "Property .code should NOT be longer than 255 characters",
    ),
    (
        {**TEN_OFF, "code_config": {"length": -5}},
        "invalid_code_config",
        "Property .code_config.length should be from 1 to 255",
    ),
    (
        {**TEN_OFF, "code_config": {"charset": ""}},
        "invalid_code_config",
        "Property .code_config.charset should have 1 to 256 characters",
    ),
    (
        {**TEN_OFF, "start_date": "2022-02-01", "expiration_date": "2022-01-01"},
        "invalid_payload",
        "Property .expiration_date should not be before start_date",
    ),
    (
        {**TEN_OFF, "start_date": "9999-12-31T23:59:59-12:00"},
        "invalid_payload",
        "Property .start_date cannot be recognized as a ISO-8601 compliant date",
    ),
    (
        {**TEN_OFF, "validity_timeframe": WHEN["validity_timeframe"]},
        "invalid_payload",
        "Property .validity_timeframe requires start_date",
    ),
    (
        {**TEN_OFF, "validity_day_of_week": [7]},
        "invalid_payload",
        "Property .validity_day_of_week[0] should be a day from 0 to 6",
    ),
    (
        {**TEN_OFF, "metadata": {"a": 2**70}},
        "invalid_payload",
        "Property .metadata.a should be a 64-bit integer",
    ),
    ({**TEN_OFF, "category": "nope"}, "not_found", "Cannot find category with id nope"),
    (
        {**TEN_OFF, "validation_rules": ["val_x"]},
        "not_found",
        "Cannot find validation_rules with id val_x",
    ),
    (
        {**TEN_OFF, "additional_info": "x" * 10_001},
        "invalid_payload",
        "Property .additional_info should NOT be longer than 10000 characters",
    ),
]


@pytest.mark.parametrize(("body", "key", "details"), REFUSED)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    shop: Shop, body: dict[str, Any], key: str, details: str
) -> None:
    answer = shop.api.post("/v1/vouchers", json=body)
    problem = answer.json()
    assert (problem["key"], problem["details"]) == (key, details)
    assert answer.status_code == (404 if key == "not_found" else 400)
    assert shop.api.get("/v1/vouchers").json()["total"] == 0
    assert happened(shop) == []
    assert create(shop, "same")["code"] == "same"


def test_a_metadata_schema_is_kept(shop: Shop) -> None:
    with shop.server.management() as management:
        body = {"related_object": "voucher", "properties": {"season": {"type": "string"}}}
        path = f"/management/v1/projects/{shop.id}/metadata-schemas"
        assert management.post(path, json=body).status_code == 200
    for wrong in ({}, {"season": 5}):
        answer = shop.api.post("/v1/vouchers/s", json={**TEN_OFF, "metadata": wrong})
        assert answer.status_code == 400
        assert shop.api.get("/v1/vouchers/s").status_code == 404
    before = create(shop, "s", metadata={"season": "fall"})
    assert shop.api.put("/v1/vouchers/s", json={"metadata": {"season": 5}}).status_code == 400
    assert read(shop, "s") == before
