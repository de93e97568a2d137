from __future__ import annotations

from typing import Any

import pytest

from tests.api.validating import (
    ask,
    coupon,
    error,
    made,
    off,
    promotion,
    stacking,
    tier,
    validate,
)
from tests.running import Shop


def refused(answer: Any, key: str = "invalid_payload", code: int = 400) -> str:
    """What a refusal of a whole request says."""
    assert (answer.status_code, answer.json()["key"]) == (code, key), answer.text
    details: str = answer.json()["details"]
    return details


# --- redeemables --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({}, "Payload should have required property 'redeemables'"),
        ({"redeemables": []}, "Property .redeemables should NOT have fewer than 1 items"),
        ({"redeemables": "TEN"}, "Property .redeemables should be array"),
        (
            {"redeemables": [{"object": "voucher", "id": "a"}, {"object": "voucher"}]},
            "Property .redeemables[1] should have required property 'id'",
        ),
        (
            {"redeemables": [{"id": "a"}]},
            "Property .redeemables[0] should have required property 'object'",
        ),
        ({"redeemables": [{"object": "coupon", "id": "a"}]}, "Property .redeemables[0].object"),
        ({"redeemables": [{"object": "voucher", "id": ""}]}, "Property .redeemables[0].id"),
        ({"redeemables": [{"object": "voucher", "id": 5}]}, "Property .redeemables[0].id"),
    ],
)
def test_redeemables_that_cannot_be(shop: Shop, body: Any, details: str) -> None:
    assert refused(shop.api.post("/v1/validations", json=body)).startswith(details)


@pytest.mark.parametrize(
    ("credits", "details"),
    [(-1, "cannot be lower than 0"), (10**15 + 1, f"cannot be higher than {10**15}")],
)
def test_credits_that_cannot_be(shop: Shop, credits: int, details: str) -> None:
    asked = {"object": "voucher", "id": "CARD", "gift": {"credits": credits}}
    assert refused(ask(shop, asked)) == f"Property .redeemables[0].gift.credits {details}"


def test_the_same_one_twice(shop: Shop) -> None:
    id_ = coupon(shop, "TEN")["id"]
    of_tier = tier(shop, promotion(shop), "Tier")
    for asked in (["TEN", "TEN"], ["TEN", id_], [of_tier, "TEN", of_tier], ["no", "no"]):
        answer = ask(shop, *asked)
        assert refused(answer, "duplicated_redeemables") == (
            "Duplicated redeemables detected in one redemption"
        )
        assert answer.json()["message"] == "Duplicated redeemables detected"


def test_the_same_code_in_two_cases(server: Any) -> None:
    shop = server.project(case_sensitive_codes=False)
    coupon(shop, "Ten")
    assert off(validate(shop, "tEN")) == 1000
    refused(ask(shop, "TEN", "ten"), "duplicated_redeemables")


def test_too_many(shop: Shop) -> None:
    names = [f"c{n}" for n in range(31)]
    assert refused(ask(shop, *names)) == "Property .redeemables should NOT have more than 30 items"
    assert len(ask(shop, *names[:30]).json()["redeemables"]) == 30
    stacking(shop, redeemables_limit=5)
    assert refused(ask(shop, *names[:6])) == (
        "Property .redeemables should NOT have more than 5 items"
    )


def test_too_many_that_begin_with_a_tier(shop: Shop) -> None:
    stacking(shop, redeemables_limit=5)
    names = [tier(shop, promotion(shop), "Tier"), *(f"c{n}" for n in range(5))]
    assert refused(ask(shop, *names)) == "Property .redeemables should NOT have more than 5 items"


def test_a_stack_stands_alone(shop: Shop) -> None:
    coupon(shop, "TEN")
    of = promotion(shop)
    ids = [
        made(
            shop,
            f"/v1/promotions/{of}/stacks",
            name=name,
            tiers={"ids": [tier(shop, of, name)]},
        )["id"]
        for name in "ab"
    ]
    for asked in (ids, [ids[0], "TEN"], ["TEN", ids[0]], [ids[0], ids[0]]):
        answer = ask(shop, *asked)
        details = refused(answer, "invalid_redeemables")
        assert details == "Promotion Stack cannot be use with other redeemables"
    assert off(validate(shop, ids[0])) == 1000
    gone = ask(shop, "stack_nothing")
    assert refused(gone, "not_found", 404) == "Cannot find promotion_stack with id stack_nothing"


# --- orders -------------------------------------------------------------------------------------


def test_too_many_items(shop: Shop) -> None:
    coupon(shop, "TEN")
    items = [{"price": 10, "quantity": 1}] * 501
    details = "Property .items should NOT have more than 500 items"
    assert refused(ask(shop, "TEN", order={"items": items})) == details
    answer = validate(shop, "TEN", order={"items": items[:500]})
    assert (off(answer), len(answer["order"]["items"])) == (1000, 500)


@pytest.mark.parametrize("order", [{}, {"items": []}, {"amount": 0}, {"amount": 0, "items": []}])
def test_an_order_of_nothing(shop: Shop, order: Any) -> None:
    coupon(shop, "TEN")
    answer = validate(shop, "TEN", order=order)
    assert (answer["valid"], answer["order"]["amount"], answer["order"]["total_amount"]) == (
        *(True, 0),
        0,
    )
    assert "items" not in answer["order"]


@pytest.mark.parametrize(
    ("order", "amount"),
    [
        ({"amount": 5, "items": [{"quantity": 2, "price": 100}]}, 200),
        ({"amount": 5, "items": [{"quantity": 2, "price": 100, "amount": 70}]}, 70),
        ({"amount": 500, "items": [{"quantity": 2}]}, 500),
        ({"amount": "500"}, 500),
        ({"items": [{"quantity": "3", "price": "100"}]}, 300),
    ],
)
def test_items_decide_over_the_amount(shop: Shop, order: Any, amount: int) -> None:
    coupon(shop, "HALF", {"type": "PERCENT", "percent_off": 50})
    answer = validate(shop, "HALF", order=order)
    assert (answer["order"]["amount"], off(answer)) == (amount, amount // 2)


@pytest.mark.parametrize(
    ("order", "details"),
    [
        ({"amount": -1}, "Property .amount cannot be lower than 0"),
        ({"amount": 1.5}, "amount"),
        ({"items": [{"quantity": 0}]}, "Property .items[0].quantity cannot be lower than 1"),
        ({"items": [{"price": -1}]}, "Property .items[0].price cannot be lower than 0"),
        ({"items": [{}, {"amount": -1}]}, "Property .items[1].amount cannot be lower than 0"),
        ({"items": {}}, "items"),
        ({"status": "LOST"}, "status"),
        ([], "order"),
    ],
)
def test_orders_that_cannot_be(shop: Shop, order: Any, details: str) -> None:
    assert details in refused(ask(shop, "TEN", order=order))


def test_an_order_that_is_not_there(shop: Shop) -> None:
    coupon(shop, "TEN")
    id_ = "ord_" + "0" * 24
    answer = ask(shop, "TEN", order={"id": id_})
    assert refused(answer, "not_found", 404) == f"Cannot find order with id {id_}"
    assert off(validate(shop, "TEN", order={"id": id_, "amount": 5000})) == 1000
    assert validate(shop, "TEN", order={"source_id": "nothing"})["order"]["amount"] == 0


# --- customers ----------------------------------------------------------------------------------


def test_a_customer_named_in_two_ways(shop: Shop) -> None:
    coupon(shop, "TEN")
    ann, bob = (made(shop, "/v1/customers", source_id=name) for name in ("ann", "bob"))
    by_ann: list[Any] = [{"source_id": "ann"}, {"id": ann["id"]}]
    by_bob: list[Any] = [{"source_id": "bob"}, {"id": bob["id"]}, {"source_id": "new"}]
    for one in by_ann:
        for same in by_ann:
            answer = validate(shop, "TEN", customer=one, order={"amount": 5, "customer": same})
            assert answer["order"]["customer_id"] == ann["id"]
        body = {"customer": one, "order": {"amount": 5, "customer_id": ann["id"]}}
        assert validate(shop, "TEN", **body)["order"]["customer_id"] == ann["id"]
        for other in by_bob:
            for first, second in ((one, other), (other, one)):
                order = {"amount": 5, "customer": second}
                answer = ask(shop, "TEN", customer=first, order=order)
                refused(answer, "ambiguous_tracking_id")
        body = {"customer": one, "order": {"amount": 5, "customer_id": bob["id"]}}
        refused(ask(shop, "TEN", **body), "ambiguous_tracking_id")
        refused(ask(shop, "TEN", customer=one, tracking_id="bob"), "ambiguous_tracking_id")
    message = ask(shop, "TEN", customer=by_ann[0], tracking_id="bob").json()["message"]
    assert message == "Ambiguous trackingId ('bob' vs. 'ann')"


def test_a_customer_that_is_not_there(shop: Shop) -> None:
    coupon(shop, "TEN")
    answer = ask(shop, "TEN", customer={"id": "cust_nobody"})
    assert refused(answer, "not_found", 404) == "Cannot find customer with id cust_nobody"
    assert off(validate(shop, "TEN", customer={"source_id": "nobody"})) == 1000


@pytest.mark.parametrize(
    "body",
    [
        {"customer": "ann"},
        {"customer": {"email": 5}},
        {"metadata": []},
        {"metadata": "x"},
        {"options": {"expand": "order"}},
        {"tracking_id": 5},
    ],
)
def test_other_members_that_cannot_be(shop: Shop, body: dict[str, Any]) -> None:
    refused(ask(shop, "TEN", **body))


def test_nulls_are_as_good_as_absent(shop: Shop) -> None:
    coupon(shop, "TEN")
    asked = {"object": "voucher", "id": "TEN", "gift": None, "reward": None}
    nothing = dict.fromkeys(("order", "customer", "session", "options", "metadata", "tracking_id"))
    answer = ask(shop, asked, **nothing).json()
    assert answer["valid"] is True
    assert "tracking_id" not in answer
    assert error(ask(shop, asked | {"id": "no"}, **nothing).json())["key"] == "not_found"
