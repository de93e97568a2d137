"""/v1/locations"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from largesse.api.lists import Query
from largesse.kit import wire
from largesse.kit.db import Row
from largesse.kit.errors import NotFound
from largesse.kit.routing import Routes
from largesse.kit.wire import Moment
from largesse.store import locations
from largesse.store.context import Context
from largesse.store.customer_view import Instant
from largesse.store.listing import Window

routes = Routes("Locations", scope="locations")


class Location(msgspec.Struct, kw_only=True):
    """A named circle or polygon. `updated_at` is null until it is replaced."""

    id: str
    object: str = "location"
    name: str
    shape: dict[str, Any]
    created_at: Instant
    updated_at: Instant | None


def _answer(row: Row) -> Location:
    updated_at = row["updated_at"]
    return Location(
        id=row["id"],
        name=row["name"],
        shape=row["shape"],
        created_at=wire.stamp(row["created_at"]),
        updated_at=None if updated_at is None else wire.stamp(updated_at),
    )


class LocationsQuery(Query, kw_only=True):
    """`filters` speak of name, created_at and updated_at. `end_date` leaves only the locations
    created before it.
    """

    filters: dict[str, Any] | None = None
    end_date: Moment | None = None
    order: Literal["created_at", "-created_at", "updated_at", "-updated_at"] | None = None


class LocationsList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "data"
    data: list[Location]
    total: int
    has_more: bool


@routes.get("/v1/locations", query=LocationsQuery, answer=LocationsList)
async def list_locations(ctx: Context, query: LocationsQuery) -> LocationsList:
    """List locations, the newest first unless `order` says otherwise."""
    values = {
        "end_date": query.end_date,
        "filters": locations.LISTING.read(query.filters, ctx.now),
    }
    window = Window(limit=query.limit, order=query.order or "")
    page = await locations.LISTING.page(ctx.db, ctx.project_id, values, window)
    return LocationsList(
        data=[_answer(row) for row in page.rows],
        total=await locations.LISTING.count(ctx.db, ctx.project_id, values),
        has_more=page.has_more,
    )


@routes.get("/v1/locations/{locationId}", answer=Location)
async def get_location(ctx: Context, location_id: str) -> Location:
    """Get a location."""
    row = await ctx.db.fetchrow(locations.TABLE.GET, ctx.project_id, location_id)
    if row is None:
        raise NotFound.of("location", location_id)
    return _answer(row)
