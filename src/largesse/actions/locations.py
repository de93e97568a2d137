"""Locations, imported from a file of GeoJSON or CSV: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Any, NamedTuple

import msgspec

from largesse.engine import geo
from largesse.kit import csv, wire
from largesse.kit.errors import InvalidPayload
from largesse.store import definitions, locations, segments
from largesse.store.context import Context

CIRCLES = ["name", "latitude", "longitude", "radius"]
POLYGONS = ["name", "geojson"]
MAX_NAME = 255


class Counts(msgspec.Struct, frozen=True):
    """How many locations an import has created, and how many it has given a new shape."""

    created: int
    replaced: int


class _Given(NamedTuple):
    """A location as a file has it; `where` names its place in the file."""

    where: str
    name: Any
    shape: dict[str, Any]


async def import_file(ctx: Context, name_of_file: str, content: bytes) -> Counts:
    """Creates the locations of a file, and replaces those whose names are known.

    Raises InvalidPayload for the first flaw, with the feature or row that has it.
    """
    path = PurePath(name_of_file)
    if path.suffix.lower() == ".csv":
        given = _rows(content)
    elif path.suffix.lower() in (".geojson", ".json"):
        given = _features(path.stem, _json(content.removeprefix(b"\xef\xbb\xbf"), "The file"))
    else:
        raise InvalidPayload("The file should be a .geojson, .json or .csv file")
    shapes = _checked(given)
    rows = [
        (ctx.new_id("loc_"), name, wire.encode(shape).decode()) for name, shape in shapes.items()
    ]
    created = await locations.save(ctx.db, ctx.project_id, rows, ctx.now)
    # Segments may speak of those that were replaced.
    await definitions.bump(ctx.db, ctx.project_id)
    if created < len(rows):
        await ctx.db.execute(segments.AGAIN, ctx.project_id, ctx.now)
    return Counts(created, len(rows) - created)


def _checked(given: Iterable[_Given]) -> dict[str, dict[str, Any]]:
    """The shapes by name. Raises InvalidPayload."""
    shapes: dict[str, dict[str, Any]] = {}
    for where, name, shape in given:
        name = name.strip() if isinstance(name, str) else ""
        found = _name_flaw(name) or geo.flaw(shape)
        if not found and name in shapes:
            found = f"the name '{name}' is there already"
        if found:
            raise InvalidPayload(f"{where}: {found}")
        if shape["type"] == "polygon":
            shape["geojson"]["coordinates"] = _pairs(shape["geojson"]["coordinates"])
        shapes[name] = shape
    return shapes


def _name_flaw(name: str) -> str | None:
    if not name:
        return "there is no name"
    if "\x00" in name:
        return "the name contains the null character"
    if len(name) > MAX_NAME:
        return f"the name is longer than {MAX_NAME} characters"
    return None


def _pairs(coordinates: list[Any]) -> list[Any]:
    """Positions without what follows their longitude and latitude."""
    if isinstance(coordinates[0], list):
        return [_pairs(inner) for inner in coordinates]
    return coordinates[:2]


# --- GeoJSON ------------------------------------------------------------------------------------

_reader = wire.Reader(dict[str, Any])


def _json(content: bytes, what: str) -> dict[str, Any]:
    """An object. Raises InvalidPayload, in which `what` is what was read."""
    try:
        found: dict[str, Any] = _reader.json(content)
    except InvalidPayload as problem:
        raise InvalidPayload((problem.details or "").replace("Payload", what, 1)) from None
    return found


def _features(stem: str, document: dict[str, Any]) -> Iterator[_Given]:
    """A geometry that stands alone has no name of its own: it gets the file's."""
    features: Any = [document]
    if document.get("type") == "FeatureCollection":
        features = document.get("features")
    elif document.get("type") != "Feature":
        features = [{"type": "Feature", "id": stem, "geometry": document}]
    if not isinstance(features, list):
        raise InvalidPayload("The file has no list of features")
    for number, feature in enumerate(features, 1):
        where = f"Feature {number}"
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            raise InvalidPayload(f"{where}: this is no feature")
        properties = feature.get("properties")
        if not isinstance(properties, dict):
            properties = {}
        name = properties.get("name")
        if name is None:
            name = feature.get("id")
        if isinstance(name, int) and not isinstance(name, bool):
            name = str(name)
        yield _Given(where, name, _shape(where, feature.get("geometry"), properties.get("radius")))


def _shape(where: str, geometry: Any, radius: Any) -> dict[str, Any]:
    """A geometry as a shape, which may still have flaws; a point with a radius is a circle."""
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind in ("Polygon", "MultiPolygon"):
        geojson = {"type": kind, "coordinates": geometry.get("coordinates")}
        return {"type": "polygon", "format": "geojson", "geojson": geojson}
    if kind != "Point":
        raise InvalidPayload(
            f"{where}: the geometry should be a Polygon, a MultiPolygon, or a Point with a radius"
        )
    position = geometry.get("coordinates")
    if not isinstance(position, list) or len(position) < 2:
        position = ["", ""]
    return _circle(position[1], position[0], radius)


def _circle(latitude: Any, longitude: Any, radius: Any) -> dict[str, Any]:
    radius = radius.strip() if isinstance(radius, str) else radius
    distance = {"center": f"geo:{latitude},{longitude}", "radius": radius}
    return {"type": "circle", "format": "distance", "distance": distance}


# --- CSV ----------------------------------------------------------------------------------------


def _rows(content: bytes) -> Iterator[_Given]:
    header, rows = csv.read(content)
    columns = [name.lower() for name in header]
    if sorted(columns) not in (sorted(CIRCLES), sorted(POLYGONS)):
        raise InvalidPayload(
            f"The header should be {','.join(CIRCLES)} or {','.join(POLYGONS)}, in any order"
        )
    for number, cells in enumerate(rows, 1):
        where = f"Row {number}"
        if len(cells) != len(columns):
            raise InvalidPayload(f"{where}: {len(cells)} cells for {len(columns)} columns")
        row = dict(zip(columns, (cell.strip() for cell in cells), strict=True))
        if "geojson" in row:
            geometry = _json(row["geojson"].encode(), f"{where}: the geojson")
            shape = _shape(where, geometry, None)
        else:
            shape = _circle(row["latitude"], row["longitude"], row["radius"])
        yield _Given(where, row["name"], shape)
