"""/v1/promotions"""

from __future__ import annotations

from typing import Any, Literal

from largesse.actions import promotion_stacks, promotion_view
from largesse.actions import promotions as actions
from largesse.actions.promotion_stacks import StackBody, StackFields
from largesse.actions.promotion_view import StackAnswer, StacksList, TierAnswer, TiersList
from largesse.actions.promotions import TierBody, TierFields
from largesse.api.lists import PageNumber, Query
from largesse.kit.routing import Routes
from largesse.kit.wire import Moment
from largesse.store import promotions
from largesse.store.context import Context
from largesse.store.listing import Window

routes = Routes("Promotions", scope="promotions")

# --- tiers --------------------------------------------------------------------------------------


class TiersQuery(Query, kw_only=True):
    """With `is_available` only those that are active and within their dates, campaigns included."""

    is_available: bool = False
    page: PageNumber | None = None
    order: Literal["created_at", "-created_at", "updated_at", "-updated_at"] | None = None


@routes.get("/v1/promotions/tiers", query=TiersQuery, answer=TiersList)
async def list_promotion_tiers(ctx: Context, query: TiersQuery) -> TiersList:
    """List promotion tiers, the newest first unless `order` says otherwise."""
    values = {"available_at": ctx.now if query.is_available else None}
    window = Window(limit=query.limit, page=query.page, order=query.order or "")
    page = await promotions.TIERS_LISTING.page(ctx.db, ctx.project_id, values, window)
    return TiersList(
        tiers=await promotion_view.tiers(ctx, page.rows),
        total=await promotions.TIERS_LISTING.count(ctx.db, ctx.project_id, values),
    )


@routes.get("/v1/promotions/{campaignId}/tiers", answer=TiersList)
async def list_promotion_tiers_from_campaign(ctx: Context, campaign_id: str) -> TiersList:
    """List the promotion tiers of a campaign, the newest first."""
    of = await actions.campaign(ctx, campaign_id)
    rows = await ctx.db.fetch(promotions.TIERS_OF_CAMPAIGN, ctx.project_id, of["id"])
    tiers = await promotion_view.tiers(ctx, rows, [of])
    return TiersList(tiers=tiers, total=len(tiers), has_more=False)


@routes.post("/v1/promotions/{campaignId}/tiers", body=TierBody, answer=TierAnswer)
async def add_promotion_tier_to_campaign(
    ctx: Context, campaign_id: str, body: TierBody
) -> TierAnswer:
    """Add a promotion tier to a campaign.

    It ranks after all others, unless it is given a `hierarchy`: then tiers that have this number,
    and those that follow it without a gap, rank one lower.
    """
    return await actions.add(ctx, campaign_id, body)


@routes.get("/v1/promotions/tiers/{promotionTierId}", answer=TierAnswer)
async def get_promotion_tier(ctx: Context, promotion_tier_id: str) -> TierAnswer:
    """Get a promotion tier."""
    row = await actions.get(ctx, promotion_tier_id)
    return (await promotion_view.tiers(ctx, [row]))[0]


@routes.put("/v1/promotions/tiers/{promotionTierId}", body=TierFields, answer=TierAnswer)
async def update_promotion_tier(
    ctx: Context, promotion_tier_id: str, body: TierFields
) -> TierAnswer:
    """Update a promotion tier. What is not sent stays as it is.

    A tier that takes another's `hierarchy` takes its place, and those between move by one.
    """
    return await actions.update(ctx, promotion_tier_id, body)


@routes.delete("/v1/promotions/tiers/{promotionTierId}")
async def delete_promotion_tier(ctx: Context, promotion_tier_id: str) -> None:
    """Delete a promotion tier for good, unless it is in a stack."""
    await actions.delete(ctx, promotion_tier_id)


@routes.post("/v1/promotions/tiers/{promotionTierId}/enable", answer=TierAnswer)
async def enable_promotion_tier(ctx: Context, promotion_tier_id: str) -> TierAnswer:
    """Enable a promotion tier."""
    return await actions.switch(ctx, promotion_tier_id, active=True)


@routes.post("/v1/promotions/tiers/{promotionTierId}/disable", answer=TierAnswer)
async def disable_promotion_tier(ctx: Context, promotion_tier_id: str) -> TierAnswer:
    """Disable a promotion tier."""
    return await actions.switch(ctx, promotion_tier_id, active=False)


# --- stacks -------------------------------------------------------------------------------------


class StacksQuery(
    Query,
    kw_only=True,
    rename={
        "created_at_before": "created_at[before]",
        "created_at_after": "created_at[after]",
        "updated_at_before": "updated_at[before]",
        "updated_at_after": "updated_at[after]",
    },
):
    """Times may be written as `created_at[before]` or `[created_at][before]`; `filters` speak of
    `created_at`, `updated_at`, `name`, `id` and `campaign_id`.
    """

    page: PageNumber | None = None
    created_at_before: Moment | None = None
    created_at_after: Moment | None = None
    updated_at_before: Moment | None = None
    updated_at_after: Moment | None = None
    filters: dict[str, Any] | None = None
    order: (
        Literal["created_at", "-created_at", "updated_at", "-updated_at", "name", "-name"] | None
    ) = None


@routes.get("/v1/promotions/stacks", query=StacksQuery, answer=StacksList)
async def list_all_promotion_stacks(ctx: Context, query: StacksQuery) -> StacksList:
    """List promotion stacks, the newest first unless `order` says otherwise."""
    listing = promotions.STACKS_LISTING
    values = {
        "created_before": query.created_at_before,
        "created_after": query.created_at_after,
        "updated_before": query.updated_at_before,
        "updated_after": query.updated_at_after,
        "filters": listing.read(query.filters, ctx.now),
    }
    window = Window(limit=query.limit, page=query.page, order=query.order or "")
    page = await listing.page(ctx.db, ctx.project_id, values, window)
    return StacksList(
        data=await promotion_view.stacks(ctx, page.rows),
        total=await listing.count(ctx.db, ctx.project_id, values),
    )


@routes.get("/v1/promotions/{campaignId}/stacks", answer=StacksList)
async def list_promotion_stacks_in_campaign(ctx: Context, campaign_id: str) -> StacksList:
    """List the promotion stacks of a campaign, the oldest first."""
    of = await actions.campaign(ctx, campaign_id)
    rows = await ctx.db.fetch(promotions.STACKS_OF_CAMPAIGN, ctx.project_id, of["id"])
    return StacksList(data=await promotion_view.stacks(ctx, rows), total=len(rows))


@routes.post("/v1/promotions/{campaignId}/stacks", body=StackBody, answer=StackAnswer)
async def create_promotion_stack(ctx: Context, campaign_id: str, body: StackBody) -> StackAnswer:
    """Create a promotion stack.

    Up to 30 tiers of the campaign apply in the order in which they are named.
    """
    return await promotion_stacks.create(ctx, campaign_id, body)


@routes.get("/v1/promotions/{campaignId}/stacks/{stackId}", answer=StackAnswer)
async def get_promotion_stack(ctx: Context, campaign_id: str, stack_id: str) -> StackAnswer:
    """Get a promotion stack."""
    row = await promotion_stacks.get(ctx, campaign_id, stack_id)
    return (await promotion_view.stacks(ctx, [row]))[0]


@routes.put("/v1/promotions/{campaignId}/stacks/{stackId}", body=StackFields, answer=StackAnswer)
async def update_promotion_stack(
    ctx: Context, campaign_id: str, stack_id: str, body: StackFields
) -> StackAnswer:
    """Update a promotion stack. What is not sent stays as it is."""
    return await promotion_stacks.update(ctx, campaign_id, stack_id, body)


@routes.delete("/v1/promotions/{campaignId}/stacks/{stackId}")
async def delete_promotion_stack(ctx: Context, campaign_id: str, stack_id: str) -> None:
    """Delete a promotion stack; its tiers stay."""
    await promotion_stacks.delete(ctx, campaign_id, stack_id)
