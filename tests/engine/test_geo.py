"""Shapes on earth. Polygons that cross the antimeridian are left out: by RFC 7946 they come cut in
two there, and each part is a plane figure like those below.
"""

from __future__ import annotations

from math import asin, atan2, cos, degrees, radians, sin
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from largesse.engine.geo import EARTH_KM, distance_km, flaw, inside, length_km, point

Position = tuple[float, float]


def circle(center: Any, radius: Any) -> dict[str, Any]:
    return {
        "type": "circle",
        "format": "distance",
        "distance": {"center": center, "radius": radius},
    }


def polygon(*rings: Any) -> dict[str, Any]:
    geojson = {"type": "Polygon", "coordinates": list(rings)}
    return {"type": "polygon", "format": "geojson", "geojson": geojson}


def multipolygon(*polygons: Any) -> dict[str, Any]:
    geojson = {"type": "MultiPolygon", "coordinates": list(polygons)}
    return {"type": "polygon", "format": "geojson", "geojson": geojson}


def box(west: float, south: float, east: float, north: float) -> list[list[float]]:
    """A ring, anticlockwise."""
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


# --- points and lengths -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("40.79,-74.15", (40.79, -74.15)),
        ("geo:40.79,-74.15", (40.79, -74.15)),
        ("GEO:40.79,-74.15", (40.79, -74.15)),
        (" geo: 40.79 ,\t-74.15\n", (40.79, -74.15)),
        ("0,0", (0.0, 0.0)),
        ("+1,-.5", (1.0, -0.5)),
        ("1.,1e-7", (1.0, 1e-7)),
        ("90,180", (90.0, 180.0)),
        ("-90,-180", (-90.0, -180.0)),
        ("90.0000001,0", None),
        ("0,-180.0000001", None),
        ("-74.15,140.79,3", None),
        ("100,50", None),
        ("50", None),
        ("", None),
        (",", None),
        ("1,", None),
        ("1;2", None),
        ("1 2", None),
        ("nan,0", None),
        ("0,inf", None),
        ("1e999,0", None),
        ("1_0,0", None),
        ("0x1,0", None),
        ("٤٠,1", None),
        ("geo:geo:1,2", None),
        ("north,west", None),
        ("9" * 100_000 + ",1", None),
        (" " * 100_000 + "x", None),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_point(text: str, expected: Position | None) -> None:
    assert point(text) == expected


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_every_point_on_earth_is_read_as_it_is_written(lat: float, lon: float) -> None:
    assert point(f"geo:{lat},{lon}") == (lat, lon)
    assert point(f"{lat}, {lon}") == (lat, lon)


@given(st.text(max_size=30) | st.text("geo:0123456789.,+-e ", max_size=30))
def test_any_text_is_a_point_on_earth_or_none(text: str) -> None:
    found = point(text)
    assert found is None or (-90 <= found[0] <= 90 and -180 <= found[1] <= 180)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.54 km", 1.54),
        ("1.54km", 1.54),
        (" 2 KM ", 2.0),
        ("300 m", 0.3),
        ("2 mi", 3.218688),
        ("5280 ft", 1.609344),
        (".5 km", 0.5),
        ("0 km", 0.0),
        ("2", None),
        ("km", None),
        ("", None),
        ("-1 km", None),
        ("1e3 km", None),
        ("1,5 km", None),
        ("2 miles", None),
        ("2 km 3", None),
        ("٢ km", None),
    ],
)
def test_length(text: str, expected: float | None) -> None:
    assert length_km(text) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0), (0, 0), 0),
        # A degree is this long anywhere on a meridian, and at the equator.
        ((0, 0), (1, 0), 111.19508),
        ((0, 0), (0, 1), 111.19508),
        ((60, 0), (60, 1), 55.59701),
        ((89, 5), (90, 77), 111.19508),
        # Across the antimeridian, and to the other side of the earth.
        ((0, 179.5), (0, -179.5), 111.19508),
        ((90, 0), (-90, 0), 20015.11444),
        ((0, 0), (0, 180), 20015.11444),
        # New York and London.
        ((40.7128, -74.0060), (51.5074, -0.1278), 5570.22987),
    ],
)
def test_distance(one: Position, other: Position, expected: float) -> None:
    assert distance_km(one, other) == pytest.approx(expected, abs=1e-4)
    assert distance_km(other, one) == distance_km(one, other)


# --- circles ------------------------------------------------------------------------------------

BELLEVILLE = circle("geo:40.79372699823857,-74.15092132694554", "1.54 km")
GERMANY = circle("geo:51.303908897065064,10.222253628401518", "192.37 km")


@pytest.mark.parametrize(
    ("shape", "lat", "lon", "expected"),
    [
        (BELLEVILLE, 40.793727, -74.150921, True),
        (BELLEVILLE, 40.8075, -74.1509, True),
        (BELLEVILLE, 40.8077, -74.1509, False),
        (BELLEVILLE, -74.150921, 40.793727, False),
        # Frankfurt, Berlin.
        (GERMANY, 50.1109, 8.6821, True),
        (GERMANY, 52.52, 13.405, False),
        (circle("0,0", "111.2 km"), 1, 0, True),
        (circle("0,0", "111.1 km"), 1, 0, False),
        (circle("0,0", "111200 m"), 0, 1, True),
        (circle("0,0", "111100 m"), 0, 1, False),
        (circle("0,0", "69.1 mi"), 0, 1, True),
        (circle("0,0", "69 mi"), 0, 1, False),
        (circle("0,0", "364814 ft"), 0, 1, True),
        (circle("0,0", "364813 ft"), 0, 1, False),
        (circle("0,0", "1 ft"), 0, 0, True),
        (circle("0,180", "112 km"), 0, -179, True),
        (circle("0,180", "112 km"), 0, -178, False),
        (circle("90,0", "112 km"), 89, 123, True),
    ],
)
def test_inside_a_circle(shape: dict[str, Any], lat: float, lon: float, expected: bool) -> None:
    assert flaw(shape) is None
    assert inside(shape, lat, lon) is expected


def away(start: Position, bearing: float, km: float) -> Position:
    """Where one arrives who goes so far from a point, along a great circle."""
    lat, lon, course, angle = *map(radians, start), radians(bearing), km / EARTH_KM
    height = sin(lat) * cos(angle) + cos(lat) * sin(angle) * cos(course)
    end = asin(max(-1.0, min(1.0, height)))
    turn = atan2(sin(course) * sin(angle) * cos(lat), cos(angle) - sin(lat) * sin(end))
    return degrees(end), (degrees(lon + turn) + 180) % 360 - 180


@given(
    st.tuples(st.floats(-89, 89), st.floats(-180, 180)),
    st.floats(0, 360),
    st.floats(0.001, 10_000),
    st.floats(0.2, 5),
    st.sampled_from([("km", 1.0), ("m", 1000.0), ("mi", 1 / 1.609344), ("ft", 1 / 0.0003048)]),
)
def test_inside_is_nearer_to_the_center_than_the_radius(
    center: Position, bearing: float, km: float, ratio: float, unit: tuple[str, float]
) -> None:
    assume(abs(ratio - 1) > 1e-4 and km * ratio < 20_000)
    name, per_km = unit
    shape = circle(f"geo:{center[0]},{center[1]}", f"{km * ratio * per_km:.9f} {name}")
    assert flaw(shape) is None
    assert inside(shape, *away(center, bearing, km)) is (ratio > 1)


# --- polygons -----------------------------------------------------------------------------------

NEW_YORK = polygon(
    [
        *([-74.016167, 40.703186], [-74.008687, 40.750656], [-73.943597, 40.851838]),
        *([-73.928559, 40.845285], [-73.936152, 40.8356], [-73.934298, 40.810015]),
        *([-73.92711, 40.795145], [-73.978623, 40.710432], [-74.013201, 40.701619]),
        [-74.016167, 40.703186],
    ]
)
RING = polygon(box(0, 0, 10, 10), box(4, 4, 6, 6))
TWO_HOLES = polygon(box(0, 0, 10, 10), box(1, 1, 3, 3), box(7, 7, 9, 9)[::-1])
ISLANDS = multipolygon([box(0, 0, 2, 2)], [box(10, 10, 20, 20), box(12, 12, 18, 18)])
# An island in the lake of an island.
NESTED = multipolygon([box(0, 0, 10, 10), box(2, 2, 8, 8)], [box(4, 4, 6, 6)])
BAY = polygon([[0, 0], [10, 0], [10, 10], [5, 3], [0, 10], [0, 0]])


@pytest.mark.parametrize(
    ("shape", "lat", "lon", "expected"),
    [
        # Times Square, Newark, and Times Square with its numbers turned round.
        (NEW_YORK, 40.758, -73.9855, True),
        (NEW_YORK, 40.7357, -74.1724, False),
        (NEW_YORK, -73.9855, 40.758, False),
        (RING, 2, 2, True),
        (RING, 5, 5, False),
        (RING, 5, 2, True),
        (RING, 11, 5, False),
        (RING, -1, 5, False),
        (TWO_HOLES, 2, 2, False),
        (TWO_HOLES, 8, 8, False),
        (TWO_HOLES, 5, 5, True),
        (ISLANDS, 1, 1, True),
        (ISLANDS, 11, 11, True),
        (ISLANDS, 15, 15, False),
        (ISLANDS, 5, 5, False),
        (NESTED, 1, 1, True),
        (NESTED, 3, 3, False),
        (NESTED, 5, 5, True),
        # Longitude 5 at latitude 6 is water; a ray through a corner counts it once.
        (BAY, 6, 5, False),
        (BAY, 2, 5, True),
        (BAY, 3, 2, True),
        (BAY, 3, 9, True),
        (BAY, 10, -1, False),
        (BAY, 0, -1, False),
        # Of the border, the west and the south are inside.
        (polygon(box(0, 0, 2, 2)), 0, 0, True),
        (polygon(box(0, 0, 2, 2)), 1, 0, True),
        (polygon(box(0, 0, 2, 2)), 0, 1, True),
        (polygon(box(0, 0, 2, 2)), 1, 2, False),
        (polygon(box(0, 0, 2, 2)), 2, 1, False),
        # Heights are no matter.
        (polygon([[0, 0, 9], [2, 0, 9], [2, 2, 9], [0, 0, 9]]), 0.5, 1, True),
        (polygon(box(-180, -90, 180, 90)), 0, 0, True),
    ],
)
def test_inside_a_polygon(shape: dict[str, Any], lat: float, lon: float, expected: bool) -> None:
    assert flaw(shape) is None
    assert inside(shape, lat, lon) is expected


PLACES = st.integers(-8, 8)


@given(st.lists(st.tuples(PLACES, PLACES), min_size=3, max_size=8), PLACES, PLACES, st.data())
def test_neither_start_nor_direction_of_a_ring_matters(
    corners: list[tuple[int, int]], lat: int, lon: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(corners) - 1))
    turned = corners[start:] + corners[:start]
    expected = inside(polygon([*corners, corners[0]]), lat, lon)
    assert inside(polygon([*turned, turned[0]]), lat, lon) is expected
    assert inside(polygon([*turned, turned[0]][::-1]), lat, lon) is expected


SIDES = st.lists(PLACES, min_size=2, max_size=2, unique=True).map(sorted)
BOXES = st.tuples(SIDES, SIDES).map(lambda sides: (*sides[0], *sides[1]))


@given(
    BOXES,
    BOXES,
    st.floats(-9, 9) | PLACES,
    st.floats(-9, 9) | PLACES,
)
def test_boxes_with_holes_are_what_comparing_says(
    outer: tuple[int, ...], hole: tuple[int, ...], lat: float, lon: float
) -> None:
    def within(west: int, east: int, south: int, north: int) -> bool:
        return west <= lon < east and south <= lat < north

    def ring(west: int, east: int, south: int, north: int) -> list[list[float]]:
        return box(west, south, east, north)

    shape = polygon(ring(*outer), ring(*hole))
    assert flaw(shape) is None
    assert inside(shape, lat, lon) is (within(*outer) and not within(*hole))


@given(
    st.lists(st.tuples(PLACES, PLACES), min_size=4, max_size=4, unique=True),
    st.floats(-9, 9) | PLACES,
    st.floats(-9, 9) | PLACES,
)
def test_a_point_on_a_shared_border_is_on_one_side_of_it(
    corners: list[tuple[int, int]], lat: float, lon: float
) -> None:
    """A quadrilateral that is cut in two triangles holds a point where just one of them does."""
    a, b, c, d = corners
    halves = [inside(polygon([*three, three[0]]), lat, lon) for three in ([a, b, c], [a, c, d])]
    assert inside(polygon([a, b, c, d, a]), lat, lon) is (halves.count(True) == 1)


# --- flaws --------------------------------------------------------------------------------------

CENTER = "the center is not a point on earth such as 'geo:40.79,-74.15'"
RADIUS = "the radius is not a length in km, m, mi or ft such as '1.54 km'"
SIZE = "the radius should be more than 0 and at most half the way around the earth"
KIND = "the shape is neither a circle by distance nor a polygon by geojson"
GEOMETRY = "the geometry is neither a Polygon nor a MultiPolygon"


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ({}, KIND),
        ({"type": "square"}, KIND),
        ({**BELLEVILLE, "format": "geojson"}, KIND),
        ({**NEW_YORK, "format": "distance"}, KIND),
        ({"type": "circle", "format": "distance"}, "the circle has no distance"),
        (circle("geo:91,0", "1 km"), CENTER),
        (circle(None, "1 km"), CENTER),
        (circle([1, 2], "1 km"), CENTER),
        (circle("1,2", None), RADIUS),
        (circle("1,2", 5), RADIUS),
        (circle("1,2", "5"), RADIUS),
        (circle("1,2", "-5 km"), RADIUS),
        (circle("1,2", "5 leagues"), RADIUS),
        (circle("1,2", "0 km"), SIZE),
        (circle("1,2", "20016 km"), SIZE),
        (circle("1,2", "9" * 400 + " km"), SIZE),
        (circle("1,2", "20015 km"), None),
        ({"type": "polygon", "format": "geojson"}, GEOMETRY),
        ({"type": "polygon", "format": "geojson", "geojson": {"type": "Point"}}, GEOMETRY),
        (
            {"type": "polygon", "format": "geojson", "geojson": {"type": "Polygon"}},
            "the polygon has no rings",
        ),
        (
            {"type": "polygon", "format": "geojson", "geojson": {"type": "MultiPolygon"}},
            "the geometry has no polygons",
        ),
        (multipolygon(), "the geometry has no polygons"),
        (multipolygon([]), "the polygon has no rings (polygon 1)"),
        (polygon(), "the polygon has no rings"),
        (polygon([]), "ring 1 has fewer than 4 positions"),
        (polygon([[0, 0], [1, 1], [0, 0]]), "ring 1 has fewer than 4 positions"),
        (polygon("abcda"), "ring 1 has fewer than 4 positions"),
        (polygon({"a": 1}), "ring 1 has fewer than 4 positions"),
        (polygon([[0, 0], [1, 0], [1, 1], [0, 1]]), "ring 1 does not end where it begins"),
        (polygon(box(0, 0, 1, 1), box(0, 0, 1, 1)[:-1]), "ring 2 does not end where it begins"),
        (
            multipolygon([box(0, 0, 1, 1)], [box(0, 0, 1, 1)[:-1]]),
            "ring 1 does not end where it begins (polygon 2)",
        ),
        *(
            (
                polygon([[0, 0], [1, 0], position, [0, 0]]),
                "position 3 of ring 1 is not a longitude and a latitude on earth",
            )
            for position in (
                *([0, 91], [0, -90.5], [181, 0], [-180.5, 0], [0], [], None, 5, "ab"),
                *(["0", "1"], [True, 0], [0, False], [0, None], [float("nan"), 0]),
                *([0, float("inf")], [10**400, 0], [0, 0, "high"], {"lon": 0, "lat": 0}),
            )
        ),
        # Longitude comes first, so this is no place.
        (
            polygon(box(100, 40, 110, 91)),
            "position 3 of ring 1 is not a longitude and a latitude on earth",
        ),
    ],
)
def test_flaw(shape: dict[str, Any], expected: str | None) -> None:
    assert flaw(shape) == expected


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(
            st.sampled_from(["type", "coordinates", "center", "radius"]), inner, max_size=4
        )
    ),
    max_leaves=20,
)


@given(st.sampled_from(["Polygon", "MultiPolygon"]), JUNK, JUNK)
def test_whatever_is_sent_has_a_flaw_or_can_be_asked(kind: str, junk: Any, other: Any) -> None:
    shapes = [
        {"type": "polygon", "format": "geojson", "geojson": {"type": kind, "coordinates": junk}},
        {"type": "polygon", "format": "geojson", "geojson": junk},
        {"type": "circle", "format": "distance", "distance": junk},
        circle(junk, other),
    ]
    for shape in shapes:
        if flaw(shape) is None:
            assert inside(shape, 0, 0) in (True, False)
