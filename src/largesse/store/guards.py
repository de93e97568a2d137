"""Validation rules as they guard what they are assigned to, read once a process and version."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from largesse.engine import applicability, bundles, rules
from largesse.engine.applicability import Applicability
from largesse.engine.incentives import Guard
from largesse.engine.rules import Needs, RuleSet
from largesse.kit.db import Db

RULES = """
SELECT id, rules, bundle_rules, applicable_to, error, context_type,
    coalesce(updated_at, created_at)::text AS version
FROM validation_rules WHERE project_id = $1 AND id = ANY($2::text[])
"""
ASSIGNED = """
SELECT id, rule_id, related_object_id, related_object_type FROM validation_rule_assignments
WHERE project_id = $1 AND related_object_type IN ('campaign', 'promotion_tier')
ORDER BY created_at, id
"""
VERSIONS = """
SELECT id, coalesce(updated_at, created_at)::text AS version FROM validation_rules
WHERE project_id = $1
"""
REMEMBERED = 20_000

_known: OrderedDict[tuple[str, str], Guard] = OrderedDict()


def names(table: str, *objects: str) -> str:
    """An expression for the assignments to objects of a row, each `assignment rule kind version`,
    by the kind of the object: those of the first object first.
    """
    named = ", ".join(f"{table}.{name}" for name in objects)
    return (
        "ARRAY(SELECT concat_ws(' ', a.id, a.rule_id, a.related_object_type, "
        "coalesce(r.updated_at, r.created_at)::text) FROM validation_rule_assignments AS a "
        "JOIN validation_rules AS r ON r.project_id = $1 AND r.id = a.rule_id "
        f"WHERE a.project_id = $1 AND a.related_object_id IN ({named}) "
        f"ORDER BY a.related_object_id <> {table}.{objects[0]}, a.created_at, a.id)"
    )


async def assigned(db: Db, project_id: str) -> dict[str, list[str]]:
    """All assignments to campaigns and promotion tiers, as `names` names them, by the object. Many
    are found sooner at once than one by one.
    """
    rows = await db.fetch(ASSIGNED, project_id)
    versions = {row["id"]: row["version"] for row in await db.fetch(VERSIONS, project_id)}
    found: dict[str, list[str]] = {}
    for row in rows:
        version = versions.get(row["rule_id"])
        if version is not None:
            name = f"{row['id']} {row['rule_id']} {row['related_object_type']} {version}"
            found.setdefault(row["related_object_id"], []).append(name)
    return found


async def load(db: Db, project_id: str, names: Iterable[str]) -> Mapping[str, Guard]:
    """The guards of assignments as `names` names them."""
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
    assignment, rule_id, kind, _ = name.split(" ", 3)
    error = row["error"]
    rule_set, needs = _read(
        bytes(row["rules"]), None if error is None else bytes(error), row["context_type"]
    )
    applicable_to = _json(row["applicable_to"])
    return Guard(
        key=f"{assignment}@{row['version']}",
        rule_id=rule_id,
        kind=kind,
        rules=rule_set,
        applicable_to=applicability.read(applicable_to) if applicable_to else Applicability(),
        bundles=bundles.read(_json(row["bundle_rules"]) or {}),
        needs=needs,
    )


@lru_cache(maxsize=REMEMBERED)
def _read(text: bytes, error: bytes | None, context_type: str) -> tuple[RuleSet, Needs]:
    """Rules that are assigned to many are the same object in all of them."""
    members = {
        "rules": msgspec.json.decode(text),
        "error": None if error is None else msgspec.json.decode(error),
        "context_type": context_type,
    }
    rule_set = rules.read(members)
    return rule_set, rules.needs(rule_set)


def _json(value: Any) -> Any:
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value
