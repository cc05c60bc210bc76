"""A council member's key in a file of their own: PKCS 8 as PEM, under a passphrase."""

import json
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from ecert.client.home import read_file, write_file
from ecert.encoding import json_decode
from ecert.errors import KeystoreError, MalformedError
from ecert.limits import KIB
from ecert.signing import PublicKey, SoftwareSigner, public_key_of

MAX_KEY_FILE_BYTES = 16 * KIB
_PLAIN = (b"-----BEGIN PRIVATE KEY-----", b"-----BEGIN EC PRIVATE KEY-----")


def make_key_file(path: Path, passphrase: str) -> PublicKey:
    """Make a key (P-256), write it to ``path``, and its public half beside it (``.jwk``).

    Raises:
        KeystoreError: ``key_file_exists``.
        MalformedError: ``file_unwritable``.
    """
    public = public_path(path)
    for taken in (path, public):
        if taken.exists():
            raise KeystoreError("key_file_exists", path=taken)
    key = ec.generate_private_key(ec.SECP256R1())
    encryption = BestAvailableEncryption(passphrase.encode())
    write_file(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    found = public_key_of(key)
    write_file(public, json.dumps(found.jwk, indent=2).encode() + b"\n", mode=0o644)
    return found


def public_path(path: Path) -> Path:
    """Return where the public half of a key file lies."""
    return path.with_name(path.name + ".jwk")


def read_key_file(path: Path, passphrase: str) -> SoftwareSigner:
    """Open a key file.

    Raises:
        KeystoreError: ``key_file_unprotected``: it has no passphrase; ``key_file_wrong``: the
            passphrase is another, or it holds no key that may sign trust files.
        MalformedError: ``file_unreadable``, ``too_large``.
    """
    data = read_file(path, limit=MAX_KEY_FILE_BYTES)
    if any(mark in data for mark in _PLAIN) and b"ENCRYPTED" not in data:
        raise KeystoreError("key_file_unprotected", path=path)
    try:
        key = load_pem_private_key(data, passphrase.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeystoreError("key_file_wrong", path=path) from error
    on_curve = isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)
    if isinstance(key, ec.EllipticCurvePrivateKey) and on_curve:
        return SoftwareSigner(key)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return SoftwareSigner(key)
    raise KeystoreError("key_file_wrong", path=path)


def read_public_key(path: Path) -> PublicKey:
    """Read a public key as a JWK.

    Raises:
        MalformedError: ``public_key_file_wrong``, ``file_unreadable``, ``too_large``.
    """
    data = read_file(path, limit=MAX_KEY_FILE_BYTES)
    try:
        value: Any = json_decode(data, where=path.name, max_bytes=MAX_KEY_FILE_BYTES)
        if isinstance(value, dict):
            return PublicKey.from_jwk(value)
    except MalformedError as error:
        raise MalformedError("public_key_file_wrong", path=path) from error
    raise MalformedError("public_key_file_wrong", path=path)
