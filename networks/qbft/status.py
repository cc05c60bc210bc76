"""How a running network is."""

import time
from collections import Counter
from dataclasses import dataclass

from ecert.chain.qbft import quorum
from ecert.errors import UnavailableError
from networks.qbft.network import Network, Node

FRESH_SECONDS = 30
"""A newest block this much older than it should be is no sign of a network that goes on."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """How one node is; None stands for what it does not answer.

    Attributes:
        name: Its name.
        running: Whether its process is there.
        peers: How many nodes it is connected to.
        height: Its newest block's number.
        block_time: That block's time, in Unix seconds.
        validators: The validators of its newest block.
        validator: Whether it is one of them.
    """

    name: str
    running: bool
    peers: int | None = None
    height: int | None = None
    block_time: int | None = None
    validators: frozenset[bytes] | None = None
    validator: bool | None = None


@dataclass(frozen=True, slots=True)
class NetworkStatus:
    """How a network is.

    Attributes:
        nodes: Its nodes.
        validators: How many validators the chain has, as most nodes say; where none answers, as
            many as there are nodes.
        present: How many of them are nodes that answer.
        needed: How many must seal a block.
        going: Whether so many answer and the newest block is a recent one.
    """

    nodes: tuple[NodeStatus, ...]
    validators: int
    present: int
    needed: int
    going: bool


def status(network: Network) -> NetworkStatus:
    """Ask each node how it is."""
    nodes = tuple(_node_status(node) for node in network.nodes)
    said = Counter(node.validators for node in nodes if node.validators is not None)
    if not said:
        return NetworkStatus(nodes, len(nodes), 0, quorum(len(nodes)), going=False)
    [(validators, _)] = said.most_common(1)
    answering = {
        node.entry.validator
        for node, found in zip(network.nodes, nodes, strict=True)
        if found.height is not None
    }
    present = len(answering & validators)
    newest = max(node.block_time or 0 for node in nodes)
    late = time.time() - newest > FRESH_SECONDS + network.description.block_seconds
    needed = quorum(len(validators))
    going = present >= needed and not late
    return NetworkStatus(nodes, len(validators), present, needed, going)


def _node_status(node: Node) -> NodeStatus:
    if not node.running:
        return NodeStatus(node.name, running=False)
    try:
        validators = frozenset(node.validators())
        return NodeStatus(
            node.name,
            running=True,
            peers=node.peers(),
            height=node.height(),
            block_time=node.block_time(),
            validators=validators,
            validator=node.entry.validator in validators,
        )
    except UnavailableError:
        return NodeStatus(node.name, running=True)
