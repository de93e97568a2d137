"""What becomes of the processes of `largesse serve` when it is killed, stopped, or shares a
database.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from largesse.kit.postgres import Postgres
from tests.races.load import (
    BROKEN,
    Load,
    Session,
    all_serve,
    database_url,
    events_by_source,
    living,
    source_ids,
    sql,
    workers,
)
from tests.running import Server, Shop, running, until


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server to be harmed. Each test leaves it running."""
    yield from running()


def gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def family(server: Server) -> list[psutil.Process]:
    """The server's own processes and PostgreSQL's."""
    assert server.process is not None
    found = [psutil.Process(server.process.pid)]
    found += found[0].children(recursive=True)
    if (pid := server.postgres.pid) is not None:
        found += [psutil.Process(pid), *psutil.Process(pid).children()]
    return found


# --- the parent -----------------------------------------------------------------------------------


def kill_the_parent(own: Server) -> None:
    """Kills `serve` under load; its workers leave, PostgreSQL stays and the next one takes it."""
    shop = own.project()
    until(lambda: all_serve(own))
    postmaster = own.postgres.pid
    assert postmaster is not None
    with Load(shop) as load:
        children = workers(own)
        assert len(children) == 3
        own.kill()
        killed = time.monotonic()
        until(lambda: all(gone(child) for child in children), 10, 0.01)
        left = time.monotonic() - killed
        assert own.postgres.pid == postmaster
        started = time.monotonic()
        own.start()
        back = load.served_after(started) - started
    seen = f"workers left after {left:.2f} s, next one served after {back:.2f} s, {load.outcomes}"
    assert left < 5, seen
    assert set(load.outcomes) <= {200, 503, BROKEN}, seen
    assert own.postgres.pid == postmaster
    assert load.acknowledged <= set(source_ids(shop))
    print(seen)


def test_killed_parent_leaves_postgres_to_the_next(own: Server) -> None:
    kill_the_parent(own)


@pytest.mark.soak
def test_killed_parent_leaves_postgres_to_the_next_every_time(own: Server) -> None:
    for _ in range(10):
        kill_the_parent(own)


def test_second_server_on_the_folder_is_refused(own: Server) -> None:
    shop = own.project()
    processes = [process.pid for process in family(own)[:4]]
    assert own.process is not None
    with Load(shop) as load:
        second = Server(own.folder)
        begun = time.monotonic()
        refused = second.command("serve")
        took = time.monotonic() - begun
    assert refused.returncode == 1
    assert f"Another server (process {own.process.pid}) runs on the folder" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert took < 10, f"refused after {took:.1f} s"
    assert set(load.outcomes) == {200}
    assert [process.pid for process in family(own)[:4]] == processes


# --- stopping -------------------------------------------------------------------------------------


def stop_with_requests_in_hand(own: Server, count: int) -> None:
    """SIGTERM while requests wait for the database, and while one is still being sent."""
    shop = own.project()
    until(lambda: all_serve(own))
    body = {"source_id": "held"}
    assert shop.api.post("/v1/customers", json=body).status_code == 200
    processes = family(own)
    assert len(processes) > 5
    assert own.process is not None
    host, port = own.url.removeprefix("http://").split(":")
    with Session(database_url(own)) as session, ThreadPoolExecutor(count) as pool:
        session.hold(shop, "held")
        answers = [pool.submit(shop.api.post, "/v1/customers", json=body) for _ in range(count)]
        until(lambda: session.waiting() == count)
        with socket.create_connection((host, int(port)), timeout=20) as slow:
            request = shop.api.build_request("POST", "/v1/customers", json={"source_id": "slow"})
            head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
            slow.sendall(f"POST /v1/customers HTTP/1.1\r\n{head}\r\n".encode())
            slow.sendall(request.content[:5])
            time.sleep(0.5)
            own.process.send_signal(signal.SIGTERM)
            time.sleep(1.0)
            assert own.process.poll() is None
            assert not any(answer.done() for answer in answers)
            slow.sendall(request.content[5:])
            assert slow.recv(100).startswith(b"HTTP/1.1 200 ")
        session.release()
        released = time.monotonic()
        statuses = [answer.result().status_code for answer in answers]
    assert statuses == [200] * count
    assert own.process.wait(20) == 0
    took = time.monotonic() - released
    print(f"stopped {took:.2f} s after the last request could go on")
    assert took < 10, f"stopped after {took:.1f} s"
    assert own.postgres.pid is None
    until(lambda: all(gone(process) for process in processes), 2)
    assert own.stop() == 0
    own.start()
    assert sorted(source_ids(shop)) == ["held", "slow"]
    events = events_by_source(shop)
    assert events["held"] == {"customer.created": 1, "customer.updated": count}


def test_stopping_answers_what_is_in_hand(own: Server) -> None:
    stop_with_requests_in_hand(own, 10)


@pytest.mark.soak
def test_stopping_under_load_loses_nothing_every_time(own: Server) -> None:
    for _ in range(10):
        stop_under_load(own)


def stop_under_load(own: Server) -> None:
    """SIGTERM while customers are created and a job runs; both go on after the next start."""
    shop = own.project()
    processes = family(own)
    many = [{"source_id": f"row-{n}"} for n in range(5000)]
    accepted = shop.api.post("/v1/customers/bulk/async", json=many)
    with Load(shop) as load:
        stopped = time.monotonic()
        assert own.stop() == 0
        took = time.monotonic() - stopped
        assert own.postgres.pid is None
        until(lambda: all(gone(process) for process in processes), 2)
        own.start()
        load.served_after(time.monotonic())
    assert took < 15, f"stopped after {took:.1f} s"
    assert set(load.outcomes) <= {200, BROKEN}, load.outcomes
    assert shop.finished(accepted)["result"]["done_count"] == 5000
    listed = source_ids(shop)
    assert len(listed) == len(set(listed))
    assert load.acknowledged | {f"row-{n}" for n in range(5000)} <= set(listed)
    events = events_by_source(shop)
    assert all(events[f"row-{n}"] == {"customer.created": 1} for n in range(5000))


def test_stopping_under_load_loses_nothing(own: Server) -> None:
    stop_under_load(own)


# --- a database of one's own ----------------------------------------------------------------------


@contextmanager
def external() -> Iterator[tuple[Path, Postgres]]:
    """A PostgreSQL that no server has started, and a folder for the servers that use it."""
    with tempfile.TemporaryDirectory(prefix="largesse-test-", ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o755)
        postgres = Postgres(Path(place) / "external")
        postgres.start()
        try:
            yield Path(place), postgres
        finally:
            postgres.stop()


def test_server_uses_an_external_postgres_and_leaves_it_alone() -> None:
    with external() as (place, postgres):
        server = Server(place / "data", database_url=postgres.url, workers=1).start()
        try:
            postmaster = postgres.pid
            shop = server.project()
            assert shop.api.post("/v1/customers", json={"source_id": "a"}).status_code == 200
            accepted = shop.api.post("/v1/customers/bulk/async", json=[{"source_id": "b"}])
            assert shop.finished(accepted)["result"]["done_count"] == 1
            assert not (server.folder / "postgres").exists()
            # It is not the server's to start either, and is found again when it is back.
            postgres.stop()
            away = shop.api.post("/v1/customers", json={"source_id": "c"})
            assert (away.status_code, away.headers["Retry-After"]) == (503, "1")
            ready = server.anonymous().get("/health/ready")
            assert (ready.status_code, ready.headers["Retry-After"]) == (503, "1")
            assert server.anonymous().get("/health/live").status_code == 200
            time.sleep(0.5)
            assert postgres.pid is None
            postgres.start()
            until(server.ready, 5)
            assert shop.api.post("/v1/customers", json={"source_id": "c"}).status_code == 200
            postmaster = postgres.pid
        finally:
            code = server.stop()
        assert code == 0
        assert postgres.pid == postmaster
        with Session(postgres.url) as session:
            assert session.value("SELECT count(*) FROM customers") == 3


def started_together(place: Path, postgres: Postgres, count: int = 2) -> list[Server]:
    servers = [
        Server(place / f"data-{n}", database_url=postgres.url, workers=1) for n in range(count)
    ]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda server: server.start(), servers))


def share_a_database(jobs: int, rows: int) -> None:
    with external() as (place, postgres):
        first, second = servers = started_together(place, postgres)
        try:
            applied = sql(first, "SELECT number FROM migrations ORDER BY number")
            assert applied == sorted(set(applied))
            assert sql(first, "SELECT count(*) FROM migration_lease") == [(0,)]
            assert sql(first, "SELECT count(*) FROM projects") == [(1,)]
            shops = [servers[n % 2].project() for n in range(jobs)]
            for n, shop in enumerate(shops):
                other = Shop(servers[(n + 1) % 2], shop.project)
                made = shop.api.post("/v1/customers", json={"source_id": "held"})
                assert other.api.get("/v1/customers/held").json() == made.json()
            # One of the two workers waits in the first project; the other does all the others.
            with Session(postgres.url) as session:
                session.hold(shops[0], "held")
                stuck = shops[0].api.post("/v1/customers/bulk/async", json=[{"source_id": "held"}])
                until(lambda: session.waiting() == 1)
                many = [{"source_id": f"row-{n}"} for n in range(rows)]
                accepted = [shop.api.post("/v1/customers/bulk/async", json=many) for shop in shops]
                for shop, answer in zip(shops[1:], accepted[1:], strict=True):
                    assert shop.finished(answer)["result"]["done_count"] == rows
                session.release()
            assert shops[0].finished(stuck)["result"]["done_count"] == 1
            assert shops[0].finished(accepted[0])["result"]["done_count"] == rows
            for shop in shops:
                counts = events_by_source(shop)
                assert counts.pop("held")["customer.created"] == 1
                once = {"customer.created": 1}
                assert counts == {f"row-{n}": once for n in range(rows)}
            assert [_job_rows(server) > 0 for server in servers] == [True, True]
            assert sum(map(_job_rows, servers)) == jobs * rows + 1
            assert first.stop() == 0
            last = Shop(second, shops[0].project)
            accepted_last = last.api.post("/v1/customers/bulk/async", json=many)
            assert last.finished(accepted_last)["result"]["done_count"] == rows
        finally:
            codes = [server.stop() for server in servers]
        assert codes == [0, 0]
        assert postgres.pid is not None


def _job_rows(server: Server) -> int:
    """How many rows the server's own worker has done."""
    text = server.anonymous().get("/metrics").text
    return int(
        sum(
            float(line.split()[-1])
            for line in text.splitlines()
            if line.startswith("largesse_job_rows_total{")
        )
    )


def test_two_servers_share_a_database() -> None:
    share_a_database(jobs=3, rows=600)


@pytest.mark.soak
def test_two_servers_share_a_database_every_time() -> None:
    for _ in range(5):
        share_a_database(jobs=6, rows=3000)


# --- a worker of its own --------------------------------------------------------------------------


@contextmanager
def without_background(place: Path) -> Iterator[Server]:
    """`largesse serve --no-background`, which runs no background worker."""
    server = Server(place / "data", workers=1)
    with server.log.open("a") as log:
        server.process = subprocess.Popen(
            [sys.executable, "-m", "largesse.cli", "serve", "--no-background"],
            env=server.environment(),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    try:
        assert server.process.stdout is not None
        for line in server.process.stdout:
            if line.startswith("Largesse listens on "):
                server.url = line.split()[-1]
                break
        until(server.ready)
        yield server
    finally:
        assert server.stop() == 0
        server.postgres.stop()


@contextmanager
def separate_worker(server: Server) -> Iterator[subprocess.Popen[Any]]:
    with server.log.open("a") as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "largesse.cli", "worker"],
            env=server.environment(),
            stderr=log,
            start_new_session=True,
        )
    try:
        yield worker
    finally:
        if worker.poll() is None:
            os.kill(worker.pid, signal.SIGTERM)
            worker.wait(20)


def test_jobs_wait_for_a_separate_worker() -> None:
    with tempfile.TemporaryDirectory(prefix="largesse-test-", ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o755)
        with without_background(Path(place)) as server:
            assert living(server, "largesse.worker") == []
            assert len(living(server, "largesse.app")) == 1
            shop = server.project()
            many = [{"source_id": f"row-{n}"} for n in range(1200)]
            accepted = shop.api.post("/v1/customers/bulk/async", json=many)
            path = f"/v1/async-actions/{accepted.json()['async_action_id']}"
            time.sleep(1.5)
            action = shop.api.get(path).json()
            assert (action["status"], action["progress"]) == ("ENQUEUED", 0)
            assert living(server, "largesse.worker") == []
            with separate_worker(server) as worker:
                assert shop.finished(accepted)["result"]["done_count"] == 1200
                worker.send_signal(signal.SIGTERM)
                assert worker.wait(10) == 0
            once = {"customer.created": 1}
            assert events_by_source(shop) == {f"row-{n}": once for n in range(1200)}
            # It came beside a server that runs, so PostgreSQL is not its to stop.
            assert shop.api.get("/v1/customers/row-1").status_code == 200
