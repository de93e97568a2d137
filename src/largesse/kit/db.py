"""PostgreSQL: the pool, transactions that retry, and errors by SQLSTATE. The only module but
`app` that knows the driver.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

import asyncpg
import msgspec

from largesse.kit.errors import Unavailable

T = TypeVar("T")
Row = Any

ATTEMPTS = 3
# What streams may take this long.
LONG_SECONDS = 3600
_RETRY_STATES = {"40001", "40P01"}


class Db(Protocol):
    """What statements run on: the pool (each on its own), or a connection in a transaction."""

    async def fetch(self, query: str, *args: Any) -> list[Row]: ...
    async def fetchrow(self, query: str, *args: Any) -> Row | None: ...
    async def fetchval(self, query: str, *args: Any) -> Any: ...
    async def execute(self, query: str, *args: Any) -> str: ...


# asyncpg has no types: its class is Any.
class Connection(asyncpg.Connection):  # type: ignore[misc]
    """Keeps no session state (`SET LOCAL` alone is allowed), so a release needs no reset query."""

    def get_reset_query(self) -> str:
        return ""


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


async def _prepare(connection: asyncpg.Connection) -> None:
    # JSON travels as text both ways: what is only passed on is never parsed.
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(
            kind, schema="pg_catalog", encoder=str, decoder=_raw, format="text"
        )


async def open_pool(
    url: str, size: int, statement_timeout_ms: int, *, plan_once: bool = False
) -> asyncpg.Pool:
    """A pool that opens connections as they are needed; the database need not be up yet. With
    `plan_once` statements are planned once, for whatever values: right for few values each time.
    """
    return asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        connection_class=Connection,
        init=_prepare,
        statement_cache_size=200,
        max_cached_statement_lifetime=0,
        max_inactive_connection_lifetime=300,
        max_queries=1_000_000_000,
        timeout=10,
        command_timeout=statement_timeout_ms / 1000 + 5,
        server_settings=session(statement_timeout_ms)
        | ({"plan_cache_mode": "force_generic_plan"} if plan_once else {}),
    )


def session(statement_timeout_ms: int) -> dict[str, str]:
    return {
        "application_name": "largesse",
        "timezone": "UTC",
        "jit": "off",
        "statement_timeout": str(statement_timeout_ms),
        "idle_in_transaction_session_timeout": str(statement_timeout_ms * 2),
    }


async def connect(url: str, statement_timeout_ms: int = 0) -> asyncpg.Connection:
    """A connection of its own, for migrations and the command line; 0 sets no timeout."""
    try:
        connection = await asyncpg.connect(
            url,
            connection_class=Connection,
            timeout=10,
            server_settings=session(statement_timeout_ms),
        )
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise ConnectionFailed(f"The database cannot be reached: {error}") from error
    await _prepare(connection)
    return connection


@asynccontextmanager
async def savepoint(connection: Any) -> AsyncIterator[None]:
    """What raises inside undoes what was done inside, and leaves the transaction alive."""
    await connection.execute("SAVEPOINT inner_part")
    try:
        yield
    except Exception:
        # Rolled back to, it is still there, and would be taken for the next one out.
        await connection.execute("ROLLBACK TO SAVEPOINT inner_part")
        await connection.execute("RELEASE SAVEPOINT inner_part")
        raise
    await connection.execute("RELEASE SAVEPOINT inner_part")


@asynccontextmanager
async def transaction(connection: asyncpg.Connection) -> AsyncIterator[None]:
    async with connection.transaction():
        yield


class ConnectionFailed(Exception):
    """No connection could be made; a sentence for the operator, without the password."""


class Again(Exception):
    """What was read is no longer so: the transaction has to be run again, with its locks let go."""


class Uncertain(Unavailable):
    """The connection was lost while committing: whether the change landed is not known."""


async def in_transaction(
    pool: asyncpg.Pool,
    work: Callable[[Any], Awaitable[T]],
    attempts: int = ATTEMPTS,
    *,
    lock_ms: int = 0,
) -> T:
    """Runs `work(connection)`: what returns commits, what raises rolls back. With `lock_ms` it
    waits no longer than that for a lock, and raises what `is_locked` knows.

    A deadlock, a serialization failure, Again or a connection lost before COMMIT runs the whole
    again, `attempts` times in all; then, or where the database is away, Unavailable.
    """
    for attempt in range(1, attempts + 1):
        try:
            return await _once(pool, work, lock_ms)
        except Uncertain:
            raise
        except Again as error:
            if attempt == attempts:
                raise Unavailable("Too many changes of the same object at once") from error
        except asyncpg.PostgresError as error:
            if attempt == attempts or not _again(error):
                raise translated(error) from error
        except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            if attempt == attempts or not lost(error):
                raise translated(error) from error
        await asyncio.sleep(0.01 * attempt)
    raise AssertionError("unreachable")


async def _once(pool: asyncpg.Pool, work: Callable[[Any], Awaitable[T]], lock_ms: int) -> T:
    begin = f"BEGIN; SET LOCAL lock_timeout = {lock_ms}" if lock_ms else "BEGIN"
    async with pool.acquire() as connection:
        await connection.execute(begin)
        try:
            result = await work(connection)
        except BaseException:
            if not connection.is_closed():
                await connection.execute("ROLLBACK")
            raise
        try:
            # COMMIT of a transaction that has failed answers ROLLBACK: somebody swallowed an error.
            if await connection.execute("COMMIT") != "COMMIT":
                raise AssertionError("the transaction had failed before its COMMIT")
        except Exception as error:
            if lost(error):
                raise Uncertain("The connection was lost; read before you try again") from error
            raise
        return result


def _again(error: asyncpg.PostgresError) -> bool:
    state = error.sqlstate or ""
    if state == "23505":
        # A generated id came up twice; with new ones the whole goes through.
        return constraint(error).endswith("_pkey") and not constraint(error).startswith("keys")
    return state in _RETRY_STATES or lost(error)


def lost(error: Exception) -> bool:
    """Whether the connection is gone, or could not be made."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state.startswith("08") or state in ("57P01", "57P02", "57P03")
    if isinstance(error, asyncpg.InterfaceError):
        # The driver says so in words alone; its other errors of this kind are our mistakes.
        return (
            "connection" in str(error) and re.search("closed|released|lost", str(error)) is not None
        )
    if isinstance(error, asyncpg.InternalClientError):
        # The database said goodbye on a connection at rest, and its end has not been read yet.
        return "cannot switch to state" in str(error)
    return isinstance(error, OSError) and not isinstance(error, TimeoutError)


def translated(error: Exception) -> Exception:
    """Unavailable where the database is away, overloaded or too slow; else the error itself."""
    state = getattr(error, "sqlstate", None) or ""
    if state == "57014" or isinstance(error, TimeoutError):
        return Unavailable("The database took too long")
    if lost(error) or state[:2] in ("40", "53"):
        return Unavailable("The database is away")
    return error


def away(error: Exception) -> bool:
    return isinstance(translated(error), Unavailable)


def constraint(error: Exception) -> str:
    """The violated constraint's name; a shard's `_102008` at its end is dropped."""
    name = getattr(error, "constraint_name", None) or ""
    return re.sub(r"_\d+\Z", "", name)


def violates(error: Exception, name: str) -> bool:
    """Whether this is a violation of the named unique constraint."""
    return isinstance(error, asyncpg.UniqueViolationError) and constraint(error) == name


def is_locked(error: Exception) -> bool:
    """Whether a lock was not had in the time that was set for it."""
    return getattr(error, "sqlstate", None) == "55P03"


def out_of_range(error: Exception) -> bool:
    """Whether a number did not fit its column."""
    return getattr(error, "sqlstate", None) == "22003"


UniqueViolation = asyncpg.UniqueViolationError
DatabaseError = asyncpg.PostgresError


async def copy_rows(
    connection: Any, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> None:
    await connection.copy_records_to_table(table, columns=columns, records=rows)


async def copy_out(
    pool: Any, query: str, arguments: Sequence[Any], sink: Callable[[bytes], Awaitable[None]]
) -> None:
    """Runs a query of any length, and hands its rows to `sink` as CSV while they come."""
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.copy_from_query(
            query,
            *arguments,
            output=sink,
            format="csv",
            timeout=LONG_SECONDS,
        )


async def plan_for_values(connection: Any) -> None:
    """Has statements planned for their values until the transaction ends: for many values."""
    await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")


@asynccontextmanager
async def planning(pool: Any) -> AsyncIterator[Any]:
    """A connection to read with, whose statements are planned for their values."""
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        await plan_for_values(connection)
        yield connection


async def count_within(pool: Any, matching: str, arguments: Sequence[Any], budget_ms: int) -> int:
    """The rows of `FROM ... WHERE ...`: counted if that takes no longer than the budget, else as
    many as the planner expects.
    """
    async with planning(pool) as connection:
        await connection.execute(f"SET LOCAL statement_timeout = {int(budget_ms)}")
        try:
            async with connection.transaction():
                counted: int = await connection.fetchval(
                    f"SELECT count(*) {matching}",
                    *arguments,
                )
                return counted
        except asyncpg.QueryCanceledError:
            pass
        await connection.execute("SET LOCAL statement_timeout = 1000")
        plan = await connection.fetchval(
            f"EXPLAIN (FORMAT JSON) SELECT 1 {matching}",
            *arguments,
        )
        expected: int = msgspec.json.decode(plan)[0]["Plan"]["Plan Rows"]
        return expected
