"""/v1/metadata-schemas"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from largesse.actions.schemas import METADATA
from largesse.api.management.schemas import members, shown
from largesse.engine.schemas import Type
from largesse.kit.errors import NotFound
from largesse.kit.routing import Routes
from largesse.store import schemas
from largesse.store.context import Context
from largesse.store.customer_view import Instant

routes = Routes("Metadata schemas", scope="metadata-schemas")


class ResourceDefinition(msgspec.Struct, kw_only=True, rename="camel"):
    """A definition as it is spelt on this side of the API."""

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


class ResourceSchema(msgspec.Struct, kw_only=True):
    """A metadata schema. `allow_defined_only` is null where nothing was said of it."""

    id: str
    related_object: str
    properties: dict[str, ResourceDefinition]
    allow_defined_only: bool | None
    created_at: Instant
    updated_at: Instant | None
    object: str = "metadata_schema"


class ResourceSchemasList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "schemas"
    schemas: list[ResourceSchema]
    total: int


def _answer(schema: schemas.MetadataSchema) -> ResourceSchema:
    definitions = {
        name: shown(definition, ResourceDefinition)
        for name, definition in schema.properties.items()
    }
    return ResourceSchema(properties=definitions, **members(schema))


@routes.get("/v1/metadata-schemas", answer=ResourceSchemasList)
async def list_metadata_schemas(ctx: Context) -> ResourceSchemasList:
    """List the metadata schemas, by what they belong to."""
    found = [_answer(schema) for schema in await schemas.list_metadata(ctx.db, ctx.project_id)]
    return ResourceSchemasList(schemas=found, total=len(found))


@routes.get("/v1/metadata-schemas/{resource}", answer=ResourceSchema)
async def get_metadata_schema(ctx: Context, resource: str) -> ResourceSchema:
    """Get the metadata schema of a resource, or a nested one by its name."""
    row = await ctx.db.fetchrow(schemas.GET_METADATA_OF, ctx.project_id, resource)
    if row is None:
        raise NotFound.of(METADATA, resource)
    return _answer(schemas.metadata_schema(row))
