"""What happened in a campaign, summed from day to day in the project's time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.api.test_campaigns import KINDS, add, kind, make, read
from tests.api.test_customers import sql
from tests.running import Server, Shop

_ALL = (
    *("redemptions", "redemptions_succeeded", "redemptions_failed", "rollbacks"),
    *("rollbacks_succeeded", "rollbacks_failed", "validations", "validations_succeeded"),
    *("validations_failed", "orders_amount", "orders_rolledback_amount"),
)
_CODES = ("vouchers_created", "vouchers_deleted")
_PUBLISHED = ("publications", "publications_succeeded", "publications_failed")
MEASURES: dict[str, tuple[str, ...]] = {
    "DISCOUNT_COUPONS": (
        *(*_ALL, *_CODES, *_PUBLISHED, "discounted_amount", "rolledback_discounted_amount"),
    ),
    "REFERRAL_PROGRAM": (*_ALL, *_CODES, *_PUBLISHED, "referred_customers"),
    "GIFT_VOUCHERS": (
        *(*_ALL, *_CODES, *_PUBLISHED, "created_vouchers_amount", "amount_added"),
        *("amount_deleted", "amount_redeemed", "amount_rolledback", "amount_subtracted"),
    ),
    "LOYALTY_PROGRAM": (
        *(*_ALL, *_CODES, *_PUBLISHED, "created_vouchers_points", "points_deleted"),
        *("points_subtracted", "points_added", "points_rewarded", "points_redeemed"),
        *("points_rolledback", "points_expired", "points_transferred_out"),
        *("points_transferred_in", "pending_points_added", "pending_points_subtracted"),
        *("pending_points_activated", "pending_points_canceled"),
    ),
}


def summary(shop: Shop, query: str = "", name: str = "C") -> dict[str, Any]:
    answer = shop.api.get(f"/v1/campaigns/{name}/summary?{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def told(shop: Shop, query: str = "", name: str = "C") -> dict[str, int]:
    """The sums that are not 0."""
    found = summary(shop, query, name)
    return {key: n for key, n in found.items() if key not in ("object", "campaign") and n}


def happened(shop: Shop, day: date, measure: str, n: int) -> None:
    """Something that happened on a day, as what counts it will write it."""
    sql(
        shop,
        "INSERT INTO campaign_days (project_id, campaign_id, day, measure, n) "
        "SELECT $1, id, $2, $3, $4 FROM campaigns WHERE project_id = $1 AND name = 'C'",
        *(day, measure, n),
    )


@pytest.mark.parametrize("type_", list(KINDS))
def test_each_type_has_measures_of_its_own(shop: Shop, type_: str) -> None:
    kind(shop, type_)
    found = summary(shop)
    assert (found.pop("object"), found["campaign"]["id"]) == ("campaign_summary", read(shop)["id"])
    campaign = found.pop("campaign")
    assert campaign["object"] == "campaign"
    assert found == dict.fromkeys(MEASURES[type_], 0)


def test_a_promotion_has_no_vouchers_to_count(shop: Shop) -> None:
    make(shop, campaign_type="PROMOTION", voucher=None)
    found = summary(shop)
    assert "vouchers_created" not in found
    assert (found["redemptions"], found["discounted_amount"]) == (0, 0)


def test_days_are_both_included(shop: Shop) -> None:
    make(shop)
    for number in (1, 2, 3, 31):
        happened(shop, date(2026, 1, number), "redemptions", 10**number if number < 31 else 7)
    happened(shop, date(2026, 1, 2), "orders_amount", 2**40)
    assert told(shop) == {"redemptions": 1117, "orders_amount": 2**40}
    for query, n in {
        "start_date=2026-01-02": 1107,
        "start_date=2026-01-02&end_date=2026-01-02": 100,
        "end_date=2026-01-02": 110,
        "start_date=2026-01-03&end_date=2026-01-30": 1000,
        "start_date=2026-01-03T23:59:59.999Z&end_date=2026-01-31T00:00:00Z": 1007,
        "start_date=&end_date=None": 1117,
    }.items():
        assert told(shop, query).get("redemptions") == n, query
    assert told(shop, "start_date=2026-01-04&end_date=2026-01-30") == {}
    assert told(shop, "start_date=2026-01-03&end_date=2026-01-01") == {}


@pytest.mark.parametrize("value", ["soon", "2026-13-01", "2026-02-30", "0", "2026-1-1", "%00"])
@pytest.mark.parametrize("name", ["start_date", "end_date"])
def test_what_is_no_day_is_refused(shop: Shop, name: str, value: str) -> None:
    make(shop)
    answer = shop.api.get(f"/v1/campaigns/C/summary?{name}={value}")
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_query_params")


def test_what_is_made_and_deleted_is_counted(shop: Shop) -> None:
    kind(shop, "GIFT_VOUCHERS", vouchers_count=1)
    add(shop, "GIFT")
    answer = shop.api.post("/v1/vouchers/GIFT/balance", json={"amount": 300})
    assert answer.status_code == 200, answer.text
    answer = shop.api.post("/v1/vouchers/GIFT/balance", json={"amount": -100})
    assert answer.status_code == 200, answer.text
    assert shop.api.delete("/v1/vouchers/GIFT").status_code == 204
    assert told(shop) == {
        "vouchers_created": 2,
        "created_vouchers_amount": 10_000,
        "vouchers_deleted": 1,
        "amount_added": 300,
        "amount_subtracted": 100,
        "amount_deleted": 5200,
    }
    assert read(shop)["vouchers_count"] == 1


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_a_day_is_one_of_the_project_s_time_zone(server: Server, zone: str) -> None:
    """Of the two zones, 25 hours apart, one at least has another day than UTC."""
    shop = server.project(timezone=zone)
    before = datetime.now(ZoneInfo(zone)).date()
    make(shop, vouchers_count=1)
    after = datetime.now(ZoneInfo(zone)).date()
    (row,) = sql(shop, "SELECT day FROM campaign_days WHERE project_id = $1")
    assert row["day"] in (before, after)
    day = row["day"]
    assert told(shop, f"start_date={day}&end_date={day}") == {"vouchers_created": 1}
    assert told(shop, f"start_date={day + timedelta(days=1)}") == {}
    assert told(shop, f"end_date={day - timedelta(days=1)}") == {}


def test_what_is_made_in_the_background_counts_on_the_same_day(server: Server) -> None:
    zone = "Pacific/Kiritimati" if datetime.now(UTC).hour >= 10 else "Pacific/Pago_Pago"
    shop = server.project(timezone=zone)
    make(shop)
    shop.finished(shop.api.post("/v1/campaigns/C/vouchers?vouchers_count=5"))
    (row,) = sql(shop, "SELECT day, n FROM campaign_days WHERE project_id = $1")
    assert (abs((row["day"] - datetime.now(UTC).date()).days), row["n"]) == (1, 5)


def test_campaigns_are_counted_apart(shop: Shop, server: Server) -> None:
    make(shop, vouchers_count=1)
    make(shop, "D")
    other = server.project()
    make(other)
    assert told(shop) == {"vouchers_created": 1}
    assert told(shop, name="D") == {}
    assert told(other) == {}
