"""The worker's step from signed to batched: trees are closed and their roots queued."""

import secrets
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ecert.merkle import MerkleTree, leaf_hash
from registry.batches.models import Batch, BatchState
from registry.clock import new_id, new_ids
from registry.context import Context
from registry.database import insert_many, update_many
from registry.departments.keys import KeyService, hold_keys
from registry.departments.models import AccountPurpose
from registry.documents.models import (
    Artefact,
    ArtefactForm,
    ArtefactState,
    DocumentRecord,
    DocumentState,
)
from registry.outbox.models import Purpose
from registry.outbox.service import Outbox

MAX_BATCHES = 16
"""Batches closed for one department in one step."""

MAX_ROOTS = 100
"""Roots anchored in one transaction: about 3,000,000 gas."""

_SHUFFLE = secrets.SystemRandom()
_Row = tuple[str, bytes, int]


def seal_waiting(session: Session, context: Context) -> int:
    """Close batches of signed artefacts that are full or have waited; return how many."""
    waiting = select(Artefact.department).where(col(Artefact.state) == ArtefactState.SIGNED)
    sealed = 0
    for department in session.exec(waiting.distinct()).all():
        hold_keys(session, department)
        for rows in _due(session, context, department):
            _seal(session, context, department, rows)
            sealed += 1
    return sealed


def queue_anchors(session: Session, context: Context) -> int:
    """Queue a transaction for sealed batches that have none; return how many transactions."""
    statement = (
        select(Batch.id, Batch.department, Batch.root, Batch.size)
        .where(col(Batch.state) == BatchState.SEALED, col(Batch.transaction_id).is_(None))
        .order_by(col(Batch.department), col(Batch.id))
        .with_for_update(skip_locked=True)
    )
    by_department: dict[str, list[tuple[str, bytes, int]]] = {}
    for batch_id, department, root, size in session.exec(statement).all():
        by_department.setdefault(department, []).append((batch_id, root, size))
    queued = 0
    for department, batches in by_department.items():
        for start in range(0, len(batches), MAX_ROOTS):
            queue_roots(session, context, department, batches[start : start + MAX_ROOTS])
            queued += 1
    return queued


def _due(session: Session, context: Context, department: str) -> list[Sequence[_Row]]:
    settings = context.settings
    size = settings.batch_leaves
    statement = (
        select(Artefact.id, Artefact.digest, Artefact.iat)
        .where(col(Artefact.state) == ArtefactState.SIGNED, col(Artefact.department) == department)
        .order_by(col(Artefact.id))
        .limit(MAX_BATCHES * size)
        .with_for_update(skip_locked=True)
    )
    rows = session.exec(statement).all()
    groups = [rows[start : start + size] for start in range(0, len(rows), size)]
    if groups and len(groups[-1]) < size:
        oldest = min(iat for _, _, iat in groups[-1])
        if context.clock() < oldest + settings.batch_seconds:
            groups.pop()
    return groups


def _seal(session: Session, context: Context, department: str, rows: Sequence[_Row]) -> None:
    now = context.clock()
    padding = max(0, context.settings.batch_minimum - len(rows))
    leaves = [(row_id, digest) for row_id, digest, _ in rows]
    leaves += [(row_id, secrets.token_bytes(32)) for row_id in new_ids(padding)]
    # Neither the order of issue nor which leaves are padding shows in the tree.
    _SHUFFLE.shuffle(leaves)
    tree = MerkleTree(leaf_hash(digest) for _, digest in leaves)
    batch = Batch(
        id=new_id(),
        department=department,
        root=tree.root,
        size=len(leaves),
        leaves=b"".join(digest for _, digest in leaves),
        oldest_iat=min(iat for _, _, iat in rows),
        created_at=now,
    )
    session.add(batch)
    session.flush()
    mine = {row_id for row_id, _, _ in rows}
    places: list[dict[str, Any]] = []
    fillers: list[dict[str, Any]] = []
    for index, (row_id, digest) in enumerate(leaves):
        place = {
            "id": row_id,
            "state": ArtefactState.BATCHED,
            "batch_id": batch.id,
            "leaf_index": index,
        }
        if row_id in mine:
            places.append(place)
        else:
            fillers.append(
                place
                | {
                    "department": department,
                    "form": ArtefactForm.PADDING,
                    "text": "",
                    "digest": digest,
                    "iat": now,
                }
            )
    update_many(session, Artefact, places)
    insert_many(session, Artefact, fillers)
    session.execute(
        sa.update(DocumentRecord)
        .where(
            col(DocumentRecord.id).in_(
                select(Artefact.document_id).where(col(Artefact.batch_id) == batch.id)
            ),
            col(DocumentRecord.state) == DocumentState.SIGNED,
        )
        .values(state=DocumentState.BATCHED, updated_at=now)
        .execution_options(synchronize_session=False)
    )


def queue_roots(
    session: Session,
    context: Context,
    department: str,
    batches: Sequence[tuple[str, bytes, int]],
    *,
    delay: int = 0,
    attempts: int = 0,
) -> None:
    """Queue one transaction that anchors batches, given as (id, root, size)."""
    calls = context.contracts.anchors
    account = KeyService(session, context.keystore).account(department, AccountPurpose.ANCHOR)
    if len(batches) == 1:
        _, root, size = batches[0]
        call = calls.anchor(department, root, size)
    else:
        call = calls.anchor_many(department, [(root, size) for _, root, size in batches])
    transaction = Outbox(session, context.clock).queue(
        account.address, call, Purpose.ANCHOR, delay=delay, attempts=attempts
    )
    session.execute(
        sa.update(Batch)
        .where(col(Batch.id).in_([batch_id for batch_id, _, _ in batches]))
        .values(transaction_id=transaction)
        .execution_options(synchronize_session=False)
    )
