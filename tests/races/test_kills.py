"""kill -9 while customers are being created: what was acknowledged is there, and service is back
within five seconds by itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.races.load import BROKEN, Load, all_serve, living, mishaps, source_ids, workers
from tests.running import Server, running, until

BACK_SECONDS = 5.0


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server to be harmed."""
    yield from running()


def shown(seconds: list[float]) -> str:
    return " ".join(f"{one:.2f}" for one in seconds)


def all_there(load: Load) -> None:
    listed = source_ids(load.shop)
    assert len(listed) == len(set(listed))
    lost = load.acknowledged - set(listed)
    assert not lost, f"acknowledged and lost: {sorted(lost)}"


def kill_web_workers(own: Server, times: int) -> None:
    """Kills one web worker, then both, then one, and so on."""
    back: list[float] = []
    whole: list[float] = []
    until(lambda: all_serve(own))
    with Load(own.project()) as load:
        for number in range(times):
            children = living(own, "largesse.app")
            assert len(children) == 2
            for child in children[:1] if number % 2 == 0 else children:
                child.kill()
            killed = time.monotonic()
            back.append(load.served_after(killed) - killed)
            until(lambda: all_serve(own), 30)
            whole.append(time.monotonic() - killed)
            time.sleep(0.2)
    seen = (
        f"served again after {shown(back)} s, both serve after {shown(whole)} s, "
        f"outcomes {dict(load.outcomes)}"
    )
    print(seen)
    assert 500 not in load.outcomes, f"{seen}\n{mishaps(own)}"
    assert set(load.outcomes) <= {200, 503, BROKEN}, seen
    assert BROKEN in load.outcomes, f"nobody noticed a kill: {seen}"
    assert max(back) < BACK_SECONDS, seen
    all_there(load)


def test_killed_web_workers_lose_nothing(own: Server) -> None:
    kill_web_workers(own, 4)


@pytest.mark.soak
def test_web_workers_killed_twenty_times_lose_nothing(own: Server) -> None:
    kill_web_workers(own, 20)


# --- the database ---------------------------------------------------------------------------------


def kill_postgres(own: Server, times: int, *, web_workers_too: bool = False) -> None:
    """Kills PostgreSQL's first process; the server starts it again and says 503 meanwhile."""
    back: list[float] = []
    killed_ones: list[int] = []
    until(lambda: all_serve(own))
    with Load(own.project()) as load:
        children = {child.pid for child in workers(own)}
        assert len(children) == 3
        for number in range(times):
            postmaster = own.postgres.pid
            assert postmaster is not None
            killed_ones.append(postmaster)
            own.postgres.kill()
            if web_workers_too:
                for child in living(own, "largesse.app"):
                    child.kill()
            killed = time.monotonic()
            until(lambda: own.postgres.pid not in (None, *killed_ones), 30, 0.01)
            back.append(load.served_after(time.monotonic()) - killed)
            # Every other time it is killed again as soon as it answers, when the server may not
            # have done starting it.
            time.sleep(0.5 * (number % 2))
    seen = f"served again after {shown(back)} s, outcomes {dict(load.outcomes)}"
    print(seen)
    assert 500 not in load.outcomes, f"{seen}\n{mishaps(own)}"
    if web_workers_too:
        assert set(load.outcomes) <= {200, 503, BROKEN}, seen
    else:
        assert set(load.outcomes) == {200, 503}, seen
        assert {child.pid for child in workers(own)} == children, "a process died"
    waits = {said.retry_after for said in load.said if said.outcome == 503}
    assert waits <= {"1"}, f"Retry-After of the 503 answers: {waits}"
    assert max(back) < BACK_SECONDS, seen
    all_there(load)


def test_killed_postgres_is_back_and_loses_nothing(own: Server) -> None:
    kill_postgres(own, 2)


@pytest.mark.soak
def test_postgres_killed_ten_times_is_back_and_loses_nothing(own: Server) -> None:
    kill_postgres(own, 10)


@pytest.mark.soak
def test_postgres_and_web_workers_killed_together_lose_nothing(own: Server) -> None:
    kill_postgres(own, 4, web_workers_too=True)
