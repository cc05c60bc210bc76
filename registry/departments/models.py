"""Departments, their keys and their accounts on the chain."""

from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from registry.clock import unix_now
from registry.database import Id, StrEnumType

OUTSIDE = b""
"""In the place of a sealed key that this registry does not have."""


class DepartmentState(StrEnum):
    """Where a department stands on the chain."""

    REQUESTED = "requested"
    ADMITTED = "admitted"
    SUSPENDED = "suspended"
    REFUSED = "refused"
    """The chain refused its admission."""


class KeyState(StrEnum):
    """Where a signing key stands on the chain."""

    NEW = "new"
    REGISTERED = "registered"
    WITHDRAWN = "withdrawn"
    COMPROMISED = "compromised"


class KeyPurpose(StrEnum):
    """What a signing key signs."""

    DOCUMENTS = "documents"
    CHECKPOINTS = "checkpoints"
    TRUST = "trust"


class AccountPurpose(StrEnum):
    """Which contract calls an account makes."""

    DEPLOYER = "deployer"
    COUNCIL = "council"
    ADMIN = "admin"
    ANCHOR = "anchor"
    STATUS = "status"


class GrantState(StrEnum):
    """Where a department's right to issue a kind stands on the chain."""

    REQUESTED = "requested"
    GRANTED = "granted"
    WITHDRAWN = "withdrawn"


class Department(SQLModel, table=True):
    """A department that this registry issues for."""

    code: str = Field(primary_key=True, max_length=20)
    name: str = Field(max_length=200)
    kind: str = Field(max_length=32)
    """What sort of department it is, as kinds of document name their issuers, e.g. ``PS``."""
    parent_code: str | None = Field(default=None, foreign_key="department.code", max_length=20)
    state: DepartmentState = Field(
        default=DepartmentState.REQUESTED, sa_type=StrEnumType(DepartmentState)
    )
    transaction_id: int | None = Field(default=None, sa_type=sa.BigInteger)
    """Its admission, or the newest suspension or lift: the next of them goes after it."""
    created_at: int = Field(default_factory=unix_now, sa_type=sa.BigInteger)


class KindGrant(SQLModel, table=True):
    """A department's right to issue a kind."""

    __tablename__ = "kind_grant"

    department: str = Field(primary_key=True, foreign_key="department.code", max_length=20)
    kind: str = Field(primary_key=True, max_length=32)
    state: GrantState = Field(default=GrantState.REQUESTED, sa_type=StrEnumType(GrantState))
    transaction_id: int | None = Field(default=None, sa_type=sa.BigInteger)


class SigningKey(SQLModel, table=True):
    """A signing key; its private part is sealed under the key store's passphrase."""

    __tablename__ = "signing_key"

    kid: str = Field(primary_key=True, max_length=43)
    department: str | None = Field(default=None, foreign_key="department.code", max_length=20)
    purpose: KeyPurpose = Field(sa_type=StrEnumType(KeyPurpose))
    suite: str = Field(max_length=8)
    x: bytes = Field(sa_type=sa.LargeBinary)
    y: bytes = Field(sa_type=sa.LargeBinary)
    sealed: bytes = Field(sa_type=sa.LargeBinary)
    state: KeyState = Field(default=KeyState.NEW, sa_type=StrEnumType(KeyState))
    transaction_id: int | None = Field(default=None, sa_type=sa.BigInteger)
    created_at: int = Field(default_factory=unix_now, sa_type=sa.BigInteger)


class Account(SQLModel, table=True):
    """An account on the chain that signs transactions of one purpose."""

    __table_args__ = (
        sa.Index("ux_account_department_purpose", "department", "purpose", unique=True),
    )

    address: str = Field(primary_key=True, max_length=42)
    department: str | None = Field(default=None, foreign_key="department.code", max_length=20)
    purpose: AccountPurpose = Field(sa_type=StrEnumType(AccountPurpose))
    sealed: bytes = Field(sa_type=sa.LargeBinary)
    """Its key; ``OUTSIDE`` for a council whose members sign elsewhere."""
    next_nonce: int = Field(default=0, sa_type=sa.BigInteger)

    @property
    def is_ours(self) -> bool:
        """Whether its key is in the key store."""
        return self.sealed != OUTSIDE


class KeystoreHeader(SQLModel, table=True):
    """How the passphrase becomes the master key, and a sealed constant that proves it right."""

    __tablename__ = "keystore_header"

    id: str = Field(default="main", primary_key=True, sa_type=Id)
    header: bytes = Field(sa_type=sa.LargeBinary)
