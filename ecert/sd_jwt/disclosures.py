"""Disclosures and their digests (RFC 9901 sections 4.2.1 to 4.2.3), many at a time.

A document has some twenty disclosures; decoding them in one pass takes half the time of decoding
them one by one, and is as strict.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import Any

from ecert import limits
from ecert.encoding import b64url_bytes, b64url_decode, json_decode, json_scan
from ecert.errors import EcertError, MalformedError

_COMMA = b"LCAg"
"""The base64 of a comma and two spaces: a separator in one whole quantum."""

_FILL = (b"", b"=", b"og", b"g")
"""What completes a last quantum of base64, by its length, so that it ends in white space. Where the
unused bits are not zero, as RFC 4648 section 3.5 wants them, something else comes out; and a length
that base64 cannot have gets a character that the decoder refuses."""

_LENGTHS = frozenset({2, 3})
_TEXT = frozenset({str})
_ARRAY = frozenset({list})


def digests(encoded: Sequence[bytes]) -> list[bytes]:
    """Hash disclosures: SHA-256 over their text."""
    sha256 = hashlib.sha256
    return [sha256(item).digest() for item in encoded]


def digest_texts(hashed: Sequence[bytes]) -> tuple[bytes, ...]:
    """Encode 32-byte digests as base64url, all in one call.

    A zero byte after each makes it 33 bytes, 44 characters, of which the first 43 are the digest's
    own encoding without padding.
    """
    return _cutter(len(hashed)).unpack(b64url_bytes(b"\0".join((*hashed, b""))))


@lru_cache(maxsize=limits.MAX_DISCLOSURES)
def _cutter(count: int) -> Struct:
    return Struct("43sx" * count)


def decode(encoded: list[bytes]) -> list[list[Any]]:
    """Decode disclosures to ``[salt, name, value]`` or ``[salt, value]``; a name may be no text.

    Raises:
        MalformedError: ``disclosure_malformed``, or what decoding base64url and JSON raises.
    """
    contents = _decode_together(encoded)
    if contents is None:
        contents = [_decode_one(item) for item in encoded]
    if not _LENGTHS.issuperset(map(len, contents)):
        raise MalformedError("disclosure_malformed")
    if not _TEXT.issuperset([type(content[0]) for content in contents]):
        raise MalformedError("disclosure_malformed")
    return contents


def _decode_together(encoded: list[bytes]) -> list[list[Any]] | None:
    """Decode as one JSON array, or return None where they must be looked at one by one.

    Each begins with "[", and there is no other one in them. So if the whole is an array of as many
    arrays, each of these begins where a disclosure does, and what follows its end up to the next
    can be white space only: no disclosure reads otherwise than it would by itself.
    """
    if {item[:2] for item in encoded} != {b"Wy"}:
        return None
    try:
        joined = _COMMA.join([item + _FILL[len(item) & 3] for item in encoded])
        text = b64url_decode(joined).decode("utf-8")
        if text.count("[") != len(encoded) or "{" in text or "\\" in text:
            return None
        contents = json_scan(f"[{text}]")
    except (ValueError, EcertError):
        return None
    whole = len(contents) == len(encoded) and _ARRAY.issuperset(map(type, contents))
    return contents if whole else None


def _decode_one(encoded: bytes) -> list[Any]:
    data = b64url_decode(encoded, where="disclosure")
    value = json_decode(data, where="disclosure", max_bytes=limits.MAX_SD_JWT_BYTES)
    if not isinstance(value, list):
        raise MalformedError("disclosure_malformed")
    return value
