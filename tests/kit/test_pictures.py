from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from itertools import groupby
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from largesse.kit import pictures
from largesse.kit.pictures import MOST_PIXELS, Modules, PictureError

HOSTILE = [
    '"><script>alert(1)</script>',
    "a\nb\tc",
    "'&lt;]]>",
    "%s{0}\\",
    "\x00\x1f\x7f",
    "x" * 255,
]

# --- reading pictures back ----------------------------------------------------------------------


def from_png(image: bytes) -> tuple[int, int, list[str]]:
    """Width, height and the lines of a PNG in black and white, 1 being black."""
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, rest = {}, image[8:]
    while rest:
        (length,) = struct.unpack(">I", rest[:4])
        kind, data = rest[4:8], rest[8 : 8 + length]
        (checksum,) = struct.unpack(">I", rest[8 + length : 12 + length])
        assert checksum == zlib.crc32(kind + data)
        chunks[kind] = data
        rest = rest[12 + length :]
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, color, *methods = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, color, methods) == (1, 0, [0, 0, 0])
    data = zlib.decompress(chunks[b"IDAT"])
    step = 1 + (width + 7) // 8
    assert len(data) == step * height
    lines = []
    for start in range(0, len(data), step):
        assert data[start] == 0
        bits = "".join(f"{byte:08b}" for byte in data[start + 1 : start + step])
        lines.append(bits[:width].translate(str.maketrans("01", "10")))
    return width, height, lines


def from_svg(drawing: bytes) -> tuple[int, int, list[str]]:
    """The pixels that a drawing measures, and its modules line by line, 1 being dark."""
    root = ElementTree.fromstring(drawing)
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{space}svg"
    left, top, width, height = map(int, root.attrib["viewBox"].split())
    assert (left, top) == (0, 0)
    ground, dark = root
    assert {ground.tag, dark.tag} == {f"{space}path"}
    assert ground.attrib == {"fill": "#fff", "d": f"M0 0h{width}v{height}h-{width}z"}
    lines = [["0"] * width for _ in range(height)]
    shape = re.compile(r"M(\d+) (\d+)h(\d+)v(\d+)h-(\d+)z")
    assert re.fullmatch(f"(?:{shape.pattern})*", dark.attrib["d"])
    for x, y, wide, deep, back in (map(int, found) for found in shape.findall(dark.attrib["d"])):
        assert wide == back
        for line in lines[y : y + deep]:
            assert line[x : x + wide] == ["0"] * wide
            line[x : x + wide] = ["1"] * wide
    pixels = int(root.attrib["width"]), int(root.attrib["height"])
    return *pixels, ["".join(line) for line in lines]


def lines_of(modules: Modules) -> list[str]:
    return ["".join(map(str, row)) for row in modules]


# The widths of bars and gaps of the 103 symbols of Code 128, its three starts and its stop.
WIDTHS = re.findall(
    r"\S+",
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 "
    "122132 122231 113222 123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 "
    "321221 312212 322112 322211 212123 212321 232121 111323 131123 131321 112313 132113 132311 "
    "211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 213113 "
    "213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 111422 "
    "121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 "
    "241112 134111 111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 "
    "412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 411131 211412 "
    "211214 211232 2331112",
)


def from_bars(line: str) -> str:
    """The text that a line through a Code 128 carries."""
    quiet = line.index("1")
    assert quiet >= 10
    assert line[-quiet:] == "0" * quiet
    runs = "".join(str(len(list(run))) for _, run in groupby(line[quiet:-quiet]))
    start, *symbols = (WIDTHS.index(runs[at : at + 6]) for at in range(0, len(runs) - 7, 6))
    assert runs[-7:] == WIDTHS[-1]
    *symbols, checksum = symbols
    weighted = sum(place * symbol for place, symbol in enumerate(symbols, 1))
    assert checksum == (start + weighted) % 103
    charset, text = {103: "A", 104: "B", 105: "C"}[start], ""
    for symbol in symbols:
        if symbol in (99, 100, 101) and "CBA"[symbol - 99] != charset:
            charset = "CBA"[symbol - 99]
        elif charset == "C":
            text += f"{symbol:02}"
        else:
            assert symbol < 96
            text += chr(symbol - 64 if charset == "A" and symbol >= 64 else symbol + 32)
    return text


MASKS = [
    lambda i, j: (i + j) % 2,
    lambda i, j: i % 2,
    lambda i, j: j % 3,
    lambda i, j: (i + j) % 3,
    lambda i, j: (i // 2 + j // 3) % 2,
    lambda i, j: i * j % 2 + i * j % 3,
    lambda i, j: (i * j % 2 + i * j % 3) % 2,
    lambda i, j: ((i + j) % 2 + i * j % 3) % 2,
]


def from_qr(lines: list[str]) -> str:
    """The text of a QR code of the smallest size, read without the correction of errors."""
    assert {line[:4] + line[-4:] for line in lines} | set(lines[:4] + lines[-4:]) == {
        "0" * 8,
        "0" * 29,
    }
    grid = [line[4:-4] for line in lines[4:-4]]
    assert {len(grid), *map(len, grid)} == {21}
    places = [(8, j) for j in (0, 1, 2, 3, 4, 5, 7, 8)] + [(i, 8) for i in (7, 5, 4, 3, 2, 1, 0)]
    form = int("".join(grid[i][j] for i, j in places), 2) ^ 0b101010000010010
    mask = MASKS[form >> 10 & 7]
    bits, upward = "", True
    for right in (20, 18, 16, 14, 12, 10, 8, 5, 3, 1):
        for i in reversed(range(21)) if upward else range(21):
            for j in (right, right - 1):
                if i == 6 or (i < 9 and (j < 9 or j > 12)) or (i > 12 and j < 9):
                    continue
                bits += str(int(grid[i][j]) ^ (mask(i, j) == 0))
        upward = not upward

    def take(count: int) -> int:
        nonlocal bits
        taken, bits = bits[:count], bits[count:]
        return int(taken, 2)

    kind = take(4)
    if kind == 1:
        left, text = take(10), ""
        while left:
            digits = min(3, left)
            text += f"{take(1 + 3 * digits):0{digits}}"
            left -= digits
        return text
    if kind == 2:
        signs = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
        left, text = take(9), ""
        while left > 1:
            pair = take(11)
            text += signs[pair // 45] + signs[pair % 45]
            left -= 2
        return text + signs[take(6)] if left else text
    assert kind == 4
    return bytes(take(8) for _ in range(take(8))).decode()


# --- QR -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "10OFF-7",
        "12345678",
        "SUMMER-2026",
        "lower",
        "żółć",
        "あい",
        "点茗",
        "😀",
        "a\nb",
        "<\"&'>",
    ],
)
def test_a_qr_code_carries_any_text(text: str) -> None:
    assert from_qr(lines_of(pictures.qr(text))) == text


@pytest.mark.parametrize("text", [*HOSTILE, "ż" * 255, "😀" * 255])
def test_longer_texts_make_larger_qr_codes(text: str) -> None:
    rows = pictures.qr(text)
    assert {len(row) for row in rows} == {len(rows)}
    # Of the 40 sizes one, with the quiet zone of four modules on each side.
    assert len(rows) - 8 in range(21, 178, 4)
    assert {*rows[3], *rows[-4]} == {0}
    # A finder in the corner.
    assert rows[4][4:12] == bytes([1, 1, 1, 1, 1, 1, 1, 0])


@pytest.mark.parametrize("text", ["x" * 2332, "ż" * 1166, "\ud800", "あ" * 100_000])
def test_texts_that_no_qr_code_carries(text: str) -> None:
    assert len(pictures.qr("x" * 2331)) == 177 + 8
    with pytest.raises(PictureError, match="A QR code carries up to 2331 bytes of Unicode"):
        pictures.qr(text)


# --- barcodes -----------------------------------------------------------------------------------


@given(
    st.text("0123456789ABab\n\x1f~ ", min_size=1, max_size=40)
    | st.text(st.characters(max_codepoint=127), min_size=1, max_size=255)
)
@settings(max_examples=200, deadline=None)
def test_a_barcode_carries_any_ascii_text(text: str) -> None:
    rows = pictures.barcode(text)
    (line,) = set(lines_of(rows))
    assert from_bars(line) == text


@pytest.mark.parametrize("text", ["", "żółć", "CODE-é", "\u0660", "\xf1", "😀"])
def test_texts_that_no_barcode_carries(text: str) -> None:
    with pytest.raises(PictureError, match="one or more ASCII characters"):
        pictures.barcode(text)


@pytest.mark.parametrize("text", ["99", "9912", "A99991", "1", "12345", "\x00" + "99" * 3 + "a"])
def test_digits(text: str) -> None:
    assert from_bars(lines_of(pictures.barcode(text))[0]) == text


def test_pairs_of_digits_take_one_symbol() -> None:
    def symbols(text: str) -> float:
        return (len(pictures.barcode(text)[0]) - 20 - 2) / 11

    assert symbols("12345678") == 4 + 3
    assert symbols("ABCDEFGH") == 8 + 3
    # Where there are but two, to change for them would take more.
    assert symbols("AB12CD") == 6 + 3


# --- images -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["A", *HOSTILE])
@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("code", [pictures.qr, pictures.barcode])
def test_images_show_the_modules(code: Callable[[str], Modules], text: str, size: int) -> None:
    modules = code(text)
    lines = lines_of(modules)
    width, height = len(lines[0]) * size, len(lines) * size
    large = ["".join(bit * size for bit in line) for line in lines for _ in range(size)]
    assert from_png(pictures.png(modules, size)) == (width, height, large)
    assert from_svg(pictures.svg(modules, size)) == (width, height, lines)


def test_images_stay_within_bounds() -> None:
    long = pictures.barcode("x" * 255)
    width, height, lines = from_png(pictures.png(long, 100))
    assert width <= MOST_PIXELS < width // 3 * 4
    assert from_bars(lines[0][1::3]) == "x" * 255
    width, height, _ = from_png(pictures.png(pictures.qr("A"), 100))
    assert (width, height) == (2900, 2900)
