"""Checks an evidence package with nothing but the trust file: no network, no database.

The ten steps are those of every verification (``ecert.verification``); the chain's records come out
of the package's proof. The question is whether the document was valid as of the package's block; it
may be asked about another time, and the package then answers only as far as it is recent enough.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ecert.artefact import Expectation
from ecert.chain.block_proof import ProvenBlock
from ecert.chain.state_proof import StateProof
from ecert.document import DocumentFile
from ecert.errors import EcertError, Language, ProofError, UnavailableError, sentence
from ecert.evidence.fitting import fitting
from ecert.evidence.package import Evidence
from ecert.evidence.timestamp import Timestamp, verify_timestamp
from ecert.evidence.wording import worded
from ecert.facts import Basis, Facts, Query
from ecert.fields import hex_text, time_text
from ecert.kinds.catalogue import Catalogue
from ecert.receipt import Receipt
from ecert.report import Outcome, Report, Verdict
from ecert.steps import CLOCK_SKEW_SECONDS
from ecert.trust import TrustFile, TrustStore
from ecert.verification import Verifier

PROVES = {"evidence_proves_issued": 3, "evidence_proves_authorised": 5, "evidence_proves_status": 6}
"""What is proved where a step passed."""
PROVES_NOT = (
    "evidence_proves_not_holder",
    "evidence_proves_not_later",
    "evidence_proves_not_true",
)
_ASKED_LATER = "evidence_proves_not_between"
"""What else is not proved where a later time than the block's was asked about."""

_BEGINNING = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class EvidenceReport:
    """What a package proves.

    Attributes:
        report: The ten steps, the verdict and what was verified.
        asked: The time that was asked about, unix seconds.
        block: The block in whose state the chain's records are proved.
        handovers: Changes of validators that lead from a pinned block to them.
        receipt: Where the document's digest stands in an anchored tree; None for a card's.
        facts: The chain's records; None where they could not be asked for.
        timestamp: An authority's word that the block was there; None where there is no token, or
            the trust file names no authority.
        stamped: Whether there is a token, checked or not.
        trust_version: Version of the trust file that was used.
        trust_expires: Until when that file is accepted for new checks, unix seconds.
        digest: SHA-256 of the package.
        size: Its bytes.
    """

    report: Report
    asked: int
    block: ProvenBlock
    handovers: int
    receipt: Receipt | None
    facts: Facts | None
    timestamp: Timestamp | None
    stamped: bool
    trust_version: int
    trust_expires: int
    digest: bytes
    size: int

    @property
    def verdict(self) -> Verdict:
        """The answer."""
        return self.report.verdict

    @property
    def proves(self) -> tuple[str, ...]:
        """Codes of the sentences that say what is proved; none where a step failed."""
        if self.report.decisive is not None or self.facts is None:
            return ()
        return tuple(code for code, step in PROVES.items() if self._passed(step))

    @property
    def rests(self) -> str:
        """Code of the sentence that says what all of it rests on."""
        return f"evidence_rests_{'pin' if self.block.pinned else self.block.basis}"

    @property
    def limits(self) -> tuple[str, ...]:
        """Codes of the sentences that say what is not proved, and what the rest depends on."""
        time = "evidence_time_authority" if self.timestamp else f"evidence_time_{self.block.basis}"
        between = (_ASKED_LATER,) if self.asked > self.block.time else ()
        return (self.rests, time, *between, *PROVES_NOT)

    def sentence(
        self, code: str, language: Language, moment: Callable[[int], str] = time_text
    ) -> str:
        """Return the sentence of a code of ``proves`` or ``limits``.

        Args:
            code: The code.
            language: The sentence's language.
            moment: Says a time, unix seconds.
        """
        times = {"block": moment(self.block.time), "asked": moment(self.asked)}
        return sentence(code, times, language)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON-ready values; times in ISO 8601, UTC."""
        block, stamp = self.block, self.timestamp
        return self.report.to_json() | {
            "asked": time_text(self.asked),
            "package": {"sha256": self.digest.hex(), "bytes": self.size},
            "block": {
                "number": block.number,
                "hash": hex_text(block.hash),
                "state_root": hex_text(block.state_root),
                "time": time_text(block.time),
                "validators": [hex_text(address) for address in block.validators],
                "sealers": [hex_text(address) for address in block.sealers],
                "handovers": self.handovers,
            },
            "receipt": None if self.receipt is None else self.receipt.to_json(),
            "timestamp": None
            if stamp is None
            else {"time": time_text(stamp.time), "authority": stamp.authority},
            "trust": {"version": self.trust_version, "expires": time_text(self.trust_expires)},
            "proves": [self._both(code) for code in self.proves],
            "limits": [self._both(code) for code in self.limits],
        }

    def _passed(self, step: int) -> bool:
        return self.report.steps[step].outcome is Outcome.PASSED

    def _both(self, code: str) -> dict[str, str]:
        return {
            "code": code,
            "zh": self.sentence(code, "zh"),
            "en": self.sentence(code, "en"),
        }


def check_evidence(
    data: bytes, trust: bytes, catalogue: Catalogue, *, now: datetime, at: datetime | None = None
) -> EvidenceReport:
    """Check a package.

    Args:
        data: The package.
        trust: The trust file. It must have been good at the package's block; that it has expired
            since then takes nothing from what was proved with it.
        catalogue: The kinds that it pins.
        now: The time, aware: no block may be of later.
        at: The time that is asked about, not after ``now``; that of the package's block when not
            given.

    Raises:
        MalformedError: The package or the trust file cannot be read.
        ProofError: The package proves nothing: changed, sealed by too few or by others.
        TrustError: ``catalogue_not_pinned``; ``signed_by_too_few``.
        UnavailableError: ``evidence_other_registry``: the trust file is that of other contracts or
            another chain; ``evidence_from_the_future``: a clock is wrong, this one or theirs;
            ``evidence_of_later``, ``evidence_asked_of_future``: asked about a time before the
            block, or one to come; ``evidence_trust_expired_before_block``,
            ``evidence_asked_after_trust``: the trust file does not answer about that time;
            ``contract_closed``.
    """
    evidence = Evidence.decode(data)
    state = evidence.proof.state
    store = TrustStore(trust, catalogue, now=_BEGINNING)
    with fitting(evidence, store.file):
        block = state.block.verify(store)
    time = datetime.fromtimestamp(block.time, UTC)
    asked = time if at is None else at
    _check_times(time, asked, now)
    _check_trusted(store.file.expires, time, asked)
    source = _Proven(state, store)
    verifier = Verifier(store, source)
    report = verifier.verify(evidence.document, now=asked, expect=Expectation(waived=True))
    if source.error is not None:
        with fitting(evidence, store.file):
            raise source.error
    stamp = evidence.proof.timestamp
    return EvidenceReport(
        report=worded(report),
        asked=int(asked.timestamp()),
        block=block,
        handovers=len(state.block.handovers),
        receipt=_receipt(evidence.document),
        facts=source.answer,
        timestamp=None if stamp is None else _stamp(stamp, block, store.file),
        stamped=stamp is not None,
        trust_version=store.file.version,
        trust_expires=store.file.expires,
        digest=hashlib.sha256(data).digest(),
        size=len(data),
    )


class _Proven:
    """A ``FactSource`` that is a proof, which answers the one query that its words are of."""

    def __init__(self, proof: StateProof, trust: TrustStore) -> None:
        self._proof = proof
        self._trust = trust
        self.answer: Facts | None = None
        self.error: EcertError | None = None

    def facts(self, query: Query) -> Facts:
        try:
            self.answer = self._proof.facts(self._trust, query)
        except EcertError as error:
            self.error = error
            raise
        return self.answer


def _check_times(block: datetime, asked: datetime, now: datetime) -> None:
    margin = timedelta(seconds=CLOCK_SKEW_SECONDS)
    if block - now > margin:  # no sum: it may lie after all years
        raise UnavailableError("evidence_from_the_future", time=_text(block), now=_text(now))
    if block - asked > margin:
        raise UnavailableError("evidence_of_later", time=_text(block), asked=_text(asked))
    if asked - now > margin:
        raise UnavailableError("evidence_asked_of_future", asked=_text(asked), now=_text(now))


def _check_trusted(expires: int, block: datetime, asked: datetime) -> None:
    expired = time_text(expires)
    if block.timestamp() >= expires:
        raise UnavailableError(
            "evidence_trust_expired_before_block", expired=expired, block=_text(block)
        )
    if asked.timestamp() >= expires:
        raise UnavailableError("evidence_asked_after_trust", expired=expired, asked=_text(asked))


def _stamp(token: bytes, block: ProvenBlock, file: TrustFile) -> Timestamp | None:
    """Check a token; None where the trust file names no authority to check it by.

    Raises:
        MalformedError: ``timestamp_malformed``.
        ProofError: ``timestamp_invalid``; ``timestamp_before_block``: of two clocks one is wrong.
    """
    if not file.timestamp_authorities:
        return None
    stamp = verify_timestamp(token, block.hash, file.timestamp_authorities)
    if stamp.time < block.time - CLOCK_SKEW_SECONDS and block.basis is Basis.VALIDATORS:
        raise ProofError(
            "timestamp_before_block", time=time_text(stamp.time), block=time_text(block.time)
        )
    return stamp


def _receipt(document: bytes) -> Receipt | None:
    """Return the receipt of a document file; that of a card is the card's own affair."""
    return DocumentFile.from_bytes(document).receipt if document.startswith(b"{") else None


def _text(time: datetime) -> str:
    return time_text(int(time.timestamp()))
