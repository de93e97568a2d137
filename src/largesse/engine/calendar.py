"""Time as shops count it: instants from texts, and the spans that words like "days ago" mean."""

from __future__ import annotations

import re
from calendar import monthrange
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


# --- durations ----------------------------------------------------------------------------------


class Duration(msgspec.Struct, frozen=True, gc=False):
    """A length of time: months and days are those of a wall clock, seconds pass evenly."""

    months: int = 0
    days: int = 0
    seconds: int = 0

    def __add__(self, other: Duration) -> Duration:
        return Duration(
            self.months + other.months, self.days + other.days, self.seconds + other.seconds
        )

    def __mul__(self, times: int) -> Duration:
        return Duration(self.months * times, self.days * times, self.seconds * times)

    @property
    def usual(self) -> timedelta:
        """How long it is where no clock is changed, with months of the average length."""
        return timedelta(days=self.days, seconds=self.seconds + self.months * _MONTH_SECONDS)


# A twelfth of 365.2425 days.
_MONTH_SECONDS = 2_629_746
MOST_YEARS = 100
_MOST = Duration(months=12 * MOST_YEARS).usual
_LAST = datetime.max.replace(tzinfo=UTC)
_DURATION = re.compile(
    r"P(?=.)(?:(\d{1,3})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?"
    r"(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,10})S)?)?",
    re.ASCII,
)


def duration_of(text: str) -> Duration | None:
    """The length of time that an ISO-8601 text such as `P1M`, `P24D` or `PT1H30M` names, in whole
    numbers; None for others, for nothing at all and for more than 100 years.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    years, months, weeks, days, hours, minutes, seconds = (int(n or 0) for n in found.groups())
    duration = Duration(
        years * 12 + months, weeks * 7 + days, (hours * 60 + minutes) * 60 + seconds
    )
    return duration if timedelta() < duration.usual <= _MOST else None


def later(moment: datetime, duration: Duration, zone: tzinfo) -> datetime:
    """The instant that is a duration after another.

    Months and days keep the time of the zone's wall clock: one that a change of clocks leaves out
    comes as much later as the clock is put forward, one that it repeats is the first of both. A
    day that a month does not have is its last. Beyond the calendar's end it is the last instant.
    """
    try:
        if duration.months or duration.days:
            wall = _wall(moment, zone)
            year, month = divmod(wall.year * 12 + wall.month - 1 + duration.months, 12)
            day = min(wall.day, monthrange(year, month + 1)[1])
            wall = wall.replace(year=year, month=month + 1, day=day)
            moment = (wall + timedelta(days=duration.days)).astimezone(UTC)
        return moment + timedelta(seconds=duration.seconds)
    except (OverflowError, ValueError):
        return _LAST


def _wall(moment: datetime, zone: tzinfo) -> datetime:
    """What a clock in the zone shows; within hours of the calendar's ends, what one in UTC does."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment.replace(tzinfo=zone)


def times_passed(start: datetime, interval: Duration, clock: Clock) -> int:
    """How many whole intervals have passed since an instant; 0 before it."""
    number = max(0, (clock.now - start) // interval.usual)
    # Months and days are not all of the same length: the number may be a little off.
    while number and later(start, interval * number, clock.zone) > clock.now:
        number -= 1
    while later(start, interval * (number + 1), clock.zone) <= clock.now:
        number += 1
    return number
