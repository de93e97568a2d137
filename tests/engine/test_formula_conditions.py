from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from largesse.engine import formula
from largesse.engine.calendar import Clock
from largesse.engine.formula import Customer, Order, Scope
from largesse.engine.formula_functions import months
from tests.engine.formulas import HAT, SCOPE, holds, number

# --- conditions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("2 > 1", True),
        ("1 > 1", False),
        ("1 < 2", True),
        ("1 < 1", False),
        ("1 = 1.0", True),
        ("1 = 2", False),
        ("10 / 3 * 3 = 10", True),
        ("10 / 3 * 3 < 10", False),
        ("1 + 1 > 3 - 2", True),
        ('"VIP" is "VIP"', True),
        ('CUSTOMER_METADATA("tier") is "VIP"', True),
        ('CUSTOMER_METADATA("tier") = "VIP"', True),
        ('CUSTOMER_METADATA("tier") is "vip"', False),
        ('CUSTOMER_METADATA("tier") isNot "VIP"', False),
        ('CUSTOMER_METADATA("tier") isNot "Beginner"', True),
        ('CUSTOMER_METADATA("tier") contains "I"', True),
        ('CUSTOMER_METADATA("tier") contains "X"', False),
        ('ORDER_METADATA("store_city") startsWith "New"', True),
        ('ORDER_METADATA("store_city") startsWith "York"', False),
        ('ORDER_METADATA("store_city") endsWith "York"', True),
        ('ORDER_METADATA("store_city") endsWith "New"', False),
        # A number equals a text that is the number, a boolean its name.
        ('CUSTOMER_METADATA("age") is "33"', True),
        ('CUSTOMER_METADATA("age") is "33.0"', True),
        ('CUSTOMER_METADATA("age") is "old"', False),
        ('CUSTOMER_METADATA("digits") = 7', True),
        ('"7" = 7', True),
        ('CUSTOMER_METADATA("newsletter") is "true"', True),
        ('CUSTOMER_METADATA("newsletter") is "false"', False),
        ('CUSTOMER_METADATA("newsletter") = 1', False),
        ('CUSTOMER_METADATA("newsletter")', True),
        ('CUSTOMER_METADATA("age") startsWith "3"', True),
        # An array passes where one of its elements does.
        ('CUSTOMER_METADATA("favorite_brands") contains "Nike"', True),
        ('CUSTOMER_METADATA("favorite_brands") is "Puma"', True),
        ('CUSTOMER_METADATA("favorite_brands") isNot "Puma"', False),
        ('CUSTOMER_METADATA("favorite_brands") endsWith "as"', False),
        ('CUSTOMER_METADATA("favorite_brands") IN_ARRAY "Asics,Puma"', True),
        ('ORDER_METADATA("tags") is "a"', True),
        ('ORDER_METADATA("tags") = 7', True),
        ('ORDER_METADATA("tags") is "true"', True),
        ('ORDER_METADATA("tags") = 1', False),
        # The choices of an array.
        ('"EU" IN_ARRAY "EU,EMEA"', True),
        ('"EMEA" IN_ARRAY "EU, EMEA"', True),
        ('"US" IN_ARRAY "EU,EMEA"', False),
        ('"US" NOT_IN_ARRAY "EU,EMEA"', True),
        ('"EU" NOT_IN_ARRAY "EU,EMEA"', False),
        ('"E" IN_ARRAY "EU,EMEA"', False),
        ('"EU" IN_ARRAY "US", "EU"', True),
        ("ORDER_ITEMS_QUANTITY IN_ARRAY 1,2,3", True),
        ("ORDER_ITEMS_QUANTITY IN_ARRAY -3, 4", False),
        ('ORDER_ITEMS_QUANTITY IN_ARRAY "1,2,3"', True),
        ('ORDER_ITEMS_QUANTITY NOT_IN_ARRAY "1,2"', True),
        ('"Nike" IN_ARRAY CUSTOMER_METADATA("favorite_brands")', True),
        ('"Nike" NOT_IN_ARRAY CUSTOMER_METADATA("tier")', True),
        ('33 IN_ARRAY CUSTOMER_METADATA("age"), 5', True),
        # AND binds tighter than OR, and neither looks further than it has to.
        ("1 = 1 OR 1 = 1 AND 1 = 2", True),
        ("(1 = 1 OR 1 = 1) AND 1 = 2", False),
        ('1 = 1 OR CUSTOMER_METADATA("none") = 1', True),
        ('1 = 2 AND CUSTOMER_METADATA("none") = 1', False),
        ('1 = 1 AND CUSTOMER_METADATA("none") = 1', None),
        ('CUSTOMER_METADATA("none") = 1 OR 1 = 1', None),
        ('CUSTOMER_METADATA("none") isNot "a"', None),
        ('CUSTOMER_METADATA("age")', None),
        ('CUSTOMER_METADATA("tier") > 1', None),
        ('"a" startsWith CUSTOMER_METADATA("favorite_brands")', None),
    ],
)
def test_conditions(condition: str, expected: bool | None) -> None:
    assert holds(condition) is expected


@pytest.mark.parametrize(
    ("text", "visits", "day", "expected"),
    [
        ("AND", 11, 5, 20),
        ("AND", 11, 4, 3),
        ("AND", 10, 5, 3),
        ("OR", 11, 4, 20),
        ("OR", 10, 5, 20),
        ("OR", 10, 4, 3),
    ],
)
def test_complex_expressions(text: str, visits: int, day: int, expected: int) -> None:
    """Worked examples: a percentage for more than 10 visits, and or or on a Friday."""
    scope = Scope(
        SCOPE.clock,
        order=Order(metadata={"day_of_week": day}),
        customer=Customer({"number_of_store_visits": visits}),
    )
    left, right = (
        'CUSTOMER_METADATA("number_of_store_visits") > 10',
        'ORDER_METADATA("day_of_week") = 5',
    )
    assert formula.read(f"IF({left} {text} {right};20;3)").value(scope) == expected


@pytest.mark.parametrize(
    ("lines", "amount", "expected"), [(5, 20_100, 25), (5, 20_000, 15), (4, 20_100, 10)]
)
def test_nested_formulas(lines: int, amount: int, expected: int) -> None:
    order = Order(amount, (HAT,) * lines)
    found = formula.read("IF(ORDER_ITEMS_QUANTITY > 4;IF(ORDER_AMOUNT > 200;25;15);10)")
    assert found.value(Scope(SCOPE.clock, order=order)) == expected


@pytest.mark.parametrize(
    ("city", "expected"), [("Boston", 10), ("New York", 15), ("Oslo", 5), (None, None)]
)
@pytest.mark.parametrize("separator", [" ", ";", "\n", ""])
def test_switch(separator: str, city: str | None, expected: int | None) -> None:
    cases = separator.join(['SWITCH_CASE("Boston";10)', 'SWITCH_CASE("New York";15)'])
    found = formula.read(f'SWITCH(ORDER_METADATA("store_city");{cases};5)')
    assert found.value(Scope(SCOPE.clock, order=Order(metadata={"store_city": city}))) == expected


def test_switch_compares_numbers_and_takes_the_first_case() -> None:
    assert number("SWITCH(1 + 1;SWITCH_CASE(2;3 * 3) SWITCH_CASE(2.0;1 / 0);1 / 0)") == 9


# --- dates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DAY_OF_MONTH(CUSTOMER_BIRTHDATE)", 29),
        ("MONTH(TODAY)", 11),
        ("YEAR(CUSTOMER_BIRTHDATE)", 1996),
        # Days are those of the project's zone, where a new one has begun.
        ("DAY_OF_MONTH(TODAY)", 24),
        ("DAY_OF_MONTH(NOW)", 24),
        ('DAY_OF_MONTH(DATE("2023-08-17"))', 17),
        ('DAY_OF_MONTH(DATE_TIME("2023-08-17T14:05:00.000Z"))', 17),
        ('DAY_OF_MONTH(DATE_TIME("2023-08-17T23:05:00.000Z"))', 18),
        ('DAY_OF_MONTH(DATE("2023-08-17T23:05:00.000Z"))', 18),
        ('DAY_OF_MONTH(CUSTOMER_METADATA("joined"))', 31),
        ('DAY_OF_MONTH(CUSTOMER_METADATA("seen"))', 21),
        ('DAY_OF_MONTH(DATE(CUSTOMER_METADATA("seen")))', 21),
        ("DAY_OF_MONTH(VOUCHER_START_DATE)", 2),
        ("DAYS_SINCE(TODAY)", 0),
        ('DAYS_SINCE(DATE("2026-11-20"))', 4),
        ('DAYS_SINCE(CUSTOMER_METADATA("seen"))', 3),
        ('DAYS_SINCE(DATE("2026-11-30"))', -6),
        ('DAYS_UNTIL(DATE("2026-11-30"))', 6),
        ("DAYS_UNTIL(PROMOTION_TIER_EXPIRATION_DATE)", 37),
        ('MONTHS_SINCE(DATE("2026-08-24"))', 3),
        ('MONTHS_SINCE(DATE("2026-08-25"))', 2),
        ('MONTHS_UNTIL(DATE("2027-01-24"))', 2),
        ('MONTHS_UNTIL(DATE("2027-01-23"))', 1),
        ("YEARS_SINCE(CUSTOMER_BIRTHDATE)", 30),
        ('YEARS_SINCE(DATE("2026-11-25"))', 0),
        ('YEARS_SINCE(DATE("2028-11-23"))', -1),
        ('DAYS_SINCE(DATE("0001-01-01"))', 739_943),
        # Whose day in Warsaw is in a year that does not exist.
        ('DAYS_UNTIL(DATE_TIME("9999-12-31T23:59:00Z"))', None),
    ],
)
def test_dates(text: str, expected: int | None) -> None:
    assert number(text) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("TODAY DATE_IS NOW", True),
        ('TODAY DATE_IS DATE("2026-11-24")', True),
        ('TODAY DATE_IS DATE("2026-11-23")', False),
        ('TODAY DATE_IS_NOT DATE("2026-11-23")', True),
        ('NOW DATE_IS_NOT DATE("2026-11-24")', False),
        ('NOW DATE_IS DATE_TIME("2026-11-24T12:00:00Z")', True),
        ('TODAY IS_AFTER DATE("2026-11-23")', True),
        ('TODAY IS_AFTER DATE("2026-11-24")', False),
        ('TODAY IS_BEFORE DATE("2026-11-25")', True),
        ('TODAY IS_BEFORE DATE("2026-11-24")', False),
        # Instants are compared to the moment, days with instants by the day.
        ('NOW IS_AFTER DATE_TIME("2026-11-23T23:29:59Z")', True),
        ('NOW IS_BEFORE DATE_TIME("2026-11-23T23:30:01Z")', True),
        ('NOW IS_AFTER DATE_TIME("2026-11-24")', True),
        ('NOW IS_AFTER DATE("2026-11-24")', False),
        ('CUSTOMER_METADATA("joined") IS_BEFORE CUSTOMER_METADATA("seen")', True),
        ("CUSTOMER_BIRTHDATE IS_AFTER VOUCHER_START_DATE", False),
    ],
)
def test_conditions_of_dates(condition: str, expected: bool) -> None:
    assert holds(condition) is expected


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (date(2026, 1, 15), date(2026, 1, 15), 0),
        (date(2026, 1, 15), date(2026, 2, 14), 0),
        (date(2026, 1, 15), date(2026, 2, 15), 1),
        (date(2026, 1, 15), date(2028, 1, 15), 24),
        # A month that has no 31st is over on its last day.
        (date(2026, 1, 31), date(2026, 2, 27), 0),
        (date(2026, 1, 31), date(2026, 2, 28), 1),
        (date(2026, 2, 28), date(2026, 3, 27), 0),
        (date(2026, 2, 28), date(2026, 3, 28), 1),
        (date(2026, 2, 15), date(2026, 1, 15), -1),
        (date(2026, 2, 14), date(2026, 1, 15), 0),
    ],
)
def test_months(first: date, last: date, expected: int) -> None:
    assert months(first, last) == expected


def test_the_day_changes_with_the_zone() -> None:
    now = datetime(2026, 3, 1, 4, 59, tzinfo=UTC)
    for zone, day in (("UTC", 1), ("America/New_York", 28), ("Asia/Tokyo", 1)):
        scope = Scope(Clock(now, ZoneInfo(zone)))
        assert formula.read("DAY_OF_MONTH(TODAY)").value(scope) == day
