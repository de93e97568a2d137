"""The candidates of a qualification, the newest first, as long as somebody takes them.

Campaigns, tiers and what the customer holds are at hand; vouchers that belong to no campaign may be
millions and come page by page.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from largesse.actions.checkout import Request
from largesse.actions.qualification_bodies import Cursor, Filters, bound, floor
from largesse.engine.incentives import DISCOUNT
from largesse.engine.qualification import Scenario
from largesse.store import qualifications
from largesse.store.qualifications import Candidate, Defined

# Of one request: vouchers that it looks at beside those of campaigns, and how many at a time.
MOST_VOUCHERS = 1000
FIRST_PAGE, PAGE = 50, 250
# Candidates that are prepared together.
FIRST_PORTION, PORTION = 16, 250
_START, _END = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


class Placed(msgspec.Struct, frozen=True, gc=False):
    """A candidate with its number, from 1, among those of the millisecond that it was made in."""

    candidate: Candidate
    passed: int


class Feed:
    """The candidates of one request. Without a `wallet` what the customer holds is left out. `cut`
    tells afterwards whether there are vouchers that were not looked at; then all that is older
    than they are was left out too, unless it is `whole`.
    """

    def __init__(
        self,
        request: Request,
        scenario: Scenario,
        filters: Filters,
        *,
        wallet: bool,
        whole: bool,
    ) -> None:
        self.request = request
        self.scenario = scenario
        self.filters = filters
        self.wallet = wallet
        self.whole = whole
        self.held: set[str] = set()
        self.cut = False

    async def portions(
        self, defined: Defined, after: Cursor | None, refused: Callable[[Candidate], bool]
    ) -> AsyncIterator[list[Placed]]:
        """Candidates after the cursor, some at a time, without those at hand that are `refused`."""
        last = bound(after, _END)
        held = await self._held()
        at_hand = _Ahead(
            each
            for each in _merged(self._defined(defined, refused), held)
            if each.created_at < last and (each.single or self.filters.match(each))
        )
        skipped = (after.passed or 0) if after else 0
        moment, number, size = None, 0, FIRST_PORTION
        async for stretch in self._stretches(at_hand, last, skipped):
            portion: list[Placed] = []
            for candidate in stretch:
                made = floor(candidate.created_at)
                number = number + 1 if made == moment else 1
                moment = made
                if skipped and after and made == after.moment and number <= skipped:
                    continue
                portion.append(Placed(candidate, number))
                if len(portion) == size:
                    yield await self._opened(portion)
                    portion, size = [], PORTION
            if portion:
                yield await self._opened(portion)

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

    def _defined(
        self, defined: Defined, refused: Callable[[Candidate], bool]
    ) -> Iterator[Candidate]:
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
        candidates = defined.candidates
        passed = map(candidates.__getitem__, defined.sieve.passed(self.scenario, names, belongs))
        return (each for each in passed if not (each.simple and refused(each)))

    async def _held(self) -> list[Candidate]:
        """The vouchers that the customer holds."""
        ctx, customer = self.request.ctx, self.request.customer
        if customer is None or not customer["id"] or self.scenario.stacks or not self.wallet:
            return []
        id_ = customer["id"]
        rows = await ctx.db.fetch(qualifications.HELD, ctx.project_id, id_, MOST_VOUCHERS)
        if not rows:
            return []
        self.held = {row["id"] for row in rows}
        roles: dict[str, str] = {}
        if self.filters.asks("holder_role"):
            told = await ctx.db.fetch(qualifications.ROLES, ctx.project_id, id_, [*self.held])
            roles = {row["id"]: "REFERRER" if row["is_referral_code"] else "OWNER" for row in rows}
            roles |= dict(told)
        return await qualifications.vouchers(ctx.db, ctx.project, rows, ctx.now, roles)

    async def _stretches(
        self, at_hand: _Ahead, last: datetime, skipped: int
    ) -> AsyncIterator[Iterator[Candidate]]:
        """What is at hand with the vouchers of no campaign among it, page by page."""
        async for page, end in self._pages(last, skipped):
            fitting = [each for each in page if self._is_open(each)]
            yield _merged(at_hand.newer(end), fitting)
        if self.whole or not self.cut:
            yield at_hand.newer((_START, ""))

    def _is_open(self, candidate: Candidate) -> bool:
        """Whether a voucher of no campaign is for everybody: cards that somebody has are not."""
        row = candidate.row
        if row["id"] in self.held or (row["holder_id"] and row["type"] != DISCOUNT):
            return False
        return self.filters.match(candidate)

    async def _pages(
        self, last: datetime, skipped: int
    ) -> AsyncIterator[tuple[list[Candidate], tuple[datetime, str]]]:
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


def _merged(*given: Iterable[Candidate]) -> Iterator[Candidate]:
    """The newest first of several, each the newest first."""
    return heapq.merge(*given, key=lambda each: each.key, reverse=True)


class _Ahead:
    """Candidates of which the next one can be looked at before it is taken."""

    def __init__(self, given: Iterable[Candidate]) -> None:
        self.given = iter(given)
        self.next = next(self.given, None)

    def newer(self, end: tuple[datetime, str]) -> Iterator[Candidate]:
        """Takes those that were made after a place."""
        while (candidate := self.next) is not None and candidate.key > end:
            self.next = next(self.given, None)
            yield candidate
