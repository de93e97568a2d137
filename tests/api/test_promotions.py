from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from tests.api.test_customers import sql
from tests.running import Server, Shop

TIER = r"promo_[0-9A-Za-z]{24}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
UNUSED = "promo_000000000000000000000000"
THIRTY_OFF = {"type": "AMOUNT", "amount_off": 3000, "effect": "APPLY_TO_ORDER"}
FORTY_PERCENT = {"type": "PERCENT", "percent_off": 40, "effect": "APPLY_TO_ORDER"}
NOTHING = {
    "redemptions": {"total_redeemed": 0},
    "orders": {"total_amount": 0, "total_discount_amount": 0},
}
# As the reference's examples have them.
BIG_ORDER: dict[str, Any] = {
    "name": "Order more than $100",
    "banner": "Get $30 off",
    "action": {"discount": THIRTY_OFF},
    "metadata": {"level": "A"},
    "start_date": "2022-09-21T00:00:00.000Z",
    "expiration_date": "2022-09-30T00:00:00.000Z",
    "validity_timeframe": {"interval": "P2D", "duration": "P1D"},
    "validity_day_of_week": [1, 2, 3, 4],
}


def campaign(shop: Shop, name: str = "Promotion", **more: Any) -> dict[str, Any]:
    """A new promotion campaign; the answer."""
    body = {"name": name, "campaign_type": "PROMOTION", **more}
    answer = shop.api.post("/v1/campaigns", json=body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def add(shop: Shop, of: str, name: str = "Tier", **more: Any) -> dict[str, Any]:
    """A new tier of a campaign; the answer."""
    body = {"name": name, "action": {"discount": THIRTY_OFF}, **more}
    answer = shop.api.post(f"/v1/promotions/{of}/tiers", json=body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def change(shop: Shop, tier_id: str, **body: Any) -> dict[str, Any]:
    answer = shop.api.put(f"/v1/promotions/tiers/{tier_id}", json=body)
    assert answer.status_code == 200, answer.text
    changed: dict[str, Any] = answer.json()
    return changed


def get(shop: Shop, tier_id: str) -> dict[str, Any]:
    answer = shop.api.get(f"/v1/promotions/tiers/{tier_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ranks(shop: Shop, of: str) -> dict[str, int]:
    """The tiers of a campaign by name, in the order in which they rank."""
    answer = shop.api.get(f"/v1/promotions/{of}/tiers")
    assert answer.status_code == 200, answer.text
    tiers = sorted(answer.json()["tiers"], key=lambda tier: int(tier["hierarchy"]))
    return {tier["name"]: tier["hierarchy"] for tier in tiers}


def told(shop: Shop) -> list[tuple[str, dict[str, Any]]]:
    """Events about tiers, the oldest first."""
    rows = sql(
        shop,
        "SELECT type, data::text FROM events WHERE project_id = $1 "
        "AND type LIKE 'campaign.promotion\\_tier.%' ORDER BY id",
    )
    return [(row[0], msgspec.json.decode(row[1])) for row in rows]


def rule(shop: Shop, name: str = "Rule") -> str:
    answer = shop.api.post("/v1/validation-rules", json={"name": name})
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["id"]
    return found


def category(shop: Shop, name: str) -> dict[str, Any]:
    made: dict[str, Any] = shop.api.post(
        "/v1/categories", json={"name": name, "hierarchy": 4}
    ).json()
    return made


def refused(answer: Any, code: int = 400, key: str = "invalid_payload") -> str:
    """What a refusal says."""
    assert (answer.status_code, answer.json()["key"]) == (code, key), answer.text
    details: str = answer.json()["details"]
    return details


# --- creating -----------------------------------------------------------------------------------


def test_adding_answers_the_whole_tier(shop: Shop) -> None:
    of = campaign(
        shop,
        start_date="2022-09-21T00:00:00Z",
        expiration_date="2022-09-30T00:00:00Z",
        validity_day_of_week=[1, 2, 3, 4, 5],
    )
    rule_id = rule(shop)
    body = {**BIG_ORDER, "active": True, "validation_rules": [rule_id]}
    answer = shop.api.post(f"/v1/promotions/{of['id']}/tiers", json=body)
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert re.fullmatch(TIER, made["id"])
    assert re.fullmatch(TIME, made["created_at"])
    [assigned] = made["validation_rule_assignments"]["data"]
    assert re.fullmatch(r"asgm_[0-9A-Za-z]{16}", assigned["id"])
    assert made == {
        **BIG_ORDER,
        "id": made["id"],
        "created_at": made["created_at"],
        "hierarchy": 1,
        "promotion_id": of["id"],
        "campaign": {
            "id": of["id"],
            "start_date": "2022-09-21T00:00:00.000Z",
            "expiration_date": "2022-09-30T00:00:00.000Z",
            "validity_day_of_week": [1, 2, 3, 4, 5],
            "active": True,
            "object": "campaign",
        },
        "campaign_id": of["id"],
        "active": True,
        "summary": NOTHING,
        "object": "promotion_tier",
        "validation_rule_assignments": {
            "object": "list",
            "data_ref": "data",
            "data": [
                {
                    "id": assigned["id"],
                    "rule_id": rule_id,
                    "related_object_id": made["id"],
                    "related_object_type": "promotion_tier",
                    "created_at": made["created_at"],
                    "object": "validation_rules_assignment",
                }
            ],
            "total": 1,
        },
    }
    assert get(shop, made["id"]) == made


def test_the_least_tier_shows_nothing_that_it_has_not(shop: Shop) -> None:
    of = campaign(shop)
    made = add(shop, of["id"])
    assert made == {
        "id": made["id"],
        "created_at": made["created_at"],
        "name": "Tier",
        "action": {"discount": THIRTY_OFF},
        "metadata": {},
        "hierarchy": 1,
        "promotion_id": of["id"],
        "campaign": {
            "id": of["id"],
            "start_date": None,
            "expiration_date": None,
            "active": True,
            "object": "campaign",
        },
        "campaign_id": of["id"],
        "active": True,
        "summary": NOTHING,
        "object": "promotion_tier",
        "validation_rule_assignments": None,
    }
    assert add(shop, of["id"], active=False)["active"] is False


def test_a_tier_and_its_campaign_have_categories(shop: Shop) -> None:
    first, second = category(shop, "First"), category(shop, "Second")
    of = campaign(shop, category_id=second["id"])
    for named in ({"category": "First"}, {"category_id": first["id"]}):
        made = add(shop, of["id"], **named)
        assert (made["category_id"], made["categories"]) == (first["id"], [first])
        assert made["campaign"]["category_id"] == second["id"]
    details = refused(
        shop.api.post(
            f"/v1/promotions/{of['id']}/tiers",
            json={"name": "x", "action": {"discount": THIRTY_OFF}, "category": "None such"},
        ),
        404,
        "not_found",
    )
    assert details == "Cannot find category with id None such"


def test_the_campaign_may_be_named_by_its_name(shop: Shop) -> None:
    of = campaign(shop, "Summer % Sale/1")
    made = add(shop, "Summer%20%25%20Sale%2F1", "one")
    assert made["campaign_id"] == of["id"]
    assert ranks(shop, "Summer%20%25%20Sale%2F1") == {"one": 1}
    missing = shop.api.get("/v1/promotions/nobody/tiers")
    assert refused(missing, 404, "not_found") == "Cannot find campaign with id nobody"
    assert missing.json()["resource_type"] == "campaign"


def test_a_campaign_is_created_with_its_tiers(shop: Shop) -> None:
    rule_id = rule(shop)
    tiers = [
        {"name": "Percent", "action": {"discount": FORTY_PERCENT}, "active": False},
        {**BIG_ORDER, "validation_rules": [rule_id]},
    ]
    of = campaign(shop, promotion={"tiers": tiers})
    found = of["promotion"]
    assert [found[name] for name in ("object", "data_ref", "total", "has_more")] == [
        *("list", "tiers", 2, False)
    ]
    percent, amount = found["tiers"]
    assert (percent["name"], percent["hierarchy"], percent["active"]) == ("Percent", 1, False)
    assert (amount["name"], amount["hierarchy"], amount["active"]) == (BIG_ORDER["name"], 2, True)
    assert amount["validation_rule_assignments"]["data"][0]["rule_id"] == rule_id
    assert get(shop, amount["id"]) == amount
    again = shop.api.get(f"/v1/campaigns/{of['id']}").json()
    assert again["promotion"] == found
    assert [kind for kind, _ in told(shop)] == ["campaign.promotion_tier.created"] * 2


def test_tiers_of_a_new_campaign_rank_as_they_ask(shop: Shop) -> None:
    tiers = [
        {"name": name, "action": {"discount": THIRTY_OFF}, "hierarchy": hierarchy}
        for name, hierarchy in (("a", None), ("b", 1), ("c", 7), ("d", None), ("e", 7))
    ]
    of = campaign(shop, promotion={"tiers": tiers})
    expected = {"b": 1, "a": 2, "e": 7, "c": 8, "d": 9}
    assert {t["name"]: t["hierarchy"] for t in of["promotion"]["tiers"]} == expected
    assert list(ranks(shop, of["id"])) == list(expected)


def test_a_wrong_tier_leaves_no_campaign_behind(shop: Shop) -> None:
    wrong = {"name": "x", "action": {"discount": {"type": "PERCENT", "percent_off": 101}}}
    right = {"name": "y", "action": {"discount": THIRTY_OFF}}
    body = {
        "name": "Half",
        "campaign_type": "PROMOTION",
        "promotion": {"tiers": [right, wrong]},
    }
    assert "percent_off" in refused(shop.api.post("/v1/campaigns", json=body))
    assert shop.api.get("/v1/campaigns/Half").status_code == 404
    assert shop.api.get("/v1/promotions/tiers").json()["total"] == 0


# --- changing -----------------------------------------------------------------------------------


def test_what_is_not_sent_or_null_stays(shop: Shop) -> None:
    of = campaign(shop)
    before = add(shop, of["id"], **BIG_ORDER, category_id=category(shop, "c")["id"])
    nulls = dict.fromkeys((*BIG_ORDER, "hierarchy", "active", "category", "category_id"))
    for body in ({}, nulls, {"action": {}}, {"action": {"discount": None}}):
        same = change(shop, before["id"], **body)
        assert re.fullmatch(TIME, same["updated_at"])
        assert same == {**before, "updated_at": same["updated_at"]}


def test_an_update_changes_what_is_sent(shop: Shop) -> None:
    of = campaign(shop)
    before = add(shop, of["id"], **BIG_ORDER)
    new = {
        "name": "Order more than $100 USD",
        "banner": "",
        "action": {"discount": FORTY_PERCENT},
        "start_date": "2022-09-22T00:00:00.000Z",
        "expiration_date": "2022-09-29T00:00:00.000Z",
        "validity_timeframe": {"interval": "P3D", "duration": "P2D"},
        "validity_day_of_week": [1, 2, 3],
    }
    after = change(
        shop, before["id"], **new, active=False, metadata={"level": None, "deep": {"a": [1]}}
    )
    assert after == {
        **before,
        **new,
        "active": False,
        "metadata": {"deep": {"a": [1]}},
        "updated_at": after["updated_at"],
    }
    assert get(shop, before["id"]) == after


def test_an_update_is_judged_with_what_stays(shop: Shop) -> None:
    of = campaign(shop)
    tier = add(shop, of["id"], **BIG_ORDER)
    late = shop.api.put(
        f"/v1/promotions/tiers/{tier['id']}", json={"start_date": "2022-10-01T00:00:00Z"}
    )
    assert refused(late) == "Property .expiration_date should not be before start_date"
    assert get(shop, tier["id"]) == tier


def test_a_tier_is_disabled_and_enabled(shop: Shop) -> None:
    of = campaign(shop)
    before = add(shop, of["id"])
    for verb, active in (("disable", False), ("disable", False), ("enable", True)):
        answer = shop.api.post(f"/v1/promotions/tiers/{before['id']}/{verb}")
        assert answer.status_code == 200, answer.text
        after = answer.json()
        assert after == {**before, "active": active, "updated_at": after["updated_at"]}
        assert get(shop, before["id"]) == after


def test_what_is_no_tier_is_not_found(shop: Shop) -> None:
    tiers = "/v1/promotions/tiers"
    for name in (UNUSED, "x"):
        for answer in (
            shop.api.get(f"{tiers}/{name}"),
            shop.api.put(f"{tiers}/{name}", json={"hierarchy": 1}),
            shop.api.delete(f"{tiers}/{name}"),
            shop.api.post(f"{tiers}/{name}/enable"),
            shop.api.post(f"{tiers}/{name}/disable"),
        ):
            assert refused(answer, 404, "not_found") == f"Cannot find promotion_tier with id {name}"
            assert answer.json()["resource_id"] == name
            assert answer.json()["resource_type"] == "promotion_tier"


def test_another_projects_tiers_and_campaigns_are_unknown(server: Server, shop: Shop) -> None:
    theirs = server.project()
    of = campaign(theirs)
    tier = add(theirs, of["id"])
    path = f"/v1/promotions/tiers/{tier['id']}"
    body = {"name": "x", "action": {"discount": THIRTY_OFF}}
    for answer in (
        shop.api.get(path),
        shop.api.put(path, json=body),
        shop.api.delete(path),
        shop.api.post(f"{path}/disable"),
        shop.api.get(f"/v1/promotions/{of['id']}/tiers"),
        shop.api.post(f"/v1/promotions/{of['id']}/tiers", json=body),
    ):
        refused(answer, 404, "not_found")
    assert get(theirs, tier["id"]) == tier


# --- deleting -----------------------------------------------------------------------------------


def test_a_deleted_tier_is_gone_for_good(shop: Shop) -> None:
    of = campaign(shop)
    tier, rule_id = add(shop, of["id"]), rule(shop)
    kept = add(shop, of["id"], "kept", validation_rules=[rule_id])
    gone = add(shop, of["id"], "gone", validation_rules=[rule_id])
    path = f"/v1/promotions/tiers/{gone['id']}"
    answer = shop.api.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert shop.api.get(path).status_code == 404
    assert shop.api.delete(path).status_code == 404
    assert ranks(shop, of["id"]) == {"Tier": 1, "kept": 2}
    assigned = shop.api.get(f"/v1/validation-rules/{rule_id}/assignments").json()
    assert [one["related_object_id"] for one in assigned["data"]] == [kept["id"]]
    assert shop.api.get("/v1/trash-bin").json()["data"] == []
    assert get(shop, tier["id"]) == tier


def test_tiers_go_with_their_campaign(shop: Shop) -> None:
    for force in (False, True):
        of = campaign(shop, "Gone" if force else "Binned")
        tier = add(shop, of["id"])
        stack = {"name": "s", "tiers": {"ids": [tier["id"]]}}
        assert shop.api.post(f"/v1/promotions/{of['id']}/stacks", json=stack).status_code == 200
        deleted = shop.api.delete(f"/v1/campaigns/{of['id']}", params={"force": force})
        assert deleted.status_code in (200, 202, 204), deleted.text
        tiers = "/v1/promotions/tiers"
        assert shop.api.get(f"{tiers}/{tier['id']}").status_code == 404
        assert shop.api.put(f"{tiers}/{tier['id']}", json={}).status_code == 404
        assert shop.api.post(f"{tiers}/{tier['id']}/enable").status_code == 404
        assert shop.api.get(tiers).json() == {
            "object": "list",
            "data_ref": "tiers",
            "tiers": [],
            "total": 0,
        }
        assert shop.api.get("/v1/promotions/stacks").json()["total"] == 0


# --- ranking ------------------------------------------------------------------------------------


def of_three(shop: Shop) -> tuple[str, dict[str, str]]:
    """A campaign with tiers a, b and c, ranking 1, 2 and 3; their ids."""
    of = campaign(shop)["id"]
    return of, {name: add(shop, of, name)["id"] for name in "abc"}


def test_a_new_tier_ranks_after_the_last(shop: Shop) -> None:
    of, ids = of_three(shop)
    assert ranks(shop, of) == {"a": 1, "b": 2, "c": 3}
    shop.api.delete(f"/v1/promotions/tiers/{ids['b']}")
    assert add(shop, of, "d")["hierarchy"] == 4
    shop.api.delete(f"/v1/promotions/tiers/{ids['c']}")
    assert add(shop, of, "e", hierarchy=9)["hierarchy"] == 9
    assert add(shop, of, "f")["hierarchy"] == 10
    assert ranks(shop, of) == {"a": 1, "d": 4, "e": 9, "f": 10}


@pytest.mark.parametrize(
    ("hierarchy", "expected"),
    [
        (1, {"new": 1, "a": 2, "b": 3, "c": 4}),
        (2, {"a": 1, "new": 2, "b": 3, "c": 4}),
        (3, {"a": 1, "b": 2, "new": 3, "c": 4}),
        (4, {"a": 1, "b": 2, "c": 3, "new": 4}),
        (2**30, {"a": 1, "b": 2, "c": 3, "new": 2**30}),
    ],
)
def test_a_new_tier_takes_the_place_it_asks_for(
    shop: Shop, hierarchy: int, expected: dict[str, int]
) -> None:
    of, _ = of_three(shop)
    assert add(shop, of, "new", hierarchy=hierarchy)["hierarchy"] == hierarchy
    assert ranks(shop, of) == expected
    assert add(shop, of, "last")["hierarchy"] == max(expected.values()) + 1


@pytest.mark.parametrize(
    ("name", "hierarchy", "expected"),
    [
        ("a", 1, {"a": 1, "b": 2, "c": 3}),
        ("a", 2, {"b": 1, "a": 2, "c": 3}),
        ("a", 3, {"b": 1, "c": 2, "a": 3}),
        ("a", 5, {"b": 2, "c": 3, "a": 5}),
        ("b", 1, {"b": 1, "a": 2, "c": 3}),
        ("c", 1, {"c": 1, "a": 2, "b": 3}),
        ("c", 2, {"a": 1, "c": 2, "b": 3}),
    ],
)
def test_a_tier_that_moves_takes_the_others_place(
    shop: Shop, name: str, hierarchy: int, expected: dict[str, int]
) -> None:
    of, ids = of_three(shop)
    assert change(shop, ids[name], hierarchy=hierarchy)["hierarchy"] == hierarchy
    assert ranks(shop, of) == expected


def test_others_move_only_as_far_as_the_next_free_number(shop: Shop) -> None:
    of, ids = of_three(shop)
    add(shop, of, "d", hierarchy=5)
    add(shop, of, "new", hierarchy=2)
    assert ranks(shop, of) == {"a": 1, "new": 2, "b": 3, "c": 4, "d": 5}
    change(shop, ids["b"], hierarchy=20)
    change(shop, ids["a"], hierarchy=5)
    assert ranks(shop, of) == {"new": 2, "d": 4, "a": 5, "b": 20} | {"c": 3}


def test_ranking_is_each_campaigns_own(shop: Shop) -> None:
    of, _ = of_three(shop)
    other = campaign(shop, "Other")["id"]
    assert add(shop, other, "x")["hierarchy"] == 1
    add(shop, other, "y", hierarchy=1)
    assert ranks(shop, other) == {"y": 1, "x": 2}
    assert ranks(shop, of) == {"a": 1, "b": 2, "c": 3}


def test_tiers_that_are_added_at_once_never_share_a_rank(shop: Shop) -> None:
    of = campaign(shop)["id"]

    def one(n: int) -> int:
        more = {"hierarchy": 1} if n % 3 == 0 else {}
        body = {"name": f"{n}", "action": {"discount": THIRTY_OFF}, **more}
        answer = shop.server.client(
            shop.project["server_side_key"]["app_id"],
            shop.project["server_side_key"]["app_token"],
        ).post(f"/v1/promotions/{of}/tiers", json=body)
        return answer.status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(24))) == {200}
    found = ranks(shop, of)
    assert list(found.values()) == list(range(1, 25))


# --- events -------------------------------------------------------------------------------------


def test_what_happens_to_a_tier_is_told(shop: Shop) -> None:
    of = campaign(shop, description="About it", metadata={"region": "APAC"})
    made = add(shop, of["id"])
    updated = change(shop, made["id"], name="New")
    disabled = shop.api.post(f"/v1/promotions/tiers/{made['id']}/disable").json()
    enabled = shop.api.post(f"/v1/promotions/tiers/{made['id']}/enable").json()
    shop.api.delete(f"/v1/promotions/tiers/{made['id']}")
    events = told(shop)
    assert [(kind, data["promotion_tier"]) for kind, data in events] == [
        ("campaign.promotion_tier.created", made),
        ("campaign.promotion_tier.updated", updated),
        ("campaign.promotion_tier.disabled", disabled),
        ("campaign.promotion_tier.enabled", enabled),
        ("campaign.promotion_tier.deleted", enabled),
    ]
    about = {
        "id": of["id"],
        "name": "Promotion",
        "campaign_type": "PROMOTION",
        "type": of["type"],
        "is_referral_code": False,
        "auto_join": False,
        "join_once": False,
        "active": True,
        "category_id": None,
        "categories": [],
        "metadata": {"region": "APAC"},
        "description": "About it",
        "created_at": of["created_at"],
        "object": "campaign",
    }
    assert [data["campaign"] for _, data in events] == [about] * 5
    marked = sql(
        shop,
        "SELECT DISTINCT campaign_id, campaign_type FROM events WHERE project_id = $1 "
        "AND type LIKE 'campaign.promotion\\_tier.%'",
    )
    assert [tuple(row) for row in marked] == [(of["id"], "PROMOTION")]


# --- lists --------------------------------------------------------------------------------------


def listed(shop: Shop, **query: Any) -> list[str]:
    answer = shop.api.get("/v1/promotions/tiers", params=query)
    assert answer.status_code == 200, answer.text
    assert {**answer.json(), "tiers": 0, "total": 0} == {
        "object": "list",
        "data_ref": "tiers",
        "tiers": 0,
        "total": 0,
    }
    return [tier["name"] for tier in answer.json()["tiers"]]


def test_all_tiers_are_listed_in_the_order_asked_for(shop: Shop) -> None:
    first, second = campaign(shop, "First")["id"], campaign(shop, "Second")["id"]
    a, b, c = add(shop, first, "a"), add(shop, second, "b"), add(shop, first, "c")
    change(shop, b["id"], banner="x")
    change(shop, a["id"], banner="x")
    assert listed(shop) == listed(shop, order="-created_at") == ["c", "b", "a"]
    assert listed(shop, order="created_at") == ["a", "b", "c"]
    assert listed(shop, order="updated_at") == ["c", "b", "a"]
    assert listed(shop, order="-updated_at") == ["a", "b", "c"]
    assert listed(shop, limit=2) == ["c", "b"]
    assert listed(shop, limit=2, page=2) == ["a"]
    whole = shop.api.get("/v1/promotions/tiers", params={"limit": 1}).json()
    assert (whole["tiers"], whole["total"]) == ([c], 3)
    for query in ({"order": "name"}, {"limit": 0}, {"limit": 101}, {"is_available": "maybe"}):
        answer = shop.api.get("/v1/promotions/tiers", params=query)
        assert refused(answer, 400, "invalid_query_params")
    assert shop.api.get("/v1/promotions/tiers?page=1001").json()["key"] == "page_over_limit"


def test_only_tiers_that_are_available_are_listed_on_request(shop: Shop) -> None:
    past, future = "2021-01-01T00:00:00Z", "2121-01-01T00:00:00Z"
    of = campaign(shop, "On", start_date=past, expiration_date=future)["id"]
    add(shop, of, "plain")
    add(shop, of, "within", start_date=past, expiration_date=future)
    add(shop, of, "off", active=False)
    add(shop, of, "over", start_date=past, expiration_date=past)
    add(shop, of, "not yet", start_date=future)
    for name, more in (
        ("Off", {}),
        ("Over", {"expiration_date": past}),
        ("Later", {"start_date": future}),
    ):
        add(shop, campaign(shop, name, **more)["id"], f"of {name}")
    assert shop.api.post("/v1/campaigns/Off/disable").status_code < 300
    assert listed(shop, is_available="true") == ["within", "plain"]
    assert len(listed(shop, is_available="false")) == len(listed(shop)) == 8
    answer = shop.api.get("/v1/promotions/tiers", params={"is_available": True, "limit": 1})
    assert answer.json()["total"] == 2


def test_the_tiers_of_a_campaign_are_listed_newest_first(shop: Shop) -> None:
    of, other = campaign(shop)["id"], campaign(shop, "Other")["id"]
    first, second = add(shop, of, "first", hierarchy=2), add(shop, of, "second", hierarchy=1)
    add(shop, other, "else")
    assert shop.api.get(f"/v1/promotions/{of}/tiers").json() == {
        "object": "list",
        "data_ref": "tiers",
        "tiers": [second, first],
        "total": 2,
        "has_more": False,
    }
    empty = shop.api.get(f"/v1/promotions/{campaign(shop, 'Empty')['id']}/tiers").json()
    assert (empty["tiers"], empty["total"], empty["has_more"]) == ([], 0, False)
