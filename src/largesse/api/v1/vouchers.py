"""/v1/vouchers"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from largesse.actions import bulk, cards, categories, voucher_files, voucher_rows, voucher_view
from largesse.actions import exports as export_actions
from largesse.actions import vouchers as actions
from largesse.actions.cards import Balance, BalanceBody, TransactionAnswer
from largesse.actions.exports import Export, ParametersBody
from largesse.actions.queue import Accepted, enqueue, enqueue_metadata
from largesse.actions.voucher_rows import BulkVoucher
from largesse.actions.voucher_view import VoucherAnswer
from largesse.actions.vouchers import ImportedVoucher, VoucherBody, VoucherFields
from largesse.api.lists import Limit, PageNumber, Query, bulk_rows
from largesse.kit.errors import NotFound
from largesse.kit.routing import FILE, Routes, Upload
from largesse.kit.wire import Moment
from largesse.store import campaigns, customers, filters, vouchers
from largesse.store.context import Context
from largesse.store.listing import Window

routes = Routes("Vouchers", scope="vouchers")

# --- one voucher --------------------------------------------------------------------------------


@routes.post("/v1/vouchers", body=VoucherBody, answer=VoucherAnswer)
async def generate_random_code(ctx: Context, body: VoucherBody) -> VoucherAnswer:
    """Create a voucher.

    Without a `code` a random one is made, as `code_config` says.
    """
    return await actions.create(ctx, body)


@routes.post("/v1/vouchers/{code}", body=VoucherBody, answer=VoucherAnswer)
async def create_voucher(ctx: Context, code: str, body: VoucherBody) -> VoucherAnswer:
    """Create a voucher with a code."""
    body.code = code
    return await actions.create(ctx, body)


@routes.get("/v1/vouchers/{code}", answer=VoucherAnswer)
async def get_voucher(ctx: Context, code: str) -> VoucherAnswer:
    """Get a voucher by its code or id."""
    return await voucher_view.answer(ctx, await actions.get(ctx, code))


@routes.put("/v1/vouchers/{code}", body=VoucherFields, answer=VoucherAnswer)
async def update_voucher(ctx: Context, code: str, body: VoucherFields) -> VoucherAnswer:
    """Update a voucher.

    What is not sent stays as it is; the type of a discount always does.
    """
    return await actions.update(ctx, code, body)


class DeleteVoucherQuery(msgspec.Struct):
    """With `force` it is gone at once; otherwise it goes to the bin, and its code stays taken."""

    force: bool = False


@routes.delete("/v1/vouchers/{code}", query=DeleteVoucherQuery)
async def delete_voucher(ctx: Context, code: str, query: DeleteVoucherQuery) -> None:
    """Delete a voucher, or move it to the bin."""
    await actions.delete(ctx, code, force=query.force)


@routes.post("/v1/vouchers/{code}/enable", answer=VoucherAnswer)
async def enable_voucher(ctx: Context, code: str) -> VoucherAnswer:
    """Enable a voucher."""
    return await actions.switch(ctx, code, active=True)


@routes.post("/v1/vouchers/{code}/disable", answer=VoucherAnswer)
async def disable_voucher(ctx: Context, code: str) -> VoucherAnswer:
    """Disable a voucher: it cannot be redeemed until it is enabled again."""
    return await actions.switch(ctx, code, active=False)


# --- cards --------------------------------------------------------------------------------------


@routes.post("/v1/vouchers/{code}/balance", body=BalanceBody, answer=Balance)
async def update_voucher_balance(ctx: Context, code: str, body: BalanceBody) -> Balance:
    """Put credits on a gift card, or points on a loyalty card.

    A negative amount takes them off.
    """
    return await cards.change(ctx, code, body)


class TransactionsQuery(msgspec.Struct, kw_only=True):
    """The page after the transaction of an id."""

    limit: Limit = 10
    order: Literal["id", "-id"] | None = None
    starting_after_id: str | None = None
    filters: dict[str, Any] | None = None


class TransactionsList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "data"
    data: list[TransactionAnswer]
    has_more: bool
    more_starting_after: str | UnsetType = UNSET


async def transactions(ctx: Context, query: TransactionsQuery, **owner: str) -> TransactionsList:
    """A page of the transactions of a voucher or a campaign."""
    listing = vouchers.TRANSACTIONS
    filters = listing.read(query.filters, ctx.now)
    window = Window(limit=query.limit, order=query.order or "", after_id=query.starting_after_id)
    page = await listing.page(ctx.db, ctx.project_id, {**owner, "filters": filters}, window)
    return TransactionsList(
        data=[cards.transaction(row) for row in page.rows],
        has_more=page.has_more,
        more_starting_after=page.rows[-1]["id"] if page.has_more else UNSET,
    )


@routes.get("/v1/vouchers/{code}/transactions", query=TransactionsQuery, answer=TransactionsList)
async def list_voucher_transactions(
    ctx: Context, code: str, query: TransactionsQuery
) -> TransactionsList:
    """List what was put on a card and taken off, the newest first."""
    row = await actions.get(ctx, code)
    return await transactions(ctx, query, voucher_id=row["id"])


class TransactionsExportBody(msgspec.Struct, kw_only=True):
    """Which fields, in which order."""

    parameters: ParametersBody | None = None


def parameters_of(body: TransactionsExportBody | None) -> ParametersBody | None:
    return None if body is None else body.parameters


@routes.post(
    "/v1/vouchers/{code}/transactions/export",
    body=TransactionsExportBody | None,
    answer=Export,
    bulk=True,
)
async def export_voucher_transactions(
    ctx: Context, code: str, body: TransactionsExportBody | None
) -> Export:
    """Export the transactions of a card to a CSV file."""
    row = await actions.get(ctx, code)
    narrowed = {"voucher_id": {"conditions": {"$in": [row["id"]]}}}
    return await export_actions.narrowed(ctx, "voucher_transactions", parameters_of(body), narrowed)


# --- lists --------------------------------------------------------------------------------------


class VouchersQuery(Query, kw_only=True):
    """Only those of a campaign, a category, a holder, or with one of several ids."""

    page: PageNumber | None = None
    category: str | None = None
    campaign: str | None = None
    campaign_id: str | None = None
    customer: str | None = None
    code: str | None = None
    ids: str | list[str] | None = None
    created_before: Annotated[Moment | None, Meta()] = msgspec.field(
        default=None, name="created_at[before]"
    )
    created_after: Moment | None = msgspec.field(default=None, name="created_at[after]")
    updated_before: Moment | None = msgspec.field(default=None, name="updated_at[before]")
    updated_after: Moment | None = msgspec.field(default=None, name="updated_at[after]")
    order: (
        Literal["created_at", "-created_at", "updated_at", "-updated_at", "code", "-code"] | None
    ) = None
    filters: dict[str, Any] | None = None


class VouchersList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "vouchers"
    vouchers: list[VoucherAnswer]
    total: int


@routes.get("/v1/vouchers", query=VouchersQuery, answer=VouchersList)
async def list_vouchers(ctx: Context, query: VouchersQuery) -> VouchersList:
    """List vouchers, the newest first unless `order` says otherwise."""
    values = await _values(ctx, query)
    window = Window(limit=query.limit, page=query.page, order=query.order or "")
    page = await vouchers.LISTING.page(ctx.db, ctx.project_id, values, window)
    return VouchersList(
        vouchers=await voucher_view.answers(ctx, page.rows),
        total=await _total(ctx, values),
    )


async def _total(ctx: Context, values: dict[str, Any]) -> int:
    if [name for name, value in values.items() if value is not None] == ["campaign_id"]:
        # The campaign keeps count of them. Many take long to count, and are badly estimated.
        arguments = (ctx.project_id, values["campaign_id"])
        kept: int | None = await ctx.db.fetchval(campaigns.VOUCHERS_COUNT, *arguments)
        return kept or 0
    return await vouchers.LISTING.total(
        ctx.db,
        ctx.project_id,
        values,
        whole=vouchers.TOTAL,
        budget_ms=ctx.settings.total_budget_ms,
    )


# No id is this, and nothing is found by it.
_NOBODY = ""


async def _values(ctx: Context, query: VouchersQuery) -> dict[str, Any]:
    """The filters of a list; what is named and does not exist leaves nothing."""
    values: dict[str, Any] = {
        name: getattr(query, name)
        for name in ("created_before", "created_after", "updated_before", "updated_after")
    }
    values["filters"] = vouchers.LISTING.read(query.filters, ctx.now)
    if query.code is not None:
        values["code_key"] = vouchers.key_of(ctx.project, query.code)
    if query.ids is not None:
        given = [query.ids] if isinstance(query.ids, str) else query.ids
        values["ids"] = [id_ for text in filters.printed(given) for id_ in text.split(",")]
    if (named := query.campaign_id or query.campaign) is not None:
        row = await campaigns.find(ctx.db, ctx.project_id, named)
        values["campaign_id"] = _NOBODY if row is None else row["id"]
    if query.customer is not None:
        row = await customers.find(ctx.db, ctx.project_id, query.customer)
        values["holder_id"] = _NOBODY if row is None else row["id"]
    if query.category is not None:
        try:
            values["category_id"] = await categories.either(ctx, query.category)
        except NotFound:
            values["category_id"] = _NOBODY
    return values


# --- many vouchers ------------------------------------------------------------------------------

ImportBody = Annotated[list[msgspec.Raw], Meta(description="Vouchers, each with its code.")]
BulkBody = Annotated[list[msgspec.Raw], Meta(description="Codes, each with metadata.")]


@routes.post(
    "/v1/vouchers/import",
    body=ImportBody,
    shows=list[ImportedVoucher],
    answer=Accepted,
    status=202,
    bulk=True,
)
async def import_vouchers(ctx: Context, body: list[msgspec.Raw]) -> Accepted:
    """Create many vouchers that belong to no campaign.

    Codes that come twice or are taken fail the whole; any other fault fails its voucher alone.
    """
    rows = await voucher_rows.check_import(ctx, body)
    return await enqueue(ctx, bulk.VOUCHERS_IMPORT, len(rows), rows, {})


@routes.post(
    "/v1/vouchers/importCSV", body=Upload, consumes=FILE, answer=Accepted, status=202, bulk=True
)
async def import_vouchers_using_csv(ctx: Context, body: Upload) -> Accepted:
    """Create discount vouchers and gift cards from a CSV file.

    The header names Code, Voucher Type and Value, and may name Discount Type, Discount Effect,
    Formula, Category, Active, Start Date, Expiration Date, Redemption Limit, Redeemed Quantity,
    Redeemed Amount and Additional Info; any other column becomes metadata. Amounts are in major
    units.
    """
    file = await asyncio.to_thread(voucher_files.read_csv, body.content, of_campaign=False)
    parameters = {"webhooks_enable": body.fields.get("webhooks_enable") == "true"}
    return await enqueue(ctx, bulk.VOUCHERS_IMPORT_CSV, file.count, file.rows, parameters)


@routes.post(
    "/v1/vouchers/bulk/async",
    body=BulkBody,
    shows=list[BulkVoucher],
    answer=Accepted,
    status=202,
    bulk=True,
)
async def update_vouchers_in_bulk(ctx: Context, body: list[msgspec.Raw]) -> Accepted:
    """Merge metadata into many vouchers, into each its own."""
    rows = bulk_rows(body, "code")
    return await enqueue(ctx, bulk.VOUCHERS_BULK_UPDATE, len(body), rows, {})


class CodesMetadataBody(msgspec.Struct):
    """The same metadata for many codes."""

    codes: list[Annotated[str, Meta(min_length=1, max_length=255)]]
    metadata: dict[str, Any]


@routes.post(
    "/v1/vouchers/metadata/async",
    body=CodesMetadataBody,
    answer=Accepted,
    status=202,
    bulk=True,
)
async def update_vouchers_metadata_in_bulk(ctx: Context, body: CodesMetadataBody) -> Accepted:
    """Merge the same metadata into many vouchers, named by code."""
    return await enqueue_metadata(ctx, bulk.VOUCHERS_METADATA_UPDATE, body.codes, body.metadata)
