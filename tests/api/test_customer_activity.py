from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api.test_customers import UNUSED, save, sql
from tests.running import Shop

START = datetime(2024, 1, 1, tzinfo=UTC)


def unchecked(shop: Shop, path: str, **options: Any) -> httpx.Response:
    """An answer that is not held against the reference: its eighty kinds of activity take long to
    try.
    """
    return httpx.get(f"{shop.server.url}{path}", headers=shop.api.headers, **options)


def activity(shop: Shop, path: str, form: str = "activity", **params: Any) -> dict[str, Any]:
    answer = unchecked(shop, f"/v1/customers/{path}/{form}", params=params)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def happened(shop: Shop, customer_id: str, *events: tuple[Any, ...]) -> None:
    """Events e0, e1, ... a second apart: (type, campaign, campaign type, product), of which those
    at the end may be left out.
    """
    rows = [(*event, None, None, None)[:4] for event in events]
    sql(
        shop,
        "INSERT INTO events (project_id, id, type, customer_id, campaign_id, campaign_type, "
        "product_id, group_id, data, created_at) "
        "SELECT $1, 'e' || n - 1, type, $2, campaign, kind, product, 'v-9', '{}', "
        "$7::timestamptz + (n - 1) * interval '1 s' "
        "FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) "
        "WITH ORDINALITY AS row (type, campaign, kind, product, n)",
        customer_id,
        *([row[place] for row in rows] for place in range(4)),
        START,
    )


def ids(page: dict[str, Any]) -> list[str]:
    return [event["id"] for event in page["data"]]


# --- what is written ----------------------------------------------------------------------------


def test_activity_tells_what_happened_to_the_customer(shop: Shop) -> None:
    save(shop, source_id="somebody else")
    created = save(shop, source_id="bob", name="Bob")
    updated = save(shop, source_id="bob", metadata={"a": 1})
    put = shop.api.put("/v1/customers/bob", json={"name": "Robert"}).json()
    # Nothing comes of what is refused or only read.
    shop.api.post("/v1/customers", json={"source_id": "bob", "name": 1})
    shop.api.get("/v1/customers/bob")
    page = shop.api.get("/v1/customers/bob/activity").json()
    assert set(page) == {"object", "data_ref", "data", "has_more"}
    assert (page["object"], page["data_ref"], page["has_more"]) == ("list", "data", False)
    assert [(event["type"], event["data"]) for event in page["data"]] == [
        ("customer.updated", {"customer": put}),
        ("customer.updated", {"customer": updated}),
        ("customer.created", {"customer": created}),
    ]
    for event, customer in zip(page["data"], (put, updated, created), strict=True):
        assert set(event) == {"id", "type", "data", "created_at", "group_id"}
        assert re.fullmatch(r"evcus_[0-9a-f]{18}", event["id"])
        assert re.fullmatch(r"v-[0-9a-f]{18}", event["group_id"])
        assert event["created_at"] == customer.get("updated_at", customer["created_at"])
    assert len({event["group_id"] for event in page["data"]}) == 3
    assert activity(shop, created["id"]) == page
    older = shop.api.get("/v1/customers/bob/activities").json()
    assert older == {"object": "list", "data_ref": "data", "data": page["data"], "total": 3}


def test_a_customer_with_the_name_of_a_deleted_one_begins_anew(shop: Shop) -> None:
    save(shop, source_id="bob", name="Old")
    shop.api.delete("/v1/customers/bob")
    deleted = sql(
        shop,
        "SELECT data #>> '{customer,name}' FROM events "
        "WHERE project_id = $1 AND type = 'customer.deleted'",
    )
    assert [row[0] for row in deleted] == ["Old"]
    save(shop, source_id="bob", name="New")
    page = activity(shop, "bob", "activities")
    assert [event["data"]["customer"]["name"] for event in page["data"]] == ["New"]
    assert page["total"] == 1


@pytest.mark.parametrize("form", ["activity", "activities", "redeemables"])
def test_an_unknown_customer_has_no_such_list(shop: Shop, form: str) -> None:
    save(shop, source_id="gone")
    shop.api.delete("/v1/customers/gone")
    for unknown in (UNUSED, "nobody", "gone"):
        answer = shop.api.get(f"/v1/customers/{unknown}/{form}")
        assert answer.status_code == 404
        assert answer.json()["key"] == "not_found"
        assert answer.json()["resource_id"] == unknown


# --- filters ------------------------------------------------------------------------------------

STORY = (
    ("customer.redemption.succeeded", "camp_1", "DISCOUNT_COUPONS", "prod_1"),
    ("customer.segment.entered",),
    ("customer.redemption.succeeded", "camp_2", "LOYALTY_PROGRAM"),
    ("customer.segment.left", "camp_1", "DISCOUNT_COUPONS"),
    ("customer.custom_event", None, None, "prod_2"),
)


def teller(shop: Shop) -> str:
    """A customer with a story of their own, and one whose story must stay out of it."""
    for name in ("other", "bob"):
        save(shop, source_id=name)
    sql(shop, "DELETE FROM events WHERE project_id = $1")
    customer: str = shop.api.get("/v1/customers/bob").json()["id"]
    happened(shop, customer, *STORY)
    sql(
        shop,
        "INSERT INTO events (project_id, id, type, customer_id, campaign_id, campaign_type, "
        "product_id, group_id, data, created_at) VALUES ($1, 'x', 'customer.custom_event', "
        "$2, 'camp_1', 'DISCOUNT_COUPONS', 'prod_1', 'v-8', '{}', $3)",
        shop.api.get("/v1/customers/other").json()["id"],
        START,
    )
    return customer


def test_activity_filters(shop: Shop) -> None:
    teller(shop)

    def found(**params: Any) -> list[str]:
        return ids(activity(shop, "bob", **params))

    assert found() == ["e4", "e3", "e2", "e1", "e0"]
    assert found(order="-created_at") == ["e4", "e3", "e2", "e1", "e0"]
    assert found(order="created_at") == ["e0", "e1", "e2", "e3", "e4"]
    assert found(type="customer.redemption.succeeded") == ["e2", "e0"]
    assert found(type="customer.created") == []
    assert found(category="EFFECT") == ["e3", "e1"]
    assert found(category="ACTION") == ["e4", "e2", "e0"]
    assert found(category="ACTION", type="customer.segment.left") == []
    assert found(campaign_id="camp_1") == ["e3", "e0"]
    assert found(campaign_id="camp_") == []
    assert found(campaign_type="LOYALTY_PROGRAM") == ["e2"]
    assert found(campaign_type="PROMOTION") == []
    assert found(campaign_id="camp_1", category="ACTION") == ["e0"]
    # Both ends of a span belong to it.
    span = {"start_date": "2024-01-01T00:00:01.000Z", "end_date": "2024-01-01T00:00:03.000Z"}
    assert found(**span) == ["e3", "e2", "e1"]
    assert found(start_date="2024-01-01T00:00:03.001Z") == ["e4"]
    assert found(end_date="2024-01-01") == ["e0"]
    assert found(**span, category="EFFECT", order="created_at") == ["e1", "e3"]


def test_activities_filters_and_total(shop: Shop) -> None:
    teller(shop)

    def found(**params: Any) -> list[str]:
        page = activity(shop, "bob", "activities", **params)
        # The total is of all that match, not of the page.
        assert page["total"] == len(page["data"])
        return ids(page)

    assert found() == ["e4", "e3", "e2", "e1", "e0"]
    assert found(campaign_id="camp_1") == ["e3", "e0"]
    assert found(campaign_type="LOYALTY_PROGRAM") == ["e2"]
    assert found(product_id="prod_1") == ["e0"]
    assert found(product_id="prod_%") == []
    assert found(start_date="2024-01-01T00:00:01Z", end_date="2024-01-01T00:00:03Z") == [
        "e3",
        "e2",
        "e1",
    ]
    assert found(order="created_at") == ["e0", "e1", "e2", "e3", "e4"]
    kinds = [event["type"] for event in activity(shop, "bob", "activities", order="type")["data"]]
    assert kinds == sorted(kinds)
    page = activity(shop, "bob", "activities", limit=2)
    assert (ids(page), page["total"]) == (["e4", "e3"], 5)


@pytest.mark.parametrize(
    ("form", "params"),
    [
        ("activity", {"limit": "0"}),
        ("activity", {"limit": "101"}),
        ("activity", {"order": "type"}),
        ("activity", {"category": "OTHER"}),
        ("activity", {"campaign_type": "COUPONS"}),
        ("activity", {"start_date": "soon"}),
        ("activity", {"end_date": "2022-13-45"}),
        ("activities", {"limit": "101"}),
        ("activities", {"order": "name"}),
        ("activities", {"campaign_type": "COUPONS"}),
        ("activities", {"starting_after": "e1"}),
    ],
)
def test_a_wrong_query_is_refused(shop: Shop, form: str, params: dict[str, str]) -> None:
    save(shop, source_id="bob")
    answer = shop.api.get(f"/v1/customers/bob/{form}", params=params)
    assert answer.status_code == 400
    assert answer.json()["key"] == "invalid_query_params"


# --- cursors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["created_at", "-created_at"])
@pytest.mark.parametrize("category", [None, "ACTION"])
def test_activity_is_scrolled_by_id(shop: Shop, order: str, category: str | None) -> None:
    customer = save(shop, source_id="bob")["id"]
    sql(shop, "DELETE FROM events WHERE project_id = $1")
    types = ("customer.custom_event", "customer.custom_event", "customer.segment.left")
    happened(shop, customer, *((types[n % 3],) for n in range(25)))
    # What happens in one request shares its instant.
    sql(shop, "UPDATE events SET created_at = $2 WHERE project_id = $1 AND length(id) = 3", START)
    whole = ids(activity(shop, "bob", order=order, category=category or "", limit=100))
    assert len(set(whole)) == (17 if category else 25)
    seen: list[str] = []
    cursor = ""
    for _ in range(10):
        page = activity(
            shop,
            "bob",
            order=order,
            category=category or "",
            limit=4,
            starting_after_id=cursor,
        )
        seen += ids(page)
        assert page.get("more_starting_after") == (seen[-1] if page["has_more"] else None)
        if not page["has_more"]:
            break
        cursor = page["more_starting_after"]
    assert seen == whole


def test_activities_are_scrolled_by_time_or_id(shop: Shop) -> None:
    teller(shop)

    def found(**params: Any) -> list[str]:
        page = activity(shop, "bob", "activities", **params)
        # The cursor moves the page, not the total.
        assert page["total"] == 5
        return ids(page)

    assert found(starting_after="2024-01-01T00:00:02.000Z") == ["e1", "e0"]
    assert found(starting_after="2024-01-01T00:00:02.000Z", order="created_at") == ["e3", "e4"]
    assert found(starting_after="2024-01-01T00:00:03.000Z", limit=2) == ["e2", "e1"]
    assert found(starting_after_id="e3", limit=2) == ["e2", "e1"]
    assert found(starting_after_id="e3", order="created_at") == ["e4"]
    assert found(starting_after_id="e0") == []


def test_events_of_one_instant_are_not_lost_after_a_time(shop: Shop) -> None:
    customer = save(shop, source_id="bob")["id"]
    sql(shop, "DELETE FROM events WHERE project_id = $1")
    happened(shop, customer, *(("customer.custom_event",) for _ in range(30)))
    sql(
        shop,
        "UPDATE events SET created_at = $2::timestamptz + (right(id, -1)::int / 6) "
        "* interval '1 s' WHERE project_id = $1",
        START,
    )
    seen: list[str] = []
    cursor = "2100-01-01"
    while len(seen) < 30:
        page = activity(shop, "bob", "activities", starting_after=cursor, limit=4)
        assert page["data"], f"lost: {sorted({f'e{n}' for n in range(30)} - set(seen))}"
        seen += ids(page)
        cursor = page["data"][-1]["created_at"]
    assert sorted(seen) == sorted(f"e{n}" for n in range(30))


# --- segments -----------------------------------------------------------------------------------


def test_segments_of_a_customer(shop: Shop) -> None:
    customer = save(shop, source_id="bob")["id"]
    other = save(shop, source_id="other")["id"]
    assert shop.api.get("/v1/customers/bob/segments").json() == {
        "object": "list",
        "data_ref": "data",
        "data": [],
        "total": 0,
    }
    sql(
        shop,
        "INSERT INTO segments (project_id, id, name, created_at) "
        "SELECT $1, 'seg_' || n, 'Segment ' || n, $2::timestamptz + n * interval '1 s' "
        "FROM generate_series(1, 12) AS n",
        START,
    )
    sql(
        shop,
        "INSERT INTO segment_customers (project_id, segment_id, customer_id) "
        "SELECT $1, 'seg_' || n, CASE WHEN n = 5 THEN $3 ELSE $2 END "
        "FROM generate_series(1, 12) AS n",
        customer,
        other,
    )
    for path in ("bob", customer):
        page = shop.api.get(f"/v1/customers/{path}/segments").json()
        assert page["total"] == 11
        assert page["data"][0] == {"id": "seg_12", "name": "Segment 12", "object": "segment"}
        assert [row["id"] for row in page["data"]] == [
            f"seg_{n}" for n in range(12, 0, -1) if n != 5
        ]
    page = shop.api.get("/v1/customers/other/segments").json()
    assert [row["name"] for row in page["data"]] == ["Segment 5"]


def test_an_unknown_customer_is_in_no_segment(shop: Shop) -> None:
    for unknown in (UNUSED, "nobody", "a%2Fb"):
        answer = shop.api.get(f"/v1/customers/{unknown}/segments")
        assert answer.status_code == 200
        assert answer.json() == {"object": "list", "data_ref": "data", "data": [], "total": 0}


# --- redeemables --------------------------------------------------------------------------------

# id: (age in days, voucher, role, campaign, campaign type, voucher type)
HELD: dict[str, tuple[Any, ...]] = {
    "rh_1": (40, "v_aaa", "OWNER", None, None, "GIFT_VOUCHER"),
    "rh_2": (30, "v_aab", "OWNER", "camp_1", "DISCOUNT_COUPONS", "DISCOUNT_VOUCHER"),
    "rh_3": (20, "v_b%b", "REFERRER", "camp_2", "REFERRAL_PROGRAM", "DISCOUNT_VOUCHER"),
    "rh_4": (10, "v_b_b", "REFEREE", "camp_2", "REFERRAL_PROGRAM", "DISCOUNT_VOUCHER"),
    "rh_5": (1, "v_c", "OWNER", "camp_3", "LOYALTY_PROGRAM", "LOYALTY_CARD"),
}


def holder(shop: Shop) -> str:
    """A customer who holds all of HELD, and one who holds something else; the first one's id."""
    customer: str = save(shop, source_id="bob")["id"]
    now = datetime.now(UTC).replace(microsecond=0)
    rows: list[tuple[Any, ...]] = [
        (customer, id_, now - timedelta(days=age), *rest) for id_, (age, *rest) in HELD.items()
    ]
    rows.append((save(shop, source_id="other")["id"], "rh_6", now, *HELD["rh_5"][1:]))
    for row in rows:
        sql(
            shop,
            "INSERT INTO vouchers "
            "(project_id, id, code, code_key, type, active, created_at, effect) "
            "VALUES ($1, $2, $2, $2, $3, true, $4, 'APPLY_TO_ORDER') ON CONFLICT DO NOTHING",
            *(row[3], row[-1], now),
        )
        sql(
            shop,
            "INSERT INTO redeemable_holders (project_id, customer_id, id, created_at, "
            "redeemable_id, holder_role, campaign_id, campaign_type, voucher_type, "
            "redeemable_object) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'voucher')",
            *row,
        )
    return customer


def held(shop: Shop, query: str = "") -> list[str]:
    answer = unchecked(shop, f"/v1/customers/bob/redeemables?{query}")
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["total"] == len(page["data"])
    assert page["has_more"] is False
    return [row["id"].removeprefix("rh_") for row in page["data"]]


def test_redeemables_of_a_customer(shop: Shop) -> None:
    save(shop, source_id="empty")
    empty = {"object": "list", "data_ref": "data", "data": [], "total": 0, "has_more": False}
    assert shop.api.get("/v1/customers/empty/redeemables").json() == empty
    customer = holder(shop)
    page = shop.api.get(f"/v1/customers/{customer}/redeemables").json()
    assert [row["id"] for row in page["data"]] == ["rh_5", "rh_4", "rh_3", "rh_2", "rh_1"]
    told = [row.pop("redeemable") for row in page["data"]]
    assert [each["status"] for each in told] == ["NO_BALANCE", *["ACTIVE"] * 3, "NO_BALANCE"]
    assert [each["voucher"]["id"] for each in told][:2] == ["v_c", "v_b_b"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z", page["data"][0].pop("created_at"))
    assert page["data"][0] == {
        "id": "rh_5",
        "redeemable_id": "v_c",
        "redeemable_object": "voucher",
        "customer_id": customer,
        "holder_role": "OWNER",
        "campaign_id": "camp_3",
        "campaign_type": "LOYALTY_PROGRAM",
        "voucher_type": "LOYALTY_CARD",
    }
    assert page["data"][4]["campaign_id"] is None
    assert page["data"][4]["campaign_type"] is None
    assert held(shop, "order=id") == ["1", "2", "3", "4", "5"]


def test_redeemables_are_scrolled(shop: Shop) -> None:
    holder(shop)
    first = unchecked(shop, "/v1/customers/bob/redeemables?limit=2").json()
    assert [row["id"] for row in first["data"]] == ["rh_5", "rh_4"]
    assert (first["total"], first["has_more"], first["more_starting_after"]) == (5, True, "rh_4")
    second = unchecked(
        shop, "/v1/customers/bob/redeemables?limit=2&order=-id&starting_after_id=rh_4"
    ).json()
    assert [row["id"] for row in second["data"]] == ["rh_3", "rh_2"]
    last = unchecked(shop, "/v1/customers/bob/redeemables?starting_after_id=rh_2").json()
    assert [row["id"] for row in last["data"]] == ["rh_1"]
    assert (last["total"], last["has_more"]) == (5, False)
    assert "more_starting_after" not in last
    upwards = unchecked(
        shop, "/v1/customers/bob/redeemables?order=id&starting_after_id=rh_3"
    ).json()
    assert [row["id"] for row in upwards["data"]] == ["rh_4", "rh_5"]


# Conditions and what they find, by the last digit of the id, the newest first.
OPERATORS = {
    "[redeemable_id][conditions][$is]=v_aaa": "1",
    "[redeemable_id][conditions][$is]=v_a": "",
    "[redeemable_id][conditions][$is]=v_b%25b": "3",
    "[redeemable_id][conditions][$is_not]=v_aaa": "5432",
    "[redeemable_id][conditions][$in]=v_aaa": "1",
    "[redeemable_id][conditions][$in][]=v_aaa&filters[redeemable_id][conditions][$in][]=v_c": "51",
    "[id][conditions][$in][0]=rh_1&filters[id][conditions][$in][1]=rh_5": "51",
    "[redeemable_id][conditions][$in]=v_aaa&filters[redeemable_id][conditions][$in]=v_c": "51",
    "[redeemable_id][conditions][$not_in]=v_aaa": "5432",
    "[id][conditions][$not_in][]=rh_1&filters[id][conditions][$not_in][]=rh_5": "432",
    "[redeemable_id][conditions][$starts_with]=v_a": "21",
    "[redeemable_id][conditions][$starts_with]=v_b_": "4",
    "[redeemable_id][conditions][$ends_with]=%25b": "3",
    "[redeemable_id][conditions][$ends_with]=b": "432",
    "[redeemable_id][conditions][$contains]=_b": "43",
    "[redeemable_id][conditions][$contains]=%25": "3",
    "[redeemable_id][conditions][$not_contain]=_b": "521",
    "[id][conditions][$in]=rh_4": "4",
    "[holder_role][conditions][$is]=OWNER": "521",
    "[holder_role][conditions][$is_not]=OWNER": "43",
    "[redeemable_object][conditions][$is]=voucher": "54321",
    "[redeemable_object][conditions][$is_not]=voucher": "",
    "[campaign_type][conditions][$is]=REFERRAL_PROGRAM": "43",
    "[voucher_type][conditions][$is]=LOYALTY_CARD": "5",
    # An empty campaign is not the one named, holds nothing and begins with nothing.
    "[campaign_id][conditions][$is_not]=camp_2": "521",
    "[campaign_id][conditions][$not_in]=camp_2": "521",
    "[campaign_id][conditions][$not_contain]=camp_2": "521",
    "[campaign_id][conditions][$starts_with]=camp": "5432",
    "[campaign_id][conditions][$has_value]=true": "5432",
    "[campaign_id][conditions][$is_unknown]=true": "1",
    "[created_at][conditions][$more_than]=15": "321",
    "[created_at][conditions][$less_than]=15": "54",
    "[created_at][conditions][$more_than]=0": "54321",
    "[created_at][conditions][$after]=2000-01-01": "54321",
    "[created_at][conditions][$before]=2000-01-01T00:00:00.000Z": "",
    # Several conditions and several fields hold together, unless the junction says otherwise.
    "[created_at][conditions][$more_than]=15&filters[created_at][conditions][$less_than]=35": "32",
    "[holder_role][conditions][$is]=OWNER&filters[voucher_type][conditions][$is]=GIFT_VOUCHER": "1",
    "[holder_role][conditions][$is]=REFEREE&filters[id][conditions][$is]=rh_1": "",
    "[id][conditions][$is]=rh_5&filters[voucher_type][conditions][$is]=GIFT_VOUCHER": "",
    "[junction]=OR&filters[id][conditions][$is]=rh_2&filters[id][conditions][$ends_with]=4": "42",
    "[id][conditions][$is]=rh_2&filters[id][conditions][$in]=rh_5&filters[junction]=or": "52",
    "[junction]=and&filters[holder_role][conditions][$is]=OWNER": "521",
    "[junction]=or": "54321",
}


def test_every_operator_of_the_filter_language(shop: Shop) -> None:
    holder(shop)
    for query, expected in OPERATORS.items():
        assert "".join(held(shop, f"filters{query}")) == expected, query


def test_operators_that_take_no_value_are_sent_with_an_empty_one(shop: Shop) -> None:
    holder(shop)
    for query, expected in {
        "[campaign_id][conditions][$has_value]=": "5432",
        "[campaign_id][conditions][$has_value]": "5432",
        "[campaign_id][conditions][$is_unknown]=": "1",
        "[created_at][conditions][$has_value]=": "54321",
        "[created_at][conditions][$is_unknown]=": "",
    }.items():
        assert "".join(held(shop, f"filters{query}")) == expected, query


@pytest.mark.parametrize(
    "query",
    [
        "[filters][holder_role][conditions][$is]=REFEREE",
        "%5Bfilters%5D%5Bholder_role%5D%5Bconditions%5D%5B%24is%5D=REFEREE",
        "filters%5Bholder_role%5D%5Bconditions%5D%5B%24is%5D=REFEREE",
        'filters={"holder_role":{"conditions":{"$is":"REFEREE"}}}',
        'filters={"holder_role":{"conditions":{"$in":["REFEREE"]}}}',
    ],
)
def test_every_style_of_filters(shop: Shop, query: str) -> None:
    holder(shop)
    assert held(shop, query) == ["4"]


def test_empty_filters_count_as_absent(shop: Shop) -> None:
    holder(shop)
    for query in ("filters=None", "filters=", "filters={}", "filters=null", "filters[id]="):
        assert held(shop, query) == ["5", "4", "3", "2", "1"], query


@pytest.mark.parametrize(
    "query",
    [
        "filters[name][conditions][$is]=x",
        "filters[customer_id][conditions][$is]=x",
        "filters[id][conditions][$like]=x",
        "filters[id][conditions][is]=x",
        "filters[id][conditions][$after]=2024-01-01",
        "filters[created_at][conditions][$is]=2024-01-01",
        "filters[created_at][conditions][$after]=yesterday",
        "filters[created_at][conditions][$more_than]=ten",
        "filters[created_at][conditions][$more_than]=2024-01-01",
        "filters[created_at][conditions][$less_than]=99999999999999999999",
        "filters[id][$is]=x",
        "filters[id]=x",
        "filters[id][conditions]=x",
        "filters[id][conditions][$is][]=x&filters[id][conditions][$is][]=y",
        "filters[junction]=xor",
        "filters[junction]=or&filters[junction]=and",
        "filters=x",
        'filters=["id"]',
        "filters=1",
        "order=created_at",
        "limit=0",
        "limit=101",
    ],
)
def test_wrong_filters_are_refused(shop: Shop, query: str) -> None:
    holder(shop)
    answer = unchecked(shop, f"/v1/customers/bob/redeemables?{query}")
    assert answer.status_code == 400
    assert answer.json()["key"] == "invalid_query_params"
