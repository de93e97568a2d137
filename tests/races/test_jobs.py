"""Jobs beside live requests, and jobs whose worker is killed: each row is applied exactly once."""

from __future__ import annotations

import csv
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.races.load import (
    Ask,
    Session,
    database_url,
    events_by_source,
    living,
    parallel,
    source_ids,
)
from tests.running import Server, Shop, running, until


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server to be harmed."""
    yield from running()


def rows(count: int, **members: Any) -> list[dict[str, Any]]:
    return [{"source_id": f"row-{n:05}", **members} for n in range(count)]


def report(shop: Shop, action: dict[str, Any]) -> list[dict[str, str]]:
    """The rows of a finished action's report."""
    (link,) = action["result"]["reports"]
    answer = shop.server.anonymous().get(link)
    assert answer.status_code == 200
    return list(csv.DictReader(answer.text.splitlines()))


# --- two jobs and live requests on the same customers ---------------------------------------------


def overlapping(shop: Shop, count: int, live: int, seed: int) -> None:
    """Two jobs in opposite orders and upserts in any order: all of them land on every customer."""
    there = rows(count, metadata={"there": True})
    back = rows(count, metadata={"back": True})[::-1]
    accepted = [shop.api.post("/v1/customers/bulk/async", json=body) for body in (there, back)]
    order = [f"row-{n:05}" for n in range(count)]
    random.Random(seed).shuffle(order)
    asks: list[Ask] = [
        ("POST", "/v1/customers", {"source_id": order[n % count], "metadata": {f"live_{n}": n}})
        for n in range(live)
    ]
    answers = parallel(shop, asks)
    assert {answer.status_code for answer in answers} == {200}
    for answer in accepted:
        action = shop.finished(answer)
        assert action["operation_status"] == "SUCCESS"
        assert (action["result"]["done_count"], action["result"]["failed_count"]) == (count, 0)
    expected: dict[str, dict[str, Any]] = {name: {"there": True, "back": True} for name in order}
    for n in range(live):
        expected[order[n % count]][f"live_{n}"] = n
    assert sorted(source_ids(shop)) == sorted(order)
    metadata: dict[str, Any] = {}
    for page in range(1, count // 100 + 1):
        listed = shop.api.get("/v1/customers", params={"limit": 100, "page": page}).json()
        metadata |= {one["source_id"]: one["metadata"] for one in listed["customers"]}
    assert metadata == expected
    assert events_by_source(shop) == {
        name: {"customer.created": 1, "customer.updated": len(keys) - 1}
        for name, keys in expected.items()
    }


def test_jobs_in_opposite_orders_beside_live_upserts(shop: Shop) -> None:
    overlapping(shop, count=500, live=700, seed=1)


@pytest.mark.soak
def test_jobs_in_opposite_orders_beside_live_upserts_many_times(server: Server) -> None:
    for seed in range(10):
        overlapping(server.project(), count=2000, live=3000, seed=seed)


# --- the worker is killed -------------------------------------------------------------------------


def kill_worker(own: Server) -> float:
    """Kills the background worker; how long until another runs."""
    (worker,) = living(own, "largesse.worker")
    worker.kill()
    killed = time.monotonic()
    until(lambda: living(own, "largesse.worker") not in ([], [worker]), 30, 0.01)
    return time.monotonic() - killed


def killed_in_a_portion(own: Server, count: int, stops: list[int]) -> None:
    """Kills the worker while it is in the midst of writing a portion, once for each of `stops`:
    the customer of that row is locked, so the worker waits there, some rows of the portion written
    and others not.
    """
    shop = own.project()
    names = [f"row-{n:05}" for n in range(count)]
    for stop in stops:
        assert shop.api.post("/v1/customers", json={"source_id": names[stop]}).status_code == 200
    expected = {name: {"customer.created": 1} for name in names}
    back: list[float] = []
    with Session(database_url(own)) as session:
        session.hold(shop, names[stops[0]])
        first = shop.api.post("/v1/customers/bulk/async", json=rows(count, name="First"))
        path = f"/v1/async-actions/{first.json()['async_action_id']}"
        for number, stop in enumerate(stops):
            until(lambda: session.waiting() == 1, 30)
            action = shop.api.get(path).json()
            assert action["status"] == ("IN_PROGRESS" if stop >= 1000 else "ENQUEUED")
            assert action["progress"] == 100 * (stop // 1000 * 1000) // count
            back.append(kill_worker(own))
            session.release()
            until(lambda: session.waiting() == 0)
            if number + 1 < len(stops):
                session.hold(shop, names[stops[number + 1]])
    seen = f"another worker ran after {[round(one, 2) for one in back]} s"
    print(seen)
    assert max(back) < 5, seen
    action = shop.finished(first)
    finish(shop, action, count)
    for stop in stops:
        expected[names[stop]]["customer.updated"] = 1
    assert events_by_source(shop) == expected
    found = {row["source_id"] for row in report(shop, action) if row["found"] == "true"}
    assert found == {names[stop] for stop in stops}


def finish(shop: Shop, action: dict[str, Any], count: int) -> None:
    """A job that did all of its rows, with a report that names each once, in order."""
    assert (action["status"], action["operation_status"]) == ("DONE", "SUCCESS")
    assert action["progress"] == 100
    assert (action["result"]["done_count"], action["result"]["failed_count"]) == (count, 0)
    listed = report(shop, action)
    assert [row["source_id"] for row in listed] == [f"row-{n:05}" for n in range(count)]
    assert {row["updated"] for row in listed} == {"true"}
    assert len({row["id"] for row in listed}) == count
    total = shop.api.get("/v1/customers").json()["total"]
    assert total == count


def test_job_of_a_killed_worker_applies_each_row_once(own: Server) -> None:
    killed_in_a_portion(own, 3000, [100, 1250, 2999])


@pytest.mark.soak
def test_job_of_a_worker_killed_at_any_moment_applies_each_row_once(own: Server) -> None:
    """Kills without regard to what the worker does, ten jobs long."""
    shop = own.project()
    chance = random.Random(1)
    count, kills = 5000, 0
    for number in range(10):
        accepted = shop.api.post("/v1/customers/bulk/async", json=rows(count, name=f"{number}"))
        path = f"/v1/async-actions/{accepted.json()['async_action_id']}"
        while shop.api.get(path).json()["status"] in ("ENQUEUED", "IN_PROGRESS"):
            time.sleep(chance.uniform(0.0, 0.4))
            if kills < 4 * (number + 1):
                kill_worker(own)
                kills += 1
        finish(shop, shop.finished(accepted), count)
        counts = events_by_source(shop)
        wanted = {"customer.created": 1} | ({"customer.updated": number} if number else {})
        assert all(counts[f"row-{n:05}"] == wanted for n in range(count))
    assert kills >= 20
