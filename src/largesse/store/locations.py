"""Locations: named shapes on earth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from largesse.kit.db import Db
from largesse.store.filters import TEXT, TIME
from largesse.store.listing import Listing
from largesse.store.table import Table


class Location(msgspec.Struct, kw_only=True):
    """`shape` is JSON. `updated_at` is None until it is replaced."""

    id: str
    name: str
    shape: Any
    created_at: datetime
    updated_at: datetime | None = None


TABLE = Table("locations", Location)
LISTING = Listing(
    "locations",
    TABLE.columns,
    filters={"end_date": "created_at < {}"},
    fields={
        "name": ("name", TEXT),
        "created_at": ("created_at", TIME),
        "updated_at": ("updated_at", TIME),
    },
    orders={"created_at": "created_at", "updated_at": "updated_at"},
    default="-created_at",
)

# In the order of names, so that two imports at once wait for each other and never in a circle.
SAVE = """
INSERT INTO locations (project_id, id, name, shape, created_at)
SELECT $1, id, name, shape, $5::timestamptz
FROM unnest($2::text[], $3::text[], $4::jsonb[]) AS given (id, name, shape)
ORDER BY name
ON CONFLICT (project_id, name)
    DO UPDATE SET shape = excluded.shape, updated_at = excluded.created_at
RETURNING updated_at IS NULL AS created
"""
SHAPES = "SELECT id, shape FROM locations WHERE project_id = $1 AND id = ANY($2::text[])"


async def save(
    db: Db, project_id: str, given: Sequence[tuple[str, str, str]], now: datetime
) -> int:
    """Writes locations, each a new id, a name and a shape as JSON; where the name is known, its
    location gets the shape and keeps its id. No name may come twice. How many were created.
    """
    ids, names, shapes_ = zip(*given, strict=True) if given else ((), (), ())
    rows = await db.fetch(SAVE, project_id, ids, names, shapes_, now)
    return sum(row["created"] for row in rows)


async def shapes(db: Db, project_id: str, ids: Iterable[str]) -> dict[str, Any]:
    """The shapes of locations by id; an id that is not known is not in it."""
    rows = await db.fetch(SHAPES, project_id, list(ids))
    return {row["id"]: msgspec.json.decode(row["shape"]) for row in rows}
