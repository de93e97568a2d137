"""Statements that follow from a Struct: its fields are the table's columns, in order."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

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
