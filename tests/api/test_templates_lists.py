from __future__ import annotations

from typing import Any

import httpx

from tests.api.test_templates import (
    PATH,
    UNUSED,
    coupons,
    gifts,
    kept,
    listed,
    names,
    refused,
    rule,
    sent,
    template,
)
from tests.running import Server, Shop

# --- lists --------------------------------------------------------------------------------------


def test_an_empty_list(shop: Shop) -> None:
    assert listed(shop) == {"object": "list", "data_ref": "data", "data": [], "has_more": False}
    assert listed(shop, include_total="true")["total"] == 0


def test_pages_go_on_after_the_last_seen(shop: Shop) -> None:
    of = coupons(shop)["id"]
    made = [template(shop, f"{number}", campaign_id=of) for number in range(12)]
    first = listed(shop)
    assert first["data"] == made[:10]
    assert (first["has_more"], first["more_starting_after"]) == (True, made[9]["id"])
    assert "total" not in first
    rest = listed(shop, starting_after_id=made[9]["id"])
    assert rest == {
        "object": "list",
        "data_ref": "data",
        "data": made[10:],
        "has_more": False,
    }
    back = listed(shop, order="-id", limit=5, starting_after_id=made[6]["id"])
    assert back["data"] == made[1:6][::-1]
    assert (back["has_more"], back["more_starting_after"]) == (True, made[1]["id"])
    seen, after = [], None
    while True:
        page = listed(shop, limit=1, order="id", starting_after_id=after or "")
        seen += page["data"]
        if not page["has_more"]:
            break
        after = page["more_starting_after"]
    assert seen == made
    assert listed(shop, starting_after_id=UNUSED)["data"] == []
    # Deleted meanwhile, a cursor leads nowhere.
    assert shop.api.delete(f"{PATH}/{made[9]['id']}").status_code == 204
    assert listed(shop, starting_after_id=made[9]["id"])["data"] == []


def test_the_total_is_of_all_templates(shop: Shop) -> None:
    of = coupons(shop)["id"]
    for name in ("a", "b", "c"):
        template(shop, name, campaign_id=of)
    page = listed(shop, include_total="true", limit=1, **{"filters[name][conditions][$is]": "b"})
    assert (names(page), page["total"], page["has_more"]) == (["b"], 3, False)


def test_filters(shop: Shop) -> None:
    of, gift = coupons(shop)["id"], gifts(shop)["id"]
    first = template(shop, "October 100%", campaign_id=of)
    template(shop, "Gift_October", campaign_id=gift)
    template(shop, "May", campaign_id=of)

    def found(**query: str) -> list[str]:
        return names(listed(shop, **{f"filters{name}": value for name, value in query.items()}))

    name, kind = "[name][conditions]", "[campaign_type][conditions]"
    assert found(**{f"{name}[$contains]": "October"}) == ["October 100%", "Gift_October"]
    assert found(**{f"{name}[$ends_with]": "%"}) == ["October 100%"]
    assert found(**{f"{name}[$starts_with]": "G"}) == ["Gift_October"]
    assert found(**{f"{kind}[$is]": "GIFT_VOUCHERS"}) == ["Gift_October"]
    assert found(**{f"{kind}[$not_in][0]": "GIFT_VOUCHERS"}) == ["October 100%", "May"]
    assert found(**{"[id][conditions][$is]": first["id"]}) == ["October 100%"]
    assert found(
        **{"[junction]": "or", f"{name}[$is]": "May", f"{kind}[$is]": "GIFT_VOUCHERS"}
    ) == ["Gift_October", "May"]
    assert found(**{f"{name}[$is_unknown]": ""}) == []
    for wrong in (
        {"filters[description][conditions][$is]": "x"},
        {"filters[name][conditions][$after]": "x"},
        {"filters[name]": "x"},
        {"filters[junction]": "nor"},
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "x"},
        {"order": "name"},
        {"include_total": "perhaps"},
    ):
        refused(shop.api.get(PATH, params=wrong), 400, "invalid_query_params")


def test_odd_queries_do_no_harm(shop: Shop) -> None:
    made = template(shop)
    for odd in ("%00", "a%00b", "%F0%9F%98%80", "'", "camp_tpl_%00"):
        answer = shop.api.get(f"{PATH}?starting_after_id={odd}")
        assert answer.status_code in (200, 400), odd
        answer = shop.api.get(f"{PATH}?filters[name][conditions][$is]={odd}")
        assert answer.status_code in (200, 400), odd
        assert shop.api.get(f"{PATH}/{odd}").status_code == 404
    path = f"{PATH}/{made['id']}"
    answer = shop.api.get(path, params={"expand": "everything"})
    refused(answer, 400, "invalid_query_params")
    assert sent(shop.api.get(path, params={"expand": ""})) == made


# --- projects -----------------------------------------------------------------------------------


def test_templates_belong_to_their_project(shop: Shop, server: Server) -> None:
    other = server.project()
    made, of = template(shop), coupons(shop)["id"]
    path = f"{PATH}/{made['id']}"
    for answer in (
        other.api.get(path),
        other.api.put(path, json={"name": "stolen"}),
        other.api.delete(path),
        other.api.post(f"{path}/campaign-setup", json={"name": "stolen"}),
        other.api.post(PATH, json={"name": "stolen", "campaign_id": of}),
    ):
        refused(answer, 404, "not_found")
    assert listed(other)["data"] == []
    assert template(other)["name"] == made["name"]
    assert sent(shop.api.get(path)) == made


def copied(server: Server, of: Shop, template_id: str, to: str, **body: Any) -> httpx.Response:
    path = f"/management/v1/projects/{of.id}/templates/campaigns/{template_id}/copy"
    with server.management() as management:
        return management.post(path, json={"destination_project_id": to, **body})


def test_a_copy_in_another_project(shop: Shop, server: Server) -> None:
    other = server.project()
    id_ = rule(shop)
    made = template(shop, description="d", campaign_id=coupons(shop, validation_rules=[id_])["id"])
    copy = sent(copied(server, shop, made["id"], other.id))
    assert copy["id"] != made["id"]
    assert copy == {**made, "id": copy["id"], "created_at": copy["created_at"]}
    assert listed(other)["data"] == [copy]
    assert kept(other, copy["id"]) == kept(shop, made["id"])
    # Nothing else was made yet.
    assert sent(other.api.get("/v1/validation-rules"))["total"] == 0
    again = copied(server, shop, made["id"], other.id)
    details = refused(again, 409, "duplicate_found")
    assert details == "Duplicated campaign_template exists with name Template"
    named = sent(copied(server, shop, made["id"], shop.id, name="New", description="n"))
    assert (named["name"], named["description"]) == ("New", "n")
    assert "description" not in sent(
        copied(server, shop, made["id"], other.id, name="Bare", description="")
    )
    assert shop.api.delete(f"{PATH}/{made['id']}").status_code == 204
    setup = other.api.post(f"{PATH}/{copy['id']}/campaign-setup", json={"name": "There"})
    [created] = sent(setup)["created_resources"]
    assert created["object"] == "validation_rules"
    assert created["id"] != id_
    got = sent(other.api.get(f"/v1/validation-rules/{created['id']}"))
    assert got["rules"]["1"]["conditions"] == {"$more_than": [10000]}


def test_copies_that_cannot_be(shop: Shop, server: Server) -> None:
    other, made = server.project(), template(shop)
    assert refused(copied(server, shop, made["id"], "proj_nothing1"), 404, "not_found") == (
        "Cannot find project with id proj_nothing1"
    )
    assert refused(copied(server, other, made["id"], shop.id), 404, "not_found") == (
        f"Cannot find campaign_template with id {made['id']}"
    )
    path = f"/management/v1/projects/{shop.id}/templates/campaigns/{made['id']}/copy"
    with server.management() as management:
        wrong: list[Any] = [{}, {"destination_project_id": None}, {"destination_project_id": 1}, []]
        for body in wrong:
            refused(management.post(path, json=body), 400, "invalid_payload")
        nowhere = path.replace(shop.id, "proj_nothing1")
        body = {"destination_project_id": other.id}
        refused(management.post(nowhere, json=body), 404, "not_found")
    for client in (shop.api, shop.browser()):
        answer = client.post(path, json={"destination_project_id": other.id})
        assert answer.status_code == 401
    assert listed(other)["data"] == []


def test_the_list_of_a_project(shop: Shop, server: Server) -> None:
    other, of = server.project(), coupons(shop)["id"]
    made = [template(shop, name, campaign_id=of) for name in ("a", "b", "c")]
    with server.management() as management:
        path = "/management/v1/projects/{}/templates/campaigns"
        query = {"limit": "1", "include_total": "true", "starting_after_id": made[0]["id"]}
        page = sent(management.get(path.format(shop.id), params=query))
        assert page == {
            "object": "list",
            "data_ref": "data",
            "data": [made[1]],
            "total": 3,
            "has_more": True,
            "more_starting_after": made[1]["id"],
        }
        named = {"filters[name][conditions][$in][0]": "c", "order": "-id"}
        assert names(sent(management.get(path.format(shop.id), params=named))) == ["c"]
        assert sent(management.get(path.format(other.id)))["data"] == []
        refused(management.get(path.format("proj_nothing1")), 404, "not_found")
    assert shop.api.get(path.format(shop.id)).status_code == 401
