"""Requests for one hot thing, done together: while one is worked on, those that come for the same
wait in a line, and the next transaction takes the whole line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any

from largesse.kit.db import Uncertain

# So many wait for one transaction at most.
MOST = 64

Work = Callable[[Sequence[Any]], Awaitable[Sequence[Any]]]


class Lines:
    """The lines of one process, by what they wait for. Who finds nobody there does not wait."""

    def __init__(self, on: bool) -> None:
        self.on = on
        self._waiting: dict[Hashable, list[tuple[Any, asyncio.Future[Any]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self, key: Hashable, ask: Any, work: Work) -> Any:
        """What `work` makes of an ask, alone or together with others for the same key. What goes
        wrong with some of them together is tried again with each alone, unless it may be done.
        """
        line = self._waiting.get(key)
        if line is not None:
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            line.append((ask, future))
            return await future
        self._waiting[key] = []
        try:
            return (await work([ask]))[0]
        finally:
            self._go_on(key, work)

    def _go_on(self, key: Hashable, work: Work) -> None:
        if not self._waiting[key]:
            del self._waiting[key]
            return
        task = asyncio.create_task(self._next(key, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _next(self, key: Hashable, work: Work) -> None:
        line = self._waiting[key]
        taken, line[:MOST] = line[:MOST], []
        try:
            await self._together(taken, work)
        finally:
            self._go_on(key, work)

    async def _together(self, taken: Sequence[tuple[Any, asyncio.Future[Any]]], work: Work) -> None:
        try:
            answers = await work([ask for ask, _ in taken])
        except Exception as error:
            if len(taken) > 1 and not isinstance(error, Uncertain):
                for each in taken:
                    await self._together([each], work)
                return
            for _, future in taken:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(taken, answers, strict=True):
            if not future.done():
                future.set_result(answer)
