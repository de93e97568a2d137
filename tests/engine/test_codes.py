from __future__ import annotations

import random
import re
from collections import Counter
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from largesse.engine import codes
from largesse.engine.codes import CHARSET, CodeConfig, CodeError, Supply, permuted

DIGITS = "0123456789"


def noise(seed: int = 1) -> codes.Entropy:
    return random.Random(seed).randbytes


def taken_all(supply: Supply, batch: int = 7) -> list[str]:
    found: list[str] = []
    refused = 0
    while taken := supply.take(batch, refused):
        new = [code for code in dict.fromkeys(taken) if code not in found]
        refused = len(taken) - len(new)
        found += new
    return found


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (None, {"length": 8, "charset": CHARSET, "pattern": "########"}),
        ({}, {"length": 8, "charset": CHARSET, "pattern": "########"}),
        (
            dict.fromkeys(["length", "charset", "pattern", "prefix", "postfix", "initial_count"]),
            {"length": 8, "charset": CHARSET, "pattern": "########"},
        ),
        (
            {"pattern": "10OFF-#######"},
            {"length": 7, "charset": CHARSET, "pattern": "10OFF-#######"},
        ),
        (
            {"prefix": "$20OFFORDER-"},
            {"length": 8, "charset": CHARSET, "pattern": "########", "prefix": "$20OFFORDER-"},
        ),
        (
            {"length": 9, "prefix": "Discount-", "postfix": "YY"},
            {
                "length": 9,
                "charset": CHARSET,
                "pattern": "#########",
                "prefix": "Discount-",
                "postfix": "YY",
            },
        ),
        (
            {"pattern": "##", "length": 2, "charset": "xD", "prefix": "U-", "postfix": "-WOT"},
            {"length": 2, "charset": "xD", "pattern": "##", "prefix": "U-", "postfix": "-WOT"},
        ),
        # The pattern overrides the length.
        ({"length": 0, "pattern": "ALL"}, {"length": 0, "charset": CHARSET, "pattern": "ALL"}),
        ({"length": 5, "pattern": "A#"}, {"length": 1, "charset": CHARSET, "pattern": "A#"}),
        ({"length": "3", "charset": "aab"}, {"length": 3, "charset": "aab", "pattern": "###"}),
        ({"length": 3.0, "pattern": ""}, {"length": 3, "charset": CHARSET, "pattern": "###"}),
        ({"prefix": "", "postfix": ""}, {"length": 8, "charset": CHARSET, "pattern": "########"}),
        ({"length": 255}, {"length": 255, "charset": CHARSET, "pattern": "#" * 255}),
    ],
)
def test_a_config_is_answered_whole(sent: Any, answered: dict[str, Any]) -> None:
    config = codes.read(sent)
    assert msgspec.to_builtins(config) == answered
    assert codes.read(answered) == config
    assert msgspec.convert(answered, CodeConfig) == config


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ([], " should be object"),
        ("########", " should be object"),
        ({"length": 0}, ".length should be from 1 to 255"),
        ({"length": -1}, ".length should be from 1 to 255"),
        ({"length": 256}, ".length should be from 1 to 255"),
        ({"length": 10**400}, ".length should be from 1 to 255"),
        ({"length": 8.5}, ".length should be a whole number"),
        ({"length": float("nan")}, ".length should be a whole number"),
        ({"length": float("inf")}, ".length should be a whole number"),
        ({"length": True}, ".length should be a whole number"),
        ({"length": "\u0663"}, ".length should be a whole number"),
        ({"length": "9" * 10}, ".length should be a whole number"),
        ({"length": [8], "pattern": "###"}, ".length should be a whole number"),
        ({"charset": ""}, ".charset should have 1 to 256 characters"),
        ({"charset": "a" * 257}, ".charset should have 1 to 256 characters"),
        ({"charset": 5}, ".charset should be string"),
        ({"charset": "ab cd"}, ".charset has characters that codes cannot be drawn from"),
        ({"charset": "ab\u0130"}, ".charset has characters that codes cannot be drawn from"),
        ({"charset": "ab\x00"}, ".charset has characters that cannot be printed"),
        ({"pattern": "##\n"}, ".pattern has characters that cannot be printed"),
        ({"pattern": ["##"]}, ".pattern should be string"),
        ({"prefix": "\ud800"}, ".prefix has characters that cannot be printed"),
        ({"postfix": "\u202e"}, ".postfix has characters that cannot be printed"),
        ({"pattern": "#" * 256}, " makes codes of more than 255 characters"),
        ({"length": 250, "prefix": "abc", "postfix": "xyz"}, " makes codes of more than 255 chara"),
    ],
)
def test_configs_that_are_refused(sent: Any, reason: str) -> None:
    with pytest.raises(CodeError) as error:
        codes.read(sent, ".voucher.code_config")
    assert str(error.value).startswith(f"Property .voucher.code_config{reason}")


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
members = st.fixed_dictionaries(
    {},
    optional={
        "length": st.integers(-2, 300) | json,
        "charset": st.text(max_size=10) | json,
        "pattern": st.text("#Ab-%{", max_size=9) | json,
        "prefix": st.text(max_size=5) | json,
        "postfix": st.text("%s{}#", max_size=5) | json,
    },
)


@given(members | json)
@settings(max_examples=300, deadline=None)
def test_whatever_is_sent_is_read_or_refused(sent: Any) -> None:
    try:
        config = codes.read(sent)
    except CodeError:
        return
    assert config.length == config.pattern.count("#")
    assert codes.read(msgspec.to_builtins(config)) == config
    (code,) = Supply(config, noise()).take(1)
    prefix, postfix = config.prefix or "", config.postfix or ""
    drawn = "|".join(map(re.escape, config.charset))
    middle = "".join(f"(?:{drawn})" if c == "#" else re.escape(c) for c in config.pattern)
    assert re.fullmatch(re.escape(prefix) + middle + re.escape(postfix), code)
    assert len(code) <= 255


# --- counting -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "distinct", "folded"),
    [
        ({}, 62**8, 36**8),
        ({"pattern": "##", "charset": "xD"}, 4, 4),
        ({"pattern": "##", "charset": "xXD"}, 9, 4),
        ({"pattern": "##", "charset": "aaab"}, 4, 4),
        ({"pattern": "A-#", "charset": "\u03c3\u03c2\u03a3"}, 3, 1),
        ({"pattern": "SUMMER"}, 1, 1),
        ({"length": 255}, 62**255, 36**255),
    ],
)
def test_capacity(sent: dict[str, Any], distinct: int, folded: int) -> None:
    config = codes.read(sent)
    assert codes.capacity(config) == distinct
    assert codes.capacity(config, folded=True) == folded


def test_whether_a_pattern_gives_enough() -> None:
    two_digits = codes.read({"pattern": "A-##", "charset": DIGITS})
    assert codes.enough(two_digits, 100)
    assert not codes.enough(two_digits, 101)
    assert codes.enough(two_digits, 90, 10)
    assert not codes.enough(two_digits, 90, 11)
    cased = codes.read({"pattern": "#", "charset": "aA"})
    assert codes.enough(cased, 2)
    assert not codes.enough(cased, 2, folded=True)


# --- drawing ------------------------------------------------------------------------------------


def test_all_codes_of_a_small_pattern() -> None:
    config = codes.read({"pattern": "##", "charset": "xD", "prefix": "U-", "postfix": "-WOT"})
    found = taken_all(Supply(config, noise()))
    assert sorted(found) == ["U-DD-WOT", "U-Dx-WOT", "U-xD-WOT", "U-xx-WOT"]


@pytest.mark.parametrize("pattern", ["%d-%s#", "{0}#{}", "#%%#", "%c"])
def test_signs_of_formats_are_plain_text(pattern: str) -> None:
    config = codes.read({"pattern": pattern, "charset": "7", "prefix": "3%", "postfix": "#{"})
    assert taken_all(Supply(config, noise())) == ["3%" + pattern.replace("#", "7") + "#{"]


def test_codes_that_differ_in_case_only_are_one_where_case_is_ignored() -> None:
    config = codes.read({"pattern": "##", "charset": "aAbBC1"})
    found = taken_all(Supply(config, noise(), folded=True))
    assert sorted(found) == sorted(one + other for one in "abC1" for other in "abC1")


def test_codes_of_one_call_are_different() -> None:
    config = codes.read({"pattern": "######", "charset": DIGITS})
    found = Supply(config, noise()).take(400_000)
    assert len(set(found)) == 400_000
    assert all(re.fullmatch("[0-9]{6}", code) for code in found)


def test_nine_of_ten_codes_take_no_try_more_than_there_are_codes() -> None:
    config = codes.read({"pattern": "##", "charset": DIGITS})
    found = Supply(config, noise()).take(90)
    assert len(set(found)) == 90


@pytest.mark.parametrize(
    ("charset", "length", "count"),
    [
        (DIGITS, 250, 4),
        (CHARSET, 248, 4),
        (CHARSET + "\u017c\u0142", 128, 8),
        ("ab", 128, 8),
        ("abc", 255, 4),
    ],
)
def test_every_character_is_as_likely_as_any_other(charset: str, length: int, count: int) -> None:
    """Every byte comes four times here, in some order; so many codes use up all that are fair."""
    dice = random.Random(1)
    rounds = b"".join(bytes(dice.sample(range(256), 256)) for _ in range(5))
    config = codes.read({"length": length, "charset": charset})
    letters = "".join(Supply(config, lambda asked: rounds[:asked]).take(count))
    assert Counter(letters) == dict.fromkeys(charset, length * count // len(charset))


def test_other_noise_gives_other_codes() -> None:
    config = codes.read({})
    one, other = (set(Supply(config, noise(seed)).take(1000)) for seed in (1, 2))
    assert not one & other
    assert Supply(config, noise(1)).take(5) == Supply(config, noise(1)).take(5)
    small = codes.read({"pattern": "###", "charset": DIGITS})
    walks = [taken_all(Supply(small, noise(seed)), 1000) for seed in (1, 2)]
    assert sorted(walks[0]) == sorted(walks[1])
    assert walks[0] != walks[1]


@given(
    charset=st.text("abcABC123", min_size=1, max_size=9),
    length=st.integers(0, 3),
    folded=st.booleans(),
    batch=st.integers(1, 100),
    seed=st.integers(0, 2**32),
    share=st.floats(0, 1),
)
@settings(max_examples=150, deadline=None)
def test_a_store_gets_all_that_are_left_though_it_is_killed(
    charset: str, length: int, folded: bool, batch: int, seed: int, share: float
) -> None:
    config = codes.read({"pattern": "X" + "#" * length, "charset": charset})
    capacity = codes.capacity(config, folded=folded)
    dice = random.Random(seed)
    everything = taken_all(Supply(config, noise(seed), folded=folded), 1000)
    assert len(everything) == capacity
    in_use = {code for code in everything if dice.random() < share}
    for killed in (True, False):
        supply, refused, tried = Supply(config, dice.randbytes, folded=folded), 0, 0
        missing = capacity - len(in_use)
        enough = missing // 2 if killed else 0
        while missing > enough and (taken := supply.take(min(missing, batch), refused)):
            before = len(in_use)
            in_use.update(taken)
            kept = len(in_use) - before
            refused, missing = len(taken) - kept, missing - kept
            tried += len(taken)
        assert missing <= enough
        assert tried <= 3 * capacity + batch
    assert in_use == set(everything)
    assert len({code.lower() if folded else code for code in in_use}) == capacity


def test_the_end_is_known_when_all_are_in_use() -> None:
    config = codes.read({"pattern": "##", "charset": DIGITS})
    supply = Supply(config, noise())
    drawn = supply.take(10)
    walked: list[str] = []
    while taken := supply.take(10, 10):
        walked += taken
    assert len(drawn) == 10
    assert sorted(walked) == [f"{number:02}" for number in range(100)]


def test_a_crowded_pattern_gives_its_last_ones() -> None:
    config = codes.read({"pattern": "####", "charset": DIGITS})
    free = {"0000", "4711", "9999"}
    supply, refused, found = Supply(config, noise()), 0, set()
    while taken := supply.take(500, refused):
        new = set(taken) & free
        refused = len(taken) - len(new)
        found |= new
    assert found == free


# --- the walk -----------------------------------------------------------------------------------


@given(st.integers(1, 3000), st.binary(min_size=32, max_size=32))
@settings(max_examples=30, deadline=None)
def test_a_permutation_has_every_number_once(size: int, key: bytes) -> None:
    assert sorted(permuted(size, key)) == list(range(size))


def test_a_permutation_is_its_keys_own() -> None:
    one, other = (list(permuted(1000, bytes([key]) * 32)) for key in (1, 2))
    assert one == list(permuted(1000, b"\1" * 32))
    # Of 1000 numbers in random order about one stands in its place, and one where another order
    # has it.
    assert sum(place == number for place, number in enumerate(one)) < 10
    assert sum(map(int.__eq__, one, other)) < 10
    steps = Counter((b - a) % 1000 for a, b in pairwise(one))
    assert max(steps.values()) < 12


def test_a_permutation_of_very_many_begins_at_once() -> None:
    walk = permuted(62**255, b"k")
    assert len({next(walk) for _ in range(100)}) == 100
