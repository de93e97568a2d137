"""One web worker: the route table on a pool of connections, served by uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib.util
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import largesse
from largesse.actions import kept_answers
from largesse.actions.admit import Admission
from largesse.api.routes import OPERATIONS
from largesse.kit import db, logs, metrics, openapi, settings, wire
from largesse.kit.clock import now, now_ms
from largesse.kit.errors import InternalError, MethodNotAllowed, NotFound, Problem, Unavailable
from largesse.kit.http import Caller, Http, Limits
from largesse.kit.ids import Ids
from largesse.kit.limits import API_CALLS, BULK_API_CALLS, Limit
from largesse.kit.logs import log
from largesse.kit.settings import Settings
from largesse.store.context import Context
from largesse.store.noticed import Noticed

READY = "SELECT count(*) FROM projects"
DESCRIPTION = (
    "Discounts, gift cards, loyalty and referrals on your own server. Amounts are in minor units, "
    "times in UTC. Wire-compatible with Voucherify's public API."
)
DOCS = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Largesse API</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({url: "/openapi.json", dom_id: "#page", deepLinking: true, docExpansion: "none"});
</script>
</body>
</html>
"""


def document() -> dict[str, Any]:
    """The OpenAPI document of all operations."""
    return openapi.document(
        OPERATIONS, title="Largesse", version=largesse.__version__, description=DESCRIPTION
    )


NOTICED_SECONDS = 1.0


def build(config: Settings, pool: Any, noticed: Noticed | None = None) -> Http:
    """The ASGI application. `pool` may still be opening; somebody writes what is `noticed`."""
    ids = Ids(now_ms)

    def begin(database: Any, caller: Caller, request_id: str) -> Context:
        return Context(
            database,
            ids=ids,
            now=now(),
            project=caller.project,
            principal=caller.principal,
            request_id=request_id,
            settings=config,
            noticed=noticed,
        )

    workers = config.workers
    limits = Limits(
        Limit(config.rate_limit, config.rate_limit_seconds, workers, API_CALLS),
        Limit(config.bulk_rate_limit, config.bulk_rate_limit_seconds, workers, BULK_API_CALLS),
        Limit(config.client_rate_limit, config.client_rate_limit_seconds, workers, API_CALLS),
    )
    return Http(
        OPERATIONS,
        admit=Admission(pool, now),
        begin=begin,
        claim=kept_answers.claim,
        keep=kept_answers.keep,
        pool=pool,
        limits=limits,
        new_id=ids.new,
        max_body=config.max_body,
        otherwise=_pages(pool, ids, limits),
        access_log=config.access_log,
        grouped=config.group_redemptions,
    )


def _pages(pool: Any, ids: Ids, limits: Limits) -> Starlette:
    """What is beside the API: health, metrics, the document and its page."""
    drawn = wire.encode(document())

    async def live(_: Request) -> Response:
        return _json({"status": "live"})

    async def ready(_: Request) -> Response:
        try:
            await pool.fetchval(READY, timeout=5)
        except Exception as error:
            raise Unavailable("The database is not ready") from error
        return _json({"status": "ready"})

    async def exposition(_: Request) -> Response:
        body, media_type = metrics.exposition()
        return Response(body, media_type=media_type)

    async def openapi_json(_: Request) -> Response:
        return Response(drawn, media_type="application/json")

    async def docs(_: Request) -> Response:
        return HTMLResponse(DOCS)

    async def refused(request: Request, error: Exception) -> Response:
        problem: Problem = error if isinstance(error, Problem) else InternalError()
        if isinstance(error, HTTPException):
            problem = NotFound()
            if error.status_code == 405:
                problem = MethodNotAllowed.of(request.method, ["GET"])
        headers = problem.headers | {
            name.decode(): value.decode() for name, value in limits.calls.idle().headers()
        }
        body = wire.encode(problem.body(ids.new("v-")))
        return Response(body, problem.code, headers, media_type="application/json")

    return Starlette(
        routes=[
            Route("/health/live", live),
            Route("/health/ready", ready),
            Route("/metrics", exposition),
            Route("/openapi.json", openapi_json),
            Route("/docs", docs),
            Mount("/docs/assets", StaticFiles(directory=_assets())),
        ],
        exception_handlers={HTTPException: refused, Problem: refused},
    )


def _json(value: Any) -> Response:
    return Response(wire.encode(value), media_type="application/json")


def _assets() -> Path:
    """The folder of Swagger UI's own files, as the package ships them."""
    spec = importlib.util.find_spec("swagger_ui")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "static"


async def serve(config: Settings, socket_fd: int, parent_fd: int) -> None:
    """Serves on an open socket until SIGTERM, or until the parent is gone."""
    async with await db.open_pool(
        config.database_url, config.pool_size, config.statement_timeout_ms, plan_once=True
    ) as pool:
        noticed = Noticed()
        server = uvicorn.Server(
            uvicorn.Config(
                build(config, pool, noticed),
                loop="uvloop",
                http="httptools",
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=True,
                forwarded_allow_ips=config.trusted_proxies,
                # Longer than what proxies keep idle connections for, so that they close first.
                timeout_keep_alive=75,
                timeout_graceful_shutdown=25,
                backlog=2048,
            )
        )

        def orphaned() -> None:
            server.should_exit = True
            asyncio.get_running_loop().remove_reader(parent_fd)

        asyncio.get_running_loop().add_reader(parent_fd, orphaned)
        # What is loaded by now stays: the collector need not look at it again, nor look often.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        writing = asyncio.create_task(_write_noticed(noticed, pool))
        await server.serve([socket.socket(fileno=socket_fd)])
        writing.cancel()
        with contextlib.suppress(Exception):
            await noticed.write(pool)


async def _write_noticed(noticed: Noticed, pool: Any) -> None:
    """Writes what was noticed, once a second; what the database does not take then is lost."""
    while True:
        await asyncio.sleep(NOTICED_SECONDS)
        try:
            await noticed.write(pool)
        except Exception as error:
            log.warning("noticed events lost", reason=str(error))


def main() -> None:
    """`python -m largesse.app SOCKET_FD PARENT_FD`, with the settings in the environment."""
    config = settings.load()
    logs.set_up(config.log_level)
    # The server drains on SIGTERM and then raises it again; by then the work is done.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(KeyboardInterrupt):
        import uvloop

        uvloop.run(serve(config, int(sys.argv[1]), int(sys.argv[2])))
    os._exit(0)


if __name__ == "__main__":
    main()
