"""A real registry on a real chain that issues invented documents of all kinds."""

import csv
import io
import random
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import sqlalchemy as sa
from sqlmodel import select

from ecert.chain.rpc import RpcNode
from ecert.claiming import proof_input
from ecert.encoding import b64url_encode
from ecert.keystore import Cost
from ecert.kinds.catalogue import Catalogue
from ecert.signing import SoftwareSigner
from ecert.trust import TrustStore
from networks.embedded import EmbeddedChain
from registry.access.actor import Actor
from registry.access.models import Role
from registry.application import Registry
from registry.batches.models import Batch
from registry.claims.service import OfferedKey
from registry.clock import day_in_china, unix_now
from registry.documents.importing import read_import
from registry.documents.models import DocumentRecord, DocumentState
from registry.outbox.models import Purpose, Transaction
from registry.outbox.sight import EmbeddedSettlement
from registry.outbox.worker import Worker
from registry.settings import Settings
from registry.setup import set_up
from registry.trust import issue_trust
from samples.make_samples import DEFAULT_SEED, Samples

KINDS = {
    "resident-id": "11430000006122244L",
    "no-criminal-record": "11430000006122244L",
    "drivers-licence": "11430000006122244L",
    "student-record": "11430000006122199K",
    "business-licence": "11430000006122375G",
}
"""The department that issues each kind."""
DEPARTMENT_KINDS = {
    "11430000006122244L": "PS",
    "11430000006122199K": "ED",
    "11430000006122375G": "MR",
}
_CHEAP = Cost(log_n=4)
_SECONDS = 600.0


class Office:
    """Everybody who takes part in issuing; a context manager.

    Args:
        directory: Where registry and chain live.
        database_url: The database; a SQLite file in ``directory`` when not given.
        paper_cards: Whether each document gets its paper card.
    """

    def __init__(
        self, directory: Path, *, database_url: str | None = None, paper_cards: bool = True
    ) -> None:
        self._stack = ExitStack()
        self._directory, self._database_url = directory, database_url
        self._paper_cards = paper_cards
        self._rng = random.Random(0)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.chain = stack.enter_context(EmbeddedChain(self._directory / "chain"))
            self.registry = self._set_up(self.chain)
            stack.callback(self.registry.close)
            self._worker = Worker.embedded(self.registry, self.chain)
            for code, kind in DEPARTMENT_KINDS.items():
                self._admit(code, kind)
            self._worker.drain(seconds=_SECONDS)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def issue(self, kind: str, rows: int, *, first: int = 0) -> None:
        """Bring invented documents, from the ``first`` on, from a table to their receipts."""
        data, department = _table(kind, range(first, first + rows)), KINDS[kind]
        catalogue = self.registry.context.catalogue
        result = read_import(catalogue, kind, "rows.csv", data, now=unix_now())
        with self.registry.transaction() as services:
            job = services.imports.keep(
                self._clerks[department],
                department=department,
                kind=kind,
                filename="rows.csv",
                result=result,
            )
            if job.good != rows:
                raise RuntimeError(f"{rows - job.good} of the invented rows of {kind} are wrong")
        with self.registry.transaction() as services:
            services.documents.approve_import(self._approvers[department], job.id)
        self._worker.drain(seconds=_SECONDS)

    def claim(self, count: int) -> None:
        """Let citizens claim documents, each with all its kind's cards."""
        for row in self._valid(count):
            with self.registry.transaction() as services:
                _, code = services.claims.make_code(self._clerks[row.department], row.id)
            kind = self.registry.context.catalogue.kind(row.kind)
            with self.registry.transaction() as services:
                views = [card.view for card in kind.cards if card.holder_key]
                services.claims.redeem(
                    code, self._offer(code, None), [self._offer(code, view) for view in views]
                )
        self._worker.drain(seconds=_SECONDS)

    def revoke(self, count: int) -> None:
        """Revoke documents for good."""
        for row in self._valid(count):
            with self.registry.transaction() as services:
                services.statuses.revoke(self._approvers[row.department], row.id, "benchmark")
        self._worker.drain(seconds=_SECONDS)

    def gas(self) -> int:
        """Return the gas of all blocks."""
        node = RpcNode(self.chain.rpc_url)
        blocks = range(self.chain.final.number + 1)
        found = (node.call("eth_getBlockByNumber", [hex(block), False]) for block in blocks)
        return sum(int(block["gasUsed"], 16) for block in found)

    def roots(self) -> int:
        """Return how many batches there are."""
        with self.registry.database.reading() as session:
            return int(session.exec(select(sa.func.count()).select_from(Batch)).one())

    def transactions(self) -> int:
        """Return how many transactions anchored and revoked."""
        of_it = Transaction.purpose.in_((Purpose.ANCHOR, Purpose.STATUS))
        with self.registry.database.reading() as session:
            statement = select(sa.func.count()).select_from(Transaction).where(of_it)
            return int(session.exec(statement).one())

    def trust(self) -> TrustStore:
        """Return what a verifier trusts."""
        with self.registry.reading() as services:
            return TrustStore(issue_trust(services), Catalogue.load(), now=datetime.now(UTC))

    def checkpoint(self) -> bytes:
        """Return the operator's word of which block is final."""
        with self.registry.reading() as services:
            return services.outbox.checkpoint().signed

    def _valid(self, count: int) -> list[DocumentRecord]:
        """Return documents that are not revoked, of all kinds as they come."""
        valid = (DocumentRecord.state == DocumentState.ANCHORED, DocumentRecord.status == 0)
        with self.registry.database.reading() as session:
            ids = session.exec(select(DocumentRecord.id).where(*valid).order_by(DocumentRecord.id))
            chosen = self._rng.sample(list(ids), count)
            return list(session.exec(select(DocumentRecord).where(DocumentRecord.id.in_(chosen))))

    def _offer(self, code: str, view: str | None) -> OfferedKey:
        signer = SoftwareSigner.generate()
        proof = signer.sign(proof_input(code, self.registry.settings.origin))
        return OfferedKey(signer.public_key.jwk, b64url_encode(proof), view)

    def _set_up(self, chain: EmbeddedChain) -> Registry:
        settings = Settings(
            directory=self._directory,
            origin="https://registry.example",
            passphrase="correct horse battery staple",
            council_delay=0,
            batch_seconds=0,
            paper_cards=self._paper_cards,
            database_url=self._database_url,
        )
        made = set_up(
            settings,
            [chain.rpc_url],
            EmbeddedSettlement(chain),
            chain_id=chain.chain_id,
            engine="anvil",
            cost=_CHEAP,
        )
        with made.registry.transaction() as services:
            self._operator = services.officers.actor(made.operator)
        self._clerks: dict[str, Actor] = {}
        self._approvers: dict[str, Actor] = {}
        return made.registry

    def _admit(self, code: str, kind: str) -> None:
        kinds = [name for name, department in KINDS.items() if department == code]
        with self.registry.transaction() as services:
            services.departments.admit(
                self._operator, code=code, name="某市某局", kind=kind, kinds=kinds, parent=None
            )
            for role, actors in ((Role.CLERK, self._clerks), (Role.APPROVER, self._approvers)):
                officer, _ = services.officers.add(
                    self._operator, department=code, label=role.value, roles=[role]
                )
                actors[code] = services.officers.actor(officer.id)


def _table(kind: str, rows: range) -> bytes:
    make = Samples(DEFAULT_SEED, day_in_china(unix_now())).kinds[kind]
    lines = [make(position) for position in rows]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode("utf-8-sig")
