"""Claim codes, and what wallets claimed with them."""

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from registry.clock import new_id, unix_now
from registry.database import Id


class ClaimCode(SQLModel, table=True):
    """A one-time code for one document, kept as its hash."""

    __tablename__ = "claim_code"
    __table_args__ = (sa.Index("ux_claim_code_hash", "code_hash", unique=True),)

    id: str = Field(default_factory=new_id, primary_key=True, sa_type=Id)
    document_id: str = Field(foreign_key="document.id", sa_type=Id, index=True)
    code_hash: bytes = Field(sa_type=sa.LargeBinary)
    officer: str = Field(sa_type=Id)
    expires_at: int = Field(sa_type=sa.BigInteger)
    attempts_left: int
    used_at: int | None = Field(default=None, sa_type=sa.BigInteger)


class Claim(SQLModel, table=True):
    """A wallet's claim; its artefacts carry its id."""

    id: str = Field(default_factory=new_id, primary_key=True, sa_type=Id)
    document_id: str = Field(foreign_key="document.id", sa_type=Id, index=True)
    secret_hash: bytes = Field(sa_type=sa.LargeBinary)
    created_at: int = Field(default_factory=unix_now, sa_type=sa.BigInteger)
    delivered_at: int | None = Field(default=None, sa_type=sa.BigInteger)
