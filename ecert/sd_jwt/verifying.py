"""Verification (RFC 9901 section 7), as one call and as the steps that it is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from ecert.errors import HolderBindingError, MalformedError, ValidityError
from ecert.sd_jwt.key_binding import check_key_binding
from ecert.sd_jwt.names import KEY_BINDING_MAX_AGE_SECONDS
from ecert.sd_jwt.parsing import UnverifiedSdJwt, parse
from ecert.sd_jwt.revealing import RevealedPath, places, reveal
from ecert.sd_jwt.times import check_validity
from ecert.signing import PublicKey


@dataclass(frozen=True, slots=True)
class VerifiedSdJwt:
    """An SD-JWT whose issuer's signature and disclosures hold.

    Attributes:
        claims: What the issuer put in clear and what the holder disclosed; no digests.
        key_bound: Whether a key binding JWT was checked and holds.
        source: What was verified.
    """

    claims: dict[str, Any]
    key_bound: bool
    source: UnverifiedSdJwt

    @property
    def digest(self) -> bytes:
        """SHA-256 over the issuer's JWS signing input: the leaf's data."""
        return self.source.digest

    @property
    def disclosed_paths(self) -> tuple[RevealedPath, ...]:
        """The place in ``claims`` of each disclosure, parents before their parts."""
        return tuple(places(self.source))

    @property
    def disclosed_names(self) -> frozenset[str]:
        """The top-level claims that were disclosed, wholly or in part."""
        return frozenset(str(path[0]) for path in self.disclosed_paths)

    @property
    def holder_key(self) -> PublicKey | None:
        """The holder's key (``cnf.jwk``, RFC 7800), or None where nobody holds one.

        Raises:
            HolderBindingError: ``key_binding_key_unusable`` for another confirmation method.
            MalformedError: ``jwk_malformed``.
        """
        cnf = self.claims.get("cnf")
        if cnf is None:
            return None
        jwk = cnf.get("jwk") if isinstance(cnf, dict) else None
        if not isinstance(jwk, dict):
            raise HolderBindingError("key_binding_key_unusable")
        return PublicKey.from_jwk(jwk)


def verify(
    presentation: str,
    *,
    issuer_jwk: Mapping[str, Any],
    audience: str | None,
    nonce: str | None,
    now: datetime,
    require_key_binding: bool = True,
) -> VerifiedSdJwt:
    """Verify a presentation against an issuer's key that the caller trusts.

    Status, anchoring and the issuer's authority are not asked here: ``ecert.verification`` does.

    Args:
        presentation: SD-JWT or SD-JWT+KB in compact form.
        issuer_jwk: The issuer's public JWK; it alone decides key and algorithm.
        audience: Who this verifier is, as the holder was told.
        nonce: The nonce that the holder was told to use.
        now: The time of verification, with its zone.
        require_key_binding: Whether the presenter must prove to be the holder. Where not, a key
            binding JWT is checked if ``audience`` or ``nonce`` is given and otherwise ignored, and
            ``key_bound`` says which.

    Returns:
        The verified claims.

    Raises:
        MalformedError: It cannot be read, or exceeds a bound.
        SignatureInvalidError: The issuer's signature or algorithm is wrong; as
            ``DisclosureError``, a disclosure is not what the issuer signed.
        ValidityError: Not yet valid, expired, or meant for another audience.
        HolderBindingError: The holder's proof is missing or does not hold.
    """
    unverified = parse(presentation)
    verified = verify_issuer(unverified, _public_key(issuer_jwk))
    check_validity(verified.claims, now)
    _check_audience(verified.claims, audience)
    if require_key_binding or (unverified.key_binding and (audience or nonce)):
        return verify_key_binding(verified, audience=audience, nonce=nonce, now=now)
    return verified


def verify_issuer(unverified: UnverifiedSdJwt, key: PublicKey) -> VerifiedSdJwt:
    """Check the issuer's signature by ``key``, then the disclosures.

    Neither time nor key binding is checked.

    Raises:
        SignatureInvalidError: ``algorithm_not_allowed``, ``signature_invalid``.
        DisclosureError: What ``reveal`` raises.
    """
    jwt = unverified.issuer_jwt
    key.verify(jwt.signature, jwt.signing_input, alg=jwt.header.alg, where="SD-JWT")
    return VerifiedSdJwt(reveal(unverified), key_bound=False, source=unverified)


def verify_key_binding(
    verified: VerifiedSdJwt,
    *,
    audience: str | None,
    nonce: str | None,
    now: datetime,
    max_age: int = KEY_BINDING_MAX_AGE_SECONDS,
    key: PublicKey | None = None,
) -> VerifiedSdJwt:
    """Check the key binding JWT of an SD-JWT whose issuer is verified.

    Args:
        verified: What ``verify_issuer`` returned.
        audience: Who this verifier is, as the holder was told.
        nonce: The nonce that the holder was told to use.
        now: The time of verification, with its zone.
        max_age: How old the proof may be, in seconds.
        key: The key that ``cnf`` names, where it was loaded from this SD-JWT before.

    Returns:
        The same with ``key_bound`` true.

    Raises:
        HolderBindingError: ``key_binding_missing``, ``key_binding_key_missing``, or what
            ``check_key_binding`` raises.
    """
    jwt = verified.source.key_binding
    if jwt is None:
        raise HolderBindingError("key_binding_missing")
    key = key or verified.holder_key
    if key is None:
        raise HolderBindingError("key_binding_key_missing")
    check_key_binding(
        jwt,
        verified.source.sd_jwt,
        key=key,
        audience=audience,
        nonce=nonce,
        now=now,
        max_age=max_age,
    )
    return VerifiedSdJwt(verified.claims, key_bound=True, source=verified.source)


def _check_audience(claims: Mapping[str, Any], audience: str | None) -> None:
    """Obey an issuer that restricts who may accept the SD-JWT (RFC 7519 section 4.1.3)."""
    if audience is None or "aud" not in claims:
        return
    allowed = claims["aud"]
    if audience != allowed and not (isinstance(allowed, list) and audience in allowed):
        raise ValidityError("sd_jwt_audience_wrong")


def _public_key(jwk: Mapping[str, Any]) -> PublicKey:
    """Load a key, remembering the last ones: a verifier meets the same issuers again."""
    if not isinstance(jwk, Mapping):
        raise MalformedError("jwk_malformed", reason="not an object")
    try:
        return _known_key(tuple(jwk.items()))
    except TypeError:  # a member such as key_ops is an array
        return PublicKey.from_jwk(jwk)


@lru_cache(maxsize=256)
def _known_key(members: tuple[tuple[str, Any], ...]) -> PublicKey:
    return PublicKey.from_jwk(dict(members))
