"""What is done with promotion stacks: tiers of a campaign that apply together."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from largesse.actions import categories, promotion_view
from largesse.actions.promotion_view import StackAnswer
from largesse.actions.promotions import campaign, hold_campaign
from largesse.kit import db
from largesse.kit.errors import InvalidCampaign, InvalidPayload, NotFound
from largesse.store import promotions
from largesse.store.context import Context
from largesse.store.promotions import Stack

Text = Annotated[str, Meta(max_length=255)]
Name = Annotated[str, Meta(min_length=1, max_length=255)]

MOST_STACKS = 1000
MOST_TIERS = 30


class StackTiersBody(msgspec.Struct, kw_only=True):
    """The tiers of a stack, in the order in which they apply."""

    ids: list[str] | None = None
    hierarchy_mode: Literal["MANUAL"] | None = None


class StackFields(msgspec.Struct, kw_only=True):
    """What a shop says of a stack. A member that is not sent, or is null, stays as it is."""

    name: Name | None = None
    tiers: StackTiersBody | None = None
    category_id: Text | None = None


class StackBody(StackFields, kw_only=True):
    """A stack to create."""

    name: Name
    tiers: StackTiersBody


async def get(ctx: Context, id_or_name: str, stack_id: str) -> db.Row:
    """A stack of a campaign. Raises NotFound, for the campaign or for the stack."""
    of = await campaign(ctx, id_or_name)
    return await _row(ctx, of["id"], stack_id)


async def _row(ctx: Context, campaign_id: str, stack_id: str) -> db.Row:
    row = await ctx.db.fetchrow(promotions.GET_STACK, ctx.project_id, campaign_id, stack_id)
    if row is None:
        raise NotFound.of("promotion_stack", stack_id)
    return row


async def create(ctx: Context, id_or_name: str, body: StackBody) -> StackAnswer:
    """Creates a stack of tiers. Raises NotFound, InvalidCampaign and InvalidPayload."""
    held = await hold_campaign(ctx, id_or_name)
    count = await ctx.db.fetchval(promotions.COUNT_STACKS, ctx.project_id, held["id"])
    if count >= MOST_STACKS:
        raise InvalidCampaign(f"A campaign can have at most {MOST_STACKS} promotion stacks")
    if body.tiers.ids is None:
        raise InvalidPayload("Property .tiers should have required property 'ids'")
    stack = Stack(
        id=ctx.new_id("stack_"),
        campaign_id=held["id"],
        name=body.name,
        tier_ids=await _checked(ctx, held["id"], body.tiers.ids),
        category_id=await categories.named(ctx, None, body.category_id),
        created_at=ctx.now,
    )
    table = promotions.STACKS
    await ctx.db.execute(table.INSERT, ctx.project_id, *table.arguments(stack))
    row = await _row(ctx, held["id"], stack.id)
    return (await promotion_view.stacks(ctx, [row]))[0]


async def update(ctx: Context, id_or_name: str, stack_id: str, body: StackFields) -> StackAnswer:
    """Updates a stack. Raises NotFound and InvalidPayload."""
    held = await hold_campaign(ctx, id_or_name)
    row = await _row(ctx, held["id"], stack_id)
    tier_ids = row["tier_ids"]
    if body.tiers is not None and body.tiers.ids is not None:
        tier_ids = await _checked(ctx, held["id"], body.tiers.ids)
    category_id = await categories.named(ctx, None, body.category_id)
    written = await ctx.db.fetchrow(
        promotions.UPDATE_STACK,
        ctx.project_id,
        held["id"],
        stack_id,
        body.name or row["name"],
        tier_ids,
        category_id or row["category_id"],
        ctx.now,
    )
    if written is None:
        raise NotFound.of("promotion_stack", stack_id)
    return (await promotion_view.stacks(ctx, [written]))[0]


async def delete(ctx: Context, id_or_name: str, stack_id: str) -> None:
    """Deletes a stack; its tiers stay. Raises NotFound."""
    of = await campaign(ctx, id_or_name)
    row = await ctx.db.fetchrow(promotions.DELETE_STACK, ctx.project_id, of["id"], stack_id)
    if row is None:
        raise NotFound.of("promotion_stack", stack_id)


async def _checked(ctx: Context, campaign_id: str, tier_ids: list[str]) -> list[str]:
    """The ids, if a stack can have these tiers. Raises InvalidPayload, and NotFound for what is no
    tier of the campaign.
    """
    if not tier_ids:
        raise InvalidPayload("Property .tiers.ids should NOT have fewer than 1 items")
    if len(tier_ids) > MOST_TIERS:
        raise InvalidPayload(f"Property .tiers.ids should NOT have more than {MOST_TIERS} items")
    seen: set[str] = set()
    for place, tier_id in enumerate(tier_ids):
        if tier_id in seen:
            raise InvalidPayload(f"Property .tiers.ids[{place}] names a tier again")
        seen.add(tier_id)
    rows = await ctx.db.fetch(promotions.TIER_IDS, ctx.project_id, campaign_id, tier_ids)
    known = {row["id"] for row in rows}
    for tier_id in tier_ids:
        if tier_id not in known:
            raise NotFound.of("promotion_tier", tier_id)
    return tier_ids
