"""Statements that follow from a Struct: its fields are the table's columns, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from largesse.kit.db import Db, Row

S = TypeVar("S", bound=msgspec.Struct)


def holes(count: int, start: int = 1) -> str:
    """`$1, $2, ...`: the places of `count` parameters."""
    return ", ".join(f"${number}" for number in range(start, start + count))


class Table(Generic[S]):
    """A table whose rows are `struct`; `project_id` leads its key and is no field of the Struct.

    A Struct's `None` is the column's null.
    """

    def __init__(self, name: str, struct: type[S], key: str = "id") -> None:
        self.name = name
        self.struct = struct
        self.key = key
        self.columns = ", ".join(struct.__struct_fields__)
        places = holes(len(struct.__struct_fields__), 2)
        self.INSERT = f"INSERT INTO {name} (project_id, {self.columns}) VALUES ($1, {places})"
        self.GET = f"SELECT {self.columns} FROM {name} WHERE project_id = $1 AND {key} = $2"

    def arguments(self, row: S) -> tuple[Any, ...]:
        return tuple(getattr(row, name) for name in self.struct.__struct_fields__)

    def of(self, record: Any) -> S:
        """A record that begins with the table's columns, as its Struct."""
        return self.struct(**dict(record))


class Changes:
    """An update of a table's row: the columns that it writes, beside the metadata, which is merged,
    and the time of the change.
    """

    def __init__(self, table: Table[Any], names: Sequence[str]) -> None:
        self.names = names
        columns = ", ".join(f"{name} = ${n}" for n, name in enumerate(names, 6))
        self.UPDATE = (
            f"UPDATE {table.name} SET metadata = (metadata - $3::text[]) || $4::jsonb, "
            f"updated_at = $5, {columns} "
            f"WHERE project_id = $1 AND {table.key} = $2 RETURNING {table.columns}"
        )

    async def write(
        self,
        db: Db,
        project_id: str,
        key: str,
        values: Mapping[str, Any],
        metadata: tuple[str, Sequence[str]],
        now: datetime,
    ) -> Row:
        """Writes all of the columns of a row that is held; `metadata` is what to merge in, and the
        keys that go before.
        """
        merged, removed = metadata
        written = (values[name] for name in self.names)
        row = await db.fetchrow(self.UPDATE, project_id, key, list(removed), merged, now, *written)
        assert row is not None
        return row
