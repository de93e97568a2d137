"""The definition of a validation rule: checked as those who judge by it read it, and completed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from largesse.engine import applicability, bundles, metadata
from largesse.engine import rules as engine
from largesse.engine.applicability import PRODUCT, SKU, ApplicabilityError, Entry
from largesse.engine.bundles import BundleError
from largesse.engine.rules import RuleError
from largesse.kit import db, wire
from largesse.kit.errors import InvalidValidationRules
from largesse.kit.ids import is_id
from largesse.store import products
from largesse.store.context import Context

# What a rule may speak of by its id.
NAMED = ("seg_", "pc_", "prod_", "sku_")


class Definition(msgspec.Struct, kw_only=True):
    """What a rule says, as it was sent; `bundle_rules` are None where there never were any."""

    rules: dict[str, Any]
    bundle_rules: dict[str, Any] | None
    error: dict[str, Any] | None
    applicable_to: dict[str, Any]
    context_type: str


def decoded(text: msgspec.Raw | None) -> Any:
    """A column's JSON as an object."""
    return None if text is None else msgspec.json.decode(text)


async def columns(ctx: Context, given: Definition) -> dict[str, Any]:
    """A definition as columns of a rule. Raises InvalidValidationRules for one that cannot be
    judged.
    """
    try:
        engine.read(msgspec.structs.asdict(given))
        bundle = bundles.read(given.bundle_rules or {})
        applies = applicability.read(given.applicable_to)
    except (RuleError, BundleError, ApplicabilityError) as error:
        raise InvalidValidationRules(str(error)) from None
    rules = _completed(given.rules)
    if not any(isinstance(rule, dict) for rule in rules.values()):
        rules["logic"] = ""
    entries = await _identified(ctx, [*applies.excluded, *applies.included])
    excluded = len(applies.excluded)
    applicable_to = {
        "excluded": entries[:excluded],
        "included": entries[excluded:],
        "included_all": applies.included_all,
    }
    named = {part.id for part in bundle.parts} | {*_named(rules)}
    named |= {entry["id"] for entry in entries if "id" in entry}
    return {
        "rules": _text(rules),
        "bundle_rules": None if given.bundle_rules is None else _text(bundles.spelt(bundle)),
        "error": None if given.error is None else _text(given.error),
        "applicable_to": _text(applicable_to),
        "context_type": given.context_type,
        "refs": sorted(named),
    }


def _text(value: Any) -> str:
    return wire.encode(value).decode()


def _completed(given: Mapping[str, Any], path: str = ".rules") -> dict[str, Any]:
    """Rules with all the members that they are answered with and no others, those below likewise;
    the `logic` beside them stays.
    """
    completed: dict[str, Any] = {}
    for key, rule in given.items():
        if isinstance(rule, dict):
            conditions = rule.get("conditions") or {}
            if found := metadata.flaw(conditions, f"{path}.{key}.conditions"):
                raise InvalidValidationRules(found)
            property_ = rule.get("property")
            completed[key] = {
                "name": rule["name"],
                "property": property_ if isinstance(property_, str) else None,
                "conditions": conditions,
                "rules": _completed(rule.get("rules") or {}, f"{path}.{key}.rules"),
            }
            if message := (rule.get("error") or {}).get("message"):
                completed[key]["error"] = {"message": message}
        elif rule is not None:
            completed[key] = rule
    return completed


def _named(rules: Mapping[str, Any]) -> Iterator[str]:
    """The ids that completed rules speak of. A value of metadata is none, whatever it looks
    like.
    """
    for rule in rules.values():
        if not isinstance(rule, dict):
            continue
        for values in rule["conditions"].values():
            for value in values if isinstance(values, list) else [values]:
                id_ = value.get("id") if isinstance(value, dict) else value
                if isinstance(id_, str) and not rule.get("property") and _is_named(id_):
                    yield id_
        yield from _named(rule["rules"])


def _is_named(text: str) -> bool:
    return any(is_id(text, prefix) for prefix in NAMED)


# --- products and SKUs by both their names ------------------------------------------------------


async def _identified(ctx: Context, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Entries as they are answered, with what is known of the products and SKUs that they name: by
    id, or by source id where no id was sent. Others stay as they were sent.
    """
    skus = await _found(ctx, SKU, products.SKUS_NAMED, entries)
    found = skus | await _found(ctx, PRODUCT, products.PRODUCTS_NAMED, entries)
    parents = await _source_ids(ctx, {row["product_id"] for row in skus.values()})

    def answered(entry: Entry) -> dict[str, Any]:
        sent: dict[str, Any] = {"source_id": None} | msgspec.to_builtins(entry)
        row = found.get(_key(entry))
        if row is None:
            return sent
        known = {"id": row["id"], "source_id": row["source_id"]}
        if entry.object == SKU:
            known["product_id"] = row["product_id"]
            if source_id := parents.get(row["product_id"]):
                known["product_source_id"] = source_id
        return sent | known

    return [answered(entry) for entry in entries]


def _key(entry: Entry) -> tuple[str, str, Any]:
    if entry.id is not UNSET:
        return entry.object, "id", entry.id
    return entry.object, "source_id", entry.source_id


async def _found(
    ctx: Context, kind: str, statement: str, entries: Sequence[Entry]
) -> dict[tuple[str, str, Any], db.Row]:
    """The objects of a kind that exist, under their entries' keys."""
    keys = [_key(entry) for entry in entries if entry.object == kind]
    if not keys:
        return {}
    ids = [name for _, member, name in keys if member == "id"]
    source_ids = [name for _, member, name in keys if member == "source_id"]
    rows = await ctx.db.fetch(statement, ctx.project_id, ids, source_ids)
    return {(kind, member, row[member]): row for row in rows for member in ("id", "source_id")}


async def _source_ids(ctx: Context, product_ids: set[str]) -> dict[str, str | None]:
    if not product_ids:
        return {}
    rows = await ctx.db.fetch(products.PRODUCTS_NAMED, ctx.project_id, list(product_ids), [])
    return {row["id"]: row["source_id"] for row in rows}
