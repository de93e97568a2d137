"""Orders, and what they come to in the summary of their customer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from largesse.engine.orders import COUNTED
from largesse.kit.db import Db, Row
from largesse.kit.ids import is_id
from largesse.store import customers, definitions, events
from largesse.store.listing import Listing

AMOUNTS = (
    "amount",
    "initial_amount",
    "discount_amount",
    "items_discount_amount",
    "total_discount_amount",
    "total_amount",
)
APPLIED = (
    "applied_discount_amount",
    "items_applied_discount_amount",
    "total_applied_discount_amount",
)
_WRITTEN = ("status", "customer_id", "referrer_id", *AMOUNTS, "items", "metadata")
COLUMNS = ", ".join(
    ("id", "source_id", *_WRITTEN, *APPLIED, "redemptions", "created_at", "updated_at")
)
_COUNTED = ", ".join(f"'{status}'" for status in sorted(COUNTED))

# No row: somebody else has made this very order in the meantime.
INSERT = f"""
INSERT INTO orders (project_id, id, source_id, {", ".join(_WRITTEN)}, created_at)
VALUES ($1, $2, $3, {", ".join(f"${n}" for n in range(4, 4 + len(_WRITTEN)))},
    ${4 + len(_WRITTEN)})
ON CONFLICT DO NOTHING RETURNING {COLUMNS}, {definitions.COLUMN}
"""
UPDATE = f"""
UPDATE orders SET {", ".join(f"{name} = ${n}" for n, name in enumerate(_WRITTEN, 4))},
    source_id = coalesce(source_id, $3), updated_at = ${4 + len(_WRITTEN)}
WHERE project_id = $1 AND id = $2 RETURNING {COLUMNS}, {definitions.COLUMN}
"""
_GET = f"SELECT {COLUMNS} FROM orders WHERE project_id = $1"
GET_BY_ID = f"{_GET} AND id = $2"
GET_BY_SOURCE_ID = f"{_GET} AND source_id = $2"
HOLD_NAMED = f"{_GET} AND source_id = ANY($2::text[]) ORDER BY id FOR UPDATE"
HOLD_MANY = f"""
{_GET} AND (id = ANY($2::text[]) OR source_id = ANY($3::text[])) ORDER BY id FOR UPDATE
"""
HOLD_BY_ID = f"{GET_BY_ID} FOR UPDATE"
HOLD_BY_SOURCE_ID = f"{GET_BY_SOURCE_ID} FOR UPDATE"
# The customer's row is held by now, so the last order is the last that there is.
SUM_UP = f"""
UPDATE customers SET
    orders_total_amount = orders_total_amount + $3,
    orders_total_count = orders_total_count + $4,
    (orders_last_amount, orders_last_date) = (
        SELECT coalesce(max(last.total_amount), 0), max(last.created_at) FROM (
            SELECT total_amount, created_at FROM orders
            WHERE project_id = $1 AND customer_id = $2 AND status IN ({_COUNTED})
            ORDER BY created_at DESC, id DESC LIMIT 1
        ) AS last
    )
WHERE project_id = $1 AND id = $2 RETURNING {customers.ROW}, {definitions.COLUMN}
"""
# For somebody who is new under an id that was in use before.
RECOUNT = f"""
UPDATE customers SET
    (orders_total_amount, orders_total_count) = (
        SELECT coalesce(sum(total_amount), 0), count(*) FROM orders
        WHERE project_id = $1 AND customer_id = $2 AND status IN ({_COUNTED})
    ),
    (orders_last_amount, orders_last_date) = (
        SELECT coalesce(max(last.total_amount), 0), max(last.created_at) FROM (
            SELECT total_amount, created_at FROM orders
            WHERE project_id = $1 AND customer_id = $2 AND status IN ({_COUNTED})
            ORDER BY created_at DESC, id DESC LIMIT 1
        ) AS last
    )
WHERE project_id = $1 AND id = $2 RETURNING {customers.ROW}, {definitions.COLUMN}
"""
HOLD_CUSTOMERS = """
SELECT id FROM customers WHERE project_id = $1 AND id = ANY($2::text[])
ORDER BY source_id COLLATE "C", id FOR NO KEY UPDATE
"""
HOLD_OF_CUSTOMERS = """
SELECT id FROM orders
WHERE project_id = $1 AND (customer_id = ANY($2::text[]) OR referrer_id = ANY($2::text[]))
ORDER BY id FOR UPDATE
"""
DELETE_OF_CUSTOMER = "DELETE FROM orders WHERE project_id = $1 AND customer_id = $2 RETURNING id"
UNREFER = """
UPDATE orders SET referrer_id = NULL WHERE project_id = $1 AND referrer_id = $2
"""
TOTAL = events.whole("orders")

LISTING = Listing(
    "orders",
    COLUMNS,
    filters={},
    orders={"created_at": "created_at", "updated_at": "updated_at"},
    default="-created_at",
)


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written of an order, all of it; `items` and `metadata` are JSON."""

    id: str
    source_id: str | None
    status: str
    customer_id: str | None
    referrer_id: str | None
    amount: int
    initial_amount: int | None
    discount_amount: int
    items_discount_amount: int
    total_discount_amount: int
    total_amount: int
    items: str
    metadata: str


async def find(db: Db, project_id: str, id_or_source_id: str) -> Row | None:
    """By id first, then by source id."""
    return await _find(db, project_id, id_or_source_id, GET_BY_ID, GET_BY_SOURCE_ID)


async def hold(db: Db, project_id: str, id_or_source_id: str) -> Row | None:
    """As `find`, with the row held until the transaction ends."""
    return await _find(db, project_id, id_or_source_id, HOLD_BY_ID, HOLD_BY_SOURCE_ID)


async def hold_many(db: Db, project_id: str, names: Sequence[str]) -> dict[str, Row]:
    """Orders by ids or source ids, held until the transaction ends, each by both its names."""
    if ids := [name for name in names if is_id(name, "ord_")]:
        rows = await db.fetch(HOLD_MANY, project_id, ids, names)
    else:
        rows = await db.fetch(HOLD_NAMED, project_id, names)
    return {row["source_id"]: row for row in rows} | {row["id"]: row for row in rows}


async def _find(db: Db, project_id: str, name: str, by_id: str, by_source_id: str) -> Row | None:
    if is_id(name, "ord_"):
        row = await db.fetchrow(by_id, project_id, name)
        if row is not None:
            return row
    return await db.fetchrow(by_source_id, project_id, name)


async def insert(db: Db, project_id: str, order: Written, created_at: datetime) -> Row | None:
    """The new row with the number of the project's definitions; None where the id or source id
    is taken.
    """
    return await db.fetchrow(INSERT, project_id, *_arguments(order), created_at)


async def update(db: Db, project_id: str, order: Written, now: datetime) -> Row:
    """The row as it now stands, with the number of the project's definitions."""
    return await db.fetchrow(UPDATE, project_id, *_arguments(order), now)


def _arguments(order: Written) -> list[Any]:
    return [order.id, order.source_id, *(getattr(order, name) for name in _WRITTEN)]


async def sum_up(db: Db, project_id: str, customer_id: str, amount: int, count: int) -> Row | None:
    """Moves a held customer's sums; the row as it now stands, None where there is none."""
    return await db.fetchrow(SUM_UP, project_id, customer_id, amount, count)
