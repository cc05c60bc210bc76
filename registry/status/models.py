"""Status lists and what was asked to be changed in them."""

from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from registry.clock import unix_now
from registry.database import BigId, Id, StrEnumType


class ChangeState(StrEnum):
    """How far a change of status has come."""

    REQUESTED = "requested"
    SENT = "sent"
    FINAL = "final"
    REFUSED = "refused"
    """The chain refused it for good, e.g. a reinstatement of what is revoked there."""


class ChangeTarget(StrEnum):
    """What a change is about."""

    ENTRY = "entry"
    DIGEST = "digest"
    ROOT = "root"


class StatusList(SQLModel, table=True):
    """A list of a department; entries are taken in a secret random order."""

    __tablename__ = "status_list"

    department: str = Field(primary_key=True, foreign_key="department.code", max_length=20)
    number: int = Field(primary_key=True)
    seed: bytes = Field(sa_type=sa.LargeBinary)
    next: int = 0


class StatusChange(SQLModel, table=True):
    """One entry, digest or root whose status is to change, and how far that has come."""

    __tablename__ = "status_change"
    __table_args__ = (
        sa.Index("ix_status_change_state", "state", "id"),
        sa.Index("ix_status_change_list", "department", "list", "index"),
        sa.Index("ix_status_change_document", "document_id"),
        sa.Index("ix_status_change_transaction", "transaction_id"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    department: str = Field(foreign_key="department.code", max_length=20)
    actor_department: str = Field(foreign_key="department.code", max_length=20)
    document_id: str | None = Field(default=None, foreign_key="document.id", sa_type=Id)
    target: ChangeTarget = Field(default=ChangeTarget.ENTRY, sa_type=StrEnumType(ChangeTarget))
    list: int | None = None
    index: int | None = None
    hash: bytes | None = Field(default=None, sa_type=sa.LargeBinary)
    """The digest or root."""
    status: int
    reason: str | None = Field(default=None, max_length=200)
    officer: str = Field(sa_type=Id)
    transaction_id: int | None = Field(default=None, sa_type=sa.BigInteger)
    state: ChangeState = Field(default=ChangeState.REQUESTED, sa_type=StrEnumType(ChangeState))
    created_at: int = Field(default_factory=unix_now, sa_type=sa.BigInteger)
