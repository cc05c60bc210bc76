"""The sender before nodes that cut, delay, forget and reorganise."""

import os
import signal
import time

import pytest

from ecert.errors import EcertError, UnavailableError
from registry.chain.rpc import RpcPool
from registry.chain.transactions import Mined, Pending, Unknown
from tests.integration.faulty_node import CUT, FaultyNode
from tests.integration.sender_world import (  # noqa: F401  # fixtures
    DEPARTMENT,
    Connect,
    World,
    anchored,
    connect,
    faulty,
    world,
)

GARBAGE = [
    CUT,
    b"",
    b"<html>502</html>",
    b"[]",
    b'{"id": 1}',
    {"result": None, "id": 10**9},
    {"error": {"code": -32603, "message": "Internal error"}},
    {"error": {"code": -32005, "message": "limit exceeded"}},
    {"error": "nonsense"},
]


class TestFaults:
    """A node that fails never makes a transaction invalid, doubled or lost."""

    @pytest.mark.parametrize("garbage", GARBAGE)
    def test_another_node_answers_instead(
        self, world: World, connect: Connect, faulty: FaultyNode, garbage: object
    ) -> None:
        sender = connect(faulty.url, world.chain.rpc_url)
        faulty.fault = lambda *_: garbage
        call = world.anchor()
        gas = sender.estimate(world.officer.address, call)
        tx = sender.prepare(world.officer, call, world.nonces, gas=gas)
        sender.broadcast(tx)
        assert sender.wait(tx, seconds=10).succeeded

    @pytest.mark.parametrize("garbage", GARBAGE)
    def test_no_answer_is_unavailable_never_rejected(
        self, world: World, connect: Connect, faulty: FaultyNode, garbage: object
    ) -> None:
        sender = connect(faulty.url)
        tx = world.prepare(world.anchor(), nonce=world.nonces.peek(world.officer.address))
        faulty.fault = lambda *_: garbage
        for ask in (
            lambda: sender.outcome(tx),
            lambda: sender.broadcast(tx),
            lambda: sender.estimate(world.officer.address, world.anchor()),
            lambda: sender.transaction_count(world.officer.address),
        ):
            with pytest.raises(UnavailableError):
                ask()

    def test_a_node_that_takes_a_transaction_and_drops_it(
        self, world: World, connect: Connect, faulty: FaultyNode
    ) -> None:
        sender = connect(faulty.url)
        tx = world.prepare(world.anchor())
        faulty.on("eth_sendRawTransaction", {"result": "0x" + tx.hash.hex()})
        sender.broadcast(tx)
        assert isinstance(sender.outcome(tx), Unknown)
        with pytest.raises(UnavailableError, match="sender_too_slow"):
            sender.wait(tx, seconds=0.2)
        faulty.on("nothing", None)
        assert sender.wait(tx, seconds=10).succeeded  # it was sent again

    def test_a_transaction_that_arrived_though_no_answer_came(
        self, world: World, connect: Connect, faulty: FaultyNode
    ) -> None:
        sender = connect(faulty.url)
        tx = world.prepare(world.anchor())
        faulty.on("eth_sendRawTransaction", CUT, after=True)
        with pytest.raises(UnavailableError):
            sender.broadcast(tx)
        faulty.on("nothing", None)
        sender.broadcast(tx)
        assert sender.wait(tx, seconds=10).succeeded

    def test_words_that_are_not_known_to_be_final_mean_not_now(
        self, world: World, connect: Connect, faulty: FaultyNode
    ) -> None:
        sender = connect(faulty.url)
        tx = world.prepare(world.anchor(), nonce=world.nonces.peek(world.officer.address))
        error = {"code": -32000, "message": "Sender account not authorized to send transactions"}
        faulty.on("eth_sendRawTransaction", {"error": error})
        with pytest.raises(UnavailableError, match="not authorized"):
            sender.broadcast(tx)

    def test_a_node_of_another_chain_is_never_used(
        self, world: World, connect: Connect, faulty: FaultyNode
    ) -> None:
        faulty.on("eth_chainId", {"result": "0x1"})
        tx = world.prepare(world.anchor(), nonce=world.nonces.peek(world.officer.address))
        with pytest.raises(UnavailableError, match="sender_chain_id_wrong"):
            connect(faulty.url).broadcast(tx)
        assert set(faulty.asked) == {"eth_chainId"}
        both = connect(faulty.url, world.chain.rpc_url)
        assert isinstance(both.outcome(tx), Unknown)

    def test_an_endless_or_slow_answer_is_cut(
        self, world: World, connect: Connect, faulty: FaultyNode
    ) -> None:
        sender = connect(faulty.url, seconds=0.5)
        faulty.fault = lambda *_: b" " * (17 << 20)
        with pytest.raises(UnavailableError, match="rpc_answer_too_large"):
            sender.transaction_count(world.officer.address)
        faulty.fault = lambda *_: time.sleep(1) or CUT
        with pytest.raises(UnavailableError, match="rpc_unreachable"):
            sender.transaction_count(world.officer.address)

    def test_a_stale_node_alone_cannot_declare_a_transaction_lost(
        self, world: World, connect: Connect, faulty: FaultyNode
    ) -> None:
        """It has not seen the block; the other node has the receipt."""
        tx = world.prepare(world.anchor())
        world.sender.broadcast(tx)
        mined = world.mined(tx)
        both = connect(faulty.url, world.chain.rpc_url)
        faulty.fault = lambda method, _: (
            {"result": hex(world.chain.chain_id)} if method == "eth_chainId" else {"result": None}
        )
        assert both.outcome(tx) == mined

    def test_secrets_in_a_node_address_are_never_shown(
        self, world: World, connect: Connect
    ) -> None:
        url = "http://127.0.0.1:9/secret-2?key=secret-3"
        with pytest.raises(UnavailableError) as raised:
            connect(url).transaction_count(world.officer.address)
        assert "secret" not in str(raised.value) + repr(raised.value.details)

    @pytest.mark.parametrize(
        "url", ["", "ftp://x", "http://", "127.0.0.1:80", "http://[", "file:///", "http://a:b@c"]
    )
    def test_addresses_of_another_form_are_refused(self, url: str) -> None:
        with pytest.raises(EcertError, match="rpc_url_malformed"):
            RpcPool([url], 1)


def test_a_reorganisation_takes_a_transaction_back_and_it_is_sent_again(world: World) -> None:
    call = world.anchor()
    tx = world.prepare(call)
    world.sender.broadcast(tx)
    before = world.mined(tx)
    world.node.call("anvil_reorg", 1, [])
    found = world.sender.outcome(tx)
    assert isinstance(found, Unknown | Pending | Mined)
    assert found != before
    after = world.mined(tx)
    assert after.succeeded
    assert after.block_hash != before.block_hash
    assert anchored(world, call)


def test_what_an_embedded_chain_lost_in_a_crash_is_sent_again(world: World) -> None:
    """Last in this file: the node is killed and comes back at its snapshot."""
    world.chain.persist()
    calls = [world.anchor() for _ in range(3)]
    transactions = [world.prepare(call) for call in calls]
    for tx in transactions:
        world.sender.broadcast(tx)
        world.mined(tx)
    os.kill(world.chain.pid, signal.SIGKILL)
    while world.chain.alive():
        time.sleep(0.01)
    with pytest.raises(UnavailableError):
        world.sender.outcome(transactions[0])
    world.chain.ensure_running()
    lost = world.sender.reconcile(world.officer.address, world.nonces)
    assert list(lost) == [tx.nonce for tx in transactions]
    for tx in transactions:
        assert isinstance(world.sender.outcome(tx), Unknown)
        world.sender.broadcast(tx)
        assert world.mined(tx).succeeded
    assert all(anchored(world, call) for call in calls)
    assert world.chain.persist().number >= world.mined(transactions[-1]).block_number
