"""The values of dynamic formulas: their kinds, and the decimal arithmetic that they follow.

A value is a Decimal, a str, a bool, a date, a datetime, or a list of the first three. The kind of
most is known when a formula is read. Metadata may hold anything: it is checked when it is read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)
from typing import Any

import msgspec

from largesse.engine import calendar
from largesse.engine.calendar import Clock
from largesse.engine.conditions import number_of
from largesse.engine.formula_scope import Scope
from largesse.engine.formula_syntax import FormulaError
from largesse.engine.metadata import INTEGERS

NUMBER, TEXT, CONDITION, DATE, ANY = "number", "text", "condition", "date", "metadata value"

Run = Callable[[Scope], Any]


class Unknown(Exception):
    """A value is missing, or of a kind that nothing can be made of."""


# What makes a formula impossible to evaluate; arithmetic errors include dates beyond all years.
UNKNOWN = (Unknown, ArithmeticError)


def _context(precision: int) -> Context:
    return Context(
        prec=precision,
        rounding=ROUND_HALF_EVEN,
        Emin=-99,
        Emax=99,
        capitals=1,
        clamp=0,
        flags=[],
        traps=[InvalidOperation, DivisionByZero, Overflow],
    )


EXACT = _context(34)
# Calculation keeps six digits more than what is compared, rounded or given out, so that a third
# taken three times is the whole again.
settled = _context(28).plus


class Typed(msgspec.Struct, frozen=True):
    """A part of a formula that has been read: its kind, how it is evaluated, where it stands."""

    kind: str
    run: Run
    at: int
    literal: Decimal | str | None = None


# --- kinds --------------------------------------------------------------------------------------


def needed(kind: str, value: Typed, by: str) -> Run:
    """How a value is evaluated to one of a kind, as the function or operator `by` needs it.

    Raises FormulaError where it is known to be of another.
    """
    if value.kind == kind:
        return value.run
    if value.kind != ANY:
        raise FormulaError(f"{by} needs a {kind}, not a {value.kind}, at character {value.at}")
    run, convert = value.run, _CONVERSIONS[kind]
    return lambda scope: convert(run(scope))


def _number(value: Any) -> Decimal:
    if type(value) is Decimal:
        return value
    raise Unknown


def _condition(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise Unknown


def text_of(value: Any) -> str:
    """A number or a boolean as it is written; raises Unknown for what is neither, nor a text."""
    if type(value) is str:
        return value
    if type(value) is Decimal:
        return format(EXACT.normalize(settled(value)), "f")
    if type(value) is bool:
        return "true" if value else "false"
    raise Unknown


def _date(value: Any) -> date:
    found = date_of(value) if isinstance(value, str) else value
    if isinstance(found, date):
        return found
    raise Unknown


def date_of(text: str) -> date | None:
    """The day that a text names or, where it names a time too, the instant; None for others."""
    found = calendar.instant_of(text)
    return found.date() if found and len(text) == len("2026-01-01") else found


_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    NUMBER: _number,
    TEXT: text_of,
    CONDITION: _condition,
    DATE: _date,
}


def day_of(value: date, clock: Clock) -> date:
    """The calendar day of a day or, in the clock's zone, of an instant."""
    return value.astimezone(clock.zone).date() if isinstance(value, datetime) else value


def instant_of(value: date, clock: Clock) -> datetime:
    """An instant or, in the clock's zone, the start of a day."""
    if isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day, tzinfo=clock.zone)


# --- metadata -----------------------------------------------------------------------------------


def of_json(value: Any) -> Any:
    """A value of metadata. Arrays keep what a formula can compare; raises Unknown for a null, an
    object and numbers that no metadata may have.
    """
    kind = type(value)
    if kind is str or kind is bool:
        return value
    if kind is int and value in INTEGERS:
        return Decimal(value)
    if kind is float and math.isfinite(value):
        return Decimal(repr(value))
    if kind is Decimal and value.is_finite():
        return EXACT.plus(value)
    if kind is list or kind is tuple:
        return [of_json(item) for item in value if type(item) in _COMPARABLE]
    raise Unknown


_COMPARABLE = {str, bool, int, float, Decimal}


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal; an array is where one of its elements is. A number equals a
    text that is the number, a boolean its name.
    """
    if type(left) is list:
        return any(same(element, right) for element in left)
    if type(right) is list:
        return any(same(left, element) for element in right)
    if type(left) is type(right):
        return bool(settled(left) == settled(right) if type(left) is Decimal else left == right)
    if type(left) is str:
        left, right = right, left
    if type(right) is not str:
        return False
    if type(left) is Decimal:
        number = number_of(right)
        return number is not None and settled(number) == settled(left)
    return type(left) is bool and text_of(left) == right
