"""Random lives of a shop. `make sim SEED=7 STEPS=300` lives one again."""

from __future__ import annotations

import os

import pytest

from tests.running import Server
from tests.simulation.life import Life

SEED = int(os.environ.get("SEED") or 1)
STEPS = int(os.environ.get("STEPS") or 300)


def live(server: Server, seed: int, steps: int) -> None:
    with Life(server.project(), seed) as life:
        for step in range(1, steps + 1):
            try:
                life.step()
            except AssertionError as error:
                told = "\n".join(life.story[-5:])
                raise AssertionError(
                    f"seed {seed}, step {step}: {error}\n{told}\n"
                    f"To live it again: make sim SEED={seed} STEPS={step}"
                ) from error


def test_a_life(server: Server) -> None:
    live(server, SEED, STEPS)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_many_lives(server: Server) -> None:
    for seed in range(100, 120):
        live(server, seed, 2000)
