from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from largesse.kit.ids import ALPHABET
from largesse.store import projects
from tests.contract.client import Client
from tests.crowd import crowd, on_database
from tests.running import FIRST, Server, Shop, running, until

PATH = "/management/v1/projects"
NOTIFICATION = {"value": 80, "emails": ["your.email@your.domain"], "in_app": True, "enabled": True}
USAGE = dict.fromkeys(
    ["messages", "api_calls", "cycle_calls", "redemptions", "webhook_calls", "bulk_api_calls"],
    NOTIFICATION,
)
CALLOUT = {"email": True, "emails": ["a@b.example"], "in_app": False}
CALLOUTS = {"webhooks": CALLOUT, "distributions": CALLOUT}
SETTINGS = {
    "name": "Voucherify Team Project",
    "description": "Everything set, ünïcode too",
    "timezone": "Europe/Warsaw",
    "currency": "EUR",
    "dial_code": "48",
    "webhook_version": "v2024-01-01",
    "client_trusted_domains": ["https://shop.example", "*.shop.example"],
    "client_redeem_enabled": True,
    "client_publish_enabled": True,
    "client_list_vouchers_enabled": True,
    "client_create_customer_enabled": True,
    "client_loyalty_events_enabled": True,
    "client_set_voucher_expiration_date_enabled": True,
    "api_usage_notifications": USAGE,
    "webhooks_callout_notifications": CALLOUTS,
    "default_code_config": {"charset": "ABC123"},
}
SECRETS = ("server_side_key", "client_side_key")


@pytest.fixture
def management(server: Server) -> Iterator[Client]:
    with server.management() as client:
        yield client


def without_secrets(project: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in project.items() if name not in SECRETS}


def error(answer: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    del body["request_id"]
    return body


def server_key(project: dict[str, Any]) -> dict[str, str]:
    key = project["server_side_key"]
    return {"X-App-Id": key["app_id"], "X-App-Token": key["app_token"]}


# --- settings -----------------------------------------------------------------------------------


def test_a_project_of_nothing_but_a_name(management: Client) -> None:
    answer = management.post(PATH, json={"name": "shop"})
    assert answer.status_code == 200
    project = answer.json()
    assert re.fullmatch(r"proj_[0-9A-Za-z]{8}", project.pop("id"))
    assert re.fullmatch(r"[0-9A-Za-z]{40}", project.pop("webhook_token"))
    ids = set()
    for kind in SECRETS:
        key = project.pop(kind)
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", key.pop("app_id"))
        assert re.fullmatch(r"[0-9A-Za-z]{36}", key["app_token"])
        ids.add(key.pop("app_token"))
        assert key == {}
    assert len(ids) == 2
    charset = project.pop("default_code_config").pop("charset")
    assert sorted(charset) == sorted(ALPHABET)
    assert project == {
        "name": "shop",
        "currency": "USD",
        "timezone": "UTC",
        "dial_code": None,
        "cluster_id": "default",
        "api_version": "v2018-08-01",
        "case_sensitive_codes": True,
        "client_trusted_domains": [],
        "client_redeem_enabled": False,
        "client_publish_enabled": False,
        "client_list_vouchers_enabled": False,
        "client_create_customer_enabled": False,
        "client_loyalty_events_enabled": False,
        "client_set_voucher_expiration_date_enabled": False,
        "is_sandbox": False,
        "webhook_version": "v2024-01-01",
    }


def test_every_setting_is_kept(management: Client) -> None:
    body = {**SETTINGS, "case_sensitive_codes": False, "cluster_id": "eu1"}
    created = management.post(PATH, json={**body, "api_version": "v2018-08-01"}).json()
    project = without_secrets(created)
    assert {name: project[name] for name in body} == body
    assert management.get(f"{PATH}/{project['id']}").json() == project
    listed = management.get(PATH).json()
    assert (listed["object"], listed["data_ref"]) == ("list", "data")
    assert listed["total"] == len(listed["data"])
    assert project in listed["data"]


def test_every_setting_can_be_changed_and_only_what_is_sent_does(management: Client) -> None:
    project = without_secrets(management.post(PATH, json={"name": "before"}).json())
    address = f"{PATH}/{project['id']}"
    for name, value in SETTINGS.items():
        answer = management.put(address, json={name: value})
        assert answer.status_code == 200, answer.text
        project[name] = value
        assert answer.json() == project, name
    # Nothing sent, or nothing but null, changes nothing.
    assert management.put(address, json={}).json() == project
    nothing = dict.fromkeys(SETTINGS)
    assert management.put(address, json=nothing).json() == project
    for name in [name for name in SETTINGS if name.endswith("_enabled")]:
        project[name] = False
        assert management.put(address, json={name: False}).json() == project
    project["client_trusted_domains"] = []
    assert management.put(address, json={"client_trusted_domains": []}).json() == project
    assert management.get(address).json() == project


def test_a_dial_code_of_null_is_none_sent(management: Client) -> None:
    """Clients send null for every member that they do not set, so it must take nothing away."""
    project = management.post(PATH, json={"name": "shop", "dial_code": None}).json()
    address = f"{PATH}/{project['id']}"
    assert project["dial_code"] is None
    assert management.put(address, json={"dial_code": "48"}).json()["dial_code"] == "48"
    assert management.put(address, json={"dial_code": None}).json()["dial_code"] == "48"
    assert management.get(address).json()["dial_code"] == "48"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Asia/Kolkata", "Asia/Kolkata"),
        ("America/Argentina/Ushuaia", "America/Argentina/Ushuaia"),
        ("Etc/GMT+1", "Etc/GMT+1"),
        ("GMT", "GMT"),
        # The sign of the zones named Etc/GMT points the other way.
        ("GMT+2", "Etc/GMT-2"),
        ("GMT-11", "Etc/GMT+11"),
        ("UTC+02", "Etc/GMT-2"),
    ],
)
def test_time_zones(management: Client, sent: str, kept: str) -> None:
    project = management.post(PATH, json={"name": "shop", "timezone": sent}).json()
    assert project["timezone"] == kept
    # What is answered is accepted again.
    again = management.put(f"{PATH}/{project['id']}", json={"timezone": project["timezone"]})
    assert again.json()["timezone"] == kept


@pytest.mark.parametrize(
    "timezone",
    [
        *("", "Mars/Olympus", "Europe", "GMT+25", "GMT+-2", "../../etc/passwd", "/etc/localtime"),
        *("UTC\n", "é", "a" * 255, "tzdata.zi"),
    ],
)
def test_what_is_no_time_zone_is_refused(management: Client, timezone: str) -> None:
    answer = management.post(PATH, json={"name": "shop", "timezone": timezone})
    assert answer.status_code == 400
    assert error(answer) == {
        "code": 400,
        "key": "invalid_payload",
        "message": "Invalid payload",
        "details": "Property .timezone should be a GMT offset or an IANA zone",
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": None},
        {"name": 5},
        {"name": "x" * 256},
        {"name": "a\x00b"},
        {"currency": "usd"},
        {"currency": "EURO"},
        {"currency": ""},
        {"currency": "EUR\n"},
        {"description": 5},
        {"dial_code": 48},
        {"webhook_version": "v2023-01-01"},
        {"client_trusted_domains": "https://shop.example"},
        {"client_trusted_domains": [5]},
        {"client_trusted_domains": [None]},
        {"client_redeem_enabled": "perhaps"},
        {"client_create_customer_enabled": 2},
        {"client_create_customer_enabled": []},
        {"default_code_config": {}},
        {"default_code_config": {"charset": ""}},
        {"default_code_config": "ABC"},
        {"api_usage_notifications": []},
        {"webhooks_callout_notifications": "no"},
        {"api_usage_notifications": {"a": "\x00"}},
    ],
    ids=str,
)
def test_wrong_settings_are_refused_and_change_nothing(
    management: Client, wrong: dict[str, Any]
) -> None:
    refused = management.post(PATH, json={"name": "shop", **wrong})
    assert (refused.status_code, refused.json()["key"]) == (400, "invalid_payload")
    assert refused.json()["details"]
    if wrong == {"name": None}:
        return
    project = without_secrets(management.post(PATH, json={"name": "shop"}).json())
    address = f"{PATH}/{project['id']}"
    refused = management.put(address, json={"description": "new", **wrong})
    assert (refused.status_code, refused.json()["key"]) == (400, "invalid_payload")
    assert management.get(address).json() == project


def test_what_only_a_new_project_can_have_wrong(management: Client) -> None:
    unnamed = management.post(PATH, json={"description": "no name"})
    assert unnamed.status_code == 400
    assert unnamed.json()["details"] == "Payload should have required property 'name'"
    old = management.post(PATH, json={"name": "shop", "api_version": "v2017-01-01"})
    assert (old.status_code, old.json()["key"]) == (400, "invalid_payload")
    strict = management.post(PATH, json={"name": "shop", "case_sensitive_codes": "perhaps"})
    assert (strict.status_code, strict.json()["key"]) == (400, "invalid_payload")
    user = {"login": "nobody@shop.example", "role": "ADMIN"}
    unknown = management.post(PATH, json={"name": "shop", "users": [user]})
    assert unknown.status_code == 404
    assert "nobody@shop.example" in unknown.json()["details"]


def test_case_of_codes_is_fixed_at_creation(management: Client) -> None:
    project = management.post(PATH, json={"name": "shop", "case_sensitive_codes": False}).json()
    assert project["case_sensitive_codes"] is False
    # Codes that differ by case alone would be one code, so none is made of small letters.
    assert sorted(project["default_code_config"]["charset"]) == sorted(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    )
    address = f"{PATH}/{project['id']}"
    changed = management.put(address, json={"case_sensitive_codes": True, "name": "renamed"})
    assert changed.json()["name"] == "renamed"
    assert changed.json()["case_sensitive_codes"] is False
    assert management.get(address).json()["case_sensitive_codes"] is False


@pytest.mark.parametrize("project_id", ["proj_nothing", "a%2Fb", "%C3%A9", "x" * 300, "%25"])
def test_an_unknown_project_is_not_found(management: Client, project_id: str) -> None:
    address = f"{PATH}/{project_id}"
    answers = [
        management.get(address),
        management.put(address, json={"name": "x"}),
        management.delete(address),
    ]
    for answer in answers:
        assert answer.status_code == 404
        assert answer.json()["message"] == "Resource not found"
    missing = error(management.get(f"{PATH}/proj_nothing"))
    assert missing["details"] == "Cannot find project with id proj_nothing"


# --- keys ---------------------------------------------------------------------------------------


def test_secrets_are_shown_once(management: Client) -> None:
    project = management.post(PATH, json={"name": "shop"}).json()
    address = f"{PATH}/{project['id']}"
    later = [
        management.get(address).text,
        management.get(PATH).text,
        management.put(address, json={"name": "renamed"}).text,
    ]
    for kind in SECRETS:
        for text in later:
            assert kind not in text
            assert project[kind]["app_token"] not in text
            assert project[kind]["app_id"] not in text


def test_new_keys_work_at_once_on_every_worker(server: Server, management: Client) -> None:
    for _ in range(3):
        project = management.post(
            PATH, json={"name": "shop", "client_create_customer_enabled": True}
        ).json()
        assert crowd(server, server_key(project), count=20) == {200: 20}
        with Shop(server, project).browser() as browser:
            assert browser.post("/client/v1/customers", json={}).status_code == 200


def test_settings_reach_every_worker_within_a_moment(shop: Shop, management: Client) -> None:
    key = shop.project["client_side_key"]
    headers = {"X-Client-Application-Id": key["app_id"], "X-Client-Token": key["app_token"]}
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(
        base_url=shop.server.url, headers=headers, limits=limits, verify=False
    ) as browser:

        def statuses() -> set[int]:
            found = [browser.post("/client/v1/customers", json={}) for _ in range(10)]
            return {answer.status_code for answer in found}

        assert statuses() == {403}
        changes = {"client_create_customer_enabled": True}
        management.put(f"{PATH}/{shop.id}", json=changes)
        until(lambda: statuses() == {200}, seconds=2)


# --- deleting -----------------------------------------------------------------------------------


def test_a_deleted_projects_keys_and_tokens_die(server: Server, management: Client) -> None:
    project = management.post(PATH, json={"name": "to delete"}).json()
    address = f"{PATH}/{project['id']}"
    shop = Shop(server, project)
    grant = {"grant_type": "client_credentials", "scope": "api"}
    token = shop.api.post("/v1/oauth/token", data=grant).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert crowd(server, server_key(project)) == {200: 50}
    assert crowd(server, bearer) == {200: 50}

    gone = management.delete(address)
    assert (gone.status_code, gone.content) == (204, b"")
    until(lambda: crowd(server, server_key(project)) == {401: 50}, seconds=2)
    until(lambda: crowd(server, bearer) == {401: 50}, seconds=2)
    with shop.browser() as browser:
        assert browser.post("/client/v1/customers", json={}).status_code == 401
    assert management.get(address).status_code == 404
    assert management.put(address, json={"name": "x"}).status_code == 404
    assert management.delete(address).status_code == 404
    assert project["id"] not in management.get(PATH).text


def test_deleting_a_busy_project_breaks_nothing(server: Server, management: Client) -> None:
    shop = server.project()
    seen: Counter[int] = Counter()
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            seen[shop.api.post("/v1/customers", json={"name": "busy"}).status_code] += 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: seen[200] > 20)
    assert management.delete(f"{PATH}/{shop.id}").status_code == 204
    until(lambda: seen[401] > 20)
    over.set()
    for thread in threads:
        thread.join()
    assert set(seen) == {200, 401}


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    yield from running(workers=1)


def rows_of(server: Server, project_id: str) -> dict[str, int]:
    async def count(connection: Any) -> dict[str, int]:
        return {
            table: await connection.fetchval(
                f"SELECT count(*) FROM {table} WHERE project_id = $1", project_id
            )
            for table in projects.TENANT_TABLES
        }

    return on_database(server, count)


def fill(shop: Shop) -> None:
    shop.api.post("/v1/customers", json={"source_id": "one", "name": "One"})
    rows = [{"source_id": f"row {n}"} for n in range(20)]
    shop.finished(shop.api.post("/v1/customers/bulk/async", json=rows))
    shop.api.post("/v1/customers", json={"source_id": "two"})
    shop.api.post("/v1/customers/two/permanent-deletion")
    grant = {"grant_type": "client_credentials", "scope": "api"}
    assert shop.api.post("/v1/oauth/token", data=grant).status_code == 200


def test_a_deleted_projects_data_is_cleared_away(own: Server) -> None:
    gone, stays = own.project(name="gone"), own.project(name="stays")
    fill(gone)
    fill(stays)
    before = rows_of(own, gone.id)
    full = {"customers", "events", "jobs", "job_rows", "oauth_tokens", "permanent_deletions"}
    assert {table for table, count in before.items() if count} >= full
    kept = rows_of(own, stays.id)

    with own.management() as management:
        assert management.delete(f"{PATH}/{gone.id}").status_code == 204
    clear_up(own)
    until(lambda: not any(rows_of(own, gone.id).values()), seconds=30)
    # What requests in flight may still have written is looked for a while longer.
    assert _known(own, gone.id)
    age(own, gone.id)
    clear_up(own)
    until(lambda: not _known(own, gone.id), seconds=30)
    assert rows_of(own, stays.id)["customers"] == kept["customers"] == 21
    assert stays.api.get("/v1/customers/one").json()["name"] == "One"


def clear_up(server: Server) -> None:
    """The worker clears up once a minute, and when it starts."""
    (worker,) = until(lambda: server.children("largesse.worker"))
    worker.kill()


def age(server: Server, project_id: str) -> None:
    """Makes a project as if it had been deleted two hours ago."""
    query = "UPDATE projects SET deleted_at = deleted_at - interval '2 hours' WHERE id = $1"
    on_database(server, lambda connection: connection.execute(query, project_id))


def _known(server: Server, project_id: str) -> bool:
    async def look(connection: Any) -> bool:
        query = "SELECT count(*) FROM projects WHERE id = $1"
        return bool(await connection.fetchval(query, project_id))

    return on_database(server, look)


def test_the_first_project_can_be_deleted_too(own: Server) -> None:
    """The settings still name it and its keys at the next start; that is no reason to fail."""
    shop = own.project(name="second")
    with own.management() as management:
        assert management.delete(f"{PATH}/{FIRST['project_id']}").status_code == 204
    age(own, FIRST["project_id"])
    clear_up(own)
    until(lambda: not _known(own, FIRST["project_id"]), seconds=30)
    assert own.stop() == 0
    own.start()
    shop.api.base_url = own.url
    assert shop.api.get("/v1/customers").status_code == 200
    with own.management() as management:
        names = [project["name"] for project in management.get(PATH).json()["data"]]
    assert "second" in names
    with own.client() as api:
        assert api.get("/v1/customers").status_code == 401
