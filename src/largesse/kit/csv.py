"""CSV in and out: what comes is read as text, what leaves opens safely in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from largesse.kit.errors import InvalidPayload

# A cell that begins with one of these is a formula to a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def read(content: bytes) -> tuple[list[str], Iterator[list[str]]]:
    """The header and the rows, without those that are empty. Raises InvalidPayload."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidPayload(f"The file is not valid UTF-8 (byte {error.start})") from None
    rows = csv.reader(io.StringIO(text, newline=""))
    try:
        header = [name.strip() for name in next(rows, [])]
    except csv.Error as error:
        raise InvalidPayload(f"The file is not valid CSV: {error}") from None
    if not any(header):
        raise InvalidPayload("The file has no header")
    return header, (row for row in _checked(rows) if row)


def _checked(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    number = 0
    while True:
        number += 1
        try:
            yield next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise InvalidPayload(f"The file is not valid CSV in row {number}: {error}") from None


def lines(rows: Iterable[Iterable[object]], end: str = "\r\n") -> bytes:
    """Rows as CSV, each cell made safe."""
    out = io.StringIO(newline="")
    # The writer puts in quotation marks what holds a character of the end that it knows, so that
    # has to be both of them.
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows:
        writer.writerow([safe(cell) for cell in row])
        out.seek(out.tell() - 2)
        out.truncate()
        out.write(end)
    return out.getvalue().encode()


def plain(cell: str) -> str:
    """A cell without the apostrophe that `safe` gave it."""
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_FORMULA) else cell


def safe(cell: object) -> str:
    """A cell as text; a leading apostrophe keeps what looks like a formula from being one."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    text = str(cell)
    return f"'{text}" if text.startswith(_FORMULA) and not isinstance(cell, (int, float)) else text
