"""/client/v1/qualifications"""

from __future__ import annotations

from largesse.actions import qualify
from largesse.actions.qualification_bodies import QualificationBody
from largesse.actions.qualification_view import Qualification
from largesse.kit import auth
from largesse.kit.routing import Routes
from largesse.store.context import Context

routes = Routes("Client side", scope="client_qualifications", kind=auth.CLIENT)


@routes.post(
    "/client/v1/qualifications", body=QualificationBody, answer=Qualification, writes=False
)
async def check_eligibility_client_side(ctx: Context, body: QualificationBody) -> Qualification:
    """List what a customer could use for an order, from a browser or an app."""
    return await qualify.qualify(ctx, body)
