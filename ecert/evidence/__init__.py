"""Evidence packages: a document with everything that proves it, for who has only the trust file."""

from ecert.evidence.check import EvidenceReport, check_evidence
from ecert.evidence.making import make_evidence, query_for
from ecert.evidence.package import MEDIA_TYPE, SUFFIX, ChainProof, Evidence, is_evidence

__all__ = [
    "MEDIA_TYPE",
    "SUFFIX",
    "ChainProof",
    "Evidence",
    "EvidenceReport",
    "check_evidence",
    "is_evidence",
    "make_evidence",
    "query_for",
]
