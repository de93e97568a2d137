"""Segments: named groups of customers."""

from __future__ import annotations

import msgspec

from largesse.kit.db import Db


class SegmentName(msgspec.Struct):
    id: str
    name: str
    object: str = "segment"


OF_CUSTOMER = """
SELECT segments.id, segments.name FROM segment_customers
JOIN segments ON segments.project_id = $1 AND segments.id = segment_customers.segment_id
WHERE segment_customers.project_id = $1 AND segment_customers.customer_id = $2
ORDER BY segments.created_at DESC, segments.id DESC
"""


async def of_customer(db: Db, project_id: str, customer_id: str) -> list[SegmentName]:
    rows = await db.fetch(OF_CUSTOMER, project_id, customer_id)
    return [SegmentName(row["id"], row["name"]) for row in rows]
