"""The trust file: all that a verifier must be given, signed by k of n council keys, as in TUF.

It pins the chain, the contracts, a checkpoint and the catalogue of kinds. Departments and their
keys come from the chain, never from here. ``ecert.trust`` says which file is to be trusted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ecert import envelope, limits
from ecert.encoding import b64url_decode, b64url_encode
from ecert.fields import Fields, hex_text
from ecert.signing import PublicKey, Signer

PURPOSE = "trust"
ENGINES = ("anvil", "quorum", "besu")
MAX_KEYS = 32
MAX_HISTORY = 256
"""Earlier checkpoints in one file."""
MAX_AUTHORITIES = 16
"""Certificates of timestamp authorities in one file."""
MAX_CERTIFICATE_BYTES = 8 * limits.KIB
"""One such certificate."""
EPOCH_LENGTH = 30_000
"""Blocks of an epoch in both engines, where a network's makers chose nothing else."""

Engine = Literal["anvil", "quorum", "besu"]


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract's address (20 bytes) and the keccak-256 of its code (32 bytes)."""

    address: bytes
    code_hash: bytes


@dataclass(frozen=True, slots=True)
class PinnedBlock:
    """A block that is certain: where replaying the chain may start from.

    Attributes:
        number: Its number.
        hash: Its hash, 32 bytes.
        state_root: The root of the state after it, 32 bytes.
        validators: Who seals blocks at its height, addresses of 20 bytes; none on an embedded
            chain.
    """

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
        history: The checkpoints of earlier versions, oldest first: a block before the checkpoint
            is proved from the nearest of them.
        timestamp_authorities: Certificates (X.509, DER) of who signs timestamps (RFC 3161).
        epoch_length: Blocks after which validators' votes lapse; None on an embedded chain.
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
    history: tuple[PinnedBlock, ...] = ()
    timestamp_authorities: tuple[bytes, ...] = ()
    epoch_length: int | None = None

    @property
    def pins(self) -> tuple[PinnedBlock, ...]:
        """All blocks that are certain, oldest first."""
        return (*self.history, self.checkpoint)

    def sign(self, signers: Sequence[Signer]) -> bytes:
        """Return the signed file as JSON text."""
        return envelope.seal(PURPOSE, self.to_json(), signers)

    def to_json(self) -> dict[str, Any]:
        """Return the content to be signed.

        What is optional and empty is left out: programs that do not know it read the rest.
        """
        optional: dict[str, Any] = {}
        if self.history:
            optional["history"] = [_pin_json(block) for block in self.history]
        if self.timestamp_authorities:
            found = [b64url_encode(der) for der in self.timestamp_authorities]
            optional["timestamp_authorities"] = found
        if self.epoch_length is not None:
            optional["epoch_length"] = self.epoch_length
        return optional | {
            "version": self.version,
            "expires": self.expires,
            "council": [key.jwk for key in self.council],
            "threshold": self.threshold,
            "chain_id": self.chain_id,
            "genesis_hash": hex_text(self.genesis_hash),
            "engine": self.engine,
            "operators": [key.jwk for key in self.operators],
            "checkpoint": _pin_json(self.checkpoint),
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
        checkpoint = _pinned_block(fields.object("checkpoint"))
        history = _history(fields)
        _check_pins(fields, engine, (*history, checkpoint))
        return cls(
            version=fields.integer("version", low=1),
            expires=fields.integer("expires"),
            council=council,
            threshold=fields.integer("threshold", low=1, high=len(council)),
            chain_id=fields.integer("chain_id", low=1),
            genesis_hash=fields.hexadecimal("genesis_hash", 32),
            engine=engine,  # type: ignore[arg-type]  # checked above
            operators=_keys(fields, "operators"),
            checkpoint=checkpoint,
            contracts=_contracts(fields.object("contracts")),
            catalogue_hash=fields.hexadecimal("catalogue_hash", 32),
            registries=registries,
            history=history,
            timestamp_authorities=_certificates(fields),
            epoch_length=_epoch_length(fields, engine),
        )


def parse_signed(data: bytes) -> envelope.UnverifiedEnvelope:
    """Read a file without asking who signed it.

    Raises:
        MalformedError: It cannot be read.
    """
    return envelope.parse(data, where="trust", max_bytes=limits.MAX_TRUST_FILE_BYTES)


def signed_file(data: bytes) -> TrustFile:
    """Read a file that enough of its own council's keys signed.

    Raises:
        MalformedError: It cannot be read.
        TrustError: ``signed_by_too_few``.
    """
    parsed = parse_signed(data)
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


def _pin_json(block: PinnedBlock) -> dict[str, Any]:
    return {
        "number": block.number,
        "hash": hex_text(block.hash),
        "state_root": hex_text(block.state_root),
        "validators": [hex_text(v) for v in block.validators],
    }


def _pinned_block(fields: Fields) -> PinnedBlock:
    fields.only("number", "hash", "state_root", "validators")
    block = PinnedBlock(
        number=fields.integer("number"),
        hash=fields.hexadecimal("hash", 32),
        state_root=fields.hexadecimal("state_root", 32),
        validators=fields.hexadecimals("validators", 20, limit=limits.MAX_VALIDATORS),
    )
    if len(set(block.validators)) != len(block.validators):
        raise fields.fail("validators")
    return block


def _history(fields: Fields) -> tuple[PinnedBlock, ...]:
    if "history" not in fields:
        return ()
    items = fields.items("history", limit=MAX_HISTORY)
    return tuple(_pinned_block(Fields(item, "trust.history")) for item in items)


def _check_pins(fields: Fields, engine: str, pins: Sequence[PinnedBlock]) -> None:
    """Check that pinned blocks rise, and that those of a network say who seals."""
    numbers = [block.number for block in pins]
    if sorted(set(numbers)) != numbers:
        raise fields.fail("history")
    if not all(bool(block.validators) == (engine != "anvil") for block in pins):
        raise fields.fail("validators")


def _certificates(fields: Fields) -> tuple[bytes, ...]:
    if "timestamp_authorities" not in fields:
        return ()
    found = []
    for item in fields.items("timestamp_authorities", limit=MAX_AUTHORITIES):
        if not isinstance(item, str) or not 0 < len(item) <= MAX_CERTIFICATE_BYTES * 4 // 3:
            raise fields.fail("timestamp_authorities")
        found.append(b64url_decode(item, where="trust.timestamp_authorities"))
    return tuple(found)


def _epoch_length(fields: Fields, engine: str) -> int | None:
    if "epoch_length" in fields:
        if engine == "anvil":
            raise fields.fail("epoch_length")
        return fields.integer("epoch_length", low=1)
    return None if engine == "anvil" else EPOCH_LENGTH


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
