"""Customers: the profile that a shop sends, and the sums that the engine keeps beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from largesse.kit.db import Db, Row
from largesse.kit.ids import is_customer_id
from largesse.store import customer_view, definitions, events
from largesse.store.customer_view import Address, Customer
from largesse.store.listing import Listing

# --- statements ---------------------------------------------------------------------------------

ADDRESS = Address.__struct_fields__
ADDRESS_COLUMNS = tuple(f"address_{part}" for part in ADDRESS)
PROFILE = ("name", "description", "email", "phone", "birthday", "birthdate", *ADDRESS_COLUMNS)
SUMS = (
    "redemptions_total_redeemed",
    "redemptions_total_failed",
    "redemptions_total_succeeded",
    "redemptions_total_rolled_back",
    "redemptions_total_rollback_failed",
    "redemptions_total_rollback_succeeded",
    "gift_redeemed_amount",
    "gift_amount_to_go",
    "loyalty_card_redeemed_points",
    "loyalty_card_points_to_go",
    "orders_total_amount",
    "orders_total_count",
    "orders_last_amount",
    "orders_last_date",
    "loyalty_points",
    "loyalty_referred_customers",
    "loyalty_campaigns",
    "referrals_total",
)
ROW = ", ".join(
    ("id", "source_id", *PROFILE, "metadata", "system_metadata", "created_at", "updated_at", *SUMS)
)
# A write also answers the number of the project's definitions, which it is held against.
_WRITE = f"{ROW}, {definitions.COLUMN}"
_TYPES = {"birthday": "date", "birthdate": "date"}
_WRITTEN = ", ".join(("project_id", "id", "source_id", "created_at", *PROFILE, "metadata"))


def _set(new: Mapping[str, str], metadata: str, now: str, removed: str, replaced: str) -> str:
    """SET clauses: a null keeps what is there, unless its column is named in `replaced`."""
    columns = [
        f"{column} = CASE WHEN '{column}' = ANY({replaced}::text[]) THEN {value} "
        f"ELSE coalesce({value}, customers.{column}) END"
        for column, value in new.items()
    ]
    columns.append(f"metadata = (customers.metadata - {removed}::text[]) || {metadata}")
    columns.append(f"updated_at = {now}")
    return ", ".join(columns)


def _places(first: int, array: str = "") -> dict[str, str]:
    return {
        column: f"${number}::{_TYPES.get(column, 'text')}{array}"
        for number, column in enumerate(PROFILE, first)
    }


# Parameters of the upserts: $1 project, $2 id, $3 source id, $4 created at, then the profile's
# columns from $5 on, then these.
_METADATA, _REMOVED, _REPLACED, _NOW = (f"${5 + len(PROFILE) + n}" for n in range(4))
_ON_CONFLICT = _set(
    {column: f"excluded.{column}" for column in PROFILE},
    "excluded.metadata",
    f"{_NOW}::timestamptz",
    _REMOVED,
    _REPLACED,
)


def _upsert(target: str) -> str:
    return (
        f"INSERT INTO customers ({_WRITTEN}) "
        f"VALUES ($1, $2, $3, $4, {', '.join(_places(5).values())}, {_METADATA}) "
        f"ON CONFLICT (project_id, {target}) DO UPDATE SET {_ON_CONFLICT} RETURNING {_WRITE}"
    )


def _upsert_many() -> str:
    arrays = ", ".join(
        [
            *("$2::text[]", "$3::text[]", "$4::timestamptz[]"),
            *_places(5, "[]").values(),
            f"{_METADATA}::jsonb[]",
        ]
    )
    names = ", ".join(("id", "source_id", "created_at", *PROFILE, "metadata"))
    return (
        f"INSERT INTO customers ({_WRITTEN}) "
        f"SELECT $1, id, source_id, created_at, {', '.join(PROFILE)}, metadata "
        f"FROM unnest({arrays}) AS given ({names}) "
        f"ON CONFLICT (project_id, source_id) DO UPDATE SET {_ON_CONFLICT} RETURNING {ROW}"
    )


def _update() -> str:
    metadata, removed, replaced = (f"${4 + len(PROFILE) + n}" for n in range(3))
    return (
        "UPDATE customers SET "
        + _set(_places(4), f"{metadata}::jsonb", "$3", removed, replaced)
        + f" WHERE project_id = $1 AND id = $2 RETURNING {_WRITE}"
    )


UPSERT_BY_SOURCE_ID = _upsert("source_id")
UPSERT_BY_ID = _upsert("id")
UPSERT_MANY = _upsert_many()
UPDATE = _update()
GET_BY_ID = f"SELECT {ROW} FROM customers WHERE project_id = $1 AND id = $2"
GET_BY_SOURCE_ID = f"SELECT {ROW} FROM customers WHERE project_id = $1 AND source_id = $2"
GET_MANY = f"SELECT {ROW} FROM customers WHERE project_id = $1 AND id = ANY($2::text[])"
IDS = "SELECT id FROM customers WHERE project_id = $1 AND id = ANY($2::text[])"
# Holds a customer as a write would, and lets others refer to them.
_HOLD = f"SELECT {_WRITE} FROM customers WHERE project_id = $1"
HOLD_BY_ID = f"{_HOLD} AND id = $2 FOR NO KEY UPDATE"
HOLD_BY_SOURCE_ID = f"{_HOLD} AND source_id = $2 FOR NO KEY UPDATE"
HOLD_NAMED = f"""
{_HOLD} AND source_id = ANY($2::text[]) ORDER BY source_id COLLATE "C", id FOR NO KEY UPDATE
"""
HOLD_MANY = f"""
{_HOLD} AND (id = ANY($2::text[]) OR source_id = ANY($3::text[]))
ORDER BY source_id COLLATE "C", id FOR NO KEY UPDATE
"""
DELETE = f"DELETE FROM customers WHERE project_id = $1 AND id = $2 RETURNING {ROW}"
CAMPAIGNS = """
SELECT customer_id, campaign, points, loyalty_tier, referred_customers FROM customer_campaigns
WHERE project_id = $1 AND customer_id = ANY($2) ORDER BY customer_id, campaign
"""
REFERRALS = """
SELECT customer_id, campaign_id, referrer_id, related_object_id, related_object_type, date
FROM customer_referrals
WHERE project_id = $1 AND customer_id = ANY($2) ORDER BY customer_id, date, related_object_id
"""
TAKEN_SOURCE_IDS = """
SELECT source_id FROM customers
WHERE project_id = $1 AND source_id = ANY($2::text[]) AND id <> ALL($3::text[])
"""
COUNT_SEGMENTS = """
SELECT count(*) FROM segment_customers WHERE project_id = $1 AND customer_id = ANY($2::text[])
"""
RECORD_PERMANENT_DELETION = """
INSERT INTO permanent_deletions (project_id, id, related_object_id, related_object, status,
    data_json, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
TOTAL = events.whole("customers")

LISTING = Listing(
    "customers",
    ROW,
    filters={
        "email": "email = {}",
        "city": "address_city = {}",
        "name": "name = {}",
        "segment_id": "id IN (SELECT customer_id FROM segment_customers "
        "WHERE project_id = $1 AND segment_id = {})",
        "created_at_before": "created_at < {}",
        "created_at_after": "created_at > {}",
        "updated_at_before": "updated_at < {}",
        "updated_at_after": "updated_at > {}",
    },
    orders={"created_at": "created_at", "updated_at": "updated_at", "source_id": "source_id"},
    default="-created_at",
    by_instant=True,
    planned=("segment_id",),
)

# --- reading and writing ------------------------------------------------------------------------


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written of a customer. `created_at` counts where there is none yet. None keeps
    what is there, unless its column stands in `replaced`; `metadata` is JSON to merge in, after the
    keys in `removed` are gone.
    """

    id: str
    created_at: datetime
    source_id: str | None = None
    by_id: bool = False
    profile: tuple[str | date | None, ...] = (None,) * len(PROFILE)
    metadata: str = "{}"
    removed: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()


async def find(db: Db, project_id: str, id_or_source_id: str) -> Row | None:
    """By id first, then by source id."""
    if is_customer_id(id_or_source_id):
        row = await db.fetchrow(GET_BY_ID, project_id, id_or_source_id)
        if row is not None:
            return row
    return await db.fetchrow(GET_BY_SOURCE_ID, project_id, id_or_source_id)


async def hold(db: Db, project_id: str, id_or_source_id: str) -> Row | None:
    """As `find`, with the row held until the transaction ends."""
    if is_customer_id(id_or_source_id):
        row = await db.fetchrow(HOLD_BY_ID, project_id, id_or_source_id)
        if row is not None:
            return row
    return await db.fetchrow(HOLD_BY_SOURCE_ID, project_id, id_or_source_id)


def blank(source_id: str, now: datetime) -> dict[str, Any]:
    """The columns of somebody who would be new, with this source id."""
    columns: dict[str, Any] = dict.fromkeys((*PROFILE, "updated_at"))
    columns |= dict.fromkeys(SUMS, 0)
    columns |= {"orders_last_date": None, "metadata": b"{}", "system_metadata": b"{}"}
    return columns | {"id": "", "source_id": source_id, "created_at": now}


async def upsert(db: Db, project_id: str, change: Change, now: datetime) -> Row:
    """The row as it now stands; `updated_at` is empty where it was created."""
    return await db.fetchrow(
        UPSERT_BY_ID if change.by_id else UPSERT_BY_SOURCE_ID,
        project_id,
        change.id,
        change.source_id,
        change.created_at,
        *change.profile,
        change.metadata,
        change.removed,
        change.replaced,
        now,
    )


async def upsert_many(
    db: Db, project_id: str, changes: Sequence[Change], now: datetime
) -> list[Row]:
    """Several at once by source id, in any order; all have different source ids, and share what
    they remove and replace.
    """
    profiles = zip(*(change.profile for change in changes), strict=True)
    return await db.fetch(
        UPSERT_MANY,
        project_id,
        [change.id for change in changes],
        [change.source_id for change in changes],
        [change.created_at for change in changes],
        *(list(column) for column in profiles),
        [change.metadata for change in changes],
        changes[0].removed,
        changes[0].replaced,
        now,
    )


async def update(db: Db, project_id: str, change: Change, now: datetime) -> Row | None:
    """The row as it now stands, or None where there is none of this id."""
    return await db.fetchrow(
        UPDATE,
        project_id,
        change.id,
        now,
        *change.profile,
        change.metadata,
        change.removed,
        change.replaced,
    )


async def dress(db: Db, project_id: str, rows: Sequence[Row]) -> list[Customer]:
    """Rows as answers; the tables of campaigns and referrals are read only for those that have
    any.
    """
    standing = await _grouped(db, CAMPAIGNS, project_id, rows, "loyalty_campaigns")
    referrals = await _grouped(db, REFERRALS, project_id, rows, "referrals_total")
    return [
        customer_view.customer(row, standing.get(row["id"], ()), referrals.get(row["id"], ()))
        for row in rows
    ]


async def dress_one(db: Db, project_id: str, row: Row) -> Customer:
    return (await dress(db, project_id, [row]))[0]


async def _grouped(
    db: Db, statement: str, project_id: str, rows: Sequence[Row], counter: str
) -> dict[str, list[Row]]:
    ids = [row["id"] for row in rows if row[counter]]
    groups: dict[str, list[Row]] = {}
    if ids:
        for found in await db.fetch(statement, project_id, ids):
            groups.setdefault(found["customer_id"], []).append(found)
    return groups
