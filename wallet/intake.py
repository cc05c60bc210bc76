"""What is received is verified before it is kept: files from departments, artefacts of claims."""

from collections.abc import Sequence
from datetime import datetime

from ecert import card as cards
from ecert import sd_jwt
from ecert.artefact import Expectation
from ecert.document import DocumentFile
from ecert.errors import Language, MalformedError, UnavailableError
from ecert.report import Outcome, Report, Subject, Verdict
from ecert.verification import Verifier
from wallet.claims import ClaimedArtefact, PendingClaim
from wallet.errors import NotVerifiedError
from wallet.model import HeldCard, HeldDocument

_OWN = Expectation(waived=True)
_NO_REASON = frozenset({"not_reached", "holder_waived"})
_FOR_PEOPLE = (b"%PDF-", b"\x89PNG", b"\xff\xd8\xff")
"""How PDF, PNG and JPEG files begin: what people see of a document, and try to keep."""

_UNDECIDED = 2  # exit code of a verdict that says nothing against the document


class Intake:
    """Makes held documents from what verifies, and from nothing else.

    Args:
        verifier: Does the verification; None for a wallet that only shows.
    """

    def __init__(self, verifier: Verifier | None) -> None:
        self._verifier = verifier

    def report(self, data: bytes, now: datetime) -> Report:
        """Verify a document; the holder, who is here, proves nothing to themselves.

        Raises:
            NotVerifiedError: ``verifier_missing``.
            TrustError: ``trust_expired``.
        """
        if self._verifier is None:
            raise NotVerifiedError("verifier_missing")
        return self._verifier.verify(data, now=now, expect=_OWN)

    def from_file(self, data: bytes, now: datetime) -> HeldDocument:
        """Take a document file, such as a department hands out beside the paper.

        Raises:
            MalformedError: It is no document file (``add_file_for_people`` for a PDF or picture),
                or ``document_without_receipt``.
            NotVerifiedError: ``document_of_other_holder``, ``document_not_verified``.
            UnavailableError: ``document_undecided``: neither verified nor refuted.
        """
        if data.startswith(_FOR_PEOPLE):
            raise MalformedError("add_file_for_people")
        file = DocumentFile.from_bytes(data)
        if file.receipt is None:
            raise MalformedError("document_without_receipt")
        token = sd_jwt.parse(file.presentation)
        if token.key_binding is not None or "cnf" in token.payload:
            raise NotVerifiedError("document_of_other_holder")
        subject = self._verified(data, now)
        return HeldDocument(
            kind=subject.kind,
            department=subject.department,
            expires=subject.expires,
            sd_jwt=file.presentation,
            receipt=file.receipt,
            key=None,
            cards={},
            added_at=int(now.timestamp()),
        )

    def from_claim(
        self, pending: PendingClaim, artefacts: Sequence[ClaimedArtefact], now: datetime
    ) -> HeldDocument:
        """Take a claim's artefacts, each of which must name the key that was offered for it.

        Raises:
            NotVerifiedError: ``claim_incomplete``, ``claim_key_other``, ``document_not_verified``.
            UnavailableError: ``document_undecided``.
            MalformedError: An artefact cannot be read.
        """
        by_view = {artefact.view: artefact for artefact in artefacts}
        if by_view.keys() != pending.keys.keys() or len(by_view) != len(artefacts):
            raise NotVerifiedError("claim_incomplete")
        document = by_view.pop("")
        expected = {"jwk": pending.keys[""].public_key.jwk}
        if sd_jwt.parse(document.text).payload.get("cnf") != expected:
            raise NotVerifiedError("claim_key_other")
        data = DocumentFile(document.text, document.receipt).to_bytes()
        subject = self._verified(data, now)
        return HeldDocument(
            kind=subject.kind,
            department=subject.department,
            expires=subject.expires,
            sd_jwt=document.text,
            receipt=document.receipt,
            key=pending.keys[""],
            cards={view: self._card(pending, found, now) for view, found in by_view.items()},
            added_at=int(now.timestamp()),
        )

    def _card(self, pending: PendingClaim, found: ClaimedArtefact, now: datetime) -> HeldCard:
        key = pending.keys[found.view]
        if cards.parse(found.text).content.holder != key.public_key:
            raise NotVerifiedError("claim_key_other")
        text = cards.with_receipt(found.text, found.receipt.compact())
        subject = self._verified(text.encode("ascii"), now)
        if subject.view != found.view:
            raise NotVerifiedError("claim_incomplete")
        return HeldCard(text, key)

    def _verified(self, data: bytes, now: datetime) -> Subject:
        report = self.report(data, now)
        if report.verdict is Verdict.VALID and report.subject is not None:
            return report.subject
        reason = {"zh": _reason(report, "zh"), "en": _reason(report, "en")}
        if report.verdict.exit_code == _UNDECIDED:
            raise UnavailableError("document_undecided", verdict=report.verdict.value, **reason)
        raise NotVerifiedError("document_not_verified", verdict=report.verdict.value, **reason)


def _reason(report: Report, language: Language) -> str:
    """Return the verdict's sentence, and that of the step that decided."""
    return " ".join((report.headline(language), *_decisive(report, language)))


def _decisive(report: Report, language: Language) -> list[str]:
    for outcome in (Outcome.FAILED, Outcome.NOT_CHECKED):
        for step in report.steps:
            if step.outcome is outcome and step.code not in _NO_REASON:
                return [step.message(language)]
    return []
