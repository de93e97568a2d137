"""Rules about the code itself. A rule that matters is a test, not a sentence."""

from __future__ import annotations

import ast
import asyncio
import csv
import importlib
import os
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import largesse
from largesse import store
from largesse.api.routes import OPERATIONS
from largesse.kit import auth, db, errors
from largesse.store import (
    counters,
    customers,
    events,
    jobs,
    kept_answers,
    projects,
    qualifications,
    redeemables,
    redemptions,
)
from largesse.store.listing import Listing, Window
from largesse.store.table import Changes, Table
from tests.running import Server
from tests.schema import drawn

SOURCE = Path(largesse.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))
SHARED_TABLES = {"projects", "keys", "migrations", "migration_lease"}
STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE)\b")


def statements() -> dict[str, str]:
    """Every statement of the store by name, those that Tables and Listings make among them."""
    found: dict[str, str] = {}
    for info in pkgutil.iter_modules(store.__path__):
        module = importlib.import_module(f"largesse.store.{info.name}")
        for name, value in vars(module).items():
            if isinstance(value, str) and name.isupper() and STATEMENT.match(value):
                found[f"{info.name}.{name}"] = value
            if isinstance(value, Table):
                found[f"{info.name}.{name}.INSERT"] = value.INSERT
                found[f"{info.name}.{name}.GET"] = value.GET
            if isinstance(value, Changes):
                found[f"{info.name}.{name}.UPDATE"] = value.UPDATE
            if isinstance(value, Listing):
                found.update(listed(f"{info.name}.{name}", value))
            if isinstance(value, dict) and name in ("PURGES", "RECOUNTS"):
                found.update({f"{info.name}.{name}.{key}": text for key, text in value.items()})
    return found


def listed(name: str, listing: Listing) -> dict[str, str]:
    made = {}
    for order in listing.orders:
        for sign in ("", "-"):
            made[f"{name}.{sign}{order}"], _ = listing.statement({}, Window(order=sign + order))
    for filter_ in listing.filters:
        made[f"{name}[{filter_}]"], _ = listing.statement({filter_: "x"}, Window())
    window = Window(after_id="x")
    made[f"{name}.after_id"], _ = listing.statement({}, window)
    return made


async def on_database(server: Server, work: Any) -> Any:
    connection = await db.connect(server.postgres.url)
    try:
        return await work(connection)
    finally:
        await connection.close()


# --- SQL ----------------------------------------------------------------------------------------


def test_every_statement_prepares_and_names_its_project(server: Server) -> None:
    async def work(connection: Any) -> None:
        for name, statement in statements().items():
            await connection.prepare(statement)
            only_shared = not re.search(
                r"\b(?:FROM|INTO|UPDATE|JOIN) (?!projects\b|keys\b|unnest\b)\w", statement
            )
            assert only_shared or "project_id" in statement, name

    asyncio.run(on_database(server, work))
    assert len(statements()) > 60


def test_no_statement_looks_at_a_clock_or_rolls_dice() -> None:
    for name, statement in statements().items():
        assert not re.search(r"(?i)\b(now|random|clock_timestamp|gen_random_uuid)\(", statement), (
            name
        )


KEYS_OF_TABLES = """
SELECT tables.relname AS table, indexes.relname AS index, columns.attname AS first
FROM pg_index
JOIN pg_class AS tables ON tables.oid = indrelid
JOIN pg_class AS indexes ON indexes.oid = indexrelid
JOIN pg_attribute AS columns ON columns.attrelid = indrelid AND columns.attnum = indkey[0]
WHERE tables.relnamespace = 'public'::regnamespace
"""
FOREIGN_KEYS = """
SELECT conrelid::regclass::text AS table, conname AS name, attname AS first
FROM pg_constraint
JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
WHERE contype = 'f'
"""
TABLES = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)


def test_project_id_leads_every_key_of_a_tenants_tables(server: Server) -> None:
    async def work(connection: Any) -> None:
        tables = {row["relname"] for row in await connection.fetch(TABLES)}
        assert tables - SHARED_TABLES == set(projects.TENANT_TABLES)
        rows = await connection.fetch(KEYS_OF_TABLES) + await connection.fetch(FOREIGN_KEYS)
        for row in rows:
            assert row["table"] in SHARED_TABLES or row["first"] == "project_id", dict(row)

    asyncio.run(on_database(server, work))


def test_the_drawn_schema_is_what_the_migrations_make(server: Server) -> None:
    assert (SOURCE / "store" / "schema.sql").read_text() == drawn(server.postgres)


HOT = {
    customers.GET_BY_ID: "customers_pkey",
    customers.GET_BY_SOURCE_ID: "customers_source_id",
    customers.DELETE: "customers_pkey",
    customers.LISTING.statement({}, Window())[0]: "customers_created",
    customers.LISTING.statement({}, Window(order="updated_at"))[0]: "customers_updated",
    customers.LISTING.statement({}, Window(order="-updated_at"))[0]: "customers_updated",
    customers.LISTING.statement({}, Window(order="source_id"))[0]: "customers_source_id",
    customers.LISTING.statement({"email": "x"}, Window())[0]: "customers_",
    events.ACTIVITY.statement({"customer_id": "x"}, Window())[0]: "events_customer",
    events.HANDLE: "events_unhandled",
    jobs.CLAIM: "jobs_open",
    jobs.NEXT_ROWS: "job_rows_pkey",
    redeemables.HOLD_VOUCHERS_BY_CODE: "vouchers_code",
    redeemables.HOLD_VOUCHERS_BY_ID: "vouchers_pkey",
    redeemables.HOLD_ALL_BY_ID: "vouchers_pkey",
    redemptions.SPEND: "vouchers_pkey",
    redemptions.LISTING.statement({}, Window())[0]: "redemptions_created",
    redemptions.LISTING.statement({"customer_id": "x"}, Window())[0]: "redemptions_customer",
    redemptions.LISTING.statement({"campaign_id": "x"}, Window())[0]: "redemptions_campaign",
    redemptions.LISTING.statement({"voucher_id": "x"}, Window())[0]: "redemptions_voucher",
    redemptions.CHILDREN: "redemptions_parent",
    counters.RECOUNTS["campaign", "customer"]: "redemptions_customer",
    counters.HOLD: "counters_pkey",
    kept_answers.GET: "kept_answers_pkey",
    kept_answers.DROP_OLD: "kept_answers_created",
    qualifications.STANDALONE: "vouchers_standalone",
    qualifications.HELD: "vouchers_holder",
}


FILL = [
    # Projects of other tests, of a few vouchers each, would make the average one small.
    "DELETE FROM vouchers",
    """INSERT INTO customers (project_id, id, source_id, name, email, metadata, created_at,
    updated_at)
    SELECT 'p' || n % 5, 'c' || n, 's' || n, 'n' || n % 50, 'e' || n, '{}', t, t
    FROM generate_series(1, 20000) AS n, LATERAL (SELECT timestamptz 'epoch' + n * interval '1 s')
    AS times (t)""",
    """INSERT INTO events (project_id, id, type, customer_id, group_id, data, created_at, handled)
    SELECT project_id, 'e' || id, 'customer.created', id, 'g', '{}', created_at, n % 100 > 0
    FROM (SELECT *, row_number() OVER () AS n FROM customers) AS customers""",
    """INSERT INTO jobs (project_id, id, type, queue, status, request_id, parameters, rows, done,
    failed, attempts, created_at, updated_at, finished_at)
    SELECT 'p' || n % 5, 'j' || n, 't', 'q', 'DONE', 'r', '{}', 1, 1, 0, 0, t, t,
    CASE WHEN n > 20 THEN t END
    FROM generate_series(1, 5000) AS n, LATERAL (SELECT timestamptz 'epoch' + n * interval '1 s')
    AS times (t)""",
    """INSERT INTO job_rows (project_id, job_id, n, reference)
    SELECT project_id, id, n, 's' || n FROM jobs, generate_series(1, 5) AS n
    WHERE type = 't'""",
    """INSERT INTO kept_answers (project_id, key, request, status, answer, created_at)
    SELECT project_id, id, 'r', 200, 'a', created_at FROM customers""",
    """INSERT INTO vouchers (project_id, id, code, code_key, type, campaign_id, holder_id, active,
    created_at, updated_at)
    SELECT project_id, 'v' || n, 'v' || n, 'v' || n, 'DISCOUNT_VOUCHER',
    CASE WHEN n % 10 > 0 THEN 'c' || n % 100 END, CASE WHEN n % 9 = 0 THEN id END, true, created_at,
    created_at
    FROM (SELECT *, row_number() OVER () AS n FROM customers WHERE length(project_id) = 2)
    AS customers""",
    """INSERT INTO redemptions (project_id, id, object, result, parent_id, voucher_id, campaign_id,
    customer_id, channel_type, created_at)
    SELECT project_id, 'r' || id, 'redemption', 'SUCCESS', 'r' || left(id, 4), 'v' || id,
    'k' || right(id, 1), id, 'API', created_at FROM customers""",
    """INSERT INTO counters (project_id, key, n, created_at)
    SELECT project_id, id, 1, created_at FROM customers""",
    "ANALYZE customers, events, jobs, job_rows, kept_answers, vouchers, redemptions, counters",
]


def test_hot_statements_use_their_index(server: Server) -> None:
    async def work(connection: Any) -> None:
        transaction = connection.transaction()
        await transaction.start()
        for statement in FILL:
            await connection.execute(statement)
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        for statement, index in HOT.items():
            places = sorted(set(map(int, re.findall(r"\$(\d+)", statement))))
            await connection.execute(f"PREPARE hot AS {statement}")
            values = ", ".join("NULL" for _ in places)
            rows = await connection.fetch(f"EXPLAIN EXECUTE hot({values})")
            await connection.execute("DEALLOCATE hot")
            plan = "\n".join(row[0] for row in rows)
            assert index in plan, f"{statement}\n{plan}"
        await transaction.rollback()

    asyncio.run(on_database(server, work))


# --- routes and errors --------------------------------------------------------------------------


def test_every_route_stands_once_and_states_who_may_call_it() -> None:
    assert len({(o.method, o.path) for o in OPERATIONS}) == len(OPERATIONS)
    assert len({o.name for o in OPERATIONS}) == len(OPERATIONS)
    for operation in OPERATIONS:
        assert operation.kind in (auth.SERVER, auth.CLIENT, auth.MANAGEMENT, auth.PUBLIC)
        if operation.kind == auth.CLIENT:
            assert operation.scope in auth.SCOPES, operation
        if operation.kind == auth.SERVER and not operation.path.startswith("/v1/oauth/"):
            assert operation.scope in auth.SCOPES, operation
        assert operation.handler.__doc__, operation


def error_classes() -> list[type[errors.Problem]]:
    return [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.Problem)
    ]


def test_every_error_stands_in_the_tree_and_has_the_references_key() -> None:
    tree = errors.__doc__ or ""
    for problem in error_classes():
        assert problem.__name__ in tree
    folder = os.environ.get("REFERENCE")
    if folder:
        with (Path(folder) / "error-keys.tsv").open() as file:
            known = {row["key"] for row in csv.DictReader(file, delimiter="\t")}
        assert {problem.key for problem in error_classes() if problem.key} <= known


# --- the code -----------------------------------------------------------------------------------


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in MODULES:
        yield path, ast.parse(path.read_text())


def test_modules_and_functions_stay_short() -> None:
    for path, tree in trees():
        length = len(path.read_text().splitlines())
        assert length <= 420, f"{path}: {length} lines"
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert node.end_lineno is not None
                length = node.end_lineno - node.lineno + 1
                assert length <= 65, f"{path}: {node.name} has {length} lines"


def test_names_say_what_a_thing_is() -> None:
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                assert not re.search(r"Service|Manager|Helper|Util", node.name), (path, node.name)
        assert not re.search(r"service|manager|helper|util", path.stem), path


def test_what_others_use_says_what_it_does() -> None:
    for path, tree in trees():
        assert ast.get_docstring(tree), path
        if path.parent.name in ("engine", "actions"):
            for node in tree.body:
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    public = not node.name.startswith("_")
                    assert not public or ast.get_docstring(node), (path, node.name)


CLOCKS = re.compile(
    r"datetime\.now|utcnow|time\.time|os\.urandom|(import|from) (secrets|random|uuid)"
)


def test_only_kit_looks_at_clocks_and_dice() -> None:
    for path in MODULES:
        if path.parent.name != "kit":
            assert not CLOCKS.search(path.read_text()), path
