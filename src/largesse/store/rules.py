"""Validation rules, and their assignments to what they guard."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from largesse.kit.db import Db, Row
from largesse.store.listing import Listing
from largesse.store.table import Table


class Rule(msgspec.Struct, kw_only=True):
    """`rules`, `bundle_rules`, `applicable_to` and `error` are JSON; `refs` are the ids that they
    speak of.
    """

    id: str
    name: str
    type: str
    context_type: str
    rules: Any
    bundle_rules: Any = None
    applicable_to: Any
    error: Any = None
    refs: list[str]
    created_at: datetime
    updated_at: datetime | None = None


TABLE = Table("validation_rules", Rule)
COLUMNS = (
    f"{TABLE.columns}, (SELECT count(*) FROM validation_rule_assignments "
    "WHERE project_id = $1 AND rule_id = validation_rules.id) AS assignments_count"
)
ASSIGNMENT = "id, rule_id, related_object_id, related_object_type, created_at"

GET = f"SELECT {COLUMNS} FROM validation_rules WHERE project_id = $1 AND id = $2"
# For one who changes it.
HOLD = f"{GET} FOR NO KEY UPDATE"
# For one who deletes it: whoever assigns it meanwhile has done so, or finds it gone.
SEIZE = f"{GET} FOR UPDATE"
# For one who assigns them: none is deleted meanwhile.
KEEP = f"""
SELECT {COLUMNS} FROM validation_rules
WHERE project_id = $1 AND id = ANY($2::text[]) ORDER BY id FOR KEY SHARE
"""
UPDATE = f"""
UPDATE validation_rules SET
    (name, type, context_type, rules, bundle_rules, applicable_to, error, refs, updated_at) =
    ($3, $4, $5, $6, $7, $8, $9, $10, $11)
WHERE project_id = $1 AND id = $2 RETURNING {COLUMNS}
"""
DELETE = "DELETE FROM validation_rules WHERE project_id = $1 AND id = $2"
USERS = """
SELECT id FROM validation_rules WHERE project_id = $1 AND refs @> ARRAY[$2::text]
ORDER BY created_at DESC, id DESC
"""
# Enough to tell by whom a rule is in use.
ASSIGNED = """
SELECT id FROM validation_rule_assignments WHERE project_id = $1 AND rule_id = $2
ORDER BY created_at, id LIMIT 100
"""
ASSIGN = f"""
INSERT INTO validation_rule_assignments (project_id, id, rule_id, related_object_id,
    related_object_type, created_at)
SELECT $1, id, rule_id, $4, $5, $6 FROM unnest($2::text[], $3::text[]) AS made (id, rule_id)
ON CONFLICT (project_id, related_object_id, rule_id) DO NOTHING RETURNING {ASSIGNMENT}
"""
ASSIGNED_TO = f"""
SELECT {ASSIGNMENT} FROM validation_rule_assignments
WHERE project_id = $1 AND related_object_id = $2 AND rule_id = $3
"""
ASSIGNMENTS_OF = f"""
SELECT {ASSIGNMENT} FROM validation_rule_assignments
WHERE project_id = $1 AND related_object_id = ANY($2::text[])
ORDER BY created_at DESC, id DESC
"""
UNASSIGN = f"""
DELETE FROM validation_rule_assignments
WHERE project_id = $1 AND rule_id = $2 AND id = $3 RETURNING {ASSIGNMENT}
"""
RELEASE = """
DELETE FROM validation_rule_assignments
WHERE project_id = $1 AND related_object_id = ANY($2::text[])
"""
ALL_ASSIGNMENTS = "SELECT count(*) FROM validation_rule_assignments WHERE project_id = $1"

LISTING = Listing(
    "validation_rules",
    COLUMNS,
    filters={
        "start_date": "created_at >= {}",
        "end_date": "created_at <= {}",
    },
    orders={"created_at": "created_at", "updated_at": "updated_at", "name": "name"},
    default="-created_at",
)
ASSIGNMENTS = Listing(
    "validation_rule_assignments",
    ASSIGNMENT,
    filters={
        "related_object_id": "related_object_id = {}",
        "rule_id": "rule_id = {}",
    },
    orders={"created_at": "created_at"},
    default="-created_at",
)

# --- what a rule is assigned to -----------------------------------------------------------------

# Whoever assigns a rule to an object holds it, so that it is not deleted meanwhile.
VOUCHER = """
SELECT vouchers.id, code, vouchers.type, campaigns.name AS campaign, campaign_id,
    vouchers.category_id, discount, effect, amount,
    amount - subtracted_amount - redeemed_amount - points_expired AS balance,
    is_referral_code, holder_id, referrer_id, vouchers.active, vouchers.start_date,
    vouchers.expiration_date, quantity, redeemed_quantity, vouchers.metadata,
    vouchers.created_at, vouchers.updated_at
FROM vouchers
LEFT JOIN campaigns ON campaigns.project_id = $1 AND campaigns.id = vouchers.campaign_id
WHERE vouchers.project_id = $1 AND vouchers.id = $2 AND vouchers.deleted_at IS NULL
FOR SHARE OF vouchers
"""
CAMPAIGN = """
SELECT id, name, campaign_type, type, active, category_id, metadata, start_date, expiration_date,
    description, created_at, updated_at
FROM campaigns WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL FOR SHARE
"""
PROMOTION_TIER = """
SELECT promotion_tiers.id, promotion_tiers.name, banner, campaign_id, promotion_tiers.metadata
FROM promotion_tiers
JOIN campaigns ON campaigns.project_id = $1 AND campaigns.id = campaign_id
WHERE promotion_tiers.project_id = $1 AND promotion_tiers.id = $2 AND deleted_at IS NULL
FOR SHARE OF promotion_tiers
"""


async def users(db: Db, project_id: str, object_id: str) -> list[str]:
    """The rules that speak of an object, such as a segment or a product collection."""
    return [row["id"] for row in await db.fetch(USERS, project_id, object_id)]


async def assign(
    db: Db,
    project_id: str,
    made: Sequence[tuple[str, str]],
    related_object_type: str,
    related_object_id: str,
    now: datetime,
) -> list[Row]:
    """Assigns rules to an object, each given as (id of the assignment, id of the rule). Those that
    it has already are missing from the answer.
    """
    ids, rule_ids = [id_ for id_, _ in made], [rule_id for _, rule_id in made]
    return await db.fetch(
        ASSIGN, project_id, ids, rule_ids, related_object_id, related_object_type, now
    )


async def update(db: Db, project_id: str, rule: Rule) -> Row:
    """The row as it now stands."""
    return await db.fetchrow(
        UPDATE,
        project_id,
        rule.id,
        rule.name,
        rule.type,
        rule.context_type,
        rule.rules,
        rule.bundle_rules,
        rule.applicable_to,
        rule.error,
        rule.refs,
        rule.updated_at,
    )
