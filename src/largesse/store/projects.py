"""Projects: tenants with their settings. Few, rarely written, shared by all processes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from largesse.kit.db import Db, Row


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant. `default_code_config` and the notification members are JSON."""

    id: str
    name: str
    description: str | None = None
    timezone: str = "UTC"
    currency: str = "USD"
    dial_code: str | None = None
    cluster_id: str = "default"
    api_version: str = "v2018-08-01"
    is_sandbox: bool = False
    case_sensitive_codes: bool = True
    default_code_config: Any
    client_trusted_domains: list[str] = []
    client_redeem_enabled: bool = False
    client_publish_enabled: bool = False
    client_list_vouchers_enabled: bool = False
    client_create_customer_enabled: bool = False
    client_loyalty_events_enabled: bool = False
    client_set_voucher_expiration_date_enabled: bool = False
    api_usage_notifications: Any = None
    webhooks_callout_notifications: Any = None
    webhook_version: str = "v2024-01-01"
    webhook_token: str
    link_secret: bytes
    created_at: datetime


FIELDS = Project.__struct_fields__
COLUMNS = ", ".join(FIELDS)
JSON_COLUMNS = frozenset(
    {"default_code_config", "api_usage_notifications", "webhooks_callout_notifications"}
)
# What an update may set; an id, the case of codes and the secrets never change.
CHANGEABLE = tuple(
    name
    for name in FIELDS
    if name
    not in {
        *("id", "case_sensitive_codes", "webhook_token", "link_secret", "created_at"),
        *("cluster_id", "api_version", "is_sandbox"),
    }
)

# A project's id is its own project_id.
INSERT = (
    f"INSERT INTO projects ({COLUMNS}) "
    f"VALUES ({', '.join(f'${n + 1}' for n in range(len(FIELDS)))})"
)
GET = f"SELECT {COLUMNS} FROM projects WHERE id = $1 AND deleted_at IS NULL"
LIST = f"SELECT {COLUMNS} FROM projects WHERE deleted_at IS NULL ORDER BY created_at, id"
UPDATE = (
    "UPDATE projects SET "
    + ", ".join(f"{name} = ${n + 2}" for n, name in enumerate(CHANGEABLE))
    + f" WHERE id = $1 AND deleted_at IS NULL RETURNING {COLUMNS}"
)
LOCK = "SELECT id FROM projects WHERE id = $1 AND deleted_at IS NULL FOR UPDATE"
ANY = "SELECT id FROM projects LIMIT 1"
LIVING = "SELECT id FROM projects WHERE deleted_at IS NULL ORDER BY created_at, id"
# Two first starts on one database: the second waits, and finds what the first has made.
LOCK_ALL = "LOCK TABLE projects IN SHARE ROW EXCLUSIVE MODE"
MARK_DELETED = """
UPDATE projects SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL RETURNING id
"""
DELETED = "SELECT id FROM projects WHERE deleted_at IS NOT NULL"
DELETE = "DELETE FROM projects WHERE id = $1 AND deleted_at < $2"

# Every table of a tenant with its key, those that others point to last.
TENANT_TABLES = {
    "job_rows": "job_id, n",
    "jobs": "id",
    "events": "id",
    "oauth_tokens": "token_hash",
    "totals": "noun",
    "permanent_deletions": "id",
    "definitions": "project_id",
    "metadata_schemas": "id",
    "event_schemas": "id",
    "categories": "id",
    "locations": "id",
    "skus": "id",
    "products": "id",
    "product_collections": "id",
    "bin": "id",
    "orders": "id",
    "custom_events": "id",
    "event_counts": "customer_id, type",
    "export_parts": "export_id, n",
    "exports": "id",
    "export_seats": "export_id",
    "segment_customers": "segment_id, customer_id",
    "segments": "id",
    "redeemable_holders": "id",
    "customer_campaigns": "customer_id, campaign_id",
    "customer_referrals": "customer_id, related_object_id",
    "customers": "id",
    "voucher_transactions": "id",
    "vouchers": "id",
    "campaign_days": "campaign_id, day, measure",
    "promotion_stacks": "id",
    "promotion_tiers": "id",
    "campaigns": "id",
    "validation_rule_assignments": "id",
    "validation_rules": "id",
    "campaign_templates": "id",
    "stacking_rules": "project_id",
    "redemptions": "id",
    "counters": "key, slot",
    "sessions": "voucher_id, key",
    "kept_answers": "key",
}
PURGES = {
    table: f"DELETE FROM {table} WHERE project_id = $1 AND ({key}) IN "
    f"(SELECT {key} FROM {table} WHERE project_id = $1 LIMIT $2)"
    for table, key in TENANT_TABLES.items()
}


def arguments(project: Project, names: tuple[str, ...] = FIELDS) -> list[Any]:
    return [
        _json(getattr(project, name)) if name in JSON_COLUMNS else getattr(project, name)
        for name in names
    ]


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def of(row: Row) -> Project:
    return Project(**dict(row))


async def get(db: Db, project_id: str) -> Project | None:
    row = await db.fetchrow(GET, project_id)
    return None if row is None else of(row)
