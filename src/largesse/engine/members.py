"""The members of a JSON object of a definition, read one by one: what does not fit is named."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from msgspec import UNSET, UnsetType

from largesse.engine import formula
from largesse.engine.formula import Context, FormulaError

# Neither storable nor sayable in UTF-8: the null character, and halves of surrogate pairs.
_UNFIT = re.compile("[\0\ud800-\udfff]")
MOST_TEXT = 2000


class Members:
    """A JSON object at a path. A member that is null is as one that is absent: UNSET.

    What does not fit raises `error`, an exception made of one text such as `Property
    .discount.amount_off cannot be lower than 0`.
    """

    __slots__ = ("_error", "_given", "path")

    def __init__(self, given: Any, path: str, error: type[Exception]) -> None:
        self.path = path
        self._error = error
        if not isinstance(given, Mapping):
            self._refuse("", "should be object")
        self._given: Mapping[str, Any] = given

    def _refuse(self, name: str, reason: str) -> NoReturn:
        raise self._error(f"Property {f'{self.path}.{name}' if name else self.path} {reason}")

    def names(self) -> list[str]:
        """The names of the members that are there and not null."""
        return [name for name, value in self._given.items() if value is not None]

    def has(self, name: str) -> bool:
        """Whether a member is there and not null."""
        return self._given.get(name) is not None

    def require(self, name: str) -> None:
        """Refuse an object without the member."""
        if not self.has(name):
            self._refuse("", f"should have required property '{name}'")

    def text(self, name: str) -> str | UnsetType:
        """A text that is not empty."""
        value = self._given.get(name)
        if value is None:
            return UNSET
        if not isinstance(value, str):
            self._refuse(name, "should be string")
        if not value or len(value) > MOST_TEXT:
            self._refuse(name, f"should have 1 to {MOST_TEXT} characters")
        if _UNFIT.search(value):
            self._refuse(name, "has a character that no text can have")
        return value

    def formula(self, name: str, context: Context) -> str | UnsetType:
        """The text of a formula that can be read in a context."""
        text = self.text(name)
        if text is UNSET:
            return UNSET
        try:
            formula.read(text, context)
        except FormulaError as error:
            self._refuse(name, f"is not a formula: {error}")
        return text

    def choice(self, name: str, choices: Sequence[str]) -> str | UnsetType:
        """One of some texts."""
        value = self._given.get(name)
        if value is None:
            return UNSET
        if not isinstance(value, str) or value not in choices:
            self._refuse(name, f"should be one of: {', '.join(choices)}")
        return value

    def flag(self, name: str) -> bool | UnsetType:
        """true or false."""
        value = self._given.get(name)
        if value is None:
            return UNSET
        if not isinstance(value, bool):
            self._refuse(name, "should be boolean")
        return value

    def number(self, name: str, least: int, most: int) -> int | float | UnsetType:
        """A number within bounds; a whole one comes as int, however it was written."""
        value = self._given.get(name)
        if value is None:
            return UNSET
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
            self._refuse(name, "should be number")
        if value < least:
            self._refuse(name, f"cannot be lower than {least}")
        if value > most:
            self._refuse(name, f"cannot be higher than {most}")
        return int(value) if value == int(value) else value

    def whole(self, name: str, least: int, most: int) -> int | UnsetType:
        """A whole number within bounds."""
        value = self.number(name, least, most)
        if isinstance(value, float):
            self._refuse(name, "should be integer")
        return value

    def only_whole(self, name: str, least: int, most: int) -> int:
        """The whole number that is the only value of a list."""
        values = self._given.get(name)
        if not isinstance(values, (list, tuple)) or len(values) != 1 or values[0] is None:
            self._refuse(name, "should be an array of one value")
        value = Members({name: values[0]}, self.path, self._error).whole(name, least, most)
        assert value is not UNSET
        return value

    def object(self, name: str) -> Members | UnsetType:
        """The members of an object."""
        value = self._given.get(name)
        if value is None:
            return UNSET
        return Members(value, f"{self.path}.{name}", self._error)

    def objects(self, name: str, most: int) -> list[Members] | UnsetType:
        """The members of each object of a list."""
        value = self._given.get(name)
        if value is None:
            return UNSET
        if not isinstance(value, (list, tuple)):
            self._refuse(name, "should be array")
        if len(value) > most:
            self._refuse(name, f"should NOT have more than {most} items")
        return [
            Members(each, f"{self.path}.{name}[{number}]", self._error)
            for number, each in enumerate(value)
        ]
