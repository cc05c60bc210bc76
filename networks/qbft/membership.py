"""Validators that join and leave while the network goes on.

The validators themselves decide, more than half of them, each by a vote in a block that it
proposes. Here one operator runs all nodes and lets them vote; where each authority runs its own,
each calls its own node.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ecert.chain.validators import deciding
from ecert.errors import UnavailableError
from ecert.fields import hex_text
from networks.qbft.description import NodeEntry
from networks.qbft.errors import NetworkError
from networks.qbft.making import make_node, write_lists
from networks.qbft.network import Network, Node
from networks.qbft.status import status

JOIN_SECONDS = 300.0
"""How long a new node may take to fetch the chain."""

VOTE_SECONDS = 120.0
"""How long a vote may take: each voter must have proposed a block, so longer for more of them."""

_LOOK_SECONDS = 0.2


def add_node(network: Network) -> Node:
    """Make and start one more node, which the others let in; it is no validator yet.

    Raises:
        NetworkError: ``network_not_going``, ``network_full``, ``network_busy``, or the node cannot
            be started or does not fetch the chain.
    """
    with network.held():
        _require_going(network)
        entry = make_node(network.directory, network.description)
        _keep(network, [*network.description.nodes, entry])
        network.hosts.add(entry.name, entry.address)
        node = network.node(entry.name)
        node.launch()
        for other in network.nodes:
            with contextlib.suppress(UnavailableError):  # it reads the list when it is started
                other.owner.call("admin_addPeer", entry.enode)
        network.wait_for_blocks([node, *_voters(network)], more=2, seconds=JOIN_SECONDS)
        return node


def add_validator(network: Network, name: str) -> None:
    """Let the validators vote a node in; return when it is one of them.

    Raises:
        NetworkError: ``network_node_unknown``, ``network_not_going``, ``network_vote_pending``,
            ``network_busy``.
    """
    node = network.node(name)
    with network.held():
        _vote(network, node.entry, add=True)


def remove_validator(network: Network, name: str) -> None:
    """Let the other validators vote one out, end its node and let it in no more.

    Its folder stays, its key with it: nothing is left for it to do, and nobody else may have it.

    Raises:
        NetworkError: ``network_node_unknown``, ``network_not_going``, ``network_last_validator``,
            ``network_vote_pending``, ``network_busy``.
    """
    node = network.node(name)
    with network.held():
        _require_going(network)
        if set(_voters(network)[0].validators()) == {node.entry.validator}:
            raise NetworkError("network_last_validator", name=name)
        _vote(network, node.entry, add=False)
        node.stop()
        network.hosts.remove(name)
        _keep(network, [other for other in network.description.nodes if other.name != name])
        for other in network.nodes:  # the list says whom to let in, not whom to send away
            with contextlib.suppress(UnavailableError):
                other.owner.call("admin_removePeer", node.entry.enode)


def _vote(network: Network, subject: NodeEntry, *, add: bool) -> None:
    """Let all validators that answer vote, but the one it is about; wait for the new set.

    The votes are taken back in any case: a node goes on voting for what it was told until then, and
    would undo a later decision.
    """
    _require_going(network)
    voters = [node for node in _voters(network) if node.entry != subject]
    with _voting(voters, subject, add=add):
        deadline = time.monotonic() + VOTE_SECONDS + len(voters) * network.description.block_seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(UnavailableError):
                if all((subject.validator in node.validators()) is add for node in voters):
                    return
            time.sleep(_LOOK_SECONDS)
    raise NetworkError(
        "network_vote_pending", name=subject.name, voters=len(voters), needed=_deciding(network)
    )


@contextmanager
def _voting(voters: Sequence[Node], subject: NodeEntry, *, add: bool) -> Iterator[None]:
    address = hex_text(subject.validator)
    try:
        for node in voters:
            node.owner.call("istanbul_propose", address, add)
        yield
    finally:
        for node in voters:
            with contextlib.suppress(UnavailableError):
                node.owner.call("istanbul_discard", address)


def _voters(network: Network) -> list[Node]:
    """Return the nodes that answer and are validators."""
    found = status(network)
    return [node for node, seen in zip(network.nodes, found.nodes, strict=True) if seen.validator]


def _deciding(network: Network) -> int:
    return deciding(status(network).validators)


def _require_going(network: Network) -> None:
    found = status(network)
    if not found.going:
        raise NetworkError("network_not_going", present=found.present, needed=found.needed)


def _keep(network: Network, nodes: Sequence[NodeEntry]) -> None:
    description = network.description.with_nodes(nodes)
    write_lists(network.directory, description)
    description.write(network.directory)
    network.load()
