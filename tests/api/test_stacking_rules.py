from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from largesse.engine.stacking import StackingRules
from largesse.store import definitions
from largesse.store.definitions import Definitions
from tests.api.test_access import bearer, token
from tests.contract.client import Client
from tests.crowd import on_database
from tests.running import Server, Shop

STAMP = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z"
NOTHING, UNUSED = "proj_N0th1ng0", "stk_000000000000000000"
DEFAULTS = {
    "exclusive_categories": [],
    "joint_categories": [],
    "redeemables_limit": 30,
    "applicable_redeemables_limit": 5,
    "applicable_redeemables_per_category_limit": 1,
    "applicable_redeemables_category_limits": {},
    "applicable_exclusive_redeemables_limit": 1,
    "applicable_exclusive_redeemables_per_category_limit": 1,
    "discount_calculation_mode": "DISCOUNTED_AMOUNT",
    "initial_amount_mode_categories": [],
    "discounted_amount_mode_categories": [],
    "redeemables_application_mode": "ALL",
    "redeemables_sorting_rule": "REQUESTED_ORDER",
    "redeemables_no_effect_rule": "REDEEM_ANYWAY",
    "no_effect_skip_categories": [],
    "no_effect_redeem_anyway_categories": [],
    "redeemables_products_application_mode": "STACK",
    "redeemables_rollback_order_mode": "WITH_ORDER",
    "grouped_redeemables_sorting_rule": "JOINT_ALWAYS_LAST",
}


@pytest.fixture
def management(server: Server) -> Iterator[Client]:
    with server.management() as client:
        yield client


@pytest.fixture
def path(shop: Shop) -> str:
    return at(shop.id)


def at(project_id: str) -> str:
    return f"/management/v1/projects/{project_id}/stacking-rules"


def category(shop: Shop, name: str = "x") -> str:
    answer = shop.api.post("/v1/categories", json={"name": name, "hierarchy": 1})
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["id"]
    return found


def created(management: Client, path: str, **body: Any) -> dict[str, Any]:
    answer = management.post(path, json=body)
    assert answer.status_code == 200, answer.text
    rules: dict[str, Any] = answer.json()
    return rules


def changed(management: Client, path: str, rules_id: str, **body: Any) -> dict[str, Any]:
    answer = management.put(f"{path}/{rules_id}", json=body)
    assert answer.status_code == 200, answer.text
    rules: dict[str, Any] = answer.json()
    return rules


def refused(answer: httpx.Response, code: int = 400, key: str = "invalid_payload") -> str:
    """The details of a refusal."""
    assert answer.status_code == code, answer.text
    assert answer.json()["key"] == key
    details: str = answer.json()["details"]
    return details


def listed(management: Client, path: str) -> dict[str, Any]:
    """The one set of rules that a project has, whatever it has set."""
    answer = management.get(path)
    assert answer.status_code == 200, answer.text
    [rules] = answer.json()["data"]
    assert answer.json() == {"object": "list", "data_ref": "data", "data": [rules], "total": 1}
    found: dict[str, Any] = rules
    return found


def every_member(one: str, two: str, three: str) -> dict[str, Any]:
    """A body that differs from the defaults in every member."""
    return {
        "exclusive_categories": [one, two],
        "joint_categories": [three],
        "redeemables_limit": 25,
        "applicable_redeemables_limit": 10,
        "applicable_redeemables_per_category_limit": 2,
        "applicable_redeemables_category_limits": {two: 1, three: 10},
        "applicable_exclusive_redeemables_limit": 3,
        "applicable_exclusive_redeemables_per_category_limit": 2,
        "discount_calculation_mode": "INITIAL_AMOUNT",
        "initial_amount_mode_categories": [one],
        "discounted_amount_mode_categories": [three],
        "redeemables_application_mode": "PARTIAL",
        "redeemables_sorting_rule": "CATEGORY_HIERARCHY",
        "redeemables_no_effect_rule": "SKIP",
        "no_effect_skip_categories": [two],
        "no_effect_redeem_anyway_categories": [one],
        "redeemables_products_application_mode": "ONCE",
        "redeemables_rollback_order_mode": "WITHOUT_ORDER",
        "grouped_redeemables_sorting_rule": "REDEEMABLES_SORTING_RULE",
    }


# --- from the defaults and back -----------------------------------------------------------------


def test_who_set_nothing_has_the_defaults(management: Client, path: str) -> None:
    assert listed(management, path) == DEFAULTS


def test_rules_from_their_creation_to_their_end(management: Client, shop: Shop, path: str) -> None:
    body = every_member(category(shop), category(shop), category(shop))
    assert all(body[name] != DEFAULTS[name] for name in DEFAULTS)
    rules = created(management, path, **body)
    assert re.fullmatch(r"stk_[0-9a-f]{18}", rules["id"])
    assert re.fullmatch(STAMP, rules["created_at"])
    assert rules == {"id": rules["id"], **body, "created_at": rules["created_at"]}
    one = f"{path}/{rules['id']}"
    assert management.get(one).json() == rules
    assert listed(management, path) == rules
    after = changed(management, path, rules["id"], redeemables_limit=20)
    assert re.fullmatch(STAMP, after["updated_at"])
    assert after == {**rules, "redeemables_limit": 20, "updated_at": after["updated_at"]}
    assert management.get(one).json() == listed(management, path) == after
    answer = management.delete(one)
    assert (answer.status_code, answer.content) == (204, b"")
    assert listed(management, path) == DEFAULTS
    for again in (management.get(one), management.put(one, json={}), management.delete(one)):
        assert refused(again, 404, "not_found") == (
            f"Cannot find stacking_rules with id {rules['id']}"
        )
        assert again.json()["resource_id"] == rules["id"]
        assert again.json()["resource_type"] == "stacking_rules"
    assert created(management, path)["id"] != rules["id"]


def test_what_is_not_sent_is_as_by_default(management: Client, path: str) -> None:
    rules = created(management, path, redeemables_application_mode="PARTIAL")
    expected = {**DEFAULTS, "redeemables_application_mode": "PARTIAL"}
    assert rules == {"id": rules["id"], **expected, "created_at": rules["created_at"]}


def test_a_second_creation_is_refused(management: Client, path: str) -> None:
    rules = created(management, path)
    answer = management.post(path, json={"redeemables_limit": 20})
    details = "Cannot exist more stacking rules for given project"
    assert refused(answer, 409, "stacking_rules_exist") == details
    assert answer.json()["message"] == "Stacking rules exist"
    assert listed(management, path) == rules


def test_of_many_creations_at_once_one_succeeds(shop: Shop, path: str) -> None:
    def create(number: int) -> tuple[int, int]:
        with shop.server.management() as client:
            status = client.post(path, json={"redeemables_limit": 10 + number}).status_code
            return status, 10 + number

    with ThreadPoolExecutor(8) as pool:
        found = sorted(pool.map(create, range(8)))
    assert [status for status, _ in found] == [200] + [409] * 7
    with shop.server.management() as client:
        assert listed(client, path)["redeemables_limit"] == found[0][1]


def test_changes_at_once_all_land(management: Client, shop: Shop, path: str) -> None:
    rules = created(management, path)
    body = every_member(category(shop), category(shop), category(shop))
    # Each of these members can change before or after any other.
    free = [name for name in body if not name.endswith("limit") or name == "redeemables_limit"]
    free.remove("applicable_redeemables_category_limits")

    def change(name: str) -> int:
        with shop.server.management() as client:
            return client.put(f"{path}/{rules['id']}", json={name: body[name]}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(change, free)) == {200}
    found = listed(management, path)
    assert {name: found[name] for name in free} == {name: body[name] for name in free}


# --- what is sent and what is not ---------------------------------------------------------------


def test_each_member_changes_alone(management: Client, shop: Shop, path: str) -> None:
    known = created(management, path)
    body = every_member(category(shop), category(shop), category(shop))
    for name, value in body.items():
        after = changed(management, path, known["id"], **{name: value})
        assert after == {**known, name: value, "updated_at": after["updated_at"]}, name
        known = after


def test_lists_and_limits_are_replaced_as_a_whole(
    management: Client, shop: Shop, path: str
) -> None:
    one, two = category(shop), category(shop)
    rules = created(
        management,
        path,
        joint_categories=[one],
        applicable_redeemables_category_limits={one: 1},
    )
    after = changed(
        management,
        path,
        rules["id"],
        joint_categories=[two, two],
        applicable_redeemables_category_limits={two: 2, one: None},
    )
    assert after["joint_categories"] == [two]
    assert after["applicable_redeemables_category_limits"] == {two: 2}
    nothing = {"joint_categories": [], "applicable_redeemables_category_limits": {}}
    empty = changed(management, path, rules["id"], **nothing)
    assert {name: empty[name] for name in nothing} == nothing


def test_null_is_no_limit_per_category_and_else_nothing(
    management: Client, shop: Shop, path: str
) -> None:
    body = every_member(category(shop), category(shop), category(shop))
    rules = created(management, path, **body)
    unlimited = {
        "applicable_redeemables_per_category_limit": None,
        "applicable_exclusive_redeemables_per_category_limit": None,
    }
    after = changed(management, path, rules["id"], **dict.fromkeys(body))
    assert after == {**rules, **unlimited, "updated_at": after["updated_at"]}
    assert listed(management, path) == after
    # And it stays so until a limit is sent.
    for name in unlimited:
        assert changed(management, path, rules["id"], redeemables_limit=30)[name] is None
        assert changed(management, path, rules["id"], **{name: 2})[name] == 2


def test_a_new_set_without_limits_per_category(management: Client, path: str) -> None:
    rules = created(management, path, **dict.fromkeys(DEFAULTS))
    assert rules["applicable_redeemables_per_category_limit"] is None
    assert rules["applicable_exclusive_redeemables_per_category_limit"] is None
    assert rules["redeemables_limit"] == 30


def test_numbers_may_come_as_text(management: Client, path: str) -> None:
    assert created(management, path, redeemables_limit="20")["redeemables_limit"] == 20


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"redeemables_limit": 31}, "Property .redeemables_limit must be <= 30"),
        ({"redeemables_limit": 0}, "Property .redeemables_limit must be >= 1"),
        ({"redeemables_limit": 1.5}, "Property .redeemables_limit should be integer"),
        ({"redeemables_limit": "many"}, "Property .redeemables_limit should be integer"),
        ({"redeemables_limit": 10**30}, "Property .redeemables_limit must be <= 30"),
        ({"redeemables_limit": 4}, "Property .applicable_redeemables_limit must be <= 4"),
        (
            {"applicable_exclusive_redeemables_limit": 6},
            "Property .applicable_exclusive_redeemables_limit must be <= 5",
        ),
        (
            {"applicable_redeemables_per_category_limit": 6},
            "Property .applicable_redeemables_per_category_limit must be <= 5",
        ),
        (
            {"applicable_redeemables_category_limits": {"cat_1": 6}},
            "Property .applicable_redeemables_category_limits.cat_1 must be <= 5",
        ),
        (
            {"applicable_redeemables_category_limits": []},
            "Property .applicable_redeemables_category_limits should be object",
        ),
        (
            {"redeemables_sorting_rule": "RANDOM"},
            "Property .redeemables_sorting_rule should be equal to one of the allowed values",
        ),
        (
            {"grouped_redeemables_sorting_rule": "JOINT_ALWAYS_FIRST"},
            "Property .grouped_redeemables_sorting_rule should be equal to one of the allowed "
            "values",
        ),
        ({"joint_categories": "cat_1"}, "Property .joint_categories should be array"),
        (
            {"exclusive_categories": ["cat_1"], "joint_categories": ["cat_1"]},
            "Property .joint_categories must NOT have categories of .exclusive_categories: cat_1",
        ),
        ([], "Payload should be object"),
    ],
)
def test_what_cannot_be_is_refused(
    management: Client, shop: Shop, path: str, body: Any, details: str
) -> None:
    assert refused(management.post(path, json=body)) == details
    assert listed(management, path) == DEFAULTS
    rules = created(management, path)
    assert refused(management.put(f"{path}/{rules['id']}", json=body)) == details
    assert listed(management, path) == rules


def test_a_change_is_held_against_what_is_there(management: Client, shop: Shop, path: str) -> None:
    one, two = category(shop), category(shop)
    rules = created(
        management,
        path,
        applicable_redeemables_limit=10,
        applicable_redeemables_category_limits={one: 8},
        no_effect_skip_categories=[one],
        no_effect_redeem_anyway_categories=[two],
    )
    address = f"{path}/{rules['id']}"
    for body, details in (
        (
            {"applicable_redeemables_limit": 7},
            f"Property .applicable_redeemables_category_limits.{one} must be <= 7",
        ),
        ({"redeemables_limit": 9}, "Property .applicable_redeemables_limit must be <= 9"),
        (
            {"no_effect_skip_categories": [two]},
            "Property .no_effect_redeem_anyway_categories must NOT have categories of "
            f".no_effect_skip_categories: {two}",
        ),
    ):
        assert refused(management.put(address, json=body)) == details
    assert listed(management, path) == rules
    swapped = {"no_effect_skip_categories": [two], "no_effect_redeem_anyway_categories": [one]}
    after = changed(management, path, rules["id"], **swapped)
    assert {name: after[name] for name in swapped} == swapped


@pytest.mark.parametrize(
    "name",
    [*(name for name in DEFAULTS if name.endswith("categories")), "category_limits"],
)
def test_an_unknown_category(management: Client, shop: Shop, path: str, name: str) -> None:
    foreign = category(shop.server.project())
    body: dict[str, Any] = {name: [category(shop), foreign]}
    if name == "category_limits":
        body = {"applicable_redeemables_category_limits": {category(shop): 1, foreign: 1}}
    answer = management.post(path, json=body)
    assert refused(answer, 404, "not_found") == f"Cannot find category with id {foreign}"
    assert answer.json()["resource_type"] == "category"
    assert listed(management, path) == DEFAULTS
    rules = created(management, path)
    answer = management.put(f"{path}/{rules['id']}", json=body)
    assert refused(answer, 404, "not_found") == f"Cannot find category with id {foreign}"
    assert listed(management, path) == rules


def test_an_unknown_project(management: Client) -> None:
    path = at(NOTHING)
    for answer in (
        management.post(path, json={}),
        management.get(path),
        management.get(f"{path}/{UNUSED}"),
        management.put(f"{path}/{UNUSED}", json={}),
        management.delete(f"{path}/{UNUSED}"),
    ):
        assert refused(answer, 404, "not_found") == f"Cannot find project with id {NOTHING}"


def test_rules_of_another_project(management: Client, shop: Shop, path: str) -> None:
    other = shop.server.project()
    rules = created(management, at(other.id))
    one = f"{path}/{rules['id']}"
    for answer in (management.get(one), management.put(one, json={}), management.delete(one)):
        assert answer.status_code == 404
    assert listed(management, path) == DEFAULTS
    assert listed(management, at(other.id)) == rules


def test_only_management_keys_say_how_redeemables_stack(
    management: Client, server: Server, shop: Shop, path: str
) -> None:
    rules = created(management, path)
    for client in (shop.api, shop.browser(), server.anonymous(**bearer(token(shop, "api")))):
        for method, address in (
            ("GET", path),
            ("POST", path),
            ("GET", f"{path}/{rules['id']}"),
            ("PUT", f"{path}/{rules['id']}"),
            ("DELETE", f"{path}/{rules['id']}"),
        ):
            body = {} if method in ("POST", "PUT") else None
            assert client.request(method, address, json=body).status_code == 401
    assert listed(management, path) == rules


# --- categories that go -------------------------------------------------------------------------


def test_what_rules_say_of_a_category_goes_with_it(
    management: Client, shop: Shop, path: str
) -> None:
    one, two, three = category(shop), category(shop), category(shop)
    rules = created(management, path, **every_member(one, two, three))
    assert shop.api.delete(f"/v1/categories/{two}").status_code == 204
    after = listed(management, path)
    assert after == {
        **rules,
        "exclusive_categories": [one],
        "applicable_redeemables_category_limits": {three: 10},
        "no_effect_skip_categories": [],
        "updated_at": after["updated_at"],
    }
    # What is left can be changed as before.
    assert changed(management, path, rules["id"], redeemables_limit=20)["redeemables_limit"] == 20


def test_a_category_that_no_rule_names_changes_none(
    management: Client, shop: Shop, path: str
) -> None:
    one, two = category(shop), category(shop)
    rules = created(management, path, joint_categories=[one])
    assert shop.api.delete(f"/v1/categories/{two}").status_code == 204
    assert shop.api.delete(f"/v1/categories/{two}").status_code == 404
    assert listed(management, path) == rules


def test_no_rule_ever_names_a_category_that_is_gone(
    management: Client, shop: Shop, path: str
) -> None:
    rules = created(management, path)

    def name(category_id: str) -> int:
        with shop.server.management() as client:
            body = {"joint_categories": [category_id]}
            return client.put(f"{path}/{rules['id']}", json=body).status_code

    with ThreadPoolExecutor(2) as pool:
        for number in range(20):
            one = category(shop, f"Number {number}")
            naming = pool.submit(name, one)
            gone = pool.submit(shop.api.delete, f"/v1/categories/{one}")
            assert gone.result().status_code == 204
            assert naming.result() in (200, 404)
            assert one not in listed(management, path)["joint_categories"]


# --- what remembers them ------------------------------------------------------------------------


def test_every_change_is_learnt_by_who_remembers_definitions(
    management: Client, shop: Shop, path: str
) -> None:
    def known() -> Definitions:
        async def work(connection: Any) -> Definitions:
            return await definitions.current(connection, shop.id)

        return on_database(shop.server, work)

    assert known().stacking == StackingRules()
    one = category(shop)
    rules = created(management, path, joint_categories=[one], redeemables_limit=20)
    assert known().stacking == StackingRules(joint_categories=[one], redeemables_limit=20)
    changed(management, path, rules["id"], applicable_redeemables_per_category_limit=None)
    expected = StackingRules(
        joint_categories=[one],
        redeemables_limit=20,
        applicable_redeemables_per_category_limit=None,
    )
    assert known().stacking == expected
    # What was refused leaves no trace.
    before = known()
    assert management.put(f"{path}/{rules['id']}", json={"redeemables_limit": 0}).status_code == 400
    assert known() is before
    assert shop.api.delete(f"/v1/categories/{one}").status_code == 204
    assert known().stacking.joint_categories == []
    assert management.delete(f"{path}/{rules['id']}").status_code == 204
    assert known().stacking == StackingRules()


def test_a_change_is_seen_on_every_worker(management: Client, shop: Shop, path: str) -> None:
    rules = created(management, path)

    def limit(_: int) -> int:
        with shop.server.management() as client:
            found: int = listed(client, path)["redeemables_limit"]
            return found

    with ThreadPoolExecutor(10) as pool:
        for number in range(20, 26):
            changed(management, path, rules["id"], redeemables_limit=number)
            assert set(pool.map(limit, range(10))) == {number}
