"""The reader against the real contracts, and against nodes that lie, lag, drip or fail."""

import secrets
import time
from dataclasses import replace

import pytest

from ecert.authority import DepartmentRecord, Interval, Parent
from ecert.chain import finality
from ecert.chain.finality import FinalAtOnce, FinalWhenSigned, finality_of
from ecert.chain.reader import ChainReader
from ecert.chain.rpc import RpcPool
from ecert.errors import UnavailableError
from ecert.facts import Basis, Query, StatusReference
from ecert.signing import SoftwareSigner
from networks.embedded import EmbeddedChain
from tests.integration.chain_world import COUNCIL, NO_ACTOR, ChainWorld, department, kind

CITY, BUREAU = "11350000003591037R", "11350100003605390Q"
KIND = "resident-id"
ADMIN, ANCHORER, CLERK = ("0x" + byte * 20 for byte in ("a1", "a2", "a3"))


@pytest.fixture(scope="module")
def world(chain: EmbeddedChain) -> ChainWorld:
    """A city with one bureau that may issue, anchor and revoke."""
    world = ChainWorld(chain)
    city, bureau = department(CITY), department(BUREAU)
    world.send(
        COUNCIL, "departments", "admit",
        NO_ACTOR, city, kind("GOV"), "市人民政府", [kind(KIND)], ADMIN,
    )  # fmt: skip
    world.send(
        ADMIN, "departments", "admit", city, bureau, kind("PS"), "公安局", [kind(KIND)], ADMIN
    )
    world.send(ADMIN, "departments", "grantRole", bureau, bureau, 1, ANCHORER)
    world.send(ADMIN, "departments", "grantRole", bureau, bureau, 2, CLERK)
    return world


@pytest.fixture(scope="module")
def signer() -> SoftwareSigner:
    return SoftwareSigner.generate()


@pytest.fixture(scope="module")
def query(world: ChainWorld, signer: SoftwareSigner) -> Query:
    """A document of the bureau whose root is anchored."""
    key = signer.public_key
    bureau = department(BUREAU)
    world.send(ADMIN, "departments", "registerKey", bureau, key.thumbprint, 1, key.x, key.y)
    root = secrets.token_bytes(32)
    world.send(ANCHORER, "anchors", "anchor", bureau, root, 64)
    return Query(BUREAU, key.thumbprint, KIND, bytes(32), root, StatusReference(3, 1000))


def reader(world: ChainWorld, *urls: str, **changes: object) -> ChainReader:
    trust = world.trust(replace(world.trust_file(), **changes))  # type: ignore[arg-type]
    rule = finality_of(trust, world.checkpoint)
    return ChainReader(trust, urls or [world.chain.rpc_url], finality=rule, seconds=2)


def test_one_document(world: ChainWorld, query: Query, signer: SoftwareSigner) -> None:
    facts = reader(world).facts(query)
    block = world.block()
    assert facts.block == int(block["number"], 16) == facts.final_block
    assert facts.chain_id == world.chain.chain_id
    assert facts.basis is Basis.NODE
    assert facts.anchor is not None
    assert query.root is not None
    anchored = world.ask("anchors", "anchorOf", department(BUREAU), query.root)
    assert (facts.anchor.time, facts.anchor.block, facts.anchor.size) == anchored
    assert facts.key is not None
    assert facts.key.public_key() == signer.public_key
    assert [interval.end for interval in facts.key.intervals] == [None]
    assert list(facts.lineage) == [BUREAU, CITY]
    admitted = facts.lineage[CITY].admitted_at
    assert facts.lineage[CITY] == DepartmentRecord(
        CITY, admitted, (Parent(None, admitted),), (), (Interval(admitted),)
    )
    assert facts.lineage[BUREAU].parents == (Parent(CITY, admitted + 1),)
    assert (facts.status, facts.digest_revoked, facts.root_revoked) == (0, False, False)


def test_one_call_answers_all(
    world: ChainWorld, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    original = RpcPool.ask

    def counted(self: RpcPool, method: str, *rest: object) -> object:
        calls.append(method)
        return original(self, method, *rest)

    monkeypatch.setattr(RpcPool, "ask", counted)
    reader(world).facts(query)
    assert calls == ["eth_call"]


def test_nothing_known(world: ChainWorld, query: Query) -> None:
    stranger = replace(query, department="NOBODY", key_id=secrets.token_bytes(32), root=None)
    facts = reader(world).facts(stranger)
    assert (facts.anchor, facts.key, dict(facts.lineage)) == (None, None, {})


def test_another_departments_root_key_and_kind_are_not_found(
    world: ChainWorld, query: Query
) -> None:
    facts = reader(world).facts(replace(query, department=CITY, kind="drivers-licence"))
    assert (facts.anchor, facts.key) == (None, None)
    assert facts.lineage[CITY].kind == ()


def test_withdrawals_show_at_once(world: ChainWorld, query: Query) -> None:
    bureau, digest, root = department(BUREAU), secrets.token_bytes(32), secrets.token_bytes(32)
    world.send(CLERK, "statuses", "setStatus", bureau, bureau, 7, [129], 2)
    other = replace(query, digest=digest, root=root, status=StatusReference(7, 129))
    assert reader(world).facts(other).status == 2
    world.send(CLERK, "statuses", "setStatus", bureau, bureau, 7, [129], 1)
    world.send(CLERK, "statuses", "revokeDigest", bureau, bureau, digest)
    world.send(CLERK, "statuses", "revokeRoot", bureau, bureau, root)
    facts = reader(world).facts(other)
    assert (facts.status, facts.digest_revoked, facts.root_revoked) == (1, True, True)
    neighbour = replace(query, status=StatusReference(7, 128))
    facts = reader(world).facts(neighbour)
    assert (facts.status, facts.digest_revoked, facts.root_revoked) == (0, False, False)


def test_final_is_what_the_operator_signed(world: ChainWorld, query: Query) -> None:
    trust = world.trust()
    signed = world.checkpoint()
    finality = FinalWhenSigned(trust, lambda: signed)
    asked = ChainReader(trust, [world.chain.rpc_url], finality=finality)
    before = asked.facts(query)
    assert before.final_block == before.block
    root = secrets.token_bytes(32)
    block = world.send(ANCHORER, "anchors", "anchor", department(BUREAU), root, 1)
    fresh = replace(query, root=root)
    assert asked.facts(fresh).final_block < block
    signed = world.checkpoint()
    assert asked.facts(fresh).final_block == block  # though the older one is remembered


def test_what_was_final_remains_so_while_the_registry_is_down(
    world: ChainWorld, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust = world.trust()
    words = [world.checkpoint()]
    tries = []

    def fetch() -> bytes:
        tries.append(1)
        if not words:
            raise UnavailableError("registry_none")
        return words[0]

    asked = ChainReader(trust, [world.chain.rpc_url], finality=FinalWhenSigned(trust, fetch))
    first = asked.facts(query)
    words.clear()
    assert asked.facts(query).final_block == first.final_block
    assert len(tries) == 1, "remembered"
    monkeypatch.setattr(finality, "KEEP_SECONDS", 60.0)
    asked._finality.checkpoint(fresh=True)
    assert [asked.facts(query).final_block for _ in range(3)] == [first.final_block] * 3
    assert len(tries) == 2, "a registry that is down is not waited for at every check"


def test_heartbeat_tells_as_of_when(world: ChainWorld, query: Query) -> None:
    trust = world.trust()
    block_time = int(world.block()["timestamp"], 16)
    for at, expected in ((block_time + 500, block_time + 500), (block_time - 500, block_time)):
        signed = world.checkpoint(at=at)
        finality = FinalWhenSigned(trust, lambda signed=signed: signed)
        for clock, told in ((2**40, expected), (block_time - 900, block_time - 900)):
            asked = ChainReader(
                trust, [world.chain.rpc_url], finality=finality, clock=lambda clock=clock: clock
            )
            assert asked.facts(query).time == told


@pytest.mark.parametrize("problem", ["down", "stranger", "another chain"])
def test_without_a_checkpoint_nothing_is_final(
    world: ChainWorld, query: Query, problem: str
) -> None:
    def fetch() -> bytes:
        if problem == "down":
            raise UnavailableError("rpc_unreachable", origin="registry", reason="down")
        return world.checkpoint()

    trust = world.trust()
    if problem == "stranger":
        trust = world.trust(
            replace(world.trust_file(), operators=(SoftwareSigner.generate().public_key,))
        )
    if problem == "another chain":
        trust = world.trust(replace(world.trust_file(), chain_id=1))
    finality = finality_of(trust, fetch)
    assert finality.checkpoint() is None
    if problem != "another chain":
        facts = ChainReader(trust, [world.chain.rpc_url], finality=finality).facts(query)
        assert facts.final_block == -1
        assert facts.anchor is not None


def test_qbft_is_final_at_once(world: ChainWorld, query: Query) -> None:
    trust = world.trust(world.network_file("besu"))

    def fetch() -> bytes:
        raise AssertionError("not asked")

    finality = finality_of(trust, fetch)
    assert isinstance(finality, FinalAtOnce)
    facts = ChainReader(trust, [world.chain.rpc_url], finality=finality).facts(query)
    assert facts.final_block == facts.block
    assert abs(facts.time - time.time()) < 600


def test_refuses_a_node_of_another_chain(world: ChainWorld, query: Query) -> None:
    with pytest.raises(UnavailableError) as caught:
        reader(world, chain_id=1).facts(query)
    assert caught.value.code == "rpc_other_chain"


def test_refuses_a_node_without_the_contract(world: ChainWorld, query: Query) -> None:
    contracts = dict(world.trust_file().contracts)
    contracts["view"] = replace(contracts["view"], address=bytes(19) + b"\x99")
    with pytest.raises(UnavailableError) as caught:
        reader(world, contracts=contracts).facts(query)
    assert caught.value.code == "rpc_contract_absent"
