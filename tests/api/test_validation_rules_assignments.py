from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.api.test_customers import sql
from tests.api.test_validation_rules import OVER_100, TIME, change, create, events, read
from tests.running import Shop

ID = r"asgm_[0-9A-Za-z]{16}"
UNUSED = "asgm_0000000000000000"
VOUCHER, CAMPAIGN, TIER = "v_" + "0" * 32, "camp_" + "0" * 24, "promo_" + "0" * 24
TIMES = "'2026-01-02T03:04:05Z'"


def campaign(shop: Shop, id_: str = CAMPAIGN, name: str = "Spring") -> str:
    """Stores a campaign; its id."""
    statement = f"""
    INSERT INTO campaigns (project_id, id, name, campaign_type, type, join_once, auto_join,
        use_voucher_metadata_schema, active, creation_status, metadata, created_at)
    VALUES ($1, $2, $3, 'PROMOTION', 'STATIC', false, false, false, true, 'DONE', '{{"a": 1}}',
        {TIMES})
    """
    sql(shop, statement, id_, name)
    return id_


def voucher(
    shop: Shop, id_: str = VOUCHER, code: str = "Code1", type_: str = "DISCOUNT_VOUCHER"
) -> str:
    """Stores a voucher without a campaign; its id."""
    key = code if shop.project["case_sensitive_codes"] else code.casefold()
    statement = f"""
    INSERT INTO vouchers (project_id, id, code, code_key, type, amount, redeemed_amount, active,
        metadata, created_at)
    VALUES ($1, $2, $3, $4, $5, 500, 200, true, '{{}}', {TIMES})
    """
    sql(shop, statement, id_, code, key, type_)
    return id_


def tier(shop: Shop, id_: str = TIER, of: str = CAMPAIGN) -> str:
    """Stores a promotion tier of a campaign; its id."""
    statement = f"""
    INSERT INTO promotion_tiers (project_id, id, campaign_id, name, action, hierarchy, active,
        metadata, created_at)
    VALUES ($1, $2, $3, 'First', '{{}}', 1, true, '{{"b": 2}}', {TIMES})
    """
    sql(shop, statement, id_, of)
    return id_


def posted(
    shop: Shop, rule: dict[str, Any], *, query: dict[str, Any] | None = None, **body: Any
) -> httpx.Response:
    path = f"/v1/validation-rules/{rule['id']}/assignments"
    return shop.api.post(path, params=query, json=body)


def assign(shop: Shop, rule: dict[str, Any], **body: Any) -> dict[str, Any]:
    """Assigns a rule; the answer."""
    answer = posted(shop, rule, **body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def everywhere(shop: Shop, **query: Any) -> list[str]:
    """The ids of a page of all assignments."""
    answer = shop.api.get("/v1/validation-rules-assignments", params=query)
    assert answer.status_code == 200, answer.text
    return [made["id"] for made in answer.json()["data"]]


def not_found(answer: httpx.Response) -> tuple[str, str]:
    """What could not be found: its type and id."""
    assert answer.status_code == 404, answer.text
    problem = answer.json()
    return problem["resource_type"], problem["resource_id"]


# --- from creation to end -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "id_", "names"),
    [
        ("voucher", VOUCHER, (VOUCHER, "Code1")),
        ("campaign", CAMPAIGN, (CAMPAIGN, "Spring")),
        ("promotion_tier", TIER, (TIER,)),
    ],
)
def test_an_assignment_from_its_creation_to_its_end(
    shop: Shop, kind: str, id_: str, names: tuple[str, ...]
) -> None:
    campaign(shop)
    voucher(shop)
    tier(shop)
    rule = create(shop, rules=OVER_100)
    path = f"/v1/validation-rules/{rule['id']}"
    bodies = [{"related_object_type": kind, "related_object_id": name} for name in names]
    for body in [*bodies, *({kind: name} for name in names)]:
        made = assign(shop, rule, **body)
        assert re.fullmatch(ID, made["id"])
        assert re.fullmatch(TIME, made["created_at"])
        assert made == {
            "id": made["id"],
            "rule_id": rule["id"],
            "related_object_id": id_,
            "related_object_type": kind,
            "created_at": made["created_at"],
            "object": "validation_rules_assignment",
        }
        listed = {"object": "list", "data_ref": "data", "data": [made], "total": 1}
        assert shop.api.get(f"{path}/assignments").json() == listed
        assert shop.api.get("/v1/validation-rules-assignments").json() == listed
        assert read(shop, rule["id"]) == {**rule, "assignments_count": 1}
        ended = shop.api.delete(f"{path}/assignments/{made['id']}")
        assert (ended.status_code, ended.content) == (204, b"")
        assert not_found(shop.api.delete(f"{path}/assignments/{made['id']}")) == (
            "validation_rules_assignment",
            made["id"],
        )
        assert shop.api.get(f"{path}/assignments").json() == {**listed, "data": [], "total": 0}
        assert read(shop, rule["id"]) == rule


def test_what_is_named_without_a_type_is_a_voucher(shop: Shop) -> None:
    made = assign(shop, create(shop), related_object_id=voucher(shop))
    assert made["related_object_type"] == "voucher"


def test_codes_without_case(shop: Shop) -> None:
    other = shop.server.project(case_sensitive_codes=False)
    voucher(shop)
    voucher(other)
    assert assign(other, create(other), voucher="cODE1")["related_object_id"] == VOUCHER
    assert not_found(posted(shop, create(shop), voucher="cODE1")) == ("voucher", "cODE1")


def test_what_is_assigned_is_told(shop: Shop) -> None:
    campaign(shop)
    tier(shop)
    voucher(shop)
    card, gift = "v_" + "1" * 32, "v_" + "2" * 32
    voucher(shop, card, "Card", "LOYALTY_CARD")
    voucher(shop, gift, "Gift", "GIFT_VOUCHER")
    sql(
        shop,
        f"UPDATE vouchers SET campaign_id = '{CAMPAIGN}' WHERE project_id = $1 AND id = $2",
        card,
    )
    rule = create(shop)
    made = [
        assign(shop, rule, **body)
        for body in (
            {"voucher": VOUCHER},
            {"voucher": "Card"},
            {"voucher": "Gift"},
            {"campaign": "Spring"},
            {"promotion_tier": TIER},
        )
    ]
    shop.api.delete(f"/v1/validation-rules/{rule['id']}/assignments/{made[0]['id']}")
    told = events(shop)[1:]
    types = [type_.removeprefix("business_validation_rule.assignment.") for type_, _ in told]
    assert types == ["created"] * 5 + ["deleted"]
    for (_, data), assignment in zip(told, [*made, made[0]], strict=True):
        assert (data["rule"], data["assignment"]) == (rule, assignment)
        assert (data["distribution"], data["earning_rule"]) == (None, None)
    plain = {
        "id": VOUCHER,
        "code": "Code1",
        "type": "DISCOUNT_VOUCHER",
        "active": True,
        "category_id": None,
        "is_referral_code": False,
        "metadata": {},
        "redemption": {"quantity": None, "redeemed_quantity": 0},
        "created_at": "2026-01-02T03:04:05.000Z",
        "object": "voucher",
    }
    of_campaign = {"id": CAMPAIGN, "object": "campaign"}
    assert told[0][1]["voucher"] == told[5][1]["voucher"] == plain
    assert told[0][1]["campaign"] is None
    assert told[1][1]["voucher"] == {
        **plain,
        "id": card,
        "code": "Card",
        "type": "LOYALTY_CARD",
        "campaign": "Spring",
        "campaign_id": CAMPAIGN,
        "loyalty_card": {"points": 500, "balance": 300},
    }
    assert told[1][1]["campaign"] == of_campaign
    assert told[2][1]["voucher"]["gift"] == {"amount": 500, "balance": 300}
    assert told[3][1]["campaign"] == {
        **of_campaign,
        "name": "Spring",
        "campaign_type": "PROMOTION",
        "type": "STATIC",
        "active": True,
        "metadata": {"a": 1},
        "created_at": "2026-01-02T03:04:05.000Z",
    }
    assert told[4][1]["promotion_tier"] == {
        "id": TIER,
        "name": "First",
        "banner": None,
        "metadata": {"b": 2},
        "campaign": of_campaign,
    }
    assert all("voucher" not in data for _, data in told[3:5])


# --- what stays ---------------------------------------------------------------------------------


def test_a_rule_that_is_assigned_stays(shop: Shop) -> None:
    rule = create(shop)
    campaign(shop)
    made = [assign(shop, rule, voucher=voucher(shop)), assign(shop, rule, campaign=CAMPAIGN)]
    ids = [assignment["id"] for assignment in made]
    path = f"/v1/validation-rules/{rule['id']}"
    problem = shop.api.delete(path).json()
    assert sorted(problem["related_object_ids"]) == sorted(ids)
    assert {name: problem[name] for name in problem if name != "request_id"} == {
        "code": 400,
        "key": "resource_in_use",
        "message": "Resource in use",
        "details": f"Resource validation_rules with id {rule['id']} is in use by "
        f"validation_rules_assignments with ids [{', '.join(problem['related_object_ids'])}]",
        "related_object_ids": problem["related_object_ids"],
        "related_object_type": "validation_rules_assignment",
    }
    assert change(shop, rule, rules=OVER_100)["assignments_count"] == 2
    for id_ in ids:
        assert shop.api.delete(f"{path}/assignments/{id_}").status_code == 204
    assert shop.api.delete(path).status_code == 204


def test_a_rule_is_assigned_once(shop: Shop) -> None:
    rule, other = create(shop), create(shop)
    made = assign(shop, rule, voucher=voucher(shop))
    for query in (None, {"force": "false"}):
        problem = posted(shop, rule, query=query, related_object_id="Code1").json()
        assert {name: problem[name] for name in problem if name != "request_id"} == {
            "code": 409,
            "key": "duplicate_found",
            "message": "Duplicated resource found",
            "details": f"Duplicated validation_rules_assignment exists with id {made['id']}",
            "resource_id": made["id"],
            "resource_type": "validation_rules_assignment",
        }
    assign(shop, other, voucher=VOUCHER)
    answer = posted(shop, rule, query={"force": "true"}, voucher=VOUCHER)
    assert answer.status_code == 200
    assert answer.json()["id"] != made["id"]
    path = f"/v1/validation-rules/{rule['id']}/assignments"
    assert shop.api.get(path).json()["data"] == [answer.json()]


def test_force_needs_nothing_to_replace(shop: Shop) -> None:
    voucher(shop)
    assert posted(shop, create(shop), query={"force": "true"}, voucher="Code1").status_code == 200


def test_of_many_who_assign_at_once_one_does(shop: Shop) -> None:
    rule = create(shop)
    voucher(shop)
    start = threading.Barrier(8)

    def one(_: int) -> int:
        start.wait()
        return posted(shop, rule, voucher="Code1").status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(one, range(8))) == [200] + [409] * 7
    assert len(everywhere(shop)) == 1


def test_all_who_use_force_succeed(shop: Shop) -> None:
    rule = create(shop)
    voucher(shop)
    start = threading.Barrier(8)

    def one(_: int) -> httpx.Response:
        start.wait()
        return posted(shop, rule, query={"force": "true"}, voucher="Code1")

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    made = {answer.json()["id"] for answer in answers}
    assert len(made) == 8
    [left] = everywhere(shop)
    assert left in made


def test_a_rule_is_deleted_or_assigned(shop: Shop) -> None:
    voucher(shop)
    for _ in range(10):
        rule = create(shop)
        start = threading.Barrier(2)

        def delete(rule: dict[str, Any] = rule, start: threading.Barrier = start) -> int:
            start.wait()
            return shop.api.delete(f"/v1/validation-rules/{rule['id']}").status_code

        def guard(rule: dict[str, Any] = rule, start: threading.Barrier = start) -> int:
            start.wait()
            return posted(shop, rule, voucher="Code1").status_code

        with ThreadPoolExecutor(2) as pool:
            done = [future.result() for future in (pool.submit(delete), pool.submit(guard))]
        assert done in ([204, 404], [400, 200])


# --- lists --------------------------------------------------------------------------------------


def test_assignments_of_a_rule_and_of_an_object(shop: Shop) -> None:
    one, two = create(shop, "one"), create(shop, "two")
    campaign(shop)
    voucher(shop)
    made = [
        assign(shop, one, voucher=VOUCHER)["id"],
        assign(shop, two, voucher=VOUCHER)["id"],
        assign(shop, two, campaign=CAMPAIGN)["id"],
    ]
    assert everywhere(shop) == made[::-1]
    assert everywhere(shop, order="created_at") == made
    assert everywhere(shop, order="-created_at") == made[::-1]
    assert everywhere(shop, related_object_id=VOUCHER) == made[1::-1]
    assert everywhere(shop, rule=two["id"]) == made[:0:-1]
    assert everywhere(shop, rule=two["id"], related_object_id=VOUCHER) == [made[1]]
    assert everywhere(shop, rule="val_nope") == everywhere(shop, related_object_id="nope") == []
    assert everywhere(shop, limit=1, page=2) == [made[1]]
    query = {"rule": two["id"], "limit": 1}
    listed = shop.api.get("/v1/validation-rules-assignments", params=query).json()
    assert (len(listed["data"]), listed["total"]) == (1, 2)
    path = f"/v1/validation-rules/{two['id']}/assignments"
    listed = shop.api.get(path, params={"order": "created_at"}).json()
    assert ([each["id"] for each in listed["data"]], listed["total"]) == (made[1:], 2)
    assert shop.api.get(path, params={"limit": 1, "page": 2}).json()["data"][0]["id"] == made[1]
    counts = {rule["name"]: rule["assignments_count"] for rule in rules_of(shop)}
    assert counts == {"one": 1, "two": 2}


def rules_of(shop: Shop) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.api.get("/v1/validation-rules").json()["data"]
    return found


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "page=x", "order=name", "order=id"])
def test_queries_that_cannot_be(shop: Shop, query: str) -> None:
    rule = create(shop)
    paths = ("/v1/validation-rules-assignments", f"/v1/validation-rules/{rule['id']}/assignments")
    for path in paths:
        answer = shop.api.get(f"{path}?{query}")
        assert (answer.status_code, answer.json()["key"]) == (400, "invalid_query_params")


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({}, "Payload should have required property 'related_object_id'"),
        (
            {"related_object_type": "campaign"},
            "Payload should have required property 'related_object_id'",
        ),
        (
            {"voucher": "a", "campaign": "b"},
            "Payload should name one object that the rule is assigned to",
        ),
        (
            {"voucher": "a", "related_object_id": "a"},
            "Payload should name one object that the rule is assigned to",
        ),
        ({"voucher": 5}, "Property .voucher should be string"),
        (
            {"related_object_id": ""},
            "Property .related_object_id should NOT be shorter than 1 characters",
        ),
        (
            {"related_object_type": "customer", "related_object_id": "x"},
            "Property .related_object_type should be equal to one of the allowed values",
        ),
        ({"campaign": "\x00"}, "Strings cannot contain the null character"),
    ],
)
def test_bodies_that_name_nothing(shop: Shop, body: dict[str, Any], details: str) -> None:
    answer = posted(shop, create(shop), **body)
    assert answer.status_code == 400
    assert (answer.json()["key"], answer.json()["details"]) == ("invalid_payload", details)


@pytest.mark.parametrize(
    "kind",
    ["voucher", "campaign", "promotion_tier", "earning_rule", "reward_assignment", "distribution"],
)
def test_what_does_not_exist(shop: Shop, kind: str) -> None:
    other = shop.server.project()
    campaign(other, name="x")
    voucher(other, code="x")
    tier(other)
    rule = create(shop)
    for name in ("x", CAMPAIGN, VOUCHER, TIER, "Ä 😀"):
        assert not_found(posted(shop, rule, **{kind: name})) == (kind, name)
        body = {"related_object_type": kind, "related_object_id": name}
        assert not_found(posted(shop, rule, **body)) == (kind, name)
    assert everywhere(shop) == []


def test_what_is_in_the_bin_is_not_found(shop: Shop) -> None:
    campaign(shop)
    voucher(shop)
    tier(shop)
    for table in ("campaigns", "vouchers"):
        sql(shop, f"UPDATE {table} SET deleted_at = created_at WHERE project_id = $1")
    rule = create(shop)
    for body in (
        {"voucher": VOUCHER},
        {"voucher": "Code1"},
        {"campaign": CAMPAIGN},
        {"campaign": "Spring"},
        {"promotion_tier": TIER},
    ):
        assert posted(shop, rule, **body).status_code == 404


def test_an_assignment_of_another_rule_is_not_found(shop: Shop) -> None:
    rule, other = create(shop), create(shop)
    made = assign(shop, rule, voucher=voucher(shop))
    path = f"/v1/validation-rules/{other['id']}/assignments/{made['id']}"
    assert not_found(shop.api.delete(path)) == ("validation_rules_assignment", made["id"])
    stranger = shop.server.project()
    path = f"/v1/validation-rules/{rule['id']}/assignments/{made['id']}"
    assert not_found(stranger.api.delete(path)) == ("validation_rules", rule["id"])
    assert everywhere(stranger) == []
    assert everywhere(shop) == [made["id"]]
