"""Categories, by themselves and inside what belongs to one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from largesse.engine import stacking
from largesse.kit import db, wire
from largesse.kit.errors import NotFound
from largesse.store import categories, definitions, stacking_rules
from largesse.store.context import Context
from largesse.store.customer_view import Instant


class Category(msgspec.Struct, kw_only=True):
    """A category as it is answered."""

    id: str
    name: str
    hierarchy: int
    created_at: Instant
    updated_at: Instant | UnsetType = UNSET
    object: str = "category"


def answer(row: db.Row) -> Category:
    """A row as it is answered."""
    return Category(
        id=row["id"],
        name=row["name"],
        hierarchy=row["hierarchy"],
        created_at=wire.stamp(row["created_at"]),
        updated_at=UNSET if row["updated_at"] is None else wire.stamp(row["updated_at"]),
    )


async def delete(ctx: Context, category_id: str) -> None:
    """Deletes a category, and with it all that the stacking rules say of it, as one setting of the
    category's own: a later category never takes it over. Raises NotFound.
    """
    await definitions.bump(ctx.db, ctx.project_id)
    if await ctx.db.fetchrow(categories.DELETE, ctx.project_id, category_id) is None:
        raise NotFound.of("category", category_id)
    row = await ctx.db.fetchrow(stacking_rules.OF_PROJECT, ctx.project_id)
    if row is None:
        return
    known = stacking_rules.read(row["rules"])
    if category_id in stacking.categories(known):
        rules = stacking_rules.stored(stacking.without(known, category_id))
        await ctx.db.execute(stacking_rules.UPDATE, ctx.project_id, row["id"], rules, ctx.now)


async def of_rows(ctx: Context, rows: Sequence[db.Row]) -> dict[str, Category]:
    """The categories that rows name, by their ids."""
    wanted = list({row["category_id"] for row in rows if row["category_id"]})
    if not wanted:
        return {}
    found = await ctx.db.fetch(categories.NAMED, ctx.project_id, wanted)
    return {row["id"]: answer(row) for row in found}


async def named(ctx: Context, category: str | None, category_id: str | None) -> str | None:
    """The id of the category that is named, by id or else by name; None where none is. Raises
    NotFound.
    """
    if not category_id:
        return await either(ctx, category, (categories.BY_NAME,))
    return await either(ctx, category_id, (categories.BY_ID,))


async def either(
    ctx: Context, name: str | None, by: Sequence[str] = (categories.BY_ID, categories.BY_NAME)
) -> str | None:
    """As `named`, where one word may be an id or a name."""
    if not name:
        return None
    for statement in by:
        found: str | None = await ctx.db.fetchval(statement, ctx.project_id, name)
        if found is not None:
            return found
    raise NotFound.of("category", name)
