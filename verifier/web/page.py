"""The page: templates filled with a form, results, or what went wrong. All output is escaped."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from jinja2 import Environment, PackageLoader, StrictUndefined

from ecert import limits
from ecert.errors import EcertError, Language
from ecert.kinds.catalogue import Catalogue
from ecert.languages import LANGUAGES
from ecert.report import Report
from verifier.inputs import MAX_FILE_BYTES
from verifier.web.challenges import CHALLENGE_SECONDS, Challenge
from verifier.web.language import say
from verifier.web.result import present
from verifier.web.submission import MAX_ASKED_CHARS, Filled


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("verifier.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "max_file_bytes": MAX_FILE_BYTES,
        "max_file_mib": MAX_FILE_BYTES // limits.MIB,
        "max_asked_chars": MAX_ASKED_CHARS,
        "challenge_minutes": CHALLENGE_SECONDS // 60,
        "html_lang": {"zh": "zh-CN", "en": "en"},
    }
    return environment


@dataclass(frozen=True)
class Pages:
    """Makes the service's pages.

    Attributes:
        catalogue: Names and labels come from here, never from a document.
    """

    catalogue: Catalogue
    _environment: Environment = field(default_factory=_environment)

    def form(self, language: Language, challenge: Challenge | None = None) -> str:
        """Return the page that asks what to check; with a challenge, filled in."""
        filled = Filled()
        if challenge is not None:
            filled = Filled(
                audience=challenge.audience,
                nonce=challenge.nonce,
                challenge=challenge.nonce,
                require_holder=True,
            )
        return self._render("form.html", language, filled=filled, challenge=challenge)

    def results(self, language: Language, reports: Sequence[Report]) -> str:
        """Return the page with a result for each report, in both languages."""
        other = next(candidate for candidate in LANGUAGES if candidate != language)
        pairs = [
            (present(report, language, self.catalogue), present(report, other, self.catalogue))
            for report in reports
        ]
        return self._render("result.html", language, pairs=pairs, filled=Filled(), other=other)

    def refusal(self, language: Language, error: EcertError, filled: Filled | None = None) -> str:
        """Return the page that says why nothing was checked; with the form, as it was filled."""
        return self._render(
            "refusal.html",
            language,
            sentence=error.message(language),
            about_document=error.code != "page_unknown",
            filled=filled or Filled(),
        )

    def _render(self, template: str, language: Language, **values: object) -> str:
        def t(key: str, **parts: object) -> str:
            return say(key, language, parts)

        return self._environment.get_template(template).render(
            language=language, t=t, say=partial(_say), **values
        )


def _say(key: str, language: Language, **parts: object) -> str:
    return say(key, language, parts)
