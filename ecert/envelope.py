"""Signed JSON: ``{"signed": …, "signatures": [{"kid": …, "sig": …}]}``, as in TUF.

Each signature is over a domain tag and the canonical JSON (RFC 8785) of ``signed``, so that a
signature made for one purpose serves no other.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ecert.encoding import b64url_decode, b64url_encode, canonical_json, json_decode
from ecert.errors import MalformedError, SignatureInvalidError, TrustError
from ecert.signing import PublicKey, Signer

MAX_SIGNATURES = 64


def seal(purpose: str, signed: Mapping[str, Any], signers: Iterable[Signer]) -> bytes:
    """Return the envelope of ``signed`` with a signature by each of ``signers``, as JSON text."""
    message = _message(purpose, signed)
    signatures = [
        {"kid": signer.public_key.kid, "sig": b64url_encode(signer.sign(message))}
        for signer in signers
    ]
    return canonical_json({"signed": dict(signed), "signatures": signatures})


def countersign(
    purpose: str, data: bytes, signers: Iterable[Signer], *, where: str, max_bytes: int
) -> bytes:
    """Return an envelope with signatures added; one of a key that had signed takes its place.

    Raises:
        MalformedError: As ``parse``; ``envelope_malformed`` also for one signature too many.
    """
    found = parse(data, where=where, max_bytes=max_bytes)
    message = _message(purpose, found.signed)
    signatures = dict(found.signatures)
    for signer in signers:
        signatures[signer.public_key.kid] = signer.sign(message)
    if len(signatures) > MAX_SIGNATURES:
        raise MalformedError("envelope_malformed", where=where)
    listed = [{"kid": kid, "sig": b64url_encode(sig)} for kid, sig in signatures.items()]
    return canonical_json({"signed": found.signed, "signatures": listed})


def parse(data: bytes, *, where: str, max_bytes: int) -> "UnverifiedEnvelope":
    """Read an envelope without checking any signature.

    Raises:
        MalformedError: ``envelope_malformed``, or what ``json_decode`` raises.
    """
    value = json_decode(data, where=where, max_bytes=max_bytes)
    if not isinstance(value, dict) or set(value) != {"signed", "signatures"}:
        raise MalformedError("envelope_malformed", where=where)
    signed, signatures = value["signed"], value["signatures"]
    if not isinstance(signed, dict) or not isinstance(signatures, list):
        raise MalformedError("envelope_malformed", where=where)
    if len(signatures) > MAX_SIGNATURES:
        raise MalformedError("envelope_malformed", where=where)
    pairs: list[tuple[str, bytes]] = []
    for entry in signatures:
        match entry:
            case {"kid": str(kid), "sig": str(sig), **rest} if not rest:
                pairs.append((kid, b64url_decode(sig, where=where)))
            case _:
                raise MalformedError("envelope_malformed", where=where)
    return UnverifiedEnvelope(where, signed, tuple(pairs))


class UnverifiedEnvelope:
    """What ``parse`` read; ``require`` says whether enough known keys signed it."""

    def __init__(
        self, where: str, signed: dict[str, Any], signatures: tuple[tuple[str, bytes], ...]
    ) -> None:
        self.where = where
        self.signed = signed
        self.signatures = signatures

    def signed_by(self, purpose: str, keys: Iterable[PublicKey]) -> frozenset[str]:
        """Return the ``kid`` of each of ``keys`` that signed for ``purpose``."""
        known = {key.kid: key for key in keys}
        message = _message(purpose, self.signed)
        good: set[str] = set()
        for kid, signature in self.signatures:
            key = known.get(kid)
            if key is None:
                continue
            try:
                key.verify(signature, message, alg=key.suite.jose, where=self.where)
            except SignatureInvalidError:
                continue
            good.add(kid)
        return frozenset(good)

    def require(self, purpose: str, keys: Iterable[PublicKey], threshold: int) -> None:
        """Check that at least ``threshold`` distinct ``keys`` signed for ``purpose``.

        Raises:
            TrustError: ``signed_by_too_few``.
        """
        good = self.signed_by(purpose, keys)
        if len(good) < max(threshold, 1):
            raise TrustError(
                "signed_by_too_few", where=self.where, found=len(good), threshold=threshold
            )


def _message(purpose: str, signed: Mapping[str, Any]) -> bytes:
    return f"ecert/{purpose}/1\0".encode("ascii") + canonical_json(dict(signed), where=purpose)
