"""Product collections: products and SKUs picked by hand or by a filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from largesse.engine.calendar import Clock
from largesse.engine.conditions import Conditions
from largesse.store.conditions import Hole, Writer
from largesse.store.listing import Listing
from largesse.store.segments import json_at
from largesse.store.table import Table


class Collection(msgspec.Struct, kw_only=True):
    """`filter` and `products` are JSON, one of them empty."""

    id: str
    name: str
    type: str
    filter: Any = None
    products: Any = None
    created_at: datetime
    updated_at: datetime | None = None


TABLE = Table("product_collections", Collection)
COUNT = "SELECT count(*) FROM product_collections WHERE project_id = $1"
UPDATE = f"""
UPDATE product_collections SET name = coalesce($3, name), filter = coalesce($4, filter),
    updated_at = $5
WHERE project_id = $1 AND id = $2 RETURNING {TABLE.columns}
"""
DELETE = "DELETE FROM product_collections WHERE project_id = $1 AND id = $2 RETURNING id"
KINDS_OF = """
SELECT id, 'product' FROM products
WHERE project_id = $1 AND id = ANY($2::text[]) AND deleted_at IS NULL
UNION ALL
SELECT id, 'sku' FROM skus
WHERE project_id = $1 AND id = ANY($2::text[]) AND deleted_at IS NULL
"""
LISTING = Listing(
    "product_collections",
    TABLE.columns,
    filters={},
    orders={
        "created_at": "created_at",
        "updated_at": "updated_at",
        "type": "type",
        **dict.fromkeys(("code", "campaign", "category"), "id"),
    },
    default="-created_at",
)

# Products and SKUs side by side.
ITEMS = """(
    SELECT project_id, id, NULL AS product_id, source_id, name, price, NULL AS currency,
        attributes, metadata, image_url, created_at, updated_at, 'product' AS object,
        coalesce((
            SELECT jsonb_agg(skus.id) FROM skus WHERE skus.project_id = products.project_id
                AND skus.product_id = products.id AND skus.deleted_at IS NULL
        ), '[]') AS skus
    FROM products WHERE deleted_at IS NULL
    UNION ALL
    SELECT skus.project_id, skus.id, skus.product_id, skus.source_id, skus.sku, skus.price,
        skus.currency, skus.attributes, products.metadata || skus.metadata, skus.image_url,
        skus.created_at, skus.updated_at, 'sku', NULL
    FROM skus
    JOIN products ON products.project_id = skus.project_id AND products.id = skus.product_id
    WHERE skus.deleted_at IS NULL
) AS items"""
MEMBERS = Listing(
    ITEMS,
    "id, product_id, source_id, name, price, currency, attributes, metadata, image_url, "
    "created_at, updated_at, object",
    filters={
        "picked": "(id = ANY({0}::text[]) OR product_id = ANY({0}::text[]))",
    },
    orders={
        "created_at": "created_at",
        "updated_at": "updated_at",
        "type": "object",
        **dict.fromkeys(("code", "campaign", "category"), "id"),
    },
    default="-created_at",
    by_instant=True,
    planned=("picked", "filter"),
)


class Criterion:
    """A filter as a condition on the items of a list."""

    def __init__(
        self, conditions: Conditions, clock: Clock, locations: Mapping[str, Any] | None = None
    ) -> None:
        self._conditions = conditions
        self._clock = clock
        self._locations = locations

    def condition(self, hole: Hole) -> str:
        writer = Writer(hole, _column, self._clock, locations=self._locations)
        return writer.condition(self._conditions)


def _column(field: str, hole: Hole) -> str:
    if field.startswith("metadata."):
        return json_at("metadata", field.removeprefix("metadata."), hole)
    return field


NAMED = f"""
SELECT {TABLE.columns} FROM product_collections
WHERE project_id = $1 AND id = ANY($2::text[]) ORDER BY id
"""


def matching(criterion: Criterion, ids: Sequence[str]) -> tuple[str, list[Any]]:
    """A statement for those of some products and SKUs that a filter chooses, and its arguments but
    the first, which is the project.
    """
    arguments: list[Any] = [list(ids)]

    def hole(value: Any) -> str:
        arguments.append(value)
        return f"${len(arguments) + 1}"

    condition = criterion.condition(hole)
    return (
        f"SELECT id FROM {ITEMS} WHERE project_id = $1 AND id = ANY($2::text[]) AND {condition}"
    ), arguments


def picked(products: Sequence[Mapping[str, Any]]) -> list[str]:
    """The ids of what was picked by hand; a product brings its SKUs."""
    return [product["id"] for product in products]
