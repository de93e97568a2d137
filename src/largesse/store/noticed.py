"""What is noticed off the answering path: events of requests that change nothing, written a little
later and many at once. A crash loses at most a second of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from largesse.kit import db
from largesse.store import customers, events
from largesse.store.events import Event

# Past this, more is noticed than can be written, and the newest are let go.
MOST = 100_000

Row = tuple[str, Event, str, datetime]


class Noticed:
    """Events of all projects that wait to be written."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Row]] = {}
        self._count = 0

    def add(self, project_id: str, row: Row) -> None:
        """Notices an event: (id, event, group id, time)."""
        if self._count < MOST:
            self._waiting.setdefault(project_id, []).append(row)
            self._count += 1

    async def write(self, pool: Any) -> None:
        """Writes what waits. Nothing is told of customers who are gone by now."""
        waiting, self._waiting, self._count = self._waiting, {}, 0
        for project_id, rows in waiting.items():

            async def work(connection: Any, of: str = project_id, all_: list[Row] = rows) -> None:
                await _write(connection, of, all_)

            await db.in_transaction(pool, work)


async def _write(connection: Any, project_id: str, rows: list[Row]) -> None:
    """Writes the rows of customers who are still there; what is counted is counted for all."""
    named = {event.customer_id for _, event, *_ in rows if event.customer_id}
    found = await connection.fetch(customers.IDS, project_id, sorted(named)) if named else []
    living = {row["id"] for row in found}
    await events.fold(connection, project_id, [event for _, event, *_ in rows])
    told = [
        (id_, msgspec.structs.replace(event, counted=()), group_id, at)
        for id_, event, group_id, at in rows
        if event.customer_id in living
    ]
    await events.record(connection, project_id, told, handled=True)
