"""Customers in bulk: what the rows of an async action do, and files turned into rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, TypeVar

import msgspec

from largesse.actions import files, metadata, segments
from largesse.actions.customers import BulkCustomer, change_of, event_of, write
from largesse.actions.files import File, FileRow
from largesse.engine import schemas
from largesse.kit import db, wire
from largesse.kit.errors import DuplicateFound, InvalidPayload, Problem
from largesse.kit.ids import is_customer_id
from largesse.kit.wire import Day
from largesse.store import customers, definitions
from largesse.store.context import Context
from largesse.store.customers import ADDRESS, ADDRESS_COLUMNS, PROFILE, Change
from largesse.store.definitions import Definitions
from largesse.store.jobs import Job, Outcome
from largesse.store.products import ProductChange

_bulk_reader = wire.Reader(BulkCustomer)
_Rows = Sequence[db.Row]
C = TypeVar("C", Change, ProductChange)


async def apply_bulk(ctx: Context, job: Job, rows: _Rows) -> list[Outcome]:
    """Rows of a bulk update: each input is one customer as JSON."""

    known = await definitions.current(ctx.db, ctx.project_id)

    def change(row: db.Row) -> Change:
        body: BulkCustomer = _bulk_reader.json(row["input"].encode())
        if body.address is None:
            body.address = msgspec.UNSET  # a null inside a larger body never clears anything
        metadata.check(known, "customer", body.metadata, whole=False)
        return change_of(body, ctx.now, ctx.new_id("cust_"), body.source_id, by_id=False)

    return await _apply(ctx, job, rows, change, known)


async def apply_metadata(ctx: Context, job: Job, rows: _Rows) -> list[Outcome]:
    """Rows of a metadata update: each reference is a source id."""
    known = await definitions.current(ctx.db, ctx.project_id)
    merged, removed = metadata.patch(job.parameters["metadata"])
    metadata.check(known, "customer", job.parameters["metadata"], whole=False)

    def change(row: db.Row) -> Change:
        return Change(
            id=ctx.new_id("cust_"),
            created_at=ctx.now,
            source_id=row["reference"],
            metadata=merged,
            removed=removed,
        )

    return await _apply(ctx, job, rows, change, known)


async def apply_csv(ctx: Context, job: Job, rows: _Rows) -> list[Outcome]:
    """Rows of an import: each input is a FileRow, whose columns replace what was there."""
    replaced = tuple(column for column in PROFILE if column in job.parameters["columns"])
    removed = tuple(job.parameters["metadata"])
    known = await definitions.current(ctx.db, ctx.project_id)

    def change(row: db.Row) -> Change:
        given = msgspec.json.decode(row["input"], type=FileRow)
        return _csv_change(ctx, given, replaced, removed, known)

    return await _apply(ctx, job, rows, change, known)


async def _apply(
    ctx: Context,
    job: Job,
    rows: _Rows,
    change: Callable[[db.Row], Change],
    known: Definitions,
) -> list[Outcome]:
    """Writes each row's change. A row that cannot be read or kept fails alone."""
    outcomes: list[Outcome] = []
    ready: list[tuple[int, Change]] = []
    for row in rows:
        try:
            ready.append((row["n"], change(row)))
        except Problem as problem:
            outcomes.append(Outcome(row["n"], error=problem.details))
    for batch in _batches(apart(ready, job.created_at)):
        outcomes += await _write_batch(ctx, batch, known)
    return outcomes


def apart(ready: Sequence[tuple[int, C]], since: datetime) -> list[tuple[int, C]]:
    """Each row's change created a millisecond after the one before, the last of them now and none
    before the request: lists are walked by the instant of creation, so that pages can keep to their
    limit.
    """
    if not ready:
        return []
    times = moments(len(ready), ready[0][1].created_at, since)
    return [
        (n, msgspec.structs.replace(change, created_at=at))
        for (n, change), at in zip(ready, times, strict=True)
    ]


def moments(count: int, now: datetime, since: datetime) -> list[datetime]:
    """So many instants, a millisecond apart, up to now, none before `since`."""
    return [max(now - timedelta(milliseconds=count - n), since) for n in range(1, count + 1)]


def _batches(ready: Sequence[tuple[int, Change]]) -> list[list[tuple[int, Change]]]:
    """Runs that one statement can write: by source id, none of them twice, alike in what they
    remove and replace. What is named by id is written alone.
    """
    batches: list[list[tuple[int, Change]]] = []

    def alike(item: tuple[int, Change]) -> tuple[Any, ...]:
        change = item[1]
        return change.by_id, change.removed, change.replaced

    for (by_id, *_), run in groupby(ready, key=alike):
        seen: set[str | None] = set()
        for number, item in enumerate(run):
            source_id = item[1].source_id
            if number == 0 or by_id or source_id in seen:
                batches.append([])
                seen = set()
            batches[-1].append(item)
            seen.add(source_id or f"\x00{number}")
    return batches


async def _write_batch(
    ctx: Context, batch: list[tuple[int, Change]], known: Definitions
) -> list[Outcome]:
    # One order of locks for all who write many: by source id.
    batch.sort(key=lambda item: item[1].source_id or "")
    changes = [change for _, change in batch]
    if changes[0].by_id:
        try:
            async with db.savepoint(ctx.db):
                rows = [await write(ctx, changes[0])]
        except DuplicateFound as problem:
            return [Outcome(batch[0][0], error=problem.details)]
    else:
        rows = await customers.upsert_many(ctx.db, ctx.project_id, changes, ctx.now)
    _check_new(known, changes, rows)
    await ctx.emit(
        [
            event_of(row, wire.encode(answer))
            for row, answer in zip(
                rows, await customers.dress(ctx.db, ctx.project_id, rows), strict=True
            )
        ]
    )
    await segments.settle(ctx, known, rows)
    written = {row["source_id"] or row["id"]: row for row in rows}
    outcomes = []
    for n, change in batch:
        row = written.get(change.source_id or change.id) or rows[0]
        outcomes.append(Outcome(n, row["id"], row["updated_at"] is not None))
    return outcomes


def _check_new(known: Definitions, changes: Sequence[Change], rows: _Rows) -> None:
    """Raises MetadataInvalid where one of the new ones lacks what is required; the portion is then
    done again row by row.
    """
    if "customer" not in known.schemas:
        return
    created = {row["source_id"] or row["id"] for row in rows if row["updated_at"] is None}
    for change in changes:
        if (change.source_id or change.id) in created:
            metadata.check(known, "customer", msgspec.json.decode(change.metadata), whole=True)


# --- importing ----------------------------------------------------------------------------------


_COLUMNS = {
    "id": "id",
    "source_id": "source_id",
    **{column: column for column in PROFILE},
    **dict(zip(ADDRESS, ADDRESS_COLUMNS, strict=True)),
}
_LIMITS = {"description": 10_000}


def read_csv(content: bytes) -> File:
    """Header names are those of the fields or of the template, in any case; any other column is
    metadata, kept as text. Raises InvalidPayload for a file that is no table of customers.
    """
    file = files.read(content, _COLUMNS, "source_id", _nameless)
    if not {"id", "source_id"} & set(file.columns):
        raise InvalidPayload("The header should have a column 'Source_id' or 'Id'")
    return file


def _nameless(row: FileRow) -> str | None:
    named = row.cells.get("id") or row.cells.get("source_id")
    return None if named else "The row has neither a source id nor an id"


def _csv_change(
    ctx: Context,
    row: FileRow,
    replaced: tuple[str, ...],
    removed: tuple[str, ...],
    known: Definitions,
) -> Change:
    profile: list[str | Day | None] = []
    for column in PROFILE:
        cell = row.cells.get(column)
        if cell is not None and column in ("birthday", "birthdate"):
            try:
                profile.append(Day.parse(cell))
            except ValueError as error:
                raise InvalidPayload(f"Property .{column} {error}") from None
            continue
        profile.append(files.short(cell, column, _LIMITS.get(column, 255)))
    given = row.cells.get("id")
    id_ = given if given and is_customer_id(given) else None
    return Change(
        id=id_ or ctx.new_id("cust_"),
        created_at=ctx.now,
        source_id=row.cells.get("source_id"),
        by_id=given is not None,
        profile=tuple(profile),
        metadata=typed(known, "customer", row.metadata),
        removed=removed,
        replaced=replaced,
    )


def typed(known: Definitions, noun: str, cells: Mapping[str, str]) -> str:
    """A file's cells of metadata as JSON, each of the type that its definition says, else text.
    Raises MetadataInvalid.
    """
    schema = known.schemas.get(noun)
    if schema is None:
        return wire.encode({key: cell for key, cell in cells.items() if cell}).decode()
    # An empty cell takes the key away, as a null would, and so not what is required.
    values = {
        key: schemas.from_text(schema, key, cell) if cell else None for key, cell in cells.items()
    }
    metadata.check(known, noun, values, whole=False)
    return metadata.patch(values)[0]
