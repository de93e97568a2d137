"""Exports through the official Python SDK: asked for, looked at, downloaded, deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from voucherify import (
    ApiClient,
    Configuration,
    ExportsApi,
    ExportsCreateRequestBody,
    ExportsCreateRequestBodyParameters,
    ExportsGetResponseBody,
    OrdersApi,
    OrdersExportCreateRequestBody,
    ParameterOrderListExports,
)
from voucherify.exceptions import BadRequestException, NotFoundException, UnauthorizedException

from tests.api.test_customers import save
from tests.running import Shop, until
from tests.sdk.test_python_sdk import keys_of, whole


@pytest.fixture
def client(shop: Shop) -> Iterator[ApiClient]:
    key = shop.project["server_side_key"]
    client = keys_of(shop.server.url, key["app_id"], key["app_token"])
    yield client
    client.rest_client.pool_manager.clear()


@pytest.fixture
def sdk(client: ApiClient) -> ExportsApi:
    return ExportsApi(client)


def done(sdk: ExportsApi, export_id: str) -> ExportsGetResponseBody:
    def look() -> ExportsGetResponseBody | None:
        found = whole(sdk.get_export_with_http_info(export_id))
        return found if found.status == "DONE" else None

    found = until(look)
    assert found is not None
    return found


def token_of(found: ExportsGetResponseBody) -> str:
    return parse_qs(urlsplit(found.result.url).query)["token"][0]


def test_from_the_request_to_the_file(sdk: ExportsApi, shop: Shop) -> None:
    save(shop, source_id="bob", name="Bob, the ü")
    body = ExportsCreateRequestBody(
        exported_object="customer",
        parameters=ExportsCreateRequestBodyParameters(
            order="-name",
            fields=["name", "source_id", "orders_total_count"],
            filters={"junction": "and", "source_id": {"conditions": {"$in": ["bob"]}}},
        ),
    )
    made = whole(sdk.create_export_with_http_info(body))
    assert (made.object, made.status, made.channel) == ("export", "SCHEDULED", "API")
    assert made.result is None
    found = done(sdk, made.id)
    assert found.exported_object == "customer"
    assert found.parameters.order == "-name"
    assert found.parameters.fields == body.parameters.fields
    assert found.parameters.filters == body.parameters.filters
    text = sdk.download_export(found.id, token_of(found))
    assert text == 'Name,Source ID,Orders Total Count\n"Bob, the ü",bob,0\n'
    # No key is needed for that.
    nobody = ApiClient(Configuration(host=shop.server.url))
    assert ExportsApi(nobody).download_export(found.id, token=token_of(found)) == text
    with pytest.raises(UnauthorizedException):
        sdk.download_export(found.id, token="wrong")
    assert whole(sdk.list_exports_with_http_info()).total == 1
    sdk.delete_export(found.id)
    assert sdk.list_exports().exports == []
    with pytest.raises(NotFoundException):
        sdk.get_export(found.id)
    with pytest.raises(NotFoundException):
        sdk.download_export(found.id, token_of(found))


@pytest.mark.parametrize("noun", ["customer", "order", "product", "sku"])
def test_what_is_not_set_travels_as_null(sdk: ExportsApi, noun: str) -> None:
    bodies: list[dict[str, Any]] = [
        {"exported_object": noun},
        {"exported_object": noun, "parameters": {}},
        {"exported_object": noun, "parameters": {"filters": {"junction": None, "id": None}}},
    ]
    for body in bodies:
        made = sdk.create_export(ExportsCreateRequestBody.from_dict(body))
        assert done(sdk, made.id).result.url


def test_exports_of_orders(client: ApiClient, sdk: ExportsApi, shop: Shop) -> None:
    assert shop.api.post("/v1/orders", json={"source_id": "o", "amount": 3}).status_code == 200
    for body in (
        {},
        {"parameters": {"fields": ["source_id", "amount"], "order": "-status"}},
        {"parameters": {"filters": {"status": {"conditions": {"$is": ["CREATED"]}}}}},
    ):
        request = OrdersExportCreateRequestBody.from_dict(body)
        made = whole(OrdersApi(client).create_order_export_with_http_info(request))
        found = done(sdk, made.id)
        assert found.exported_object == "order"
        assert "o" in sdk.download_export(found.id, token_of(found)).splitlines()[1].split(",")


def test_the_list_in_every_order(sdk: ExportsApi) -> None:
    body = ExportsCreateRequestBody(exported_object="product")
    ids = [sdk.create_export(body).id for _ in range(3)]
    for export_id in ids:
        done(sdk, export_id)
    orders = {order.value: order for order in ParameterOrderListExports}
    assert set(orders) == {"created_at", "-created_at", "status", "-status"}
    for name, order in orders.items():
        listed = [one.id for one in sdk.list_exports(order=order).exports]
        assert listed == (ids if name == "created_at" else ids[::-1]) or "status" in name
        assert sorted(listed) == sorted(ids)
    assert [one.id for one in sdk.list_exports(limit=1, page=3).exports] == ids[:1]


def test_the_orders_that_the_sdk_knows(sdk: ExportsApi) -> None:
    """Of each noun, those that it has."""
    for noun, names in {
        "customer": ("created_at", "updated_at", "id", "name", "email", "source_id"),
        "order": ("created_at", "updated_at", "status"),
        "product": ("created_at", "updated_at", "id", "name", "source_id"),
        "sku": ("created_at", "updated_at", "id", "sku", "source_id", "product_id"),
    }.items():
        for name in names:
            for order in (name, f"-{name}"):
                parameters = ExportsCreateRequestBodyParameters(order=order)
                body = ExportsCreateRequestBody(exported_object=noun, parameters=parameters)
                assert sdk.create_export(body).parameters.order == order


def test_an_unknown_field_is_refused(sdk: ExportsApi) -> None:
    parameters = ExportsCreateRequestBodyParameters(fields=["qr_code"])
    body = ExportsCreateRequestBody(exported_object="customer", parameters=parameters)
    with pytest.raises(BadRequestException) as caught:
        sdk.create_export(body)
    assert "invalid_export_fields" in caught.value.body
