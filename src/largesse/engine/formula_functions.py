"""The functions and operators of dynamic formulas, by name."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import msgspec

from largesse.engine.calendar import Clock
from largesse.engine.formula_scope import Scope
from largesse.engine.formula_syntax import FormulaError
from largesse.engine.formula_values import (
    ANY,
    CONDITION,
    DATE,
    EXACT,
    NUMBER,
    TEXT,
    UNKNOWN,
    Run,
    Typed,
    Unknown,
    date_of,
    day_of,
    instant_of,
    needed,
    same,
    settled,
    text_of,
)

# Makes a function of its name and its values: the kind of its result, and how it is evaluated.
Build = Callable[[str, Sequence[Typed]], tuple[str, Run]]


class Function(msgspec.Struct, frozen=True):
    """A function or operator and how many values it takes; `timed` if it looks at the clock."""

    least: int
    most: int
    build: Build
    timed: bool = False


# As many as fit into a formula.
MANY = 2000


def _common(values: Sequence[Typed]) -> str:
    """The kind of a value that may be any of several."""
    kinds = {value.kind for value in values}
    return kinds.pop() if len(kinds) == 1 else ANY


# --- numbers ------------------------------------------------------------------------------------


def _arithmetic(operate: Callable[[Decimal, Decimal], Decimal]) -> Build:
    def build(name: str, values: Sequence[Typed]) -> tuple[str, Run]:
        left, right = (needed(NUMBER, value, name) for value in values)
        return NUMBER, lambda scope: operate(left(scope), right(scope))

    return build


def _minus(name: str, values: Sequence[Typed]) -> tuple[str, Run]:
    if len(values) == 2:
        return _subtract(name, values)
    run = needed(NUMBER, values[0], name)
    return NUMBER, lambda scope: EXACT.minus(run(scope))


_subtract = _arithmetic(EXACT.subtract)


def _power(base: Decimal, exponent: Decimal) -> Decimal:
    found = EXACT.power(base, exponent)
    # Of zero raised to less than zero no signal is given.
    if not found.is_finite():
        raise Unknown
    return found


def _extreme(choose: Callable[[list[Decimal]], Decimal]) -> Build:
    def build(name: str, values: Sequence[Typed]) -> tuple[str, Run]:
        runs = [needed(NUMBER, value, name) for value in values]
        return NUMBER, lambda scope: choose([run(scope) for run in runs])

    return build


def _to_places(half: Decimal, mode: str) -> Build:
    """Rounds to a number of decimal places, which is negative for tens, hundreds and so on."""

    def build(name: str, values: Sequence[Typed]) -> tuple[str, Run]:
        number, precision = (needed(NUMBER, value, name) for value in values)

        def run(scope: Scope) -> Decimal:
            value, places = settled(number(scope)), precision(scope)
            shift = int(places)
            if shift != places:
                raise Unknown
            whole = EXACT.add(EXACT.scaleb(value, shift), half).to_integral_value(mode)
            return EXACT.scaleb(whole, -shift)

        return NUMBER, run

    return build


# --- conditions ---------------------------------------------------------------------------------


def _compared(test: Callable[[Decimal, Decimal], bool]) -> Build:
    def build(name: str, values: Sequence[Typed]) -> tuple[str, Run]:
        left, right = (needed(NUMBER, value, name) for value in values)
        return CONDITION, lambda scope: test(settled(left(scope)), settled(right(scope)))

    return build


def _comparable(name: str, values: Sequence[Typed]) -> list[Run]:
    for value in values:
        if value.kind not in (NUMBER, TEXT, ANY):
            place = f"at character {value.at}"
            raise FormulaError(f"{name} needs a number or text, not a {value.kind}, {place}")
    return [value.run for value in values]


def _equal(holds: bool) -> Build:
    def build(name: str, values: Sequence[Typed]) -> tuple[str, Run]:
        left, right = _comparable(name, values)
        return CONDITION, lambda scope: same(left(scope), right(scope)) is holds

    return build


def _textual(test: Callable[[str, str], bool]) -> Build:
    """Tests a text, or any element of an array."""

    def build(name: str, values: Sequence[Typed]) -> tuple[str, Run]:
        left = values[0].run if values[0].kind == ANY else needed(TEXT, values[0], name)
        right = needed(TEXT, values[1], name)

        def run(scope: Scope) -> bool:
            value, wanted = left(scope), right(scope)
            elements = value if type(value) is list else [value]
            return any(test(text_of(element), wanted) for element in elements)

        return CONDITION, run

    return build


def _among(holds: bool) -> Build:
    """Whether a value is one of an array's. A text names several values, parted by commas."""

    def build(name: str, values: Sequence[Typed]) -> tuple[str, Run]:
        left, *rights = _comparable(name, values)
        if any(value.literal is None for value in values[1:]):
            return (
                CONDITION,
                lambda scope: (
                    same(left(scope), [one for run in rights for one in _choices(run(scope))])
                    is holds
                ),
            )
        fixed = [one for value in values[1:] for one in _choices(value.literal)]
        return CONDITION, lambda scope: same(left(scope), fixed) is holds

    return build


def _choices(value: Any) -> list[Any]:
    if type(value) is str:
        return [choice.strip() for choice in value.split(",")]
    return value if type(value) is list else [value]


def _and(name: str, values: Sequence[Typed]) -> tuple[str, Run]:
    left, right = (needed(CONDITION, value, name) for value in values)
    return CONDITION, lambda scope: left(scope) and right(scope)


def _or(name: str, values: Sequence[Typed]) -> tuple[str, Run]:
    left, right = (needed(CONDITION, value, name) for value in values)
    return CONDITION, lambda scope: left(scope) or right(scope)


# --- choices ------------------------------------------------------------------------------------


def _if(name: str, values: Sequence[Typed]) -> tuple[str, Run]:
    condition = needed(CONDITION, values[0], name)
    met, unmet = values[1].run, values[2].run
    return _common(values[1:]), lambda scope: met(scope) if condition(scope) else unmet(scope)


def _default_to(name: str, values: Sequence[Typed]) -> tuple[str, Run]:
    runs = [value.run for value in values]

    def run(scope: Scope) -> Any:
        for run in runs:
            try:
                return run(scope)
            except UNKNOWN:
                continue
        raise Unknown

    return _common(values), run


def switch(subject: Typed, cases: Sequence[tuple[Typed, Typed]], default: Typed) -> tuple[str, Run]:
    """The result of the first case whose value equals the subject, else the default's."""
    run_subject, *matches = _comparable("SWITCH", [subject, *(match for match, _ in cases)])
    results = [result for _, result in cases]
    pairs = list(zip(matches, (result.run for result in results), strict=True))

    def run(scope: Scope) -> Any:
        value = run_subject(scope)
        for match, result in pairs:
            if same(value, match(scope)):
                return result(scope)
        return default.run(scope)

    return _common([*results, default]), run


# --- dates --------------------------------------------------------------------------------------


def _written(convert: Callable[[date, Clock], date]) -> Build:
    """A day or an instant from a text, which may stand in metadata."""

    def build(name: str, values: Sequence[Typed]) -> tuple[str, Run]:
        text = values[0].literal
        if not isinstance(text, str):
            inner = needed(DATE, values[0], name)
            return DATE, lambda scope: convert(inner(scope), scope.clock)
        written = date_of(text)
        if written is None:
            raise FormulaError(f"{name} needs an ISO-8601 date, at character {values[0].at}")
        return DATE, lambda scope: convert(written, scope.clock)

    return build


def _part(part: Callable[[date], int]) -> Build:
    def build(name: str, values: Sequence[Typed]) -> tuple[str, Run]:
        inner = needed(DATE, values[0], name)
        return NUMBER, lambda scope: Decimal(part(day_of(inner(scope), scope.clock)))

    return build


def _elapsed(count: Callable[[date, date], int], sign: int) -> Build:
    """Counts from a date until today, or with the sign -1 from today until a date."""

    def build(name: str, values: Sequence[Typed]) -> tuple[str, Run]:
        inner = needed(DATE, values[0], name)

        def run(scope: Scope) -> Decimal:
            day = day_of(inner(scope), scope.clock)
            return Decimal(sign * count(day, scope.clock.today))

        return NUMBER, run

    return build


def _days(first: date, last: date) -> int:
    return (last - first).days


def months(first: date, last: date) -> int:
    """Whole months between two days, below zero where the first is the later. A month is whole on
    the same day of a later month, or on its last where it has no such day.
    """
    if first > last:
        return -months(last, first)
    passed = (last.year - first.year) * 12 + last.month - first.month
    is_last = (last + timedelta(days=1)).month != last.month
    return passed - (last.day < first.day and not is_last)


def _years(first: date, last: date) -> int:
    passed = months(first, last)
    return passed // 12 if passed >= 0 else -(-passed // 12)


def _dated(test: Callable[[date, date], bool], *, exact: bool) -> Build:
    """Compares days, or two instants if `exact`."""

    def build(name: str, values: Sequence[Typed]) -> tuple[str, Run]:
        run_left, run_right = (needed(DATE, value, name) for value in values)

        def run(scope: Scope) -> bool:
            left, right = run_left(scope), run_right(scope)
            if exact and isinstance(left, datetime) and isinstance(right, datetime):
                return test(left, right)
            return test(day_of(left, scope.clock), day_of(right, scope.clock))

        return CONDITION, run

    return build


# --- by name ------------------------------------------------------------------------------------

_NONE, _HALF = Decimal(0), Decimal("0.5")
FUNCTIONS = {
    "+": Function(2, 2, _arithmetic(EXACT.add)),
    "-": Function(1, 2, _minus),
    "*": Function(2, 2, _arithmetic(EXACT.multiply)),
    "/": Function(2, 2, _arithmetic(EXACT.divide)),
    "%": Function(2, 2, _arithmetic(EXACT.remainder)),
    "POW": Function(2, 2, _arithmetic(_power)),
    "MIN": Function(1, MANY, _extreme(min)),
    "MAX": Function(1, MANY, _extreme(max)),
    # Half up is towards plus infinity, as money is rounded.
    "ROUND": Function(2, 2, _to_places(_HALF, ROUND_FLOOR)),
    "FLOOR": Function(2, 2, _to_places(_NONE, ROUND_FLOOR)),
    "CEIL": Function(2, 2, _to_places(_NONE, ROUND_CEILING)),
    ">": Function(2, 2, _compared(operator.gt)),
    "<": Function(2, 2, _compared(operator.lt)),
    "=": Function(2, 2, _equal(True)),
    "is": Function(2, 2, _equal(True)),
    "isNot": Function(2, 2, _equal(False)),
    "contains": Function(2, 2, _textual(operator.contains)),
    "startsWith": Function(2, 2, _textual(str.startswith)),
    "endsWith": Function(2, 2, _textual(str.endswith)),
    "IN_ARRAY": Function(2, MANY, _among(True)),
    "NOT_IN_ARRAY": Function(2, MANY, _among(False)),
    "AND": Function(2, 2, _and),
    "OR": Function(2, 2, _or),
    "IF": Function(3, 3, _if),
    "DEFAULT_TO": Function(1, MANY, _default_to),
    "DATE": Function(1, 1, _written(day_of), timed=True),
    "DATE_TIME": Function(1, 1, _written(instant_of), timed=True),
    "DAY_OF_MONTH": Function(1, 1, _part(operator.attrgetter("day")), timed=True),
    "MONTH": Function(1, 1, _part(operator.attrgetter("month")), timed=True),
    "YEAR": Function(1, 1, _part(operator.attrgetter("year")), timed=True),
    "DAYS_SINCE": Function(1, 1, _elapsed(_days, 1), timed=True),
    "MONTHS_SINCE": Function(1, 1, _elapsed(months, 1), timed=True),
    "YEARS_SINCE": Function(1, 1, _elapsed(_years, 1), timed=True),
    "DAYS_UNTIL": Function(1, 1, _elapsed(_days, -1), timed=True),
    "MONTHS_UNTIL": Function(1, 1, _elapsed(months, -1), timed=True),
    "DATE_IS": Function(2, 2, _dated(operator.eq, exact=False), timed=True),
    "DATE_IS_NOT": Function(2, 2, _dated(operator.ne, exact=False), timed=True),
    "IS_AFTER": Function(2, 2, _dated(operator.gt, exact=True), timed=True),
    "IS_BEFORE": Function(2, 2, _dated(operator.lt, exact=True), timed=True),
}
