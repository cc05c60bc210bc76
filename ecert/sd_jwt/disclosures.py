"""Disclosures and their digests (RFC 9901 sections 4.2.1 to 4.2.3), many at a time.

A document has some twenty disclosures, most of them short: calling strict decoders for each takes
four times as long as decoding all at once, which is as strict.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import Any

from ecert import limits
from ecert.encoding import b64url_bytes, b64url_decode, json_decode, json_plain, json_scan_plain
from ecert.errors import EcertError, MalformedError

_BETWEEN, _BETWEEN_ENCODED = b"\0", b"CgAK"
"""A byte that no JSON holds, and the base64 of it between line feeds: one whole quantum."""

_FILL = (b"", b"=", b"oK", b"K")
"""What completes a last quantum of base64, by its length, so that it ends in line feeds. Where the
unused bits are not zero, as RFC 4648 section 3.5 wants them, something that is no JSON comes out;
and a length that base64 cannot have gets a character that the decoder refuses."""

_ARRAY = frozenset({list})
_LENGTHS = frozenset({2, 3})
_TEXT = frozenset({str})
_WHITE_SPACE = b" \t\n\r"


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
    if not (
        _ARRAY.issuperset(map(type, contents))
        and _LENGTHS.issuperset(map(len, contents))
        and _TEXT.issuperset([type(content[0]) for content in contents])
    ):
        raise MalformedError("disclosure_malformed")
    return contents


def _decode_together(encoded: list[bytes]) -> list[Any] | None:
    """Decode all at once, or return None where they must be looked at one by one.

    Each disclosure's JSON is read by the fast decoder, to which duplicate keys and inexact numbers
    are no error. But all are encoded again, and where the same characters come out there were none.
    Spaces may make a difference: they separate no two numbers or keys.
    """
    try:
        text = b64url_decode(
            _BETWEEN_ENCODED.join([item + _FILL[len(item) & 3] for item in encoded])
        )
        contents = list(map(json_scan_plain, text.split(_BETWEEN)))
    except (ValueError, EcertError):
        return None
    # An array costs a bracket: with so few besides the disclosures' own, none can be too deep.
    brackets = text.count(b"[") + text.count(b"{")
    if len(contents) != len(encoded) or brackets - len(encoded) >= limits.MAX_JSON_DEPTH:
        return None
    read, again = text.replace(b"\n", b"").replace(_BETWEEN, b","), json_plain(contents)[1:-1]
    if read == again or read.translate(None, _WHITE_SPACE) == again.translate(None, _WHITE_SPACE):
        return contents
    return None


def _decode_one(encoded: bytes) -> Any:
    data = b64url_decode(encoded, where="disclosure")
    return json_decode(data, where="disclosure", max_bytes=limits.MAX_SD_JWT_BYTES)
