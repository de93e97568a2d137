"""The background worker: portions of jobs, what hangs on events, and clearing up."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from largesse.actions import bulk
from largesse.actions import projects as project_actions
from largesse.kit import db, logs, metrics, settings
from largesse.kit.clock import now, now_ms
from largesse.kit.ids import Ids
from largesse.kit.logs import log
from largesse.kit.settings import Settings
from largesse.store import events, jobs, projects
from largesse.store.context import Context

IDLE_SECONDS = 0.2
EVENTS_SECONDS = 1.0
CLEAR_SECONDS = 60.0
EVENTS_PORTION = 5000
PURGE_PORTION = 5000


class Worker:
    """Any number may run at once: what one has in hand, the others pass over."""

    def __init__(self, config: Settings, pool: Any) -> None:
        self.config = config
        self.pool = pool
        self.ids = Ids(now_ms)
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        await asyncio.gather(
            self._every(IDLE_SECONDS, self.jobs_once),
            self._every(EVENTS_SECONDS, self.events_once),
            self._every(CLEAR_SECONDS, self.clear_once),
        )

    async def _every(self, seconds: float, do: Callable[[], Any]) -> None:
        """Does it again at once while there was something to do, else after a pause."""
        while not self.stopping.is_set():
            busy = False
            try:
                busy = await do()
            except Exception as error:
                log.error("background work failed", work=do.__name__, exc_info=error)
            if not busy:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.stopping.wait(), seconds)

    async def jobs_once(self) -> bool:
        """A portion of every queue that has work."""
        busy = False
        for row in await self.pool.fetch(jobs.PROJECTS_WITH_OPEN):
            project = await projects.get(self.pool, row["id"])
            if project is None:
                continue

            def begin(connection: Any, project: Any = project) -> Context:
                return Context(
                    connection,
                    ids=self.ids,
                    now=now(),
                    project=project,
                    principal=None,
                    request_id=self.ids.new("w-"),
                    settings=self.config,
                )

            for queue in await self.pool.fetch(jobs.OPEN_QUEUES, project.id):
                if self.stopping.is_set():
                    return False
                busy |= await bulk.work(self.pool, begin, project.id, queue["queue"])
        return busy

    async def events_once(self) -> bool:
        """A portion of every project's events."""
        busy = False
        for row in await self.pool.fetch(events.PROJECTS_WITH_UNHANDLED):

            async def handle(connection: Any, project_id: str = row["id"]) -> int:
                return await events.handle(connection, project_id, EVENTS_PORTION)

            count = await db.in_transaction(self.pool, handle)
            metrics.EVENTS.inc(count)
            busy |= count == EVENTS_PORTION
        return busy and not self.stopping.is_set()

    async def clear_once(self) -> bool:
        """Old reports, and what deleted projects left."""
        for row in await self.pool.fetch(projects.LIST):
            await self.pool.execute(jobs.DROP_OLD_ROWS, row["id"], now())
        busy = False
        for row in await self.pool.fetch(projects.DELETED):
            busy |= not await project_actions.clear_away(self.pool, row["id"], PURGE_PORTION)
        return busy and not self.stopping.is_set()


async def run(config: Settings, parent_fd: int | None = None) -> None:
    """Works until SIGTERM, or until the parent is gone; what is in hand is finished first."""
    async with await db.open_pool(config.database_url, 4, config.statement_timeout_ms) as pool:
        worker = Worker(config, pool)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stopping.set)
        if parent_fd is not None:

            def orphaned() -> None:
                loop.remove_reader(parent_fd)
                worker.stopping.set()

            loop.add_reader(parent_fd, orphaned)
        log.info("worker started")
        started = time.monotonic()
        await worker.run()
        log.info("worker stopped", seconds=round(time.monotonic() - started, 1))


def main() -> None:
    """`python -m largesse.worker PARENT_FD`, with the settings in the environment."""
    config = settings.load()
    logs.set_up(config.log_level)
    asyncio.run(run(config, int(sys.argv[1]) if len(sys.argv) > 1 else None))


if __name__ == "__main__":
    main()
