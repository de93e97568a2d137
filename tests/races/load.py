"""What the race tests share: many requests at once, a steady load, and a look into the database."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple

import asyncpg
import httpx
import psutil

from tests.running import Server, Shop, until

Ask = tuple[str, str, Any]
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def parallel(
    shop: Shop, asks: Sequence[Ask], connections: int = 100, **headers: str
) -> list[httpx.Response]:
    """Sends requests `(method, path, body)` at the same time, over connections that are open
    already and reach every web worker; the answers in the order of the requests.

    Each connection is a plain stream: a client library would spend longer on a request than the
    server does, and so would send one after the other.
    """
    answers: dict[int, httpx.Response] = {}

    async def run() -> None:
        streams = await _open(shop.server, connections)

        async def say(first: int, stream: Stream) -> None:
            for number in range(first, len(asks), connections):
                request = _request(shop, *asks[number], headers)
                answers[number] = await _exchange(stream, request)

        await asyncio.gather(*(say(first, stream) for first, stream in enumerate(streams)))
        for _, writer in streams:
            writer.close()

    asyncio.run(run())
    return [answers[number] for number in range(len(asks))]


def _request(
    shop: Shop, method: str, path: str, body: Any, headers: dict[str, str] | None = None
) -> httpx.Request:
    plain = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
    return shop.api.build_request(method, path, json=body, headers=plain)


async def _exchange(stream: Stream, request: httpx.Request) -> httpx.Response:
    reader, writer = stream
    lines = [f"{request.method} {request.url.raw_path.decode()} HTTP/1.1".encode()]
    lines += [name + b": " + value for name, value in request.headers.raw]
    writer.write(b"\r\n".join(lines) + b"\r\n\r\n" + request.content)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
    headers = httpx.Headers([line.partition(": ")[::2] for line in head[1:] if line])
    content = await reader.readexactly(int(headers.get("content-length", 0)))
    status = int(head[0].split()[1])
    return httpx.Response(status, headers=headers, content=content, request=request)


async def _open(server: Server, count: int) -> list[Stream]:
    """Connections of which every web worker has some. One that has only just begun to listen may
    have got none, so this is tried a few times.
    """
    url = httpx.URL(server.url)
    request = httpx.Request("GET", f"{server.url}/health/live")
    for _ in range(50):
        streams = [await asyncio.open_connection(url.host, url.port) for _ in range(count)]
        await asyncio.gather(*(_exchange(stream, request) for stream in streams))
        if all(_connections(child) for child in living(server, "largesse.app")):
            return streams
        for _, writer in streams:
            writer.close()
        await asyncio.sleep(0.1)
    raise AssertionError("a web worker takes no connections")


def all_serve(server: Server) -> bool:
    """Whether every web worker is there and answers."""

    async def run() -> None:
        for _, writer in await _open(server, 20):
            writer.close()

    if len(living(server, "largesse.app")) < int(server.settings["workers"]):
        return False
    asyncio.run(run())
    return True


def living(server: Server, module: str) -> list[psutil.Process]:
    """The server's children that run a module; one that is dying just now is none."""
    assert server.process is not None
    found = []
    for child in psutil.Process(server.process.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if module in child.cmdline():
                found.append(child)
    return found


def workers(server: Server) -> list[psutil.Process]:
    """The server's web workers and its background worker."""
    return living(server, "largesse.app") + living(server, "largesse.worker")


def _connections(process: psutil.Process) -> int:
    try:
        open_ones = process.net_connections()
    except psutil.NoSuchProcess:
        return 0
    return sum(connection.status == psutil.CONN_ESTABLISHED for connection in open_ones)


# What a client sees of a process that is killed.
BROKEN = "broken connection"


class Said(NamedTuple):
    """What came of one request: `outcome` is a status, or what happened instead of an answer."""

    started: float
    ended: float
    outcome: int | str
    retry_after: str | None


class Load:
    """Creates customers without a pause for as long as it is entered, from a thread of its own.
    Who wants to send something else says in `ask` what, and in `hear` what the answer means.

    `acknowledged` are the source ids that were answered with 200.
    """

    def __init__(self, shop: Shop, clients: int = 6, pause: float = 0.01) -> None:
        self.shop = shop
        self.clients = clients
        self.pause = pause
        self.said: list[Said] = []
        self.acknowledged: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Load:
        self._thread.start()
        until(lambda: len(self.acknowledged) >= 50)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def ask(self, client: int, n: int) -> Ask:
        """The request that a client sends as its nth."""
        source_id = f"client-{client}-{n}"
        return "POST", "/v1/customers", {"source_id": source_id, "name": f"Customer {n}"}

    def hear(self, ask: Ask, answer: httpx.Response) -> None:
        """Notes what was answered with 200."""
        assert answer.json()["source_id"] == ask[2]["source_id"]
        self.acknowledged.add(ask[2]["source_id"])

    async def _run(self) -> None:
        await asyncio.gather(*(self._client(number) for number in range(self.clients)))

    async def _client(self, number: int) -> None:
        url = httpx.URL(self.shop.server.url)
        stream: Stream | None = None
        n = 0
        while not self._over.is_set():
            n += 1
            ask = self.ask(number, n)
            started = time.monotonic()
            retry_after = None
            outcome: int | str
            try:
                if stream is None:
                    stream = await asyncio.open_connection(url.host, url.port)
                request = _request(self.shop, *ask)
                answer = await asyncio.wait_for(_exchange(stream, request), 20)
                outcome = answer.status_code
                retry_after = answer.headers.get("retry-after")
                if outcome == 200:
                    self.hear(ask, answer)
            except (ConnectionError, asyncio.IncompleteReadError):
                outcome = BROKEN
            except TimeoutError:
                outcome = "timeout"
            if outcome in (BROKEN, "timeout") and stream is not None:
                stream[1].close()
                stream = None
            self.said.append(Said(started, time.monotonic(), outcome, retry_after))
            await asyncio.sleep(self.pause)
        if stream is not None:
            stream[1].close()

    @property
    def outcomes(self) -> Counter[int | str]:
        return Counter(said.outcome for said in self.said)

    def served_after(self, moment: float, seconds: float = 30.0) -> float:
        """Waits for a request begun after `moment` to be answered with 200; when it was."""

        def served() -> float | None:
            for said in reversed(self.said):
                if said.ended < moment:
                    break
                if said.started > moment and said.outcome == 200:
                    return next(
                        one.ended
                        for one in self.said
                        if one.started > moment and one.outcome == 200
                    )
            return None

        found = until(served, seconds, 0.01)
        assert found is not None
        return found


def source_ids(shop: Shop) -> list[str]:
    """The source ids of all customers, read page by page."""
    found: list[str] = []
    with httpx.Client(base_url=shop.server.url, headers=shop.api.headers, timeout=60) as client:
        for page in range(1, 1001):
            answer = client.get("/v1/customers", params={"limit": 100, "page": page})
            assert answer.status_code == 200, answer.text
            found += [customer["source_id"] for customer in answer.json()["customers"]]
            if not answer.json()["has_more"]:
                return found
    raise AssertionError("the list does not end")


def database_url(server: Server) -> str:
    return str(server.settings.get("database_url") or server.postgres.url)


class Session:
    """A session of the test's own in the server's database."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._connection = self._loop.run_until_complete(asyncpg.connect(url))

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Where the server has been stopped meanwhile, the session has ended already.
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self._loop.run_until_complete(self._connection.close())
        self._loop.close()

    def rows(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        found = self._loop.run_until_complete(self._connection.fetch(statement, *arguments))
        return [tuple(row) for row in found]

    def value(self, statement: str, *arguments: Any) -> Any:
        return self.rows(statement, *arguments)[0][0]

    def run(self, statement: str) -> None:
        self._loop.run_until_complete(self._connection.execute(statement))

    def hold(self, shop: Shop, source_id: str) -> None:
        """Opens a transaction that locks a customer's row; whoever writes to it waits."""
        self.run("BEGIN")
        statement = "SELECT id FROM customers WHERE project_id = $1 AND source_id = $2 FOR UPDATE"
        assert self.rows(statement, shop.id, source_id)

    def release(self) -> None:
        self.run("ROLLBACK")

    def waiting(self) -> int:
        """How many sessions wait for a lock."""
        found: int = self.value("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
        return found


def sql(server: Server, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
    with Session(database_url(server)) as session:
        return session.rows(statement, *arguments)


def mishaps(server: Server) -> str:
    """What the server logged of requests that failed for a reason that nobody foresaw."""
    lines = server.log.read_text().splitlines()
    return "\n".join(line[-1500:] for line in lines if '"event":"failed"' in line)[-6000:]


def events_by_source(shop: Shop) -> dict[str, dict[str, int]]:
    """How many events of each type every customer of a project has, by source id."""
    counts: dict[str, dict[str, int]] = {}
    for source_id, type_, n in sql(
        shop.server,
        "SELECT data #>> '{customer,source_id}', type, count(*) FROM events "
        "WHERE project_id = $1 GROUP BY 1, 2",
        shop.id,
    ):
        counts.setdefault(source_id, {})[type_] = n
    return counts
