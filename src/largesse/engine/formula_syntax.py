"""How dynamic formulas are written: the tokens, and the tree that they make.

Loosest first: `OR`; `AND`; comparisons (`=`, `is`, `IN_ARRAY`, `IS_AFTER` and the like); `+ -`;
`* / %`; a leading `-`. A `;` parts the values of a function, a `,` the choices of an array.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple, TypeGuard

import msgspec

MOST_CHARACTERS = 2000
MOST_DIGITS = 30
# Of operations within one another, a chain such as `1 + 2 + 3` included. Every level is a few
# Python calls deep, both when it is read and when it is evaluated.
MOST_DEPTH = 64

_COMPARISONS = """
    = > < is isNot contains startsWith endsWith IN_ARRAY NOT_IN_ARRAY
    DATE_IS DATE_IS_NOT IS_AFTER IS_BEFORE
"""
_BINDING = {
    "OR": 1,
    "AND": 2,
    **dict.fromkeys(_COMPARISONS.split(), 3),
    **dict.fromkeys("+-", 4),
    **dict.fromkeys("*/%", 5),
}
# The signs of multiplication and division, as people write them.
_TIMES, _OVER = "\u00d7", "\u00f7"
_SPELLINGS = {"x": "*", _TIMES: "*", _OVER: "/"}
_ARRAYS = ("IN_ARRAY", "NOT_IN_ARRAY")


class FormulaError(ValueError):
    """A formula that cannot be read; its text says why, and at which character."""


class Literal(msgspec.Struct, frozen=True):
    """A number or a text as written; `at` is its place, counted from 1."""

    value: Decimal | str
    at: int
    depth: int = 0


class Call(msgspec.Struct, frozen=True):
    """An operand, function or operator, with the values that it is given."""

    name: str
    arguments: tuple[Literal | Call, ...]
    at: int
    depth: int


Node = Literal | Call


def parse(text: str) -> Node:
    """The tree of a formula; neither names nor types are checked here.

    Raises FormulaError for what is too long, nested too deep or not written as a formula.
    """
    if len(text) > MOST_CHARACTERS:
        raise FormulaError(f"A formula can have at most {MOST_CHARACTERS} characters")
    if "\x00" in text:
        raise FormulaError("A formula cannot contain the null character")
    if not text.strip():
        raise FormulaError("A formula cannot be empty")
    parser = _Parser(text)
    tree = parser.expression()
    parser.expect("end", "")
    return tree


# --- tokens -------------------------------------------------------------------------------------


class _Token(NamedTuple):
    kind: str
    text: str
    at: int

    def is_(self, kind: str, text: str) -> bool:
        return self.kind == kind and self.text == text

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else f"{self.text!r} at character {self.at}"


_TOKEN = re.compile(
    r"""(?P<number>[0-9]+(?:\.[0-9]+)?)
    | "(?P<text>(?:[^"\\]|\\.)*)"
    | (?P<sign>[-+*/%=<>();,\u00d7\u00f7]|x(?![A-Za-z_]))
    | (?P<name>[A-Za-z_]+(?:\.[A-Za-z_]+)*)""",
    re.VERBOSE | re.DOTALL,
)
_INK = re.compile(r"\S")
_ESCAPED = re.compile(r"\\([\"\\])")


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while ink := _INK.search(text, place):
        place = ink.start()
        at = place + 1
        found = _TOKEN.match(text, place)
        if found is None:
            what = "A text is not closed:" if text[place] == '"' else "Unexpected"
            raise FormulaError(f"{what} {text[place]!r} at character {at}")
        kind = found.lastgroup or ""
        place = found.end()
        sign = _SPELLINGS.get(found[kind]) if kind == "sign" else None
        yield _Token(kind, sign or found[kind], at)
    yield _Token("end", "", len(text) + 1)


# --- tree ---------------------------------------------------------------------------------------


class _Parser:
    """Reads expressions from left to right, always one token ahead."""

    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.token = next(self.tokens)
        self.depth = 0

    def expression(self, least: int = 1) -> Node:
        """Operands joined by operators that bind at least as tightly as `least`."""
        left = self._factor()
        while True:
            name = self.token.text
            binding = 0 if self.token.kind == "text" else _BINDING.get(name, 0)
            if binding < least:
                return left
            at = self._advance().at
            right = [self.expression(binding + 1)]
            while name in _ARRAYS and self._accept(","):
                right.append(self.expression(binding + 1))
            left = self._call(name, (left, *right), at)

    def expect(self, kind: str, text: str) -> None:
        """Goes on after a token, which has to be the next one."""
        if not self.token.is_(kind, text):
            raise FormulaError(f"Unexpected {self.token}")
        if kind != "end":
            self._advance()

    def _advance(self) -> _Token:
        token = self.token
        self.token = next(self.tokens)
        return token

    def _accept(self, sign: str) -> bool:
        accepted = self.token.is_("sign", sign)
        if accepted:
            self._advance()
        return accepted

    def _factor(self) -> Node:
        kind, text, at = token = self.token
        if kind == "end" or (kind != "text" and text in _BINDING and text != "-"):
            raise FormulaError(f"Unexpected {token}")
        self._advance()
        if kind == "number":
            if len(text) > MOST_DIGITS:
                raise FormulaError(
                    f"A number can have at most {MOST_DIGITS} digits, at character {at}"
                )
            return Literal(Decimal(text), at)
        if kind == "text":
            return Literal(_ESCAPED.sub(r"\1", text), at)
        if kind == "name" and not self.token.is_("sign", "("):
            return self._call(text, (), at)
        self.depth += 1
        _check(self.depth, at)
        inner = self._nested(token)
        self.depth -= 1
        return inner

    def _nested(self, token: _Token) -> Node:
        """What follows a minus sign, an opening bracket or the name of a function."""
        kind, text, at = token
        if kind == "name":
            self.expect("sign", "(")
            return self._call(text, tuple(self._values()), at)
        if text == "-":
            value = self._factor()
            if isinstance(value, Literal) and isinstance(value.value, Decimal):
                return Literal(value.value.copy_negate(), at)
            return self._call("-", (value,), at)
        if text != "(":
            raise FormulaError(f"Unexpected {token}")
        inner = self.expression()
        self.expect("sign", ")")
        return inner

    def _values(self) -> Iterator[Node]:
        """The values of a function. The cases of a SWITCH may follow each other without a `;`."""
        value = self.expression()
        yield value
        while self._accept(";") or (is_case(value) and self.token.is_("name", "SWITCH_CASE")):
            value = self.expression()
            yield value
        self.expect("sign", ")")

    def _call(self, name: str, arguments: tuple[Node, ...], at: int) -> Call:
        depth = 1 + max((argument.depth for argument in arguments), default=0)
        _check(depth, at)
        return Call(name, arguments, at, depth)


def is_case(node: Node) -> TypeGuard[Call]:
    """Whether a node is a case of a SWITCH."""
    return isinstance(node, Call) and node.name == "SWITCH_CASE"


def _check(depth: int, at: int) -> None:
    if depth > MOST_DEPTH:
        raise FormulaError(
            f"More than {MOST_DEPTH} operations within one another, at character {at}"
        )
