from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from largesse.kit import db
from largesse.kit.errors import InvalidQueryParams
from largesse.store import customers, events, jobs, redeemables
from largesse.store.filters import TEXT, TIME
from largesse.store.listing import Listing, Window
from tests.kit.test_migrate import scratch
from tests.running import Server, Shop

START = datetime(2026, 1, 1, tzinfo=UTC)
THINGS = Listing(
    "things",
    "id, code, created_at",
    filters={"code": "code = {}", "before": "created_at < {}"},
    fields={"code": ("code", TEXT), "created_at": ("created_at", TIME)},
    orders={"created_at": "created_at", "code": "code", "id": "id"},
    default="-created_at",
)
TABLE = """
CREATE TABLE things (
    project_id text NOT NULL, id text NOT NULL, code text, created_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, id)
)
"""


class Things:
    """A table of things on a real database."""

    def __init__(self, runner: asyncio.Runner, pool: Any) -> None:
        self.run = runner.run
        self.pool = pool

    def fill(self, minutes: list[int], codes: list[str | None] | None = None) -> None:
        """One thing for each minute after the start, named a, b, c, ..."""
        rows = [
            ("mine", chr(97 + n), codes[n] if codes else None, START + timedelta(minutes=minute))
            for n, minute in enumerate(minutes)
        ]
        # Another project's rows must never be seen.
        rows.append(("yours", "x", "yours", START))
        self.run(self._fill(rows))

    async def _fill(self, rows: list[tuple[Any, ...]]) -> None:
        await self.pool.execute("DELETE FROM things")
        await self.pool.executemany("INSERT INTO things VALUES ($1, $2, $3, $4)", rows)

    def page(self, values: dict[str, Any] | None = None, **window: Any) -> tuple[str, bool]:
        """The ids of a page in one word, and whether there are more."""
        page = self.run(THINGS.page(self.pool, "mine", values or {}, Window(**window)))
        return "".join(row["id"] for row in page.rows), page.has_more

    def walk(self, by: str, order: str, limit: int) -> list[str]:
        """The pages that a client sees who follows a cursor to the end."""
        pages, window = [], Window(limit=limit, order=order)
        if by == "time":
            # From before the first: where a list begins, it cannot know that a cursor follows.
            edge = START + timedelta(days=-1 if order == "created_at" else 1)
            window = Window(limit=limit, order=order, after=edge)
        while True:
            page = self.run(THINGS.page(self.pool, "mine", {}, window))
            pages.append("".join(row["id"] for row in page.rows))
            if not page.has_more:
                return pages
            assert len(pages) < 100
            last = page.rows[-1]
            after = {"after": last["created_at"]} if by == "time" else {"after_id": last["id"]}
            window = Window(limit=limit, order=order, **after)


@pytest.fixture(scope="module")
def things(server: Server) -> Iterator[Things]:
    with asyncio.Runner() as runner:
        place = scratch(server)
        url = runner.run(place.__aenter__())
        pool = runner.run(_opened(url))
        runner.run(pool.execute(TABLE))
        yield Things(runner, pool)
        runner.run(pool.close())
        runner.run(place.__aexit__(None, None, None))


async def _opened(url: str) -> Any:
    return await (await db.open_pool(url, 4, 10_000))


# --- statements ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "window", "statement", "arguments"),
    [
        (
            {},
            Window(),
            "SELECT id, code, created_at FROM things WHERE project_id = $1 "
            "ORDER BY created_at DESC NULLS LAST, id DESC LIMIT $2 OFFSET $3",
            [11, 0],
        ),
        (
            {"code": "a", "before": None},
            Window(limit=5, page=3, order="code"),
            "SELECT id, code, created_at FROM things WHERE project_id = $1 AND code = $2 "
            "ORDER BY code ASC NULLS FIRST, id ASC LIMIT $3 OFFSET $4",
            ["a", 6, 10],
        ),
        (
            {"before": START},
            Window(order="-id", after_id="b"),
            "SELECT id, code, created_at FROM things WHERE project_id = $1 AND created_at < $2 "
            "AND id < $3 ORDER BY id DESC LIMIT $4 OFFSET $5",
            [START, "b", 11, 0],
        ),
        (
            {},
            Window(order="created_at", after=START, after_id="b"),
            "SELECT id, code, created_at FROM things WHERE project_id = $1 AND created_at > $2 "
            "AND (created_at, id) > (SELECT created_at, id FROM things "
            "WHERE project_id = $1 AND id = $3) "
            "ORDER BY created_at ASC NULLS FIRST, id ASC LIMIT $4 OFFSET $5",
            [START, "b", 11, 0],
        ),
    ],
)
def test_statement(
    values: dict[str, Any], window: Window, statement: str, arguments: list[Any]
) -> None:
    assert THINGS.statement(values, window) == (statement, arguments)


@pytest.mark.parametrize("order", ["name", "-", "--id", "-name", "id ", "ID", "id; DROP TABLE x"])
def test_an_unknown_order(order: str) -> None:
    with pytest.raises(InvalidQueryParams) as caught:
        THINGS.statement({}, Window(order=order))
    assert caught.value.details == (
        "Property .order should be equal to one of the allowed values: "
        "created_at, -created_at, code, -code, id, -id"
    )


@pytest.mark.parametrize(
    ("order", "cursor"),
    [("code", {"after": START}), ("-code", {"after_id": "a"}), ("id", {"after": START})],
)
def test_a_cursor_that_cannot_follow_the_order(order: str, cursor: dict[str, Any]) -> None:
    with pytest.raises(InvalidQueryParams) as caught:
        THINGS.statement({}, Window(order=order, **cursor))
    assert caught.value.details == (
        "A cursor can only be used with the order created_at or -created_at"
    )


VALUES = st.text(min_size=1) | st.sampled_from(
    ["'", "$1", "{}", "{0}", "%s", "); DROP TABLE x; --"]
)
LISTINGS = [THINGS, customers.LISTING, events.ACTIVITY, jobs.LISTING, redeemables.HOLDERS]


@given(st.sampled_from(LISTINGS), st.data())
def test_no_value_ever_stands_in_the_statement(listing: Listing, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(listing.filters)), unique=True))
    given_ = {name: data.draw(VALUES) for name in names}
    if listing.fields:
        field = data.draw(
            st.sampled_from(sorted(n for n, f in listing.fields.items() if f[1] == TEXT))
        )
        operator = data.draw(st.sampled_from(["$is", "$contains", "$in", "$starts_with"]))
        conditions = {field: {"conditions": {operator: data.draw(VALUES)}}}
        given_["filters"] = listing.read(conditions, START)
    window = Window(
        after_id=data.draw(st.none() | VALUES),
        order=data.draw(st.sampled_from(["", listing.default])),
    )
    statement, arguments = listing.statement(given_, window)
    plain = {
        name: listing.read({field: {"conditions": {operator: "v"}}}, START)
        if name == "filters"
        else "v"
        for name in given_
    }
    same, _ = listing.statement(plain, Window(after_id=None if window.after_id is None else "v"))
    assert statement == same
    assert [
        int(place) for place in sorted(set(re.findall(r"\$(\d+)", statement)), key=int)
    ] == list(range(1, len(arguments) + 2))


# --- pages --------------------------------------------------------------------------------------


def test_orders_and_pages(things: Things) -> None:
    things.fill([3, 1, 2, 2], ["m", None, "k", "z"])
    assert things.page() == ("adcb", False)
    assert things.page(order="created_at") == ("bcda", False)
    # An empty column counts as the oldest, in either direction.
    assert things.page(order="code") == ("bcad", False)
    assert things.page(order="-code") == ("dacb", False)
    assert things.page(order="-id") == ("dcba", False)
    assert things.page(limit=3) == ("adc", True)
    assert things.page(limit=4) == ("adcb", False)
    assert things.page(limit=3, page=2) == ("b", False)
    assert things.page(limit=3, page=3) == ("", False)
    assert things.page({"code": "k"}) == ("c", False)
    assert things.page({"code": "yours"}) == ("", False)
    assert things.page({"before": START + timedelta(minutes=2)}) == ("b", False)


def test_cursors(things: Things) -> None:
    things.fill([1, 2, 3, 4])
    assert things.page(limit=2, after=START + timedelta(minutes=3)) == ("ba", False)
    assert things.page(limit=2, order="created_at", after=START) == ("ab", True)
    assert things.page(limit=2, after_id="c") == ("ba", False)
    assert things.page(limit=1, order="created_at", after_id="b") == ("c", True)
    # A cursor that is unknown here, or another project's, leads nowhere.
    assert things.page(after_id="nobody") == ("", False)
    assert things.page(after_id="x") == ("", False)


def test_a_page_by_time_ends_between_two_instants(things: Things) -> None:
    things.fill([1, 2, 2, 2, 3])
    # A page holds less than the limit, or all that share the instant, but never a part of them.
    assert things.walk("time", "created_at", 2) == ["a", "bcd", "e"]
    assert things.walk("time", "-created_at", 3) == ["e", "dcb", "a"]
    assert things.page(limit=2, order="created_at", after=START) == ("a", True)
    found = things.page(limit=2, order="created_at", after=START + timedelta(minutes=1))
    assert found == ("bcd", True)


MINUTES = st.lists(st.integers(0, 4), max_size=12)
ORDERS = st.sampled_from(["created_at", "-created_at"])


@given(MINUTES, ORDERS, st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_following_ids_visits_each_row_once(
    things: Things, minutes: list[int], order: str, limit: int
) -> None:
    things.fill(minutes)
    pages = things.walk("id", order, limit)
    assert "".join(pages) == things.page(order=order, limit=100)[0]
    assert all(len(page) == limit for page in pages[:-1])


@given(MINUTES, ORDERS, st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_following_times_visits_each_row_once(
    things: Things, minutes: list[int], order: str, limit: int
) -> None:
    things.fill(minutes)
    pages = things.walk("time", order, limit)
    assert sorted("".join(pages)) == sorted(things.page(order=order, limit=100)[0])


@given(MINUTES, ORDERS, st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_turning_pages_visits_each_row_once(
    things: Things, minutes: list[int], order: str, limit: int
) -> None:
    things.fill(minutes)
    count = -(-len(minutes) // limit)
    pages = [things.page(order=order, limit=limit, page=n + 1) for n in range(count)]
    assert "".join(ids for ids, _ in pages) == things.page(order=order, limit=100)[0]
    assert [more for _, more in pages] == [True] * (count - 1) + [False] * bool(count)


def test_customers_made_in_one_instant_are_all_found_by_a_cursor(shop: Shop) -> None:
    rows = [{"source_id": f"c{n}"} for n in range(25)]
    action = shop.finished(shop.api.post("/v1/customers/bulk/async", json=rows))
    assert action["result"]["done_count"] == 25
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 10}
    while True:
        page = shop.api.get("/v1/customers", params=query).json()
        seen += [customer["source_id"] for customer in page["customers"]]
        if not page["has_more"]:
            break
        query["starting_after"] = page["customers"][-1]["created_at"]
    assert sorted(seen) == sorted(row["source_id"] for row in rows)


def test_counts(things: Things) -> None:
    things.fill([1, 2, 3], ["a", "a", "b"])

    def count(values: dict[str, Any]) -> int:
        return things.run(THINGS.count(things.pool, "mine", values))

    assert count({}) == 3
    assert count({"code": "a"}) == 2
    assert count({"code": None}) == 3
    assert count({"code": "nobody"}) == 0


def test_a_total_past_what_is_counted(things: Things) -> None:
    things.run(
        things.pool.execute(
            "INSERT INTO things SELECT 'many', n::text, 'c' || n % 2, $1 "
            "FROM generate_series(1, 30000) n",
            START,
        )
    )
    things.run(things.pool.execute("ANALYZE things"))

    def total(values: dict[str, Any], budget_ms: int) -> int:
        whole = "SELECT count(*) + 5 FROM things WHERE project_id = $1"
        return things.run(
            THINGS.total(things.pool, "many", values, whole=whole, budget_ms=budget_ms)
        )

    # Unfiltered, what the events say; filtered, counted while the time lasts.
    assert total({}, 1000) == 30_005
    assert total({"code": None}, 1000) == 30_005
    assert total({"code": "c1"}, 5000) == 15_000
    assert total({"code": "nobody"}, 5000) == 0


def test_a_total_of_rows_of_which_some_are_hidden(things: Things) -> None:
    """However many of those that are counted first are hidden, none is told of as one of them."""
    things.run(
        things.pool.execute(
            "INSERT INTO things SELECT 'hidden', n::text, 'c' || n % 4, $1 "
            "FROM generate_series(1, 24000) n",
            START,
        )
    )
    hidden = Listing(
        "things",
        "id",
        filters={"code": "code = {}", "among": "code = ANY({}::text[])"},
        orders={"id": "id"},
        default="id",
        only="code <> 'c3'",
        seen_by=("code",),
    )

    def total(**values: Any) -> int:
        whole = "SELECT count(*) FROM things WHERE project_id = $1"
        return things.run(
            hidden.total(things.pool, "hidden", values, whole=whole, budget_ms=60_000)
        )

    assert total(code="c1") == 6_000
    assert total(code="c3") == 0
    assert total(among=["c1", "c3"]) == 6_000
    assert total(among=["c0", "c1", "c3"]) == 12_000
