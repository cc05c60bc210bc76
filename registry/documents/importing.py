"""From a department's file to submitted documents: good rows kept, every error reported."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from sqlmodel import Session, col, select

from ecert.kinds import Catalogue, Kind
from registry.access.actor import Actor
from registry.access.models import Role
from registry.audit.service import AuditTrail
from registry.clock import day_in_china, new_id, new_ids
from registry.context import Context
from registry.database import insert_many
from registry.documents.models import DocumentRecord, DocumentState, ImportJob
from registry.documents.preparing import (
    Prepared,
    complete,
    fingerprint,
    free_expired,
    row_of,
)
from registry.documents.service import DocumentService
from registry.imports import ImportProblem, ImportResult, ImportRow, read_table

_CHUNK = 1000


def read_import(
    catalogue: Catalogue, kind: str, filename: str, data: bytes, *, now: int
) -> ImportResult:
    """Read and check a file; no database is needed, and none is kept waiting.

    Raises:
        KindError: ``kind_unknown``.
        MalformedError: The file as a whole cannot be read.
    """
    return read_table(data, filename, catalogue.kind(kind), today=day_in_china(now))


class ImportService:
    """Keeps what was read from files.

    Args:
        session: The transaction to work in.
        context: What the process shares.
        documents: Knows who may issue what.
        audit: Where acts are recorded.
    """

    def __init__(
        self, session: Session, context: Context, documents: DocumentService, audit: AuditTrail
    ) -> None:
        self._session = session
        self._context = context
        self._documents = documents
        self._audit = audit

    def keep(
        self, actor: Actor, *, department: str, kind: str, filename: str, result: ImportResult
    ) -> ImportJob:
        """Make a submitted document of each good row that is not one already.

        The same file again, or a corrected one, adds only what is new.

        Args:
            actor: A clerk of the department.
            department: The issuing department.
            kind: The kind of all rows.
            filename: The file's name, for people.
            result: What ``read_import`` returned.

        Raises:
            ForbiddenError: The actor is no clerk of the department.
            ConflictError: ``department_not_admitted``, ``kind_not_granted_now``.
            IdentifierError: The department's code can be no issuer's in a certificate identifier.
        """
        actor.require(Role.CLERK, department)
        self._documents.require_grant(department, kind)
        now = self._context.clock()
        rows_bad = len({problem.row for problem in result.errors})
        job = ImportJob(
            id=new_id(),
            department=department,
            kind=kind,
            filename=filename[-200:],
            officer=actor.id,
            rows=result.rows_read,
            bad=max(rows_bad, result.rows_read - len(result.rows)),
            errors=[_problem(problem) for problem in result.errors],
            errors_total=len(result.errors) + result.errors_left_out,
            created_at=now,
        )
        self._session.add(job)
        self._session.flush()
        known = self._context.catalogue.kind(kind)
        for rows in _chunks(result.rows):
            self._keep_rows(job, known, rows, now)
        self._audit.record(
            actor,
            "import.keep",
            job.id,
            department=department,
            kind=kind,
            good=job.good,
            known=job.known,
            bad=job.bad,
        )
        return job

    def _keep_rows(self, job: ImportJob, kind: Kind, rows: Sequence[ImportRow], now: int) -> None:
        marks = [fingerprint(job.department, kind, row.claims) for row in rows]
        free_expired(self._session, marks, now)
        statement = select(DocumentRecord.fingerprint).where(
            col(DocumentRecord.fingerprint).in_(marks)
        )
        taken = set(self._session.exec(statement).all())
        fresh = [(row, mark) for row, mark in zip(rows, marks, strict=True) if mark not in taken]
        job.good += len(fresh)
        job.known += len(rows) - len(fresh)
        if not fresh:
            return
        inserts: list[dict[str, Any]] = []
        for document_id, (row, mark) in zip(new_ids(len(fresh)), fresh, strict=True):
            claims = complete(job.department, kind, row.claims, now)
            prepared = Prepared(claims, claims.get("certificate_identifier"), mark)
            inserts.append(
                row_of(
                    document_id,
                    job.department,
                    kind,
                    prepared,
                    officer=job.officer,
                    now=now,
                    state=DocumentState.SUBMITTED,
                    import_id=job.id,
                    row_number=row.number,
                )
            )
        insert_many(self._session, DocumentRecord, inserts)


def _problem(problem: ImportProblem) -> dict[str, Any]:
    return {
        "row": problem.row,
        "column": problem.column,
        "code": problem.code,
        "zh": problem.zh,
        "en": problem.en,
    }


def _chunks(rows: Sequence[ImportRow]) -> Iterator[list[ImportRow]]:
    source = iter(rows)
    while chunk := list(islice(source, _CHUNK)):
        yield chunk
