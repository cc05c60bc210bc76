"""Packages whose block is not the network's: sealed by others, by those who left, elsewhere."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
import rlp

from ecert.errors import EcertError
from ecert.evidence import Evidence
from ecert.facts import Basis
from ecert.report import Outcome, Verdict
from ecert.trust import TrustStore
from networks.embedded import EmbeddedChain
from tests.fakes.qbft_chain import QbftChain
from tests.fakes.sealing_node import STATE_ROOT, TIME
from tests.integration.evidence_world import (
    EvidenceWorld,
    altered,
    check,
    evidence_world,
    with_proof,
)


@pytest.fixture
def world(
    chain: EmbeddedChain, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EvidenceWorld]:
    with evidence_world(tmp_path_factory.mktemp("evidence"), chain) as made:
        yield made


def test_seals_of_strangers(world: EvidenceWorld) -> None:
    data, _ = world.made(world.trust())
    strangers = [world.network.chain.new_key() for _ in range(4)]
    refused(with_header(world, data, sealers=strangers), world.trust(), "seal_of_stranger")
    named = with_header(world, data, sealers=strangers, validators=sorted(strangers))
    refused(named, world.trust(), "validators_differ")


def test_a_set_that_changed_is_followed_and_the_past_one_refused(world: EvidenceWorld) -> None:
    network = world.network
    before = network.chain.validators
    network.change_validators((network.chain.new_key(), True))
    trust = world.trust()
    data, report = world.made(trust)
    assert (report.verdict, report.report.basis) == (Verdict.VALID, Basis.VALIDATORS)
    assert (report.handovers, len(report.block.validators)) == (1, 5)
    past = with_header(world, data, sealers=before, validators=before)
    refused(past, trust, "validators_differ")
    # Without the handover the past set's block stands: it is what the trust file's set sealed. That
    # the network went on is seen by whoever has a checkpoint of it.
    unled = without_handovers(past)
    assert check(unled, trust).verdict is Verdict.VALID
    later = network.pinned(report.block.number)
    rotated = world.trust(checkpoint=later, history=(trust.file.checkpoint,))
    refused(unled, rotated, "block_not_pinned")
    lost = without_handovers(data)
    refused(lost, trust, "validators_differ")


def test_history_rewritten_by_those_who_left(world: EvidenceWorld) -> None:
    network = world.network
    founders = network.chain.validators
    first = world.trust()
    data, report = world.made(first)
    for founder in founders[:3]:
        network.change_validators((network.chain.new_key(), True))
        network.change_validators((founder, False))
    network.world.rpc.call("evm_mine")
    newest = network.pinned(network.seal())
    rotated = world.trust(version=2, checkpoint=newest, history=(first.file.checkpoint,))
    # The founders' keys make another past, at the same height and at a later one.
    for number in (report.block.number, newest.number - 1):
        forged = with_header(
            world, data, sealers=founders, validators=founders, number=number, root=b"\x66" * 32
        )
        refused(forged, rotated, "validators_retired")
    for number in (newest.number, newest.number + 1):
        forged = with_header(world, data, sealers=founders, validators=founders, number=number)
        refused(forged, rotated, "block_not_pinned", "validators_differ")
    # So is what they sealed in their time; the trust file of that time proves it, and so does a
    # package that is made anew.
    refused(data, rotated, "validators_retired")
    assert check(data, first).verdict is Verdict.VALID
    again, _ = world.made(rotated)
    assert check(again, rotated).verdict is Verdict.VALID


def test_a_package_of_another_network(world: EvidenceWorld) -> None:
    trust = world.trust()
    data, _ = world.made(trust)
    world.network.chain = QbftChain()
    world.network.__post_init__()
    other = world.trust()
    foreign, _ = world.made(other)
    assert check(foreign, other).verdict is Verdict.VALID
    refused(foreign, trust, "validators_differ")
    refused(data, other, "validators_differ")


def test_another_contract_or_other_code(world: EvidenceWorld) -> None:
    trust = world.trust()
    data, _ = world.made(trust)
    contracts = dict(trust.file.contracts)
    moved = replace(contracts["anchors"], address=contracts["statuses"].address)
    refused(data, world.trust(contracts=contracts | {"anchors": moved}), "evidence_other_registry")
    patched = replace(contracts["anchors"], code_hash=b"\x01" * 32)
    refused(data, world.trust(contracts=contracts | {"anchors": patched}), "contract_code_differs")


def test_the_same_validators_on_another_chain(world: EvidenceWorld) -> None:
    """Headers name no chain: the receipt does, and the contracts' heads and addresses differ."""
    data, _ = world.made(world.trust())
    report = check(data, world.trust(chain_id=7))
    assert report.verdict is not Verdict.VALID
    assert report.report.steps[2].outcome is Outcome.FAILED


def without_handovers(data: bytes) -> bytes:
    block = Evidence.decode(data).proof.state.block
    return altered(data, lambda e: with_proof(e, block=replace(block, handovers=())))


def with_header(
    world: EvidenceWorld,
    data: bytes,
    *,
    sealers: Sequence[bytes],
    validators: Sequence[bytes] | None = None,
    number: int | None = None,
    root: bytes | None = None,
) -> bytes:
    """Return a package whose block is made anew by whoever has these keys."""
    chain = world.network.chain
    block = Evidence.decode(data).proof.state.block
    assert block.header is not None
    real = rlp.decode(block.header)
    at = int.from_bytes(real[8]) if number is None else number
    header = chain.header(
        at,
        chain.sets[at] if validators is None else validators,
        sealers=sealers,
        items={STATE_ROOT: root or real[STATE_ROOT], TIME: real[TIME]},
    )
    return altered(data, lambda e: with_proof(e, block=replace(block, header=header)))


def refused(data: bytes, trust: TrustStore, *codes: str) -> None:
    with pytest.raises(EcertError) as caught:
        check(data, trust)
    assert caught.value.code in codes, (caught.value.code, caught.value.details)
