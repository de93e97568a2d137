from __future__ import annotations

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from largesse.engine.money import average, rounded, split

AMOUNTS = st.integers(-(2**80), 2**80)


@pytest.mark.parametrize(
    ("amount", "divisor", "expected"),
    [
        (0, 1, 0),
        (7, 1, 7),
        (1, 2, 1),
        (3, 2, 2),
        (5, 2, 3),
        (1, 3, 0),
        (2, 3, 1),
        (14, 10, 1),
        (15, 10, 2),
        (7_556, 100, 76),
        (7_549, 100, 75),
        # Half up is towards plus infinity, also below zero.
        (-1, 2, 0),
        (-3, 2, -1),
        (-1, 3, 0),
        (-2, 3, -1),
        # Beyond what a float can tell apart.
        (9_007_199_254_740_993, 2, 4_503_599_627_370_497),
        (2**63 - 1, 2, 2**62),
    ],
)
def test_rounded(amount: int, divisor: int, expected: int) -> None:
    assert rounded(amount, divisor) == expected


@given(AMOUNTS, st.integers(1, 2**70))
def test_rounded_is_half_up_exactly(amount: int, divisor: int) -> None:
    assert rounded(amount, divisor) == floor(Fraction(amount, divisor) + Fraction(1, 2))


@given(AMOUNTS, st.integers(1, 2**70))
def test_rounded_is_never_more_than_half_a_unit_off(amount: int, divisor: int) -> None:
    assert abs(Fraction(amount, divisor) - rounded(amount, divisor)) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("total", "count", "expected"),
    [(0, 0, 0), (100, 0, 0), (100, -1, 0), (100, 1, 100), (100, 3, 33), (200, 3, 67), (5, 2, 3)],
)
def test_average(total: int, count: int, expected: int) -> None:
    assert average(total, count) == expected


@given(st.lists(st.integers(0, 10**15), min_size=1))
def test_average_lies_between_the_least_and_the_greatest(amounts: list[int]) -> None:
    assert min(amounts) <= average(sum(amounts), len(amounts)) <= max(amounts)


@pytest.mark.parametrize(
    ("total", "weights", "expected"),
    [
        (1000, [20, 45, 60], [160, 360, 480]),
        (1000, [2, 3, 3], [250, 375, 375]),
        (100, [1, 1, 1], [34, 33, 33]),
        (200, [1, 1, 1], [67, 67, 66]),
        # What is over goes to the largest remainders: 16.67, 33.33 and 50.
        (100, [1, 2, 3], [17, 33, 50]),
        (10, [0, 1, 0], [0, 10, 0]),
        (1, [5, 5], [1, 0]),
        (0, [1, 2], [0, 0]),
        (5, [0, 0, 0], [2, 2, 1]),
        (0, [], []),
        (10**15, [10**15, 1], [10**15 - 1, 1]),
    ],
)
def test_split(total: int, weights: list[int], expected: list[int]) -> None:
    assert split(total, weights) == expected


WEIGHTS = st.lists(st.integers(0, 10**15), min_size=1, max_size=20)


@given(st.integers(0, 10**15), WEIGHTS)
def test_parts_sum_exactly_and_are_as_near_as_whole_units_can_be(
    total: int, weights: list[int]
) -> None:
    parts = split(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        fair = Fraction(total * weight, whole) if whole else Fraction(total, len(weights))
        assert floor(fair) <= part <= floor(fair) + (fair.denominator > 1)


@given(st.integers(0, 10**15), WEIGHTS)
def test_the_heavier_never_gets_less(total: int, weights: list[int]) -> None:
    parts = split(total, sorted(weights, reverse=True))
    assert parts == sorted(parts, reverse=True)
