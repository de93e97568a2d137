"""Looking through candidates for those that qualify.

Campaigns, tiers and what the customer holds are at hand; vouchers that belong to no campaign may be
millions and come page by page, the newest first, until enough were found. Each candidate is judged
first without the sums that its limits need; these are read for those that are about to be answered.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import msgspec

from largesse.actions import checkout, collections, order_items, qualification_bodies, segments
from largesse.actions.checkout import SHIPPING, Request
from largesse.actions.qualification_bodies import Cursor, Filters, bound, floor
from largesse.actions.qualification_view import Qualified
from largesse.engine import incentives, lines, qualification, redemption, rule_facts
from largesse.engine.incentives import DISCOUNT, Incentive, Tally
from largesse.engine.lines import Cart
from largesse.engine.orders import Item
from largesse.engine.qualification import COUNTED, Scenario
from largesse.engine.redemption import Asked
from largesse.engine.rule_facts import CustomerFacts, OrderFacts
from largesse.engine.situations import Basis, Outcome
from largesse.store import counters, qualifications
from largesse.store.qualifications import Candidate, Defined

# Of one request: vouchers that it looks at beside those of campaigns, and how many at a time.
MOST_VOUCHERS = 1000
FIRST_PAGE, PAGE = 50, 250
# Candidates that are prepared together.
PORTION = 250
_START, _END = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


class Placed(msgspec.Struct, frozen=True, gc=False):
    """A candidate with its number, from 1, among those of the millisecond that it was made in."""

    candidate: Candidate
    passed: int


class Search:
    """One search. `cut` tells afterwards whether vouchers were left that it did not look at."""

    def __init__(
        self, request: Request, scenario: Scenario, filters: Filters, *, wallet: bool = True
    ) -> None:
        self.request = request
        self.wallet = wallet
        self.held: set[str] = set()
        self.scenario = scenario
        self.filters = filters
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

    @property
    def customer_id(self) -> str | None:
        customer = self.request.customer
        return customer["id"] or None if customer is not None else None

    # --- finding --------------------------------------------------------------------------------

    async def newest(self, most: int, after: Cursor | None) -> list[Qualified]:
        """The newest that qualify."""
        found: list[Qualified] = []
        waiting: list[Qualified] = []
        async for portion in self._portions(after):
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
                        self.cut = False
                        return found
        return found + await self._confirmed(waiting)

    async def deals(self, most: int, after: Cursor | None, *, best: bool) -> list[Qualified]:
        """Those that take the most off the order, or the least; of equal ones the newest first."""
        looked: list[Qualified] = []
        async for portion in self._portions(None):
            await self._learn(portion)
            looked += [each for each in map(self._look, portion) if each is not None]
        self.cut = False
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

    # --- candidates -----------------------------------------------------------------------------

    async def _portions(self, after: Cursor | None) -> AsyncIterator[list[Placed]]:
        """Candidates after the cursor, the newest first, some at a time."""
        ctx = self.request.ctx
        defined = await qualifications.defined(ctx.db, ctx.project_id, ctx.now)
        last = bound(after, _END)
        await self._know_customer(whole=defined.segments)
        held = await self._held()
        at_hand = [
            each
            for each in _merged(self._defined(defined), held)
            if each.created_at < last and (each.single or self.filters.match(each))
        ]
        moment, number = None, 0
        async for stretch in self._stretches(at_hand, last, after.passed or 0 if after else 0):
            placed: list[Placed] = []
            for candidate in stretch:
                made = floor(candidate.created_at)
                number = number + 1 if made == moment else 1
                moment = made
                if after and after.passed and made == after.moment and number <= after.passed:
                    continue
                placed.append(Placed(candidate, number))
            for start in range(0, len(placed), PORTION):
                yield await self._opened(placed[start : start + PORTION])

    async def _opened(self, portion: list[Placed]) -> list[Placed]:
        """With vouchers in place of the campaigns that stand for them."""
        ctx = self.request.ctx
        ids = [placed.candidate.id for placed in portion if placed.candidate.single]
        if not ids:
            return portion
        rows = await ctx.db.fetch(qualifications.SINGLE, ctx.project_id, ids)
        made = await qualifications.vouchers(ctx.db, ctx.project, rows, ctx.now)
        by_campaign = {each.row["campaign_id"]: each for each in made if self._is_open(each)}
        found = []
        for placed in portion:
            if not placed.candidate.single:
                found.append(placed)
            elif candidate := by_campaign.get(placed.candidate.id):
                made_at = placed.candidate.created_at
                moved = msgspec.structs.replace(candidate, created_at=made_at)
                found.append(Placed(moved, placed.passed))
        return found

    def _defined(self, defined: Defined) -> Iterator[Candidate]:
        if self.scenario.stacks:
            return iter(defined.stacks)
        if self.scenario.wallet:
            return iter(())
        names: set[str] = set()
        if self.request.cart is not None:
            for line in self.request.cart.lines:
                names.update(f"product/{key}" for key in line.products)
                names.update(f"sku/{key}" for key in line.skus)
        belongs = self.request.facts.segments if self.request.facts else frozenset()
        passed = defined.sieve.passed(self.scenario, names, belongs)
        return (defined.candidates[place] for place in passed)

    async def _held(self) -> list[Candidate]:
        """The vouchers that the customer holds."""
        ctx, customer_id = self.request.ctx, self.customer_id
        if customer_id is None or self.scenario.stacks or not self.wallet:
            return []
        rows = await ctx.db.fetch(qualifications.HELD, ctx.project_id, customer_id, MOST_VOUCHERS)
        if not rows:
            return []
        self.held = {row["id"] for row in rows}
        roles: dict[str, str] = {}
        if self.filters.asks("holder_role"):
            ids = [row["id"] for row in rows]
            roles = {
                row["id"]: "REFERRER" if row["is_referral_code"] else "OWNER" for row in rows
            } | dict(await ctx.db.fetch(qualifications.ROLES, ctx.project_id, customer_id, ids))
        return await qualifications.vouchers(ctx.db, ctx.project, rows, ctx.now, roles)

    async def _stretches(
        self, at_hand: Sequence[Candidate], last: datetime, skipped: int
    ) -> AsyncIterator[Iterable[Candidate]]:
        """What is at hand with the vouchers of no campaign among it, page by page."""
        start = 0
        async for page, end in self._pages(last, skipped):
            stop = start
            while end is not None and stop < len(at_hand) and at_hand[stop].key > end:
                stop += 1
            fitting = [each for each in page if self._is_open(each)]
            yield _merged(at_hand[start:stop], fitting)
            start = stop
        if not self.cut:
            yield at_hand[start:]

    def _is_open(self, candidate: Candidate) -> bool:
        """Whether a voucher of no campaign is for everybody: cards that somebody has are not."""
        row = candidate.row
        if row["id"] in self.held or (row["holder_id"] and row["type"] != DISCOUNT):
            return False
        return self.filters.match(candidate)

    async def _pages(
        self, last: datetime, skipped: int
    ) -> AsyncIterator[tuple[list[Candidate], tuple[datetime, str] | None]]:
        """Vouchers of no campaign, each page with the place where it ends."""
        ctx = self.request.ctx
        if self.scenario.wallet or self.scenario.stacks or not self.filters.standalone:
            return
        if (named := self.filters.named) is not None:
            names = sorted(named)
            rows = await ctx.db.fetch(qualifications.NAMED, ctx.project_id, names, names)
            found = await qualifications.vouchers(ctx.db, ctx.project, rows, ctx.now)
            yield [each for each in found if each.created_at < last], (_START, "")
            return
        place, size, left = (last, ""), FIRST_PAGE, MOST_VOUCHERS + skipped
        while left:
            size = min(size, left)
            rows = await ctx.db.fetch(qualifications.STANDALONE, ctx.project_id, *place, size)
            left -= size
            if rows:
                place = (rows[-1]["created_at"], rows[-1]["id"])
                found = await qualifications.vouchers(ctx.db, ctx.project, rows, ctx.now)
                self.cut = not left and len(rows) == size
                yield found, place
            if len(rows) < size:
                return
            size = PAGE

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
            shipping = {name: SHIPPING for name in types if name == SHIPPING.product_id}
            self.catalog |= shipping | await order_items.named(request.ctx, sorted(types))
        named = {id_ for each in asked for id_ in each.collections()} - self.collections_known
        if named:
            self.collections_known |= named
            sold = (*cart.lines, *lines.read(list(self.catalog.values())))
            for name, ids in (await collections.of_lines(request.ctx, named, sold)).items():
                self.collections.setdefault(name, set()).update(ids)
        if named or self.seen is None:
            self.seen = OrderFacts(
                amount=cart.left,
                initial_amount=cart.initial,
                lines=rule_facts.lines(cart.lines, self.collections),
                metadata=checkout.order_metadata(request),
            )

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
        every = [tally for found in tallies for tally in found]
        if not every:
            return list(looked)
        zone = ZoneInfo(ctx.project.timezone)
        counted = await counters.read(ctx.db, ctx.project_id, every, zone)
        basis = self._basis(counted, self.scenario.unseen)
        found = [
            self._judged(each.candidate, each.passed, basis) if asks else each
            for each, asks in zip(looked, tallies, strict=True)
        ]
        return [each for each in found if each is not None]

    def _tallies(self, candidate: Candidate) -> Iterator[Tally]:
        """The rows of counters that the scenario looks at."""
        request, seen = self.request, qualification.counters(self.scenario)
        customer_id = request.facts.id if request.facts else None
        for incentive in _incentives(candidate):
            if not incentive.guards:
                continue
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


def _merged(*given: Iterable[Candidate]) -> Iterator[Candidate]:
    """The newest first of several, each the newest first."""
    return heapq.merge(*given, key=lambda each: each.key, reverse=True)


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
