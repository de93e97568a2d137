"""What is done with a campaign: create, update, switch, delete or move to the bin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from largesse.actions import (
    access_settings,
    campaign_view,
    categories,
    generation,
    metadata,
    promotions,
    rules,
    timeframes,
)
from largesse.actions.access_settings import AccessSettingsBody
from largesse.actions.campaign_view import PROMOTION, CampaignAnswer
from largesse.actions.promotions import TierBody
from largesse.actions.queue import Accepted
from largesse.actions.timeframes import TimeframeBody
from largesse.actions.vouchers import TYPES, CodeConfigFields, check_quiet, config_body, config_of
from largesse.actions.worth import (
    DISCOUNT_VOUCHER,
    GIFT_VOUCHER,
    GiftBody,
    LoyaltyCardBody,
    RedemptionBody,
    VoucherType,
    discount_of,
    quantity_of,
    worth,
)
from largesse.engine import codes
from largesse.kit import db, wire
from largesse.kit.errors import (
    DuplicateFound,
    InvalidCampaign,
    InvalidCodeConfig,
    InvalidPayload,
    NotFound,
    ResourceProtected,
)
from largesse.store import bin, campaigns, definitions
from largesse.store.campaigns import Campaign
from largesse.store.context import Context
from largesse.store.events import Event

Text = Annotated[str, Meta(max_length=255)]
Name = Annotated[str, Meta(min_length=1, max_length=255)]
Note = Annotated[str, Meta(max_length=10_000)]
CampaignType = Literal[
    "DISCOUNT_COUPONS", "GIFT_VOUCHERS", "LOYALTY_PROGRAM", "PROMOTION", "REFERRAL_PROGRAM"
]
STANDALONE = "STANDALONE"


class DefinitionBody(msgspec.Struct, kw_only=True):
    """What the vouchers of a campaign are made from."""

    type: VoucherType | None = None
    discount: dict[str, Any] | None = None
    gift: GiftBody | None = None
    loyalty_card: LoyaltyCardBody | None = None
    redemption: RedemptionBody | None = None
    code_config: CodeConfigFields | None = None


class PromotionBody(msgspec.Struct):
    tiers: list[TierBody] | None = None


class CampaignFields(TimeframeBody, kw_only=True):
    """What a shop says of a campaign. A member that is not sent, or is null, stays as it is."""

    description: Note | None = None
    join_once: bool | None = None
    auto_join: bool | None = None
    activity_duration_after_publishing: Text | None = None
    category: Text | None = None
    category_id: Text | None = None
    metadata: dict[str, Any] | None = None
    access_settings: AccessSettingsBody | None = None
    referral_program: dict[str, Any] | None = None
    loyalty_tiers_expiration: dict[str, Any] | None = None


class CampaignBody(CampaignFields, kw_only=True):
    """A campaign to create, with so many vouchers."""

    name: Name
    campaign_type: CampaignType
    type: Literal["AUTO_UPDATE", "STATIC", "STANDALONE"] | None = None
    use_voucher_metadata_schema: bool | None = None
    vouchers_count: Annotated[int, Meta(ge=0)] | None = None
    validation_rules: list[str] | None = None
    voucher: DefinitionBody | None = None
    promotion: PromotionBody | None = None


class CampaignChanges(CampaignFields, kw_only=True):
    """What to change of a campaign. Of its discount the type stays, of its gift the amount."""

    type: Literal["AUTO_UPDATE", "STATIC"] | None = None
    unset_metadata_fields: list[str] | None = None
    discount: dict[str, Any] | None = None
    gift: GiftBody | None = None


# --- finding ------------------------------------------------------------------------------------


async def get(ctx: Context, id_or_name: str) -> db.Row:
    """A campaign's row. Raises NotFound, also for one in the bin."""
    row = await campaigns.find(ctx.db, ctx.project_id, id_or_name)
    if row is None:
        raise NotFound.of("campaign", id_or_name)
    return row


async def hold(ctx: Context, id_or_name: str) -> db.Row:
    """A campaign's row, held until the end of the transaction. Raises NotFound."""
    known = await get(ctx, id_or_name)
    row = await ctx.db.fetchrow(campaigns.HOLD, ctx.project_id, known["id"])
    if row is None:
        raise NotFound.of("campaign", id_or_name)
    return row


async def hold_quiet(ctx: Context, id_or_name: str) -> db.Row:
    """As `hold`; raises InvalidCampaign while its vouchers are written, ResourceProtected."""
    row = await hold(ctx, id_or_name)
    check_quiet(row)
    if row["protected"]:
        raise ResourceProtected.of("campaign", row["id"])
    return row


# --- creating -----------------------------------------------------------------------------------


async def create(ctx: Context, body: CampaignBody) -> CampaignAnswer:
    """Creates a campaign with its tiers and its vouchers: one voucher at once, many in the
    background. Raises DuplicateFound for a name that is taken, InvalidCampaign, InvalidCodeConfig,
    NotFound, and what its members raise.
    """
    definition = _definition(ctx, body)
    count = _count(ctx, body, definition)
    loyalty = body.campaign_type == "LOYALTY_PROGRAM"
    merged, _ = metadata.patch(body.metadata)
    campaign = Campaign(
        id=ctx.new_id("camp_"),
        name=body.name,
        description=body.description,
        campaign_type=body.campaign_type,
        type=body.type or "AUTO_UPDATE",
        join_once=loyalty or bool(body.join_once),
        auto_join=loyalty and bool(body.auto_join),
        use_voucher_metadata_schema=bool(body.use_voucher_metadata_schema),
        **timeframes.columns(body, after_publishing=body.activity_duration_after_publishing),
        activity_duration_after_publishing=body.activity_duration_after_publishing,
        voucher=None if definition is None else wire.encode(definition).decode(),
        referral_program=_json(body.referral_program),
        loyalty_tiers_expiration=_json(body.loyalty_tiers_expiration),
        access_settings=access_settings.changed(ctx, body.access_settings, None),
        category_id=await categories.named(ctx, body.category, body.category_id),
        metadata=merged,
        creation_status=campaigns.IN_PROGRESS if count > 1 else campaigns.DONE,
        created_at=ctx.now,
    )
    row = await ctx.db.fetchrow(
        campaigns.INSERT, ctx.project_id, *campaigns.TABLE.arguments(campaign)
    )
    if row is None:
        raise _taken(body.name)
    known = await definitions.current(ctx.db, ctx.project_id)
    noun = "voucher" if campaign.use_voucher_metadata_schema else "campaign"
    metadata.check(known, noun, body.metadata, whole=True)
    await rules.assign(ctx, "campaign", campaign.id, body.validation_rules or [])
    if body.promotion is not None and body.promotion.tiers:
        await promotions.create_tiers(ctx, row, body.promotion.tiers)
    if count == 1:
        await generation.add_one(ctx, row)
        row = await hold(ctx, campaign.id)
    elif count:
        await generation.begin(ctx, row, count, founding=True)
    return await _announce(ctx, "created", row)


def _taken(name: str) -> DuplicateFound:
    return DuplicateFound(
        f"Duplicated campaign exists with name {name}",
        resource_id=name,
        resource_type="campaign",
    )


def _definition(ctx: Context, body: CampaignBody) -> dict[str, Any] | None:
    """What the vouchers are made from, as it is kept; None of promotions, which have none."""
    if body.campaign_type == PROMOTION:
        if body.voucher is not None:
            raise InvalidCampaign("Property 'voucher' is not allowed for PROMOTION campaign")
        return None
    if body.promotion is not None:
        raise InvalidCampaign(
            f"Property 'promotion' is not allowed for {body.campaign_type} campaign"
        )
    given, type_ = body.voucher or DefinitionBody(), TYPES[body.campaign_type]
    referral = body.campaign_type == "REFERRAL_PROGRAM"
    if given.type is not None and given.type != type_:
        # The reference's referral programs have gift cards too.
        if not (referral and given.type == GIFT_VOUCHER):
            raise InvalidCampaign(f"A {body.campaign_type} campaign cannot have a {given.type}")
        type_ = given.type
    what = worth(
        type_,
        given.discount,
        given.gift,
        given.loyalty_card,
        InvalidCampaign,
        f"{body.campaign_type} campaign",
    )
    definition: dict[str, Any] = {"type": type_}
    if type_ == DISCOUNT_VOUCHER:
        assert what.discount is not None
        definition["discount"] = msgspec.Raw(what.discount.encode())
    elif type_ == GIFT_VOUCHER:
        definition["gift"] = {"amount": what.amount, "effect": what.effect}
    else:
        definition["loyalty_card"] = {"points": what.amount}
        if given.loyalty_card is not None and given.loyalty_card.expiration_rules is not None:
            definition["loyalty_card"]["expiration_rules"] = given.loyalty_card.expiration_rules
    definition["redemption"] = {"quantity": quantity_of(given.redemption, None)}
    definition["code_config"] = config_of(ctx, config_body(given.code_config))
    definition["is_referral_code"] = referral
    return definition


def _count(ctx: Context, body: CampaignBody, definition: dict[str, Any] | None) -> int:
    """How many vouchers to make. Raises InvalidCampaign, and InvalidCodeConfig where the pattern
    has not as many codes.
    """
    if definition is None:
        return 0
    count = body.vouchers_count
    if body.type == STANDALONE:
        if count not in (None, 0, 1):
            raise InvalidCampaign("A STANDALONE campaign has one voucher")
        count = 1
    check_count(ctx, count or 0, definition["code_config"])
    return count or 0


def check_count(ctx: Context, count: int, config: codes.CodeConfig) -> None:
    """Raises InvalidCampaign for more vouchers than one call may make, and InvalidCodeConfig where
    the config has not as many codes.
    """
    most = ctx.settings.campaign_codes
    if count > most:
        raise InvalidCampaign(f"Property .vouchers_count should be <= {most}")
    folded = not ctx.project.case_sensitive_codes
    if not codes.enough(config, count, folded=folded):
        raise InvalidCodeConfig(
            f"The pattern has {codes.capacity(config, folded=folded)} codes, and {count} are asked "
            "for"
        )


def _json(value: Any) -> str | None:
    return None if value is None else wire.encode(value).decode()


async def _announce(ctx: Context, happened: str, row: db.Row) -> CampaignAnswer:
    answer = await campaign_view.answer(ctx, row)
    data = wire.encode({"campaign": answer}).decode()
    await ctx.emit(
        [
            Event(
                f"campaign.{happened}",
                data,
                campaign_id=row["id"],
                campaign_type=row["campaign_type"],
            )
        ]
    )
    return answer


# --- changing -----------------------------------------------------------------------------------


async def update(ctx: Context, id_or_name: str, body: CampaignChanges) -> CampaignAnswer:
    """Updates a campaign, and those of its vouchers that nobody has or used: at once where they are
    few, else in the background. Raises NotFound, InvalidCampaign and what its members raise.
    """
    row = await hold_quiet(ctx, id_or_name)
    kept = body.activity_duration_after_publishing or row["activity_duration_after_publishing"]
    merged, removed = metadata.patch(body.metadata)
    removed = (*removed, *(body.unset_metadata_fields or ()))
    if any("\x00" in key for key in removed):
        raise InvalidPayload("Strings cannot contain the null character")
    values: dict[str, Any] = {
        "description": row["description"] if body.description is None else body.description,
        "type": body.type or row["type"],
        "join_once": row["join_once"] if body.join_once is None else body.join_once,
        "auto_join": row["auto_join"] if body.auto_join is None else body.auto_join,
        **timeframes.columns(body, row, kept),
        "activity_duration_after_publishing": kept,
        "voucher": _definition_after(body, row),
        "referral_program": _merged(row["referral_program"], body.referral_program),
        "loyalty_tiers_expiration": _merged(
            row["loyalty_tiers_expiration"], body.loyalty_tiers_expiration
        ),
        "access_settings": access_settings.changed(ctx, body.access_settings, row),
        "category_id": await categories.named(ctx, body.category, body.category_id)
        or row["category_id"],
        "creation_status": row["creation_status"],
    }
    if row["type"] == STANDALONE:
        values["type"] = STANDALONE
    if row["campaign_type"] == "LOYALTY_PROGRAM":
        values["join_once"] = True
    else:
        values["auto_join"] = False
    written = await campaigns.CHANGES.write(
        ctx.db, ctx.project_id, row["id"], values, (merged, removed), ctx.now
    )
    known = await definitions.current(ctx.db, ctx.project_id)
    noun = "voucher" if row["use_voucher_metadata_schema"] else "campaign"
    sent = (body.metadata or {}) | dict.fromkeys(body.unset_metadata_fields or ())
    metadata.check(known, noun, sent, whole=False)
    of_metadata = row["use_voucher_metadata_schema"] and bool(sent)
    changed = generation.changed(row, written)
    if changed or of_metadata:
        changes = (merged, removed) if of_metadata else ("{}", ())
        written = await generation.hand_on(ctx, written, changed, changes)
    return await _announce(ctx, "updated", written)


def _merged(known: Any, given: Mapping[str, Any] | None) -> str | None:
    """JSON with the members that are given in the place of those it had."""
    if known is None:
        return _json(given)
    return _json({**msgspec.json.decode(known), **(given or {})})


def _definition_after(body: CampaignChanges, row: db.Row) -> str | None:
    if row["voucher"] is None:
        return None
    definition: dict[str, Any] = msgspec.json.decode(row["voucher"])
    if body.discount is not None and definition["type"] == DISCOUNT_VOUCHER:
        discount = msgspec.json.decode(discount_of(body.discount, InvalidCampaign))
        if discount["type"] != definition["discount"]["type"]:
            raise InvalidCampaign("It is not possible to change Campaign discount type")
        definition["discount"] = discount
    if body.gift is not None and definition["type"] == GIFT_VOUCHER:
        definition["gift"]["effect"] = body.gift.effect or definition["gift"]["effect"]
    return _json(definition)


async def switch(ctx: Context, id_or_name: str, *, active: bool) -> None:
    """Enables or disables a campaign. Raises NotFound."""
    row = await hold(ctx, id_or_name)
    written = await ctx.db.fetchrow(campaigns.SWITCH, ctx.project_id, row["id"], active, ctx.now)
    await _announce(ctx, "enabled" if active else "disabled", written)


# --- deleting -----------------------------------------------------------------------------------


async def delete(ctx: Context, id_or_name: str, *, force: bool) -> Accepted:
    """Moves a campaign to the bin, or deletes it; its vouchers follow in the background. Raises
    NotFound, and InvalidCampaign while its vouchers are written.
    """
    row = await hold_quiet(ctx, id_or_name)
    answer = await campaign_view.answer(ctx, row)
    await rules.release(ctx, [row["id"]])
    await ctx.db.execute(campaigns.BIN, ctx.project_id, row["id"], ctx.now)
    if not force:
        entry = (ctx.new_id("tbe_"), row["id"], row["name"])
        await bin.enter(ctx.db, ctx.project_id, "campaign", None, [entry], ctx.now)
    data = wire.encode({"campaign": answer}).decode()
    event = Event(
        "campaign.deleted", data, campaign_id=row["id"], campaign_type=row["campaign_type"]
    )
    await ctx.emit([event])
    return await generation.clear(ctx, row["id"], max(row["vouchers_count"], 1), force=force)


async def purge(ctx: Context, campaign_id: str) -> Accepted:
    """Deletes for good a campaign that is in the bin, its vouchers in the background."""
    count = await ctx.db.fetchval(campaigns.VOUCHERS_OF, ctx.project_id, campaign_id)
    return await generation.clear(ctx, campaign_id, max(count, 1), force=True)
