"""Conditions in SQL, for all objects at once: the same that `engine.conditions` decides for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from largesse.engine import calendar, conditions, geo
from largesse.engine.calendar import Clock
from largesse.engine.conditions import Conditions, Group, Test

# Places a value among a statement's arguments; its place, such as `$3`.
Hole = Callable[[Any], str]

_COMPARED = {
    "$more_than": ">",
    "$less_than": "<",
    "$more_than_equal": ">=",
    "$less_than_equal": "<=",
}
_COUNTED = {"$count": "=", "$count_less": "<", "$count_more": ">"}


class Writer:
    """Writes conditions on one statement. `column_of` knows a property's column, for metadata an
    expression of type jsonb; `events` is the number of a customer's events within a time.
    """

    def __init__(
        self,
        hole: Hole,
        column_of: Callable[[str, Hole], str],
        clock: Clock,
        *,
        locations: Mapping[str, Any] | None = None,
        segments: Callable[[str], str] | None = None,
    ) -> None:
        self.hole = hole
        self.column_of = column_of
        self.clock = clock
        self.locations = locations or {}
        self.segments = segments

    def condition(self, given: Conditions) -> str:
        """One condition in parentheses, never null."""
        if not given.groups:
            return "true"
        return f"({f' {given.junction.upper()} '.join(map(self._group, given.groups))})"

    def _group(self, group: Group) -> str:
        if group.kind == conditions.EVENT:
            return self._events(group)
        if group.kind == conditions.SEGMENT:
            tests = [self._member(test) for test in group.tests]
        else:
            column = self.column_of(group.field, self.hole)
            tests = [self._test(test, group.kind, column) for test in group.tests]
        return f"({' AND '.join(tests)})"

    def _test(self, test: Test, kind: str, column: str) -> str:
        if kind == conditions.JSON:
            found = self._json(test, column)
        else:
            found = self._plain(test, kind, column)
        return f"coalesce({found}, false)" if test.holds else f"NOT coalesce({found}, false)"

    # --- columns with a type -----------------------------------------------------------------

    def _plain(self, test: Test, kind: str, column: str) -> str:
        if test.operator == "$has_value":
            return f"{column} IS NOT NULL"
        if test.operator == "$is":
            cast = {conditions.TEXT: "text", conditions.NUMBER: "numeric", conditions.DAY: "date"}
            wanted = self.hole(list(test.values))
            return f"{column} = ANY({wanted}::{cast.get(kind, 'timestamptz')}[])"
        if test.operator in _COMPARED:
            return f"{column} {_COMPARED[test.operator]} {self.hole(test.values[0])}::numeric"
        if conditions.is_timed(test) or test.operator == "$next_month":
            return self._time(test, kind, column)
        return self._text(test, column)

    def _text(self, test: Test, text: str) -> str:
        places = [f"{self.hole(value)}::text" for value in test.values]
        if test.operator == "$starts_with":
            return _either(f"starts_with({text}, {place})" for place in places)
        if test.operator == "$ends_with":
            return _either(f"right({text}, length({place})) = {place}" for place in places)
        return _either(f"position({place} IN {text}) > 0" for place in places)

    def _time(self, test: Test, kind: str, column: str) -> str:
        if test.operator == "$next_month":
            at = column
            if kind == conditions.TIME:
                at = f"({column} AT TIME ZONE {self.hole(str(self.clock.zone))}::text)"
            elif kind == conditions.JSON:
                at = f"({column} AT TIME ZONE 'UTC')"
            return f"extract(month FROM {at}) = {self.hole(calendar.next_month(self.clock))}::int"
        cast = "date" if kind == conditions.DAY else "timestamptz"
        return self._within(column, conditions.span(test, kind, self.clock), cast)

    def _within(self, column: str, span: calendar.Span, cast: str = "timestamptz") -> str:
        since, before = span
        parts = []
        if since is not None:
            parts.append(f"{column} >= {self.hole(since)}::{cast}")
        if before is not None:
            parts.append(f"{column} < {self.hole(before)}::{cast}")
        return " AND ".join(parts) or "true"

    # --- JSON ----------------------------------------------------------------------------------

    def _json(self, test: Test, value: str) -> str:
        if test.operator == "$has_value":
            return (
                f"CASE jsonb_typeof({value}) WHEN 'array' THEN jsonb_array_length({value}) > 0 "
                f"WHEN 'null' THEN false ELSE {value} IS NOT NULL END"
            )
        if test.operator in _COUNTED:
            count = (
                f"CASE jsonb_typeof({value}) WHEN 'array' THEN jsonb_array_length({value}) "
                f"WHEN 'null' THEN 0 ELSE ({value} IS NOT NULL)::int END"
            )
            return f"{count} {_COUNTED[test.operator]} {self.hole(test.values[0])}::int"
        one = self._element(test, "element.value")
        alone = self._element(test, value)
        return (
            f"CASE jsonb_typeof({value}) WHEN 'array' THEN EXISTS "
            f"(SELECT 1 FROM jsonb_array_elements({value}) AS element (value) WHERE {one}) "
            f"ELSE {alone} END"
        )

    def _element(self, test: Test, element: str) -> str:
        text = f"({element} #>> '{{}}')"
        if test.operator == "$is":
            return f"{element} = ANY({self.hole(_forms(test.values))}::jsonb[])"
        if test.operator in _COMPARED:
            compared = f"{_COMPARED[test.operator]} {self.hole(test.values[0])}::numeric"
            return f"CASE jsonb_typeof({element}) WHEN 'number' THEN {text}::numeric {compared} END"
        if conditions.is_timed(test) or test.operator == "$next_month":
            found = self._time(test, conditions.JSON, f"instant_of({text})")
        elif test.operator == "$in_location":
            found = self._inside(test.values, text)
        else:
            found = self._text(test, text)
        return f"(jsonb_typeof({element}) = 'string' AND ({found}))"

    def _inside(self, location_ids: Sequence[str], text: str) -> str:
        found = []
        for location_id in location_ids:
            shape = self.locations.get(location_id)
            if shape is not None:
                found.append(self._shape(shape, f"point_of({text})"))
        return _either(found)

    def _shape(self, shape: Mapping[str, Any], point: str) -> str:
        if shape["type"] == "polygon":
            polygons = msgspec.json.encode(geo.polygons(shape["geojson"])).decode()
            return f"is_in_polygons({point}, {self.hole(polygons)}::jsonb)"
        center = geo.point(shape["distance"]["center"])
        assert center is not None
        circle = (*center, geo.length_km(shape["distance"]["radius"]))
        places = ", ".join(f"{self.hole(number)}::float8" for number in circle)
        return f"is_within_km({point}, {places})"

    # --- what customers did, and where they belong ---------------------------------------------

    def _events(self, group: Group) -> str:
        since, before = conditions.window(group, self.clock)
        name = self.hole(group.field.removeprefix("events."))
        if since is None and before is None:
            count = (
                "coalesce((SELECT n FROM event_counts WHERE event_counts.project_id = $1 "
                f"AND event_counts.customer_id = customers.id AND type = {name}::text), 0)"
            )
        else:
            within = self._within("custom_events.created_at", (since, before))
            count = (
                "(SELECT count(*) FROM custom_events WHERE custom_events.project_id = $1 "
                f"AND custom_events.customer_id = customers.id AND type = {name}::text "
                f"AND {within})"
            )
        tests = []
        for test in group.tests:
            if test.operator in _COUNTED:
                wanted = self.hole(test.values[0])
                tests.append(f"{count} {_COUNTED[test.operator]} {wanted}::int")
            elif test.operator == "$has_value":
                tests.append(f"{count} {'>' if test.holds else '='} 0")
        return f"({' AND '.join(tests) if tests else f'{count} > 0'})"

    def _member(self, test: Test) -> str:
        assert self.segments is not None
        found = _either(self.segments(segment_id) for segment_id in test.values)
        return f"({found})" if test.holds else f"NOT ({found})"


def _either(parts: Any) -> str:
    return " OR ".join(parts) or "false"


def _forms(texts: Sequence[str]) -> list[str]:
    """The JSON values that equal any of the texts, as JSON."""
    forms = [msgspec.json.encode(text).decode() for text in texts]
    forms += [text for text in texts if text in ("true", "false")]
    numbers = (conditions.number_of(text) for text in texts)
    return forms + [str(number) for number in numbers if number is not None]
