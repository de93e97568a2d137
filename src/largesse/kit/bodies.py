"""Bodies of requests: read whole, and taken for what their content type says."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import Receive

from largesse.kit.errors import InvalidPayload, PayloadTooLarge, UnsupportedMediaType
from largesse.kit.routing import FILE, FORM, Operation, Upload


async def read(headers: Mapping[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """The whole body. Raises PayloadTooLarge past `limit` bytes, after hearing the client out
    (up to four times the limit): one that is cut off while sending never sees the answer.
    """
    declared = headers.get(b"content-length", b"")
    size, parts, drain = 0, [], 4 * limit
    if declared.isdigit() and int(declared) > drain:
        raise PayloadTooLarge(limit)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        part = message.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
        if not message.get("more_body") or size > drain:
            break
    if size > limit:
        raise PayloadTooLarge(limit)
    return parts[0] if len(parts) == 1 else b"".join(parts)


class Disconnected(Exception):
    """The client left before it had said all."""


@lru_cache(maxsize=256)
def media_type(content_type: bytes) -> str:
    return content_type.decode("latin-1").partition(";")[0].strip().lower()


async def body_of(operation: Operation, headers: Mapping[bytes, bytes], content: bytes) -> Any:
    kind = media_type(headers.get(b"content-type", b""))
    if operation.consumes == FILE:
        return await _upload(kind, headers, content)
    assert operation.reader is not None
    if operation.consumes == FORM and kind == "application/x-www-form-urlencoded":
        return operation.reader.members(_form(content))
    if kind not in ("", "application/json") and not kind.endswith("+json"):
        raise UnsupportedMediaType(f"Content type {kind} is not supported; send application/json")
    return operation.reader.json(content)


def _form(content: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(content.decode(), keep_blank_values=True, errors="strict")
    except (UnicodeDecodeError, ValueError):
        raise InvalidPayload("Payload is not a valid form") from None
    return dict(pairs)


async def _upload(kind: str, headers: Mapping[bytes, bytes], content: bytes) -> Upload:
    if kind == "text/csv":
        return Upload(content)
    if kind != "multipart/form-data":
        raise InvalidPayload("A file has to be sent as multipart/form-data, in the part 'file'")

    async def stream() -> AsyncGenerator[bytes, None]:
        yield content

    parser = MultiPartParser(
        Headers(raw=[(b"content-type", headers[b"content-type"])]), stream(), max_files=1
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeDecodeError):
        raise InvalidPayload("Payload is not valid multipart/form-data") from None
    try:
        part = form.get("file")
        if not isinstance(part, UploadFile):
            raise InvalidPayload("Payload should have required property 'file'")
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        return Upload(await part.read(), fields)
    finally:
        await form.close()


@lru_cache(maxsize=256)
def accepts(header: bytes, produced: str) -> bool:
    """Whether an Accept header lets a media type through; an empty one lets all."""
    family = produced.partition("/")[0] + "/*"
    if not header.strip():
        return True
    for entry in header.decode("latin-1").lower().split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        refused = any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters)
        if name in (produced, family, "*/*") and not refused:
            return True
    return False
