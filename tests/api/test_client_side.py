"""What browsers and apps may do: `/client/v1`, the trusted domains, and the headers of CORS."""

from __future__ import annotations

import httpx
import pytest

from tests.running import FIRST, Server, Shop, until

PATH = "/client/v1/customers"
HOME = "https://shop.example"
FOREIGN = "The origin is not among the project's trusted domains"
SWITCHED_OFF = "The project does not let clients create customers"


def project(server: Server, *domains: str) -> Shop:
    return server.project(client_create_customer_enabled=True, client_trusted_domains=domains)


def details(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("details", "")


# --- the operation ------------------------------------------------------------------------------


def test_a_client_creates_and_updates_customers(server: Server) -> None:
    shop = project(server)
    with shop.browser() as browser:
        made = browser.post(PATH, json={"source_id": "me", "name": "Me", "metadata": {"a": 1}})
        assert made.status_code == 200
        again = browser.post(PATH, json={"source_id": "me", "metadata": {"b": 2}})
        assert again.status_code == 200
        assert browser.post(PATH, json={"birthdate": "2022-13-45"}).status_code == 400
    assert made.json()["object"] == "customer"
    customer = shop.api.get("/v1/customers/me").json()
    assert customer["id"] == made.json()["id"] == again.json()["id"]
    assert (customer["name"], customer["metadata"]) == ("Me", {"a": 1, "b": 2})
    assert shop.api.get("/v1/customers").json()["total"] == 1


def test_creating_is_off_until_the_project_allows_it(shop: Shop) -> None:
    with shop.browser() as browser:
        refused = browser.post(PATH, json={"source_id": "me"})
    assert details(refused) == (403, SWITCHED_OFF)
    assert refused.json()["key"] == "forbidden"
    assert shop.api.get("/v1/customers").json()["total"] == 0


def test_there_is_nothing_else_for_clients_here(server: Server) -> None:
    shop = project(server)
    with shop.browser() as browser:
        listed = browser.get(PATH)
        assert (listed.status_code, listed.headers["Allow"]) == (405, "POST")
        assert browser.get("/v1/customers").status_code == 401
    assert shop.api.post(PATH, json={}).status_code == 401


# --- trusted domains ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trusted", "origin", "allowed"),
    [
        # An empty list trusts no page, but an app sends no origin.
        ([], HOME, False),
        ([], "null", False),
        ([], None, True),
        ([HOME], None, True),
        # A whole origin: scheme, host and port.
        ([HOME], HOME, True),
        ([HOME], "HTTPS://SHOP.EXAMPLE", True),
        (["https://Shop.Example/"], HOME, True),
        ([HOME], "http://shop.example", False),
        ([HOME], "https://shop.example:8443", False),
        ([HOME], "https://www.shop.example", False),
        ([HOME], "https://shop.example.evil.example", False),
        ([HOME], "https://evilshop.example", False),
        ([HOME], "https://shop.example@evil.example", False),
        (["http://localhost:3000"], "http://localhost:3000", True),
        (["http://localhost:3000"], "http://localhost:3001", False),
        # A host, whatever the scheme.
        (["shop.example"], HOME, True),
        (["shop.example"], "http://shop.example", True),
        (["localhost:3000"], "http://localhost:3000", True),
        (["shop.example"], "https://www.shop.example", False),
        # Every host below one.
        (["*.shop.example"], "https://www.shop.example", True),
        (["*.shop.example"], "http://a.b.shop.example", True),
        (["*.shop.example"], HOME, False),
        (["*.shop.example"], "https://evilshop.example", False),
        (["https://*.shop.example"], "https://www.shop.example", True),
        (["https://*.shop.example"], "http://www.shop.example", False),
        # Every page.
        (["*"], "https://anything.example", True),
        (["*"], "null", True),
        # One of several.
        (["a.example", " b.example ", "c.example"], "https://b.example", True),
        (["a.example", "b.example"], "https://d.example", False),
        (["https://shop.example"], "null", False),
    ],
    ids=str,
)
def test_trusted_domains(
    server: Server, trusted: list[str], origin: str | None, allowed: bool
) -> None:
    with project(server, *trusted).browser(origin) as browser:
        answer = browser.post(PATH, json={"name": "somebody"})
    assert details(answer) == ((200, "") if allowed else (403, FOREIGN))


@pytest.mark.parametrize(
    "origin", ["http://[", "https://[::1", "http://shop.example:x", "//", "é", ""]
)
def test_an_origin_that_is_none_is_refused(server: Server, origin: str) -> None:
    shop = project(server, HOME)
    with shop.browser() as browser:
        raw = [(b"Origin", origin.encode())]
        answer = browser.post(PATH, json={"name": "somebody"}, headers=raw)
    assert details(answer) == (403, FOREIGN)


@pytest.mark.parametrize("entry", ["http://[", "[", "", " ", "https://", "//", "é", "*."])
def test_a_domain_that_is_none_trusts_nobody_and_breaks_nothing(server: Server, entry: str) -> None:
    made = {"name": "shop", "client_trusted_domains": [entry, HOME]}
    with server.management() as management:
        answer = management.post("/management/v1/projects", json=made)
        if answer.status_code == 400:
            return
        changes = {"client_create_customer_enabled": True}
        management.put(f"/management/v1/projects/{answer.json()['id']}", json=changes)
    shop = Shop(server, answer.json())

    def status(origin: str) -> int:
        with shop.browser(origin) as browser:
            return browser.post(PATH, json={"name": "somebody"}).status_code

    until(lambda: {status(HOME) for _ in range(3)} == {200}, seconds=3)
    assert status("https://elsewhere.example") == 403
    assert status("null") == 403


def test_a_token_is_held_to_the_trusted_domains_too(server: Server) -> None:
    shop = project(server, HOME)
    grant = {"grant_type": "client_credentials", "scope": "client_customers"}
    token = shop.api.post("/v1/oauth/token", data=grant).json()["access_token"]
    with server.anonymous(Authorization=f"Bearer {token}") as browser:
        assert browser.post(PATH, json={}, headers={"Origin": HOME}).status_code == 200
        foreign = browser.post(PATH, json={}, headers={"Origin": "https://elsewhere.example"})
    assert details(foreign) == (403, FOREIGN)


def test_server_keys_are_not_asked_for_their_origin(shop: Shop) -> None:
    headers = {"Origin": "https://elsewhere.example"}
    assert shop.api.get("/v1/customers", headers=headers).status_code == 200


def test_the_settings_seed_the_first_projects_domains(server: Server) -> None:
    with server.management() as management:
        first = management.get(f"/management/v1/projects/{FIRST['project_id']}").json()
    assert first["client_trusted_domains"] == [HOME]
    keys = {
        "X-Client-Application-Id": FIRST["client_app_id"],
        "X-Client-Token": FIRST["client_token"],
    }
    with server.anonymous(**keys) as browser:
        # Past the domains, it is the switch that refuses.
        home = browser.post(PATH, json={}, headers={"Origin": HOME})
        foreign = browser.post(PATH, json={}, headers={"Origin": "https://elsewhere.example"})
    assert details(home) == (403, SWITCHED_OFF)
    assert details(foreign) == (403, FOREIGN)


# --- CORS ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", [PATH, "/client/v1/redemptions", "/client/v1/x/y%2Fz", "/client/v1/"]
)
def test_a_preflight_is_answered_on_every_client_path(server: Server, path: str) -> None:
    wanted = {
        "Origin": HOME,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, x-client-application-id, x-client-token",
    }
    with server.anonymous() as browser:
        answer = browser.options(path, headers=wanted)
    assert (answer.status_code, answer.content) == (204, b"")
    headers = answer.headers
    assert headers["Access-Control-Allow-Origin"] == HOME
    assert headers["Vary"] == "Origin"
    assert int(headers["Access-Control-Max-Age"]) > 0
    methods = {name.strip() for name in headers["Access-Control-Allow-Methods"].split(",")}
    assert methods >= {"GET", "POST", "PUT", "DELETE"}
    names = {name.strip().lower() for name in headers["Access-Control-Allow-Headers"].split(",")}
    assert names >= {
        "content-type",
        "authorization",
        "x-client-application-id",
        "x-client-token",
        "x-voucherify-oauth",
        "x-voucherify-api-version",
        "x-voucherify-channel",
    }
    # No cookies are at work, so none may be sent along.
    assert "Access-Control-Allow-Credentials" not in headers


def test_there_is_no_preflight_elsewhere(server: Server) -> None:
    with server.anonymous() as browser:
        answer = browser.options("/v1/customers", headers={"Origin": HOME})
    assert answer.status_code == 405
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_page_can_read_answers_and_refusals(server: Server) -> None:
    shop = project(server, HOME)
    with shop.browser(HOME) as browser, server.anonymous(Origin=HOME) as stranger:
        answers = {
            200: browser.post(PATH, json={}),
            400: browser.post(PATH, content=b"{"),
            401: stranger.post(PATH, json={}),
            403: browser.post(PATH, json={}, headers={"Origin": "https://elsewhere.example"}),
            404: browser.get("/client/v1/nothing-is-here"),
            405: browser.delete(PATH),
            406: browser.post(PATH, json={}, headers={"Accept": "text/html"}),
            415: browser.post(PATH, content=b"{}", headers={"Content-Type": "text/plain"}),
        }
    for status, answer in answers.items():
        assert answer.status_code == status
        origin = answer.request.headers["Origin"]
        assert answer.headers.get("Access-Control-Allow-Origin") == origin, status
        assert answer.headers["Vary"] == "Origin"
        exposed = answer.headers["Access-Control-Expose-Headers"].lower()
        assert {"x-rate-limit-remaining", "retry-after"} <= set(exposed.split(", "))


def test_without_an_origin_there_are_no_cors_headers(server: Server) -> None:
    with project(server).browser() as browser:
        answer = browser.post(PATH, json={})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
