"""Odd customers and filters over them, drawn at random, for tests that ask two ways who belongs to
which segment.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from hypothesis import strategies as st

from largesse.engine.segments import COLUMNS

NOW = datetime(2026, 3, 29, 22, 30, tzinfo=UTC)
PROJECT = "proj_odd"
STATIC = ["seg_first", "seg_second"]
CIRCLE, SQUARE, ISLANDS = "loc_circle", "loc_square", "loc_islands"
SHAPES: dict[str, dict[str, Any]] = {
    CIRCLE: {
        "type": "circle",
        "format": "distance",
        "distance": {"center": "geo:0,0", "radius": "500 km"},
    },
    SQUARE: {
        "type": "polygon",
        "format": "geojson",
        "geojson": {
            "type": "Polygon",
            "coordinates": [
                [[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]],
                [[4, 4], [6, 4], [6, 6], [4, 6], [4, 4]],
            ],
        },
    },
    ISLANDS: {
        "type": "polygon",
        "format": "geojson",
        "geojson": {
            "type": "MultiPolygon",
            "coordinates": [
                [[[-9, -9], [-1, -9], [-5, -1], [-9, -9]]],
                [[[10, 0], [20, 0], [20, 10], [10, 10], [10, 0]]],
            ],
        },
    },
}
# The last one nobody has.
LOCATIONS = [*SHAPES, "loc_nowhere"]

TEXTS = ["", "a", "A", "ab", "ba", "żó", "ż", "z\u0307", "%", "_", "5", "5.0", "true", "null", "💶"]
POINTS = [
    "0,0",
    "geo:1,1",
    "GEO: 1 , 1",
    "5,5",
    "+5,5.",
    ".5,5e0",
    "0,10",
    "10,10",
    "10,0",
    "0,5",
    "5,15",
    "-5,-5",
    "4,4",
    "6,6",
    "-2,-5",
    "91,0",
    "0,181",
    "1e400,0",
    "0." + "0" * 200 + "1,0",
    "0." + "0" * 400 + "1,0",
    "1,2,3",
    "1;2",
    "\u0661,\u0662",
    "\u00a05,5",
]
MOMENTS = [
    "2026-03-29",
    "2026-03-29T22:30:00Z",
    "2026-03-29T22:29:59.999999Z",
    "2026-03-29 22:30",
    "2026-03-30T00:30:00+02:00",
    "2026-03-29T03:30:00.5-14:00",
    "2026-03-28T22:30:00Z",
    "2026-04-01",
    "2026-03-31T23:59:59-01:00",
    "2026-02-30",
    "2026-03-29T24:00",
    "2026-03-29T23:59:60Z",
    "0000-01-01",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-01:00",
    "\u0662\u0660\u0662\u0666-03-29",
    "2026-03-29T22:30:00.1234567Z",
    "infinity",
    "now",
]
# As JSON: a float among them keeps its spelling.
NUMBERS = [
    "0",
    "-0.0",
    "1",
    "1.0",
    "1e0",
    "5",
    "5.0",
    "-5",
    "2.5",
    "0.1",
    "100000000000000000000",
    "9007199254740993",
    "9007199254740992.0",
    "9223372036854775807",
    "1e308",
    "1e-320",
    "0.30000000000000004",
]
# Those that a filter may compare with.
READABLE = [text for text in NUMBERS if text not in ("1e308", "1e-320")]


class Written(NamedTuple):
    """A number as it is to stand in JSON."""

    text: str


SCALARS = (
    st.sampled_from(TEXTS)
    | st.sampled_from(POINTS)
    | st.sampled_from(MOMENTS)
    | st.sampled_from(NUMBERS).map(Written)
    | st.booleans()
    | st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=3)
)
KEYS = ["a", "b", "c", "a.b", "a.b.c", "0", "", "ż", "a b", '"', "'", "$1"]
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["b", "c", "0", ""]), inner, max_size=2)
    ),
    max_leaves=5,
)
METADATA = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5)
PATHS = [*KEYS[:-7], "a.0", "a.-1", "a.b.0", "b.0.c", "c.", ".", "a..b", "a.+1", "a. 1", "0", "$1"]
PATHS += ["a.99999999999", "a.-99", "ż", "a b", '"', "'"]

SUMS = st.sampled_from([0, 1, 2, 3, 5, 100, 2**31, 2**62, 2**63 - 1])
INSTANTS = st.sampled_from(
    [NOW + timedelta(days=days, microseconds=ticks) for days in (-30, -1, 0, 1) for ticks in (0, 1)]
) | st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
DAYS = st.sampled_from(
    [date(2026, 3, 28), date(2026, 3, 29), date(2026, 3, 30), date(2026, 4, 30), date(1, 1, 1)]
) | st.dates(date(1900, 1, 1), date(2100, 1, 1))
EVENTS = ["cart", "cart.count", "żó", "", "a'b"]
CAMPAIGNS = ["Club", "Club.points", "żó"]


def json_of(value: Any) -> str:
    """JSON of a value with numbers as they were written."""
    if isinstance(value, Written):
        return value.text
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)}: {json_of(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(json_of, value)) + "]"
    if isinstance(value, (datetime, date)):
        return json.dumps(value.isoformat())
    return json.dumps(value)


def _columns(kind: str) -> list[str]:
    found = {column for kind_, column in COLUMNS.values() if kind_ == kind}
    return sorted(found - {"id", "created_at", "orders_average_amount"})


CUSTOMERS = st.fixed_dictionaries(
    {
        **{name: st.none() | st.sampled_from(TEXTS) for name in _columns("text")},
        **dict.fromkeys(_columns("number"), SUMS),
        **{name: st.none() | DAYS for name in _columns("day")},
        **{name: st.none() | INSTANTS for name in _columns("time")},
        "created_at": INSTANTS,
        "metadata": METADATA,
        "system_metadata": METADATA,
        "loyalty_campaigns": st.just(0),
        "segments": st.lists(st.sampled_from(STATIC), unique=True),
        "events": st.lists(st.tuples(st.sampled_from(EVENTS), INSTANTS), max_size=4),
        "campaigns": st.dictionaries(
            st.sampled_from(CAMPAIGNS),
            st.fixed_dictionaries(
                {
                    "points": SUMS,
                    "referred_customers": SUMS,
                    "loyalty_tier": st.none() | st.sampled_from(TEXTS),
                }
            ),
            max_size=2,
        ),
    }
)

# --- filters ------------------------------------------------------------------------------------

_TEXTS = st.sampled_from(TEXTS)
_NUMBERS = st.sampled_from([*READABLE, "007", "1E+99", "-3"]) | st.integers(-5, 5)
_MOMENTS = st.sampled_from(MOMENTS[:8])
_AGES = st.sampled_from([0, 1, 2, 30, "1"])
_COUNTS = st.integers(0, 3)


def _some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values | st.lists(values, min_size=1, max_size=3)


_EQUAL = ["$is", "$in", "$is_not", "$not_in"]
_TEXTUAL = ["$contains", "$not_contain", "$starts_with", "$ends_with"]
_COMPARED = [
    "$more_than",
    "$less_than",
    "$more_than_equal",
    "$less_than_equal",
    "$greater_than",
    "$greater_than_or_equal",
    "$less_than_or_equal",
    "$more_than_or_equal",
]
_AGED = [
    "$is_days_ago",
    "is_days_ago",
    "$is_days_in_future",
    "$more_than_ago",
    "$less_than_ago",
    "$more_than_future",
    "$less_than_future",
]
_COUNTED = ["$count", "$count_less", "$count_more"]


def _each(
    operators: list[str], values: st.SearchStrategy[Any]
) -> dict[str, st.SearchStrategy[Any]]:
    return dict.fromkeys(operators, values)


_PRESENT = _each(["$has_value", "$is_unknown"], st.just(True))
_DATED = {
    **_each(["$after", "$before"], _MOMENTS),
    **_each(_AGED, _AGES),
    "$next_month": st.booleans(),
}
OPERATORS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "text": {**_each(_EQUAL + _TEXTUAL, _some(_TEXTS)), **_PRESENT},
    "number": {**_each(_EQUAL, _some(_NUMBERS)), **_each(_COMPARED, _NUMBERS), **_PRESENT},
    "time": {
        **_each(_EQUAL, _some(_MOMENTS)),
        **_DATED,
        **_each(["$more_than", "$less_than"], _AGES),
        **_PRESENT,
    },
    "json": {
        **_each(_EQUAL, _some(_TEXTS | _NUMBERS | _MOMENTS | st.booleans())),
        **_each(_TEXTUAL, _some(_TEXTS)),
        **_each(_COMPARED, _NUMBERS),
        **_DATED,
        **_each(_COUNTED, _COUNTS),
        **_each(["$in_location", "$not_in_location"], _some(st.sampled_from(LOCATIONS))),
        **_PRESENT,
    },
    "event": {**_each(_COUNTED, _COUNTS), **_DATED, **_PRESENT},
}
OPERATORS["day"] = OPERATORS["time"]
del OPERATORS["event"]["$next_month"]


def _group(kind: str) -> st.SearchStrategy[Any]:
    one = st.sampled_from(sorted(OPERATORS[kind])).flatmap(
        lambda operator: OPERATORS[kind][operator].map(lambda value: (operator, value))
    )
    pairs = st.lists(one, min_size=1, max_size=2, unique_by=lambda pair: pair[0])
    return pairs.map(lambda found: {"conditions": dict(found)})


def _property(field: st.SearchStrategy[str], kind: str) -> st.SearchStrategy[tuple[str, Any]]:
    return st.tuples(field, _group(kind))


_STANDINGS = st.sampled_from([f"loyalty.campaigns.{name}." for name in CAMPAIGNS])
_COUNTERS = st.sampled_from([f"events.{name}." for name in EVENTS if name])
_BY_KIND = {
    kind: st.sampled_from(sorted(name for name, (kind_, _) in COLUMNS.items() if kind_ == kind))
    for kind in ("text", "number", "day", "time")
}
_METADATA = st.sampled_from(["metadata.", "metadata.", "system_metadata."]).flatmap(
    lambda column: st.sampled_from(PATHS).map(lambda path: column + path)
)
PROPERTIES = st.one_of(
    *(_property(fields, kind) for kind, fields in _BY_KIND.items()),
    _property(_METADATA, "json"),
    _property(_METADATA, "json"),
    _property(_STANDINGS.map(lambda name: name + "points"), "number"),
    _property(_STANDINGS.map(lambda name: name + "loyalty_tier"), "text"),
    _property(_COUNTERS.map(lambda name: name + "count"), "number"),
    _property(
        _COUNTERS.flatmap(lambda name: st.sampled_from([name + "first", name + "last"])), "time"
    ),
    _property(st.sampled_from(["events.cart", "events.żó", "events.a'b"]), "event"),
)


def filters(known: int) -> st.SearchStrategy[dict[str, Any]]:
    """A filter for segment number `known`, which may speak of those with lower numbers."""
    segments = STATIC + [f"seg_{number}" for number in range(known)] + ["seg_nobodys"]
    named = _some(st.sampled_from(segments))
    member = st.tuples(
        st.sampled_from(["segments", "segment", "segment_id"]),
        st.tuples(st.sampled_from(_EQUAL), named).map(lambda pair: {"conditions": dict([pair])}),
    )
    properties = st.lists(
        st.one_of(PROPERTIES, PROPERTIES, PROPERTIES, member), min_size=1, max_size=3
    )
    return st.tuples(st.sampled_from(["and", "or", "AND"]), properties).map(
        lambda found: {"junction": found[0], **dict(found[1])}
    )


FILTERS = st.tuples(*(filters(number) for number in range(6)))
