"""Idempotency keys: which operations take one, what makes two requests the same, and what of the
first one's answer is kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from largesse.kit import auth
from largesse.kit.errors import InvalidPayload, Problem
from largesse.kit.routing import Download, Operation, Upload

HEADER = "Idempotency-Key"
LONGEST = 255
REPLAYED = (b"idempotent-replayed", b"true")

_NAME = HEADER.lower().encode()
_KEY = re.compile(rb"[\x20-\x7e]{1,%d}\Z" % LONGEST)


class Asked(msgspec.Struct, frozen=True):
    """A request with a key: the key as it was sent, and a hash of what is asked for."""

    key: str
    request: bytes


class Kept(msgspec.Struct, frozen=True):
    """An answer as it is sent again."""

    status: int
    body: bytes


class Claim(Protocol):
    """Takes a key until the transaction ends, after waiting for whoever has it. The kept answer
    where it was worked out before, else None: then the work is to be done. Raises
    IdempotencyConflict where the key names another request.
    """

    async def __call__(self, context: Any, asked: Asked, /) -> Kept | None: ...


class Keep(Protocol):
    """Keeps the answer to a request whose key was claimed in the same transaction."""

    async def __call__(self, context: Any, asked: Asked, answer: Kept, /) -> None: ...


def takes_key(operation: Operation) -> bool:
    """Whether an operation knows the header: one that changes something in the caller's project
    when called again.
    """
    return (
        operation.method == "POST"
        and bool(operation.writes)
        and operation.keeps
        and operation.kind in (auth.SERVER, auth.CLIENT)
        and operation.answer is not Download
    )


def asked(
    operation: Operation,
    headers: Mapping[bytes, bytes],
    path: Mapping[str, str],
    query: bytes,
    body: bytes | Upload,
) -> Asked | None:
    """What is asked under which key; None without one. Of an upload the file counts, and not how
    it was wrapped. Raises InvalidPayload for what can be no key.
    """
    key = headers.get(_NAME)
    if key is None or not takes_key(operation):
        return None
    if not _KEY.match(key):
        raise InvalidPayload(
            f"Header {HEADER} should have 1 to {LONGEST} printable ASCII characters"
        )
    parts = [operation.method.encode(), operation.path.encode()]
    parts += [value.encode() for value in path.values()]
    parts.append(query)
    if isinstance(body, Upload):
        parts.append(body.content)
        parts += [f"{name}={value}".encode() for name, value in sorted(body.fields.items())]
    else:
        parts.append(body)
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return Asked(key.decode("ascii"), digest.digest())


def final(problem: Problem) -> bool:
    """Whether the same request would be refused again; what only has to wait is asked anew."""
    return problem.code < 500 and problem.code != 429
