"""A whole registry on a real chain: what the pipeline's tests share."""

import csv
import importlib.util
import io
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from ecert import card as cards
from ecert.artefact import Expectation
from ecert.chain.finality import FinalWhenSigned
from ecert.chain.reader import ChainReader
from ecert.document import DocumentFile
from ecert.keystore import Cost
from ecert.receipt import CompactReceipt
from ecert.report import Verdict
from ecert.signing import ES256, Suite
from ecert.trust import TrustStore
from ecert.verification import Verifier
from networks.embedded import EmbeddedChain
from registry.access.actor import Actor
from registry.access.models import Role
from registry.application import Registry
from registry.clock import day_in_china, unix_now
from registry.documents.importing import read_import
from registry.documents.models import Artefact, ArtefactForm, DocumentRecord, ImportJob
from registry.outbox.sight import EmbeddedSettlement
from registry.outbox.worker import Worker
from registry.settings import Settings
from registry.setup import set_up
from registry.timekeeping import ClockWatch
from registry.trust import issue_trust

PASSPHRASE = "correct horse battery staple"
QUICK = Cost(log_n=4)
DEPARTMENT = "11430000006122244L"
KINDS = (
    "resident-id", "no-criminal-record", "drivers-licence", "student-record", "business-licence",
)  # fmt: skip


def settings_for(directory: Path, **values: object) -> Settings:
    return Settings(
        directory=directory,
        origin="https://registry.example",
        passphrase=PASSPHRASE,
        **({"batch_seconds": 0, "council_delay": 0} | values),
    )


@dataclass
class RegistryWorld:
    """A registry with one department, its officers, and a worker."""

    registry: Registry
    chain: EmbeddedChain
    worker: Worker
    operator: Actor
    clerk: Actor
    approver: Actor

    @classmethod
    def make(
        cls, directory: Path, chain: EmbeddedChain, url: str | None = None, **values: object
    ) -> "RegistryWorld":
        clock = values.pop("clock", unix_now)
        # A test that moves the clock without a watch of its own lets time pass by it.
        lenient = ClockWatch() if clock is unix_now else ClockWatch(tolerance=1 << 32)
        watch = values.pop("watch", lenient)
        settings = settings_for(directory, database_url=url, **values)
        made = set_up(
            settings,
            [chain.rpc_url],
            EmbeddedSettlement(chain),
            chain_id=chain.chain_id,
            engine="anvil",
            cost=QUICK,
            clock=clock,
            watch=watch,
        )
        registry = made.registry
        with registry.transaction() as services:
            operator = services.officers.actor(made.operator)
        world = cls(registry, chain, Worker.embedded(registry, chain), operator, operator, operator)
        world.admit(operator, DEPARTMENT)
        world.clerk = world.officer(Role.CLERK)
        world.approver = world.officer(Role.APPROVER)
        return world

    def officer(self, *roles: Role, department: str | None = DEPARTMENT) -> Actor:
        with self.registry.transaction() as services:
            officer, _ = services.officers.add(
                self.operator, department=department, label="test", roles=roles
            )
            return services.officers.actor(officer.id)

    def admit(
        self, actor: Actor, code: str, *, parent: str | None = None, suite: Suite = ES256
    ) -> None:
        with self.registry.transaction() as services:
            services.departments.admit(
                actor,
                code=code,
                name=f"Office {code}",
                kind="PS",
                kinds=PS_KINDS,
                parent=parent,
                suite=suite,
            )

    def import_rows(self, rows: int, kind: str = "resident-id", *, seed: int = 1) -> ImportJob:
        data = table(kind, rows, seed=seed)
        registry = self.registry
        result = read_import(
            registry.context.catalogue, kind, "rows.csv", data, now=registry.context.clock()
        )
        with registry.transaction() as services:
            return services.imports.keep(
                self.clerk, department=DEPARTMENT, kind=kind, filename="rows.csv", result=result
            )

    def approve(self, job: ImportJob) -> int:
        with self.registry.transaction() as services:
            return services.documents.approve_import(self.approver, job.id)

    def verifier(self, *, ahead: int = 0) -> Verifier:
        """An independent check: the chain's node, the trust file, nothing of the registry.

        ``ahead`` is how many seconds later the verifier's own clock says it is.
        """
        with self.registry.reading() as services:
            trust = TrustStore(
                issue_trust(services), self.registry.context.catalogue, now=datetime.now(UTC)
            )
        finality = FinalWhenSigned(trust, self._checkpoint)
        urls, clock = [self.chain.rpc_url], lambda: time.time() + ahead
        return Verifier(trust, ChainReader(trust, urls, finality=finality, clock=clock))

    def verdict(
        self, artefact: Artefact, *, now: datetime | None = None, verifier: Verifier | None = None
    ) -> Verdict:
        """What a third party finds, given artefact and receipt; the holder is not asked."""
        with self.registry.reading() as services:
            receipt = services.batches.receipts([artefact]).get(artefact.id)
        if artefact.form == ArtefactForm.CARD:
            compact = (
                None
                if receipt is None
                else CompactReceipt(receipt.index, receipt.size, receipt.path, receipt.block)
            )
            data: bytes | str = cards.with_receipt(artefact.text, compact)
        else:
            data = DocumentFile(artefact.text, receipt).to_bytes()
        report = (verifier or self.verifier()).verify(
            data, now=now or datetime.now(UTC), expect=Expectation(waived=True)
        )
        return report.verdict

    def artefacts(self, document_id: str) -> list[Artefact]:
        with self.registry.reading() as services:
            return list(services.documents.artefacts(self.clerk, document_id))

    def documents(self, job: ImportJob) -> list[DocumentRecord]:
        with self.registry.reading() as services:
            return list(
                services.documents.page(
                    self.clerk, department=DEPARTMENT, import_id=job.id, limit=500
                )
            )

    def _checkpoint(self) -> bytes:
        with self.registry.reading() as services:
            return services.outbox.checkpoint().signed

    def issue(self, rows: int, kind: str = "resident-id", *, seed: int = 1) -> ImportJob:
        """Bring fresh documents all the way to their receipts."""
        job = self.import_rows(rows, kind, seed=seed)
        self.approve(job)
        self.worker.drain(seconds=60)
        return job


PS_KINDS = ("resident-id", "no-criminal-record", "drivers-licence")


def _samples() -> ModuleType:
    if "make_samples" in sys.modules:
        return sys.modules["make_samples"]
    path = Path(__file__).parents[2] / "samples" / "make_samples.py"
    spec = importlib.util.spec_from_file_location("make_samples", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_samples"] = module
    spec.loader.exec_module(module)
    return module


def table(kind: str, rows: int, *, seed: int = 1) -> bytes:
    """A CSV file of fictitious rows of one kind."""
    make = _samples().Samples(seed, day_in_china(unix_now())).kinds[kind]
    lines = [make(position) for position in range(rows)]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode("utf-8-sig")
