"""/v1/exports"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from largesse.actions import exports as actions
from largesse.actions.exports import Export, ExportBody
from largesse.api.lists import PageNumber, Query
from largesse.kit import auth
from largesse.kit.errors import Unauthorized
from largesse.kit.routing import Download, Operation, Routes
from largesse.store import exports, projects
from largesse.store.context import Context
from largesse.store.listing import Window

routes = Routes("Exports", scope="exports")


@routes.post("/v1/exports", body=ExportBody, answer=Export, bulk=True)
async def create_export(ctx: Context, body: ExportBody) -> Export:
    """Export customers, orders, products or SKUs to a CSV file.

    The export's own address tells when the file is there, and where. Times in it are in UTC,
    amounts in minor units; a cell that a spreadsheet would take for a formula begins with an
    apostrophe.
    """
    return await actions.create(ctx, body.exported_object, body.parameters)


class ExportsQuery(Query, kw_only=True):
    page: PageNumber | None = None
    order: Literal["created_at", "-created_at", "status", "-status"] | None = None


class ExportsList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "exports"
    exports: list[Export]
    total: int


@routes.get("/v1/exports", query=ExportsQuery, answer=ExportsList)
async def list_exports(ctx: Context, query: ExportsQuery) -> ExportsList:
    """List exports, the newest first unless `order` says otherwise."""
    window = Window(limit=query.limit, page=query.page, order=query.order or "")
    page = await exports.LISTING.page(ctx.db, ctx.project_id, {}, window)
    return ExportsList(
        exports=[actions.answer(ctx, row) for row in page.rows],
        total=await exports.LISTING.count(ctx.db, ctx.project_id, {}),
    )


class DownloadQuery(msgspec.Struct):
    """The token that came with the file's address."""

    token: str | None = None


async def _download(ctx: Context, export_id: str, query: DownloadQuery) -> Any:
    signature, _, project_id = (query.token or "").partition(".")
    project = await projects.get(ctx.db, project_id)
    if project is None:
        raise Unauthorized
    parts = await actions.content(ctx, project, export_id, signature)
    # The SDKs read no other type of text.
    return Download(parts, "text/plain; charset=utf-8", f"{export_id}.csv")


PATH = "/v1/exports/{exportId}"
DOWNLOAD = Operation(
    method="GET",
    path=PATH,
    handler=_download,
    kind=auth.PUBLIC,
    query=DownloadQuery,
    answer=Download,
    writes=False,
)


@routes.get(PATH, answer=Export, linked=DOWNLOAD)
async def get_export(ctx: Context, export_id: str) -> Export:
    """Get an export.

    With the `token` of `result.url` in the query it is the file itself, and needs no key.
    """
    return await actions.get(ctx, export_id)


@routes.delete(PATH)
async def delete_export(ctx: Context, export_id: str) -> None:
    """Delete an export with its file."""
    await actions.delete(ctx, export_id)
