from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.crowd import crowd
from tests.running import Server, Shop, running, until

GRANT = {"grant_type": "client_credentials", "scope": "api"}
DEAD = {401: 50}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def made(api: httpx.Client, scope: str = "api") -> str:
    answer = api.post("/v1/oauth/token", data={**GRANT, "scope": scope})
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


def introspected(shop: Shop, token: str) -> dict[str, Any]:
    answer = shop.api.post("/v1/oauth/introspect", data={"access_token": token})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def error(answer: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert re.fullmatch(r"v-[0-9a-f]{18}", body.pop("request_id"))
    return body


# --- making -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["data", "json"])
def test_a_token_is_made_from_a_form_or_json(shop: Shop, form: str) -> None:
    before = time.time()
    body = {"grant_type": "client_credentials", "scope": "qualifications validations redemptions"}
    answer = shop.api.post("/v1/oauth/token", **{form: body})
    assert answer.status_code == 200
    token = answer.json()
    assert re.fullmatch(r"[0-9A-Za-z]{40,}\.\S+", token.pop("access_token"))
    assert set(token.pop("scope").split()) == {"qualifications", "validations", "redemptions"}
    assert before + 899 <= token.pop("expires_at") <= time.time() + 900
    assert token == {
        "client_id": shop.project["server_side_key"]["app_id"],
        "expires_in": 900,
        "token_type": "Bearer",
    }


def test_no_two_tokens_are_the_same(shop: Shop) -> None:
    assert len({made(shop.api) for _ in range(5)}) == 5


def test_a_scope_named_twice_counts_once(shop: Shop) -> None:
    answer = shop.api.post("/v1/oauth/token", data={**GRANT, "scope": " api  customers api "})
    assert sorted(answer.json()["scope"].split()) == ["api", "customers"]


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ("vouchers,campaigns", "Invalid scope: vouchers,campaigns"),
        ("vouchers, campaigns", "Invalid scope: vouchers, campaigns"),
        ("everything", "Invalid scope: everything"),
        ("vouchers everything", "Invalid scope: vouchers everything"),
        ("API", "Invalid scope: API"),
        ("", "Invalid scope:"),
        (None, "Invalid scope:"),
    ],
)
def test_unknown_scopes_are_refused(shop: Shop, scope: str | None, message: str) -> None:
    answer = shop.api.post("/v1/oauth/token", json={**GRANT, "scope": scope})
    assert answer.status_code == 400
    assert error(answer) == {"code": 400, "key": "invalid_scope", "message": message}


@pytest.mark.parametrize("body", [{}, {"grant_type": None}, {"grant_type": "password"}])
def test_another_grant_type_is_refused(shop: Shop, body: dict[str, Any]) -> None:
    answer = shop.api.post("/v1/oauth/token", json={"scope": "api", **body})
    assert answer.status_code == 400
    assert error(answer) == {
        "code": 400,
        "key": "invalid_grant_type",
        "message": "Invalid grant_type",
    }


def test_broken_bodies_are_refused(shop: Shop) -> None:
    def sent(content: bytes, kind: str) -> tuple[int, str | None]:
        answer = shop.api.post("/v1/oauth/token", content=content, headers={"Content-Type": kind})
        return answer.status_code, answer.json().get("key")

    form = "application/x-www-form-urlencoded"
    assert sent(b"", form) == (400, "invalid_grant_type")
    assert sent(b"grant_type=client_credentials&scope=%ff", form) == (400, "invalid_payload")
    assert sent(b"grant_type=client_credentials&scope=%00", form) == (400, "invalid_scope")
    assert sent(b"\xff\xfe", form) == (400, "invalid_payload")
    assert sent(b"", "application/json") == (400, "invalid_payload")
    assert sent(b"[]", "application/json") == (400, "invalid_payload")
    assert sent(b'{"grant_type": 5}', "application/json") == (400, "invalid_payload")
    assert sent(b'{"grant_type": "client_credentials", "scope": ["api"]}', "application/json") == (
        400,
        "invalid_payload",
    )
    assert sent(b"grant_type=client_credentials", "text/plain") == (415, None)


# --- showing ------------------------------------------------------------------------------------


def test_a_token_is_shown_in_either_header(shop: Shop, server: Server) -> None:
    token = made(shop.api)
    shop.api.post("/v1/customers", json={"source_id": "me"})
    for headers in (
        {"Authorization": f"Bearer {token}"},
        {"authorization": f"bearer {token}"},
        {"X-Voucherify-OAuth": token},
        {"X-Voucherify-OAuth": f"Bearer {token}"},
        {"X-Voucherify-OAuth": token, "Authorization": "Basic dXNlcjpwYXNz"},
    ):
        with httpx.Client(base_url=server.url, headers=headers) as client:
            assert client.get("/v1/customers").json()["total"] == 1, headers
    for headers in (
        {"Authorization": token},
        {"Authorization": f"Basic {token}"},
        {"Authorization": f"Bearer {token} x"},
        {"Authorization": "Bearer"},
        {"X-Voucherify-OAuth": f"Basic {token}"},
        {"X-Voucherify-OAuth": ""},
        {"X-App-Token": token},
    ):
        with httpx.Client(base_url=server.url, headers=headers) as client:
            assert client.get("/v1/customers").status_code == 401, headers


def test_a_key_wins_over_a_token(shop: Shop, server: Server) -> None:
    other = server.project()
    other.api.post("/v1/customers", json={"source_id": "of the other project"})
    narrow, foreign = made(shop.api, "vouchers"), made(other.api)
    path = "/v1/customers"
    # The token alone would be refused, or would show another project's customers.
    assert shop.api.get(path, headers=bearer(narrow)).status_code == 200
    assert shop.api.get(path, headers=bearer(foreign)).json()["total"] == 0
    assert shop.api.get(path, headers={"X-Voucherify-OAuth": foreign}).json()["total"] == 0
    with server.client("11111111-aaaa-4aaa-8aaa-00000000ffff", "wrong") as client:
        assert client.get(path, headers=bearer(foreign)).status_code == 401
    # Another kind's key is none for this operation, so it hides no token.
    with shop.browser() as client:
        assert client.get(path, headers=bearer(foreign)).json()["total"] == 1


# --- introspecting ------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["data", "json"])
def test_introspection_tells_what_a_token_is(shop: Shop, form: str) -> None:
    answer = shop.api.post("/v1/oauth/token", data={**GRANT, "scope": "vouchers"}).json()
    token = answer["access_token"]
    found = shop.api.post("/v1/oauth/introspect", **{form: {"access_token": token}}).json()
    assert 890 <= found.pop("expires_in") <= 900
    assert found == {
        "active": True,
        "access_token": token,
        "client_id": shop.project["server_side_key"]["app_id"],
        "expires_at": answer["expires_at"],
        "scope": "vouchers",
        "token_type": "Bearer",
    }


def test_a_token_that_does_not_live_here_is_inactive(shop: Shop, server: Server) -> None:
    foreign = made(server.project().api)
    mine = made(shop.api)
    for token in (foreign, "nonsense", f"{'x' * 42}.{shop.id}", mine.upper(), mine + "x", "é"):
        assert introspected(shop, token) == {"active": False}
    assert introspected(shop, mine)["active"] is True


@pytest.mark.parametrize("path", ["/v1/oauth/introspect", "/v1/oauth/token/revoke"])
def test_a_token_has_to_be_named(shop: Shop, path: str) -> None:
    missing = {"code": 400, "key": "missing_parameters", "message": "Missing parameters"}
    for options in (
        {"data": {"token": "x"}},
        {"data": {"access_token": ""}},
        {"json": {}},
        {"json": {"access_token": None}},
    ):
        answer = shop.api.post(path, **options)
        assert (answer.status_code, error(answer)) == (400, missing), options


# --- revoking -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["data", "json"])
def test_a_revoked_token_is_dead_at_once(shop: Shop, server: Server, form: str) -> None:
    token = made(shop.api)
    assert crowd(server, bearer(token)) == {200: 50}
    answer = shop.api.post("/v1/oauth/token/revoke", **{form: {"access_token": token}})
    assert crowd(server, bearer(token)) == DEAD
    assert (answer.status_code, answer.content) == (204, b"")
    assert introspected(shop, token) == {"active": False}
    again = shop.api.post("/v1/oauth/token/revoke", **{form: {"access_token": token}})
    assert again.status_code == 404


def test_only_living_tokens_of_the_own_project_are_revoked(shop: Shop, server: Server) -> None:
    other = server.project()
    foreign = made(other.api)
    for token in (foreign, "nonsense", f"{'x' * 42}.{shop.id}"):
        answer = shop.api.post("/v1/oauth/token/revoke", data={"access_token": token})
        assert answer.status_code == 404
        assert token not in answer.text
    assert introspected(other, foreign)["active"] is True


def test_revoking_one_token_leaves_the_others(shop: Shop, server: Server) -> None:
    first, second = made(shop.api), made(shop.api)
    shop.api.post("/v1/oauth/token/revoke", data={"access_token": first})
    assert crowd(server, bearer(second), count=10) == {200: 10}


# --- how many -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def narrow() -> Iterator[Server]:
    yield from running(token_limit=5)


def test_a_project_has_as_many_live_tokens_as_the_limit_says(narrow: Server) -> None:
    shop = narrow.project()
    tokens = [made(shop.api) for _ in range(5)]
    answer = shop.api.post("/v1/oauth/token", data=GRANT)
    assert answer.status_code == 429
    assert error(answer)["message"] == "Too many requests hit the API too quickly."
    assert 880 <= int(answer.headers["Retry-After"]) <= 901
    # Another project has a limit of its own, and one that went makes room.
    assert len(made(narrow.project().api)) > 40
    shop.api.post("/v1/oauth/token/revoke", data={"access_token": tokens[2]})
    assert introspected(shop, made(shop.api))["active"] is True
    assert shop.api.post("/v1/oauth/token", data=GRANT).status_code == 429


def test_many_at_once_get_exactly_as_many_tokens_as_the_limit_says(narrow: Server) -> None:
    shop = narrow.project()
    with ThreadPoolExecutor(20) as pool:
        found = Counter(
            pool.map(lambda _: shop.api.post("/v1/oauth/token", data=GRANT).status_code, range(20))
        )
    assert found == {200: 5, 429: 15}


# --- the key behind it --------------------------------------------------------------------------


def new_key(server: Server, shop: Shop, *options: str) -> tuple[str, str]:
    done = server.command("keys", "create", "--project", shop.id, *options)
    assert done.returncode == 0, done.stderr
    return printed(done.stdout)


def printed(text: str) -> tuple[str, str]:
    found = re.fullmatch(r"id: +(\S+)\nsecret: +(\S+)\n", text)
    assert found is not None, text
    return found[1], found[2]


def test_a_token_outlives_the_regeneration_of_its_key(shop: Shop, server: Server) -> None:
    token = made(shop.api)
    key = shop.project["server_side_key"]
    old = {"X-App-Id": key["app_id"], "X-App-Token": key["app_token"]}
    assert crowd(server, old, count=20) == {200: 20}
    key_id, secret = printed(server.command("keys", "regenerate", key["app_id"]).stdout)
    assert key_id == key["app_id"]
    new = {"X-App-Id": key_id, "X-App-Token": secret}
    until(lambda: crowd(server, old) == DEAD, seconds=2)
    assert crowd(server, new) == {200: 50}
    assert crowd(server, bearer(token)) == {200: 50}


def test_a_token_dies_with_its_key(shop: Shop, server: Server) -> None:
    blocked, secret = new_key(server, shop)
    with server.client(blocked, secret) as api:
        token = made(api)
    other = made(shop.api)
    assert crowd(server, bearer(token)) == {200: 50}

    assert server.command("keys", "block", blocked).returncode == 0
    until(lambda: crowd(server, bearer(token)) == DEAD, seconds=2)
    assert introspected(shop, token) == {"active": False}
    assert server.command("keys", "unblock", blocked).returncode == 0
    assert crowd(server, bearer(token)) == {200: 50}

    assert server.command("keys", "delete", blocked).returncode == 0
    until(lambda: crowd(server, bearer(token)) == DEAD, seconds=2)
    assert introspected(shop, token) == {"active": False}
    assert crowd(server, bearer(other), count=10) == {200: 10}


def test_a_token_is_used_from_its_keys_addresses_alone(shop: Shop, server: Server) -> None:
    key_id, secret = new_key(server, shop, "--ip", "10.1.0.0/16", "--ip", "192.0.2.7")
    with server.client(key_id, secret) as api:
        assert api.post("/v1/oauth/token", data=GRANT).status_code == 403
        api.headers["X-Forwarded-For"] = "10.1.2.3"
        token = made(api)

    def status(address: str) -> int:
        headers = {**bearer(token), "X-Forwarded-For": address}
        with server.anonymous() as client:
            return client.get("/v1/customers", headers=headers).status_code

    assert status("10.1.2.3") == 200
    assert status("192.0.2.7") == 200
    assert status("192.0.2.8") == 403
    assert status("127.0.0.1") == 403
