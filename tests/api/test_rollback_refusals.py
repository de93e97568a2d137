"""What cannot be rolled back, and how that is told."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.api.test_customers import read as read_customer
from tests.api.test_customers import save as save_customer
from tests.api.test_customers import sql
from tests.api.test_redemptions import get, post, redeem, three
from tests.api.test_rollbacks import ask, key, one, undo, undo_all
from tests.api.test_vouchers import create, read
from tests.running import Server, Shop, running

RRF = r"rrf_[0-9a-f]{18}"


@pytest.fixture(scope="module")
def strict() -> Iterator[Server]:
    """A server where a redemption can be rolled back for two days."""
    yield from running(workers=1, rollback_days=2)


@pytest.mark.parametrize("path", ["rollback", "rollbacks"])
def test_twice(shop: Shop, path: str) -> None:
    create(shop, "TEN")
    id_ = one(redeem(shop, "TEN", customer="ann", order=50))
    undo(shop, id_)
    answer = ask(shop, id_, path)
    problem = answer.json()
    assert re.fullmatch(RRF, problem["resource_id"])
    assert key(answer) == (400, "already_rolled_back", "Redemption has been already rolled back.")
    assert (problem["resource_type"], problem["message"]) == (
        "redemption_rollback",
        "Already rolled back",
    )
    stored = get(shop, problem["resource_id"])
    assert (stored["object"], stored["result"], stored["status"]) == (
        "redemption_rollback",
        "FAILURE",
        "FAILED",
    )
    assert (stored["failure_code"], stored["redemption"]) == ("already_rolled_back", id_)
    assert read(shop, "TEN")["redemption"]["redeemed_quantity"] == 0
    redemptions = read_customer(shop, "ann")["summary"]["redemptions"]
    assert (redemptions["total_rolled_back"], redemptions["total_rollback_failed"]) == (1, 1)


def test_a_parent_and_its_children(shop: Shop) -> None:
    done = redeem(shop, *three(shop), order=200000)
    parent, child = done["parent_redemption"]["id"], done["redemptions"][1]["id"]
    assert key(ask(shop, parent)) == (
        400,
        "invalid_redemption",
        "You can rollback only a single redemption. Use different endpoint for stacked redemption.",
    )
    for path in ("rollback", "rollbacks"):
        assert key(ask(shop, child, path)) == (
            400,
            "invalid_redemption_parent",
            "You can rollback only a redemption that does not have parent redemption.",
        )
    undo_all(shop, parent)
    answer = ask(shop, parent, "rollbacks")
    assert key(answer)[:2] == (400, "already_rolled_back")
    assert get(shop, answer.json()["resource_id"])["redemption"] == parent
    assert key(ask(shop, child))[1] == "invalid_redemption_parent"


@pytest.mark.parametrize("path", ["rollback", "rollbacks"])
def test_a_rollback_and_what_failed(shop: Shop, path: str) -> None:
    create(shop, "TEN")
    create(shop, "off", active=False)
    undone = undo(shop, one(redeem(shop, "TEN")))["id"]
    failed = post(shop, "off").json()["resource_id"]
    stacked = post(shop, "off", "TEN").json()["resource_id"]
    for id_ in (undone, failed, stacked):
        assert key(ask(shop, id_, path))[:2] == (400, "invalid_redemption")
    assert read(shop, "TEN")["redemption"]["redeemed_quantity"] == 0


@pytest.mark.parametrize("path", ["rollback", "rollbacks"])
def test_another_order_or_customer(shop: Shop, path: str) -> None:
    create(shop, "TEN")
    ann, bob = save_customer(shop, source_id="ann"), save_customer(shop, source_id="bob")
    id_ = one(redeem(shop, "TEN", customer="ann", order={"source_id": "o", "amount": 50}))
    other = one(redeem(shop, "TEN", customer="bob", order={"source_id": "p", "amount": 50}))
    plain = one(redeem(shop, "TEN"))
    order = (400, "invalid_order", "Order is not related with redemption.")
    customer = (400, "invalid_customer", "Customer is not related with redemption.")
    for body, expected in (
        ({"order": {"source_id": "p"}}, order),
        ({"order": {"id": get(shop, other)["order"]["id"]}}, order),
        ({"customer": {"source_id": "bob"}}, customer),
        ({"customer": {"id": bob["id"]}}, customer),
        ({"customer": {"source_id": "nobody"}}, customer),
        ({"tracking_id": "bob"}, customer),
        ({"tracking_id": get(shop, other)["tracking_id"]}, customer),
    ):
        assert key(ask(shop, id_, path, **body)) == expected, body
        assert key(ask(shop, plain, path, **body)) == expected, body
    gone = {"customer": {"id": "cust_000000000000000000000000"}}
    assert key(ask(shop, id_, path, **gone))[:2] == (404, "not_found")
    assert read(shop, "TEN")["redemption"]["redeemed_quantity"] == 3
    # Its own ones can be told, and more of the customer with that.
    own = {"id": ann["id"], "name": "Annie", "metadata": {"age": 23}}
    body = {"customer": own, "order": {"source_id": "o"}, "tracking_id": "ann"}
    assert ask(shop, id_, path, **body).status_code == 200
    assert (read_customer(shop, "ann")["name"], read_customer(shop, "ann")["metadata"]) == (
        "Annie",
        {"age": 23},
    )


def test_what_is_too_old(strict: Server) -> None:
    shop = strict.project()
    create(shop, "TEN")
    old, new = one(redeem(shop, "TEN")), one(redeem(shop, "TEN"))
    move = (
        "UPDATE redemptions SET created_at = created_at - interval '{} hours' "
        "WHERE project_id = $1 AND id = $2"
    )
    sql(shop, move.format(49), old)
    sql(shop, move.format(47), new)
    for path in ("rollback", "rollbacks"):
        assert key(ask(shop, old, path))[:2] == (400, "invalid_redemption")
    undo(shop, new)
    assert read(shop, "TEN")["redemption"]["redeemed_quantity"] == 1
