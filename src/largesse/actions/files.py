"""Files of CSV as the rows of a job, which are made as they are taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal

import msgspec

from largesse.engine.conditions import number_of
from largesse.engine.orders import MOST_AMOUNT
from largesse.kit import csv
from largesse.kit.errors import InvalidPayload
from largesse.store.jobs import NewRow


class FileRow(msgspec.Struct):
    """One row of a file: cells by column, an empty cell as null; all other columns as metadata."""

    cells: dict[str, str | None]
    metadata: dict[str, str]


class File(msgspec.Struct):
    """A file as a job's rows: the columns that it has, the keys of its metadata."""

    columns: list[str]
    keys: list[str]
    count: int
    rows: Iterable[NewRow]


# Why a row cannot be used; None where it can.
Flaw = Callable[[FileRow], str | None]


def required(*columns: str) -> Flaw:
    """The flaw of a row that lacks one of its columns."""

    def flaw(row: FileRow) -> str | None:
        missing = (column for column in columns if not row.cells.get(column))
        return next((f"The row has no {column}" for column in missing), None)

    return flaw


def read(content: bytes, columns: Mapping[str, str], named_by: str, flaw: Flaw) -> File:
    """A file whose header has the words for columns in any case; any other column is metadata.
    `named_by` is the column that tells what a row is about. Raises InvalidPayload for what is no
    such file.
    """
    header, rows = csv.read(content)
    names = [_column(name, columns) for name in header]
    known = [column for column, _ in names if column]
    if len(set(names)) < len(names) or len(set(known)) < len(known):
        raise InvalidPayload("The header names a column twice")
    if any("\x00" in name for name in header):
        raise InvalidPayload("The header contains the null character")
    # Read once to count and to find what is no CSV, and again row by row: a file as a list of its
    # cells would take many times its size.
    count = sum(1 for _ in rows)
    made = (_row(names, row, named_by, flaw) for row in csv.read(content)[1])
    return File(known, [key for column, key in names if not column and key], count, made)


def check(file: File, *columns: str) -> File:
    """The file, if it has these columns. Raises InvalidPayload."""
    for column in columns:
        if column not in file.columns:
            raise InvalidPayload(f"The header should have a column '{column}'")
    return file


def _column(name: str, columns: Mapping[str, str]) -> tuple[str, str]:
    """A header as (column, "") or, for metadata, ("", key)."""
    plain = name.lower().replace(" ", "_").replace("-", "_")
    column = columns.get(plain)
    return (column, "") if column else ("", name.removeprefix("metadata."))


def _row(names: list[tuple[str, str]], row: list[str], named_by: str, flaw: Flaw) -> NewRow:
    given = FileRow({}, {})
    for (column, key), cell in zip(names, row, strict=False):
        if column:
            given.cells[column] = csv.plain(cell) or None
        elif key:
            given.metadata[key] = csv.plain(cell)
    name = given.cells.get(named_by)
    reference = None if name is None else name[:255].replace("\x00", "")
    if len(row) != len(names):
        error: str | None = f"The row has {len(row)} cells, the header {len(names)}"
    elif any("\x00" in cell for cell in row):
        error = "A cell contains the null character"
    elif name is not None and len(name) > 255:
        error = f"Property .{named_by} should NOT be longer than 255 characters"
    else:
        error = flaw(given)
    id_ = given.cells.get("id")
    object_id = id_ if id_ and id_.isascii() and id_.isprintable() and len(id_) < 64 else None
    if error is not None:
        return NewRow(reference, object_id, error=error)
    return NewRow(reference, object_id, msgspec.json.encode(given).decode())


def filled(cells: Mapping[str, str]) -> dict[str, str]:
    """The cells that are not empty."""
    return {key: cell for key, cell in cells.items() if cell}


def money(cell: str | None, column: str) -> int | None:
    """An amount in minor units; files have major ones, so that `14.5` is 1450."""
    number = decimal(cell, column)
    return None if number is None else int((number * 100).quantize(Decimal(1), ROUND_HALF_UP))


def whole(cell: str | None, column: str) -> int | None:
    """A whole number. Raises InvalidPayload."""
    number = decimal(cell, column)
    if number is not None and number != int(number):
        raise InvalidPayload(f"Property .{column} should be integer")
    return None if number is None else int(number)


def decimal(cell: str | None, column: str) -> Decimal | None:
    """A number. Raises InvalidPayload."""
    if not cell:
        return None
    number = number_of(cell.strip())
    if number is None or abs(number) > MOST_AMOUNT:
        raise InvalidPayload(f"Property .{column} should be number")
    return number


def flag(cell: str | None, column: str) -> bool | None:
    """`true` or `false`, in any case. Raises InvalidPayload."""
    if not cell:
        return None
    if cell.strip().lower() not in ("true", "false"):
        raise InvalidPayload(f"Property .{column} should be boolean")
    return cell.strip().lower() == "true"


def short(cell: str | None, column: str, limit: int = 255) -> str | None:
    """A text of at most so many characters. Raises InvalidPayload."""
    if cell is not None and len(cell) > limit:
        raise InvalidPayload(f"Property .{column} should NOT be longer than {limit} characters")
    return cell
