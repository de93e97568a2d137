"""Products and their SKUs. What was moved to the bin keeps its row and its source id."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from largesse.kit.db import Db, Row
from largesse.kit.ids import is_id
from largesse.store import definitions, events
from largesse.store.listing import Listing

PRODUCT = "id, source_id, name, price, attributes, metadata, image_url, created_at, updated_at"
SKU = (
    "id, source_id, product_id, sku, price, currency, attributes, image_url, metadata, created_at, "
    "updated_at"
)

# A null keeps what is there. Of a row in the bin nothing is changed, and nothing is answered.
_PRODUCT_SET = """
    name = coalesce(excluded.name, products.name),
    price = coalesce(excluded.price, products.price),
    attributes = CASE WHEN $11::boolean THEN excluded.attributes ELSE products.attributes END,
    image_url = coalesce(excluded.image_url, products.image_url),
    metadata = (products.metadata - $9::text[]) || excluded.metadata,
    updated_at = $12::timestamptz
WHERE products.deleted_at IS NULL
"""


def _upsert_product(target: str) -> str:
    return f"""
INSERT INTO products (project_id, id, source_id, name, price, attributes, image_url, metadata,
    created_at)
VALUES ($1, $2, $3, $4, $5, coalesce($6::jsonb, '[]'), $7, $8, $10)
ON CONFLICT (project_id, {target}) DO UPDATE SET {_PRODUCT_SET}
RETURNING {PRODUCT}, {definitions.COLUMN}
"""


UPSERT_PRODUCT_BY_ID = _upsert_product("id")
UPSERT_PRODUCT_BY_SOURCE_ID = _upsert_product("source_id")
_INSERT_PRODUCTS = """
INSERT INTO products (project_id, id, source_id, name, price, attributes, image_url, metadata,
    created_at)
SELECT $1, id, source_id, name, price, coalesce(attributes, '[]'), image_url, metadata, created_at
FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::jsonb[], $7::text[], $8::jsonb[],
    $9::timestamptz[])
    AS given (id, source_id, name, price, attributes, image_url, metadata, created_at)
"""
UPSERT_PRODUCTS = f"""
{_INSERT_PRODUCTS}
ON CONFLICT (project_id, source_id) DO UPDATE SET
    name = coalesce(excluded.name, products.name),
    price = coalesce(excluded.price, products.price),
    attributes = CASE WHEN $12::boolean THEN excluded.attributes ELSE products.attributes END,
    image_url = coalesce(excluded.image_url, products.image_url),
    metadata = (products.metadata - $11::text[]) || excluded.metadata,
    updated_at = $10::timestamptz
WHERE products.deleted_at IS NULL
RETURNING {PRODUCT}
"""
# A file changes nothing but the name of a product that exists.
IMPORT_PRODUCTS = f"""
{_INSERT_PRODUCTS}
ON CONFLICT (project_id, source_id) DO UPDATE SET
    name = excluded.name, updated_at = $10::timestamptz
WHERE products.deleted_at IS NULL
RETURNING {PRODUCT}
"""
_LIVING_PRODUCT = f"SELECT {PRODUCT} FROM products WHERE project_id = $1 AND deleted_at IS NULL"
GET_PRODUCT = f"{_LIVING_PRODUCT} AND id = $2"
# Whoever deletes it waits, or has done so: then there is no row.
HOLD_PRODUCT = f"{GET_PRODUCT} FOR SHARE"
GET_PRODUCT_BY_SOURCE_ID = f"{_LIVING_PRODUCT} AND source_id = $2"
PRODUCTS_NAMED = f"{_LIVING_PRODUCT} AND (id = ANY($2::text[]) OR source_id = ANY($3::text[]))"
BIN_PRODUCT = f"""
UPDATE products SET deleted_at = $3
WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING {PRODUCT}
"""
BIN_SKUS_OF_PRODUCT = f"""
UPDATE skus SET deleted_at = $3
WHERE project_id = $1 AND product_id = $2 AND deleted_at IS NULL RETURNING {SKU}
"""
DELETE_PRODUCT = f"""
DELETE FROM products
WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING {PRODUCT}
"""

_SKU_SET = """
    sku = coalesce(excluded.sku, skus.sku),
    price = coalesce(excluded.price, skus.price),
    currency = coalesce(excluded.currency, skus.currency),
    attributes = skus.attributes || excluded.attributes,
    image_url = coalesce(excluded.image_url, skus.image_url),
    metadata = (skus.metadata - $11::text[]) || excluded.metadata,
    updated_at = $12::timestamptz
WHERE skus.deleted_at IS NULL AND skus.product_id = excluded.product_id
"""


def _upsert_sku(target: str) -> str:
    return f"""
INSERT INTO skus (project_id, id, source_id, product_id, sku, price, currency, attributes,
    image_url, metadata, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, coalesce($13::timestamptz, $12))
ON CONFLICT (project_id, {target}) DO UPDATE SET {_SKU_SET}
RETURNING {SKU}, {definitions.COLUMN}
"""


UPSERT_SKU_BY_ID = _upsert_sku("id")
UPSERT_SKU_BY_SOURCE_ID = _upsert_sku("source_id")
_LIVING_SKU = f"SELECT {SKU} FROM skus WHERE project_id = $1 AND deleted_at IS NULL"
GET_SKU = f"{_LIVING_SKU} AND id = $2"
GET_SKU_BY_SOURCE_ID = f"{_LIVING_SKU} AND source_id = $2"
SKUS_NAMED = f"{_LIVING_SKU} AND (id = ANY($2::text[]) OR source_id = ANY($3::text[]))"
SKUS_OF_PRODUCTS = f"""
{_LIVING_SKU} AND product_id = ANY($2::text[]) ORDER BY created_at DESC, id DESC
"""
BIN_SKU = f"""
UPDATE skus SET deleted_at = $3
WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING {SKU}
"""
DELETE_SKU = """
DELETE FROM skus WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING id
"""
OUT_OF_BIN = """
DELETE FROM bin
WHERE project_id = $1 AND resource_type = 'sku' AND resource_parent_id = $2 RETURNING id
"""
TOTAL = events.whole("products")

_ORDERS = {
    "created_at": "created_at",
    "updated_at": "updated_at",
    "type": "id",
    "code": "id",
    "campaign": "id",
    "category": "id",
}
LISTING = Listing(
    "products",
    PRODUCT,
    filters={
        "start_date": "created_at >= {}",
        "end_date": "created_at <= {}",
    },
    orders=_ORDERS,
    default="created_at",
    only="deleted_at IS NULL",
)
SKUS = Listing(
    "skus",
    SKU,
    filters={
        "product_id": "product_id = {}",
        "start_date": "created_at >= {}",
        "end_date": "created_at <= {}",
    },
    orders=_ORDERS,
    default="created_at",
    only="deleted_at IS NULL",
)


class ProductChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written of a product; None keeps what is there. `attributes` is a JSON array,
    `metadata` JSON to merge in after the keys in `removed` are gone.
    """

    id: str
    source_id: str | None = None
    by_id: bool = False
    name: str | None = None
    price: int | None = None
    attributes: str | None = None
    image_url: str | None = None
    metadata: str = "{}"
    removed: tuple[str, ...] = ()
    created_at: datetime


class SkuChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written of a SKU, as of a product; `attributes` is JSON, merged in."""

    id: str
    product_id: str
    source_id: str | None = None
    by_id: bool = False
    sku: str | None = None
    price: int | None = None
    currency: str | None = None
    attributes: str = "{}"
    image_url: str | None = None
    metadata: str = "{}"
    removed: tuple[str, ...] = ()
    created_at: datetime | None = None


async def find_product(db: Db, project_id: str, id_or_source_id: str) -> Row | None:
    """By id first, then by source id; not from the bin."""
    return await _find(
        db, project_id, id_or_source_id, "prod_", GET_PRODUCT, GET_PRODUCT_BY_SOURCE_ID
    )


async def find_sku(db: Db, project_id: str, id_or_source_id: str) -> Row | None:
    """By id first, then by source id; not from the bin."""
    return await _find(db, project_id, id_or_source_id, "sku_", GET_SKU, GET_SKU_BY_SOURCE_ID)


async def _find(
    db: Db, project_id: str, name: str, prefix: str, by_id: str, by_source_id: str
) -> Row | None:
    if is_id(name, prefix):
        row = await db.fetchrow(by_id, project_id, name)
        if row is not None:
            return row
    return await db.fetchrow(by_source_id, project_id, name)


async def upsert_product(
    db: Db, project_id: str, change: ProductChange, now: datetime
) -> Row | None:
    """The row as it now stands, with the number of the project's definitions; `updated_at` is empty
    where it was created. None where it is in the bin.
    """
    return await db.fetchrow(
        UPSERT_PRODUCT_BY_ID if change.by_id else UPSERT_PRODUCT_BY_SOURCE_ID,
        project_id,
        change.id,
        change.source_id,
        change.name,
        change.price,
        change.attributes,
        change.image_url,
        change.metadata,
        change.removed,
        change.created_at,
        change.attributes is not None,
        now,
    )


async def upsert_products(
    db: Db, project_id: str, changes: Sequence[ProductChange], now: datetime
) -> list[Row]:
    """Several at once by source id, all of them different; they share what they remove, and whether
    they set attributes. Those in the bin are missing from the answer.
    """
    return await db.fetch(
        UPSERT_PRODUCTS,
        project_id,
        *_columns(changes),
        now,
        changes[0].removed,
        changes[0].attributes is not None,
    )


async def import_products(
    db: Db, project_id: str, changes: Sequence[ProductChange], now: datetime
) -> list[Row]:
    """As `upsert_products`, but those that exist get only their names."""
    return await db.fetch(IMPORT_PRODUCTS, project_id, *_columns(changes), now)


def _columns(changes: Sequence[ProductChange]) -> list[list[Any]]:
    return [
        [getattr(change, name) for change in changes]
        for name in (
            *("id", "source_id", "name", "price", "attributes", "image_url", "metadata"),
            "created_at",
        )
    ]


async def upsert_sku(db: Db, project_id: str, change: SkuChange, now: datetime) -> Row | None:
    """As `upsert_product`; None also where the SKU is another product's."""
    return await db.fetchrow(
        UPSERT_SKU_BY_ID if change.by_id else UPSERT_SKU_BY_SOURCE_ID,
        project_id,
        change.id,
        change.source_id,
        change.product_id,
        change.sku,
        change.price,
        change.currency,
        change.attributes,
        change.image_url,
        change.metadata,
        change.removed,
        now,
        change.created_at,
    )
