from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from largesse.kit import csv
from largesse.kit.errors import InvalidPayload

CELLS = st.text(alphabet=st.sampled_from("ab,\"'=+-@\t\r\n \x00é😀"), max_size=6) | st.text(
    max_size=4
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@pytest.mark.parametrize(
    ("content", "header", "rows"),
    [
        (b"a,b\n1,2\n3,4\n", ["a", "b"], [["1", "2"], ["3", "4"]]),
        (b"a,b\r\n1,2", ["a", "b"], [["1", "2"]]),
        (b"a\r1\r2", ["a"], [["1"], ["2"]]),
        # A spreadsheet's mark of UTF-8 is no part of the first name.
        (b"\xef\xbb\xbfa,b\n1,2\n", ["a", "b"], [["1", "2"]]),
        (b" a , b \n 1 , 2 \n", ["a", "b"], [[" 1 ", " 2 "]]),
        (b'"a","b ""c"""\n"1,\n2","\xc3\xbc"\n', ["a", 'b "c"'], [["1,\n2", "ü"]]),
        (b"a,b\n\n1,2\n\n", ["a", "b"], [["1", "2"]]),
        (b"a,b\n1\n1,2,3\n,\n", ["a", "b"], [["1"], ["1", "2", "3"], ["", ""]]),
        (b"a,,b\n", ["a", "", "b"], []),
        (b"a", ["a"], []),
        (b"a;b\n1;2\n", ["a;b"], [["1;2"]]),
        (b'a\nit"s\n', ["a"], [['it"s']]),
    ],
)
def test_read(content: bytes, header: list[str], rows: list[list[str]]) -> None:
    found, cells = csv.read(content)
    assert (found, list(cells)) == (header, rows)


@pytest.mark.parametrize(
    ("content", "details"),
    [
        (b"", "The file has no header"),
        (b"\n1,2\n", "The file has no header"),
        (b",,\n1,2,3\n", "The file has no header"),
        (b"  \n1\n", "The file has no header"),
        (b"a\n\xff\n", "The file is not valid UTF-8 (byte 2)"),
        ("a\nü\n".encode("latin-1"), "The file is not valid UTF-8 (byte 2)"),
        ("a\n1\n".encode("utf-16"), "The file is not valid UTF-8 (byte 0)"),
        (
            b"x" * 200_000 + b"\n1\n",
            "The file is not valid CSV: field larger than field limit (131072)",
        ),
        (
            b"a\n1\n" + b"x" * 200_000 + b"\n3\n",
            "The file is not valid CSV in row 2: field larger than field limit (131072)",
        ),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_csv(content: bytes, details: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        list(csv.read(content)[1])
    assert caught.value.details == details


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (None, ""),
        ("", ""),
        ("a", "a"),
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (-5, "-5"),
        (-1.5, "-1.5"),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("a=1", "a=1"),
        ("'=1", "'=1"),
        ("ü", "ü"),
    ],
)
def test_safe(cell: object, expected: str) -> None:
    assert csv.safe(cell) == expected


def test_lines() -> None:
    rows = [("row", "error"), (1, None), (2, '=HYPERLINK("x")'), (3, "a, b\nc")]
    expected = b'row,error\r\n1,\r\n2,"\'=HYPERLINK(""x"")"\r\n3,"a, b\nc"\r\n'
    assert csv.lines(rows) == expected
    # Bare, a carriage return would be the end of a row to others, and a formula after it one.
    assert csv.lines([("a\r=1", "b")]) == b'"a\r=1",b\r\n'
    assert csv.lines([]) == b""


@given(CELLS)
def test_no_text_leaves_as_a_formula(cell: str) -> None:
    found = csv.safe(cell)
    assert not found.startswith(FORMULA)
    assert found.removeprefix("'") == cell.removeprefix("'")


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=5))
def test_what_is_written_is_read_again(rows: list[list[str]]) -> None:
    header, cells = csv.read(csv.lines([("a", "b"), *rows]))
    assert header == ["a", "b"]
    assert list(cells) == [[csv.safe(cell) for cell in row] for row in rows]


@given(st.binary() | st.text(alphabet='a,"\n\r\x00').map(str.encode))
def test_any_bytes_are_a_table_or_refused(content: bytes) -> None:
    try:
        header, rows = csv.read(content)
        cells = [cell for row in rows for cell in row]
    except InvalidPayload as problem:
        assert (problem.details or "").startswith("The file ")
        return
    assert any(header)
    assert all(isinstance(cell, str) for cell in cells)
