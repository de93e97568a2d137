"""The load: keep-alive connections that each send the next request when the answer is there, or
requests that are sent on schedule, whatever the server takes for those before.

`python -m bench.load` reads an Order as JSON and writes a Result. It is a process of its own, so
that its CPU can be told from the server's, and does as little as it can: requests are put together
from prepared bytes, answers are read as far as their status and length.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from array import array
from collections import deque
from typing import cast

import msgspec
import uvloop

# Stand in a request wherever a key goes, and a key that no other request has; they are as long as
# keys, so a length stays right.
KEY, NEW_KEY = "@@@@ key @@@", "@@@@ new @@@"
FIRST_KEY = 100_000_000_001
FIRST_NEW_KEY, LAST_NEW_KEY = 200_000_000_000, 999_999_999_999
# A server that cannot keep up with a schedule takes so many times as long, and still has figures.
PATIENCE = 10


class Order(msgspec.Struct, kw_only=True):
    """Keys from FIRST_KEY on, `existing` of them, are known to the server; the part `new` of the
    requests uses others. With `arrivals` so many requests are sent a second, evenly: each by the
    next connection that is free, and timed from the instant at which it was due.
    """

    port: int
    request: str
    existing: int
    new: float
    seconds: float
    connections: int = 32
    arrivals: float | None = None
    host: str = "127.0.0.1"


class Result(msgspec.Struct, kw_only=True):
    """Times in milliseconds; `cpu` is the client's own, for each request."""

    requests: int
    rate: float
    p50: float
    p95: float
    p99: float
    cpu: float


class Refused(Exception):
    """An answer that was not 200, or a connection that the server closed."""


class Load:
    """What the connections of one order share."""

    def __init__(self, order: Order) -> None:
        plain = order.request.encode().replace(b"%", b"%%")
        self.template = plain.replace(KEY.encode(), b"%(key)d").replace(
            NEW_KEY.encode(), b"%(new)d"
        )
        self.new = order.new
        self.existing = order.existing
        self.random = random.Random()
        self.times = array("d")
        self.ends = 0.0
        self.open = 0
        self.failure: str | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.schedule: Schedule | None = None

    def request(self) -> bytes:
        new = self.random.randint(FIRST_NEW_KEY, LAST_NEW_KEY)
        if self.random.random() < self.new:
            key = new
        else:
            key = FIRST_KEY + int(self.random.random() * self.existing)
        return self.template % {b"key": key, b"new": new}

    def left(self, failure: str | None) -> None:
        """A connection has ended: as it should, or by a failure, which ends them all."""
        if failure is not None:
            self.failure = self.failure or failure
            self.ends = 0.0
        self.open -= 1
        if self.schedule is not None and failure is not None:
            self.schedule.stop()
        if self.open == 0 and not self.done.done():
            self.done.set_result(None)


class Schedule:
    """Requests that are due at even distances. The loop's timers round to a millisecond, which
    counts as the server's.
    """

    def __init__(self, rate: float, seconds: float, idle: list[Connection]) -> None:
        self._rate = rate
        self._count = round(rate * seconds)
        self._loop = asyncio.get_running_loop()
        self._idle = deque(idle)
        self._waiting: deque[float] = deque()
        self._due = 0
        self._started = time.perf_counter()
        self._timer: asyncio.TimerHandle | None = None

    def tick(self) -> None:
        """Sends what is due by now, as far as connections are free."""
        now = time.perf_counter()
        while self._due < self._count and (due := self._instant()) <= now:
            self._waiting.append(due)
            self._due += 1
        while self._waiting and self._idle:
            self._idle.popleft().send(self._waiting.popleft())
        if self._due < self._count:
            self._timer = self._loop.call_later(self._instant() - now, self.tick)
        else:
            self._release()

    def free(self, connection: Connection) -> None:
        """A connection has its answer, and takes what waits longest."""
        if self._waiting:
            connection.send(self._waiting.popleft())
        else:
            self._idle.append(connection)
            if self._due == self._count:
                self._release()

    def stop(self) -> None:
        """Nothing more is sent."""
        if self._timer is not None:
            self._timer.cancel()
        self._due = self._count
        self._waiting.clear()
        self._release()

    def _instant(self) -> float:
        return self._started + self._due / self._rate

    def _release(self) -> None:
        while self._idle:
            self._idle.popleft().leave()


class Connection(asyncio.Protocol):
    def __init__(self, load: Load) -> None:
        self._load = load
        self._clock = time.perf_counter
        self._buffer = b""
        self._sent = 0.0
        self._leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._load.open += 1

    def send(self, due: float | None = None) -> None:
        self._sent = self._clock() if due is None else due
        self._transport.write(self._load.request())

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        if not _whole(data):
            self._buffer = data
            return
        self._buffer = b""
        now = self._clock()
        self._load.times.append(now - self._sent)
        if not data.startswith(b"HTTP/1.1 200 "):
            self.leave(data[:1000].decode("utf-8", "replace"))
        elif self._load.schedule is not None:
            self._load.schedule.free(self)
        elif now < self._load.ends:
            self.send()
        else:
            self.leave()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._leaving:
            self.leave(f"the connection was closed: {exc}")

    def leave(self, failure: str | None = None) -> None:
        self._leaving = True
        self._transport.close()
        self._load.left(failure)


def _whole(data: bytes) -> bool:
    """Whether an answer is all there; it states its length, as all that are asked here do."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return False
    at = data.index(b"content-length: ", 0, head) + 16
    return len(data) >= head + 4 + int(data[at : data.index(b"\r", at)])


async def run(order: Order) -> Result:
    """Does what was ordered. Raises Refused."""
    load = Load(order)
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(lambda: Connection(load), order.host, order.port))[1]
        for _ in range(order.connections)
    ]
    cpu, started = time.process_time(), time.perf_counter()
    load.ends = started + order.seconds
    if order.arrivals is not None:
        load.schedule = Schedule(order.arrivals, order.seconds, connections)
        load.schedule.tick()
    else:
        for connection in connections:
            connection.send()
    await asyncio.wait_for(load.done, order.seconds * PATIENCE + 60)
    took = time.perf_counter() - started
    cpu = time.process_time() - cpu
    if load.failure is not None:
        raise Refused(load.failure)
    times = sorted(load.times)
    return Result(
        requests=len(times),
        rate=len(times) / took,
        p50=percentile(times, 50) * 1000,
        p95=percentile(times, 95) * 1000,
        p99=percentile(times, 99) * 1000,
        cpu=cpu / len(times) * 1000,
    )


def percentile(ordered: list[float], percent: int) -> float:
    """The value that so many percent of them do not exceed."""
    return ordered[-(-len(ordered) * percent // 100) - 1]


def main() -> None:
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(order))))


if __name__ == "__main__":
    main()
