"""Counters: what redemptions add up to, for whom and within which time. Budgets are set on them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, get_args

import msgspec

from largesse.engine.calendar import Clock

Subject = Literal["campaign", "incentive", "customer", "api_key", "collection", "product", "user"]
Measure = Literal["redemptions", "orders_amount", "amount_discounted", "gift_amount", "units"]
Period = Literal["total", "daily", "weekly", "monthly"]

# Ids of products that are in no catalogue and logins are any text: they stand last in a row's key.
SUBJECTS: tuple[Subject, ...] = get_args(Subject)
PERIODS: tuple[Period, ...] = get_args(Period)


class Counter(msgspec.Struct, frozen=True, order=True, gc=False):
    """A sum over the redemptions of one incentive or one campaign, narrowed to the other subjects
    of its scope.

    An incentive is a voucher or a promotion tier; one that belongs to no campaign is a campaign of
    its own. Amounts are in minor units.
    """

    scope: tuple[Subject, ...]
    measure: Measure = "redemptions"
    period: Period = "total"

    @property
    def key(self) -> str:
        """What is counted, whoever is meant: `campaign.customer/redemptions/daily`."""
        return f"{'.'.join(self.scope)}/{self.measure}/{self.period}"


def of_units(limit: str) -> Counter:
    """The counter of discounted units that a member of an entry of `applicable_to` limits, such as
    `product_in_collection_customer_campaign_quantity_limit`.

    Its `product` is what the entry names, be it a product, a SKU or a collection; in a limit
    within a `collection`, it is one that belongs to the collection named.
    """
    scope: list[Subject] = ["incentive" if "promotion_tier" in limit else "campaign"]
    if "customer" in limit:
        scope.append("customer")
    if "in_collection" in limit:
        scope.append("collection")
    return Counter((*scope, "product"), "units")


def bucket(period: Period, clock: Clock, week_starts_on: int = 0) -> str:
    """The time of `period` that now belongs to, in the clock's zone: a day (`2026-11-23`), the
    first day of a week (0 is Monday), a month (`2026-11`), or nothing for all time.
    """
    today = clock.today
    if period == "daily":
        return today.isoformat()
    if period == "weekly":
        return (today - timedelta(days=(today.weekday() - week_starts_on) % 7)).isoformat()
    return today.isoformat()[:7] if period == "monthly" else ""


def row(
    counter: Counter, subjects: Mapping[Subject, str], clock: Clock, week_starts_on: int = 0
) -> str | None:
    """The key of the row that keeps a counter now, such as
    `campaign.customer/redemptions/daily/2026-11-23/camp_1/cust_1`; None where a subject of its
    scope is unknown.
    """
    ids = [subjects.get(subject) for subject in SUBJECTS if subject in counter.scope]
    if None in ids:
        return None
    time = bucket(counter.period, clock, week_starts_on)
    return "/".join([counter.key, time, *map(str, ids)])
