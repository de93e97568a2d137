"""Redemptions that wait for the same voucher and share a transaction: each for itself."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.api.test_campaigns import add
from tests.api.test_campaigns import make as make_campaign
from tests.api.test_customers import read as read_customer
from tests.api.test_customers import save as save_customer
from tests.api.test_customers import sql
from tests.api.test_redemptions import redeem, voucher
from tests.api.test_segments import make as make_segment
from tests.api.test_validation_rules import create as make_rule
from tests.api.test_validation_rules_assignments import assign
from tests.api.test_vouchers import GIFT, create, read
from tests.crowd import on_database
from tests.redeeming import body, campaign, limited, recount, tier_of
from tests.running import Server, Shop, running

NOBODY = "cust_000000000000000000000000"


@pytest.fixture(scope="module")
def alone() -> Iterator[Server]:
    """One web worker, to which all requests for a voucher come."""
    yield from running(workers=1)


@pytest.fixture
def hot(alone: Server) -> Shop:
    return alone.project()


def at_once(
    shop: Shop, *bodies: dict[str, Any], keys: list[str] | None = None
) -> list[httpx.Response]:
    """The answers to redemptions that are asked for at once, in the order in which they were given;
    the voucher is `hot` unless a body says otherwise.
    """

    def ask(place: int) -> httpx.Response:
        headers = dict(shop.api.headers)
        if keys is not None:
            headers["Idempotency-Key"] = keys[place]
        body = {"redeemables": [voucher("hot")], **bodies[place]}
        url = f"{shop.server.url}/v1/redemptions"
        return httpx.post(url, json=body, headers=headers, timeout=60, trust_env=False)

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(ask, range(len(bodies))))


def statuses(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def shared(shop: Shop) -> int:
    """The most redemptions that were written by one transaction."""
    found = sql(
        shop,
        "SELECT count(*) AS n FROM redemptions WHERE project_id = $1 GROUP BY xmin ORDER BY n DESC",
    )
    n: int = found[0]["n"]
    return n


@contextmanager
def held(shop: Shop, *codes: str, seconds: float) -> Iterator[None]:
    """Somebody else holds these vouchers for so long, so that who redeems them has to wait."""
    begun = threading.Event()

    async def hold(connection: Any) -> None:
        async with connection.transaction():
            await connection.execute(
                "SELECT FROM vouchers WHERE project_id = $1 AND code = ANY($2) FOR UPDATE",
                *(shop.id, codes),
            )
            begun.set()
            await asyncio.sleep(seconds)

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(lambda: on_database(shop.server, hold))
        assert begun.wait(10)
        yield
        holding.result()


def test_each_is_answered_for_itself(hot: Shop) -> None:
    create(hot, "hot", redemption={"quantity": 30})
    bodies = [
        {
            "customer": {"source_id": f"c{number}", "name": f"Name {number}"},
            "order": {"source_id": f"o{number}", "amount": 5000 + number},
            "metadata": {"number": number},
        }
        for number in range(40)
    ]
    answers = at_once(hot, *bodies)
    assert statuses(answers) == {200: 30, 400: 10}
    assert shared(hot) > 1
    quantities = []
    for number, answer in enumerate(answers):
        if answer.status_code == 400:
            assert answer.json()["key"] == "quantity_exceeded"
            continue
        [found] = answer.json()["redemptions"]
        assert found["metadata"] == {"number": number}
        assert found["order"]["source_id"] == f"o{number}"
        assert found["order"]["total_amount"] == 4000 + number
        assert found["customer"]["source_id"] == f"c{number}"
        order = hot.api.get(f"/v1/orders/o{number}").json()
        assert list(order["redemptions"]) == [found["id"]]
        assert read_customer(hot, f"c{number}")["summary"]["orders"]["total_amount"] == (
            4000 + number
        )
        quantities.append(found["voucher"]["redemption"]["redeemed_quantity"])
    assert sorted(quantities) == list(range(1, 31))
    assert read(hot, "hot")["redemption"]["redeemed_quantity"] == 30
    listed = hot.api.get("/v1/redemptions").json()
    assert listed["total"] == 40


def test_one_that_raises_spoils_nothing(hot: Shop) -> None:
    create(hot, "hot")
    canceled = {"source_id": "gone", "amount": 5, "status": "CANCELED"}
    assert hot.api.post("/v1/orders", json=canceled).status_code == 200
    good = [{"order": {"source_id": f"o{number}", "amount": 5000}} for number in range(20)]
    bad = [
        {"customer": {"id": NOBODY}},
        {"order": {"source_id": "gone"}},
        {"customer": {"source_id": "ann"}, "tracking_id": "bob"},
        {"metadata": {"a": "\u0000"}},
    ]
    answers = at_once(hot, *good[:10], *bad, *good[10:])
    assert [answer.status_code for answer in answers[10:14]] == [404, 400, 400, 400]
    assert [answer.json()["key"] for answer in answers[10:14]] == [
        "not_found",
        "invalid_order",
        "ambiguous_tracking_id",
        "invalid_payload",
    ]
    assert statuses(answers[:10] + answers[14:]) == {200: 20}
    assert read(hot, "hot")["redemption"]["redeemed_quantity"] == 20


def test_one_order_for_all_of_them(hot: Shop) -> None:
    """Each takes off what those before it left, whether the order exists or not."""
    create(hot, "hot", discount={"type": "AMOUNT", "amount_off": 10})
    order = {"source_id": "o", "amount": 1000, "customer": {"source_id": "ann"}}
    hot.api.post("/v1/orders", json=order)
    for name in ("o", "new"):
        answers = at_once(hot, *[{"order": {**order, "source_id": name}}] * 20)
        assert statuses(answers) == {200: 20}
        stored = hot.api.get(f"/v1/orders/{name}").json()
        assert len(stored["redemptions"]) == 20
        assert (stored["discount_amount"], stored["total_amount"]) == (200, 800)
        lefts = sorted(answer.json()["order"]["total_amount"] for answer in answers)
        assert lefts == list(range(800, 1000, 10))
    assert read_customer(hot, "ann")["summary"]["orders"]["total_amount"] == 1600
    assert read_customer(hot, "ann")["summary"]["orders"]["total_count"] == 2


def test_one_source_id_beside_ids_that_nobody_has(hot: Shop) -> None:
    create(hot, "hot")
    same = {"source_id": "same", "amount": 5000}
    bodies: list[dict[str, Any]] = [
        {"order": {**same, "id": f"unknown{number}"}} if number % 3 else {"order": same}
        for number in range(30)
    ]
    answers = at_once(hot, *bodies)
    assert set(statuses(answers)) == {200, 409}
    done = statuses(answers)[200]
    assert done >= 10
    order = hot.api.get("/v1/orders/same").json()
    assert len(order["redemptions"]) == done
    assert read(hot, "hot")["redemption"]["redeemed_quantity"] == done


def test_one_customer_for_all_of_them(hot: Shop) -> None:
    """Who leaves a segment with the first redemption is not in it for the second."""
    path = "summary.redemptions.total_succeeded"
    filter_ = {"junction": "and", path: {"conditions": {"$is": [0]}}}
    segment = make_segment(hot, name="New", type="auto-update", filter=filter_)
    save_customer(hot, source_id="ann")
    create(hot, "hot")
    rule = make_rule(
        hot, rules={"1": {"name": "customer.segment", "conditions": {"$is": [segment["id"]]}}}
    )
    assign(hot, rule, voucher=read(hot, "hot")["id"])
    names = [f"c{number}" if number < 10 or number % 2 else "ann" for number in range(50)]
    answers = at_once(hot, *[{"customer": {"source_id": name}} for name in names])
    assert shared(hot) > 1
    assert statuses(answers) == {200: 31, 400: 19}
    summary = read_customer(hot, "ann")["summary"]["redemptions"]
    assert (summary["total_succeeded"], summary["total_failed"]) == (1, 19)


def test_a_limit_of_each_customer(hot: Shop) -> None:
    create(hot, "hot")
    limit = {"name": "redemption.count.per_customer", "conditions": {"$less_than_or_equal": [2]}}
    assign(hot, make_rule(hot, rules={"1": limit}), voucher=read(hot, "hot")["id"])
    bodies = [{"customer": {"source_id": f"c{number % 5}"}} for number in range(30)]
    answers = at_once(hot, *bodies)
    assert statuses(answers) == {200: 10, 400: 20}
    for number in range(5):
        mine = [answer.status_code for answer in answers[number::5]]
        assert mine.count(200) == 2


def test_what_is_on_a_card_is_shared(hot: Shop) -> None:
    create(hot, "hot", **GIFT)
    bodies = [{"redeemables": [voucher("hot", 900)], "order": {"amount": 5000}}] * 20
    answers = at_once(hot, *bodies)
    assert statuses(answers) == {200: 11, 400: 9}
    balances = [
        answer.json()["redemptions"][0]["voucher"]["gift"]["balance"]
        for answer in answers
        if answer.status_code == 200
    ]
    assert sorted(balances) == list(range(100, 10000, 900))
    assert read(hot, "hot")["gift"]["balance"] == 100


def test_ids_and_codes_name_the_same_voucher(hot: Shop) -> None:
    made = create(hot, "hot", redemption={"quantity": 7})
    bodies = [
        {"redeemables": [voucher(made["id" if number % 2 else "code"])]} for number in range(20)
    ]
    assert statuses(at_once(hot, *bodies)) == {200: 7, 400: 13}
    assert read(hot, "hot")["redemption"]["redeemed_quantity"] == 7


# --- of different vouchers ----------------------------------------------------------------------


def test_vouchers_of_all_kinds_share_what_is_left(hot: Shop) -> None:
    """Codes, cards and tiers that arrive together, of which a campaign allows twenty."""
    campaign(hot, "C", [f"c{number}" for number in range(12)])
    limited(hot, "campaign.redemptions.count", 20, campaign="C")
    tier = tier_of(hot, "P")
    create(hot, "CARD", **GIFT)
    answers = at_once(
        hot, *[body(f"c{number % 12}", ("CARD", 100), tier, amount=900) for number in range(40)]
    )
    assert shared(hot) > 4
    assert statuses(answers) == {200: 20, 400: 20}
    assert read(hot, "CARD")["gift"]["balance"] == 10000 - 20 * 100
    used = [read(hot, f"c{number}")["redemption"]["redeemed_quantity"] for number in range(12)]
    assert sum(used) == 20
    recount(hot)


def test_a_limit_of_a_campaign_on_one_of_its_codes_sees_the_others(hot: Shop) -> None:
    """Twenty redemptions of the campaign and no more: of the others there may be any number, of the
    limited one none after the twentieth of all.
    """
    campaign(hot, "C", ["LIMITED", "FREE"])
    limited(hot, "campaign.redemptions.count", 20, voucher="LIMITED")
    with held(hot, "FREE", "LIMITED", seconds=0.4):
        answers = at_once(hot, *[body("LIMITED" if n % 2 else "FREE") for n in range(80)])
    assert shared(hot) > 2
    done = [answer.json()["redemptions"][0] for answer in answers if answer.status_code == 200]
    done.sort(key=lambda each: each["id"])
    codes = [each["voucher"]["code"] for each in done]
    assert codes.count("FREE") == 40
    assert set(codes[20:]) == {"FREE"}


@pytest.mark.parametrize("kind", ["campaign", "voucher"])
def test_units_of_a_product_are_shared_by_those_who_come_together(hot: Shop, kind: str) -> None:
    """Five units, whatever their rule is assigned to."""
    each = {"type": "AMOUNT", "amount_off": 100, "effect": "APPLY_TO_ITEMS_BY_QUANTITY"}
    made = make_campaign(hot, voucher={"type": "DISCOUNT_VOUCHER", "discount": each})
    of = {"campaign": made["id"], "voucher": add(hot, "TEA")["id"]}
    hot.api.post("/v1/products", json={"source_id": "tea", "name": "tea"})
    entry = {"object": "product", "source_id": "tea", "product_campaign_quantity_limit": 5}
    assign(hot, make_rule(hot, applicable_to={"included": [entry]}), **{kind: of[kind]})
    item = {"source_id": "tea", "related_object": "product", "quantity": 1, "price": 1000}
    with held(hot, "TEA", seconds=0.4):
        answers = at_once(
            hot, *[{"redeemables": [voucher("TEA")], "order": {"items": [item]}}] * 20
        )
    assert shared(hot) > 2
    assert statuses(answers) == {200: 5, 400: 15}


def test_a_voucher_that_somebody_holds_holds_up_nobody_else(hot: Shop) -> None:
    for name in ("held", "free"):
        create(hot, name)
    free = {"redeemables": [voucher("free")]}

    with held(hot, "held", seconds=6), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: at_once(hot, *[{"redeemables": [voucher("held")]}] * 3))
        begun = time.monotonic()
        for _ in range(4):
            assert statuses(at_once(hot, *[free] * 5)) == {200: 5}
        assert time.monotonic() - begun < 4
        assert not waiting.done()
        assert statuses(waiting.result()) == {200: 3}


# --- keys of idempotency ------------------------------------------------------------------------


def test_a_key_redeems_once(hot: Shop) -> None:
    create(hot, "hot")
    answers = at_once(hot, *[{"order": {"amount": 5000}}] * 12, keys=["one", "two", "three"] * 4)
    assert statuses(answers) == {200: 12}
    assert len({answer.content for answer in answers}) == 3
    assert read(hot, "hot")["redemption"]["redeemed_quantity"] == 3
    assert hot.api.get("/v1/orders").json()["total"] == 3
    # Other requests for it, without keys, go on beside.
    redeem(hot, "hot")
    assert read(hot, "hot")["redemption"]["redeemed_quantity"] == 4


def test_a_refusal_is_kept_with_its_redemption(hot: Shop) -> None:
    create(hot, "hot", active=False)
    body: dict[str, Any] = {}
    first, again = at_once(hot, body, keys=["k"]), at_once(hot, body, keys=["k"])
    assert statuses(first + again) == {400: 2}
    assert first[0].content == again[0].content
    assert hot.api.get("/v1/redemptions").json()["total"] == 1
    hot.api.put("/v1/vouchers/hot", json={"active": True})
    assert at_once(hot, body, keys=["k"])[0].content == first[0].content
    other = at_once(hot, {"order": {"amount": 1}}, keys=["k"])[0]
    assert other.status_code == 409


def test_a_rollback_with_a_key_is_done_once(hot: Shop) -> None:
    create(hot, "hot")
    id_ = redeem(hot, "hot")["redemptions"][0]["id"]
    path, headers = f"/v1/redemptions/{id_}/rollback", {"Idempotency-Key": "undo"}
    first = hot.api.post(path, json={}, headers=headers)
    again = hot.api.post(path, json={}, headers=headers)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert first.status_code == 200
    assert hot.api.post(path, json={}).status_code == 400
    assert read(hot, "hot")["redemption"]["redeemed_quantity"] == 0
