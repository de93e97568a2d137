"""/v1/validations"""

from __future__ import annotations

from largesse.actions import validate
from largesse.actions.checkout_bodies import CheckoutBody
from largesse.actions.validate import Validation
from largesse.kit.routing import Routes
from largesse.store.context import Context

routes = Routes("Validations", scope="validations")


def puts_aside(body: CheckoutBody) -> bool:
    """Whether a validation writes: one with a session does."""
    return body.session is not None


@routes.post("/v1/validations", body=CheckoutBody, answer=Validation, writes=puts_aside)
async def validate_stacked_discounts(ctx: Context, body: CheckoutBody) -> Validation:
    """Validate redeemables together.

    Nothing is redeemed; with a `session` what applies is put aside for the redemption that follows
    with its key.
    """
    return await validate.validate(ctx, body)
