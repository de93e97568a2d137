"""Vouchers: codes, gift cards and loyalty cards, and the ledger of what is on the cards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from largesse.kit.db import Db, Row
from largesse.kit.ids import is_id
from largesse.store import events
from largesse.store.filters import FLAG, JSON, NUMBER, STATES, TEXT, TIME
from largesse.store.listing import Listing
from largesse.store.projects import Project
from largesse.store.table import Changes, Table, holes


class Voucher(msgspec.Struct, kw_only=True):
    """A voucher's row; members that are JSON on the wire are JSON text when they are written.

    `amount` is what was ever put on a gift card (minor units) or a loyalty card (points),
    `quantity` how often it may be redeemed, None without end.
    """

    id: str
    code: str
    code_key: str
    type: str
    campaign_id: str | None = None
    category_id: str | None = None
    discount: Any = None
    effect: str | None = None
    amount: int = 0
    subtracted_amount: int = 0
    redeemed_amount: int = 0
    points_expired: int = 0
    points_pending: int = 0
    next_expiration_date: Any = None
    next_expiration_points: int | None = None
    start_date: datetime | None = None
    expiration_date: datetime | None = None
    validity_timeframe: Any = None
    validity_day_of_week: Any = None
    validity_hours: Any = None
    active: bool = True
    additional_info: str | None = None
    metadata: Any = "{}"
    is_referral_code: bool = False
    holder_id: str | None = None
    referrer_id: str | None = None
    published: int = 0
    quantity: int | None = None
    redeemed_quantity: int = 0
    created_at: datetime
    updated_at: datetime | None = None


class Transaction(msgspec.Struct, kw_only=True):
    """One change of what is on a card; `total` and `balance` as they were after it."""

    id: str
    voucher_id: str
    campaign_id: str | None
    type: str
    source_id: str | None = None
    source: str | None = None
    reason: str | None = None
    amount: int
    total: int
    balance: int
    details: Any
    related_transaction_id: str | None = None
    created_at: datetime


TABLE = Table("vouchers", Voucher)
COLUMNS = TABLE.columns
LEDGER = Table("voucher_transactions", Transaction)

# A code that is taken, also by a voucher in the bin, inserts nothing.
INSERT = f"{TABLE.INSERT} ON CONFLICT DO NOTHING RETURNING {COLUMNS}"
# Many that differ in nothing but id and code.
_ALIKE = tuple(name for name in Voucher.__struct_fields__ if name not in ("id", "code", "code_key"))
INSERT_ALIKE = f"""
INSERT INTO vouchers (project_id, id, code, code_key, {", ".join(_ALIKE)})
SELECT $1, id, code, code_key, {holes(len(_ALIKE), 5)}
FROM unnest($2::text[], $3::text[], $4::text[]) AS given (id, code, code_key)
ON CONFLICT DO NOTHING
"""
_KINDS = {
    **dict.fromkeys(Voucher.__struct_fields__, "text"),
    **dict.fromkeys(
        ("discount", "validity_timeframe", "validity_day_of_week", "validity_hours"), "json"
    ),
    "metadata": "jsonb",
    **dict.fromkeys(
        (
            *("amount", "subtracted_amount", "redeemed_amount", "points_expired"),
            *("points_pending", "next_expiration_points", "published", "quantity"),
            "redeemed_quantity",
        ),
        "bigint",
    ),
    "next_expiration_date": "date",
    **dict.fromkeys(("start_date", "expiration_date", "created_at", "updated_at"), "timestamptz"),
    **dict.fromkeys(("active", "is_referral_code"), "boolean"),
}
INSERT_MANY = f"""
INSERT INTO vouchers (project_id, {COLUMNS})
SELECT $1, {COLUMNS}
FROM unnest({", ".join(f"${n}::{kind}[]" for n, kind in enumerate(_KINDS.values(), 2))})
    AS given ({COLUMNS})
ON CONFLICT DO NOTHING
RETURNING id
"""
_LIVING = f"SELECT {COLUMNS} FROM vouchers WHERE project_id = $1 AND deleted_at IS NULL"
GET = f"{_LIVING} AND id = $2"
GET_BY_CODE = f"{_LIVING} AND code_key = $2"
HOLD = f"{GET} FOR NO KEY UPDATE"
TAKEN = """
SELECT code FROM vouchers WHERE project_id = $1 AND code_key = ANY($2::text[]) ORDER BY code
"""
HOLD_CODES = f"""
{_LIVING} AND code_key = ANY($2::text[]) ORDER BY id FOR NO KEY UPDATE
"""
WITH_IDS = f"{_LIVING} AND id = ANY($2::text[]) ORDER BY created_at, id"
SET_SWITCH_AND_CATEGORY = """
UPDATE vouchers SET active = $3, category_id = $4, updated_at = $5
WHERE project_id = $1 AND id = $2
"""

CHANGES = Changes(
    TABLE,
    (
        *("category_id", "discount", "effect", "amount", "subtracted_amount", "start_date"),
        *(
            "expiration_date",
            "validity_timeframe",
            "validity_day_of_week",
            "validity_hours",
            "active",
        ),
        *("additional_info", "quantity"),
    ),
)
MERGE_METADATA = f"""
UPDATE vouchers SET metadata = (metadata - $3::text[]) || $4::jsonb, updated_at = $5
WHERE project_id = $1 AND id = $2 RETURNING {COLUMNS}
"""
SWITCH = f"""
UPDATE vouchers SET active = $3, updated_at = $4
WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING {COLUMNS}
"""
# The balance is checked again by the row itself.
CHANGE_BALANCE = f"""
UPDATE vouchers SET amount = amount + $3, subtracted_amount = subtracted_amount + $4,
    updated_at = $5
WHERE project_id = $1 AND id = $2
    AND amount + $3 - subtracted_amount - $4 - redeemed_amount - points_expired >= 0
RETURNING {COLUMNS}
"""
BIN = f"""
UPDATE vouchers SET deleted_at = $3
WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING {COLUMNS}
"""
DELETE = f"""
DELETE FROM vouchers WHERE project_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING {COLUMNS}
"""
DELETE_BINNED = """
DELETE FROM vouchers WHERE project_id = $1 AND id = $2 AND deleted_at IS NOT NULL
"""
DELETE_TRANSACTIONS = """
DELETE FROM voucher_transactions WHERE project_id = $1 AND voucher_id = ANY($2::text[])
"""
DELETE_HOLDERS = """
DELETE FROM redeemable_holders WHERE project_id = $1 AND redeemable_id = ANY($2::text[])
"""

# The vouchers of a campaign, a portion at a time: `$3` and `$4` are where the last one ended.
NEXT_OF_CAMPAIGN = """
SELECT id, created_at FROM vouchers
WHERE project_id = $1 AND campaign_id = $2 AND (created_at, id) > ($3::timestamptz, $4)
ORDER BY created_at NULLS FIRST, id LIMIT $5
"""
# Who was published or redeemed keeps its time, its category and its worth.
_HANDED_ON = (
    *("category_id", "start_date", "expiration_date", "validity_timeframe"),
    *("validity_day_of_week", "validity_hours", "discount", "effect"),
)
HAND_ON = (
    "UPDATE vouchers SET updated_at = $12, "
    + ", ".join(
        f"{name} = CASE WHEN '{name}' = ANY($13::text[]) THEN ${n} ELSE {name} END"
        for n, name in enumerate(_HANDED_ON, 4)
    )
    + " WHERE project_id = $1 AND campaign_id = $2 AND id = ANY($3::text[]) AND published = 0 "
    "AND holder_id IS NULL AND redeemed_quantity = 0 AND deleted_at IS NULL"
)
HAND_ON_METADATA = """
UPDATE vouchers SET metadata = (metadata - $4::text[]) || $5::jsonb, updated_at = $6
WHERE project_id = $1 AND campaign_id = $2 AND id = ANY($3::text[]) AND deleted_at IS NULL
"""
_GONE = "amount, subtracted_amount, redeemed_amount, points_expired"
BIN_MANY = f"""
UPDATE vouchers SET deleted_at = $3
WHERE project_id = $1 AND id = ANY($2::text[]) AND deleted_at IS NULL
RETURNING true AS living, {_GONE}
"""
DELETE_MANY = f"""
DELETE FROM vouchers WHERE project_id = $1 AND id = ANY($2::text[])
RETURNING deleted_at IS NULL AS living, {_GONE}
"""
TOTAL = events.whole("vouchers")

LISTING = Listing(
    "vouchers",
    COLUMNS,
    filters={
        "campaign_id": "campaign_id = {}",
        "category_id": "category_id = {}",
        "holder_id": "holder_id = {}",
        "code_key": "code_key = {}",
        "ids": "id = ANY({}::text[])",
        "created_after": "created_at > {}",
        "created_before": "created_at < {}",
        "updated_after": "updated_at > {}",
        "updated_before": "updated_at < {}",
    },
    fields={
        "id": ("id", TEXT),
        "code": ("code", TEXT),
        "type": ("type", TEXT),
        "voucher_type": ("type", TEXT),
        "campaign_id": ("campaign_id", TEXT),
        "campaign_ids": ("campaign_id", TEXT),
        **dict.fromkeys(
            ("campaign", "campaigns"),
            (
                "(SELECT name FROM campaigns WHERE campaigns.project_id = vouchers.project_id "
                "AND campaigns.id = campaign_id)",
                TEXT,
            ),
        ),
        **dict.fromkeys(
            ("category", "categories"),
            (
                "(SELECT name FROM categories WHERE categories.project_id = vouchers.project_id "
                "AND categories.id = category_id)",
                TEXT,
            ),
        ),
        **dict.fromkeys(("category_id", "category_ids"), ("category_id", TEXT)),
        "active": STATES,
        "is_referral_code": ("is_referral_code", FLAG),
        "holder_id": ("holder_id", TEXT),
        "referrer_id": ("referrer_id", TEXT),
        "additional_info": ("additional_info", TEXT),
        "start_date": ("start_date", TIME),
        "expiration_date": ("expiration_date", TIME),
        "created_at": ("created_at", TIME),
        "updated_at": ("updated_at", TIME),
        "redemption.quantity": ("quantity", NUMBER),
        "redemption.redeemed_quantity": ("redeemed_quantity", NUMBER),
        "redemption.redeemed_amount": ("redeemed_amount", NUMBER),
        "publish.count": ("published", NUMBER),
        "discount.type": ("(discount ->> 'type')", TEXT),
        "discount.effect": ("(discount ->> 'effect')", TEXT),
        "discount.amount_off": ("(discount ->> 'amount_off')::numeric", NUMBER),
        "discount.percent_off": ("(discount ->> 'percent_off')::numeric", NUMBER),
        "discount.fixed_amount": ("(discount ->> 'fixed_amount')::numeric", NUMBER),
        "discount.unit_off": ("(discount ->> 'unit_off')::numeric", NUMBER),
        "gift.amount": ("CASE WHEN type = 'GIFT_VOUCHER' THEN amount END", NUMBER),
        "gift.balance": (
            "CASE WHEN type = 'GIFT_VOUCHER' THEN amount - subtracted_amount - redeemed_amount END",
            NUMBER,
        ),
        "loyalty_card.points": ("CASE WHEN type = 'LOYALTY_CARD' THEN amount END", NUMBER),
        "loyalty_card.balance": (
            "CASE WHEN type = 'LOYALTY_CARD' "
            "THEN amount - subtracted_amount - redeemed_amount - points_expired END",
            NUMBER,
        ),
        "metadata": ("metadata", JSON),
    },
    orders={"created_at": "created_at", "updated_at": "updated_at", "code": "code_key"},
    default="-created_at",
    only="deleted_at IS NULL",
    full=("code_key",),
)
TRANSACTIONS = Listing(
    "voucher_transactions",
    LEDGER.columns,
    filters={"voucher_id": "voucher_id = {}", "campaign_id": "campaign_id = {}"},
    fields={"id": ("id", TEXT), "voucher_id": ("voucher_id", TEXT)},
    orders={"id": "id"},
    default="-id",
    cursor="id",
)


def key_of(project: Project, code: str) -> str:
    """A code as it is compared: its case counts unless the project says otherwise."""
    return code if project.case_sensitive_codes else code.casefold()


async def find(db: Db, project: Project, code_or_id: str) -> Row | None:
    """By id first, then by code; not from the bin."""
    if is_id(code_or_id, "v_"):
        row = await db.fetchrow(GET, project.id, code_or_id)
        if row is not None:
            return row
    return await db.fetchrow(GET_BY_CODE, project.id, key_of(project, code_or_id))


async def insert_alike(
    db: Db,
    project_id: str,
    ids: Sequence[str],
    codes: Sequence[str],
    keys: Sequence[str],
    one: Voucher,
) -> int:
    """Vouchers that are as `one` but for id and code; how many of the codes were not taken."""
    done = await db.execute(
        INSERT_ALIKE, project_id, ids, codes, keys, *(getattr(one, name) for name in _ALIKE)
    )
    return int(done.rpartition(" ")[2])


async def insert_many(db: Db, project_id: str, rows: Sequence[Voucher]) -> set[str]:
    """Vouchers that may differ in everything; the ids of those whose code was not taken."""
    columns = [[getattr(row, name) for row in rows] for name in Voucher.__struct_fields__]
    return {row["id"] for row in await db.fetch(INSERT_MANY, project_id, *columns)}
