"""Bringing database and chain together: on start, and whenever the chain may have lost blocks.

Either side may be older than the other: the chain when its node died before a snapshot or was
restored from an old one, the database when a backup was restored. What the chain lost is sent
again, byte for byte; what the chain holds and the database does not know is adopted. Revocations
first.
"""

import logging
from collections.abc import Sequence

import sqlalchemy as sa
from sqlmodel import Session, col, select

from ecert.chain.node import Header
from ecert.fields import hex_text
from ecert.status import Status
from registry.application import Registry
from registry.audit.service import AuditTrail
from registry.batches.models import Batch, BatchState
from registry.departments.keys import KeyService
from registry.departments.models import OUTSIDE, Account, AccountPurpose
from registry.documents.models import (
    ANCHORED_STATES,
    Artefact,
    ArtefactState,
    DocumentRecord,
    DocumentState,
)
from registry.errors import ReconciliationError
from registry.outbox.adoption import adopt_unknown
from registry.outbox.checkpoints import keep_checkpoint
from registry.outbox.council import await_from
from registry.outbox.effects import anchored
from registry.outbox.models import (
    ChainDeployment,
    Purpose,
    Transaction,
    TransactionState,
)
from registry.outbox.nonces import DatabaseNonces
from registry.outbox.orphans import reopen_orphans
from registry.outbox.refusals import settle_change, status_on_chain
from registry.outbox.reorganisation import is_checkpoint_lost, replaced_blocks, transactions_in
from registry.outbox.sight import Settlement, Sight
from registry.status.models import ChangeState, StatusChange
from registry.status.order import follows_unfinished

_QUIET = {"synchronize_session": False}
_SENT = (TransactionState.PREPARED, TransactionState.BROADCAST, TransactionState.MINED)
_UNSENT = (TransactionState.AWAITING, TransactionState.QUEUED)
_RIGHTS = (Purpose.ANCHOR, Purpose.STATUS)
_log = logging.getLogger(__name__)


def reconcile(registry: Registry, sight: Sight, settlement: Settlement) -> int:
    """Compare database and chain; return how many transactions the chain had lost.

    What is adopted must stay: the chain is made final as it is before anything is looked at.

    Raises:
        ReconciliationError: ``chain_other_genesis``, ``chain_contract_missing``: this is not the
            chain that the registry was set up on.
        UnavailableError: Chain or database do not answer.
    """
    _check_chain(registry, sight)
    final = settlement.settle()
    turned = is_checkpoint_lost(registry, sight)  # before another takes its place
    if _is_restored(registry, sight):
        adopt_unknown(registry, sight, final)
    _adopt_changes(registry, sight)
    replaced = replaced_blocks(registry, sight, final.number)
    lost = _find_lost(registry, sight, replaced)
    if lost:
        _log.warning("no block holds %d transactions that were sent; sending again", len(lost))
        _reopen(registry, lost)
    if replaced:
        _reopen_adopted(registry, min(replaced), len(lost))
    if lost or replaced or turned:
        reopen_orphans(registry, sight)
        await_from(registry, min([final.number, *replaced]) - 1)
    _adopt_batches(registry, sight, final)
    with registry.database.transaction() as session:
        keep_checkpoint(session, registry.context, final)
    return len(lost)


def _check_chain(registry: Registry, sight: Sight) -> None:
    with registry.database.reading() as session:
        deployment = session.get(ChainDeployment, 1)
    assert deployment is not None  # Registry.open checked
    genesis = sight.sender.header(0)
    if genesis is None or genesis.hash != deployment.genesis_hash:
        raise ReconciliationError(
            "chain_other_genesis",
            found="-" if genesis is None else hex_text(genesis.hash),
            expected=hex_text(deployment.genesis_hash),
        )
    for name, contract in registry.context.contracts.deployment.contracts.items():
        if not sight.sender.code(contract.address):
            raise ReconciliationError(
                "chain_contract_missing", contract=name, address=contract.address
            )


def _adopt_changes(registry: Registry, sight: Sight) -> None:
    """End changes of status that the chain holds already."""
    after = 0
    while True:
        with registry.database.reading() as session:
            statement = select(StatusChange).where(
                col(StatusChange.state).in_((ChangeState.REQUESTED, ChangeState.SENT)),
                col(StatusChange.id) > after,
            )
            changes = session.exec(statement.order_by(col(StatusChange.id)).limit(500)).all()
        if not changes:
            return
        found = {change.id: status_on_chain(sight, change) for change in changes}
        with registry.database.transaction() as session:
            for change in changes:
                row = session.get(StatusChange, change.id, with_for_update=True)
                # A valid entry is no news: reinstating it may still wait behind a suspension.
                if row is not None and found[change.id] != 0:
                    _settle_if_same(session, row, found[change.id])
        after = changes[-1].id or 0


def _settle_if_same(session: Session, row: StatusChange, found: int) -> None:
    if row.state not in (ChangeState.REQUESTED, ChangeState.SENT) or found != row.status:
        return
    # An older change on its way would undo it, unless it is for good: then it has to be sent.
    if row.status == Status.REVOKED or not follows_unfinished(session, row):
        settle_change(session, row, found)


def _is_restored(registry: Registry, sight: Sight) -> bool:
    """Tell whether blocks hold transactions of ours that the database does not know."""
    with registry.database.reading() as session:
        known = session.exec(
            select(Account.address, Account.next_nonce).where(col(Account.sealed) != OUTSIDE)
        ).all()
        deployer = session.exec(
            select(Account.address).where(col(Account.purpose) == AccountPurpose.DEPLOYER)
        ).all()
    return any(
        # Deploying keeps no outbox, so its nonces are not counted here.
        address not in deployer and sight.sender.transaction_count(address) > nonce
        for address, nonce in known
    )


def _find_lost(registry: Registry, sight: Sight, replaced: list[int]) -> list[int]:
    """Return the transactions, in the order to send them, that must be sent or looked for again.

    Those whose nonces no block holds any more, and those of blocks that others have replaced: these
    may stand in another block by now. A block that is there holds what it held, however few
    transactions a node that lags may count.
    """
    with registry.database.reading() as session:
        accounts = session.exec(select(Account).where(col(Account.sealed) != OUTSIDE)).all()
        lost = {row.id: row for row in transactions_in(session, replaced)}
    for account in accounts:
        with registry.database.transaction() as session:
            missing = sight.sender.reconcile(account.address, DatabaseNonces(session))
            if missing:
                for row in _stored(session, sight, registry, account, missing):
                    if not _stands(row, replaced):
                        lost[row.id] = row
    return [row.id for row in _in_order(list(lost.values())) if row.id is not None]


def _stored(
    session: Session, sight: Sight, registry: Registry, account: Account, missing: range
) -> Sequence[Transaction]:
    statement = select(Transaction).where(
        col(Transaction.account) == account.address,
        col(Transaction.nonce) >= missing.start,
        col(Transaction.nonce) < missing.stop,
        # What failed was made again by another transaction, if at all: only its nonce is missing.
        col(Transaction.state) != TransactionState.FAILED,
    )
    rows = session.exec(statement).all()
    known = {row.nonce for row in rows}
    for nonce in missing:
        if nonce not in known:
            # Nothing is known to have used it: fill the gap, or later ones wait for ever.
            local = KeyService(session, registry.context.keystore).local_account(account)
            sight.sender.fill(local, nonce)
    for row in rows:
        session.expunge(row)
    return rows


def _stands(row: Transaction, replaced: list[int]) -> bool:
    """Tell whether the block that made a transaction final is on the chain."""
    final = row.state == TransactionState.FINAL and row.block_hash is not None
    return final and row.block not in replaced


def _in_order(rows: Sequence[Transaction]) -> list[Transaction]:
    """Sort as they were mined, but revocations before anchors.

    What gives rights keeps its place before what needs them; a revocation goes before the first
    anchor, so that a document is not shown valid again for the time that the anchors take.
    """

    def place(row: Transaction) -> tuple[int, int]:
        return (row.block if row.block is not None else 1 << 60, row.id or 0)

    ordered = sorted(rows, key=place)
    anchors = [place(row) for row in ordered if row.purpose == Purpose.ANCHOR]
    if not anchors:
        return ordered
    first = anchors[0]
    before = [row for row in ordered if place(row) < first]
    after = [row for row in ordered if place(row) >= first]
    statuses = [row for row in after if row.purpose == Purpose.STATUS]
    return before + statuses + [row for row in after if row.purpose != Purpose.STATUS]


def _reopen(registry: Registry, lost: Sequence[int]) -> None:
    """Undo what had followed from transactions that are no longer on the chain."""
    with registry.database.transaction() as session:
        for order, transaction_id in enumerate(lost, -len(lost)):
            row = session.get(Transaction, transaction_id, with_for_update=True)
            if row is None or row.state in _UNSENT:
                continue
            # What others sent has no bytes here; they must send it again.
            outside = row.raw is None
            row.state = TransactionState.AWAITING if outside else TransactionState.PREPARED
            row.resend_order, row.log_index = order, None
            row.block = row.block_hash = row.block_time = row.error = None
            row.updated_at = registry.context.clock()
            session.flush()
            if row.purpose == Purpose.ANCHOR:
                _reopen_batches(session, col(Batch.transaction_id) == row.id)
            elif row.purpose == Purpose.STATUS:
                session.execute(
                    sa.update(StatusChange)
                    .where(
                        col(StatusChange.transaction_id) == row.id,
                        col(StatusChange.state) == ChangeState.FINAL,
                    )
                    .values(state=ChangeState.SENT),
                    execution_options=_QUIET,
                )


def _reopen_adopted(registry: Registry, first: int, lost: int) -> None:
    """Let batches of replaced blocks be looked for again that no transaction of ours stands for."""
    with registry.database.transaction() as session:
        AuditTrail(session, registry.context.clock).record(
            None, "chain.reorganised", str(first), transactions=lost
        )
        _reopen_batches(session, col(Batch.block) >= first)


def _reopen_batches(session: Session, which: sa.ColumnElement[bool]) -> None:
    statement = select(Batch).where(which, col(Batch.state) == BatchState.FINAL)
    for batch in session.exec(statement).all():
        batch.state = BatchState.SEALED
        batch.block = batch.anchor_time = batch.sequence = None
        session.flush()
        ids = select(Artefact.document_id).where(col(Artefact.batch_id) == batch.id)
        session.execute(
            sa.update(DocumentRecord)
            .where(col(DocumentRecord.id).in_(ids), col(DocumentRecord.state).in_(ANCHORED_STATES))
            .values(state=DocumentState.BATCHED),
            execution_options=_QUIET,
        )
        session.execute(
            sa.update(Artefact)
            .where(
                col(Artefact.batch_id) == batch.id, col(Artefact.state) == ArtefactState.ANCHORED
            )
            .values(state=ArtefactState.BATCHED),
            execution_options=_QUIET,
        )


def _adopt_batches(registry: Registry, sight: Sight, final: Header) -> None:
    """Let batches be final whose roots are anchored though the database knows no such transaction.

    Those whose own transaction is on its way become final with it.
    """
    with registry.database.reading() as session:
        statement = (
            select(Batch)
            .outerjoin(Transaction, col(Transaction.id) == col(Batch.transaction_id))
            .where(
                col(Batch.state) == BatchState.SEALED,
                sa.or_(col(Transaction.id).is_(None), col(Transaction.state).not_in(_SENT)),
            )
        )
        batches = session.exec(statement).all()
    for batch in batches:
        anchor = sight.inspect(batch.department, root=batch.root).anchor
        if anchor is None or anchor.block > final.number:
            continue
        with registry.database.transaction() as session:
            row = session.get(Batch, batch.id, with_for_update=True)
            if row is not None and row.state == BatchState.SEALED:
                anchored(session, registry.context, row, block=anchor.block, time=anchor.time)
