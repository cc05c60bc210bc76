"""What a backup says of itself: first its head, last the manifest of everything before.

The head comes first, so that a program that is too old says so before it reads what it cannot
know. The manifest has the digest of every part and is authenticated: encryption to a recipient
alone would let whoever knows it put another backup in the place of this one.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from ecert.encoding import json_decode
from ecert.fields import Fields, hex_text
from ecert.limits import MIB
from registry.backup.errors import BackupError

FORMAT = 1
HEAD, MANIFEST, SEAL = "head.json", "manifest.json", "manifest.hmac"
TABLES, FILES = "tables/", "files/"

MAX_HEAD_BYTES = 1 * MIB
MAX_PARTS = 1000
"""Tables and files together."""

_HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class Head:
    """What is known when a backup begins.

    Attributes:
        program: The version of the program that made it.
        revision: The database's schema.
        made_at: When its state was taken, unix seconds.
        chain_id: The chain's id.
        genesis: Hash of the chain's block 0.
        embedded: Whether the chain itself is in it.
        final_block: The newest block that was final for the database.
    """

    program: str
    revision: str
    made_at: int
    chain_id: int
    genesis: bytes
    embedded: bool
    final_block: int

    def to_bytes(self) -> bytes:
        """Return it as JSON."""
        value = {
            "format": FORMAT,
            "program": self.program,
            "revision": self.revision,
            "made_at": self.made_at,
            "chain_id": self.chain_id,
            "genesis": hex_text(self.genesis),
            "embedded": self.embedded,
            "final_block": self.final_block,
        }
        return json.dumps(value, indent=2).encode("ascii")

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read it.

        Raises:
            BackupError: ``backup_newer_format``.
            MalformedError: ``field_malformed``.
        """
        fields = Fields(json_decode(data, where=HEAD, max_bytes=MAX_HEAD_BYTES), HEAD)
        found = fields.integer("format", low=1)
        if found > FORMAT:
            raise BackupError("backup_newer_format", found=found, known=FORMAT)
        embedded = fields.raw("embedded")
        if not isinstance(embedded, bool):
            raise fields.fail("embedded")
        return cls(
            program=fields.text("program"),
            revision=fields.text("revision", max_chars=32),
            made_at=fields.integer("made_at"),
            chain_id=fields.integer("chain_id", high=(1 << 63) - 1),
            genesis=fields.hexadecimal("genesis", _HASH_BYTES),
            embedded=embedded,
            final_block=fields.integer("final_block", high=(1 << 63) - 1),
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """Digest of every part, and how many rows the tables have.

    Attributes:
        digests: SHA-256 of each part; of a table that of its pieces in order.
        rows: Rows of each table.
    """

    digests: Mapping[str, bytes]
    rows: Mapping[str, int]

    def to_bytes(self) -> bytes:
        """Return it as JSON."""
        value = {
            "parts": {name: hex_text(digest) for name, digest in self.digests.items()},
            "rows": dict(self.rows),
        }
        return json.dumps(value, indent=2).encode("ascii")

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read it.

        Raises:
            MalformedError: ``field_malformed``.
        """
        fields = Fields(json_decode(data, where=MANIFEST, max_bytes=MAX_HEAD_BYTES), MANIFEST)
        fields.only("parts", "rows")
        parts, rows = _mapping(fields, "parts"), _mapping(fields, "rows")
        for name, count in rows.items():
            if not isinstance(count, int) or isinstance(count, bool) or count < 0:
                raise fields.fail(name)
        digests = fields.object("parts")
        return cls({name: digests.hexadecimal(name, _HASH_BYTES) for name in parts}, rows)


def _mapping(fields: Fields, name: str) -> Mapping[str, Any]:
    value = fields.raw(name)
    if not isinstance(value, dict) or len(value) > MAX_PARTS:
        raise fields.fail(name)
    return value


@dataclass
class Tally:
    """Counts and digests of what passes by, when written and when read."""

    rows: dict[str, int] = field(default_factory=dict)
    _hashes: dict[str, "hashlib._Hash"] = field(default_factory=dict)

    def add(self, part: str, data: bytes, rows: int | None = None) -> None:
        """Count some bytes of a part, with the rows in them if it is a table.

        Raises:
            BackupError: ``backup_damaged``: there are more parts than a backup has.
        """
        if part not in self._hashes and len(self._hashes) >= MAX_PARTS:
            raise BackupError("backup_damaged")
        self._hashes.setdefault(part, hashlib.sha256()).update(data)
        if rows is not None:
            self.rows[part] = self.rows.get(part, 0) + rows

    @property
    def manifest(self) -> Manifest:
        """What passed by."""
        digests = {name: found.digest() for name, found in self._hashes.items()}
        return Manifest(digests, dict(self.rows))


def authenticate(manifest: bytes, key: bytes) -> bytes:
    """Return the HMAC-SHA-256 over a manifest."""
    return hmac.digest(key, manifest, hashlib.sha256)


def part_of(member: str) -> str:
    """Return the part that a member belongs to: a table comes in numbered pieces."""
    return member.rpartition("/")[0] if member.startswith(TABLES) else member
