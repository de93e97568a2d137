"""The filter language of lists: `filters[field][conditions][$operator]=value`, joined by a
`junction` (`and` unless it says `or`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from largesse.kit.errors import InvalidQueryParams
from largesse.kit.wire import Moment

TEXT, TIME = "text", "time"

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


class Filters:
    """Filters that were read and checked, ready to become a condition.

    `fields` maps a name to its column and kind. Raises InvalidQueryParams for what is not there.
    """

    def __init__(
        self, given: Mapping[str, Any], fields: Mapping[str, tuple[str, str]], now: Any
    ) -> None:
        self._terms: list[tuple[str, str, Any]] = []
        junction = str(given.get("junction", "and")).lower()
        if junction not in ("and", "or"):
            raise InvalidQueryParams("Property .filters.junction should be 'and' or 'or'")
        self._junction = f" {junction.upper()} "
        for name, member in given.items():
            if name == "junction":
                continue
            if name not in fields:
                raise InvalidQueryParams(f"Property .filters.{name} is not supported")
            conditions = member.get("conditions") if isinstance(member, Mapping) else None
            if not isinstance(conditions, Mapping):
                raise InvalidQueryParams(f"Property .filters.{name} should have 'conditions'")
            column, kind = fields[name]
            for operator, value in conditions.items():
                self._terms.append(_term(name, column, kind, operator, value, now))

    def condition(self, hole: Callable[[Any], str]) -> str | None:
        """The condition, its values handed to `hole`, which answers their places."""
        parts = [
            template.format(c=column, v=hole(value) if "{v}" in template else "")
            for template, column, value in self._terms
        ]
        return f"({self._junction.join(parts)})" if parts else None


def _term(
    name: str, column: str, kind: str, operator: str, value: Any, now: Any
) -> tuple[str, str, Any]:
    path = f".filters.{name}.conditions.{operator}"
    if operator in _ANY:
        return _ANY[operator], column, None
    template = (_TEXT if kind == TEXT else _TIME).get(operator)
    if template is None:
        raise InvalidQueryParams(f"Property {path} is not a known operator")
    values = _values(path, value)
    if operator in ("$in", "$not_in"):
        return template, column, _listed(path, values)
    if len(values) != 1:
        raise InvalidQueryParams(f"Property {path} should be one value")
    if kind == TEXT:
        return template, column, values[0]
    return template, column, _time(path, operator, values[0], now)


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


def _listed(path: str, values: list[str]) -> list[str]:
    """The Python SDK sends a list as Python prints it, `['a', "b's"]`: its items."""
    if len(values) != 1 or not (values[0].startswith("[") and values[0].endswith("]")):
        return values
    try:
        items = _values(path, ast.literal_eval(values[0]))
        texts = [item.encode().decode() for item in items]
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError, InvalidQueryParams):
        return values
    return values if any("\x00" in text for text in texts) else texts
