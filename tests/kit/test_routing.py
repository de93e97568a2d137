from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from largesse.api.routes import OPERATIONS
from largesse.kit.errors import MethodNotAllowed, NotFound
from largesse.kit.routing import Operation, Router, Routes

routes = Routes("Things", scope="things")


@routes.get("/v1/things")
async def list_things() -> None: ...


@routes.post("/v1/things")
async def create_thing() -> None: ...


@routes.get("/v1/things/{thingId}")
async def get_thing() -> None: ...


@routes.put("/v1/things/{thingId}")
async def update_thing() -> None: ...


@routes.post("/v1/things/importCSV")
async def import_things() -> None: ...


@routes.post("/v1/things/bulk/async")
async def bulk_things() -> None: ...


@routes.post("/v1/things/{thingId}/switch")
async def switch_thing() -> None: ...


@routes.get("/v1/things/{thingId}/parts/{partId}")
async def get_part() -> None: ...


@routes.get("/v1/things/special/parts/{partId}")
async def get_special_part() -> None: ...


ROUTER = Router(routes.operations)
REAL = Router(OPERATIONS)
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", ""]


def named(method: str, path: bytes) -> tuple[str, dict[str, str]] | None:
    found = ROUTER.find(method, path)
    return None if found is None else (found[0].name, found[1])


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", b"/v1/things", ("list_things", {})),
        ("POST", b"/v1/things", ("create_thing", {})),
        ("GET", b"/v1/things/", ("list_things", {})),
        ("GET", b"/v1/things/a", ("get_thing", {"thing_id": "a"})),
        ("GET", b"/v1/things/a/", ("get_thing", {"thing_id": "a"})),
        # Fixed segments win where both serve the method, and only there.
        ("POST", b"/v1/things/importCSV", ("import_things", {})),
        ("GET", b"/v1/things/importCSV", ("get_thing", {"thing_id": "importCSV"})),
        ("PUT", b"/v1/things/bulk", ("update_thing", {"thing_id": "bulk"})),
        ("POST", b"/v1/things/bulk/async", ("bulk_things", {})),
        ("POST", b"/v1/things/bulk/switch", ("switch_thing", {"thing_id": "bulk"})),
        ("POST", b"/v1/things/importCSV/switch", ("switch_thing", {"thing_id": "importCSV"})),
        ("GET", b"/v1/things/special/parts/p", ("get_special_part", {"part_id": "p"})),
        ("GET", b"/v1/things/a/parts/p", ("get_part", {"thing_id": "a", "part_id": "p"})),
        # An id is whatever stands between two slashes, decoded once.
        ("GET", b"/v1/things/a%2Fb", ("get_thing", {"thing_id": "a/b"})),
        ("GET", b"/v1/things/a%2fb", ("get_thing", {"thing_id": "a/b"})),
        ("GET", b"/v1/things/%2F", ("get_thing", {"thing_id": "/"})),
        ("GET", b"/v1/things/a%252Fb", ("get_thing", {"thing_id": "a%2Fb"})),
        ("GET", b"/v1/things/%25", ("get_thing", {"thing_id": "%"})),
        ("GET", b"/v1/things/%", ("get_thing", {"thing_id": "%"})),
        ("GET", b"/v1/things/%zz", ("get_thing", {"thing_id": "%zz"})),
        ("GET", b"/v1/things/a+b", ("get_thing", {"thing_id": "a+b"})),
        ("GET", b"/v1/things/a%20b", ("get_thing", {"thing_id": "a b"})),
        ("GET", b"/v1/things/%C3%BC", ("get_thing", {"thing_id": "ü"})),
        ("GET", "/v1/things/ü".encode(), ("get_thing", {"thing_id": "ü"})),
        ("GET", b"/v1/things/%F0%9F%98%80", ("get_thing", {"thing_id": "😀"})),
        ("GET", b"/v1/things/..", ("get_thing", {"thing_id": ".."})),
        ("GET", b"/v1/things/.", ("get_thing", {"thing_id": "."})),
        ("GET", b"/v1/things/../things", None),
        ("GET", b"/v1/things/%69mportCSV", ("get_thing", {"thing_id": "importCSV"})),
        ("GET", b"/v1/things/special/parts/%2E%2E", ("get_special_part", {"part_id": ".."})),
        # What is no path of ours.
        ("GET", b"/", None),
        ("GET", b"", None),
        ("GET", b"*", None),
        ("GET", b"/v1", None),
        ("GET", b"/v1/thing", None),
        ("GET", b"/V1/things", None),
        ("GET", b"/v1/Things", None),
        ("GET", b"/v1//things", None),
        ("GET", b"/v1/things//parts/p", None),
        ("GET", b"/v1/things/a/b", None),
        ("GET", b"/v1/things/a/parts/p/q", None),
        # One trailing slash means nothing; more make another path.
        ("GET", b"/v1/things//", None),
        ("GET", b"//v1/things", None),
    ],
)
def test_find(method: str, path: bytes, expected: Any) -> None:
    assert named(method, path) == expected


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", b"/v1/things", "GET or POST"),
        ("DELETE", b"/v1/things/a", "GET or PUT"),
        # Both the fixed segment and the parameter serve this path.
        ("DELETE", b"/v1/things/importCSV", "GET or POST or PUT"),
        ("GET", b"/v1/things/bulk/async", "POST"),
        ("GET", b"/v1/things/a/switch", "POST"),
    ],
)
def test_a_method_that_is_not_served(method: str, path: bytes, allowed: str) -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        ROUTER.find(method, path)
    assert caught.value.details == (
        f"{method} is not supported by this endpoint. Did you mean {allowed}?"
    )
    assert caught.value.headers == {"Allow": allowed.replace(" or ", ", ")}


@pytest.mark.parametrize(
    "path",
    [
        b"/v1/things/%00",
        b"/v1/things/a%00b",
        b"/v1/things/%ff",
        b"/v1/things/\xff",
        b"/v1/things/%C3",
    ],
)
def test_what_can_be_no_id(path: bytes) -> None:
    with pytest.raises(NotFound):
        ROUTER.find("GET", path)


def test_two_operations_of_one_path_are_a_mistake() -> None:
    with pytest.raises(AssertionError):
        Router([*routes.operations, routes.operations[0]])


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: f"{o.method} {o.path}")
@given(text=st.text(alphabet=st.characters(exclude_characters="\x00", codec="utf-8"), min_size=1))
@settings(max_examples=25)
def test_any_text_is_an_id_of_every_operation(operation: Operation, text: str) -> None:
    parts = operation.path.split("/")
    ids = [part for part in parts if part.startswith("{")]
    filled = "/".join(quote(f"{text}!", safe="") if part in ids else part for part in parts)
    found = REAL.find(operation.method, filled.encode())
    assert found is not None
    assert found[0] is operation
    assert list(found[1].values()) == [f"{text}!"] * len(ids)


SEGMENTS = st.sampled_from(
    ["v1", "customers", "bulk", "async", "importCSV", "%2F", "%00", "%ff", ""]
)


@given(
    st.sampled_from(METHODS),
    st.binary()
    | st.lists(SEGMENTS | st.text(max_size=3)).map(lambda s: "/" + "/".join(s)).map(str.encode),
)
@settings(max_examples=300)
def test_any_path_is_found_unknown_or_refused(method: str, path: bytes) -> None:
    for router in (ROUTER, REAL):
        try:
            found = router.find(method, path)
        except MethodNotAllowed as problem:
            assert problem.headers["Allow"]
            assert method not in problem.headers["Allow"].split(", ")
        except NotFound:
            pass
        else:
            assert found is None or found[0].method == method


def test_a_very_long_path_is_only_long() -> None:
    assert named("GET", b"/v1/things/" + b"x" * 1_000_000) == (
        "get_thing",
        {"thing_id": "x" * 1_000_000},
    )
    assert named("GET", b"/a" * 100_000) is None
