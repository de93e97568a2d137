"""The filter language of lists: `filters[field][conditions][$operator]=value`, joined by a
`junction` (`and` unless it says `or`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from largesse.engine.conditions import number_of
from largesse.kit.errors import InvalidQueryParams
from largesse.kit.wire import Moment

TEXT, TIME, NUMBER, FLAG, DAYS, JSON = "text", "time", "number", "flag", "days", "json"
# A field's column and its kind; or what each of its operators means, where they need no value
# (`{now}` is the instant of the question).
Field = tuple[str, str] | Mapping[str, str]

# Whether what has an `active` switch and a time of its own can be used.
STATES: Mapping[str, str] = {
    "$active": (
        "active AND (start_date IS NULL OR start_date <= {now}) "
        "AND (expiration_date IS NULL OR expiration_date > {now})"
    ),
    "$expired": "expiration_date <= {now}",
    "$before_start": "start_date > {now}",
    "$enabled": "active",
    "$disabled": "NOT active",
}
# {c} is the column, {v} the value's place. No LIKE: every character stands for itself.
_ANY: Mapping[str, str] = {
    "$has_value": "{c} IS NOT NULL",
    "$is_unknown": "{c} IS NULL",
}
_TEXT: Mapping[str, str] = {
    "$in": "{c} = ANY({v}::text[])",
    "$not_in": "({c} IS NULL OR {c} <> ALL({v}::text[]))",
    "$is": "{c} = {v}::text",
    "$is_not": "{c} IS DISTINCT FROM {v}::text",
    "$starts_with": "starts_with({c}, {v}::text)",
    "$ends_with": "right({c}, length({v}::text)) = {v}::text",
    "$contains": "position({v}::text IN {c}) > 0",
    "$not_contain": "({c} IS NULL OR position({v}::text IN {c}) = 0)",
}
# More or less than so many days ago.
_TIME: Mapping[str, str] = {
    "$after": "{c} > {v}",
    "$before": "{c} < {v}",
    "$more_than": "{c} < {v}",
    "$less_than": "{c} > {v}",
}
_NUMBER: Mapping[str, str] = {
    "$in": "{c} = ANY({v}::numeric[])",
    "$not_in": "({c} IS NULL OR {c} <> ALL({v}::numeric[]))",
    "$is": "{c} = {v}::numeric",
    "$is_not": "{c} IS DISTINCT FROM {v}::numeric",
    "$more_than": "{c} > {v}::numeric",
    "$less_than": "{c} < {v}::numeric",
    "$more_than_or_equal": "{c} >= {v}::numeric",
    "$less_than_or_equal": "{c} <= {v}::numeric",
}
_FLAG: Mapping[str, str] = {
    "$is": "{c} = {v}::boolean",
    "$is_not": "{c} IS DISTINCT FROM {v}::boolean",
}
# What is not limited to some days is valid on all.
_DAYS: Mapping[str, str] = {"$is": "({c} IS NULL OR {c} @> to_jsonb({v}::int[]))"}
_OPERATORS = {
    TEXT: _TEXT,
    TIME: _TIME,
    NUMBER: _NUMBER,
    FLAG: _FLAG,
    DAYS: _DAYS,
    JSON: _TEXT,
}


class _Term(msgspec.Struct, frozen=True):
    """One condition: its form, its column (of JSON, with the key in it), and its value."""

    template: str
    column: str
    value: Any = None
    key: str | None = None


class Filters:
    """Filters that were read and checked, ready to become a condition.

    `fields` maps a name to its column and kind; of JSON it is the name before a point, as in
    `metadata.key`. Raises InvalidQueryParams for what is not there.
    """

    def __init__(self, given: Mapping[str, Any], fields: Mapping[str, Field], now: Any) -> None:
        self._now = now
        self._terms: list[_Term] = []
        junction = str(given.get("junction", "and")).lower()
        if junction not in ("and", "or"):
            raise InvalidQueryParams("Property .filters.junction should be 'and' or 'or'")
        self._junction = f" {junction.upper()} "
        for name, member in given.items():
            if name == "junction":
                continue
            column, dot, key = name.partition(".")
            whole = fields.get(column)
            of_json = isinstance(whole, tuple) and whole[1] == JSON
            field = whole if of_json else fields.get(name)
            if field is None or (of_json and not dot):
                raise InvalidQueryParams(f"Property .filters.{name} is not supported")
            conditions = member.get("conditions") if isinstance(member, Mapping) else None
            if not isinstance(conditions, Mapping):
                raise InvalidQueryParams(f"Property .filters.{name} should have 'conditions'")
            for operator, value in conditions.items():
                path = f".filters.{name}.conditions.{operator}"
                self._terms.append(_term(path, field, operator, value, key, now))

    def condition(self, hole: Callable[[Any], str]) -> str | None:
        """The condition, its values handed to `hole`, which answers their places."""
        parts = [self._part(term, hole) for term in self._terms]
        return f"({self._junction.join(parts)})" if parts else None

    def _part(self, term: _Term, hole: Callable[[Any], str]) -> str:
        if not term.column:
            return (
                term.template.format(now=hole(self._now)) if "{" in term.template else term.template
            )
        column = term.column
        if term.key is not None:
            column = f"({column} ->> {hole(term.key)}::text)"
        return term.template.format(c=column, v=hole(term.value) if "{v}" in term.template else "")


def _term(path: str, field: Field, operator: str, value: Any, key: str, now: Any) -> _Term:
    if not isinstance(field, tuple):
        state = field.get(f"${operator.removeprefix('$')}")
        if state is None:
            raise InvalidQueryParams(f"Property {path} is not a known operator")
        return _Term(f"({state})", "")
    column, kind = field
    named = key if kind == JSON else None
    if operator in _ANY:
        return _Term(_ANY[operator], column, None, named)
    template = _OPERATORS[kind].get(operator)
    if template is None:
        raise InvalidQueryParams(f"Property {path} is not a known operator")
    values = [_typed(path, kind, operator, text, now) for text in _values_of(path, operator, value)]
    if operator in ("$in", "$not_in") or kind == DAYS:
        return _Term(template, column, values, named)
    if len(values) != 1:
        raise InvalidQueryParams(f"Property {path} should be one value")
    return _Term(template, column, values[0], named)


def _values_of(path: str, operator: str, value: Any) -> list[str]:
    values = _values(path, value)
    return printed(values) if operator in ("$in", "$not_in") else values


def _typed(path: str, kind: str, operator: str, text: str, now: Any) -> Any:
    if kind == TIME:
        return _time(path, operator, text, now)
    if kind == NUMBER:
        number = number_of(text)
        if number is None:
            raise InvalidQueryParams(f"Property {path} should be number")
        return number
    if kind == DAYS:
        if text not in ("0", "1", "2", "3", "4", "5", "6"):
            raise InvalidQueryParams(f"Property {path} should be a day from 0 to 6")
        return int(text)
    if kind == FLAG:
        if text.lower() not in ("true", "false"):
            raise InvalidQueryParams(f"Property {path} should be boolean")
        return text.lower() == "true"
    return text


def _time(path: str, operator: str, value: str, now: Any) -> Any:
    if operator in ("$more_than", "$less_than"):
        try:
            if value.isascii() and value.isdigit():
                return now - timedelta(days=int(value))
            raise ValueError
        except (ValueError, OverflowError):
            raise InvalidQueryParams(f"Property {path} should be a number of days") from None
    try:
        return Moment.parse(value)
    except ValueError as error:
        raise InvalidQueryParams(f"Property {path} {error}") from None


def _values(path: str, value: Any) -> list[str]:
    """A scalar, an array, or members numbered from a query, as texts."""
    if isinstance(value, Mapping):
        value = list(value.values())
    items = value if isinstance(value, (list, tuple)) else [value]
    if not all(isinstance(item, (str, int, float)) for item in items):
        raise InvalidQueryParams(f"Property {path} should be a value or an array of values")
    return [str(item) for item in items]


def printed(values: list[str]) -> list[str]:
    """The Python SDK sends a list as Python prints it, `['a', "b's"]`: its items."""
    if len(values) != 1 or not (values[0].startswith("[") and values[0].endswith("]")):
        return values
    try:
        items = _values("", ast.literal_eval(values[0]))
        texts = [item.encode().decode() for item in items]
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, InvalidQueryParams):
        return values
    return values if any("\x00" in text for text in texts) else texts
