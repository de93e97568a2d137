"""/v1/orders"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from largesse.actions import bulk, exports, order_rows
from largesse.actions import orders as actions
from largesse.actions.exports import Export, ParametersBody
from largesse.actions.orders import Order, OrderBody, OrderFields
from largesse.actions.queue import Accepted, enqueue
from largesse.api.lists import PageNumber, Query
from largesse.kit.errors import InvalidPayload
from largesse.kit.routing import Routes
from largesse.store import orders
from largesse.store.context import Context
from largesse.store.listing import Window

routes = Routes("Orders", scope="orders")


@routes.post("/v1/orders", body=OrderBody, answer=Order)
async def create_order(ctx: Context, body: OrderBody) -> msgspec.Raw:
    """Create or update an order.

    With an `id` or a `source_id` that is known the order is updated; the `id` decides where both
    are sent. The customer is created or updated as the body says, and their summary follows.
    """
    return msgspec.Raw((await actions.upsert(ctx, body)).answer)


@routes.get("/v1/orders/{orderId}", answer=Order)
async def get_order(ctx: Context, order_id: str) -> Order:
    """Get an order by id or source id."""
    return actions.answer(await actions.get(ctx, order_id))


@routes.put("/v1/orders/{orderId}", body=OrderFields, answer=Order)
async def update_order(ctx: Context, order_id: str, body: OrderFields) -> msgspec.Raw:
    """Update an order that exists.

    What is not sent stays as it is; items are replaced as a whole. A status cannot go back.
    """
    return msgspec.Raw((await actions.update(ctx, order_id, body)).answer)


class OrdersQuery(Query, kw_only=True):
    page: PageNumber | None = None
    order: Literal["created_at", "-created_at", "updated_at", "-updated_at"] | None = None


class OrdersList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "orders"
    orders: list[Order]
    total: int


@routes.get("/v1/orders", query=OrdersQuery, answer=OrdersList)
async def list_orders(ctx: Context, query: OrdersQuery) -> OrdersList:
    """List orders, the newest first unless `order` says otherwise."""
    window = Window(limit=query.limit, page=query.page, order=query.order or "")
    page = await orders.LISTING.page(ctx.db, ctx.project_id, {}, window)
    return OrdersList(
        orders=[actions.answer(row) for row in page.rows],
        total=await orders.LISTING.total(
            ctx.db,
            ctx.project_id,
            {},
            whole=orders.TOTAL,
            budget_ms=ctx.settings.total_budget_ms,
        ),
    )


ImportBody = Annotated[list[msgspec.Raw], Meta(description="Orders, as they are created.")]


@routes.post(
    "/v1/orders/import", body=ImportBody, shows=list[OrderBody], answer=Accepted, bulk=True
)
async def import_orders(ctx: Context, body: list[msgspec.Raw]) -> Accepted:
    """Import orders of the past, at most 2,000 a call.

    Imports run one after another. Customers' summaries and segments follow; of the orders and
    products themselves no events are told. `created_at` is the time of the import.
    """
    most = ctx.settings.import_orders
    if len(body) > most:
        raise InvalidPayload(f"Payload should NOT have more than {most} items")
    # All are read before the first is written, so that a mistake in any of them refuses the whole.
    most_items = ctx.settings.order_items
    rows = [order_rows.row_of(place, order, most_items) for place, order in enumerate(body)]
    return await enqueue(ctx, bulk.ORDERS_IMPORT, len(rows), rows, {})


class OrderExportBody(msgspec.Struct, kw_only=True):
    parameters: ParametersBody | None = None


@routes.post("/v1/orders/export", body=OrderExportBody, answer=Export, bulk=True)
async def create_order_export(ctx: Context, body: OrderExportBody) -> Export:
    """Export orders to a CSV file.

    The export's own address tells when the file is there, and where.
    """
    return await exports.create(ctx, "order", body.parameters)
