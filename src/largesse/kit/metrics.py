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

REQUESTS = Counter("largesse_http_requests", "Answered requests.", ["method", "route", "status"])
SECONDS = Histogram(
    "largesse_http_request_seconds",
    "Time from the request's head to the answer's.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
JOB_ROWS = Counter("largesse_job_rows", "Rows that jobs have worked off.", ["type", "outcome"])
EVENTS = Counter("largesse_events", "Events that the background worker has fanned out.")


@cache
def _request(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(method, route, status), SECONDS.labels(method, route)


def answered(method: str, route: str, status: int, seconds: float) -> None:
    count, histogram = _request(method, route, status)
    count.inc()
    histogram.observe(seconds)


def exposition() -> tuple[bytes, str]:
    """The metrics of all workers as text, and its content type."""
    registry = REGISTRY
    if os.environ.get(FOLDER):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST


def forget(pid: int) -> None:
    """Drops the gauges of a process that has ended; what it counted stays counted."""
    if os.environ.get(FOLDER):
        mark_process_dead(pid)  # type: ignore[no-untyped-call]
