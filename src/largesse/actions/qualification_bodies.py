"""What a qualification sends: a scenario, an order, a customer, and which redeemables to answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from largesse.actions.checkout_bodies import ContextBody, OptionsBody
from largesse.kit.errors import InvalidPayload
from largesse.kit.wire import Moment
from largesse.store import vouchers
from largesse.store.projects import Project
from largesse.store.qualifications import CAMPAIGN, VOUCHER, Candidate

MOST = 50
USUAL = 5
ScenarioName = Literal[
    "ALL",
    "CUSTOMER_WALLET",
    "AUDIENCE_ONLY",
    "PRODUCTS",
    "PRODUCTS_DISCOUNT",
    "PROMOTION_STACKS",
    "PRODUCTS_BY_CUSTOMER",
    "PRODUCTS_DISCOUNT_BY_CUSTOMER",
]


class QualificationOptions(OptionsBody, kw_only=True):
    """How many to answer, which, after which and in which order."""

    limit: Annotated[int, Meta(ge=1, le=MOST)] | None = None
    starting_after: str | None = None
    filters: dict[str, Any] | None = None
    sorting_rule: Literal["BEST_DEAL", "LEAST_DEAL", "DEFAULT"] | None = None


class QualificationBody(ContextBody, kw_only=True):
    """Who buys what, and how to look at it; ALL without a scenario."""

    scenario: ScenarioName | None = None
    options: QualificationOptions | None = None


# --- paging -------------------------------------------------------------------------------------


class Cursor(msgspec.Struct, frozen=True):
    """Where the page before ended: at redeemables of one millisecond, of which it `passed` so many
    in the order of answering; None for all.
    """

    moment: datetime
    passed: int | None = None


_CURSOR = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?")
_FINE = timedelta(milliseconds=1)


def cursor(text: str | None) -> Cursor | None:
    """A cursor as it was sent: the instant at which a redeemable was made, and behind its
    milliseconds how many of that one were passed. Raises InvalidPayload.
    """
    if text is None or text in ("", "null"):
        return None
    found = _CURSOR.fullmatch(text)
    try:
        if found is None:
            return Cursor(Moment.parse(text))
        seconds, fraction, zone = found.groups()
        fraction = (fraction or "").ljust(3, "0")
        moment = Moment.parse(f"{seconds}.{fraction[:3]}{zone or 'Z'}")
    except ValueError as error:
        raise InvalidPayload(f"Property .options.starting_after {error}") from None
    return Cursor(moment, int(fraction[3:] or "0") or None)


def spelt(moment: datetime, passed: int | None) -> str:
    """A cursor as it is answered: with six digits where that can tell it, with nine otherwise."""
    text = moment.isoformat(timespec="milliseconds")[:23]
    if passed is None:
        return f"{text}Z"
    return f"{text}{passed:03}Z" if passed < 1000 else f"{text}{passed:06}Z"


def floor(moment: datetime) -> datetime:
    """The millisecond that an instant is in."""
    fine = moment.microsecond % 1000
    return moment - timedelta(microseconds=fine) if fine else moment


def bound(after: Cursor | None, last: datetime) -> datetime:
    """Before which instant redeemables were made that a cursor may leave."""
    if after is None:
        return last
    return after.moment if after.passed is None else after.moment + _FINE


# --- filters ------------------------------------------------------------------------------------

_Values = Callable[[Candidate], tuple[Any, ...]]


def _resource(candidate: Candidate) -> tuple[Any, ...]:
    if candidate.object == VOUCHER:
        return candidate.row["id"], candidate.row["code_key"]
    return (candidate.id,)


def _voucher_type(candidate: Candidate) -> tuple[Any, ...]:
    return (candidate.incentive.type,) if candidate.object in (VOUCHER, CAMPAIGN) else ()


def _category(candidate: Candidate) -> tuple[Any, ...]:
    return (candidate.row["category_id"],)


_FIELDS: Mapping[str, _Values] = {
    "category_id": _category,
    "category_ids": _category,
    "campaign_id": lambda candidate: (candidate.row["campaign_id"],),
    "campaign_type": lambda candidate: (candidate.row["campaign_type"],),
    "resource_id": _resource,
    "resource_type": lambda candidate: (candidate.object,),
    "voucher_type": _voucher_type,
    "code": lambda candidate: (candidate.row["code_key"],) if candidate.object == VOUCHER else (),
    "holder_role": lambda candidate: (candidate.role,),
}
_CODES = ("code", "resource_id")
# For these the first value alone counts.
_FIRST = ("$is", "$is_not")
_OPERATORS = (*_FIRST, "$in", "$not_in", "$has_value", "$is_unknown")
# What every voucher has that belongs to no campaign.
_STANDALONE = {
    "campaign_id": None,
    "campaign_type": None,
    "resource_type": VOUCHER,
}


class Condition(msgspec.Struct, frozen=True):
    """What one operator asks of a field."""

    field: str
    operator: str
    values: frozenset[str]

    def holds(self, given: Sequence[Any]) -> bool:
        present = {value for value in given if value is not None}
        match self.operator:
            case "$has_value":
                return bool(present)
            case "$is_unknown":
                return not present
            case "$is" | "$in":
                return not present.isdisjoint(self.values)
            case _:
                return present.isdisjoint(self.values)


class Filters(msgspec.Struct, frozen=True):
    """Which redeemables to answer: those for which all conditions hold, or any of them."""

    conditions: tuple[Condition, ...] = ()
    any: bool = False

    def match(self, candidate: Candidate) -> bool:
        """Whether a candidate is asked for."""
        if not self.conditions:
            return True
        held = (each.holds(_FIELDS[each.field](candidate)) for each in self.conditions)
        return any(held) if self.any else all(held)

    def asks(self, field: str) -> bool:
        """Whether a field matters."""
        return any(each.field == field for each in self.conditions)

    @property
    def named(self) -> frozenset[str] | None:
        """The codes and ids of the only vouchers that can match; None where others can."""
        if self.any:
            return None
        for each in self.conditions:
            if each.field in _CODES and each.operator in ("$is", "$in"):
                return each.values
        return None

    @property
    def standalone(self) -> bool:
        """Whether a voucher can match that belongs to no campaign."""
        known = [each for each in self.conditions if each.field in _STANDALONE]
        if self.any and len(known) < len(self.conditions):
            return True
        held = [each.holds((_STANDALONE[each.field],)) for each in known]
        return not known or (any(held) if self.any else all(held))


def filters(project: Project, given: Mapping[str, Any] | None) -> Filters:
    """Filters as they were sent. Raises InvalidPayload for an unknown field or operator."""
    present = {name: value for name, value in (given or {}).items() if value is not None}
    junction = str(present.pop("junction", "and")).lower()
    if junction not in ("and", "or"):
        raise InvalidPayload("Property .options.filters.junction should be 'and' or 'or'")
    found: list[Condition] = []
    for field, value in present.items():
        path = f"Property .options.filters.{field}"
        if field not in _FIELDS:
            raise InvalidPayload(f"{path} is not known")
        conditions = value.get("conditions") if isinstance(value, Mapping) else None
        if conditions is None:
            # A filter that was not understood is not to let everything through.
            if not isinstance(value, Mapping) or any(each is not None for each in value.values()):
                raise InvalidPayload(f"{path} should have 'conditions'")
            continue
        if not isinstance(conditions, Mapping):
            raise InvalidPayload(f"{path}.conditions should be object")
        found += [
            _condition(project, field, operator, values, f"{path}.conditions.{operator}")
            for operator, values in conditions.items()
            if values is not None
        ]
    return Filters(tuple(found), junction == "or")


def _condition(project: Project, field: str, operator: str, given: Any, path: str) -> Condition:
    if operator not in _OPERATORS:
        raise InvalidPayload(f"{path} is not known")
    if operator in ("$has_value", "$is_unknown"):
        return Condition(field, operator, frozenset())
    values = given if isinstance(given, list) else [given]
    if not all(isinstance(value, str) for value in values):
        raise InvalidPayload(f"{path} should be array of strings")
    if field == "holder_role" and operator in _FIRST:
        values = values[:1]
    wanted = set(values)
    if field in _CODES:
        wanted |= {vouchers.key_of(project, value) for value in values}
    return Condition(field, operator, frozenset(wanted))
