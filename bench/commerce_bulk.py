"""A segment's first members and an export, over all customers, against the bare statements."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

import httpx

from bench.bulk import BARE, SERVER, Spent, asked, in_rounds, said, spent, table, until_done
from bench.customers import fill
from bench.harness import Goal, Plan, Report, bench
from bench.sides import PROJECT_ID, Database, Failed, largesse, peak, place, web_of
from largesse.kit.postgres import DATABASE, USER
from tests.running import Server

STORED = 1_000_000

# --- segments -----------------------------------------------------------------------------------

# Who is in the segment: a half by each of three properties, all in all an eighth.
SPREAD = f"""
UPDATE customers SET metadata = jsonb_build_object('lang',
        CASE WHEN hashtext(id || 'm') % 2 = 0 THEN 'en' ELSE 'pl' END, 'test', true),
    orders_total_amount = abs(hashtext(id || 'o')) % 10000, orders_total_count = 1,
    address_city = CASE WHEN hashtext(id || 'c') % 2 = 0 THEN 'New York' ELSE 'Boston' END
WHERE project_id = '{PROJECT_ID}'
"""
FILTER = {
    "junction": "and",
    "metadata.lang": {"conditions": {"$is": ["en"]}},
    "summary.orders.total_amount": {"conditions": {"$more_than": [5000]}},
    "address.city": {"conditions": {"$is": ["New York"]}},
}
MEMBERS = f"""
INSERT INTO segment_customers (project_id, segment_id, customer_id)
SELECT project_id, 'seg_bare', id FROM customers
WHERE project_id = '{PROJECT_ID}' AND metadata ->> 'lang' = 'en' AND orders_total_amount > 5000
    AND address_city = 'New York'
ON CONFLICT DO NOTHING
"""
BARE_SEGMENT = f"""
INSERT INTO segments (project_id, id, name, type, created_at)
VALUES ('{PROJECT_ID}', 'seg_bare', 'bare', 'static', now())
"""


@bench("segments")
def first_members(plan: Plan) -> Report:
    """A segment of three conditions (metadata, orders, address) over 1,000,000 customers, until its
    initial_sync_status is DONE; bare is one INSERT .. SELECT of the same members.
    """
    count = plan.rows or STORED
    with served(count) as (database, server):

        def made() -> None:
            body = {"name": "New York", "type": "auto-update", "filter": FILTER}
            segment = asked("POST", f"{server.url}/v1/segments", json=body)
            until_done(f"{server.url}/v1/segments/{segment['id']}", "initial_sync_status")

        def clear() -> None:
            database.say("DELETE FROM segments")
            database.say("VACUUM segment_customers")
            database.say(BARE_SEGMENT)
            database.say("CHECKPOINT")

        sides = {
            SERVER: lambda: spent(database, made, server),
            BARE: lambda: spent(database, lambda: said(database, [MEMBERS])),
        }
        sizes = set()

        def counted(name: str) -> Spent:
            found = sides[name]()
            sizes.add(database.say("SELECT count(*) FROM segment_customers"))
            return found

        found = in_rounds({name: lambda name=name: counted(name) for name in sides}, clear, plan)
    if len(sizes) != 1:
        raise Failed(f"the sides found different members: {sizes}")
    report = Report()
    table(report, f"first members ({int(sizes.pop()):,}) of a segment", count, found)
    return report


@contextlib.contextmanager
def served(count: int) -> Iterator[tuple[Database, Server]]:
    """A server with its background worker, and so many customers."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place())
        database = stack.enter_context(Database(folder).running())
        server = stack.enter_context(largesse(folder / "one", database.url(), 1, background=True))
        fill(database, count)
        for statement in (SPREAD, "VACUUM FULL customers", "ANALYZE customers", "CHECKPOINT"):
            said(database, [statement])
        yield database, server


# --- exports ------------------------------------------------------------------------------------

FIELDS = ["id", "source_id", "name", "email", "address_city", "created_at", "metadata.lang"]
COPY = f"""
COPY (SELECT id, source_id, name, email, address_city, created_at, metadata ->> 'lang'
    FROM customers WHERE project_id = '{PROJECT_ID}' ORDER BY created_at DESC NULLS LAST, id DESC)
TO STDOUT WITH (FORMAT csv)
"""
MEMORY_MB = 30


@bench("exports")
def exported(plan: Plan) -> Report:
    """All of 1,000,000 customers, seven fields of each, until the export is DONE; bare is COPY of
    the same columns in the same order, thrown away. The background worker's memory is to stay.
    """
    count = plan.rows or STORED
    with served(count) as (database, server):
        links: list[str] = []

        def written() -> None:
            body = {"exported_object": "customer", "parameters": {"fields": FIELDS}}
            made = asked("POST", f"{server.url}/v1/exports", json=body)
            done = until_done(f"{server.url}/v1/exports/{made['id']}", "status")
            links.append(done["result"]["url"])

        def clear() -> None:
            database.say("TRUNCATE exports, export_parts")
            database.say("CHECKPOINT")

        sides = {
            SERVER: lambda: spent(database, written, server),
            BARE: lambda: spent(database, lambda: copied(database)),
        }
        found = in_rounds(sides, clear, plan)
        written()
        taken = spent(database, lambda: downloaded(links[-1], count), server)
        web = max(map(peak, web_of(server)()))
    report = Report()
    table(report, "an export of customers", count, found)
    told = f"The download: {taken.seconds:.2f} s, {count / taken.seconds:,.0f} rows/s"
    report.lines += [f"{told}; the web worker's memory peaks at {web:.0f} MB.", ""]
    grown = max(one.grown or 0.0 for one in found[SERVER])
    wanted = f"memory grows by less than {MEMORY_MB} MB"
    report.goals.append(Goal(wanted, f"{grown:.0f} MB", grown < MEMORY_MB))
    return report


def copied(database: Database) -> None:
    where = ("-h", database.postgres.socket_folder, "-U", USER, "-d", DATABASE)
    program = database.postgres.binary("psql")
    subprocess.run(
        [program, "-qX", *where, "-c", COPY], stdout=subprocess.DEVNULL, check=True, timeout=3600
    )


def downloaded(url: str, count: int) -> None:
    lines = 0
    with httpx.stream("GET", url, timeout=300) as answered:
        for part in answered.iter_bytes():
            lines += part.count(b"\n")
    if lines != count + 1:
        raise Failed(f"{lines} lines were downloaded, of {count} customers")
