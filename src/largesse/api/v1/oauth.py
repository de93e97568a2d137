"""/v1/oauth"""

from __future__ import annotations

from largesse.actions import tokens
from largesse.actions.tokens import AccessTokenBody, Introspection, Token, TokenBody
from largesse.kit.routing import FORM, Routes
from largesse.store.context import Context

# No scope: tokens are made and judged with keys alone.
routes = Routes("OAuth", scope=None)


@routes.post("/v1/oauth/token", body=TokenBody, consumes=FORM, answer=Token, keeps=False)
async def generate_oauth_token(ctx: Context, body: TokenBody) -> Token:
    """Make a token that stands for the calling key, within scopes.

    Scopes are separated by spaces. The token lives 15 minutes, and dies with its key.
    """
    return await tokens.create(ctx, body)


@routes.post(
    "/v1/oauth/introspect",
    body=AccessTokenBody,
    consumes=FORM,
    answer=Introspection,
    writes=False,
)
async def introspect_oauth_token(ctx: Context, body: AccessTokenBody) -> Introspection:
    """Tell whether a token lives, and what it may do."""
    return await tokens.introspect(ctx, body)


@routes.post("/v1/oauth/token/revoke", body=AccessTokenBody, consumes=FORM)
async def revoke_oauth_token(ctx: Context, body: AccessTokenBody) -> None:
    """Revoke a token. It is dead at once."""
    await tokens.revoke(ctx, body)
