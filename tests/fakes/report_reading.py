"""Reading reports as those who get them do: pages of a PDF, and HTML by a parser."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pypdfium2

VOID = {"meta", "link", "img", "br", "hr", "input", "path", "circle"}
ADDRESSES = {"href", "src", "srcset", "action", "data", "poster", "background", "formaction"}


def pages(pdf: bytes) -> list[str]:
    """Return each page's text; line breaks within what was too long for a line are gone."""
    with pypdfium2.PdfDocument(pdf) as document:
        found = []
        for sheet in document:
            text = sheet.get_textpage()
            found.append(text.get_text_range().replace("\u200b", "").replace("\r\n", "\n"))
            text.close()
            sheet.close()
    return found


def clear_margins(pdf: bytes) -> bool:
    """Whether nothing is printed on the outer 15 mm left and right of any page."""
    with pypdfium2.PdfDocument(pdf) as document:
        for sheet in document:
            image = sheet.render(scale=1, grayscale=True).to_pil()
            sheet.close()
            strip = round(15 / 25.4 * 72)
            left = image.crop((0, 0, strip, image.height))
            right = image.crop((image.width - strip, 0, image.width, image.height))
            if (left.getextrema(), right.getextrema()) != ((255, 255), (255, 255)):
                return False
    return True


def squeezed(text: str) -> str:
    """Return a text without white space, as it may be broken anywhere, and without hyphens.

    A hyphen at the end of a line is not read as one.
    """
    return re.sub(r"[-\s\ufffe\xad]", "", text)


@dataclass
class Page(HTMLParser):
    """What an HTML file holds."""

    text: str = ""
    tags: list[str] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    handlers: list[str] = field(default_factory=list)
    headings: list[int] = field(default_factory=list)
    style: str = ""
    declared: int = 0

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []

    @classmethod
    def of(cls, html: str) -> "Page":
        page = cls()
        page.feed(html)
        page.close()
        assert page._open == [], page._open
        return page

    def handle_decl(self, decl: str) -> None:
        assert decl == "doctype html"
        self.declared += 1

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ADDRESSES:
                self.addresses.append(value or "")
            if name.startswith("on") or name == "style":
                self.handlers.append(name)
            if name == "lang":
                self.languages.append(value or "")
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            self.style += data
        else:
            self.text += data


def check_alone(html: str) -> Page:
    """Check that a file needs nothing but itself, and runs nothing."""
    page = Page.of(html)
    assert page.declared == 1
    assert not {"script", "iframe", "object", "embed", "link", "img", "form", "base"} & {*page.tags}
    assert page.handlers == []
    assert all(address in ("#zh", "#en") for address in page.addresses), page.addresses
    assert "url(" not in page.style
    assert "@import" not in page.style
    assert page.headings[0] == 1
    steps = zip(page.headings, page.headings[1:], strict=False)
    assert all(after <= before + 1 for before, after in steps)
    return page
