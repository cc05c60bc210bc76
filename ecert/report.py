"""What a verification found: one verdict, a row for each step, and what it all rests on."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ecert.errors import Language, messages, sentence
from ecert.facts import Basis
from ecert.fields import time_text


class Verdict(StrEnum):
    """The answer in one word (DESIGN section 7)."""

    VALID = "valid"
    UNREADABLE = "unreadable"
    TAMPERED = "tampered"
    RECEIPT_FALSE = "receipt_false"
    CONTENT_MALFORMED = "content_malformed"
    NEVER_ANCHORED = "never_anchored"
    NOT_YET_ANCHORED = "not_yet_anchored"
    ISSUER_NOT_AUTHORISED = "issuer_not_authorised"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    UNDECIDED = "undecided"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    HOLDER_NOT_PROVEN = "holder_not_proven"

    @property
    def exit_code(self) -> int:
        """0 valid, 1 not valid, 2 cannot be decided now, 3 unreadable."""
        match self:
            case Verdict.VALID:
                return 0
            case Verdict.UNREADABLE:
                return 3
            case Verdict.NOT_YET_ANCHORED | Verdict.UNDECIDED:
                return 2
            case _:
                return 1


class Outcome(StrEnum):
    """How one step went."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not_checked"


STEPS = (
    "parsing",
    "signature",
    "inclusion",
    "anchor",
    "key",
    "kind",
    "status",
    "validity",
    "holder",
    "content",
)


@dataclass(frozen=True, slots=True)
class StepResult:
    """One row of a report.

    Attributes:
        number: The step's number in DESIGN section 7.
        outcome: How it went.
        code: Why; a key of the message tables.
        details: Values for the sentence.
    """

    number: int
    outcome: Outcome
    code: str
    details: Mapping[str, object]

    @property
    def name(self) -> str:
        """The step's name."""
        return STEPS[self.number]

    def message(self, language: Language) -> str:
        """Return the sentence for people."""
        return sentence(self.code, self.details, language)


@dataclass(frozen=True, slots=True)
class Subject:
    """What was verified; to be believed only as far as the verdict goes.

    Attributes:
        form: ``sd-jwt`` or ``card``.
        kind: The kind's code.
        department: The issuing department's code.
        issued_at: Unix seconds.
        not_before: Unix seconds.
        expires: Unix seconds; None when permanent.
        digest: The artefact's digest.
        claims: What is disclosed, by claim name.
        view: The card's view; None for an SD-JWT.
        anchored_at: Time of the anchoring block, unix seconds; None when not found.
    """

    form: str
    kind: str
    department: str
    issued_at: int
    not_before: int
    expires: int | None
    digest: bytes
    claims: Mapping[str, Any]
    view: str | None = None
    anchored_at: int | None = None


@dataclass(frozen=True, slots=True)
class TrustNote:
    """The trust file that an answer rests on.

    Attributes:
        version: Its version.
        expires: When it will do no longer, unix seconds.
    """

    version: int
    expires: int


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a verification.

    Attributes:
        verdict: The answer.
        steps: One result for each of the ten steps, in order.
        checked_at: When it was verified, unix seconds.
        as_of: The time at which the chain's answer holds; None when no source answered.
        basis: What the chain's answer rests on; None when no source answered.
        subject: What was verified; None when it could not be read.
        trust: The trust file that was used; None when nothing could be read.
        said: Code of the verdict's sentence; None for the one that all checks have.
    """

    verdict: Verdict
    steps: tuple[StepResult, ...]
    checked_at: int
    as_of: int | None = None
    basis: Basis | None = None
    subject: Subject | None = None
    trust: TrustNote | None = None
    said: str | None = None

    @property
    def decisive(self) -> StepResult | None:
        """The step that decided against validity; None when valid."""
        return next((s for s in self.steps if s.outcome is Outcome.FAILED), None)

    def headline(self, language: Language) -> str:
        """Return the verdict's sentence for people."""
        return messages()[self.said or f"verdict_{self.verdict}"][language]

    def basis_text(self, language: Language) -> str:
        """Return what the chain's answer rests on, for people; "" when no source answered."""
        return "" if self.basis is None else messages()[f"basis_{self.basis}"][language]

    def trust_text(self, language: Language) -> str:
        """Return which trust file was used, for people; "" when nothing could be read."""
        if self.trust is None:
            return ""
        details = {"version": self.trust.version, "expires": time_text(self.trust.expires)}
        return sentence("trust_used", details, language)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON-ready values; times in ISO 8601, UTC."""
        subject = self.subject
        return {
            "verdict": self.verdict.value,
            "exit_code": self.verdict.exit_code,
            "message": {"zh": self.headline("zh"), "en": self.headline("en")},
            "checked_at": _iso(self.checked_at),
            "as_of": _iso(self.as_of),
            "basis": None
            if self.basis is None
            else {
                "code": self.basis.value,
                "zh": self.basis_text("zh"),
                "en": self.basis_text("en"),
            },
            "trust": None
            if self.trust is None
            else {"version": self.trust.version, "expires": _iso(self.trust.expires)},
            "steps": [
                {
                    "number": step.number,
                    "name": step.name,
                    "outcome": step.outcome.value,
                    "code": step.code,
                    "zh": step.message("zh"),
                    "en": step.message("en"),
                }
                for step in self.steps
            ],
            "document": None
            if subject is None
            else {
                "form": subject.form,
                "kind": subject.kind,
                "view": subject.view,
                "department": subject.department,
                "issued_at": _iso(subject.issued_at),
                "not_before": _iso(subject.not_before),
                "expires": _iso(subject.expires),
                "anchored_at": _iso(subject.anchored_at),
                "digest": "0x" + subject.digest.hex(),
                "claims": dict(subject.claims),
            },
        }


def _iso(time: int | None) -> str | None:
    return None if time is None else time_text(time)
