"""One property and one reader of filters, for the tests of conditions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from largesse.engine import conditions
from largesse.engine.calendar import Clock
from largesse.engine.conditions import Conditions

NOW = datetime(2026, 3, 29, 22, 30, tzinfo=UTC)
CLOCK = Clock(NOW)
WARSAW = ZoneInfo("Europe/Warsaw")
KINDS = {
    "text": conditions.TEXT,
    "number": conditions.NUMBER,
    "time": conditions.TIME,
    "day": conditions.DAY,
    "json": conditions.JSON,
    "event": conditions.EVENT,
    "segment": conditions.SEGMENT,
}


class Facts:
    """One property and a count of events, of one object."""

    def __init__(self, value: Any = None, events: tuple[datetime, ...] = ()) -> None:
        self._value = value
        self._events = events

    def value(self, field: str) -> Any:
        return self._value

    def count(self, event: str, since: Any, before: Any) -> int:
        return sum(
            (since is None or at >= since) and (before is None or at < before)
            for at in self._events
        )

    def inside(self, point: str, location_id: str) -> bool:
        return point == f"in {location_id}"


def read(**given_: Any) -> Conditions:
    return conditions.read(given_, KINDS.get)


def one(kind: str, operator: str, value: Any) -> Conditions:
    return read(**{kind: {"conditions": {operator: value}}})


def passes(kind: str, operator: str, value: Any, known: Any, clock: Clock = CLOCK) -> bool:
    return conditions.holds(one(kind, operator, value), Facts(known), clock)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
