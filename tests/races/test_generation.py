"""Campaigns whose vouchers are made while the worker is killed, and by many at once."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.test_campaigns import DISCOUNT, GIFT, make, read, settled
from tests.races.load import Ask, parallel, sql
from tests.races.test_jobs import kill_worker
from tests.running import Server, Shop, running, until


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server to be harmed."""
    yield from running()


def recounted(shop: Shop, count: int, name: str = "C") -> None:
    """Every count of a campaign's vouchers, and of the project's, is what a recount finds."""
    campaign = read(shop, name)
    ((there, codes, keys, ids),) = sql(
        shop.server,
        "SELECT count(*), count(DISTINCT code), count(DISTINCT code_key), count(DISTINCT id) "
        "FROM vouchers WHERE project_id = $1 AND campaign_id = $2 AND deleted_at IS NULL",
        shop.id,
        campaign["id"],
    )
    assert (there, codes, keys, ids) == (count, count, count, count)
    assert campaign["vouchers_count"] == count
    summary = shop.api.get(f"/v1/campaigns/{name}/summary").json()
    assert summary["vouchers_created"] - summary["vouchers_deleted"] == count
    in_all = sql(
        shop.server,
        "SELECT count(*) FROM vouchers WHERE project_id = $1 AND deleted_at IS NULL",
        shop.id,
    )
    assert total(shop) == in_all[0][0]


def total(shop: Shop) -> int:
    """How many vouchers the project's running total counts, once all events are handled."""
    unhandled = "SELECT count(*) FROM events WHERE project_id = $1 AND NOT handled"
    until(lambda: sql(shop.server, unhandled, shop.id)[0][0] == 0, 30)
    rows = sql(
        shop.server, "SELECT n FROM totals WHERE project_id = $1 AND noun = 'vouchers'", shop.id
    )
    return int(rows[0][0]) if rows else 0


def done(shop: Shop) -> int:
    """How far the making of vouchers is."""
    return int(sql(shop.server, "SELECT sum(done) FROM jobs WHERE project_id = $1", shop.id)[0][0])


# --- kill -9 --------------------------------------------------------------------------------------


def killed_while_making(own: Server, count: int, kills: int, seed: int) -> None:
    shop = own.project()
    chance = random.Random(seed)
    made = make(shop, vouchers_count=count, voucher=GIFT, campaign_type="GIFT_VOUCHERS")
    assert made["creation_status"] == "IN_PROGRESS"
    hit = 0
    for number in range(kills):
        # At least a portion lies between two kills, so that the work comes to its end.
        until(lambda n=number: done(shop) >= min(n * 10_000, count - 1), 60, 0.005)  # type: ignore[misc]
        time.sleep(chance.uniform(0.0, 0.3))
        hit += read(shop)["creation_status"] == "IN_PROGRESS"
        kill_worker(own)
    assert hit, "it was done before anything was killed"
    assert settled(shop, seconds=120)["creation_status"] == "DONE"
    recounted(shop, count)
    summary = shop.api.get("/v1/campaigns/C/summary").json()
    assert summary["created_vouchers_amount"] == count * 5000
    completed = sql(
        own,
        "SELECT data ->> 'count' FROM events "
        "WHERE project_id = $1 AND type = 'campaign.vouchers.generation.completed'",
        shop.id,
    )
    assert completed == [(str(count),)]


def test_a_killed_worker_leaves_exactly_the_asked_number(own: Server) -> None:
    killed_while_making(own, 50_000, 2, seed=1)


@pytest.mark.soak
def test_ten_kills_leave_exactly_the_asked_number(own: Server) -> None:
    killed_while_making(own, 100_000, 10, seed=2)


def test_a_killed_worker_uses_up_a_small_pattern_exactly(own: Server) -> None:
    shop = own.project()
    config = {"pattern": "K-####", "charset": "0123456789"}
    make(shop, vouchers_count=10_000, voucher={**DISCOUNT, "code_config": config})
    kill_worker(own)
    assert settled(shop)["creation_status"] == "DONE"
    recounted(shop, 10_000)
    codes = [row[0] for row in sql(own, "SELECT code FROM vouchers WHERE project_id=$1", shop.id)]
    assert sorted(codes) == [f"K-{n:04}" for n in range(10_000)]


def test_a_worker_killed_while_vouchers_are_changed_or_deleted_finishes(own: Server) -> None:
    shop = own.project()
    make(shop, vouchers_count=12_000)
    settled(shop)
    answer = shop.api.put("/v1/campaigns/C", json={"expiration_date": "2030-01-01"})
    assert answer.json()["creation_status"] == "MODIFYING"
    kill_worker(own)
    assert settled(shop)["creation_status"] == "DONE"
    dates = sql(own, "SELECT DISTINCT expiration_date FROM vouchers WHERE project_id=$1", shop.id)
    assert [date.year for (date,) in dates] == [2030]
    recounted(shop, 12_000)
    accepted = shop.api.delete("/v1/campaigns/C?force=true")
    kill_worker(own)
    assert shop.finished(accepted)["status"] == "DONE"
    for table in ("vouchers", "campaigns", "campaign_days"):
        left = sql(own, f"SELECT count(*) FROM {table} WHERE project_id = $1", shop.id)
        assert left == [(0,)], table
    assert total(shop) == 0


# --- at once --------------------------------------------------------------------------------------


def statuses(answers: list[Any]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def test_of_one_name_asked_for_fifty_times_there_is_one_campaign(shop: Shop) -> None:
    body = {
        "name": "C",
        "campaign_type": "DISCOUNT_COUPONS",
        "voucher": DISCOUNT,
        "vouchers_count": 1,
    }
    asks: list[Ask] = [("POST", "/v1/campaigns", body)] * 50
    assert statuses(parallel(shop, asks)) == {200: 1, 409: 49}
    assert shop.api.get("/v1/campaigns").json()["total"] == 1
    recounted(shop, 1)


def test_fifty_vouchers_added_at_once_are_all_counted(shop: Shop) -> None:
    make(shop)
    make(shop, "D")
    asks: list[Ask] = [
        ("POST", f"/v1/campaigns/{'C' if n % 5 else 'D'}/vouchers", None) for n in range(50)
    ]
    assert statuses(parallel(shop, asks)) == {200: 50}
    recounted(shop, 40)
    recounted(shop, 10, "D")


def test_one_code_added_to_two_campaigns_at_once_is_in_one(shop: Shop) -> None:
    make(shop)
    make(shop, "D")
    asks: list[Ask] = [
        ("POST", f"/v1/campaigns/{'CD'[n % 2]}/vouchers/CODE{n // 10}", {}) for n in range(50)
    ]
    assert statuses(parallel(shop, asks)) == {200: 5, 409: 45}
    assert read(shop)["vouchers_count"] + read(shop, "D")["vouchers_count"] == 5
    assert total(shop) == 5


def test_two_campaigns_share_a_small_pattern(shop: Shop) -> None:
    config = {"pattern": "###", "charset": "0123456789"}
    voucher = {**DISCOUNT, "code_config": config}
    body = {"campaign_type": "DISCOUNT_COUPONS", "voucher": voucher, "vouchers_count": 500}
    asks: list[Ask] = [("POST", "/v1/campaigns", {**body, "name": name}) for name in "CD"]
    assert statuses(parallel(shop, asks)) == {200: 2}
    for name in "CD":
        assert settled(shop, name)["creation_status"] == "DONE"
        recounted(shop, 500, name)


def test_changes_meet_a_running_generation_and_are_refused(shop: Shop) -> None:
    made = make(shop, vouchers_count=25_000)
    path = f"/v1/campaigns/{made['id']}"
    seen: Counter[tuple[str, int]] = Counter()
    while read(shop)["creation_status"] == "IN_PROGRESS":
        asks: list[Ask] = [
            ("PUT", path, {"metadata": {"a": 1}}),
            ("POST", f"{path}/vouchers", None),
        ]
        for answer, (method, *_) in zip(parallel(shop, asks), asks, strict=True):
            seen[method, answer.status_code] += 1
    assert seen["PUT", 400] > 0
    assert seen["POST", 400] > 0
    assert {status for _, status in seen} <= {200, 400}
    recounted(shop, 25_000 + seen["POST", 200])
    assert shop.finished(shop.api.delete(path + "?force=true"))["status"] == "DONE"
    assert total(shop) == 0


def test_a_deletion_overtakes_vouchers_that_are_being_added(shop: Shop) -> None:
    make(shop, vouchers_count=1)
    more = shop.api.post("/v1/campaigns/C/vouchers?vouchers_count=25000")
    changed = shop.api.put("/v1/campaigns/C", json={"expiration_date": "2030-01-01"})
    assert changed.status_code in (200, 400)
    until(lambda: shop.api.delete("/v1/campaigns/C?force=true").status_code == 202)
    assert shop.finished(more)["status"] in ("DONE", "FAILED")
    statement = "SELECT count(*) FROM jobs WHERE project_id = $1 AND finished_at IS NULL"
    until(lambda: sql(shop.server, statement, shop.id) == [(0,)], 60)
    for table in ("vouchers", "campaigns", "campaign_days"):
        left = sql(shop.server, f"SELECT count(*) FROM {table} WHERE project_id = $1", shop.id)
        assert left == [(0,)], table
    assert total(shop) == 0
    # The name and the codes are free.
    make(shop, vouchers_count=1)


def test_vouchers_added_during_an_update_have_what_it_says(shop: Shop) -> None:
    make(shop)
    asks: list[Ask] = [("POST", "/v1/campaigns/C/vouchers", None)] * 40
    asks.insert(20, ("PUT", "/v1/campaigns/C", {"expiration_date": "2030-01-01"}))
    assert statuses(parallel(shop, asks)) == {200: 41}
    rows = sql(
        shop.server, "SELECT DISTINCT expiration_date FROM vouchers WHERE project_id=$1", shop.id
    )
    assert [date.year for (date,) in rows] == [2030]
    recounted(shop, 40)
