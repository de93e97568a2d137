"""Custom events: what customers did, as their shop tells it."""

from __future__ import annotations

from datetime import datetime

import msgspec

from largesse.kit.db import Db


class CustomEvent(msgspec.Struct, frozen=True, kw_only=True):
    """`metadata`, `referral` and `loyalty` are JSON."""

    id: str
    type: str
    customer_id: str
    metadata: str
    referral: str | None
    loyalty: str | None


INSERT = """
INSERT INTO custom_events (project_id, id, type, customer_id, metadata, referral, loyalty,
    created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
COUNT_UP = """
INSERT INTO event_counts (project_id, customer_id, type, n, first_at, last_at)
VALUES ($1, $2, $3, 1, $4, $4)
ON CONFLICT (project_id, customer_id, type) DO UPDATE SET
    n = event_counts.n + 1,
    first_at = least(event_counts.first_at, excluded.first_at),
    last_at = greatest(event_counts.last_at, excluded.last_at)
"""
# What others' events say of who referred them.
FORGET_REFERRER = """
UPDATE custom_events SET referral = referral - 'referrer_id'
WHERE project_id = $1 AND referral IS NOT NULL AND referral ->> 'referrer_id' = ANY($2::text[])
RETURNING customer_id
"""
FORGET_REFERRER_TOLD = """
UPDATE events SET data = (data::jsonb #- '{custom_event,referral,referrer_id}')::json
WHERE project_id = $1 AND customer_id = ANY($3::text[]) AND type = 'customer.custom_event'
    AND data #>> '{custom_event,referral,referrer_id}' = ANY($2::text[])
"""
# A name that nobody has defined joins the project's list of events.
LEARN = """
INSERT INTO event_schemas (project_id, id, name, properties, created_at)
VALUES ($1, $2, $3, '{}', $4) ON CONFLICT DO NOTHING RETURNING id
"""


async def forget_referrer(db: Db, project_id: str, names: list[str]) -> None:
    """Takes a referrer, by all their names, out of the events of those whom they referred."""
    rows = await db.fetch(FORGET_REFERRER, project_id, names)
    told = sorted({row["customer_id"] for row in rows})
    await db.execute(FORGET_REFERRER_TOLD, project_id, names, told)


async def record(db: Db, project_id: str, event: CustomEvent, now: datetime) -> None:
    """Writes an event of a customer whose row is held, and counts it."""
    await db.execute(INSERT, project_id, *msgspec.structs.astuple(event), now)
    await db.execute(COUNT_UP, project_id, event.customer_id, event.type, now)
