"""Forward-only migrations: numbered SQL files, each applied once and remembered with its checksum.

One process at a time, under a lease row: whoever finds it held waits. A file runs statement by
statement outside a transaction, so each must be safe to run again after a crash in its middle.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
from pathlib import Path
from typing import Any

from largesse.kit import db

LEASE_SECONDS = 600

BOOKS = """
CREATE TABLE IF NOT EXISTS migrations (
    number integer CONSTRAINT migrations_pkey PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS migration_lease (
    id integer CONSTRAINT migration_lease_pkey PRIMARY KEY,
    holder text NOT NULL,
    held_until timestamptz NOT NULL
);
"""
TAKE = """
INSERT INTO migration_lease (id, holder, held_until)
VALUES (1, $1, clock_timestamp() + $2 * interval '1 second')
ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
WHERE migration_lease.held_until < clock_timestamp() OR migration_lease.holder = excluded.holder
RETURNING id
"""
GIVE_BACK = "DELETE FROM migration_lease WHERE id = 1 AND holder = $1"
APPLIED = "SELECT number, checksum FROM migrations ORDER BY number"
RECORD = """
INSERT INTO migrations (number, name, checksum, applied_at)
VALUES ($1, $2, $3, clock_timestamp())
"""


class Changed(Exception):
    """A migration that was applied differs from the file of today, or its file is gone."""


class LeaseLost(Exception):
    """A statement outlasted the lease, and somebody else migrates now."""


class Migration:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = int(path.name.split("_")[0])
        self.name = path.stem
        self.text = path.read_text()
        self.checksum = hashlib.sha256(self.text.encode()).hexdigest()

    def statements(self) -> list[str]:
        """The file cut at semicolons that end a line; a body in `$$` stays whole."""
        pieces, inside = [""], False
        for line in self.text.splitlines():
            inside ^= line.count("$$") % 2 == 1
            pieces[-1] += line + "\n"
            if line.rstrip().endswith(";") and not inside:
                pieces.append("")
        return [piece.strip() for piece in pieces if _code(piece)]


def _code(text: str) -> str:
    return re.sub(r"--.*", "", text).strip()


def load(folder: Path) -> list[Migration]:
    return sorted((Migration(path) for path in folder.glob("*.sql")), key=lambda m: m.number)


async def pending(connection: Any, migrations: list[Migration]) -> list[Migration]:
    """Those not applied yet. Raises Changed where the past does not match the files."""
    exists = await connection.fetchval("SELECT to_regclass('migrations') IS NOT NULL")
    rows = await connection.fetch(APPLIED) if exists else []
    files = {migration.number: migration for migration in migrations}
    for row in rows:
        known = files.pop(row["number"], None)
        if known is None:
            raise Changed(f"migration {row['number']} was applied by a newer version")
        if known.checksum != row["checksum"]:
            raise Changed(f"{known.name} was changed after it was applied")
    return [migration for migration in migrations if migration.number in files]


async def apply(connection: Any, folder: Path) -> list[str]:
    """Brings the database up to date; the names of what was applied."""
    migrations = load(folder)
    if not await pending(connection, migrations):
        return []
    await _books(connection)
    holder = f"{os.getpid()}-{secrets.token_hex(8)}"
    # Another process holds the lease: no event of this one could tell when it lets go.
    while await connection.fetchval(TAKE, holder, LEASE_SECONDS) is None:  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    try:
        applied = []
        for migration in await pending(connection, migrations):
            for statement in migration.statements():
                await connection.execute(statement)
                if await connection.fetchval(TAKE, holder, LEASE_SECONDS) is None:
                    raise LeaseLost(f"{migration.name} took so long that another process went on")
            await connection.execute(RECORD, migration.number, migration.name, migration.checksum)
            applied.append(migration.name)
        return applied
    finally:
        await connection.execute(GIVE_BACK, holder)


async def _books(connection: Any) -> None:
    # Two first starts at once can both find the tables missing; one of them then loses.
    for _ in range(5):
        try:
            await connection.execute(BOOKS)
            return
        except db.DatabaseError as error:
            if error.sqlstate not in ("23505", "42710", "42P07"):
                raise
            await asyncio.sleep(0.1)
    await connection.execute(BOOKS)
