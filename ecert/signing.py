"""Signature suites: which algorithm belongs to which key, and nothing else is accepted.

A key fixes its algorithm (RFC 8725 section 3.1): ES256 for P-256, EdDSA for Ed25519. Signatures are
in JOSE form (RFC 7518 section 3.4: r and s, 32 bytes each), which COSE shares (RFC 9053).
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ecert.encoding import b64url_decode, b64url_encode, canonical_json
from ecert.errors import MalformedError, SignatureInvalidError

_ES256 = ec.ECDSA(Prehashed(SHA256()))  # hashlib hashes faster than OpenSSL within a signature
_P256 = ec.SECP256R1()


@dataclass(frozen=True)
class Suite:
    """One allowed signature algorithm under its names in JOSE, COSE and the contracts."""

    jose: str
    cose: int
    chain: int
    kty: str
    crv: str


ES256 = Suite(jose="ES256", cose=-7, chain=1, kty="EC", crv="P-256")
ED25519 = Suite(jose="EdDSA", cose=-8, chain=2, kty="OKP", crv="Ed25519")
SUITES = (ES256, ED25519)


class Signer(Protocol):
    """Whatever can sign for one key: a key in memory, a key store, a hardware module."""

    @property
    def public_key(self) -> "PublicKey":
        """The key that verifies what this signs."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature over ``data`` in JOSE form (64 bytes)."""


@dataclass(frozen=True)
class PublicKey:
    """A validated public key: its point lies on its curve.

    Attributes:
        suite: The one suite this key may be used with.
        x: First coordinate (P-256) or the key itself (Ed25519), 32 bytes.
        y: Second coordinate, 32 bytes; empty for Ed25519.
    """

    suite: Suite
    x: bytes
    y: bytes
    _check: Callable[[bytes, bytes], None] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            check = _load(self.suite, self.x, self.y)
        except ValueError as error:
            raise MalformedError("jwk_malformed", reason="not a point of the curve") from error
        object.__setattr__(self, "_check", check)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any]) -> "PublicKey":
        """Read a public JWK (RFC 7517, RFC 8037).

        Raises:
            MalformedError: ``jwk_malformed`` for anything but a P-256 or Ed25519 public key.
        """
        for suite in SUITES:
            if jwk.get("kty") == suite.kty and jwk.get("crv") == suite.crv:
                break
        else:
            raise MalformedError("jwk_malformed", reason="kty/crv")
        if "d" in jwk:
            raise MalformedError("jwk_malformed", reason="private key")
        if jwk.get("alg", suite.jose) != suite.jose:
            raise MalformedError("jwk_malformed", reason="alg")
        x = _coordinate(jwk.get("x"))
        y = _coordinate(jwk.get("y")) if suite is ES256 else b""
        return cls(suite, x, y)

    @classmethod
    def from_chain(cls, suite: int, x: bytes, y: bytes) -> "PublicKey":
        """Read a key as DepartmentRegistry stores it.

        Raises:
            MalformedError: ``jwk_malformed`` for an unknown suite or a point off its curve.
        """
        for candidate in SUITES:
            if candidate.chain == suite:
                return cls(candidate, x, y if candidate is ES256 else b"")
        raise MalformedError("jwk_malformed", reason=f"suite {suite}")

    @property
    def jwk(self) -> dict[str, str]:
        """The public JWK with its required members only."""
        members = {"kty": self.suite.kty, "crv": self.suite.crv, "x": b64url_encode(self.x)}
        if self.y:
            members["y"] = b64url_encode(self.y)
        return members

    @cached_property
    def thumbprint(self) -> bytes:
        """SHA-256 thumbprint of the JWK (RFC 7638), 32 bytes."""
        return hashlib.sha256(canonical_json(self.jwk)).digest()

    @cached_property
    def kid(self) -> str:
        """The thumbprint as base64url: how headers name this key."""
        return b64url_encode(self.thumbprint)

    def verify(self, signature: bytes, data: bytes, *, alg: str | int, where: str) -> None:
        """Check ``signature`` over ``data``.

        Args:
            signature: 64 bytes in JOSE form.
            data: The signed bytes.
            alg: The algorithm the message claims (JOSE name or COSE number): must be this key's.
            where: What was signed, for the error's sentence.

        Raises:
            SignatureInvalidError: ``algorithm_not_allowed`` or ``signature_invalid``.
        """
        if alg not in (self.suite.jose, self.suite.cose) or isinstance(alg, bool):
            raise SignatureInvalidError(
                "algorithm_not_allowed", alg=str(alg)[:32], expected=self.suite.jose
            )
        if len(signature) != 64:
            raise SignatureInvalidError("signature_invalid", where=where)
        try:
            self._check(signature, data)
        except InvalidSignature as error:
            raise SignatureInvalidError("signature_invalid", where=where) from error


class SoftwareSigner:
    """A signer whose private key is in this process's memory."""

    def __init__(self, private_key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> None:
        self._private_key = private_key
        self.public_key = public_key_of(private_key)

    @classmethod
    def generate(cls, suite: Suite = ES256) -> "SoftwareSigner":
        """Make a new key of ``suite``."""
        if suite is ES256:
            return cls(ec.generate_private_key(_P256))
        return cls(ed25519.Ed25519PrivateKey.generate())

    def sign(self, data: bytes) -> bytes:
        """Return the signature over ``data`` in JOSE form (64 bytes)."""
        if isinstance(self._private_key, ec.EllipticCurvePrivateKey):
            digest = hashlib.sha256(data).digest()
            r, s = decode_dss_signature(self._private_key.sign(digest, _ES256))
            return r.to_bytes(32) + s.to_bytes(32)
        return self._private_key.sign(data)

    def private_bytes(self) -> bytes:
        """Return the private scalar or seed (32 bytes), for an encrypted store only."""
        if isinstance(self._private_key, ec.EllipticCurvePrivateKey):
            return self._private_key.private_numbers().private_value.to_bytes(32)
        return self._private_key.private_bytes_raw()

    @classmethod
    def from_private_bytes(cls, suite: Suite, secret: bytes) -> "SoftwareSigner":
        """Load what ``private_bytes`` gave.

        Raises:
            MalformedError: ``jwk_malformed`` when the scalar is out of range.
        """
        try:
            if suite is ES256:
                return cls(ec.derive_private_key(int.from_bytes(secret), _P256))
            return cls(ed25519.Ed25519PrivateKey.from_private_bytes(secret))
        except ValueError as error:
            raise MalformedError("jwk_malformed", reason="private key") from error


def public_key_of(
    private_key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
) -> PublicKey:
    """Return the public half of a private key."""
    if isinstance(private_key, ec.EllipticCurvePrivateKey):
        point = private_key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return PublicKey(ES256, point[1:33], point[33:])
    return PublicKey(ED25519, private_key.public_key().public_bytes_raw(), b"")


def _load(suite: Suite, x: bytes, y: bytes) -> Callable[[bytes, bytes], None]:
    """Load a key; return what checks a signature in JOSE form over data."""
    if suite is not ES256:
        return ed25519.Ed25519PublicKey.from_public_bytes(x).verify
    key = ec.EllipticCurvePublicKey.from_encoded_point(_P256, b"\x04" + x + y)

    def check(signature: bytes, data: bytes) -> None:
        r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        digest = hashlib.sha256(data).digest()
        key.verify(encode_dss_signature(r, s), digest, _ES256)

    return check


def _coordinate(value: object) -> bytes:
    if not isinstance(value, str) or len(value) > 64:
        raise MalformedError("jwk_malformed", reason="coordinate")
    data = b64url_decode(value, where="JWK")
    if len(data) != 32:
        raise MalformedError("jwk_malformed", reason="coordinate length")
    return data
