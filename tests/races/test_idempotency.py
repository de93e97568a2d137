"""Many with one idempotency key, and what becomes of a key when something dies on the way."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.api.test_idempotency import DAY, age, ask, kept, replayed
from tests.api.test_vouchers import TEN_OFF
from tests.races.load import (
    Session,
    all_serve,
    database_url,
    living,
    mishaps,
    parallel,
    sql,
    workers,
)
from tests.running import Server, Shop, running, until

KEY = "one for all"
ANN = {"source_id": "ann", "name": "Ann"}
ASK = ("POST", "/v1/customers", ANN)
# While a transaction commits, the database waits a second: time to kill who commits.
LINGER = """
CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON kept_answers
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION linger();
"""
COMMITTING = "SELECT count(*) FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active'"
END_WAITING = """
SELECT pg_terminate_backend(pid) FROM (SELECT DISTINCT pid FROM pg_locks WHERE NOT granted) AS pids
"""


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server to be harmed, which waits two seconds for a lock."""
    yield from running(statement_timeout_ms=2000)


def once(answers: Sequence[httpx.Response]) -> httpx.Response:
    """One request did the work, and all the others were given its answer; that one."""
    assert Counter(answer.status_code for answer in answers) == {
        answers[0].status_code: len(answers)
    }
    assert len({answer.content for answer in answers}) == 1
    first = [answer for answer in answers if not replayed(answer)]
    assert len(first) == 1
    return first[0]


def count(shop: Shop, table: str, condition: str = "true") -> int:
    statement = f"SELECT count(*) FROM {table} WHERE project_id = $1 AND {condition}"
    found: int = sql(shop.server, statement, shop.id)[0][0]
    return found


def while_held(shop: Shop, asks: Sequence[Any], act: Callable[[Session], Any]) -> list[Any]:
    """Sends requests that wait for the row of a customer that the test holds, or for one another;
    when all are waiting, lets `act` see to it that they can go on. Their answers.
    """
    with Session(database_url(shop.server)) as session, ThreadPoolExecutor(1) as pool:
        session.hold(shop, "ann")
        sending = pool.submit(parallel, shop, asks, len(asks), Idempotency_Key=KEY)
        try:
            until(lambda: session.waiting() >= len(asks))
            act(session)
        finally:
            session.release()
        return sending.result()


# --- together -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/customers", "/v1/vouchers", "/v1/orders"])
def test_of_fifty_one_does_the_work(shop: Shop, path: str) -> None:
    body = {"/v1/vouchers": TEN_OFF, "/v1/orders": {"amount": 5}}.get(path, {"name": "Ann"})
    answers = parallel(shop, [("POST", path, body)] * 50, 50, Idempotency_Key=KEY)
    assert once(answers).status_code == 200
    assert shop.api.get(path).json()["total"] == 1


def test_of_fifty_refusals_one_is_thought_out(shop: Shop) -> None:
    shop.api.post("/v1/vouchers/one", json=TEN_OFF)
    asks = [("POST", "/v1/vouchers/one", TEN_OFF)] * 50
    assert once(parallel(shop, asks, 50, Idempotency_Key=KEY)).status_code == 409


def test_of_fifty_different_ones_the_others_conflict(shop: Shop) -> None:
    asks = [("POST", "/v1/vouchers", {**TEN_OFF, "metadata": {"n": n}}) for n in range(50)]
    answers = parallel(shop, asks, 50, Idempotency_Key=KEY)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 49}
    assert shop.api.get("/v1/vouchers").json()["total"] == 1


def test_of_fifty_one_takes_an_old_key_over(shop: Shop) -> None:
    ask(shop.api, "/v1/vouchers", TEN_OFF, KEY)
    age(shop, DAY)
    once(parallel(shop, [("POST", "/v1/vouchers", TEN_OFF)] * 50, 50, Idempotency_Key=KEY))
    assert shop.api.get("/v1/vouchers").json()["total"] == 2


def test_who_comes_second_waits_for_the_first(shop: Shop) -> None:
    shop.api.post("/v1/customers", json={"source_id": "ann"})
    answers = while_held(shop, [ASK] * 10, lambda session: None)
    assert once(answers).json()["name"] == "Ann"
    assert count(shop, "events", "type = 'customer.updated'") == 1


# --- things break ---------------------------------------------------------------------------------


def test_a_request_that_is_run_again_claims_its_key_again(shop: Shop) -> None:
    """Both lose their connections while they wait, and both are run again."""
    shop.api.post("/v1/customers", json={"source_id": "ann"})

    def cut(session: Session) -> None:
        assert len(session.rows(END_WAITING)) == 2

    assert once(while_held(shop, [ASK] * 2, cut)).status_code == 200
    assert count(shop, "events", "type = 'customer.updated'") == 1


def test_what_took_too_long_is_not_kept(own: Server) -> None:
    shop = own.project()
    shop.api.post("/v1/customers", json={"source_id": "ann"})
    with Session(database_url(own)) as session:
        session.hold(shop, "ann")
        refused = ask(shop.api, "/v1/customers", ANN, KEY)
        session.release()
    assert refused.status_code == 503
    assert kept(shop) == []
    answer = ask(shop.api, "/v1/customers", ANN, KEY)
    assert answer.status_code == 200
    assert not replayed(answer)


def test_what_committed_unseen_is_answered_to_who_asks_again(own: Server) -> None:
    """The web worker dies after it has said COMMIT, and before it has heard that it is done."""
    shop = own.project()
    until(lambda: all_serve(own))
    with Session(database_url(own)) as session, ThreadPoolExecutor(1) as pool:
        session.run(LINGER)
        try:
            sending = pool.submit(ask, shop.api, "/v1/vouchers", TEN_OFF, KEY)
            until(lambda: session.value(COMMITTING) == 1, pause=0.01)
            for child in living(own, "largesse.app"):
                child.kill()
            with pytest.raises(httpx.HTTPError):
                sending.result()
            until(lambda: all_serve(own), 30)
            answer = ask(shop.api, "/v1/vouchers", TEN_OFF, KEY)
        finally:
            session.run("DROP TRIGGER linger ON kept_answers; DROP FUNCTION linger")
    assert answer.status_code == 200
    assert replayed(answer)
    vouchers = shop.api.get("/v1/vouchers").json()["vouchers"]
    assert [voucher["id"] for voucher in vouchers] == [answer.json()["id"]]


class Stubborn:
    """Asks for vouchers without a pause, each with a key of its own and as often as it takes."""

    def __init__(self, shop: Shop, threads: int = 6) -> None:
        self.shop = shop
        self.answers: list[httpx.Response] = []
        self.broken = 0
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(threads)]

    def __enter__(self) -> Stubborn:
        for thread in self._threads:
            thread.start()
        until(lambda: len(self.answers) >= 30)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        url, headers = self.shop.server.url, self.shop.api.headers
        n = 0
        with httpx.Client(base_url=url, headers=headers, timeout=20, trust_env=False) as client:
            while not self._over.is_set():
                n += 1
                self.answers.append(self._ask(client, f"{number}-{n}"))

    def _ask(self, client: httpx.Client, key: str) -> httpx.Response:
        while True:
            try:
                headers = {"Idempotency-Key": key}
                answer = client.post("/v1/vouchers", json=TEN_OFF, headers=headers)
                if answer.status_code != 503:
                    return answer
            except httpx.HTTPError:
                self.broken += 1
            time.sleep(0.02)


def kill_web_workers(own: Server, times: int) -> None:
    shop = own.project()
    until(lambda: all_serve(own))
    with Stubborn(shop) as clients:
        for _ in range(times):
            for child in living(own, "largesse.app"):
                child.kill()
            until(lambda: all_serve(own), 30)
            time.sleep(0.2)
    assert {answer.status_code for answer in clients.answers} == {200}, mishaps(own)
    assert clients.broken > 0
    answered = sorted(answer.json()["id"] for answer in clients.answers)
    stored = sql(own, "SELECT id FROM vouchers WHERE project_id = $1 ORDER BY id", shop.id)
    assert answered == [row[0] for row in stored]


def test_whatever_dies_each_key_does_its_work_once(own: Server) -> None:
    kill_web_workers(own, 3)


@pytest.mark.soak
def test_whatever_dies_thirty_times_each_key_does_its_work_once(own: Server) -> None:
    kill_web_workers(own, 30)


# --- clearing up ----------------------------------------------------------------------------------


def test_the_worker_clears_old_answers_away(own: Server) -> None:
    shop = own.project()
    ask(shop.api, "/v1/vouchers", TEN_OFF, "old")
    age(shop, DAY)
    ask(shop.api, "/v1/vouchers", TEN_OFF, "young")
    assert len(kept(shop)) == 2
    # It clears up as soon as it begins, and then every ten minutes.
    for child in living(own, "largesse.worker"):
        child.kill()
    until(lambda: len(kept(shop)) == 1)
    assert replayed(ask(shop.api, "/v1/vouchers", TEN_OFF, "young"))
    until(lambda: len(workers(own)) == 3)
