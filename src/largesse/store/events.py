"""Events: what happened, written in the transaction that made it happen. Activity lists, totals
and whatever else follows from a change read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from largesse.kit.db import Db, Row
from largesse.store import campaigns
from largesse.store.listing import Listing

# What a customer does is an action; what the engine does to them is an effect.
EFFECTS = frozenset({"customer.segment.entered", "customer.segment.left"})

# What is counted and told to nobody: orders without a customer, and what an import brings.
ORDER_STORED, ORDER_FORGOTTEN, PRODUCT_STORED = "order.stored", "order.forgotten", "product.stored"

# Events that move how many there are of a noun.
COUNTED = {
    "customer.created": ("customers", 1),
    "customer.deleted": ("customers", -1),
    "product.created": ("products", 1),
    "product.deleted": ("products", -1),
    "customer.order.created": ("orders", 1),
    ORDER_STORED: ("orders", 1),
    ORDER_FORGOTTEN: ("orders", -1),
    PRODUCT_STORED: ("products", 1),
    "voucher.created": ("vouchers", 1),
    "voucher.deleted": ("vouchers", -1),
}


class Event(msgspec.Struct, frozen=True):
    """`data` is the event's JSON as its readers see it. `counted` is what it adds to the sums of
    campaigns and promotion tiers: (id, day, measure, n).
    """

    type: str
    data: str
    customer_id: str | None = None
    campaign_id: str | None = None
    campaign_type: str | None = None
    product_id: str | None = None
    referrer_id: str | None = None
    prefix: str = "evcus_"
    counted: tuple[tuple[str, date, str, int], ...] = ()


INSERT = """
INSERT INTO events (project_id, id, type, customer_id, campaign_id, campaign_type, product_id,
    group_id, data, created_at, handled, referrer_id, counted)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""
INSERT_MANY = """
INSERT INTO events (project_id, id, type, customer_id, campaign_id, campaign_type, product_id,
    group_id, data, created_at, handled, referrer_id, counted)
SELECT $1, id, type, customer_id, campaign_id, campaign_type, product_id, group_id, data,
    created_at, handled, referrer_id, counted
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::json[], $10::timestamptz[], $11::boolean[], $12::text[], $13::json[])
    AS row (id, type, customer_id, campaign_id, campaign_type, product_id, group_id, data,
        created_at, handled, referrer_id, counted)
"""
PROJECTS_WITH_UNHANDLED = """
SELECT id FROM projects
WHERE EXISTS (SELECT 1 FROM events WHERE events.project_id = projects.id AND NOT handled)
"""
# An array, not IN: a join could read the portion again for every row, and pass its LIMIT.
HANDLE = """
UPDATE events SET handled = true
WHERE project_id = $1 AND id = ANY(ARRAY(
    SELECT id FROM events WHERE project_id = $1 AND NOT handled
    LIMIT $2 FOR UPDATE SKIP LOCKED
))
RETURNING type, counted
"""
ADD_TO_TOTAL = """
INSERT INTO totals (project_id, noun, n) VALUES ($1, $2, $3)
ON CONFLICT (project_id, noun) DO UPDATE SET n = totals.n + excluded.n
"""
DELETE_OF_CUSTOMER = """
DELETE FROM events WHERE project_id = $1 AND customer_id = $2 RETURNING type, handled, counted
"""
DELETED_CUSTOMERS = """
SELECT DISTINCT customer_id FROM events
WHERE project_id = $1 AND type = 'customer.deleted' AND customer_id IS NOT NULL
    AND (customer_id = $2 OR data #>> '{customer,source_id}' = $2)
"""
# What customers' events say of who referred them.
FORGET_REFERRER = """
UPDATE events SET data = (data::jsonb || '{"referrer": null}')::json, referrer_id = NULL
WHERE project_id = $1 AND referrer_id = $2
"""
SOURCE_IDS_OF_CUSTOMER = """
SELECT DISTINCT data #>> '{customer,source_id}' AS source_id FROM events
WHERE project_id = $1 AND customer_id = $2 AND data #>> '{customer,source_id}' IS NOT NULL
"""


_decode = msgspec.json.Decoder(list[tuple[str, date, str, int]]).decode


def whole(noun: str) -> str:
    """A statement that tells how many there are of a noun: those folded, and those yet to be."""

    def waiting(sign: int) -> str:
        types = ", ".join(f"'{type_}'" for type_, move in COUNTED.items() if move == (noun, sign))
        return (
            "(SELECT count(*) FROM events WHERE project_id = $1 AND NOT handled "
            f"AND type IN ({types}))"
        )

    return (
        "SELECT coalesce((SELECT n FROM totals WHERE project_id = $1 "
        f"AND noun = '{noun}'), 0) + {waiting(1)} - {waiting(-1)}"
    )


ACTIVITY = Listing(
    "events",
    "id, type, data, created_at, group_id",
    filters={
        "customer_id": "customer_id = {}",
        "campaign_id": "campaign_id = {}",
        "campaign_type": "campaign_type = {}",
        "product_id": "product_id = {}",
        "type": "type = {}",
        "only": "type = ANY({})",
        "but": "type <> ALL({})",
        "start_date": "created_at >= {}",
        "end_date": "created_at <= {}",
    },
    orders={
        "created_at": "created_at",
        "updated_at": "created_at",
        "type": "type",
        "campaign": "campaign_id",
        "code": "data #>> '{voucher,code}'",
        "category": "type",
    },
    default="-created_at",
)


async def record(
    database: Db,
    project_id: str,
    rows: Sequence[tuple[str, Event, str, datetime]],
    *,
    handled: bool = False,
) -> None:
    """Rows are (id, event, group id, time). Those that are `handled` are counted here and now; to
    them and to those that count nothing nobody has to come back.
    """
    if not rows:
        return
    if handled:
        counted = [_json(event) for _, event, *_ in rows]
        await _fold(database, project_id, [event.type for _, event, *_ in rows], counted)
    if len(rows) == 1 and not handled:
        id_, event, group_id, now = rows[0]
        await database.execute(
            INSERT,
            project_id,
            id_,
            event.type,
            event.customer_id,
            event.campaign_id,
            event.campaign_type,
            event.product_id,
            group_id,
            event.data,
            now,
            not _waits(event),
            event.referrer_id,
            _json(event),
        )
        return
    await database.execute(
        INSERT_MANY,
        project_id,
        [id_ for id_, *_ in rows],
        [event.type for _, event, *_ in rows],
        [event.customer_id for _, event, *_ in rows],
        [event.campaign_id for _, event, *_ in rows],
        [event.campaign_type for _, event, *_ in rows],
        [event.product_id for _, event, *_ in rows],
        [group_id for _, _, group_id, _ in rows],
        [event.data for _, event, *_ in rows],
        [now for *_, now in rows],
        [handled or not _waits(event) for _, event, *_ in rows],
        [event.referrer_id for _, event, *_ in rows],
        [_json(event) for _, event, *_ in rows],
    )


def _waits(event: Event) -> bool:
    """Whether it moves sums that are kept, which is done later."""
    return event.type in COUNTED or bool(event.counted)


def _json(event: Event) -> str | None:
    return msgspec.json.encode(event.counted).decode() if event.counted else None


async def handle(database: Db, project_id: str, most: int) -> int:
    """Does what hangs on up to `most` events; how many there were."""
    rows = await database.fetch(HANDLE, project_id, most)
    counted = [row["counted"] for row in rows]
    await _fold(database, project_id, [row["type"] for row in rows], counted)
    return len(rows)


async def _fold(
    database: Db, project_id: str, types: Sequence[str], counted: Iterable[Any]
) -> None:
    """Adds what events bring to what is kept: how many there are of each noun, and the sums of
    campaigns and promotion tiers.
    """
    sums: dict[tuple[str, date, str], int] = {}
    for text in counted:
        for id_, day, measure, n in _decode(text) if text is not None else ():
            sums[id_, day, measure] = sums.get((id_, day, measure), 0) + n
    if sums:
        most = campaigns.MOST
        rows = ((*key, max(min(n, most), -most)) for key, n in sums.items())
        columns = zip(*rows, strict=True)
        await database.execute(campaigns.FOLD, project_id, *map(list, columns))
    deltas: dict[str, int] = {}
    for type_ in types:
        noun, sign = COUNTED.get(type_, ("", 0))
        if sign:
            deltas[noun] = deltas.get(noun, 0) + sign
    for noun, delta in sorted(deltas.items()):
        await database.execute(ADD_TO_TOTAL, project_id, noun, delta)


async def fold(database: Db, project_id: str, told: Sequence[Event]) -> None:
    """Counts events here and now, also those that are not written."""
    types = [event.type for event in told]
    await _fold(database, project_id, types, [_json(event) for event in told])


async def forget_customer(database: Db, project_id: str, customer_id: str) -> list[str]:
    """Deletes a customer's events; totals keep what they counted. The types there were."""
    rows: list[Row] = await database.fetch(DELETE_OF_CUSTOMER, project_id, customer_id)
    waiting = [row for row in rows if not row["handled"]]
    counted = [row["counted"] for row in waiting]
    await _fold(database, project_id, [row["type"] for row in waiting], counted)
    return [row["type"] for row in rows]
