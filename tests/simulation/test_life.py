"""Random lives of a shop. `make sim SEED=7 STEPS=300` lives one again."""

from __future__ import annotations

import os

import pytest

from tests.running import Server
from tests.simulation.life import Life

# Every third seed is of a shop that stacks in part.
SEEDS = [int(os.environ["SEED"])] if os.environ.get("SEED") else [1, 3]
STEPS = int(os.environ.get("STEPS") or 200)


def live(server: Server, seed: int, steps: int) -> None:
    with Life(server.project(), seed) as life:
        for step in range(1, steps + 1):
            try:
                life.step()
            except Exception as error:
                told = "\n".join(life.story[-5:])
                raise AssertionError(
                    f"seed {seed}, step {step}: {error!r}\n{told}\n"
                    f"To live it again: make sim SEED={seed} STEPS={step}"
                ) from error


@pytest.mark.parametrize("seed", SEEDS)
def test_a_life(server: Server, seed: int) -> None:
    live(server, seed, STEPS)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_many_lives(server: Server) -> None:
    for seed in range(100, 120):
        live(server, seed, 2000)
