"""Metadata: custom keys and values that shops attach to objects."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 32
MAX_KEYS = 10_000
INTEGERS = range(-(2**63), 2**63)


def flaw(metadata: Mapping[str, Any], path: str = ".metadata") -> str | None:
    """What makes metadata unfit to be kept, such as `Property .metadata.a is nested too deep`;
    None where nothing does.
    """
    left = [MAX_KEYS]
    return _flaw(metadata, path, MAX_DEPTH, left)


def _flaw(value: Any, path: str, depth: int, left: list[int]) -> str | None:
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if value in INTEGERS else f"Property {path} should be a 64-bit integer"
    if isinstance(value, float):
        return None if math.isfinite(value) else f"Property {path} should be a finite number"
    if depth == 0:
        return f"Property {path} is nested too deep"
    items = value.items() if isinstance(value, Mapping) else enumerate(value)
    for name, member in items:
        left[0] -= 1
        if left[0] < 0:
            return f"Property {path} has too many members"
        inner = f"{path}.{name}" if isinstance(value, Mapping) else f"{path}[{name}]"
        found = _flaw(member, inner, depth - 1, left)
        if found is not None:
            return found
    return None


def patch(metadata: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Metadata as sent, parted into keys to set and keys to remove: a key sent as null goes."""
    kept = {name: value for name, value in metadata.items() if value is not None}
    return kept, [name for name in metadata if name not in kept]
