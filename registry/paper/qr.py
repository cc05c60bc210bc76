"""QR codes for paper, as vector pictures.

Sizes follow measurements at 150 dpi with moderate blur: 150 characters are read from 35 mm, 300
from 55 mm; what holds a receipt (700 characters and more) needs a module of 0.7 mm.
"""

import math
from dataclasses import dataclass
from typing import Any, cast

import zxingcpp

from ecert.errors import MalformedError

MAX_VERSION = 25
"""QR version (ISO/IEC 18004); beyond it phones fail on paper."""

QUIET = 4
"""Modules of white on each side (ISO/IEC 18004 section 9.1)."""

LOOKUP_CHARS = 150
LOOKUP_MM = 36.0
_CARD_MM = ((300, 56.0), (600, 70.0))
_LARGE_MM = 80.0
_LEVELS = ("M", "L")


@dataclass(frozen=True, slots=True)
class Symbol:
    """A QR code to print.

    Attributes:
        svg: The picture, quiet zone included.
        modules: Modules on a side, quiet zone not included.
        side_mm: Printed side, quiet zone included.
    """

    svg: str
    modules: int
    side_mm: float


def lookup_symbol(url: str) -> Symbol:
    """Return the short code that leads to the stored ciphertext.

    Raises:
        MalformedError: ``paper_lookup_url_long`` beyond 150 characters.
    """
    if len(url) > LOOKUP_CHARS:
        raise MalformedError("paper_lookup_url_long", size=len(url), limit=LOOKUP_CHARS)
    return _symbol(url, LOOKUP_MM)


def card_symbol(card: str) -> Symbol:
    """Return the large code that is checked offline.

    Raises:
        MalformedError: ``paper_card_too_long`` where version 25 does not hold the card.
    """
    side = next((mm for chars, mm in _CARD_MM if len(card) <= chars), _LARGE_MM)
    return _symbol(card, side)


def _symbol(text: str, code_mm: float) -> Symbol:
    rows = _modules(text)
    count = len(rows)
    total = count + 2 * QUIET
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {total}">'
        f'<path fill="#000" d="{_path(rows)}"/></svg>'
    )
    return Symbol(svg, count, math.ceil(100 * code_mm * total / count) / 100)


def _modules(text: str) -> list[bytes]:
    """Encode at the strongest correction level that fits; a dark module is 0."""
    for level in _LEVELS:
        try:
            code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level=level)
        except ValueError:  # no version holds it
            continue
        image = code.to_image(scale=1, add_quiet_zones=False)
        view = memoryview(cast("Any", image))
        side = image.shape[0]
        if side <= 17 + 4 * MAX_VERSION:
            pixels = view.tobytes()
            return [pixels[i * side : (i + 1) * side] for i in range(side)]
    raise MalformedError("paper_card_too_long", size=len(text), version=MAX_VERSION)


def _path(rows: list[bytes]) -> str:
    """Join the dark modules of each row to bars: fewer, larger shapes without seams."""
    parts: list[str] = []
    for y, row in enumerate(rows, QUIET):
        x = 0
        while (x := row.find(0, x)) >= 0:
            end = x
            while end < len(row) and row[end] == 0:
                end += 1
            parts.append(f"M{x + QUIET} {y}h{end - x}v1h{x - end}z")
            x = end
    return "".join(parts)
