"""Of a forgotten customer no word may be left in any column of any row of the project."""

from __future__ import annotations

import re
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.api.test_bulk import while_locked
from tests.api.test_customers import ID, TIME, UNUSED, read, save, sql
from tests.api.test_import import upload
from tests.crowd import on_database
from tests.running import Shop, until

# Every word that the tests below give away begins with this; no random id holds it.
MARK = "Telltale7"
NAME = f"{MARK}source"


def person(step: str) -> dict[str, Any]:
    """A profile in which every member is telling; `step` says where it came from."""
    return {
        "name": f"{MARK}name-{step}",
        "description": f"{MARK}description-{step}",
        "email": f"{MARK}email-{step}@shop.example",
        "phone": f"{MARK}phone-{step}",
        "birthday": "1811-02-03",
        "birthdate": "1811-04-05",
        "address": {
            part: f"{MARK}{part}-{step}"
            for part in ("city", "state", "line_1", "line_2", "country", "postal_code")
        },
        "metadata": {f"{MARK}key-{step}": {f"{MARK}inner-{step}": [f"{MARK}value-{step}"]}},
    }


def traces(shop: Shop, *words: str) -> dict[str, list[str]]:
    """The project's rows of any table, as text, in which any of the words stands, in any case."""

    async def look(connection: Any) -> dict[str, list[str]]:
        tables = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        assert len(tables) > 10
        found = {}
        for table in tables:
            rows = await connection.fetch(
                f"SELECT row::text AS text FROM {table['name']} AS row "
                "WHERE EXISTS (SELECT 1 FROM unnest($1::text[]) AS word "
                "WHERE position(lower(word) IN lower(row::text)) > 0) "
                "AND position($2 IN row::text) > 0",
                list(words),
                shop.id,
            )
            if rows:
                found[table["name"]] = [row["text"] for row in rows]
        return found

    return on_database(shop.server, look)


def forget(shop: Shop, path: str) -> dict[str, Any]:
    answer = shop.api.post(f"/v1/customers/{path}/permanent-deletion")
    assert answer.status_code == 200, answer.text
    deletion: dict[str, Any] = answer.json()
    return deletion


def csv_of(first: str, first_value: str, profile: dict[str, Any]) -> str:
    """A file with one row that sets every column of a profile."""
    columns = {first: first_value, **profile, **profile["address"], f"{MARK}column": f"{MARK}cell"}
    del columns["address"], columns["metadata"]
    return f"{','.join(columns)}\n{','.join(columns.values())}\n"


def live_through_everything(shop: Shop) -> tuple[dict[str, Any], list[str]]:
    """A customer who was written in every way there is; they, and the reports' addresses."""
    save(shop, source_id=NAME, **person("create"))
    customer = save(shop, source_id=NAME, **person("upsert"))
    shop.api.put(f"/v1/customers/{NAME}", json=person("update"))
    beside = {"source_id": "bystander", "name": "Bystander"}
    sent = [
        shop.api.post(
            "/v1/customers/bulk/async", json=[{"source_id": NAME, **person("bulk")}, beside]
        ),
        shop.api.post(
            "/v1/customers/bulk/async",
            json=[{"source_id": NAME, **person("bad"), "birthdate": "x"}],
        ),
        shop.api.post(
            "/v1/customers/metadata/async",
            json={"source_ids": [NAME], "metadata": {f"{MARK}note": f"{MARK}told"}},
        ),
        upload(shop, csv_of("Source_id", NAME, person("csv"))),
        upload(shop, csv_of("Id", customer["id"], person("csv by id"))),
        upload(shop, f"Source_id,Name,Birthdate\n{NAME},{MARK}wrong,{MARK}never\n{NAME}\n"),
        # Somebody else's row that wanted the name, and says so in its reason.
        upload(shop, f"Id,Source_id\n{UNUSED},{NAME}\n"),
    ]
    actions = [shop.finished(accepted) for accepted in sent]
    return customer, [link for action in actions for link in action["result"]["reports"]]


# --- what is left -------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["id", "source_id"])
@pytest.mark.parametrize("deleted_before", [False, True])
def test_nothing_of_a_forgotten_customer_is_left(shop: Shop, by: str, deleted_before: bool) -> None:
    customer, links = live_through_everything(shop)
    assert {"public.customers", "public.events", "public.job_rows"} <= set(traces(shop, MARK))
    if deleted_before:
        assert shop.api.delete(f"/v1/customers/{NAME}").status_code == 204
        assert "public.customers" not in traces(shop, MARK)
    deletion = forget(shop, customer[by])
    assert deletion["related_object_id"] == customer["id"]
    assert deletion["data_json"]["customer"] == (0 if deleted_before else 1)
    assert traces(shop, MARK, "1811-02-03", "1811-04-05") == {}
    for link in links:
        report = httpx.get(link)
        assert report.status_code == 200
        assert MARK not in report.text
    for action in shop.api.get("/v1/async-actions").json()["async_actions"]:
        full = shop.api.get(f"/v1/async-actions/{action['id']}")
        assert full.status_code == 200
        assert MARK not in full.text
    # Others are as they were.
    assert read(shop, "bystander")["name"] == "Bystander"
    assert shop.api.get("/v1/customers/bystander/activities").json()["total"] == 1
    assert shop.api.get("/v1/customers").json()["total"] == 1


def test_a_job_that_waits_does_not_bring_a_customer_back(shop: Shop) -> None:
    save(shop, source_id="gate")
    customer = save(shop, source_id=NAME, **person("create"))

    def act() -> list[httpx.Response]:
        sent = [
            shop.api.post("/v1/customers/bulk/async", json=[{"source_id": "gate"}]),
            shop.api.post(
                "/v1/customers/bulk/async",
                json=[{"source_id": NAME, **person("bulk")}, {"source_id": "bystander"}],
            ),
            shop.api.post(
                "/v1/customers/metadata/async",
                json={"source_ids": [NAME], "metadata": {f"{MARK}note": f"{MARK}told"}},
            ),
            upload(shop, csv_of("Source_id", NAME, person("csv"))),
            upload(shop, csv_of("Id", customer["id"], person("csv by id"))),
        ]
        forget(shop, NAME)
        return sent

    actions = [shop.finished(sent) for sent in while_locked(shop, "gate", act)]
    assert [action["result"]["done_count"] for action in actions] == [1, 1, 0, 0, 0]
    assert [action["result"]["failed_count"] for action in actions] == [0, 1, 1, 1, 1]
    assert traces(shop, MARK, "1811-02-03", "1811-04-05") == {}
    assert shop.api.get(f"/v1/customers/{customer['id']}").status_code == 404
    names = [row["source_id"] for row in shop.api.get("/v1/customers").json()["customers"]]
    assert sorted(names) == ["bystander", "gate"]


def test_a_job_at_work_does_not_bring_a_customer_back(shop: Shop) -> None:
    """The rows are read, but their customers are not yet written, when one is forgotten."""
    save(shop, source_id="A gate")
    customer = save(shop, source_id=NAME, **person("create"))

    def waiting() -> int:
        [found] = sql(
            shop,
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE $1 <> '' AND wait_event_type = 'Lock' AND application_name = 'largesse'",
        )
        return int(found[0])

    with ThreadPoolExecutor(1) as pool:

        def act() -> tuple[httpx.Response, Future[dict[str, Any]]]:
            # Customers are written in the order of their names: the gate is first.
            rows = [{"source_id": NAME, **person("bulk")}, {"source_id": "A gate"}]
            sent = shop.api.post("/v1/customers/bulk/async", json=rows)
            until(waiting)
            deletion = pool.submit(forget, shop, customer["id"])
            until(lambda: deletion.done() or waiting() > 1)
            return sent, deletion

        sent, deletion = while_locked(shop, "A gate", act)
        assert deletion.result()["related_object_id"] == customer["id"]
    shop.finished(sent)
    assert traces(shop, MARK, "1811-02-03", "1811-04-05") == {}
    names = [row["source_id"] for row in shop.api.get("/v1/customers").json()["customers"]]
    assert names == ["A gate"]


def test_words_of_the_engine_go_with_the_customer(shop: Shop) -> None:
    customer = save(shop, source_id=NAME, name=f"{MARK}name")
    sql(
        shop,
        "INSERT INTO customer_campaigns (project_id, customer_id, campaign_id, campaign, points, "
        "loyalty_tier, referred_customers) VALUES ($1, $2, 'camp_1', $3, 1, $3, 0)",
        customer["id"],
        f"{MARK}tier",
    )
    sql(
        shop,
        "INSERT INTO customer_referrals (project_id, customer_id, related_object_id, "
        "related_object_type, campaign_id, referrer_id, date) "
        "VALUES ($1, $2, $3, 'redemption', 'camp_1', 'cust_r', '2024-01-01Z')",
        customer["id"],
        f"{MARK}object",
    )
    sql(
        shop,
        "UPDATE customers SET loyalty_campaigns = 1, referrals_total = 1, system_metadata = $2 "
        "WHERE project_id = $1",
        f'{{"a": "{MARK}system"}}',
    )
    sql(
        shop,
        "INSERT INTO redeemable_holders (project_id, customer_id, id, created_at, redeemable_id, "
        "holder_role, voucher_type, redeemable_object) "
        "VALUES ($1, $2, 'rh_1', '2024-01-01Z', $3, 'OWNER', 'GIFT_VOUCHER', 'voucher')",
        customer["id"],
        f"{MARK}voucher",
    )
    forget(shop, customer["id"])
    assert traces(shop, MARK) == {}


# --- the answer ---------------------------------------------------------------------------------


def test_the_answer_counts_what_was_deleted(shop: Shop) -> None:
    customer = save(shop, source_id="bob")
    other = save(shop, source_id="other")
    save(shop, source_id="bob", name="Bob")
    sql(
        shop,
        "INSERT INTO events (project_id, id, type, customer_id, group_id, data, created_at) "
        "SELECT $1, 'e' || n, type, $2, 'v-1', '{}', '2024-01-01Z' FROM unnest(ARRAY["
        "'customer.custom_event', 'customer.custom_event', 'customer.custom_event', "
        "'customer.order.created', 'customer.order.paid', "
        "'customer.segment.entered', 'customer.redemption.succeeded'"
        "]) WITH ORDINALITY AS row (type, n)",
        customer["id"],
    )
    sql(
        shop,
        "INSERT INTO segments (project_id, id, name, created_at) "
        "SELECT $1, id, id, '2024-01-01Z' FROM unnest(ARRAY['seg_a', 'seg_b', 'seg_c']) AS id",
    )
    sql(
        shop,
        "INSERT INTO segment_customers (project_id, segment_id, customer_id) "
        "VALUES ($1, 'seg_a', $2), ($1, 'seg_b', $2), ($1, 'seg_b', $3)",
        customer["id"],
        other["id"],
    )
    deletion = forget(shop, "bob")
    assert re.fullmatch(r"del_[0-9A-Za-z]{24}", deletion.pop("id"))
    assert re.fullmatch(TIME, deletion.pop("created_at"))
    assert deletion == {
        "related_object_id": customer["id"],
        "related_object": "customer",
        "status": "DONE",
        # Created, updated, the segment and the redemption are the four of the customer.
        "data_json": {
            "events": 3,
            "customer_events": 4,
            "daily_events": 0,
            "segments": 2,
            "orders": 0,
            "order_events": 2,
            "customer": 1,
        },
        "object": "pernament_deletion",
    }
    assert shop.api.get("/v1/customers/other/segments").json()["total"] == 1
    assert shop.api.get("/v1/customers/bob/segments").json()["total"] == 0


def test_of_a_customer_deleted_before_the_history_is_counted(shop: Shop) -> None:
    customer = save(shop, source_id="bob")
    save(shop, source_id="bob", name="Bob")
    shop.api.delete("/v1/customers/bob")
    deletion = forget(shop, "bob")
    assert deletion["related_object_id"] == customer["id"]
    assert deletion["data_json"] == {
        "events": 0,
        "customer_events": 3,
        "daily_events": 0,
        "segments": 0,
        "orders": 0,
        "order_events": 0,
        "customer": 0,
    }


@pytest.mark.parametrize("deleted_before", [False, True])
def test_a_forgotten_customer_cannot_be_forgotten_again(shop: Shop, deleted_before: bool) -> None:
    customer = save(shop, source_id="bob")
    if deleted_before:
        shop.api.delete("/v1/customers/bob")
    forget(shop, "bob")
    for path in ("bob", customer["id"]):
        for answer in (
            shop.api.post(f"/v1/customers/{path}/permanent-deletion"),
            shop.api.get(f"/v1/customers/{path}"),
            shop.api.get(f"/v1/customers/{path}/activity"),
            shop.api.delete(f"/v1/customers/{path}"),
        ):
            assert answer.status_code == 404
            assert answer.json()["key"] == "not_found"
            assert answer.json()["resource_id"] == path
    [count] = sql(shop, "SELECT count(*) FROM permanent_deletions WHERE project_id = $1")
    assert count[0] == 1


def test_nobody_else_can_be_forgotten(shop: Shop) -> None:
    customer = save(shop, source_id="bob", name="Bob")
    other = shop.server.project()
    for api, path in (
        (shop.api, "nobody"),
        (shop.api, UNUSED),
        (shop.api, "bo_"),
        (shop.api, "%25"),
        (other.api, "bob"),
        (other.api, customer["id"]),
    ):
        assert api.post(f"/v1/customers/{path}/permanent-deletion").status_code == 404
    assert read(shop, "bob") == customer
    assert shop.api.get("/v1/customers/bob/activities").json()["total"] == 1


def test_the_same_name_in_another_project_stays(shop: Shop) -> None:
    other = shop.server.project()
    twin = save(other, source_id="bob", name="Twin")
    answer = other.api.post("/v1/customers/bulk/async", json=[{"source_id": "bob", "phone": "1"}])
    action = other.finished(answer)
    save(shop, source_id="bob")
    forget(shop, "bob")
    assert read(other, "bob")["name"] == "Twin"
    assert other.api.get("/v1/customers/bob/activities").json()["total"] == 2
    assert twin["id"] in httpx.get(action["result"]["reports"][0]).text


def test_the_name_is_free_for_a_new_customer(shop: Shop) -> None:
    first = save(shop, source_id="bob", name="First", metadata={"a": 1})
    forget(shop, "bob")
    second = save(shop, source_id="bob")
    assert re.fullmatch(ID, second["id"])
    assert second["id"] != first["id"]
    assert "name" not in second
    assert second["metadata"] == {}
    assert shop.api.get("/v1/customers/bob/activities").json()["total"] == 1


def test_a_living_customer_is_forgotten_before_a_deleted_one_of_the_same_name(
    shop: Shop,
) -> None:
    first = save(shop, source_id="bob", name="First")
    shop.api.delete("/v1/customers/bob")
    second = save(shop, source_id="bob", name="Second")
    # By its id the deleted one goes, and the living one keeps everything.
    assert forget(shop, first["id"])["data_json"]["customer"] == 0
    assert read(shop, "bob") == second
    assert shop.api.get("/v1/customers/bob/activities").json()["total"] == 1
    assert forget(shop, "bob")["related_object_id"] == second["id"]
    assert shop.api.post("/v1/customers/bob/permanent-deletion").status_code == 404


# --- totals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("counted", [False, True])
def test_totals_stay_right(shop: Shop, counted: bool) -> None:
    """Whether the worker counted the events before they went, or never saw them."""

    def told() -> tuple[int, int]:
        folded = sql(
            shop,
            "SELECT coalesce((SELECT n FROM totals WHERE project_id = $1 "
            "AND noun = 'customers'), 0), "
            "(SELECT count(*) FROM events WHERE project_id = $1 AND NOT handled)",
        )
        return folded[0][0], folded[0][1]

    for name in ("living", "deleted", "stays", "last"):
        save(shop, source_id=name)
    shop.api.delete("/v1/customers/deleted")
    if counted:
        until(lambda: told() == (3, 0))
    forget(shop, "living")
    forget(shop, "deleted")
    assert shop.api.get("/v1/customers").json()["total"] == 2
    until(lambda: told() == (2, 0))
    forget(shop, "stays")
    save(shop, source_id="living")
    until(lambda: told() == (2, 0))
    assert shop.api.get("/v1/customers").json()["total"] == 2
