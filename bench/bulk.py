"""What the benches of many rows share: a server and a bare statement in turns, timed to the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
import msgspec
import psutil

from bench.commerce import KEYS
from bench.harness import Plan, Report, number, progress, share
from bench.sides import Database, Failed, background_of, cpu, peak, web_of
from largesse.kit.postgres import DATABASE
from tests.running import Server

ROUNDS = 3
SERVER, BARE = "server", "bare"


class Spent(msgspec.Struct):
    """One measurement: seconds, and CPU seconds of the processes; `grown` is by how many MB the
    background worker's memory has passed what it held before.
    """

    seconds: float
    postgres: float
    web: float | None = None
    background: float | None = None
    grown: float | None = None


Do = Callable[[], None]


def spent(database: Database, do: Do, server: Server | None = None) -> Spent:
    web = web_of(server)() if server else []
    background = background_of(server)() if server else []
    before = resting(background)
    used = [database.cpu(), cpu(web), cpu(background)]
    started = time.perf_counter()
    do()
    seconds = time.perf_counter() - started
    postgres, own, worker = (
        now - then
        for now, then in zip((database.cpu(), cpu(web), cpu(background)), used, strict=True)
    )
    if server is None:
        return Spent(seconds, postgres)
    return Spent(seconds, postgres, own, worker, max(map(peak, background)) - before)


def resting(processes: Sequence[psutil.Process]) -> float:
    return max((process.memory_info().rss / 2**20 for process in processes), default=0.0)


def in_rounds(
    sides: Mapping[str, Callable[[], Spent]], clear: Do, plan: Plan
) -> dict[str, list[Spent]]:
    """Measures the sides in turns, at most three times each; `clear` is called before each."""
    found: dict[str, list[Spent]] = {name: [] for name in sides}
    rounds = min(plan.rounds, ROUNDS)
    for n in range(rounds):
        for name in list(sides)[:: -1 if n % 2 else 1]:
            clear()
            found[name].append(sides[name]())
        progress(f"round {n + 1} of {rounds}")
    return found


def middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def of_bare(found: Mapping[str, Sequence[Spent]]) -> float:
    """The median of the rounds' ratios."""
    pairs = zip(found[BARE], found[SERVER], strict=True)
    return middle([bare.seconds / server.seconds for bare, server in pairs])


def table(report: Report, title: str, count: int, found: Mapping[str, Sequence[Spent]]) -> None:
    columns = ["", "s", "rows/s", "of bare", "web CPU s", "background CPU s", "PostgreSQL CPU s"]
    columns.append("background grown MB")
    rows = []
    for name, rounds in found.items():
        seconds = middle([one.seconds for one in rounds])
        told = [
            middle([value for one in rounds if (value := getattr(one, part)) is not None] or [-1])
            for part in ("web", "background", "postgres", "grown")
        ]
        rows.append(
            [
                name,
                number(seconds, 2),
                number(count / seconds),
                share(of_bare(found) if name == SERVER else 1.0),
                *("" if value < 0 else number(value, 1) for value in told[:3]),
                number(max((one.grown for one in rounds if one.grown is not None), default=None)),
            ]
        )
    report.table(f"{title}, {count:,} rows", columns, rows)
    report.raw[title] = found


def asked(method: str, url: str, **options: Any) -> Any:
    """An answer's JSON. Raises Failed."""
    answered = httpx.request(method, url, headers=KEYS, timeout=300, **options)
    if answered.status_code >= 300:
        raise Failed(f"{method} {url}: {answered.text[:2000]}")
    return answered.json() if answered.content else None


def until_done(url: str, member: str, ended: Sequence[str] = ("DONE",)) -> Any:
    """Asks again and again until a member says that the work is done."""
    while True:
        found = asked("GET", url)
        if found[member] in ended:
            return found
        if found[member] in ("FAILED", "ERROR"):
            raise Failed(str(found)[:2000])
        time.sleep(0.05)


def said(database: Database, script: Sequence[str], name: str = DATABASE) -> None:
    """Runs statements one after another, however long they take."""
    options = [option for statement in script for option in ("-c", statement)]
    database.client("psql", "-qAtX", "-v", "ON_ERROR_STOP=1", *options, name, seconds=3600)


# Built at once, indexes take a fraction of the time that so many rows would take to enter them.
INDEXES = "SELECT indexdef FROM pg_indexes WHERE tablename = '%s'"
WITHOUT_INDEXES = """
DO $$ DECLARE name text; BEGIN
    ALTER TABLE {table} DROP CONSTRAINT {table}_pkey;
    FOR name IN SELECT indexname FROM pg_indexes WHERE tablename = '{table}' LOOP
        EXECUTE 'DROP INDEX ' || name;
    END LOOP;
END $$
"""
PRIMARY_KEY = "ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY USING INDEX {table}_pkey"


def filling(database: Database, table: str, rows: str, name: str = DATABASE) -> list[str]:
    """A script that fills an empty table by a statement, with its indexes built afterwards."""
    return [
        "SET maintenance_work_mem = '512MB'",
        WITHOUT_INDEXES.format(table=table),
        rows,
        *database.say(INDEXES % table, name).splitlines(),
        PRIMARY_KEY.format(table=table),
        f"VACUUM (ANALYZE) {table}",
    ]
