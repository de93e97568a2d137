"""OAuth tokens: made from a server key, looked at, revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from largesse.kit import auth, ids
from largesse.kit.errors import (
    InvalidGrantType,
    InvalidScope,
    MissingParameters,
    NotFound,
    TooManyRequests,
)
from largesse.store import keys, projects
from largesse.store.context import Context


class TokenBody(msgspec.Struct):
    """`scope` holds scopes separated by spaces."""

    grant_type: str | None = None
    scope: str | None = None


class AccessTokenBody(msgspec.Struct):
    access_token: str | None = None


class Token(msgspec.Struct, omit_defaults=True):
    """A token: `expires_at` in Unix seconds, `expires_in` in seconds from now."""

    access_token: str
    client_id: str
    expires_at: int
    expires_in: int
    scope: str
    token_type: str = ""


class Introspection(msgspec.Struct, omit_defaults=True):
    """What a token is; one that is not live, or another project's, is only said not to be."""

    active: bool
    access_token: str = ""
    client_id: str = ""
    expires_at: int = 0
    expires_in: int = 0
    scope: str = ""
    token_type: str = ""


def _scopes(text: str | None) -> list[str]:
    names = (text or "").split()
    if not names or not auth.SCOPES.issuperset(names):
        raise InvalidScope(message=f"Invalid scope: {text or ''}".rstrip())
    return sorted(set(names))


async def create(ctx: Context, body: TokenBody) -> Token:
    """A token with the rights of the calling key, within the scopes. Raises InvalidGrantType,
    InvalidScope, and TooManyRequests where the project has as many as it may.
    """
    if body.grant_type != "client_credentials":
        raise InvalidGrantType
    scopes = _scopes(body.scope)
    assert ctx.principal is not None
    # The lock makes the count a limit: two requests cannot both take the last place.
    await ctx.db.fetchval(projects.LOCK, ctx.project_id)
    await ctx.db.execute(keys.DELETE_EXPIRED_TOKENS, ctx.project_id, ctx.now)
    live = await ctx.db.fetchrow(keys.LIVE_TOKENS, ctx.project_id, ctx.now)
    if live is not None and live["n"] >= ctx.settings.token_limit:
        wait = (live["next"] - ctx.now).total_seconds()
        raise TooManyRequests(int(wait) + 1, "The project has as many live tokens as it may")
    token = f"{ids.base62(42)}.{ctx.project_id}"
    whole = datetime.fromtimestamp(int(ctx.now.timestamp()), UTC)
    expires = whole + timedelta(seconds=ctx.settings.token_seconds)
    await ctx.db.execute(
        keys.INSERT_TOKEN,
        ctx.project_id,
        auth.hash_secret(token),
        ctx.principal.key_id,
        scopes,
        ctx.now,
        expires,
    )
    return Token(
        token,
        ctx.principal.key_id,
        int(expires.timestamp()),
        ctx.settings.token_seconds,
        " ".join(scopes),
        "Bearer",
    )


async def introspect(ctx: Context, body: AccessTokenBody) -> Introspection:
    """Raises MissingParameters where no token is named."""
    if not body.access_token:
        raise MissingParameters
    found = await keys.find_token(ctx.db, ctx.project_id, body.access_token, ctx.now)
    known = None if found is None else await keys.find(ctx.db, found.key_id)
    if found is None or known is None:
        return Introspection(False)
    left = (found.expires_at - ctx.now).total_seconds()
    return Introspection(
        True,
        body.access_token,
        found.key_id,
        int(found.expires_at.timestamp()),
        int(left),
        " ".join(found.scopes),
        "Bearer",
    )


async def revoke(ctx: Context, body: AccessTokenBody) -> None:
    """Raises MissingParameters, and NotFound for a token that is not live here."""
    if not body.access_token:
        raise MissingParameters
    gone = await ctx.db.fetchval(
        keys.DELETE_TOKEN, ctx.project_id, auth.hash_secret(body.access_token), ctx.now
    )
    if gone is None:
        raise NotFound
