from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.api.test_campaigns import add, kind, make
from tests.api.test_customers import sql
from tests.api.test_promotions import add as tier
from tests.api.test_promotions import campaign
from tests.running import Server, Shop

OFF_ORDER = {"type": "AMOUNT", "amount_off": 100, "effect": "APPLY_TO_ORDER"}
OFF_ITEMS = {"type": "PERCENT", "percent_off": 10, "effect": "APPLY_TO_ITEMS"}
ORDER = {
    "items": [
        {"source_id": "drill", "quantity": 1, "price": 10000, "product": {"name": "Drill"}},
        {"source_id": "book", "quantity": 2, "price": 1500, "product": {"name": "Book"}},
    ]
}
EVERYTHING = {"expand": ["redeemable", "category", "validation_rules"], "limit": 50}


def ask(shop: Shop, **body: Any) -> dict[str, Any]:
    """The answer to a qualification."""
    answer = shop.api.post("/v1/qualifications", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(answer: dict[str, Any]) -> list[str]:
    return [each["id"] for each in answer["redeemables"]["data"]]


def names(shop: Shop, scenario: str = "ALL", **body: Any) -> set[str]:
    """What qualifies: vouchers by code, all else by name."""
    body.setdefault("options", EVERYTHING)
    found = ask(shop, scenario=scenario, **body)["redeemables"]["data"]
    return {each.get("name", each["id"]) for each in found}


def rule(shop: Shop, **members: Any) -> str:
    answer = shop.api.post("/v1/validation-rules", json={"name": "Rule", **members})
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["id"]
    return found


def voucher(shop: Shop, code: str, discount: Any = OFF_ORDER, **more: Any) -> dict[str, Any]:
    body = {"type": "DISCOUNT_VOUCHER", "discount": discount, **more}
    answer = shop.api.post(f"/v1/vouchers/{code}", json=body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def gift(shop: Shop, code: str, amount: int, **more: Any) -> dict[str, Any]:
    body = {"type": "GIFT_VOUCHER", "gift": {"amount": amount}, **more}
    answer = shop.api.post(f"/v1/vouchers/{code}", json=body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def customer(shop: Shop, source_id: str = "me", **more: Any) -> str:
    answer = shop.api.post("/v1/customers", json={"source_id": source_id, **more})
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["id"]
    return found


def hold(shop: Shop, voucher_id: str, customer_id: str) -> None:
    sql(
        shop,
        "UPDATE vouchers SET holder_id = $3 WHERE project_id = $1 AND id = $2",
        voucher_id,
        customer_id,
    )


def redeem(shop: Shop, code: str) -> None:
    body = {"redeemables": [{"object": "voucher", "id": code}], "order": ORDER}
    answer = httpx.post(
        f"{shop.server.url}/v1/redemptions", json=body, headers=shop.api.headers, trust_env=False
    )
    assert answer.status_code == 200, answer.text


def product(shop: Shop, source_id: str, price: int = 1000) -> str:
    body = {"source_id": source_id, "name": source_id, "price": price}
    answer = shop.api.post("/v1/products", json=body)
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["id"]
    return found


def any_item(product_id: str, **rules: Any) -> dict[str, Any]:
    conditions = {"$is": [{"id": product_id, "object": "product"}]}
    return {"name": "order.items.any", "conditions": conditions, **rules}


def in_segment(segment_id: str) -> dict[str, Any]:
    return {"name": "customer.segment", "conditions": {"$is": [segment_id]}}


# --- what is answered ---------------------------------------------------------------------------


def test_a_tier_is_answered_with_what_it_does(shop: Shop) -> None:
    of = campaign(shop)
    made = tier(shop, of["id"], "Big", banner="Save", metadata={"a": 1})
    answer = ask(shop, order=ORDER, options={"expand": ["redeemable"]})
    assert list(answer) == ["redeemables", "order", "stacking_rules"]
    assert answer["redeemables"].keys() == {"object", "data_ref", "data", "total", "has_more"}
    found = answer["redeemables"]["data"][0]
    assert (answer["redeemables"]["total"], answer["redeemables"]["has_more"]) == (1, False)
    assert {key: found[key] for key in found if key not in ("order", "result")} == {
        "id": made["id"],
        "object": "promotion_tier",
        "created_at": made["created_at"],
        "applicable_to": {"data": [], "total": 0, "data_ref": "data", "object": "list"},
        "inapplicable_to": {"data": [], "total": 0, "data_ref": "data", "object": "list"},
        "metadata": {"a": 1},
        "name": "Big",
        "banner": "Save",
        "campaign_id": of["id"],
        "campaign_name": of["name"],
    }
    assert found["result"]["discount"]["amount_off"] == 3000
    assert found["order"]["amount"] == 13000
    assert found["order"]["total_amount"] == 10000
    assert found["order"]["total_applied_discount_amount"] == 3000
    assert answer["order"]["total_amount"] == 13000
    assert answer["stacking_rules"]["redeemables_limit"] == 30


def test_nothing_qualifies_where_there_is_nothing(shop: Shop) -> None:
    assert ask(shop)["redeemables"] == {
        "object": "list",
        "data_ref": "data",
        "data": [],
        "total": 0,
        "has_more": False,
    }


def test_without_expand_an_answer_is_brief(shop: Shop) -> None:
    voucher(shop, "A")
    found = ask(shop)["redeemables"]["data"][0]
    assert found.keys() == {
        *("id", "object", "created_at", "result", "applicable_to", "inapplicable_to")
    }


def test_all_kinds_qualify_together(shop: Shop) -> None:
    tier(shop, campaign(shop)["id"], "Tier")
    make(shop, "Coupons")
    kind(shop, "GIFT_VOUCHERS", "Cards")
    kind(shop, "REFERRAL_PROGRAM", "Friends")
    kind(shop, "LOYALTY_PROGRAM", "Points")
    voucher(shop, "CODE")
    assert names(shop, order=ORDER) == {"Tier", "Coupons", "Cards", "Friends", "CODE"}
    found = ask(shop, order=ORDER, options=EVERYTHING)["redeemables"]["data"]
    objects = {each.get("name", each["id"]): each["object"] for each in found}
    assert (objects["Tier"], objects["Coupons"]) == ("promotion_tier", "campaign")
    coupons = next(each for each in found if each["object"] == "campaign")
    assert "campaign_id" not in coupons
    assert "campaign_name" not in coupons


def test_a_campaign_of_one_code_is_answered_by_that(shop: Shop) -> None:
    made = make(shop, "One", type="STANDALONE", voucher={**_coupon(), "code_config": _fixed("ONE")})
    found = ask(shop, options=EVERYTHING)["redeemables"]["data"]
    assert [(each["object"], each["id"]) for each in found] == [("voucher", "ONE")]
    assert found[0]["campaign_id"] == made["id"]
    shop.api.post("/v1/vouchers/ONE/disable")
    assert names(shop) == set()


def _coupon() -> dict[str, Any]:
    return {"type": "DISCOUNT_VOUCHER", "discount": OFF_ORDER}


def _fixed(code: str) -> dict[str, Any]:
    return {"pattern": code}


def test_what_is_off_over_or_spent_does_not_qualify(shop: Shop) -> None:
    voucher(shop, "on")
    voucher(shop, "off", active=False)
    voucher(shop, "over", expiration_date="2020-01-01T00:00:00Z")
    voucher(shop, "later", start_date="2120-01-01T00:00:00Z")
    voucher(shop, "once", redemption={"quantity": 1})
    gift(shop, "card", 500)
    assert names(shop, order=ORDER) == {"on", "once", "card"}
    redeem(shop, "once")
    assert names(shop, order=ORDER) == {"on", "card"}
    of = campaign(shop)
    made = tier(shop, of["id"], "T")
    assert "T" in names(shop)
    shop.api.post(f"/v1/promotions/tiers/{made['id']}/disable")
    assert "T" not in names(shop)
    shop.api.post(f"/v1/promotions/tiers/{made['id']}/enable")
    assert "T" in names(shop)
    shop.api.post(f"/v1/campaigns/{of['id']}/disable")
    assert "T" not in names(shop)
    shop.api.post(f"/v1/campaigns/{of['id']}/enable")
    shop.api.delete(f"/v1/promotions/tiers/{made['id']}?force=true")
    assert "T" not in names(shop)


def test_nothing_is_written(shop: Shop) -> None:
    voucher(shop, "A")
    before = sql(shop, "SELECT count(*) FROM events WHERE project_id = $1")
    ask(shop, customer={"source_id": "new"}, order={"source_id": "o", **ORDER})
    assert shop.api.get("/v1/customers/new").status_code == 404
    assert shop.api.get("/v1/orders/o").status_code == 404
    assert sql(shop, "SELECT count(*) FROM events WHERE project_id = $1") == before


def test_a_gift_card_says_what_it_has_and_what_sessions_hold(shop: Shop) -> None:
    gift(shop, "card", 5000)
    body = {
        "redeemables": [{"object": "voucher", "id": "card", "gift": {"credits": 2000}}],
        "order": {"amount": 9000},
        "session": {"type": "LOCK"},
    }
    found = ask(shop, order=ORDER, session={"type": "LOCK"})["redeemables"]["data"][0]
    assert found["result"] == {"gift": {"balance": 5000, "credits": 5000, "locked_credits": 0}}
    assert shop.api.post("/v1/validations", json=body).json()["valid"]
    found = ask(shop, order=ORDER, session={"type": "LOCK"})["redeemables"]["data"][0]
    assert found["result"] == {"gift": {"balance": 3000, "credits": 3000, "locked_credits": 2000}}
    assert ask(shop)["redeemables"]["data"][0]["result"] == {"gift": {"balance": 3000}}
    assert found["order"]["total_applied_discount_amount"] == 3000


def test_the_customer_is_tracked_and_an_unknown_id_is_not_found(shop: Shop) -> None:
    assert ask(shop, customer={"source_id": "me"})["tracking_id"].startswith("track_")
    answer = shop.api.post("/v1/qualifications", json={"customer": {"id": "cust_" + "0" * 24}})
    assert (answer.status_code, answer.json()["key"]) == (404, "not_found")


# --- the wallet ---------------------------------------------------------------------------------


def test_vouchers_of_campaigns_are_for_those_who_hold_them(shop: Shop) -> None:
    make(shop, "C")
    mine, theirs = add(shop, "MINE"), add(shop, "THEIRS")
    add(shop, "NOBODYS")
    me, you = customer(shop), customer(shop, "you")
    hold(shop, mine["id"], me)
    hold(shop, theirs["id"], you)
    assert names(shop) == {"C"}
    assert names(shop, customer={"source_id": "me"}) == {"C", "MINE"}
    assert names(shop, "CUSTOMER_WALLET", customer={"source_id": "you"}) == {"THEIRS"}
    assert names(shop, "CUSTOMER_WALLET") == set()
    sql(
        shop,
        "INSERT INTO redeemable_holders (project_id, id, customer_id, redeemable_id, "
        "redeemable_object, holder_role, voucher_type, created_at) VALUES "
        "($1, 'rh_1', $2, $3, 'voucher', 'REFEREE', 'DISCOUNT_VOUCHER', now())",
        me,
        theirs["id"],
    )
    wallet = names(shop, "CUSTOMER_WALLET", customer={"source_id": "me"})
    assert wallet == {"MINE", "THEIRS"}
    options = {"filters": {"holder_role": {"conditions": {"$is": ["REFEREE"]}}}}
    answer = ask(shop, scenario="CUSTOMER_WALLET", customer={"id": me}, options=options)
    assert ids(answer) == ["THEIRS"]


def test_a_card_that_somebody_has_is_theirs_alone(shop: Shop) -> None:
    card, code = gift(shop, "card", 100), voucher(shop, "code")
    me = customer(shop)
    customer(shop, "you")
    hold(shop, card["id"], me)
    hold(shop, code["id"], me)
    assert names(shop, order=ORDER, customer={"source_id": "me"}) == {"card", "code"}
    assert names(shop, order=ORDER, customer={"source_id": "you"}) == {"code"}
    assert names(shop, order=ORDER) == {"code"}


def test_a_loyalty_card_says_what_is_on_it(shop: Shop) -> None:
    kind(shop, "LOYALTY_PROGRAM", "Points")
    made = add(shop, "CARD", "Points")
    me = customer(shop)
    hold(shop, made["id"], me)
    answer = ask(shop, scenario="CUSTOMER_WALLET", customer={"id": me}, order=ORDER)
    points = made["loyalty_card"]["points"]
    found = answer["redeemables"]["data"][0]
    assert found["result"] == {"loyalty_card": {"points": points, "balance": points}}


# --- scenarios ----------------------------------------------------------------------------------


def scene(shop: Shop) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tiers of many kinds; an order of a drill, and a customer of the segment that some ask for."""
    drill, saw = product(shop, "drill", 10000), product(shop, "saw")
    me = customer(shop)
    body = {"name": "VIP", "type": "static", "customers": [me]}
    vip = shop.api.post("/v1/segments", json=body).json()["id"]
    body = {"name": "Others", "type": "static", "customers": []}
    others = shop.api.post("/v1/segments", json=body).json()["id"]

    def entry(id_: str) -> dict[str, Any]:
        return {"included": [{"object": "product", "id": id_}]}

    of = campaign(shop)["id"]
    ruled: dict[str, tuple[Any, dict[str, Any]]] = {
        "order": (OFF_ORDER, {}),
        "drill": (OFF_ITEMS, {"applicable_to": entry(drill)}),
        "saw": (OFF_ITEMS, {"applicable_to": entry(saw)}),
        "drill for others": (
            OFF_ITEMS,
            {"applicable_to": entry(drill), "rules": {"1": in_segment(others)}},
        ),
        "drill for VIP": (
            OFF_ITEMS,
            {"applicable_to": entry(drill), "rules": {"1": in_segment(vip)}},
        ),
        "order with drill": (OFF_ORDER, {"rules": {"1": any_item(drill)}}),
        "order with saw": (OFF_ORDER, {"rules": {"1": any_item(saw)}}),
        "saw with drill": (
            OFF_ITEMS,
            {"applicable_to": entry(saw), "rules": {"1": any_item(drill)}},
        ),
        "VIP": (OFF_ORDER, {"rules": {"1": in_segment(vip)}}),
        "others": (OFF_ORDER, {"rules": {"1": in_segment(others)}}),
        "big order": (
            OFF_ORDER,
            {"rules": {"1": {"name": "order.amount", "conditions": {"$more_than": [10**6]}}}},
        ),
        "many units": (
            OFF_ORDER,
            {"rules": {"1": {"name": "order.items.count", "conditions": {"$more_than": [9]}}}},
        ),
        "bundle": (
            OFF_ORDER,
            {"bundle_rules": {"1": any_item(drill), "2": any_item(saw)}},
        ),
        "drill for bundle": (
            OFF_ITEMS,
            {
                "applicable_to": entry(drill),
                "bundle_rules": {"1": any_item(drill), "2": any_item(saw)},
            },
        ),
    }
    for name, (discount, members) in ruled.items():
        assigned = {"validation_rules": [rule(shop, **members)]} if members else {}
        tier(shop, of, name, action={"discount": discount}, **assigned)
    return {"items": [{"product_id": drill, "quantity": 1}]}, {"id": me}


ALL = {"order", "drill", "drill for VIP", "order with drill", "VIP", "big order"}
PRODUCTS = {
    *("drill", "drill for VIP", "drill for others", "order with drill", "saw with drill"),
    *("bundle", "drill for bundle"),
}
DISCOUNT = {"drill", "drill for VIP", "drill for others", "drill for bundle"}
AUDIENCE = {
    *("order", "drill", "saw", "drill for VIP", "order with drill", "order with saw"),
    *("saw with drill", "VIP", "big order", "many units", "bundle", "drill for bundle"),
}


@pytest.mark.parametrize(
    ("scenario", "qualified"),
    [
        ("ALL", ALL),
        ("CUSTOMER_WALLET", set()),
        ("AUDIENCE_ONLY", AUDIENCE),
        ("PRODUCTS", PRODUCTS),
        ("PRODUCTS_DISCOUNT", DISCOUNT),
        ("PRODUCTS_BY_CUSTOMER", PRODUCTS - {"drill for others"}),
        ("PRODUCTS_DISCOUNT_BY_CUSTOMER", DISCOUNT - {"drill for others"}),
        ("PROMOTION_STACKS", set()),
    ],
)
def test_each_scenario_looks_at_its_own(shop: Shop, scenario: str, qualified: set[str]) -> None:
    order, me = scene(shop)
    assert names(shop, scenario, order=order, customer=me) == qualified


def test_without_a_customer_what_asks_for_one_does_not_qualify(shop: Shop) -> None:
    order, _ = scene(shop)
    assert names(shop, order=order) == ALL - {"VIP", "drill for VIP"}
    assert names(shop, "PRODUCTS", order=order) == PRODUCTS
    assert names(shop, "AUDIENCE_ONLY") == AUDIENCE - {"VIP", "drill for VIP"}
    assert names(shop, "PRODUCTS") == set()


def test_what_lacks_its_bundle_says_what_is_missing_and_takes_nothing_off(shop: Shop) -> None:
    order, _ = scene(shop)
    answer = ask(shop, scenario="AUDIENCE_ONLY", order=order, options=EVERYTHING)
    found = {each["name"]: each for each in answer["redeemables"]["data"]}
    bundle = found["drill for bundle"]["result"]["bundle"]
    assert bundle["quantity"] == 0
    assert [each["item_index"] for each in bundle["identified"]] == [0]
    assert [each["item_quantity"] for each in bundle["missing"]] == [1]
    assert found["drill for bundle"]["order"]["total_amount"] == 10000
    assert found["drill"]["order"]["total_amount"] == 9000
    assert found["saw"]["order"]["total_amount"] == 10000
    assert found["saw"]["applicable_to"]["data"][0]["order_item_indices"] == []


def test_rules_tell_whether_they_were_judged_whole(shop: Shop) -> None:
    drill, of = product(shop, "drill"), campaign(shop)["id"]
    is_big = {"name": "order.amount", "conditions": {"$more_than": [1]}}
    whole = rule(shop, rules={"1": any_item(drill)})
    part = rule(shop, rules={"1": any_item(drill), "2": is_big})
    made = tier(shop, of, validation_rules=[whole, part])
    order = {"items": [{"product_id": drill, "quantity": 1}]}
    options = {"expand": ["validation_rules"]}
    found = ask(shop, order=order, options=options)["redeemables"]["data"][0]
    assigned = found["validation_rules_assignments"]
    assert (assigned["total"], assigned["object"]) == (2, "list")
    by_rule = {each["rule_id"]: each for each in assigned["data"]}
    assert by_rule[whole]["validation_status"] == "VALID"
    assert "validation_omitted_rules" not in by_rule[whole]
    assert by_rule[part]["validation_status"] == "PARTIALLY_VALID"
    assert by_rule[part]["validation_omitted_rules"] == ["2"]
    assert by_rule[part]["related_object_id"] == made["id"]
    assert by_rule[part]["related_object_type"] == "promotion_tier"


def test_stacks_qualify_with_all_their_tiers(shop: Shop) -> None:
    of = campaign(shop)["id"]
    first, second = tier(shop, of, "1"), tier(shop, of, "2")
    nine = {"name": "order.items.count", "conditions": {"$more_than": [9]}}
    third = tier(shop, of, "3", validation_rules=[rule(shop, rules={"1": nine})])

    def stack(name: str, *tiers: dict[str, Any]) -> str:
        body = {"name": name, "tiers": {"ids": [each["id"] for each in tiers]}}
        answer = shop.api.post(f"/v1/promotions/{of}/stacks", json=body)
        assert answer.status_code == 200, answer.text
        found: str = answer.json()["id"]
        return found

    both = stack("both", first, second)
    stack("never", first, third)
    answer = ask(shop, scenario="PROMOTION_STACKS", order=ORDER, options=EVERYTHING)
    (found,) = answer["redeemables"]["data"]
    assert (found["id"], found["object"], found["name"]) == (both, "promotion_stack", "both")
    assert [each["id"] for each in found["redeemables"]] == [first["id"], second["id"]]
    assert [each["order"]["total_amount"] for each in found["redeemables"]] == [10000, 7000]
    assert found["order"]["total_amount"] == 7000
    assert found["campaign_id"] == of


# --- limits -------------------------------------------------------------------------------------


def test_the_five_limits_are_not_judged_and_others_are(shop: Shop) -> None:
    def limited(name: str, **conditions: Any) -> dict[str, Any]:
        rules = {"1": {"name": name, "conditions": conditions or {"$less_than": [1]}}}
        return {"validation_rules": [rule(shop, rules=rules)]}

    of = campaign(shop)["id"]
    for name in (
        "campaign.orders.amount_discounted",
        "campaign.redemptions.count",
        "redemption.count.per_customer",
        "campaign.redemptions.customers_count",
        "order.amount",
    ):
        tier(shop, of, name, **limited(name))
    tier(shop, of, "today", **limited("redemption.count.daily"))
    tier(shop, of, "twice today", **limited("redemption.count.daily", **{"$less_than": [3]}))
    tier(shop, of, "paid", **limited("order.total_amount"))
    found = names(shop, order=ORDER, customer={"source_id": "me"})
    assert found == {
        *("campaign.orders.amount_discounted", "campaign.redemptions.count", "twice today"),
        *("redemption.count.per_customer", "campaign.redemptions.customers_count", "order.amount"),
    }


def test_a_limit_that_is_reached_is_known_at_once(shop: Shop) -> None:
    rules = {"1": {"name": "redemption.count.daily", "conditions": {"$less_than_or_equal": [1]}}}
    voucher(shop, "A", validation_rules=[rule(shop, rules=rules)])
    assert names(shop, order=ORDER) == {"A"}
    redeem(shop, "A")
    assert names(shop, order=ORDER) == set()


# --- order and pages ----------------------------------------------------------------------------


def test_the_newest_come_first_or_the_best_or_the_least(shop: Shop) -> None:
    for code, off in (("a", 300), ("b", 100), ("c", 200), ("d", 20000)):
        voucher(shop, code, {**OFF_ORDER, "amount_off": off})

    def codes(rule: str | None) -> list[str]:
        return ids(ask(shop, order=ORDER, options={"sorting_rule": rule}))

    assert codes(None) == codes("DEFAULT") == ["d", "c", "b", "a"]
    assert codes("BEST_DEAL") == ["d", "a", "c", "b"]
    assert codes("LEAST_DEAL") == ["b", "c", "a", "d"]


def pages(shop: Shop, limit: int, **options: Any) -> list[list[str]]:
    """All pages, each asked for with the cursor that the one before answered."""
    found, after = [], None
    while True:
        asked = {"limit": limit, "starting_after": after, **options}
        listed = ask(shop, order=ORDER, options=asked)
        found.append(ids(listed))
        if not listed["redeemables"]["has_more"]:
            assert "more_starting_after" not in listed["redeemables"]
            return found
        after = listed["redeemables"]["more_starting_after"]


@pytest.mark.parametrize("sorting", ["DEFAULT", "BEST_DEAL", "LEAST_DEAL"])
def test_pages_hold_each_once(shop: Shop, sorting: str) -> None:
    for number in range(7):
        voucher(shop, f"V{number}", {**OFF_ORDER, "amount_off": 100 * (number % 3)})
    # Those of one moment too.
    tiers = [{"name": f"T{n}", "action": {"discount": OFF_ORDER}} for n in range(5)]
    campaign(shop, promotion={"tiers": tiers})
    make(shop, "C")
    found = pages(shop, 2, sorting_rule=sorting)
    assert [len(page) for page in found] == [2] * 6 + [1]
    whole = pages(shop, 50, sorting_rule=sorting)
    assert [each for page in found for each in page] == whole[0]
    assert len(set(whole[0])) == 13


def test_a_cursor_is_the_time_of_the_last_where_that_is_its_own(shop: Shop) -> None:
    for code in "abc":
        voucher(shop, code)
    listed = ask(shop, options={"limit": 1})["redeemables"]
    assert listed["more_starting_after"] == listed["data"][0]["created_at"]
    after = {"limit": 5, "starting_after": listed["data"][0]["created_at"]}
    assert ids(ask(shop, options=after)) == ["b", "a"]
    assert ids(ask(shop, options={"starting_after": "null"})) == ["c", "b", "a"]


@pytest.mark.parametrize("sorting", ["DEFAULT", "BEST_DEAL", "LEAST_DEAL"])
def test_the_time_of_the_last_one_pages_too(shop: Shop, sorting: str) -> None:
    tiers = [{"name": f"T{n}", "action": {"discount": OFF_ORDER}} for n in range(5)]
    campaign(shop, promotion={"tiers": tiers})
    voucher(shop, "V")
    found: list[str] = []
    after = None
    for _ in range(3):
        options = {"limit": 2, "sorting_rule": sorting, "starting_after": after}
        listed = ask(shop, order=ORDER, options=options)["redeemables"]
        found += [each["id"] for each in listed["data"]]
        after = listed["data"][-1]["created_at"]
    assert not listed["has_more"]
    assert len(found) == len(set(found)) == 6


def test_five_are_answered_and_fifty_at_the_most(shop: Shop) -> None:
    for number in range(6):
        voucher(shop, f"V{number}")
    assert len(ids(ask(shop))) == 5
    for limit in (0, 51, "x"):
        answer = shop.api.post("/v1/qualifications", json={"options": {"limit": limit}})
        assert (answer.status_code, answer.json()["key"]) == (400, "invalid_payload")


def test_many_that_do_not_qualify_end_a_page_early(shop: Shop) -> None:
    voucher(shop, "oldest")
    sql(
        shop,
        "INSERT INTO vouchers (project_id, id, code, code_key, type, discount, active, quantity, "
        "redeemed_quantity, created_at) SELECT $1, 'v_' || n, 'n' || n, 'n' || n, "
        "'DISCOUNT_VOUCHER', $2::json, true, 1, 1, now() + $3::interval "
        "FROM generate_series(1, 1500) AS n",
        '{"type": "AMOUNT", "amount_off": 1, "effect": "APPLY_TO_ORDER"}',
        timedelta(0),
    )
    found = pages(shop, 5)
    assert found == [[], ["oldest"]]


# --- what is left out ---------------------------------------------------------------------------


def test_filters(shop: Shop) -> None:
    category = shop.api.post("/v1/categories", json={"name": "Cat", "hierarchy": 1}).json()["id"]
    of = campaign(shop, "P")["id"]
    made = tier(shop, of, "T", category_id=category)
    coupons = make(shop, "C")
    kind(shop, "GIFT_VOUCHERS", "G")
    code, card = voucher(shop, "CODE"), gift(shop, "card", 100)

    def left(junction: str | None = None, **fields: Any) -> set[str]:
        filters = {name: {"conditions": conditions} for name, conditions in fields.items()}
        options = {**EVERYTHING, "filters": {"junction": junction, **filters}}
        return names(shop, order=ORDER, options=options)

    everything = {"T", "C", "G", "CODE", "card"}
    assert left() == everything
    assert left(category_id={"$is": [category]}) == {"T"}
    assert left(category_id={"$is_not": [category]}) == everything - {"T"}
    assert left(category_id={"$has_value": True}) == {"T"}
    assert left(category_id={"$is_unknown": True}) == everything - {"T"}
    assert left(campaign_id={"$in": [of, coupons["id"]]}) == {"T", "C"}
    assert left(campaign_id={"$not_in": [of]}) == everything - {"T"}
    assert left(campaign_type={"$is": ["PROMOTION"]}) == {"T"}
    assert left(campaign_type={"$in": ["DISCOUNT_COUPONS", "GIFT_VOUCHERS"]}) == {"C", "G"}
    assert left(resource_id={"$in": [made["id"], code["id"]]}) == {"T", "CODE"}
    assert left(resource_type={"$is": ["voucher"]}) == {"CODE", "card"}
    assert left(resource_type={"$is": ["promotion_tier"]}) == {"T"}
    assert left(resource_type={"$is": "campaign"}) == {"C", "G"}
    assert left(voucher_type={"$is": ["GIFT_VOUCHER"]}) == {"G", "card"}
    assert left(code={"$is": [card["code"]]}) == {"card"}
    assert left(code={"$is": ["CODE"]}, resource_type={"$is": ["promotion_tier"]}) == set()
    assert left("or", code={"$is": ["CODE"]}, resource_type={"$is": ["promotion_tier"]}) == {
        *("CODE", "T")
    }
    assert left("and", voucher_type={"$is": ["GIFT_VOUCHER"]}, code={"$has_value": ""}) == {"card"}
    assert left(holder_role={"$is": ["OWNER"]}) == set()


@pytest.mark.parametrize(
    ("options", "details"),
    [
        ({"filters": {"x": {"conditions": {}}}}, "Property .options.filters.x is not known"),
        (
            {"filters": {"code": {"conditions": {"$like": ["x"]}}}},
            "Property .options.filters.code.conditions.$like is not known",
        ),
        (
            {"filters": {"code": {"conditions": {"$is": [1]}}}},
            "Property .options.filters.code.conditions.$is should be array of strings",
        ),
        (
            {"filters": {"code": {"conditions": 1}}},
            "Property .options.filters.code.conditions should be object",
        ),
        (
            {"filters": {"code": "x"}},
            "Property .options.filters.code should have 'conditions'",
        ),
        (
            {"filters": {"code": {"$is": ["x"]}}},
            "Property .options.filters.code should have 'conditions'",
        ),
        (
            {"filters": {"junction": "xor"}},
            "Property .options.filters.junction should be 'and' or 'or'",
        ),
        (
            {"starting_after": "yesterday"},
            "Property .options.starting_after cannot be recognized as a ISO-8601 compliant date",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(shop: Shop, options: Any, details: str) -> None:
    answer = shop.api.post("/v1/qualifications", json={"options": options})
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_payload")
    assert answer.json()["details"] == details


def test_an_unknown_scenario_is_refused(shop: Shop) -> None:
    answer = shop.api.post("/v1/qualifications", json={"scenario": "SOME"})
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_payload")


# --- who may ask --------------------------------------------------------------------------------


def test_a_client_may_ask_too(shop: Shop, server: Server) -> None:
    voucher(shop, "A")
    with shop.browser() as browser:
        answer = browser.post("/client/v1/qualifications", json={"order": ORDER})
        assert answer.status_code == 200, answer.text
        assert browser.post("/v1/qualifications", json={}).status_code == 401
    assert ids(answer.json()) == ["A"]
    assert shop.api.post("/client/v1/qualifications", json={}).status_code == 401
    other = server.project()
    assert ids(ask(other)) == []
