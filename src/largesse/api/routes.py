"""The whole route table."""

from __future__ import annotations

from largesse.api.client import customers as client_customers
from largesse.api.client import events as client_events
from largesse.api.management import projects, schemas
from largesse.api.v1 import (
    activity,
    async_actions,
    categories,
    customers,
    events,
    exports,
    locations,
    metadata_schemas,
    oauth,
    orders,
    product_collections,
    products,
    segments,
)
from largesse.kit.routing import Operation

OPERATIONS: list[Operation] = [
    *customers.routes.operations,
    *activity.routes.operations,
    *segments.routes.operations,
    *products.routes.operations,
    *product_collections.routes.operations,
    *categories.routes.operations,
    *locations.routes.operations,
    *orders.routes.operations,
    *events.routes.operations,
    *metadata_schemas.routes.operations,
    *exports.routes.operations,
    *async_actions.routes.operations,
    *oauth.routes.operations,
    *client_customers.routes.operations,
    *client_events.routes.operations,
    *projects.routes.operations,
    *schemas.routes.operations,
]
