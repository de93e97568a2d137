"""Conditions over the properties of an object: the language of segments, collections and exports.

A filter is `{"junction": "and", "name": {"conditions": {"$is": ["Bob"]}}, ...}`. A property's
conditions hold together; the junction joins properties. A property may have one value, several (an
array in metadata: a condition holds where any element fulfils it) or none. `store.conditions` says
the same in SQL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from largesse.engine import calendar
from largesse.engine.calendar import Clock, Span, instant_of

# What a property is: text, a number, an instant, a calendar day, any JSON value, the customer's
# custom events of a name, the segments they are in.
TEXT, NUMBER, TIME, DAY, JSON, EVENT, SEGMENT = (
    "text",
    "number",
    "time",
    "day",
    "json",
    "event",
    "segment",
)

_ALIASES = {
    "$greater_than": "$more_than",
    "$greater_than_or_equal": "$more_than_equal",
    "$more_than_or_equal": "$more_than_equal",
    "$less_than_or_equal": "$less_than_equal",
    "is_days_ago": "$is_days_ago",
}
_NOT = {
    "$is_not": "$is",
    "$not_in": "$is",
    "$not_contain": "$contains",
    "$not_in_location": "$in_location",
    "$is_unknown": "$has_value",
}
_EQUAL = {"$is", "$in", "$is_not", "$not_in"}
_TEXTUAL = {"$contains", "$not_contain", "$starts_with", "$ends_with"}
COMPARED = {"$more_than", "$less_than", "$more_than_equal", "$less_than_equal"}
_DATED = {"$after", "$before"}
_DAYS = {
    "$is_days_ago",
    "$is_days_in_future",
    "$more_than_ago",
    "$less_than_ago",
    "$more_than_future",
    "$less_than_future",
}
COUNTED = {"$count", "$count_less", "$count_more"}
_LOCATED = {"$in_location", "$not_in_location"}
_PRESENT = {"$has_value", "$is_unknown"}
_TIMED = _DATED | _DAYS
_ALLOWED = {
    TEXT: _EQUAL | _TEXTUAL | _PRESENT,
    NUMBER: _EQUAL | COMPARED | _PRESENT,
    TIME: _EQUAL | _TIMED | _PRESENT | {"$next_month", "$more_than", "$less_than"},
    DAY: _EQUAL | _TIMED | _PRESENT | {"$next_month", "$more_than", "$less_than"},
    JSON: _EQUAL | _TEXTUAL | COMPARED | _TIMED | COUNTED | _LOCATED | _PRESENT | {"$next_month"},
    EVENT: _TIMED | COUNTED | _PRESENT,
    SEGMENT: _EQUAL,
}
OPERATORS = sorted(set().union(*_ALLOWED.values()))
MOST_DAYS = 36_500
MOST_VALUES = 1000
MOST_PROPERTIES = 100
# Of a whole filter: every one is an argument of its statement, and all are read at every change.
MOST_PARTS = 2000


class FilterError(ValueError):
    """What is wrong with a filter, in the words of a refusal; `path` is where, within it."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"Property {path} {reason}")


class Test(msgspec.Struct, frozen=True):
    """One operator, never a negative one, with its values read; `holds` is what it has to be."""

    operator: str
    values: tuple[Any, ...]
    holds: bool = True


class Group(msgspec.Struct, frozen=True):
    """The conditions of one property."""

    field: str
    kind: str
    tests: tuple[Test, ...]


class Conditions(msgspec.Struct, frozen=True):
    junction: str
    groups: tuple[Group, ...]

    @property
    def depends_on_time(self) -> bool:
        """Whether the same object may come to fulfil them, or cease to, by waiting."""
        return any(
            test.operator in _DAYS or test.operator == "$next_month"
            for group in self.groups
            for test in group.tests
        )

    def named(self, operator: str) -> list[Any]:
        """The values that the tests of an operator name."""
        return [
            value
            for group in self.groups
            for test in group.tests
            if test.operator == operator
            for value in test.values
        ]


# --- reading ------------------------------------------------------------------------------------


def read(
    given: Mapping[str, Any], kind_of: Callable[[str], str | None], path: str = ".filter"
) -> Conditions:
    """A filter as it was sent. `kind_of` knows the properties that may be spoken of.

    Raises FilterError for an unknown property, operator or junction, and for values that an
    operator cannot work with.
    """
    junction = given.get("junction")
    junction = "and" if junction is None else junction
    if not isinstance(junction, str) or junction.lower() not in ("and", "or"):
        raise FilterError(path, "has wrong `junction` property. It must be one of: and, or")
    if len(given) > MOST_PROPERTIES:
        raise FilterError(path, f"should have at most {MOST_PROPERTIES} properties")
    groups = []
    size = 0
    for field, member in given.items():
        if field == "junction" or member is None:
            continue
        kind = kind_of(field)
        if kind is None:
            raise FilterError(f"{path}.{field}", "is not supported")
        conditions = member.get("conditions") if isinstance(member, Mapping) else None
        if not isinstance(conditions, Mapping) or not conditions:
            raise FilterError(f"{path}.{field}", "should have 'conditions'")
        tests = tuple(
            _test(f"{path}.{field}.conditions.{operator}", kind, operator, value)
            for operator, value in conditions.items()
            # Models of the SDKs send a null for every operator that is not set.
            if value is not None or len(conditions) == 1
        )
        if not tests:
            raise FilterError(f"{path}.{field}", "should have 'conditions'")
        size += sum(1 + len(test.values) for test in tests)
        if size > MOST_PARTS:
            raise FilterError(path, f"should NOT have more than {MOST_PARTS} conditions and values")
        groups.append(Group(field, kind, tests))
    return Conditions(junction.lower(), tuple(groups))


def _test(path: str, kind: str, operator: str, value: Any) -> Test:
    operator = _ALIASES.get(operator, operator)
    if operator not in _ALLOWED[kind]:
        allowed = ", ".join(sorted(_ALLOWED[kind]))
        raise FilterError(path, f"is not a known operator. It must be one of: {allowed}")
    positive = _NOT.get(operator, "$is" if operator == "$in" else operator)
    if kind in (TIME, DAY) and positive in ("$more_than", "$less_than"):
        positive += "_ago"
    holds = operator not in _NOT
    if operator in _PRESENT:
        return Test(positive, (), holds)
    if isinstance(value, Mapping):
        value = list(value.values())
    given = value if isinstance(value, (list, tuple)) else [value]
    if not given or len(given) > MOST_VALUES:
        raise FilterError(path, f"should have 1 to {MOST_VALUES} values")
    values = tuple(_value(path, kind, positive, item) for item in given)
    if positive == "$next_month":
        return Test(positive, (), values[0])
    if len(values) > 1 and positive not in _EQUAL | _TEXTUAL | _LOCATED:
        raise FilterError(path, "should be one value")
    return Test(positive, values, holds)


def _value(path: str, kind: str, operator: str, item: Any) -> Any:
    if not isinstance(item, (str, int, float, bool)):
        raise FilterError(path, "should be a value or an array of values")
    if isinstance(item, str) and "\x00" in item:
        raise FilterError(path, "cannot contain the null character")
    if operator == "$next_month":
        if item in (True, False):
            return bool(item)
        raise FilterError(path, "should be boolean")
    if operator in _DAYS or operator in COUNTED:
        return _whole(path, item)
    if operator in COMPARED or (kind == NUMBER and operator in _EQUAL):
        number = number_of(text_of(item))
        if number is None:
            raise FilterError(path, "should be number")
        return number
    if operator in _DATED or (kind == TIME and operator in _EQUAL):
        return _instant(path, item)
    if kind == DAY and operator in _EQUAL:
        return _instant(path, item).date()
    return text_of(item)


def _whole(path: str, item: Any) -> int:
    text = text_of(item)
    if not text.isascii() or not text.isdigit() or len(text) > 6 or int(text) > MOST_DAYS:
        raise FilterError(path, f"should be a whole number from 0 to {MOST_DAYS}")
    return int(text)


def _instant(path: str, item: Any) -> datetime:
    found = instant_of(item) if isinstance(item, str) else None
    if found is None:
        raise FilterError(path, "cannot be recognized as a ISO-8601 compliant date")
    return found


def text_of(item: Any) -> str:
    """A scalar of JSON as the text that it is written with."""
    return item if isinstance(item, str) else json.dumps(item)


_NUMBER = re.compile(r"-?\d{1,60}(\.\d{1,60})?([eE][+-]?\d{1,2})?\Z", re.ASCII)


def number_of(text: str) -> Decimal | None:
    """The number that a text is; None where it is none."""
    return Decimal(text) if _NUMBER.match(text) else None


# --- time ---------------------------------------------------------------------------------------


def span(test: Test, kind: str, clock: Clock) -> Span:
    """The time that a timed test allows: instants, or for a day's property days. Days of JSON
    values are days in UTC.
    """
    if kind == DAY:
        return calendar.days(test.operator, test.values[0], clock)
    if kind == JSON:
        clock = Clock(clock.now)
    return calendar.instants(test.operator, test.values[0], clock)


def is_timed(test: Test) -> bool:
    """Whether a test asks when something was."""
    return test.operator in _TIMED


def window(group: Group, clock: Clock) -> Span:
    """The time within which a group of a custom event counts: where all its timed tests allow."""
    first: Any = None
    after: Any = None
    for test in group.tests:
        if is_timed(test):
            low, high = span(test, EVENT, clock)
            first = low if first is None else first if low is None else max(first, low)
            after = high if after is None else after if high is None else min(after, high)
    return first, after


# --- deciding -----------------------------------------------------------------------------------


class Facts(Protocol):
    """What is known of one object."""

    def value(self, field: str) -> Any:
        """A property: None for none, a list for several. Numbers come as int or Decimal."""

    def count(self, event: str, since: Any, before: Any) -> int:
        """How many of a custom event happened from `since` and before `before`."""

    def inside(self, point: str, location_id: str) -> bool:
        """Whether a text is a point within a location."""


def holds(conditions: Conditions, facts: Facts, clock: Clock) -> bool:
    """Whether an object fulfils the conditions; a filter without properties is fulfilled by all."""
    if not conditions.groups:
        return True
    fulfilled = (_fulfilled(group, facts, clock) for group in conditions.groups)
    return any(fulfilled) if conditions.junction == "or" else all(fulfilled)


def _fulfilled(group: Group, facts: Facts, clock: Clock) -> bool:
    if group.kind == EVENT:
        count = facts.count(group.field, *window(group, clock))
        counted = [test for test in group.tests if not is_timed(test)]
        return all(_counts(test, count) for test in counted) if counted else count > 0
    value = facts.value(group.field)
    return all(_passes(test, group.kind, value, facts, clock) is test.holds for test in group.tests)


def _counts(test: Test, count: int) -> bool:
    """Whether a count passes; a test for presence is one for at least one."""
    if test.operator == "$has_value":
        return (count > 0) is test.holds
    return counted(test.operator, count, test.values[0])


def counted(operator: str, count: int, wanted: int) -> bool:
    """Whether a count is what an operator wants."""
    if operator == "$count_less":
        return count < wanted
    return count > wanted if operator == "$count_more" else count == wanted


def _passes(test: Test, kind: str, value: Any, facts: Facts, clock: Clock) -> bool:
    elements = value if isinstance(value, list) else [] if value is None else [value]
    if test.operator == "$has_value":
        return bool(elements)
    if test.operator in COUNTED:
        return counted(test.operator, len(elements), test.values[0])
    return any(passes(test, kind, element, facts, clock) for element in elements)


def passes(test: Test, kind: str, element: Any, facts: Facts, clock: Clock) -> bool:
    """Whether one value of a property passes a test."""
    if test.operator == "$is":
        return _equals(element, test.values) if kind == JSON else element in test.values
    if test.operator == "$in_location":
        return isinstance(element, str) and any(
            facts.inside(element, location_id) for location_id in test.values
        )
    if test.operator in COMPARED:
        return _compares(test.operator, element, test.values[0])
    if is_timed(test) or test.operator == "$next_month":
        return _in_time(test, kind, element, clock)
    return isinstance(element, str) and any(
        _reads(test.operator, element, text) for text in test.values
    )


def _equals(element: Any, texts: Iterable[str]) -> bool:
    """A JSON value against texts: `5` equals a text that is the number, `true` the text `true`."""
    if isinstance(element, str):
        return element in texts
    if isinstance(element, bool):
        return ("true" if element else "false") in texts
    if isinstance(element, (int, Decimal)):
        return any(number_of(text) == element for text in texts)
    return False


def _compares(operator: str, element: Any, wanted: Decimal) -> bool:
    if isinstance(element, bool) or not isinstance(element, (int, Decimal)):
        return False
    if operator == "$more_than":
        return element > wanted
    if operator == "$less_than":
        return element < wanted
    return element >= wanted if operator == "$more_than_equal" else element <= wanted


def _in_time(test: Test, kind: str, element: Any, clock: Clock) -> bool:
    if kind == JSON:
        element = instant_of(element) if isinstance(element, str) else None
        if element is None:
            return False
    if test.operator == "$next_month":
        at = element.astimezone(clock.zone) if kind == TIME else element
        month: int = at.month
        return month == calendar.next_month(clock)
    since, before = span(test, kind, clock)
    return (since is None or element >= since) and (before is None or element < before)


def _reads(operator: str, element: str, text: str) -> bool:
    if operator == "$contains":
        return text in element
    return element.startswith(text) if operator == "$starts_with" else element.endswith(text)
