"""The decision: worked examples of whole requests, and what holds for all of them."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from largesse.engine import receipts
from largesse.engine.incentives import Campaign
from largesse.engine.lines import Cart
from largesse.engine.redemption import APPLICABLE, Asked, Plan
from largesse.engine.stacking import ALL, PARTIAL, StackingRules, flaw
from tests.engine.carts import CARTS, cart
from tests.engine.redeeming import (
    CATEGORIES,
    ITEMS,
    amount,
    coupon,
    decide,
    expired,
    gift,
    guard,
    order_of,
    percent,
    rule,
    tier,
    told,
    unit,
    unknown,
)

# --- the worked examples ------------------------------------------------------------------------


def sums(plan: Plan, order: Cart) -> list[tuple[int, int, int, int, int]]:
    """By step and for the whole: what was applied, all that is off the order, off its items, in
    total, and what is left.
    """
    found = [(each.before, each.outcome and each.outcome.cart) for each in plan.applicable]
    receipts_ = [receipts.of(before, after) for before, after in [*found, (order, plan.cart)]]  # type: ignore[arg-type]
    return [
        (
            each.total_applied_discount_amount,
            each.discount_amount,
            each.items_discount_amount,
            each.total_discount_amount,
            each.total_amount,
        )
        for each in receipts_
    ]


def test_a_gift_card_a_coupon_and_a_tier_off_2000() -> None:
    order = Cart(amount=200_000)
    plan = decide(
        gift("dBj56oqJ", 20_400, 100),
        coupon("39vnjyS8", percent(20)),
        tier("wtS1aPOs3k2majiBJv3yfbSM", amount(8000)),
        order=order,
    )
    assert sums(plan, order) == [
        (100, 100, 0, 100, 199_900),
        (39_980, 40_080, 0, 40_080, 159_920),
        (8000, 48_080, 0, 48_080, 151_920),
        (48_080, 48_080, 0, 48_080, 151_920),
    ]
    assert plan.steps[0].outcome is not None
    assert plan.steps[0].outcome.credits == 100


def test_items_a_gift_card_and_two_tiers_off_27() -> None:
    order = cart(("tv", 2000, 1), ("roses", 700, 1))
    plan = decide(
        coupon("GNcuPKGe", amount(1000, **ITEMS)),
        gift("M3X8IwW8", 100, 100),
        tier("DE1N30D731Tg2F6NoMwNas2W", percent(40)),
        tier("NDHgTg4VnOLYNjk9r7WOmQxf", amount(30)),
        order=order,
    )
    assert sums(plan, order) == [
        (1700, 0, 1700, 1700, 1000),
        (100, 100, 1700, 1800, 900),
        (360, 460, 1700, 2160, 540),
        (30, 490, 1700, 2190, 510),
        (2190, 490, 1700, 2190, 510),
    ]
    assert plan.steps[0].outcome is not None
    assert plan.steps[0].outcome.items == (1000, 700)


def test_twenty_percent_off_2000_in_a_session() -> None:
    order = Cart(amount=200_000)
    plan = decide(coupon("wTzxDoOk", percent(20)), order=order)
    assert sums(plan, order)[-1] == (40_000, 40_000, 0, 40_000, 160_000)


# --- whole requests -----------------------------------------------------------------------------


def test_nothing_applies() -> None:
    plan = decide(expired("a"), unknown("b"), redeemables_application_mode=PARTIAL)
    assert (plan.valid, plan.order, plan.applicable) == (False, (), [])
    assert plan.cart == Cart(amount=10_000)
    assert plan.refusal.key == "voucher_disabled"
    skipped = decide(coupon("a", amount(0)), redeemables_no_effect_rule="SKIP")
    assert (skipped.valid, skipped.refusal.key) == (False, "no_applicable_redeemables")


def test_the_first_refusal_is_that_of_the_request() -> None:
    plan = decide(coupon("a", amount(1)), unknown("b"), expired("c"))
    assert (plan.refusal.key, plan.refusal.code, plan.refusal.resource_id) == (
        "not_found",
        404,
        "b",
    )


def test_a_card_pays_what_is_due_and_no_more() -> None:
    asked = [coupon("half", percent(50)), gift("card", 9000), gift("other", 9000)]
    plan = decide(*asked)
    assert told(plan) == [5000, 5000, 0]
    assert [each.outcome and each.outcome.credits for each in plan.steps] == [0, 5000, 0]


def test_what_one_redeemable_counts_the_next_one_sees() -> None:
    once = rule("campaign.redemptions.count", {"$less_than_or_equal": [1]})
    [first, second] = (coupon(name, amount(1)).incentive for name in "ab")
    assert first is not None
    assert second is not None
    # Both are of one campaign, and guarded by one assignment.
    guards = (guard("once", once),)
    of = Campaign("camp_1")
    asked = [
        Asked("voucher", each.name, msgspec.structs.replace(each, campaign=of, guards=guards))
        for each in (first, second)
    ]
    plan = decide(*asked, redeemables_application_mode=PARTIAL)
    assert told(plan) == [1, "redemption_rules_violated"]


def test_a_budget_counts_an_order_once_for_all_of_a_campaign() -> None:
    def asked(limit: int) -> list[Asked]:
        budget = rule("campaign.orders.amount", {"$less_than_or_equal": [limit]})
        found = []
        for name in "abc":
            incentive = coupon(name, amount(1)).incentive
            assert incentive is not None
            changed = msgspec.structs.replace(
                incentive, campaign=Campaign("camp_1"), guards=(guard("budget", budget),)
            )
            found.append(Asked("voucher", name, changed))
        return found

    assert told(decide(*asked(10_000))) == [1, 1, 1]
    plan = decide(*asked(9999))
    assert told(plan)[0] == "redemption_rules_violated"
    counted = [each.outcome.counted for each in decide(*asked(10_000)).applicable if each.outcome]
    assert sorted(map(sum, (each.values() for each in counted))) == [0, 0, 10_000]


# --- laws ---------------------------------------------------------------------------------------

DISCOUNTS = st.one_of(
    st.builds(amount, st.integers(0, 20_000)),
    st.builds(lambda off: amount(off, **ITEMS), st.integers(0, 5000)),
    st.builds(
        lambda off: amount(off, effect="APPLY_TO_ITEMS_PROPORTIONALLY"), st.integers(0, 20_000)
    ),
    st.builds(percent, st.integers(0, 100)),
    st.builds(lambda off: percent(off, **ITEMS), st.integers(0, 100)),
    st.builds(lambda price: {"type": "FIXED", "fixed_amount": price}, st.integers(0, 20_000)),
    st.builds(
        unit,
        st.integers(1, 3),
        st.sampled_from(["a", "b", "new", "nothing"]),
        st.sampled_from(["ADD_NEW_ITEMS", "ADD_MISSING_ITEMS", "ADD_SAME_ITEMS"]),
    ),
)
NAMES = st.sampled_from([None, *CATEGORIES])
RULES: list[dict[str, Any]] = [
    rule("order.amount", {"$more_than": [5000]}),
    rule("order.total_amount", {"$more_than_or_equal": [1000]}),
    rule("order.items.any", {"$is": [{"id": "a", "object": "product"}]}),
]
COUPONS = st.builds(
    lambda discount, category, guards: ("coupon", discount, category, guards),
    DISCOUNTS,
    NAMES,
    st.lists(st.sampled_from(RULES), max_size=1),
)
GIFTS = st.builds(
    lambda balance, credits, category: ("gift", balance, credits, category),
    st.integers(0, 9000),
    st.none() | st.integers(0, 9000),
    NAMES,
)
OTHERS = st.sampled_from([("expired",), ("unknown",)])


def named(described: list[tuple[Any, ...]]) -> list[Asked]:
    """Redeemables as they are described, each with a name of its own."""
    found = []
    for n, (kind, *said) in enumerate(described):
        name = f"r{n}"
        if kind == "coupon":
            found.append(coupon(name, said[0], said[1], *said[2]))
        elif kind == "gift":
            found.append(gift(name, *said))
        else:
            found.append(expired(name) if kind == "expired" else unknown(name))
    return found


ASKED = st.lists(st.one_of(COUPONS, COUPONS, GIFTS, OTHERS), min_size=1, max_size=6).map(named)
IDS = sorted(CATEGORIES)


@st.composite
def rules_of(draw: st.DrawFn, **fixed: Any) -> dict[str, Any]:
    """Stacking rules that can be."""
    said: dict[str, Any] = {
        "applicable_redeemables_limit": draw(st.integers(1, 6)),
        "redeemables_application_mode": draw(st.sampled_from([ALL, PARTIAL])),
        "redeemables_sorting_rule": draw(
            st.sampled_from(["REQUESTED_ORDER", "CATEGORY_HIERARCHY"])
        ),
        "grouped_redeemables_sorting_rule": draw(
            st.sampled_from(["JOINT_ALWAYS_LAST", "REDEEMABLES_SORTING_RULE"])
        ),
        "discount_calculation_mode": draw(st.sampled_from(["INITIAL_AMOUNT", "DISCOUNTED_AMOUNT"])),
        "redeemables_no_effect_rule": draw(st.sampled_from(["SKIP", "REDEEM_ANYWAY"])),
        "redeemables_products_application_mode": draw(st.sampled_from(["STACK", "ONCE"])),
        "applicable_redeemables_per_category_limit": draw(st.none() | st.just(1)),
        "applicable_exclusive_redeemables_limit": draw(st.integers(1, 5)),
    }
    for one, other in (
        ("exclusive_categories", "joint_categories"),
        ("initial_amount_mode_categories", "discounted_amount_mode_categories"),
        ("no_effect_skip_categories", "no_effect_redeem_anyway_categories"),
    ):
        sides = draw(st.lists(st.sampled_from(["", one, other]), min_size=7, max_size=7))
        for side in (one, other):
            said[side] = [id_ for id_, on in zip(IDS, sides, strict=True) if on == side]
    said |= fixed
    assert flaw(StackingRules(**said)) is None
    return said


CATALOG = {name: cart((name, 300, 1)).lines[0].item for name in ("a", "b", "new")}
ORDERS = CARTS | st.integers(0, 20_000).map(lambda amount_: Cart(amount=amount_))
BASIS: dict[str, Any] = {"catalog": CATALOG}


@given(ASKED, ORDERS, rules_of())
def test_the_sums_of_an_order_always_fit(
    asked: list[Asked], order: Cart, said: dict[str, Any]
) -> None:
    plan = decide(*asked, order=order, basis=BASIS, **said)
    before = order
    for each in plan.applicable:
        assert each.before == before
        assert each.outcome is not None
        after = each.outcome.cart
        assert after is not None
        found = receipts.of(before, after)
        fits(found, order.amount)
        assert found.total_applied_discount_amount == each.outcome.total
        assert found.applied_discount_amount == each.outcome.amount
        assert [item.applied_discount_amount or 0 for item in found.items] == list(
            each.outcome.items
        )
        # What is free of charge and was added is no discount of what there was.
        assert after.left <= before.left
        assert after.initial == order.initial
        before = after
    if plan.valid:
        assert plan.cart == before
        found = receipts.of(order, before)
        fits(found, order.amount)
        off = sum(each.outcome.total for each in plan.applicable if each.outcome)
        assert found.total_applied_discount_amount == off
        assert found.total_amount == found.amount - off
    else:
        assert plan.cart == order


def fits(found: receipts.Receipt, unsaid: int) -> None:
    """What holds within one receipt; `unsaid` is what an order comes to whose items do not say."""
    assert found.total_discount_amount == found.discount_amount + found.items_discount_amount
    assert found.total_amount == found.amount - found.total_discount_amount >= 0
    assert found.total_applied_discount_amount == (
        found.applied_discount_amount + found.items_applied_discount_amount
    )
    items = found.items
    assert found.items_discount_amount == sum(item.discount_amount or 0 for item in items)
    assert found.amount == unsaid + sum(item.amount or 0 for item in items)
    for item in items:
        assert (item.subtotal_amount or 0) == (item.amount or 0) - (item.discount_amount or 0)
        assert (item.quantity or 0) >= (item.discount_quantity or 0)
        assert (item.applied_discount_amount or 0) <= (item.discount_amount or 0)


@given(ASKED, ORDERS, rules_of(redeemables_application_mode=PARTIAL))
def test_partial_applies_what_all_would_without_the_inapplicable_ones(
    asked: list[Asked], order: Cart, said: dict[str, Any]
) -> None:
    plan = decide(*asked, order=order, basis=BASIS, **said)
    rest = [step.asked for step in plan.steps if step.refusal is None]
    alone = decide(
        *rest, order=order, basis=BASIS, **(said | {"redeemables_application_mode": ALL})
    )
    assert order_of(alone) == order_of(plan)
    assert [step for step in plan.steps if step.refusal is None] == list(alone.steps)
    assert plan.valid == bool(plan.order)
    assert plan.cart == alone.cart


@given(ASKED, ORDERS, rules_of())
def test_all_applies_all_or_nothing(asked: list[Asked], order: Cart, said: dict[str, Any]) -> None:
    said |= {"redeemables_application_mode": ALL}
    plan = decide(*asked, order=order, basis=BASIS, **said)
    refused = any(step.refusal for step in plan.steps)
    assert plan.valid == (bool(plan.order) and not refused)


@given(ASKED, ORDERS, rules_of(), st.integers(0, 6), st.sampled_from([None, *CATEGORIES]))
def test_what_does_not_apply_changes_nothing_for_others(
    asked: list[Asked], order: Cart, said: dict[str, Any], place: int, category: str | None
) -> None:
    said |= {"redeemables_application_mode": PARTIAL, "applicable_redeemables_limit": 7}
    said |= {"redeemables_limit": 30}
    alone = decide(*asked, order=order, basis=BASIS, **said)
    for other in (unknown("other"), expired("other", category)):
        more = [*asked[:place], other, *asked[place:]]
        plan = decide(*more, order=order, basis=BASIS, **said)
        assert [step for step in plan.steps if step.asked != other] == list(alone.steps)
        assert order_of(plan) == order_of(alone)


@given(ASKED, ORDERS, rules_of())
def test_a_plan_says_something_of_each_and_the_same_again(
    asked: list[Asked], order: Cart, said: dict[str, Any]
) -> None:
    plan = decide(*asked, order=order, basis=BASIS, **said)
    assert [step.asked for step in plan.steps] == asked
    for step in plan.steps:
        told_ = [step.outcome is not None, step.refusal is not None, step.skipped is not None]
        assert sum(told_) == 1
        assert (step.status == APPLICABLE) is (step.outcome is not None)
    places = [place for place, step in enumerate(plan.steps) if step.outcome]
    assert sorted(plan.order) == places
    assert len(places) <= said["applicable_redeemables_limit"]
    assert decide(*asked, order=order, basis=BASIS, **said) == plan


@given(ASKED, ORDERS, rules_of())
def test_exclusive_ones_and_common_ones_never_meet(
    asked: list[Asked], order: Cart, said: dict[str, Any]
) -> None:
    plan = decide(*asked, order=order, basis=BASIS, **said)
    groups = {step.standing.group for step in plan.applicable}
    assert not groups >= {"EXCLUSIVE", None}
    exclusive = [step for step in plan.applicable if step.standing.group == "EXCLUSIVE"]
    assert len(exclusive) <= said["applicable_exclusive_redeemables_limit"]
    if said["applicable_redeemables_per_category_limit"] == 1:
        ids = [step.standing.category_id for step in plan.applicable]
        assert all(ids.count(id_) == 1 for id_ in ids if id_ is not None)


@given(st.lists(DISCOUNTS, min_size=2, max_size=4), CARTS, rules_of())
def test_with_once_no_line_is_discounted_twice(
    given_: list[dict[str, Any]], order: Cart, said: dict[str, Any]
) -> None:
    said |= {"redeemables_products_application_mode": "ONCE"}
    asked = [coupon(f"c{n}", discount) for n, discount in enumerate(given_)]
    plan = decide(*asked, order=order, basis=BASIS, **said)
    touched: set[int] = set()
    for step in plan.applicable:
        assert step.outcome is not None
        now = {index for index, off in enumerate(step.outcome.items) if off}
        assert not now & touched
        touched |= now


def test_as_many_as_there_can_be() -> None:
    asked = [coupon(f"c{n}", amount(1)) for n in range(30)]
    plan = decide(*asked, applicable_redeemables_limit=30)
    assert (plan.valid, told(plan)) == (True, [1] * 30)
    assert plan.cart is not None
    assert plan.cart.left == 9970
