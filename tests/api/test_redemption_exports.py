"""Exports of redemptions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.test_campaigns import add, make
from tests.api.test_customers import save as save_customer
from tests.api.test_customers import sql
from tests.api.test_exports import file, refused
from tests.api.test_promotions import add as add_tier
from tests.api.test_promotions import campaign as promotion
from tests.api.test_redemptions import get, post, redeem, tier, voucher
from tests.api.test_rollbacks import one, undo
from tests.api.test_vouchers import GIFT, create
from tests.api.test_vouchers import read as read_voucher
from tests.running import Shop

FIELDS = [
    *("id", "object", "date", "voucher_code", "campaign", "promotion_tier_id", "customer_id"),
    *("customer_source_id", "customer_name", "tracking_id", "order_amount", "gift_amount"),
    *("loyalty_points", "result", "failure_code", "failure_message"),
]


def column(shop: Shop, field: str = "id", **parameters: Any) -> list[str]:
    return [row[0] for row in file(shop, "redemption", fields=[field], **parameters)[1:]]


def test_all_fields(shop: Shop) -> None:
    make(shop)
    add(shop, "TEN")
    create(shop, "card", **GIFT)
    create(shop, "off", active=False)
    bob = save_customer(shop, source_id="bob", name="Bob")
    of = add_tier(shop, promotion(shop)["id"])["id"]
    done = redeem(shop, "TEN", voucher("card", 300), tier(of), order=9000, customer="bob")
    ten, card, of_tier = (each["id"] for each in done["redemptions"])
    failed = post(shop, "off", metadata={"a": 1}).json()["resource_id"]
    header, *rows = file(shop, "redemption", fields=[*FIELDS, "order_id", "metadata.a"])
    assert header[:6] == [
        *("ID", "Object", "Date", "Voucher Code", "Campaign", "Promotion Tier ID"),
    ]
    found = {row[0]: dict(zip([*FIELDS, "order_id", "a"], row, strict=True)) for row in rows}
    assert len(found) == 5
    whole = get(shop, ten)
    common = {
        "object": "redemption",
        "date": whole["date"],
        "customer_id": bob["id"],
        "customer_source_id": "bob",
        "customer_name": "Bob",
        "tracking_id": whole["tracking_id"],
        "order_amount": "9000",
        "order_id": done["order"]["id"],
        "result": "SUCCESS",
    }
    empty = dict.fromkeys([*FIELDS, "order_id", "a"], "")
    assert found[ten] == empty | common | {"id": ten, "voucher_code": "TEN", "campaign": "C"}
    assert found[card] == empty | common | {
        "id": card,
        "voucher_code": "card",
        "gift_amount": "300",
    }
    assert found[of_tier] == empty | common | {
        "id": of_tier,
        "campaign": "Promotion",
        "promotion_tier_id": of,
    }
    assert found[failed] == empty | {
        "id": failed,
        "object": "redemption",
        "date": get(shop, failed)["date"],
        "voucher_code": "off",
        "result": "FAILURE",
        "failure_code": "voucher_disabled",
        "failure_message": "voucher is disabled",
        "a": "1",
    }
    undone = undo(shop, one(redeem(shop, voucher("card", 300), order=50)))
    rows = file(shop, "redemption", fields=["object", "gift_amount"])
    assert undone["amount"] == -50
    assert ["redemption_rollback", "-50"] in rows


def test_the_default_and_the_order(shop: Shop) -> None:
    create(shop, "b")
    create(shop, "a")
    ids = [one(redeem(shop, code)) for code in ("b", "a")]
    date = [get(shop, id_)["date"] for id_ in ids]
    assert file(shop, "redemption") == [
        ["ID", "Object", "Voucher Code", "Customer ID", "Date", "Result"],
        [ids[1], "redemption", "a", "", date[1], "SUCCESS"],
        [ids[0], "redemption", "b", "", date[0], "SUCCESS"],
    ]
    for order in ("id", "created_at", "-voucher_code"):
        assert column(shop, order=order) == ids
    for order in ("-id", "-created_at", "voucher_code"):
        assert column(shop, order=order) == ids[::-1]
    for order in ("tracking_id", "-customer_id"):
        assert sorted(column(shop, order=order)) == ids


def test_what_filters_leave(shop: Shop) -> None:
    campaign_id = make(shop)["id"]
    id_ = add(shop, "TEN")["id"]
    create(shop, "other")
    create(shop, "off", active=False)
    ann = save_customer(shop, source_id="ann")["id"]
    mine = one(redeem(shop, "TEN", customer="ann", metadata={"a": 5}))
    pair = redeem(shop, "TEN", "other", order=9000)
    children, parent = [each["id"] for each in pair["redemptions"]], pair["parent_redemption"]["id"]
    failed = post(shop, "off").json()["resource_id"]
    undone = undo(shop, mine)["id"]
    for field, operator, value, expected in (
        ("campaign", "$is", "C", [mine, children[0], undone]),
        ("campaign_name", "$in", ["C"], [mine, children[0], undone]),
        ("customer", "$is", ann, [mine, undone]),
        ("customer_id", "$is", ann, [mine, undone]),
        ("voucher", "$is", id_, [mine, children[0], undone]),
        ("voucher_code", "$is", "other", [children[1]]),
        ("related_object", "$in", [id_], [mine, children[0], undone]),
        ("related_object_id", "$is", parent, [parent]),
        ("related_object_parent_id", "$is", campaign_id, [mine, children[0], undone]),
        ("parent_redemption_id", "$is", parent, children),
        ("failure_code", "$is", "voucher_disabled", [failed]),
        ("result", "$is", "FAILURE", [failed]),
        ("object", "$is", "redemption_rollback", [undone]),
        ("status", "$is", "ROLLED_BACK", [mine]),
        ("status", "$is", "FAILED", [failed]),
        ("user_login", "$is", "x", []),
        ("metadata.a", "$is", 5, [mine]),
        ("created_at", "$before", "2020-01-01", []),
    ):
        filters = {"junction": "and", field: {"conditions": {operator: value}}}
        assert sorted(column(shop, filters=filters)) == sorted(expected), field


def test_those_of_a_deleted_voucher_are_left_out(shop: Shop) -> None:
    create(shop, "TEN")
    redeem(shop, "TEN")
    assert len(column(shop)) == 1
    shop.api.delete("/v1/vouchers/TEN")
    assert column(shop) == []


@pytest.mark.parametrize("field", ["nothing", "order", "created_at", "metadata."])
def test_an_unknown_field(shop: Shop, field: str) -> None:
    body = {"exported_object": "redemption", "parameters": {"fields": ["id", field]}}
    details = refused(shop.api.post("/v1/exports", json=body), 400, "invalid_export_fields")
    allowed = details.partition(": ")[2].split(", ")
    assert sorted(allowed) == sorted([*FIELDS, "order_id", "metadata"])


def test_they_go_with_whoever_is_forgotten(shop: Shop) -> None:
    create(shop, "TEN")
    bob = save_customer(shop, source_id="bob")["id"]
    redeem(shop, "TEN", customer="bob")
    assert column(shop, "customer_source_id") == ["bob"]
    shop.api.post(f"/v1/customers/{bob}/permanent-deletion")
    assert sql(shop, "SELECT 1 FROM exports WHERE project_id = $1") == []
    assert column(shop, "customer_source_id") == [""]
    assert read_voucher(shop, "TEN")["redemption"]["redeemed_quantity"] == 1
