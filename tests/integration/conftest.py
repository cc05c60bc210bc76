"""What tests on a real node share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from api_world import ApiWorld, api_world

from ecert.errors import UnavailableError
from networks.anvil import find_anvil
from networks.embedded import EmbeddedChain
from tests.databases import NewDatabase


@pytest.fixture(scope="session")
def anvil() -> Path:
    """The native anvil binary; without it the tests on a real node are skipped."""
    try:
        return find_anvil()
    except UnavailableError as error:
        pytest.skip(f"no anvil: {error}")


@pytest.fixture(scope="module")
def chain(
    anvil: Path,  # noqa: ARG001 - skips where there is none
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[EmbeddedChain]:
    """One fresh embedded chain for all tests of a module."""
    with EmbeddedChain(tmp_path_factory.mktemp("chain")) as running:
        yield running


@pytest.fixture(scope="module")
def api(
    new_database: NewDatabase, chain: EmbeddedChain, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ApiWorld]:
    """A served registry with two departments and officers of every role."""
    directory = tmp_path_factory.mktemp("registry")
    with api_world(directory, chain, new_database(directory)) as world:
        yield world
