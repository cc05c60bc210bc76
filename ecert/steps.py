"""The steps of verification, one method each, numbered as in DESIGN section 7.

A step returns the details of its success, raises an ``EcertError`` when it fails, and
``NotChecked`` when it cannot be decided now. ``ecert.verification`` runs them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from ecert.artefact import Artefact, Expectation
from ecert.authority import check_key, check_kind
from ecert.card.holder import ReplayCache
from ecert.errors import (
    AnchorError,
    ContentError,
    EcertError,
    HolderBindingError,
    ProofError,
    SignatureInvalidError,
    StatusError,
    UnavailableError,
    ValidityError,
)
from ecert.facts import NOTHING_FINAL, Anchor, Facts, FactSource, Query, ReceiptSource
from ecert.fields import time_text
from ecert.receipt import CompactReceipt, Receipt
from ecert.report import Verdict
from ecert.signing import SUITES
from ecert.status import Status
from ecert.trust import TrustFile, TrustStore

ANCHOR_WITHIN_SECONDS = 24 * 3600
"""A document is anchored within this time of its ``iat``, or it is not valid."""

CLOCK_SKEW_SECONDS = 300
"""How far the clocks of issuer, chain and verifier may differ."""

NBF_MARGIN_SECONDS = 24 * 3600
"""How long before ``iat`` validity may begin: the day of issue, in any zone."""


class NotChecked(Exception):  # noqa: N818
    """A step that cannot be decided now.

    Args:
        code: Why.
        verdict: What the whole then comes to; None where validity does not need the step.
        details: Values for the sentence.
    """

    def __init__(self, code: str, verdict: Verdict | None, **details: object) -> None:
        super().__init__(code)
        self.code, self.verdict, self.details = code, verdict, details


def query_of(artefact: Artefact, receipt: Receipt | None) -> Query:
    """Return what must be known of the chain to verify an artefact with this receipt."""
    return Query(
        department=artefact.department,
        key_id=artefact.kid,
        kind=artefact.kind.code,
        digest=artefact.digest,
        root=receipt.root if receipt else None,
        status=artefact.status,
    )


def receipt_of(artefact: Artefact, file: TrustFile) -> Receipt | None:
    """Return the receipt that came with an artefact, a card's as a whole one.

    Raises:
        ProofError: A card's path cannot belong to a tree of its size.
    """
    if not isinstance(artefact.receipt, CompactReceipt):
        return artefact.receipt
    return artefact.receipt.expand(
        artefact.digest,
        department=artefact.department,
        chain_id=file.chain_id,
        contract=file.contracts["anchors"].address,
    )


@dataclass
class Steps:
    """What one verification works on, and its steps."""

    trust: TrustStore
    artefact: Artefact
    expect: Expectation
    now: datetime
    replay: ReplayCache
    receipt: Receipt | None = None
    receipt_error: EcertError | None = None
    looked_up: bool = False
    """The receipt did not come with the artefact: where it is false, whoever was asked is wrong."""
    facts: Facts | None = None
    facts_error: EcertError | None = None
    claims: Mapping[str, Any] | None = None

    def gather(self, source: FactSource, receipts: ReceiptSource | None) -> None:
        """Collect the receipt and, with one query, the chain's records."""
        try:
            self.receipt = self._receipt(receipts)
        except EcertError as error:
            self.receipt_error = error
        try:
            facts = source.facts(query_of(self.artefact, self.receipt))
        except EcertError as error:
            self.facts_error = error
            return
        wanted = self.trust.file.chain_id
        if facts.chain_id == wanted:
            self.facts = facts
        else:
            self.facts_error = UnavailableError(
                "source_other_chain", found=facts.chain_id, expected=wanted
            )

    def _receipt(self, receipts: ReceiptSource | None) -> Receipt | None:
        if self.artefact.receipt is None:
            self.looked_up = True
            return receipts.receipt(self.artefact.digest) if receipts else None
        return receipt_of(self.artefact, self.trust.file)

    def step_1_signature(self) -> dict[str, object]:
        """The issuer's signature by the key that ``kid`` names."""
        facts = self._need_facts()
        if facts.key is None:
            if facts.time < self.artefact.issued_at:
                self._too_old(facts)
            raise NotChecked("key_unknown_unverified", Verdict.UNDECIDED)
        if facts.key.suite not in (suite.chain for suite in SUITES):
            raise NotChecked("suite_unknown", Verdict.UNDECIDED, suite=facts.key.suite)
        key = facts.key.public_key()
        if key.thumbprint != self.artefact.kid:
            raise SignatureInvalidError("key_not_of_thumbprint")
        self.artefact.verify_issuer(key)
        return {}

    def step_2_inclusion(self) -> dict[str, object]:
        """Inclusion of the digest in the root that the receipt names."""
        if self.receipt_error is not None:
            raise self.receipt_error
        if self.receipt is None:
            raise NotChecked("no_receipt", Verdict.UNDECIDED)
        try:
            self._check_receipt(self.receipt)
        except ProofError as error:
            if self.looked_up:
                raise NotChecked("receipt_source_wrong", Verdict.UNDECIDED) from error
            raise
        return {}

    def _check_receipt(self, receipt: Receipt) -> None:
        file = self.trust.file
        if (receipt.chain_id, receipt.contract) != (
            file.chain_id,
            file.contracts["anchors"].address,
        ):
            raise ProofError("receipt_chain")
        if receipt.department != self.artefact.department:
            raise ProofError(
                "receipt_department",
                found=receipt.department,
                department=self.artefact.department,
            )
        receipt.check_inclusion(self.artefact.digest)

    def step_3_anchor(self) -> dict[str, object]:
        """The root is anchored by the department, with the same size, in a final block, in time."""
        facts, receipt = self._need_facts(), self.receipt
        assert receipt is not None  # step 2 passed
        anchor, issued_at = facts.anchor, self.artefact.issued_at
        if anchor is None:
            self._not_anchored(facts)
        if self.looked_up and (anchor.size, anchor.block) != (receipt.size, receipt.block):
            raise NotChecked("receipt_source_wrong", Verdict.UNDECIDED)
        if anchor.size != receipt.size:
            raise AnchorError("receipt_size", found=receipt.size, anchored=anchor.size)
        if anchor.block != receipt.block:
            raise AnchorError("receipt_block", found=receipt.block, anchored=anchor.block)
        earliest = issued_at - CLOCK_SKEW_SECONDS
        if not earliest <= anchor.time <= issued_at + ANCHOR_WITHIN_SECONDS:
            raise AnchorError("anchored_late", time=time_text(anchor.time))
        if facts.final_block == NOTHING_FINAL:
            raise NotChecked("finality_unknown", Verdict.UNDECIDED)
        if anchor.block > facts.final_block:
            raise NotChecked("not_yet_final", Verdict.NOT_YET_ANCHORED)
        return {
            "department": self.artefact.department,
            "time": time_text(anchor.time),
            "block": anchor.block,
        }

    def _not_anchored(self, facts: Facts) -> NoReturn:
        due = self.artefact.issued_at + ANCHOR_WITHIN_SECONDS
        if facts.time > due:
            if self.looked_up:
                raise NotChecked("receipt_source_wrong", Verdict.UNDECIDED)
            raise AnchorError("never_anchored", department=self.artefact.department)
        if self.now.timestamp() - facts.time > self.artefact.kind.max_status_age:
            self._too_old(facts)
        raise NotChecked("not_yet_anchored", Verdict.NOT_YET_ANCHORED, time=time_text(due))

    def step_4_key(self) -> dict[str, object]:
        """The key was the department's at the anchor block."""
        facts = self._need_facts()
        assert facts.key is not None  # step 1 passed
        check_key(facts.key, self.artefact.department, self._anchor(facts).block)
        return {"department": self.artefact.department}

    def step_5_kind(self) -> dict[str, object]:
        """The department, and all above it, might issue this kind at the anchor block."""
        facts = self._need_facts()
        department, kind = self.artefact.department, self.artefact.kind.code
        check_kind(facts.lineage, department, kind, self._anchor(facts).block)
        return {"department": department, "kind": kind}

    def step_6_status(self) -> dict[str, object]:
        """Neither the entry, nor the digest, nor the root is withdrawn, and that is recent."""
        facts = self._need_facts()
        as_of = time_text(facts.time)
        if facts.digest_revoked:
            raise StatusError("digest_revoked", time=as_of)
        if facts.root_revoked:
            raise StatusError("root_revoked", time=as_of)
        match facts.status:
            case Status.VALID:
                pass
            case Status.REVOKED:
                raise StatusError("status_revoked", time=as_of)
            case Status.SUSPENDED:
                raise StatusError("status_suspended", time=as_of)
            case _:
                raise NotChecked("status_unknown_value", Verdict.UNDECIDED, value=facts.status)
        age = self.now.timestamp() - facts.time
        if age > self.artefact.kind.max_status_age:
            self._too_old(facts)
        if age < -CLOCK_SKEW_SECONDS:  # set back, a clock would make everything recent
            raise NotChecked("clock_behind", Verdict.UNDECIDED, time=as_of)
        return {"time": as_of}

    def step_7_validity(self) -> dict[str, object]:
        """The document is valid now."""
        now, artefact = self.now.timestamp(), self.artefact
        if artefact.expires is not None and now >= artefact.expires:
            raise ValidityError("document_expired", time=time_text(artefact.expires))
        if now < artefact.not_before - CLOCK_SKEW_SECONDS:
            raise ValidityError("document_not_yet_valid", time=time_text(artefact.not_before))
        return {}

    def step_8_holder(self) -> dict[str, object]:
        """Whoever shows it holds the key that it names."""
        if self.expect.waived:
            raise NotChecked("holder_waived", None)
        required = self._holder_required()
        if self.artefact.holder is None:
            return self._holder_gap("holder_key_absent", required)
        if not self.artefact.has_proof:
            return self._holder_gap("holder_proof_absent", required)
        if self.artefact.kind.fresh_challenge and not self.expect.challenges(self.artefact.form):
            raise HolderBindingError("holder_challenge_not_given")
        if not self.artefact.verify_holder(self.expect, self.now, self.replay):
            return self._holder_gap("holder_audience_not_compared", required)
        return {}

    def _holder_required(self) -> bool:
        """A proof is needed where the verifier or the kind says so, or nothing else identifies.

        What tells whose it is are the kind's own claims for that, the name and the ID number. The
        certificate's number or a photo's digest tells nobody who may carry it.
        """
        kind = self.artefact.kind
        subject = {kind.subject.name, kind.subject.id}
        identified = not kind.holder_is_person or not subject.isdisjoint(self.claims or ())
        return self.expect.required or kind.fresh_challenge or not identified

    def _holder_gap(self, code: str, required: bool) -> dict[str, object]:
        if required:
            raise HolderBindingError(code)
        raise NotChecked(code, None)

    def step_9_content(self) -> dict[str, object]:
        """What is disclosed fits the kind's schema."""
        artefact = self.artefact
        if artefact.not_before < artefact.issued_at - NBF_MARGIN_SECONDS:
            raise ContentError("nbf_before_iat")
        self.claims = artefact.content()
        return {}

    def _need_facts(self) -> Facts:
        if self.facts is None:
            error = self.facts_error or UnavailableError("no_chain_source")
            raise NotChecked(error.code, Verdict.UNDECIDED, **error.details)
        return self.facts

    def _anchor(self, facts: Facts) -> Anchor:
        assert facts.anchor is not None  # step 3 passed
        return facts.anchor

    def _too_old(self, facts: Facts) -> NoReturn:
        raise NotChecked(
            "source_too_old",
            Verdict.UNDECIDED,
            time=time_text(facts.time),
            limit=self.artefact.kind.max_status_age,
        )
