"""Identifiers with the reference's prefixes, lengths and alphabets.

Two families: random base62, and 18 hex digits that sort by time (42 bits of milliseconds since
2016-05-04T00:00:00Z, then 30 bits that grow within a millisecond).
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
EPOCH_MS = int(datetime(2016, 5, 4, tzinfo=UTC).timestamp() * 1000)

# 256 is no multiple of 62: the first eight characters come up 5 times in 256 instead of 4, which
# costs 0.01 bit a character and saves a division a character.
_TO_BASE62 = bytes(ord(ALPHABET[byte % 62]) for byte in range(256))
_COUNTER_BITS = 30

RANDOM_LENGTHS = {
    "cust_": 24,
    "seg_": 24,
    "del_": 24,
    "proj_": 8,
    "ord_": 24,
    "ms_": 24,
    "pc_": 24,
    "loc_": 24,
    "exp_": 24,
    "val_": 12,
    "asgm_": 16,
    "camp_": 24,
    "camp_tpl_": 24,
    "v_": 32,
    "promo_": 24,
    "stack_": 24,
    "ssn_": 32,
    "qfl_": 24,
}
TIMED_PREFIXES = frozenset(
    {
        "v-",
        "w-",
        "aa_",
        "evcus_",
        "rh_",
        "prod_",
        "sku_",
        "cat_",
        "tbe_",
        "event_",
        "vtx_",
        "arsca_",
        "r_",
        "rf_",
        "rr_",
        "rrf_",
        "valid_",
        "stk_",
    }
)

Entropy = Callable[[int], bytes]


def base62(length: int, entropy: Entropy = os.urandom) -> str:
    return entropy(length).translate(_TO_BASE62).decode()


def _stock() -> Entropy:
    """The system's bytes, fetched 4 KiB at a time: a call into the kernel costs more than an id."""
    stock, used = b"", 0

    def take(count: int) -> bytes:
        nonlocal stock, used
        if used + count > len(stock):
            stock, used = os.urandom(max(4096, count)), 0
        used += count
        return stock[used - count : used]

    return take


class Ids:
    """Makes ids from a clock in milliseconds and a source of bytes; both can be replayed."""

    def __init__(self, clock_ms: Callable[[], int], entropy: Entropy | None = None) -> None:
        self._clock_ms = clock_ms
        self._entropy = entropy or _stock()
        self._last = 0

    def new(self, prefix: str) -> str:
        length = RANDOM_LENGTHS.get(prefix)
        if length is not None:
            return prefix + base62(length, self._entropy)
        if prefix not in TIMED_PREFIXES:
            raise KeyError(prefix)
        return f"{prefix}{self._timed():018x}"

    def noise(self, count: int) -> bytes:
        """So many bytes that nobody can foretell."""
        return self._entropy(count)

    def _timed(self) -> int:
        start = (self._clock_ms() - EPOCH_MS) << _COUNTER_BITS
        if self._last >> _COUNTER_BITS >= start >> _COUNTER_BITS:
            self._last += 1
        else:
            # A random start keeps two processes apart within a millisecond; the upper quarter
            # stays free for growth.
            self._last = start + int.from_bytes(self._entropy(4)) % (3 << (_COUNTER_BITS - 2))
        return self._last


def app_id() -> str:
    return str(uuid.uuid4())


def key() -> bytes:
    """A key to sign with."""
    return os.urandom(32)


def secret() -> str:
    """An application token: 36 characters, more than 200 bits."""
    return base62(36)


_CUSTOMER_ID = re.compile(r"cust_[0-9A-Za-z]{24}\Z")
# Shops that move in bring ids of both families with them.
_ID = re.compile(r"(?:[0-9a-f]{18}|[0-9A-Za-z]{12,32})\Z")


def is_customer_id(text: str) -> bool:
    return _CUSTOMER_ID.match(text) is not None


def is_id(text: str, prefix: str) -> bool:
    """Whether a text could be an id with this prefix, of either family."""
    return text.startswith(prefix) and _ID.match(text, len(prefix)) is not None
