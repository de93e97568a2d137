"""Lists: filters, orders, cursors and paging, declared once per noun and turned into statements."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol, runtime_checkable

import msgspec

from largesse.kit import db
from largesse.kit.db import Db, Row
from largesse.kit.errors import InvalidQueryParams
from largesse.store.filters import Field, Filters

# Up to here a total is counted; past it, it is known from events, or estimated.
COUNTED = 10_000


class Page(msgspec.Struct, frozen=True):
    rows: list[Row]
    has_more: bool


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a list is asked for. `after` is a value of the column that leads the order."""

    limit: int = 10
    page: int | None = None
    order: str = ""
    after: Any = None
    after_id: str | None = None


@runtime_checkable
class Narrowing(Protocol):
    """A condition of its own, whose values `hole` places among the arguments."""

    def condition(self, hole: Callable[[Any], str]) -> str | None: ...


class Listing:
    """A list over one table.

    `filters` maps a name to a condition with one `{}` for its value, `fields` are those that the
    filter language may speak of. `orders` maps an order's name to its column; a leading `-` turns
    it round, and the id settles ties. `only` is a condition that all rows of the list meet, and
    `by_instant` is for a list whose next page is asked for with the `cursor` column's value, an
    instant, and not with an id. Of the `full` columns none is ever empty, and their indexes do not
    say where such rows would stand. `seen_by` are the columns by which an `only` looks at other
    tables: a total asks it once for all rows that share them. `planned` are filters of joined
    tables; a plan kept from when those were all but empty would go on comparing all with all.
    """

    def __init__(
        self,
        table: str,
        columns: str,
        *,
        filters: Mapping[str, str],
        orders: Mapping[str, str],
        default: str,
        fields: Mapping[str, Field] | None = None,
        key: str = "id",
        cursor: str = "created_at",
        by_instant: bool = False,
        only: str | None = None,
        seen_by: Collection[str] = (),
        planned: Collection[str] = (),
        full: Collection[str] = (),
    ) -> None:
        self.table = table
        self.columns = columns
        self.filters = filters
        self.orders = orders
        self.default = default
        self.fields = fields or {}
        self.key = key
        self.cursor = cursor
        self.by_instant = by_instant
        self.only = only
        self.seen_by = seen_by
        self.planned = planned
        self.full = full

    def where(self, values: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
        """Conditions and their arguments; `$1` is the project's. A value may be a Narrowing."""
        conditions, arguments = self._asked(values)
        return [*conditions, *([self.only] if self.only else [])], arguments

    def _asked(self, values: Mapping[str, Any]) -> tuple[list[str], list[Any]]:
        conditions: list[str] = ["project_id = $1"]
        arguments: list[Any] = []

        def hole(value: Any) -> str:
            arguments.append(value)
            return f"${len(arguments) + 1}"

        for name, value in values.items():
            if isinstance(value, Narrowing):
                if condition := value.condition(hole):
                    conditions.append(condition)
            elif value is not None:
                conditions.append(self.filters[name].format(hole(value)))
        return conditions, arguments

    def read(self, given: Mapping[str, Any] | None, now: Any) -> Filters | None:
        """The query's `filters`. Raises InvalidQueryParams for an unknown field or operator."""
        return Filters(given, self.fields, now) if given else None

    def statement(self, values: Mapping[str, Any], window: Window) -> tuple[str, list[Any]]:
        """The statement of a page, one row longer than asked, and its arguments but the first.

        Raises InvalidQueryParams for an unknown order, or a cursor with an order it cannot follow.
        """
        name = window.order or self.default
        column = self.orders.get(name.removeprefix("-"))
        if column is None:
            allowed = ", ".join(f"{order}, -{order}" for order in self.orders)
            raise InvalidQueryParams(
                f"Property .order should be equal to one of the allowed values: {allowed}"
            )
        descending = name.startswith("-")
        beyond, direction = ("<", "DESC") if descending else (">", "ASC")
        conditions, arguments = self.where(values)
        if window.after is not None:
            self._only(column, self.cursor)
            arguments.append(window.after)
            conditions.append(f"{column} {beyond} ${len(arguments) + 1}")
        if window.after_id is not None:
            self._only(column, self.cursor, self.key)
            arguments.append(window.after_id)
            conditions.append(self._beyond(column, beyond, len(arguments) + 1))
        ordering = f"{column} {direction}"
        if column != self.key:
            # An empty column sorts as the oldest, in either direction.
            nulls = " NULLS LAST" if descending else " NULLS FIRST"
            nulls = "" if column in self.full else nulls
            ordering = f"{column} {direction}{nulls}, {self.key} {direction}"
        arguments += [window.limit + 1, ((window.page or 1) - 1) * window.limit]
        count = len(arguments)
        return (
            f"SELECT {self.columns} FROM {self.table} "
            f"WHERE {' AND '.join(conditions)} ORDER BY {ordering} "
            f"LIMIT ${count} OFFSET ${count + 1}"
        ), arguments

    def _beyond(self, column: str, beyond: str, place: int) -> str:
        if column == self.key:
            return f"{self.key} {beyond} ${place}"
        return (
            f"({column}, {self.key}) {beyond} (SELECT {column}, {self.key} FROM {self.table} "
            f"WHERE project_id = $1 AND {self.key} = ${place})"
        )

    def _only(self, column: str, *allowed: str) -> None:
        if column not in allowed:
            raise InvalidQueryParams(
                f"A cursor can only be used with the order {self.cursor} or -{self.cursor}"
            )

    async def page(
        self, db: Db, project_id: str, values: Mapping[str, Any], window: Window
    ) -> Page:
        statement, arguments = self.statement(values, window)
        async with self._reading(db, values) as reader:
            rows = await reader.fetch(statement, project_id, *arguments)
            page = Page(rows[: window.limit], len(rows) > window.limit)
            if page.has_more and self._goes_on_by_instant(window):
                return await self._whole(reader, project_id, values, window, rows)
            return page

    def _reading(self, pool: Db, values: Mapping[str, Any]) -> Any:
        """What reads for some filters."""
        if any(values.get(name) is not None for name in self.planned):
            return db.planning(pool)
        return contextlib.nullcontext(pool)

    def _goes_on_by_instant(self, window: Window) -> bool:
        """Whether the next page may be asked for with the instant of this one's last row."""
        name = (window.order or self.default).removeprefix("-")
        if self.orders[name] != self.cursor or window.after_id is not None:
            return False
        return window.after is not None or (self.by_instant and window.page is None)

    async def _whole(
        self,
        db: Db,
        project_id: str,
        values: Mapping[str, Any],
        window: Window,
        rows: list[Row],
    ) -> Page:
        """A page that ends between two instants: rows that share the last one's would be lost to
        whoever goes on from it. Where all rows share one, the page holds all who do.
        """
        last = rows[window.limit][self.cursor]
        kept = rows[: window.limit]
        while kept and kept[-1][self.cursor] == last:
            kept.pop()
        if kept:
            return Page(kept, True)
        conditions, arguments = self.where(values)
        arguments.append(last)
        direction = "DESC" if (window.order or self.default).startswith("-") else "ASC"
        statement = (
            f"SELECT {self.columns} FROM {self.table} "
            f"WHERE {' AND '.join(conditions)} AND {self.cursor} = ${len(arguments) + 1} "
            f"ORDER BY {self.key} {direction}"
        )
        return Page(await db.fetch(statement, project_id, *arguments), True)

    async def count(self, db: Db, project_id: str, values: Mapping[str, Any]) -> int:
        """How many rows match."""
        conditions, arguments = self.where(values)
        statement = f"SELECT count(*) FROM {self.table} WHERE {' AND '.join(conditions)}"
        found: int = await db.fetchval(statement, project_id, *arguments)
        return found

    async def _counted(
        self, db: Db, project_id: str, values: Mapping[str, Any]
    ) -> tuple[int, bool]:
        """How many of the first 10,000 rows match, and whether there may be more."""
        conditions, arguments = self._asked(values) if self.seen_by else self.where(values)
        columns = ", ".join(("project_id", *self.seen_by))
        rows = (
            f"(SELECT {columns} FROM {self.table} WHERE {' AND '.join(conditions)} "
            f"LIMIT {COUNTED + 1}) AS first"
        )
        if self.seen_by:
            statement = (
                f"SELECT coalesce(sum(n) FILTER (WHERE {self.only}), 0)::bigint AS shown, "
                "coalesce(sum(n), 0)::bigint AS found "
                f"FROM (SELECT {columns}, count(*) AS n FROM {rows} GROUP BY {columns}) "
                f"AS {self.table}"
            )
        else:
            statement = f"SELECT count(*) AS shown, count(*) AS found FROM {rows}"
        async with self._reading(db, values) as reader:
            row = await reader.fetchrow(statement, project_id, *arguments)
        return row["shown"], row["found"] > COUNTED

    async def total(
        self,
        database: Db,
        project_id: str,
        values: Mapping[str, Any],
        *,
        whole: str,
        budget_ms: int,
    ) -> int:
        """Exact up to 10,000 matching rows. Past that: unfiltered by the statement `whole`, which
        is exact too; filtered, counted within a time budget, then the planner's estimate.
        """
        filtered = any(value is not None for value in values.values())
        if not filtered:
            known: int = await database.fetchval(whole, project_id)
            if known > COUNTED:
                return known
        counted, more = await self._counted(database, project_id, values)
        if not (more and filtered):
            return counted
        conditions, arguments = self.where(values)
        matching = f"FROM {self.table} WHERE {' AND '.join(conditions)}"
        expected = await db.count_within(database, matching, [project_id, *arguments], budget_ms)
        return max(expected, counted)
