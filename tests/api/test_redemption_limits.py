"""Limits that rules set on redemptions: each kind alone, shared by what is stacked, counted from
before it was set, and given back by rollbacks.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from largesse.store.counters import DROP_OLD
from tests.api.test_campaigns import add, kind, make
from tests.api.test_customers import sql
from tests.api.test_product_collections import create as make_collection
from tests.api.test_promotions import add as add_tier
from tests.api.test_promotions import campaign as promotion
from tests.api.test_redemptions import redeem, refused, tier, voucher
from tests.api.test_rollbacks import one, undo, undo_all
from tests.api.test_validation_rules import change
from tests.api.test_validation_rules import create as make_rule
from tests.api.test_validation_rules_assignments import assign
from tests.api.test_vouchers import create
from tests.running import Server, Shop

BROKEN = "redemption_rules_violated"


def limit(shop: Shop, name: str, most: int, **to: str) -> dict[str, Any]:
    """Sets a limit on something; its assignment."""
    rules = {"1": {"name": name, "conditions": {"$less_than_or_equal": [most]}}}
    return assign(shop, make_rule(shop, rules=rules), **to)


def campaign(shop: Shop, *codes: str) -> str:
    """A campaign of coupons of 10 off with these codes; its id."""
    id_: str = make(shop)["id"]
    for code in codes:
        add(shop, code)
    return id_


def moved(shop: Shop, redemption_id: str, to: datetime) -> None:
    """A redemption as if it had been made at another time, before anybody counted."""
    sql(
        shop,
        "UPDATE redemptions SET created_at = $2 WHERE project_id = $1 AND id = $3",
        *(to, redemption_id),
    )
    sql(shop, "DELETE FROM counters WHERE project_id = $1")


# --- each kind ----------------------------------------------------------------------------------


def test_of_a_campaign(shop: Shop) -> None:
    limit(shop, "campaign.redemptions.count", 3, campaign=campaign(shop, "a", "b"))
    redeem(shop, "a", "b")
    assert refused(shop, "a", "b") == BROKEN
    last = one(redeem(shop, "a"))
    assert refused(shop, "b") == BROKEN
    undo(shop, last)
    redeem(shop, "b")
    assert refused(shop, "a") == BROKEN


def test_of_a_customer(shop: Shop) -> None:
    id_ = create(shop, "TEN")["id"]
    limit(shop, "redemption.count.per_customer", 2, voucher=id_)
    redeem(shop, "TEN", customer="ann")
    last = one(redeem(shop, "TEN", customer="ann"))
    assert refused(shop, "TEN", customer="ann") == BROKEN
    redeem(shop, "TEN", customer="bob")
    assert refused(shop, "TEN") == "missing_customer"
    undo(shop, last)
    redeem(shop, "TEN", tracking_id="ann")
    assert refused(shop, "TEN", order={"customer": {"source_id": "ann"}}) == BROKEN


def test_of_a_customer_in_a_campaign(shop: Shop) -> None:
    limit(shop, "campaign.redemptions.customers_count", 2, campaign=campaign(shop, "a", "b", "c"))
    assert refused(shop, "a", "b", "c", customer="ann") == BROKEN
    done = redeem(shop, "a", "b", customer="ann")
    assert refused(shop, "c", customer="ann") == BROKEN
    redeem(shop, "b", "c", customer="bob")
    undo_all(shop, done["parent_redemption"]["id"])
    redeem(shop, "c", customer="ann")


def test_of_a_key(shop: Shop) -> None:
    limit(shop, "redemption.count.per_api_key", 1, voucher=create(shop, "TEN")["id"])
    id_ = one(redeem(shop, "TEN"))
    assert refused(shop, "TEN") == BROKEN
    sql(shop, "UPDATE redemptions SET channel_id = 'other' WHERE project_id = $1")
    sql(shop, "DELETE FROM counters WHERE project_id = $1")
    redeem(shop, "TEN")
    assert refused(shop, "TEN") == BROKEN
    # That of another key frees none of this one's.
    undo(shop, id_)
    assert refused(shop, "TEN") == BROKEN


def test_of_what_is_discounted(shop: Shop) -> None:
    limit(shop, "campaign.orders.amount_discounted", 3500, campaign=campaign(shop, "a", "b"))
    redeem(shop, "a", "b", order=1400)
    first = redeem(shop, "a", "b", order=9000)["parent_redemption"]["id"]
    assert refused(shop, "a", order=101) == BROKEN
    redeem(shop, "b", order=100)
    undo_all(shop, first)
    redeem(shop, "a", "b", order=9000)
    assert refused(shop, "a", order=1) == BROKEN


def test_of_what_orders_are_worth(shop: Shop) -> None:
    """An order counts once, however many of the campaign's vouchers are redeemed for it."""
    limit(shop, "campaign.orders.amount", 10000, campaign=campaign(shop, "a", "b"))
    done = redeem(shop, "a", "b", order=6000)["parent_redemption"]["id"]
    assert refused(shop, "a", order=4001) == BROKEN
    redeem(shop, "a", "b", order=4000)
    assert refused(shop, "b", order=1) == BROKEN
    undo_all(shop, done)
    redeem(shop, "b", order=6000)
    assert refused(shop, "b", order=1) == BROKEN


def test_of_what_cards_give(shop: Shop) -> None:
    id_ = kind(shop, "GIFT_VOUCHERS")["id"]
    for code in ("a", "b"):
        add(shop, code)
    limit(shop, "redemption.gift.amount", 6000, campaign=id_)
    asked = (voucher("a", 2000), voucher("b", 2000))
    done = redeem(shop, *asked, order=9000)["parent_redemption"]["id"]
    assert refused(shop, *asked, order=9000) == BROKEN
    redeem(shop, voucher("b", 2000), order=9000)
    assert refused(shop, voucher("b", 1), order=9000) == BROKEN
    undo_all(shop, done)
    redeem(shop, *asked, order=9000)


def test_of_a_tier(shop: Shop) -> None:
    of = promotion(shop)["id"]
    first, second = (tier(add_tier(shop, of, name)["id"]) for name in ("One", "Two"))
    limit(shop, "redemption.count.per_customer", 1, promotion_tier=first["id"])
    limit(shop, "campaign.redemptions.count", 3, campaign=of)
    redeem(shop, first, second, order=9000, customer="ann")
    assert refused(shop, first, order=9000, customer="ann") == BROKEN
    redeem(shop, first, order=9000, customer="bob")
    assert refused(shop, second, order=9000, customer="bob") == BROKEN


# --- of a time ----------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Warsaw"])
@pytest.mark.parametrize("period", ["daily", "weekly", "monthly"])
@pytest.mark.parametrize(
    "name",
    ["campaign.redemptions.count", "campaign.redemptions.customers_count", "redemption.count"],
)
def test_of_a_time(server: Server, name: str, period: str, zone: str) -> None:
    """It begins at midnight of the project's time zone: a day, a week on Monday, a month."""
    shop = server.project(timezone=zone)
    id_ = campaign(shop, "a")
    limit(shop, f"{name}.{period}", 1, campaign=id_)
    now = datetime.now(ZoneInfo(zone))
    first = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "weekly":
        first -= timedelta(days=first.weekday())
    elif period == "monthly":
        first = first.replace(day=1)
    old = one(redeem(shop, "a", customer="ann"))
    assert refused(shop, "a", customer="ann") == BROKEN
    moved(shop, old, first)
    assert refused(shop, "a", customer="ann") == BROKEN
    moved(shop, old, first - timedelta(milliseconds=1))
    new = one(redeem(shop, "a", customer="ann"))
    assert refused(shop, "a", customer="ann") == BROKEN
    # What is rolled back goes back to the time when it was redeemed.
    undo(shop, old)
    assert refused(shop, "a", customer="ann") == BROKEN
    undo(shop, new)
    redeem(shop, "a", customer="ann")


# --- from when it counts ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("campaign.redemptions.count", 3),
        ("campaign.redemptions.customers_count", 3),
        ("campaign.orders.amount_discounted", 3000),
        ("campaign.orders.amount", 10000),
        ("redemption.count.per_customer", 2),
        ("redemption.count.per_api_key", 2),
        ("redemption.count.daily", 2),
    ],
)
def test_a_limit_that_comes_later_counts_what_was_before(shop: Shop, name: str, most: int) -> None:
    id_ = campaign(shop, "a", "b")
    redeem(shop, "a", "b", order=5000, customer="ann")
    undo(shop, one(redeem(shop, "a", order=5000, customer="ann")))
    limit(shop, name, most, campaign=id_)
    done = one(redeem(shop, "b", order=5000, customer="ann"))
    assert refused(shop, "b", order=5000, customer="ann") == BROKEN
    undo(shop, done)
    redeem(shop, "b", order=5000, customer="ann")
    assert refused(shop, "b", order=5000, customer="ann") == BROKEN


def test_a_rule_that_changes_and_comes_back(shop: Shop) -> None:
    id_ = campaign(shop, "a")
    made = limit(shop, "campaign.redemptions.count", 2, campaign=id_)
    rule = {"id": made["rule_id"]}
    first = one(redeem(shop, "a"))
    redeem(shop, "a")
    assert refused(shop, "a") == BROKEN

    def at_most(most: int) -> None:
        conditions = {"$less_than_or_equal": [most]}
        change(
            shop,
            rule,
            rules={"1": {"name": "campaign.redemptions.count", "conditions": conditions}},
        )

    at_most(3)
    redeem(shop, "a")
    assert refused(shop, "a") == BROKEN
    path = f"/v1/validation-rules/{rule['id']}/assignments"
    assert shop.api.delete(f"{path}/{made['id']}").status_code == 204
    redeem(shop, "a")
    again = assign(shop, rule, campaign=id_)
    assert refused(shop, "a") == BROKEN
    at_most(4)
    assert refused(shop, "a") == BROKEN
    # What was redeemed under one version is given back under another.
    undo(shop, first)
    redeem(shop, "a")
    assert refused(shop, "a") == BROKEN
    assert shop.api.delete(f"{path}/{again['id']}").status_code == 204
    redeem(shop, "a")


def test_two_rules_are_counted_each_for_itself(shop: Shop) -> None:
    id_ = campaign(shop, "a", "b")
    limit(shop, "campaign.redemptions.count", 3, campaign=id_)
    code = shop.api.get("/v1/vouchers/a").json()["id"]
    limit(shop, "redemption.count.per_customer", 1, voucher=code)
    redeem(shop, "a", customer="ann")
    assert refused(shop, "a", customer="ann") == BROKEN
    redeem(shop, "a", "b", customer="bob")
    assert refused(shop, "b", customer="bob") == BROKEN


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("campaign.redemptions.count", 2),
        ("campaign.redemptions.count.daily", 2),
        ("campaign.redemptions.customers_count", 2),
        ("campaign.orders.amount", 10000),
        ("campaign.orders.amount_discounted", 2000),
    ],
)
def test_a_limit_of_a_campaign_on_one_of_its_codes_counts_what_is_stacked_with_it(
    shop: Shop, name: str, most: int
) -> None:
    campaign(shop, "a", "b")
    limit(shop, name, most, voucher=shop.api.get("/v1/vouchers/b").json()["id"])
    redeem(shop, "a", order=5000, customer="ann")
    assert refused(shop, "a", "b", order=5001, customer="ann") == BROKEN
    redeem(shop, "b", order=5000, customer="ann")
    assert refused(shop, "b", order=5000, customer="ann") == BROKEN


# --- units of products --------------------------------------------------------------------------

EACH_100 = {
    "type": "AMOUNT",
    "amount_off": 100,
    "effect": "APPLY_TO_ITEMS_BY_QUANTITY",
}
# What three orders of three units each are discounted: Ann's, Bob's, and Ann's with another code
# or tier.
UNITS = {
    "product_campaign_quantity_limit": [3, 2, 0],
    "product_customer_campaign_quantity_limit": [3, 3, 2],
    "product_promotion_tier_quantity_limit": [3, 2, 3],
    "product_customer_promotion_tier_quantity_limit": [3, 3, 3],
}


def offer(shop: Shop, entry: dict[str, Any], *, tiers: bool) -> list[dict[str, Any]]:
    """Two redeemables of one campaign, that take 100 off each unit of what an entry names."""
    if tiers:
        of = promotion(shop)["id"]
        ids = [add_tier(shop, of, name, action={"discount": EACH_100})["id"] for name in "ab"]
        asked = [tier(id_) for id_ in ids]
    else:
        of = make(shop, voucher={"type": "DISCOUNT_VOUCHER", "discount": EACH_100})["id"]
        asked = [voucher(add(shop, code)["code"]) for code in "ab"]
    rule = make_rule(shop, applicable_to={"included": [entry]})
    assign(shop, rule, campaign=of)
    return asked


def units(shop: Shop, asked: dict[str, Any], customer: str, **items: int) -> int:
    """How many units of an order are discounted; 0 where it is refused for that."""
    lines = [
        {"source_id": name, "related_object": "product", "quantity": n, "price": 1000}
        for name, n in items.items()
    ]
    body = {"redeemables": [asked], "order": {"items": lines}, "customer": {"source_id": customer}}
    answer = shop.api.post("/v1/redemptions", json=body)
    if answer.status_code == 400:
        assert answer.json()["key"] == "order_rules_violated"
        return 0
    assert answer.status_code == 200, answer.text
    n: int = answer.json()["order"]["items_applied_discount_amount"] // 100
    return n


@pytest.mark.parametrize("how", ["number", "formula"])
@pytest.mark.parametrize("of_each", [False, True])
@pytest.mark.parametrize("name", list(UNITS))
def test_units_of_a_product(shop: Shop, name: str, of_each: bool, how: str) -> None:
    """Five in all, or five of each product of a collection."""
    for product in ("tea", "mug"):
        shop.api.post("/v1/products", json={"source_id": product, "name": product})
    member = name.replace("product_", "product_in_collection_", 1) if of_each else name
    entry: dict[str, Any] = {"object": "product", "source_id": "tea", member: 5}
    if of_each:
        products = [
            {"object": "product", "id": shop.api.get(f"/v1/products/{product}").json()["id"]}
            for product in ("tea", "mug")
        ]
        made = make_collection(shop, name="All", type="STATIC", products=products)
        entry = {"object": "products_collection", "id": made["id"], member: 5}
    if how == "formula":
        entry[f"{member}_formula"] = "2 + 3"
        entry[member] = 1
    first, second = offer(shop, entry, tiers="tier" in name)
    expected = UNITS[name]
    found = [
        units(shop, first, "ann", tea=3),
        units(shop, first, "bob", tea=3),
        units(shop, second, "ann", tea=3),
    ]
    assert found == expected
    if of_each:
        assert units(shop, first, "ann", mug=3) == 3


def test_a_rollback_gives_units_back(shop: Shop) -> None:
    entry = {"object": "product", "source_id": "tea", "product_campaign_quantity_limit": 5}
    first, second = offer(shop, entry, tiers=False)
    assert units(shop, first, "ann", tea=4) == 4
    done = shop.api.get("/v1/redemptions").json()["redemptions"][0]["id"]
    assert units(shop, second, "bob", tea=4) == 1
    assert units(shop, second, "bob", tea=4) == 0
    undo(shop, done)
    assert units(shop, second, "bob", tea=9) == 4
    assert units(shop, first, "bob", tea=1) == 0


def test_units_are_counted_on_where_their_rule_changes(shop: Shop) -> None:
    entry = {"object": "product", "source_id": "tea", "product_campaign_quantity_limit": 5}
    asked, _ = offer(shop, entry, tiers=False)
    assert units(shop, asked, "ann", tea=4) == 4
    done = shop.api.get("/v1/redemptions").json()["redemptions"][0]["id"]
    rule = shop.api.get("/v1/validation-rules").json()["data"][0]
    change(shop, rule, name="Another name")
    clear(shop, timedelta(days=99))
    assert units(shop, asked, "ann", tea=4) == 1
    entry["product_campaign_quantity_limit"] = 8
    change(shop, rule, applicable_to={"included": [entry]})
    assert units(shop, asked, "ann", tea=4) == 3
    undo(shop, done)
    assert units(shop, asked, "ann", tea=9) == 4


def test_units_are_shared_by_what_is_stacked(shop: Shop) -> None:
    entry = {"object": "product", "source_id": "tea", "product_campaign_quantity_limit": 5}
    asked = offer(shop, entry, tiers=False)
    items = [{"source_id": "tea", "related_object": "product", "quantity": 3, "price": 1000}]
    done = redeem(shop, *asked, order={"items": items})
    assert done["order"]["items_applied_discount_amount"] == 500
    assert refused(shop, asked[0], order={"items": items}) == "order_rules_violated"
    undo_all(shop, done["parent_redemption"]["id"])
    assert units(shop, asked[0], "ann", tea=9) == 5


# --- clearing up --------------------------------------------------------------------------------


def clear(shop: Shop, later: timedelta) -> list[str]:
    """Drops what counters need not be kept then; the measures and periods of those that stay."""
    sql(shop, DROP_OLD, datetime.now(ZoneInfo("UTC")) + later, 100)
    left = sql(shop, "SELECT key FROM counters WHERE project_id = $1 ORDER BY key")
    return ["/".join(row["key"].split("/")[2:4]) for row in left]


def test_counters_of_times_that_are_over_are_dropped_and_missed_by_nobody(shop: Shop) -> None:
    id_ = campaign(shop, "a")
    limit(shop, "campaign.redemptions.count", 9, campaign=id_)
    for period in ("daily", "weekly", "monthly"):
        limit(shop, f"campaign.redemptions.count.{period}", 2, campaign=id_)
    done = one(redeem(shop, "a"))
    redeem(shop, "a")
    whole = ["redemptions/daily", "redemptions/monthly", "redemptions/total", "redemptions/weekly"]
    assert sorted(clear(shop, timedelta(hours=47))) == whole
    assert sorted(clear(shop, timedelta(days=3))) == whole[1:]
    assert sorted(clear(shop, timedelta(days=10))) == whole[1:3]
    assert clear(shop, timedelta(days=34)) == ["redemptions/total"]
    assert refused(shop, "a") == BROKEN
    clear(shop, timedelta(days=34))
    undo(shop, done)
    redeem(shop, "a")
    assert refused(shop, "a") == BROKEN


def test_counters_of_rules_that_are_assigned_no_more_or_were_changed_are_dropped(
    shop: Shop,
) -> None:
    assigned = {}
    for code in ("a", "b", "c"):
        id_ = create(shop, code)["id"]
        assigned[code] = limit(shop, "redemption.count.per_customer", 5, voucher=id_)
        redeem(shop, code, customer="ann")
    assert len(clear(shop, timedelta())) == 3
    of = assigned["a"]
    answer = shop.api.delete(f"/v1/validation-rules/{of['rule_id']}/assignments/{of['id']}")
    assert answer.status_code == 204
    assert shop.api.delete("/v1/vouchers/b").status_code == 204
    assert len(clear(shop, timedelta())) == 1
    change(shop, {"id": assigned["c"]["rule_id"]}, name="Another name")
    assert clear(shop, timedelta()) == []
    redeem(shop, "c", customer="ann")
    [row] = sql(shop, "SELECT n FROM counters WHERE project_id = $1")
    assert row["n"] == 2
