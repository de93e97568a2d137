from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from largesse.kit.db import Uncertain
from largesse.kit.grouping import Lines


def test_what_may_have_been_done_is_not_done_again() -> None:
    """A line whose COMMIT was lost: nobody knows, so nobody may try it once more."""
    done: list[str] = []

    async def work(asks: Sequence[Any]) -> Sequence[str]:
        await asyncio.sleep(0.01)
        done.extend(asks)
        if len(asks) > 1:
            raise Uncertain("The connection was lost; read before you try again")
        return list(asks)

    async def run() -> list[Any]:
        lines = Lines(True)
        asked = (lines.join("code", name, work) for name in ("first", "second", "third"))
        return await asyncio.gather(*asked, return_exceptions=True)

    answers = asyncio.run(run())
    assert done == ["first", "second", "third"]
    assert answers[0] == "first"
    with pytest.raises(Uncertain):
        raise answers[1]
