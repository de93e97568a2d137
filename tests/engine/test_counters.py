from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from largesse.engine import counters
from largesse.engine.calendar import Clock
from largesse.engine.counters import Counter, Period, Subject


def clock(text: str, zone: str = "UTC") -> Clock:
    return Clock(datetime.fromisoformat(text).replace(tzinfo=UTC), ZoneInfo(zone))


# 5 January 2026 is a Monday.
@pytest.mark.parametrize(
    ("period", "now", "zone", "starts", "bucket"),
    [
        ("total", "2026-01-06 12:00", "UTC", 0, ""),
        ("daily", "2026-01-06 23:59", "UTC", 0, "2026-01-06"),
        ("daily", "2026-01-06 23:00", "Europe/Warsaw", 0, "2026-01-07"),
        ("weekly", "2026-01-05 00:00", "UTC", 0, "2026-01-05"),
        ("weekly", "2026-01-11 23:59", "UTC", 0, "2026-01-05"),
        ("weekly", "2026-01-12 00:00", "UTC", 0, "2026-01-12"),
        ("weekly", "2026-01-11 23:00", "Europe/Warsaw", 0, "2026-01-12"),
        ("weekly", "2026-01-11 12:00", "UTC", 6, "2026-01-11"),
        ("weekly", "2026-01-10 12:00", "UTC", 6, "2026-01-04"),
        ("weekly", "2026-01-10 12:00", "UTC", 5, "2026-01-10"),
        ("weekly", "2026-01-01 12:00", "UTC", 0, "2025-12-29"),
        ("monthly", "2026-01-31 23:59", "UTC", 0, "2026-01"),
        ("monthly", "2026-01-31 23:00", "Europe/Warsaw", 0, "2026-02"),
    ],
)
def test_the_time_that_now_belongs_to(
    period: Period, now: str, zone: str, starts: int, bucket: str
) -> None:
    assert counters.bucket(period, clock(now, zone), starts) == bucket


SUBJECTS: dict[Subject, str] = {
    "campaign": "camp_1",
    "incentive": "v_1",
    "customer": "cust_1",
    "api_key": "key_1",
    "collection": "pc_1",
    "product": "prod/1",
    "user": "a/b@shop.example",
}


@pytest.mark.parametrize(
    ("counter", "key", "row"),
    [
        (Counter(("campaign",)), "campaign/redemptions/total", "/camp_1"),
        (Counter(("incentive",), period="daily"), "incentive/redemptions/daily", "2026-11-23/v_1"),
        (
            Counter(("campaign", "customer"), period="monthly"),
            "campaign.customer/redemptions/monthly",
            "2026-11/camp_1/cust_1",
        ),
        (Counter(("campaign",), "gift_amount"), "campaign/gift_amount/total", "/camp_1"),
        (
            Counter(("incentive", "user")),
            "incentive.user/redemptions/total",
            "/v_1/a/b@shop.example",
        ),
        (
            counters.of_units("product_campaign_quantity_limit"),
            "campaign.product/units/total",
            "/camp_1/prod/1",
        ),
        (
            counters.of_units("product_in_collection_customer_campaign_quantity_limit"),
            "campaign.customer.collection.product/units/total",
            "/camp_1/cust_1/pc_1/prod/1",
        ),
        (
            counters.of_units("product_customer_promotion_tier_quantity_limit"),
            "incentive.customer.product/units/total",
            "/v_1/cust_1/prod/1",
        ),
    ],
)
def test_a_counter_is_kept_in_a_row(counter: Counter, key: str, row: str) -> None:
    assert counter.key == key
    assert counters.row(counter, SUBJECTS, clock("2026-11-23 12:00")) == f"{key}/{row}"


def test_a_counter_of_nobody_is_kept_nowhere() -> None:
    counter = Counter(("incentive", "customer"))
    assert counters.row(counter, {"incentive": "v_1"}, clock("2026-11-23 12:00")) is None
