"""What is done with products and SKUs: upsert, update, delete or move to the bin."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from largesse.actions import metadata
from largesse.kit import db, wire
from largesse.kit.errors import DuplicateFound, InvalidPayload, NotFound
from largesse.kit.ids import is_id
from largesse.store import bin, definitions, events, products
from largesse.store.context import Context
from largesse.store.customer_view import Instant
from largesse.store.events import Event
from largesse.store.products import ProductChange, SkuChange

Text = Annotated[str, Meta(max_length=255)]
Url = Annotated[str, Meta(max_length=2048)]
SourceId = Annotated[str, Meta(min_length=1, max_length=255)]
MOST_PRICE = 10**15


class ProductFields(msgspec.Struct, kw_only=True):
    """What a shop says of a product. A member that is not sent, or is null, stays as it is; a
    metadata key sent as null is removed. `price` is in minor units.
    """

    name: Text | None = None
    price: int | None = None
    attributes: list[Text] | None = None
    metadata: dict[str, Any] | None = None
    image_url: Url | None = None


class ProductBody(ProductFields, kw_only=True):
    """A product to create or update: by `id` where it is sent, else by `source_id`."""

    id: Text | None = None
    source_id: SourceId | None = None


class BulkProduct(ProductFields, kw_only=True):
    """One of many products to create or update, by `source_id`."""

    source_id: SourceId


class SkuFields(msgspec.Struct, kw_only=True):
    """What a shop says of a SKU; its `attributes` are merged."""

    sku: Text | None = None
    price: int | None = None
    currency: Text | None = None
    attributes: dict[str, Any] | None = None
    image_url: Url | None = None
    metadata: dict[str, Any] | None = None


class SkuBody(SkuFields, kw_only=True):
    """A SKU to create or update: by `id` where it is sent, else by `source_id`."""

    id: Text | None = None
    source_id: SourceId | None = None


class Sku(msgspec.Struct, kw_only=True):
    """A variant of a product, as it is answered."""

    id: str
    source_id: str | None
    product_id: str
    sku: str | None
    price: int | None
    currency: str | None
    attributes: dict[str, Any]
    image_url: str | None
    metadata: dict[str, Any]
    created_at: Instant
    updated_at: Instant | None
    object: str = "sku"


class SkusOfProduct(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "data"
    data: list[Sku]
    total: int


class Product(msgspec.Struct, kw_only=True):
    """A product as it is answered."""

    id: str
    source_id: str | None
    name: str | None
    price: int | None
    attributes: list[str]
    metadata: dict[str, Any]
    image_url: str | None
    created_at: Instant
    updated_at: Instant | None
    object: str = "product"
    skus: SkusOfProduct | UnsetType = UNSET


def product(row: db.Row) -> Product:
    """A row as it is answered, without its SKUs."""
    return Product(
        id=row["id"],
        source_id=row["source_id"],
        name=row["name"],
        price=row["price"],
        attributes=row["attributes"],
        metadata=row["metadata"],
        image_url=row["image_url"],
        created_at=wire.stamp(row["created_at"]),
        updated_at=None if row["updated_at"] is None else wire.stamp(row["updated_at"]),
    )


def sku(row: db.Row) -> Sku:
    """A row as it is answered."""
    return Sku(
        id=row["id"],
        source_id=row["source_id"],
        product_id=row["product_id"],
        sku=row["sku"],
        price=row["price"],
        currency=row["currency"],
        attributes=row["attributes"],
        image_url=row["image_url"],
        metadata=row["metadata"],
        created_at=wire.stamp(row["created_at"]),
        updated_at=None if row["updated_at"] is None else wire.stamp(row["updated_at"]),
    )


async def dressed(ctx: Context, rows: list[db.Row]) -> list[Product]:
    """Products with their SKUs, the newest SKU first."""
    found: dict[str, list[Sku]] = {row["id"]: [] for row in rows}
    if rows:
        ids = list(found)
        for row in await ctx.db.fetch(products.SKUS_OF_PRODUCTS, ctx.project_id, ids):
            found[row["product_id"]].append(sku(row))
    answers = []
    for row in rows:
        answer, skus = product(row), found[row["id"]]
        answer.skus = SkusOfProduct(data=skus, total=len(skus))
        answers.append(answer)
    return answers


# --- products -----------------------------------------------------------------------------------


async def get(ctx: Context, id_or_source_id: str) -> db.Row:
    """A product's row. Raises NotFound, also for one in the bin."""
    row = await products.find_product(ctx.db, ctx.project_id, id_or_source_id)
    if row is None:
        raise NotFound.of("product", id_or_source_id)
    return row


def change_of(
    body: ProductFields, now: datetime, id_: str, source_id: str | None, *, by_id: bool
) -> ProductChange:
    """A body as what is to be written. Raises InvalidPayload."""
    _check_price(body.price)
    merged, removed = metadata.patch(body.metadata)
    return ProductChange(
        id=id_,
        source_id=source_id,
        by_id=by_id,
        name=body.name,
        price=body.price,
        attributes=None if body.attributes is None else wire.encode(body.attributes).decode(),
        image_url=body.image_url,
        metadata=merged,
        removed=removed,
        created_at=now,
    )


def _check_price(price: int | None) -> None:
    if price is not None and price < 0:
        raise InvalidPayload("Property .price cannot be lower than 0")
    if price is not None and price > MOST_PRICE:
        raise InvalidPayload(f"Property .price cannot be higher than {MOST_PRICE}")


async def upsert(ctx: Context, body: ProductBody) -> Product:
    """Creates the product, or updates the one with this id or else source id. Raises
    DuplicateFound where what it names is in the bin.
    """
    id_ = body.id if body.id and is_id(body.id, "prod_") else ctx.new_id("prod_")
    change = change_of(body, ctx.now, id_, body.source_id, by_id=bool(body.id))
    return product(await write(ctx, change, body.metadata))


async def write(
    ctx: Context, change: ProductChange, sent: dict[str, Any] | None, *, silent: bool = False
) -> db.Row:
    """Upserts one product and tells of it unless `silent`; `sent` is its metadata as it came."""
    try:
        row = await products.upsert_product(ctx.db, ctx.project_id, change, ctx.now)
    except db.UniqueViolation as error:
        if not db.violates(error, "products_source_id"):
            raise
        row = None
    if row is None:
        raise DuplicateFound.of("product", change.source_id or change.id)
    known = await definitions.numbered(ctx.db, ctx.project_id, row["definitions"])
    created = row["updated_at"] is None
    metadata.check(known, "product", sent, whole=created)
    if silent:
        await ctx.emit([Event(events.PRODUCT_STORED, "{}")] if created else [])
        return row
    data = wire.encode({"product": product(row)}).decode()
    type_ = "product.created" if created else "product.updated"
    await ctx.emit([Event(type_, data, product_id=row["id"])])
    return row


async def update(ctx: Context, id_or_source_id: str, body: ProductFields) -> Product:
    """Updates a product that exists. Raises NotFound."""
    known = await get(ctx, id_or_source_id)
    change = change_of(body, ctx.now, known["id"], None, by_id=True)
    try:
        row = await write(ctx, change, body.metadata)
    except DuplicateFound:
        raise NotFound.of("product", id_or_source_id) from None
    if row["updated_at"] is None:
        # It was deleted in the meantime, and this would bring it back.
        raise NotFound.of("product", id_or_source_id)
    return product(row)


async def delete(ctx: Context, id_or_source_id: str, *, force: bool) -> None:
    """Moves a product and its SKUs to the bin, or deletes them. Raises NotFound."""
    known = await get(ctx, id_or_source_id)
    if force:
        # The product before its SKUs, which go with it: the order in which all others lock them.
        row = await ctx.db.fetchrow(products.DELETE_PRODUCT, ctx.project_id, known["id"])
        await ctx.db.execute(products.OUT_OF_BIN, ctx.project_id, known["id"])
    else:
        row = await ctx.db.fetchrow(products.BIN_PRODUCT, ctx.project_id, known["id"], ctx.now)
    if row is None:
        raise NotFound.of("product", id_or_source_id)
    if not force:
        skus = await ctx.db.fetch(
            products.BIN_SKUS_OF_PRODUCT, ctx.project_id, known["id"], ctx.now
        )
        await _into_bin(ctx, "product", None, [(row["id"], row["name"] or row["source_id"])])
        names = [(found["id"], found["sku"] or found["source_id"]) for found in skus]
        await _into_bin(ctx, "sku", row["id"], names)
    data = wire.encode({"product": product(row)}).decode()
    await ctx.emit([Event("product.deleted", data, product_id=row["id"])])


async def _into_bin(
    ctx: Context, kind: str, parent_id: str | None, rows: list[tuple[str, str | None]]
) -> None:
    entries = [(ctx.new_id("tbe_"), id_, name or id_) for id_, name in rows]
    await bin.enter(ctx.db, ctx.project_id, kind, parent_id, entries, ctx.now)


# --- SKUs ---------------------------------------------------------------------------------------


async def hold(ctx: Context, id_or_source_id: str) -> db.Row:
    """A product's row, held so that it is not deleted meanwhile. Raises NotFound."""
    known = await get(ctx, id_or_source_id)
    row = await ctx.db.fetchrow(products.HOLD_PRODUCT, ctx.project_id, known["id"])
    if row is None:
        raise NotFound.of("product", id_or_source_id)
    return row


async def get_sku(ctx: Context, id_or_source_id: str, product_id: str | None = None) -> db.Row:
    """A SKU's row, of the named product if one is. Raises NotFound, also for one in the bin."""
    row = await products.find_sku(ctx.db, ctx.project_id, id_or_source_id)
    if row is None or product_id not in (None, row["product_id"]):
        raise NotFound.of("sku", id_or_source_id)
    return row


def sku_change_of(
    body: SkuFields, id_: str, product_id: str, source_id: str | None, *, by_id: bool
) -> SkuChange:
    """A body as what is to be written. Raises InvalidPayload."""
    _check_price(body.price)
    merged, removed = metadata.patch(body.metadata)
    attributes, _ = metadata.patch(body.attributes, ".attributes")
    return SkuChange(
        id=id_,
        product_id=product_id,
        source_id=source_id,
        by_id=by_id,
        sku=body.sku,
        price=body.price,
        currency=body.currency,
        attributes=attributes,
        image_url=body.image_url,
        metadata=merged,
        removed=removed,
    )


async def upsert_sku(ctx: Context, product_id: str, body: SkuBody) -> Sku:
    """Creates a SKU of a product, or updates the one with this id or else source id. Raises
    DuplicateFound where it is another product's, or in the bin.
    """
    parent = await hold(ctx, product_id)
    id_ = body.id if body.id and is_id(body.id, "sku_") else ctx.new_id("sku_")
    change = sku_change_of(body, id_, parent["id"], body.source_id, by_id=bool(body.id))
    return sku(await write_sku(ctx, change, body.metadata))


async def write_sku(ctx: Context, change: SkuChange, sent: dict[str, Any] | None) -> db.Row:
    """Upserts one SKU; `sent` is its metadata as it came."""
    try:
        row = await products.upsert_sku(ctx.db, ctx.project_id, change, ctx.now)
    except db.UniqueViolation as error:
        if not db.violates(error, "skus_source_id"):
            raise
        row = None
    if row is None:
        raise DuplicateFound.of("sku", change.source_id or change.id)
    known = await definitions.numbered(ctx.db, ctx.project_id, row["definitions"])
    metadata.check(known, "product", sent, whole=False)
    return row


async def update_sku(ctx: Context, product_id: str, sku_id: str, body: SkuFields) -> Sku:
    """Updates a SKU that exists. Raises NotFound."""
    parent = await hold(ctx, product_id)
    known = await get_sku(ctx, sku_id, parent["id"])
    change = sku_change_of(body, known["id"], parent["id"], None, by_id=True)
    try:
        row = await write_sku(ctx, change, body.metadata)
    except DuplicateFound:
        raise NotFound.of("sku", sku_id) from None
    if row["updated_at"] is None:
        raise NotFound.of("sku", sku_id)
    return sku(row)


async def delete_sku(ctx: Context, product_id: str, sku_id: str, *, force: bool) -> None:
    """Moves a SKU to the bin, or deletes it. Raises NotFound."""
    parent = await get(ctx, product_id)
    known = await get_sku(ctx, sku_id, parent["id"])
    if force:
        if await ctx.db.fetchrow(products.DELETE_SKU, ctx.project_id, known["id"]) is None:
            raise NotFound.of("sku", sku_id)
        return
    row = await ctx.db.fetchrow(products.BIN_SKU, ctx.project_id, known["id"], ctx.now)
    if row is None:
        raise NotFound.of("sku", sku_id)
    await _into_bin(ctx, "sku", parent["id"], [(row["id"], row["sku"] or row["source_id"])])
