"""Products and SKUs in bulk: what the rows of an async action do, and files turned into rows."""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from largesse.actions import metadata, products
from largesse.actions.customer_rows import apart, moments, typed
from largesse.actions.products import (
    MOST_PRICE,
    BulkProduct,
    SkuFields,
    change_of,
    product,
    sku_change_of,
)
from largesse.engine.conditions import number_of
from largesse.kit import csv, db, wire
from largesse.kit.errors import InvalidPayload, Problem
from largesse.store import definitions
from largesse.store import products as store
from largesse.store.context import Context
from largesse.store.definitions import Definitions
from largesse.store.events import Event
from largesse.store.jobs import Job, NewRow, Outcome
from largesse.store.products import ProductChange

_bulk_reader = wire.Reader(BulkProduct)
_Rows = Sequence[db.Row]
_Change = Callable[[db.Row], ProductChange]
_Write = Callable[[Any, str, Sequence[ProductChange], datetime], Awaitable[list[db.Row]]]


async def apply_bulk(ctx: Context, job: Job, rows: _Rows) -> list[Outcome]:
    """Rows of a bulk update: each input is one product as JSON."""
    known = await definitions.current(ctx.db, ctx.project_id)

    def change(row: db.Row) -> ProductChange:
        body: BulkProduct = _bulk_reader.json(row["input"].encode())
        metadata.check(known, "product", body.metadata, whole=False)
        return change_of(body, ctx.now, ctx.new_id("prod_"), body.source_id, by_id=False)

    return await _apply(ctx, job, rows, change, known, store.upsert_products)


async def apply_metadata(ctx: Context, job: Job, rows: _Rows) -> list[Outcome]:
    """Rows of a metadata update: each reference is a source id."""
    known = await definitions.current(ctx.db, ctx.project_id)
    merged, removed = metadata.patch(job.parameters["metadata"])
    metadata.check(known, "product", job.parameters["metadata"], whole=False)

    def change(row: db.Row) -> ProductChange:
        return ProductChange(
            id=ctx.new_id("prod_"),
            source_id=row["reference"],
            metadata=merged,
            removed=removed,
            created_at=ctx.now,
        )

    return await _apply(ctx, job, rows, change, known, store.upsert_products)


async def apply_csv(ctx: Context, job: Job, rows: _Rows) -> list[Outcome]:
    """Rows of an import: each input is a FileRow of products. What exists gets a new name alone."""
    known = await definitions.current(ctx.db, ctx.project_id)

    def change(row: db.Row) -> ProductChange:
        given = msgspec.json.decode(row["input"], type=FileRow)
        cells = given.cells
        attributes = [part.strip() for part in (cells.get("attributes") or "").split(",")]
        body = products.ProductFields(
            name=_short("name", cells.get("name")),
            price=_price(cells.get("price")),
            attributes=[part for part in attributes if part] or None,
            image_url=cells.get("image_url"),
        )
        id_, source_id = ctx.new_id("prod_"), cells.get("source_id")
        made = change_of(body, ctx.now, id_, source_id, by_id=False)
        return msgspec.structs.replace(made, metadata=typed(known, "product", given.metadata))

    return await _apply(ctx, job, rows, change, known, store.import_products)


async def _apply(
    ctx: Context,
    job: Job,
    rows: _Rows,
    change: _Change,
    known: Definitions,
    write: _Write,
) -> list[Outcome]:
    """Writes each row's change; a row that cannot be read fails alone."""
    outcomes: list[Outcome] = []
    ready: list[tuple[int, ProductChange]] = []
    for row in rows:
        try:
            ready.append((row["n"], change(row)))
        except Problem as problem:
            outcomes.append(Outcome(row["n"], error=problem.details))
    for batch in _batches(apart(ready, job.created_at)):
        outcomes += await _write_batch(ctx, batch, known, write)
    return outcomes


def _batches(ready: Sequence[tuple[int, ProductChange]]) -> list[list[tuple[int, ProductChange]]]:
    """Runs that one statement can write: none of a source id twice, alike in what they remove and
    in whether they set attributes.
    """
    batches: list[list[tuple[int, ProductChange]]] = []
    seen: set[str] = set()
    kind: Any = None
    for item in ready:
        made = item[1]
        key, alike = made.source_id or made.id, (made.attributes is None, made.removed)
        if not batches or key in seen or alike != kind:
            batches.append([])
            seen, kind = set(), alike
        batches[-1].append(item)
        seen.add(key)
    return batches


async def _write_batch(
    ctx: Context, batch: list[tuple[int, ProductChange]], known: Definitions, write: _Write
) -> list[Outcome]:
    # One order of locks for all who write many: by source id.
    batch.sort(key=lambda item: item[1].source_id or "")
    rows = await write(ctx.db, ctx.project_id, [change for _, change in batch], ctx.now)
    written = {row["source_id"] or row["id"]: row for row in rows}
    outcomes, events = [], []
    for n, change in batch:
        row = written.get(change.source_id or change.id)
        if row is None:
            outcomes.append(Outcome(n, error=f"The product {change.source_id} is in the bin"))
            continue
        created = row["updated_at"] is None
        if created and "product" in known.schemas:
            metadata.check(known, "product", msgspec.json.decode(change.metadata), whole=True)
        type_ = "product.created" if created else "product.updated"
        data = wire.encode({"product": product(row)}).decode()
        events.append(Event(type_, data, product_id=row["id"]))
        outcomes.append(Outcome(n, row["id"], not created))
    # Nothing but a count hangs on them; to write each a second time would cost as much again.
    await ctx.emit(events, handled=True)
    return outcomes


# --- SKUs ---------------------------------------------------------------------------------------


async def apply_skus_csv(ctx: Context, job: Job, rows: _Rows) -> list[Outcome]:
    """Rows of an import: each input is a FileRow of SKUs. One that fails, fails alone."""
    known = await definitions.current(ctx.db, ctx.project_id)
    outcomes = []
    for row, at in zip(rows, moments(len(rows), ctx.now, job.created_at), strict=True):
        try:
            async with db.savepoint(ctx.db):
                outcomes.append(await _write_sku(ctx, row, known, at))
        except Problem as problem:
            if problem.code >= 500:
                raise
            outcomes.append(Outcome(row["n"], error=problem.details))
    return outcomes


async def _write_sku(ctx: Context, row: db.Row, known: Definitions, at: datetime) -> Outcome:
    """Of a SKU that exists a file changes the name and the price alone."""
    given = msgspec.json.decode(row["input"], type=FileRow)
    cells, values = given.cells, given.metadata
    parent = await products.hold(ctx, cells.get("product_id") or "")
    source_id = cells.get("source_id") or ""
    body = SkuFields(sku=_short("sku", cells.get("sku")), price=_price(cells.get("price")))
    if await ctx.db.fetchrow(store.GET_SKU_BY_SOURCE_ID, ctx.project_id, source_id) is None:
        body.currency = _short("currency", cells.get("currency"))
        body.attributes = _attributes(cells.get("attributes"))
        body.image_url = cells.get("image_url")
    else:
        values = {}
    change = sku_change_of(body, ctx.new_id("sku_"), parent["id"], source_id, by_id=False)
    change = msgspec.structs.replace(
        change, metadata=typed(known, "product", values), created_at=at
    )
    found = await products.write_sku(ctx, change, None)
    return Outcome(row["n"], found["id"], found["updated_at"] is not None)


def _attributes(cell: str | None) -> dict[str, Any] | None:
    """Attributes as JSON, or with the single quotes of the template."""
    if not cell:
        return None
    try:
        found: Any = msgspec.json.decode(cell)
    except (msgspec.DecodeError, RecursionError):
        try:
            found = ast.literal_eval(cell)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            found = None
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise InvalidPayload("Property .attributes should be a JSON object")
    try:
        encoded = msgspec.json.encode(found)
        if b"\\u0000" in encoded:
            raise InvalidPayload("Strings cannot contain the null character")
        plain: dict[str, Any] = msgspec.json.decode(encoded)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
        raise InvalidPayload("Property .attributes should be a JSON object") from None
    return plain


def _price(cell: str | None) -> int | None:
    """A price in minor units; files have major ones, so that `14.5` is 1450."""
    if not cell:
        return None
    number = number_of(cell.strip())
    if number is None or abs(number) > MOST_PRICE:
        raise InvalidPayload("Property .price should be number")
    return int((number * 100).quantize(Decimal(1), ROUND_HALF_UP))


def _short(column: str, cell: str | None) -> str | None:
    if cell is not None and len(cell) > 255:
        raise InvalidPayload(f"Property .{column} should NOT be longer than 255 characters")
    return cell


# --- files --------------------------------------------------------------------------------------


class FileRow(msgspec.Struct):
    """One row of a file: cells by column, an empty cell as null; all other columns as metadata."""

    cells: dict[str, str | None]
    metadata: dict[str, str]


class File(msgspec.Struct):
    """A file as a job's rows, which are made as they are taken."""

    count: int
    rows: Iterable[NewRow]


PRODUCT_COLUMNS = ("name", "source_id", "price", "attributes", "image_url")
SKU_COLUMNS = ("product_id", "sku", "source_id", "price", "currency", "image_url", "attributes")


def read_csv(content: bytes, columns: Sequence[str], required: Sequence[str]) -> File:
    """A file whose header names columns in any case; any other column is metadata. Raises
    InvalidPayload for one that lacks a required column or is no CSV.
    """
    header, rows = csv.read(content)
    names = [_column(name, columns) for name in header]
    if len(set(names)) < len(names):
        raise InvalidPayload("The header names a column twice")
    if any("\x00" in name for name in header):
        raise InvalidPayload("The header contains the null character")
    for column in required:
        if (column, "") not in names:
            raise InvalidPayload(f"The header should have a column '{column}'")
    count = sum(1 for _ in rows)
    return File(count, (_file_row(names, row, required) for row in csv.read(content)[1]))


def _column(name: str, columns: Sequence[str]) -> tuple[str, str]:
    plain = name.lower().replace(" ", "_").replace("-", "_")
    return (plain, "") if plain in columns else ("", name.removeprefix("metadata."))


def _file_row(names: list[tuple[str, str]], row: list[str], required: Sequence[str]) -> NewRow:
    cells: dict[str, str | None] = {}
    values: dict[str, str] = {}
    for (column, key), cell in zip(names, row, strict=False):
        if column:
            cells[column] = csv.plain(cell) or None
        elif key and cell:
            values[key] = csv.plain(cell)
    source_id = cells.get("source_id")
    reference = None if source_id is None else source_id[:255].replace("\x00", "")
    if len(row) != len(names):
        return NewRow(reference, error=f"The row has {len(row)} cells, the header {len(names)}")
    if any("\x00" in cell for cell in row):
        return NewRow(reference, error="A cell contains the null character")
    if source_id is not None and len(source_id) > 255:
        return NewRow(
            reference, error="Property .source_id should NOT be longer than 255 characters"
        )
    for column in required:
        if not cells.get(column):
            return NewRow(reference, error=f"The row has no {column}")
    return NewRow(reference, input=msgspec.json.encode(FileRow(cells, values)).decode())
