"""Which objects are in the file of an export, who may have it, and what an import makes of it."""

from __future__ import annotations

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.api.test_customers import BOB, read, save, sql
from tests.api.test_export_files import define, post
from tests.api.test_exports import UNUSED, export, file, files, link, refused
from tests.api.test_import import imported
from tests.running import Shop

# --- filters ------------------------------------------------------------------------------------


def filters_of(said: dict[str, Any]) -> dict[str, Any]:
    """`{"a.b $is": 1}` as the filter that it stands for."""
    given: dict[str, Any] = {}
    for name, value in said.items():
        field, _, operator = name.partition(" ")
        if operator:
            given.setdefault(field, {"conditions": {}})["conditions"][operator] = value
        else:
            given[field] = value
    return given


def passing(shop: Shop, noun: str, *said: dict[str, Any]) -> list[list[str]]:
    """The source ids of what passes each filter, the oldest first."""
    parameters = [
        {"fields": ["source_id"], "order": "created_at", "filters": filters_of(one)} for one in said
    ]
    found = files(shop, *((noun, one) for one in parameters))
    return [[row[0] for row in rows[1:]] for rows in found]


def test_filters_of_customers(shop: Shop) -> None:
    save(shop, **BOB | {"source_id": "bob"})
    ann = save(shop, source_id="ann", email="ann@shop.example", metadata={"test": False, "n": 5})
    save(shop, source_id="eve", address={"city": "Oslo"}, metadata={"n": 7, "tags": ["a", "b"]})
    post(shop, "/v1/orders", status="PAID", amount=500, customer={"source_id": "eve"})
    known = post(shop, "/v1/segments", name="few", type="static", customers=[ann["id"]])["id"]
    expected: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["bob", "ann", "eve"]),
        ({"name $is": "Bob Smith"}, ["bob"]),
        ({"name $is_not": "Bob Smith"}, ["ann", "eve"]),
        ({"name $starts_with": ["Bob", "Ann"]}, ["bob"]),
        ({"email $contains": "@shop"}, ["ann"]),
        ({"source_id $in": ["ann", "eve", "nobody"]}, ["ann", "eve"]),
        ({"id $is": ann["id"]}, ["ann"]),
        ({"phone $has_value": True}, ["bob"]),
        ({"city $is": "Oslo"}, ["eve"]),
        ({"address.city $is": ["Oslo", "New York"]}, ["bob", "eve"]),
        ({"address.country $is_unknown": ""}, ["ann", "eve"]),
        ({"birthdate $before": "2022-01-02"}, ["bob"]),
        ({"summary.orders.total_amount $more_than": 499}, ["eve"]),
        ({"summary.orders.total_amount $more_than": 500}, []),
        ({"summary.orders.total_count $is": 0}, ["bob", "ann"]),
        ({"summary.orders.last_order_date $has_value": 1}, ["eve"]),
        ({"summary.redemptions.total_redeemed $is": 0}, ["bob", "ann", "eve"]),
        ({"loyalty.points $is": 0}, ["bob", "ann", "eve"]),
        ({"metadata.test $is": True}, ["bob"]),
        ({"metadata.n $more_than_equal": 5, "metadata.n $less_than": 7}, ["ann"]),
        ({"metadata.tags $is": "b"}, ["eve"]),
        ({"metadata.tags $count": 2}, ["eve"]),
        ({"metadata.none $is_unknown": True}, ["bob", "ann", "eve"]),
        ({"junction": "or", "metadata.n $is": 5, "city $is": "Oslo"}, ["ann", "eve"]),
        ({"junction": "AND", "metadata.n $is": 5, "city $is": "Oslo"}, []),
        ({"segments $in": [known]}, ["ann"]),
        ({"segments $not_in": [known]}, ["bob", "eve"]),
        ({"segments $is": ["seg_unknown"]}, []),
        ({"name $is": "'; DROP TABLE customers; --"}, []),
        ({"name $is": ["\\", "$1", "%s", "{}", "ł€😀"]}, []),
    ]
    found = passing(shop, "customer", *(said for said, _ in expected))
    for (said, names), these in zip(expected, found, strict=True):
        assert these == names, said


def test_filters_of_time(shop: Shop) -> None:
    for name, days in (("old", 40), ("young", 2), ("new", 0)):
        save(shop, source_id=name)
        at = datetime.now(UTC) - timedelta(days=days)
        sql(
            shop,
            "UPDATE customers SET created_at = $3 WHERE project_id = $1 AND source_id = $2",
            name,
            at,
        )
    week = (datetime.now(UTC) - timedelta(days=7)).isoformat().replace("+00:00", "Z")
    assert passing(
        shop,
        "customer",
        {"created_at $after": week},
        {"created_at $before": [week]},
        {"created_at $after": "2000-01-01", "created_at $before": week},
        {"created_at $more_than": [30]},
        {"created_at $less_than": 30},
        {"updated_at $is_unknown": True},
    ) == [["young", "new"], ["old"], ["old"], ["old"], ["young", "new"], ["old", "young", "new"]]


def test_filters_of_orders_products_and_skus(shop: Shop) -> None:
    for n, status in enumerate(("CREATED", "PAID", "CANCELED")):
        post(shop, "/v1/orders", source_id=status, status=status, amount=n, metadata={"n": n})
    post(shop, "/v1/products", source_id="p1", name="One", price=100, metadata={"a": "x"})
    post(shop, "/v1/products", source_id="p2", name="Two", attributes=["size"])
    post(shop, "/v1/products/p1/skus", source_id="s1", currency="EUR", metadata={"a": "y"})
    post(shop, "/v1/products/p2/skus", source_id="s2", currency="USD")
    assert passing(
        shop,
        "order",
        {"status $is": ["PAID", "CANCELED"]},
        {"amount $more_than": 0},
        {"total_amount $less_than": 1},
        {"metadata.n $is": 1},
        {"source_id $not_in": ["PAID"]},
        {"discount_amount $is": 0, "status $is": "PAID"},
    ) == [["PAID", "CANCELED"]] * 2 + [["CREATED"], ["PAID"], ["CREATED", "CANCELED"], ["PAID"]]
    assert passing(
        shop,
        "product",
        {"price $more_than_equal": 100},
        {"price $is_unknown": True},
        {"metadata.a $is": "x"},
        {"attributes $contains": "size"},
    ) == [["p1"], ["p2"], ["p1"], ["p2"]]
    assert passing(shop, "sku", {"currency $is": "EUR"}, {"metadata.a $is": "y"}) == [["s1"]] * 2


def test_an_export_is_of_the_moment_when_it_is_written(shop: Shop) -> None:
    save(shop, source_id="bob", name="Bob")
    url = link(shop)
    before = httpx.get(url).text
    save(shop, source_id="bob", name="Bobby")
    save(shop, source_id="ann")
    assert httpx.get(url).text == before == "Name,Source ID\nBob,bob\n"


# --- downloading --------------------------------------------------------------------------------


def test_only_the_address_opens_a_file(shop: Shop) -> None:
    save(shop, source_id="bob", name="Bob")
    url = link(shop)
    path, token = urlsplit(url).path, urlsplit(url).query.removeprefix("token=")
    signature, _, project = token.partition(".")
    other = shop.server.project()
    tokens = {
        "of another export": urlsplit(link(shop)).query.removeprefix("token="),
        "of another project": urlsplit(link(other)).query.removeprefix("token="),
        "for another project": f"{signature}.{other.id}",
        "without a project": signature,
        "without a signature": f".{project}",
        "cut short": token[1:],
        "in other letters": token.swapcase(),
        "of nothing": f"{signature}.proj_N0th1ng0",
        "of a dot": ".",
        "strange": "é€",
        "long": "a" * 5000,
    }
    with httpx.Client(base_url=shop.server.url) as anybody:
        for name, wrong in tokens.items():
            for client in (anybody, shop.api):
                answer = client.get(path, params={"token": wrong})
                assert answer.status_code == 401, name
                assert refused(answer, 401, "unauthorized") == ""
        refused(anybody.get(path), 401, "unauthorized")
        refused(anybody.get(f"{path}?token="), 401, "unauthorized")
        assert anybody.get(path, params={"token": token}).text == "Name,Source ID\nBob,bob\n"
        refused(anybody.get(f"/v1/exports/{UNUSED}", params={"token": token}), 401, "unauthorized")
        refused(anybody.delete(path, params={"token": token}), 401, "unauthorized")
    # With keys as well, the token decides: it is the file that was asked for.
    for keys in (shop.api.headers, other.api.headers):
        assert httpx.get(url, headers=keys).text == "Name,Source ID\nBob,bob\n"


def test_a_token_that_says_nothing_is_none(shop: Shop) -> None:
    path = urlsplit(link(shop)).path
    for query in ("", "?", "?token=", "?token=None", "?page_token=x", "?a=token=1"):
        answer = shop.api.get(f"{path}{query}")
        assert answer.status_code == 200, query
        assert answer.json()["status"] == "DONE"


def test_the_file_comes_whatever_text_is_accepted(shop: Shop) -> None:
    """The reference has the file as text/plain, and its SDKs ask for that and read nothing else."""
    url = link(shop)
    for accept in ("*/*", "text/csv", "text/*", "", "text/html, */*;q=0.8", "text/plain"):
        answer = httpx.get(url, headers={"Accept": accept})
        assert answer.status_code == 200, accept
        assert answer.headers["content-type"].partition(";")[0] == "text/plain"
    assert httpx.get(url, headers={"Accept": "image/png"}).status_code == 406


def test_head_tells_that_the_file_is_there(shop: Shop) -> None:
    url = link(shop)
    answer = httpx.head(url)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].partition(";")[0] == "text/plain"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert httpx.head(f"{url}x").status_code == 401


def test_a_file_of_many_parts_is_whole(shop: Shop) -> None:
    """Parts of a megabyte are put together in their order, for many readers at once."""
    names = [f"{n:04}" + "ä" * 240 for n in range(5000)]
    rows = [{"source_id": name[:4], "name": name} for name in names]
    shop.finished(shop.api.post("/v1/customers/bulk/async", json=rows))
    url = link(shop, fields=["name", "source_id"], order="source_id")
    [parts] = sql(shop, "SELECT count(*) FROM export_parts WHERE project_id = $1")
    assert parts[0] >= 3
    with ThreadPoolExecutor(4) as pool:
        texts = list(pool.map(lambda _: httpx.get(url).text, range(4)))
    assert texts == ["Name,Source ID\n" + "".join(f"{n},{n[:4]}\n" for n in names)] * 4


def test_a_file_deleted_while_it_is_read_is_not_taken_for_whole(shop: Shop) -> None:
    save(shop, source_id="bob")
    url = link(shop)
    export_id = urlsplit(url).path.rpartition("/")[2]
    # More parts than there are: the second is missed when the first is out already.
    sql(shop, "UPDATE exports SET parts = 2 WHERE project_id = $1 AND id = $2", export_id)
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(url)
    assert shop.server.ready()


# --- and back again -----------------------------------------------------------------------------


def test_an_exported_file_of_customers_can_be_imported(shop: Shop) -> None:
    """By the source id or the id everybody is found again, and nothing changes."""
    define(shop, "customer", n={"type": "number"}, l={"type": "string", "array": True})
    plain = {"name": "Ann", "phone": "123", "metadata": {"n": 5, "l": ["a", "b"]}}
    for source_id, profile in (
        ("bob", {**BOB, "phone": "1"}),
        ("ann", plain),
        ("eve", {}),
    ):
        save(shop, **profile | {"source_id": source_id})
    before = {name: read(shop, name) for name in ("bob", "ann", "eve")}
    fields = [
        *("id", "source_id", "name", "description", "email", "phone", "birthdate"),
        *(f"address_{part}" for part in BOB["address"]),
        *("metadata.n", "metadata.l"),
    ]
    text = httpx.get(link(shop, fields=fields)).text
    for _ in range(2):
        result = imported(shop, text)["result"]
        assert (result["done_count"], result["failed_count"]) == (3, 0)
    for name, customer in before.items():
        after = read(shop, name)
        after.pop("updated_at")
        assert after == customer
    # In another project the same customers come to be.
    other = shop.server.project()
    without = [field for field in fields if field != "id"]
    imported(other, httpx.get(link(shop, fields=without)).text)
    assert read(other, "bob")["address"] == BOB["address"]
    assert read(other, "ann")["metadata"] == {"n": "5", "l": "a,b"}


def test_what_looked_like_a_formula_is_itself_again_after_an_import(shop: Shop) -> None:
    """Nearly every phone number begins with a plus."""
    save(shop, source_id="bob", name="=Bob", phone="+1 933 222 3333", metadata={"a": "-x"})
    before = read(shop, "bob")
    fields = ["source_id", "name", "phone", "metadata.a"]
    imported(shop, httpx.get(link(shop, fields=fields)).text)
    after = read(shop, "bob")
    after.pop("updated_at")
    assert after == before


def test_an_import_of_what_no_import_sets(shop: Shop) -> None:
    """Columns that are no member of a customer become metadata, as with any file."""
    customer = save(shop, source_id="bob")
    text = httpx.get(link(shop, fields=["source_id", "created_at", "orders_total_count"])).text
    [header, _] = csv.reader(io.StringIO(text))
    assert header == ["Source ID", "Created At", "Orders Total Count"]
    imported(shop, text)
    after = read(shop, "bob")
    assert after["metadata"] == {"Created At": customer["created_at"], "Orders Total Count": "0"}
    assert after["created_at"] == customer["created_at"]


# --- the document -------------------------------------------------------------------------------


def test_the_document_tells_of_both_answers_of_one_address(shop: Shop) -> None:
    document = httpx.get(f"{shop.server.url}/openapi.json").json()
    operation = document["paths"]["/v1/exports/{exportId}"]["get"]
    assert ("token", "query") in [(one["name"], one["in"]) for one in operation["parameters"]]
    content = operation["responses"]["200"]["content"]
    assert "application/json" in content
    assert "text/plain" in content


def test_an_export_is_told_once(shop: Shop) -> None:
    """Asking does not write: the same object is answered each time, and one file is made."""
    made = export(shop)
    rows = file(shop)
    assert rows == [["Name", "Source ID"]]
    first, second = (shop.api.get(f"/v1/exports/{made['id']}").json() for _ in range(2))
    assert first == second
    [found] = sql(shop, "SELECT count(*) FROM export_parts WHERE project_id = $1")
    assert found[0] == 2
