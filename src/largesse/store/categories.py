"""Categories: what vouchers and promotions are sorted by. A lower hierarchy comes first."""

from __future__ import annotations

from datetime import datetime

import msgspec

from largesse.store.table import Table


class Category(msgspec.Struct, kw_only=True):
    id: str
    name: str
    hierarchy: int
    created_at: datetime
    updated_at: datetime | None = None


TABLE = Table("categories", Category)
LIST = f"""
SELECT {TABLE.columns} FROM categories WHERE project_id = $1 ORDER BY created_at DESC, id DESC
"""
UPDATE = f"""
UPDATE categories SET name = $3, hierarchy = $4, updated_at = $5
WHERE project_id = $1 AND id = $2 RETURNING {TABLE.columns}
"""
DELETE = "DELETE FROM categories WHERE project_id = $1 AND id = $2 RETURNING id"
NAMED = f"SELECT {TABLE.columns} FROM categories WHERE project_id = $1 AND id = ANY($2::text[])"
BY_ID = "SELECT id FROM categories WHERE project_id = $1 AND id = $2"
BY_NAME = """
SELECT id FROM categories WHERE project_id = $1 AND name = $2 ORDER BY created_at, id LIMIT 1
"""
