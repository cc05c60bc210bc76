"""A worker on a network that makes no blocks: it says so and calls nothing final."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from registry_world import RegistryWorld

from ecert.errors import UnavailableError
from networks.embedded import EmbeddedChain
from networks.rpc import LoopbackRpc
from registry.chain.standstill import Standstill
from registry.context import standstill_of
from registry.documents.models import DocumentState
from registry.outbox.models import ChainCheckpoint, WorkerState
from registry.outbox.sight import NetworkSettlement
from registry.outbox.worker import Worker, last_final, sight_of
from tests.databases import NewDatabase


class Resting:
    """A worker on a chain whose rest is taken for a standstill."""

    def __init__(self, world: RegistryWorld) -> None:
        self.world, self.passed = world, 0.0
        sight = sight_of(world.registry, [world.chain.rpc_url])
        standstill = Standstill(60, lambda: self.passed, tolerance=1 << 32)
        settlement = NetworkSettlement(
            sight.sender,
            lambda: last_final(world.registry),
            look_seconds=0,
            standstill=standstill,
        )
        self.worker = Worker(world.registry, lambda: (sight, settlement))
        self.worker.tick()

    def checkpoint(self) -> tuple[int, int]:
        with self.world.registry.reading() as services:
            row = services.session.get_one(ChainCheckpoint, 1)
        return row.number, row.time

    def told(self) -> WorkerState:
        with self.world.registry.reading() as services:
            return services.session.get_one(WorkerState, 1)


@pytest.fixture
def resting(anvil: Path, tmp_path: Path, new_database: NewDatabase) -> Iterator[Resting]:
    del anvil
    with EmbeddedChain(tmp_path / "chain") as chain:
        world = RegistryWorld.make(tmp_path, chain, new_database(tmp_path), heartbeat_seconds=1)
        world.worker.drain(seconds=60)
        world.worker.close()
        resting = Resting(world)
        yield resting
        resting.worker.close()
        world.registry.close()


def states(world: RegistryWorld, job: object) -> set[DocumentState]:
    return {row.state for row in world.documents(job)}


def test_nothing_is_final_while_it_lasts_and_all_goes_on_after_it(resting: Resting) -> None:
    world = resting.world
    before = resting.checkpoint()
    job = world.import_rows(3)
    world.approve(job)
    resting.passed = 61
    with pytest.raises(UnavailableError) as raised:
        resting.worker.drain(seconds=2)  # in which a heartbeat is due
    assert raised.value.code == "chain_stalled"
    assert raised.value.details == {"block": before[0], "seconds": 61}
    assert states(world, job) == {DocumentState.APPROVED}
    assert resting.checkpoint() == before
    told = resting.told()
    assert (told.waits, told.error) == (True, "chain_stalled")
    LoopbackRpc(world.chain.rpc_url).call("evm_mine")
    resting.worker.drain(seconds=60)
    assert states(world, job) == {DocumentState.ANCHORED}
    assert not resting.told().waits


def test_only_chains_of_validators_must_not_rest(resting: Resting) -> None:
    context = resting.world.registry.context
    assert standstill_of(context) is None
    for engine in ("quorum", "besu"):
        other = replace(context, contracts=replace(context.contracts, engine=engine))
        assert standstill_of(other) is not None
