from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from largesse.actions import locations as actions
from largesse.actions.locations import Counts
from largesse.kit import db, settings
from largesse.kit.clock import now, now_ms
from largesse.kit.errors import InvalidPayload
from largesse.kit.ids import Ids
from largesse.store import locations, projects
from largesse.store.context import Context
from tests.api.test_customers import sql
from tests.crowd import on_database
from tests.running import Shop

ID = r"loc_[0-9A-Za-z]{24}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
UNUSED = "loc_000000000000000000000000"

SQUARE = [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]
POLAND = [
    [
        *([18.553923, 50.559107], [18.528805, 51.087437], [19.591667, 50.832424]),
        *([19.425109, 50.497984], [19.375814, 50.330652], [19.398107, 50.111652]),
        *([18.73906, 49.981498], [18.272477, 50.088707], [18.553923, 50.559107]),
    ]
]
BELLEVILLE = {
    "type": "circle",
    "format": "distance",
    "distance": {"center": "geo:40.79372699823857,-74.15092132694554", "radius": "1.54 km"},
}


def area(coordinates: Any, kind: str = "Polygon") -> dict[str, Any]:
    geojson = {"type": kind, "coordinates": coordinates}
    return {"type": "polygon", "format": "geojson", "geojson": geojson}


def feature(
    name: Any, coordinates: Any = SQUARE, kind: str = "Polygon", **properties: Any
) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"name": name, **properties},
        "geometry": {"type": kind, "coordinates": coordinates},
    }


def collection(*features: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


def circles(*names: str) -> str:
    """A file of circles, each with a radius of its own."""
    rows = [f"{name},{n % 90},{n},{n} km" for n, name in enumerate(names, 1)]
    return "\n".join(["name,latitude,longitude,radius", *rows])


def run(
    shop: Shop, folder: Path, name: str, content: Any, project: str | None = None
) -> tuple[int, str, str]:
    """`largesse locations import` of a file, into the shop unless another project is named or, by
    an empty name, none: exit code, output, errors.
    """
    file = folder / name
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    owner = shop.id if project is None else project
    options = ("--project", owner) if owner else ()
    done = shop.server.command("locations", "import", str(file), *options)
    return done.returncode, done.stdout, done.stderr


def import_(shop: Shop, name: str, content: Any) -> Counts:
    """What the command does, without a process of its own."""

    async def work(connection: Any) -> Counts:
        async with db.transaction(connection):
            ctx = Context(
                connection,
                ids=Ids(now_ms),
                now=now(),
                project=await projects.get(connection, shop.id),
                principal=None,
                request_id="w-0",
                settings=settings.load({}),
            )
            plain = content if isinstance(content, (str, bytes)) else json.dumps(content)
            return await actions.import_file(
                ctx, name, plain.encode() if isinstance(plain, str) else plain
            )

    return on_database(shop.server, work)


def listed(shop: Shop, **params: Any) -> dict[str, Any]:
    answer = shop.api.get("/v1/locations", params=params)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def names(shop: Shop, **params: Any) -> list[str]:
    return [location["name"] for location in listed(shop, **params)["data"]]


def stored(shop: Shop) -> dict[str, dict[str, Any]]:
    return {location["name"]: location for location in listed(shop, limit=100)["data"]}


# --- the command --------------------------------------------------------------------------------


def test_geojson_becomes_locations(shop: Shop, tmp_path: Path) -> None:
    assert listed(shop) == {
        "object": "list",
        "data_ref": "data",
        "data": [],
        "total": 0,
        "has_more": False,
    }
    center = [-74.15092132694554, 40.79372699823857]
    file = collection(
        feature("Belleville", center, "Point", radius="1.54 km"),
        feature("Poland", POLAND),
    )
    assert run(shop, tmp_path, "places.geojson", file) == (0, "created 2, replaced 0\n", "")

    page = listed(shop)
    assert (page["total"], page["has_more"]) == (2, False)
    found = stored(shop)
    for name, shape in (("Belleville", BELLEVILLE), ("Poland", area(POLAND))):
        location = found[name]
        assert re.fullmatch(ID, location["id"])
        assert re.fullmatch(TIME, location["created_at"])
        assert location == {
            "id": location["id"],
            "object": "location",
            "name": name,
            "shape": shape,
            "created_at": location["created_at"],
            "updated_at": None,
        }
        assert shop.api.get(f"/v1/locations/{location['id']}").json() == location
    members = ["id", "object", "name", "shape", "created_at", "updated_at"]
    assert [*found["Poland"]] == members
    assert [*found["Belleville"]["shape"]] == ["type", "format", "distance"]


def test_a_known_name_gets_the_new_shape_and_keeps_its_id(shop: Shop, tmp_path: Path) -> None:
    assert run(shop, tmp_path, "a.csv", circles("Home", "Work")) == (
        0,
        "created 2, replaced 0\n",
        "",
    )
    before = stored(shop)
    file = collection(feature("Work", POLAND), feature("Sea"))
    assert run(shop, tmp_path, "b.json", file) == (0, "created 1, replaced 1\n", "")
    after = stored(shop)
    assert sorted(after) == ["Home", "Sea", "Work"]
    assert after["Home"] == before["Home"]
    work = after["Work"]
    assert work["updated_at"] == after["Sea"]["created_at"] > work["created_at"]
    assert work == {**before["Work"], "shape": area(POLAND), "updated_at": work["updated_at"]}


def test_a_flaw_keeps_the_whole_file_out(shop: Shop, tmp_path: Path) -> None:
    assert run(shop, tmp_path, "a.csv", circles("Home"))[0] == 0
    before = stored(shop)
    file = collection(feature("New"), feature("Home"), feature("Open", [SQUARE[0][:4]]))
    said = "largesse: Feature 3: ring 1 does not end where it begins\n"
    assert run(shop, tmp_path, "b.geojson", file) == (1, "", said)
    assert stored(shop) == before


def test_what_cannot_be_imported_is_said_in_a_sentence(shop: Shop, tmp_path: Path) -> None:
    def refused(project: str) -> str:
        code, out, error = run(shop, tmp_path, "a.csv", circles("Home"), project)
        assert (code, out) == (1, "")
        return error.removeprefix("largesse: ").rstrip("\n")

    assert refused("nothing") == "Cannot find project with id nothing"
    assert re.fullmatch(r"there are \d+ projects; name one with --project", refused(""))
    missing = tmp_path / "missing.csv"
    done = shop.server.command("locations", "import", str(missing), "--project", shop.id)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"largesse: {missing} cannot be read: No such file or directory\n"
    assert names(shop) == []


# --- what a file may hold -----------------------------------------------------------------------


def test_the_forms_of_geojson(shop: Shop) -> None:
    two = [
        SQUARE,
        [[[10, 10], [20, 10], [20, 20], [10, 10]], [[12, 11], [13, 11], [13, 12], [12, 11]]],
    ]
    named_by_id = {**feature(None), "id": "by id"}
    numbered = {**feature(None, two, "MultiPolygon"), "id": 17, "bbox": [0, 0, 20, 20]}
    without_properties = {**feature(None), "id": "plain", "properties": None}
    assert import_(
        shop,
        "all.JSON",
        collection(named_by_id, numbered, without_properties, feature(" blanks ")),
    ) == Counts(4, 0)
    assert import_(
        shop, "one.geojson", feature("One", [2, 1], "Point", radius=" 300 m ")
    ) == Counts(1, 0)
    assert import_(shop, "Old Town.geojson", {"type": "Polygon", "coordinates": POLAND}) == Counts(
        1, 0
    )
    assert import_(shop, "none.geojson", collection()) == Counts(0, 0)
    high = [[[*position, 12.5] for position in SQUARE[0]]]
    marked = b"\xef\xbb\xbf" + json.dumps(feature("High", high)).encode()
    assert import_(shop, "marked.geojson", marked) == Counts(1, 0)
    shapes = {name: location["shape"] for name, location in stored(shop).items()}
    assert shapes == {
        "by id": area(SQUARE),
        "17": area(two, "MultiPolygon"),
        "plain": area(SQUARE),
        "blanks": area(SQUARE),
        "One": {**BELLEVILLE, "distance": {"center": "geo:1,2", "radius": "300 m"}},
        "Old Town": area(POLAND),
        "High": area(SQUARE),
    }


def test_the_forms_of_csv(shop: Shop) -> None:
    mixed = 'Radius,Name,longitude,Latitude\r\n2 mi,"Łódź, centre",19.45, 51.77\r\n'
    assert import_(shop, "a.CSV", mixed) == Counts(1, 0)
    geometry = json.dumps({"type": "Polygon", "coordinates": POLAND}).replace('"', '""')
    assert import_(shop, "b.csv", f'geojson,name\n"{geometry}",Poland\n\n') == Counts(1, 0)
    assert import_(shop, "c.csv", "name,geojson\n") == Counts(0, 0)
    shapes = {name: location["shape"] for name, location in stored(shop).items()}
    assert shapes == {
        "Łódź, centre": {**BELLEVILLE, "distance": {"center": "geo:51.77,19.45", "radius": "2 mi"}},
        "Poland": area(POLAND),
    }


HEADER = "The header should be name,latitude,longitude,radius or name,geojson, in any order"
KINDS = "the geometry should be a Polygon, a MultiPolygon, or a Point with a radius"
CENTER = "the center is not a point on earth such as 'geo:40.79,-74.15'"
RADIUS = "the radius is not a length in km, m, mi or ft such as '1.54 km'"


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("a.txt", circles("A"), "The file should be a .geojson, .json or .csv file"),
        ("csv", circles("A"), "The file should be a .geojson, .json or .csv file"),
        ("a.json", "", "The file is not valid JSON"),
        ("a.json", '{"type": "Feature"', "The file is not valid JSON"),
        ("a.json", "[]", "The file should be object"),
        ("a.json", b'{"type": "\xff"}', "The file is not valid UTF-8"),
        ("a.json", '{"a":' * 100_000, "The file is nested too deep"),
        ("a.json", '{"a": "\\u0000"}', "Strings cannot contain the null character"),
        ("a.json", {"type": "FeatureCollection"}, "The file has no list of features"),
        ("a.json", {"name": "A"}, f"Feature 1: {KINDS}"),
        ("a.json", {"type": "Point", "coordinates": [1, 2]}, f"Feature 1: {RADIUS}"),
        ("a.json", collection(feature("A"), 5), "Feature 2: this is no feature"),
        ("a.json", collection({"type": "Polygon"}), "Feature 1: this is no feature"),
        ("a.json", collection({"type": "Feature"}), f"Feature 1: {KINDS}"),
        ("a.json", feature("A", [[0, 0], [1, 1]], "LineString"), f"Feature 1: {KINDS}"),
        ("a.json", feature(None), "Feature 1: there is no name"),
        ("a.json", feature("  "), "Feature 1: there is no name"),
        ("a.json", feature(True), "Feature 1: there is no name"),
        ("a.json", feature(["A"]), "Feature 1: there is no name"),
        ("a.json", feature("A" * 256), "Feature 1: the name is longer than 255 characters"),
        (
            "a.json",
            collection(feature("A"), feature("B"), feature("A ")),
            "Feature 3: the name 'A' is there already",
        ),
        ("a.json", feature("A", None), "Feature 1: the polygon has no rings"),
        ("a.json", feature("A", [SQUARE[0][:3]]), "Feature 1: ring 1 has fewer than 4 positions"),
        (
            "a.json",
            feature("A", [[[0, 0], [0, 91], [1, 1], [0, 0]]]),
            "Feature 1: position 2 of ring 1 is not a longitude and a latitude on earth",
        ),
        ("a.json", feature("A", [1, 2], "Point"), f"Feature 1: {RADIUS}"),
        ("a.json", feature("A", [1, 2], "Point", radius=5), f"Feature 1: {RADIUS}"),
        ("a.json", feature("A", [1, 2], "Point", radius="5"), f"Feature 1: {RADIUS}"),
        (
            "a.json",
            feature("A", [1, 2], "Point", radius="0 km"),
            "Feature 1: the radius should be more than 0 and at most half the way around the earth",
        ),
        ("a.json", feature("A", [1, 91], "Point", radius="5 km"), f"Feature 1: {CENTER}"),
        ("a.json", feature("A", [], "Point", radius="5 km"), f"Feature 1: {CENTER}"),
        ("a.json", feature("A", None, "Point", radius="5 km"), f"Feature 1: {CENTER}"),
        ("a.csv", "", "The file has no header"),
        ("a.csv", b"\xff", "The file is not valid UTF-8 (byte 0)"),
        ("a.csv", "name,lat,lon,radius\n", HEADER),
        ("a.csv", "name,geojson,geojson\n", HEADER),
        ("a.csv", "name,latitude,longitude,radius,geojson\n", HEADER),
        ("a.csv", f"{circles('A', 'B')}\nC,1,2", "Row 3: 3 cells for 4 columns"),
        ("a.csv", f"{circles('A')}\n,1,2,3 km", "Row 2: there is no name"),
        ("a.csv", circles("A\x00"), "Row 1: the name contains the null character"),
        ("a.csv", circles("A", "B", "A"), "Row 3: the name 'A' is there already"),
        ("a.csv", f"{circles('A')}\nB,91,2,3 km", f"Row 2: {CENTER}"),
        ("a.csv", f'{circles("A")}\nB,"1,2",3,3 km', f"Row 2: {CENTER}"),
        ("a.csv", f"{circles('A')}\nB,1,2,3", f"Row 2: {RADIUS}"),
        ("a.csv", "name,geojson\nA,", "Row 1: the geojson is not valid JSON"),
        ("a.csv", "name,geojson\nA,5", "Row 1: the geojson should be object"),
        ("a.csv", "name,geojson\nA,{}", f"Row 1: {KINDS}"),
    ],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_the_first_flaw_is_told_with_its_place(
    shop: Shop, file: str, content: Any, said: str
) -> None:
    with pytest.raises(InvalidPayload) as refusal:
        import_(shop, file, content)
    assert refusal.value.details == said
    assert names(shop) == []


def test_two_projects_have_the_same_name_each_for_itself(shop: Shop) -> None:
    other = shop.server.project()
    assert import_(shop, "a.csv", circles("A", "B")) == Counts(2, 0)
    assert import_(other, "a.csv", circles("B")) == Counts(1, 0)
    assert sorted(stored(shop)) == ["A", "B"]
    assert [*stored(other)] == ["B"]
    theirs = stored(other)["B"]["id"]
    assert shop.api.get(f"/v1/locations/{theirs}").status_code == 404
    assert other.api.get(f"/v1/locations/{theirs}").status_code == 200


def test_imports_at_once_wait_for_each_other(shop: Shop) -> None:
    some = [f"L{n:03}" for n in range(170)]
    files = [circles(*order) for order in (some, some[::-1]) * 4]
    with ThreadPoolExecutor(len(files)) as pool:
        counts = list(pool.map(lambda file: import_(shop, "a.csv", file), files))
    assert sorted(count.created for count in counts) == [0] * 7 + [170]
    assert {count.created + count.replaced for count in counts} == {170}
    assert listed(shop)["total"] == 170


def test_shapes_are_read_by_id(shop: Shop) -> None:
    import_(shop, "a.json", collection(feature("A"), feature("B", [1, 2], "Point", radius="1 km")))
    ids = {name: location["id"] for name, location in stored(shop).items()}

    async def work(connection: Any) -> dict[str, Any]:
        return await locations.shapes(connection, shop.id, [*ids.values(), UNUSED])

    assert on_database(shop.server, work) == {
        ids["A"]: area(SQUARE),
        ids["B"]: {**BELLEVILLE, "distance": {"center": "geo:2,1", "radius": "1 km"}},
    }


# --- the list -----------------------------------------------------------------------------------

START = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def four(shop: Shop) -> Shop:
    """A, B, C and D, created a day apart; B and then A were replaced since."""
    import_(shop, "a.csv", circles("A", "B", "C", "D"))
    for days, name in enumerate("ABCD"):
        sql(shop, "UPDATE locations SET created_at = $2 WHERE project_id = $1 AND name = $3",
            START + timedelta(days=days), name)  # fmt: skip
    for days, name in enumerate("BA"):
        sql(shop, "UPDATE locations SET updated_at = $2 WHERE project_id = $1 AND name = $3",
            START + timedelta(days=10 + days), name)  # fmt: skip
    return shop


def test_the_order_and_the_limit(four: Shop) -> None:
    assert names(four) == ["D", "C", "B", "A"]
    assert names(four, order="-created_at") == ["D", "C", "B", "A"]
    assert names(four, order="created_at") == ["A", "B", "C", "D"]
    # Those that were never replaced count as the oldest.
    assert names(four, order="updated_at")[2:] == ["B", "A"]
    assert names(four, order="-updated_at")[:2] == ["A", "B"]
    page = listed(four, limit=3)
    assert [location["name"] for location in page["data"]] == ["D", "C", "B"]
    assert (page["total"], page["has_more"]) == (4, True)
    assert listed(four, limit=4)["has_more"] is False


def test_ten_come_unless_more_are_asked_for(shop: Shop) -> None:
    import_(shop, "a.csv", circles(*(f"L{n:02}" for n in range(12))))
    page = listed(shop)
    assert (len(page["data"]), page["total"], page["has_more"]) == (10, 12, True)
    assert len(names(shop, limit=100)) == 12


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"end_date": "2024-01-03"}, "BA"),
        ({"end_date": "2024-01-03T00:00:00.001Z"}, "CBA"),
        ({"end_date": "2023-12-31"}, ""),
        ({"filters[name][conditions][$is]": "C"}, "C"),
        ({"filters[name][conditions][$is_not]": "C"}, "DBA"),
        ({f"filters[name][conditions][$in][{n}]": name for n, name in enumerate("AD")}, "DA"),
        ({"filters[name][conditions][$starts_with]": "B"}, "B"),
        ({"filters[name][conditions][$contains]": "%"}, ""),
        ({"filters[name][conditions][$has_value]": ""}, "DCBA"),
        ({"filters[created_at][conditions][$after]": "2024-01-02T12:00:00Z"}, "DC"),
        ({"filters[created_at][conditions][$before]": "2024-01-02T12:00:00Z"}, "BA"),
        ({"filters[created_at][conditions][$more_than]": "1"}, "DCBA"),
        ({"filters[created_at][conditions][$less_than]": "1"}, ""),
        ({"filters[updated_at][conditions][$is_unknown]": ""}, "DC"),
        ({"filters[updated_at][conditions][$has_value]": ""}, "BA"),
        ({"filters[updated_at][conditions][$after]": "2024-01-11T12:00:00Z"}, "A"),
        (
            {
                "filters[junction]": "or",
                "filters[name][conditions][$is]": "D",
                "filters[updated_at][conditions][$before]": "2024-01-11T12:00:00Z",
            },
            "DB",
        ),
        ({"filters[name][conditions][$in]": "C", "end_date": "2024-01-02"}, ""),
    ],
    ids=str,
)  # fmt: skip
def test_filters(four: Shop, params: dict[str, str], expected: str) -> None:
    page = listed(four, **params)
    assert "".join(location["name"] for location in page["data"]) == expected
    assert (page["total"], page["has_more"]) == (len(expected), False)


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"order": "name"},
        {"order": "-id"},
        {"end_date": "soon"},
        {"filters[shape][conditions][$is]": "circle"},
        {"filters[name][conditions][$like]": "A"},
        {"filters[name]": "A"},
        {"filters[created_at][conditions][$is]": "2024-01-01"},
        {"filters[created_at][conditions][$after]": "soon"},
        {"filters[updated_at][conditions][$more_than]": "-1"},
    ],
    ids=str,
)
def test_a_wrong_query_is_refused(shop: Shop, params: dict[str, str]) -> None:
    answer = shop.api.get("/v1/locations", params=params)
    assert answer.status_code == 400
    assert answer.json()["key"] == "invalid_query_params"


def test_an_unknown_location(shop: Shop) -> None:
    answer = shop.api.get(f"/v1/locations/{UNUSED}")
    assert answer.status_code == 404
    body = answer.json()
    assert (body["code"], body["key"]) == (404, "not_found")
    assert body["details"] == f"Cannot find location with id {UNUSED}"
    assert (body["resource_id"], body["resource_type"]) == (UNUSED, "location")


@pytest.mark.parametrize(
    ("scope", "status"), [("locations", 200), ("api", 200), ("categories", 403)]
)
def test_a_token_needs_the_scope(shop: Shop, scope: str, status: int) -> None:
    grant = {"grant_type": "client_credentials", "scope": scope}
    token = shop.api.post("/v1/oauth/token", data=grant).json()["access_token"]
    with shop.server.anonymous(Authorization=f"Bearer {token}") as client:
        assert client.get("/v1/locations").status_code == status


def test_locations_are_read_alone_and_with_a_key(shop: Shop) -> None:
    def status(answer: httpx.Response) -> int:
        return answer.status_code

    assert status(shop.api.post("/v1/locations", json={})) == 405
    assert status(shop.api.delete(f"/v1/locations/{UNUSED}")) == 405
    with shop.server.anonymous() as client:
        assert status(client.get("/v1/locations")) == 401
