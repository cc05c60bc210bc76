"""Reading the compact form of RFC 9901 section 4: bounded, strict, nothing verified yet."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ecert import limits
from ecert.encoding import b64url_decode, b64url_encode, json_decode
from ecert.errors import MalformedError
from ecert.sd_jwt.names import (
    HASH_NAME,
    ISSUER_TYP,
    KEY_BINDING_TYP,
    KEY_CARRYING_HEADERS,
    SD_ALG,
)

MAX_HEADER_CHARS = 1024
"""A JOSE header in base64url; ours has 140."""

_scan = json.JSONDecoder().raw_decode
_SCALARS = frozenset({str, int, bool, type(None)})


@dataclass(frozen=True, slots=True)
class Header:
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


@dataclass(frozen=True, slots=True)
class UnverifiedJwt:
    """A JWT in compact form whose signature nobody has checked."""

    header: Header
    payload: dict[str, Any]
    signing_input: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class UnverifiedSdJwt:
    """An SD-JWT, with or without key binding, of which nothing is verified.

    Attributes:
        issuer_jwt: The issuer-signed JWT.
        encoded: The disclosures as they travel.
        contents: The disclosures' arrays by digest; fewer than ``encoded`` if one is doubled.
        sd_jwt: The SD-JWT with its final "~" and without key binding: what ``sd_hash`` covers.
        key_binding: The key binding JWT, if there is one.
    """

    issuer_jwt: UnverifiedJwt
    encoded: tuple[str, ...]
    contents: dict[str, list[Any]]
    sd_jwt: str
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
    if "~" not in text:
        raise MalformedError("sd_jwt_malformed", reason="no ~ after the JWT")
    issuer, *encoded, binding = text.split("~")
    if len(encoded) > limits.MAX_DISCLOSURES:
        raise MalformedError(
            "sd_jwt_too_many",
            what="disclosures",
            count=len(encoded),
            limit=limits.MAX_DISCLOSURES,
        )
    issuer_jwt = _jwt(issuer, ISSUER_TYP, "SD-JWT")
    if issuer_jwt.payload.get(SD_ALG, HASH_NAME) != HASH_NAME:
        raise MalformedError("sd_jwt_hash_unknown", expected=HASH_NAME)
    contents = [_disclosure(part) for part in encoded]
    return UnverifiedSdJwt(
        issuer_jwt=issuer_jwt,
        encoded=tuple(encoded),
        contents=dict(zip(disclosure_digests(encoded), contents, strict=True)),
        sd_jwt=text[: len(text) - len(binding)],
        key_binding=_jwt(binding, KEY_BINDING_TYP, "key binding JWT") if binding else None,
    )


def disclosure_digests(encoded: list[str]) -> list[str]:
    """Return the digest of each disclosure: SHA-256 over its text (RFC 9901 section 4.2.3)."""
    return [b64url_encode(hashlib.sha256(part.encode("ascii")).digest()) for part in encoded]


def _jwt(text: str, typ: str, where: str) -> UnverifiedJwt:
    parts = text.split(".")
    if len(parts) != 3:
        raise MalformedError("sd_jwt_malformed", reason=f"{where} without three parts")
    header, payload, signature = parts
    if len(header) > MAX_HEADER_CHARS:
        raise MalformedError(
            "too_large", where=f"{where} header", size=len(header), limit=MAX_HEADER_CHARS
        )
    return UnverifiedJwt(
        header=_header(header, typ, where),
        payload=_json_object(payload, f"{where} payload"),
        signing_input=f"{header}.{payload}".encode("ascii"),
        signature=b64url_decode(signature, where=f"{where} signature"),
    )


@lru_cache(maxsize=256)
def _header(text: str, typ: str, where: str) -> Header:
    """Read a header; an issuer's tokens share theirs, so the few seen last are remembered."""
    members = _json_object(text, f"{where} header")
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


def _json_object(text: str, where: str) -> dict[str, Any]:
    data = b64url_decode(text, where=where)
    value = json_decode(data, where=where, max_bytes=limits.MAX_SD_JWT_BYTES)
    if not isinstance(value, dict):
        raise MalformedError("sd_jwt_malformed", reason=f"{where} is not an object")
    return value


def _disclosure(encoded: str) -> list[Any]:
    """Decode ``[salt, name, value]`` or ``[salt, value]`` (RFC 9901 section 4.2)."""
    data = b64url_decode(encoded, where="disclosure")
    value = _plain_array(data)
    if value is None:
        value = json_decode(data, where="disclosure", max_bytes=limits.MAX_SD_JWT_BYTES)
    match value:
        case [str(), str(), _] | [str(), _]:
            return value
    raise MalformedError("disclosure_malformed")


def _plain_array(data: bytes) -> list[Any] | None:
    """Decode an array of plain scalars fast, or return None: the strict decoder must look.

    Such an array has no keys to double, no depth, no NaN; escapes (lone surrogates) are left to
    the strict decoder too.
    """
    try:
        text = data.decode("utf-8")
        value, end = _scan(text)
    except (ValueError, RecursionError):
        return None
    if end != len(text) or type(value) is not list or "\\u" in text:
        return None
    return value if all(type(item) in _SCALARS for item in value) else None
