"""The Context: everything that one request or one portion of a job may touch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from largesse.kit.auth import Principal
from largesse.kit.db import Db
from largesse.kit.ids import Ids
from largesse.kit.settings import Settings
from largesse.store import events
from largesse.store.events import Event
from largesse.store.noticed import Noticed
from largesse.store.projects import Project


class Context:
    """`db` is a connection in the open transaction, or for reads the pool. `now` is one instant
    for the whole request, in UTC and whole milliseconds. `project` is None where an operation
    belongs to none; `request_id` names the request in events and errors.
    """

    __slots__ = ("_ids", "_noticed", "_project", "db", "now", "principal", "request_id", "settings")

    def __init__(
        self,
        db: Any,
        *,
        ids: Ids,
        now: datetime,
        project: Project | None,
        principal: Principal | None,
        request_id: str,
        settings: Settings,
        noticed: Noticed | None = None,
    ) -> None:
        self.db: Db = db
        self.now = now
        self._project = project
        self.principal = principal
        self.request_id = request_id
        self.settings = settings
        self._ids = ids
        self._noticed = noticed

    @property
    def project(self) -> Project:
        assert self._project is not None
        return self._project

    @property
    def project_id(self) -> str:
        return self.project.id

    def new_id(self, prefix: str) -> str:
        return self._ids.new(prefix)

    def noise(self, count: int) -> bytes:
        """So many bytes that nobody can foretell."""
        return self._ids.noise(count)

    async def emit(self, events_: Sequence[Event], *, handled: bool = False) -> None:
        """Writes events in this transaction; what hangs on them is done after it commits, unless
        that is no more than counting and is done at once (`handled`), for many.
        """
        rows = [
            (self._ids.new(event.prefix), event, self.request_id, self.now) for event in events_
        ]
        await events.record(self.db, self.project_id, rows, handled=handled)

    def notice(self, event: Event) -> None:
        """Leaves an event to be written a little later, for a request that changes nothing."""
        if self._noticed is not None:
            row = (self._ids.new(event.prefix), event, self.request_id, self.now)
            self._noticed.add(self.project_id, row)
