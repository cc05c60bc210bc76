"""A block's header: the bytes that its hash is over.

Yellow Paper, section 4.4.3; EIP-1559, 4895, 4844, 4788 and 7685 each add fields at its end.
"""

from dataclasses import dataclass, field
from typing import Any

from ecert import limits
from ecert.chain.events import byte_string, quantity
from ecert.chain.rlp_items import decode, encode, malformed, scalar, scalar_bytes
from ecert.fields import MAX_TIME, Fields

MAX_NUMBER = (1 << 63) - 1
"""The highest number of a block that an engine can hold."""

_SCALAR = None
_ANY = -1
# Each field's name in JSON-RPC and its length in bytes.
_FIELDS: tuple[tuple[str, int | None], ...] = (
    ("parentHash", 32),
    ("sha3Uncles", 32),
    ("miner", 20),
    ("stateRoot", 32),
    ("transactionsRoot", 32),
    ("receiptsRoot", 32),
    ("logsBloom", 256),
    ("difficulty", _SCALAR),
    ("number", _SCALAR),
    ("gasLimit", _SCALAR),
    ("gasUsed", _SCALAR),
    ("timestamp", _SCALAR),
    ("extraData", _ANY),
    ("mixHash", 32),
    ("nonce", 8),
    ("baseFeePerGas", _SCALAR),
    ("withdrawalsRoot", 32),
    ("blobGasUsed", _SCALAR),
    ("excessBlobGas", _SCALAR),
    ("parentBeaconBlockRoot", 32),
    ("requestsHash", 32),
)
_FIRST_FORK = 15
"""Fields that every header has; those of later forks follow."""
_PARENT, _OMMERS, _COINBASE, _STATE_ROOT = 0, 1, 2, 3
_DIFFICULTY, _NUMBER, _TIME, _EXTRA, _MIX_HASH = 7, 8, 11, 12, 13


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """A header, of which nothing but its form is known to be right.

    Attributes:
        encoded: Its RLP.
        number: The block's number.
        parent_hash: Hash of the block before, 32 bytes.
        state_root: Root of the state after it, 32 bytes.
        time: Unix seconds.
        coinbase: Address of the validator that proposed it, 20 bytes.
        extra: What the engine adds: ``extraData``.
        ommers_hash: Hash of its list of ommers, 32 bytes.
        difficulty: A constant under QBFT.
        mix_hash: A constant under QBFT, 32 bytes.
    """

    encoded: bytes = field(repr=False)
    number: int
    parent_hash: bytes
    state_root: bytes
    time: int
    coinbase: bytes
    extra: bytes = field(repr=False)
    ommers_hash: bytes = field(repr=False)
    difficulty: int
    mix_hash: bytes = field(repr=False)

    @classmethod
    def decode(cls, encoded: bytes) -> "BlockHeader":
        """Read a header from its RLP.

        Raises:
            ProofError: ``header_malformed``.
        """
        values = decode(encoded, limit=limits.MAX_HEADER_BYTES)
        if not isinstance(values, list) or not _FIRST_FORK <= len(values) <= len(_FIELDS):
            raise malformed("fields")
        items: list[bytes] = []
        for value, (name, length) in zip(values, _FIELDS, strict=False):
            if not isinstance(value, bytes):
                raise malformed(name)
            if length is _SCALAR:
                scalar(value, name, most=_most(name))
            elif length not in (_ANY, len(value)):
                raise malformed(name)
            items.append(value)
        return cls(
            encoded=encoded,
            number=int.from_bytes(items[_NUMBER]),
            parent_hash=items[_PARENT],
            state_root=items[_STATE_ROOT],
            time=int.from_bytes(items[_TIME]),
            coinbase=items[_COINBASE],
            extra=items[_EXTRA],
            ommers_hash=items[_OMMERS],
            difficulty=int.from_bytes(items[_DIFFICULTY]),
            mix_hash=items[_MIX_HASH],
        )

    @classmethod
    def from_rpc(cls, block: Any) -> "BlockHeader":
        """Make the header of a block as ``eth_getBlockByNumber`` gives it.

        Whether it is the block's header is told by its hash: a fork that this does not know would
        add fields.

        Raises:
            MalformedError: ``field_malformed``.
            ProofError: ``header_malformed``: over a bound.
        """
        fields = Fields(block, "block")
        items: list[bytes] = []
        for position, (name, length) in enumerate(_FIELDS):
            if position >= _FIRST_FORK and fields.raw(name) is None:
                break
            items.append(_from_rpc(fields, name, length))
        for name, _ in _FIELDS[len(items) :]:
            if fields.raw(name) is not None:
                raise fields.fail(name)
        return cls.decode(encode(list(items)))

    def with_extra(self, extra: bytes) -> bytes:
        """Return the RLP of this header with another ``extraData``."""
        values = decode(self.encoded, limit=limits.MAX_HEADER_BYTES)
        assert isinstance(values, list)  # decoded before
        return encode([*values[:_EXTRA], extra, *values[_EXTRA + 1 :]])


def _most(name: str) -> int:
    return {"number": MAX_NUMBER, "timestamp": MAX_TIME}.get(name, (1 << 256) - 1)


def _from_rpc(fields: Fields, name: str, length: int | None) -> bytes:
    if length is _SCALAR:
        return scalar_bytes(quantity(fields.raw(name), fields.fail(name)))
    if length == _ANY:
        return byte_string(fields.raw(name), fields.fail(name))
    return fields.hexadecimal(name, length)
