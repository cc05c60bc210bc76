"""Evidence from a real network: its headers and proofs, before and after its validators changed."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.chain import anchored
from benchmarks.deployment import Deployed
from benchmarks.documents import DEPARTMENT, KIND, Document
from ecert.chain.node import Nodes
from ecert.chain.state_proof import gather
from ecert.evidence import ChainProof, EvidenceReport, make_evidence
from ecert.facts import Basis, Query
from ecert.fields import hex_text
from ecert.report import Verdict
from ecert.trust import TrustStore
from networks.qbft.membership import add_node, add_validator
from networks.qbft.network import Network
from registry.api.schemas.chain import BlockPage
from registry.explorer.blocks import activity, newest_blocks, sealed
from tests.integration.evidence_world import check
from tests.integration.mutations import flip_and_reseal
from tests.network.network_world import goes_on
from tests.network.test_proven_answers import no_operator

LIMIT = 64 * 1024


@dataclass
class Deed:
    """A document on a network's chain."""

    network: Network
    trust: TrustStore
    file: bytes

    @property
    def nodes(self) -> Nodes:
        return Nodes(list(self.network.urls))

    def evidence(self) -> tuple[bytes, EvidenceReport]:
        def prove(query: Query) -> ChainProof:
            state = gather(self.nodes, self.trust, query, fetch_checkpoint=no_operator)
            return ChainProof(state, None)

        return make_evidence(self.file, self.trust, prove, now=datetime.now(UTC))


@pytest.fixture(scope="module")
def deed(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deed]:
    with ExitStack() as stack:
        directory = tmp_path_factory.mktemp("deed")
        deployed = Deployed(
            directory, ["11430000000000000X", DEPARTMENT], KIND, stack, urls=network.urls
        )
        document = Document()
        deployed.register_key(DEPARTMENT, document.issuer.public_key)
        yield Deed(network, deployed.trust(), anchored(deployed, document))


def test_a_package_from_the_network(deed: Deed) -> None:
    data, _ = deed.evidence()
    report = check(data, deed.trust)
    assert (report.verdict, report.report.basis) == (Verdict.VALID, Basis.VALIDATORS)
    assert len(data) < LIMIT
    assert len(report.block.sealers) >= 3
    assert set(report.block.sealers) <= set(report.block.validators)
    assert report.block.hash == deed.nodes.header(report.block.number).hash
    outcome = flip_and_reseal(data, deed.trust, 100, seed=5)
    assert outcome.changed == [], outcome


def test_what_pages_are_shown_of_the_network(deed: Deed) -> None:
    newest = deed.nodes.header("latest").number
    blocks = newest_blocks(deed.nodes, newest, 20, sealed=True)
    assert [block.header.number for block in blocks] == list(range(newest, newest - 20, -1))
    page = BlockPage.of(blocks, 19)
    assert (len(page.blocks), page.next) == (19, newest - 18)
    assert all(block.seconds is not None for block in page.blocks)
    for block in blocks:
        by = sealed(block)
        assert by is not None
        assert by.proposer in by.validators
        assert len(set(by.sealers) & set(by.validators)) >= 3
    found = activity(blocks)
    assert {one.address for one in found} == set(deed.network.nodes[0].validators())
    assert sum(one.proposed for one in found) == 20
    first = deed.nodes.blocks([0], sealed=True)
    assert (sealed(first[0]), activity(first)) == (None, [])


def test_a_package_after_a_validator_joined(deed: Deed, tmp_path: Path) -> None:
    before, earlier = deed.evidence()
    node = add_node(deed.network)
    add_validator(deed.network, node.name)
    goes_on(deed.network, deed.network.nodes, more=2)  # the next block is the first of five
    data, report = deed.evidence()
    assert (report.verdict, report.handovers) == (Verdict.VALID, 1)
    assert len(report.block.validators) == 5
    assert node.entry.validator in report.block.validators
    assert len(report.block.sealers) >= 4
    assert [
        {one.address for one in activity(newest_blocks(deed.nodes, at, 3, sealed=True))}
        for at in (earlier.block.number, report.block.number)
    ] == [set(earlier.block.validators), set(report.block.validators)]
    assert len(data) < LIMIT
    for package in (before, data):
        path = tmp_path / "deed"
        path.write_bytes(package)
        assert check(path.read_bytes(), deed.trust).verdict is Verdict.VALID
    assert hex_text(node.entry.validator) in report.to_json()["block"]["validators"]
