"""Reading the project's Markdown pages: text, code, links, headings and tables."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """One page."""

    path: Path

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    @cached_property
    def prose(self) -> str:
        """The text without its blocks of code."""
        return _FENCE.sub("", self.text)

    def blocks(self, language: str) -> list[str]:
        """Return the blocks of code in a language."""
        return [code for found, code in _FENCE.findall(self.text) if found == language]

    @cached_property
    def spans(self) -> list[str]:
        """Code within lines."""
        return _SPAN.findall(self.prose)

    @cached_property
    def links(self) -> list[str]:
        return _LINK.findall(_SPAN.sub("", self.prose))

    @cached_property
    def anchors(self) -> set[str]:
        """Its headings, as links within a page name them."""
        return {_slug(heading) for heading in _HEADING.findall(self.prose)}

    def section(self, heading: str) -> str:
        """Return the text under a heading, up to the next one of any level."""
        start = re.search(rf"^#{{1,6}} {re.escape(heading)}$", self.text, re.MULTILINE)
        assert start, f"{self} has no heading {heading!r}"
        rest = self.text[start.end() :]
        end = _HEADING.search(_blank_code(rest))
        return rest[: end.start()] if end else rest

    def table(self, *head: str) -> list[list[str]]:
        """Return the rows of the one table that begins with these cells."""
        lines = self.prose.splitlines()
        starts = [n for n, line in enumerate(lines) if _cells(line)[: len(head)] == list(head)]
        assert len(starts) == 1, f"{self}: {len(starts)} tables begin with {head}"
        rows = []
        for line in lines[starts[0] + 2 :]:
            if not line.startswith("|"):
                break
            rows.append(_cells(line))
        return rows


def all_pages() -> list[Page]:
    """Return every page of the project."""
    folders = ("contracts", "networks", "samples", "requirements")
    paths = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    paths += [path for folder in folders for path in (ROOT / folder).glob("*.md")]
    return [Page(path) for path in sorted(paths)]


def page(name: str) -> Page:
    return Page(ROOT / name)


def code_in(cell: str) -> list[str]:
    """Return what stands in a table's cell as code."""
    return _SPAN.findall(cell)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _slug(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.replace("`", "")).strip().lower()
    return kept.replace(" ", "-")


def _blank_code(text: str) -> str:
    return _FENCE.sub(lambda match: " " * len(match[0]), text)
