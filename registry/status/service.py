"""Suspension, revocation and reinstatement as officers ask for them, and the published lists."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ecert.merkle import HASH_BYTES
from ecert.status import ENTRIES_PER_WORD, Status
from ecert.status import StatusList as TokenStatusList
from registry.access.actor import Actor
from registry.access.models import Role
from registry.audit.service import AuditTrail
from registry.context import Context
from registry.departments.service import DepartmentService
from registry.documents.artefacts import artefacts_of
from registry.documents.models import ISSUED_STATES, DocumentRecord
from registry.documents.service import check_reason
from registry.errors import ConflictError, NotFoundError, RequestError
from registry.status.models import ChangeState, ChangeTarget, StatusChange, StatusList

_ORDER = {Status.VALID: 0, Status.SUSPENDED: 1, Status.REVOKED: 2}


class StatusService:
    """Asks for changes of status; the worker brings them to the chain.

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

    def revoke(self, actor: Actor, document_id: str, reason: str) -> DocumentRecord:
        """Revoke a document with all its artefacts, for good.

        Args:
            actor: An approver of its department or of one above it.
            document_id: The document.
            reason: For the registry's own record; it does not go on the chain.

        Raises:
            NotFoundError: ``document_unknown``.
            ForbiddenError: The actor may not.
            ConflictError: ``document_state`` (not issued), ``document_revoked``.
            RequestError: ``reason_invalid``.
        """
        row = self._change(actor, document_id, Status.REVOKED, reason)
        row.fingerprint = None  # the same application may be made again
        return row

    def suspend(self, actor: Actor, document_id: str, reason: str) -> DocumentRecord:
        """Suspend a document with all its artefacts until it is reinstated or revoked.

        Raises:
            ConflictError: ``document_suspended``; else as ``revoke``.
        """
        return self._change(actor, document_id, Status.SUSPENDED, reason)

    def reinstate(self, actor: Actor, document_id: str, reason: str) -> DocumentRecord:
        """End a document's suspension.

        Raises:
            ConflictError: ``document_not_suspended``; else as ``revoke``.
        """
        return self._change(actor, document_id, Status.VALID, reason)

    def revoke_digest(self, actor: Actor, department: str, digest: bytes, reason: str) -> int:
        """Revoke one artefact by its digest, also one that this registry never made.

        Returns:
            The id of the change.

        Raises:
            NotFoundError: ``department_unknown_here``.
            ForbiddenError: The actor is no custodian of the department or of one above it.
            RequestError: ``reason_invalid``, ``hash_malformed``.
        """
        return self._revoke_hash(actor, department, ChangeTarget.DIGEST, digest, reason)

    def revoke_root(self, actor: Actor, department: str, root: bytes, reason: str) -> int:
        """Revoke all that a root covers; see ``revoke_digest``."""
        return self._revoke_hash(actor, department, ChangeTarget.ROOT, root, reason)

    def change(self, change_id: int) -> StatusChange:
        """Return one change.

        Raises:
            NotFoundError: ``change_unknown``.
        """
        row = self._session.get(StatusChange, change_id)
        if row is None:
            raise NotFoundError("change_unknown", id=change_id)
        return row

    def published(self, department: str, number: int) -> dict[str, Any]:
        """Return a department's list in the form of a Token Status List.

        Where a change is under way, the stricter of the old and the new value is shown.

        Raises:
            NotFoundError: ``status_list_unknown``.
        """
        newest = self._session.exec(
            select(sa.func.max(StatusList.number)).where(col(StatusList.department) == department)
        ).one()
        # Lists left out after a restore may be in use by documents that are lost.
        if newest is None or not 0 <= number <= newest:
            raise NotFoundError("status_list_unknown", department=department[:20], list=number)
        return TokenStatusList.from_words(self._words(department, number)).encode()

    def _words(self, department: str, number: int) -> Mapping[int, int]:
        statement = (
            select(StatusChange.index, StatusChange.status, StatusChange.state)
            .where(
                col(StatusChange.department) == department,
                col(StatusChange.list) == number,
                col(StatusChange.state) != ChangeState.REFUSED,
            )
            .order_by(col(StatusChange.id))
        )
        values: dict[int, Status] = {}
        for index, raw, state in self._session.exec(statement):
            if index is None:
                continue
            value, old = Status(raw), values.get(index, Status.VALID)
            if old != Status.REVOKED and (
                state == ChangeState.FINAL or _ORDER[value] > _ORDER[old]
            ):
                values[index] = value
        words: dict[int, int] = {}
        for index, value in values.items():
            shift = 2 * (index % ENTRIES_PER_WORD)
            word = index // ENTRIES_PER_WORD
            words[word] = words.get(word, 0) | value << shift
        return words

    def _change(
        self, actor: Actor, document_id: str, status: Status, reason: str
    ) -> DocumentRecord:
        # Locked: a claim at the same time either sees this or is seen by it.
        row = self._session.get(DocumentRecord, document_id, with_for_update=True)
        if row is None:
            raise NotFoundError("document_unknown", id=document_id[:32])
        by = actor.require_above(Role.APPROVER, self._departments.lineage(row.department))
        if row.state not in ISSUED_STATES:
            raise ConflictError("document_state", id=row.id, state=row.state.value)
        _check_transition(row, status)
        row.status, row.reason = int(status), check_reason(reason)
        row.updated_at = self._context.clock()
        changes = [
            {
                "department": row.department,
                "actor_department": by,
                "document_id": row.id,
                "target": ChangeTarget.ENTRY,
                "list": artefact.status_list,
                "index": artefact.status_index,
                "status": int(status),
                "reason": row.reason,
                "officer": actor.id,
                "state": ChangeState.REQUESTED,
                "created_at": row.updated_at,
            }
            for artefact in artefacts_of(self._session, row.id)
        ]
        self._session.execute(sa.insert(StatusChange), changes)
        action = {0: "reinstate", 1: "revoke", 2: "suspend"}[int(status)]
        self._audit.record(
            actor, f"document.{action}", row.id, department=row.department, artefacts=len(changes)
        )
        return row

    def _revoke_hash(
        self, actor: Actor, department: str, target: ChangeTarget, value: bytes, reason: str
    ) -> int:
        by = actor.require_above(Role.CUSTODIAN, self._departments.lineage(department))
        if len(value) != HASH_BYTES or not any(value):
            raise RequestError("hash_malformed")
        row = StatusChange(
            department=department,
            actor_department=by,
            target=target,
            hash=value,
            status=int(Status.REVOKED),
            reason=check_reason(reason),
            officer=actor.id,
            created_at=self._context.clock(),
        )
        self._session.add(row)
        self._session.flush()
        assert row.id is not None
        self._audit.record(
            actor, f"{target.value}.revoke", value.hex(), department=department, change=row.id
        )
        return row.id


def _check_transition(row: DocumentRecord, status: Status) -> None:
    if row.status == Status.REVOKED:
        raise ConflictError("document_revoked", id=row.id)
    if status == Status.SUSPENDED and row.status == Status.SUSPENDED:
        raise ConflictError("document_suspended", id=row.id)
    if status == Status.VALID and row.status != Status.SUSPENDED:
        raise ConflictError("document_not_suspended", id=row.id)
