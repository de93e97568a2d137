"""The official Python SDK's orders: every operation of `OrdersApi`, with models built as its users
build them; every answer parsed, and nothing of it lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from voucherify import (
    ApiClient,
    AsyncActionsApi,
    CustomersApi,
    OrdersApi,
    OrdersCreateRequestBody,
    OrdersCreateResponseBody,
    OrdersExportCreateRequestBody,
    OrdersExportCreateRequestBodyParameters,
    OrdersImportCreateRequestBodyItem,
    OrdersUpdateRequestBody,
    ParameterOrderListOrders,
)
from voucherify.exceptions import BadRequestException, NotFoundException

from tests.running import Shop, until
from tests.sdk.test_python_sdk import keys_of, plain, whole

FULL: dict[str, Any] = {
    "source_id": "new",
    "status": "FULFILLED",
    "discount_amount": 700,
    "initial_amount": 130000,
    "metadata": {"location_id": ["L1", "L2"], "gift": True, "nested": {"a": 1}},
    "customer": {
        "source_id": "bob",
        "name": "Bob Smith",
        "email": "bob.smith@email.example",
        "address": {"city": "New York", "line_1": "123 Main St."},
        "metadata": {"lang": "en", "test": False},
        "birthdate": "2022-01-02",
    },
    "referrer": {"source_id": "jane", "name": "Jane Smith"},
    "items": [
        {
            "source_id": "prod_1",
            "related_object": "product",
            "quantity": 2,
            "product": {
                "name": "Apple iPhone 12",
                "price": 60000,
                "metadata": {"color": ["purple"]},
                "override": True,
            },
        },
        {
            "source_id": "ComicBook_1",
            "related_object": "sku",
            "quantity": 1,
            "discount_amount": 100,
            "product": {"source_id": "Books", "name": "Comic Books1", "override": True},
            "sku": {"sku": "Comics1", "price": 1700, "override": True},
        },
    ],
}


class Sdk:
    """The SDK's clients for one project."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client
        self.orders = OrdersApi(client)
        self.customers = CustomersApi(client)
        self.actions = AsyncActionsApi(client)

    def create(self, **members: Any) -> OrdersCreateResponseBody:
        body = OrdersCreateRequestBody.from_dict(members)
        made: OrdersCreateResponseBody = whole(self.orders.create_order_with_http_info(body))
        return made

    def update(self, name: str, **members: Any) -> Any:
        body = OrdersUpdateRequestBody.from_dict(members)
        return whole(self.orders.update_order_with_http_info(name, body))

    def summary(self, customer: str) -> tuple[int, int, int, int]:
        orders = whole(self.customers.get_customer_with_http_info(customer)).summary.orders
        return (
            orders.total_amount,
            orders.total_count,
            orders.average_amount,
            orders.last_order_amount,
        )


@pytest.fixture
def sdk(shop: Shop) -> Iterator[Sdk]:
    key = shop.project["server_side_key"]
    sdk = Sdk(keys_of(shop.server.url, key["app_id"], key["app_token"]))
    yield sdk
    sdk.client.rest_client.pool_manager.clear()


def test_create(sdk: Sdk) -> None:
    order = sdk.create(**FULL)
    assert order.id is not None
    assert order.id.startswith("ord_")
    assert (order.object, order.source_id, order.status) == ("order", "new", "FULFILLED")
    assert (order.amount, order.initial_amount) == (121700, 130000)
    assert (order.discount_amount, order.items_discount_amount) == (700, 100)
    assert (order.total_discount_amount, order.total_amount) == (800, 120900)
    assert order.metadata == FULL["metadata"]
    assert order.created_at is not None
    assert abs(order.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert order.updated_at is None
    bob = sdk.customers.get_customer("bob")
    assert (bob.name, bob.address.city, bob.metadata) == (
        "Bob Smith",
        "New York",
        {"lang": "en", "test": False},
    )
    assert order.customer is not None
    assert order.customer.id == order.customer_id == bob.id
    assert order.referrer_id == sdk.customers.get_customer("jane").id
    assert order.items is not None
    first, second = order.items
    assert (first.object, first.amount, first.subtotal_amount) == ("order_item", 120000, 120000)
    assert first.product is not None
    assert (first.product.name, first.product.price) == ("Apple iPhone 12", 60000)
    assert first.product.metadata == {"color": ["purple"]}
    assert (second.amount, second.discount_amount, second.subtotal_amount) == (1700, 100, 1600)
    assert second.sku is not None
    assert (second.sku.source_id, second.sku.sku, second.sku.price) == (
        "ComicBook_1",
        "Comics1",
        1700,
    )
    assert second.product is not None
    assert second.product_id == second.product.id
    assert sdk.summary("bob") == (120900, 1, 120900, 120900)


def test_create_from_a_constructor(sdk: Sdk) -> None:
    body = OrdersCreateRequestBody(status="PAID", amount=500)
    order = whole(sdk.orders.create_order_with_http_info(body))
    assert (order.amount, order.total_amount, order.status) == (500, 500, "PAID")
    assert (order.customer, order.customer_id, order.items) == (None, None, [])


def test_create_again_updates(sdk: Sdk) -> None:
    first = sdk.create(source_id="a", amount=5, customer={"source_id": "bob"})
    again = sdk.create(source_id="a", status="PAID")
    assert (again.id, again.amount, again.status) == (first.id, 5, "PAID")
    assert again.customer_id == first.customer_id
    assert again.updated_at is not None
    by_id = sdk.create(id=first.id, amount=6)
    assert (by_id.id, by_id.source_id, by_id.total_amount) == (first.id, "a", 6)
    assert sdk.summary("bob") == (6, 1, 6, 6)


def test_nulls_of_unset_members_change_nothing(sdk: Sdk) -> None:
    known = plain(sdk.create(**FULL).to_dict())
    bob = plain(sdk.customers.get_customer("bob").to_dict())
    body = OrdersUpdateRequestBody.from_dict({"customer": {"source_id": "bob"}})
    assert body is not None
    sent = json.loads(body.to_json())
    assert sent["customer"]["source_id"] == "bob"
    for members in ({}, {"status": "FULFILLED"}, {"customer": {"source_id": "bob"}}):
        found = plain(sdk.update("new", **members).to_dict())
        assert found.pop("updated_at") >= known["created_at"]
        assert found == known
    assert plain(sdk.customers.get_customer("bob").to_dict()) == bob


def test_get(sdk: Sdk) -> None:
    order = sdk.create(**FULL)
    for name in (order.id, "new"):
        found = whole(sdk.orders.get_order_with_http_info(name))
        assert plain(found.to_dict()) == plain(order.to_dict())


def test_update(sdk: Sdk) -> None:
    order = sdk.create(**FULL)
    found = sdk.update("new", status="CANCELED", metadata={"gift": False})
    assert (found.id, found.status) == (order.id, "CANCELED")
    assert found.metadata == {**FULL["metadata"], "gift": False}
    assert found.items is not None
    assert len(found.items) == 2
    assert sdk.summary("bob") == (0, 0, 0, 0)
    moved = sdk.update("new", customer={"source_id": "ann"}, items=[{"price": 5, "quantity": 3}])
    assert moved.customer_id == sdk.customers.get_customer("ann").id
    assert (moved.amount, moved.total_amount) == (15, 0)


def test_list(sdk: Sdk) -> None:
    made = [sdk.create(source_id=str(n), amount=n) for n in range(5)]
    page = whole(sdk.orders.list_orders_with_http_info(limit=2, page=2))
    assert (page.object, page.data_ref, page.total) == ("list", "orders", 5)
    assert [order.source_id for order in page.orders] == ["2", "1"]
    sdk.update("1", amount=9)
    for order, expected in (
        (ParameterOrderListOrders.CREATED_AT, ["0", "1", "2", "3", "4"]),
        (ParameterOrderListOrders.MINUS_CREATED_AT, ["4", "3", "2", "1", "0"]),
        (ParameterOrderListOrders.MINUS_UPDATED_AT, ["1"]),
    ):
        found = whole(sdk.orders.list_orders_with_http_info(order=order)).orders
        assert [one.source_id for one in found][: len(expected)] == expected
    assert len(made) == 5


def test_import(sdk: Sdk) -> None:
    items = [
        OrdersImportCreateRequestBodyItem.from_dict(FULL),
        OrdersImportCreateRequestBodyItem.from_dict(
            {"source_id": "b", "status": "PAID", "amount": 100, "customer": {"source_id": "bob"}}
        ),
        OrdersImportCreateRequestBodyItem(source_id="c", amount=7),
    ]
    accepted = whole(sdk.orders.import_orders_with_http_info(items))

    def done() -> Any:
        action = whole(sdk.actions.get_async_action_with_http_info(accepted.async_action_id))
        return action if action.status in ("DONE", "FAILED") else None

    action = until(done)
    assert (action.type, action.operation_status) == ("ORDERS.IMPORT", "SUCCESS")
    assert (action.result["done_count"], action.result["failed_count"]) == (3, 0)
    assert sdk.summary("bob") == (121000, 2, 60500, 100)
    order = whole(sdk.orders.get_order_with_http_info("c"))
    assert (order.amount, order.customer_id) == (7, None)


def test_export(sdk: Sdk) -> None:
    body = OrdersExportCreateRequestBody(
        parameters=OrdersExportCreateRequestBodyParameters.from_dict(
            {"order": "-created_at", "fields": ["id", "status"], "filters": None}
        )
    )
    export = whole(sdk.orders.create_order_export_with_http_info(body))
    assert (export.object, export.exported_object) == ("export", "order")
    assert export.status == "SCHEDULED"
    assert export.id.startswith("exp_")


def test_errors(sdk: Sdk) -> None:
    sdk.create(source_id="a", status="PAID")
    with pytest.raises(NotFoundException) as unknown:
        sdk.orders.get_order("nope")
    assert json.loads(unknown.value.body)["resource_type"] == "order"
    with pytest.raises(NotFoundException):
        sdk.update("nope", amount=1)
    with pytest.raises(BadRequestException) as back:
        sdk.update("a", status="CREATED")
    assert json.loads(back.value.body)["key"] == "invalid_order"
    with pytest.raises(BadRequestException) as negative:
        sdk.create(amount=-1)
    assert json.loads(negative.value.body)["key"] == "invalid_payload"
