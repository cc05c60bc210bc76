"""Which program runs the embedded chain, and with which options."""

import os
import platform
from pathlib import Path

from ecert.errors import UnavailableError

HARDFORK = "berlin"
"""The fork the contracts are compiled for; it has no base fee, so a gas price of zero is valid."""

BLOCK_GAS_LIMIT = 300_000_000
"""Room for one call that anchors thousands of roots; nobody pays for gas on this chain."""

STATES_IN_MEMORY = 128
"""Recent blocks whose state can be asked for, as many as the engines of real networks keep."""

_PROJECT = Path(__file__).resolve().parent.parent
_SYSTEMS = {"linux": "linux", "darwin": "darwin"}
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def find_anvil() -> Path:
    """Return the native anvil binary.

    ``ECERT_ANVIL`` names it outright; else it is npm's package for this platform. The package's
    ``.bin/anvil`` is never used: it is a wrapper whose child outlives it.

    Raises:
        UnavailableError: ``anvil_missing`` or ``anvil_not_executable``.
    """
    named = os.environ.get("ECERT_ANVIL")
    path = Path(named) if named else _PROJECT / "node_modules" / _package() / "bin" / "anvil"
    if not path.is_file():
        raise UnavailableError("anvil_missing", path=path)
    if not os.access(path, os.X_OK):
        raise UnavailableError("anvil_not_executable", path=path)
    return path


def command(
    binary: Path, *, host: str, port: int, chain_id: int, snapshot: Path | None
) -> list[str]:
    """Return the command line of a node with no accounts of its own.

    Args:
        binary: What ``find_anvil`` returned.
        host: The loopback address that it listens on.
        port: The TCP port there.
        chain_id: The chain's id (EIP-155).
        snapshot: The state to start from, or None for a new chain.
    """
    options = {
        "--host": host,
        "--port": port,
        "--accounts": 0,
        "--chain-id": chain_id,
        "--hardfork": HARDFORK,
        "--gas-price": 0,
        "--base-fee": 0,
        "--gas-limit": BLOCK_GAS_LIMIT,
        "--prune-history": STATES_IN_MEMORY,
    }
    words = [str(binary), "--quiet", "--no-cors", "--disable-default-create2-deployer"]
    for option, value in options.items():
        words += [option, str(value)]
    if snapshot is not None:
        words += ["--load-state", str(snapshot)]
    return words


def _package() -> str:
    system = platform.system().lower()
    machine = platform.machine().lower()
    name = f"{_SYSTEMS.get(system, system)}-{_MACHINES.get(machine, machine)}"
    return f"@foundry-rs/anvil-{name}"
