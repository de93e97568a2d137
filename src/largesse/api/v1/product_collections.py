"""/v1/product-collections"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from largesse.actions import collections as actions
from largesse.actions.collections import CollectionAnswer, CollectionBody, CollectionChanges
from largesse.api.lists import PageNumber, Query
from largesse.api.v1.products import Order
from largesse.kit import wire
from largesse.kit.db import Row
from largesse.kit.routing import Routes
from largesse.kit.wire import Moment
from largesse.store import collections, products
from largesse.store.context import Context
from largesse.store.customer_view import Instant
from largesse.store.listing import Window

routes = Routes("Product collections", scope="product-collections")


class CollectionsQuery(Query, kw_only=True):
    page: PageNumber | None = None
    order: Order | None = None


class CollectionsList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "data"
    data: list[CollectionAnswer]
    total: int


@routes.get("/v1/product-collections", query=CollectionsQuery, answer=CollectionsList)
async def list_product_collections(ctx: Context, query: CollectionsQuery) -> CollectionsList:
    """List product collections, the newest first unless `order` says otherwise."""
    window = Window(limit=query.limit, page=query.page, order=query.order or "")
    page = await collections.LISTING.page(ctx.db, ctx.project_id, {}, window)
    return CollectionsList(
        data=[actions.answer(row) for row in page.rows],
        total=await collections.LISTING.count(ctx.db, ctx.project_id, {}),
    )


@routes.post("/v1/product-collections", body=CollectionBody, answer=CollectionAnswer)
async def create_product_collection(ctx: Context, body: CollectionBody) -> CollectionAnswer:
    """Create a product collection.

    A static one holds the products that are named, and their SKUs; an auto-update one whatever
    fulfils its filter when it is asked.
    """
    return await actions.create(ctx, body)


@routes.get("/v1/product-collections/{productCollectionId}", answer=CollectionAnswer)
async def get_product_collection(ctx: Context, product_collection_id: str) -> CollectionAnswer:
    """Get a product collection."""
    return actions.answer(await actions.get(ctx, product_collection_id))


@routes.put(
    "/v1/product-collections/{productCollectionId}",
    body=CollectionChanges,
    answer=CollectionAnswer,
)
async def update_product_collection(
    ctx: Context, product_collection_id: str, body: CollectionChanges
) -> CollectionAnswer:
    """Rename a product collection, or change the filter of an auto-update one."""
    return await actions.update(ctx, product_collection_id, body)


@routes.delete("/v1/product-collections/{productCollectionId}")
async def delete_product_collection(ctx: Context, product_collection_id: str) -> None:
    """Delete a product collection."""
    await actions.delete(ctx, product_collection_id)


class Parent(msgspec.Struct, kw_only=True):
    """The product of a SKU, by its names alone."""

    id: str
    source_id: str | None
    name: str | None
    price: int | None = None
    attributes: list[str] = []
    metadata: dict[str, Any] = {}
    object: str = "product"


class Member(msgspec.Struct, kw_only=True):
    """A product or, with `sku` and `product_id`, a SKU. A SKU's metadata include its product's."""

    id: str
    source_id: str | None
    product_id: str | UnsetType = UNSET
    name: str | UnsetType | None = UNSET
    sku: str | UnsetType | None = UNSET
    price: int | None
    currency: str | UnsetType | None = UNSET
    attributes: msgspec.Raw
    image_url: str | None
    metadata: dict[str, Any]
    created_at: Instant
    updated_at: Instant | None
    object: str
    product: Parent | UnsetType = UNSET


class MembersQuery(Query, kw_only=True):
    """`starting_after` is the `created_at` of the last one seen."""

    page: PageNumber | None = None
    starting_after: Moment | None = None
    order: Order | None = None


class MembersList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "data"
    data: list[Member]
    total: int


@routes.get(
    "/v1/product-collections/{productCollectionId}/products",
    query=MembersQuery,
    answer=MembersList,
)
async def list_products_in_collection(
    ctx: Context, product_collection_id: str, query: MembersQuery
) -> MembersList:
    """List the products and SKUs that are in a collection now, the newest first."""
    row = await actions.get(ctx, product_collection_id)
    values = await actions.members(ctx, row)
    window = Window(
        limit=query.limit, page=query.page, order=query.order or "", after=query.starting_after
    )
    page = await collections.MEMBERS.page(ctx.db, ctx.project_id, values, window)
    wanted = [row["product_id"] for row in page.rows if row["product_id"]]
    found = await ctx.db.fetch(products.PRODUCTS_NAMED, ctx.project_id, wanted, [])
    parents = {
        row["id"]: Parent(id=row["id"], source_id=row["source_id"], name=row["name"])
        for row in found
    }
    return MembersList(
        data=[_member(row, parents) for row in page.rows],
        total=await collections.MEMBERS.total(
            ctx.db,
            ctx.project_id,
            values,
            whole=products.TOTAL,
            budget_ms=ctx.settings.total_budget_ms,
        ),
    )


def _member(row: Row, parents: dict[str, Parent]) -> Member:
    member = Member(
        id=row["id"],
        source_id=row["source_id"],
        price=row["price"],
        attributes=row["attributes"],
        image_url=row["image_url"],
        metadata=row["metadata"],
        created_at=wire.stamp(row["created_at"]),
        updated_at=None if row["updated_at"] is None else wire.stamp(row["updated_at"]),
        object=row["object"],
    )
    if row["object"] == "product":
        member.name = row["name"]
        return member
    member.product_id, member.sku, member.currency = (
        row["product_id"],
        row["name"],
        row["currency"],
    )
    member.product = parents.get(row["product_id"], UNSET)
    return member
