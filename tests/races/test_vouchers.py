"""Vouchers that many change at once: one wins, and nothing is half done."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.api.test_customers import sql
from tests.api.test_vouchers import GIFT, TEN_OFF, create, made, read
from tests.running import Server, Shop, until

Request = tuple[str, str, Any]


def together(shop: Shop, requests: Sequence[Request]) -> list[int]:
    """Sends requests at once, each by a client of its own; their statuses in order."""
    headers = dict(shop.api.headers)

    def send(request: Request) -> int:
        method, path, body = request
        answer = httpx.request(
            method, shop.server.url + path, json=body, headers=headers, timeout=60, trust_env=False
        )
        assert answer.status_code < 500, answer.text
        return answer.status_code

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(send, requests))


def test_one_of_fifty_gets_the_code(shop: Shop) -> None:
    statuses = together(shop, [("POST", "/v1/vouchers/same", TEN_OFF)] * 50)
    assert Counter(statuses) == {200: 1, 409: 49}
    assert shop.api.get("/v1/vouchers").json()["total"] == 1


def test_case_does_not_make_a_second_one(server: Server) -> None:
    shop = server.project(case_sensitive_codes=False)
    spellings = ["straße", "STRASSE", "Straße", "sTRASSE"]
    statuses = together(shop, [("POST", f"/v1/vouchers/{code}", TEN_OFF) for code in spellings * 6])
    assert Counter(statuses) == {200: 1, 409: 23}
    assert shop.api.get("/v1/vouchers").json()["total"] == 1


def test_a_small_pattern_gives_each_code_once(shop: Shop) -> None:
    config = {"pattern": "EX####", "charset": "01"}
    statuses = together(shop, [("POST", "/v1/vouchers", {**TEN_OFF, "code_config": config})] * 24)
    assert Counter(statuses) == {200: 16, 400: 8}
    found = shop.api.get("/v1/vouchers?limit=100").json()["vouchers"]
    assert {voucher["code"] for voucher in found} == {f"EX{n:04b}" for n in range(16)}


def test_the_ledger_is_the_balance(shop: Shop) -> None:
    create(shop, "card", type="GIFT_VOUCHER", gift={"amount": 100})
    draw = random.Random(7)
    amounts = [draw.choice([50, -70, 30, -20]) for _ in range(50)]
    path = "/v1/vouchers/card/balance"
    statuses = together(shop, [("POST", path, {"amount": amount}) for amount in amounts])
    assert set(statuses) <= {200, 400}
    done = [amount for amount, status in zip(amounts, statuses, strict=True) if status == 200]
    gift = read(shop, "card")["gift"]
    assert gift["balance"] == 100 + sum(done) >= 0
    assert gift["amount"] == 100 + sum(amount for amount in done if amount > 0)
    assert gift.get("subtracted_amount", 0) == -sum(amount for amount in done if amount < 0)
    rows = sql(
        shop,
        "SELECT amount, balance, total FROM voucher_transactions WHERE project_id = $1",
    )
    assert Counter(row["amount"] for row in rows) == Counter(done)
    # Every line of the ledger follows from another one: no change was made on an old balance.
    chain = {row["balance"] - row["amount"] for row in rows} - {row["balance"] for row in rows}
    assert chain <= {100}


def test_a_deletion_against_everything_else(shop: Shop) -> None:
    for turn in range(6):
        code = f"code{turn}"
        path, force = f"/v1/vouchers/{code}", turn % 2 == 1
        create(shop, code, **GIFT)
        requests: list[Request] = [
            *[("DELETE", f"{path}?force=true" if force else path, None)] * 3,
            *[("PUT", path, {"metadata": {"a": 1}})] * 4,
            *[("POST", f"{path}/disable", None)] * 3,
            *[("POST", f"{path}/balance", {"amount": 5})] * 4,
        ]
        random.Random(turn).shuffle(requests)
        statuses = together(shop, requests)
        deleted = [
            status
            for (method, *_), status in zip(requests, statuses, strict=True)
            if method == "DELETE"
        ]
        assert sorted(deleted) == [204, 404, 404]
        assert shop.api.get(path).status_code == 404
        left = sql(
            shop,
            "SELECT (SELECT count(*) FROM vouchers WHERE project_id = $1 AND code = $2) AS kept, "
            "(SELECT count(*) FROM bin WHERE project_id = $1 AND resource_name = $2) AS binned",
            code,
        )[0]
        assert (left["kept"], left["binned"]) == ((0, 0) if force else (1, 1))
    # A ledger goes with its card, and none is left of a card that is gone.
    orphans = sql(
        shop,
        "SELECT count(*) AS n FROM voucher_transactions AS t WHERE project_id = $1 AND NOT EXISTS "
        "(SELECT 1 FROM vouchers AS v WHERE v.project_id = $1 AND v.id = t.voucher_id)",
    )
    assert orphans[0]["n"] == 0


def test_a_campaign_keeps_count_whatever_happens(shop: Shop) -> None:
    campaign = {"name": "G", "campaign_type": "GIFT_VOUCHERS", "voucher": GIFT}
    of = made(shop, "/v1/campaigns", **campaign)
    codes = [f"c{n}" for n in range(20)]
    born = together(
        shop, [("POST", f"/v1/vouchers/{code}", {**GIFT, "campaign": "G"}) for code in codes]
    )
    assert Counter(born) == {200: 20}
    requests: list[Request] = []
    for n, code in enumerate(codes):
        path = f"/v1/vouchers/{code}"
        requests += [
            ("POST", f"{path}/balance", {"amount": 5}),
            ("PUT", path, {"gift": {"amount": 20000 + n}}),
        ]
        if n % 2:
            requests.append(("DELETE", path, None))
        if n % 5 == 0:
            requests += [
                ("PUT", f"/v1/campaigns/{of}", {"start_date": f"2022-01-{n + 1:02}"}),
                ("POST", "/v1/vouchers/metadata/async", {"codes": codes[::-1], "metadata": {}}),
                ("POST", f"/v1/campaigns/{of}/vouchers", {}),
            ]
    random.Random(3).shuffle(requests)
    assert set(together(shop, requests)) <= {200, 202, 204, 404}
    assert shop.api.get(f"/v1/campaigns/{of}").json()["vouchers_count"] == 14
    assert shop.api.get("/v1/vouchers").json()["total"] == 14
    days = {
        row["measure"]: int(row["n"])
        for row in sql(
            shop,
            "SELECT measure, sum(n) AS n FROM campaign_days WHERE project_id = $1 GROUP BY measure",
        )
    }
    [stored] = sql(
        shop,
        "SELECT sum(amount - subtracted_amount) AS n FROM vouchers WHERE project_id = $1 "
        "AND deleted_at IS NULL",
    )
    assert (days["vouchers_created"], days["vouchers_deleted"]) == (24, 10)
    moved = days["amount_added"] - days.get("amount_subtracted", 0) - days["amount_deleted"]
    assert days["created_vouchers_amount"] + moved == stored["n"]
    actions = "/v1/async-actions"
    until(
        lambda: all(
            one["status"] == "DONE" for one in shop.api.get(actions).json()["async_actions"]
        )
    )


def test_two_imports_of_the_same_codes(shop: Shop) -> None:
    rows = [{"code": f"c{n}", **TEN_OFF} for n in range(300)]
    requests: list[Request] = [
        ("POST", "/v1/vouchers/import", rows),
        ("POST", "/v1/vouchers/import", rows[::-1]),
    ]
    statuses = together(shop, requests)
    assert set(statuses) <= {202, 400}
    assert 202 in statuses

    def ended() -> list[Any] | None:
        found = shop.api.get("/v1/async-actions").json()["async_actions"]
        return found if all(one["status"] == "DONE" for one in found) else None

    assert until(ended)
    assert shop.api.get("/v1/vouchers").json()["total"] == 300
