"""An HTTP client that holds every JSON answer against the reference's schema, where it is at hand:
the environment variable REFERENCE names its folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from largesse.api.routes import OPERATIONS
from largesse.kit.errors import Problem
from largesse.kit.routing import Router
from tests.contract.contradictions import OWN, accepted

ROUTER = Router(OPERATIONS)

# What has been called so far, as (method, path of the route table).
CALLED: set[tuple[str, str]] = set()


class Client(httpx.Client):
    def __init__(self, **options: Any) -> None:
        super().__init__(**{"timeout": 60, "verify": False, **options})

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        answer = super().send(request, **options)
        if answer.status_code < 400:
            with contextlib.suppress(Problem):
                if found := ROUTER.find(request.method, request.url.raw_path.partition(b"?")[0]):
                    CALLED.add((request.method, found[0].path))
        check(answer)
        return answer


def check(answer: httpx.Response) -> None:
    """Raises AssertionError where an answer is not what the reference describes."""
    folder = os.environ.get("REFERENCE")
    if not folder:
        return
    path = answer.request.url.raw_path.decode().partition("?")[0]
    found = _operation(folder, answer.request.method, path)
    if found is None:
        return
    template, operation, document = found
    name = f"{answer.request.method} {template}"
    described = operation["responses"].get(str(answer.status_code))
    if described is None:
        assert answer.status_code >= 400 or name in OWN, (
            f"{name}: {answer.status_code} is not known"
        )
        return
    content = described.get("content", {}).get("application/json")
    if content is None:
        return
    schema = _converted(_resolved(document, content["schema"]))
    if not answer.headers.get("content-type", "").startswith("application/json"):
        return
    value = answer.json()
    for error in Draft202012Validator(schema).iter_errors(value):
        where = "/".join(map(str, error.absolute_path))
        line = f"{name} {answer.status_code} at /{where}: {error.message[:300]}"
        assert accepted(name, where, error), line


@cache
def _documents(folder: str) -> list[tuple[re.Pattern[str], str, dict[str, Any], dict[str, Any]]]:
    found = []
    for file in sorted((Path(folder) / "openapi").glob("*.json")):
        document = json.loads(file.read_text())
        for template, item in document["paths"].items():
            pattern = re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(template))
            found.append((re.compile(pattern + r"\Z"), template, item, document))
    # A path without parameters wins over one with.
    return sorted(found, key=lambda entry: entry[1].count("{"))


def _operation(
    folder: str, method: str, path: str
) -> tuple[str, dict[str, Any], dict[str, Any]] | None:
    for pattern, template, item, document in _documents(folder):
        if pattern.match(path) and method.lower() in item:
            return template, item[method.lower()], document
    return None


def _resolved(document: dict[str, Any], value: Any, seen: tuple[str, ...] = ()) -> Any:
    if isinstance(value, list):
        return [_resolved(document, item, seen) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        name = value["$ref"]
        if name in seen:
            return {}
        target: Any = document
        for part in name[2:].split("/"):
            target = target[part]
        return _resolved(document, target, (*seen, name))
    return {key: _resolved(document, item, seen) for key, item in value.items()}


def _converted(schema: Any) -> Any:
    """An OpenAPI 3.0 schema as JSON Schema: `nullable` becomes null among the types, and `oneOf`
    becomes `anyOf`, because many of the reference's alternatives overlap.
    """
    if isinstance(schema, list):
        return [_converted(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {
        {"oneOf": "anyOf"}.get(key, key): _converted(item)
        for key, item in schema.items()
        if key not in ("nullable", "example", "examples", "discriminator", "xml", "externalDocs")
    }
    if schema.get("nullable") is True:
        return {"anyOf": [{"type": "null"}, plain]}
    return plain
