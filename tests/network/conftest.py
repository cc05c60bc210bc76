"""What tests on a real network of validators share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from networks.qbft.network import Network
from tests.network.network_world import require_network, running_network

HOSTS = ["127.0.0.0/8", "::1", "localhost", "10.192.0.0/10"]
"""What these tests may talk to: this machine, and the hosts that they make."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests of this folder, and no others, talk to hosts in network namespaces."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.allow_hosts(HOSTS))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """One running network of four validators for all tests of a module; leave it whole."""
    require_network()
    with running_network(tmp_path_factory.mktemp("network")) as running:
        yield running


@pytest.fixture
def fresh_network(tmp_path: Path) -> Iterator[Network]:
    """A running network of four validators for one test, which may break it."""
    require_network()
    with running_network(tmp_path / "network") as running:
        yield running
