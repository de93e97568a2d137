"""Codes of vouchers: what a pattern may give, and the drawing of them.

A code is its prefix, its pattern with every `#` replaced by a character of the charset, and its
postfix. Where projects do not tell upper from lower case, two characters that differ only in case
count as one: such a charset is drawn from with the first of each.
"""

from __future__ import annotations

from codecs import charmap_decode
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from itertools import islice
from math import isqrt
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

LENGTH = 8
CHARSET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
MAX_CODE = 255
# A byte of noise gives a character.
MAX_CHARSET = 256

_TURNS = 4

Entropy = Callable[[int], bytes]


class CodeError(ValueError):
    """What is wrong with a code config, in the words of a refusal."""


class CodeConfig(msgspec.Struct, frozen=True):
    """A code config without flaw, as it is answered: `length` is the number of `#` in `pattern`."""

    length: int
    charset: str
    pattern: str
    prefix: str | UnsetType = UNSET
    postfix: str | UnsetType = UNSET


# --- reading ------------------------------------------------------------------------------------


def read(given: Mapping[str, Any] | None, path: str = ".code_config") -> CodeConfig:
    """A code config as it was sent; what is null or empty is the reference's default.

    Raises CodeError for members of a wrong type, a charset that cannot be drawn from, and codes
    that are empty or longer than a code may be.
    """
    if given is None:
        given = {}
    if not isinstance(given, Mapping):
        raise CodeError(f"Property {path} should be object")
    length = _length(given.get("length"), f"{path}.length")
    charset = _charset(given.get("charset"), f"{path}.charset")
    pattern, prefix, postfix = (
        _text(given.get(name), f"{path}.{name}") for name in ("pattern", "prefix", "postfix")
    )
    if not pattern:
        if not 1 <= length <= MAX_CODE:
            raise CodeError(f"Property {path}.length should be from 1 to {MAX_CODE}")
        pattern = "#" * length
    if len(prefix + pattern + postfix) > MAX_CODE:
        raise CodeError(f"Property {path} makes codes of more than {MAX_CODE} characters")
    return CodeConfig(pattern.count("#"), charset, pattern, prefix or UNSET, postfix or UNSET)


def _text(value: Any, path: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise CodeError(f"Property {path} should be string")
    if not value.isprintable():
        raise CodeError(f"Property {path} has characters that cannot be printed")
    return value


def _length(value: Any, path: str) -> int:
    """Whatever number; only where there is no pattern does it matter which."""
    if value is None:
        return LENGTH
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise CodeError(f"Property {path} should be a whole number")


def _charset(value: Any, path: str) -> str:
    if value is None:
        return CHARSET
    charset = _text(value, path)
    if not 1 <= len(charset) <= MAX_CHARSET:
        raise CodeError(f"Property {path} should have 1 to {MAX_CHARSET} characters")
    # One letter, the Turkish dotted I, becomes two in lower case, which two others may spell.
    if any(char.isspace() or len(char.lower()) != 1 for char in charset):
        raise CodeError(f"Property {path} has characters that codes cannot be drawn from")
    return charset


# --- counting -----------------------------------------------------------------------------------


def capacity(config: CodeConfig, *, folded: bool = False) -> int:
    """How many different codes there are; `folded` where the project ignores case."""
    return int(len(_alphabet(config, folded)) ** config.length)


def enough(config: CodeConfig, wanted: int, taken: int = 0, *, folded: bool = False) -> bool:
    """Whether there are as many codes as wanted besides those of the same pattern in use."""
    return capacity(config, folded=folded) >= wanted + taken


def _alphabet(config: CodeConfig, folded: bool) -> str:
    """The characters that are drawn from: the charset without those that repeat another."""
    first: dict[str, str] = {}
    for char in config.charset:
        first.setdefault(char.casefold() if folded else char, char)
    return "".join(first.values())


# --- drawing ------------------------------------------------------------------------------------


class Supply:
    """Codes of one config, for a store that keeps those that are new and asks for the rest::

        supply, refused = Supply(config, entropy), 0
        while missing and (codes := supply.take(min(missing, 10_000), refused)):
            kept = ...  # how many of them were new
            refused, missing = len(codes) - kept, missing - kept

    Codes are drawn at random, which is fast and needs no memory of what was drawn before. Once
    most of those taken were in use, drawing would come upon the same ones again and again: from
    then on the supply walks through all codes, each of them once, in an order that only its key
    tells. Nothing left to take therefore means that every code is in use. What the store kept is
    all the state there is: after an interruption a new supply goes on with what is missing still.
    """

    def __init__(self, config: CodeConfig, entropy: Entropy, *, folded: bool = False) -> None:
        """`entropy` gives as many bytes as it is asked for, such that nobody can foretell them."""
        self._alphabet = _alphabet(config, folded)
        self._length = config.length
        self._capacity = capacity(config, folded=folded)
        self._entropy = entropy
        self._template = _template(config)
        self._taken = 0
        self._walk: Iterator[str] | None = None

    def take(self, count: int, refused: int = 0) -> list[str]:
        """Up to `count` different codes; fewer only where the walk has come to its end.

        `refused` is how many of those taken last were in use.
        """
        if self._walk is None and (2 * refused > self._taken or 2 * count > self._capacity):
            self._walk = self._walked()
        codes = list(self._drawn(count) if self._walk is None else islice(self._walk, count))
        self._taken = len(codes)
        return codes

    def _drawn(self, count: int) -> dict[str, None]:
        """Different codes drawn at random, at most half of all."""
        found: dict[str, None] = {}
        while len(found) < count:
            letters = iter(self._letters((count - len(found)) * self._length))
            found |= dict.fromkeys(
                map(self._template.__mod__, zip(*[letters] * self._length, strict=True))
            )
        return found

    def _letters(self, count: int) -> str:
        """So many characters of the alphabet, each as likely as any other.

        A byte chooses one; the last bytes of 256, which would favour the first of the alphabet
        where its size does not divide 256, are dropped.
        """
        size = len(self._alphabet)
        fair = 256 - 256 % size
        choices, unfair = self._alphabet * (fair // size), bytes(range(fair, 256))
        letters = ""
        while len(letters) < count:
            noise = self._entropy((count - len(letters)) * 256 // fair + 16)
            letters += charmap_decode(noise.translate(None, unfair), "strict", choices)[0]
        return letters[:count]

    def _walked(self) -> Iterator[str]:
        """Every code once."""
        size = len(self._alphabet)
        for rest in permuted(self._capacity, self._entropy(32)):
            letters = []
            for _ in range(self._length):
                rest, digit = divmod(rest, size)
                letters.append(self._alphabet[digit])
            yield self._template % tuple(letters)


def _template(config: CodeConfig) -> str:
    """A format that makes a code of as many characters as the pattern has `#`."""
    before, pattern, after = (
        (text or "").replace("%", "%%") for text in (config.prefix, config.pattern, config.postfix)
    )
    return before + pattern.replace("#", "%c") + after


def permuted(size: int, key: bytes) -> Iterator[int]:
    """The numbers below `size`, each once, in an order that a key of at most 64 bytes tells.

    A Feistel network: a number is a pair of halves below `side`, and each round adds to one half
    what a keyed hash makes of the other, so that no two pairs meet. Pairs beyond `size` are left
    out, which are fewer than `2 * side`. Takes no memory.
    """
    side = isqrt(size - 1) + 1
    for number in range(side * side):
        left, right = divmod(number, side)
        for turn in range(_TURNS):
            noise = blake2b(b"%d %d" % (turn, right), key=key).digest()
            left, right = right, (left + int.from_bytes(noise)) % side
        found = left * side + right
        if found < size:
            yield found
