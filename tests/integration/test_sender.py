"""The sender on a real node: nothing is sent twice, nothing is lost, every refusal has a name."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from ecert.errors import EcertError, MalformedError, UnavailableError
from ecert.signing import ED25519, ES256, SoftwareSigner
from ecert.status import Status
from networks.embedded import EmbeddedChain
from networks.rpc import LoopbackRpc
from registry.chain.abi import artifact
from registry.chain.accounts import LocalAccount
from registry.chain.calls import COUNCIL, ContractCall, Role
from registry.chain.council import CouncilAccount
from registry.chain.deploy import Deployment, deploy
from registry.chain.errors import ChainRejectedError
from registry.chain.nonces import MemoryNonces
from registry.chain.rpc import RpcPool
from registry.chain.sender import Sender
from registry.chain.transactions import Mined, Pending, PreparedTx, Superseded, Unknown
from tests.integration.faulty_node import CUT, FaultyNode

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
        return LoopbackRpc(int(self.chain.rpc_url.rsplit(":", 1)[1]))


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
