"""Time as shops count it: instants from texts, and the spans that words like "days ago" mean."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import msgspec


class Clock(msgspec.Struct, frozen=True):
    """The instant of a decision, and the zone that its days are counted in."""

    now: datetime
    zone: tzinfo = UTC

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()


_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?"
    r"(Z|[+-](0\d|1[0-4]):[0-5]\d)?)?\Z",
    re.ASCII,
)


def instant_of(text: str) -> datetime | None:
    """The instant that an ISO-8601 text names; without an offset in UTC, a bare date its start."""
    if not _MOMENT.match(text):
        return None
    head, dot, fraction = text.partition(".")
    if dot:
        digits = re.match(r"\d+", fraction)
        assert digits is not None
        text = f"{head}.{digits[0]:0<6}{fraction[digits.end() :]}"
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


# From the first, up to but without the second; None has no bound.
Span = tuple[Any, Any]
_TICK = timedelta(microseconds=1)
_DAY = timedelta(days=1)


def days(operator: str, value: Any, clock: Clock) -> Span:
    """The calendar days that `$after` or `$before` an instant, or a number of days ago or ahead,
    means.
    """
    if operator in ("$after", "$before"):
        value = value.date()
    return _span(operator, value, clock.today, clock.today, _DAY)


def instants(operator: str, value: Any, clock: Clock) -> Span:
    """The instants that an operator means; whole days are those of the clock's zone."""
    if operator in ("$is_days_ago", "$is_days_in_future"):
        first, after = _span(operator, value, clock.today, clock.today, _DAY)
        return _midnight(first, clock.zone), _midnight(after, clock.zone)
    return _span(operator, value, clock.now, None, _TICK)


def _span(operator: str, value: Any, now: Any, today: Any, tick: timedelta) -> Span:
    if operator == "$after":
        try:
            return value + tick, None
        except OverflowError:
            return None, value.min.replace(tzinfo=UTC) if today is None else value.min
    if operator == "$before":
        return None, value
    ahead = timedelta(days=value)
    if operator == "$more_than_ago":
        return None, now - ahead
    if operator == "$less_than_ago":
        return now - ahead + tick, now + tick
    if operator == "$more_than_future":
        return now + ahead + tick, None
    if operator == "$less_than_future":
        return now, now + ahead
    day = today - ahead if operator == "$is_days_ago" else today + ahead
    return day, day + _DAY


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def next_month(clock: Clock) -> int:
    """The number of the month after this one."""
    return clock.today.month % 12 + 1
