"""Deciding about what a restore lost, and letting go what it held."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel import Session, col, select

from registry.access.actor import Actor
from registry.access.models import Role
from registry.audit.models import AuditEntry
from registry.audit.service import AuditTrail
from registry.context import Context
from registry.departments.service import DepartmentService
from registry.documents.models import Artefact, ArtefactState, DocumentRecord, DocumentState
from registry.errors import ConflictError, NotFoundError
from registry.restored.models import (
    LOST_DEPARTMENT,
    LOST_KEY,
    HeldDocument,
    LostRoot,
    RootState,
)
from registry.status.service import StatusService

_QUIET = {"synchronize_session": False}
_SHOWN = (DocumentState.HELD, DocumentState.SIGNED, DocumentState.ANCHORED, DocumentState.DELIVERED)


class RestoredService:
    """What was lost, what is held, and what becomes of both.

    Args:
        session: The transaction to work in.
        context: What the process shares.
        departments: Departments and their lineage.
        statuses: Revokes roots.
        audit: Where acts are recorded.
    """

    def __init__(
        self,
        session: Session,
        context: Context,
        departments: DepartmentService,
        statuses: StatusService,
        audit: AuditTrail,
    ) -> None:
        self._session = session
        self._context = context
        self._departments = departments
        self._statuses = statuses
        self._audit = audit

    def lost_roots(self) -> Sequence[LostRoot]:
        """Return all lost roots, as they were anchored."""
        statement = select(LostRoot).order_by(
            col(LostRoot.department), col(LostRoot.block), col(LostRoot.root)
        )
        return self._session.exec(statement).all()

    def lost_others(self) -> Sequence[tuple[str, str]]:
        """Return keys and departments that the chain knows and this registry does not."""
        statement = select(AuditEntry.action, AuditEntry.subject).where(
            col(AuditEntry.action).in_((LOST_KEY, LOST_DEPARTMENT))
        )
        return self._session.exec(statement.order_by(col(AuditEntry.id))).all()

    def held(self) -> dict[str, int]:
        """Return how many documents of each department are held."""
        statement = (
            select(DocumentRecord.department, sa.func.count())
            .join(HeldDocument, col(HeldDocument.document_id) == col(DocumentRecord.id))
            .where(col(DocumentRecord.state).in_(_SHOWN))
            .group_by(col(DocumentRecord.department))
        )
        return dict(self._session.exec(statement).all())

    def held_documents(
        self, actor: Actor, department: str, *, after: str = "", limit: int = 500
    ) -> Sequence[tuple[str, DocumentState]]:
        """Return held documents of a department, each with its state in the backup.

        Raises:
            NotFoundError: ``department_unknown_here``.
            ForbiddenError: The actor may not read the department's documents.
        """
        actor.require_reader(self._departments.lineage(department))
        statement = (
            select(HeldDocument.document_id, HeldDocument.state)
            .join(DocumentRecord, col(HeldDocument.document_id) == col(DocumentRecord.id))
            .where(
                col(DocumentRecord.department) == department,
                col(DocumentRecord.state).in_(_SHOWN),
                col(DocumentRecord.id) > after,
            )
        )
        rows = self._session.exec(statement.order_by(col(DocumentRecord.id)).limit(limit))
        return [(document_id, DocumentState(state)) for document_id, state in rows]

    def revoke_lost(self, actor: Actor, department: str, reason: str) -> tuple[int, int]:
        """Revoke every lost root of a department, and let all that is held be signed.

        Returns:
            How many roots are revoked, and how many documents go on.

        Raises:
            NotFoundError: ``department_unknown_here``.
            ForbiddenError: The actor is no custodian of the department or of one above it.
            RequestError: ``reason_invalid``.
            ConflictError: ``nothing_to_reissue``.
        """
        actor.require_above(Role.CUSTODIAN, self._departments.lineage(department))
        roots = self._undecided(department, RootState.OPEN, RootState.KEPT)
        for root in roots:
            self._statuses.revoke_root(actor, department, root.root, reason)
            self._decide(actor, root, RootState.REVOKED)
        waiting = select(HeldDocument.document_id).join(
            DocumentRecord, col(DocumentRecord.id) == col(HeldDocument.document_id)
        )
        ids = self._session.exec(waiting.where(col(DocumentRecord.department) == department)).all()
        if not roots and not ids:
            raise ConflictError("nothing_to_reissue", department=department)
        released = self._release(ids)
        self._audit.record(
            actor, "restored.revoke", department, department=department, roots=len(roots),
            released=released,
        )  # fmt: skip
        return len(roots), released

    def keep_lost(
        self, actor: Actor, department: str, release: Sequence[str] = ()
    ) -> tuple[int, int]:
        """Let every lost root of a department stay valid; sign only what is named.

        Args:
            actor: A custodian of the department or of one above it.
            department: The department.
            release: Documents that the officer knows not to have been handed out.

        Raises:
            NotFoundError: ``department_unknown_here``; ``document_not_held``.
            ForbiddenError: The actor may not.
            ConflictError: ``nothing_to_reissue``.
        """
        actor.require_above(Role.CUSTODIAN, self._departments.lineage(department))
        for document_id in release:
            row = self._session.get(DocumentRecord, document_id)
            held = self._session.get(HeldDocument, document_id)
            if row is None or held is None or row.department != department:
                raise NotFoundError("document_not_held", id=document_id[:32])
        roots = self._undecided(department, RootState.OPEN)
        for root in roots:
            self._decide(actor, root, RootState.KEPT)
        if not roots and not release:
            raise ConflictError("nothing_to_reissue", department=department)
        released = self._release(release)
        self._audit.record(
            actor, "restored.keep", department, department=department, roots=len(roots),
            released=released,
        )  # fmt: skip
        return len(roots), released

    def _undecided(self, department: str, *states: RootState) -> Sequence[LostRoot]:
        statement = select(LostRoot).where(
            col(LostRoot.department) == department, col(LostRoot.state).in_(states)
        )
        return self._session.exec(statement.with_for_update()).all()

    def _decide(self, actor: Actor, root: LostRoot, state: RootState) -> None:
        root.state, root.officer = state, actor.id
        root.decided_at = self._context.clock()
        self._session.add(root)

    def _release(self, document_ids: Sequence[str]) -> int:
        """Give documents the state that they had; sign anew what was signed and lost its place."""
        now, count = self._context.clock(), 0
        for document_id in dict.fromkeys(document_ids):
            held = self._session.get(HeldDocument, document_id, with_for_update=True)
            row = self._session.get(DocumentRecord, document_id, with_for_update=True)
            if held is None or row is None:
                continue
            if row.state == DocumentState.HELD:
                row.state, row.updated_at = held.state, now
            self._session.execute(
                sa.update(Artefact)
                .where(
                    col(Artefact.document_id) == document_id,
                    col(Artefact.state) == ArtefactState.HELD,
                )
                .values(state=ArtefactState.STALE),
                execution_options=_QUIET,
            )
            self._session.delete(held)
            count += 1
        self._session.flush()
        return count
