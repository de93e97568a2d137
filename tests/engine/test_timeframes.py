from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from largesse.engine import calendar, timeframes
from largesse.engine.calendar import Clock, Duration
from largesse.engine.timeframes import EXPIRED, NOT_ACTIVE, NOT_ACTIVE_NOW, TimeframeError

WARSAW = ZoneInfo("Europe/Warsaw")
NEW_YORK = ZoneInfo("America/New_York")
KIRITIMATI = ZoneInfo("Pacific/Kiritimati")
ZONES = st.sampled_from([UTC, WARSAW, NEW_YORK, KIRITIMATI, ZoneInfo("Australia/Lord_Howe")])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def reason(
    given_: dict[str, Any], now: str, zone: Any = UTC, published_at: str | None = None
) -> str | None:
    clock = Clock(at(now), zone)
    published = at(published_at) if published_at else None
    return timeframes.inactive(timeframes.read(given_), clock, published)


# --- durations ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("P24D", Duration(days=24)),
        ("PT1H", Duration(seconds=3600)),
        ("P1DT2H", Duration(days=1, seconds=7200)),
        ("PT90M", Duration(seconds=5400)),
        ("P2W", Duration(days=14)),
        ("P3M", Duration(months=3)),
        ("P1Y2M3DT4H5M6S", Duration(14, 3, 4 * 3600 + 5 * 60 + 6)),
        ("PT1M", Duration(seconds=60)),
        ("P100Y", Duration(months=1200)),
        ("P1M0D", Duration(months=1)),
        ("P100Y1D", None),
        ("P40000D", None),
        ("PT9999999999S", None),
        ("P0D", None),
        ("PT0S", None),
        ("P", None),
        ("PT", None),
        ("P1DT", None),
        ("", None),
        ("1D", None),
        ("P1H", None),
        ("PT1D", None),
        ("P1D1Y", None),
        ("P-1D", None),
        ("-P1D", None),
        ("P1.5D", None),
        ("PT1H\n", None),
        ("p1d", None),
        ("P\u0661D", None),
        ("P" + "9" * 5000 + "D", None),
    ],
)
def test_durations(text: str, duration: Duration | None) -> None:
    assert calendar.duration_of(text) == duration


@pytest.mark.parametrize(
    ("moment", "duration", "zone", "times", "found"),
    [
        ("2026-03-28T12:00+01:00", "P1D", WARSAW, 1, "2026-03-29T12:00+02:00"),
        ("2026-03-28T12:00+01:00", "PT24H", WARSAW, 1, "2026-03-29T13:00+02:00"),
        ("2026-10-24T12:00+02:00", "P1D", WARSAW, 1, "2026-10-25T12:00+01:00"),
        ("2026-10-24T12:00+02:00", "PT24H", WARSAW, 1, "2026-10-25T11:00+01:00"),
        ("2026-10-24T12:00+02:00", "P1DT1H", WARSAW, 2, "2026-10-26T14:00+01:00"),
        # Half past two is left out in spring, and comes twice in autumn.
        ("2026-03-28T02:30+01:00", "P1D", WARSAW, 1, "2026-03-29T03:30+02:00"),
        ("2026-03-28T02:30+01:00", "P1D", WARSAW, 2, "2026-03-30T02:30+02:00"),
        ("2026-10-24T02:30+02:00", "P1D", WARSAW, 1, "2026-10-25T02:30+02:00"),
        ("2026-10-25T02:30+01:00", "P1D", WARSAW, 1, "2026-10-26T02:30+01:00"),
        ("2026-03-07T02:30-05:00", "P1D", NEW_YORK, 1, "2026-03-08T03:30-04:00"),
        ("2026-10-31T01:30-04:00", "P1D", NEW_YORK, 1, "2026-11-01T01:30-04:00"),
        # The last day of a month that has fewer.
        ("2026-01-31T00:00+00:00", "P1M", UTC, 1, "2026-02-28T00:00+00:00"),
        ("2026-01-31T00:00+00:00", "P1M", UTC, 2, "2026-03-31T00:00+00:00"),
        ("2024-02-29T00:00+00:00", "P1Y", UTC, 1, "2025-02-28T00:00+00:00"),
        ("2025-12-15T00:00+00:00", "P1M1D", UTC, 1, "2026-01-16T00:00+00:00"),
        # The month is that of the zone.
        ("2026-01-31T23:30+00:00", "P1M", WARSAW, 1, "2026-02-28T23:30+00:00"),
        ("9999-12-01T00:00+00:00", "P1M", UTC, 1, "9999-12-31T23:59:59.999999+00:00"),
        ("9999-12-31T23:00+00:00", "PT2H", UTC, 1, "9999-12-31T23:59:59.999999+00:00"),
        ("0001-01-01T00:00+00:00", "P1D", NEW_YORK, 1, "0001-01-02T04:56:02+00:00"),
    ],
)
def test_what_is_later(moment: str, duration: str, zone: Any, times: int, found: str) -> None:
    length = calendar.duration_of(duration)
    assert length is not None
    assert calendar.later(at(moment), length * times, zone) == at(found)


INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))
DURATIONS = st.builds(
    Duration,
    months=st.sampled_from([0, 0, 0, 1, 5, 12]),
    days=st.sampled_from([0, 0, 1, 2, 31]),
    seconds=st.sampled_from([0, 0, 1800, 86_400, 2_000_000]),
).filter(lambda duration: duration != Duration())


@given(INSTANTS, INSTANTS, DURATIONS, ZONES)
@example(at("2026-01-31T00:00+00:00"), at("2026-03-01T00:00+00:00"), Duration(months=1), UTC)
@example(at("2026-01-31T00:00+00:00"), at("2026-02-28T00:00+00:00"), Duration(months=1), UTC)
@example(at("2026-10-24T00:30+00:00"), at("2026-10-25T01:15+00:00"), Duration(days=1), WARSAW)
@settings(max_examples=300, deadline=None)
def test_intervals_that_have_passed(
    start: datetime, now: datetime, interval: Duration, zone: Any
) -> None:
    number = calendar.times_passed(start, interval, Clock(now, zone))
    assert calendar.later(start, interval * (number + 1), zone) > now
    if now < start:
        assert number == 0
    else:
        assert calendar.later(start, interval * number, zone) <= now


def test_many_short_intervals_take_no_time() -> None:
    clock = Clock(at("2026-11-23T12:00:00.5+00:00"), WARSAW)
    start = at("0001-01-01T00:00+00:00")
    second, day = Duration(seconds=1), Duration(days=1)
    # As many days as to the 739943rd of the calendar, the first being day 1.
    assert clock.now.toordinal() == 739_943
    assert calendar.times_passed(start, second, clock) == 739_942 * 86_400 + 12 * 3600
    assert calendar.times_passed(start, day, clock) == 739_942


@given(DURATIONS, DURATIONS, st.integers(0, 5))
def test_sums_and_multiples_of_durations(one: Duration, other: Duration, times: int) -> None:
    assert (one + other).usual == one.usual + other.usual
    assert (one * times).usual == one.usual * times


# --- reading ------------------------------------------------------------------------------------

START = "2026-01-01T00:00:00Z"
NOON = {"start_time": "12:00", "expiration_time": "14:00"}


def frame(**members: Any) -> dict[str, Any]:
    return {"start_date": START, "validity_timeframe": members}


def daily(*members: Any) -> dict[str, Any]:
    return {"validity_hours": {"daily": list(members)}}


def hours(start: Any, end: Any, *days: Any) -> dict[str, Any]:
    return {"start_time": start, "expiration_time": end, "days_of_week": list(days)}


SHOULD_BE_A_DURATION = "should be an ISO-8601 duration of at most 100 years, such as P1D or PT1H"


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"start_date": "soon"}, ".start_date cannot be recognized as a ISO-8601 compliant date"),
        ({"start_date": 5}, ".start_date cannot be recognized as a ISO-8601 compliant date"),
        (
            {"expiration_date": "2026-02-30"},
            ".expiration_date cannot be recognized as a ISO-8601 compliant date",
        ),
        (
            {"start_date": "2026-01-02", "expiration_date": "2026-01-01"},
            ".expiration_date should not be before start_date",
        ),
        (
            {"validity_timeframe": {"duration": "PT1H", "interval": "P1D"}},
            ".validity_timeframe requires start_date",
        ),
        (
            frame(duration="PT1H"),
            ".validity_timeframe should have required property 'interval'",
        ),
        (frame(interval="P1D"), ".validity_timeframe should have required property 'duration'"),
        (
            frame(duration="P0D", interval="P1D"),
            f".validity_timeframe.duration {SHOULD_BE_A_DURATION}",
        ),
        (
            frame(duration="PT1H", interval=86_400),
            f".validity_timeframe.interval {SHOULD_BE_A_DURATION}",
        ),
        (
            frame(duration="P2D", interval="P1D"),
            ".validity_timeframe.duration should not be longer than the interval",
        ),
        (
            frame(duration="PT25H", interval="P1D"),
            ".validity_timeframe.duration should not be longer than the interval",
        ),
        (
            {"start_date": START, "validity_timeframe": "P1D"},
            ".validity_timeframe should be object",
        ),
        (
            {"activity_duration_after_publishing": "24 days"},
            f".activity_duration_after_publishing {SHOULD_BE_A_DURATION}",
        ),
        ({"validity_day_of_week": 1}, ".validity_day_of_week should be array"),
        ({"validity_day_of_week": [0, 7]}, ".validity_day_of_week[1] should be a day from 0 to 6"),
        ({"validity_day_of_week": [-1]}, ".validity_day_of_week[0] should be a day from 0 to 6"),
        ({"validity_day_of_week": [True]}, ".validity_day_of_week[0] should be a day from 0 to 6"),
        ({"validity_day_of_week": [[1]]}, ".validity_day_of_week[0] should be a day from 0 to 6"),
        ({"validity_day_of_week": ["1"]}, ".validity_day_of_week[0] should be a day from 0 to 6"),
        ({"validity_hours": []}, ".validity_hours should be object"),
        ({"validity_hours": {"daily": NOON}}, ".validity_hours.daily should be array"),
        (daily("12:00"), ".validity_hours.daily[0] should be object"),
        (daily({}), ".validity_hours.daily[0].start_time should be a time such as 09:30"),
        (
            daily(hours("24:00", "02:00")),
            ".validity_hours.daily[0].start_time should be a time such as 09:30",
        ),
        (
            daily(NOON, hours("09:60", "11:00")),
            ".validity_hours.daily[1].start_time should be a time such as 09:30",
        ),
        (
            daily(hours("9:00", "11:00")),
            ".validity_hours.daily[0].start_time should be a time such as 09:30",
        ),
        (
            daily(hours("09:00", "24:01")),
            ".validity_hours.daily[0].expiration_time should be a time such as 09:30",
        ),
        (
            daily(hours("09:00", "09:00")),
            ".validity_hours.daily[0].expiration_time should differ from start_time",
        ),
        (
            daily(hours("09:00", "11:00", 8)),
            ".validity_hours.daily[0].days_of_week[0] should be a day from 0 to 6",
        ),
        (
            daily(hours("09:00", "11:00", 2, 4), hours("10:59", "12:00", 4)),
            ".validity_hours.daily[1] overlaps with .validity_hours.daily[0]",
        ),
        (
            daily(hours("01:59", "03:00", 6), NOON, hours("22:00", "02:00", 5)),
            ".validity_hours.daily[2] overlaps with .validity_hours.daily[0]",
        ),
        # Over the end of the week.
        (
            daily(hours("22:00", "02:00", 6), hours("01:00", "03:00", 0)),
            ".validity_hours.daily[1] overlaps with .validity_hours.daily[0]",
        ),
        (
            daily(*[hours("09:00", "09:01", 1)] * 101),
            ".validity_hours.daily should have at most 100 items",
        ),
        (
            {**daily(NOON), **frame(duration="PT1H", interval="P1D")},
            ".validity_hours cannot be combined with validity_timeframe",
        ),
        (
            {**daily(NOON), "validity_day_of_week": [1]},
            ".validity_hours cannot be combined with validity_day_of_week",
        ),
    ],
)
def test_times_that_cannot_be_read(given_: dict[str, Any], message: str) -> None:
    with pytest.raises(TimeframeError) as error:
        timeframes.read(given_)
    assert str(error.value) == f"Property {message}"
    with pytest.raises(TimeframeError) as error:
        timeframes.read(given_, ".promotion.tiers[0]")
    inner = ".promotion.tiers[0]"
    assert str(error.value) == "Property " + inner + message.replace(
        "with .validity_hours", f"with {inner}.validity_hours"
    )


def test_what_is_null_or_empty_limits_nothing() -> None:
    names = ["start_date", "expiration_date", "validity_timeframe", "validity_day_of_week"]
    names += ["validity_hours", "activity_duration_after_publishing"]
    nothing = timeframes.Timeframe()
    assert timeframes.read({}) == nothing
    assert timeframes.read(dict.fromkeys(names)) == nothing
    assert timeframes.read(dict.fromkeys(["start_date", "expiration_date"], "")) == nothing
    empty = {"duration": None, "interval": None}
    assert timeframes.read({"validity_timeframe": empty, "validity_day_of_week": []}) == nothing
    assert timeframes.read({"validity_hours": {}}) == timeframes.read(daily()) == nothing
    assert timeframes.inactive(nothing, Clock(at("2026-11-23T12:00+00:00"))) is None


@pytest.mark.parametrize(
    "start",
    [
        "2026-01-31T09",
        "2026-01-31T09:00",
        "2026-01-31T09:00:00Z",
        "2026-01-31T09:00:00.000Z",
        "2026-01-31T10:00:00+01:00",
        at("2026-01-31T10:00:00+01:00"),
        datetime(2026, 1, 31, 9),
    ],
)
def test_dates_as_they_come(start: Any) -> None:
    assert timeframes.read({"start_date": start}).start_date == at("2026-01-31T09:00+00:00")


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["P1D", "PT1H", "P3M", "09:00", "23:00", "24:00", "2026-01-01", START])
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner | st.integers(0, 6), max_size=3)
        | st.dictionaries(
            st.sampled_from(["duration", "interval", "daily", "start_time", "expiration_time"]),
            inner,
        )
    ),
    max_leaves=6,
)
daily_hours = st.fixed_dictionaries(
    {
        "start_time": st.sampled_from(["00:00", "09:00", "22:30"]),
        "expiration_time": st.sampled_from(["00:00", "02:00", "09:00", "11:15", "24:00"]),
    },
    optional={"days_of_week": st.lists(st.integers(0, 6), max_size=4)},
)
definitions = st.fixed_dictionaries(
    {},
    optional={
        "start_date": st.sampled_from([START, "0001-01-01", "9999-12-31T23:59:59Z"]) | anything,
        "expiration_date": st.sampled_from(["2026-06-01", "9999-12-31T23:59:59-14:00"]) | anything,
        "validity_timeframe": st.fixed_dictionaries(
            {"duration": st.sampled_from(["PT1H", "P1D"]), "interval": st.sampled_from(["P1D"])}
        )
        | anything,
        "validity_day_of_week": st.lists(st.integers(0, 6)) | anything,
        "validity_hours": st.fixed_dictionaries({"daily": st.lists(daily_hours, max_size=3)})
        | anything,
        "activity_duration_after_publishing": st.sampled_from(["P24D", "P100Y"]) | anything,
    },
)


@given(definitions, INSTANTS, ZONES)
@settings(max_examples=300, deadline=None)
def test_whatever_is_sent_is_read_and_judged_or_refused(
    sent: dict[str, Any], now: datetime, zone: Any
) -> None:
    try:
        timeframe = timeframes.read(sent)
    except TimeframeError:
        return
    found = timeframes.inactive(timeframe, Clock(now, zone), now)
    assert found in (None, NOT_ACTIVE, EXPIRED, NOT_ACTIVE_NOW)


# --- start and expiration -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ("2021-11-30T23:59:59.999999+00:00", NOT_ACTIVE),
        ("2021-12-01T00:00:00+00:00", None),
        ("2021-12-31T00:00:00+00:00", None),
        ("2021-12-31T00:00:00.000001+00:00", EXPIRED),
    ],
)
def test_between_start_and_expiration(now: str, found: str | None) -> None:
    dates = {
        "start_date": "2021-12-01T00:00:00.000Z",
        "expiration_date": "2021-12-31T00:00:00.000Z",
    }
    assert reason(dates, now) == found
    assert reason({**dates, "validity_day_of_week": []}, now, KIRITIMATI) == found


def test_an_instant_may_be_all() -> None:
    dates = {"start_date": START, "expiration_date": START}
    assert reason(dates, "2026-01-01T00:00:00+00:00") is None
    assert reason(dates, "2026-01-01T00:00:01+00:00") == EXPIRED


@pytest.mark.parametrize(
    ("published_at", "now", "found"),
    [
        # Not published: the campaign's own end.
        (None, "2026-02-01T00:00:00+00:00", None),
        (None, "2026-02-01T00:00:01+00:00", EXPIRED),
        # Published a day before the campaign ends, valid after it.
        ("2026-01-31T10:00:00+00:00", "2026-02-24T10:00:00+00:00", None),
        ("2026-01-31T10:00:00+00:00", "2026-02-24T10:00:01+00:00", EXPIRED),
        # Published early, over before it ends.
        ("2026-01-01T10:00:00+00:00", "2026-01-25T10:00:01+00:00", EXPIRED),
        # Published before it starts.
        ("2025-12-31T10:00:00+00:00", "2025-12-31T11:00:00+00:00", NOT_ACTIVE),
    ],
)
def test_24_days_after_publishing(published_at: str | None, now: str, found: str | None) -> None:
    dates = {
        "start_date": START,
        "expiration_date": "2026-02-01T00:00:00Z",
        "activity_duration_after_publishing": "P24D",
    }
    assert reason(dates, now, UTC, published_at) == found


def test_days_after_publishing_are_those_of_the_wall_clock() -> None:
    timeframe = timeframes.read({"activity_duration_after_publishing": "P1D"})
    published = at("2026-03-28T18:00+01:00")
    expires = timeframes.expires_at(timeframe, WARSAW, published)
    assert expires == at("2026-03-29T18:00+02:00") == published + timedelta(hours=23)
    assert timeframes.expires_at(timeframe, WARSAW) is None


# --- windows ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ("2026-01-01T00:00:00+00:00", None),
        ("2026-01-01T00:59:59+00:00", None),
        ("2026-01-01T01:00:00+00:00", NOT_ACTIVE_NOW),
        ("2026-01-02T00:30:00+00:00", NOT_ACTIVE_NOW),
        ("2026-01-03T00:30:00+00:00", None),
        ("2026-12-31T00:30:00+00:00", None),
        ("2026-12-30T00:30:00+00:00", NOT_ACTIVE_NOW),
    ],
)
def test_an_hour_every_other_day(now: str, found: str | None) -> None:
    assert reason(frame(duration="PT1H", interval="P2D"), now) == found


@pytest.mark.parametrize(
    ("zone", "start", "now", "found"),
    [
        (WARSAW, "2026-03-27T18:00+01:00", "2026-03-29T18:30+02:00", None),
        (WARSAW, "2026-03-27T18:00+01:00", "2026-03-29T19:00+02:00", NOT_ACTIVE_NOW),
        (WARSAW, "2026-10-23T18:00+02:00", "2026-10-25T18:30+01:00", None),
        (WARSAW, "2026-10-23T18:00+02:00", "2026-10-25T17:30+01:00", NOT_ACTIVE_NOW),
        # Where the hour of its start is left out, the window opens an hour later.
        (NEW_YORK, "2026-03-06T02:00-05:00", "2026-03-08T03:30-04:00", None),
        (NEW_YORK, "2026-03-06T02:00-05:00", "2026-03-08T01:59-05:00", NOT_ACTIVE_NOW),
        # Where it comes twice, it is valid for the first of both.
        (NEW_YORK, "2026-10-30T01:00-04:00", "2026-11-01T01:30-04:00", None),
        (NEW_YORK, "2026-10-30T01:00-04:00", "2026-11-01T01:30-05:00", NOT_ACTIVE_NOW),
    ],
)
def test_windows_of_days_keep_their_hour_when_clocks_change(
    zone: ZoneInfo, start: str, now: str, found: str | None
) -> None:
    given_ = {**frame(duration="PT1H", interval="P2D"), "start_date": start}
    assert reason(given_, now, zone) == found


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ("2026-03-29T18:30+02:00", NOT_ACTIVE_NOW),
        ("2026-03-29T19:30+02:00", None),
    ],
)
def test_windows_of_hours_do_not(now: str, found: str | None) -> None:
    given_ = {**frame(duration="PT1H", interval="PT48H"), "start_date": "2026-03-27T18:00+01:00"}
    assert reason(given_, now, WARSAW) == found


def test_a_day_long_window_ends_at_the_same_hour() -> None:
    given_ = {**frame(duration="P1D", interval="P1W"), "start_date": "2026-03-28T00:00+01:00"}
    assert reason(given_, "2026-03-28T23:59+01:00", WARSAW) is None
    assert reason(given_, "2026-03-29T00:00+01:00", WARSAW) == NOT_ACTIVE_NOW
    assert reason(given_, "2026-10-24T23:59+02:00", WARSAW) is None


def test_the_first_of_a_month() -> None:
    given_ = frame(duration="P1D", interval="P1M")
    assert reason(given_, "2026-11-01T12:00+00:00") is None
    assert reason(given_, "2026-10-31T12:00+00:00") == NOT_ACTIVE_NOW


@given(INSTANTS)
def test_windows_as_long_as_their_interval_leave_no_gap(now: datetime) -> None:
    given_ = {**frame(duration="P1M", interval="P1M"), "start_date": "1985-12-31T02:30:00Z"}
    assert timeframes.inactive(timeframes.read(given_), Clock(now, WARSAW)) is None


def test_windows_and_days_together() -> None:
    # 2026-01-01 is a Thursday, so that every other day of it are the 3rd (Saturday), the 5th ...
    given_ = {**frame(duration="PT1H", interval="P2D"), "validity_day_of_week": [1, 2, 3, 4, 5]}
    assert reason(given_, "2026-01-01T00:30+00:00") is None
    assert reason(given_, "2026-01-03T00:30+00:00") == NOT_ACTIVE_NOW
    assert reason(given_, "2026-01-05T00:30+00:00") is None
    assert reason(given_, "2026-01-05T01:30+00:00") == NOT_ACTIVE_NOW


# --- days and hours -----------------------------------------------------------------------------


@pytest.mark.parametrize("day", range(7))
def test_days_of_the_week_from_sunday(day: int) -> None:
    # 2026-11-22 is a Sunday.
    noons = [f"2026-11-{22 + number}T12:00+00:00" for number in range(7)]
    found = [reason({"validity_day_of_week": [day]}, noon) for noon in noons]
    assert [number for number, why in enumerate(found) if why is None] == [day]


@pytest.mark.parametrize(
    ("zone", "found"), [(UTC, NOT_ACTIVE_NOW), (WARSAW, None), (NEW_YORK, NOT_ACTIVE_NOW)]
)
def test_days_are_those_of_the_projects_zone(zone: Any, found: str | None) -> None:
    """It is Sunday, half past eleven in the evening, in Greenwich."""
    assert reason({"validity_day_of_week": [1]}, "2026-11-22T23:30+00:00", zone) == found


HAPPY = daily(hours("09:00", "11:00", 2, 4), hours("16:00", "22:00", 5, 6))
NIGHTS = daily(hours("22:00", "02:00", 5, 6), hours("02:00", "03:00", 0))


@pytest.mark.parametrize(
    ("given_", "now", "found"),
    [
        # 2026-11-24 is a Tuesday.
        (HAPPY, "2026-11-24T08:59:59.999999+01:00", NOT_ACTIVE_NOW),
        (HAPPY, "2026-11-24T09:00:00+01:00", None),
        (HAPPY, "2026-11-24T10:59:59.999999+01:00", None),
        (HAPPY, "2026-11-24T11:00:00+01:00", None),
        (HAPPY, "2026-11-24T11:00:00.000001+01:00", NOT_ACTIVE_NOW),
        (HAPPY, "2026-11-25T10:00:00+01:00", NOT_ACTIVE_NOW),
        (HAPPY, "2026-11-26T10:00:00+01:00", None),
        (HAPPY, "2026-11-27T16:00:00+01:00", None),
        (HAPPY, "2026-11-27T10:00:00+01:00", NOT_ACTIVE_NOW),
        # Friday and Saturday nights.
        (NIGHTS, "2026-11-27T21:59:59+01:00", NOT_ACTIVE_NOW),
        (NIGHTS, "2026-11-27T23:00:00+01:00", None),
        (NIGHTS, "2026-11-28T00:00:00+01:00", None),
        (NIGHTS, "2026-11-28T01:59:59+01:00", None),
        (NIGHTS, "2026-11-28T02:00:01+01:00", NOT_ACTIVE_NOW),
        (NIGHTS, "2026-11-28T22:00:30+01:00", None),
        (NIGHTS, "2026-11-29T00:00:00+01:00", None),
        (NIGHTS, "2026-11-29T02:30:00+01:00", None),
        (NIGHTS, "2026-11-29T03:00:01+01:00", NOT_ACTIVE_NOW),
        (NIGHTS, "2026-11-27T01:00:00+01:00", NOT_ACTIVE_NOW),
        (NIGHTS, "2026-11-30T01:00:00+01:00", NOT_ACTIVE_NOW),
        # Every day, until midnight.
        (daily(NOON), "2026-11-25T13:00:00+01:00", None),
        (daily(hours("22:00", "24:00", 6)), "2026-11-28T23:59:59+01:00", None),
        (daily(hours("22:00", "00:00", 6)), "2026-11-29T00:00:00+01:00", None),
        (daily(hours("22:00", "00:00", 6)), "2026-11-29T00:00:01+01:00", NOT_ACTIVE_NOW),
        (daily(hours("00:00", "24:00")), "2026-11-29T00:00:01+01:00", None),
        # An hour that is left out, and one that comes twice.
        (daily(hours("02:00", "02:59")), "2026-03-29T01:59:59+01:00", NOT_ACTIVE_NOW),
        (daily(hours("02:00", "02:59")), "2026-03-29T03:00:00+02:00", NOT_ACTIVE_NOW),
        (daily(hours("02:00", "02:59")), "2026-10-25T02:30:00+02:00", None),
        (daily(hours("02:00", "02:59")), "2026-10-25T02:30:00+01:00", None),
    ],
)
def test_hours_of_the_day(given_: dict[str, Any], now: str, found: str | None) -> None:
    assert reason(given_, now, WARSAW) == found


@given(st.lists(daily_hours, max_size=3), INSTANTS, ZONES)
@settings(max_examples=300, deadline=None)
def test_hours_are_what_a_clock_on_the_wall_shows(
    members: list[dict[str, Any]], now: datetime, zone: Any
) -> None:
    try:
        timeframe = timeframes.read(daily(*members))
    except TimeframeError:
        assume(False)
    wall = now.astimezone(zone)
    days = [(wall.isoweekday() % 7, timedelta())]
    days += [((days[0][0] - 1) % 7, timedelta(days=1))]
    clock = timedelta(hours=wall.hour, minutes=wall.minute, seconds=wall.second)
    clock += timedelta(microseconds=wall.microsecond)
    expected = not members
    for member in members:
        start, end = (
            timedelta(hours=int(text[:2]), minutes=int(text[3:]))
            for text in (member["start_time"], member["expiration_time"])
        )
        end += timedelta(days=1) if end < start else timedelta()
        for day, shift in days:
            if day in (member.get("days_of_week") or range(7)):
                expected |= start <= clock + shift <= end
    assert (timeframes.inactive(timeframe, Clock(now, zone)) is None) == expected
