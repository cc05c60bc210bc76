"""Networks of four validators, each node on a host of its own, for tests of all that can break."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from ecert.errors import UnavailableError
from networks.qbft.goquorum import find_geth
from networks.qbft.hosts import can_have_namespaces
from networks.qbft.making import Plan, make_network
from networks.qbft.network import Network, Node

BLOCK_SECONDS, TIMEOUT_SECONDS = 1, 2
"""The shortest there are. GoQuorum doubles the time that it waits with each round and has no upper
bound for it: after a halt of so many seconds it may take about as many until blocks are made again,
so tests keep halts short."""

PATIENCE_SECONDS = 300
"""How long tests wait for what must come. A node that begins to fetch blocks as its line is cut
leaves the votes until it gives that up, half a minute later; the others are then in rounds of 32,
64 and 128 s."""


def require_network() -> None:
    """Skip where hosts or the program are missing; with CI set that is a failure."""
    reasons = [] if can_have_namespaces() else ["no root, or no iproute2: no network namespaces"]
    try:
        find_geth()
    except UnavailableError as error:
        reasons.append(str(error))
    if reasons and "CI" in os.environ:
        pytest.fail("; ".join(reasons))
    if reasons:
        pytest.skip("; ".join(reasons))


@contextmanager
def running_network(directory: Path, *, validators: int = 4, **plan: int) -> Iterator[Network]:
    """Give a network of GoQuorum nodes that makes blocks; take it all away afterwards.

    Args:
        directory: Where its files go.
        validators: How many.
        plan: Further members of ``Plan``.
    """
    times = {"block_seconds": BLOCK_SECONDS, "timeout_seconds": TIMEOUT_SECONDS}
    make_network(
        directory,
        Plan(engine="quorum", hosts="namespaces", validators=validators, **(times | plan)),
    )
    network = Network(directory)
    try:
        network.up()
        yield network
    finally:
        network.down()


def until(condition: Callable[[], bool]) -> None:
    """Wait for what must come; fail where it does not."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.2)


def goes_on(network: Network, nodes: Sequence[Node], *, more: int) -> int:
    """Wait until nodes have so many blocks more; return the height that each has reached."""
    return network.wait_for_blocks(nodes, more=more, seconds=PATIENCE_SECONDS)


def settle(network: Network) -> None:
    """Wait until all nodes are connected and make blocks, so that no fault meets an earlier one.

    Nodes that lost each other may take half a minute until they connect again.
    """
    until(lambda: all(node.peers() == len(network.nodes) - 1 for node in network.nodes))
    goes_on(network, network.nodes, more=2)


def stands_still(network: Network, *names: str, seconds: float = 4) -> bool:
    """Tell whether nodes make no block for some block periods, once rounds under way have ended."""
    nodes = [network.node(name) for name in names]
    time.sleep(2)
    before = [node.height() for node in nodes]
    time.sleep(seconds)
    return [node.height() for node in nodes] == before
