"""Of a forgotten customer nothing is left either in what they bought and did, in orders of others
whom they referred, in imports of orders, or in files.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.test_bulk import while_locked
from tests.api.test_customers import read, save, sql
from tests.api.test_exports import ended, export
from tests.api.test_metadata_enforcement import define
from tests.api.test_metadata_in_bulk import finished
from tests.api.test_permanent_deletion import MARK, NAME, forget, person, traces
from tests.running import Shop, until


def named(step: str) -> dict[str, Any]:
    """The person, as an order or event names them."""
    return {"source_id": NAME, **person(step)}


def post(shop: Shop, path: str, **body: Any) -> dict[str, Any]:
    answer = shop.api.post(path, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def imported(shop: Shop, *orders: dict[str, Any]) -> dict[str, Any]:
    return finished(shop, shop.api.post("/v1/orders/import", json=list(orders)))


def settled(shop: Shop) -> None:
    """Waits until segments are up to date, whose events tell of customers."""
    until(
        lambda: (
            sql(
                shop,
                "SELECT count(*) FROM segments WHERE project_id = $1 "
                "AND initial_sync_status <> 'DONE'",
            )[0][0]
            == 0
        )
    )


def test_orders_events_segments_and_files(shop: Shop) -> None:
    condition = {"conditions": {"$more_than": 0}}
    post(
        shop,
        "/v1/segments",
        name="buyers",
        type="auto-update",
        filter={"junction": "and", "summary.orders.total_count": condition},
    )
    settled(shop)
    save(shop, source_id="bystander", name="Bystander")
    metadata = {f"{MARK}key": f"{MARK}value"}
    post(
        shop,
        "/v1/orders",
        source_id=f"{MARK}order",
        status="PAID",
        customer=named("order"),
        metadata=metadata,
        items=[{"source_id": f"{MARK}item", "amount": 5, "metadata": metadata}],
    )
    shop.api.put(f"/v1/orders/{MARK}order", json={"status": "FULFILLED", "metadata": {"n": 1}})
    post(shop, "/v1/orders", status="CANCELED", customer=named("canceled"))
    post(
        shop,
        "/v1/events",
        event="seen",
        customer=named("event"),
        metadata=metadata,
        referral={"code": f"{MARK}code", "referrer_id": f"{MARK}referrer"},
        loyalty={"code": f"{MARK}card"},
    )
    action = imported(
        shop, {"source_id": "imported", "status": "PAID", "customer": named("import")}
    )
    for noun in ("customer", "order"):
        fields = [f"metadata.{MARK}key"]
        filters = {"source_id": {"conditions": {"$is_not": f"{MARK}filter"}}}
        ended(shop, export(shop, noun, fields=["id", "source_id", *fields], filters=filters)["id"])
    kept = export(shop, "product")["id"]
    ended(shop, kept)
    before = set(traces(shop, MARK))
    assert {
        *("public.orders", "public.custom_events", "public.exports", "public.events"),
        "public.customers",
    } <= before
    post(shop, "/v1/orders", source_id="other", status="PAID", customer={"source_id": "bystander"})
    deletion = forget(shop, NAME)
    assert (deletion["data_json"]["orders"], deletion["data_json"]["events"]) == (3, 1)
    assert deletion["data_json"]["segments"] == 1
    assert traces(shop, MARK) == {}
    assert MARK not in httpx.get(action["result"]["reports"][0]).text
    # What is others' stays, and so do files that tell of nobody.
    assert read(shop, "bystander")["summary"]["orders"]["total_count"] == 1
    assert [order["source_id"] for order in shop.api.get("/v1/orders").json()["orders"]] == [
        "other"
    ]
    assert [one["id"] for one in shop.api.get("/v1/exports").json()["exports"]] == [kept]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"status": "CANCELED"},
        {"referrer": {"source_id": "another"}},
        {"customer": {"source_id": "another"}},
        {"customer": {"source_id": "another"}, "referrer": {"source_id": "bystander"}},
    ],
)
def test_orders_of_others_that_named_them_as_referrer(shop: Shop, change: dict[str, Any]) -> None:
    """However the order changed afterwards."""
    save(shop, source_id="bystander", name="Bystander")
    save(shop, source_id="another", name="Another")
    order = {"source_id": "o", "status": "PAID", "amount": 7, "items": []}
    post(shop, "/v1/orders", **order, customer={"source_id": "bystander"}, referrer=named("order"))
    assert shop.api.put("/v1/orders/o", json=change).status_code == 200
    assert "public.events" in traces(shop, MARK)
    path = "/v1/customers/bystander/activity"
    events = shop.api.get(path).json()["data"]
    forget(shop, NAME)
    assert traces(shop, MARK) == {}
    # The other's order and events are all there.
    assert shop.api.get("/v1/orders").json()["total"] == 1
    assert [one["id"] for one in shop.api.get(path).json()["data"]] == [one["id"] for one in events]


def test_a_referrer_of_whom_only_the_name_is_left(shop: Shop) -> None:
    """They were deleted first, and their order's events with the other customer were not."""
    save(shop, source_id="bystander")
    post(
        shop,
        "/v1/orders",
        status="PAID",
        customer={"source_id": "bystander"},
        referrer=named("referrer"),
    )
    assert shop.api.delete(f"/v1/customers/{NAME}").status_code == 204
    assert "public.events" in traces(shop, MARK)
    forget(shop, NAME)
    assert traces(shop, MARK) == {}


def test_a_referrer_in_the_events_of_others(shop: Shop) -> None:
    save(shop, **named("create"))
    referral = {"code": "friends", "referrer_id": NAME}
    post(shop, "/v1/events", event="joined", customer={"source_id": "friend"}, referral=referral)
    forget(shop, NAME)
    assert traces(shop, MARK) == {}


def test_rows_of_an_import_that_failed(shop: Shop) -> None:
    """A reason quotes what was wrong."""
    define(shop, "customer", {"a": {"type": "number", "optional": True}})
    save(shop, **named("create"))
    wrong = {"a": f"{MARK}wrong"}
    action = imported(
        shop,
        {"source_id": "1", "customer": {"source_id": NAME, "metadata": wrong}},
        {"source_id": "2", "referrer": {"source_id": NAME, "metadata": wrong}},
        {"source_id": "3", "customer": {"source_id": "bystander", "metadata": {"a": "not theirs"}}},
    )
    assert action["result"]["failed_count"] == 3
    assert "public.job_rows" in traces(shop, MARK)
    forget(shop, NAME)
    assert traces(shop, MARK) == {}
    [left] = sql(
        shop, "SELECT error FROM job_rows WHERE project_id = $1 AND error LIKE '%not theirs%'"
    )
    assert left[0] == "a: must be a number (actual value is 'not theirs')"
    assert MARK not in httpx.get(action["result"]["reports"][0]).text


@pytest.mark.parametrize("by", ["id", "source_id"])
@pytest.mark.parametrize("role", ["customer", "referrer"])
def test_an_import_of_orders_that_waits_does_not_bring_them_back(
    shop: Shop, by: str, role: str
) -> None:
    save(shop, source_id="gate")
    customer = save(shop, **named("create"))

    def act() -> httpx.Response:
        sent = shop.api.post(
            "/v1/orders/import",
            json=[
                {"source_id": "first", "customer": {"source_id": "gate", "name": "Gate"}},
                {"source_id": "1", role: {by: customer[by], **person("import")}},
                {"source_id": "2", f"{role}_id": customer[by]},
                {"source_id": "last", "customer": {"source_id": "bystander"}},
            ],
        )
        # Nothing of it is done while the first row has to wait.
        forget(shop, customer[by])
        return sent

    action = finished(shop, while_locked(shop, "gate", act))
    assert action["result"]["done_count"] >= 2
    assert traces(shop, MARK) == {}
    found = shop.api.get("/v1/customers").json()["customers"]
    assert sorted(one["source_id"] for one in found) == ["bystander", "gate"]
