from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.test_customers import BOB, TIME, read, save, sql
from tests.crowd import on_database
from tests.running import Shop, until

HEADER = ["row", "source_id", "id", "found", "updated", "error"]


def bulk(shop: Shop, rows: Any) -> dict[str, Any]:
    """Sends customers in bulk and waits; the finished action."""
    return shop.finished(shop.api.post("/v1/customers/bulk/async", json=rows))


def merge(shop: Shop, source_ids: list[str], metadata: dict[str, Any]) -> dict[str, Any]:
    """Sends metadata for many and waits; the finished action."""
    body = {"source_ids": source_ids, "metadata": metadata}
    return shop.finished(shop.api.post("/v1/customers/metadata/async", json=body))


def report_of(action: dict[str, Any]) -> list[list[str]]:
    """The rows of an action's report, fetched by its address and nothing else."""
    [link] = action["result"]["reports"]
    answer = httpx.get(link)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].partition(";")[0] == "text/csv"
    rows = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert rows[0] == HEADER
    return rows[1:]


def while_locked(shop: Shop, source_id: str, act: Callable[[], Any]) -> Any:
    """Runs `act` while a customer's row is held, so that jobs come to a stop before it."""

    async def work(connection: Any) -> Any:
        async with connection.transaction():
            held = await connection.fetch(
                "SELECT 1 FROM customers WHERE project_id = $1 AND source_id = $2 FOR UPDATE",
                shop.id,
                source_id,
            )
            assert len(held) == 1
            return await asyncio.to_thread(act)

    return on_database(shop.server, work)


def alter(shop: Shop, change: str) -> None:
    """Changes the table of customers."""

    async def run(connection: Any) -> None:
        await connection.execute(f"ALTER TABLE customers {change}")

    on_database(shop.server, run)


# --- bulk ---------------------------------------------------------------------------------------


def test_bulk_creates_and_updates_and_reports_which(shop: Shop) -> None:
    known = save(shop, **BOB)
    other = save(shop, source_id="other", name="Other")
    accepted = shop.api.post(
        "/v1/customers/bulk/async",
        json=[
            {"source_id": "new", **{k: v for k, v in BOB.items() if k != "source_id"}},
            {
                "source_id": "source_123",
                "name": "Robert",
                "address": {"city": "Boston"},
                "metadata": {"lang": None, "age": 7},
                "birthday": "2022-04-04",
            },
        ],
    )
    assert accepted.status_code == 202
    assert set(accepted.json()) == {"async_action_id"}
    assert re.fullmatch(r"aa_[0-9a-f]{18}", accepted.json()["async_action_id"])
    action = shop.finished(accepted)
    result = action.pop("result")
    assert re.fullmatch(TIME, action.pop("created_at"))
    assert re.fullmatch(TIME, action.pop("updated_at"))
    assert re.fullmatch(r"v-[0-9a-f]{18}", action.pop("request_id"))
    assert action.pop("processing_time") >= 0
    assert action == {
        "id": accepted.json()["async_action_id"],
        "type": "CUSTOMERS.BULK_UPDATE",
        "status": "DONE",
        "operation_status": "SUCCESS",
        "progress": 100,
        "object": "async_action",
    }
    assert (result["done_count"], result["failed_count"], result["errors"]) == (2, 0, [])
    assert re.fullmatch(TIME, result["reports_available_till"])
    new, updated = read(shop, "new"), read(shop, "source_123")
    assert {name: new[name] for name in BOB} == {**BOB, "source_id": "new"}
    assert "updated_at" not in new
    assert updated == {
        **known,
        "name": "Robert",
        "address": {**known["address"], "city": "Boston"},
        "metadata": {"test": True, "age": 7},
        "birthday": "2022-04-04",
        "updated_at": updated["updated_at"],
    }
    assert read(shop, "other") == other
    assert report_of({"result": result}) == [
        ["1", "new", new["id"], "false", "true", ""],
        ["2", "source_123", known["id"], "true", "true", ""],
    ]
    assert shop.api.get("/v1/customers").json()["total"] == 3


def test_bulk_writes_the_events_of_each_customer(shop: Shop) -> None:
    save(shop, source_id="known")
    bulk(shop, [{"source_id": "known", "name": "1"}, {"source_id": "new", "name": "2"}])
    for name, types in {
        "known": ["customer.updated", "customer.created"],
        "new": ["customer.created"],
    }.items():
        page = shop.api.get(f"/v1/customers/{name}/activity").json()
        assert [event["type"] for event in page["data"]] == types
        assert page["data"][0]["data"]["customer"] == read(shop, name)


def test_one_customer_twice_in_one_request(shop: Shop) -> None:
    action = bulk(
        shop,
        [
            {"source_id": "twice", "name": "First", "email": "1", "metadata": {"a": 1, "b": 1}},
            {"source_id": "between"},
            {"source_id": "twice", "name": "Second", "metadata": {"a": 2}},
            {"source_id": "twice", "phone": "3", "metadata": {"b": None}},
        ],
    )
    customer = read(shop, "twice")
    assert (customer["name"], customer["email"], customer["phone"]) == ("Second", "1", "3")
    assert customer["metadata"] == {"a": 2}
    assert [(row[1], row[2] == customer["id"], row[3]) for row in report_of(action)] == [
        ("twice", True, "false"),
        ("between", False, "false"),
        ("twice", True, "true"),
        ("twice", True, "true"),
    ]
    events = shop.api.get("/v1/customers/twice/activities").json()
    kinds = [event["type"] for event in events["data"]]
    assert sorted(kinds) == ["customer.created", "customer.updated", "customer.updated"]
    assert shop.api.get("/v1/customers").json()["total"] == 2


def test_a_wrong_row_fails_alone(shop: Shop) -> None:
    action = bulk(
        shop,
        [
            {"source_id": "good 1", "name": "G"},
            {"source_id": "bad type", "name": 5},
            {"source_id": "bad date", "birthdate": "2022-13-45"},
            {"source_id": "bad metadata", "metadata": {"n": 2**63}},
            {"source_id": "bad length", "name": "a" * 256},
            {"source_id": "good 2", "id": 7, "colour": "ignored"},
        ],
    )
    assert (action["status"], action["operation_status"]) == ("DONE", "SUCCESS")
    result = action["result"]
    assert (result["done_count"], result["failed_count"]) == (2, 4)
    assert [(error["source_id"], error["details"], error["key"]) for error in result["errors"]] == [
        ("bad type", "Property .name should be string", "invalid_payload"),
        (
            "bad date",
            "Property .birthdate cannot be recognized as a ISO-8601 compliant date",
            "invalid_payload",
        ),
        ("bad metadata", "Property .metadata.n should be a 64-bit integer", "invalid_payload"),
        (
            "bad length",
            "Property .name should NOT be longer than 255 characters",
            "invalid_payload",
        ),
    ]
    rows = report_of(action)
    assert [(row[0], row[1], row[3], row[4]) for row in rows] == [
        ("1", "good 1", "false", "true"),
        ("2", "bad type", "false", "false"),
        ("3", "bad date", "false", "false"),
        ("4", "bad metadata", "false", "false"),
        ("5", "bad length", "false", "false"),
        ("6", "good 2", "false", "true"),
    ]
    assert [bool(row[2]) for row in rows] == [True, False, False, False, False, True]
    assert rows[1][5] == "Property .name should be string"
    assert shop.api.get("/v1/customers").json()["total"] == 2


def test_a_row_that_the_database_refuses_fails_alone(shop: Shop) -> None:
    # Nothing that passes the reading is known to be refused, so the database is told to.
    rule = f"refuses_{shop.id}".lower()
    check = f"CHECK (project_id <> '{shop.id}' OR name <> 'Refused')"
    alter(shop, f"ADD CONSTRAINT {rule} {check} NOT VALID")
    try:
        action = bulk(
            shop,
            [
                {"source_id": "a", "name": "Good"},
                {"source_id": "b", "name": "Refused"},
                {"source_id": "c", "name": "Good"},
            ],
        )
    finally:
        alter(shop, f"DROP CONSTRAINT {rule}")
    assert (action["status"], action["operation_status"]) == ("DONE", "SUCCESS")
    assert (action["result"]["done_count"], action["result"]["failed_count"]) == (2, 1)
    assert [(row[1], row[4], row[5]) for row in report_of(action)] == [
        ("a", "true", ""),
        ("b", "false", "The row cannot be stored"),
        ("c", "true", ""),
    ]
    assert shop.api.get("/v1/customers").json()["total"] == 2


def test_when_every_row_fails_the_operation_failed(shop: Shop) -> None:
    action = bulk(shop, [{"source_id": "a", "name": 1}, {"source_id": "b", "name": 2}])
    assert (action["status"], action["operation_status"]) == ("DONE", "FAILED")
    assert (action["progress"], action["result"]["failed_count"]) == (100, 2)
    assert shop.api.get("/v1/customers").json()["total"] == 0


def test_an_empty_list_is_done_at_once(shop: Shop) -> None:
    action = bulk(shop, [])
    assert (action["status"], action["progress"]) == ("DONE", 100)
    assert (action["result"]["done_count"], action["result"]["failed_count"]) == (0, 0)
    assert report_of(action) == []
    assert merge(shop, [], {"a": 1})["result"]["done_count"] == 0
    assert shop.api.get("/v1/customers").json()["total"] == 0


def test_nulls_in_bulk_clear_nothing(shop: Shop) -> None:
    before = save(shop, **BOB, birthday="2001-02-03")
    nulls = dict.fromkeys([*BOB, "birthday"])
    action = bulk(shop, [{**nulls, "source_id": "source_123"}])
    assert action["result"]["done_count"] == 1
    after = read(shop, "source_123")
    assert after == {**before, "updated_at": after["updated_at"]}


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"source_id": "a"}, "Payload should be array"),
        ([{"name": "no name"}], "Property [0] should have required property 'source_id'"),
        ([{"source_id": "a"}, {"source_id": None}], "Property [1].source_id should be string"),
        ([{"source_id": 5}], "Property [0].source_id should be string"),
        ([{"source_id": ""}], "Property [0].source_id should NOT be shorter than 1 characters"),
        (
            [{"source_id": "a" * 256}],
            "Property [0].source_id should NOT be longer than 255 characters",
        ),
        ([5], "Property [0] should be object"),
    ],
)
def test_a_request_that_names_no_customers_is_refused(shop: Shop, body: Any, details: str) -> None:
    answer = shop.api.post("/v1/customers/bulk/async", json=body)
    assert answer.status_code == 400
    assert (answer.json()["key"], answer.json()["details"]) == ("invalid_payload", details)
    assert shop.api.get("/v1/async-actions").json()["async_actions"] == []


def test_odd_names_in_bulk(shop: Shop) -> None:
    names = ["a,b", 'say "hi"', "two\nlines", "=1+1", "+49 1", "-x", "@me", "\ttab", "ä/😀", "%_"]
    action = bulk(shop, [{"source_id": name, "name": name} for name in names])
    assert action["result"]["done_count"] == len(names)
    page = shop.api.get("/v1/customers", params={"limit": 100}).json()
    stored = {customer["source_id"]: customer["name"] for customer in page["customers"]}
    assert stored == {name: name for name in names}
    # In a spreadsheet none of them is a formula.
    assert [row[1] for row in report_of(action)] == [
        "a,b",
        'say "hi"',
        "two\nlines",
        "'=1+1",
        "'+49 1",
        "'-x",
        "'@me",
        "'\ttab",
        "ä/😀",
        "%_",
    ]


# --- metadata -----------------------------------------------------------------------------------


def test_metadata_is_merged_into_all_who_are_named(shop: Shop) -> None:
    one = save(shop, source_id="one", name="One", metadata={"a": 1, "b": 2})
    two = save(shop, source_id="two")
    other = save(shop, source_id="other", metadata={"a": 1})
    sent = {"a": None, "c": {"deep": [1, None, "x"]}, "d": False, "e": 1.5, "f": "1"}
    action = merge(shop, ["two", "new", "one", "two"], sent)
    assert (action["type"], action["status"]) == ("CUSTOMERS.METADATA_UPDATE", "DONE")
    assert (action["result"]["done_count"], action["result"]["failed_count"]) == (4, 0)
    kept = {"c": {"deep": [1, None, "x"]}, "d": False, "e": 1.5, "f": "1"}
    after = read(shop, "one")
    assert after == {**one, "metadata": {"b": 2, **kept}, "updated_at": after["updated_at"]}
    assert read(shop, "two")["metadata"] == kept
    new = read(shop, "new")
    assert new["metadata"] == kept
    assert read(shop, "other") == other
    assert report_of(action) == [
        ["1", "two", two["id"], "true", "true", ""],
        ["2", "new", new["id"], "false", "true", ""],
        ["3", "one", one["id"], "true", "true", ""],
        ["4", "two", two["id"], "true", "true", ""],
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"source_ids": ["a"]},
        {"metadata": {}},
        {"source_ids": "a", "metadata": {}},
        {"source_ids": [1], "metadata": {}},
        {"source_ids": [""], "metadata": {}},
        {"source_ids": ["a" * 256], "metadata": {}},
        {"source_ids": ["a", None], "metadata": {}},
        {"source_ids": ["a"], "metadata": []},
        {"source_ids": ["a"], "metadata": {"n": 2**64}},
    ],
)
def test_wrong_metadata_requests_are_refused(shop: Shop, body: Any) -> None:
    answer = shop.api.post("/v1/customers/metadata/async", json=body)
    assert answer.status_code == 400
    assert answer.json()["key"] == "invalid_payload"
    assert shop.api.get("/v1/async-actions").json()["async_actions"] == []


# --- how it goes on -----------------------------------------------------------------------------


def test_status_and_progress_are_what_has_been_done(shop: Shop) -> None:
    # Portions have 1,000 rows: the held customer stands in the second of two.
    names = [f"n{n:04}" for n in range(1400)]
    save(shop, source_id="n1200", name="before")

    def act() -> tuple[str, dict[str, Any]]:
        accepted = shop.api.post(
            "/v1/customers/bulk/async",
            json=[{"source_id": name, "name": "after"} for name in names],
        )
        path = f"/v1/async-actions/{accepted.json()['async_action_id']}"
        return path, until(lambda: (a := shop.api.get(path).json())["progress"] > 0 and a)

    path, action = while_locked(shop, "n1200", act)
    assert (action["status"], action["operation_status"]) == ("IN_PROGRESS", "UNKNOWN")
    assert action["progress"] == 71
    assert "result" not in action
    assert "processing_time" not in action
    done = until(lambda: (a := shop.api.get(path).json())["status"] == "DONE" and a)
    assert (done["progress"], done["result"]["done_count"]) == (100, 1400)
    found = [row[3] for row in report_of(done)]
    assert (found.count("true"), found.count("false"), found[1200]) == (1, 1399, "true")
    assert shop.api.get("/v1/customers", params={"name": "after"}).json()["total"] == 1400


def test_requests_for_the_same_customers_are_done_in_their_order(shop: Shop) -> None:
    many = [f"n{n:04}" for n in range(1200)]
    save(shop, source_id="gate")

    def act() -> list[httpx.Response]:
        bodies: list[tuple[str, Any]] = [
            ("bulk", [{"source_id": name, "name": "first"} for name in ["gate", *many]]),
            ("metadata", {"source_ids": many, "metadata": {"step": 2, "two": True}}),
            ("bulk", [{"source_id": n, "name": "third", "metadata": {"step": 3}} for n in many]),
            ("bulk", [{"source_id": "n0000", "name": "last"}]),
        ]
        sent = [shop.api.post(f"/v1/customers/{kind}/async", json=body) for kind, body in bodies]
        waiting = shop.api.get("/v1/async-actions").json()["async_actions"]
        assert [(action["status"], action["progress"]) for action in waiting] == [
            ("ENQUEUED", 0)
        ] * 4
        return sent

    actions = [shop.finished(sent) for sent in while_locked(shop, "gate", act)]
    ends = [action["updated_at"] for action in actions]
    assert ends == sorted(ends)
    assert [action["result"]["done_count"] for action in actions] == [1201, 1200, 1200, 1]
    # The first created all of them, so the later ones found them all.
    for action in actions[1:]:
        assert {row[3] for row in report_of(action)} == {"true"}
    rows = sql(
        shop,
        "SELECT name, metadata::text, count(*) FROM customers "
        "WHERE project_id = $1 AND source_id <> 'gate' GROUP BY 1, 2 ORDER BY 3",
    )
    assert [(row[0], json.loads(row[1]), row[2]) for row in rows] == [
        ("last", {"step": 3, "two": True}, 1),
        ("third", {"step": 3, "two": True}, 1199),
    ]


def test_async_actions_are_listed_newest_first(shop: Shop) -> None:
    ended = [bulk(shop, [{"source_id": str(n)}])["id"] for n in range(3)]
    page = shop.api.get("/v1/async-actions").json()
    assert set(page) == {"object", "data_ref", "async_actions", "has_more"}
    assert (page["data_ref"], page["has_more"]) == ("async_actions", False)
    assert [action["id"] for action in page["async_actions"]] == ended[::-1]
    assert all("result" not in action for action in page["async_actions"])
    first = shop.api.get("/v1/async-actions", params={"limit": 1}).json()
    assert ([action["id"] for action in first["async_actions"]], first["has_more"]) == (
        ended[2:],
        True,
    )
    older = shop.api.get(
        "/v1/async-actions", params={"end_date": first["async_actions"][0]["created_at"]}
    ).json()
    assert [action["id"] for action in older["async_actions"]] == [ended[1], ended[0]]
    for params in ({"limit": "0"}, {"limit": "101"}, {"end_date": "soon"}):
        answer = shop.api.get("/v1/async-actions", params=params)
        assert answer.status_code == 400
        assert answer.json()["key"] == "invalid_query_params"


def test_an_action_is_known_to_its_project_alone(shop: Shop) -> None:
    action = bulk(shop, [{"source_id": "a"}])
    other = shop.server.project()
    for api, name in ((shop.api, "aa_000000000000000000"), (other.api, action["id"])):
        answer = api.get(f"/v1/async-actions/{name}")
        assert answer.status_code == 404
        assert answer.json()["key"] == "not_found"
    assert other.api.get("/v1/async-actions").json()["async_actions"] == []


# --- the report's address -----------------------------------------------------------------------


def test_a_report_opens_with_its_token_alone(shop: Shop) -> None:
    action, second = bulk(shop, [{"source_id": "a"}]), bulk(shop, [{"source_id": "b"}])
    other = shop.server.project()
    foreign = bulk(other, [{"source_id": "c"}])
    [link] = action["result"]["reports"]
    plain, _, token = link.partition("?token=")
    assert plain == f"{shop.server.url}/v1/task-results/{action['id']}"
    answer = httpx.get(link)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == (f'attachment; filename="{action["id"]}.csv"')
    signature, _, project = token.partition(".")
    wrong = [
        "",
        "?token=",
        "?token=x",
        f"?token={signature}",
        f"?token=.{project}",
        f"?token={signature[:-1]}.{project}",
        f"?token={signature[::-1]}.{project}",
        f"?token={signature}.{other.id}",
        f"?token={signature}.proj_none",
        "?token=" + second["result"]["reports"][0].partition("?token=")[2],
        "?token=" + foreign["result"]["reports"][0].partition("?token=")[2],
        "?token=é",
    ]
    for query in wrong:
        refused = httpx.get(f"{plain}{query}")
        assert refused.status_code == 401, query
        assert b"source_id" not in refused.content
    # Keys do not replace the token, and the token opens no other report.
    assert shop.api.get(f"/v1/task-results/{action['id']}").status_code == 401
    another = plain[:-1] + ("1" if plain.endswith("0") else "0")
    assert httpx.get(f"{another}?token={token}").status_code == 401


def test_a_report_is_gone_after_its_time(shop: Shop) -> None:
    action = bulk(shop, [{"source_id": "a"}])
    [link] = action["result"]["reports"]
    sql(shop, "UPDATE jobs SET reports_till = '2020-01-01Z' WHERE project_id = $1")
    answer = httpx.get(link)
    assert answer.status_code == 404
    assert answer.json()["key"] == "not_found"
    assert shop.api.get(f"/v1/async-actions/{action['id']}").status_code == 200
