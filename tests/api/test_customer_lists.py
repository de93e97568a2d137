from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from largesse.store import events
from tests.api.test_customers import save, sql
from tests.crowd import on_database
from tests.running import Shop, until

START = datetime(2024, 1, 1, tzinfo=UTC)


def fill(shop: Shop, count: int, created: datetime = START, **columns: str) -> None:
    """Customers c0001, c0002, ... with their events, written at once. Each column is an SQL
    expression of `n`; without one for `created_at` all share one instant.
    """
    columns = {"created_at": "$3::timestamptz", "metadata": "'{}'", **columns}
    sql(
        shop,
        f"INSERT INTO customers (project_id, id, source_id, {', '.join(columns)}) "
        "SELECT $1, 'cust_' || lpad(n::text, 24, '0'), "
        "'c' || lpad(n::text, greatest(4, length(n::text)), '0'), "
        f"{', '.join(columns.values())} FROM generate_series(1, $2::int) AS n "
        "WHERE $3::timestamptz IS NOT NULL",
        count,
        created,
    )
    sql(
        shop,
        "INSERT INTO events (project_id, id, type, customer_id, group_id, data, created_at) "
        "SELECT $1, 'evcus_' || lpad(n::text, 18, '0'), 'customer.created', "
        "'cust_' || lpad(n::text, 24, '0'), 'v-1', '{}', $3::timestamptz "
        "FROM generate_series(1, $2::int) AS n",
        count,
        created,
    )


def listed(shop: Shop, **params: Any) -> dict[str, Any]:
    answer = shop.api.get("/v1/customers", params=params)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def names(shop: Shop, **params: Any) -> list[str]:
    return [customer["source_id"] for customer in listed(shop, **params)["customers"]]


# --- the envelope, orders, paging ---------------------------------------------------------------


def test_an_empty_list(shop: Shop) -> None:
    assert listed(shop) == {
        "object": "list",
        "data_ref": "customers",
        "customers": [],
        "total": 0,
        "has_more": False,
    }


def test_the_newest_ten_come_first(shop: Shop) -> None:
    fill(shop, 12, created_at="$3::timestamptz + n * interval '1 s'")
    page = listed(shop)
    assert [customer["source_id"] for customer in page["customers"]] == [
        f"c{n:04}" for n in range(12, 2, -1)
    ]
    assert (page["total"], page["has_more"]) == (12, True)
    assert page["customers"][0]["created_at"] == "2024-01-01T00:00:12.000Z"


def test_every_order(shop: Shop) -> None:
    for name in ("b", "a", "C", "ä"):
        save(shop, source_id=name)
    unnamed = save(shop)["id"]
    for seconds, name in enumerate(("C", "a", "ä", "b")):
        at = START + timedelta(seconds=seconds)
        sql(shop, "UPDATE customers SET created_at = $2 WHERE project_id = $1 AND source_id = $3",
            at, name)  # fmt: skip
    sql(shop, "UPDATE customers SET created_at = $2 WHERE project_id = $1 AND source_id IS NULL",
        START - timedelta(days=1))  # fmt: skip
    for seconds, name in enumerate(("b", "ä")):
        at = START + timedelta(days=1, seconds=seconds)
        sql(shop, "UPDATE customers SET updated_at = $2 WHERE project_id = $1 AND source_id = $3",
            at, name)  # fmt: skip

    def ordered(order: str) -> list[str]:
        return [
            customer.get("source_id", "-") for customer in listed(shop, order=order)["customers"]
        ]

    assert ordered("created_at") == ["-", "C", "a", "ä", "b"]
    assert ordered("-created_at") == ["b", "ä", "a", "C", "-"]
    # Who was never updated counts as the oldest; the id settles ties.
    never = sorted((save_id(shop, name), name) for name in ("a", "C"))
    never = sorted([*never, (unnamed, "-")])
    assert ordered("updated_at") == [*(name for _, name in never), "b", "ä"]
    assert ordered("-updated_at") == ["ä", "b", *(name for _, name in reversed(never))]
    by_name = ordered("source_id")
    assert by_name[0] == "-"
    assert sorted(by_name[1:]) == ["C", "a", "b", "ä"]
    assert [name for name in by_name if name in "ab"] == ["a", "b"]
    assert ordered("-source_id") == by_name[::-1]


def save_id(shop: Shop, source_id: str) -> str:
    answer: str = shop.api.get(f"/v1/customers/{source_id}").json()["id"]
    return answer


def test_pages_hold_everything_once(shop: Shop) -> None:
    fill(shop, 25)
    seen: list[str] = []
    for page, more in ((1, True), (2, True), (3, False)):
        answer = listed(shop, page=page, order="created_at")
        seen += [customer["source_id"] for customer in answer["customers"]]
        assert (answer["total"], answer["has_more"]) == (25, more)
    assert seen == [f"c{n:04}" for n in range(1, 26)]
    beyond = listed(shop, page=4)
    assert (beyond["customers"], beyond["total"], beyond["has_more"]) == ([], 25, False)
    assert listed(shop, page=1000)["customers"] == []
    # A last page that is exactly full is the last.
    assert listed(shop, limit=25, page=1)["has_more"] is False
    assert listed(shop, limit=24, page=1)["has_more"] is True
    assert listed(shop, limit="5", page="5")["has_more"] is False
    assert len(listed(shop, limit=1, page=1)["customers"]) == 1
    assert len(listed(shop, limit=100)["customers"]) == 25


@pytest.mark.parametrize(
    ("params", "key"),
    [
        ({"limit": "0"}, "invalid_query_params"),
        ({"limit": "101"}, "invalid_query_params"),
        ({"limit": "-1"}, "invalid_query_params"),
        ({"limit": "ten"}, "invalid_query_params"),
        ({"limit": "1.5"}, "invalid_query_params"),
        ({"page": "0"}, "invalid_query_params"),
        ({"page": "1001"}, "page_over_limit"),
        ({"order": "name"}, "invalid_query_params"),
        ({"order": "--created_at"}, "invalid_query_params"),
        ({"order": "created_at DESC"}, "invalid_query_params"),
        ({"created_at[before]": "yesterday"}, "invalid_query_params"),
        ({"created_at[after]": "2024-13-01"}, "invalid_query_params"),
        ({"updated_at[before]": "2024-02-30T00:00:00Z"}, "invalid_query_params"),
        ({"updated_at[after]": "1"}, "invalid_query_params"),
        ({"starting_after": "cust_1"}, "invalid_query_params"),
        ({"starting_after": "2024-01-01", "order": "source_id"}, "invalid_query_params"),
        ({"starting_after": "2024-01-01", "order": "-updated_at"}, "invalid_query_params"),
    ],
)
def test_a_wrong_query_is_refused(shop: Shop, params: dict[str, str], key: str) -> None:
    answer = shop.api.get("/v1/customers", params=params)
    assert answer.status_code == 400
    assert answer.json()["key"] == key


def test_empty_and_unknown_parameters_count_as_absent(shop: Shop) -> None:
    fill(shop, 2)
    query = "limit=&page=&name=&email=None&order=&starting_after=&created_at[before]=&colour=red"
    answer = shop.api.get(f"/v1/customers?{query}")
    assert answer.status_code == 200
    assert answer.json()["total"] == 2


def test_customers_of_another_project_are_not_listed(shop: Shop) -> None:
    fill(shop, 3)
    other = shop.server.project()
    assert listed(other)["total"] == 0
    save(other, source_id="c0001")
    assert names(other) == ["c0001"]
    assert (listed(other)["total"], listed(shop)["total"]) == (1, 3)


# --- filters ------------------------------------------------------------------------------------

VALUES = ["a%b", "a_b", "axb", "aXb", "a\\b", "a+b@c", "%", "_", "zażółć 😀", "' OR ''='", " a b "]


@pytest.mark.parametrize("member", ["name", "email", "city"])
def test_text_filters_compare_whole_values(shop: Shop, member: str) -> None:
    for number, value in enumerate(VALUES):
        profile = {"address": {"city": value}} if member == "city" else {member: value}
        save(shop, source_id=str(number), **profile)
    for number, value in enumerate(VALUES):
        page = listed(shop, **{member: value})
        assert [customer["source_id"] for customer in page["customers"]] == [str(number)], value
        assert (page["total"], page["has_more"]) == (1, False)
    for near in ("a", "%b", "a*b", "A_B", "a__b"):
        page = listed(shop, **{member: near})
        assert (page["customers"], page["total"]) == ([], 0), near


def test_filters_narrow_each_other(shop: Shop) -> None:
    save(shop, source_id="1", name="Ann", email="a@x.example", address={"city": "Oslo"})
    save(shop, source_id="2", name="Ann", email="b@x.example", address={"city": "Oslo"})
    save(shop, source_id="3", name="Ann", email="b@x.example", address={"city": "Bergen"})
    assert names(shop, name="Ann") == ["3", "2", "1"]
    assert names(shop, name="Ann", city="Oslo", order="created_at") == ["1", "2"]
    assert names(shop, name="Ann", city="Oslo", email="b@x.example") == ["2"]
    assert names(shop, name="Bob", city="Oslo") == []


def test_times_filter_strictly_before_and_after(shop: Shop) -> None:
    fill(shop, 5, created_at="$3::timestamptz + n * interval '1 ms'",
         updated_at="CASE WHEN n < 4 THEN $3::timestamptz + n * interval '1 day' END")  # fmt: skip
    moment = "2024-01-01T00:00:00.003Z"
    assert names(shop, **{"created_at[before]": moment}) == ["c0002", "c0001"]
    assert names(shop, **{"created_at[after]": moment}) == ["c0005", "c0004"]
    window = {"created_at[after]": "2024-01-01T00:00:00.001Z", "created_at[before]": moment}
    assert names(shop, **window) == ["c0002"]
    assert listed(shop, **window)["total"] == 1
    # The same instant elsewhere, and a bare day.
    assert names(shop, **{"created_at[after]": "2024-01-01T02:00:00.003+02:00"}) == [
        "c0005",
        "c0004",
    ]
    assert names(shop, **{"created_at[before]": "2024-01-01"}) == []
    # Who was never updated is neither before nor after.
    assert names(shop, **{"updated_at[before]": "2024-01-03"}) == ["c0001"]
    assert names(shop, **{"updated_at[after]": "2024-01-03"}) == ["c0003"]
    assert names(shop, **{"updated_at[before]": "2100-01-01"}) == ["c0003", "c0002", "c0001"]


def test_the_segment_filter(shop: Shop) -> None:
    fill(shop, 4)
    sql(
        shop,
        "INSERT INTO segments (project_id, id, name, created_at) "
        "SELECT $1, id, id, $2 FROM unnest(ARRAY['seg_a', 'seg_b']) AS id",
        START,
    )
    sql(
        shop,
        "INSERT INTO segment_customers (project_id, segment_id, customer_id) "
        "SELECT $1, segment, 'cust_' || lpad(n::text, 24, '0') "
        "FROM (VALUES ('seg_a', 1), ('seg_a', 3), ('seg_b', 3)) AS row (segment, n)",
    )
    assert names(shop, segment_id="seg_a") == ["c0003", "c0001"]
    assert names(shop, segment_id="seg_b") == ["c0003"]
    assert listed(shop, segment_id="seg_a")["total"] == 2
    assert names(shop, segment_id="seg_") == []
    assert names(shop, segment_id="seg_%") == []


# --- scrolling ----------------------------------------------------------------------------------


def scrolled(shop: Shop, first: str | None = None, **params: Any) -> list[str]:
    """Everything, as a client scrolls: the last customer's `created_at` is the next cursor."""
    seen: list[str] = []
    cursor = first
    for _ in range(100):
        page = listed(shop, **params, **({"starting_after": cursor} if cursor else {}))
        seen += [customer["source_id"] for customer in page["customers"]]
        if not page["has_more"]:
            return seen
        assert page["customers"], "more was promised, nothing came"
        cursor = page["customers"][-1]["created_at"]
    raise AssertionError("the scroll does not end")


def test_scrolling_follows_either_direction(shop: Shop) -> None:
    fill(shop, 35, created_at="$3::timestamptz + n * interval '1 ms'")
    forth = [f"c{n:04}" for n in range(1, 36)]
    assert scrolled(shop, order="created_at", limit=10) == forth
    assert scrolled(shop, limit=10) == forth[::-1]
    assert scrolled(shop, limit=7, order="-created_at") == forth[::-1]
    after = "2024-01-01T00:00:00.033Z"
    assert names(shop, starting_after=after, order="created_at") == ["c0034", "c0035"]
    assert listed(shop, starting_after=after)["total"] == 35


# Created in bulk, many customers share an instant, and the cursor names only the instant.
TIED = "$3::timestamptz + (n / 13) * interval '1 s'"


@pytest.mark.parametrize("order", ["created_at", "-created_at"])
def test_no_customer_is_lost_between_pages_after_an_instant(shop: Shop, order: str) -> None:
    fill(shop, 60, created_at=TIED)
    outside = "2023-01-01" if order == "created_at" else "2100-01-01"
    seen = scrolled(shop, outside, order=order, limit=10)
    assert sorted(seen) == [f"c{n:04}" for n in range(1, 61)]


@pytest.mark.parametrize("order", ["created_at", "-created_at"])
def test_no_customer_is_lost_when_the_first_page_ends_within_an_instant(
    shop: Shop, order: str
) -> None:
    fill(shop, 60, created_at=TIED)
    seen = scrolled(shop, order=order, limit=10)
    assert sorted(set(seen)) == [f"c{n:04}" for n in range(1, 61)]


def test_customers_who_all_share_one_instant_can_be_scrolled(shop: Shop) -> None:
    fill(shop, 35)
    assert sorted(set(scrolled(shop, limit=10))) == [f"c{n:04}" for n in range(1, 36)]
    assert sorted(scrolled(shop, "2100-01-01", limit=10)) == [f"c{n:04}" for n in range(1, 36)]


# --- totals -------------------------------------------------------------------------------------


def folded(shop: Shop) -> int | None:
    """What the background worker has counted so far, once it has nothing left to count."""

    def idle() -> bool:
        [left] = sql(shop, "SELECT count(*) FROM events WHERE project_id = $1 AND NOT handled")
        return bool(left[0] == 0)

    until(idle, 30)
    rows = sql(shop, "SELECT n FROM totals WHERE project_id = $1 AND noun = 'customers'")
    return rows[0][0] if rows else None


def test_the_total_stays_exact_above_what_is_counted(shop: Shop) -> None:
    fill(
        shop,
        10_050,
        name="CASE WHEN n % 3 = 0 THEN 'third' ELSE 'other' END",
        created_at="$3::timestamptz + n * interval '1 ms'",
    )
    # Whether the worker has folded none, some or all of them.
    assert listed(shop)["total"] == 10_050
    assert folded(shop) == 10_050
    assert listed(shop)["total"] == 10_050
    save(shop, source_id="one more", name="third")
    for name in ("c0001", "c0002", "c0003"):
        assert shop.api.delete(f"/v1/customers/{name}").status_code == 204
    # An update and a refused call count for nothing.
    save(shop, source_id="one more", phone="1")
    taken = {"id": "cust_zzzzzzzzzzzzzzzzzzzzzzzz", "source_id": "c0004"}
    assert shop.api.post("/v1/customers", json=taken).status_code == 409
    rows = [{"source_id": name} for name in ("c0005", "bulk 1", "bulk 2")]
    shop.finished(shop.api.post("/v1/customers/bulk/async", json=rows))
    assert listed(shop)["total"] == 10_050
    assert folded(shop) == 10_050
    assert listed(shop)["total"] == 10_050
    # Filtered, up to 10,000 that match are counted.
    assert listed(shop, name="third")["total"] == 3_350
    assert listed(shop, name="other")["total"] == 6_698
    assert listed(shop, **{"created_at[after]": "2024-01-02"})["total"] == 3
    # Above that they are counted too where it does not take long.
    until(lambda: listed(shop, **{"created_at[before]": "2024-01-02"})["total"] == 10_047)
    # Falling back below, the list is counted again.
    sql(shop, "DELETE FROM customers WHERE project_id = $1 AND name = 'other'")
    sql(shop, "UPDATE totals SET n = 0 WHERE project_id = $1 AND noun = 'customers'")
    assert listed(shop)["total"] == 3_352


def test_events_are_counted_in_portions_whatever_the_planner_believes(shop: Shop) -> None:
    """Joined to a portion that is read anew for each row, ten thousand events take half a minute,
    and all of them at once; a planner chooses so where it last saw the project without any.
    """

    for _ in range(5):
        fill(shop.server.project(), 200)

    async def run(connection: Any) -> list[int]:
        await connection.execute("ANALYZE events")
        change = connection.transaction()
        await change.start()
        # Not committed, so that the worker cannot take them away.
        await connection.execute(
            "INSERT INTO events (project_id, id, type, group_id, data, created_at) "
            "SELECT $1, 'e' || n, 'customer.created', 'v-1', '{}', $2 "
            "FROM generate_series(1, 10050) AS n",
            shop.id,
            START,
        )
        await connection.execute("SET LOCAL statement_timeout = '5s'")
        await connection.execute("SET LOCAL enable_hashjoin = off")
        await connection.execute("SET LOCAL enable_mergejoin = off")
        await connection.execute("SET LOCAL enable_hashagg = off")
        await connection.execute("SET LOCAL enable_sort = off")
        counts = [len(await connection.fetch(events.HANDLE, shop.id, 5000)) for _ in range(3)]
        await change.rollback()
        return counts

    assert on_database(shop.server, run) == [5000, 5000, 50]


def test_what_a_list_answers_is_what_get_answers(shop: Shop) -> None:
    made = [save(shop, source_id=str(n), metadata={"n": n}) for n in range(3)]
    assert listed(shop, order="created_at")["customers"] == made
    assert json.loads(shop.api.get(f"/v1/customers/{made[1]['id']}").text) == made[1]
