"""Evidence of a real registry's documents, from its embedded chain and a network over its state."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from ecert.cbor import cbor_encode
from ecert.chain.node import Nodes
from ecert.chain.state_proof import gather
from ecert.errors import EcertError
from ecert.evidence import ChainProof, Evidence, EvidenceReport, check_evidence, make_evidence
from ecert.evidence import package as packages
from ecert.facts import Query
from ecert.kinds import Catalogue
from ecert.signing import SoftwareSigner
from ecert.trust import TrustFile, TrustStore
from networks.embedded import EmbeddedChain
from networks.rpc import LoopbackRpc
from registry.documents.delivery import document_file
from registry.trust import describe_trust
from tests.fakes.sealing_node import Lie, Network
from tests.integration.registry_world import RegistryWorld

CATALOGUE = Catalogue.load()
BEGINNING = datetime.fromtimestamp(0, UTC)


@dataclass
class SealedWorld:
    """What ``Network`` asks of a world: its node, its blocks, its trust file."""

    registry: RegistryWorld

    @property
    def chain(self) -> EmbeddedChain:
        return self.registry.chain

    @cached_property
    def rpc(self) -> LoopbackRpc:
        return LoopbackRpc(self.chain.rpc_url)

    def block(self, number: str = "latest") -> dict[str, Any]:
        return dict(self.rpc.call("eth_getBlockByNumber", number, False))

    def trust_file(self) -> TrustFile:
        with self.registry.registry.reading() as services:
            return describe_trust(services, version=1, lifetime=20 * 365 * 86_400)


@dataclass
class EvidenceWorld:
    """Documents, and two ways to prove them."""

    world: RegistryWorld
    network: Network
    council: SoftwareSigner
    documents: list[str]

    def document(self, position: int = 0) -> bytes:
        with self.world.registry.transaction() as services:
            return document_file(services, self.world.clerk, self.documents[position], "face")

    def trust(self, **changes: object) -> TrustStore:
        """Return the network's trust file."""
        file = self.network.trust_file(**changes)
        signed = replace(file, council=(self.council.public_key,), threshold=1)
        return TrustStore(signed.sign([self.council]), CATALOGUE, now=BEGINNING)

    def operators_trust(self, **changes: object) -> TrustStore:
        """Return the embedded chain's trust file."""
        file = SealedWorld(self.world).trust_file()
        signed = replace(file, council=(self.council.public_key,), threshold=1, **changes)  # type: ignore[arg-type]
        return TrustStore(signed.sign([self.council]), CATALOGUE, now=datetime.now(UTC))

    def prove(self, trust: TrustStore, query: Query, lie: Lie | None = None) -> ChainProof:
        if trust.file.engine == "anvil":
            nodes = Nodes([self.world.chain.rpc_url])
            return ChainProof(gather(nodes, trust, query, fetch_checkpoint=self._checkpoint), None)
        with self.network.node(lie) as node:
            state = gather(Nodes([node.url]), trust, query, fetch_checkpoint=self._checkpoint)
        return ChainProof(state, None)

    def made(self, trust: TrustStore, position: int = 0) -> tuple[bytes, EvidenceReport]:
        return make_evidence(
            self.document(position),
            trust,
            lambda query: self.prove(trust, query),
            now=datetime.now(UTC),
        )

    def _checkpoint(self) -> bytes:
        with self.world.registry.reading() as services:
            return services.outbox.checkpoint().signed


@contextmanager
def evidence_world(directory: Path, chain: EmbeddedChain) -> Iterator[EvidenceWorld]:
    world = RegistryWorld.make(directory, chain)
    try:
        world.worker.drain(seconds=60)
        jobs = [world.issue(4), world.issue(1, seed=5)]  # two batches
        documents = [row.id for job in jobs for row in world.documents(job)]
        network = Network(SealedWorld(world))  # type: ignore[arg-type]  # all that it asks of one
        yield EvidenceWorld(world, network, SoftwareSigner.generate(), documents)
    finally:
        world.registry.close()


@pytest.fixture(scope="module")
def world(
    chain: EmbeddedChain, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EvidenceWorld]:
    """One for all tests of a module, which leave it as it is."""
    with evidence_world(tmp_path_factory.mktemp("evidence"), chain) as made:
        yield made


def check(data: bytes, trust: TrustStore, **asked: Any) -> EvidenceReport:
    return check_evidence(data, trust.data, CATALOGUE, **({"now": datetime.now(UTC)} | asked))


def altered(data: bytes, change: Callable[[Evidence], Evidence]) -> bytes:
    """Return a package with other content and a manifest that agrees with it."""
    return change(Evidence.decode(data)).encode()


def with_proof(evidence: Evidence, **changes: Any) -> Evidence:
    """Return a package with other parts of the proof: ``block``, ``nodes``, ``timestamp``."""
    proof = evidence.proof
    stamp = changes.pop("timestamp", proof.timestamp)
    state = replace(proof.state, **changes)
    return replace(evidence, proof=replace(proof, state=state, timestamp=stamp))


def reseal(document: bytes, proof: bytes, version: int = 1, statement: object = None) -> bytes:
    """Return a package of any bytes whose manifest and statement agree with them."""
    if statement is None:
        try:
            statement = ChainProof.decode(proof).statement
        except EcertError:
            statement = ""  # there is none that agrees
    manifest = packages._manifest(document, proof)
    members = (packages.FORMAT, statement, document, proof, version, manifest)
    return cbor_encode(dict(enumerate(members, 1)))


def flipped(data: bytes, positions: Sequence[int], bit: int) -> bytes:
    out = bytearray(data)
    for position in positions:
        out[position] ^= 1 << bit
    return bytes(out)
