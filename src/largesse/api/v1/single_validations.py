"""/v1/vouchers/{code}/validate, /v1/promotions/validation, /v1/promotions/tiers/{tierId}/validation

One voucher or one tier at a time, for those who have not moved to /v1/validations.
"""

from __future__ import annotations

from typing import Any

import msgspec

from largesse.actions import single_validation
from largesse.actions.checkout_bodies import ContextBody
from largesse.actions.single import VoucherContextBody
from largesse.actions.single_validation import (
    PromotionsValidation,
    TierValidation,
    VoucherValidation,
)
from largesse.kit.routing import Answered, Routes
from largesse.store.context import Context

routes = Routes("Validations")


def puts_aside(body: ContextBody | None) -> bool:
    """Whether a validation writes: one with a session does."""
    return body is not None and body.session is not None


@routes.post(
    "/v1/vouchers/{code}/validate",
    scope="vouchers",
    body=VoucherContextBody | None,
    answer=VoucherValidation,
    writes=puts_aside,
    deprecated=True,
)
async def validate_voucher(
    ctx: Context, code: str, body: VoucherContextBody | None
) -> VoucherValidation | Answered:
    """Validate a voucher.

    Nothing is redeemed; with a `session` it is put aside for the redemption that follows with its
    key. What the request has to say and does not is an error.
    """
    return await single_validation.voucher(ctx, code, body or VoucherContextBody())


@routes.post(
    "/v1/promotions/tiers/{tierId}/validation",
    scope="promotions",
    body=ContextBody | None,
    answer=TierValidation,
    writes=puts_aside,
    deprecated=True,
)
async def validate_promotion_tier(
    ctx: Context, tier_id: str, body: ContextBody | None
) -> TierValidation:
    """Validate a promotion tier."""
    return await single_validation.tier(ctx, tier_id, body or ContextBody())


class PromotionsQuery(msgspec.Struct, kw_only=True, rename="camel"):
    """With `audienceRulesOnly` no rules count but those about the customer; `filters` speak of
    `promotion_id`, the campaign's, and of tiers' `metadata`.
    """

    audience_rules_only: bool = False
    filters: dict[str, Any] | None = None


@routes.post(
    "/v1/promotions/validation",
    scope="promotions",
    body=ContextBody | None,
    query=PromotionsQuery,
    answer=PromotionsValidation,
    writes=False,
    deprecated=True,
)
async def validate_promotions(
    ctx: Context, body: ContextBody | None, query: PromotionsQuery
) -> PromotionsValidation:
    """Validate all promotion tiers, each alone; answers those that apply.

    The 150 most recent of those that are active are judged.
    """
    return await single_validation.promotions(
        ctx, body or ContextBody(), query.filters, audience_only=query.audience_rules_only
    )
