"""The bin: what was deleted and may be deleted for good. What is in it keeps its row elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from largesse.kit.db import Db
from largesse.store.filters import TEXT
from largesse.store.listing import Listing

COLUMNS = "id, resource_id, resource_type, resource_name, resource_parent_id, created_at"

ENTER = """
INSERT INTO bin (project_id, id, resource_id, resource_type, resource_name, resource_parent_id,
    created_at)
SELECT $1, id, resource_id, $2, resource_name, $3, $4
FROM unnest($5::text[], $6::text[], $7::text[]) AS binned (id, resource_id, resource_name)
"""
GET = f"SELECT {COLUMNS} FROM bin WHERE project_id = $1 AND id = $2"
FORGET_VOUCHERS = """
DELETE FROM bin
WHERE project_id = $1 AND resource_type = 'voucher' AND resource_id = ANY($2::text[])
"""
TAKE_OUT = "DELETE FROM bin WHERE project_id = $1 AND id = $2 RETURNING id"


def _hold(table: str) -> str:
    return f"""
SELECT id FROM {table} WHERE project_id = $1 AND id = $2 AND deleted_at IS NOT NULL FOR UPDATE
"""


# What is in the bin before its entry: the order in which all lock them.
HOLD_CAMPAIGN = _hold("campaigns")
HOLD_VOUCHER = _hold("vouchers")
HOLD_PRODUCT = _hold("products")
HOLD_SKU = _hold("skus")
# Its SKUs go with it.
PURGE_PRODUCT = """
DELETE FROM products WHERE project_id = $1 AND id = $2 AND deleted_at IS NOT NULL
"""
PURGE_SKU = "DELETE FROM skus WHERE project_id = $1 AND id = $2 AND deleted_at IS NOT NULL"

# Ids grow with time.
LISTING = Listing(
    "bin",
    COLUMNS,
    filters={},
    fields={
        name: (name, TEXT)
        for name in ("id", "resource_id", "resource_type", "resource_name", "resource_parent_id")
    },
    orders={"id": "id"},
    default="id",
    cursor="id",
)


async def enter(
    db: Db,
    project_id: str,
    resource_type: str,
    parent_id: str | None,
    rows: Sequence[tuple[str, str, str]],
    now: datetime,
) -> None:
    """Enters what was binned: rows are (entry's id, resource's id, its name)."""
    if rows:
        columns: list[Any] = [list(column) for column in zip(*rows, strict=True)]
        await db.execute(ENTER, project_id, resource_type, parent_id, now, *columns)
