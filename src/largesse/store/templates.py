"""Campaign templates: the configuration of a campaign or tier, kept to make others from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from largesse.store.filters import TEXT
from largesse.store.listing import Listing
from largesse.store.table import Table


class Template(msgspec.Struct, kw_only=True):
    """A template's row; `template` is JSON."""

    id: str
    name: str
    description: str | None = None
    campaign_type: str
    template: Any
    created_at: datetime
    updated_at: datetime | None = None


TABLE = Table("campaign_templates", Template)
# What a template keeps may be long, and no list shows it.
COLUMNS = "id, name, description, campaign_type, created_at, updated_at"
GET = f"SELECT {COLUMNS} FROM campaign_templates WHERE project_id = $1 AND id = $2"
# For one who uses it: whoever else does waits, and finds what was made for the first.
HOLD = f"{TABLE.GET} FOR NO KEY UPDATE"
# A name that is taken inserts nothing.
INSERT = f"{TABLE.INSERT} ON CONFLICT (project_id, name) DO NOTHING RETURNING {COLUMNS}"
# A null keeps what is there; an empty description takes it away.
UPDATE = f"""
UPDATE campaign_templates SET name = coalesce($3, name),
    description = nullif(coalesce($4, description), ''), updated_at = $5
WHERE project_id = $1 AND id = $2 RETURNING {COLUMNS}
"""
DELETE = "DELETE FROM campaign_templates WHERE project_id = $1 AND id = $2 RETURNING id"

# The ids are drawn, so that their order says nothing: `id` is the order of creation, in which a
# cursor goes on after an id.
LISTING = Listing(
    "campaign_templates",
    COLUMNS,
    filters={},
    fields={name: (name, TEXT) for name in ("id", "name", "campaign_type")},
    orders={"id": "created_at"},
    default="id",
)

# --- what a template speaks of, by name ---------------------------------------------------------

SEGMENTS_CALLED = """
SELECT id, filter FROM segments WHERE project_id = $1 AND name = $2 AND type <> 'static'
ORDER BY created_at, id
"""
COLLECTIONS_CALLED = """
SELECT id, filter, products FROM product_collections
WHERE project_id = $1 AND name = $2 AND type = $3 ORDER BY created_at, id
"""
LOCATION_CALLED = "SELECT id FROM locations WHERE project_id = $1 AND name = $2"
