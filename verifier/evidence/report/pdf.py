"""A report as PDF/A, with the package's digest and the verdict on every page."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any

from ecert.errors import Language
from ecert.typesetting import FAMILY, FIXED_FAMILY, font_set, printable, set_pages
from verifier.evidence.report.blocks import Block, Part, Section
from verifier.evidence.report.contents import part
from verifier.evidence.report.exhibit import Exhibit
from verifier.evidence.report.words import say

_REGIONS = {"zh": "CN", "en": "GB"}


def render_pdf(exhibit: Exhibit, languages: Sequence[Language]) -> bytes:
    """Return the report as PDF/A-2a; equal inputs give equal bytes.

    Args:
        exhibit: What it is about.
        languages: A part for each, in this order.

    Raises:
        FontError: ``paper_font_missing``, ``paper_font_malformed``.
        TypesettingError: ``pages_not_set``.
    """
    parts = [part(exhibit, language) for language in languages]
    return lay_out(parts, exhibit.package.sha256, exhibit.made_at)


def lay_out(parts: Sequence[Part], digest: str, made_at: datetime) -> bytes:
    """Return parts as one file.

    Args:
        parts: The report in one language or more.
        digest: The package's, hexadecimal.
        made_at: What the file says of when it was made; aware.

    Raises:
        FontError: ``paper_font_missing``, ``paper_font_malformed``.
        TypesettingError: ``pages_not_set``.
    """
    data = {
        "family": FAMILY,
        "fixed": FIXED_FAMILY,
        "made": [*made_at.astimezone(UTC).timetuple()[:6]],
        "title": " / ".join(f"{part.word} · {part.title}" for part in parts),
        "running": " / ".join(part.word for part in parts),
        "warnings": [part.warning for part in parts if part.warning],
        "cautions": [part.caution for part in parts if part.caution],
        "digest": digest,
        "parts": [_part(part) for part in parts],
    }
    shown = _shown(data, font_set().coverage)
    return set_pages(_template(), shown, standard="a-2a", time=made_at)


@cache
def _template() -> bytes:
    folder = resources.files("verifier.evidence.report") / "templates"
    return folder.joinpath("report.typ").read_bytes()


def _part(part: Part) -> dict[str, Any]:
    return {
        "lang": part.language,
        "region": _REGIONS[part.language],
        "digest-of": say("page_hash", part.language),
        "title": part.title,
        "tone": part.tone,
        "word": part.word,
        "warning": part.warning,
        "caution": part.caution,
        "sentences": [*part.sentences, say("lead", part.language)],
        "sections": [_section(section) for section in part.sections],
    }


def _section(section: Section) -> dict[str, Any]:
    return {
        "heading": section.heading,
        "level": section.level,
        "blocks": [_block(block) for block in section.blocks],
    }


def _block(block: Block) -> dict[str, Any]:
    return {"form": block.form} | asdict(block)


def _shown(value: Any, coverage: frozenset[int]) -> Any:
    """Return a value with every text in it as the font can show it."""
    if isinstance(value, str):
        return printable(value, coverage)
    if isinstance(value, dict):
        return {key: _shown(item, coverage) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(item, coverage) for item in value]
    return value
