"""Whatever is done with orders and their customers, one after another: `summary.orders` of every
customer is what a recount of the orders finds, and refusals change nothing.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from largesse.engine.money import average
from tests.races.load import sql
from tests.races.test_orders import RECOUNT, recounted
from tests.running import Server, Shop

PEOPLE = ["ann", "bob", "cid"]
NAMES = ["o1", "o2", "o3", "o4"]
STATUSES = ["CREATED", "PAID", "FULFILLED", "CANCELED"]

AMOUNT = st.integers(0, 1000) | st.sampled_from([10**15, -1, "12", None])
ITEM = st.fixed_dictionaries(
    {}, optional={"price": AMOUNT, "quantity": st.integers(0, 5), "discount_amount": AMOUNT}
)
WHO = st.builds(lambda name: {"source_id": name}, st.sampled_from(PEOPLE)) | st.none()
BODY = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(STATUSES) | st.none(),
        "amount": AMOUNT,
        "discount_amount": AMOUNT,
        "items": st.lists(ITEM, max_size=3) | st.none(),
        "customer": WHO,
        "referrer": WHO,
        "metadata": st.just({"k": 1}),
        "created_at": st.sampled_from(["2001-01-01", "2020-05-05T05:05:05.005Z", "2020-05-05"]),
    },
)
ORDER = st.sampled_from(NAMES)
Step = tuple[str, str, dict[str, Any]]
STEP: st.SearchStrategy[Step] = (
    st.tuples(st.just("save"), ORDER, BODY)
    | st.tuples(st.just("save"), ORDER, BODY)
    | st.tuples(st.just("change"), ORDER, BODY)
    | st.tuples(st.just("cancel"), ORDER, st.just({}))
    | st.tuples(st.just("delete"), st.sampled_from(PEOPLE), st.just({}))
    | st.tuples(st.just("forget"), st.sampled_from(PEOPLE), st.just({}))
    | st.tuples(st.just("return"), st.sampled_from(PEOPLE), st.just({}))
)
ALLOWED = {
    "save": {200, 400},
    "change": {200, 400, 404},
    "cancel": {200, 404},
    "delete": {204, 404},
    "forget": {200, 404},
    "return": {200, 409},
}


class Play:
    """A sequence of steps in a project of its own."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        # Ids of the customers who were there, by source id: somebody may return with theirs.
        self.ids: dict[str, str] = {}

    def step(self, word: str, name: str, body: dict[str, Any]) -> None:
        method, path, sent = self.request(word, name, body)
        answer = self.shop.api.request(method, path, json=sent)
        assert answer.status_code in ALLOWED[word], f"{method} {path} {sent}: {answer.text}"
        if answer.status_code == 400:
            assert answer.json()["key"] in ("invalid_payload", "invalid_order")
        if word == "forget" and answer.status_code == 200:
            self.ids.pop(name, None)
        self.compare()

    def request(self, word: str, name: str, body: dict[str, Any]) -> tuple[str, str, Any]:
        if word == "save":
            return "POST", "/v1/orders", {"source_id": name, **body}
        if word == "change":
            return "PUT", f"/v1/orders/{name}", body
        if word == "cancel":
            return "PUT", f"/v1/orders/{name}", {"status": "CANCELED"}
        if word == "delete":
            return "DELETE", f"/v1/customers/{name}", None
        if word == "forget":
            return "POST", f"/v1/customers/{name}/permanent-deletion", None
        known = self.ids.get(name)
        return "POST", "/v1/customers", {"source_id": name, **({"id": known} if known else {})}

    def compare(self) -> None:
        """Every customer's summary, as it is stored and as it is answered, against the orders."""
        counted = {}
        for source_id, *sums in sql(self.shop.server, RECOUNT, self.shop.id):
            assert sums[:4] == sums[4:], f"{source_id} has {sums[:4]}, their orders say {sums[4:]}"
            counted[source_id] = sums[4:]
        listed = self.shop.api.get("/v1/customers").json()["customers"]
        assert {customer["source_id"] for customer in listed} == set(counted)
        for customer in listed:
            self.ids[customer["source_id"]] = customer["id"]
            amount, count, last_amount, last_date = counted[customer["source_id"]]
            expected = {
                "total_amount": amount,
                "total_count": count,
                "average_amount": average(amount, count),
                "last_order_amount": last_amount,
            }
            if last_date is not None:
                stamp = last_date.isoformat(timespec="milliseconds")
                expected["last_order_date"] = stamp.replace("+00:00", "Z")
            assert customer["summary"]["orders"] == expected


def play(server: Server, steps: list[Step]) -> None:
    one = Play(server.project())
    for step in steps:
        one.step(*step)


common = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@settings(common, max_examples=20)
@given(steps=st.lists(STEP, min_size=4, max_size=14))
def test_summaries_are_what_a_recount_finds(server: Server, steps: list[Step]) -> None:
    play(server, steps)


@pytest.mark.soak
@settings(common, max_examples=600)
@given(steps=st.lists(STEP, min_size=4, max_size=40))
def test_summaries_are_always_what_a_recount_finds(server: Server, steps: list[Step]) -> None:
    play(server, steps)


def test_a_long_life(shop: Shop) -> None:
    """A sequence with everything in it, so that the short form never misses what it is for."""
    one = Play(shop)
    ann, bob = {"source_id": "ann"}, {"source_id": "bob"}
    for step in (
        ("save", "o1", {"status": "PAID", "amount": 100, "customer": ann}),
        (
            "save",
            "o2",
            {"status": "PAID", "amount": 50, "customer": ann, "created_at": "2001-01-01"},
        ),
        ("change", "o2", {"items": [{"price": 7, "quantity": 3}]}),
        ("change", "o1", {"customer": bob, "status": "FULFILLED"}),
        ("save", "o3", {"status": "PAID", "amount": 10**15, "customer": bob, "referrer": ann}),
        ("change", "o3", {"status": "CREATED"}),
        ("save", "o1", {"customer": ann, "amount": 5, "discount_amount": 9}),
        ("cancel", "o3", {}),
        ("delete", "bob", {}),
        ("change", "o3", {"metadata": {"k": 1}}),
        ("save", "o4", {"status": "PAID", "amount": 3, "customer": bob}),
        ("delete", "ann", {}),
        ("cancel", "o2", {}),
        ("save", "o1", {"customer": bob}),
        ("forget", "bob", {}),
        ("save", "o4", {"status": "PAID", "amount": 4, "customer": bob}),
    ):
        one.step(*step)
    assert recounted(shop) == {"bob": (4, 1)}


def test_somebody_who_returns_with_their_old_id(shop: Shop) -> None:
    one = Play(shop)
    for step in (
        ("save", "o1", {"status": "PAID", "amount": 100, "customer": {"source_id": "ann"}}),
        ("delete", "ann", {}),
        ("return", "ann", {}),
        ("cancel", "o1", {}),
    ):
        one.step(*step)
