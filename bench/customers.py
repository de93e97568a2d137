"""Customers: creating, updating and reading one, against the bare answer and against pgbench; and
what a large table costs.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

import httpx

from bench.harness import (
    Goal,
    Measured,
    Plan,
    Report,
    bench,
    in_turns,
    median,
    number,
    progress,
    ratio,
    share,
)
from bench.load import FIRST_KEY, FIRST_NEW_KEY, KEY, LAST_NEW_KEY
from bench.sides import (
    CONNECTIONS,
    PROJECT_ID,
    Database,
    Failed,
    Http,
    Pgbench,
    Request,
    bare,
    filled,
    largesse,
    place,
    request,
    web_of,
)
from largesse.store import customers, events
from tests.running import FIRST

POST, GET = "POST", "GET"
TITLES = {
    POST: f"POST /v1/customers, half new and half existing, {CONNECTIONS} connections",
    GET: f"GET /v1/customers/{{source_id}}, {CONNECTIONS} connections",
}
SMALL, LARGE = 10_000, 1_000_000
MEMORY_MB = 120

BODY: dict[str, Any] = {
    "source_id": KEY,
    "name": f"Bob {KEY}",
    "description": "A frequent customer",
    "email": f"bob.{KEY}@email.example",
    "phone": "+1 933 222 3333",
    "address": {
        "city": "New York",
        "state": "NY",
        "line_1": "123 Main St.",
        "line_2": "APT 3 BLG 4",
        "country": "United States",
        "postal_code": "10001",
    },
    "metadata": {"lang": "en", "test": True},
    "birthdate": "2022-01-01",
}
REQUESTS: dict[str, Request] = {
    POST: request("POST", "/v1/customers", BODY, new=0.5),
    GET: request("GET", f"/v1/customers/{KEY}"),
}

# As the load's customers are, each with a key of its own from FIRST_KEY on.
FILL = f"""
INSERT INTO customers (project_id, id, source_id, name, description, email, phone, birthdate,
    address_city, address_state, address_line_1, address_line_2, address_country,
    address_postal_code, metadata, created_at, updated_at)
SELECT '{PROJECT_ID}', 'cust_' || left(md5(n::text), 24), n::text, 'Bob ' || n,
    'A frequent customer', 'bob.' || n || '@email.example', '+1 933 222 3333', '2022-01-01',
    'New York', 'NY', '123 Main St.', 'APT 3 BLG 4', 'United States', '10001',
    '{{"lang": "en", "test": true}}',
    timestamptz '2026-01-01' + (n - {FIRST_KEY}) * interval '1 second',
    timestamptz '2026-02-01' + (n - {FIRST_KEY}) * interval '1 second'
FROM generate_series({FIRST_KEY}, {FIRST_KEY} - 1 + %d) AS n
"""


def fill(database: Database, count: int, **name: str) -> None:
    """Puts customers where none are, and leaves the table as if it had long been so."""
    started = time.monotonic()
    database.say(FILL % count, **name)
    database.say("VACUUM (ANALYZE) customers", **name)
    database.say("CHECKPOINT", **name)
    progress(f"{count:,} customers in {time.monotonic() - started:.0f} s")


# --- pgbench ------------------------------------------------------------------------------------


def scripts(data: str) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The server's statements as scripts, and their variables; `data` is an event's."""
    variables = {
        "project": PROJECT_ID,
        "data": data,
        "metadata": '{"lang":"en","test":true}',
        "nothing": "{}",
    }
    for name in ("description", "phone", "birthdate"):
        variables[name] = BODY[name]
    variables |= BODY["address"]
    existing = f"\\set key random({FIRST_KEY}, {FIRST_KEY - 1 + SMALL})\n"
    new = f"\\set key random({FIRST_NEW_KEY}, {LAST_NEW_KEY})\n"
    found = filled(customers.GET_BY_SOURCE_ID, [":project", ":key"])
    return {
        POST: [existing + _upsert("customer.updated"), new + _upsert("customer.created")],
        GET: [existing + found],
    }, variables


def _upsert(event: str) -> str:
    profile = {
        **dict.fromkeys(customers.PROFILE, "NULL"),
        "name": "'Bob ' || :key::text",
        "email": "'bob.' || :key::text || '@email.example'",
        **{name: f":{name}" for name in ("description", "phone", "birthdate")},
        **{f"address_{part}": f":{part}" for part in customers.ADDRESS},
    }
    customer_id = "('cust_00000' || :random::text)"
    upsert = [":project", customer_id, ":key", "now()"]
    upsert += [f"({value})" for value in profile.values()]
    upsert += [":metadata", ":nothing", ":nothing", "now()"]
    event_id = "('evcus_' || :event::text)"
    insert = [":project", event_id, f"'{event}'", customer_id, "NULL", "NULL", "NULL"]
    insert += ["('v-' || :event::text)", ":data", "now()", "NULL", "NULL"]
    return (
        "\\set random random(1000000000000000000, 8999999999999999999)\n"
        f"\\set run :run + {CONNECTIONS}\n"
        "\\set event :run + :client_id\n"
        "BEGIN;\n"
        f"{filled(customers.UPSERT_BY_SOURCE_ID, upsert)}"
        f"{filled(events.INSERT, insert)}"
        "COMMIT;\n"
    )


# --- the benches --------------------------------------------------------------------------------


@bench("customers")
def compare(plan: Plan) -> Report:
    """One customer: the server with one and two web workers, the bare answer, pgbench."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place())
        database = stack.enter_context(Database(folder).running())
        one = stack.enter_context(largesse(folder / "one", database.url(), 1))
        two = stack.enter_context(largesse(folder / "two", database.url(), 2))
        bare_port, bare_web = stack.enter_context(bare(database.url()))
        fill(database, SMALL)
        servers = [
            Http("1 worker", int(one.settings["port"]), web_of(one), database, REQUESTS, SMALL),
            Http("2 workers", int(two.settings["port"]), web_of(two), database, REQUESTS, SMALL),
            Http("bare ASGI", bare_port, bare_web, database, REQUESTS, SMALL),
        ]
        answer = same_answers(servers)
        told, variables = scripts(f'{{"customer":{answer}}}')
        pgbench = Pgbench("pgbench", database, told, variables)
        found = in_turns([*servers, pgbench], (POST, GET), plan)
    report = Report(raw=raw(found))
    for operation, title in TITLES.items():
        report.table(title, *compared(found, operation))
        of_bare = ratio(found[operation, "1 worker"], found[operation, "bare ASGI"])
        report.goals.append(
            Goal(
                f"{operation}: 1 worker at least 75 % of bare ASGI", share(of_bare), of_bare >= 0.75
            )
        )
        of_pgbench = ratio(found[operation, "2 workers"], found[operation, "pgbench"])
        report.goals.append(
            Goal(
                f"{operation}: 2 workers at least 20 % of pgbench",
                share(of_pgbench),
                of_pgbench >= 0.2,
            )
        )
    report.goals.append(memory(found, ("1 worker", "2 workers")))
    return report


def same_answers(servers: list[Http]) -> str:
    """Sees that the servers answer the same customer with the same JSON; that JSON."""
    answers, reads = [], []
    for server in servers:
        url = f"http://127.0.0.1:{server.port}/v1/customers"
        keys = {"X-App-Id": FIRST["app_id"], "X-App-Token": FIRST["app_token"]}
        body = {**BODY, "source_id": "the same"}
        answered = httpx.post(url, json=body, headers=keys)
        answers.append(answered.json() | {"updated_at": ""})
    for server in servers:
        url = f"http://127.0.0.1:{server.port}/v1/customers"
        reads.append(httpx.get(f"{url}/the%20same", headers=keys).content)
    if any(answer != answers[0] for answer in answers) or len(set(reads)) != 1:
        raise Failed(f"the servers do not answer alike: {answers} {reads}")
    return reads[0].decode()


def compared(found: Measured, operation: str) -> tuple[list[str], list[list[str]]]:
    columns = ["", "requests/s", "of bare", "of pgbench", "p50 ms", "p99 ms"]
    columns += ["web CPU ms", "PostgreSQL CPU ms", "client CPU ms", "peak MB a worker"]
    rows = []
    for name in ("1 worker", "2 workers", "bare ASGI", "pgbench"):
        figures = found[operation, name]
        rows.append(
            [
                name,
                number(median(figures, "rate")),
                share(ratio(figures, found[operation, "bare ASGI"])),
                share(ratio(figures, found[operation, "pgbench"])),
                number(median(figures, "p50"), 1),
                number(median(figures, "p99"), 1),
                number(median(figures, "web_cpu"), 3),
                number(median(figures, "postgres_cpu"), 3),
                number(median(figures, "client_cpu"), 3),
                number(figures[-1].peak),
            ]
        )
    return columns, rows


def memory(found: Measured, names: tuple[str, ...]) -> Goal:
    most = max(
        figures.peak or 0.0
        for (_, name), rounds in found.items()
        if name in names
        for figures in rounds
    )
    return Goal(f"memory below {MEMORY_MB} MB a web worker", f"{most:.0f} MB", most < MEMORY_MB)


@bench("customers-growth")
def growth(plan: Plan) -> Report:
    """One customer among 10,000 and among 1,000,000: one web worker on each of two databases."""
    sizes = {f"{size:,} customers": size for size in (SMALL, LARGE)}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place())
        database = stack.enter_context(Database(folder).running())
        sides = []
        for name, size in sizes.items():
            base = f"customers_{size}"
            database.say(f"CREATE DATABASE {base}")
            server = stack.enter_context(largesse(folder / base, database.url(base), 1))
            fill(database, size, name=base)
            port = int(server.settings["port"])
            sides.append(Http(name, port, web_of(server), database, REQUESTS, size))
        found = in_turns(sides, (POST, GET), plan)
    report = Report(raw=raw(found))
    few, many = sizes
    columns = ["", "requests/s", "of the small table", "p50 ms", "p99 ms"]
    columns += ["web CPU ms", "PostgreSQL CPU ms", "peak MB a worker"]
    for operation, title in TITLES.items():
        rows = []
        for name in sizes:
            figures = found[operation, name]
            rows.append(
                [
                    name,
                    number(median(figures, "rate")),
                    share(ratio(figures, found[operation, few])),
                    number(median(figures, "p50"), 1),
                    number(median(figures, "p99"), 1),
                    number(median(figures, "web_cpu"), 3),
                    number(median(figures, "postgres_cpu"), 3),
                    number(figures[-1].peak),
                ]
            )
        report.table(f"{title}, 1 worker", columns, rows)
        slower = 1 - ratio(found[operation, many], found[operation, few])
        report.goals.append(
            Goal(
                f"{operation}: at most 10 % slower with {LARGE:,} customers",
                share(slower),
                slower <= 0.1,
            )
        )
    report.goals.append(memory(found, tuple(sizes)))
    return report


def raw(found: Measured) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for (operation, name), figures in found.items():
        result.setdefault(operation, {})[name] = figures
    return result
