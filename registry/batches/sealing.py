"""The worker's step from signed to batched: trees are closed and their roots queued."""

import secrets
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ecert.merkle import HASH_BYTES, MerkleTree, leaf_hash
from registry import bulk
from registry.batches.models import Batch, BatchState
from registry.clock import new_id, new_ids
from registry.context import Context
from registry.database import insert_many
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

_KEY_BYTES = 16
_PLACES = bulk.update_by_id(Artefact, ("state", "batch_id", "leaf_index"))
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


def close_tree(
    session: Session, department: str, digests: Sequence[bytes], *, oldest_iat: int, now: int
) -> tuple[str, list[int]]:
    """Make a batch of all of ``digests``, in a random order.

    Returns:
        The batch's id, and the leaf index of each digest.
    """
    # Neither the order of issue nor which leaves are padding shows in the tree.
    order = _shuffled(len(digests))
    leaves = [digests[number] for number in order]
    batch = Batch(
        id=new_id(),
        department=department,
        root=MerkleTree(map(leaf_hash, leaves)).root,
        size=len(leaves),
        leaves=b"".join(leaves),
        oldest_iat=oldest_iat,
        created_at=now,
    )
    session.add(batch)
    session.flush()
    session.expunge(batch)
    places = [0] * len(order)
    for place, number in enumerate(order):
        places[number] = place
    return batch.id, places


def _shuffled(count: int) -> list[int]:
    """Return the numbers below ``count`` in a random order: that of as many random keys."""
    random = secrets.token_bytes(_KEY_BYTES * count)
    keys = [random[start : start + _KEY_BYTES] for start in range(0, len(random), _KEY_BYTES)]
    return sorted(range(count), key=keys.__getitem__)


def _seal(session: Session, context: Context, department: str, rows: Sequence[_Row]) -> None:
    now = context.clock()
    ids = [row_id for row_id, _, _ in rows]
    padding = new_ids(max(0, context.settings.batch_minimum - len(rows)))
    digests = [digest for _, digest, _ in rows]
    digests += [secrets.token_bytes(HASH_BYTES) for _ in padding]
    oldest_iat = min(iat for _, _, iat in rows)
    batch_id, places = close_tree(session, department, digests, oldest_iat=oldest_iat, now=now)
    batched = ArtefactState.BATCHED.value
    bulk.execute_rows(
        session,
        _PLACES,
        [(batched, batch_id, place, row_id) for row_id, place in zip(ids, places, strict=False)],
    )
    fillers: list[dict[str, Any]] = [
        {
            "id": row_id,
            "department": department,
            "form": ArtefactForm.PADDING,
            "text": "",
            "digest": digest,
            "state": ArtefactState.BATCHED,
            "batch_id": batch_id,
            "leaf_index": place,
            "iat": now,
        }
        for row_id, digest, place in zip(
            padding, digests[len(ids) :], places[len(ids) :], strict=True
        )
    ]
    insert_many(session, Artefact, fillers)
    session.execute(
        sa.update(DocumentRecord)
        .where(
            col(DocumentRecord.id).in_(
                select(Artefact.document_id).where(col(Artefact.batch_id) == batch_id)
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
