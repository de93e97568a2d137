"""Who may call what. The matrices are made from the route table, so a new operation is in them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from largesse.actions import projects as project_actions
from largesse.actions.projects import KeyPair
from largesse.api.routes import OPERATIONS
from largesse.app import now
from largesse.kit import auth
from largesse.kit.routing import Operation
from largesse.store import keys
from tests.api.test_validation_rules_assignments import voucher
from tests.crowd import crowd, on_database
from tests.running import FIRST, Server, Shop, running

Headers = dict[str, str]

SCOPES = [
    "api",
    "assets",
    "async-actions",
    "campaigns",
    "categories",
    "client_api",
    "client_consents",
    "client_customers",
    "client_events",
    "client_promotions",
    "client_publish",
    "client_qualifications",
    "client_redeem",
    "client_redemptions",
    "client_validate",
    "client_validations",
    "client_vouchers",
    "consents",
    "customers",
    "events",
    "exports",
    "locations",
    "loyalties",
    "metadata-schemas",
    "orders",
    "product-collections",
    "products",
    "promotions",
    "publications",
    "qualifications",
    "redemptions",
    "referrals",
    "rewards",
    "segments",
    "skus",
    "task-results",
    "templates",
    "trash-bin",
    "validation-rules",
    "validation-rules-assignments",
    "validations",
    "vouchers",
]

NAMES = {
    "server": ("X-App-Id", "X-App-Token"),
    "client": ("X-Client-Application-Id", "X-Client-Token"),
    "management": ("X-Management-Id", "X-Management-Token"),
}
KEYED = [operation for operation in OPERATIONS if operation.kind != auth.PUBLIC]
SCOPED = [operation for operation in KEYED if operation.scope is not None]


def named(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def call(client: httpx.Client, operation: Operation, path: str, **options: Any) -> httpx.Response:
    return client.request(operation.method, path, **options)


def plain(server: Server) -> httpx.Client:
    """A client that only carries: a matrix asks too often to weigh every answer's schema."""
    return httpx.Client(base_url=server.url, timeout=60)


def nowhere(operation: Operation) -> str:
    """The operation's path with ids that nothing has: whoever is let in does no harm."""
    return re.sub(r"\{\w+\}", "nothing-has-this-id", operation.path)


def shown(kind: str, key_id: str, secret: str) -> Headers:
    id_header, secret_header = NAMES[kind]
    return {id_header: key_id, secret_header: secret}


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def token(shop: Shop, scope: str) -> str:
    return _token(shop.api, scope)


def _token(api: httpx.Client, scope: str) -> str:
    answer = api.post("/v1/oauth/token", data={"grant_type": "client_credentials", "scope": scope})
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["access_token"]
    return text


# --- the table itself ---------------------------------------------------------------------------


def test_there_are_the_42_scopes() -> None:
    assert len(SCOPES) == 42
    assert set(SCOPES) == auth.SCOPES


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_every_operation_states_its_kind_and_scope(operation: Operation) -> None:
    if operation.path.startswith("/management/"):
        assert (operation.kind, operation.scope) == ("management", None)
    elif operation.path.startswith("/client/"):
        assert operation.kind == "client"
        assert operation.scope in {scope for scope in SCOPES if scope.startswith("client_")}
    elif operation.path.startswith("/v1/oauth/"):
        assert (operation.kind, operation.scope) == ("server", None)
    elif operation.path.startswith(("/v1/task-results/", "/v1/assets/")):
        # The link in the answer carries its own proof.
        assert operation.kind == "public"
    else:
        assert operation.kind == "server"
        assert operation.scope in {scope for scope in SCOPES if not scope.startswith("client_")}


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("POST /v1/customers", "customers"),
        ("GET /v1/customers/{customerId}/segments", "customers"),
        ("POST /v1/customers/importCSV", "customers"),
        ("GET /v1/async-actions", "async-actions"),
        ("POST /client/v1/customers", "client_customers"),
        ("POST /client/v1/validations", "client_validations"),
        ("POST /client/v1/redemptions", "client_redemptions"),
        ("GET /client/v1/validate", "client_validate"),
        ("POST /client/v1/redeem", "client_redeem"),
        ("GET /client/v1/promotions/tiers", "client_promotions"),
        ("POST /v1/vouchers/{code}/validate", "vouchers"),
        ("POST /v1/vouchers/{code}/redemption", "vouchers"),
        ("POST /v1/promotions/validation", "promotions"),
        ("POST /v1/promotions/tiers/{tierId}/validation", "promotions"),
        ("POST /v1/promotions/tiers/{promotionTierId}/redemption", "promotions"),
    ],
)
def test_the_scope_is_the_right_one(name: str, scope: str) -> None:
    assert {named(operation): operation.scope for operation in OPERATIONS}[name] == scope


# --- wrong credentials, for every operation -----------------------------------------------------


class Matrix(NamedTuple):
    """For each kind of operation: what is right, and what is wrong and how it is answered."""

    server: Server
    right: dict[str, Headers]
    wrong: dict[str, dict[str, tuple[Headers, int]]]
    secrets: list[str]


class Ended(NamedTuple):
    """What worked once: keys by kind and fate, tokens by fate."""

    keys: dict[tuple[str, str], KeyPair]
    tokens: dict[str, str]


def ended(server: Server, shop: Shop, gone: Shop) -> Ended:
    """Keys and tokens that every worker has met, and that have come to their end since."""
    made = {
        (kind, fate): _key(server, shop, kind)
        for kind in NAMES
        for fate in ("blocked", "deleted", "regenerated")
    }
    tokens = {
        "revoked": token(shop, "api client_api"),
        "of a deleted project": token(gone, "api client_api"),
    }
    for fate in ("blocked", "deleted"):
        pair = made["server", fate]
        with server.client(pair.app_id, pair.app_token) as client:
            tokens[f"of a {fate} key"] = _token(client, "api client_api")

    live = [shown(kind, pair.app_id, pair.app_token) for (kind, _), pair in made.items()]
    for headers in [*live, *map(bearer, tokens.values())]:
        path = "/management/v1/projects" if "X-Management-Id" in headers else "/v1/customers"
        if "X-Client-Token" not in headers:
            assert crowd(server, headers, path, count=8) == {200: 8}

    async def end(connection: Any) -> None:
        for kind in NAMES:
            await connection.execute(keys.SET_BLOCKED, made[kind, "blocked"].app_id, True)
            await connection.execute(keys.DELETE, made[kind, "deleted"].app_id)
            await project_actions.regenerate_key(connection, made[kind, "regenerated"].app_id)

    on_database(server, end)
    revoked = shop.api.post("/v1/oauth/token/revoke", data={"access_token": tokens["revoked"]})
    assert revoked.status_code == 204
    with server.management() as management:
        assert management.delete(f"/management/v1/projects/{gone.id}").status_code == 204
    time.sleep(1.2)
    return Ended(made, tokens)


@pytest.fixture(scope="module")
def matrix(server: Server) -> Matrix:
    shop = server.project(client_create_customer_enabled=True)
    other, gone = server.project(), server.project()
    pairs = {
        "server": pair_of(shop, "server"),
        "client": pair_of(shop, "client"),
        "management": KeyPair(FIRST["management_id"], FIRST["management_token"]),
    }
    past = ended(server, shop, gone)
    live = token(shop, "api client_api")
    wrong = {}
    for kind, right in pairs.items():
        cases = wrong_keys(kind, right, live)
        strangers = pair_of(other, "server")
        cases["another project's secret"] = shown(kind, right.app_id, strangers.app_token)
        if kind != "management":
            lost = pair_of(gone, kind)
            cases["a deleted project's key"] = shown(kind, lost.app_id, lost.app_token)
        for (own, fate), lost in past.keys.items():
            if own == kind:
                cases[f"a {fate} key"] = shown(kind, lost.app_id, lost.app_token)
        for foreign, pair in pairs.items():
            if foreign != kind:
                cases[f"a {foreign} key"] = shown(foreign, pair.app_id, pair.app_token)
                cases[f"a {foreign} key in these headers"] = shown(
                    kind, pair.app_id, pair.app_token
                )
        for fate, text in past.tokens.items():
            cases[f"a token {fate}"] = bearer(text)
        cases["a token that was never made"] = bearer(f"{'x' * 42}.{shop.id}")
        cases["a token of no project"] = bearer("x" * 42)
        cases["a token of another project"] = bearer(f"{live.partition('.')[0]}.{other.id}")
        if kind == "management":
            cases["a living token"] = bearer(live)
        wrong[kind] = {name: (headers, 401) for name, headers in cases.items()}

    right_ones = {kind: shown(kind, pair.app_id, pair.app_token) for kind, pair in pairs.items()}
    elsewhere = {**right_ones["client"], "Origin": "https://elsewhere.example"}
    wrong["client"]["a foreign origin"] = (elsewhere, 403)
    wrong["client"]["a server token"] = (bearer(token(shop, "api customers")), 403)
    wrong["server"]["a client token"] = (bearer(token(shop, "client_api client_customers")), 403)
    secrets = [live, *past.tokens.values(), *(pair.app_token for pair in pairs.values())]
    return Matrix(server, right_ones, wrong, secrets)


def pair_of(shop: Shop, kind: str) -> KeyPair:
    return KeyPair(**shop.project[f"{kind}_side_key"])


def wrong_keys(kind: str, right: KeyPair, live: str) -> dict[str, Headers]:
    """A key that is nearly right, in each way; `live` is a token that works."""
    id_header, secret_header = NAMES[kind]
    unknown = "22222222-bbbb-4bbb-8bbb-000000000009"
    return {
        "nothing": {},
        "an id alone": {id_header: right.app_id},
        "a secret alone": {secret_header: right.app_token},
        "a wrong secret": shown(kind, right.app_id, "wrong"),
        "an empty secret": shown(kind, right.app_id, ""),
        "a longer secret": shown(kind, right.app_id, right.app_token + "x"),
        "an unknown id": shown(kind, unknown, right.app_token),
        "a token as secret": shown(kind, right.app_id, live),
        "a token as secret of no id": shown(kind, "", live),
        "a wrong key beside a living token": {**shown(kind, unknown, "wrong"), **bearer(live)},
    }


def _key(server: Server, shop: Shop, kind: str, *ips: str) -> KeyPair:
    async def make(connection: Any) -> KeyPair:
        return await project_actions.create_key(connection, kind, shop.id, "", list(ips), now())

    return on_database(server, make)


@pytest.mark.parametrize("operation", KEYED, ids=named)
def test_wrong_credentials_open_no_operation(matrix: Matrix, operation: Operation) -> None:
    path = nowhere(operation)
    cases = dict(matrix.wrong[operation.kind])
    if operation.kind == "server" and operation.scope is None:
        # Where no scope is asked for, no token is taken.
        cases["a client token"] = (cases["a client token"][0], 401)
    with plain(matrix.server) as client:
        answers = {
            name: call(client, operation, path, headers=headers)
            for name, (headers, _) in cases.items()
        }
        assert {name: answer.status_code for name, answer in answers.items()} == {
            name: status for name, (_, status) in cases.items()
        }
        for answer in answers.values():
            body = answer.json()
            assert re.fullmatch(r"v-[0-9a-f]{18}", body.pop("request_id"))
            if answer.status_code == 401:
                assert body == {"code": 401, "key": "unauthorized", "message": "Unauthorized"}
            else:
                assert (body["code"], body["key"]) == (403, "forbidden")
            assert not any(secret in answer.text for secret in matrix.secrets)
        # And what is right opens it, or the matrix would show nothing.
        let_in = call(client, operation, path, headers=matrix.right[operation.kind])
        assert let_in.status_code in (200, 400, 404), let_in.text


@pytest.fixture(scope="module")
def hasty() -> Iterator[Server]:
    yield from running(workers=1, token_seconds=1, token_limit=2)


def test_an_expired_token_opens_no_operation(hasty: Server) -> None:
    shop = hasty.project(client_create_customer_enabled=True)
    headers = bearer(token(shop, "api client_api"))
    time.sleep(1.1)
    with hasty.anonymous() as client:
        for operation in KEYED:
            answer = call(client, operation, nowhere(operation), headers=headers)
            assert (named(operation), answer.status_code) == (named(operation), 401)
    found = shop.api.post(
        "/v1/oauth/introspect", data={"access_token": headers["Authorization"][7:]}
    )
    assert found.json() == {"active": False}


def test_expired_tokens_make_room(hasty: Server) -> None:
    shop = hasty.project()
    for _ in range(2):
        token(shop, "api")
        token(shop, "api")
        time.sleep(1.1)


def test_strange_credentials_are_refused_and_not_stumbled_over(server: Server) -> None:
    strange = ["é", "x" * 8000, "'; DROP TABLE keys; --", "%00", "null", "{}", "\U0001f600"]
    with server.anonymous() as client:
        for text in strange:
            for kind, names in NAMES.items():
                path = "/management/v1/projects" if kind == "management" else "/v1/customers"
                path = "/client/v1/customers" if kind == "client" else path
                method = "POST" if kind == "client" else "GET"
                raw = [(name.encode(), text.encode()) for name in names]
                assert client.request(method, path, headers=raw).status_code == 401
            for name in (b"Authorization", b"X-Voucherify-OAuth"):
                raw = [(name, b"Bearer " + text.encode() + b".proj_x")]
                assert client.get("/v1/customers", headers=raw).status_code == 401
        not_utf8 = [(b"X-App-Id", b"\xff\xfe"), (b"X-App-Token", b"\xff")]
        assert client.get("/v1/customers", headers=not_utf8).status_code == 401


# --- scopes -------------------------------------------------------------------------------------


def test_every_scope_opens_its_own_operations_alone(server: Server) -> None:
    shop = server.project(client_create_customer_enabled=True)
    opened: dict[str, set[str]] = {}
    with plain(server) as client:
        for scope in SCOPES:
            headers = bearer(token(shop, scope))
            opened[scope] = {
                named(operation)
                for operation in SCOPED
                if call(client, operation, nowhere(operation), headers=headers).status_code != 403
            }
    client_side = {named(operation) for operation in SCOPED if operation.kind == "client"}
    server_side = {named(operation) for operation in SCOPED if operation.kind == "server"}
    assert len(server_side) >= 15
    assert opened["api"] == server_side
    assert opened["client_api"] == client_side
    for scope in set(SCOPES) - {"api", "client_api"}:
        assert opened[scope] == {named(o) for o in SCOPED if o.scope == scope}, scope
    assert opened["publications"] == set()
    assert opened["client_customers"] == {"POST /client/v1/customers"}


def test_scopes_in_plain_cases(shop: Shop, server: Server) -> None:
    def status(scope: str, path: str) -> int:
        with server.anonymous(**bearer(token(shop, scope))) as client:
            return client.get(path).status_code

    assert status("vouchers", "/v1/customers") == 403
    assert status("customers", "/v1/customers") == 200
    assert status("customers", "/v1/async-actions") == 403
    assert status("vouchers customers", "/v1/customers") == 200
    assert status("api", "/v1/customers") == 200
    assert status("api", "/v1/async-actions") == 200
    assert status("client_api", "/v1/customers") == 403


def test_a_missing_scope_is_named(shop: Shop, server: Server) -> None:
    with server.anonymous(**bearer(token(shop, "vouchers"))) as client:
        body = client.get("/v1/customers").json()
    del body["request_id"]
    assert body == {
        "code": 403,
        "key": "forbidden",
        "message": "Forbidden",
        "details": "The token lacks the scope customers",
    }


# --- addresses ----------------------------------------------------------------------------------


def test_a_key_with_addresses_opens_from_those_alone(shop: Shop, server: Server) -> None:
    pair = _key(server, shop, "server", "10.20.0.0/16", "2001:db8::7/128")

    def status(address: str) -> int:
        with server.client(pair.app_id, pair.app_token) as client:
            headers = {"X-Forwarded-For": address} if address else {}
            return client.get("/v1/customers", headers=headers).status_code

    assert status("") == 403
    assert status("10.20.30.40") == 200
    assert status("10.21.30.40") == 403
    assert status("2001:db8::7") == 200
    assert status("2001:db8::8") == 403
    assert status("::ffff:10.20.0.1") == 200
    # A proxy adds what it saw at the end; what the caller claims before it counts for nothing.
    assert status("10.20.30.40, 192.0.2.1") == 403
    assert status("nonsense") == 403


# --- one project and another --------------------------------------------------------------------


class Tenant(NamedTuple):
    shop: Shop
    customer: dict[str, Any]
    ids: dict[str, str]
    link: str


def tenant(server: Server, name: str) -> Tenant:
    shop = server.project(name=name)
    body = {"source_id": "same", "name": name, "email": f"{name}@shop.example"}
    customer = shop.api.post("/v1/customers", json=body).json()
    rows = [{"source_id": "same", "metadata": {"owner": name}}]
    action = shop.finished(shop.api.post("/v1/customers/bulk/async", json=rows))
    ids = {
        "customerId": customer["id"],
        "asyncActionId": action["id"],
        "taskResultId": action["id"],
    }
    return Tenant(shop, customer, ids | commerce(server, shop), action["result"]["reports"][0])


def commerce(server: Server, shop: Shop) -> dict[str, str]:
    """One of each object that has an id in some path, by the parameter's name."""
    api = shop.api

    def made(path: str, **body: Any) -> str:
        id_: str = api.post(path, json=body).json()["id"]
        return id_

    product_id = made("/v1/products", source_id="same", name="Phone")
    resource = f"Nested {product_id[-6:]}"
    with server.management() as management:
        schema = {"related_object": resource, "properties": {"a": {"type": "string"}}}
        path = f"/management/v1/projects/{shop.id}/metadata-schemas"
        assert management.post(path, json=schema).status_code == 200
    file = server.folder.with_name(f"{shop.id}.csv")
    file.write_text("name,latitude,longitude,radius\nHere,1,1,1 km\n")
    imported = server.command("locations", "import", str(file), "--project", shop.id)
    assert imported.returncode == 0, imported.stderr
    picked = [{"id": product_id, "object": "product"}]
    discount = {"discount": {"type": "AMOUNT", "amount_off": 1}}
    campaign_id = made("/v1/campaigns", name="same", campaign_type="PROMOTION")
    tier_id = made(f"/v1/promotions/{campaign_id}/tiers", name="one", action=discount)
    stack = f"/v1/promotions/{campaign_id}/stacks"
    made("/v1/products", source_id="binned")
    assert api.delete("/v1/products/binned").status_code == 204
    rule_id, voucher_id = made("/v1/validation-rules", name="one"), voucher(shop)
    redeemed = {"redeemables": [{"object": "promotion_tier", "id": tier_id}]}
    answer = api.post("/v1/redemptions", json=redeemed).json()
    redemption_id = answer["redemptions"][0]["id"]
    return {
        "productId": product_id,
        "redemptionId": redemption_id,
        "parentRedemptionId": redemption_id,
        "sessionKey": "same",
        "skuId": made(f"/v1/products/{product_id}/skus", source_id="same"),
        "productCollectionId": made(
            "/v1/product-collections", type="STATIC", name="one", products=picked
        ),
        "categoryId": made("/v1/categories", name="one", hierarchy=1),
        "locationId": api.get("/v1/locations").json()["data"][0]["id"],
        "orderId": made("/v1/orders", source_id="same", amount=5),
        "segmentId": made("/v1/segments", name="one", type="static", customers=[]),
        "exportId": made("/v1/exports", exported_object="customer"),
        "resource": resource,
        "campaignId": campaign_id,
        "code": made("/v1/vouchers", type="DISCOUNT_VOUCHER", **discount),
        "promotionTierId": tier_id,
        "tierId": tier_id,
        "stackId": made(stack, name="one", tiers={"ids": [tier_id]}),
        "campaignTemplateId": made(
            "/v1/templates/campaigns", name="one", promotion_tier_id=tier_id
        ),
        "binEntryId": api.get("/v1/trash-bin").json()["data"][0]["id"],
        "validationRuleId": rule_id,
        "assignmentId": made(f"/v1/validation-rules/{rule_id}/assignments", voucher=voucher_id),
    }


# What lets every operation get as far as looking for what its path names.
STOLEN = {
    "name": "stolen",
    "hierarchy": 1,
    "amount": 1,
    "action": {},
    "tiers": {},
    "campaign_id": "same",
}


# Those that take no object.
LISTED: dict[str, dict[str, Any]] = {
    "POST /v1/campaigns/{campaignId}/import": {"json": []},
    "POST /v1/campaigns/{campaignId}/importCSV": {"files": {"file": b"Code\n"}},
}


@pytest.fixture(scope="module")
def tenants(server: Server) -> tuple[Tenant, Tenant]:
    return tenant(server, "left"), tenant(server, "right")


def test_equal_source_ids_are_two_customers(tenants: tuple[Tenant, Tenant]) -> None:
    for one in tenants:
        found = one.shop.api.get("/v1/customers/same").json()
        assert found["id"] == one.customer["id"]
        assert found["name"] == one.customer["name"]
        assert found["metadata"] == {"owner": one.customer["name"]}
    assert tenants[0].customer["id"] != tenants[1].customer["id"]


@pytest.mark.parametrize("credentials", ["key", "token"])
def test_another_projects_ids_are_unknown(
    tenants: tuple[Tenant, Tenant], server: Server, credentials: str
) -> None:
    """Every operation of the route table with an id in its path, called across the border."""
    left, right = tenants
    api = right.shop.api
    if credentials == "token":
        api = server.anonymous(**bearer(token(right.shop, "api client_api")))
    asked = 0
    for operation in OPERATIONS:
        if "{" not in operation.path or operation.kind in ("management", "public"):
            continue
        if named(operation) == "POST /v1/vouchers/{code}":
            # It makes what it names, whatever is there in other projects.
            continue
        path = re.sub(r"\{(\w+)\}", lambda found: left.ids[found[1]], operation.path)
        body = STOLEN if operation.method in ("POST", "PUT") else None
        answer = call(api, operation, path, **LISTED.get(named(operation), {"json": body}))
        if operation.path == "/v1/customers/{customerId}/segments":
            assert (answer.status_code, answer.json()["data"]) == (200, [])
        else:
            assert (named(operation), answer.status_code) == (named(operation), 404)
        assert "left" not in answer.text
        asked += 1
    assert asked >= 26
    known = left.shop.api.get(f"/v1/customers/{left.customer['id']}")
    assert known.status_code == 200
    assert known.json()["name"] == "left"


def test_no_list_shows_another_projects_objects(tenants: tuple[Tenant, Tenant]) -> None:
    left, right = tenants
    lists = [
        o for o in OPERATIONS if o.method == "GET" and "{" not in o.path and o.kind == "server"
    ]
    assert {operation.path for operation in lists} >= {"/v1/customers", "/v1/async-actions"}
    for operation in lists:
        text = right.shop.api.get(operation.path, params={"limit": 100}).text
        assert not any(own in text for own in left.ids.values()), operation.path
        assert any(own in text for own in right.ids.values()), operation.path
    for filters in ({"email": "left@shop.example"}, {"name": "left"}):
        found = right.shop.api.get("/v1/customers", params=filters).json()
        assert (found["customers"], found["total"]) == ([], 0)


def test_writing_reaches_the_own_project_alone(server: Server) -> None:
    left, right = tenant(server, "left"), tenant(server, "right")
    # The other project's id is unused here, so it makes a customer here and moves nothing there.
    made = right.shop.api.post(
        "/v1/customers", json={"id": left.customer["id"], "name": "namesake"}
    )
    assert made.json()["id"] == left.customer["id"]
    metadata = {"source_ids": ["same"], "metadata": {"touched": True}}
    right.shop.finished(right.shop.api.post("/v1/customers/metadata/async", json=metadata))
    csv = b"Source_id,Name\nsame,by file\n"
    right.shop.finished(
        right.shop.api.post("/v1/customers/importCSV", files={"file": ("c.csv", csv, "text/csv")})
    )
    assert right.shop.api.get("/v1/customers/same").json()["name"] == "by file"
    gone = right.shop.api.post(f"/v1/customers/{left.customer['id']}/permanent-deletion")
    assert gone.status_code == 200
    assert right.shop.api.delete("/v1/customers/same").status_code == 204

    customer = left.shop.api.get("/v1/customers/same").json()
    assert customer["id"] == left.customer["id"]
    assert customer["name"] == "left"
    assert customer["metadata"] == {"owner": "left"}
    assert left.shop.api.get("/v1/customers").json()["total"] == 1


def test_a_token_shows_its_own_project_alone(
    tenants: tuple[Tenant, Tenant], server: Server
) -> None:
    left, right = tenants
    text = token(left.shop, "api")
    with server.anonymous(**bearer(text)) as client:
        assert client.get("/v1/customers/same").json()["id"] == left.customer["id"]
        assert client.get(f"/v1/customers/{right.customer['id']}").status_code == 404
    seen = right.shop.api.post("/v1/oauth/introspect", data={"access_token": text})
    assert seen.json() == {"active": False}
    ended = right.shop.api.post("/v1/oauth/token/revoke", data={"access_token": text})
    assert ended.status_code == 404
    with server.anonymous(**bearer(text)) as client:
        assert client.get("/v1/customers/same").status_code == 200


def test_a_report_opens_with_its_own_link_alone(
    tenants: tuple[Tenant, Tenant], server: Server
) -> None:
    left, right = tenants
    path, _, query = left.link.removeprefix(server.url).partition("?token=")
    signature, _, project_id = query.partition(".")
    right_query = right.link.partition("?token=")[2]
    assert project_id == left.shop.id
    with server.anonymous() as client:
        assert client.get(f"{path}?token={query}").status_code == 200
        refused = {
            "no token": client.get(path),
            "an empty token": client.get(f"{path}?token="),
            "no signature": client.get(f"{path}?token=.{project_id}"),
            "another signature": client.get(f"{path}?token={'A' * 43}.{project_id}"),
            "another project": client.get(f"{path}?token={signature}.{right.shop.id}"),
            "no project": client.get(f"{path}?token={signature}"),
            "an unknown project": client.get(f"{path}?token={signature}.proj_nothing"),
            "another project's link": client.get(f"{path}?token={right_query}"),
            "not ASCII": client.get(f"{path}?token=%C3%A9.{project_id}"),
            "another report": client.get(
                f"/v1/task-results/{right.ids['taskResultId']}?token={query}"
            ),
            "an unknown report": client.get(f"/v1/task-results/nothing?token={query}"),
        }
    assert {name: answer.status_code for name, answer in refused.items()} == dict.fromkeys(
        refused, 401
    )
    # A key of the project is no link either: the address carries all that opens it.
    assert left.shop.api.get(path).status_code == 401
