"""What is done with exports: taking them on, writing them in the background, handing them out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from largesse.actions.segments import clock_of
from largesse.engine.conditions import FilterError
from largesse.kit import auth, csv, db, wire
from largesse.kit.errors import InvalidExportFields, InvalidPayload, NotFound, Unauthorized
from largesse.kit.logs import log
from largesse.store import definitions, exports, locations
from largesse.store.context import Context
from largesse.store.customer_view import Instant
from largesse.store.exported import EXPORTED, Exported
from largesse.store.projects import Project

ATTEMPTS = 3
PART_BYTES = 1 << 20
# The database has at most 1,664 columns in a query, and `metadata` may be a hundred of them.
MOST_FIELDS = 1000


class ParametersBody(msgspec.Struct, kw_only=True):
    """Which fields, in which order, of which objects."""

    order: str | None = None
    fields: list[str] | None = None
    filters: dict[str, Any] | None = None
    campaign_id: str | None = None


class ExportBody(msgspec.Struct, kw_only=True):
    """An export to create. Metadata is asked for as `metadata.key`, or whole as `metadata`."""

    exported_object: Literal[
        "customer", "order", "product", "redemption", "sku", "voucher", "voucher_transactions"
    ]
    parameters: ParametersBody | None = None


class Parameters(msgspec.Struct, kw_only=True):
    order: str | UnsetType = UNSET
    fields: list[str]
    filters: dict[str, Any] | UnsetType = UNSET


class ExportedFile(msgspec.Struct):
    """Where the file is; the address, with its token, needs no key."""

    url: str


class Export(msgspec.Struct, kw_only=True):
    """An export as it is answered; `result` is null until it is done."""

    id: str
    object: str = "export"
    created_at: Instant
    status: str
    channel: str = "API"
    exported_object: str
    parameters: Parameters
    result: ExportedFile | None
    user_id: str | None = None


def answer(ctx: Context, row: db.Row) -> Export:
    """A row as it is answered."""
    done = row["status"] == exports.DONE
    return Export(
        id=row["id"],
        created_at=wire.stamp(row["created_at"]),
        status=row["status"],
        exported_object=row["exported_object"],
        parameters=row["parameters"],
        result=ExportedFile(_link(ctx, row["id"])) if done else None,
    )


async def create(ctx: Context, noun: str, body: ParametersBody | None) -> Export:
    """Takes an export on. Raises InvalidExportFields, and InvalidPayload for an unknown order or
    filter.
    """
    exported, body = EXPORTED[noun], body or ParametersBody()
    fields = body.fields or list(exported.default)
    if len(fields) > MOST_FIELDS:
        raise InvalidPayload(
            f"Property .parameters.fields should NOT have more than {MOST_FIELDS} items"
        )
    for field in fields:
        if field not in exported.fields and not (exported.schema and _of_metadata(field)):
            allowed = ", ".join((*exported.fields, *(["metadata"] if exported.schema else [])))
            raise InvalidExportFields(f"Unsupported field used. Allowed fields: {allowed}")
    order = body.order or ""
    if order and order.removeprefix("-") not in exported.orders:
        allowed = ", ".join(f"-{name}, {name}" for name in exported.orders)
        raise InvalidPayload(
            f"Property .parameters.order should be equal to one of the allowed values: {allowed}"
        )
    filters = body.filters
    if body.campaign_id is not None and noun == "voucher":
        filters = {**(filters or {}), "campaign_id": {"conditions": {"$in": [body.campaign_id]}}}
    try:
        exports.read_filters(exported, filters)
    except FilterError as error:
        raise InvalidPayload(str(error)) from None
    parameters = Parameters(
        order=order or UNSET, fields=fields, filters=UNSET if filters is None else filters
    )
    export_id = ctx.new_id("exp_")
    row = await ctx.db.fetchrow(
        exports.INSERT,
        ctx.project_id,
        export_id,
        noun,
        wire.encode(parameters).decode(),
        ctx.now,
    )
    await ctx.db.execute(exports.TAKE_SEAT, ctx.project_id, export_id)
    return answer(ctx, row)


async def narrowed(
    ctx: Context, noun: str, body: ParametersBody | None, filters: dict[str, Any]
) -> Export:
    """Takes an export on of what filters leave, whatever others were sent."""
    given = body or ParametersBody()
    given.filters = filters
    return await create(ctx, noun, given)


def _of_metadata(field: str) -> bool:
    key = field.removeprefix("metadata.")
    return field == "metadata" or (key != field and key != "" and "\x00" not in key)


async def get(ctx: Context, export_id: str) -> Export:
    """Raises NotFound."""
    row = await ctx.db.fetchrow(exports.GET, ctx.project_id, export_id)
    if row is None:
        raise NotFound.of("export", export_id)
    return answer(ctx, row)


async def delete(ctx: Context, export_id: str) -> None:
    """Deletes an export with its file. Raises NotFound."""
    if await ctx.db.fetchval(exports.DELETE, ctx.project_id, export_id) is None:
        raise NotFound.of("export", export_id)


# --- downloading --------------------------------------------------------------------------------


def _link(ctx: Context, export_id: str) -> str:
    signature = auth.sign(ctx.project.link_secret, "export", ctx.project_id, export_id)
    return f"{ctx.settings.base_url}/v1/exports/{export_id}?token={signature}.{ctx.project_id}"


async def content(
    ctx: Context, project: Project, export_id: str, signature: str
) -> AsyncIterator[bytes]:
    """The file of an export, a part at a time. Raises Unauthorized and NotFound."""
    if not auth.same_signature(signature, project.link_secret, "export", project.id, export_id):
        raise Unauthorized
    row = await ctx.db.fetchrow(exports.GET, project.id, export_id)
    if row is None or row["status"] != exports.DONE:
        raise NotFound.of("export", export_id)

    async def parts() -> AsyncIterator[bytes]:
        for n in range(row["parts"]):
            part = await ctx.db.fetchval(exports.PART, project.id, export_id, n)
            if part is None:
                raise NotFound.of("export", export_id)
            yield part

    return parts()


# --- writing ------------------------------------------------------------------------------------


async def work(pool: Any, begin: Any, project_id: str) -> bool:
    """Writes the next export of a project; False where there is none, or others have them."""
    return await db.in_transaction(pool, partial(_hold, pool, begin(pool)), attempts=1)


async def _hold(pool: Any, ctx: Context, connection: Any) -> bool:
    """Writes an export while its seat is held in a transaction, which ends with whoever writes. The
    writing itself holds nothing: an export may be deleted at any time.
    """
    export_id = await connection.fetchval(exports.HOLD_SEAT, ctx.project_id)
    if export_id is None:
        return False
    await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    row = await ctx.db.fetchrow(exports.BEGIN, ctx.project_id, export_id)
    if row is not None and row["attempts"] > ATTEMPTS:
        await exports.finish(ctx.db, ctx.project_id, export_id, exports.ERROR, 0, ctx.now)
    elif row is not None:
        try:
            await _write(pool, ctx, row)
        except _Gone:
            pass
        except Exception as error:
            if not db.away(error):
                log.error("export failed", project=ctx.project_id, export=export_id, exc_info=error)
                return True
            raise
    await connection.execute(exports.LEAVE_SEAT, ctx.project_id, export_id)
    return True


class _Gone(Exception):
    """The export was deleted while it was written."""


async def _write(pool: Any, ctx: Context, row: db.Row) -> None:
    """Streams the lines into parts; what an earlier writer left of them goes first."""
    await ctx.db.execute(exports.DROP_PARTS, ctx.project_id, row["id"])
    query = await _query(ctx, EXPORTED[row["exported_object"]], row["parameters"])
    parts = _Parts(ctx, row["id"])
    await parts.take(csv.lines([query.header], end="\n"))
    await db.copy_out(pool, query.statement, query.arguments, parts.take)
    await parts.flush()
    await exports.finish(ctx.db, ctx.project_id, row["id"], exports.DONE, parts.count, ctx.now)


class _Parts:
    """Gathers what comes into parts of about a megabyte."""

    def __init__(self, ctx: Context, export_id: str) -> None:
        self.ctx = ctx
        self.export_id = export_id
        self.count = 0
        self._waiting = bytearray()

    async def take(self, data: bytes) -> None:
        self._waiting += data
        if len(self._waiting) >= PART_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Raises _Gone where the export was deleted meanwhile."""
        if self._waiting:
            part = bytes(self._waiting)
            self._waiting.clear()
            project_id = self.ctx.project_id
            done = await self.ctx.db.execute(
                exports.ADD_PART, project_id, self.export_id, self.count, part
            )
            if done != "INSERT 0 1":
                raise _Gone
            self.count += 1


async def _query(ctx: Context, exported: Exported, text: bytes) -> exports.Query:
    parameters = msgspec.json.decode(text, type=Parameters)
    known = await definitions.current(ctx.db, ctx.project_id)
    filters = parameters.filters if isinstance(parameters.filters, dict) else None
    given = exports.read_filters(exported, filters)
    shapes = await locations.shapes(ctx.db, ctx.project_id, given.named("$in_location"))
    schema = known.schemas.get(exported.schema)
    fields: list[str] = []
    for field in parameters.fields:
        if field == "metadata" and schema is not None:
            defined = schema.properties.items()
            keys = [f"metadata.{key}" for key, property_ in defined if not property_.deleted]
            fields += [key for key in keys if key not in fields]
        else:
            fields.append(field)
    order = parameters.order if isinstance(parameters.order, str) else "-created_at"
    return exports.query(exported, ctx.project_id, fields, order, given, clock_of(ctx), shapes)
