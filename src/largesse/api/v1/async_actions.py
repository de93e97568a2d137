"""/v1/async-actions, and the reports that they leave."""

from __future__ import annotations

from typing import Any

import msgspec

from largesse.actions import bulk
from largesse.actions.bulk import AsyncAction
from largesse.api.lists import Limit
from largesse.kit import auth
from largesse.kit.errors import Unauthorized
from largesse.kit.routing import Download, Routes
from largesse.kit.wire import Moment
from largesse.store import jobs, projects
from largesse.store.context import Context
from largesse.store.listing import Window

routes = Routes("Async actions", scope="async-actions")


class AsyncActionsQuery(msgspec.Struct, kw_only=True):
    """`end_date` leaves only the actions scheduled before it."""

    limit: Limit = 10
    end_date: Moment | None = None


class AsyncActionsList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "async_actions"
    async_actions: list[AsyncAction]
    has_more: bool


@routes.get("/v1/async-actions", query=AsyncActionsQuery, answer=AsyncActionsList)
async def list_async_actions(ctx: Context, query: AsyncActionsQuery) -> AsyncActionsList:
    """List async actions, the newest first, without their results."""
    page = await jobs.LISTING.page(
        ctx.db, ctx.project_id, {"end_date": query.end_date}, Window(limit=query.limit)
    )
    actions = [bulk.brief(jobs.TABLE.of(row)) for row in page.rows]
    return AsyncActionsList(async_actions=actions, has_more=page.has_more)


@routes.get("/v1/async-actions/{asyncActionId}", answer=AsyncAction)
async def get_async_action(ctx: Context, async_action_id: str) -> AsyncAction:
    """Get an async action, with its result once it is finished."""
    return await bulk.full(ctx, async_action_id)


class ReportQuery(msgspec.Struct):
    """The token that came with the report's address."""

    token: str | None = None


@routes.get("/v1/task-results/{taskResultId}", query=ReportQuery, answer=Download, kind=auth.PUBLIC)
async def get_task_result(ctx: Context, task_result_id: str, query: ReportQuery) -> Any:
    """Download the report of an async action.

    The address, with its token, stands in the async action's result; it needs no other key.
    """
    signature, _, project_id = (query.token or "").partition(".")
    project = await projects.get(ctx.db, project_id)
    if project is None:
        raise Unauthorized
    bulk.check_signature(project, task_result_id, signature)
    parts = await bulk.report(ctx, project, task_result_id)
    return Download(parts, "text/csv", f"{task_result_id}.csv")
