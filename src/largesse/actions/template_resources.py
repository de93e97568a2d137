"""What the rules and discounts of a campaign template speak of: kept with the template, and made
anew where it is used and they are not there.

Products, SKUs and locations that are there are used as they are now, known by their id or else by
their source id or name. Segments and collections are used where they say the same as when they
were kept, and otherwise made anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from largesse.actions import collections, products, segments
from largesse.actions.collections import CollectionBody
from largesse.actions.products import ProductBody, SkuBody
from largesse.actions.segments import SegmentBody
from largesse.engine import collections as collection_rules
from largesse.engine import segments as segment_rules
from largesse.kit import db, wire
from largesse.kit.errors import InvalidPayload, InvalidValidationRules
from largesse.kit.ids import is_id
from largesse.store import collections as collections_store
from largesse.store import definitions, locations, templates
from largesse.store import products as products_store
from largesse.store import segments as segments_store
from largesse.store.context import Context

PRODUCT, SKU, COLLECTION = "product", "sku", "products_collection"
SEGMENT, LOCATION = "segments", "location"
PREFIXES = ("prod_", "sku_", "pc_", "seg_")
LOCATED = ("$in_location", "$not_in_location")
METADATA = ("metadata", "system_metadata")
# Of one template, the SKUs of its products counted in.
MOST = 1000

_PRODUCT = ("source_id", "name", "price", "attributes", "metadata", "image_url")
_SKU = (
    "source_id",
    "product_id",
    "sku",
    "price",
    "currency",
    "attributes",
    "image_url",
    "metadata",
)
_COLLECTION = ("name", "type", "filter", "products")


class Resource(msgspec.Struct, kw_only=True):
    """An object as it was when a template was made, with what it is made anew from."""

    object: str
    id: str
    definition: dict[str, Any]


class Created(msgspec.Struct, kw_only=True):
    """An object that was made from a template."""

    id: str
    object: str


def named(value: Any) -> set[str]:
    """The ids of products, SKUs, collections and segments in JSON, wherever they stand."""
    if isinstance(value, str):
        return {value} if any(is_id(value, prefix) for prefix in PREFIXES) else set()
    inner = value.values() if isinstance(value, Mapping) else value
    if not isinstance(value, (Mapping, list)):
        return set()
    return set().union(*map(named, inner))


def renamed(value: Any, ids: Mapping[str, str], *, kept: bool = False) -> Any:
    """JSON with other ids in the place of those that it has. What is `kept` has none: metadata, and
    what is asked of it, but for where it should lie.
    """
    if isinstance(value, str):
        return value if kept else ids.get(value, value)
    if isinstance(value, list):
        return [renamed(each, ids, kept=kept) for each in value]
    if not isinstance(value, Mapping):
        return value
    of_metadata = bool(value.get("property"))
    return {
        key: renamed(
            each,
            ids,
            kept=key not in LOCATED
            and (kept or key.startswith(METADATA) or (of_metadata and key == "conditions")),
        )
        for key, each in value.items()
    }


# --- keeping ------------------------------------------------------------------------------------


async def keep(ctx: Context, ids: Iterable[str]) -> list[Resource]:
    """What the ids stand for, each after what it speaks of; an id of nothing is left out. Raises
    InvalidValidationRules for a static segment, and InvalidPayload for too many.
    """
    keeper = _Keeper(ctx)
    await keeper.add(sorted(ids))
    found = keeper.found()
    if len(found) > MOST:
        raise InvalidPayload(f"A campaign template can keep at most {MOST} products and the like")
    return found


class _Keeper:
    """Collects objects by id, kind by kind."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.places: set[str] = set()
        self.kept: dict[str, dict[str, Resource]] = {
            kind: {} for kind in (PRODUCT, SKU, LOCATION, SEGMENT, COLLECTION)
        }

    def found(self) -> list[Resource]:
        return [each for kind in self.kept.values() for each in kind.values()]

    def _put(self, kind: str, row: db.Row, members: Sequence[str]) -> None:
        definition = {name: row[name] for name in members if row[name] is not None}
        copy = msgspec.json.decode(wire.encode(definition))
        self.kept[kind][row["id"]] = Resource(object=kind, id=row["id"], definition=copy)

    async def add(self, ids: Sequence[str]) -> None:
        sold = {id_ for id_ in ids if id_.startswith(("prod_", "sku_"))}
        for id_ in ids:
            if id_.startswith("seg_"):
                await self._segment(id_, set())
            elif id_.startswith("pc_"):
                sold |= await self._collection(id_)
        await self._sold(sold)
        table = locations.TABLE
        for id_ in sorted(self.places):
            row = await self.ctx.db.fetchrow(table.GET, self.ctx.project_id, id_)
            if row is not None:
                self._put(LOCATION, row, ("name", "shape"))

    async def _segment(self, id_: str, above: set[str]) -> None:
        if id_ in self.kept[SEGMENT] or id_ in above:
            return
        row = await self.ctx.db.fetchrow(segments_store.GET, self.ctx.project_id, id_)
        if row is None:
            return
        if row["type"] == segment_rules.STATIC:
            raise InvalidValidationRules(
                f"Segment {id_} is static, which campaign templates do not support"
            )
        conditions = segment_rules.read(msgspec.json.decode(row["filter"]))
        for inner in segment_rules.segments_named(conditions):
            await self._segment(inner, {*above, id_})
        self.places |= set(conditions.named("$in_location"))
        self._put(SEGMENT, row, ("name", "type", "filter"))

    async def _collection(self, id_: str) -> set[str]:
        """The products and SKUs that were picked for it."""
        table = collections_store.TABLE
        row = await self.ctx.db.fetchrow(table.GET, self.ctx.project_id, id_)
        if row is None:
            return set()
        self._put(COLLECTION, row, _COLLECTION)
        if row["type"] == collection_rules.STATIC:
            return set(collections_store.picked(msgspec.json.decode(row["products"])))
        conditions = collections.read(msgspec.json.decode(row["filter"]))
        self.places |= set(conditions.named("$in_location"))
        return set()

    async def _sold(self, ids: set[str]) -> None:
        """Products with all their SKUs, and SKUs with their products."""
        whole = [id_ for id_ in ids if id_.startswith("prod_")]
        project_id, fetch = self.ctx.project_id, self.ctx.db.fetch
        skus = await fetch(products_store.SKUS_OF_PRODUCTS, project_id, whole)
        skus += await fetch(products_store.SKUS_NAMED, project_id, list(ids), [])
        parents = {*whole, *(row["product_id"] for row in skus)}
        rows = await fetch(products_store.PRODUCTS_NAMED, project_id, list(parents), [])
        for row in sorted(rows, key=lambda row: row["created_at"]):
            self._put(PRODUCT, row, _PRODUCT)
        for row in sorted(skus, key=lambda row: row["created_at"]):
            self._put(SKU, row, _SKU)


# --- making anew --------------------------------------------------------------------------------


async def restore(
    ctx: Context, resources: Sequence[Resource]
) -> tuple[dict[str, str], list[Created]]:
    """Makes what is not there; the ids that took the place of others, and what was made. Raises
    what making it raises: DuplicateFound for a product in the bin, MetadataInvalid for one that the
    project's schema does not allow.
    """
    maker = _Maker(ctx)
    by_kind: dict[str, list[Resource]] = {}
    for resource in resources:
        by_kind.setdefault(resource.object, []).append(resource)
    await maker.sold(PRODUCT, products_store.PRODUCTS_NAMED, by_kind.get(PRODUCT, []))
    await maker.sold(SKU, products_store.SKUS_NAMED, by_kind.get(SKU, []))
    for resource in by_kind.get(LOCATION, []):
        await maker.location(resource)
    for resource in by_kind.get(SEGMENT, []):
        await maker.segment(resource)
    for resource in by_kind.get(COLLECTION, []):
        await maker.collection(resource)
    return maker.ids, maker.created


class _Maker:
    """Makes what is not there; `ids` are those that took the place of others."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.ids: dict[str, str] = {}
        self.created: list[Created] = []

    def _made(self, resource: Resource, id_: str) -> None:
        self.created.append(Created(id=id_, object=resource.object))
        self._is(resource, id_)

    def _is(self, resource: Resource, id_: str) -> None:
        if id_ != resource.id:
            self.ids[resource.id] = id_

    async def sold(self, kind: str, statement: str, resources: Sequence[Resource]) -> None:
        """Products, or SKUs of products that are there by now."""
        if not resources:
            return
        ids = [resource.id for resource in resources]
        sources = [each.definition.get("source_id") for each in resources]
        known = await self.ctx.db.fetch(
            statement, self.ctx.project_id, ids, [each for each in sources if each]
        )
        by_id = {row["id"] for row in known}
        by_source = {row["source_id"]: row["id"] for row in known if row["source_id"]}
        for resource, source_id in zip(resources, sources, strict=True):
            if resource.id in by_id:
                continue
            if source_id in by_source:
                self._is(resource, by_source[source_id])
            elif kind == PRODUCT:
                body = msgspec.convert({"id": resource.id, **resource.definition}, ProductBody)
                self._made(resource, (await products.upsert(self.ctx, body)).id)
            else:
                sku = msgspec.convert({"id": resource.id, **resource.definition}, SkuBody)
                parent = renamed(resource.definition["product_id"], self.ids)
                self._made(resource, (await products.upsert_sku(self.ctx, parent, sku)).id)

    async def location(self, resource: Resource) -> None:
        """A location; one of the name is taken for it, whatever its shape."""
        ctx, name = self.ctx, resource.definition["name"]
        known = await locations.shapes(ctx.db, ctx.project_id, [resource.id])
        if known:
            return
        found = await ctx.db.fetchval(templates.LOCATION_CALLED, ctx.project_id, name)
        if found is not None:
            self._is(resource, found)
            return
        shape, made = wire.encode(resource.definition["shape"]).decode(), ctx.new_id("loc_")
        await locations.save(ctx.db, ctx.project_id, [(made, name, shape)], ctx.now)
        await definitions.bump(ctx.db, ctx.project_id)
        self._made(resource, made)

    async def segment(self, resource: Resource) -> None:
        """A segment with a filter; those that the filter speaks of are there."""
        ctx = self.ctx
        wanted = renamed(resource.definition, self.ids)
        rows = await ctx.db.fetch(templates.SEGMENTS_CALLED, ctx.project_id, wanted["name"])
        own = await ctx.db.fetchrow(segments_store.GET, ctx.project_id, resource.id)
        for row in [own, *rows] if own is not None else rows:
            if row["filter"] is not None and _same(row, wanted, "filter"):
                self._is(resource, row["id"])
                return
        made = await segments.create(ctx, msgspec.convert(wanted, SegmentBody))
        self._made(resource, made.id)

    async def collection(self, resource: Resource) -> None:
        """A collection; the products that were picked for it are there."""
        ctx = self.ctx
        wanted = renamed(resource.definition, self.ids)
        rows = await ctx.db.fetch(
            templates.COLLECTIONS_CALLED, ctx.project_id, wanted["name"], wanted["type"]
        )
        own = await ctx.db.fetchrow(collections_store.TABLE.GET, ctx.project_id, resource.id)
        for row in [own, *rows] if own is not None else rows:
            if _same(row, wanted, "filter") and _same(row, wanted, "products"):
                self._is(resource, row["id"])
                return
        made = await collections.create(ctx, msgspec.convert(wanted, CollectionBody))
        self._made(resource, made.id)


def _same(row: db.Row, wanted: Mapping[str, Any], member: str) -> bool:
    text = row[member]
    return bool((None if text is None else msgspec.json.decode(text)) == wanted.get(member))
