"""``network.json``: what a network is, for whoever runs it, watches it or connects to it.

It holds no secret: keys are in the nodes' own folders.
"""

import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from eth_keys.datatypes import PublicKey

from ecert.client.home import read_file, write_file
from ecert.encoding import json_decode
from ecert.errors import MalformedError
from ecert.fields import Fields, hex_text
from ecert.limits import KIB
from networks.qbft.errors import NetworkError

Engine = Literal["quorum", "besu"]
HostKind = Literal["namespaces", "loopback", "containers"]
"""Where nodes run: in network namespaces, on loopback addresses, in containers."""

FILE = "network.json"
FORMAT = "ecert-network-1"
MAX_BYTES = 256 * KIB
MAX_VALIDATORS = 32
MAX_NODES = 64
"""Nodes in a network's life, those taken out again included: each has an address of its own."""

MAX_ACCOUNTS = 1024
"""Accounts that an allow-list names."""

CHAIN_IDS = range(1, 1 << 53)
"""Exact in every JSON reader."""

BLOCK_SECONDS = range(1, 61)
TIMEOUT_SECONDS = range(2, 601)
EPOCH_LENGTHS = range(10, 1_000_001)
P2P_PORT, RPC_PORT = 30303, 8545
_SUBNET_BITS = 24


@dataclass(frozen=True, slots=True)
class NodeEntry:
    """One node.

    Attributes:
        name: ``node1``, ``node2`` …; never used again.
        address: Its IPv4 address.
        p2p_port: Where other nodes reach it (TCP).
        rpc_port: Where it answers JSON-RPC over HTTP.
        public_key: Its secp256k1 key, 64 bytes (x and y).
    """

    name: str
    address: str
    p2p_port: int
    rpc_port: int
    public_key: bytes

    @property
    def validator(self) -> bytes:
        """The address that its seals lead to, 20 bytes."""
        return PublicKey(self.public_key).to_canonical_address()

    @property
    def enode(self) -> str:
        """Its name and place in the peer-to-peer network; there is no discovery."""
        return f"enode://{self.public_key.hex()}@{self.address}:{self.p2p_port}?discport=0"

    @property
    def rpc_url(self) -> str:
        """Its JSON-RPC address."""
        return f"http://{self.address}:{self.rpc_port}"


@dataclass(frozen=True, slots=True)
class NetworkDescription:
    """A network.

    Attributes:
        engine: The program that its nodes run.
        chain_id: The chain's id (EIP-155), also the peer-to-peer network's.
        block_seconds: The least time between two blocks.
        timeout_seconds: How long a first round waits for its proposer; each next one twice that.
        epoch_length: After so many blocks votes on validators start anew.
        hosts: Where the nodes run.
        subnet: The addresses of the nodes' hosts, a /24.
        nodes: The nodes, all validators once they have been voted in.
        accounts: The accounts whose transactions nodes take, 20 bytes each; only Besu has such a
            list beside what the contracts allow.
    """

    engine: Engine
    chain_id: int
    block_seconds: int
    timeout_seconds: int
    epoch_length: int
    hosts: HostKind
    subnet: str
    nodes: tuple[NodeEntry, ...]
    accounts: tuple[bytes, ...] = ()

    def node(self, name: str) -> NodeEntry:
        """Return the node of this name.

        Raises:
            NetworkError: ``network_node_unknown``.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise NetworkError("network_node_unknown", name=name)

    def with_nodes(self, nodes: Sequence[NodeEntry]) -> "NetworkDescription":
        """Return the network with other nodes."""
        return replace(self, nodes=tuple(nodes))

    def address(self, number: int) -> str:
        """Return the address with this number in the subnet (1 to 254)."""
        return str(ipaddress.ip_network(self.subnet)[number])

    def write(self, directory: Path) -> None:
        """Write the description, whole or not at all.

        Raises:
            MalformedError: ``file_unwritable``.
        """
        value = {
            "format": FORMAT,
            "engine": self.engine,
            "chain_id": self.chain_id,
            "block_seconds": self.block_seconds,
            "timeout_seconds": self.timeout_seconds,
            "epoch_length": self.epoch_length,
            "hosts": self.hosts,
            "subnet": self.subnet,
            "accounts": [hex_text(account) for account in self.accounts],
            "nodes": [
                {
                    "name": node.name,
                    "address": node.address,
                    "p2p_port": node.p2p_port,
                    "rpc_port": node.rpc_port,
                    "public_key": hex_text(node.public_key),
                    "validator": hex_text(node.validator),
                }
                for node in self.nodes
            ],
        }
        text = json.dumps(value, indent=2) + "\n"
        write_file(directory / FILE, text.encode(), mode=0o644)

    @classmethod
    def read(cls, directory: Path) -> "NetworkDescription":
        """Read the description of a network.

        Raises:
            NetworkError: ``network_missing``: there is none in this directory.
            MalformedError: The file is damaged.
        """
        path = directory / FILE
        if not path.exists():
            raise NetworkError("network_missing", directory=directory)
        value = json_decode(read_file(path, limit=MAX_BYTES), where=FILE, max_bytes=MAX_BYTES)
        fields = Fields(value, FILE)
        if fields.text("format") != FORMAT:
            raise fields.fail("format")
        return cls(
            engine=cast("Engine", _one_of(fields, "engine", ("quorum", "besu"))),
            chain_id=_within(fields, "chain_id", CHAIN_IDS),
            block_seconds=_within(fields, "block_seconds", BLOCK_SECONDS),
            timeout_seconds=_within(fields, "timeout_seconds", TIMEOUT_SECONDS),
            epoch_length=_within(fields, "epoch_length", EPOCH_LENGTHS),
            hosts=cast(
                "HostKind", _one_of(fields, "hosts", ("namespaces", "loopback", "containers"))
            ),
            subnet=str(subnet_of(fields.text("subnet"))),
            nodes=tuple(_node(item) for item in fields.items("nodes", limit=MAX_NODES)),
            accounts=fields.hexadecimals("accounts", 20, limit=MAX_ACCOUNTS),
        )


def subnet_of(text: str) -> ipaddress.IPv4Network:
    """Read a subnet: a private or loopback IPv4 network with a prefix of 24 bits.

    Raises:
        MalformedError: ``network_subnet_malformed``.
    """
    try:
        found = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise MalformedError("network_subnet_malformed", subnet=text) from error
    if found.prefixlen != _SUBNET_BITS or not found.is_private:
        raise MalformedError("network_subnet_malformed", subnet=text)
    return found


def _node(value: object) -> NodeEntry:
    fields = Fields(value, FILE)
    public_key = fields.hexadecimal("public_key", 64)
    try:
        address = str(ipaddress.IPv4Address(fields.text("address")))
    except ValueError as error:
        raise fields.fail("address") from error
    name = fields.text("name", max_chars=20)
    if not name.isascii() or not name.isalnum():
        raise fields.fail("name")
    node = NodeEntry(
        name,
        address,
        fields.integer("p2p_port", low=1, high=65535),
        fields.integer("rpc_port", low=1, high=65535),
        public_key,
    )
    if fields.hexadecimal("validator", 20) != node.validator:
        raise fields.fail("validator")
    return node


def _one_of(fields: Fields, name: str, known: tuple[str, ...]) -> str:
    value = fields.text(name)
    if value not in known:
        raise fields.fail(name)
    return value


def _within(fields: Fields, name: str, allowed: range) -> int:
    return fields.integer(name, low=allowed.start, high=allowed.stop - 1)
