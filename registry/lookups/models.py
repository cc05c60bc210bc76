"""Sealed documents by look-up id."""

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from registry.clock import unix_now


class LookupEntry(SQLModel, table=True):
    """One ciphertext; its key is on the paper and nowhere else."""

    __tablename__ = "lookup_entry"

    id: str = Field(primary_key=True, max_length=16)
    ciphertext: bytes = Field(sa_type=sa.LargeBinary)
    created_at: int = Field(default_factory=unix_now, sa_type=sa.BigInteger)
