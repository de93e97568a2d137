"""The time in whole milliseconds, as it is stored and answered. Only `kit` looks at a clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def now() -> datetime:
    return datetime.fromtimestamp(now_ms() / 1000, UTC)
