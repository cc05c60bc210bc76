"""Officers, their tokens, and the audit trail."""

from typing import Annotated, Any

from pydantic import Field

from ecert.fields import hex_text
from registry.access.models import Officer, Role
from registry.api.schemas.common import (
    EXAMPLE_DEPARTMENT,
    EXAMPLE_HASH,
    EXAMPLE_ID,
    EXAMPLE_TIME,
    Answer,
    Code,
    Request,
    Text,
    example,
)
from registry.audit.models import AuditEntry


class OfficerRequest(Request):
    """An officer, or a department's system."""

    department: Code | None = None
    label: Text
    roles: Annotated[list[Role], Field(min_length=1, max_length=len(Role))]

    model_config = Request.model_config | example(
        department=EXAMPLE_DEPARTMENT, label="Counter 3", roles=["clerk"]
    )


class OfficerAnswer(Answer):
    """An officer; the token is nowhere but in the answer that made it."""

    id: str
    department: str | None
    label: str
    roles: list[str]
    disabled_at: int | None
    created_at: int

    @classmethod
    def of(cls, row: Officer) -> "OfficerAnswer":
        """Return the answer for an officer."""
        return cls.model_validate(row)


class OfficerList(Answer):
    """All officers."""

    officers: list[OfficerAnswer]


class AuditAnswer(Answer):
    """Who did what when; ``details`` holds numbers, codes and ids, nothing personal."""

    id: int
    time: int
    officer: str | None
    """None for the registry's own worker, and for wallets."""
    department: str | None
    action: str
    subject: str
    details: dict[str, Any]
    previous: str
    hash: str

    model_config = Answer.model_config | example(
        id=7,
        time=EXAMPLE_TIME,
        officer=EXAMPLE_ID,
        department=EXAMPLE_DEPARTMENT,
        action="document.approve",
        subject=EXAMPLE_ID,
        details={},
        previous=EXAMPLE_HASH,
        hash=EXAMPLE_HASH,
    )

    @classmethod
    def of(cls, row: AuditEntry) -> "AuditAnswer":
        """Return the answer for an entry."""
        return cls(
            id=row.id or 0,
            time=row.time,
            officer=row.officer,
            department=row.department,
            action=row.action,
            subject=row.subject,
            details=row.details,
            previous=hex_text(row.previous),
            hash=hex_text(row.hash),
        )


class AuditPage(Answer):
    """Entries in order."""

    entries: list[AuditAnswer]
    next: int | None
    """What to give as ``after`` for those that follow; None at the end."""


class TokenAnswer(Answer):
    """A bearer token, shown this once."""

    id: str
    token: str

    model_config = Answer.model_config | example(
        id=EXAMPLE_ID,
        token="<id>.<43 characters, shown this once>",  # noqa: S106
    )


class ActorAnswer(Answer):
    """Whom a credential belongs to."""

    id: str
    department: str | None
    roles: list[str]

    model_config = Answer.model_config | example(
        id=EXAMPLE_ID, department=EXAMPLE_DEPARTMENT, roles=["clerk"]
    )
