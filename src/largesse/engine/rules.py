"""Validation rules: their definitions, read, and what has to be known to judge by them.

Rules are joined by a logic string. A rule may have rules of its own, joined in the same way, which
have to hold with it. What could not be judged is refused here; `judging` does the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from largesse.engine import logic, rule_conditions
from largesse.engine.counters import Counter
from largesse.engine.logic import LogicError, Node
from largesse.engine.rule_conditions import LINE, SHOWN, Conditions, ConditionsError
from largesse.engine.rule_contexts import CONTEXTS, GLOBAL
from largesse.engine.rule_facts import COLLECTION, PRODUCT, SKU
from largesse.engine.rule_names import NAMES, SUBRULES, Name, Plain, Structure

MOST_RULES = 1000
MOST_DEPTH = 10
# Conditions and values of a set in all.
MOST_PARTS = 20_000


class RuleError(ValueError):
    """What is wrong with a definition of rules, such as `Rule '2' must have a 'name'`."""


class Rule(msgspec.Struct, frozen=True, gc=False):
    """A rule. `path` is its key after those of the rules that it stands in: `3.1`. `about` is what
    its name means, `message` what a refusal by it says.
    """

    path: str
    name: str
    about: Name
    property: str
    conditions: Conditions
    message: str | None
    rules: Rules | None


class Rules(msgspec.Struct, frozen=True, gc=False):
    """Rules, and how they are joined. Those that the logic does not name are not judged; `repeats`
    is whether it names one more than once.
    """

    given: tuple[Rule, ...] = ()
    logic: Node = logic.All(())
    repeats: bool = False

    @property
    def asked(self) -> list[Rule]:
        """The rules that the logic names, each once."""
        return [self.given[place] for place in dict.fromkeys(logic.named(self.logic))]


class RuleSet(msgspec.Struct, frozen=True, gc=False):
    """A validation rule as a whole. `message` is for refusals by a rule without one of its own."""

    rules: Rules = Rules()
    message: str | None = None
    context_type: str = GLOBAL


# --- reading ------------------------------------------------------------------------------------


class _Left:
    """How much more a definition may hold."""

    def __init__(self) -> None:
        self.rules = MOST_RULES
        self.parts = MOST_PARTS

    def take(self, rules: int = 0, parts: int = 0) -> None:
        self.rules -= rules
        self.parts -= parts
        if self.rules < 0:
            raise RuleError(f"Validation rules should NOT have more than {MOST_RULES} rules")
        if self.parts < 0:
            raise RuleError(
                f"Validation rules should NOT have more than {MOST_PARTS} conditions and values"
            )


def read(definition: Any) -> RuleSet:
    """The `rules`, `error` and `context_type` of a validation rule as it was sent. Without rules it
    refuses nothing.

    Raises RuleError for what could not be judged: unknown names and operators, values of a wrong
    type, missing properties, logic that names absent rules, and for more than there may be.
    """
    if not isinstance(definition, Mapping):
        raise RuleError("Validation rule should be object")
    context = definition.get("context_type")
    context = GLOBAL if context is None else context
    if not isinstance(context, str) or context not in CONTEXTS:
        raise RuleError("context_type is not one that validation rules can have")
    message = _message("Validation rule", definition.get("error"))
    found = _rules("", definition.get("rules"), None, _Left())
    return RuleSet(found or Rules(), message, context)


def _rules(
    path: str, given: Any, within: tuple[str, Structure] | None, left: _Left
) -> Rules | None:
    """The rules of a rule, or of the whole set; `within` is the structure rule that they are of."""
    place = f"Rule '{path}'" if path else "Validation rule"
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise RuleError(f"{place}: rules should be object")
    members = {key: value for key, value in given.items() if key != "logic" and value is not None}
    if members and path.count(".") + bool(path) >= MOST_DEPTH:
        raise RuleError(f"Rules should NOT be nested deeper than {MOST_DEPTH}")
    left.take(rules=len(members))
    for key in members:
        if not logic.is_key(key):
            raise RuleError(f"{place}: a rule should have a number, not '{key[:SHOWN]}'")
    text = given.get("logic")
    if text is not None and not isinstance(text, str):
        raise RuleError(f"{place}: logic should be string")
    try:
        node = logic.read(text or "", {key: number for number, key in enumerate(members)})
    except LogicError as error:
        raise RuleError(f"{place}: {error}") from None
    dotted = f"{path}." if path else ""
    rules = tuple(_rule(dotted + key, value, within, left) for key, value in members.items())
    named = list(logic.named(node))
    return Rules(rules, node, repeats=len(named) > len(set(named))) if rules else None


def _rule(path: str, given: Any, within: tuple[str, Structure] | None, left: _Left) -> Rule:
    place = f"Rule '{path}'"
    if not isinstance(given, Mapping):
        raise RuleError(f"{place} should be object")
    name = given.get("name")
    if not isinstance(name, str):
        raise RuleError(f"{place} must have a 'name'")
    about = _about(place, name, within)
    property_ = _property(name, given.get("property")) if about.property else ""
    kinds = about.kinds if isinstance(about, Structure) else (PRODUCT, SKU, COLLECTION)
    try:
        conditions = rule_conditions.read(name, about.kind, given.get("conditions"), kinds)
    except ConditionsError as error:
        raise RuleError(f"{place}: {error}") from None
    left.take(parts=conditions.size)
    message = _message(place, given.get("error"))
    inner = (name, about) if isinstance(about, Structure) else within
    rules = _rules(path, given.get("rules"), inner, left)
    if not conditions.size and not (about.kind == LINE and rules):
        raise RuleError(f"{place} must have 'conditions'")
    return Rule(path, name, about, property_, conditions, message, rules)


def _about(place: str, name: str, within: tuple[str, Structure] | None) -> Name:
    found: Name | None = within[1].subrules.get(name) if within else NAMES.get(name)
    if found is not None:
        return found
    shown = name[:SHOWN]
    if name not in NAMES and name not in SUBRULES:
        raise RuleError(f"{place}: name '{shown}' is not known")
    if within:
        allowed = ", ".join(within[1].subrules)
        raise RuleError(
            f"{place}: {shown} cannot stand in the rules of {within[0]}. "
            f"It must be one of: {allowed}"
        )
    raise RuleError(
        f"{place}: {shown} can only stand in the rules of {' or '.join(SUBRULES[name])}"
    )


def _property(name: str, given: Any) -> str:
    if not isinstance(given, str) or not given.strip():
        raise RuleError(f"Rule '{name}' must have a 'property'")
    if "\0" in given:
        raise RuleError(f"Rule '{name}': property cannot contain the null character")
    return given


def _message(place: str, error: Any) -> str | None:
    if error is None:
        return None
    message = error.get("message") if isinstance(error, Mapping) else error
    if message is None:
        return None
    if not isinstance(error, Mapping) or not isinstance(message, str):
        raise RuleError(f"{place}: error should be object with a string 'message'")
    if "\0" in message:
        raise RuleError(f"{place}: error.message cannot contain the null character")
    return message


# --- what has to be known -----------------------------------------------------------------------


class Needs(msgspec.Struct, frozen=True):
    """The stored facts that rules ask about.

    `counters` are named, but not yet those of a customer or campaign. Of `collections` it is asked
    which lines belong to them; `holders` is whether it matters to whom the voucher was published.
    `late` is whether some rule waits for the discount.
    """

    counters: tuple[Counter, ...] = ()
    segments: frozenset[str] = frozenset()
    loyalty_tiers: frozenset[str] = frozenset()
    collections: frozenset[str] = frozenset()
    holders: bool = False
    late: bool = False


def needs(rule_set: RuleSet) -> Needs:
    """What has to be loaded, and locked, before a redemption can be judged. Counters come in one
    order for all rule sets.
    """
    counters: set[Counter] = set()
    ids: dict[str, set[str]] = {}
    names = set()
    late = False
    for rule in walk(rule_set.rules):
        names.add(rule.name)
        ids.setdefault(rule.name if rule.about.kind != LINE else LINE, set()).update(
            rule.conditions.named
        )
        if isinstance(rule.about, Plain):
            late |= rule.about.late
            if rule.about.counter:
                counters.add(rule.about.counter)
    prefix = f"{COLLECTION}/"
    return Needs(
        counters=tuple(sorted(counters)),
        segments=frozenset(ids.get("customer.segment", ())),
        loyalty_tiers=frozenset(ids.get("customer.loyalty.tier", ())),
        collections=frozenset(
            name.removeprefix(prefix) for name in ids.get(LINE, ()) if name.startswith(prefix)
        ),
        holders="publication.redeemable_by_linked_customer" in names,
        late=late,
    )


def walk(rules: Rules) -> Iterator[Rule]:
    """All rules that may be judged, each before its own."""
    for rule in rules.asked:
        yield rule
        if rule.rules is not None:
            yield from walk(rule.rules)
