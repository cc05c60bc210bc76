"""Issuing (RFC 9901 sections 4.1 and 4.2): salted disclosures, hidden order, decoys, one signature.

A department issues a million of these, so the flat case is written for speed: one draw of
randomness per document, and no work per disclosure beyond its own JSON, base64 and hash.
"""

import hashlib
import os
from binascii import b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from ecert import limits
from ecert.encoding import b64url_encode, json_encode
from ecert.errors import ContentError
from ecert.sd_jwt.names import ALWAYS_CLEAR, ELLIPSIS, HASH_NAME, ISSUER_TYP, RESERVED, SD, SD_ALG
from ecert.signing import Signer

DIGESTS_MULTIPLE = 8
"""Digests of one object are padded with decoys to a multiple of this, so that their number tells
little of which optional claims a document has (RFC 9901 section 4.2.5)."""

SALT_BYTES = 18
"""144 bits a salt: more than the 128 of RFC 9901 section 9.3, and whole in base64."""

_SALT_CHARS = SALT_BYTES * 4 // 3
_URLSAFE = bytes.maketrans(b"+/", b"-_")


@dataclass(frozen=True, slots=True)
class Disclosable:
    """Marks a part of a claim (object member or array element) as disclosable by itself."""

    value: Any


@dataclass(frozen=True, slots=True)
class IssuedSdJwt:
    """A signed SD-JWT with all its disclosures, as its holder gets it.

    Attributes:
        text: The compact form, ending in "~".
        digest: SHA-256 over the JWS signing input: the leaf's data.
    """

    text: str
    digest: bytes

    @property
    def disclosures(self) -> tuple[str, ...]:
        """The encoded disclosures."""
        return tuple(self.text.split("~")[1:-1])


def issue(
    claims: Mapping[str, Any],
    *,
    disclosable: Mapping[str, Any],
    signer: Signer,
    digests_multiple: int = DIGESTS_MULTIPLE,
) -> IssuedSdJwt:
    """Sign an SD-JWT VC.

    Args:
        claims: What everybody sees: ``iss``, ``vct``, ``exp``, ``cnf``, ….
        disclosable: What the holder chooses to show, claim by claim. Parts of a value wrapped in
            ``Disclosable`` get disclosures of their own.
        signer: The issuer's key.
        digests_multiple: Decoys fill the digests of each object up to a multiple of this; 1 for
            none.

    Returns:
        The SD-JWT with all disclosures.

    Raises:
        ContentError: ``claim_name_reserved``, ``claim_always_clear``, ``claim_twice``,
            ``claim_unencodable``, ``claim_too_many``.
    """
    _check_names(claims, disclosable)
    try:
        builder = _Builder(digests_multiple)
        clear = builder.clear(claims)
        digests = builder.properties(disclosable, 1)
        payload = json_encode(clear)
        if digests or builder.encoded:
            payload = _with_digests(payload, digests)
        payload_bytes = payload.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:  # what JSON or UTF-8 cannot hold
        raise ContentError("claim_unencodable", reason=type(error).__name__) from error
    key = signer.public_key
    signing_input = _header(key.suite.jose, key.kid) + _b64url(payload_bytes)
    signature = b64url_encode(signer.sign(signing_input)).encode("ascii")
    text = b"~".join((signing_input + b"." + signature, *builder.encoded, b"")).decode("ascii")
    if len(builder.encoded) > limits.MAX_DISCLOSURES or len(text) > limits.MAX_SD_JWT_BYTES:
        raise ContentError("claim_too_many", count=len(builder.encoded), size=len(text))
    return IssuedSdJwt(text, hashlib.sha256(signing_input).digest())


def _check_names(claims: Mapping[str, Any], disclosable: Mapping[str, Any]) -> None:
    names = disclosable.keys()
    for name in RESERVED & (names | claims.keys()):
        raise ContentError("claim_name_reserved", name=name)
    for name in ALWAYS_CLEAR & names:
        raise ContentError("claim_always_clear", name=name)
    for name in names & claims.keys():
        raise ContentError("claim_twice", name=name)


@lru_cache(maxsize=256)
def _header(alg: str, kid: str) -> bytes:
    header = json_encode({"alg": alg, "typ": ISSUER_TYP, "kid": kid})
    return _b64url(header.encode("ascii")) + b"."


def _b64url(data: bytes) -> bytes:
    return b2a_base64(data, newline=False).translate(_URLSAFE, b"=")


def _with_digests(payload: str, digests: list[str]) -> str:
    """Append the digests to an encoded object; they need no escaping, so no second encoding."""
    parts = [payload[1:-1]] if payload != "{}" else []
    if digests:
        parts.append('"_sd":["' + '","'.join(digests) + '"]')
    parts.append(f'"{SD_ALG}":"{HASH_NAME}"')
    return "{" + ",".join(parts) + "}"


class _Builder:
    """Collects the disclosures of one document."""

    def __init__(self, digests_multiple: int) -> None:
        self._multiple = digests_multiple
        self.encoded: list[bytes] = []

    def clear(self, claims: Mapping[str, Any]) -> dict[str, Any]:
        """Return the claims that stay in clear, whose parts may be disclosable."""
        clear = {}
        for name, value in claims.items():
            if not isinstance(name, str):
                raise TypeError
            before = len(self.encoded)
            clear[name] = self.value(value, 1)
            if len(self.encoded) != before and name in ALWAYS_CLEAR:
                raise ContentError("claim_always_clear", name=name)
        return clear

    def properties(self, members: Mapping[str, Any], depth: int) -> list[str]:
        """Make a disclosure of each member; return the digests and decoys in hidden order."""
        count = len(members)
        if not count:
            return []
        decoys = -count % self._multiple
        random = os.urandom(SALT_BYTES * count + 32 * decoys)
        salts = _b64url(random[: SALT_BYTES * count]).decode("ascii")
        encoded = []
        offset = 0
        for name, value in members.items():
            salt = salts[offset : offset + _SALT_CHARS]
            offset += _SALT_CHARS
            text = (
                encode_basestring(value)
                if type(value) is str
                else json_encode(self.value(value, depth))
            )
            encoded.append(_b64url(f'["{salt}",{encode_basestring(name)},{text}]'.encode()))
        self.encoded += encoded
        hashed = [hashlib.sha256(item).digest() for item in encoded]
        start = SALT_BYTES * count
        hashed += [
            hashlib.sha256(random[place : place + 32]).digest()
            for place in range(start, start + 32 * decoys, 32)
        ]
        return sorted(digest_texts(hashed))

    def element(self, value: Any, depth: int) -> dict[str, str]:
        """Make a disclosure of an array element; return what stands in its place."""
        salt = _b64url(os.urandom(SALT_BYTES)).decode("ascii")
        encoded = _b64url(json_encode([salt, self.value(value, depth)]).encode())
        self.encoded.append(encoded)
        return {ELLIPSIS: b64url_encode(hashlib.sha256(encoded).digest())}

    def value(self, value: Any, depth: int) -> Any:
        """Return ``value`` with digests in place of its disclosable parts."""
        if not isinstance(value, dict | list | tuple):
            return value
        if depth >= limits.MAX_JSON_DEPTH:
            raise RecursionError
        if isinstance(value, dict):
            return self._object(value, depth + 1)
        return [
            self.element(item.value, depth + 1)
            if isinstance(item, Disclosable)
            else self.value(item, depth + 1)
            for item in value
        ]

    def _object(self, members: dict[str, Any], depth: int) -> dict[str, Any]:
        clear: dict[str, Any] = {}
        hidden: dict[str, Any] = {}
        for name, value in members.items():
            if not isinstance(name, str):
                raise TypeError
            if name in RESERVED:
                raise ContentError("claim_name_reserved", name=name)
            if isinstance(value, Disclosable):
                hidden[name] = value.value
            else:
                clear[name] = self.value(value, depth)
        if hidden:
            clear[SD] = self.properties(hidden, depth)
        return clear


def digest_texts(digests: list[bytes]) -> list[str]:
    """Encode 32-byte digests as base64url, all in one call.

    A zero byte after each makes it 33 bytes, 44 characters, of which the first 43 are the digest's
    own unpadded encoding.
    """
    text = _b64url(b"\0".join((*digests, b""))).decode("ascii")
    return [text[place : place + 43] for place in range(0, 44 * len(digests), 44)]
