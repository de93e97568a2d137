"""Metadata schemas and the schemas of custom events. Every change of one ends with a `bump` of the
project's definitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from largesse.engine.schemas import Definition
from largesse.kit.db import Db, Row

METADATA_ROW = "id, related_object, properties, allow_defined_only, created_at, updated_at"
INSERT_METADATA = f"""
INSERT INTO metadata_schemas (project_id, id, related_object, properties, allow_defined_only,
    created_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (project_id, related_object) DO NOTHING RETURNING {METADATA_ROW}
"""
GET_METADATA = f"SELECT {METADATA_ROW} FROM metadata_schemas WHERE project_id = $1 AND id = $2"
GET_METADATA_OF = f"""
SELECT {METADATA_ROW} FROM metadata_schemas WHERE project_id = $1 AND related_object = $2
"""
LOCK_METADATA = f"{GET_METADATA} FOR UPDATE"
LIST_METADATA = f"""
SELECT {METADATA_ROW} FROM metadata_schemas WHERE project_id = $1
ORDER BY related_object COLLATE "C"
"""
UPDATE_METADATA = f"""
UPDATE metadata_schemas SET properties = $3, allow_defined_only = $4, updated_at = $5
WHERE project_id = $1 AND id = $2 RETURNING {METADATA_ROW}
"""
DELETE_METADATA = "DELETE FROM metadata_schemas WHERE project_id = $1 AND id = $2 RETURNING id"

EVENT_ROW = "id, name, properties, created_at, updated_at"
INSERT_EVENT = f"""
INSERT INTO event_schemas (project_id, id, name, properties, created_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (project_id, name) DO NOTHING RETURNING {EVENT_ROW}
"""
GET_EVENT = f"SELECT {EVENT_ROW} FROM event_schemas WHERE project_id = $1 AND id = $2"
LOCK_EVENT = f"{GET_EVENT} FOR UPDATE"
LIST_EVENTS = f"""
SELECT {EVENT_ROW} FROM event_schemas WHERE project_id = $1 ORDER BY created_at DESC, id DESC
"""
UPDATE_EVENT = f"""
UPDATE event_schemas SET properties = $3, updated_at = $4
WHERE project_id = $1 AND id = $2 RETURNING {EVENT_ROW}
"""
DELETE_EVENT = "DELETE FROM event_schemas WHERE project_id = $1 AND id = $2 RETURNING id"


class MetadataSchema(msgspec.Struct):
    """`related_object` is what the metadata belongs to, or the name of a nested schema."""

    id: str
    related_object: str
    properties: dict[str, Definition]
    allow_defined_only: bool | None
    created_at: datetime
    updated_at: datetime | None


class EventSchema(msgspec.Struct):
    id: str
    name: str
    properties: dict[str, Definition]
    created_at: datetime
    updated_at: datetime | None


def stored(properties: Mapping[str, Definition]) -> str:
    return msgspec.json.encode(properties).decode()


def _properties(row: Row) -> dict[str, Definition]:
    return msgspec.json.decode(row["properties"], type=dict[str, Definition])


def metadata_schema(row: Row) -> MetadataSchema:
    return MetadataSchema(**{**dict(row), "properties": _properties(row)})


def event_schema(row: Row) -> EventSchema:
    return EventSchema(**{**dict(row), "properties": _properties(row)})


async def list_metadata(db: Db, project_id: str) -> list[MetadataSchema]:
    return [metadata_schema(row) for row in await db.fetch(LIST_METADATA, project_id)]


async def list_events(db: Db, project_id: str) -> list[EventSchema]:
    return [event_schema(row) for row in await db.fetch(LIST_EVENTS, project_id)]
