"""Vouchers made by the thousand, in the background."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest

from tests.api.test_campaigns import (
    DISCOUNT,
    GIFT,
    add,
    ask,
    change,
    events,
    make,
    problem,
    read,
    settled,
)
from tests.api.test_customers import sql
from tests.running import Server, Shop, until

DIGITS = "0123456789"


def digits(pattern: str, charset: str = DIGITS) -> dict[str, Any]:
    """What vouchers are made from, with codes of a small pattern."""
    return {**DISCOUNT, "code_config": {"pattern": pattern, "charset": charset}}


def codes(shop: Shop) -> list[str]:
    """All codes that a project has, in order."""
    rows = sql(shop, "SELECT code FROM vouchers WHERE project_id = $1 ORDER BY code")
    return [row["code"] for row in rows]


def counted(shop: Shop, count: int, name: str = "C") -> None:
    """Every place that tells how many vouchers there are says `count`."""
    campaign = read(shop, name)
    assert campaign["vouchers_count"] == count
    assert shop.api.get("/v1/vouchers").json()["total"] == count
    summary = shop.api.get(f"/v1/campaigns/{name}/summary").json()
    assert summary["vouchers_created"] == count
    assert len(set(codes(shop))) == len(codes(shop)) == count


def more(shop: Shop, count: int, name: str = "C", **body: Any) -> dict[str, Any]:
    """Adds vouchers in the background; the finished action."""
    answer = shop.api.post(f"/v1/campaigns/{name}/vouchers?vouchers_count={count}", json=body)
    return shop.finished(answer)


# --- how many -----------------------------------------------------------------------------------


def test_one_voucher_is_there_at_once(shop: Shop) -> None:
    made = make(shop, vouchers_count=1)
    assert (made["creation_status"], made["vouchers_count"]) == ("DONE", 1)
    counted(shop, 1)
    assert re.fullmatch(r"[0-9A-Za-z]{8}", codes(shop)[0])
    assert events(shop) == [("campaign.created", 1), ("voucher.created", 1)]


def test_none_are_made_where_none_are_asked_for(shop: Shop) -> None:
    assert make(shop, vouchers_count=0)["creation_status"] == "DONE"
    assert make(shop, "D")["vouchers_count"] == 0
    assert codes(shop) == []


def test_many_are_made_in_the_background(shop: Shop) -> None:
    made = make(
        shop,
        vouchers_count=25_000,
        voucher={**GIFT, "code_config": {"prefix": "G-"}},
        campaign_type="GIFT_VOUCHERS",
    )
    assert (made["creation_status"], made["vouchers_generation_status"]) == (
        "IN_PROGRESS",
        "IN_PROGRESS",
    )
    (action,) = shop.api.get("/v1/async-actions").json()["async_actions"]
    path = f"/v1/async-actions/{action['id']}"
    seen = []

    def done() -> bool:
        found = shop.api.get(path).json()
        seen.append((found["progress"], found["status"]))
        return bool(found["status"] == "DONE")

    until(done, 60, 0.02)
    assert settled(shop)["creation_status"] == "DONE"
    counted(shop, 25_000)
    assert seen == sorted(seen, key=lambda one: one[0])
    assert seen[-1] == (100, "DONE")
    assert {progress for progress, _ in seen} <= {0, 40, 80, 100}
    summary = shop.api.get("/v1/campaigns/C/summary").json()
    assert summary["created_vouchers_amount"] == 25_000 * 5000
    assert ("campaign.vouchers.generation.completed", 1) in events(shop)
    assert ("voucher.created", 1) not in events(shop)
    listed = shop.api.get("/v1/vouchers", params={"campaign_id": made["id"], "limit": 100}).json()
    assert len({one["id"] for one in listed["vouchers"]}) == 100
    assert {one["gift"]["balance"] for one in listed["vouchers"]} == {5000}
    assert {one["code"][:2] for one in listed["vouchers"]} == {"G-"}


def test_more_are_added_in_the_background(shop: Shop) -> None:
    make(shop, vouchers_count=2)
    settled(shop)
    action = more(shop, 3)
    assert (action["type"], action["status"]) == ("CAMPAIGN.VOUCHERS_GENERATE", "DONE")
    assert action["result"]["done_count"] == 3
    counted(shop, 5)


def test_all_members_that_may_differ_are_written_in_the_background_too(shop: Shop) -> None:
    category = shop.api.post("/v1/categories", json={"name": "Own", "hierarchy": 1}).json()
    make(shop, start_date="2025-01-01", voucher={**DISCOUNT, "redemption": {"quantity": 2}})
    hours = {"daily": [{"start_time": "08:00", "days_of_week": [1], "expiration_time": "09:00"}]}
    body: dict[str, Any] = {
        "category": "Own",
        "metadata": {"season": "Fall"},
        "redemption": {"quantity": 7},
        "additional_info": "note",
        "start_date": "2026-01-01T00:00:00.000Z",
        "expiration_date": "2027-01-01T00:00:00.000Z",
        "validity_hours": hours,
        "code_config": {"prefix": "OWN-"},
    }
    action = more(shop, 3, **body)
    assert (action["status"], action["result"]["done_count"]) == ("DONE", 3)
    for voucher in shop.api.get("/v1/vouchers").json()["vouchers"]:
        assert voucher["code"].startswith("OWN-")
        assert voucher["category_id"] == category["id"]
        assert voucher["metadata"] == {"season": "Fall"}
        assert voucher["redemption"]["quantity"] == 7
        assert voucher["additional_info"] == "note"
        for name in ("start_date", "expiration_date", "validity_hours"):
            assert voucher[name] == body[name]


def test_dates_may_differ_in_the_background(shop: Shop) -> None:
    make(shop)
    action = more(shop, 2, start_date="2026-01-01T00:00:00.000Z")
    assert (action["status"], action["result"]["done_count"]) == ("DONE", 2)
    dates = [one["start_date"] for one in shop.api.get("/v1/vouchers").json()["vouchers"]]
    assert dates == ["2026-01-01T00:00:00.000Z"] * 2


def test_an_unlimited_quantity_may_differ_in_the_background(shop: Shop) -> None:
    make(shop, voucher={**DISCOUNT, "redemption": {"quantity": 1}})
    more(shop, 2, redemption={"quantity": None})
    found = shop.api.get("/v1/vouchers").json()["vouchers"]
    assert [one["redemption"]["quantity"] for one in found] == [None, None]


def test_two_campaigns_at_once_take_turns(shop: Shop) -> None:
    make(shop, "First", vouchers_count=40_000)
    make(shop, "Second", vouchers_count=10_000)
    second = settled(shop, "Second")
    assert read(shop, "First")["creation_status"] == "IN_PROGRESS"
    assert second["vouchers_count"] == 10_000
    assert settled(shop, "First")["vouchers_count"] == 40_000


# --- small patterns -----------------------------------------------------------------------------


def test_a_pattern_gives_all_of_its_codes(shop: Shop) -> None:
    make(shop, vouchers_count=1000, voucher=digits("A-###"))
    assert settled(shop)["creation_status"] == "DONE"
    assert codes(shop) == [f"A-{n:03}" for n in range(1000)]
    counted(shop, 1000)
    answer = shop.api.post("/v1/campaigns/C/vouchers")
    assert problem(answer)[:2] == (400, "invalid_code_config")
    counted(shop, 1000)


def test_a_pattern_without_places_is_one_code(shop: Shop) -> None:
    assert make(shop, vouchers_count=1, voucher=digits("FIXED"))["vouchers_count"] == 1
    assert codes(shop) == ["FIXED"]
    assert problem(ask(shop, "D", vouchers_count=2, voucher=digits("TWO")))[:2] == (
        400,
        "invalid_code_config",
    )


def test_codes_that_others_have_are_passed_over(shop: Shop) -> None:
    make(shop, "Other")
    for n in range(0, 100, 4):
        add(shop, f"{n:02}", "Other")
    make(shop, vouchers_count=75, voucher=digits("##"))
    campaign = settled(shop)
    assert (campaign["creation_status"], campaign["vouchers_count"]) == ("DONE", 75)
    assert codes(shop) == [f"{n:02}" for n in range(100)]


def test_a_code_in_the_bin_stays_taken(shop: Shop) -> None:
    make(shop, "Other")
    add(shop, "3", "Other")
    assert shop.api.delete("/v1/vouchers/3").status_code == 204
    make(shop, vouchers_count=9, voucher=digits("#"))
    assert settled(shop)["creation_status"] == "DONE"
    assert codes(shop) == list(DIGITS)


def test_a_pattern_with_too_few_codes_is_refused_at_once(shop: Shop) -> None:
    for count, pattern in ((1001, "###"), (2, "X"), (100_000, "####")):
        answer = ask(shop, vouchers_count=count, voucher=digits(pattern))
        assert problem(answer)[:2] == (400, "invalid_code_config")
    make(shop, voucher=digits("#"))
    answer = shop.api.post("/v1/campaigns/C/vouchers?vouchers_count=11")
    assert problem(answer)[:2] == (400, "invalid_code_config")
    body = {"code_config": {"pattern": "##", "charset": "ab"}}
    answer = shop.api.post("/v1/campaigns/C/vouchers?vouchers_count=5", json=body)
    assert problem(answer)[:2] == (400, "invalid_code_config")
    assert codes(shop) == []


def test_where_others_leave_too_few_codes_the_campaign_has_failed(shop: Shop) -> None:
    make(shop, "Other")
    for n in range(10):
        add(shop, f"{n:02}", "Other")
    make(shop, vouchers_count=95, voucher=digits("##"))
    campaign = settled(shop)
    assert (campaign["creation_status"], campaign["vouchers_generation_status"]) == (
        "FAILED",
        "FAILED",
    )
    # What could be made is there, and counted.
    assert campaign["vouchers_count"] == 90
    assert codes(shop) == [f"{n:02}" for n in range(100)]
    (action,) = shop.api.get("/v1/async-actions").json()["async_actions"]
    assert (action["status"], action["operation_status"]) == ("FAILED", "FAILED")
    result = shop.api.get(f"/v1/async-actions/{action['id']}").json()["result"]
    assert (result["done_count"], result["failed_count"]) == (90, 5)
    # It can be mended: other codes may be added, and it may be deleted.
    assert shop.api.post("/v1/campaigns/C/vouchers/EXTRA").status_code == 200
    shop.finished(shop.api.delete("/v1/campaigns/C?force=true"))
    assert codes(shop) == [f"{n:02}" for n in range(10)]


def test_vouchers_added_to_a_full_pattern_fail_and_the_campaign_stays_done(shop: Shop) -> None:
    make(shop, vouchers_count=8, voucher=digits("#"))
    settled(shop)
    action = more(shop, 5)
    assert (action["status"], action["operation_status"]) == ("FAILED", "FAILED")
    assert (action["result"]["done_count"], action["result"]["failed_count"]) == (2, 3)
    assert read(shop)["creation_status"] == "DONE"
    counted(shop, 10)


def test_where_case_does_not_count_codes_differ_by_more_than_case(server: Server) -> None:
    shop = server.project(case_sensitive_codes=False)
    letters = digits("##", "aAbBcC")
    answer = ask(shop, vouchers_count=10, voucher=letters)
    assert problem(answer)[:2] == (400, "invalid_code_config")
    make(shop, "Other")
    add(shop, "AB", "Other")
    make(shop, vouchers_count=8, voucher=letters)
    assert settled(shop)["creation_status"] == "DONE"
    assert sorted(code.lower() for code in codes(shop)) == [a + b for a in "abc" for b in "abc"]
    strict = server.project()
    make(strict, vouchers_count=36, voucher=letters)
    assert settled(strict)["vouchers_count"] == 36


# --- meanwhile ----------------------------------------------------------------------------------


@pytest.fixture
def writing(shop: Shop) -> Shop:
    """A project whose campaign is being written: for good, as its job waits for a while to come."""
    make(shop)
    add(shop, "THERE")
    sql(shop, "UPDATE campaigns SET creation_status = 'IN_PROGRESS' WHERE project_id = $1")
    return shop


@pytest.mark.parametrize("status", ["IN_PROGRESS", "MODIFYING"])
def test_writes_are_refused_while_codes_are_written(writing: Shop, status: str) -> None:
    sql(writing, "UPDATE campaigns SET creation_status = $2 WHERE project_id = $1", status)
    before = read(writing)
    files = {"file": ("f.csv", b"Code\nA\n", "text/csv")}
    api = writing.api
    for answer in (
        api.put("/v1/campaigns/C", json={"description": "x"}),
        api.delete("/v1/campaigns/C"),
        api.delete("/v1/campaigns/C?force=true"),
        api.post("/v1/campaigns/C/vouchers"),
        api.post("/v1/campaigns/C/vouchers?vouchers_count=5"),
        api.post("/v1/campaigns/C/vouchers/CODE"),
        api.post("/v1/campaigns/C/import", json=[{"code": "A"}]),
        api.post("/v1/campaigns/C/importCSV", files=files),
        api.post("/v1/vouchers", json={**DISCOUNT, "campaign": "C", "code": "B"}),
        api.delete("/v1/vouchers/THERE"),
    ):
        assert problem(answer)[:2] == (400, "invalid_campaign"), answer.request.url
    assert read(writing) == before
    assert codes(writing) == ["THERE"]
    assert api.get("/v1/async-actions").json()["async_actions"] == []


def test_reads_go_on_while_codes_are_written(writing: Shop) -> None:
    for path in ("", "/C", "/C/summary", "/C/transactions"):
        assert writing.api.get(f"/v1/campaigns{path}").status_code == 200
    assert writing.api.get("/v1/vouchers/THERE").status_code == 200


def test_a_change_of_many_vouchers_is_made_in_the_background(shop: Shop) -> None:
    make(shop, vouchers_count=12_000)
    settled(shop)
    changed = change(shop, expiration_date="2030-01-01")
    assert changed["creation_status"] == "MODIFYING"
    assert problem(shop.api.put("/v1/campaigns/C", json={"join_once": True}))[0] == 400
    assert settled(shop)["creation_status"] == "DONE"
    rows = sql(
        shop,
        "SELECT expiration_date, count(*) AS n FROM vouchers WHERE project_id = $1 GROUP BY 1",
    )
    assert [row["n"] for row in rows] == [12_000]
    assert rows[0]["expiration_date"] == datetime.fromisoformat("2030-01-01T00:00:00+00:00")
    # A change that is not one of vouchers is made at once.
    assert change(shop, description="x")["creation_status"] == "DONE"
