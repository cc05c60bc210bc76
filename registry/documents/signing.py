"""The worker's step from approved to signed: paper artefacts, many in one transaction.

Where a whole tree is waiting it is closed in the same step, so that each row is written once.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlmodel import Session, col

from registry import bulk
from registry.audit.service import AuditTrail
from registry.batches.sealing import close_tree
from registry.clock import new_ids
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
from registry.documents.models import Artefact, ArtefactState, DocumentRecord, DocumentState
from registry.documents.papers import Approved, Outcome, Papers, sign_papers
from registry.outbox.checkpoints import signing_time
from registry.processes import Mapper, Pool
from registry.status.lists import StatusAllocator

DOCUMENTS: sa.Table = DocumentRecord.__table__  # type: ignore[attr-defined]

POOL_FROM = 1024
"""Documents from which on processes sign; fewer are signed sooner than a process starts."""

_TASK = 256
"""Documents that a process signs before it answers."""

_COLUMNS = [
    sa.cast(DOCUMENTS.c[name], sa.Text) if name == "claims" else DOCUMENTS.c[name]
    for name in Approved._fields
]
_ARTEFACTS = bulk.insert(
    Artefact,
    (
        "id", "department", "document_id", "form", "view", "text", "digest", "status_list",
        "status_index", "state", "batch_id", "leaf_index", "iat",
    ),
)  # fmt: skip
_DOCUMENTS = bulk.update_by_id(DocumentRecord, ("state", "issued_at", "valid_until", "updated_at"))
_Made: TypeAlias = tuple[str, str, str | None, str, bytes, int, int]
"""A document's id, and an artefact of it as ``Outcome`` has it."""


def sign_approved(session: Session, context: Context, limit: int, pool: Pool | None = None) -> int:
    """Sign up to ``limit`` approved documents; return how many were dealt with.

    Documents of a department that may not issue now stay approved. What cannot be signed at all is
    rejected with the error's code as its reason.

    Args:
        session: The transaction to work in.
        context: What the process shares.
        limit: How many.
        pool: Processes that sign where there is much to sign.
    """
    rows = _approved(session, limit)
    by_department: defaultdict[str, list[Approved]] = defaultdict(list)
    for row in rows:
        by_department[row.department].append(row)
    for department, documents in by_department.items():
        run = map if pool is None or len(documents) < POOL_FROM else pool.map
        _sign(session, context, department, documents, run)
    return len(rows)


def _approved(session: Session, limit: int) -> list[Approved]:
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
    return [Approved(*row) for row in session.execute(statement)]


def _sign(
    session: Session,
    context: Context,
    department: str,
    documents: Sequence[Approved],
    run: Mapper,
) -> None:
    now, size = signing_time(session, context), context.settings.batch_leaves
    tasks = _tasks(session, context, department, documents, now)
    made: list[_Made] = []
    signed: list[Outcome] = []
    rejected: list[dict[str, Any]] = []
    batched: set[str] = set()
    for outcomes in run(sign_papers, tasks):
        for outcome in outcomes:
            if outcome.refused is not None:
                rejected.append(_rejection(outcome, now))
                continue
            signed.append(outcome._replace(artefacts=()))  # the long texts are kept once
            made += ((outcome.id, *artefact) for artefact in outcome.artefacts)
        while len(made) >= size:
            _keep(session, department, made[:size], now, full=True)
            batched.update(document_id for document_id, *_ in made[:size])
            del made[:size]
    _keep(session, department, made, now, full=False)
    _move(session, signed, batched, now)
    update_many(session, DocumentRecord, rejected)
    AuditTrail(session, context.clock).record(
        None,
        "documents.sign",
        department,
        department=department,
        signed=len(signed),
        rejected=len(rejected),
    )


def _tasks(
    session: Session, context: Context, department: str, documents: Sequence[Approved], now: int
) -> list[Papers]:
    keys = KeyService(session, context.keystore)
    signer = keys.signer(keys.issuing_key(department))
    suite, secret = signer.public_key.suite.jose, signer.private_bytes()
    settings = context.settings
    each = 2 if settings.paper_cards else 1
    entries = StatusAllocator(session).take_apart(department, each * len(documents))
    return [
        Papers(
            settings.origin,
            suite,
            secret,
            settings.paper_cards,
            now,
            documents[start : start + _TASK],
            entries[start * each : (start + _TASK) * each],
        )
        for start in range(0, len(documents), _TASK)
    ]


def _keep(
    session: Session, department: str, made: Sequence[_Made], now: int, *, full: bool
) -> None:
    """Insert artefacts: as a tree where they fill one, else as waiting for others."""
    ids = new_ids(len(made))
    batch_id: str | None = None
    places: Sequence[int | None] = [None] * len(made)
    state = ArtefactState.SIGNED
    if full:
        digests = [digest for _, _, _, _, digest, _, _ in made]
        batch_id, places = close_tree(session, department, digests, oldest_iat=now, now=now)
        state = ArtefactState.BATCHED
    rows = [
        (id_, department, *artefact, state.value, batch_id, place, now)
        for id_, artefact, place in zip(ids, made, places, strict=True)
    ]
    bulk.execute_rows(session, _ARTEFACTS, rows)


def _move(session: Session, signed: Sequence[Outcome], batched: set[str], now: int) -> None:
    states = {True: DocumentState.BATCHED.value, False: DocumentState.SIGNED.value}
    rows = [
        (states[one.id in batched], one.issued_at, one.valid_until, now, one.id) for one in signed
    ]
    bulk.execute_rows(session, _DOCUMENTS, rows)


def _rejection(outcome: Outcome, now: int) -> dict[str, Any]:
    return {
        "id": outcome.id,
        "updated_at": now,
        "state": DocumentState.REJECTED,
        "reason": outcome.refused,
        "fingerprint": None,
    }
