"""`python -m bench [NAME...] [--seconds N] [--rounds N] [--rows N] [--json FILE]`"""

from __future__ import annotations

import argparse
import platform
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import psutil

from bench import (  # noqa: F401, they register their benches
    commerce,
    commerce_bulk,
    commerce_imports,
    customers,
    engine,
    promotions,
    qualifications,
    redemption_lists,
    redemptions,
)
from bench.harness import BENCHES, Plan, Report
from bench.sides import Database, place


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="All benches, or some.")
    parser.add_argument("name", nargs="*", help=f"one of: {', '.join(BENCHES)}")
    parser.add_argument("--seconds", type=int, default=4, help="length of each measurement")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each side")
    parser.add_argument(
        "--rows", type=int, help="for a quick look: fewer than each bench of rows has"
    )
    parser.add_argument("--json", type=Path, help="file for the raw figures")
    given = parser.parse_args()
    if unknown := set(given.name) - BENCHES.keys():
        parser.error(f"there is no bench {', '.join(sorted(unknown))}")
    if given.seconds < 1 or given.rounds < 1 or (given.rows or 1) < 1:
        parser.error("at least one second, one round and one row")
    return given


def facts() -> dict[str, Any]:
    """What the figures hang on."""
    with place() as folder:
        version = Database(folder).version()
    return {
        "date": time.strftime("%Y-%m-%d"),
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GB",
        "Python": platform.python_version(),
        "PostgreSQL": version,
        "busy before": f"{psutil.cpu_percent(1.0):.0f} % of all cores, by others",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "?")


def show(name: str, report: Report) -> None:
    print(f"## {name}\n\n{(BENCHES[name].__doc__ or '').strip()}\n")
    print("\n".join(report.lines))
    for goal in report.goals:
        print(f"- {'met   ' if goal.met else 'MISSED'}  {goal.wanted}: {goal.found}")
    print(flush=True)


def main() -> None:
    given = arguments()
    # A polite end unwinds, so that servers and folders go.
    signal.signal(signal.SIGTERM, _end)
    plan = Plan(given.seconds, given.rounds, given.rows)
    machine = facts()
    print("\n".join(f"{name}: {value}" for name, value in machine.items()))
    print(f"measurements: medians of {plan.rounds} rounds of {plan.seconds} s, in turns\n")
    reports: dict[str, Report] = {}
    for name in given.name or list(BENCHES):
        reports[name] = BENCHES[name](plan)
        show(name, reports[name])
    if given.json:
        raw = {
            "machine": machine,
            "seconds": plan.seconds,
            "rounds": plan.rounds,
            "rows": plan.rows,
            "benches": {
                name: {"goals": report.goals, "figures": report.raw}
                for name, report in reports.items()
            },
        }
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(raw), indent=2) + b"\n")


def _end(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
