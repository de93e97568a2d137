"""Jobs: work that outlives its request, row by row, each row once.

A job of a queue is worked off before the next of that queue begins. A portion of rows is applied
and crossed off in one transaction that holds the job's row, so a killed worker leaves no half.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from largesse.kit import db
from largesse.kit.db import Db, Row
from largesse.store.listing import Listing
from largesse.store.table import Table

ENQUEUED, IN_PROGRESS, DONE, FAILED = "ENQUEUED", "IN_PROGRESS", "DONE", "FAILED"


class Job(msgspec.Struct, kw_only=True):
    """`rows`, `done` and `failed` count rows; `parameters` is JSON; `error` is why all stopped."""

    id: str
    type: str
    queue: str
    status: str = ENQUEUED
    request_id: str
    parameters: Any
    rows: int
    done: int = 0
    failed: int = 0
    attempts: int = 0
    error: str | None = None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None = None
    reports_till: datetime | None = None


class NewRow(msgspec.Struct, frozen=True):
    """A row to be applied, and what it is about; one with an error is only reported. `people` are
    the names of customers in it, by which it is found when one of them is to be forgotten.
    """

    reference: str | None = None
    object_id: str | None = None
    input: str | None = None
    error: str | None = None
    people: list[str] | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What came of one row: the object it found or made, or why it failed."""

    n: int
    object_id: str | None = None
    found: bool | None = None
    error: str | None = None


class Portion(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a portion of work without rows. Of the last one `error` says why the rest of it
    cannot be done; `parameters` is where the next one goes on.
    """

    done: int
    last: bool
    error: str | None = None
    parameters: Any = None


TABLE = Table("jobs", Job)
LISTING = Listing(
    "jobs",
    TABLE.columns,
    filters={"end_date": "created_at < {}"},
    orders={"created_at": "created_at"},
    default="-created_at",
)

PROJECTS_WITH_OPEN = """
SELECT id FROM projects
WHERE EXISTS (SELECT 1 FROM jobs WHERE jobs.project_id = projects.id AND finished_at IS NULL)
"""
OPEN_QUEUES = "SELECT DISTINCT queue FROM jobs WHERE project_id = $1 AND finished_at IS NULL"
# The head of the queue or nothing: SKIP LOCKED over the whole queue would let a second worker
# overtake the first.
CLAIM = f"""
SELECT {TABLE.columns} FROM jobs
WHERE project_id = $1 AND finished_at IS NULL AND id = (
    SELECT id FROM jobs WHERE project_id = $1 AND queue = $2 AND finished_at IS NULL
    ORDER BY created_at, id LIMIT 1
)
FOR UPDATE SKIP LOCKED
"""
NEXT_ROWS = """
SELECT n, reference, input, error FROM job_rows
WHERE project_id = $1 AND job_id = $2 AND n > $3 ORDER BY n LIMIT $4 FOR UPDATE
"""
# The bounds are for the planner: rows that were just copied in have no statistics, and without
# them every portion would read the whole job.
RECORD_OUTCOMES = """
UPDATE job_rows SET input = NULL, object_id = outcome.object_id, found = outcome.found,
    updated = outcome.error IS NULL, error = outcome.error,
    people = CASE WHEN outcome.error IS NULL THEN NULL ELSE people END
FROM unnest($3::int[], $4::text[], $5::boolean[], $6::text[])
    AS outcome (n, object_id, found, error)
WHERE job_rows.project_id = $1 AND job_rows.job_id = $2 AND job_rows.n = outcome.n
    AND job_rows.n BETWEEN $7 AND $8
"""
PROGRESS = """
UPDATE jobs SET status = $3, done = done + $4, failed = failed + $5, attempts = 0, updated_at = $6,
    finished_at = $7, reports_till = $8,
    parameters = CASE WHEN $7::timestamptz IS NULL THEN parameters ELSE '{}' END
WHERE project_id = $1 AND id = $2
"""
# Work without rows: `parameters` tells where it goes on.
ADVANCE = """
UPDATE jobs SET status = $3, done = done + $4, failed = $5, parameters = $6, error = $7,
    attempts = 0, updated_at = $8, finished_at = $9, reports_till = $10
WHERE project_id = $1 AND id = $2
"""
STUMBLE = """
UPDATE jobs SET attempts = attempts + 1, updated_at = $3
WHERE project_id = $1 AND id = $2 AND finished_at IS NULL RETURNING attempts
"""
GIVE_UP = """
UPDATE jobs SET status = 'FAILED', error = $3, failed = rows - done, updated_at = $4,
    finished_at = $4, reports_till = $5, parameters = '{}'
WHERE project_id = $1 AND id = $2 AND finished_at IS NULL
"""
GIVE_UP_ROWS = """
UPDATE job_rows SET input = NULL, updated = false, error = $3
WHERE project_id = $1 AND job_id = $2 AND input IS NOT NULL
"""
REPORT_ROWS = """
SELECT n, reference, object_id, found, updated, error FROM job_rows
WHERE project_id = $1 AND job_id = $2 AND n > $3 ORDER BY n LIMIT $4
"""
FAILED_ROWS = """
SELECT n, reference, error FROM job_rows
WHERE project_id = $1 AND job_id = $2 AND error IS NOT NULL ORDER BY n LIMIT $3
"""
DROP_OLD_ROWS = """
DELETE FROM job_rows WHERE project_id = $1 AND job_id IN (
    SELECT id FROM jobs WHERE project_id = $1 AND reports_till < $2
)
"""
# A row that waits is crossed off too: it would bring back whom it names. An error may quote it.
FORGET = """
UPDATE job_rows SET reference = NULL, object_id = NULL, input = NULL,
    error = CASE WHEN input IS NULL AND error IS NULL THEN NULL ELSE 'permanently deleted' END
WHERE project_id = $1 AND (object_id = ANY($2::text[]) OR reference = ANY($3::text[]))
    AND job_id IN (SELECT id FROM jobs WHERE project_id = $1 AND type LIKE 'CUSTOMERS.%')
"""
# Rows that name them beside what they are about: orders that wait, or failed with a reason.
FORGET_NAMED = """
UPDATE job_rows SET reference = NULL, input = NULL, people = NULL, error = 'permanently deleted'
WHERE project_id = $1 AND people && ($2::text[] || $3::text[])
"""


async def enqueue(database: Db, project_id: str, job: Job, rows: Iterable[NewRow]) -> None:
    """Writes the job and its rows, which are taken as they come."""
    await database.execute(TABLE.INSERT, project_id, *TABLE.arguments(job))
    await db.copy_rows(
        database,
        "job_rows",
        ("project_id", "job_id", "n", "reference", "object_id", "input", "error", "people"),
        (
            (
                *(project_id, job.id, n, row.reference, row.object_id, row.input, row.error),
                row.people,
            )
            for n, row in enumerate(rows, 1)
        ),
    )


async def claim(database: Db, project_id: str, queue: str) -> Job | None:
    row = await database.fetchrow(CLAIM, project_id, queue)
    return None if row is None else TABLE.of(row)


async def next_rows(database: Db, project_id: str, job: Job, most: int) -> list[Row]:
    return await database.fetch(NEXT_ROWS, project_id, job.id, job.done + job.failed, most)


async def record(
    database: Db,
    project_id: str,
    job: Job,
    outcomes: Sequence[Outcome],
    now: datetime,
    reports_till: datetime,
) -> bool:
    """Crosses rows off and moves the job on; whether that was the last of them."""
    await database.execute(
        RECORD_OUTCOMES,
        project_id,
        job.id,
        [outcome.n for outcome in outcomes],
        [outcome.object_id for outcome in outcomes],
        [outcome.found for outcome in outcomes],
        [outcome.error for outcome in outcomes],
        min((outcome.n for outcome in outcomes), default=0),
        max((outcome.n for outcome in outcomes), default=0),
    )
    failed = sum(outcome.error is not None for outcome in outcomes)
    last = job.done + job.failed + len(outcomes) >= job.rows
    await database.execute(
        PROGRESS,
        project_id,
        job.id,
        DONE if last else IN_PROGRESS,
        len(outcomes) - failed,
        failed,
        now,
        now if last else None,
        reports_till if last else None,
    )
    return last


async def advance(
    database: Db, project_id: str, job: Job, portion: Portion, now: datetime, reports_till: datetime
) -> None:
    """Moves work without rows on by a portion; `job.parameters` are as they were read."""
    status = IN_PROGRESS
    if portion.last:
        status = DONE if portion.error is None else FAILED
    going_on = {} if portion.last else portion.parameters or job.parameters
    await database.execute(
        ADVANCE,
        project_id,
        job.id,
        status,
        portion.done,
        max(job.rows - job.done - portion.done, 0) if portion.error else 0,
        msgspec.json.encode(going_on).decode(),
        portion.error,
        now,
        now if portion.last else None,
        reports_till if portion.last else None,
    )
