"""/v1/categories"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from largesse.actions import categories as actions
from largesse.actions.categories import Category
from largesse.kit.db import Row
from largesse.kit.errors import NotFound
from largesse.kit.routing import Routes
from largesse.store import categories, definitions
from largesse.store.context import Context

routes = Routes("Categories", scope="categories")


class CategoryBody(msgspec.Struct):
    """Of two categories the one with the lower hierarchy is processed first."""

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    hierarchy: Annotated[int, Meta(ge=0, le=2**31 - 1)]


class CategoriesList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "data"
    data: list[Category]
    total: int


def _found(row: Row | None, category_id: str) -> Category:
    if row is None:
        raise NotFound.of("category", category_id)
    return actions.answer(row)


@routes.get("/v1/categories", answer=CategoriesList)
async def list_categories(ctx: Context) -> CategoriesList:
    """List all categories, the newest first."""
    rows = await ctx.db.fetch(categories.LIST, ctx.project_id)
    return CategoriesList(data=[actions.answer(row) for row in rows], total=len(rows))


@routes.post("/v1/categories", body=CategoryBody, answer=Category)
async def create_category(ctx: Context, body: CategoryBody) -> Category:
    """Create a category."""
    category = categories.Category(
        id=ctx.new_id("cat_"), name=body.name, hierarchy=body.hierarchy, created_at=ctx.now
    )
    table = categories.TABLE
    await ctx.db.execute(table.INSERT, ctx.project_id, *table.arguments(category))
    await definitions.bump(ctx.db, ctx.project_id)
    row = await ctx.db.fetchrow(table.GET, ctx.project_id, category.id)
    return _found(row, category.id)


@routes.get("/v1/categories/{categoryId}", answer=Category)
async def get_category(ctx: Context, category_id: str) -> Category:
    """Get a category."""
    row = await ctx.db.fetchrow(categories.TABLE.GET, ctx.project_id, category_id)
    return _found(row, category_id)


@routes.put("/v1/categories/{categoryId}", body=CategoryBody, answer=Category)
async def update_category(ctx: Context, category_id: str, body: CategoryBody) -> Category:
    """Update a category's name and hierarchy."""
    await definitions.bump(ctx.db, ctx.project_id)
    row = await ctx.db.fetchrow(
        categories.UPDATE, ctx.project_id, category_id, body.name, body.hierarchy, ctx.now
    )
    return _found(row, category_id)


@routes.delete("/v1/categories/{categoryId}")
async def delete_category(ctx: Context, category_id: str) -> None:
    """Delete a category.

    What the stacking rules say of it goes with it.
    """
    await actions.delete(ctx, category_id)
