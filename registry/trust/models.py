"""Versions of the trust file that were published."""

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from registry.clock import unix_now


class PublishedTrust(SQLModel, table=True):
    """One version, as it was signed. Earlier ones lead verifiers from what they have pinned."""

    __tablename__ = "published_trust"

    version: int = Field(sa_type=sa.BigInteger, primary_key=True)
    data: bytes = Field(sa_type=sa.LargeBinary)
    published_at: int = Field(default_factory=unix_now, sa_type=sa.BigInteger)
