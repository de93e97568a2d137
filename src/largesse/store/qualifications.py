"""What may qualify: campaigns, promotion tiers and stacks, remembered by each process, and the
vouchers that belong to no campaign or are held by a customer, read anew.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from largesse.engine.incentives import Guard, Incentive
from largesse.engine.sieve import Sieve
from largesse.kit.db import Db, Row
from largesse.store import guards, redeemables
from largesse.store.projects import Project

CAMPAIGN, TIER, STACK, VOUCHER = "campaign", "promotion_tier", "promotion_stack", "voucher"
STANDALONE_TYPE = "STANDALONE"

_LIVE = (
    "campaigns.active AND campaigns.deleted_at IS NULL "
    "AND campaigns.creation_status IN ('DONE', 'MODIFYING')"
)
_TIMES = (
    "start_date, expiration_date, validity_timeframe, validity_day_of_week, validity_hours, "
    "created_at, updated_at"
)
CAMPAIGNS = f"""
SELECT id, id AS campaign_id, name, campaign_type, type, voucher, category_id, metadata, active,
    {_TIMES}
FROM campaigns
WHERE project_id = $1 AND {_LIVE} AND (expiration_date IS NULL OR expiration_date >= $2)
    AND campaign_type IN ('DISCOUNT_COUPONS', 'GIFT_VOUCHERS', 'REFERRAL_PROGRAM')
"""
TIERS = f"""
{redeemables.ALL_TIERS} AND promotion_tiers.active AND {_LIVE}
    AND (promotion_tiers.expiration_date IS NULL OR promotion_tiers.expiration_date >= $2)
    AND (campaigns.expiration_date IS NULL OR campaigns.expiration_date >= $2)
"""
STACKS = f"""
SELECT promotion_stacks.id, promotion_stacks.name, campaign_id, tier_ids,
    promotion_stacks.category_id, promotion_stacks.created_at, campaigns.name AS campaign_name,
    campaigns.campaign_type
FROM promotion_stacks
JOIN campaigns ON campaigns.project_id = $1 AND campaigns.id = campaign_id
WHERE promotion_stacks.project_id = $1 AND {_LIVE}
"""
# Whatever changes any of them changes this: how many there are, or the sum of their times.
_SUMS = "count(*), sum(extract(epoch FROM {0}.created_at))"
_CHANGED = f"{_SUMS}, sum(extract(epoch FROM {{0}}.updated_at))"
STAMP = f"""
SELECT concat_ws(' ',
    (SELECT concat_ws(' ', {_CHANGED.format("campaigns")}) FROM campaigns
        WHERE project_id = $1 AND {_LIVE}),
    (SELECT concat_ws(' ', {_CHANGED.format("promotion_tiers")}) FROM promotion_tiers
        WHERE project_id = $1),
    (SELECT concat_ws(' ', {_CHANGED.format("promotion_stacks")}) FROM promotion_stacks
        WHERE project_id = $1),
    (SELECT concat_ws(' ', {_CHANGED.format("validation_rules")}) FROM validation_rules
        WHERE project_id = $1),
    (SELECT concat_ws(' ', {_SUMS.format("assigned")}) FROM validation_rule_assignments AS assigned
        WHERE project_id = $1 AND related_object_type IN ('campaign', 'promotion_tier'))
)
"""
_NEWEST_FIRST = "ORDER BY vouchers.created_at DESC, vouchers.id DESC"
# Those that belong to no campaign, before a place in the order of their making.
STANDALONE = f"""
{redeemables.VOUCHERS} AND vouchers.active AND vouchers.id = ANY(ARRAY(
    SELECT id FROM vouchers AS page
    WHERE page.project_id = $1 AND page.campaign_id IS NULL AND page.active
        AND page.deleted_at IS NULL AND (page.created_at, page.id) < ($2::timestamptz, $3)
    ORDER BY page.created_at DESC, page.id DESC LIMIT $4
)) {_NEWEST_FIRST}
"""
NAMED = f"""
{redeemables.VOUCHERS} AND vouchers.active AND vouchers.campaign_id IS NULL
    AND (vouchers.id = ANY($2::text[]) OR vouchers.code_key = ANY($3::text[])) {_NEWEST_FIRST}
"""
HELD = f"""
{redeemables.VOUCHERS} AND vouchers.active AND vouchers.id = ANY(ARRAY(
    (SELECT id FROM vouchers AS held WHERE held.project_id = $1 AND held.holder_id = $2
        ORDER BY held.created_at DESC, held.id DESC LIMIT $3)
    UNION
    (SELECT redeemable_id FROM redeemable_holders AS held
        WHERE held.project_id = $1 AND held.customer_id = $2 AND redeemable_object = 'voucher'
        ORDER BY held.id DESC LIMIT $3)
)) {_NEWEST_FIRST}
"""
# Of campaigns that have one each.
SINGLE = f"{redeemables.VOUCHERS} AND vouchers.active AND vouchers.campaign_id = ANY($2::text[])"
ROLES = """
SELECT redeemable_id, holder_role FROM redeemable_holders
WHERE project_id = $1 AND customer_id = $2 AND redeemable_id = ANY($3::text[])
"""

REMEMBERED = 100
# The more there are, the longer they are trusted before somebody asks again; a few are asked about
# by every request.
FEW = 100
TRUSTED_EACH = timedelta(milliseconds=1)
TRUSTED = timedelta(seconds=1)
# Two changes of one row in one millisecond look like one.
KEPT = timedelta(minutes=5)


class Candidate(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What may qualify. `id` is what it is called on the wire: a voucher by its code. `row` has the
    columns that answers show, `tiers` are those of a stack; `role` is that of the customer who
    holds it. A campaign that is `single` stands for its one voucher, which is for everybody. Rules
    of one that is `simple` speak of no collections.
    """

    object: str
    id: str
    row: Row
    incentive: Incentive
    created_at: datetime
    role: str | None = None
    tiers: tuple[Candidate, ...] = ()
    single: bool = False
    simple: bool = False

    @property
    def key(self) -> tuple[datetime, str]:
        """Its place in the order of their making."""
        return self.created_at, self.row["id"]


class Defined(msgspec.Struct, frozen=True):
    """What a project has defined: campaigns and tiers, and stacks, each the newest first;
    `segments` is whether any of their rules asks for those of the customer.
    """

    candidates: tuple[Candidate, ...] = ()
    stacks: tuple[Candidate, ...] = ()
    sieve: Sieve = Sieve(())
    segments: bool = False


class _Known:
    def __init__(self) -> None:
        self.loading = asyncio.Lock()
        self.stamp: str | None = None
        self.asked_at: datetime | None = None
        self.loaded_at: datetime | None = None
        self.defined = Defined()

    def is_trusted(self, now: datetime) -> bool:
        count = len(self.defined.candidates)
        if self.asked_at is None or count < FEW:
            return False
        return now - self.asked_at < min(TRUSTED, TRUSTED_EACH * count)

    def is_still(self, stamp: str, now: datetime) -> bool:
        if self.loaded_at is None or now - self.loaded_at > KEPT:
            return False
        return self.stamp == stamp


_known: OrderedDict[str, _Known] = OrderedDict()


async def defined(db: Db, project_id: str, now: datetime) -> Defined:
    """What the project has defined; of many, as it was a second ago at the most."""
    known = _known.get(project_id)
    if known is None:
        known = _known[project_id] = _Known()
        if len(_known) > REMEMBERED:
            _known.popitem(last=False)
    if known.is_trusted(now):
        return known.defined
    stamp = await db.fetchval(STAMP, project_id)
    if not known.is_still(stamp, now):
        async with known.loading:
            # Others may have loaded it while this one waited.
            stamp = await db.fetchval(STAMP, project_id)
            if not known.is_still(stamp, now):
                known.defined = await load(db, project_id, now)
                known.stamp, known.loaded_at = stamp, now
    known.asked_at = now
    return known.defined


async def load(db: Db, project_id: str, now: datetime) -> Defined:
    """What the project has defined, as it is now."""
    campaigns = await db.fetch(CAMPAIGNS, project_id, now)
    tiers = await db.fetch(TIERS, project_id, now)
    stacks = await db.fetch(STACKS, project_id)
    assigned = await guards.assigned(db, project_id)
    known = await guards.load(db, project_id, [name for each in assigned.values() for name in each])

    def guarded(*ids: str) -> tuple[Guard, ...]:
        names = (name for id_ in ids for name in assigned.get(id_, ()))
        return tuple(known[name] for name in names if name in known)

    by_id = {row["id"]: _tier(row, guarded(row["id"], row["campaign_id"])) for row in tiers}
    made = [_campaign(row, guarded(row["id"])) for row in campaigns]
    candidates = sorted((*made, *by_id.values()), key=lambda each: each.key, reverse=True)
    found = [
        Candidate(
            object=STACK,
            id=row["id"],
            row=row,
            incentive=by_id[row["tier_ids"][0]].incentive,
            created_at=row["created_at"],
            tiers=tuple(by_id[id_] for id_ in row["tier_ids"]),
        )
        for row in stacks
        if all(id_ in by_id for id_ in row["tier_ids"])
    ]
    found.sort(key=lambda each: each.key, reverse=True)
    sieve = Sieve([each.incentive for each in candidates])
    asks = any(guard.needs.segments for guard in known.values())
    return Defined(tuple(candidates), tuple(found), sieve, asks)


def _campaign(row: Row, guarded: tuple[Guard, ...]) -> Candidate:
    incentive = redeemables.campaign(row, guarded)
    return Candidate(
        object=CAMPAIGN,
        id=row["id"],
        row=row,
        incentive=incentive,
        created_at=row["created_at"],
        single=row["type"] == STANDALONE_TYPE,
        simple=_is_simple(incentive),
    )


def _tier(row: Row, guarded: tuple[Guard, ...]) -> Candidate:
    incentive = redeemables.tier(row, guarded)
    return Candidate(
        object=TIER,
        id=row["id"],
        row=row,
        incentive=incentive,
        created_at=row["created_at"],
        simple=_is_simple(incentive),
    )


def _is_simple(incentive: Incentive) -> bool:
    return not any(guard.needs.collections for guard in incentive.guards)


async def vouchers(
    db: Db,
    project: Project,
    rows: Sequence[Row],
    now: datetime,
    roles: Mapping[str, str] | None = None,
) -> list[Candidate]:
    """Rows of vouchers as candidates."""
    found = await redeemables.of_rows(db, project, rows, (), now)
    return [
        Candidate(
            object=VOUCHER,
            id=row["code"],
            row=row,
            incentive=found.vouchers[row["id"]].incentive,
            created_at=row["created_at"],
            role=(roles or {}).get(row["id"]),
        )
        for row in rows
    ]
