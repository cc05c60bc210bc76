"""Places in a chain: a block's header, an entry of the log."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Header:
    """A block's header, as far as replaying needs it.

    Attributes:
        number: The block's number.
        hash: Its hash.
        state_root: The root of the state after it.
        time: Its time, unix seconds.
    """

    number: int
    hash: bytes
    state_root: bytes
    time: int


@dataclass(frozen=True, slots=True)
class Block:
    """A block as it is listed.

    Attributes:
        header: Its header, as a node gives it.
        transactions: How many transactions it has.
        sealed: RLP of its whole header, where validators seal blocks.
    """

    header: Header
    transactions: int
    sealed: bytes | None


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where an entry stands in the chain's log."""

    block: int = -1
    index: int = -1


START = Position()
"""Before every entry."""
