"""A report as text for a terminal: the verdict first, then each check, then the content."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from ecert.errors import KindError, Language, messages, sentence
from ecert.fields import time_text
from ecert.kinds.catalogue import Catalogue
from ecert.report import Outcome, Report, StepResult, Subject, Verdict

MARKS = {Outcome.PASSED: "✔", Outcome.FAILED: "✘", Outcome.NOT_CHECKED: "–"}
_BANNERS = {0: "✔", 1: "✘", 2: "?", 3: "∅"}
_AS_OF: dict[Language, str] = {"zh": "（截至 {time}）", "en": " (as of {time})"}
ISSUING_AUTHORITY = "issuing_authority"
"""The claim in which a document itself names who issued it."""
_CONTENT: dict[Language, str] = {
    "zh": "内容（请与出示的证照和本人核对）",
    "en": "Content (compare it with the paper and the person)",
}


def render(report: Report, languages: Sequence[Language], catalogue: Catalogue) -> str:
    """Return a report as text."""
    return "\n".join(_lines(report, languages, catalogue))


def _lines(report: Report, languages: Sequence[Language], catalogue: Catalogue) -> Iterator[str]:
    mark = _BANNERS[report.verdict.exit_code]
    yield f"{mark} {_word(report.verdict, languages)}"
    for language in languages:
        as_of = ""
        if report.as_of is not None:
            as_of = _AS_OF[language].format(time=time_text(report.as_of))
        yield f"  {report.headline(language)}{as_of}"
    for step in report.steps:
        sentences = [_sentence(step, language, catalogue) for language in languages]
        yield f"  {step.number} {MARKS[step.outcome]} {sentences[0]}"
        yield from (f"      {sentence}" for sentence in sentences[1:])
    if report.basis is not None:
        yield from (f"  {report.basis_text(language)}" for language in languages)
    if report.trust is not None:
        yield from (f"  {report.trust_text(language)}" for language in languages)
    if report.subject is not None and report.subject.claims:
        yield from _content(report.subject, languages, catalogue)


def _word(verdict: Verdict, languages: Sequence[Language]) -> str:
    if "en" in languages:
        return verdict.value.replace("_", " ").upper()
    return messages()[f"web_word_{verdict}"]["zh"]


def _sentence(step: StepResult, language: Language, catalogue: Catalogue) -> str:
    """Return a step's sentence, the kind with its name."""
    details = dict(step.details)
    with suppress(KindError):
        name = catalogue.kind(str(details.get("kind"))).names[language]
        details["kind"] = f"{name} ({details['kind']})"
    return sentence(step.code, details, language)


def _content(
    subject: Subject, languages: Sequence[Language], catalogue: Catalogue
) -> Iterator[str]:
    kind = catalogue.kind(subject.kind)
    title = " / ".join(kind.names[language] for language in languages) + f" ({subject.kind})"
    heading = " / ".join(_CONTENT[language] for language in languages)
    yield f"  {title} — {subject.department}"
    yield f"  {heading}:"
    ordered = [name for name in kind.claim_names if name in subject.claims]
    for name in dict.fromkeys((*ordered, *subject.claims)):
        label = " / ".join(kind.label(name, language) for language in languages)
        value = kind.value_text(name, subject.claims[name], languages[0])
        if name == ISSUING_AUTHORITY:
            value += f" ({subject.department})"
        yield f"    {label}: {value}"


def exit_code(reports: Sequence[Report]) -> int:
    """Return one exit code for all: what is not valid goes before what cannot be decided."""
    codes = {report.verdict.exit_code for report in reports}
    return next((code for code in (1, 3, 2, 0) if code in codes), Verdict.UNREADABLE.exit_code)
