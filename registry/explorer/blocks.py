"""The newest blocks: when they were made, and on a network by whom and sealed by whom."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ecert.chain import qbft
from ecert.chain.blocks import Block
from ecert.chain.header import BlockHeader
from ecert.chain.node import Nodes
from ecert.errors import ProofError, UnavailableError


@dataclass(frozen=True, slots=True)
class Sealed:
    """Who made a block.

    Attributes:
        proposer: Address of the validator that proposed it.
        round: In which round of voting it was agreed; 0 where nothing went wrong.
        validators: Who may seal at its height.
        sealers: Who did.
    """

    proposer: bytes
    round: int
    validators: tuple[bytes, ...]
    sealers: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Activity:
    """What a validator did in the blocks that were looked at.

    Attributes:
        address: Its address.
        proposed: Blocks that it proposed.
        sealed: Blocks that bear its seal; a quorum suffices, so that a good one misses some.
        newest: The newest block that bears its seal; None where there is none.
    """

    address: bytes
    proposed: int
    sealed: int
    newest: int | None


def newest_blocks(nodes: Nodes, newest: int, count: int, *, sealed: bool) -> list[Block]:
    """Return blocks from ``newest`` down.

    Raises:
        UnavailableError: No node gives them.
    """
    numbers = range(newest, max(-1, newest - count), -1)
    return nodes.blocks(numbers, sealed=sealed)


def sealed(block: Block) -> Sealed | None:
    """Return who made a block; None on a chain without validators, and for block 0.

    Raises:
        UnavailableError: ``rpc_block_unsealed``: a node gave what no network makes.
    """
    if block.sealed is None or block.header.number == 0:
        return None
    try:
        header = BlockHeader.decode(block.sealed)
        extra = qbft.Extra.decode(header.extra)
        return Sealed(header.coinbase, extra.round, extra.validators, qbft.sealers(block.sealed))
    except ProofError as error:
        raise UnavailableError("rpc_block_unsealed", block=block.header.number) from error


def activity(blocks: Sequence[Block]) -> list[Activity]:
    """Return what each validator of the newest block did in these, newest first.

    Raises:
        UnavailableError: As ``sealed``.
    """
    found = [(block.header.number, sealed(block)) for block in blocks]
    made = [(number, by) for number, by in found if by is not None]
    if not made:
        return []
    proposed = Counter(by.proposer for _, by in made)
    counted = Counter(sealer for _, by in made for sealer in by.sealers)
    newest: dict[bytes, int] = {}
    for number, by in made:
        for sealer in by.sealers:
            newest.setdefault(sealer, number)
    return [
        Activity(address, proposed[address], counted[address], newest.get(address))
        for address in made[0][1].validators
    ]
