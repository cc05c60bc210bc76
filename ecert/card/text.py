"""The text of a card and the COSE_Sign1 inside, with or without a holder's proof beside it."""

from dataclasses import dataclass
from typing import Any

from ecert import limits
from ecert.base45 import b45decode, b45encode
from ecert.card.check import require_bytes
from ecert.card.model import PREFIX
from ecert.cbor import Tag, cbor_decode, cbor_encode
from ecert.cose import SIGN1_TAG
from ecert.errors import MalformedError

_CWT_TAG = 61  # RFC 8392 section 6: may stand before COSE's own tag
_SIGNATURE_BYTES = 64
_MAX_BYTES = limits.MAX_CARD_CHARS


@dataclass(frozen=True)
class Sign1:
    """A COSE_Sign1 (RFC 9052 section 4.2); ``proof`` is what stands beside it, undecoded yet."""

    protected: bytes
    unprotected: dict[int, Any]
    payload: bytes
    signature: bytes
    proof: Any = None


def read_text(text: str) -> Sign1:
    """Take a card's text apart.

    Raises:
        MalformedError: ``too_large``, ``card_prefix_missing``, ``base45_malformed``, a ``cbor_``
            code, or ``card_malformed``.
    """
    _check_length(text)
    if not text.startswith(PREFIX):
        raise MalformedError("card_prefix_missing")
    item = decode(b45decode(text[len(PREFIX) :]))
    if not isinstance(item, list):
        return _sign1(item, None)
    if len(item) != 2 or not isinstance(item[0], bytes):
        raise MalformedError("card_malformed", where="proof")
    return _sign1(decode(item[0]), item[1])


def write_text(card: Sign1) -> str:
    """Return the text that ``read_text`` takes apart.

    Raises:
        MalformedError: ``too_large`` for what it would refuse.
    """
    parts = [card.protected, card.unprotected, card.payload, card.signature]
    encoded = cbor_encode(Tag(SIGN1_TAG, parts))
    if card.proof is not None:
        encoded = cbor_encode([encoded, card.proof])
    text = PREFIX + b45encode(encoded)
    _check_length(text)
    return text


def decode(data: bytes) -> Any:
    """Decode CBOR within a card.

    Raises:
        MalformedError: A ``cbor_`` code.
    """
    return cbor_decode(data, max_depth=limits.MAX_CARD_DEPTH, tags=(SIGN1_TAG, _CWT_TAG))


def _check_length(text: str) -> None:
    if len(text) > limits.MAX_CARD_CHARS:
        raise MalformedError(
            "too_large", where=PREFIX[:-1], size=len(text), limit=limits.MAX_CARD_CHARS
        )


def _sign1(item: Any, proof: Any) -> Sign1:
    if isinstance(item, Tag) and item.number == _CWT_TAG:
        item = item.value
    if not isinstance(item, Tag) or item.number != SIGN1_TAG:
        raise MalformedError("card_malformed", where="COSE_Sign1")
    parts = item.value
    if not isinstance(parts, list) or len(parts) != 4 or not isinstance(parts[1], dict):
        raise MalformedError("card_malformed", where="COSE_Sign1")
    return Sign1(
        protected=require_bytes(parts[0], "protected", least=1, most=_MAX_BYTES),
        unprotected=parts[1],
        payload=require_bytes(parts[2], "payload", least=1, most=_MAX_BYTES),
        signature=require_bytes(
            parts[3], "signature", least=_SIGNATURE_BYTES, most=_SIGNATURE_BYTES
        ),
        proof=proof,
    )
