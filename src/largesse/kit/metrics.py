"""Prometheus metrics, right across workers: each writes to a file of its own in a shared folder.

The folder is named by PROMETHEUS_MULTIPROC_DIR, which must be set before this module is imported;
without it the metrics are this process's alone.
"""

from __future__ import annotations

import os
from functools import cache

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

FOLDER = "PROMETHEUS_MULTIPROC_DIR"

SECONDS = Histogram(
    "largesse_http_request_seconds",
    "Answered requests, and the time from the request's head to the answer's end.",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
JOB_ROWS = Counter("largesse_job_rows", "Rows that jobs have worked off.", ["type", "outcome"])
EVENTS = Counter("largesse_events", "Events that the background worker has fanned out.")


# Labels are remembered for good, so what a client makes up must not become one.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@cache
def _seconds(method: str, route: str, status: int) -> Histogram:
    return SECONDS.labels(method, route, status)


def answered(method: str, route: str, status: int, seconds: float) -> None:
    """Counts one answer; `route` is a path of the route table."""
    _seconds(method if method in _METHODS else "other", route, status).observe(seconds)


def exposition() -> tuple[bytes, str]:
    """The metrics of all workers as text, and its content type."""
    registry = REGISTRY
    if os.environ.get(FOLDER):
        registry = CollectorRegistry()
        # This part of prometheus_client has no types.
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST


def forget(pid: int) -> None:
    """Drops the gauges of a process that has ended; what it counted stays counted."""
    if os.environ.get(FOLDER):
        # As above, without types.
        mark_process_dead(pid)  # type: ignore[no-untyped-call]
