"""Async actions: enqueueing them, working them off in portions, and telling how they stand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from largesse.actions import customer_rows, generation, order_rows, product_rows, voucher_rows
from largesse.actions.queue import reports_till
from largesse.kit import auth, csv, db, metrics, wire
from largesse.kit.errors import NotFound, Problem, Unauthorized
from largesse.kit.logs import log
from largesse.store import jobs
from largesse.store.context import Context
from largesse.store.customer_view import Instant
from largesse.store.jobs import Job, Outcome, Portion
from largesse.store.projects import Project

Apply = Callable[[Context, Job, Sequence[db.Row]], Awaitable[list[Outcome]]]
Step = Callable[[Context, Job], Awaitable[Portion]]
Begin = Callable[[Any], Context]

CUSTOMERS_BULK_UPDATE = "CUSTOMERS.BULK_UPDATE"
CUSTOMERS_METADATA_UPDATE = "CUSTOMERS.METADATA_UPDATE"
CUSTOMERS_IMPORT_CSV = "CUSTOMERS.IMPORT_CSV"
PRODUCTS_BULK_UPDATE = "PRODUCTS.BULK_UPDATE"
PRODUCTS_METADATA_UPDATE = "PRODUCTS.METADATA_UPDATE"
PRODUCTS_IMPORT_CSV = "PRODUCTS.IMPORT_CSV"
SKUS_IMPORT_CSV = "SKUS.IMPORT_CSV"
ORDERS_IMPORT = "ORDERS.IMPORT"

VOUCHERS_BULK_UPDATE = "VOUCHERS.BULK_UPDATE"
VOUCHERS_METADATA_UPDATE = "VOUCHERS.METADATA_UPDATE"
VOUCHERS_IMPORT = "VOUCHERS.IMPORT"
VOUCHERS_IMPORT_CSV = "VOUCHERS.IMPORT_CSV"
CAMPAIGN_IMPORT = "CAMPAIGN.VOUCHERS_IMPORT"
CAMPAIGN_IMPORT_CSV = "CAMPAIGN.VOUCHERS_IMPORT_CSV"

# What each type of async action does with its rows.
APPLY: dict[str, Apply] = {
    CUSTOMERS_BULK_UPDATE: customer_rows.apply_bulk,
    CUSTOMERS_METADATA_UPDATE: customer_rows.apply_metadata,
    CUSTOMERS_IMPORT_CSV: customer_rows.apply_csv,
    PRODUCTS_BULK_UPDATE: product_rows.apply_bulk,
    PRODUCTS_METADATA_UPDATE: product_rows.apply_metadata,
    PRODUCTS_IMPORT_CSV: product_rows.apply_csv,
    SKUS_IMPORT_CSV: product_rows.apply_skus_csv,
    ORDERS_IMPORT: order_rows.apply,
    VOUCHERS_BULK_UPDATE: voucher_rows.apply_bulk,
    VOUCHERS_METADATA_UPDATE: voucher_rows.apply_metadata,
    VOUCHERS_IMPORT: voucher_rows.apply_import,
    VOUCHERS_IMPORT_CSV: voucher_rows.apply_csv,
    CAMPAIGN_IMPORT: voucher_rows.apply_import,
    CAMPAIGN_IMPORT_CSV: voucher_rows.apply_csv,
}
IMPORTS = {
    CUSTOMERS_IMPORT_CSV: "customer",
    PRODUCTS_IMPORT_CSV: "product",
    SKUS_IMPORT_CSV: "sku",
    ORDERS_IMPORT: "order",
    **dict.fromkeys(
        (VOUCHERS_IMPORT, VOUCHERS_IMPORT_CSV, CAMPAIGN_IMPORT, CAMPAIGN_IMPORT_CSV), "voucher"
    ),
}

# Work without rows: what each type does with its next portion.
STEPS: dict[str, Step] = {
    generation.GENERATE: generation.generate,
    generation.UPDATE: generation.modify,
    generation.DELETE: generation.drop,
}

ATTEMPTS = 3
LOCK_TIMEOUT = "SET LOCAL lock_timeout = 2000"
FAILURES_SHOWN = 10_000
REPORT_PORTION = 1000


class Failure(msgspec.Struct):
    """A row that failed in a bulk update, and why."""

    message: str
    details: str
    key: str
    source_id: str | UnsetType = UNSET


class FailedRow(msgspec.Struct):
    """A row of a file that failed, and why; rows count from 1, without the header."""

    source_id: str
    row: int
    reason: str


class Result(msgspec.Struct, kw_only=True):
    """What came of an async action. Updates have `reports` and `errors`, imports `failed`."""

    message: str | UnsetType = UNSET
    done_count: int
    failed_count: int
    reports: list[str]
    reports_available_till: Instant
    failed: list[FailedRow] | UnsetType = UNSET
    errors: list[Failure] | UnsetType = UNSET


class AsyncAction(msgspec.Struct, kw_only=True):
    """How an async action stands. `processing_time` is in milliseconds, `progress` in percent."""

    id: str
    type: str
    status: str
    operation_status: str
    result: Result | UnsetType = UNSET
    created_at: Instant
    updated_at: Instant
    request_id: str
    progress: int
    processing_time: int | UnsetType = UNSET
    object: str = "async_action"


# --- working ------------------------------------------------------------------------------------


async def work(pool: Any, begin: Begin, project_id: str, queue: str) -> bool:
    """Does the next portion of a queue; False where there is none, or another worker has it."""
    for whole in (True, False):
        try:
            return await db.in_transaction(pool, partial(_portion, begin, queue, whole))
        except Exception as error:
            if db.is_locked(error):
                return False
            if db.away(error):
                raise
            if isinstance(error, Problem):
                continue
            log.warning("portion failed", project=project_id, queue=queue, exc_info=error)
    await db.in_transaction(pool, lambda c: _stumble(begin(c), queue))
    return True


async def _portion(begin: Begin, queue: str, whole: bool, connection: Any) -> bool:
    """Applies a portion as a whole, or each row for itself."""
    ctx = begin(connection)
    # Who waits long for a row holds up every other project.
    await ctx.db.execute(LOCK_TIMEOUT)
    job = await jobs.claim(ctx.db, ctx.project_id, queue)
    if job is None:
        return False
    if job.type in STEPS:
        return await _step(ctx, job)
    rows = await jobs.next_rows(ctx.db, ctx.project_id, job, ctx.settings.batch_rows)
    outcomes = [Outcome(row["n"], error=row["error"]) for row in rows if row["error"]]
    waiting = [row for row in rows if not row["error"]]
    job.parameters = msgspec.json.decode(job.parameters)
    apply = APPLY[job.type]
    if whole and waiting:
        outcomes += await apply(ctx, job, waiting)
    else:
        # What is created row by row is a millisecond apart too.
        times = customer_rows.moments(len(waiting), ctx.now, job.created_at)
        for row, at in zip(waiting, times, strict=True):
            ctx.now = at
            outcomes += await _alone(ctx, apply, job, row)
    await jobs.record(ctx.db, ctx.project_id, job, outcomes, ctx.now, reports_till(ctx))
    failed = sum(outcome.error is not None for outcome in outcomes)
    metrics.JOB_ROWS.labels(job.type, "failed").inc(failed)
    metrics.JOB_ROWS.labels(job.type, "done").inc(len(outcomes) - failed)
    return True


async def _step(ctx: Context, job: Job) -> bool:
    job.parameters = msgspec.json.decode(job.parameters)
    portion = await STEPS[job.type](ctx, job)
    await jobs.advance(ctx.db, ctx.project_id, job, portion, ctx.now, reports_till(ctx))
    metrics.JOB_ROWS.labels(job.type, "done").inc(portion.done)
    return True


async def _alone(ctx: Context, apply: Apply, job: Job, row: db.Row) -> list[Outcome]:
    """One row in a savepoint: whatever is wrong with it fails this row and no other."""
    try:
        async with db.savepoint(ctx.db):
            return await apply(ctx, job, [row])
    except Problem as problem:
        if problem.code >= 500:
            raise
        return [Outcome(row["n"], error=problem.details or problem.message)]
    except Exception as error:
        if db.away(error) or db.is_locked(error):
            raise
        log.error("row failed", project=ctx.project_id, row=row["n"], exc_info=error)
        return [Outcome(row["n"], error="The row cannot be stored")]


async def _stumble(ctx: Context, queue: str) -> None:
    """Counts a portion that failed as a whole; after a few the job is given up."""
    job = await jobs.claim(ctx.db, ctx.project_id, queue)
    if job is None:
        return
    attempts = await ctx.db.fetchval(jobs.STUMBLE, ctx.project_id, job.id, ctx.now)
    if attempts >= ATTEMPTS:
        reason = "The work was given up after an unexpected error"
        await ctx.db.execute(jobs.GIVE_UP_ROWS, ctx.project_id, job.id, reason)
        await ctx.db.execute(
            jobs.GIVE_UP, ctx.project_id, job.id, reason, ctx.now, reports_till(ctx)
        )
        if job.type in STEPS:
            job.parameters = msgspec.json.decode(job.parameters)
            await generation.abandon(ctx, job)


# --- telling ------------------------------------------------------------------------------------


def brief(job: Job) -> AsyncAction:
    """An async action without its result, as lists show it."""
    action = AsyncAction(
        id=job.id,
        type=job.type,
        status=job.status,
        operation_status=_verdict(job),
        created_at=wire.stamp(job.created_at),
        updated_at=wire.stamp(job.updated_at),
        request_id=job.request_id,
        progress=100 * (job.done + job.failed) // job.rows if job.rows else 100,
    )
    if job.finished_at is not None:
        seconds = (job.finished_at - job.created_at).total_seconds()
        action.processing_time = round(seconds * 1000)
    return action


def _verdict(job: Job) -> str:
    if job.finished_at is None:
        return "UNKNOWN"
    failed = job.status == jobs.FAILED or (job.failed > 0 and job.done == 0)
    return "FAILED" if failed else "SUCCESS"


async def full(ctx: Context, async_action_id: str) -> AsyncAction:
    """An async action with its result once it is finished. Raises NotFound."""
    row = await ctx.db.fetchrow(jobs.TABLE.GET, ctx.project_id, async_action_id)
    if row is None:
        raise NotFound.of("async_action", async_action_id)
    job = jobs.TABLE.of(row)
    action = brief(job)
    if job.finished_at is not None:
        failures = await ctx.db.fetch(jobs.FAILED_ROWS, ctx.project_id, job.id, FAILURES_SHOWN)
        action.result = _result(ctx, job, failures)
    return action


def _result(ctx: Context, job: Job, failures: Sequence[db.Row]) -> Result:
    assert job.reports_till is not None
    result = Result(
        done_count=job.done,
        failed_count=job.failed,
        reports=[_report_link(ctx, job)],
        reports_available_till=wire.stamp(job.reports_till),
    )
    if noun := IMPORTS.get(job.type):
        result.message = f"{job.done} {noun}(s) imported successfully, {job.failed} failed."
        result.failed = [
            FailedRow(row["reference"] or "", row["n"], row["error"]) for row in failures
        ]
        return result
    result.errors = [
        Failure("Invalid payload", row["error"], "invalid_payload", row["reference"] or "")
        for row in failures
    ]
    if job.error is not None and job.type in STEPS:
        # Work without rows has nothing else to tell by.
        result.errors.append(Failure("Invalid payload", job.error, "invalid_payload"))
    return result


def _report_link(ctx: Context, job: Job) -> str:
    token = f"{_signature(ctx.project, job.id)}.{ctx.project_id}"
    return f"{ctx.settings.base_url}/v1/task-results/{job.id}?token={token}"


def _signature(project: Project, job_id: str) -> str:
    return auth.sign(project.link_secret, "report", project.id, job_id)


def check_signature(project: Project, job_id: str, signature: str) -> None:
    """Raises Unauthorized unless the signature is the one of this job's report."""
    if not auth.same_signature(signature, project.link_secret, "report", project.id, job_id):
        raise Unauthorized


async def report(ctx: Context, project: Project, job_id: str) -> AsyncIterator[bytes]:
    """The report of a finished job as CSV, a portion at a time. Raises NotFound."""
    row = await ctx.db.fetchrow(jobs.TABLE.GET, project.id, job_id)
    job = None if row is None else jobs.TABLE.of(row)
    if job is None or job.finished_at is None or job.reports_till is None:
        raise NotFound.of("async_action", job_id)
    if job.reports_till < ctx.now:
        raise NotFound("The report is no longer available")

    async def parts() -> AsyncIterator[bytes]:
        yield csv.lines([("row", "source_id", "id", "found", "updated", "error")])
        last = 0
        while rows := await ctx.db.fetch(
            jobs.REPORT_ROWS, project.id, job_id, last, REPORT_PORTION
        ):
            last = rows[-1]["n"]
            yield csv.lines(
                (
                    row["n"],
                    row["reference"],
                    row["object_id"],
                    bool(row["found"]),
                    bool(row["updated"]),
                    row["error"],
                )
                for row in rows
            )

    return parts()
