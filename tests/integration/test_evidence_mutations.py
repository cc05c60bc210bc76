"""Damaged and forged packages: none verifies with changed content."""

from dataclasses import replace

import pytest

from ecert.cbor import cbor_encode
from ecert.errors import EcertError, MalformedError
from ecert.evidence import Evidence
from ecert.limits import MAX_EVIDENCE_BYTES
from ecert.report import Verdict
from ecert.trust import TrustStore
from tests.fakes.timestamp_authority import Authority
from tests.integration.evidence_world import (  # noqa: F401  # one is a fixture
    EvidenceWorld,
    check,
    reseal,
    world,
)
from tests.integration.mutations import flip_and_reseal, flip_anywhere, flip_statement

COPIES = 200


@pytest.fixture(scope="module")
def stamped(world: EvidenceWorld) -> tuple[bytes, TrustStore]:
    """A package with all parts there are, a timestamp among them."""
    authority = Authority()
    trust = world.trust(timestamp_authorities=(authority.root_der,))
    data, report = world.made(trust)
    whole = Evidence.decode(data)
    proof = replace(whole.proof, timestamp=authority.token(report.block.hash))
    data = replace(whole, proof=proof).encode()
    assert check(data, trust).timestamp is not None
    return data, trust


def test_flipped_bits_anywhere(stamped: tuple[bytes, TrustStore]) -> None:
    outcome = flip_anywhere(*stamped, COPIES, seed=1)
    assert (outcome.copies, outcome.changed, outcome.same) == (COPIES, [], 0), outcome


def test_flipped_bits_with_a_manifest_that_agrees(stamped: tuple[bytes, TrustStore]) -> None:
    outcome = flip_and_reseal(*stamped, COPIES, seed=2)
    assert (outcome.copies, outcome.changed) == (COPIES, []), outcome
    assert outcome.refused.total() > COPIES // 2


def test_flipped_bits_in_what_it_says_of_itself(stamped: tuple[bytes, TrustStore]) -> None:
    outcome = flip_statement(*stamped, COPIES, seed=5)
    assert outcome.refused.total() == COPIES, outcome
    assert outcome.refused["evidence_statement_differs"] > COPIES // 3


def test_on_an_embedded_chain_too(world: EvidenceWorld) -> None:
    trust = world.operators_trust()
    data, _ = world.made(trust)
    assert flip_anywhere(data, trust, COPIES, seed=3).changed == []
    assert flip_and_reseal(data, trust, COPIES, seed=4).changed == []
    assert flip_statement(data, trust, COPIES, seed=6).refused.total() == COPIES


def test_cut_and_prolonged(stamped: tuple[bytes, TrustStore]) -> None:
    data, trust = stamped
    for length in (0, 1, 10, len(data) // 2, len(data) - 1):
        unreadable(data[:length], trust)
    unreadable(data + b"\0", trust)
    unreadable(bytes(MAX_EVIDENCE_BYTES + 1), trust)


def test_other_forms(stamped: tuple[bytes, TrustStore]) -> None:
    data, trust = stamped
    whole = Evidence.decode(data)
    document, proof = whole.document, whole.proof.encode()
    for content in (
        {4: []},
        {4: [b"x"], 6: b""},
        {4: [[b"x"]]},
        {1: b"", 4: []},
        {1: bytes(5000), 4: []},
        {2: [], 4: []},
        {2: [[b"x", b"y"]], 4: []},
        {2: [[[b"x"] * 40, b"y"]] * 2000, 4: []},
        {4: [], 5: b""},
        [],
        7,
    ):
        refused_somehow(reseal(document, cbor_encode(content)), trust)
    for other in (b"", b"\xff", b"{}", b"[" * 1000, document[:-1], b"EC1:"):
        refused_somehow(reseal(other, proof), trust)
    deep = b"\x81" * 10_000 + b"\x80"
    unreadable(deep, trust)
    unreadable(reseal(document, deep), trust)
    unreadable(reseal(document, proof, version=0), trust)
    unreadable(reseal(document, proof, statement=""), trust)
    assert check(reseal(document, proof), trust).verdict is Verdict.VALID


def unreadable(data: bytes, trust: TrustStore) -> None:
    with pytest.raises(MalformedError):
        check(data, trust)


def refused_somehow(data: bytes, trust: TrustStore) -> None:
    try:
        report = check(data, trust)
    except EcertError:
        return
    assert report.verdict.exit_code != 0
