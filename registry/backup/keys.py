"""The key of a registry's backups.

Backups are made every night by a machine that cannot read them: it keeps the age recipient, to
which it encrypts, and a key by which it authenticates them, for encryption to a recipient says
nothing about who encrypted. Both follow from one secret, which is given out once and kept by
people: under a passphrase, or in shares.
"""

import json
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

import pyrage
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ecert.client.home import read_file, write_file
from ecert.encoding import json_decode
from ecert.errors import MalformedError
from ecert.fields import Fields
from ecert.limits import KIB
from registry.backup import bech32
from registry.backup.errors import BackupError

FILE = "backup-key.json"
"""In the registry's folder: what making backups needs, and nothing that opens them."""

SECRET_BYTES = 32
MIN_PASSPHRASE_CHARS = 12
MAX_KEY_FILE_BYTES = 16 * KIB

_IDENTITY_PREFIX = "age-secret-key-"
_AUTHENTICATION = b"ecert/backup/authentication/1"


@dataclass(frozen=True, slots=True)
class MakingKey:
    """What making backups needs.

    Attributes:
        recipient: The age recipient (X25519) that backups are encrypted to.
        authentication: Key of the HMAC-SHA-256 over their manifests.
    """

    recipient: str
    authentication: bytes = field(repr=False)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read it from a registry's folder.

        Raises:
            BackupError: ``backup_key_missing``.
            MalformedError: The file is damaged.
        """
        path = directory / FILE
        if not path.exists():
            raise BackupError("backup_key_missing", directory=directory)
        data = read_file(path, limit=MAX_KEY_FILE_BYTES)
        fields = Fields(json_decode(data, where=FILE, max_bytes=MAX_KEY_FILE_BYTES), FILE)
        fields.only("recipient", "authentication")
        recipient = fields.text("recipient")
        try:
            pyrage.x25519.Recipient.from_str(recipient)
        except pyrage.RecipientError as error:
            raise fields.fail("recipient") from error
        return cls(recipient, fields.hexadecimal("authentication", SECRET_BYTES))

    def save(self, directory: Path) -> None:
        """Keep it in a registry's folder, for its owner alone.

        Raises:
            MalformedError: ``file_unwritable``.
        """
        value = {
            "recipient": self.recipient,
            "authentication": "0x" + self.authentication.hex(),
        }
        write_file(directory / FILE, json.dumps(value, indent=2).encode())


@dataclass(frozen=True)
class BackupKey:
    """The secret that opens backups.

    Attributes:
        identity: As age writes it, ``AGE-SECRET-KEY-1…``.
    """

    identity: str = field(repr=False)

    @classmethod
    def of(cls, secret: bytes) -> Self:
        """Return the key that ``secret`` (32 bytes) is."""
        return cls(bech32.encode(_IDENTITY_PREFIX, secret).upper())

    @cached_property
    def opened(self) -> pyrage.x25519.Identity:
        """The key as age takes it.

        Raises:
            MalformedError: ``backup_secret_malformed``.
        """
        try:
            return pyrage.x25519.Identity.from_str(self.identity)
        except pyrage.IdentityError as error:
            raise MalformedError("backup_secret_malformed") from error

    @property
    def making(self) -> MakingKey:
        """What the registry keeps of it."""
        derivation = HKDF(SHA256(), length=SECRET_BYTES, salt=None, info=_AUTHENTICATION)
        derived = derivation.derive(self.identity.encode("ascii"))
        return MakingKey(str(self.opened.to_public()), derived)


def new_secret() -> bytes:
    """Return the secret of a new key."""
    return secrets.token_bytes(SECRET_BYTES)


def seal(key: BackupKey, passphrase: str) -> bytes:
    """Return a key under a passphrase: an age file whose content is an identity file of age's.

    Raises:
        BackupError: ``backup_passphrase_short``.
    """
    if len(passphrase) < MIN_PASSPHRASE_CHARS:
        raise BackupError("backup_passphrase_short", minimum=MIN_PASSPHRASE_CHARS)
    text = f"# public key: {key.making.recipient}\n{key.identity}\n"
    return bytes(pyrage.passphrase.encrypt(text.encode("ascii"), passphrase))


def unseal(data: bytes, passphrase: str, *, where: str) -> BackupKey:
    """Return the key that ``seal`` sealed.

    Raises:
        BackupError: ``backup_passphrase_wrong``.
        MalformedError: ``backup_secret_malformed``, ``backup_key_file_malformed``.
    """
    if not data.startswith(b"age-encryption.org/v1\n-> scrypt "):
        raise MalformedError("backup_key_file_malformed", path=where)
    try:
        text = bytes(pyrage.passphrase.decrypt(data, passphrase)).decode("ascii")
    except pyrage.DecryptError as error:
        raise BackupError("backup_passphrase_wrong", path=where) from error
    except UnicodeDecodeError as error:
        raise MalformedError("backup_secret_malformed") from error
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    if len(lines) != 1:
        raise MalformedError("backup_secret_malformed")
    key = BackupKey(lines[0])
    _ = key.opened
    return key
