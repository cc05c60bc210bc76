"""What all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.databases import BACKENDS, NewDatabase, Postgres, sqlite_in
from tests.network import fault_table

# No test asserts on a time: machines are shared. With CI set the examples are the same each run, so
# that a red run is the change's own; elsewhere they are new each time.
settings.register_profile(
    "ecert",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ecert")


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of external test vectors that ECERT_VECTORS names."""
    folder = os.environ.get("ECERT_VECTORS")
    if not folder:
        pytest.skip("ECERT_VECTORS is unset: no external vectors")
    return Path(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server, started when the first test needs it."""
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(scope="module", params=BACKENDS)
def new_database(request: pytest.FixtureRequest) -> NewDatabase:
    """Every test that asks for it runs on each kind of database."""
    if request.param == "sqlite":
        return sqlite_in
    server: Postgres = request.getfixturevalue("postgres")
    return lambda _: server.new_database()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End with what became of documents while networks failed."""
    fault_table.show(terminalreporter)
