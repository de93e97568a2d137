"""/v1/trash-bin"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from largesse.actions import bin as actions
from largesse.actions.bin import BinEntry
from largesse.api.lists import Query
from largesse.kit.routing import Routes
from largesse.store import bin
from largesse.store.context import Context
from largesse.store.listing import Window

routes = Routes("Trash bin", scope="trash-bin")


class BinQuery(Query, kw_only=True):
    """`starting_after_id` is the last entry seen. `filters` speak of `id`, `resource_id`,
    `resource_type`, `resource_name` and `resource_parent_id`.
    """

    order: Literal["id", "-id"] | None = None
    starting_after_id: str | None = None
    filters: dict[str, Any] | None = None


class BinEntriesList(msgspec.Struct, kw_only=True):
    """A page of entries; `total` tells how many are on it."""

    object: str = "list"
    data_ref: str = "data"
    data: list[BinEntry]
    total: int
    has_more: bool
    more_starting_after: str | UnsetType = UNSET


@routes.get("/v1/trash-bin", query=BinQuery, answer=BinEntriesList)
async def list_bin_entries(ctx: Context, query: BinQuery) -> BinEntriesList:
    """List what is in the bin, what was moved there first coming first."""
    values = {"filters": bin.LISTING.read(query.filters, ctx.now)}
    window = Window(limit=query.limit, order=query.order or "", after_id=query.starting_after_id)
    page = await bin.LISTING.page(ctx.db, ctx.project_id, values, window)
    entries = [actions.answer(row) for row in page.rows]
    return BinEntriesList(
        data=entries,
        total=len(entries),
        has_more=page.has_more,
        more_starting_after=entries[-1].id if page.has_more else UNSET,
    )


@routes.delete("/v1/trash-bin/{binEntryId}")
async def delete_bin_entry(ctx: Context, bin_entry_id: str) -> None:
    """Delete for good what is in the bin.

    A campaign takes its vouchers along, which may take a while; a product takes its SKUs along.
    """
    await actions.delete(ctx, bin_entry_id)
