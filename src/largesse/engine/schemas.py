"""Metadata schemas: which keys metadata has, of which type, and what is wrong with it otherwise."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, get_args

import msgspec

from largesse.engine.metadata import INTEGERS
from largesse.engine.metadata import flaw as unfit

Type = Literal["string", "number", "object", "date", "datetime", "geopoint", "boolean", "image_url"]
EventType = Literal["string", "number", "date", "datetime", "boolean"]
TYPES: tuple[str, ...] = get_args(Type)
EVENT_TYPES: tuple[str, ...] = get_args(EventType)
# An object in an object has no definitions of its own.
NESTED_TYPES = tuple(name for name in TYPES if name != "object")

MOST_DEFINITIONS = 100
# A value is shown in an error up to here.
SHOWN = 100


class Definition(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a key's value has to be. `deleted` takes it out of force, but not off the list."""

    type: Type
    array: bool = False
    optional: bool = False
    object_type: str | None = None
    eq: list[int | float | str] | None = None
    ne: list[int | float] | None = None
    lt: int | float | None = None
    lte: int | float | None = None
    gt: int | float | None = None
    gte: int | float | None = None
    min_length: int | None = None
    max_length: int | None = None
    exact_length: int | None = None
    deleted: bool = False


class Schema(msgspec.Struct, frozen=True):
    properties: dict[str, Definition]
    allow_defined_only: bool = False


class SchemaError(Exception):
    """A schema that cannot be as it is asked for; its text says why."""


# --- metadata against a schema ------------------------------------------------------------------


def violations(
    schema: Schema, nested: Mapping[str, Schema], metadata: Mapping[str, Any], *, whole: bool
) -> str | None:
    """All that is wrong with metadata as sent; None where nothing is.

    `whole` is what a new object brings: what is required has to be there. Otherwise the metadata
    changes an object's: only what is sent counts, and what is required cannot be removed by null.
    `nested` are the schemas that definitions of type object name.
    """
    return "; ".join(_violations(schema, nested, metadata, whole, "")) or None


def _violations(
    schema: Schema,
    nested: Mapping[str, Schema],
    metadata: Mapping[str, Any],
    whole: bool,
    path: str,
) -> Iterator[str]:
    for name, value in metadata.items():
        definition = schema.properties.get(name)
        if definition is None or definition.deleted:
            if schema.allow_defined_only and value is not None:
                yield f"{path}{name}: is not defined in the schema"
        elif value is not None:
            yield from _wrong(definition, nested, value, f"{path}{name}")
        elif not definition.optional and not whole:
            yield f"{path}{name}: is required"
    if whole:
        for name, definition in schema.properties.items():
            due = not definition.optional and not definition.deleted
            if due and metadata.get(name) is None:
                yield f"{path}{name}: is required"


def _wrong(
    definition: Definition, nested: Mapping[str, Schema], value: Any, path: str
) -> Iterator[str]:
    values = value if definition.array else [value]
    if not isinstance(values, list) or not all(_fits(definition, one) for one in values):
        yield f"{path}: {', '.join(_words(definition))} (actual value is {_shown(value)})"
        return
    inner = nested.get(definition.object_type or "") if definition.type == "object" else None
    if inner is None:
        return
    for number, one in enumerate(values):
        place = f"{path}.{number}." if definition.array else f"{path}."
        # A nested object is replaced as a whole, so it always has to be whole.
        yield from _violations(inner, {}, one, True, place)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])"
_DATE = re.compile(_DAY)
_DATETIME = re.compile(
    _DAY + r"(?:T[0-9]{2}(?::[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?" + _ZONE + r"?)?)?"
)
_POINT = re.compile(r"([+-]?[0-9]{1,3}(?:\.[0-9]+)?)\s*,\s*([+-]?[0-9]{1,3}(?:\.[0-9]+)?)")
_IMAGE = re.compile(r"https?://[^\s/?#]+/[^\s?#]*\.(?:jpe?g|png)(?:[?#]\S*)?", re.IGNORECASE)


def _is_moment(value: Any, form: re.Pattern[str]) -> bool:
    if not isinstance(value, str) or not form.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_day(value: Any) -> bool:
    return _is_moment(value, _DATE)


def _is_datetime(value: Any) -> bool:
    return _is_moment(value, _DATETIME)


def _is_point(value: Any) -> bool:
    found = _POINT.fullmatch(value) if isinstance(value, str) else None
    return found is not None and abs(float(found[1])) <= 90 and abs(float(found[2])) <= 180


def _is_image(value: Any) -> bool:
    return isinstance(value, str) and _IMAGE.fullmatch(value) is not None


_OF_TYPE: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "string": ("must be a string", lambda value: isinstance(value, str)),
    "number": ("must be a number", _is_number),
    "boolean": ("must be a boolean", lambda value: isinstance(value, bool)),
    "date": ("must be a date (YYYY-MM-DD)", _is_day),
    "datetime": ("must be a datetime (ISO 8601)", _is_datetime),
    "geopoint": ("must be a geopoint (latitude,longitude)", _is_point),
    "image_url": ("must be a URL pointing to JPG/JPEG or PNG resource", _is_image),
    "object": ("must be an object", lambda value: isinstance(value, Mapping)),
}
# Of numbers, and of the lengths of texts.
_LIMITS: tuple[tuple[str, str, Callable[[Any, Any], bool]], ...] = (
    ("lt", "must be lower than {}", operator.lt),
    ("lte", "must be lower than or equal to {}", operator.le),
    ("gt", "must be greater than {}", operator.gt),
    ("gte", "must be greater than or equal to {}", operator.ge),
    ("min_length", "must have at least {} characters", operator.ge),
    ("max_length", "must have at most {} characters", operator.le),
    ("exact_length", "must have exactly {} characters", operator.eq),
)


def _fits(definition: Definition, value: Any) -> bool:
    """Whether one value, an array's element too, is as defined."""
    if not _OF_TYPE[definition.type][1](value):
        return False
    if definition.eq and value not in definition.eq:
        return False
    if definition.ne and value in definition.ne:
        return False
    measure = len(value) if isinstance(value, str) else value
    for member, _, holds in _LIMITS:
        limit = getattr(definition, member)
        if limit is not None and not holds(measure, limit):
            return False
    return True


def _words(definition: Definition) -> list[str]:
    """All that a value has to be, whichever of it a value fails."""
    words = ["must be an array"] if definition.array else []
    kind = _OF_TYPE[definition.type][0]
    words.append(f"and every element: {kind}" if definition.array else kind)
    if definition.eq:
        words.append(f"must be equal to one of {','.join(map(_plain, definition.eq))}")
    if definition.ne:
        words.append(f"must not be equal to any of {','.join(map(_plain, definition.ne))}")
    for member, text, _ in _LIMITS:
        limit = getattr(definition, member)
        if limit is not None:
            words.append(text.format(_plain(limit)))
    return words


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _shown(value: Any) -> str:
    """A text in quotation marks, anything else as JSON; no more of it than tells what it is."""
    try:
        text = _plain(value)
    except RecursionError:
        return "nested too deep"
    if len(text) > SHOWN:
        text = text[:SHOWN] + "..."
    return f"'{text}'" if isinstance(value, str) else text


# --- metadata from files ------------------------------------------------------------------------

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_DECIMAL = re.compile(
    r"[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][+-]?[0-9]+)?",
)


def from_text(schema: Schema, key: str, cell: str) -> Any:
    """A cell of a file as the type that its key is defined to have.

    None is no value: an empty cell, or `null` where text cannot be meant. A key that is not
    defined, or a cell that cannot be read, stays text.
    """
    definition = schema.properties.get(key)
    if definition is None or definition.deleted:
        return cell
    kind, plain = definition.type, cell.strip()
    if not plain or (plain == "null" and kind != "string"):
        return None
    if kind == "object":
        return _object(cell)
    if not definition.array:
        return cell if kind == "string" else _read(kind, plain)
    parts = [part.strip() for part in plain.split(",")]
    if kind == "geopoint" and len(parts) % 2 == 0:
        # The comma that parts the points also parts each one's two halves.
        parts = [f"{parts[at]},{parts[at + 1]}" for at in range(0, len(parts), 2)]
    return [_read(kind, part) for part in parts if part]


def _read(kind: str, text: str) -> Any:
    if kind == "number":
        return _number(text)
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    return text


def _number(text: str) -> int | float | str:
    if _INTEGER.fullmatch(text):
        return int(text) if int(text) in INTEGERS else text
    if _DECIMAL.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


def _object(cell: str) -> Any:
    try:
        value = msgspec.json.decode(cell)
    except (msgspec.DecodeError, RecursionError):
        return cell
    # What no request could bring, a file cannot either.
    return cell if unfit({"": value}) or "\\u0000" in cell else value


# --- changing a schema --------------------------------------------------------------------------


def changed(old: Schema, given: Mapping[str, Definition]) -> Schema:
    """A schema with the given definitions, each of which replaces the one of its name whole.

    Raises SchemaError for another type than it had, or too many definitions.
    """
    for name, definition in given.items():
        known = old.properties.get(name)
        if known is not None and known.type != definition.type:
            raise SchemaError(
                f"Property .properties.{name}.type cannot be changed "
                f"from {known.type} to {definition.type}"
            )
    return Schema(merged(old.properties, given), old.allow_defined_only)


def merged(
    old: Mapping[str, Definition], given: Mapping[str, Definition], path: str = ".properties"
) -> dict[str, Definition]:
    """Definitions after a change of any kind. Raises SchemaError for too many; those that are
    deleted count.
    """
    properties = {**old, **given}
    if len(properties) > MOST_DEFINITIONS:
        raise SchemaError(f"Property {path} must NOT have more than {MOST_DEFINITIONS} properties")
    return properties


def read(definitions: Mapping[str, Any]) -> dict[str, Definition]:
    """Definitions as sent that have no flaw; a null or an empty list says nothing."""
    return {
        name: msgspec.convert(
            {member: value for member, value in given.items() if value not in (None, [])},
            Definition,
        )
        for name, given in definitions.items()
    }


# Which types a member is for.
_ONLY_FOR: dict[str, tuple[str, ...]] = {
    "object_type": ("object",),
    "eq": ("string", "number"),
    **dict.fromkeys(("ne", "lt", "lte", "gt", "gte"), ("number",)),
    **dict.fromkeys(("min_length", "max_length", "exact_length"), ("string",)),
}


def flaw(
    definitions: Mapping[str, Any], types: Sequence[str] = TYPES, path: str = ".properties"
) -> str | None:
    """What is wrong with definitions as sent, such as `Property .properties.Size.eq.0 must be
    number`; None where nothing is. `types` are those that a definition may have.
    """
    if found := unfit(definitions, path):
        return found
    for name, given in definitions.items():
        if not name:
            return f"Property {path} must NOT have an empty property name"
        if found := _flaw(given, types, f"Property {path}.{name}"):
            return found
    return None


def _flaw(given: Any, types: Sequence[str], subject: str) -> str | None:
    if not isinstance(given, Mapping):
        return f"{subject} must be object"
    kind = given.get("type")
    if kind is None:
        return f"{subject} must have required property 'type'"
    if kind not in types:
        allowed = ", ".join(types)
        return f"{subject}.type must be equal to one of the allowed values [ {allowed} ]"
    for member in ("array", "optional", "deleted"):
        if not isinstance(given.get(member), (bool, type(None))):
            return f"{subject}.{member} must be boolean"
    for member, kinds in _ONLY_FOR.items():
        value = given.get(member)
        if value is None or value == []:
            continue
        if kind not in kinds:
            return f"{subject}.{member} is only available for the type {' or '.join(kinds)}"
        if found := _flaw_of_member(member, kind, value, f"{subject}.{member}"):
            return found
    return None


def _flaw_of_member(member: str, kind: str, value: Any, subject: str) -> str | None:
    if member == "object_type":
        return None if isinstance(value, str) else f"{subject} must be string"
    if member.endswith("_length"):
        if not isinstance(value, int) or isinstance(value, bool):
            return f"{subject} must be integer"
        return None if value >= 0 else f"{subject} must be >= 0"
    if member not in ("eq", "ne"):
        return None if _is_number(value) else f"{subject} must be number"
    if not isinstance(value, list):
        return f"{subject} must be array"
    for number, element in enumerate(value):
        if not _OF_TYPE[kind][1](element):
            return f"{subject}.{number} must be {kind}"
    return None
