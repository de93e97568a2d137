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


class _Reference(msgspec.Struct):
    source_id: Annotated[str, Meta(min_length=1, max_length=255)]


_reference = wire.Reader(_Reference)


def bulk_rows(objects: Sequence[msgspec.Raw]) -> Iterator[NewRow]:
    """Rows of a job, an object each, made as they are taken. Raises InvalidPayload for the first
    that has no source id, naming its place.
    """
    return (_row(place, text) for place, text in enumerate(map(bytes, objects)))


def _row(place: int, text: bytes) -> NewRow:
    try:
        reference: _Reference = _reference.json(text)
    except InvalidPayload as problem:
        raise wire.at_place(problem, place) from None
    return NewRow(reference.source_id, input=text.decode())
