"""The list of redemptions as it grows."""

from __future__ import annotations

import contextlib
import time

from msgspec import json

from bench import customers
from bench.bulk import asked, filling, said
from bench.customers import raw
from bench.harness import Goal, Plan, Report, bench, in_turns, number, progress
from bench.load import FIRST_KEY
from bench.promotions import DISCOUNT, FILL_CAMPAIGNS, beside, slower
from bench.sides import (
    CONNECTIONS,
    PROJECT_ID,
    Database,
    Failed,
    Http,
    largesse,
    place,
    request,
    web_of,
)

SMALL, LARGE = 10_000, 10_000_000
# So many redemptions of each, whatever the size, and spread over the whole of the table.
OF_VOUCHER, OF_CUSTOMER, OF_CAMPAIGN = 10, 100, 1000
TIMES_SLOWER = 1.2
CAMPAIGN = "campaign-1"
FIRST, OWN, ITS = "the first page", "the first page of a customer", "the first page of a campaign"
LISTS = {
    FIRST: request("GET", "/v1/redemptions?limit=10"),
    OWN: request("GET", f"/v1/redemptions?limit=10&customer={FIRST_KEY}"),
    ITS: request("GET", f"/v1/redemptions?limit=10&campaign={CAMPAIGN}"),
    "page 100": request("GET", "/v1/redemptions?limit=10&page=100"),
}
# Shorter than most, so that ten million fit.
ORDER = {
    "id": "ord_000000000000000000000000",
    "source_id": "order",
    "status": "PAID",
    "amount": 5994,
    "discount_amount": 599,
    "total_discount_amount": 599,
    "total_amount": 5395,
    "items": [
        {"object": "order_item", "product_id": f"prod_{n:018x}", "quantity": n, "price": 999}
        for n in (1, 2, 3)
    ],
    "object": "order",
}


def vouchers(size: int) -> str:
    """Those that so many redemptions are of."""
    return f"""
INSERT INTO vouchers (project_id, id, code, code_key, type, campaign_id, discount, active, metadata,
    redeemed_quantity, created_at)
SELECT '{PROJECT_ID}', 'v_' || md5(n::text), upper(md5('c' || n)), upper(md5('c' || n)),
    'DISCOUNT_VOUCHER', 'campaign-' || n % {size // OF_CAMPAIGN},
    '{json.encode(DISCOUNT).decode()}', true, '{{}}', {OF_VOUCHER}, timestamptz '2025-12-01'
FROM generate_series(0, {size // OF_VOUCHER} - 1) AS n
"""


def redemptions(size: int) -> str:
    """One a second, each by the next customer with the next voucher."""
    return f"""
INSERT INTO redemptions (project_id, id, object, result, voucher_id, voucher_code, campaign_id,
    customer_id, order_id, order_amount, discount_amount, "order", channel_id, channel_type,
    created_at)
SELECT '{PROJECT_ID}', 'r_' || lpad(to_hex(n), 18, '0'), 'redemption', 'SUCCESS',
    'v_' || md5(v::text), upper(md5('c' || v)), 'campaign-' || v % {size // OF_CAMPAIGN},
    'cust_' || left(md5(({FIRST_KEY} + n % {size // OF_CUSTOMER})::text), 24),
    'ord_' || left(md5(n::text), 24), 5994, 599, '{json.encode(ORDER).decode()}', 'key', 'API',
    timestamptz '2026-01-01' + n * interval '1 second'
FROM generate_series(0, {size} - 1) AS n,
    LATERAL (SELECT n % {size // OF_VOUCHER}) AS vouchers_of (v)
"""


def fill(database: Database, size: int, base: str) -> None:
    """Puts redemptions where none are, with what they are of, and leaves the tables as if they had
    long been so.
    """
    customers.fill(database, size // OF_CUSTOMER, name=base)
    started = time.monotonic()
    days = f"VALUES ('{PROJECT_ID}', '', date '2026-01-01', 'redemptions', {size})"
    script = [
        *filling(database, "vouchers", vouchers(size), base),
        *(FILL_CAMPAIGNS, "VACUUM (ANALYZE) campaigns"),
        *filling(database, "redemptions", redemptions(size), base),
        *(
            f"INSERT INTO campaign_days (project_id, campaign_id, day, measure, n) {days}",
            "CHECKPOINT",
        ),
    ]
    said(database, script, base)
    progress(f"{size:,} redemptions in {time.monotonic() - started:.0f} s")


@bench("redemptions-list")
def redemption_lists(plan: Plan) -> Report:
    """The list of redemptions among 10,000 and among 10,000,000 of a project, a hundred of a
    customer and a thousand of a campaign: one web worker on each of two databases. A quick look has
    fewer in the large one.
    """
    large = (plan.rows or LARGE) // SMALL * SMALL
    if large <= SMALL:
        raise Failed(f"{SMALL:,} redemptions are to be compared with at least twice as many")
    sizes = {f"{size:,} redemptions": size for size in (SMALL, large)}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place())
        database = stack.enter_context(Database(folder).running())
        compared = []
        for name, size in sizes.items():
            base = f"redemptions_{size}"
            database.say(f"CREATE DATABASE {base}")
            server = stack.enter_context(largesse(folder / base, database.url(base), 1))
            fill(database, size, base)
            check_list(server.url, size)
            port = int(server.settings["port"])
            compared.append(Http(name, port, web_of(server), database, LISTS, size))
        found = in_turns(compared, list(LISTS), plan)
    report = Report(raw=raw(found))
    few, many = sizes
    for what in LISTS:
        title = f"GET /v1/redemptions, {what}, {CONNECTIONS} connections"
        report.table(title, *beside(found, what, list(sizes)))
    for what in (FIRST, OWN, ITS):
        times = slower(found[what, many], found[what, few])
        wanted = f"{what} among {many}: at most {TIMES_SLOWER} times the median time among {few}"
        report.goals.append(Goal(wanted, number(times, 2), times <= TIMES_SLOWER))
    return report


def check_list(url: str, size: int) -> None:
    """Sees that the lists tell of all, the newest first."""
    pages = {what: asked("GET", f"{url}{asking.text.split()[1]}") for what, asking in LISTS.items()}
    totals = {what: page["total"] for what, page in pages.items()}
    wanted = dict.fromkeys(LISTS, size) | {OWN: OF_CUSTOMER, ITS: OF_CAMPAIGN}
    if totals != wanted:
        raise Failed(f"the lists tell of {totals}, not {wanted}")
    for what, page in pages.items():
        dates = [row["date"] for row in page["redemptions"]]
        if len(dates) != 10 or dates != sorted(dates, reverse=True):
            raise Failed(f"{what} does not tell of ten, the newest first: {dates}")
        if not all(row["customer"] and row["voucher"]["campaign"] for row in page["redemptions"]):
            raise Failed(f"{what} does not tell whose they are: {page['redemptions'][0]}")
