"""Trusting a trust file: pinned first by whoever sets a verifier up, and followed from there.

Each later one must be signed by enough keys of the old and of the new council, and never goes back.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import datetime

from ecert import envelope, limits
from ecert.errors import MalformedError, TrustError
from ecert.fields import hex_text, time_text
from ecert.kinds.catalogue import Catalogue
from ecert.signing import PublicKey, Signer
from ecert.trust_file import (
    ENGINES,
    EPOCH_LENGTH,
    MAX_KEYS,
    PURPOSE,
    Contract,
    Engine,
    PinnedBlock,
    TrustFile,
    parse_signed,
    signed_file,
)

__all__ = [
    "ENGINES",
    "EPOCH_LENGTH",
    "MAX_KEYS",
    "PURPOSE",
    "Contract",
    "Engine",
    "PinnedBlock",
    "TrustFile",
    "TrustStore",
    "UnverifiedTrust",
    "check_follows",
    "countersign",
    "follow",
    "signed_file",
]


class TrustStore:
    """A verified trust file with the catalogue it pins: what a verifier is built on.

    Args:
        data: The trust file as pinned by whoever set this verifier up.
        catalogue: The catalogue of kinds; its hash must be the pinned one.
        now: The time to check the expiry against; aware.

    Raises:
        MalformedError: The file cannot be read.
        TrustError: ``signed_by_too_few``, ``trust_expired`` or ``catalogue_not_pinned``.
    """

    def __init__(self, data: bytes, catalogue: Catalogue, *, now: datetime) -> None:
        self.data = data
        self.catalogue = catalogue
        self.file = signed_file(data)
        self.check_current(now)
        if catalogue.hash != self.file.catalogue_hash:
            raise TrustError(
                "catalogue_not_pinned",
                found=hex_text(catalogue.hash),
                expected=hex_text(self.file.catalogue_hash),
            )

    def check_current(self, now: datetime) -> None:
        """Check that the file has not expired.

        Raises:
            MalformedError: ``time_not_aware`` for a time without its zone.
            TrustError: ``trust_expired``.
        """
        if now.tzinfo is None:
            raise MalformedError("time_not_aware")
        if now.timestamp() >= self.file.expires:
            raise TrustError("trust_expired", expired=time_text(self.file.expires))

    def going_on_from(self, block: PinnedBlock) -> "TrustStore":
        """Return a store for which ``block``, proved with this one before, is certain as well.

        Args:
            block: The block; one that is not after the checkpoint changes nothing.
        """
        if block.number <= self.file.checkpoint.number:
            return self
        store = copy(self)
        store.file = replace(self.file, checkpoint=block, history=self.file.pins)
        return store

    @staticmethod
    def successor(
        pinned: bytes, data: bytes, catalogue: Catalogue, *, now: datetime
    ) -> "TrustStore":
        """Return the store of a file that follows the pinned one, which may have expired by now.

        Args:
            pinned: The trust file in use.
            data: The newer one, signed by enough keys of the old council and of the new.
            catalogue: The catalogue that the newer one pins.
            now: The time to check the newer one's expiry against.

        Raises:
            MalformedError: A file cannot be read.
            TrustError: ``trust_rollback``, ``trust_other_chain``, ``trust_history_changed``,
                ``signed_by_too_few``, or as the constructor.
        """
        follow(pinned, data)
        return TrustStore(data, catalogue, now=now)


def follow(pinned: bytes, data: bytes) -> TrustFile:
    """Return the content of a file that follows the pinned one, be either expired by now.

    Raises:
        MalformedError: A file cannot be read.
        TrustError: ``signed_by_too_few`` of the old council or of the new; or as
            ``check_follows``.
    """
    old, new = signed_file(pinned), signed_file(data)
    parse_signed(data).require(PURPOSE, old.council, old.threshold)
    check_follows(old, new)
    return new


def check_follows(old: TrustFile, new: TrustFile) -> None:
    """Check that a file's content may follow another's, whoever signed them.

    Raises:
        TrustError: ``trust_rollback``, ``trust_other_chain``, ``trust_history_changed``.
    """
    if new.version < old.version or (new.version == old.version and new != old):
        raise TrustError("trust_rollback", found=new.version, pinned=old.version)
    if (new.chain_id, new.genesis_hash) != (old.chain_id, old.genesis_hash):
        raise TrustError("trust_other_chain")
    block, before = new.checkpoint, old.checkpoint
    if block.number < before.number:
        raise TrustError("trust_rollback", found=block.number, pinned=before.number)
    if block.number == before.number and block != before:
        raise TrustError("trust_other_chain")
    if block.number == before.number:
        kept = new.history == old.history
    else:  # versions between these two may have had checkpoints of their own
        kept = new.history[: len(old.pins)] == old.pins
    if not kept:
        raise TrustError("trust_history_changed")


def countersign(data: bytes, signers: Sequence[Signer]) -> bytes:
    """Return a trust file, signed by whomever so far, with signatures added.

    Raises:
        MalformedError: It cannot be read.
    """
    where, bound = "trust", limits.MAX_TRUST_FILE_BYTES
    return envelope.countersign(PURPOSE, data, signers, where=where, max_bytes=bound)


@dataclass(frozen=True, slots=True)
class UnverifiedTrust:
    """A trust file on its way round the council, signed by whomever so far.

    Attributes:
        file: What it says.
        signed_by: The ``kid`` of each key that is named beside a signature, verified or not.
    """

    file: TrustFile
    signed_by: tuple[str, ...]
    _envelope: envelope.UnverifiedEnvelope

    @classmethod
    def read(cls, data: bytes) -> "UnverifiedTrust":
        """Read a file without asking who signed it.

        Raises:
            MalformedError: It cannot be read.
        """
        parsed = parse_signed(data)
        kids = tuple(kid for kid, _ in parsed.signatures)
        return cls(TrustFile.from_json(parsed.signed), kids, parsed)

    def signers(self, council: Sequence[PublicKey]) -> frozenset[str]:
        """Return the ``kid`` of each of the council's keys that signed it."""
        return self._envelope.signed_by(PURPOSE, council)
