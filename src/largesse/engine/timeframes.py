"""When a campaign, a voucher or a promotion tier is valid.

Between its start and its expiration, both included, and within what recurs there: windows of a
duration that begin at every interval from the start, days of the week, or hours of the day. Days
and hours are those of the project's wall clock. Hours stand alone: with windows or days they are
refused.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from typing import Any

import msgspec

from largesse.engine import calendar
from largesse.engine.calendar import Clock, Duration

# Why something is not valid: `voucher_` before it makes the key of the refusal.
NOT_ACTIVE, EXPIRED, NOT_ACTIVE_NOW = "not_active", "expired", "not_active_now"

MOST_PERIODS = 100
_DAY = 24 * 60
_WEEK = 7 * _DAY
_EVERY_DAY = tuple(range(7))

# From one minute of the week to another, Sunday's first being 0; both are at most 7 days.
Period = tuple[int, int]


class TimeframeError(ValueError):
    """What is wrong with the times of a definition, in the words of a refusal."""


class Timeframe(msgspec.Struct, frozen=True, gc=False):
    """When something is valid, read once and asked often. What is None or empty limits nothing."""

    start_date: datetime | None = None
    expiration_date: datetime | None = None
    duration: Duration | None = None
    interval: Duration | None = None
    days_of_week: tuple[int, ...] = ()
    """0 is Sunday."""
    hours: tuple[Period, ...] = ()
    """In order, and none within another."""
    after_publishing: Duration | None = None


# --- reading ------------------------------------------------------------------------------------


def read(given: Mapping[str, Any], path: str = "") -> Timeframe:
    """The times of a definition: its `start_date`, `expiration_date`, `validity_timeframe`,
    `validity_day_of_week`, `validity_hours` and `activity_duration_after_publishing`, of which
    those that are null or empty are not there. Dates are texts or instants; `path` is where the
    definition stands in what was sent.

    Raises TimeframeError for values that cannot be read, an expiration before the start, windows
    without a start or longer than their interval, hours that overlap, and hours beside windows or
    days.
    """
    start = _instant(given.get("start_date"), f"{path}.start_date")
    expiration = _instant(given.get("expiration_date"), f"{path}.expiration_date")
    if start and expiration and expiration < start:
        raise TimeframeError(f"Property {path}.expiration_date should not be before start_date")
    duration, interval = _windows(given.get("validity_timeframe"), f"{path}.validity_timeframe")
    if interval and not start:
        raise TimeframeError(f"Property {path}.validity_timeframe requires start_date")
    days = _days(given.get("validity_day_of_week"), f"{path}.validity_day_of_week")
    hours = _hours(given.get("validity_hours"), f"{path}.validity_hours")
    if hours and (interval or days):
        other = "validity_timeframe" if interval else "validity_day_of_week"
        raise TimeframeError(f"Property {path}.validity_hours cannot be combined with {other}")
    name = "activity_duration_after_publishing"
    after_publishing = _duration(given.get(name), f"{path}.{name}")
    return Timeframe(start, expiration, duration, interval, days, hours, after_publishing)


def _instant(value: Any, path: str) -> datetime | None:
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    # The reference takes `2026-01-31T09` as well.
    text = f"{value}:00" if isinstance(value, str) and len(value) == 13 else value
    found = calendar.instant_of(text) if isinstance(text, str) else None
    if found is None:
        raise TimeframeError(f"Property {path} cannot be recognized as a ISO-8601 compliant date")
    return found


def _duration(value: Any, path: str) -> Duration | None:
    if value is None or value == "":
        return None
    found = calendar.duration_of(value) if isinstance(value, str) else None
    if found is None:
        raise TimeframeError(
            f"Property {path} should be an ISO-8601 duration of at most {calendar.MOST_YEARS} "
            "years, such as P1D or PT1H"
        )
    return found


def _windows(value: Any, path: str) -> tuple[Duration | None, Duration | None]:
    windows = _object(value, path)
    duration = _duration(windows.get("duration"), f"{path}.duration")
    interval = _duration(windows.get("interval"), f"{path}.interval")
    if (duration is None) != (interval is None):
        missing = "interval" if duration else "duration"
        raise TimeframeError(f"Property {path} should have required property '{missing}'")
    if duration and interval and duration.usual > interval.usual:
        raise TimeframeError(f"Property {path}.duration should not be longer than the interval")
    return duration, interval


def _days(value: Any, path: str) -> tuple[int, ...]:
    """Days of the week in order, each once."""
    found = set()
    for place, day in enumerate(_array(value, path)):
        if not isinstance(day, int) or isinstance(day, bool) or day not in range(7):
            raise TimeframeError(f"Property {path}[{place}] should be a day from 0 to 6")
        found.add(day)
    return tuple(sorted(found))


def _hours(value: Any, path: str) -> tuple[Period, ...]:
    path, value = f"{path}.daily", _object(value, path).get("daily")
    daily = _array(value, path)
    if len(daily) > MOST_PERIODS:
        raise TimeframeError(f"Property {path} should have at most {MOST_PERIODS} items")
    found = sorted(
        (start, end, place)
        for place, member in enumerate(daily)
        for start, end in _periods(member, f"{path}[{place}]")
    )
    for (_, end, place), (start, _, next_place) in pairwise(found):
        if start < end:
            one, other = sorted((place, next_place))
            raise TimeframeError(f"Property {path}[{other}] overlaps with {path}[{one}]")
    return tuple((start, end) for start, end, _ in found)


def _periods(value: Any, path: str) -> Iterator[Period]:
    """The periods of a week that one of `daily` means. Hours that end before they begin end on the
    day after; those of a Saturday, on the Sunday that the week began with.
    """
    member = _object(value, path)
    start = _minutes(member.get("start_time"), f"{path}.start_time", _DAY - 1)
    end = _minutes(member.get("expiration_time"), f"{path}.expiration_time", _DAY)
    if start == end:
        raise TimeframeError(f"Property {path}.expiration_time should differ from start_time")
    if end < start:
        end += _DAY
    for day in _days(member.get("days_of_week"), f"{path}.days_of_week") or _EVERY_DAY:
        first, last = day * _DAY + start, day * _DAY + end
        yield first, min(last, _WEEK)
        if last >= _WEEK:
            yield 0, last - _WEEK


_TIME = re.compile(r"([0-9]{2}):([0-5][0-9])")


def _minutes(value: Any, path: str, most: int) -> int:
    """The minutes from midnight to a time of the day such as `09:30`."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    minutes = int(found[1]) * 60 + int(found[2]) if found else most + 1
    if minutes > most:
        raise TimeframeError(f"Property {path} should be a time such as 09:30")
    return minutes


def _object(value: Any, path: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TimeframeError(f"Property {path} should be object")
    return value


def _array(value: Any, path: str) -> list[Any] | tuple[Any, ...]:
    if value is None:
        return []
    if not isinstance(value, (list, tuple)):
        raise TimeframeError(f"Property {path} should be array")
    return value


# --- asking -------------------------------------------------------------------------------------


def inactive(
    timeframe: Timeframe, clock: Clock, published_at: datetime | None = None
) -> str | None:
    """Why something is not valid at the clock's instant: NOT_ACTIVE yet, EXPIRED, NOT_ACTIVE_NOW
    where what recurs leaves it out; None where it is valid. `published_at` is when a voucher went
    to its customer.
    """
    if timeframe.start_date and clock.now < timeframe.start_date:
        return NOT_ACTIVE
    expires = expires_at(timeframe, clock.zone, published_at)
    if expires and clock.now > expires:
        return EXPIRED
    recurs = _in_window(timeframe, clock) and _in_week(timeframe, clock)
    return None if recurs else NOT_ACTIVE_NOW


def expires_at(
    timeframe: Timeframe, zone: tzinfo, published_at: datetime | None = None
) -> datetime | None:
    """The last instant of validity. A duration after publishing overrides the expiration date of
    what was published, be it sooner or later.
    """
    if timeframe.after_publishing and published_at:
        return calendar.later(published_at, timeframe.after_publishing, zone)
    return timeframe.expiration_date


def _in_window(timeframe: Timeframe, clock: Clock) -> bool:
    start, duration, interval = timeframe.start_date, timeframe.duration, timeframe.interval
    if start is None or duration is None or interval is None:
        return True
    number = calendar.times_passed(start, interval, clock)
    return clock.now < calendar.later(start, interval * number + duration, clock.zone)


def _in_week(timeframe: Timeframe, clock: Clock) -> bool:
    """Whether it is one of the days, or within the hours, the last instant of which counts."""
    if not timeframe.days_of_week and not timeframe.hours:
        return True
    wall = clock.now.astimezone(clock.zone)
    day = wall.isoweekday() % 7
    if not timeframe.hours:
        return day in timeframe.days_of_week
    minute = day * _DAY + wall.hour * 60 + wall.minute
    past = bool(wall.second or wall.microsecond)
    place = bisect_right(timeframe.hours, (minute, _WEEK)) - 1
    return place >= 0 and minute + past <= timeframe.hours[place][1]
