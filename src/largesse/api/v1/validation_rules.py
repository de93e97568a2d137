"""/v1/validation-rules and /v1/validation-rules-assignments"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from largesse.actions import rules as actions
from largesse.actions.rules import (
    Assignment,
    AssignmentBody,
    AssignmentsList,
    RuleAnswer,
    RuleBody,
    RuleChanges,
)
from largesse.api.lists import PageNumber, Query
from largesse.kit.routing import Routes
from largesse.kit.wire import Moment
from largesse.store import rules
from largesse.store.context import Context
from largesse.store.listing import Window

routes = Routes("Validation rules", scope="validation-rules")


class RulesQuery(Query, kw_only=True):
    """Only those that were created from `start_date` to `end_date`."""

    page: PageNumber | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    order: (
        Literal["created_at", "-created_at", "updated_at", "-updated_at", "name", "-name"] | None
    ) = None


class RulesList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "data"
    data: list[RuleAnswer]
    total: int


@routes.get("/v1/validation-rules", query=RulesQuery, answer=RulesList)
async def list_validation_rules(ctx: Context, query: RulesQuery) -> RulesList:
    """List validation rules, the newest first unless `order` says otherwise."""
    values = {"start_date": query.start_date, "end_date": query.end_date}
    window = Window(limit=query.limit, page=query.page, order=query.order or "")
    page = await rules.LISTING.page(ctx.db, ctx.project_id, values, window)
    return RulesList(
        data=[actions.answer(row) for row in page.rows],
        total=await rules.LISTING.count(ctx.db, ctx.project_id, values),
    )


@routes.post("/v1/validation-rules", body=RuleBody, answer=RuleAnswer)
async def create_validation_rules(ctx: Context, body: RuleBody) -> RuleAnswer:
    """Define a validation rule.

    What cannot be judged is refused: an unknown rule name, an operator or a value that does not fit
    it, a logic that names an absent rule. Products and SKUs in `applicable_to` may be named by id
    or by source id.
    """
    return await actions.create(ctx, body)


@routes.get("/v1/validation-rules/{validationRuleId}", answer=RuleAnswer)
async def get_validation_rule(ctx: Context, validation_rule_id: str) -> RuleAnswer:
    """Get a validation rule."""
    return actions.answer(await actions.get(ctx, validation_rule_id))


@routes.put("/v1/validation-rules/{validationRuleId}", body=RuleChanges, answer=RuleAnswer)
async def update_validation_rule(
    ctx: Context, validation_rule_id: str, body: RuleChanges
) -> RuleAnswer:
    """Update a validation rule, at once for all that it is assigned to.

    What is not sent stays as it is; `rules`, `bundle_rules` and `applicable_to` are replaced whole,
    and `bundle_rules` removed by null.
    """
    return await actions.update(ctx, validation_rule_id, body)


@routes.delete("/v1/validation-rules/{validationRuleId}")
async def delete_validation_rules(ctx: Context, validation_rule_id: str) -> None:
    """Delete a validation rule that is assigned to nothing."""
    await actions.delete(ctx, validation_rule_id)


# --- assignments --------------------------------------------------------------------------------


class AssignmentsQuery(Query, kw_only=True):
    page: PageNumber | None = None
    order: Literal["created_at", "-created_at"] | None = None


class AllAssignmentsQuery(AssignmentsQuery, kw_only=True):
    """Only those of one object (`related_object_id`), or of one `rule`."""

    related_object_id: str | None = None
    rule: str | None = None


async def _listed(ctx: Context, query: AssignmentsQuery, values: dict[str, Any]) -> AssignmentsList:
    window = Window(limit=query.limit, page=query.page, order=query.order or "")
    page = await rules.ASSIGNMENTS.page(ctx.db, ctx.project_id, values, window)
    return AssignmentsList(
        data=[actions.assignment(row) for row in page.rows],
        total=await rules.ASSIGNMENTS.total(
            ctx.db,
            ctx.project_id,
            values,
            whole=rules.ALL_ASSIGNMENTS,
            budget_ms=ctx.settings.total_budget_ms,
        ),
    )


@routes.get(
    "/v1/validation-rules-assignments",
    query=AllAssignmentsQuery,
    answer=AssignmentsList,
    scope="validation-rules-assignments",
)
async def list_validation_rules_assignments(
    ctx: Context, query: AllAssignmentsQuery
) -> AssignmentsList:
    """List the assignments of all validation rules, the newest first."""
    values = {"related_object_id": query.related_object_id, "rule_id": query.rule}
    return await _listed(ctx, query, values)


@routes.get(
    "/v1/validation-rules/{validationRuleId}/assignments",
    query=AssignmentsQuery,
    answer=AssignmentsList,
)
async def list_validation_rule_assignments(
    ctx: Context, validation_rule_id: str, query: AssignmentsQuery
) -> AssignmentsList:
    """List the assignments of a validation rule, the newest first."""
    await actions.get(ctx, validation_rule_id)
    return await _listed(ctx, query, {"rule_id": validation_rule_id})


class AssignmentQuery(msgspec.Struct):
    """With `force` an assignment that is there already is replaced by a new one."""

    force: bool = False


@routes.post(
    "/v1/validation-rules/{validationRuleId}/assignments",
    query=AssignmentQuery,
    body=AssignmentBody,
    answer=Assignment,
)
async def create_validation_rule_assignment(
    ctx: Context, validation_rule_id: str, body: AssignmentBody, query: AssignmentQuery
) -> Assignment:
    """Assign a validation rule to a voucher, a campaign or a promotion tier."""
    return await actions.create_assignment(ctx, validation_rule_id, body, force=query.force)


@routes.delete("/v1/validation-rules/{validationRuleId}/assignments/{assignmentId}")
async def delete_validation_rule_assignment(
    ctx: Context, validation_rule_id: str, assignment_id: str
) -> None:
    """Take a validation rule from what it guards."""
    await actions.delete_assignment(ctx, validation_rule_id, assignment_id)
