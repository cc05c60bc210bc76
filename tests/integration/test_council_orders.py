"""A registry whose council is a wallet: what is ordered waits until its members made it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from council_world import Council, members
from registry_world import DEPARTMENT, PS_KINDS, QUICK, RegistryWorld, settings_for

from networks.embedded import EmbeddedChain
from networks.rpc import LoopbackRpc
from registry.access.models import Role
from registry.application import Registry
from registry.chain.calls import COUNCIL
from registry.chain.rpc import RpcPool
from registry.chain.safe_creation import create_safe
from registry.chain.sender import Sender
from registry.departments.models import DepartmentState, GrantState, KeyState
from registry.documents.models import DocumentState
from registry.errors import ConflictError, ForbiddenError, NotFoundError
from registry.outbox.models import TransactionState
from registry.outbox.sight import EmbeddedSettlement
from registry.outbox.worker import Worker
from registry.setup import set_up
from tests.databases import NewDatabase

DELAY = 1
FIRST = "11350000003591037R"
OTHER = "11350000003590471T"


def steered(
    directory: Path, chain: EmbeddedChain, url: str | None
) -> tuple[RegistryWorld, Council]:
    """A registry without departments, and the council that it was made for."""
    sender = Sender(RpcPool([chain.rpc_url], chain.chain_id))
    keys = members()
    safe = create_safe(sender, [key.address for key in keys], 2)
    made = set_up(
        settings_for(directory, database_url=url, council_delay=DELAY),
        [chain.rpc_url],
        EmbeddedSettlement(chain),
        chain_id=chain.chain_id,
        engine="anvil",
        council=safe.address,
        cost=QUICK,
    )
    registry = made.registry
    with registry.transaction() as services:
        operator = services.officers.actor(made.operator)
    worker = Worker.embedded(registry, chain)
    world = RegistryWorld(registry, chain, worker, operator, operator, operator)
    return world, Council(sender, keys, safe.address, registry.context.contracts.deployment)


@pytest.fixture(scope="module")
def both(
    new_database: NewDatabase, chain: EmbeddedChain, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RegistryWorld, Council]]:
    directory = tmp_path_factory.mktemp("registry")
    world, council = steered(directory, chain, new_database(directory))
    world.admit(world.operator, DEPARTMENT)
    world.clerk = world.officer(Role.CLERK)
    world.approver = world.officer(Role.APPROVER)
    make(world, council)
    yield world, council
    world.worker.close()
    world.registry.close()


def awaiting(world: RegistryWorld) -> dict[str, list[str]]:
    with world.registry.reading() as services:
        return services.orders.awaiting()


def state(world: RegistryWorld, code: str = DEPARTMENT) -> DepartmentState:
    with world.registry.reading() as services:
        return services.departments.get(code).state


def make(world: RegistryWorld, council: Council, code: str = DEPARTMENT) -> None:
    """Let the members make what awaits them of a department, and the worker see it."""
    with world.registry.reading() as services:
        calls = services.orders.calls(code)
    council.act(*calls)
    settle(world)


def settle(world: RegistryWorld) -> None:
    world.worker._council._next_look = 0.0  # at once, not in a second
    world.worker.drain(seconds=30)


def test_an_admission_waits_for_the_members_and_goes_on_by_itself(
    both: tuple[RegistryWorld, Council],
) -> None:
    world, council = both
    world.admit(world.operator, FIRST)
    settle(world)
    assert awaiting(world) == {FIRST: ["admit"]}
    assert state(world, FIRST) == DepartmentState.REQUESTED
    make(world, council, FIRST)
    assert awaiting(world) == {}
    assert state(world, FIRST) == DepartmentState.ADMITTED
    with world.registry.reading() as services:
        (key,) = services.departments.keys_of(FIRST)
        grants = services.departments.kinds_of(FIRST)
    assert key.state == KeyState.REGISTERED
    assert [grant.state for grant in grants] == [GrantState.GRANTED] * len(PS_KINDS)
    job = world.issue(1, seed=7)
    assert {row.state for row in world.documents(job)} == {DocumentState.ANCHORED}


def test_suspended_and_lifted_between_two_looks(both: tuple[RegistryWorld, Council]) -> None:
    world, council = both
    with world.registry.transaction() as services:
        services.departments.suspend(world.operator, DEPARTMENT)
        services.departments.lift(world.operator, DEPARTMENT)
    assert awaiting(world) == {DEPARTMENT: ["suspend", "lift"]}
    assert state(world) == DepartmentState.SUSPENDED
    make(world, council)
    assert awaiting(world) == {}
    assert state(world) == DepartmentState.ADMITTED
    # Once more: what is on the chain from the first time settles nothing of the second.
    with world.registry.transaction() as services:
        services.departments.suspend(world.operator, DEPARTMENT)
        services.departments.lift(world.operator, DEPARTMENT)
    settle(world)
    assert awaiting(world) == {DEPARTMENT: ["suspend", "lift"]}
    with world.registry.reading() as services:
        suspension, lift = services.orders.calls(DEPARTMENT)
    council.act(suspension)
    settle(world)
    assert awaiting(world) == {DEPARTMENT: ["lift"]}
    council.act(lift)
    settle(world)
    assert state(world) == DepartmentState.ADMITTED


def test_kinds_are_withdrawn_and_granted(both: tuple[RegistryWorld, Council]) -> None:
    world, council = both
    kind = PS_KINDS[0]
    with world.registry.transaction() as services:
        services.departments.withdraw_kind(world.operator, DEPARTMENT, kind)
    make(world, council)
    with world.registry.transaction() as services:
        services.departments.grant_kind(world.operator, DEPARTMENT, kind)
    settle(world)
    assert awaiting(world) == {DEPARTMENT: ["grantKind"]}
    make(world, council)
    with world.registry.reading() as services:
        grants = {grant.kind: grant.state for grant in services.departments.kinds_of(DEPARTMENT)}
    assert grants[kind] == GrantState.GRANTED


def test_what_another_registry_was_admitted_for_is_not_ours(
    both: tuple[RegistryWorld, Council],
) -> None:
    """The same code, but another administrator: its roles and key could not be given from here."""
    world, council = both
    code = "110000000000000000"
    with world.registry.transaction() as services:
        services.departments.admit(world.operator, code=code, name="Office", kind="PS", kinds=[])
    council.act(council.admission(code))
    settle(world)
    assert awaiting(world) == {code: ["admit"]}
    with world.registry.transaction() as services:
        clerk = world.officer(Role.CLERK)
        with pytest.raises(ForbiddenError):
            services.orders.decline(clerk, code)
        assert services.orders.decline(world.operator, code) == 1
        with pytest.raises(NotFoundError, match="council_nothing_awaits"):
            services.orders.decline(world.operator, code)
    assert state(world, code) == DepartmentState.REFUSED
    settle(world)
    with world.registry.reading() as services:
        rows = services.outbox.in_state([TransactionState.QUEUED])
    assert not [row for row in rows if row.purpose in {"role", "key"}]


def test_a_declined_suspension_ends_here_too(both: tuple[RegistryWorld, Council]) -> None:
    world, _ = both
    with world.registry.transaction() as services:
        services.departments.suspend(world.operator, DEPARTMENT)
    assert state(world) == DepartmentState.SUSPENDED
    with world.registry.transaction() as services:
        services.orders.decline(world.operator, DEPARTMENT)
    assert state(world) == DepartmentState.ADMITTED
    assert world.issue(1, seed=8)


def test_a_crash_before_it_is_settled_loses_nothing(both: tuple[RegistryWorld, Council]) -> None:
    world, council = both
    with world.registry.transaction() as services:
        services.departments.suspend(world.operator, DEPARTMENT)
        services.departments.lift(world.operator, DEPARTMENT)
        calls = services.orders.calls(DEPARTMENT)
    council.act(*calls)
    # Another process, which never saw the rows before, opens the database.
    world.worker.close()
    registry = Registry.open(world.registry.settings)
    world.worker = Worker.embedded(registry, world.chain)
    settle(world)
    world.worker.close()
    registry.close()
    world.worker = Worker.embedded(world.registry, world.chain)
    assert awaiting(world) == {}
    assert state(world) == DepartmentState.ADMITTED


def test_what_the_chain_loses_awaits_the_members_again(
    both: tuple[RegistryWorld, Council],
) -> None:
    world, council = both
    world.worker.close()
    world.worker = Worker.network(world.registry, [world.chain.rpc_url], look_seconds=0)
    with world.registry.transaction() as services:
        services.departments.suspend(world.operator, DEPARTMENT)
        services.departments.lift(world.operator, DEPARTMENT)
        calls = services.orders.calls(DEPARTMENT)
    before = council.sender.block_number()
    council.act(*calls)
    settle(world)
    assert awaiting(world) == {}
    rpc = LoopbackRpc(world.chain.rpc_url)
    rpc.call("anvil_reorg", council.sender.block_number() - before, [])
    settle(world)
    assert awaiting(world) == {DEPARTMENT: ["suspend", "lift"]}
    council.act(*calls)
    settle(world)
    assert awaiting(world) == {}
    assert state(world) == DepartmentState.ADMITTED


def test_an_account_of_the_registry_hands_over_to_a_wallet(
    chain: EmbeddedChain, tmp_path: Path
) -> None:
    world = RegistryWorld.make(tmp_path, chain, council_delay=DELAY)
    sender = Sender(RpcPool([chain.rpc_url], chain.chain_id))
    keys = members()
    safe = create_safe(sender, [key.address for key in keys], 2)
    new = Council(sender, keys, safe.address, world.registry.context.contracts.deployment)
    with world.registry.transaction() as services:
        with pytest.raises(ForbiddenError):
            services.orders.hand_over(world.clerk, safe.address)
        services.orders.hand_over(world.operator, safe.address)
    while new.view.proposed() is None:
        world.worker.drain(seconds=30)
    own = new.view.council()
    new.act(new.deployed.departments.accept_council())
    settle(world)
    with world.registry.transaction() as services:
        assert services.keys.council_account().address == safe.address != own
        with pytest.raises(ConflictError, match="council_is_elsewhere"):
            services.orders.hand_over(world.operator, safe.address)
        services.departments.suspend(world.operator, DEPARTMENT)
    make(world, new)
    assert awaiting(world) == {}
    assert state(world) == DepartmentState.SUSPENDED
    world.worker.close()
    world.registry.close()


def test_a_restored_database_learns_what_the_members_made_since(
    chain: EmbeddedChain, tmp_path: Path
) -> None:
    world, council = steered(tmp_path, chain, None)
    world.admit(world.operator, DEPARTMENT)
    settle(world)
    kept = tmp_path / "kept.sqlite3"
    with sqlite3.connect(tmp_path / "registry.sqlite3") as live, sqlite3.connect(kept) as copy:
        live.backup(copy)
    copy.close()
    live.close()
    make(world, council)
    assert state(world) == DepartmentState.ADMITTED
    world.worker.close()
    world.registry.close()
    for name in ("registry.sqlite3", "registry.sqlite3-wal", "registry.sqlite3-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    kept.rename(tmp_path / "registry.sqlite3")
    world.registry = Registry.open(world.registry.settings)
    world.worker = Worker.embedded(world.registry, chain)
    assert awaiting(world) == {DEPARTMENT: ["admit"]}
    settle(world)
    assert awaiting(world) == {}
    assert state(world) == DepartmentState.ADMITTED
    with world.registry.reading() as services:
        (key,) = services.departments.keys_of(DEPARTMENT)
    assert key.state == KeyState.REGISTERED
    world.worker.close()
    world.registry.close()


def test_the_next_council_is_noted(both: tuple[RegistryWorld, Council]) -> None:
    world, council = both
    keys = members()
    safe = create_safe(council.sender, [key.address for key in keys], 2)
    new = Council(council.sender, keys, safe.address, council.deployed)
    departments = council.deployed.departments
    council.act(departments.propose_council(new.address))
    new.act(departments.accept_council())
    settle(world)
    with world.registry.reading() as services:
        assert services.keys.council_account().address == new.address
        assert not services.keys.council_account().is_ours
    world.admit(world.operator, OTHER)
    make(world, new, OTHER)
    assert state(world, OTHER) == DepartmentState.ADMITTED
    new.act(departments.suspend(COUNCIL, OTHER))
