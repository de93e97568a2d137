from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from largesse.kit import wire
from largesse.kit.errors import InvalidPayload, InvalidQueryParams, PageOverLimit, Problem
from largesse.kit.wire import NOT_A_DATE, Day, Moment, Reader, explain, parse_query, stamp


class Part(msgspec.Struct):
    city: Annotated[str, Meta(max_length=3)] | None = None


class Needs(msgspec.Struct):
    needed: str


class Body(msgspec.Struct, kw_only=True):
    """One member of each kind that a body can have."""

    text: str = ""
    short: Annotated[str, Meta(max_length=3)] | None = None
    long: Annotated[str, Meta(min_length=2)] | None = None
    whole: int = 0
    number: float = 0.0
    truth: bool = False
    few: Annotated[int, Meta(ge=1, le=100)] = 1
    part: Annotated[float, Meta(gt=0, lt=2.5)] = 1.0
    choice: Literal["x", "y"] = "x"
    one_of: Literal[1, 2] = 1
    either: int | str | None = None
    numbers: list[int] = []
    counts: dict[str, int] = {}
    anything: dict[str, Any] = {}
    inner: Part | None = None
    parts: list[Part] = []
    needs: Needs | None = None
    day: Day | None = None
    moment: Moment | None = None


class ListQuery(msgspec.Struct, kw_only=True):
    limit: Annotated[int, Meta(ge=1, le=100)] = 10
    page: Annotated[int, Meta(ge=1, le=1000)] = 1
    name: str | None = None
    after: Moment | None = None
    filters: dict[str, Any] | None = None


READER = Reader(Body)
ANYTHING = Reader(Any)


def refusal(reader: Reader, body: bytes | str) -> str | None:
    with pytest.raises(InvalidPayload) as caught:
        reader.json(body.encode() if isinstance(body, str) else body)
    return caught.value.details


# --- times --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2022, 1, 2, 3, 4, 5, 678_000, UTC), "2022-01-02T03:04:05.678Z"),
        (datetime(2022, 1, 2, tzinfo=UTC), "2022-01-02T00:00:00.000Z"),
        (datetime(2022, 1, 2, 3, 4, 5, 999_999, UTC), "2022-01-02T03:04:05.999Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC), "9999-12-31T23:59:59.999Z"),
    ],
)
def test_stamp(moment: datetime, expected: str) -> None:
    assert stamp(moment) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-01-31", date(2022, 1, 31)),
        ("2024-02-29", date(2024, 2, 29)),
        ("0001-01-01", date(1, 1, 1)),
        ("9999-12-31", date(9999, 12, 31)),
        ("2022-01-31T23:59:59Z", date(2022, 1, 31)),
        # The day is the one that was written, in whatever zone.
        ("2022-01-31T23:59:59.123-11:00", date(2022, 1, 31)),
        ("2022-01-31 10:00:00", date(2022, 1, 31)),
    ],
)
def test_a_day_is_read(text: str, expected: date) -> None:
    assert Day.parse(text) == expected
    assert wire.encode(Day.parse(text)) == f'"{expected.isoformat()}"'.encode()


@pytest.mark.parametrize(
    "text",
    [
        "2022-13-45",
        "2022-02-30",
        "2023-02-29",
        "0000-01-01",
        "10000-01-01",
        "22-01-01",
        "2022-1-1",
        "20220101",
        "2022-W01-1",
        "2022-001",
        "2022-01-01T",
        "2022-01-01T25:00:00Z",
        "2022-01-01T10:61:00Z",
        "2022-01-01T10:00:00+99:00",
        "2022-01-01x",
        "2022-01-01\n",
        " 2022-01-01",
        "٢٠٢٢-01-01",
        "-2022-01-01",
        "tomorrow",
        "",
    ],
)
def test_what_is_no_day_is_no_moment_either(text: str) -> None:
    for kind in (Day, Moment):
        with pytest.raises(ValueError, match=NOT_A_DATE):
            kind.parse(text)


def test_a_day_that_is_no_text_is_said_to_be_none() -> None:
    with pytest.raises(ValueError, match="should be string"):
        Day.parse(5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-01-31", "2022-01-31T00:00:00.000Z"),
        ("2022-01-31T10:00:00", "2022-01-31T10:00:00.000Z"),
        ("2022-01-31T10:00:00.123Z", "2022-01-31T10:00:00.123Z"),
        ("2022-01-31T10:00:00+02:00", "2022-01-31T08:00:00.000Z"),
        # A plus sign that came unencoded in a query is a space by now.
        ("2022-01-31T10:00:00 02:00", "2022-01-31T08:00:00.000Z"),
        ("2022-01-31T23:30:00-01:00", "2022-02-01T00:30:00.000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_moment_is_read(text: str, expected: str) -> None:
    found = Moment.parse(text)
    assert isinstance(found, Moment)
    assert stamp(found) == expected


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"])
def test_a_moment_outside_of_all_years_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=NOT_A_DATE):
        Moment.parse(text)


@given(st.dates())
def test_every_day_is_read_as_it_is_written(day: date) -> None:
    assert Day.parse(day.isoformat()) == day


@given(
    st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)),
    st.integers(-23 * 60, 23 * 60),
)
def test_every_moment_is_read_as_it_is_written(moment: datetime, offset: int) -> None:
    written = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    assert Moment.parse(written.isoformat()) == written


@given(st.datetimes())
def test_a_stamp_is_read_back_to_the_millisecond(moment: datetime) -> None:
    cut = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
    assert Moment.parse(stamp(moment.replace(tzinfo=UTC))) == cut


@given(st.text() | st.from_regex(r"\d{4}-\d{2}-\d{2}([T ].{0,20})?", fullmatch=True))
def test_any_text_is_a_date_or_said_to_be_none(text: str) -> None:
    for kind in (Day, Moment):
        try:
            kind.parse(text)
        except ValueError as error:
            assert str(error) == NOT_A_DATE


# --- bodies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"text":5}', "Property .text should be string"),
        ('{"text":true}', "Property .text should be string"),
        ('{"text":[]}', "Property .text should be string"),
        ('{"text":null}', "Property .text should be string"),
        ('{"short":5}', "Property .short should be string"),
        ('{"short":"four"}', "Property .short should NOT be longer than 3 characters"),
        ('{"long":"x"}', "Property .long should NOT be shorter than 2 characters"),
        ('{"whole":"x"}', "Property .whole should be integer"),
        ('{"whole":""}', "Property .whole should be integer"),
        ('{"whole":1.5}', "Property .whole should be integer"),
        ('{"whole":"1.5"}', "Property .whole should be integer"),
        ('{"whole":{}}', "Property .whole should be integer"),
        ('{"number":"x"}', "Property .number should be number"),
        ('{"number":1e309}', "Property .number number out of range"),
        ('{"truth":2}', "Property .truth should be boolean"),
        ('{"truth":"maybe"}', "Property .truth should be boolean"),
        ('{"few":0}', "Property .few should be >= 1"),
        ('{"few":"101"}', "Property .few should be <= 100"),
        ('{"part":0}', "Property .part should be > 0.0"),
        ('{"part":2.5}', "Property .part should be < 2.5"),
        ('{"choice":"z"}', "Property .choice should be equal to one of the allowed values"),
        ('{"one_of":3}', "Property .one_of should be equal to one of the allowed values"),
        ('{"either":[]}', "Property .either should be integer,string"),
        ('{"numbers":1}', "Property .numbers should be array"),
        ('{"numbers":[1,"x"]}', "Property .numbers[1] should be integer"),
        ('{"counts":[]}', "Property .counts should be object"),
        ('{"counts":{"a":"x"}}', "Property .counts[...] should be integer"),
        ('{"anything":{"a":1e309}}', "Property .anything[...] number out of range"),
        ('{"inner":5}', "Property .inner should be object"),
        ('{"inner":{"city":5}}', "Property .inner.city should be string"),
        (
            '{"parts":[{},{"city":"four"}]}',
            "Property .parts[1].city should NOT be longer than 3 ch",
        ),
        ('{"parts":[{},null]}', "Property .parts[1] should be object"),
        ('{"needs":{}}', "Property .needs should have required property 'needed'"),
        ('{"day":5}', "Property .day should be string"),
        ('{"day":"2022-13-45"}', f"Property .day {NOT_A_DATE}"),
        ('{"moment":"soon"}', f"Property .moment {NOT_A_DATE}"),
        ("[]", "Payload should be object"),
        ("5", "Payload should be object"),
        ("null", "Payload should be object"),
        ('"{}"', "Payload should be object"),
        ("", "Payload is not valid JSON"),
        ("{", "Payload is not valid JSON"),
        ('{"text":"a"} x', "Payload is not valid JSON"),
        ('{"text":"a",}', "Payload is not valid JSON"),
        ("{'text':'a'}", "Payload is not valid JSON"),
        ('{"number":NaN}', "Payload is not valid JSON"),
        ('{"number":Infinity}', "Payload is not valid JSON"),
        ('{"number":01}', "Payload is not valid JSON"),
        ('{"text":"\n"}', "Payload is not valid JSON"),
        ('{"text":"\x00"}', "Payload is not valid JSON"),
        ('{"text":"\\ud800"}', "Payload is not valid JSON"),
        ('{"text":"\\udc00\\ud800"}', "Payload is not valid JSON"),
        ('{"text":"\\u0000"}', "Strings cannot contain the null character"),
        ('{"anything":{"\\u0000":1}}', "Strings cannot contain the null character"),
        ("[" * 10_000, "Payload should be object"),
        ('{"x":' + "[" * 10_000 + "]" * 10_000 + "}", "Payload is nested too deep"),
        (
            '{"anything":' + '{"a":' * 10_000 + "1" + "}" * 10_000 + "}",
            "Payload is nested too deep",
        ),
    ],
    ids=lambda value: value[:40] or "empty",
)
def test_what_is_wrong_with_a_body_is_said(body: str, expected: str) -> None:
    assert (refusal(READER, body) or "").startswith(expected)


@pytest.mark.parametrize(
    "body",
    [
        b'{"text":"\xff"}',
        b'{"text":"\xc0\x80"}',
        b'{"text":"\xed\xa0\x80"}',
        b'{"anything":{"\xff":1}}',
    ],
)
def test_a_body_is_utf_8(body: bytes) -> None:
    assert refusal(READER, body) == "Payload is not valid UTF-8"


@pytest.mark.parametrize("body", [b'[{"text":"\xff"}]', b'[{"x":"\xff"}]', b'[{"\xff":1}]'])
def test_a_body_that_is_only_passed_on_is_utf_8_too(body: bytes) -> None:
    assert refusal(Reader(list[msgspec.Raw]), body) == "Payload is not valid UTF-8"


@pytest.mark.parametrize(
    ("body", "member", "expected"),
    [
        ('{"whole":"1"}', "whole", 1),
        ('{"whole":1.0}', "whole", 1),
        ('{"number":"1.5"}', "number", 1.5),
        ('{"truth":"true"}', "truth", True),
        ('{"truth":0}', "truth", False),
        ('{"few":"100"}', "few", 100),
        ('{"short":null}', "short", None),
        # A person may be called so.
        ('{"text":"null"}', "text", "null"),
        ('{"short":"abc"}', "short", "abc"),
        ('{"short":"😀😀😀"}', "short", "😀😀😀"),
        ('{"text":"\\ud83d\\ude00"}', "text", "😀"),
        ('{"text":"\\\\u0000"}', "text", "\\u0000"),
        ('{"text":"\\\\\\\\u0000"}', "text", "\\\\u0000"),
        ('{"text":"a","text":"b"}', "text", "b"),
        ('{"unknown":{"a":[1e309,null]},"text":"b"}', "text", "b"),
        ('  {"text" : "b"}\r\n', "text", "b"),
    ],
)
def test_what_is_accepted(body: str, member: str, expected: object) -> None:
    assert getattr(READER.json(body.encode()), member) == expected


TRICKY = st.text(alphabet=st.sampled_from('\\u0"a\x00n'), max_size=8) | st.text(max_size=4)


@given(st.dictionaries(TRICKY, TRICKY | st.lists(TRICKY, max_size=2), max_size=3), st.booleans())
def test_a_body_is_refused_for_a_null_character_exactly_where_it_has_one(
    body: dict[str, Any], plain: bool
) -> None:
    text = json.dumps(body, ensure_ascii=not plain)
    strings = [
        *body,
        *(s for value in body.values() for s in ([value] if isinstance(value, str) else value)),
    ]
    if any("\x00" in string for string in strings):
        assert refusal(ANYTHING, text) == "Strings cannot contain the null character"
    else:
        assert ANYTHING.json(text.encode()) == body


@given(st.binary() | st.text(alphabet='{}[]",:\\u0dD8truefalsn1e.- \n').map(str.encode))
def test_any_bytes_are_a_body_or_refused(body: bytes) -> None:
    for reader in (READER, ANYTHING, Reader(list[msgspec.Raw])):
        try:
            reader.json(body)
        except InvalidPayload as problem:
            assert problem.details


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["city", "needed", "a"]), inner)
    ),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(Body.__struct_fields__), JSON, max_size=2))
@settings(max_examples=400)
def test_whatever_is_wrong_is_said_in_the_words_of_the_wire(body: dict[str, Any]) -> None:
    try:
        READER.json(json.dumps(body).encode())
    except InvalidPayload as problem:
        details = problem.details or ""
        if "null character" in details:
            return
        names = tuple(f"Property .{name}" for name in body)
        assert details.startswith(names)
        assert not set("`$|") & set(details)
        assert "Expected" not in details


@pytest.mark.parametrize(
    ("error", "whole", "expected"),
    [
        ("Expected `int`, got `str`", "Query", "Query should be integer"),
        ("Expected `int | null`, got `str` - at `$.a`", "Query", "Property .a should be integer"),
        (
            "Object missing required field `a b`",
            "Payload",
            "Payload should have required property 'a b'",
        ),
        (
            "Object missing required field `id` - at `$.redeemables[1]`",
            "Payload",
            "Property .redeemables[1] should have required property 'id'",
        ),
        ("Expected `float` >= -1.5 - at `$.a`", "Payload", "Property .a should be >= -1.5"),
        ("Expected `decimal`, got `str` - at `$.a`", "Payload", "Property .a should be decimal"),
        ("Something new - at `$[0].a`", "Payload", "Property [0].a something new"),
    ],
)
def test_explain(error: str, whole: str, expected: str) -> None:
    assert explain(error, whole) == expected


# --- queries ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", {}),
        (b"&&=&", {}),
        (b"a=1&b=2", {"a": "1", "b": "2"}),
        (b"a=1&a=2", {"a": "2"}),
        (b"a=&b=None&c", {}),
        (b"a=null&b=undefined&c=none", {"a": "null", "b": "undefined", "c": "none"}),
        (b"a=a+b%2Bc&d=%26%3D", {"a": "a b+c", "d": "&="}),
        (b"a=b=c", {"a": "b=c"}),
        (b"a=%C3%BC&b=%F0%9F%98%80", {"a": "ü", "b": "😀"}),
        (b"a=%zz&b=%", {"a": "%zz", "b": "%"}),
        (b"created_at[after]=x", {"created_at[after]": "x"}),
        (b"created_at%5Bafter%5D=x", {"created_at[after]": "x"}),
        (b"filters[a][b]=1", {"filters": {"a": {"b": "1"}}}),
        (b"customer=a&customer[id]=b", {"customer": {"": "a", "id": "b"}}),
        (b"customer[id]=b&customer=a", {"customer": {"": "a", "id": "b"}}),
        (b"item[1][id]=b&item[0][id]=a", {"item": {"1": {"id": "b"}, "0": {"id": "a"}}}),
        (b"order=a&metadata[a][0]=1", {"order": "a", "metadata": {"a": {"0": "1"}}}),
        (b"[filters][a][b]=1", {"filters": {"a": {"b": "1"}}}),
        (b"filters%5Ba%5D=1&filters[b]=2", {"filters": {"a": "1", "b": "2"}}),
        (b"filters[a][]=1&filters[a][]=2&filters[a][]=3", {"filters": {"a": ["1", "2", "3"]}}),
        (b"filters[a][0]=1&filters[a][1]=2", {"filters": {"a": {"0": "1", "1": "2"}}}),
        (b"filters=%7B%22a%22:1%7D", {"filters": {"a": 1}}),
        (b"filters=None&filters=", {}),
        (b"filters[a][$is]=&filters[a][$has_value]=", {"filters": {"a": {"$has_value": ""}}}),
    ],
)
def test_a_query_is_parsed(text: bytes, expected: dict[str, Any]) -> None:
    assert parse_query(text) == expected


@pytest.mark.parametrize(
    ("text", "details"),
    [
        (b"limit=0", "Property .limit should be >= 1"),
        (b"limit=101", "Property .limit should be <= 100"),
        (b"limit=abc", "Property .limit should be integer"),
        (b"limit=1.5", "Property .limit should be integer"),
        (b"limit=-1", "Property .limit should be >= 1"),
        (b"limit=%D9%A2", "Property .limit should be integer"),
        (b"page=0", "Property .page should be >= 1"),
        (b"page=-1", "Property .page should be >= 1"),
        (b"page=abc", "Property .page should be integer"),
        (b"after=abc", f"Property .after {NOT_A_DATE}"),
        (b"after=2022-13-45", f"Property .after {NOT_A_DATE}"),
        (b"name=%ff", "Query is not valid UTF-8"),
        (b"name=%ED%A0%80", "Query is not valid UTF-8"),
        (b"%ff=1", "Query is not valid UTF-8"),
        (b"name=a%00", "Query cannot contain the null character"),
        (b"%00=a", "Query cannot contain the null character"),
        (b"filters[a]=1&filters[a][b]=2", "Property .filters.a.b is given in two ways"),
        (b"filters[a][b]=1&filters[a]=2", "Property .filters.a is given in two ways"),
        (b"filters[]=1", "Property .filters should be object"),
        (b"filters=x", "Property .filters is not valid JSON"),
        (b"filters=[]", "Property .filters should be object"),
        (b"filters=%7B%22a%22:%22%5Cu0000%22%7D", "Property .filters"),
        (b"filters=%7B%22a%22:" + b"[" * 10_000 + b"]" * 10_000 + b"%7D", "Property .filters"),
    ],
    ids=lambda value: value[:40],
)
def test_what_is_wrong_with_a_query_is_said(text: bytes, details: str) -> None:
    with pytest.raises(InvalidQueryParams) as caught:
        wire.query(text, ListQuery)
    assert (caught.value.details or "").startswith(details)


@pytest.mark.parametrize("page", ["1001", "9999999999", "9" * 19, "9" * 20, "9" * 5000])
def test_a_page_over_the_limit_has_a_key_of_its_own(page: str) -> None:
    with pytest.raises(PageOverLimit) as caught:
        wire.query(f"page={page}".encode(), ListQuery)
    assert caught.value.details == "Property .page cannot be higher than 1000"


def test_a_query_is_read() -> None:
    found = wire.query(b"limit=5&page=1000&name=a&x=y&after=2022-01-31", ListQuery)
    assert (found.limit, found.page, found.name, found.filters) == (5, 1000, "a", None)
    assert found.after == datetime(2022, 1, 31, tzinfo=UTC)


@given(
    st.binary()
    | st.text(alphabet="filters[]=&%0aA+é\x00").map(str.encode)
    | st.lists(
        st.sampled_from(
            [b"filters", b"[filters]", b"[a]", b"[", b"]", b"=", b"&", b"{}", b"%00", b"1"]
        )
    ).map(b"".join)
)
@settings(max_examples=400)
def test_any_query_is_read_or_refused(text: bytes) -> None:
    try:
        wire.query(text, ListQuery)
    except Problem as problem:
        assert problem.key in ("invalid_query_params", "page_over_limit")
