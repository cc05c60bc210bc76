"""The audit of database against chain: every document anchored once, every withdrawal in force.

It looks while others work: the database is read as it was at one moment and the chain after that,
so that what a final row says must be on the chain, and what is newer there is on its way here.
Memory does not grow with the documents; it holds the roots and the withdrawn entries.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ecert.chain.codes import department_text
from ecert.chain.events import Anchored, DigestRevoked, RootRevoked, StatusChanged, decode_log
from ecert.chain.node import Nodes
from ecert.chain.records import ANCHORS, STATUSES
from ecert.merkle import HASH_BYTES, MerkleTree, leaf_hash
from ecert.status import Status
from registry.application import Registry
from registry.batches.models import Batch, BatchState
from registry.documents.models import (
    ISSUED_STATES,
    Artefact,
    ArtefactForm,
    ArtefactState,
    DocumentRecord,
    DocumentState,
)
from registry.errors import ReconciliationError
from registry.restored.models import LostRoot
from registry.status.models import ChangeState, ChangeTarget, StatusChange

MAX_FINDINGS = 1000
"""Findings that are kept; the rest are counted."""

_PAGE = 1000
_LIVING = (
    ArtefactState.SIGNED,
    ArtefactState.BATCHED,
    ArtefactState.STALE,
    ArtefactState.HELD,
    ArtefactState.ANCHORED,
)
_ON_CHAIN = (DocumentState.ANCHORED, DocumentState.DELIVERED)


class _Document(NamedTuple):
    id: str
    state: DocumentState
    status: int
    valid_until: int | None


_DOCUMENT = [col(getattr(DocumentRecord, name)) for name in _Document._fields]
_ARTEFACT = [
    col(getattr(Artefact, name)) for name in ("document_id", "form", "view", "claim_id", "state")
]
_Root = tuple[str, bytes]
_Entry = tuple[str, int | None, int | None, bytes | None]


@dataclass
class Comparison:
    """What was counted and what was found.

    Attributes:
        issued: Documents that were signed.
        anchored: Those of them that are anchored.
        lost: Documents that count as signed and have no artefact that lives or waits.
        doubled: Documents with two living artefacts of one form for one holder.
        roots: Roots that the chain holds of this registry's departments.
        withdrawals: Entries, digests and roots whose status was changed.
        findings: What is wrong, each with its sentences; at most ``MAX_FINDINGS``.
        findings_left_out: How many more.
    """

    issued: int = 0
    anchored: int = 0
    lost: int = 0
    doubled: int = 0
    roots: int = 0
    withdrawals: int = 0
    findings: list[ReconciliationError] = field(default_factory=list)
    findings_left_out: int = 0

    def find(self, code: str, **details: object) -> None:
        """Note something that is wrong."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(ReconciliationError(code, **details))
        else:
            self.findings_left_out += 1


def compare(registry: Registry, nodes: Nodes) -> Comparison:
    """Compare the database with the chain, and the database with itself.

    Raises:
        ReconciliationError: ``audit_broken``: the trail itself was changed.
        UnavailableError: Chain or database do not answer.
    """
    result = Comparison()
    with registry.reading() as services:
        session = services.session
        if registry.database.is_server:  # which would end what waits long for the chain
            session.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        services.audit.check()
        chain = _Chain(registry, nodes)
        _check_documents(session, registry.context.clock(), result)
        known = _check_batches(session, chain, result)
        _check_statuses(session, chain, result)
        _check_revoked(session, chain, result)
    with registry.reading() as services:
        unknown = chain.anchors.keys() - known
        known |= _roots(services.session, unknown)  # closed since the first reading
    for department, root in sorted(unknown - known):
        result.find("audit_root_unknown", department=department, root=root.hex())
    result.roots = len(chain.anchors)
    return result


class _Chain:
    """What the contracts' events say, up to the newest block."""

    def __init__(self, registry: Registry, nodes: Nodes) -> None:
        deployment = registry.context.contracts.deployment
        contracts = {deployment.addresses[name]: name for name in (ANCHORS, STATUSES)}
        self.anchors: dict[_Root, tuple[int, int]] = {}
        """Size and block of each root."""
        self.statuses: dict[_Entry, Status] = {}
        last = nodes.header("latest").number
        for log in nodes.logs(list(contracts), deployment.first_block, last):
            self._take(decode_log(log, contracts[log.address]), log.block)

    def _take(self, event: object, block: int) -> None:
        if isinstance(event, Anchored):
            self.anchors[department_text(event.department), event.root] = (event.size, block)
        elif isinstance(event, StatusChanged):
            department = department_text(event.department)
            for index in event.indices:
                self.statuses[department, event.list, index, None] = Status(event.status)
        elif isinstance(event, DigestRevoked):
            key = (department_text(event.department), None, None, event.digest)
            self.statuses[key] = Status.REVOKED
        elif isinstance(event, RootRevoked):
            key = (department_text(event.department), None, None, event.root)
            self.statuses[key] = Status.REVOKED


def _check_documents(session: Session, now: int, result: Comparison) -> None:
    for rows in _pages(session):
        living: defaultdict[str, Counter[tuple[object, ...]]] = defaultdict(Counter)
        anchored: set[str] = set()
        statement = sa.select(*_ARTEFACT).where(
            col(Artefact.document_id).in_([row.id for row in rows]),
            col(Artefact.state).in_(_LIVING),
        )
        for document_id, form, view, claim, state in session.execute(statement):
            living[document_id][form, view, claim] += 1
            if form == ArtefactForm.SD_JWT and state == ArtefactState.ANCHORED:
                anchored.add(document_id)
        for row in rows:
            found = living[row.id]
            result.issued += 1
            result.anchored += row.state in _ON_CHAIN
            waits = any(form == ArtefactForm.SD_JWT for form, _, _ in found)
            # What ended before it could be anchored is not signed anew.
            ended = row.status == Status.REVOKED or (row.valid_until or now) < now
            if row.id not in anchored and (row.state in _ON_CHAIN or not (waits or ended)):
                result.lost += 1
                result.find("audit_document_lost", id=row.id)
            if any(count > 1 for count in found.values()):
                result.doubled += 1
                result.find("audit_document_doubled", id=row.id)


def _pages(session: Session) -> Iterator[list[_Document]]:
    after = ""
    while True:
        statement = (
            sa.select(*_DOCUMENT)
            .where(col(DocumentRecord.id) > after)
            .order_by(col(DocumentRecord.id))
            .limit(_PAGE)
        )
        rows = [_Document(*row) for row in session.execute(statement)]
        if not rows:
            return
        yield [row for row in rows if row.state in ISSUED_STATES]
        after = rows[-1].id


def _check_batches(session: Session, chain: _Chain, result: Comparison) -> set[_Root]:
    """Compare every closed batch with the chain and with its artefacts; return their roots."""
    known: set[_Root] = set()
    after = ""
    while True:
        statement = select(Batch).where(col(Batch.id) > after).order_by(col(Batch.id)).limit(64)
        batches = session.exec(statement).all()
        if not batches:
            return known
        for batch in batches:
            known.add((batch.department, batch.root))
            if batch.state != BatchState.DROPPED:
                _check_batch(session, chain, batch, result)
            session.expunge(batch)
        after = batches[-1].id


def _check_batch(session: Session, chain: _Chain, batch: Batch, result: Comparison) -> None:
    names = {"department": batch.department, "root": batch.root.hex()}
    leaves = [
        batch.leaves[place : place + HASH_BYTES]
        for place in range(0, len(batch.leaves), HASH_BYTES)
    ]
    if len(leaves) != batch.size or MerkleTree(map(leaf_hash, leaves)).root != batch.root:
        result.find("audit_tree_wrong", **names)
    final = batch.state == BatchState.FINAL
    if final and chain.anchors.get((batch.department, batch.root)) != (batch.size, batch.block):
        result.find("audit_root_missing", block=batch.block, **names)
    statement = (
        select(Artefact.leaf_index, Artefact.digest, Artefact.state)
        .where(col(Artefact.batch_id) == batch.id)
        .order_by(col(Artefact.leaf_index))
    )
    wanted = ArtefactState.ANCHORED if final else ArtefactState.BATCHED
    expected = [(index, leaf, wanted) for index, leaf in enumerate(leaves)]
    if [tuple(row) for row in session.exec(statement)] != expected:
        result.find("audit_leaves_differ", **names)


def _check_statuses(session: Session, chain: _Chain, result: Comparison) -> None:
    """Compare, for each entry, the chain's word with what was asked for and is final."""
    for entry, changes in _changes(session):
        result.withdrawals += 1
        final = [row for row in changes if row.state == ChangeState.FINAL]
        allowed = {Status(row.status) for row in final[-1:]} or {Status.VALID}
        newest = final[-1].id or 0 if final else 0
        allowed |= {Status(row.status) for row in changes if (row.id or 0) > newest}
        found = chain.statuses.get(entry, Status.VALID)
        # Revoked is for good: whoever else may revoke was stricter.
        if found not in allowed and found != Status.REVOKED:
            result.find(
                "audit_status_differs", entry=_name(entry), found=found.name.lower(),
                expected=", ".join(sorted(status.name.lower() for status in allowed)),
            )  # fmt: skip


def _check_revoked(session: Session, chain: _Chain, result: Comparison) -> None:
    """Find what lives of a revoked document and was never asked to be revoked."""
    asked = sa.exists().where(
        col(StatusChange.department) == col(Artefact.department),
        col(StatusChange.list) == col(Artefact.status_list),
        col(StatusChange.index) == col(Artefact.status_index),
        col(StatusChange.status) == int(Status.REVOKED),
        col(StatusChange.state) != ChangeState.REFUSED,
    )
    columns = [
        col(getattr(Artefact, name))
        for name in ("document_id", "department", "status_list", "status_index", "digest")
    ]
    statement = (
        sa.select(*columns)
        .join(DocumentRecord, col(DocumentRecord.id) == col(Artefact.document_id))
        .where(
            col(DocumentRecord.status) == int(Status.REVOKED),
            col(Artefact.state).in_(_LIVING),
            col(Artefact.status_list).is_not(None),
            ~asked,
        )
        .execution_options(yield_per=_PAGE)
    )
    for document_id, department, number, index, digest in session.execute(statement):
        places: list[_Entry] = [
            (department, number, index, None), (department, None, None, digest)
        ]  # fmt: skip
        if Status.REVOKED not in [chain.statuses.get(place) for place in places]:
            result.find(
                "audit_artefact_not_revoked",
                id=document_id, entry=_name(places[0]), digest=digest.hex(),
            )  # fmt: skip


def _changes(session: Session) -> Iterator[tuple[_Entry, Sequence[StatusChange]]]:
    statement = (
        select(StatusChange)
        .where(col(StatusChange.state) != ChangeState.REFUSED)
        .order_by(
            col(StatusChange.department),
            col(StatusChange.list),
            col(StatusChange.index),
            col(StatusChange.hash),
            col(StatusChange.id),
        )
        .execution_options(yield_per=_PAGE)
    )
    for entry, rows in groupby(session.exec(statement), key=_entry):
        changes = list(rows)
        yield entry, changes
        for row in changes:
            session.expunge(row)


def _entry(row: StatusChange) -> _Entry:
    if row.target == ChangeTarget.ENTRY:
        return row.department, row.list, row.index, None
    return row.department, None, None, row.hash


def _name(entry: _Entry) -> str:
    department, number, index, value = entry
    return f"{department} {number}/{index}" if value is None else f"{department} {value.hex()}"


def _roots(session: Session, wanted: set[_Root]) -> set[_Root]:
    """Return which of these roots are known: of batches, or as lost by a restore."""
    found: set[_Root] = set()
    for department, root in wanted:
        for table in (Batch, LostRoot):
            statement = select(table.root).where(
                col(table.department) == department, col(table.root) == root
            )
            if session.exec(statement).first() is not None:
                found.add((department, root))
    return found
