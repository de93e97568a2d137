"""The official Python SDK for products, SKUs, categories, product collections and locations: models
built the way its users build them, every answer parsed, and nothing of an answer lost.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from voucherify import (
    ApiClient,
    AsyncActionGetResponseBody,
    AsyncActionsApi,
    CategoriesApi,
    CategoriesCreateRequestBody,
    CategoriesUpdateRequestBody,
    LocationsApi,
    ParameterOrder,
    ParameterOrderListLocations,
    ProductCollectionsApi,
    ProductCollectionsCreateRequestBody,
    ProductCollectionsCreateRequestBodyProductsItem,
    ProductsApi,
    ProductsCreateRequestBody,
    ProductsMetadataUpdateInBulkRequestBody,
    ProductsSkusCreateRequestBody,
    ProductsSkusUpdateRequestBody,
    ProductsUpdateInBulkRequestBody,
    ProductsUpdateRequestBody,
)
from voucherify.exceptions import ApiException, BadRequestException, NotFoundException
from voucherify.models.product_collections_create_request_body_filter import (
    ProductCollectionsCreateRequestBodyFilter,
)

from tests.running import Shop, until
from tests.sdk.test_python_sdk import keys_of, whole

METADATA = {"test": True, "vendor": "Shop", "tags": ["a", None], "ratio": 0.5}
PHONE = {
    "source_id": "phone",
    "name": "Samsung Phone",
    "price": 200000,
    "attributes": ["color", "memory"],
    "metadata": METADATA,
    "image_url": "https://images.example/phone.png",
}
BLACK = {
    "source_id": "black",
    "sku": "Phone, black",
    "price": 210000,
    "currency": "USD",
    "attributes": {"color": "black", "memory": "256"},
    "image_url": "https://images.example/black.png",
    "metadata": {"imported": True},
}


class Sdk:
    """The SDK's clients for one project."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client
        self.products = ProductsApi(client)
        self.collections = ProductCollectionsApi(client)
        self.categories = CategoriesApi(client)
        self.locations = LocationsApi(client)
        self.actions = AsyncActionsApi(client)

    def product(self, **members: Any) -> Any:
        body = ProductsCreateRequestBody(**members)
        return whole(self.products.create_product_with_http_info(body))

    def sku(self, product: str, **members: Any) -> Any:
        body = ProductsSkusCreateRequestBody(**members)
        return whole(self.products.create_sku_with_http_info(product, body))

    def finished(self, accepted: Any) -> AsyncActionGetResponseBody:
        def done() -> AsyncActionGetResponseBody | None:
            action = whole(self.actions.get_async_action_with_http_info(accepted.async_action_id))
            return action if action.status in ("DONE", "FAILED") else None

        found = until(done)
        assert found is not None
        return found


@pytest.fixture
def sdk(shop: Shop) -> Iterator[Sdk]:
    key = shop.project["server_side_key"]
    sdk = Sdk(keys_of(shop.server.url, key["app_id"], key["app_token"]))
    yield sdk
    sdk.client.rest_client.pool_manager.clear()


# --- products -----------------------------------------------------------------------------------


def test_a_product_from_its_creation_to_its_end(sdk: Sdk) -> None:
    created = sdk.product(**PHONE)
    assert re.fullmatch(r"prod_[0-9a-f]{18}", created.id)
    assert (created.source_id, created.name, created.price) == ("phone", "Samsung Phone", 200000)
    assert created.attributes == ["color", "memory"]
    assert created.metadata == METADATA
    assert abs(created.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert (created.updated_at, created.object) == (None, "product")
    for name in (created.id, "phone"):
        found = whole(sdk.products.get_product_with_http_info(name))
        assert (found.id, found.skus.total, found.skus.data) == (created.id, 0, [])
    change = ProductsUpdateRequestBody(price=1, metadata={"vendor": None})
    changed = whole(sdk.products.update_product_with_http_info("phone", change))
    assert (changed.price, changed.name) == (1, "Samsung Phone")
    assert changed.metadata == {"test": True, "tags": ["a", None], "ratio": 0.5}
    assert changed.updated_at >= changed.created_at
    assert sdk.products.delete_product("phone") is None
    with pytest.raises(NotFoundException):
        sdk.products.get_product(created.id)
    with pytest.raises(ApiException) as refused:
        sdk.product(source_id="phone")
    assert refused.value.status == 409


def test_a_product_from_a_dict_sends_nulls_that_change_nothing(sdk: Sdk) -> None:
    created = sdk.product(**PHONE)
    body = ProductsCreateRequestBody.from_dict({"source_id": "phone", "price": 5})
    assert body is not None and body.to_dict()["name"] is None  # what is not set travels as null
    changed = whole(sdk.products.create_product_with_http_info(body))
    assert (changed.id, changed.price, changed.name) == (created.id, 5, "Samsung Phone")
    update = ProductsUpdateRequestBody.from_dict({"name": "New"})
    changed = whole(sdk.products.update_product_with_http_info("phone", update))
    assert (changed.name, changed.price, changed.attributes) == ("New", 5, ["color", "memory"])
    assert changed.metadata == METADATA
    assert sdk.product().name is None


def test_force_frees_the_source_id(sdk: Sdk) -> None:
    first = sdk.product(source_id="phone")
    assert sdk.products.delete_product("phone", force=True) is None
    assert sdk.product(source_id="phone").id != first.id


def test_products_are_listed(sdk: Sdk) -> None:
    made = []
    for name in ("a", "b", "c"):
        made.append(sdk.product(source_id=name))
        time.sleep(0.003)
    sdk.sku("b", **BLACK)
    page = whole(sdk.products.list_products_with_http_info())
    assert (page.object, page.data_ref, page.total) == ("list", "products", 3)
    assert [product.source_id for product in page.products] == ["a", "b", "c"]
    assert page.products[1].skus.data[0].source_id == "black"

    def names(**query: Any) -> list[str]:
        found = whole(sdk.products.list_products_with_http_info(**query))
        return [product.source_id for product in found.products]

    assert names(order=ParameterOrder.MINUS_CREATED_AT) == ["c", "b", "a"]
    assert names(limit=2, page=2) == ["c"]
    assert names(start_date=made[1].created_at) == ["b", "c"]
    assert names(end_date=made[1].created_at) == ["a", "b"]
    for order in ParameterOrder:
        assert sorted(names(order=order)) == ["a", "b", "c"]


def test_many_products_at_once(sdk: Sdk) -> None:
    sdk.product(**PHONE)
    bodies = [
        ProductsUpdateInBulkRequestBody(source_id="phone", price=3),
        ProductsUpdateInBulkRequestBody(source_id="new", name="New", metadata={}),
    ]
    action = sdk.finished(whole(sdk.products.update_products_in_bulk_with_http_info(bodies)))
    assert (action.type, action.status) == ("PRODUCTS.BULK_UPDATE", "DONE")
    assert sdk.products.get_product("phone").name == "Samsung Phone"
    assert sdk.products.get_product("new").name == "New"
    body = ProductsMetadataUpdateInBulkRequestBody(
        source_ids=["phone", "newer"], metadata={"label": True}
    )
    accepted = whole(sdk.products.update_products_metadata_in_bulk_with_http_info(body))
    assert sdk.finished(accepted).type == "PRODUCTS.METADATA_UPDATE"
    assert sdk.products.get_product("newer").metadata == {"label": True}
    assert sdk.products.get_product("phone").metadata == METADATA | {"label": True}


@pytest.mark.parametrize("as_path", [False, True])
def test_products_and_skus_from_files(sdk: Sdk, tmp_path: Path, as_path: bool) -> None:
    files = {
        "products.csv": b'name,source_id,price,attributes,Fashion\nShirt,s,21,"color,size",slim\n',
        "skus.csv": b"product_id,sku,source_id,price,attributes\ns,Red,r,13,\"{'color':'red'}\"\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    given: list[Any] = [str(tmp_path / name) if as_path else files[name] for name in files]
    accepted = whole(sdk.products.import_products_using_csv_with_http_info(given[0]))
    assert sdk.finished(accepted).to_dict()["result"]["done_count"] == 1
    accepted = whole(sdk.products.import_skus_using_csv_with_http_info(given[1]))
    assert sdk.finished(accepted).to_dict()["result"]["done_count"] == 1
    found = whole(sdk.products.get_product_with_http_info("s"))
    assert (found.name, found.metadata) == ("Shirt", {"Fashion": "slim"})
    assert found.skus.data[0].attributes == {"color": "red"}


# --- SKUs ---------------------------------------------------------------------------------------


def test_a_sku_from_its_creation_to_its_end(sdk: Sdk) -> None:
    phone = sdk.product(**PHONE)
    created = sdk.sku("phone", **BLACK)
    assert re.fullmatch(r"sku_[0-9a-f]{18}", created.id)
    assert (created.product_id, created.sku, created.currency) == (phone.id, BLACK["sku"], "USD")
    assert created.attributes == BLACK["attributes"]
    found = whole(sdk.products.get_sku_with_http_info("black"))
    assert (found.id, found.metadata) == (created.id, {"imported": True})
    change = ProductsSkusUpdateRequestBody.from_dict({"price": 1, "currency": "PLN"})
    changed = whole(sdk.products.update_sku_with_http_info("phone", "black", change))
    assert (changed.price, changed.currency, changed.sku) == (1, "PLN", BLACK["sku"])
    again = ProductsSkusCreateRequestBody.from_dict({"source_id": "black", "price": 2})
    changed = whole(sdk.products.create_sku_with_http_info("phone", again))
    assert (changed.id, changed.price, changed.attributes) == (created.id, 2, BLACK["attributes"])
    page = whole(sdk.products.list_skus_in_product_with_http_info("phone"))
    assert (page.data_ref, page.total, page.skus[0].id) == ("skus", 1, created.id)
    page = whole(
        sdk.products.list_skus_in_product_with_http_info(
            "phone", limit=5, page=1, order=ParameterOrder.CREATED_AT, end_date=datetime(2020, 1, 1)
        )
    )
    assert (page.total, page.skus) == (0, [])
    assert sdk.products.delete_sku("phone", "black") is None
    with pytest.raises(NotFoundException):
        sdk.products.get_sku("black")
    with pytest.raises(ApiException) as refused:
        sdk.sku("phone", source_id="black")
    assert refused.value.status == 409
    assert sdk.sku("phone", source_id="blue").source_id == "blue"
    assert sdk.products.delete_sku("phone", "blue", force=True) is None
    assert sdk.sku("phone", source_id="blue").source_id == "blue"


# --- categories and locations ---------------------------------------------------------------------


def test_a_category_from_its_creation_to_its_end(sdk: Sdk) -> None:
    body = CategoriesCreateRequestBody(name="First", hierarchy=0)
    created = whole(sdk.categories.create_category_with_http_info(body))
    assert (created.name, created.hierarchy, created.object) == ("First", 0, "category")
    change = CategoriesUpdateRequestBody.from_dict({"name": "Second", "hierarchy": 5})
    changed = whole(sdk.categories.update_category_with_http_info(created.id, change))
    assert (changed.name, changed.hierarchy) == ("Second", 5)
    assert changed.updated_at >= changed.created_at
    assert whole(sdk.categories.get_category_with_http_info(created.id)).name == "Second"
    page = whole(sdk.categories.list_categories_with_http_info())
    assert (page.data_ref, page.total, page.data[0].id) == ("data", 1, created.id)
    assert sdk.categories.delete_category(created.id) is None
    with pytest.raises(NotFoundException):
        sdk.categories.get_category(created.id)


def test_locations(sdk: Sdk, shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "places.csv"
    file.write_text("name,latitude,longitude,radius\nA,50,19,1 km\nB,51,20,2.5 km\n")
    done = shop.server.command("locations", "import", "--project", shop.id, str(file))
    assert done.returncode == 0, done.stderr
    page = whole(
        sdk.locations.list_locations_with_http_info(
            limit=1, order=ParameterOrderListLocations.CREATED_AT
        )
    )
    assert (page.total, page.has_more, len(page.data)) == (2, True, 1)
    found = whole(sdk.locations.get_location_with_http_info(page.data[0].id))
    assert (found.object, found.shape.type) == ("location", "circle")
    assert found.shape.distance.radius in ("1 km", "2.5 km")
    with pytest.raises(NotFoundException):
        sdk.locations.get_location("loc_unknown")


# --- product collections --------------------------------------------------------------------------


def test_a_static_collection(sdk: Sdk) -> None:
    phone = sdk.product(**PHONE)
    picked = ProductCollectionsCreateRequestBodyProductsItem.from_dict(
        {"id": phone.id, "object": "product"}
    )
    assert picked is not None
    body = ProductCollectionsCreateRequestBody(type="STATIC", name="Phones", products=[picked])
    created = whole(sdk.collections.create_product_collection_with_http_info(body))
    assert re.fullmatch(r"pc_[0-9A-Za-z]{24}", created.id)
    assert (created.type, created.name, created.filter) == ("STATIC", "Phones", None)
    assert (created.products[0].id, created.products[0].object) == (phone.id, "product")
    found = whole(sdk.collections.get_product_collection_with_http_info(created.id))
    assert found.products[0].id == phone.id
    page = whole(sdk.collections.list_product_collections_with_http_info())
    assert (page.data_ref, page.total, page.data[0].name) == ("data", 1, "Phones")
    members = whole(sdk.collections.list_products_in_collection_with_http_info(created.id))
    assert (members.total, members.data[0].id, members.data[0].price) == (1, phone.id, 200000)
    assert sdk.collections.delete_product_collection(created.id) is None
    with pytest.raises(NotFoundException):
        sdk.collections.get_product_collection(created.id)


def test_a_collection_with_a_filter(sdk: Sdk) -> None:
    for number in range(3):
        sdk.product(source_id=f"{number}", price=number, name="Number")
        time.sleep(0.003)
    given = {
        "junction": "and",
        "price": {"conditions": {"$less_than": [2]}},
        "name": {"conditions": {"$is": ["Number"]}},
    }
    body = ProductCollectionsCreateRequestBody(type="AUTO_UPDATE", name="Cheap", filter=given)
    created = whole(sdk.collections.create_product_collection_with_http_info(body))
    assert created.filter == given
    found = whole(sdk.collections.get_product_collection_with_http_info(created.id))
    assert found.filter == given
    page = whole(
        sdk.collections.list_products_in_collection_with_http_info(created.id, limit=1, page=1)
    )
    assert (page.total, [item.source_id for item in page.data]) == (2, ["1"])
    rest = whole(
        sdk.collections.list_products_in_collection_with_http_info(
            created.id, starting_after=datetime.fromisoformat(page.data[0].created_at)
        )
    )
    assert [item.source_id for item in rest.data] == ["0"]


def test_a_filter_built_from_models_sends_nulls_that_say_nothing(sdk: Sdk) -> None:
    sdk.product(source_id="p", price=5)
    model = ProductCollectionsCreateRequestBodyFilter.from_dict(
        {"junction": "and", "price": {"conditions": {"$is": [5]}}}
    )
    assert model is not None
    given = model.to_dict()
    assert given["price"]["conditions"]["$in"] is None
    body = ProductCollectionsCreateRequestBody.from_dict(
        {"type": "AUTO_UPDATE", "name": "x", "filter": given}
    )
    created = whole(sdk.collections.create_product_collection_with_http_info(body))
    assert created.filter["price"] == {"conditions": {"$is": [5]}}
    members = whole(sdk.collections.list_products_in_collection_with_http_info(created.id))
    assert [item.source_id for item in members.data] == ["p"]


@pytest.mark.parametrize("order", list(ParameterOrder))
def test_every_order_that_the_sdk_offers(sdk: Sdk, order: ParameterOrder) -> None:
    phone = sdk.product(**PHONE)
    picked = ProductCollectionsCreateRequestBodyProductsItem(id=phone.id, object="product")
    body = ProductCollectionsCreateRequestBody(type="STATIC", name="Phones", products=[picked])
    created = whole(sdk.collections.create_product_collection_with_http_info(body))
    page = whole(sdk.collections.list_product_collections_with_http_info(order=order))
    assert page.total == 1
    members = whole(
        sdk.collections.list_products_in_collection_with_http_info(created.id, order=order)
    )
    assert members.total == 1


def test_refusals_are_exceptions(sdk: Sdk) -> None:
    with pytest.raises(BadRequestException) as refused:
        sdk.product(price=-1)
    assert "Property .price cannot be lower than 0" in str(refused.value.body)
    with pytest.raises(NotFoundException):
        sdk.sku("nobody", sku="x")
    with pytest.raises(BadRequestException):
        sdk.collections.create_product_collection(
            ProductCollectionsCreateRequestBody(type="AUTO_UPDATE", name="x")
        )
