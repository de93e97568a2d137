"""The list of campaigns: its pages, orders and filters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.test_campaigns import kind, make
from tests.api.test_customers import sql
from tests.running import Server, Shop


def names(shop: Shop, query: str = "") -> list[str]:
    """The names of the campaigns that a query finds, in its order."""
    answer = shop.api.get(f"/v1/campaigns?{query}")
    assert answer.status_code == 200, answer.text
    listed = answer.json()
    assert (listed["object"], listed["data_ref"]) == ("list", "campaigns")
    found = [campaign["name"] for campaign in listed["campaigns"]]
    assert listed["total"] >= len(found)
    return found


def set_at(shop: Shop, name: str, **columns: Any) -> None:
    """Writes times or states that no request makes."""
    for column, value in columns.items():
        statement = f"UPDATE campaigns SET {column} = $3 WHERE project_id = $1 AND name = $2"
        sql(shop, statement, name, value)


def day(number: int) -> datetime:
    return datetime(2024, 1, number, tzinfo=UTC)


@pytest.fixture(scope="module")
def many(server: Server) -> Shop:
    """Campaigns of every kind, that the tests only read."""
    shop = server.project()
    category = shop.api.post("/v1/categories", json={"name": "Winter", "hierarchy": 1}).json()
    shop.project["category_id"] = category["id"]
    make(shop, "Alpha", type="STATIC", metadata={"region": "EU", "n": 5})
    kind(shop, "GIFT_VOUCHERS", "Gift", category_id=category["id"])
    kind(shop, "LOYALTY_PROGRAM", "Loyal", metadata={"region": "US"})
    kind(shop, "REFERRAL_PROGRAM", "Refer", start_date="2020-01-01", expiration_date="2021-01-01")
    make(shop, "Promo", campaign_type="PROMOTION", voucher=None, start_date="2999-01-01")
    make(
        shop,
        "Timed",
        start_date="2022-01-01",
        validity_timeframe={"interval": "P2D", "duration": "P1D"},
        validity_day_of_week=[1],
    )
    make(shop, "Off")
    shop.api.post("/v1/campaigns/Off/disable")
    for number, name in enumerate(ORDER, 1):
        set_at(shop, name, created_at=day(number), updated_at=None)
    set_at(shop, "Gift", creation_status="FAILED")
    set_at(shop, "Loyal", creation_status="IN_PROGRESS")
    set_at(shop, "Off", creation_status="MODIFYING")
    set_at(shop, "Alpha", updated_at=datetime.now(UTC) - timedelta(days=3))
    set_at(shop, "Gift", updated_at=datetime.now(UTC) - timedelta(days=10))
    return shop


ORDER = ["Alpha", "Gift", "Loyal", "Refer", "Promo", "Timed", "Off"]
NEWEST = ORDER[::-1]


def f(field: str, operator: str, value: str = "") -> str:
    return f"filters[{field}][conditions][{operator}]={value}"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("campaign_type=GIFT_VOUCHERS", ["Gift"]),
        ("campaign_type=PROMOTION", ["Promo"]),
        ("campaign_type=DISCOUNT_COUPONS", ["Off", "Timed", "Alpha"]),
        ("campaign_status=DONE", ["Timed", "Promo", "Refer", "Alpha"]),
        ("campaign_status=FAILED", ["Gift"]),
        ("campaign_status=IN_PROGRESS", ["Loyal"]),
        ("campaign_status=MODIFYING", ["Off"]),
        ("campaign_status=DRAFT", []),
        ("is_referral_code=true", ["Refer"]),
        ("is_referral_code=false&campaign_type=REFERRAL_PROGRAM", []),
        ("campaign_type=&campaign_status=None", NEWEST),
        (f("campaigns", "$is", "Alpha"), ["Alpha"]),
        (f("campaigns", "$is_not", "Alpha"), NEWEST[:-1]),
        (f("campaigns", "$in", "Alpha") + "&" + f("campaigns", "$in", "Off"), ["Off", "Alpha"]),
        (f("campaigns", "$in][0", "Alpha") + "&" + f("campaigns", "$in][1", "Off"),
         ["Off", "Alpha"]),
        (f("campaigns", "$not_in", "Alpha"), NEWEST[:-1]),
        (f("campaigns", "$starts_with", "R"), ["Refer"]),
        (f("campaigns", "$ends_with", "er"), ["Refer"]),
        (f("campaigns", "$contains", "o"), ["Promo", "Loyal"]),
        (f("campaigns", "$not_contain", "o"), ["Off", "Timed", "Refer", "Gift", "Alpha"]),
        (f("campaigns", "$contains", "%25"), []),
        (f("campaigns", "$has_value"), NEWEST),
        (f("campaigns", "$is_unknown"), []),
        (f("campaigns_id", "$is", "camp_none"), []),
        (f("campaigns_id", "$starts_with", "camp_"), NEWEST),
        (f("campaign_status", "$in", "FAILED"), ["Gift"]),
        (f("campaign_status", "$is_not", "DONE"), ["Off", "Loyal", "Gift"]),
        (f("status", "$failed"), ["Gift"]),
        (f("status", "$in_progress"), ["Off", "Loyal"]),
        (f("status", "$expired"), ["Refer"]),
        (f("status", "$before_start"), ["Promo"]),
        (f("status", "before_start"), ["Promo"]),
        (f("active", "$enabled"), ["Timed", "Promo", "Refer", "Loyal", "Gift", "Alpha"]),
        (f("active", "$disabled"), ["Off"]),
        (f("active", "$expired"), ["Refer"]),
        (f("active", "$active"), ["Timed", "Loyal", "Gift", "Alpha"]),
        (f("is_referral_code", "$is", "true"), ["Refer"]),
        (f("is_referral_code", "$is_not", "true"), [n for n in NEWEST if n != "Refer"]),
        (f("validity_timeframe", "$has_value"), ["Timed"]),
        (f("validity_timeframe", "$is_unknown"), [n for n in NEWEST if n != "Timed"]),
        (f("voucher_type", "$is", "GIFT_VOUCHER"), ["Gift"]),
        (f("voucher_type", "$in", "LOYALTY_CARD"), ["Loyal"]),
        (f("voucher_type", "$is_unknown"), ["Promo"]),
        (f("categories", "$is", "Winter"), ["Gift"]),
        (f("categories", "$contains", "int"), ["Gift"]),
        (f("categories", "$is_unknown"), [n for n in NEWEST if n != "Gift"]),
        (f("category_ids", "$has_value"), ["Gift"]),
        (f("type", "$in", "STATIC"), ["Alpha"]),
        (f("type", "$not_in", "AUTO_UPDATE"), ["Alpha"]),
        (f("created_date", "$before", "2024-01-03"), ["Gift", "Alpha"]),
        (f("created_date", "$after", "2024-01-06"), ["Off"]),
        (f("created_date", "$more_than", "1"), NEWEST),
        (f("created_date", "$less_than", "1"), []),
        (f("updated_at", "$has_value"), ["Gift", "Alpha"]),
        (f("updated_at", "$more_than", "5"), ["Gift"]),
        (f("updated_at", "$less_than", "5"), ["Alpha"]),
        (f("start_date", "$before", "2021-01-01"), ["Refer"]),
        (f("start_date", "$after", "2022-06-01"), ["Promo"]),
        (f("expiration_date", "$has_value"), ["Refer"]),
        (f("metadata.region", "$is", "EU"), ["Alpha"]),
        (f("metadata.region", "$in", "EU") + "&" + f("metadata.region", "$in", "US"),
         ["Loyal", "Alpha"]),
        (
            f("campaigns", "$is", "Alpha") + "&" + f("type", "$in", "AUTO_UPDATE"),
            [],
        ),
        (
            "filters[junction]=or&"
            + f("campaigns", "$is", "Off")
            + "&"
            + f("type", "$in", "STATIC"),
            ["Off", "Alpha"],
        ),
        ("campaign_type=GIFT_VOUCHERS&" + f("campaigns", "$is", "Alpha"), []),
    ],
)  # fmt: skip
def test_filters(many: Shop, query: str, found: list[str]) -> None:
    assert names(many, query) == found
    assert many.api.get(f"/v1/campaigns?{query}").json()["total"] == len(found)


def test_campaigns_valid_on_a_day_of_the_week(many: Shop) -> None:
    """Those that are valid on all days are always among them."""
    others = [name for name in NEWEST if name != "Timed"]
    for operator in ("$is", "$is][0"):
        assert names(many, f("validity_day_of_week", operator, "1")) == NEWEST
        assert names(many, f("validity_day_of_week", operator, "2")) == others


def test_a_filter_by_the_id_of_a_category(many: Shop) -> None:
    assert names(many, f("category_ids", "$is", many.project["category_id"])) == ["Gift"]
    assert names(many, f("category_ids", "$is", "Winter")) == []


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=101", "limit=x", "page=0", "page=-1", "order=name", "order=-id"),
        *("campaign_type=X", "campaign_status=done", "is_referral_code=maybe"),
        *("access_settings=x", "filters=x", "filters[junction]=xor"),
        f("campaigns", "$like", "x"),
        f("nothing", "$is", "x"),
        f("created_date", "$after", "soon"),
        f("created_date", "$more_than", "x"),
        f("is_referral_code", "$is", "maybe"),
        f("campaigns", "$is", "%00"),
        "filters[campaigns]=x",
    ],
)
def test_a_query_that_means_nothing_is_refused(many: Shop, query: str) -> None:
    answer = many.api.get(f"/v1/campaigns?{query}")
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_query_params"), query


def test_pages_and_orders(many: Shop) -> None:
    assert names(many) == NEWEST
    assert names(many, "order=created_at") == ORDER
    assert names(many, "order=-updated_at")[:2] == ["Alpha", "Gift"]
    assert names(many, "order=updated_at")[-2:] == ["Gift", "Alpha"]
    pages = [names(many, f"limit=3&page={page}") for page in (1, 2, 3, 4)]
    assert pages == [NEWEST[:3], NEWEST[3:6], NEWEST[6:], []]
    answer = many.api.get("/v1/campaigns?page=1001")
    assert (answer.status_code, answer.json()["key"]) == (400, "page_over_limit")


def test_ten_are_answered_unless_more_are_asked_for(shop: Shop) -> None:
    for n in range(12):
        make(shop, f"C{n}")
    listed = shop.api.get("/v1/campaigns").json()
    assert (len(listed["campaigns"]), listed["total"]) == (10, 12)
    assert len(names(shop, "limit=100")) == 12


def test_a_list_has_no_rules_and_access_only_on_demand(many: Shop) -> None:
    (gift,) = many.api.get("/v1/campaigns?campaign_type=GIFT_VOUCHERS").json()["campaigns"]
    assert "validation_rules_assignments" not in gift
    assert "access_settings_assignments" not in gift
    assert [one["name"] for one in gift["categories"]] == ["Winter"]
    query = "campaign_type=GIFT_VOUCHERS&expand=access_settings_assignments"
    (gift,) = many.api.get(f"/v1/campaigns?{query}").json()["campaigns"]
    assert gift["access_settings_assignments"] == {
        "object": "list",
        "data_ref": "data",
        "data": [],
        "total": 0,
    }


def test_projects_list_their_own(many: Shop, shop: Shop) -> None:
    assert names(shop) == []
    make(shop, "Alpha")
    assert names(shop) == ["Alpha"]
    assert names(many, f("campaigns", "$is", "Alpha")) == ["Alpha"]
