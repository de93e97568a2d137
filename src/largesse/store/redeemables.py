"""What can be redeemed, loaded for a decision: vouchers and promotion tiers with their campaigns
and rules. And who holds it: vouchers and cards, and the role of the holder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from largesse.engine import discounts, incentives, timeframes
from largesse.engine.discounts import Discount
from largesse.engine.incentives import Campaign, Guard, Incentive
from largesse.engine.timeframes import Timeframe
from largesse.kit.db import Db, Row
from largesse.kit.ids import is_id
from largesse.store import definitions, guards, sessions, vouchers
from largesse.store.filters import TEXT, TIME
from largesse.store.listing import Listing
from largesse.store.projects import Project
from largesse.store.promotions import Stack, Tier
from largesse.store.vouchers import Voucher

_TIMES = (
    *("start_date", "expiration_date", "validity_timeframe", "validity_day_of_week"),
    "validity_hours",
)
_OF_CAMPAIGN = ", ".join(
    f"campaigns.{name} AS campaign_{name}"
    for name in (*("name", "active", "activity_duration_after_publishing"), *_TIMES)
)
_CAMPAIGN_TYPE = "campaigns.campaign_type"


def _of(table: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{table}.{name}" for name in columns)


_VOUCHER = f"""{_of("vouchers", Voucher.__struct_fields__)}, sessions_until, {_CAMPAIGN_TYPE},
    {_OF_CAMPAIGN}, {definitions.COLUMN},
    {guards.names("vouchers", "id", "campaign_id")} AS guards"""
_IN_CAMPAIGN = """
FROM vouchers
LEFT JOIN campaigns ON campaigns.project_id = $1 AND campaigns.id = vouchers.campaign_id
WHERE vouchers.project_id = $1
"""
_LIVES = """vouchers.deleted_at IS NULL
    AND (vouchers.campaign_id IS NULL
        OR (campaigns.id IS NOT NULL AND campaigns.deleted_at IS NULL))"""
VOUCHERS = f"SELECT {_VOUCHER} {_IN_CAMPAIGN} AND {_LIVES}"
_HELD = "ORDER BY vouchers.id FOR NO KEY UPDATE OF vouchers"
VOUCHERS_BY_CODE = f"{VOUCHERS} AND vouchers.code_key = ANY($2::text[])"
VOUCHERS_BY_ID = f"{VOUCHERS} AND vouchers.id = ANY($2::text[])"
HOLD_VOUCHERS_BY_ID = f"{VOUCHERS_BY_ID} {_HELD}"
HOLD_VOUCHERS_BY_CODE = f"{VOUCHERS_BY_CODE} {_HELD}"
HOLD_ALL_BY_ID = f"""
SELECT {_VOUCHER}, NOT ({_LIVES}) AS gone {_IN_CAMPAIGN} AND vouchers.id = ANY($2::text[]) {_HELD}
"""
CAMPAIGNS = f"""
SELECT id AS campaign_id, name AS campaign_name, campaign_type,
    {guards.names("campaigns", "id")} AS guards
FROM campaigns WHERE project_id = $1 AND id = ANY($2::text[])
"""
IDS_BY_CODE = """
SELECT id, code_key FROM vouchers
WHERE project_id = $1 AND code_key = ANY($2::text[]) AND deleted_at IS NULL
"""
_TIER = f"{_of('promotion_tiers', Tier.__struct_fields__)}, {_CAMPAIGN_TYPE}, {_OF_CAMPAIGN}"
_OF_LIVING = """
FROM promotion_tiers
JOIN campaigns ON campaigns.project_id = $1 AND campaigns.id = promotion_tiers.campaign_id
    AND campaigns.deleted_at IS NULL
WHERE promotion_tiers.project_id = $1
"""
# Without their rules.
ALL_TIERS = f"SELECT {_TIER} {_OF_LIVING}"
TIERS = f"""
SELECT {_TIER}, {definitions.COLUMN}, {guards.names("promotion_tiers", "id", "campaign_id")}
    AS guards
{_OF_LIVING} AND promotion_tiers.id = ANY($2::text[])
"""
STACK = f"""
SELECT {_of("promotion_stacks", Stack.__struct_fields__)} FROM promotion_stacks
JOIN campaigns ON campaigns.project_id = $1 AND campaigns.id = campaign_id AND deleted_at IS NULL
WHERE promotion_stacks.project_id = $1 AND promotion_stacks.id = $2
"""
HOLDERS_OF = """
SELECT redeemable_id, customer_id FROM redeemable_holders
WHERE project_id = $1 AND redeemable_id = ANY($2::text[])
"""

HOLDERS = Listing(
    "redeemable_holders",
    "id, created_at, redeemable_id, redeemable_object, customer_id, holder_role, campaign_id, "
    "campaign_type, voucher_type",
    filters={"customer_id": "customer_id = {}"},
    fields={
        "id": ("id", TEXT),
        "created_at": ("created_at", TIME),
        "redeemable_id": ("redeemable_id", TEXT),
        "redeemable_object": ("redeemable_object", TEXT),
        "holder_role": ("holder_role", TEXT),
        "campaign_id": ("campaign_id", TEXT),
        "campaign_type": ("campaign_type", TEXT),
        "voucher_type": ("voucher_type", TEXT),
    },
    orders={"id": "id"},
    default="-id",
)


class Loaded(msgspec.Struct, frozen=True):
    """A voucher or promotion tier: its row, with those columns of its campaign that are named
    `campaign_...`, and what the engine makes of it.
    """

    row: Row
    incentive: Incentive


class Redeemables:
    """What was asked for and exists: vouchers by their ids and by their compared codes, tiers by
    their ids. `definitions` is the number of the project's, -1 where nothing was loaded.
    """

    def __init__(self) -> None:
        self.vouchers: dict[str, Loaded] = {}
        self.codes: dict[str, Loaded] = {}
        self.tiers: dict[str, Loaded] = {}
        self.definitions: int | None = -1

    def voucher(self, project: Project, name: str) -> Loaded | None:
        """By id first, then by code."""
        return self.vouchers.get(name) or self.codes.get(vouchers.key_of(project, name))


async def load(
    db: Db,
    project: Project,
    codes: Sequence[str],
    tier_ids: Sequence[str],
    now: datetime,
    *,
    lock: bool = False,
    session: str = "",
    voucher_ids: Sequence[str] = (),
) -> Redeemables:
    """Vouchers by code or id (or surely by id), and tiers by id. To `lock` holds the vouchers, in
    the order of their ids, until the transaction ends. What sessions but the one of this key have
    put aside is taken off.
    """
    rows = await _vouchers(db, project, codes, lock=lock) if codes else []
    if voucher_ids:
        rows = [*rows, *await db.fetch(VOUCHERS_BY_ID, project.id, list(voucher_ids))]
    tiers = await db.fetch(TIERS, project.id, list(tier_ids)) if tier_ids else []
    return await of_rows(db, project, rows, tiers, now, session=session)


async def hold_redeemed(
    db: Db, project: Project, voucher_ids: Sequence[str], tier_ids: Sequence[str], now: datetime
) -> Redeemables:
    """What was redeemed, with vouchers held as `load` holds them. Those in the bin are there too,
    and `gone`.
    """
    rows = await db.fetch(HOLD_ALL_BY_ID, project.id, list(voucher_ids)) if voucher_ids else []
    tiers = await db.fetch(TIERS, project.id, list(tier_ids)) if tier_ids else []
    return await of_rows(db, project, rows, tiers, now)


async def campaigns(db: Db, project_id: str, ids: Sequence[str]) -> dict[str, Loaded]:
    """What campaigns count and are, whatever of them was redeemed, by their ids."""
    rows = await db.fetch(CAMPAIGNS, project_id, list(ids)) if ids else []
    known = await guards.load(db, project_id, {name for row in rows for name in row["guards"]})
    return {
        row["campaign_id"]: Loaded(
            row,
            Incentive(
                id="",
                name="",
                campaign=Campaign(row["campaign_id"]),
                guards=_guards(row, known),
            ),
        )
        for row in rows
    }


async def of_rows(
    db: Db,
    project: Project,
    rows: Sequence[Row],
    tiers: Sequence[Row],
    now: datetime,
    *,
    session: str = "",
) -> Redeemables:
    """What rows of VOUCHERS and of TIERS are."""
    found = Redeemables()
    known = await guards.load(
        db, project.id, {name for row in (*rows, *tiers) for name in row["guards"]}
    )
    promised = await sessions.promised(db, project.id, rows, now, session)
    holders = await _holders(db, project.id, rows, known)
    for row in rows:
        loaded = Loaded(row, _voucher(row, known, promised.get(row["id"]), holders))
        found.vouchers[row["id"]] = found.codes[row["code_key"]] = loaded
    for row in tiers:
        found.tiers[row["id"]] = Loaded(row, tier(row, _guards(row, known)))
    for row in (*rows[:1], *tiers[:1]):
        found.definitions = row["definitions"]
    return found


async def _vouchers(db: Db, project: Project, names: Sequence[str], *, lock: bool) -> list[Row]:
    """A text that could be an id is one if there is such a voucher, and else a code."""
    ids = [name for name in names if is_id(name, "v_")]
    keys = [vouchers.key_of(project, name) for name in names]
    if not ids:
        statement = HOLD_VOUCHERS_BY_CODE if lock else VOUCHERS_BY_CODE
        return await db.fetch(statement, project.id, keys)
    of_codes = await db.fetch(IDS_BY_CODE, project.id, keys)
    wanted = list({*ids, *(row["id"] for row in of_codes)})
    return await db.fetch(HOLD_VOUCHERS_BY_ID if lock else VOUCHERS_BY_ID, project.id, wanted)


async def _holders(
    db: Db, project_id: str, rows: Sequence[Row], known: Mapping[str, Guard]
) -> dict[str, set[str]]:
    """To whom vouchers were published, of those whose rules ask for it."""
    asked = [
        row["id"]
        for row in rows
        if any(known[name].needs.holders for name in row["guards"] if name in known)
    ]
    found = {row["id"]: {row["holder_id"]} for row in rows if row["holder_id"]}
    if asked:
        for row in await db.fetch(HOLDERS_OF, project_id, asked):
            found.setdefault(row["redeemable_id"], set()).add(row["customer_id"])
    return found


# --- rows as incentives -------------------------------------------------------------------------


def _voucher(
    row: Row,
    known: Mapping[str, Guard],
    promised: sessions.Promised | None,
    holders: Mapping[str, set[str]],
) -> Incentive:
    spent = row["subtracted_amount"] + row["redeemed_amount"] + row["points_expired"]
    uses, amount = (promised.uses, promised.amount) if promised else (0, 0)
    return Incentive(
        id=row["id"],
        name=row["code"],
        type=row["type"],
        active=row["active"],
        timeframe=_timeframe(row, "", row["campaign_activity_duration_after_publishing"]),
        campaign=_campaign(row) if row["campaign_id"] else None,
        discount=_discount(bytes(row["discount"])) if row["discount"] is not None else None,
        effect=row["effect"],
        balance=row["amount"] - spent - amount,
        quantity=row["quantity"],
        redeemed=row["redeemed_quantity"] + uses,
        category_id=row["category_id"],
        guards=_guards(row, known),
        metadata=_metadata(row["metadata"]),
        holders=frozenset(holders.get(row["id"], ())),
        referrer_id=row["referrer_id"] or (row["holder_id"] if row["is_referral_code"] else None),
        published=row["published"],
    )


def tier(row: Row, guarded: tuple[Guard, ...]) -> Incentive:
    """A row of ALL_TIERS, with what guards it."""
    return Incentive(
        id=row["id"],
        name=row["name"],
        object=incentives.PROMOTION_TIER,
        type=incentives.TIER,
        active=row["active"],
        timeframe=_timeframe(row),
        campaign=_campaign(row),
        discount=_action(bytes(row["action"])),
        category_id=row["category_id"],
        guards=guarded,
        metadata=_metadata(row["metadata"]),
    )


def campaign(row: Row, guarded: tuple[Guard, ...]) -> Incentive:
    """A campaign as the vouchers that it makes are, with what guards it."""
    made = msgspec.json.decode(row["voucher"])
    gift = made.get("gift") or {}
    discount = made.get("discount")
    timeframe = _timeframe(row)
    return Incentive(
        id=row["id"],
        name=row["name"],
        type=made["type"],
        active=row["active"],
        campaign=Campaign(row["id"], row["active"], timeframe),
        discount=None if discount is None else _discount(msgspec.json.encode(discount)),
        effect=gift.get("effect"),
        balance=gift.get("amount") or 0,
        category_id=row["category_id"],
        guards=guarded,
        metadata=_metadata(row["metadata"]),
    )


def _guards(row: Row, known: Mapping[str, Guard]) -> tuple[Guard, ...]:
    return tuple(known[name] for name in row["guards"] if name in known)


def _campaign(row: Row) -> Campaign:
    return Campaign(row["campaign_id"], row["campaign_active"], _timeframe(row, "campaign_"))


@lru_cache(maxsize=10_000)
def _discount(text: bytes) -> Discount:
    return discounts.read(msgspec.json.decode(text))


@lru_cache(maxsize=10_000)
def _action(text: bytes) -> Discount:
    return discounts.read(msgspec.json.decode(text)["discount"])


def _metadata(raw: Any) -> Mapping[str, Any]:
    text = bytes(raw)
    return {} if text == b"{}" else msgspec.json.decode(text)


_ALWAYS = Timeframe()


def _timeframe(row: Row, prefix: str = "", after_publishing: str | None = None) -> Timeframe:
    values = [row[prefix + name] for name in _TIMES]
    if after_publishing is None and not any(value is not None for value in values):
        return _ALWAYS
    texts = tuple(bytes(value) if isinstance(value, msgspec.Raw) else value for value in values)
    return _read_timeframe(texts, after_publishing)


@lru_cache(maxsize=10_000)
def _read_timeframe(values: tuple[Any, ...], after_publishing: str | None) -> Timeframe:
    given = {
        name: msgspec.json.decode(value) if isinstance(value, bytes) else value
        for name, value in zip(_TIMES, values, strict=True)
    }
    return timeframes.read(given | {"activity_duration_after_publishing": after_publishing})
