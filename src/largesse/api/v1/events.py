"""/v1/events"""

from __future__ import annotations

from largesse.actions import track
from largesse.actions.track import EventBody, Tracked
from largesse.kit.routing import Routes
from largesse.store.context import Context

routes = Routes("Events", scope="events")


@routes.post("/v1/events", body=EventBody, answer=Tracked)
async def track_custom_event(ctx: Context, body: EventBody) -> Tracked:
    """Track something that a customer did.

    The customer is created or updated as the body says. An event that nobody has defined joins the
    project's list of events.
    """
    return await track.track(ctx, body)
