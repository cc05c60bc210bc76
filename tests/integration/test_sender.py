"""The sender on a real node: nothing is sent twice, nothing is lost, every refusal has a name."""

import os
from collections.abc import Callable

import pytest

from ecert.errors import MalformedError
from ecert.status import Status
from registry.chain.accounts import LocalAccount
from registry.chain.calls import COUNCIL, ContractCall
from registry.chain.errors import ChainRejectedError
from registry.chain.nonces import MemoryNonces
from registry.chain.transactions import Pending, PreparedTx, Superseded, Unknown
from tests.integration.sender_world import (  # noqa: F401  # fixtures
    DEPARTMENT,
    Connect,
    World,
    anchored,
    connect,
    faulty,
    world,
)


class TestOutbox:
    """prepare, store, broadcast, outcome: safe to repeat at every point."""

    def test_preparing_is_deterministic_and_sends_nothing(self, world: World) -> None:
        call = world.anchor()
        nonce = world.sender.transaction_count(world.officer.address)
        first = world.prepare(call, nonce=nonce)
        assert world.prepare(call, nonce=nonce) == first == PreparedTx.from_raw(first.raw)
        assert (first.sender, first.nonce) == (world.officer.address, nonce)
        assert first.data == call.data
        assert isinstance(world.sender.outcome(first), Unknown)

    def test_broadcasting_again_does_no_harm(self, world: World) -> None:
        call = world.anchor()
        tx = world.prepare(call)
        for _ in range(3):
            world.sender.broadcast(tx)
        found = world.mined(tx)
        assert found.succeeded
        world.sender.broadcast(tx)
        assert world.sender.outcome(tx) == found
        assert anchored(world, call)
        assert world.sender.transaction_count(world.officer.address) == tx.nonce + 1

    def test_what_waits_in_the_pool_is_pending(self, world: World) -> None:
        world.node.call("evm_setAutomine", False)
        try:
            tx = world.prepare(world.anchor())
            world.sender.broadcast(tx)
            world.sender.broadcast(tx)  # "already imported"
            assert isinstance(world.sender.outcome(tx), Pending)
        finally:
            world.node.call("evm_setAutomine", True)
        assert world.mined(tx).succeeded

    def test_a_transaction_whose_nonce_was_taken_is_superseded(self, world: World) -> None:
        nonce = world.nonces.peek(world.officer.address)
        loser = world.prepare(world.anchor(), nonce=nonce)
        winner = world.prepare(world.anchor())
        world.sender.broadcast(winner)
        world.mined(winner)
        assert isinstance(world.sender.outcome(loser), Superseded)
        with pytest.raises(ChainRejectedError, match="chain_nonce_taken"):
            world.sender.broadcast(loser)
        with pytest.raises(ChainRejectedError, match="chain_nonce_taken"):
            world.sender.wait(loser, seconds=1)

    def test_nonces_are_reconciled_and_gaps_are_named(self, world: World) -> None:
        account = LocalAccount.generate()
        nonces = MemoryNonces()
        assert list(world.sender.reconcile(account.address, nonces)) == []
        assert nonces.peek(account.address) == 0
        lost = world.sender.prepare(account, world.anchor(), nonces, gas=100_000)
        kept = world.sender.prepare_filler(account, nonces.take(account.address))
        world.sender.broadcast(kept)
        assert isinstance(world.sender.outcome(kept), Pending)  # waits for the one before it
        assert list(world.sender.reconcile(account.address, nonces)) == [lost.nonce, kept.nonce]
        filler = world.sender.prepare_filler(account, lost.nonce)
        world.sender.broadcast(filler)
        assert world.mined(filler).succeeded
        assert world.mined(kept).succeeded
        assert list(world.sender.reconcile(account.address, nonces)) == []
        behind = MemoryNonces()  # a database restored from an old backup
        behind.put(account.address, 0)
        assert list(world.sender.reconcile(account.address, behind)) == []
        assert behind.peek(account.address) == 2

    def test_stored_bytes_that_are_damaged_are_refused(self, world: World) -> None:
        raw = world.prepare(world.anchor(), nonce=0).raw
        for damaged in (b"", b"\xc0", raw[:-1], raw[:40], os.urandom(100), b"\xff" * 600_000):
            with pytest.raises(MalformedError, match="chain_transaction_malformed"):
                PreparedTx.from_raw(damaged)
        unsigned = PreparedTx.from_raw(raw[:-65] + b"\xff" * 32 + raw[-33:])  # r out of range
        with pytest.raises(MalformedError, match="chain_transaction_malformed"):
            _ = unsigned.sender


class TestRefusals:
    """A contract's reason arrives as the registry's own error."""

    def test_an_estimate_names_the_reason_before_anything_is_signed(self, world: World) -> None:
        call = world.anchor()
        with pytest.raises(ChainRejectedError) as raised:
            world.sender.estimate(LocalAccount.generate().address, call)
        assert raised.value.code == "chain_not_authorised"
        assert raised.value.details["actor"] == DEPARTMENT
        assert raised.value.details["role"] == "anchor"
        assert DEPARTMENT in raised.value.message("zh")

    def test_a_mined_failure_names_the_reason(self, world: World) -> None:
        call = world.anchor()
        world.execute(call)
        tx = world.sender.prepare(world.officer, call, world.nonces, gas=200_000)
        world.sender.broadcast(tx)
        found = world.mined(tx)
        assert not found.succeeded
        assert found.error is not None
        assert found.error.code == "chain_already_anchored"
        assert not found.error.may_pass_later
        assert found.error.details["root"] == "0x" + call.arguments()["root"].hex()

    def test_running_out_of_gas_is_told_apart(self, world: World) -> None:
        tx = world.sender.prepare(world.officer, world.anchor(), world.nonces, gas=40_000)
        world.sender.broadcast(tx)
        error = world.mined(tx).error
        assert error is not None
        assert error.code == "chain_out_of_gas"
        assert error.may_pass_later

    def test_a_gas_limit_no_block_has_is_final(self, world: World) -> None:
        nonce = world.nonces.peek(world.officer.address)
        call = world.anchor()
        tx = world.sender.prepare(world.officer, call, world.nonces, gas=10**9, nonce=nonce)
        with pytest.raises(ChainRejectedError, match="chain_transaction_refused"):
            world.sender.broadcast(tx)

    @pytest.mark.parametrize(
        ("make", "code"),
        [
            (lambda w: w.deployed.anchors.anchor(DEPARTMENT, b"r" * 32, 0), "chain_zero_size"),
            (
                lambda w: w.deployed.anchors.anchor(DEPARTMENT, b"r" * 32, 2**20 + 1),
                "chain_size_too_large",
            ),
            (lambda w: w.deployed.anchors.anchor_many(DEPARTMENT, []), "chain_no_roots"),
            (
                lambda w: w.deployed.anchors.anchor("NOBODY", b"r" * 32, 1),
                "chain_unknown_department",
            ),
            (
                lambda w: w.deployed.status.set_status(
                    DEPARTMENT, DEPARTMENT, 0, [1 << 20], Status.REVOKED
                ),
                "chain_index_too_large",
            ),
            (
                lambda w: w.deployed.departments.grant_kind(DEPARTMENT, DEPARTMENT, "deed"),
                "chain_not_ancestor",
            ),
            (
                lambda w: w.deployed.departments.suspend(COUNCIL, DEPARTMENT),
                "chain_not_council",
            ),
            (
                lambda w: w.deployed.departments.withdraw_key(DEPARTMENT, DEPARTMENT, b"k" * 32),
                "chain_unknown_key",
            ),
        ],
    )
    def test_each_refusal_has_its_code(
        self, world: World, make: Callable[[World], ContractCall], code: str
    ) -> None:
        with pytest.raises(ChainRejectedError) as raised:
            world.sender.estimate(world.officer.address, make(world))
        assert raised.value.code == code
