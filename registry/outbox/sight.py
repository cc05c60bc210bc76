"""What the worker asks of the chain beside sending: blocks, and whether something is there yet."""

from dataclasses import dataclass
from typing import Protocol

from ecert.chain import view
from ecert.chain.node import Header, Nodes
from ecert.errors import MalformedError, UnavailableError
from ecert.facts import Query, StatusReference
from networks.embedded import EmbeddedChain
from registry.chain.calls import ContractCall
from registry.chain.sender import Sender

_NOTHING = bytes(32)
_ANY_KIND = "none"


class Settlement(Protocol):
    """When a block is final, as the chain's engine has it (DESIGN section 10)."""

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


class EmbeddedSettlement:
    """Final is what is in the snapshot on disk.

    Args:
        chain: The embedded chain, run by this process.
    """

    def __init__(self, chain: EmbeddedChain) -> None:
        self._chain = chain

    def recover(self) -> bool:
        """Start the node again from its snapshot when it has died."""
        return self._chain.ensure_running()

    def settle(self) -> Header:
        """Write the snapshot."""
        block = self._chain.persist()
        return Header(block.number, block.hash, block.state_root, block.timestamp)


class NetworkSettlement:
    """QBFT: a block is final as soon as it exists.

    Args:
        nodes: The chain's nodes.
    """

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def recover(self) -> bool:
        """Return False: others run the chain."""
        return False

    def settle(self) -> Header:
        """Return the latest block."""
        return self._nodes.header("latest")


@dataclass(frozen=True, slots=True)
class Sight:
    """Reads the chain.

    Attributes:
        sender: Asks view functions.
        nodes: Answer for blocks.
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
            UnavailableError: No node gives a usable answer.
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
        try:
            return view.read(self.sender.read(call), query)
        except MalformedError as error:
            raise UnavailableError("chain_answer_unusable", reason=error.code) from error
