"""What is done with a qualification: look through what could be used, and answer a page of what
can. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET

from largesse.actions import (
    buyers,
    checkout,
    checkout_bodies,
    checkout_view,
    qualification_bodies,
    qualification_view,
    validate,
)
from largesse.actions.checkout import Request
from largesse.actions.qualification_bodies import QualificationBody, QualificationOptions
from largesse.actions.qualification_search import Search
from largesse.actions.qualification_view import (
    Qualification,
    Qualified,
    QualifiedList,
    Terms,
)
from largesse.engine import qualification, receipts, stacking
from largesse.engine.incentives import GIFT
from largesse.engine.qualification import DEFAULT, SCENARIOS
from largesse.kit.db import Row
from largesse.store import definitions, rules, sessions
from largesse.store.context import Context


async def begin(ctx: Context, body: checkout_bodies.ContextBody) -> Request:
    """A request with its order and its customer. Raises what `checkout_bodies.check_context`
    raises, and NotFound for an order or a customer by an id that nobody has.
    """
    checkout_bodies.check_context(ctx, body)
    request = Request(ctx=ctx, body=body)
    await checkout.find_order(request)
    request.customer = await buyers.look(ctx, body, request.order)
    request.known = await definitions.current(ctx.db, ctx.project_id)
    await checkout.read_order(request)
    return request


async def qualify(ctx: Context, body: QualificationBody) -> Qualification:
    """The redeemables that could be used, a page of them. Raises what `begin` raises, and
    InvalidPayload for filters and cursors that cannot be.
    """
    options = body.options or QualificationOptions()
    limit = options.limit or qualification_bodies.USUAL
    scenario = SCENARIOS[body.scenario or "ALL"]
    filters = qualification_bodies.filters(ctx.project, options.filters)
    after = qualification_bodies.cursor(options.starting_after)
    request = await begin(ctx, body)
    search = Search(request, scenario, filters)
    sorting = options.sorting_rule or DEFAULT
    found = await (
        search.newest(limit + 1, after)
        if sorting == DEFAULT
        else search.deals(limit + 1, after, best=sorting == qualification.BEST_DEAL)
    )
    page, more = found[:limit], len(found) > limit
    terms = await _terms(request, page, scenario.unseen, options.expand or [])
    views = [qualification_view.view(each, terms) for each in page]
    answered = QualifiedList(data=views, total=len(views), has_more=more or search.cut)
    if answered.has_more:
        answered.more_starting_after = search.ended(found, limit)
    if more:
        # Those who page by the time of the last one, as the reference describes, lose none either.
        views[-1].created_at = search.ended(found, limit)
    answer = Qualification(
        redeemables=answered,
        tracking_id=buyers.tracking_id(ctx, body, request.customer) or UNSET,
        stacking_rules=stacking.told(request.known.stacking),
    )
    if request.cart is not None:
        receipt = receipts.of(request.cart, request.cart)
        answer.order = checkout_view.order(receipt, **terms.members)
    return answer


async def _terms(
    request: Request, page: Sequence[Qualified], unseen: frozenset[str], expand: Sequence[str]
) -> Terms:
    session = request.body.session
    return Terms(
        known=request.known,
        cart=request.cart,
        members=validate.order_members(request),
        expand=expand,
        unseen=unseen,
        assignments=await assigned(request.ctx, page) if "validation_rules" in expand else {},
        locked=await _locked(request.ctx, page) if session and session.type == "LOCK" else None,
    )


async def assigned(ctx: Context, page: Sequence[Qualified]) -> Mapping[str, Sequence[Row]]:
    """The rules of a page's redeemables and of their campaigns, by the object that has them."""
    shown = [each for found in page for each in (found.candidate, *found.candidate.tiers)]
    ids = {each.row[name] for each in shown for name in ("id", "campaign_id")}
    found: dict[str, list[Row]] = {}
    for row in await ctx.db.fetch(rules.ASSIGNMENTS_OF, ctx.project_id, sorted(filter(None, ids))):
        found.setdefault(row["related_object_id"], []).append(row)
    return found


async def _locked(ctx: Context, page: Sequence[Qualified]) -> dict[str, int]:
    """The credits that sessions hold of a page's gift cards."""
    rows: list[Any] = [
        found.candidate.row
        for found in page
        if found.candidate.incentive.type == GIFT and found.candidate.object == "voucher"
    ]
    held = await sessions.promised(ctx.db, ctx.project_id, rows, ctx.now, "")
    return {id_: each.amount for id_, each in held.items()}
