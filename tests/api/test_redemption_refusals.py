"""Redemptions that are refused, in whole or in part: what is answered, and what is stored."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.test_customers import read as read_customer
from tests.api.test_customers import save as save_customer
from tests.api.test_promotions import UNUSED as NO_TIER
from tests.api.test_promotions import add as add_tier
from tests.api.test_promotions import campaign as promotion
from tests.api.test_promotions import change as change_tier
from tests.api.test_redemptions import (
    RF,
    UNUSED,
    get,
    money,
    post,
    redeem,
    refused,
    stacking,
    sums,
    tier,
    voucher,
)
from tests.api.test_stacking_rules import category as make_category
from tests.api.test_validation_rules import OVER_100
from tests.api.test_validation_rules import create as make_rule
from tests.api.test_validation_rules_assignments import assign
from tests.api.test_vouchers import create, put, read
from tests.running import Shop

PARTIAL = {"redeemables_application_mode": "PARTIAL"}


def listed(shop: Shop) -> list[dict[str, Any]]:
    """All redemptions, the oldest first."""
    answer = shop.api.get("/v1/redemptions", params={"limit": 100, "order": "id"})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["redemptions"]
    return found


def left(shop: Shop, code: str) -> int:
    """How often a voucher was redeemed."""
    n: int = read(shop, code)["redemption"]["redeemed_quantity"]
    return n


# --- one ----------------------------------------------------------------------------------------


def test_a_refusal_is_answered_and_stored(shop: Shop) -> None:
    """As the reference's example of a failed voucher has it."""
    made = create(shop, "PROMO-CODE2", active=False)
    bob = save_customer(shop, source_id="bob")
    place = {"location_id": [], "redemption_location": {"city": "Albany"}}
    answer = post(shop, "PROMO-CODE2", customer="bob", metadata=place, order=500)
    assert answer.status_code == 400
    problem = answer.json()
    assert re.fullmatch(RF, problem["resource_id"])
    assert re.fullmatch(r"v-\w+", problem.pop("request_id"))
    assert problem == {
        "code": 400,
        "key": "voucher_disabled",
        "message": "voucher is disabled",
        "details": "PROMO-CODE2",
        "resource_id": problem["resource_id"],
        "resource_type": "redemption",
    }
    stored = get(shop, problem["resource_id"])
    assert (stored["failure_code"], stored["failure_message"]) == (
        "voucher_disabled",
        "voucher is disabled",
    )
    assert (stored["object"], stored["result"], stored["status"]) == (
        "redemption",
        "FAILURE",
        "FAILED",
    )
    assert (stored["customer_id"], stored["metadata"], stored["order"]) == (bob["id"], place, None)
    assert (stored["related_object_type"], stored["related_object_id"]) == ("voucher", made["id"])
    assert stored["voucher"]["code"] == "PROMO-CODE2"
    assert listed(shop) == [stored]
    assert left(shop, "PROMO-CODE2") == 0
    assert shop.api.get("/v1/orders").json()["total"] == 0


def test_a_refused_tier(shop: Shop) -> None:
    of = promotion(shop)["id"]
    made = add_tier(shop, of)
    change_tier(shop, made["id"], active=False)
    assert refused(shop, tier(made["id"]), order=5) == "promotion_inactive"
    [stored] = listed(shop)
    assert (stored["related_object_type"], stored["related_object_id"]) == (
        "promotion_tier",
        made["id"],
    )
    assert stored["promotion_tier"]["id"] == made["id"]
    assert (stored["failure_message"], stored["voucher"]) == ("Inactive Promotion", None)


def test_what_is_unknown(shop: Shop) -> None:
    """404, and a redemption of nothing is stored, as the reference's example of one has it."""
    for asked, kind in ((voucher("no"), "voucher"), (tier(NO_TIER), "promotion_tier")):
        answer = post(shop, asked)
        assert answer.status_code == 404
        problem = answer.json()
        assert (problem["key"], problem["resource_id"], problem["resource_type"]) == (
            "not_found",
            asked["id"],
            kind,
        )
    for stored in listed(shop):
        assert re.fullmatch(RF, stored["id"])
        assert (stored["failure_code"], stored["failure_message"]) == (
            "not_found",
            "Resource not found",
        )
        assert (stored["related_object_type"], stored["related_object_id"]) == (
            "redemption",
            stored["id"],
        )
        assert stored["voucher"] is None
        assert get(shop, stored["id"]) == stored
    assert len(listed(shop)) == 2
    assert shop.api.get(f"/v1/redemptions/{UNUSED}").status_code == 404
    for path in ("rollback", "rollbacks"):
        assert shop.api.post(f"/v1/redemptions/{UNUSED}/{path}").status_code == 404


def test_a_message_that_a_marketer_wrote(shop: Shop) -> None:
    rule = make_rule(shop, rules=OVER_100, error={"message": "Buy more!"})
    assign(shop, rule, voucher=create(shop, "TEN")["id"])
    problem = post(shop, "TEN", order=50).json()
    assert (problem["key"], problem["message"], problem["error"]) == (
        "order_rules_violated",
        "order does not match validation rules",
        {"message": "Buy more!"},
    )
    assert refused(shop, "TEN") == "missing_order"
    redeem(shop, "TEN", order=10001)


def test_the_quantity_is_held(shop: Shop) -> None:
    create(shop, "TWICE", redemption={"quantity": 2})
    redeem(shop, "TWICE")
    redeem(shop, "TWICE")
    assert refused(shop, "TWICE") == "quantity_exceeded"
    put(shop, "TWICE", redemption={"quantity": 3})
    redeem(shop, "TWICE")
    assert refused(shop, "TWICE") == "quantity_exceeded"
    assert left(shop, "TWICE") == 3


def test_a_customer_is_made_even_if_nothing_is_redeemed(shop: Shop) -> None:
    create(shop, "TEN", active=False)
    assert refused(shop, "TEN", customer={"source_id": "new", "name": "New"}) == "voucher_disabled"
    customer = read_customer(shop, "new")
    assert customer["summary"]["redemptions"]["total_failed"] == 1
    assert customer["summary"]["redemptions"]["total_redeemed"] == 0


# --- several ------------------------------------------------------------------------------------


def test_all_or_nothing(shop: Shop) -> None:
    create(shop, "good")
    create(shop, "bad", active=False)
    create(shop, "late")
    answer = post(shop, "good", "bad", "late", order=9000, customer="ann")
    assert answer.status_code == 400
    problem = answer.json()
    assert (problem["key"], problem["details"]) == ("voucher_disabled", "bad")
    parent, child = listed(shop)
    assert problem["resource_id"] == parent["id"]
    assert (parent["failure_code"], parent["related_object_type"]) == (
        "voucher_disabled",
        "redemption",
    )
    assert (child["redemption"], child["voucher"]["code"]) == (parent["id"], "bad")
    related = get(shop, parent["id"])["related_redemptions"]["redemptions"]
    assert [each["id"] for each in related] == [child["id"]]
    assert [left(shop, code) for code in ("good", "bad", "late")] == [0, 0, 0]
    assert read_customer(shop, "ann")["summary"]["redemptions"]["total_failed"] == 1
    assert shop.api.get("/v1/orders").json()["total"] == 0


def test_one_unknown_among_others(shop: Shop) -> None:
    create(shop, "good")
    answer = post(shop, "good", "nothing", order=9000)
    assert (answer.status_code, answer.json()["resource_id"]) == (404, "nothing")
    parent, child = listed(shop)
    assert (parent["failure_code"], child["redemption"]) == ("not_found", parent["id"])
    assert left(shop, "good") == 0


def test_in_part(shop: Shop) -> None:
    """Those that apply are redeemed; the others are told apart."""
    cat = make_category(shop)
    stacking(shop, **PARTIAL)
    create(shop, "good", category_id=cat)
    create(shop, "bad", active=False)
    create(shop, "second", category_id=cat)
    create(shop, "last", discount={"type": "AMOUNT", "amount_off": 500})
    answer = redeem(shop, "good", "bad", "nothing", "second", "last", order=9000)
    assert [each["voucher"]["code"] for each in answer["redemptions"]] == ["good", "last"]
    assert money(answer["order"]) == sums(9000, 0, 1500)
    assert [
        (each["id"], each["status"], each["result"]["error"]["key"])
        for each in answer["inapplicable_redeemables"]
    ] == [("bad", "INAPPLICABLE", "voucher_disabled"), ("nothing", "INAPPLICABLE", "not_found")]
    [skipped] = answer["skipped_redeemables"]
    assert (skipped["id"], skipped["status"], skipped["object"]) == (
        "second",
        "SKIPPED",
        "voucher",
    )
    assert skipped["result"]["details"]["key"] == (
        "applicable_redeemables_per_category_limit_exceeded"
    )
    codes = ("good", "bad", "second", "last")
    assert [left(shop, code) for code in codes] == [1, 0, 0, 1]
    assert {each["result"] for each in listed(shop)} == {"SUCCESS"}


def test_in_part_but_only_one_applies(shop: Shop) -> None:
    """One alone has no parent."""
    stacking(shop, **PARTIAL)
    create(shop, "good")
    create(shop, "bad", active=False)
    answer = redeem(shop, "bad", "good", order=9000)
    assert "parent_redemption" not in answer
    [found] = answer["redemptions"]
    assert "redemption" not in found
    [(id_, entry)] = answer["order"]["redemptions"].items()
    assert (id_, entry["related_object_type"]) == (found["id"], "voucher")


def test_in_part_and_none_applies(shop: Shop) -> None:
    stacking(shop, **PARTIAL)
    for code in ("one", "two"):
        create(shop, code, active=False)
    answer = post(shop, "one", "two", order=9000)
    assert (answer.status_code, answer.json()["key"]) == (400, "voucher_disabled")
    parent, *children = listed(shop)
    assert answer.json()["resource_id"] == parent["id"]
    assert parent["failure_code"] == "no_applicable_redeemables"
    assert [each["redemption"] for each in children] == [parent["id"]] * 2
    assert [each["voucher"]["code"] for each in children] == ["one", "two"]


@pytest.mark.parametrize("mode", ["ALL", "PARTIAL"])
def test_what_is_beyond_a_limit_is_skipped(shop: Shop, mode: str) -> None:
    stacking(shop, redeemables_application_mode=mode, applicable_redeemables_limit=2)
    codes = ["a", "b", "c", "d"]
    for code in codes:
        create(shop, code)
    answer = redeem(shop, *codes, order=90000)
    assert [each["voucher"]["code"] for each in answer["redemptions"]] == ["a", "b"]
    assert [each["id"] for each in answer["skipped_redeemables"]] == ["c", "d"]
    assert "inapplicable_redeemables" not in answer
    assert [left(shop, code) for code in codes] == [1, 1, 0, 0]


def test_what_does_nothing_is_redeemed_unless_the_rules_skip_it(shop: Shop) -> None:
    create(shop, "all", discount={"type": "PERCENT", "percent_off": 100})
    create(shop, "rest")
    first = redeem(shop, "all", "rest", order=500)
    assert [each["voucher"]["code"] for each in first["redemptions"]] == ["all", "rest"]
    stacking(shop, redeemables_no_effect_rule="SKIP")
    second = redeem(shop, "all", "rest", order=500)
    assert [each["id"] for each in second["skipped_redeemables"]] == ["rest"]
    assert second["skipped_redeemables"][0]["result"]["details"]["key"] == "no_effect"
    # Alone it is refused, and the refusal stored.
    answer = post(shop, "rest", order={"source_id": "free", "amount": 0})
    assert answer.status_code == 400
    [stored] = [each for each in listed(shop) if each["result"] == "FAILURE"]
    assert stored["id"] == answer.json()["resource_id"]
    assert left(shop, "rest") == 1


# --- orders and customers that do not go together -----------------------------------------------


def test_a_canceled_order_takes_no_redemption(shop: Shop) -> None:
    create(shop, "TEN")
    answer = shop.api.post("/v1/orders", json={"source_id": "o", "amount": 9, "status": "CANCELED"})
    assert answer.status_code == 200
    answer = post(shop, "TEN", order={"source_id": "o"})
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_order")
    assert listed(shop) == []


@pytest.mark.parametrize("order_id", ["mine", "ord_000000000000000000000000"])
def test_a_new_order_cannot_have_the_source_id_of_another(shop: Shop, order_id: str) -> None:
    create(shop, "TEN")
    redeem(shop, "TEN", order={"source_id": "o", "amount": 5000})
    order = {"id": order_id, "source_id": "o", "amount": 7000}
    for path, body in (
        ("/v1/redemptions", {"redeemables": [voucher("TEN")]}),
        ("/v1/vouchers/TEN/redemption", {}),
    ):
        answer = shop.api.post(path, json={**body, "order": order})
        assert (answer.status_code, answer.json()["key"]) == (409, "duplicate_found")
        assert answer.json()["details"] == "Duplicated order exists with id o"
    assert (left(shop, "TEN"), len(listed(shop))) == (1, 1)


def test_nothing_is_redeemed_for_an_order_that_is_canceled_with_it(shop: Shop) -> None:
    create(shop, "TEN")
    paid = {"source_id": "o", "amount": 900, "status": "PAID", "customer": {"source_id": "ann"}}
    assert shop.api.post("/v1/orders", json=paid).status_code == 200
    for order in ({"source_id": "o"}, {"source_id": "new", "amount": 900}):
        canceled = {**order, "status": "CANCELED"}
        answer = post(shop, "TEN", order=canceled, customer="ann")
        assert (answer.status_code, answer.json()["key"]) == (400, "invalid_order")
        asked = {"redeemables": [voucher("TEN")], "order": canceled}
        answer = shop.api.post("/v1/validations", json=asked)
        assert (answer.status_code, answer.json()["key"]) == (400, "invalid_order")
    assert shop.api.get("/v1/orders/o").json()["status"] == "PAID"
    assert shop.api.get("/v1/orders/new").status_code == 404
    assert read_customer(shop, "ann")["summary"]["orders"]["total_amount"] == 900
    assert left(shop, "TEN") == 0


def test_two_names_of_somebody(shop: Shop) -> None:
    create(shop, "TEN")
    ann, bob = save_customer(shop, source_id="ann"), save_customer(shop, source_id="bob")
    for body in (
        {"customer": "ann", "order": {"customer": {"source_id": "bob"}}},
        {"customer": {"id": ann["id"]}, "order": {"customer": {"source_id": "bob"}}},
        {"customer": "ann", "tracking_id": "bob"},
        {"customer": "ann", "order": {"customer_id": bob["id"]}},
    ):
        answer = post(shop, "TEN", **body)
        assert answer.status_code == 400, body
        assert answer.json()["key"] == "ambiguous_tracking_id", body
    assert left(shop, "TEN") == 0
    same = {"id": ann["id"]}
    answer = redeem(shop, "TEN", customer="ann", order={"customer": same, "amount": 1})
    track = answer["redemptions"][0]["tracking_id"]
    for name in ("ann", track):
        found = redeem(shop, "TEN", tracking_id=name)["redemptions"][0]
        assert (found["customer_id"], found["tracking_id"]) == (ann["id"], track)
