"""What all benches share: the registry, measuring in turns, medians, tables and goals."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec


class Figures(msgspec.Struct, kw_only=True):
    """One measurement. Latencies and CPU are milliseconds, CPU for each request; `peak` is the
    largest memory of a web worker so far, in MB. What a side has not is None.
    """

    requests: int
    rate: float
    p50: float
    p95: float
    p99: float
    web_cpu: float | None
    postgres_cpu: float
    client_cpu: float
    peak: float | None


class Side(Protocol):
    """One of those that are compared."""

    @property
    def name(self) -> str: ...

    def measure(self, operation: str, seconds: int) -> Figures: ...


class Goal(msgspec.Struct):
    """What is wanted, what was found, and whether that is enough."""

    wanted: str
    found: str
    met: bool


@dataclass
class Report:
    """What a bench says: text for people, `raw` for machines."""

    lines: list[str] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
        self.lines += [f"**{title}**", ""]
        self.lines += [_line(columns, widths), _line(["-" * width for width in widths], widths)]
        self.lines += [_line(row, widths) for row in rows]
        self.lines.append("")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
    return f"| {' | '.join(padded)} |"


@dataclass(frozen=True)
class Plan:
    """How long each measurement takes, and how many there are of each. `rows` is how much the
    measurements of many rows take, in place of the size that each states.
    """

    seconds: int
    rounds: int
    rows: int | None = None


Run = Callable[[Plan], Report]
BENCHES: dict[str, Run] = {}


def bench(name: str) -> Callable[[Run], Run]:
    """Registers a bench under a name; its docstring says what it shows."""

    def register(run: Run) -> Run:
        BENCHES[name] = run
        return run

    return register


Measured = Mapping[tuple[str, str], Sequence[Figures]]


def in_turns(sides: Sequence[Side], operations: Sequence[str], plan: Plan) -> Measured:
    """Measures every side at every operation, in rounds that each begin with another side, so that
    whatever else the machine does hits all alike. A short round before them warms up.
    """
    found: dict[tuple[str, str], list[Figures]] = {}
    for number in range(plan.rounds + 1):
        start = number % len(sides)
        for operation in operations:
            for side in (*sides[start:], *sides[:start]):
                figures = side.measure(operation, plan.seconds if number else 1)
                if number:
                    found.setdefault((operation, side.name), []).append(figures)
        progress(f"round {number} of {plan.rounds}" if number else "warm")
    return found


def progress(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def median(found: Sequence[Figures], name: str) -> float | None:
    values = [getattr(figures, name) for figures in found]
    return None if None in values else statistics.median(values)


def ratio(found: Sequence[Figures], other: Sequence[Figures]) -> float:
    """How many times the other's rate: the median of the rounds' ratios, which noise that lasts
    longer than a round does not touch.
    """
    return statistics.median(a.rate / b.rate for a, b in zip(found, other, strict=True))


def share(value: float) -> str:
    return f"{value * 100:.0f} %"


def number(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:,.{digits}f}"
