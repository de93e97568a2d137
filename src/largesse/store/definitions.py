"""What a project has defined over its data: metadata schemas, event schemas, segments, categories
and stacking rules. Every write reads them, so each process remembers them under the project's
number of definitions.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import msgspec

from largesse.engine import segments as rules
from largesse.engine.schemas import Definition, Schema
from largesse.engine.segments import Segment
from largesse.engine.stacking import StackingRules
from largesse.kit.db import Db
from largesse.store import categories, stacking_rules
from largesse.store.categories import Category

# Every change of a definition moves the number, in the same transaction.
BUMP = """
INSERT INTO definitions (project_id, version) VALUES ($1, 1)
ON CONFLICT (project_id) DO UPDATE SET version = definitions.version + 1
"""
VERSION = "SELECT version FROM definitions WHERE project_id = $1"
# A column for a write's RETURNING: the number, empty where nothing was ever defined.
COLUMN = "(SELECT version FROM definitions WHERE project_id = $1) AS definitions"

SCHEMAS = """
SELECT related_object, properties, coalesce(allow_defined_only, false) AS allow_defined_only
FROM metadata_schemas WHERE project_id = $1
"""
EVENT_SCHEMAS = "SELECT name, properties FROM event_schemas WHERE project_id = $1"
# In the order of their making, so that a segment comes after those that it speaks of.
SEGMENTS = """
SELECT id, name, type, filter FROM segments
WHERE project_id = $1 AND type <> 'static' ORDER BY created_at, id
"""
LOCATIONS = "SELECT id, shape FROM locations WHERE project_id = $1 AND id = ANY($2::text[])"
REMEMBERED = 1000


class Definitions(msgspec.Struct, frozen=True):
    """All of a project's definitions. `locations` are the shapes that its segments name,
    `categories` the rows by their ids.
    """

    schemas: dict[str, Schema] = {}
    events: dict[str, Schema] = {}
    segments: tuple[Segment, ...] = ()
    locations: dict[str, Any] = {}
    stacking: StackingRules = StackingRules()
    categories: dict[str, Category] = {}

    @property
    def by_id(self) -> dict[str, Segment]:
        return {segment.id: segment for segment in self.segments}


NONE = Definitions()
_known: OrderedDict[str, tuple[int, Definitions]] = OrderedDict()


async def bump(db: Db, project_id: str) -> None:
    """Tells every process that what it remembers of the project's definitions is old."""
    await db.execute(BUMP, project_id)


async def current(db: Db, project_id: str) -> Definitions:
    """The definitions as they now are."""
    return await numbered(db, project_id, await db.fetchval(VERSION, project_id))


async def numbered(db: Db, project_id: str, version: int | None) -> Definitions:
    """The definitions under a number that a write has just read, or newer ones."""
    if version is None:
        return NONE
    known = _known.get(project_id)
    if known is not None and known[0] == version:
        return known[1]
    found = await load(db, project_id)
    _known[project_id] = (version, found)
    _known.move_to_end(project_id)
    if len(_known) > REMEMBERED:
        _known.popitem(last=False)
    return found


async def load(db: Db, project_id: str) -> Definitions:
    """The definitions as this transaction sees them, for one that changes them: what it sees under
    its number may never come to be, so nothing is remembered.
    """
    schemas = {
        row["related_object"]: Schema(_properties(row["properties"]), row["allow_defined_only"])
        for row in await db.fetch(SCHEMAS, project_id)
    }
    events = {
        row["name"]: Schema(_properties(row["properties"]), False)
        for row in await db.fetch(EVENT_SCHEMAS, project_id)
    }
    segments = tuple(
        rules.segment(row["id"], row["name"], row["type"], msgspec.json.decode(row["filter"]))
        for row in await db.fetch(SEGMENTS, project_id)
    )
    named = sorted({name for segment in segments for name in rules.locations(segment)})
    rows = await db.fetch(LOCATIONS, project_id, named) if named else []
    locations = {row["id"]: msgspec.json.decode(row["shape"]) for row in rows}
    row = await db.fetchrow(stacking_rules.OF_PROJECT, project_id)
    stacking = StackingRules() if row is None else stacking_rules.read(row["rules"])
    known = [categories.TABLE.of(row) for row in await db.fetch(categories.LIST, project_id)]
    by_id = {category.id: category for category in known}
    return Definitions(schemas, events, segments, locations, stacking, by_id)


def _properties(text: bytes) -> dict[str, Definition]:
    return msgspec.json.decode(text, type=dict[str, Definition])
