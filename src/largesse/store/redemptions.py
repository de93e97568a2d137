"""Redemptions and rollbacks, and what they move: vouchers, the ledger of cards, customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from largesse.engine.orders import COUNTED
from largesse.kit.db import Db, Row
from largesse.store import customers, definitions, guards, orders, vouchers
from largesse.store.filters import TEXT, TIME
from largesse.store.listing import Listing
from largesse.store.vouchers import Transaction

REDEMPTION, ROLLBACK = "redemption", "redemption_rollback"
SUCCESS, FAILURE = "SUCCESS", "FAILURE"


class Redemption(msgspec.Struct, kw_only=True):
    """A row of a redemption or a rollback; `order`, `metadata`, `reward` and `counted` are JSON
    text when they are written. Of a parent neither voucher nor tier is set. `order_amount` and
    `discount_amount` are what it added to the sums of its campaign, `counted` the units that it
    took from budgets.
    """

    id: str
    object: str = REDEMPTION
    result: str = SUCCESS
    parent_id: str | None = None
    redemption_id: str | None = None
    rollback_id: str | None = None
    voucher_id: str | None = None
    voucher_code: str | None = None
    promotion_tier_id: str | None = None
    campaign_id: str | None = None
    customer_id: str | None = None
    tracking_id: str | None = None
    order_id: str | None = None
    amount: int | None = None
    order_amount: int = 0
    discount_amount: int = 0
    counted: Any = None
    order: Any = None
    metadata: Any = None
    reward: Any = None
    reason: str | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    channel_id: str | None = None
    channel_type: str = "API"
    created_at: datetime


_NAMES = Redemption.__struct_fields__
_KINDS = {
    **dict.fromkeys(_NAMES, "text"),
    **dict.fromkeys(("amount", "order_amount", "discount_amount"), "bigint"),
    **dict.fromkeys(("counted", "order", "reward"), "json"),
    "metadata": "jsonb",
    "created_at": "timestamptz",
}


def _quoted(name: str) -> str:
    return f'"{name}"' if name == "order" else name


COLUMNS = ", ".join(_quoted(name) for name in _NAMES)
INSERT = f"""
INSERT INTO redemptions (project_id, {COLUMNS})
SELECT $1, {COLUMNS}
FROM unnest({", ".join(f"${n}::{_KINDS[name]}[]" for n, name in enumerate(_NAMES, 2))})
    AS made ({COLUMNS})
"""
GET = f"SELECT {COLUMNS} FROM redemptions WHERE project_id = $1 AND id = $2"
HOLD = f"{GET} FOR NO KEY UPDATE"
CHILDREN = f"""
SELECT {COLUMNS} FROM redemptions WHERE project_id = $1 AND parent_id = ANY($2::text[]) ORDER BY id
"""
RELATED = """
SELECT id, parent_id, redemption_id, object, result, created_at FROM redemptions
WHERE project_id = $1 AND (parent_id = ANY($2::text[]) OR id = ANY($3::text[])) ORDER BY id
"""
ROLL_BACK = """
UPDATE redemptions SET rollback_id = done.rollback_id
FROM unnest($2::text[], $3::text[]) AS done (id, rollback_id)
WHERE project_id = $1 AND redemptions.id = done.id AND redemptions.rollback_id IS NULL
RETURNING redemptions.id
"""
MERGE_METADATA = """
UPDATE redemptions SET metadata = coalesce(metadata, '{}') || $3::jsonb
WHERE project_id = $1 AND id = $2
"""

# --- what is moved ------------------------------------------------------------------------------

# The limits are checked again by the statement itself: a row that is missing from what it answers
# was not redeemed. Neither was one that other rules guard by now than those it was decided on.
SPEND = f"""
UPDATE vouchers SET redeemed_quantity = redeemed_quantity + spent.uses,
    redeemed_amount = redeemed_amount + spent.amount
FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::text[])
    AS spent (voucher_id, uses, amount, guards)
WHERE vouchers.project_id = $1 AND vouchers.id = spent.voucher_id
    AND (spent.uses < 0 OR quantity IS NULL OR redeemed_quantity + spent.uses <= quantity)
    AND redeemed_quantity + spent.uses >= 0
    AND (spent.amount <= 0
        OR vouchers.amount - subtracted_amount - redeemed_amount - points_expired >= spent.amount)
    AND array_to_string({guards.names("vouchers", "id", "campaign_id")}, ',') = spent.guards
RETURNING {", ".join(f"vouchers.{name}" for name in vouchers.Voucher.__struct_fields__)}
"""
_LEDGER = {
    **dict.fromkeys(Transaction.__struct_fields__, "text"),
    **dict.fromkeys(("amount", "total", "balance"), "bigint"),
    "details": "json",
    "created_at": "timestamptz",
}
ENTER = f"""
INSERT INTO voucher_transactions (project_id, {", ".join(_LEDGER)})
SELECT $1, {", ".join(_LEDGER)}
FROM unnest({", ".join(f"${n}::{kind}[]" for n, kind in enumerate(_LEDGER.values(), 2))})
    AS entered ({", ".join(_LEDGER)})
"""
TRANSACTIONS_OF = """
SELECT id, voucher_id, details FROM voucher_transactions
WHERE project_id = $1 AND voucher_id = ANY($2::text[])
    AND details #>> '{redemption,id}' = ANY($3::text[]) AND type LIKE '%_REDEMPTION'
"""

SUMS = (
    *("redemptions_total_redeemed", "redemptions_total_failed", "redemptions_total_succeeded"),
    *("redemptions_total_rolled_back", "redemptions_total_rollback_failed"),
    *("redemptions_total_rollback_succeeded", "gift_redeemed_amount", "gift_amount_to_go"),
    *("loyalty_card_redeemed_points", "loyalty_card_points_to_go"),
    *("orders_total_amount", "orders_total_count"),
)
_STATUSES = ", ".join(f"'{status}'" for status in sorted(COUNTED))


def _last(column: str) -> str:
    return (
        f"(SELECT {column} FROM orders WHERE project_id = $1 AND customer_id = customers.id "
        f"AND status IN ({_STATUSES}) ORDER BY created_at DESC, id DESC LIMIT 1)"
    )


# The customers are held by now, so the last order is the last that there is.
SUM_UP = f"""
UPDATE customers SET
    {", ".join(f"{name} = customers.{name} + moved.{name}" for name in SUMS)},
    orders_last_amount = CASE WHEN moved.ordered
        THEN coalesce({_last("total_amount")}, 0) ELSE orders_last_amount END,
    orders_last_date = CASE WHEN moved.ordered
        THEN {_last("created_at")} ELSE orders_last_date END
FROM unnest($2::text[], $3::boolean[], {", ".join(f"${n}::bigint[]" for n in range(4, 16))})
    AS moved (customer_id, ordered, {", ".join(SUMS)})
WHERE customers.project_id = $1 AND customers.id = moved.customer_id
RETURNING {", ".join(f"customers.{name}" for name in customers.ROW.split(", "))},
    {definitions.COLUMN}
"""

# --- orders -------------------------------------------------------------------------------------

_ORDER_KINDS = {
    **dict.fromkeys(("id", "source_id", "status", "customer_id", "referrer_id"), "text"),
    **dict.fromkeys((*orders.AMOUNTS, *orders.APPLIED), "bigint"),
    "items": "json",
    **dict.fromkeys(("metadata", "redemptions"), "jsonb"),
}
_ORDER = ", ".join(_ORDER_KINDS)
_ORDER_ARRAYS = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(_ORDER_KINDS.values(), 3))
# A row that is missing from what it answers: somebody else has made this very order meanwhile.
INSERT_ORDERS = f"""
INSERT INTO orders (project_id, {_ORDER}, created_at)
SELECT $1, {_ORDER}, $2 FROM unnest({_ORDER_ARRAYS}) AS made ({_ORDER})
ON CONFLICT DO NOTHING RETURNING {orders.COLUMNS}
"""
_WRITTEN = [name for name in _ORDER_KINDS if name not in ("id", "source_id")]
UPDATE_ORDERS = f"""
UPDATE orders SET {", ".join(f"{name} = changed.{name}" for name in _WRITTEN)}, updated_at = $2
FROM unnest({_ORDER_ARRAYS}) AS changed ({_ORDER})
WHERE orders.project_id = $1 AND orders.id = changed.id
RETURNING {", ".join(f"orders.{name}" for name in orders.COLUMNS.split(", "))}
"""


class Checkout(msgspec.Struct, kw_only=True):
    """An order as a redemption or a rollback leaves it; `items`, `metadata` and `redemptions` are
    JSON text.
    """

    id: str
    source_id: str | None
    status: str
    customer_id: str | None
    referrer_id: str | None
    amount: int
    initial_amount: int | None
    discount_amount: int
    items_discount_amount: int
    total_discount_amount: int
    total_amount: int
    applied_discount_amount: int
    items_applied_discount_amount: int
    total_applied_discount_amount: int
    items: str
    metadata: str
    redemptions: str | None


def of(row: Row) -> Redemption:
    """A row as its Struct."""
    return Redemption(**{name: row[name] for name in _NAMES})


def _columns(rows: Sequence[msgspec.Struct], names: Sequence[str]) -> list[list[Any]]:
    return [[getattr(row, name) for row in rows] for name in names]


async def record(db: Db, project_id: str, rows: Sequence[Redemption]) -> None:
    """Writes redemptions, however many, in one statement."""
    if rows:
        await db.execute(INSERT, project_id, *_columns(rows, _NAMES))


async def enter(db: Db, project_id: str, entries: Sequence[Transaction]) -> None:
    """Writes changes of cards into the ledger."""
    if entries:
        await db.execute(ENTER, project_id, *_columns(entries, list(_LEDGER)))


async def spend(
    db: Db,
    project_id: str,
    spent: Mapping[str, tuple[int, int]],
    guarded: Mapping[str, Sequence[str]],
) -> dict[str, Row]:
    """Moves vouchers, which are held, by uses and amounts; their rows after it. One that a limit
    keeps from it is missing, and so is one whose rules are no longer those by which it was
    `guarded`.
    """
    if not spent:
        return {}
    ids = sorted(spent)
    uses, amounts = [spent[id_][0] for id_ in ids], [spent[id_][1] for id_ in ids]
    rules = [",".join(guarded[id_]) for id_ in ids]
    rows = await db.fetch(SPEND, project_id, ids, uses, amounts, rules)
    return {row["id"]: row for row in rows}


async def write_orders(
    db: Db, project_id: str, made: Sequence[Checkout], changed: Sequence[Checkout], now: datetime
) -> dict[str, Row]:
    """Writes new orders and changed ones; their rows by their ids. A new one is missing where
    somebody else has made it meanwhile.
    """
    found: list[Row] = []
    for statement, written in ((INSERT_ORDERS, made), (UPDATE_ORDERS, changed)):
        if written:
            columns = _columns(written, list(_ORDER_KINDS))
            found += await db.fetch(statement, project_id, now, *columns)
    return {row["id"]: row for row in found}


async def sum_up(
    db: Db, project_id: str, moves: Mapping[str, Mapping[str, int]], ordered: set[str]
) -> list[Row]:
    """Moves the sums of customers, who are held; their rows after it, with the number of the
    project's definitions. Of those in `ordered` the last order may be another one.
    """
    ids = sorted({*moves, *ordered})
    if not ids:
        return []
    sums = [[moves.get(id_, {}).get(name, 0) for id_ in ids] for name in SUMS]
    rows: list[Row] = await db.fetch(
        SUM_UP, project_id, ids, [id_ in ordered for id_ in ids], *sums
    )
    return rows


# --- lists --------------------------------------------------------------------------------------

# What belongs to a voucher or a tier that is gone is no longer shown.
# Scalar subqueries and not EXISTS, of which the planner would make a table of all vouchers first.
LIVING = (
    "(voucher_id IS NULL OR (SELECT deleted_at IS NULL FROM vouchers "
    "WHERE vouchers.project_id = redemptions.project_id AND vouchers.id = voucher_id)) "
    "AND (promotion_tier_id IS NULL OR (SELECT true FROM promotion_tiers "
    "WHERE promotion_tiers.project_id = redemptions.project_id "
    "AND promotion_tiers.id = promotion_tier_id))"
)
RELATED_OBJECT = "coalesce(voucher_id, promotion_tier_id, id)"
CAMPAIGN_NAME = (
    "(SELECT name FROM campaigns WHERE campaigns.project_id = redemptions.project_id "
    "AND campaigns.id = campaign_id)"
)
LISTING = Listing(
    "redemptions",
    COLUMNS,
    filters={
        "results": "result = ANY({}::text[])",
        "campaign_id": "campaign_id = {}",
        "customer_id": "customer_id = {}",
        "voucher_id": "voucher_id = {}",
        "created_before": "created_at < {}",
        "created_after": "created_at > {}",
    },
    fields={
        "id": ("id", TEXT),
        "voucher_code": ("voucher_code", TEXT),
        "related_object_id": (RELATED_OBJECT, TEXT),
        "related_object_parent_id": ("campaign_id", TEXT),
        "parent_redemption_id": ("parent_id", TEXT),
        "failure_code": ("failure_code", TEXT),
        "result": ("result", TEXT),
        "object": ("object", TEXT),
        "customer_id": ("customer_id", TEXT),
        "campaign_name": (CAMPAIGN_NAME, TEXT),
        # Nobody logs in: keys redeem.
        "user_login": ("NULL::text", TEXT),
        "created_at": ("created_at", TIME),
    },
    orders={
        "created_at": "created_at",
        "id": "id",
        "voucher_code": "voucher_code",
        "tracking_id": "tracking_id",
        "customer_id": "customer_id",
    },
    default="-created_at",
    only=LIVING,
    seen_by=("voucher_id", "promotion_tier_id"),
    full=("created_at",),
)
# Of the project as a whole, by day, as campaigns have their sums.
ROWS = "redemptions"
TOTAL = """
SELECT coalesce((
    SELECT sum(n) FROM campaign_days
    WHERE project_id = $1 AND campaign_id = '' AND measure = 'redemptions'
), 0)::bigint + coalesce((
    SELECT sum((moved ->> 3)::bigint) FROM events, json_array_elements(counted) AS moved
    WHERE project_id = $1 AND NOT handled AND counted IS NOT NULL AND moved ->> 0 = ''
), 0)::bigint
"""
COUNT_OF_VOUCHER = """
SELECT count(*) FROM redemptions WHERE project_id = $1 AND voucher_id = $2
"""
# As rollbacks hold them, who hold the parent alone.
HOLD_OF_CUSTOMERS = """
SELECT id FROM redemptions
WHERE project_id = $1 AND customer_id = ANY($2::text[]) AND parent_id IS NULL
ORDER BY id FOR NO KEY UPDATE
"""
FORGET_CUSTOMER = """
UPDATE redemptions SET customer_id = NULL, tracking_id = NULL, "order" = NULL, order_id = NULL,
    metadata = NULL, reason = NULL
WHERE project_id = $1 AND customer_id = $2
"""
