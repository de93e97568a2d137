from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from largesse.engine import logic
from largesse.engine.logic import All, Either, LogicError, Truth

PLACES = {"1": 0, "2": 1, "3": 2, "4": 3}


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("1", 0),
        (" 1", 0),
        ("((1))", 0),
        ("1 and 2", All((0, 1))),
        ("1 or 2", Either((0, 1))),
        ("(1 and 2) and (3)", All((All((0, 1)), 2))),
        (" 1 AND 2 AND (  3 AND 4 )", All((0, 1, All((2, 3))))),
        ("1 and 2 or 3 and 4", Either((All((0, 1)), All((2, 3))))),
        ("1 Or 2 aNd 3", Either((0, All((1, 2))))),
        ("(1 or 2) and 3", All((Either((0, 1)), 2))),
        ("(1)and(2)\tor\n3", Either((All((0, 1)), 2))),
        ("1 and 1", All((0, 0))),
        ("", All((0, 1, 2, 3))),
        ("  ", All((0, 1, 2, 3))),
    ],
)
def test_logic_is_read(text: str, node: logic.Node) -> None:
    assert logic.read(text, PLACES) == node


def test_logic_of_no_rules_holds() -> None:
    node = logic.read("", {})
    assert node == All(())
    assert logic.holds(node, lambda place: False) is True


def test_one_rule_stands_for_itself_without_logic() -> None:
    assert logic.read("", {"7": 0}) == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5", "logic '5' names rule '5', which is not defined"),
        ("1 and", "logic '1 and' ends where a rule is expected"),
        ("and 1", "logic 'and 1' has 'and' where a rule is expected"),
        ("1 OR or 2", "logic '1 OR or 2' has 'or' where a rule is expected"),
        ("()", "logic '()' has ')' where a rule is expected"),
        ("1 2", "logic '1 2' has '2' where 'and' or 'or' is expected"),
        ("1 (2)", "logic '1 (2)' has '(' where 'and' or 'or' is expected"),
        ("(1 and 2", "logic '(1 and 2' has a bracket that is not closed"),
        ("1)", "logic '1)' closes a bracket that is not open"),
        ("1 and2", "logic '1 and2' has 'and2' where 'and' or 'or' is expected"),
        ("1 & 2", "logic '1 & 2' has '&' where 'and' or 'or' is expected"),
        ("not 1", "logic 'not 1' names rule 'not', which is not defined"),
        ("\u0661", "logic '\u0661' names rule '\u0661', which is not defined"),
        ("\0", "logic '\0' names rule '\0', which is not defined"),
        ("9" * 100, f"logic '{'9' * 60}...' names rule '{'9' * 60}...', which is not defined"),
        ("(" * 21 + "1", f"logic '{'(' * 21}1' nests brackets deeper than 20"),
        (" " * 20_000 + "1", "logic should NOT be longer than 20000 characters"),
    ],
)
def test_logic_that_cannot_be_read(text: str, reason: str) -> None:
    with pytest.raises(LogicError) as error:
        logic.read(text, PLACES)
    assert str(error.value) == reason


def test_brackets_may_nest_as_deep_as_is_said() -> None:
    assert logic.read("(" * 20 + "1" + ")" * 20, PLACES) == 0


@pytest.mark.parametrize(
    ("key", "good"),
    [("1", True), ("12", True), ("rule-1", True), ("$RULE_ID", True)]
    + [(key, False) for key in ("", "and", "OR", "1 2", "(1)", "\u0661", "1\n", "x" * 65)],
)
def test_keys_that_logic_can_name(key: str, good: bool) -> None:
    assert logic.is_key(key) is good


TRUTHS: list[tuple[str, list[Truth], Truth]] = [
    ("1 and 2", [True, True], True),
    ("1 and 2", [True, False], False),
    ("1 and 2", [None, False], False),
    ("1 and 2", [None, True], None),
    ("1 or 2", [False, True], True),
    ("1 or 2", [None, True], True),
    ("1 or 2", [None, False], None),
    ("1 or 2", [False, False], False),
    ("1", [None], None),
]


@pytest.mark.parametrize(("text", "truths", "truth"), TRUTHS)
def test_what_is_certain_is_decided(text: str, truths: list[Truth], truth: Truth) -> None:
    node = logic.read(text, PLACES)
    assert logic.holds(node, truths.__getitem__) is truth


def test_no_rule_is_asked_in_vain() -> None:
    asked = []

    def of(place: int) -> bool:
        asked.append(place)
        return place == 0

    assert logic.holds(logic.read("(1 or 2) and 3 and 4", PLACES), of) is False
    assert asked == [0, 2]


@pytest.mark.parametrize(
    ("text", "truths", "place"),
    [
        ("1 and 2 and 3", [True, False, False], 1),
        ("1 or 2", [False, False], 0),
        ("1 and (2 or 3)", [True, False, False], 1),
        ("(1 or 2) and 3", [False, True, False], 2),
        ("1 and 2", [None, False], 1),
        ("1", [False], 0),
    ],
)
def test_who_made_it_fail(text: str, truths: list[Truth], place: int) -> None:
    assert logic.culprit(logic.read(text, PLACES), truths.__getitem__) == place


# --- laws ---------------------------------------------------------------------------------------

EXPRESSIONS = st.recursive(
    st.sampled_from(list(PLACES)),
    lambda inner: (
        st.builds(
            "{} {} {}".format,
            inner,
            st.sampled_from(["and", "or", "AND", "Or"]),
            inner,
        )
        | inner.map("({})".format)
    ),
    max_leaves=12,
)
DECIDED = st.lists(st.booleans(), min_size=4, max_size=4)


@given(EXPRESSIONS, DECIDED)
def test_logic_means_what_python_means(text: str, truths: list[bool]) -> None:
    values = {f"r{key}": truths[place] for key, place in PLACES.items()}
    program = text.lower()
    for key in PLACES:
        program = program.replace(key, f"r{key}")
    assert logic.holds(logic.read(text, PLACES), truths.__getitem__) is eval(program, values)


@given(EXPRESSIONS, st.lists(st.sampled_from([True, False, None]), min_size=4, max_size=4))
def test_undecided_is_only_what_could_still_turn(text: str, truths: list[Truth]) -> None:
    node = logic.read(text, PLACES)
    worst = logic.holds(node, lambda place: truths[place] or False)
    best = logic.holds(node, lambda place: truths[place] is not False)
    assert logic.holds(node, truths.__getitem__) is (worst if worst is best else None)


@given(EXPRESSIONS, EXPRESSIONS, DECIDED)
def test_sides_may_be_swapped(left: str, right: str, truths: list[bool]) -> None:
    for word in ("and", "or"):
        one = logic.read(f"({left}) {word} ({right})", PLACES)
        other = logic.read(f"({right}) {word} ({left})", PLACES)
        assert logic.holds(one, truths.__getitem__) is logic.holds(other, truths.__getitem__)


@given(EXPRESSIONS, DECIDED)
def test_who_made_it_fail_did_fail(text: str, truths: list[bool]) -> None:
    node = logic.read(text, PLACES)
    if not logic.holds(node, truths.__getitem__):
        assert truths[logic.culprit(node, truths.__getitem__)] is False


@given(st.text(st.sampled_from("12 ()andorANDOR\n\0x"), max_size=60) | st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        node = logic.read(text, PLACES)
    except LogicError:
        return
    assert set(logic.named(node)) <= set(PLACES.values())
