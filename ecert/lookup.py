"""Look-up codes: a short QR code leads to a document that the server keeps but cannot read.

The URL is ``<origin>/p#<id>.<key>``. Browsers send no fragment, so that neither the page's request
nor any log has id or key; the page asks for the ciphertext by id and decrypts it. The server stores
AES-128-GCM output only (NIST SP 800-38D): no key, no content, and, being padded, hardly its length.

Stored bytes: version 1 (1 byte), IV (12 bytes), ciphertext, tag (16 bytes). Plaintext: length
(4 bytes, big-endian), document, zeros up to a multiple of 4,096 bytes. Additional data: the domain
tag and the id, so that an operator cannot serve one entry for another. A key seals one document.
"""

import re
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ecert import limits
from ecert.encoding import b64url_decode, b64url_encode
from ecert.errors import MalformedError

ID_BYTES = 12
KEY_BYTES = 16
PATH = "/p"

_VERSION = b"\x01"
_DOMAIN = b"ecert-lookup-v1\0"
_IV_BYTES = 12
_TAG_BYTES = 16
_LENGTH_BYTES = 4
_BLOCK = 4096
_OVERHEAD = len(_VERSION) + _IV_BYTES + _TAG_BYTES
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_MAX_ORIGIN = 96
_MAX_URL = 200

MAX_CIPHERTEXT_BYTES = limits.MAX_DOCUMENT_FILE_BYTES + _BLOCK + _OVERHEAD
"""One stored entry."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A document sealed for look-up.

    Attributes:
        id: 96 random bits, base64url: under it the server stores the ciphertext.
        key: 128 random bits, base64url: goes on the paper and nowhere else.
        ciphertext: What the server stores.
    """

    id: str
    key: str
    ciphertext: bytes

    def __repr__(self) -> str:
        return f"Sealed(id={self.id!r}, {len(self.ciphertext)} bytes)"


@dataclass(frozen=True, slots=True)
class LookupUrl:
    """The parts of a look-up URL."""

    origin: str
    id: str
    key: str

    def __repr__(self) -> str:
        return f"LookupUrl({self.origin!r}, {self.id!r})"


def seal(document: bytes) -> Sealed:
    """Encrypt a document file under a key of its own.

    Raises:
        MalformedError: ``lookup_document_size`` for an empty or oversized file.
    """
    limit = limits.MAX_DOCUMENT_FILE_BYTES
    if not 0 < len(document) <= limit:
        raise MalformedError("lookup_document_size", size=len(document), limit=limit)
    identifier, key, iv = (secrets.token_bytes(n) for n in (ID_BYTES, KEY_BYTES, _IV_BYTES))
    plain = len(document).to_bytes(_LENGTH_BYTES, "big") + document
    plain += bytes(-len(plain) % _BLOCK)
    sealed = AESGCM(key).encrypt(iv, plain, _DOMAIN + identifier)
    return Sealed(b64url_encode(identifier), b64url_encode(key), _VERSION + iv + sealed)


def open_(ciphertext: bytes, identifier: str, key: str) -> bytes:
    """Decrypt a stored entry.

    Args:
        ciphertext: What the server answered; untrusted.
        identifier: The id from the URL.
        key: The key from the URL.

    Raises:
        MalformedError: ``lookup_code_malformed`` for an id or key of another form,
            ``lookup_entry_malformed`` for an entry of another form, ``lookup_not_opened`` when it
            does not belong to this id and key.
    """
    id_bytes, key_bytes = _code_bytes(identifier, ID_BYTES), _code_bytes(key, KEY_BYTES)
    length = len(ciphertext)
    if length > MAX_CIPHERTEXT_BYTES or (length - _OVERHEAD) % _BLOCK or length < _OVERHEAD + 1:
        raise MalformedError("lookup_entry_malformed")
    if ciphertext[:1] != _VERSION:
        raise MalformedError("lookup_entry_malformed")
    iv, sealed = ciphertext[1 : 1 + _IV_BYTES], ciphertext[1 + _IV_BYTES :]
    try:
        plain = AESGCM(key_bytes).decrypt(iv, sealed, _DOMAIN + id_bytes)
    except InvalidTag:
        raise MalformedError("lookup_not_opened") from None
    size = int.from_bytes(plain[:_LENGTH_BYTES], "big")
    end = _LENGTH_BYTES + size
    if not 0 < size <= limits.MAX_DOCUMENT_FILE_BYTES or end > len(plain) or any(plain[end:]):
        raise MalformedError("lookup_entry_malformed")
    return plain[_LENGTH_BYTES:end]


def url_of(origin: str, sealed: Sealed) -> str:
    """Return the URL to print.

    Args:
        origin: The service's bare origin: https, or http on this machine only.
        sealed: The sealed document.

    Raises:
        MalformedError: ``lookup_origin_malformed``.
    """
    return f"{_origin(origin)}{PATH}#{sealed.id}.{sealed.key}"


def is_lookup_url(text: str) -> bool:
    """Tell whether ``text`` has a look-up URL's form; says nothing of who serves it."""
    return _URL.match(text) is not None


def parse_url(text: str) -> LookupUrl:
    """Read what a look-up code holds.

    The origin is data from a stranger's paper: whoever fetches from it must first check that it is
    one of those that the trust file names.

    Raises:
        MalformedError: ``lookup_code_malformed``, ``lookup_origin_malformed``.
    """
    match = _URL.match(text) if len(text) <= _MAX_URL else None
    if match is None:
        raise MalformedError("lookup_code_malformed")
    identifier, key = match["id"], match["key"]
    _code_bytes(identifier, ID_BYTES)
    _code_bytes(key, KEY_BYTES)
    return LookupUrl(_origin(match["origin"]), identifier, key)


_URL = re.compile(
    rf"(?P<origin>https?://[^/?#\s]+){PATH}#(?P<id>[\w-]{{16}})\.(?P<key>[\w-]{{22}})\Z", re.ASCII
)


def _origin(text: str) -> str:
    """Check that ``text`` is a bare origin (RFC 6454 section 6.2), kept as it is written."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise MalformedError("lookup_origin_malformed", origin=text[:_MAX_ORIGIN]) from None
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    bare = f"{parts.scheme}://{shown}" + (f":{port}" if port is not None else "")
    secure = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    if not secure or not host or bare != text or not text.isascii() or len(text) > _MAX_ORIGIN:
        raise MalformedError("lookup_origin_malformed", origin=text[:_MAX_ORIGIN])
    return text


def _code_bytes(text: str, length: int) -> bytes:
    try:
        data = b64url_decode(text)
    except MalformedError:
        data = b""
    if len(data) != length:
        # Not the value: it may be the key.
        raise MalformedError("lookup_code_malformed")
    return data
