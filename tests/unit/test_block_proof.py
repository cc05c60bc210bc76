"""Blocks proved from nothing but the trust file, and gathered from nodes that may lie."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ecert.chain import handover_search, qbft
from ecert.chain.block_proof import BlockProof, ProvenBlock, prove_block
from ecert.chain.header import BlockHeader
from ecert.chain.node import Nodes
from ecert.checkpoint import Checkpoint
from ecert.errors import EcertError, MalformedError, ProofError, TrustError, UnavailableError
from ecert.facts import Basis
from ecert.signing import SoftwareSigner
from ecert.trust import PinnedBlock, TrustStore
from tests.fakes.node import FakeNode, running
from tests.fakes.qbft_chain import Key, QbftChain, resealed
from tests.fakes.world import CHAIN_ID, NOW, World


def nothing() -> bytes:
    raise AssertionError("no operator is asked on a network")


def pin(chain: QbftChain, block: int) -> PinnedBlock:
    header = BlockHeader.decode(chain.headers[block])
    return PinnedBlock(block, chain.hash(block), header.state_root, chain.sets[block])


def trust_in(chain: QbftChain, *pins: int, engine: str = "quorum") -> TrustStore:
    world = World()
    *history, checkpoint = (pin(chain, block) for block in pins or (0,))
    file = world.trust_file(
        engine=engine,
        genesis_hash=chain.hash(0),
        checkpoint=checkpoint,
        history=tuple(history),
        epoch_length=chain.epoch,
    )
    return TrustStore(file.sign([world.council]), world.catalogue, now=NOW)


def refused(proof: BlockProof, trust: TrustStore) -> str:
    with pytest.raises(ProofError) as error:
        proof.verify(trust)
    return error.value.code


@pytest.fixture
def chain() -> QbftChain:
    """Four validators, of whom one is replaced in blocks 6 and 12, at different times."""
    made = QbftChain()
    made.extend(3)
    made.change((made.new_key(), True))
    made.extend(3)
    made.change((made.sets[0][1], False))
    made.extend(40)
    return made


@pytest.fixture
def node(chain: QbftChain) -> Iterator[FakeNode]:
    with running(FakeNode(alter=chain.answer)) as found:
        yield found


def prove(node: FakeNode, trust: TrustStore, block: Any = "latest") -> BlockProof:
    return prove_block(Nodes([node.url]), trust, block, fetch_checkpoint=nothing)


def test_every_block_can_be_proved(chain: QbftChain, node: FakeNode) -> None:
    trust = trust_in(chain)
    for block in range(chain.height + 1):
        proof = prove(node, trust, block)
        header = BlockHeader.decode(chain.headers[block])
        assert proof.verify(trust) == ProvenBlock(
            block,
            chain.hash(block),
            header.state_root,
            header.time,
            Basis.VALIDATORS,
            chain.sets[block],
            qbft.sealers(chain.headers[block]) if block else (),
        )
        changes = len({chain.sets[b] for b in range(block + 1)}) - 1
        assert len(proof.handovers) == (changes if block else 0)
    assert prove(node, trust).verify(trust).number == chain.height


def test_from_each_pinned_block(chain: QbftChain, node: FakeNode) -> None:
    votes = {5, 6, 11, 12}  # those before such a block do not count
    for start in sorted(votes | set(range(0, chain.height, 3))):
        trust = trust_in(chain, start)
        if start in votes:
            with pytest.raises(UnavailableError) as missing:
                prove(node, trust)
            assert missing.value.code == "handover_not_found"
            continue
        assert prove(node, trust).verify(trust).number == chain.height
        if start:
            with pytest.raises(ProofError) as error:
                prove(node, trust, start - 1)
            assert error.value.code == "block_before_checkpoint"


def test_a_pinned_block_needs_no_seals(chain: QbftChain) -> None:
    trust = trust_in(chain, 0, 9)
    unsealed = chain.header(
        9, chain.sets[9], proposer=BlockHeader.decode(chain.headers[9]).coinbase, sealers=()
    )
    assert BlockProof(unsealed, (), None).verify(trust).hash == chain.hash(9)
    strangers = [Key.new() for _ in range(9)]
    forged = BlockProof(resealed(chain.headers[9], strangers), (), None).verify(trust)
    assert (forged.hash, forged.sealers, forged.pinned) == (chain.hash(9), (), True)
    other = chain.header(9, chain.sets[9], sealers=chain.sets[9])
    assert refused(BlockProof(other, (), None), trust) == "block_not_pinned"


def test_retired_validators_cannot_rewrite_the_past() -> None:
    """Whoever has the keys of enough who left since could seal another block below the pin."""
    chain = QbftChain()
    chain.extend(5)
    one, two, *_ = old = chain.validators
    for gone in (one, two):
        chain.change((chain.new_key(), True))
        chain.change((gone, False))
    chain.extend(3)
    trust = trust_in(chain, 0, chain.height)
    forged = chain.header(3, old, sealers=old[:3], items={3: b"\x66" * 32})
    assert refused(BlockProof(forged, (), None), trust) == "validators_retired"
    before = trust_in(chain, 0)
    assert BlockProof(forged, (), None).verify(before).state_root == b"\x66" * 32
    everybody = chain.header(3, old, sealers=old)
    assert refused(BlockProof(everybody, (), None), trust) == "validators_retired"


def test_blocks_between_pins_are_proved_by_who_stayed(chain: QbftChain) -> None:
    trust = trust_in(chain, 0, chain.height)
    stayed = set(chain.sets[0]) & set(chain.validators)
    assert len(stayed) == 3
    sealed = chain.header(2, chain.sets[2], sealers=sorted(stayed))
    assert BlockProof(sealed, (), None).verify(trust).number == 2
    gone = (set(chain.sets[0]) - stayed).pop()
    with_gone = chain.header(2, chain.sets[2], sealers=[gone, *sorted(stayed)[:2]])
    assert refused(BlockProof(with_gone, (), None), trust) == "validators_retired"


def test_proofs_of_another_form(chain: QbftChain, node: FakeNode) -> None:
    trust = trust_in(chain)
    right = prove(node, trust)
    assert len(right.handovers) == 2
    for wrong, code in (
        (replace(right, header=None), "block_proof_malformed"),
        (replace(right, checkpoint=b"{}"), "block_proof_malformed"),
        (replace(right, handovers=()), "validators_differ"),
        (replace(right, handovers=right.handovers[::-1]), "handover_invalid"),
        (replace(right, header=chain.headers[2]), "block_proof_malformed"),
        (replace(right, header=chain.headers[0]), "block_proof_malformed"),
        (replace(right, header=chain.headers[8]), "block_proof_malformed"),
        (replace(right, header=b""), "header_malformed"),
    ):
        assert refused(wrong, trust) == code
    surplus = BlockProof(chain.headers[2], right.handovers[:1], None)
    assert refused(surplus, trust) == "block_proof_malformed"


def test_votes_are_looked_for_far_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handover_search, "BATCH", 7)
    chain = QbftChain()
    vote = (chain.new_key(), True)
    for proposer in chain.validators[:2]:
        chain.block(vote, proposer=proposer)
        chain.extend(60)
    chain.block(vote, proposer=chain.validators[2])
    chain.extend(10)
    trust = trust_in(chain)
    with running(FakeNode(alter=chain.answer)) as node:
        assert prove(node, trust).verify(trust).validators == chain.validators
        assert len(node.calls) > 100
    monkeypatch.setattr(handover_search.limits, "MAX_SCANNED_HEADERS", 50)
    with running(FakeNode(alter=chain.answer)) as node, pytest.raises(UnavailableError) as error:
        prove(node, trust)
    assert error.value.code == "handover_not_found"


def test_a_search_ends_in_time(
    chain: QbftChain, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A header that nobody sealed begins a search: the node that made it up may drip."""
    monkeypatch.setattr(handover_search, "SEARCH_SECONDS", 0.0)
    with pytest.raises(UnavailableError) as error:
        prove(node, trust_in(chain))
    assert error.value.code == "handover_not_found"
    assert prove(node, trust_in(chain, chain.height)).handovers == ()


@pytest.mark.parametrize("engine", ["quorum", "besu"])
def test_epochs_of_either_engine(engine: str) -> None:
    chain = QbftChain(epoch=5, counts_epoch_blocks=engine == "quorum")
    vote = (chain.new_key(), True)
    a, b, c, d = chain.validators
    chain.extend(2)
    for proposer in (a, b, c, d, a, b, c, d):  # blocks 3, 4 | 5, 6, ...
        if len(chain.validators) == 4:
            chain.block(vote, proposer=proposer)
    assert len(chain.validators) == 5
    assert chain.height == (7 if engine == "quorum" else 8)
    chain.extend(4)
    trust = trust_in(chain, engine=engine)
    other = trust_in(chain, engine="besu" if engine == "quorum" else "quorum")
    with running(FakeNode(alter=chain.answer)) as node:
        proof = prove(node, trust)
        assert proof.verify(trust).validators == chain.validators
    if engine == "quorum":
        assert refused(proof, other) == "handover_invalid"


def test_a_change_without_votes_cannot_be_followed(chain: QbftChain) -> None:
    """As a transition in the nodes' configuration makes it."""
    chain.sets[-1] = tuple(sorted((*chain.validators[1:], chain.new_key())))
    chain.extend(4)
    trust = trust_in(chain)
    with running(FakeNode(alter=chain.answer)) as node, pytest.raises(UnavailableError) as error:
        prove(node, trust)
    assert error.value.code == "handover_not_found"
    newer = trust_in(chain, 0, chain.height - 1)
    with running(FakeNode(alter=chain.answer)) as node:
        assert prove(node, newer).verify(newer).number == chain.height


def lie(chain: QbftChain, name: str) -> Any:
    """Return what a node answers that makes up the newest block."""
    block = chain.height
    right = chain.to_rpc("latest")
    assert right is not None
    forger = QbftChain()
    strangers = chain.branch()
    to_come = tuple(sorted((*chain.sets[block][1:], chain.new_key())))
    strangers.keys |= forger.keys
    made: bytes | None = {
        "of strangers": strangers.header(block, forger.validators),
        "sealed by strangers": strangers.header(
            block, chain.sets[block], sealers=forger.validators[:3]
        ),
        "sealed by one": chain.header(block, chain.sets[block], sealers=chain.sets[block][:1]),
        "not sealed": chain.header(block, chain.sets[block], sealers=()),
        "of validators to come": chain.header(block, to_come),
    }.get(name)
    if made is not None:
        branch = chain.branch()
        branch.headers[block] = made
        return branch.to_rpc("latest")
    changes: dict[str, Any] = {
        "with another state": right | {"stateRoot": "0x" + "66" * 32},
        "with another hash": right | {"hash": "0x" + "66" * 32},
        "of no form": right | {"extraData": "0x"},
        "with a field of a later fork": right | {"blobGasUsed": "0x1"},
        "absent": None,
    }
    return changes[name]


LIES = [
    *("of strangers", "sealed by strangers", "sealed by one", "not sealed"),
    *("of validators to come", "with another state", "with another hash", "of no form"),
    *("with a field of a later fork", "absent"),
]


@pytest.mark.parametrize("name", LIES)
def test_a_node_that_makes_up_the_newest_block(chain: QbftChain, name: str) -> None:
    trust = trust_in(chain)
    made_up = lie(chain, name)

    def answer(method: str, params: list[Any], _: Any) -> Any:
        return made_up if params[0] == "latest" else chain.answer(method, params)

    with running(FakeNode(alter=answer)) as node, pytest.raises((ProofError, UnavailableError)):
        prove(node, trust)


def test_headers_answered_in_another_order(chain: QbftChain) -> None:
    def shifted(method: str, params: list[Any], _: Any) -> Any:
        block = int(params[0], 16) if params[0] != "latest" else chain.height
        return chain.answer(method, [hex(max(0, block - (block < 20)))])

    trust = trust_in(chain)
    with running(FakeNode(alter=shifted)) as node, pytest.raises(UnavailableError) as error:
        prove(node, trust)
    assert error.value.code == "rpc_answer_malformed"


# -- the embedded chain


class Operated:
    def __init__(self) -> None:
        self.operator = SoftwareSigner.generate()
        self.world = World()
        file = self.world.trust_file(
            operators=(self.operator.public_key,), checkpoint=PinnedBlock(5, b"\5" * 32, bytes(32))
        )
        self.trust = TrustStore(file.sign([self.world.council]), self.world.catalogue, now=NOW)

    def word(self, number: int, *, chain_id: int = CHAIN_ID, signer: Any = None) -> bytes:
        block = Checkpoint(chain_id, number, b"\5" * 32, b"\6" * 32, 1_700_000_000)
        return block.sign(signer or self.operator)


def test_the_operators_word() -> None:
    found = Operated()
    proof = prove_block(
        Nodes(["http://127.0.0.1:9"]), found.trust, "latest", fetch_checkpoint=lambda: found.word(9)
    )
    assert proof.verify(found.trust) == ProvenBlock(
        9, b"\5" * 32, b"\6" * 32, 1_700_000_000, Basis.OPERATOR, (), ()
    )
    with pytest.raises(UnavailableError) as error:
        prove_block(Nodes(["http://a"]), found.trust, 8, fetch_checkpoint=lambda: found.word(9))
    assert error.value.code == "block_not_provable"


def test_words_that_prove_nothing(chain: QbftChain) -> None:
    found = Operated()
    stranger = SoftwareSigner.generate()
    cases: list[tuple[BlockProof, type[EcertError], str]] = [
        (BlockProof(None, (), None), ProofError, "block_proof_malformed"),
        (BlockProof(chain.headers[1], (), None), ProofError, "block_proof_malformed"),
        (BlockProof(chain.headers[1], (), found.word(9)), ProofError, "block_proof_malformed"),
        (BlockProof(None, (), found.word(9, chain_id=1)), ProofError, "block_proof_malformed"),
        (BlockProof(None, (), found.word(9, signer=stranger)), TrustError, "signed_by_too_few"),
        (BlockProof(None, (), b"{}"), MalformedError, "envelope_malformed"),
    ]
    for proof, kind, code in cases:
        with pytest.raises(kind) as error:
            proof.verify(found.trust)
        assert error.value.code == code
    pinned = Checkpoint(CHAIN_ID, 5, b"\7" * 32, bytes(32), 1).sign(found.operator)
    assert refused(BlockProof(None, (), pinned), found.trust) == "block_not_pinned"
