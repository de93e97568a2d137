"""What is done with vouchers that exist: updated, switched, deleted, taken out of the bin."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.test_customers import sql
from tests.api.test_vouchers import GIFT, TEN_OFF, UNUSED, create, happened, made, put, read
from tests.running import Shop

NULLS = dict.fromkeys(
    (
        *("category", "category_id", "active", "additional_info", "metadata", "discount", "gift"),
        *("loyalty_card", "redemption", "start_date", "expiration_date", "validity_timeframe"),
        *("validity_day_of_week", "validity_hours"),
    )
)


def test_an_update_changes_what_it_names_alone(shop: Shop) -> None:
    made(shop, "/v1/categories", name="Old", hierarchy=1)
    made(shop, "/v1/categories", name="New", hierarchy=2)
    before = create(
        shop,
        "a",
        category="Old",
        start_date="2022-01-01",
        metadata={"a": 1, "b": {"x": 1}},
        redemption={"quantity": 5},
        additional_info="note",
    )
    after = put(shop, "a", category="New", metadata={"a": None, "b": {"y": 2}, "c": True})
    assert after["category"] == "New"
    assert after["metadata"] == {"b": {"y": 2}, "c": True}
    assert after["updated_at"] >= before["created_at"]
    same = ("code", "id", "discount", "start_date", "additional_info", "redemption", "created_at")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    for nothing in ({}, NULLS, {"code": "b", "type": "GIFT_VOUCHER", "id": UNUSED}):
        again = put(shop, before["id"], **nothing)
        assert again == {**after, "updated_at": again["updated_at"]}
    assert happened(shop) == ["voucher.created"] + ["voucher.updated"] * 4


def test_a_note_can_be_emptied(shop: Shop) -> None:
    create(shop, "a", additional_info="note")
    assert put(shop, "a", additional_info="")["additional_info"] == ""


def test_a_quantity_of_null_is_without_end(shop: Shop) -> None:
    create(shop, "a", redemption={"quantity": 5})
    for sent, kept in ((7, 7), ("8", 8), (None, None), (9, 9)):
        assert put(shop, "a", redemption={"quantity": sent})["redemption"]["quantity"] == kept
        assert put(shop, "a", redemption={})["redemption"]["quantity"] == kept


def test_a_discount_keeps_its_type(shop: Shop) -> None:
    create(shop, "a")
    changed = put(
        shop, "a", discount={"type": "AMOUNT", "amount_off": 5, "effect": "APPLY_TO_ITEMS"}
    )
    assert changed["discount"] == {"type": "AMOUNT", "amount_off": 5, "effect": "APPLY_TO_ITEMS"}
    body = {"discount": {"type": "PERCENT", "percent_off": 5}, "metadata": {"a": 1}}
    answer = shop.api.put("/v1/vouchers/a", json=body)
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_voucher")
    assert answer.json()["details"] == "It is not possible to change Voucher discount type"
    assert read(shop, "a") == changed
    # What a voucher of this type does not have is ignored.
    assert put(shop, "a", gift={"amount": 5})["gift"] is None


def test_times_are_checked_as_they_will_be(shop: Shop) -> None:
    before = create(shop, "a", start_date="2022-02-01", expiration_date="2022-03-01")
    for body in ({"expiration_date": "2022-01-31"}, {"start_date": "2022-03-02"}):
        answer = shop.api.put("/v1/vouchers/a", json=body)
        assert (answer.status_code, answer.json()["key"]) == (400, "invalid_payload")
    assert read(shop, "a") == before
    moved = put(shop, "a", start_date="2022-04-01", expiration_date="2022-05-01")
    assert (moved["start_date"], moved["expiration_date"]) == (
        "2022-04-01T00:00:00.000Z",
        "2022-05-01T00:00:00.000Z",
    )


def test_switching(shop: Shop) -> None:
    before = create(shop, "a")
    for way, active in (("disable", False), ("disable", False), ("enable", True)):
        answer = shop.api.post(f"/v1/vouchers/a/{way}")
        assert answer.status_code == 200
        after = answer.json()
        assert after == {**before, "active": active, "updated_at": after["updated_at"]}
    assert happened(shop) == ["voucher.created"] + ["voucher.disabled"] * 2 + ["voucher.enabled"]


@pytest.mark.parametrize("unknown", [UNUSED, "nobody", "x" * 300])
def test_an_unknown_voucher_is_not_found(shop: Shop, unknown: str) -> None:
    path = f"/v1/vouchers/{unknown}"
    for method, tail, body in (
        ("GET", "", None),
        ("PUT", "", {}),
        ("DELETE", "", None),
        ("POST", "/enable", None),
        ("POST", "/disable", None),
        ("POST", "/balance", {"amount": 1}),
        ("GET", "/transactions", None),
        ("POST", "/transactions/export", {}),
    ):
        answer = shop.api.request(method, path + tail, json=body)
        assert answer.status_code == 404
        problem = answer.json()
        assert (problem["resource_id"], problem["resource_type"]) == (unknown, "voucher")
        assert problem["details"] == f"Cannot find voucher with id {unknown}"


# --- deleting -----------------------------------------------------------------------------------


def rows_of(shop: Shop) -> dict[str, int]:
    """What is stored of vouchers."""
    tables = ("vouchers", "voucher_transactions", "validation_rule_assignments", "bin")
    counts = [f"(SELECT count(*) FROM {name} WHERE project_id = $1) AS {name}" for name in tables]
    return dict(sql(shop, f"SELECT {', '.join(counts)}")[0])


def test_the_bin_keeps_the_code_until_its_entry_goes(shop: Shop) -> None:
    rule = made(shop, "/v1/validation-rules", name="rule")
    voucher = create(shop, "card", **GIFT, validation_rules=[rule])
    assert shop.api.post("/v1/vouchers/card/balance", json={"amount": 5}).status_code == 200
    answer = shop.api.delete("/v1/vouchers/card")
    assert (answer.status_code, answer.content) == (204, b"")
    for name in ("card", voucher["id"]):
        assert shop.api.get(f"/v1/vouchers/{name}").status_code == 404
        assert shop.api.delete(f"/v1/vouchers/{name}?force=true").status_code == 404
    assert shop.api.get("/v1/vouchers").json()["total"] == 0
    assert shop.api.post("/v1/vouchers/card", json=TEN_OFF).status_code == 409
    [entry] = shop.api.get("/v1/trash-bin").json()["data"]
    assert (entry["resource_id"], entry["resource_name"]) == (voucher["id"], "card")
    assert entry["resource_type"] == "voucher"
    assert rows_of(shop)["validation_rule_assignments"] == 0
    assert shop.api.delete(f"/v1/trash-bin/{entry['id']}").status_code == 204
    assert set(rows_of(shop).values()) == {0}
    again = create(shop, "card")
    assert again["id"] != voucher["id"]
    assert shop.api.get("/v1/vouchers/card/transactions").json()["data"] == []
    assert happened(shop)[-2:] == ["voucher.deleted", "voucher.created"]


def test_force_leaves_nothing(shop: Shop) -> None:
    create(shop, "card", **GIFT)
    assert shop.api.post("/v1/vouchers/card/balance", json={"amount": 5}).status_code == 200
    assert shop.api.delete("/v1/vouchers/card?force=true").status_code == 204
    assert set(rows_of(shop).values()) == {0}
    assert create(shop, "card")["code"] == "card"
    assert shop.api.delete("/v1/vouchers/card?force=yes").status_code == 400


def test_a_campaign_counts_what_it_has(shop: Shop) -> None:
    of = made(shop, "/v1/campaigns", name="G", campaign_type="GIFT_VOUCHERS", voucher=GIFT)

    def count() -> int:
        found: int = shop.api.get(f"/v1/campaigns/{of}").json()["vouchers_count"]
        return found

    for code in ("a", "b", "c"):
        create(shop, code, **GIFT, campaign="G")
    assert count() == 3
    assert shop.api.delete("/v1/vouchers/a").status_code == 204
    assert shop.api.delete("/v1/vouchers/b?force=true").status_code == 204
    assert count() == 1
    days = {
        row["measure"]: int(row["n"])
        for row in sql(
            shop,
            "SELECT measure, sum(n) AS n FROM campaign_days WHERE project_id = $1 GROUP BY measure",
        )
    }
    assert days == {
        "vouchers_created": 3,
        "created_vouchers_amount": 30000,
        "vouchers_deleted": 2,
        "amount_deleted": 20000,
    }


def test_a_binned_campaigns_voucher_is_in_the_bin_with_its_parent(shop: Shop) -> None:
    of = made(shop, "/v1/campaigns", name="G", campaign_type="GIFT_VOUCHERS", voucher=GIFT)
    create(shop, "a", **GIFT, campaign="G")
    assert shop.api.delete("/v1/vouchers/a").status_code == 204
    entries: list[dict[str, Any]] = shop.api.get("/v1/trash-bin").json()["data"]
    assert [(entry["resource_name"], entry["resource_parent_id"]) for entry in entries] == [
        ("a", of)
    ]
