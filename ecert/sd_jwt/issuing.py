"""Issuing (RFC 9901 sections 4.1 and 4.2): salted disclosures, hidden order, decoys, one signature.

A department issues a million of these, so the flat case is written for speed: one draw of
randomness per document, and no work per disclosure beyond its own JSON, base64 and hash.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

from ecert import limits
from ecert.encoding import b64url_bytes, b64url_encode, json_encode, json_plain, json_plain_each
from ecert.errors import ContentError, reason_of
from ecert.sd_jwt import disclosures
from ecert.sd_jwt.names import ALWAYS_CLEAR, ELLIPSIS, HASH_NAME, ISSUER_TYP, RESERVED, SD, SD_ALG
from ecert.signing import Signer

DIGESTS_MULTIPLE = 8
"""Digests of one object are padded with decoys to a multiple of this, so that their number tells
little of which optional claims a document has (RFC 9901 section 4.2.5)."""

SALT_BYTES = 18
"""144 bits a salt: more than the 128 of RFC 9901 section 9.3, and whole in base64."""

MAX_DEPTH = limits.MAX_JSON_DEPTH - 2
"""Levels of claims: digests within the deepest take two more, an array and objects in it."""

_SD_MEMBER = f'"{SD}":["%b"]'.encode()
_SD_ALG_MEMBER = f'"{SD_ALG}":"{HASH_NAME}"'.encode()
_SALT_CHARS = SALT_BYTES * 4 // 3
_TEXT = frozenset({str})
_SCALARS = frozenset({str, int, bool, type(None)})
_ALL_SCALARS = _SCALARS | {float}


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
    builder = _Builder(digests_multiple)
    try:
        payload = builder.payload(claims, disclosable)
    except (TypeError, ValueError, RecursionError) as error:  # what JSON or UTF-8 cannot hold
        raise ContentError("claim_unencodable", reason=reason_of(error)) from error
    key = signer.public_key
    signing_input = _header(key.suite.jose, key.kid) + b64url_bytes(payload)
    jwt = b"%b.%b" % (signing_input, b64url_bytes(signer.sign(signing_input)))
    text = b"~".join((jwt, *builder.encoded, b"")).decode("ascii")
    if len(builder.encoded) > limits.MAX_DISCLOSURES or len(text) > limits.MAX_SD_JWT_BYTES:
        raise ContentError("claim_too_many", count=len(builder.encoded), size=len(text))
    return IssuedSdJwt(text, hashlib.sha256(signing_input).digest())


def _check_names(claims: Mapping[str, Any], disclosable: Mapping[str, Any]) -> None:
    if not RESERVED.isdisjoint(claims) or not RESERVED.isdisjoint(disclosable):
        raise ContentError(
            "claim_name_reserved", name=", ".join(RESERVED & {*claims, *disclosable})
        )
    if not ALWAYS_CLEAR.isdisjoint(disclosable):
        raise ContentError(
            "claim_always_clear", name=", ".join(ALWAYS_CLEAR.intersection(disclosable))
        )
    if not claims.keys().isdisjoint(disclosable):
        twice = claims.keys() & disclosable.keys()
        raise ContentError("claim_twice", name=", ".join(map(str, twice)))


@lru_cache(maxsize=256)
def _header(alg: str, kid: str) -> bytes:
    header = json_encode({"alg": alg, "typ": ISSUER_TYP, "kid": kid})
    return b64url_bytes(header.encode("ascii")) + b"."


def _is_plain(value: Any, depth: int) -> bool:
    """Whether ``value`` needs no work: nothing disclosable, forbidden or inexact in it."""
    kind = type(value)
    if kind in _SCALARS:
        return True
    if kind is not dict or depth >= MAX_DEPTH or not RESERVED.isdisjoint(value):
        return False
    for name, item in value.items():
        if type(name) is not str or (type(item) not in _SCALARS and not _is_plain(item, depth + 1)):
            return False
    return True


class _Builder:
    """Collects the disclosures of one document."""

    def __init__(self, digests_multiple: int) -> None:
        self._multiple = digests_multiple
        self.encoded: list[bytes] = []

    def payload(self, claims: Mapping[str, Any], disclosable: Mapping[str, Any]) -> bytes:
        """Return the encoded payload; its disclosures are then in ``encoded``."""
        clear = {}
        plain = True
        for name, value in claims.items():
            if type(name) is not str:
                raise TypeError
            if type(value) in _SCALARS or _is_plain(value, 1):
                clear[name] = value
                continue
            plain = False
            before = len(self.encoded)
            clear[name] = self._value(value, 1)
            if len(self.encoded) != before and name in ALWAYS_CLEAR:
                raise ContentError("claim_always_clear", name=name)
        parts = []
        if clear:
            text = json_plain(clear) if plain else json_encode(clear).encode()
            parts.append(text[1:-1])
        if disclosable:
            # base64url needs no escaping in JSON: no second encoding of the longest part
            parts.append(_SD_MEMBER % b'","'.join(self._members(disclosable, 1)))
        if self.encoded:
            parts.append(_SD_ALG_MEMBER)
        return b"{%b}" % b",".join(parts)

    def _members(self, members: Mapping[str, Any], depth: int) -> tuple[bytes, ...]:
        """Make a disclosure of each member; return digests and decoys, their order hidden."""
        count = len(members)
        decoys = -count % self._multiple
        random = os.urandom(SALT_BYTES * (count + decoys))
        chars = b64url_encode(random)
        salts = [chars[i : i + _SALT_CHARS] for i in range(0, count * _SALT_CHARS, _SALT_CHARS)]
        encoded = [b64url_bytes(text) for text in self._texts(salts, members, depth)]
        self.encoded += encoded
        hashed = disclosures.digests(encoded)
        if decoys:
            size = SALT_BYTES
            hashed += disclosures.digests(
                [random[i * size : (i + 1) * size] for i in range(count, count + decoys)]
            )
        hashed.sort()
        return disclosures.digest_texts(hashed)

    def _texts(self, salts: list[str], members: Mapping[str, Any], depth: int) -> list[bytes]:
        """Return the JSON of each member's disclosure."""
        values = members.values()
        if _TEXT.issuperset(map(type, members)) and _SCALARS.issuperset(map(type, values)):
            return json_plain_each(list(zip(salts, members, values, strict=True)))
        return [
            (
                f'["{salt}",{encode_basestring(name)},'
                f"{json_encode(value if type(value) in _SCALARS else self._value(value, depth))}]"
            ).encode()
            for salt, (name, value) in zip(salts, members.items(), strict=True)
        ]

    def _element(self, value: Any, depth: int) -> dict[str, str]:
        """Make a disclosure of an array element; return what stands in its place."""
        salt = b64url_encode(os.urandom(SALT_BYTES))
        encoded = b64url_bytes(json_encode([salt, self._value(value, depth)]).encode("utf-8"))
        self.encoded.append(encoded)
        return {ELLIPSIS: b64url_encode(hashlib.sha256(encoded).digest())}

    def _value(self, value: Any, depth: int) -> Any:
        """Return ``value`` with digests in place of its disclosable parts."""
        if not isinstance(value, dict | list | tuple):
            return value
        if depth >= MAX_DEPTH:
            raise RecursionError
        if isinstance(value, dict):
            return self._object(value, depth + 1)
        return [
            self._element(item.value, depth + 1)
            if isinstance(item, Disclosable)
            else self._value(item, depth + 1)
            for item in value
        ]

    def _object(self, members: dict[str, Any], depth: int) -> dict[str, Any]:
        if not RESERVED.isdisjoint(members):
            raise ContentError("claim_name_reserved", name=", ".join(RESERVED & members.keys()))
        clear: dict[str, Any] = {}
        hidden: dict[str, Any] = {}
        for name, value in members.items():
            if type(name) is not str:
                raise TypeError
            if type(value) in _ALL_SCALARS:
                clear[name] = value
            elif isinstance(value, Disclosable):
                hidden[name] = value.value
            else:
                clear[name] = self._value(value, depth)
        if hidden:
            clear[SD] = [text.decode("ascii") for text in self._members(hidden, depth)]
        return clear
