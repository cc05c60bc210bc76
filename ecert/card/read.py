"""Reading a card, strictly: whatever is read has one encoding, and no member goes unread."""

from collections.abc import Collection
from typing import Any

from ecert import limits
from ecert.card import model
from ecert.card.check import (
    MAX_TIME,
    check_content,
    check_receipt,
    require_bytes,
    require_int,
)
from ecert.card.model import (
    CardContent,
    HolderProof,
    UnverifiedCard,
)
from ecert.card.text import decode, read_text
from ecert.cose import HEADER_ALG, HEADER_KID, key_from_cose, sig_structure
from ecert.errors import MalformedError, SignatureInvalidError
from ecert.facts import StatusReference
from ecert.receipt import CompactReceipt
from ecert.signing import PublicKey

_MAX_ALG = 0xFFFF
_HEADER = {HEADER_ALG, HEADER_KID}
_ECERT = {model.DEPT, model.KIND, model.VERSION, model.VIEW, model.STATUS, model.CLAIMS}
_CLAIMS = {model.CLAIM_NBF, model.CLAIM_IAT, model.CLAIM_CTI, model.PRIVATE_LABEL}
_OPTIONAL_CLAIMS = {model.CLAIM_EXP, model.CLAIM_CNF}


def parse(text: str) -> UnverifiedCard:
    """Read a card's text, with the holder's proof if it has one (verification step 0).

    Args:
        text: Exactly ``EC1:`` and base45. A space is a base45 digit: a caller may strip white
            space around the text, which never ends in that digit, but not within.

    Raises:
        MalformedError: ``too_large``, ``card_prefix_missing``, ``base45_malformed``, a ``cbor_``
            code, ``cose_key_malformed``, ``card_label_unknown``, ``card_label_missing``,
            ``card_claim_malformed`` or ``card_malformed``.
    """
    card = read_text(text)
    header = _members(decode(card.protected), "protected", _HEADER)
    claims = _members(decode(card.payload), "claims", _CLAIMS, _OPTIONAL_CLAIMS)
    cti = claims[model.CLAIM_CTI]
    return UnverifiedCard(
        content=_content(claims),
        cti=require_bytes(cti, "cti", least=model.CTI_BYTES, most=model.CTI_BYTES),
        # Which algorithm is allowed depends on the key: step 1 refuses the others.
        alg=require_int(header[HEADER_ALG], _MAX_ALG, "alg", least=-_MAX_ALG),
        kid=require_bytes(header[HEADER_KID], "kid", least=32, most=32),
        signed_bytes=sig_structure(card.protected, card.payload),
        signature=card.signature,
        receipt=_receipt(card.unprotected),
        proof=None if card.proof is None else _proof(card.proof),
    )


def verify_issuer(card: UnverifiedCard, key: PublicKey) -> None:
    """Verify the issuer's signature (verification step 1).

    Args:
        card: The card as it was read.
        key: The key that the trusted source names by the card's ``kid``.

    Raises:
        SignatureInvalidError: ``card_kid_mismatch``, ``algorithm_not_allowed`` or
            ``signature_invalid``.
    """
    if card.kid != key.thumbprint:
        raise SignatureInvalidError("card_kid_mismatch")
    key.verify(card.signature, card.signed_bytes, alg=card.alg, where=model.PREFIX[:-1])


def _members(
    value: Any, where: str, required: Collection[int], optional: Collection[int] = ()
) -> dict[int, Any]:
    if not isinstance(value, dict):
        raise MalformedError("card_malformed", where=where)
    for label in value:
        if label not in required and label not in optional:
            raise MalformedError("card_label_unknown", where=where, label=label)
    for label in required:
        if label not in value:
            raise MalformedError("card_label_missing", where=where, label=label)
    return value


def _content(claims: dict[int, Any]) -> CardContent:
    own = _members(claims[model.PRIVATE_LABEL], "ecert", _ECERT)
    status, values = own[model.STATUS], own[model.CLAIMS]
    if not isinstance(status, list) or len(status) != 2:
        raise MalformedError("card_malformed", where="status")
    if not isinstance(values, dict):
        raise MalformedError("card_malformed", where="claims")
    content = CardContent(
        dept=own[model.DEPT],
        kind=own[model.KIND],
        version=own[model.VERSION],
        view=own[model.VIEW],
        claims=values,
        status=StatusReference(*status),
        iat=claims[model.CLAIM_IAT],
        nbf=claims[model.CLAIM_NBF],
        # Absent is permanent; anything else, a null too, was refused or is checked below.
        exp=claims.get(model.CLAIM_EXP),
        holder=_holder(claims.get(model.CLAIM_CNF)),
    )
    check_content(content)
    return content


def _holder(cnf: Any) -> PublicKey | None:
    if cnf is None:
        return None
    return key_from_cose(_members(cnf, "cnf", {model.CNF_COSE_KEY})[model.CNF_COSE_KEY])


def _receipt(header: dict[int, Any]) -> CompactReceipt | None:
    if not header:
        return None
    value = _members(header, "unprotected", {model.PRIVATE_LABEL})[model.PRIVATE_LABEL]
    if not isinstance(value, list) or len(value) != 4:
        raise MalformedError("card_malformed", where="receipt")
    index, size, path, block = value
    if not isinstance(path, bytes) or len(path) % 32:
        raise MalformedError("card_malformed", where="receipt.path")
    nodes = tuple(path[i : i + 32] for i in range(0, len(path), 32))
    receipt = CompactReceipt(index, size, nodes, block)
    check_receipt(receipt)
    return receipt


def _proof(value: Any) -> HolderProof:
    if not isinstance(value, list) or len(value) != 3:
        raise MalformedError("card_malformed", where="proof")
    return HolderProof(
        time=require_int(value[0], MAX_TIME, "proof.time"),
        challenge=require_bytes(
            value[1], "proof.challenge", least=0, most=limits.MAX_CARD_CHALLENGE_BYTES
        ),
        signature=require_bytes(value[2], "proof.signature", least=64, most=64),
    )
