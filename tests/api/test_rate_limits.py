from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.crowd import crowd
from tests.running import Server, Shop, running

UNLIMITED = "2147483647"
NAMES = ("limit", "remaining", "retry", "type")
LIMIT, BULK_LIMIT, CLIENT_LIMIT, CLIENT_SECONDS = 15, 3, 5, 3
HOUR = 3600


def standing(answer: httpx.Response) -> list[str]:
    """The four headers; a KeyError where one is missing."""
    return [answer.headers[f"X-Rate-Limit-{name}"] for name in NAMES]


def customers(client: httpx.Client, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get("/v1/customers", headers=named)


# --- off, as it is by default -------------------------------------------------------------------


def test_every_answer_tells_the_standing(server: Server) -> None:
    shop = server.project(client_create_customer_enabled=True)
    made = shop.api.post("/v1/customers", json={"source_id": "me"})
    rows = [{"source_id": "me"}]
    grant = {"grant_type": "client_credentials", "scope": "vouchers"}
    token = shop.api.post("/v1/oauth/token", data=grant).json()["access_token"]
    narrow = server.anonymous(Authorization=f"Bearer {token}")
    with server.anonymous() as nobody, shop.browser() as browser, narrow:
        answers = [
            (200, made),
            (200, shop.api.get("/v1/customers")),
            (204, shop.api.delete("/v1/customers/me")),
            (200, browser.post("/client/v1/customers", json={})),
            (204, browser.options("/client/v1/customers")),
            (400, shop.api.post("/v1/customers", content=b"{")),
            (400, shop.api.get("/v1/customers?limit=0")),
            (401, nobody.get("/v1/customers")),
            (403, narrow.get("/v1/customers")),
            (404, shop.api.get("/v1/customers/nobody")),
            (404, nobody.get("/no/such/path")),
            (404, nobody.get("/")),
            (405, shop.api.patch("/v1/customers")),
            (405, nobody.post("/health/live")),
            (406, shop.api.get("/v1/customers", headers={"Accept": "text/html"})),
            (415, shop.api.post("/v1/customers", content=b"", headers={"Content-Type": "a/b"})),
            (202, shop.api.post("/v1/customers/bulk/async", json=rows)),
        ]
    for status, answer in answers:
        assert answer.status_code == status
        limit, remaining, retry, kind = standing(answer)
        assert (limit, remaining) == (UNLIMITED, UNLIMITED), answer.request.url
        assert abs(int(retry) - time.time()) < 60
        bulk = answer.request.url.path.endswith("/bulk/async")
        assert kind == ("bulk_api_calls" if bulk else "api_calls")
        assert "Retry-After" not in answer.headers


# --- on -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def limited() -> Iterator[Server]:
    yield from running(
        workers=1,
        rate_limit=LIMIT,
        rate_limit_seconds=24 * HOUR,
        bulk_rate_limit=BULK_LIMIT,
        bulk_rate_limit_seconds=24 * HOUR,
        client_rate_limit=CLIENT_LIMIT,
        client_rate_limit_seconds=CLIENT_SECONDS,
    )


def exhaust(shop: Shop) -> None:
    for _ in range(LIMIT):
        assert customers(shop.api).status_code == 200


def test_a_key_has_so_many_requests_and_no_more(limited: Server) -> None:
    shop = limited.project()
    ends = set()
    for left in range(LIMIT - 1, -1, -1):
        answer = customers(shop.api)
        assert answer.status_code == 200
        limit, remaining, retry, kind = standing(answer)
        assert (limit, remaining, kind) == (str(LIMIT), str(left), "api_calls")
        if left == 0:
            ends.add(int(retry))
    refused = customers(shop.api)
    assert refused.status_code == 429
    body = refused.json()
    assert {"code": body["code"], "message": body["message"]} == {
        "code": 429,
        "message": "Too many requests hit the API too quickly.",
    }
    assert set(body) <= {"code", "message", "request_id"}
    limit, remaining, retry, kind = standing(refused)
    assert (limit, remaining, kind) == (str(LIMIT), "0", "api_calls")
    # When to come back is said twice: as a moment, and in seconds from now.
    assert {int(retry)} == ends
    assert int(retry) % (24 * HOUR) == 0
    after = int(refused.headers["Retry-After"])
    assert 1 <= after <= 24 * HOUR
    assert abs(int(retry) - time.time() - after) < 5 or after == 1
    # Nothing was done.
    assert shop.api.post("/v1/customers", json={"source_id": "late"}).status_code == 429


def test_each_key_has_a_count_of_its_own(limited: Server) -> None:
    shop = limited.project()
    exhaust(shop)
    assert customers(shop.api).status_code == 429
    assert standing(customers(limited.project().api))[1] == str(LIMIT - 1)
    done = limited.command("keys", "create", "--project", shop.id)
    key_id, secret = (line.split()[-1] for line in done.stdout.splitlines())
    with limited.client(key_id, secret) as second:
        assert standing(customers(second))[1] == str(LIMIT - 1)


def test_a_token_counts_as_its_key(limited: Server) -> None:
    shop = limited.project()
    grant = {"grant_type": "client_credentials", "scope": "api"}
    token = shop.api.post("/v1/oauth/token", data=grant).json()["access_token"]
    with limited.anonymous(Authorization=f"Bearer {token}") as client:
        assert standing(customers(client))[1] == str(LIMIT - 2)
        assert standing(customers(shop.api))[1] == str(LIMIT - 3)
        for _ in range(LIMIT - 3):
            assert customers(client).status_code == 200
        assert customers(client).status_code == 429
    assert customers(shop.api).status_code == 429


def test_a_refused_stranger_costs_the_key_nothing(limited: Server) -> None:
    shop = limited.project()
    key_id = shop.project["server_side_key"]["app_id"]
    with limited.client(key_id, "wrong") as stranger:
        for _ in range(LIMIT + 5):
            answer = customers(stranger)
            assert answer.status_code == 401
            assert standing(answer)[:2] == [str(LIMIT), str(LIMIT)]
    assert standing(customers(shop.api))[1] == str(LIMIT - 1)


def test_what_fails_counts_too(limited: Server) -> None:
    shop = limited.project()
    assert shop.api.get("/v1/customers/nobody").status_code == 404
    assert shop.api.post("/v1/customers", content=b"{").status_code == 400
    assert standing(customers(shop.api))[1] == str(LIMIT - 3)


def test_bulk_requests_are_counted_apart(limited: Server) -> None:
    shop = limited.project()

    def bulk(n: int) -> httpx.Response:
        return shop.api.post("/v1/customers/bulk/async", json=[{"source_id": f"row {n}"}])

    for left in range(BULK_LIMIT - 1, -1, -1):
        answer = bulk(left)
        assert answer.status_code == 202
        assert standing(answer)[:2] == [str(BULK_LIMIT), str(left)]
        assert standing(answer)[3] == "bulk_api_calls"
    refused = bulk(9)
    assert refused.status_code == 429
    assert standing(refused)[:2] == [str(BULK_LIMIT), "0"]
    assert standing(refused)[3] == "bulk_api_calls"
    assert int(refused.headers["Retry-After"]) >= 1
    # All kinds of bulk work share the one count, and other calls have theirs untouched.
    metadata = {"source_ids": ["me"], "metadata": {"a": 1}}
    assert shop.api.post("/v1/customers/metadata/async", json=metadata).status_code == 429
    file = {"file": ("c.csv", b"Source_id\nme\n", "text/csv")}
    assert shop.api.post("/v1/customers/importCSV", files=file).status_code == 429
    assert standing(customers(shop.api))[1] == str(LIMIT - 1)


def test_client_requests_are_counted_by_address(limited: Server) -> None:
    settings = {
        "client_create_customer_enabled": True,
        "client_trusted_domains": ["https://shop.example"],
    }
    first, second = limited.project(**settings), limited.project(**settings)
    with first.browser("https://shop.example") as one, second.browser() as other:

        def ask(browser: httpx.Client, address: str) -> httpx.Response:
            headers = {"X-Forwarded-For": address}
            return browser.post("/client/v1/customers", json={}, headers=headers)

        # All of it within one window.
        time.sleep(CLIENT_SECONDS - time.time() % CLIENT_SECONDS)
        for left in range(CLIENT_LIMIT - 1, -1, -1):
            answer = ask(one, "192.0.2.1")
            assert answer.status_code == 200
            assert standing(answer)[:2] == [str(CLIENT_LIMIT), str(left)]
        refused = ask(one, "192.0.2.1")
        # The address counts, whatever its key; and another address is another caller.
        also = ask(other, "192.0.2.1")
        free = ask(one, "192.0.2.2")
        assert [refused.status_code, also.status_code, free.status_code] == [429, 429, 200]
        assert 1 <= int(refused.headers["Retry-After"]) <= CLIENT_SECONDS
        assert standing(refused)[1] == "0"
        # The page can read why, and when to come back.
        assert refused.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        assert "retry-after" in refused.headers["Access-Control-Expose-Headers"].lower()
        assert customers(first.api).status_code == 200

        time.sleep(int(refused.headers["Retry-After"]))
        assert ask(one, "192.0.2.1").status_code == 200


@pytest.fixture(scope="module")
def shared() -> Iterator[Server]:
    yield from running(workers=2, rate_limit=10, rate_limit_seconds=24 * HOUR)


def test_workers_share_a_limit(shared: Server) -> None:
    key = shared.project().project["server_side_key"]
    headers = {"X-App-Id": key["app_id"], "X-App-Token": key["app_token"]}
    found = crowd(shared, headers, count=100)
    # Each worker gives its half; how many workers a crowd meets is not certain.
    assert found[200] in range(5, 11)
    assert found[200] + found[429] == 100
