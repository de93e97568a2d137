from __future__ import annotations

import re
import socket
import statistics
import time
from datetime import UTC, datetime
from http.client import HTTPResponse
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import pytest

from tests.running import Server, Shop, until

REQUEST_ID = re.compile(r"v-[0-9a-f]{18}")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
EPOCH = datetime(2016, 5, 4, tzinfo=UTC)


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def raw(server: Server, head: bytes, body: bytes = b"", seconds: float = 10) -> Reply:
    """Sends bytes as they are, where a client library would tidy them up first."""
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        connection.sendall(head + b"\r\n" + body)
        answer = HTTPResponse(connection, method=head.split(b" ", 1)[0].decode("latin-1"))
        answer.begin()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, headers, answer.read())


def head_of(shop: Shop, method: str, target: str | bytes, **headers: str) -> bytes:
    """The head of a request with the shop's key."""
    target = target.encode() if isinstance(target, str) else target
    key = shop.project["server_side_key"]
    named = {
        "Host": "localhost",
        "Connection": "close",
        "X-App-Id": key["app_id"],
        "X-App-Token": key["app_token"],
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = [f"{name}: {value}".encode() for name, value in named.items()]
    return b"\r\n".join([method.encode() + b" " + target + b" HTTP/1.1", *lines, b""])


def told(answer: httpx.Response) -> tuple[int, Any]:
    """Status and body of a refusal, less its request id, which has to be there."""
    body = answer.json()
    assert REQUEST_ID.fullmatch(body.pop("request_id"))
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, body


def made_at(id_: str) -> float:
    """The Unix time that a time-ordered id carries."""
    return (int(re.split("[-_]", id_)[-1], 16) >> 30) / 1000 + EPOCH.timestamp()


# --- refusals -----------------------------------------------------------------------------------


def test_400(shop: Shop) -> None:
    assert told(shop.api.post("/v1/customers", json={"name": 5})) == (
        400,
        {
            "code": 400,
            "key": "invalid_payload",
            "message": "Invalid payload",
            "details": "Property .name should be string",
        },
    )
    assert told(shop.api.get("/v1/customers?limit=0")) == (
        400,
        {
            "code": 400,
            "key": "invalid_query_params",
            "message": "Invalid query params",
            "details": "Property .limit should be >= 1",
        },
    )
    assert told(shop.api.get("/v1/customers?page=1001")) == (
        400,
        {
            "code": 400,
            "key": "page_over_limit",
            "message": "Listing resource above 1000 page is not supported",
            "details": "Property .page cannot be higher than 1000",
        },
    )


def test_401_and_403(shop: Shop) -> None:
    with shop.server.anonymous() as nobody:
        assert told(nobody.get("/v1/customers")) == (
            401,
            {"code": 401, "key": "unauthorized", "message": "Unauthorized"},
        )
    grant = {"grant_type": "client_credentials", "scope": "vouchers"}
    token = shop.api.post("/v1/oauth/token", data=grant).json()["access_token"]
    with shop.server.anonymous(Authorization=f"Bearer {token}") as narrow:
        assert told(narrow.get("/v1/customers")) == (
            403,
            {
                "code": 403,
                "key": "forbidden",
                "message": "Forbidden",
                "details": "The token lacks the scope customers",
            },
        )


def test_404(shop: Shop) -> None:
    assert told(shop.api.get("/v1/customers/nobody")) == (
        404,
        {
            "code": 404,
            "key": "not_found",
            "message": "Resource not found",
            "details": "Cannot find customer with id nobody",
            "resource_id": "nobody",
            "resource_type": "customer",
        },
    )
    assert told(shop.api.get("/v1/async-actions/aa_0ba518c55290c6fd62")) == (
        404,
        {
            "code": 404,
            "key": "not_found",
            "message": "Resource not found",
            "details": "Cannot find async_action with id aa_0ba518c55290c6fd62",
            "resource_id": "aa_0ba518c55290c6fd62",
            "resource_type": "async_action",
        },
    )
    for path in ("/", "/v1", "/v1/nothing", "/v2/customers", "/V1/customers", "/v1/customers/a/b"):
        assert told(shop.api.get(path)) == (
            404,
            {"code": 404, "key": "not_found", "message": "Resource not found"},
        )


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/customers", "GET or POST"),
        ("DELETE", "/v1/customers", "GET or POST"),
        ("PATCH", "/v1/customers", "GET or POST"),
        ("OPTIONS", "/v1/customers", "GET or POST"),
        ("POST", "/v1/customers/nobody", "DELETE or GET or PUT"),
        ("DELETE", "/v1/customers/importCSV/activity", "GET"),
        ("GET", "/v1/customers/bulk/async", "POST"),
        ("GET", "/v1/oauth/token", "POST"),
        ("GET", "/client/v1/customers", "POST"),
        ("POST", "/health/live", "GET"),
        ("DELETE", "/openapi.json", "GET"),
    ],
)
def test_405(shop: Shop, method: str, path: str, allowed: str) -> None:
    answer = shop.api.request(method, path)
    assert told(answer) == (
        405,
        {
            "code": 405,
            "message": "HTTP Method Not Allowed",
            "details": f"{method} is not supported by this endpoint. Did you mean {allowed}?",
        },
    )
    assert answer.headers["allow"] == allowed.replace(" or ", ", ")


def test_406(shop: Shop) -> None:
    expected = {
        "code": 406,
        "message": "Not Acceptable",
        "details": "The answer is application/json, which the Accept header leaves out",
    }
    for accept in ("text/html", "text/csv, image/*", "application/json;q=0", "nonsense", "é"):
        headers = {"Accept": accept.encode()}
        assert told(shop.api.post("/v1/customers", json={}, headers=headers)) == (406, expected)
    assert shop.api.get("/v1/customers").json()["total"] == 0
    for accept in ("", "*/*", "application/*", "APPLICATION/JSON", "text/html, */*;q=0.1"):
        assert shop.api.get("/v1/customers", headers={"Accept": accept}).status_code == 200


def test_409(shop: Shop) -> None:
    shop.api.post("/v1/customers", json={"source_id": "taken"})
    body = {"id": "cust_" + "0" * 24, "source_id": "taken"}
    assert told(shop.api.post("/v1/customers", json=body)) == (
        409,
        {
            "code": 409,
            "key": "duplicate_found",
            "message": "Duplicated resource found",
            "details": "Duplicated customer exists with id taken",
            "resource_id": "taken",
            "resource_type": "customer",
        },
    )
    assert shop.api.get("/v1/customers").json()["total"] == 1


def test_413_has_a_shape_of_its_own(shop: Shop) -> None:
    answer = shop.api.post("/v1/customers", content=b" " * (10 * 1024 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.json() == {
        "statusCode": 413,
        "error": "Request Entity Too Large",
        "message": "Payload content length greater than maximum allowed: 10485760",
    }


def test_415(shop: Shop) -> None:
    for kind in ("text/plain", "application/xml", "multipart/form-data", "json", "text/json"):
        headers = {"Content-Type": kind}
        assert told(shop.api.post("/v1/customers", content=b"{}", headers=headers)) == (
            415,
            {
                "code": 415,
                "message": "Unsupported Media Type",
                "details": f"Content type {kind} is not supported; send application/json",
            },
        )
    assert shop.api.get("/v1/customers").json()["total"] == 0
    for kind in ("", "application/json; charset=utf-8", "APPLICATION/JSON", "application/ld+json"):
        headers = {"Content-Type": kind}
        answer = shop.api.post("/v1/customers", content=b"{}", headers=headers)
        assert answer.status_code == 200, kind


# --- headers and methods ------------------------------------------------------------------------


def test_head_is_get_without_a_body(shop: Shop) -> None:
    shop.api.post("/v1/customers", json={"source_id": "me"})
    for path, status in (
        ("/v1/customers", 200),
        ("/v1/customers/me", 200),
        ("/v1/customers/nobody", 404),
        ("/v1/customers?limit=0", 400),
        ("/v1/oauth/token", 405),
        ("/nothing", 404),
        ("/health/live", 200),
        ("/openapi.json", 200),
    ):
        got, head = shop.api.get(path), shop.api.head(path)
        assert (head.status_code, head.content) == (status, b"")
        # The length of what GET would have sent.
        assert head.headers["content-length"] == got.headers["content-length"], path
    assert shop.api.get("/v1/customers").json()["total"] == 1


def test_options_is_answered_for_browsers_alone(shop: Shop) -> None:
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    with shop.server.anonymous() as browser:
        answer = browser.options("/client/v1/customers", headers=asked)
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert "X-Client-Token" in answer.headers["access-control-allow-headers"]
        refused = browser.options("/v1/customers", headers=asked)
        assert refused.status_code == 405
        assert "access-control-allow-origin" not in refused.headers


def test_the_headers_of_version_and_channel_are_accepted(shop: Shop) -> None:
    for version in ("v2018-08-01", "v2017-04-20", "2030-01-01", "nonsense"):
        headers = {"X-Voucherify-API-Version": version, "X-Voucherify-Channel": "Ruby-SDK"}
        answer = shop.api.post("/v1/customers", json={"source_id": "me"}, headers=headers)
        assert answer.status_code == 200


def test_every_answer_carries_an_id_of_its_own_and_the_time(shop: Shop) -> None:
    before = time.time() - 0.002
    found = [shop.api.get(f"/v1/customers/{n}").json()["request_id"] for n in range(20)]
    assert len(set(found)) == 20
    assert all(before < made_at(id_) < time.time() + 0.002 for id_ in found)


def test_a_kept_connection_answers_at_once(server: Server) -> None:
    # A head and a body in two segments, of which the second waits for the first one's
    # acknowledgement, would take 40 ms and more.
    with server.anonymous() as client:
        times = []
        for _ in range(21):
            started = time.perf_counter()
            assert client.get("/health/live").status_code == 200
            times.append(time.perf_counter() - started)
    assert statistics.median(times) < 0.02


# --- ids and times ------------------------------------------------------------------------------


def test_ids_and_times(shop: Shop) -> None:
    before = int(time.time() * 1000) / 1000
    made = shop.api.post("/v1/customers", json={"source_id": "me"}).json()
    again = shop.api.post("/v1/customers", json={"source_id": "me"}).json()
    accepted = shop.api.post("/v1/customers/bulk/async", json=[{"source_id": "me"}])
    action = shop.finished(accepted)
    activities = shop.api.get("/v1/customers/me/activity", params={"limit": 100}).json()["data"]
    gone = shop.api.post("/v1/customers/me/permanent-deletion").json()
    after = time.time()

    assert re.fullmatch(r"cust_[0-9A-Za-z]{24}", made["id"])
    assert re.fullmatch(r"del_[0-9A-Za-z]{24}", gone["id"])
    assert re.fullmatch(r"aa_[0-9a-f]{18}", action["id"])
    assert re.fullmatch(r"v-[0-9a-f]{18}", action["request_id"])
    assert len(activities) == 3
    for activity in activities:
        assert re.fullmatch(r"evcus_[0-9a-f]{18}", activity["id"])
        assert re.fullmatch(r"[vw]-[0-9a-f]{18}", activity["group_id"])
    ids = [activity["id"] for activity in activities]
    assert ids == sorted(ids, reverse=True)
    for id_ in (action["id"], action["request_id"], *ids):
        assert before <= made_at(id_) <= after
    stamps = [made["created_at"], again["updated_at"], action["created_at"], gone["created_at"]]
    stamps += [activity["created_at"] for activity in activities]
    assert "updated_at" not in made or made["updated_at"] is None
    for stamp in stamps:
        assert STAMP.fullmatch(stamp)
        assert before <= datetime.fromisoformat(stamp).timestamp() <= after


# --- paths --------------------------------------------------------------------------------------

NAMES = [
    "a/b",
    "a%2Fb",
    "a%252Fb",
    "/",
    "//",
    "a/",
    "%",
    "%%",
    "%00",
    "100%",
    "a b",
    " a",
    "a ",
    "a+b",
    "+",
    "a;b=c,d",
    "a?b",
    "a#b",
    "a&b=c",
    "a:b@c",
    "a\\b",
    "'; DROP TABLE customers; --",
    '"quoted"',
    "{customerId}",
    ".",
    "..",
    "...",
    "../customers",
    "~",
    "_",
    "a_b",
    "axb",
    "A_B",
    "a%b",
    "importCSV",
    "bulk",
    "async",
    "metadata",
    "permanent-deletion",
    "activity",
    "null",
    "undefined",
    "None",
    "0",
    "ü",
    "u\u0308",
    "日本語",
    "😀",
    "\u202eabc",
    "a\nb\tc\r",
    "\x01\x7f",
    "cust_" + "x" * 24,
    "cust_x",
    "x" * 255,
    "😀" * 255,
]


def test_a_path_is_matched_as_it_was_sent(shop: Shop) -> None:
    ids = {}
    for name in NAMES:
        answer = shop.api.post("/v1/customers", json={"source_id": name, "name": name})
        assert answer.status_code == 200, name
        ids[name] = answer.json()["id"]
    assert len(set(ids.values())) == len(NAMES)
    for name in NAMES:
        path = "/v1/customers/" + quote(name, safe="")
        reply = raw(shop.server, head_of(shop, "GET", path))
        assert reply.status == 200, name
        assert f'"id":"{ids[name]}"'.encode() in reply.body, name
        reply = raw(shop.server, head_of(shop, "GET", path + "/activity"))
        assert reply.status == 200, name


def test_other_spellings_of_a_path(shop: Shop) -> None:
    shop.api.post("/v1/customers", json={"source_id": "a/b c"})
    shop.api.post("/v1/customers", json={"source_id": "a+b"})
    shop.api.post("/v1/customers", json={"source_id": ".."})
    for path, name in (
        ("/v1/customers/a%2Fb%20c", "a/b c"),
        ("/v1/customers/a%2fb%20c", "a/b c"),
        ("/v1/customers/%61%2F%62%20%63", "a/b c"),
        ("/v1/customers/a%2Fb%20c/", "a/b c"),
        ("/v1/customers/a%2Fb%20c?x=1", "a/b c"),
        ("/v1/customers/a+b", "a+b"),
        ("/v1/customers/a%2Bb", "a+b"),
        ("/v1/customers/..", ".."),
        ("/v1/customers/%2e%2E", ".."),
    ):
        reply = raw(shop.server, head_of(shop, "GET", path))
        assert (reply.status, f'"source_id":"{name}"'.encode() in reply.body) == (200, True), path
    for path in (
        "/v1/customers/a/b%20c",
        "/v1/customers/a%2Fb+c",
        "/v1/customers/a%252Fb%20c",
        "/v1/customers/a%20b",
        "/v1/customers/A+B",
        "/v1/customers/../customers",
        "/v1/./customers",
        "/v1/customers/x/../a+b",
        "/v1//customers/a+b",
        "/v1%2Fcustomers/a+b",
    ):
        assert raw(shop.server, head_of(shop, "GET", path)).status == 404, path


def test_one_trailing_slash_means_nothing(shop: Shop) -> None:
    made = shop.api.post("/v1/customers/", json={"source_id": "me"})
    assert made.status_code == 200
    assert shop.api.get("/v1/customers/").json()["total"] == 1
    assert shop.api.get("/v1/customers/me/").json()["id"] == made.json()["id"]
    assert shop.api.get("/v1/customers/me/activity/").status_code == 200
    assert shop.api.delete("/v1/customers/").status_code == 405
    assert shop.api.delete("/v1/customers/me/").status_code == 204


def test_fixed_segments_win_where_they_serve_the_method(shop: Shop) -> None:
    for name in ("importCSV", "bulk", "metadata", "async"):
        assert shop.api.post("/v1/customers", json={"source_id": name}).status_code == 200
        assert shop.api.get(f"/v1/customers/{name}").json()["source_id"] == name
        put = shop.api.put(f"/v1/customers/{name}", json={"name": "a"})
        assert put.json()["name"] == "a"
        assert shop.api.get(f"/v1/customers/{name}/segments").json()["total"] == 0
    csv = {"file": ("c.csv", b"source_id\nimportCSV\n", "text/csv")}
    action = shop.finished(shop.api.post("/v1/customers/importCSV", files=csv))
    assert action["type"] == "CUSTOMERS.IMPORT_CSV"
    bulk = shop.finished(shop.api.post("/v1/customers/bulk/async", json=[{"source_id": "bulk"}]))
    assert bulk["type"] == "CUSTOMERS.BULK_UPDATE"
    forgotten = shop.api.post("/v1/customers/bulk/permanent-deletion")
    assert (forgotten.status_code, forgotten.json()["data_json"]["customer"]) == (200, 1)
    assert shop.api.delete("/v1/customers/importCSV").status_code == 204
    assert shop.api.get("/v1/customers").json()["total"] == 2


def test_filters_take_every_character_as_it_is(shop: Shop) -> None:
    names = ["a%", "a_", "ab", "A_", "%", "_", "\\", "'", "a+b", "a b", "ü", "😀", "[x]", "None "]
    for name in names:
        shop.api.post("/v1/customers", json={"source_id": name, "name": name, "email": name})
    for name in names:
        for member in ("name", "email"):
            found = shop.api.get("/v1/customers", params={member: name}).json()
            assert [customer["source_id"] for customer in found["customers"]] == [name]
            assert found["total"] == 1


# --- bodies -------------------------------------------------------------------------------------


def test_a_null_is_the_same_as_nothing(shop: Shop) -> None:
    whole = {
        "source_id": "me",
        "name": "Bob",
        "description": "d",
        "email": "b@example.com",
        "phone": "1",
        "birthdate": "2022-01-01",
        "birthday": "2022-01-02",
        "address": {"city": "Rome", "line_1": "1"},
        "metadata": {"a": 1},
    }
    nulls: dict[str, Any] = dict.fromkeys(whole)
    nulls |= {"id": None, "source_id": "me", "address": dict.fromkeys(("city", "state", "line_1"))}
    made = shop.api.post("/v1/customers", json=whole).json()
    again = shop.api.post("/v1/customers", json=nulls).json()
    put = shop.api.put("/v1/customers/me", json=nulls).json()
    for answer in (again, put):
        assert {**answer, "updated_at": None} == {**made, "updated_at": None}


def test_a_body_may_come_in_chunks(shop: Shop) -> None:
    parts = [b'{"source_id":', b'"me",', b'"name":"Bob"}']
    answer = shop.api.post("/v1/customers", content=iter(parts))
    assert "content-length" not in answer.request.headers
    assert (answer.status_code, answer.json()["name"]) == (200, "Bob")


def test_a_client_that_leaves_while_sending_changes_nothing(shop: Shop) -> None:
    host, _, port = shop.server.url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port))) as connection:
        head = head_of(shop, "POST", "/v1/customers", Content_Length="100")
        connection.sendall(head + b'\r\n{"source_id":"half"}')
    until(lambda: shop.api.get("/health/ready").status_code == 200)
    assert shop.api.get("/v1/customers").json()["total"] == 0
