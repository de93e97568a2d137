"""What is done with a campaign that is there: change, switch, assign, delete."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.test_campaigns import (
    DISCOUNT,
    TIME,
    UNUSED,
    add,
    ask,
    change,
    events,
    kind,
    make,
    problem,
    read,
)
from tests.api.test_customers import sql
from tests.running import Shop

# --- changing -----------------------------------------------------------------------------------


def test_update_changes_what_is_sent_and_nothing_else(shop: Shop) -> None:
    made = make(shop, description="old", metadata={"a": 1, "b": 2, "c": 3}, start_date="2026-01-01")
    nulls: dict[str, Any] = dict.fromkeys(
        ("description", "start_date", "metadata", "category", "discount", "type")
    )
    kept = change(shop, **nulls)
    assert kept == {**made, "updated_at": kept["updated_at"]}
    assert re.fullmatch(TIME, kept["updated_at"])
    changed = change(
        shop,
        name="Other",
        campaign_type="GIFT_VOUCHERS",
        vouchers_count=5,
        id=UNUSED,
        description="new",
        type="STATIC",
        join_once=True,
        metadata={"a": None, "d": {"x": 1}},
        unset_metadata_fields=["b", "none"],
    )
    assert changed == {
        **made,
        "description": "new",
        "type": "STATIC",
        "join_once": True,
        "metadata": {"c": 3, "d": {"x": 1}},
        "updated_at": changed["updated_at"],
    }
    assert read(shop) == changed


def test_the_discount_keeps_its_type_and_a_gift_its_amount(shop: Shop) -> None:
    make(shop)
    answer = shop.api.put(
        "/v1/campaigns/C", json={"discount": {"type": "PERCENT", "percent_off": 5}}
    )
    assert problem(answer)[:2] == (400, "invalid_campaign")
    more = change(shop, discount={"type": "AMOUNT", "amount_off": 5})["voucher"]["discount"]
    assert (more["type"], more["amount_off"]) == ("AMOUNT", 5)
    kind(shop, "GIFT_VOUCHERS", "G")
    gift = change(shop, "G", gift={"amount": 1, "effect": "APPLY_TO_ITEMS"})["voucher"]["gift"]
    assert gift == {"amount": 5000, "effect": "APPLY_TO_ITEMS"}
    for body in (
        {"start_date": "2026-01-02", "expiration_date": "2026-01-01"},
        {"type": "STANDALONE"},
        {"activity_duration_after_publishing": "x"},
        {"unset_metadata_fields": ["\x00"]},
        {"unset_metadata_fields": "a"},
    ):
        before = read(shop)
        answer = shop.api.put("/v1/campaigns/C", json=body)
        assert problem(answer)[:2] == (400, "invalid_payload"), body
        assert read(shop) == before


def test_a_loyalty_campaign_is_joined_once_whatever_is_sent(shop: Shop) -> None:
    made = kind(shop, "LOYALTY_PROGRAM", join_once=False, auto_join=True)
    assert (made["join_once"], made["auto_join"]) == (True, True)
    assert change(shop, join_once=False, auto_join=False)["join_once"] is True
    assert read(shop)["auto_join"] is False


def test_a_description_can_be_emptied(shop: Shop) -> None:
    make(shop, description="long")
    assert change(shop, description="")["description"] == ""


def test_enable_and_disable(shop: Shop) -> None:
    make(shop)
    for word, active in (("disable", False), ("disable", False), ("enable", True)):
        answer = shop.api.post(f"/v1/campaigns/C/{word}")
        assert (answer.status_code, answer.json()) == (200, {})
        assert read(shop)["active"] is active
    assert events(shop) == [
        ("campaign.created", 1),
        ("campaign.disabled", 2),
        ("campaign.enabled", 1),
    ]


def test_areas_and_stores_are_assigned_and_unassigned(shop: Shop) -> None:
    def places(**query: str) -> list[tuple[str, str | None, bool]]:
        listed = shop.api.get(
            "/v1/campaigns", params={"expand": "access_settings_assignments", **query}
        ).json()["campaigns"]
        return [
            (one["area_id"], one.get("area_store_id"), one["all_stores"])
            for campaign in listed
            for one in campaign["access_settings_assignments"]["data"]
        ]

    assign = {"areas_ids": ["ar_1", "ar_1"], "area_stores_ids": ["st_1"]}
    made = make(shop, access_settings={"assign": assign})
    assert "access_settings_assignments" not in made
    assert places() == [("ar_1", None, False), ("", "st_1", False)]
    change(
        shop,
        access_settings={
            "assign": {"area_all_stores_ids": ["ar_1"]},
            "unassign": {"area_stores_ids": ["st_1", "none"]},
        },
    )
    assert places() == [("ar_1", None, False), ("ar_1", None, True)]
    change(shop, description="x")
    assert len(places()) == 2
    for name, value, found in (
        ("areas_ids", "ar_1", 2),
        ("area_all_stores_ids", "ar_1", 2),
        ("areas_ids", "ar_2", 0),
    ):
        assert len(places(**{f"access_settings[filter][{name}][0]": value})) == found


# --- deleting -----------------------------------------------------------------------------------


@pytest.mark.parametrize("force", [False, True])
def test_delete_takes_the_vouchers_along(shop: Shop, force: bool) -> None:
    make(shop, vouchers_count=1)
    add(shop, "LIVING")
    add(shop, "BINNED")
    assert shop.api.delete("/v1/vouchers/BINNED").status_code == 204
    keep = make(shop, "Keep", vouchers_count=1)
    path = f"/v1/campaigns/C?force={str(force).lower()}"
    action = shop.finished(shop.api.delete(path))
    assert (action["status"], action["operation_status"]) == ("DONE", "SUCCESS")
    assert shop.api.get("/v1/campaigns/C").status_code == 404
    assert shop.api.get("/v1/vouchers/LIVING").status_code == 404
    listed = shop.api.get("/v1/vouchers").json()
    assert (listed["total"], listed["vouchers"][0]["campaign_id"]) == (1, keep["id"])
    assert [one["id"] for one in shop.api.get("/v1/campaigns").json()["campaigns"]] == [keep["id"]]
    body = {"code": "LIVING", **DISCOUNT}
    assert shop.api.post("/v1/vouchers", json=body).status_code == (200 if force else 409)
    assert ask(shop).status_code == (200 if force else 409)
    assert shop.api.delete("/v1/campaigns/C").status_code == (202 if force else 404)


def test_nothing_of_a_campaign_stays_in_the_bin_that_is_deleted_for_good(shop: Shop) -> None:
    make(shop)
    add(shop, "BINNED")
    assert shop.api.delete("/v1/vouchers/BINNED").status_code == 204
    shop.finished(shop.api.delete("/v1/campaigns/C?force=true"))
    assert shop.api.get("/v1/trash-bin").json()["data"] == []


def test_deletion_tells_what_was_deleted(shop: Shop) -> None:
    made = make(shop)
    shop.finished(shop.api.delete("/v1/campaigns/C"))
    (row,) = sql(
        shop,
        "SELECT data #>> '{campaign,name}' AS name, campaign_id FROM events "
        "WHERE project_id = $1 AND type = 'campaign.deleted'",
    )
    assert (row["name"], row["campaign_id"]) == ("C", made["id"])
