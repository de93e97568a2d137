"""Money in whole minor units."""

from __future__ import annotations

from collections.abc import Sequence


def rounded(amount: int, divisor: int) -> int:
    """`amount / divisor` to the nearest whole unit, half up; `divisor` is positive."""
    return (2 * amount + divisor) // (2 * divisor)


def average(total: int, count: int) -> int:
    """The average of `count` amounts that sum to `total`; 0 where there are none."""
    return rounded(total, count) if count > 0 else 0


def split(total: int, weights: Sequence[int]) -> list[int]:
    """`total` in whole parts proportional to `weights`, summing to it exactly.

    What whole parts leave over goes out one by one, to the largest remainders first and to the
    earlier part where two are equal. Neither `total` nor a weight is negative; where all weights
    are 0 the parts are as even as can be.
    """
    whole = sum(weights)
    if whole == 0:
        weights, whole = [1] * len(weights), len(weights)
    parts, remainders = [], []
    for weight in weights:
        part, remainder = divmod(total * weight, whole)
        parts.append(part)
        remainders.append(-remainder)
    over = total - sum(parts)
    if over:
        for index in sorted(range(len(parts)), key=remainders.__getitem__)[:over]:
            parts[index] += 1
    return parts
