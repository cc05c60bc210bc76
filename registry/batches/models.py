"""Batches: trees whose roots are anchored."""

from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from registry.clock import new_id, unix_now
from registry.database import Id, StrEnumType


class BatchState(StrEnum):
    """How far a batch has come."""

    SEALED = "sealed"
    """Its leaves are fixed; a transaction with its root waits or is on its way."""
    FINAL = "final"
    DROPPED = "dropped"
    """It could not be anchored in time; its documents are signed anew."""


class Batch(SQLModel, table=True):
    """A tree of digests; its leaves are published."""

    __table_args__ = (
        sa.UniqueConstraint("department", "root"),
        sa.Index("ix_batch_state", "state", "id"),
        sa.Index("ix_batch_sequence", "sequence", unique=True),
    )

    id: str = Field(default_factory=new_id, primary_key=True, sa_type=Id)
    department: str = Field(foreign_key="department.code", max_length=20)
    root: bytes = Field(sa_type=sa.LargeBinary)
    size: int
    leaves: bytes = Field(sa_type=sa.LargeBinary)
    """The digests in order, 32 bytes each, padding among them."""
    state: BatchState = Field(default=BatchState.SEALED, sa_type=StrEnumType(BatchState))
    transaction_id: int | None = Field(default=None, sa_type=sa.BigInteger, index=True)
    block: int | None = Field(default=None, sa_type=sa.BigInteger)
    anchor_time: int | None = Field(default=None, sa_type=sa.BigInteger)
    sequence: int | None = Field(default=None, sa_type=sa.BigInteger)
    """Counts up in the order in which batches became final; the cursor of the published leaves."""
    oldest_iat: int = Field(sa_type=sa.BigInteger)
    created_at: int = Field(default_factory=unix_now, sa_type=sa.BigInteger)
