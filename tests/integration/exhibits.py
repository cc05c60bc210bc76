"""Evidence packages of each sort, examined, for tests of reports on them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ecert import card as cards
from ecert import sd_jwt
from ecert.document import DocumentFile
from ecert.evidence import check_evidence, make_evidence
from ecert.trust import TrustStore
from networks.embedded import EmbeddedChain
from registry.documents.models import ArtefactForm
from tests.fakes.timestamp_authority import Authority
from tests.integration.evidence_world import (
    CATALOGUE,
    EvidenceWorld,
    altered,
    evidence_world,
    with_proof,
)
from verifier.evidence.report.exhibit import Exhibit, NamedFile


@dataclass
class Exhibits:
    """Packages of each sort, as they are examined."""

    valid: Exhibit
    stamped: Exhibit
    operator: Exhibit
    handed_over: Exhibit
    undecided: Exhibit
    revoked: Exhibit
    unreadable: Exhibit
    name_only: Exhibit
    card: Exhibit


def examined(data: bytes, trust: TrustStore, at: str | None = None) -> Exhibit:
    asked = None if at is None else datetime.fromisoformat(at)
    now = asked or datetime.now(UTC)
    report = check_evidence(data, trust.data, CATALOGUE, now=now, at=asked)
    package = NamedFile("deed.ecert-evidence", data)
    return Exhibit(package, NamedFile("trust.json", trust.data), report, at, now, CATALOGUE)


def name_only(world: EvidenceWorld, trust: TrustStore) -> bytes:
    file = DocumentFile.from_bytes(world.document())
    shown = replace(
        file, presentation=sd_jwt.present(file.presentation, ["name"], holder=None)
    ).to_bytes()
    now = datetime.now(UTC)
    return make_evidence(shown, trust, lambda query: world.prove(trust, query), now=now)[0]


def card(world: EvidenceWorld, trust: TrustStore) -> bytes:
    found = world.world.artefacts(world.documents[0])
    (artefact,) = (item for item in found if item.form == ArtefactForm.CARD)
    with world.world.registry.reading() as services:
        receipt = services.batches.receipts([artefact])[artefact.id]
    text = cards.with_receipt(artefact.text, receipt.compact()).encode("ascii")
    now = datetime.now(UTC)
    return make_evidence(text, trust, lambda query: world.prove(trust, query), now=now)[0]


@contextmanager
def exhibits(folder: Path, chain: EmbeddedChain) -> Iterator[Exhibits]:
    """Make packages, and examine them."""
    with evidence_world(folder, chain) as world:
        authority = Authority()
        trust = world.trust(timestamp_authorities=(authority.root_der,))
        data, report = world.made(trust)
        token = authority.token(report.block.hash)
        stamped = altered(data, lambda evidence: with_proof(evidence, timestamp=token))
        late = (datetime.now(UTC) + timedelta(days=400)).isoformat(timespec="seconds")
        operators = world.operators_trust()
        few, small = name_only(world, trust), card(world, trust)
        with world.world.registry.transaction() as services:
            services.statuses.revoke(world.world.approver, world.documents[3], "test")
        world.world.worker.drain(seconds=60)
        revoked, _ = world.made(trust, 3)
        world.network.change_validators((world.network.chain.new_key(), True))
        yield Exhibits(
            valid=examined(data, trust),
            stamped=examined(stamped, trust),
            operator=examined(world.made(operators)[0], operators),
            handed_over=examined(world.made(trust)[0], trust),
            undecided=examined(data, trust, late),
            revoked=examined(revoked, trust),
            unreadable=examined(altered(data, lambda e: replace(e, document=b"none")), trust),
            name_only=examined(few, trust),
            card=examined(small, trust),
        )
