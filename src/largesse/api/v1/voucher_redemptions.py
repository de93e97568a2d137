"""/v1/vouchers/{code}/redemption and /v1/vouchers/{code}/sessions"""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from largesse.actions import redemption_view
from largesse.actions import vouchers as actions
from largesse.actions.redemption_view import RedemptionView
from largesse.api.lists import Limit, PageNumber
from largesse.kit.errors import NotFound
from largesse.kit.routing import Routes
from largesse.store import redemptions, sessions
from largesse.store.context import Context
from largesse.store.listing import Window

routes = Routes("Vouchers", scope="vouchers")


class VoucherRedemptionsQuery(msgspec.Struct):
    """Which part of a voucher's redemptions."""

    limit: Limit = 10
    page: PageNumber = 1


class VoucherRedemptions(msgspec.Struct, kw_only=True):
    """How often a voucher may be redeemed and was, with its redemptions and rollbacks."""

    quantity: int | None
    redeemed_quantity: int
    object: str = "list"
    url: str
    data_ref: str = "redemption_entries"
    total: int
    redemption_entries: list[RedemptionView]


@routes.get(
    "/v1/vouchers/{code}/redemption", query=VoucherRedemptionsQuery, answer=VoucherRedemptions
)
async def get_voucher_redemptions(
    ctx: Context, code: str, query: VoucherRedemptionsQuery
) -> VoucherRedemptions:
    """List the redemptions of a voucher, the newest first."""
    row = await actions.get(ctx, code)
    values = {"voucher_id": row["id"]}
    window = Window(limit=query.limit, page=query.page)
    page = await redemptions.LISTING.page(ctx.db, ctx.project_id, values, window)
    path = quote(row["code"], safe="")
    return VoucherRedemptions(
        quantity=row["quantity"],
        redeemed_quantity=row["redeemed_quantity"],
        url=f"/v1/vouchers/{path}/redemptions?page={query.page}&limit={query.limit}",
        total=await ctx.db.fetchval(redemptions.COUNT_OF_VOUCHER, ctx.project_id, row["id"]),
        redemption_entries=await redemption_view.answers(ctx, page.rows),
    )


@routes.delete("/v1/vouchers/{code}/sessions/{sessionKey}")
async def release_validation_session(ctx: Context, code: str, session_key: str) -> None:
    """End a session: what it put aside of the voucher is free."""
    row = await actions.get(ctx, code)
    released = await ctx.db.fetchval(
        sessions.RELEASE, ctx.project_id, row["id"], session_key, ctx.now
    )
    if released is None:
        raise NotFound.of("session", session_key)
