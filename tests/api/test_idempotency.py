"""A repeated request with the same idempotency key is done once, and answered as it was first."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from largesse.api.routes import OPERATIONS
from largesse.kit.idempotency import takes_key
from largesse.store.kept_answers import DROP_OLD
from tests.api.test_customers import sql
from tests.api.test_oauth import GRANT, bearer
from tests.api.test_vouchers import TEN_OFF
from tests.contract.client import Client
from tests.running import Server, Shop

KEY = "0b9ba1d4-7d1a-4c3b-8b26-1c36e43f1e8b"
ORDER = {"amount": 5000, "customer": {"source_id": "ann", "name": "Ann"}}
DAY = 86_400


def ask(
    client: Client, path: str, body: Any = None, key: str = KEY, **options: Any
) -> httpx.Response:
    if body is not None:
        options["json"] = body
    return client.post(path, headers={"Idempotency-Key": key}, **options)


def replayed(answer: httpx.Response) -> bool:
    return answer.headers.get("Idempotent-Replayed") == "true"


def same(first: httpx.Response, again: httpx.Response) -> None:
    """The second answer is the first one, byte for byte, given again."""
    assert not replayed(first)
    assert replayed(again)
    assert again.status_code == first.status_code
    assert again.content == first.content
    assert again.headers.get("Content-Type") == first.headers.get("Content-Type")


def conflicts(answer: httpx.Response) -> None:
    assert answer.status_code == 409
    assert not replayed(answer)
    body = answer.json()
    assert body.pop("request_id")
    assert body == {
        "code": 409,
        "message": "Idempotency key was used for another request",
        "details": "The header Idempotency-Key had this value in another request; send a new "
        "value with every new request, and the same only to repeat one unchanged",
    }


def total(shop: Shop, path: str) -> int:
    found: int = shop.api.get(path).json()["total"]
    return found


def kept(shop: Shop) -> list[tuple[int, str]]:
    """The statuses and bodies of the project's kept answers."""
    rows = sql(
        shop,
        "SELECT status, convert_from(answer, 'UTF8') AS answer FROM kept_answers "
        "WHERE project_id = $1 ORDER BY created_at, key",
    )
    return [(row["status"], row["answer"]) for row in rows]


def age(shop: Shop, seconds: float) -> None:
    """Makes the project's kept answers older."""
    sql(
        shop,
        "UPDATE kept_answers SET created_at = created_at - make_interval(secs => $2) "
        "WHERE project_id = $1",
        float(seconds),
    )


# --- the same request ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/customers", {"name": "Ann"}), ("/v1/vouchers", TEN_OFF), ("/v1/orders", ORDER)],
)
def test_a_repeated_request_is_done_once(shop: Shop, path: str, body: Any) -> None:
    first = ask(shop.api, path, body)
    assert first.status_code == 200
    events = sql(shop, "SELECT count(*) AS n FROM events WHERE project_id = $1")
    for _ in range(3):
        same(first, ask(shop.api, path, body))
    assert total(shop, path) == 1
    assert sql(shop, "SELECT count(*) AS n FROM events WHERE project_id = $1") == events


def test_the_answer_stays_what_it_was(shop: Shop) -> None:
    first = ask(shop.api, "/v1/customers", {"source_id": "ann", "name": "Ann"})
    assert shop.api.put("/v1/customers/ann", json={"name": "Anna"}).status_code == 200
    same(first, ask(shop.api, "/v1/customers", {"source_id": "ann", "name": "Ann"}))
    assert shop.api.get("/v1/customers/ann").json()["name"] == "Anna"


def test_a_request_without_a_key_is_done_every_time(shop: Shop) -> None:
    answers = [shop.api.post("/v1/vouchers", json=TEN_OFF) for _ in range(3)]
    assert not any(map(replayed, answers))
    assert total(shop, "/v1/vouchers") == 3
    assert kept(shop) == []


def test_another_key_is_another_request(shop: Shop) -> None:
    keys = ["a", "A", "a a", "a,b", '"a"', "~" * 255]
    answers = [ask(shop.api, "/v1/vouchers", TEN_OFF, key) for key in keys]
    assert len({answer.json()["code"] for answer in answers}) == len(keys)


def test_answers_without_a_body_and_with_another_status_are_kept(shop: Shop) -> None:
    token = shop.api.post("/v1/oauth/token", data=GRANT).json()["access_token"]
    path, body = "/v1/oauth/token/revoke", {"access_token": token}
    first = ask(shop.api, path, body)
    assert first.status_code == 204
    same(first, ask(shop.api, path, body))

    bulk = [{"source_id": "ann"}, {"source_id": "bob"}]
    first = ask(shop.api, "/v1/customers/bulk/async", bulk, "bulk")
    assert first.status_code == 202
    same(first, ask(shop.api, "/v1/customers/bulk/async", bulk, "bulk"))
    assert shop.api.get("/v1/async-actions").json()["async_actions"][1:] == []
    shop.finished(first)


def test_of_an_upload_the_content_counts(shop: Shop) -> None:
    """However a client wraps the file: the boundary is another one every time."""

    def upload(content: str, key: str = KEY) -> httpx.Response:
        file = {"file": ("customers.csv", content.encode())}
        return ask(shop.api, "/v1/customers/importCSV", key=key, files=file)

    first = upload("Source_id,Name\nann,Ann\n")
    assert first.status_code == 202
    same(first, upload("Source_id,Name\nann,Ann\n"))
    conflicts(upload("Source_id,Name\nann,Anna\n"))
    shop.finished(first)


# --- another request ----------------------------------------------------------------------------


def test_the_same_key_with_another_request_is_refused(shop: Shop) -> None:
    first = ask(shop.api, "/v1/vouchers/one", TEN_OFF)
    assert first.status_code == 200
    conflicts(ask(shop.api, "/v1/vouchers/one", {**TEN_OFF, "active": False}))
    conflicts(ask(shop.api, "/v1/vouchers/two", TEN_OFF))
    conflicts(ask(shop.api, "/v1/vouchers", TEN_OFF))
    conflicts(ask(shop.api, "/v1/customers", TEN_OFF))
    conflicts(ask(shop.api, "/v1/vouchers/one?a=b", TEN_OFF))
    conflicts(ask(shop.api, "/v1/vouchers/one/disable"))
    assert total(shop, "/v1/vouchers") == 1
    assert total(shop, "/v1/customers") == 0
    same(first, ask(shop.api, "/v1/vouchers/one", TEN_OFF))
    same(first, ask(shop.api, "/v1/vouchers/%6Fne/", TEN_OFF))


def test_each_project_has_its_own_keys(server: Server) -> None:
    shops = [server.project(), server.project()]
    answers = [ask(shop.api, "/v1/vouchers", TEN_OFF) for shop in shops]
    assert not any(map(replayed, answers))
    assert answers[0].json()["id"] != answers[1].json()["id"]


def test_client_keys_and_server_keys_share_nothing(server: Server) -> None:
    shop = server.project(client_create_customer_enabled=True)
    body = {"source_id": "ann", "name": "Ann"}
    by_server = ask(shop.api, "/v1/customers", body)
    with shop.browser() as browser:
        # Neither the answer nor that there is one can be learnt from the other side.
        by_client = ask(browser, "/client/v1/customers", {"source_id": "bob"})
        assert by_client.status_code == 200
        same(by_client, ask(browser, "/client/v1/customers", {"source_id": "bob"}))
    same(by_server, ask(shop.api, "/v1/customers", body))
    stored = sql(shop, "SELECT key FROM kept_answers WHERE project_id = $1")
    assert len(stored) == 2
    assert not any(KEY in row["key"] for row in stored)


def test_tokens_share_the_keys_of_their_side(shop: Shop) -> None:
    token = shop.api.post("/v1/oauth/token", data=GRANT).json()["access_token"]
    first = ask(shop.api, "/v1/vouchers", TEN_OFF)
    with shop.server.anonymous(**bearer(token)) as holder:
        same(first, ask(holder, "/v1/vouchers", TEN_OFF))


def test_who_may_not_is_told_nothing(shop: Shop) -> None:
    ask(shop.api, "/v1/vouchers", TEN_OFF)
    answer = shop.api.post("/v1/oauth/token", data={**GRANT, "scope": "customers"})
    with shop.server.anonymous(**bearer(answer.json()["access_token"])) as holder:
        assert ask(holder, "/v1/vouchers", TEN_OFF).status_code == 403
    with shop.server.anonymous(X_App_Id="a", X_App_Token="b") as stranger:
        assert ask(stranger, "/v1/vouchers", TEN_OFF).status_code == 401


# --- refusals -----------------------------------------------------------------------------------


def test_a_refusal_is_replayed(shop: Shop) -> None:
    shop.api.post("/v1/vouchers/one", json=TEN_OFF)
    first = ask(shop.api, "/v1/vouchers/one", TEN_OFF)
    assert first.status_code == 409
    assert shop.api.delete("/v1/vouchers/one?force=true").status_code == 204
    same(first, ask(shop.api, "/v1/vouchers/one", TEN_OFF))
    assert ask(shop.api, "/v1/vouchers/one", TEN_OFF, "another").status_code == 200


def test_what_was_done_before_a_refusal_is_undone(shop: Shop) -> None:
    body = {**ORDER, "referrer_id": "cust_" + "0" * 24}
    first = ask(shop.api, "/v1/orders", body)
    assert first.status_code == 404
    assert total(shop, "/v1/customers") == 0
    assert sql(shop, "SELECT id FROM events WHERE project_id = $1") == []
    same(first, ask(shop.api, "/v1/orders", body))
    assert [status for status, _ in kept(shop)] == [404]


def test_what_is_refused_before_the_work_leaves_the_key_free(shop: Shop) -> None:
    assert ask(shop.api, "/v1/vouchers", {"type": 5}).status_code == 400
    assert ask(shop.api, "/v1/vouchers", content=b"{").status_code == 400
    assert kept(shop) == []
    assert ask(shop.api, "/v1/vouchers", TEN_OFF).status_code == 200


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9", "a\tb"])
def test_what_can_be_no_key_is_refused(shop: Shop, key: str) -> None:
    answer = shop.api.post(
        "/v1/vouchers", json=TEN_OFF, headers=[("Idempotency-Key", key.encode("utf-8"))]
    )
    assert answer.status_code == 400
    assert (answer.json()["key"], answer.json()["details"]) == (
        "invalid_payload",
        "Header Idempotency-Key should have 1 to 255 printable ASCII characters",
    )
    assert total(shop, "/v1/vouchers") == 0


# --- where the header means nothing -------------------------------------------------------------


def test_other_methods_ignore_the_header(shop: Shop) -> None:
    headers = {"Idempotency-Key": "x" * 300}
    shop.api.post("/v1/customers", json={"source_id": "ann"})
    for name in ("Ann", "Anna"):
        answer = shop.api.put("/v1/customers/ann", json={"name": name}, headers=headers)
        assert answer.json()["name"] == name
    assert shop.api.get("/v1/customers/ann", headers=headers).json()["name"] == "Anna"
    assert shop.api.delete("/v1/customers/ann", headers=headers).status_code == 204
    assert shop.api.delete("/v1/customers/ann", headers=headers).status_code == 404
    assert kept(shop) == []


def test_a_post_that_changes_nothing_ignores_it(shop: Shop) -> None:
    for token in ("a", "b"):
        answer = ask(shop.api, "/v1/oauth/introspect", {"access_token": token})
        assert answer.status_code == 200
        assert not replayed(answer)
    assert kept(shop) == []


def test_secrets_are_not_kept(server: Server, shop: Shop) -> None:
    tokens = [ask(shop.api, "/v1/oauth/token", data=GRANT).json() for _ in range(2)]
    assert tokens[0]["access_token"] != tokens[1]["access_token"]
    with server.management() as management:
        path = "/management/v1/projects"
        projects = [ask(management, path, {"name": "shop"}).json() for _ in range(2)]
    assert projects[0]["id"] != projects[1]["id"]
    assert kept(shop) == []


def test_answers_that_show_secrets_say_so_in_the_table() -> None:
    assert {operation.name for operation in OPERATIONS if not operation.keeps} == {
        "generate_oauth_token",
        "create_project",
    }


def test_the_document_names_the_header_where_it_counts(server: Server) -> None:
    with server.anonymous() as nobody:
        paths = nobody.get("/openapi.json").json()["paths"]
    for operation in OPERATIONS:
        drawn = paths[operation.path][operation.method.lower()]["parameters"]
        named = [parameter for parameter in drawn if parameter["in"] == "header"]
        assert len(named) == takes_key(operation), operation.name
    assert takes_key(next(one for one in OPERATIONS if one.name == "create_voucher"))


def test_a_page_may_send_the_key_and_read_of_the_replay(server: Server) -> None:
    origin = "https://shop.example"
    shop = server.project(client_create_customer_enabled=True, client_trusted_domains=[origin])
    with shop.browser(origin) as browser:
        path = "/client/v1/customers"
        preflight = browser.options(path, headers={"Access-Control-Request-Method": "POST"})
        assert "Idempotency-Key" in preflight.headers["Access-Control-Allow-Headers"]
        same(ask(browser, path, {}), again := ask(browser, path, {}))
        assert "Idempotent-Replayed" in again.headers["Access-Control-Expose-Headers"]


# --- for how long -------------------------------------------------------------------------------


def test_after_a_day_the_key_is_free(shop: Shop) -> None:
    first = ask(shop.api, "/v1/vouchers", TEN_OFF)
    age(shop, DAY - 60)
    same(first, ask(shop.api, "/v1/vouchers", TEN_OFF))
    age(shop, 60)
    second = ask(shop.api, "/v1/vouchers", {**TEN_OFF, "active": False})
    assert second.status_code == 200
    assert second.json()["id"] != first.json()["id"]
    same(second, ask(shop.api, "/v1/vouchers", {**TEN_OFF, "active": False}))
    conflicts(ask(shop.api, "/v1/vouchers", TEN_OFF))


def test_an_old_answer_stays_where_taking_its_key_over_fails(shop: Shop) -> None:
    ask(shop.api, "/v1/vouchers/one", TEN_OFF)
    age(shop, DAY)
    before = kept(shop)
    assert ask(shop.api, "/v1/vouchers", content=b"{").status_code == 400
    assert kept(shop) == before
    assert ask(shop.api, "/v1/vouchers/one", TEN_OFF).status_code == 409
    assert [status for status, _ in kept(shop)] == [409]


def test_clearing_goes_by_portions(shop: Shop) -> None:
    for key in ("a", "b", "c"):
        ask(shop.api, "/v1/vouchers", TEN_OFF, key)
        time.sleep(0.01)
    oldest = sql(shop, "SELECT max(created_at) AS at FROM kept_answers WHERE project_id = $1")
    sql(shop, DROP_OLD, oldest[0]["at"], 2)
    assert replayed(ask(shop.api, "/v1/vouchers", TEN_OFF, "c"))
    assert not replayed(ask(shop.api, "/v1/vouchers", TEN_OFF, "a"))


# --- forgetting ---------------------------------------------------------------------------------


def test_a_permanent_deletion_leaves_no_answer_but_its_own(shop: Shop) -> None:
    person = {"source_id": "ann@shop.example", "name": "Ann"}
    ask(shop.api, "/v1/customers", person, "create ann@shop.example")
    ask(shop.api, "/v1/orders", {"amount": 5, "customer": person}, "order")
    ask(shop.api, "/v1/vouchers", TEN_OFF, "voucher")
    assert len(kept(shop)) == 3
    path = "/v1/customers/ann@shop.example/permanent-deletion"
    first = ask(shop.api, path, key="forget ann@shop.example")
    assert first.status_code == 200
    same(first, ask(shop.api, path, key="forget ann@shop.example"))
    assert [body for _, body in kept(shop)] == [first.text]
    rows = sql(
        shop,
        "SELECT key, convert_from(answer, 'UTF8') AS answer FROM kept_answers "
        "WHERE project_id = $1",
    )
    assert not any("ann" in row["key"] + row["answer"] for row in rows)
