"""What is done with a redemption: decide under lock, store, announce; all in one transaction, and
for any number of requests at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from largesse.actions import buyers, checkout, checkout_bodies, customers
from largesse.actions.checkout import Request
from largesse.actions.checkout_bodies import CheckoutBody
from largesse.actions.customers import CustomerBody
from largesse.actions.orders import OrderBody
from largesse.actions.redemption_draft import Draft
from largesse.actions.redemption_rows import Writing
from largesse.actions.redemption_view import Redeemed
from largesse.engine import orders as order_rules
from largesse.kit.db import Row
from largesse.kit.errors import DuplicateFound, InvalidOrder
from largesse.kit.routing import Answered
from largesse.store import customers as customer_store
from largesse.store import orders as order_store
from largesse.store.context import Context

Ask = tuple[Context, CheckoutBody]
Answer = Redeemed | Answered


async def redeem(ctx: Context, body: CheckoutBody) -> Answer:
    """Redeems redeemables together. One that is refused is stored as well, and answered as an
    error. Raises what `checkout_bodies.check` raises, and NotFound for a customer, an order or a
    stack by an id that nobody has.
    """
    return (await redeem_all([(ctx, body)]))[0]


def one_voucher(body: CheckoutBody) -> str | None:
    """The voucher that a request waits for, where it is for one alone and can be done together with
    others for the same.
    """
    if len(body.redeemables) != 1 or body.session is not None:
        return None
    asked = body.redeemables[0]
    return asked.id if asked.object == checkout_bodies.VOUCHER else None


async def redeem_all(asks: Sequence[Ask]) -> list[Answer]:
    """Redeems for several requests of one project, that share a transaction. They are decided in
    turn against what is held for all of them, and each is answered for itself.
    """
    return [answer for _, answer in await decided_all(asks)]


async def decided_all(asks: Sequence[Ask]) -> list[tuple[Request, Answer]]:
    """Redeems as `redeem_all` does, and answers beside each answer what was decided for it."""
    done: dict[int, tuple[Request, Answer]] = {}
    while len(done) < len(asks):
        done |= await _round({place: ask for place, ask in enumerate(asks) if place not in done})
    return [done[place] for place in range(len(asks))]


async def _round(asks: Mapping[int, Ask]) -> dict[int, tuple[Request, Answer]]:
    """Redeems for those whose orders and customers are all others, by their places: a second one of
    the same has to see what the first made of it.
    """
    requests = {place: Request(ctx=ctx, body=body) for place, (ctx, body) in asks.items()}
    for place, (ctx, body) in asks.items():
        checkout_bodies.check(ctx, body)
        requests[place].asked = await checkout.expand(ctx, body.redeemables)
    requests = await _hold_orders(requests)
    found = await checkout.load(list(requests.values()), lock=True)
    requests = await _hold_buyers(requests)
    for request in requests.values():
        await checkout.know(request, found)
        checkout.check(request, found)
        await checkout.read_order(request)
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
            shared.move(plan)
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
    seen, kept = _Seen(), dict(requests)

    def name(place: int) -> str:
        body = requests[place].body.order
        return (body.id or body.source_id or "") if body is not None else ""

    for place in sorted(requests, key=name):
        request = requests[place]
        if seen.again(name(place)):
            del kept[place]
            continue
        await checkout.find_order(request, lock=True)
        row, body = request.order, request.body.order
        status = row["status"] if row is not None else None
        if order_rules.CANCELED in (status, body.status if body is not None else None):
            raise InvalidOrder("A canceled order cannot be redeemed for")
        if row is None and body is not None:
            await _check_free(request.ctx, body)
        if row is not None and row["id"] != name(place) and seen.again(row["id"]):
            del kept[place]
    return kept


async def _check_free(ctx: Context, order: OrderBody) -> None:
    """Raises DuplicateFound where an order is new by its id, and its source id another's."""
    name = order.source_id if order.id else None
    if name and await order_store.find(ctx.db, ctx.project_id, name) is not None:
        raise DuplicateFound.of("order", name)


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
        id_ = request.customer["id"] if request.customer is not None else None
        if id_ != name and seen.again(id_):
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
