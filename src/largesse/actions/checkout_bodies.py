"""What a checkout sends: redeemables, an order, a customer, and how to answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from largesse.actions import orders
from largesse.actions.customers import CustomerBody
from largesse.actions.orders import OrderBody
from largesse.engine import metadata as metadata_rules
from largesse.engine.orders import MOST_AMOUNT
from largesse.kit.errors import DuplicatedRedeemables, InvalidPayload, InvalidRedeemables
from largesse.store.context import Context

Text = Annotated[str, Meta(max_length=255)]
Name = Annotated[str, Meta(min_length=1, max_length=255)]
Unit = Literal["DAYS", "HOURS", "MINUTES", "SECONDS", "MILLISECONDS", "MICROSECONDS", "NANOSECONDS"]
VOUCHER: Final = "voucher"
TIER: Final = "promotion_tier"
STACK: Final = "promotion_stack"


class CreditsBody(msgspec.Struct, kw_only=True):
    """How many credits to take from a gift card, in minor units; as many as are due without it."""

    credits: int | None = None


class RewardBody(msgspec.Struct, kw_only=True):
    """The reward to redeem with a loyalty card, and the points to spend on it."""

    id: Text | None = None
    points: int | None = None


class RedeemableBody(msgspec.Struct, kw_only=True):
    """What is to be redeemed: a voucher by its code or id, a tier or a stack by its id."""

    object: Literal["voucher", "promotion_tier", "promotion_stack"]
    id: Name
    gift: CreditsBody | None = None
    reward: RewardBody | None = None


class SessionBody(msgspec.Struct, kw_only=True):
    """What puts aside what was validated, for 7 days unless `ttl` says otherwise."""

    type: Literal["LOCK"] | None = None
    key: Name | None = None
    ttl: float | None = None
    ttl_unit: Unit | None = None


class OptionsBody(msgspec.Struct, kw_only=True):
    """How to answer: `expand` names what is told in full, `explain` asks how rules were judged."""

    expand: list[str] | None = None
    explain: bool | None = None


class ContextBody(msgspec.Struct, kw_only=True):
    """Who buys what: what a decision is made for."""

    order: OrderBody | None = None
    customer: CustomerBody | None = None
    tracking_id: Text | None = None
    metadata: dict[str, Any] | None = None
    session: SessionBody | None = None
    options: OptionsBody | None = None


class CheckoutBody(ContextBody, kw_only=True):
    """Redeemables to validate or redeem together."""

    redeemables: list[RedeemableBody]


def expands(body: ContextBody, name: str) -> bool:
    """Whether the answer is to tell something in full."""
    return bool(body.options and body.options.expand and name in body.options.expand)


def check(ctx: Context, body: CheckoutBody) -> None:
    """Raises InvalidPayload, DuplicatedRedeemables and InvalidRedeemables for what cannot be
    decided, before anything is loaded.
    """
    asked = body.redeemables
    if not asked:
        raise InvalidPayload("Property .redeemables should NOT have fewer than 1 items")
    most = ctx.settings.redeemables
    if len(asked) > most:
        raise InvalidPayload(f"Property .redeemables should NOT have more than {most} items")
    if len(asked) > 1 and any(each.object == STACK for each in asked):
        raise InvalidRedeemables("Promotion Stack cannot be use with other redeemables")
    check_unique([(each.object, each.id) for each in asked])
    for place, each in enumerate(asked):
        check_credits(each.gift, f".redeemables[{place}].gift")
    check_context(ctx, body)


def check_credits(gift: CreditsBody | None, path: str) -> None:
    """Raises InvalidPayload for a number of credits that no card can hold."""
    credits = gift.credits if gift else None
    if credits is not None and not 0 <= credits <= MOST_AMOUNT:
        bound = "lower than 0" if credits < 0 else f"higher than {MOST_AMOUNT}"
        raise InvalidPayload(f"Property {path}.credits cannot be {bound}")


def check_unique(names: Sequence[Any]) -> None:
    """Raises DuplicatedRedeemables where something is redeemed twice."""
    if len(set(names)) < len(names):
        raise DuplicatedRedeemables("Duplicated redeemables detected in one redemption")


def check_context(ctx: Context, body: ContextBody) -> None:
    """Raises InvalidPayload for an order, metadata or a session that cannot be."""
    if body.order is not None:
        orders.check(body.order, ctx.settings.order_items)
    if body.metadata and (found := metadata_rules.flaw(body.metadata)):
        raise InvalidPayload(found)
    if body.session is not None and body.session.ttl is not None and not body.session.ttl > 0:
        raise InvalidPayload("Property .session.ttl should be > 0")


_SECONDS = {
    "DAYS": 86_400.0,
    "HOURS": 3_600.0,
    "MINUTES": 60.0,
    "SECONDS": 1.0,
    "MILLISECONDS": 1e-3,
    "MICROSECONDS": 1e-6,
    "NANOSECONDS": 1e-9,
}
LONGEST = timedelta(days=36_500)
USUAL_TTL: tuple[int, Unit] = (7, "DAYS")


def lasts(session: SessionBody) -> timedelta:
    """How long a session holds what it put aside."""
    ttl, unit = USUAL_TTL if session.ttl is None else (session.ttl, session.ttl_unit or "DAYS")
    seconds = ttl * _SECONDS[unit]
    return LONGEST if seconds >= LONGEST.total_seconds() else timedelta(seconds=seconds)
