"""The items of an order: what the shop sends, and what the catalogue knows of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from largesse.actions import metadata, products
from largesse.engine import metadata as metadata_rules
from largesse.engine import orders as rules
from largesse.engine.orders import Item, Sold
from largesse.kit import db
from largesse.kit.errors import DuplicateFound, InvalidPayload
from largesse.kit.ids import is_id
from largesse.store import products as store
from largesse.store.context import Context
from largesse.store.definitions import Definitions

# What ships the order is in no catalogue, but every shop's coupons and orders may name it.
SHIPPING: Mapping[str, Any] = {
    "id": "prod_5h1pp1ng",
    "source_id": "5h1pp1ng",
    "name": "Shipping",
    "price": None,
    "metadata": None,
}

Text = Annotated[str, Meta(max_length=255)]
SourceId = Annotated[str, Meta(min_length=1, max_length=255)]


class SoldBody(msgspec.Struct, kw_only=True):
    """The product or SKU of an item. With `override` it is stored: created by its source id, or its
    name, price and metadata replaced.
    """

    id: Text | None = None
    source_id: SourceId | None = None
    override: bool | None = None
    name: Text | None = None
    sku: Text | None = None
    metadata: dict[str, Any] | None = None
    price: int | None = None


class ItemBody(msgspec.Struct, kw_only=True):
    """A line of an order: a product or SKU that is known by id or source id, or described here."""

    source_id: SourceId | None = None
    related_object: Literal["product", "sku"] | None = None
    product_id: Text | None = None
    sku_id: Text | None = None
    quantity: int | None = None
    discount_quantity: int | None = None
    initial_quantity: int | None = None
    amount: int | None = None
    discount_amount: int | None = None
    initial_amount: int | None = None
    price: int | None = None
    product: SoldBody | None = None
    sku: SoldBody | None = None
    metadata: dict[str, Any] | None = None


def check(items: Sequence[ItemBody], most: int) -> None:
    """Raises InvalidPayload for numbers out of bounds, too many items, and metadata that cannot be
    kept.
    """
    if len(items) > most:
        raise InvalidPayload(f"Property .items should NOT have more than {most} items")
    for place, item in enumerate(items):
        path = f".items[{place}]"
        for part, name in ((item, ""), (item.product, ".product"), (item.sku, ".sku")):
            found = rules.flaw(part, path + name)
            if found is None and part is not None and part.metadata:
                found = metadata_rules.flaw(part.metadata, f"{path}{name}.metadata")
            if found:
                raise InvalidPayload(found)


def stores(body: ItemBody) -> bool:
    """Whether an item wants its product or SKU to be stored."""
    return any(sold is not None and sold.override for sold in (body.product, body.sku))


async def items_of(
    ctx: Context,
    bodies: Sequence[ItemBody],
    known: Definitions,
    *,
    silent: bool,
    override: bool = True,
    catalogue: Catalogue | None = None,
) -> list[Item]:
    """The items as they are stored: with what the catalogue knows, where the body does not say.
    Without `override` nothing is stored of products, whatever the items want; then the catalogue
    can have been read for many orders at once.
    """
    # Copies: an override notes its product's id in them, which a transaction that is run again must
    # not find there.
    bodies = [msgspec.structs.replace(body) for body in bodies]
    stored = [body for body in bodies if override and stores(body)]
    # One order of locks for all who write many.
    for body in sorted(stored, key=lambda body: (_product_names(body), _sku_names(body))):
        await _override(ctx, body, silent=silent)
    for body in bodies:
        metadata.check(known, "order_item", body.metadata, whole=True)
    if catalogue is None or stored:
        catalogue = await catalogue_of(ctx, bodies)
    items = [_item(body, catalogue) for body in bodies]
    for place, item in enumerate(items):
        if found := rules.flaw(rules.priced(item), f".items[{place}]"):
            raise InvalidPayload(found)
    return items


async def _override(ctx: Context, body: ItemBody, *, silent: bool) -> None:
    """Stores the product, and the SKU, of an item that says so. What is in the bin stays there."""
    try:
        async with db.savepoint(ctx.db):
            if body.product and body.product.override:
                await _override_product(ctx, body, body.product, silent=silent)
            if body.sku and body.sku.override:
                await _override_sku(ctx, body, body.sku)
    except DuplicateFound:
        return


async def _override_product(ctx: Context, body: ItemBody, sent: SoldBody, *, silent: bool) -> None:
    id_ = next((name for name in (sent.id, body.product_id) if name and is_id(name, "prod_")), "")
    source_id = sent.source_id or (body.source_id if body.related_object != "sku" else None)
    if not id_ and not source_id:
        return
    change = products.change_of(
        products.ProductFields(name=sent.name, price=sent.price, metadata=sent.metadata),
        ctx.now,
        id_ or ctx.new_id("prod_"),
        source_id,
        by_id=bool(id_),
    )
    row = await products.write(ctx, change, sent.metadata, silent=silent)
    body.product_id = row["id"]


async def _override_sku(ctx: Context, body: ItemBody, sent: SoldBody) -> None:
    id_ = sent.id or body.sku_id or ""
    source_id = sent.source_id or (body.source_id if body.related_object == "sku" else None)
    parent = None
    for name in _parent_names(body):
        parent = parent or await store.find_product(ctx.db, ctx.project_id, name)
    if parent is None or (not id_ and not source_id):
        return
    change = products.sku_change_of(
        products.SkuFields(sku=sent.sku, price=sent.price, metadata=sent.metadata),
        id_ if is_id(id_, "sku_") else ctx.new_id("sku_"),
        parent["id"],
        source_id,
        by_id=bool(id_),
    )
    await products.write_sku(ctx, change, sent.metadata)


def _parent_names(body: ItemBody) -> list[str]:
    """The names by which an item speaks of its SKU's product, the surest first."""
    names = [body.product_id]
    if body.product:
        names += [body.product.id, body.product.source_id]
    return [name for name in names if name]


class Catalogue(msgspec.Struct):
    """What is known of what an order speaks of, each by id and by source id."""

    products: dict[str, db.Row] = {}
    skus: dict[str, db.Row] = {}


async def catalogue_of(ctx: Context, bodies: Iterable[ItemBody]) -> Catalogue:
    """What some items speak of."""
    bodies = list(bodies)
    skus = [name for body in bodies for name in _sku_names(body)]
    found = Catalogue()
    if skus:
        rows = await _named(ctx, store.SKUS_NAMED, skus)
        found.skus = _by_name(rows)
    of_skus = [row["product_id"] for row in found.skus.values()]
    names = [name for body in bodies for name in _product_names(body)] + of_skus
    if names:
        rows = await _named(ctx, store.PRODUCTS_NAMED, names)
        found.products = _by_name([SHIPPING, *rows])
    return found


async def _named(ctx: Context, statement: str, names: Sequence[str]) -> list[db.Row]:
    wanted = sorted(set(names))
    ids = [name for name in wanted if is_id(name, "prod_") or is_id(name, "sku_")]
    return await ctx.db.fetch(statement, ctx.project_id, ids, wanted)


def _by_name(rows: Sequence[db.Row]) -> dict[str, db.Row]:
    by_source_id = {row["source_id"]: row for row in rows if row["source_id"]}
    return by_source_id | {row["id"]: row for row in rows}


def _sku_names(body: ItemBody) -> list[str]:
    """The names by which an item speaks of a SKU, the surest first."""
    names = [body.sku_id]
    if body.sku:
        names += [body.sku.id, body.sku.source_id]
    if body.related_object == "sku":
        names.append(body.source_id)
    return [name for name in names if name]


def _product_names(body: ItemBody) -> list[str]:
    names = _parent_names(body)
    if body.related_object != "sku" and body.source_id:
        names.append(body.source_id)
    return names


def _first(rows: Mapping[str, db.Row], names: Sequence[str]) -> db.Row | None:
    return next((rows[name] for name in names if name in rows), None)


def _item(body: ItemBody, catalogue: Catalogue) -> Item:
    sku = _first(catalogue.skus, _sku_names(body))
    names = _product_names(body) if sku is None else [sku["product_id"]]
    product = _first(catalogue.products, names)
    item = Item()
    for name in (
        *("source_id", "related_object", "quantity", "discount_quantity", "initial_quantity"),
        *("amount", "discount_amount", "initial_amount", "price"),
        *("product_id", "sku_id", "metadata"),
    ):
        value = getattr(body, name)
        if value is not None:
            setattr(item, name, value)
    item.product = _sold(body.product, product, "name")
    item.sku = _sold(body.sku, sku, "sku")
    if product is not None and (body.related_object == "sku" or body.source_id is None):
        item.product_id = product["id"]
    if sku is not None and body.source_id is None:
        item.sku_id = sku["id"]
    return item


async def named(ctx: Context, names: Sequence[str]) -> dict[str, Item]:
    """Products and SKUs by ids or source ids: an item of each that exists, with its price."""
    bodies = {name: ItemBody(product_id=name, sku_id=name) for name in names}
    catalogue = await catalogue_of(ctx, bodies.values())
    found = {}
    for name, body in bodies.items():
        if name in catalogue.skus or name in catalogue.products:
            item = _item(body, catalogue)
            item.product_id = item.product.id if item.product else UNSET
            item.sku_id = item.sku.id if item.sku else UNSET
            found[name] = rules.priced(item)
    return found


def _sold(body: SoldBody | None, row: db.Row | None, name: str) -> Sold | UnsetType:
    """What an order says of a product or SKU, over what the catalogue knows."""
    if body is None and row is None:
        return UNSET
    sold = Sold()
    for member in ("id", "source_id", name, "price", "metadata"):
        sent = getattr(body, member) if body is not None else None
        value = row[member] if sent is None and row is not None else sent
        if isinstance(value, msgspec.Raw):
            value = msgspec.json.decode(value)
        if value is not None:
            setattr(sold, member, value)
    if row is not None:
        sold.id = row["id"]
    return sold
