"""Is this document authentic? Ten steps, in the order of DESIGN section 7.

0 limits and parsing
1 issuer's signature by the key that ``kid`` names
2 inclusion of the digest in the receipt's root
3 the root is anchored by the department that ``dept`` names, same size, in a final block
4 the key was that department's at the anchor block
5 the department might issue this kind then
6 status: bits, digest, root
7 validity period
8 holder's proof: key, audience, nonce or challenge, freshness
9 what is disclosed fits the kind's schema

Pure: files and network stay outside, behind ``FactSource`` and ``ReceiptSource``. A step that fails
decides the verdict; a step that could not be checked makes it undecided, never invalid.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from ecert import artefact as artefacts
from ecert.artefact import Expectation
from ecert.card.holder import MemoryReplayCache, ReplayCache
from ecert.errors import EcertError, UnavailableError
from ecert.facts import FactSource, ReceiptSource
from ecert.report import STEPS, Outcome, Report, StepResult, Subject, TrustNote, Verdict
from ecert.steps import NotChecked, Steps
from ecert.trust import TrustStore

_FAILED_VERDICT = {
    0: Verdict.UNREADABLE,
    1: Verdict.TAMPERED,
    2: Verdict.RECEIPT_FALSE,
    3: Verdict.NEVER_ANCHORED,
    4: Verdict.ISSUER_NOT_AUTHORISED,
    5: Verdict.ISSUER_NOT_AUTHORISED,
    6: Verdict.REVOKED,
    7: Verdict.EXPIRED,
    8: Verdict.HOLDER_NOT_PROVEN,
    9: Verdict.CONTENT_MALFORMED,
}
_CODE_VERDICT = {
    "status_suspended": Verdict.SUSPENDED,
    "document_not_yet_valid": Verdict.NOT_YET_VALID,
    "receipt_size": Verdict.RECEIPT_FALSE,
    "receipt_block": Verdict.RECEIPT_FALSE,
}


class Verifier:
    """Verifies documents against one chain.

    Args:
        trust: The trust roots; there is no verifier without them.
        facts: Where the chain's records come from.
        receipts: Where receipts are looked up for artefacts that came without one.
        replay: Remembers cards' proofs; of this process by default.
    """

    def __init__(
        self,
        trust: TrustStore,
        facts: FactSource,
        *,
        receipts: ReceiptSource | None = None,
        replay: ReplayCache | None = None,
    ) -> None:
        self._trust = trust
        self._facts = facts
        self._receipts = receipts
        self._replay = MemoryReplayCache() if replay is None else replay

    def verify(
        self, data: bytes | str, *, now: datetime, expect: Expectation | None = None
    ) -> Report:
        """Verify a document file, an SD-JWT or a card.

        Args:
            data: The file's bytes or the text.
            now: The verifier's time, aware.
            expect: What was asked of the holder.

        Returns:
            The report. Bad input gives a report, never an exception.

        Raises:
            TrustError: ``trust_expired``: nothing can be said without a current trust file.
            MalformedError: ``time_not_aware``, if ``now`` does not say its zone.
        """
        self._trust.check_current(now)
        try:
            artefact = artefacts.read(data, self._trust.catalogue)
        except EcertError as error:
            return unread_report(error, now)
        steps = Steps(self._trust, artefact, expect or Expectation(), now, self._replay)
        steps.gather(self._facts, self._receipts)
        note = TrustNote(self._trust.file.version, self._trust.file.expires)
        return replace(_report(steps), trust=note)


def unread_report(error: EcertError, now: datetime) -> Report:
    """Return the report for input in which no document could be read.

    Args:
        error: Why; ``UnavailableError`` where it could not be fetched, which decides nothing.
        now: The verifier's time, aware.
    """
    undecided = isinstance(error, UnavailableError)
    outcome = Outcome.NOT_CHECKED if undecided else Outcome.FAILED
    first = StepResult(0, outcome, error.code, error.details)
    rest = (StepResult(n, Outcome.NOT_CHECKED, "not_reached", {}) for n in range(1, len(STEPS)))
    verdict = Verdict.UNDECIDED if undecided else Verdict.UNREADABLE
    return Report(verdict, (first, *rest), int(now.timestamp()))


def _report(steps: Steps) -> Report:
    """Run the steps and sum them up."""
    plan: tuple[tuple[Callable[[], dict[str, object]], tuple[int, ...]], ...] = (
        (steps.step_1_signature, ()),
        (steps.step_2_inclusion, (1,)),
        (steps.step_3_anchor, (1, 2)),
        (steps.step_4_key, (3,)),
        (steps.step_5_kind, (3,)),
        (steps.step_6_status, (1,)),
        (steps.step_7_validity, (1,)),
        (steps.step_9_content, (1,)),
        (steps.step_8_holder, (1, 9)),
    )
    results = {0: StepResult(0, Outcome.PASSED, "step_0_passed", {})}
    failed: dict[int, Verdict] = {}
    undecided: dict[int, Verdict] = {}
    for step, needs in plan:
        number = int(step.__name__[5])
        if any(results[n].outcome is not Outcome.PASSED for n in needs):
            results[number] = StepResult(number, Outcome.NOT_CHECKED, "not_reached", {})
            continue
        try:
            details = step()
            code = f"step_{number}_passed"
            results[number] = StepResult(number, Outcome.PASSED, code, details)
        except NotChecked as gap:
            results[number] = StepResult(number, Outcome.NOT_CHECKED, gap.code, gap.details)
            if gap.verdict is not None:
                undecided[number] = gap.verdict
        except UnavailableError as error:
            results[number] = StepResult(number, Outcome.NOT_CHECKED, error.code, error.details)
            undecided[number] = Verdict.UNDECIDED
        except EcertError as error:
            results[number] = StepResult(number, Outcome.FAILED, error.code, error.details)
            failed[number] = _CODE_VERDICT.get(error.code, _FAILED_VERDICT[number])
    _key_unknown(steps, results, failed, undecided)
    open_questions = failed or undecided
    verdict = open_questions[min(open_questions)] if open_questions else Verdict.VALID
    return Report(
        verdict=verdict,
        steps=tuple(results[number] for number in range(len(STEPS))),
        checked_at=int(steps.now.timestamp()),
        as_of=steps.facts.time if steps.facts else None,
        basis=steps.facts.basis if steps.facts else None,
        subject=_subject(steps),
    )


def _key_unknown(
    steps: Steps,
    results: dict[int, StepResult],
    failed: dict[int, Verdict],
    undecided: dict[int, Verdict],
) -> None:
    """Without the department's key nothing can be checked: that alone is step 4's answer."""
    if results[1].code != "key_unknown_unverified":
        return
    details = {"department": steps.artefact.department}
    results[4] = StepResult(4, Outcome.FAILED, "key_unknown", details)
    failed[4] = Verdict.ISSUER_NOT_AUTHORISED
    undecided.clear()


def _subject(steps: Steps) -> Subject:
    artefact = steps.artefact
    anchor = steps.facts.anchor if steps.facts else None
    return Subject(
        form=artefact.form,
        kind=artefact.kind.code,
        department=artefact.department,
        issued_at=artefact.issued_at,
        not_before=artefact.not_before,
        expires=artefact.expires,
        digest=artefact.digest,
        claims=steps.claims or {},
        view=artefact.view,
        anchored_at=anchor.time if anchor else None,
    )
