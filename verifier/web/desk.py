"""Where documents are handed in: one submission, one answer, the same for people and programs."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Protocol

from ecert import limits
from ecert.artefact import Expectation
from ecert.report import STEPS, Outcome, Report
from verifier.checker import PROMPT_BYTES
from verifier.web.challenges import Challenges
from verifier.web.submission import Submission, read_submission

PROMPT_BODY_BYTES = PROMPT_BYTES + 4 * limits.KIB
"""The longest body that may be checked promptly, a form's boundaries and fields included."""

_HOLDER = STEPS.index("holder")


class Checks(Protocol):
    """What the service needs of a ``verifier.checker.Checker``."""

    def check(
        self, data: bytes, *, now: datetime, expect: Expectation | None = None
    ) -> Sequence[Report]:
        """Return a report for each document in ``data``."""

    def check_promptly(
        self, data: bytes, *, now: datetime, expect: Expectation | None = None
    ) -> Sequence[Report] | None:
        """Return them where that takes little time and waits for nothing; else None."""


class _Check(Protocol):
    def __call__(
        self, data: bytes, *, now: datetime, expect: Expectation | None = None
    ) -> Sequence[Report] | None: ...


class Desk:
    """Checks what comes in.

    Args:
        checker: Does the checking.
        challenges: What holders are asked to sign.
        now: The time, aware.
    """

    def __init__(
        self, checker: Checks, challenges: Challenges, now: Callable[[], datetime]
    ) -> None:
        self._checker = checker
        self._now = now
        self.challenges = challenges

    def handle(self, body: bytes, content_type: str) -> Sequence[Report]:
        """Check a request's body.

        Raises:
            MalformedError: The form is not one, or has nothing to check.
            ChallengeError: It answers a challenge of this service that is not good any more.
            TrustError: Nothing can be said without a current trust file.
        """
        reports = self._check(read_submission(body, content_type), self._checker.check)
        assert reports is not None
        return reports

    def handle_promptly(self, body: bytes, content_type: str) -> Sequence[Report] | None:
        """Do as ``handle`` where that takes little time and waits for nothing.

        Returns:
            The reports; None where ``handle`` must be asked.

        Raises:
            EcertError: As ``handle``.
        """
        if len(body) > PROMPT_BODY_BYTES:
            return None
        return self._check(read_submission(body, content_type), self._checker.check_promptly)

    def _check(self, submission: Submission, check: _Check) -> Sequence[Report] | None:
        filled = submission.filled
        with ExitStack() as stack:
            answers = [
                stack.enter_context(self.challenges.answering(asked))
                for asked in {filled.nonce, filled.challenge} - {""}
            ]
            reports = check(submission.data, now=self._now(), expect=submission.expectation())
            proven = reports is not None and any(
                report.steps[_HOLDER].outcome is Outcome.PASSED for report in reports
            )
            for answer in answers:
                answer.accepted = proven
        return reports

    def probe(self) -> None:
        """Check that checking works, without asking the chain.

        Raises:
            TrustError: ``trust_expired``.
        """
        self._checker.check(b"~", now=self._now())
