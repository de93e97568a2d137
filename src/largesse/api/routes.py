"""The whole route table."""

from __future__ import annotations

from largesse.api.client import customers as client_customers
from largesse.api.management import projects
from largesse.api.v1 import activity, async_actions, customers, oauth
from largesse.kit.routing import Operation

OPERATIONS: list[Operation] = [
    *customers.routes.operations,
    *activity.routes.operations,
    *async_actions.routes.operations,
    *oauth.routes.operations,
    *client_customers.routes.operations,
    *projects.routes.operations,
]
