"""Redemptions and rollbacks as they are answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from largesse.actions import checkout_view, customers, timeframes, voucher_view
from largesse.actions.checkout_view import CategoryView, OrderView, RedeemableView
from largesse.actions.customers import SimpleCustomer
from largesse.actions.worth import GIFT_VOUCHER, LOYALTY_CARD
from largesse.kit import wire
from largesse.kit.db import Row
from largesse.store import customers as customer_store
from largesse.store import definitions, redemptions
from largesse.store import redeemables as redeemable_store
from largesse.store.context import Context
from largesse.store.customer_view import Instant
from largesse.store.definitions import Definitions
from largesse.store.redemptions import REDEMPTION, SUCCESS, Redemption


class Channel(msgspec.Struct):
    """Through what a redemption came: the id of the key."""

    channel_id: str | None
    channel_type: str


class Amount(msgspec.Struct):
    """Credits that a gift card gave, below 0 where it got them back."""

    amount: int


class Points(msgspec.Struct):
    """Points that a loyalty card gave, below 0 where it got them back."""

    points: int


class Related(msgspec.Struct):
    """A redemption or a rollback that belongs to another one."""

    id: str
    date: Instant


class RelatedRedemptions(msgspec.Struct, omit_defaults=True):
    """The children of a redemption, and what rolled it back."""

    redemptions: list[Related] | UnsetType = UNSET
    rollbacks: list[Related] | UnsetType = UNSET


class VoucherPart(msgspec.Struct, kw_only=True):
    """The voucher that was redeemed, as it stands."""

    id: str
    code: str
    campaign: str | None
    campaign_id: str | None
    type: str
    discount: Any = UNSET
    gift: voucher_view.VoucherGift | UnsetType = UNSET
    loyalty_card: voucher_view.VoucherCard | UnsetType = UNSET
    is_referral_code: bool
    holder_id: str | UnsetType = UNSET
    referrer_id: str | UnsetType = UNSET
    start_date: Instant | UnsetType = UNSET
    expiration_date: Instant | UnsetType = UNSET
    validity_timeframe: Any = UNSET
    validity_day_of_week: Any = UNSET
    validity_hours: Any = UNSET
    category_id: str | UnsetType = UNSET
    categories: list[CategoryView] | UnsetType = UNSET
    active: bool
    metadata: Any = UNSET
    redemption: dict[str, Any]
    created_at: Instant
    updated_at: Instant | None
    object: str = "voucher"


class TierPart(msgspec.Struct, kw_only=True):
    """The promotion tier that was redeemed."""

    id: str
    created_at: Instant
    updated_at: Instant | UnsetType = UNSET
    name: str
    banner: str | UnsetType = UNSET
    action: Any
    metadata: Any = UNSET
    hierarchy: int
    promotion_id: str
    campaign: dict[str, Any]
    campaign_id: str
    active: bool
    start_date: Instant | UnsetType = UNSET
    expiration_date: Instant | UnsetType = UNSET
    validity_timeframe: Any = UNSET
    validity_day_of_week: Any = UNSET
    validity_hours: Any = UNSET
    category_id: str | UnsetType = UNSET
    categories: list[CategoryView] | UnsetType = UNSET
    object: str = "promotion_tier"


class RedemptionView(msgspec.Struct, kw_only=True):
    """A redemption or a rollback as it is answered. `redemption` is the parent of a child, or what
    a rollback undid.
    """

    id: str
    object: str
    date: Instant
    customer_id: str | None
    tracking_id: str | None
    metadata: Any
    amount: int | UnsetType = UNSET
    redemption: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    result: str
    status: str
    related_redemptions: RelatedRedemptions | UnsetType = UNSET
    failure_code: str | UnsetType = UNSET
    failure_message: str | UnsetType = UNSET
    order: Any = None
    channel: Channel
    customer: SimpleCustomer | None
    related_object_type: str
    related_object_id: str
    voucher: VoucherPart | None = None
    promotion_tier: TierPart | UnsetType = UNSET
    gift: Amount | UnsetType = UNSET
    loyalty_card: Points | UnsetType = UNSET


class Redeemed(msgspec.Struct, kw_only=True):
    """The answer to a redemption: its children, and their parent where they are several."""

    redemptions: list[RedemptionView]
    parent_redemption: RedemptionView | UnsetType = UNSET
    order: OrderView | UnsetType = UNSET
    inapplicable_redeemables: list[RedeemableView] | UnsetType = UNSET
    skipped_redeemables: list[RedeemableView] | UnsetType = UNSET


class RolledBack(msgspec.Struct, kw_only=True):
    """The answer to a rollback of redemptions that belong together."""

    rollbacks: list[RedemptionView]
    parent_rollback: RedemptionView | UnsetType = UNSET
    order: Any = UNSET


class RedemptionsList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "redemptions"
    redemptions: list[RedemptionView]
    total: int


def _given(value: Any) -> Any:
    return UNSET if value is None else value


def voucher(row: Mapping[str, Any], known: Definitions, expand: Sequence[str] = ()) -> VoucherPart:
    """A voucher's row with `campaign_name`, as redemptions show it."""
    type_ = row["type"]
    redeemed = {"quantity": row["quantity"], "redeemed_quantity": row["redeemed_quantity"]}
    if type_ == GIFT_VOUCHER:
        redeemed["redeemed_amount"] = row["redeemed_amount"]
    return VoucherPart(
        id=row["id"],
        code=row["code"],
        campaign=row["campaign_name"],
        campaign_id=row["campaign_id"],
        type=type_,
        discount=_given(row["discount"]),
        gift=voucher_view.gift_of(row) if type_ == GIFT_VOUCHER else UNSET,
        loyalty_card=voucher_view.card_of(row) if type_ == LOYALTY_CARD else UNSET,
        is_referral_code=row["is_referral_code"],
        holder_id=_given(row["holder_id"]),
        referrer_id=_given(row["referrer_id"]),
        **timeframes.answered(row),
        category_id=_given(row["category_id"]),
        categories=_categories(row, known, expand),
        active=row["active"],
        metadata=row["metadata"] if "redeemable" in expand else UNSET,
        redemption=redeemed,
        created_at=wire.stamp(row["created_at"]),
        updated_at=timeframes.stamp(row["updated_at"]),
    )


def tier(row: Mapping[str, Any], known: Definitions, expand: Sequence[str] = ()) -> TierPart:
    """A promotion tier's row with its campaign's columns, as redemptions show it."""
    campaign = {
        "id": row["campaign_id"],
        "start_date": timeframes.stamp(row["campaign_start_date"]),
        "expiration_date": timeframes.stamp(row["campaign_expiration_date"]),
        "active": row["campaign_active"],
        "object": "campaign",
    }
    return TierPart(
        id=row["id"],
        created_at=wire.stamp(row["created_at"]),
        updated_at=_given(timeframes.stamp(row["updated_at"])),
        name=row["name"],
        banner=_given(row["banner"]),
        action=row["action"],
        metadata=row["metadata"] if "redeemable" in expand else UNSET,
        hierarchy=row["hierarchy"],
        promotion_id=row["campaign_id"],
        campaign=campaign,
        campaign_id=row["campaign_id"],
        active=row["active"],
        **timeframes.answered(row),
        category_id=_given(row["category_id"]),
        categories=_categories(row, known, expand),
    )


def _categories(
    row: Mapping[str, Any], known: Definitions, expand: Sequence[str]
) -> list[CategoryView] | UnsetType:
    whole = "category" in expand
    return checkout_view.categories(known, row["category_id"], whole=whole)


def view(
    row: Redemption,
    customer: Row | Mapping[str, Any] | None,
    part: VoucherPart | TierPart | None,
    order: Any = None,
) -> RedemptionView:
    """A redemption or rollback as it is answered, with its order, its customer and what was
    redeemed.
    """
    kind, id_ = REDEMPTION, row.id
    if row.voucher_id is not None:
        kind, id_ = "voucher", row.voucher_id
    elif row.promotion_tier_id is not None:
        kind, id_ = "promotion_tier", row.promotion_tier_id
    found = RedemptionView(
        id=row.id,
        object=row.object,
        date=wire.stamp(row.created_at),
        customer_id=row.customer_id,
        tracking_id=row.tracking_id,
        metadata=_raw(row.metadata),
        redemption=_given(row.parent_id if row.object == REDEMPTION else row.redemption_id),
        reason=_given(row.reason),
        result=row.result,
        status=_status(row),
        failure_code=_given(row.failure_code),
        failure_message=_given(row.failure_message),
        order=order,
        channel=Channel(row.channel_id, row.channel_type),
        customer=None if customer is None else customers.simple(customer),
        related_object_type=kind,
        related_object_id=id_,
    )
    if isinstance(part, VoucherPart):
        found.voucher = part
        _card(found, part, row.amount)
    elif isinstance(part, TierPart):
        found.promotion_tier = part
    return found


def _raw(metadata: Any) -> Any:
    return msgspec.Raw(metadata.encode()) if isinstance(metadata, str) else metadata


def _card(found: RedemptionView, part: VoucherPart, amount: int | None) -> None:
    if amount is None:
        return
    found.amount = amount
    if part.type == GIFT_VOUCHER:
        found.gift = Amount(amount)
    else:
        found.loyalty_card = Points(amount)


def _status(row: Redemption) -> str:
    if row.result != SUCCESS:
        return "FAILED"
    return "ROLLED_BACK" if row.rollback_id is not None else "SUCCEEDED"


# --- those that are stored ----------------------------------------------------------------------


async def answers(
    ctx: Context, rows: Sequence[Row], *, related: bool = False
) -> list[RedemptionView]:
    """Stored rows as they are answered, with what they belong to as it is now; on request with the
    redemptions and rollbacks that belong to them.
    """
    if not rows:
        return []
    known = await definitions.current(ctx.db, ctx.project_id)
    people = await _by_id(ctx, customer_store.GET_MANY, {row["customer_id"] for row in rows})
    parts: dict[str, VoucherPart | TierPart] = {}
    for statement, column in (
        (redeemable_store.VOUCHERS_BY_ID, "voucher_id"),
        (redeemable_store.TIERS, "promotion_tier_id"),
    ):
        found = await _by_id(ctx, statement, {row[column] for row in rows})
        draw = voucher if column == "voucher_id" else tier
        parts |= {id_: draw(each, known, ("redeemable",)) for id_, each in found.items()}
    views = []
    for row in rows:
        part = parts.get(row["voucher_id"] or row["promotion_tier_id"] or "")
        redemption = redemptions.of(row)
        views.append(view(redemption, people.get(row["customer_id"]), part, row["order"]))
    if related:
        await _relate(ctx, rows, views)
    return views


async def _by_id(ctx: Context, statement: str, ids: set[str | None]) -> dict[str, Row]:
    wanted = [id_ for id_ in ids if id_]
    if not wanted:
        return {}
    return {row["id"]: row for row in await ctx.db.fetch(statement, ctx.project_id, wanted)}


async def _relate(ctx: Context, rows: Sequence[Row], views: Sequence[RedemptionView]) -> None:
    ids = [row["id"] for row in rows]
    rollbacks = [row["rollback_id"] for row in rows if row["rollback_id"]]
    found = await ctx.db.fetch(redemptions.RELATED, ctx.project_id, ids, rollbacks)
    for row, answered in zip(rows, views, strict=True):
        children = [
            Related(each["id"], wire.stamp(each["created_at"]))
            for each in found
            if each["parent_id"] == row["id"]
        ]
        undone = [
            Related(each["id"], wire.stamp(each["created_at"]))
            for each in found
            if each["id"] == row["rollback_id"]
        ]
        if children or undone:
            answered.related_redemptions = RelatedRedemptions(
                redemptions=children or UNSET, rollbacks=undone or UNSET
            )
