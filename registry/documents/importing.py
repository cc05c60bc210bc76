"""From a department's file to submitted documents: good rows kept, every error reported."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlmodel import Session, col

from ecert import limits
from ecert.identifiers import check_issuer
from ecert.kinds import Catalogue
from registry import bulk
from registry.access.actor import Actor
from registry.access.models import Role
from registry.audit.service import AuditTrail
from registry.clock import day_in_china, new_id, new_ids
from registry.context import Context
from registry.documents.models import DocumentRecord, DocumentState, ImportJob
from registry.documents.reading import MARK, NAMES, ROW_NUMBER, Origin, Values, told, values_of
from registry.documents.rows import free_expired
from registry.documents.service import DocumentService
from registry.imports import ImportResult, read_table
from registry.imports.table import doubled

CHUNK = 1000
"""Rows whose like is looked for in one query."""

_INSERT = bulk.insert_unless(DocumentRecord, ("id", *NAMES), "fingerprint")
_TAKE_OVER = bulk.update_by_id(DocumentRecord, ("import_id", "row_number"))
_GONE = (None, None, None, False)
_T = TypeVar("_T")


def read_import(
    catalogue: Catalogue, kind: str, filename: str, data: bytes, *, now: int
) -> ImportResult:
    """Read and check a file; no database is needed, and none is kept waiting.

    Raises:
        KindError: ``kind_unknown``.
        MalformedError: The file as a whole cannot be read.
    """
    return read_table(data, filename, catalogue.kind(kind), today=day_in_china(now))


@dataclass(slots=True)
class Tally:
    """What became of the rows of one import so far."""

    rows: int = 0
    good: int = 0
    known: int = 0
    bad: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    errors_total: int = 0

    def note(self, problems: Sequence[dict[str, Any]], total: int) -> None:
        """Count errors, and keep as many as are listed."""
        self.errors += problems[: limits.MAX_IMPORT_ERRORS - len(self.errors)]
        self.errors_total += total


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
        origin = self._begin(actor, department=department, kind=kind, filename=filename)
        known = self._context.catalogue.kind(kind)
        rows_bad = len({problem.row for problem in result.errors})
        tally = Tally(rows=result.rows_read, bad=max(rows_bad, result.rows_read - len(result.rows)))
        problems = [told(problem) for problem in result.errors]
        tally.note(problems, len(problems) + result.errors_left_out)
        for rows in chunks(result.rows, CHUNK):
            self.add(origin, [values_of(origin, known, r.claims, r.number) for r in rows], tally)
        return self.finish(actor, origin, tally)

    def start(self, actor: Actor, *, department: str, kind: str, filename: str) -> Origin:
        """Begin an import whose rows come in many transactions.

        Until ``finish`` nobody can approve it as a whole. Where it never comes to that, the same
        file is imported again, which takes over what this one has kept.

        Raises:
            ForbiddenError: The actor is no clerk of the department.
            ConflictError: ``department_not_admitted``, ``kind_not_granted_now``.
            IdentifierError: The department's code can be no issuer's in a certificate identifier.
        """
        origin = self._begin(actor, department=department, kind=kind, filename=filename)
        self._audit.record(
            actor, "import.start", origin.import_id, department=department, kind=kind
        )
        return origin

    def _begin(self, actor: Actor, *, department: str, kind: str, filename: str) -> Origin:
        actor.require(Role.CLERK, department)
        self._documents.require_grant(department, kind)
        check_issuer(department)
        now = self._context.clock()
        job = ImportJob(
            id=new_id(),
            department=department,
            kind=kind,
            filename=filename[-200:],
            officer=actor.id,
            created_at=now,
            reading=True,
        )
        self._session.add(job)
        self._session.flush()
        return Origin(department, kind, actor.id, job.id, DocumentState.SUBMITTED.value, now)

    def add(self, origin: Origin, rows: Sequence[Values], tally: Tally) -> list[dict[str, Any]]:
        """Keep up to ``CHUNK`` rows that are right by themselves.

        Args:
            origin: The import.
            rows: The documents' columns, as ``values_of`` returns them.
            tally: Counts the rows.

        Returns:
            The errors of rows that say the same as an earlier one of the file; not yet counted.
        """
        made = [(id_, *row) for id_, row in zip(new_ids(len(rows)), rows, strict=True)]
        if bulk.execute_rows(self._session, _INSERT, made) == len(made):
            tally.good += len(made)
            return []
        free_expired(self._session, [row[MARK] for row in rows], origin.now)
        bulk.execute_rows(self._session, _INSERT, made)
        return self._compare(origin, made, tally)

    def _compare(
        self, origin: Origin, made: Sequence[Values], tally: Tally
    ) -> list[dict[str, Any]]:
        """Tell rows that became documents from those whose document was there."""
        statement = (
            sa.select(
                col(DocumentRecord.fingerprint),
                col(DocumentRecord.id),
                col(DocumentRecord.import_id),
                col(DocumentRecord.row_number),
                sa.and_(
                    col(DocumentRecord.state) == DocumentState.SUBMITTED,
                    col(ImportJob.id).is_not(None),
                    col(ImportJob.reading),
                ),
            )
            .outerjoin(ImportJob, col(ImportJob.id) == col(DocumentRecord.import_id))
            .where(col(DocumentRecord.fingerprint).in_([row[1 + MARK] for row in made]))
        )
        there = {mark: tuple(rest) for mark, *rest in self._session.execute(statement)}
        taken_over: list[Values] = []
        problems: list[dict[str, Any]] = []
        for row in made:
            mark, number = row[1 + MARK], row[1 + ROW_NUMBER]
            # One that is gone from here was rejected in this moment; it was known all the same.
            document_id, import_id, first, unfinished = there.get(mark, _GONE)
            if document_id == row[0]:
                tally.good += 1
            elif import_id == origin.import_id:
                tally.bad += 1
                problems.append(told(doubled(number, first)))
            elif unfinished:
                # Left by an import that was broken off: it belongs to this one now.
                there[mark] = (document_id, origin.import_id, number, True)
                taken_over.append((origin.import_id, number, document_id))
                tally.good += 1
            else:
                tally.known += 1
        bulk.execute_rows(self._session, _TAKE_OVER, taken_over)
        return problems

    def finish(self, actor: Actor, origin: Origin, tally: Tally) -> ImportJob:
        """End an import: all of the file has been read."""
        job = self.note(origin, tally)
        job.errors = tally.errors
        job.reading = False
        self._session.add(job)
        self._session.flush()
        self._audit.record(
            actor,
            "import.keep",
            job.id,
            department=job.department,
            kind=job.kind,
            good=job.good,
            known=job.known,
            bad=job.bad,
        )
        return job

    def note(self, origin: Origin, tally: Tally) -> ImportJob:
        """Record how far an import has come."""
        job = self._session.get_one(ImportJob, origin.import_id)
        job.rows, job.good, job.known, job.bad = tally.rows, tally.good, tally.known, tally.bad
        job.errors_total = tally.errors_total
        self._session.add(job)
        return job


def chunks(source: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Yield the items of ``source`` in lists of ``size``, the last one shorter."""
    items = iter(source)
    while chunk := list(islice(items, size)):
        yield chunk
