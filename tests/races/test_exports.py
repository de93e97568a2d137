"""Exports while things go wrong: a killed writer, a database that restarts, many writers, a file
that is deleted or a customer who is forgotten in the middle of the writing, a million rows.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from tests.api.test_customers import save, sql
from tests.api.test_exports import ended, export
from tests.races.load import Session, database_url, living
from tests.running import Server, Shop, running, until

MANY = 200_000


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server to be harmed, in whose database a statement may take no longer than a second."""
    yield from running(statement_timeout_ms=1000)


@pytest.fixture(scope="module")
def crowded(own: Server) -> Shop:
    """A project with many customers."""
    return peopled(own, MANY)


def peopled(server: Server, count: int) -> Shop:
    shop = server.project()
    sql(
        shop,
        "INSERT INTO customers (project_id, id, source_id, name, metadata, created_at) "
        "SELECT $1, 'cust_' || lpad(n::text, 24, '0'), 'n' || n, repeat('name ', 20) || n, "
        "json_build_object('n', n), '2024-01-01Z'::timestamptz + n * interval '1 ms' "
        "FROM generate_series(1, $2::int) AS n",
        count,
    )
    return shop


def lines(url: str) -> int:
    """Reads a file of `source_id`s that go down from the newest; how many there are."""
    expected = None
    with httpx.stream("GET", url, timeout=60) as answer:
        assert answer.status_code == 200
        rows = answer.iter_lines()
        assert next(rows) == "Source ID,Name,metadata.n"
        count = 0
        for row in rows:
            count += 1
            number = int(row.rpartition(",")[2])
            assert expected in (None, number)
            assert row == f"n{number},{'name ' * 20}{number},{number}"
            expected = number - 1
    assert expected in (None, 0)
    return count


FIELDS = ["source_id", "name", "metadata.n"]


def background(server: Server) -> psutil.Process:
    """The one background worker, once it is there."""
    found = until(lambda: living(server, "largesse.worker"), 30)
    return found[0]


def status(shop: Shop, export_id: str) -> str | None:
    """Where an export stands; None where there is none."""
    rows = sql(shop, "SELECT status FROM exports WHERE project_id = $1 AND id = $2", export_id)
    return str(rows[0][0]) if rows else None


def copying(server: Server) -> bool:
    """Whether rows of an export are on their way just now."""
    with Session(database_url(server)) as session:
        return bool(
            session.value(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE query LIKE 'COPY (SELECT%' AND state = 'active' AND pid <> pg_backend_pid()"
            )
        )


def under_way(server: Server, shop: Shop, **parameters: Any) -> dict[str, Any]:
    """An export that is being written just now: on a busy machine one may be done unseen."""
    for _ in range(20):
        made = export(shop, **parameters)
        if goes_on(server, shop, made["id"]):
            return made
    raise AssertionError("twenty exports were done before anybody saw them written")


def goes_on(server: Server, shop: Shop, export_id: str) -> bool:
    """Waits until an export is being written; False where it is done before."""
    while status(shop, export_id) in ("SCHEDULED", "IN_PROGRESS"):
        if copying(server):
            return True
    return False


def test_a_killed_writer_begins_anew(own: Server, crowded: Shop) -> None:
    worker = background(own)
    made, kills = under_way(own, crowded, fields=FIELDS), 0
    while kills < 2:
        worker.suspend()
        assert copying(own)
        assert status(crowded, made["id"]) == "IN_PROGRESS"
        worker.kill()
        until(lambda: not copying(own))
        worker, kills = background(own), kills + 1
        if kills == 1 and not goes_on(own, crowded, made["id"]):
            made, kills = under_way(own, crowded, fields=FIELDS), 0
    done = ended(crowded, made["id"])
    assert done["status"] == "DONE"
    assert lines(done["result"]["url"]) == MANY
    [row] = sql(
        crowded,
        "SELECT count(*), max(n) + 1, "
        "(SELECT parts FROM exports WHERE project_id = $1 AND id = $2) FROM export_parts "
        "WHERE project_id = $1 AND export_id = $2",
        made["id"],
    )
    assert row[0] == row[1] == row[2] > 10


def test_an_export_outlives_a_restart_of_the_database(own: Server, crowded: Shop) -> None:
    made = under_way(own, crowded, fields=FIELDS)
    own.postgres.kill()
    until(own.ready, 30)
    done = until(lambda: ended(crowded, made["id"]), 30)
    assert done["status"] == "DONE"
    assert lines(done["result"]["url"]) == MANY


def test_a_file_is_of_one_moment(own: Server, crowded: Shop) -> None:
    """Whoever comes or changes while the file is written is not in it, or as they were."""
    made = under_way(own, crowded, fields=FIELDS)
    sql(
        crowded,
        "UPDATE customers SET metadata = '{\"n\": 0}' WHERE project_id = $1 AND source_id IN "
        "('n1', 'n100000')",
    )
    try:
        done = ended(crowded, made["id"])
        assert lines(done["result"]["url"]) == MANY
    finally:
        sql(
            crowded,
            "UPDATE customers SET metadata = json_build_object('n', substr(source_id, 2)::int) "
            "WHERE project_id = $1 AND source_id IN ('n1', 'n100000')",
        )


@contextlib.contextmanager
def halted(server: Server, shop: Shop, **parameters: Any) -> Iterator[str]:
    """The id of an export whose writer stands still in the middle of it."""
    worker = background(server)
    made = under_way(server, shop, **parameters)
    worker.suspend()
    try:
        yield made["id"]
    finally:
        worker.resume()


def told(shop: Shop, export_id: str) -> list[Any]:
    """The parts of a file that speak of somebody who was forgotten."""
    return sql(
        shop,
        "SELECT n FROM export_parts WHERE project_id = $1 AND export_id = $2 "
        "AND position('Telltale7'::bytea IN content) > 0",
        export_id,
    )


def test_an_export_is_deleted_while_it_is_written(own: Server, crowded: Shop) -> None:
    with halted(own, crowded, fields=FIELDS) as export_id:
        answer = crowded.api.delete(f"/v1/exports/{export_id}")
        assert answer.status_code == 204, answer.text
        assert crowded.api.get(f"/v1/exports/{export_id}").status_code == 404
    until(lambda: not copying(own))
    [left] = sql(
        crowded,
        "SELECT count(*) FROM export_parts WHERE project_id = $1 AND export_id = $2",
        export_id,
    )
    assert left[0] == 0
    # What comes after it is written.
    other = peopled(own, 1)
    assert ended(other, export(other)["id"])["status"] == "DONE"


def test_forgetting_does_not_wait_for_an_export(own: Server, crowded: Shop) -> None:
    """And the file that was being written is none, or holds nothing of the forgotten."""
    save(crowded, source_id="telltale", name="Telltale7")
    try:
        with halted(own, crowded, fields=["name"], order="created_at") as export_id:
            answer = crowded.api.post("/v1/customers/telltale/permanent-deletion")
            assert answer.status_code == 200, answer.text
    finally:
        sql(crowded, "DELETE FROM customers WHERE project_id = $1 AND source_id = 'telltale'")
    until(lambda: status(crowded, export_id) in ("DONE", None), 30)
    assert told(crowded, export_id) == []


def test_an_export_that_begins_while_somebody_is_forgotten(own: Server) -> None:
    """The export is asked for and written before what forgets is committed."""
    shop = peopled(own, 10)
    customer = save(shop, source_id="telltale", name="Telltale7")
    with Session(database_url(own)) as session, ThreadPoolExecutor(1) as pool:
        session.run("BEGIN")
        # Events go last, after the exports.
        session.rows(
            "SELECT id FROM events WHERE project_id = $1 AND customer_id = $2 FOR UPDATE",
            shop.id,
            customer["id"],
        )
        answer = pool.submit(shop.api.post, f"/v1/customers/{customer['id']}/permanent-deletion")
        until(lambda: session.waiting() > 0, 10, 0.01)
        made = export(shop, fields=["name"])
        time.sleep(0.7)
        session.release()
        assert answer.result().status_code == 200, answer.result().text
    until(lambda: not copying(own))
    time.sleep(0.7)
    assert told(shop, made["id"]) == []


def test_exports_of_two_projects_stay_apart(own: Server, crowded: Shop) -> None:
    other = peopled(own, 3)
    mine, theirs = export(crowded, fields=FIELDS)["id"], export(other, fields=FIELDS)["id"]
    assert lines(ended(other, theirs)["result"]["url"]) == 3
    assert lines(ended(crowded, mine)["result"]["url"]) == MANY


def test_many_writers_write_each_export_once(own: Server) -> None:
    """Servers that share a database, each with a background worker."""
    shop = peopled(own, 20_000)
    other = Server(own.folder.parent / "other", workers=1, database_url=database_url(own)).start()
    try:
        ids = [export(shop, fields=FIELDS)["id"] for _ in range(12)]
        for export_id in ids:
            done = ended(shop, export_id)
            assert done["status"] == "DONE"
    finally:
        other.stop()
    assert lines(done["result"]["url"]) == 20_000
    rows = sql(
        shop,
        "SELECT attempts, parts = (SELECT count(*) FROM export_parts AS part "
        "WHERE part.project_id = $1 AND part.export_id = exports.id) "
        "FROM exports WHERE project_id = $1",
    )
    assert [tuple(row) for row in rows] == [(1, True)] * 12


def flat(server: Server, shop: Shop, count: int) -> None:
    """Exports everybody, and holds the memory of who does it against what it was before."""
    worker = background(server)
    ended(shop, export(shop, fields=["id"], filters={"name": {"conditions": {"$is": "x"}}})["id"])
    before = most = worker.memory_info().rss
    began = time.monotonic()
    made = export(shop, fields=FIELDS)
    while status(shop, made["id"]) in ("SCHEDULED", "IN_PROGRESS"):
        most = max(most, worker.memory_info().rss)
        time.sleep(0.02)
    seconds = time.monotonic() - began
    web = {child.pid: child.memory_info().rss for child in living(server, "largesse.app")}
    url = ended(shop, made["id"])["result"]["url"]
    assert lines(url) == count
    grown = max(
        child.memory_info().rss - web[child.pid] for child in living(server, "largesse.app")
    )
    print(f"{count} in {seconds:.1f} s, writer +{(most - before) >> 20} MB, web +{grown >> 20} MB")
    assert most - before < 32 << 20
    assert grown < 32 << 20


def test_the_memory_of_an_export_is_flat(own: Server, crowded: Shop) -> None:
    flat(own, crowded, MANY)


@pytest.mark.soak
def test_a_million_customers_are_exported_in_flat_memory(own: Server) -> None:
    flat(own, peopled(own, 1_000_000), 1_000_000)


def test_an_export_that_fails_is_given_up_and_holds_up_nothing(own: Server) -> None:
    shop = peopled(own, 3)
    with Session(database_url(own)) as session:
        session.run("ALTER TABLE customers RENAME COLUMN phone TO phone_away")
        try:
            broken = export(shop, fields=["phone"])["id"]
            fine = export(shop, "order")["id"]
            found = ended(shop, broken)
        finally:
            session.run("ALTER TABLE customers RENAME COLUMN phone_away TO phone")
    assert (found["status"], found["result"]) == ("ERROR", None)
    done = ended(shop, fine)
    assert done["status"] == "DONE"
    token = urlsplit(done["result"]["url"]).query
    assert httpx.get(f"{own.url}/v1/exports/{broken}?{token}").status_code == 401
    assert shop.api.delete(f"/v1/exports/{broken}").status_code == 204
