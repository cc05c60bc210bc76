"""The outbox: transactions that the registry wants on the chain, and what it knows of the chain."""

from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from registry.clock import unix_now
from registry.database import BigId, StrEnumType


class TransactionState(StrEnum):
    """How far a transaction has come."""

    AWAITING = "awaiting_council"
    """Ordered from a council whose keys are not here: its members make the call, and what the chain
    logs tells that they did (``registry.outbox.council``)."""
    QUEUED = "queued"
    PREPARED = "prepared"
    """Nonce and signed bytes are fixed: whatever happens, only these bytes are sent."""
    BROADCAST = "broadcast"
    MINED = "mined"
    FINAL = "final"
    FAILED = "failed"
    """The chain refused it; it changed nothing there."""


LIVE_STATES = (
    TransactionState.AWAITING,
    TransactionState.QUEUED,
    TransactionState.PREPARED,
    TransactionState.BROADCAST,
    TransactionState.MINED,
)


class Purpose(StrEnum):
    """What a transaction is for; decides what follows when it is final or has failed."""

    ADMIT = "admit"
    ROLE = "role"
    KEY = "key"
    KIND = "kind"
    SUSPENSION = "suspension"
    SCHEDULE = "schedule"
    COUNCIL = "council"
    ANCHOR = "anchor"
    STATUS = "status"


class Transaction(SQLModel, table=True):
    """A contract call to be made exactly once, in the order of ``id`` for each account."""

    __tablename__ = "outbox"
    __table_args__ = (
        sa.Index("ix_outbox_state", "state", "id"),
        sa.Index("ix_outbox_account_nonce", "account", "nonce"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    account: str = Field(foreign_key="account.address", max_length=42)
    purpose: Purpose = Field(sa_type=StrEnumType(Purpose))
    contract: str = Field(max_length=40)
    function: str = Field(max_length=40)
    target: str = Field(max_length=42)
    data: bytes = Field(sa_type=sa.LargeBinary)
    """Contract, function, address and call data of the ``ContractCall``."""
    after_id: int | None = Field(default=None, sa_type=sa.BigInteger)
    """Another transaction that must be final before; if that fails, so does this."""
    delay: int = 0
    """Seconds to wait after it (the council's delay), or after this row was made."""
    nonce: int | None = Field(default=None, sa_type=sa.BigInteger)
    raw: bytes | None = Field(default=None, sa_type=sa.LargeBinary)
    hash: str | None = Field(default=None, max_length=66)
    state: TransactionState = Field(
        default=TransactionState.QUEUED, sa_type=StrEnumType(TransactionState)
    )
    block: int | None = Field(default=None, sa_type=sa.BigInteger)
    block_hash: bytes | None = Field(default=None, sa_type=sa.LargeBinary)
    """Tells whether that block is still on the chain."""
    block_time: int | None = Field(default=None, sa_type=sa.BigInteger)
    since_block: int | None = Field(default=None, sa_type=sa.BigInteger)
    """Of what awaits the council: it cannot have happened before this block."""
    log_index: int | None = Field(default=None, sa_type=sa.BigInteger)
    """Of what the council did: the log entry of ``block`` that tells it."""
    error: str | None = Field(default=None, max_length=500)
    attempts: int = 0
    """How many transactions for the same thing failed before this one."""
    resend_order: int = Field(default=0, sa_type=sa.BigInteger)
    """Below zero for what a restored chain has lost: sent again first, in the order it had."""
    created_at: int = Field(default_factory=unix_now, sa_type=sa.BigInteger)
    updated_at: int = Field(default_factory=unix_now, sa_type=sa.BigInteger)


class ChainDeployment(SQLModel, table=True):
    """The chain and the contracts that this registry writes to."""

    __tablename__ = "chain_deployment"

    id: int = Field(default=1, primary_key=True)
    chain_id: int = Field(sa_type=sa.BigInteger)
    genesis_hash: bytes = Field(sa_type=sa.LargeBinary)
    engine: str = Field(max_length=16)
    council_delay: int = Field(sa_type=sa.BigInteger)
    council: str | None = Field(default=None, max_length=42)
    """Who the council is; none while it is the account that this registry made for it."""
    record: dict[str, Any] = Field(sa_type=sa.JSON)
    """Contracts and blocks, as ``registry.chain.deploy.Deployment`` writes them."""
    base: int | None = Field(default=None, sa_type=sa.BigInteger)
    """A block whose validators are certain, and from which they are followed; none where the chain
    has none."""
    base_validators: bytes | None = Field(default=None, sa_type=sa.LargeBinary)
    """Their addresses, one after another."""


class ChainDuty(SQLModel, table=True):
    """The worker that brought database and chain together, where several work on a server."""

    __tablename__ = "chain_duty"

    id: int = Field(default=1, primary_key=True)
    process: int
    """The server's process for that worker's connection."""
    connected_at: int = Field(sa_type=sa.BigInteger)
    """When the connection was opened, unix microseconds: with ``process`` it names it."""


class ChainCheckpoint(SQLModel, table=True):
    """The newest final block, with the operator's signature over it."""

    __tablename__ = "chain_checkpoint"

    id: int = Field(default=1, primary_key=True)
    chain_id: int = Field(sa_type=sa.BigInteger)
    number: int = Field(sa_type=sa.BigInteger)
    hash: bytes = Field(sa_type=sa.LargeBinary)
    state_root: bytes = Field(sa_type=sa.LargeBinary)
    time: int = Field(sa_type=sa.BigInteger)
    signed: bytes = Field(sa_type=sa.LargeBinary)
    validators: bytes | None = Field(default=None, sa_type=sa.LargeBinary)
    """Addresses of the validators at its height, one after another, where it has any."""


class WorkerState(SQLModel, table=True):
    """How the worker fares, for the web service, which may be another process."""

    __tablename__ = "worker_state"

    id: int = Field(default=1, primary_key=True)
    error: str | None = Field(default=None, max_length=100)
    """Code of what it waits for, or waited for last."""
    error_since: int | None = Field(default=None, sa_type=sa.BigInteger)
    error_until: int | None = Field(default=None, sa_type=sa.BigInteger)
    """When that ended; none while it lasts."""
    reorganisations: int = Field(default=0, sa_type=sa.BigInteger)
    """How often a final block was found to be replaced."""
    resent: int = Field(default=0, sa_type=sa.BigInteger)
    """How many transactions were sent again."""
    failures: list[dict[str, int]] = Field(default_factory=list, sa_type=sa.JSON)
    """How often each of the chain's nodes failed, by kind, since the worker started."""
    updated_at: int = Field(default_factory=unix_now, sa_type=sa.BigInteger)

    @property
    def waits(self) -> bool:
        """Whether the worker waits for something now."""
        return self.error is not None and self.error_until is None
