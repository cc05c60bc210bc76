"""Reading the compact form of RFC 9901 section 4: bounded, strict, nothing verified yet."""

import hashlib
from functools import lru_cache
from typing import Any, NamedTuple

from ecert import limits
from ecert.encoding import b64url_decode, json_decode
from ecert.errors import MalformedError
from ecert.sd_jwt import disclosures
from ecert.sd_jwt.names import (
    HASH_NAME,
    ISSUER_TYP,
    KEY_BINDING_TYP,
    KEY_CARRYING_HEADERS,
    SD_ALG,
)

MAX_HEADER_CHARS = 1024
"""A JOSE header in base64url; ours has 140."""


class Header(NamedTuple):
    """A JOSE header whose type is right and that chooses no key of its own.

    Attributes:
        alg: The algorithm it claims; only ``PublicKey.verify`` says whether it is allowed.
        kid: The key it names, when it names one as text.
        members: All member names; unknown ones are ignored (RFC 7515 section 4) unless a profile
            forbids them.
    """

    alg: str
    kid: str | None
    members: frozenset[str]


class UnverifiedJwt(NamedTuple):
    """A JWT in compact form whose signature nobody has checked."""

    header: Header
    payload: dict[str, Any]
    signing_input: bytes
    signature: bytes


class UnverifiedSdJwt(NamedTuple):
    """An SD-JWT, with or without key binding, of which nothing is verified.

    Attributes:
        issuer_jwt: The issuer-signed JWT.
        encoded: The disclosures as they travel.
        contents: The disclosures' arrays by digest; fewer than ``encoded`` if one is doubled.
        sd_jwt: The SD-JWT with its final "~" and without key binding: what ``sd_hash`` covers.
        key_binding: The key binding JWT, if there is one.
    """

    issuer_jwt: UnverifiedJwt
    encoded: list[bytes]
    contents: dict[str, list[Any]]
    sd_jwt: bytes
    key_binding: UnverifiedJwt | None

    @property
    def header(self) -> Header:
        """The header of the issuer-signed JWT."""
        return self.issuer_jwt.header

    @property
    def payload(self) -> dict[str, Any]:
        """The payload of the issuer-signed JWT, digests and all."""
        return self.issuer_jwt.payload

    @property
    def digest(self) -> bytes:
        """SHA-256 over the issuer's JWS signing input: the leaf's data.

        Never over the signature, which anybody can vary (ECDSA is malleable).
        """
        return hashlib.sha256(self.issuer_jwt.signing_input).digest()


def parse(text: str) -> UnverifiedSdJwt:
    """Read an SD-JWT or SD-JWT+KB in compact form.

    Args:
        text: ``<JWT>~<disclosure>~…~`` with an optional key binding JWT at the end.

    Returns:
        Its parts, decoded but not verified.

    Raises:
        MalformedError: ``sd_jwt_malformed``, ``too_large``, ``sd_jwt_too_many``,
            ``sd_jwt_header_refused``, ``sd_jwt_type_wrong``, ``sd_jwt_hash_unknown``,
            ``disclosure_malformed``, or what decoding base64url and JSON raises.
    """
    if not isinstance(text, str):
        raise MalformedError("sd_jwt_malformed", reason="not text")
    if len(text) > limits.MAX_SD_JWT_BYTES:
        raise MalformedError(
            "too_large", where="SD-JWT", size=len(text), limit=limits.MAX_SD_JWT_BYTES
        )
    if "~" not in text or not text.isascii():
        raise MalformedError("sd_jwt_malformed", reason="no ~ after the JWT, or not ASCII")
    raw = text.encode("ascii")
    issuer, _, rest = raw.partition(b"~")
    *encoded, binding = rest.split(b"~")
    if len(encoded) > limits.MAX_DISCLOSURES:
        raise MalformedError(
            "sd_jwt_too_many",
            count=len(encoded),
            limit=limits.MAX_DISCLOSURES,
        )
    issuer_jwt = _jwt(issuer, ISSUER_TYP, "SD-JWT")
    if issuer_jwt.payload.get(SD_ALG, HASH_NAME) != HASH_NAME:
        raise MalformedError("sd_jwt_hash_unknown", expected=HASH_NAME)
    return UnverifiedSdJwt(
        issuer_jwt,
        encoded,
        _by_digest(encoded) if encoded else {},
        raw[: len(raw) - len(binding)],
        _jwt(binding, KEY_BINDING_TYP, "key binding JWT") if binding else None,
    )


def _by_digest(encoded: list[bytes]) -> dict[str, list[Any]]:
    contents = disclosures.decode(encoded)
    texts = disclosures.digest_texts(disclosures.digests(encoded))
    return dict(zip(b"~".join(texts).decode("ascii").split("~"), contents, strict=True))


def _jwt(text: bytes, typ: str, where: str) -> UnverifiedJwt:
    header, _, rest = text.partition(b".")
    payload, dot, signature = rest.partition(b".")
    if not dot:
        raise MalformedError("sd_jwt_malformed", reason=f"{where} without three parts")
    if len(header) > MAX_HEADER_CHARS:
        raise MalformedError(
            "too_large", where=f"{where} header", size=len(header), limit=MAX_HEADER_CHARS
        )
    return UnverifiedJwt(
        _header(header, typ, where),
        _json_object(payload, where),
        text[: len(header) + 1 + len(payload)],
        b64url_decode(signature, where=where),
    )


@lru_cache(maxsize=256)
def _header(text: bytes, typ: str, where: str) -> Header:
    """Read a header; an issuer's tokens share theirs, so the few seen last are remembered."""
    members = _json_object(text, where)
    for name in sorted(members):
        if name in KEY_CARRYING_HEADERS or name in ("crit", "b64"):
            raise MalformedError("sd_jwt_header_refused", where=where, member=name)
    alg, kid = members.get("alg"), members.get("kid")
    if not isinstance(alg, str):
        raise MalformedError("sd_jwt_header_refused", where=where, member="alg")
    if members.get("typ") != typ:
        raise MalformedError(
            "sd_jwt_type_wrong", where=where, typ=str(members.get("typ"))[:40], expected=typ
        )
    return Header(alg, kid if isinstance(kid, str) else None, frozenset(members))


def _json_object(text: bytes, where: str) -> dict[str, Any]:
    data = b64url_decode(text, where=where)
    value = json_decode(data, where=where, max_bytes=limits.MAX_SD_JWT_BYTES)
    if not isinstance(value, dict):
        raise MalformedError("sd_jwt_malformed", reason=f"{where} is not an object")
    return value
