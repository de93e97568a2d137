"""/v1/templates/campaigns"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from largesse.actions import templates as actions
from largesse.actions.templates import (
    CampaignSetup,
    CampaignSetupBody,
    TemplateAnswer,
    TemplateBody,
    TemplateChanges,
    TierSetup,
    TierSetupBody,
)
from largesse.api.lists import Query
from largesse.kit.routing import Routes
from largesse.store import templates
from largesse.store.context import Context
from largesse.store.listing import Window

routes = Routes("Templates", scope="templates")


class TemplatesQuery(Query, kw_only=True):
    """`order` goes by creation; `starting_after_id` is the last template seen. `filters` speak of
    `id`, `name` and `campaign_type`. With `include_total` all templates are counted, whatever the
    filters.
    """

    order: Literal["id", "-id"] | None = None
    starting_after_id: str | None = None
    include_total: bool = False
    filters: dict[str, Any] | None = None


class TemplatesList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "data"
    data: list[TemplateAnswer]
    total: int | UnsetType = UNSET
    has_more: bool
    more_starting_after: str | UnsetType = UNSET


async def listed(ctx: Context, project_id: str, query: TemplatesQuery) -> TemplatesList:
    listing = templates.LISTING
    values = {"filters": listing.read(query.filters, ctx.now)}
    window = Window(limit=query.limit, order=query.order or "", after_id=query.starting_after_id)
    page = await listing.page(ctx.db, project_id, values, window)
    total: int | UnsetType = UNSET
    if query.include_total:
        total = await listing.count(ctx.db, project_id, {})
    return TemplatesList(
        data=[actions.answer(row) for row in page.rows],
        total=total,
        has_more=page.has_more,
        more_starting_after=page.rows[-1]["id"] if page.has_more else UNSET,
    )


@routes.get("/v1/templates/campaigns", query=TemplatesQuery, answer=TemplatesList)
async def list_campaign_templates(ctx: Context, query: TemplatesQuery) -> TemplatesList:
    """List campaign templates, the oldest first unless `order` says otherwise."""
    return await listed(ctx, ctx.project_id, query)


@routes.post("/v1/templates/campaigns", body=TemplateBody, answer=TemplateAnswer)
async def create_campaign_template(ctx: Context, body: TemplateBody) -> TemplateAnswer:
    """Create a template of a discount or gift campaign, or of a promotion tier.

    It keeps how the campaign is set up, but for its name, category and vouchers. Rules come along,
    and the products, collections, segments and locations that they speak of; rules that name API
    keys, users, loyalty tiers or static segments cannot.
    """
    return await actions.create(ctx, body)


class TemplateQuery(msgspec.Struct):
    """With `expand=json_template` the answer tells what the template keeps."""

    expand: Literal["json_template"] | None = None


@routes.get(
    "/v1/templates/campaigns/{campaignTemplateId}", query=TemplateQuery, answer=TemplateAnswer
)
async def get_campaign_template(
    ctx: Context, campaign_template_id: str, query: TemplateQuery
) -> TemplateAnswer:
    """Get a campaign template."""
    return await actions.get(ctx, campaign_template_id, whole=query.expand is not None)


@routes.put(
    "/v1/templates/campaigns/{campaignTemplateId}", body=TemplateChanges, answer=TemplateAnswer
)
async def update_campaign_template(
    ctx: Context, campaign_template_id: str, body: TemplateChanges
) -> TemplateAnswer:
    """Update the name or description of a campaign template."""
    return await actions.update(ctx, campaign_template_id, body)


@routes.delete("/v1/templates/campaigns/{campaignTemplateId}")
async def delete_campaign_template(ctx: Context, campaign_template_id: str) -> None:
    """Delete a campaign template for good; what was made from it stays."""
    await actions.delete(ctx, campaign_template_id)


@routes.post(
    "/v1/templates/campaigns/{campaignTemplateId}/campaign-setup",
    body=CampaignSetupBody,
    answer=CampaignSetup,
)
async def create_campaign_from_template(
    ctx: Context, campaign_template_id: str, body: CampaignSetupBody
) -> CampaignSetup:
    """Create a campaign from a campaign template.

    What is sent replaces what the template has. Its rules are always made anew; what they speak of
    is made anew where it is no longer there, or a segment or collection has changed.
    """
    return await actions.set_up_campaign(ctx, campaign_template_id, body)


@routes.post(
    "/v1/templates/campaigns/{campaignTemplateId}/tier-setup",
    body=TierSetupBody,
    answer=TierSetup,
)
async def add_tier_from_template(
    ctx: Context, campaign_template_id: str, body: TierSetupBody
) -> TierSetup:
    """Add a promotion tier made from a discount template to a promotion campaign.

    What is sent replaces what the template has. Its rules are always made anew.
    """
    return await actions.set_up_tier(ctx, campaign_template_id, body)
