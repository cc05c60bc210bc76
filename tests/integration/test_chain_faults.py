"""The whole worker before nodes that fail and lie: nothing lost, nothing doubled."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_world import FaultyWorld, faulty_world

from registry.documents.models import DocumentState
from tests.integration.chain_faults import BROKEN, LIES


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
    faulty.suffer()
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
    faulty.suffer(0.8)
    final, _ = faulty.logged()
    assert faulty.final_batches() <= final
    faulty.finish()
