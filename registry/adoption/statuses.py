"""Suspensions and revocations that a restored database does not know."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ecert.status import Status
from registry.adoption.findings import Entry, Findings, HashRevoked
from registry.departments.models import Department
from registry.documents.artefacts import artefacts_of
from registry.documents.models import Artefact, DocumentRecord
from registry.status.models import ChangeState, ChangeTarget, StatusChange

NOBODY = "-"
"""Stands for the officer who asked for a change that the backup does not know."""

_CHUNK = 500
_UNFINISHED = (ChangeState.REQUESTED, ChangeState.SENT)


def adopt_statuses(session: Session, findings: Findings, now: int) -> int:
    """Add changes made since the backup, and set documents right; return how many differed.

    An entry whose document is lost is added too: it was published as revoked, and stays so.
    """
    ours = set(session.exec(select(Department.code)).all())
    by_entry: defaultdict[Entry, list[tuple[Status, str]]] = defaultdict(list)
    for entry, status, actor in findings.changes:
        if entry[0] in ours:
            by_entry[entry].append((status, actor if actor in ours else entry[0]))
    for entry, changes in by_entry.items():
        _add(session, entry, changes, now)
    for revoked in findings.hashes:
        if revoked.department in ours:
            _add_hash(session, revoked, revoked.actor in ours, now)
    session.flush()
    return _set_right(session, {e: s for e, s in findings.entries.items() if e[0] in ours}, now)


def _add(session: Session, entry: Entry, changes: Sequence[tuple[Status, str]], now: int) -> None:
    """Add changes of one entry; those that were asked for before the backup have ended."""
    unfinished = _unfinished(session, entry)
    document = _document(session, entry)
    for status, actor in changes:
        known = next((row for row in unfinished if row.status == status), None)
        if known is not None:
            known.state = ChangeState.FINAL
            unfinished.remove(known)
            continue
        session.add(
            StatusChange(
                department=entry[0],
                actor_department=actor,
                document_id=None if document is None else document.id,
                list=entry[1],
                index=entry[2],
                status=int(status),
                officer=NOBODY,
                state=ChangeState.FINAL,
                created_at=now,
            )
        )


def _add_hash(session: Session, revoked: HashRevoked, actor_known: bool, now: int) -> None:
    same = select(StatusChange).where(
        col(StatusChange.department) == revoked.department,
        col(StatusChange.target) == revoked.target,
        col(StatusChange.hash) == revoked.hash,
    )
    row = session.exec(same).first()
    if row is None:
        row = StatusChange(
            department=revoked.department,
            actor_department=revoked.actor if actor_known else revoked.department,
            target=revoked.target,
            hash=revoked.hash,
            status=int(Status.REVOKED),
            officer=NOBODY,
            created_at=now,
        )
    row.state = ChangeState.FINAL
    session.add(row)


def _set_right(session: Session, entries: Mapping[Entry, Status], now: int) -> int:
    """Give documents the status that the chain has; return how many differed."""
    by_list: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for department, number, index in entries:
        by_list[department, number].append(index)
    changed = 0
    for (department, number), indices in by_list.items():
        for start in range(0, len(indices), _CHUNK):
            statement = (
                select(Artefact.status_index, DocumentRecord)
                .join(DocumentRecord, col(DocumentRecord.id) == col(Artefact.document_id))
                .where(
                    col(Artefact.department) == department,
                    col(Artefact.status_list) == number,
                    col(Artefact.status_index).in_(indices[start : start + _CHUNK]),
                    col(DocumentRecord.status) != int(Status.REVOKED),
                )
            )
            for place, document in session.exec(statement).all():
                entry = (department, number, place or 0)
                if _set_one(session, document, entry, entries[entry]):
                    changed += 1
                    _ask_for_others(session, document, entry, now)
    return changed


def _set_one(session: Session, document: DocumentRecord, entry: Entry, status: Status) -> bool:
    if document.status in (status, Status.REVOKED):
        return False
    if status != Status.REVOKED and _unfinished(session, entry):
        return False  # what the database still wants is on its way
    document.status = int(status)
    if status == Status.REVOKED:
        document.fingerprint = None
    session.add(document)
    return True


def _ask_for_others(session: Session, document: DocumentRecord, entry: Entry, now: int) -> None:
    """Ask for the change of one entry for all that lives of its document, as officers' acts do.

    Other artefacts may have been made from the restored database before it was compared.
    """
    if document.status == Status.VALID:
        return
    adopted = _last(session, entry)
    for artefact in artefacts_of(session, document.id):
        if artefact.status_list is None or artefact.status_index is None:
            continue
        place = (artefact.department, artefact.status_list, artefact.status_index)
        last = _last(session, place)
        if last is not None and last.status in (document.status, Status.REVOKED):
            continue
        session.add(
            StatusChange(
                department=artefact.department,
                actor_department=artefact.department
                if adopted is None
                else adopted.actor_department,
                document_id=document.id,
                list=artefact.status_list,
                index=artefact.status_index,
                status=document.status,
                officer=NOBODY,
                created_at=now,
            )
        )


def _last(session: Session, entry: Entry) -> StatusChange | None:
    """Return the newest change of an entry that was not refused."""
    statement = select(StatusChange).where(
        *_of(entry), col(StatusChange.state) != ChangeState.REFUSED
    )
    return session.exec(statement.order_by(col(StatusChange.id).desc()).limit(1)).first()


def _document(session: Session, entry: Entry) -> DocumentRecord | None:
    statement = (
        select(DocumentRecord)
        .join(Artefact, col(Artefact.document_id) == col(DocumentRecord.id))
        .where(
            col(Artefact.department) == entry[0],
            col(Artefact.status_list) == entry[1],
            col(Artefact.status_index) == entry[2],
        )
    )
    return session.exec(statement).first()


def _unfinished(session: Session, entry: Entry) -> list[StatusChange]:
    statement = select(StatusChange).where(*_of(entry), col(StatusChange.state).in_(_UNFINISHED))
    return list(session.exec(statement.order_by(col(StatusChange.id))).all())


def _of(entry: Entry) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        col(StatusChange.department) == entry[0],
        col(StatusChange.list) == entry[1],
        col(StatusChange.index) == entry[2],
        col(StatusChange.target) == ChangeTarget.ENTRY,
    )
