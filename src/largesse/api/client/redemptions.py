"""/client/v1/redemptions, /client/v1/redeem"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from largesse.actions import redeem, single_redemption
from largesse.actions.checkout_bodies import CheckoutBody, Name
from largesse.actions.redemption_view import Redeemed
from largesse.actions.single import VoucherContextBody
from largesse.actions.single_redemption import SingleRedemption
from largesse.api.v1.single_redemptions import TrackingQuery
from largesse.kit import auth
from largesse.kit.errors import Forbidden
from largesse.kit.routing import Answered, Routes, Together
from largesse.store.context import Context

routes = Routes("Client side", scope="client_redemptions", kind=auth.CLIENT)


def _allow(ctx: Context) -> None:
    if not ctx.project.client_redeem_enabled:
        raise Forbidden("The project does not let clients redeem")


async def _together(asks: Sequence[redeem.Ask]) -> list[Any]:
    for ctx, _ in asks:
        _allow(ctx)
    return await redeem.redeem_all(asks)


@routes.post(
    "/client/v1/redemptions",
    body=CheckoutBody,
    answer=Redeemed,
    together=Together(redeem.joins, _together),
)
async def redeem_stacked_discounts_client_side(
    ctx: Context, body: CheckoutBody
) -> Redeemed | Answered:
    """Redeem redeemables together, from a browser or an app.

    The project has to allow it (`client_redeem_enabled`).
    """
    _allow(ctx)
    return await redeem.redeem(ctx, body)


class RedeemQuery(TrackingQuery, kw_only=True):
    """The voucher, by its code."""

    code: Name


@routes.post(
    "/client/v1/redeem",
    scope="client_redeem",
    body=VoucherContextBody | None,
    query=RedeemQuery,
    answer=SingleRedemption,
    deprecated=True,
)
async def redeem_voucher_client_side(
    ctx: Context, body: VoucherContextBody | None, query: RedeemQuery
) -> SingleRedemption | Answered:
    """Redeem a voucher, from a browser or an app.

    The project has to allow it (`client_redeem_enabled`).
    """
    _allow(ctx)
    context = body or VoucherContextBody()
    return await single_redemption.voucher(ctx, query.code, context, query.tracking_id)
