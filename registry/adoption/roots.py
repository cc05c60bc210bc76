"""Roots anchored since the backup, and the documents that may be under them."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel import Session, col, select

from registry.adoption.findings import Findings, Root
from registry.batches.models import Batch
from registry.departments.models import Department
from registry.documents.models import Artefact, ArtefactState, DocumentRecord, DocumentState
from registry.restored.models import HeldDocument, LostRoot, RootState

UNSIGNED = (DocumentState.DRAFT, DocumentState.SUBMITTED, DocumentState.APPROVED)
"""States in the backup from which a document may have been signed since."""

_QUIET = {"synchronize_session": False}
_CHUNK = 500


def adopt_roots(session: Session, findings: Findings, now: int) -> int:
    """Keep the roots that the database does not know, and hold what they may cover.

    A document of theirs is somewhere in its holder's hands, and verifies. Signed again from the
    application that the backup has, there would be two of it, and revoking one would leave the
    other: so nothing that may have been signed is signed until an officer decides.

    Returns:
        How many roots are lost and not yet decided about.
    """
    lost = _unknown(session, findings.roots)
    open_departments: set[str] = set()
    for root in lost:
        revoked = (root.department, root.root) in findings.revoked_roots
        session.add(
            LostRoot(
                department=root.department,
                root=root.root,
                size=root.size,
                block=root.block,
                anchor_time=root.time,
                state=RootState.REVOKED if revoked else RootState.OPEN,
            )
        )
        if not revoked:
            open_departments.add(root.department)
    session.flush()
    for department in sorted(open_departments):
        _hold(session, department, now)
    return len(lost)


def _unknown(session: Session, roots: Sequence[Root]) -> list[Root]:
    ours = set(session.exec(select(Department.code)).all())
    mine = [root for root in roots if root.department in ours]
    lost: list[Root] = []
    for start in range(0, len(mine), _CHUNK):
        chunk = mine[start : start + _CHUNK]
        wanted = [root.root for root in chunk]
        known: set[tuple[str, bytes]] = set()
        for table in (Batch, LostRoot):
            statement = select(table.department, table.root).where(col(table.root).in_(wanted))
            known.update(session.exec(statement).all())
        lost += [root for root in chunk if (root.department, root.root) not in known]
    return lost


def _hold(session: Session, department: str, now: int) -> None:
    """Hold documents not yet signed, and artefacts signed and in no tree that is anchored."""
    waiting = sa.or_(
        col(DocumentRecord.state).in_(UNSIGNED),
        sa.exists().where(
            col(Artefact.document_id) == col(DocumentRecord.id),
            col(Artefact.state).in_((ArtefactState.SIGNED, ArtefactState.STALE)),
        ),
    )
    chosen = sa.select(
        col(DocumentRecord.id), col(DocumentRecord.state), sa.literal(now, sa.BigInteger())
    ).where(
        col(DocumentRecord.department) == department,
        waiting,
        ~sa.exists().where(col(HeldDocument.document_id) == col(DocumentRecord.id)),
    )
    session.execute(
        sa.insert(HeldDocument).from_select(["document_id", "state", "since"], chosen),
        execution_options=_QUIET,
    )
    session.execute(
        sa.update(DocumentRecord)
        .where(
            col(DocumentRecord.department) == department, col(DocumentRecord.state).in_(UNSIGNED)
        )
        .values(state=DocumentState.HELD, updated_at=now),
        execution_options=_QUIET,
    )
    session.execute(
        sa.update(Artefact)
        .where(
            col(Artefact.department) == department,
            col(Artefact.document_id).is_not(None),
            col(Artefact.state).in_((ArtefactState.SIGNED, ArtefactState.STALE)),
        )
        .values(state=ArtefactState.HELD),
        execution_options=_QUIET,
    )
