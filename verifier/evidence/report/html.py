"""A report as one HTML file: no script, nothing from elsewhere. All output is escaped."""

from collections.abc import Sequence
from functools import cache
from importlib import resources

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ecert.errors import Language
from ecert.typesetting.text import printable
from verifier.evidence.report.blocks import Part
from verifier.evidence.report.contents import part
from verifier.evidence.report.exhibit import Exhibit
from verifier.evidence.report.words import say

_HTML_LANGUAGES = {"zh": "zh-CN", "en": "en"}


def render_html(exhibit: Exhibit, languages: Sequence[Language]) -> str:
    """Return the report.

    Args:
        exhibit: What it is about.
        languages: A part for each, in this order.
    """
    parts = [part(exhibit, language) for language in languages]
    return lay_out(parts, exhibit.package.sha256)


def lay_out(parts: Sequence[Part], digest: str) -> str:
    """Return parts as one file.

    Args:
        parts: The report in one language or more.
        digest: The package's, hexadecimal.
    """
    return (
        _environment()
        .get_template("report.html")
        .render(
            parts=parts,
            digest=digest,
            html_lang=_HTML_LANGUAGES,
            say=say,
            style=_style(),
        )
    )


@cache
def _style() -> Markup:
    """Return the stylesheet, which is ours and holds nothing of a document's."""
    folder = resources.files("verifier.evidence.report") / "templates"
    return Markup(folder.joinpath("report.css").read_text("utf-8"))  # noqa: S704


@cache
def _environment() -> Environment:
    return Environment(
        loader=ChoiceLoader(
            # The shapes of verdicts are those of the verifier's page.
            [PackageLoader("verifier.evidence.report"), PackageLoader("verifier.web")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # A name that turns the direction of writing could make a page say what it does not.
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
