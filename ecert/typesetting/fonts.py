"""The font of the page: where it lies and which characters it has.

One font only, and one within Typst for commands, so that a page is the same on every machine; what
it lacks is known before a page is made (``ecert.typesetting.text``), not discovered as an empty box
on somebody's certificate.
"""

import os
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ecert.errors import EcertError

FAMILY = "Noto Sans SC"
FIXED_FAMILY = "DejaVu Sans Mono"
"""All characters of one width, for what is copied to a terminal; it comes within Typst."""

FILES = ("NotoSansSC_400Regular.ttf", "NotoSansSC_700Bold.ttf")
VARIABLE = "ECERT_FONTS"
_PACKAGE = Path("node_modules", "@expo-google-fonts", "noto-sans-sc")
_ROOT = Path(__file__).parents[2]
_SEGMENTED_COVERAGE = 12


class FontError(EcertError):
    """The page's font is missing or cannot be read."""


@dataclass(frozen=True, slots=True)
class FontSet:
    """The font's files and the code points that all of them have."""

    files: tuple[Path, ...]
    coverage: frozenset[int]


@cache
def font_set() -> FontSet:
    """Find the font: in the folder that ``ECERT_FONTS`` names, else in ``node_modules``.

    Raises:
        FontError: ``paper_font_missing``, ``paper_font_malformed``.
    """
    folder = Path(os.environ.get(VARIABLE) or _ROOT / _PACKAGE)
    return load_fonts(folder)


def load_fonts(folder: Path) -> FontSet:
    """Load the font from ``folder`` or its direct subfolders.

    Raises:
        FontError: ``paper_font_missing``, ``paper_font_malformed``.
    """
    files = tuple(_find(folder, name) for name in FILES)
    coverage = frozenset.intersection(*(_coverage(file) for file in files))
    return FontSet(files, coverage)


def _find(folder: Path, name: str) -> Path:
    for candidate in (folder / name, *sorted(folder.glob(f"*/{name}"))):
        if candidate.is_file():
            return candidate
    raise FontError("paper_font_missing", file=name, variable=VARIABLE)


def _coverage(file: Path) -> frozenset[int]:
    """Read the code points of a TrueType file (OpenType 1.9, ``cmap`` subtable format 12)."""
    try:
        return frozenset(_code_points(_cmap(file.read_bytes())))
    except (OSError, struct.error, StopIteration) as error:
        raise FontError("paper_font_malformed", file=file.name) from error


def _cmap(font: bytes) -> bytes:
    (tables,) = struct.unpack_from(">H", font, 4)
    entries = (struct.unpack_from(">4sLLL", font, 12 + 16 * i) for i in range(tables))
    offset = next(entry[2] for entry in entries if entry[0] == b"cmap")
    return font[offset:]


def _code_points(cmap: bytes) -> set[int]:
    (count,) = struct.unpack_from(">H", cmap, 2)
    offsets = [struct.unpack_from(">HHL", cmap, 4 + 8 * i)[2] for i in range(count)]
    wanted = (_SEGMENTED_COVERAGE,)
    start = next(o for o in offsets if struct.unpack_from(">H", cmap, o) == wanted)
    (groups,) = struct.unpack_from(">L", cmap, start + 12)
    points: set[int] = set()
    for i in range(groups):
        first, last, glyph = struct.unpack_from(">LLL", cmap, start + 16 + 12 * i)
        points.update(range(first if glyph else first + 1, last + 1))  # glyph 0 is "no glyph"
    return points
