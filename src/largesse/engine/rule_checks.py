"""What conditions of validation rules ask of a value: functions that say whether it passes.

A value of metadata is any JSON value. A date in it without a time is its midnight where the project
is, and so is one that it is compared with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, TypeAlias

from largesse.engine import calendar, conditions, timeframes
from largesse.engine.calendar import Clock, instant_of
from largesse.engine.conditions import Test, number_of, text_of
from largesse.engine.timeframes import Timeframe

Check: TypeAlias = Callable[[Any, Clock], bool]
Compare: TypeAlias = Callable[[Any, Any], bool]


def every(checks: Sequence[Check]) -> Check:
    """All checks as one, which a value passes where it passes each of them."""
    if len(checks) == 1:
        return checks[0]
    return lambda value, clock: all(check(value, clock) for check in checks)


# --- of numbers, ids and switches ---------------------------------------------------------------


def within(wanted: AbstractSet[Any], holds: bool) -> Check:
    """Of a number: whether it is one of some."""
    return lambda value, _: (value in wanted) is holds


def compares(compare: Compare, wanted: int | Decimal) -> Check:
    """Of a number: whether it compares with one."""
    return lambda value, _: compare(value, wanted)


def among(wanted: AbstractSet[str], holds: bool) -> Check:
    """Of a set of texts: whether one of them is wanted."""
    return lambda value, _: wanted.isdisjoint(value) is not holds


def switch(on: bool) -> Check:
    """Of a truth: whether it is what a switch asks for, which off asks for nothing."""
    return lambda value, _: not on or value is True


# --- of metadata --------------------------------------------------------------------------------


def some(test: Check, holds: bool = True) -> Check:
    """Whether some element passes a test, or none where it should not hold. A value that is no
    array is its own element.
    """

    def check(value: Any, clock: Clock) -> bool:
        if isinstance(value, list):
            return any(test(each, clock) for each in value) is holds
        return (value is not None and test(value, clock)) is holds

    return check


def equals(values: Iterable[Any]) -> Check:
    """Whether an element is one of some values: `5` is the text `5` too, `true` the text `true`."""
    known = frozenset().union(*map(_forms, values))
    return lambda element, _: _plain(element) in known


def same(values: Iterable[Any]) -> Check:
    """Whether an array has the same elements, whatever their order and number."""
    forms = [_forms(value) for value in values]
    known = frozenset().union(*forms)

    def check(value: Any, _: Clock) -> bool:
        found = {_plain(element) for element in _elements(value)}
        return found <= known and not any(form.isdisjoint(found) for form in forms)

    return check


def measures(compare: Compare, wanted: int | Decimal) -> Check:
    """Whether an element is a number that compares with one."""

    def test(element: Any, _: Clock) -> bool:
        number = _plain(element)
        return isinstance(number, (int, Decimal)) and compare(number, wanted)

    return test


def dates(compare: Compare, wanted: str) -> Check:
    """Whether an element is a date or an instant that compares with one."""

    def test(element: Any, clock: Clock) -> bool:
        given, limit = _moment(element, clock.zone), _moment(wanted, clock.zone)
        return given is not None and limit is not None and compare(given, limit)

    return test


def framed(frames: Sequence[Timeframe]) -> Check:
    """Whether an element is a date or an instant within one of some time frames."""

    def test(element: Any, clock: Clock) -> bool:
        moment = _moment(element, clock.zone)
        if moment is None:
            return False
        then = Clock(moment, clock.zone)
        try:
            return any(timeframes.inactive(frame, then) is None for frame in frames)
        except OverflowError:
            return False

    return test


def shared(test: Test) -> Check:
    """A condition that filters know too: of texts, of days from now, of the number of elements."""
    if test.operator == "$has_value":
        return lambda value, _: bool(_elements(value)) is test.holds
    if test.operator in conditions.COUNTED:
        return lambda value, _: conditions.counted(
            test.operator, len(_elements(value)), test.values[0]
        )
    if test.operator == "$next_month":
        return some(_in_next_month, test.holds)
    if conditions.is_timed(test):
        return some(_timed(test))
    reads: Callable[[str, str], bool] = {
        "$contains": str.__contains__,
        "$starts_with": str.startswith,
        "$ends_with": str.endswith,
    }[test.operator]

    def reads_some(element: Any, _: Clock) -> bool:
        return isinstance(element, str) and any(reads(element, text) for text in test.values)

    return some(reads_some, test.holds)


def _timed(test: Test) -> Check:
    def inside(element: Any, clock: Clock) -> bool:
        moment = _moment(element, clock.zone)
        first, after = calendar.instants(test.operator, test.values[0], clock)
        return (
            moment is not None
            and (first is None or moment >= first)
            and (after is None or moment < after)
        )

    return inside


def _in_next_month(element: Any, clock: Clock) -> bool:
    moment = _moment(element, clock.zone)
    try:
        month = moment and moment.astimezone(clock.zone).month
    except OverflowError:
        return False
    return month == calendar.next_month(clock)


def _elements(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _plain(element: Any) -> str | int | Decimal | None:
    """What a JSON value equals: a text or an exact number; None for what is neither."""
    if isinstance(element, bool):
        return "true" if element else "false"
    if isinstance(element, float):
        return Decimal(repr(element)) if math.isfinite(element) else None
    return element if isinstance(element, (str, int, Decimal)) else None


def _forms(value: Any) -> frozenset[str | Decimal]:
    """What a value of a condition may be equal to: its text, and the number that it is."""
    text = text_of(value)
    number = number_of(text)
    return frozenset((text,)) if number is None else frozenset((text, number))


def _moment(value: Any, zone: tzinfo) -> datetime | None:
    found = instant_of(value) if isinstance(value, str) else None
    if found is None or len(value) > len("2026-11-23"):
        return found
    try:
        return found.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return found
