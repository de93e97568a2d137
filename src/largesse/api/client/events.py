"""/client/v1/events"""

from __future__ import annotations

from largesse.actions import track
from largesse.actions.track import EventBody, Tracked
from largesse.kit import auth
from largesse.kit.errors import Forbidden
from largesse.kit.routing import Routes
from largesse.store.context import Context

routes = Routes("Client side", scope="client_events", kind=auth.CLIENT)


@routes.post("/client/v1/events", body=EventBody, answer=Tracked)
async def track_custom_event_client_side(ctx: Context, body: EventBody) -> Tracked:
    """Track something that a customer did, from a browser or an app.

    The project has to allow it (`client_loyalty_events_enabled`).
    """
    if not ctx.project.client_loyalty_events_enabled:
        raise Forbidden("The project does not let clients track events")
    return await track.track(ctx, body)
