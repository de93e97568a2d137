"""The command line: what it prints, what it refuses, and what it never shows."""

from __future__ import annotations

import contextlib
import json
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import schemathesis

import largesse
from largesse.api.routes import OPERATIONS
from tests.crowd import crowd
from tests.running import FIRST, Server, Shop, running, until

NO_KEYS = dict.fromkeys(FIRST, "")
FIRST_SECRETS = [FIRST[name] for name in ("app_token", "client_token", "management_token")]


@pytest.fixture
def closed() -> Iterator[Server]:
    """A server that is not started: its settings and a folder for commands."""
    with tempfile.TemporaryDirectory(prefix="largesse-test-") as place:
        Path(place).chmod(0o755)
        yield Server(Path(place) / "data")


def variables(text: str) -> dict[str, str]:
    return dict(re.findall(r"^(LARGESSE_\w+)=(.+)$", text, re.MULTILINE))


def printed(text: str) -> tuple[str, str]:
    found = re.fullmatch(r"id: +(\S+)\nsecret: +(\S+)\n", text)
    assert found is not None, text
    return found[1], found[2]


def shown(key_id: str, secret: str) -> dict[str, str]:
    return {"X-App-Id": key_id, "X-App-Token": secret}


# --- serve --------------------------------------------------------------------------------------


def test_the_first_start_makes_keys_and_shows_them_once() -> None:
    for server in running(workers=1, **NO_KEYS):
        names = ["PROJECT_ID", "APP_ID", "APP_TOKEN", "CLIENT_APP_ID", "CLIENT_TOKEN"]
        names += ["MANAGEMENT_ID", "MANAGEMENT_TOKEN"]
        keys = variables(server.out)
        assert sorted(keys) == sorted(f"LARGESSE_{name}" for name in names)
        assert len(set(keys.values())) == len(keys)
        assert re.fullmatch(r"proj_[0-9A-Za-z]{8}", keys["LARGESSE_PROJECT_ID"])

        file = server.folder / "keys.env"
        assert str(file) in server.out
        assert variables(file.read_text()) == keys
        assert file.stat().st_mode & 0o777 == 0o600

        with server.client(keys["LARGESSE_APP_ID"], keys["LARGESSE_APP_TOKEN"]) as api:
            assert api.get("/v1/customers").status_code == 200
        management = {
            "X-Management-Id": keys["LARGESSE_MANAGEMENT_ID"],
            "X-Management-Token": keys["LARGESSE_MANAGEMENT_TOKEN"],
        }
        with server.anonymous(**management) as client:
            (project,) = client.get("/management/v1/projects").json()["data"]
        assert project["id"] == keys["LARGESSE_PROJECT_ID"]
        browser = {
            "X-Client-Application-Id": keys["LARGESSE_CLIENT_APP_ID"],
            "X-Client-Token": keys["LARGESSE_CLIENT_TOKEN"],
        }
        with server.anonymous(**browser) as client:
            # The key is right; only the project's switch is still off.
            assert client.post("/client/v1/customers", json={}).status_code == 403

        kept = file.read_text()
        assert server.stop() == 0
        server.out = ""
        server.start()
        assert variables(server.out) == {}
        assert file.read_text() == kept
        with server.client(keys["LARGESSE_APP_ID"], keys["LARGESSE_APP_TOKEN"]) as api:
            assert api.get("/v1/customers").status_code == 200
        secrets = [value for name, value in keys.items() if name.endswith("TOKEN")]
        assert not any(secret in server.log.read_text() for secret in secrets)


def test_the_keys_of_the_settings_are_let_in(server: Server) -> None:
    assert variables(server.out)["LARGESSE_PROJECT_ID"] == FIRST["project_id"]
    assert variables((server.folder / "keys.env").read_text()) == {
        f"LARGESSE_{name.upper()}": value
        for name, value in FIRST.items()
        if name != "client_origins"
    }
    with server.client() as api:
        assert api.get("/v1/customers").status_code == 200


def test_a_second_server_on_the_folder_is_refused(server: Server) -> None:
    assert server.process is not None
    second = server.command("serve", "--port", "0")
    assert second.returncode == 1
    assert second.stdout == ""
    assert second.stderr == (
        f"largesse: Another server (process {server.process.pid}) runs on the folder "
        f"{server.folder}. Stop it, or set LARGESSE_DATA_DIR to a folder of your own.\n"
    )
    assert server.ready()


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("port", "x", "LARGESSE_PORT: expected `int`, got `str`"),
        ("port", "99999", "LARGESSE_PORT: expected `int` <= 65535"),
        ("workers", "0", "LARGESSE_WORKERS: expected `int` >= 1"),
        ("workers", "many", "LARGESSE_WORKERS: expected `int`, got `str`"),
        ("rate_limit", "-1", "LARGESSE_RATE_LIMIT: expected `int` >= 0"),
        ("background", "perhaps", "LARGESSE_BACKGROUND: expected `bool`, got `str`"),
    ],
)
def test_a_bad_setting_is_named(closed: Server, setting: str, value: str, said: str) -> None:
    closed.settings[setting] = value
    done = closed.command("serve")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"largesse: {said}\n"
    assert not closed.folder.exists()


def test_a_bad_option_is_named_too(closed: Server) -> None:
    done = closed.command("serve", "--workers", "0")
    assert (done.returncode, done.stderr) == (
        1,
        "largesse: LARGESSE_WORKERS: expected `int` >= 1\n",
    )
    assert closed.command("nonsense").returncode == 2


@pytest.mark.parametrize("command", [["serve"], ["migrate"], ["keys", "list"]], ids=str)
def test_a_database_that_is_away_is_said_in_a_sentence(closed: Server, command: list[str]) -> None:
    closed.settings["database_url"] = "postgresql://somebody:database-secret@127.0.0.1:1/nothing"
    done = closed.command(*command)
    assert done.returncode == 1
    assert "database-secret" not in done.stdout + done.stderr
    assert not any(secret in done.stdout + done.stderr for secret in FIRST_SECRETS)
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("largesse: ")
    assert len(done.stderr.splitlines()) == 1


def test_an_answer_is_not_held_back(server: Server) -> None:
    """Head and body are two writes; the second must not wait until the client has confirmed the
    first, which takes 40 ms on a connection that is kept.
    """
    with httpx.Client(base_url=server.url) as client:
        times = []
        for _ in range(25):
            started = time.perf_counter()
            assert client.get("/health/live").status_code == 200
            times.append(time.perf_counter() - started)
    assert statistics.median(times) < 0.025


# --- keys ---------------------------------------------------------------------------------------


def listed(server: Server, *options: str) -> dict[str, list[str]]:
    """The table that `keys list` prints: what stands beside each id."""
    done = server.command("keys", "list", *options)
    assert done.returncode == 0, done.stderr
    rows = [re.split(r"\s*[│┃]\s*", line)[1:-1] for line in done.stdout.splitlines()]
    return {row[0]: row[1:6] for row in rows if row and row[0] != "id"}


def test_keys_come_and_go(server: Server, shop: Shop) -> None:
    made = server.command("keys", "create", "--project", shop.id, "--name", "till 7")
    key_id, secret = printed(made.stdout)
    headers = shown(key_id, secret)
    assert crowd(server, headers, count=20) == {200: 20}

    first = shop.project["server_side_key"]["app_id"]
    browser = shop.project["client_side_key"]["app_id"]
    assert listed(server, "--project", shop.id) == {
        browser: [shop.id, "client", "first", "any", "active"],
        first: [shop.id, "server", "first", "any", "active"],
        key_id: [shop.id, "server", "till 7", "any", "active"],
    }

    blocked = server.command("keys", "block", key_id)
    assert (blocked.returncode, blocked.stdout) == (0, f"blocked {key_id}\n")
    until(lambda: crowd(server, headers, count=20) == {401: 20}, seconds=2)
    assert listed(server)[key_id] == [shop.id, "server", "till 7", "any", "blocked"]

    unblocked = server.command("keys", "unblock", key_id)
    assert (unblocked.returncode, unblocked.stdout) == (0, f"unblocked {key_id}\n")
    assert crowd(server, headers, count=20) == {200: 20}

    again, other = printed(server.command("keys", "regenerate", key_id).stdout)
    assert again == key_id
    assert other != secret
    until(lambda: crowd(server, headers, count=20) == {401: 20}, seconds=2)
    assert crowd(server, shown(key_id, other), count=20) == {200: 20}

    deleted = server.command("keys", "delete", key_id)
    assert (deleted.returncode, deleted.stdout) == (0, f"deleted {key_id}\n")
    until(lambda: crowd(server, shown(key_id, other), count=20) == {401: 20}, seconds=2)


def test_the_list_shows_no_secrets(server: Server, shop: Shop) -> None:
    done = server.command("keys", "list")
    for secret in [*FIRST_SECRETS, shop.project["server_side_key"]["app_token"]]:
        assert secret not in done.stdout + done.stderr
    assert listed(server)[FIRST["management_id"]] == [
        "(all)",
        "management",
        "settings",
        "any",
        "active",
    ]


def test_keys_of_each_kind_are_made(server: Server, shop: Shop) -> None:
    options = ["--ip", "10.0.0.0/8", "--ip", "2001:db8::1"]
    client = server.command("keys", "create", "--kind", "client", "--project", shop.id, *options)
    key_id, _ = printed(client.stdout)
    assert listed(server, "--project", shop.id)[key_id][3] == "10.0.0.0/8, 2001:db8::1/128"

    management = server.command("keys", "create", "--kind", "management")
    key_id, secret = printed(management.stdout)
    headers = {"X-Management-Id": key_id, "X-Management-Token": secret}
    with server.anonymous(**headers) as api:
        assert api.get("/management/v1/projects").status_code == 200
    assert server.command("keys", "delete", key_id).returncode == 0


def test_what_no_key_can_be_is_refused(server: Server, shop: Shop) -> None:
    def refused(*arguments: str) -> str:
        done = server.command("keys", *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        return done.stderr.removeprefix("largesse: ").rstrip("\n")

    unknown = "22222222-bbbb-4bbb-8bbb-000000000009"
    project = ["--project", shop.id]
    assert refused("block", unknown) == f"there is no key {unknown}"
    assert refused("regenerate", unknown) == f"there is no key {unknown}"
    assert refused("create", "--kind", "master") == "--kind is server, client or management"
    assert "10.0.0.300" in refused("create", *project, "--ip", "10.0.0.300")
    assert refused("create", "--project", "nothing") == "Cannot find project with id nothing"
    said = refused("create")
    assert re.fullmatch(r"there are \d+ projects; name one with --project", said)


# --- the rest -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    yield from running(
        workers=1,
        access_log=True,
        log_level="debug",
        client_origins="https://a.example, *.b.example,,",
    )


def test_the_doctor_finds_all_well(own: Server) -> None:
    done = own.command("doctor")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line[:5] for line in lines] == ["ok   "] * 6
    named = [line[5:].partition(":")[0] for line in lines]
    assert named == ["data folder", "first keys", "PostgreSQL", "schema", "jobs", "events"]


def test_the_doctor_finds_keys_that_others_can_read(own: Server) -> None:
    file = own.folder / "keys.env"
    file.chmod(0o644)
    done = own.command("doctor")
    file.chmod(0o600)
    assert done.returncode == 1
    assert f"BAD  first keys: {file}, mode 644" in done.stdout.splitlines()


def test_the_doctor_finds_the_database_away(closed: Server) -> None:
    closed.settings["database_url"] = "postgresql://somebody:database-secret@127.0.0.1:1/nothing"
    done = closed.command("doctor")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("BAD  database: cannot be reached: ")
    assert "database-secret" not in done.stdout + done.stderr


def test_migrate_says_that_nothing_is_to_do(own: Server) -> None:
    done = own.command("migrate")
    assert done.returncode == 0
    assert done.stdout.strip() == "The database is up to date."
    assert own.ready()


def test_migrate_says_what_it_did_and_serve_checks_the_project_id(closed: Server) -> None:
    done = closed.command("migrate")
    assert done.returncode == 0
    assert re.fullmatch(r"(applied \d{4}_\w+\n)+", done.stdout.lstrip("\n"))
    closed.settings["project_id"] = "not an id"
    done = closed.command("serve")
    assert (done.returncode, done.stdout) == (1, "")
    said = "largesse: LARGESSE_PROJECT_ID: letters, digits, '-' and '_', at most 64"
    assert done.stderr.splitlines()[-1] == said
    # What was started for a command is stopped after it.
    assert closed.postgres.pid is None


def test_trusted_domains_in_the_settings_are_separated_by_commas(own: Server) -> None:
    with own.management() as management:
        first = management.get(f"/management/v1/projects/{FIRST['project_id']}").json()
    assert first["client_trusted_domains"] == ["https://a.example", "*.b.example"]


@pytest.fixture(scope="module")
def document(server: Server) -> dict[str, Any]:
    done = server.command("openapi")
    assert done.returncode == 0
    found: dict[str, Any] = json.loads(done.stdout)
    assert found == httpx.get(f"{server.url}/openapi.json").json()
    return found


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["version"] == largesse.__version__
    # An address in the document may be relative; the validator knows absolute ones alone.
    copy = json.loads(json.dumps(document))
    flow = copy["components"]["securitySchemes"]["OAuth"]["flows"]["clientCredentials"]
    assert flow["tokenUrl"] == "/v1/oauth/token"
    flow["tokenUrl"] = "http://127.0.0.1/v1/oauth/token"
    assert schemathesis.openapi.from_dict(copy).validate() is None
    copy["paths"]["/v1/customers"]["get"]["parameters"] = 5
    with pytest.raises(Exception, match="5 is not"):
        schemathesis.openapi.from_dict(copy).validate()


def test_the_document_holds_every_operation(document: dict[str, Any]) -> None:
    drawn = {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert set(drawn) == {(operation.method, operation.path) for operation in OPERATIONS}
    ids = [operation["operationId"] for operation in drawn.values()]
    assert len(set(ids)) == len(ids)
    schemes = document["components"]["securitySchemes"]
    for (_, path), operation in drawn.items():
        assert operation["summary"]
        wanted = re.findall(r"\{(\w+)\}", path)
        named = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
        assert named == wanted
        for alternative in operation["security"]:
            assert set(alternative) <= set(schemes)
    text = json.dumps(document)
    for name in re.findall(r'"#/components/schemas/([^"]+)"', text):
        assert name in document["components"]["schemas"]


def test_the_document_asks_for_one_scope_of_a_token(document: dict[str, Any]) -> None:
    """Scopes in one list are all needed; here either of two is enough, so they are alternatives."""
    security = document["paths"]["/v1/customers"]["get"]["security"]
    assert security[0] == {"X-App-Id": [], "X-App-Token": []}
    scopes = [alternative["OAuth"] for alternative in security[1:]]
    assert sorted(scopes) == [["api"], ["customers"]]


def test_help_tells_the_commands(closed: Server) -> None:
    done = closed.command("--help")
    assert done.returncode == 0
    for command in ("serve", "worker", "migrate", "keys", "locations", "doctor", "openapi"):
        assert re.search(rf"\b{command}\b", done.stdout)


# --- secrets ------------------------------------------------------------------------------------


def test_no_secret_is_in_the_logs_or_in_an_error(own: Server) -> None:
    """Every way in which a secret travels, rightly and wrongly; then what was written about it."""
    shop = own.project(client_create_customer_enabled=True)
    keys = [shop.project["server_side_key"], shop.project["client_side_key"]]
    grant = {"grant_type": "client_credentials", "scope": "api"}
    token = shop.api.post("/v1/oauth/token", data=grant).json()["access_token"]
    action = shop.finished(shop.api.post("/v1/customers/bulk/async", json=[{"source_id": "me"}]))
    link = action["result"]["reports"][0]
    signature = link.partition("?token=")[2].partition(".")[0]
    made = own.command("keys", "create", "--project", shop.id)
    key_id, secret = printed(made.stdout)
    _, regenerated = printed(own.command("keys", "regenerate", key_id).stdout)
    secrets = [token, token.partition(".")[0], signature, secret, regenerated]
    secrets += [*FIRST_SECRETS, *(key["app_token"] for key in keys)]
    secrets.append("a-secret-that-is-wrong")

    refused = []
    with own.anonymous() as client:
        assert client.get(link).status_code == 200
        bearer = {"Authorization": f"Bearer {token}"}
        assert client.get("/v1/customers", headers=bearer).status_code == 200
        wrong = shown(key_id, "a-secret-that-is-wrong")
        refused += [
            client.get(f"{link}x"),
            client.get(link.replace(action["id"], "aa_nothing")),
            client.get("/v1/customers", headers=wrong),
            client.get("/v1/customers", headers={"Authorization": f"Bearer {token}x"}),
            client.get("/v1/customers", headers={"X-Voucherify-OAuth": f"{token} x"}),
            client.get("/v1/customers/nobody", headers=bearer),
            client.get("/v1/customers?limit=0", headers=bearer),
            client.get("/management/v1/projects", headers=bearer),
            client.post("/v1/oauth/token", headers=bearer, data=grant),
        ]
    api = shop.api
    refused += [
        api.post("/v1/oauth/token/revoke", data={"access_token": f"{token}x"}),
        api.post("/v1/oauth/token/revoke", content=f'{{"access_token": "{token}"'),
        api.post("/v1/oauth/token/revoke", json={"access_token": [token]}),
        api.post("/v1/oauth/introspect", content=token, headers={"Content-Type": "text/plain"}),
    ]
    for answer in refused:
        assert answer.status_code >= 400
        assert not any(secret in answer.text for secret in secrets), answer.text
        assert not any(secret in str(answer.headers) for secret in secrets)

    # A database that dies under the server makes it write down what it was doing.
    own.postgres.kill()
    with contextlib.suppress(httpx.HTTPError):
        api.post("/v1/oauth/token", data=grant)
    until(lambda: _status(api) == 200, seconds=30)

    written = own.log.read_text()
    assert "/v1/oauth/token" in written
    assert action["id"] in written
    for file in own.folder.rglob("log*"):
        if file.is_file():
            written += file.read_text(errors="replace")
    found = [secret for secret in secrets if secret in written]
    assert found == []


def _status(client: httpx.Client) -> int:
    try:
        return client.get("/v1/customers").status_code
    except httpx.HTTPError:
        return 0


def test_secrets_are_kept_as_hashes(own: Server) -> None:
    dump = _dumped(own)
    assert FIRST["app_id"] in dump
    for secret in FIRST_SECRETS:
        assert secret not in dump
        assert secret.encode().hex() not in dump


def _dumped(server: Server) -> str:
    done = psutil.Popen(
        [
            str(server.postgres.binary("pg_dump")),
            "--data-only",
            "--table=keys",
            server.postgres.url,
        ],
        stdout=-1,
        text=True,
    )
    text: str = done.communicate(timeout=60)[0]
    assert done.returncode == 0
    return text


def test_the_servers_children_do_not_hold_the_first_secrets(own: Server) -> None:
    children = own.children("largesse.app") + own.children("largesse.worker")
    assert len(children) == 2
    for child in children:
        environment = child.environ()
        assert environment["LARGESSE_APP_ID"] == FIRST["app_id"]
        assert not any(secret in environment.values() for secret in FIRST_SECRETS)
        assert not any(secret in " ".join(child.cmdline()) for secret in FIRST_SECRETS)


def test_the_data_folder_is_not_for_everyone(own: Server) -> None:
    for name in ("postgres", "keys.env"):
        assert (own.folder / name).stat().st_mode & 0o077 == 0


def test_another_secret_in_the_settings_replaces_the_first(own: Server) -> None:
    own.stop()
    own.settings["app_token"] = "another-server-secret"
    own.start()
    with own.client(app_token="another-server-secret") as api:
        assert api.get("/v1/customers").status_code == 200
    with own.client() as api:
        assert api.get("/v1/customers").status_code == 401
