"""Cards: documents small enough for one QR code.

A department signs with ``issue``, its receipt joins by ``with_receipt``, the holder shows the card
by ``with_proof``; a verifier calls ``parse``, ``verify_issuer`` and ``verify_holder``, each a step
of its own. The format is described in ``ecert.card.model``.
"""

from ecert.card.holder import (
    MemoryReplayCache,
    ReplayCache,
    proof_input,
    verify_holder,
    with_proof,
)
from ecert.card.issue import IssuedCard, issue, with_receipt
from ecert.card.model import (
    PREFIX,
    CardContent,
    ClaimValue,
    HolderProof,
    UnverifiedCard,
)
from ecert.card.read import parse, verify_issuer
from ecert.card.view import CardView

__all__ = [
    "PREFIX",
    "CardContent",
    "CardView",
    "ClaimValue",
    "HolderProof",
    "IssuedCard",
    "MemoryReplayCache",
    "ReplayCache",
    "UnverifiedCard",
    "issue",
    "parse",
    "proof_input",
    "verify_holder",
    "verify_issuer",
    "with_proof",
    "with_receipt",
]
