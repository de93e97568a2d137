"""/v1/campaigns"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from largesse.actions import (
    access_settings,
    bulk,
    campaign_codes,
    campaign_view,
    voucher_files,
    voucher_rows,
)
from largesse.actions import campaigns as actions
from largesse.actions import exports as export_actions
from largesse.actions.campaign_codes import VouchersBody
from largesse.actions.campaign_view import CampaignAnswer
from largesse.actions.campaigns import CampaignBody, CampaignChanges
from largesse.actions.exports import Export
from largesse.actions.generation import queue_of
from largesse.actions.queue import Accepted, enqueue
from largesse.actions.voucher_view import VoucherAnswer
from largesse.actions.vouchers import ImportedVoucher
from largesse.api.lists import PageNumber, Query
from largesse.api.v1.vouchers import (
    ImportBody,
    TransactionsExportBody,
    TransactionsList,
    TransactionsQuery,
    parameters_of,
    transactions,
)
from largesse.kit.routing import FILE, Answered, Routes, Upload
from largesse.kit.wire import Day
from largesse.store import campaigns
from largesse.store.context import Context
from largesse.store.listing import Window

routes = Routes("Campaigns", scope="campaigns")

# --- one campaign -------------------------------------------------------------------------------


@routes.post("/v1/campaigns", body=CampaignBody, answer=CampaignAnswer)
async def create_campaign(ctx: Context, body: CampaignBody) -> CampaignAnswer:
    """Create a campaign with its promotion tiers or its vouchers.

    More than one voucher is made in the background: until `creation_status` is DONE, the campaign
    cannot be changed.
    """
    return await actions.create(ctx, body)


@routes.get("/v1/campaigns/{campaignId}", answer=CampaignAnswer)
async def get_campaign(ctx: Context, campaign_id: str) -> CampaignAnswer:
    """Get a campaign by its id or name."""
    return await campaign_view.answer(ctx, await actions.get(ctx, campaign_id))


@routes.put("/v1/campaigns/{campaignId}", body=CampaignChanges, answer=CampaignAnswer)
async def update_campaign(ctx: Context, campaign_id: str, body: CampaignChanges) -> CampaignAnswer:
    """Update a campaign.

    Its times, category and discount are handed on to its vouchers that are neither published nor
    redeemed; where they are many, `creation_status` says MODIFYING meanwhile.
    """
    return await actions.update(ctx, campaign_id, body)


class DeleteCampaignQuery(msgspec.Struct):
    """With `force` it is deleted for good; otherwise it goes to the bin, and its name and codes
    stay taken.
    """

    force: bool = False


@routes.delete("/v1/campaigns/{campaignId}", query=DeleteCampaignQuery, answer=Accepted, status=202)
async def delete_campaign(ctx: Context, campaign_id: str, query: DeleteCampaignQuery) -> Accepted:
    """Delete a campaign with its vouchers, or move them to the bin.

    The vouchers follow in the background.
    """
    return await actions.delete(ctx, campaign_id, force=query.force)


class Nothing(msgspec.Struct):
    """An empty answer."""


@routes.post("/v1/campaigns/{campaignId}/enable", answer=Nothing)
async def enable_campaign(ctx: Context, campaign_id: str) -> Nothing:
    """Enable a campaign."""
    await actions.switch(ctx, campaign_id, active=True)
    return Nothing()


@routes.post("/v1/campaigns/{campaignId}/disable", answer=Nothing)
async def disable_campaign(ctx: Context, campaign_id: str) -> Nothing:
    """Disable a campaign: nothing of it can be redeemed until it is enabled again."""
    await actions.switch(ctx, campaign_id, active=False)
    return Nothing()


# --- its vouchers -------------------------------------------------------------------------------


class VouchersCountQuery(msgspec.Struct):
    """How many vouchers to add."""

    vouchers_count: Annotated[int, Meta(ge=1)] = 1


@routes.post(
    "/v1/campaigns/{campaignId}/vouchers",
    body=VouchersBody | None,
    query=VouchersCountQuery,
    answer=VoucherAnswer,
    accepted=Accepted,
)
async def add_vouchers_to_campaign(
    ctx: Context, campaign_id: str, body: VouchersBody | None, query: VouchersCountQuery
) -> VoucherAnswer | Answered:
    """Add vouchers to a campaign.

    One is made at once and answered; more are made in the background, and the answer is 202 with
    an async action.
    """
    given = body or VouchersBody()
    if query.vouchers_count == 1:
        return await campaign_codes.add(ctx, campaign_id, given)
    accepted = await campaign_codes.add_many(ctx, campaign_id, given, query.vouchers_count)
    return Answered(202, accepted)


@routes.post(
    "/v1/campaigns/{campaignId}/vouchers/{code}", body=VouchersBody | None, answer=VoucherAnswer
)
async def add_voucher_with_specific_code_to_campaign(
    ctx: Context, campaign_id: str, code: str, body: VouchersBody | None
) -> VoucherAnswer:
    """Add a voucher with a code to a campaign."""
    given = body or VouchersBody()
    given.code = code
    return await campaign_codes.add(ctx, campaign_id, given)


@routes.post(
    "/v1/campaigns/{campaignId}/import",
    body=ImportBody,
    shows=list[ImportedVoucher],
    answer=Accepted,
    status=202,
    bulk=True,
)
async def import_vouchers_to_campaign(
    ctx: Context, campaign_id: str, body: list[msgspec.Raw]
) -> Accepted:
    """Add many vouchers with their codes to a campaign.

    What they leave out is as the campaign says. Codes that come twice or are taken fail the whole;
    any other fault fails its voucher alone.
    """
    campaign = await campaign_codes.open_for_vouchers(ctx, campaign_id)
    rows = await voucher_rows.check_import(ctx, body)
    return await enqueue(
        ctx,
        bulk.CAMPAIGN_IMPORT,
        len(rows),
        rows,
        {"campaign_id": campaign["id"]},
        queue=queue_of(campaign["id"]),
    )


@routes.post(
    "/v1/campaigns/{campaignId}/importCSV",
    body=Upload,
    consumes=FILE,
    answer=Accepted,
    bulk=True,
)
async def import_vouchers_to_campaign_using_csv(
    ctx: Context, campaign_id: str, body: Upload
) -> Accepted:
    """Add vouchers to a campaign from a CSV file.

    The header names Code, and may name Category, Active, Start Date, Expiration Date, Redeemed
    Quantity, Redeemed Amount, Gift Amount (in major units) and Loyalty Points; any other column
    becomes metadata. Of vouchers that the campaign has, Active and Category are changed.
    """
    campaign = await campaign_codes.open_for_vouchers(ctx, campaign_id)
    file = await asyncio.to_thread(voucher_files.read_csv, body.content, of_campaign=True)
    return await enqueue(
        ctx,
        bulk.CAMPAIGN_IMPORT_CSV,
        file.count,
        file.rows,
        {"campaign_id": campaign["id"]},
        queue=queue_of(campaign["id"]),
    )


# --- lists and sums -----------------------------------------------------------------------------


class CampaignsQuery(Query, kw_only=True):
    page: PageNumber | None = None
    campaign_type: actions.CampaignType | None = None
    campaign_status: Literal["DONE", "IN_PROGRESS", "FAILED", "DRAFT", "MODIFYING"] | None = None
    is_referral_code: bool | None = None
    expand: str | None = None
    order: Literal["created_at", "-created_at", "updated_at", "-updated_at"] | None = None
    filters: dict[str, Any] | None = None
    access_settings: dict[str, Any] | None = None


class CampaignsList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "campaigns"
    campaigns: list[CampaignAnswer]
    total: int


@routes.get("/v1/campaigns", query=CampaignsQuery, answer=CampaignsList)
async def list_campaigns(ctx: Context, query: CampaignsQuery) -> CampaignsList:
    """List campaigns, the newest first unless `order` says otherwise."""
    values: dict[str, Any] = {
        "campaign_type": query.campaign_type,
        "creation_status": query.campaign_status,
        "is_referral_code": query.is_referral_code,
        "filters": campaigns.LISTING.read(query.filters, ctx.now),
    }
    if query.access_settings is not None:
        values["places"] = access_settings.matches(query.access_settings.get("filter"))
    window = Window(limit=query.limit, page=query.page, order=query.order or "")
    page = await campaigns.LISTING.page(ctx.db, ctx.project_id, values, window)
    expanded = query.expand == "access_settings_assignments"
    return CampaignsList(
        campaigns=await campaign_view.answers(ctx, page.rows, access=expanded),
        total=await campaigns.LISTING.count(ctx.db, ctx.project_id, values),
    )


class SummaryQuery(msgspec.Struct):
    """Days of the project's time zone, both included."""

    start_date: Day | None = None
    end_date: Day | None = None


@routes.get("/v1/campaigns/{campaignId}/summary", query=SummaryQuery, answer=dict[str, Any])
async def get_campaign_summary(
    ctx: Context, campaign_id: str, query: SummaryQuery
) -> dict[str, Any]:
    """What happened in a campaign, in all or on some days."""
    row = await actions.get(ctx, campaign_id)
    return await campaign_codes.summary(ctx, row, query.start_date, query.end_date)


@routes.get(
    "/v1/campaigns/{campaignId}/transactions", query=TransactionsQuery, answer=TransactionsList
)
async def list_campaign_transactions(
    ctx: Context, campaign_id: str, query: TransactionsQuery
) -> TransactionsList:
    """List what was put on the cards of a campaign and taken off, the newest first."""
    row = await actions.get(ctx, campaign_id)
    return await transactions(ctx, query, campaign_id=row["id"])


@routes.post(
    "/v1/campaigns/{campaignId}/transactions/export",
    body=TransactionsExportBody | None,
    answer=Export,
    bulk=True,
)
async def export_campaign_transactions(
    ctx: Context, campaign_id: str, body: TransactionsExportBody | None
) -> Export:
    """Export the transactions of a campaign's cards to a CSV file."""
    row = await actions.get(ctx, campaign_id)
    narrowed = {"campaign_id": {"conditions": {"$in": [row["id"]]}}}
    return await export_actions.narrowed(ctx, "voucher_transactions", parameters_of(body), narrowed)
