"""Campaigns: what a shop gives away under one name, and what happened in each, day by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from largesse.kit.db import Db, Row
from largesse.kit.ids import is_id
from largesse.store.filters import DAYS, FLAG, JSON, STATES, TEXT, TIME
from largesse.store.listing import Listing
from largesse.store.table import Changes, Table

IN_PROGRESS, DONE, FAILED, MODIFYING = "IN_PROGRESS", "DONE", "FAILED", "MODIFYING"


class Campaign(msgspec.Struct, kw_only=True):
    """A campaign's row; members that are JSON on the wire are JSON text when they are written."""

    id: str
    name: str
    description: str | None = None
    campaign_type: str
    type: str
    join_once: bool = False
    auto_join: bool = False
    use_voucher_metadata_schema: bool = False
    start_date: datetime | None = None
    expiration_date: datetime | None = None
    validity_timeframe: Any = None
    validity_day_of_week: Any = None
    validity_hours: Any = None
    activity_duration_after_publishing: str | None = None
    voucher: Any = None
    referral_program: Any = None
    loyalty_tiers_expiration: Any = None
    access_settings: Any = None
    category_id: str | None = None
    metadata: Any = "{}"
    active: bool = True
    protected: bool = False
    creation_status: str = DONE
    vouchers_count: int = 0
    created_at: datetime
    updated_at: datetime | None = None


TABLE = Table("campaigns", Campaign)
COLUMNS = TABLE.columns
# A name that is taken, also by a campaign in the bin, inserts nothing.
INSERT = f"{TABLE.INSERT} ON CONFLICT (project_id, name) DO NOTHING RETURNING {COLUMNS}"
_LIVING = f"SELECT {COLUMNS} FROM campaigns WHERE project_id = $1 AND deleted_at IS NULL"
GET = f"{_LIVING} AND id = $2"
GET_BY_NAME = f"{_LIVING} AND name = $2"
# Whoever changes or deletes it waits, or has done so.
HOLD = f"{GET} FOR NO KEY UPDATE"
# A job goes on with a campaign that was deleted meanwhile, so as to clear it away.
HOLD_ANY = f"SELECT {COLUMNS} FROM campaigns WHERE project_id = $1 AND id = $2 FOR UPDATE"
NAMED = f"SELECT {COLUMNS} FROM campaigns WHERE project_id = $1 AND id = ANY($2::text[])"
NAMES = "SELECT id, name FROM campaigns WHERE project_id = $1 AND id = ANY($2::text[])"

CHANGES = Changes(
    TABLE,
    (
        *("description", "type", "join_once", "auto_join", "start_date", "expiration_date"),
        *("validity_timeframe", "validity_day_of_week", "validity_hours"),
        *("activity_duration_after_publishing", "voucher", "referral_program"),
        *("loyalty_tiers_expiration", "access_settings", "category_id", "creation_status"),
    ),
)
SWITCH = f"""
UPDATE campaigns SET active = $3, updated_at = $4
WHERE project_id = $1 AND id = $2 RETURNING {COLUMNS}
"""
ADD_VOUCHERS = """
UPDATE campaigns SET vouchers_count = vouchers_count + $3
WHERE project_id = $1 AND id = $2
"""
SET_STATUS = """
UPDATE campaigns SET creation_status = $3 WHERE project_id = $1 AND id = $2
"""
VOUCHERS_COUNT = "SELECT vouchers_count FROM campaigns WHERE project_id = $1 AND id = $2"
VOUCHERS_OF = "SELECT count(*) FROM vouchers WHERE project_id = $1 AND campaign_id = $2"
BIN = "UPDATE campaigns SET deleted_at = $3 WHERE project_id = $1 AND id = $2"
DELETE = "DELETE FROM campaigns WHERE project_id = $1 AND id = $2"
# Sums end where their column ends: whoever may redeem may say what an order comes to.
MOST = 2**63 - 1
_SUMMED = f"greatest(least(campaign_days.n::numeric + excluded.n, {MOST}), -{MOST})::bigint"
# In one order, so that two who count the same do not wait for each other in a ring.
COUNT = f"""
INSERT INTO campaign_days (project_id, campaign_id, day, measure, n)
SELECT $1, $2, $3, measure, n FROM unnest($4::text[], $5::bigint[]) AS counted (measure, n)
ORDER BY measure
ON CONFLICT (project_id, campaign_id, day, measure) DO UPDATE SET n = {_SUMMED}
"""
# Of many campaigns and days at once.
FOLD = f"""
INSERT INTO campaign_days (project_id, campaign_id, day, measure, n)
SELECT $1, campaign_id, day, measure, n
FROM unnest($2::text[], $3::date[], $4::text[], $5::bigint[])
    AS counted (campaign_id, day, measure, n)
ORDER BY campaign_id, day, measure
ON CONFLICT (project_id, campaign_id, day, measure) DO UPDATE SET n = {_SUMMED}
"""
# What is folded, and what events still bring. A promotion tier has sums as a campaign has.
SUMS = f"""
SELECT campaign_id, measure, greatest(least(sum(n), {MOST}), -{MOST})::bigint AS n FROM (
    SELECT campaign_id, measure, n, day FROM campaign_days
    WHERE project_id = $1 AND campaign_id = ANY($2::text[])
    UNION ALL
    SELECT moved ->> 0, moved ->> 2, (moved ->> 3)::bigint, (moved ->> 1)::date
    FROM events, json_array_elements(counted) AS moved
    WHERE project_id = $1 AND NOT handled AND counted IS NOT NULL
        AND moved ->> 0 = ANY($2::text[])
) AS days
WHERE ($3::date IS NULL OR day >= $3) AND ($4::date IS NULL OR day <= $4)
GROUP BY campaign_id, measure
"""
FORGET_DAYS = "DELETE FROM campaign_days WHERE project_id = $1 AND campaign_id = $2"

LISTING = Listing(
    "campaigns",
    COLUMNS,
    filters={
        "campaign_type": "campaign_type = {}",
        "creation_status": "creation_status = {}",
        "is_referral_code": "(campaign_type = 'REFERRAL_PROGRAM') = {}",
        "places": (
            "EXISTS (SELECT 1 FROM json_array_elements(access_settings) AS place "
            "WHERE place ->> 'area_id' = ANY({0}::text[]) "
            "OR place ->> 'area_store_id' = ANY({0}::text[]))"
        ),
    },
    fields={
        "campaigns": ("name", TEXT),
        "campaigns_id": ("id", TEXT),
        "campaign_status": ("creation_status", TEXT),
        "status": {
            "$active": "creation_status = 'DONE'",
            "$failed": "creation_status = 'FAILED'",
            "$in_progress": "creation_status IN ('IN_PROGRESS', 'MODIFYING')",
            "$expired": "creation_status = 'DONE' AND expiration_date < {now}",
            "$before_start": "creation_status = 'DONE' AND start_date > {now}",
        },
        "active": STATES,
        "is_referral_code": ("(campaign_type = 'REFERRAL_PROGRAM')", FLAG),
        "validity_timeframe": ("validity_timeframe::text", TEXT),
        "voucher_type": ("(voucher ->> 'type')", TEXT),
        "categories": (
            "(SELECT name FROM categories WHERE categories.project_id = campaigns.project_id "
            "AND categories.id = category_id)",
            TEXT,
        ),
        "category_ids": ("category_id", TEXT),
        "type": ("type", TEXT),
        **dict.fromkeys(("created_at", "created_date"), ("created_at", TIME)),
        "updated_at": ("updated_at", TIME),
        "start_date": ("start_date", TIME),
        "expiration_date": ("expiration_date", TIME),
        "validity_day_of_week": ("validity_day_of_week::jsonb", DAYS),
        "metadata": ("metadata", JSON),
    },
    orders={"created_at": "created_at", "updated_at": "updated_at"},
    default="-created_at",
    only="deleted_at IS NULL",
)


async def find(db: Db, project_id: str, id_or_name: str) -> Row | None:
    """By id first, then by name; not from the bin."""
    if is_id(id_or_name, "camp_"):
        row = await db.fetchrow(GET, project_id, id_or_name)
        if row is not None:
            return row
    return await db.fetchrow(GET_BY_NAME, project_id, id_or_name)


async def sums(
    db: Db,
    project_id: str,
    ids: Sequence[str],
    first: date | None = None,
    last: date | None = None,
) -> dict[str, dict[str, int]]:
    """What happened in campaigns or promotion tiers, by their ids and then by measure; in all, or
    from one day to another, both included.
    """
    found: dict[str, dict[str, int]] = {id_: {} for id_ in ids}
    for row in await db.fetch(SUMS, project_id, list(ids), first, last):
        found[row["campaign_id"]][row["measure"]] = row["n"]
    return found


async def count(
    db: Db, project_id: str, campaign_id: str, day: date, measures: Mapping[str, int]
) -> None:
    """Adds to what happened in a campaign on a day."""
    told = {name: n for name, n in measures.items() if n}
    if told:
        await db.execute(COUNT, project_id, campaign_id, day, list(told), list(told.values()))
