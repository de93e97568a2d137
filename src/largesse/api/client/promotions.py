"""/client/v1/promotions"""

from __future__ import annotations

from largesse.actions.promotion_view import TiersList
from largesse.api.v1 import promotions
from largesse.api.v1.promotions import TiersQuery
from largesse.kit import auth
from largesse.kit.routing import Routes
from largesse.store.context import Context

routes = Routes("Client side", scope="client_promotions", kind=auth.CLIENT)


@routes.get("/client/v1/promotions/tiers", query=TiersQuery, answer=TiersList)
async def list_promotion_tiers_client_side(ctx: Context, query: TiersQuery) -> TiersList:
    """List promotion tiers, from a browser or an app."""
    tiers: TiersList = await promotions.list_promotion_tiers(ctx, query)
    return tiers
