"""Who may use the registry."""

from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from registry.clock import new_id, unix_now
from registry.database import Id


class Role(StrEnum):
    """What an officer, or a department's system, may do."""

    CLERK = "clerk"
    """Enters applications, imports, makes claim codes."""
    APPROVER = "approver"
    """Approves what another entered; suspends, revokes, reinstates."""
    CUSTODIAN = "custodian"
    """Registers and withdraws the department's keys."""
    AUDITOR = "auditor"
    """Reads everything, changes nothing."""
    OPERATOR = "operator"
    """Runs the registry: admits departments, adds officers. Belongs to no department."""


class Officer(SQLModel, table=True):
    """A person or a department's system with credentials."""

    id: str = Field(default_factory=new_id, primary_key=True, sa_type=Id)
    department: str | None = Field(default=None, foreign_key="department.code", max_length=20)
    label: str = Field(max_length=100)
    roles: list[str] = Field(sa_type=sa.JSON)
    token_hash: bytes = Field(sa_type=sa.LargeBinary)
    disabled_at: int | None = Field(default=None, sa_type=sa.BigInteger)
    created_at: int = Field(default_factory=unix_now, sa_type=sa.BigInteger)
