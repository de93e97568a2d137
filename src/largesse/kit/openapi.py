"""The OpenAPI 3.1 document, drawn from the table of operations and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, get_args, get_type_hints

import msgspec

from largesse.kit import auth, idempotency
from largesse.kit.routing import FILE, FORM, Download, Operation, Upload
from largesse.kit.wire import Day, Moment

_KEYS = {
    auth.SERVER: ("X-App-Id", "X-App-Token"),
    auth.CLIENT: ("X-Client-Application-Id", "X-Client-Token"),
    auth.MANAGEMENT: ("X-Management-Id", "X-Management-Token"),
}


class Error(msgspec.Struct, omit_defaults=True):
    """What a refusal says. `key` names the kind of error; `request_id` finds it in the logs."""

    code: int
    message: str
    key: str | None = None
    details: str | None = None
    request_id: str | None = None
    resource_id: str | None = None
    resource_type: str | None = None
    related_object_ids: list[str] | None = None
    related_object_type: str | None = None


def _hook(kind: type) -> dict[str, Any]:
    if kind is Day:
        return {"type": "string", "format": "date"}
    if kind is Moment:
        return {"type": "string", "format": "date-time"}
    # By this msgspec is told that the hook knows no such type.
    raise NotImplementedError(kind)


def document(
    operations: Iterable[Operation], *, title: str, version: str, description: str
) -> dict[str, Any]:
    operations = list(operations)
    linked = [operation.linked for operation in operations if operation.linked is not None]
    kinds: list[Any] = [Error]
    for operation in (*operations, *linked):
        kinds += [
            kind
            for kind in (_body(operation), operation.query, operation.answer, operation.accepted)
            if kind not in (None, Download, Upload)
        ]
    schemas, components = msgspec.json.schema_components(
        kinds, schema_hook=_hook, ref_template="#/components/schemas/{name}"
    )
    for kind in _structs(kinds):
        _drop_unset(kind, components[kind.__name__])
    drawn = dict(zip(map(repr, kinds), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(
            operation, drawn, components
        )
    # A query's members stand in its operation, one by one.
    for operation in (*operations, *linked):
        if operation.query is not None:
            components.pop(operation.query.__name__, None)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": version,
            "description": description,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _security_schemes()},
    }


def _structs(kinds: Iterable[Any]) -> set[type[msgspec.Struct]]:
    """The Structs that types speak of, at any depth."""
    found: set[type[msgspec.Struct]] = set()
    left = list(kinds)
    while left:
        kind = left.pop()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind not in found:
            found.add(kind)
            left += get_type_hints(kind).values()
        left += get_args(kind)
    return found


def _drop_unset(kind: type[msgspec.Struct], schema: dict[str, Any]) -> None:
    """A member that may be unset is left out of answers, so it is not required."""
    unset = {
        field.encode_name
        for field in msgspec.structs.fields(kind)
        if msgspec.UnsetType in get_args(field.type)
    }
    if unset & set(schema.get("required", ())):
        schema["required"] = [name for name in schema["required"] if name not in unset]


def _body(operation: Operation) -> Any:
    return operation.shows or operation.body


def _operation(
    operation: Operation, drawn: dict[str, Any], components: dict[str, Any]
) -> dict[str, Any]:
    text = (operation.handler.__doc__ or "").strip()
    summary, _, description = text.partition("\n\n")
    answer: dict[str, Any] = {"description": "Done."}
    if operation.answer is Download:
        for produced in operation.produces or ("text/csv",):
            answer.setdefault("content", {})[produced] = {"schema": {"type": "string"}}
    elif operation.answer is not None:
        answer["content"] = {"application/json": {"schema": drawn[repr(operation.answer)]}}
    result: dict[str, Any] = {
        "operationId": operation.name.replace("_", "-"),
        "tags": [operation.tag],
        "summary": " ".join(summary.split()).rstrip("."),
        "parameters": [
            *_path_parameters(operation),
            *_query_parameters(operation, components),
            *_header_parameters(operation),
        ],
        "responses": {
            str(operation.status if operation.answer is not None else 204): answer,
            "default": {
                "description": "A refusal.",
                "content": {"application/json": {"schema": drawn[repr(Error)]}},
            },
        },
        "security": _security(operation),
    }
    if operation.accepted is not None:
        result["responses"]["202"] = {
            "description": "Taken on.",
            "content": {"application/json": {"schema": drawn[repr(operation.accepted)]}},
        }
    if operation.linked is not None:
        # One operation for the document: the file is another of its answers.
        answer["content"]["text/plain"] = {"schema": {"type": "string"}}
        result["parameters"] += _query_parameters(operation.linked, components)
        result["security"] += _security(operation.linked)
    if description:
        result["description"] = "\n\n".join(
            " ".join(part.split()) for part in description.split("\n\n")
        )
    if operation.deprecated:
        result["deprecated"] = True
    if operation.body is not None:
        required = type(None) not in get_args(operation.body)
        result["requestBody"] = {"required": required, "content": _content(operation, drawn)}
    return result


def _content(operation: Operation, drawn: dict[str, Any]) -> dict[str, Any]:
    if operation.consumes == FILE:
        part = {"type": "string", "contentMediaType": "text/csv"}
        schema = {"type": "object", "properties": {"file": part}, "required": ["file"]}
        return {
            "multipart/form-data": {"schema": schema},
            "text/csv": {"schema": {"type": "string"}},
        }
    schema = drawn[repr(_body(operation))]
    content = {"application/json": {"schema": schema}}
    if operation.consumes == FORM:
        content = {"application/x-www-form-urlencoded": {"schema": schema}, **content}
    return content


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", operation.path)
    ]


def _query_parameters(operation: Operation, components: dict[str, Any]) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    schema = components[operation.query.__name__]
    parameters = []
    for name, member in schema["properties"].items():
        drawn = _present(member)
        required = name in schema.get("required", ())
        parameter = {"name": name, "in": "query", "required": required, "schema": drawn}
        if drawn.get("type") == "object":
            parameter |= {"style": "deepObject", "explode": True}
        parameters.append(parameter)
    return parameters


def _header_parameters(operation: Operation) -> list[dict[str, Any]]:
    if not idempotency.takes_key(operation):
        return []
    text = "Names this request: repeated with the same key, it is answered as it was first."
    schema = {"type": "string", "minLength": 1, "maxLength": idempotency.LONGEST}
    return [
        {
            "name": idempotency.HEADER,
            "in": "header",
            "required": False,
            "description": text,
            "schema": schema,
        }
    ]


def _present(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema without null, which a query cannot hold."""
    options = [option for option in schema.get("anyOf", []) if option != {"type": "null"}]
    plain = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    if len(options) == 1:
        plain.update(options[0])
    elif options:
        plain["anyOf"] = options
    if schema.get("default") is not None:
        plain["default"] = schema["default"]
    return plain


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    if operation.kind == auth.PUBLIC:
        return [{}]
    keys: list[dict[str, list[str]]] = [{name: [] for name in _KEYS[operation.kind]}]
    whole = auth.WHOLE_API.get(operation.kind)
    if whole is not None and operation.scope is not None:
        keys += [{"OAuth": [whole]}, {"OAuth": [operation.scope]}]
    return keys


def _security_schemes() -> dict[str, Any]:
    schemes: dict[str, Any] = {
        name: {"type": "apiKey", "in": "header", "name": name}
        for names in _KEYS.values()
        for name in names
    }
    schemes["OAuth"] = {
        "type": "oauth2",
        "flows": {
            "clientCredentials": {
                "tokenUrl": "/v1/oauth/token",
                "scopes": {scope: f"Operations of {scope}." for scope in sorted(auth.SCOPES)},
            }
        },
    }
    return schemes
