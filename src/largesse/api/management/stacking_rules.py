"""/management/v1/projects/{projectId}/stacking-rules"""

from __future__ import annotations

import msgspec

from largesse.actions import stacking_rules as actions
from largesse.actions.stacking_rules import StackingRulesAnswer, StackingRulesBody
from largesse.kit import auth
from largesse.kit.routing import Routes
from largesse.store.context import Context

routes = Routes("Stacking rules", kind=auth.MANAGEMENT)

PATH = "/management/v1/projects/{projectId}/stacking-rules"
ONE = PATH + "/{stackingRulesId}"


class StackingRulesList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "data"
    data: list[StackingRulesAnswer]
    total: int


@routes.post(PATH, body=StackingRulesBody, answer=StackingRulesAnswer)
async def create_stacking_rules(
    ctx: Context, project_id: str, body: StackingRulesBody
) -> StackingRulesAnswer:
    """Set a project's stacking rules.

    What is not sent is as by default. A project that has set them already changes them.
    """
    return await actions.create(ctx, project_id, body)


@routes.get(PATH, answer=StackingRulesList)
async def list_stacking_rules(ctx: Context, project_id: str) -> StackingRulesList:
    """List the stacking rules in force, which are always one set.

    The defaults have no id.
    """
    return StackingRulesList(data=[await actions.of_project(ctx, project_id)], total=1)


@routes.get(ONE, answer=StackingRulesAnswer)
async def get_stacking_rules(
    ctx: Context, project_id: str, stacking_rules_id: str
) -> StackingRulesAnswer:
    """Get stacking rules by their id."""
    return await actions.get(ctx, project_id, stacking_rules_id)


@routes.put(ONE, body=StackingRulesBody, answer=StackingRulesAnswer)
async def update_stacking_rules(
    ctx: Context, project_id: str, stacking_rules_id: str, body: StackingRulesBody
) -> StackingRulesAnswer:
    """Update stacking rules.

    Only what is sent changes; lists and the limits of categories are replaced as a whole.
    """
    return await actions.update(ctx, project_id, stacking_rules_id, body)


@routes.delete(ONE)
async def delete_stacking_rules(ctx: Context, project_id: str, stacking_rules_id: str) -> None:
    """Delete stacking rules, so that the defaults are in force again."""
    await actions.delete(ctx, project_id, stacking_rules_id)
