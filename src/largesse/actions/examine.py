"""What is done with the qualifications that came before: of vouchers that belong to no campaign,
and of campaigns. Both judge every limit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from largesse.actions import buyers, campaign_view, checkout_view, voucher_view
from largesse.actions.campaign_view import CampaignAnswer
from largesse.actions.checkout import Request
from largesse.actions.checkout_bodies import ContextBody
from largesse.actions.checkout_view import EntryList
from largesse.actions.qualification_bodies import Condition, Filters
from largesse.actions.qualification_search import Search
from largesse.actions.qualification_view import Qualified
from largesse.actions.qualify import begin
from largesse.actions.voucher_view import VoucherAnswer
from largesse.engine.lines import Cart
from largesse.engine.qualification import EXAMINED, EXAMINED_AUDIENCE
from largesse.kit import wire
from largesse.store import campaigns
from largesse.store.context import Context
from largesse.store.customer_view import Instant
from largesse.store.qualifications import CAMPAIGN, VOUCHER

NEWEST = "-created_at"
_ALL = 1_000_000
_VOUCHERS = Filters((Condition("resource_type", "$is", frozenset({VOUCHER})),))
_CAMPAIGNS = Filters((Condition("resource_type", "$is", frozenset({CAMPAIGN})),))


class ExaminedVoucher(VoucherAnswer, kw_only=True):
    """A voucher that qualifies, with the lines that it is for."""

    applicable_to: EntryList
    inapplicable_to: EntryList


class VouchersExamined(msgspec.Struct, kw_only=True):
    """The vouchers that qualify."""

    object: str = "list"
    data_ref: str = "data"
    data: list[ExaminedVoucher]
    total: int
    id: str
    created_at: Instant
    tracking_id: str | UnsetType = UNSET


class CampaignsExamined(msgspec.Struct, kw_only=True):
    """The campaigns that qualify."""

    object: str = "list"
    data_ref: str = "data"
    data: list[CampaignAnswer]
    total: int
    id: str
    created_at: Instant
    tracking_id: str | UnsetType = UNSET


async def examine_vouchers(
    ctx: Context, body: ContextBody, *, audience: bool, limit: int, order: str
) -> VouchersExamined:
    """The vouchers of no campaign that qualify. Raises what `begin` raises."""
    request = await begin(ctx, body)
    found = await _found(request, _VOUCHERS, audience, limit if order == NEWEST else _ALL)
    orders: dict[str, Callable[[Any], Any]] = {
        "created_at": lambda each: each.candidate.key,
        "updated_at": lambda each: _last(each.candidate.row),
        "code": lambda each: each.candidate.id,
    }
    if order != NEWEST:
        found = _sorted(found, orders[order.removeprefix("-")], order)[:limit]
    rows = [each.candidate.row for each in found]
    answers = await voucher_view.answers(ctx, rows, assignments=True)
    cart = request.cart or Cart()
    data = [
        ExaminedVoucher(
            **msgspec.structs.asdict(answer),
            applicable_to=checkout_view.entries(each.outcome.entries, cart),
            inapplicable_to=checkout_view.entries(each.outcome.excluded, cart),
        )
        for each, answer in zip(found, answers, strict=True)
    ]
    return VouchersExamined(data=data, total=len(data), **_told(request))


async def examine_campaigns(
    ctx: Context, body: ContextBody, *, audience: bool, limit: int, order: str
) -> CampaignsExamined:
    """The campaigns of codes that qualify. Raises what `begin` raises."""
    request = await begin(ctx, body)
    found = await _found(request, _CAMPAIGNS, audience, limit if order == NEWEST else _ALL)
    ids = [each.candidate.id for each in found]
    rows = {row["id"]: row for row in await ctx.db.fetch(campaigns.NAMED, ctx.project_id, ids)}
    data = await campaign_view.answers(ctx, [rows[id_] for id_ in ids if id_ in rows], whole=True)
    orders: dict[str, Callable[[CampaignAnswer], Any]] = {
        "created_at": lambda each: each.created_at,
        "updated_at": lambda each: each.updated_at or each.created_at,
        "type": lambda each: each.type,
        "category": lambda each: each.category or "",
        **dict.fromkeys(("campaign", "code"), lambda each: each.name),
    }
    if order != NEWEST:
        data = _sorted(data, orders[order.removeprefix("-")], order)[:limit]
    return CampaignsExamined(data=data, total=len(data), **_told(request))


async def _found(request: Request, filters: Filters, audience: bool, most: int) -> list[Qualified]:
    search = Search(request, EXAMINED_AUDIENCE if audience else EXAMINED, filters, wallet=False)
    return (await search.newest(most, None))[:most]


def _sorted(found: Sequence[Any], key: Callable[[Any], Any], order: str) -> list[Any]:
    return sorted(found, key=key, reverse=order.startswith("-"))


def _last(row: Any) -> Any:
    return row["updated_at"] or row["created_at"]


def _told(request: Request) -> dict[str, Any]:
    ctx = request.ctx
    return {
        "id": ctx.new_id("qfl_"),
        "created_at": wire.stamp(ctx.now),
        "tracking_id": buyers.tracking_id(ctx, request.body, request.customer) or UNSET,
    }
