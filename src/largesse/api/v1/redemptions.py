"""/v1/redemptions"""

from __future__ import annotations

from largesse.actions import redeem
from largesse.actions.checkout_bodies import CheckoutBody
from largesse.actions.redemption_view import Redeemed
from largesse.kit.routing import Answered, Routes
from largesse.store.context import Context

routes = Routes("Redemptions", scope="redemptions")


@routes.post("/v1/redemptions", body=CheckoutBody, answer=Redeemed)
async def redeem_stacked_discounts(ctx: Context, body: CheckoutBody) -> Redeemed | Answered:
    """Redeem redeemables together.

    A redemption that is refused is stored as well.
    """
    return await redeem.redeem(ctx, body)
