"""Requests that are done together: while some are worked on, those that come meanwhile wait in a
line, and the next transaction takes the whole line. The busier a process is, the more of them share
the cost of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any

from largesse.kit import db

# So many share one transaction at most.
MOST = 32
# So long, in ms, a line waits for what somebody else holds.
LOCK_MS = 500
# The answer to one that cannot share this transaction with the others, but the next.
LATER = object()

# Does some asks together. False: it gives up soon (db.is_locked) where others hold what it needs.
Work = Callable[[Sequence[Any], bool], Awaitable[Sequence[Any]]]
_Waiting = tuple[Any, asyncio.Future[Any]]


class Lines:
    """The lines of one process, by what they are for. Who finds nobody there does not wait."""

    def __init__(self, on: bool) -> None:
        self.on = on
        self._waiting: dict[Hashable, list[_Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self, key: Hashable, ask: Any, work: Work) -> Any:
        """What `work` makes of an ask, alone or together with others for the same key. What goes
        wrong with some of them together is tried again apart, unless it may be done. One that waits
        for what somebody else holds leaves the line, so that nobody has to wait behind it.
        """
        line = self._waiting.get(key)
        if line is not None:
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            line.append((ask, future))
            return await future
        self._waiting[key] = []
        try:
            return (await work([ask], False))[0]
        except Exception as error:
            if not db.is_locked(error):
                raise
        finally:
            self._go_on(key, work)
        return (await work([ask], True))[0]

    def _go_on(self, key: Hashable, work: Work) -> None:
        if self._waiting[key]:
            self._start(self._next(key, work))
        else:
            del self._waiting[key]

    async def _next(self, key: Hashable, work: Work) -> None:
        line = self._waiting[key]
        taken, line[:MOST] = line[:MOST], []
        try:
            line[:0] = await self._together(taken, work)
        finally:
            self._go_on(key, work)

    async def _together(
        self, taken: Sequence[_Waiting], work: Work, patient: bool = False
    ) -> list[_Waiting]:
        """Does some together, and answers those that have to come again."""
        try:
            answers = await work([ask for ask, _ in taken], patient)
        except Exception as error:
            parts = () if patient else _parts(taken, error)
            for part in parts:
                self._start(self._apart(part, work))
            if not parts:
                for _, future in taken:
                    if not future.done():
                        future.set_exception(error)
            return []
        later = []
        for each, answer in zip(taken, answers, strict=True):
            if answer is LATER:
                later.append(each)
            elif not each[1].done():
                each[1].set_result(answer)
        return later

    async def _apart(self, part: Sequence[_Waiting], work: Work) -> None:
        """Does some beside the line."""
        while part:
            part = await self._together(part, work, len(part) == 1)

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _parts(taken: Sequence[_Waiting], error: Exception) -> Sequence[Sequence[_Waiting]]:
    """How those with whom something went wrong are tried again: each alone where one of them waits
    for a lock, else by halves, of which one goes through. None where it is of no use.
    """
    if isinstance(error, db.Uncertain):
        return ()
    if db.is_locked(error):
        return [[each] for each in taken]
    middle = len(taken) // 2
    return [taken[:middle], taken[middle:]] if middle else ()
