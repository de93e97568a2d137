"""Sessions: what a validation has put aside for the redemption that follows it. Those past their
time count no more, whether anybody has cleared them away or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from largesse.kit.db import Db, Row

# The voucher's own row tells whether there may be any; it is held by whoever makes one.
PROMISED = """
SELECT voucher_id, count(*) AS uses, sum(amount)::bigint AS amount FROM sessions
WHERE project_id = $1 AND voucher_id = ANY($2::text[]) AND expires_at > $3 AND key <> $4
GROUP BY voucher_id
"""
PROMISE = """
INSERT INTO sessions (project_id, voucher_id, key, amount, expires_at, created_at)
SELECT $1, voucher_id, $3, amount, $5, $6
FROM unnest($2::text[], $4::bigint[]) AS promised (voucher_id, amount)
"""
MARK = """
UPDATE vouchers SET sessions_until = greatest(sessions_until, $3)
WHERE project_id = $1 AND id = ANY($2::text[])
"""
FORGET = "DELETE FROM sessions WHERE project_id = $1 AND key = $2"
RELEASE = """
DELETE FROM sessions WHERE project_id = $1 AND voucher_id = $2 AND key = $3 AND expires_at > $4
RETURNING key
"""
DROP_EXPIRED = "DELETE FROM sessions WHERE project_id = $1 AND expires_at <= $2"
DELETE_OF_VOUCHERS = "DELETE FROM sessions WHERE project_id = $1 AND voucher_id = ANY($2::text[])"


class Promised(msgspec.Struct, frozen=True, gc=False):
    """What sessions hold of a voucher: uses, and credits or points."""

    uses: int
    amount: int


async def promised(
    db: Db, project_id: str, vouchers: Sequence[Row], now: datetime, but: str
) -> Mapping[str, Promised]:
    """What sessions other than the one of the key `but` hold of vouchers, whose rows these are."""
    ids = [row["id"] for row in vouchers if row["sessions_until"] and row["sessions_until"] > now]
    if not ids:
        return {}
    rows = await db.fetch(PROMISED, project_id, ids, now, but)
    return {row["voucher_id"]: Promised(row["uses"], row["amount"]) for row in rows}


async def forget(db: Db, project_id: str, key: str) -> None:
    """Ends a session: what it held is free."""
    await db.execute(FORGET, project_id, key)


async def promise(
    db: Db,
    project_id: str,
    key: str,
    amounts: Mapping[str, int],
    expires_at: datetime,
    now: datetime,
) -> None:
    """Puts a use of each voucher aside, and credits or points, in place of all that the key held.
    The vouchers are held by whoever calls this.
    """
    await forget(db, project_id, key)
    if amounts:
        ids = sorted(amounts)
        await db.execute(
            PROMISE, project_id, ids, key, [amounts[id_] for id_ in ids], expires_at, now
        )
        await db.execute(MARK, project_id, ids, expires_at)
