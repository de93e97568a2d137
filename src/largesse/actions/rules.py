"""What is done with validation rules: defining them, and assigning them to what they guard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from largesse.actions import rule_definitions, rule_objects
from largesse.actions.rule_definitions import Definition, decoded
from largesse.actions.rule_objects import Related
from largesse.kit import db, wire
from largesse.kit.errors import DuplicateFound, InvalidPayload, NotFound, ResourceInUse
from largesse.store import rules
from largesse.store.context import Context
from largesse.store.customer_view import Instant
from largesse.store.events import Event
from largesse.store.rules import Rule

NOUN = "validation_rules"
Name = Annotated[str, Meta(min_length=1, max_length=255)]
Text = Annotated[str, Meta(min_length=1, max_length=255)]
RuleType = Literal["expression", "basic", "advanced", "complex"]


class Message(msgspec.Struct, omit_defaults=True):
    """What is answered where the rules are not met."""

    message: Annotated[str, Meta(max_length=2000)] | None = None


class RuleBody(msgspec.Struct, kw_only=True):
    """A validation rule to define. `rules` are numbered and joined by their `logic`; `bundle_rules`
    say what makes a bundle, and `applicable_to` which items a discount applies to.
    """

    name: Name
    rules: dict[str, Any] | None = None
    bundle_rules: dict[str, Any] | None = None
    error: Message | None = None
    applicable_to: dict[str, Any] | None = None
    type: RuleType | None = None
    context_type: str | None = None


class RuleChanges(msgspec.Struct, kw_only=True):
    """What changes of a validation rule. A member that is not sent, or is null, stays as it is; but
    `bundle_rules` are removed by null, and an `error` without a message is.
    """

    name: Name | None = None
    rules: dict[str, Any] | None = None
    bundle_rules: dict[str, Any] | UnsetType | None = UNSET
    error: Message | None = None
    applicable_to: dict[str, Any] | None = None
    type: RuleType | None = None
    context_type: str | None = None


class RuleAnswer(msgspec.Struct, kw_only=True):
    """A validation rule as it is answered; `assignments_count` is left out while there are none."""

    id: str
    name: str
    rules: msgspec.Raw
    bundle_rules: msgspec.Raw | UnsetType = UNSET
    error: msgspec.Raw | UnsetType = UNSET
    applicable_to: msgspec.Raw
    created_at: Instant
    updated_at: Instant | UnsetType = UNSET
    type: str
    context_type: str
    assignments_count: int | UnsetType = UNSET
    object: str = NOUN


class Assignment(msgspec.Struct, kw_only=True):
    """That a rule guards an object."""

    id: str
    rule_id: str
    related_object_id: str
    related_object_type: str
    created_at: Instant
    object: str = "validation_rules_assignment"


class AssignmentsList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "data"
    data: list[Assignment]
    total: int


def answer(row: db.Row) -> RuleAnswer:
    """A row as it is answered."""
    return RuleAnswer(
        id=row["id"],
        name=row["name"],
        rules=row["rules"],
        bundle_rules=UNSET if row["bundle_rules"] is None else row["bundle_rules"],
        error=UNSET if row["error"] is None else row["error"],
        applicable_to=row["applicable_to"],
        created_at=wire.stamp(row["created_at"]),
        updated_at=UNSET if row["updated_at"] is None else wire.stamp(row["updated_at"]),
        type=row["type"],
        context_type=row["context_type"],
        assignments_count=row["assignments_count"] or UNSET,
    )


def assignment(row: db.Row) -> Assignment:
    """A row as it is answered."""
    return Assignment(
        id=row["id"],
        rule_id=row["rule_id"],
        related_object_id=row["related_object_id"],
        related_object_type=row["related_object_type"],
        created_at=wire.stamp(row["created_at"]),
    )


async def get(ctx: Context, rule_id: str) -> db.Row:
    """A rule's row. Raises NotFound."""
    return await _get(ctx, rules.GET, rule_id)


async def _get(ctx: Context, statement: str, rule_id: str) -> db.Row:
    row = await ctx.db.fetchrow(statement, ctx.project_id, rule_id)
    if row is None:
        raise NotFound.of(NOUN, rule_id)
    return row


# --- defining -----------------------------------------------------------------------------------


async def create(ctx: Context, body: RuleBody) -> RuleAnswer:
    """Defines a rule. Raises InvalidValidationRules for one that cannot be judged."""
    definition = Definition(
        rules=body.rules or {},
        bundle_rules=body.bundle_rules,
        error=_message(body.error),
        applicable_to=body.applicable_to or {},
        context_type="global" if body.context_type is None else body.context_type,
    )
    rule = Rule(
        id=ctx.new_id("val_"),
        name=body.name,
        type=body.type or "expression",
        created_at=ctx.now,
        **await rule_definitions.columns(ctx, definition),
    )
    await ctx.db.execute(rules.TABLE.INSERT, ctx.project_id, *rules.TABLE.arguments(rule))
    made = answer(await get(ctx, rule.id))
    await _tell(ctx, "created", [{"rule": made}])
    return made


async def update(ctx: Context, rule_id: str, body: RuleChanges) -> RuleAnswer:
    """Changes a rule; whatever it is assigned to is guarded by it as it now is. Raises NotFound and
    InvalidValidationRules.
    """
    row = await _get(ctx, rules.HOLD, rule_id)
    bundle_rules = (
        decoded(row["bundle_rules"]) if body.bundle_rules is UNSET else body.bundle_rules or {}
    )
    definition = Definition(
        rules=decoded(row["rules"]) if body.rules is None else body.rules,
        bundle_rules=bundle_rules,
        error=decoded(row["error"]) if body.error is None else _message(body.error),
        applicable_to=(
            decoded(row["applicable_to"]) if body.applicable_to is None else body.applicable_to
        ),
        context_type=(row["context_type"] if body.context_type is None else body.context_type),
    )
    rule = Rule(
        id=rule_id,
        name=body.name or row["name"],
        type=body.type or row["type"],
        created_at=row["created_at"],
        updated_at=ctx.now,
        **await rule_definitions.columns(ctx, definition),
    )
    changed = answer(await rules.update(ctx.db, ctx.project_id, rule))
    await _tell(ctx, "updated", [{"rule": _bare(changed)}])
    return changed


def _message(error: Message | None) -> dict[str, Any] | None:
    return {"message": error.message} if error is not None and error.message else None


async def delete(ctx: Context, rule_id: str) -> None:
    """Deletes a rule. Raises NotFound, and ResourceInUse where it is assigned."""
    row = await _get(ctx, rules.SEIZE, rule_id)
    found = await ctx.db.fetch(rules.ASSIGNED, ctx.project_id, rule_id)
    if found:
        users = [user["id"] for user in found]
        raise ResourceInUse.of(NOUN, rule_id, "validation_rules_assignment", users)
    await ctx.db.execute(rules.DELETE, ctx.project_id, rule_id)
    await _tell(ctx, "deleted", [{"rule": answer(row)}])


# --- assigning ----------------------------------------------------------------------------------


class AssignmentBody(msgspec.Struct, kw_only=True):
    """What a rule is to guard: `related_object_id`, which is a voucher's unless
    `related_object_type` says otherwise, or the member named after its type. Vouchers may be named
    by their code, campaigns by their name.
    """

    related_object_type: rule_objects.Kind | None = None
    related_object_id: Text | None = None
    voucher: Text | None = None
    campaign: Text | None = None
    promotion_tier: Text | None = None
    earning_rule: Text | None = None
    reward_assignment: Text | None = None
    distribution: Text | None = None

    def named(self) -> tuple[str, str]:
        """Its type and name. Raises InvalidPayload where there is none, or more than one."""
        given = [(kind, getattr(self, kind)) for kind in rule_objects.KINDS]
        given.append((self.related_object_type or "voucher", self.related_object_id))
        found = [(kind, name) for kind, name in given if name is not None]
        if not found:
            raise InvalidPayload("Payload should have required property 'related_object_id'")
        if len(found) > 1:
            raise InvalidPayload("Payload should name one object that the rule is assigned to")
        return found[0]


async def create_assignment(
    ctx: Context, rule_id: str, body: AssignmentBody, *, force: bool
) -> Assignment:
    """Assigns a rule to what the body names. Raises NotFound, and DuplicateFound where that is so
    already, unless by `force` a new assignment takes the place of the old.
    """
    # Those who use force wait for each other.
    rule = await _get(ctx, rules.HOLD, rule_id) if force else (await _kept(ctx, [rule_id]))[0]
    related = await rule_objects.find(ctx, *body.named())
    found = await ctx.db.fetchrow(rules.ASSIGNED_TO, ctx.project_id, related.id, rule_id)
    if found is not None:
        if not force:
            raise DuplicateFound.of("validation_rules_assignment", found["id"])
        await _unassign(ctx, rule, found["id"])
    made = await _assign(ctx, related, [rule])
    if not made:
        raise db.Again
    return made[0]


async def delete_assignment(ctx: Context, rule_id: str, assignment_id: str) -> None:
    """Takes a rule from what it guards. Raises NotFound."""
    if not await _unassign(ctx, await get(ctx, rule_id), assignment_id):
        raise NotFound.of("validation_rules_assignment", assignment_id)


async def _unassign(ctx: Context, rule: db.Row, assignment_id: str) -> bool:
    """Whether there was such an assignment."""
    row = await ctx.db.fetchrow(rules.UNASSIGN, ctx.project_id, rule["id"], assignment_id)
    if row is None:
        return False
    event = await rule_objects.event(ctx, row["related_object_type"], row["related_object_id"])
    ended = {"rule": _bare(answer(rule)), "assignment": assignment(row), **event}
    await _tell(ctx, "assignment.deleted", [ended])
    return True


async def assign(
    ctx: Context, object_type: str, object_id: str, rule_ids: Sequence[str]
) -> list[Assignment]:
    """Assigns rules to an object that exists, in the order in which they are named; those that it
    has already are left as they are, and out of the answer. Raises NotFound.
    """
    if not rule_ids:
        return []
    kept = await _kept(ctx, list(dict.fromkeys(rule_ids)))
    return await _assign(ctx, await rule_objects.find(ctx, object_type, object_id), kept)


async def known(ctx: Context, rule_ids: Sequence[str]) -> None:
    """Raises NotFound unless all of these rules exist."""
    if rule_ids:
        await _kept(ctx, list(rule_ids))


async def _kept(ctx: Context, rule_ids: list[str]) -> list[db.Row]:
    """Rules, so that none of them is deleted meanwhile. Raises NotFound."""
    rows = {row["id"]: row for row in await ctx.db.fetch(rules.KEEP, ctx.project_id, rule_ids)}
    for rule_id in rule_ids:
        if rule_id not in rows:
            raise NotFound.of(NOUN, rule_id)
    return [rows[rule_id] for rule_id in rule_ids]


async def _assign(ctx: Context, related: Related, kept: Sequence[db.Row]) -> list[Assignment]:
    """The new assignments; those that there were already are missing."""
    by_id = {row["id"]: _bare(answer(row)) for row in kept}
    ids = [(ctx.new_id("asgm_"), rule_id) for rule_id in by_id]
    rows = await rules.assign(ctx.db, ctx.project_id, ids, related.type, related.id, ctx.now)
    made = [assignment(row) for row in rows]
    await _tell(
        ctx,
        "assignment.created",
        [{"rule": by_id[new.rule_id], "assignment": new, **related.event} for new in made],
    )
    return made


async def assignments_of(ctx: Context, object_ids: Sequence[str]) -> dict[str, AssignmentsList]:
    """The assignments of each object, the newest first; an object without any has an empty list."""
    found = {object_id: AssignmentsList(data=[], total=0) for object_id in object_ids}
    for row in await ctx.db.fetch(rules.ASSIGNMENTS_OF, ctx.project_id, list(found)):
        listed = found[row["related_object_id"]]
        listed.data.append(assignment(row))
        listed.total += 1
    return found


async def release(ctx: Context, object_ids: Sequence[str]) -> None:
    """Takes all rules from objects that are being deleted; the objects' own events tell of it."""
    await ctx.db.execute(rules.RELEASE, ctx.project_id, object_ids)


# --- telling ------------------------------------------------------------------------------------


def _bare(rule: RuleAnswer) -> RuleAnswer:
    """A rule as events show it."""
    return msgspec.structs.replace(rule, assignments_count=UNSET)


async def _tell(ctx: Context, what: str, data: Sequence[Mapping[str, Any]]) -> None:
    type_ = f"business_validation_rule.{what}"
    await ctx.emit([Event(type_, wire.encode(each).decode()) for each in data])
