"""The worker's step from approved to signed: paper artefacts, many in one transaction."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ecert.errors import EcertError
from ecert.signing import Signer
from registry.context import Context
from registry.departments.keys import KeyService
from registry.departments.models import (
    Department,
    DepartmentState,
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
from registry.errors import RegistryError
from registry.status.lists import StatusAllocator


def sign_approved(session: Session, context: Context, limit: int) -> int:
    """Sign up to ``limit`` approved documents; return how many were dealt with.

    Documents of a department that may not issue now stay approved. What cannot be signed at all is
    rejected with the error's code as its reason.
    """
    rows = _approved(session, limit)
    by_department: defaultdict[str, list[DocumentRecord]] = defaultdict(list)
    for row in rows:
        by_department[row.department].append(row)
    for department, documents in by_department.items():
        _sign(session, context, department, documents)
    return len(rows)


def _approved(session: Session, limit: int) -> Sequence[DocumentRecord]:
    suspended = _suspended(session)
    statement = (
        select(DocumentRecord)
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
    if suspended:
        statement = statement.where(col(DocumentRecord.department).not_in(suspended))
    return session.exec(statement).all()


def _suspended(session: Session) -> set[str]:
    """Return the departments that may not issue: those not admitted, and all below them."""
    rows = session.exec(select(Department.code, Department.parent_code, Department.state)).all()
    barred = {code for code, _, state in rows if state != DepartmentState.ADMITTED}
    grew = bool(barred)
    while grew:
        below = {code for code, parent, _ in rows if parent in barred} - barred
        barred |= below
        grew = bool(below)
    return barred


def _sign(
    session: Session, context: Context, department: str, documents: Sequence[DocumentRecord]
) -> None:
    keys = KeyService(session, context.keystore)
    signer = keys.signer(keys.signing_key(department, KeyPurpose.DOCUMENTS))
    now = context.clock()
    each = 2 if context.settings.paper_cards else 1
    entries = iter(StatusAllocator(session).take(department, each * len(documents)))
    made: list[tuple[str, Signed]] = []
    changes: list[dict[str, Any]] = []
    for row in documents:
        change: dict[str, Any] = {"id": row.id, "updated_at": now}
        try:
            issue = _issue(context, row, now)
            signed = _paper(context, issue, signer, now, [next(entries) for _ in range(each)])
        except (RegistryError, EcertError) as error:
            change |= {
                "state": DocumentState.REJECTED,
                "reason": error.code,
                "fingerprint": None,
                "issued_at": None,
                "valid_until": None,
            }
        else:
            made += ((row.id, one) for one in signed)
            change |= {
                "state": DocumentState.SIGNED,
                "reason": row.reason,
                "fingerprint": row.fingerprint,
                "issued_at": row.issued_at or now,
                "valid_until": issue.valid_until,
            }
        changes.append(change)
    keep(session, department, made)
    session.execute(sa.update(DocumentRecord), changes)


def _issue(context: Context, row: DocumentRecord, now: int) -> Issue:
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
