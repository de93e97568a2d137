"""Lists of redemptions: of the project, of a voucher; and what is left of those who are deleted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.api.test_campaigns import add, make
from tests.api.test_customers import save as save_customer
from tests.api.test_customers import sql
from tests.api.test_promotions import add as add_tier
from tests.api.test_promotions import campaign as promotion
from tests.api.test_redemption_limits import limit
from tests.api.test_redemptions import get, post, redeem, refused, tier, voucher
from tests.api.test_rollbacks import one, undo
from tests.api.test_vouchers import GIFT, create
from tests.api.test_vouchers import read as read_voucher
from tests.running import Shop


def ids(shop: Shop, **query: Any) -> list[str]:
    """The ids of a page of the list."""
    answer = shop.api.get("/v1/redemptions", params=query)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert (page["object"], page["data_ref"]) == ("list", "redemptions")
    return [each["id"] for each in page["redemptions"]]


def total(shop: Shop, **query: Any) -> int:
    n: int = shop.api.get("/v1/redemptions", params=query).json()["total"]
    return n


def where(shop: Shop, field: str, **conditions: Any) -> list[str]:
    """What a filter finds, the oldest first."""
    query = {
        f"filters[{field}][conditions][{name}][{place}]": value
        for name, values in conditions.items()
        for place, value in enumerate(values if isinstance(values, list) else [values])
    }
    return ids(shop, order="id", limit=100, **query)


@pytest.fixture
def told(shop: Shop) -> dict[str, str]:
    """Redemptions of many kinds, by a name each: the id."""
    make(shop)
    add(shop, "a")
    create(shop, "b")
    create(shop, "off", active=False)
    of = tier(add_tier(shop, promotion(shop)["id"])["id"])
    found = {"ann": one(redeem(shop, "a", customer="ann"))}
    stacked = redeem(shop, "a", "b", order=9000, customer="bob")
    found["parent"] = stacked["parent_redemption"]["id"]
    found["child a"], found["child b"] = (each["id"] for each in stacked["redemptions"])
    found["tier"] = one(redeem(shop, of, order=9000))
    found["failed"] = post(shop, "off", customer="ann").json()["resource_id"]
    found["undone"] = undo(shop, found["ann"])["id"]
    return found


def names(told: dict[str, str], found: list[str]) -> list[str]:
    by_id = {id_: name for name, id_ in told.items()}
    return [by_id[id_] for id_ in found]


def test_the_newest_come_first(shop: Shop, told: dict[str, str]) -> None:
    everything = ["ann", "parent", "child a", "child b", "tier", "failed", "undone"]
    found = names(told, ids(shop))
    assert found[:2] + found[-1:] == ["undone", "failed", "ann"]
    assert sorted(found) == sorted(everything)
    assert names(told, ids(shop, order="created_at"))[-2:] == ["failed", "undone"]
    assert ids(shop, order="-created_at") == ids(shop)
    assert ids(shop, order="id") == sorted(told.values())
    assert ids(shop, order="-id") == sorted(told.values(), reverse=True)
    for order in ("voucher_code", "tracking_id", "customer_id"):
        assert sorted(ids(shop, order=order)) == sorted(told.values())
        assert sorted(ids(shop, order=f"-{order}")) == sorted(told.values())
    codes = [get(shop, id_).get("voucher") for id_ in ids(shop, order="-voucher_code")]
    assert [each["code"] for each in codes if each] == ["off", "b", "a", "a", "a"]
    assert total(shop) == 7


def test_pages(shop: Shop, told: dict[str, str]) -> None:
    everything = ids(shop)
    assert ids(shop, limit=3) == everything[:3]
    assert ids(shop, limit=3, page=2) == everything[3:6]
    assert ids(shop, limit=3, page=3) == everything[6:]
    assert ids(shop, limit=3, page=4) == []
    assert total(shop, limit=1, page=2) == len(told)
    for query in ("limit=0", "limit=101", "page=0", "order=amount", "order=--id"):
        answer = shop.api.get(f"/v1/redemptions?{query}")
        assert (answer.status_code, answer.json()["key"]) == (400, "invalid_query_params"), query
    assert shop.api.get("/v1/redemptions?page=1001").json()["key"] == "page_over_limit"
    assert ids(shop, limit="", page="None", order="", result="") == everything


def test_of_a_result(shop: Shop, told: dict[str, str]) -> None:
    assert names(told, ids(shop, result="FAILURE")) == ["failed"]
    assert len(ids(shop, result="SUCCESS")) == 6
    assert len(ids(shop, result=["SUCCESS", "FAILURE"])) == 7
    assert len(ids(shop, result="SUCCESS,FAILURE")) == 7
    assert total(shop, result="FAILURE") == 1


def test_of_a_campaign_and_of_a_customer(shop: Shop, told: dict[str, str]) -> None:
    assert sorted(names(told, ids(shop, campaign="C"))) == ["ann", "child a", "undone"]
    assert names(told, ids(shop, campaign="Promotion")) == ["tier"]
    assert ids(shop, campaign="nothing") == []
    bob = shop.api.get("/v1/customers/bob").json()["id"]
    for name in ("bob", bob):
        assert sorted(names(told, ids(shop, customer=name))) == ["child a", "child b", "parent"]
        assert total(shop, customer=name) == 3
    assert ids(shop, customer="nobody") == []
    assert names(told, ids(shop, customer="ann", result="FAILURE")) == ["failed"]


def test_of_a_time(shop: Shop, told: dict[str, str]) -> None:
    statement = "UPDATE redemptions SET created_at = $3 WHERE project_id = $1 AND id = $2"
    sql(shop, statement, told["ann"], datetime(2020, 1, 2, tzinfo=UTC))
    sql(shop, statement, told["tier"], datetime(2020, 1, 3, tzinfo=UTC))
    for before in ("2020-01-03", "2020-01-03T00:00:00Z", "2020-01-03T01:00:00+01:00"):
        assert names(told, ids(shop, **{"created_at[before]": before})) == ["ann"]
        assert names(told, ids(shop, **{"[created_at][before]": before})) == ["ann"]
    both = {"created_at[after]": "2020-01-02", "created_at[before]": "2020-01-04"}
    assert names(told, ids(shop, **both)) == ["tier"]
    assert len(ids(shop, **{"created_at[after]": "2020-01-03"})) == 5
    answer = shop.api.get("/v1/redemptions", params={"created_at[after]": "soon"})
    assert answer.json()["key"] == "invalid_query_params"


def test_filters(shop: Shop, told: dict[str, str]) -> None:
    a, b = (read_voucher(shop, code) for code in "ab")
    bob = shop.api.get("/v1/customers/bob").json()["id"]

    def found(field: str, **conditions: Any) -> list[str]:
        return sorted(names(told, where(shop, field, **conditions)))

    assert found("voucher_code", **{"$is": "b"}) == ["child b"]
    assert found("voucher_code", **{"$in": ["b", "off"]}) == ["child b", "failed"]
    assert found("voucher_code", **{"$is_unknown": "true"}) == ["parent", "tier"]
    assert found("related_object_id", **{"$is": a["id"]}) == ["ann", "child a", "undone"]
    assert found("related_object_id", **{"$is": told["parent"]}) == ["parent"]
    assert found("related_object_parent_id", **{"$is": a["campaign_id"]}) == [
        *("ann", "child a", "undone"),
    ]
    assert found("parent_redemption_id", **{"$is": told["parent"]}) == ["child a", "child b"]
    assert found("failure_code", **{"$is": "voucher_disabled"}) == ["failed"]
    assert found("failure_code", **{"$starts_with": "quantity"}) == []
    assert found("result", **{"$is": "FAILURE"}) == ["failed"]
    assert found("object", **{"$is": "redemption_rollback"}) == ["undone"]
    assert found("customer_id", **{"$is": bob}) == ["child a", "child b", "parent"]
    assert found("campaign_name", **{"$in": ["C"]}) == ["ann", "child a", "undone"]
    assert found("user_login", **{"$is": "x"}) == []
    assert b["campaign_id"] is None
    either = {
        "filters[junction]": "OR",
        "filters[voucher_code][conditions][$is]": "b",
        "filters[result][conditions][$is]": "FAILURE",
    }
    assert sorted(names(told, ids(shop, **either))) == ["child b", "failed"]
    assert ids(shop, **{**either, "filters[junction]": "AND"}) == []
    for name in ("[nothing][conditions][$is]", "[result][conditions][$like]"):
        answer = shop.api.get("/v1/redemptions", params={f"filters{name}": "x"})
        assert (answer.status_code, answer.json()["key"]) == (400, "invalid_query_params")


def test_of_another_project(shop: Shop, told: dict[str, str]) -> None:
    other = shop.server.project()
    assert (ids(other), total(other)) == ([], 0)
    for id_ in told.values():
        assert other.api.get(f"/v1/redemptions/{id_}").status_code == 404
        assert other.api.post(f"/v1/redemptions/{id_}/rollback", json={}).status_code == 404


# --- of a voucher -------------------------------------------------------------------------------


def test_the_redemptions_of_a_voucher(shop: Shop) -> None:
    create(shop, "card", **GIFT, redemption={"quantity": 9})
    first = one(redeem(shop, voucher("card", 500), order=9000))
    second = one(redeem(shop, voucher("card", 300), order=9000))
    undo(shop, second)
    answer = shop.api.get("/v1/vouchers/card/redemption").json()
    entries = [entry["id"] for entry in answer["redemption_entries"]]
    assert {first, second} <= set(entries)
    assert (answer["quantity"], answer["redeemed_quantity"]) == (9, 1)
    assert shop.api.get("/v1/vouchers/nothing/redemption").status_code == 404


# --- what is gone -------------------------------------------------------------------------------


@pytest.mark.parametrize("force", ["false", "true"])
def test_those_of_a_deleted_voucher_vanish(shop: Shop, told: dict[str, str], force: str) -> None:
    assert shop.api.delete(f"/v1/vouchers/a?force={force}").status_code == 204
    left = ["child b", "failed", "parent", "tier"]
    assert sorted(names(told, ids(shop))) == left
    assert ids(shop, customer="bob", result="SUCCESS") != []
    assert total(shop) == 4
    assert names(told, where(shop, "object", **{"$is": "redemption_rollback"})) == []


@pytest.mark.parametrize("force", ["false", "true"])
def test_those_of_a_deleted_campaign_vanish(shop: Shop, told: dict[str, str], force: str) -> None:
    for name in ("C", "Promotion"):
        shop.finished(shop.api.delete(f"/v1/campaigns/{name}?force={force}"))
    found = names(told, ids(shop))
    assert {"ann", "child a", "undone"}.isdisjoint(found)
    if force == "true":
        assert sorted(found) == ["child b", "failed", "parent"]


def test_who_is_forgotten_leaves_no_trace(shop: Shop) -> None:
    make(shop)
    add(shop, "TEN")
    create(shop, "TWO")
    create(shop, "off", active=False)
    told = {"name": "Bob Smith", "metadata": {"a": "a zebra"}}
    bob = save_customer(shop, source_id="bob@example.com", **told)
    campaign_id = shop.api.get("/v1/campaigns/C").json()["id"]
    limit(shop, "campaign.redemptions.customers_count", 90, campaign=campaign_id)
    order = {"source_id": "o", "amount": 5000, "customer": {"source_id": "bob@example.com"}}
    said = {"customer": "bob@example.com", "metadata": {"secret": "a zebra"}}
    alone = one(redeem(shop, "TEN", order=order, **said))
    parent = redeem(shop, "TEN", "TWO", order=5000, **said)["parent_redemption"]["id"]
    undo(shop, alone, reason="a zebra")
    refused(shop, "off", **said)
    track = get(shop, parent)["tracking_id"]
    answer = shop.api.post(f"/v1/customers/{bob['id']}/permanent-deletion")
    assert answer.status_code == 200, answer.text
    for id_ in ids(shop):
        found = get(shop, id_)
        assert (found["customer"], found["customer_id"]) == (None, None)
        assert (found["tracking_id"], found["metadata"], found["order"]) == (None, None, None)
    assert len(ids(shop)) == 6
    tables = sql(
        shop,
        "SELECT DISTINCT table_name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND column_name = 'project_id' AND $1 <> ''",
    )
    for row in tables:
        name = row["table_name"]
        if name == "permanent_deletions":
            continue
        for kept in sql(
            shop, f"SELECT to_json(t)::text AS row FROM {name} AS t WHERE project_id = $1"
        ):
            text = json.dumps(json.loads(kept["row"]))
            # That somebody was deleted is told with the id that they had.
            id_ = track if name == "events" else bob["id"]
            for trace in (id_, "bob@example.com", "Bob Smith", "a zebra", track):
                assert trace not in text, (name, trace, text)
    # The limits of the others stay as they were.
    assert read_voucher(shop, "TEN")["redemption"]["redeemed_quantity"] == 1
