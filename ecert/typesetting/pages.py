"""Pages as PDF/A by Typst: a template of ours, and data that is never evaluated as markup."""

import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal

import typst

from ecert.errors import EcertError
from ecert.typesetting.fonts import font_set

Standard = Literal["a-2a", "a-3a"]
"""PDF/A-2 or -3 (ISO 19005-2, -3), conformance level A: tagged, so that a screen reader can follow
it; only the latter may hold attachments of any kind."""

_lock = threading.Lock()  # one compiler is kept for its fonts; it compiles one page at a time


class TypesettingError(EcertError):
    """Pages could not be set."""


def set_pages(
    template: bytes, data: Mapping[str, Any], *, standard: Standard, time: datetime
) -> bytes:
    """Set a template's pages.

    Args:
        template: Typst source; reads its data as JSON from ``sys.inputs.data``.
        data: What varies; texts hold characters that the font has, and no others.
        standard: What the file conforms to.
        time: What the file says of when it was made; aware.

    Returns:
        The PDF; equal inputs give equal bytes.

    Raises:
        FontError: ``paper_font_missing``, ``paper_font_malformed``.
        TypesettingError: ``pages_not_set``.
    """
    text = json.dumps(data, ensure_ascii=False)
    try:
        with _lock:
            pdf, warnings = _compiler().compile_with_warnings(
                template,
                format="pdf",
                sys_inputs={"data": text},
                pdf_standards=[standard],
                timestamp=time.astimezone(UTC).replace(microsecond=0),
            )
    except typst.TypstError:
        # The diagnostic may quote a claim; the error must not.
        raise TypesettingError("pages_not_set") from None
    # Typst only warns of a font it lacks, and leaves the text blank.
    if warnings or not isinstance(pdf, bytes):
        raise TypesettingError("pages_not_set")
    return pdf


@cache
def _compiler() -> typst.Compiler:
    fonts = typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=True,  # FIXED_FAMILY
        font_paths=sorted({str(file.parent) for file in font_set().files}),
    )
    return typst.Compiler(font_paths=fonts, ignore_system_fonts=True)
