"""/v1/qualifications, and what came before it"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from largesse.actions import examine, qualify
from largesse.actions.checkout_bodies import ContextBody
from largesse.actions.examine import CampaignsExamined, VouchersExamined
from largesse.actions.qualification_bodies import MOST, QualificationBody
from largesse.actions.qualification_view import Qualification
from largesse.kit.routing import Routes
from largesse.store.context import Context

routes = Routes("Qualifications", scope="qualifications")

Most = Annotated[int, Meta(ge=1, le=MOST)]


@routes.post("/v1/qualifications", body=QualificationBody, answer=Qualification, writes=False)
async def check_eligibility(ctx: Context, body: QualificationBody) -> Qualification:
    """List what a customer could use for an order.

    The `scenario` says what is looked at, and how closely. Nothing is written.
    """
    return await qualify.qualify(ctx, body)


class ExaminedVouchersQuery(msgspec.Struct, rename="camel"):
    """With `audienceRulesOnly` rules about the customer are judged alone."""

    audience_rules_only: bool = False
    limit: Most = MOST
    order: Literal["created_at", "-created_at", "updated_at", "-updated_at", "code", "-code"] = (
        "-created_at"
    )


@routes.post(
    "/v1/vouchers/qualification",
    scope="vouchers",
    body=ContextBody,
    query=ExaminedVouchersQuery,
    answer=VouchersExamined,
    writes=False,
    deprecated=True,
)
async def examine_vouchers_qualification(
    ctx: Context, body: ContextBody, query: ExaminedVouchersQuery
) -> VouchersExamined:
    """List the vouchers of no campaign that a customer could use for an order."""
    return await examine.examine_vouchers(
        ctx, body, audience=query.audience_rules_only, limit=query.limit, order=query.order
    )


class ExaminedCampaignsQuery(msgspec.Struct, rename="camel"):
    """With `audienceRulesOnly` rules about the customer are judged alone."""

    audience_rules_only: bool = False
    limit: Most = MOST
    order: Literal[
        "created_at",
        "-created_at",
        "updated_at",
        "-updated_at",
        "type",
        "-type",
        "code",
        "-code",
        "category",
        "-category",
        "campaign",
        "-campaign",
    ] = "-created_at"


@routes.post(
    "/v1/campaigns/qualification",
    scope="campaigns",
    body=ContextBody,
    query=ExaminedCampaignsQuery,
    answer=CampaignsExamined,
    writes=False,
    deprecated=True,
)
async def examine_campaign_qualification(
    ctx: Context, body: ContextBody, query: ExaminedCampaignsQuery
) -> CampaignsExamined:
    """List the campaigns of codes that a customer could use for an order."""
    return await examine.examine_campaigns(
        ctx, body, audience=query.audience_rules_only, limit=query.limit, order=query.order
    )
