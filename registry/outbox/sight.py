"""What the worker asks of the chain beside sending: blocks, and whether something is there yet."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Protocol

from ecert.chain import view
from ecert.chain.node import Header, Nodes
from ecert.errors import UnavailableError
from ecert.facts import Query, StatusReference
from networks.embedded import EmbeddedChain
from registry.chain.calls import ContractCall
from registry.chain.rpc import disagreement
from registry.chain.sender import Sender
from registry.chain.standstill import Standstill
from registry.clock import Clock, unix_now
from registry.outbox.seals import Seals

Final = tuple[int, bytes]
"""Number and hash of a final block."""

LOOK_SECONDS = 2.0
"""How often it is looked whether what was final still is."""

_NOTHING = bytes(32)
_ANY_KIND = "none"


class Settlement(Protocol):
    """When a block is final, as the chain's engine has it (DESIGN section 10).

    Attributes:
        recalls: Whether what ``recover`` tells of is that final blocks are gone, not only others.
    """

    recalls: bool

    def recover(self) -> bool:
        """Bring the chain back when it has died; whether blocks may have been lost by that.

        Raises:
            UnavailableError: It does not start.
        """

    def settle(self) -> Header:
        """Make what the chain holds final; return the newest final block.

        Raises:
            UnavailableError: It could not be done; nothing is final that was not before.
        """

    def witness(self) -> Header | None:
        """Return the newest block if another machine gave it its time, else None.

        Raises:
            UnavailableError: No node answers.
        """

    def set_clock(self, now: int) -> None:
        """Let the next block be of about ``now``, where this machine gives blocks their time.

        Raises:
            UnavailableError: The node does not answer.
        """


class EmbeddedSettlement:
    """Final is what is in the snapshot on disk.

    Args:
        chain: The embedded chain, run by this process.
    """

    recalls = False

    def __init__(self, chain: EmbeddedChain) -> None:
        self._chain = chain

    def recover(self) -> bool:
        """Start the node again from its snapshot when it has died."""
        return self._chain.ensure_running()

    def settle(self) -> Header:
        """Write the snapshot."""
        block = self._chain.persist()
        return Header(block.number, block.hash, block.state_root, block.timestamp)

    def witness(self) -> Header | None:
        """Return None: blocks have the time of this machine."""
        return None

    def set_clock(self, now: int) -> None:
        """Set the node's clock back where a wrong one of this machine had put it ahead."""
        self._chain.set_clock(now)


class NetworkSettlement:
    """QBFT: a block is final as soon as it exists: a quorum of validators sealed it.

    Nothing that is final can be taken back there. It is looked at all the same: whoever runs the
    validators could, and so can the wrong node behind an address.

    Args:
        sender: Asks the chain's nodes.
        last: Returns the newest block that was called final, if there is one.
        seals: Checks the seals of blocks; None on a chain that has no validators.
        look_seconds: How often that block is looked at.
        standstill: Knows how long there was no new block; None where a chain may rest.
        clock: The time.
    """

    recalls = True

    def __init__(
        self,
        sender: Sender,
        last: Callable[[], Final | None] = lambda: None,
        *,
        seals: Seals | None = None,
        look_seconds: float = LOOK_SECONDS,
        standstill: Standstill | None = None,
        clock: Clock = unix_now,
    ) -> None:
        self._sender = sender
        self._last = last
        self._seals = seals
        self._standstill = standstill
        self._clock = clock
        self._look_seconds = look_seconds
        self._looked_at = float("-inf")
        self._told: Final | None = None

    def recover(self) -> bool:
        """Return whether the newest final block is no longer on the chain.

        Raises:
            UnavailableError: ``chain_nodes_behind``: a node that lags has not lost a block.
                ``chain_stalled``: what is newer elsewhere cannot be known here.
        """
        if time.monotonic() < self._looked_at + self._look_seconds:
            return False
        height, self._told = self._look()
        if self._standstill is not None:
            self._newest(height)
        self._looked_at = time.monotonic()
        return self._told is not None

    def settle(self) -> Header:
        """Return the newest block that most nodes have, and the same, with its validators' seals.

        Raises:
            UnavailableError: ``chain_nodes_behind``, ``chain_nodes_disagree``, ``chain_stalled``;
                ``chain_block_replaced`` where ``recover`` has not told of it yet;
                ``chain_block_unproven``: what the nodes say is not what validators sealed.
        """
        height, lost = self._look()
        if lost is not None and lost != self._told:
            self._looked_at = float("-inf")
            raise UnavailableError("chain_block_replaced", block=lost[0])
        header = self._newest(height)
        return header if self._seals is None else self._seals.check(header)

    def _newest(self, height: int) -> Header:
        """Return the newest block, unless it has been that for too long."""
        header = self._sender.header(height)
        if header is None:
            raise disagreement(f"block {height}")
        if self._standstill is not None:
            still = self._standstill.see(header.number, header.time, self._clock())
            if still is not None:
                raise UnavailableError("chain_stalled", block=height, seconds=still)
        return header

    def _look(self) -> tuple[int, Final | None]:
        """Return the chain's height, and the newest final block if another has its place."""
        height = self._sender.block_number()
        last = self._last()
        if last is None:
            return height, None
        number, block_hash = last
        header = self._sender.header(number) if height >= number else None
        if header is None:
            raise UnavailableError("chain_nodes_behind", block=height, final=number)
        return height, None if header.hash == block_hash else last

    def witness(self) -> Header | None:
        """Return the newest block that most nodes have, and the same."""
        return self._sender.header(self._sender.block_number())

    def set_clock(self, now: int) -> None:
        """Do nothing: others give blocks their time."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Reads the chain.

    Attributes:
        sender: Sends, and asks what the nodes must agree upon.
        nodes: Give the contracts' log.
        view_address: Address of VerificationView.
    """

    sender: Sender
    nodes: Nodes
    view_address: str

    def inspect(
        self,
        department: str,
        *,
        root: bytes | None = None,
        digest: bytes = _NOTHING,
        entry: tuple[int, int] = (0, 0),
    ) -> view.Inspection:
        """Return anchor and status as the contracts hold them now.

        Raises:
            UnavailableError: No node gives a usable answer, or ``chain_nodes_disagree``.
        """
        query = Query(
            department=department,
            key_id=_NOTHING,
            kind=_ANY_KIND,
            digest=digest,
            root=root,
            status=StatusReference(*entry),
        )
        call = ContractCall("VerificationView", "inspect", self.view_address, view.call_data(query))
        return self.sender.inspect(call, lambda data: view.read(data, query), _without_time)


def _without_time(found: view.Inspection) -> Hashable:
    """Return what nodes that are not at the very same block agree upon."""
    return found.anchor, found.status, found.digest_revoked, found.root_revoked
