"""Prints the schema that the migrations make; `make schema` keeps it as store/schema.sql."""

from __future__ import annotations

import asyncio
import re
import subprocess
import tempfile
from pathlib import Path

from largesse.kit import db, migrate
from largesse.kit.postgres import Postgres
from largesse.serve import MIGRATIONS


def drawn(postgres: Postgres) -> str:
    """The schema of the embedded database, without what differs from run to run."""
    text = subprocess.run(
        [
            postgres.binary("pg_dump"),
            *("--schema-only", "--no-owner", "--no-privileges", "--schema=public", postgres.url),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    kept = [
        line
        for line in text.splitlines()
        if line.strip()
        and not re.match(r"--|SET |SELECT pg_catalog|\\|CREATE SCHEMA|COMMENT ON SCHEMA", line)
    ]
    return "\n".join(kept).replace(";\n", ";\n\n") + "\n"


async def _migrated(url: str) -> None:
    connection = await db.connect(url)
    try:
        await migrate.apply(connection, MIGRATIONS)
    finally:
        await connection.close()


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="largesse-schema-") as place:
        Path(place).chmod(0o755)
        postgres = Postgres(Path(place) / "postgres")
        postgres.start()
        try:
            asyncio.run(_migrated(postgres.url))
            print(drawn(postgres), end="")
        finally:
            postgres.stop()


if __name__ == "__main__":
    main()
