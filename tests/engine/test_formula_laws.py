from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor

from hypothesis import assume, given
from hypothesis import strategies as st

from largesse.engine import formula
from largesse.engine.formula import FormulaError, Order, Scope
from largesse.engine.formula_functions import FUNCTIONS, months
from largesse.engine.formula_operands import OPERANDS, PROPERTIES
from largesse.engine.lines import Line
from tests.engine.formulas import SCOPE, number

NUMBERS = st.decimals(-(10**6), 10**6, allow_nan=False, places=2)


def written(value: Decimal) -> str:
    return format(value, "f")


# --- texts of all kinds --------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *FUNCTIONS,
        *OPERANDS,
        *(f'{name}("age")' for name in PROPERTIES),
        *"();,+-*/%",
        *("SWITCH(", "SWITCH_CASE(", "IF(", "POW(9;9)", '"VIP"', '"2026-02-29"', '"', "9", "0"),
        *("x", "×", "÷", " ", "\x00", "\\", "^", "9" * 30, "é"),  # noqa: RUF001
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES, max_size=30).map(" ".join)))
def test_any_text_is_read_or_refused_and_any_formula_evaluated_or_not(text: str) -> None:
    try:
        found = formula.read(text)
    except FormulaError:
        return
    value = found.value(SCOPE)
    assert value is None or (isinstance(value, Decimal) and value.is_finite())


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["9", "2026-02-28", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"]),
)
ANYTHING = st.one_of(
    SCALARS, st.lists(st.one_of(SCALARS, st.just({}), st.just([[1]])), max_size=4), st.just({})
)


def operations() -> st.SearchStrategy[str]:
    """Formulas that are well formed, of metadata that may hold anything."""
    leaves = st.sampled_from(['CUSTOMER_METADATA("a")', 'CUSTOMER_METADATA("b")', "2", "0"])

    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        pairs = st.tuples(inner, inner)
        signs = st.sampled_from(["+", "-", "*", "/", "%"])
        functions = st.sampled_from(["POW", "ROUND", "FLOOR", "CEIL", "MIN", "DEFAULT_TO"])
        tests = st.sampled_from(
            ["is", "isNot", "contains", "IN_ARRAY", "NOT_IN_ARRAY", "=", "IS_AFTER", "DATE_IS"]
        )
        elapsed = st.sampled_from(["DAYS_SINCE", "MONTHS_UNTIL", "YEARS_SINCE", "YEAR"])
        metadata = st.sampled_from(['CUSTOMER_METADATA("a")', 'CUSTOMER_METADATA("b")'])
        return st.one_of(
            st.builds(lambda sign, pair: f"({pair[0]} {sign} {pair[1]})", signs, pairs),
            st.builds(lambda name, pair: f"{name}({pair[0]};{pair[1]})", functions, pairs),
            st.builds(lambda name, one: f"{name}({one})", elapsed, metadata),
            st.builds(
                lambda test, left, right, pair: f"IF({left} {test} {right};{pair[0]};{pair[1]})",
                tests,
                metadata,
                metadata,
                pairs,
            ),
        )

    return st.recursive(leaves, grow, max_leaves=12)


@given(operations(), ANYTHING, ANYTHING)
def test_any_metadata_give_a_number_or_none(text: str, a: object, b: object) -> None:
    value = number(text, a=a, b=b)
    assert value is None or value.is_finite()


# --- arithmetic ----------------------------------------------------------------------------------


@given(NUMBERS, NUMBERS, NUMBERS)
def test_arithmetic_is_exact(a: Decimal, b: Decimal, c: Decimal) -> None:
    found = number(f"{written(a)} + {written(b)} * {written(c)} - ({written(c)} - {written(a)})")
    assert found is not None
    assert Fraction(found) == Fraction(a) + Fraction(b) * Fraction(c) - (Fraction(c) - Fraction(a))


@given(NUMBERS, st.integers(1, 10**6))
def test_parts_make_the_whole_again(a: Decimal, parts: int) -> None:
    assert number(f"{written(a)} / {parts} * {parts}") == a


@given(NUMBERS, NUMBERS)
def test_modulo_is_what_is_left_over(a: Decimal, b: Decimal) -> None:
    assume(b != 0)
    left = number(f"{written(a)} % {written(b)}")
    assert left is not None
    assert abs(left) < abs(b)
    assert left * a >= 0
    assert (Fraction(a) - Fraction(left)) / Fraction(b) % 1 == 0


@given(NUMBERS, st.integers(-4, 4))
def test_rounded_is_between_floor_and_ceil_and_half_up(a: Decimal, places: int) -> None:
    low, near, high = (
        number(f"{name}({written(a)};{places})") for name in ("FLOOR", "ROUND", "CEIL")
    )
    assert low is not None
    assert near is not None
    assert high is not None
    unit = Fraction(10) ** -places
    assert low <= a <= high
    assert near == floor(Fraction(a) / unit + Fraction(1, 2)) * unit
    assert high - low == (0 if Fraction(a) % unit == 0 else unit)


@given(NUMBERS)
def test_amounts_are_the_value_in_minor_units_half_up(a: Decimal) -> None:
    found = formula.read(f"{written(a)} / 8")
    assert found.amount(SCOPE, None) == floor(Fraction(a) * 100 / 8 + Fraction(1, 2))
    assert found.count(SCOPE) == floor(Fraction(a) / 8 + Fraction(1, 2))


@given(st.integers(0, 10**15))
def test_an_order_amount_comes_out_as_it_went_in(amount: int) -> None:
    scope = Scope(SCOPE.clock, order=Order(amount))
    assert formula.read("ORDER_AMOUNT").amount(scope, None) == amount


# --- choices -------------------------------------------------------------------------------------


@given(st.booleans(), st.booleans(), st.booleans())
def test_and_binds_tighter_than_or(a: bool, b: bool, c: bool) -> None:
    one, two, three = (f"1 = {int(value)}" for value in (a, b, c))
    assert number(f"IF({one} OR {two} AND {three};1;0)") == int(a or (b and c))
    assert number(f"IF({one} AND {two} OR {three};1;0)") == int((a and b) or c)


WORDS = st.text("abc 1,", max_size=3)


@given(WORDS, st.lists(WORDS, min_size=1, max_size=4))
def test_in_array_is_one_of_the_choices(word: str, choices: list[str]) -> None:
    text = ",".join(choices)
    among = word in [choice.strip() for choice in text.split(",")]
    assert number(f'IF("{word}" IN_ARRAY "{text}";1;0)') == int(among)
    assert number(f'IF("{word}" NOT_IN_ARRAY "{text}";1;0)') == int(not among)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=5), st.integers(0, 3))
def test_switch_is_a_chain_of_ifs(values: list[int], subject: int) -> None:
    cases = " ".join(f"SWITCH_CASE({value};{n})" for n, value in enumerate(values))
    chain = "9"
    for n, value in reversed(list(enumerate(values))):
        chain = f"IF({subject} = {value};{n};{chain})"
    assert number(f"SWITCH({subject};{cases};9)") == number(chain)


# --- orders and dates ----------------------------------------------------------------------------

LINES = st.builds(
    lambda price, quantity, discount: Line(
        index=0,
        price=price,
        quantity=quantity,
        amount=price * quantity,
        discount_amount=min(discount, price * quantity),
    ),
    st.integers(0, 4),
    st.integers(1, 3),
    st.integers(0, 4),
)


@given(st.lists(LINES, min_size=1, max_size=8))
def test_extremes_are_of_the_extreme_price_the_lowest_subtotal_the_first(
    lines: list[Line],
) -> None:
    order = Order(lines=tuple(lines))
    for found, extreme in ((order.cheapest, min), (order.most_expensive, max)):
        price = extreme(line.unit_price for line in lines)
        alike = [line for line in lines if line.unit_price == price]
        lowest = min(line.subtotal for line in alike)
        assert found is next(line for line in alike if line.subtotal == lowest)


DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))


@given(DAYS, DAYS)
def test_months_grow_with_time_and_turn_around(first: date, last: date) -> None:
    assert months(first, last) == -months(last, first)
    assert months(first, max(last, first) + timedelta(days=31)) >= months(first, max(last, first))
    assert abs(months(first, last) - (last - first).days / 30.4375) < 1.2
