"""What a card is made of.

A card is a CWT (RFC 8392) in a COSE_Sign1 (RFC 9052) with integer keys throughout, shown as text
``EC1:`` + base45 (RFC 9285):

=================  =============  ==================================================================
where              label          value
=================  =============  ==================================================================
protected header   1 alg          -7 ES256 or -8 EdDSA, as the department's key demands
protected header   4 kid          SHA-256 thumbprint (RFC 7638) of the department's key, 32 bytes
unprotected        -65537         receipt: [leaf index, tree size, path as one byte string, block]
claims             4 exp          seconds since 1970; absent when permanent
claims             5 nbf, 6 iat   seconds since 1970
claims             7 cti          16 random bytes, this artefact's own
claims             8 cnf          {1: COSE_Key of the holder} (RFC 8747); absent when the card
                                  identifies the person by its content
claims             -65537         {1: department code, 2: kind number, 3: kind version, 4: view
                                  number, 5: [status list, index], 6: {claim number: value}}
=================  =============  ==================================================================

-65537 is the first label left to private use in both registries (RFC 8392 section 9.1, RFC 9052
section 11.2): one of them holds all that is Ecert's, since each costs five bytes. The issuer's
origin (1 iss) is left out: the department's code names who answers for the content.

With a holder's proof the text encodes ``[card, [time, challenge, signature]]``, the card being the
COSE_Sign1's bytes. Nothing is compressed: random identifiers, keys and signatures, most of a card,
do not shrink, and a second encoding would be a second way to read the same text.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from ecert.facts import StatusReference
from ecert.receipt import CompactReceipt
from ecert.signing import PublicKey

PREFIX = "EC1:"
PRIVATE_LABEL = -65537
CLAIM_EXP, CLAIM_NBF, CLAIM_IAT, CLAIM_CTI, CLAIM_CNF = 4, 5, 6, 7, 8
CNF_COSE_KEY = 1
DEPT, KIND, VERSION, VIEW, STATUS, CLAIMS = 1, 2, 3, 4, 5, 6

CTI_BYTES = 16

ClaimValue = str | int | bool
"""A claim of a card; dates are days since 1970-01-01 (``CardView`` says which claims are dates)."""


@dataclass(frozen=True)
class CardContent:
    """What a department puts into one card.

    Attributes:
        dept: The issuing department's code.
        kind: The kind's number in the catalogue.
        version: The kind's version.
        view: The view's number within the kind.
        claims: Values by claim number of that view.
        status: The artefact's own status entry.
        iat: When it is issued, seconds since 1970.
        nbf: When it begins to be valid.
        exp: When it ends to be valid; None for a permanent document.
        holder: The holder's (one-time) key; None if the content identifies the person.
    """

    dept: str
    kind: int
    version: int
    view: int
    claims: Mapping[int, ClaimValue]
    status: StatusReference
    iat: int
    nbf: int
    exp: int | None
    holder: PublicKey | None


@dataclass(frozen=True)
class HolderProof:
    """The holder's signature for one showing of a card.

    Attributes:
        time: When it was made, seconds since 1970.
        challenge: What the verifier asked to be signed; empty if it showed no challenge.
        signature: Over ``proof_input`` of the card's digest, time and challenge, 64 bytes.
    """

    time: int
    challenge: bytes
    signature: bytes


@dataclass(frozen=True)
class UnverifiedCard:
    """A card that was read and whose form is right. Nothing in it is to be believed yet.

    Attributes:
        content: What the card says.
        cti: Its random identifier.
        alg: The COSE algorithm it claims.
        kid: Thumbprint of the key it claims to be signed with.
        signed_bytes: The Sig_structure (RFC 9052 section 4.4).
        signature: The issuer's signature.
        receipt: The inclusion proof it carries; outside the signature.
        proof: The holder's proof shown with it.
    """

    content: CardContent
    cti: bytes
    alg: int
    kid: bytes
    signed_bytes: bytes
    signature: bytes
    receipt: CompactReceipt | None
    proof: HolderProof | None

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 over the signed bytes: the leaf's data.

        The signature is left out: from an ECDSA signature anybody can compute a second valid one,
        which must not make a second document.
        """
        return hashlib.sha256(self.signed_bytes).digest()
