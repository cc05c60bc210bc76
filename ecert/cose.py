"""COSE_Sign1 (RFC 9052 section 4.2) and COSE_Key (RFC 9052 section 7, RFC 9053 section 7).

Only what a card needs: one signer, no external data, P-256 keys with compressed points, Ed25519.
"""

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from ecert.cbor import cbor_encode
from ecert.errors import MalformedError
from ecert.signing import ED25519, ES256, PublicKey

SIGN1_TAG = 18
"""CBOR tag of COSE_Sign1 (RFC 9052 section 2)."""

HEADER_ALG, HEADER_KID = 1, 4
"""Common header parameters (RFC 9052 section 3.1)."""

_KTY, _CRV, _X, _Y = 1, -1, -2, -3
_OKP, _EC2 = 1, 2
_P256, _ED25519 = 1, 6


def sig_structure(protected: bytes, payload: bytes) -> bytes:
    """Return the bytes that a COSE_Sign1 signature covers (RFC 9052 section 4.4)."""
    return cbor_encode(["Signature1", protected, b"", payload])


def key_to_cose(key: PublicKey) -> dict[int, Any]:
    """Return ``key`` as a COSE_Key, a P-256 point compressed to x and the sign of y.

    See RFC 9053 sections 7.1.1 and 7.2.
    """
    if key.suite is ES256:
        return {_KTY: _EC2, _CRV: _P256, _X: key.x, _Y: key.y[-1] & 1 == 1}
    return {_KTY: _OKP, _CRV: _ED25519, _X: key.x}


def key_from_cose(value: Any) -> PublicKey:
    """Read what ``key_to_cose`` gives; uncompressed points and further members are refused.

    Raises:
        MalformedError: ``cose_key_malformed``, also for an x that no point of the curve has.
    """
    x = value.get(_X) if isinstance(value, dict) else None
    if not isinstance(x, bytes) or len(x) != 32:
        raise MalformedError("cose_key_malformed")
    try:
        key = PublicKey(ED25519, x, b"") if _Y not in value else _decompress(x, value[_Y] is True)
    except (MalformedError, ValueError) as error:
        raise MalformedError("cose_key_malformed") from error
    if cbor_encode(key_to_cose(key)) != cbor_encode(value):  # bytes: in Python True equals 1
        raise MalformedError("cose_key_malformed")
    return key


def _decompress(x: bytes, sign: bool) -> PublicKey:
    """Find y (SEC 1 section 2.3.4)."""
    point = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), (b"\x03" if sign else b"\x02") + x
    )
    return PublicKey(ES256, x, point.public_numbers().y.to_bytes(32))
