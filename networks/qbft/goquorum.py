"""GoQuorum: which program, and with which options."""

import os
from collections.abc import Sequence
from pathlib import Path

from ecert.errors import UnavailableError
from networks.anvil import BLOCK_GAS_LIMIT
from networks.qbft.description import NetworkDescription, NodeEntry

VERSION = "22.7.4"
PROJECT = Path(__file__).resolve().parents[2]
BUILT = PROJECT / "build" / "goquorum" / "geth"
"""Where ``make goquorum`` puts the program."""

OFFERED = "eth,net,web3"
"""What whoever reaches a node's HTTP port may call. Not ``istanbul``, whose ``istanbul_propose``
makes the node vote, nor ``admin``: these are for the node's owner, by the socket in its folder."""

SOCKET = "geth.ipc"
CONFIG = "config.toml"
DATABASE = "geth/chaindata"


def find_geth() -> Path:
    """Return GoQuorum's program: what ``ECERT_GETH`` names, else the one built here.

    Raises:
        UnavailableError: ``geth_missing`` or ``geth_not_executable``.
    """
    named = os.environ.get("ECERT_GETH")
    path = Path(named).absolute() if named else BUILT
    if not path.is_file():
        raise UnavailableError("geth_missing", path=path)
    if not os.access(path, os.X_OK):
        raise UnavailableError("geth_not_executable", path=path)
    return path


def init_command(binary: Path, datadir: Path, genesis: Path) -> list[str]:
    """Return the command line that makes a node's first block."""
    return [str(binary), "--datadir", str(datadir), "init", str(genesis)]


def run_command(
    binary: Path, datadir: Path, network: NetworkDescription, node: NodeEntry
) -> list[str]:
    """Return the command line of a node: a validator that keeps every state.

    Args:
        binary: What ``find_geth`` returned.
        datadir: The node's folder, absolute, which is also to be its working directory: the
            socket's path is relative to it, since such paths may have 107 bytes only.
        network: The node's network.
        node: The node.
    """
    allowed = "127.0.0.0/8" if network.hosts == "loopback" else network.subnet
    options = {
        "--datadir": datadir,
        "--networkid": network.chain_id,
        "--config": datadir / CONFIG,
        "--netrestrict": allowed,
        "--nat": "none",
        "--maxpeers": 64,
        "--syncmode": "full",
        "--gcmode": "archive",
        "--cache": 64,
        "--miner.threads": 1,
        "--miner.gasprice": 0,
        "--miner.gastarget": BLOCK_GAS_LIMIT,
        "--miner.gaslimit": BLOCK_GAS_LIMIT,
        "--txpool.pricelimit": 0,
        "--rpc.gascap": BLOCK_GAS_LIMIT,
        "--http.addr": node.address,
        "--http.port": node.rpc_port,
        "--http.api": OFFERED,
        "--ipcpath": f"../{datadir.name}/{SOCKET}",  # a mere name would become a whole path
        "--verbosity": 3,
    }
    words = [str(binary), "--nodiscover", "--permissioned", "--mine", "--http", "--snapshot=false"]
    for option, value in options.items():
        words += [option, str(value)]
    return words


def config(node: NodeEntry) -> bytes:
    """Return the settings that no option sets: without them it listens on all addresses."""
    return f'[Node.P2P]\nListenAddr = "{node.address}:{node.p2p_port}"\n'.encode()


def lists(nodes: Sequence[NodeEntry]) -> list[str]:
    """Return the nodes as ``static-nodes.json`` and ``permissioned-nodes.json`` name them."""
    return [node.enode for node in nodes]
