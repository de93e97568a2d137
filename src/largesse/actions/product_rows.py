"""Products and SKUs in bulk: what the rows of an async action do, and files turned into rows."""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from largesse.actions import files, metadata, products
from largesse.actions.customer_rows import apart, moments, typed
from largesse.actions.files import File, FileRow
from largesse.actions.products import (
    BulkProduct,
    SkuFields,
    change_of,
    product,
    sku_change_of,
)
from largesse.kit import db, wire
from largesse.kit.errors import InvalidPayload, Problem
from largesse.store import definitions
from largesse.store import products as store
from largesse.store.context import Context
from largesse.store.definitions import Definitions
from largesse.store.events import Event
from largesse.store.jobs import Job, Outcome
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
            name=files.short(cells.get("name"), "name"),
            price=files.money(cells.get("price"), "price"),
            attributes=[part for part in attributes if part] or None,
            image_url=cells.get("image_url"),
        )
        id_, source_id = ctx.new_id("prod_"), cells.get("source_id")
        made = change_of(body, ctx.now, id_, source_id, by_id=False)
        return msgspec.structs.replace(
            made, metadata=typed(known, "product", files.filled(given.metadata))
        )

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
    cells, values = given.cells, files.filled(given.metadata)
    parent = await products.hold(ctx, cells.get("product_id") or "")
    source_id = cells.get("source_id") or ""
    body = SkuFields(
        sku=files.short(cells.get("sku"), "sku"), price=files.money(cells.get("price"), "price")
    )
    if await ctx.db.fetchrow(store.GET_SKU_BY_SOURCE_ID, ctx.project_id, source_id) is None:
        body.currency = files.short(cells.get("currency"), "currency")
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


PRODUCT_COLUMNS = ("name", "source_id", "price", "attributes", "image_url")
SKU_COLUMNS = ("product_id", "sku", "source_id", "price", "currency", "image_url", "attributes")


def read_csv(content: bytes, columns: Sequence[str], required: Sequence[str]) -> File:
    """A file of products or SKUs. Raises InvalidPayload."""
    known = dict(zip(columns, columns, strict=True))
    flaw = files.required(*required)
    return files.check(files.read(content, known, "source_id", flaw), *required)
