"""What is on gift cards and loyalty cards, and the ledger of it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.test_customers import sql
from tests.api.test_vouchers import GIFT, TIME, create, happened, made, put, read
from tests.running import Shop, until


def change(shop: Shop, code: str, amount: Any, **body: Any) -> dict[str, Any]:
    answer = shop.api.post(f"/v1/vouchers/{code}/balance", json={"amount": amount, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refused(shop: Shop, code: str, **body: Any) -> tuple[int, str]:
    answer = shop.api.post(f"/v1/vouchers/{code}/balance", json=body)
    return answer.status_code, answer.json()["key"]


def ledger(shop: Shop, code: str, **query: Any) -> list[dict[str, Any]]:
    answer = shop.api.get(f"/v1/vouchers/{code}/transactions", params={"limit": 100, **query})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def loyalty(shop: Shop, code: str = "card", points: int = 100) -> str:
    """A loyalty card of Bob's; his id."""
    card = {"type": "LOYALTY_CARD", "loyalty_card": {"points": points}}
    made(shop, "/v1/campaigns", name="L", campaign_type="LOYALTY_PROGRAM", voucher=card)
    create(shop, code, **card, campaign="L")
    bob = made(shop, "/v1/customers", source_id="bob")
    sql(shop, "UPDATE vouchers SET holder_id = $2 WHERE project_id = $1", bob)
    return bob


def test_credits_are_put_on_and_taken_off(shop: Shop) -> None:
    card = create(shop, "card", **GIFT)
    balance = change(shop, "card", 500, source_id="order 1", reason="thanks")
    expected = {
        "amount": 500,
        "total": 10500,
        "balance": 10500,
        "type": "gift_voucher",
        "operation_type": "MANUAL",
        "object": "balance",
        "related_object": {"type": "voucher", "id": card["id"]},
    }
    assert balance == expected
    taken = change(shop, card["id"], -10000)
    assert taken == {**expected, "amount": -10000, "total": 500, "balance": 500}
    after = read(shop, "card")
    assert after["gift"] == {
        "amount": 10500,
        "subtracted_amount": 10000,
        "balance": 500,
        "effect": "APPLY_TO_ORDER",
    }
    removal, addition = ledger(shop, "card")
    assert re.fullmatch(r"vtx_[0-9a-f]{18}", addition.pop("id"))
    assert re.fullmatch(TIME, addition.pop("created_at"))
    assert addition == {
        "source_id": "order 1",
        "voucher_id": card["id"],
        "campaign_id": None,
        "source": "API",
        "reason": "thanks",
        "type": "CREDITS_ADDITION",
        "details": {"balance": expected},
        "related_transaction_id": None,
    }
    assert (removal["type"], removal["source_id"]) == ("CREDITS_REMOVAL", None)
    assert removal["details"] == {"balance": taken}
    assert (
        happened(shop)
        == ["voucher.created"]
        + [
            "voucher.gift.balance_added",
            "voucher.gift.transaction.created",
        ]
        * 2
    )


def test_what_cannot_be_put_on_a_card(shop: Shop) -> None:
    create(shop, "card", **GIFT)
    create(shop, "coupon")
    wrong = "invalid_add_balance_params"
    assert refused(shop, "card", amount=-10001) == (400, "gift_amount_exceeded")
    for amount in (0, 10**15, 10**30, -(10**30)):
        assert refused(shop, "card", amount=amount) == (400, wrong), amount
    for wrong_type in (1.5, "x", None, [1], {}):
        assert refused(shop, "card", amount=wrong_type) == (400, "invalid_payload")
    assert refused(shop, "card") == (400, "invalid_payload")
    assert refused(shop, "card", amount=1, reason="\x00") == (400, "invalid_payload")
    assert refused(shop, "card", amount=1, source_id="x" * 256) == (400, "invalid_payload")
    assert refused(shop, "coupon", amount=1) == (400, wrong)
    assert refused(shop, "nothing", amount=1) == (404, "not_found")
    assert ledger(shop, "card") == []
    assert read(shop, "card")["updated_at"] is None
    # The last of it can go.
    assert change(shop, "card", "-10000")["balance"] == 0


def test_a_loyalty_card_needs_a_holder(shop: Shop) -> None:
    card = {"type": "LOYALTY_CARD", "loyalty_card": {"points": 100}}
    made(shop, "/v1/campaigns", name="L", campaign_type="LOYALTY_PROGRAM", voucher=card)
    create(shop, "card", **card, campaign="L")
    assert refused(shop, "card", amount=5) == (400, "invalid_customer")
    assert read(shop, "card")["loyalty_card"] == {"points": 100, "balance": 100}


def test_points(shop: Shop) -> None:
    loyalty(shop)
    balance = change(shop, "card", 5)
    assert (balance["amount"], balance["total"], balance["type"]) == (5, 105, "loyalty_card")
    assert refused(shop, "card", amount=-106) == (400, "loyalty_card_points_exceeded")
    change(shop, "card", -100)
    assert read(shop, "card")["loyalty_card"] == {
        "points": 105,
        "balance": 5,
        "subtracted_points": 100,
    }
    removal, addition = ledger(shop, "card")
    assert (removal["type"], addition["type"]) == ("POINTS_REMOVAL", "POINTS_ADDITION")
    # The ledger speaks of points, the answer of an amount.
    assert addition["details"]["balance"]["points"] == 5
    assert "amount" not in addition["details"]["balance"]
    assert addition["campaign_id"] == read(shop, "card")["campaign_id"]


def test_the_holder_is_told(shop: Shop) -> None:
    loyalty(shop)
    change(shop, "card", 5)
    [event] = shop.api.get("/v1/customers/bob/activity?limit=1").json()["data"]
    assert event["type"] == "customer.voucher.loyalty_card.points_added"
    assert event["data"]["voucher"]["code"] == "card"
    assert event["data"]["balance"]["points"] == 5


def test_an_update_of_the_amount_is_a_transaction(shop: Shop) -> None:
    create(shop, "card", **GIFT)
    change(shop, "card", -9000)
    changed = put(shop, "card", gift={"amount": 12000, "effect": "APPLY_TO_ITEMS"})
    assert changed["gift"] == {
        "amount": 12000,
        "subtracted_amount": 9000,
        "balance": 3000,
        "effect": "APPLY_TO_ITEMS",
    }
    put(shop, "card", gift={"amount": 9000})
    before = read(shop, "card")
    for body in ({"gift": {"amount": 8999}}, {"gift": {"amount": -1}}, {"gift": {"amount": 2**60}}):
        assert shop.api.put("/v1/vouchers/card", json=body).status_code == 400
    put(shop, "card", gift={"effect": "APPLY_TO_ITEMS"}, metadata={})
    found = [(one["type"], one["details"]["balance"]["amount"]) for one in ledger(shop, "card")]
    assert found == [
        ("CREDITS_REMOVAL", -3000),
        ("CREDITS_ADDITION", 2000),
        ("CREDITS_REMOVAL", -9000),
    ]
    assert read(shop, "card")["gift"] == before["gift"]


# --- lists --------------------------------------------------------------------------------------


def test_transactions_page_by_page(shop: Shop) -> None:
    card, other = create(shop, "card", **GIFT), create(shop, "other", **GIFT)
    for amount in range(1, 8):
        change(shop, "card", amount)
        change(shop, "other", 100 + amount)

    def amounts(**query: Any) -> tuple[list[int], Any]:
        answer = shop.api.get("/v1/vouchers/card/transactions", params={"limit": 3, **query})
        body = answer.json()
        assert (body["object"], body["data_ref"]) == ("list", "data")
        assert body["has_more"] is ("more_starting_after" in body)
        found = [one["details"]["balance"]["amount"] for one in body["data"]]
        return found, body.get("more_starting_after")

    for order, expected in (("-id", [7, 6, 5, 4, 3, 2, 1]), ("id", [1, 2, 3, 4, 5, 6, 7])):
        first, after = amounts(order=order)
        second, further = amounts(order=order, starting_after_id=after)
        third, none = amounts(order=order, starting_after_id=further)
        assert first + second + third == expected
        assert none is None
    assert amounts(limit=7) == ([7, 6, 5, 4, 3, 2, 1], None)
    assert len(ledger(shop, card["id"])) == len(ledger(shop, other["id"])) == 7
    for query in ("order=created_at", "limit=0", "limit=101", "filters=x"):
        answer = shop.api.get(f"/v1/vouchers/card/transactions?{query}")
        assert (answer.status_code, answer.json()["key"]) == (400, "invalid_query_params")


# --- exports ------------------------------------------------------------------------------------

FIELDS = [
    *("id", "type", "source_id", "reason", "balance", "amount", "created_at", "voucher_id"),
    *("campaign_id", "details", "source", "related_transaction_id"),
]
PATH = "/v1/vouchers/card/transactions/export"


def file(shop: Shop, done: dict[str, Any]) -> list[str]:
    """The lines of a finished export's file, which needs no key."""
    assert done["status"] == "DONE"
    return shop.server.anonymous().get(done["result"]["url"]).text.splitlines()


def exported(shop: Shop, **options: Any) -> list[str]:
    """The lines of an export, once it is done."""
    answer = shop.api.post(PATH, **options)
    assert answer.status_code == 200, answer.text
    export = answer.json()
    assert (export["status"], export["result"]) == ("SCHEDULED", None)
    assert export["exported_object"] == "voucher_transactions"
    card = read(shop, "card")["id"]
    assert export["parameters"]["filters"] == {"voucher_id": {"conditions": {"$in": [card]}}}

    def done() -> Any:
        found = shop.api.get(f"/v1/exports/{export['id']}").json()
        return found if found["status"] != "SCHEDULED" and found["result"] else None

    return file(shop, until(done))


@pytest.mark.parametrize(
    "options", [{}, {"json": {}}, {"json": None}, {"json": {"parameters": None}}]
)
def test_an_export_without_parameters(shop: Shop, options: dict[str, Any]) -> None:
    create(shop, "card", **GIFT)
    create(shop, "other", **GIFT)
    change(shop, "card", 500, source_id="s", reason="=1+1")
    change(shop, "other", 7)
    [one] = ledger(shop, "card")
    assert exported(shop, **options) == [
        "ID,Type,Source ID,Reason,Source,Balance,Amount,Created At",
        f"{one['id']},CREDITS_ADDITION,s,'=1+1,API,10500,500,{one['created_at']}",
    ]


def test_an_export_of_a_campaigns_transactions(shop: Shop) -> None:
    definition = {"type": "GIFT_VOUCHER", "gift": {"amount": 100}}
    body = {"name": "C", "campaign_type": "GIFT_VOUCHERS", "voucher": definition}
    campaign = shop.api.post("/v1/campaigns", json=body).json()
    for code in ("one", "two"):
        assert shop.api.post(f"/v1/campaigns/C/vouchers/{code}").status_code == 200
        change(shop, code, 5)
    create(shop, "card", **GIFT)
    change(shop, "card", 7)
    answer = shop.api.post("/v1/campaigns/C/transactions/export")
    assert answer.status_code == 200, answer.text
    path = f"/v1/exports/{answer.json()['id']}"
    filters = {"campaign_id": {"conditions": {"$in": [campaign["id"]]}}}
    assert answer.json()["parameters"]["filters"] == filters
    until(lambda: shop.api.get(path).json()["result"])
    _, *lines = file(shop, shop.api.get(path).json())
    assert sorted(line.split(",")[5:7] for line in lines) == [["105", "5"], ["105", "5"]]


def test_an_export_with_all_fields_in_an_order(shop: Shop) -> None:
    create(shop, "card", **GIFT)
    change(shop, "card", 500)
    change(shop, "card", -300)
    body = {"parameters": {"fields": FIELDS, "order": "created_at", "filters": {"x": 1}}}
    header, first, second = exported(shop, json=body)
    assert header.startswith("ID,Type,Source ID,Reason,Balance,Amount,Created At,Voucher ID")
    assert ",CREDITS_ADDITION,,,10500,500," in first
    assert ",CREDITS_REMOVAL,,,10200,-300," in second
    body["parameters"]["order"] = "-created_at"
    assert exported(shop, json=body)[1:] == [second, first]


@pytest.mark.parametrize("field", ["total", "metadata", "metadata.a", "", "code"])
def test_fields_that_transactions_do_not_have(shop: Shop, field: str) -> None:
    create(shop, "card", **GIFT)
    answer = shop.api.post(PATH, json={"parameters": {"fields": [field]}})
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_export_fields")


def test_an_export_of_vouchers_has_every_field(shop: Shop) -> None:
    create(shop, "card", **GIFT, metadata={"x": 5})
    change(shop, "card", -1)
    fields = ["code", "voucher_type", "value", "gift_balance", "active", "metadata.x"]
    body = {"exported_object": "voucher", "parameters": {"fields": fields}}
    export = shop.api.post("/v1/exports", json=body).json()

    def done() -> Any:
        found = shop.api.get(f"/v1/exports/{export['id']}").json()
        return found if found["result"] else None

    assert file(shop, until(done)) == [
        "Code,Voucher Type,Value,Gift Balance,Active,metadata.x",
        "card,GIFT_VOUCHER,10000,9999,true,5",
    ]
