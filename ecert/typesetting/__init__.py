"""Pages set with Typst in fonts that are known, for paper that is kept."""

from ecert.typesetting.fonts import FAMILY, FIXED_FAMILY, FontSet, font_set
from ecert.typesetting.pages import TypesettingError, set_pages
from ecert.typesetting.text import SUBSTITUTE, is_wide, printable

__all__ = [
    "FAMILY",
    "FIXED_FAMILY",
    "SUBSTITUTE",
    "FontSet",
    "TypesettingError",
    "font_set",
    "is_wide",
    "printable",
    "set_pages",
]
