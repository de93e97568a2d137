"""The wire's own types and the words for what is wrong with a body or a query."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, TypeVar, get_args
from urllib.parse import unquote_plus

import msgspec

from largesse.kit.errors import InvalidPayload, InvalidQueryParams, PageOverLimit, Problem

T = TypeVar("T")

NOT_A_DATE = "cannot be recognized as a ISO-8601 compliant date"


class Day(date):
    """A calendar day, `YYYY-MM-DD`; a date-time is accepted and its day kept."""

    @classmethod
    def parse(cls, text: object) -> Day:
        if not isinstance(text, str):
            raise ValueError("should be string")
        if not _DAY.match(text):
            raise ValueError(NOT_A_DATE)
        try:
            # The whole is read, so that a wrong hour is refused and not merely cut off.
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(NOT_A_DATE) from None
        return cls(moment.year, moment.month, moment.day)


class Moment(datetime):
    """An instant in a query: a date-time with or without zone (then UTC), or a bare date."""

    @classmethod
    def parse(cls, text: object) -> Moment:
        if not isinstance(text, str) or not _DAY.match(text):
            raise ValueError(NOT_A_DATE)
        try:
            moment = datetime.fromisoformat(text.replace(" ", "+"))
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            utc = moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError(NOT_A_DATE) from None
        return cls.combine(utc.date(), utc.timetz())


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(\Z|[T ])")


def stamp(moment: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ`; the moment must be in UTC."""
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"


def _encode(value: Any) -> Any:
    if isinstance(value, (Day, Moment)):
        return value.isoformat()
    raise TypeError(f"cannot be sent: {type(value).__name__}")


def _decode(kind: type, value: Any) -> Any:
    if kind is Day or kind is Moment:
        return kind.parse(value)
    raise TypeError(f"cannot be read: {kind.__name__}")


_encoder = msgspec.json.Encoder(enc_hook=_encode)
encode = _encoder.encode


# --- reading ------------------------------------------------------------------------------------


class Reader:
    """Reads bodies of one type: JSON, or members that came form-encoded."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self.optional = type(None) in get_args(kind)
        self._exact = msgspec.json.Decoder(kind, dec_hook=_decode)
        self._lax = msgspec.json.Decoder(kind, strict=False, dec_hook=_decode)

    def json(self, body: bytes) -> Any:
        if b"\\u0000" in body and _NUL.search(body):
            raise InvalidPayload("Strings cannot contain the null character")
        if not body and self.optional:
            return None
        try:
            if not body.isascii():
                body.decode()
            try:
                return self._exact.decode(body)
            except msgspec.ValidationError as error:
                # A string for a number is fine, but the string "null" for an object is not.
                if not _NUMBER_EXPECTED.match(str(error)):
                    raise
                return self._lax.decode(body)
        except msgspec.ValidationError as error:
            raise InvalidPayload(explain(str(error), "Payload")) from None
        except msgspec.DecodeError:
            raise InvalidPayload("Payload is not valid JSON") from None
        except UnicodeDecodeError:
            raise InvalidPayload("Payload is not valid UTF-8") from None
        except RecursionError:
            raise InvalidPayload("Payload is nested too deep") from None

    def members(self, values: Mapping[str, Any]) -> Any:
        return _convert(values, self.kind, InvalidPayload, "Payload")


def _convert(values: Mapping[str, Any], kind: Any, problem: type[Problem], whole: str) -> Any:
    try:
        return msgspec.convert(values, kind, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise problem(explain(str(error), whole)) from None


def query(text: bytes, kind: type[T]) -> T:
    """The query string as `kind`; empty values count as absent, unknown names are ignored."""
    return query_members(parse_query(text), kind)


def query_members(values: Mapping[str, Any], kind: type[T]) -> T:
    if (page := values.get("page")) and isinstance(page, str) and _digits(page) > 1000:
        raise PageOverLimit("Property .page cannot be higher than 1000")
    result: T = _convert(values, kind, InvalidQueryParams, "Query")
    return result


# Operators that say all by their name, so that an empty value counts.
VALUELESS = (
    *("[$has_value]", "[$is_unknown]", "[$active]", "[$expired]", "[$enabled]", "[$disabled]"),
    *("[$failed]", "[$in_progress]", "[$before_start]", "[before_start]"),
)
# What stands in a query member by member, as in `customer[metadata][lang]=en`.
NESTED = ("filters[", "access_settings[", "customer[", "order[", "metadata[", "item[")


def parse_query(text: bytes) -> dict[str, Any]:
    """Pairs of a query string. `a[b]=1` stays one name, and the last of equal names wins; but
    whatever one of the `NESTED` begins becomes one nested member of that name, with what stands
    under the plain name beside it as its member without a name.
    """
    values: dict[str, Any] = {}
    for pair in text.decode("latin-1").split("&"):
        name, _, value = pair.partition("=")
        if not name or value == "None":
            continue
        name, value = _unquote(name), _unquote(value)
        if not value and not name.endswith(VALUELESS):
            continue
        if name.startswith("["):
            # `[created_at][before]` is `created_at[before]`.
            name = name[1:].replace("]", "", 1)
        if name.startswith(NESTED):
            _nest(values, re.findall(r"[^\[\]]+", name), value)
        elif name == "filters":
            values[name] = _json_filters(value)
        elif listed := _LISTED.fullmatch(name):
            _nest(values, [listed[1]], value)
        elif isinstance(nested := values.get(name), dict):
            nested[""] = value
        else:
            values[name] = value
    return values


def _json_filters(text: str) -> Any:
    try:
        found = _filters.json(text.encode())
    except InvalidPayload as problem:
        said = problem.details or ""
        said = said.removeprefix("Payload") if said.startswith("Payload") else f": {said}"
        raise InvalidQueryParams(f"Property .filters{said}") from None
    return found


def _nest(values: dict[str, Any], path: list[str], value: str) -> None:
    """Sets `values[a][b]...`; a name given again gathers its values in a list."""
    *above, last = path
    if above and isinstance(plain := values.get(above[0]), str):
        values[above[0]] = {"": plain}
    for name in above:
        inner = values.setdefault(name, {})
        if not isinstance(inner, dict):
            raise InvalidQueryParams(f"Property .{'.'.join(path)} is given in two ways")
        values = inner
    known = values.get(last)
    if known is None:
        values[last] = value
    elif isinstance(known, list):
        known.append(value)
    elif isinstance(known, dict):
        raise InvalidQueryParams(f"Property .{'.'.join(path)} is given in two ways")
    else:
        values[last] = [known, value]


def _unquote(text: str) -> str:
    try:
        plain = unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        raise InvalidQueryParams("Query is not valid UTF-8") from None
    if "\x00" in plain:
        raise InvalidQueryParams("Query cannot contain the null character")
    return plain


def _digits(text: str) -> int:
    """A plain number, a very long one as a large one; 0 for anything else."""
    return int(text[:19]) if text.isascii() and text.isdigit() else 0


def at_place(problem: InvalidPayload, place: int) -> InvalidPayload:
    """What is wrong with one of many bodies, naming its place among them."""
    said = (problem.details or "").replace("Property ", "", 1).replace("Payload", "", 1)
    return InvalidPayload(f"Property [{place}]{said}")


_NUMBER_EXPECTED = re.compile(r"Expected `[^`]*\b(?:int|float|bool)\b")
# Names that may come several times, plain or with brackets.
_LISTED = re.compile(r"(ids|result)(?:\[\d*\])?")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

_filters = Reader(dict[str, Any] | None)

# --- explaining ---------------------------------------------------------------------------------

_NAMES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "object": "object",
    "array": "array",
}
_MISSING = re.compile(r"Object missing required field `(.+?)`")
_EXPECTED = re.compile(r"Expected `([^`]+)`(?P<rest>[^,]*)")
_BOUND = re.compile(r" (<=|>=|<|>) (-?[\d.]+)")
_LENGTH = re.compile(r" of length (<=|>=) (\d+)")
_ENUM = re.compile(r"Invalid enum value")


def explain(error: str, whole: str) -> str:
    """One of msgspec's messages in the reference's words, such as `Property .a should be string`.

    `whole` is what a message without a path speaks of: `Payload` or `Query`.
    """
    reason, _, path = error.partition(" - at `$")
    path = path.rstrip("`")
    subject = f"Property {path}" if path else whole
    if missing := _MISSING.match(reason):
        return f"{subject} should have required property '{missing[1]}'"
    if _ENUM.match(reason):
        return f"{subject} should be equal to one of the allowed values"
    expected = _EXPECTED.match(reason)
    if expected is None:
        return f"{subject} {reason[0].lower()}{reason[1:]}"
    if length := _LENGTH.search(expected["rest"]):
        limit = "longer" if length[1] == "<=" else "shorter"
        return f"{subject} should NOT be {limit} than {length[2]} characters"
    if bound := _BOUND.search(expected["rest"]):
        return f"{subject} should be {bound[1]} {bound[2]}"
    kinds = [part.strip() for part in expected[1].split("|")]
    names = [_NAMES.get(kind, kind) for kind in kinds if kind != "null"]
    return f"{subject} should be {','.join(names)}"
