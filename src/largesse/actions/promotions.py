"""What is done with promotion tiers: create, update, switch, delete.

The tiers of a campaign are ranked by their hierarchy, 1 coming first, and no two share one. Whoever
ranks, adds or deletes a tier, or names one in a stack, holds the campaign first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from largesse.actions import categories, metadata, promotion_view, rules, timeframes
from largesse.actions.promotion_view import TierAnswer
from largesse.actions.timeframes import TimeframeBody
from largesse.actions.worth import discount_of
from largesse.kit import db, wire
from largesse.kit.errors import InvalidCampaign, InvalidPayload, NotFound, ResourceInUse
from largesse.store import campaigns, definitions, promotions
from largesse.store.context import Context
from largesse.store.events import Event
from largesse.store.promotions import Tier

PROMOTION = "PROMOTION"
Text = Annotated[str, Meta(max_length=255)]
Name = Annotated[str, Meta(min_length=1, max_length=255)]
Note = Annotated[str, Meta(max_length=10_000)]
# Far enough from what the column holds that the next number after it fits too.
Hierarchy = Annotated[int, Meta(ge=1, le=2**30)]

MOST_TIERS = 1000


class TierActionBody(msgspec.Struct):
    """What a tier does."""

    discount: dict[str, Any] | None = None


class TierFields(TimeframeBody, kw_only=True):
    """What a shop says of a tier. A member that is not sent, or is null, stays as it is; a metadata
    key sent as null is removed.
    """

    name: Name | None = None
    banner: Note | None = None
    action: TierActionBody | None = None
    metadata: dict[str, Any] | None = None
    hierarchy: Hierarchy | None = None
    active: bool | None = None
    category: Text | None = None
    category_id: Text | None = None


class TierBody(TierFields, kw_only=True):
    """A tier to create. Without a hierarchy it ranks last."""

    name: Name
    action: TierActionBody
    validation_rules: list[str] | None = None


# --- campaigns ----------------------------------------------------------------------------------


async def campaign(ctx: Context, id_or_name: str) -> db.Row:
    """A campaign's row. Raises NotFound."""
    row = await campaigns.find(ctx.db, ctx.project_id, id_or_name)
    if row is None:
        raise NotFound.of("campaign", id_or_name)
    return row


async def hold_campaign(ctx: Context, id_or_name: str) -> db.Row:
    """The row of a campaign that can have tiers, held until the end of the transaction. Raises
    NotFound and InvalidCampaign.
    """
    known = await campaign(ctx, id_or_name)
    row = await ctx.db.fetchrow(campaigns.HOLD, ctx.project_id, known["id"])
    if row is None:
        raise NotFound.of("campaign", id_or_name)
    if row["campaign_type"] != PROMOTION:
        raise InvalidCampaign(
            f"Only a {PROMOTION} campaign has promotion tiers; campaign {row['id']} is of type "
            f"{row['campaign_type']}"
        )
    return row


async def create_tiers(ctx: Context, campaign_row: db.Row, bodies: Sequence[TierBody]) -> None:
    """Creates the tiers of a campaign that is held, or that nobody else sees yet, ranking them as
    they come. Raises what `add` raises.
    """
    await _create(ctx, campaign_row, bodies)


async def delete_of_campaign(ctx: Context, campaign_id: str) -> None:
    """Deletes the tiers and stacks of a campaign that is being deleted; its event tells of it."""
    await ctx.db.execute(promotions.DELETE_STACKS_OF_CAMPAIGN, ctx.project_id, campaign_id)
    rows = await ctx.db.fetch(promotions.DELETE_TIERS_OF_CAMPAIGN, ctx.project_id, campaign_id)
    await rules.release(ctx, [row["id"] for row in rows])


# --- tiers --------------------------------------------------------------------------------------


async def get(ctx: Context, tier_id: str) -> db.Row:
    """A tier's row. Raises NotFound, also where its campaign is in the bin."""
    return await _get(ctx, promotions.GET_TIER, tier_id)


async def _get(ctx: Context, statement: str, tier_id: str) -> db.Row:
    row = await ctx.db.fetchrow(statement, ctx.project_id, tier_id)
    if row is None:
        raise NotFound.of("promotion_tier", tier_id)
    return row


async def add(ctx: Context, id_or_name: str, body: TierBody) -> TierAnswer:
    """Adds a tier to a campaign. Raises NotFound, InvalidCampaign and InvalidPayload."""
    held = await hold_campaign(ctx, id_or_name)
    return (await _create(ctx, held, [body]))[0]


async def _create(ctx: Context, held: db.Row, bodies: Sequence[TierBody]) -> list[TierAnswer]:
    known = await definitions.current(ctx.db, ctx.project_id)
    ids = []
    for body in bodies:
        metadata.check(known, "promotion_tier", body.metadata, whole=True)
        ids.append(await _insert(ctx, held["id"], body))
    rows = await ctx.db.fetch(promotions.TIERS_NAMED, ctx.project_id, ids)
    return await _announce(ctx, "created", rows, held)


async def _insert(ctx: Context, campaign_id: str, body: TierBody) -> str:
    """Inserts a tier; its id."""
    tier = Tier(
        id=ctx.new_id("promo_"),
        campaign_id=campaign_id,
        name=body.name,
        banner=body.banner,
        action=_action(body.action),
        hierarchy=await _rank(ctx, campaign_id, body.hierarchy),
        active=body.active is not False,
        **timeframes.columns(body),
        category_id=await categories.named(ctx, body.category, body.category_id),
        metadata=metadata.patch(body.metadata)[0],
        created_at=ctx.now,
    )
    table = promotions.TIERS
    await ctx.db.execute(table.INSERT, ctx.project_id, *table.arguments(tier))
    await rules.assign(ctx, "promotion_tier", tier.id, body.validation_rules or [])
    return tier.id


def _action(body: TierActionBody) -> str:
    if body.discount is None:
        raise InvalidPayload("Property .action should have required property 'discount'")
    return f'{{"discount":{discount_of(body.discount, InvalidPayload, ".action.discount")}}}'


async def update(ctx: Context, tier_id: str, body: TierFields) -> TierAnswer:
    """Updates a tier. Raises NotFound and InvalidPayload."""
    held = await _hold_campaign_of(ctx, tier_id)
    if body.hierarchy is None:
        row = await _get(ctx, promotions.HOLD_TIER, tier_id)
        hierarchy = row["hierarchy"]
    else:
        ranks = await _hold_ranks(ctx, held["id"])
        row = await _get(ctx, promotions.GET_TIER, tier_id)
        hierarchy = body.hierarchy
        await _make_room(ctx, held["id"], set(ranks.values()), hierarchy, ranks[tier_id])
    discount = None if body.action is None else body.action.discount
    category_id = await categories.named(ctx, body.category, body.category_id)
    values = {
        "name": body.name or row["name"],
        "banner": row["banner"] if body.banner is None else body.banner,
        "action": (
            bytes(row["action"]).decode() if discount is None else _action(TierActionBody(discount))
        ),
        "hierarchy": hierarchy,
        "active": row["active"] if body.active is None else body.active,
        **timeframes.columns(body, row),
        "category_id": category_id or row["category_id"],
    }
    merged = metadata.patch(body.metadata)
    written = await promotions.CHANGES.write(
        ctx.db, ctx.project_id, tier_id, values, merged, ctx.now
    )
    known = await definitions.current(ctx.db, ctx.project_id)
    metadata.check(known, "promotion_tier", body.metadata, whole=False)
    return (await _announce(ctx, "updated", [written], held))[0]


async def switch(ctx: Context, tier_id: str, *, active: bool) -> TierAnswer:
    """Enables or disables a tier. Raises NotFound."""
    row = await ctx.db.fetchrow(promotions.SWITCH_TIER, ctx.project_id, tier_id, active, ctx.now)
    if row is None:
        raise NotFound.of("promotion_tier", tier_id)
    known = await campaign(ctx, row["campaign_id"])
    return (await _announce(ctx, "enabled" if active else "disabled", [row], known))[0]


async def delete(ctx: Context, tier_id: str) -> None:
    """Deletes a tier; its number stays free. Raises NotFound, and ResourceInUse where it is in a
    stack.
    """
    held = await _hold_campaign_of(ctx, tier_id)
    row = await get(ctx, tier_id)
    found = await ctx.db.fetch(promotions.STACKS_WITH_TIER, ctx.project_id, held["id"], tier_id)
    if found:
        users = [user["id"] for user in found]
        raise ResourceInUse.of("promotion_tier", tier_id, "promotion_stack", users)
    await _announce(ctx, "deleted", [row], held)
    await ctx.db.execute(promotions.DELETE_TIER, ctx.project_id, tier_id)
    await rules.release(ctx, [tier_id])


async def _hold_campaign_of(ctx: Context, tier_id: str) -> db.Row:
    """The campaign of a tier, held. Raises NotFound."""
    row = await get(ctx, tier_id)
    held = await ctx.db.fetchrow(campaigns.HOLD, ctx.project_id, row["campaign_id"])
    if held is None:
        raise NotFound.of("promotion_tier", tier_id)
    return held


async def _announce(
    ctx: Context, happened: str, rows: Sequence[db.Row], of: db.Row
) -> list[TierAnswer]:
    """Rows of a campaign as they are answered, told of as `campaign.promotion_tier.created` and so
    on.
    """
    answers = await promotion_view.tiers(ctx, rows, [of])
    about = await promotion_view.event_campaign(ctx, of)
    await ctx.emit(
        [
            Event(
                f"campaign.promotion_tier.{happened}",
                wire.encode({"campaign": about, "promotion_tier": answer}).decode(),
                campaign_id=of["id"],
                campaign_type=of["campaign_type"],
            )
            for answer in answers
        ]
    )
    return answers


# --- ranking ------------------------------------------------------------------------------------


async def _rank(ctx: Context, campaign_id: str, wanted: int | None) -> int:
    """The hierarchy of a new tier: the one that is wanted, or else the next after the last. Raises
    InvalidCampaign where there are too many.
    """
    last = await ctx.db.fetchrow(promotions.LAST, ctx.project_id, campaign_id)
    assert last is not None
    if last["tiers"] >= MOST_TIERS:
        raise InvalidCampaign(f"A campaign can have at most {MOST_TIERS} promotion tiers")
    if wanted is None:
        following: int = last["hierarchy"] + 1
        return following
    if wanted <= last["hierarchy"]:
        ranks = await _hold_ranks(ctx, campaign_id)
        await _make_room(ctx, campaign_id, set(ranks.values()), wanted)
    return wanted


async def _hold_ranks(ctx: Context, campaign_id: str) -> dict[str, int]:
    """The hierarchy of each tier of a campaign; all of them are held."""
    rows = await ctx.db.fetch(promotions.HOLD_HIERARCHY, ctx.project_id, campaign_id)
    return {row["id"]: row["hierarchy"] for row in rows}


async def _make_room(
    ctx: Context, campaign_id: str, taken: Collection[int], wanted: int, before: int | None = None
) -> None:
    """Frees a number for a tier that is new, or had another `before`. Where it is taken, the tiers
    from there on move by one, towards the number that the tier leaves, as far as the next that is
    free.
    """
    if wanted not in taken or wanted == before:
        return
    step = -1 if before is not None and before < wanted else 1
    end = wanted
    while end + step in taken and end + step != before:
        end += step
    first, last = sorted((wanted, end))
    await ctx.db.execute(promotions.MOVE, ctx.project_id, campaign_id, first, last, step)
