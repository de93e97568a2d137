from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.test_customers import sql
from tests.running import Server, Shop, until

ID = r"camp_[0-9A-Za-z]{24}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
UNUSED = "camp_000000000000000000000000"
TEN_OFF = {"type": "AMOUNT", "amount_off": 1000, "effect": "APPLY_TO_ORDER"}
DISCOUNT: dict[str, Any] = {"type": "DISCOUNT_VOUCHER", "discount": TEN_OFF}
GIFT: dict[str, Any] = {"type": "GIFT_VOUCHER", "gift": {"amount": 5000}}
CARD: dict[str, Any] = {"type": "LOYALTY_CARD", "loyalty_card": {"points": 7}}
KINDS: dict[str, dict[str, Any]] = {
    "DISCOUNT_COUPONS": DISCOUNT,
    "REFERRAL_PROGRAM": {**DISCOUNT, "is_referral_code": True},
    "GIFT_VOUCHERS": GIFT,
    "LOYALTY_PROGRAM": CARD,
}
CHARSET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def ask(shop: Shop, name: str = "C", **more: Any) -> Any:
    """The answer to the creation of a campaign of discount coupons, unless it says otherwise."""
    body = {"name": name, "campaign_type": "DISCOUNT_COUPONS", "voucher": DISCOUNT, **more}
    return shop.api.post("/v1/campaigns", json=body)


def make(shop: Shop, name: str = "C", **more: Any) -> dict[str, Any]:
    """A new campaign; the answer."""
    answer = ask(shop, name, **more)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def kind(shop: Shop, type_: str, name: str = "C", **more: Any) -> dict[str, Any]:
    """A new campaign of a type."""
    return make(shop, name, **{"campaign_type": type_, "voucher": KINDS[type_], **more})


def read(shop: Shop, name: str = "C") -> dict[str, Any]:
    answer = shop.api.get(f"/v1/campaigns/{name}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def change(shop: Shop, path: str = "C", **body: Any) -> dict[str, Any]:
    answer = shop.api.put(f"/v1/campaigns/{path}", json=body)
    assert answer.status_code == 200, answer.text
    changed: dict[str, Any] = answer.json()
    return changed


def add(shop: Shop, code: str, name: str = "C", **body: Any) -> dict[str, Any]:
    """A new voucher of a campaign, with a code."""
    answer = shop.api.post(f"/v1/campaigns/{name}/vouchers/{code}", json=body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def settled(shop: Shop, name: str = "C", seconds: float = 60.0) -> dict[str, Any]:
    """The campaign once its vouchers are no longer being written."""

    def quiet() -> dict[str, Any] | None:
        found = read(shop, name)
        return found if found["creation_status"] in ("DONE", "FAILED") else None

    found = until(quiet, seconds)
    assert found is not None
    return found


def problem(answer: Any) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["key"], answer.json().get("details", "")


def events(shop: Shop) -> list[tuple[str, Any]]:
    """What was announced, with how often."""
    statement = (
        "SELECT type, count(*) AS n FROM events WHERE project_id = $1 GROUP BY type ORDER BY type"
    )
    return [(row["type"], row["n"]) for row in sql(shop, statement)]


# --- creating -----------------------------------------------------------------------------------


def test_create_answers_the_whole_campaign(shop: Shop) -> None:
    category = shop.api.post("/v1/categories", json={"name": "Winter", "hierarchy": 2}).json()
    made = make(
        shop,
        description="All of it",
        join_once=True,
        start_date="2026-01-01",
        expiration_date="2027-01-01T10:00:00+02:00",
        validity_timeframe={"interval": "P2D", "duration": "P1D"},
        validity_day_of_week=[1, 0],
        activity_duration_after_publishing="P24D",
        category="Winter",
        metadata={"region": "EU", "n": 1.5},
        voucher={
            **DISCOUNT,
            "redemption": {"quantity": 3},
            "code_config": {"length": 5, "charset": "ABC", "prefix": "P-", "postfix": "-X"},
        },
    )
    assert re.fullmatch(ID, made.pop("id"))
    assert re.fullmatch(TIME, made.pop("created_at"))
    (listed,) = made.pop("categories")
    assert (listed["id"], listed["name"], listed["hierarchy"]) == (category["id"], "Winter", 2)
    times = {
        "start_date": "2026-01-01T00:00:00.000Z",
        "expiration_date": "2027-01-01T08:00:00.000Z",
        "validity_timeframe": {"interval": "P2D", "duration": "P1D"},
    }
    days = made.pop("validity_day_of_week")
    assert sorted(days) == [0, 1]
    assert made == {
        "name": "C",
        "description": "All of it",
        "campaign_type": "DISCOUNT_COUPONS",
        "type": "AUTO_UPDATE",
        "voucher": {
            "type": "DISCOUNT_VOUCHER",
            "discount": TEN_OFF,
            "redemption": {"quantity": 3},
            "code_config": {
                "length": 5,
                "charset": "ABC",
                "pattern": "#####",
                "prefix": "P-",
                "postfix": "-X",
            },
            "is_referral_code": False,
            **times,
        },
        "auto_join": False,
        "join_once": True,
        "use_voucher_metadata_schema": False,
        **times,
        "activity_duration_after_publishing": "P24D",
        "vouchers_count": 0,
        "active": True,
        "metadata": {"region": "EU", "n": 1.5},
        "category": "Winter",
        "category_id": category["id"],
        "creation_status": "DONE",
        "vouchers_generation_status": "DONE",
        "protected": False,
        "validation_rules_assignments": {
            "object": "list",
            "data_ref": "data",
            "data": [],
            "total": 0,
        },
        "object": "campaign",
    }


@pytest.mark.parametrize("type_", list(KINDS))
def test_each_type_has_vouchers_of_its_own_kind(shop: Shop, type_: str) -> None:
    made = kind(shop, type_, vouchers_count=1)
    assert (made["campaign_type"], made["vouchers_count"]) == (type_, 1)
    assert made["creation_status"] == "DONE"
    assert made["voucher"]["type"] == KINDS[type_]["type"]
    assert made["join_once"] is (type_ == "LOYALTY_PROGRAM")
    (voucher,) = shop.api.get("/v1/vouchers").json()["vouchers"]
    assert (voucher["type"], voucher["campaign_id"]) == (KINDS[type_]["type"], made["id"])
    assert voucher["is_referral_code"] is (type_ == "REFERRAL_PROGRAM")
    if type_ == "GIFT_VOUCHERS":
        assert (voucher["gift"]["amount"], voucher["gift"]["balance"]) == (5000, 5000)
    if type_ == "LOYALTY_PROGRAM":
        assert (voucher["loyalty_card"]["points"], voucher["loyalty_card"]["balance"]) == (7, 7)
    assert read(shop) == read(shop, made["id"])


def test_a_promotion_has_tiers_and_no_vouchers(shop: Shop) -> None:
    tier = {"name": "Tier", "action": {"discount": TEN_OFF}}
    made = make(shop, campaign_type="PROMOTION", voucher=None, promotion={"tiers": [tier]})
    assert "voucher" not in made
    assert "vouchers_count" not in made
    assert [found["name"] for found in made["promotion"]["tiers"]] == ["Tier"]
    answer = shop.api.post("/v1/campaigns/C/vouchers")
    assert problem(answer)[:2] == (400, "invalid_campaign")
    rows = [{"code": "A"}]
    answer = shop.api.post("/v1/campaigns/C/import", json=rows)
    assert problem(answer)[:2] == (400, "invalid_campaign")
    answer = ask(shop, "D", campaign_type="PROMOTION")
    assert problem(answer)[:2] == (400, "invalid_campaign")
    answer = ask(shop, "D", promotion={"tiers": [tier]})
    assert problem(answer)[:2] == (400, "invalid_campaign")


def test_a_standalone_campaign_has_one_voucher(shop: Shop) -> None:
    made = make(shop, type="STANDALONE")
    assert made["vouchers_count"] == 1
    assert problem(ask(shop, "D", type="STANDALONE", vouchers_count=2))[:2] == (
        400,
        "invalid_campaign",
    )
    for query in ("", "?vouchers_count=5"):
        answer = shop.api.post(f"/v1/campaigns/C/vouchers{query}")
        assert problem(answer) == (
            400,
            "invalid_campaign",
            "You can not generate vouchers for STANDALONE type campaign.",
        )
    assert read(shop)["vouchers_count"] == 1
    assert change(shop, type="STATIC")["type"] == "STANDALONE"


@pytest.mark.parametrize(
    ("more", "status", "key"),
    [
        ({"name": ""}, 400, "invalid_payload"),
        ({"name": "n" * 256}, 400, "invalid_payload"),
        ({"name": "a\x00b"}, 400, "invalid_payload"),
        ({"name": None}, 400, "invalid_payload"),
        ({"campaign_type": "LOTTERY"}, 400, "invalid_payload"),
        ({"type": "auto"}, 400, "invalid_payload"),
        ({"vouchers_count": -1}, 400, "invalid_payload"),
        ({"vouchers_count": 1.5}, 400, "invalid_payload"),
        ({"vouchers_count": 100_001}, 400, "invalid_campaign"),
        ({"vouchers_count": 2**70}, 400, "invalid_campaign"),
        ({"voucher": None}, 400, "invalid_campaign"),
        ({"voucher": "DISCOUNT_VOUCHER"}, 400, "invalid_payload"),
        ({"voucher": {"type": "GIFT_VOUCHER", "gift": {"amount": 1}}}, 400, "invalid_campaign"),
        (
            {"voucher": {**DISCOUNT, "discount": {"type": "PERCENT", "percent_off": 101}}},
            400,
            "invalid_campaign",
        ),
        (
            {"voucher": {**DISCOUNT, "discount": {"type": "AMOUNT", "amount_off": -1}}},
            400,
            "invalid_campaign",
        ),
        (
            {"voucher": {**DISCOUNT, "discount": {**TEN_OFF, "effect": "ADD_NEW_ITEMS"}}},
            400,
            "invalid_campaign",
        ),
        ({"voucher": {**DISCOUNT, "redemption": {"quantity": 0}}}, 400, "invalid_voucher"),
        ({"voucher": {**DISCOUNT, "code_config": {"charset": " "}}}, 400, "invalid_code_config"),
        ({"voucher": {**DISCOUNT, "code_config": {"length": 256}}}, 400, "invalid_code_config"),
        ({"campaign_type": "GIFT_VOUCHERS", "voucher": None}, 400, "invalid_gift"),
        (
            {"campaign_type": "GIFT_VOUCHERS", "voucher": {**GIFT, "gift": {"amount": -1}}},
            400,
            "invalid_gift",
        ),
        (
            {"campaign_type": "GIFT_VOUCHERS", "voucher": {**GIFT, "gift": {"amount": 2**63}}},
            400,
            "invalid_gift",
        ),
        ({"start_date": "2026-01-02", "expiration_date": "2026-01-01"}, 400, "invalid_payload"),
        ({"start_date": "soon"}, 400, "invalid_payload"),
        ({"validity_day_of_week": [7]}, 400, "invalid_payload"),
        ({"activity_duration_after_publishing": "24 days"}, 400, "invalid_payload"),
        ({"category": "none"}, 404, "not_found"),
        ({"category_id": "cat_none"}, 404, "not_found"),
        ({"validation_rules": ["val_none"]}, 404, "not_found"),
        ({"validation_rules": "val_none"}, 400, "invalid_payload"),
        ({"metadata": {"a": 2**64}}, 400, "invalid_payload"),
        ({"metadata": [1]}, 400, "invalid_payload"),
        ({"referral_program": {"a": "\x00"}}, 400, "invalid_payload"),
        ({"access_settings": {"assign": {"areas_ids": "ar_1"}}}, 400, "invalid_payload"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_made(
    shop: Shop, more: dict[str, Any], status: int, key: str
) -> None:
    answer = ask(shop, **{"vouchers_count": 1, **more})
    assert problem(answer)[:2] == (status, key), answer.text
    assert shop.api.get("/v1/campaigns").json()["total"] == 0
    assert shop.api.get("/v1/vouchers").json()["total"] == 0
    assert events(shop) == []


def test_explicit_nulls_are_as_good_as_absent(shop: Shop) -> None:
    names = (
        *("description", "type", "join_once", "auto_join", "use_voucher_metadata_schema"),
        *("start_date", "expiration_date", "validity_timeframe", "validity_day_of_week"),
        *("validity_hours", "activity_duration_after_publishing", "category_id", "category"),
        *("metadata", "access_settings", "validation_rules", "vouchers_count"),
        *("referral_program", "loyalty_tiers_expiration", "promotion"),
    )
    members: dict[str, Any] = dict.fromkeys(names)
    answer = ask(shop, **members)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["type"], answer.json()["vouchers_count"]) == ("AUTO_UPDATE", 0)


def test_a_name_is_taken_once_also_by_what_is_in_the_bin(shop: Shop, server: Server) -> None:
    made = make(shop)
    answer = ask(shop)
    assert answer.status_code == 409
    said = answer.json()
    assert (said["key"], said["resource_id"], said["resource_type"]) == (
        "duplicate_found",
        "C",
        "campaign",
    )
    # Another project's names are its own, and case counts.
    make(server.project())
    make(shop, "c")
    shop.finished(shop.api.delete(f"/v1/campaigns/{made['id']}"))
    assert shop.api.get("/v1/campaigns/C").status_code == 404
    assert ask(shop).status_code == 409
    (entry,) = shop.api.get("/v1/trash-bin").json()["data"]
    assert (entry["resource_id"], entry["resource_name"]) == (made["id"], "C")
    assert shop.api.delete(f"/v1/trash-bin/{entry['id']}").status_code == 204
    until(lambda: ask(shop).status_code == 200)


# --- finding ------------------------------------------------------------------------------------


def test_an_id_wins_over_a_name(shop: Shop) -> None:
    first = make(shop, "First")
    named_so = make(shop, first["id"])
    assert read(shop, first["id"])["name"] == "First"
    assert read(shop, named_so["id"])["name"] == first["id"]
    like_an_id = make(shop, UNUSED)
    assert read(shop, UNUSED)["id"] == like_an_id["id"]


def test_any_name_is_found_by_its_path(shop: Shop) -> None:
    for name, path in {
        "a/b": "a%2Fb",
        "a%2Fb": "a%252Fb",
        "ą ß 東京 😀": "%C4%85%20%C3%9F%20%E6%9D%B1%E4%BA%AC%20%F0%9F%98%80",
        "vouchers": "vouchers",
        "..": "%2E%2E",
        "' OR 1=1 --": "%27%20OR%201%3D1%20--",
    }.items():
        made = make(shop, name)
        assert read(shop, path)["id"] == made["id"]
        assert change(shop, path, description="x")["id"] == made["id"]
        assert shop.api.post(f"/v1/campaigns/{path}/vouchers").status_code == 200
        assert shop.api.get(f"/v1/campaigns/{path}/summary").json()["vouchers_created"] == 1


def test_what_another_project_has_is_not_found(shop: Shop, server: Server) -> None:
    other = server.project()
    made = make(other, vouchers_count=1)
    for path in (made["id"], "C", UNUSED, "v_0", "%00"):
        calls: list[tuple[str, str, Any]] = [
            ("GET", "", None),
            ("PUT", "", {"description": "x"}),
            ("DELETE", "", None),
            ("POST", "/enable", None),
            ("POST", "/disable", None),
            ("POST", "/vouchers", {}),
            ("POST", "/vouchers/CODE", {}),
            ("POST", "/import", [{"code": "A"}]),
            ("GET", "/summary", None),
            ("GET", "/transactions", None),
            ("POST", "/transactions/export", {}),
        ]
        for method, rest, body in calls:
            answer = shop.api.request(method, f"/v1/campaigns/{path}{rest}", json=body)
            assert answer.status_code in ((404,) if path != "%00" else (400, 404)), (path, rest)
        files = {"file": ("f.csv", b"Code\nA\n", "text/csv")}
        answer = shop.api.post(f"/v1/campaigns/{path}/importCSV", files=files)
        assert answer.status_code in ((404,) if path != "%00" else (400, 404))
    assert read(other) == made
