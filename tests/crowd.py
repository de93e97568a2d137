"""What the tests of access share: many requests at once, and work on the server's own database."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx

from largesse.kit import db
from tests.running import Server

T = TypeVar("T")


def crowd(
    server: Server, headers: Mapping[str, str], path: str = "/v1/customers", count: int = 50
) -> Counter[int]:
    """The statuses of many requests at once, each by a client and on a connection of its own, so
    that every worker answers some of them and no thread closes what another one reads.
    """

    def status(_: int) -> int:
        return httpx.get(f"{server.url}{path}", headers=dict(headers), trust_env=False).status_code

    with ThreadPoolExecutor(10) as pool:
        return Counter(pool.map(status, range(count)))


def on_database(server: Server, work: Callable[[Any], Awaitable[T]]) -> T:
    """Runs `work(connection)` on the database of a server."""

    async def run() -> T:
        connection = await db.connect(server.postgres.url)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(run())
