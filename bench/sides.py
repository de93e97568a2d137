"""Those that are measured: the server, the bare answer, and pgbench, all on one PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psutil

from bench.harness import Figures
from bench.load import PATIENCE, Order, Result, percentile
from largesse.kit.postgres import DATABASE, USER, Postgres
from tests.running import FIRST, Server

ROOT = Path(__file__).parent.parent
CONNECTIONS = 32
PROJECT_ID = FIRST["project_id"]


class Failed(Exception):
    """A side that did not do its work; the text is what it said."""


@contextlib.contextmanager
def place() -> Iterator[Path]:
    """A folder of the bench's own, which PostgreSQL's user can enter too."""
    with tempfile.TemporaryDirectory(prefix="largesse-bench-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


class Database:
    """The PostgreSQL that all sides use."""

    def __init__(self, folder: Path) -> None:
        self.postgres = Postgres(folder / "postgres")

    @contextlib.contextmanager
    def running(self) -> Iterator[Database]:
        try:
            self.postgres.start()
            yield self
        finally:
            self.postgres.stop()

    def url(self, name: str = DATABASE) -> str:
        return f"postgresql://{USER}@/{name}?host={self.postgres.socket_folder}"

    def version(self) -> str:
        """PostgreSQL's, which need not run."""
        program = self.postgres.binary("postgres")
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
        return said.stdout.split()[-1]

    def say(self, statement: str, name: str = DATABASE) -> str:
        """Runs a statement by psql; what it printed."""
        return self.client("psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", statement, name)

    def client(self, program: str, *arguments: str | Path, seconds: float = 300) -> str:
        where = ("-h", self.postgres.socket_folder, "-U", USER)
        done = subprocess.run(
            [self.postgres.binary(program), *where, *arguments],
            # As the server's sessions are.
            env=os.environ | {"PGOPTIONS": "-c plan_cache_mode=force_generic_plan"},
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        if done.returncode != 0:
            raise Failed(f"{program}: {done.stderr[-2000:]}")
        return done.stdout.strip()

    def cpu(self) -> float:
        """Seconds that PostgreSQL has used, with sessions that have ended."""
        pid = self.postgres.pid
        assert pid is not None
        main = psutil.Process(pid)
        # The living first: one that ends in between is then counted twice and not lost, and the
        # few that end while a measurement begins have done nothing yet.
        living = cpu(main.children())
        times = main.cpu_times()
        ended: float = times.children_user + times.children_system
        return living + ended + float(times.user + times.system)


def cpu(processes: Sequence[psutil.Process]) -> float:
    seconds = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            seconds += times.user + times.system
    return seconds


def peak(process: psutil.Process) -> float:
    """The most memory that a process has held, in MB."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return float(process.memory_info().rss) / 2**20
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) / 1024


# --- over HTTP ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """What is sent, with KEY in place of keys; the part `new` of the keys is new to the server.
    `arrivals` is how many are sent a second, whatever comes back.
    """

    text: str
    new: float = 0.0
    arrivals: float | None = None


def request(method: str, path: str, body: object = None, new: float = 0.0) -> Request:
    """A request as it goes over the wire."""
    headers = {
        "Host": "127.0.0.1",
        "X-App-Id": FIRST["app_id"],
        "X-App-Token": FIRST["app_token"],
        "Accept": "application/json",
    }
    content = b""
    if body is not None:
        content = msgspec.json.encode(body)
        headers |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return Request("\r\n".join(lines) + "\r\n\r\n" + content.decode(), new)


@dataclass
class Http:
    """A server on a port, under the load of bench.load. `web` finds its web workers; `done` is how
    many requests of each operation were answered 200.
    """

    name: str
    port: int
    web: Callable[[], list[psutil.Process]]
    database: Database
    requests: Mapping[str, Request]
    existing: int
    done: Counter[str] = field(default_factory=Counter)

    def measure(self, operation: str, seconds: int) -> Figures:
        asked = self.requests[operation]
        order = Order(
            port=self.port,
            request=asked.text,
            existing=self.existing,
            new=asked.new,
            seconds=seconds,
            connections=CONNECTIONS,
            arrivals=asked.arrivals,
        )
        workers = self.web()
        web, postgres = cpu(workers), self.database.cpu()
        done = subprocess.run(
            [sys.executable, "-m", "bench.load"],
            input=msgspec.json.encode(order),
            capture_output=True,
            timeout=seconds * PATIENCE + 90,
            cwd=ROOT,
        )
        if done.returncode != 0:
            raise Failed(f"{self.name}: {done.stderr.decode()[-2000:]}")
        result = msgspec.json.decode(done.stdout, type=Result)
        self.done[operation] += result.requests
        return Figures(
            requests=result.requests,
            rate=result.rate,
            p50=result.p50,
            p95=result.p95,
            p99=result.p99,
            web_cpu=(cpu(workers) - web) * 1000 / result.requests,
            postgres_cpu=(self.database.cpu() - postgres) * 1000 / result.requests,
            client_cpu=result.cpu,
            peak=max(map(peak, workers)),
        )


@contextlib.contextmanager
def largesse(
    folder: Path, url: str, workers: int, *, background: bool = False, **settings: Any
) -> Iterator[Server]:
    """The server with so many web workers, on a database. Its background worker stays off where it
    is not measured: what it does afterwards with the events of one side would fall on the next.
    """
    server = Server(folder, database_url=url, workers=workers, background=background, **settings)
    try:
        server.start()
        yield server
    finally:
        if server.process is not None:
            server.stop()


def web_of(server: Server) -> Callable[[], list[psutil.Process]]:
    return lambda: server.children("largesse.app")


def background_of(server: Server) -> Callable[[], list[psutil.Process]]:
    return lambda: server.children("largesse.worker")


@contextlib.contextmanager
def bare(url: str) -> Iterator[tuple[int, Callable[[], list[psutil.Process]]]]:
    """The bare answer as a process; its port, and what finds it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.bare", url, PROJECT_ID],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), lambda: [psutil.Process(process.pid)]
    finally:
        process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


# --- pgbench ------------------------------------------------------------------------------------


@dataclass
class Pgbench:
    """PostgreSQL's own load, with scripts of which each is run equally often. `variables` are texts
    that the scripts name, `clients` how many run them at once, `done` how many transactions of each
    operation there were.
    """

    name: str
    database: Database
    scripts: Mapping[str, Sequence[str]]
    variables: Mapping[str, str]
    clients: int = CONNECTIONS
    done: Counter[str] = field(default_factory=Counter)

    def measure(self, operation: str, seconds: int) -> Figures:
        with tempfile.TemporaryDirectory(prefix="largesse-pgbench-") as name:
            figures = self._measure(Path(name), self.scripts[operation], seconds)
        self.done[operation] += figures.requests
        return figures

    def _measure(self, folder: Path, scripts: Sequence[str], seconds: int) -> Figures:
        arguments: list[str | Path] = ["-n", "-M", "prepared", "-c", str(self.clients), "-j", "2"]
        arguments += ["-T", str(seconds), "-l", f"--log-prefix={folder / 'log'}"]
        # Event ids sort by time, as the server's do: a number that grows from run to run.
        for variable, value in {"run": str(time.time_ns() // 10), **self.variables}.items():
            arguments += ["-D", f"{variable}={value}"]
        for number, script in enumerate(scripts):
            path = folder / f"{number}.sql"
            path.write_text(script)
            arguments += ["-f", path]
        postgres, client = self.database.cpu(), _children()
        said = self.database.client("pgbench", *arguments, DATABASE, seconds=seconds + 60)
        client = _children() - client
        postgres = self.database.cpu() - postgres
        rate = float(re.findall(r"tps = ([\d.]+)", said)[0])
        times = sorted(
            int(line.split()[2]) / 1000
            for log in folder.glob("log.*")
            for line in log.read_text().splitlines()
        )
        return Figures(
            requests=len(times),
            rate=rate,
            p50=percentile(times, 50),
            p95=percentile(times, 95),
            p99=percentile(times, 99),
            web_cpu=None,
            postgres_cpu=postgres * 1000 / len(times),
            client_cpu=client * 1000 / len(times),
            peak=None,
        )


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def filled(statement: str, values: Sequence[str]) -> str:
    """A statement with its parameters replaced by what stands for them in a script."""
    return re.sub(r"\$(\d+)", lambda place: values[int(place[1]) - 1], statement).strip() + ";\n"
