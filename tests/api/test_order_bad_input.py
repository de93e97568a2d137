"""Orders that are refused: a clear 4xx, and afterwards every table is as it was before."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.test_customers import sql
from tests.api.test_orders import UNUSED, save, summary
from tests.running import Shop

NOBODY = "cust_000000000000000000000000"
# What an order could leave behind if it were carried out in part.
NEW = {"source_id": "new", "name": "New"}
STORED = {"source_id": "p", "product": {"name": "P", "price": 5, "override": True}}

COUNTS = """
SELECT (SELECT count(*) FROM orders WHERE project_id = $1),
    (SELECT count(*) FROM customers WHERE project_id = $1),
    (SELECT count(*) FROM products WHERE project_id = $1),
    (SELECT count(*) FROM skus WHERE project_id = $1),
    (SELECT count(*) FROM events WHERE project_id = $1),
    (SELECT count(*) FROM jobs WHERE project_id = $1),
    (SELECT md5(string_agg(o::text, ',' ORDER BY id)) FROM orders AS o WHERE project_id = $1),
    (SELECT md5(string_agg(c::text, ',' ORDER BY id)) FROM customers AS c WHERE project_id = $1)
"""


def rows(shop: Shop) -> tuple[Any, ...]:
    """How much there is of everything, and what orders and customers hold."""
    return tuple(sql(shop, COUNTS)[0])


def refused(
    shop: Shop, method: str, path: str, body: Any, status: int, key: str, details: str
) -> None:
    """The request is refused in these words, and nothing of it is kept."""
    before = rows(shop)
    if isinstance(body, bytes):
        headers = {"content-type": "application/json"}
        answer = shop.api.request(method, path, content=body, headers=headers)
    else:
        answer = shop.api.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    said = answer.json()
    assert (said["code"], said["key"], said["details"]) == (status, key, details)
    assert rows(shop) == before


def invalid(shop: Shop, body: Any, details: str) -> None:
    """The body is refused when an order is created, and when one is updated."""
    refused(shop, "POST", "/v1/orders", body, 400, "invalid_payload", details)
    save(shop, source_id="known", status="PAID", amount=5, customer={"source_id": "ann"})
    refused(shop, "PUT", "/v1/orders/known", body, 400, "invalid_payload", details)
    if isinstance(body, dict):
        body = {"source_id": "known", **body}
        refused(shop, "POST", "/v1/orders", body, 400, "invalid_payload", details)
    assert summary(shop)[:2] == (5, 1)


# --- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["amount", "initial_amount", "discount_amount"])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        (-1, "cannot be lower than 0"),
        ("-1", "cannot be lower than 0"),
        (10**15 + 1, "cannot be higher than 1000000000000000"),
        (2**63, "cannot be higher than 1000000000000000"),
        (10**40, "cannot be higher than 1000000000000000"),
        (1.5, "should be integer"),
        ("1.5", "should be integer"),
        ("five", "should be integer"),
        ("", "should be integer"),
        (True, "should be integer"),
        ([5], "should be integer"),
        ({}, "should be integer"),
    ],
)
def test_amounts_of_an_order(shop: Shop, name: str, value: Any, words: str) -> None:
    body = {name: value, "customer": NEW, "items": [STORED]}
    details = f"Property .{name} {words}"
    refused(shop, "POST", "/v1/orders", body, 400, "invalid_payload", details)


ITEM_NUMBERS = [
    ({"quantity": 0}, ".quantity cannot be lower than 1"),
    ({"quantity": "0"}, ".quantity cannot be lower than 1"),
    ({"quantity": -5}, ".quantity cannot be lower than 1"),
    ({"quantity": 10**9 + 1}, ".quantity cannot be higher than 1000000000"),
    ({"quantity": 1.5}, ".quantity should be integer"),
    ({"quantity": "two"}, ".quantity should be integer"),
    ({"quantity": ""}, ".quantity should be integer"),
    ({"initial_quantity": -1}, ".initial_quantity cannot be lower than 0"),
    ({"discount_quantity": -1}, ".discount_quantity cannot be lower than 0"),
    ({"amount": -1}, ".amount cannot be lower than 0"),
    ({"initial_amount": -1}, ".initial_amount cannot be lower than 0"),
    ({"discount_amount": -1}, ".discount_amount cannot be lower than 0"),
    ({"price": -1}, ".price cannot be lower than 0"),
    ({"price": 10**15 + 1}, ".price cannot be higher than 1000000000000000"),
    ({"price": 10**15, "quantity": 2}, ".amount cannot be higher than 1000000000000000"),
    ({"price": 10**15, "quantity": 10**9}, ".amount cannot be higher than 1000000000000000"),
    ({"product": {"price": -1}}, ".product.price cannot be lower than 0"),
    ({"product": {"price": 10**30}}, ".product.price cannot be higher than 1000000000000000"),
    ({"sku": {"price": -1}}, ".sku.price cannot be lower than 0"),
    ({"sku": {"price": 0.5}}, ".sku.price should be integer"),
]


@pytest.mark.parametrize(("item", "words"), ITEM_NUMBERS)
def test_numbers_of_an_item(shop: Shop, item: dict[str, Any], words: str) -> None:
    body = {"customer": NEW, "items": [STORED, item]}
    invalid(shop, body, f"Property .items[1]{words}")


def test_a_price_from_the_catalogue_is_held_against_the_bounds_too(shop: Shop) -> None:
    shop.api.post("/v1/products", json={"source_id": "gold", "price": 10**15})
    body = {"customer": NEW, "items": [STORED, {"source_id": "gold", "quantity": 2}]}
    words = "Property .items[1].amount cannot be higher than 1000000000000000"
    invalid(shop, body, words)


def test_sums_that_no_number_can_hold_are_refused(shop: Shop) -> None:
    """500 items of the highest amount, time and again, for one customer."""
    body = {
        "status": "PAID",
        "customer": {"source_id": "ann"},
        "items": [{"amount": 10**15}] * 500,
    }
    for _ in range(18):
        save(shop, **body)
    assert summary(shop)[:2] == (9 * 10**18, 18)
    details = "The customer's orders would come to too much"
    refused(shop, "POST", "/v1/orders", body, 400, "invalid_payload", details)
    # One that is not paid does not count, and cannot be paid.
    waiting = save(shop, **{**body, "status": "CREATED"})
    path = f"/v1/orders/{waiting['id']}"
    refused(shop, "PUT", path, {"status": "PAID"}, 400, "invalid_payload", details)
    assert summary(shop)[:2] == (9 * 10**18, 18)


# --- types and texts ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ([], "Payload should be object"),
        ("x", "Payload should be object"),
        (b"", "Payload is not valid JSON"),
        (b"{", "Payload is not valid JSON"),
        (b'{"amount":NaN}', "Payload is not valid JSON"),
        (b'{"source_id":"\\ud800"}', "Payload is not valid JSON"),
        (b'{"source_id":"\xff"}', "Payload is not valid UTF-8"),
        (b'{"source_id":"a\\u0000"}', "Strings cannot contain the null character"),
        (b'{"items":[{"metadata":{"\\u0000":1}}]}', "Strings cannot contain the null character"),
        ({"status": "paid"}, "Property .status should be equal to one of the allowed values"),
        ({"status": ""}, "Property .status should be equal to one of the allowed values"),
        ({"status": 5}, "Property .status should be string"),
        ({"source_id": ""}, "Property .source_id should NOT be shorter than 1 characters"),
        ({"source_id": "x" * 256}, "Property .source_id should NOT be longer than 255 characters"),
        ({"source_id": 5}, "Property .source_id should be string"),
        ({"items": {}}, "Property .items should be array"),
        ({"items": "x"}, "Property .items should be array"),
        ({"items": [None]}, "Property .items[0] should be object"),
        ({"items": [STORED, 5]}, "Property .items[1] should be object"),
        (
            {"items": [{"related_object": "voucher"}]},
            "Property .items[0].related_object should be equal to one of the allowed values",
        ),
        (
            {"items": [{"product": {"override": "yes"}}]},
            "Property .items[0].product.override should be boolean",
        ),
        ({"items": [{"product": "p"}]}, "Property .items[0].product should be object"),
        ({"metadata": []}, "Property .metadata should be object"),
        ({"metadata": {"a": 2**63}}, "Property .metadata.a should be a 64-bit integer"),
        (
            {"items": [{"metadata": {"a": 2**63}}]},
            "Property .items[0].metadata.a should be a 64-bit integer",
        ),
        (
            {"items": [{"product": {"metadata": {"a": [-(2**63) - 1]}}}]},
            "Property .items[0].product.metadata.a[0] should be a 64-bit integer",
        ),
        ({"customer": "ann"}, "Property .customer should be object"),
        ({"customer": {"source_id": ""}},
            "Property .customer.source_id should NOT be shorter than 1 characters"),
        ({"customer": {"birthdate": "x"}},
            "Property .customer.birthdate cannot be recognized as a ISO-8601 compliant date"),
        ({"customer": {"metadata": 5}}, "Property .customer.metadata should be object"),
        ({"referrer": []}, "Property .referrer should be object"),
        ({"customer_id": 5}, "Property .customer_id should be string"),
    ],
)  # fmt: skip
def test_types_and_texts(shop: Shop, body: Any, details: str) -> None:
    if isinstance(body, dict):
        body = {"customer": NEW, **body}
    refused(shop, "POST", "/v1/orders", body, 400, "invalid_payload", details)
    save(shop, source_id="known", status="PAID", amount=5, customer={"source_id": "ann"})
    refused(shop, "PUT", "/v1/orders/known", body, 400, "invalid_payload", details)


@pytest.mark.parametrize("value", ["yesterday", "2020-13-01", 5, "0001-01-01T00:00:00+14:00", ""])
def test_times(shop: Shop, value: Any) -> None:
    details = "Property .created_at cannot be recognized as a ISO-8601 compliant date"
    body = {"created_at": value, "customer": NEW}
    refused(shop, "POST", "/v1/orders", body, 400, "invalid_payload", details)


def test_metadata_that_is_nested_too_deep(shop: Shop) -> None:
    deep: Any = 1
    for _ in range(40):
        deep = {"a": deep}
    for body in (
        {"metadata": deep},
        {"items": [{"metadata": deep}]},
        {"customer": {"metadata": deep}},
    ):
        before = rows(shop)
        answer = shop.api.post("/v1/orders", json=body)
        assert (answer.status_code, answer.json()["key"]) == (400, "invalid_payload")
        assert answer.json()["details"].endswith("is nested too deep")
        assert rows(shop) == before


def test_five_hundred_and_one_items(shop: Shop) -> None:
    body = {"customer": NEW, "items": [STORED] * 501}
    invalid(shop, body, "Property .items should NOT have more than 500 items")


def test_a_body_that_is_too_large(shop: Shop) -> None:
    before = rows(shop)
    answer = shop.api.post("/v1/orders", json={"metadata": {"a": "x" * (10 * 1024 * 1024)}})
    assert (answer.status_code, answer.json()["statusCode"]) == (413, 413)
    assert rows(shop) == before


# --- what does not exist, or is another's -------------------------------------------------------


@pytest.mark.parametrize("name", ["nobody", UNUSED, NOBODY, "a%2Fb", "x" * 300])
def test_unknown_orders(shop: Shop, name: str) -> None:
    details = f"Cannot find order with id {name.replace('%2F', '/')}"
    for method, body in (("GET", None), ("PUT", {"customer": NEW, "items": [STORED]})):
        refused(shop, method, f"/v1/orders/{name}", body, 404, "not_found", details)


def test_an_id_of_another_noun_names_no_order(shop: Shop) -> None:
    order = save(shop, customer={"source_id": "ann"}, items=[STORED])
    product = shop.api.get("/v1/products/p").json()["id"]
    for name in (order["customer_id"], product):
        assert shop.api.get(f"/v1/orders/{name}").status_code == 404


@pytest.mark.parametrize("role", ["customer", "referrer"])
def test_customers_who_do_not_exist(shop: Shop, role: str) -> None:
    save(shop, source_id="known", status="PAID", amount=5, customer={"source_id": "ann"})
    details = f"Cannot find customer with id {NOBODY}"
    for who in (
        {role: {"id": NOBODY}},
        {role: {"id": NOBODY, "source_id": "ann"}},
        {role: {"id": NOBODY, "name": "New"}},
        {f"{role}_id": NOBODY},
    ):
        body = {"items": [STORED], "metadata": {"k": 1}, **who}
        refused(shop, "POST", "/v1/orders", body, 404, "not_found", details)
        refused(shop, "PUT", "/v1/orders/known", body, 404, "not_found", details)


def test_another_projects_customer_is_nobody(shop: Shop) -> None:
    other = save(shop.server.project(), customer={"source_id": "ann"})["customer_id"]
    details = f"Cannot find customer with id {other}"
    body = {"customer": {"id": other}, "items": [STORED]}
    refused(shop, "POST", "/v1/orders", body, 404, "not_found", details)


def test_a_source_id_that_another_order_has(shop: Shop) -> None:
    save(shop, source_id="a", amount=5)
    nameless = save(shop, status="PAID", amount=7, customer={"source_id": "ann"})
    body = {"source_id": "a", "customer": NEW, "items": [STORED]}
    words = "Duplicated order exists with id a"
    path = f"/v1/orders/{nameless['id']}"
    refused(shop, "PUT", path, body, 409, "duplicate_found", words)
    body["id"] = UNUSED
    refused(shop, "POST", "/v1/orders", body, 409, "duplicate_found", words)
    assert summary(shop)[:2] == (7, 1)


# --- statuses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "back"),
    [
        ("PAID", "CREATED"),
        ("FULFILLED", "CREATED"),
        ("CANCELED", "CREATED"),
        ("CANCELED", "PAID"),
        ("CANCELED", "FULFILLED"),
    ],
)
def test_a_status_cannot_go_back(shop: Shop, status: str, back: str) -> None:
    save(shop, source_id="a", status=status, amount=5, customer={"source_id": "ann"})
    body = {"status": back, "amount": 9, "customer": NEW, "items": [STORED]}
    details = f"Status cannot change from {status} to {back}"
    refused(shop, "PUT", "/v1/orders/a", body, 400, "invalid_order", details)
    body["source_id"] = "a"
    refused(shop, "POST", "/v1/orders", body, 400, "invalid_order", details)
    assert shop.api.get("/v1/orders/a").json()["status"] == status


# --- metadata against its schema ----------------------------------------------------------------


def test_metadata_against_a_schema_leaves_nothing(shop: Shop) -> None:
    with shop.server.management() as management:
        for noun in ("order", "order_item", "customer", "product"):
            answer = management.post(
                f"/management/v1/projects/{shop.id}/metadata-schemas",
                json={
                    "related_object": noun,
                    "properties": {"n": {"type": "number", "optional": True}},
                },
            )
            assert answer.status_code == 200, answer.text
    save(shop, source_id="known", metadata={"n": 1}, customer={"source_id": "ann"})
    wrong = {"n": "five"}
    for body in (
        {"metadata": wrong, "customer": NEW, "items": [STORED]},
        {"customer": NEW, "items": [STORED, {"metadata": wrong}]},
        {"customer": {**NEW, "metadata": wrong}, "items": [STORED]},
        {"customer": NEW, "referrer": {"source_id": "r", "metadata": wrong}, "items": [STORED]},
        {
            "customer": NEW,
            "items": [STORED, {"source_id": "q", "product": {"override": True, "metadata": wrong}}],
        },
    ):
        for method, path in (("POST", "/v1/orders"), ("PUT", "/v1/orders/known")):
            before = rows(shop)
            answer = shop.api.request(method, path, json=body)
            said = answer.json()
            assert (answer.status_code, said["key"]) == (400, "metadata_validation_failed"), body
            assert rows(shop) == before


# --- keys and lists -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "key", "details"),
    [
        ("limit=0", "invalid_query_params", "Property .limit should be >= 1"),
        ("limit=101", "invalid_query_params", "Property .limit should be <= 100"),
        ("limit=x", "invalid_query_params", "Property .limit should be integer"),
        ("page=0", "invalid_query_params", "Property .page should be >= 1"),
        ("page=1001", "page_over_limit", "Property .page cannot be higher than 1000"),
        (
            "order=amount",
            "invalid_query_params",
            "Property .order should be equal to one of the allowed values",
        ),
    ],
)
def test_lists(shop: Shop, query: str, key: str, details: str) -> None:
    refused(shop, "GET", f"/v1/orders?{query}", None, 400, key, details)


def test_client_keys_do_not_reach_orders(shop: Shop) -> None:
    save(shop, source_id="a")
    with shop.browser("https://shop.example") as browser:
        for method, path in (
            ("GET", "/v1/orders"),
            ("POST", "/v1/orders"),
            ("PUT", "/v1/orders/a"),
        ):
            assert browser.request(method, path, json={}).status_code == 401
    assert shop.api.delete("/v1/orders/a").status_code == 405
