"""Secrets at rest, of a registry and of a wallet, sealed under a key that a passphrase yields.

Each is sealed by AES-256-GCM under the master key. The passphrase goes through scrypt (RFC 7914)
once per process. A sealed secret is bound to its name (associated data), so that one's bytes put in
the place of another's do not open. The header holds the parameters and a sealed constant: a wrong
passphrase is told apart from damage.

    header  "ECK1" | log2(n) | r | p | salt (16) | nonce (12) | sealed constant and tag
    sealed  nonce (12) | ciphertext and tag (16)
"""

import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ecert.errors import KeystoreError

_MAGIC = b"ECK1"
_CHECK_NAME = b"ecert/keystore/check/1"
_CHECK = b"the passphrase is right"
_SALT_BYTES = 16
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEADER_BYTES = 4 + 3 + _SALT_BYTES + _NONCE_BYTES + len(_CHECK) + _TAG_BYTES
_MAX_LOG_N = 20
_MAX_R = 8
_MAX_P = 16

MAX_SECRET_BYTES = 4 << 20
"""One sealed secret: a wallet's entry, a key."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Parameters of scrypt: 128 * r * 2^log_n bytes of memory (32 MiB by default)."""

    log_n: int = 15
    r: int = 8
    p: int = 1


class Keystore:
    """An opened key store: seals and opens keys by name.

    Args:
        master: The master key, 32 bytes; ``create`` and ``unlock`` derive it.
    """

    def __init__(self, master: bytes) -> None:
        self._cipher = AESGCM(master)

    @classmethod
    def create(cls, passphrase: str, cost: Cost | None = None) -> tuple[bytes, "Keystore"]:
        """Make a new key store; return its header, to be kept beside the keys, and the store."""
        cost = cost or Cost()
        salt = secrets.token_bytes(_SALT_BYTES)
        store = cls(_derive(passphrase, salt, cost))
        head = _MAGIC + bytes((cost.log_n, cost.r, cost.p)) + salt
        # The parameters are authenticated too: nobody can lower the cost unseen.
        return head + store._seal(_CHECK_NAME + head, _CHECK), store

    @classmethod
    def unlock(cls, header: bytes, passphrase: str) -> "Keystore":
        """Open the key store of ``header``.

        Raises:
            KeystoreError: ``keystore_malformed``, ``passphrase_wrong``.
        """
        if len(header) != _HEADER_BYTES or header[:4] != _MAGIC:
            raise KeystoreError("keystore_malformed")
        cost = Cost(*header[4:7])
        bounds = ((cost.log_n, _MAX_LOG_N), (cost.r, _MAX_R), (cost.p, _MAX_P))
        # RFC 7914 section 2: N is less than 2^(128 * r / 8), else scrypt has no meaning.
        if not all(1 <= value <= most for value, most in bounds) or cost.log_n >= 16 * cost.r:
            raise KeystoreError("keystore_malformed")
        head, check = header[: 7 + _SALT_BYTES], header[7 + _SALT_BYTES :]
        store = cls(_derive(passphrase, head[7:], cost))
        try:
            store._open(_CHECK_NAME + head, check)
        except InvalidTag as error:
            raise KeystoreError("passphrase_wrong") from error
        return store

    def seal(self, name: str, secret: bytes) -> bytes:
        """Return ``secret`` encrypted for keeping under ``name``.

        Raises:
            KeystoreError: ``secret_too_large``: ``open`` would not take it back.
        """
        if len(secret) > MAX_SECRET_BYTES:
            raise KeystoreError("secret_too_large", name=name, limit=MAX_SECRET_BYTES)
        return self._seal(_associated(name), secret)

    def open(self, name: str, sealed: bytes) -> bytes:
        """Return what was sealed under ``name``.

        Raises:
            KeystoreError: ``sealed_key_invalid``: damaged, or sealed under another name.
        """
        if not 0 <= len(sealed) - _NONCE_BYTES - _TAG_BYTES <= MAX_SECRET_BYTES:
            raise KeystoreError("sealed_key_invalid", name=name)
        try:
            return self._open(_associated(name), sealed)
        except InvalidTag as error:
            raise KeystoreError("sealed_key_invalid", name=name) from error

    def _seal(self, associated: bytes, secret: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, associated)

    def _open(self, associated: bytes, sealed: bytes) -> bytes:
        return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], associated)


def _associated(name: str) -> bytes:
    return b"ecert/keystore/key/1\0" + name.encode("utf-8")


def _derive(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    kdf = Scrypt(salt=salt, length=32, n=1 << cost.log_n, r=cost.r, p=cost.p)
    # What the environment holds need not be UTF-8: its other bytes come as lone surrogates.
    return kdf.derive(passphrase.encode("utf-8", "surrogatepass"))
