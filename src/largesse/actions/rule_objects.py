"""What validation rules are assigned to, and how events show it."""

from __future__ import annotations

from typing import Any, Literal, get_args

import msgspec

from largesse.kit import wire
from largesse.kit.db import Row
from largesse.kit.errors import NotFound
from largesse.store import campaigns, rules, vouchers
from largesse.store.context import Context

Kind = Literal[
    "voucher", "campaign", "promotion_tier", "earning_rule", "reward_assignment", "distribution"
]
KINDS: tuple[str, ...] = get_args(Kind)
DATES = ("created_at", "updated_at", "start_date", "expiration_date")
STATEMENTS = {
    "voucher": rules.VOUCHER,
    "campaign": rules.CAMPAIGN,
    "promotion_tier": rules.PROMOTION_TIER,
}
NOTHING: dict[str, Any] = {
    "campaign": None,
    "distribution": None,
    "earning_rule": None,
    "promotion_tier": None,
}


class Related(msgspec.Struct, frozen=True):
    """An object that rules are assigned to; `event` are the members that tell of it."""

    type: str
    id: str
    event: dict[str, Any]


async def find(ctx: Context, kind: str, name: str) -> Related:
    """An object by its id, a voucher also by its code and a campaign by its name; nobody deletes it
    meanwhile. Raises NotFound.
    """
    named: Row | None = {"id": name}
    if kind == "voucher":
        named = await vouchers.find(ctx.db, ctx.project, name)
    elif kind == "campaign":
        named = await campaigns.find(ctx.db, ctx.project_id, name)
    row = None if named is None else await _kept(ctx, kind, named["id"])
    if row is None:
        raise NotFound.of(kind, name)
    return Related(kind, row["id"], _event(kind, row))


async def event(ctx: Context, kind: str, object_id: str) -> dict[str, Any]:
    """The members that tell of an object, though it may be gone."""
    row = await _kept(ctx, kind, object_id)
    return NOTHING if row is None else _event(kind, row)


async def _kept(ctx: Context, kind: str, object_id: str) -> Row | None:
    if kind not in STATEMENTS:
        return None
    return await ctx.db.fetchrow(STATEMENTS[kind], ctx.project_id, object_id)


def _event(kind: str, row: Row) -> dict[str, Any]:
    match kind:
        case "voucher":
            return NOTHING | {"voucher": _voucher(row), "campaign": _campaign_of(row)}
        case "campaign":
            return NOTHING | {"campaign": _present(row) | {"object": "campaign"}}
        case _:
            tier = {name: row[name] for name in ("id", "name", "banner", "metadata")}
            campaign = _campaign_of(row)
            return NOTHING | {
                "promotion_tier": tier | {"campaign": campaign},
                "campaign": campaign,
            }


def _campaign_of(row: Row) -> dict[str, Any] | None:
    if row["campaign_id"] is None:
        return None
    return {"id": row["campaign_id"], "object": "campaign"}


def _present(row: Row) -> dict[str, Any]:
    """The columns that are not empty, with instants as they are sent."""
    return {
        name: wire.stamp(value) if name in DATES else value
        for name, value in row.items()
        if value is not None
    }


def _voucher(row: Row) -> dict[str, Any]:
    voucher = _present(row)
    amount, balance = voucher.pop("amount"), voucher.pop("balance")
    effect = {"effect": voucher.pop("effect")} if "effect" in voucher else {}
    quantity, redeemed = voucher.pop("quantity", None), voucher.pop("redeemed_quantity")
    voucher["redemption"] = {"quantity": quantity, "redeemed_quantity": redeemed}
    if row["type"] == "GIFT_VOUCHER":
        voucher["gift"] = {"amount": amount, "balance": balance} | effect
    elif row["type"] == "LOYALTY_CARD":
        voucher["loyalty_card"] = {"points": amount, "balance": balance}
    return {"category_id": None} | voucher | {"object": "voucher"}
