"""/management/v1/projects/{projectId}/metadata-schemas and /custom-event-schemas"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from largesse.actions import schemas as actions
from largesse.engine.schemas import Definition, EventType, Type
from largesse.kit import auth, wire
from largesse.kit.routing import Routes
from largesse.store.context import Context
from largesse.store.customer_view import Instant
from largesse.store.schemas import EventSchema, MetadataSchema

routes = Routes("Schemas", kind=auth.MANAGEMENT)

METADATA = "/management/v1/projects/{projectId}/metadata-schemas"
ONE_METADATA = METADATA + "/{metadataSchemaId}"
EVENTS = "/management/v1/projects/{projectId}/custom-event-schemas"
ONE_EVENT = EVENTS + "/{customEventSchemaId}"

Name = Annotated[str, Meta(min_length=1, max_length=255)]
A = TypeVar("A", bound=msgspec.Struct)


def shown(definition: Definition, kind: type[A]) -> A:
    """A definition with those members that an answer of this kind has and the definition says."""
    values = {
        name: getattr(definition, name)
        for name in kind.__struct_fields__
        if hasattr(definition, name)
    }
    always = ("type", "array", "optional", "object_type")
    return kind(
        **{
            name: value
            for name, value in values.items()
            if name in always or (value is not None and value is not False)
        }
    )


def members(schema: MetadataSchema | EventSchema) -> dict[str, Any]:
    """What an answer says of a schema beside its definitions."""
    return {
        name: wire.stamp(value) if name in ("created_at", "updated_at") and value else value
        for name, value in msgspec.structs.asdict(schema).items()
        if name != "properties"
    }


# --- of metadata --------------------------------------------------------------------------------


class MetadataSchemaChanges(msgspec.Struct, kw_only=True):
    """Definitions by their keys. Those that are not sent stay as they are."""

    properties: dict[str, Any] | None = None
    allow_defined_only: bool | None = None


class MetadataSchemaBody(msgspec.Struct, kw_only=True):
    """What has the metadata, or the name of a schema to nest in others, and the definitions."""

    related_object: Name
    properties: dict[str, Any]
    allow_defined_only: bool | None = None


class MetadataSchemaChangesShown(MetadataSchemaChanges, kw_only=True):
    properties: dict[str, Definition] | None = None


class MetadataSchemaBodyShown(MetadataSchemaBody, kw_only=True):
    properties: dict[str, Definition]


class DefinitionAnswer(msgspec.Struct, kw_only=True):
    type: Type
    array: bool
    optional: bool
    object_type: str | None
    eq: list[int | float | str] | UnsetType = UNSET
    ne: list[int | float] | UnsetType = UNSET
    lt: int | float | UnsetType = UNSET
    lte: int | float | UnsetType = UNSET
    gt: int | float | UnsetType = UNSET
    gte: int | float | UnsetType = UNSET
    min_length: int | UnsetType = UNSET
    max_length: int | UnsetType = UNSET
    exact_length: int | UnsetType = UNSET
    deleted: bool | UnsetType = UNSET


class MetadataSchemaAnswer(msgspec.Struct, kw_only=True):
    """A metadata schema. `allow_defined_only` is null where nothing was said of it."""

    id: str
    related_object: str
    properties: dict[str, DefinitionAnswer]
    allow_defined_only: bool | None
    created_at: Instant
    updated_at: Instant | None
    object: str = "metadata_schema"


class MetadataSchemasList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "data"
    data: list[MetadataSchemaAnswer]
    total: int


def _metadata(schema: MetadataSchema) -> MetadataSchemaAnswer:
    definitions = {
        name: shown(definition, DefinitionAnswer) for name, definition in schema.properties.items()
    }
    return MetadataSchemaAnswer(properties=definitions, **members(schema))


@routes.post(
    METADATA, body=MetadataSchemaBody, shows=MetadataSchemaBodyShown, answer=MetadataSchemaAnswer
)
async def create_metadata_schema(
    ctx: Context, project_id: str, body: MetadataSchemaBody
) -> MetadataSchemaAnswer:
    """Create a metadata schema.

    From then on, what is written to objects of its kind has to follow it.
    """
    return _metadata(
        await actions.create_metadata(
            ctx, project_id, body.related_object, body.properties, body.allow_defined_only
        )
    )


@routes.get(METADATA, answer=MetadataSchemasList)
async def list_metadata_schemas_of_project(ctx: Context, project_id: str) -> MetadataSchemasList:
    """List a project's metadata schemas."""
    found = [_metadata(schema) for schema in await actions.list_metadata(ctx, project_id)]
    return MetadataSchemasList(data=found, total=len(found))


@routes.get(ONE_METADATA, answer=MetadataSchemaAnswer)
async def get_metadata_schema_by_id(
    ctx: Context, project_id: str, metadata_schema_id: str
) -> MetadataSchemaAnswer:
    """Get a metadata schema by its id."""
    return _metadata(await actions.get_metadata(ctx, project_id, metadata_schema_id))


@routes.put(
    ONE_METADATA,
    body=MetadataSchemaChanges,
    shows=MetadataSchemaChangesShown,
    answer=MetadataSchemaAnswer,
)
async def update_metadata_schema(
    ctx: Context, project_id: str, metadata_schema_id: str, body: MetadataSchemaChanges
) -> MetadataSchemaAnswer:
    """Add definitions to a metadata schema, or replace some.

    A definition is replaced as a whole: what is not sent of it goes back to its default. Its type
    stays. `deleted` takes it out of force; it is listed all the same.
    """
    return _metadata(
        await actions.update_metadata(
            ctx, project_id, metadata_schema_id, body.properties or {}, body.allow_defined_only
        )
    )


@routes.delete(ONE_METADATA)
async def delete_metadata_schema(ctx: Context, project_id: str, metadata_schema_id: str) -> None:
    """Delete a metadata schema with all its definitions.

    The metadata that objects have stays.
    """
    await actions.delete_metadata(ctx, project_id, metadata_schema_id)


# --- of custom events ---------------------------------------------------------------------------


class EventProperties(msgspec.Struct):
    properties: dict[str, Any]


class EventSchemaChanges(msgspec.Struct, kw_only=True):
    """Properties by their names. Those that are not sent stay as they are."""

    schema: EventProperties | None = None


class EventSchemaBody(msgspec.Struct, kw_only=True):
    name: Name
    schema: EventProperties


class EventDefinition(msgspec.Struct, kw_only=True):
    """A property of an event's metadata; `deleted` takes it out of force."""

    type: EventType
    optional: bool = False
    deleted: bool | UnsetType = UNSET


class EventPropertiesShown(msgspec.Struct):
    properties: dict[str, EventDefinition]


class EventSchemaChangesShown(msgspec.Struct, kw_only=True):
    schema: EventPropertiesShown | None = None


class EventSchemaBodyShown(msgspec.Struct, kw_only=True):
    name: Name
    schema: EventPropertiesShown


class EventSchemaAnswer(msgspec.Struct, kw_only=True):
    """What custom events of a name have as metadata."""

    id: str
    name: str
    schema: EventPropertiesShown
    created_at: Instant
    updated_at: Instant | UnsetType = UNSET
    object: str = "custom-event-schema"


class EventSchemasList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "data"
    data: list[EventSchemaAnswer]
    total: int


def _event(schema: EventSchema) -> EventSchemaAnswer:
    properties = {
        name: shown(definition, EventDefinition) for name, definition in schema.properties.items()
    }
    said = {name: value for name, value in members(schema).items() if value is not None}
    return EventSchemaAnswer(schema=EventPropertiesShown(properties), **said)


@routes.post(EVENTS, body=EventSchemaBody, shows=EventSchemaBodyShown, answer=EventSchemaAnswer)
async def create_custom_event_schema(
    ctx: Context, project_id: str, body: EventSchemaBody
) -> EventSchemaAnswer:
    """Create the schema of a custom event. It may have no properties."""
    return _event(await actions.create_event(ctx, project_id, body.name, body.schema.properties))


@routes.get(EVENTS, answer=EventSchemasList)
async def list_custom_event_schemas(ctx: Context, project_id: str) -> EventSchemasList:
    """List the schemas of a project's custom events, the newest first."""
    found = [_event(schema) for schema in await actions.list_events(ctx, project_id)]
    return EventSchemasList(data=found, total=len(found))


@routes.get(ONE_EVENT, answer=EventSchemaAnswer)
async def get_custom_event_schema(
    ctx: Context, project_id: str, custom_event_schema_id: str
) -> EventSchemaAnswer:
    """Get the schema of a custom event by its id."""
    return _event(await actions.get_event(ctx, project_id, custom_event_schema_id))


@routes.put(
    ONE_EVENT, body=EventSchemaChanges, shows=EventSchemaChangesShown, answer=EventSchemaAnswer
)
async def update_custom_event_schema(
    ctx: Context, project_id: str, custom_event_schema_id: str, body: EventSchemaChanges
) -> EventSchemaAnswer:
    """Add properties to a custom event, or replace some.

    A property may become one of another type. `deleted` takes it out of force.
    """
    properties = {} if body.schema is None else body.schema.properties
    return _event(await actions.update_event(ctx, project_id, custom_event_schema_id, properties))


@routes.delete(ONE_EVENT)
async def delete_custom_event_schema(
    ctx: Context, project_id: str, custom_event_schema_id: str
) -> None:
    """Delete the schema of a custom event with all its properties."""
    await actions.delete_event(ctx, project_id, custom_event_schema_id)
