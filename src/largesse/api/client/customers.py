"""/client/v1/customers"""

from __future__ import annotations

import msgspec

from largesse.actions import customers as actions
from largesse.actions.customers import CustomerBody
from largesse.kit import auth
from largesse.kit.errors import Forbidden
from largesse.kit.routing import Routes
from largesse.store.context import Context
from largesse.store.customer_view import Customer

routes = Routes("Client side", scope="client_customers", kind=auth.CLIENT)


@routes.post("/client/v1/customers", body=CustomerBody, answer=Customer)
async def create_customer_client_side(ctx: Context, body: CustomerBody) -> msgspec.Raw:
    """Create or update a customer from a browser or an app.

    The project has to allow it (`client_create_customer_enabled`).
    """
    if not ctx.project.client_create_customer_enabled:
        raise Forbidden("The project does not let clients create customers")
    return await actions.upsert(ctx, body)
