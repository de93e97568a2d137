from __future__ import annotations

import asyncio

import pytest

from largesse.kit import auth
from largesse.kit.auth import Credentials, Fresh, Principal
from largesse.kit.errors import Forbidden, Unauthorized

# --- credentials --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({}, ""),
        ({b"authorization": b"Bearer abc"}, "abc"),
        ({b"authorization": b"bearer abc"}, "abc"),
        ({b"authorization": b"BEARER   abc  "}, "abc"),
        ({b"authorization": b"abc"}, ""),
        ({b"authorization": b"Bearer"}, ""),
        ({b"authorization": b"Bearer "}, ""),
        ({b"authorization": b"Basic abc"}, ""),
        ({b"authorization": b"Bearer a b"}, ""),
        ({b"x-voucherify-oauth": b"abc"}, "abc"),
        ({b"x-voucherify-oauth": b"Bearer abc"}, "abc"),
        ({b"x-voucherify-oauth": b"bearer abc"}, "abc"),
        ({b"x-voucherify-oauth": b"Bearer"}, ""),
        ({b"x-voucherify-oauth": b"Basic abc"}, ""),
        ({b"x-voucherify-oauth": b""}, ""),
        ({b"authorization": b"Bearer abc", b"x-voucherify-oauth": b"def"}, "abc"),
        ({b"authorization": b"Basic abc", b"x-voucherify-oauth": b"def"}, "def"),
    ],
    ids=str,
)
def test_bearer(headers: dict[bytes, bytes], token: str) -> None:
    assert auth.bearer(headers) == token


def test_a_null_character_is_in_no_credentials() -> None:
    with pytest.raises(Unauthorized):
        auth.bearer({b"authorization": b"Bearer a\x00b"})


def test_credentials_are_read_from_the_headers_of_their_kind() -> None:
    headers = {
        b"x-app-id": b"1",
        b"x-app-token": b"one",
        b"x-client-application-id": b"2",
        b"x-client-token": b"two",
        b"authorization": b"Bearer three",
    }
    assert auth.credentials(headers, auth.SERVER) == Credentials("server", "1", "one")
    assert auth.credentials(headers, auth.CLIENT) == Credentials("client", "2", "two")
    with pytest.raises(Unauthorized):
        auth.credentials(headers, auth.MANAGEMENT)
    del headers[b"x-app-token"]
    assert auth.credentials(headers, auth.SERVER) == Credentials("server", "", "three")
    del headers[b"authorization"]
    with pytest.raises(Unauthorized):
        auth.credentials(headers, auth.SERVER)


def test_a_key_without_an_id_is_no_token() -> None:
    with pytest.raises(Unauthorized):
        auth.credentials({b"x-app-id": b" ", b"x-app-token": b"abc"}, auth.SERVER)


def test_secrets_are_compared_by_their_hash() -> None:
    hashed = auth.hash_secret("secret")
    assert len(hashed) == 32
    assert b"secret" not in hashed
    assert auth.same_secret("secret", hashed)
    assert not auth.same_secret("Secret", hashed)
    assert not auth.same_secret("", hashed)


def test_a_signature_is_of_all_its_parts() -> None:
    signature = auth.sign(b"key", "report", "proj_1", "aa_1")
    assert len(signature) == 43
    assert auth.same_signature(signature, b"key", "report", "proj_1", "aa_1")
    assert not auth.same_signature(signature, b"other", "report", "proj_1", "aa_1")
    assert not auth.same_signature(signature, b"key", "report", "proj_1", "aa_2")
    assert not auth.same_signature(signature, b"key", "report", "proj_1aa_1")
    assert not auth.same_signature(signature[:-1], b"key", "report", "proj_1", "aa_1")
    assert not auth.same_signature("é", b"key", "report", "proj_1", "aa_1")


# --- what a principal may -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scopes", "kind", "scope", "allowed"),
    [
        (None, "server", "customers", True),
        (None, "client", "client_redeem", True),
        (None, "server", None, True),
        ({"customers"}, "server", "customers", True),
        ({"vouchers"}, "server", "customers", False),
        ({"vouchers", "customers"}, "server", "customers", True),
        ({"api"}, "server", "customers", True),
        ({"api"}, "client", "client_customers", False),
        ({"client_api"}, "client", "client_customers", True),
        ({"client_api"}, "server", "customers", False),
        (set(), "server", "customers", False),
    ],
)
def test_scopes(scopes: set[str] | None, kind: str, scope: str | None, allowed: bool) -> None:
    held = None if scopes is None else frozenset(scopes)
    principal = Principal("server", "key", "proj_1", scopes=held)
    if allowed:
        principal.require(kind, scope)
    else:
        with pytest.raises(Forbidden):
            principal.require(kind, scope)


@pytest.mark.parametrize(
    ("ip", "allowed", "expected"),
    [
        ("10.1.2.3", ("10.0.0.0/8",), True),
        ("11.1.2.3", ("10.0.0.0/8",), False),
        ("192.0.2.7", ("192.0.2.7/32",), True),
        ("192.0.2.8", ("192.0.2.7/32",), False),
        ("192.0.2.8", ("10.0.0.0/8", "192.0.2.8/32"), True),
        ("::ffff:10.1.2.3", ("10.0.0.0/8",), True),
        ("::ffff:11.1.2.3", ("10.0.0.0/8",), False),
        ("2001:db8::1", ("2001:db8::/32",), True),
        ("2001:db9::1", ("2001:db8::/32",), False),
        ("2001:db8::1", ("10.0.0.0/8",), False),
        ("10.1.2.3", ("2001:db8::/32",), False),
        ("10.1.2.3", ("::/0",), False),
        ("10.1.2.3", (), False),
        ("", ("0.0.0.0/0",), False),
        ("nonsense", ("0.0.0.0/0",), False),
        ("10.1.2.3, 10.1.2.4", ("10.0.0.0/8",), False),
    ],
)
def test_ip_allowed(ip: str, allowed: tuple[str, ...], expected: bool) -> None:
    assert auth.ip_allowed(ip, allowed) is expected


def test_a_key_without_addresses_opens_from_everywhere() -> None:
    Principal("server", "key", "proj_1").require_ip("nonsense")
    with pytest.raises(Forbidden):
        Principal("server", "key", "proj_1", ("10.0.0.0/8",)).require_ip("")


@pytest.mark.parametrize(
    ("origin", "trusted", "expected"),
    [
        ("https://shop.example", [], False),
        ("https://shop.example", ["https://shop.example"], True),
        ("https://SHOP.example", ["HTTPS://shop.EXAMPLE"], True),
        ("http://shop.example", ["https://shop.example"], False),
        ("https://shop.example", ["shop.example"], True),
        ("https://shop.example:8443", ["shop.example"], False),
        ("https://shop.example:8443", ["shop.example:8443"], True),
        ("https://a.shop.example", ["*.shop.example"], True),
        ("https://shop.example", ["*.shop.example"], False),
        ("https://ashop.example", ["*.shop.example"], False),
        ("https://shop.example.evil.example", ["*.shop.example", "shop.example"], False),
        ("http://a.shop.example", ["https://*.shop.example"], False),
        ("https://anything.example", ["*"], True),
        ("null", ["*"], True),
        ("null", ["https://shop.example"], False),
        ("https://b.example", ["a.example", " b.example "], True),
        # What is no origin, and what is no domain.
        ("http://[", ["*.shop.example", "shop.example"], False),
        ("https://shop.example", ["http://[", "shop.example"], True),
        ("https://shop.example", ["[", ""], False),
        ("", [""], False),
        ("null", ["", "https://"], False),
    ],
)
def test_origin_allowed(origin: str, trusted: list[str], expected: bool) -> None:
    assert auth.origin_allowed(origin, trusted) is expected


# --- Fresh --------------------------------------------------------------------------------------


class Shelf:
    """What lookups find, how often they were asked, and the time."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        self.asked: list[str] = []
        self.time = 100.0

    async def find(self, name: str) -> str | None:
        self.asked.append(name)
        return self.held.get(name)

    def clock(self) -> float:
        return self.time


def test_what_was_found_is_remembered_for_a_second() -> None:
    shelf = Shelf()
    shelf.held["a"] = "first"
    fresh = Fresh(shelf.find, clock=shelf.clock)

    async def run() -> None:
        assert await fresh.get("a") == "first"
        shelf.held["a"] = "second"
        shelf.time += 0.999
        assert await fresh.get("a") == "first"
        assert shelf.asked == ["a"]
        shelf.time += 0.001
        assert await fresh.get("a") == "second"
        assert shelf.asked == ["a", "a"]
        # The second counts from each lookup, not from the first.
        shelf.time += 0.5
        assert await fresh.get("a") == "second"
        assert shelf.asked == ["a", "a"]

    asyncio.run(run())


def test_what_is_gone_is_forgotten() -> None:
    shelf = Shelf()
    shelf.held["a"] = "first"
    fresh = Fresh(shelf.find, clock=shelf.clock)

    async def run() -> None:
        assert await fresh.get("a") == "first"
        del shelf.held["a"]
        shelf.time += 1
        assert await fresh.get("a") is None

    asyncio.run(run())


def test_what_was_not_found_is_asked_for_again() -> None:
    shelf = Shelf()
    fresh = Fresh(shelf.find, clock=shelf.clock)

    async def run() -> None:
        assert await fresh.get("a") is None
        shelf.held["a"] = "made since"
        assert await fresh.get("a") == "made since"

    asyncio.run(run())


def test_a_slow_lookup_counts_from_when_it_was_asked() -> None:
    """Its answer may be as old as the question, so that is when its second begins."""
    shelf = Shelf()
    shelf.held["a"] = "first"

    async def slow(name: str) -> str | None:
        found = await shelf.find(name)
        shelf.time += 0.75
        return found

    fresh = Fresh(slow, clock=shelf.clock)

    async def run() -> None:
        assert await fresh.get("a") == "first"
        shelf.time += 0.125
        assert await fresh.get("a") == "first"
        assert len(shelf.asked) == 1
        shelf.time += 0.125
        assert await fresh.get("a") == "first"
        assert len(shelf.asked) == 2

    asyncio.run(run())


def test_only_so_many_are_remembered() -> None:
    shelf = Shelf()
    shelf.held = {name: name for name in "abc"}
    fresh = Fresh(shelf.find, size=2, clock=shelf.clock)

    async def run() -> None:
        for name in "abc":
            assert await fresh.get(name) == name
        assert await fresh.get("c") == "c"
        assert await fresh.get("b") == "b"
        assert shelf.asked == ["a", "b", "c"]
        assert await fresh.get("a") == "a"
        assert shelf.asked == ["a", "b", "c", "a"]

    asyncio.run(run())
