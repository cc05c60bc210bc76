"""Departments, keys and kinds, where the chain went on without the database."""

from collections.abc import Mapping

from sqlmodel import Session, col, select

from registry.adoption.findings import Findings
from registry.audit.service import AuditTrail
from registry.departments.models import (
    Department,
    DepartmentState,
    GrantState,
    KeyPurpose,
    KeyState,
    KindGrant,
    SigningKey,
)
from registry.documents.renewal import mark_waiting
from registry.outbox.models import LIVE_STATES, Purpose, Transaction
from registry.restored.models import LOST_DEPARTMENT, LOST_KEY

_ENDED = (KeyState.WITHDRAWN, KeyState.COMPROMISED)


def adopt_departments(session: Session, findings: Findings, audit: AuditTrail) -> None:
    """Take over admissions, suspensions, keys and kinds; record what is lost."""
    rows = {row.code: row for row in session.exec(select(Department)).all()}
    for code in sorted(set(findings.parents) - set(rows)):
        if findings.parents[code] in {"", *rows}:
            audit.record(None, LOST_DEPARTMENT, code)
    for code in set(rows) & set(findings.parents):
        _adopt_state(session, rows[code], code in findings.suspended)
    _adopt_keys(session, findings.keys, set(rows), audit)
    for (code, kind), granted in findings.kinds.items():
        if code in rows:
            _adopt_kind(session, code, kind, granted=granted)
    session.flush()


def _adopt_state(session: Session, row: Department, suspended: bool) -> None:
    """Take over whether a department may act; an order of its own on its way stays one."""
    if suspended and row.state != DepartmentState.SUSPENDED:
        row.state = DepartmentState.SUSPENDED
        row.transaction_id = None  # its admission, found again, does not end that
    elif not suspended and row.state == DepartmentState.SUSPENDED:
        if not _waits(session, row.transaction_id):
            row.state = DepartmentState.ADMITTED
    elif row.state in (DepartmentState.REQUESTED, DepartmentState.REFUSED):
        row.state = DepartmentState.ADMITTED


def _adopt_keys(
    session: Session,
    keys: Mapping[str, tuple[str, KeyState]],
    ours: set[str],
    audit: AuditTrail,
) -> None:
    statement = select(SigningKey).where(col(SigningKey.purpose) == KeyPurpose.DOCUMENTS)
    known = {row.kid: row for row in session.exec(statement).all()}
    for kid, (department, state) in keys.items():
        row = known.get(kid)
        if row is None:
            if department in ours and state == KeyState.REGISTERED:
                audit.record(None, LOST_KEY, kid, department=department)
        elif state in _ENDED and row.state != KeyState.COMPROMISED:
            if row.state not in _ENDED:
                mark_waiting(session, department)
            row.state = state
        elif row.state == KeyState.NEW:
            row.state = KeyState.REGISTERED


def _adopt_kind(session: Session, code: str, kind: str, *, granted: bool) -> None:
    row = session.get(KindGrant, (code, kind))
    if row is None:
        if granted:
            session.add(KindGrant(department=code, kind=kind, state=GrantState.GRANTED))
    elif granted and (row.state == GrantState.REQUESTED or not _ending(session, code)):
        row.state = GrantState.GRANTED
    elif not granted and row.state == GrantState.GRANTED:
        row.state = GrantState.WITHDRAWN


def _ending(session: Session, code: str) -> bool:
    """Tell whether an act on the kinds of some department is on its way."""
    del code  # a withdrawal's row names it in its call data only
    statement = select(Transaction.id).where(
        col(Transaction.purpose) == Purpose.KIND, col(Transaction.state).in_(LIVE_STATES)
    )
    return session.exec(statement.limit(1)).first() is not None


def _waits(session: Session, transaction_id: int | None) -> bool:
    row = session.get(Transaction, transaction_id) if transaction_id is not None else None
    return row is not None and row.state in LIVE_STATES
