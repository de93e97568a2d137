from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.validating import (
    EMPTY_LIST,
    STAMP,
    TEN_OFF,
    TEN_PERCENT,
    ask,
    campaign,
    card,
    category,
    coupon,
    error,
    made,
    of_campaign,
    off,
    promotion,
    rule,
    stacking,
    tier,
    validate,
)
from tests.running import Shop

# --- what is answered -----------------------------------------------------------------------------


def test_the_whole_answer(shop: Shop) -> None:
    coupon(shop, "TEN", metadata={"a": 1})
    coupon(shop, "PERCENT", TEN_PERCENT)
    answer = validate(shop, "TEN", "PERCENT")
    assert re.fullmatch(r"valid_\w+", answer.pop("id"))
    rules = answer.pop("stacking_rules")
    assert (rules["redeemables_application_mode"], rules["redeemables_limit"]) == ("ALL", 30)
    nobody = {"metadata": {}, "customer_id": None, "referrer_id": None, "object": "order"}
    lists = {"applicable_to": EMPTY_LIST, "inapplicable_to": EMPTY_LIST, "categories": []}
    assert answer == {
        "valid": True,
        "redeemables": [
            {
                "status": "APPLICABLE",
                "id": "TEN",
                "object": "voucher",
                "order": {
                    "amount": 10_000,
                    "discount_amount": 1000,
                    "total_discount_amount": 1000,
                    "total_amount": 9000,
                    "applied_discount_amount": 1000,
                    "total_applied_discount_amount": 1000,
                    **nobody,
                },
                "result": {"discount": {**TEN_OFF, "effect": "APPLY_TO_ORDER"}},
                **lists,
            },
            {
                "status": "APPLICABLE",
                "id": "PERCENT",
                "object": "voucher",
                "order": {
                    "amount": 10_000,
                    "discount_amount": 1900,
                    "total_discount_amount": 1900,
                    "total_amount": 8100,
                    "applied_discount_amount": 900,
                    "total_applied_discount_amount": 900,
                    **nobody,
                },
                "result": {"discount": {**TEN_PERCENT, "effect": "APPLY_TO_ORDER"}},
                **lists,
            },
        ],
        "order": {
            "amount": 10_000,
            "discount_amount": 1900,
            "total_discount_amount": 1900,
            "total_amount": 8100,
            "applied_discount_amount": 1900,
            "total_applied_discount_amount": 1900,
            **nobody,
        },
    }


def test_a_gift_card_a_coupon_and_a_tier_off_2000(shop: Shop) -> None:
    card(shop, "dBj56oqJ", 20_400)
    coupon(shop, "39vnjyS8", {"type": "PERCENT", "percent_off": 20})
    of_tier = tier(shop, promotion(shop), "80 off", {"type": "AMOUNT", "amount_off": 8000})
    answer = validate(
        shop,
        {"object": "voucher", "id": "dBj56oqJ", "gift": {"credits": 100}},
        "39vnjyS8",
        of_tier,
        order={"amount": 200_000},
        customer={"source_id": "ann"},
    )
    steps = [each["order"]["total_amount"] for each in answer["redeemables"]]
    assert steps == [199_900, 159_920, 151_920]
    assert answer["order"]["total_amount"] == 151_920
    assert answer["order"]["total_applied_discount_amount"] == 48_080
    assert answer["redeemables"][0]["result"] == {"gift": {"balance": 20_400, "credits": 100}}
    assert [each["object"] for each in answer["redeemables"]] == [
        *("voucher", "voucher", "promotion_tier")
    ]


def test_without_an_order(shop: Shop) -> None:
    coupon(shop, "TEN")
    answer = ask(shop, "TEN").json()
    assert answer["valid"] is True
    assert "order" not in answer
    assert "order" not in answer["redeemables"][0]
    assert answer["redeemables"][0]["result"]["discount"]["amount_off"] == 1000


def test_what_does_not_apply_stands_apart(shop: Shop) -> None:
    coupon(shop, "TEN")
    answer = validate(shop, "nobody", "TEN")
    assert (answer["valid"], "order" in answer) == (False, False)
    assert [each["status"] for each in answer["redeemables"]] == ["INAPPLICABLE", "SKIPPED"]
    assert answer["inapplicable_redeemables"] == answer["redeemables"][:1]
    assert answer["skipped_redeemables"] == answer["redeemables"][1:]
    assert answer["skipped_redeemables"][0]["result"] == {
        "details": {
            "key": "preceding_validation_failed",
            "message": "Redeemable cannot be applied due to preceding validation failure",
        }
    }
    first = validate(shop, "TEN", "nobody")
    assert [each["id"] for each in first["redeemables"]] == ["TEN"]
    assert (first["valid"], "order" in first) == (False, False)


def test_by_code_and_by_id(shop: Shop) -> None:
    made_ = coupon(shop, "TEN")
    for name in ("TEN", made_["id"]):
        answer = validate(shop, name)
        assert (off(answer), answer["redeemables"][0]["id"]) == (1000, name)
    assert error(validate(shop, "ten"))["key"] == "not_found"


def test_nothing_is_written(shop: Shop) -> None:
    coupon(shop, "TEN", redemption={"quantity": 1})
    body: dict[str, Any] = {
        "customer": {"source_id": "ann", "name": "Ann"},
        "order": {
            "source_id": "o1",
            "items": [
                {
                    "source_id": "mug",
                    "related_object": "product",
                    "price": 1000,
                    "product": {"override": True, "name": "Mug"},
                }
            ],
        },
    }
    for _ in range(2):
        assert off(validate(shop, "TEN", **body)) == 1000
    for path in ("customers/ann", "orders/o1", "products/mug"):
        assert shop.api.get(f"/v1/{path}").status_code == 404
    assert shop.api.get("/v1/vouchers/TEN").json()["redemption"]["redeemed_quantity"] == 0


# --- promotions -----------------------------------------------------------------------------------


def test_a_stack_is_answered_by_its_tiers(shop: Shop) -> None:
    of = promotion(shop)
    first, second = tier(shop, of, "Ten"), tier(shop, of, "Percent", TEN_PERCENT)
    body = {"name": "Both", "tiers": {"ids": [second, first]}}
    stack = made(shop, f"/v1/promotions/{of}/stacks", **body)["id"]
    answer = validate(shop, stack, options={"expand": ["redeemable"]})
    assert [each["id"] for each in answer["redeemables"]] == [second, first]
    assert {each["object"] for each in answer["redeemables"]} == {"promotion_tier"}
    assert [each["name"] for each in answer["redeemables"]] == ["Percent", "Ten"]
    assert off(answer) == 2000
    assert off(validate(shop, second, first)) == 2000
    shop.api.post(f"/v1/promotions/tiers/{first}/disable")
    found = error(validate(shop, stack))
    assert (found["key"], found["resource_id"]) == ("promotion_inactive", first)


def test_a_stack_of_thirty(shop: Shop) -> None:
    stacking(shop, applicable_redeemables_limit=30)
    of = promotion(shop)
    penny = {"type": "AMOUNT", "amount_off": 1}
    ids = [tier(shop, of, f"Tier {n}", penny) for n in range(30)]
    stack = made(shop, f"/v1/promotions/{of}/stacks", name="All", tiers={"ids": ids})["id"]
    assert off(validate(shop, stack)) == 30


# --- stacking rules and categories ----------------------------------------------------------------


def test_stacking_rules_decide(shop: Shop) -> None:
    vip, always, late = (category(shop, name, n) for n, name in enumerate(("vip", "any", "late")))
    coupon(shop, "VIP", category_id=vip)
    coupon(shop, "ANY", TEN_PERCENT, category_id=always)
    coupon(shop, "LATE", category_id=late)
    coupon(shop, "COMMON")
    assert off(validate(shop, "COMMON", "LATE", "ANY", "VIP")) == 3800
    stacking(
        shop,
        exclusive_categories=[vip],
        joint_categories=[always],
        redeemables_application_mode="PARTIAL",
        redeemables_sorting_rule="CATEGORY_HIERARCHY",
    )
    answer = validate(shop, "COMMON", "ANY", "VIP", "nobody", "LATE")
    assert [each["id"] for each in answer["redeemables"]] == ["VIP", "ANY"]
    assert off(answer) == 1900
    assert [each["id"] for each in answer["skipped_redeemables"]] == ["COMMON", "LATE"]
    assert {each["result"]["details"]["key"] for each in answer["skipped_redeemables"]} == {
        "exclusion_rules_not_met"
    }
    assert [each["id"] for each in answer["inapplicable_redeemables"]] == ["nobody"]
    assert answer["stacking_rules"]["exclusive_categories"] == [vip]
    # What has no category counts as 1.
    answer = validate(shop, "LATE", "COMMON", "ANY")
    assert [each["id"] for each in answer["redeemables"]] == ["COMMON", "ANY", "LATE"]


def test_skipped_ones_leave_a_request_valid(shop: Shop) -> None:
    one = category(shop, "One", 1)
    for code in ("A", "B"):
        coupon(shop, code, category_id=one)
    answer = validate(shop, "A", "B")
    assert off(answer) == 1000
    assert [each["id"] for each in answer["skipped_redeemables"]] == ["B"]
    assert answer["skipped_redeemables"][0]["result"]["details"] == {
        "key": "applicable_redeemables_per_category_limit_exceeded",
        "message": "Applicable redeemables limit per category exceeded",
    }
    for code in "CDEFGH":
        coupon(shop, code)
    skipped = validate(shop, *"CDEFGH")["skipped_redeemables"]
    assert [each["id"] for each in skipped] == ["H"]
    assert skipped[0]["result"]["details"]["key"] == "applicable_redeemables_limit_exceeded"


def test_limits_per_category_are_numbers_for_who_validates(shop: Shop) -> None:
    """Management says null for none; here the reference and its clients know numbers alone."""
    coupon(shop, "A")
    stacking(
        shop,
        applicable_redeemables_limit=7,
        applicable_redeemables_per_category_limit=None,
        applicable_exclusive_redeemables_limit=3,
        applicable_exclusive_redeemables_per_category_limit=None,
    )
    qualified = shop.api.post("/v1/qualifications", json={"scenario": "ALL"}).json()
    for told in (validate(shop, "A")["stacking_rules"], qualified["stacking_rules"]):
        assert told["applicable_redeemables_per_category_limit"] == 7
        assert told["applicable_exclusive_redeemables_per_category_limit"] == 3


# --- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize("expand", [None, [], ["order"], ["redeemable"], ["category"]])
def test_expand(shop: Shop, expand: list[str] | None) -> None:
    kind = category(shop, "Kind", 3)
    of = campaign(shop, "Sale", category_id=kind, metadata={"b": 2})
    of_campaign(shop, of["id"], "SALE", metadata={"a": 1})
    stacking(shop, exclusive_categories=[kind])
    for more in ([], ["order"], ["redeemable"], ["category"]):
        names = None if expand is None else [*expand, *more]
        options = {} if names is None else {"options": {"expand": names}}
        [found] = validate(shop, "SALE", **options)["redeemables"]
        wanted = names or ["order"]
        assert ("order" in found) is ("order" in wanted)
        assert ("metadata" in found) is ("redeemable" in wanted)
        if "redeemable" in wanted:
            assert (found["campaign_id"], found["campaign_name"]) == (of["id"], "Sale")
        [told] = found["categories"]
        assert (told["id"], told["name"], told["hierarchy"]) == (kind, "Kind", 3)
        assert re.fullmatch(STAMP, told["created_at"])
        assert ("stacking_rules_type" in told) is ("category" in wanted)


def test_explain(shop: Shop) -> None:
    big = rule(shop, "order.amount", {"$more_than": [20_000]})
    coupon(shop, "BIG", validation_rules=[big])
    coupon(shop, "TEN")
    answer = validate(shop, "BIG", options={"explain": True})
    found = answer["redeemables"][0]["explanation"]
    assert [each["validation_rule_id"] for each in found] == [big]
    [judged] = found[0]["rules"]
    assert (judged["name"], judged["value"], judged["passed"]) == ("order.amount", 10_000, False)
    assert "explanation" not in validate(shop, "BIG")["redeemables"][0]
    assert validate(shop, "TEN", options={"explain": True})["redeemables"][0]["explanation"] == []
