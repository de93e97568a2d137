"""Qualifications among 1,000 campaigns, and how long a checkout waits at a steady rate."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import httpx

from bench.bulk import asked
from bench.checkout import (
    BASKET,
    REDEEM,
    VALIDATE,
    check_answers,
    check_books,
    check_validations,
    known,
    open_shop,
    requests,
)
from bench.commerce import CUSTOMERS, KEYS
from bench.customers import raw
from bench.harness import Goal, Measured, Plan, Report, bench, in_turns, median, number, progress
from bench.load import KEY
from bench.promotions import DISCOUNT
from bench.sides import (
    CONNECTIONS,
    Database,
    Failed,
    Http,
    Request,
    largesse,
    place,
    request,
    web_of,
)

CAMPAIGNS, RULES = 1000, 10
QUALIFY, QUALIFY_BEST = "POST /v1/qualifications", "POST /v1/qualifications, the best 50 deals"
PATH = "/v1/qualifications"
WHO = {"customer": {"source_id": KEY}, "order": BASKET, "scenario": "ALL"}
ASKED = {
    QUALIFY: WHO,
    QUALIFY_BEST: {**WHO, "options": {"limit": 50, "sorting_rule": "BEST_DEAL"}},
}
# How many are told of at most.
SHOWN = {QUALIFY: 5, QUALIFY_BEST: 50}


def campaign_of(n: int, rule: str) -> dict[str, Any]:
    """A promotion of one tier, or a campaign of coupons, in turns; each guarded by a rule."""
    guarded = {"validation_rules": [rule]}
    if n % 2:
        voucher = {"type": "DISCOUNT_VOUCHER", "discount": DISCOUNT}
        body = {"campaign_type": "DISCOUNT_COUPONS", "type": "AUTO_UPDATE", "voucher": voucher}
        return {"name": f"Coupons {n}", **body, **guarded}
    tier = {"name": f"Tier {n}", "action": {"discount": DISCOUNT}, **guarded}
    body = {"campaign_type": "PROMOTION", "promotion": {"tiers": [tier]}}
    return {"name": f"Promotion {n}", **body}


def announce(url: str, count: int) -> None:
    """So many campaigns, half of whose rules let the basket of 59.94 pass."""
    rules = []
    for n in range(RULES):
        least = 1000 + n * 1100
        condition = {"name": "order.amount", "conditions": {"$more_than": [least]}}
        body = {"name": f"More than {least}", "rules": {"1": condition, "logic": "1"}}
        rules.append(asked("POST", f"{url}/v1/validation-rules", json=body)["id"])
    for n in range(count):
        asked("POST", f"{url}/v1/campaigns", json=campaign_of(n, rules[n // 2 % RULES]))
    progress(f"{count:,} campaigns")


def answers_qualifications(url: str) -> bool:
    """Whether the server qualifies at all."""
    answered = httpx.post(f"{url}{PATH}", json=known(WHO), headers=KEYS, timeout=60)
    return answered.status_code != 404


def check_qualifications(url: str, count: int) -> None:
    """Sees that as many are told of as are asked for, or at least those promotions that pass."""
    passing = sum(n % 2 == 0 and n // 2 % RULES < RULES // 2 for n in range(count))
    for operation, sent in ASKED.items():
        shown = len(asked("POST", f"{url}{PATH}", json=known(sent))["redeemables"]["data"])
        if not min(passing, SHOWN[operation]) <= shown <= SHOWN[operation]:
            raise Failed(f"{operation} tells of {shown} redeemables, where {passing} pass")


SKIPPED = f"{QUALIFY} is answered 404: skipped."


@bench("qualifications")
def qualifications(plan: Plan) -> Report:
    """What a basket of three lines qualifies for among 1,000 active campaigns, half of them
    promotions of a tier and half coupons, of which half pass their rule: the first five, and the
    fifty best of all.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place())
        database = stack.enter_context(Database(folder).running())
        servers = {
            name: stack.enter_context(largesse(folder / name[0], database.url(), workers))
            for name, workers in (("1 worker", 1), ("2 workers", 2))
        }
        url = servers["1 worker"].url
        if not answers_qualifications(url):
            return Report(lines=[SKIPPED, ""])
        open_shop(database, url)
        announce(url, plan.rows or CAMPAIGNS)
        check_qualifications(url, plan.rows or CAMPAIGNS)
        sent = {operation: request("POST", PATH, body) for operation, body in ASKED.items()}
        sides = [
            Http(name, int(server.settings["port"]), web_of(server), database, sent, CUSTOMERS)
            for name, server in servers.items()
        ]
        found = in_turns(sides, list(ASKED), plan)
    report = Report(raw=raw(found))
    rows = [
        [
            f"{operation.partition(', ')[2] or 'the first 5'}, {name}",
            *_figures(found, operation, name),
        ]
        for operation in ASKED
        for name in servers
    ]
    title = f"{QUALIFY}, {plan.rows or CAMPAIGNS:,} campaigns, {CONNECTIONS} connections"
    report.table(title, COLUMNS, rows)
    return report


COLUMNS = ["", "requests/s", "p50 ms", "p95 ms", "p99 ms"]
COLUMNS += ["web CPU ms", "PostgreSQL CPU ms", "peak MB a worker"]


def _figures(found: Measured, operation: str, name: str) -> list[str]:
    figures = found[operation, name]
    return [
        number(median(figures, "rate")),
        number(median(figures, "p50"), 1),
        number(median(figures, "p95"), 1),
        number(median(figures, "p99"), 1),
        number(median(figures, "web_cpu"), 3),
        number(median(figures, "postgres_cpu"), 3),
        number(figures[-1].peak),
    ]


# --- at a steady rate ---------------------------------------------------------------------------

RATE = 300
MOST_MS = {VALIDATE: 22, REDEEM: 35, QUALIFY: 45}
# A server that falls behind answers late, and fewer a second than are due.
KEPT = 0.98
DEPLOYED = "2 workers"


@bench("checkout-steady")
def steady(plan: Plan) -> Report:
    """300 requests a second, sent on schedule whether or not those before have their answers, and
    timed from when they were due: validations and redemptions of one code, and qualifications among
    1,000 campaigns. One server as it is deployed: two web workers, and the background worker that
    follows the events.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place())
        database = stack.enter_context(Database(folder).running())
        server = stack.enter_context(largesse(folder / "one", database.url(), 2, background=True))
        open_shop(database, server.url)
        check_answers(server.url)
        sent = {name: on_schedule(one) for name, one in requests().items() if name in MOST_MS}
        qualifies = answers_qualifications(server.url)
        if qualifies:
            announce(server.url, plan.rows or CAMPAIGNS)
            check_qualifications(server.url, plan.rows or CAMPAIGNS)
            sent[QUALIFY] = on_schedule(request("POST", PATH, WHO))
        port = int(server.settings["port"])
        side = Http(DEPLOYED, port, web_of(server), database, sent, CUSTOMERS)
        found = in_turns([side], list(sent), plan)
        # Of the requests that saw that the answers are right, two were validations.
        check_validations(database, side.done[VALIDATE] + 2)
        check_books(database, server.url, side.done[REDEEM] + 1)
    report = Report(raw=raw(found))
    rows = [[operation, *_figures(found, operation, DEPLOYED)] for operation in sent]
    report.table(f"{RATE} requests/s on schedule", COLUMNS, rows)
    if not qualifies:
        report.lines += [SKIPPED, ""]
    for operation in sent:
        p95 = median(found[operation, DEPLOYED], "p95") or 0.0
        rate = median(found[operation, DEPLOYED], "rate") or 0.0
        most = MOST_MS[operation]
        wanted = f"{operation}: at {RATE}/s a p95 of at most {most} ms"
        told = f"{p95:.1f} ms at {rate:.0f}/s"
        report.goals.append(Goal(wanted, told, p95 <= most and rate >= RATE * KEPT))
    return report


def on_schedule(one: Request) -> Request:
    return dataclasses.replace(one, arrivals=RATE)
