from __future__ import annotations

import pytest

from largesse.kit.errors import TooManyRequests
from largesse.kit.limits import UNLIMITED, Exhausted, Limit, Standing


class Clock:
    def __init__(self, time: float) -> None:
        self.time = time

    def __call__(self) -> float:
        return self.time


def test_no_limit_is_a_very_large_one() -> None:
    limit = Limit(0, 60, clock=Clock(1000.5))
    for _ in range(1000):
        assert limit.take("a") == Standing(UNLIMITED, UNLIMITED, 1000, "api_calls")
    assert limit.idle() == Standing(2_147_483_647, 2_147_483_647, 1000, "api_calls")


def test_a_limit_counts_down_and_refuses() -> None:
    limit = Limit(3, 60, clock=Clock(630.0))
    assert [limit.take("a") for _ in range(3)] == [
        Standing(3, 2, 630),
        Standing(3, 1, 630),
        Standing(3, 0, 660),
    ]
    with pytest.raises(Exhausted) as refused:
        limit.take("a")
    assert refused.value.standing == Standing(3, 0, 660)
    assert refused.value.headers == {"Retry-After": "30"}
    assert isinstance(refused.value, TooManyRequests)
    assert refused.value.code == 429


def test_callers_do_not_share() -> None:
    limit = Limit(1, 60, clock=Clock(0))
    limit.take("a")
    limit.take("b")
    for caller in "ab":
        with pytest.raises(Exhausted):
            limit.take(caller)


def test_a_new_window_begins_anew() -> None:
    clock = Clock(59.9)
    limit = Limit(1, 60, clock=clock)
    limit.take("a")
    with pytest.raises(Exhausted):
        limit.take("a")
    clock.time = 60.0
    assert limit.take("a").remaining == 0
    with pytest.raises(Exhausted):
        limit.take("a")


def test_refusals_do_not_lengthen_the_wait() -> None:
    clock = Clock(0.0)
    limit = Limit(2, 10, clock=clock)
    limit.take("a")
    limit.take("a")
    for _ in range(50):
        with pytest.raises(Exhausted):
            limit.take("a")
    clock.time = 10.0
    assert limit.take("a").remaining == 1


@pytest.mark.parametrize(
    ("time", "after"),
    [(0.0, "10"), (0.5, "10"), (9.0, "1"), (9.2, "1"), (7.5, "3"), (9.999, "1")],
)
def test_whoever_waits_as_long_as_told_is_let_in(time: float, after: str) -> None:
    clock = Clock(time)
    limit = Limit(1, 10, clock=clock)
    limit.take("a")
    with pytest.raises(Exhausted) as refused:
        limit.take("a")
    assert refused.value.headers["Retry-After"] == after
    clock.time = time + int(after)
    limit.take("a")


def test_workers_share_a_limit() -> None:
    shares = [Limit(10, 60, workers=2, clock=Clock(0)) for _ in range(2)]
    for share in shares:
        answers = [share.take("a") for _ in range(5)]
        # What is told is of the whole, so it falls in steps of the number of workers.
        assert [answer.remaining for answer in answers] == [8, 6, 4, 2, 0]
        assert {answer.limit for answer in answers} == {10}
        with pytest.raises(Exhausted):
            share.take("a")


def test_a_small_limit_is_never_nothing() -> None:
    share = Limit(1, 60, workers=4, clock=Clock(0))
    assert share.take("a").remaining == 0
    with pytest.raises(Exhausted):
        share.take("a")


def test_headers() -> None:
    assert Standing(10, 7, 1234, "bulk_api_calls").headers() == [
        (b"x-rate-limit-limit", b"10"),
        (b"x-rate-limit-remaining", b"7"),
        (b"x-rate-limit-retry", b"1234"),
        (b"x-rate-limit-type", b"bulk_api_calls"),
    ]


def test_nobody_in_particular_has_the_whole_limit() -> None:
    limit = Limit(5, 60, workers=2, kind="bulk_api_calls", clock=Clock(61.5))
    limit.take("a")
    assert limit.idle() == Standing(5, 5, 61, "bulk_api_calls")
