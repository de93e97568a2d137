from __future__ import annotations

import re
import time
from typing import Any

import pytest

from tests.api.test_customers import UNUSED, read, save, sql
from tests.running import Shop, running, until

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
VIPS = {"metadata.vip": {"conditions": {"$is": [True]}}}
UNKNOWN = "seg_000000000000000000000000"


def make(shop: Shop, name: str = "VIPs", *, wait: bool = True, **body: Any) -> dict[str, Any]:
    """A new segment, with its first members found unless `wait` is false."""
    answer = shop.api.post("/v1/segments", json={"name": name, **body})
    assert answer.status_code == 200, answer.text
    segment: dict[str, Any] = answer.json()
    if wait:
        until(lambda: get(shop, segment["id"])["initial_sync_status"] == "DONE")
    return segment


def get(shop: Shop, segment_id: str) -> dict[str, Any]:
    answer = shop.api.get(f"/v1/segments/{segment_id}")
    assert answer.status_code == 200, answer.text
    segment: dict[str, Any] = answer.json()
    return segment


def members(shop: Shop, segment_id: str) -> set[str]:
    """The source ids of a segment's customers, as the customer list has them."""
    answer = shop.api.get("/v1/customers", params={"segment_id": segment_id, "limit": 100})
    assert answer.status_code == 200, answer.text
    assert answer.json()["total"] == len(answer.json()["customers"])
    return {customer["source_id"] for customer in answer.json()["customers"]}


def segments_of(shop: Shop, customer: str) -> list[str]:
    """The names of the segments that a customer is in, in the order of the answer."""
    answer = shop.api.get(f"/v1/customers/{customer}/segments")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["object"], found["data_ref"], found["total"]) == (
        "list",
        "data",
        len(found["data"]),
    )
    assert all(set(segment) == {"id", "name", "object"} for segment in found["data"])
    return [segment["name"] for segment in found["data"]]


def moves(shop: Shop, customer: str) -> list[tuple[str, str]]:
    """What a customer's activity tells of segments, the oldest first."""
    answer = shop.api.get(f"/v1/customers/{customer}/activity", params={"limit": 100})
    assert answer.status_code == 200, answer.text
    found = [
        (event["type"], event["data"]["segment"]["name"])
        for event in answer.json()["data"]
        if event["type"].startswith("customer.segment.")
    ]
    return found[::-1]


ENTERED, LEFT = "customer.segment.entered", "customer.segment.left"

# --- static --------------------------------------------------------------------------------------


def test_a_static_segment_holds_the_customers_that_are_named(shop: Shop) -> None:
    ann, bob, cid = (save(shop, source_id=name)["id"] for name in ("ann", "bob", "cid"))
    answer = shop.api.post(
        "/v1/segments",
        json={"name": "Two", "type": "static", "customers": [ann, bob, ann]},
    )
    assert answer.status_code == 200
    segment = answer.json()
    assert re.fullmatch(r"seg_[0-9A-Za-z]{24}", segment["id"])
    assert re.fullmatch(TIME, segment["created_at"])
    assert {name: segment[name] for name in segment if name not in ("id", "created_at")} == {
        "name": "Two",
        "type": "static",
        "filter": None,
        "initial_sync_status": "DONE",
        "object": "segment",
    }
    assert get(shop, segment["id"]) == segment
    assert members(shop, segment["id"]) == {"ann", "bob"}
    assert [segments_of(shop, name) for name in (ann, "bob", cid)] == [["Two"], ["Two"], []]
    assert moves(shop, ann) == []
    # A change of the customer moves nobody.
    save(shop, source_id="ann", name="Ann")
    assert members(shop, segment["id"]) == {"ann", "bob"}


def test_a_static_segment_may_be_empty_and_needs_no_type(shop: Shop) -> None:
    ann = save(shop, source_id="ann")["id"]
    assert make(shop, "One", customers=[ann])["type"] == "static"
    empty = make(shop, "None", type="static")
    assert members(shop, empty["id"]) == set()


def test_an_unknown_customer_in_a_static_segment(shop: Shop) -> None:
    ann = save(shop, source_id="ann")["id"]
    for name in (UNUSED, "ann"):
        answer = shop.api.post(
            "/v1/segments", json={"name": "No", "type": "static", "customers": [ann, name]}
        )
        assert answer.status_code == 404
        assert answer.json()["resource_id"] == name
    assert shop.api.get("/v1/segments").json()["total"] == 0
    assert sql(shop, "SELECT 1 FROM segment_customers WHERE project_id = $1") == []


def test_a_customer_of_another_project_is_unknown(shop: Shop) -> None:
    other = shop.server.project()
    stranger = save(other, source_id="ann")["id"]
    body = {"name": "No", "type": "static", "customers": [stranger]}
    assert shop.api.post("/v1/segments", json=body).status_code == 404


def fill(shop: Shop, count: int) -> list[str]:
    """Makes so many customers; their ids."""
    statement = """
    INSERT INTO customers (project_id, id, source_id, metadata, created_at)
    SELECT $1, 'cust_' || lpad(n::text, 24, '0'), n::text, '{}',
        '2026-01-01'::timestamptz + n * interval '1 ms'
    FROM generate_series(1, $2::int) AS n RETURNING id
    """
    return sorted(row["id"] for row in sql(shop, statement, count))


def test_a_static_segment_has_at_most_20000_customers(shop: Shop) -> None:
    ids = fill(shop, 20_001)
    body = {"name": "No", "type": "static", "customers": ids}
    answer = shop.api.post("/v1/segments", json=body)
    assert answer.status_code == 400
    assert answer.json()["details"] == "A static segment can have at most 20000 customers"
    assert shop.api.get("/v1/segments").json()["total"] == 0
    segment = make(shop, type="static", customers=ids[:-1])
    answer = shop.api.get("/v1/customers", params={"segment_id": segment["id"]})
    assert answer.status_code == 200, answer.text
    # Past 10,000 the number is counted or estimated, as time allows.
    assert answer.json()["total"] > 10_000
    [found] = sql(shop, "SELECT count(*) FROM segment_customers WHERE project_id = $1")
    assert found[0] == 20_000


def test_a_plan_of_small_tables_is_not_kept_for_large_ones() -> None:
    for server in running(workers=1):
        shop = server.project()
        few = make(shop, type="static", customers=[save(shop, source_id="ann")["id"]])
        path = "/v1/customers"
        for _ in range(3):
            assert shop.api.get(path, params={"segment_id": few["id"]}).json()["total"] == 1
        many = make(shop, name="Many", type="static", customers=fill(shop, 20_000))
        began = time.monotonic()
        for limit in (10, 100):
            answer = shop.api.get(path, params={"segment_id": many["id"], "limit": limit})
            assert answer.json()["total"] > 10_000, answer.text
        assert time.monotonic() - began < 5


# --- by a filter ---------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", ["auto-update", "passive"])
def test_customers_enter_and_leave_by_what_they_are(shop: Shop, type_: str) -> None:
    save(shop, source_id="ann", metadata={"vip": True})
    save(shop, source_id="bob")
    segment = make(shop, type=type_, filter=VIPS)
    assert segment["filter"] == VIPS
    assert segment["type"] == type_
    assert members(shop, segment["id"]) == {"ann"}
    save(shop, source_id="bob", metadata={"vip": True})
    save(shop, source_id="cid", metadata={"vip": True})
    assert members(shop, segment["id"]) == {"ann", "bob", "cid"}
    shop.api.put("/v1/customers/ann", json={"metadata": {"vip": None}})
    save(shop, source_id="cid", metadata={"vip": 1})
    assert members(shop, segment["id"]) == {"bob"}
    assert [segments_of(shop, name) for name in ("ann", "bob", "cid")] == [[], ["VIPs"], []]
    told = type_ == "auto-update"
    # Those who were there from the beginning did not enter.
    assert moves(shop, "ann") == ([(LEFT, "VIPs")] if told else [])
    assert moves(shop, "bob") == ([(ENTERED, "VIPs")] if told else [])
    assert moves(shop, "cid") == ([(ENTERED, "VIPs"), (LEFT, "VIPs")] if told else [])


def test_a_filter_without_a_type_is_passive(shop: Shop) -> None:
    assert make(shop, filter=VIPS)["type"] == "passive"


def test_the_event_tells_of_customer_and_segment(shop: Shop) -> None:
    segment = make(shop, type="auto-update", filter=VIPS)
    save(shop, source_id="ann", metadata={"vip": True})
    [event, created] = shop.api.get("/v1/customers/ann/activity").json()["data"]
    assert (created["type"], event["type"]) == ("customer.created", ENTERED)
    assert event["data"] == {
        "customer": read(shop, "ann"),
        "segment": {"id": segment["id"], "name": "VIPs", "object": "segment"},
    }
    # Nothing is told again by a change that moves nobody.
    save(shop, source_id="ann", name="Ann")
    assert moves(shop, "ann") == [(ENTERED, "VIPs")]


def order(shop: Shop, customer: str, amount: int, status: str = "PAID") -> str:
    answer = shop.api.post(
        "/v1/orders",
        json={"amount": amount, "status": status, "customer": {"source_id": customer}},
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def test_orders_move_their_customer(shop: Shop) -> None:
    segment = make(
        shop,
        "Spenders",
        type="auto-update",
        filter={"summary.orders.total_amount": {"conditions": {"$more_than_equal": 1000}}},
    )
    save(shop, source_id="ann")
    order(shop, "ann", 600)
    assert members(shop, segment["id"]) == set()
    second = order(shop, "ann", 400)
    order(shop, "bob", 1000)
    assert members(shop, segment["id"]) == {"ann", "bob"}
    shop.api.put(f"/v1/orders/{second}", json={"status": "CANCELED"}).raise_for_status()
    assert members(shop, segment["id"]) == {"bob"}
    assert moves(shop, "ann") == [(ENTERED, "Spenders"), (LEFT, "Spenders")]
    assert moves(shop, "bob") == [(ENTERED, "Spenders")]


def test_imported_orders_move_their_customer(shop: Shop) -> None:
    segment = make(
        shop,
        "Buyers",
        type="auto-update",
        filter={"summary.orders.total_count": {"conditions": {"$more_than": 0}}},
    )
    orders = [
        {"source_id": f"o{n}", "amount": 100, "status": "PAID", "customer": {"source_id": "ann"}}
        for n in range(2)
    ]
    answer = shop.api.post("/v1/orders/import", json=orders)
    assert answer.status_code == 200, answer.text
    action = f"/v1/async-actions/{answer.json()['async_action_id']}"
    until(lambda: shop.api.get(action).json()["status"] == "DONE")
    assert members(shop, segment["id"]) == {"ann"}
    assert moves(shop, "ann") == [(ENTERED, "Buyers")]


def track(shop: Shop, event: str, customer: str, **more: Any) -> None:
    answer = shop.api.post(
        "/v1/events", json={"event": event, "customer": {"source_id": customer}, **more}
    )
    assert answer.status_code == 200, answer.text


def test_events_move_their_customer(shop: Shop) -> None:
    often = make(
        shop,
        "Often",
        type="auto-update",
        filter={"events.seen": {"conditions": {"$count_more": 1, "$less_than_ago": 1}}},
    )
    ever = make(
        shop, "Ever", type="passive", filter={"events.seen.count": {"conditions": {"$is": 1}}}
    )
    never = make(
        shop, "Never", type="passive", filter={"events.seen": {"conditions": {"$count": 0}}}
    )
    save(shop, source_id="ann")
    assert segments_of(shop, "ann") == ["Never"]
    track(shop, "seen", "ann")
    assert segments_of(shop, "ann") == ["Ever"]
    track(shop, "heard", "ann")
    track(shop, "seen", "ann")
    assert segments_of(shop, "ann") == ["Often"]
    assert [members(shop, found["id"]) for found in (often, ever, never)] == [{"ann"}, set(), set()]
    assert moves(shop, "ann") == [(ENTERED, "Often")]


def test_bulk_updates_and_imports_move_their_customers(shop: Shop) -> None:
    segment = make(shop, type="auto-update", filter=VIPS)
    save(shop, source_id="ann")
    shop.finished(
        shop.api.post(
            "/v1/customers/metadata/async",
            json={"source_ids": ["ann", "bob"], "metadata": {"vip": True}},
        )
    )
    assert members(shop, segment["id"]) == {"ann", "bob"}
    shop.finished(
        shop.api.post(
            "/v1/customers/bulk/async",
            json=[
                {"source_id": "ann", "metadata": {"vip": False}},
                {"source_id": "cid", "metadata": {"vip": True}},
            ],
        )
    )
    assert members(shop, segment["id"]) == {"bob", "cid"}
    content = b"source_id,vip\nbob,false\ndan,true\n"
    answer = shop.api.post("/v1/customers/importCSV", files={"file": ("c.csv", content)})
    shop.finished(answer)
    # Without a schema, a file has only texts: `true` is the text, which is no other than true.
    assert members(shop, segment["id"]) == {"cid", "dan"}
    assert {name: moves(shop, name) for name in ("ann", "bob", "cid", "dan")} == {
        "ann": [(ENTERED, "VIPs"), (LEFT, "VIPs")],
        "bob": [(ENTERED, "VIPs"), (LEFT, "VIPs")],
        "cid": [(ENTERED, "VIPs")],
        "dan": [(ENTERED, "VIPs")],
    }


def test_a_deleted_customer_is_in_no_segment(shop: Shop) -> None:
    dynamic = make(shop, "A", type="auto-update", filter=VIPS)
    ann = save(shop, source_id="ann", metadata={"vip": True})["id"]
    static = make(shop, "B", type="static", customers=[ann])
    assert shop.api.delete("/v1/customers/ann").status_code == 204
    assert members(shop, dynamic["id"]) == members(shop, static["id"]) == set()
    assert sql(shop, "SELECT 1 FROM segment_customers WHERE project_id = $1") == []
    # Nobody may make a static segment with them, and the same name comes back as a stranger.
    body = {"name": "C", "type": "static", "customers": [ann]}
    assert shop.api.post("/v1/segments", json=body).status_code == 404
    save(shop, source_id="ann", metadata={"vip": True})
    assert segments_of(shop, "ann") == ["A"]


# --- lists ---------------------------------------------------------------------------------------


def listed(shop: Shop, **query: Any) -> list[str]:
    answer = shop.api.get("/v1/segments", params=query)
    assert answer.status_code == 200, answer.text
    return [segment["name"] for segment in answer.json()["data"]]


def test_list(shop: Shop) -> None:
    made = [make(shop, name, filter=VIPS, wait=False) for name in ("A", "B", "C")]
    made.append(make(shop, "D", type="static"))
    answer = shop.api.get("/v1/segments").json()
    assert (answer["object"], answer["data_ref"], answer["total"]) == ("list", "data", 4)
    assert listed(shop) == ["D", "C", "B", "A"]
    assert listed(shop, order="created_at") == ["A", "B", "C", "D"]
    assert listed(shop, limit=2) == ["D", "C"]
    assert listed(shop, ids=f"{made[0]['id']},{made[2]['id']}") == ["C", "A"]
    assert listed(shop, **{"filters[type][conditions][$is]": "static"}) == ["D"]
    assert listed(shop, **{"filters[name][conditions][$in]": "['A', 'D']"}) == ["D", "A"]
    assert shop.api.get("/v1/segments", params={"limit": 101}).status_code == 400
    assert shop.api.get("/v1/segments", params={"order": "name"}).status_code == 400
    other = shop.server.project()
    assert other.api.get("/v1/segments").json()["total"] == 0
    assert other.api.get(f"/v1/segments/{made[0]['id']}").status_code == 404
    assert other.api.delete(f"/v1/segments/{made[0]['id']}").status_code == 404


def test_the_customer_list_by_segment(shop: Shop) -> None:
    ids = [save(shop, source_id=f"c{n}")["id"] for n in range(5)]
    segment = make(shop, type="static", customers=ids[1:4])
    query = {"segment_id": segment["id"], "limit": 2, "order": "created_at"}
    first = shop.api.get("/v1/customers", params=query).json()
    assert [customer["source_id"] for customer in first["customers"]] == ["c1", "c2"]
    assert first["total"] == 3
    second = shop.api.get("/v1/customers", params={**query, "page": 2}).json()
    assert [customer["source_id"] for customer in second["customers"]] == ["c3"]
    assert members(shop, UNKNOWN) == set()
