"""Hyperledger Besu: the files that its nodes are run with, by Docker Compose or by hand.

Written for Besu 26.8, whose option names are in ``everything_config.toml`` of its sources. Each
node has a folder of its own, which is all that its machine needs beside ``genesis.json``.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from ecert.client.home import write_file, write_into
from ecert.fields import hex_text
from networks.anvil import BLOCK_GAS_LIMIT
from networks.qbft.description import NetworkDescription, NodeEntry

IMAGE = "docker.io/hyperledger/besu:26.8.0"
"""The release that these files were written for; never a tag that moves."""

DATA = "/opt/besu/data"
"""The folder ``data`` of a node's, within its container. The image gives all of it, and nothing
else, to the user that it runs Besu as; so the key and the list that Besu may rewrite are there."""

_CONFIG, _GENESIS = "/opt/besu/config.toml", "/opt/besu/genesis.json"

OFFERED = ("ETH", "NET", "WEB3")
"""What whoever reaches a node's HTTP port may call. Not ``QBFT``, which makes the node vote."""

OWNERS = ("ADMIN", "NET", "PERM", "QBFT")
"""What the node's owner may call, over WebSocket from within the node's own host."""

OWNERS_PORT = 8546
COMPOSE = "compose.yaml"

RELOAD = json.dumps(
    {"jsonrpc": "2.0", "id": 1, "method": "perm_reloadPermissionsFromFile", "params": []}
)
"""The JSON-RPC request after which a node goes by its lists anew."""

Option = str | int | bool | list[str]


def options(network: NetworkDescription, node: NodeEntry) -> dict[str, Option]:
    """Return a node's settings, by Besu's names of options without the dashes."""
    return {
        "genesis-file": _GENESIS,
        "data-path": DATA,
        "node-private-key-file": f"{DATA}/key",
        "sync-mode": "FULL",
        "data-storage-format": "FOREST",  # keeps every state, so that old blocks can be proved
        "network-id": network.chain_id,
        "nat-method": "NONE",
        "discovery-enabled": False,
        "static-nodes-file": f"{DATA}/static-nodes.json",
        "p2p-host": node.address,
        "p2p-port": node.p2p_port,
        "net-restrict": [network.subnet],
        "permissions-nodes-config-file-enabled": True,
        "permissions-nodes-config-file": f"{DATA}/permissions_config.toml",
        "permissions-accounts-config-file-enabled": True,
        "permissions-accounts-config-file": f"{DATA}/permissions_config.toml",
        "rpc-http-enabled": True,
        "rpc-http-host": node.address,
        "rpc-http-port": node.rpc_port,
        "rpc-http-apis": list(OFFERED),
        "host-allowlist": [node.address, "localhost", "127.0.0.1"],
        "rpc-ws-enabled": True,
        "rpc-ws-host": "127.0.0.1",
        "rpc-ws-port": OWNERS_PORT,
        "rpc-ws-apis": list(OWNERS),
        "rpc-gas-cap": BLOCK_GAS_LIMIT,
        "target-gas-limit": BLOCK_GAS_LIMIT,
        "min-gas-price": 0,
        "tx-pool": "sequenced",  # first come, first served: all pay the same, which is nothing
        "logging": "INFO",
    }


def toml(values: Mapping[str, Option]) -> bytes:
    """Return settings as TOML; JSON writes strings, numbers, truths and lists the same way."""
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()).encode()


def permissions(network: NetworkDescription) -> bytes:
    """Return ``permissions_config.toml``: which nodes connect, and whose transactions are taken."""
    return toml(
        {
            "nodes-allowlist": [node.enode for node in network.nodes],
            "accounts-allowlist": [hex_text(account) for account in network.accounts],
        }
    )


def compose(network: NetworkDescription) -> bytes:
    """Return ``compose.yaml``: each node a container with a fixed address on a network of its own.

    It is JSON, which is YAML too.
    """
    services = {node.name: _service(node) for node in network.nodes}
    value = {
        "name": f"ecert-{network.chain_id}",
        "services": services,
        "networks": {
            "validators": {
                "ipam": {"config": [{"subnet": network.subnet, "gateway": network.address(254)}]}
            }
        },
    }
    return (json.dumps(value, indent=2) + "\n").encode()


def write_files(directory: Path, network: NetworkDescription) -> None:
    """Write all nodes' files, and the Compose file.

    A container may put into its folder ``data`` what it likes, such as links to files of the host.

    Raises:
        MalformedError: ``file_unwritable``.
    """
    for node in network.nodes:
        folder = directory / "nodes" / node.name
        others = [other.enode for other in network.nodes if other != node]
        enodes = json.dumps(others, indent=2).encode()
        write_file(folder / "config.toml", toml(options(network, node)), mode=0o644)
        lists = {"static-nodes.json": enodes, "permissions_config.toml": permissions(network)}
        for name, content in lists.items():
            write_into(folder / "data", name, content, mode=0o644)
    write_file(directory / COMPOSE, compose(network), mode=0o644)


def vote(validator: bytes, *, add: bool) -> str:
    """Return the JSON-RPC request with which a node votes a validator in or out."""
    request = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "qbft_proposeValidatorVote",
        "params": [hex_text(validator), add],
    }
    return json.dumps(request)


def _service(node: NodeEntry) -> dict[str, object]:
    alive = (
        f"exec 3<>/dev/tcp/{node.address}/{node.rpc_port} && "
        r"printf 'GET /liveness HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3 && grep -q UP <&3"
    )
    return {
        "image": IMAGE,
        "command": [f"--config-file={_CONFIG}"],
        "networks": {"validators": {"ipv4_address": node.address}},
        "volumes": [
            f"./genesis.json:{_GENESIS}:ro",
            f"./nodes/{node.name}/config.toml:{_CONFIG}:ro",
            f"./nodes/{node.name}/data:{DATA}",
        ],
        "restart": "unless-stopped",
        "stop_grace_period": "60s",
        "logging": {"driver": "json-file", "options": {"max-size": "16m", "max-file": "4"}},
        "healthcheck": {
            "test": ["CMD", "bash", "-c", alive],
            "interval": "10s",
            "timeout": "5s",
            "retries": 6,
            "start_period": "60s",
        },
    }
