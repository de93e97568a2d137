from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from largesse.engine.schemas import (
    EVENT_TYPES,
    NESTED_TYPES,
    TYPES,
    Definition,
    Schema,
    SchemaError,
    changed,
    flaw,
    from_text,
    merged,
    read,
    violations,
)


def of(definition: Definition, *, only: bool = False) -> Schema:
    return Schema({"x": definition}, only)


def wrong(definition: Definition, value: Any) -> str | None:
    return violations(of(definition), {}, {"x": value}, whole=True)


def optional(kind: Any, **members: Any) -> Definition:
    return Definition(kind, optional=True, **members)


# --- types --------------------------------------------------------------------------------------

WORDS = {
    "string": "must be a string",
    "number": "must be a number",
    "boolean": "must be a boolean",
    "date": "must be a date (YYYY-MM-DD)",
    "datetime": "must be a datetime (ISO 8601)",
    "geopoint": "must be a geopoint (latitude,longitude)",
    "image_url": "must be a URL pointing to JPG/JPEG or PNG resource",
    "object": "must be an object",
}
WRONG: dict[str, list[tuple[Any, str]]] = {
    "string": [(1, "1"), (True, "true"), (["a"], '["a"]'), ({"a": 1}, '{"a":1}')],
    "number": [("1", "'1'"), (True, "true"), (False, "false"), ([1], "[1]"), ("", "''")],
    "boolean": [("true", "'true'"), (0, "0"), (1.0, "1.0"), ([], "[]")],
    "date": [
        ("2026-02-30", "'2026-02-30'"),
        ("2026-2-3", "'2026-2-3'"),
        ("20260203", "'20260203'"),
        ("2026-W06-2", "'2026-W06-2'"),
        ("2026-02-03T00:00:00Z", "'2026-02-03T00:00:00Z'"),
        ("2026-02-03\n", "'2026-02-03\n'"),
        ("\u0662\u0660\u0662\u0666-02-03", "'\u0662\u0660\u0662\u0666-02-03'"),
        (20260203, "20260203"),
    ],
    "datetime": [
        ("2026-02-03 09:00", "'2026-02-03 09:00'"),
        ("2026-02-03T24:00:00Z", "'2026-02-03T24:00:00Z'"),
        ("2026-02-03T09:60", "'2026-02-03T09:60'"),
        ("2026-02-30T09:00:00Z", "'2026-02-30T09:00:00Z'"),
        ("2026-02-03T09:00:00+15:00", "'2026-02-03T09:00:00+15:00'"),
        ("2026-02-03T", "'2026-02-03T'"),
        ("0000-02-03", "'0000-02-03'"),
        ("yesterday", "'yesterday'"),
        (1770109200, "1770109200"),
    ],
    "geopoint": [
        ("90.1,0", "'90.1,0'"),
        ("0,-180.5", "'0,-180.5'"),
        ("52.2297", "'52.2297'"),
        ("52,21,0", "'52,21,0'"),
        ("north,east", "'north,east'"),
        (52.2, "52.2"),
        ([52, 21], "[52,21]"),
    ],
    "image_url": [
        ("http.com", "'http.com'"),
        ("https://shop.example/a.gif", "'https://shop.example/a.gif'"),
        ("https://shop.example/?a.png", "'https://shop.example/?a.png'"),
        ("https://shop.png", "'https://shop.png'"),
        ("ftp://shop.example/a.png", "'ftp://shop.example/a.png'"),
        ("https:///a.png", "'https:///a.png'"),
        ("https://shop.example/a b.png", "'https://shop.example/a b.png'"),
        ("https://shop.example/a.png.exe", "'https://shop.example/a.png.exe'"),
        (1, "1"),
    ],
    "object": [("x", "'x'"), (1, "1"), (True, "true"), ([], "[]"), ([{}], "[{}]")],
}
RIGHT: dict[str, list[Any]] = {
    "string": ["", "a", "1", "2026-02-03"],
    "number": [0, -1, 1.5, 2**63 - 1],
    "boolean": [True, False],
    "date": ["2026-02-03", "2024-02-29", "0001-01-01", "9999-12-31"],
    "datetime": [
        "2026-02-03",
        "2026-02-03T09",
        "2026-02-03T09:10",
        "2026-02-03T09:10Z",
        "2026-02-03T09:10:11",
        "2026-02-03T09:10:11Z",
        "2026-02-03T09:10:11+02:00",
        "2026-02-03T09:10:11.123Z",
        "2026-02-03T09:10:11.123-14:59",
    ],
    "geopoint": ["37.786971, -122.399677", "90,180", "-90,-180", "0,0", "+1.5 , 2"],
    "image_url": [
        "https://shop.example/a.png",
        "http://shop.example/a/b.JPG",
        "HTTPS://shop.example:8080/a.jpeg?size=1&x=/",
        "https://shop.example/a.gif.Png#top",
    ],
    "object": [{}, {"anything": [1, {"at": "all"}]}],
}


@pytest.mark.parametrize(
    ("kind", "value", "actual"),
    [(kind, value, actual) for kind, values in WRONG.items() for value, actual in values],
)
def test_a_value_of_another_type(kind: Any, value: Any, actual: str) -> None:
    message = f"x: {WORDS[kind]} (actual value is {actual})"
    assert wrong(Definition(kind), value) == message
    assert wrong(optional(kind), value) == message


@pytest.mark.parametrize(
    ("kind", "value"), [(kind, value) for kind, values in RIGHT.items() for value in values]
)
def test_a_value_of_the_type(kind: Any, value: Any) -> None:
    assert wrong(Definition(kind), value) is None
    assert wrong(Definition(kind, array=True), [value, value]) is None


def test_every_type_is_tried() -> None:
    assert set(WRONG) == set(RIGHT) == set(WORDS) == set(TYPES)


def test_the_words_of_a_refusal() -> None:
    schema = Schema(
        {
            "ImageURL": optional("image_url"),
            "location_id": optional("string", array=True, eq=["L1", "L2", "L3"]),
        }
    )
    assert violations(schema, {}, {"ImageURL": "http.com"}, whole=True) == (
        "ImageURL: must be a URL pointing to JPG/JPEG or PNG resource (actual value is 'http.com')"
    )
    assert violations(schema, {}, {"location_id": "L1"}, whole=True) == (
        "location_id: must be an array, and every element: must be a string, "
        "must be equal to one of L1,L2,L3 (actual value is 'L1')"
    )
    assert violations(schema, {}, {"ImageURL": 1, "other": 2, "location_id": 3}, whole=True) == (
        "ImageURL: must be a URL pointing to JPG/JPEG or PNG resource (actual value is 1); "
        "location_id: must be an array, and every element: must be a string, "
        "must be equal to one of L1,L2,L3 (actual value is 3)"
    )


def test_a_long_value_is_cut() -> None:
    assert wrong(Definition("number"), "a" * 101) == (
        f"x: must be a number (actual value is '{'a' * 100}...')"
    )
    assert wrong(Definition("number"), "a" * 100) == (
        f"x: must be a number (actual value is '{'a' * 100}')"
    )


def test_a_value_without_a_bottom_is_refused_too() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    assert wrong(Definition("number"), value) == (
        "x: must be a number (actual value is nested too deep)"
    )


# --- constraints --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "members", "value", "words"),
    [
        ("string", {"eq": ["a", "b"]}, "c", "must be equal to one of a,b"),
        ("string", {"eq": ["a"]}, "A", "must be equal to one of a"),
        ("string", {"min_length": 3}, "ab", "must have at least 3 characters"),
        ("string", {"max_length": 3}, "abcd", "must have at most 3 characters"),
        ("string", {"max_length": 0}, "a", "must have at most 0 characters"),
        ("string", {"exact_length": 3}, "ab", "must have exactly 3 characters"),
        ("number", {"eq": [1, 2.5]}, 3, "must be equal to one of 1,2.5"),
        ("number", {"ne": [1, 2.5]}, 2.5, "must not be equal to any of 1,2.5"),
        ("number", {"lt": 10}, 10, "must be lower than 10"),
        ("number", {"lt": 0}, 0, "must be lower than 0"),
        ("number", {"lte": 10}, 10.01, "must be lower than or equal to 10"),
        ("number", {"gt": 10}, 10, "must be greater than 10"),
        ("number", {"gte": 1.5}, 1, "must be greater than or equal to 1.5"),
        (
            "number",
            {"ne": [7], "gte": 5, "lt": 10},
            12,
            "must not be equal to any of 7, must be lower than 10, "
            "must be greater than or equal to 5",
        ),
    ],
)
def test_a_value_outside_its_limits(
    kind: Any, members: dict[str, Any], value: Any, words: str
) -> None:
    shown = f"'{value}'" if kind == "string" else value
    message = f"x: {WORDS[kind]}, {words} (actual value is {shown})"
    assert wrong(Definition(kind, **members), value) == message


@pytest.mark.parametrize(
    ("kind", "members", "value"),
    [
        ("string", {"eq": ["a", "b"]}, "b"),
        ("string", {"min_length": 3}, "abc"),
        ("string", {"max_length": 3}, "abc"),
        ("string", {"exact_length": 3}, "äöü"),
        ("number", {"eq": [1, 2.5]}, 1.0),
        ("number", {"ne": [1, 2.5]}, 2),
        ("number", {"lt": 10}, 9.99),
        ("number", {"lte": 10}, 10),
        ("number", {"gt": 10}, 10.01),
        ("number", {"gte": 10}, 10),
    ],
)
def test_a_value_at_its_limits(kind: Any, members: dict[str, Any], value: Any) -> None:
    assert wrong(Definition(kind, **members), value) is None


def test_true_is_not_the_number_one() -> None:
    assert wrong(Definition("number", eq=[1]), True) is not None


# --- arrays -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [5, "5", {"0": 5}, [5, "5"], [[5]], [None], [5, 4]])
def test_an_array_and_each_of_its_elements(value: Any) -> None:
    shown = f"'{value}'" if isinstance(value, str) else msgspec.json.encode(value).decode()
    assert wrong(Definition("number", array=True, gte=5), value) == (
        "x: must be an array, and every element: must be a number, "
        f"must be greater than or equal to 5 (actual value is {shown})"
    )


def test_an_array_may_be_empty_or_long() -> None:
    assert wrong(Definition("number", array=True, gte=5), []) is None
    assert wrong(Definition("number", array=True, gte=5), [5, 6.5, 7]) is None


# --- nested objects -----------------------------------------------------------------------------

PAYMENT = Schema(
    {
        "method": Definition("string", eq=["card", "transfer"]),
        "tax": optional("number"),
        "by": optional("object", object_type="Payment"),
    }
)
NESTED = {"Payment": PAYMENT, "Strict": Schema(PAYMENT.properties, True)}


def nested(value: Any, *, array: bool = False, name: str = "Payment") -> str | None:
    schema = Schema({"paid": Definition("object", array, optional=True, object_type=name)})
    return violations(schema, NESTED, {"paid": value}, whole=False)


def test_an_object_follows_its_own_schema() -> None:
    assert nested({"method": "card", "tax": 8, "more": 1}) is None
    assert nested({"method": "cash", "tax": "8"}) == (
        "paid.method: must be a string, must be equal to one of card,transfer "
        "(actual value is 'cash'); paid.tax: must be a number (actual value is '8')"
    )
    assert nested("card") == "paid: must be an object (actual value is 'card')"


def test_an_object_is_always_whole() -> None:
    assert nested({"tax": 8}) == "paid.method: is required"
    assert nested({"method": None}) == "paid.method: is required"
    assert nested(None) is None


def test_an_object_with_keys_that_its_schema_does_not_have() -> None:
    assert nested({"method": "card", "more": 1}, name="Strict") == (
        "paid.more: is not defined in the schema"
    )


def test_each_object_of_an_array() -> None:
    assert nested([], array=True) is None
    assert nested([{"method": "card"}, {"method": "transfer"}], array=True) is None
    assert nested([{"method": "card"}, {}, {"method": 1}], array=True) == (
        "paid.1.method: is required; paid.2.method: must be a string, "
        "must be equal to one of card,transfer (actual value is 1)"
    )
    assert nested([{"method": "card"}, 5], array=True) == (
        "paid: must be an array, and every element: must be an object "
        '(actual value is [{"method":"card"},5])'
    )


def test_nesting_goes_one_level_deep() -> None:
    assert nested({"method": "card", "by": {"method": 1}}) is None
    assert nested({"method": "card", "by": 1}) == "paid.by: must be an object (actual value is 1)"


@pytest.mark.parametrize("name", ["Unknown", "", None])
def test_an_object_without_a_known_schema_may_be_any(name: Any) -> None:
    assert nested({"any": "thing"}, name=name) is None
    assert nested(1, name=name) == "paid: must be an object (actual value is 1)"


# --- what has to be there -----------------------------------------------------------------------

REQUIRED = Schema(
    {
        "name": Definition("string"),
        "tags": Definition("string", array=True),
        "age": optional("number"),
        "old": Definition("number", deleted=True),
    }
)


def test_a_new_object_has_all_that_is_required() -> None:
    assert violations(REQUIRED, {}, {}, whole=True) == "name: is required; tags: is required"
    assert violations(REQUIRED, {}, {"name": None, "tags": []}, whole=True) == "name: is required"
    assert violations(REQUIRED, {}, {"name": "", "tags": ["a"]}, whole=True) is None


def test_a_change_is_judged_by_what_is_sent() -> None:
    assert violations(REQUIRED, {}, {}, whole=False) is None
    assert violations(REQUIRED, {}, {"age": 5}, whole=False) is None
    assert violations(REQUIRED, {}, {"age": "5"}, whole=False) == (
        "age: must be a number (actual value is '5')"
    )
    assert violations(REQUIRED, {}, {"name": None, "age": None}, whole=False) == "name: is required"


@pytest.mark.parametrize("whole", [True, False])
def test_keys_without_a_definition(whole: bool) -> None:
    definitions = {"a": optional("string"), "b": optional("number", deleted=True)}
    given = {"a": "1", "b": "not judged", "c": [1], "d": None}
    assert violations(Schema(definitions), {}, given, whole=whole) is None
    assert violations(Schema(definitions, True), {}, given, whole=whole) == (
        "b: is not defined in the schema; c: is not defined in the schema"
    )


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("string", " a,b ", " a,b "),
        ("string", "null", "null"),
        ("string", "5", "5"),
        ("string", "", None),
        ("number", "5", 5),
        ("number", " -5 ", -5),
        ("number", "007", 7),
        ("number", "1.50", 1.5),
        ("number", ".5", 0.5),
        ("number", "1e3", 1000.0),
        ("number", "9223372036854775807", 2**63 - 1),
        ("number", "9223372036854775808", "9223372036854775808"),
        ("number", "1e999", "1e999"),
        ("number", "1,5", "1,5"),
        ("number", "NaN", "NaN"),
        ("number", "5_000", "5_000"),
        ("number", "\u0665", "\u0665"),
        ("number", "true", "true"),
        ("number", "", None),
        ("number", "null", None),
        ("boolean", "true", True),
        ("boolean", "FALSE", False),
        ("boolean", "null", None),
        ("boolean", "", None),
        ("boolean", "yes", "yes"),
        ("boolean", "1", "1"),
        ("date", "2026-02-03", "2026-02-03"),
        ("date", "tomorrow", "tomorrow"),
        ("date", "null", None),
        ("datetime", " 2026-02-03T09:00:00.000Z", "2026-02-03T09:00:00.000Z"),
        ("geopoint", "37.78, -122.39", "37.78, -122.39"),
        ("image_url", "https://shop.example/a.png", "https://shop.example/a.png"),
        ("object", '{"a": [1, true]}', {"a": [1, True]}),
        ("object", "{'a': 1}", "{'a': 1}"),
        ("object", '{"a": "\\u0000"}', '{"a": "\\u0000"}'),
        ("object", '{"a": 9223372036854775808}', '{"a": 9223372036854775808}'),
        ("object", "[" * 100_000, "[" * 100_000),
        ("object", "null", None),
    ],
)
def test_a_cell_as_its_type(kind: Any, cell: str, value: Any) -> None:
    found = from_text(of(Definition(kind)), "x", cell)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("string", "subscribed,premium", ["subscribed", "premium"]),
        ("string", " a , ,b,", ["a", "b"]),
        ("string", "null", ["null"]),
        ("number", "123,234", [123, 234]),
        ("number", "1,x", [1, "x"]),
        ("number", "null", None),
        ("boolean", "true,false", [True, False]),
        ("date", "2000-01-01,2000-01-02", ["2000-01-01", "2000-01-02"]),
        ("geopoint", "1,2, 3,4", ["1,2", "3,4"]),
        ("geopoint", "1,2,3", ["1", "2", "3"]),
        ("object", '[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        ("string", "", None),
    ],
)
def test_a_cell_as_an_array(kind: Any, cell: str, value: Any) -> None:
    assert from_text(of(Definition(kind, array=True)), "x", cell) == value


@pytest.mark.parametrize("cell", ["5", "true", "null", "", " a ", "a,b"])
def test_a_cell_without_a_definition_stays_text(cell: str) -> None:
    deleted = of(Definition("number", deleted=True))
    assert from_text(Schema({}), "x", cell) == cell
    assert from_text(deleted, "x", cell) == cell


SCALARS = {
    "number": st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "date": st.dates().map(str),
}


@given(st.data())
def test_what_is_written_to_a_file_is_read_again(data: st.DataObject) -> None:
    kind: Any = data.draw(st.sampled_from(["number", "boolean", "date"]))
    values = data.draw(st.lists(SCALARS[kind], min_size=1, max_size=3))
    texts = [value if isinstance(value, str) else msgspec.json.encode(value) for value in values]
    cells = [text if isinstance(text, str) else text.decode() for text in texts]
    assert from_text(of(Definition(kind)), "x", cells[0]) == values[0]
    assert from_text(of(Definition(kind, array=True)), "x", ",".join(cells)) == values
    assert wrong(Definition(kind, array=True), values) is None


@given(
    st.datetimes(),
    st.sampled_from(["hours", "minutes", "seconds", "milliseconds", "microseconds"]),
    st.sampled_from(["", "Z", "+00:00", "-03:30", "+14:00"]),
)
def test_every_moment_in_every_form(moment: datetime, precision: str, zone: str) -> None:
    text = moment.isoformat(timespec=precision) + ("" if precision == "hours" else zone)
    assert wrong(Definition("datetime"), text) is None
    assert wrong(Definition("date"), text) is not None
    assert wrong(Definition("date"), text[:10]) is None


@given(
    st.sampled_from(TYPES),
    st.booleans(),
    st.text() | st.from_regex(r"\A[-+0-9.,eE:TZ ]{0,30}\Z") | st.from_regex(r"\A[\[{\"0-9]{0,9}\Z"),
)
def test_any_cell_is_read_and_judged(kind: Any, array: bool, cell: str) -> None:
    schema = of(optional(kind, array=array))
    found = violations(schema, {}, {"x": from_text(schema, "x", cell)}, whole=True)
    assert found is None or found.startswith("x: must be a")


# --- changing a schema --------------------------------------------------------------------------


def test_a_definition_is_replaced_whole_and_no_other_changes() -> None:
    old = Schema({"a": Definition("string", eq=["x"], min_length=1), "b": optional("number")}, True)
    new = changed(old, {"a": optional("string", array=True), "c": Definition("date")})
    assert new == Schema(
        {
            "a": Definition("string", array=True, optional=True),
            "b": Definition("number", optional=True),
            "c": Definition("date"),
        },
        True,
    )
    assert set(old.properties) == {"a", "b"}


@pytest.mark.parametrize("deleted", [True, False])
def test_a_type_never_changes(deleted: bool) -> None:
    old = of(Definition("string", deleted=deleted))
    with pytest.raises(SchemaError) as raised:
        changed(old, {"x": Definition("number")})
    assert (
        str(raised.value) == "Property .properties.x.type cannot be changed from string to number"
    )
    assert merged(old.properties, {"x": Definition("number")}) == {"x": Definition("number")}


def test_a_hundred_definitions_and_no_more() -> None:
    hundred = {f"k{n}": Definition("string", deleted=n % 2 == 0) for n in range(100)}
    full = changed(Schema({}), hundred)
    assert len(full.properties) == 100
    assert len(changed(full, {"k0": Definition("string")}).properties) == 100
    with pytest.raises(SchemaError) as raised:
        changed(full, {"one more": Definition("string")})
    assert str(raised.value) == "Property .properties must NOT have more than 100 properties"


def test_what_says_nothing_is_left_out() -> None:
    sent: dict[str, Any] = {
        "x": {"type": "number", "array": None, "eq": [], "lt": 0, "object_type": None, "y": 1}
    }
    assert flaw(sent) is None
    assert read(sent) == {"x": Definition("number", lt=0)}
    assert read({"x": {"type": "date", "eq": [], "optional": True}}) == {"x": optional("date")}


ALL = ", ".join(TYPES)


@pytest.mark.parametrize(
    ("definition", "details"),
    [
        ("string", "Property .properties.Size must be object"),
        (None, "Property .properties.Size must be object"),
        ([], "Property .properties.Size must be object"),
        ({}, "Property .properties.Size must have required property 'type'"),
        (
            {"type": "text"},
            f"Property .properties.Size.type must be equal to one of the allowed values [ {ALL} ]",
        ),
        (
            {"type": ["string"]},
            f"Property .properties.Size.type must be equal to one of the allowed values [ {ALL} ]",
        ),
        ({"type": "string", "array": "yes"}, "Property .properties.Size.array must be boolean"),
        ({"type": "string", "optional": 1}, "Property .properties.Size.optional must be boolean"),
        ({"type": "string", "deleted": 0}, "Property .properties.Size.deleted must be boolean"),
        ({"type": "number", "eq": ["L"]}, "Property .properties.Size.eq.0 must be number"),
        ({"type": "number", "eq": [1, True]}, "Property .properties.Size.eq.1 must be number"),
        ({"type": "string", "eq": ["L", 1]}, "Property .properties.Size.eq.1 must be string"),
        ({"type": "string", "eq": "L"}, "Property .properties.Size.eq must be array"),
        (
            {"type": "boolean", "eq": [True]},
            "Property .properties.Size.eq is only available for the type string or number",
        ),
        ({"type": "number", "ne": ["L"]}, "Property .properties.Size.ne.0 must be number"),
        (
            {"type": "string", "ne": ["L"]},
            "Property .properties.Size.ne is only available for the type number",
        ),
        *(
            (
                {"type": "date", member: 5},
                f"Property .properties.Size.{member} is only available for the type number",
            )
            for member in ("lt", "lte", "gt", "gte")
        ),
        ({"type": "number", "lt": "5"}, "Property .properties.Size.lt must be number"),
        ({"type": "number", "gte": True}, "Property .properties.Size.gte must be number"),
        *(
            (
                {"type": "number", member: 5},
                f"Property .properties.Size.{member} is only available for the type string",
            )
            for member in ("min_length", "max_length", "exact_length")
        ),
        (
            {"type": "string", "min_length": 1.5},
            "Property .properties.Size.min_length must be integer",
        ),
        (
            {"type": "string", "max_length": True},
            "Property .properties.Size.max_length must be integer",
        ),
        (
            {"type": "string", "exact_length": -1},
            "Property .properties.Size.exact_length must be >= 0",
        ),
        (
            {"type": "string", "object_type": "Payment"},
            "Property .properties.Size.object_type is only available for the type object",
        ),
        (
            {"type": "object", "object_type": 1},
            "Property .properties.Size.object_type must be string",
        ),
        (
            {"type": "number", "lt": 2**63},
            "Property .properties.Size.lt should be a 64-bit integer",
        ),
    ],
)
def test_a_definition_with_a_flaw(definition: Any, details: str) -> None:
    assert flaw({"fine": {"type": "string"}, "Size": definition}) == details


def test_definitions_without_a_flaw() -> None:
    assert flaw({}) is None
    for kind in TYPES:
        assert (
            flaw({"x": {"type": kind, "array": True, "optional": False, "deleted": True}}) is None
        )
    assert flaw({"x": {"type": "object", "object_type": "Payment"}}) is None
    limits = {"eq": [1, 2.5], "ne": [3], "lt": 9, "lte": 9.5, "gt": -1, "gte": 0}
    assert flaw({"x": {"type": "number", **limits}}) is None
    lengths = {"eq": ["a"], "min_length": 0, "max_length": 5, "exact_length": 5}
    assert flaw({"x": {"type": "string", **lengths}}) is None


def test_a_key_has_a_name() -> None:
    assert flaw({"": {"type": "string"}}) == (
        "Property .properties must NOT have an empty property name"
    )


def test_not_every_schema_has_every_type() -> None:
    assert flaw({"x": {"type": "object"}}, NESTED_TYPES) == (
        "Property .properties.x.type must be equal to one of the allowed values "
        "[ string, number, date, datetime, geopoint, boolean, image_url ]"
    )
    assert flaw({"x": {"type": "geopoint"}}, EVENT_TYPES, ".schema.properties") == (
        "Property .schema.properties.x.type must be equal to one of the allowed values "
        "[ string, number, date, datetime, boolean ]"
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
MEMBERS = [name for name in Definition.__struct_fields__ if name != "type"]
SENT = st.builds(
    lambda kind, members: {"type": kind, **members},
    st.sampled_from(TYPES) | JSON,
    st.dictionaries(st.sampled_from(MEMBERS), JSON, max_size=3),
)


@given(st.dictionaries(st.text(max_size=3), SENT | JSON, max_size=3), JSON)
def test_whatever_has_no_flaw_is_read_stored_and_enforced(sent: dict[str, Any], value: Any) -> None:
    if flaw(sent) is not None:
        return
    definitions = read(sent)
    stored = msgspec.json.encode(definitions)
    assert msgspec.json.decode(stored, type=dict[str, Definition]) == definitions
    for name in definitions:
        violations(Schema(definitions), {}, {name: value}, whole=True)
