"""Which final transactions stand in blocks that are no longer on the chain."""

from collections.abc import Iterator

from sqlmodel import Session, col, select

from registry.application import Registry
from registry.outbox.models import ChainCheckpoint, Transaction, TransactionState
from registry.outbox.sight import Sight

_STEP = 100


def replaced_blocks(registry: Registry, sight: Sight, last: int) -> list[int]:
    """Return the blocks with final transactions that are not on the chain, the newest first.

    A reorganisation replaces the end of the chain: the first block that is still there ends the
    search, so that a start with nothing amiss asks for one block.

    Args:
        registry: Whose transactions.
        sight: Reads the chain.
        last: The chain's newest block.

    Raises:
        UnavailableError: The chain does not answer.
    """
    replaced: list[int] = []
    for number, block_hash in _blocks(registry):
        header = sight.sender.header(number) if number <= last else None
        if header is not None and header.hash == block_hash:
            break
        replaced.append(number)
    return replaced


def is_checkpoint_lost(registry: Registry, sight: Sight) -> bool:
    """Tell whether the block of the checkpoint that is kept is not on the chain.

    Raises:
        UnavailableError: The chain does not answer.
    """
    with registry.database.reading() as session:
        kept = session.get(ChainCheckpoint, 1)
    if kept is None:
        return False
    header = sight.sender.header(kept.number)
    return header is None or header.hash != kept.hash


def transactions_in(session: Session, blocks: list[int]) -> list[Transaction]:
    """Return the final transactions from the oldest of ``blocks`` on."""
    if not blocks:
        return []
    statement = select(Transaction).where(
        col(Transaction.state) == TransactionState.FINAL,
        col(Transaction.block) >= min(blocks),
    )
    return list(session.exec(statement).all())


def _blocks(registry: Registry) -> Iterator[tuple[int, bytes]]:
    before = 1 << 62
    while True:
        with registry.database.reading() as session:
            statement = (
                select(Transaction.block, Transaction.block_hash)
                .where(
                    col(Transaction.state) == TransactionState.FINAL,
                    col(Transaction.block) < before,
                    col(Transaction.block_hash).is_not(None),
                )
                .distinct()
                .order_by(col(Transaction.block).desc())
                .limit(_STEP)
            )
            found = session.exec(statement).all()
        if not found:
            return
        for number, block_hash in found:
            assert number is not None
            assert block_hash is not None
            yield number, block_hash
            before = number
