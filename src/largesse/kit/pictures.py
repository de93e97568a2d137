"""Pictures of codes: QR and Code 128, as SVG and PNG.

Both kinds become modules: rows of 1 for dark and 0 for light, with the quiet zone that scanners
need. Nothing else of the text comes into the picture, so there is nothing in it to escape.
"""

from __future__ import annotations

import re
import struct
import zlib
from itertools import groupby

import segno

Modules = list[bytes]

MOST_PIXELS = 10_000
_QR_BORDER = 4
_BAR_BORDER = 10
_BAR_HEIGHT = 60


class PictureError(ValueError):
    """Why a text cannot be drawn, in the words of a refusal."""


# --- modules ------------------------------------------------------------------------------------


def qr(text: str) -> Modules:
    """A QR code of a text, in UTF-8. Raises PictureError where it is too long or not Unicode."""
    # Left to itself the library takes some UTF-8 for Japanese in another encoding.
    mode = None if text.isascii() else "byte"
    try:
        code = segno.make_qr(text, error="m", mode=mode, encoding="utf-8")
    except ValueError:
        raise PictureError("A QR code carries up to 2331 bytes of Unicode") from None
    return [bytes(row) for row in code.matrix_iter(border=_QR_BORDER)]


def barcode(text: str) -> Modules:
    """A Code 128 of an ASCII text; a QR code carries other texts. Raises PictureError."""
    if not text or not text.isascii():
        raise PictureError("A barcode carries one or more ASCII characters, and no others")
    symbols = _symbols(text)
    checksum = (symbols[0] + sum(place * symbol for place, symbol in enumerate(symbols))) % 103
    widths = "".join(_WIDTHS[symbol] for symbol in (*symbols, checksum, _STOP))
    # Bars and gaps take turns, and it is a bar that begins.
    line = b"".join(bytes([place % 2 == 0]) * int(wide) for place, wide in enumerate(widths))
    border = bytes(_BAR_BORDER)
    return [border + line + border] * _BAR_HEIGHT


# The widths of the bars and gaps of each symbol.
_WIDTHS = re.findall(
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
_STOP = 106
# What begins in a charset, and what changes to it. A has control characters instead of the small
# letters of B, C has pairs of digits.
_BEGIN = {"A": 103, "B": 104, "C": 105}
_CHANGE = {"A": 101, "B": 100, "C": 99}
_PARTS = re.compile("(?:[0-9]{2}){2,}|.", re.DOTALL)


def _symbols(text: str) -> list[int]:
    """The symbols of a text from its beginning, without the checksum."""
    symbols: list[int] = []
    charset = ""
    for part in _PARTS.findall(text):
        if len(part) > 1:
            wanted, values = "C", [int(part[at : at + 2]) for at in range(0, len(part), 2)]
        else:
            value = ord(part) - 32
            either = charset if charset in ("A", "B") else "B"
            wanted = "A" if value < 0 else "B" if value >= 64 else either
            values = [value % 96]
        if wanted != charset:
            symbols.append(_CHANGE[wanted] if charset else _BEGIN[wanted])
            charset = wanted
        symbols += values
    return symbols


# --- drawing ------------------------------------------------------------------------------------


def svg(modules: Modules, size: int) -> bytes:
    """A drawing; `size` is how many pixels a module measures where nobody scales it."""
    width, height, top, path = len(modules[0]), len(modules), 0, []
    for row, rows in groupby(modules):
        left, deep = 0, len(list(rows))
        for dark, run in groupby(row):
            wide = len(list(run))
            if dark:
                path.append(f"M{left} {top}h{wide}v{deep}h-{wide}z")
            left += wide
        top += deep
    ground = f"M0 0h{width}v{height}h-{width}z"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * size}" height="{height * size}" '
        f'viewBox="0 0 {width} {height}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="{ground}"/><path d="{"".join(path)}"/></svg>\n'
    ).encode()


def png(modules: Modules, size: int) -> bytes:
    """An image in black and white, each module `size` pixels wide and high; less where it would
    measure more than 10,000 pixels.
    """
    width, height = len(modules[0]), len(modules)
    size = max(1, min(size, MOST_PIXELS // max(width, height)))
    shades = str.maketrans({"\0": "1" * size, "\1": "0" * size})
    lines = []
    for row, rows in groupby(modules):
        bits = row.decode().translate(shades)
        # Each line begins with its filter, which is none, and ends at a whole byte.
        length = -(-len(bits) // 8)
        line = b"\0" + int(bits.ljust(8 * length, "0"), 2).to_bytes(length)
        lines.append(line * (len(list(rows)) * size))
    header = struct.pack(">IIBBBBB", width * size, height * size, 1, 0, 0, 0, 0)
    data = zlib.compress(b"".join(lines))
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
