"""Make the PDF: PDF/A-3a by Typst, the document attached, both QR codes printed."""

from contextlib import suppress
from dataclasses import asdict
from datetime import UTC
from functools import cache
from importlib import resources
from typing import Any, Literal

from ecert import limits
from ecert.document import MEDIA_TYPE, SUFFIX
from ecert.errors import EcertError, MalformedError
from ecert.typesetting import (
    FAMILY,
    SUBSTITUTE,
    FontSet,
    TypesettingError,
    font_set,
    is_wide,
    printable,
    set_pages,
)
from registry.paper.model import Field, Label, PaperInput
from registry.paper.qr import Symbol, card_symbol, lookup_symbol
from registry.paper.words import day, period, words

MAX_FIELDS = 48
"""Face claims on one certificate."""

STANDARD: Literal["a-3a"] = "a-3a"
"""PDF/A-3 (ISO 19005-3), conformance level A: tagged, so that a screen reader can follow it."""

_HALF_UNITS = 28


class PaperError(EcertError):
    """A page could not be made."""


def render_pdf(paper: PaperInput) -> bytes:
    """Make the page.

    Args:
        paper: All that the page shows and carries.

    Returns:
        The PDF; equal inputs give equal bytes.

    Raises:
        MalformedError: ``paper_lookup_url_long``, ``paper_card_too_long``,
            ``paper_too_many_fields``, ``paper_field_too_long``, ``paper_document_malformed``.
        FontError: ``paper_font_missing``, ``paper_font_malformed``.
        PaperError: ``paper_not_rendered``.
    """
    try:
        return set_pages(
            _template(), _data(paper, font_set()), standard=STANDARD, time=paper.issued
        )
    except TypesettingError:
        raise PaperError("paper_not_rendered", identifier=paper.identifier) from None


@cache
def _template() -> bytes:
    return resources.files("registry.paper").joinpath("certificate.typ").read_bytes()


def _data(paper: PaperInput, fonts: FontSet) -> dict[str, Any]:
    def shown(text: str) -> str:
        return printable(text, fonts.coverage)

    def label(value: Label) -> dict[str, str]:
        return {"zh": shown(value.zh), "en": shown(value.en)}

    fields = [
        {"label": label(field.label), "value": shown(field.value), "note": shown(field.note)}
        for field in _fields(paper)
    ]
    issued = paper.issued.astimezone(UTC)
    return {
        "family": FAMILY,
        "media-type": MEDIA_TYPE,
        "file": f"certificate{SUFFIX}",
        "title": label(paper.title),
        "department": label(paper.department),
        "identifier": shown(paper.identifier),
        "issued": [*issued.timetuple()[:6]],
        "issued_on": asdict(day(paper.issued.date())),
        "rows": _rows(fields),
        "rare": any(SUBSTITUTE in field["value"] for field in fields),
        "document": _document(paper.document),
        "lookup": _symbol(lookup_symbol(paper.lookup_url)),
        "card": _symbol(card_symbol(paper.card)),
        "words": words(),
    }


def _fields(paper: PaperInput) -> list[Field]:
    """Return the identifier, the face claims and the validity, within bounds."""
    table = words()
    validity = period(paper.valid_from, paper.valid_until)
    fields = [
        Field(Label(**table["identifier"]), paper.identifier),
        *paper.fields,
        Field(Label(**table["validity"]), validity.zh, validity.en),
    ]
    if len(fields) > MAX_FIELDS:
        raise MalformedError("paper_too_many_fields", size=len(fields), limit=MAX_FIELDS)
    for field in fields:
        if len(field.value) > limits.MAX_FIELD_CHARS:
            raise MalformedError(
                "paper_field_too_long",
                field=field.label.zh,
                size=len(field.value),
                limit=limits.MAX_FIELD_CHARS,
            )
    return fields


def _rows(fields: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Put two short fields side by side, in their order."""
    rows: list[list[dict[str, Any]]] = []
    waiting = False
    for field in fields:
        wide = is_wide(field["value"], units=_HALF_UNITS)
        if waiting and not wide:
            rows[-1].append(field)
        else:
            rows.append([field])
        waiting = not wide and not waiting
    return rows


def _document(document: bytes) -> str:
    limit = limits.MAX_PDF_ATTACHMENT_BYTES
    if len(document) <= limit:
        with suppress(UnicodeDecodeError):
            return document.decode("utf-8")
    raise MalformedError("paper_document_malformed", limit=limit)


def _symbol(symbol: Symbol) -> dict[str, Any]:
    return {"svg": symbol.svg, "side": symbol.side_mm}
