"""Text as the page can show it.

A name may hold a character that the font lacks; refusing it would deny its bearer a paper, leaving
it blank would falsify the paper. Such a character is printed as its code point, and the page says
so. The same goes for characters that would move or hide others (Unicode categories Cc, Cf).
"""

import unicodedata
from collections.abc import Set as AbstractSet

SUBSTITUTE = "[U+"
"""How a character that cannot be shown begins."""

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str, coverage: AbstractSet[int] | None = None) -> str:
    """Return ``text`` with every character that cannot be shown written as ``[U+XXXX]``.

    Args:
        text: Any text; it is data, never markup.
        coverage: Code points the font has; None where the reader's own fonts are used.
    """
    return "".join(
        char if _visible(char, coverage) else f"{SUBSTITUTE}{ord(char):04X}]"
        for char in unicodedata.normalize("NFC", text)
    )


def is_wide(text: str, *, units: int) -> bool:
    """Tell whether ``text`` takes more than ``units`` half-widths."""
    return text_width(text) > units


def text_width(text: str) -> int:
    """Return how many half-widths ``text`` takes (Unicode Annex 11)."""
    return sum(2 if unicodedata.east_asian_width(char) in "WFA" else 1 for char in text)


def _visible(char: str, coverage: AbstractSet[int] | None) -> bool:
    known = coverage is None or ord(char) in coverage
    return known and unicodedata.category(char) not in _INVISIBLE
