"""Request limits, counted in the worker's own memory: no row is touched to answer a request.

Each worker holds an equal share of a limit, rounded up so that a small one never becomes zero:
together they let through at most one request a worker more.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import lru_cache

import msgspec

from largesse.kit.errors import TooManyRequests

# What is answered where no limit is set: the largest number that every client can hold.
UNLIMITED = 2_147_483_647

API_CALLS, BULK_API_CALLS = "api_calls", "bulk_api_calls"


class Standing(msgspec.Struct, frozen=True):
    """Where a caller stands after a request: the three numbers and the kind of the limit."""

    limit: int
    remaining: int
    retry: int
    kind: str = API_CALLS

    def headers(self) -> list[tuple[bytes, bytes]]:
        return _headers(self)


@lru_cache(maxsize=64)
def _headers(standing: Standing) -> list[tuple[bytes, bytes]]:
    return [
        (b"x-rate-limit-limit", b"%d" % standing.limit),
        (b"x-rate-limit-remaining", b"%d" % standing.remaining),
        (b"x-rate-limit-retry", b"%d" % standing.retry),
        (b"x-rate-limit-type", standing.kind.encode()),
    ]


class Limit:
    """At most `limit` requests of one caller in each window of `seconds`; 0 means no limit."""

    def __init__(
        self,
        limit: int,
        seconds: int,
        workers: int = 1,
        kind: str = API_CALLS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.limit = limit
        self.seconds = seconds
        self.share = -(-limit // workers)
        self.kind = kind
        self._clock = clock
        self._window = 0
        self._counts: dict[str, int] = {}

    def idle(self) -> Standing:
        """The standing of nobody in particular, for answers given before the caller is known."""
        limit = self.limit or UNLIMITED
        return Standing(limit, limit, int(self._clock()), self.kind)

    def take(self, caller: str) -> Standing:
        """Counts one request; raises TooManyRequests where the share is used up."""
        now = self._clock()
        if not self.limit:
            return Standing(UNLIMITED, UNLIMITED, int(now), self.kind)
        window = int(now // self.seconds)
        if window != self._window:
            self._window = window
            self._counts.clear()
        count = self._counts.get(caller, 0)
        ends = (window + 1) * self.seconds
        if count >= self.share:
            raise Exhausted(
                Standing(self.limit, 0, ends, self.kind), retry_after=math.ceil(ends - now)
            )
        self._counts[caller] = count + 1
        remaining = max(0, self.limit * (self.share - count - 1) // self.share)
        return Standing(self.limit, remaining, int(now) if remaining else ends, self.kind)


class Exhausted(TooManyRequests):
    """A refusal that still shows where the caller stands."""

    def __init__(self, standing: Standing, retry_after: int) -> None:
        super().__init__(retry_after)
        self.standing = standing
