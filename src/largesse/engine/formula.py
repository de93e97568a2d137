"""Dynamic formulas: how much a discount is, or how many points, in the words of the marketer.

A formula is read once, with all that can be wrong with it, and evaluated as often as needed. It
calculates in decimal, in major units of money. One that cannot be evaluated (metadata is missing
or of another kind, a division by zero, a number beyond all bounds) gives way to a fallback.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

import msgspec

from largesse.engine.formula_functions import FUNCTIONS, switch
from largesse.engine.formula_operands import OPERANDS, PROPERTIES
from largesse.engine.formula_scope import (
    OFFERED,
    Context,
    Customer,
    Order,
    Scope,
    Tier,
    Voucher,
)
from largesse.engine.formula_syntax import Call, FormulaError, Literal, Node, is_case, parse
from largesse.engine.formula_values import (
    ANY,
    NUMBER,
    TEXT,
    UNKNOWN,
    Run,
    Typed,
    needed,
    settled,
)
from largesse.engine.money import rounded
from largesse.engine.orders import MOST_AMOUNT

__all__ = [
    "EARNING",
    "ITEM",
    "LIMIT",
    "ORDER",
    "Context",
    "Customer",
    "Formula",
    "FormulaError",
    "Order",
    "Scope",
    "Tier",
    "Voucher",
    "read",
]

ORDER, ITEM, LIMIT, EARNING = Context
# What comes back where a formula cannot be evaluated.
Fallback = TypeVar("Fallback", bound=int | None)


class Formula(msgspec.Struct, frozen=True, eq=False):
    """A formula that has been read. `needs` names the members of the scope that it may read."""

    text: str
    needs: frozenset[str]
    _run: Run

    def value(self, scope: Scope) -> Decimal | None:
        """What it comes to; None where it cannot be evaluated."""
        try:
            return settled(self._run(scope))
        except UNKNOWN:
            return None

    def amount(self, scope: Scope, fallback: Fallback) -> int | Fallback:
        """An amount in minor units, half up; the fallback, in minor units too, where the formula
        cannot be evaluated or comes to more than any order. It may be below zero.
        """
        found = self._rounded(scope, 100)
        return fallback if found is None else found

    def count(self, scope: Scope) -> int | None:
        """A number of units or points, half up; None where the formula cannot be evaluated. It
        may be below zero.
        """
        return self._rounded(scope, 1)

    def percent(self, scope: Scope, fallback: Decimal) -> Decimal:
        """A percentage, neither rounded nor kept from 0 to 100; else the fallback."""
        value = self.value(scope)
        return fallback if value is None else value

    def _rounded(self, scope: Scope, parts: int) -> int | None:
        """The value in parts of a unit, None where it is beyond all amounts too."""
        value = self.value(scope)
        if value is None:
            return None
        numerator, denominator = value.as_integer_ratio()
        found = rounded(numerator * parts, denominator)
        return found if abs(found) <= MOST_AMOUNT else None


def read(text: object, context: Context | None = None) -> Formula:
    """A formula as it was sent; with a context, only what that offers may be spoken of.

    Raises FormulaError for whatever is not a formula that gives a number.
    """
    if not isinstance(text, str):
        raise FormulaError("A formula should be a string")
    return _read(text, context)


# The same few formulas are read again with every voucher that carries them.
@lru_cache(maxsize=1024)
def _read(text: str, context: Context | None) -> Formula:
    reader = _Reader(context)
    run = needed(NUMBER, reader.typed(parse(text)), "The formula")
    return Formula(text, frozenset(reader.needs), run)


class _Reader:
    """Gives every node of a tree its kind, and a way to evaluate it."""

    def __init__(self, context: Context | None) -> None:
        self.context = context
        self.needs: set[str] = set()

    def typed(self, node: Node) -> Typed:
        if isinstance(node, Literal):
            value = node.value
            kind = TEXT if isinstance(value, str) else NUMBER
            return Typed(kind, lambda _: value, node.at, value)
        if node.name == "SWITCH":
            return self._switch(node)
        if node.name in FUNCTIONS:
            return self._function(node)
        return self._operand(node)

    def _function(self, call: Call) -> Typed:
        function = FUNCTIONS[call.name]
        given = len(call.arguments)
        if not function.least <= given <= function.most:
            bound = "" if function.least == function.most else "at least "
            raise _flaw(call, f"needs {bound}{function.least} values, not {given},")
        if function.timed:
            self.needs.add("clock")
        kind, run = function.build(call.name, [self.typed(value) for value in call.arguments])
        return Typed(kind, run, call.at)

    def _operand(self, call: Call) -> Typed:
        if call.name in OPERANDS:
            operand = OPERANDS[call.name]
            self._read(call, operand.part)
            if call.arguments:
                raise _flaw(call, "takes no values,")
            return Typed(operand.kind, operand.run, call.at)
        if call.name not in PROPERTIES:
            raise _flaw(call, "is not known,")
        metadata = PROPERTIES[call.name]
        self._read(call, metadata.part)
        name = call.arguments[0] if len(call.arguments) == 1 else None
        if not isinstance(name, Literal) or not isinstance(name.value, str):
            raise _flaw(call, "needs the name of a property in quotes,")
        return Typed(ANY, metadata.named(name.value), call.at)

    def _read(self, call: Call, part: str) -> None:
        if self.context is not None and part not in OFFERED[self.context]:
            raise _flaw(call, f"is not available in {self.context.value},")
        self.needs.add(part)

    def _switch(self, call: Call) -> Typed:
        """`SWITCH(subject;SWITCH_CASE(value;result) ...;default)`"""
        cases = call.arguments[1:-1]
        if not cases or is_case(call.arguments[0]) or is_case(call.arguments[-1]):
            raise _flaw(call, "needs a value, its cases and a default,")
        subject, default = self.typed(call.arguments[0]), self.typed(call.arguments[-1])
        kind, run = switch(subject, [self._case(case) for case in cases], default)
        return Typed(kind, run, call.at)

    def _case(self, case: Node) -> tuple[Typed, Typed]:
        if not is_case(case):
            raise FormulaError(f"SWITCH needs a SWITCH_CASE at character {case.at}")
        if len(case.arguments) != 2:
            raise _flaw(case, f"needs 2 values, not {len(case.arguments)},")
        match, result = (self.typed(node) for node in case.arguments)
        return match, result


def _flaw(call: Call, what: str) -> FormulaError:
    return FormulaError(f"{call.name} {what} at character {call.at}")
