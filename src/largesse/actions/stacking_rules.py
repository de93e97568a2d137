"""How a project's redeemables go together: its stacking rules, set, changed and taken back.

The operations name the project in their path; all of them raise NotFound where there is none. Every
change of definitions waits for the others of its project, so that no category goes while rules come
to name it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from largesse.actions import projects
from largesse.actions.timeframes import stamp
from largesse.engine import stacking
from largesse.engine.stacking import StackingRules
from largesse.kit import db
from largesse.kit.errors import InvalidPayload, NotFound, StackingRulesExist
from largesse.store import categories, definitions, stacking_rules
from largesse.store.context import Context
from largesse.store.customer_view import Instant

NOUN = "stacking_rules"

# The engine judges limits, each beside the others; the document says how far each can go.
Limit = Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": stacking.MOST_REDEEMABLES})]
CategoryLimit = Annotated[
    int, Meta(extra_json_schema={"minimum": 1, "maximum": stacking.MOST_OF_A_CATEGORY})
]
ExclusiveLimit = Annotated[
    int, Meta(extra_json_schema={"minimum": 1, "maximum": stacking.MOST_EXCLUSIVE})
]
CalculationMode = Literal["INITIAL_AMOUNT", "DISCOUNTED_AMOUNT"]
ApplicationMode = Literal["ALL", "PARTIAL"]
SortingRule = Literal["CATEGORY_HIERARCHY", "REQUESTED_ORDER"]
NoEffectRule = Literal["REDEEM_ANYWAY", "SKIP"]
ProductsMode = Literal["STACK", "ONCE"]
RollbackMode = Literal["WITH_ORDER", "WITHOUT_ORDER"]
GroupedSortingRule = Literal["JOINT_ALWAYS_LAST", "REDEEMABLES_SORTING_RULE"]
# What null means something for: no limit.
UNLIMITED = (
    "applicable_redeemables_per_category_limit",
    "applicable_exclusive_redeemables_per_category_limit",
)


class StackingRulesBody(msgspec.Struct, kw_only=True):
    """Stacking rules; categories are named by their ids. What is not sent, or null, stays as it is;
    but null is no limit for the two limits per category. Lists and the limits of categories are
    replaced as a whole.
    """

    exclusive_categories: list[str] | None = None
    joint_categories: list[str] | None = None
    redeemables_limit: Limit | None = None
    applicable_redeemables_limit: Limit | None = None
    applicable_redeemables_per_category_limit: Limit | UnsetType | None = UNSET
    applicable_redeemables_category_limits: dict[str, CategoryLimit | None] | None = None
    applicable_exclusive_redeemables_limit: ExclusiveLimit | None = None
    applicable_exclusive_redeemables_per_category_limit: ExclusiveLimit | UnsetType | None = UNSET
    discount_calculation_mode: CalculationMode | None = None
    initial_amount_mode_categories: list[str] | None = None
    discounted_amount_mode_categories: list[str] | None = None
    redeemables_application_mode: ApplicationMode | None = None
    redeemables_sorting_rule: SortingRule | None = None
    redeemables_no_effect_rule: NoEffectRule | None = None
    no_effect_skip_categories: list[str] | None = None
    no_effect_redeem_anyway_categories: list[str] | None = None
    redeemables_products_application_mode: ProductsMode | None = None
    redeemables_rollback_order_mode: RollbackMode | None = None
    grouped_redeemables_sorting_rule: GroupedSortingRule | None = None


class StackingRulesAnswer(msgspec.Struct, kw_only=True):
    """Stacking rules as they are answered; the defaults have no id and no times."""

    id: str | UnsetType = UNSET
    exclusive_categories: list[str]
    joint_categories: list[str]
    redeemables_limit: int
    applicable_redeemables_limit: int
    applicable_redeemables_per_category_limit: int | None
    applicable_redeemables_category_limits: dict[str, int]
    applicable_exclusive_redeemables_limit: int
    applicable_exclusive_redeemables_per_category_limit: int | None
    discount_calculation_mode: str
    initial_amount_mode_categories: list[str]
    discounted_amount_mode_categories: list[str]
    redeemables_application_mode: str
    redeemables_sorting_rule: str
    redeemables_no_effect_rule: str
    no_effect_skip_categories: list[str]
    no_effect_redeem_anyway_categories: list[str]
    redeemables_products_application_mode: str
    redeemables_rollback_order_mode: str
    grouped_redeemables_sorting_rule: str
    created_at: Instant | UnsetType = UNSET
    updated_at: Instant | UnsetType = UNSET


def _answer(row: db.Row | None) -> StackingRulesAnswer:
    """A row as it is answered; without one, the defaults."""
    if row is None:
        return StackingRulesAnswer(**msgspec.structs.asdict(StackingRules()))
    return StackingRulesAnswer(
        id=row["id"],
        created_at=stamp(row["created_at"]) or UNSET,
        updated_at=stamp(row["updated_at"]) or UNSET,
        **msgspec.structs.asdict(stacking_rules.read(row["rules"])),
    )


def _given(body: StackingRulesBody) -> dict[str, Any]:
    """The members that say something."""
    values = {
        name: value
        for name, value in msgspec.structs.asdict(body).items()
        if value is not UNSET and (value is not None or name in UNLIMITED)
    }
    for name in stacking.LISTS:
        if name in values:
            values[name] = list(dict.fromkeys(values[name]))
    name = "applicable_redeemables_category_limits"
    if name in values:
        values[name] = {id_: limit for id_, limit in values[name].items() if limit is not None}
    return values


async def _changed(
    ctx: Context, project_id: str, known: StackingRules, body: StackingRulesBody
) -> StackingRules:
    """Rules with what was sent. Raises InvalidPayload, and NotFound for an unknown category."""
    changed = msgspec.structs.replace(known, **_given(body))
    if found := stacking.flaw(changed):
        raise InvalidPayload(found)
    named = stacking.categories(changed)
    rows = await ctx.db.fetch(categories.NAMED, project_id, named) if named else []
    existing = {row["id"] for row in rows}
    for category_id in named:
        if category_id not in existing:
            raise NotFound.of("category", category_id)
    return changed


async def _row(ctx: Context, project_id: str, rules_id: str) -> db.Row:
    row = await ctx.db.fetchrow(stacking_rules.GET, project_id, rules_id)
    if row is None:
        raise NotFound.of(NOUN, rules_id)
    return row


async def create(ctx: Context, project_id: str, body: StackingRulesBody) -> StackingRulesAnswer:
    """Sets a project's rules; what is not sent is as by default. Raises InvalidPayload, NotFound
    for an unknown category, and StackingRulesExist where they are set already.
    """
    await projects.get(ctx, project_id)
    await definitions.bump(ctx.db, project_id)
    rules = stacking_rules.stored(await _changed(ctx, project_id, StackingRules(), body))
    row = await ctx.db.fetchrow(
        stacking_rules.INSERT, project_id, ctx.new_id("stk_"), rules, ctx.now
    )
    if row is None:
        raise StackingRulesExist("Cannot exist more stacking rules for given project")
    return _answer(row)


async def of_project(ctx: Context, project_id: str) -> StackingRulesAnswer:
    """The rules in force: those that were set, else the defaults."""
    await projects.get(ctx, project_id)
    return _answer(await ctx.db.fetchrow(stacking_rules.OF_PROJECT, project_id))


async def get(ctx: Context, project_id: str, rules_id: str) -> StackingRulesAnswer:
    """Raises NotFound; the defaults have no id to be found by."""
    await projects.get(ctx, project_id)
    return _answer(await _row(ctx, project_id, rules_id))


async def update(
    ctx: Context, project_id: str, rules_id: str, body: StackingRulesBody
) -> StackingRulesAnswer:
    """Changes what is sent. Raises InvalidPayload, and NotFound, also for an unknown category."""
    await projects.get(ctx, project_id)
    await definitions.bump(ctx.db, project_id)
    known = stacking_rules.read((await _row(ctx, project_id, rules_id))["rules"])
    rules = stacking_rules.stored(await _changed(ctx, project_id, known, body))
    row = await ctx.db.fetchrow(stacking_rules.UPDATE, project_id, rules_id, rules, ctx.now)
    return _answer(row)


async def delete(ctx: Context, project_id: str, rules_id: str) -> None:
    """Puts the defaults back in force. Raises NotFound."""
    await projects.get(ctx, project_id)
    await definitions.bump(ctx.db, project_id)
    if await ctx.db.fetchval(stacking_rules.DELETE, project_id, rules_id) is None:
        raise NotFound.of(NOUN, rules_id)
