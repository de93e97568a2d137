"""Who is asking: credentials of a request, the principal they stand for, and what it may do.

Secrets are random and long, so one SHA-256 is the right hash: there is nothing to guess.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar
from urllib.parse import SplitResult, urlsplit

import msgspec

from largesse.kit.errors import Forbidden, Unauthorized

SERVER, CLIENT, MANAGEMENT, PUBLIC = "server", "client", "management", "public"

# The reference's, 42 of them: a token has one or more.
SCOPES = frozenset(
    {
        "api",
        "assets",
        "async-actions",
        "campaigns",
        "categories",
        "client_api",
        "client_consents",
        "client_customers",
        "client_events",
        "client_promotions",
        "client_publish",
        "client_qualifications",
        "client_redeem",
        "client_redemptions",
        "client_validate",
        "client_validations",
        "client_vouchers",
        "consents",
        "customers",
        "events",
        "exports",
        "locations",
        "loyalties",
        "metadata-schemas",
        "orders",
        "product-collections",
        "products",
        "promotions",
        "publications",
        "qualifications",
        "redemptions",
        "referrals",
        "rewards",
        "segments",
        "skus",
        "task-results",
        "templates",
        "trash-bin",
        "validation-rules",
        "validation-rules-assignments",
        "validations",
        "vouchers",
    }
)
WHOLE_API = {SERVER: "api", CLIENT: "client_api"}

# Where each kind of key travels; a key shown in another kind's headers is no key.
KEY_HEADERS = {
    SERVER: (b"x-app-id", b"x-app-token"),
    CLIENT: (b"x-client-application-id", b"x-client-token"),
    MANAGEMENT: (b"x-management-id", b"x-management-token"),
}

T = TypeVar("T")


def hash_secret(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def same_secret(secret: str, hashed: bytes) -> bool:
    return hmac.compare_digest(hash_secret(secret), hashed)


def sign(secret: bytes, *parts: str) -> str:
    """A signature for a link: 43 characters that only the holder of `secret` can make."""
    digest = hmac.digest(secret, "\n".join(parts).encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def same_signature(signature: str, secret: bytes, *parts: str) -> bool:
    return hmac.compare_digest(signature.encode(), sign(secret, *parts).encode())


def seal(secret: bytes, purpose: str, text: str) -> str:
    """A text that only the holder of `secret` can read, always the same for the same text: its
    signature, and the text hidden by what follows from that.
    """
    plain = text.encode()
    signature = _signature(secret, purpose, plain)
    return base64.urlsafe_b64encode(signature + _hidden(secret, purpose, signature, plain)).decode()


def unseal(secret: bytes, purpose: str, sealed: str) -> str | None:
    """The text that was sealed; None where nothing was, or under another secret."""
    try:
        raw = base64.b64decode(sealed, altchars=b"-_", validate=True)
    except ValueError:
        return None
    signature, hidden = raw[:_SIGNED], raw[_SIGNED:]
    plain = _hidden(secret, purpose, signature, hidden)
    if len(signature) < _SIGNED or not hmac.compare_digest(
        signature, _signature(secret, purpose, plain)
    ):
        return None
    return plain.decode()


_SIGNED = 16


def _signature(secret: bytes, purpose: str, plain: bytes) -> bytes:
    return hmac.digest(secret, b"sign\n" + purpose.encode() + b"\n" + plain, "sha256")[:_SIGNED]


def _hidden(secret: bytes, purpose: str, signature: bytes, text: bytes) -> bytes:
    """A text hidden, or shown again, by a stream of bytes that begins from its signature."""
    start = b"hide\n" + purpose.encode() + b"\n" + signature
    blocks = range((len(text) + 31) // 32)
    stream = b"".join(
        hmac.digest(secret, start + number.to_bytes(4), "sha256") for number in blocks
    )
    return bytes(one ^ other for one, other in zip(text, stream, strict=False))


class Principal(msgspec.Struct, frozen=True):
    """`scopes` is None for a key, which may call all of its own side; a token has a set."""

    kind: str
    key_id: str
    project_id: str | None
    ips: tuple[str, ...] = ()
    scopes: frozenset[str] | None = None

    def require(self, kind: str, scope: str | None) -> None:
        """Raises Forbidden unless a token's scopes cover an operation of this kind and scope."""
        if self.scopes is None or not self.scopes.isdisjoint({WHOLE_API.get(kind), scope}):
            return
        raise Forbidden(f"The token lacks the scope {scope or WHOLE_API.get(kind)}")

    def require_ip(self, ip: str) -> None:
        """Raises Forbidden where the key has a list of addresses and this is not on it."""
        if self.ips and not ip_allowed(ip, self.ips):
            raise Forbidden("The address is not on the key's list")


class Credentials(msgspec.Struct, frozen=True):
    """A key's id and secret, or a bearer token (then `id` is empty)."""

    kind: str
    id: str
    secret: str


def credentials(headers: Mapping[bytes, bytes], kind: str) -> Credentials:
    """What a request shows for an operation of this kind. Keys win over a token.

    Raises Unauthorized where it shows nothing.
    """
    id_header, secret_header = KEY_HEADERS[kind]
    key_id, secret = headers.get(id_header), headers.get(secret_header)
    if key_id is not None and secret is not None:
        if not (name := _text(key_id)):
            raise Unauthorized
        return Credentials(kind, name, _text(secret))
    token = bearer(headers) if kind != MANAGEMENT else ""
    if token:
        return Credentials(kind, "", token)
    raise Unauthorized


def bearer(headers: Mapping[bytes, bytes]) -> str:
    """The token in `Authorization` or `X-Voucherify-OAuth`, the latter with or without `Bearer`."""
    words = _text(headers.get(b"authorization", b"")).split()
    if len(words) == 2 and words[0].lower() == "bearer":
        return words[1]
    words = _text(headers.get(b"x-voucherify-oauth", b"")).split()
    if words and words[0].lower() == "bearer":
        words = words[1:]
    return words[0] if len(words) == 1 else ""


def _text(value: bytes) -> str:
    text = value.decode("utf-8", "replace").strip()
    if "\x00" in text:
        raise Unauthorized
    return text


def ip_allowed(ip: str, allowed: tuple[str, ...]) -> bool:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ipaddress.ip_network(entry) for entry in allowed)


def _split(address: str) -> SplitResult | None:
    """None for what is no address at all, such as `http://[`."""
    try:
        return urlsplit(address.lower())
    except ValueError:
        return None


def origin_allowed(origin: str, trusted: list[str]) -> bool:
    """Whether a page of `origin` may call. An entry is an origin, a host, `*.host` or `*`."""
    asked = _split(origin)
    for entry in trusted:
        entry = entry.strip().lower()
        if entry == "*":
            return True
        wanted = _split(entry if "//" in entry else f"//{entry}")
        if asked is None or wanted is None or not (asked.netloc and wanted.netloc):
            continue
        if wanted.scheme and wanted.scheme != asked.scheme:
            continue
        host = asked.netloc
        if wanted.netloc.startswith("*."):
            if host.endswith(wanted.netloc[1:]):
                return True
        elif wanted.netloc == host:
            return True
    return False


class Fresh(Generic[T]):
    """Remembers what a lookup found for a second, so that every worker sees a change within one.

    Misses are not remembered: a key works as soon as it exists.
    """

    def __init__(
        self,
        find: Callable[[str], Awaitable[T | None]],
        seconds: float = 1.0,
        size: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find = find
        self._seconds = seconds
        self._size = size
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, T]] = OrderedDict()

    async def get(self, name: str) -> T | None:
        known = self._known.get(name)
        if known is not None and self._clock() < known[0]:
            return known[1]
        asked = self._clock()
        found = await self._find(name)
        if found is None:
            self._known.pop(name, None)
            return None
        self._known[name] = (asked + self._seconds, found)
        self._known.move_to_end(name)
        if len(self._known) > self._size:
            self._known.popitem(last=False)
        return found
