"""`largesse serve`: the database, the web workers and the background worker, kept alive together.

The parent answers nothing itself. It opens the socket, starts the children, and starts again what
dies: a web worker or the background worker within a moment, the embedded PostgreSQL as soon as it
can. Children hold the reading end of a pipe that only the parent writes to, so they notice its
death whatever the cause, and leave.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

import msgspec

from largesse.actions import projects
from largesse.actions.projects import FirstKeys
from largesse.kit import db, logs, metrics, migrate, settings
from largesse.kit.clock import now
from largesse.kit.logs import log
from largesse.kit.postgres import BadFolder, Postgres
from largesse.kit.settings import Settings

MIGRATIONS = Path(__file__).parent / "store" / "migrations"
KEYS_FILE = "keys.env"
LOOK_SECONDS = 0.1
BIND_SECONDS = 10
DRAIN_SECONDS = 30


class Refused(Exception):
    """Why the server does not start, in a sentence for the operator."""


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Holds the data folder. Raises Refused where another server does."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "serve.lock").open("a+")
    except OSError as error:
        raise Refused(f"The folder {folder} cannot be used: {error.strerror}") from None
    with file:
        deadline = time.monotonic() + 2
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > deadline:
                    file.seek(0)
                    holder = file.read().strip() or "?"
                    raise Refused(
                        f"Another server (process {holder}) runs on the folder {folder}. Stop it, "
                        "or set LARGESSE_DATA_DIR to a folder of your own."
                    ) from None
                time.sleep(0.1)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextlib.contextmanager
def database(config: Settings) -> Iterator[tuple[str, Postgres | None]]:
    """The database's address, and the embedded one where no other is set."""
    if config.database_url:
        yield config.database_url, None
        return
    with Postgres(config.folder / "postgres").use() as postgres:
        yield postgres.url, postgres


async def prepare(url: str, config: Settings) -> tuple[list[str], FirstKeys | None]:
    """Migrates and makes what the first start needs; the names of the migrations, and the keys,
    which are kept before they count.
    """
    connection = await db.connect(url)
    try:
        applied = await migrate.apply(connection, MIGRATIONS)
        async with db.transaction(connection):
            keys = await projects.bootstrap(connection, config, now())
            if keys is not None:
                keep_keys(config.folder, keys)
        return applied, keys
    finally:
        await connection.close()


def keep_keys(folder: Path, keys: FirstKeys) -> None:
    """Writes the first keys where the owner alone can read them."""
    path = folder / KEYS_FILE
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(as_variables(keys))


def as_variables(keys: FirstKeys) -> str:
    return "".join(
        f"{settings.PREFIX}{name.upper()}={value}\n"
        for name, value in msgspec.structs.asdict(keys).items()
    )


def listen(host: str, port: int) -> socket.socket:
    """An open socket. Raises Refused; one still held by a server that is leaving is waited for."""
    deadline = time.monotonic() + BIND_SECONDS
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        opened = socket.socket(family, socket.SOCK_STREAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((host, port))
            opened.listen(2048)
            return opened
        except OSError as error:
            opened.close()
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise Refused(f"Cannot listen on {host}:{port}: {error.strerror}") from None
            time.sleep(0.2)


@dataclass
class Child:
    """A process that is started again when it dies, a little later each time that it dies young."""

    name: str
    command: list[str]
    fds: tuple[int, ...]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    again_at: float = 0.0

    def keep_alive(self, environment: dict[str, str]) -> None:
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return
            metrics.forget(self.process.pid)
            lived = time.monotonic() - self.started
            self.failures = self.failures + 1 if lived < 5 else 0
            self.again_at = time.monotonic() + min(1.0, 0.1 * self.failures)
            log.error("child died", child=self.name, pid=self.process.pid, code=code)
            self.process = None
        if time.monotonic() < self.again_at:
            return
        self.process = subprocess.Popen(self.command, pass_fds=self.fds, env=environment)
        self.started = time.monotonic()

    def end(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


class Supervisor:
    """Starts the children and keeps them and the embedded PostgreSQL alive until told to stop."""

    def __init__(self, config: Settings, opened: socket.socket, postgres: Postgres | None) -> None:
        self.config = config
        self.postgres = postgres
        self.stopping = False
        self.opened = opened
        self._starting = threading.Thread()
        reading, self._writing = os.pipe()
        fd = opened.fileno()
        python = sys.executable
        self.children = [
            Child(
                f"web {number}",
                [python, "-m", "largesse.app", str(fd), str(reading)],
                (fd, reading),
            )
            for number in range(1, config.workers + 1)
        ]
        if config.background:
            self.children.append(
                Child("worker", [python, "-m", "largesse.worker", str(reading)], (reading,))
            )
        self.environment = os.environ | settings.environment(config)
        # The secrets of the first start are in the database by now; no child needs them.
        for name in ("app_token", "client_token", "management_token"):
            self.environment.pop(settings.PREFIX + name.upper(), None)

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while not self.stopping:
            self._keep_postgres()
            for child in self.children:
                child.keep_alive(self.environment)
            time.sleep(LOOK_SECONDS)
        self._drain()

    def _keep_postgres(self) -> None:
        """Starts it again beside the rest, so that nothing else waits for its recovery."""
        if self.postgres is None or self._starting.is_alive() or self.postgres.pid is not None:
            return
        log.error("PostgreSQL is gone, starting it again")
        self._starting = threading.Thread(target=self._start, args=(self.postgres,), daemon=True)
        self._starting.start()

    def _start(self, postgres: Postgres) -> None:
        try:
            postgres.start()
        except (subprocess.SubprocessError, OSError, BadFolder) as error:
            log.error("PostgreSQL does not start", exc_info=error)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        log.info("stopping", signal=signal.Signals(number).name)
        self.stopping = True

    def _drain(self) -> None:
        """Children finish what they have in hand; one that does not in time is ended."""
        # A child that is only starting hears no signal yet, but it will see the pipe closed.
        os.close(self._writing)
        for child in self.children:
            child.end(signal.SIGTERM)
        # The workers have stopped listening, but the socket is open as long as any of us holds it,
        # and who connects now would wait for the last of them, in vain.
        with contextlib.suppress(OSError):
            self.opened.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + DRAIN_SECONDS
        for child in self.children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("child does not stop", child=child.name)
                child.end(signal.SIGKILL)
        if self._starting.is_alive():
            self._starting.join(DRAIN_SECONDS)


def serve(config: Settings, show: Callable[[FirstKeys, Path], None], out: IO[str]) -> None:
    """Runs until SIGTERM or SIGINT. Raises Refused."""
    logs.set_up(config.log_level)
    _take_in_orphans()
    with contextlib.ExitStack() as stack:
        stack.enter_context(folder_lock(config.folder))
        opened = stack.enter_context(contextlib.closing(listen(config.host, config.port)))
        port = opened.getsockname()[1]
        url, postgres = stack.enter_context(database(config))
        applied, keys = asyncio.run(prepare(url, config))
        if applied:
            log.info("migrated", applied=applied)
        if keys is not None:
            show(keys, config.folder / KEYS_FILE)
        os.environ[metrics.FOLDER] = str(_emptied(config.folder / "metrics"))
        config = msgspec.structs.replace(config, database_url=url, port=port)
        print(f"Largesse listens on http://{config.host}:{port}", file=out, flush=True)
        Supervisor(config, opened, postgres).run()


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _take_in_orphans() -> None:
    """Makes this process the parent of PostgreSQL, which is started through another: so its death
    is settled here at once, however slow the machine's first process is.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
