"""/v1/products and /v1/skus"""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from largesse.actions import bulk, product_rows
from largesse.actions import products as actions
from largesse.actions.customers import MetadataBody
from largesse.actions.products import (
    BulkProduct,
    Product,
    ProductBody,
    ProductFields,
    Sku,
    SkuBody,
    SkuFields,
)
from largesse.actions.queue import Accepted, enqueue, enqueue_metadata
from largesse.api.lists import PageNumber, Query, bulk_rows
from largesse.kit.routing import FILE, Routes, Upload
from largesse.kit.wire import Moment
from largesse.store import products
from largesse.store.context import Context
from largesse.store.listing import Window

routes = Routes("Products", scope="products")

# --- one product --------------------------------------------------------------------------------


@routes.post("/v1/products", body=ProductBody, answer=Product)
async def create_product(ctx: Context, body: ProductBody) -> Product:
    """Create or update a product.

    With an `id` or a `source_id` that is known the product is updated; the `id` decides where both
    are sent.
    """
    return await actions.upsert(ctx, body)


@routes.get("/v1/products/{productId}", answer=Product)
async def get_product(ctx: Context, product_id: str) -> Product:
    """Get a product by id or source id, with its SKUs."""
    return (await actions.dressed(ctx, [await actions.get(ctx, product_id)]))[0]


@routes.put("/v1/products/{productId}", body=ProductFields, answer=Product)
async def update_product(ctx: Context, product_id: str, body: ProductFields) -> Product:
    """Update a product that exists. What is not sent stays as it is."""
    return await actions.update(ctx, product_id, body)


class DeleteQuery(msgspec.Struct):
    """With `force` it is gone at once; otherwise it goes to the bin, and its ids stay taken."""

    force: bool = False


@routes.delete("/v1/products/{productId}", query=DeleteQuery)
async def delete_product(ctx: Context, product_id: str, query: DeleteQuery) -> None:
    """Delete a product and its SKUs, or move them to the bin."""
    await actions.delete(ctx, product_id, force=query.force)


# --- lists --------------------------------------------------------------------------------------

Order = Literal[
    "created_at",
    "-created_at",
    "updated_at",
    "-updated_at",
    "type",
    "-type",
    "code",
    "-code",
    "campaign",
    "-campaign",
    "category",
    "-category",
]


class ProductsQuery(Query, kw_only=True):
    """Only those that were created from `start_date` to `end_date`."""

    page: PageNumber | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    order: Order | None = None


class ProductsList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "products"
    products: list[Product]
    total: int


def _window(query: ProductsQuery) -> Window:
    return Window(limit=query.limit, page=query.page, order=query.order or "")


@routes.get("/v1/products", query=ProductsQuery, answer=ProductsList)
async def list_products(ctx: Context, query: ProductsQuery) -> ProductsList:
    """List products with their SKUs, the oldest first unless `order` says otherwise."""
    values = {"start_date": query.start_date, "end_date": query.end_date}
    page = await products.LISTING.page(ctx.db, ctx.project_id, values, _window(query))
    return ProductsList(
        products=await actions.dressed(ctx, page.rows),
        total=await products.LISTING.total(
            ctx.db,
            ctx.project_id,
            values,
            whole=products.TOTAL,
            budget_ms=ctx.settings.total_budget_ms,
        ),
    )


class SkusList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "skus"
    skus: list[Sku]
    total: int


@routes.get("/v1/products/{productId}/skus", query=ProductsQuery, answer=SkusList)
async def list_skus_in_product(ctx: Context, product_id: str, query: ProductsQuery) -> SkusList:
    """List the SKUs of a product, the oldest first unless `order` says otherwise."""
    product = await actions.get(ctx, product_id)
    values = {
        "product_id": product["id"],
        "start_date": query.start_date,
        "end_date": query.end_date,
    }
    page = await products.SKUS.page(ctx.db, ctx.project_id, values, _window(query))
    total = await products.SKUS.count(ctx.db, ctx.project_id, values)
    return SkusList(skus=[actions.sku(row) for row in page.rows], total=total)


# --- SKUs ---------------------------------------------------------------------------------------


@routes.get("/v1/skus/{skuId}", answer=Sku, scope="skus")
async def get_sku(ctx: Context, sku_id: str) -> Sku:
    """Get a SKU by id or source id."""
    return actions.sku(await actions.get_sku(ctx, sku_id))


@routes.post("/v1/products/{productId}/skus", body=SkuBody, answer=Sku)
async def create_sku(ctx: Context, product_id: str, body: SkuBody) -> Sku:
    """Create or update a SKU of a product."""
    return await actions.upsert_sku(ctx, product_id, body)


@routes.put("/v1/products/{productId}/skus/{skuId}", body=SkuFields, answer=Sku)
async def update_sku(ctx: Context, product_id: str, sku_id: str, body: SkuFields) -> Sku:
    """Update a SKU that exists. What is not sent stays as it is."""
    return await actions.update_sku(ctx, product_id, sku_id, body)


@routes.delete("/v1/products/{productId}/skus/{skuId}", query=DeleteQuery)
async def delete_sku(ctx: Context, product_id: str, sku_id: str, query: DeleteQuery) -> None:
    """Delete a SKU, or move it to the bin."""
    await actions.delete_sku(ctx, product_id, sku_id, force=query.force)


# --- many products ------------------------------------------------------------------------------

BulkBody = Annotated[list[msgspec.Raw], Meta(description="Products, each with its source id.")]


@routes.post(
    "/v1/products/bulk/async",
    body=BulkBody,
    shows=list[BulkProduct],
    answer=Accepted,
    status=202,
    bulk=True,
)
async def update_products_in_bulk(ctx: Context, body: list[msgspec.Raw]) -> Accepted:
    """Create or update many products by source id.

    The report of the async action tells for each whether it was found and updated; one that cannot
    be stored fails alone.
    """
    return await enqueue(ctx, bulk.PRODUCTS_BULK_UPDATE, len(body), bulk_rows(body), {})


@routes.post(
    "/v1/products/metadata/async", body=MetadataBody, answer=Accepted, status=202, bulk=True
)
async def update_products_metadata_in_bulk(ctx: Context, body: MetadataBody) -> Accepted:
    """Merge the same metadata into many products, named by source id.

    A product that does not exist is created.
    """
    return await enqueue_metadata(
        ctx, bulk.PRODUCTS_METADATA_UPDATE, body.source_ids, body.metadata
    )


@routes.post("/v1/products/importCSV", body=Upload, consumes=FILE, answer=Accepted, bulk=True)
async def import_products_using_csv(ctx: Context, body: Upload) -> Accepted:
    """Create products from a CSV file.

    The header names `name` and, if they are known, `source_id`, `price` (in major units),
    `attributes` and `image_url`; any other column becomes metadata. A product that exists gets the
    new name and keeps all else.
    """
    return await _import(
        ctx, bulk.PRODUCTS_IMPORT_CSV, body, product_rows.PRODUCT_COLUMNS, ("name",)
    )


@routes.post("/v1/skus/importCSV", body=Upload, consumes=FILE, answer=Accepted, bulk=True)
async def import_skus_using_csv(ctx: Context, body: Upload) -> Accepted:
    """Create SKUs from a CSV file.

    The header names `source_id` and `product_id` (the product's id or source id); `sku`, `price`,
    `currency`, `image_url` and `attributes` (as JSON) are known too, and any other column becomes
    metadata. A SKU that exists gets the new name and price.
    """
    required = ("source_id", "product_id")
    return await _import(ctx, bulk.SKUS_IMPORT_CSV, body, product_rows.SKU_COLUMNS, required)


async def _import(
    ctx: Context, type_: str, body: Upload, columns: tuple[str, ...], required: tuple[str, ...]
) -> Accepted:
    file = await asyncio.to_thread(product_rows.read_csv, body.content, columns, required)
    # SKUs come after the products that were imported before them.
    return await enqueue(ctx, type_, file.count, file.rows, {}, queue="PRODUCTS")
