"""The parts of lists and of bulk bodies that all nouns share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from largesse.kit import wire
from largesse.kit.errors import InvalidPayload
from largesse.store.jobs import NewRow

Limit = Annotated[int, Meta(ge=1, le=100)]
PageNumber = Annotated[int, Meta(ge=1, le=1000)]


class Query(msgspec.Struct, kw_only=True):
    """How many (1 to 100), and in which order."""

    limit: Limit = 10
    order: str | None = None


_Name = Annotated[str, Meta(min_length=1, max_length=255)]
_NAMED_BY = {
    name: wire.Reader(msgspec.defstruct("Reference", [(name, _Name)]))
    for name in ("source_id", "code")
}


def bulk_rows(objects: Sequence[msgspec.Raw], named_by: str = "source_id") -> Iterator[NewRow]:
    """Rows of a job, an object each, made as they are taken. Raises InvalidPayload for the first
    that lacks the member by which it is named, telling its place.
    """
    reader = _NAMED_BY[named_by]
    return (_row(reader, named_by, at, text) for at, text in enumerate(map(bytes, objects)))


def _row(reader: wire.Reader, named_by: str, place: int, text: bytes) -> NewRow:
    try:
        reference = getattr(reader.json(text), named_by)
    except InvalidPayload as problem:
        raise wire.at_place(problem, place) from None
    return NewRow(reference, input=text.decode())
