"""/v1/segments"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from largesse.actions import segments as actions
from largesse.actions.segments import SegmentAnswer, SegmentBody
from largesse.api.lists import Query
from largesse.kit.routing import Routes
from largesse.store import segments
from largesse.store.context import Context
from largesse.store.listing import Window

routes = Routes("Segments", scope="segments")


class SegmentsQuery(Query, kw_only=True):
    """`ids` leaves only these segments; `filters` speak of id, name, type, created_at and
    updated_at.
    """

    order: Literal["created_at", "-created_at"] | None = None
    filters: dict[str, Any] | None = None
    ids: str | list[str] | None = None


class SegmentsList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "data"
    data: list[SegmentAnswer]
    total: int


@routes.get("/v1/segments", query=SegmentsQuery, answer=SegmentsList)
async def list_segments(ctx: Context, query: SegmentsQuery) -> SegmentsList:
    """List segments, the newest first unless `order` says otherwise."""
    ids = query.ids.split(",") if isinstance(query.ids, str) else query.ids
    values = {"ids": ids, "filters": segments.LISTING.read(query.filters, ctx.now)}
    window = Window(limit=query.limit, order=query.order or "")
    page = await segments.LISTING.page(ctx.db, ctx.project_id, values, window)
    return SegmentsList(
        data=[actions.answer(row) for row in page.rows],
        total=await segments.LISTING.count(ctx.db, ctx.project_id, values),
    )


@routes.post("/v1/segments", body=SegmentBody, answer=SegmentAnswer)
async def create_segment(ctx: Context, body: SegmentBody) -> SegmentAnswer:
    """Create a segment of customers.

    A static one holds the customers that are named. Of the others a filter decides: the customers
    that fulfil it now are found in the background, and each change moves its customer at once. An
    `auto-update` segment tells who enters and leaves.
    """
    return await actions.create(ctx, body)


@routes.get("/v1/segments/{segmentId}", answer=SegmentAnswer)
async def get_segment(ctx: Context, segment_id: str) -> SegmentAnswer:
    """Get a segment. Its customers are listed by `GET /v1/customers?segment_id=`."""
    return actions.answer(await actions.get(ctx, segment_id))


@routes.delete("/v1/segments/{segmentId}")
async def delete_segment(ctx: Context, segment_id: str) -> None:
    """Delete a segment."""
    await actions.delete(ctx, segment_id)
