"""The official Python SDK's segments and events: models built as its users build them; every answer
parsed, and nothing of it lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from voucherify import (
    ApiClient,
    ClientEventsCreateRequestBody,
    ClientSideApi,
    Configuration,
    Customer,
    CustomersApi,
    EventsApi,
    EventsCreateRequestBody,
    SegmentsApi,
    SegmentsCreateRequestBody,
    SegmentsCreateResponseBody,
)
from voucherify.exceptions import BadRequestException, ForbiddenException, NotFoundException

from tests.api.test_customers import save
from tests.running import Shop, until
from tests.sdk.test_python_sdk import keys_of, whole

# As the reference's own examples have them.
BY_DATE = {
    "junction": "and",
    "created_at": {"conditions": {"$after": ["2021-12-01T00:00:00.000Z"]}},
}
BY_BIRTHDAY = {
    "junction": "and",
    "birthdate": {"conditions": {"$next_month": [True]}},
    "address.country": {"conditions": {"$is": "Poland"}},
    "metadata.club_level": {"conditions": {"$in": ["Gold", "Silver"]}},
}


class Sdk:
    """The SDK's clients for one project."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client
        self.segments = SegmentsApi(client)
        self.events = EventsApi(client)
        self.customers = CustomersApi(client)

    def create(self, **members: Any) -> SegmentsCreateResponseBody:
        body = SegmentsCreateRequestBody(**members)
        segment: SegmentsCreateResponseBody = whole(
            self.segments.create_segment_with_http_info(segments_create_request_body=body)
        )
        return segment

    def names(self, customer: str) -> list[str]:
        found = whole(self.customers.list_customer_segments_with_http_info(customer))
        assert (found.object, found.data_ref, found.total) == ("list", "data", len(found.data))
        return [segment.name for segment in found.data]


@pytest.fixture
def sdk(shop: Shop) -> Iterator[Sdk]:
    key = shop.project["server_side_key"]
    sdk = Sdk(keys_of(shop.server.url, key["app_id"], key["app_token"]))
    yield sdk
    sdk.client.rest_client.pool_manager.clear()


def test_a_static_segment(shop: Shop, sdk: Sdk) -> None:
    ids = [save(shop, source_id=name)["id"] for name in ("ann", "bob")]
    made = sdk.create(name="Customers in a new Segment", type="static", customers=ids)
    assert made.id is not None
    assert (made.type, made.filter, made.initial_sync_status) == ("static", None, "DONE")
    got = whole(sdk.segments.get_segment_with_http_info(made.id))
    assert got.to_dict() == made.to_dict()
    assert sdk.names("ann") == ["Customers in a new Segment"]
    sdk.segments.delete_segment(made.id)
    with pytest.raises(NotFoundException):
        sdk.segments.get_segment(made.id)
    assert sdk.names("ann") == []


@pytest.mark.parametrize("filter_", [BY_DATE, BY_BIRTHDAY])
def test_the_filters_of_the_examples(sdk: Sdk, filter_: dict[str, Any]) -> None:
    made = sdk.create(name="Customers in a new Dynamic Segment", type="auto-update", filter=filter_)
    assert made.filter == filter_
    assert made.created_at is not None
    segment_id = made.id or ""

    def found() -> bool:
        return sdk.segments.get_segment(segment_id).initial_sync_status == "DONE"

    until(found)


def test_a_refused_filter(sdk: Sdk) -> None:
    with pytest.raises(BadRequestException) as refused:
        sdk.create(name="No", type="passive", filter={"shoe_size": {"conditions": {"$is": 5}}})
    assert "Property .filter.shoe_size is not supported" in (refused.value.body or "")


def test_events(sdk: Sdk) -> None:
    sdk.create(name="Seen", filter={"events.seen": {"conditions": {"$count": 1}}})
    body = EventsCreateRequestBody(
        event="seen",
        customer=Customer(source_id="ann", name="Ann", metadata={"a": 1}),
        metadata={"page": "home", "n": 5},
    )
    answer = whole(sdk.events.track_custom_event_with_http_info(body))
    assert (answer.object, answer.type) == ("event", "seen")
    assert answer.metadata == {"page": "home", "n": 5}
    assert (answer.referral, answer.loyalty) == (None, None)
    assert answer.customer.source_id == "ann"
    assert sdk.names("ann") == ["Seen"]
    assert sdk.customers.get_customer("ann").name == "Ann"
    # A model made from a dict sends null for whatever is not set.
    again = EventsCreateRequestBody.from_dict({"event": "seen", "customer": {"source_id": "ann"}})
    whole(sdk.events.track_custom_event_with_http_info(again))
    assert sdk.customers.get_customer("ann").name == "Ann"
    assert sdk.names("ann") == []


def test_an_event_with_a_referral_and_a_card(sdk: Sdk) -> None:
    body = EventsCreateRequestBody.from_dict(
        {
            "event": "user_subscribed",
            "customer": {"source_id": "source_customer_event"},
            "referral": {"code": "46jL0kYI", "referrer_id": "cust_Vzck5i8U3OhcEUFY6MKhN9Rv"},
            "loyalty": {"code": "6CB4KDAu"},
        }
    )
    answer = whole(sdk.events.track_custom_event_with_http_info(body))
    assert answer.type == "user_subscribed"


def test_events_from_a_browser(shop: Shop) -> None:
    body = ClientEventsCreateRequestBody(event="seen", customer=Customer(source_id="ann"))
    for allowed in (False, True):
        project = shop.server.project(
            client_loyalty_events_enabled=allowed,
            client_trusted_domains=["https://shop.example"],
        )
        key = project.project["client_side_key"]
        names = {"X-Client-Application-Id": key["app_id"], "X-Client-Token": key["app_token"]}
        client = ApiClient(Configuration(host=shop.server.url, api_key=names))
        api = ClientSideApi(client)
        if allowed:
            answer = whole(
                api.track_custom_event_client_side_with_http_info(
                    "https://shop.example", client_events_create_request_body=body
                )
            )
            assert answer.customer.source_id == "ann"
        else:
            with pytest.raises(ForbiddenException):
                api.track_custom_event_client_side(
                    "https://shop.example", client_events_create_request_body=body
                )
        client.rest_client.pool_manager.clear()
