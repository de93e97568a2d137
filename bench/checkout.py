"""What the benches of checkouts share: the shop, what is sent, and whether the books are right."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bench.bulk import asked
from bench.commerce import CUSTOMERS, ORDER, WRONG_SUMS, stock
from bench.harness import Measured, median, number, ratio, share
from bench.load import FIRST_KEY, KEY, NEW_KEY
from bench.promotions import DISCOUNT
from bench.sides import PROJECT_ID, Database, Failed, Request, request
from tests.running import until

VALIDATE, VALIDATE_FIVE = "POST /v1/validations", "POST /v1/validations, 5 codes"
REDEEM = "POST /v1/redemptions"

# --- the shop -----------------------------------------------------------------------------------

# Five codes for each customer; what is redeemed alone is the first of them.
LETTERS = "vwxyz"
# Without an end of redemptions, so that however many are redeemed none is refused.
VOUCHERS = f"""
INSERT INTO vouchers (project_id, id, code, code_key, type, campaign_id, discount, active, metadata,
    created_at)
SELECT '{PROJECT_ID}', 'v_' || md5(code), code, code, 'DISCOUNT_VOUCHER', '%s',
    '{json.dumps(DISCOUNT)}', true, '{{}}',
    timestamptz '2026-01-01' + (n - {FIRST_KEY}) * interval '1 second'
FROM generate_series({FIRST_KEY}, {FIRST_KEY} - 1 + {CUSTOMERS}) AS n,
    unnest(array{list(LETTERS)}) AS letter, LATERAL (SELECT letter || '-' || n) AS codes (code)
"""
CAMPAIGN = {
    "name": "Ten percent",
    "campaign_type": "DISCOUNT_COUPONS",
    "type": "AUTO_UPDATE",
    "voucher": {"type": "DISCOUNT_VOUCHER", "discount": DISCOUNT},
}


def open_shop(database: Database, url: str) -> None:
    """Customers with their orders and a catalogue, and vouchers of one campaign."""
    stock(database)
    campaign = asked("POST", f"{url}/v1/campaigns", json=CAMPAIGN)
    database.say(VOUCHERS % campaign["id"])
    database.say("VACUUM (ANALYZE) vouchers")
    database.say("CHECKPOINT")


# --- what is sent -------------------------------------------------------------------------------

BASKET = {name: value for name, value in ORDER.items() if name not in ("source_id", "customer")}


def body(codes: int, **order: Any) -> dict[str, Any]:
    """A checkout of one customer, with three lines that the catalogue knows."""
    return {
        "redeemables": [{"object": "voucher", "id": f"{each}-{KEY}"} for each in LETTERS[:codes]],
        "customer": {"source_id": KEY},
        "order": {**BASKET, **order},
    }


BODIES = {
    VALIDATE: body(1),
    VALIDATE_FIVE: body(5),
    REDEEM: body(1, source_id=f"order-{NEW_KEY}"),
}
# 6 pieces at 9.99, with 10 % off for each code of what those before it left, half up.
TOTALS = {VALIDATE: 5395, VALIDATE_FIVE: 3539, REDEEM: 5395}


def path_of(operation: str) -> str:
    return operation.split()[1].strip(",")


def requests() -> dict[str, Request]:
    return {
        operation: request("POST", path_of(operation), sent) for operation, sent in BODIES.items()
    }


def known(sent: Any) -> Any:
    """What is sent, with the first key in place of keys."""
    text = json.dumps(sent).replace(KEY, str(FIRST_KEY)).replace(NEW_KEY, "first")
    return json.loads(text)


# --- whether it is right ------------------------------------------------------------------------


def check_answers(url: str) -> None:
    """Sees that each answer is what it should be; sends one request of each."""
    for operation, sent in BODIES.items():
        found = asked("POST", f"{url}{path_of(operation)}", json=known(sent))
        if found["order"]["total_amount"] != TOTALS[operation]:
            raise Failed(f"{operation} is not as it should be: {found}")
        if not all(item["product"]["id"].startswith("prod_") for item in found["order"]["items"]):
            raise Failed(f"the catalogue was not found: {found}")


_MADE = "FROM redemptions WHERE object = 'redemption' AND result = 'SUCCESS'"
WRONG_VOUCHERS = f"""
SELECT count(*) FROM vouchers LEFT JOIN (
    SELECT voucher_id, count(*) AS n {_MADE} GROUP BY voucher_id
) AS counted ON voucher_id = id WHERE redeemed_quantity IS DISTINCT FROM coalesce(n, 0)
"""
WRONG_BUYERS = f"""
SELECT count(*) FROM customers LEFT JOIN (
    SELECT customer_id, count(*) AS n {_MADE} GROUP BY customer_id
) AS counted ON customer_id = id
WHERE redemptions_total_succeeded IS DISTINCT FROM coalesce(n, 0)
"""
UNPAID = f"""
SELECT count(*) FROM orders FULL JOIN (SELECT order_id {_MADE} AND order_id IS NOT NULL) AS made
    ON order_id = id
WHERE id IS NULL OR redemptions IS NOT NULL AND order_id IS NULL
"""
REFUSED = "SELECT count(*) FROM redemptions WHERE result <> 'SUCCESS'"
# Those of requests have a key that they came with, which pgbench's have not.
OF_REQUESTS = f"SELECT count(*) {_MADE} AND channel_id IS NOT NULL"
OF_PGBENCH = f"SELECT count(*) {_MADE} AND channel_id IS NULL"
VALID, INVALID = (
    f"SELECT count(*) FROM events WHERE type = 'customer.validation.{happened}'"
    for happened in ("succeeded", "failed")
)


def check_books(database: Database, url: str, requested: int, replayed: int = 0) -> None:
    """Sees that so many were redeemed by requests, and by pgbench, and that what they moved is
    what a recount finds.
    """
    wanted = {
        WRONG_VOUCHERS: 0,
        WRONG_BUYERS: 0,
        WRONG_SUMS: 0,
        UNPAID: 0,
        REFUSED: 0,
        OF_REQUESTS: requested,
        OF_PGBENCH: replayed,
    }
    for statement, count in wanted.items():
        if (found := database.say(statement)) != str(count):
            raise Failed(f"{found}, where {count} should be: {statement}")
    total = asked("GET", f"{url}/v1/redemptions?limit=1")["total"]
    if total != requested + replayed:
        raise Failed(f"the list tells of {total} redemptions, of {requested + replayed}")


def check_validations(database: Database, count: int) -> None:
    """Sees that so many validations were noticed, which happens a little later, all of them
    valid.
    """
    until(lambda: int(database.say(VALID)) >= count, 30, 0.5)
    if (found := database.say(VALID), database.say(INVALID)) != (str(count), "0"):
        raise Failed(f"of {count} validations (valid|invalid) were noticed: {found}")


# --- what is told -------------------------------------------------------------------------------


def compared(
    found: Measured, operation: str, names: Sequence[str], to: str
) -> tuple[list[str], list[list[str]]]:
    """A table of the sides, each beside one of them."""
    columns = ["", "requests/s", f"of {to}", "p50 ms", "p95 ms", "p99 ms"]
    columns += ["web CPU ms", "PostgreSQL CPU ms", "client CPU ms", "peak MB a worker"]
    rows = []
    for name in names:
        figures = found[operation, name]
        rows.append(
            [
                name,
                number(median(figures, "rate")),
                share(ratio(figures, found[operation, to])),
                number(median(figures, "p50"), 1),
                number(median(figures, "p95"), 1),
                number(median(figures, "p99"), 1),
                number(median(figures, "web_cpu"), 3),
                number(median(figures, "postgres_cpu"), 3),
                number(median(figures, "client_cpu"), 3),
                number(figures[-1].peak),
            ]
        )
    return columns, rows
