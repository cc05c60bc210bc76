"""Checks against a real network: what nodes say counts as far as the validators sealed it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import rlp

from benchmarks.chain import EXPECTATION, anchored
from benchmarks.deployment import Deployed
from benchmarks.documents import DEPARTMENT, KIND, STATUS_LIST, Document
from ecert.chain.node import Nodes
from ecert.chain.proven_reader import ProvenReader
from ecert.chain.state_proof import gather
from ecert.client.online import online_verifier
from ecert.client.registry import Registries
from ecert.errors import UnavailableError
from ecert.facts import Basis, FactSource
from ecert.report import Report, Verdict
from ecert.trust import TrustStore
from ecert.verification import Verifier
from networks.qbft.network import Network
from tests.fakes.node import FakeNode, running
from verifier.snapshot import Snapshot
from verifier.sync import sync

INDEX = 70_000
"""The document's entry in its status list."""


def no_operator() -> bytes:
    raise AssertionError("a network has none")


@dataclass
class Papers:
    """A document on a network's chain, with the trust file of whoever checks it."""

    network: Network
    deployed: Deployed
    trust: TrustStore
    document: Document
    file: bytes

    @property
    def urls(self) -> list[str]:
        return list(self.network.urls)

    def check(self, source: FactSource | None = None) -> Report:
        """Check the document, by default online as the verifier's command does."""
        verifier = (
            online_verifier(self.trust, self.urls, Registries([]))
            if source is None
            else Verifier(self.trust, source)
        )
        return verifier.verify(self.file, now=self.document.now, expect=EXPECTATION)

    def online(self, *urls: str) -> Report:
        return self.check(ProvenReader(self.trust, urls))


@pytest.fixture(scope="module")
def papers(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Papers]:
    with ExitStack() as stack:
        directory = tmp_path_factory.mktemp("papers")
        above = "11430000000000000X"
        deployed = Deployed(directory, [above, DEPARTMENT], KIND, stack, urls=network.urls)
        document = Document()
        deployed.register_key(DEPARTMENT, document.issuer.public_key)
        file = anchored(deployed, document)
        yield Papers(network, deployed, deployed.trust(), document, file)


def test_a_valid_document(papers: Papers) -> None:
    report = papers.check()
    assert (report.verdict, report.basis) == (Verdict.VALID, Basis.VALIDATORS)
    assert report.as_of is not None
    assert report.as_of >= int(papers.document.now.timestamp())


def test_every_node_proves_the_same(papers: Papers) -> None:
    for url in papers.urls:
        report = papers.online(url)
        assert (report.verdict, report.basis) == (Verdict.VALID, Basis.VALIDATORS)


def test_a_proof_that_needs_no_node(papers: Papers) -> None:
    asked = []

    class Asked:
        def facts(self, query: Any) -> Any:
            asked.append(query)
            return ProvenReader(papers.trust, papers.urls).facts(query)

    papers.check(Asked())
    (query,) = asked

    nodes = Nodes(papers.urls)
    proof = gather(nodes, papers.trust, query, fetch_checkpoint=no_operator)

    class Kept:
        def facts(self, asked: Any) -> Any:
            return proof.facts(papers.trust, asked)

    assert papers.check(Kept()).verdict is Verdict.VALID


def altered_proof(method: str, _: list[Any], truth: Any) -> Any:
    if method != "eth_getProof":
        return truth
    return truth | {"accountProof": truth["accountProof"][:-1]}


def stripped_seals(method: str, _: list[Any], truth: Any) -> Any:
    """Give a block as its validators proposed it: the hash is the same, the seals are missing."""
    if method != "eth_getBlockByNumber":
        return truth
    extra = rlp.decode(bytes.fromhex(truth["extraData"][2:]))
    extra[4] = extra[4][:1]
    return truth | {"extraData": "0x" + rlp.encode(extra).hex()}


def another_state(method: str, _: list[Any], truth: Any) -> Any:
    if method != "eth_getBlockByNumber":
        return truth
    return truth | {"stateRoot": "0x" + "11" * 32}


LIARS: dict[str, Callable[[str, list[Any], Any], Any]] = {
    "proofs cut short": altered_proof,
    "seals left out": stripped_seals,
    "another state": another_state,
}


@pytest.mark.parametrize("name", LIARS)
def test_a_lying_node_is_passed_over(papers: Papers, tmp_path: Path, name: str) -> None:
    with running(FakeNode(alter=LIARS[name], behind=papers.urls[0])) as liar:
        alone = papers.online(liar.url)
        assert (alone.verdict, alone.basis) == (Verdict.UNDECIDED, None)
        both = papers.online(liar.url, papers.urls[1])
        assert (both.verdict, both.basis) == (Verdict.VALID, Basis.VALIDATORS)
        path = tmp_path / "snapshot.db"
        with pytest.raises(UnavailableError) as caught:
            sync(path, papers.trust, [liar.url], fetch_checkpoint=no_operator)
        assert caught.value.code in ("rpc_proof_invalid", "rpc_answer_malformed")
        done = sync(path, papers.trust, [liar.url, papers.urls[1]], fetch_checkpoint=no_operator)
        assert done.basis is Basis.VALIDATORS


def test_a_snapshot_and_then_a_revocation(papers: Papers, tmp_path: Path) -> None:
    """The last of this file's tests to look at the document: it is not valid any more."""
    path = tmp_path / "snapshot.db"
    first = sync(path, papers.trust, papers.urls, fetch_checkpoint=no_operator)
    assert first.basis is Basis.VALIDATORS
    with Snapshot.open(path, papers.trust) as snapshot:
        offline = papers.check(snapshot)
        assert (offline.verdict, offline.basis) == (Verdict.VALID, Basis.VALIDATORS)
        papers.deployed.revoke(DEPARTMENT, STATUS_LIST, [INDEX])
        assert papers.check().verdict is Verdict.REVOKED
        assert papers.check(snapshot).verdict is Verdict.VALID, "as of then"
        second = sync(path, papers.trust, papers.urls, fetch_checkpoint=no_operator)
        assert (second.before, second.events) == (first.block, 1)
        assert papers.check(snapshot).verdict is Verdict.REVOKED
        assert second.time <= datetime.now(UTC).timestamp()
