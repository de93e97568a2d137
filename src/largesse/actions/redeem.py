"""What is done with a redemption: decide under lock, store, announce; all in one transaction, and
for any number of requests at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from largesse.actions import buyers, checkout, checkout_bodies, customers
from largesse.actions.checkout import Request
from largesse.actions.checkout_bodies import CheckoutBody
from largesse.actions.customers import CustomerBody
from largesse.actions.redemption_draft import Draft
from largesse.actions.redemption_rows import Writing
from largesse.actions.redemption_view import Redeemed
from largesse.engine import orders as order_rules
from largesse.kit.errors import InvalidOrder
from largesse.kit.routing import Answered
from largesse.store import customers as customer_store
from largesse.store.context import Context

Ask = tuple[Context, CheckoutBody]


async def redeem(ctx: Context, body: CheckoutBody) -> Redeemed | Answered:
    """Redeems redeemables together. One that is refused is stored as well, and answered as an
    error. Raises what `checkout_bodies.check` raises, and NotFound for a customer, an order or a
    stack by an id that nobody has.
    """
    return (await redeem_all([(ctx, body)]))[0]


def one_voucher(body: CheckoutBody) -> str | None:
    """The voucher that a request waits for, where it is for one alone and can be done together with
    others for the same. What names an order may be about the same as another: it comes alone.
    """
    order = body.order
    if order is not None and (order.id or order.source_id):
        return None
    if len(body.redeemables) != 1 or body.session is not None:
        return None
    asked = body.redeemables[0]
    return asked.id if asked.object == checkout_bodies.VOUCHER else None


async def redeem_all(asks: Sequence[Ask]) -> list[Redeemed | Answered]:
    """Redeems for several requests of one project, that share a transaction. They are decided in
    turn against what is held for all of them, and each is answered for itself.
    """
    return [answer for _, answer in await decided_all(asks)]


async def decided_all(asks: Sequence[Ask]) -> list[tuple[Request, Redeemed | Answered]]:
    """Redeems as `redeem_all` does, and answers beside each answer what was decided for it."""
    requests = [Request(ctx=ctx, body=body) for ctx, body in asks]
    for request, (ctx, body) in zip(requests, asks, strict=True):
        checkout_bodies.check(ctx, body)
        request.asked = await checkout.expand(ctx, body.redeemables)
    await _hold_orders(requests)
    found = await checkout.load(requests, lock=True)
    await _hold_buyers(requests)
    for request in requests:
        await checkout.know(request, found)
        checkout.check(request, found)
        await checkout.read_order(request)
        await checkout.learn(request, checkout.of_request(request, found))
    shared = await checkout.share(requests, found, lock=True)
    writing = Writing(requests[0].ctx, requests[0].known)
    rows = {loaded.row["id"]: dict(loaded.row) for loaded in found.vouchers.values()}
    answers: list[Redeemed | Answered] = []
    for request in requests:
        plan = checkout.decide(request, found, shared)
        draft = Draft(request, found, rows, writing)
        if plan.valid:
            shared.move(plan)
            answers.append(await draft.redeemed())
        else:
            answers.append(draft.refused())
    await writing.store()
    return list(zip(requests, answers, strict=True))


# --- holding ------------------------------------------------------------------------------------


async def _hold_orders(requests: Sequence[Request]) -> None:
    """Holds the orders that exist, by their names."""

    def name(request: Request) -> str:
        body = request.body.order
        return (body.id or body.source_id or "") if body is not None else ""

    for request in sorted(requests, key=name):
        await checkout.find_order(request, lock=True)
        row = request.order
        if row is not None and row["status"] == order_rules.CANCELED:
            raise InvalidOrder("A canceled order cannot be redeemed for")


async def _hold_buyers(requests: Sequence[Request]) -> None:
    """Holds who buys, by their names; they are made or updated where the request says more than who
    they are.
    """
    wanted: list[tuple[Request, CustomerBody]] = []
    for request in requests:
        body = buyers.buyer(request.ctx, request.body)
        if body is None and request.order is not None and request.order["customer_id"]:
            body = CustomerBody(id=request.order["customer_id"])
        if body is not None:
            wanted.append((request, body))
    known: dict[str, Any] = {}
    ctx = requests[0].ctx
    plain = {body.source_id for _, body in wanted if _is_plain(body)}
    if plain:
        rows = await ctx.db.fetch(customer_store.HOLD_NAMED, ctx.project_id, sorted(plain))
        known = {row["source_id"]: row for row in rows}
    for request, body in sorted(wanted, key=lambda each: each[1].id or each[1].source_id or ""):
        row = known.get(body.source_id or "") if _is_plain(body) else None
        request.customer = row or await customers.mention(request.ctx, body)
        buyers.agree(request.ctx, request.body, request.customer)


def _is_plain(body: CustomerBody) -> bool:
    """Whether a body names a customer by source id and says no more."""
    return body.source_id is not None and not body.id and not customers.tells(body)
