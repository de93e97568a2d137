"""Many redemptions, rollbacks and locks of the same things at once: no limit is passed by one and
none falls short by one, and who loses has changed nothing.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.test_segments import make
from tests.races.load import Ask, Session, all_serve, database_url, sql
from tests.races.test_orders import recounted
from tests.redeeming import (
    ALL_APPLY,
    body,
    campaign,
    coupon,
    gift_card,
    limited,
    locking,
    race,
    read,
    recount,
    redeem,
    redeemed,
    redeeming,
    refusal,
    said,
    stacking,
    tier_of,
)
from tests.running import Server, Shop, running, until

OVER = (400, "quantity_exceeded")
BROKE_A_RULE = (400, "redemption_rules_violated")
WON = (200, None)


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server to be harmed."""
    yield from running()


def listed(shop: Shop, **query: Any) -> int:
    """How many redemptions the list has, read page by page."""
    found = 0
    for page in range(1, 1001):
        params = {"limit": 100, "page": page, **query}
        answer = said(shop.api.get("/v1/redemptions", params=params))
        found += len(answer["redemptions"])
        if len(answer["redemptions"]) < 100:
            return found
    raise AssertionError("the list does not end")


# --- a voucher's own limit ----------------------------------------------------------------------


def redeem_past(shop: Shop, most: int) -> None:
    """200 redemptions of a code that may be redeemed `most` times."""
    coupon(shop, "code", limit=most)
    _, outcomes = race(shop, [redeeming("code")] * 200)
    assert outcomes == {WON: most, OVER: 200 - most}
    assert redeemed(shop, "code") == most
    assert listed(shop, result="SUCCESS") == most
    assert listed(shop, result="FAILURE") == 200 - most
    recount(shop)


@pytest.mark.parametrize("most", [1, 5, 100])
def test_a_limit_is_neither_passed_nor_missed(shop: Shop, most: int) -> None:
    redeem_past(shop, most)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("most", [1, 5, 100])
def test_a_limit_is_never_passed_nor_missed(server: Server, most: int) -> None:
    for _ in range(20):
        redeem_past(server.project(), most)


def test_every_url_that_redeems_shares_the_limit(shop: Shop) -> None:
    coupon(shop, "code", limit=7)
    alone: Ask = ("POST", "/v1/vouchers/code/redemption", {})
    _, outcomes = race(shop, [redeeming("code"), alone] * 40)
    assert outcomes == {WON: 7, OVER: 73}
    recount(shop)


# --- limits of rules ----------------------------------------------------------------------------


def test_each_customer_redeems_once(shop: Shop) -> None:
    """They are made by the requests themselves, and so all at once too."""
    coupon(shop, "code")
    limited(shop, "redemption.count.per_customer", 1, voucher="code")
    names = [f"c{n}" for n in range(6)]
    asks = [redeeming("code", customer=name) for name in names * 20]
    answers, outcomes = race(shop, asks)
    assert outcomes == {WON: 6, BROKE_A_RULE: 114}
    winners = [
        ask[2]["customer"]["source_id"]
        for ask, answer in zip(asks, answers, strict=True)
        if answer.status_code == 200
    ]
    assert sorted(winners) == names
    assert shop.api.get("/v1/customers").json()["total"] == 6
    for name in names:
        summary = said(shop.api.get(f"/v1/customers/{name}"))["summary"]["redemptions"]
        assert (summary["total_redeemed"], summary["total_failed"]) == (1, 19)
    recount(shop)


def test_codes_of_a_campaign_share_its_count(shop: Shop) -> None:
    codes = [f"k{n}" for n in range(10)]
    campaign(shop, "C", codes)
    limited(shop, "campaign.redemptions.count", 25, campaign="C")
    _, outcomes = race(shop, [redeeming(code) for code in codes * 10])
    assert outcomes == {WON: 25, BROKE_A_RULE: 75}
    assert sum(redeemed(shop, code) for code in codes) == 25
    recount(shop)


def test_a_stack_takes_its_share_of_the_count_or_nothing(shop: Shop) -> None:
    codes = [f"k{n}" for n in range(6)]
    campaign(shop, "C", codes)
    limited(shop, "campaign.redemptions.count", 10, campaign="C")
    asks = [redeeming(*codes[n % 4 : n % 4 + 3], amount=1000) for n in range(60)]
    _, outcomes = race(shop, asks)
    assert outcomes == {WON: 3, BROKE_A_RULE: 57}
    assert sum(redeemed(shop, code) for code in codes) == 9
    # The tenth is left for one alone.
    _, outcomes = race(shop, [redeeming("k0", amount=1000)] * 10)
    assert outcomes == {WON: 1, BROKE_A_RULE: 9}
    recount(shop)


def test_a_budget_is_spent_to_the_last_cent(shop: Shop) -> None:
    """Stacks of three and single ones; whatever comes first, a single one fits at the end."""
    campaign(shop, "C", ["k0", "k1", "k2", "k3"], off=100)
    limited(shop, "campaign.orders.amount_discounted", 1000, campaign="C")
    asks = [redeeming("k0", "k1", "k2", amount=5000), redeeming("k3", amount=5000)] * 30
    random.Random(5).shuffle(asks)
    answers, outcomes = race(shop, asks)
    assert set(outcomes) == {WON, BROKE_A_RULE}
    won = [said(answer)["order"] for answer in answers if answer.status_code == 200]
    assert sum(order["total_discount_amount"] for order in won) == 1000
    recount(shop)


def test_limits_of_several_kinds_at_once(shop: Shop) -> None:
    """Whoever is refused by one limit has used up none of the others."""
    codes = ["k0", "k1", "k2"]
    campaign(shop, "C")
    for code in codes:
        coupon(shop, code, limit=8, campaign="C")
        limited(shop, "redemption.count.per_customer", 2, voucher=code)
    limited(shop, "campaign.redemptions.count", 20, campaign="C")
    asks = [redeeming(codes[n % 3], customer=f"c{n % 5}", amount=500) for n in range(150)]
    random.Random(2).shuffle(asks)
    _, outcomes = race(shop, asks)
    assert outcomes[WON] == 20
    assert set(outcomes) <= {WON, OVER, BROKE_A_RULE}
    recount(shop)


def test_a_limit_counts_what_was_before_it(shop: Shop) -> None:
    """Also what was rolled back since, and whatever of it is under way when the limit is set."""
    coupon(shop, "code")
    done = [redeem(shop, "code", customer="ann")["redemptions"][0]["id"] for _ in range(3)]
    limited(shop, "redemption.count.per_customer", 3, voucher="code")
    for id_ in done:
        assert race(shop, [redeeming("code", customer="ann")])[1] == {BROKE_A_RULE: 1}
        said(shop.api.post(f"/v1/redemptions/{id_}/rollback", json={}))
        redeem(shop, "code", customer="ann")
    recount(shop)


def test_a_limit_that_is_set_while_they_redeem(shop: Shop) -> None:
    codes = [f"k{n}" for n in range(8)]
    for turn in range(4):
        name = f"C{turn}"
        campaign(shop, name, [f"{name}{code}" for code in codes])
        conditions = {"$less_than_or_equal": [100]}
        rules = {"1": {"name": "campaign.redemptions.count", "conditions": conditions}}
        rule = said(shop.api.post("/v1/validation-rules", json={"name": name, "rules": rules}))
        path = f"/v1/validation-rules/{rule['id']}/assignments"
        asks: list[Ask] = [redeeming(f"{name}{codes[n % 8]}") for n in range(160)]
        asks.insert(10 + turn * 20, ("POST", path, {"campaign": name}))
        _, outcomes = race(shop, asks, 40)
        # Those that were under way when it was set may slip by, and count from then on.
        assert 101 <= outcomes[WON] <= 141
        assert outcomes[WON] + outcomes[BROKE_A_RULE] == 161
        _, outcomes = race(shop, asks[:1])
        assert outcomes == {BROKE_A_RULE: 1}
    recount(shop)


def test_a_rollback_while_somebody_is_the_first_to_count(shop: Shop) -> None:
    campaign(shop, "C", ["a", "b"])
    done = redeem(shop, "b")["redemptions"][0]["id"]
    limited(shop, "campaign.redemptions.count", 2, campaign="C")
    order = {"source_id": "o", "amount": 100, "customer": {"source_id": "ann"}}
    said(shop.api.post("/v1/orders", json=order))
    with Session(database_url(shop.server)) as session:
        # Whoever redeems for ann's order waits for her when all is counted.
        session.hold(shop, "ann")
        first = threading.Thread(
            target=redeem, args=(shop, "a"), kwargs={"customer": "bob", "order": {"source_id": "o"}}
        )
        path = f"/v1/redemptions/{done}/rollback"
        second = threading.Thread(target=shop.api.post, args=(path,))
        first.start()
        until(lambda: session.waiting() == 1)
        second.start()
        until(lambda: session.waiting() == 2 or not second.is_alive())
        session.release()
        first.join()
        second.join()
    # As it is when nobody redeems in the first seconds.
    aged = "UPDATE counters SET created_at = created_at - interval '1 minute' WHERE project_id = $1"
    sql(shop.server, aged, shop.id)
    recount(shop)
    redeem(shop, "b")
    assert race(shop, [redeeming("b")])[1] == {BROKE_A_RULE: 1}


def test_a_limit_of_a_campaign_on_one_of_its_codes(shop: Shop) -> None:
    """Redemptions of the others, which it does not guard, count as well."""
    campaign(shop, "C", ["guarded", "free"])
    conditions = {"$less_than_or_equal": [3]}
    rules = {"1": {"name": "campaign.redemptions.count", "conditions": conditions}}
    rule = said(shop.api.post("/v1/validation-rules", json={"name": "C", "rules": rules}))
    path = f"/v1/validation-rules/{rule['id']}/assignments"
    said(shop.api.post(path, json={"voucher": "guarded"}))
    asks = [redeeming(code) for code in ("guarded", "free", "free", "guarded", "free", "guarded")]
    outcomes = [shop.api.request(method, url, json=body).status_code for method, url, body in asks]
    assert outcomes == [200, 200, 200, 400, 200, 400]


def test_a_code_for_those_who_have_bought_nothing_yet(shop: Shop) -> None:
    """The first redemption with an order takes its customer out of the segment."""
    bought_nothing = {"summary.orders.total_count": {"conditions": {"$is": 0}}}
    filter_ = {"junction": "and", **bought_nothing}
    new = make(shop, "New", type="auto-update", filter=filter_)
    coupon(shop, "code")
    rules = {"1": {"name": "customer.segment", "conditions": {"$is": [new["id"]]}}}
    rule = said(shop.api.post("/v1/validation-rules", json={"name": "New", "rules": rules}))
    said(shop.api.post(f"/v1/validation-rules/{rule['id']}/assignments", json={"voucher": "code"}))
    names = [f"c{n}" for n in range(8)]
    for name in names:
        said(shop.api.post("/v1/customers", json={"source_id": name}))
    asks = [redeeming("code", customer=name, amount=100) for name in names * 12]
    _, outcomes = race(shop, asks)
    assert outcomes == {WON: 8, (400, "customer_rules_violated"): 88}
    recount(shop)


def test_customers_who_redeem_for_each_other(shop: Shop) -> None:
    """Everybody waits for those whose order it is before they count, and nobody in a circle."""
    campaign(shop, "C", [f"k{n}" for n in range(40)])
    limited(shop, "campaign.redemptions.count", 1000, campaign="C")
    people = [f"c{n}" for n in range(3)]
    for n in range(40):
        order = {"source_id": f"o{n}", "amount": 100, "customer": {"source_id": people[n % 3]}}
        said(shop.api.post("/v1/orders", json=order))
    before = deadlocks(shop)
    asks = [
        redeeming(f"k{n}", customer=people[(n + n // 3) % 3], order={"source_id": f"o{n}"})
        for n in range(40)
    ]
    answers, outcomes = race(shop, asks)
    assert outcomes == {WON: 40}
    done = [answer.json()["redemptions"][0]["id"] for answer in answers]
    _, outcomes = race(shop, [("POST", f"/v1/redemptions/{id_}/rollback", {}) for id_ in done])
    assert outcomes == {WON: 40}
    recount(shop)
    recounted(shop)
    assert deadlocks(shop) == before


def test_somebody_is_forgotten_while_others_redeem_for_them(shop: Shop) -> None:
    """What is held for a redemption or a rollback is held in the same order to forget somebody."""
    for n in range(20):
        coupon(shop, f"k{n}")
        order = {"source_id": f"o{n}", "amount": 100, "customer": {"source_id": "ann"}}
        said(shop.api.post("/v1/orders", json=order))
    of = [{"customer": who, "order": {"source_id": f"o{n}"}} for n in range(20) for who in "ab"]
    asks = [redeeming(f"k{n % 20}", **each) for n, each in enumerate(of)]
    asks += [redeeming(f"k{n}", customer="ann", amount=50) for n in range(20)]
    answers, outcomes = race(shop, asks)
    assert outcomes == {WON: 60}
    before = deadlocks(shop)
    done = [answer.json()["redemptions"][0]["id"] for answer in answers]
    again: list[Ask] = [("POST", f"/v1/redemptions/{id_}/rollback", {}) for id_ in done[20:]]
    again[20:20] = asks[:10]
    again.insert(25, ("POST", "/v1/customers/ann/permanent-deletion", None))
    answers, _ = race(shop, again)
    assert answers[25].status_code == 200
    assert deadlocks(shop) == before


def deadlocks(shop: Shop) -> int:
    time.sleep(1)  # the database tells of them with a delay
    statement = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    n: int = sql(shop.server, statement)[0][0]
    return n


# --- gift cards ---------------------------------------------------------------------------------


def ledger(shop: Shop, code: str) -> list[dict[str, Any]]:
    """All lines of a card's ledger, the last first, read page by page."""
    lines: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": 100}
    while True:
        answer = said(shop.api.get(f"/v1/vouchers/{code}/transactions", params=params))
        lines += answer["data"]
        if not answer["has_more"]:
            return lines
        params["starting_after_id"] = answer["more_starting_after"]


def test_five_hundred_spend_one_card(shop: Shop) -> None:
    gift_card(shop, "card", 2000)
    chance = random.Random(4)
    credits = [chance.randint(1, 20) for _ in range(500)]
    answers, outcomes = race(shop, [redeeming(("card", n), amount=50) for n in credits])
    assert set(outcomes) == {WON, (400, "gift_amount_exceeded")}
    spent = [n for n, a in zip(credits, answers, strict=True) if a.status_code == 200]
    refused = [n for n, a in zip(credits, answers, strict=True) if a.status_code != 200]
    gift = read(shop, "card")["gift"]
    assert gift["balance"] == 2000 - sum(spent) >= 0
    assert min(refused) > gift["balance"], "refused although there was enough"
    lines = ledger(shop, "card")
    assert Counter(-line["details"]["balance"]["amount"] for line in lines) == Counter(spent)
    assert {line["type"] for line in lines} == {"CREDITS_REDEMPTION"}
    recount(shop)


def test_a_card_is_spent_filled_and_given_back_at_once(shop: Shop) -> None:
    gift_card(shop, "card", 300)
    done = [redeem(shop, ("card", 10), amount=50)["redemptions"][0]["id"] for _ in range(20)]
    asks = [("POST", f"/v1/redemptions/{id_}/rollback", {}) for id_ in done]
    asks += [redeeming(("card", 15), amount=50)] * 60
    asks += [("POST", "/v1/vouchers/card/balance", {"amount": n}) for n in [20, -5] * 10]
    random.Random(9).shuffle(asks)
    answers, outcomes = race(shop, asks)
    assert {status for status, _ in outcomes} <= {200, 400}
    won = Counter(
        ask[1].rpartition("/")[2] if "rollback" in ask[1] else str(ask[2].get("amount", "spent"))
        for ask, answer in zip(asks, answers, strict=True)
        if answer.status_code == 200
    )
    assert won["rollback"] == 20
    assert read(shop, "card")["gift"]["balance"] == (
        300 - 15 * won["spent"] + 20 * won["20"] - 5 * won["-5"]
    )
    recount(shop)


# --- stacks -------------------------------------------------------------------------------------


def test_thirty_of_which_the_last_is_lost(shop: Shop) -> None:
    """Each of ten stacks has 29 things of its own, and the same last one."""
    stacking(shop, **ALL_APPLY)
    coupon(shop, "last", limit=1)
    stacks = [[f"s{stack}n{n}" for n in range(28)] for stack in range(10)]
    for number, codes in enumerate(stacks):
        for code in codes:
            coupon(shop, code, limit=1)
        gift_card(shop, f"card{number}", 500)
    asks = [
        redeeming(*codes, (f"card{n}", 100), "last", amount=100_000, customer=f"c{n}")
        for n, codes in enumerate(stacks)
    ]
    answers, outcomes = race(shop, asks)
    assert outcomes == {WON: 1, OVER: 9}
    for number, (codes, answer) in enumerate(zip(stacks, answers, strict=True)):
        won = answer.status_code == 200
        assert read(shop, f"card{number}")["gift"]["balance"] == (400 if won else 500)
        assert {redeemed(shop, code) for code in (codes[0], codes[13], codes[27])} == {int(won)}
    moved = sql(
        shop.server,
        "SELECT count(*) FROM vouchers WHERE project_id = $1 AND redeemed_quantity > 0",
        shop.id,
    )
    assert moved == [(30,)]
    assert shop.api.get("/v1/orders").json()["total"] <= 10
    paid = sql(
        shop.server,
        "SELECT count(*) FROM orders WHERE project_id = $1 AND total_discount_amount > 0",
        shop.id,
    )
    assert paid == [(1,)]
    recount(shop)


def redeem_in_opposite_order(shop: Shop, count: int) -> None:
    """The same coupons, cards and tiers forwards and backwards, for customers crosswise."""
    stacked: list[str | tuple[str, int]] = []
    for n in range(3):
        coupon(shop, f"k{n}", 10)
        stacked.append(f"k{n}")
    for n in range(2):
        gift_card(shop, f"g{n}", 100 * count)
        stacked.append((f"g{n}", 7))
    campaign(shop, "C")
    coupon(shop, "shared", campaign="C")
    limited(shop, "campaign.redemptions.count", 10 * count, campaign="C")
    asks = [
        redeeming(*stacked[:: 1 if n % 2 else -1], amount=1000, customer=f"c{n // 2 % 3}")
        for n in range(count)
    ]
    started = time.monotonic()
    _, outcomes = race(shop, asks, 50)
    assert outcomes == {WON: count}
    assert time.monotonic() - started < 2 + count / 15, "somebody waited for a deadlock"
    for n in range(3):
        assert redeemed(shop, f"k{n}") == count
    for n in range(2):
        assert read(shop, f"g{n}")["gift"]["balance"] == (100 - 7) * count
    recount(shop)


def test_opposite_stacks_do_not_lock_each_other_out(shop: Shop) -> None:
    redeem_in_opposite_order(shop, 100)


@pytest.mark.soak
def test_opposite_stacks_never_lock_each_other_out(shop: Shop) -> None:
    redeem_in_opposite_order(shop, 2000)


def test_redemptions_of_the_same_order_at_once(shop: Shop) -> None:
    """One of them makes the order; what the others take off comes on top."""
    for n in range(30):
        coupon(shop, f"k{n}", 10)
    asks = [
        redeeming(f"k{n}", customer="ann", order={"source_id": "one", "amount": 1000})
        for n in range(30)
    ]
    _, outcomes = race(shop, asks)
    assert outcomes == {WON: 30}
    order = said(shop.api.get("/v1/orders/one"))
    assert (order["amount"], order["total_discount_amount"]) == (1000, 300)
    assert len(order["redemptions"]) == 30
    orders = said(shop.api.get("/v1/customers/ann"))["summary"]["orders"]
    assert (orders["total_count"], orders["total_amount"]) == (1, 700)
    recount(shop)


def test_redemptions_of_one_code_for_one_order(shop: Shop) -> None:
    """Whoever shares a transaction with others sees what they did to the order."""
    coupon(shop, "code", 10)
    order = {"source_id": "one", "amount": 1000}
    _, outcomes = race(shop, [redeeming("code", customer="ann", order=order)] * 60)
    assert outcomes == {WON: 60}
    found = said(shop.api.get("/v1/orders/one"))
    assert (found["amount"], found["total_discount_amount"]) == (1000, 600)
    assert redeemed(shop, "code") == len(found["redemptions"]) == 60
    recount(shop)
    recounted(shop)


def test_the_last_order_of_somebody_whose_order_others_redeem_for(shop: Shop) -> None:
    """While ann buys, bob redeems for an older order of hers, and both write her summary."""
    for code in ("hers", "his"):
        coupon(shop, code)
    old = {"source_id": "old", "amount": 100, "customer": {"source_id": "ann"}}
    said(shop.api.post("/v1/orders", json=old))
    said(shop.api.post("/v1/customers", json={"source_id": "bob"}))
    asks = [
        body("hers", amount=500, customer="ann"),
        body("his", order={"source_id": "old"}, customer="bob"),
    ]
    threads = []
    with Session(database_url(shop.server)) as session:
        # While her row is held, hers waits for it first and his behind it.
        session.hold(shop, "ann")
        for waiting, ask in enumerate(asks, 1):
            threads.append(threading.Thread(target=send, args=(shop, ask)))
            threads[-1].start()
            until(lambda n=waiting: session.waiting() >= n)  # type: ignore[misc]
        session.release()
        for thread in threads:
            thread.join()
    assert (redeemed(shop, "hers"), redeemed(shop, "his")) == (1, 1)
    recounted(shop)


def send(shop: Shop, ask: dict[str, Any]) -> None:
    with httpx.Client(base_url=shop.server.url, headers=shop.api.headers, timeout=30) as client:
        said(client.post("/v1/redemptions", json=ask))


# --- rollbacks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("codes", [("card",), ("code", "card", "other")])
def test_fifty_rollbacks_of_one_redemption(shop: Shop, codes: tuple[str, ...]) -> None:
    coupon(shop, "code", limit=1)
    coupon(shop, "other", limit=1)
    gift_card(shop, "card", 100)
    asked = [(code, 40) if code == "card" else code for code in codes]
    done = redeem(shop, *asked, amount=1000, customer="ann")
    id_ = done["parent_redemption" if len(codes) > 1 else "redemptions"]
    id_ = id_["id"] if isinstance(id_, dict) else id_[0]["id"]
    word = "rollback" if len(codes) == 1 else "rollbacks"
    _, outcomes = race(shop, [("POST", f"/v1/redemptions/{id_}/{word}", {})] * 50)
    assert outcomes == {WON: 1, (400, "already_rolled_back"): 49}
    assert read(shop, "card")["gift"]["balance"] == 100
    assert [line["type"] for line in ledger(shop, "card")] == [
        "CREDITS_REFUND",
        "CREDITS_REDEMPTION",
    ]
    assert {redeemed(shop, code) for code in codes} == {0}
    summary = said(shop.api.get("/v1/customers/ann"))["summary"]
    assert summary["redemptions"]["total_redeemed"] == 0
    assert summary["redemptions"]["total_rolled_back"] == len(codes)
    assert summary["orders"]["total_count"] == 0
    recount(shop)


def test_what_is_rolled_back_can_be_redeemed_once_again(shop: Shop) -> None:
    for turn in range(5):
        coupon(shop, f"k{turn}", limit=1)
        [done] = redeem(shop, f"k{turn}")["redemptions"]
        asks: list[Ask] = [redeeming(f"k{turn}")] * 40
        asks.insert(turn * 8, ("POST", f"/v1/redemptions/{done['id']}/rollback", {}))
        _, outcomes = race(shop, asks)
        assert outcomes[WON] in (1, 2)
        assert outcomes[OVER] == 41 - outcomes[WON]
        assert redeemed(shop, f"k{turn}") == outcomes[WON] - 1
    recount(shop)


# --- sessions -----------------------------------------------------------------------------------


def test_fifty_lock_a_code_that_one_may_have(shop: Shop) -> None:
    coupon(shop, "code", limit=1)
    answers, outcomes = race(shop, [locking("code")] * 50)
    assert outcomes == {WON: 50}
    found = [answer.json() for answer in answers]
    [lucky] = [one for one in found if one["valid"]]
    assert Counter(map(refusal, found)) == {None: 1, "quantity_exceeded": 49}
    assert redeemed(shop, "code") == 0
    _, outcomes = race(shop, [redeeming("code")] * 10)
    assert outcomes == {OVER: 10}
    mine = {"type": "LOCK", "key": lucky["session"]["key"]}
    _, outcomes = race(shop, [redeeming("code", session=mine)] * 10)
    assert outcomes == {WON: 1, OVER: 9}
    recount(shop)


def test_locks_of_a_card_share_what_is_on_it(shop: Shop) -> None:
    gift_card(shop, "card", 100)
    asks = [
        ("POST", "/v1/validations", body(("card", 30), amount=500, session={"type": "LOCK"}))
    ] * 50
    answers, _ = race(shop, asks)
    keys = [a.json()["session"]["key"] for a in answers if a.json()["valid"]]
    assert len(set(keys)) == len(keys) == 3
    # What nobody has locked is anybody's.
    _, outcomes = race(shop, [redeeming(("card", 10), amount=500)] * 5)
    assert outcomes == {WON: 1, (400, "gift_amount_exceeded"): 4}
    mine = [
        redeeming(("card", 30), amount=500, session={"type": "LOCK", "key": key}) for key in keys
    ]
    _, outcomes = race(shop, mine)
    assert outcomes == {WON: 3}
    assert read(shop, "card")["gift"]["balance"] == 0
    recount(shop)


def test_keys_do_not_open_the_locks_of_others(shop: Shop) -> None:
    """Requests with either key, with a wrong one and with none, all at once."""
    coupon(shop, "code", limit=2)
    gift_card(shop, "card", 100)
    for key in ("a", "b"):
        ask = locking("code", ("card", 50), key=key)
        assert said(shop.api.post(ask[1], json={**ask[2], "order": {"amount": 500}}))["valid"]
    asks = []
    for key in ("a", "b", "wrong", None) * 10:
        session = {} if key is None else {"session": {"type": "LOCK", "key": key}}
        asks.append(redeeming("code", ("card", 50), amount=500, **session))
    random.Random(6).shuffle(asks)
    answers, outcomes = race(shop, asks)
    assert outcomes == {WON: 2, OVER: 38}
    winners = [ask[2] for ask, answer in zip(asks, answers, strict=True) if answer.is_success]
    assert {one["session"]["key"] for one in winners} == {"a", "b"}
    recount(shop)


def test_a_session_said_again_locks_no_more(shop: Shop) -> None:
    coupon(shop, "code", limit=2)
    answers, _ = race(shop, [locking("code", key="mine")] * 30)
    assert all(answer.json()["valid"] for answer in answers)
    _, outcomes = race(shop, [redeeming("code")] * 10)
    assert outcomes == {WON: 1, OVER: 9}
    recount(shop)


def test_a_lock_that_is_released_is_free_for_one(shop: Shop) -> None:
    coupon(shop, "code", limit=1)
    assert race(shop, [locking("code", key="mine")])[0][0].json()["valid"]
    release: Ask = ("DELETE", "/v1/vouchers/code/sessions/mine", None)
    _, outcomes = race(shop, [redeeming("code")] * 20 + [release] + [redeeming("code")] * 20)
    assert outcomes[204, None] == 1
    assert outcomes[WON] <= 1
    _, after = race(shop, [redeeming("code")] * 3)
    assert outcomes[WON] + after[WON] == 1
    recount(shop)


def test_a_lock_ends_by_itself_whoever_was_killed(own: Server) -> None:
    shop = own.project()
    coupon(shop, "short", limit=1)
    coupon(shop, "long", limit=1)
    for code, seconds in (("short", 2), ("long", 600)):
        ask = locking(code, key=f"my {code}", ttl=seconds, ttl_unit="SECONDS")
        assert said(shop.api.post(ask[1], json=ask[2]))["valid"]
    locked = time.monotonic()
    _, outcomes = race(shop, [redeeming("short"), redeeming("long")] * 5)
    assert outcomes == {OVER: 10}
    own.kill()
    own.start()
    until(lambda: all_serve(own))
    time.sleep(max(0.0, 2.1 - (time.monotonic() - locked)))
    _, outcomes = race(shop, [redeeming("short")] * 10)
    assert outcomes == {WON: 1, OVER: 9}
    _, outcomes = race(shop, [redeeming("long")] * 10)
    assert outcomes == {OVER: 10}
    redeem(shop, "long", session={"type": "LOCK", "key": "my long"})
    recount(shop)


# --- everything ---------------------------------------------------------------------------------


def all_at_once(shop: Shop, seed: int, count: int) -> None:
    """Whatever shops do with the same few vouchers, cards, tiers, orders and customers."""
    chance = random.Random(seed)
    campaign(shop, "C", ["k0", "k1"])
    limited(shop, "campaign.redemptions.count", count // 4, campaign="C")
    limited(shop, "campaign.orders.amount_discounted", count * 3, campaign="C")
    coupon(shop, "k2", limit=count // 8)
    limited(shop, "redemption.count.per_customer", 3, voucher="k2")
    for card in ("g0", "g1"):
        gift_card(shop, card, count * 2)
    tier = tier_of(shop, "P")
    done = [redeem(shop, "k0", ("g0", 5), amount=100, customer="ann") for _ in range(count // 10)]
    things: list[str | tuple[str, int]] = ["k0", "k1", "k2", ("g0", 9), ("g1", 7), tier]

    def asked() -> Ask:
        who = chance.choice(["ann", "bob", "cid"])
        order = {"source_id": f"o{chance.randrange(8)}", "amount": 1000}
        chosen = chance.sample(things, chance.choice([1, 1, 2, 3]))
        word = chance.choices(
            ["redeem", "order", "lock", "undo", "pay", "fill", "customer", "release"],
            [40, 20, 10, 12, 8, 4, 4, 4],
        )[0]
        if word == "redeem":
            return redeeming(*chosen, customer=who, amount=500)
        if word == "order":
            return redeeming(*chosen, customer=who, order=order)
        if word == "lock":
            session = {"type": "LOCK", "key": f"s{chance.randrange(5)}"}
            return "POST", "/v1/validations", body(*chosen, amount=500, session=session)
        if word == "undo":
            of = chance.choice(done)["parent_redemption"]["id"]
            return "POST", f"/v1/redemptions/{of}/rollbacks", {}
        if word == "pay":
            status = chance.choice(["PAID", "PAID", "FULFILLED"])
            return "PUT", f"/v1/orders/{order['source_id']}", {"status": status}
        if word == "fill":
            return "POST", "/v1/vouchers/g0/balance", {"amount": chance.choice([30, -20])}
        if word == "customer":
            return "POST", "/v1/customers", {"source_id": who, "name": f"N{chance.random()}"}
        return "DELETE", f"/v1/vouchers/k2/sessions/s{chance.randrange(5)}", None

    started = time.monotonic()
    _, outcomes = race(shop, [asked() for _ in range(count)], 40)
    seconds = time.monotonic() - started
    assert {status for status, _ in outcomes} <= {200, 204, 400, 404}, outcomes
    assert outcomes[WON] > count // 4, outcomes
    assert seconds < 5 + count / 15, f"seed {seed}: {seconds:.1f} s"
    recount(shop)
    # The seed stands where it is shown if this fails.
    assert recounted(shop), seed


def test_everything_at_once(shop: Shop) -> None:
    all_at_once(shop, 1, 250)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_everything_at_once_again_and_again(server: Server) -> None:
    for seed in range(40):
        all_at_once(server.project(), seed, 300)
