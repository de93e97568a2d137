"""Counters of redemptions, where a rule sets a limit on them. A row is opened with what was
redeemed before, so that a limit counts whatever it is set on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from largesse.engine.counters import Counter, Subject
from largesse.engine.incentives import PROMOTION_TIER, Tally
from largesse.kit.db import Db

# So long after a row is opened there may still be redemptions that know nothing of it.
YOUNG = timedelta(seconds=5)

READ = """
SELECT key, sum(n)::bigint AS n FROM counters WHERE project_id = $1 AND key = ANY($2::text[])
GROUP BY key
"""
HOLD = """
SELECT key, n, created_at > $3 AS young FROM counters
WHERE project_id = $1 AND key = ANY($2::text[]) AND slot = 0
ORDER BY key FOR NO KEY UPDATE
"""
OPEN = """
INSERT INTO counters (project_id, key, slot, n, created_at)
SELECT $1, key, 0, n, $4 FROM unnest($2::text[], $3::bigint[]) AS opened (key, n)
ORDER BY key ON CONFLICT DO NOTHING
"""
MOVE = """
UPDATE counters SET n = counters.n + moved.n
FROM unnest($2::text[], $3::bigint[]) AS moved (key, n)
WHERE project_id = $1 AND counters.key = moved.key AND slot = 0
"""
# Those of rules that are assigned no more or were changed, and of days, weeks and months that are
# over. Who rolls back a redemption of such a time opens its row anew.
DROP_OLD = """
DELETE FROM counters USING (
    SELECT key, slot FROM counters
    WHERE project_id = $1 AND (
        created_at < $2::timestamptz - CASE split_part(key, '/', 4)
            WHEN 'daily' THEN interval '2 days' WHEN 'weekly' THEN interval '9 days'
            WHEN 'monthly' THEN interval '33 days' END
        OR split_part(key, '/', 1) NOT IN (
            SELECT concat(a.id, '@', coalesce(r.updated_at, r.created_at)::text)
            FROM validation_rule_assignments AS a
            JOIN validation_rules AS r ON r.project_id = $1 AND r.id = a.rule_id
            WHERE a.project_id = $1
            UNION ALL SELECT id FROM validation_rule_assignments WHERE project_id = $1
        )
    )
    LIMIT $3 FOR UPDATE SKIP LOCKED
) AS old
WHERE counters.project_id = $1 AND counters.key = old.key AND counters.slot = old.slot
"""
FORGET_CUSTOMER = """
DELETE FROM counters WHERE project_id = $1 AND position('/' || $2::text IN key) > 0
"""

_COUNTED = "object = 'redemption' AND result = 'SUCCESS' AND rollback_id IS NULL"
_SUMS = {
    "redemptions": "count(*)",
    "orders_amount": "coalesce(sum(order_amount), 0)",
    "amount_discounted": "coalesce(sum(discount_amount), 0)",
    "gift_amount": "coalesce(sum(amount), 0)",
}
# By whose redemptions are summed up, those of many in one statement. What a customer redeemed is
# little whatever it was, so that is said in a way that no other index is taken for.
_COLUMNS = {"campaign": "campaign_id", "voucher": "voucher_id", "tier": "promotion_tier_id"}
_NARROWED = {
    "": "{0} = asked.id",
    "customer": "coalesce({0}, '') = asked.id AND customer_id = asked.whom",
    "api_key": "{0} = asked.id AND channel_id = asked.whom",
}


def _recount(condition: str) -> str:
    sums = ", ".join(f"{text}::bigint AS {name}" for name, text in _SUMS.items())
    return (
        f"SELECT asked.key, summed.* FROM unnest($2::text[], $3::text[], $4::text[], "
        "$5::timestamptz[], $6::timestamptz[]) AS asked (key, id, whom, first, after), "
        f"LATERAL (SELECT {sums} FROM redemptions WHERE project_id = $1 AND {condition} "
        "AND (asked.first IS NULL OR created_at >= asked.first) "
        f"AND (asked.after IS NULL OR created_at < asked.after) AND {_COUNTED}) AS summed"
    )


RECOUNTS = {
    (of, narrowed): _recount(condition.format(column))
    for of, column in _COLUMNS.items()
    for narrowed, condition in _NARROWED.items()
}


async def read(
    db: Db, project_id: str, tallies: Sequence[Tally], zone: ZoneInfo
) -> Mapping[str, int]:
    """What rows of counters say, as a validation sees them: nothing is opened."""
    keys = sorted({tally.key for tally in tallies})
    if not keys:
        return {}
    found = {row["key"]: row["n"] for row in await db.fetch(READ, project_id, keys)}
    uncertain = [*_missing(tallies, found), *_doubtful(tallies, found)]
    return found | await _recounted(db, project_id, uncertain, zone)


async def hold(
    db: Db, project_id: str, tallies: Sequence[Tally], zone: ZoneInfo, now: datetime
) -> Mapping[str, int]:
    """What rows of counters say, held in the order of their keys until the transaction ends; those
    that are missing are opened.
    """
    keys = sorted({tally.key for tally in tallies})
    if not keys:
        return {}
    rows = await db.fetch(HOLD, project_id, keys, now - YOUNG)
    found = {row["key"]: row["n"] for row in rows}
    missing = _missing(tallies, found)
    doubtful = _doubtful(tallies, found, {row["key"] for row in rows if row["young"]})
    if doubtful:
        recounted = await _recounted(db, project_id, doubtful, zone)
        moved = {key: n - found[key] for key, n in recounted.items() if n != found[key]}
        await move(db, project_id, moved)
        found |= recounted
    if not missing:
        return found
    opened = await _recounted(db, project_id, missing, zone)
    first = sorted(opened)
    await db.execute(OPEN, project_id, first, [opened[key] for key in first], now)
    # Somebody may have opened one in the meantime, and moved it.
    return found | {row["key"]: row["n"] for row in await db.fetch(HOLD, project_id, first, now)}


async def hold_back(
    db: Db,
    project_id: str,
    keys: Collection[str],
    tallies: Sequence[Tally],
    zone: ZoneInfo,
    now: datetime,
) -> None:
    """Holds the rows of counters that there are, in the order of their keys, and opens those of
    `tallies` that are missing: who opens one meanwhile counts what is about to be given back.
    """
    if keys:
        await db.fetch(HOLD, project_id, sorted(keys), None)
        await hold(db, project_id, tallies, zone, now)


def _missing(tallies: Sequence[Tally], found: Mapping[str, int]) -> list[Tally]:
    return list({tally.key: tally for tally in tallies if tally.key not in found}.values())


def _doubtful(
    tallies: Sequence[Tally], found: Mapping[str, int], young: Set[str] = frozenset()
) -> list[Tally]:
    """Those that others move without a word here: of campaigns whose limit is on one thing in them,
    and `young` ones, by what began before their limit was set.
    """
    there = {tally.key: tally for tally in tallies if tally.elsewhere or tally.key in young}
    return [
        tally
        for key, tally in there.items()
        if key in found and tally.counter.measure != "units" and "user" not in tally.counter.scope
    ]


async def _recounted(
    db: Db, project_id: str, tallies: Sequence[Tally], zone: ZoneInfo
) -> dict[str, int]:
    """What was redeemed before, by the keys of rows. Units of products are counted from when their
    limit was set.
    """
    found: dict[str, int] = {}
    asked: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for tally in tallies:
        found[tally.key] = 0
        counter, subjects = tally.counter, tally.subjects
        if counter.measure == "units" or "user" in counter.scope:
            continue
        of, id_ = _of(tally)
        whom: tuple[Subject, ...] = ("customer", "api_key")
        narrowed = next((name for name in whom if name in counter.scope), None)
        first, after = _bounds(counter, tally.bucket, zone)
        row = (tally.key, id_, subjects[narrowed] if narrowed else "", first, after)
        asked.setdefault((of, narrowed or ""), []).append(row)
    measures = {tally.key: tally.counter.measure for tally in tallies}
    for kind, rows in sorted(asked.items()):
        columns = [list(column) for column in zip(*rows, strict=True)]
        for row_ in await db.fetch(RECOUNTS[kind], project_id, *columns):
            found[row_["key"]] = row_[measures[row_["key"]]]
    return found


def _of(tally: Tally) -> tuple[str, str]:
    """Whose redemptions a row counts: those of a campaign, a voucher or a tier."""
    incentive = tally.incentive
    if "campaign" in tally.counter.scope and incentive.campaign is not None:
        return "campaign", incentive.campaign.id
    return "tier" if incentive.object == PROMOTION_TIER else "voucher", incentive.id


def _bounds(
    counter: Counter, bucket: str, zone: ZoneInfo
) -> tuple[datetime | None, datetime | None]:
    """From when to when a period goes, the end not included."""
    if counter.period == "total":
        return None, None
    text = f"{bucket}-01" if counter.period == "monthly" else bucket
    first = datetime.fromisoformat(text).replace(tzinfo=zone)
    if counter.period == "daily":
        return first, _midnight(first + timedelta(days=1))
    if counter.period == "weekly":
        return first, _midnight(first + timedelta(days=7))
    return first, _midnight((first + timedelta(days=32)).replace(day=1))


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0)


async def move(db: Db, project_id: str, moves: Mapping[str, int]) -> None:
    """Adds to rows of counters, which are held."""
    if moves:
        keys = sorted(moves)
        await db.execute(MOVE, project_id, keys, [moves[key] for key in keys])
