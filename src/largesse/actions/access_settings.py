"""Which areas and stores a campaign is assigned to. The areas themselves are not kept here: their
ids are stored and answered as they came.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from largesse.kit import db, wire
from largesse.store.context import Context
from largesse.store.customer_view import Instant


class Places(msgspec.Struct, kw_only=True):
    """Ids of areas, of stores, and of areas with all their stores."""

    areas_ids: list[str] | None = None
    area_stores_ids: list[str] | None = None
    area_all_stores_ids: list[str] | None = None


class AccessSettingsBody(msgspec.Struct, kw_only=True):
    """What a campaign is to be assigned to, and what no longer."""

    assign: Places | None = None
    unassign: Places | None = None


class AccessAssignment(msgspec.Struct, kw_only=True):
    id: str
    area_id: str
    all_stores: bool
    area_store_id: str | UnsetType = UNSET
    created_at: Instant
    object: str = "area_store_campaign_assignment"


class AccessAssignments(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "data"
    data: list[AccessAssignment]
    total: int


def changed(ctx: Context, body: AccessSettingsBody | None, row: db.Row | None) -> str | None:
    """The assignments after the body, as JSON; None where there never were any."""
    known = _known(row)
    if body is None or (body.assign is None and body.unassign is None):
        return None if not known else wire.encode(known).decode()
    gone = set(_places(body.unassign))
    kept = [assignment for assignment in known if _place(assignment) not in gone]
    there = {_place(assignment) for assignment in kept}
    for kind, place in _places(body.assign):
        if (kind, place) not in there:
            there.add((kind, place))
            kept.append(_assignment(ctx, kind, place))
    return wire.encode(kept).decode()


def answered(row: db.Row) -> AccessAssignments:
    """The assignments of a campaign's row."""
    known = _known(row)
    return AccessAssignments(data=known, total=len(known))


def _known(row: db.Row | None) -> list[AccessAssignment]:
    if row is None or row["access_settings"] is None:
        return []
    return msgspec.json.decode(row["access_settings"], type=list[AccessAssignment])


def _places(places: Places | None) -> list[tuple[str, str]]:
    if places is None:
        return []
    return [
        (kind, id_)
        for kind in ("areas_ids", "area_stores_ids", "area_all_stores_ids")
        for id_ in getattr(places, kind) or []
    ]


def _place(assignment: AccessAssignment) -> tuple[str, str]:
    if isinstance(assignment.area_store_id, str):
        return "area_stores_ids", assignment.area_store_id
    kind = "area_all_stores_ids" if assignment.all_stores else "areas_ids"
    return kind, assignment.area_id


def _assignment(ctx: Context, kind: str, place: str) -> AccessAssignment:
    of_store = kind == "area_stores_ids"
    return AccessAssignment(
        id=ctx.new_id("arsca_"),
        area_id="" if of_store else place,
        all_stores=kind == "area_all_stores_ids",
        area_store_id=place if of_store else UNSET,
        created_at=wire.stamp(ctx.now),
    )


def matches(filter_: Any) -> list[str]:
    """The ids that a list's `access_settings[filter]` names."""
    found: list[str] = []
    for values in filter_.values() if isinstance(filter_, dict) else []:
        if isinstance(values, dict):
            # `[areas_ids][0]=...`, as clients send lists.
            values = list(values.values())
        found += values if isinstance(values, list) else [values]
    return [str(value) for value in found]
