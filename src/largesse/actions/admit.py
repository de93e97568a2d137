"""Who may call what: a request's key or token becomes a principal in a project, or is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from largesse.kit import auth
from largesse.kit.db import Db
from largesse.kit.errors import Forbidden, Unauthorized
from largesse.kit.http import Caller
from largesse.kit.routing import Operation
from largesse.store import keys
from largesse.store.keys import Known


class Admission:
    """Keys and projects are remembered for a second; tokens are looked up each time, so that a
    revoked one is dead at once.
    """

    def __init__(self, db: Db, now: Callable[[], datetime]) -> None:
        async def find(key_id: str) -> Known | None:
            return await keys.find(db, key_id)

        self._db = db
        self._now = now
        self._keys = auth.Fresh(find)

    async def __call__(
        self, operation: Operation, headers: Mapping[bytes, bytes], ip: str
    ) -> Caller:
        if operation.kind == auth.PUBLIC:
            return Caller()
        shown = auth.credentials(headers, operation.kind)
        if shown.id:
            known, principal = await self._key(shown)
        elif operation.scope is None:
            raise Unauthorized
        else:
            known, principal = await self._token(shown.secret)
        principal.require_ip(ip)
        principal.require(operation.kind, operation.scope)
        if operation.kind == auth.CLIENT:
            _require_origin(known, headers)
        return Caller(principal, known.project)

    async def _key(self, shown: auth.Credentials) -> tuple[Known, auth.Principal]:
        known = await self._keys.get(shown.id)
        if known is None or known.key.kind != shown.kind:
            raise Unauthorized
        if not auth.same_secret(shown.secret, known.key.secret_hash):
            raise Unauthorized
        return known, known.principal

    async def _token(self, token: str) -> tuple[Known, auth.Principal]:
        found = await keys.find_token(self._db, project_of(token), token, self._now())
        if found is None:
            raise Unauthorized
        known = await self._keys.get(found.key_id)
        if known is None:
            raise Unauthorized
        return known, known.key.principal(frozenset(found.scopes))


def project_of(token: str) -> str:
    """The project that a token names; tokens end in it, so that they are found within it."""
    return token.partition(".")[2]


def _require_origin(known: Known, headers: Mapping[bytes, bytes]) -> None:
    origin = headers.get(b"origin")
    if origin is None or known.project is None:
        return
    trusted = known.project.client_trusted_domains
    if not auth.origin_allowed(origin.decode("latin-1"), trusted):
        raise Forbidden("The origin is not among the project's trusted domains")
