"""The background worker: portions of jobs, what hangs on events, and clearing up."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from largesse.actions import bulk, exports, segments
from largesse.actions import projects as project_actions
from largesse.kit import db, logs, metrics, settings
from largesse.kit.clock import now, now_ms
from largesse.kit.ids import Ids
from largesse.kit.logs import log
from largesse.kit.settings import Settings
from largesse.store import counters, events, jobs, kept_answers, projects, sessions
from largesse.store import exports as export_store
from largesse.store import segments as segment_store
from largesse.store.context import Context

JOBS_SECONDS = 0.2
EVENTS_SECONDS = 1.0
SEGMENTS_SECONDS = 0.5
EXPORTS_SECONDS = 0.5
PURGE_SECONDS = 5.0
REPORTS_SECONDS = 600.0
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
            self._every(JOBS_SECONDS, self.jobs_once),
            self._every(SEGMENTS_SECONDS, self.segments_once),
            self._every(EXPORTS_SECONDS, self.exports_once),
            self._every(EVENTS_SECONDS, self.events_once),
            self._every(PURGE_SECONDS, self.purge_once),
            self._every(REPORTS_SECONDS, self.reports_once),
        )

    async def _every(self, seconds: float, do: Callable[[], Any]) -> None:
        """Does it again at once while there was something to do, else after a pause."""
        while not self.stopping.is_set():
            busy = await self._guarded(do.__name__, "", do())
            if not busy:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.stopping.wait(), seconds)

    async def _guarded(self, work: str, project_id: str, doing: Awaitable[bool]) -> bool:
        """What goes wrong is logged, and keeps nothing else from its turn."""
        try:
            return await doing
        except Exception as error:
            if db.away(error):
                log.warning("database away", work=work)
            else:
                log.error("background work failed", work=work, project=project_id, exc_info=error)
            return False

    async def _each(
        self, statement: str, work: str, do: Callable[[str], Awaitable[bool]], *arguments: Any
    ) -> bool:
        """Does it for every project that the statement names; whether any has more to do."""
        busy = False
        for row in await self.pool.fetch(statement, *arguments):
            if self.stopping.is_set():
                return False
            busy |= await self._guarded(work, row["id"], do(row["id"]))
        return busy

    async def jobs_once(self) -> bool:
        """A portion of every queue that has work."""
        return await self._each(jobs.PROJECTS_WITH_OPEN, "jobs", self._jobs)

    async def _begin(self, project_id: str) -> Callable[[Any], Context] | None:
        """What makes contexts for work in a project; None where the project is deleted."""
        project = await projects.get(self.pool, project_id)

        def begin(connection: Any) -> Context:
            return Context(
                connection,
                ids=self.ids,
                now=now(),
                project=project,
                principal=None,
                request_id=self.ids.new("w-"),
                settings=self.config,
            )

        return None if project is None else begin

    async def _jobs(self, project_id: str) -> bool:
        begin = await self._begin(project_id)
        busy = False
        if begin is None:
            return busy
        for queue in await self.pool.fetch(jobs.OPEN_QUEUES, project_id):
            busy |= await bulk.work(self.pool, begin, project_id, queue["queue"])
        return busy

    async def segments_once(self) -> bool:
        """A portion of the customers, for a segment of every project that has one due."""

        async def sync(project_id: str) -> bool:
            begin = await self._begin(project_id)
            return begin is not None and await segments.sync(self.pool, begin, project_id)

        return await self._each(segment_store.PROJECTS_WITH_DUE, "segments", sync, now())

    async def exports_once(self) -> bool:
        """An export of every project that waits for one."""

        async def write(project_id: str) -> bool:
            begin = await self._begin(project_id)
            return begin is not None and await exports.work(self.pool, begin, project_id)

        return await self._each(export_store.PROJECTS_WITH_OPEN, "exports", write)

    async def events_once(self) -> bool:
        """A portion of every project's events."""
        return await self._each(events.PROJECTS_WITH_UNHANDLED, "events", self._events)

    async def _events(self, project_id: str) -> bool:
        async def handle(connection: Any) -> int:
            return await events.handle(connection, project_id, EVENTS_PORTION)

        count = await db.in_transaction(self.pool, handle)
        metrics.EVENTS.inc(count)
        return count == EVENTS_PORTION

    async def purge_once(self) -> bool:
        """What deleted projects left."""

        async def purge(project_id: str) -> bool:
            done = await project_actions.clear_away(self.pool, project_id, PURGE_PORTION, now())
            return not done

        return await self._each(projects.DELETED, "purge", purge)

    async def reports_once(self) -> bool:
        """Reports, exports, sessions, counters and kept answers past their time."""

        async def drop(project_id: str) -> bool:
            await self.pool.execute(jobs.DROP_OLD_ROWS, project_id, now())
            oldest = now() - timedelta(days=self.config.report_days)
            await self.pool.execute(export_store.DROP_OLD, project_id, oldest)
            await self.pool.execute(sessions.DROP_EXPIRED, project_id, now())
            answered = now() - timedelta(seconds=self.config.idempotency_seconds)
            dropped = [
                await self.pool.execute(statement, project_id, oldest, PURGE_PORTION)
                for statement, oldest in (
                    (kept_answers.DROP_OLD, answered),
                    (counters.DROP_OLD, now()),
                )
            ]
            return f"DELETE {PURGE_PORTION}" in dropped

        return await self._each(projects.LIST, "reports", drop)


async def run(config: Settings, parent_fd: int | None = None) -> None:
    """Works until SIGTERM, or until the parent is gone; what is in hand is finished first."""
    async with await db.open_pool(config.database_url, 6, config.statement_timeout_ms) as pool:
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
