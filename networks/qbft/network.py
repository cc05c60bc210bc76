"""A GoQuorum network that runs on this machine: a library for commands and for tests of faults."""

import contextlib
import fcntl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ecert.chain.qbft import quorum
from ecert.chain.rpc import RpcNode
from ecert.errors import UnavailableError
from networks.qbft import goquorum
from networks.qbft.description import NetworkDescription, NodeEntry
from networks.qbft.errors import NetworkError
from networks.qbft.hosts import Hosts, Namespaces, hosts_of
from networks.qbft.ipc import NodeSocket
from networks.qbft.making import GENESIS, check_key, node_folder
from networks.qbft.process import NodeProcess

UP_SECONDS = 120.0
_LOOK_SECONDS = 0.1
_RPC_SECONDS = 5.0


class Node(NodeProcess):
    """One node of a running network.

    Args:
        directory: The network's directory.
        network: Its description.
        entry: Which node.
        hosts: Where it runs.
    """

    def __init__(
        self, directory: Path, network: NetworkDescription, entry: NodeEntry, hosts: Hosts
    ) -> None:
        self.folder = node_folder(directory, entry.name)
        super().__init__(self.folder)
        self._directory = directory
        self._network = network
        self._hosts = hosts
        self.entry = entry
        self.name = entry.name
        self.url = entry.rpc_url
        self.rpc = RpcNode(entry.rpc_url, seconds=_RPC_SECONDS)
        self.owner = NodeSocket(self.folder, goquorum.SOCKET)

    def launch(self) -> None:
        """Start the node, its first block made before, unless it runs.

        Raises:
            UnavailableError: ``geth_missing``, ``geth_not_executable``.
            NetworkError: ``network_node_not_started``, ``network_key_differs``.
        """
        if self.running:
            return
        binary = goquorum.find_geth()
        check_key(self._directory, self._network.engine, self.entry)
        self._make_first_block(binary)
        words = goquorum.run_command(binary, self.folder, self._network, self.entry)
        self.start(self._hosts.command(self.name, words))

    def height(self) -> int:
        """Return the newest block's number, as the node's owner is told it.

        Raises:
            UnavailableError: ``network_node_silent``.
        """
        return int(self.owner.call("eth_blockNumber"), 16)

    def block_time(self) -> int:
        """Return the newest block's time, in Unix seconds.

        Raises:
            UnavailableError: ``network_node_silent``.
        """
        return int(self.owner.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def peers(self) -> int:
        """Return how many nodes this one is connected to.

        Raises:
            UnavailableError: ``network_node_silent``.
        """
        return int(self.owner.call("net_peerCount"), 16)

    def validators(self) -> tuple[bytes, ...]:
        """Return the validators of the newest block, 20 bytes each.

        Raises:
            UnavailableError: ``network_node_silent``.
        """
        found = self.owner.call("istanbul_getValidators", "latest")
        return tuple(bytes.fromhex(address[2:]) for address in found)

    def _make_first_block(self, binary: Path) -> None:
        made = self.folder / "first-block"
        if made.exists() and (self.folder / goquorum.DATABASE).is_dir():
            return  # without either it would begin another chain
        done = subprocess.run(
            goquorum.init_command(binary, self.folder, self._directory.resolve() / GENESIS),
            capture_output=True,
            env={"HOME": str(self.folder)},
            umask=0o077,
            check=False,
        )
        if done.returncode:
            reason = done.stderr.decode("utf-8", "replace").strip()[-300:]
            raise NetworkError("network_node_not_started", name=self.name, reason=reason)
        made.touch()


def _failure(node: Node) -> NetworkError | None:
    """Launch a node; return why it could not be."""
    try:
        node.launch()
    except NetworkError as error:
        return error
    return None


class Network:
    """A network and its nodes.

    Args:
        directory: What ``make_network`` made.

    Raises:
        NetworkError: ``network_missing``, ``network_engine_elsewhere`` where its engine is run by
            other means, ``network_hosts_need_root``, ``network_hosts_need_ip``.
        MalformedError: ``network.json`` is damaged.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.load()

    def load(self) -> None:
        """Read the description anew, after another process may have changed it."""
        self.description = NetworkDescription.read(self.directory)
        if self.description.engine != "quorum":
            raise NetworkError("network_engine_elsewhere", directory=self.directory)
        self.hosts = hosts_of(self.directory, self.description)
        self.nodes = tuple(
            Node(self.directory, self.description, entry, self.hosts)
            for entry in self.description.nodes
        )

    @property
    def namespaces(self) -> Namespaces:
        """The hosts, where their lines can be cut.

        Raises:
            NetworkError: ``network_hosts_uncut``: the network runs on loopback addresses.
        """
        if not isinstance(self.hosts, Namespaces):
            raise NetworkError("network_hosts_uncut")
        return self.hosts

    @property
    def urls(self) -> tuple[str, ...]:
        """The nodes' JSON-RPC addresses."""
        return tuple(node.url for node in self.nodes)

    def node(self, name: str) -> Node:
        """Return the node of this name.

        Raises:
            NetworkError: ``network_node_unknown``.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise NetworkError("network_node_unknown", name=name)

    def up(self, *, seconds: float = UP_SECONDS) -> None:
        """Start what does not run, and wait until blocks are made.

        A node that cannot be started keeps no other from it.

        Raises:
            NetworkError: ``network_busy``, ``network_node_died``, ``network_no_blocks``, or hosts
                or nodes cannot be started; what was started goes on, and ``down`` ends it.
            UnavailableError: ``geth_missing``, ``geth_not_executable``.
        """
        goquorum.find_geth()
        with self.held():
            self.hosts.up()
            failures = [error for node in self.nodes if (error := _failure(node)) is not None]
            started = [node for node in self.nodes if node.running]
            if len(started) >= quorum(len(self.nodes)):
                self.wait_for_blocks(started, seconds=seconds)
            if failures:
                raise failures[0]

    def down(self) -> None:
        """End the nodes, and take the hosts away.

        Raises:
            NetworkError: ``network_busy``, ``network_hosts_failed``.
        """
        with self.held():
            for node in self.nodes:
                node.resume()
            for node in self.nodes:
                node.stop()
            self.hosts.down()

    def wait_for_blocks(
        self, nodes: Sequence[Node], *, more: int = 1, seconds: float = UP_SECONDS
    ) -> int:
        """Wait until each of some nodes has blocks that none of them had before.

        Args:
            nodes: The nodes, all of which should run.
            more: How many blocks past the newest.
            seconds: How long at most.

        Returns:
            The height that each has reached.

        Raises:
            NetworkError: ``network_node_died``, ``network_no_blocks``.
        """
        goal: int | None = None
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for node in nodes:
                if not node.running:
                    raise NetworkError(
                        "network_node_died", name=node.name, log=node.log, words=node.last_words()
                    )
            with contextlib.suppress(UnavailableError):
                heights = [node.height() for node in nodes]
                goal = max(heights) + more if goal is None else goal
                if min(heights) >= goal:
                    return min(heights)
            time.sleep(_LOOK_SECONDS)
        raise NetworkError("network_no_blocks", seconds=int(seconds), directory=self.directory)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the network, so that two do not start, end or change it at once.

        Raises:
            NetworkError: ``network_busy``.
        """
        with (self.directory / "owner.lock").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise NetworkError("network_busy", directory=self.directory) from error
            yield
