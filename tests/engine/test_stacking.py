"""What each of the stacking rules makes of redeemables that are applied together."""

from __future__ import annotations

from typing import Any

import pytest

from largesse.engine.stacking import EXCLUSIVE, JOINT, StackingRules, Standing, arranged, standing
from tests.engine.carts import cart
from tests.engine.redeeming import (
    ITEMS,
    amount,
    coupon,
    decide,
    expired,
    gift,
    order_of,
    percent,
    rule,
    told,
    unit,
    unknown,
)

LIMIT = "applicable_redeemables_limit_exceeded"
OF_CATEGORY = "applicable_redeemables_per_category_limit_exceeded"
EXCLUSIVES = "applicable_exclusive_redeemables_limit_exceeded"
EXCLUSIVES_OF_CATEGORY = "applicable_exclusive_redeemables_per_category_limit_exceeded"
EXCLUDED, PRECEDED = "exclusion_rules_not_met", "preceding_validation_failed"
PARTIAL = {"redeemables_application_mode": "PARTIAL"}
BY_HIERARCHY = {"redeemables_sorting_rule": "CATEGORY_HIERARCHY"}
VIP: dict[str, Any] = {"exclusive_categories": ["vip"], "joint_categories": ["always"]}

TEN, TWENTY = coupon("ten", percent(10)), coupon("twenty", percent(20))

# --- the scenarios that the reference tells -----------------------------------------------------


def test_the_order_of_application_decides_who_is_eligible() -> None:
    over_100 = rule("order.amount", {"$more_than": [10_000]})
    twenty = coupon("twenty", percent(20), None, over_100)
    first = decide(TEN, twenty, order=10_500, **PARTIAL)
    assert told(first) == [1050, "order_rules_violated"]
    assert first.cart is not None
    assert (first.valid, first.cart.left) == (True, 9450)
    second = decide(twenty, TEN, order=10_500, **PARTIAL)
    assert told(second) == [2100, 840]
    assert second.cart is not None
    assert second.cart.left == 7560


def test_hierarchies_do_what_the_requests_order_does() -> None:
    over_100 = rule("order.amount", {"$more_than": [10_000]})

    def left(of_ten: str, of_twenty: str) -> Any:
        ten = coupon("ten", percent(10), of_ten)
        twenty = coupon("twenty", percent(20), of_twenty, over_100)
        plan = decide(ten, twenty, order=10_500, **PARTIAL, **BY_HIERARCHY)
        assert plan.cart is not None
        return plan.cart.left

    assert (left("first", "second"), left("second", "first")) == (9450, 7560)


@pytest.mark.parametrize(
    ("mode", "valid", "expected"),
    [
        ("ALL", False, [1000, "voucher_disabled", PRECEDED]),
        ("PARTIAL", True, [1000, "voucher_disabled", 1800]),
    ],
)
def test_all_or_some(mode: str, valid: bool, expected: list[Any]) -> None:
    plan = decide(TEN, expired("old"), TWENTY, redeemables_application_mode=mode)
    assert (plan.valid, told(plan)) == (valid, expected)
    assert plan.cart is not None
    assert plan.cart.left == (7200 if valid else 10_000)


@pytest.mark.parametrize("sorting", [{}, BY_HIERARCHY])
@pytest.mark.parametrize("mode", ["ALL", "PARTIAL"])
@pytest.mark.parametrize("newsletter", [None, "first", "third"])
def test_never_stackable_keeps_common_ones_out(
    newsletter: str | None, mode: str, sorting: dict[str, Any]
) -> None:
    vip, common = coupon("vip", percent(50), "vip"), coupon("newsletter", percent(10), newsletter)
    for asked in ([vip, common], [common, vip]):
        plan = decide(*asked, **VIP, **sorting, redeemables_application_mode=mode)
        found = dict(zip([each.name for each in asked], told(plan), strict=True))
        assert found == {"vip": 5000, "newsletter": EXCLUDED}
        assert plan.valid


def test_always_stackable_joins_never_stackable() -> None:
    vip, always = coupon("vip", percent(50), "vip"), coupon("always", percent(10), "always")
    assert told(decide(vip, always, **VIP)) == [5000, 500]
    plan = decide(always, coupon("common", percent(1)), vip, **VIP)
    assert (told(plan), order_of(plan)) == ([500, EXCLUDED, 5000], ["vip", "always"])


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("first", "second", True),
        ("first", None, True),
        ("first", "vip", False),
        ("first", "always", True),
        (None, "always", True),
        ("vip", "vip2", True),
        ("vip", "always", True),
        ("always", "always2", True),
    ],
)
def test_which_go_together(one: str | None, other: str | None, together: bool) -> None:
    rules = {
        "exclusive_categories": ["vip", "vip2"],
        "joint_categories": ["always", "always2"],
        "applicable_exclusive_redeemables_limit": 2,
    }
    plan = decide(coupon("a", amount(1), one), coupon("b", amount(1), other), **rules)
    assert (len(plan.order) == 2) is together
    assert plan.valid


def test_a_category_has_a_limit_of_its_own() -> None:
    sales = [coupon(name, amount(10), "first") for name in "abc"]
    limited = {"applicable_redeemables_category_limits": {"first": 2}}
    plan = decide(*sales, **limited)
    assert (plan.valid, told(plan)) == (True, [10, 10, OF_CATEGORY])
    # The limit of all goes before it.
    assert told(decide(*sales, **limited, applicable_redeemables_limit=1)) == [10, LIMIT, LIMIT]


@pytest.mark.parametrize(("rule_", "expected"), [("SKIP", "no_effect"), ("REDEEM_ANYWAY", 0)])
def test_no_effect(rule_: str, expected: Any) -> None:
    plan = decide(coupon("nothing", amount(0)), TEN, redeemables_no_effect_rule=rule_)
    assert (plan.valid, told(plan)) == (True, [expected, 1000])
    alone = decide(coupon("nothing", amount(0)), redeemables_no_effect_rule=rule_)
    assert (alone.valid, told(alone)) == (rule_ != "SKIP", [expected])


@pytest.mark.parametrize(
    ("mode", "expected", "left"),
    [("INITIAL_AMOUNT", [1000, 2000], 7000), ("DISCOUNTED_AMOUNT", [1000, 1800], 7200)],
)
def test_the_mode_of_calculation(mode: str, expected: list[int], left: int) -> None:
    plan = decide(TEN, TWENTY, discount_calculation_mode=mode)
    assert plan.cart is not None
    assert (told(plan), plan.cart.left) == (expected, left)


# --- limits -------------------------------------------------------------------------------------


def many(*categories: str | None) -> list[Any]:
    return [coupon(f"c{n}", amount(1), each) for n, each in enumerate(categories)]


@pytest.mark.parametrize(
    ("categories", "said", "expected"),
    [
        # The defaults: five in all, one of a category, and those without one as many as there may.
        ([None] * 6, {}, [1, 1, 1, 1, 1, LIMIT]),
        (["first", "first", None, None], {}, [1, OF_CATEGORY, 1, 1]),
        (["first", "second", "first"], {}, [1, 1, OF_CATEGORY]),
        ([None] * 3, {"applicable_redeemables_limit": 2}, [1, 1, LIMIT]),
        (["first"] * 3, {"applicable_redeemables_per_category_limit": 2}, [1, 1, OF_CATEGORY]),
        (["first"] * 3, {"applicable_redeemables_per_category_limit": None}, [1, 1, 1]),
        # What is said of a category goes before what is said of all.
        (
            ["first", "first", "second", "second"],
            {"applicable_redeemables_category_limits": {"first": 2}},
            [1, 1, 1, OF_CATEGORY],
        ),
        (
            ["first", "first", "second", "second"],
            {
                "applicable_redeemables_per_category_limit": 2,
                "applicable_redeemables_category_limits": {"first": 1},
            },
            [1, OF_CATEGORY, 1, 1],
        ),
        # A category that is gone is none.
        (["gone", "gone"], {}, [1, 1]),
    ],
)
def test_limits(categories: list[str | None], said: dict[str, Any], expected: list[Any]) -> None:
    plan = decide(*many(*categories), **said)
    assert (plan.valid, told(plan)) == (True, expected)


@pytest.mark.parametrize(
    ("categories", "said", "expected"),
    [
        (["vip", "vip2"], {}, [1, EXCLUSIVES]),
        (["vip", "vip"], {}, [1, EXCLUSIVES]),
        (["vip", "vip2"], {"applicable_exclusive_redeemables_limit": 2}, [1, 1]),
        (
            ["vip", "vip"],
            {"applicable_exclusive_redeemables_limit": 2},
            [1, EXCLUSIVES_OF_CATEGORY],
        ),
        # Exclusive ones are of a category like any other.
        (
            ["vip", "vip"],
            {
                "applicable_exclusive_redeemables_limit": 2,
                "applicable_exclusive_redeemables_per_category_limit": 2,
            },
            [1, OF_CATEGORY],
        ),
        (
            ["vip", "vip", "vip2"],
            {
                "applicable_exclusive_redeemables_limit": 3,
                "applicable_exclusive_redeemables_per_category_limit": None,
                "applicable_redeemables_per_category_limit": None,
            },
            [1, 1, 1],
        ),
        (
            ["vip", "always", "always2"],
            {"applicable_redeemables_limit": 2},
            [1, 1, LIMIT],
        ),
        (["vip", "always", "always"], {}, [1, 1, OF_CATEGORY]),
    ],
)
def test_limits_of_exclusive_ones(
    categories: list[str | None], said: dict[str, Any], expected: list[Any]
) -> None:
    groups = {
        "exclusive_categories": ["vip", "vip2"],
        "joint_categories": ["always", "always2"],
    }
    assert told(decide(*many(*categories), **groups, **said)) == expected


def test_what_does_not_apply_takes_no_room() -> None:
    asked = [expired("a", "first"), coupon("b", amount(1), "first"), coupon("c", amount(1))]
    rules = {**PARTIAL, "applicable_redeemables_limit": 2}
    assert told(decide(*asked, **rules)) == ["voucher_disabled", 1, 1]
    nothing = coupon("nothing", amount(0), "first")
    rules = {"redeemables_no_effect_rule": "SKIP", "applicable_redeemables_limit": 2}
    assert told(decide(nothing, *asked[1:], **rules)) == ["no_effect", 1, 1]


def test_what_has_no_room_is_skipped_before_it_is_judged_but_what_is_unknown_is_told() -> None:
    rules = {"applicable_redeemables_limit": 1}
    assert told(decide(TEN, expired("old"), **rules)) == [1000, LIMIT]
    plan = decide(TEN, unknown("nobody"), TWENTY, **rules)
    assert (plan.valid, told(plan)) == (False, [1000, "not_found", PRECEDED])


# --- the order of application -------------------------------------------------------------------


def test_hierarchies_sort_and_the_request_decides_between_equals() -> None:
    asked = many("third", None, "second", None, "first")
    asked = [*asked, coupon("c5", amount(1), "third")]
    more = {"applicable_redeemables_limit": 30, "applicable_redeemables_per_category_limit": None}
    plan = decide(*asked, **more, **BY_HIERARCHY)
    # 0 goes first, what has no category counts as 1.
    assert order_of(plan) == ["c4", "c1", "c3", "c2", "c0", "c5"]
    assert order_of(decide(*asked, **more)) == ["c0", "c1", "c2", "c3", "c4", "c5"]
    assert [step.asked.name for step in plan.steps] == [each.name for each in asked]


@pytest.mark.parametrize(
    ("grouped", "sorting", "expected"),
    [
        ("JOINT_ALWAYS_LAST", "REQUESTED_ORDER", ["vip", "always"]),
        ("JOINT_ALWAYS_LAST", "CATEGORY_HIERARCHY", ["vip", "always"]),
        ("REDEEMABLES_SORTING_RULE", "REQUESTED_ORDER", ["always", "vip"]),
        ("REDEEMABLES_SORTING_RULE", "CATEGORY_HIERARCHY", ["always", "vip"]),
    ],
)
def test_joint_and_exclusive_ones(grouped: str, sorting: str, expected: list[str]) -> None:
    rules = StackingRules(
        exclusive_categories=["vip"],
        joint_categories=["always"],
        grouped_redeemables_sorting_rule=grouped,
        redeemables_sorting_rule=sorting,
    )
    standings = [standing(rules, name, {"vip": 3, "always": 0}) for name in ("always", "vip")]
    assert [("always", "vip")[place] for place in arranged(rules, standings)] == expected


def test_joint_ones_keep_their_place_among_common_ones() -> None:
    always, common = coupon("always", amount(1), "always"), coupon("common", amount(1))
    assert order_of(decide(always, common, **VIP)) == ["always", "common"]


def test_joint_ones_keep_their_place_where_no_exclusive_one_applies() -> None:
    """An exclusive one that does not apply changes nothing for the others."""
    always, common = coupon("always", percent(10), "always"), coupon("common", amount(1000))
    for vip in (expired("vip", "vip"), coupon("vip", amount(0), "vip")):
        for place in range(3):
            asked = [always, common]
            asked.insert(place, vip)
            rules = {**PARTIAL, **VIP, "redeemables_no_effect_rule": "SKIP"}
            plan = decide(*asked, **rules)
            assert order_of(plan) == ["always", "common"]
            assert plan.cart is not None
            assert plan.cart.left == 8000


def test_standings() -> None:
    rules = StackingRules(exclusive_categories=["a"], joint_categories=["b"])
    known = {"a": 1, "b": 2, "c": 3}
    assert standing(rules, "a", known) == Standing("a", 1, EXCLUSIVE)
    assert standing(rules, "b", known) == Standing("b", 2, JOINT)
    assert standing(rules, "c", known) == Standing("c", 3, None)
    assert standing(rules, None, known) == standing(rules, "d", known) == Standing()


# --- exclusive ones that do not apply -----------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("PARTIAL", [[10, "voucher_disabled"], ["voucher_disabled", 10]]),
        ("ALL", [[10, "voucher_disabled"], ["voucher_disabled", PRECEDED]]),
    ],
)
def test_an_exclusive_one_that_does_not_apply_keeps_nobody_out(
    mode: str, expected: list[Any]
) -> None:
    common, vip = coupon("common", amount(10)), expired("vip", "vip")
    rules = {**VIP, "redeemables_application_mode": mode}
    plans = [decide(common, vip, **rules), decide(vip, common, **rules)]
    assert [told(plan) for plan in plans] == expected
    assert [plan.valid for plan in plans] == [mode == "PARTIAL"] * 2


def test_of_two_exclusive_ones_the_one_that_applies_keeps_others_out() -> None:
    asked = [expired("old", "vip"), coupon("common", amount(1)), coupon("new", amount(10), "vip2")]
    rules = {"exclusive_categories": ["vip", "vip2"], **PARTIAL}
    assert told(decide(*asked, **rules)) == ["voucher_disabled", EXCLUDED, 10]


def test_an_exclusive_one_without_effect_keeps_nobody_out() -> None:
    asked = [coupon("vip", amount(0), "vip"), coupon("common", amount(10))]
    skipping = {**VIP, "redeemables_no_effect_rule": "SKIP"}
    assert told(decide(*asked, **skipping)) == ["no_effect", 10]
    assert told(decide(*asked, **VIP)) == [0, EXCLUDED]


def test_an_unknown_one_is_told_beside_an_exclusive_one() -> None:
    vip = coupon("vip", amount(10), "vip")
    plan = decide(vip, unknown("nobody"), **VIP)
    assert (plan.valid, told(plan)) == (False, [10, "not_found"])
    plan = decide(vip, unknown("nobody"), coupon("common", amount(1)), **VIP, **PARTIAL)
    assert (plan.valid, told(plan)) == (True, [10, "not_found", EXCLUDED])


# --- how discounts are worked out ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, [1000, 900, 810]),
        ({"discount_calculation_mode": "INITIAL_AMOUNT"}, [1000, 1000, 1000]),
        ({"initial_amount_mode_categories": ["second"]}, [1000, 1000, 800]),
        (
            {
                "discount_calculation_mode": "INITIAL_AMOUNT",
                "discounted_amount_mode_categories": ["second"],
            },
            [1000, 900, 1000],
        ),
        (
            {
                "initial_amount_mode_categories": ["third"],
                "discounted_amount_mode_categories": ["second"],
            },
            [1000, 900, 1000],
        ),
    ],
)
def test_categories_have_a_mode_of_calculation(said: dict[str, Any], expected: list[int]) -> None:
    asked = [coupon(name, percent(10), name) for name in ("first", "second", "third")]
    assert told(decide(*asked, **said)) == expected
    of_items = [coupon(name, percent(10, **ITEMS), name) for name in ("first", "second", "third")]
    assert told(decide(*of_items, order=cart(("a", 5000, 2)), **said)) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, [0, 0, 0]),
        ({"redeemables_no_effect_rule": "SKIP"}, ["no_effect"] * 3),
        ({"no_effect_skip_categories": ["second"]}, [0, "no_effect", 0]),
        (
            {
                "redeemables_no_effect_rule": "SKIP",
                "no_effect_redeem_anyway_categories": ["second"],
            },
            ["no_effect", 0, "no_effect"],
        ),
        (
            {
                "no_effect_skip_categories": ["first"],
                "no_effect_redeem_anyway_categories": ["second"],
            },
            ["no_effect", 0, 0],
        ),
    ],
)
def test_categories_have_a_rule_for_no_effect(said: dict[str, Any], expected: list[Any]) -> None:
    asked = [coupon(name, amount(0), name) for name in ("first", "second", "third")]
    assert told(decide(*asked, **said)) == expected


@pytest.mark.parametrize(
    ("asked", "order"),
    [
        (coupon("late", percent(10)), 0),
        (gift("card", 500), 0),
        (gift("card", 500, 0), 1000),
        (coupon("dear", {"type": "FIXED", "fixed_amount": 2000}), 1000),
        (coupon("unit", unit(1, "nowhere")), cart(("a", 100, 1))),
    ],
)
def test_what_has_no_effect(asked: Any, order: Any) -> None:
    assert told(decide(asked, order=order, redeemables_no_effect_rule="SKIP")) == ["no_effect"]


def test_without_an_order_nobody_knows_of_an_effect() -> None:
    assert decide(TEN, order=None, redeemables_no_effect_rule="SKIP").valid


# --- one discount of a product ------------------------------------------------------------------

ONCE = {"redeemables_products_application_mode": "ONCE"}


def off(name: str, product: str) -> Any:
    entry = {"object": "product", "id": product}
    return coupon(name, amount(100, **ITEMS), None, {"applicable_to": {"included": [entry]}})


def test_a_product_is_discounted_once() -> None:
    order = cart(("a", 1000, 1), ("b", 1000, 1))
    everything = coupon("all", percent(10, **ITEMS))
    assert told(decide(off("a", "a"), everything, order=order)) == [100, 190]
    plan = decide(off("a", "a"), everything, order=order, **ONCE)
    assert told(plan) == [100, 100]
    assert plan.steps[1].outcome is not None
    assert plan.steps[1].outcome.items == (0, 100)
    # Two of all: the second finds nothing left, and has no effect.
    twice = [everything, coupon("again", percent(10, **ITEMS))]
    assert told(decide(*twice, order=order, **ONCE)) == [200, 0]
    skipping = {**ONCE, "redeemables_no_effect_rule": "SKIP"}
    assert told(decide(*twice, order=order, **skipping)) == [200, "no_effect"]
    # The order decides whose product it is.
    assert told(decide(everything, off("a", "a"), order=order, **ONCE)) == [200, 0]


def test_discounts_of_the_order_are_of_no_product() -> None:
    order = cart(("a", 1000, 1), ("b", 1000, 1))
    plan = decide(TEN, off("a", "a"), coupon("more", amount(50)), order=order, **ONCE)
    assert told(plan) == [200, 100, 50]


def test_free_units_of_a_product_are_a_discount_of_it() -> None:
    order = cart(("a", 1000, 2), ("b", 1000, 1))
    basis = {"catalog": {"a": cart(("a", 1000, 1)).lines[0].item}}
    free = coupon("free", unit(1, "a", "ADD_MISSING_ITEMS"))
    more = coupon("more", unit(1, "a"))
    everything = coupon("all", percent(10, **ITEMS))
    assert told(decide(free, everything, order=order, basis=basis, **ONCE)) == [1000, 100]
    assert told(decide(everything, free, order=order, basis=basis, **ONCE)) == [300, 0]
    assert told(decide(everything, more, order=order, basis=basis, **ONCE)) == [300, 0]
    assert told(decide(off("b", "b"), more, order=order, basis=basis, **ONCE)) == [100, 1000]
