from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from largesse.engine import formula
from largesse.engine.formula import Order, Scope
from largesse.engine.formula_operands import OPERANDS, PROPERTIES
from largesse.engine.lines import Line
from tests.engine.formulas import HAT, SCOPE, SHIRT, TENT, holds, line, number

# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2", "2"),
        ("0.50", "0.5"),
        ("(2)", "2"),
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("10 - 4 - 3", "3"),
        ("10 - (4 - 3)", "9"),
        ("16 / 4 / 2", "2"),
        ("7 - -2", "9"),
        ("-2 * -3", "6"),
        ("-(1 + 2)", "-3"),
        ("--2", "2"),
        ("2 x 3", "6"),
        ("2x3", "6"),
        # The sign of multiplication, not the letter.
        ("2 × 3", "6"),  # noqa: RUF001
        ("7 ÷ 2", "3.5"),
        ("7 % 3", "1"),
        ("7.5 % 2", "1.5"),
        ("-7 % 3", "-1"),
        ("2 + 7 % 3 * 2", "4"),
        ("0.1 + 0.2", "0.3"),
        ("10 / 3 * 3", "10"),
        (" \n\t1\u00a0+ 1 ", "2"),
        ("MIN(3; 1; 2)", "1"),
        ("MAX(3; 1; 2)", "3"),
        ("MIN(4)", "4"),
        ("POW(12;2)", "144"),
        ("POW(2;-2)", "0.25"),
        ("POW(9;0.5)", "3"),
        ("123456789012345678901234567890", "123456789012345678901234567900"),
    ],
)
def test_arithmetic(text: str, expected: str) -> None:
    assert number(text) == Decimal(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ROUND(75.55;1)", "75.6"),
        ("ROUND(75.55;0)", "76"),
        ("ROUND(75.55;-1)", "80"),
        ("FLOOR(75.55;1)", "75.5"),
        ("FLOOR(75.55;0)", "75"),
        ("FLOOR(75.55;-1)", "70"),
        ("CEIL(74.44;1)", "74.5"),
        ("CEIL(74.44;0)", "75"),
        ("CEIL(74.44;-1)", "80"),
        # Half up is towards plus infinity, also below zero.
        ("ROUND(0.5;0)", "1"),
        ("ROUND(-0.5;0)", "0"),
        ("ROUND(-1.51;0)", "-2"),
        ("FLOOR(-1.5;0)", "-2"),
        ("CEIL(-1.5;0)", "-1"),
        ("FLOOR(10 / 3 * 3;0)", "10"),
        ("CEIL(2 / 3 * 3;0)", "2"),
        ("ROUND(1.25;2 / 2)", "1.3"),
        ("ROUND(1.25;0.5)", None),
        ("ROUND(1.25;1000)", None),
    ],
)
def test_rounding(text: str, expected: str | None) -> None:
    assert number(text) == (None if expected is None else Decimal(expected))


def test_metadata_are_rounded_as_they_are_written() -> None:
    """75.55 is below 75.55 in binary."""
    assert number('ROUND(CUSTOMER_METADATA("customer_life_time_value");1)') == Decimal("75.6")


# --- operands ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ORDER_AMOUNT", "285"),
        ("ORDER_ITEMS_QUANTITY", "3"),
        ("ORDER_UNITS_QUANTITY", "6"),
        ("ORDER_ITEM_PRICE", "6"),
        ("ORDER_ITEM_AMOUNT", "18"),
        ("ORDER_ITEM_SUBTOTAL", "15"),
        ("ORDER_ITEM_UNITS_QUANTITY", "3"),
        ("CHEAPEST_ORDER_ITEM_PRICE", "6"),
        ("CHEAPEST_ORDER_ITEM_AMOUNT", "18"),
        ("CHEAPEST_ORDER_ITEM_SUBTOTAL", "15"),
        ("CHEAPEST_ORDER_ITEM_UNITS_QUANTITY", "3"),
        ("MOST_EXPENSIVE_ORDER_ITEM_PRICE", "250.5"),
        ("MOST_EXPENSIVE_ORDER_ITEM_AMOUNT", "250.5"),
        ("MOST_EXPENSIVE_ORDER_ITEM_SUBTOTAL", "250"),
        ("MOST_EXPENSIVE_ORDER_ITEM_UNITS_QUANTITY", "1"),
        ("VOUCHER_REDEMPTION_QUANTITY - VOUCHER_REDEEMED_QUANTITY", "6"),
        ("VOUCHER_PUBLISH_COUNT", "1"),
        ("order.bundle.quantity", "2"),
        ('ORDER_METADATA("day_of_week")', "5"),
        ('CUSTOMER_METADATA("number_of_store_visits")', "12"),
        ('REDEEMABLE_METADATA("membership_duration")', "24"),
        ('REDEMPTION_METADATA("store_list")', "9"),
        ('PUBLICATION_METADATA("year")', "2026"),
        # What the order item of a discount is, by its price.
        # The sign again.
        ("ORDER_ITEM_PRICE × 0.01 + 1", "1.06"),  # noqa: RUF001
    ],
)
def test_operands(text: str, expected: str) -> None:
    assert number(text) == Decimal(expected)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('ORDER_ITEM_METADATA("Size") is "M"', True),
        ('ORDER_ITEM_PRODUCT_METADATA("category") is "shirts"', True),
        ('CHEAPEST_ORDER_ITEM_METADATA("Size") is "M"', True),
        ('CHEAPEST_ORDER_ITEM_PRODUCT_METADATA("category") is "shirts"', True),
        ('MOST_EXPENSIVE_ORDER_ITEM_PRODUCT_METADATA("category") is "tents"', True),
        ('MOST_EXPENSIVE_ORDER_ITEM_METADATA("Size") is "M"', None),
        ("VOUCHER_START_DATE IS_BEFORE NOW", True),
        ("VOUCHER_EXPIRATION_DATE IS_AFTER NOW", None),
        ("PROMOTION_TIER_EXPIRATION_DATE IS_AFTER NOW", True),
        ("PROMOTION_TIER_START_DATE IS_BEFORE NOW", None),
        ("CUSTOMER_BIRTHDATE IS_BEFORE TODAY", True),
    ],
)
def test_operands_of_conditions(condition: str, expected: bool | None) -> None:
    assert holds(condition) is expected


@pytest.mark.parametrize("name", sorted(OPERANDS.keys() | PROPERTIES.keys()))
def test_what_is_not_known_cannot_be_evaluated(name: str) -> None:
    """But for the time, and the number of the items that an order does not have."""
    scope = Scope(SCOPE.clock)
    text = f'{name}("x")' if name in PROPERTIES else name
    if name in OPERANDS and OPERANDS[name].kind == "date":
        text = f"YEAR({name})"
    known = {"TODAY": 2026, "NOW": 2026, "ORDER_ITEMS_QUANTITY": 0, "ORDER_UNITS_QUANTITY": 0}
    assert formula.read(text).value(scope) == known.get(name)


SALE = line(600, 3, 900)


@pytest.mark.parametrize(
    ("lines", "cheapest", "most_expensive"),
    [
        ((), None, None),
        ((HAT,), HAT, HAT),
        ((HAT, SHIRT, TENT), SHIRT, TENT),
        # Of the same price it is the lowest subtotal that counts, for both.
        ((SHIRT, SALE), SALE, SALE),
        ((SALE, HAT, line(1000, 3), SHIRT), SALE, HAT),
        # Of the same subtotal too, the first.
        ((HAT, line(1000, 2, Size="S")), HAT, HAT),
        # A line of which no price is known is none of both; one that is free may be.
        ((line(None), HAT), HAT, HAT),
        ((line(None),), None, None),
        ((HAT, gift := line(0)), gift, HAT),
    ],
)
def test_the_cheapest_and_the_most_expensive_line(
    lines: tuple[Line, ...],
    cheapest: Line | None,
    most_expensive: Line | None,
) -> None:
    order = Order(lines=lines)
    assert order.cheapest is cheapest
    assert order.most_expensive is most_expensive


def test_a_line_without_a_price_has_a_quantity() -> None:
    scope = replace(SCOPE, item=line(None, 4))
    for name, expected in (("PRICE", None), ("AMOUNT", None), ("UNITS_QUANTITY", 4)):
        assert formula.read(f"ORDER_ITEM_{name}").value(scope) == expected


# --- what cannot be evaluated --------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "1 / 0",
        "0 / 0",
        "1 % 0",
        "POW(0;-1)",
        "POW(-8;0.5)",
        "POW(9;POW(9;9))",
        "POW(POW(9;9);POW(9;9))",
        "POW(10;99) * 10",
        "POW(10;99) % 3",
        'CUSTOMER_METADATA("none")',
        'CUSTOMER_METADATA("nothing")',
        'CUSTOMER_METADATA("tier")',
        'CUSTOMER_METADATA("newsletter")',
        'CUSTOMER_METADATA("favorite_brands")',
        'CUSTOMER_METADATA("address")',
        '1 + CUSTOMER_METADATA("digits")',
        'MIN(1;CUSTOMER_METADATA("none"))',
        'IF(CUSTOMER_METADATA("none") > 5;10;3)',
        'IF(1 = 1;"VIP";3)',
        'DAYS_SINCE(CUSTOMER_METADATA("tier"))',
        'DAYS_SINCE(CUSTOMER_METADATA("age"))',
        "DEFAULT_TO(1 / 0;1 / 0)",
    ],
)
def test_what_cannot_be_evaluated_gives_way_to_the_fallback(text: str) -> None:
    found = formula.read(text)
    assert found.value(SCOPE) is None
    assert found.amount(SCOPE, 500) == 500
    assert found.amount(SCOPE, None) is None
    assert found.count(SCOPE) is None
    assert found.percent(SCOPE, Decimal(7)) == 7


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('DEFAULT_TO(REDEMPTION_METADATA("store_list") / 2;5)', "4.5"),
        ('DEFAULT_TO(CUSTOMER_METADATA("tier") / 2;5)', "5"),
        ('DEFAULT_TO(CUSTOMER_METADATA("none");CUSTOMER_METADATA("nothing");6)', "6"),
        ("DEFAULT_TO(1 / 0;7)", "7"),
        ("IF(1 = 1;3;1 / 0)", "3"),
        ("IF(1 = 2;1 / 0;3)", "3"),
    ],
)
def test_only_what_is_asked_for_has_to_be_known(text: str, expected: str) -> None:
    assert number(text) == Decimal(expected)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 2**64, -(2**64), Decimal("NaN"), {}, None, object(), 1e300],
)
def test_metadata_that_no_number_can_be_made_of(value: object) -> None:
    assert number('CUSTOMER_METADATA("odd") + 1', odd=value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, "8"),
        (-0.1, "0.9"),
        (Decimal("0.25"), "1.25"),
        (2**63 - 1, "9223372036854775808"),
        (1e-300, "1"),
    ],
)
def test_numbers_of_metadata(value: object, expected: str) -> None:
    assert number('CUSTOMER_METADATA("odd") + 1', odd=value) == Decimal(expected)


# --- results -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "amount", "count"),
    [
        ("20", 2000, 20),
        ("0.005", 1, 0),
        ("0.0049", 0, 0),
        ("1.5", 150, 2),
        ("-0.005", 0, 0),
        ("-1.5", -150, -1),
        # A third of 1.5 cents is half a cent, not a little less.
        ("1 / 3 * 0.015", 1, 0),
        ("10000000000000", 10**15, 10**13),
        ("10000000000001", 7, 10**13 + 1),
        ("POW(10;80)", 7, None),
        ("POW(10;-80)", 0, 0),
    ],
)
def test_results_are_rounded_half_up(text: str, amount: int, count: int | None) -> None:
    assert formula.read(text).amount(SCOPE, 7) == amount
    assert formula.read(text).count(SCOPE) == count


def test_percentages_are_not_rounded() -> None:
    assert formula.read("12.345").percent(SCOPE, Decimal(1)) == Decimal("12.345")


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("1 + 1", set()),
        ("ORDER_AMOUNT + CHEAPEST_ORDER_ITEM_PRICE", {"order"}),
        ("ORDER_ITEM_PRICE", {"item"}),
        ('CUSTOMER_METADATA("a") + YEAR(CUSTOMER_BIRTHDATE)', {"customer", "clock"}),
        ('IF(TODAY IS_AFTER DATE("2026-01-01");1;VOUCHER_PUBLISH_COUNT)', {"clock", "voucher"}),
        ("DAYS_UNTIL(PROMOTION_TIER_EXPIRATION_DATE)", {"clock", "tier"}),
        (
            'SWITCH(ORDER_METADATA("a");SWITCH_CASE(REDEEMABLE_METADATA("b");1);2)',
            {"order", "redeemable_metadata"},
        ),
        (
            'PUBLICATION_METADATA("a") + REDEMPTION_METADATA("b") + order.bundle.quantity',
            {"publication_metadata", "redemption_metadata", "bundles"},
        ),
    ],
)
def test_needs(text: str, needs: set[str]) -> None:
    assert formula.read(text).needs == needs


# --- examples of the documentation ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("IF(ORDER_AMOUNT > 200;ORDER_AMOUNT * 0.15;ORDER_AMOUNT * 0.05)", 4275),
        ('IF(CUSTOMER_METADATA("tier") is "VIP";25;10)', 2500),
        ("IF(ORDER_UNITS_QUANTITY > 5;FLOOR(ORDER_UNITS_QUANTITY / 3;0);1)", 200),
        ("IF(ORDER_AMOUNT > 500;ROUND(ORDER_AMOUNT * 1.5;0);ROUND(ORDER_AMOUNT;0))", 28_500),
        ('IF(CUSTOMER_METADATA("favorite_brands") contains "Nike";20;5)', 2000),
        ('IF(ORDER_AMOUNT > 100;CUSTOMER_METADATA("age") - -2;5)', 3500),
        ("IF(VOUCHER_PUBLISH_COUNT = 1;25;5)", 2500),
        ("IF(ORDER_AMOUNT > 300;ORDER_ITEM_PRICE * 0.8;ORDER_ITEM_PRICE)", 600),
        ("IF(ORDER_AMOUNT > 200;ORDER_ITEM_PRICE * 0.9;ORDER_ITEM_PRICE)", 540),
        ('(10 - ORDER_METADATA("day_of_week"))', 500),
        ('MIN(PUBLICATION_METADATA("year"); CUSTOMER_METADATA("age"))', 3300),
        ('ORDER_METADATA("day_of_week") x 2', 1000),
        ('CUSTOMER_METADATA("age") ÷ 8', 413),
    ],
)
def test_documented_examples(text: str, amount: int) -> None:
    assert formula.read(text, formula.ITEM).amount(SCOPE, None) == amount
