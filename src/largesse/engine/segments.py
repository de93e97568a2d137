"""Segments: who belongs to which. What a filter may speak of, and whether one customer fulfils it;
`store.segments` asks the same of all customers at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from largesse.engine import conditions, geo, money
from largesse.engine.calendar import Clock
from largesse.engine.conditions import (
    DAY,
    EVENT,
    JSON,
    NUMBER,
    SEGMENT,
    TEXT,
    TIME,
    Conditions,
)

STATIC, PASSIVE, ACTIVE = "static", "passive", "auto-update"

_ORDERS = "summary.orders."
_REDEMPTIONS = "summary.redemptions."
# The properties of a customer, with the names of their columns.
COLUMNS: dict[str, tuple[str, str]] = {
    "id": (TEXT, "id"),
    "source_id": (TEXT, "source_id"),
    "name": (TEXT, "name"),
    "description": (TEXT, "description"),
    "email": (TEXT, "email"),
    "phone": (TEXT, "phone"),
    "birthday": (DAY, "birthday"),
    "birthdate": (DAY, "birthdate"),
    "created_at": (TIME, "created_at"),
    "updated_at": (TIME, "updated_at"),
    "city": (TEXT, "address_city"),
    **{
        f"address.{part}": (TEXT, f"address_{part}")
        for part in ("city", "state", "line_1", "line_2", "country", "postal_code")
    },
    f"{_ORDERS}total_amount": (NUMBER, "orders_total_amount"),
    f"{_ORDERS}total_count": (NUMBER, "orders_total_count"),
    f"{_ORDERS}average_amount": (NUMBER, "orders_average_amount"),
    f"{_ORDERS}last_order_amount": (NUMBER, "orders_last_amount"),
    f"{_ORDERS}last_order_date": (TIME, "orders_last_date"),
    **{
        f"{_REDEMPTIONS}{name}": (NUMBER, f"redemptions_{name}")
        for name in (
            "total_redeemed",
            "total_failed",
            "total_succeeded",
            "total_rolled_back",
            "total_rollback_failed",
            "total_rollback_succeeded",
        )
    },
    f"{_REDEMPTIONS}gift.redeemed_amount": (NUMBER, "gift_redeemed_amount"),
    f"{_REDEMPTIONS}gift.amount_to_go": (NUMBER, "gift_amount_to_go"),
    f"{_REDEMPTIONS}loyalty_card.redeemed_points": (NUMBER, "loyalty_card_redeemed_points"),
    f"{_REDEMPTIONS}loyalty_card.points_to_go": (NUMBER, "loyalty_card_points_to_go"),
    "loyalty.points": (NUMBER, "loyalty_points"),
    "loyalty.referred_customers": (NUMBER, "loyalty_referred_customers"),
    "referrals.total": (NUMBER, "referrals_total"),
}
_MEMBERSHIP = ("segments", "segment", "segment_id")
_STANDING = re.compile(
    r"(?:loyalty|loyalty_points|loyalty_tier)\.campaigns\.(?P<campaign>.+)"
    r"\.(?P<what>points|referred_customers|loyalty_tier)\Z"
)
_INDEX = re.compile(r"\s*[+-]?\d{1,9}\Z", re.ASCII)
_COUNT = re.compile(r"events\.(?P<name>.+)\.(?P<what>count|first|last)\Z")


class Standing(msgspec.Struct, frozen=True):
    """A property of where a customer stands in a campaign, by the campaign's name."""

    campaign: str
    what: str


@lru_cache(maxsize=4096)
def standing(field: str) -> Standing | None:
    """A field that speaks of a campaign, such as `loyalty.campaigns.Gold.points`."""
    found = _STANDING.match(field)
    return Standing(found["campaign"], found["what"]) if found else None


class Tally(msgspec.Struct, frozen=True):
    """How often a custom event happened (`count`), or when for the first or the last time."""

    name: str
    what: str


@lru_cache(maxsize=4096)
def tally(field: str) -> Tally | None:
    """A field that speaks of all events of a name, such as `events.review.count`."""
    found = _COUNT.match(field)
    return Tally(found["name"], found["what"]) if found else None


def metadata_path(field: str) -> tuple[str, str] | None:
    """A field as its column and key, such as `("metadata", "color")`."""
    for column in ("metadata", "system_metadata"):
        if field.startswith(f"{column}.") and len(field) > len(column) + 1:
            return column, field[len(column) + 1 :]
    return None


def kind_of(field: str) -> str | None:
    """What a property is; None for one that filters cannot speak of."""
    if field in COLUMNS:
        return COLUMNS[field][0]
    if field in _MEMBERSHIP:
        return SEGMENT
    if metadata_path(field):
        return JSON
    if found := standing(field):
        return TEXT if found.what == "loyalty_tier" else NUMBER
    if counted := tally(field):
        return NUMBER if counted.what == "count" else TIME
    return EVENT if field.startswith("events.") and len(field) > len("events.") else None


def event_of(field: str) -> str:
    """The name of the event that `events.name` speaks of."""
    return field.removeprefix("events.")


class Segment(msgspec.Struct, frozen=True):
    """A segment whose members a filter decides. An active one tells who enters and leaves."""

    id: str
    name: str
    conditions: Conditions
    announces: bool


def segment(id_: str, name: str, type_: str, given: Mapping[str, Any]) -> Segment:
    """A segment as it was stored. Raises FilterError for a filter that cannot be read."""
    return Segment(id_, name, read(given), type_ == ACTIVE)


def read(given: Mapping[str, Any]) -> Conditions:
    """A segment's filter. Raises FilterError, also for one that says nothing."""
    found = conditions.read(given, kind_of)
    if not found.groups:
        raise conditions.FilterError(".filter", "should have at least one property")
    return found


def locations(segment_: Segment) -> list[str]:
    """The locations that a segment speaks of."""
    return segment_.conditions.named("$in_location")


# --- one customer -------------------------------------------------------------------------------


class Counted(msgspec.Struct, frozen=True):
    """A customer's custom events of one name."""

    n: int
    first: datetime
    last: datetime


Windows = dict[tuple[str, Any, Any], int]


class Customer:
    """What is known of one customer: the columns of their row (metadata as JSON), where they stand
    in campaigns, their custom events in all and within the windows that were asked for, and the
    segments that they are known to be in.
    """

    def __init__(
        self,
        columns: Mapping[str, Any],
        *,
        standings: Mapping[str, Mapping[str, Any]] | None = None,
        events: Mapping[str, Counted] | None = None,
        windows: Windows | None = None,
        segments: Sequence[str] = (),
        shapes: Mapping[str, Any] | None = None,
    ) -> None:
        self._columns = columns
        self._standings = standings or {}
        self._events = events or {}
        self._windows = windows or {}
        self._shapes = shapes or {}
        self._documents: dict[str, Any] = {}
        self._values: dict[str, Any] = {}
        self.segments = set(segments)

    def value(self, field: str) -> Any:
        if field in _MEMBERSHIP:
            return sorted(self.segments)
        if field not in self._values:
            self._values[field] = self._value(field)
        return self._values[field]

    def _value(self, field: str) -> Any:
        if field in COLUMNS:
            return self._column(COLUMNS[field][1])
        if path := metadata_path(field):
            return at(self._document(path[0]), path[1])
        if found := standing(field):
            return self._standings.get(found.campaign, {}).get(found.what)
        counted = tally(field)
        assert counted is not None
        events = self._events.get(counted.name)
        if counted.what == "count":
            return events.n if events else 0
        return getattr(events, counted.what) if events else None

    def _column(self, name: str) -> Any:
        if name == "orders_average_amount":
            return money.average(
                self._columns["orders_total_amount"], self._columns["orders_total_count"]
            )
        if name == "birthdate" and self._columns["birthdate"] is None:
            return self._columns["birthday"]
        return self._columns[name]

    def _document(self, name: str) -> Any:
        if name not in self._documents:
            self._documents[name] = _decode(self._columns[name])
        return self._documents[name]

    def count(self, event: str, since: Any, before: Any) -> int:
        name = event_of(event)
        if since is None and before is None:
            return self._events[name].n if name in self._events else 0
        return self._windows.get((name, since, before), 0)

    def inside(self, point: str, location_id: str) -> bool:
        shape = self._shapes.get(location_id)
        place = geo.point(point)
        return shape is not None and place is not None and geo.inside(shape, *place)


def at(metadata: Mapping[str, Any], key: str) -> Any:
    """A value in metadata: by the whole key, else by its parts."""
    if key in metadata:
        return metadata[key]
    value: Any = metadata
    for part in key.split("."):
        if isinstance(value, list) and _INDEX.match(part) and -len(value) <= int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, Mapping):
            value = value.get(part)
        else:
            return None
    return value


_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def segments_named(given: Conditions) -> list[str]:
    """The segments that a filter speaks of."""
    return [
        value
        for group in given.groups
        if group.kind == SEGMENT
        for test in group.tests
        for value in test.values
    ]


MOST_WEIGHT = 300


def weight(given: Conditions, segments: Mapping[str, Segment]) -> int:
    """How many properties a filter asks about, with those of the segments that it speaks of."""
    known: dict[str, int] = {}

    def of(conditions_: Conditions) -> int:
        total = len(conditions_.groups)
        for name in segments_named(conditions_):
            if name in segments and name not in known:
                known[name] = of(segments[name].conditions)
            total += known.get(name, 1)
        return total

    return of(given)


def depends_on_time(given: Conditions, segments: Mapping[str, Segment]) -> bool:
    """Whether a filter, or one of a segment that it speaks of, comes to hold by waiting."""
    return given.depends_on_time or any(
        depends_on_time(segments[name].conditions, segments)
        for name in set(segments_named(given))
        if name in segments
    )


class Needs(msgspec.Struct, frozen=True):
    """What segments ask about beyond a customer's row."""

    events: bool
    standings: bool
    windows: tuple[tuple[str, Any, Any], ...]


def needs(segments: Sequence[Segment], clock: Clock) -> Needs:
    """What has to be loaded before `members` can decide."""
    events = standings = False
    windows = set()
    for segment_ in segments:
        for group in segment_.conditions.groups:
            if group.kind == EVENT:
                since, before = conditions.window(group, clock)
                if since is None and before is None:
                    events = True
                else:
                    windows.add((event_of(group.field), since, before))
            events |= tally(group.field) is not None
            standings |= standing(group.field) is not None
    return Needs(events, standings, tuple(sorted(windows, key=repr)))


def members(segments: Sequence[Segment], customer: Customer, clock: Clock) -> set[str]:
    """The ids of those segments that the customer belongs to. A segment stands after those that it
    speaks of.
    """
    found = set()
    for segment_ in segments:
        if conditions.holds(segment_.conditions, customer, clock):
            found.add(segment_.id)
            customer.segments.add(segment_.id)
        else:
            customer.segments.discard(segment_.id)
    return found
