"""/management/v1/projects"""

from __future__ import annotations

import msgspec

from largesse.actions import projects as actions
from largesse.actions.projects import ProjectAnswer, ProjectBody, ProjectChanges
from largesse.kit import auth
from largesse.kit.routing import Routes
from largesse.store import projects
from largesse.store.context import Context

routes = Routes("Projects", kind=auth.MANAGEMENT)


class ProjectsList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "data"
    data: list[ProjectAnswer]
    total: int


@routes.post("/management/v1/projects", body=ProjectBody, answer=ProjectAnswer, keeps=False)
async def create_project(ctx: Context, body: ProjectBody) -> ProjectAnswer:
    """Create a project.

    The answer holds its first server key and client key; their secrets are shown this once.
    """
    return await actions.create(ctx, body)


@routes.get("/management/v1/projects", answer=ProjectsList)
async def list_projects(ctx: Context) -> ProjectsList:
    """List all projects."""
    found = [actions.answer(projects.of(row)) for row in await ctx.db.fetch(projects.LIST)]
    return ProjectsList(data=found, total=len(found))


@routes.get("/management/v1/projects/{projectId}", answer=ProjectAnswer)
async def get_project(ctx: Context, project_id: str) -> ProjectAnswer:
    """Get a project."""
    return actions.answer(await actions.get(ctx, project_id))


@routes.put("/management/v1/projects/{projectId}", body=ProjectChanges, answer=ProjectAnswer)
async def update_project(ctx: Context, project_id: str, body: ProjectChanges) -> ProjectAnswer:
    """Update a project's settings.

    Only what is sent changes. Whether codes are case-sensitive never does.
    """
    return await actions.update(ctx, project_id, body)


@routes.delete("/management/v1/projects/{projectId}")
async def delete_project(ctx: Context, project_id: str) -> None:
    """Delete a project and all that belongs to it.

    Its keys stop working within a second; its data is cleared away in the background.
    """
    await actions.delete(ctx, project_id)
