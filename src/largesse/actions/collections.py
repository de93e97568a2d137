"""What is done with product collections."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from largesse.actions.segments import clock_of
from largesse.engine import collections as rules
from largesse.engine.conditions import Conditions, FilterError
from largesse.engine.lines import Line
from largesse.kit import db, wire
from largesse.kit.errors import InvalidPayload, NotFound, ResourceInUse
from largesse.store import collections, definitions, locations
from largesse.store import rules as validation_rules
from largesse.store.collections import Collection
from largesse.store.context import Context
from largesse.store.customer_view import Instant

Name = Annotated[str, Meta(min_length=1, max_length=255)]


class Picked(msgspec.Struct, omit_defaults=True):
    """A product or SKU of a static collection."""

    id: str
    product_id: str | None = None
    object: Literal["product", "sku"] | UnsetType = UNSET


class CollectionBody(msgspec.Struct, kw_only=True):
    """A collection to create: `products` for a static one, `filter` for one that keeps itself up to
    date.
    """

    type: Literal["STATIC", "AUTO_UPDATE"]
    name: Name
    products: list[Picked] | None = None
    filter: dict[str, Any] | None = None


class CollectionChanges(msgspec.Struct, kw_only=True):
    """A new name, or a new filter where there is one; what a static one holds never changes."""

    name: Name | None = None
    filter: dict[str, Any] | None = None


class CollectionAnswer(msgspec.Struct, kw_only=True):
    """A product collection as it is answered."""

    id: str
    name: str
    type: str
    filter: msgspec.Raw | UnsetType = UNSET
    products: msgspec.Raw | UnsetType = UNSET
    created_at: Instant
    updated_at: Instant | UnsetType = UNSET
    object: str = "products_collection"


def answer(row: db.Row) -> CollectionAnswer:
    """A row as it is answered."""
    return CollectionAnswer(
        id=row["id"],
        name=row["name"],
        type=row["type"],
        filter=UNSET if row["filter"] is None else row["filter"],
        products=UNSET if row["products"] is None else row["products"],
        created_at=wire.stamp(row["created_at"]),
        updated_at=UNSET if row["updated_at"] is None else wire.stamp(row["updated_at"]),
    )


async def get(ctx: Context, collection_id: str) -> db.Row:
    """A collection's row. Raises NotFound."""
    row = await ctx.db.fetchrow(collections.TABLE.GET, ctx.project_id, collection_id)
    if row is None:
        raise NotFound.of("products_collection", collection_id)
    return row


async def create(ctx: Context, body: CollectionBody) -> CollectionAnswer:
    """Makes a collection. Raises InvalidPayload, and NotFound for an unknown product."""
    # The lock of all definitions: two at once cannot both be the last that is allowed.
    await definitions.bump(ctx.db, ctx.project_id)
    if await ctx.db.fetchval(collections.COUNT, ctx.project_id) >= ctx.settings.collections:
        limit = ctx.settings.collections
        raise InvalidPayload(f"A project can have at most {limit} product collections")
    collection = Collection(
        id=ctx.new_id("pc_"), name=body.name, type=body.type, created_at=ctx.now
    )
    if body.type == rules.STATIC:
        collection.products = await _products(ctx, body.products)
    else:
        collection.filter = _filter(body.filter)
    await ctx.db.execute(
        collections.TABLE.INSERT, ctx.project_id, *collections.TABLE.arguments(collection)
    )
    return answer(await get(ctx, collection.id))


async def _products(ctx: Context, picked: list[Picked] | None) -> str:
    if picked is None:
        raise InvalidPayload("Payload should have required property 'products'")
    if len(picked) > ctx.settings.collection_products:
        limit = ctx.settings.collection_products
        raise InvalidPayload(f"A static collection can have at most {limit} products")
    ids = [product.id for product in picked]
    kinds = dict(await ctx.db.fetch(collections.KINDS_OF, ctx.project_id, ids))
    for product in picked:
        found = kinds.get(product.id)
        if found is None or (product.object is not UNSET and product.object != found):
            raise NotFound.of(product.object or "product", product.id)
        product.object = found
    return wire.encode(picked).decode()


def _filter(given: dict[str, Any] | None) -> str:
    conditions = read(given)
    if not conditions.groups:
        raise InvalidPayload("'AUTO_UPDATE' collection must contain valid filter with conditions")
    return wire.encode(rules.spelt(given or {}, conditions)).decode()


def read(given: dict[str, Any] | None) -> Conditions:
    """A collection's filter. Raises InvalidPayload."""
    try:
        return rules.read(given or {})
    except FilterError as error:
        raise InvalidPayload(str(error)) from None


async def update(ctx: Context, collection_id: str, body: CollectionChanges) -> CollectionAnswer:
    """Renames a collection, and changes the filter of one that has one. Raises NotFound."""
    known = await get(ctx, collection_id)
    if known["type"] == rules.STATIC and body.filter is not None:
        raise InvalidPayload("'STATIC' collection cannot have a filter")
    row = await ctx.db.fetchrow(
        collections.UPDATE,
        ctx.project_id,
        collection_id,
        body.name,
        None if body.filter is None else _filter(body.filter),
        ctx.now,
    )
    if row is None:
        raise NotFound.of("products_collection", collection_id)
    return answer(row)


async def delete(ctx: Context, collection_id: str) -> None:
    """Deletes a collection; its products stay. Raises NotFound, and ResourceInUse where a rule
    speaks of it.
    """
    users = await validation_rules.users(ctx.db, ctx.project_id, collection_id)
    if users:
        raise ResourceInUse.of("products_collection", collection_id, "validation_rules", users)
    if await ctx.db.fetchval(collections.DELETE, ctx.project_id, collection_id) is None:
        raise NotFound.of("products_collection", collection_id)


async def of_lines(
    ctx: Context, collection_ids: Iterable[str], lines: Iterable[Line]
) -> dict[str, set[str]]:
    """Which of some collections the products and SKUs of an order belong to, by their ids."""
    wanted = sorted(set(collection_ids))
    names = {line.product_id for line in lines} | {line.sku_id for line in lines}
    sold = sorted(name for name in names if name)
    found: dict[str, set[str]] = {}
    if not wanted or not sold:
        return found
    for row in await ctx.db.fetch(collections.NAMED, ctx.project_id, wanted):
        narrowed = await members(ctx, row)
        if "picked" in narrowed:
            chosen = set(narrowed["picked"])
        else:
            statement, arguments = collections.matching(narrowed["filter"], sold)
            rows = await ctx.db.fetch(statement, ctx.project_id, *arguments)
            chosen = {found_["id"] for found_ in rows}
        for name in chosen.intersection(sold):
            found.setdefault(name, set()).add(row["id"])
    return found


async def members(ctx: Context, row: db.Row) -> dict[str, Any]:
    """What narrows the list of all products and SKUs to those of a collection."""
    if row["type"] == rules.STATIC:
        return {"picked": collections.picked(msgspec.json.decode(row["products"]))}
    conditions = read(msgspec.json.decode(row["filter"]))
    places = conditions.named("$in_location")
    shapes = await locations.shapes(ctx.db, ctx.project_id, places) if places else {}
    return {"filter": collections.Criterion(conditions, clock_of(ctx), shapes)}
