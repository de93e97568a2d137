"""A customer as it is answered: the row's flat columns in the wire's nested blocks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from largesse.engine import money
from largesse.kit.db import Row
from largesse.kit.wire import stamp

Instant = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
DayText = Annotated[str, Meta(extra_json_schema={"format": "date"})]


class Gift(msgspec.Struct):
    redeemed_amount: int
    amount_to_go: int


class LoyaltyCard(msgspec.Struct):
    redeemed_points: int
    points_to_go: int


class RedemptionsSummary(msgspec.Struct):
    total_redeemed: int
    total_failed: int
    total_succeeded: int
    total_rolled_back: int
    total_rollback_failed: int
    total_rollback_succeeded: int
    gift: Gift
    loyalty_card: LoyaltyCard


class OrdersSummary(msgspec.Struct):
    """Orders that were paid or fulfilled; amounts in minor units, after discounts."""

    total_amount: int
    total_count: int
    average_amount: int
    last_order_amount: int
    last_order_date: Instant | UnsetType = UNSET


class Summary(msgspec.Struct):
    redemptions: RedemptionsSummary
    orders: OrdersSummary


class CampaignStanding(msgspec.Struct):
    """Where a customer stands in one loyalty or referral campaign."""

    points: int
    referred_customers: int
    loyalty_tier: str | UnsetType = UNSET


class Loyalty(msgspec.Struct):
    points: int
    referred_customers: int
    campaigns: dict[str, CampaignStanding]


class Referral(msgspec.Struct):
    """How the customer was referred, and by whom."""

    campaign_id: str
    referrer_id: str
    related_object_id: str
    related_object_type: str
    date: Instant


class Referrals(msgspec.Struct):
    total: int
    campaigns: list[Referral]


class Address(msgspec.Struct):
    city: str | UnsetType = UNSET
    state: str | UnsetType = UNSET
    line_1: str | UnsetType = UNSET
    line_2: str | UnsetType = UNSET
    country: str | UnsetType = UNSET
    postal_code: str | UnsetType = UNSET


class Customer(msgspec.Struct):
    """A customer as it is answered. Amounts are in minor units; what is unset is left out."""

    id: str
    source_id: str | UnsetType
    name: str | UnsetType
    description: str | UnsetType
    email: str | UnsetType
    phone: str | UnsetType
    birthday: DayText | UnsetType
    birthdate: DayText | UnsetType
    address: Address | None
    summary: Summary
    loyalty: Loyalty
    referrals: Referrals
    metadata: dict[str, Any]
    system_metadata: dict[str, Any]
    created_at: Instant
    updated_at: Instant | UnsetType
    object: str = "customer"


def _or_unset(value: Any) -> Any:
    return UNSET if value is None else value


def _day(value: date | None) -> str | UnsetType:
    return UNSET if value is None else value.isoformat()


def _moment(value: datetime | None) -> str | UnsetType:
    return UNSET if value is None else stamp(value)


def customer(row: Row, campaigns: Iterable[Row], referrals: Iterable[Row]) -> Customer:
    return Customer(
        row["id"],
        _or_unset(row["source_id"]),
        _or_unset(row["name"]),
        _or_unset(row["description"]),
        _or_unset(row["email"]),
        _or_unset(row["phone"]),
        _day(row["birthday"]),
        _day(row["birthdate"]),
        _address(row),
        _summary(row),
        Loyalty(
            row["loyalty_points"],
            row["loyalty_referred_customers"],
            {
                found["campaign"]: CampaignStanding(
                    found["points"],
                    found["referred_customers"],
                    _or_unset(found["loyalty_tier"]),
                )
                for found in campaigns
            },
        ),
        Referrals(
            row["referrals_total"],
            [
                Referral(
                    found["campaign_id"],
                    found["referrer_id"],
                    found["related_object_id"],
                    found["related_object_type"],
                    stamp(found["date"]),
                )
                for found in referrals
            ],
        ),
        row["metadata"],
        row["system_metadata"],
        stamp(row["created_at"]),
        _moment(row["updated_at"]),
    )


def _address(row: Row) -> Address | None:
    parts = (
        row["address_city"],
        row["address_state"],
        row["address_line_1"],
        row["address_line_2"],
        row["address_country"],
        row["address_postal_code"],
    )
    if not any(part is not None for part in parts):
        return None
    return Address(*map(_or_unset, parts))


def _summary(row: Row) -> Summary:
    total, count = row["orders_total_amount"], row["orders_total_count"]
    return Summary(
        RedemptionsSummary(
            row["redemptions_total_redeemed"],
            row["redemptions_total_failed"],
            row["redemptions_total_succeeded"],
            row["redemptions_total_rolled_back"],
            row["redemptions_total_rollback_failed"],
            row["redemptions_total_rollback_succeeded"],
            Gift(row["gift_redeemed_amount"], row["gift_amount_to_go"]),
            LoyaltyCard(row["loyalty_card_redeemed_points"], row["loyalty_card_points_to_go"]),
        ),
        OrdersSummary(
            total,
            count,
            money.average(total, count),
            row["orders_last_amount"],
            _moment(row["orders_last_date"]),
        ),
    )
