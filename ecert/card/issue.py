"""The issuer's side: a department signs a card; its receipt joins it once the batch is anchored."""

import dataclasses
import hashlib
import secrets
from typing import Any

from ecert.card import model
from ecert.card.check import check_content, check_receipt
from ecert.card.model import CardContent
from ecert.card.text import Sign1, read_text, write_text
from ecert.cbor import cbor_encode
from ecert.cose import HEADER_ALG, HEADER_KID, key_to_cose, sig_structure
from ecert.receipt import CompactReceipt
from ecert.signing import Signer


@dataclasses.dataclass(frozen=True)
class IssuedCard:
    """A signed card.

    Attributes:
        text: ``EC1:`` and the card in base45.
        digest: The data of its leaf.
        cti: Its random identifier.
    """

    text: str
    digest: bytes
    cti: bytes


def issue(content: CardContent, *, signer: Signer) -> IssuedCard:
    """Sign ``content`` with a department's key.

    Raises:
        MalformedError: ``card_malformed``, ``card_claim_malformed`` or ``too_large`` for what no
            reader would accept.
    """
    check_content(content)
    cti = secrets.token_bytes(model.CTI_BYTES)
    key = signer.public_key
    protected = cbor_encode({HEADER_ALG: key.suite.cose, HEADER_KID: key.thumbprint})
    payload = cbor_encode(_claims(content, cti))
    signed_bytes = sig_structure(protected, payload)
    card = Sign1(protected, {}, payload, signer.sign(signed_bytes))
    return IssuedCard(write_text(card), hashlib.sha256(signed_bytes).digest(), cti)


def with_receipt(text: str, receipt: CompactReceipt | None) -> str:
    """Return the card ``text`` with ``receipt`` in place of the one it may carry.

    The unprotected header is not signed, so neither signature nor digest changes, and a holder's
    proof keeps its worth.

    Args:
        text: A card.
        receipt: The receipt, or None to leave it out where room is short.

    Raises:
        MalformedError: The text is no card, or the receipt is out of bounds.
    """
    header: dict[int, Any] = {}
    if receipt is not None:
        check_receipt(receipt)
        path = b"".join(receipt.path)
        header[model.PRIVATE_LABEL] = [receipt.index, receipt.size, path, receipt.block]
    return write_text(dataclasses.replace(read_text(text), unprotected=header))


def _claims(content: CardContent, cti: bytes) -> dict[int, Any]:
    claims: dict[int, Any] = {
        model.CLAIM_NBF: content.nbf,
        model.CLAIM_IAT: content.iat,
        model.CLAIM_CTI: cti,
        model.PRIVATE_LABEL: {
            model.DEPT: content.dept,
            model.KIND: content.kind,
            model.VERSION: content.version,
            model.VIEW: content.view,
            model.STATUS: [content.status.list, content.status.index],
            model.CLAIMS: dict(content.claims),
        },
    }
    if content.exp is not None:
        claims[model.CLAIM_EXP] = content.exp
    if content.holder is not None:
        claims[model.CLAIM_CNF] = {model.CNF_COSE_KEY: key_to_cose(content.holder)}
    return claims
