"""What is final on a network for the registry: what validators sealed, whatever nodes say."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from ecert.chain.block_proof import voting_rules_of
from ecert.errors import UnavailableError
from registry.chain.rpc import RpcPool
from registry.chain.sender import Sender
from registry.outbox.seals import Base, SealedHeader, Seals, genesis_base, newest_base, seals_of
from registry.outbox.sight import NetworkSettlement
from tests.fakes.node import FakeNode, running
from tests.fakes.qbft_chain import QbftChain

Answer = Callable[[str, list[Any], Any], Any]


class Network:
    """Nodes of a chain, and the registry's view of it."""

    def __init__(self, chain: QbftChain, nodes: list[FakeNode], base: Base | None = None) -> None:
        self.chain = chain
        self.nodes = nodes
        self.urls = [node.url for node in nodes]
        self.base = base or genesis_base(self.urls)
        self.sender = Sender(RpcPool(self.urls, chain.chain_id))
        rules = voting_rules_of("quorum", chain.epoch)
        seals = Seals(self.urls, rules, lambda: self.base)
        self.settlement = NetworkSettlement(self.sender, seals=seals)

    def settle(self) -> SealedHeader:
        found = self.settlement.settle()
        assert isinstance(found, SealedHeader)
        return found

    def refusal(self) -> tuple[str, object]:
        with pytest.raises(UnavailableError) as error:
            self.settlement.settle()
        return error.value.code, error.value.details.get("reason")


@contextmanager
def network(chain: QbftChain, *answers: Answer, base: Base | None = None) -> Iterator[Network]:
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(running(FakeNode(alter=answer)))
            for answer in answers or (chain.answer,)
        ]
        yield Network(chain, nodes, base)


@pytest.fixture
def chain() -> QbftChain:
    made = QbftChain(epoch=50)
    made.extend(3)
    return made


def test_blocks_and_who_seals_them(chain: QbftChain) -> None:
    with network(chain) as net:
        assert net.base == Base(0, chain.sets[0])
        for _ in range(3):
            found = net.settle()
            assert (found.number, found.hash) == (chain.height, chain.hash(chain.height))
            assert found.validators == chain.sets[chain.height]
            assert found.base == net.base
            chain.block()


def test_a_block_is_checked_once(chain: QbftChain) -> None:
    with network(chain) as net:
        seals = net.nodes[0].calls
        net.settle()
        first = seals.count("eth_getBlockByNumber")
        net.settle()
        assert seals.count("eth_getBlockByNumber") == first + 1  # whether it is still the same


def test_changes_are_followed_while_it_runs(chain: QbftChain) -> None:
    with network(chain) as net:
        net.settle()
        new = chain.new_key()
        chain.change((new, True))
        chain.extend(2)
        assert new in net.settle().validators
        chain.change((chain.sets[0][0], False))
        chain.extend(2)
        found = net.settle()
        assert found.validators == chain.validators
        assert found.base == net.base


def test_votes_on_two_at_once_from_before_a_change(chain: QbftChain) -> None:
    """Those on the second one are of a set that is past when they decide."""
    one, two = chain.new_key(), chain.new_key()
    a, b, c, _ = chain.validators
    with network(chain) as net:
        for proposer, recipient in ((a, one), (b, two), (b, one), (a, two), (c, one)):
            chain.block((recipient, True), proposer=proposer)
        chain.block()
        assert one in net.settle().validators
        chain.block((two, True), proposer=c)
        chain.block()
        assert net.settle().validators == chain.validators
        assert len(chain.validators) == 6


def test_the_base_goes_on_when_votes_have_lapsed(chain: QbftChain) -> None:
    with network(chain) as net:
        chain.change((chain.new_key(), True))
        chain.extend(10)
        assert net.settle().base == net.base  # the epoch of the change is not over
        chain.extend(60)
        found = net.settle()
        assert found.base == Base(chain.height, chain.validators)
        chain.extend(5)
        assert net.settle().base == found.base  # once an epoch
        chain.change((chain.validators[2], False))
        chain.extend(2)
        assert net.settle().validators == chain.validators
        assert net.settle().base == found.base


def forked(chain: QbftChain, **given: Any) -> Answer:
    """Return the answers of a node that put another block in the newest one's place."""
    lying = chain.branch()
    block = chain.height
    lying.headers[block] = lying.header(block, given.pop("validators", chain.sets[block]), **given)
    return lying.answer


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"sealers": ()}, "seals_too_few"),
        ({"sealers": "two"}, "seals_too_few"),
        ({"sealers": "strangers"}, "seal_of_stranger"),
        ({"items": {13: bytes(32)}}, "header_malformed"),
    ],
    ids=["unsealed", "sealed by two", "sealed by strangers", "of another engine"],
)
def test_a_node_that_makes_up_a_block(chain: QbftChain, given: dict[str, Any], reason: str) -> None:
    base = Base(0, chain.sets[0])
    strangers = [chain.new_key() for _ in range(3)]
    sealers = {"two": chain.validators[:2], "strangers": strangers}
    if isinstance(given.get("sealers"), str):
        given = given | {"sealers": sealers[given["sealers"]]}
    with network(chain, forked(chain, **given), base=base) as net:
        assert net.refusal() == ("chain_block_unproven", reason)


def test_a_node_that_makes_up_a_whole_chain(chain: QbftChain) -> None:
    """With validators, votes and seals of its own, from the second block on."""
    base = Base(0, chain.sets[0])
    forger = chain.branch()
    own = tuple(sorted(forger.new_key() for _ in range(4)))
    del forger.headers[1:], forger.sets[2:]
    forger.sets[1] = own
    forger.extend(5)
    with network(forger, base=base) as net:
        code, _ = net.refusal()
        assert code == "handover_not_found"


def test_nodes_that_all_lie_are_not_believed_and_the_truth_is_again(chain: QbftChain) -> None:
    liar = forked(chain, sealers=())
    with network(chain, liar, liar, liar, base=Base(0, chain.sets[0])) as net:
        for _ in range(3):
            assert net.refusal()[0] == "chain_block_unproven"
        for node in net.nodes:
            node.alter = chain.answer
        assert net.settle().hash == chain.hash(chain.height)


def test_one_node_with_broken_seals_holds_nothing_up(chain: QbftChain) -> None:
    """Seals are not in the hash: such a node agrees with the others about the block."""
    original = chain.headers[chain.height]
    block = chain.height
    lying = chain.branch()
    proposer = chain.sets[block][block % 4]
    lying.headers[block] = lying.header(block, chain.sets[block], proposer=proposer, sealers=())
    assert lying.hash(block) == chain.hash(block)
    assert lying.headers[block] != original
    with network(chain, lying.answer, chain.answer, chain.answer) as net:
        assert net.settle().hash == chain.hash(block)
    with network(chain, lying.answer) as net:
        assert net.refusal() == ("chain_block_unproven", "seals_too_few")


def test_one_node_that_hides_the_votes_holds_nothing_up(chain: QbftChain) -> None:
    chain.change((chain.new_key(), True))
    chain.extend(2)

    def hiding(method: str, params: list[Any], _: Any) -> Any:
        found = chain.answer(method, params)
        hidden = method == "eth_getBlockByNumber" and int(params[0], 16) not in (0, chain.height)
        return None if hidden else found

    with network(chain, hiding, chain.answer, chain.answer) as net:
        assert net.settle().validators == chain.validators
    with network(chain, hiding) as net:
        assert net.refusal()[0] == "rpc_block_absent"


def test_validators_changed_by_configuration_must_be_accepted(chain: QbftChain) -> None:
    with network(chain) as net:
        net.settle()
        chain.sets[-1] = tuple(sorted((*chain.validators[1:], chain.new_key())))
        chain.extend(2)
        assert net.refusal()[0] == "handover_not_found"
        net.base = newest_base(net.sender, net.urls)  # what an operator has kept
        assert net.base == Base(chain.height, chain.validators)
        assert net.settle().validators == chain.validators


def test_nobody_accepts_validators_that_did_not_seal(chain: QbftChain) -> None:
    liar = forked(chain, sealers=())
    with network(chain, liar, base=Base(0, chain.sets[0])) as net:
        with pytest.raises(UnavailableError) as error:
            newest_base(net.sender, net.urls)
        assert error.value.details["reason"] == "seals_too_few"
    other = forked(chain, items={3: b"\x66" * 32})
    with network(chain, chain.answer, chain.answer, other) as net:
        with pytest.raises(UnavailableError) as error:
            newest_base(net.sender, net.urls)
        assert error.value.details["reason"] == "hash"


def test_a_chain_without_validators_has_no_seals() -> None:
    assert seals_of(["http://127.0.0.1:9"], "anvil", 1, lambda: Base(0, ())) is None
    assert isinstance(seals_of(["http://127.0.0.1:9"], "besu", 1, lambda: Base(0, ())), Seals)
