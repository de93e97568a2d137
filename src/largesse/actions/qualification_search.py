"""Looking through candidates for those that qualify.

Each candidate is judged first without the sums that its limits need; these are read for those that
are about to be answered.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec

from largesse.actions import checkout, collections, order_items, qualification_bodies, segments
from largesse.actions.checkout import Request
from largesse.actions.qualification_bodies import Cursor, Filters, floor
from largesse.actions.qualification_feed import Feed, Placed
from largesse.actions.qualification_view import Qualified
from largesse.engine import incentives, lines, qualification, redemption, rule_facts
from largesse.engine.incentives import Incentive, Tally
from largesse.engine.lines import Cart
from largesse.engine.orders import Item
from largesse.engine.qualification import COUNTED, Refusing, Scenario
from largesse.engine.redemption import Asked
from largesse.engine.rule_facts import CustomerFacts, Facts, OrderFacts
from largesse.engine.situations import Basis, Outcome
from largesse.store import counters, qualifications
from largesse.store.qualifications import Candidate, Defined


class Search:
    """One search. `cut` tells afterwards whether vouchers were left that it did not look at."""

    def __init__(
        self, request: Request, scenario: Scenario, filters: Filters, *, wallet: bool = True
    ) -> None:
        self.request = request
        self.scenario = scenario
        self.filters = filters
        self.wallet = wallet
        self.cut = False
        self.last: Placed | None = None
        self.collections_known: set[str] = set()
        self.types_known: set[str] = set()
        self.segments_known = False
        self.seen: OrderFacts | None = None
        self.ties: Counter[datetime] = Counter()
        self.catalog: dict[str, Item] = {}
        self.collections: dict[str, set[str]] = {}
        self.first = self._basis({}, scenario.unseen | COUNTED)
        self.refusing = Refusing(scenario, Facts(clock=request.clock))

    # --- finding --------------------------------------------------------------------------------

    async def newest(self, most: int, after: Cursor | None) -> list[Qualified]:
        """The newest that qualify."""
        found: list[Qualified] = []
        waiting: list[Qualified] = []
        feed = self._feed(whole=False)
        async for portion in feed.portions(await self._defined(), after, self._is_refused):
            await self._learn(portion)
            for placed in portion:
                self.last = placed
                looked = self._look(placed)
                if looked is None:
                    continue
                waiting.append(looked)
                if len(found) + len(waiting) >= most:
                    found += await self._confirmed(waiting)
                    waiting = []
                    if len(found) >= most:
                        return found
        self.cut = feed.cut
        return found + await self._confirmed(waiting)

    async def deals(self, most: int, after: Cursor | None, *, best: bool) -> list[Qualified]:
        """Those that take the most off the order, or the least; of equal ones the newest first."""
        looked: list[Qualified] = []
        feed = self._feed(whole=True)
        async for portion in feed.portions(await self._defined(), None, self._is_refused):
            await self._learn(portion)
            looked += [each for each in map(self._look, portion) if each is not None]
            # Others are not to wait until thousands are judged.
            await asyncio.sleep(0)
        self.ties.update(floor(each.candidate.created_at) for each in looked)
        sign = -1 if best else 1
        looked.sort(key=lambda each: sign * each.total)
        looked = _behind(looked, after)
        found: list[Qualified] = []
        while looked and len(found) < most:
            count = most - len(found)
            found += await self._confirmed(looked[:count])
            looked = looked[count:]
        found.sort(key=lambda each: sign * each.total)
        return found

    def ended(self, found: Sequence[Qualified], limit: int) -> str:
        """The cursor behind the first of those that were found: the time of the last one, and how
        many of that time there were before where others have it too.
        """
        if len(found) <= limit:
            assert self.last is not None
            return qualification_bodies.spelt(self.last.candidate.created_at, self.last.passed)
        last, following = (each.candidate.created_at for each in found[limit - 1 : limit + 1])
        tied = self.ties[floor(last)] > 1 or floor(last) == floor(following)
        return qualification_bodies.spelt(last, found[limit - 1].passed if tied else None)

    def _feed(self, *, whole: bool) -> Feed:
        return Feed(self.request, self.scenario, self.filters, wallet=self.wallet, whole=whole)

    async def _defined(self) -> Defined:
        """What the project has defined; with that it is known what to know of the customer."""
        ctx = self.request.ctx
        defined = await qualifications.defined(ctx.db, ctx.project_id, ctx.now)
        await self._know_customer(whole=defined.segments)
        request = self.request
        self.seen = None if request.cart is None else self._order(request.cart)
        self.refusing = Refusing(
            self.scenario,
            Facts(
                clock=request.clock,
                order=self.seen,
                customer=request.facts,
                metadata=request.body.metadata or {},
                api_key=checkout.api_key(ctx),
            ),
        )
        return defined

    def _is_refused(self, candidate: Candidate) -> bool:
        return self.refusing.refuses(candidate.incentive)

    def _order(self, cart: Cart) -> OrderFacts:
        return OrderFacts(
            amount=cart.left,
            initial_amount=cart.initial,
            lines=rule_facts.lines(cart.lines, self.collections),
            metadata=checkout.order_metadata(self.request),
        )

    # --- judging --------------------------------------------------------------------------------

    async def _know_customer(self, *, whole: bool) -> None:
        """Who buys; as a `whole` with the segments that they are in."""
        request, columns = self.request, self.request.customer
        if columns is None or self.segments_known or (request.facts is not None and not whole):
            return
        self.segments_known = whole
        text = bytes(columns["metadata"])
        request.facts = CustomerFacts(
            id=columns["id"],
            metadata={} if text == b"{}" else msgspec.json.decode(text),
            segments=await segments.belonging(request.ctx, request.known, columns)
            if whole
            else frozenset(),
        )

    async def _learn(self, portion: Sequence[Placed]) -> None:
        """What the candidates ask of the world: what belongs to their collections, and what the
        products cost that they give.
        """
        asked = [incentive for placed in portion for incentive in _incentives(placed.candidate)]
        await self._know_customer(
            whole=any(guard.needs.segments for each in asked for guard in each.guards)
        )
        if self.request.cart is not None:
            await self._learn_of_items(asked, self.request.cart)
        self.first = self._basis({}, self.scenario.unseen | COUNTED)

    async def _learn_of_items(self, asked: Sequence[Incentive], cart: Cart) -> None:
        request = self.request
        types = {name for each in asked for name in each.unit_types()} - self.types_known
        if types:
            self.types_known |= types
            self.catalog |= await order_items.named(request.ctx, sorted(types))
        named = {id_ for each in asked for id_ in each.collections()} - self.collections_known
        if named or types:
            # What is given may belong to any of them too.
            named |= self.collections_known
            self.collections_known = named
            sold = (*cart.lines, *lines.read(list(self.catalog.values())))
            for name, ids in (await collections.of_lines(request.ctx, named, sold)).items():
                self.collections.setdefault(name, set()).update(ids)
            self.seen = self._order(cart)

    def _basis(self, counted: Mapping[str, int], unseen: frozenset[str]) -> Basis:
        request, customer = self.request, self.request.customer
        birthdate: date | None = None
        if customer is not None:
            birthdate = customer["birthdate"] or customer["birthday"]
        return Basis(
            clock=request.clock,
            cart=request.cart,
            order_metadata=checkout.order_metadata(request),
            customer=request.facts,
            birthdate=birthdate,
            metadata=request.body.metadata or {},
            api_key=checkout.api_key(request.ctx),
            collections=self.collections,
            catalog=self.catalog,
            counters=counted,
            week_starts_on=request.ctx.settings.week_starts_on,
            unseen=unseen,
            needs_bundle=self.scenario.needs_bundle,
            needs_items=self.scenario.needs_items,
            spends=False,
            seen=self.seen,
        )

    def _look(self, placed: Placed) -> Qualified | None:
        return self._judged(placed.candidate, placed.passed, self.first)

    def _judged(self, candidate: Candidate, passed: int, basis: Basis) -> Qualified | None:
        stacking = self.request.known.stacking
        if not candidate.tiers:
            outcome = qualification.qualify(candidate.incentive, basis, self.scenario, stacking)
            return None if outcome is None else Qualified(candidate, outcome, passed)
        asked = [Asked(tier.object, tier.id, tier.incentive) for tier in candidate.tiers]
        categories = self.request.known.categories
        hierarchies = {id_: category.hierarchy for id_, category in categories.items()}
        plan = redemption.decide(asked, basis, stacking, hierarchies)
        return Qualified(candidate, Outcome(), passed, plan) if plan.valid else None

    async def _confirmed(self, looked: Sequence[Qualified]) -> list[Qualified]:
        """Those that qualify with their limits too, which are read for them."""
        ctx = self.request.ctx
        tallies = [list(self._tallies(each.candidate)) for each in looked]
        if not any(tallies):
            return list(looked)
        every = [tally for found in tallies for tally in found if tally is not None]
        zone = ZoneInfo(ctx.project.timezone)
        counted = await counters.read(ctx.db, ctx.project_id, every, zone)
        basis = self._basis(counted, self.scenario.unseen)
        found = [
            self._judged(each.candidate, each.passed, basis) if asks else each
            for each, asks in zip(looked, tallies, strict=True)
        ]
        return [each for each in found if each is not None]

    def _tallies(self, candidate: Candidate) -> Iterator[Tally | None]:
        """The rows of counters that the scenario looks at; None where there may be no row."""
        request, seen = self.request, qualification.counters(self.scenario)
        customer_id = request.facts.id if request.facts else None
        for incentive in _incentives(candidate):
            if not incentive.guards:
                continue
            if any(not seen.isdisjoint(guard.needs.counters) for guard in incentive.guards):
                yield None
            subjects = incentive.subjects(customer_id, checkout.api_key(request.ctx))
            week = request.ctx.settings.week_starts_on
            for _, tally in incentives.tallies(incentive, subjects, request.clock, week):
                if tally.counter in seen:
                    yield tally
            if request.cart is not None:
                for _, budget in incentives.budgets(
                    incentive, subjects, request.clock, request.cart.lines, self.collections
                ):
                    if budget is not None:
                        yield budget


def _incentives(candidate: Candidate) -> list[Incentive]:
    if candidate.tiers:
        return [tier.incentive for tier in candidate.tiers]
    return [candidate.incentive]


def _behind(looked: list[Qualified], after: Cursor | None) -> list[Qualified]:
    """Those behind the one that a cursor names; where it qualifies no more, the older ones."""
    if after is None:
        return looked
    places = [
        place
        for place, each in enumerate(looked)
        if floor(each.candidate.created_at) == after.moment and after.passed in (None, each.passed)
    ]
    if places:
        return looked[places[-1] + 1 :]
    return [each for each in looked if each.candidate.created_at < after.moment]
