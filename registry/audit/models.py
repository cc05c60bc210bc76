"""The audit trail."""

from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from registry.database import BigId, Id


class AuditEntry(SQLModel, table=True):
    """Who did what when; each entry holds the hash of the one before."""

    __tablename__ = "audit_entry"

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    time: int = Field(sa_type=sa.BigInteger)
    officer: str | None = Field(default=None, sa_type=Id)
    """None for the registry's own worker."""
    department: str | None = Field(default=None, max_length=20, index=True)
    action: str = Field(max_length=40)
    subject: str = Field(max_length=100)
    details: dict[str, Any] = Field(sa_type=sa.JSON)
    """Numbers, codes and ids only: nothing personal."""
    previous: bytes = Field(sa_type=sa.LargeBinary)
    hash: bytes = Field(sa_type=sa.LargeBinary)
