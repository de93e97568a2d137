from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from largesse.kit import db, migrate
from largesse.kit.migrate import Changed, Migration
from largesse.serve import MIGRATIONS
from tests.running import Server


@asynccontextmanager
async def scratch(server: Server) -> AsyncIterator[str]:
    """The address of an empty database on the server's PostgreSQL, dropped afterwards."""
    name = f"scratch_{secrets.token_hex(4)}"
    keeper = await db.connect(server.postgres.url)
    await keeper.execute(f"CREATE DATABASE {name}")
    try:
        yield server.postgres.url.replace("/largesse?", f"/{name}?")
    finally:
        await keeper.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await keeper.close()


def files(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name.removeprefix('m')}.sql").write_text(text)
    return folder


async def names(connection: Any) -> list[str]:
    rows = await connection.fetch("SELECT name FROM migrations ORDER BY number")
    return [row["name"] for row in rows]


# --- cutting ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n\n-- only words;\n", []),
        ("SELECT 1;\nSELECT 2;\n", ["SELECT 1;", "SELECT 2;"]),
        ("SELECT 1;\nSELECT 2", ["SELECT 1;", "SELECT 2"]),
        ("SELECT\n  1,\n  2;\n", ["SELECT\n  1,\n  2;"]),
        ("SELECT 1;   \nSELECT 2;", ["SELECT 1;", "SELECT 2;"]),
        # Only a semicolon that ends a line cuts.
        ("SELECT 'a;b', 1; SELECT 2;\n", ["SELECT 'a;b', 1; SELECT 2;"]),
        ("-- why\nSELECT 1;\n-- the end", ["-- why\nSELECT 1;"]),
        (
            "CREATE FUNCTION f() AS $$\nBEGIN\n  RETURN;\nEND;\n$$;\nSELECT 1;",
            ["CREATE FUNCTION f() AS $$\nBEGIN\n  RETURN;\nEND;\n$$;", "SELECT 1;"],
        ),
        ("SELECT $$a;$$;\nSELECT 2;", ["SELECT $$a;$$;", "SELECT 2;"]),
    ],
)
def test_a_file_is_cut_into_statements(tmp_path: Path, text: str, expected: list[str]) -> None:
    (tmp_path / "0001_a.sql").write_text(text)
    assert Migration(tmp_path / "0001_a.sql").statements() == expected


def test_files_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    files(tmp_path, m0002_b="", m0010_c="", m0001_a="", m9_d="")
    (tmp_path / "notes.txt").write_text("none of them")
    found = migrate.load(tmp_path)
    assert [migration.name for migration in found] == ["0001_a", "0002_b", "9_d", "0010_c"]


# --- applying -----------------------------------------------------------------------------------


def test_each_file_is_applied_once(server: Server, tmp_path: Path) -> None:
    async def steps() -> None:
        async with scratch(server) as url:
            connection = await db.connect(url)
            files(tmp_path, m0001_a="CREATE TABLE a (n int);\nINSERT INTO a VALUES (1);")
            assert await migrate.apply(connection, tmp_path) == ["0001_a"]
            assert await migrate.apply(connection, tmp_path) == []
            files(
                tmp_path, m0002_b="INSERT INTO a VALUES (2);", m0003_c="INSERT INTO a VALUES (3);"
            )
            assert [m.name for m in await migrate.pending(connection, migrate.load(tmp_path))] == [
                "0002_b",
                "0003_c",
            ]
            assert await migrate.apply(connection, tmp_path) == ["0002_b", "0003_c"]
            rows = await connection.fetch("SELECT n FROM a ORDER BY n")
            assert [row["n"] for row in rows] == [1, 2, 3]
            assert await names(connection) == ["0001_a", "0002_b", "0003_c"]
            assert await connection.fetchval("SELECT count(*) FROM migration_lease") == 0
            await connection.close()

    asyncio.run(steps())


def test_the_past_cannot_change(server: Server, tmp_path: Path) -> None:
    async def steps() -> None:
        async with scratch(server) as url:
            connection = await db.connect(url)
            files(tmp_path, m0001_a="SELECT 1;", m0002_b="SELECT 2;")
            await migrate.apply(connection, tmp_path)
            files(tmp_path, m0001_a="SELECT 3;", m0003_c="CREATE TABLE never (n int);")
            with pytest.raises(Changed, match="0001_a was changed after it was applied"):
                await migrate.apply(connection, tmp_path)
            files(tmp_path, m0001_a="SELECT 1;")
            (tmp_path / "0002_b.sql").unlink()
            with pytest.raises(Changed, match="migration 2 was applied by a newer version"):
                await migrate.apply(connection, tmp_path)
            assert await connection.fetchval("SELECT to_regclass('never')") is None
            await connection.close()

    asyncio.run(steps())


def test_a_file_that_fails_in_its_middle_goes_on_when_it_is_mended(
    server: Server, tmp_path: Path
) -> None:
    async def steps() -> None:
        async with scratch(server) as url:
            connection = await db.connect(url)
            good = "CREATE TABLE IF NOT EXISTS a (n int);\n"
            files(tmp_path, m0001_a=good, m0002_b=good + "SELECT nonsense;\n", m0003_c="SELECT 3;")
            with pytest.raises(db.DatabaseError, match="nonsense"):
                await migrate.apply(connection, tmp_path)
            assert await names(connection) == ["0001_a"]
            # The lease was given back, so that the next need not wait for its end.
            assert await connection.fetchval("SELECT count(*) FROM migration_lease") == 0
            files(tmp_path, m0002_b=good + "SELECT 2;\n")
            assert await migrate.apply(connection, tmp_path) == ["0002_b", "0003_c"]
            await connection.close()

    asyncio.run(steps())


def test_many_first_starts_at_once_apply_each_file_once(server: Server, tmp_path: Path) -> None:
    files(tmp_path, m0001_a="CREATE TABLE a (n int);", m0002_b="INSERT INTO a VALUES (1);")

    async def one(url: str) -> list[str]:
        connection = await db.connect(url)
        try:
            return await migrate.apply(connection, tmp_path)
        finally:
            await connection.close()

    async def steps() -> None:
        async with scratch(server) as url:
            found = await asyncio.gather(*(one(url) for _ in range(8)))
            assert sorted(name for applied in found for name in applied) == ["0001_a", "0002_b"]
            connection = await db.connect(url)
            assert await connection.fetchval("SELECT count(*) FROM a") == 1
            await connection.close()

    asyncio.run(steps())


def test_a_lease_is_waited_for_until_it_ends(server: Server, tmp_path: Path) -> None:
    files(tmp_path, m0001_a="CREATE TABLE a (n int);")

    async def steps() -> None:
        async with scratch(server) as url:
            connection, other = await db.connect(url), await db.connect(url)
            await other.execute(migrate.BOOKS)
            assert await other.fetchval(migrate.TAKE, "another", 1.5) == 1
            task = asyncio.create_task(migrate.apply(connection, tmp_path))
            await asyncio.sleep(0.7)
            assert not task.done()
            assert await other.fetchval("SELECT to_regclass('a')") is None
            # Its holder died without giving it back: it runs out.
            assert await asyncio.wait_for(task, 10) == ["0001_a"]
            # What is not one's own is not given back.
            assert await other.fetchval(migrate.TAKE, "another", 60) == 1
            assert await other.fetchval(migrate.TAKE, "third", 60) is None
            await other.execute(migrate.GIVE_BACK, "third")
            assert await other.fetchval("SELECT holder FROM migration_lease") == "another"
            await connection.close()
            await other.close()

    asyncio.run(steps())


def test_our_own_migrations_can_all_run_again(server: Server) -> None:
    async def steps() -> None:
        async with scratch(server) as url:
            connection = await db.connect(url)
            applied = await migrate.apply(connection, MIGRATIONS)
            assert applied == [migration.name for migration in migrate.load(MIGRATIONS)]
            # As after a crash between the last statement and the record of it.
            await connection.execute("DELETE FROM migrations")
            assert await migrate.apply(connection, MIGRATIONS) == applied
            await connection.close()

    asyncio.run(steps())
