"""A deployed registry with one department: what the sender's tests share."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from networks.embedded import EmbeddedChain
from networks.rpc import LoopbackRpc
from registry.chain.abi import artifact
from registry.chain.accounts import LocalAccount
from registry.chain.calls import COUNCIL, ContractCall, Role
from registry.chain.council import CouncilAccount
from registry.chain.deploy import Deployment, deploy
from registry.chain.nonces import MemoryNonces
from registry.chain.rpc import RpcPool
from registry.chain.sender import Sender
from registry.chain.transactions import Mined, PreparedTx
from tests.integration.faulty_node import FaultyNode

Connect = Callable[..., Sender]
DEPARTMENT = "11110000000000111A"


@dataclass
class World:
    """A deployed registry with one department, all of whose roles one account has."""

    chain: EmbeddedChain
    sender: Sender
    council: CouncilAccount
    council_address: str
    officer: LocalAccount
    deployed: Deployment
    nonces: MemoryNonces

    def prepare(self, call: ContractCall, *, nonce: int | None = None) -> PreparedTx:
        gas = self.sender.estimate(self.officer.address, call)
        return self.sender.prepare(self.officer, call, self.nonces, gas=gas, nonce=nonce)

    def execute(self, call: ContractCall) -> Mined:
        return self.sender.execute(self.officer, call, self.nonces)

    def mined(self, tx: PreparedTx) -> Mined:
        return self.sender.wait(tx, seconds=10)

    def anchor(self, size: int = 64) -> ContractCall:
        return self.deployed.anchors.anchor(DEPARTMENT, os.urandom(32), size)

    @property
    def node(self) -> LoopbackRpc:
        return LoopbackRpc(self.chain.rpc_url)


@pytest.fixture(scope="module")
def world(chain: EmbeddedChain) -> World:
    sender = Sender(RpcPool([chain.rpc_url], chain.chain_id))
    council, officer = LocalAccount.generate(), LocalAccount.generate()
    deployed = deploy(sender, LocalAccount.generate(), council=council.address, delay=1)
    acting = CouncilAccount(sender, council)
    departments = deployed.departments
    acting.carry_out(
        [
            departments.admit(
                COUNCIL,
                DEPARTMENT,
                department_kind="PS",
                name="示例市公安局",
                kinds=["resident-id"],
                admin=officer.address,
            )
        ]
    )
    nonces = MemoryNonces()
    sender.reconcile(officer.address, nonces)
    made = World(chain, sender, acting, council.address, officer, deployed, nonces)
    for role in (Role.ANCHOR, Role.STATUS):
        made.execute(departments.grant_role(DEPARTMENT, DEPARTMENT, role, officer.address))
    return made


@pytest.fixture
def faulty(world: World) -> Iterator[FaultyNode]:
    with FaultyNode(world.chain.rpc_url) as node:
        yield node


@pytest.fixture
def connect(world: World) -> Callable[..., Sender]:
    """Make senders that ask the given nodes."""

    def make(*urls: str, **options: float) -> Sender:
        return Sender(RpcPool(urls, world.chain.chain_id, **options))

    return make


def anchored(world: World, call: ContractCall) -> int:
    """Return the time at which the root that ``call`` anchors was anchored; 0 for never."""
    function = artifact("AnchorRegistry").functions["anchorOf"]
    data = function.encode([call.arguments()[name] for name in ("department", "root")])
    answer = world.sender.read(ContractCall("AnchorRegistry", "anchorOf", call.to, data))
    return int.from_bytes(answer[:32])
