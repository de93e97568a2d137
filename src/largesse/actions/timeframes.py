"""When something is valid, as bodies say it, rows keep it and answers show it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from largesse.engine import timeframes
from largesse.engine.timeframes import TimeframeError
from largesse.kit import db, wire
from largesse.kit.errors import InvalidPayload


class ValidityTimeframe(msgspec.Struct, kw_only=True):
    """Valid for a duration at every interval from the start; both are ISO-8601 durations."""

    interval: str | None = None
    duration: str | None = None


class Hours(msgspec.Struct, kw_only=True):
    """Valid between two times of the day (`HH:mm`) on some days of the week, 0 being Sunday."""

    start_time: str | None = None
    days_of_week: list[int] | None = None
    expiration_time: str | None = None


class ValidityHours(msgspec.Struct):
    daily: list[Hours] | None = None


class TimeframeBody(msgspec.Struct, kw_only=True):
    """When something is valid; what is not sent, or null, stays as it is."""

    start_date: str | None = None
    expiration_date: str | None = None
    validity_timeframe: ValidityTimeframe | None = None
    validity_day_of_week: list[int] | None = None
    validity_hours: ValidityHours | None = None


MEMBERS = TimeframeBody.__struct_fields__


def columns(
    body: TimeframeBody, row: db.Row | None = None, after_publishing: str | None = None
) -> dict[str, Any]:
    """The columns of a row after the body: what it leaves out stays as in `row`. Raises
    InvalidPayload for what cannot be, such as an expiration before the start.
    """
    given = msgspec.to_builtins(body)
    values: dict[str, Any] = {name: given[name] for name in MEMBERS if given[name] is not None}
    if row is not None:
        for name in MEMBERS:
            values.setdefault(name, _plain(row[name]))
    try:
        read = timeframes.read(values | {"activity_duration_after_publishing": after_publishing})
    except TimeframeError as error:
        raise InvalidPayload(str(error)) from None
    return {
        "start_date": read.start_date,
        "expiration_date": read.expiration_date,
        "validity_timeframe": _text(values["validity_timeframe"] if read.interval else None),
        "validity_day_of_week": _text(list(read.days_of_week) or None),
        "validity_hours": _text(_given(values["validity_hours"]) if read.hours else None),
    }


def _given(hours: dict[str, Any]) -> dict[str, Any]:
    """Hours without what was null in them."""
    return {
        "daily": [
            {name: value for name, value in each.items() if value is not None}
            for each in hours["daily"]
        ]
    }


def _plain(value: Any) -> Any:
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value


def _text(value: Any) -> str | None:
    return None if value is None else wire.encode(value).decode()


def answered(row: db.Row) -> dict[str, Any]:
    """The members of an answer that tell when something is valid, those that limit something."""
    members = {
        "start_date": stamp(row["start_date"]),
        "expiration_date": stamp(row["expiration_date"]),
        **{name: row[name] for name in MEMBERS if name.startswith("validity_")},
    }
    return {name: value for name, value in members.items() if value is not None}


def stamp(moment: datetime | None) -> str | None:
    """An instant as it is answered; None stays None."""
    return None if moment is None else wire.stamp(moment)
