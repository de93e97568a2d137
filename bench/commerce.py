"""Orders, and the segments of one changed customer: what a single change costs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any

import httpx
import msgspec

from bench.customers import fill, raw
from bench.harness import (
    Goal,
    Measured,
    Plan,
    Report,
    bench,
    in_turns,
    median,
    number,
    ratio,
    share,
)
from bench.load import FIRST_KEY, KEY, NEW_KEY
from bench.replay import Script, context, recorded
from bench.sides import (
    CONNECTIONS,
    PROJECT_ID,
    Database,
    Failed,
    Http,
    Pgbench,
    largesse,
    place,
    request,
    web_of,
)
from largesse.actions import orders, segments
from largesse.kit import db
from largesse.kit.clock import now_ms
from largesse.kit.ids import Ids
from largesse.store import customers, definitions
from largesse.store.context import Context
from tests.running import FIRST

POST = "POST"
CUSTOMERS, PAST_ORDERS = 10_000, 5
ITEMS = ("a", "b", "c")
KEYS = {"X-App-Id": FIRST["app_id"], "X-App-Token": FIRST["app_token"]}

ORDER: dict[str, Any] = {
    "source_id": f"order-{NEW_KEY}",
    "status": "PAID",
    "customer": {"source_id": KEY},
    "items": [
        {"source_id": f"{item}-{KEY}", "related_object": "product", "quantity": n, "price": 999}
        for n, item in enumerate(ITEMS, 1)
    ],
    "metadata": {"channel": "web", "express": True},
}

# Three for each customer, so that no two orders at once read the very same.
CATALOGUE = f"""
INSERT INTO products (project_id, id, source_id, name, price, attributes, metadata, created_at)
SELECT '{PROJECT_ID}', 'prod_' || left(md5(item || n), 24), item || '-' || n, 'Product ' || n,
    1999, '["color", "size"]', '{{"season": "summer"}}',
    timestamptz '2026-01-01' + (n - {FIRST_KEY}) * interval '1 second'
FROM generate_series({FIRST_KEY}, {FIRST_KEY} - 1 + %d) AS n, unnest(array{list(ITEMS)}) AS item
"""


# What was bought before, and the sums that go with it.
BOUGHT = f"""
INSERT INTO orders (project_id, id, source_id, status, customer_id, amount, discount_amount,
    items_discount_amount, total_discount_amount, total_amount, items, metadata, created_at)
SELECT project_id, 'ord_' || left(md5(id || n), 24), 'past-' || n || '-' || source_id, 'PAID', id,
    1998, 0, 0, 0, 1998, '[]', '{{"channel": "web"}}', created_at + n * interval '1 day'
FROM customers, generate_series(1, {PAST_ORDERS}) AS n WHERE project_id = '{PROJECT_ID}'
"""
SUMMED = f"""
UPDATE customers SET orders_total_amount = {PAST_ORDERS * 1998}, orders_total_count = {PAST_ORDERS}
WHERE project_id = '{PROJECT_ID}'
"""


# --- orders -------------------------------------------------------------------------------------


def stock(database: Database) -> None:
    """Customers, products for each of them, and what they bought."""
    fill(database, CUSTOMERS)
    for statement in (CATALOGUE % CUSTOMERS, BOUGHT, SUMMED):
        database.say(statement)
    for table in ("products", "orders", "customers"):
        database.say(f"VACUUM (ANALYZE) {table}")
    database.say("CHECKPOINT")


async def create(ctx: Context, sent: bytes) -> None:
    await orders.upsert(ctx, msgspec.json.decode(sent, type=orders.OrderBody))


def statements(database: Database) -> Script:
    """What an order's request says to the database."""
    id_ = database.say(f"SELECT id FROM customers WHERE source_id = '{FIRST_KEY}'")
    named = {id_: "'cust_' || left(md5(:key::text), 24)"}
    return asyncio.run(recorded(database.url(), ORDER, create, existing=CUSTOMERS, named=named))


@bench("orders")
def order_creates(plan: Plan) -> Report:
    """An order that is PAID, with three items that the catalogue knows, of a customer who exists:
    the server with one and two web workers, and pgbench with the statements of such a request.
    """
    asked = {POST: request("POST", "/v1/orders", ORDER)}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place())
        database = stack.enter_context(Database(folder).running())
        one = stack.enter_context(largesse(folder / "one", database.url(), 1))
        two = stack.enter_context(largesse(folder / "two", database.url(), 2))
        stock(database)
        check_sums(database, one.url)
        script = statements(database)
        sides = [
            Http("1 worker", int(one.settings["port"]), web_of(one), database, asked, CUSTOMERS),
            Http("2 workers", int(two.settings["port"]), web_of(two), database, asked, CUSTOMERS),
            Pgbench("pgbench", database, {POST: [script.text]}, script.variables),
        ]
        found = in_turns(sides, (POST,), plan)
        wrong = database.say(WRONG_SUMS)
    report = Report(raw=raw(found))
    report.table(f"POST /v1/orders, {CONNECTIONS} connections", *_compared(found))
    report.lines += [f"{script.statements} statements between BEGIN and COMMIT.", ""]
    most = max(
        ratio(found[POST, name], found[POST, "pgbench"]) for name in ("1 worker", "2 workers")
    )
    report.goals.append(Goal("an order at least 50 % of pgbench", share(most), most >= 0.5))
    report.goals.append(Goal("customers whose sums are wrong: 0", wrong, wrong == "0"))
    return report


WRONG_SUMS = f"""
SELECT count(*) FROM customers LEFT JOIN (
    SELECT customer_id, count(*) AS n, sum(total_amount) AS amount FROM orders
    WHERE project_id = '{PROJECT_ID}' AND status IN ('PAID', 'FULFILLED') GROUP BY customer_id
) AS counted ON counted.customer_id = customers.id
WHERE project_id = '{PROJECT_ID}' AND (orders_total_count, orders_total_amount)
    IS DISTINCT FROM (coalesce(n, 0), coalesce(amount, 0))
"""


def check_sums(database: Database, url: str) -> None:
    """Sees that an order is what it should be: 6 pieces at 9.99 of products that are found."""
    body = json.loads(json.dumps(ORDER).replace(KEY, str(FIRST_KEY)).replace(NEW_KEY, "first"))
    answered = httpx.post(f"{url}/v1/orders", json=body, headers=KEYS)
    order = answered.json()
    if answered.status_code != 200 or order["total_amount"] != 6 * 999:
        raise Failed(f"the order is not as it should be: {answered.text}")
    if not all(item["product"]["id"].startswith("prod_") for item in order["items"]):
        raise Failed(f"the catalogue was not found: {answered.text}")
    if database.say(WRONG_SUMS) != "0":
        raise Failed("the customer's sums do not follow")


def _compared(found: Measured) -> tuple[list[str], list[list[str]]]:
    columns = ["", "orders/s", "of pgbench", "p50 ms", "p99 ms"]
    columns += ["web CPU ms", "PostgreSQL CPU ms", "client CPU ms", "peak MB a worker"]
    rows = []
    for name in ("1 worker", "2 workers", "pgbench"):
        figures = found[POST, name]
        rows.append(
            [
                name,
                number(median(figures, "rate")),
                share(ratio(figures, found[POST, "pgbench"])),
                number(median(figures, "p50"), 1),
                number(median(figures, "p99"), 1),
                number(median(figures, "web_cpu"), 3),
                number(median(figures, "postgres_cpu"), 3),
                number(median(figures, "client_cpu"), 3),
                number(figures[-1].peak),
            ]
        )
    return columns, rows


# --- the segments of one customer ---------------------------------------------------------------

SEGMENTS = 100
CITIES = ("New York", "Boston", "Chicago")
# Customers who are in some of the segments, each in others.
SPREAD = f"""
UPDATE customers SET orders_total_amount = abs(hashtext(id || 'o')) % 10000,
    metadata = metadata || jsonb_build_object('level', abs(hashtext(id || 'm')) % 50),
    address_city = (array{list(CITIES)})[1 + abs(hashtext(id || 'c')) % 3]
WHERE project_id = '{PROJECT_ID}'
"""
# As an order of 5.00 changes them.
CHANGE = f"""
UPDATE customers SET orders_total_amount = (orders_total_amount + 500) % 10000,
    orders_total_count = orders_total_count + 1
WHERE project_id = '{PROJECT_ID}'
"""
HAPPENED = f"""
INSERT INTO event_counts (project_id, customer_id, type, n, first_at, last_at)
SELECT project_id, id, 'visit', 3, created_at, created_at FROM customers
WHERE project_id = '{PROJECT_ID}'
"""


def filter_of(n: int) -> dict[str, Any]:
    """The filter of the n-th of the segments: three conditions; one in ten counts events."""
    third: dict[str, Any] = {"address.city": {"conditions": {"$is": [CITIES[n % 3]]}}}
    if n % 10 == 9:
        third = {"events.visit": {"conditions": {"$count_more": [n % 7]}}}
    return {
        "junction": "and",
        "metadata.level": {"conditions": {"$less_than": [n % 50]}},
        "summary.orders.total_amount": {"conditions": {"$more_than": [100 * (n % 100)]}},
        **third,
    }


@bench("segments-change")
def change(plan: Plan) -> Report:
    """The segments of one customer who has changed, with 100 segments of three conditions each: CPU
    from the changed row at hand to the last statement, with the events of those that were entered
    and left; without the commit.
    """
    count = plan.rows or 2000
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place())
        database = stack.enter_context(Database(folder).running())
        server = stack.enter_context(largesse(folder / "one", database.url(), 1))
        fill(database, count)
        for statement in (SPREAD, HAPPENED, "VACUUM (ANALYZE) customers"):
            database.say(statement)
        for n in range(SEGMENTS):
            body = {"name": f"Segment {n}", "type": "auto-update", "filter": filter_of(n)}
            answered = httpx.post(f"{server.url}/v1/segments", json=body, headers=KEYS)
            if answered.status_code != 200:
                raise Failed(answered.text)
        asyncio.run(settle_all(database))
        rounds = []
        for _ in range(plan.rounds):
            database.say(CHANGE)
            rounds.append(asyncio.run(settle_all(database)))
    own = sorted(one.own for one in rounds)[len(rounds) // 2]
    postgres = sorted(one.postgres for one in rounds)[len(rounds) // 2]
    report = Report(raw={"rounds": rounds})
    report.table(
        f"One changed customer, {SEGMENTS} segments, median of {plan.rounds} rounds of {count:,}",
        ["", "CPU ms", "PostgreSQL CPU ms", "ms", "entered and left"],
        [
            [
                "settle",
                number(own, 3),
                number(postgres, 3),
                number(sum(one.took for one in rounds) / len(rounds), 3),
                number(sum(one.moves for one in rounds) / len(rounds), 1),
            ]
        ],
    )
    both = own + postgres
    report.goals.append(Goal("below 2 ms of CPU in the server", f"{own:.3f} ms", own < 2))
    report.goals.append(Goal("below 2 ms with PostgreSQL's", f"{both:.3f} ms", both < 2))
    return report


class Settled(msgspec.Struct):
    """One round, for each customer: CPU and time in milliseconds, segments entered and left."""

    own: float
    postgres: float
    took: float
    moves: float


async def settle_all(database: Database) -> Settled:
    """Settles every customer, each in a transaction of its own."""
    connection = await db.connect(database.url())
    told = "SELECT count(*) FROM events WHERE type LIKE 'customer.segment.%'"
    try:
        before = int(await connection.fetchval(told))
        statement = f"SELECT {customers.ROW} FROM customers WHERE project_id = $1"
        rows = await connection.fetch(statement, PROJECT_ID)
        known = await definitions.current(connection, PROJECT_ID)
        ctx = await context(connection, Ids(now_ms), PROJECT_ID)
        own, started, postgres = 0.0, time.perf_counter(), database.cpu()
        for row in rows:
            await connection.execute("BEGIN")
            begun = time.process_time()
            await segments.settle(ctx, known, [row])
            own += time.process_time() - begun
            await connection.execute("COMMIT")
        took, postgres = time.perf_counter() - started, database.cpu() - postgres
        moves = int(await connection.fetchval(told)) - before
    finally:
        await connection.close()
    each = 1000 / len(rows)
    return Settled(own * each, postgres * each, took * each, moves / len(rows))
