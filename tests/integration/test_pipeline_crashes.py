"""kill -9 at every point of the pipeline: nothing lost, nothing doubled, no revocation undone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from crashing import ROWS, Crashing, Kill
from pipeline_process import HALF_WRITTEN

from tests.databases import BACKENDS, Postgres, sqlite_in

POINTS = (
    "before-signed", "signed", "before-sealed", "sealed", "before-changes-queued",
    "changes-queued", "prepared", "before-broadcast", "sent", "broadcast", "mined",
    "before-settle", HALF_WRITTEN, "settled", "before-final", "final",
)  # fmt: skip
UNDER = ("prepared", "sent", "mined", "before-settle", HALF_WRITTEN, "settled", "final")
"""Points at which what the worker stands on dies."""


@pytest.fixture(scope="module", params=BACKENDS)
def crashing(
    anvil: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Crashing]:
    del anvil
    directory = tmp_path_factory.mktemp("crashing")
    if request.param == "sqlite":
        made = Crashing(directory, sqlite_in(directory))
    else:
        server = Postgres()  # one of these tests' own, since it is killed
        made = Crashing(directory, server.new_database(), server)
    made.fill()
    finish(made)
    yield made
    made.world.registry.close()
    if made.postgres is not None:
        made.postgres.close()


def finish(crashing: Crashing) -> None:
    found = crashing.finish()
    assert (found.findings, found.lost, found.doubled) == ([], 0, 0)
    assert found.issued == found.anchored == ROWS * crashing.seed


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_killed_anywhere_loses_and_doubles_nothing(crashing: Crashing, point: str) -> None:
    crashing.fill()
    assert crashing.run(Kill("worker", point)), f"{point} was never passed"
    finish(crashing)


def test_a_worker_killed_again_and_again_still_gets_there(crashing: Crashing) -> None:
    crashing.fill()
    for point in ("reconciled", "prepared", "sent", "reconciled", "mined", "settled"):
        crashing.run(Kill("worker", point))
    finish(crashing)


@pytest.mark.parametrize("point", UNDER)
def test_a_node_killed_under_the_worker_loses_nothing(crashing: Crashing, point: str) -> None:
    crashing.fill()
    assert crashing.run(Kill("chain", point))
    finish(crashing)


@pytest.mark.parametrize("point", ["sent", "before-settle", "settled"])
def test_worker_and_node_killed_at_once_lose_nothing(crashing: Crashing, point: str) -> None:
    crashing.fill()
    assert crashing.run(Kill("both", point))
    finish(crashing)


@pytest.mark.parametrize("crashing", ["postgresql"], indirect=True)
@pytest.mark.parametrize("point", ["before-signed", "sealed", *UNDER, "before-final"])
def test_a_database_killed_under_the_worker_loses_nothing(crashing: Crashing, point: str) -> None:
    assert crashing.postgres is not None
    if not crashing.postgres.is_own:
        pytest.skip("somebody else's server is not killed")
    crashing.fill()
    assert crashing.run(Kill("database", point)), f"{point} was never passed"
    finish(crashing)
