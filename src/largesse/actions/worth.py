"""What a voucher is worth: a discount, or an amount on a gift card or a loyalty card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from largesse.engine import discounts
from largesse.engine.discounts import DiscountError
from largesse.engine.orders import MOST_AMOUNT
from largesse.kit import wire
from largesse.kit.errors import InvalidGift, InvalidVoucher, Problem

DISCOUNT_VOUCHER, GIFT_VOUCHER, LOYALTY_CARD = "DISCOUNT_VOUCHER", "GIFT_VOUCHER", "LOYALTY_CARD"
VoucherType = Literal["DISCOUNT_VOUCHER", "GIFT_VOUCHER", "LOYALTY_CARD"]
GiftEffect = Literal["APPLY_TO_ORDER", "APPLY_TO_ITEMS"]


class GiftBody(msgspec.Struct, kw_only=True):
    """What is on a gift card, in minor units, and what it is spent on."""

    amount: int | None = None
    effect: GiftEffect | None = None


class LoyaltyCardBody(msgspec.Struct, kw_only=True):
    """How many points a loyalty card has, and when they expire."""

    points: int | None = None
    expiration_rules: dict[str, Any] | None = None


class RedemptionBody(msgspec.Struct, kw_only=True):
    """How often a voucher may be redeemed; null is without end."""

    quantity: int | msgspec.UnsetType | None = msgspec.UNSET


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """What the row of a voucher of a type holds; `discount` is JSON."""

    discount: str | None = None
    effect: str | None = None
    amount: int = 0


def worth(
    type_: str,
    discount: Mapping[str, Any] | None,
    gift: GiftBody | None,
    card: LoyaltyCardBody | None,
    problem: type[Problem] = InvalidVoucher,
    owner: str = "",
) -> Worth:
    """What a new voucher of a type is worth. Raises `problem` where the type's own member is
    missing (naming the `owner`) or cannot be, and InvalidGift.
    """
    if type_ == DISCOUNT_VOUCHER:
        if discount is None:
            raise problem(f"Property 'discount' is required for {owner or type_}")
        return Worth(discount=discount_of(discount, problem))
    if type_ == GIFT_VOUCHER:
        if gift is None or gift.amount is None:
            raise InvalidGift(f"Property 'gift.amount' is required for {owner or type_}")
        check_amount(gift.amount, ".gift.amount", InvalidGift)
        return Worth(effect=gift.effect or "APPLY_TO_ORDER", amount=gift.amount)
    points = 0 if card is None or card.points is None else card.points
    check_amount(points, ".loyalty_card.points", problem)
    return Worth(amount=points)


def discount_of(
    given: Mapping[str, Any], problem: type[Problem] = InvalidVoucher, path: str = ".discount"
) -> str:
    """A discount as JSON, without what does not belong to it. Raises `problem`."""
    try:
        return wire.encode(discounts.read(given, path=path)).decode()
    except DiscountError as error:
        raise problem(str(error)) from None


def check_amount(value: int, path: str, problem: type[Problem]) -> None:
    """Raises `problem` for an amount below 0 or beyond what is counted with."""
    if value < 0:
        raise problem(f"Property {path} cannot be lower than 0")
    if value > MOST_AMOUNT:
        raise problem(f"Property {path} cannot be higher than {MOST_AMOUNT}")


def quantity_of(body: RedemptionBody | None, otherwise: int | None) -> int | None:
    """How often a voucher may be redeemed after a body. Raises InvalidVoucher for less than 1."""
    if body is None or body.quantity is msgspec.UNSET:
        return otherwise
    if body.quantity is not None:
        if body.quantity < 1:
            raise InvalidVoucher("Property .redemption.quantity should be >= 1")
        check_amount(body.quantity, ".redemption.quantity", InvalidVoucher)
    return body.quantity
