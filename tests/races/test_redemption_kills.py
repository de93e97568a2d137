"""kill -9 while shops redeem: what was acknowledged is there and whole, nothing is there by half,
no sum is off, and service is back within five seconds by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.races.load import BROKEN, Ask, Load, all_serve, living, mishaps, sql
from tests.races.test_kills import BACK_SECONDS, shown
from tests.races.test_orders import recounted
from tests.redeeming import campaign, coupon, gift_card, limited, read, recount, redeeming
from tests.running import Server, Shop, running, until

RICH = 10**9


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server to be harmed."""
    yield from running()


class Checkouts(Load):
    """Redeems one thing, three together, or a gift card, for an order and a customer; rolls back
    every fifth. `acknowledged` are ids of redemptions and rollbacks.
    """

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop)
        campaign(shop, "C", ["of-campaign"])
        limited(shop, "campaign.redemptions.count", RICH, campaign="C")
        coupon(shop, "single", limit=RICH)
        limited(shop, "redemption.count.per_customer", RICH, voucher="single")
        gift_card(shop, "card", RICH)
        self._undo: list[str] = []

    def ask(self, client: int, n: int) -> Ask:
        if n % 5 == 4 and self._undo:
            return "POST", f"/v1/redemptions/{self._undo.pop()}/rollbacks", {}
        stack: list[str | tuple[str, int]] = ["single", "of-campaign", ("card", 7)]
        chosen = stack if n % 2 else [stack[n // 2 % 3]]
        order = {"source_id": f"{client}-{n}", "amount": 1000 + n}
        return redeeming(*chosen, order=order, customer=f"c{(client + n) % 3}")

    def hear(self, ask: Ask, answer: httpx.Response) -> None:
        said = answer.json()
        for name in ("redemptions", "rollbacks"):
            self.acknowledged.update(one["id"] for one in said.get(name, []))
        for name in ("parent_redemption", "parent_rollback"):
            if name in said:
                self.acknowledged.add(said[name]["id"])
        if "redemptions" in said:
            self._undo.append(said.get("parent_redemption", said["redemptions"][0])["id"])


def nothing_by_half(load: Checkouts) -> None:
    shop = load.shop
    stored = sql(shop.server, "SELECT id FROM redemptions WHERE project_id = $1", shop.id)
    lost = load.acknowledged - {id_ for (id_,) in stored}
    assert not lost, f"acknowledged and lost: {sorted(lost)[:5]}"
    recount(shop)
    recounted(shop)
    parents = sql(
        shop.server,
        "SELECT DISTINCT count(*) FROM redemptions "
        "WHERE project_id = $1 AND parent_id IS NOT NULL GROUP BY parent_id",
        shop.id,
    )
    assert parents == [(3,)]
    failed = "SELECT count(*) FROM redemptions WHERE project_id = $1 AND result <> 'SUCCESS'"
    assert sql(shop.server, failed, shop.id) == [(0,)]
    twice = sql(
        shop.server,
        "SELECT order_id, count(*) FROM redemptions WHERE project_id = $1 "
        "AND object = 'redemption' AND parent_id IS NULL GROUP BY 1 HAVING count(*) > 1",
        shop.id,
    )
    assert twice == [], "asked once and redeemed twice"
    lonely = sql(
        shop.server,
        "SELECT source_id FROM orders WHERE project_id = $1 AND NOT EXISTS (SELECT 1 "
        "FROM redemptions WHERE project_id = $1 AND order_id = orders.id)",
        shop.id,
    )
    assert lonely == [], "orders without what made them"
    spent = sql(
        shop.server,
        "SELECT sum(amount) FROM redemptions WHERE project_id = $1 AND voucher_code = 'card'",
        shop.id,
    )
    assert read(shop, "card")["gift"]["balance"] == RICH - spent[0][0]


def kill_and_see(own: Server, times: int, kill: Callable[[int], None], accepted: set[Any]) -> None:
    """Kills again and again under load. `kill` returns when what it killed has to come back."""
    back: list[float] = []
    until(lambda: all_serve(own))
    with Checkouts(own.project()) as load:
        for number in range(times):
            kill(number)
            killed = time.monotonic()
            back.append(load.served_after(killed) - killed)
            until(lambda: all_serve(own), 30)
            time.sleep(0.2)
    seen = f"served again after {shown(back)} s, outcomes {dict(load.outcomes)}"
    print(seen)
    assert set(load.outcomes) <= {200, 503, *accepted}, f"{seen}\n{mishaps(own)}"
    assert set(load.outcomes) != {200}, f"nobody noticed a kill: {seen}"
    assert max(back) < BACK_SECONDS, seen
    nothing_by_half(load)


def web_workers(own: Server, times: int) -> None:
    """One web worker, then both, then one; every tenth time the parent with all its children."""

    def kill(number: int) -> None:
        if number % 10 == 2:
            own.kill()
            own.start()
            return
        children = living(own, "largesse.app")
        for child in children[:1] if number % 2 == 0 else children:
            child.kill()

    kill_and_see(own, times, kill, {BROKEN})


def postgres(own: Server, times: int) -> None:
    def kill(_: int) -> None:
        before = own.postgres.pid
        own.postgres.kill()
        until(lambda: own.postgres.pid not in (None, before), 30, 0.01)

    kill_and_see(own, times, kill, set())


def test_killed_processes_leave_no_half_redemption(own: Server) -> None:
    web_workers(own, 3)


def test_killed_postgres_leaves_no_half_redemption(own: Server) -> None:
    postgres(own, 1)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_fifty_kills_leave_no_half_redemption(own: Server) -> None:
    web_workers(own, 50)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_postgres_killed_ten_times_leaves_no_half_redemption(own: Server) -> None:
    postgres(own, 10)
