"""Pages set with Typst in one font that is known, for paper that is kept."""

from ecert.typesetting.fonts import FAMILY, FontSet, font_set
from ecert.typesetting.pages import TypesettingError, set_pages
from ecert.typesetting.text import SUBSTITUTE, is_wide, printable

__all__ = [
    "FAMILY",
    "SUBSTITUTE",
    "FontSet",
    "TypesettingError",
    "font_set",
    "is_wide",
    "printable",
    "set_pages",
]
