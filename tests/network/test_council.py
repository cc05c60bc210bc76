"""The council as a wallet of k of n members, live on a network of validators."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from networks.qbft.network import Network
from registry.chain.accounts import LocalAccount
from registry.chain.calls import COUNCIL
from registry.chain.errors import ChainRejectedError
from registry.chain.nonces import MemoryNonces
from registry.chain.rpc import RpcPool
from registry.chain.safe import SafeTransaction, execution
from registry.chain.safe_creation import create_safe
from registry.chain.sender import Sender
from registry.cli.running import set_up_registry
from registry.council.announced import announced
from registry.council.execution import Fate
from registry.council.proposals import Proposal
from registry.departments.models import DepartmentState, KeyState
from registry.errors import ConflictError
from registry.outbox.worker import Worker
from registry.settings import Settings
from tests.integration.council_world import Council, members
from tests.integration.wallet_world import Wallet, entry, writer
from tests.network.network_world import PATIENCE_SECONDS, until

DELAY = 5
"""Seconds; blocks come each second."""
WRONG = "safe_gs026"
NEW = "0x" + "11" * 20
DEPARTMENT = "11430000006122244L"


@pytest.fixture(scope="module")
def sender(network: Network) -> Sender:
    chain_id = int(network.nodes[0].rpc.call("eth_chainId", []), 16)
    return Sender(RpcPool(network.urls, chain_id))


@pytest.fixture(scope="module")
def council(sender: Sender) -> Council:
    return Council.make(sender, delay=DELAY)


def send(council: Council, step: SafeTransaction, signatures: dict[str, bytes]) -> None:
    """Send a wallet's transaction with these signatures, whatever they are worth."""
    call = execution(council.address, step, signatures)
    council.sender.execute(LocalAccount.generate(), call, MemoryNonces())


def test_too_few_signatures_and_false_ones_are_refused(council: Council) -> None:
    proposal = council.signed(council.proposal(council.admission("CITY-0")), *council.keys[:2])
    transaction = proposal.steps[0].transaction
    first, second = (proposal.steps[0].signatures[key.address] for key in council.keys[:2])
    chain_id, safe = council.sender.chain_id, council.address
    other_nonce = SafeTransaction(transaction.to, transaction.data, transaction.nonce + 1)
    for signatures, refusal in (
        ([first], "safe_gs020"),
        ([first, first], "safe_gs026"),
        ([second, first], "safe_gs026"),
        ([key.sign(transaction.digest(chain_id + 1, safe)) for key in council.keys[:2]], WRONG),
        ([key.sign(other_nonce.digest(chain_id, safe)) for key in council.keys[:2]], WRONG),
        ([key.sign(transaction.digest(chain_id, safe)) for key in members(2)], WRONG),
    ):
        with pytest.raises(ChainRejectedError, match=refusal):
            send(council, transaction, dict(zip(("0xa", "0xb"), signatures, strict=False)))
    assert council.safe.nonce == transaction.nonce
    few = council.signed(council.proposal(council.admission("CITY-0")), council.keys[0])
    with pytest.raises(ConflictError, match="proposal_signatures_missing"):
        council.execute(few)


def test_a_members_account_alone_can_do_nothing(council: Council) -> None:
    account = LocalAccount(council.keys[0].private_bytes())
    admission = council.admission("ALONE")
    departments = council.deployed.departments
    for call in (admission, departments.schedule(admission), departments.propose_council(NEW)):
        with pytest.raises(ChainRejectedError, match="chain_not_council"):
            council.sender.execute(account, call, MemoryNonces())


def test_only_wallets_that_hide_nobody_are_read(sender: Sender, council: Council) -> None:
    assert council.safe.threshold == 2
    keys = members(4)
    changed = Wallet.make(sender, keys[:3], 2)
    changed.itself("addOwnerWithThreshold", keys[3].address, 3, signers=keys[:2])
    assert (len(changed.read().owners), changed.read().threshold) == (4, 3)
    thief = LocalAccount.generate()
    hider = writer(sender, (entry(1, thief.address), 1))
    steered = Wallet.make(sender, keys[:3], 2, delegate=hider)
    assert steered.obeys(thief)
    assert steered.refused() == "council_safe_unproven"
    changed.delegate(hider, signers=keys[:3])
    assert changed.obeys(thief)
    assert changed.refused() == "council_safe_unproven"


def test_an_admission_waits_and_a_suspension_does_not(council: Council) -> None:
    proposal = council.signed(council.proposal(council.admission("CITY-1")), *council.keys[1:])
    announcement, act = proposal.steps
    alone = Proposal(proposal.chain_id, proposal.safe, (announcement,))
    assert council.execute(alone) == [Fate.DONE]
    (waiting,) = announced(council.sender, council.view, now=int(time.time()))
    assert "CITY-1" in waiting.words["en"]
    with pytest.raises(ChainRejectedError, match="chain_act_too_early"):
        send(council, act.transaction, dict(act.signatures))
    assert not council.admitted("CITY-1")
    assert council.execute(proposal) == [Fate.BEFORE, Fate.DONE]
    assert council.admitted("CITY-1")
    suspension = council.proposal(council.deployed.departments.suspend(COUNCIL, "CITY-1"))
    assert len(suspension.steps) == 1
    assert council.execute(council.signed(suspension, *council.keys[:2])) == [Fate.DONE]


def test_the_old_council_stays_until_the_new_one_accepts(sender: Sender) -> None:
    old = Council.make(sender, delay=DELAY)
    keys = members()
    wallet = create_safe(sender, [key.address for key in keys], 3)
    new = Council(sender, keys, wallet.address, old.deployed)
    departments = old.deployed.departments
    old.act(departments.propose_council(new.address))
    assert (old.view.council(), old.view.proposed()) == (old.address, new.address)
    accepting = new.proposal(departments.accept_council())
    with pytest.raises(ConflictError, match="proposal_signatures_missing"):
        new.execute(new.signed(accepting, *keys[:2]))
    old.act(old.admission("BEFORE"))
    assert new.execute(new.signed(accepting, *keys)) == [Fate.DONE]
    assert old.view.council() == new.address
    with pytest.raises(ChainRejectedError, match="chain_not_council"):
        old.act(old.admission("AFTER"))


@pytest.fixture
def steered(network: Network, sender: Sender, tmp_path: Path) -> Iterator[tuple[Worker, Council]]:
    """A registry that was set up for a wallet, and its worker."""
    keys = members()
    safe = create_safe(sender, [key.address for key in keys], 2)
    settings = Settings(
        directory=tmp_path,
        origin="http://127.0.0.1:1",
        environment="development",
        passphrase=SecretStr("a passphrase of tests"),
        rpc_urls=network.urls,
        council_delay=DELAY,
    )
    made = set_up_registry(settings, council=safe.address)
    with made.registry.transaction() as services:
        services.departments.admit(
            services.officers.actor(made.operator),
            code=DEPARTMENT, name="样例市公安局", kind="PS", kinds=["resident-id"],
        )  # fmt: skip
    worker = Worker.network(made.registry, network.urls)
    deployed = made.registry.context.contracts.deployment
    yield worker, Council(sender, keys, safe.address, deployed)
    worker.close()
    made.registry.close()


def test_a_registrys_order_goes_on_when_the_members_have_made_it(
    steered: tuple[Worker, Council],
) -> None:
    worker, council = steered
    worker.drain(seconds=PATIENCE_SECONDS)
    registry = worker._registry
    with registry.reading() as services:
        assert services.orders.awaiting() == {DEPARTMENT: ["admit"]}
        calls = services.orders.calls(DEPARTMENT)
    council.act(*calls)

    def ready() -> bool:
        worker.drain(seconds=PATIENCE_SECONDS)
        with registry.reading() as services:
            (key,) = services.departments.keys_of(DEPARTMENT)
            return bool(key.state == KeyState.REGISTERED)

    until(ready)
    with registry.reading() as services:
        assert services.departments.get(DEPARTMENT).state == DepartmentState.ADMITTED
        assert services.orders.awaiting() == {}
