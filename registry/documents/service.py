"""Applications and documents, as officers see them."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from registry.access.actor import Actor
from registry.access.models import Role
from registry.audit.service import AuditTrail
from registry.clock import new_id
from registry.context import Context
from registry.departments.models import GrantState, KindGrant
from registry.departments.service import DepartmentService
from registry.documents.artefacts import artefacts_of
from registry.documents.models import (
    Artefact,
    DocumentRecord,
    DocumentState,
    ImportJob,
)
from registry.documents.preparing import prepare
from registry.documents.rows import free_expired, row_of
from registry.errors import ConflictError, ForbiddenError, NotFoundError, RequestError

MAX_PAGE = 500
MAX_IDS = 1000
_MAX_REASON_CHARS = 200


class DocumentService:
    """Creates, submits, approves and rejects documents.

    Args:
        session: The transaction to work in.
        context: What the process shares.
        departments: Departments and their lineage.
        audit: Where acts are recorded.
    """

    def __init__(
        self,
        session: Session,
        context: Context,
        departments: DepartmentService,
        audit: AuditTrail,
    ) -> None:
        self._session = session
        self._context = context
        self._departments = departments
        self._audit = audit

    def create(
        self, actor: Actor, *, department: str, kind: str, claims: Mapping[str, Any]
    ) -> DocumentRecord:
        """Enter one application as a draft.

        Raises:
            ForbiddenError: The actor is no clerk of the department.
            KindError: ``kind_unknown``.
            ConflictError: ``kind_not_granted_now``, ``document_exists``.
            ContentError: What is wrong with the claims.
            RequestError: ``document_expired_already``.
        """
        actor.require(Role.CLERK, department)
        self.require_grant(department, kind)
        now = self._context.clock()
        known = self._context.catalogue.kind(kind)
        prepared = prepare(department, known, claims, now)
        free_expired(self._session, [prepared.fingerprint], now)
        same = select(DocumentRecord.id).where(
            col(DocumentRecord.fingerprint) == prepared.fingerprint
        )
        existing = self._session.exec(same).first()
        if existing is not None:
            raise ConflictError("document_exists", id=existing)
        row = DocumentRecord(
            **row_of(
                new_id(),
                department,
                known,
                prepared,
                officer=actor.id,
                now=now,
                state=DocumentState.DRAFT,
            )
        )
        self._session.add(row)
        self._session.flush()
        self._audit.record(actor, "document.create", row.id, department=department, kind=kind)
        return row

    def submit(self, actor: Actor, document_id: str) -> DocumentRecord:
        """Hand a draft over for approval.

        Raises:
            NotFoundError: ``document_unknown``.
            ForbiddenError: The actor is no clerk of its department.
            ConflictError: ``document_state``.
        """
        row = self._get(document_id)
        actor.require(Role.CLERK, row.department)
        self._move(row, DocumentState.SUBMITTED, DocumentState.DRAFT)
        self._audit.record(actor, "document.submit", row.id, department=row.department)
        return row

    def approve(self, actor: Actor, document_ids: Sequence[str]) -> int:
        """Approve documents that another officer entered; return how many.

        All or none.

        Raises:
            RequestError: ``too_many_ids``.
            NotFoundError: ``document_unknown``.
            ForbiddenError: The actor is no approver of a document's department, or created it
                (``four_eyes``).
            ConflictError: ``document_state``.
        """
        if len(document_ids) > MAX_IDS:
            raise RequestError("too_many_ids", limit=MAX_IDS)
        for document_id in sorted(set(document_ids)):  # rows are locked in one order
            row = self._get(document_id)
            actor.require(Role.APPROVER, row.department)
            if row.created_by == actor.id:
                raise ForbiddenError("four_eyes", id=row.id)
            self._move(row, DocumentState.APPROVED, DocumentState.SUBMITTED)
            row.approved_by = actor.id
            self._audit.record(actor, "document.approve", row.id, department=row.department)
        return len(set(document_ids))

    def approve_import(self, actor: Actor, import_id: str) -> int:
        """Approve all submitted documents of an import; return how many.

        Raises:
            NotFoundError: ``import_unknown``.
            ForbiddenError: The actor is no approver of the department, or imported the file.
            ConflictError: ``import_unfinished``: the file has not been read to its end.
        """
        job = self.import_job(actor, import_id)
        actor.require(Role.APPROVER, job.department)
        if job.officer == actor.id:
            raise ForbiddenError("four_eyes", id=job.id)
        if job.reading:
            raise ConflictError("import_unfinished", id=job.id)
        statement = (
            sa.update(DocumentRecord)
            .where(
                col(DocumentRecord.import_id) == import_id,
                col(DocumentRecord.state) == DocumentState.SUBMITTED,
                # Whoever entered one of them does not approve it either.
                col(DocumentRecord.created_by) != actor.id,
            )
            .values(
                state=DocumentState.APPROVED,
                approved_by=actor.id,
                updated_at=self._context.clock(),
            )
            .execution_options(synchronize_session=False)
        )
        count = int(self._session.execute(statement).rowcount)  # type: ignore[attr-defined]
        self._audit.record(
            actor, "import.approve", import_id, department=job.department, count=count
        )
        return count

    def reject(self, actor: Actor, document_id: str, reason: str) -> DocumentRecord:
        """Refuse an application that is not yet signed.

        Raises:
            NotFoundError: ``document_unknown``.
            ForbiddenError: The actor is no approver of its department.
            ConflictError: ``document_state``.
            RequestError: ``reason_invalid``.
        """
        row = self._get(document_id)
        actor.require(Role.APPROVER, row.department)
        self._move(
            row,
            DocumentState.REJECTED,
            DocumentState.DRAFT,
            DocumentState.SUBMITTED,
            DocumentState.APPROVED,
            DocumentState.HELD,
        )
        row.reason = check_reason(reason)
        row.fingerprint = None
        self._audit.record(actor, "document.reject", row.id, department=row.department)
        return row

    def get(self, actor: Actor, document_id: str) -> DocumentRecord:
        """Return a document.

        Raises:
            NotFoundError: ``document_unknown``, also when the actor may not read it.
        """
        row = self._session.get(DocumentRecord, document_id)
        if row is None:
            raise NotFoundError("document_unknown", id=document_id[:32])
        try:
            actor.require_reader(self._departments.lineage(row.department))
        except ForbiddenError as error:
            raise NotFoundError("document_unknown", id=document_id[:32]) from error
        return row

    def artefacts(self, actor: Actor, document_id: str) -> Sequence[Artefact]:
        """Return a document's artefacts.

        Raises:
            NotFoundError: ``document_unknown``.
        """
        return artefacts_of(self._session, self.get(actor, document_id).id)

    def page(
        self,
        actor: Actor,
        *,
        department: str,
        state: DocumentState | None = None,
        import_id: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> Sequence[DocumentRecord]:
        """Return documents of a department in order of age, from the one after id ``after``.

        Raises:
            ForbiddenError: The actor may not read the department's documents.
            RequestError: ``page_invalid``.
        """
        actor.require_reader(self._departments.lineage(department))
        if not 0 < limit <= MAX_PAGE:
            raise RequestError("page_invalid", limit=MAX_PAGE)
        statement = select(DocumentRecord).where(
            col(DocumentRecord.department) == department, col(DocumentRecord.id) > after
        )
        if state is not None:
            statement = statement.where(col(DocumentRecord.state) == state)
        if import_id is not None:
            statement = statement.where(col(DocumentRecord.import_id) == import_id)
        return self._session.exec(statement.order_by(col(DocumentRecord.id)).limit(limit)).all()

    def counts(self, actor: Actor, department: str) -> dict[DocumentState, int]:
        """Return how many documents of a department are in each state.

        Raises:
            ForbiddenError: The actor may not read the department's documents.
        """
        actor.require_reader(self._departments.lineage(department))
        statement = (
            select(DocumentRecord.state, sa.func.count())
            .where(col(DocumentRecord.department) == department)
            .group_by(col(DocumentRecord.state))
        )
        return {DocumentState(state): count for state, count in self._session.exec(statement)}

    def import_job(self, actor: Actor, import_id: str) -> ImportJob:
        """Return an import with its errors.

        Raises:
            NotFoundError: ``import_unknown``, also when the actor may not read it.
        """
        job = self._session.get(ImportJob, import_id)
        try:
            if job is None:
                raise NotFoundError("import_unknown", id=import_id[:32])
            actor.require_reader(self._departments.lineage(job.department))
        except ForbiddenError as error:
            raise NotFoundError("import_unknown", id=import_id[:32]) from error
        return job

    def require_grant(self, department: str, kind: str) -> None:
        """Check that a department is admitted and may issue a kind now.

        Raises:
            KindError: ``kind_unknown``.
            ConflictError: ``department_not_admitted``, ``kind_not_granted_now``.
        """
        self._context.catalogue.kind(kind)
        for code in self._departments.lineage(department):
            self._departments.admitted(code)
        grant = self._session.get(KindGrant, (department, kind))
        if grant is None or grant.state != GrantState.GRANTED:
            raise ConflictError("kind_not_granted_now", department=department, kind=kind)

    def _get(self, document_id: str) -> DocumentRecord:
        row = self._session.get(DocumentRecord, document_id, with_for_update=True)
        if row is None:
            raise NotFoundError("document_unknown", id=document_id[:32])
        return row

    def _move(self, row: DocumentRecord, to: DocumentState, *allowed: DocumentState) -> None:
        if row.state not in allowed:
            raise ConflictError("document_state", id=row.id, state=row.state.value)
        row.state = to
        row.updated_at = self._context.clock()


def check_reason(reason: str) -> str:
    """Return a reason given by an officer, trimmed.

    Raises:
        RequestError: ``reason_invalid``.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= _MAX_REASON_CHARS:
        raise RequestError("reason_invalid", limit=_MAX_REASON_CHARS)
    return reason
