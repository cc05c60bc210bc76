"""The typed calls, the council's acts and the deployment, on a real node."""

import os
import time
from typing import Any

import pytest

from ecert.errors import MalformedError, UnavailableError
from ecert.signing import ED25519, ES256, SoftwareSigner
from ecert.status import Status
from registry.chain.accounts import LocalAccount
from registry.chain.calls import COUNCIL, Role
from registry.chain.council import CouncilAccount
from registry.chain.deploy import Deployment, deploy
from registry.chain.errors import ChainRejectedError
from registry.chain.transactions import Mined, PreparedTx
from tests.integration.faulty_node import PASS, FaultyNode
from tests.integration.sender_world import (  # noqa: F401  # fixtures
    DEPARTMENT,
    Connect,
    World,
    anchored,
    connect,
    faulty,
    world,
)


class TestCalls:
    """Every call of the registry does on a real chain what it says."""

    def test_rights_of_a_department_from_admission_to_merger(self, world: World) -> None:
        departments = world.deployed.departments
        for code in ("CITY-1", "CITY-2"):
            world.execute(
                departments.admit(
                    DEPARTMENT,
                    code,
                    department_kind="PS",
                    name="示例",
                    kinds=["resident-id"],
                    admin=world.officer.address,
                )
            )
        world.execute(departments.withdraw_kind(DEPARTMENT, "CITY-1", "resident-id"))
        world.execute(departments.grant_kind(DEPARTMENT, "CITY-1", "resident-id"))
        other = LocalAccount.generate().address
        world.execute(departments.grant_role(DEPARTMENT, "CITY-1", Role.STATUS, other))
        world.execute(departments.withdraw_role(DEPARTMENT, "CITY-1", Role.STATUS, other))
        for suite in (ES256, ED25519):
            key = SoftwareSigner.generate(suite).public_key
            world.execute(departments.register_key("CITY-1", key))
            world.execute(departments.withdraw_key(DEPARTMENT, "CITY-1", key.thumbprint))
            world.execute(departments.register_key("CITY-1", key))
            world.execute(departments.compromise_key("CITY-1", "CITY-1", key.thumbprint, 1))
            with pytest.raises(ChainRejectedError, match="chain_key_is_compromised"):
                world.execute(departments.register_key("CITY-1", key))
        world.execute(departments.suspend(DEPARTMENT, "CITY-1"))
        with pytest.raises(ChainRejectedError, match="chain_suspended"):
            world.execute(departments.grant_role("CITY-1", "CITY-1", Role.ANCHOR, other))
        world.execute(departments.lift(DEPARTMENT, "CITY-1"))
        world.execute(departments.move(DEPARTMENT, "CITY-1", "CITY-2"))
        world.execute(departments.merge(DEPARTMENT, "CITY-1", "CITY-2"))
        with pytest.raises(ChainRejectedError, match="chain_dissolved"):
            world.execute(departments.grant_role(DEPARTMENT, "CITY-1", Role.ANCHOR, other))

    def test_many_roots_in_one_transaction(self, world: World) -> None:
        roots = [(os.urandom(32), size) for size in (1, 64, 1024)]
        assert world.execute(world.deployed.anchors.anchor_many(DEPARTMENT, roots)).succeeded
        with pytest.raises(ChainRejectedError, match="chain_already_anchored"):
            world.execute(world.deployed.anchors.anchor(DEPARTMENT, *roots[1]))

    def test_statuses_are_set_and_revocation_is_final(self, world: World) -> None:
        status = world.deployed.status

        def set_status(value: Status) -> Mined:
            return world.execute(status.set_status(DEPARTMENT, DEPARTMENT, 0, [5, 700], value))

        set_status(Status.SUSPENDED)
        set_status(Status.VALID)
        set_status(Status.REVOKED)
        set_status(Status.REVOKED)  # a batch may be sent again
        with pytest.raises(ChainRejectedError, match="chain_already_revoked"):
            set_status(Status.VALID)
        world.execute(status.revoke_digest(DEPARTMENT, DEPARTMENT, os.urandom(32)))
        world.execute(status.revoke_root(DEPARTMENT, DEPARTMENT, os.urandom(32)))

    def test_what_is_on_its_way_may_free_what_a_later_call_writes(
        self, world: World, connect: Connect, faulty: FaultyNode
    ) -> None:
        """Estimated while the entries were suspended, paid for when they are valid again."""

        def latest(method: str, params: list[Any]) -> Any:
            """Not every node estimates on top of what is on its way, as anvil does."""
            if method != "eth_estimateGas":
                return PASS
            return {"result": world.node.call(method, *params, "latest")}

        faulty.fault = latest
        sender = connect(faulty.url)
        status, entries = world.deployed.status, range(0, 100 * 128, 128)  # each in its own word

        def change(value: Status) -> PreparedTx:
            call = status.set_status(DEPARTMENT, DEPARTMENT, 7, entries, value)
            gas = sender.estimate(world.officer.address, call)
            tx = sender.prepare(world.officer, call, world.nonces, gas=gas)
            sender.broadcast(tx)
            return tx

        world.mined(change(Status.SUSPENDED))
        world.node.call("evm_setAutomine", False)
        try:
            sent = [change(Status.VALID), change(Status.REVOKED)]
        finally:
            world.node.call("evm_setAutomine", True)
            world.node.call("evm_mine")
        assert [world.mined(tx).error for tx in sent] == [None, None]

    @pytest.mark.parametrize(
        ("code", "root", "size"),
        [
            (DEPARTMENT, b"short", 1),
            (DEPARTMENT, b"r" * 33, 1),
            (DEPARTMENT, b"r" * 32, -1),
            (DEPARTMENT, b"r" * 32, 1 << 32),
            ("", b"r" * 32, 1),
            ("部门", b"r" * 32, 1),
            ("X" * 21, b"r" * 32, 1),
        ],
    )
    def test_arguments_out_of_range_are_never_encoded(
        self, world: World, code: str, root: bytes, size: int
    ) -> None:
        with pytest.raises(MalformedError):
            world.deployed.anchors.anchor(code, root, size)


class TestCouncil:
    def test_an_act_waits_for_its_time(self, world: World) -> None:
        act = world.deployed.departments.withdraw_kind(COUNCIL, DEPARTMENT, "resident-id")
        eta = world.council.announce([act])
        assert eta > 0
        with pytest.raises(ChainRejectedError, match="chain_act_too_early"):
            world.sender.estimate(world.council_address, act)
        assert world.council.announce([act]) == eta  # announced once
        time.sleep(max(0.0, eta - time.time()))
        assert [mined.succeeded for mined in world.council.make([act])] == [True]
        with pytest.raises(ChainRejectedError, match="chain_act_not_scheduled"):
            world.council.make([act])
        back = world.deployed.departments.grant_kind(COUNCIL, DEPARTMENT, "resident-id")
        world.council.carry_out([back])

    def test_without_a_delay_acts_are_made_at_once(self, world: World) -> None:
        council = LocalAccount.generate()
        deployed = deploy(world.sender, LocalAccount.generate(), council=council.address, delay=0)
        acting = CouncilAccount(world.sender, council)
        admit = deployed.departments.admit(
            COUNCIL, "TOP", department_kind="PS", name="x", kinds=[], admin=council.address
        )
        assert acting.announce([admit]) == 0
        assert acting.carry_out([admit])[0].succeeded
        with pytest.raises(ChainRejectedError, match="chain_already_admitted"):
            acting.carry_out([admit])

    def test_a_long_delay_is_announced_and_not_waited_for(self, world: World) -> None:
        council = LocalAccount.generate()
        deployed = deploy(
            world.sender, LocalAccount.generate(), council=council.address, delay=48 * 3600
        )
        act = deployed.anchors.close(council.address)
        with pytest.raises(UnavailableError, match="council_delay_too_long"):
            CouncilAccount(world.sender, council).carry_out([act])


class TestDeployment:
    def test_it_is_taken_up_where_it_stopped(self, world: World) -> None:
        account = LocalAccount.generate()

        def stop(name: str) -> None:
            if name == "AnchorRegistry":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            deploy(world.sender, account, council=world.council_address, delay=1, report=stop)
        assert world.sender.transaction_count(account.address) == 2
        done = deploy(world.sender, account, council=world.council_address, delay=1)
        assert world.sender.transaction_count(account.address) == 4
        again = deploy(world.sender, account, council=world.council_address, delay=1)
        assert again.contracts == done.contracts
        assert Deployment.from_json(done.to_json()) == done

    def test_an_account_that_did_something_else_is_refused(self, world: World) -> None:
        with pytest.raises(ChainRejectedError, match="deployment_differs"):
            deploy(world.sender, world.officer, council=world.council_address, delay=1)

    @pytest.mark.parametrize("field", ["chain_id", "first_block", "block", "contracts"])
    def test_a_damaged_record_is_refused(self, world: World, field: str) -> None:
        record = world.deployed.to_json()
        for value in (None, "x", [], {}):
            with pytest.raises(MalformedError, match="deployment_malformed"):
                Deployment.from_json({**record, field: value})
