"""Vouchers as they are answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import UNSET, UnsetType

from largesse.actions import categories, rules, timeframes
from largesse.actions.categories import Category
from largesse.actions.rules import AssignmentsList
from largesse.actions.timeframes import ValidityHours, ValidityTimeframe, stamp
from largesse.actions.worth import GIFT_VOUCHER, LOYALTY_CARD
from largesse.kit import auth, db, wire
from largesse.store import campaigns
from largesse.store.context import Context
from largesse.store.customer_view import Instant


class VoucherGift(msgspec.Struct, kw_only=True):
    """What is on a gift card, in minor units: `amount` is what was ever put on it."""

    amount: int
    subtracted_amount: int | UnsetType = UNSET
    balance: int
    effect: str


class VoucherCard(msgspec.Struct, kw_only=True):
    """What is on a loyalty card, in points: `points` is what was ever put on it."""

    points: int
    balance: int
    next_expiration_date: str | UnsetType = UNSET
    next_expiration_points: int | UnsetType = UNSET
    pending_points: int | UnsetType = UNSET
    expired_points: int | UnsetType = UNSET
    subtracted_points: int | UnsetType = UNSET


class Asset(msgspec.Struct):
    """A picture of a code; the address needs no key."""

    id: str
    url: str


class Assets(msgspec.Struct):
    qr: Asset
    barcode: Asset


class VoucherRedemption(msgspec.Struct, kw_only=True):
    """How often a voucher may be redeemed and was, and what of it was spent."""

    quantity: int | None
    redeemed_quantity: int
    redeemed_amount: int | UnsetType = UNSET
    redeemed_points: int | UnsetType = UNSET
    object: str = "list"
    url: str


class VoucherPublish(msgspec.Struct, kw_only=True):
    object: str = "list"
    count: int
    url: str


class VoucherAnswer(msgspec.Struct, kw_only=True):
    """A voucher as it is answered."""

    id: str
    code: str
    campaign: str | None
    campaign_id: str | None
    category: str | None
    category_id: str | None
    categories: list[Category]
    type: str
    discount: dict[str, Any] | None
    gift: VoucherGift | None
    loyalty_card: VoucherCard | None
    start_date: Instant | None = None
    expiration_date: Instant | None = None
    validity_timeframe: ValidityTimeframe | None = None
    validity_day_of_week: list[int] | None = None
    validity_hours: ValidityHours | UnsetType = UNSET
    active: bool
    additional_info: str | None
    metadata: dict[str, Any]
    assets: Assets
    is_referral_code: bool
    created_at: Instant
    updated_at: Instant | None
    holder_id: str | UnsetType = UNSET
    referrer_id: str | UnsetType = UNSET
    validation_rules_assignments: AssignmentsList | UnsetType = UNSET
    redemption: VoucherRedemption
    publish: VoucherPublish
    object: str = "voucher"


async def answers(
    ctx: Context, rows: Sequence[db.Row], *, assignments: bool = False
) -> list[VoucherAnswer]:
    """Rows as they are answered, on request with the rules that are assigned to them."""
    names = await _names(ctx, {row["campaign_id"] for row in rows})
    known = await categories.of_rows(ctx, rows)
    assigned = await rules.assignments_of(ctx, [row["id"] for row in rows]) if assignments else {}
    return [_answer(ctx, row, names, known, assigned.get(row["id"], UNSET)) for row in rows]


async def answer(ctx: Context, row: db.Row) -> VoucherAnswer:
    """A row as it is answered for itself."""
    return (await answers(ctx, [row], assignments=True))[0]


async def _names(ctx: Context, ids: set[str | None]) -> dict[str, str]:
    """The names of campaigns by their ids."""
    wanted = [id_ for id_ in ids if id_]
    if not wanted:
        return {}
    rows = await ctx.db.fetch(campaigns.NAMES, ctx.project_id, wanted)
    return {row["id"]: row["name"] for row in rows}


def _answer(
    ctx: Context,
    row: db.Row,
    names: dict[str, str],
    known: dict[str, Category],
    assigned: AssignmentsList | UnsetType,
) -> VoucherAnswer:
    category = known.get(row["category_id"])
    type_, path = row["type"], quote(row["code"], safe="")
    return VoucherAnswer(
        id=row["id"],
        code=row["code"],
        campaign=names.get(row["campaign_id"]),
        campaign_id=row["campaign_id"],
        category=None if category is None else category.name,
        category_id=None if category is None else category.id,
        categories=[] if category is None else [category],
        type=type_,
        discount=row["discount"],
        gift=gift_of(row) if type_ == GIFT_VOUCHER else None,
        loyalty_card=card_of(row) if type_ == LOYALTY_CARD else None,
        **timeframes.answered(row),
        active=row["active"],
        additional_info=row["additional_info"],
        metadata=row["metadata"],
        assets=_assets(ctx, row["id"]),
        is_referral_code=row["is_referral_code"],
        created_at=wire.stamp(row["created_at"]),
        updated_at=stamp(row["updated_at"]),
        holder_id=row["holder_id"] or UNSET,
        referrer_id=row["referrer_id"] or UNSET,
        validation_rules_assignments=assigned,
        redemption=VoucherRedemption(
            quantity=row["quantity"],
            redeemed_quantity=row["redeemed_quantity"],
            redeemed_amount=row["redeemed_amount"] if type_ == GIFT_VOUCHER else UNSET,
            redeemed_points=row["redeemed_amount"] if type_ == LOYALTY_CARD else UNSET,
            url=f"/v1/vouchers/{path}/redemptions?page=1&limit=10",
        ),
        publish=VoucherPublish(
            count=row["published"], url=f"/v1/vouchers/{path}/publications?page=1&limit=10"
        ),
    )


def balance(row: db.Row) -> int:
    """What is left on a card."""
    spent = row["subtracted_amount"] + row["redeemed_amount"] + row["points_expired"]
    left: int = row["amount"] - spent
    return left


def gift_of(row: db.Row) -> VoucherGift:
    """A gift card's own member."""
    return VoucherGift(
        amount=row["amount"],
        subtracted_amount=row["subtracted_amount"] or UNSET,
        balance=balance(row),
        effect=row["effect"],
    )


def card_of(row: db.Row) -> VoucherCard:
    """A loyalty card's own member."""
    date = row["next_expiration_date"]
    return VoucherCard(
        points=row["amount"],
        balance=balance(row),
        next_expiration_date=UNSET if date is None else date.isoformat(),
        next_expiration_points=row["next_expiration_points"] or UNSET,
        pending_points=row["points_pending"] or UNSET,
        expired_points=row["points_expired"] or UNSET,
        subtracted_points=row["subtracted_amount"] or UNSET,
    )


def _assets(ctx: Context, voucher_id: str) -> Assets:
    signature = auth.sign(ctx.project.link_secret, "asset", ctx.project_id, voucher_id)
    id_ = f"{signature}.{ctx.project_id}.{voucher_id}"
    url = f"{ctx.settings.base_url}/v1/assets"
    return Assets(Asset(id_, f"{url}/qr/{id_}"), Asset(id_, f"{url}/barcode/{id_}"))
