"""Makes evidence packages: a document, and what a node or a registry gives to prove it."""

from collections.abc import Callable
from datetime import datetime

from ecert import artefact as artefacts
from ecert.artefact import Artefact
from ecert.errors import MalformedError
from ecert.evidence.check import EvidenceReport, check_evidence
from ecert.evidence.package import ChainProof, Evidence
from ecert.facts import Query
from ecert.steps import query_of, receipt_of
from ecert.trust import TrustStore


def query_for(document: bytes, trust: TrustStore) -> Query:
    """Return what must be asked of the chain to prove a document.

    Args:
        document: A document file, or a card's text, with its receipt.
        trust: Names the chain and the kinds.

    Raises:
        MalformedError: It cannot be read; ``evidence_without_receipt``.
        KindError: It is of no known kind.
        ProofError: A card's path is none.
    """
    artefact = artefacts.read(document, trust.catalogue)
    return query_of(artefact, receipt_of(_with_receipt(artefact), trust.file))


def make_evidence(
    document: bytes, trust: TrustStore, prove: Callable[[Query], ChainProof], *, now: datetime
) -> tuple[bytes, EvidenceReport]:
    """Return a package, and the report of checking it as anybody will.

    Args:
        document: A document file with the disclosures that it is to show, or a card's text.
        trust: The trust roots.
        prove: Gets the proof from a node or a registry; it is not trusted.
        now: The time, aware.

    Raises:
        EcertError: As ``query_for``, ``prove`` and ``check_evidence``.
    """
    proof = prove(query_for(document, trust))
    data = Evidence(document, proof, trust.file.version).encode()
    return data, check_evidence(data, trust.data, trust.catalogue, now=now)


def _with_receipt(artefact: Artefact) -> Artefact:
    if artefact.receipt is None:
        raise MalformedError("evidence_without_receipt")
    return artefact
