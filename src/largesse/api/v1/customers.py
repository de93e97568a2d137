"""/v1/customers"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from largesse.actions import bulk, customer_rows, held, segments
from largesse.actions import customers as actions
from largesse.actions.customers import (
    BulkCustomer,
    CustomerBody,
    MetadataBody,
    PermanentDeletion,
    ProfileBody,
)
from largesse.actions.held import Held
from largesse.actions.queue import Accepted, enqueue, enqueue_metadata
from largesse.api.lists import PageNumber, Query, bulk_rows
from largesse.kit.routing import FILE, Routes, Upload
from largesse.kit.wire import Moment
from largesse.store import customers, redeemables
from largesse.store.context import Context
from largesse.store.customer_view import Customer
from largesse.store.listing import Window
from largesse.store.segments import SegmentName

routes = Routes("Customers", scope="customers")

# --- one customer -------------------------------------------------------------------------------


@routes.post("/v1/customers", body=CustomerBody, answer=Customer)
async def create_customer(ctx: Context, body: CustomerBody) -> msgspec.Raw:
    """Create or update a customer.

    With an `id` or a `source_id` that is known the customer is updated; the `id` decides where both
    are sent. Otherwise a customer is created.
    """
    return await actions.upsert(ctx, body)


@routes.get("/v1/customers/{customerId}", answer=Customer)
async def get_customer(ctx: Context, customer_id: str) -> Customer:
    """Get a customer by id or source id."""
    row = await actions.get(ctx, customer_id)
    return await customers.dress_one(ctx.db, ctx.project_id, row)


@routes.put("/v1/customers/{customerId}", body=ProfileBody, answer=Customer)
async def update_customer(ctx: Context, customer_id: str, body: ProfileBody) -> msgspec.Raw:
    """Update a customer that exists.

    What is not sent stays as it is; neither of the two ids can change.
    """
    return await actions.update(ctx, customer_id, body)


@routes.delete("/v1/customers/{customerId}")
async def delete_customer(ctx: Context, customer_id: str) -> None:
    """Delete a customer.

    What happened to them stays in the project's events; permanent deletion removes that too.
    """
    await actions.delete(ctx, customer_id)


@routes.post("/v1/customers/{customerId}/permanent-deletion", answer=PermanentDeletion)
async def delete_customer_permanently(ctx: Context, customer_id: str) -> PermanentDeletion:
    """Forget a customer, living or deleted.

    No personal data stays in customers, events, jobs or reports. The answer counts what went.
    """
    return await actions.permanently_delete(ctx, customer_id)


# --- lists --------------------------------------------------------------------------------------


class CustomersQuery(
    Query,
    kw_only=True,
    rename={
        "created_at_before": "created_at[before]",
        "created_at_after": "created_at[after]",
        "updated_at_before": "updated_at[before]",
        "updated_at_after": "updated_at[after]",
    },
):
    """Filters compare whole values. `starting_after` is the `created_at` of the last customer
    seen.
    """

    page: PageNumber | None = None
    email: str | None = None
    city: str | None = None
    name: str | None = None
    segment_id: str | None = None
    created_at_before: Moment | None = None
    created_at_after: Moment | None = None
    updated_at_before: Moment | None = None
    updated_at_after: Moment | None = None
    starting_after: Moment | None = None
    order: (
        Literal["created_at", "-created_at", "updated_at", "-updated_at", "source_id", "-source_id"]
        | None
    ) = None


class CustomersList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "customers"
    customers: list[Customer]
    total: int
    has_more: bool


@routes.get("/v1/customers", query=CustomersQuery, answer=CustomersList)
async def list_customers(ctx: Context, query: CustomersQuery) -> CustomersList:
    """List customers, the newest first unless `order` says otherwise."""
    values = {name: getattr(query, name) for name in customers.LISTING.filters}
    window = Window(
        limit=query.limit, page=query.page, order=query.order or "", after=query.starting_after
    )
    page = await customers.LISTING.page(ctx.db, ctx.project_id, values, window)
    return CustomersList(
        customers=await customers.dress(ctx.db, ctx.project_id, page.rows),
        total=await customers.LISTING.total(
            ctx.db,
            ctx.project_id,
            values,
            whole=customers.TOTAL,
            budget_ms=ctx.settings.total_budget_ms,
        ),
        has_more=page.has_more,
    )


class CustomerSegmentsList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "data"
    data: list[SegmentName]
    total: int


@routes.get("/v1/customers/{customerId}/segments", answer=CustomerSegmentsList)
async def list_customer_segments(ctx: Context, customer_id: str) -> CustomerSegmentsList:
    """List the segments that a customer is in at this moment.

    Of somebody who is not known, those that they would be in as a new customer.
    """
    found = await segments.of_customer(ctx, customer_id)
    return CustomerSegmentsList(data=found, total=len(found))


class RedeemablesQuery(Query, kw_only=True):
    """`filters` speak of id, created_at, redeemable_id, redeemable_object, holder_role,
    campaign_id, campaign_type and voucher_type.
    """

    starting_after_id: str | None = None
    filters: dict[str, Any] | None = None
    order: Literal["id", "-id"] | None = None


class RedeemablesList(msgspec.Struct, kw_only=True, omit_defaults=True):
    object: str
    data_ref: str
    data: list[Held]
    total: int
    has_more: bool
    more_starting_after: str | None = None


@routes.get(
    "/v1/customers/{customerId}/redeemables", query=RedeemablesQuery, answer=RedeemablesList
)
async def list_customer_redeemables(
    ctx: Context, customer_id: str, query: RedeemablesQuery
) -> RedeemablesList:
    """List the vouchers and cards that a customer holds, the newest first."""
    customer = await actions.get(ctx, customer_id)
    values = {
        "customer_id": customer["id"],
        "filters": redeemables.HOLDERS.read(query.filters, ctx.now),
    }
    window = Window(limit=query.limit, order=query.order or "", after_id=query.starting_after_id)
    page = await redeemables.HOLDERS.page(ctx.db, ctx.project_id, values, window)
    return RedeemablesList(
        object="list",
        data_ref="data",
        data=await held.answers(ctx, page.rows),
        total=await redeemables.HOLDERS.count(ctx.db, ctx.project_id, values),
        has_more=page.has_more,
        more_starting_after=page.rows[-1]["id"] if page.has_more else None,
    )


# --- many customers -----------------------------------------------------------------------------


BulkBody = Annotated[list[msgspec.Raw], Meta(description="Customers, each with its source id.")]


@routes.post(
    "/v1/customers/bulk/async",
    body=BulkBody,
    shows=list[BulkCustomer],
    answer=Accepted,
    status=202,
    bulk=True,
)
async def update_customers_in_bulk(ctx: Context, body: list[msgspec.Raw]) -> Accepted:
    """Create or update many customers by source id.

    The report of the async action tells for each whether it was found and updated; one that cannot
    be stored fails alone.
    """
    return await enqueue(ctx, bulk.CUSTOMERS_BULK_UPDATE, len(body), bulk_rows(body), {})


@routes.post(
    "/v1/customers/metadata/async", body=MetadataBody, answer=Accepted, status=202, bulk=True
)
async def update_customers_metadata_in_bulk(ctx: Context, body: MetadataBody) -> Accepted:
    """Merge the same metadata into many customers, named by source id.

    A customer who does not exist is created.
    """
    return await enqueue_metadata(
        ctx, bulk.CUSTOMERS_METADATA_UPDATE, body.source_ids, body.metadata
    )


@routes.post(
    "/v1/customers/importCSV", body=Upload, consumes=FILE, answer=Accepted, status=202, bulk=True
)
async def import_customers_using_csv(ctx: Context, body: Upload) -> Accepted:
    """Create or update customers from a CSV file.

    The header names the fields (`Source_id` or `Id`, `Name`, `Email`, ...); any other column
    becomes metadata. The columns of the file replace what was there, all else stays.
    """
    file = await asyncio.to_thread(customer_rows.read_csv, body.content)
    parameters = {"columns": file.columns, "metadata": file.keys}
    return await enqueue(ctx, bulk.CUSTOMERS_IMPORT_CSV, file.count, file.rows, parameters)
