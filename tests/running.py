"""A real server for tests: `largesse serve` as a process of its own, on a folder of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from largesse.kit.postgres import Postgres
from tests.contract.client import Client

T = TypeVar("T")

FIRST = {
    "project_id": "proj_F1rstOne",
    "app_id": "11111111-aaaa-4aaa-8aaa-000000000001",
    "app_token": "first-server-secret",
    "client_app_id": "11111111-aaaa-4aaa-8aaa-000000000002",
    "client_token": "first-client-secret",
    "management_id": "11111111-aaaa-4aaa-8aaa-000000000003",
    "management_token": "first-management-secret",
    "client_origins": "https://shop.example",
}


def until(check: Callable[[], T], seconds: float = 15.0, pause: float = 0.05) -> T:
    """Calls `check` until it is true, and answers what it said."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{check} was not true within {seconds} s")
        time.sleep(pause)


class Server:
    """`largesse serve`. Settings are given without their prefix, as in `workers=1`."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.settings = {"workers": 2, "port": 0, "data_dir": folder, **FIRST, **settings}
        self.process: subprocess.Popen[str] | None = None
        self.url = ""
        self.log = folder.with_suffix(".log")
        self.out = ""

    def environment(self) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if "LARGESSE_" not in name}
        given = {f"LARGESSE_{name.upper()}": str(value) for name, value in self.settings.items()}
        return plain | given

    def command(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs `largesse ARGUMENTS` with the server's settings, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "largesse.cli", *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=120,
            **options,
        )

    def start(self, wait: float = 60.0) -> Server:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "largesse.cli", "serve"],
                env=self.environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.out += line
            if line.startswith("Largesse listens on "):
                self.url = line.split()[-1]
                self.settings["port"] = self.url.rpartition(":")[2]
                break
        else:
            raise AssertionError(f"did not start:\n{self.out}{self.log.read_text()[-3000:]}")
        until(self.ready, wait)
        return self

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def children(self, module: str) -> list[psutil.Process]:
        """The living children that run a module, such as `largesse.app`."""
        assert self.process is not None
        found = []
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if module in child.cmdline():
                    found.append(child)
        return found

    @property
    def postgres(self) -> Postgres:
        return Postgres(self.folder / "postgres")

    def kill(self) -> None:
        """Ends the parent as a crash would; its children are on their own."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ends the server politely; its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()

    # --- talking to it -----------------------------------------------------------------------

    def client(self, app_id: str = "", app_token: str = "", **options: Any) -> Client:
        """A client with server keys, the first project's unless others are named."""
        headers = {
            "X-App-Id": app_id or FIRST["app_id"],
            "X-App-Token": app_token or FIRST["app_token"],
        }
        return Client(base_url=self.url, headers=headers, **options)

    def management(self) -> Client:
        headers = {
            "X-Management-Id": FIRST["management_id"],
            "X-Management-Token": FIRST["management_token"],
        }
        return Client(base_url=self.url, headers=headers)

    def anonymous(self, **headers: str) -> Client:
        return Client(
            base_url=self.url, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    def project(self, **settings: Any) -> Shop:
        """A new project of its own, with a client that holds its server key."""
        with self.management() as management:
            answer = management.post("/management/v1/projects", json={"name": "shop", **settings})
            assert answer.status_code == 200, answer.text
        return Shop(self, answer.json())


class Shop:
    """A project made for one test: `api` is a client with its server key."""

    def __init__(self, server: Server, project: dict[str, Any]) -> None:
        self.server = server
        self.project = project
        self.id: str = project["id"]
        key = project["server_side_key"]
        self.api = server.client(key["app_id"], key["app_token"])

    def browser(self, origin: str | None = None) -> Client:
        """A client with the project's client key."""
        key = self.project["client_side_key"]
        headers = {"X-Client-Application-Id": key["app_id"], "X-Client-Token": key["app_token"]}
        if origin is not None:
            headers["Origin"] = origin
        return Client(base_url=self.server.url, headers=headers)

    def finished(self, accepted: httpx.Response, seconds: float = 60.0) -> dict[str, Any]:
        """Waits until the async action of an answer is finished; the action."""
        assert accepted.status_code == 202, accepted.text
        path = f"/v1/async-actions/{accepted.json()['async_action_id']}"

        def done() -> dict[str, Any] | None:
            action: dict[str, Any] = self.api.get(path).json()
            return action if action["status"] in ("DONE", "FAILED") else None

        found = until(done, seconds)
        assert found is not None
        return found


def running(**settings: Any) -> Iterator[Server]:
    """A server on a fresh folder, stopped and cleared away afterwards."""
    with tempfile.TemporaryDirectory(prefix="largesse-test-", ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o755)
        server = Server(Path(place) / "data", **settings)
        try:
            yield server.start()
        finally:
            server.stop()
            server.postgres.stop()
