"""HTTP: the ASGI application that answers the operations of the route table."""

from __future__ import annotations

import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from largesse.kit import auth, bodies, db, idempotency, metrics, wire
from largesse.kit.errors import (
    InternalError,
    NotAcceptable,
    NotFound,
    Problem,
)
from largesse.kit.grouping import LATER, LOCK_MS, Lines, Work
from largesse.kit.limits import Exhausted, Limit, Standing
from largesse.kit.logs import log
from largesse.kit.routing import FILE, Answered, Download, Operation, Router

# The reference calls a file of CSV text/plain, and its SDKs accept nothing else.
FILES = ("text/csv", "text/plain")


class Caller(msgspec.Struct, frozen=True):
    """Who called, and in which project; both None where an operation asks for no key."""

    principal: auth.Principal | None = None
    project: Any = None


class Admit(Protocol):
    async def __call__(
        self, operation: Operation, headers: Mapping[bytes, bytes], ip: str
    ) -> Caller: ...


class Begin(Protocol):
    """Makes the Context of one request; `database` is a connection in a transaction, or
    the pool."""

    def __call__(self, database: Any, caller: Caller, request_id: str) -> Any: ...


# --- the application ----------------------------------------------------------------------------

_PREFLIGHT_HEADERS = (
    b"Content-Type, Authorization, X-Client-Application-Id, X-Client-Token, X-Voucherify-OAuth, "
    b"X-Voucherify-API-Version, X-Voucherify-Channel, Idempotency-Key"
)
_EXPOSED_HEADERS = (
    b"X-Rate-Limit-Limit, X-Rate-Limit-Remaining, X-Rate-Limit-Retry, X-Rate-Limit-Type, "
    b"Retry-After, Idempotent-Replayed"
)
CLIENT_PREFIX = b"/client/v1/"


@dataclass(slots=True)
class Answer:
    status: int
    body: bytes = b""
    media_type: str = "application/json"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    parts: AsyncIterator[bytes] | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """The three limits: of a key, of a key's bulk operations, of an address with client keys."""

    calls: Limit
    bulk: Limit
    client: Limit

    def of(self, operation: Operation) -> Limit:
        if operation.kind == auth.CLIENT:
            return self.client
        return self.bulk if operation.bulk else self.calls


class Http:
    """The ASGI application. Paths that no operation has go to `otherwise`."""

    def __init__(
        self,
        operations: Iterable[Operation],
        *,
        admit: Admit,
        begin: Begin,
        claim: idempotency.Claim,
        keep: idempotency.Keep,
        pool: Any,
        limits: Limits,
        new_id: Callable[[str], str],
        max_body: int,
        otherwise: ASGIApp,
        access_log: bool = False,
        grouped: bool = True,
    ) -> None:
        self.operations = list(operations)
        self.router = Router(self.operations)
        self.admit = admit
        self.begin = begin
        self.claim = claim
        self.keep = keep
        self.pool = pool
        self.limits = limits
        self.new_id = new_id
        self.max_body = max_body
        self.otherwise = otherwise
        self.access_log = access_log
        self.lines = Lines(grouped)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.otherwise(scope, receive, send)
            return
        started = time.perf_counter()
        method: str = scope["method"]
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        headers = dict(scope["headers"])
        request_id = self.new_id("v-")
        if method == "OPTIONS" and raw_path.startswith(CLIENT_PREFIX):
            await _send(send, _preflight(headers), self.limits.client.idle(), method)
            return
        operation: Operation | None = None
        standing = self.limits.calls.idle()
        try:
            found = self.router.find("GET" if method == "HEAD" else method, raw_path)
            if found is None and raw_path.startswith(CLIENT_PREFIX):
                raise NotFound
            if found is None:
                await self.otherwise(scope, receive, send)
                return
            operation, path = found
            standing, answer = await self._answer(
                operation, path, scope, headers, receive, request_id
            )
        except bodies.Disconnected:
            return
        except Exception as error:
            if isinstance(error, Exhausted):
                standing = error.standing
            answer = refusal(error, request_id, method, raw_path)
        if raw_path.startswith(CLIENT_PREFIX) and b"origin" in headers:
            answer.headers += _readable_by(headers[b"origin"])
        await _send(send, answer, standing, method)
        route = operation.path if operation else "(none)"
        seconds = time.perf_counter() - started
        metrics.answered(method, route, answer.status, seconds)
        if self.access_log:
            log.info(
                "answered",
                request_id=request_id,
                method=method,
                path=raw_path.decode("latin-1"),
                status=answer.status,
                ms=round(seconds * 1000, 2),
            )

    async def _answer(
        self,
        operation: Operation,
        path: dict[str, str],
        scope: Scope,
        headers: dict[bytes, bytes],
        receive: Receive,
        request_id: str,
    ) -> tuple[Standing, Answer]:
        ip = scope["client"][0] if scope.get("client") else ""
        if operation.linked is not None and wire.parse_query(scope["query_string"]).get("token"):
            operation = operation.linked
        caller = await self.admit(operation, headers, ip)
        limit = self.limits.of(operation)
        key = caller.principal.key_id if caller.principal else ""
        standing = limit.take(ip if operation.kind == auth.CLIENT or not key else key)
        produced = operation.produces or (
            FILES if operation.answer is Download else ("application/json",)
        )
        if not any(bodies.accepts(headers.get(b"accept", b""), kind) for kind in produced):
            raise NotAcceptable(f"The answer is {produced[0]}, which the Accept header leaves out")
        arguments: dict[str, Any] = dict(path)
        if operation.query is not None:
            arguments["query"] = wire.query(scope["query_string"], operation.query)
        content = b""
        if operation.body is not None:
            content = await bodies.read(headers, receive, self.max_body)
            arguments["body"] = await bodies.body_of(operation, headers, content)

        async def work(database: Any) -> Answer:
            context = self.begin(database, caller, request_id)
            return _answered(operation, await operation.handler(context, **arguments))

        writes = operation.writes
        said = arguments.get("body", arguments.get("query"))
        if not (writes(said) if callable(writes) else writes):
            if operation.method == "GET":
                return standing, await work(self.pool)
            async with self.pool.acquire() as connection:
                return standing, await work(connection)
        sent = arguments["body"] if operation.consumes == FILE else content
        asked = idempotency.asked(operation, headers, path, scope["query_string"], sent)
        if asked is None:
            together = operation.together
            if not (together and self.lines.on and together.joins(arguments["body"])):
                return standing, await db.in_transaction(self.pool, work)
            line = (operation.path, caller.project.id)
            ask = (caller, request_id, arguments["body"])
            return standing, await self.lines.join(line, ask, self._together(operation))

        async def once(database: Any) -> Answer:
            context = self.begin(database, caller, request_id)
            return await self._once(context, asked, work, request_id)

        return standing, await db.in_transaction(self.pool, once)

    def _together(self, operation: Operation) -> Work:
        """What does several requests of an operation in one transaction."""

        async def work(asks: Sequence[Any], patient: bool) -> Sequence[Any]:
            async def all_(database: Any) -> list[Any]:
                given = [(self.begin(database, who, id_), body) for who, id_, body in asks]
                assert operation.together is not None
                values = await operation.together.handler(given)
                return [
                    value if value is LATER else _answered(operation, value) for value in values
                ]

            return await db.in_transaction(self.pool, all_, lock_ms=0 if patient else LOCK_MS)

        return work

    async def _once(
        self,
        context: Any,
        asked: idempotency.Asked,
        work: Callable[[Any], Awaitable[Answer]],
        request_id: str,
    ) -> Answer:
        """The answer that was kept, or that of the work, which is kept in its transaction. A
        refusal undoes what was done before it, and is kept as well.
        """
        kept = await self.claim(context, asked)
        if kept is not None:
            return Answer(kept.status, kept.body, headers=[idempotency.REPLAYED])
        try:
            async with db.savepoint(context.db):
                answer = await work(context.db)
        except Problem as problem:
            if not idempotency.final(problem):
                raise
            answer = refusal(problem, request_id, "", b"")
        await self.keep(context, asked, idempotency.Kept(answer.status, answer.body))
        return answer


def _answered(operation: Operation, value: Any) -> Answer:
    if value is None:
        return Answer(204)
    if isinstance(value, Download):
        shown = "inline" if value.media_type.startswith("image/") else "attachment"
        name = f'{shown}; filename="{value.filename}"'.encode()
        return Answer(
            operation.status,
            media_type=value.media_type,
            headers=[(b"content-disposition", name)],
            parts=value.parts,
        )
    if isinstance(value, Answered):
        return Answer(value.status, wire.encode(value.value))
    return Answer(operation.status, wire.encode(value))


def refusal(error: Exception, request_id: str, method: str, raw_path: bytes) -> Answer:
    """The answer to what went wrong; what nobody foresaw is logged and answered as 500."""
    problem = error if isinstance(error, Problem) else db.translated(error)
    if not isinstance(problem, Problem):
        log.error("failed", request_id=request_id, method=method, exc_info=error)
        problem = InternalError()
    elif problem.code == 503:
        log.warning("unavailable", request_id=request_id, reason=problem.details)
    headers = [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    return Answer(problem.code, wire.encode(problem.body(request_id)), headers=headers)


def _preflight(headers: Mapping[bytes, bytes]) -> Answer:
    # Preflights carry no keys, so no project is known yet: the request itself is judged.
    answer = Answer(204, headers=_readable_by(headers.get(b"origin", b"*")))
    answer.headers += [
        (b"access-control-allow-methods", b"GET, POST, PUT, DELETE"),
        (b"access-control-allow-headers", _PREFLIGHT_HEADERS),
        (b"access-control-max-age", b"600"),
    ]
    return answer


def _readable_by(origin: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", _EXPOSED_HEADERS),
        (b"vary", b"Origin"),
    ]


async def _send(send: Send, answer: Answer, standing: Standing, method: str) -> None:
    headers = [*answer.headers, *standing.headers()]
    if answer.status != 204:
        headers.append((b"content-type", answer.media_type.encode()))
    if answer.parts is None and answer.status != 204:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if answer.parts is None or method == "HEAD":
        body = b"" if method == "HEAD" else answer.body
        await send({"type": "http.response.body", "body": body})
        return
    async for part in answer.parts:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
