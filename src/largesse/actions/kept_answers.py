"""What is done with idempotency keys: the first answer is kept, and given again."""

from __future__ import annotations

from datetime import timedelta

from largesse.kit import auth
from largesse.kit.errors import IdempotencyConflict
from largesse.kit.idempotency import HEADER, Asked, Kept
from largesse.store import kept_answers
from largesse.store.context import Context


async def claim(ctx: Context, asked: Asked) -> Kept | None:
    """Takes a key for this transaction, or answers what was kept under it. Raises
    IdempotencyConflict where it names another request.
    """
    oldest = ctx.now - timedelta(seconds=ctx.settings.idempotency_seconds)
    name = _name(ctx, asked)
    taken = await ctx.db.fetchval(
        kept_answers.CLAIM, ctx.project_id, name, asked.request, ctx.now, oldest
    )
    if taken is not None:
        return None
    row = await ctx.db.fetchrow(kept_answers.GET, ctx.project_id, name)
    assert row is not None
    if row["request"] != asked.request:
        raise IdempotencyConflict(
            f"The header {HEADER} had this value in another request; "
            "send a new value with every new request, and the same only to repeat one unchanged"
        )
    return Kept(row["status"], row["answer"])


async def keep(ctx: Context, asked: Asked, answer: Kept) -> None:
    """Keeps the answer under the key that this transaction has claimed."""
    name = _name(ctx, asked)
    kept = await ctx.db.execute(kept_answers.KEEP, ctx.project_id, name, answer.status, answer.body)
    assert kept == "UPDATE 1", kept


def _name(ctx: Context, asked: Asked) -> str:
    """The key as it is stored. Client keys are public: whoever has one must not find what a server
    was answered, however well they guess.
    """
    assert ctx.principal is not None
    return auth.sign(ctx.project.link_secret, HEADER, ctx.principal.kind, asked.key)
