"""The operator's signed word on the newest final block."""

from typing import Any

from sqlmodel import Session

from ecert.chain.node import Header
from ecert.checkpoint import Checkpoint
from registry.context import Context
from registry.departments.keys import KeyService
from registry.departments.models import KeyPurpose
from registry.outbox.models import ChainCheckpoint


def keep_checkpoint(session: Session, context: Context, block: Header) -> ChainCheckpoint:
    """Sign and keep a checkpoint of ``block``; never one below the one that is kept."""
    row = session.get(ChainCheckpoint, 1, with_for_update=True)
    if row is not None and row.number > block.number:
        return row
    keys = KeyService(session, context.keystore)
    signer = keys.signer(keys.signing_key(None, KeyPurpose.CHECKPOINTS))
    checkpoint = Checkpoint(
        chain_id=context.contracts.chain_id,
        number=block.number,
        hash=block.hash,
        state_root=block.state_root,
        # A block's time may run ahead of this clock: verifiers take the later of both.
        time=context.clock(),
    )
    values: dict[str, Any] = {
        "chain_id": checkpoint.chain_id,
        "number": checkpoint.number,
        "hash": checkpoint.hash,
        "state_root": checkpoint.state_root,
        "time": checkpoint.time,
        "signed": checkpoint.sign(signer),
    }
    if row is None:
        row = ChainCheckpoint(id=1, **values)
        session.add(row)
    else:
        for name, value in values.items():
            setattr(row, name, value)
    session.flush()
    return row
