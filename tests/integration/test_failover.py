"""Several nodes of one chain: what fails is left alone, and the others go on."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from faulty_world import FaultyWorld, faulty_world

from ecert.errors import UnavailableError
from registry.chain import rpc
from registry.chain.rpc import DISAGREED, RpcPool
from registry.documents.models import DocumentState
from registry.outbox.worker import Worker
from tests.integration.chain_faults import (
    LIES,
    SENDS,
    always,
    delay,
    frozen,
    other_hashes,
    swallowing,
)
from tests.integration.faulty_node import CUT

CLOSED = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def made(anvil: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyWorld]:
    del anvil
    with faulty_world(tmp_path_factory.mktemp("failover")) as world:
        yield world


@pytest.fixture
def faulty(made: FaultyWorld) -> Iterator[FaultyWorld]:
    for node in made.nodes:
        node.asked.clear()
    made.start()
    yield made
    made.finish()


def failures(faulty: FaultyWorld) -> list[dict[str, int]]:
    return faulty.world.worker._transmitter.sight.sender.failures


def pool_of(faulty: FaultyWorld) -> RpcPool:
    return faulty.world.worker._transmitter.sight.sender._pool


def test_a_transaction_goes_to_all_that_live(faulty: FaultyWorld) -> None:
    faulty.nodes[1].fault = always(CUT)(faulty.nodes[1])
    faulty.fill()
    faulty.suffer(10)
    sent = [node.asked.count(SENDS) for node in faulty.nodes]
    assert sent[0] == sent[2] > 0 == sent[1]


def test_it_arrives_though_all_but_one_swallow_it(faulty: FaultyWorld) -> None:
    for node in faulty.nodes[:2]:
        node.fault = swallowing(node)
    ids = faulty.fill()
    faulty.suffer(10)
    assert faulty.states(ids) == {DocumentState.ANCHORED}


def test_what_the_only_node_swallowed_is_sent_again(faulty: FaultyWorld) -> None:
    node = faulty.nodes[0]
    faulty.start(node)
    before = faulty.told().resent
    node.fault = swallowing(node)
    ids = faulty.fill()
    faulty.suffer()
    assert faulty.states(ids) == {DocumentState.BATCHED}
    faulty.finish()
    assert faulty.told().resent > before


def test_addresses_where_nothing_listens(faulty: FaultyWorld) -> None:
    urls = [CLOSED, faulty.nodes[0].url, CLOSED]
    faulty.world.worker = Worker.network(faulty.world.registry, urls, look_seconds=0)
    ids = faulty.fill()
    faulty.suffer(10)
    assert faulty.states(ids) == {DocumentState.ANCHORED}
    assert [found.get("rpc_unreachable") for found in failures(faulty)] == [1, None, 1]


def test_a_node_that_hangs_is_waited_for_once(
    faulty: FaultyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc, "SEVERAL_SECONDS", 0.5)
    faulty.start()
    hanging = faulty.nodes[0]
    hanging.fault = delay(3)(hanging)
    ids = faulty.fill()
    faulty.suffer(10)
    assert faulty.states(ids) == {DocumentState.ANCHORED}
    assert hanging.asked == ["eth_chainId"]
    assert failures(faulty)[0] == {"rpc_unreachable": 1}


def test_a_node_that_comes_back_has_its_say_again(
    faulty: FaultyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc, "COOLING_SECONDS", 0.0)
    gone = faulty.nodes[0]
    gone.fault = always(CUT)(gone)
    faulty.fill()
    faulty.suffer(10)
    gone.heal()
    gone.asked.clear()
    ids = faulty.fill()
    faulty.nodes[1].fault = faulty.nodes[2].fault = always(CUT)(gone)
    faulty.suffer(10)
    assert faulty.states(ids) == {DocumentState.ANCHORED}
    assert SENDS in gone.asked


def test_one_that_fails_on_is_left_alone_for_longer(faulty: FaultyWorld) -> None:
    faulty.suffer()
    node = pool_of(faulty)._nodes[0]
    pauses = []
    for _ in range(5):
        node.failed(UnavailableError("rpc_unreachable", origin="x", reason="x"))
        pauses.append(node.cooling_until)
    steps = [round(later - earlier) for earlier, later in pairwise(pauses)]
    assert steps == [10, 20, 20, 0]  # from ten seconds, doubled, to a minute


def test_a_node_of_another_chain_is_asked_nothing_else(faulty: FaultyWorld) -> None:
    liar = faulty.nodes[0]
    liar.fault = LIES["is of another chain"](liar)
    ids = faulty.fill()
    faulty.suffer(10)
    assert faulty.states(ids) == {DocumentState.ANCHORED}
    assert set(liar.asked) == {"eth_chainId"}


def test_a_node_that_becomes_one_of_another_chain_is_noticed(faulty: FaultyWorld) -> None:
    faulty.suffer()
    liar = faulty.nodes[0]
    liar.asked.clear()
    liar.fault = LIES["is of another chain"](liar)
    faulty.fill()
    faulty.suffer(10)
    assert set(liar.asked) == {"eth_chainId"}
    assert failures(faulty)[0]["sender_chain_id_wrong"] == 1


def test_of_two_one_that_lags_has_no_say_after_a_while(
    faulty: FaultyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty.start(*faulty.nodes[:2])
    lagging = faulty.nodes[0]
    lagging.fault = frozen(lagging)
    ids = faulty.fill()
    faulty.suffer(0.5)
    assert DocumentState.ANCHORED not in faulty.states(ids)
    monkeypatch.setattr(rpc, "LAG_SECONDS", 0.0)
    faulty.suffer(10)
    assert faulty.states(ids) == {DocumentState.ANCHORED}
    assert [node.lagging for node in pool_of(faulty)._nodes] == [True, False]
    lagging.heal()
    faulty.suffer()
    assert [node.lagging for node in pool_of(faulty)._nodes] == [False, False]


def test_a_node_that_says_it_is_syncing_has_no_say(faulty: FaultyWorld) -> None:
    faulty.start(*faulty.nodes[:2])
    node = faulty.nodes[0]
    still = frozen(node)
    node.fault = lambda method, params: (
        {"result": {"currentBlock": "0x1"}} if method == "eth_syncing" else still(method, params)
    )
    ids = faulty.fill()
    faulty.suffer(10)
    assert faulty.states(ids) == {DocumentState.ANCHORED}


def test_who_is_outvoted_is_counted(faulty: FaultyWorld) -> None:
    liar = faulty.nodes[1]
    liar.fault = other_hashes(liar)
    ids = faulty.fill()
    faulty.suffer(10)
    assert faulty.states(ids) == {DocumentState.ANCHORED}
    assert [DISAGREED in found for found in failures(faulty)] == [False, True, False]
    assert faulty.told().failures[1][DISAGREED] > 0


@pytest.mark.parametrize("alone", [0, 1, 2])
def test_the_last_that_is_left_is_enough(faulty: FaultyWorld, alone: int) -> None:
    for number, node in enumerate(faulty.nodes):
        if number != alone:
            node.fault = always(CUT)(node)
    ids = faulty.fill()
    faulty.suffer(10)
    assert faulty.states(ids) == {DocumentState.ANCHORED}


def test_when_all_are_away_it_waits_and_says_so(faulty: FaultyWorld) -> None:
    for node in faulty.nodes:
        node.fault = always(CUT)(node)
    ids = faulty.fill()
    assert faulty.suffer() == "rpc_unreachable"
    assert faulty.states(ids) <= {DocumentState.APPROVED, DocumentState.SIGNED}
    told = faulty.told()
    assert (told.waits, told.error) == (True, "rpc_unreachable")
    faulty.finish()
    after = faulty.told()
    assert (after.waits, after.error) == (False, "rpc_unreachable")
    assert after.error_since == told.error_since


def test_none_of_them_is_told_of_a_secret_in_anothers_address(faulty: FaultyWorld) -> None:
    """What is told of a node names it by its place alone."""
    urls = [f"{CLOSED}/secret-1?key=secret-2", faulty.nodes[0].url]
    faulty.world.worker = Worker.network(faulty.world.registry, urls, look_seconds=0)
    faulty.suffer()
    assert "secret" not in str(faulty.told().model_dump())
