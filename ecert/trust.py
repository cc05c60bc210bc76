"""The trust file: all that a verifier must be given, signed by k of n council keys, as in TUF.

It pins the chain, the contracts, a checkpoint and the catalogue of kinds. Departments and their
keys come from the chain, never from here. A first file is pinned by whoever sets a verifier up;
each later one must be signed by enough keys of the old and of the new council.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ecert import envelope, limits
from ecert.errors import MalformedError, TrustError
from ecert.fields import Fields, hex_text, time_text
from ecert.kinds.catalogue import Catalogue
from ecert.signing import PublicKey, Signer

PURPOSE = "trust"
ENGINES = ("anvil", "quorum", "besu")
MAX_KEYS = 32

Engine = Literal["anvil", "quorum", "besu"]


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract's address (20 bytes) and the keccak-256 of its code (32 bytes)."""

    address: bytes
    code_hash: bytes


@dataclass(frozen=True, slots=True)
class PinnedBlock:
    """A block that is certain: where replaying the chain may start from."""

    number: int
    hash: bytes
    state_root: bytes
    validators: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class TrustFile:
    """The content of a trust file.

    Attributes:
        version: Rises with every change; an older one is never accepted after a newer.
        expires: Unix seconds after which it is not accepted.
        council: The keys that sign trust files.
        threshold: How many of them must sign.
        chain_id: EIP-155 chain id.
        genesis_hash: Hash of block 0.
        engine: Decides how finality is told.
        operators: Keys that sign checkpoints of an embedded chain.
        checkpoint: A block that is certain.
        contracts: ``departments``, ``anchors``, ``statuses``, ``view``.
        catalogue_hash: SHA-256 of the catalogue of kinds.
        registries: Origins that serve receipts and checkpoints; discovery only.
    """

    version: int
    expires: int
    council: tuple[PublicKey, ...]
    threshold: int
    chain_id: int
    genesis_hash: bytes
    engine: Engine
    operators: tuple[PublicKey, ...]
    checkpoint: PinnedBlock
    contracts: Mapping[str, Contract]
    catalogue_hash: bytes
    registries: tuple[str, ...] = ()

    def sign(self, signers: Sequence[Signer]) -> bytes:
        """Return the signed file as JSON text."""
        return envelope.seal(PURPOSE, self._to_json(), signers)

    def _to_json(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "expires": self.expires,
            "council": [key.jwk for key in self.council],
            "threshold": self.threshold,
            "chain_id": self.chain_id,
            "genesis_hash": hex_text(self.genesis_hash),
            "engine": self.engine,
            "operators": [key.jwk for key in self.operators],
            "checkpoint": {
                "number": self.checkpoint.number,
                "hash": hex_text(self.checkpoint.hash),
                "state_root": hex_text(self.checkpoint.state_root),
                "validators": [hex_text(v) for v in self.checkpoint.validators],
            },
            "contracts": {
                name: {"address": hex_text(c.address), "code_hash": hex_text(c.code_hash)}
                for name, c in self.contracts.items()
            },
            "catalogue_hash": hex_text(self.catalogue_hash),
            "registries": list(self.registries),
        }

    @classmethod
    def from_json(cls, value: object) -> "TrustFile":
        """Read the signed content.

        Raises:
            MalformedError: ``field_malformed`` or ``jwk_malformed``.
        """
        fields = Fields(value, "trust")
        fields.only(*cls.__dataclass_fields__)
        engine = fields.text("engine")
        if engine not in ENGINES:
            raise fields.fail("engine")
        council = _keys(fields, "council")
        if not council:
            raise fields.fail("council")
        registries = tuple(fields.items("registries", limit=MAX_KEYS))
        if not all(isinstance(origin, str) and len(origin) <= 200 for origin in registries):
            raise fields.fail("registries")
        return cls(
            version=fields.integer("version", low=1),
            expires=fields.integer("expires"),
            council=council,
            threshold=fields.integer("threshold", low=1, high=len(council)),
            chain_id=fields.integer("chain_id", low=1),
            genesis_hash=fields.hexadecimal("genesis_hash", 32),
            engine=engine,  # type: ignore[arg-type]  # checked above
            operators=_keys(fields, "operators"),
            checkpoint=_pinned_block(fields.object("checkpoint")),
            contracts=_contracts(fields.object("contracts")),
            catalogue_hash=fields.hexadecimal("catalogue_hash", 32),
            registries=registries,
        )


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
        self.file = _signed_file(data)
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
            TrustError: ``trust_rollback``, ``trust_other_chain``, ``signed_by_too_few``, or as the
                constructor.
        """
        old = _signed_file(pinned)
        _parse(data).require(PURPOSE, old.council, old.threshold)
        store = TrustStore(data, catalogue, now=now)
        new = store.file
        if new.version < old.version or (new.version == old.version and new != old):
            raise TrustError("trust_rollback", found=new.version, pinned=old.version)
        if (new.chain_id, new.genesis_hash) != (old.chain_id, old.genesis_hash):
            raise TrustError("trust_other_chain")
        block, before = new.checkpoint, old.checkpoint
        if block.number < before.number:
            raise TrustError("trust_rollback", found=block.number, pinned=before.number)
        if block.number == before.number and block.hash != before.hash:
            raise TrustError("trust_other_chain")
        return store


def _parse(data: bytes) -> envelope.UnverifiedEnvelope:
    return envelope.parse(data, where="trust", max_bytes=limits.MAX_TRUST_FILE_BYTES)


def _signed_file(data: bytes) -> TrustFile:
    """Read a file that enough of its own council's keys signed."""
    parsed = _parse(data)
    file = TrustFile.from_json(parsed.signed)
    parsed.require(PURPOSE, file.council, file.threshold)
    return file


def _keys(fields: Fields, name: str) -> tuple[PublicKey, ...]:
    keys = []
    for value in fields.items(name, limit=MAX_KEYS):
        if not isinstance(value, dict):
            raise fields.fail(name)
        keys.append(PublicKey.from_jwk(value))
    if len({key.kid for key in keys}) != len(keys):
        raise fields.fail(name)
    return tuple(keys)


def _pinned_block(fields: Fields) -> PinnedBlock:
    fields.only("number", "hash", "state_root", "validators")
    return PinnedBlock(
        number=fields.integer("number"),
        hash=fields.hexadecimal("hash", 32),
        state_root=fields.hexadecimal("state_root", 32),
        validators=fields.hexadecimals("validators", 20, limit=256),
    )


def _contracts(fields: Fields) -> dict[str, Contract]:
    names = ("departments", "anchors", "statuses", "view")
    fields.only(*names)
    contracts = {}
    for name in names:
        entry = fields.object(name)
        entry.only("address", "code_hash")
        contracts[name] = Contract(
            entry.hexadecimal("address", 20), entry.hexadecimal("code_hash", 32)
        )
    return contracts
