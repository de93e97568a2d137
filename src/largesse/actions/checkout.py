"""What a checkout comes to: the redeemables, the order and the customer of a request, loaded and
decided. Validations, redemptions and qualifications all begin here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from largesse.actions import collections, metadata, order_items, segments
from largesse.actions.checkout_bodies import (
    STACK,
    TIER,
    VOUCHER,
    CheckoutBody,
    ContextBody,
    RedeemableBody,
    check_unique,
)
from largesse.actions.order_items import Catalogue
from largesse.engine import incentives, lines, redemption, refusals
from largesse.engine import orders as order_rules
from largesse.engine.calendar import Clock
from largesse.engine.counters import Subject
from largesse.engine.incentives import Incentive, Tally
from largesse.engine.lines import Cart
from largesse.engine.orders import Item
from largesse.engine.redemption import Asked, Plan
from largesse.engine.rule_facts import CustomerFacts
from largesse.engine.situations import Basis
from largesse.kit.db import Row
from largesse.kit.errors import DuplicateFound, InvalidOrder, InvalidPayload, NotFound
from largesse.store import counters, definitions, orders, redeemables
from largesse.store.context import Context
from largesse.store.definitions import Definitions
from largesse.store.redeemables import Loaded, Redeemables


class Request(msgspec.Struct, kw_only=True):
    """One request on its way to a decision. `customer` are the columns of who buys, `order` the row
    of an order that exists; `items` and `cart` are None without an order.
    """

    ctx: Context
    body: ContextBody
    asked: list[RedeemableBody] = []
    customer: Mapping[str, Any] | None = None
    order: Row | None = None
    known: Definitions = definitions.NONE
    items: list[Item] | None = None
    cart: Cart | None = None
    collections: Mapping[str, set[str]] = {}
    catalog: Mapping[str, Item] = {}
    facts: CustomerFacts | None = None
    plan: Plan | None = None

    @property
    def decided(self) -> Plan:
        assert self.plan is not None
        return self.plan

    @property
    def count(self) -> int:
        """How many redeemables were sent: a stack is one, however many tiers it has."""
        return len(self.body.redeemables) if isinstance(self.body, CheckoutBody) else 0

    @property
    def has_order(self) -> bool:
        return self.order is not None or self.body.order is not None

    @property
    def clock(self) -> Clock:
        return Clock(self.ctx.now, ZoneInfo(self.ctx.project.timezone))


# --- redeemables --------------------------------------------------------------------------------


async def expand(ctx: Context, asked: Sequence[RedeemableBody]) -> list[RedeemableBody]:
    """Redeemables with the tiers of a stack in its place. Raises NotFound for a stack that is not
    there.
    """
    found: list[RedeemableBody] = []
    for each in asked:
        if each.object != STACK:
            found.append(each)
            continue
        row = await ctx.db.fetchrow(redeemables.STACK, ctx.project_id, each.id)
        if row is None:
            raise NotFound.of(STACK, each.id)
        found += [
            RedeemableBody(object="promotion_tier", id=tier_id) for tier_id in row["tier_ids"]
        ]
    return found


async def load(requests: Sequence[Request], *, lock: bool = False) -> Redeemables:
    """The redeemables of some requests of one project, in one go."""
    ctx = requests[0].ctx
    codes = {each.id for request in requests for each in request.asked if each.object == VOUCHER}
    tiers = {each.id for request in requests for each in request.asked if each.object == TIER}
    sessions = [request.body.session for request in requests if request.body.session]
    return await redeemables.load(
        ctx.db,
        ctx.project,
        sorted(codes),
        sorted(tiers),
        ctx.now,
        lock=lock,
        session=(sessions[0].key or "") if sessions else "",
    )


def loaded(request: Request, found: Redeemables, each: RedeemableBody) -> Loaded | None:
    """What was loaded for one redeemable of a request."""
    if each.object == VOUCHER:
        return found.voucher(request.ctx.project, each.id)
    return found.tiers.get(each.id)


# --- orders -------------------------------------------------------------------------------------


def order_names(request: Request) -> list[str]:
    """The names of a request's order, that by which it is found first."""
    body = request.body.order
    return [name for name in (body.id, body.source_id) if name] if body is not None else []


async def find_order(request: Request) -> None:
    """Finds the order that exists, if the request names one; it is used as it is stored. Raises
    NotFound for an id that no order has.
    """
    if names := order_names(request):
        ctx = request.ctx
        _use(request, await orders.find(ctx.db, ctx.project_id, names[0]))


async def hold_orders(requests: Sequence[Request]) -> None:
    """Finds the orders of some requests of one project, as `find_order` does, and holds them.
    Raises DuplicateFound for a new order with the source id of another.
    """
    ctx = requests[0].ctx
    names = {name for request in requests for name in order_names(request)}
    found = await orders.hold_many(ctx.db, ctx.project_id, sorted(names)) if names else {}
    for request in requests:
        if not (names_ := order_names(request)):
            continue
        _use(request, found.get(names_[0]))
        other = found.get(names_[-1])
        if request.order is None and other is not None and other["source_id"] == names_[-1]:
            # It is about to be made, with a source id that has to be its own.
            raise DuplicateFound.of("order", names_[-1])


def _use(request: Request, row: Row | None) -> None:
    request.order, body = row, request.body.order
    if row is None and body is not None and body.id and not _says_more(body):
        raise NotFound.of("order", body.id)


def check_order(request: Request) -> None:
    """Raises InvalidOrder for an order that is canceled, or would be with this request."""
    row, body = request.order, request.body.order
    if order_rules.CANCELED in (row and row["status"], body and body.status):
        raise InvalidOrder("A canceled order cannot be redeemed for")


def _says_more(body: Any) -> bool:
    return body.amount is not None or body.items is not None


async def read_orders(requests: Sequence[Request]) -> None:
    """As `read_order`, for some requests of one project in one go."""
    new = [request.body.order for request in requests if request.order is None]
    items = [item for body in new if body is not None for item in body.items or ()]
    catalogue = await order_items.catalogue_of(requests[0].ctx, items)
    for request in requests:
        await read_order(request, catalogue)


async def read_order(request: Request, catalogue: Catalogue | None = None) -> None:
    """The items and the cart of the request's order: of the stored one, or as it was sent."""
    if request.order is not None:
        request.items = msgspec.json.decode(bytes(request.order["items"]), type=list[Item])
        amount, discount = request.order["amount"], request.order["discount_amount"]
        request.cart = lines.stored(request.items, amount, discount)
    elif (body := request.body.order) is not None:
        request.items = await order_items.items_of(
            *(request.ctx, body.items or [], request.known),
            silent=False,
            override=False,
            catalogue=catalogue,
        )
        request.cart = lines.cart(request.items, body.amount, body.discount_amount or 0)


# --- deciding -----------------------------------------------------------------------------------


async def know(request: Request, found: Redeemables) -> None:
    """The project's definitions, whose number came with the redeemables if there were any."""
    ctx, number = request.ctx, found.definitions
    if number == -1:
        request.known = await definitions.current(ctx.db, ctx.project_id)
    else:
        request.known = await definitions.numbered(ctx.db, ctx.project_id, number)


def check(request: Request, found: Redeemables) -> None:
    """Raises what the project's own definitions say of a request: too many redeemables,
    metadata against its schema, and a voucher named by its code and its id.
    """
    most = request.known.stacking.redeemables_limit
    if request.count > most:
        raise InvalidPayload(f"Property .redeemables should NOT have more than {most} items")
    metadata.check(request.known, "redemption", request.body.metadata, whole=True)
    ids = [loaded(request, found, each) for each in request.asked]
    check_unique([each.incentive.id for each in ids if each is not None])


async def learn(request: Request, asked: Sequence[Incentive]) -> None:
    """What redeemables ask of the world: which items belong to their collections, what the products
    that they give cost, and the segments of who buys.
    """
    if request.cart is not None:
        types = sorted({name for incentive in asked for name in incentive.unit_types()})
        if types:
            request.catalog = await order_items.named(request.ctx, types)
        named = {id_ for incentive in asked for id_ in incentive.collections()}
        if named:
            sold = (*request.cart.lines, *lines.read(list(request.catalog.values())))
            request.collections = await collections.of_lines(request.ctx, named, sold)
    if request.customer is None:
        return
    columns = request.customer
    segments_: frozenset[str] = frozenset()
    if any(guard.needs.segments for incentive in asked for guard in incentive.guards):
        segments_ = await segments.belonging(request.ctx, request.known, columns)
    text = bytes(columns["metadata"])
    request.facts = CustomerFacts(
        id=columns["id"],
        metadata={} if text == b"{}" else msgspec.json.decode(text),
        segments=segments_,
    )


class Shared:
    """What requests that are decided together look at and move: the incentives as those before
    left them, and the counters.
    """

    def __init__(self, counted: Mapping[str, int], tallies: Iterable[Tally] = ()) -> None:
        self.incentives: dict[str, Incentive] = {}
        self.counters = dict(counted)
        self._elsewhere = {tally.key: tally for tally in tallies if tally.elsewhere}

    def now(self, incentive: Incentive) -> Incentive:
        return self.incentives.get(incentive.id, incentive)

    def move(self, request: Request, plan: Plan) -> None:
        """What one request's plan moves, before the next is decided."""
        week = request.ctx.settings.week_starts_on
        for step in plan.applicable:
            incentive, outcome = step.asked.incentive, step.outcome
            assert incentive is not None
            assert outcome is not None
            self.incentives[incentive.id] = msgspec.structs.replace(
                incentive,
                redeemed=incentive.redeemed + 1,
                balance=incentive.balance - outcome.credits,
            )
            moved = {k: n for k, n in outcome.counted.items() if k not in self._elsewhere}
            subjects = _subjects(request, incentive)
            for key, tally in self._elsewhere.items():
                if tally.counts(subjects, request.clock, week):
                    moved[key] = outcome.sums.get(tally.counter.measure, 0)
            for key, n in moved.items():
                self.counters[key] = self.counters.get(key, 0) + n


async def share(requests: Sequence[Request], found: Redeemables, *, lock: bool = False) -> Shared:
    """The counters that the redeemables of some requests look at, held where they are to be
    moved.
    """
    ctx = requests[0].ctx
    tallies = [tally for request in requests for tally in _tallies(request, found)]
    if not tallies:
        return Shared({})
    zone = ZoneInfo(ctx.project.timezone)
    if lock:
        held = await counters.hold(ctx.db, ctx.project_id, tallies, zone, ctx.now)
        return Shared(held, tallies)
    return Shared(await counters.read(ctx.db, ctx.project_id, tallies, zone), tallies)


def _subjects(request: Request, incentive: Incentive) -> dict[Subject, str]:
    return incentive.subjects(request.facts.id if request.facts else None, api_key(request.ctx))


def _tallies(request: Request, found: Redeemables) -> Iterable[Tally]:
    clock, week = request.clock, request.ctx.settings.week_starts_on
    for incentive in of_request(request, found):
        if not incentive.guards:
            continue
        subjects = _subjects(request, incentive)
        for _, tally in incentives.tallies(incentive, subjects, clock, week):
            yield tally
        if request.cart is not None:
            sold = (*request.cart.lines, *lines.read(list(request.catalog.values())))
            for _, budget in incentives.budgets(
                incentive, subjects, clock, sold, request.collections
            ):
                if budget is not None:
                    yield budget


def decide(
    request: Request,
    found: Redeemables,
    shared: Shared,
    unseen: frozenset[str] = frozenset(),
) -> Plan:
    """Decide a request on what others before it have left. Rules named in `unseen` are passed, and
    then nothing is asked of the order either.
    """
    asked = []
    for each in request.asked:
        row = loaded(request, found, each)
        incentive = None if row is None else shared.now(row.incentive)
        credits = each.gift.credits if each.gift else None
        refusal = None
        if incentive is not None and incentive.type == incentives.LOYALTY and each.reward:
            refusal = refusals.unknown("reward", each.reward.id or "")
        asked.append(Asked(each.object, each.id, incentive, credits, refusal))
    body, customer = request.body, request.customer
    birthdate: date | None = None
    if customer is not None:
        birthdate = customer["birthdate"] or customer["birthday"]
    basis = Basis(
        clock=request.clock,
        cart=request.cart,
        order_metadata=order_metadata(request),
        customer=request.facts,
        birthdate=birthdate,
        metadata=body.metadata or {},
        api_key=api_key(request.ctx),
        collections=request.collections,
        catalog=request.catalog,
        counters=shared.counters,
        week_starts_on=request.ctx.settings.week_starts_on,
        unseen=unseen,
        needs_bundle=not unseen,
        needs_items=not unseen,
        explain=bool(body.options and body.options.explain),
    )
    categories = {id_: category.hierarchy for id_, category in request.known.categories.items()}
    request.plan = redemption.decide(asked, basis, request.known.stacking, categories)
    return request.plan


def order_metadata(request: Request) -> Mapping[str, Any]:
    """The metadata of the request's order."""
    if request.order is not None:
        text = bytes(request.order["metadata"])
        return {} if text == b"{}" else msgspec.json.decode(text)
    return (request.body.order.metadata or {}) if request.body.order else {}


def of_request(request: Request, found: Redeemables) -> list[Incentive]:
    """What was loaded of a request's redeemables."""
    rows = [loaded(request, found, each) for each in request.asked]
    return [row.incentive for row in rows if row is not None]


def api_key(ctx: Context) -> str | None:
    """The key that a request was made with."""
    return ctx.principal.key_id if ctx.principal else None
