"""The operator's signed word on the newest final block."""

from sqlmodel import Session

from ecert.chain.node import Header
from ecert.chain.qbft import ADDRESS_BYTES
from ecert.checkpoint import Checkpoint
from ecert.errors import UnavailableError
from ecert.fields import hex_text, time_text
from registry.access.actor import Actor
from registry.access.models import Role
from registry.audit.service import AuditTrail
from registry.context import Context
from registry.departments.keys import KeyService
from registry.departments.models import KeyPurpose
from registry.errors import NotFoundError
from registry.outbox.models import ChainCheckpoint, ChainDeployment
from registry.outbox.seals import Base, SealedHeader

_BLOCKS_AT_ONCE = 10_000
_BLOCKS_A_SECOND = 100


def signing_time(session: Session, context: Context) -> int:
    """Return the time for what is signed now.

    Raises:
        ClockError: The clock that would say so is plainly wrong.
    """
    row = session.get(ChainCheckpoint, 1)
    return context.watch.check(context.clock(), signed=None if row is None else row.time)


def keep_checkpoint(session: Session, context: Context, block: Header) -> ChainCheckpoint:
    """Sign and keep a checkpoint of ``block``; never one below the one that is kept.

    Raises:
        ClockError: The clock is plainly wrong.
        UnavailableError: ``chain_height_absurd``: no chain makes so many blocks in the time. Kept,
            the word of a node that lies would keep the worker from the chain for ever.
    """
    row = session.get(ChainCheckpoint, 1, with_for_update=True)
    if row is not None and row.number > block.number:
        return row
    if row is not None:
        passed = max(0, context.clock() - row.time)
        if block.number > row.number + _BLOCKS_AT_ONCE + _BLOCKS_A_SECOND * passed:
            raise UnavailableError("chain_height_absurd", block=block.number, final=row.number)
    # A block's time may run ahead of this clock: verifiers take the later of both.
    now = context.watch.check(context.clock(), signed=None if row is None else row.time)
    checkpoint = Checkpoint(
        chain_id=context.contracts.chain_id,
        number=block.number,
        hash=block.hash,
        state_root=block.state_root,
        time=now,
    )
    if not isinstance(block, SealedHeader):
        return _keep(session, context, checkpoint)
    keep_base(session, block.base)
    return _keep(session, context, checkpoint, b"".join(block.validators))


def keep_base(session: Session, base: Base) -> None:
    """Keep from where the validators are followed."""
    row = session.get(ChainDeployment, 1)
    assert row is not None  # a registry has one before it has a checkpoint
    row.base, row.base_validators = base.number, b"".join(base.validators)
    session.add(row)


def accept_validators(session: Session, context: Context, actor: Actor, base: Base) -> None:
    """Follow the validators from ``base`` on, which an operator has found to be right.

    Raises:
        ForbiddenError: The actor is no operator.
    """
    actor.require(Role.OPERATOR)
    keep_base(session, base)
    AuditTrail(session, context.clock).record(
        actor,
        "validators.accept",
        "checkpoint",
        block=base.number,
        validators=[hex_text(address) for address in base.validators],
    )


def base_of(row: ChainDeployment) -> Base | None:
    """Return from where the validators are followed, if the chain has any."""
    if row.base is None or row.base_validators is None:
        return None
    return Base(row.base, addresses(row.base_validators))


def addresses(data: bytes) -> tuple[bytes, ...]:
    """Return addresses that are kept one after another."""
    return tuple(data[at : at + ADDRESS_BYTES] for at in range(0, len(data), ADDRESS_BYTES))


def accept_clock(session: Session, context: Context, actor: Actor) -> int:
    """Sign the newest checkpoint anew at this clock's time, whatever time it had.

    For a clock that was wrong and has been set right, or that jumped because the machine was
    stopped: whoever watches it takes this for the word that it is right now.

    Returns:
        The time.

    Raises:
        ForbiddenError: The actor is no operator.
        NotFoundError: ``checkpoint_missing``.
    """
    actor.require(Role.OPERATOR)
    row = session.get(ChainCheckpoint, 1, with_for_update=True)
    if row is None:
        raise NotFoundError("checkpoint_missing")
    now, before = context.clock(), row.time
    again = Checkpoint(row.chain_id, row.number, row.hash, row.state_root, time=now)
    _keep(session, context, again, row.validators)
    AuditTrail(session, context.clock).record(
        actor, "clock.accept", "checkpoint", before=time_text(before), now=time_text(now)
    )
    return now


def _keep(
    session: Session, context: Context, checkpoint: Checkpoint, validators: bytes | None = None
) -> ChainCheckpoint:
    keys = KeyService(session, context.keystore)
    signer = keys.signer(keys.signing_key(None, KeyPurpose.CHECKPOINTS))
    row = session.merge(
        ChainCheckpoint(
            id=1,
            chain_id=checkpoint.chain_id,
            number=checkpoint.number,
            hash=checkpoint.hash,
            state_root=checkpoint.state_root,
            time=checkpoint.time,
            signed=checkpoint.sign(signer),
            validators=validators,
        )
    )
    session.flush()
    return row
