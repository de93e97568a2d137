"""Exports: lists as files of CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from largesse.engine import conditions
from largesse.engine.calendar import Clock
from largesse.engine.conditions import JSON, NUMBER, TIME, Conditions
from largesse.kit.db import Db
from largesse.store.conditions import Writer
from largesse.store.exported import Exported
from largesse.store.listing import Listing

SCHEDULED, IN_PROGRESS, DONE, ERROR = "SCHEDULED", "IN_PROGRESS", "DONE", "ERROR"

COLUMNS = "id, exported_object, parameters, status, parts, attempts, created_at, finished_at"
TAKE_SEAT = "INSERT INTO export_seats (project_id, export_id) VALUES ($1, $2)"
INSERT = f"""
INSERT INTO exports (project_id, id, exported_object, parameters, status, created_at)
VALUES ($1, $2, $3, $4, 'SCHEDULED', $5) RETURNING {COLUMNS}
"""
GET = f"SELECT {COLUMNS} FROM exports WHERE project_id = $1 AND id = $2"
DELETE = "DELETE FROM exports WHERE project_id = $1 AND id = $2 RETURNING id"
PROJECTS_WITH_OPEN = """
SELECT id FROM projects
WHERE EXISTS (SELECT 1 FROM export_seats WHERE export_seats.project_id = projects.id)
"""
# The oldest that nobody writes just now.
HOLD_SEAT = """
SELECT export_id FROM export_seats
LEFT JOIN exports ON exports.project_id = $1 AND exports.id = export_seats.export_id
WHERE export_seats.project_id = $1
ORDER BY exports.created_at, export_id LIMIT 1 FOR UPDATE OF export_seats SKIP LOCKED
"""
LEAVE_SEAT = "DELETE FROM export_seats WHERE project_id = $1 AND export_id = $2"
BEGIN = f"""
UPDATE exports SET status = 'IN_PROGRESS', attempts = attempts + 1
WHERE project_id = $1 AND id = $2 AND finished_at IS NULL RETURNING {COLUMNS}
"""
DROP_PARTS = "DELETE FROM export_parts WHERE project_id = $1 AND export_id = $2"
# Into an export that is still there.
ADD_PART = """
INSERT INTO export_parts (project_id, export_id, n, content)
SELECT $1, id, $3, $4 FROM exports WHERE project_id = $1 AND id = $2
"""
FINISH = """
UPDATE exports SET status = $3, parts = $4, finished_at = $5 WHERE project_id = $1 AND id = $2
"""
PART = "SELECT content FROM export_parts WHERE project_id = $1 AND export_id = $2 AND n = $3"
# Whoever is forgotten may be in any of them.
FORGET = """
DELETE FROM exports WHERE project_id = $1
    AND exported_object IN ('customer', 'order', 'redemption', 'voucher')
"""
DROP_OLD = """
DELETE FROM exports WHERE project_id = $1 AND finished_at < $2
"""

LISTING = Listing(
    "exports",
    COLUMNS,
    filters={},
    orders={"created_at": "created_at", "status": "status"},
    default="-created_at",
)


class Query(msgspec.Struct, frozen=True):
    """An export as a query whose rows are its lines, with its arguments."""

    header: list[str]
    statement: str
    arguments: list[Any]


def query(
    exported: Exported,
    project_id: str,
    fields: Sequence[str],
    order: str,
    given: Conditions,
    clock: Clock,
    locations: Mapping[str, Any],
) -> Query:
    """The lines of an export in their order. `fields` are known ones, or `metadata.key`."""
    arguments: list[Any] = [project_id]

    def hole(value: Any) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    def member(segment_id: str) -> str:
        return (
            "EXISTS (SELECT 1 FROM segment_customers WHERE segment_customers.project_id = $1 "
            f"AND segment_id = {hole(segment_id)}::text AND customer_id = customers.id)"
        )

    writer = Writer(hole, exported.column_of, clock, locations=locations, segments=member)
    header, columns = [], []
    for name in fields:
        field = exported.fields.get(name)
        if field is not None:
            header.append(field.label)
            columns.append(_written(field.kind, field.expression))
        elif name == "metadata":
            header.append("Metadata")
            columns.append(_safe(f"{exported.table}.metadata::text"))
        else:
            header.append(name)
            columns.append(_written(JSON, exported.column_of(name, hole)))
    name = order.removeprefix("-")
    # With its table: a name alone would be the column of the file, which is text.
    column = f"{exported.table}.{name}"
    direction = "DESC NULLS LAST" if order.startswith("-") else "ASC NULLS FIRST"
    ties = "DESC" if order.startswith("-") else "ASC"
    statement = (
        f"SELECT {', '.join(columns)} FROM {exported.table} WHERE project_id = $1 "
        f"AND {exported.only} AND {writer.condition(given)} "
        f"ORDER BY {column} {direction}, id {ties}"
    )
    return Query(header, statement, arguments)


def _written(kind: str, expression: str) -> str:
    """A field as the text of a cell."""
    if kind == TIME:
        form = '\'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\''
        return f"to_char({expression} AT TIME ZONE 'UTC', {form})"
    if kind == NUMBER:
        return f"({expression})::text"
    if kind == JSON:
        # An array as in an import: its values, parted by commas.
        text = (
            f"CASE jsonb_typeof({expression}) WHEN 'array' THEN "
            f"(SELECT string_agg(value #>> '{{}}', ',') FROM jsonb_array_elements({expression})) "
            f"ELSE {expression} #>> '{{}}' END"
        )
        return (
            f"CASE jsonb_typeof({expression}) WHEN 'number' THEN {expression} #>> '{{}}' "
            f"ELSE {_safe(text)} END"
        )
    return _safe(f"({expression})::text")


def _safe(text: str) -> str:
    """A cell that begins like a formula gets an apostrophe, as `kit.csv.safe` has it."""
    return f"regexp_replace({text}, E'^([=+@\\t\\r-])', '''\\1')"


def read_filters(exported: Exported, given: Mapping[str, Any] | None) -> Conditions:
    """An export's filters. Raises FilterError."""
    return conditions.read(given or {}, exported.kind_of, ".parameters.filters")


async def finish(
    db: Db, project_id: str, export_id: str, status: str, parts: int, now: datetime
) -> None:
    await db.execute(FINISH, project_id, export_id, status, parts, now)
