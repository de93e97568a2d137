"""Metadata as it comes in: read as a patch, and held against the schema of what it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from largesse.engine import metadata as rules
from largesse.engine import schemas
from largesse.kit import wire
from largesse.kit.errors import InvalidPayload, MetadataInvalid
from largesse.store.definitions import Definitions


def patch(given: Mapping[str, Any] | None, path: str = ".metadata") -> tuple[str, tuple[str, ...]]:
    """JSON to merge in, and the keys to remove. Raises InvalidPayload for what cannot be kept."""
    if not given:
        return "{}", ()
    if found := rules.flaw(given, path):
        raise InvalidPayload(found)
    kept, gone = rules.patch(given)
    return wire.encode(kept).decode(), tuple(gone)


def check(known: Definitions, noun: str, given: Mapping[str, Any] | None, *, whole: bool) -> None:
    """Raises MetadataInvalid for metadata that its schema does not allow. `whole` is for a new
    object, which has to have what is required; of one that exists only the keys sent are judged.
    """
    schema = known.schemas.get(noun)
    if schema is None:
        return
    details = schemas.violations(schema, known.schemas, given or {}, whole=whole)
    if details is not None:
        raise MetadataInvalid(details)
