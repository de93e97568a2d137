"""Sessions: what a validation puts aside, for the redemption with its key and for nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.test_customers import sql
from tests.api.test_redemptions import post, redeem, refused, voucher
from tests.api.test_vouchers import GIFT, create, put, read
from tests.running import Shop

LOCK = {"type": "LOCK"}


def validate(shop: Shop, *asked: str | dict[str, Any], **body: Any) -> dict[str, Any]:
    """The answer to a validation; text is the code of a voucher."""
    given = [voucher(each) if isinstance(each, str) else each for each in asked]
    answer = shop.api.post("/v1/validations", json={"redeemables": given, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def lock(shop: Shop, *asked: str | dict[str, Any], key: str | None = None, **more: Any) -> str:
    """Puts aside; the key."""
    session = {**LOCK, **more} | ({"key": key} if key else {})
    answer = validate(shop, *asked, session=session, order={"amount": 50000})
    assert answer["valid"], answer
    found: str = answer["session"]["key"]
    return found


def release(shop: Shop, code: str, key: str) -> int:
    return shop.api.delete(f"/v1/vouchers/{code}/sessions/{key}").status_code


def why(answer: dict[str, Any]) -> str:
    key: str = answer["redeemables"][0]["result"]["error"]["key"]
    return key


def held(shop: Shop) -> int:
    [row] = sql(shop, "SELECT count(*) AS n FROM sessions WHERE project_id = $1")
    n: int = row["n"]
    return n


def expire(shop: Shop) -> None:
    """Lets all sessions end a moment ago."""
    past = "'2020-01-01T00:00:00Z'"
    sql(shop, f"UPDATE sessions SET expires_at = {past} WHERE project_id = $1")


def test_what_is_put_aside_is_for_its_key(shop: Shop) -> None:
    create(shop, "ONCE", redemption={"quantity": 1})
    key = lock(shop, "ONCE")
    assert key.startswith("ssn_")
    assert why(validate(shop, "ONCE")) == "quantity_exceeded"
    assert why(validate(shop, "ONCE", session={**LOCK, "key": "other"})) == "quantity_exceeded"
    assert refused(shop, "ONCE") == "quantity_exceeded"
    assert refused(shop, "ONCE", session={**LOCK, "key": "other"}) == "quantity_exceeded"
    assert validate(shop, "ONCE", session={**LOCK, "key": key})["valid"]
    assert read(shop, "ONCE")["redemption"]["redeemed_quantity"] == 0
    redeem(shop, "ONCE", session={**LOCK, "key": key})
    assert held(shop) == 0
    assert release(shop, "ONCE", key) == 404
    assert read(shop, "ONCE")["redemption"]["redeemed_quantity"] == 1
    assert refused(shop, "ONCE", session={**LOCK, "key": key}) == "quantity_exceeded"


def test_four_uses_are_four_sessions(shop: Shop) -> None:
    create(shop, "FOUR", redemption={"quantity": 4})
    keys = [lock(shop, "FOUR") for _ in range(4)]
    assert len(set(keys)) == 4
    answer = validate(shop, "FOUR", session=LOCK)
    assert (answer["valid"], why(answer), "session" in answer) == (
        False,
        "quantity_exceeded",
        False,
    )
    redeem(shop, "FOUR", session={"key": keys[2]})
    assert refused(shop, "FOUR") == "quantity_exceeded"
    assert release(shop, "FOUR", keys[0]) == 204
    redeem(shop, "FOUR")
    assert refused(shop, "FOUR") == "quantity_exceeded"
    put(shop, "FOUR", redemption={"quantity": 5})
    redeem(shop, "FOUR")
    redeem(shop, "FOUR", session={"key": keys[1]})
    redeem(shop, "FOUR", session={"key": keys[3]})
    assert read(shop, "FOUR")["redemption"]["redeemed_quantity"] == 5


def test_without_a_limit_there_is_no_end_of_sessions(shop: Shop) -> None:
    create(shop, "ANY")
    assert len({lock(shop, "ANY") for _ in range(5)}) == 5
    redeem(shop, "ANY")


def test_credits_are_put_aside(shop: Shop) -> None:
    create(shop, "card", **GIFT)
    key = lock(shop, voucher("card", 9000))
    assert refused(shop, voucher("card", 1001), order=50000) == "gift_amount_exceeded"
    # As many as are due are as many as are left.
    assert redeem(shop, "card", order=50000)["redemptions"][0]["amount"] == 1000
    assert refused(shop, "card", order=1) == "gift_amount_exceeded"
    redeem(shop, voucher("card", 9000), order=50000, session={**LOCK, "key": key})
    assert read(shop, "card")["gift"]["balance"] == 0


def test_the_same_key_overrides(shop: Shop) -> None:
    for code in ("one", "two"):
        create(shop, code, redemption={"quantity": 1})
    create(shop, "card", **GIFT)
    lock(shop, "one", voucher("card", 9000), key="mine")
    lock(shop, "two", voucher("card", 500), key="mine")
    assert held(shop) == 2
    redeem(shop, "one")
    assert refused(shop, "two") == "quantity_exceeded"
    assert redeem(shop, voucher("card", 9500), order=50000)["redemptions"][0]["amount"] == 9500
    assert refused(shop, voucher("card", 1), order=50000) == "gift_amount_exceeded"
    # What is not valid puts nothing aside, and leaves what was.
    answer = validate(shop, "one", session={**LOCK, "key": "mine"})
    assert not answer["valid"]
    assert refused(shop, "two") == "quantity_exceeded"
    redeem(shop, "two", session={**LOCK, "key": "mine"})
    assert held(shop) == 0


def test_a_release(shop: Shop) -> None:
    create(shop, "ONCE", redemption={"quantity": 1})
    id_ = read(shop, "ONCE")["id"]
    key = lock(shop, "ONCE", key="a key/with ümläut")
    for code, name in (("ONCE", "other"), ("nothing", "x")):
        assert release(shop, code, name) == 404
    path = "a%20key%2Fwith%20%C3%BCml%C3%A4ut"
    assert key == "a key/with ümläut"
    assert release(shop, "ONCE", path) == 204
    assert release(shop, "ONCE", path) == 404
    lock(shop, "ONCE", key="k")
    assert release(shop, id_, "k") == 204
    redeem(shop, "ONCE")


def test_a_release_of_one_voucher_leaves_the_other(shop: Shop) -> None:
    for code in ("one", "two"):
        create(shop, code, redemption={"quantity": 1})
    key = lock(shop, "one", "two")
    assert release(shop, "one", key) == 204
    redeem(shop, "one")
    assert refused(shop, "two") == "quantity_exceeded"
    redeem(shop, "two", session={**LOCK, "key": key})


def test_time_runs_out(shop: Shop) -> None:
    create(shop, "ONCE", redemption={"quantity": 1})
    key = lock(shop, "ONCE", ttl=5, ttl_unit="MINUTES")
    [row] = sql(shop, "SELECT expires_at - created_at AS lasts FROM sessions WHERE project_id = $1")
    assert row["lasts"].total_seconds() == 300
    assert refused(shop, "ONCE") == "quantity_exceeded"
    expire(shop)
    assert release(shop, "ONCE", key) == 404
    other = lock(shop, "ONCE")
    # Who comes too late finds it put aside for another.
    assert refused(shop, "ONCE", session={**LOCK, "key": key}) == "quantity_exceeded"
    expire(shop)
    redeem(shop, "ONCE", session={**LOCK, "key": key})
    assert refused(shop, "ONCE", session={**LOCK, "key": other}) == "quantity_exceeded"


@pytest.mark.parametrize(
    ("ttl", "seconds"),
    [
        ({}, 604_800),
        ({"ttl": 2}, 172_800),
        ({"ttl": 1.5, "ttl_unit": "HOURS"}, 5400),
        ({"ttl": 90, "ttl_unit": "SECONDS"}, 90),
        ({"ttl": 90000, "ttl_unit": "MILLISECONDS"}, 90),
        ({"ttl": 90_000_000, "ttl_unit": "MICROSECONDS"}, 90),
        ({"ttl": 90_000_000_000, "ttl_unit": "NANOSECONDS"}, 90),
    ],
)
def test_how_long_it_lasts(shop: Shop, ttl: dict[str, Any], seconds: int) -> None:
    create(shop, "TEN")
    lock(shop, "TEN", **ttl)
    [row] = sql(shop, "SELECT expires_at - created_at AS lasts FROM sessions WHERE project_id = $1")
    assert row["lasts"].total_seconds() == seconds


def test_a_session_of_a_stack(shop: Shop) -> None:
    """The documents' way: validate with a session, redeem with its key."""
    create(shop, "wTzxDoOk", discount={"type": "PERCENT", "percent_off": 20})
    create(shop, "card", **GIFT)
    asked = ("wTzxDoOk", voucher("card", 100))
    answer = validate(
        shop,
        *asked,
        customer={"source_id": "ann"},
        order={"amount": 200000},
        session=LOCK,
    )
    session = answer["session"]
    assert session == {"key": session["key"], "type": "LOCK", "ttl": 7, "ttl_unit": "DAYS"}
    assert held(shop) == 2
    done = redeem(
        shop,
        *asked,
        customer="ann",
        order=200000,
        session={"type": "LOCK", "key": session["key"]},
    )
    assert done["order"]["total_amount"] == 159900
    assert held(shop) == 0


def test_a_refusal_ends_no_session(shop: Shop) -> None:
    create(shop, "ONCE", redemption={"quantity": 1})
    create(shop, "off", active=False)
    key = lock(shop, "ONCE")
    answer = post(shop, "ONCE", "off", session={**LOCK, "key": key})
    assert answer.json()["key"] == "voucher_disabled"
    assert refused(shop, "ONCE") == "quantity_exceeded"
    redeem(shop, "ONCE", session={**LOCK, "key": key})


def test_sessions_go_with_their_voucher(shop: Shop) -> None:
    create(shop, "ONCE", redemption={"quantity": 1})
    key = lock(shop, "ONCE")
    assert shop.api.delete("/v1/vouchers/ONCE?force=true").status_code == 204
    assert release(shop, "ONCE", key) == 404
    create(shop, "ONCE", redemption={"quantity": 1})
    redeem(shop, "ONCE")
    assert held(shop) == 0
