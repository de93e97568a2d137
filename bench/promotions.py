"""Campaigns of many codes against COPY of the same rows, and the list of vouchers as it grows."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import md5
from pathlib import Path

from msgspec import json

from bench.bulk import (
    BARE,
    SERVER,
    Spent,
    asked,
    filling,
    in_rounds,
    middle,
    of_bare,
    said,
    spent,
    table,
    until_done,
)
from bench.customers import raw
from bench.harness import (
    Figures,
    Goal,
    Measured,
    Plan,
    Report,
    bench,
    in_turns,
    median,
    number,
    progress,
    share,
)
from bench.sides import (
    CONNECTIONS,
    PROJECT_ID,
    Database,
    Failed,
    Http,
    background_of,
    largesse,
    peak,
    place,
    request,
    web_of,
)
from largesse.engine import codes
from tests.running import Server

DISCOUNT = {"type": "PERCENT", "percent_off": 10.0, "effect": "APPLY_TO_ORDER"}
DEFINITION = {
    "type": "DISCOUNT_VOUCHER",
    "discount": DISCOUNT,
    "redemption": {"quantity": 1},
    "code_config": {"pattern": "#" * codes.LENGTH},
}

# --- codes of a campaign ------------------------------------------------------------------------

# A tenth of the minute that 100,000 take elsewhere, and the same for each of a million.
CODES, TIMES_MORE = 100_000, 10
SECONDS_A_CODE = 6 / CODES
GROWTH_MB = 20

CAMPAIGN = {
    "name": "Codes",
    "campaign_type": "DISCOUNT_COUPONS",
    "type": "STATIC",
    "voucher": DEFINITION,
}
# As the server's table, indexes and all, and nobody else's.
BARE_TABLE = "CREATE TABLE bare_vouchers (LIKE vouchers INCLUDING ALL)"
WRITTEN = f"""
SELECT count(*), count(DISTINCT code_key), count(DISTINCT id), bool_and(code ~
    '^[{codes.CHARSET}]{{{codes.LENGTH}}}$') FROM %s WHERE project_id = '{PROJECT_ID}'
"""


@bench("campaigns")
def campaigns(plan: Plan) -> Report:
    """A campaign of so many codes, from its request until it is DONE and its list of vouchers tells
    of all; bare is one COPY of the very rows that the server made, into a table with the same
    indexes. The memory of the background worker shall not grow with the campaign.
    """
    few = plan.rows or CODES
    report, peaks = Report(), []
    with serving(few * TIMES_MORE) as (folder, database, server):
        for count in (few, few * TIMES_MORE):
            totals: list[int] = []
            measured = sides(folder, database, server, count, totals)
            found = in_rounds(measured, clear(database), plan)
            table(report, f"a campaign of {count:,} codes", count, found)
            told = ", ".join(f"{total:,}" for total in totals)
            report.lines += [f"Its own list of vouchers told of {told}.", ""]
            report.goals += goals(count, found)
            peaks.append(max(map(peak, background_of(server)())))
    grown = peaks[1] - peaks[0]
    told = " and ".join(f"{number(mb, 1)} MB" for mb in peaks)
    report.lines += [f"The background worker's memory peaks at {told}.", ""]
    wanted = f"{TIMES_MORE} times the codes take less than {GROWTH_MB} MB more"
    report.goals.append(Goal(wanted, f"{number(grown, 1)} MB", grown < GROWTH_MB))
    report.raw["peak MB of the background worker"] = peaks
    return report


@contextlib.contextmanager
def serving(most: int) -> Iterator[tuple[Path, Database, Server]]:
    """A server with its background worker, where a campaign may have so many codes."""
    with place() as folder, Database(folder).running() as database:
        url = database.url()
        server = Server(folder / "one", database_url=url, workers=1, campaign_codes=most)
        try:
            server.start()
            yield folder, database, server
        finally:
            if server.process is not None:
                server.stop()


def clear(database: Database) -> Callable[[], None]:
    """As if there had never been a campaign."""

    def do() -> None:
        said(database, ["DROP TABLE IF EXISTS bare_vouchers", BARE_TABLE])
        said(
            database, ["TRUNCATE campaigns, vouchers, campaign_days, events, jobs, totals CASCADE"]
        )
        said(database, ["CHECKPOINT"])

    return do


def sides(
    folder: Path, database: Database, server: Server, count: int, totals: list[int]
) -> dict[str, Callable[[], Spent]]:
    """The server first: what it made is what COPY writes again. `totals` are what it then tells of
    how many vouchers the campaign has.
    """
    rows = folder / f"vouchers-{count}.copy"

    def made() -> None:
        body = {**CAMPAIGN, "vouchers_count": count}
        campaign = asked("POST", f"{server.url}/v1/campaigns", json=body)
        until_done(f"{server.url}/v1/campaigns/{campaign['id']}", "creation_status")
        # This project has no other vouchers; how many a filter leaves may be an estimate.
        listed = asked("GET", f"{server.url}/v1/vouchers?limit=1")
        of_campaign = f"{server.url}/v1/vouchers?campaign_id={campaign['id']}&limit=1"
        totals.append(asked("GET", of_campaign)["total"])
        if listed["total"] != count:
            raise Failed(f"the list tells of {listed['total']} vouchers, of {count}")

    def by_server() -> Spent:
        found = spent(database, made, server)
        check(database, "vouchers", count)
        if not rows.exists():
            said(database, [rf"\copy vouchers TO '{rows}'"])
            rows.chmod(0o644)
        return found

    def by_copy() -> Spent:
        found = spent(database, lambda: said(database, [f"COPY bare_vouchers FROM '{rows}'"]))
        check(database, "bare_vouchers", count)
        return found

    return {SERVER: by_server, BARE: by_copy}


def check(database: Database, name: str, count: int) -> None:
    """Sees that there are as many as asked for, all different, and of the pattern."""
    written = database.say(WRITTEN % name)
    if written != f"{count}|{count}|{count}|t":
        raise Failed(f"of {count} vouchers there are (all|codes|ids|of the pattern): {written}")


def goals(count: int, found: dict[str, list[Spent]]) -> list[Goal]:
    seconds = middle([one.seconds for one in found[SERVER]])
    most = count * SECONDS_A_CODE
    return [
        Goal(
            f"{count:,} codes: at most {most:,.4g} s",
            f"{seconds:.2f} s, {share(of_bare(found))} of COPY",
            seconds <= most,
        )
    ]


# --- the list as it grows -----------------------------------------------------------------------

SMALL, LARGE = 10_000, 10_000_000
OF_CAMPAIGN = 1000
TIMES_SLOWER = 1.2
CAMPAIGN_ID = f"'camp_' || left(md5((n / {OF_CAMPAIGN})::text), 24)"
FIRST, OWN = "the first page", "the first page of a campaign"
LISTS = {
    FIRST: request("GET", "/v1/vouchers?limit=10"),
    OWN: request("GET", f"/v1/vouchers?limit=10&campaign_id=camp_{md5(b'1').hexdigest()[:24]}"),
    "page 100": request("GET", "/v1/vouchers?limit=10&page=100"),
    "the first page by code": request("GET", "/v1/vouchers?limit=10&order=code"),
}
# A thousand vouchers a campaign, made at one instant as the server makes them.
FILL_VOUCHERS = f"""
INSERT INTO vouchers (project_id, id, code, code_key, type, campaign_id, discount, active, metadata,
    quantity, created_at)
SELECT '{PROJECT_ID}', 'v_' || md5(n::text), upper(md5('c' || n)), upper(md5('c' || n)),
    'DISCOUNT_VOUCHER', {CAMPAIGN_ID}, '{json.encode(DISCOUNT).decode()}', true, '{{}}', 1,
    timestamptz '2026-01-01' + n / {OF_CAMPAIGN} * interval '1 minute'
FROM generate_series(0, %d - 1) AS n
"""
FILL_CAMPAIGNS = f"""
INSERT INTO campaigns (project_id, id, name, campaign_type, type, join_once, auto_join,
    use_voucher_metadata_schema, voucher, active, creation_status, vouchers_count, created_at)
SELECT project_id, campaign_id, campaign_id, 'DISCOUNT_COUPONS', 'STATIC', false, false, false,
    '{json.encode(DEFINITION).decode()}', true, 'DONE', count(*), created_at
FROM vouchers GROUP BY project_id, campaign_id, created_at
"""
FILL_TOTAL = f"""
INSERT INTO totals (project_id, noun, n) VALUES ('{PROJECT_ID}', 'vouchers', %d)
"""


def fill(database: Database, count: int, base: str) -> None:
    """Puts vouchers and their campaigns where none are, and leaves the tables as if they had long
    been so.
    """
    started = time.monotonic()
    script = [
        *filling(database, "vouchers", FILL_VOUCHERS % count, base),
        *(FILL_CAMPAIGNS, FILL_TOTAL % count, "VACUUM (ANALYZE) campaigns", "CHECKPOINT"),
    ]
    said(database, script, base)
    progress(f"{count:,} vouchers in {time.monotonic() - started:.0f} s")


@bench("vouchers-list")
def voucher_lists(plan: Plan) -> Report:
    """The list of vouchers among 10,000 and among 10,000,000 of a project, a thousand a campaign:
    one web worker on each of two databases. A quick look has fewer in the large one.
    """
    sizes = {f"{size:,} vouchers": size for size in (SMALL, plan.rows or LARGE)}
    if len(sizes) != 2:
        raise Failed(f"{SMALL:,} vouchers are to be compared with more of them")
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place())
        database = stack.enter_context(Database(folder).running())
        compared = []
        for name, size in sizes.items():
            base = f"vouchers_{size}"
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
        title = f"GET /v1/vouchers, {what}, {CONNECTIONS} connections"
        report.table(title, *beside(found, what, list(sizes)))
    times = slower(found[FIRST, many], found[FIRST, few])
    wanted = f"{FIRST} among {many}: at most {TIMES_SLOWER} times the median time among {few}"
    report.goals.append(Goal(wanted, number(times, 2), times <= TIMES_SLOWER))
    return report


def beside(found: Measured, what: str, sizes: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """A table of a list at several sizes, each beside the first."""
    columns = ["", "p50 ms", "of the small table", "p99 ms", "requests/s"]
    columns += ["web CPU ms", "PostgreSQL CPU ms", "peak MB a worker"]
    rows = []
    for name in sizes:
        figures = found[what, name]
        rows.append(
            [
                name,
                number(median(figures, "p50"), 1),
                share(slower(figures, found[what, sizes[0]])),
                number(median(figures, "p99"), 1),
                number(median(figures, "rate")),
                number(median(figures, "web_cpu"), 3),
                number(median(figures, "postgres_cpu"), 3),
                number(figures[-1].peak),
            ]
        )
    return columns, rows


def slower(figures: Sequence[Figures], others: Sequence[Figures]) -> float:
    """How many times the other's median time: the median of the rounds' ratios."""
    return middle([one.p50 / other.p50 for one, other in zip(figures, others, strict=True)])


def check_list(url: str, size: int) -> None:
    """Sees that the lists tell of all."""
    pages = {what: asked("GET", f"{url}{asking.text.split()[1]}") for what, asking in LISTS.items()}
    totals = {what: page["total"] for what, page in pages.items()}
    wanted = dict.fromkeys(LISTS, size) | {OWN: min(size, OF_CAMPAIGN)}
    full = all(len(page["vouchers"]) == 10 for page in pages.values())
    named = all(row["campaign"] for page in pages.values() for row in page["vouchers"])
    if totals != wanted or not full or not named:
        raise Failed(f"the lists tell of {totals}, not {wanted}, or do not tell all of each")
