"""Taking work on: what outlives its request becomes an async action and a job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from largesse.engine import metadata
from largesse.kit import wire
from largesse.kit.errors import InvalidPayload
from largesse.store import jobs
from largesse.store.context import Context
from largesse.store.jobs import Job, NewRow


class Accepted(msgspec.Struct):
    """That the request was taken on; the async action of this id tells how it goes."""

    async_action_id: str


async def enqueue(
    ctx: Context,
    type_: str,
    count: int,
    rows: Iterable[NewRow],
    parameters: Any,
    *,
    queue: str | None = None,
) -> Accepted:
    """Takes work on: `count` rows, which may come as they are made; work without rows takes none.
    Of one queue a job begins when the one before it is done; a noun has a queue of its own.
    """
    job = Job(
        id=ctx.new_id("aa_"),
        type=type_,
        queue=queue or type_.partition(".")[0],
        request_id=ctx.request_id,
        parameters=wire.encode(parameters).decode(),
        rows=count,
        created_at=ctx.now,
        updated_at=ctx.now,
    )
    if not count:
        job.status, job.finished_at = jobs.DONE, ctx.now
        job.reports_till = reports_till(ctx)
    await jobs.enqueue(ctx.db, ctx.project_id, job, rows)
    return Accepted(job.id)


async def enqueue_metadata(
    ctx: Context, type_: str, names: Sequence[str], values: Mapping[str, Any]
) -> Accepted:
    """Takes on the merging of the same metadata into many objects. Raises InvalidPayload for what
    cannot be kept.
    """
    if found := metadata.flaw(values):
        raise InvalidPayload(found)
    rows = (NewRow(name, input="{}") for name in names)
    return await enqueue(ctx, type_, len(names), rows, {"metadata": values})


def reports_till(ctx: Context) -> datetime:
    """How long the report of what ends now is kept."""
    return ctx.now + timedelta(days=ctx.settings.report_days)
