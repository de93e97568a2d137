"""What redemptions and rollbacks move, in the commit that they are made in."""

from __future__ import annotations

import pytest

from tests.api.test_campaign_summary import told
from tests.api.test_campaigns import add, kind, make
from tests.api.test_cards import ledger
from tests.api.test_customers import read, save, sql
from tests.api.test_export_files import define
from tests.api.test_orders import PHONE, activity, summary, words
from tests.api.test_promotions import add as add_tier
from tests.api.test_promotions import campaign as promotion
from tests.api.test_promotions import get as get_tier
from tests.api.test_redemptions import money, post, redeem, refused, tier, voucher
from tests.api.test_rollbacks import ask, one, undo, undo_all
from tests.api.test_segments import make as make_segment
from tests.api.test_vouchers import GIFT, create
from tests.api.test_vouchers import read as read_voucher
from tests.running import Shop, until


def redemptions(shop: Shop, customer: str = "ann") -> tuple[int, ...]:
    """Redeemed, failed, succeeded; rolled back, not rolled back, rolled back with success."""
    found = read(shop, customer)["summary"]["redemptions"]
    return (
        *(found["total_redeemed"], found["total_failed"], found["total_succeeded"]),
        *(found["total_rolled_back"], found["total_rollback_failed"]),
        found["total_rollback_succeeded"],
    )


def gift(shop: Shop, customer: str = "ann") -> tuple[int, int]:
    found = read(shop, customer)["summary"]["redemptions"]["gift"]
    return found["redeemed_amount"], found["amount_to_go"]


# --- campaigns and tiers ------------------------------------------------------------------------


def test_sums_beyond_all_bounds_stay_at_the_bound(shop: Shop) -> None:
    """Nobody sells for so much, but whoever may redeem may say so."""
    made = add_tier(shop, promotion(shop)["id"])
    order = {"items": [{"amount": 10**15}] * 500}
    for _ in range(20):
        redeem(shop, tier(made["id"]), order=order)
    told_ = get_tier(shop, made["id"])["summary"]
    assert told_["orders"]["total_amount"] == 2**63 - 1
    assert told_["redemptions"] == {"total_redeemed": 20}
    waiting = "SELECT count(*) FROM events WHERE project_id = $1 AND NOT handled"
    assert until(lambda: sql(shop, waiting)[0][0] == 0)
    redeem(shop, tier(made["id"]), order=order)
    assert until(lambda: sql(shop, waiting)[0][0] == 0)
    told_ = get_tier(shop, made["id"])["summary"]
    assert told_["orders"]["total_amount"] == 2**63 - 1
    assert told_["redemptions"] == {"total_redeemed": 21}


def test_the_sums_of_a_campaign_of_coupons(shop: Shop) -> None:
    make(shop)
    for code in ("a", "b", "off"):
        add(shop, code)
    shop.api.put("/v1/vouchers/off", json={"active": False})
    before = {"vouchers_created": 3}
    done = redeem(shop, "a", "b", order=5000)
    refused(shop, "off", order=70)
    redeemed = before | {
        "redemptions": 3,
        "redemptions_succeeded": 2,
        "redemptions_failed": 1,
        "orders_amount": 5000,
        "discounted_amount": 2000,
    }
    assert told(shop) == redeemed
    undo_all(shop, done["parent_redemption"]["id"])
    rolled = redeemed | {
        "rollbacks": 2,
        "rollbacks_succeeded": 2,
        "orders_rolledback_amount": 5000,
        "rolledback_discounted_amount": 2000,
    }
    assert told(shop) == rolled
    alone = one(redeem(shop, "a"))
    undo(shop, alone)
    assert ask(shop, alone).status_code == 400
    assert told(shop) == rolled | {
        "redemptions": 4,
        "redemptions_succeeded": 3,
        "discounted_amount": rolled["discounted_amount"] + alone_off(shop, alone),
        "rolledback_discounted_amount": 2000 + alone_off(shop, alone),
        "rollbacks": 4,
        "rollbacks_succeeded": 3,
        "rollbacks_failed": 1,
    }


def alone_off(shop: Shop, redemption_id: str) -> int:
    """What a redemption without an order took off: what is stored of it."""
    statement = "SELECT discount_amount FROM redemptions WHERE project_id = $1 AND id = $2"
    [row] = sql(shop, statement, redemption_id)
    n: int = row["discount_amount"]
    return n


def test_the_sums_of_a_campaign_of_gift_cards(shop: Shop) -> None:
    kind(shop, "GIFT_VOUCHERS")
    add(shop, "card")
    before = told(shop)
    done = one(redeem(shop, voucher("card", 1200), order=5000))
    redeemed = before | {
        "redemptions": 1,
        "redemptions_succeeded": 1,
        "orders_amount": 5000,
        "amount_redeemed": 1200,
    }
    assert told(shop) == redeemed
    undo(shop, done)
    assert told(shop) == redeemed | {
        "rollbacks": 1,
        "rollbacks_succeeded": 1,
        "orders_rolledback_amount": 5000,
        "amount_rolledback": 1200,
    }


def test_the_sums_stay_the_same_once_they_are_folded(shop: Shop) -> None:
    make(shop)
    add(shop, "a")
    for _ in range(3):
        undo(shop, one(redeem(shop, "a", order=5000)))
    before = told(shop)

    def folded() -> bool:
        statement = "SELECT 1 FROM events WHERE project_id = $1 AND NOT handled"
        return not sql(shop, statement)

    until(folded)
    assert told(shop) == before
    assert shop.api.get("/v1/redemptions").json()["total"] == 6


def test_the_sums_of_tiers(shop: Shop) -> None:
    of = promotion(shop)["id"]
    first, second = (add_tier(shop, of, name)["id"] for name in ("One", "Two"))

    def sums(tier_id: str) -> tuple[int, int, int]:
        found = get_tier(shop, tier_id)["summary"]
        orders = found["orders"]
        return (
            found["redemptions"]["total_redeemed"],
            orders["total_amount"],
            orders["total_discount_amount"],
        )

    done = redeem(shop, tier(first), tier(second), order=5000)
    assert sums(first) == (1, 5000, 3000)
    assert sums(second)[::2] == (1, 2000)
    redeem(shop, tier(first), order=9000)
    assert sums(first) == (2, 14000, 6000)
    undo_all(shop, done["parent_redemption"]["id"])
    assert sums(first) == (1, 9000, 3000)
    assert sums(second) == (0, 0, 0)
    assert told(shop, name="Promotion")["orders_amount"] == 14000


# --- customers ----------------------------------------------------------------------------------


def test_the_sums_of_a_customer(shop: Shop) -> None:
    create(shop, "TEN")
    create(shop, "TWO")
    create(shop, "off", active=False)
    save(shop, source_id="ann")
    done = redeem(shop, "TEN", "TWO", order=5000, customer="ann")
    assert redemptions(shop) == (2, 0, 2, 0, 0, 0)
    assert summary(shop)[:4] == (3000, 1, 3000, 3000)
    assert summary(shop)[4] == done["order"]["created_at"]
    refused(shop, "TEN", "off", customer="ann")
    assert redemptions(shop) == (2, 1, 2, 0, 0, 0)
    parent = done["parent_redemption"]["id"]
    undo_all(shop, parent)
    assert redemptions(shop) == (0, 1, 2, 2, 0, 2)
    assert ask(shop, parent, "rollbacks").status_code == 400
    assert redemptions(shop) == (0, 1, 2, 2, 1, 2)
    assert summary(shop)[:4] == (0, 0, 0, 0)


def test_the_last_order_is_the_one_before_again(shop: Shop) -> None:
    create(shop, "TEN")
    redeem(shop, "TEN", order=3000, customer="ann")
    last = one(redeem(shop, "TEN", order=5000, customer="ann"))
    assert summary(shop)[:4] == (6000, 2, 3000, 4000)
    undo(shop, last)
    assert summary(shop)[:4] == (2000, 1, 2000, 2000)


def test_an_order_that_was_paid_before_counts_less(shop: Shop) -> None:
    create(shop, "TEN")
    paid = {"source_id": "o", "amount": 5000, "status": "PAID", "customer": {"source_id": "ann"}}
    shop.api.post("/v1/orders", json=paid)
    assert summary(shop)[:2] == (5000, 1)
    id_ = one(redeem(shop, "TEN", order={"source_id": "o"}))
    assert summary(shop)[:2] == (4000, 1)
    undo(shop, id_)
    assert summary(shop)[:2] == (0, 0)


@pytest.mark.parametrize(
    ("status", "after", "count"),
    [(None, "PAID", 1), ("CREATED", "CREATED", 0), ("PAID", "PAID", 1), ("FULFILLED",) * 2 + (1,)],
)
def test_the_status_of_a_new_order(shop: Shop, status: str | None, after: str, count: int) -> None:
    create(shop, "TEN")
    order = redeem(shop, "TEN", order={"amount": 5000, "status": status}, customer="ann")["order"]
    assert order["status"] == after
    assert summary(shop)[:2] == (4000 * count, count)


def test_an_order_that_was_created_is_paid_with_its_redemption(shop: Shop) -> None:
    create(shop, "TEN")
    body = {"source_id": "o", "amount": 5000, "customer": {"source_id": "ann"}}
    assert shop.api.post("/v1/orders", json=body).json()["status"] == "CREATED"
    assert redeem(shop, "TEN", order={"source_id": "o"})["order"]["status"] == "PAID"
    assert words(shop)[-3:] in (
        ["order.updated", "order.paid", "redemption.succeeded"],
        ["redemption.succeeded", "order.updated", "order.paid"],
    )


def test_an_order_does_not_go_back_with_its_redemption(shop: Shop) -> None:
    create(shop, "TEN")
    body = {"source_id": "o", "amount": 5000, "status": "FULFILLED"}
    assert shop.api.post("/v1/orders", json=body).status_code == 200
    order = {"source_id": "o", "status": "CREATED"}
    assert redeem(shop, "TEN", order=order)["order"]["status"] == "FULFILLED"


def test_the_credits_of_a_holder(shop: Shop) -> None:
    """What is to go is of those who hold a card; what was redeemed, of those who redeem."""
    save(shop, source_id="bob")
    holder = save(shop, source_id="ann")["id"]
    create(shop, "card", **GIFT)
    sql(shop, "UPDATE vouchers SET holder_id = $2 WHERE project_id = $1", holder)
    sql(
        shop,
        "UPDATE customers SET gift_amount_to_go = 10000 WHERE project_id = $1 AND id = $2",
        holder,
    )
    mine = one(redeem(shop, voucher("card", 3000), order=5000, customer="ann"))
    assert gift(shop) == (3000, 7000)
    theirs = one(redeem(shop, voucher("card", 500), order=5000, customer="bob"))
    assert (gift(shop, "bob"), gift(shop)[0]) == ((500, 0), 3000)
    undo(shop, theirs)
    undo(shop, mine)
    assert (gift(shop, "bob"), gift(shop)) == ((0, 0), (0, 10000))


def test_a_segment_that_asks_for_what_was_redeemed(shop: Shop) -> None:
    path = "summary.redemptions.total_redeemed"
    filter_ = {"junction": "and", path: {"conditions": {"$more_than": [1]}}}
    segment = make_segment(shop, type="auto-update", filter=filter_)
    create(shop, "TEN")
    save(shop, source_id="ann")

    def belongs() -> bool:
        found = shop.api.get("/v1/customers/ann/segments").json()["data"]
        return [each["id"] for each in found] == [segment["id"]]

    redeem(shop, "TEN", customer="ann")
    assert not belongs()
    last = one(redeem(shop, "TEN", customer="ann"))
    assert belongs()
    undo(shop, last)
    assert not belongs()


def test_what_a_customer_did(shop: Shop) -> None:
    make(shop)
    add(shop, "TEN")
    save(shop, source_id="ann")
    id_ = one(redeem(shop, "TEN", order=5000, customer="ann"))
    undone = undo(shop, id_)["id"]
    ask(shop, id_)
    shop.api.put("/v1/vouchers/TEN", json={"active": False})
    refused(shop, "TEN", customer="ann")
    happened = {event["type"].removeprefix("customer."): event for event in activity(shop)}
    assert {
        *("redemption.succeeded", "redemption.failed", "rollback.succeeded", "rollback.failed"),
        *("order.created", "order.paid", "order.canceled"),
    } <= {name.replace("redemption.rollback", "rollback") for name in happened}
    data = happened["redemption.succeeded"]["data"]
    assert data["redemption"]["id"] == id_
    assert (data["voucher"]["code"], data["campaign"]["name"]) == ("TEN", "C")
    assert data["order"]["total_amount"] == 4000
    rolled = next(event for name, event in happened.items() if name.endswith("rollback.succeeded"))
    assert rolled["data"]["redemption_rollback"]["id"] == undone
    assert rolled["data"]["redemption"]["id"] == id_


# --- orders, products, metadata -----------------------------------------------------------------


def test_products_are_stored_only_when_something_is_redeemed(shop: Shop) -> None:
    create(shop, "TEN", active=False)
    body = {"items": [PHONE]}
    assert refused(shop, "TEN", order=body) == "voucher_disabled"
    assert shop.api.get("/v1/products/prod_1").status_code == 404
    shop.api.put("/v1/vouchers/TEN", json={"active": True})
    order = redeem(shop, "TEN", order=body)["order"]
    product = shop.api.get("/v1/products/prod_1").json()
    assert (product["name"], product["price"]) == ("Apple iPhone 12", 60000)
    assert order["items"][0]["product"]["id"] == product["id"]
    stored = shop.api.get(f"/v1/orders/{order['id']}").json()
    assert stored["items"][0]["product"]["id"] == product["id"]
    assert money(stored)["total_amount"] == 119000


def test_metadata_follows_its_schema(shop: Shop) -> None:
    define(shop, "redemption", level={"type": "number", "array": False, "optional": False})
    create(shop, "TEN")
    for metadata in (None, {}, {"level": "x"}, {"other": 1}):
        answer = post(shop, "TEN", metadata=metadata)
        assert (answer.status_code, metadata) == (400, metadata)
        assert "resource_id" not in answer.json()
    found = redeem(shop, "TEN", metadata={"level": 3})["redemptions"][0]
    assert found["metadata"] == {"level": 3}
    assert read_voucher(shop, "TEN")["redemption"]["redeemed_quantity"] == 1
    assert shop.api.get("/v1/redemptions").json()["total"] == 1


def test_the_ledger_adds_up(shop: Shop) -> None:
    create(shop, "card", **GIFT)
    first = one(redeem(shop, voucher("card", 4000), order=9000))
    redeem(shop, voucher("card", 500))
    shop.api.post("/v1/vouchers/card/balance", json={"amount": 250})
    undo(shop, first)
    entries = ledger(shop, "card")
    assert [entry["type"] for entry in entries[::-1]] == [
        *("CREDITS_REDEMPTION", "CREDITS_REDEMPTION", "CREDITS_ADDITION", "CREDITS_REFUND"),
    ]
    amounts = [entry["details"]["balance"]["amount"] for entry in entries[::-1]]
    balances = [entry["details"]["balance"]["balance"] for entry in entries[::-1]]
    assert amounts == [-4000, -500, 250, 4000]
    assert balances == [6000, 5500, 5750, 9750]
    assert read_voucher(shop, "card")["gift"]["balance"] == 9750
