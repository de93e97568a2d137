from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.api.test_customers import sql
from tests.api.validating import ask, card, coupon, error, off, promotion, tier, validate
from tests.running import Shop, until

LOCK: dict[str, Any] = {"type": "LOCK"}


def lock(key: str, **more: Any) -> dict[str, Any]:
    return {"session": {**LOCK, "key": key, **more}}


def rows(shop: Shop) -> list[tuple[str, int]]:
    """What is put aside, as keys and amounts."""
    statement = "SELECT key, amount FROM sessions WHERE project_id = $1 ORDER BY key, amount"
    return [(row["key"], row["amount"]) for row in sql(shop, statement)]


def test_a_session_holds_a_use_for_its_key(shop: Shop) -> None:
    coupon(shop, "ONE", redemption={"quantity": 1})
    answer = validate(shop, "ONE", session=LOCK)
    session = answer["session"]
    assert session["key"].startswith("ssn_")
    assert session == {"key": session["key"], "type": "LOCK", "ttl": 7, "ttl_unit": "DAYS"}
    for other in ({}, {"session": LOCK}, lock("other")):
        found = error(validate(shop, "ONE", **other))
        assert (found["key"], found["message"]) == ("quantity_exceeded", "quantity exceeded")
    again = validate(shop, "ONE", **lock(session["key"], ttl=2, ttl_unit="HOURS"))
    assert again["session"] == {**session, "ttl": 2, "ttl_unit": "HOURS"}
    assert off(again) == 1000


def test_as_many_sessions_as_redemptions(shop: Shop) -> None:
    coupon(shop, "FOUR", redemption={"quantity": 4})
    coupon(shop, "MANY")
    for n in range(4):
        assert off(validate(shop, "FOUR", "MANY", **lock(f"k{n}"))) == 2000
    assert error(validate(shop, "FOUR", **lock("k4")))["key"] == "quantity_exceeded"
    assert off(validate(shop, "MANY", **lock("k4"))) == 1000


def test_a_session_holds_credits(shop: Shop) -> None:
    card(shop, "CARD", 5000)
    some = {"object": "voucher", "id": "CARD", "gift": {"credits": 3000}}
    assert off(validate(shop, some, **lock("mine"))) == 3000
    assert off(validate(shop, "CARD")) == 2000
    assert error(validate(shop, some))["key"] == "gift_amount_exceeded"
    assert off(validate(shop, some, **lock("mine"))) == 3000
    # What is put aside is what is taken, not what was asked for.
    assert off(validate(shop, some, order={"amount": 400}, **lock("mine"))) == 400
    assert off(validate(shop, "CARD")) == 4600


def test_the_same_key_overwrites(shop: Shop) -> None:
    for code in ("A", "B"):
        coupon(shop, code, redemption={"quantity": 1})
    validate(shop, "A", **lock("k"))
    validate(shop, "B", **lock("k"))
    assert off(validate(shop, "A")) == 1000
    assert error(validate(shop, "B"))["key"] == "quantity_exceeded"
    # One that cannot be redeemed holds nothing, and leaves what there was.
    answer = validate(shop, "A", "nobody", **lock("k"))
    assert (answer["valid"], "session" in answer) == (False, False)
    assert error(validate(shop, "B"))["key"] == "quantity_exceeded"
    assert rows(shop) == [("k", 0)]


def test_tiers_are_not_held(shop: Shop) -> None:
    id_ = tier(shop, promotion(shop), "Tier")
    answer = validate(shop, id_, **lock("k"))
    assert (off(answer), answer["session"]["key"], rows(shop)) == (1000, "k", [])


@pytest.mark.parametrize(
    ("ttl", "unit", "seconds"),
    [
        (3, "DAYS", 3 * 86_400),
        (2, "HOURS", 7200),
        (5, "MINUTES", 300),
        (90, "SECONDS", 90),
        (1500, "MILLISECONDS", 1.5),
        (2_000_000, "MICROSECONDS", 2),
        (3_000_000_000, "NANOSECONDS", 3),
        (0.5, "HOURS", 1800),
        (2, None, 2 * 86_400),
        (None, None, 7 * 86_400),
        (None, "HOURS", 7 * 86_400),
        (10**12, "DAYS", 36_500 * 86_400),
    ],
)
def test_how_long(shop: Shop, ttl: Any, unit: str | None, seconds: float) -> None:
    coupon(shop, "TEN")
    session = validate(shop, "TEN", **lock("k", ttl=ttl, ttl_unit=unit))["session"]
    expected = (7, "DAYS") if ttl is None else (ttl, unit or "DAYS")
    assert (session["ttl"], session["ttl_unit"]) == expected
    [row] = sql(
        shop,
        "SELECT extract(epoch FROM expires_at - created_at)::float AS lasts FROM sessions "
        "WHERE project_id = $1",
    )
    assert row["lasts"] == pytest.approx(seconds, abs=0.002)


def test_a_session_ends(shop: Shop) -> None:
    coupon(shop, "ONE", redemption={"quantity": 1})
    validate(shop, "ONE", **lock("short", ttl=700, ttl_unit="MILLISECONDS"))
    assert error(validate(shop, "ONE"))["key"] == "quantity_exceeded"
    assert until(lambda: validate(shop, "ONE")["valid"], 10)
    # One that is over as soon as it begins holds nobody up.
    for n in range(3):
        assert validate(shop, "ONE", **lock(f"n{n}", ttl=1, ttl_unit="NANOSECONDS"))["valid"]


def test_of_many_at_once_as_many_hold_as_can_redeem(shop: Shop) -> None:
    coupon(shop, "FEW", redemption={"quantity": 3})
    key = shop.project["server_side_key"]

    def one(n: int) -> bool:
        with shop.server.client(key["app_id"], key["app_token"]) as api:
            body = {"redeemables": [{"object": "voucher", "id": "FEW"}], **lock(f"k{n}")}
            valid: bool = api.post("/v1/validations", json=body).json()["valid"]
            return valid

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(16))) == 3


@pytest.mark.parametrize(
    ("session", "details"),
    [
        ({"type": "KEY"}, ".session.type"),
        ({"type": "LOCK", "ttl": 0}, "Property .session.ttl should be > 0"),
        ({"type": "LOCK", "ttl": -1}, "Property .session.ttl should be > 0"),
        ({"type": "LOCK", "ttl": "soon"}, ".session.ttl"),
        ({"type": "LOCK", "ttl": 1, "ttl_unit": "YEARS"}, ".session.ttl_unit"),
        ({"type": "LOCK", "key": ""}, ".session.key"),
        ({"type": "LOCK", "key": "k" * 256}, ".session.key"),
        ({"type": "LOCK", "key": 5}, ".session.key"),
        ("LOCK", ".session"),
    ],
)
def test_sessions_that_cannot_be(shop: Shop, session: Any, details: str) -> None:
    coupon(shop, "TEN")
    answer = ask(shop, "TEN", session=session)
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_payload")
    assert details in answer.json()["details"]
    assert rows(shop) == []
