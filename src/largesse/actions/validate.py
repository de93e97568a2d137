"""What is done with a validation: decide, and on request put aside what was decided."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from largesse.actions import buyers, checkout, checkout_bodies, checkout_view, customers
from largesse.actions.checkout import Request
from largesse.actions.checkout_bodies import CheckoutBody, SessionBody
from largesse.actions.checkout_view import OrderView, RedeemableView
from largesse.actions.orders import CustomerOfOrder
from largesse.engine import receipts, stacking
from largesse.engine.incentives import VOUCHER
from largesse.engine.redemption import APPLICABLE, INAPPLICABLE, SKIPPED
from largesse.engine.stacking import StackingRules
from largesse.kit import wire
from largesse.store import sessions
from largesse.store.context import Context
from largesse.store.events import Event
from largesse.store.redeemables import Redeemables


class SessionView(msgspec.Struct, kw_only=True):
    """What was put aside, under which key and how long."""

    key: str
    type: str = "LOCK"
    ttl: float | int
    ttl_unit: str


class Validation(msgspec.Struct, kw_only=True):
    """The answer to a validation. Those that do not apply stand apart; where none applies, they
    stand in `redeemables` too.
    """

    id: str
    valid: bool
    redeemables: list[RedeemableView]
    skipped_redeemables: list[RedeemableView] | UnsetType = UNSET
    inapplicable_redeemables: list[RedeemableView] | UnsetType = UNSET
    order: OrderView | UnsetType = UNSET
    tracking_id: str | UnsetType = UNSET
    session: SessionView | UnsetType = UNSET
    stacking_rules: StackingRules


class Validated(msgspec.Struct):
    """A request that was decided, with what was loaded for it."""

    request: Request
    found: Redeemables
    session: SessionView | UnsetType = UNSET


async def decided(ctx: Context, body: CheckoutBody) -> Validated:
    """Decides a request without redeeming anything; with a session what applies is put aside.
    Raises what `checkout_bodies.check` raises, and NotFound for a customer, an order or a stack by
    an id that nobody has.
    """
    checkout_bodies.check(ctx, body)
    request = Request(ctx=ctx, body=body)
    lock = body.session is not None
    await checkout.find_order(request)
    checkout.check_order(request)
    request.asked = await checkout.expand(ctx, body.redeemables)
    if body.session is not None and body.session.key is None:
        body.session.key = ctx.new_id("ssn_")
    found = await checkout.load([request], lock=lock)
    request.customer = await buyers.look(ctx, body, request.order)
    await checkout.know(request, found)
    checkout.check(request, found)
    await checkout.read_order(request)
    await checkout.learn(request, checkout.of_request(request, found))
    shared = await checkout.share([request], found)
    checkout.decide(request, found, shared)
    validated = Validated(request, found)
    if body.session is not None:
        validated.session = await _put_aside(request, body.session)
    return validated


async def _put_aside(request: Request, session: SessionBody) -> SessionView | UnsetType:
    """Holds what applies for the key; a request that is not valid holds nothing, and what the key
    held before stays.
    """
    ctx, plan = request.ctx, request.decided
    if not plan.valid:
        return UNSET
    amounts = {
        step.asked.incentive.id: step.outcome.credits
        for step in plan.applicable
        if step.asked.incentive is not None
        and step.outcome is not None
        and step.asked.object == VOUCHER
    }
    assert session.key is not None
    expires_at = ctx.now + checkout_bodies.lasts(session)
    await sessions.promise(ctx.db, ctx.project_id, session.key, amounts, expires_at, ctx.now)
    ttl, ttl_unit = checkout_bodies.USUAL_TTL
    if session.ttl is None:
        return SessionView(key=session.key, ttl=ttl, ttl_unit=ttl_unit)
    # A whole number is answered as one, as long as every client can read it.
    whole = session.ttl.is_integer() and session.ttl < 2**53
    return SessionView(
        key=session.key,
        ttl=int(session.ttl) if whole else session.ttl,
        ttl_unit=session.ttl_unit or ttl_unit,
    )


async def validate(ctx: Context, body: CheckoutBody) -> Validation:
    """Whether redeemables apply together, and what the order would come to. Raises what `decided`
    raises, but for a redeemable that is not there, which is inapplicable.
    """
    done = await decided(ctx, body)
    request, plan = done.request, done.request.decided
    members = order_members(request)
    views = [_view(done, place, members) for place in range(len(plan.steps))]
    applicable = [views[place] for place in plan.order]
    skipped = [view for view in views if view.status == SKIPPED]
    inapplicable = [view for view in views if view.status == INAPPLICABLE]
    answer = Validation(
        id=ctx.new_id("valid_"),
        valid=plan.valid,
        redeemables=applicable or views,
        skipped_redeemables=skipped or UNSET,
        inapplicable_redeemables=inapplicable or UNSET,
        tracking_id=buyers.tracking_id(ctx, body, request.customer) or UNSET,
        session=done.session,
        stacking_rules=stacking.told(request.known.stacking),
    )
    if plan.valid and request.cart is not None and plan.cart is not None:
        answer.order = checkout_view.order(receipts.of(request.cart, plan.cart), **members)
    notice(done, answer.id)
    return answer


def notice(done: Validated, id_: str) -> None:
    """Leaves word of a validation, for its campaigns' sums and its customer."""
    request, ctx = done.request, done.request.ctx
    plan, day = request.decided, request.clock.today
    happened = "succeeded" if plan.valid else "failed"
    counted = [
        (campaign_id, day, measure, 1)
        for campaign_id in _campaigns(done)
        for measure in ("validations", f"validations_{happened}")
    ]
    customer = request.customer
    known = customer is not None and bool(customer["id"])
    if not counted and not known:
        return
    told: dict[str, list[dict[str, str]]] = {status: [] for status in _LISTS.values()}
    for step in plan.steps:
        if step.asked.incentive is not None:
            named = {"id": step.asked.incentive.id, "type": step.asked.object}
            told[_LISTS[step.status]].append(named)
    validation = {
        "id": id_,
        "session_id": done.session.key if done.session else None,
        "status": "VALID" if plan.valid else "INVALID",
        "created_at": wire.stamp(ctx.now),
        "customer_id": customer["id"] if known and customer else None,
        **told,
    }
    simple = customers.simple(customer) if known and customer is not None else None
    ctx.notice(
        Event(
            f"customer.validation.{happened}" if known else f"validation.{happened}",
            wire.encode({"customer": simple, "validation": validation}).decode(),
            customer_id=customer["id"] if known and customer is not None else None,
            counted=tuple(counted),
        )
    )


_LISTS = {
    APPLICABLE: "redeemables",
    SKIPPED: "skipped_redeemables",
    INAPPLICABLE: "inapplicable_redeemables",
}


def _campaigns(done: Validated) -> list[str]:
    found = checkout.of_request(done.request, done.found)
    return sorted({incentive.campaign.id for incentive in found if incentive.campaign})


def order_members(request: Request) -> dict[str, Any]:
    """The members of the request's order that its discounts do not change. Whose referral code
    applies refers it.
    """
    if request.order is not None:
        return checkout_view.stored(request.order)
    body = request.body.order
    members: dict[str, Any] = {"metadata": (body.metadata or {}) if body is not None else {}}
    if body is not None and body.source_id:
        members["source_id"] = body.source_id
    if body is not None and body.status:
        members["status"] = body.status
    customer = request.customer
    if customer is not None and customer["id"]:
        members["customer_id"] = customer["id"]
        members["customer"] = CustomerOfOrder(customer["id"])
    codes = [step.asked.incentive for step in request.plan.applicable] if request.plan else []
    referrer_id = next((code.referrer_id for code in codes if code and code.referrer_id), None)
    if referrer_id is not None:
        members["referrer_id"], members["referrer"] = referrer_id, CustomerOfOrder(referrer_id)
    return members


def _view(done: Validated, place: int, members: dict[str, Any]) -> RedeemableView:
    request = done.request
    options = request.body.options
    row = checkout.loaded(request, done.found, request.asked[place])
    return checkout_view.redeemable(
        request.decided.steps[place],
        None if row is None else row.row,
        request.known,
        request_id=request.ctx.request_id,
        expand=(options.expand or []) if options else [],
        members=members,
        explain=bool(options and options.explain),
    )
