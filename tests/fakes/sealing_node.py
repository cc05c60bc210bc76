"""A network of validators over the state of an embedded chain.

Real contracts run on a real node of another engine; what stands before it gives each block a QBFT
header with the same state root, sealed by the keys of validators. Hashes are its own, all else is
the node's. So what a quorum sealed, and what it did not, can be tested without such a network.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import rlp

from ecert.trust import PinnedBlock, TrustFile
from tests.fakes.node import FakeNode, running
from tests.fakes.qbft_chain import QbftChain, VoteOn, scalar
from tests.integration.chain_world import ChainWorld

STATE_ROOT, TIME = 3, 11
Lie = Callable[[str, list[Any], Any], Any]
"""Makes an answer of method, parameters and what an honest node of the network says."""


@dataclass
class Network:
    """The validators' chain over ``world``, whose blocks it seals as they are asked for.

    Attributes:
        world: The contracts and their node.
        votes: How the proposers of the next blocks vote.
        ahead: Seconds by which blocks' times are later than the node's.
    """

    world: ChainWorld
    votes: list[VoteOn] = field(default_factory=list)
    ahead: int = 0

    def __post_init__(self) -> None:
        self.chain = QbftChain()
        genesis = self._header(0, self.world.block("0x0"))
        self.chain.headers[0] = genesis

    def seal(self) -> int:
        """Seal all blocks that there are and return the newest one's number."""
        height = int(self.world.rpc.call("eth_blockNumber"), 16)
        self._seal(height)
        return height

    def change_validators(self, vote: VoteOn) -> None:
        """Mine blocks whose votes change the set, and the first one of the new set."""
        self.seal()
        before = self.chain.validators
        while self.chain.validators == before:
            self.votes.append(vote)
            self.world.rpc.call("evm_mine")
            self.seal()
        self.world.rpc.call("evm_mine")
        self.seal()

    def answer(self, method: str, _params: list[Any], truth: Any) -> Any:
        """Answer as an honest node of the network does; fits ``FakeNode.alter``."""
        if method != "eth_getBlockByNumber" or truth is None:
            return truth
        number = int(truth["number"], 16)
        self._seal(number)
        return self.chain.to_rpc(hex(number))

    @contextmanager
    def node(self, lie: Lie | None = None) -> Iterator[FakeNode]:
        """Run a node, which says what ``lie`` makes of an honest answer."""

        def alter(method: str, params: list[Any], truth: Any) -> Any:
            honest = self.answer(method, params, truth)
            return honest if lie is None else lie(method, params, honest)

        with running(FakeNode(alter=alter, behind=self.world.chain.rpc_url)) as node:
            yield node

    def pinned(self, block: int) -> PinnedBlock:
        """Return a block as a trust file pins it."""
        self._seal(block)
        root = rlp.decode(self.chain.headers[block])[STATE_ROOT]
        return PinnedBlock(block, self.chain.hash(block), root, self.chain.sets[block])

    def trust_file(self, **changes: Any) -> TrustFile:
        """Return a trust file of the network, which pins its first block unless told otherwise."""
        genesis = self.pinned(0)
        network = {
            "engine": "quorum",
            "genesis_hash": genesis.hash,
            "operators": (),
            "checkpoint": genesis,
            "epoch_length": self.chain.epoch,
        }
        return replace(self.world.trust_file(), **(network | changes))

    def forged(self, block: int, sealers: Sequence[bytes], **items: bytes) -> dict[str, Any]:
        """Return block ``block`` as sealed anew by ``sealers``, with other content."""
        chain, real = self.chain, self.chain.headers[block]
        places = {"state_root": STATE_ROOT, "time": TIME}
        kept = rlp.decode(real)
        given = {places[name]: value for name, value in items.items()}
        header = chain.header(
            block,
            chain.sets[block],
            sealers=sealers,
            items={STATE_ROOT: kept[STATE_ROOT], TIME: kept[TIME]} | given,
        )
        chain.headers[block] = header
        try:
            found = chain.to_rpc(hex(block))
        finally:
            chain.headers[block] = real
        assert found is not None
        return found

    def _seal(self, height: int) -> None:
        while self.chain.height < height:
            number = self.chain.height + 1
            block = self.world.block(hex(number))
            proposer = self.chain.validators[number % len(self.chain.validators)]
            vote = self.votes.pop(0) if self.votes else None
            header = self._header(number, block, vote=vote, proposer=proposer)
            self.chain._count(number, vote, proposer)
            self.chain._add(header)

    def _header(self, number: int, block: dict[str, Any], **more: Any) -> bytes:
        items = {
            STATE_ROOT: bytes.fromhex(block["stateRoot"][2:]),
            TIME: scalar(int(block["timestamp"], 16) + self.ahead),
        }
        sealers = {} if number else {"sealers": ()}
        return self.chain.header(number, self.chain.validators, items=items, **sealers, **more)
