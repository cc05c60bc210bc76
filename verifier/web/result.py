"""A report as a person needs it: a sign, what to compare, why, and what to do."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from ecert.errors import EcertError, KindError, Language
from ecert.fields import time_text
from ecert.kinds.catalogue import Catalogue
from ecert.kinds.kind import Kind
from ecert.report import STEPS, Outcome, Report, StepResult, Subject, Verdict
from verifier.web.language import say, time_said, with_times_said

SIGNS: dict[Verdict, tuple[str, str]] = {
    Verdict.VALID: ("good", "check"),
    Verdict.TAMPERED: ("bad", "cross"),
    Verdict.RECEIPT_FALSE: ("bad", "cross"),
    Verdict.CONTENT_MALFORMED: ("bad", "cross"),
    Verdict.NEVER_ANCHORED: ("bad", "issuer"),
    Verdict.ISSUER_NOT_AUTHORISED: ("bad", "issuer"),
    Verdict.REVOKED: ("bad", "withdrawn"),
    Verdict.SUSPENDED: ("warn", "pause"),
    Verdict.EXPIRED: ("warn", "clock"),
    Verdict.NOT_YET_VALID: ("warn", "clock"),
    Verdict.HOLDER_NOT_PROVEN: ("warn", "person"),
    Verdict.NOT_YET_ANCHORED: ("open", "hourglass"),
    Verdict.UNDECIDED: ("open", "offline"),
    Verdict.UNREADABLE: ("none", "page"),
}
"""Tone and sign of each verdict: what differs for people differs in word, shape and colour."""

_SIGNATURE, _HOLDER = STEPS.index("signature"), STEPS.index("holder")
_COLON: dict[Language, str] = {"zh": "：", "en": ": "}
_LARGE_CHARS = 40


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the content, or about the document."""

    label: str
    value: str
    time: str | None = None
    """The same for machines, where the value is a time."""

    @property
    def long(self) -> bool:
        """Whether the value is too long for large type."""
        return len(self.value) > _LARGE_CHARS


@dataclass(frozen=True, slots=True)
class Row:
    """One check."""

    number: int
    name: str
    outcome: str
    outcome_said: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Result:
    """One report in one language.

    Attributes:
        language: Of all that is said.
        tone: ``good``, ``bad``, ``warn``, ``open`` (cannot be decided now) or ``none`` (unread).
        sign: The shape beside the word.
        word: The verdict.
        sentence: The verdict's sentence.
        reason: Why, from the step that decided; when valid, what is left to look at, or "".
        as_of: When the chain's answer held; None when no source answered.
        checked_at: When it was checked.
        basis: What the answer rests on; "" when no source answered.
        trust: The trust file that was used; "" when nothing could be read.
        title: The document's title; None when nothing could be read.
        kind: What it is.
        content_heading: What the reader should do with the content.
        content: What is disclosed.
        about: The document's own data.
        rows: The ten checks.
        todo: What to do.
    """

    language: Language
    tone: str
    sign: str
    word: str
    sentence: str
    reason: str
    as_of: Fact | None
    checked_at: Fact
    basis: str
    trust: str
    title: str | None
    kind: str
    content_heading: str
    content: tuple[Fact, ...]
    about: tuple[Fact, ...]
    rows: tuple[Row, ...]
    todo: tuple[str, ...]

    def count(self, outcome: str) -> int:
        """Return how many checks ended so."""
        return sum(row.outcome == outcome for row in self.rows)


def present(report: Report, language: Language, catalogue: Catalogue) -> Result:
    """Return a report as the page shows it."""
    tone, sign = SIGNS[report.verdict]
    word = say(f"word_{report.verdict}", language)
    subject = report.subject
    kind = None if subject is None else catalogue.kind(subject.kind)
    return Result(
        language=language,
        tone=tone,
        sign=sign,
        word=word,
        sentence=_after(word + _COLON[language], report.headline(language)),
        reason=_reason(report, language, catalogue),
        as_of=None if report.as_of is None else _moment("as_of", report.as_of, language),
        checked_at=_moment("checked_at", report.checked_at, language),
        basis=_after(say("basis_begins", language), report.basis_text(language)),
        trust=_after(say("trust_begins", language), report.trust_text(language)),
        title=kind.title(subject.claims, language) if kind and subject else None,
        kind=kind.names[language] if kind else "",
        content_heading=say(f"content_{_standing(report)}", language),
        content=tuple(_content(subject, kind, language)) if kind and subject else (),
        about=tuple(_about(subject, kind, language)) if kind and subject else (),
        rows=tuple(_row(step, language, catalogue) for step in report.steps),
        todo=_todo(report, language),
    )


def _after(beginning: str, sentence: str) -> str:
    """Return a sentence without what the page says in larger type before it."""
    rest = sentence.removeprefix(beginning)
    return rest[:1].upper() + rest[1:]


def _standing(report: Report) -> str:
    """Return how far the content may be believed."""
    if report.verdict is Verdict.VALID:
        return "valid"
    signed = report.steps[_SIGNATURE].outcome is Outcome.PASSED
    return "signed" if signed else "unsigned"


def _holder_open(report: Report) -> bool:
    return report.verdict is Verdict.VALID and report.steps[_HOLDER].outcome is not Outcome.PASSED


def _reason(report: Report, language: Language, catalogue: Catalogue) -> str:
    """Return the sentence of the step that decided, or of the first that could not be checked."""
    if report.verdict is Verdict.VALID:
        return say("holder_open", language) if _holder_open(report) else ""
    found = report.decisive or next(
        (step for step in report.steps if step.outcome is Outcome.NOT_CHECKED), None
    )
    return "" if found is None else _sentence(found, language, catalogue)


def _content(subject: Subject, kind: Kind, language: Language) -> list[Fact]:
    ordered = [name for name in kind.claim_names if name in subject.claims]
    return [
        Fact(kind.label(name, language), kind.value_text(name, subject.claims[name], language))
        for name in dict.fromkeys((*ordered, *subject.claims))
    ]


def _about(subject: Subject, kind: Kind, language: Language) -> list[Fact]:
    form = say(f"form_{subject.form.replace('-', '_')}", language)
    if subject.view is not None:
        form += f" · {kind.card(subject.view).names[language]}"
    facts = [
        Fact(say("form", language), form),
        Fact(say("department", language), subject.department),
        _moment("issued_at", subject.issued_at, language),
        _moment("not_before", subject.not_before, language),
        Fact(say("expires", language), say("permanent", language))
        if subject.expires is None
        else _moment("expires", subject.expires, language),
    ]
    if subject.anchored_at is not None:
        facts.append(_moment("anchored_at", subject.anchored_at, language))
    facts.append(Fact(say("digest", language), "0x" + subject.digest.hex()))
    return facts


def _moment(label: str, seconds: int, language: Language) -> Fact:
    return Fact(say(label, language), time_said(seconds, language), time_text(seconds))


def _sentence(step: StepResult, language: Language, catalogue: Catalogue) -> str:
    """Return a step's sentence with kinds by name and times as people read them."""
    details = dict(step.details)
    with suppress(KindError):
        details["kind"] = catalogue.kind(str(details.get("kind"))).names[language]
    return with_times_said(EcertError(step.code, **details).message(language), language)


def _row(step: StepResult, language: Language, catalogue: Catalogue) -> Row:
    return Row(
        number=step.number,
        name=say(f"step_{step.name}", language),
        outcome=step.outcome.value,
        outcome_said=say(f"outcome_{step.outcome}", language),
        sentence=_sentence(step, language, catalogue),
    )


def _todo(report: Report, language: Language) -> tuple[str, ...]:
    """Return what to do; where no holder proved anything, that includes a look at the person."""
    lines: Sequence[str] = say(f"do_{report.verdict}", language).strip().splitlines()
    if _holder_open(report):
        lines = (*lines, say("do_compare_person", language))
    return tuple(lines)
