"""Vouchers that are added to a campaign, and what a change of the campaign does to them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.test_campaigns import (
    DISCOUNT,
    TEN_OFF,
    add,
    change,
    events,
    kind,
    make,
    problem,
    read,
)
from tests.api.test_customers import sql
from tests.running import Server, Shop

FIRST, LAST = "2026-01-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"
NEW = "2030-01-01T00:00:00.000Z"


def voucher(shop: Shop, code: str) -> dict[str, Any]:
    answer = shop.api.get(f"/v1/vouchers/{code}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def category(shop: Shop, name: str) -> str:
    made = shop.api.post("/v1/categories", json={"name": name, "hierarchy": 1})
    found: str = made.json()["id"]
    return found


def load(shop: Shop, rows: list[dict[str, Any]], name: str = "C") -> dict[str, Any]:
    """Imports vouchers as JSON; the finished action."""
    return shop.finished(shop.api.post(f"/v1/campaigns/{name}/import", json=rows))


def load_csv(shop: Shop, text: str, name: str = "C") -> dict[str, Any]:
    """Imports vouchers as CSV; the finished action."""
    files = {"file": ("f.csv", text.encode(), "text/csv")}
    answer = shop.api.post(f"/v1/campaigns/{name}/importCSV", files=files)
    assert answer.status_code == 200, answer.text
    # The reference has 200 here, and 202 of all other work in the background.
    answer.status_code = 202
    return shop.finished(answer)


def failed(action: dict[str, Any]) -> list[tuple[str, int, str]]:
    return [(row["source_id"], row["row"], row["reason"]) for row in action["result"]["failed"]]


# --- one by one ---------------------------------------------------------------------------------


def test_a_voucher_is_as_its_campaign_says(shop: Shop) -> None:
    id_ = category(shop, "Of the campaign")
    made = make(
        shop,
        start_date=FIRST,
        expiration_date=LAST,
        validity_day_of_week=[1],
        category_id=id_,
        metadata={"of": "campaign"},
        voucher={**DISCOUNT, "redemption": {"quantity": 3}, "code_config": {"prefix": "P-"}},
    )
    plain = shop.api.post("/v1/campaigns/C/vouchers").json()
    assert plain["code"].startswith("P-")
    assert (plain["campaign"], plain["campaign_id"]) == ("C", made["id"])
    assert (plain["start_date"], plain["expiration_date"]) == (FIRST, LAST)
    assert (plain["category_id"], plain["category"]) == (id_, "Of the campaign")
    assert (plain["discount"], plain["redemption"]["quantity"]) == (TEN_OFF, 3)
    assert (plain["active"], plain["metadata"]) == (True, {})
    own = category(shop, "Own")
    differs = add(
        shop,
        "CODE",
        category="Own",
        start_date="2026-06-01",
        metadata={"own": [1]},
        redemption={"quantity": None},
        additional_info="note",
    )
    assert differs["start_date"] == "2026-06-01T00:00:00.000Z"
    assert differs["expiration_date"] == LAST
    assert (differs["category_id"], differs["metadata"]) == (own, {"own": [1]})
    assert differs["redemption"]["quantity"] is None
    assert (differs["code"], differs["additional_info"]) == ("CODE", "note")
    assert voucher(shop, "CODE") == differs
    assert read(shop)["vouchers_count"] == 2
    assert ("voucher.created", 2) in events(shop)


def test_a_voucher_may_be_added_switched_off(shop: Shop) -> None:
    """As in the example of the operation."""
    make(shop)
    assert add(shop, "OFF", active=False)["active"] is False


def test_a_code_in_the_body_is_used_where_the_path_has_none(shop: Shop) -> None:
    make(shop)
    made = shop.api.post("/v1/campaigns/C/vouchers", json={"code": "BODY"}).json()
    assert made["code"] == "BODY"
    made = shop.api.post("/v1/campaigns/C/vouchers/PATH", json={"code": "IGNORED"}).json()
    assert made["code"] == "PATH"
    assert shop.api.get("/v1/vouchers/IGNORED").status_code == 404


def test_a_code_is_taken_once_in_a_project(shop: Shop, server: Server) -> None:
    make(shop)
    make(shop, "D")
    add(shop, "CODE")
    for name in "CD":
        answer = shop.api.post(f"/v1/campaigns/{name}/vouchers/CODE", json={})
        assert (answer.status_code, answer.json()["key"]) == (409, "duplicate_found")
    add(shop, "code", "D")
    folded = server.project(case_sensitive_codes=False)
    make(folded)
    add(folded, "CODE")
    assert folded.api.post("/v1/campaigns/C/vouchers/code").status_code == 409
    assert read(folded)["vouchers_count"] == 1


@pytest.mark.parametrize(
    ("body", "status", "key"),
    [
        ({"code": ""}, 400, "invalid_payload"),
        ({"code": "x" * 256}, 400, "invalid_payload"),
        ({"code": "a\x00"}, 400, "invalid_payload"),
        ({"code": "a\nb"}, 400, "invalid_payload"),
        ({"code": 5}, 400, "invalid_payload"),
        ({"category": "none"}, 404, "not_found"),
        ({"redemption": {"quantity": 0}}, 400, "invalid_voucher"),
        ({"redemption": {"quantity": -(2**63)}}, 400, "invalid_voucher"),
        ({"redemption": {"quantity": 2**63}}, 400, "invalid_voucher"),
        ({"start_date": "2028-01-01"}, 400, "invalid_payload"),
        ({"metadata": []}, 400, "invalid_payload"),
        ({"code_config": {"charset": ""}}, 400, "invalid_code_config"),
        ({"code_config": {"pattern": "x" * 256}}, 400, "invalid_code_config"),
        ([], 400, "invalid_payload"),
    ],
)
@pytest.mark.parametrize("count", [1, 2])
def test_what_cannot_be_is_refused(
    shop: Shop, body: Any, status: int, key: str, count: int
) -> None:
    make(shop, expiration_date=LAST)
    answer = shop.api.post(f"/v1/campaigns/C/vouchers?vouchers_count={count}", json=body)
    if count > 1 and isinstance(body, dict) and isinstance(body.get("code"), str):
        return  # Of many, no code is asked for.
    assert problem(answer)[:2] == (status, key)
    assert read(shop)["vouchers_count"] == 0
    assert shop.api.get("/v1/async-actions").json()["async_actions"] == []


def test_how_many_is_a_number_from_one(shop: Shop) -> None:
    make(shop)
    for count, key in {
        "0": "invalid_query_params",
        "-1": "invalid_query_params",
        "x": "invalid_query_params",
        "1.5": "invalid_query_params",
        "100001": "invalid_campaign",
        "99999999999999999999999": "invalid_campaign",
    }.items():
        answer = shop.api.post(f"/v1/campaigns/C/vouchers?vouchers_count={count}")
        assert problem(answer)[:2] == (400, key), count
    assert shop.api.post("/v1/campaigns/C/vouchers?vouchers_count=").status_code == 200


def test_vouchers_have_the_metadata_of_a_campaign_that_uses_their_schema(shop: Shop) -> None:
    make(shop, use_voucher_metadata_schema=True, metadata={"a": 1, "b": 2})
    assert add(shop, "PLAIN")["metadata"] == {"a": 1, "b": 2}
    assert add(shop, "OWN", metadata={"b": 3, "c": 4})["metadata"] == {"a": 1, "b": 3, "c": 4}
    sql(shop, "UPDATE vouchers SET published = 1 WHERE project_id = $1 AND code = 'OWN'")
    change(shop, metadata={"a": 5, "b": None}, unset_metadata_fields=["c"])
    assert voucher(shop, "PLAIN")["metadata"] == {"a": 5}
    # Metadata is handed on to all, those of customers too.
    assert voucher(shop, "OWN")["metadata"] == {"a": 5}
    make(shop, "D", metadata={"a": 1})
    assert add(shop, "OTHER", "D")["metadata"] == {}
    change(shop, "D", metadata={"a": 2})
    assert voucher(shop, "OTHER")["metadata"] == {}


# --- what a campaign hands on -------------------------------------------------------------------


def test_times_and_category_reach_vouchers_that_nobody_has_or_used(shop: Shop) -> None:
    make(shop, start_date=FIRST)
    id_ = category(shop, "New")
    for code in ("FREE", "PUBLISHED", "REDEEMED", "HELD"):
        add(shop, code)
    for column, value, code in (
        ("published", "1", "PUBLISHED"),
        ("redeemed_quantity", "1", "REDEEMED"),
        ("holder_id", "'cust_1'", "HELD"),
    ):
        sql(shop, f"UPDATE vouchers SET {column} = {value} WHERE project_id=$1 AND code=$2", code)
    hours = {"daily": [{"start_time": "08:00", "days_of_week": [1], "expiration_time": "09:00"}]}
    changed = change(
        shop,
        expiration_date=NEW,
        category_id=id_,
        validity_hours=hours,
        discount={"type": "AMOUNT", "amount_off": 5},
    )
    assert changed["creation_status"] == "DONE"
    free = voucher(shop, "FREE")
    assert (free["start_date"], free["expiration_date"]) == (FIRST, NEW)
    assert (free["category_id"], free["validity_hours"]) == (id_, hours)
    assert free["discount"]["amount_off"] == 5
    for code in ("PUBLISHED", "REDEEMED"):
        kept = voucher(shop, code)
        assert (kept["start_date"], kept["expiration_date"]) == (FIRST, None), code
        assert (kept["category_id"], kept["discount"]) == (None, TEN_OFF), code
    statement = "SELECT expiration_date FROM vouchers WHERE project_id = $1 AND code = 'HELD'"
    assert sql(shop, statement)[0]["expiration_date"] is None
    assert add(shop, "LATER")["expiration_date"] == NEW


def test_what_a_change_does_not_name_stays_as_each_voucher_has_it(shop: Shop) -> None:
    make(shop)
    id_ = category(shop, "New")
    add(shop, "OWN", start_date=FIRST, expiration_date=LAST)
    load(shop, [{"code": "IMPORTED", "discount": {"type": "AMOUNT", "amount_off": 5}}])
    change(shop, category_id=id_)
    own = voucher(shop, "OWN")
    assert own["category_id"] == id_
    assert (own["start_date"], own["expiration_date"]) == (FIRST, LAST)
    assert voucher(shop, "IMPORTED")["discount"]["amount_off"] == 5


def test_vouchers_in_the_bin_are_in_nobody_s_way(shop: Shop) -> None:
    make(shop)
    codes = [f"V{n}" for n in range(12)]
    for code in codes:
        add(shop, code)
    for code in codes[:8]:
        assert shop.api.delete(f"/v1/vouchers/{code}").status_code == 204
    assert read(shop)["vouchers_count"] == 4
    change(shop, expiration_date=NEW)
    assert [voucher(shop, code)["expiration_date"] for code in codes[8:]] == [NEW] * 4


def test_a_card_keeps_what_is_on_it(shop: Shop) -> None:
    kind(shop, "GIFT_VOUCHERS")
    add(shop, "GIFT")
    change(shop, gift={"amount": 1, "effect": "APPLY_TO_ITEMS"}, expiration_date=NEW)
    gift = voucher(shop, "GIFT")
    assert (gift["gift"]["amount"], gift["gift"]["balance"]) == (5000, 5000)
    assert gift["gift"]["effect"] == "APPLY_TO_ITEMS"
    assert gift["expiration_date"] == NEW


# --- importing ----------------------------------------------------------------------------------


def test_imported_vouchers_are_as_their_campaign_says_but_for_what_they_say(shop: Shop) -> None:
    """With the example of the reference."""
    first, second = category(shop, "First"), category(shop, "Second")
    make(shop, start_date=FIRST)
    rows: list[dict[str, Any]] = [
        {
            "code": f"CODE{n}",
            "category": name,
            "redemption": {"quantity": n},
            "metadata": {"season": "Fall"},
            "additional_info": "secret",
            "active": n != 8,
        }
        for n, name in ((7, "First"), (8, "Second"), (9, None))
    ]
    action = load(shop, rows)
    assert (action["type"], action["status"]) == ("CAMPAIGN.VOUCHERS_IMPORT", "DONE")
    assert action["result"]["message"] == "3 voucher(s) imported successfully, 0 failed."
    for n, id_ in ((7, first), (8, second), (9, None)):
        found = voucher(shop, f"CODE{n}")
        assert (found["campaign"], found["discount"], found["start_date"]) == ("C", TEN_OFF, FIRST)
        assert (found["category_id"], found["active"]) == (id_, n != 8)
        assert (found["redemption"]["quantity"], found["metadata"]) == (n, {"season": "Fall"})
    assert read(shop)["vouchers_count"] == 3
    assert shop.api.get("/v1/vouchers").json()["total"] == 3


def test_codes_that_come_twice_or_are_taken_fail_an_import_as_a_whole(shop: Shop) -> None:
    make(shop)
    make(shop, "D")
    add(shop, "TAKEN", "D")
    for rows, key in (
        ([{"code": "A"}, {"code": "B"}, {"code": "A"}], "A"),
        ([{"code": "A"}, {"code": "TAKEN"}], "TAKEN"),
    ):
        answer = shop.api.post("/v1/campaigns/C/import", json=rows)
        assert answer.status_code == 400
        assert key in answer.text
    bodies: list[Any] = [[{}], [{"code": None}], [{"code": ""}], [{"code": 5}], [[]], {}, "A"]
    for body in bodies:
        answer = shop.api.post("/v1/campaigns/C/import", json=body)
        assert answer.status_code == 400, body
    assert read(shop)["vouchers_count"] == 0
    assert shop.api.get("/v1/async-actions").json()["async_actions"] == []


def test_a_voucher_that_cannot_be_fails_alone(shop: Shop) -> None:
    kind(shop, "GIFT_VOUCHERS")
    action = load(
        shop,
        [
            {"code": "GOOD", "gift": {"amount": 7}},
            {"code": "NEGATIVE", "gift": {"amount": -1}},
            {"code": "HUGE", "gift": {"amount": 2**62}},
            {"code": "OTHER", "type": "DISCOUNT_VOUCHER"},
            {"code": "NOWHERE", "category": "none"},
            {"code": "QUANTITY", "redemption": {"quantity": 0}},
            {"code": "DATES", "start_date": LAST, "expiration_date": FIRST},
        ],
    )
    assert (action["result"]["done_count"], action["result"]["failed_count"]) == (1, 6)
    assert [row["source_id"] for row in action["result"]["failed"]] == [
        *("NEGATIVE", "HUGE", "OTHER", "NOWHERE", "QUANTITY", "DATES")
    ]
    assert voucher(shop, "GOOD")["gift"]["balance"] == 7
    assert read(shop)["vouchers_count"] == 1
    summary = shop.api.get("/v1/campaigns/C/summary").json()
    assert (summary["vouchers_created"], summary["created_vouchers_amount"]) == (1, 7)


def test_a_file_of_gift_cards(shop: Shop) -> None:
    id_ = category(shop, "Own")
    kind(shop, "GIFT_VOUCHERS")
    action = load_csv(
        shop,
        "Active,Code,Gift Amount,Redeemed Amount,Redeemed Quantity,Category,Color\n"
        f"true,FULL,14.5,4.25,2,Own,red\nfalse,PLAIN,,,,{id_},\n,DEFAULT,,,,,blue\n",
    )
    assert (action["type"], action["result"]["done_count"]) == ("CAMPAIGN.VOUCHERS_IMPORT_CSV", 3)
    full, plain, default = (voucher(shop, code) for code in ("FULL", "PLAIN", "DEFAULT"))
    assert (full["gift"]["amount"], full["gift"]["balance"]) == (1450, 1025)
    assert (full["redemption"]["redeemed_quantity"], full["redemption"]["redeemed_amount"]) == (
        2,
        425,
    )
    assert (full["category_id"], full["metadata"]) == (id_, {"Color": "red"})
    assert (plain["active"], plain["category_id"], plain["metadata"]) == (False, id_, {})
    assert (default["gift"]["balance"], default["active"]) == (5000, True)
    assert read(shop)["vouchers_count"] == 3


def test_a_file_of_loyalty_cards(shop: Shop) -> None:
    kind(shop, "LOYALTY_PROGRAM")
    load_csv(shop, "Code,Loyalty Points\nSOME,120\nDEFAULT,\n")
    assert voucher(shop, "SOME")["loyalty_card"]["balance"] == 120
    assert voucher(shop, "DEFAULT")["loyalty_card"]["balance"] == 7
    summary = shop.api.get("/v1/campaigns/C/summary").json()
    assert summary["created_vouchers_points"] == 127


def test_rows_of_a_file_that_cannot_be_fail_alone(shop: Shop) -> None:
    make(shop, "D")
    add(shop, "THEIRS", "D")
    make(shop)
    action = load_csv(
        shop,
        "Code,Active,Redeemed Quantity,Start Date,Category\n"
        "GOOD,true,1,2026-01-01,\nBAD1,maybe,,,\nBAD2,,-1,,\nBAD3,,99999999999999999999,,\n"
        "BAD4,,1.5,,\nBAD5,,,soon,\nBAD6,,,,none\n,,,,\nTHEIRS,,,,\nGOOD2,,\n"
        f"{'x' * 256},,,,\nBAD7,,nan,,\nBAD8,,1e999999999,,\n",
    )
    assert [row["source_id"][:7] for row in action["result"]["failed"]] == [
        *("BAD1", "BAD2", "BAD3", "BAD4", "BAD5", "BAD6", "", "THEIRS", "GOOD2", "xxxxxxx"),
        *("BAD7", "BAD8"),
    ]
    assert action["result"]["done_count"] == 1
    assert read(shop)["vouchers_count"] == 1
    assert voucher(shop, "THEIRS")["campaign"] == "D"


def test_a_file_changes_switch_and_category_of_vouchers_that_are_there(shop: Shop) -> None:
    id_ = category(shop, "Own")
    make(shop)
    before = add(shop, "THERE", metadata={"a": 1})
    action = load_csv(shop, "Code,Active,Category,Start Date,Color\nTHERE,false,Own,2026-01-01,red")
    assert action["result"]["done_count"] == 1
    after = voucher(shop, "THERE")
    assert (after["active"], after["category_id"]) == (False, id_)
    assert (after["start_date"], after["metadata"]) == (before["start_date"], {"a": 1})
    load_csv(shop, "Code\nTHERE\n")
    assert voucher(shop, "THERE")["active"] is False
    assert read(shop)["vouchers_count"] == 1


@pytest.mark.parametrize("between", [1, 1000])
def test_a_code_that_comes_twice_in_a_file_is_made_once_and_then_changed(
    shop: Shop, between: int
) -> None:
    """Wherever the second row stands: in the first one's portion, or in a later one."""
    rows = "".join(f"V{n:04},\n" for n in range(between))
    make(shop)
    action = load_csv(shop, f"Code,Active\nTWICE,true\n{rows}TWICE,false\n")
    assert (action["result"]["done_count"], failed(action)) == (between + 2, [])
    assert read(shop)["vouchers_count"] == between + 1
    assert voucher(shop, "TWICE")["active"] is False


def test_files_that_are_none_are_refused(shop: Shop) -> None:
    make(shop)
    for content in (b"", b"Foo\nA\n", b"Code,code\nA,B\n", b"\xff\xfe\x00", b"Code\x00\nA\n"):
        files = {"file": ("f.csv", content, "text/csv")}
        answer = shop.api.post("/v1/campaigns/C/importCSV", files=files)
        assert problem(answer)[:2] == (400, "invalid_payload"), content
    assert shop.api.post("/v1/campaigns/C/importCSV", json={}).status_code in (400, 415)
    assert read(shop)["vouchers_count"] == 0
