"""Makes a network's files: keys, first block, lists of who may connect, settings of each node."""

import ipaddress
import json
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eth_keys.datatypes import PrivateKey
from eth_utils.exceptions import ValidationError

from ecert.client.home import read_file, write_file
from ecert.errors import EcertError, MalformedError
from networks.qbft import besu, goquorum
from networks.qbft.description import (
    BLOCK_SECONDS,
    CHAIN_IDS,
    EPOCH_LENGTHS,
    FILE,
    MAX_ACCOUNTS,
    MAX_NODES,
    MAX_VALIDATORS,
    P2P_PORT,
    RPC_PORT,
    TIMEOUT_SECONDS,
    Engine,
    HostKind,
    NetworkDescription,
    NodeEntry,
    subnet_of,
)
from networks.qbft.errors import NetworkError
from networks.qbft.genesis import genesis
from networks.qbft.hosts import routes

_PRIVATE_SUBNETS = ipaddress.IPv4Network("10.192.0.0/10")
_LOOPBACK_SUBNETS = ipaddress.IPv4Network("127.64.0.0/10")
_RANDOM_CHAIN_IDS = range(1 << 24, 1 << 31)  # far from public chains
_SUBNET_TRIES = 200
_MAX_KEY_BYTES = 256
GENESIS = "genesis.json"
NODES = "nodes"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of a new network.

    Attributes:
        engine: The program that its nodes are to run.
        validators: How many of them there are to be.
        chain_id: The chain's id; random where none is given.
        block_seconds: The least time between two blocks.
        timeout_seconds: How long a first round waits; more than ``block_seconds``.
        epoch_length: After so many blocks votes start anew.
        hosts: Where the nodes are to run.
        subnet: Their addresses, a /24; one that is free where none is given.
        accounts: The accounts whose transactions are taken (Besu only).
    """

    engine: Engine
    hosts: HostKind
    validators: int = 4
    chain_id: int | None = None
    block_seconds: int = 2
    timeout_seconds: int = 5
    epoch_length: int = 30_000
    subnet: str | None = None
    accounts: tuple[bytes, ...] = ()

    def check(self) -> None:
        """Look whether such a network can be.

        Raises:
            NetworkError: ``network_number_bad``, ``network_timeout_short``,
                ``network_accounts_unsupported``, ``network_accounts_many``.
        """
        for name, value, allowed in (
            ("--validators", self.validators, range(1, MAX_VALIDATORS + 1)),
            ("--chain-id", self.chain_id, CHAIN_IDS),
            ("--block-seconds", self.block_seconds, BLOCK_SECONDS),
            ("--timeout-seconds", self.timeout_seconds, TIMEOUT_SECONDS),
            ("--epoch-length", self.epoch_length, EPOCH_LENGTHS),
        ):
            if value is not None and value not in allowed:
                low, high = allowed.start, allowed.stop - 1
                raise NetworkError("network_number_bad", name=name, value=value, low=low, high=high)
        if self.timeout_seconds <= self.block_seconds:
            raise NetworkError(
                "network_timeout_short", timeout=self.timeout_seconds, block=self.block_seconds
            )
        if len(self.accounts) > MAX_ACCOUNTS:
            raise NetworkError("network_accounts_many", limit=MAX_ACCOUNTS)
        if self.accounts and self.engine != "besu":
            raise NetworkError("network_accounts_unsupported")


def make_network(directory: Path, plan: Plan) -> NetworkDescription:
    """Make a network's directory.

    Its keys are new and are never printed. They belong to this chain alone: a validator's seal
    signs a header, and nothing in a header names the chain.

    Raises:
        NetworkError: ``network_exists``, ``network_directory_used``, ``network_number_bad``,
            ``network_timeout_short``, ``network_accounts_unsupported``, ``network_accounts_many``,
            ``network_subnet_none_free``.
        MalformedError: ``network_subnet_malformed``, ``file_unwritable``.
    """
    plan.check()
    if (directory / FILE).exists() or (directory / NODES).exists():
        raise NetworkError("network_exists", directory=directory)
    if directory.is_dir() and any(directory.iterdir()):
        raise NetworkError("network_directory_used", directory=directory)
    subnet = str(subnet_of(plan.subnet)) if plan.subnet else _free_subnet(plan.hosts)
    network = NetworkDescription(
        engine=plan.engine,
        chain_id=plan.chain_id or secrets.choice(_RANDOM_CHAIN_IDS),
        block_seconds=plan.block_seconds,
        timeout_seconds=plan.timeout_seconds,
        epoch_length=plan.epoch_length,
        hosts=plan.hosts,
        subnet=subnet,
        nodes=(),
        accounts=plan.accounts,
    )
    for _ in range(plan.validators):
        network = network.with_nodes([*network.nodes, make_node(directory, network)])
    first = genesis(
        plan.engine,
        [node.validator for node in network.nodes],
        chain_id=network.chain_id,
        block_seconds=network.block_seconds,
        timeout_seconds=network.timeout_seconds,
        epoch_length=network.epoch_length,
        time=int(time.time()),
    )
    write_file(directory / ".gitignore", b"*\n", mode=0o644)  # no commit may take keys along
    write_file(directory / GENESIS, first, mode=0o644)
    _write(directory, network)
    return network


def make_node(directory: Path, network: NetworkDescription) -> NodeEntry:
    """Make a further node's key and folder, with the next name that no node had.

    Raises:
        NetworkError: ``network_full``.
        MalformedError: ``file_unwritable``.
    """
    number = len(list((directory / NODES).glob("node*"))) + 1
    if number > MAX_NODES:
        raise NetworkError("network_full", limit=MAX_NODES)
    key = PrivateKey(secrets.token_bytes(32))
    name = f"node{number}"
    _make_folder(node_folder(directory, name))
    write_file(key_file(directory, network.engine, name), key.to_bytes().hex().encode())
    return NodeEntry(name, network.address(number), P2P_PORT, RPC_PORT, key.public_key.to_bytes())


def add_files(directory: Path) -> NodeEntry:
    """Make one more node's files and name it in the others' lists, where others run the nodes.

    Raises:
        NetworkError: ``network_missing``, ``network_full``.
        MalformedError: ``network.json`` is damaged, or ``file_unwritable``.
    """
    network = NetworkDescription.read(directory)
    entry = make_node(directory, network)
    _write(directory, network.with_nodes([*network.nodes, entry]))
    return entry


def remove_files(directory: Path, name: str) -> None:
    """Take a node out of the lists of the others, where others run the nodes; its folder stays.

    Raises:
        NetworkError: ``network_missing``, ``network_last_validator``.
        MalformedError: ``network.json`` is damaged, or ``file_unwritable``.
    """
    network = NetworkDescription.read(directory)
    kept = [node for node in network.nodes if node.name != name]
    if not kept:
        raise NetworkError("network_last_validator", name=name)
    _write(directory, network.with_nodes(kept))


def allow_accounts(directory: Path, accounts: Sequence[bytes]) -> NetworkDescription:
    """Add accounts to those whose transactions nodes take.

    Raises:
        NetworkError: ``network_missing``, ``network_accounts_unsupported``,
            ``network_accounts_many``.
        MalformedError: ``network.json`` is damaged, or ``file_unwritable``.
    """
    network = NetworkDescription.read(directory)
    if network.engine != "besu":
        raise NetworkError("network_accounts_unsupported")
    listed = tuple(dict.fromkeys([*network.accounts, *accounts]))
    if len(listed) > MAX_ACCOUNTS:
        raise NetworkError("network_accounts_many", limit=MAX_ACCOUNTS)
    changed = replace(network, accounts=listed)
    _write(directory, changed)
    return changed


def node_folder(directory: Path, name: str) -> Path:
    """Return a node's folder, absolute."""
    return directory.resolve() / NODES / name


def key_file(directory: Path, engine: Engine, name: str) -> Path:
    """Return the file that holds a node's private key, in hexadecimal."""
    folder = node_folder(directory, name)
    return folder / "geth" / "nodekey" if engine == "quorum" else folder / "data" / "key"


def check_key(directory: Path, engine: Engine, node: NodeEntry) -> None:
    """Look whether a node still has its key: GoQuorum makes a new one where it can read none.

    Raises:
        NetworkError: ``network_key_differs``.
    """
    path = key_file(directory, engine, node.name)
    try:
        key = PrivateKey(bytes.fromhex(read_file(path, limit=_MAX_KEY_BYTES).decode("ascii")))
        ours = key.public_key.to_bytes() == node.public_key
    except (EcertError, ValueError, ValidationError):
        ours = False
    if not ours:
        raise NetworkError("network_key_differs", name=node.name, path=path)


def write_lists(directory: Path, network: NetworkDescription) -> None:
    """Write what tells each node of the others, and whom it lets in.

    Raises:
        MalformedError: ``file_unwritable``.
    """
    if network.engine == "besu":
        besu.write_files(directory, network)
        return
    text = json.dumps(goquorum.lists(network.nodes), indent=2).encode()
    for node in network.nodes:
        folder = node_folder(directory, node.name)
        write_file(folder / "geth" / "static-nodes.json", text)
        write_file(folder / "permissioned-nodes.json", text)
        write_file(folder / goquorum.CONFIG, goquorum.config(node))


def _write(directory: Path, network: NetworkDescription) -> None:
    write_lists(directory, network)
    network.write(directory)  # last: what is half made is no network


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, mode=0o700)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise MalformedError("file_unwritable", path=folder, reason=reason) from error


def _free_subnet(hosts: HostKind) -> str:
    if hosts == "loopback":
        return str(_random_subnet(_LOOPBACK_SUBNETS))
    taken = routes()
    for _ in range(_SUBNET_TRIES):
        subnet = _random_subnet(_PRIVATE_SUBNETS)
        if not any(subnet.overlaps(other) for other in taken):
            return str(subnet)
    raise NetworkError("network_subnet_none_free", range=_PRIVATE_SUBNETS)


def _random_subnet(within: ipaddress.IPv4Network) -> ipaddress.IPv4Network:
    size = 1 << 8
    first = int(within.network_address) + secrets.randbelow(within.num_addresses // size) * size
    return ipaddress.IPv4Network((first, 24))
