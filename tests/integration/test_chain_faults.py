"""The whole worker before nodes that fail and lie: nothing lost, nothing doubled."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faulty_world import ROWS, FaultyWorld, faulty_world, run_fault_mix

from registry.documents.models import DocumentState
from registry.errors import ReconciliationError
from tests.integration.chain_faults import BROKEN, LIES, always
from tests.integration.faulty_node import CUT


@pytest.fixture(scope="module")
def faulty(anvil: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyWorld]:
    del anvil
    with faulty_world(tmp_path_factory.mktemp("faulty")) as made:
        yield made


@pytest.mark.parametrize("fault", [*BROKEN, *LIES])
def test_the_only_node_is_wrong_for_a_while(faulty: FaultyWorld, fault: str) -> None:
    node = faulty.nodes[0]
    faulty.start(node)
    node.fault = (BROKEN | LIES)[fault](node)
    faulty.fill()
    faulty.suffer(0.3)
    faulty.finish()


@pytest.mark.parametrize("fault", LIES)
def test_one_of_three_lies_and_the_others_go_on(faulty: FaultyWorld, fault: str) -> None:
    liar = faulty.nodes[0]
    faulty.start()
    liar.fault = LIES[fault](liar)
    ids = faulty.fill()
    faulty.suffer(10)
    assert faulty.states(ids) == {DocumentState.ANCHORED}
    faulty.check()
    liar.heal()


@pytest.mark.parametrize("fault", LIES)
def test_one_of_two_lies_and_nothing_it_says_becomes_final(faulty: FaultyWorld, fault: str) -> None:
    liar = faulty.nodes[0]
    faulty.start(*faulty.nodes[:2])
    liar.fault = LIES[fault](liar)
    faulty.fill()
    faulty.suffer(0.5)
    final, _ = faulty.logged()
    assert faulty.final_batches() <= final
    faulty.finish()


def test_a_running_worker_waits_for_a_node_that_lost_the_contracts(faulty: FaultyWorld) -> None:
    """Though one that starts on such a node ends: it is most likely the wrong one."""
    node = faulty.nodes[0]
    faulty.start(node)
    assert faulty.suffer() is None
    stop = threading.Event()
    thread = threading.Thread(target=faulty.world.worker.run, args=(stop,))
    thread.start()
    try:
        node.fault = always(CUT)(node)
        wait_until(lambda: faulty.told().waits)
        node.fault = LIES["has no code"](node)
        wait_until(lambda: faulty.told().error == "chain_contract_missing")
        ids = faulty.fill()
        assert thread.is_alive()
        node.heal()
        wait_until(lambda: faulty.states(ids) == {DocumentState.ANCHORED})
    finally:
        stop.set()
        thread.join(30)
    node.fault = LIES["has no code"](node)
    faulty.start(node)
    with pytest.raises(ReconciliationError, match="chain_contract_missing"):
        faulty.world.worker.run(threading.Event())
    faulty.finish()


def test_many_faults_at_random(tmp_path: Path, anvil: Path) -> None:
    del anvil
    assert run_fault_mix(tmp_path, seed=7, rounds=3)["documents"] == 4 * ROWS


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
