"""The table of operations, and the router that finds one by its path.

An operation is an async function `(ctx, body, query, **path) -> value`; it takes only those of
`body` and `query` that it declares, and knows nothing of HTTP. From the one table come routing,
authorization, limits, transactions, metrics and the OpenAPI document.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from largesse.kit import auth, wire
from largesse.kit.errors import MethodNotAllowed, NotFound

JSON, FORM, FILE = "json", "form", "file"
Handler = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Together:
    """How requests of an operation are done together: `joins` tells of a body whether it can be;
    `handler` takes several (context, body) and answers as many values, `grouping.LATER` for those
    that cannot share a transaction with the others.
    """

    joins: Callable[[Any], bool]
    handler: Handler


@dataclass(frozen=True, slots=True)
class Operation:
    """One line of the route table.

    `kind` is the keys it takes, `scope` what a token needs beside the whole-API scope, `consumes`
    how its body comes (`form` takes JSON too), `writes` whether it runs in a transaction (or a
    function of the body, or else of the query, that tells), `shows` the body's type in the document
    where that says more than `body`, `accepted` the answer where the work is taken on (202) and not
    done, `produces` the media types of an answer that is a file, `linked` what a request means that
    shows a `token` in its query, `keeps` whether its answer may be kept for those who ask again
    (not where it holds a secret), `together` how several requests at once are done in one
    transaction.
    """

    method: str
    path: str
    handler: Handler
    kind: str = auth.SERVER
    scope: str | None = None
    body: Any = None
    shows: Any = None
    query: type[msgspec.Struct] | None = None
    answer: Any = None
    produces: tuple[str, ...] = ()
    accepted: Any = None
    status: int = 200
    writes: bool | Callable[[Any], bool] = True
    consumes: str = JSON
    bulk: bool = False
    keeps: bool = True
    deprecated: bool = False
    tag: str = ""
    reader: wire.Reader | None = field(default=None, compare=False)
    linked: Operation | None = field(default=None, compare=False)
    together: Together | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        return self.handler.__name__


class Routes:
    """Collects the operations of one URL family, which share a tag, a kind of keys and a scope."""

    def __init__(self, tag: str, scope: str | None = None, kind: str = auth.SERVER) -> None:
        self.tag = tag
        self.scope = scope
        self.kind = kind
        self.operations: list[Operation] = []

    def add(self, method: str, path: str, **options: Any) -> Callable[[Handler], Handler]:
        options.setdefault("writes", method != "GET")
        options.setdefault("scope", self.scope)
        options.setdefault("kind", self.kind)
        if options.get("body") is not None and options.get("consumes", JSON) != FILE:
            options["reader"] = wire.Reader(options["body"])

        def register(handler: Handler) -> Handler:
            self.operations.append(
                Operation(method=method, path=path, handler=handler, tag=self.tag, **options)
            )
            return handler

        return register

    def get(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        return self.add("GET", path, **options)

    def post(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        return self.add("POST", path, **options)

    def put(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        return self.add("PUT", path, **options)

    def delete(self, path: str, **options: Any) -> Callable[[Handler], Handler]:
        return self.add("DELETE", path, **options)


class Upload(msgspec.Struct, frozen=True):
    """A file that came with a request, and what was sent beside it."""

    content: bytes
    fields: dict[str, str] = {}


class Answered(msgspec.Struct, frozen=True):
    """An answer with a status of its own, where an operation has several."""

    status: int
    value: Any


class Download(msgspec.Struct, frozen=True):
    """An answer that is a file, sent as its parts come."""

    parts: AsyncIterator[bytes]
    media_type: str
    filename: str


class _Node:
    __slots__ = ("fixed", "operations", "parameter")

    def __init__(self) -> None:
        self.fixed: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.operations: dict[str, tuple[Operation, tuple[str, ...]]] = {}


class Router:
    """Finds operations by raw path: `%2F` stays inside its segment, fixed segments win over
    parameters where both serve the method, and one trailing slash means nothing.
    """

    def __init__(self, operations: Iterable[Operation]) -> None:
        operations = list(operations)
        self._root = _Node()
        self._whole = {
            (operation.method, operation.path.encode()): operation
            for operation in operations
            if "{" not in operation.path
        }
        for operation in operations:
            node, names = self._root, []
            for segment in operation.path.strip("/").split("/"):
                if segment.startswith("{"):
                    names.append(_snake(segment[1:-1]))
                    node.parameter = node.parameter or _Node()
                    node = node.parameter
                else:
                    node = node.fixed.setdefault(segment, _Node())
            assert operation.method not in node.operations, operation
            node.operations[operation.method] = (operation, tuple(names))

    def find(self, method: str, raw_path: bytes) -> tuple[Operation, dict[str, str]] | None:
        """The operation and its path parameters; None for an unknown path.

        Raises MethodNotAllowed, and NotFound where a parameter can be no identifier.
        """
        whole = self._whole.get((method, raw_path))
        if whole is not None:
            return whole, {}
        path = raw_path.decode("latin-1")
        segments = path.removeprefix("/").removesuffix("/").split("/")
        leaves = list(_walk(self._root, segments, 0, ()))
        for node, values in leaves:
            found = node.operations.get(method)
            if found is not None:
                return found[0], dict(zip(found[1], map(_plain, values), strict=True))
        if not leaves:
            return None
        allowed = sorted({method for node, _ in leaves for method in node.operations})
        raise MethodNotAllowed.of(method, allowed)


def _walk(
    node: _Node, segments: list[str], at: int, values: tuple[str, ...]
) -> Iterable[tuple[_Node, tuple[str, ...]]]:
    if at == len(segments):
        if node.operations:
            yield node, values
        return
    segment = segments[at]
    fixed = node.fixed.get(segment)
    if fixed is not None:
        yield from _walk(fixed, segments, at + 1, values)
    if node.parameter is not None and segment:
        yield from _walk(node.parameter, segments, at + 1, (*values, segment))


def _plain(segment: str) -> str:
    if "%" not in segment and segment.isascii():
        return segment
    try:
        text = unquote_to_bytes(segment.encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise NotFound from None
    if "\x00" in text:
        raise NotFound
    return text


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
