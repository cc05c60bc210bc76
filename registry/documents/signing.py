"""The worker's step from approved to signed: paper artefacts, many in one transaction."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col

from ecert.errors import EcertError
from ecert.signing import Signer
from registry.audit.service import AuditTrail
from registry.context import Context
from registry.database import update_many
from registry.departments.barring import barred_departments
from registry.departments.keys import KeyService
from registry.departments.models import (
    GrantState,
    KeyPurpose,
    KeyState,
    KindGrant,
    SigningKey,
)
from registry.documents.artefacts import keep
from registry.documents.issuing import Issue, Signed, sign_card, sign_document
from registry.documents.models import DocumentRecord, DocumentState
from registry.documents.preparing import check_term
from registry.outbox.checkpoints import signing_time
from registry.status.lists import StatusAllocator

DOCUMENTS: sa.Table = DocumentRecord.__table__  # type: ignore[attr-defined]


def sign_approved(session: Session, context: Context, limit: int) -> int:
    """Sign up to ``limit`` approved documents; return how many were dealt with.

    Documents of a department that may not issue now stay approved. What cannot be signed at all is
    rejected with the error's code as its reason.
    """
    rows = _approved(session, limit)
    by_department: defaultdict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        by_department[row.department].append(row)
    for department, documents in by_department.items():
        _sign(session, context, department, documents)
    return len(rows)


class _Row(NamedTuple):
    id: str
    department: str
    kind: str
    claims: dict[str, Any]
    issued_at: int | None
    valid_until: int | None


_COLUMNS = [DOCUMENTS.c[name] for name in _Row._fields]


def _approved(session: Session, limit: int) -> list[_Row]:
    barred = barred_departments(session)
    statement = (
        sa.select(*_COLUMNS)
        .join(
            KindGrant,
            sa.and_(
                col(KindGrant.department) == col(DocumentRecord.department),
                col(KindGrant.kind) == col(DocumentRecord.kind),
                col(KindGrant.state) == GrantState.GRANTED,
            ),
        )
        .where(
            col(DocumentRecord.state) == DocumentState.APPROVED,
            sa.exists().where(
                col(SigningKey.department) == col(DocumentRecord.department),
                col(SigningKey.purpose) == KeyPurpose.DOCUMENTS,
                col(SigningKey.state) == KeyState.REGISTERED,
            ),
        )
        .order_by(col(DocumentRecord.id))
        .limit(limit)
        .with_for_update(of=DocumentRecord, skip_locked=True)
    )
    if barred:
        statement = statement.where(col(DocumentRecord.department).not_in(barred))
    return [_Row(*row) for row in session.execute(statement)]


def _sign(session: Session, context: Context, department: str, documents: Sequence[_Row]) -> None:
    keys = KeyService(session, context.keystore)
    signer = keys.signer(keys.issuing_key(department))
    now = signing_time(session, context)
    each = 2 if context.settings.paper_cards else 1
    entries = iter(StatusAllocator(session).take_apart(department, each * len(documents)))
    made: list[tuple[str, Signed]] = []
    signed: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    for row in documents:
        change = {"id": row.id, "updated_at": now}
        try:
            issue = _issue(context, row, now)
            artefacts = _paper(context, issue, signer, now, [next(entries) for _ in range(each)])
        except EcertError as error:
            refusal = {"state": DocumentState.REJECTED, "reason": error.code, "fingerprint": None}
            rejected.append(change | refusal)
            continue
        made += ((row.id, artefact) for artefact in artefacts)
        signed.append(
            change
            | {
                "state": DocumentState.SIGNED,
                "issued_at": row.issued_at or now,
                "valid_until": issue.valid_until,
            }
        )
    keep(session, department, made)
    update_many(session, DocumentRecord, signed)
    update_many(session, DocumentRecord, rejected)
    AuditTrail(session, context.clock).record(
        None,
        "documents.sign",
        department,
        department=department,
        signed=len(signed),
        rejected=len(rejected),
    )


def _issue(context: Context, row: _Row, now: int) -> Issue:
    kind = context.catalogue.kind(row.kind)
    # What was signed before, for an anchor that never came, keeps its term.
    until = row.valid_until if row.issued_at else check_term(kind, row.claims, now)
    return Issue(context.settings.origin, row.department, kind, row.claims, until)


def _paper(
    context: Context, issue: Issue, signer: Signer, now: int, entries: Sequence[tuple[int, int]]
) -> list[Signed]:
    signed = [sign_document(issue, signer, status=entries[0], now=now, holder=None)]
    if context.settings.paper_cards:
        view = issue.kind.paper_card
        signed.append(sign_card(issue, signer, view, status=entries[1], now=now, holder=None))
    return signed
