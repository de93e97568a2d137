"""The conditions of validation rules, read into checks of a value.

The conditions of a rule hold together. One that lists values asks for any of them, a negative one
for none of them; of a value that is an array (of metadata) it asks the same about its elements. A
property without a value passes negative conditions only.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from largesse.engine import conditions, rule_checks, timeframes
from largesse.engine.calendar import instant_of
from largesse.engine.conditions import JSON, FilterError, number_of, text_of
from largesse.engine.metadata import INTEGERS
from largesse.engine.rule_checks import Check, Compare
from largesse.engine.rule_facts import COLLECTION, PRODUCT, SKU
from largesse.engine.timeframes import Timeframe, TimeframeError

# What a rule looks at: a number, a text, ids of what a customer belongs to, a value of metadata,
# the names of a line; a switch asks for something where it is on, and for nothing where it is off.
NUMBER, TEXT, IDS, METADATA, LINE, SWITCH = "number", "text", "ids", "metadata", "line", "switch"

# Whether a value has to be one of those listed.
_LISTED = {"$is": True, "$in": True, "$is_not": False, "$not_in": False}
_COMPARED: dict[str, Compare] = {
    "$more_than": operator.gt,
    "$greater_than": operator.gt,
    "$more_than_or_equal": operator.ge,
    "$more_than_equal": operator.ge,
    "$greater_than_or_equal": operator.ge,
    "$less_than": operator.lt,
    "$less_than_or_equal": operator.le,
    "$less_than_equal": operator.le,
}
_DATED: dict[str, Compare] = {"$after": operator.gt, "$before": operator.lt}
_FRAMED = ("$timeframe", "$timeframe_absolute", "$timeframe_daily_hours", "$dow")
_TEXTUAL = ("$contains", "$not_contain", "$starts_with", "$ends_with")
_COUNTED = ("$count", "$count_more", "$count_less")
_FROM_NOW = (
    "$more_than_ago",
    "$less_than_ago",
    "$is_days_ago",
    "is_days_ago",
    "$more_than_future",
    "$less_than_future",
    "$is_days_in_future",
    "$next_month",
)
_ALLOWED: dict[str, tuple[str, ...]] = {
    NUMBER: (*_LISTED, *_COMPARED),
    TEXT: (*_LISTED, *_TEXTUAL),
    IDS: tuple(_LISTED),
    METADATA: (
        *_LISTED,
        *_COMPARED,
        *_TEXTUAL,
        *_COUNTED,
        "$not_differ",
        "$not_intersect",
        *_DATED,
        *_FROM_NOW,
        *_FRAMED,
        "$has_value",
        "$is_unknown",
    ),
    LINE: (*_LISTED, "$from"),
    SWITCH: ("$is", "$is_not"),
}
MOST_VALUES = 1000
# Of a word or a name that is quoted in a refusal.
SHOWN = 60


class ConditionsError(ValueError):
    """What is wrong with conditions, to be read after the rule that has them."""


class Conditions(msgspec.Struct, frozen=True, gc=False):
    """Conditions that were read: those of `$from` in `origin`, all others in one `check`.

    `named` are the ids that they speak of, or the names of lines. `negative` is whether they only
    say what a value should not be; `size` is how many conditions and values there are.
    """

    check: Check = rule_checks.every(())
    origin: Check | None = None
    named: frozenset[str] = frozenset()
    negative: bool = False
    size: int = 0


def read(
    name: str, kind: str, given: Any, kinds: tuple[str, ...] = (PRODUCT, SKU, COLLECTION)
) -> Conditions:
    """The conditions of a rule of a name and kind, such as `{"$is": ["a", "b"]}`. A single value
    may go without its array, and null is as if it was not there. An object of a line that is given
    by its id alone is one of `kinds`.

    Raises ConditionsError for operators and values that do not fit.
    """
    if given is None:
        return Conditions()
    if not isinstance(given, Mapping):
        raise ConditionsError("conditions should be object")
    checks: list[Check] = []
    origin: Check | None = None
    named: frozenset[str] = frozenset()
    present = {key: value for key, value in given.items() if value is not None}
    size = 0
    for key, value in present.items():
        if key not in _ALLOWED[kind]:
            raise ConditionsError(
                f"operator {key[:SHOWN]} is not allowed for {name}. "
                f"It must be one of: {', '.join(_ALLOWED[kind])}"
            )
        values = _values(key, value)
        size += 1 + len(values)
        if kind in (LINE, IDS):
            found = _ids(key, values) if kind == IDS else _names(key, values, kinds)
            named |= found
            among = rule_checks.among(found, _LISTED.get(key, True))
            if key == "$from":
                origin = among
            else:
                checks.append(among)
        else:
            checks.append(_check(kind, key, values))
    negative = bool(checks) and not any(_LISTED.get(key, key != "$from") for key in present)
    return Conditions(rule_checks.every(checks), origin, named, negative, size)


def _values(key: str, given: Any) -> list[Any]:
    values = list(given) if isinstance(given, (list, tuple)) else [given]
    if not values or len(values) > MOST_VALUES:
        raise ConditionsError(f"{key} should have 1 to {MOST_VALUES} values")
    for value in values:
        if isinstance(value, str):
            if "\0" in value:
                raise ConditionsError(f"{key} cannot contain the null character")
        elif isinstance(value, float):
            if not math.isfinite(value):
                raise ConditionsError(f"{key} should be a finite number")
        elif isinstance(value, int):
            if value not in INTEGERS:
                raise ConditionsError(f"{key} should be a 64-bit integer")
        elif not isinstance(value, Mapping):
            raise ConditionsError(f"{key} should be an array of values")
    return values


# --- of ids -------------------------------------------------------------------------------------


def _id(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ConditionsError(f"{key} should be an array of ids, or of objects with an 'id'")
    return value


def _ids(key: str, values: list[Any]) -> frozenset[str]:
    return frozenset(
        _id(key, value.get("id") if isinstance(value, Mapping) else value) for value in values
    )


_KINDS = {
    "product_or_sku": (PRODUCT, SKU),
    PRODUCT: (PRODUCT,),
    SKU: (SKU,),
    COLLECTION: (COLLECTION,),
}


def _names(key: str, values: list[Any], kinds: tuple[str, ...]) -> frozenset[str]:
    """What the lines are called that references mean: ids, or objects with an id or source id."""
    kinds = (COLLECTION,) if key == "$from" else kinds
    found = set()
    for value in values:
        ids = [value]
        of = kinds
        if isinstance(value, Mapping):
            # An object says what it is; `type` is what it was chosen from.
            stated = next((value[m] for m in ("object", "type") if value.get(m) is not None), None)
            of = kinds if stated is None else _kinds(key, stated)
            ids = [each for each in (value.get("id"), value.get("source_id")) if each] or [None]
        found |= {f"{kind}/{_id(key, each)}" for kind in of for each in ids}
    return frozenset(found)


def _kinds(key: str, stated: Any) -> tuple[str, ...]:
    kinds = _KINDS.get(stated) if isinstance(stated, str) else None
    if kinds is None or (key == "$from" and kinds != (COLLECTION,)):
        allowed = COLLECTION if key == "$from" else f"{PRODUCT}, {SKU}, {COLLECTION}"
        raise ConditionsError(f"{key} should be of objects of type: {allowed}")
    return kinds


# --- of values ----------------------------------------------------------------------------------


def _check(kind: str, key: str, values: list[Any]) -> Check:
    if any(isinstance(value, Mapping) for value in values):
        raise ConditionsError(f"{key} should be an array of values")
    if kind == SWITCH:
        return _switch(key, values)
    if kind == NUMBER and key in _LISTED:
        return rule_checks.within({_number(key, value) for value in values}, _LISTED[key])
    if kind == TEXT and not all(isinstance(value, str) for value in values):
        raise ConditionsError(f"{key} should be string")
    if key in _LISTED:
        return rule_checks.some(rule_checks.equals(values), _LISTED[key])
    if key == "$not_intersect":
        return rule_checks.some(rule_checks.equals(values), False)
    if key == "$not_differ":
        return rule_checks.same(values)
    if key in _FRAMED:
        return rule_checks.some(rule_checks.framed(_frames(key, values)))
    if key in _COMPARED or key in _DATED:
        return _comparison(kind, key, values)
    try:
        read = conditions.read({"": {"conditions": {key: values}}}, {"": JSON}.get)
    except FilterError as error:
        raise ConditionsError(f"{key} {str(error).partition(f'{key} ')[2]}") from None
    return rule_checks.shared(read.groups[0].tests[0])


def _single(key: str, values: list[Any]) -> Any:
    if len(values) > 1:
        raise ConditionsError(f"{key} should have one value")
    return values[0]


def _switch(key: str, values: list[Any]) -> Check:
    value = _single(key, values)
    if not isinstance(value, bool):
        raise ConditionsError(f"{key} should be boolean")
    return rule_checks.switch(value is _LISTED[key])


def _number(key: str, value: Any) -> int | Decimal:
    number = None if isinstance(value, bool) else number_of(text_of(value))
    if number is None:
        raise ConditionsError(f"{key} should be number")
    whole, parts = number.as_integer_ratio()
    return whole if parts == 1 else number


def _comparison(kind: str, key: str, values: list[Any]) -> Check:
    value = _single(key, values)
    if kind == NUMBER:
        return rule_checks.compares(_COMPARED[key], _number(key, value))
    if isinstance(value, str) and instant_of(value):
        return rule_checks.some(rule_checks.dates({**_COMPARED, **_DATED}[key], value))
    if key in _DATED:
        raise ConditionsError(f"{key} cannot be recognized as a ISO-8601 compliant date")
    return rule_checks.some(rule_checks.measures(_COMPARED[key], _number(key, value)))


# --- of time ------------------------------------------------------------------------------------

_FORMS = {
    "$timeframe": "'start;interval;duration', such as 2026-11-23T09:00:00Z;P1D;PT1H",
    "$timeframe_absolute": "'start;end', such as 2026-11-23T09:00:00Z;2026-11-30T09:00:00Z",
    "$timeframe_daily_hours": "'from;to;days', such as 09:00;17:00;1,2,3,4,5",
    "$dow": "days from 0 (Sunday) to 6",
}
_DAYS = frozenset("0123456")


def _frames(key: str, values: list[Any]) -> list[Timeframe]:
    try:
        if key == "$dow":
            return [timeframes.read({"validity_day_of_week": values})]
        return [timeframes.read(_frame(key, value)) for value in values]
    except TimeframeError:
        raise ConditionsError(f"{key} should be {_FORMS[key]}") from None


def _frame(key: str, value: Any) -> Mapping[str, Any]:
    """The text of a time frame as the times of a campaign are written."""
    parts = value.split(";") if isinstance(value, str) else []
    if not all(parts):
        raise TimeframeError
    match key, parts:
        case "$timeframe", [start, interval, duration]:
            windows = {"interval": interval, "duration": duration}
            return {"start_date": start, "validity_timeframe": windows}
        case "$timeframe_absolute", [start, end]:
            return {"start_date": start, "expiration_date": end}
        case "$timeframe_daily_hours", [start, end, days]:
            numbers = [int(day) if day in _DAYS else -1 for day in days.split(",")]
            hours = {"start_time": start, "expiration_time": end, "days_of_week": numbers}
            return {"validity_hours": {"daily": [hours]}}
    raise TimeframeError
