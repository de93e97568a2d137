"""Campaigns as they are answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from largesse.actions import access_settings, categories, promotion_view, rules, timeframes
from largesse.actions.access_settings import AccessAssignments
from largesse.actions.categories import Category
from largesse.actions.promotion_view import TiersList
from largesse.actions.rules import AssignmentsList
from largesse.actions.timeframes import ValidityHours, ValidityTimeframe
from largesse.kit import db, wire
from largesse.store.context import Context
from largesse.store.customer_view import Instant

PROMOTION = "PROMOTION"


class CampaignAnswer(msgspec.Struct, kw_only=True):
    """A campaign as it is answered; `voucher` is what its vouchers are made from."""

    id: str
    name: str
    description: str | UnsetType = UNSET
    campaign_type: str
    type: str
    voucher: dict[str, Any] | UnsetType = UNSET
    referral_program: dict[str, Any] | UnsetType = UNSET
    loyalty_tiers_expiration: dict[str, Any] | UnsetType = UNSET
    auto_join: bool
    join_once: bool
    use_voucher_metadata_schema: bool
    start_date: Instant | UnsetType = UNSET
    expiration_date: Instant | UnsetType = UNSET
    validity_timeframe: ValidityTimeframe | UnsetType = UNSET
    validity_day_of_week: list[int] | UnsetType = UNSET
    validity_hours: ValidityHours | UnsetType = UNSET
    activity_duration_after_publishing: str | UnsetType = UNSET
    vouchers_count: int | UnsetType = UNSET
    active: bool
    metadata: dict[str, Any]
    created_at: Instant
    updated_at: Instant | UnsetType = UNSET
    category: str | UnsetType = UNSET
    creation_status: str
    vouchers_generation_status: str
    protected: bool
    category_id: str | None
    categories: list[Category]
    promotion: TiersList | UnsetType = UNSET
    validation_rules_assignments: AssignmentsList | UnsetType = UNSET
    access_settings_assignments: AccessAssignments | UnsetType = UNSET
    object: str = "campaign"


async def answers(
    ctx: Context, rows: Sequence[db.Row], *, whole: bool = False, access: bool = False
) -> list[CampaignAnswer]:
    """Rows as they are answered: `whole` with rules and tiers, `access` with who may see them."""
    known = await categories.of_rows(ctx, rows)
    promotions = [row for row in rows if whole and row["campaign_type"] == PROMOTION]
    tiers = await promotion_view.of_campaigns(ctx, promotions)
    assigned = await rules.assignments_of(ctx, [row["id"] for row in rows]) if whole else {}
    found = []
    for row in rows:
        answer = _answer(row, known.get(row["category_id"]))
        answer.promotion = tiers.get(row["id"], UNSET)
        answer.validation_rules_assignments = assigned.get(row["id"], UNSET)
        if access:
            answer.access_settings_assignments = access_settings.answered(row)
        found.append(answer)
    return found


async def answer(ctx: Context, row: db.Row) -> CampaignAnswer:
    """A row as it is answered for itself."""
    return (await answers(ctx, [row], whole=True))[0]


def _answer(row: db.Row, category: Category | None) -> CampaignAnswer:
    times = timeframes.answered(row)
    of_codes = row["campaign_type"] != PROMOTION
    return CampaignAnswer(
        id=row["id"],
        name=row["name"],
        description=_given(row["description"]),
        campaign_type=row["campaign_type"],
        type=row["type"],
        voucher=_definition(row, times) if of_codes else UNSET,
        referral_program=_given(row["referral_program"]),
        loyalty_tiers_expiration=_given(row["loyalty_tiers_expiration"]),
        auto_join=row["auto_join"],
        join_once=row["join_once"],
        use_voucher_metadata_schema=row["use_voucher_metadata_schema"],
        **times,
        activity_duration_after_publishing=_given(row["activity_duration_after_publishing"]),
        vouchers_count=row["vouchers_count"] if of_codes else UNSET,
        active=row["active"],
        metadata=row["metadata"],
        created_at=wire.stamp(row["created_at"]),
        updated_at=UNSET if row["updated_at"] is None else wire.stamp(row["updated_at"]),
        category=UNSET if category is None else category.name,
        creation_status=row["creation_status"],
        vouchers_generation_status=row["creation_status"],
        protected=row["protected"],
        category_id=None if category is None else category.id,
        categories=[] if category is None else [category],
    )


def _given(value: Any) -> Any:
    return UNSET if value is None else value


def _definition(row: db.Row, times: dict[str, Any]) -> dict[str, Any]:
    """What vouchers are made from, with the times that they take over."""
    made: dict[str, Any] = msgspec.json.decode(row["voucher"])
    made.update({name: value for name, value in times.items() if name != "validity_day_of_week"})
    return made
