from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.api.test_wire import head_of, raw
from tests.running import FIRST, Shop

DEEP = 10_000
MAX_BODY = 10 * 1024 * 1024
CUSTOMERS = "/v1/customers"
BULK = "/v1/customers/bulk/async"
METADATA = "/v1/customers/metadata/async"
IMPORT = "/v1/customers/importCSV"
JSON = {"Content-Type": "application/json"}

NOT_A_DATE = "cannot be recognized as a ISO-8601 compliant date"
NOT_JSON = "Payload is not valid JSON"
NOT_UTF_8 = "Payload is not valid UTF-8"
NULL_CHARACTER = "Strings cannot contain the null character"
TOO_DEEP = "Payload is nested too deep"


def lists(depth: int = DEEP) -> bytes:
    return b"[" * depth + b"]" * depth


def objects(depth: int = DEEP) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def refusal(answer: httpx.Response, key: str | None) -> str:
    """The details of a 400, after a look at the rest of it."""
    assert answer.status_code == 400, answer.text[:300]
    body = answer.json()
    assert (body["code"], body.get("key")) == (400, key)
    assert body["request_id"].startswith("v-")
    return str(body.get("details", ""))


def untouched(shop: Shop) -> None:
    """Nothing was written, in whole or in part."""
    assert shop.api.get(CUSTOMERS).json()["total"] == 0
    assert shop.api.get("/v1/async-actions").json()["async_actions"] == []


# --- one customer -------------------------------------------------------------------------------

BODIES = {
    "nothing": (b"", NOT_JSON),
    "blank": (b"  \n", NOT_JSON),
    "an open brace": (b"{", NOT_JSON),
    "an open string": (b'{"name":"a', NOT_JSON),
    "an open list": (b'{"source_id":"a","x":[1,', NOT_JSON),
    "a trailing comma": (b'{"source_id":"a",}', NOT_JSON),
    "a second value": (b'{"source_id":"a"} {"source_id":"b"}', NOT_JSON),
    "single quotes": (b"{'source_id':'a'}", NOT_JSON),
    "no quotes": (b'{source_id:"a"}', NOT_JSON),
    "a comment": (b'{"source_id":"a"/*x*/}', NOT_JSON),
    "a form": (b"source_id=a&name=b", NOT_JSON),
    "a mark of UTF-8": (b'\xef\xbb\xbf{"source_id":"a"}', NOT_JSON),
    "UTF-16": ('{"source_id":"a"}'.encode("utf-16"), NOT_UTF_8),
    "zeros": (b"\x00" * 20, NOT_JSON),
    "NaN": (b'{"metadata":{"a":NaN}}', NOT_JSON),
    "Infinity": (b'{"metadata":{"a":-Infinity}}', NOT_JSON),
    "a leading zero": (b'{"metadata":{"a":01}}', NOT_JSON),
    "a list": (b'[{"source_id":"a"}]', "Payload should be object"),
    "null": (b"null", "Payload should be object"),
    "a number": (b"5", "Payload should be object"),
    "a string": (b'"{}"', "Payload should be object"),
    "raw NUL": (b'{"name":"a\x00b"}', NOT_JSON),
    "a raw line end": (b'{"name":"a\nb"}', NOT_JSON),
    "NUL": (b'{"name":"a\\u0000b"}', NULL_CHARACTER),
    "NUL after a backslash": (b'{"name":"\\\\\\u0000"}', NULL_CHARACTER),
    "NUL in the source id": (b'{"source_id":"\\u0000"}', NULL_CHARACTER),
    "NUL in an address": (b'{"address":{"city":"\\u0000"}}', NULL_CHARACTER),
    "NUL in metadata": (b'{"metadata":{"a":["\\u0000"]}}', NULL_CHARACTER),
    "NUL in a metadata key": (b'{"metadata":{"\\u0000":1}}', NULL_CHARACTER),
    "NUL in an unknown member": (b'{"source_id":"a","x":"\\u0000"}', NULL_CHARACTER),
    "a high surrogate": (b'{"name":"\\ud800"}', NOT_JSON),
    "a low surrogate": (b'{"name":"\\udc00a"}', NOT_JSON),
    "surrogates turned round": (b'{"name":"\\ude00\\ud83d"}', NOT_JSON),
    "a surrogate in metadata": (b'{"metadata":{"\\ud800":"a"}}', NOT_JSON),
    "a surrogate in an unknown member": (b'{"source_id":"a","x":"\\ud800"}', NOT_JSON),
    "bad UTF-8": (b'{"name":"\xff"}', NOT_UTF_8),
    "cut UTF-8": (b'{"name":"\xf0\x9f\x98"}', NOT_UTF_8),
    "a long form of NUL": (b'{"name":"\xc0\x80"}', NOT_UTF_8),
    "a surrogate as UTF-8": (b'{"name":"\xed\xa0\x80"}', NOT_UTF_8),
    "bad UTF-8 in metadata": (b'{"metadata":{"\xff":1}}', NOT_UTF_8),
    "bad UTF-8 in an unknown member": (b'{"source_id":"a","x":"\xff"}', NOT_UTF_8),
    "deep": (lists(), "Payload should be object"),
    "deep objects": (objects(), TOO_DEEP),
    "deep and open": (b'{"x":' + b"[" * DEEP, TOO_DEEP),
    "deep in metadata": (b'{"metadata":{"a":' + lists() + b"}}", TOO_DEEP),
    "deep objects in metadata": (b'{"metadata":' + objects() + b"}", TOO_DEEP),
    "deep in an unknown member": (b'{"source_id":"a","x":' + lists() + b"}", TOO_DEEP),
    "deep in an address": (b'{"address":{"x":' + objects() + b"}}", TOO_DEEP),
    "deep in a name": (b'{"name":' + lists() + b"}", "Property .name should be string"),
    "33 deep in metadata": (
        b'{"metadata":{"a":' + lists(32) + b"}}",
        f"Property .metadata.a{'[0]' * 31} is nested too deep",
    ),
    "2^63": (
        b'{"metadata":{"a":9223372036854775808}}',
        "Property .metadata.a should be a 64-bit integer",
    ),
    "-2^63 - 1": (
        b'{"metadata":{"a":[-9223372036854775809]}}',
        "Property .metadata.a[0] should be a 64-bit integer",
    ),
    "2^64": (
        b'{"metadata":{"a":{"b":18446744073709551616}}}',
        "Property .metadata.a.b should be a 64-bit integer",
    ),
    "5,000 digits": (
        b'{"metadata":{"a":' + b"9" * 5000 + b"}}",
        "Property .metadata[...] integer value out of range",
    ),
    "1e309": (b'{"metadata":{"a":1e309}}', "Property .metadata[...] number out of range"),
    "-1e309": (b'{"metadata":{"a":-1e309}}', "Property .metadata[...] number out of range"),
    "2^63 as a name": (b'{"name":9223372036854775808}', "Property .name should be string"),
    "1e309 as a name": (b'{"name":1e309}', "Property .name number out of range"),
    "an empty source id": (b'{"source_id":""}', "Property .source_id should NOT be shorter than 1"),
    "10,001 members of metadata": (
        json.dumps({"metadata": {str(n): n for n in range(10_001)}}).encode(),
        "Property .metadata has too many members",
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_refused_and_nothing_is_written(shop: Shop, name: str) -> None:
    body, details = BODIES[name]
    answer = shop.api.post(CUSTOMERS, content=body, headers=JSON)
    assert refusal(answer, "invalid_payload").startswith(details)
    untouched(shop)


def test_a_bad_body_changes_nothing_that_is_there(shop: Shop) -> None:
    body = {"source_id": "a", "name": "A", "address": {"city": "Rome"}, "metadata": {"a": 1}}
    made = shop.api.post(CUSTOMERS, json=body).json()
    for name, (bad, details) in BODIES.items():
        if "source_id" not in details:
            answer = shop.api.put("/v1/customers/a", content=bad, headers=JSON)
            assert refusal(answer, "invalid_payload").startswith(details), name
    assert shop.api.get("/v1/customers/a").json() == made
    activity = shop.api.get("/v1/customers/a/activity").json()
    assert [event["type"] for event in activity["data"]] == ["customer.created"]


WRONG: dict[str, tuple[str, list[Any]]] = {
    **dict.fromkeys(
        ("id", "source_id", "name", "description", "email", "phone", "birthdate", "birthday"),
        ("string", [5, 1.5, True, False, [], ["a"], {}, {"a": "b"}]),
    ),
    "address": ("object", [5, 1.5, True, "Rome", "null", [], [{}]]),
    "metadata": ("object", [5, 1.5, True, "a", "null", [], [{}]]),
}


@pytest.mark.parametrize("member", WRONG)
def test_wrong_types(shop: Shop, member: str) -> None:
    kind, values = WRONG[member]
    for value in values:
        answer = shop.api.post(CUSTOMERS, json={member: value})
        assert refusal(answer, "invalid_payload") == f"Property .{member} should be {kind}", value
    untouched(shop)


@pytest.mark.parametrize("member", ["city", "state", "line_1", "line_2", "country", "postal_code"])
def test_wrong_types_and_lengths_in_an_address(shop: Shop, member: str) -> None:
    for value in (5, True, [], {}):
        answer = shop.api.post(CUSTOMERS, json={"address": {member: value}})
        details = refusal(answer, "invalid_payload")
        assert details == f"Property .address.{member} should be string"
    answer = shop.api.post(CUSTOMERS, json={"address": {member: "x" * 256}})
    details = refusal(answer, "invalid_payload")
    assert details == f"Property .address.{member} should NOT be longer than 255 characters"
    untouched(shop)


@pytest.mark.parametrize(
    ("member", "limit"),
    [
        ("id", 255),
        ("source_id", 255),
        ("name", 255),
        ("email", 255),
        ("phone", 255),
        ("description", 10_000),
    ],
)
def test_the_longest_text_is_kept_and_a_longer_one_refused(
    shop: Shop, member: str, limit: int
) -> None:
    answer = shop.api.post(CUSTOMERS, json={member: "x" * (limit + 1)})
    details = refusal(answer, "invalid_payload")
    assert details == f"Property .{member} should NOT be longer than {limit} characters"
    untouched(shop)
    # Characters count, not bytes.
    answer = shop.api.post(CUSTOMERS, json={member: "😀" * limit})
    assert answer.status_code == 200
    if member != "id":
        assert answer.json()[member] == "😀" * limit


@pytest.mark.parametrize("member", ["birthdate", "birthday"])
def test_bad_dates(shop: Shop, member: str) -> None:
    for text in (
        "2022-13-45",
        "2022-02-30",
        "2023-02-29",
        "0000-01-01",
        "22-01-01",
        "2022-1-1",
        "20220101",
        "01/02/2022",
        "2022-01-01T25:00:00Z",
        "2022-01-01T10:00:00+99:00",
        "2022-01-01T",
        "2022-W01-1",
        " 2022-01-01",
        "2022-01-01 ",
        "٢٠٢٢-01-01",
        "1640995200",
        "tomorrow",
        "null",
        "",
    ):
        answer = shop.api.post(CUSTOMERS, json={"source_id": "a", member: text})
        details = refusal(answer, "invalid_payload")
        assert details == f"Property .{member} {NOT_A_DATE}", text
    untouched(shop)


def test_what_looks_bad_and_is_not(shop: Shop) -> None:
    for body, member, expected in (
        (b'{"name":"\\\\u0000"}', "name", "\\u0000"),
        (b'{"name":"\\ud83d\\ude00"}', "name", "😀"),
        (b'{"name":"null"}', "name", "null"),
        (b'{"name":"a","name":"b"}', "name", "b"),
        (b'{"source_id":"a","source_id":"b"}', "source_id", "b"),
        (b'{"metadata":{"a":1,"a":2}}', "metadata", {"a": 2}),
        (b'{"name":"\x7f\xc2\x80\xe2\x80\xa8\xef\xbf\xbf"}', "name", "\x7f\x80\u2028\uffff"),
        (
            b'{"metadata":{"a":9223372036854775807,"b":-9223372036854775808}}',
            "metadata",
            {"a": 2**63 - 1, "b": -(2**63)},
        ),
        (b'{"metadata":{"a":1.5e300,"b":5e-324}}', "metadata", {"a": 1.5e300, "b": 5e-324}),
        (b'{"metadata":{"a":' + lists(31) + b"}}", "metadata", {"a": json.loads(lists(31))}),
        (b'{"name":"b","x":1e309,"y":' + b"9" * 5000 + b"}", "name", "b"),
        (b'\t{ "name" :\r\n"b" } ', "name", "b"),
    ):
        answer = shop.api.post(CUSTOMERS, content=body, headers=JSON)
        assert answer.status_code == 200, body
        # A number may come back in another spelling: 1.5e300 as 301 digits.
        whole = float if b"e300" in body else int
        assert json.loads(answer.text, parse_int=whole)[member] == expected, body
        again = shop.api.get(f"/v1/customers/{answer.json()['id']}")
        assert json.loads(again.text, parse_int=whole)[member] == expected, body


def test_a_client_key_meets_the_same_walls(shop: Shop) -> None:
    with shop.server.management() as management:
        switch = {"client_create_customer_enabled": True}
        path = f"/management/v1/projects/{shop.id}"
        assert management.put(path, json=switch).status_code == 200

    def allowed() -> httpx.Response:
        return browser.post("/client/v1/customers", content=b"[]", headers=JSON)

    with shop.browser() as browser:
        # The other workers hear of the change within a second.
        for _ in range(50):
            if allowed().status_code != 403:
                break
        for name in ("nothing", "null", "NUL", "bad UTF-8", "deep in metadata", "2^63", "1e309"):
            body, details = BODIES[name]
            answer = browser.post("/client/v1/customers", content=body, headers=JSON)
            while answer.status_code == 403:
                answer = browser.post("/client/v1/customers", content=body, headers=JSON)
            assert refusal(answer, "invalid_payload").startswith(details)
    untouched(shop)


# --- many customers -----------------------------------------------------------------------------

ROWS = {
    "an object": (b'{"source_id":"a"}', "Payload should be array"),
    "a number in it": (b'[{"source_id":"a"},5]', "Property [1] should be object"),
    "null in it": (b'[{"source_id":"a"},null]', "Property [1] should be object"),
    "no source id": (
        b'[{"source_id":"a"},{"name":"b"}]',
        "Property [1] should have required property 'source_id'",
    ),
    "a null source id": (b'[{"source_id":null}]', "Property [0].source_id should be string"),
    "a number for a source id": (b'[{"source_id":5}]', "Property [0].source_id should be string"),
    "an empty source id": (
        b'[{"source_id":""}]',
        "Property [0].source_id should NOT be shorter than 1 characters",
    ),
    "a long source id": (
        b'[{"source_id":"' + b"x" * 256 + b'"}]',
        "Property [0].source_id should NOT be longer than 255 characters",
    ),
    "cut short": (b'[{"source_id":"a"},{"sou', NOT_JSON),
    "nothing": (b"", NOT_JSON),
    "NUL": (b'[{"source_id":"a"},{"source_id":"b","name":"\\u0000"}]', NULL_CHARACTER),
    "raw NUL": (b'[{"source_id":"a"},{"source_id":"b","name":"\x00"}]', NOT_JSON),
    "a surrogate": (b'[{"source_id":"a"},{"source_id":"b","name":"\\ud800"}]', NOT_JSON),
    "bad UTF-8": (b'[{"source_id":"a"},{"source_id":"b","name":"\xff"}]', NOT_UTF_8),
    "bad UTF-8 in an unknown member": (b'[{"source_id":"b","x":"\xff"}]', NOT_UTF_8),
    "bad UTF-8 in a key": (b'[{"source_id":"b","\xff":1}]', NOT_UTF_8),
    "deep": (b"[" + lists() + b"]", TOO_DEEP),
    "deep in a row": (b'[{"source_id":"a","x":' + lists() + b"}]", TOO_DEEP),
    "deep in metadata": (b'[{"source_id":"a","metadata":{"a":' + lists() + b"}}]", TOO_DEEP),
}


@pytest.mark.parametrize("name", ROWS)
def test_bad_rows_are_refused_and_none_is_taken_on(shop: Shop, name: str) -> None:
    body, details = ROWS[name]
    answer = shop.api.post(BULK, content=body, headers=JSON)
    assert refusal(answer, "invalid_payload") == details
    untouched(shop)


def test_a_row_that_cannot_be_kept_fails_alone(shop: Shop) -> None:
    body = (
        b'[{"source_id":"a","name":"A"},'
        b'{"source_id":"b","name":5},'
        b'{"source_id":"c","birthdate":"2022-13-45"},'
        b'{"source_id":"d","metadata":{"a":9223372036854775808}},'
        b'{"source_id":"e","metadata":{"a":1e309}},'
        b'{"source_id":"f","metadata":{"a":' + lists(900) + b"}},"
        b'{"source_id":"g","address":"Rome"},'
        b'{"source_id":"h","email":"' + b"x" * 256 + b'"},'
        b'{"source_id":"i","name":"I"}]'
    )
    action = shop.finished(shop.api.post(BULK, content=body, headers=JSON))
    assert (action["result"]["done_count"], action["result"]["failed_count"]) == (2, 7)
    errors = {error["source_id"]: error["details"] for error in action["result"]["errors"]}
    assert errors.pop("f").startswith("Property .metadata.a[0][0]")
    assert errors == {
        "b": "Property .name should be string",
        "c": f"Property .birthdate {NOT_A_DATE}",
        "d": "Property .metadata.a should be a 64-bit integer",
        "e": "Property .metadata[...] number out of range",
        "g": "Property .address should be object",
        "h": "Property .email should NOT be longer than 255 characters",
    }
    listed = shop.api.get(CUSTOMERS).json()
    assert sorted(customer["source_id"] for customer in listed["customers"]) == ["a", "i"]


METADATA_BODIES = {
    "a list": (b"[]", "Payload should be object"),
    "nothing in it": (b"{}", "Payload should have required property 'source_ids'"),
    "no metadata": (b'{"source_ids":["a"]}', "Payload should have required property 'metadata'"),
    "null metadata": (
        b'{"source_ids":["a"],"metadata":null}',
        "Property .metadata should be object",
    ),
    "a list for metadata": (
        b'{"source_ids":["a"],"metadata":[]}',
        "Property .metadata should be object",
    ),
    "one source id": (
        b'{"source_ids":"a","metadata":{}}',
        "Property .source_ids should be array",
    ),
    "a number among them": (
        b'{"source_ids":["a",5],"metadata":{}}',
        "Property .source_ids[1] should be string",
    ),
    "a long one": (
        b'{"source_ids":["' + b"x" * 256 + b'"],"metadata":{}}',
        "Property .source_ids[0] should NOT be longer than 255 characters",
    ),
    "NUL": (b'{"source_ids":["\\u0000"],"metadata":{}}', NULL_CHARACTER),
    "bad UTF-8": (b'{"source_ids":["\xff"],"metadata":{}}', NOT_UTF_8),
    "2^63": (
        b'{"source_ids":["a"],"metadata":{"a":9223372036854775808}}',
        "Property .metadata.a should be a 64-bit integer",
    ),
    "1e309": (
        b'{"source_ids":["a"],"metadata":{"a":1e309}}',
        "Property .metadata[...] number out of range",
    ),
    "deep": (b'{"source_ids":["a"],"metadata":{"a":' + lists() + b"}}", TOO_DEEP),
}


@pytest.mark.parametrize("name", METADATA_BODIES)
def test_bad_metadata_for_many(shop: Shop, name: str) -> None:
    body, details = METADATA_BODIES[name]
    answer = shop.api.post(METADATA, content=body, headers=JSON)
    assert refusal(answer, "invalid_payload") == details
    untouched(shop)


# --- files --------------------------------------------------------------------------------------

FILES = {
    "nothing": (b"", "The file has no header"),
    "no name in the header": (b",,\na,b,c\n", "The file has no header"),
    "no id in the header": (
        b"name,email\nA,a@example.com\n",
        "The header should have a column 'Source_id' or 'Id'",
    ),
    "the header missing": (
        b"a,Bob\nb,Eve\n",
        "The header should have a column 'Source_id' or 'Id'",
    ),
    "a name twice": (b"source_id,name,Name\na,A,B\n", "The header names a column twice"),
    "bad UTF-8": (b"source_id\na\n\xff\n", "The file is not valid UTF-8 (byte 12)"),
    "UTF-16": ("source_id\na\n".encode("utf-16"), "The file is not valid UTF-8 (byte 0)"),
    "a huge cell": (
        b"source_id,x\na,b\nc," + b"y" * 200_000 + b"\n",
        "The file is not valid CSV in row 2: field larger than field limit (131072)",
    ),
    "NUL in the header": (b"source_id,a\x00b\nc,d\n", "The header"),
}


@pytest.mark.parametrize("name", FILES)
def test_bad_files(shop: Shop, name: str) -> None:
    content, details = FILES[name]
    answer = shop.api.post(IMPORT, files={"file": ("c.csv", content, "text/csv")})
    assert refusal(answer, "invalid_payload").startswith(details)
    untouched(shop)


def test_what_is_no_file(shop: Shop) -> None:
    missing = "Payload should have required property 'file'"
    broken = "Payload is not valid multipart/form-data"
    no_form = "A file has to be sent as multipart/form-data, in the part 'file'"
    form = "multipart/form-data; boundary=x"
    part = b'--x\r\nContent-Disposition: form-data; name="file"'
    for kind, content, details in (
        ("application/json", b"{}", no_form),
        ("application/x-www-form-urlencoded", b"file=a", no_form),
        ("text/plain", b"source_id\na\n", no_form),
        ("", b"source_id\na\n", no_form),
        ("multipart/form-data", b"source_id\na\n", broken),
        ("multipart/form-data; boundary=" + "x" * 300, b"", broken),
        (form, b"", missing),
        (form, b"nonsense", broken),
        (form, b"--x\r\n\r\nabc\r\n--x--\r\n", broken),
        (form, b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--\r\n", broken),
        (form, part + b"\r\n\r\nsource_id\r\n--x--\r\n", missing),
        (form, part.replace(b"file", b"other") + b'; filename="a"\r\n\r\na\r\n--x--\r\n', missing),
        (form, part + b'; filename="a"\r\n\r\nsource_id\r\ncut', missing),
    ):
        answer = shop.api.post(IMPORT, content=content, headers={"Content-Type": kind})
        assert refusal(answer, "invalid_payload") == details, (kind, content)
    untouched(shop)


def test_a_file_with_wrong_rows_in_the_middle(shop: Shop) -> None:
    content = (
        b"Source_id,Name,Birthdate,Score\n"
        b"a,Ann,2000-01-01,1\n"
        b"b,Bob,2022-13-45,2\n"
        b"c,Cid\n"
        b"d,Dan,2000-01-04,4,5\n"
        b"e,E\x00e,,5\n"
        b"f," + b"x" * 256 + b",,6\n"
        b'g,"=HYPERLINK(""http://evil"")",,=1+1\n'
        b"h,Han,2000-01-08,@8\n"
    )
    answer = shop.api.post(IMPORT, files={"file": ("c.csv", content, "text/csv")})
    action = shop.finished(answer)
    assert (action["result"]["done_count"], action["result"]["failed_count"]) == (3, 5)
    assert action["result"]["failed"] == [
        {"source_id": "b", "row": 2, "reason": f"Property .birthdate {NOT_A_DATE}"},
        {"source_id": "c", "row": 3, "reason": "The row has 2 cells, the header 4"},
        {"source_id": "d", "row": 4, "reason": "The row has 5 cells, the header 4"},
        {"source_id": "e", "row": 5, "reason": "A cell contains the null character"},
        {
            "source_id": "f",
            "row": 6,
            "reason": "Property .name should NOT be longer than 255 characters",
        },
    ]
    listed = shop.api.get(CUSTOMERS).json()
    assert sorted(customer["source_id"] for customer in listed["customers"]) == ["a", "g", "h"]
    # What is a formula to a spreadsheet is text here, kept as it came.
    kept = shop.api.get("/v1/customers/g").json()
    assert kept["name"] == '=HYPERLINK("http://evil")'
    assert kept["metadata"] == {"Score": "=1+1"}


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_a_report_is_a_formula(shop: Shop, first: str) -> None:
    names = [f"{first}1+1", f"a\r{first}1+1", f"b\n{first}1+1", f'c",{first}1+1']
    body = [{"source_id": name} for name in names] + [{"source_id": first + "x", "name": 5}]
    action = shop.finished(shop.api.post(BULK, json=body))
    [link] = action["result"]["reports"]
    with shop.server.anonymous() as nobody:
        text = nobody.get(link).text
    # A spreadsheet takes each of three characters for the end of a row.
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert len(rows) == 6
    assert {len(row) for row in rows} == {6}
    cells = [cell for row in rows for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert {row[1].removeprefix("'") for row in rows[1:]} == {*names, first + "x"}


# --- sizes --------------------------------------------------------------------------------------


def pieces(size: int) -> Iterator[bytes]:
    yield b'{"source_id":"a","x":"'
    size -= 24
    while size > 0:
        yield b"x" * min(size, 1 << 20)
        size -= 1 << 20
    yield b'"}'


@pytest.mark.parametrize("path", [CUSTOMERS, BULK, METADATA, IMPORT, "/v1/oauth/token"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_one_byte_too_long(shop: Shop, path: str, chunked: bool) -> None:
    kind = "text/csv" if path == IMPORT else "application/json"
    parts = pieces(MAX_BODY + 1)
    answer = shop.api.post(
        path, content=parts if chunked else b"".join(parts), headers={"Content-Type": kind}
    )
    assert ("content-length" in answer.request.headers) is not chunked
    assert answer.status_code == 413
    assert answer.json() == {
        "statusCode": 413,
        "error": "Request Entity Too Large",
        "message": "Payload content length greater than maximum allowed: 10485760",
    }
    untouched(shop)


def test_a_body_that_is_as_long_as_can_be(shop: Shop) -> None:
    whole = b"".join(pieces(MAX_BODY))
    assert len(whole) == MAX_BODY
    assert shop.api.post(CUSTOMERS, content=whole, headers=JSON).status_code == 200
    assert shop.api.post(CUSTOMERS, content=pieces(MAX_BODY), headers=JSON).status_code == 200
    assert shop.api.get(CUSTOMERS).json()["total"] == 1


def test_a_length_that_nobody_would_send_is_refused_unheard(shop: Shop) -> None:
    for length in ("99999999999", "9" * 18):
        reply = raw(shop.server, head_of(shop, "POST", CUSTOMERS, Content_Length=length))
        assert reply.status == 413
    untouched(shop)


# --- queries ------------------------------------------------------------------------------------

QUERIES: list[tuple[str, str, str, str]] = [
    ("", "limit=0", "invalid_query_params", "Property .limit should be >= 1"),
    ("", "limit=-1", "invalid_query_params", "Property .limit should be >= 1"),
    ("", "limit=101", "invalid_query_params", "Property .limit should be <= 100"),
    ("", "limit=99999999999999999999", "invalid_query_params", "Property .limit should be <= 100"),
    ("", "limit=abc", "invalid_query_params", "Property .limit should be integer"),
    ("", "limit=1.5", "invalid_query_params", "Property .limit should be integer"),
    ("", "limit=0x10", "invalid_query_params", "Property .limit should be integer"),
    ("", "page=0", "invalid_query_params", "Property .page should be >= 1"),
    ("", "page=-1", "invalid_query_params", "Property .page should be >= 1"),
    ("", "page=abc", "invalid_query_params", "Property .page should be integer"),
    ("", "page=1001", "page_over_limit", "Property .page cannot be higher than 1000"),
    ("", "page=9999999999", "page_over_limit", "Property .page cannot be higher than 1000"),
    ("", f"page={'9' * 30}", "page_over_limit", "Property .page cannot be higher than 1000"),
    ("", "order=nope", "invalid_query_params", "Property .order should be equal to one of the"),
    ("", "order=-", "invalid_query_params", "Property .order should be equal to one of the"),
    ("", "order=id;--", "invalid_query_params", "Property .order should be equal to one of the"),
    ("", "starting_after=abc", "invalid_query_params", f"Property .starting_after {NOT_A_DATE}"),
    ("", "starting_after=2022-13-45", "invalid_query_params", "Property .starting_after cannot"),
    ("", "created_at[after]=x", "invalid_query_params", "Property .created_at[after] cannot be"),
    ("", "created_at%5Bbefore%5D=x", "invalid_query_params", "Property .created_at[before] cannot"),
    ("", "updated_at[after]=2022", "invalid_query_params", "Property .updated_at[after] cannot"),
    ("", "updated_at[before]=-1", "invalid_query_params", "Property .updated_at[before] cannot"),
    (
        "",
        "created_at[after]=0001-01-01T00:00:00%2B23:59",
        "invalid_query_params",
        "Property .created_at[after] cannot",
    ),
    (
        "",
        "order=source_id&starting_after=2022-01-01",
        "invalid_query_params",
        "A cursor can only be used with the order created_at or -created_at",
    ),
    ("", "name=%00", "invalid_query_params", "Query cannot contain the null character"),
    ("", "%00=a", "invalid_query_params", "Query cannot contain the null character"),
    ("", "email=%ff", "invalid_query_params", "Query is not valid UTF-8"),
    ("", "city=%ED%A0%80", "invalid_query_params", "Query is not valid UTF-8"),
    ("", "unknown=%C3", "invalid_query_params", "Query is not valid UTF-8"),
    ("/a/activity", "limit=0", "invalid_query_params", "Property .limit should be >= 1"),
    ("/a/activity", "order=type", "invalid_query_params", "Property .order should be equal"),
    ("/a/activity", "category=X", "invalid_query_params", "Property .category should be equal"),
    ("/a/activity", "campaign_type=X", "invalid_query_params", "Property .campaign_type should"),
    ("/a/activity", "start_date=x", "invalid_query_params", f"Property .start_date {NOT_A_DATE}"),
    ("/a/activity", "end_date=2022-13-45", "invalid_query_params", "Property .end_date cannot"),
    ("/a/activities", "limit=101", "invalid_query_params", "Property .limit should be <= 100"),
    ("/a/activities", "order=nope", "invalid_query_params", "Property .order should be equal"),
    ("/a/activities", "starting_after=x", "invalid_query_params", "Property .starting_after can"),
    (
        "/a/activities",
        "order=type&starting_after_id=x",
        "invalid_query_params",
        "A cursor can only be used with",
    ),
    ("/a/redeemables", "limit=abc", "invalid_query_params", "Property .limit should be integer"),
    ("/a/redeemables", "order=created_at", "invalid_query_params", "Property .order should be"),
    ("/a/redeemables", "filters=x", "invalid_query_params", "Property .filters"),
    ("/a/redeemables", "filters=[]", "invalid_query_params", "Property .filters should be object"),
    ("/a/redeemables", "filters[]=x", "invalid_query_params", "Property .filters should be object"),
    ("/a/redeemables", "filters[x]=y", "invalid_query_params", "Property .filters.x is not supp"),
    ("/a/redeemables", "filters[id]=y", "invalid_query_params", "Property .filters.id should have"),
    (
        "/a/redeemables",
        "filters[id][conditions][$like]=y",
        "invalid_query_params",
        "Property .filters.id.conditions.$like is not a known operator",
    ),
    (
        "/a/redeemables",
        "filters[junction]=xor",
        "invalid_query_params",
        "Property .filters.junction should be 'and' or 'or'",
    ),
    (
        "/a/redeemables",
        "filters[created_at][conditions][$after]=2022-13-45",
        "invalid_query_params",
        "Property .filters.created_at.conditions.$after cannot be recognized",
    ),
    (
        "/a/redeemables",
        "filters[created_at][conditions][$more_than]=999999",
        "invalid_query_params",
        "Property .filters.created_at.conditions.$more_than should be a number of days",
    ),
    (
        "/a/redeemables",
        "filters[id][conditions][$is]" + "[a]" * 10_000 + "=1",
        "invalid_query_params",
        "Property .filters",
    ),
    (
        "/a/redeemables",
        "filters=" + quote('{"id":{"conditions":{"$is":') + quote("[" * 5000 + "]" * 5000) + "}}}",
        "invalid_query_params",
        "Property .filters",
    ),
    (
        "/a/redeemables",
        "filters=" + quote('{"id":{"conditions":{"$is":"\\u0000"}}}'),
        "invalid_query_params",
        "Property .filters",
    ),
]


@pytest.mark.parametrize(
    ("path", "query", "key", "details"), QUERIES, ids=[f"{q[0]}?{q[1]}"[:50] for q in QUERIES]
)
def test_a_bad_query(shop: Shop, path: str, query: str, key: str, details: str) -> None:
    if path:
        assert shop.api.post(CUSTOMERS, json={"source_id": "a"}).status_code == 200
    reply = raw(shop.server, head_of(shop, "GET", f"{CUSTOMERS}{path}?{query}"))
    body = json.loads(reply.body)
    assert (reply.status, body.get("key")) == (400, key), body
    assert body["details"].startswith(details)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "end_date=2022-13-45"])
def test_a_bad_query_for_async_actions(shop: Shop, query: str) -> None:
    answer = shop.api.get(f"/v1/async-actions?{query}")
    member = query.partition("=")[0]
    assert refusal(answer, "invalid_query_params").startswith(f"Property .{member} ")


@pytest.mark.parametrize(
    "text",
    [
        "[{[]: 1}]",
        r"['\x00']",
        r"['\ud800']",
        "[" * 500 + "]" * 500,
        "[" + "-" * 9000 + "1]",
        "[a]",
    ],
    ids=lambda text: text[:12],
)
def test_a_printed_list_that_is_none_finds_nothing(shop: Shop, text: str) -> None:
    shop.api.post(CUSTOMERS, json={"source_id": "a"})
    query = f"filters[id][conditions][$in]={quote(text)}"
    reply = raw(shop.server, head_of(shop, "GET", f"/v1/customers/a/redeemables?{query}"))
    if reply.status != 400:
        assert (reply.status, json.loads(reply.body)["data"]) == (200, [])


def test_an_unknown_cursor_leads_nowhere(shop: Shop) -> None:
    shop.api.post(CUSTOMERS, json={"source_id": "a"})
    for path in ("activity", "activities", "redeemables"):
        for cursor in ("nobody", "evcus_0ba518c55290c6fd62", "'%25" * 1000):
            answer = shop.api.get(f"/v1/customers/a/{path}?starting_after_id={cursor}")
            assert (answer.status_code, answer.json()["data"]) == (200, [])


# --- paths and heads ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/customers/{}"),
        ("PUT", "/v1/customers/{}"),
        ("DELETE", "/v1/customers/{}"),
        ("POST", "/v1/customers/{}/permanent-deletion"),
        ("GET", "/v1/customers/{}/activity"),
        ("GET", "/v1/customers/{}/activities"),
        ("GET", "/v1/customers/{}/redeemables"),
        ("GET", "/v1/async-actions/{}"),
    ],
)
def test_unknown_ids(shop: Shop, method: str, path: str) -> None:
    noun = "async_action" if "async" in path else "customer"
    body = {"json": {"name": "a"}} if method == "PUT" else {}
    for name in ("nobody", "cust_" + "0" * 24, "%", "a b", "ü", "😀", "x" * 5000, "' OR 1=1 --"):
        answer = shop.api.request(method, path.format(quote(name, safe="")), **body)
        assert answer.status_code == 404
        refused = answer.json()
        assert refused["key"] == "not_found"
        assert refused["details"] == f"Cannot find {noun} with id {name}"
        assert (refused["resource_id"], refused["resource_type"]) == (name, noun)
    for name in ("%00", "a%00b", "%ff", "%C3", "%ED%A0%80"):
        answer = shop.api.request(method, path.format(name), **body)
        assert (answer.status_code, answer.json()["key"]) == (404, "not_found")
    untouched(shop)


def test_a_customer_who_is_unknown_is_in_no_segment(shop: Shop) -> None:
    for name in ("nobody", "%25", "x" * 5000):
        answer = shop.api.get(f"/v1/customers/{name}/segments")
        assert answer.json() == {"object": "list", "data_ref": "data", "data": [], "total": 0}
    assert shop.api.get("/v1/customers/%00/segments").status_code == 404


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/v1/customers/" + b"x" * 60_000, 404),
        (b"/v1/customers/" + b"x" * 1_000_000, 400),
        (b"/v1/customers?name=" + b"x" * 60_000, 200),
        (b"/v1/customers?name=" + b"x" * 1_000_000, 400),
        (b"/v1/customers?" + b"a=1&" * 15_000, 200),
        (b"/v1/customers?" + b"filters[a]=1&" * 4_000, 200),
        (b"/v1" * 15_000, 404),
        (b"/" * 60_000, 404),
        (b"/v1/customers/\xff", 400),
        (b"/v1/customers/a b", 400),
        (b"/v1/customers/a\x00", 400),
        (b"v1/customers", 400),
        (b"*", 404),
        (b"http://elsewhere.example/v1/customers/nobody", 404),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_odd_targets(shop: Shop, target: bytes, status: int) -> None:
    assert raw(shop.server, head_of(shop, "GET", target)).status == status


def test_odd_heads(shop: Shop) -> None:
    def get(**headers: str) -> int:
        return raw(shop.server, head_of(shop, "GET", "/v1/customers/nobody", **headers)).status

    assert get(X_Long="y" * 100_000) == 404
    assert get(**{f"X_{n}": "y" for n in range(1000)}) == 404
    assert get(X_App_Id="k" * 100_000) == 401
    assert get(X_App_Token="é" * 1000) == 401
    assert get(X_App_Id="\udcff".encode("utf-8", "surrogatepass").decode("latin-1")) == 401
    assert get(X_App_Id="a\x00b") == 400
    assert get(Accept="," * 10_000) == 406
    assert get(Accept=";;;q=q,=,*/*") == 404
    assert get(Content_Length="-1") == 400
    assert get(Content_Length="2, 3") == 400
    assert get(Authorization="Bearer " + "x." * 10_000) == 404
    assert get(Origin="é") == 404
    token = f"GET /v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer é.{shop.id}\r\n"
    assert raw(shop.server, token.encode() + b"Connection: close\r\n").status == 401
    assert raw(shop.server, b"\x16\x03\x01\x02\x00nonsense\r\n").status == 400
    assert raw(shop.server, b"NONSENSE / HTTP/1.1\r\nHost: x\r\n").status == 400
    assert shop.api.get("/health/ready").status_code == 200


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Length": "2", "Transfer-Encoding": "chunked"}, b"2\r\n{}\r\n0\r\n\r\n"),
        ({"Transfer-Encoding": "chunked"}, b"zz\r\n{}\r\n0\r\n\r\n"),
        ({"Transfer-Encoding": "nonsense"}, b"{}"),
    ],
)
def test_odd_framing(shop: Shop, headers: dict[str, str], body: bytes) -> None:
    named = {name.replace("-", "_"): value for name, value in headers.items()}
    head = head_of(shop, "POST", CUSTOMERS, Content_Type="application/json", **named)
    assert raw(shop.server, head, body).status == 400
    untouched(shop)


# --- tokens, reports, projects ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "content", "key"),
    [
        ("/v1/oauth/token", b"", "invalid_grant_type"),
        ("/v1/oauth/token", b"grant_type=password", "invalid_grant_type"),
        ("/v1/oauth/token", b"a;b&=&&c", "invalid_grant_type"),
        ("/v1/oauth/token", b"grant_type=client_credentials", "invalid_scope"),
        ("/v1/oauth/token", b"grant_type=client_credentials&scope=", "invalid_scope"),
        ("/v1/oauth/token", b"grant_type=client_credentials&scope=a,b", "invalid_scope"),
        ("/v1/oauth/token", b"grant_type=client_credentials&scope=api%00", "invalid_scope"),
        ("/v1/oauth/token", b"grant_type=%ff", "invalid_payload"),
        ("/v1/oauth/token", b"grant_type=\xff", "invalid_payload"),
        ("/v1/oauth/introspect", b"", "missing_parameters"),
        ("/v1/oauth/introspect", b"access_token=", "missing_parameters"),
        ("/v1/oauth/introspect", b"access_token=%ff", "invalid_payload"),
        ("/v1/oauth/token/revoke", b"", "missing_parameters"),
        ("/v1/oauth/token/revoke", b"token=a", "missing_parameters"),
    ],
)
def test_bad_forms(shop: Shop, path: str, content: bytes, key: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    refusal(shop.api.post(path, content=content, headers=headers), key)


@pytest.mark.parametrize("path", ["token", "introspect", "token/revoke"])
def test_bad_json_for_tokens(shop: Shop, path: str) -> None:
    member = "grant_type" if path == "token" else "access_token"
    for content, details in (
        (b"{", NOT_JSON),
        (b"[]", "Payload should be object"),
        (b'{"%s":5}' % member.encode(), f"Property .{member} should be string"),
        (b'{"%s":"\\u0000"}' % member.encode(), NULL_CHARACTER),
        (b'{"x":' + lists() + b"}", TOO_DEEP),
    ):
        answer = shop.api.post(f"/v1/oauth/{path}", content=content, headers=JSON)
        assert refusal(answer, "invalid_payload") == details
    text = {"Content-Type": "text/plain"}
    assert shop.api.post(f"/v1/oauth/{path}", content=b"a", headers=text).status_code == 415


def test_odd_tokens_are_not_live(shop: Shop) -> None:
    for token in ("x", ".", f".{shop.id}", f"x.{shop.id}", "a\x00.b", "ü.ü", "x" * 100_000):
        form = {"access_token": token}
        found = shop.api.post("/v1/oauth/introspect", data=form)
        assert (found.status_code, found.json()) == (200, {"active": False})
        assert shop.api.post("/v1/oauth/token/revoke", data=form).status_code == 404


def test_odd_report_links(shop: Shop) -> None:
    action = shop.finished(shop.api.post(BULK, json=[{"source_id": "a"}]))
    [link] = action["result"]["reports"]
    path, _, token = link.removeprefix(shop.server.url).partition("?token=")
    signature, _, project = token.partition(".")
    with shop.server.anonymous() as nobody:
        assert nobody.get(f"{path}?token={token}").status_code == 200
        for wrong in (
            "",
            "x",
            ".",
            project,
            f".{project}",
            f"{signature}.",
            f"{signature}x.{project}",
            f"{signature[:-1]}.{project}",
            f"{signature}.{FIRST['project_id']}",
            f"{signature}.nobody",
            quote(f"ü{signature}.{project}"),
            "x" * 50_000,
        ):
            assert nobody.get(f"{path}?token={wrong}").status_code == 401, wrong
        assert nobody.get(path).status_code == 401
        assert nobody.get(f"/v1/task-results/nobody?token={token}").status_code == 401
        assert nobody.get(f"{path}?token=%00").status_code == 400
        assert nobody.get(f"{path}?token=%ff").status_code == 400


PROJECTS: list[tuple[Any, str]] = [
    ([], "Payload should be object"),
    ({}, "Payload should have required property 'name'"),
    ({"name": ""}, "Property .name should NOT be shorter than 1 characters"),
    ({"name": 5}, "Property .name should be string"),
    ({"name": "x" * 256}, "Property .name should NOT be longer than 255 characters"),
    ({"name": "\x00"}, NULL_CHARACTER),
    ({"description": 5}, "Property .description should be string"),
    ({"currency": "euro"}, "Property .currency should be a 3-letter ISO 4217 code"),
    ({"currency": "USD\n"}, "Property .currency should be a 3-letter ISO 4217 code"),
    ({"currency": 5}, "Property .currency should be string"),
    ({"dial_code": 5}, "Property .dial_code should be string"),
    ({"webhook_version": "v1"}, "Property .webhook_version should be equal to 'v2024-01-01'"),
    ({"api_version": "v1"}, "Property .api_version should be equal to 'v2018-08-01'"),
    ({"case_sensitive_codes": "yes"}, "Property .case_sensitive_codes should be boolean"),
    ({"case_sensitive_codes": 2}, "Property .case_sensitive_codes should be boolean"),
    ({"client_redeem_enabled": 2**63}, "Property .client_redeem_enabled should be boolean"),
    ({"client_trusted_domains": "a"}, "Property .client_trusted_domains should be array"),
    ({"client_trusted_domains": [5]}, "Property .client_trusted_domains[0] should be string"),
    ({"default_code_config": []}, "Property .default_code_config should be object"),
    ({"default_code_config": {}}, "Property .default_code_config should have required property"),
    (
        {"default_code_config": {"charset": ""}},
        "Property .default_code_config.charset should NOT be shorter than 1 characters",
    ),
    ({"users": {}}, "Property .users should be array"),
    ({"users": [{}]}, "Property .users[0] should have required property 'role'"),
    ({"api_usage_notifications": []}, "Property .api_usage_notifications should be object"),
    *(
        ({name: {"a": value}}, f"Property .{name}.a")
        for name in ("api_usage_notifications", "webhooks_callout_notifications")
        for value in (2**63, int("9" * 4000), json.loads(lists(500)))
    ),
    *(
        ({"timezone": zone}, "Property .timezone should be a GMT offset or an IANA zone")
        for zone in (
            *("nowhere", "", "/", ".", "..", "../etc/passwd", "/etc/passwd", "Europe", "Europe/"),
            *("Europe/Berlin\n", "europe.berlin", "tzdata.zi", "__init__.py", "ü", "x" * 255),
            *("GMT+99", "GMT+٢", "UTC+", "GMT+2:30"),
        )
    ),
    ({"timezone": 5}, "Property .timezone should be string"),
]


@pytest.mark.parametrize(("body", "details"), PROJECTS, ids=[str(p[0])[:50] for p in PROJECTS])
def test_bad_projects(shop: Shop, body: Any, details: str) -> None:
    path = "/management/v1/projects"
    with shop.server.management() as management:
        whole = {"name": "x", **body} if body and isinstance(body, dict) else body
        made = management.post(path, json=whole)
        if made.status_code == 200:
            # Out of the way of every other test.
            management.delete(f"{path}/{made.json()['id']}")
        assert refusal(made, "invalid_payload").startswith(details)
        if not body or {"case_sensitive_codes", "api_version", "users"} & {*body}:
            return
        known = management.get(f"{path}/{shop.id}").json()
        answer = management.put(f"{path}/{shop.id}", json=body)
        assert refusal(answer, "invalid_payload").startswith(details)
        assert management.get(f"{path}/{shop.id}").json() == known


def test_unknown_projects(shop: Shop) -> None:
    with shop.server.management() as management:
        for name in ("nobody", "proj_00000000", "%25", "%00", "%ff"):
            path = f"/management/v1/projects/{name}"
            assert management.get(path).status_code == 404
            assert management.put(path, json={}).status_code == 404
            assert management.delete(path).status_code == 404
