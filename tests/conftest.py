from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.running import Server, Shop, running


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long forms run only when they are asked for."""
    if os.environ.get("LARGESSE_SOAK"):
        return
    chosen = [item for item in items if item.get_closest_marker("soak") is None]
    left_out = [item for item in items if item.get_closest_marker("soak") is not None]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = chosen


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server for all tests that do not harm it, with two web workers."""
    yield from running()


@pytest.fixture
def shop(server: Server) -> Shop:
    """A project of the test's own on that server."""
    return server.project()
