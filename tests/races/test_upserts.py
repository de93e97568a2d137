"""Many requests for the same customers at the same moment, over two web workers."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.contract.client import check
from tests.races.load import Ask, parallel, source_ids, sql
from tests.running import Shop, until

ONE_CREATED = {"customer.created": 1, "customer.updated": 99}


def one_of_a_hundred(shop: Shop, reference: dict[str, str]) -> None:
    """A hundred upserts of one customer: one row, one creation, ninety-nine updates."""
    asks: list[Ask] = [
        ("POST", "/v1/customers", {**reference, "name": f"Name {n}"}) for n in range(100)
    ]
    answers = parallel(shop, asks)
    assert Counter(answer.status_code for answer in answers) == {200: 100}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum(answer.json().get("updated_at") is None for answer in answers) == 1
    check(answers[0])
    customer_id = answers[0].json()["id"]
    activity = shop.api.get(f"/v1/customers/{customer_id}/activity", params={"limit": 100}).json()
    assert Counter(event["type"] for event in activity["data"]) == ONE_CREATED
    assert activity["has_more"] is False
    newest = sql(
        shop.server,
        "SELECT name FROM customers WHERE project_id = $1 AND source_id = $2",
        shop.id,
        reference["source_id"],
    )
    assert len(newest) == 1
    assert newest[0][0] in {f"Name {n}" for n in range(100)}


def test_parallel_upserts_of_one_source_id_make_one_customer(shop: Shop) -> None:
    one_of_a_hundred(shop, {"source_id": "one"})
    assert source_ids(shop) == ["one"]


def test_parallel_upserts_of_one_id_make_one_customer(shop: Shop) -> None:
    one_of_a_hundred(shop, {"id": "cust_AAAAbbbbCCCCddddEEEEffff", "source_id": "one"})
    assert source_ids(shop) == ["one"]


@pytest.mark.soak
def test_parallel_upserts_of_one_source_id_make_one_customer_every_time(shop: Shop) -> None:
    for number in range(20):
        one_of_a_hundred(shop, {"source_id": f"one-{number}"})
    assert sorted(source_ids(shop)) == sorted(f"one-{number}" for number in range(20))


# --- creating, updating and deleting the same few ------------------------------------------------

ALLOWED = {
    "create": {200},
    "get": {200, 404},
    "update": {200, 404},
    "delete": {204, 404},
    "forget": {200, 404},
}


def mixed(shop: Shop, count: int, seed: int) -> None:
    """Requests of every kind for eight customers: each is answered, none with a 5xx, and what was
    counted along the way is what is there in the end.
    """
    chance = random.Random(seed)
    asks: list[Ask] = []
    kinds = []
    for n in range(count):
        source_id = f"shared-{chance.randrange(8)}"
        kind = chance.choice(["create", "create", "create", "update", "delete", "get", "forget"])
        body = {"name": f"Name {n}", "metadata": {"n": n}}
        kinds.append(kind)
        path = f"/v1/customers/{source_id}"
        asks.append(
            {
                "create": ("POST", "/v1/customers", {"source_id": source_id, **body}),
                "get": ("GET", path, None),
                "update": ("PUT", path, body),
                "delete": ("DELETE", path, None),
                "forget": ("POST", f"{path}/permanent-deletion", None),
            }[kind]
        )
    answers = parallel(shop, asks)
    for kind, answer in zip(kinds, answers, strict=True):
        assert answer.status_code in ALLOWED[kind], f"{kind}: {answer.status_code} {answer.text}"
    seen = Counter((kind, a.status_code) for kind, a in zip(kinds, answers, strict=True))
    assert seen["create", 200] and seen["update", 200] and seen["delete", 204], seen
    assert seen["forget", 200] and seen["delete", 404], seen


def totals_agree(shop: Shop) -> None:
    """What the events were folded into, what is counted, and what is listed are the same."""
    unhandled = "SELECT count(*) FROM events WHERE project_id = $1 AND NOT handled"
    until(lambda: sql(shop.server, unhandled, shop.id) == [(0,)])
    listed = source_ids(shop)
    assert len(listed) == len(set(listed))
    folded = sql(
        shop.server, "SELECT n FROM totals WHERE project_id = $1 AND noun = 'customers'", shop.id
    )
    rows = sql(shop.server, "SELECT count(*) FROM customers WHERE project_id = $1", shop.id)
    assert folded == rows == [(len(listed),)]
    assert shop.api.get("/v1/customers").json()["total"] == len(listed)


def test_parallel_changes_never_fail_and_totals_agree(shop: Shop) -> None:
    mixed(shop, 400, seed=1)
    totals_agree(shop)


@pytest.mark.soak
def test_parallel_changes_never_fail_and_totals_agree_past_what_is_counted(shop: Shop) -> None:
    many = [{"source_id": f"many-{n}"} for n in range(10_200)]
    action = shop.finished(shop.api.post("/v1/customers/bulk/async", json=many), 120)
    assert action["result"]["done_count"] == 10_200
    for seed in range(10):
        mixed(shop, 1000, seed)
    totals_agree(shop)


# --- one customer, a hundred keys -----------------------------------------------------------------


def disjoint(shop: Shop, source_id: str) -> None:
    """A hundred changes of one customer, each of a metadata key of its own: all of them land."""
    created = shop.api.post("/v1/customers", json={"source_id": source_id, "metadata": {"was": 1}})
    assert created.status_code == 200
    path = f"/v1/customers/{source_id}"
    asks: list[Ask] = []
    for n in range(100):
        change = {"metadata": {f"key_{n}": n}}
        if n % 2:
            asks.append(("PUT", path, change))
        else:
            asks.append(("POST", "/v1/customers", {"source_id": source_id, **change}))
    answers = parallel(shop, asks)
    assert Counter(answer.status_code for answer in answers) == {200: 100}
    for n, answer in enumerate(answers):
        assert answer.json()["metadata"][f"key_{n}"] == n
    metadata = shop.api.get(path).json()["metadata"]
    assert metadata == {"was": 1, **{f"key_{n}": n for n in range(100)}}


def test_parallel_updates_of_disjoint_metadata_all_land(shop: Shop) -> None:
    disjoint(shop, "keys")


@pytest.mark.soak
def test_parallel_updates_of_disjoint_metadata_all_land_every_time(shop: Shop) -> None:
    for number in range(20):
        disjoint(shop, f"keys-{number}")
