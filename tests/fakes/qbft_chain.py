"""A chain of validators in memory, sealed by real keys, made with no line of the product's.

It counts votes as GoQuorum or Besu do, so that its headers are what such a network would make; and
each step can be made wrongly, as a thief of some keys would.
"""

import copy
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import rlp
from eth_hash.auto import keccak
from eth_keys.backends.coincurve import CoinCurveECCBackend
from eth_keys.datatypes import PrivateKey

MIX_HASH = bytes.fromhex("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365")
NO_OMMERS = keccak(rlp.encode([]))
NAMES = (
    *("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot"),
    *("logsBloom", "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData"),
    *("mixHash", "nonce"),
)
QUANTITIES = {"difficulty", "number", "gasLimit", "gasUsed", "timestamp"}

VoteOn = tuple[bytes, bool]
"""Whom, and whether to add or to drop."""


@dataclass(frozen=True)
class Key:
    """A validator's key."""

    private: PrivateKey

    @classmethod
    def new(cls) -> "Key":
        return cls(PrivateKey(secrets.token_bytes(32), backend=CoinCurveECCBackend()))

    @property
    def address(self) -> bytes:
        return bytes(self.private.public_key.to_canonical_address())

    def seal(self, digest: bytes) -> bytes:
        return bytes(self.private.sign_msg_hash(digest).to_bytes())


def resealed(header: bytes, keys: Sequence[Key]) -> bytes:
    """Return the header of the same block with others' seals, of another round."""
    fields = rlp.decode(header)
    extra = [*rlp.decode(fields[12])[:3], scalar(7), []]
    fields[12] = rlp.encode(extra)
    digest = keccak(rlp.encode(fields))
    extra[4] = [key.seal(digest) for key in keys]
    fields[12] = rlp.encode(extra)
    return bytes(rlp.encode(fields))


def scalar(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8)


def vote_items(vote: VoteOn | None) -> list[bytes]:
    return [] if vote is None else [vote[0], b"\xff" if vote[1] else b""]


@dataclass
class QbftChain:
    """Blocks from 0 on.

    Attributes:
        keys: All keys there are, by address.
        epoch: The epoch's length in blocks.
        counts_epoch_blocks: Count votes in epoch blocks, as GoQuorum does.
        headers: RLP of each header.
        sets: The validators of each block's height; one more than there are blocks.
    """

    size: int = 4
    chain_id: int = 20_261
    epoch: int = 30_000
    counts_epoch_blocks: bool = True
    keys: dict[bytes, Key] = field(default_factory=dict)
    headers: list[bytes] = field(default_factory=list)
    sets: list[tuple[bytes, ...]] = field(default_factory=list)
    votes: dict[VoteOn, set[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sets.append(tuple(sorted(self.new_key() for _ in range(self.size))))
        self._add(self.header(0, self.sets[0], sealers=()))

    def new_key(self) -> bytes:
        key = Key.new()
        self.keys[key.address] = key
        return key.address

    @property
    def height(self) -> int:
        return len(self.headers) - 1

    @property
    def validators(self) -> tuple[bytes, ...]:
        """Who seals the next block."""
        return self.sets[-1]

    def hash(self, block: int) -> bytes:
        items = rlp.decode(self.headers[block])
        extra = rlp.decode(items[12])
        items[12] = rlp.encode([*extra[:3], b"", []])
        return keccak(rlp.encode(items))

    def extend(self, count: int = 1) -> None:
        for _ in range(count):
            self.block()

    def branch(self) -> "QbftChain":
        """Return the same chain, to go another way from here."""
        other = copy.copy(self)
        other.headers, other.sets = list(self.headers), list(self.sets)
        other.votes = {vote: set(voters) for vote, voters in self.votes.items()}
        return other

    def block(self, vote: VoteOn | None = None, *, proposer: bytes | None = None) -> bytes:
        """Add a block that validators would make; return its RLP."""
        number = self.height + 1
        proposer = proposer or self.validators[number % len(self.validators)]
        header = self.header(number, self.validators, vote=vote, proposer=proposer)
        self._count(number, vote, proposer)
        self._add(header)
        return header

    def change(self, vote: VoteOn) -> None:
        """Add blocks until a vote has changed the set."""
        before = self.validators
        for proposer in before:
            self.block(vote, proposer=proposer)
            if self.validators != before:
                return
        raise AssertionError("the votes had no effect")

    def header(
        self,
        number: int,
        validators: Sequence[bytes],
        *,
        vote: VoteOn | None = None,
        proposer: bytes = bytes(20),
        sealers: Iterable[bytes] | None = None,
        round_: int = 0,
        parent: bytes | None = None,
        fork: Sequence[bytes] = (),
        items: dict[int, bytes] | None = None,
        vanity: bytes = bytes(32),
    ) -> bytes:
        """Make the RLP of a header, right or wrong; by default sealed by a quorum."""
        if sealers is None:
            sealers = tuple(validators)[: -(-2 * len(validators) // 3)]
        extra = [vanity, list(validators), vote_items(vote), scalar(round_), []]
        fields = [
            *(parent if parent is not None else self.hash(number - 1) if number else bytes(32),),
            *(NO_OMMERS, proposer, keccak(b"state" + number.to_bytes(8))),
            *(bytes(32), bytes(32), bytes(256), scalar(1), scalar(number), scalar(500_000_000)),
            *(b"", scalar(1_800_000_000 + number), rlp.encode(extra), MIX_HASH, bytes(8), *fork),
        ]
        for position, value in (items or {}).items():
            fields[position] = value
        digest = keccak(rlp.encode(fields))
        extra[4] = [self.keys[sealer].seal(digest) for sealer in sealers]
        fields[12] = rlp.encode(extra)
        return bytes(rlp.encode(fields))

    def to_rpc(self, block: int | str) -> dict[str, Any] | None:
        """Return what ``eth_getBlockByNumber`` gives."""
        number = self.height if block == "latest" else int(str(block), 16)
        if number > self.height:
            return None
        items = rlp.decode(self.headers[number])
        found = {
            name: hex(int.from_bytes(item)) if name in QUANTITIES else "0x" + item.hex()
            for name, item in zip(NAMES, items, strict=True)
        }
        return found | {"hash": "0x" + self.hash(number).hex(), "transactions": []}

    def answer(self, method: str, params: list[Any], _true: Any = None) -> Any:
        """Answer as a node does; fits ``FakeNode.alter``."""
        match method:
            case "eth_chainId":
                return hex(self.chain_id)
            case "eth_syncing":
                return False
            case "eth_blockNumber":
                return hex(self.height)
            case "eth_getBlockByNumber":
                return self.to_rpc(params[0])
        raise AssertionError(method)

    def _add(self, header: bytes) -> None:
        self.headers.append(header)
        if len(self.sets) < len(self.headers) + 1:
            self.sets.append(self.sets[-1])

    def _count(self, number: int, vote: VoteOn | None, proposer: bytes) -> None:
        if number % self.epoch == 0:
            self.votes.clear()
            if not self.counts_epoch_blocks:
                return
        if vote is None:
            return
        recipient, add = vote
        self.votes.setdefault((recipient, not add), set()).discard(proposer)
        if add == (recipient in self.validators):
            return
        voters = self.votes.setdefault(vote, set())
        voters.add(proposer)
        if len(voters) <= len(self.validators) // 2:
            return
        changed = set(self.validators) ^ {recipient}
        for known in [key for key in self.votes if key[0] == recipient]:
            del self.votes[known]
        if not add:
            for others in self.votes.values():
                others.discard(recipient)
        self.sets.append(tuple(sorted(changed)))
