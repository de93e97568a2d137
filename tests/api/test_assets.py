"""Pictures of codes at addresses that need no key, read back as a scanner would."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.test_vouchers import create
from tests.contract.client import Client
from tests.kit.test_pictures import from_bars, from_png, from_qr, from_svg
from tests.running import Server, Shop


def fetch(url: str, **query: Any) -> httpx.Response:
    """What anybody gets who has the address."""
    with Client(trust_env=False) as anybody:
        return anybody.get(url, params=query or None)


def modules(answer: httpx.Response, size: int) -> list[str]:
    """The modules of a picture line by line, 1 being dark, whatever its form."""
    if answer.headers["content-type"] == "image/svg+xml":
        return from_svg(answer.content)[2]
    _, _, lines = from_png(answer.content)
    return [line[::size] for line in lines[::size]]


# Short enough for the smallest QR codes, which are what the reader in the test reads.
CODES = ["10OFF", "a/b?c=d&e#f", "<b>&amp;", "0123456789", "back\\slash'"]


@pytest.mark.parametrize("form", ["svg", "png"])
@pytest.mark.parametrize("code", CODES)
def test_pictures_say_the_code(shop: Shop, code: str, form: str) -> None:
    assets = create(shop, code=code)["assets"]
    for kind, decode in (("qr", from_qr), ("barcode", lambda lines: from_bars(lines[0]))):
        answer = fetch(assets[kind]["url"], format=form, size=3)
        assert answer.status_code == 200
        expected = "image/svg+xml" if form == "svg" else "image/png"
        assert answer.headers["content-type"] == expected
        assert decode(modules(answer, 3)) == code
        assert code.encode() not in answer.content


@pytest.mark.parametrize("code", ["zażółć", "😀é"])
def test_a_code_beyond_ascii_has_a_qr_code_alone(shop: Shop, code: str) -> None:
    assets = create(shop, code=code)["assets"]
    answer = fetch(assets["qr"]["url"], size=1)
    assert from_qr(modules(answer, 1)) == code
    answer = fetch(assets["barcode"]["url"])
    assert (answer.status_code, answer.json()["key"]) == (400, "invalid_query_params")


def test_without_a_word_it_is_a_png(shop: Shop) -> None:
    assets = create(shop, "a")["assets"]
    for asset in assets.values():
        plain = fetch(asset["url"])
        assert plain.headers["content-type"] == "image/png"
        assert plain.content == fetch(asset["url"], format="png", size=4).content
        width, height, _ = from_png(plain.content)
        twice, higher, _ = from_png(fetch(asset["url"], size=8).content)
        assert (twice, higher) == (2 * width, 2 * height)


@pytest.mark.parametrize(("code", "side"), [("a", 29), ("a" * 255, 73), ("😀" * 255, 129)])
def test_longer_codes_have_larger_pictures(shop: Shop, code: str, side: int) -> None:
    width, height, _ = from_png(
        fetch(create(shop, code=code)["assets"]["qr"]["url"], size=1).content
    )
    assert (width, height) == (side, side)


@pytest.mark.parametrize("query", ["size=0", "size=101", "size=x", "size=1.5", "format=gif"])
def test_forms_that_are_none(shop: Shop, query: str) -> None:
    for asset in create(shop, "a")["assets"].values():
        answer = fetch(f"{asset['url']}?{query}")
        assert (answer.status_code, answer.json()["key"]) == (400, "invalid_query_params")


def test_the_largest_picture_stays_within_bounds(shop: Shop) -> None:
    assets = create(shop, code="aB~" * 85)["assets"]
    for asset in assets.values():
        for form in ("svg", "png"):
            answer = fetch(asset["url"], size=100, format=form)
            assert answer.status_code == 200
            assert len(answer.content) < 300_000
            assert answer.elapsed.total_seconds() < 5
    width, height, _ = from_png(fetch(assets["barcode"]["url"], size=100).content)
    assert max(width, height) <= 10_000


def test_forged_ids_are_not_found(server: Server, shop: Shop) -> None:
    other = server.project()
    mine, theirs = create(shop, "a"), create(other, "a")
    id_, their_id = (one["assets"]["qr"]["id"] for one in (mine, theirs))
    signature, project, voucher = id_.split(".")
    their_signature, their_project, their_voucher = their_id.split(".")
    forged = [
        id_[:-1],
        id_ + "x",
        "x" + id_[1:],
        voucher,
        f".{project}.{voucher}",
        f"{signature}..{voucher}",
        f"{signature}.{their_project}.{voucher}",
        f"{signature}.{project}.{their_voucher}",
        f"{their_signature}.{project}.{voucher}",
        f"{signature}.{project}.{create(shop, 'b')['id']}",
        "a.b.c",
        "é.é.é",
        "a.%00.c",
        f"{id_}%0A",
        f"{id_}%00",
        "x" * 5000,
        "....",
    ]
    for kind in ("qr", "barcode"):
        assert fetch(f"{server.url}/v1/assets/{kind}/{id_}").status_code == 200
        for wrong in forged:
            answer = fetch(f"{server.url}/v1/assets/{kind}/{wrong}")
            assert (answer.status_code, answer.json()["key"]) == (404, "not_found"), wrong


def test_a_deleted_voucher_has_no_picture(shop: Shop) -> None:
    for code, path in (("a", "/v1/vouchers/a"), ("b", "/v1/vouchers/b?force=true")):
        url = create(shop, code)["assets"]["qr"]["url"]
        assert fetch(url).status_code == 200
        assert shop.api.delete(path).status_code == 204
        assert fetch(url).status_code == 404
    again = create(shop, "b")["assets"]["qr"]["url"]
    assert fetch(again).status_code == 200


def test_a_voucher_keeps_its_addresses(shop: Shop) -> None:
    assets = create(shop, "a")["assets"]
    assert shop.api.put("/v1/vouchers/a", json={"metadata": {"x": 1}}).json()["assets"] == assets
    assert shop.api.get("/v1/vouchers").json()["vouchers"][0]["assets"] == assets
    assert shop.api.post("/v1/vouchers/a/disable").json()["assets"] == assets
    assert fetch(assets["qr"]["url"]).status_code == 200
