"""Whether one redeemable applies to an order as it stands, and what it then does.

The checks come in one order, and the first that fails is the refusal: the switch, the time, the
number of redemptions, who redeems, what is on a card, the validation rules, bundles, the items that
are discounted, and the rules that wait for the discount.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from largesse.engine import (
    applicability,
    bundles,
    calculation,
    formula_scope,
    incentives,
    judging,
    refusals,
    rule_facts,
    timeframes,
)
from largesse.engine.applicability import Applicability, Budget, Entry, Portion
from largesse.engine.bundles import Bundle
from largesse.engine.calculation import Applied, Terms
from largesse.engine.counters import Measure
from largesse.engine.discounts import (
    PROPORTIONALLY,
    TO_ITEMS,
    TO_ORDER,
    Amount,
    Discount,
    Unit,
    on_items,
)
from largesse.engine.formula_scope import Scope
from largesse.engine.incentives import GIFT, LOYALTY, PROMOTION_TIER, Guard, Incentive
from largesse.engine.lines import Cart, Line
from largesse.engine.orders import MOST_QUANTITY
from largesse.engine.refusals import Refusal
from largesse.engine.rule_facts import Effect, Facts, OrderFacts
from largesse.engine.situations import Basis, Explained, Outcome, Situation

_NO_CART = Cart()


class _Refused(Exception):
    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal


def apply(incentive: Incentive, credits: int | None, basis: Basis, before: Situation) -> Outcome:
    """Judge a redeemable and work out what it does. `credits` are those asked of a gift card; None
    asks for as many as are due.
    """
    trial = _Trial(incentive, basis, before)
    try:
        trial.check_state(credits)
        trial.check_rules()
        return trial.done(credits)
    except _Refused as refused:
        return Outcome(refusal=refused.refusal, explained=tuple(trial.explained))


class _Trial:
    """One redeemable against one situation."""

    def __init__(self, incentive: Incentive, basis: Basis, before: Situation) -> None:
        self.incentive = incentive
        self.basis = basis
        self.before = before
        self.cart = before.cart or _NO_CART
        self.explained: list[Explained] = []
        self.bundle: Bundle | None = None
        customer_id = basis.customer.id if basis.customer else None
        self.subjects = incentive.subjects(customer_id, basis.api_key)
        self.order = self._order()
        # The campaign's sum of orders has this one already, if a redeemable before this is of it.
        self.again = self.subjects["campaign"] in before.ordered
        self.tallies: dict[str, dict[str, incentives.Tally]] = {}
        for guard, tally in incentives.tallies(
            incentive, self.subjects, basis.clock, basis.week_starts_on
        ):
            self.tallies.setdefault(guard.key, {})[tally.counter.key] = tally

    def refuse(self, key: str, details: str | None = None) -> _Refused:
        return _Refused(refusals.of(self.incentive, key, details))

    # --- before any rule ------------------------------------------------------------------------

    def check_state(self, credits: int | None) -> None:
        """The switch, the time, how often, who, and what is on the card."""
        incentive, clock = self.incentive, self.basis.clock
        campaign = incentive.campaign
        if not incentive.active or (campaign is not None and not campaign.active):
            raise _Refused(refusals.disabled(incentive))
        why = timeframes.inactive(incentive.timeframe, clock, incentive.published_at)
        if why is None and campaign is not None:
            why = timeframes.inactive(campaign.timeframe, clock, incentive.published_at)
        if why is not None:
            raise _Refused(refusals.inactive(incentive, why))
        if incentive.quantity is not None and incentive.redeemed >= incentive.quantity:
            raise self.refuse("quantity_exceeded")
        customer = self.basis.customer
        if customer is not None and customer.id == incentive.referrer_id:
            raise self.refuse("referrer_not_permitted_to_redeem")
        if incentive.type == LOYALTY and self.basis.spends:
            details = "A reward is required when redeeming a LOYALTY_CARD"
            raise self.refuse("missing_reward", details)
        if incentive.type == GIFT:
            if incentive.balance <= 0 or (credits or 0) > incentive.balance:
                raise self.refuse("gift_amount_exceeded")
            if credits is None and self.before.cart is None and self.basis.spends:
                details = "Order is required to redeem a gift card without a number of credits"
                raise self.refuse("missing_order", details)

    # --- rules ----------------------------------------------------------------------------------

    def check_rules(self) -> None:
        """The rules that can be judged before the discount, and bundles."""
        for guard in self.incentive.guards:
            self._judge(guard, None)
            if guard.bundles.parts:
                self._bundled(guard)

    def _bundled(self, guard: Guard) -> None:
        if self.before.cart is None and self.basis.needs_bundle:
            raise self.refuse("missing_order", "Order is required to find bundles in it")
        if not self.cart.lines and self.basis.needs_bundle:
            raise self.refuse("missing_order_items", "Order items are required to bundle them")
        found = bundles.find(guard.bundles, self.cart.lines, self.basis.collections)
        self.bundle = found
        if not found.quantity and self.basis.needs_bundle:
            message = guard.rules.message
            raise _Refused(refusals.unbundled(self.incentive, guard.rule_id, message, found))

    def _judge(self, guard: Guard, effect: Effect | None) -> None:
        basis = self.basis
        facts = Facts(
            clock=basis.clock,
            order=self.order,
            customer=basis.customer,
            metadata=basis.metadata,
            api_key=basis.api_key,
            holders=self.incentive.holders,
            counters={key: self._stored(tally) for key, tally in self._of(guard).items()},
            effect=effect,
        )
        verdict = judging.judge(guard.rules, facts, skipped=basis.unseen, explain=basis.explain)
        if basis.explain:
            self.explained = [each for each in self.explained if each.rule_id != guard.rule_id]
            self.explained.append(Explained(guard.rule_id, verdict.explained))
        if verdict.passed is False:
            refusal = refusals.violated(self.incentive, guard.rule_id, verdict, facts)
            raise _Refused(refusal)

    def _of(self, guard: Guard) -> dict[str, incentives.Tally]:
        return self.tallies.get(guard.key, {})

    def _stored(self, tally: incentives.Tally) -> int:
        """What a counter says before this redemption; that of a campaign's orders without the order
        in hand, which the rule adds itself.
        """
        stored = self._row(tally.key)
        if tally.elsewhere:
            # Those before this moved its campaign's sums, and their own rows alone.
            before = self.before.sums.get(self.subjects["campaign"], {})
            stored = self.basis.counters.get(tally.key, 0) + before.get(tally.counter.measure, 0)
        if self.again and tally.counter.measure == "orders_amount":
            stored -= self._order_amount()
        return stored

    def _row(self, key: str) -> int:
        return self.basis.counters.get(key, 0) + self.before.moved.get(key, 0)

    def _order(self) -> OrderFacts | None:
        if self.before.cart is None:
            return None
        if not self.incentive.guards:
            return OrderFacts()
        initial = self.basis.cart
        assert initial is not None
        if self.basis.seen is not None and self.before.cart is initial:
            return self.basis.seen
        return OrderFacts(
            amount=self.cart.left,
            initial_amount=initial.initial,
            lines=rule_facts.lines(self.cart.lines, self.basis.collections),
            metadata=self.basis.order_metadata,
        )

    def _order_amount(self) -> int:
        return self.basis.cart.initial if self.basis.cart else 0

    # --- the discount ---------------------------------------------------------------------------

    def done(self, credits: int | None) -> Outcome:
        """Work out the discount, and judge the rules that waited for it."""
        discount, gift = self.incentive.discount, self.incentive.type == GIFT
        if self.incentive.type == LOYALTY:
            return Outcome(cart=self.before.cart, explained=tuple(self.explained))
        if gift:
            discount = self._gift(credits)
        assert discount is not None
        applied, portions, terms = self._applied(discount)
        spent = 0
        if gift:
            assert isinstance(discount, Amount)
            spent = applied.total if self.before.cart is not None else discount.amount_off
        effect = Effect(
            total_amount=None if self.before.cart is None else applied.cart.left,
            amount_discounted=0 if gift else applied.total,
            gift_amount=spent,
        )
        for guard in self.incentive.guards:
            if guard.needs.late:
                self._judge(guard, effect)
        sums: dict[Measure, int] = {
            "redemptions": 1,
            "orders_amount": 0 if self.again else self._order_amount(),
            "amount_discounted": effect.amount_discounted,
            "gift_amount": effect.gift_amount,
        }
        return Outcome(
            cart=None if self.before.cart is None else applied.cart,
            amount=applied.amount,
            items=applied.items,
            credits=spent,
            discount=calculation.worked_out(discount, terms),
            bundle=self.bundle,
            entries=self._entries(portions),
            excluded=self._excluded(),
            covered=tuple(portion.line.index for portion in portions),
            counted=self._counted(sums, applied, portions),
            sums=sums,
            order_counted=not self.again,
            explained=tuple(self.explained),
        )

    def _gift(self, credits: int | None) -> Amount:
        """Credits as the amount that they take off."""
        most = self.incentive.balance if credits is None else credits
        effect = PROPORTIONALLY if self.incentive.effect == TO_ITEMS else TO_ORDER
        return Amount(amount_off=most, effect=effect)

    def _applied(self, discount: Discount) -> tuple[Applied, list[Portion], Terms]:
        terms = Terms(
            scopes=self._scope,
            mode=self.before.mode,
            bundles=self.bundle.quantity if self.bundle else 1,
            collections=self.basis.collections,
            catalog=self.basis.catalog,
            used=self._used(),
        )
        covered: list[Portion] = []
        if on_items(discount):
            covered = self._portions(discount, terms)
        if self.bundle is not None and not self.bundle.quantity:
            return Applied(self.cart, 0, (0,) * len(self.cart.lines)), covered, terms
        applied = calculation.apply(discount, self.cart, covered, terms)
        if isinstance(discount, Unit) and self.before.closed:
            applied = self._spared(applied)
        return applied, covered, terms

    def _spared(self, applied: Applied) -> Applied:
        """What was done, but for the lines that none may discount again."""
        had = {line.index: line for line in self.cart.lines if line.index in self.before.closed}
        lines = tuple(had.get(line.index, line) for line in applied.cart.lines)
        items = tuple(
            0 if line.index in had else off
            for line, off in zip(applied.cart.lines, applied.items, strict=True)
        )
        cart = msgspec.structs.replace(applied.cart, lines=lines)
        return Applied(cart, applied.amount, items)

    def _portions(self, discount: Discount, terms: Terms) -> list[Portion]:
        if not self.cart.lines and not self.basis.needs_items:
            return []
        if self.before.cart is None:
            raise self.refuse("missing_order", "Order is required to discount its items")
        if not self.cart.lines:
            raise self.refuse("missing_order_items", "Order items are required to discount them")
        allowed = self._allowed(self.cart.lines)
        open_ = [line for line in allowed if line.index not in self.before.closed]
        cart = msgspec.structs.replace(self.cart, lines=tuple(open_))
        covered = calculation.portions(discount, self._names, cart, terms)
        if len(open_) < len(allowed) or not self.basis.needs_items:
            return covered
        if covered and (self.incentive.type != GIFT or any(each.line.amount for each in covered)):
            return covered
        if self.incentive.type == GIFT:
            details = (
                "At least one applicable order item with amount is required to redeem this "
                "GIFT_VOUCHER"
            )
            raise self.refuse("missing_order_items_amount", details)
        raise self.refuse("order_rules_violated", "No item of the order can be discounted")

    @property
    def _names(self) -> Applicability:
        """What the discount applies to: the first rule that says it; others narrow it down."""
        for guard in self.incentive.guards:
            if guard.applicable_to.names_products:
                return guard.applicable_to
        return Applicability()

    def _allowed(self, lines: Sequence[Line]) -> list[Line]:
        """The lines that no rule keeps the discount from."""
        found = list(lines)
        names = self._names
        for guard in self.incentive.guards:
            if guard.applicable_to is not names and guard.applicable_to.names_products:
                portions = applicability.of(guard.applicable_to, found, self.basis.collections)
                places = {portion.line.index for portion in portions}
                found = [line for line in found if line.index in places]
            assert self.order is not None
            chosen = judging.discounted(guard.rules, self.order, self.basis.clock)
            if chosen is not None:
                indices = {self.cart.lines[place].index for place in chosen}
                found = [line for line in found if line.index in indices]
        return found

    def _scope(self, index: int | None) -> Scope:
        basis, incentive, cart = self.basis, self.incentive, self.cart
        line = None if index is None else next(each for each in cart.lines if each.index == index)
        times = {
            "start_date": incentive.timeframe.start_date,
            "expiration_date": incentive.timeframe.expiration_date,
        }
        of_tier = incentive.object == PROMOTION_TIER
        amount = None if self.before.cart is None else cart.left
        scope = formula_scope
        return Scope(
            clock=basis.clock,
            order=scope.Order(amount, cart.lines, basis.order_metadata),
            item=line,
            customer=scope.Customer(
                basis.customer.metadata if basis.customer else {}, basis.birthdate
            ),
            voucher=scope.Voucher()
            if of_tier
            else scope.Voucher(
                incentive.quantity, incentive.redeemed, incentive.published, **times
            ),
            tier=scope.Tier(**times) if of_tier else scope.Tier(),
            redeemable_metadata=incentive.metadata,
            redemption_metadata=basis.metadata,
            bundles=self.bundle.quantity if self.bundle else None,
        )

    # --- what it leaves -------------------------------------------------------------------------

    def _used(self) -> dict[Budget, int]:
        """What is spent of each budget of units; all of one that is each customer's, where there is
        no customer.
        """
        found = incentives.budgets(
            self.incentive, self.subjects, self.basis.clock, self.cart.lines, self.basis.collections
        )
        return {
            budget: MOST_QUANTITY if tally is None else self._row(tally.key)
            for budget, tally in found
        }

    def _entries(self, portions: Sequence[Portion]) -> list[Entry]:
        return applicability.answered(self._names, self.cart.lines, portions)

    def _excluded(self) -> list[Entry]:
        return applicability.left_out(self._names, self.cart.lines, self.basis.collections)

    def _counted(
        self, sums: Mapping[Measure, int], applied: Applied, portions: Sequence[Portion]
    ) -> dict[str, int]:
        """What each row of counters is moved by."""
        counted: dict[str, int] = {}
        for of_guard in self.tallies.values():
            for tally in of_guard.values():
                if n := sums[tally.counter.measure]:
                    counted[tally.key] = n
        spent = calculation.spent(applied, portions) if portions else {}
        for guard in self.incentive.guards if spent else ():
            for budget, n in spent.items():
                tally_ = incentives.tally_of(
                    guard, budget, self.subjects, self.incentive, self.basis.clock
                )
                if tally_ is not None and guard.applicable_to is self._names:
                    counted[tally_.key] = counted.get(tally_.key, 0) + n
        return counted
