"""Money in whole minor units."""

from __future__ import annotations


def rounded(amount: int, divisor: int) -> int:
    """`amount / divisor` to the nearest whole unit, half up; `divisor` is positive."""
    return (2 * amount + divisor) // (2 * divisor)


def average(total: int, count: int) -> int:
    """The average of `count` amounts that sum to `total`; 0 where there are none."""
    return rounded(total, count) if count > 0 else 0
