from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.crowd import on_database
from tests.running import Shop

NOTHING = {
    "redemptions": {
        "total_redeemed": 0,
        "total_failed": 0,
        "total_succeeded": 0,
        "total_rolled_back": 0,
        "total_rollback_failed": 0,
        "total_rollback_succeeded": 0,
        "gift": {"redeemed_amount": 0, "amount_to_go": 0},
        "loyalty_card": {"redeemed_points": 0, "points_to_go": 0},
    },
    "orders": {"total_amount": 0, "total_count": 0, "average_amount": 0, "last_order_amount": 0},
}
BOB: dict[str, Any] = {
    "source_id": "source_123",
    "name": "Bob Smith",
    "description": "A frequent customer",
    "email": "bob.smith@email.example",
    "phone": "+1 933 222 3333",
    "address": {
        "city": "New York",
        "state": "NY",
        "line_1": "123 Main St.",
        "line_2": "APT 3 BLG 4",
        "country": "United States",
        "postal_code": "10001",
    },
    "metadata": {"lang": "en", "test": True},
    "birthdate": "2022-01-01",
}
ID = r"cust_[0-9A-Za-z]{24}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
UNUSED = "cust_000000000000000000000000"


def save(shop: Shop, **body: Any) -> dict[str, Any]:
    """Creates or updates a customer; the answer."""
    answer = shop.api.post("/v1/customers", json=body)
    assert answer.status_code == 200, answer.text
    customer: dict[str, Any] = answer.json()
    return customer


def read(shop: Shop, path: str) -> dict[str, Any]:
    answer = shop.api.get(f"/v1/customers/{path}")
    assert answer.status_code == 200, answer.text
    customer: dict[str, Any] = answer.json()
    return customer


def sql(shop: Shop, statement: str, *arguments: Any) -> list[Any]:
    """Rows of a statement run on the server's database; `$1` is the project."""

    async def run(connection: Any) -> list[Any]:
        rows: list[Any] = await connection.fetch(statement, shop.id, *arguments)
        return rows

    return on_database(shop.server, run)


# --- creating -----------------------------------------------------------------------------------


def test_create_answers_the_whole_customer(shop: Shop) -> None:
    answer = shop.api.post("/v1/customers", json=BOB)
    assert answer.status_code == 200
    customer = answer.json()
    assert re.fullmatch(ID, customer.pop("id"))
    assert re.fullmatch(TIME, customer.pop("created_at"))
    assert customer == {
        **BOB,
        "summary": NOTHING,
        "loyalty": {"points": 0, "referred_customers": 0, "campaigns": {}},
        "referrals": {"total": 0, "campaigns": []},
        "system_metadata": {},
        "object": "customer",
    }


def test_an_empty_body_makes_a_customer_without_a_profile(shop: Shop) -> None:
    customer = save(shop)
    assert customer["address"] is None
    assert customer["metadata"] == {}
    left_out = {"source_id", "name", "description", "email", "phone", "birthday", "birthdate"}
    assert not (left_out | {"updated_at"}) & set(customer)
    # Without a name for it, each call is another customer.
    assert save(shop)["id"] != customer["id"]


def test_a_well_formed_unknown_id_is_used(shop: Shop) -> None:
    customer = save(shop, id=UNUSED, source_id="mine", name="New")
    assert (customer["id"], customer["source_id"], customer["name"]) == (UNUSED, "mine", "New")
    assert "updated_at" not in customer
    assert read(shop, "mine")["id"] == UNUSED
    assert save(shop, id="cust_AAAAAAAAAAAAAAAAAAAAAAAA")["id"] == "cust_AAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.mark.parametrize(
    "malformed",
    [
        "mine",
        "cust_",
        "cust_short",
        UNUSED + "0",
        "cust_00000000000000000000000-",
        " " + UNUSED,
        UNUSED + "\n",
        "CUST_000000000000000000000000",
    ],
)
def test_a_malformed_id_makes_a_customer_with_a_new_one(shop: Shop, malformed: str) -> None:
    customer = save(shop, id=malformed, source_id="mine")
    assert re.fullmatch(ID, customer["id"])
    assert customer["id"] != malformed
    assert customer["source_id"] == "mine"


@pytest.mark.parametrize("unknown", [UNUSED, "malformed"])
def test_an_unknown_id_cannot_take_the_source_id_of_another(shop: Shop, unknown: str) -> None:
    bob = save(shop, **BOB)
    answer = shop.api.post(
        "/v1/customers", json={"id": unknown, "source_id": "source_123", "name": "Thief"}
    )
    assert answer.status_code == 409
    problem = answer.json()
    assert re.fullmatch(r"v-[0-9a-f]{18}", problem.pop("request_id"))
    assert problem == {
        "code": 409,
        "key": "duplicate_found",
        "message": "Duplicated resource found",
        "details": "Duplicated customer exists with id source_123",
        "resource_id": "source_123",
        "resource_type": "customer",
    }
    assert read(shop, bob["id"]) == bob
    assert shop.api.get("/v1/customers").json()["total"] == 1
    [events] = sql(shop, "SELECT count(*) FROM events WHERE project_id = $1")
    assert events[0] == 1


# --- upserting ----------------------------------------------------------------------------------


def test_upsert_by_source_id_changes_only_what_is_sent(shop: Shop) -> None:
    before = save(shop, **BOB)
    after = save(shop, source_id="source_123", name="Robert", phone="1")
    assert re.fullmatch(TIME, after["updated_at"])
    assert after["updated_at"] >= before["created_at"]
    assert after == {
        **before,
        "name": "Robert",
        "phone": "1",
        "updated_at": after["updated_at"],
    }
    assert read(shop, "source_123") == after


def test_the_id_decides_and_the_source_id_beside_it_is_ignored(shop: Shop) -> None:
    one = save(shop, source_id="one", name="One")
    two = save(shop, source_id="two", name="Two")
    changed = save(shop, id=one["id"], source_id="two", name="Changed")
    assert (changed["id"], changed["source_id"], changed["name"]) == (one["id"], "one", "Changed")
    assert read(shop, "two") == two
    fresh = save(shop, id=one["id"], source_id="three")
    assert fresh["source_id"] == "one"
    assert shop.api.get("/v1/customers/three").status_code == 404


def test_a_customer_without_a_source_id_never_gets_one(shop: Shop) -> None:
    plain = save(shop, name="Plain")
    assert "source_id" not in save(shop, id=plain["id"], source_id="late")
    assert (
        "source_id"
        not in shop.api.put(f"/v1/customers/{plain['id']}", json={"source_id": "late"}).json()
    )
    assert shop.api.get("/v1/customers/late").status_code == 404


def test_source_ids_are_case_sensitive_and_as_long_as_255(shop: Shop) -> None:
    upper, lower = save(shop, source_id="Bob"), save(shop, source_id="bob")
    assert upper["id"] != lower["id"]
    long = save(shop, source_id="ä" * 255)
    assert read(shop, "ä" * 255) == long
    answer = shop.api.post("/v1/customers", json={"source_id": "a" * 256})
    assert answer.status_code == 400
    assert answer.json()["key"] == "invalid_payload"
    assert answer.json()["details"] == (
        "Property .source_id should NOT be longer than 255 characters"
    )
    assert shop.api.post("/v1/customers", json={"source_id": ""}).status_code == 400


def test_null_is_the_same_as_absent(shop: Shop) -> None:
    nulls = {
        "id": None,
        "source_id": None,
        "name": None,
        "description": None,
        "email": None,
        "phone": None,
        "birthday": None,
        "birthdate": None,
        "metadata": None,
    }
    created = save(shop, **nulls)
    assert "source_id" not in created
    assert "name" not in created
    before = save(shop, **BOB, birthday="2001-02-03")
    after = save(shop, **{**nulls, "source_id": "source_123"})
    assert after == {**before, "updated_at": after["updated_at"]}
    put = shop.api.put("/v1/customers/source_123", json=nulls).json()
    assert put == {**before, "updated_at": put["updated_at"]}


def test_words_that_look_like_other_types_stay_words(shop: Shop) -> None:
    words = {"source_id": "null", "name": "null", "email": "true", "phone": "12", "description": ""}
    customer = save(shop, **words)
    assert {name: customer[name] for name in words} == words
    assert read(shop, "null")["id"] == customer["id"]


# --- the parts of a profile ---------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_partial_address_is_merged_and_null_clears_it(shop: Shop, method: str) -> None:
    save(shop, **BOB)

    def send(address: Any) -> Any:
        if method == "POST":
            return save(shop, source_id="source_123", address=address)["address"]
        answer = shop.api.put("/v1/customers/source_123", json={"address": address})
        assert answer.status_code == 200
        return answer.json()["address"]

    moved = {**BOB["address"], "city": "Boston", "state": "MA"}
    assert send({"city": "Boston", "state": "MA"}) == moved
    assert send({"city": None, "line_1": None, "country": None}) == moved
    assert send({}) == moved
    assert send(None) is None
    assert read(shop, "source_123")["address"] is None
    assert send({"country": "Poland"}) == {"country": "Poland"}
    assert send({"city": "", "country": None}) == {"city": "", "country": "Poland"}


def test_metadata_is_merged_key_by_key_and_null_removes_a_key(shop: Shop) -> None:
    save(shop, source_id="m", metadata={"a": 1, "b": {"x": 1, "y": 2}, "c": "stays"})
    merged = save(shop, source_id="m", metadata={"a": None, "b": {"x": 3}, "d": [1], "no": None})
    # A nested object is one value: it is replaced, not merged.
    assert merged["metadata"] == {"b": {"x": 3}, "c": "stays", "d": [1]}
    put = shop.api.put("/v1/customers/m", json={"metadata": {"c": None, "e": "new"}}).json()
    assert put["metadata"] == {"b": {"x": 3}, "d": [1], "e": "new"}
    assert save(shop, source_id="m", metadata={})["metadata"] == put["metadata"]
    assert save(shop, source_id="n", metadata={"gone": None})["metadata"] == {}


def test_metadata_keeps_the_types_of_json(shop: Shop) -> None:
    sent = {
        "text": "1",
        "empty": "",
        "number": 1,
        "negative": -7,
        "fraction": 0.1,
        "large": 9007199254740993,
        "largest": 9223372036854775807,
        "yes": True,
        "no": False,
        "list": ["a", 2, None, False, {"deep": [[]]}],
        "object": {"null": None, "zł": "ąę😀"},
        "klucz z odstępem": "\u2028 \\ \" ' % _ \t\n",
        "null": "null",
        "": "nameless",
        "date": "2022-01-01T10:00:00Z",
    }
    created = save(shop, source_id="types", metadata=sent)["metadata"]
    assert created == sent
    # Python takes True for 1 and 1 for 1.0.
    assert [type(created[name]) for name in sent] == [type(value) for value in sent.values()]
    assert read(shop, "types")["metadata"] == sent
    assert save(shop, source_id="types", name="again")["metadata"] == sent


@pytest.mark.parametrize("member", ["birthday", "birthdate"])
def test_of_a_date_time_the_day_is_kept(shop: Shop, member: str) -> None:
    for sent, kept in {
        "1990-03-04": "1990-03-04",
        "1991-03-04T23:30:00.000Z": "1991-03-04",
        "1992-03-04T00:30:00+05:00": "1992-03-04",
        "0001-01-01": "0001-01-01",
        "9999-12-31": "9999-12-31",
        "2000-02-29": "2000-02-29",
    }.items():
        assert save(shop, source_id="born", **{member: sent})[member] == kept
        assert read(shop, "born")[member] == kept
    for wrong in ("2022-13-45", "2001-02-29", "04/03/1990", "1990", "", "0000-01-01", "1990-3-4"):
        answer = shop.api.post("/v1/customers", json={"source_id": "born", member: wrong})
        assert answer.status_code == 400, wrong
        assert answer.json()["key"] == "invalid_payload"
        assert answer.json()["details"] == (
            f"Property .{member} cannot be recognized as a ISO-8601 compliant date"
        )
    assert read(shop, "born")[member] == "2000-02-29"


def test_birthday_and_birthdate_are_two_members(shop: Shop) -> None:
    customer = save(shop, birthday="1980-01-02", birthdate="1981-03-04")
    assert (customer["birthday"], customer["birthdate"]) == ("1980-01-02", "1981-03-04")
    assert "birthdate" not in save(shop, birthday="1980-01-02")


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ({"name": 5}, "Property .name should be string"),
        ({"email": ["a"]}, "Property .email should be string"),
        ({"address": {"city": 1}}, "Property .address.city should be string"),
        ({"address": "here"}, "Property .address should be object"),
        ({"metadata": [1]}, "Property .metadata should be object"),
        ({"metadata": "null"}, "Property .metadata should be object"),
        ({"address": "null"}, "Property .address should be object"),
        ({"metadata": {"a": {"b": 2**63}}}, "Property .metadata.a.b should be a 64-bit integer"),
        ({"name": "a" * 256}, "Property .name should NOT be longer than 255 characters"),
        ([], "Payload should be object"),
    ],
)
def test_a_wrong_type_is_refused_and_nothing_is_written(
    shop: Shop, body: Any, details: str
) -> None:
    before = save(shop, **BOB)
    answer = shop.api.post("/v1/customers", json=body and {"source_id": "source_123", **body})
    assert answer.status_code == 400
    assert (answer.json()["key"], answer.json()["details"]) == ("invalid_payload", details)
    if body:
        assert shop.api.put("/v1/customers/source_123", json=body).status_code == 400
    assert read(shop, "source_123") == before


def test_unknown_and_computed_members_are_ignored(shop: Shop) -> None:
    customer = save(
        shop,
        source_id="x",
        colour="red",
        created_at="2001-01-01T00:00:00Z",
        summary={"orders": {"total_amount": 5}},
        loyalty={"points": 5},
        system_metadata={"consents": {}},
        object="order",
    )
    assert customer["summary"] == NOTHING
    assert customer["loyalty"]["points"] == 0
    assert customer["system_metadata"] == {}
    assert customer["object"] == "customer"
    assert customer["created_at"] > "2001-01-02"
    assert "colour" not in customer


# --- updating -----------------------------------------------------------------------------------


def test_update_by_either_id_leaves_both_ids_alone(shop: Shop) -> None:
    one, two = save(shop, source_id="one", name="One"), save(shop, source_id="two")
    for path in ("one", one["id"]):
        answer = shop.api.put(
            f"/v1/customers/{path}",
            json={"id": two["id"], "source_id": "two", "name": f"By {path}"},
        )
        assert answer.status_code == 200
        changed = answer.json()
        assert changed == {**one, "name": f"By {path}", "updated_at": changed["updated_at"]}
    assert read(shop, "two") == two


def test_updated_at_moves_and_created_at_stays(shop: Shop) -> None:
    created = save(shop, source_id="t")
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    sql(shop, "UPDATE customers SET created_at = $2 WHERE project_id = $1", long_ago)
    first = shop.api.put("/v1/customers/t", json={"name": "1"}).json()
    assert first["created_at"] == "2020-01-01T00:00:00.000Z"
    assert first["updated_at"] >= created["created_at"]
    assert save(shop, source_id="t")["updated_at"] >= first["updated_at"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("unknown", [UNUSED, "nobody"])
def test_an_unknown_customer_is_not_found(shop: Shop, method: str, unknown: str) -> None:
    body: dict[str, Any] = {"json": {"name": "x"}} if method == "PUT" else {}
    answer = shop.api.request(method, f"/v1/customers/{unknown}", **body)
    assert answer.status_code == 404
    problem = answer.json()
    del problem["request_id"]
    assert problem == {
        "code": 404,
        "key": "not_found",
        "message": "Resource not found",
        "details": f"Cannot find customer with id {unknown}",
        "resource_id": unknown,
        "resource_type": "customer",
    }
    assert shop.api.get("/v1/customers").json()["total"] == 0


# --- names in paths -----------------------------------------------------------------------------

# Each must be found by its own name alone, whatever it means to a path, a pattern or a query.
NAMES = {
    "a/b": "a%2Fb",
    "a%2Fb": "a%252Fb",
    "a%b": "a%25b",
    "a_b": "a_b",
    "axb": "axb",
    "%": "%25",
    "_": "_",
    "a b": "a%20b",
    "a+b": "a+b",
    "a?b#c&d=e;f": "a%3Fb%23c%26d%3De%3Bf",
    "bob@shop.example": "bob%40shop.example",
    "zażółć": "za%C5%BC%C3%B3%C5%82%C4%87",
    "😀/東京": "%F0%9F%98%80%2F%E6%9D%B1%E4%BA%AC",
    "back\\slash'\"": "back%5Cslash%27%22",
    " padded ": "%20padded%20",
    "line\nbreak\t": "line%0Abreak%09",
    "importCSV": "importCSV",
    "bulk": "bulk",
    "metadata": "metadata",
    "async": "async",
    "a/activity": "a%2Factivity",
    "..": "%2E%2E",
    "ﬁ": "%EF%AC%81",
    "fi": "fi",
}


def test_names_in_paths_are_plain_characters(shop: Shop) -> None:
    ids = {name: save(shop, source_id=name, metadata={"is": name})["id"] for name in NAMES}
    assert len(set(ids.values())) == len(NAMES)
    for name, path in NAMES.items():
        found = read(shop, path)
        assert (found["id"], found["source_id"]) == (ids[name], name)
        answer = shop.api.put(f"/v1/customers/{path}", json={"name": name})
        assert answer.status_code == 200
        assert answer.json()["id"] == ids[name]
    assert [read(shop, path)["name"] for path in NAMES.values()] == list(NAMES)
    for name, path in NAMES.items():
        assert shop.api.get(f"/v1/customers/{path}/segments").json()["total"] == 0
        assert shop.api.delete(f"/v1/customers/{path}").status_code == 204
        assert shop.api.get(f"/v1/customers/{path}").status_code == 404, name
    assert shop.api.get("/v1/customers").json()["total"] == 0


def test_a_source_id_that_looks_like_an_id_gives_way_to_the_id(shop: Shop) -> None:
    named = save(shop, source_id=UNUSED)
    assert named["id"] != UNUSED
    assert read(shop, UNUSED)["id"] == named["id"]
    owner = save(shop, id=UNUSED, name="Owner of the id")
    assert owner["id"] == UNUSED
    assert read(shop, UNUSED)["name"] == "Owner of the id"


# --- deleting -----------------------------------------------------------------------------------


def test_delete_frees_the_source_id(shop: Shop) -> None:
    first = save(shop, **BOB)
    answer = shop.api.delete("/v1/customers/source_123")
    assert (answer.status_code, answer.content) == (204, b"")
    assert shop.api.get("/v1/customers/source_123").status_code == 404
    assert shop.api.get(f"/v1/customers/{first['id']}").status_code == 404
    assert shop.api.delete("/v1/customers/source_123").status_code == 404
    second = save(shop, source_id="source_123")
    assert second["id"] != first["id"]
    assert "name" not in second
    assert "updated_at" not in second
    assert shop.api.delete(f"/v1/customers/{second['id']}").status_code == 204
    assert shop.api.get("/v1/customers").json()["total"] == 0
    # The old id is free as well.
    assert save(shop, id=first["id"])["id"] == first["id"]


# --- the blocks that the engine keeps -----------------------------------------------------------

COLUMNS = {
    "redemptions_total_redeemed": 11,
    "redemptions_total_failed": 12,
    "redemptions_total_succeeded": 13,
    "redemptions_total_rolled_back": 14,
    "redemptions_total_rollback_failed": 15,
    "redemptions_total_rollback_succeeded": 16,
    "gift_redeemed_amount": 17,
    "gift_amount_to_go": 18,
    "loyalty_card_redeemed_points": 19,
    "loyalty_card_points_to_go": 20,
    "orders_total_amount": 5000000001,
    "orders_total_count": 2,
    "orders_last_amount": 21,
    "orders_last_date": datetime(2024, 5, 6, 7, 8, 9, 120000, tzinfo=UTC),
    "loyalty_points": 22,
    "loyalty_referred_customers": 23,
    "loyalty_campaigns": 2,
    "referrals_total": 2,
}
SUMMARY = {
    "redemptions": {
        "total_redeemed": 11,
        "total_failed": 12,
        "total_succeeded": 13,
        "total_rolled_back": 14,
        "total_rollback_failed": 15,
        "total_rollback_succeeded": 16,
        "gift": {"redeemed_amount": 17, "amount_to_go": 18},
        "loyalty_card": {"redeemed_points": 19, "points_to_go": 20},
    },
    "orders": {
        "total_amount": 5000000001,
        "total_count": 2,
        "average_amount": 2500000001,
        "last_order_amount": 21,
        "last_order_date": "2024-05-06T07:08:09.120Z",
    },
}
LOYALTY = {
    "points": 22,
    "referred_customers": 23,
    "campaigns": {
        "Gold": {"points": 5, "loyalty_tier": "Top", "referred_customers": 1},
        "Invite": {"points": 0, "referred_customers": 3},
    },
}
REFERRALS = {
    "total": 2,
    "campaigns": [
        {
            "campaign_id": "camp_1",
            "referrer_id": "cust_r1",
            "related_object_id": "r_1",
            "related_object_type": "redemption",
            "date": "2024-01-01T00:00:00.000Z",
        },
        {
            "campaign_id": "camp_2",
            "referrer_id": "cust_r2",
            "related_object_id": "evcus_2",
            "related_object_type": "event",
            "date": "2024-02-01T00:00:00.000Z",
        },
    ],
}


def test_the_blocks_are_read_from_columns_and_rows(shop: Shop) -> None:
    customer = save(shop, **BOB)
    other = save(shop, source_id="other")
    places = ", ".join(f"{column} = ${n}" for n, column in enumerate(COLUMNS, 3))
    sql(
        shop,
        f'UPDATE customers SET {places}, system_metadata = \'{{"source": "import"}}\' '
        "WHERE project_id = $1 AND id = $2",
        customer["id"],
        *COLUMNS.values(),
    )
    sql(
        shop,
        "INSERT INTO customer_campaigns (project_id, customer_id, campaign_id, campaign, points, "
        "loyalty_tier, referred_customers) "
        "VALUES ($1, $2, 'camp_2', 'Invite', 0, NULL, 3), ($1, $2, 'camp_1', 'Gold', 5, 'Top', 1)",
        customer["id"],
    )
    sql(
        shop,
        "INSERT INTO customer_referrals (project_id, customer_id, related_object_id, "
        "related_object_type, campaign_id, referrer_id, date) "
        "VALUES ($1, $2, 'evcus_2', 'event', 'camp_2', 'cust_r2', '2024-02-01Z'), "
        "($1, $2, 'r_1', 'redemption', 'camp_1', 'cust_r1', '2024-01-01Z')",
        customer["id"],
    )
    expected = {
        **customer,
        "summary": SUMMARY,
        "loyalty": LOYALTY,
        "referrals": REFERRALS,
        "system_metadata": {"source": "import"},
    }
    assert read(shop, "source_123") == expected
    listed = shop.api.get("/v1/customers", params={"order": "created_at"}).json()["customers"]
    assert listed == [expected, other]
    # A change of the profile leaves the sums alone, and its answer shows them.
    upserted = save(shop, source_id="source_123", phone="7")
    assert upserted == {**expected, "phone": "7", "updated_at": upserted["updated_at"]}
    put = shop.api.put("/v1/customers/source_123", json={"phone": "8"}).json()
    assert put == {**expected, "phone": "8", "updated_at": put["updated_at"]}


@pytest.mark.parametrize(
    ("total", "count", "average"),
    [(0, 0, 0), (5, 0, 0), (3, 2, 2), (4, 3, 1), (5, 3, 2), (1001, 2, 501), (9, 4, 2), (10, 4, 3)],
)
def test_the_average_amount_is_rounded_half_up(
    shop: Shop, total: int, count: int, average: int
) -> None:
    save(shop, source_id="a")
    sql(
        shop,
        "UPDATE customers SET orders_total_amount = $2, orders_total_count = $3 "
        "WHERE project_id = $1",
        total,
        count,
    )
    orders = read(shop, "a")["summary"]["orders"]
    assert (orders["total_amount"], orders["total_count"]) == (total, count)
    assert orders["average_amount"] == average
    assert "last_order_date" not in orders
