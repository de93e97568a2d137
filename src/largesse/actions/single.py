"""One voucher or promotion tier for itself, as it was validated and redeemed before several could
be: the bodies, and what all of these operations answer alike.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from largesse.actions import buyers, checkout_bodies, checkout_view
from largesse.actions.checkout import Request
from largesse.actions.checkout_bodies import (
    CheckoutBody,
    ContextBody,
    CreditsBody,
    RedeemableBody,
    RewardBody,
)
from largesse.actions.checkout_view import RefusalView
from largesse.engine.redemption import Step
from largesse.engine.refusals import MESSAGES, Refusal
from largesse.kit.errors import NotFound
from largesse.kit.routing import Answered
from largesse.store.context import Context


class VoucherContextBody(ContextBody, kw_only=True):
    """Who buys what with a voucher: the credits to take from a gift card, or the reward for the
    points of a loyalty card.
    """

    gift: CreditsBody | None = None
    reward: RewardBody | None = None


def checkout_of(
    object_: Literal["voucher", "promotion_tier"], name: str, body: ContextBody
) -> CheckoutBody:
    """A body of the operations on several for one redeemable. Raises InvalidPayload for a number of
    credits that no card can hold.
    """
    asked = RedeemableBody(object=object_, id=name)
    if isinstance(body, VoucherContextBody):
        checkout_bodies.check_credits(body.gift, ".gift")
        asked.gift, asked.reward = body.gift, body.reward
    context = {field: getattr(body, field) for field in ContextBody.__struct_fields__}
    return CheckoutBody(redeemables=[asked], **context)


def track(body: ContextBody, tracking_id: str | None) -> None:
    """Puts the `tracking_id` of a query into the body, unless that has one."""
    body.tracking_id = body.tracking_id or tracking_id


def tracking_id(request: Request) -> str:
    """What the buyer of a request is called; a stranger gets a name to come back with. Raises
    AmbiguousTrackingId.
    """
    known = buyers.tracking_id(request.ctx, request.body, request.customer)
    return known or buyers.stranger(request.ctx)


# --- refusals -----------------------------------------------------------------------------------


def refusal_of(step: Step) -> Refusal | None:
    """Why a redeemable cannot be redeemed; None where it can. Raises NotFound for a redeemable or a
    reward that is not there.
    """
    if step.skipped is not None:
        return Refusal(key=step.skipped, details=step.asked.name)
    refusal = step.refusal
    if refusal is not None and refusal.code == NotFound.code:
        raise NotFound.of(refusal.resource_type or "", refusal.resource_id or "")
    return refusal


def lacks(refusal: Refusal) -> bool:
    """Whether a refusal is of what the request does not say, and not of what it says."""
    return refusal.key.startswith("missing_")


def told(ctx: Context, refusal: Refusal) -> RefusalView:
    """A refusal beside `valid: false`, which names the redeemable itself."""
    view = checkout_view.refusal(refusal, ctx.request_id)
    view.resource_id = view.resource_type = None
    return view


def failed(view: RefusalView) -> Answered:
    """A refusal as an error of its own: what a marketer wrote stands in `error` alone."""
    return Answered(view.code, msgspec.structs.replace(view, message=MESSAGES[view.key]))
