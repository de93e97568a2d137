"""Validation rules as they guard what they are assigned to, read once a process and version."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from largesse.engine import applicability, bundles, rules
from largesse.engine.applicability import Applicability
from largesse.engine.incentives import Guard
from largesse.kit.db import Db

RULES = """
SELECT id, rules, bundle_rules, applicable_to, error, context_type,
    coalesce(updated_at, created_at)::text AS version
FROM validation_rules WHERE project_id = $1 AND id = ANY($2::text[])
"""
REMEMBERED = 20_000

_known: OrderedDict[tuple[str, str], Guard] = OrderedDict()


def column(table: str, *objects: str) -> str:
    """A column of the assignments to objects of a row, each `assignment rule version`: those of the
    first object first.
    """
    named = ", ".join(f"{table}.{name}" for name in objects)
    return (
        "ARRAY(SELECT concat_ws(' ', a.id, a.rule_id, coalesce(r.updated_at, r.created_at)::text) "
        "FROM validation_rule_assignments AS a "
        "JOIN validation_rules AS r ON r.project_id = $1 AND r.id = a.rule_id "
        f"WHERE a.project_id = $1 AND a.related_object_id IN ({named}) "
        f"ORDER BY a.related_object_id <> {table}.{objects[0]}, a.created_at, a.id) AS guards"
    )


async def load(db: Db, project_id: str, names: Iterable[str]) -> Mapping[str, Guard]:
    """The guards of assignments as `column` names them."""
    found: dict[str, Guard] = {}
    missing: dict[str, str] = {}
    for name in names:
        known = _known.get((project_id, name))
        if known is None:
            missing[name] = name.split(" ", 2)[1]
        else:
            found[name] = known
    if missing:
        rows = await db.fetch(RULES, project_id, sorted(set(missing.values())))
        by_id = {row["id"]: row for row in rows}
        for name, rule_id in missing.items():
            row = by_id.get(rule_id)
            # One that was unassigned and deleted meanwhile guards nothing any more.
            if row is not None:
                found[name] = _remember(project_id, name, row)
    return found


def _remember(project_id: str, name: str, row: Any) -> Guard:
    guard = _guard(name, row)
    # A newer version than was asked for is not remembered under the older one's name.
    if name.endswith(f" {row['version']}"):
        _known[project_id, name] = guard
        if len(_known) > REMEMBERED:
            _known.popitem(last=False)
    return guard


def _guard(name: str, row: Any) -> Guard:
    assignment, rule_id, _ = name.split(" ", 2)
    members = ("rules", "error", "context_type")
    rule_set = rules.read({member: _json(row[member]) for member in members})
    applicable_to = _json(row["applicable_to"])
    return Guard(
        key=f"{assignment}@{row['version']}",
        rule_id=rule_id,
        rules=rule_set,
        applicable_to=applicability.read(applicable_to) if applicable_to else Applicability(),
        bundles=bundles.read(_json(row["bundle_rules"]) or {}),
        needs=rules.needs(rule_set),
    )


def _json(value: Any) -> Any:
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value
