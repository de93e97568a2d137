"""`largesse doctor`: looks at everything that a running server leans on."""

from __future__ import annotations

import asyncio
import shutil
import stat
from typing import Any

import msgspec

from largesse.kit import db, migrate
from largesse.kit.clock import now
from largesse.kit.settings import Settings
from largesse.serve import KEYS_FILE, MIGRATIONS, database

VERSION = "SELECT current_setting('server_version_num')::int"
OLDEST_OPEN_JOB = "SELECT min(updated_at) FROM jobs WHERE project_id <> '' AND finished_at IS NULL"
OLDEST_EVENT = "SELECT min(created_at) FROM events WHERE project_id <> '' AND NOT handled"
FREE_BYTES = 1 << 30
LATE_SECONDS = 300


class Finding(msgspec.Struct):
    what: str
    well: bool
    text: str


def examine(config: Settings) -> list[Finding]:
    findings = _folder(config)
    if not config.database_url and not (config.folder / "postgres").exists():
        return findings
    try:
        with database(config) as (url, _):
            findings += asyncio.run(_database(url))
    except Exception as error:
        findings.append(Finding("database", False, f"cannot be reached: {error}"))
    return findings


def _folder(config: Settings) -> list[Finding]:
    folder = config.folder
    if not folder.exists():
        return [Finding("data folder", True, f"{folder} is made at the first start")]
    free = shutil.disk_usage(folder).free
    findings = [
        Finding("data folder", free > FREE_BYTES, f"{folder}, {free / (1 << 30):.1f} GiB free")
    ]
    keys = folder / KEYS_FILE
    if keys.exists():
        mode = stat.S_IMODE(keys.stat().st_mode)
        findings.append(Finding("first keys", mode == 0o600, f"{keys}, mode {mode:o}"))
    return findings


async def _database(url: str) -> list[Finding]:
    connection = await db.connect(url, statement_timeout_ms=10_000)
    try:
        version = await connection.fetchval(VERSION)
        findings = [Finding("PostgreSQL", version >= 150_000, f"version {version // 10_000}")]
        try:
            waiting = await migrate.pending(connection, migrate.load(MIGRATIONS))
        except migrate.Changed as error:
            return [*findings, Finding("schema", False, str(error))]
        if waiting:
            names = ", ".join(migration.name for migration in waiting)
            return [*findings, Finding("schema", False, f"not applied: {names}")]
        findings.append(Finding("schema", True, "up to date"))
        findings.append(await _lateness(connection, "jobs", OLDEST_OPEN_JOB))
        findings.append(await _lateness(connection, "events", OLDEST_EVENT))
        return findings
    finally:
        await connection.close()


async def _lateness(connection: Any, what: str, statement: str) -> Finding:
    """Whether background work keeps up."""
    oldest = await connection.fetchval(statement)
    if oldest is None:
        return Finding(what, True, "nothing waits")
    seconds = (now() - oldest).total_seconds()
    return Finding(what, seconds < LATE_SECONDS, f"the oldest waits for {seconds:.0f} s")
