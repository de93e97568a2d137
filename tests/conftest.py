from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from largesse.api.routes import OPERATIONS
from tests.contract.client import CALLED
from tests.running import Server, Shop, running

# The files that tests ran from, in this process and in those that it shared them out to.
RAN: set[str] = set()

# How busy a machine is says nothing of what it runs.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long forms run only when they are asked for."""
    if os.environ.get("LARGESSE_SOAK"):
        return
    chosen = [item for item in items if item.get_closest_marker("soak") is None]
    left_out = [item for item in items if item.get_closest_marker("soak") is not None]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = chosen


# --- every operation is called by some test -----------------------------------------------------


def pytest_collection_finish(session: pytest.Session) -> None:
    RAN.update(str(item.path) for item in session.items)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What a process tells that ran a share of the tests; one that crashed tells nothing."""
    told = getattr(node, "workeroutput", {})
    CALLED.update((method, path) for method, path in told.get("called", ()))
    RAN.update(told.get("ran", ()))


def uncalled() -> list[tuple[str, str]]:
    """The operations that no test called; none where not all tests of the API ran."""
    if not set(map(str, (Path(__file__).parent / "api").glob("test_*.py"))) <= RAN:
        return []
    return sorted({(operation.method, operation.path) for operation in OPERATIONS} - CALLED)


def pytest_sessionfinish(session: pytest.Session) -> None:
    shared: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if shared is not None:
        shared.update(called=sorted(CALLED), ran=sorted(RAN))
    elif uncalled():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for method, path in uncalled():
        terminalreporter.write_line(f"ERROR no test called {method} {path}", red=True)


# --- servers ------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server for all tests that do not harm it, with two web workers."""
    yield from running()


@pytest.fixture
def shop(server: Server) -> Shop:
    """A project of the test's own on that server."""
    return server.project()
