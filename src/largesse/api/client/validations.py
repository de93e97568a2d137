"""/client/v1/validations, /client/v1/validate"""

from __future__ import annotations

from largesse.actions import queried, single_validation, validate
from largesse.actions.checkout_bodies import CheckoutBody
from largesse.actions.queried import CheckoutQuery
from largesse.actions.single_validation import VoucherValidation
from largesse.actions.validate import Validation
from largesse.api.v1.validations import puts_aside
from largesse.kit import auth
from largesse.kit.routing import Answered, Routes
from largesse.store.context import Context

routes = Routes("Client side", scope="client_validations", kind=auth.CLIENT)


@routes.post("/client/v1/validations", body=CheckoutBody, answer=Validation, writes=puts_aside)
async def validate_stacked_discounts_client_side(ctx: Context, body: CheckoutBody) -> Validation:
    """Validate redeemables together, from a browser or an app."""
    if body.options is not None:
        # It tells what is stored of a customer, and a page may name whomever it likes.
        body.options.explain = None
    return await validate.validate(ctx, body)


@routes.get(
    "/client/v1/validate",
    scope="client_validate",
    query=CheckoutQuery,
    answer=VoucherValidation,
    writes=queried.puts_aside,
    deprecated=True,
)
async def validate_voucher_client_side(
    ctx: Context, query: CheckoutQuery
) -> VoucherValidation | Answered:
    """Validate a voucher, from a browser or an app.

    Of a gift card as many credits are taken as are due. What the request has to say and does not is
    an error.
    """
    context = await queried.context_of(ctx, query)
    return await single_validation.voucher(ctx, query.code, context)
