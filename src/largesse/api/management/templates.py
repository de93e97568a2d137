"""/management/v1/projects/{projectId}/templates/campaigns"""

from __future__ import annotations

from largesse.actions import projects
from largesse.actions import templates as actions
from largesse.actions.templates import CopyBody, TemplateAnswer
from largesse.api.v1.templates import TemplatesList, TemplatesQuery, listed
from largesse.kit import auth
from largesse.kit.routing import Routes
from largesse.store.context import Context

routes = Routes("Templates", kind=auth.MANAGEMENT)

PATH = "/management/v1/projects/{projectId}/templates/campaigns"


@routes.get(PATH, query=TemplatesQuery, answer=TemplatesList)
async def management_list_campaign_templates(
    ctx: Context, project_id: str, query: TemplatesQuery
) -> TemplatesList:
    """List the campaign templates of a project, the oldest first."""
    project = await projects.get(ctx, project_id)
    return await listed(ctx, project.id, query)


@routes.post(PATH + "/{campaignTemplateId}/copy", body=CopyBody, answer=TemplateAnswer)
async def management_copy_campaign_template(
    ctx: Context, project_id: str, campaign_template_id: str, body: CopyBody
) -> TemplateAnswer:
    """Copy a campaign template to another project.

    What its rules speak of is made there when the copy is used.
    """
    return await actions.copy(ctx, project_id, campaign_template_id, body)
