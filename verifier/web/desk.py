"""Where documents are handed in: one submission, one answer, the same for people and programs."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Protocol

from ecert.artefact import Expectation
from ecert.report import STEPS, Outcome, Report
from verifier.web.challenges import Challenges
from verifier.web.submission import Submission, read_submission

_HOLDER = STEPS.index("holder")


class Checks(Protocol):
    """What the service needs of a ``verifier.checker.Checker``."""

    def check(
        self, data: bytes, *, now: datetime, expect: Expectation | None = None
    ) -> Sequence[Report]:
        """Return a report for each document in ``data``."""


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
        return self._check(read_submission(body, content_type))

    def _check(self, submission: Submission) -> Sequence[Report]:
        filled = submission.filled
        with ExitStack() as stack:
            answers = [
                stack.enter_context(self.challenges.answering(asked))
                for asked in {filled.nonce, filled.challenge} - {""}
            ]
            reports = self._checker.check(
                submission.data, now=self._now(), expect=submission.expectation()
            )
            proven = any(report.steps[_HOLDER].outcome is Outcome.PASSED for report in reports)
            for answer in answers:
                answer.accepted = proven
        return reports

    def probe(self) -> None:
        """Check that checking works, without asking the chain.

        Raises:
            TrustError: ``trust_expired``.
        """
        self._checker.check(b"~", now=self._now())
