"""/v1/redemptions"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from largesse.actions import redeem, redemption_view, rollback
from largesse.actions.checkout_bodies import CheckoutBody, Text
from largesse.actions.redemption_view import (
    Redeemed,
    RedemptionsList,
    RedemptionView,
    RolledBack,
)
from largesse.actions.rollback import RollbackBody
from largesse.api.lists import PageNumber, Query
from largesse.kit.errors import NotFound
from largesse.kit.routing import Answered, Routes, Together
from largesse.kit.wire import Moment
from largesse.store import campaigns, customers, redemptions
from largesse.store.context import Context
from largesse.store.listing import Window

routes = Routes("Redemptions", scope="redemptions")


@routes.post(
    "/v1/redemptions",
    body=CheckoutBody,
    answer=Redeemed,
    together=Together(redeem.joins, redeem.redeem_all),
)
async def redeem_stacked_discounts(ctx: Context, body: CheckoutBody) -> Redeemed | Answered:
    """Redeem redeemables together.

    A redemption that is refused is stored as well.
    """
    return await redeem.redeem(ctx, body)


@routes.get("/v1/redemptions/{redemptionId}", answer=RedemptionView)
async def get_redemption(ctx: Context, redemption_id: str) -> RedemptionView:
    """Get a redemption or a rollback, also one that failed."""
    row = await ctx.db.fetchrow(redemptions.GET, ctx.project_id, redemption_id)
    if row is None:
        raise NotFound.of("redemption", redemption_id)
    return (await redemption_view.answers(ctx, [row], related=True))[0]


# --- rolling back -------------------------------------------------------------------------------


class RollbackQuery(msgspec.Struct):
    """What may be said in the query as well as in the body."""

    reason: Text | None = None
    tracking_id: Text | None = None


def _said(body: RollbackBody | None, query: RollbackQuery) -> RollbackBody:
    body = body or RollbackBody()
    reason, tracking_id = body.reason or query.reason, body.tracking_id or query.tracking_id
    return msgspec.structs.replace(body, reason=reason, tracking_id=tracking_id)


@routes.post(
    "/v1/redemptions/{redemptionId}/rollback",
    body=RollbackBody | None,
    query=RollbackQuery,
    answer=RedemptionView,
)
async def rollback_redemption(
    ctx: Context, redemption_id: str, body: RollbackBody | None, query: RollbackQuery
) -> RedemptionView | Answered:
    """Roll back a redemption that stands alone.

    What it took from limits, cards and sums goes back.
    """
    return await rollback.single(ctx, redemption_id, _said(body, query))


@routes.post(
    "/v1/redemptions/{parentRedemptionId}/rollbacks",
    body=RollbackBody | None,
    query=RollbackQuery,
    answer=RolledBack,
)
async def rollback_stacked_redemptions(
    ctx: Context, parent_redemption_id: str, body: RollbackBody | None, query: RollbackQuery
) -> RolledBack | Answered:
    """Roll back redemptions that were made together.

    All of them go back, with the order that they were made for.
    """
    return await rollback.stacked(ctx, parent_redemption_id, _said(body, query))


# --- lists --------------------------------------------------------------------------------------


class RedemptionsQuery(
    Query,
    kw_only=True,
    rename={"created_before": "created_at[before]", "created_after": "created_at[after]"},
):
    """Only those with a result, of a campaign by its name, or of a customer. `result` may be given
    several times.
    """

    page: PageNumber | None = None
    result: str | list[str] | None = None
    campaign: str | None = None
    customer: str | None = None
    created_before: Moment | None = None
    created_after: Moment | None = None
    order: (
        Literal[
            "created_at",
            "-created_at",
            "id",
            "-id",
            "voucher_code",
            "-voucher_code",
            "tracking_id",
            "-tracking_id",
            "customer_id",
            "-customer_id",
        ]
        | None
    ) = None
    filters: dict[str, Any] | None = None


# No id is this, and nothing is found by it.
_NOBODY = ""


@routes.get("/v1/redemptions", query=RedemptionsQuery, answer=RedemptionsList)
async def list_redemptions(ctx: Context, query: RedemptionsQuery) -> RedemptionsList:
    """List redemptions and rollbacks, the newest first unless `order` says otherwise."""
    listing = redemptions.LISTING
    values: dict[str, Any] = {
        "created_before": query.created_before,
        "created_after": query.created_after,
        "filters": listing.read(query.filters, ctx.now),
    }
    if query.result is not None:
        given = [query.result] if isinstance(query.result, str) else query.result
        values["results"] = [result for text in given for result in text.split(",")]
    if query.campaign is not None:
        campaign = await campaigns.find(ctx.db, ctx.project_id, query.campaign)
        values["campaign_id"] = _NOBODY if campaign is None else campaign["id"]
    if query.customer is not None:
        customer = await customers.find(ctx.db, ctx.project_id, query.customer)
        values["customer_id"] = _NOBODY if customer is None else customer["id"]
    window = Window(limit=query.limit, page=query.page, order=query.order or "")
    page = await listing.page(ctx.db, ctx.project_id, values, window)
    return RedemptionsList(
        redemptions=await redemption_view.answers(ctx, page.rows),
        total=await listing.total(
            ctx.db,
            ctx.project_id,
            values,
            whole=redemptions.TOTAL,
            budget_ms=ctx.settings.total_budget_ms,
        ),
    )
