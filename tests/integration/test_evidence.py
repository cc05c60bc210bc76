"""Evidence packages prove documents, and nothing that is not so."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ecert.chain import qbft
from ecert.chain.header import BlockHeader
from ecert.document import DocumentFile
from ecert.errors import ProofError, TrustError, UnavailableError
from ecert.evidence import Evidence
from ecert.facts import Basis
from ecert.report import Verdict
from ecert.signing import SoftwareSigner
from ecert.steps import CLOCK_SKEW_SECONDS
from ecert.trust import TrustStore
from tests.integration.evidence_world import (  # noqa: F401  # one is a fixture
    EvidenceWorld,
    altered,
    check,
    with_proof,
    world,
)
from tests.integration.exhibits import card

LIMIT = 64 * 1024
Seals = tuple[bytes, ...]


def test_a_network_proves_a_document(world: EvidenceWorld) -> None:
    trust = world.trust()
    data, made = world.made(trust)
    report = check(data, trust)
    assert report == made
    assert (report.verdict, report.report.basis) == (Verdict.VALID, Basis.VALIDATORS)
    assert len(data) < LIMIT
    assert len(report.block.sealers) >= qbft.quorum(len(report.block.validators))
    assert report.facts is not None
    assert report.facts.anchor is not None
    assert report.proves
    assert report.report.steps[8].code == "evidence_holder_unknown"  # nobody waived anything
    assert {"evidence_rests_validators", "evidence_time_validators"} <= set(report.limits)


def test_an_embedded_chain_is_one_operators_word(world: EvidenceWorld) -> None:
    trust = world.operators_trust()
    data, _ = world.made(trust)
    report = check(data, trust)
    assert (report.verdict, report.report.basis) == (Verdict.VALID, Basis.OPERATOR)
    assert (report.block.validators, report.block.sealers) == ((), ())
    assert "evidence_rests_operator" in report.limits


def test_what_was_withdrawn_is_proved_as_well(world: EvidenceWorld) -> None:
    trust = world.trust()
    before, _ = world.made(trust, 3)
    with world.world.registry.transaction() as services:
        services.statuses.revoke(world.world.approver, world.documents[3], "test")
    world.world.worker.drain(seconds=60)
    after, report = world.made(trust, 3)
    assert report.verdict is Verdict.REVOKED
    assert report.proves == ()
    assert check(after, trust).verdict is Verdict.REVOKED
    # What was proved of an earlier block stays proved of that block.
    assert check(before, trust).verdict is Verdict.VALID


def test_an_old_status_does_not_answer_for_a_later_date(world: EvidenceWorld) -> None:
    trust = world.trust()
    data, report = world.made(trust)
    made = datetime.fromtimestamp(report.block.time, UTC)
    oldest = timedelta(seconds=_max_age(world))
    still = made + oldest
    just = check(data, trust, at=still, now=still)
    assert just.verdict is Verdict.VALID
    assert "evidence_proves_not_between" in just.limits
    after = still + timedelta(seconds=2)
    late = check(data, trust, at=after, now=after)
    assert late.verdict is Verdict.UNDECIDED
    assert late.report.steps[6].code == "evidence_too_old"
    for language in ("zh", "en"):
        told = late.report.headline(language), late.report.steps[6].message(language)
        for sentence in told:  # what a verifier online is told helps nobody here
            assert ("新的证据包" if language == "zh" else "new package") in sentence
            assert "Renew" not in sentence
    assert "evidence_proves_status" not in late.proves


def test_it_does_not_answer_for_what_came_before(world: EvidenceWorld) -> None:
    trust = world.trust()
    data, report = world.made(trust)
    earlier = datetime.fromtimestamp(report.block.time, UTC) - timedelta(hours=1)
    refused(data, world, "evidence_of_later", at=earlier)
    refused(data, world, "evidence_from_the_future", now=earlier)


def test_it_does_not_answer_for_what_is_to_come(world: EvidenceWorld) -> None:
    """A package knows nothing after its block; it must not be made to say so of tomorrow."""
    trust = world.trust()
    data, _ = world.made(trust)
    now = datetime.now(UTC)
    skew = timedelta(seconds=CLOCK_SKEW_SECONDS)
    assert check(data, trust, at=now + skew, now=now).verdict is Verdict.VALID
    later = now + skew + timedelta(seconds=1)
    refused(data, world, "evidence_asked_of_future", at=later, now=now)
    refused(data, world, "evidence_asked_of_future", at=datetime.max.replace(tzinfo=UTC), now=now)


def test_clocks_at_the_end_of_all_years(world: EvidenceWorld) -> None:
    trust = world.trust()
    data, _ = world.made(trust)
    last, first = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
    assert check(data, trust, now=last).verdict is Verdict.VALID
    refused(data, world, "evidence_from_the_future", now=first)
    refused(data, world, "evidence_of_later", at=first)


def test_a_trust_file_that_expired_since_takes_nothing_away(world: EvidenceWorld) -> None:
    trust = world.trust()
    data, report = world.made(trust)
    years = datetime.fromtimestamp(report.block.time, UTC) + timedelta(days=3650)
    assert check(data, trust, now=years).verdict is Verdict.VALID
    expired = world.trust(expires=report.block.time + 86_400)
    assert check(data, expired, now=years).verdict is Verdict.VALID
    for end, code, at in (
        (report.block.time + 1, "evidence_asked_after_trust", years),
        (report.block.time, "evidence_trust_expired_before_block", None),
    ):
        with pytest.raises(UnavailableError) as caught:
            check(data, world.trust(expires=end), at=at, now=years)
        assert caught.value.code == code


def test_it_needs_this_chains_trust_file(world: EvidenceWorld) -> None:
    data, _ = world.made(world.trust())
    strangers = replace(
        world.trust().file.checkpoint, validators=(b"\x01" * 20, b"\x02" * 20, b"\x03" * 20)
    )
    with pytest.raises(ProofError) as caught:
        check(data, world.trust(checkpoint=strangers))
    assert caught.value.code in ("validators_differ", "handover_invalid")
    # A trust file of another engine's chain is not this one's, whichever way round.
    refused(data, world, "evidence_other_registry", by=world.operators_trust())
    operators, _ = world.made(world.operators_trust())
    refused(operators, world, "evidence_other_registry")


def test_another_registrys_trust_file_decides_nothing(world: EvidenceWorld) -> None:
    """Its contracts are others, be it on the same chain: that is no word against the package."""
    known = world.trust().file.contracts
    contracts = {
        name: replace(contract, address=bytes([number]) * 20)
        for number, (name, contract) in enumerate(known.items(), 1)
    }
    others = (SoftwareSigner.generate().public_key,)
    for trust, strange in (
        (world.trust(), world.trust(contracts=contracts)),
        (world.operators_trust(), world.operators_trust(contracts=contracts)),
        (world.operators_trust(), world.operators_trust(contracts=contracts, operators=others)),
    ):
        for data in (world.made(trust)[0], card(world, trust)):
            assert check(data, trust).verdict is Verdict.VALID
            refused(data, world, "evidence_other_registry", by=strange)
    data, _ = world.made(world.operators_trust())
    with pytest.raises(TrustError) as caught:  # of this registry, and nobody's word
        check(data, world.operators_trust(operators=others))
    assert caught.value.code == "signed_by_too_few"


def test_a_forged_package_is_not_believed_for_looking_like_anothers(world: EvidenceWorld) -> None:
    """Whoever forges it may name another chain: then it is undecided, and never valid."""
    trust = world.trust()
    data, _ = world.made(trust)
    file = DocumentFile.from_bytes(Evidence.decode(data).document)
    assert file.receipt is not None
    elsewhere = replace(file, receipt=replace(file.receipt, chain_id=7)).to_bytes()
    named = altered(data, lambda e: replace(e, document=elsewhere))
    assert check(named, trust).verdict is Verdict.RECEIPT_FALSE  # what it proves is of this chain
    unsealed = sealed_by(named, lambda seals: seals[:1])
    refused(unsealed, world, "evidence_other_registry")
    refused(sealed_by(data, lambda seals: seals[:1]), world, "seals_too_few")


def test_a_proof_of_another_document_is_no_proof(world: EvidenceWorld) -> None:
    trust = world.trust()
    data, _ = world.made(trust, 0)
    other, _ = world.made(trust, 4)  # of one batch, they may have all words in common
    mixed = replace(Evidence.decode(data), proof=Evidence.decode(other).proof).encode()
    refused(mixed, world, "state_proof_invalid")


def test_nodes_left_out_or_brought_along_are_noticed(world: EvidenceWorld) -> None:
    data, _ = world.made(world.trust())
    nodes = Evidence.decode(data).proof.state.nodes
    for changed in (nodes[1:], (*nodes, b"\xc0" * 40), (*nodes, nodes[0])):
        refused(
            altered(data, lambda e, n=changed: with_proof(e, nodes=n)),  # type: ignore[misc]
            world,
            "state_proof_invalid",
        )


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_too_few_seals(world: EvidenceWorld, kept: int) -> None:
    data, _ = world.made(world.trust())
    refused(sealed_by(data, lambda seals: seals[:kept]), world, "seals_too_few")


def test_one_validator_twice(world: EvidenceWorld) -> None:
    data, _ = world.made(world.trust())
    changed = sealed_by(data, lambda seals: (*seals[:-1], seals[0]))
    refused(changed, world, "seal_doubled")


def sealed_by(data: bytes, change: Callable[[Seals], Iterable[bytes]]) -> bytes:
    block = Evidence.decode(data).proof.state.block
    assert block.header is not None
    header = BlockHeader.decode(block.header)
    extra = qbft.Extra.decode(header.extra)
    encoded = header.with_extra(replace(extra, seals=tuple(change(extra.seals))).encode())
    return altered(data, lambda e: with_proof(e, block=replace(block, header=encoded)))


def refused(
    data: bytes, world: EvidenceWorld, code: str, by: TrustStore | None = None, **asked: object
) -> None:
    with pytest.raises((ProofError, UnavailableError)) as caught:
        check(data, by or world.trust(), **asked)
    assert caught.value.code == code, caught.value.details


def _max_age(world: EvidenceWorld) -> int:
    return world.world.registry.context.catalogue.kind("resident-id").max_status_age
