from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from largesse.kit import db
from largesse.kit.errors import InvalidQueryParams
from largesse.store.filters import FLAG, JSON, NUMBER, STATES, TEXT, TIME, Field, Filters
from tests.kit.test_migrate import scratch
from tests.running import Server

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIELDS: dict[str, Field] = {
    "code": ("code", TEXT),
    "type": ("type_", TEXT),
    "at": ("at", TIME),
    "card.count": ("n", NUMBER),
    "flag": ("flag", FLAG),
    "metadata": ("data", JSON),
    "active": STATES,
}


def condition(given_: dict[str, Any]) -> tuple[str | None, list[Any]]:
    values: list[Any] = []

    def hole(value: Any) -> str:
        values.append(value)
        return f"${len(values)}"

    return Filters(given_, FIELDS, NOW).condition(hole), values


def one(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {field: {"conditions": {operator: value}}}


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "expected", "values"),
    [
        ({"code": {"conditions": {}}}, None, []),
        ({"junction": "or"}, None, []),
        (one("code", "$is", "a"), "(code = $1::text)", ["a"]),
        (one("type", "$is", "a"), "(type_ = $1::text)", ["a"]),
        (one("code", "$is", 5), "(code = $1::text)", ["5"]),
        (one("code", "$is", ["a"]), "(code = $1::text)", ["a"]),
        (one("code", "$is", {"0": "a"}), "(code = $1::text)", ["a"]),
        (one("code", "$in", "a"), "(code = ANY($1::text[]))", [["a"]]),
        (one("code", "$in", ["a", "b"]), "(code = ANY($1::text[]))", [["a", "b"]]),
        (one("code", "$in", {"0": "a", "1": "b"}), "(code = ANY($1::text[]))", [["a", "b"]]),
        (one("code", "$in", "['a', \"b's\"]"), "(code = ANY($1::text[]))", [["a", "b's"]]),
        (one("code", "$in", []), "(code = ANY($1::text[]))", [[]]),
        (one("code", "$in", "[a]"), "(code = ANY($1::text[]))", [["[a]"]]),
        (one("code", "$has_value", ""), "(code IS NOT NULL)", []),
        (one("at", "$is_unknown", "true"), "(at IS NULL)", []),
        (one("at", "$after", "2026-01-01"), "(at > $1)", [datetime(2026, 1, 1, tzinfo=UTC)]),
        (one("at", "$more_than", "2"), "(at < $1)", [NOW - timedelta(days=2)]),
        (one("at", "$less_than", 0), "(at > $1)", [NOW]),
        (one("card.count", "$is", "1.50"), "(n = $1::numeric)", [Decimal("1.50")]),
        (one("card.count", "$in", [1, "2"]), "(n = ANY($1::numeric[]))", [[1, 2]]),
        (one("card.count", "$more_than_or_equal", 5), "(n >= $1::numeric)", [5]),
        (one("card.count", "$is_unknown", ""), "(n IS NULL)", []),
        (one("flag", "$is", "TRUE"), "(flag = $1::boolean)", [True]),
        (one("flag", "$is_not", False), "(flag IS DISTINCT FROM $1::boolean)", [False]),
        (one("metadata.a", "$is", "1"), "((data ->> $1::text) = $2::text)", ["a", "1"]),
        (one("metadata.a.b", "$has_value", ""), "((data ->> $1::text) IS NOT NULL)", ["a.b"]),
        (one("metadata.'", "$is", "{v}"), "((data ->> $1::text) = $2::text)", ["'", "{v}"]),
        (one("active", "$enabled", "true"), "((active))", []),
        (one("active", "$disabled", ""), "((NOT active))", []),
        (one("active", "$expired", "true"), "((expiration_date <= $1))", [NOW]),
        (one("active", "before_start", ""), "((start_date > $1))", [NOW]),
        (
            {"junction": "OR", **one("code", "$is", "a"), **one("type", "$is_not", "b")},
            "(code = $1::text OR type_ IS DISTINCT FROM $2::text)",
            ["a", "b"],
        ),
        (
            {"code": {"conditions": {"$starts_with": "a", "$ends_with": "b"}}, "junction": "and"},
            "(starts_with(code, $1::text) AND right(code, length($2::text)) = $2::text)",
            ["a", "b"],
        ),
    ],
)
def test_condition(given_: dict[str, Any], expected: str | None, values: list[Any]) -> None:
    assert condition(given_) == (expected, values)


@pytest.mark.parametrize(
    ("given_", "details"),
    [
        ({"nope": {"conditions": {}}}, "Property .filters.nope is not supported"),
        ({"code = '' OR ''": {}}, "Property .filters.code = '' OR '' is not supported"),
        ({"code": "a"}, "Property .filters.code should have 'conditions'"),
        ({"code": {"$is": "a"}}, "Property .filters.code should have 'conditions'"),
        ({"code": {"conditions": ["a"]}}, "Property .filters.code should have 'conditions'"),
        ({"code": {"conditions": None}}, "Property .filters.code should have 'conditions'"),
        ({"code": None}, "Property .filters.code should have 'conditions'"),
        ({"junction": "xor"}, "Property .filters.junction should be 'and' or 'or'"),
        ({"junction": ["or"]}, "Property .filters.junction should be 'and' or 'or'"),
        (
            one("code", "$nope", "a"),
            "Property .filters.code.conditions.$nope is not a known operator",
        ),
        (one("code", "is", "a"), "Property .filters.code.conditions.is is not a known operator"),
        (
            one("code", "$after", "a"),
            "Property .filters.code.conditions.$after is not a known operator",
        ),
        (one("at", "$is", "a"), "Property .filters.at.conditions.$is is not a known operator"),
        (
            one("code", "$is", ["a", "b"]),
            "Property .filters.code.conditions.$is should be one value",
        ),
        (one("code", "$is", []), "Property .filters.code.conditions.$is should be one value"),
        (
            one("at", "$after", "2022-13-45"),
            "Property .filters.at.conditions.$after "
            "cannot be recognized as a ISO-8601 compliant date",
        ),
        (
            one("at", "$more_than", "-1"),
            "Property .filters.at.conditions.$more_than should be a number of days",
        ),
        (
            one("at", "$more_than", "1.5"),
            "Property .filters.at.conditions.$more_than should be a number of days",
        ),
        (
            one("at", "$less_than", "٢"),
            "Property .filters.at.conditions.$less_than should be a number of days",
        ),
        (
            one("at", "$less_than", "9" * 30),
            "Property .filters.at.conditions.$less_than should be a number of days",
        ),
        (
            one("card.count", "$is", "many"),
            "Property .filters.card.count.conditions.$is should be number",
        ),
        (
            one("card.count", "$is", "1e999999999"),
            "Property .filters.card.count.conditions.$is should be number",
        ),
        (
            one("card.count", "$contains", "1"),
            "Property .filters.card.count.conditions.$contains is not a known operator",
        ),
        (one("card", "$is", "1"), "Property .filters.card is not supported"),
        (
            one("flag", "$is", "yes"),
            "Property .filters.flag.conditions.$is should be boolean",
        ),
        (one("metadata", "$is", "1"), "Property .filters.metadata is not supported"),
        (
            one("metadata.a", "$more_than", "1"),
            "Property .filters.metadata.a.conditions.$more_than is not a known operator",
        ),
        (
            one("active", "$is", "true"),
            "Property .filters.active.conditions.$is is not a known operator",
        ),
        # More days than the calendar has.
        (
            one("at", "$less_than", "999999"),
            "Property .filters.at.conditions.$less_than should be a number of days",
        ),
    ],
)
def test_what_is_refused(given_: dict[str, Any], details: str) -> None:
    with pytest.raises(InvalidQueryParams) as caught:
        condition(given_)
    assert caught.value.details == details


NASTY = [
    "[{[]: 1}]",
    r"['\x00']",
    r"['\ud800']",
    "[" * 200 + "]" * 200,
    "[" + "-" * 5000 + "1]",
    "[" + "9" * 5000 + "]",
    "[" + "a." * 5000 + "b]",
    "[b'a']",
    "[1 + 2j]",
    "[lambda: 0]",
    "[]",
    "[",
]


@pytest.mark.parametrize("text", NASTY, ids=lambda text: text[:12])
def test_a_printed_list_is_only_ever_text(text: str) -> None:
    _, values = condition(one("code", "$in", text))
    for item in values[0]:
        assert isinstance(item, str)
        assert b"\x00" not in item.encode()


def nested(depth: int) -> Any:
    value: Any = "1"
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize("operator", ["$is", "$in", "$contains"])
def test_values_nested_deep_are_refused_or_text(operator: str) -> None:
    for value in (nested(10_000), [nested(10_000)]):
        with pytest.raises(InvalidQueryParams):
            condition(one("code", operator, value))


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=4)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["code", "at", "conditions", "junction", "$is", "$in", "$after", "$more_than"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["code", "type", "at", "junction", "x"]), ANYTHING))
@settings(max_examples=300)
def test_anything_is_read_or_refused(given_: dict[str, Any]) -> None:
    try:
        text, values = condition(given_)
    except InvalidQueryParams as problem:
        assert (problem.details or "").startswith("Property .filters.")
        return
    assert (text is None) is (
        not any(member["conditions"] for name, member in given_.items() if name != "junction")
    )
    assert len(values) <= len(given_) * 8


# --- meaning ------------------------------------------------------------------------------------


class Database:
    def __init__(self, runner: asyncio.Runner, connection: Any) -> None:
        self.runner = runner
        self.connection = connection

    def holds(self, given_: dict[str, Any], row: dict[str, Any]) -> bool:
        """Whether PostgreSQL finds a row by a filter."""
        text, values = condition(given_)
        kinds = {"code": "text", "type_": "text", "at": "timestamptz"}
        places = ", ".join(
            f"${len(values) + n}::{kinds[name]} AS {name}" for n, name in enumerate(row, 1)
        )
        found: bool = self.runner.run(
            self.connection.fetchval(
                f"SELECT count(*) = 1 FROM (SELECT {places}) AS row WHERE {text}",
                *values,
                *row.values(),
            )
        )
        return found


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[Database]:
    with asyncio.Runner() as runner:
        place = scratch(server)
        connection = runner.run(db.connect(runner.run(place.__aenter__())))
        yield Database(runner, connection)
        runner.run(connection.close())
        runner.run(place.__aexit__(None, None, None))


# What each operator on texts means, told in Python.
MEANING = {
    "$is": lambda code, value: code == value,
    "$is_not": lambda code, value: code != value,
    "$starts_with": lambda code, value: code is not None and code.startswith(value),
    "$ends_with": lambda code, value: code is not None and code.endswith(value),
    "$contains": lambda code, value: code is not None and value in code,
    "$not_contain": lambda code, value: code is None or value not in code,
    "$has_value": lambda code, _: code is not None,
    "$is_unknown": lambda code, _: code is None,
}
TEXTS = st.text(alphabet="aA%_\\'\"$*é😀", max_size=4) | st.text(
    alphabet=st.characters(exclude_characters="\x00", codec="utf-8"), max_size=4
)


@given(st.sampled_from(sorted(MEANING)), st.none() | TEXTS, TEXTS)
@settings(max_examples=300, deadline=None)
def test_every_operator_on_texts_means_what_it_says(
    database: Database, operator: str, code: str | None, value: str
) -> None:
    expected = MEANING[operator](code, value)
    assert database.holds(one("code", operator, value), {"code": code}) is expected


@given(st.none() | TEXTS, st.lists(TEXTS, min_size=2, max_size=4))
@settings(max_examples=100, deadline=None)
def test_in_and_not_in(database: Database, code: str | None, values: list[str]) -> None:
    assert database.holds(one("code", "$in", values), {"code": code}) is (code in values)
    assert database.holds(one("code", "$not_in", values), {"code": code}) is (code not in values)


@given(st.none() | TEXTS, TEXTS, TEXTS, st.sampled_from(["and", "or"]))
@settings(max_examples=60, deadline=None)
def test_junctions(
    database: Database, code: str | None, first: str, second: str, junction: str
) -> None:
    given_ = {"junction": junction, **one("code", "$is", first), **one("type", "$is", second)}
    meets = [code == first, code == second]
    expected = all(meets) if junction == "and" else any(meets)
    assert database.holds(given_, {"code": code, "type_": code}) is expected


@pytest.mark.parametrize(
    ("operator", "value", "age", "expected"),
    [
        ("$after", "2026-11-22T11:59:59.999Z", 0, True),
        ("$after", "2026-11-22T12:00:00Z", 0, False),
        ("$before", "2026-11-22T12:00:00.001Z", 0, True),
        ("$before", "2026-11-22T12:00:00Z", 0, False),
        ("$before", "2026-11-22T14:00:01+02:00", 0, True),
        ("$more_than", "2", 3, True),
        ("$more_than", "2", 1, False),
        ("$less_than", "2", 1, True),
        ("$less_than", "2", 3, False),
        ("$has_value", "", 0, True),
        ("$is_unknown", "", 0, False),
    ],
)
def test_times(database: Database, operator: str, value: str, age: int, expected: bool) -> None:
    row = {"at": NOW - timedelta(days=age)}
    assert database.holds(one("at", operator, value), row) is expected
    assert database.holds(one("at", operator, value), {"at": None}) is (operator == "$is_unknown")
