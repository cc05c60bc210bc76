"""What a snapshot says of itself: whose chain, up to which block, as of when."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ecert import limits
from ecert.chain.blocks import Header, Position
from ecert.chain.records import CONTRACTS
from ecert.encoding import canonical_json, json_decode
from ecert.errors import MalformedError, UnavailableError
from ecert.facts import Basis
from ecert.fields import Fields, hex_text
from ecert.trust import PinnedBlock, TrustFile
from verifier.snapshot_rows import malformed

FORMAT = 1
_MAX_BYTES = 16 * limits.KIB
_MAX_POSITION = (1 << 53) - 1


@dataclass(frozen=True, slots=True)
class Meta:
    """A snapshot's identity and place.

    Attributes:
        chain_id: EIP-155 chain id.
        genesis_hash: Hash of block 0.
        contracts: Addresses by name.
        header: The final block up to which the records hold all.
        time: As of when nothing later was known, unix seconds.
        heads: The contracts' heads at that block, by name.
        successors: Successors of closed contracts, by name.
        position: The last log entry that was replayed.
        basis: What the heads, hence the records, rest on.
        validators: Who seals at the block's height, where it was proved by them: the next update
            follows on from there.
    """

    chain_id: int
    genesis_hash: bytes
    contracts: Mapping[str, bytes]
    header: Header
    time: int
    heads: Mapping[str, bytes]
    successors: Mapping[str, bytes]
    position: Position
    basis: Basis
    validators: tuple[bytes, ...] = ()

    @property
    def proved(self) -> PinnedBlock | None:
        """The block, where its validators proved it."""
        if self.basis is not Basis.VALIDATORS or not self.validators:
            return None
        header = self.header
        return PinnedBlock(header.number, header.hash, header.state_root, self.validators)

    def check(self, trust: TrustFile, *, path: Path) -> None:
        """Check that this is a snapshot of the chain and contracts that ``trust`` names.

        Raises:
            UnavailableError: ``snapshot_other_chain``, ``snapshot_other_contracts``.
        """
        if (self.chain_id, self.genesis_hash) != (trust.chain_id, trust.genesis_hash):
            raise UnavailableError("snapshot_other_chain", path=path)
        pinned = trust.checkpoint
        if self.header.number == pinned.number and self.header.hash != pinned.hash:
            raise UnavailableError("snapshot_other_chain", path=path)
        if any(trust.contracts[name].address != self.contracts[name] for name in CONTRACTS):
            raise UnavailableError("snapshot_other_contracts", path=path)

    def check_precedes(self, header: Header) -> None:
        """Check that going on to ``header`` does not go back.

        Raises:
            UnavailableError: ``snapshot_would_go_back``, or ``chain_reorganised`` for another block
                of the same number.
        """
        if header.number < self.header.number:
            raise UnavailableError(
                "snapshot_would_go_back", found=header.number, stored=self.header.number
            )
        if header.number == self.header.number and header.hash != self.header.hash:
            raise UnavailableError(
                "chain_reorganised",
                block=header.number,
                stored=hex_text(self.header.hash),
                found=hex_text(header.hash),
            )

    def write(self, connection: sqlite3.Connection) -> None:
        """Write this to the file, in the transaction that is open."""
        value = {
            "format": FORMAT,
            "chain_id": self.chain_id,
            "genesis_hash": hex_text(self.genesis_hash),
            "contracts": _hex(self.contracts),
            "header": {
                "number": self.header.number,
                "hash": hex_text(self.header.hash),
                "state_root": hex_text(self.header.state_root),
                "time": self.header.time,
            },
            "time": self.time,
            "heads": _hex(self.heads),
            "successors": _hex(self.successors),
            "basis": self.basis.value,
            "position": {"block": self.position.block, "index": self.position.index},
            "validators": [hex_text(address) for address in self.validators],
        }
        text = canonical_json(value, where="snapshot").decode()
        connection.execute("INSERT OR REPLACE INTO meta VALUES (1, ?)", (text,))

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> "Meta":
        """Read it from the file.

        Raises:
            UnavailableError: ``snapshot_malformed``, ``snapshot_other_format``.
        """
        row = connection.execute("SELECT value FROM meta").fetchone()
        if row is None or not isinstance(row[0], str):
            raise malformed("meta")
        try:
            fields = Fields(json_decode(row[0], where="snapshot", max_bytes=_MAX_BYTES), "snapshot")
            if fields.integer("format") != FORMAT:
                raise UnavailableError("snapshot_other_format", found=fields.raw("format"))
            return cls._from_fields(fields)
        except MalformedError as error:
            raise malformed(error.code) from error

    @classmethod
    def _from_fields(cls, fields: Fields) -> "Meta":
        header, position = fields.object("header"), fields.object("position")
        contracts, heads = fields.object("contracts"), fields.object("heads")
        successors = fields.object("successors")
        closed = [name for name in CONTRACTS if successors.raw(name) is not None]
        successors.only(*closed)
        return cls(
            chain_id=fields.integer("chain_id", low=1),
            genesis_hash=fields.hexadecimal("genesis_hash", 32),
            contracts={name: contracts.hexadecimal(name, 20) for name in CONTRACTS},
            header=Header(
                number=header.integer("number"),
                hash=header.hexadecimal("hash", 32),
                state_root=header.hexadecimal("state_root", 32),
                time=header.integer("time"),
            ),
            time=fields.integer("time"),
            heads={name: heads.hexadecimal(name, 32) for name in CONTRACTS},
            successors={name: successors.hexadecimal(name, 20) for name in closed},
            position=Position(
                position.integer("block", low=-1, high=_MAX_POSITION),
                position.integer("index", low=-1, high=_MAX_POSITION),
            ),
            basis=_basis(fields),
            validators=_validators(fields),
        )


def _basis(fields: Fields) -> Basis:
    try:
        return Basis(fields.text("basis"))
    except ValueError as error:
        raise fields.fail("basis") from error


def _validators(fields: Fields) -> tuple[bytes, ...]:
    if "validators" not in fields:  # made by an earlier version
        return ()
    return fields.hexadecimals("validators", 20, limit=limits.MAX_VALIDATORS)


def _hex(values: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hex_text(value) for name, value in values.items()}
