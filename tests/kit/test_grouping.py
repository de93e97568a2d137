from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from largesse.kit.db import Uncertain
from largesse.kit.grouping import LATER, MOST, Lines, Work


class Book:
    """Work that notes who was done with whom, and takes its time."""

    def __init__(self) -> None:
        self.said: list[list[str]] = []

    async def work(self, asks: Sequence[Any], patient: bool) -> Sequence[Any]:
        self.said.append(list(asks))
        await asyncio.sleep(0.01)
        return await self.answers(asks, patient)

    async def answers(self, asks: Sequence[Any], patient: bool) -> Sequence[Any]:
        return list(asks)


def asked(work: Work, *names: str) -> list[Any]:
    """What each has of it, who all come at once."""

    async def run() -> list[Any]:
        lines = Lines(True)
        asks = (lines.join("code", name, work) for name in names)
        return await asyncio.gather(*asks, return_exceptions=True)

    return asyncio.run(run())


def test_those_who_come_meanwhile_are_done_together() -> None:
    book = Book()
    names = [f"{n}" for n in range(MOST + 10)]
    assert asked(book.work, *names) == names
    assert book.said == [names[:1], names[1 : MOST + 1], names[MOST + 1 :]]


def test_what_may_have_been_done_is_not_done_again() -> None:
    """A line whose COMMIT was lost: nobody knows, so nobody may try it once more."""

    class Lost(Book):
        async def answers(self, asks: Sequence[Any], patient: bool) -> Sequence[Any]:
            if len(asks) > 1:
                raise Uncertain("The connection was lost; read before you try again")
            return list(asks)

    book = Lost()
    answers = asked(book.work, "first", "second", "third")
    assert book.said == [["first"], ["second", "third"]]
    assert answers[0] == "first"
    for answer in answers[1:]:
        with pytest.raises(Uncertain):
            raise answer


def test_one_that_raises_is_found_by_halves() -> None:
    class Picky(Book):
        async def answers(self, asks: Sequence[Any], patient: bool) -> Sequence[Any]:
            if "bad" in asks:
                raise ValueError("bad")
            return list(asks)

    book = Picky()
    names = [f"{n}" for n in range(16)]
    answers = asked(book.work, "first", *names, "bad")
    assert answers[:-1] == ["first", *names]
    with pytest.raises(ValueError, match="bad"):
        raise answers[-1]
    # All, two halves, and each time the half with the bad one again.
    assert len(book.said) <= 2 + 2 * 5


def test_who_shares_something_comes_again() -> None:
    """At most one of a kind at a time, and before those who came later."""

    class Kinds(Book):
        async def answers(self, asks: Sequence[Any], patient: bool) -> Sequence[Any]:
            first = {ask[0]: ask for ask in reversed(asks)}
            return [ask if first[ask[0]] == ask else LATER for ask in asks]

    book = Kinds()
    names = ["x0", "a1", "a2", "b1", "a3"]
    assert asked(book.work, *names) == names
    assert book.said == [["x0"], ["a1", "a2", "b1", "a3"], ["a2", "a3"], ["a3"]]


def test_nobody_waits_behind_one_who_waits() -> None:
    """Somebody else holds what one of them needs: that one alone waits for it."""

    class Held(Book):
        freed: asyncio.Event

        async def answers(self, asks: Sequence[Any], patient: bool) -> Sequence[Any]:
            if "held" in asks and not self.freed.is_set():
                if not patient:
                    raise asyncpg.LockNotAvailableError("canceling statement due to lock timeout")
                await self.freed.wait()
            return list(asks)

    async def run(*names: str) -> None:
        lines, book = Lines(True), Held()
        book.freed = asyncio.Event()
        tasks = {name: asyncio.create_task(lines.join("x", name, book.work)) for name in names}
        others = [tasks[name] for name in names if name != "held"]
        assert await asyncio.wait_for(asyncio.gather(*others), 5)
        late = await asyncio.wait_for(lines.join("x", "late", book.work), 5)
        assert (late, tasks["held"].done()) == ("late", False)
        book.freed.set()
        assert await tasks["held"] == "held"

    asyncio.run(run("held", "a", "b"))
    asyncio.run(run("a", "b", "held", "c"))
