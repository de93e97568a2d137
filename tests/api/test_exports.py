"""Exports as objects: created, listed, got, deleted, and downloaded by whoever has the address."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from largesse.store.exports import DROP_OLD
from tests.api.test_customers import TIME, save, sql
from tests.running import Server, Shop, running, until

ID = r"exp_[0-9A-Za-z]{24}"
UNUSED = "exp_000000000000000000000000"


def export(shop: Shop, noun: str = "customer", **parameters: Any) -> dict[str, Any]:
    """Asks for an export; its object."""
    body = {"exported_object": noun, "parameters": parameters}
    answer = _plain(shop, "POST", "/v1/exports", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _plain(shop: Shop, method: str, path: str, **options: Any) -> httpx.Response:
    """A request whose answer is not held against the reference, which takes long for exports."""
    url = f"{shop.server.url}{path}"
    return httpx.request(method, url, headers=shop.api.headers, verify=False, **options)


def ended(shop: Shop, export_id: str, seconds: float = 60.0) -> dict[str, Any]:
    """Waits until an export is written, or given up; its object."""

    def done() -> dict[str, Any] | None:
        answer = _plain(shop, "GET", f"/v1/exports/{export_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found if found["status"] in ("DONE", "ERROR") else None

    found = until(done, seconds)
    assert found is not None
    return found


def link(shop: Shop, noun: str = "customer", **parameters: Any) -> str:
    """The address of the file of a new export."""
    found = ended(shop, export(shop, noun, **parameters)["id"])
    assert found["status"] == "DONE"
    url: str = found["result"]["url"]
    return url


def file(shop: Shop, noun: str = "customer", **parameters: Any) -> list[list[str]]:
    """The rows of the file of a new export, its header first."""
    return files(shop, (noun, parameters))[0]


def files(shop: Shop, *asked: tuple[str, dict[str, Any]]) -> list[list[list[str]]]:
    """As `file`, for many at once: they are written while the first is waited for."""
    made = [export(shop, noun, **parameters)["id"] for noun, parameters in asked]
    return [_rows(ended(shop, export_id)["result"]["url"]) for export_id in made]


def _rows(url: str) -> list[list[str]]:
    answer = httpx.get(url, verify=False)
    assert answer.status_code == 200, answer.text
    # A single cell without a value is an empty line.
    return [row or [""] for row in csv.reader(io.StringIO(answer.text, newline=""), strict=True)]


def refused(answer: httpx.Response, code: int = 400, key: str = "invalid_payload") -> str:
    """The details of a refusal, which may be empty."""
    assert answer.status_code == code, answer.text
    assert answer.json()["key"] == key
    return str(answer.json().get("details", ""))


@pytest.fixture(scope="module")
def idle() -> Iterator[Server]:
    """A server that writes no exports, under a public address, with limits."""
    yield from running(
        workers=1,
        background=False,
        public_url="https://promo.example/base/",
        rate_limit=8,
        rate_limit_seconds=3600,
        bulk_rate_limit=2,
        bulk_rate_limit_seconds=3600,
    )


# --- creating, getting, listing, deleting -------------------------------------------------------


def test_an_export_from_its_creation_to_its_file(shop: Shop) -> None:
    save(shop, source_id="bob", name="Bob")
    parameters = {
        "order": "-created_at",
        "fields": ["name", "id"],
        "filters": {"junction": "and", "name": {"conditions": {"$is": ["Bob"]}}},
    }
    body = {"exported_object": "customer", "parameters": parameters}
    made = shop.api.post("/v1/exports", json=body).json()
    assert re.fullmatch(ID, made["id"])
    assert re.fullmatch(TIME, made["created_at"])
    scheduled = {
        "id": made["id"],
        "object": "export",
        "created_at": made["created_at"],
        "status": "SCHEDULED",
        "channel": "API",
        "exported_object": "customer",
        "parameters": parameters,
        "result": None,
        "user_id": None,
    }
    assert made == scheduled
    ended(shop, made["id"])
    done = shop.api.get(f"/v1/exports/{made['id']}").json()
    url = done["result"].pop("url")
    assert done == scheduled | {"status": "DONE", "result": {}}
    assert url.partition("?")[0] == f"{shop.server.url}/v1/exports/{made['id']}"
    assert list(parse_qs(urlsplit(url).query)) == ["token"]
    answer = httpx.get(url, verify=False)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="{made["id"]}.csv"'
    bob = shop.api.get("/v1/customers/bob").json()
    assert answer.text == f"Name,ID\nBob,{bob['id']}\n"


def test_exports_are_listed_the_newest_first_or_as_asked(shop: Shop) -> None:
    ids = [export(shop, noun)["id"] for noun in ("customer", "order", "product", "sku")]
    for id_ in ids:
        ended(shop, id_)

    def listed(**query: Any) -> list[str]:
        answer = shop.api.get("/v1/exports", params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert (page["object"], page["data_ref"], page["total"]) == ("list", "exports", 4)
        return [one["id"] for one in page["exports"]]

    assert listed() == ids[::-1]
    assert listed(order="-created_at") == ids[::-1]
    assert listed(order="created_at") == ids
    assert sorted(listed(order="status")) == sorted(listed(order="-status")) == sorted(ids)
    assert listed(limit=2) == ids[:1:-1]
    assert listed(limit=2, page=2) == ids[1::-1]
    assert listed(page=1000) == []
    [first] = shop.api.get("/v1/exports", params={"limit": 1}).json()["exports"]
    assert first == shop.api.get(f"/v1/exports/{ids[-1]}").json()
    sql(shop, "UPDATE exports SET status = 'ERROR' WHERE project_id = $1 AND id = $2", ids[1])
    assert (listed(order="status")[-1], listed(order="-status")[0]) == (ids[1], ids[1])


@pytest.mark.parametrize("query", ["order=name", "order=-id", "limit=0", "limit=101", "page=0"])
def test_a_list_that_cannot_be(shop: Shop, query: str) -> None:
    refused(shop.api.get(f"/v1/exports?{query}"), 400, "invalid_query_params")


def test_a_list_past_its_last_page(shop: Shop) -> None:
    refused(shop.api.get("/v1/exports?page=1001"), 400, "page_over_limit")


def test_a_deleted_export_is_gone_with_its_file(shop: Shop) -> None:
    url = link(shop)
    path = urlsplit(url).path
    answer = shop.api.delete(path)
    assert (answer.status_code, answer.text) == (204, "")
    export_id = path.rpartition("/")[2]
    for gone in (shop.api.get(path), shop.api.delete(path), httpx.get(url)):
        assert refused(gone, 404, "not_found") == f"Cannot find export with id {export_id}"
        assert (gone.json()["resource_id"], gone.json()["resource_type"]) == (export_id, "export")
    [left] = sql(shop, "SELECT count(*) FROM export_parts WHERE project_id = $1")
    assert left[0] == 0


def test_exports_of_another_project_are_nobodys(shop: Shop) -> None:
    save(shop, source_id="bob", name="Bob")
    url = link(shop)
    path = urlsplit(url).path
    other = shop.server.project()
    refused(other.api.get(path), 404, "not_found")
    refused(other.api.delete(path), 404, "not_found")
    assert other.api.get("/v1/exports").json()["total"] == 0
    assert file(other) == [["Name", "Source ID"]]
    assert httpx.get(url).text == "Name,Source ID\nBob,bob\n"


@pytest.mark.parametrize("export_id", [UNUSED, "exp_", "x", "%25", "exp_%E2%82%AC", "exp_'--"])
def test_an_unknown_export(shop: Shop, export_id: str) -> None:
    refused(shop.api.get(f"/v1/exports/{export_id}"), 404, "not_found")
    refused(shop.api.delete(f"/v1/exports/{export_id}"), 404, "not_found")


def test_old_files_are_dropped_after_their_time(shop: Shop) -> None:
    """The statement by which the background worker drops them, on files of two ages."""
    old, new = (urlsplit(link(shop)).path.rpartition("/")[2] for _ in range(2))
    [row] = sql(shop, "SELECT finished_at FROM exports WHERE project_id = $1 AND id = $2", new)
    oldest = row[0] - timedelta(milliseconds=1)
    sql(shop, "UPDATE exports SET finished_at = $3 WHERE project_id = $1 AND id = $2", old, oldest)
    sql(shop, DROP_OLD, row[0])
    assert [one["id"] for one in shop.api.get("/v1/exports").json()["exports"]] == [new]


# --- what cannot be exported --------------------------------------------------------------------

ALLOWED = {
    "customer": {
        *("name", "id", "description", "email", "source_id", "created_at", "updated_at", "phone"),
        *("address_city", "address_state", "address_line_1", "address_line_2", "address_country"),
        *("address_postal_code", "redemptions_total_redeemed", "redemptions_total_failed"),
        *("redemptions_total_succeeded", "redemptions_total_rolled_back", "orders_total_amount"),
        *("redemptions_total_rollback_failed", "redemptions_total_rollback_succeeded"),
        *("orders_total_count", "orders_average_amount", "orders_last_order_amount", "birthday"),
        *("orders_last_order_date", "loyalty_points", "loyalty_referred_customers", "metadata"),
        "birthdate",
    },
    "order": {
        *("id", "source_id", "created_at", "updated_at", "status", "amount", "discount_amount"),
        *("items_discount_amount", "total_discount_amount", "total_amount", "customer_id"),
        *("referrer_id", "metadata"),
    },
    "product": {
        *("id", "name", "price", "image_url", "source_id", "attributes", "created_at"),
        *("updated_at", "metadata"),
    },
    "sku": {
        *("id", "sku", "product_id", "currency", "price", "image_url", "source_id"),
        *("attributes", "created_at", "updated_at", "metadata"),
    },
}


@pytest.mark.parametrize("noun", ALLOWED)
def test_an_unknown_field(shop: Shop, noun: str) -> None:
    for field in ("nothing", "", "METADATA", "name ", "metadata.", "system_metadata.a", "id;--"):
        body = {"exported_object": noun, "parameters": {"fields": ["id", field]}}
        answer = shop.api.post("/v1/exports", json=body)
        details = refused(answer, 400, "invalid_export_fields")
        assert answer.json()["message"] == "Invalid Export"
        said, _, fields = details.partition(": ")
        assert said == "Unsupported field used. Allowed fields"
        assert set(fields.split(", ")) == ALLOWED[noun]
    assert shop.api.get("/v1/exports").json()["total"] == 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "Payload should have required property 'exported_object'"),
        ([], "Payload should be object"),
        ({"exported_object": None}, "Property .exported_object should be string"),
        ({"exported_object": "customers"}, "Property .exported_object should be equal to one of"),
        ({"exported_object": "customer", "parameters": []}, ".parameters should be object"),
        ({"parameters": {"order": 1}}, ".parameters.order should be string"),
        ({"parameters": {"order": "phone"}}, ".parameters.order should be equal to one of"),
        ({"parameters": {"order": "--name"}}, ".parameters.order should be equal to one of"),
        ({"parameters": {"order": "-"}}, ".parameters.order should be equal to one of"),
        ({"parameters": {"fields": "id"}}, ".parameters.fields should be array"),
        ({"parameters": {"fields": ["id", 1]}}, ".parameters.fields[1] should be string"),
        ({"parameters": {"fields": ["metadata.a\0"]}}, "cannot contain the null character"),
        ({"parameters": {"fields": ["metadata.a"] * 1700}}, ".parameters.fields"),
        ({"parameters": {"filters": []}}, ".parameters.filters should be object"),
        ({"parameters": {"filters": {"junction": "xor"}}}, ".parameters.filters has wrong"),
        ({"parameters": {"filters": {"junction": 1}}}, ".parameters.filters has wrong"),
        ({"parameters": {"filters": {"no": {"conditions": {"$is": 1}}}}}, ".filters.no is not"),
        ({"parameters": {"filters": {"name": 5}}}, ".filters.name should have 'conditions'"),
        ({"parameters": {"filters": {"name": {"conditions": {"$no": 1}}}}}, ".$no is not a known"),
        ({"parameters": {"filters": {"name": {"conditions": {"$is": [[]]}}}}}, ".$is should be"),
        ({"parameters": {"filters": {"created_at": {"conditions": {"$after": "x"}}}}}, "ISO-8601"),
        (
            {"parameters": {"filters": {"metadata.a": {"conditions": {"$more_than": "many"}}}}},
            "should be number",
        ),
    ],
)
def test_an_export_that_cannot_be(shop: Shop, body: Any, said: str) -> None:
    if isinstance(body, dict) and "parameters" in body:
        body = {"exported_object": "customer", **body}
    answer = shop.api.post("/v1/exports", json=body)
    assert said in refused(answer)
    assert shop.api.get("/v1/exports").json()["total"] == 0


@pytest.mark.parametrize(
    "parameters",
    [
        None,
        {},
        {"fields": None, "order": None, "filters": None},
        {"fields": [], "order": "", "filters": {}},
        # What an SDK sends for the members that were not set.
        {"filters": {"junction": None, "name": None, "created_at": None}},
    ],
)
def test_what_says_nothing_asks_for_the_default(shop: Shop, parameters: Any) -> None:
    save(shop, source_id="bob", name="Bob")
    body = {"exported_object": "customer", "parameters": parameters}
    answer = shop.api.post("/v1/exports", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["parameters"]["fields"] == ["name", "source_id"]
    found = ended(shop, answer.json()["id"])
    assert httpx.get(found["result"]["url"]).text == "Name,Source ID\nBob,bob\n"


# --- orders by their own address ----------------------------------------------------------------


def test_orders_are_exported_by_their_own_address_too(shop: Shop) -> None:
    shop.api.post("/v1/orders", json={"source_id": "o1", "status": "PAID", "amount": 5})
    answer = shop.api.post("/v1/orders/export", json={})
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert (made["status"], made["exported_object"]) == ("SCHEDULED", "order")
    assert made["parameters"] == {"fields": ["id", "source_id", "status"]}
    url = ended(shop, made["id"])["result"]["url"]
    order = shop.api.get("/v1/orders/o1").json()
    assert httpx.get(url).text == f"ID,Source ID,Status\n{order['id']},o1,PAID\n"
    parameters = {
        "fields": ["amount", "metadata.a"],
        "order": "-status",
        "filters": {"status": {"conditions": {"$is": ["CREATED"]}}},
    }
    made = shop.api.post("/v1/orders/export", json={"parameters": parameters}).json()
    assert made["parameters"] == parameters
    assert httpx.get(ended(shop, made["id"])["result"]["url"]).text == "Amount,metadata.a\n"
    wrong = {"parameters": {"fields": ["name"]}}
    details = refused(shop.api.post("/v1/orders/export", json=wrong), 400, "invalid_export_fields")
    assert set(details.partition(": ")[2].split(", ")) == ALLOWED["order"]


# --- scopes, limits, the public address ---------------------------------------------------------


def test_the_scope_of_exports(shop: Shop) -> None:
    def bearer(scope: str) -> Any:
        answer = shop.api.post(
            "/v1/oauth/token", json={"grant_type": "client_credentials", "scope": scope}
        )
        return shop.server.anonymous(Authorization=f"Bearer {answer.json()['access_token']}")

    export_id = export(shop)["id"]
    with bearer("exports") as mine, bearer("customers orders") as others:
        assert mine.post("/v1/exports", json={"exported_object": "order"}).status_code == 200
        assert mine.get("/v1/exports").json()["total"] == 2
        assert mine.get(f"/v1/exports/{export_id}").status_code == 200
        refused(others.post("/v1/exports", json={"exported_object": "order"}), 403, "forbidden")
        refused(others.get("/v1/exports"), 403, "forbidden")
        refused(others.get(f"/v1/exports/{export_id}"), 403, "forbidden")
        refused(others.delete(f"/v1/exports/{export_id}"), 403, "forbidden")
        # An export of orders can be had with the scope of orders, and then not be looked at.
        assert others.post("/v1/orders/export", json={}).status_code == 200
        assert mine.delete(f"/v1/exports/{export_id}").status_code == 204
    # Keys for browsers and for projects are none for exports.
    with shop.browser() as browser, shop.server.management() as management:
        refused(browser.get("/v1/exports"), 401, "unauthorized")
        refused(management.get("/v1/exports"), 401, "unauthorized")


def test_links_lead_to_the_public_address(idle: Server) -> None:
    shop = idle.project()
    export_id = export(shop)["id"]
    # An export that waits, or was given up, has no link.
    for status in ("IN_PROGRESS", "ERROR", "SCHEDULED"):
        sql(shop, "UPDATE exports SET status = $2 WHERE project_id = $1", status)
        found = shop.api.get(f"/v1/exports/{export_id}").json()
        assert (found["status"], found["result"]) == (status, None)
    sql(
        shop,
        "UPDATE exports SET status = 'DONE', parts = 1, finished_at = created_at "
        "WHERE project_id = $1",
    )
    sql(shop, "INSERT INTO export_parts VALUES ($1, $2, 0, $3)", export_id, b"Name\nBob\n")
    url = shop.api.get(f"/v1/exports/{export_id}").json()["result"]["url"]
    assert url.startswith(f"https://promo.example/base/v1/exports/{export_id}?token=")
    here = f"{idle.url}/v1/exports/{export_id}?{urlsplit(url).query}"
    assert httpx.get(here).text == "Name\nBob\n"
    # Until it is written there is no file, whoever knows the address already.
    sql(shop, "UPDATE exports SET status = 'IN_PROGRESS', finished_at = NULL WHERE project_id = $1")
    refused(httpx.get(here), 404, "not_found")


def test_exports_count_as_bulk_and_downloads_by_address(idle: Server) -> None:
    shop = idle.project()
    for left in (1, 0):
        answer = shop.api.post("/v1/exports", json={"exported_object": "sku"})
        assert answer.status_code == 200
        assert answer.headers["X-Rate-Limit-Remaining"] == str(left)
    for path, body in (("/v1/exports", {"exported_object": "sku"}), ("/v1/orders/export", {})):
        answer = shop.api.post(path, json=body)
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) > 0
    assert shop.api.get("/v1/exports").json()["total"] == 2
    # Downloads spend nothing of the project's calls, only of the address's.
    url = f"{idle.url}/v1/exports/{UNUSED}?token=wrong.{shop.id}"
    statuses = [httpx.get(url).status_code for _ in range(10)]
    assert set(statuses) == {401, 429}
    assert shop.api.get("/v1/exports").headers["X-Rate-Limit-Remaining"] == "6"
