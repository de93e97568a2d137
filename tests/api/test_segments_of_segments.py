from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.api.test_customers import save
from tests.api.test_segments import (
    ENTERED,
    LEFT,
    VIPS,
    get,
    make,
    members,
    moves,
    segments_of,
)
from tests.running import Shop, until

# --- who nobody knows ----------------------------------------------------------------------------


def test_what_an_unknown_customer_would_be_in(shop: Shop) -> None:
    conditions: dict[str, dict[str, Any]] = {
        "No name": {"name": {"$is_unknown": True}},
        "Has name": {"name": {"$has_value": True}},
        "New": {"created_at": {"$less_than_ago": 1}},
        "By name": {"source_id": {"$starts_with": "st"}},
        "Bought nothing": {"summary.orders.total_count": {"$is": 0}},
        "Did nothing": {"events.seen": {"$count": 0}},
    }
    for name, given_ in conditions.items():
        filter_ = {field: {"conditions": tests} for field, tests in given_.items()}
        make(shop, name, wait=False, filter=filter_)
    make(shop, "Static", type="static", customers=[])
    before = shop.api.get("/v1/customers").json()["total"]
    assert segments_of(shop, "stranger") == [
        "Did nothing",
        "Bought nothing",
        "By name",
        "New",
        "No name",
    ]
    assert shop.api.get("/v1/customers").json()["total"] == before == 0


def test_segments_of_an_unknown_customer_where_there_are_none(shop: Shop) -> None:
    assert segments_of(shop, "stranger") == []


# --- segments of segments ------------------------------------------------------------------------


def test_a_segment_may_speak_of_others(shop: Shop) -> None:
    ann = save(shop, source_id="ann", metadata={"vip": True})["id"]
    save(shop, source_id="bob")
    chosen = make(shop, "Chosen", type="static", customers=[ann])
    vips = make(shop, "VIPs", type="auto-update", filter=VIPS)
    others = make(
        shop,
        "Others",
        type="auto-update",
        filter={"segments": {"conditions": {"$not_in": [chosen["id"], vips["id"]]}}},
    )
    both = make(
        shop,
        "Both",
        type="auto-update",
        filter={
            "segments": {"conditions": {"$is": vips["id"]}},
            "segment": {"conditions": {"$is": chosen["id"]}},
        },
    )
    assert members(shop, others["id"]) == {"bob"}
    assert members(shop, both["id"]) == {"ann"}
    save(shop, source_id="bob", metadata={"vip": True})
    save(shop, source_id="ann", metadata={"vip": False})
    assert members(shop, others["id"]) == set()
    assert members(shop, both["id"]) == set()
    assert sorted(moves(shop, "bob")) == [(ENTERED, "VIPs"), (LEFT, "Others")]
    assert sorted(moves(shop, "ann")) == [(LEFT, "Both"), (LEFT, "VIPs")]


def test_a_segment_in_use_stays(shop: Shop) -> None:
    used = make(shop, "Used", filter=VIPS)
    user = make(shop, "User", filter={"segments": {"conditions": {"$is_not": used["id"]}}})
    answer = shop.api.delete(f"/v1/segments/{used['id']}")
    assert answer.status_code == 400
    problem = answer.json()
    assert {name: problem[name] for name in problem if name != "request_id"} == {
        "code": 400,
        "key": "resource_in_use",
        "message": "Resource in use",
        "details": f"Resource segment with id {used['id']} is in use by segments with ids "
        f"[{user['id']}]",
        "related_object_ids": [user["id"]],
        "related_object_type": "segment",
    }
    assert get(shop, used["id"])["name"] == "Used"
    assert shop.api.delete(f"/v1/segments/{user['id']}").status_code == 204
    assert shop.api.delete(f"/v1/segments/{used['id']}").status_code == 204


def test_segments_that_speak_of_each_other_many_times_over(shop: Shop) -> None:
    """What is written out for the database may not grow with every level."""
    name = make(shop, "0", filter=VIPS, wait=False)["id"]
    answer = None
    for number in range(1, 12):
        filter_ = {
            "segments": {"conditions": dict.fromkeys(("$is", "$in"), name)},
            "segment": {"conditions": dict.fromkeys(("$is", "$in"), name)},
        }
        answer = shop.api.post("/v1/segments", json={"name": str(number), "filter": filter_})
        if answer.status_code != 200:
            break
        name = answer.json()["id"]
    assert answer is not None
    if answer.status_code == 200:
        until(lambda: get(shop, name)["initial_sync_status"] == "DONE", 30)
    else:
        assert answer.status_code == 400


# --- deleting ------------------------------------------------------------------------------------


def test_delete(shop: Shop) -> None:
    segment = make(shop, type="auto-update", filter=VIPS)
    save(shop, source_id="ann", metadata={"vip": True})
    path = f"/v1/segments/{segment['id']}"
    answer = shop.api.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    for again in (shop.api.get(path), shop.api.delete(path)):
        assert again.status_code == 404
        assert (again.json()["resource_id"], again.json()["resource_type"]) == (
            segment["id"],
            "segment",
        )
    assert segments_of(shop, "ann") == []
    assert members(shop, segment["id"]) == set()
    assert shop.api.get("/v1/segments").json()["total"] == 0


def test_nobody_enters_a_segment_that_is_gone(shop: Shop) -> None:
    """Whichever web worker deleted it: none may remember it."""
    make(
        shop,
        "Stays",
        wait=False,
        type="auto-update",
        filter={"name": {"conditions": {"$is": "Stays"}}},
    )
    for number in range(8):
        gone = make(shop, "Gone", wait=False, type="auto-update", filter=VIPS)
        assert shop.api.delete(f"/v1/segments/{gone['id']}").status_code == 204
        save(shop, source_id=f"c{number}", metadata={"vip": True})
        assert moves(shop, f"c{number}") == []


def test_what_a_refused_deletion_read_is_not_remembered(shop: Shop) -> None:
    """It is read under a number that is then given to something else."""
    used = make(shop, "Used", wait=False, filter=VIPS)
    make(shop, "User", wait=False, filter={"segments": {"conditions": {"$is": used["id"]}}})
    for number in range(8):
        assert shop.api.delete(f"/v1/segments/{used['id']}").status_code == 400
        conditions = {"$is": f"c{number}"}
        new = make(
            shop,
            f"New {number}",
            type="auto-update",
            filter={"source_id": {"conditions": conditions}},
            wait=False,
        )
        save(shop, source_id=f"c{number}")
        assert segments_of(shop, f"c{number}") == [f"New {number}"]
        assert members(shop, new["id"]) == {f"c{number}"}
        assert moves(shop, f"c{number}") == [(ENTERED, f"New {number}")]


# --- places --------------------------------------------------------------------------------------


def test_a_place_that_moves_takes_its_segments_along(shop: Shop, tmp_path: Path) -> None:
    def put(latitude: int) -> None:
        file = tmp_path / "places.csv"
        file.write_text(f"name,latitude,longitude,radius\nHome,{latitude},0,10 km\n")
        done = shop.server.command("locations", "import", str(file), "--project", shop.id)
        assert done.returncode == 0, done.stderr

    put(0)
    home = shop.api.get("/v1/locations").json()["data"][0]["id"]
    save(shop, source_id="south", metadata={"at": "0,0"})
    save(shop, source_id="north", metadata={"at": ["80,0", "70,70"]})
    near = make(
        shop,
        "Near",
        type="auto-update",
        filter={"metadata.at": {"conditions": {"$in_location": [home]}}},
    )
    far = make(shop, "Far", filter={"segments": {"conditions": {"$is_not": near["id"]}}})
    assert (members(shop, near["id"]), members(shop, far["id"])) == ({"south"}, {"north"})
    put(80)
    until(lambda: members(shop, near["id"]) == {"north"})
    until(lambda: members(shop, far["id"]) == {"south"})
    assert moves(shop, "south") == [(LEFT, "Near")]
    assert moves(shop, "north") == [(ENTERED, "Near")]
