from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from largesse.engine.metadata import MAX_DEPTH, MAX_KEYS, flaw, patch

NAMES = st.sampled_from(["", "a", "a.b", "[0]", "\U0001f600"]) | st.text(max_size=3)
SCALARS = (
    st.none()
    | st.booleans()
    | NAMES
    | st.integers(-(2**70), 2**70)
    | st.integers(2**63 - 2, 2**63 + 1)
    | st.integers(-(2**63) - 2, -(2**63) + 1)
    | st.floats()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
METADATA = st.dictionaries(NAMES, VALUES, max_size=3)


def nested(depth: int, innermost: Any = 1, *, lists: bool = False) -> Any:
    """A value of so many containers, one in the other."""
    for _ in range(depth):
        innermost = [innermost] if lists else {"a": innermost}
    return innermost


def fits(value: Any, depth: int = MAX_DEPTH) -> bool:
    """The rule told a second time, without paths or a budget of members."""
    if isinstance(value, bool | str) or value is None:
        return True
    if isinstance(value, int):
        return -(2**63) <= value <= 2**63 - 1
    if isinstance(value, float):
        return not math.isnan(value) and not math.isinf(value)
    members = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(fits(member, depth - 1) for member in members)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"lang": "en", "test": True, "none": None, "": ""},
        {"most": 2**63 - 1, "least": -(2**63)},
        {"most": 1.7976931348623157e308, "least": 5e-324, "zero": -0.0},
        {"list": [1, "a", None, [], {}], "object": {"a": {"b": [1]}}},
        {"nul is judged elsewhere": "\x00", "\U0001f600": "\U0001f600"},
        {"a": nested(31)},
        {"a": nested(31, lists=True)},
        nested(32),
        {str(n): n for n in range(MAX_KEYS)},
        {"a": [0] * (MAX_KEYS - 1)},
        {"long": "x" * 1_000_000},
    ],
)
def test_what_can_be_kept(metadata: dict[str, Any]) -> None:
    assert flaw(metadata) is None


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"a": 2**63}, "Property .metadata.a should be a 64-bit integer"),
        ({"a": -(2**63) - 1}, "Property .metadata.a should be a 64-bit integer"),
        ({"a": {"b": [0, 2**64]}}, "Property .metadata.a.b[1] should be a 64-bit integer"),
        ({"a": math.inf}, "Property .metadata.a should be a finite number"),
        ({"a": [-math.inf]}, "Property .metadata.a[0] should be a finite number"),
        ({"a": math.nan}, "Property .metadata.a should be a finite number"),
        ({"b c": [[2**63]]}, "Property .metadata.b c[0][0] should be a 64-bit integer"),
        ({"a": nested(32)}, f"Property .metadata{'.a' * 32} is nested too deep"),
        (
            {"a": nested(32, lists=True)},
            f"Property .metadata.a{'[0]' * 31} is nested too deep",
        ),
        (nested(10_000), f"Property .metadata{'.a' * 32} is nested too deep"),
        ({str(n): n for n in range(MAX_KEYS + 1)}, "Property .metadata has too many members"),
        ({"a": [0] * MAX_KEYS}, "Property .metadata.a has too many members"),
        ({"a": {}, "b": [2**63, math.nan]}, "Property .metadata.b[0] should be a 64-bit integer"),
    ],
)
def test_what_cannot_be_kept_is_named(metadata: dict[str, Any], expected: str) -> None:
    assert flaw(metadata) == expected


def test_the_path_begins_where_the_caller_says() -> None:
    assert flaw({"a": 2**63}, ".b") == "Property .b.a should be a 64-bit integer"


@given(METADATA)
def test_exactly_what_fits_is_kept(metadata: dict[str, Any]) -> None:
    found = flaw(metadata)
    assert (found is None) is fits(metadata)
    assert found is None or found.startswith("Property .metadata")


@given(st.integers(0, 40), st.booleans(), SCALARS)
@settings(max_examples=50)
def test_depth_counts_containers(depth: int, lists: bool, innermost: Any) -> None:
    metadata = {"a": nested(depth, innermost, lists=lists)}
    assert (flaw(metadata) is None) is fits(metadata)


@pytest.mark.parametrize(
    ("metadata", "kept", "removed"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1}, []),
        ({"a": None}, {}, ["a"]),
        ({"a": None, "b": 0, "c": None, "d": ""}, {"b": 0, "d": ""}, ["a", "c"]),
        ({"a": {"b": None}, "c": [None]}, {"a": {"b": None}, "c": [None]}, []),
    ],
)
def test_patch(metadata: dict[str, Any], kept: dict[str, Any], removed: list[str]) -> None:
    assert patch(metadata) == (kept, removed)


@given(METADATA)
def test_patch_parts_every_key_once(metadata: dict[str, Any]) -> None:
    kept, removed = patch(metadata)
    assert sorted([*kept, *removed]) == sorted(metadata)
    assert all(metadata[name] is None for name in removed)
    assert all(kept[name] is metadata[name] is not None for name in kept)
