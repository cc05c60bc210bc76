"""The holder's proof: a key binding JWT over one presentation (RFC 9901 sections 4.3 and 7.3)."""

import hashlib
from datetime import datetime
from typing import Any

from ecert.encoding import b64url_encode, json_encode
from ecert.errors import EcertError, HolderBindingError, SignatureInvalidError
from ecert.sd_jwt.names import (
    CLOCK_LEEWAY_SECONDS,
    KEY_BINDING_MAX_AGE_SECONDS,
    KEY_BINDING_TYP,
)
from ecert.sd_jwt.parsing import UnverifiedJwt
from ecert.sd_jwt.times import numeric_date, unix_seconds
from ecert.signing import PublicKey, Signer

WHERE = "key binding JWT"


def create_key_binding(
    sd_jwt: bytes, *, holder: Signer, audience: str, nonce: str, now: datetime
) -> str:
    """Sign a key binding JWT over ``sd_jwt`` (which ends in "~") for one audience and nonce."""
    header = {"alg": holder.public_key.suite.jose, "typ": KEY_BINDING_TYP}
    payload = {
        "iat": int(unix_seconds(now)),
        "aud": audience,
        "nonce": nonce,
        "sd_hash": _sd_hash(sd_jwt),
    }
    signing_input = ".".join(b64url_encode(json_encode(p).encode()) for p in (header, payload))
    return f"{signing_input}.{b64url_encode(holder.sign(signing_input.encode('ascii')))}"


def check_key_binding(
    jwt: UnverifiedJwt,
    sd_jwt: bytes,
    *,
    key: PublicKey,
    audience: str | None,
    nonce: str | None,
    now: datetime,
    max_age: int = KEY_BINDING_MAX_AGE_SECONDS,
) -> None:
    """Check a key binding JWT by the numbered steps of RFC 9901 section 7.3, step 5.

    The signature comes last, being dearest: nothing is believed before all steps are done.

    Args:
        jwt: The key binding JWT; its ``typ`` was checked when it was parsed (step 5.4).
        sd_jwt: The SD-JWT it came with, ending in "~".
        key: The holder's key from ``cnf`` of the verified SD-JWT (step 5.1).
        audience: Who this verifier is.
        nonce: The nonce that this verifier asked for.
        now: The time of verification.
        max_age: How old the proof may be, in seconds.

    Raises:
        HolderBindingError: ``key_binding_expectation_missing``, ``key_binding_algorithm_wrong``,
            ``key_binding_signature_invalid``, ``key_binding_claim_malformed``,
            ``key_binding_stale``, ``key_binding_early``, ``key_binding_audience_wrong``,
            ``key_binding_nonce_wrong``, ``key_binding_hash_wrong``, ``key_binding_expired``.
    """
    if not audience or not nonce:
        raise HolderBindingError("key_binding_expectation_missing")
    # 5.5: made within the window.
    time = unix_seconds(now)
    issued = _date(jwt.payload, "iat")
    if issued is None:
        raise HolderBindingError("key_binding_claim_malformed", name="iat")
    if issued > time + CLOCK_LEEWAY_SECONDS:
        raise HolderBindingError("key_binding_early", leeway=CLOCK_LEEWAY_SECONDS)
    if issued < time - max_age:
        raise HolderBindingError("key_binding_stale", limit=max_age)
    # 5.6: made for this verifier and this transaction.
    if _text(jwt.payload, "aud") != audience:
        raise HolderBindingError("key_binding_audience_wrong", expected=audience)
    if _text(jwt.payload, "nonce") != nonce:
        raise HolderBindingError("key_binding_nonce_wrong")
    # 5.7: made for this SD-JWT with these disclosures.
    if _text(jwt.payload, "sd_hash") != _sd_hash(sd_jwt):
        raise HolderBindingError("key_binding_hash_wrong")
    # 5.8: valid as a JWT in all other respects.
    not_before, expires = _date(jwt.payload, "nbf"), _date(jwt.payload, "exp")
    if not_before is not None and not_before > time + CLOCK_LEEWAY_SECONDS:
        raise HolderBindingError("key_binding_early", leeway=CLOCK_LEEWAY_SECONDS)
    if expires is not None and expires <= time - CLOCK_LEEWAY_SECONDS:
        raise HolderBindingError("key_binding_expired")
    # 5.2, 5.3: the algorithm is the key's own, and the signature holds.
    try:
        key.verify(jwt.signature, jwt.signing_input, alg=jwt.header.alg, where=WHERE)
    except SignatureInvalidError as error:
        code = (
            "key_binding_signature_invalid"
            if error.code == "signature_invalid"
            else "key_binding_algorithm_wrong"
        )
        raise HolderBindingError(code, **error.details) from error


def _sd_hash(sd_jwt: bytes) -> str:
    return b64url_encode(hashlib.sha256(sd_jwt).digest())


def _text(payload: dict[str, Any], name: str) -> str:
    value = payload.get(name)
    if not isinstance(value, str):
        raise HolderBindingError("key_binding_claim_malformed", name=name)
    return value


def _date(payload: dict[str, Any], name: str) -> float | None:
    try:
        return numeric_date(payload, name)
    except EcertError as error:
        raise HolderBindingError("key_binding_claim_malformed", name=name) from error
