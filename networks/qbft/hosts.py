"""The hosts that nodes run on, all on one machine: network namespaces, or loopback addresses.

In namespaces each node has a network stack, an address and a cable of its own, as on a machine of
its own. All cables lead to one bridge; a cable plugged into another bridge parts its host from the
rest, which is what a broken line between two places does. The machine itself is on the first bridge
with the last address, and so are the services that run on it.

Names are made from the network's directory, so that networks on one machine do not meet, and
``down`` finds what ``up`` made whoever runs it.
"""

import hashlib
import ipaddress
import json
import os
import shutil
import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Protocol

from networks.qbft.description import HostKind, NetworkDescription
from networks.qbft.errors import NetworkError
from networks.rpc import can_listen

OWN_NUMBER = 254
"""The machine's own address in the subnet of its namespaces."""

_PREFIX_BITS = 24
_CABLE_END = "eth0"


class Hosts(Protocol):
    """Where the nodes of one network run."""

    def up(self) -> None:
        """Make what is missing of the hosts and their lines."""

    def down(self) -> None:
        """Take away all hosts and lines."""

    def add(self, name: str, address: str) -> None:
        """Make one more host, if it is missing."""

    def remove(self, name: str) -> None:
        """Take one host away."""

    def command(self, name: str, words: Sequence[str]) -> list[str]:
        """Return the command line that runs ``words`` on a host."""


def hosts_of(directory: Path, network: NetworkDescription) -> Hosts:
    """Return the hosts of a network.

    Raises:
        NetworkError: ``network_hosts_need_root``, ``network_hosts_need_ip``.
    """
    if network.hosts == "namespaces":
        return Namespaces(directory, network)
    return Loopback(network)


def can_have_namespaces() -> bool:
    """Tell whether this process may make network namespaces."""
    return os.geteuid() == 0 and shutil.which("ip") is not None


def default_hosts() -> HostKind:
    """Return the better kind of hosts of those that this process may make."""
    return "namespaces" if can_have_namespaces() else "loopback"


class Loopback:
    """Addresses of 127.0.0.0/8: no rights needed, and no line that can be cut."""

    def __init__(self, network: NetworkDescription) -> None:
        self._network = network

    def up(self) -> None:
        """Look whether the addresses can be used.

        Raises:
            NetworkError: ``network_loopback_unusable``: as on macOS, which has 127.0.0.1 only.
        """
        for node in self._network.nodes:
            self.add(node.name, node.address)

    def down(self) -> None:
        """Leave the loopback interface as it is."""

    def add(self, name: str, address: str) -> None:
        """Look whether a host's address can be used.

        Raises:
            NetworkError: ``network_loopback_unusable``.
        """
        if not can_listen(address):
            raise NetworkError("network_loopback_unusable", name=name, address=address)

    def remove(self, name: str) -> None:
        """Leave the loopback interface as it is."""

    def command(self, name: str, words: Sequence[str]) -> list[str]:  # noqa: ARG002
        """Return the words as they are."""
        return list(words)


class Namespaces:
    """Network namespaces with a cable each.

    Args:
        directory: The network's directory.
        network: Its nodes and their addresses.

    Attributes:
        mark: Stands in the name of every link and namespace of this network, and of no other's.

    Raises:
        NetworkError: ``network_hosts_need_root``, ``network_hosts_need_ip``.
    """

    def __init__(self, directory: Path, network: NetworkDescription) -> None:
        if os.geteuid() != 0:
            raise NetworkError("network_hosts_need_root")
        if shutil.which("ip") is None:
            raise NetworkError("network_hosts_need_ip")
        self._network = network
        self.mark = hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()[:8]

    @property
    def own_address(self) -> str:
        """The machine's own address, on the first bridge."""
        return self._network.address(OWN_NUMBER)

    def namespace(self, name: str) -> str:
        """Return the name of a host's namespace."""
        return f"ecert-{self.mark}-{name}"

    def command(self, name: str, words: Sequence[str]) -> list[str]:
        """Return the command line that runs ``words`` on a host."""
        return ["ip", "netns", "exec", self.namespace(name), *words]

    def up(self) -> None:
        """Make what is missing.

        Raises:
            NetworkError: ``network_subnet_taken``, ``network_hosts_failed``.
        """
        if self._bridge(0) not in _links():
            subnet = ipaddress.ip_network(self._network.subnet)
            for taken in routes():
                if taken.overlaps(subnet):
                    raise NetworkError("network_subnet_taken", subnet=subnet, taken=taken)
            self._add_bridge(0)
            _ip("addr", "add", f"{self.own_address}/{_PREFIX_BITS}", "dev", self._bridge(0))
        for node in self._network.nodes:
            self.add(node.name, node.address)

    def add(self, name: str, address: str) -> None:
        """Make one more host, which need not be a node's.

        Args:
            name: Its name.
            address: Its address in the network's subnet.

        Raises:
            NetworkError: ``network_hosts_failed``.
        """
        space, cable = self.namespace(name), self._cable(address)
        if space in _namespaces() and cable in _links():
            return
        self._clear(space, cable)  # half made, when it was stopped before
        _ip("netns", "add", space)
        _ip("link", "add", cable, "type", "veth", "peer", "name", _CABLE_END, "netns", space)
        _ip("-n", space, "addr", "add", f"{address}/{_PREFIX_BITS}", "dev", _CABLE_END)
        _ip("-n", space, "link", "set", _CABLE_END, "up")
        _ip("-n", space, "link", "set", "lo", "up")
        _ip("link", "set", cable, "master", self._bridge(0), "up")

    def remove(self, name: str) -> None:
        """Take one host away.

        Raises:
            NetworkError: ``network_hosts_failed``.
        """
        self._clear(self.namespace(name), self._cable(self._network.node(name).address))

    def down(self) -> None:
        """Take away all hosts and lines of this network.

        Raises:
            NetworkError: ``network_hosts_failed``.
        """
        for space in _namespaces():
            if space.startswith(self.namespace("")):
                _ip("netns", "del", space)
        for link in _links():
            if link.startswith(self._link_prefix):
                _ip("link", "del", link, missing_ok=True)

    def part(self, *sides: Collection[str]) -> None:
        """Cut the lines between groups of hosts; within each group they hold.

        Args:
            sides: Names of hosts. Hosts of the first side, and those that no side names, stay on
                the machine's own side; the others can be reached by their own side only.

        Raises:
            NetworkError: ``network_hosts_failed``, ``network_node_unknown``.
        """
        for number, side in enumerate(sides):
            if self._bridge(number) not in _links():
                self._add_bridge(number)
            for name in side:
                cable = self._cable_of(name)
                _ip("link", "set", cable, "master", self._bridge(number))

    def heal(self) -> None:
        """Join all hosts again.

        Raises:
            NetworkError: ``network_hosts_failed``.
        """
        links = _links()
        for link in links:
            if link.startswith(f"{self._link_prefix}n"):
                _ip("link", "set", link, "master", self._bridge(0))
        for link in links:
            if link.startswith(f"{self._link_prefix}b") and link != self._bridge(0):
                _ip("link", "del", link)

    def cut(self, name: str) -> None:
        """Unplug one host's cable.

        Raises:
            NetworkError: ``network_hosts_failed``, ``network_node_unknown``.
        """
        _ip("link", "set", self._cable_of(name), "down")

    def mend(self, name: str) -> None:
        """Plug one host's cable in again.

        Raises:
            NetworkError: ``network_hosts_failed``, ``network_node_unknown``.
        """
        _ip("link", "set", self._cable_of(name), "up")

    @property
    def _link_prefix(self) -> str:
        return f"ec{self.mark}"  # an interface's name may have 15 characters only

    def _bridge(self, number: int) -> str:
        return f"{self._link_prefix}b{number}"

    def _cable(self, address: str) -> str:
        return f"{self._link_prefix}n{address.rpartition('.')[2]}"

    def _cable_of(self, name: str) -> str:
        for node in self._network.nodes:
            if node.name == name:
                return self._cable(node.address)
        space = self.namespace(name)
        if space not in _namespaces():
            raise NetworkError("network_node_unknown", name=name)
        [found] = json.loads(_ip("-n", space, "-j", "-4", "addr", "show", "dev", _CABLE_END))
        return self._cable(found["addr_info"][0]["local"])

    def _add_bridge(self, number: int) -> None:
        _ip("link", "add", self._bridge(number), "type", "bridge")
        _ip("link", "set", self._bridge(number), "up")

    def _clear(self, space: str, cable: str) -> None:
        if space in _namespaces():
            _ip("netns", "del", space)
        _ip("link", "del", cable, missing_ok=True)


def routes() -> list[ipaddress.IPv4Network]:
    """Return the networks that this machine has routes to, without the default route."""
    if shutil.which("ip") is None:
        return []
    found: list[dict[str, Any]] = json.loads(_ip("-4", "-j", "route", "show", "table", "main"))
    named = (route["dst"] for route in found if route.get("dst", "default") != "default")
    return [ipaddress.IPv4Network(name) for name in named]


def _links() -> set[str]:
    found: list[dict[str, Any]] = json.loads(_ip("-j", "link", "show"))
    return {link["ifname"] for link in found}


def _namespaces() -> set[str]:
    text = _ip("-j", "netns", "list")
    return {space["name"] for space in json.loads(text)} if text.strip() else set()


def _ip(*words: str, missing_ok: bool = False) -> str:
    """Run iproute2's ``ip`` and return what it printed.

    Raises:
        NetworkError: ``network_hosts_failed``.
    """
    done = subprocess.run(["ip", *words], capture_output=True, check=False, text=True)
    if done.returncode and not (missing_ok and "Cannot find device" in done.stderr):
        reason = " ".join(done.stderr.split())
        raise NetworkError("network_hosts_failed", command=" ".join(words), reason=reason)
    return done.stdout
