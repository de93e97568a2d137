"""Judging a redemption by validation rules.

A rule about what takes no part (an order, a customer, a user) fails, be it negative or not. A rule
that waits for the discount is undecided before it is worked out, and so may be the whole: `and`
with a rule that fails, fails all the same, and `or` with one that passes, passes. Once the discount
is known, nothing is undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import msgspec

from largesse.engine import logic
from largesse.engine.calendar import Clock
from largesse.engine.logic import Truth
from largesse.engine.rule_facts import Facts, LineFacts, OrderFacts
from largesse.engine.rule_names import (
    ABSENT,
    ANY,
    CHEAPEST,
    EVERY,
    MOST_EXPENSIVE,
    NO,
    UNDECIDED,
    Chosen,
    OfItems,
    Plain,
    Structure,
    Subrule,
)
from largesse.engine.rules import Rule, Rules, RuleSet, walk

Lines = tuple[LineFacts, ...]


class Judged(msgspec.Struct, frozen=True):
    """How one rule was judged, without those of its own. `seen` is the value that it looked at
    (None for none), for a rule of items those of all lines, for one of structure the places of the
    lines that it chose.
    """

    path: str
    name: str
    seen: Any
    passed: Truth


class Verdict(msgspec.Struct, frozen=True):
    """Whether a redemption fulfils a set of rules; None while that depends on the discount.

    Where it does not, `path` and `name` are of the rule that refused it: the first of several,
    and of one in another the inner one. `message` is its own, else that of the rule around it,
    else the set's.
    """

    passed: Truth
    path: str | None = None
    name: str | None = None
    message: str | None = None
    explained: tuple[Judged, ...] = ()


_NOTHING: frozenset[str] = frozenset()


def judge(
    rule_set: RuleSet, facts: Facts, *, skipped: frozenset[str] = _NOTHING, explain: bool = False
) -> Verdict:
    """Judge a redemption. Rules of a `skipped` name pass unseen. To explain, every rule is judged
    that the logic names, those too that could not have turned the verdict.
    """
    passed = _all_hold(rule_set.rules, facts, skipped)
    explained = tuple(_explained(rule_set.rules, facts, skipped)) if explain else ()
    if passed is not False:
        return Verdict(passed, explained=explained)
    rule, message = _refusal(rule_set.rules, facts, skipped)
    message = rule_set.message if message is None else message
    return Verdict(False, rule.path, rule.name, message, explained)


def holds(rule_set: RuleSet, facts: Facts, skipped: frozenset[str] = _NOTHING) -> Truth:
    """Whether a redemption fulfils a set of rules, without a word of why it does not."""
    return _all_hold(rule_set.rules, facts, skipped)


def _all_hold(rules: Rules, facts: Facts, skipped: frozenset[str]) -> Truth:
    given = rules.given
    return _joined(rules, lambda place: _holds(given[place], facts, skipped))


def _joined(rules: Rules, of: Callable[[int], Truth]) -> Truth:
    """What the logic of some rules makes of each, which is judged once however often it is named:
    the rules within it would be judged as often, and those within them.
    """
    return logic.holds(rules.logic, cache(of) if rules.repeats else of)


def _holds(rule: Rule, facts: Facts, skipped: frozenset[str]) -> Truth:
    """Whether a rule holds, and those of its own with it."""
    found = True if rule.name in skipped else _alone(rule, facts)
    if found is False or rule.rules is None or type(rule.about) is Structure:
        return found
    inner = _all_hold(rule.rules, facts, skipped)
    return inner if found or inner is False else None


def _alone(rule: Rule, facts: Facts) -> Truth:
    """Whether a rule holds without those of its own, but for the subrules of a structure."""
    about = rule.about
    if type(about) is Plain:
        value = about.value(facts, rule.property)
        if value is ABSENT:
            return False
        if value is UNDECIDED:
            return None
        return rule.conditions.check(value, facts.clock)
    lines = facts.order.lines if facts.order else ()
    if not lines:
        return False
    if type(about) is Structure:
        return _structure(rule, about, lines, facts.clock)
    assert type(about) is OfItems
    for line in lines:
        value = about.value(line, rule.property)
        passed = value is not ABSENT and rule.conditions.check(value, facts.clock)
        if passed is not about.each:
            return passed
    return about.each


# --- the structure of an order ------------------------------------------------------------------


def _structure(rule: Rule, about: Structure, lines: Lines, clock: Clock) -> bool:
    chosen = _choose(rule, about, lines, clock)
    asks = _asks(rule, about)
    if asks == EVERY and not chosen.all:
        return False
    if not chosen.places or rule.rules is None:
        return bool(chosen.places) is (asks != NO)
    own = rule.rules
    fitting = (_line_holds(own, lines[place], chosen, clock) for place in chosen.places)
    return any(fitting) is (asks == ANY) if asks in (ANY, NO) else all(fitting)


def _asks(rule: Rule, about: Structure) -> str:
    return EVERY if about.excludes and rule.conditions.negative else about.asks


def _choose(rule: Rule, about: Structure, lines: Lines, clock: Clock) -> Chosen:
    """The lines that a structure rule is about. They come `$from` where it wants them from, are
    the cheapest or most expensive of those where it wants such, and fulfil its other conditions.
    """
    check, origin = rule.conditions.check, rule.conditions.origin
    places = list(range(len(lines)))
    if origin:
        places = [place for place in places if origin(lines[place].names, clock)]
    if about.asks in (CHEAPEST, MOST_EXPENSIVE):
        prices = [price for place in places if (price := lines[place].price) is not None]
        extreme = (min if about.asks == CHEAPEST else max)(prices, default=-1)
        places = [place for place in places if lines[place].price == extreme]
    value, key = about.value, rule.property
    chosen = [place for place in places if check(value(lines[place], key), clock)]
    if rule.rules is None:
        return Chosen(tuple(chosen), len(chosen) == len(lines))
    amounts = [amount for place in chosen if (amount := lines[place].amount) is not None]
    return Chosen(
        places=tuple(chosen),
        all=len(chosen) == len(lines),
        quantity=sum(lines[place].quantity for place in chosen),
        amount=sum(amounts) if len(amounts) == len(chosen) else None,
    )


def _line_holds(rules: Rules, line: LineFacts, chosen: Chosen, clock: Clock) -> bool:
    """Whether the subrules of a structure hold for one of the lines that it chose."""
    given, node = rules.given, rules.logic
    # The usual case, and asked of every line.
    if type(node) is int:
        return _subrule(given[node], line, chosen, clock)
    return bool(_joined(rules, lambda place: _subrule(given[place], line, chosen, clock)))


def _subrule(rule: Rule, line: LineFacts, chosen: Chosen, clock: Clock) -> bool:
    assert type(rule.about) is Subrule
    value = rule.about.value(line, chosen, rule.property)
    return (
        value is not ABSENT
        and rule.conditions.check(value, clock)
        and (rule.rules is None or _line_holds(rule.rules, line, chosen, clock))
    )


def discounted(rule_set: RuleSet, order: OrderFacts, clock: Clock) -> frozenset[int] | None:
    """The places of the lines that a discount is for, by rules that say `discount_applicable` of
    the lines that they choose. None where no rule says it.
    """
    places: set[int] = set()
    restricted = False
    for rule in walk(rule_set.rules):
        about = rule.about
        if (
            type(about) is Structure
            and rule.rules
            and any(
                own.name.endswith(".discount_applicable")
                # A switch that is on is one that off does not pass.
                and not own.conditions.check(False, clock)
                for own in rule.rules.asked
            )
        ):
            restricted = True
            places.update(_choose(rule, about, order.lines, clock).places)
    return frozenset(places) if restricted else None


def asks_for_items(rule_set: RuleSet, order: OrderFacts, clock: Clock) -> bool:
    """Whether rules that hold want some item to be in the order, as it is."""
    for rule in walk(rule_set.rules):
        about = rule.about
        if type(about) is OfItems:
            return True
        if (
            type(about) is Structure
            and about.asks != NO
            and not rule.conditions.negative
            and _choose(rule, about, order.lines, clock).places
        ):
            return True
    return False


# --- telling why --------------------------------------------------------------------------------


def _refusal(rules: Rules, facts: Facts, skipped: frozenset[str]) -> tuple[Rule, str | None]:
    """The rule that made others fail, and the message nearest to it."""
    of = cache(lambda place: _holds(rules.given[place], facts, skipped))
    rule = rules.given[logic.culprit(rules.logic, of)]
    message = rule.message
    if rule.rules is None:
        return rule, message
    inner: Rule | None = None
    of_inner = None
    if type(rule.about) is Structure:
        inner = _refused_line(rule, rule.about, rule.rules, facts)
        of_inner = inner.message if inner else None
    elif rule.name in skipped or _alone(rule, facts) is not False:
        inner, of_inner = _refusal(rule.rules, facts, skipped)
    return inner or rule, message if of_inner is None else of_inner


def _refused_line(rule: Rule, about: Structure, own: Rules, facts: Facts) -> Rule | None:
    """The subrule that the first refused one of the chosen lines fails; None where it was the
    choice that failed.
    """
    lines = facts.order.lines if facts.order else ()
    chosen = _choose(rule, about, lines, facts.clock)
    asks = _asks(rule, about)
    if not chosen.places or asks == NO or (asks == EVERY and not chosen.all):
        return None
    line = next(
        lines[place]
        for place in chosen.places
        if not _line_holds(own, lines[place], chosen, facts.clock)
    )
    of = cache(lambda place: _subrule(own.given[place], line, chosen, facts.clock))
    return own.given[logic.culprit(own.logic, of)]


def _explained(rules: Rules, facts: Facts, skipped: frozenset[str]) -> Iterator[Judged]:
    for rule in rules.asked:
        passed = True if rule.name in skipped else _alone(rule, facts)
        yield Judged(rule.path, rule.name, _seen(rule, facts), passed)
        if rule.rules is not None and type(rule.about) is not Structure:
            yield from _explained(rule.rules, facts, skipped)


def _seen(rule: Rule, facts: Facts) -> Any:
    about, lines = rule.about, facts.order.lines if facts.order else ()
    if type(about) is Structure:
        return list(_choose(rule, about, lines, facts.clock).places)
    if type(about) is OfItems:
        return [_shown(about.value(line, rule.property)) for line in lines]
    assert type(about) is Plain
    return _shown(about.value(facts, rule.property))


def _shown(value: Any) -> Any:
    if value is ABSENT or value is UNDECIDED:
        return None
    return sorted(value) if isinstance(value, (frozenset, tuple)) else value
