"""The official Python SDK as a client: models built the way its users build them, every answer
parsed into the SDK's model, and nothing of an answer lost on the way through it.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from voucherify import (
    ApiClient,
    AsyncActionGetResponseBody,
    AsyncActionsApi,
    Configuration,
    CustomersApi,
    CustomersCreateRequestBody,
    CustomersCreateRequestBodyAddress,
    CustomersCreateResponseBody,
    CustomersMetadataUpdateInBulkRequestBody,
    CustomersUpdateInBulkRequestBody,
    CustomersUpdateInBulkRequestBodyAddress,
    CustomersUpdateRequestBody,
    CustomersUpdateRequestBodyAddress,
    ManagementApi,
    ManagementProjectsCreateRequestBody,
    ManagementProjectsUpdateRequestBody,
    ParameterActivityCategory,
    ParameterCampaignType,
    ParameterCustomerEvent,
    ParameterFiltersListCustomerRedeemables,
    ParameterFiltersListCustomerRedeemablesHolderRole,
    ParameterFiltersListCustomerRedeemablesHolderRoleConditions,
    ParameterFiltersListCustomerRedeemablesRedeemableObject,
    ParameterFiltersListCustomerRedeemablesRedeemableObjectConditions,
    ParameterOrderCreatedAt,
    ParameterOrderListCustomers,
    ParameterOrderListRedeemables,
)
from voucherify.exceptions import (
    ApiException,
    BadRequestException,
    ForbiddenException,
    NotFoundException,
    UnauthorizedException,
)

from tests.running import FIRST, Server, Shop, until

BOB = {
    "source_id": "bob",
    "name": "Bob Smith",
    "description": "A frequent customer",
    "email": "bob.smith@email.example",
    "phone": "+1 933 222 3333",
    "birthdate": "1990-02-28",
    "address": {
        "city": "New York",
        "state": "NY",
        "line_1": "123 Main St.",
        "line_2": "APT 3 BLG 4",
        "country": "United States",
        "postal_code": "10001",
    },
    "metadata": {"lang": "en", "test": True, "age": 34, "nested": {"a": [1, None]}},
}


class Sdk:
    """The SDK's clients for one project."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client
        self.customers = CustomersApi(client)
        self.actions = AsyncActionsApi(client)

    def create(self, **members: Any) -> CustomersCreateResponseBody:
        return self.customers.create_customer(CustomersCreateRequestBody(**members))

    def finished(self, async_action_id: str) -> AsyncActionGetResponseBody:
        def done() -> AsyncActionGetResponseBody | None:
            action = whole(self.actions.get_async_action_with_http_info(async_action_id))
            return action if action.status in ("DONE", "FAILED") else None

        found = until(done)
        assert found is not None
        return found


def keys_of(url: str, app_id: str, app_token: str) -> ApiClient:
    """A client as the SDK's own instructions set it up."""
    configuration = Configuration(host=url, api_key={"X-App-Id": app_id, "X-App-Token": app_token})
    return ApiClient(configuration)


@pytest.fixture
def sdk(shop: Shop) -> Iterator[Sdk]:
    key = shop.project["server_side_key"]
    sdk = Sdk(keys_of(shop.server.url, key["app_id"], key["app_token"]))
    yield sdk
    sdk.client.rest_client.pool_manager.clear()


@pytest.fixture
def projects(server: Server) -> Iterator[ManagementApi]:
    configuration = Configuration(
        host=server.url,
        api_key={
            "X-Management-Id": FIRST["management_id"],
            "X-Management-Token": FIRST["management_token"],
        },
    )
    client = ApiClient(configuration)
    yield ManagementApi(client)
    client.rest_client.pool_manager.clear()


def plain(value: Any) -> Any:
    """A model's values as they stand on the wire, without members that are null."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [plain(member) for member in value]
    return value


def common(parsed: Any, sent: Any) -> Any:
    """`parsed` without members that were not sent: the SDK fills in defaults of its own."""
    if isinstance(parsed, dict) and isinstance(sent, dict):
        return {name: common(parsed[name], sent[name]) for name in parsed if name in sent}
    if isinstance(parsed, list) and isinstance(sent, list) and len(parsed) == len(sent):
        return [common(one, other) for one, other in zip(parsed, sent, strict=True)]
    return parsed


def whole(answer: Any) -> Any:
    """The model of an answer, which must hold all that was sent, unchanged."""
    assert answer.status_code in (200, 202)
    assert answer.headers["content-type"] == "application/json"
    sent = plain(json.loads(answer.raw_data))
    assert common(plain(answer.data.to_dict()), sent) == sent
    return answer.data


def stored(shop: Shop, *statements: tuple[Any, ...]) -> None:
    """Writes rows that no operation makes yet; `$1` is the project, the rest is given."""

    async def run() -> None:
        connection = await asyncpg.connect(shop.server.postgres.url)
        try:
            for statement, *arguments in statements:
                await connection.execute(statement, shop.id, *arguments)
        finally:
            await connection.close()

    asyncio.run(run())


IN_SEGMENT = "INSERT INTO segment_customers VALUES ($1, $2, $3)"


# --- one customer -------------------------------------------------------------------------------


def test_create_from_a_constructor(sdk: Sdk) -> None:
    body = CustomersCreateRequestBody(
        source_id="ann",
        name="Ann",
        birthdate=date(1985, 12, 31),
        birthday=date(1985, 12, 30),
        address=CustomersCreateRequestBodyAddress(city="Oslo", line_1="Storgata 1"),
        metadata={"vip": True, "visits": 3, "ratio": 0.5, "tags": ["a", "b"]},
    )
    customer = whole(sdk.customers.create_customer_with_http_info(body))
    assert re.fullmatch(r"cust_[0-9A-Za-z]{24}", customer.id)
    assert customer.object == "customer"
    assert customer.source_id == "ann"
    assert customer.name == "Ann"
    assert customer.email is None
    assert customer.birthdate == date(1985, 12, 31)
    assert customer.birthday == date(1985, 12, 30)
    assert (customer.address.city, customer.address.line_1) == ("Oslo", "Storgata 1")
    assert (customer.address.state, customer.address.country) == (None, None)
    assert customer.metadata == {"vip": True, "visits": 3, "ratio": 0.5, "tags": ["a", "b"]}
    assert customer.system_metadata == {}
    assert abs(customer.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert customer.updated_at is None
    assert customer.loyalty.points == 0
    assert customer.loyalty.referred_customers == 0
    assert customer.loyalty.campaigns == {}
    assert customer.referrals.total == 0
    assert customer.referrals.campaigns == []
    assert customer.summary.redemptions.total_redeemed == 0
    assert customer.summary.redemptions.gift.redeemed_amount == 0
    assert customer.summary.redemptions.loyalty_card.points_to_go == 0
    assert customer.summary.orders.total_amount == 0
    assert customer.summary.orders.last_order_date is None


def test_create_from_a_dict_and_get_by_either_id(sdk: Sdk) -> None:
    body = CustomersCreateRequestBody.from_dict(BOB)
    assert body.to_dict()["id"] is None  # what is not set travels as null
    created = whole(sdk.customers.create_customer_with_http_info(body))
    for name in (created.id, "bob"):
        found = whole(sdk.customers.get_customer_with_http_info(name))
        assert found.id == created.id
        assert found.name == "Bob Smith"
        assert found.description == "A frequent customer"
        assert found.email == "bob.smith@email.example"
        assert found.phone == "+1 933 222 3333"
        assert found.birthdate == date(1990, 2, 28)
        assert found.birthday is None
        assert found.address.to_dict() == BOB["address"]
        assert found.metadata == BOB["metadata"]


def test_create_again_updates_by_source_id_or_id(sdk: Sdk) -> None:
    first = sdk.create(source_id="ann", name="Ann", metadata={"a": 1})
    again = sdk.create(source_id="ann", phone="1", metadata={"b": 2})
    assert again.id == first.id
    assert (again.name, again.phone) == ("Ann", "1")
    assert again.metadata == {"a": 1, "b": 2}
    assert again.created_at == first.created_at
    assert again.updated_at >= first.created_at
    other = sdk.create(id=first.id, source_id="somebody else", name="Anna")
    assert (other.id, other.source_id, other.name) == (first.id, "ann", "Anna")


def test_nulls_of_unset_members_change_nothing(sdk: Sdk) -> None:
    sdk.customers.create_customer(CustomersCreateRequestBody.from_dict(BOB))
    known = dict(plain(sdk.customers.get_customer("bob").to_dict()))
    upsert = {"source_id": "bob", "phone": "1", "address": {"city": "Boston"}}
    for answer in (
        sdk.customers.create_customer_with_http_info(CustomersCreateRequestBody.from_dict(upsert)),
        sdk.customers.update_customer_with_http_info(
            "bob", CustomersUpdateRequestBody.from_dict(upsert)
        ),
        sdk.customers.update_customer_with_http_info(
            "bob",
            CustomersUpdateRequestBody(
                name=None,
                metadata=None,
                address=CustomersUpdateRequestBodyAddress(city="Boston", state=None),
            ),
        ),
    ):
        found = plain(whole(answer).to_dict())
        assert found.pop("updated_at") >= known["created_at"]
        assert found == known | {"phone": "1", "address": {**BOB["address"], "city": "Boston"}}


def test_a_null_address_clears_it(sdk: Sdk) -> None:
    sdk.create(source_id="ann", address=CustomersCreateRequestBodyAddress(city="Oslo"))
    kept = sdk.customers.update_customer("ann", CustomersUpdateRequestBody(name="Ann"))
    assert kept.address.city == "Oslo"
    cleared = whole(
        sdk.customers.update_customer_with_http_info(
            "ann", CustomersUpdateRequestBody(address=None)
        )
    )
    assert cleared.address is None
    assert cleared.name == "Ann"


def test_update(sdk: Sdk) -> None:
    created = sdk.create(source_id="ann", name="Ann", metadata={"a": 1})
    body = CustomersUpdateRequestBody(
        description="Prefers e-mail", birthdate=date(2000, 2, 29), metadata={"a": 2, "b": [True]}
    )
    for name in ("ann", created.id):
        updated = whole(sdk.customers.update_customer_with_http_info(name, body))
        assert updated.id == created.id
        assert updated.name == "Ann"
        assert updated.description == "Prefers e-mail"
        assert updated.birthdate == date(2000, 2, 29)
        assert updated.metadata == {"a": 2, "b": [True]}
        assert updated.updated_at is not None


@pytest.mark.parametrize("source_id", ["a/b", "a%2Fb", "ö ?#&=+", "100%_", "importCSV"])
def test_any_source_id_is_a_plain_name(sdk: Sdk, source_id: str) -> None:
    created = sdk.create(source_id=source_id, name="Odd")
    assert sdk.customers.get_customer(source_id).id == created.id
    assert sdk.customers.list_customer_activity(source_id).data[0].type == "customer.created"
    assert sdk.customers.list_customer_segments(source_id).total == 0
    assert sdk.customers.list_customer_redeemables(source_id).total == 0
    sdk.customers.update_customer(source_id, CustomersUpdateRequestBody(name="Even"))
    assert sdk.customers.list_customers(name="Even").customers[0].source_id == source_id
    sdk.customers.delete_customer(source_id)
    assert sdk.customers.list_customers().total == 0


def test_delete(sdk: Sdk) -> None:
    created = sdk.create(source_id="ann")
    answer = sdk.customers.delete_customer_with_http_info("ann")
    assert (answer.status_code, answer.data, answer.raw_data) == (204, None, b"")
    for name in ("ann", created.id):
        with pytest.raises(NotFoundException):
            sdk.customers.get_customer(name)
    assert sdk.create(source_id="ann").id != created.id


def test_permanent_deletion(sdk: Sdk) -> None:
    created = sdk.create(source_id="ann", name="Ann")
    sdk.create(source_id="ann", name="Anna")
    done = whole(sdk.customers.customer_permanently_deletion_with_http_info("ann"))
    assert re.fullmatch(r"del_\w+", done.id)
    assert done.object == "pernament_deletion"
    assert done.related_object == "customer"
    assert done.related_object_id == created.id
    assert done.status == "DONE"
    assert done.data_json.to_dict() == {
        "events": 0,
        "customer_events": 2,
        "daily_events": 0,
        "segments": 0,
        "orders": 0,
        "order_events": 0,
        "customer": 1,
    }
    assert abs(done.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    with pytest.raises(NotFoundException):
        sdk.customers.get_customer(created.id)
    with pytest.raises(NotFoundException):
        sdk.customers.customer_permanently_deletion("ann")


# --- the list -----------------------------------------------------------------------------------

A, B, C, D = "a", "b", "c", "d"


@pytest.fixture
def four(sdk: Sdk) -> list[CustomersCreateResponseBody]:
    """a, b, c and d, created in this order; b and then a were updated, d has no source id."""
    made = []
    for name, city in ((A, "Oslo"), (B, "Bergen"), (C, "Oslo"), (D, "Oslo")):
        made.append(
            sdk.create(
                source_id=name if name != D else None,
                name=name,
                email=f"{name}+x@shop.example",
                address=CustomersCreateRequestBodyAddress(city=city),
            )
        )
        time.sleep(0.003)  # timestamps are in whole milliseconds
    for name in (B, A):
        sdk.create(source_id=name, phone="1")
        time.sleep(0.003)
    return made


def names(sdk: Sdk, **arguments: Any) -> list[str]:
    """Who is listed; the envelope is checked on the way."""
    page = whole(sdk.customers.list_customers_with_http_info(**arguments))
    assert (page.object, page.data_ref) == ("list", "customers")
    return [customer.name for customer in page.customers]


def test_list_orders(sdk: Sdk, four: list[CustomersCreateResponseBody]) -> None:
    order = ParameterOrderListCustomers
    assert names(sdk) == [D, C, B, A]
    assert names(sdk, order=order.CREATED_AT) == [A, B, C, D]
    assert names(sdk, order=order.MINUS_CREATED_AT) == [D, C, B, A]
    assert names(sdk, order=order.UPDATED_AT)[2:] == [B, A]
    assert names(sdk, order=order.MINUS_UPDATED_AT)[:2] == [A, B]
    assert [name for name in names(sdk, order=order.SOURCE_ID) if name != D] == [A, B, C]
    assert [name for name in names(sdk, order=order.MINUS_SOURCE_ID) if name != D] == [C, B, A]


def test_list_filters(shop: Shop, sdk: Sdk, four: list[CustomersCreateResponseBody]) -> None:
    a, b, c, d = (sdk.customers.get_customer(customer.id) for customer in four)
    assert names(sdk, email="b+x@shop.example") == [B]
    assert names(sdk, email="%@shop.example") == []
    assert names(sdk, name="c") == [C]
    assert names(sdk, name="_") == []
    assert names(sdk, city="Oslo") == [D, C, A]
    assert names(sdk, city="oslo") == []
    assert names(sdk, city="Oslo", name="a") == [A]
    assert names(sdk, created_at_before=c.created_at) == [B, A]
    assert names(sdk, created_at_after=b.created_at) == [D, C]
    assert names(sdk, created_at_after=a.created_at, created_at_before=d.created_at) == [C, B]
    assert names(sdk, updated_at_before=a.updated_at) == [B]
    assert names(sdk, updated_at_after=b.updated_at) == [A]
    # In another zone and without one, where UTC is meant.
    zone = c.created_at.astimezone(datetime.strptime("+0530", "%z").tzinfo)
    assert names(sdk, created_at_after=zone) == [D]
    assert names(sdk, created_at_after=c.created_at.replace(tzinfo=None)) == [D]
    assert names(sdk, created_at_before=datetime(2020, 1, 1, tzinfo=UTC)) == []
    stored(
        shop,
        ("INSERT INTO segments VALUES ($1, 'seg_1', 'Some', now())",),
        (IN_SEGMENT, "seg_1", a.id),
        (IN_SEGMENT, "seg_1", b.id),
    )
    assert names(sdk, segment_id="seg_1") == [B, A]
    assert names(sdk, segment_id="seg_1", city="Oslo") == [A]
    assert names(sdk, segment_id="seg_2") == []


def test_list_pages_and_cursors(sdk: Sdk, four: list[CustomersCreateResponseBody]) -> None:
    order = ParameterOrderListCustomers
    page = sdk.customers.list_customers(limit=3)
    assert [customer.name for customer in page.customers] == [D, C, B]
    assert (page.total, page.has_more) == (4, True)
    page = sdk.customers.list_customers(limit=3, page=2)
    assert [customer.name for customer in page.customers] == [A]
    assert (page.total, page.has_more) == (4, False)
    assert names(sdk, limit=100, page=99) == []
    seen, cursor = [], None
    while True:
        page = sdk.customers.list_customers(limit=1, starting_after=cursor)
        seen += [customer.name for customer in page.customers]
        if not page.has_more:
            break
        cursor = page.customers[-1].created_at
    assert seen == [D, C, B, A]
    oldest_first = {"order": order.CREATED_AT, "limit": 2}
    assert names(sdk, starting_after=four[0].created_at, **oldest_first) == [B, C]
    assert names(sdk, starting_after=four[2].created_at, **oldest_first) == [D]
    page = sdk.customers.list_customers(city="Oslo", limit=1, starting_after=four[3].created_at)
    assert [customer.name for customer in page.customers] == [C]
    assert (page.total, page.has_more) == (3, True)


# --- what hangs on a customer -------------------------------------------------------------------


def test_activity(sdk: Sdk) -> None:
    created = sdk.create(source_id="ann", name="Ann")
    for name in ("Bea", "Cleo"):
        time.sleep(0.003)
        sdk.create(source_id="ann", name=name)

    def seen(**arguments: Any) -> list[str]:
        answer = sdk.customers.list_customer_activity_with_http_info("ann", **arguments)
        return [activity.data["customer"]["name"] for activity in whole(answer).data]

    listed = whole(sdk.customers.list_customer_activity_with_http_info(created.id))
    assert (listed.object, listed.data_ref, listed.has_more) == ("list", "data", False)
    assert listed.more_starting_after is None
    assert [activity.type for activity in listed.data] == [
        "customer.updated",
        "customer.updated",
        "customer.created",
    ]
    last, _, first = listed.data
    assert re.fullmatch(r"evcus_[0-9a-f]{18}", first.id)
    assert re.fullmatch(r"v-[0-9a-f]{18}", first.group_id)
    assert first.created_at == created.created_at
    assert first.data["customer"]["id"] == created.id
    assert last.data["customer"]["name"] == "Cleo"

    assert seen(order=ParameterOrderCreatedAt.CREATED_AT) == ["Ann", "Bea", "Cleo"]
    assert seen(order=ParameterOrderCreatedAt.MINUS_CREATED_AT) == ["Cleo", "Bea", "Ann"]
    assert seen(type=ParameterCustomerEvent.CUSTOMER_DOT_CREATED) == ["Ann"]
    assert seen(type=ParameterCustomerEvent.CUSTOMER_DOT_REWARDED) == []
    assert seen(category=ParameterActivityCategory.ACTION) == ["Cleo", "Bea", "Ann"]
    assert seen(category=ParameterActivityCategory.EFFECT) == []
    assert seen(start_date=last.created_at) == ["Cleo"]
    assert seen(end_date=first.created_at) == ["Ann"]
    assert seen(campaign_id="camp_1") == []
    assert seen(campaign_type=ParameterCampaignType.LOYALTY_PROGRAM) == []
    page = sdk.customers.list_customer_activity("ann", limit=2)
    assert page.has_more
    assert page.more_starting_after == page.data[-1].id
    assert seen(starting_after_id=page.more_starting_after) == ["Ann"]


def test_the_older_list_of_activities(sdk: Sdk) -> None:
    """The SDK has no method for it, but its client can call any path."""
    created = sdk.create(source_id="ann")
    request = sdk.client.param_serialize(
        "GET",
        "/v1/customers/{customerId}/activities",
        path_params={"customerId": "ann"},
        query_params=[("limit", 5)],
        auth_settings=["X-App-Id", "X-App-Token"],
    )
    answer = sdk.client.call_api(*request)
    answer.read()
    parsed = sdk.client.response_deserialize(answer, {"2XX": "CustomersActivityListResponseBody"})
    assert [activity.data["customer"]["id"] for activity in parsed.data.data] == [created.id]
    assert json.loads(parsed.raw_data)["total"] == 1


def test_segments(shop: Shop, sdk: Sdk) -> None:
    ann = sdk.create(source_id="ann")
    none = whole(sdk.customers.list_customer_segments_with_http_info("ann"))
    assert (none.object, none.data_ref, none.total, none.data) == ("list", "data", 0, [])
    stored(
        shop,
        ("INSERT INTO segments VALUES ($1, 'seg_old', 'Old', '2020-01-01Z')",),
        ("INSERT INTO segments VALUES ($1, 'seg_new', 'New', '2021-01-01Z')",),
        (IN_SEGMENT, "seg_old", ann.id),
        (IN_SEGMENT, "seg_new", ann.id),
    )
    for name in (ann.id, "ann"):
        some = whole(sdk.customers.list_customer_segments_with_http_info(name))
        assert some.total == 2
        assert [(segment.id, segment.name, segment.object) for segment in some.data] == [
            ("seg_new", "New", "segment"),
            ("seg_old", "Old", "segment"),
        ]


# What a customer holds: id, what it is, the role, the campaign and its type, and days of age.
HELD = [
    ("rh_1", "v_1", "OWNER", "camp_1", "LOYALTY_PROGRAM", "LOYALTY_CARD", 40),
    ("rh_2", "v_2", "OWNER", "camp_2", "GIFT_VOUCHERS", "GIFT_VOUCHER", 30),
    ("rh_3", "v_3", "REFERRER", "camp_3", "REFERRAL_PROGRAM", "DISCOUNT_VOUCHER", 20),
    ("rh_4", "v_4", "REFEREE", None, None, "DISCOUNT_VOUCHER", 10),
]
HOLD = """
INSERT INTO redeemable_holders (project_id, customer_id, id, redeemable_id, redeemable_object,
    holder_role, campaign_id, campaign_type, voucher_type, created_at)
VALUES ($1, $2, $3, $4, 'voucher', $5, $6, $7, $8, now() - $9 * interval '1 day')
"""
VOUCHER = """
INSERT INTO vouchers (project_id, id, code, code_key, type, active, created_at, effect)
VALUES ($1, $2, $2, $2, $3, true, now(), 'APPLY_TO_ORDER')
"""


@pytest.fixture
def holder(shop: Shop, sdk: Sdk) -> CustomersCreateResponseBody:
    """A customer who holds what `HELD` says, and beside them one who holds something else."""
    ann, bea = sdk.create(source_id="ann"), sdk.create(source_id="bea")
    stored(shop, *((VOUCHER, row[1], row[5]) for row in HELD), (VOUCHER, "v_5", "DISCOUNT_VOUCHER"))
    stored(shop, *((HOLD, ann.id, *row) for row in HELD))
    stored(shop, (HOLD, bea.id, "rh_5", "v_5", "OWNER", None, None, "DISCOUNT_VOUCHER", 5))
    return ann


def test_redeemables(sdk: Sdk, holder: CustomersCreateResponseBody) -> None:
    for name in ("ann", holder.id):
        page = whole(sdk.customers.list_customer_redeemables_with_http_info(name))
        assert (page.object, page.data_ref, page.total, page.has_more) == ("list", "data", 4, False)
        assert [held.id for held in page.data] == ["rh_4", "rh_3", "rh_2", "rh_1"]
    last = page.data[0]
    assert last.redeemable_id == "v_4"
    assert (last.redeemable.voucher.code, last.redeemable.status) == ("v_4", "ACTIVE")
    assert last.redeemable_object == "voucher"
    assert last.customer_id == holder.id
    assert last.holder_role == "REFEREE"
    assert last.campaign_id is None
    assert last.voucher_type == "DISCOUNT_VOUCHER"
    assert timedelta(days=9) < datetime.now(UTC) - last.created_at < timedelta(days=11)
    assert page.data[3].campaign_id == "camp_1"
    assert page.data[3].campaign_type == "LOYALTY_PROGRAM"

    oldest_first = {"order": ParameterOrderListRedeemables.ID, "limit": 3}
    page = sdk.customers.list_customer_redeemables("ann", **oldest_first)
    assert [held.id for held in page.data] == ["rh_1", "rh_2", "rh_3"]
    assert (page.total, page.has_more, page.more_starting_after) == (4, True, "rh_3")
    page = sdk.customers.list_customer_redeemables(
        "ann", starting_after_id=page.more_starting_after, **oldest_first
    )
    assert [held.id for held in page.data] == ["rh_4"]
    assert (page.has_more, page.more_starting_after) == (False, None)


def ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


# The SDK writes filters[a][conditions][$b]=c, with None for what is unset, and a list as Python
# prints it.
@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, "4321"),
        ({"id": {"conditions": {"$is": "rh_2"}}}, "2"),
        ({"redeemable_id": {"conditions": {"$is_not": "v_2"}}}, "431"),
        ({"redeemable_id": {"conditions": {"$contains": "_3"}}}, "3"),
        ({"redeemable_id": {"conditions": {"$not_contain": "_3"}}}, "421"),
        ({"campaign_id": {"conditions": {"$starts_with": "camp_"}}}, "321"),
        ({"campaign_id": {"conditions": {"$ends_with": "_2"}}}, "2"),
        ({"campaign_id": {"conditions": {"$starts_with": "%"}}}, ""),
        ({"holder_role": {"conditions": {"$in": ["OWNER"]}}}, "21"),
        ({"holder_role": {"conditions": {"$in": ["REFERRER", "REFEREE"]}}}, "43"),
        ({"holder_role": {"conditions": {"$not_in": ["REFERRER", "OWNER"]}}}, "4"),
        ({"campaign_type": {"conditions": {"$in": ["LOYALTY_PROGRAM", "GIFT_VOUCHERS"]}}}, "21"),
        ({"voucher_type": {"conditions": {"$in": ["DISCOUNT_VOUCHER"]}}}, "43"),
        ({"campaign_id": {"conditions": {"$in": ["it's", 'say "x"', "camp_3", "a, b"]}}}, "3"),
        ({"campaign_id": {"conditions": {"$has_value": ""}}}, "321"),
        ({"campaign_id": {"conditions": {"$is_unknown": ""}}}, "4"),
        ({"created_at": {"conditions": {"$after": ago(25)}}}, "43"),
        ({"created_at": {"conditions": {"$before": ago(25)}}}, "21"),
        ({"created_at": {"conditions": {"$more_than": 35}}}, "1"),
        ({"created_at": {"conditions": {"$less_than": 15}}}, "4"),
        (
            {
                "holder_role": {"conditions": {"$is": "OWNER"}},
                "voucher_type": {"conditions": {"$is": "LOYALTY_CARD"}},
            },
            "1",
        ),
        (
            {
                "holder_role": {"conditions": {"$is": "REFEREE"}},
                "voucher_type": {"conditions": {"$is": "LOYALTY_CARD"}},
                "junction": "or",
            },
            "41",
        ),
    ],
)
def test_redeemables_filters(
    sdk: Sdk, holder: CustomersCreateResponseBody, filters: dict[str, Any], expected: str
) -> None:
    answer = sdk.customers.list_customer_redeemables_with_http_info(
        "ann", filters=ParameterFiltersListCustomerRedeemables.from_dict(filters)
    )
    page = whole(answer)
    assert [held.id for held in page.data] == [f"rh_{number}" for number in expected]
    assert page.total == len(expected)


def test_redeemables_filters_from_constructors(
    sdk: Sdk, holder: CustomersCreateResponseBody
) -> None:
    filters = ParameterFiltersListCustomerRedeemables(
        holder_role=ParameterFiltersListCustomerRedeemablesHolderRole(
            conditions=ParameterFiltersListCustomerRedeemablesHolderRoleConditions(
                var_in=["OWNER", "REFEREE"]
            )
        ),
        # Unless told otherwise, the SDK asks for those that are and those that are not vouchers.
        redeemable_object=ParameterFiltersListCustomerRedeemablesRedeemableObject(
            conditions=ParameterFiltersListCustomerRedeemablesRedeemableObjectConditions(
                var_is="voucher", is_not=None
            )
        ),
    )
    page = whole(
        sdk.customers.list_customer_redeemables_with_http_info(
            "ann", filters=filters, order=ParameterOrderListRedeemables.MINUS_ID, limit=2
        )
    )
    assert [held.id for held in page.data] == ["rh_4", "rh_2"]
    assert (page.total, page.has_more, page.more_starting_after) == (3, True, "rh_2")


# --- many customers -----------------------------------------------------------------------------


def report(action: AsyncActionGetResponseBody) -> list[str]:
    """The lines of an action's report without the ids, fetched as anybody with the link would."""
    text = httpx.get(action.result["reports"][0]).raise_for_status().text
    return [re.sub(r"cust_[0-9A-Za-z]{24}", "(id)", line) for line in text.splitlines()]


def test_bulk_update(sdk: Sdk) -> None:
    known = sdk.create(source_id="ann", name="Ann", phone="1", metadata={"a": 1})
    accepted = whole(
        sdk.customers.update_customers_in_bulk_with_http_info(
            [
                CustomersUpdateInBulkRequestBody(
                    source_id="ann",
                    name="Anna",
                    birthdate=date(1985, 12, 31),
                    address=CustomersUpdateInBulkRequestBodyAddress(city="Oslo"),
                    metadata={"b": 2},
                ),
                CustomersUpdateInBulkRequestBody.from_dict({**BOB, "source_id": "new"}),
                CustomersUpdateInBulkRequestBody(source_id="long", name="x" * 256),
            ]
        )
    )
    action = sdk.finished(accepted.async_action_id)
    assert re.fullmatch(r"aa_[0-9a-f]{18}", action.id)
    assert action.id == accepted.async_action_id
    assert action.object == "async_action"
    assert action.type == "CUSTOMERS.BULK_UPDATE"
    assert (action.status, action.operation_status) == ("DONE", "SUCCESS")
    assert action.progress == 100
    assert action.processing_time >= 0
    assert action.created_at <= action.updated_at
    assert re.fullmatch(r"v-[0-9a-f]{18}", action.request_id)
    assert (action.result["done_count"], action.result["failed_count"]) == (2, 1)
    (failure,) = action.result["errors"]
    assert failure == {
        "source_id": "long",
        "message": "Invalid payload",
        "details": "Property .name should NOT be longer than 255 characters",
        "key": "invalid_payload",
    }
    assert report(action) == [
        "row,source_id,id,found,updated,error",
        "1,ann,(id),true,true,",
        "2,new,(id),false,true,",
        "3,long,,false,false,Property .name should NOT be longer than 255 characters",
    ]
    ann = sdk.customers.get_customer("ann")
    assert (ann.id, ann.name, ann.phone) == (known.id, "Anna", "1")
    assert ann.birthdate == date(1985, 12, 31)
    assert ann.address.city == "Oslo"
    assert ann.metadata == {"a": 1, "b": 2}
    new = sdk.customers.get_customer("new")
    assert new.address.to_dict() == BOB["address"]
    assert new.metadata == BOB["metadata"]


def test_nulls_of_unset_members_change_nothing_in_bulk(sdk: Sdk) -> None:
    sdk.customers.create_customer(CustomersCreateRequestBody.from_dict(BOB))
    for change in ({"phone": "1"}, {"address": {"city": "Boston"}}):
        row = CustomersUpdateInBulkRequestBody.from_dict({"source_id": "bob", **change})
        sdk.finished(sdk.customers.update_customers_in_bulk([row]).async_action_id)
    found = sdk.customers.get_customer("bob")
    assert (found.name, found.phone, found.birthdate) == ("Bob Smith", "1", date(1990, 2, 28))
    assert found.metadata == BOB["metadata"]
    assert found.address is not None
    assert found.address.to_dict() == BOB["address"] | {"city": "Boston"}


def test_bulk_metadata_update(sdk: Sdk) -> None:
    sdk.create(source_id="ann", name="Ann", metadata={"a": 1, "b": 1})
    body = CustomersMetadataUpdateInBulkRequestBody(
        source_ids=["ann", "new"], metadata={"b": 2, "c": {"d": [1.5]}}
    )
    accepted = whole(sdk.customers.update_customers_metadata_in_bulk_with_http_info(body))
    action = sdk.finished(accepted.async_action_id)
    assert (action.type, action.status) == ("CUSTOMERS.METADATA_UPDATE", "DONE")
    assert (action.result["done_count"], action.result["failed_count"]) == (2, 0)
    assert action.result["errors"] == []
    ann, new = (sdk.customers.get_customer(name) for name in ("ann", "new"))
    assert (ann.name, ann.metadata) == ("Ann", {"a": 1, "b": 2, "c": {"d": [1.5]}})
    assert (new.name, new.metadata) == (None, {"b": 2, "c": {"d": [1.5]}})


CSV = b"""Source_id,Name,Birthdate,Address_city,Loves
ann,"Ann, the first",1985-12-31,Oslo,tea
bea,Bea,someday,Bergen,coffee
cleo,Cleo,,,
"""


@pytest.mark.parametrize("as_path", [False, True])
def test_import_csv(sdk: Sdk, tmp_path: Path, as_path: bool) -> None:
    """The SDK takes a file's content or its path."""
    file = tmp_path / "customers.csv"
    file.write_bytes(CSV)
    answer = sdk.customers.import_customers_using_csv_with_http_info(str(file) if as_path else CSV)
    action = sdk.finished(whole(answer).async_action_id)
    assert (action.type, action.status) == ("CUSTOMERS.IMPORT_CSV", "DONE")
    assert (action.result["done_count"], action.result["failed_count"]) == (2, 1)
    reason = "Property .birthdate cannot be recognized as a ISO-8601 compliant date"
    assert action.result["failed"] == [{"source_id": "bea", "row": 2, "reason": reason}]
    assert datetime.fromisoformat(action.result["reports_available_till"]) > datetime.now(UTC)
    assert report(action)[1:] == [
        "1,ann,(id),false,true,",
        f"2,bea,,false,false,{reason}",
        "3,cleo,(id),false,true,",
    ]
    ann, cleo = (sdk.customers.get_customer(name) for name in ("ann", "cleo"))
    assert (ann.name, ann.birthdate) == ("Ann, the first", date(1985, 12, 31))
    assert (ann.address.city, ann.metadata) == ("Oslo", {"Loves": "tea"})
    assert (cleo.name, cleo.birthdate, cleo.address, cleo.metadata) == ("Cleo", None, None, {})


def test_list_async_actions(sdk: Sdk) -> None:
    ids = []
    for source_id in ("a", "b", "c"):
        row = CustomersUpdateInBulkRequestBody(source_id=source_id)
        ids.append(sdk.customers.update_customers_in_bulk([row]).async_action_id)
        time.sleep(0.003)
    last = sdk.finished(ids[2])
    listed = whole(sdk.actions.list_async_actions_with_http_info())
    assert (listed.object, listed.data_ref, listed.has_more) == ("list", "async_actions", False)
    assert [action.id for action in listed.async_actions] == ids[::-1]
    assert [action.status for action in listed.async_actions] == ["DONE"] * 3
    assert listed.async_actions[0].created_at == last.created_at
    assert listed.async_actions[0].operation_status == "SUCCESS"
    page = sdk.actions.list_async_actions(limit=1)
    assert ([action.id for action in page.async_actions], page.has_more) == (ids[2:], True)
    page = sdk.actions.list_async_actions(limit=1, end_date=last.created_at)
    assert ([action.id for action in page.async_actions], page.has_more) == ([ids[1]], True)
    with pytest.raises(NotFoundException):
        sdk.actions.get_async_action("aa_000000000000000000")


# --- tokens and errors --------------------------------------------------------------------------


def token(shop: Shop, scope: str) -> str:
    form = {"grant_type": "client_credentials", "scope": scope}
    answer = shop.api.post("/v1/oauth/token", data=form).raise_for_status().json()
    return str(answer["access_token"])


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Authorization", "Bearer {}"),
        ("X-Voucherify-OAuth", "Bearer {}"),
        ("X-Voucherify-OAuth", "{}"),
    ],
)
def test_a_token_instead_of_keys(shop: Shop, header: str, value: str) -> None:
    client = ApiClient(Configuration(host=shop.server.url))
    client.set_default_header(header, value.format(token(shop, "customers async-actions")))
    sdk = Sdk(client)
    created = sdk.create(source_id="ann", name="Ann")
    assert whole(sdk.customers.get_customer_with_http_info("ann")).id == created.id
    accepted = sdk.customers.import_customers_using_csv(b"Source_id\nbea\n")
    assert sdk.finished(accepted.async_action_id).result["done_count"] == 1
    assert names(sdk) == [None, "Ann"]
    sdk.customers.delete_customer("ann")
    assert shop.api.get("/v1/customers/ann").status_code == 404


def told(raised: pytest.ExceptionInfo[Any]) -> dict[str, Any]:
    """What an exception carries of our answer: its body, but for the request's id."""
    assert raised.value.headers["Content-Type"] == "application/json"
    body: dict[str, Any] = json.loads(raised.value.body)
    assert body["code"] == raised.value.status
    assert re.fullmatch(r"v-[0-9a-f]{18}", body.pop("request_id"))
    return body


def test_a_token_without_the_scope(shop: Shop) -> None:
    client = ApiClient(Configuration(host=shop.server.url))
    client.set_default_header("Authorization", f"Bearer {token(shop, 'vouchers')}")
    with pytest.raises(ForbiddenException) as raised:
        Sdk(client).create(source_id="ann")
    assert raised.value.status == 403
    assert told(raised)["key"] == "forbidden"


@pytest.mark.parametrize("app_token", ["wrong", None])
def test_wrong_keys(shop: Shop, app_token: str | None) -> None:
    app_id = shop.project["server_side_key"]["app_id"]
    keys = {"X-App-Id": app_id} | ({} if app_token is None else {"X-App-Token": app_token})
    sdk = Sdk(ApiClient(Configuration(host=shop.server.url, api_key=keys)))
    with pytest.raises(UnauthorizedException) as raised:
        sdk.create(source_id="ann")
    assert raised.value.status == 401
    assert told(raised)["key"] == "unauthorized"


def test_not_found(sdk: Sdk) -> None:
    with pytest.raises(NotFoundException) as raised:
        sdk.customers.get_customer("nobody")
    assert raised.value.status == 404
    assert raised.value.reason == "Not Found"
    assert told(raised) == {
        "code": 404,
        "key": "not_found",
        "message": "Resource not found",
        "details": "Cannot find customer with id nobody",
        "resource_id": "nobody",
        "resource_type": "customer",
    }
    body = CustomersUpdateRequestBody(name="Ann")
    for call in (
        lambda: sdk.customers.update_customer("nobody", body),
        lambda: sdk.customers.delete_customer("nobody"),
        lambda: sdk.customers.customer_permanently_deletion("nobody"),
        lambda: sdk.customers.list_customer_activity("nobody"),
        lambda: sdk.customers.list_customer_redeemables("nobody"),
    ):
        with pytest.raises(NotFoundException) as raised:
            call()
        assert told(raised)["resource_id"] == "nobody"


def test_bad_requests(sdk: Sdk) -> None:
    with pytest.raises(BadRequestException) as raised:
        sdk.create(source_id="ann", name="x" * 256)
    assert raised.value.status == 400
    assert told(raised) == {
        "code": 400,
        "key": "invalid_payload",
        "message": "Invalid payload",
        "details": "Property .name should NOT be longer than 255 characters",
    }
    with pytest.raises(BadRequestException) as raised:
        sdk.customers.list_customers(
            order=ParameterOrderListCustomers.SOURCE_ID, starting_after=datetime.now(UTC)
        )
    assert told(raised)["key"] == "invalid_query_params"
    with pytest.raises(BadRequestException) as raised:
        sdk.customers.import_customers_using_csv(b"Name\nAnn\n")
    assert told(raised)["key"] == "invalid_payload"
    assert names(sdk) == []


def test_a_source_id_that_is_taken(sdk: Sdk) -> None:
    sdk.create(source_id="ann")
    unused = "cust_" + "0" * 24
    with pytest.raises(ApiException) as raised:
        sdk.create(id=unused, source_id="ann")
    assert raised.value.status == 409
    body = told(raised)
    assert (body["key"], body["resource_id"]) == ("duplicate_found", "ann")
    assert sdk.customers.list_customers().total == 1


# --- projects -----------------------------------------------------------------------------------


def test_projects(server: Server, projects: ManagementApi) -> None:
    body = ManagementProjectsCreateRequestBody(
        name="Shop",
        description="Tea and coffee",
        timezone="Europe/Oslo",
        currency="NOK",
        dial_code="47",
        case_sensitive_codes=False,
        client_trusted_domains=["https://tea.example"],
        client_create_customer_enabled=True,
    )
    made = projects.create_project(body)
    assert re.fullmatch(r"proj_\w+", made.id)
    assert made.name == "Shop"
    assert made.description == "Tea and coffee"
    assert (made.timezone, made.currency, made.dial_code) == ("Europe/Oslo", "NOK", "47")
    assert made.case_sensitive_codes is False
    assert made.client_trusted_domains == ["https://tea.example"]
    assert made.client_create_customer_enabled is True
    assert made.client_publish_enabled is False
    assert made.api_version == "v2018-08-01"
    assert made.webhook_version == "v2024-01-01"
    assert made.webhook_token
    key = made.server_side_key
    sdk = Sdk(keys_of(server.url, key.app_id, key.app_token))
    sdk.create(source_id="ann")
    browser = server.anonymous(
        X_Client_Application_Id=made.client_side_key.app_id,
        X_Client_Token=made.client_side_key.app_token,
        Origin="https://tea.example",
    )
    assert browser.post("/client/v1/customers", json={"source_id": "bea"}).status_code == 200
    assert sdk.customers.list_customers().total == 2

    found = whole(projects.get_project_with_http_info(made.id))
    assert (found.id, found.name, found.webhook_token) == (made.id, "Shop", made.webhook_token)
    assert found.default_code_config.charset == "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

    listed = whole(projects.list_projects_with_http_info())
    assert (listed.object, listed.data_ref, listed.total) == ("list", "data", len(listed.data))
    assert [project.name for project in listed.data if project.id == made.id] == ["Shop"]

    changes = ManagementProjectsUpdateRequestBody(name="Tea shop", currency="EUR")
    changed = whole(projects.update_project_with_http_info(made.id, changes))
    assert (changed.id, changed.name, changed.currency) == (made.id, "Tea shop", "EUR")
    assert (changed.timezone, changed.dial_code) == ("Europe/Oslo", "47")

    gone = projects.delete_project_with_http_info(made.id)
    assert (gone.status_code, gone.raw_data) == (204, b"")
    with pytest.raises(NotFoundException) as raised:
        projects.get_project(made.id)
    assert told(raised)["key"] == "not_found"

    def refused() -> bool:
        try:
            sdk.customers.list_customers()
        except UnauthorizedException:
            return True
        return False

    assert until(refused, 3)


def test_a_project_from_a_dict(projects: ManagementApi) -> None:
    """With a null for all that is not said, nested too."""
    calls = {"value": 80, "emails": ["ops@shop.example"], "in_app": True, "enabled": True}
    callouts = {"email": True, "emails": ["ops@shop.example"], "in_app": False}
    members = {
        "name": "Shop",
        "dial_code": "47",
        "api_usage_notifications": {"api_calls": calls},
        "webhooks_callout_notifications": {"webhooks": callouts},
    }
    made = projects.create_project(ManagementProjectsCreateRequestBody.from_dict(members))
    assert common(plain(made.to_dict()), members) == members
    assert (made.timezone, made.currency, made.case_sensitive_codes) == ("UTC", "USD", True)
    changes = {"name": "Tea shop", "client_redeem_enabled": True}
    changed = whole(
        projects.update_project_with_http_info(
            made.id, ManagementProjectsUpdateRequestBody.from_dict(changes)
        )
    )
    members |= changes
    assert common(plain(changed.to_dict()), members) == members
    charset = {"default_code_config": {"charset": "AB"}}
    changed = projects.update_project(
        made.id, ManagementProjectsUpdateRequestBody.from_dict(charset)
    )
    assert changed.default_code_config.charset == "AB"
    assert changed.name == "Tea shop"
    projects.delete_project(made.id)


def test_projects_need_a_management_key(shop: Shop) -> None:
    key = shop.project["server_side_key"]
    client = ManagementApi(keys_of(shop.server.url, key["app_id"], key["app_token"]))
    with pytest.raises(UnauthorizedException) as raised:
        client.list_projects()
    assert told(raised)["key"] == "unauthorized"
