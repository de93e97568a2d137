"""kill -9 while orders are made and paid: none is there by half, and no sum is."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.races.load import all_serve, living, mishaps, sql
from tests.races.test_orders import order_events, recounted
from tests.running import Server, Shop, running, until


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server to be harmed."""
    yield from running()


class Buyers:
    """Creates and pays orders without a pause, from threads of its own; what broke is tried again,
    as a shop would do.
    """

    def __init__(self, shop: Shop, count: int = 6) -> None:
        self.shop = shop
        self.acknowledged: dict[str, int] = {}
        self.unforeseen: list[str] = []
        self.broken = 0
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._buy, args=(n,)) for n in range(count)]

    def __enter__(self) -> Buyers:
        for thread in self._threads:
            thread.start()
        until(lambda: len(self.acknowledged) >= 30)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _buy(self, buyer: int) -> None:
        n = 0
        with httpx.Client(
            base_url=self.shop.server.url, headers=self.shop.api.headers, timeout=20
        ) as client:
            while not self._over.is_set():
                n += 1
                name, amount = f"{buyer}-{n}", 10 + n % 7
                customer = {"source_id": f"c{(buyer + n) % 3}"}
                body = {"source_id": name, "amount": amount, "customer": customer}
                self._say(client, "POST", "/v1/orders", body)
                self._say(client, "PUT", f"/v1/orders/{name}", {"status": "PAID"})
                self.acknowledged[name] = amount

    def _say(self, client: httpx.Client, method: str, path: str, body: Any) -> None:
        for _ in range(200):
            try:
                answer = client.request(method, path, json=body)
            except httpx.TransportError:
                self.broken += 1
                time.sleep(0.05)
                continue
            if answer.status_code == 200:
                return
            if answer.status_code != 503:
                self.unforeseen.append(answer.text)
                return
            time.sleep(0.05)
        self.unforeseen.append(f"{method} {path} was never answered")


def kill_while_they_buy(own: Server, times: int) -> None:
    until(lambda: all_serve(own))
    shop = own.project()
    with Buyers(shop) as buyers:
        for _ in range(times):
            living(own, "largesse.app")[0].kill()
            until(lambda: all_serve(own), 30)
            time.sleep(0.2)
    assert not buyers.unforeseen, f"{buyers.unforeseen[:3]} {mishaps(own)}"
    assert buyers.broken, "nobody noticed a kill"
    stored = dict(
        sql(own, "SELECT source_id, total_amount FROM orders WHERE project_id = $1", shop.id)
    )
    assert stored == buyers.acknowledged
    found = recounted(shop)
    assert sum(amount for amount, _ in found.values()) == sum(stored.values())
    assert sum(count for _, count in found.values()) == len(stored)
    events = order_events(shop)
    # A request that was carried out and never answered was sent again, and is an update more.
    assert (events["created"], events["paid"]) == (len(stored), len(stored))
    assert len(stored) <= events["updated"] <= len(stored) + buyers.broken


def test_killed_web_workers_leave_no_half(own: Server) -> None:
    kill_while_they_buy(own, 3)


@pytest.mark.soak
def test_web_workers_killed_often_leave_no_half(own: Server) -> None:
    kill_while_they_buy(own, 25)
