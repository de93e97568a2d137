"""Logic strings: how the rules of a set are joined, such as `(1 and 2) or 3`.

`and` binds tighter than `or`, brackets tighter than both, and case does not matter. A rule may be
undecided (None) where its facts are not known yet; what follows from the decided ones is certain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import msgspec

MOST_CHARACTERS = 20_000
# Open at once. What is nested is judged by calls within calls.
MOST_BRACKETS = 20
# Of a text that is quoted in a refusal.
_SHOWN = 60

_WORD = re.compile(r"[()]|[\w$-]+|\S", re.ASCII)
_KEY = re.compile(r"[\w$-]{1,64}\Z", re.ASCII)


class LogicError(ValueError):
    """What is wrong with a logic string, to be read after the place where it stands."""


class All(msgspec.Struct, frozen=True):
    """Holds where every part does, and so where there is none."""

    parts: tuple[Node, ...]


class Either(msgspec.Struct, frozen=True):
    """Holds where at least one part does."""

    parts: tuple[Node, ...]


# A number is the place of a rule in its set.
Node: TypeAlias = "int | All | Either"
Truth: TypeAlias = "bool | None"


def is_key(text: str) -> bool:
    """Whether a logic string can name a rule by this key."""
    return _KEY.match(text) is not None and text.lower() not in ("and", "or")


def read(text: str, places: Mapping[str, int]) -> Node:
    """A logic string over rules by key. A blank one joins all of them with `and`.

    Raises LogicError for a text that is no such expression, is too long or too deep, or names a
    rule that is not there. It need not name every rule.
    """
    if not text.strip():
        return _joined(All, list(places.values()))
    if len(text) > MOST_CHARACTERS:
        raise LogicError(f"logic should NOT be longer than {MOST_CHARACTERS} characters")
    # For the whole, and for each bracket that is open, the alternatives read so far.
    levels: list[list[list[Node]]] = [[[]]]
    complete = False
    for word in _WORD.findall(text):
        reason, complete = _take(word, levels, complete, places)
        if reason:
            raise LogicError(f"logic '{_shown(text)}' {reason}")
    if not complete:
        raise LogicError(f"logic '{_shown(text)}' ends where a rule is expected")
    if len(levels) > 1:
        raise LogicError(f"logic '{_shown(text)}' has a bracket that is not closed")
    return _alternatives(levels[0])


def _take(
    word: str, levels: list[list[list[Node]]], complete: bool, places: Mapping[str, int]
) -> tuple[str | None, bool]:
    """Read a word after an expression that is `complete` or not. Answers what is wrong with it,
    and whether the expression is complete with it.
    """
    lower = word.lower()
    if lower in ("and", "or", ")"):
        if not complete:
            return f"has '{word}' where a rule is expected", False
        if lower == "or":
            levels[-1].append([])
        if lower == ")":
            if len(levels) == 1:
                return "closes a bracket that is not open", False
            group = _alternatives(levels.pop())
            levels[-1][-1].append(group)
        return None, lower == ")"
    if complete:
        return f"has '{_shown(word)}' where 'and' or 'or' is expected", False
    if word == "(":
        levels.append([[]])
        deep = len(levels) > MOST_BRACKETS + 1
        return f"nests brackets deeper than {MOST_BRACKETS}" if deep else None, False
    if word not in places:
        return f"names rule '{_shown(word)}', which is not defined", False
    levels[-1][-1].append(places[word])
    return None, True


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _joined(kind: type[All] | type[Either], parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else kind(tuple(parts))


def _alternatives(given: list[list[Node]]) -> Node:
    return _joined(Either, [_joined(All, parts) for parts in given])


def named(node: Node) -> Iterator[int]:
    """The places of the rules that a logic speaks of, as it speaks of them."""
    if isinstance(node, int):
        yield node
    else:
        for part in node.parts:
            yield from named(part)


def holds(node: Node, of: Callable[[int], Truth]) -> Truth:
    """What follows from what `of` says of each rule. It is asked no more than is needed, and None
    is answered only where an undecided rule could still turn the answer.
    """
    if isinstance(node, int):
        return of(node)
    decisive = isinstance(node, Either)
    undecided = False
    for part in node.parts:
        found = holds(part, of)
        if found is decisive:
            return decisive
        undecided |= found is None
    return None if undecided else not decisive


def culprit(node: Node, of: Callable[[int], Truth]) -> int:
    """The first rule that made a logic fail; of alternatives that failed, the first one's."""
    if isinstance(node, int):
        return node
    return next(culprit(part, of) for part in node.parts if holds(part, of) is False)
