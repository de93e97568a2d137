"""What a project's metadata and custom events look like: their schemas made, changed, deleted.

The operations name the project in their path; all of them raise NotFound where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from largesse.actions import projects
from largesse.engine import schemas as engine
from largesse.engine.schemas import Definition, Schema, SchemaError
from largesse.kit.errors import DuplicateFound, InvalidPayload, NotFound
from largesse.store import definitions, schemas
from largesse.store.context import Context
from largesse.store.schemas import EventSchema, MetadataSchema

# What has metadata; a schema for anything else is one to nest in these.
STANDARD = frozenset(
    {
        "campaign",
        "voucher",
        "publication",
        "redemption",
        "product",
        "customer",
        "order",
        "order_item",
        "loyalty_tier",
        "promotion_tier",
        "earning_rule",
        "reward",
    }
)
METADATA, EVENT = "metadata schema", "custom_event_schema"
EVENT_MEMBERS = ("type", "optional", "deleted")


def _read(given: Mapping[str, Any], types: Sequence[str], path: str) -> dict[str, Definition]:
    if found := engine.flaw(given, types, path):
        raise InvalidPayload(found)
    return engine.read(given)


def _duplicate(noun: str, member: str, value: str) -> DuplicateFound:
    return DuplicateFound(
        f"Duplicated {noun} exists with {member} {value}", resource_id=value, resource_type=noun
    )


# --- of metadata --------------------------------------------------------------------------------


def _changed(related_object: str, old: Schema, given: Mapping[str, Any]) -> dict[str, Definition]:
    """Definitions with those that were sent. Raises InvalidPayload."""
    types = engine.TYPES if related_object in STANDARD else engine.NESTED_TYPES
    try:
        return engine.changed(old, _read(given, types, ".properties")).properties
    except SchemaError as error:
        raise InvalidPayload(str(error)) from None


async def create_metadata(
    ctx: Context,
    project_id: str,
    related_object: str,
    properties: Mapping[str, Any],
    allow_defined_only: bool | None,
) -> MetadataSchema:
    """Raises InvalidPayload, and DuplicateFound where the object has a schema."""
    await projects.get(ctx, project_id)
    made = _changed(related_object, Schema({}), properties)
    row = await ctx.db.fetchrow(
        schemas.INSERT_METADATA,
        project_id,
        ctx.new_id("ms_"),
        related_object,
        schemas.stored(made),
        allow_defined_only,
        ctx.now,
    )
    if row is None:
        raise _duplicate(METADATA, "related_object", related_object)
    await definitions.bump(ctx.db, project_id)
    return schemas.metadata_schema(row)


async def get_metadata(ctx: Context, project_id: str, schema_id: str) -> MetadataSchema:
    """Raises NotFound."""
    await projects.get(ctx, project_id)
    row = await ctx.db.fetchrow(schemas.GET_METADATA, project_id, schema_id)
    if row is None:
        raise NotFound.of(METADATA, schema_id)
    return schemas.metadata_schema(row)


async def list_metadata(ctx: Context, project_id: str) -> list[MetadataSchema]:
    """All of them, by what they belong to."""
    await projects.get(ctx, project_id)
    return await schemas.list_metadata(ctx.db, project_id)


async def update_metadata(
    ctx: Context,
    project_id: str,
    schema_id: str,
    properties: Mapping[str, Any],
    allow_defined_only: bool | None,
) -> MetadataSchema:
    """Replaces the definitions that are sent, each as a whole. Raises NotFound, InvalidPayload."""
    await projects.get(ctx, project_id)
    row = await ctx.db.fetchrow(schemas.LOCK_METADATA, project_id, schema_id)
    if row is None:
        raise NotFound.of(METADATA, schema_id)
    known = schemas.metadata_schema(row)
    changed = _changed(known.related_object, Schema(known.properties), properties)
    only = known.allow_defined_only if allow_defined_only is None else allow_defined_only
    row = await ctx.db.fetchrow(
        schemas.UPDATE_METADATA, project_id, schema_id, schemas.stored(changed), only, ctx.now
    )
    await definitions.bump(ctx.db, project_id)
    return schemas.metadata_schema(row)


async def delete_metadata(ctx: Context, project_id: str, schema_id: str) -> None:
    """Deletes a schema and its definitions; metadata that follows it stays. Raises NotFound."""
    await projects.get(ctx, project_id)
    if await ctx.db.fetchval(schemas.DELETE_METADATA, project_id, schema_id) is None:
        raise NotFound.of(METADATA, schema_id)
    await definitions.bump(ctx.db, project_id)


# --- of custom events ---------------------------------------------------------------------------


def _changed_event(
    old: Mapping[str, Definition], given: Mapping[str, Any]
) -> dict[str, Definition]:
    """Properties with those that were sent, which may be of another type than before. Raises
    InvalidPayload.
    """
    path = ".schema.properties"
    plain = {
        name: {member: value.get(member) for member in EVENT_MEMBERS}
        if isinstance(value, dict)
        else value
        for name, value in given.items()
    }
    try:
        return engine.merged(old, _read(plain, engine.EVENT_TYPES, path), path)
    except SchemaError as error:
        raise InvalidPayload(str(error)) from None


async def create_event(
    ctx: Context, project_id: str, name: str, properties: Mapping[str, Any]
) -> EventSchema:
    """Raises InvalidPayload, and DuplicateFound where the event has a schema."""
    await projects.get(ctx, project_id)
    made = schemas.stored(_changed_event({}, properties))
    row = await ctx.db.fetchrow(
        schemas.INSERT_EVENT, project_id, ctx.new_id("ms_"), name, made, ctx.now
    )
    if row is None:
        raise _duplicate(EVENT, "name", name)
    await definitions.bump(ctx.db, project_id)
    return schemas.event_schema(row)


async def get_event(ctx: Context, project_id: str, schema_id: str) -> EventSchema:
    """Raises NotFound."""
    await projects.get(ctx, project_id)
    row = await ctx.db.fetchrow(schemas.GET_EVENT, project_id, schema_id)
    if row is None:
        raise NotFound.of(EVENT, schema_id)
    return schemas.event_schema(row)


async def list_events(ctx: Context, project_id: str) -> list[EventSchema]:
    """All of them, the newest first."""
    await projects.get(ctx, project_id)
    return await schemas.list_events(ctx.db, project_id)


async def update_event(
    ctx: Context, project_id: str, schema_id: str, properties: Mapping[str, Any]
) -> EventSchema:
    """Replaces the properties that are sent, each as a whole. Raises NotFound, InvalidPayload."""
    await projects.get(ctx, project_id)
    row = await ctx.db.fetchrow(schemas.LOCK_EVENT, project_id, schema_id)
    if row is None:
        raise NotFound.of(EVENT, schema_id)
    changed = schemas.stored(_changed_event(schemas.event_schema(row).properties, properties))
    row = await ctx.db.fetchrow(schemas.UPDATE_EVENT, project_id, schema_id, changed, ctx.now)
    await definitions.bump(ctx.db, project_id)
    return schemas.event_schema(row)


async def delete_event(ctx: Context, project_id: str, schema_id: str) -> None:
    """Raises NotFound."""
    await projects.get(ctx, project_id)
    if await ctx.db.fetchval(schemas.DELETE_EVENT, project_id, schema_id) is None:
        raise NotFound.of(EVENT, schema_id)
    await definitions.bump(ctx.db, project_id)
