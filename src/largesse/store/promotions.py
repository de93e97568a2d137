"""Promotion tiers, the discounts that need no code, and the stacks that apply several at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from largesse.store.filters import JSON, TEXT, TIME
from largesse.store.listing import Listing
from largesse.store.table import Changes, Table


class Tier(msgspec.Struct, kw_only=True):
    """A tier's row; members that are JSON on the wire are JSON text when they are written."""

    id: str
    campaign_id: str
    name: str
    banner: str | None = None
    action: Any
    hierarchy: int
    active: bool = True
    start_date: datetime | None = None
    expiration_date: datetime | None = None
    validity_timeframe: Any = None
    validity_day_of_week: Any = None
    validity_hours: Any = None
    category_id: str | None = None
    metadata: Any = "{}"
    created_at: datetime
    updated_at: datetime | None = None


class Stack(msgspec.Struct, kw_only=True):
    """A stack's row; its tiers apply in the order in which they are named."""

    id: str
    campaign_id: str
    name: str
    tier_ids: list[str]
    hierarchy_mode: str = "MANUAL"
    category_id: str | None = None
    created_at: datetime
    updated_at: datetime | None = None


# --- tiers --------------------------------------------------------------------------------------

TIERS = Table("promotion_tiers", Tier)
TIER = TIERS.columns


def _of_living(table: str, more: str = "") -> str:
    """A condition on rows of a table: that their campaign is not in the bin."""
    return (
        f"EXISTS (SELECT 1 FROM campaigns WHERE campaigns.project_id = {table}.project_id "
        f"AND campaigns.id = campaign_id AND deleted_at IS NULL{more})"
    )


_TIMELY = (
    "active AND (start_date IS NULL OR start_date <= {0}) "
    "AND (expiration_date IS NULL OR {0} <= expiration_date)"
)
_LIVING = _of_living("promotion_tiers")

GET_TIER = f"SELECT {TIER} FROM promotion_tiers WHERE project_id = $1 AND id = $2 AND {_LIVING}"
HOLD_TIER = f"{GET_TIER} FOR NO KEY UPDATE"
TIERS_NAMED = f"""
SELECT {TIER} FROM promotion_tiers WHERE project_id = $1 AND id = ANY($2::text[])
ORDER BY hierarchy, id
"""
TIERS_OF_CAMPAIGNS = f"""
SELECT {TIER} FROM promotion_tiers WHERE project_id = $1 AND campaign_id = ANY($2::text[])
ORDER BY hierarchy, id
"""
# Those that were made at once, the last ranking first.
TIERS_OF_CAMPAIGN = f"""
SELECT {TIER} FROM promotion_tiers WHERE project_id = $1 AND campaign_id = $2
ORDER BY created_at DESC, hierarchy DESC
"""
# The tiers by id: the order in which all lock them.
HOLD_HIERARCHY = """
SELECT id, hierarchy FROM promotion_tiers WHERE project_id = $1 AND campaign_id = $2
ORDER BY id FOR NO KEY UPDATE
"""
LAST = """
SELECT count(*) AS tiers, coalesce(max(hierarchy), 0) AS hierarchy FROM promotion_tiers
WHERE project_id = $1 AND campaign_id = $2
"""
# Those from `$3` to `$4` make room.
MOVE = """
UPDATE promotion_tiers SET hierarchy = hierarchy + $5
WHERE project_id = $1 AND campaign_id = $2 AND hierarchy BETWEEN $3 AND $4
"""
CHANGES = Changes(
    TIERS,
    (
        *("name", "banner", "action", "hierarchy", "active", "start_date", "expiration_date"),
        *("validity_timeframe", "validity_day_of_week", "validity_hours", "category_id"),
    ),
)
SWITCH_TIER = f"""
UPDATE promotion_tiers SET active = $3, updated_at = $4
WHERE project_id = $1 AND id = $2 AND {_LIVING} RETURNING {TIER}
"""
DELETE_TIER = "DELETE FROM promotion_tiers WHERE project_id = $1 AND id = $2"
DELETE_TIERS_OF_CAMPAIGN = """
DELETE FROM promotion_tiers WHERE project_id = $1 AND campaign_id = $2 RETURNING id
"""
TIER_IDS = """
SELECT id FROM promotion_tiers
WHERE project_id = $1 AND campaign_id = $2 AND id = ANY($3::text[])
"""

TIERS_LISTING = Listing(
    "promotion_tiers",
    TIER,
    # What is limited to hours or days is available on others too.
    filters={"available_at": f"({_TIMELY} AND {_of_living('promotion_tiers', f' AND {_TIMELY}')})"},
    fields={"metadata": ("metadata", JSON), "promotion_id": ("campaign_id", TEXT)},
    orders={"created_at": "created_at", "updated_at": "updated_at"},
    default="-created_at",
    only=_LIVING,
)

# --- stacks -------------------------------------------------------------------------------------

STACKS = Table("promotion_stacks", Stack)
STACK = STACKS.columns
GET_STACK = f"""
SELECT {STACK} FROM promotion_stacks WHERE project_id = $1 AND campaign_id = $2 AND id = $3
"""
STACKS_OF_CAMPAIGN = f"""
SELECT {STACK} FROM promotion_stacks WHERE project_id = $1 AND campaign_id = $2
ORDER BY created_at, id
"""
STACKS_WITH_TIER = """
SELECT id FROM promotion_stacks
WHERE project_id = $1 AND campaign_id = $2 AND tier_ids @> ARRAY[$3::text] ORDER BY created_at, id
"""
COUNT_STACKS = """
SELECT count(*) FROM promotion_stacks WHERE project_id = $1 AND campaign_id = $2
"""
UPDATE_STACK = f"""
UPDATE promotion_stacks SET name = $4, tier_ids = $5, category_id = $6, updated_at = $7
WHERE project_id = $1 AND campaign_id = $2 AND id = $3 RETURNING {STACK}
"""
DELETE_STACK = """
DELETE FROM promotion_stacks WHERE project_id = $1 AND campaign_id = $2 AND id = $3 RETURNING id
"""
DELETE_STACKS_OF_CAMPAIGN = """
DELETE FROM promotion_stacks WHERE project_id = $1 AND campaign_id = $2
"""

STACKS_LISTING = Listing(
    "promotion_stacks",
    STACK,
    filters={
        "created_after": "created_at > {}",
        "created_before": "created_at < {}",
        "updated_after": "updated_at > {}",
        "updated_before": "updated_at < {}",
    },
    fields={
        "id": ("id", TEXT),
        "name": ("name", TEXT),
        "campaign_id": ("campaign_id", TEXT),
        "created_at": ("created_at", TIME),
        "updated_at": ("updated_at", TIME),
    },
    orders={"created_at": "created_at", "updated_at": "updated_at", "name": "name"},
    default="-created_at",
    only=_of_living("promotion_stacks"),
)
