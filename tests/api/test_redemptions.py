"""Redemptions over HTTP: the documents' own examples, and how redemptions are answered and read."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.test_customers import save as save_customer
from tests.api.test_orders import PHONE
from tests.api.test_promotions import add as add_tier
from tests.api.test_promotions import campaign as promotion
from tests.api.test_stacking_rules import at
from tests.api.test_stacking_rules import category as make_category
from tests.api.test_vouchers import GIFT, create, made, put, read
from tests.running import Shop

R, RF = r"r_[0-9a-f]{18}", r"rf_[0-9a-f]{18}"
ORDER = r"ord_[0-9A-Za-z]{24}"
TRACK = r"track_.+"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
UNUSED = "r_000000000000000000"
PERCENT_20 = {
    "type": "DISCOUNT_VOUCHER",
    "discount": {"type": "PERCENT", "percent_off": 20, "effect": "APPLY_TO_ORDER"},
}


def voucher(code: str, credits: int | None = None) -> dict[str, Any]:
    """A voucher as a redeemable."""
    gift = {} if credits is None else {"gift": {"credits": credits}}
    return {"object": "voucher", "id": code, **gift}


def tier(tier_id: str) -> dict[str, Any]:
    return {"object": "promotion_tier", "id": tier_id}


def post(shop: Shop, *redeemables: str | dict[str, Any], **body: Any) -> Any:
    """Asks for a redemption; text is the code of a voucher. An `order` that is a number is its
    amount, a `customer` that is text is a source id.
    """
    asked = [voucher(each) if isinstance(each, str) else each for each in redeemables]
    if isinstance(body.get("order"), int):
        body["order"] = {"amount": body["order"]}
    if isinstance(body.get("customer"), str):
        body["customer"] = {"source_id": body["customer"]}
    return shop.api.post("/v1/redemptions", json={"redeemables": asked, **body})


def redeem(shop: Shop, *redeemables: str | dict[str, Any], **body: Any) -> dict[str, Any]:
    """Redeems; the answer."""
    answer = post(shop, *redeemables, **body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refused(shop: Shop, *redeemables: str | dict[str, Any], **body: Any) -> str:
    """The key of a refusal, whose redemption is stored."""
    answer = post(shop, *redeemables, **body)
    assert answer.status_code == 400, answer.text
    problem = answer.json()
    assert re.fullmatch(RF, problem["resource_id"]), problem
    assert problem["resource_type"] == "redemption"
    stored = get(shop, problem["resource_id"])
    assert (stored["result"], stored["status"]) == ("FAILURE", "FAILED")
    key: str = problem["key"]
    return key


def get(shop: Shop, redemption_id: str) -> dict[str, Any]:
    answer = shop.api.get(f"/v1/redemptions/{redemption_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def stacking(shop: Shop, **rules: Any) -> None:
    """Sets the project's stacking rules."""
    with shop.server.management() as management:
        answer = management.post(at(shop.id), json=rules)
        assert answer.status_code == 200, answer.text


def money(order: dict[str, Any]) -> dict[str, int]:
    return {name: value for name, value in order.items() if name.endswith("amount")}


def sums(amount: int, before: int, off: int) -> dict[str, int]:
    """The sums of an order that had `before` off, and has `off` more."""
    return {
        "amount": amount,
        "discount_amount": before + off,
        "total_discount_amount": before + off,
        "total_amount": amount - before - off,
        "applied_discount_amount": off,
        "total_applied_discount_amount": off,
    }


def three(shop: Shop) -> list[dict[str, Any]]:
    """The redeemables of the documents' example: 100 credits, 20 %, and a tier of 8000 off."""
    create(shop, "dBj56oqJ", type="GIFT_VOUCHER", gift={"amount": 20500})
    create(shop, "39vnjyS8", **PERCENT_20)
    off = {"discount": {"type": "AMOUNT", "amount_off": 8000, "effect": "APPLY_TO_ORDER"}}
    made_tier = add_tier(shop, promotion(shop)["id"], action=off)
    return [voucher("dBj56oqJ", 100), voucher("39vnjyS8"), tier(made_tier["id"])]


# --- the documents' examples --------------------------------------------------------------------


def test_three_stacked_on_an_order(shop: Shop) -> None:
    asked = three(shop)
    answer = redeem(shop, *asked, order=200000, customer="sample_customer")
    gift, percent, of_tier = answer["redemptions"]
    parent, order = answer["parent_redemption"], answer["order"]
    assert money(gift["order"]) == sums(200000, 0, 100)
    assert money(percent["order"]) == sums(200000, 100, 39980)
    assert money(of_tier["order"]) == sums(200000, 40080, 8000)
    assert money(order) == money(parent["order"]) == sums(200000, 0, 48080)
    assert order["total_amount"] == 151920
    assert {each["redemption"] for each in answer["redemptions"]} == {parent["id"]}
    assert order["redemptions"] == {
        parent["id"]: {
            "date": parent["date"],
            "related_object_type": "redemption",
            "related_object_id": parent["id"],
            "stacked": [gift["id"], percent["id"], of_tier["id"]],
        }
    }
    assert (order["status"], order["updated_at"], order["object"]) == ("PAID", None, "order")
    customer = shop.api.get("/v1/customers/sample_customer").json()
    assert (order["customer_id"], order["customer"]["id"]) == (customer["id"], customer["id"])
    for each in (gift, percent, of_tier, parent):
        assert (each["result"], each["status"]) == ("SUCCESS", "SUCCEEDED")
        assert each["customer_id"] == each["customer"]["id"] == customer["id"]
        assert re.fullmatch(R, each["id"])
        assert re.fullmatch(TRACK, each["tracking_id"])
    assert (gift["amount"], gift["gift"]) == (100, {"amount": 100})
    assert gift["voucher"]["gift"] == {
        "amount": 20500,
        "balance": 20400,
        "effect": "APPLY_TO_ORDER",
    }
    assert (of_tier["promotion_tier"]["id"], of_tier["voucher"]) == (asked[2]["id"], None)
    assert (parent["related_object_type"], parent["related_object_id"]) == (
        "redemption",
        parent["id"],
    )
    assert "inapplicable_redeemables" not in answer
    assert "skipped_redeemables" not in answer
    assert shop.api.get(f"/v1/orders/{order['id']}").json()["redemptions"] == order["redemptions"]


def test_another_voucher_for_an_order_that_exists(shop: Shop) -> None:
    """By its id and by its source id; what is due is all that can be taken off."""
    create(shop, "first", discount={"type": "AMOUNT", "amount_off": 9200})
    create(shop, "a2pl4qJw")
    create(shop, "third", discount={"type": "AMOUNT", "amount_off": 1})
    first = redeem(shop, "first", order={"source_id": "O 1", "amount": 10000}, customer="john")
    order_id = first["order"]["id"]
    second = redeem(shop, "a2pl4qJw", order={"id": order_id})
    assert money(second["order"]) == sums(10000, 9200, 800)
    assert money(second["redemptions"][0]["order"]) == sums(10000, 9200, 800)
    assert second["order"]["customer_id"] == first["order"]["customer_id"]
    assert second["redemptions"][0]["customer_id"] == first["order"]["customer_id"]
    # What a body says of an order that exists is not heard.
    third = redeem(shop, "third", order={"source_id": "O 1", "amount": 77777})
    assert third["order"]["id"] == order_id
    assert third["order"]["total_amount"] == 0
    assert "applied_discount_amount" not in third["order"]
    assert third["order"]["discount_amount"] == 10000
    ids = [each["redemptions"][0]["id"] for each in (first, second, third)]
    assert list(third["order"]["redemptions"]) == ids
    entry = third["order"]["redemptions"][ids[1]]
    assert (entry["related_object_type"], entry["related_object_id"]) == (
        "voucher",
        read(shop, "a2pl4qJw")["id"],
    )
    assert shop.api.get("/v1/orders").json()["total"] == 1


def test_the_first_example_of_the_reference(shop: Shop) -> None:
    create(shop, "BLCKFRDY", **PERCENT_20)
    answer = redeem(shop, "BLCKFRDY", order=5500)
    assert money(answer["order"]) == sums(5500, 0, 1100)
    assert (answer["order"]["customer_id"], "customer" in answer["order"]) == (None, False)


def test_the_general_example_of_the_reference(shop: Shop) -> None:
    made(shop, "/v1/categories", name="New", hierarchy=3)
    create(shop, "voucher-code", category="New", metadata={"season": "Fall"})
    items = [
        {
            "quantity": quantity,
            "price": price,
            "source_id": source_id,
            "related_object": "product",
            "product": {"metadata": {"key": "value"}},
        }
        for quantity, price, source_id in (
            (2, 20000, "sample product1"),
            (1, 15000, "sample product2"),
        )
    ]
    answer = redeem(
        shop,
        "voucher-code",
        customer={"source_id": "sample_customer", "metadata": {"key": "value"}},
        options={"expand": ["order", "redeemable", "category"]},
        session={"type": "LOCK", "key": "session_key"},
        order={"amount": 55000, "status": "PAID", "items": items, "metadata": {"key": "value"}},
    )
    order = answer["order"]
    assert (order["amount"], order["total_amount"]) == (55000, 54000)
    assert order["metadata"] == {"key": "value"}
    assert [item["amount"] for item in order["items"]] == [40000, 15000]
    part = answer["redemptions"][0]["voucher"]
    assert part["metadata"] == {"season": "Fall"}
    assert [each["name"] for each in part["categories"]] == ["New"]
    assert answer["redemptions"][0]["customer"]["metadata"] == {"key": "value"}


# --- how one is answered ------------------------------------------------------------------------


def test_one_voucher_is_answered_whole(shop: Shop) -> None:
    made_voucher = create(shop, "TEN", redemption={"quantity": 3})
    bob = save_customer(shop, source_id="bob", name="Bob", metadata={"age": 3})
    body = {"order": {"amount": 5000}, "customer": "bob", "metadata": {"key": "value"}}
    answer = redeem(shop, "TEN", **body)
    assert set(answer) == {"redemptions", "order"}
    [found] = answer["redemptions"]
    assert re.fullmatch(R, found.pop("id"))
    assert re.fullmatch(TRACK, found.pop("tracking_id"))
    date = found.pop("date")
    part = found.pop("voucher")
    order = found.pop("order")
    assert order == answer["order"]
    channel = found.pop("channel")
    assert (channel["channel_type"], bool(channel["channel_id"])) == ("API", True)
    customer = found.pop("customer")
    assert found == {
        "object": "redemption",
        "customer_id": bob["id"],
        "metadata": {"key": "value"},
        "result": "SUCCESS",
        "status": "SUCCEEDED",
        "related_object_type": "voucher",
        "related_object_id": made_voucher["id"],
    }
    assert customer["id"] == bob["id"]
    assert (customer["name"], customer["source_id"], customer["metadata"]) == (
        "Bob",
        "bob",
        {"age": 3},
    )
    assert (part["id"], part["code"], part["campaign"]) == (made_voucher["id"], "TEN", None)
    assert part["redemption"] == {"quantity": 3, "redeemed_quantity": 1}
    assert part["discount"] == {
        "type": "AMOUNT",
        "amount_off": 1000,
        "effect": "APPLY_TO_ORDER",
    }
    assert re.fullmatch(ORDER, order.pop("id"))
    assert order.pop("created_at") == date
    [entry] = order.pop("redemptions").values()
    assert entry == {
        "date": date,
        "related_object_type": "voucher",
        "related_object_id": made_voucher["id"],
    }
    assert order == {
        **sums(5000, 0, 1000),
        "source_id": None,
        "updated_at": None,
        "status": "PAID",
        "metadata": {},
        "customer": {"id": bob["id"], "object": "customer"},
        "customer_id": bob["id"],
        "referrer_id": None,
        "object": "order",
    }


def test_what_is_read_later_is_what_was_answered(shop: Shop) -> None:
    asked = three(shop)
    answer = redeem(shop, *asked, order=200000, customer="ann", metadata={"a": 1})
    for each in (*answer["redemptions"], answer["parent_redemption"]):
        found = get(shop, each["id"])
        related = found.pop("related_redemptions", None)
        for part in ("voucher", "promotion_tier"):
            for view in (found, each):
                if view.get(part):
                    view[part].pop("metadata", None)
        assert found == each
        if each["id"] == answer["parent_redemption"]["id"]:
            assert related == {
                "redemptions": [
                    {"id": child["id"], "date": child["date"]} for child in answer["redemptions"]
                ]
            }


def test_a_redemption_without_order_and_customer(shop: Shop) -> None:
    create(shop, "TEN")
    answer = redeem(shop, "TEN")
    [found] = answer["redemptions"]
    assert set(answer) == {"redemptions"}
    assert (found["order"], found["customer"], found["customer_id"]) == (None, None, None)
    assert (found["tracking_id"], found["metadata"]) == (None, None)
    assert shop.api.get("/v1/orders").json()["total"] == 0
    assert shop.api.get("/v1/customers").json()["total"] == 0


def test_vouchers_by_code_and_by_id_are_the_same(shop: Shop) -> None:
    id_ = create(shop, "TEN")["id"]
    create(shop, "TWO")
    assert redeem(shop, id_)["redemptions"][0]["voucher"]["code"] == "TEN"
    for pair in (("TEN", "TEN"), ("TEN", id_)):
        answer = post(shop, *pair)
        assert (answer.status_code, answer.json()["key"]) == (400, "duplicated_redeemables")
    assert read(shop, "TEN")["redemption"]["redeemed_quantity"] == 1


def test_a_stack_is_redeemed_as_its_tiers(shop: Shop) -> None:
    of = promotion(shop)["id"]
    tiers = [add_tier(shop, of, name)["id"] for name in ("One", "Two")]
    body = {"name": "Stack", "tiers": {"ids": tiers, "hierarchy_mode": "MANUAL"}}
    stack = made(shop, f"/v1/promotions/{of}/stacks", **body)
    create(shop, "TEN")
    asked = {"object": "promotion_stack", "id": stack}
    answer = redeem(shop, asked, order=10000)
    assert [each["promotion_tier"]["id"] for each in answer["redemptions"]] == tiers
    assert answer["order"]["total_amount"] == 4000
    beside = post(shop, asked, "TEN", order=10000)
    assert (beside.status_code, beside.json()["key"]) == (400, "invalid_redeemables")
    unknown = post(shop, {"object": "promotion_stack", "id": "stack_no"}, order=10000)
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    ("credits", "amount", "taken"), [(None, 4000, 4000), (300, 4000, 300), (9000, 4000, 4000)]
)
def test_credits_of_a_gift_card(shop: Shop, credits: int | None, amount: int, taken: int) -> None:
    create(shop, "card", **GIFT)
    answer = redeem(shop, voucher("card", credits), order=amount)
    [found] = answer["redemptions"]
    assert (found["amount"], found["gift"]) == (taken, {"amount": taken})
    assert money(answer["order"]) == sums(amount, 0, taken)
    assert read(shop, "card")["gift"]["balance"] == 10000 - taken
    assert found["voucher"]["redemption"]["redeemed_amount"] == taken


def test_a_gift_card_without_enough(shop: Shop) -> None:
    create(shop, "card", **GIFT)
    assert refused(shop, voucher("card", 10001), order=50000) == "gift_amount_exceeded"
    assert refused(shop, "card") == "missing_order"
    # Without an order, as many as are asked for.
    assert redeem(shop, voucher("card", 10000))["redemptions"][0]["amount"] == 10000
    assert refused(shop, "card", order=1) == "gift_amount_exceeded"
    for credits in (-1, 10**17):
        answer = post(shop, voucher("card", credits), order=1)
        assert (answer.status_code, answer.json()["key"]) == (400, "invalid_payload")


def test_items_are_discounted_line_by_line(shop: Shop) -> None:
    create(shop, "each", discount={"type": "AMOUNT", "amount_off": 10, "effect": "APPLY_TO_ITEMS"})
    answer = redeem(shop, "each", order={"items": [PHONE, {"quantity": 1, "price": 4}]})
    order = answer["order"]
    assert money(order) == {
        "amount": 120004,
        "items_discount_amount": 14,
        "total_discount_amount": 14,
        "total_amount": 119990,
        "items_applied_discount_amount": 14,
        "total_applied_discount_amount": 14,
    }
    assert [item["applied_discount_amount"] for item in order["items"]] == [10, 4]
    stored = shop.api.get(f"/v1/orders/{order['id']}").json()
    assert [item["discount_amount"] for item in stored["items"]] == [10, 4]


# --- what is told in full -----------------------------------------------------------------------


def test_a_category_tells_what_stacking_rules_make_of_it(shop: Shop) -> None:
    cat = make_category(shop, "only")
    stacking(shop, exclusive_categories=[cat])
    create(shop, "TEN", category_id=cat)
    plain = redeem(shop, "TEN")["redemptions"][0]["voucher"]["categories"]
    whole = redeem(shop, "TEN", options={"expand": ["category"]})["redemptions"][0]["voucher"]
    assert (plain[0]["id"], "stacking_rules_type" in plain[0]) == (cat, False)
    assert whole["categories"][0]["stacking_rules_type"] == "EXCLUSIVE"


def test_the_metadata_of_what_was_redeemed(shop: Shop) -> None:
    create(shop, "TEN", metadata={"a": 1})
    made_tier = add_tier(shop, promotion(shop)["id"], metadata={"b": 2})
    asked = ("TEN", tier(made_tier["id"]))
    answer = redeem(shop, *asked, order=9000, options={"expand": ["redeemable"]})
    first, second = answer["redemptions"]
    assert first["voucher"]["metadata"] == {"a": 1}
    assert second["promotion_tier"]["metadata"] == {"b": 2}


def test_what_cannot_be_asked_for(shop: Shop) -> None:
    put_many = [voucher(str(number)) for number in range(31)]
    for asked in ([], put_many, [{"object": "coupon", "id": "x"}], [{"object": "voucher"}]):
        answer = shop.api.post("/v1/redemptions", json={"redeemables": asked})
        assert (answer.status_code, answer.json()["key"]) == (400, "invalid_payload"), asked
    create(shop, "TEN")
    answer = post(shop, "TEN", order={"id": "ord_000000000000000000000000"})
    assert (answer.status_code, answer.json()["resource_type"]) == (404, "order")
    answer = post(shop, "TEN", customer={"id": "cust_000000000000000000000000"})
    assert (answer.status_code, answer.json()["resource_type"]) == (404, "customer")
    assert read(shop, "TEN")["redemption"]["redeemed_quantity"] == 0
    put(shop, "TEN", active=False)
    assert refused(shop, "TEN") == "voucher_disabled"
