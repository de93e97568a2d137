"""Customers come, change and go while segments do: in the end everybody is where they belong."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from largesse.engine import segments as rules
from largesse.engine.calendar import Clock
from largesse.kit.clock import now
from largesse.store import segments
from tests.api.test_segments import make, members, moves, segments_of
from tests.contract.client import check
from tests.crowd import on_database
from tests.races.load import Ask, Session, database_url, living, mishaps, parallel, sql
from tests.running import Server, Shop, running, until

VIPS = {"metadata.n": {"conditions": {"$more_than": 4}}}
PEOPLE = 20


@pytest.fixture(scope="module")
def quick() -> Iterator[Server]:
    """A server that goes through the customers again every second."""
    yield from running(segment_refresh_seconds=1)


def settled(server: Server, project_id: str) -> bool:
    """Whether every segment has gone through all customers for the first time."""
    statement = "SELECT 1 FROM segments WHERE project_id = $1 AND initial_sync_status <> 'DONE'"
    return not sql(server, statement, project_id)


def confirm(server: Server, project_id: str) -> None:
    """Brings the rounds that confirm the first ones forward, and waits for their end."""
    until(lambda: settled(server, project_id), 60)
    bring = "UPDATE segments SET sync_at = now() WHERE project_id = $1 AND sync_at IS NOT NULL"
    sql(server, f"{bring} RETURNING 1", project_id)
    due = "SELECT 1 FROM segments WHERE project_id = $1 AND sync_at IS NOT NULL"
    until(lambda: not sql(server, due, project_id), 60)


def should_be(shop: Shop) -> dict[str, set[str]]:
    """The members of each segment with a filter, as the database finds them all at once."""

    async def run(connection: Any) -> dict[str, set[str]]:
        rows = await connection.fetch(
            "SELECT id, name, type, filter FROM segments "
            "WHERE project_id = $1 AND type <> 'static'",
            shop.id,
        )
        known = {
            row["id"]: rules.segment(
                row["id"], row["name"], row["type"], msgspec.json.decode(row["filter"])
            )
            for row in rows
        }
        found = {}
        for segment in known.values():
            matching = segments.matching(segment.conditions, Clock(now()), segments=known)
            statement = f"SELECT id FROM customers WHERE project_id = $1 AND {matching.condition}"
            people = await connection.fetch(statement, shop.id, *matching.arguments)
            found[segment.id] = {row["id"] for row in people}
        return found

    return on_database(shop.server, run)


def are(shop: Shop) -> dict[str, set[str]]:
    """The members of each segment with a filter, as they are kept."""
    found: dict[str, set[str]] = {
        id_: set()
        for (id_,) in sql(
            shop.server,
            "SELECT id FROM segments WHERE project_id = $1 AND type <> 'static'",
            shop.id,
        )
    }
    for segment_id, customer_id in sql(
        shop.server,
        "SELECT segment_id, customer_id FROM segment_customers WHERE project_id = $1",
        shop.id,
    ):
        if segment_id in found:
            found[segment_id].add(customer_id)
    return found


def balance(shop: Shop, segment_id: str) -> dict[str, int]:
    """How often each customer entered a segment, less how often they left it."""
    rows = sql(
        shop.server,
        "SELECT customer_id, sum(CASE type WHEN 'customer.segment.entered' THEN 1 ELSE -1 END) "
        "FROM events WHERE project_id = $1 AND type LIKE 'customer.segment.%' "
        "AND data #>> '{segment,id}' = $2 GROUP BY 1",
        shop.id,
        segment_id,
    )
    return {customer_id: int(n) for customer_id, n in rows}


def upsert(number: int, n: int) -> Ask:
    return "POST", "/v1/customers", {"source_id": f"c{number}", "metadata": {"n": n}}


def asked(rng: random.Random, count: int) -> list[Ask]:
    """Requests about few customers and segments, in no order."""
    asks: list[Ask] = []
    for _ in range(count):
        number = rng.randrange(PEOPLE)
        what = rng.random()
        if what < 0.6:
            asks.append(upsert(number, rng.randrange(10)))
        elif what < 0.7:
            asks.append(("DELETE", f"/v1/customers/c{number}", None))
        elif what < 0.8:
            body: dict[str, Any] = {"event": "seen", "customer": {"source_id": f"c{number}"}}
            asks.append(("POST", "/v1/events", body))
        else:
            more = {"metadata.n": {"conditions": {"$more_than": rng.randrange(10)}}}
            seen = {"events.seen": {"conditions": {"$count_more": rng.randrange(3)}}}
            body = {
                "name": "any",
                "type": rng.choice(["auto-update", "passive"]),
                "filter": rng.choice([more, seen, {"junction": "or", **more, **seen}]),
            }
            asks.append(("POST", "/v1/segments", body))
    return asks


class Deleting:
    """Deletes segments without a pause, one of those that are there, from a thread of its own."""

    def __init__(self, shop: Shop, seed: int, kept: str) -> None:
        self.shop = shop
        self.rng = random.Random(seed)
        self.kept = kept
        self.statuses: Counter[int] = Counter()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Deleting:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        assert self.statuses[204] > 0

    def _run(self) -> None:
        key = self.shop.project["server_side_key"]
        with self.shop.server.client(key["app_id"], key["app_token"]) as client:
            while not self._over.is_set():
                found = client.get("/v1/segments", params={"limit": 100}).json()["data"]
                ids = [segment["id"] for segment in found if segment["id"] != self.kept]
                if len(ids) > 3:
                    answer = client.delete(f"/v1/segments/{self.rng.choice(ids)}")
                    self.statuses[answer.status_code] += 1
                else:
                    time.sleep(0.01)


def all_at_once(shop: Shop, seed: int, count: int) -> None:
    """Everything at the same time; what is left over is right, and nothing went wrong."""
    rng = random.Random(seed)
    kept = make(shop, "Kept", type="auto-update", filter=VIPS)["id"]
    with Deleting(shop, seed, kept) as deleting:
        answers = parallel(shop, asked(rng, count), connections=30)
    statuses = Counter(answer.status_code for answer in answers)
    assert not set(statuses) - {200, 204, 400, 404}, (statuses, mishaps(shop.server))
    assert not set(deleting.statuses) - {204, 404}, (deleting.statuses, mishaps(shop.server))
    for answer in answers:
        if answer.status_code == 400:
            assert "at most 100 active and passive" in answer.json()["details"]
    confirm(shop.server, shop.id)
    found = are(shop)
    assert found == should_be(shop)
    # Whoever has changed since has entered as often as they left, and once more who is in.
    living_ones = {
        id_
        for (id_,) in sql(shop.server, "SELECT id FROM customers WHERE project_id = $1", shop.id)
    }
    told = {id_: n for id_, n in balance(shop, kept).items() if id_ in living_ones and n}
    assert told == dict.fromkeys(found[kept], 1)


def test_customers_and_segments_come_change_and_go(shop: Shop) -> None:
    all_at_once(shop, 1, 600)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_customers_and_segments_come_change_and_go_for_long(server: Server) -> None:
    for seed in range(2, 12):
        all_at_once(server.project(), seed, 1500)


AGAIN = "UPDATE segments SET sync_at = now() WHERE project_id = $1 RETURNING 1"


UNSETTLED = """
UPDATE customers SET metadata = '{}' WHERE project_id = $1 AND source_id = 'c0' RETURNING 1
"""


def test_a_round_that_waits_keeps_nobody_else_waiting(shop: Shop) -> None:
    """A round waits for whoever holds a customer that has to move. Those who enter its segment
    meanwhile may not wait for the round: one of them may be whom it waits for.
    """
    shop.api.post("/v1/customers", json=upsert(0, 9)[2]).raise_for_status()
    segment = make(shop, "Many", type="passive", filter=VIPS)["id"]
    sql(shop.server, UNSETTLED, shop.id)
    with Session(database_url(shop.server)) as session:
        session.hold(shop, "c0")
        sql(shop.server, AGAIN, shop.id)
        until(lambda: session.waiting() == 1)
        shop.api.post("/v1/customers", json=upsert(1, 9)[2], timeout=10).raise_for_status()
        session.release()
    confirm(shop.server, shop.id)
    assert members(shop, segment) == {"c1"}


def test_who_comes_during_a_round_stays(shop: Shop) -> None:
    """A round may not throw out whom it has not seen."""
    body = {"id": "cust_zzzzzzzzzzzzzzzzzzzzzzzz", **upsert(0, 9)[2]}
    shop.api.post("/v1/customers", json=body).raise_for_status()
    segment = make(shop, "Many", type="auto-update", filter=VIPS)["id"]
    sql(shop.server, UNSETTLED, shop.id)
    with Session(database_url(shop.server)) as session:
        session.run("BEGIN")
        # The round finds who belongs to the segment, then waits to put the memberships right.
        session.run("LOCK TABLE segment_customers IN SHARE ROW EXCLUSIVE MODE")
        # No lock for a foreign key, which would have the database end one of the two.
        session.run("SET LOCAL session_replication_role = replica")
        sql(shop.server, AGAIN, shop.id)
        until(lambda: session.waiting() == 1)
        session.rows(
            "INSERT INTO customers (project_id, id, source_id, metadata, created_at) "
            "VALUES ($1, 'cust_000000000000000000000000', 'c1', '{\"n\": 9}', now())",
            shop.id,
        )
        session.rows(
            "INSERT INTO segment_customers (project_id, segment_id, customer_id) "
            "VALUES ($1, $2, 'cust_000000000000000000000000')",
            shop.id,
            segment,
        )
        session.run("COMMIT")
    confirm(shop.server, shop.id)
    assert members(shop, segment) == {"c1"}
    assert moves(shop, "c1") == []


# --- a worker that is killed ---------------------------------------------------------------------


def test_a_worker_killed_in_the_middle_of_a_round(quick: Server) -> None:
    shop = quick.project()
    statement = """
    INSERT INTO customers (project_id, id, source_id, metadata, created_at)
    SELECT $1, 'cust_' || lpad(n::text, 24, '0'), n::text, jsonb_build_object('n', n % 10),
        '2026-01-01'::timestamptz + n * interval '1 ms'
    FROM generate_series(1, 40000) AS n RETURNING 1
    """
    assert len(sql(quick, statement, shop.id)) == 40_000
    segment = make(shop, "Half", wait=False, type="passive", filter=VIPS)["id"]
    part = "SELECT sync_after FROM segments WHERE project_id = $1 AND sync_after <> ''"
    until(lambda: sql(quick, part, shop.id), pause=0.005)
    [worker] = living(quick, "largesse.worker")
    worker.kill()
    [(reached,)] = sql(quick, part, shop.id) or [("",)]
    assert reached, "the round was over before the worker was killed"
    [(before,)] = sql(
        quick, "SELECT count(*) FROM segment_customers WHERE project_id = $1", shop.id
    )
    assert 0 < before < 20_000
    until(lambda: settled(quick, shop.id), 60)
    assert len(are(shop)[segment]) == 20_000
    assert are(shop) == should_be(shop)


# --- waiting -------------------------------------------------------------------------------------


def test_segments_that_depend_on_time_are_gone_through_again(quick: Server) -> None:
    shop = quick.project()
    fresh = make(
        shop,
        "Fresh",
        type="auto-update",
        filter={"metadata.seen": {"conditions": {"$less_than_ago": 1}}},
    )["id"]
    stale = make(
        shop,
        "Stale",
        type="auto-update",
        filter={"segments": {"conditions": {"$is_not": fresh}}},
    )["id"]
    soon = time.gmtime(time.time() - 86_400 + 4)
    seen = time.strftime("%Y-%m-%dT%H:%M:%SZ", soon)
    body = {"source_id": "ann", "metadata": {"seen": seen}}
    shop.api.post("/v1/customers", json=body).raise_for_status()
    assert [members(shop, fresh), members(shop, stale)] == [{"ann"}, set()]
    # Nobody touches the customer; a day after `seen` they are no longer fresh.
    until(lambda: members(shop, fresh) == set(), 20)
    until(lambda: members(shop, stale) == {"ann"}, 10)
    assert segments_of(shop, "ann") == ["Stale"]
    assert sorted(moves(shop, "ann")) == [
        ("customer.segment.entered", "Fresh"),
        ("customer.segment.entered", "Stale"),
        ("customer.segment.left", "Fresh"),
    ]


# --- limits --------------------------------------------------------------------------------------


def test_no_more_than_a_hundred_segments_at_once(shop: Shop) -> None:
    body = {"name": "S", "filter": VIPS}
    asks: list[Ask] = [("POST", "/v1/segments", body) for _ in range(130)]
    answers = parallel(shop, asks, connections=30)
    assert Counter(answer.status_code for answer in answers) == {200: 100, 400: 30}
    check(answers[0])
    [(count,)] = sql(shop.server, "SELECT count(*) FROM segments WHERE project_id = $1", shop.id)
    assert count == 100


def test_no_segment_speaks_of_one_that_is_gone(shop: Shop) -> None:
    for _ in range(15):
        used = make(shop, "Used", wait=False, filter=VIPS)["id"]
        body = {"name": "User", "filter": {"segments": {"conditions": {"$is_not": used}}}}
        asks: list[Ask] = [("DELETE", f"/v1/segments/{used}", None)]
        asks += [("POST", "/v1/segments", body) for _ in range(4)]
        deleted, *made = parallel(shop, asks, connections=5)
        assert deleted.status_code in (204, 400)
        if deleted.status_code == 204:
            assert {answer.status_code for answer in made} <= {400}, "one outlived what it uses"
        for answer in made:
            if answer.status_code == 200:
                shop.api.delete(f"/v1/segments/{answer.json()['id']}").raise_for_status()
        if deleted.status_code == 400:
            shop.api.delete(f"/v1/segments/{used}").raise_for_status()
