"""What a restored registry knows of what it lost."""

from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from registry.database import Id, StrEnumType
from registry.documents.models import DocumentState

LOST_KEY, LOST_DEPARTMENT = "registry.lost_key", "registry.lost_department"
"""How the audit trail names what the chain knows and nobody has the keys of any more."""


class RootState(StrEnum):
    """What was decided about a lost root."""

    OPEN = "open"
    KEPT = "kept"
    """Its documents stay valid, in their holders' hands only."""
    REVOKED = "revoked"


class LostRoot(SQLModel, table=True):
    """A root that a department anchored after the backup: its documents verify, and are lost."""

    __tablename__ = "lost_root"

    department: str = Field(primary_key=True, foreign_key="department.code", max_length=20)
    root: bytes = Field(primary_key=True, sa_type=sa.LargeBinary)
    size: int = Field(sa_type=sa.BigInteger)
    block: int = Field(sa_type=sa.BigInteger)
    anchor_time: int = Field(sa_type=sa.BigInteger)
    state: RootState = Field(default=RootState.OPEN, sa_type=StrEnumType(RootState))
    officer: str | None = Field(default=None, sa_type=Id)
    """Who decided."""
    decided_at: int | None = Field(default=None, sa_type=sa.BigInteger)


class HeldDocument(SQLModel, table=True):
    """A document that may have been signed after the backup: not signed again unasked."""

    __tablename__ = "held_document"

    document_id: str = Field(primary_key=True, foreign_key="document.id", sa_type=Id)
    state: DocumentState = Field(sa_type=StrEnumType(DocumentState))
    """In which it was in the backup, and to which it goes back."""
    since: int = Field(sa_type=sa.BigInteger)
