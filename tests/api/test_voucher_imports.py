"""Many vouchers at once: JSON, files of CSV, and metadata in bulk."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.test_customers import sql
from tests.api.test_vouchers import GIFT, TEN_OFF, create, made, read
from tests.running import Server, Shop, until

# The templates that the documentation hands out.
COUPONS = (
    "Code,Voucher Type,Active,Start Date,Expiration Date,Discount Type,Value,Category,"
    "Redemption Limit,Additional Info,Region\n"
)
GIFTS = (
    "Code,Voucher Type,Active,Start Date,Expiration Date,Value,Category,Redemption Limit,"
    "Additional Info,Region\n"
)


def upload(shop: Shop, text: str, path: str = "/v1/vouchers/importCSV", **fields: str) -> Any:
    """Sends a file, and waits until it is imported; what came of it."""
    answer = shop.api.post(path, files={"file": ("a.csv", text.encode())}, data=fields)
    assert answer.status_code in (200, 202), answer.text
    action = answer.json()["async_action_id"]

    def done() -> Any:
        found = shop.api.get(f"/v1/async-actions/{action}").json()
        return found if found["status"] in ("DONE", "FAILED") else None

    return until(done, 60)["result"]


def failures(result: dict[str, Any]) -> dict[str, str]:
    return {row["source_id"]: row["reason"] for row in result["failed"]}


def total(shop: Shop) -> int:
    found: int = shop.api.get("/v1/vouchers").json()["total"]
    return found


def load(shop: Shop, rows: list[dict[str, Any]]) -> Any:
    return shop.finished(shop.api.post("/v1/vouchers/import", json=rows))["result"]


# --- JSON ---------------------------------------------------------------------------------------


def test_an_import_makes_vouchers_as_creating_does(shop: Shop) -> None:
    made(shop, "/v1/categories", name="New", hierarchy=1)
    body = {
        "category": "New",
        "active": False,
        "start_date": "2020-12-01T23:00:00Z",
        "expiration_date": "2023-12-19T23:00:00Z",
        "redemption": {"quantity": 1},
        "metadata": {"unit": "EUR", "none": None},
        "additional_info": "secret-code1",
    }
    rows = [{"code": "one", **TEN_OFF, **body}, {"code": "two", **GIFT}]
    action = shop.finished(shop.api.post("/v1/vouchers/import", json=rows))
    assert (action["type"], action["operation_status"]) == ("VOUCHERS.IMPORT", "SUCCESS")
    assert action["result"]["message"] == "2 voucher(s) imported successfully, 0 failed."
    one = read(shop, "one")
    same = create(shop, "same", **body)
    for name in set(one) - {"id", "code", "created_at", "assets", "redemption", "publish"}:
        if name not in ("campaign", "campaign_id"):
            assert one[name] == same[name], name
    assert one["redemption"]["quantity"] == 1
    assert (one["campaign"], one["metadata"]) == (None, {"unit": "EUR"})
    assert read(shop, "two")["gift"]["balance"] == 10000


def test_codes_that_cannot_be_fail_the_whole(shop: Shop) -> None:
    create(shop, "taken")
    for rows, key, details in (
        (
            ["x", "x", "y", "y", "y", "z"],
            "duplicate_key",
            "2 voucher codes(s) already exist. x, y",
        ),
        (["new", "taken"], "duplicate_key", "1 voucher codes(s) already exist. taken"),
        (["new", ""], "invalid_voucher", "Found 1 voucher(s) without 'code' value"),
        (["new", None], "invalid_voucher", "Found 1 voucher(s) without 'code' value"),
        (["new", 5], "invalid_payload", "Property [1].code should be string"),
    ):
        sent = [{"code": code, **TEN_OFF} for code in rows]
        answer = shop.api.post("/v1/vouchers/import", json=sent)
        problem = answer.json()
        assert (answer.status_code, problem["key"]) == (400, key)
        assert problem["details"] == details
    assert total(shop) == 1
    assert shop.api.get("/v1/async-actions").json()["async_actions"] == []


def test_codes_of_the_bin_are_taken_and_case_may_not_count(server: Server, shop: Shop) -> None:
    create(shop, "gone")
    assert shop.api.delete("/v1/vouchers/gone").status_code == 204
    answer = shop.api.post("/v1/vouchers/import", json=[{"code": "gone", **TEN_OFF}])
    assert answer.json()["key"] == "duplicate_key"
    folded = server.project(case_sensitive_codes=False)
    sent = [{"code": code, **TEN_OFF} for code in ("ab", "AB")]
    answer = folded.api.post("/v1/vouchers/import", json=sent)
    assert (answer.status_code, answer.json()["key"]) == (400, "duplicate_key")


def test_any_other_fault_fails_its_voucher_alone(shop: Shop) -> None:
    result = load(
        shop,
        [
            {"code": "right", **TEN_OFF},
            {"code": "typeless"},
            {"code": "card", "type": "LOYALTY_CARD", "loyalty_card": {"points": 5}},
            {"code": "much", **TEN_OFF, "discount": {"type": "PERCENT", "percent_off": 101}},
            {"code": "unknown", **GIFT, "category": "nope"},
            {"code": "never", **GIFT, "start_date": "x"},
            {"code": "large", **GIFT, "metadata": {"k": 2**80}},
            {"code": "none", **GIFT, "redemption": {"quantity": 0}},
            {"code": "debt", "type": "GIFT_VOUCHER", "gift": {"amount": -1}},
        ],
    )
    assert (result["done_count"], result["failed_count"]) == (1, 8)
    assert failures(result) == {
        "typeless": "Property 'type' is required",
        "card": "Property 'campaign' is required for LOYALTY_CARD",
        "much": "Property .discount.percent_off cannot be higher than 100",
        "unknown": "Cannot find category with id nope",
        "never": "Property .start_date cannot be recognized as a ISO-8601 compliant date",
        "large": "Property .metadata.k should be a 64-bit integer",
        "none": "Property .redemption.quantity should be >= 1",
        "debt": "Property .gift.amount cannot be lower than 0",
    }
    assert total(shop) == 1


@pytest.mark.parametrize("body", [{}, "x", [1], [[]], [{"code": "a", "discount": 5}]])
def test_what_is_no_list_of_vouchers(shop: Shop, body: Any) -> None:
    answer = shop.api.post("/v1/vouchers/import", json=body)
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_payload")


def test_nothing_is_done_at_once(shop: Shop) -> None:
    assert load(shop, [])["done_count"] == 0


def test_many(shop: Shop) -> None:
    result = load(shop, [{"code": f"j{n}", **TEN_OFF} for n in range(1500)])
    assert (result["done_count"], result["failed_count"]) == (1500, 0)
    text = "Code,Voucher Type,Value\n" + "".join(f"c{n},GIFT_VOUCHER,5\n" for n in range(1500))
    result = upload(shop, text)
    assert (result["done_count"], result["failed_count"]) == (1500, 0)
    assert total(shop) == 3000


# --- files --------------------------------------------------------------------------------------


def test_the_template_of_coupons(shop: Shop) -> None:
    made(shop, "/v1/categories", name="New", hierarchy=1)
    row = (
        "FALL2022,DISCOUNT_VOUCHER,FALSE,2022-09-19T00:00:00.000Z,2022-11-30T23:59:00.000Z,"
        "AMOUNT,10,New,,Planned release in Fall 2022,Europe"
    )
    assert upload(shop, COUPONS + row)["done_count"] == 1
    voucher = read(shop, "FALL2022")
    assert voucher["discount"] == {
        "type": "AMOUNT",
        "amount_off": 1000,
        "effect": "APPLY_TO_ORDER",
    }
    assert (voucher["active"], voucher["category"]) == (False, "New")
    assert voucher["start_date"] == "2022-09-19T00:00:00.000Z"
    assert voucher["expiration_date"] == "2022-11-30T23:59:00.000Z"
    assert voucher["redemption"]["quantity"] is None
    assert voucher["additional_info"] == "Planned release in Fall 2022"
    assert voucher["metadata"] == {"Region": "Europe"}


def test_the_template_of_gift_cards(shop: Shop) -> None:
    made(shop, "/v1/categories", name="Gift", hierarchy=1)
    row = "GIFT100,GIFT_VOUCHER,FALSE,2022-05-01,2022-12-31,100,Gift,3,Birthday,Europe"
    assert upload(shop, GIFTS + row)["done_count"] == 1
    voucher = read(shop, "GIFT100")
    assert voucher["gift"] == {"amount": 10000, "balance": 10000, "effect": "APPLY_TO_ORDER"}
    assert voucher["redemption"]["quantity"] == 3


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("AMOUNT", "14.5", {"type": "AMOUNT", "amount_off": 1450}),
        ("FIXED", "5", {"type": "FIXED", "fixed_amount": 500}),
        ("PERCENT", "12.5", {"type": "PERCENT", "percent_off": 12.5}),
        ("percent", "12", {"type": "PERCENT", "percent_off": 12}),
    ],
)
def test_each_kind_of_discount(shop: Shop, kind: str, value: str, expected: Any) -> None:
    text = f"code,voucher type,value,discount type,Discount effect\na,DISCOUNT_VOUCHER,{value},"
    assert upload(shop, f"{text}{kind},APPLY_TO_ITEMS\n")["done_count"] == 1
    assert read(shop, "a")["discount"] == {**expected, "effect": "APPLY_TO_ITEMS"}


def test_what_was_redeemed_before(shop: Shop) -> None:
    text = (
        "Code,Voucher Type,Value,Discount Type,Redeemed Quantity,Redeemed Amount\n"
        "gift,GIFT_VOUCHER,50,,1,12.50\n"
        "coupon,DISCOUNT_VOUCHER,5,AMOUNT,3,12.50\n"
        "overdrawn,GIFT_VOUCHER,50,,1,50.01\n"
        "negative,GIFT_VOUCHER,50,,-1,0\n"
    )
    result = upload(shop, text)
    assert failures(result) == {
        "overdrawn": "A card cannot hold less than what was spent of it",
        "negative": "What was redeemed cannot be lower than 0",
    }
    gift = read(shop, "gift")
    assert (gift["gift"]["amount"], gift["gift"]["balance"]) == (5000, 3750)
    assert gift["redemption"]["redeemed_quantity"] == 1
    assert gift["redemption"]["redeemed_amount"] == 1250
    assert read(shop, "coupon")["redemption"]["redeemed_quantity"] == 3


def test_a_row_that_cannot_be_fails_alone_and_says_why(shop: Shop) -> None:
    date = "Property .start_date cannot be recognized as a ISO-8601 compliant date"
    rows = {
        "kind,COUPON,TRUE,,,AMOUNT,10,,,,": "Property .voucher_type should be equal to one of: "
        "DISCOUNT_VOUCHER, GIFT_VOUCHER",
        "card,LOYALTY_CARD,,,,,5,,,,": "Property .voucher_type should be equal to one of: "
        "DISCOUNT_VOUCHER, GIFT_VOUCHER",
        "discount,DISCOUNT_VOUCHER,,,,HALF,5,,,,": "Property .discount_type should be equal to "
        "one of: AMOUNT, PERCENT, FIXED, UNIT",
        "much,DISCOUNT_VOUCHER,,,,PERCENT,101,,,,": "Property .discount.percent_off cannot be "
        "higher than 100",
        "word,DISCOUNT_VOUCHER,,,,AMOUNT,x,,,,": "Property .value should be number",
        "debt,GIFT_VOUCHER,,,,,-5,,,,": "Property .gift.amount cannot be lower than 0",
        "flag,GIFT_VOUCHER,maybe,,,,5,,,,": "Property .active should be boolean",
        "date,GIFT_VOUCHER,,x,,,5,,,,": date,
        "category,GIFT_VOUCHER,,,,,5,Nope,,,": "Cannot find category with id Nope",
        "limit,GIFT_VOUCHER,,,,,5,,-1,,": "Property .redemption.quantity should be >= 1",
        "half,GIFT_VOUCHER,,,,,5,,1.5,,": "Property .redemption_limit should be integer",
        "huge,GIFT_VOUCHER,,,,,1e400,,,,": "Property .value should be number",
        "short,GIFT_VOUCHER": "The row has 2 cells, the header 11",
        "worthless,GIFT_VOUCHER,,,,,,,,,": "The row has no value",
    }
    result = upload(shop, COUPONS + "good,GIFT_VOUCHER,,,,,5,,,,\n" + "\n".join(rows) + "\n")
    assert result["done_count"] == 1
    assert failures(result) == {row.partition(",")[0]: why for row, why in rows.items()}
    assert total(shop) == 1


def test_a_category_by_its_id(shop: Shop) -> None:
    category = made(shop, "/v1/categories", name="New", hierarchy=1)
    text = f"Code,Voucher Type,Value,Category\na,GIFT_VOUCHER,5,{category}\n"
    assert failures(upload(shop, text)) == {}
    assert read(shop, "a")["category"] == "New"


def test_codes_that_exist_are_updated_by_a_file(shop: Shop) -> None:
    made(shop, "/v1/categories", name="New", hierarchy=1)
    create(shop, "a", **GIFT)
    text = "Code,Voucher Type,Value,Active,Category\na,GIFT_VOUCHER,5,false,New\n"
    result = upload(shop, text)
    assert (result["done_count"], result["failed_count"]) == (1, 0)
    voucher = read(shop, "a")
    assert (voucher["active"], voucher["category"]) == (False, "New")
    assert voucher["gift"]["balance"] == 10000


def test_a_code_of_a_campaign_is_taken(shop: Shop) -> None:
    campaign = {"name": "G", "campaign_type": "GIFT_VOUCHERS", "voucher": GIFT}
    made(shop, "/v1/campaigns", **campaign)
    before = create(shop, "a", **GIFT, campaign="G")
    text = "Code,Voucher Type,Value,Active\na,GIFT_VOUCHER,5,false\nb,GIFT_VOUCHER,5,\n"
    assert failures(upload(shop, text)) == {"a": "Duplicated voucher exists with id a"}
    assert read(shop, "a") == before
    assert total(shop) == 2


@pytest.mark.parametrize(
    ("text", "details"),
    [
        ("", "The file has no header"),
        ("Voucher Type,Value\n", "The header should have a column 'code'"),
        ("Code,Value\n", "The header should have a column 'voucher_type'"),
        ("Code,Voucher Type\n", "The header should have a column 'value'"),
        ("Code,code,Voucher Type,Value\n", "The header names a column twice"),
        ("Code,Voucher Type,Value,a\x00\n", "The header contains the null character"),
    ],
)
def test_a_file_that_is_none(shop: Shop, text: str, details: str) -> None:
    answer = shop.api.post("/v1/vouchers/importCSV", files={"file": ("a.csv", text.encode())})
    assert (answer.status_code, answer.json()["details"]) == (400, details)


def test_a_form_without_a_file(shop: Shop) -> None:
    answer = shop.api.post("/v1/vouchers/importCSV", files={"other": ("a.csv", b"a")})
    assert answer.status_code == 400
    assert answer.json()["details"] == "Payload should have required property 'file'"


def test_told_of_or_not_every_voucher_is_counted_once(shop: Shop) -> None:
    def counted() -> int:
        rows = sql(shop, "SELECT n FROM totals WHERE project_id = $1 AND noun = 'vouchers'")
        waiting = sql(
            shop,
            "SELECT count(*) AS n FROM events WHERE project_id = $1 AND NOT handled "
            "AND type = 'voucher.created'",
        )
        return int(rows[0]["n"] if rows else 0) + int(waiting[0]["n"])

    text = "Code,Voucher Type,Value\n{0}1,GIFT_VOUCHER,5\n{0}2,GIFT_VOUCHER,5\n"
    upload(shop, text.format("a"))
    assert counted() == 2
    upload(shop, text.format("b"), webhooks_enable="true")
    assert counted() == total(shop) == 4
    rows = sql(shop, "SELECT data FROM events WHERE project_id = $1 AND type = 'voucher.created'")
    told = [json.loads(bytes(row["data"]))["voucher"]["code"] for row in rows]
    assert sorted(told) == ["b1", "b2"]


# --- metadata -----------------------------------------------------------------------------------


def test_metadata_in_bulk(shop: Shop) -> None:
    create(shop, "a", metadata={"keep": 1, "drop": 2})
    create(shop, "b")
    rows: list[Any] = [
        {"code": "a", "metadata": {"drop": None, "new": [1]}},
        {"code": "nobody", "metadata": {}},
        {"code": "a", "metadata": "x"},
        {"code": "b", "metadata": {"large": 2**80}},
        {"code": "b", "metadata": {"c": 3}, "discount": {"type": "PERCENT"}},
    ]
    action = shop.finished(shop.api.post("/v1/vouchers/bulk/async", json=rows))
    assert action["type"] == "VOUCHERS.BULK_UPDATE"
    assert [error["details"] for error in action["result"]["errors"]] == [
        "Cannot find voucher with id nobody",
        "Property .metadata should be object",
        "Property .metadata.large should be a 64-bit integer",
    ]
    assert action["result"]["done_count"] == 2
    assert read(shop, "a")["metadata"] == {"keep": 1, "new": [1]}
    assert read(shop, "b")["metadata"] == {"c": 3}
    assert shop.api.get("/v1/vouchers/nobody").status_code == 404


def test_the_same_metadata_for_many(server: Server) -> None:
    shop = server.project(case_sensitive_codes=False)
    create(shop, "a", metadata={"keep": 1, "drop": 2})
    create(shop, "b")
    body = {"codes": ["A", "b", "nobody"], "metadata": {"drop": None, "x": True}}
    action = shop.finished(shop.api.post("/v1/vouchers/metadata/async", json=body))
    assert (action["result"]["done_count"], action["result"]["failed_count"]) == (2, 1)
    assert read(shop, "a")["metadata"] == {"keep": 1, "x": True}
    assert read(shop, "b")["metadata"] == {"x": True}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("bulk", {}),
        ("bulk", [{"metadata": {}}]),
        ("bulk", [{"code": "", "metadata": {}}]),
        ("bulk", [5]),
        ("metadata", {"metadata": {}}),
        ("metadata", {"codes": None, "metadata": {}}),
        ("metadata", {"codes": [""], "metadata": {}}),
        ("metadata", {"codes": ["a"]}),
        ("metadata", {"codes": ["a"], "metadata": {"a": 2**80}}),
        ("metadata", {"codes": ["a\x00"], "metadata": {}}),
    ],
)
def test_bulk_bodies_that_are_none(shop: Shop, path: str, body: Any) -> None:
    answer = shop.api.post(f"/v1/vouchers/{path}/async", json=body)
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_payload")
