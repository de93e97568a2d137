"""What is done with campaign templates: made of campaigns and promotion tiers, changed, copied to
other projects, and used to make campaigns and tiers.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from largesse.actions import (
    campaigns,
    projects,
    promotions,
    rules,
    template_parts,
    template_resources,
)
from largesse.actions.access_settings import AccessSettingsBody
from largesse.actions.campaign_view import CampaignAnswer
from largesse.actions.promotion_view import TierAnswer
from largesse.actions.template_parts import DISCOUNT_COUPONS, Kept
from largesse.actions.template_resources import Created
from largesse.actions.timeframes import TimeframeBody
from largesse.actions.vouchers import CodeConfigFields
from largesse.actions.worth import RedemptionBody
from largesse.kit import db, wire
from largesse.kit.errors import DuplicateFound, InvalidPayload, NotFound, UnsupportedCampaignType
from largesse.store import templates
from largesse.store.context import Context
from largesse.store.customer_view import Instant
from largesse.store.templates import Template

NOUN = "campaign_template"
Name = Annotated[str, Meta(min_length=1, max_length=255)]
Text = Annotated[str, Meta(min_length=1, max_length=255)]
Note = Annotated[str, Meta(max_length=10_000)]


class TemplateBody(msgspec.Struct, kw_only=True):
    """A template to make, of a campaign or of a promotion tier."""

    name: Name
    description: Note | None = None
    campaign_id: Text | None = None
    promotion_tier_id: Text | None = None


class TemplateChanges(msgspec.Struct, kw_only=True):
    """What to change of a template. A member that is not sent, or is null, stays as it is; an empty
    description takes it away.
    """

    name: Name | None = None
    description: Note | None = None


class CopyBody(TemplateChanges, kw_only=True):
    """Where to copy a template to, with a name and description of its own if they are sent."""

    destination_project_id: Text


class SetupVoucherBody(msgspec.Struct, kw_only=True):
    """How the codes of a campaign look, and how often each may be redeemed."""

    code_config: CodeConfigFields | None = None
    redemption: RedemptionBody | None = None


class CampaignSetupBody(TimeframeBody, kw_only=True):
    """A campaign to make; what is not sent, or null, is as the template has it."""

    name: Name
    description: Note | None = None
    type: Literal["AUTO_UPDATE", "STATIC", "STANDALONE"] | None = None
    join_once: bool | None = None
    auto_join: bool | None = None
    use_voucher_metadata_schema: bool | None = None
    vouchers_count: Annotated[int, Meta(ge=0)] | None = None
    activity_duration_after_publishing: Text | None = None
    category: Text | None = None
    category_id: Text | None = None
    metadata: dict[str, Any] | None = None
    access_settings: AccessSettingsBody | None = None
    voucher: SetupVoucherBody | None = None


class TierSetupBody(TimeframeBody, kw_only=True):
    """A promotion tier to make; what is not sent, or null, is as the template has it."""

    campaign_id: Text
    name: Name
    banner: Note | None = None
    metadata: dict[str, Any] | None = None
    hierarchy: promotions.Hierarchy | None = None
    active: bool | None = None
    category: Text | None = None
    category_id: Text | None = None


class JsonTemplate(msgspec.Struct, kw_only=True):
    """What a template keeps. `validation_rule` is the first of its rules."""

    campaign_type: str
    campaign: dict[str, Any]
    validation_rule: dict[str, Any] | None
    validation_rules: list[dict[str, Any]]
    resources: list[template_resources.Resource]


class TemplateAnswer(msgspec.Struct, kw_only=True):
    """A template as it is answered."""

    id: str
    name: str
    description: str | UnsetType = UNSET
    campaign_type: str
    created_at: Instant
    updated_at: Instant | UnsetType = UNSET
    json_template: JsonTemplate | UnsetType = UNSET
    object: str = NOUN


class CampaignSetup(msgspec.Struct, kw_only=True):
    """A campaign that was made from a template, and what was made for it."""

    created_resources: list[Created]
    campaign: CampaignAnswer
    object: str = "campaign_setup"


class TierSetup(msgspec.Struct, kw_only=True):
    """A promotion tier that was made from a template, and what was made for it."""

    created_resources: list[Created]
    promotion_tier: TierAnswer
    object: str = "promotion_tier_setup"


def answer(row: db.Row, *, whole: bool = False) -> TemplateAnswer:
    """A row as it is answered; `whole` with what it keeps."""
    return TemplateAnswer(
        id=row["id"],
        name=row["name"],
        description=UNSET if row["description"] is None else row["description"],
        campaign_type=row["campaign_type"],
        created_at=wire.stamp(row["created_at"]),
        updated_at=UNSET if row["updated_at"] is None else wire.stamp(row["updated_at"]),
        json_template=_shown(_kept(row)) if whole else UNSET,
    )


def _kept(row: db.Row) -> Kept:
    return msgspec.json.decode(row["template"], type=Kept)


def _shown(kept: Kept) -> JsonTemplate:
    banner = {} if kept.banner is None else {"banner": kept.banner}
    return JsonTemplate(
        campaign_type=kept.campaign_type,
        campaign=kept.campaign | banner,
        validation_rule=kept.validation_rules[0] if kept.validation_rules else None,
        validation_rules=kept.validation_rules,
        resources=kept.resources,
    )


# --- templates ----------------------------------------------------------------------------------


async def get(ctx: Context, template_id: str, *, whole: bool = False) -> TemplateAnswer:
    """A template, `whole` with what it keeps. Raises NotFound."""
    statement = templates.TABLE.GET if whole else templates.GET
    return answer(await _get(ctx, statement, template_id, ctx.project_id), whole=whole)


async def _get(ctx: Context, statement: str, template_id: str, project_id: str) -> db.Row:
    row = await ctx.db.fetchrow(statement, project_id, template_id)
    if row is None:
        raise NotFound.of(NOUN, template_id)
    return row


async def create(ctx: Context, body: TemplateBody) -> TemplateAnswer:
    """Makes a template of a campaign or a tier. Raises InvalidPayload where not one of them is
    named, NotFound, UnsupportedCampaignType, InvalidValidationRules for rules that templates do not
    support, and DuplicateFound for a name that is taken.
    """
    kept = await _taken_from(ctx, body)
    template = Template(
        id=ctx.new_id("camp_tpl_"),
        name=body.name,
        description=body.description or None,
        campaign_type=kept.campaign_type,
        template=wire.encode(kept).decode(),
        created_at=ctx.now,
    )
    return await _insert(ctx, ctx.project_id, template)


async def _taken_from(ctx: Context, body: TemplateBody) -> Kept:
    if body.campaign_id is not None and body.promotion_tier_id is not None:
        raise InvalidPayload("Payload should not have both 'campaign_id' and 'promotion_tier_id'")
    if body.promotion_tier_id is not None:
        row = await promotions.get(ctx, body.promotion_tier_id)
        return await template_parts.of_tier(ctx, row)
    if body.campaign_id is None:
        raise InvalidPayload("Payload should have required property 'campaign_id'")
    row = await campaigns.get(ctx, body.campaign_id)
    if row["campaign_type"] not in template_parts.TYPES:
        raise UnsupportedCampaignType
    return await template_parts.of_campaign(ctx, row)


async def _insert(ctx: Context, project_id: str, template: Template) -> TemplateAnswer:
    row = await ctx.db.fetchrow(templates.INSERT, project_id, *templates.TABLE.arguments(template))
    if row is None:
        raise _duplicate(template.name)
    return answer(row)


def _duplicate(name: str) -> DuplicateFound:
    return DuplicateFound(
        f"Duplicated {NOUN} exists with name {name}", resource_id=name, resource_type=NOUN
    )


async def update(ctx: Context, template_id: str, body: TemplateChanges) -> TemplateAnswer:
    """Changes a template's name or description. Raises NotFound, and DuplicateFound for a name that
    is taken.
    """
    try:
        row = await ctx.db.fetchrow(
            templates.UPDATE, ctx.project_id, template_id, body.name, body.description, ctx.now
        )
    except db.UniqueViolation as error:
        if not db.violates(error, "campaign_templates_name"):
            raise
        raise _duplicate(body.name or "") from None
    if row is None:
        raise NotFound.of(NOUN, template_id)
    return answer(row)


async def delete(ctx: Context, template_id: str) -> None:
    """Deletes a template; what was made from it stays. Raises NotFound."""
    row = await ctx.db.fetchrow(templates.DELETE, ctx.project_id, template_id)
    if row is None:
        raise NotFound.of(NOUN, template_id)


async def copy(ctx: Context, project_id: str, template_id: str, body: CopyBody) -> TemplateAnswer:
    """Copies a template from one project to another. Raises NotFound, and DuplicateFound for a name
    that is taken there.
    """
    await projects.get(ctx, project_id)
    row = await _get(ctx, templates.TABLE.GET, template_id, project_id)
    destination = await projects.get(ctx, body.destination_project_id)
    description = row["description"] if body.description is None else body.description
    template = Template(
        id=ctx.new_id("camp_tpl_"),
        name=body.name or row["name"],
        description=description or None,
        campaign_type=row["campaign_type"],
        template=bytes(row["template"]).decode(),
        created_at=ctx.now,
    )
    return await _insert(ctx, destination.id, template)


# --- using them ---------------------------------------------------------------------------------


async def set_up_campaign(ctx: Context, template_id: str, body: CampaignSetupBody) -> CampaignSetup:
    """Makes a campaign from a template, its rules and what they speak of where that is missing.
    Raises NotFound, and what making these raises.
    """
    kept = _kept(await _get(ctx, templates.HOLD, template_id, ctx.project_id))
    ids, created = await template_resources.restore(ctx, kept.resources)
    campaign = template_parts.campaign_body(kept, body.name, ids)
    _override(campaign, body, besides=("voucher",))
    given = body.voucher or SetupVoucherBody()
    assert campaign.voucher is not None
    if given.code_config is not None and any(_values(given.code_config)):
        campaign.voucher.code_config = given.code_config
    if given.redemption is not None and given.redemption.quantity is not UNSET:
        campaign.voucher.redemption = given.redemption
    campaign.validation_rules = await _rules(ctx, kept, ids, created, of_tier=False)
    made = await campaigns.create(ctx, campaign)
    return CampaignSetup(created_resources=created, campaign=made)


async def set_up_tier(ctx: Context, template_id: str, body: TierSetupBody) -> TierSetup:
    """Adds a promotion tier that is made from a template to a campaign. Raises NotFound,
    UnsupportedCampaignType for a template of gift vouchers, and what making the tier raises.
    """
    kept = _kept(await _get(ctx, templates.HOLD, template_id, ctx.project_id))
    if kept.campaign_type != DISCOUNT_COUPONS:
        raise UnsupportedCampaignType
    # First the lock that everyone takes who adds a tier, and the refusals that cost least.
    held = await promotions.hold_campaign(ctx, body.campaign_id)
    ids, created = await template_resources.restore(ctx, kept.resources)
    tier = template_parts.tier_body(kept, body.name, ids)
    _override(tier, body, besides=("campaign_id",))
    tier.validation_rules = await _rules(ctx, kept, ids, created, of_tier=True)
    made = await promotions.add(ctx, held["id"], tier)
    return TierSetup(created_resources=created, promotion_tier=made)


async def _rules(
    ctx: Context, kept: Kept, ids: dict[str, str], created: list[Created], *, of_tier: bool
) -> list[str]:
    """The ids of rules that are made anew, each named among what was created too."""
    made = []
    for rule in kept.validation_rules:
        body = template_parts.rule_body(rule, ids, of_tier=of_tier)
        made.append((await rules.create(ctx, body)).id)
    created[:0] = [Created(id=id_, object=rules.NOUN) for id_ in made]
    return made


def _override(kept: msgspec.Struct, given: msgspec.Struct, besides: tuple[str, ...]) -> None:
    """Takes over the members that are given."""
    for name in given.__struct_fields__:
        value = getattr(given, name)
        if value is not None and name not in besides:
            setattr(kept, name, value)


def _values(body: msgspec.Struct) -> list[bool]:
    return [getattr(body, name) is not None for name in body.__struct_fields__]
