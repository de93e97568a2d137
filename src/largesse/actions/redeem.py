"""What is done with a redemption: decide under lock, store, announce; all in one transaction, and
for any number of requests at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from largesse.actions import buyers, checkout, checkout_bodies, customers, order_items
from largesse.actions.checkout import Request
from largesse.actions.checkout_bodies import CheckoutBody
from largesse.actions.customers import CustomerBody
from largesse.actions.redemption_draft import Draft
from largesse.actions.redemption_rows import Writing
from largesse.actions.redemption_view import Redeemed
from largesse.kit.db import Row
from largesse.kit.grouping import LATER
from largesse.kit.routing import Answered
from largesse.store import customers as customer_store
from largesse.store.context import Context

Ask = tuple[Context, CheckoutBody]
Answer = Redeemed | Answered


async def redeem(ctx: Context, body: CheckoutBody) -> Answer:
    """Redeems redeemables together. One that is refused is stored as well, and answered as an
    error. Raises what `checkout_bodies.check` raises, and NotFound for a customer, an order or a
    stack by an id that nobody has.
    """
    return (await decided(ctx, body))[1]


def joins(body: CheckoutBody) -> bool:
    """Whether a request can be done together with others. What a session has put aside is known to
    its own requests alone; and who stores products, or a referrer, holds them in no order that
    others would keep to.
    """
    if body.session is not None:
        return False
    order = body.order
    return order is None or (
        order.referrer is None and not any(map(order_items.stores, order.items or ()))
    )


async def redeem_all(asks: Sequence[Ask]) -> list[Any]:
    """Redeems for several requests of one project, that share a transaction. They are decided in
    turn against what is held for all of them, and each is answered for itself. One whose order or
    customer is that of another has to see what that one made of it, and is answered LATER.
    """
    done = await _decided(asks)
    return [done[place][1] if place in done else LATER for place in range(len(asks))]


async def decided(ctx: Context, body: CheckoutBody) -> tuple[Request, Answer]:
    """Redeems as `redeem` does, and answers beside the answer what was decided for it."""
    return (await _decided([(ctx, body)]))[0]


async def _decided(asks: Sequence[Ask]) -> dict[int, tuple[Request, Answer]]:
    requests = {}
    for place, (ctx, body) in enumerate(asks):
        checkout_bodies.check(ctx, body)
        asked = await checkout.expand(ctx, body.redeemables)
        requests[place] = Request(ctx=ctx, body=body, asked=asked)
    requests = await _hold_orders(requests)
    found = await checkout.load(list(requests.values()), lock=True)
    requests = await _hold_buyers(requests)
    for request in requests.values():
        await checkout.know(request, found)
        checkout.check(request, found)
    await checkout.read_orders(list(requests.values()))
    for request in requests.values():
        await checkout.learn(request, checkout.of_request(request, found))
    together = list(requests.values())
    shared = await checkout.share(together, found, lock=True)
    writing = Writing(together[0].ctx, together[0].known, found)
    rows = {loaded.row["id"]: dict(loaded.row) for loaded in found.vouchers.values()}
    done: dict[int, tuple[Request, Answer]] = {}
    for place, request in requests.items():
        plan = checkout.decide(request, found, shared)
        draft = Draft(request, found, rows, writing)
        if plan.valid:
            shared.move(request, plan)
            done[place] = (request, await draft.redeemed())
        else:
            done[place] = (request, draft.refused())
    await writing.store()
    return done


# --- holding ------------------------------------------------------------------------------------


class _Seen:
    """What was named, by any of its names."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def again(self, *names: str | None) -> bool:
        """Whether one of these names was seen before; from now on all of them were."""
        given = {name for name in names if name}
        known = bool(given & self.names)
        self.names |= given
        return known


async def _hold_orders(requests: Mapping[int, Request]) -> dict[int, Request]:
    """Holds the orders that exist, by their names. Those whose order another one has are left
    out.
    """
    await checkout.hold_orders(list(requests.values()))
    seen, kept = _Seen(), dict(requests)
    for place, request in requests.items():
        checkout.check_order(request)
        row = request.order
        if seen.again(*(checkout.order_names(request) if row is None else (row["id"],))):
            del kept[place]
    return kept


async def _hold_buyers(requests: Mapping[int, Request]) -> dict[int, Request]:
    """Holds who buys, by their names; they are made or updated where the request says more than who
    they are. Those whose customer another one has are left out.
    """
    wanted: list[tuple[int, CustomerBody]] = []
    for place, request in requests.items():
        body = buyers.buyer(request.ctx, request.body)
        if body is None and request.order is not None and request.order["customer_id"]:
            body = CustomerBody(id=request.order["customer_id"])
        if body is not None:
            wanted.append((place, body))
    known = await _hold_people(requests, [body for _, body in wanted])
    seen, kept = _Seen(), dict(requests)
    for place, body in sorted(wanted, key=lambda each: each[1].id or each[1].source_id or ""):
        request, name = requests[place], body.id or body.source_id
        if seen.again(name):
            del kept[place]
            continue
        row = known.get(body.source_id or "") if _is_plain(body) else None
        request.customer = row or await customers.mention(request.ctx, body)
        buyers.agree(request.ctx, request.body, request.customer)
        owner = request.order["customer_id"] if request.order is not None else None
        others = {owner, request.customer["id"] if request.customer is not None else None}
        if seen.again(*others - {name}):
            del kept[place]
    return kept


async def _hold_people(
    requests: Mapping[int, Request], buying: Sequence[CustomerBody]
) -> dict[str, Row]:
    """Holds who buys, whose orders these are and who referred them, all at once and in one order;
    those who have a source id by that. One alone who is not named by it is left to be held later.
    """
    people = list(buying)
    for request in requests.values():
        row, order = request.order, request.body.order
        if row is not None and row["customer_id"]:
            people.append(CustomerBody(id=row["customer_id"]))
        elif order is not None and row is None:
            people += [order.referrer] if order.referrer else []
            people += [CustomerBody(id=order.referrer_id)] if order.referrer_id else []
    ids = sorted({person.id for person in people if person.id})
    names = sorted({person.source_id for person in people if person.source_id and not person.id})
    if not people or (len(people) == len(buying) == 1 and not _is_plain(buying[0])):
        return {}
    ctx = next(iter(requests.values())).ctx
    if ids:
        rows = await ctx.db.fetch(customer_store.HOLD_MANY, ctx.project_id, ids, names)
    else:
        rows = await ctx.db.fetch(customer_store.HOLD_NAMED, ctx.project_id, names)
    return {row["source_id"]: row for row in rows if row["source_id"]}


def _is_plain(body: CustomerBody) -> bool:
    """Whether a body names a customer by source id and says no more."""
    return body.source_id is not None and not body.id and not customers.tells(body)
