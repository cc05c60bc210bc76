"""An operator's signed word that a block is final on an embedded chain (DESIGN section 10)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ecert import envelope
from ecert.fields import Fields, hex_text
from ecert.limits import KIB
from ecert.signing import PublicKey, Signer

PURPOSE = "checkpoint"
MAX_CHECKPOINT_BYTES = 4 * KIB


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A block that is on disk and will not change.

    Attributes:
        chain_id: EIP-155 chain id.
        number: Block number.
        hash: Block hash, 32 bytes.
        state_root: The block's state root, 32 bytes.
        time: When this was signed, unix seconds; repeated as a heartbeat while the block stands.
    """

    chain_id: int
    number: int
    hash: bytes
    state_root: bytes
    time: int

    def sign(self, operator: Signer) -> bytes:
        """Return the signed checkpoint as JSON text."""
        signed = {
            "chain_id": self.chain_id,
            "number": self.number,
            "hash": hex_text(self.hash),
            "state_root": hex_text(self.state_root),
            "time": self.time,
        }
        return envelope.seal(PURPOSE, signed, [operator])

    @classmethod
    def verify(cls, data: bytes, operators: Iterable[PublicKey]) -> "Checkpoint":
        """Read a checkpoint signed by one of ``operators``.

        Raises:
            MalformedError: It cannot be read.
            TrustError: ``signed_by_too_few``: no known operator signed it.
        """
        parsed = _parsed(data)
        parsed.require(PURPOSE, operators, 1)
        return cls._read(parsed.signed)

    @classmethod
    def unverified(cls, data: bytes) -> "Checkpoint":
        """Read a checkpoint without asking who signed it.

        Raises:
            MalformedError: It cannot be read.
        """
        return cls._read(_parsed(data).signed)

    @classmethod
    def _read(cls, signed: dict[str, Any]) -> "Checkpoint":
        fields = Fields(signed, "checkpoint")
        fields.only("chain_id", "number", "hash", "state_root", "time")
        return cls(
            chain_id=fields.integer("chain_id", low=1),
            number=fields.integer("number"),
            hash=fields.hexadecimal("hash", 32),
            state_root=fields.hexadecimal("state_root", 32),
            time=fields.integer("time"),
        )


def _parsed(data: bytes) -> envelope.UnverifiedEnvelope:
    return envelope.parse(data, where="checkpoint", max_bytes=MAX_CHECKPOINT_BYTES)
