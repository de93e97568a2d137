"""Promotion tiers and stacks as they are answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from largesse.actions import categories, rules
from largesse.actions.categories import Category
from largesse.actions.rules import AssignmentsList
from largesse.actions.timeframes import ValidityHours, ValidityTimeframe, answered, stamp
from largesse.kit import db, wire
from largesse.store import campaigns, promotions
from largesse.store.context import Context
from largesse.store.customer_view import Instant


class TierAction(msgspec.Struct):
    """What a tier does: the discount that it gives."""

    discount: dict[str, Any]


class TierCampaign(msgspec.Struct, kw_only=True):
    """A tier's campaign, as far as a tier tells of it."""

    id: str
    start_date: Instant | None
    expiration_date: Instant | None
    validity_timeframe: ValidityTimeframe | UnsetType = UNSET
    validity_day_of_week: list[int] | UnsetType = UNSET
    validity_hours: ValidityHours | UnsetType = UNSET
    active: bool
    category_id: str | UnsetType = UNSET
    object: str = "campaign"


class TierRedemptions(msgspec.Struct):
    total_redeemed: int


class TierOrders(msgspec.Struct):
    """Of the orders that a tier was redeemed for, in minor units."""

    total_amount: int
    total_discount_amount: int


class TierSummary(msgspec.Struct):
    redemptions: TierRedemptions
    orders: TierOrders


class TierAnswer(msgspec.Struct, kw_only=True):
    """A promotion tier as it is answered; without rules, its assignments are null."""

    id: str
    created_at: Instant
    updated_at: Instant | UnsetType = UNSET
    name: str
    banner: str | UnsetType = UNSET
    action: TierAction
    metadata: dict[str, Any]
    hierarchy: int
    promotion_id: str
    campaign: TierCampaign
    campaign_id: str
    active: bool
    start_date: Instant | UnsetType = UNSET
    expiration_date: Instant | UnsetType = UNSET
    validity_timeframe: ValidityTimeframe | UnsetType = UNSET
    validity_day_of_week: list[int] | UnsetType = UNSET
    validity_hours: ValidityHours | UnsetType = UNSET
    summary: TierSummary
    object: str = "promotion_tier"
    validation_rule_assignments: AssignmentsList | None
    category_id: str | UnsetType = UNSET
    categories: list[Category] | UnsetType = UNSET


class TiersList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "tiers"
    tiers: list[TierAnswer]
    total: int
    has_more: bool | UnsetType = UNSET


class TierIds(msgspec.Struct):
    """The tiers of a stack, in the order in which they apply."""

    ids: list[str]
    hierarchy_mode: str


class StackAnswer(msgspec.Struct, kw_only=True):
    """A promotion stack as it is answered."""

    id: str
    name: str
    created_at: Instant
    updated_at: Instant | UnsetType = UNSET
    campaign_id: str
    object: str = "promotion_stack"
    tiers: TierIds
    category_id: str | None
    categories: list[Category]


class StacksList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "data"
    data: list[StackAnswer]
    total: int


# --- tiers --------------------------------------------------------------------------------------


async def tiers(
    ctx: Context, rows: Sequence[db.Row], campaigns_: Sequence[db.Row] | None = None
) -> list[TierAnswer]:
    """Rows as they are answered, with their rules; `campaigns_` are theirs, if they are at hand."""
    if campaigns_ is None:
        ids = list({row["campaign_id"] for row in rows})
        campaigns_ = await ctx.db.fetch(campaigns.NAMED, ctx.project_id, ids)
    by_id = {row["id"]: row for row in campaigns_}
    known = await categories.of_rows(ctx, rows)
    ids = [row["id"] for row in rows]
    assigned = await rules.assignments_of(ctx, ids)
    sums = await campaigns.sums(ctx.db, ctx.project_id, ids) if ids else {}
    return [
        _tier(
            row,
            by_id[row["campaign_id"]],
            known.get(row["category_id"]),
            assigned[row["id"]],
            sums[row["id"]],
        )
        for row in rows
    ]


async def of_campaigns(ctx: Context, campaign_rows: Sequence[db.Row]) -> dict[str, TiersList]:
    """The tiers of each campaign, the one that ranks first first; one without any has an empty
    list.
    """
    found: dict[str, list[TierAnswer]] = {row["id"]: [] for row in campaign_rows}
    if found:
        rows = await ctx.db.fetch(promotions.TIERS_OF_CAMPAIGNS, ctx.project_id, list(found))
        for tier in await tiers(ctx, rows, campaign_rows):
            found[tier.campaign_id].append(tier)
    return {id_: TiersList(tiers=of, total=len(of), has_more=False) for id_, of in found.items()}


def _tier(
    row: db.Row,
    campaign: db.Row,
    category: Category | None,
    assigned: AssignmentsList,
    sums: Mapping[str, int],
) -> TierAnswer:
    return TierAnswer(
        id=row["id"],
        created_at=wire.stamp(row["created_at"]),
        updated_at=_given(stamp(row["updated_at"])),
        name=row["name"],
        banner=_given(row["banner"]),
        action=row["action"],
        metadata=row["metadata"],
        hierarchy=row["hierarchy"],
        promotion_id=row["campaign_id"],
        campaign=_campaign(campaign),
        campaign_id=row["campaign_id"],
        active=row["active"],
        **_times(row),
        summary=TierSummary(
            TierRedemptions(sums.get("redeemed", 0)),
            TierOrders(sums.get("orders_amount", 0), sums.get("discounted_amount", 0)),
        ),
        validation_rule_assignments=assigned if assigned.total else None,
        category_id=UNSET if category is None else category.id,
        categories=UNSET if category is None else [category],
    )


def _campaign(row: db.Row) -> TierCampaign:
    dates = {"start_date": None, "expiration_date": None}
    return TierCampaign(
        id=row["id"],
        **(dates | _times(row)),
        active=row["active"],
        category_id=_given(row["category_id"]),
    )


def _times(row: db.Row) -> dict[str, Any]:
    return {name: value for name, value in answered(row).items() if value is not None}


def _given(value: Any) -> Any:
    return UNSET if value is None else value


async def event_campaign(ctx: Context, row: db.Row) -> Mapping[str, Any]:
    """A tier's campaign as events show it."""
    category = (await categories.of_rows(ctx, [row])).get(row["category_id"])
    members = {
        "id": row["id"],
        "name": row["name"],
        "campaign_type": row["campaign_type"],
        "type": row["type"],
        "is_referral_code": False,
        "auto_join": row["auto_join"],
        "join_once": row["join_once"],
        "active": row["active"],
        "category_id": row["category_id"],
        "category": UNSET if category is None else category.name,
        "categories": [] if category is None else [category],
        "metadata": row["metadata"],
        "start_date": _given(stamp(row["start_date"])),
        "expiration_date": _given(stamp(row["expiration_date"])),
        "description": _given(row["description"]),
        "created_at": wire.stamp(row["created_at"]),
        "updated_at": _given(stamp(row["updated_at"])),
        "object": "campaign",
    }
    return {name: value for name, value in members.items() if value is not UNSET}


# --- stacks -------------------------------------------------------------------------------------


async def stacks(ctx: Context, rows: Sequence[db.Row]) -> list[StackAnswer]:
    """Rows as they are answered."""
    known = await categories.of_rows(ctx, rows)
    return [_stack(row, known.get(row["category_id"])) for row in rows]


def _stack(row: db.Row, category: Category | None) -> StackAnswer:
    return StackAnswer(
        id=row["id"],
        name=row["name"],
        created_at=wire.stamp(row["created_at"]),
        updated_at=_given(stamp(row["updated_at"])),
        campaign_id=row["campaign_id"],
        tiers=TierIds(row["tier_ids"], row["hierarchy_mode"]),
        category_id=None if category is None else category.id,
        categories=[] if category is None else [category],
    )
