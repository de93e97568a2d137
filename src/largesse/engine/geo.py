"""Places on earth: points, circles and polygons, and whether one lies in the other.

Circles are round on the globe. Polygons are plane figures of longitude and latitude, so one that
crosses the antimeridian has to come in two parts, cut there, as RFC 7946 asks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import asin, cos, pi, radians, sin, sqrt
from typing import Any

EARTH_KM = 6371.0088
UNITS_KM = {"km": 1.0, "m": 0.001, "mi": 1.609344, "ft": 0.0003048}

_NUMBER = re.compile(
    r"[+-]?(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE][+-]?[0-9]{1,3})?"
)
# A number that is too small to be told from 0, though it is written as another.
_SOME = re.compile(r"[^eE]*[1-9]")
_BLANKS = " \t\r\n"
_LENGTH = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)[ \t]*(km|m|mi|ft)", re.IGNORECASE)


def point(text: str) -> tuple[float, float] | None:
    """The latitude and longitude of `lat,lon`, also written `geo:lat,lon` or with blanks; None
    where that is no point on earth.
    """
    text = text.strip(_BLANKS)
    if text[:4].lower() == "geo:":
        text = text[4:]
    parts = [part.strip(_BLANKS) for part in text.split(",", 2)]
    if len(parts) != 2 or not all(map(_NUMBER.fullmatch, parts)):
        return None
    latitude, longitude = map(float, parts)
    for number, part in ((latitude, parts[0]), (longitude, parts[1])):
        if number == 0 and _SOME.match(part):
            return None
    return (latitude, longitude) if _on_earth(latitude, longitude) else None


def _on_earth(latitude: float, longitude: float) -> bool:
    return -90 <= latitude <= 90 and -180 <= longitude <= 180


def length_km(text: str) -> float | None:
    """A length such as `1.54 km`, `300 m`, `2 mi` or `500 ft`, in kilometers; None for others."""
    found = _LENGTH.fullmatch(text.strip())
    return None if found is None else float(found[1]) * UNITS_KM[found[2].lower()]


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The great-circle distance of two points, each a latitude and a longitude."""
    south, north = radians(one[0]), radians(other[0])
    across = sin(radians(other[1] - one[1]) / 2) ** 2
    haversine = sin((north - south) / 2) ** 2 + cos(south) * cos(north) * across
    return 2 * EARTH_KM * asin(sqrt(min(1.0, haversine)))


# --- inside -------------------------------------------------------------------------------------


def inside(shape: Mapping[str, Any], lat: float, lon: float) -> bool:
    """Whether a point lies in a shape without flaw.

    A circle's rim belongs to it. Of a polygon's border only the western and southern sides do, so
    that where two polygons meet, a point is in one of them.
    """
    if shape["type"] == "circle":
        center, radius = point(shape["distance"]["center"]), length_km(shape["distance"]["radius"])
        assert center is not None
        assert radius is not None
        return distance_km(center, (lat, lon)) <= radius
    return any(
        _in_ring(outer, lat, lon) and not any(_in_ring(hole, lat, lon) for hole in holes)
        for outer, *holes in polygons(shape["geojson"])
    )


def polygons(geojson: Mapping[str, Any]) -> Sequence[Any]:
    """The polygons of a geometry, each a list of rings."""
    coordinates: Sequence[Any] = geojson["coordinates"]
    return coordinates if geojson["type"] == "MultiPolygon" else [coordinates]


def _in_ring(ring: Sequence[Sequence[float]], lat: float, lon: float) -> bool:
    """Whether a ray that goes east from the point crosses the ring an odd number of times."""
    odd = False
    for (x, y, *_), (next_x, next_y, *_) in pairwise(ring):
        if (y > lat) != (next_y > lat) and lon < x + (lat - y) * (next_x - x) / (next_y - y):
            odd = not odd
    return odd


# --- flaws --------------------------------------------------------------------------------------


def flaw(shape: Mapping[str, Any]) -> str | None:
    """What makes a shape unfit to be kept, such as `ring 1 does not end where it begins`; None
    where nothing does.
    """
    kind = (shape.get("type"), shape.get("format"))
    if kind == ("circle", "distance"):
        return _circle_flaw(shape.get("distance"))
    if kind == ("polygon", "geojson"):
        return _polygons_flaw(shape.get("geojson"))
    return "the shape is neither a circle by distance nor a polygon by geojson"


def _circle_flaw(distance: Any) -> str | None:
    if not isinstance(distance, Mapping):
        return "the circle has no distance"
    center, radius = distance.get("center"), distance.get("radius")
    if not isinstance(center, str) or point(center) is None:
        return "the center is not a point on earth such as 'geo:40.79,-74.15'"
    length = length_km(radius) if isinstance(radius, str) else None
    if length is None:
        return "the radius is not a length in km, m, mi or ft such as '1.54 km'"
    if not 0 < length <= pi * EARTH_KM:
        return "the radius should be more than 0 and at most half the way around the earth"
    return None


def _polygons_flaw(geojson: Any) -> str | None:
    if not isinstance(geojson, Mapping) or geojson.get("type") not in ("Polygon", "MultiPolygon"):
        return "the geometry is neither a Polygon nor a MultiPolygon"
    found_polygons = polygons({"coordinates": None, **geojson})
    if not _is_list(found_polygons) or not found_polygons:
        return "the geometry has no polygons"
    for number, rings in enumerate(found_polygons, 1):
        if found := _rings_flaw(rings):
            return found if geojson["type"] == "Polygon" else f"{found} (polygon {number})"
    return None


def _rings_flaw(rings: Any) -> str | None:
    if not _is_list(rings) or not rings:
        return "the polygon has no rings"
    for number, ring in enumerate(rings, 1):
        if not _is_list(ring) or len(ring) < 4:
            return f"ring {number} has fewer than 4 positions"
        for place, position in enumerate(ring, 1):
            if not _is_position(position):
                return (
                    f"position {place} of ring {number} is not a longitude and a latitude on earth"
                )
        if list(ring[0][:2]) != list(ring[-1][:2]):
            return f"ring {number} does not end where it begins"
    return None


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _is_position(value: Any) -> bool:
    """Longitude, latitude, and what may follow them, such as a height."""
    return (
        _is_list(value)
        and len(value) >= 2
        and all(isinstance(part, (int, float)) for part in value)
        and not any(isinstance(part, bool) for part in value)
        and _on_earth(value[1], value[0])
    )
