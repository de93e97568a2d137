"""Keys and tokens. Secrets are kept as hashes; what cannot be found by hash is no secret."""

from __future__ import annotations

from datetime import datetime

import msgspec

from largesse.kit import auth
from largesse.kit.db import Db
from largesse.store import projects
from largesse.store.projects import Project


class Key(msgspec.Struct, frozen=True):
    """`kind` is server, client or management; a management key has no project."""

    id: str
    project_id: str | None
    kind: str
    name: str
    secret_hash: bytes
    ips: list[str]
    blocked: bool
    created_at: datetime

    def principal(self, scopes: frozenset[str] | None = None) -> auth.Principal:
        return auth.Principal(self.kind, self.id, self.project_id, tuple(self.ips), scopes)


class Token(msgspec.Struct, frozen=True):
    """A bearer token; it has the rights of the key that made it, within its scopes."""

    token_hash: bytes
    key_id: str
    scopes: list[str]
    expires_at: datetime


COLUMNS = ", ".join(Key.__struct_fields__)

GET = f"SELECT {COLUMNS} FROM keys WHERE id = $1"
LIST = f"""
SELECT {COLUMNS} FROM keys
WHERE $1::text IS NULL OR project_id = $1 ORDER BY project_id, kind, created_at, id
"""
INSERT = f"INSERT INTO keys ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
SET_SECRET = "UPDATE keys SET secret_hash = $2 WHERE id = $1 RETURNING project_id"
SET_BLOCKED = "UPDATE keys SET blocked = $2 WHERE id = $1 RETURNING project_id"
DELETE = "DELETE FROM keys WHERE id = $1 RETURNING project_id"
DELETE_OF_PROJECT = "DELETE FROM keys WHERE project_id = $1"

INSERT_TOKEN = """
INSERT INTO oauth_tokens (project_id, token_hash, key_id, scopes, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6)
"""
GET_TOKEN = """
SELECT token_hash, key_id, scopes, expires_at FROM oauth_tokens
WHERE project_id = $1 AND token_hash = $2 AND expires_at > $3
"""
DELETE_TOKEN = """
DELETE FROM oauth_tokens WHERE project_id = $1 AND token_hash = $2 AND expires_at > $3
RETURNING key_id
"""
DELETE_EXPIRED_TOKENS = "DELETE FROM oauth_tokens WHERE project_id = $1 AND expires_at <= $2"
DELETE_TOKENS_OF_KEY = "DELETE FROM oauth_tokens WHERE project_id = $1 AND key_id = $2"
LIVE_TOKENS = """
SELECT count(*) AS n, min(expires_at) AS next FROM oauth_tokens
WHERE project_id = $1 AND expires_at > $2
"""


class Known(msgspec.Struct, frozen=True):
    """A key with the project that it opens, and whom it stands for."""

    key: Key
    project: Project | None
    principal: auth.Principal


async def find(db: Db, key_id: str) -> Known | None:
    """A key that is not blocked, with its project; None where either is gone."""
    row = await db.fetchrow(GET, key_id)
    if row is None or row["blocked"]:
        return None
    key = Key(*row.values())
    if key.project_id is None:
        return Known(key, None, key.principal())
    project = await projects.get(db, key.project_id)
    return None if project is None else Known(key, project, key.principal())


async def insert(db: Db, key: Key) -> None:
    await db.execute(INSERT, *msgspec.structs.astuple(key))


async def find_token(db: Db, project_id: str, token: str, now: datetime) -> Token | None:
    row = await db.fetchrow(GET_TOKEN, project_id, auth.hash_secret(token), now)
    return None if row is None else Token(*row.values())
