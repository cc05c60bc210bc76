"""Document records and the artefacts that are signed for them."""

from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from registry.clock import new_id, unix_now
from registry.database import Id, StrEnumType
from registry.documents.forms import ArtefactForm

__all__ = [
    "ANCHORED_STATES",
    "ISSUED_STATES",
    "Artefact",
    "ArtefactForm",
    "ArtefactState",
    "DocumentRecord",
    "DocumentState",
    "ImportJob",
]


class DocumentState(StrEnum):
    """How far a document has come."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    SIGNED = "signed"
    BATCHED = "batched"
    ANCHORED = "anchored"
    DELIVERED = "delivered"
    REJECTED = "rejected"
    HELD = "held"
    """After a restore: it may have been signed since the backup; an officer decides."""


ISSUED_STATES = (
    DocumentState.SIGNED,
    DocumentState.BATCHED,
    DocumentState.ANCHORED,
    DocumentState.DELIVERED,
)
ANCHORED_STATES = (DocumentState.ANCHORED, DocumentState.DELIVERED)


class ArtefactState(StrEnum):
    """How far an artefact has come."""

    SIGNED = "signed"
    BATCHED = "batched"
    ANCHORED = "anchored"
    STALE = "stale"
    """It can no longer be anchored in time, or its key was withdrawn before: to be signed anew."""
    HELD = "held"
    """After a restore: in no anchored tree that is known, but perhaps in one that was lost."""
    SUPERSEDED = "superseded"
    """Another was signed in its place, or it is needed no more."""


class ImportJob(SQLModel, table=True):
    """One file of applications, with what was wrong in it."""

    __tablename__ = "import_job"

    id: str = Field(default_factory=new_id, primary_key=True, sa_type=Id)
    department: str = Field(foreign_key="department.code", max_length=20, index=True)
    kind: str = Field(max_length=32)
    filename: str = Field(max_length=200)
    officer: str = Field(sa_type=Id)
    rows: int = 0
    good: int = 0
    """Rows that became documents now."""
    known: int = 0
    """Rows whose document was there before."""
    bad: int = 0
    errors: list[dict[str, Any]] = Field(default_factory=list, sa_type=sa.JSON)
    """Row, column and error code with its details; never a claim's value."""
    errors_total: int = 0
    created_at: int = Field(default_factory=unix_now, sa_type=sa.BigInteger)
    reading: bool = False
    """The file is being read, or reading it broke off: it cannot be approved as a whole."""


class DocumentRecord(SQLModel, table=True):
    """What a department knows of one document."""

    __tablename__ = "document"
    __table_args__ = (
        sa.Index("ux_document_fingerprint", "fingerprint", unique=True),
        sa.Index("ix_document_department_state", "department", "state", "id"),
        sa.Index("ix_document_import", "import_id", "id"),
        # The signer looks for these few among millions.
        sa.Index(
            "ix_document_approved",
            "id",
            sqlite_where=sa.text("state = 'approved'"),
            postgresql_where=sa.text("state = 'approved'"),
        ),
    )

    id: str = Field(default_factory=new_id, primary_key=True, sa_type=Id)
    department: str = Field(foreign_key="department.code", max_length=20)
    kind: str = Field(max_length=32)
    kind_version: int
    claims: dict[str, Any] = Field(sa_type=sa.JSON)
    certificate_identifier: str | None = Field(default=None, max_length=160)
    fingerprint: bytes | None = Field(default=None, sa_type=sa.LargeBinary)
    """Hash of department, kind and claims while the document lives: the same again is refused."""
    state: DocumentState = Field(default=DocumentState.DRAFT, sa_type=StrEnumType(DocumentState))
    created_by: str = Field(sa_type=Id)
    approved_by: str | None = Field(default=None, sa_type=Id)
    import_id: str | None = Field(default=None, foreign_key="import_job.id", sa_type=Id)
    row_number: int | None = None
    issued_at: int | None = Field(default=None, sa_type=sa.BigInteger)
    valid_until: int | None = Field(default=None, sa_type=sa.BigInteger)
    """None also when the document never expires; fixed at approval."""
    status: int = 0
    """What the department wants: 0 valid, 1 revoked, 2 suspended."""
    reason: str | None = Field(default=None, max_length=200)
    created_at: int = Field(default_factory=unix_now, sa_type=sa.BigInteger)
    updated_at: int = Field(default_factory=unix_now, sa_type=sa.BigInteger)


class Artefact(SQLModel, table=True):
    """One signed thing: an SD-JWT or a card, each a leaf with a status entry of its own."""

    __table_args__ = (
        sa.Index("ux_artefact_digest", "digest", unique=True),
        sa.Index("ux_artefact_status", "department", "status_list", "status_index", unique=True),
        sa.Index("ix_artefact_document", "document_id"),
        sa.Index("ix_artefact_batch", "batch_id", "leaf_index"),
        # The batcher looks for these few among millions.
        sa.Index(
            "ix_artefact_waiting",
            "department",
            "id",
            sqlite_where=sa.text("state = 'signed'"),
            postgresql_where=sa.text("state = 'signed'"),
        ),
        sa.Index(
            "ix_artefact_stale",
            "id",
            sqlite_where=sa.text("state = 'stale'"),
            postgresql_where=sa.text("state = 'stale'"),
        ),
    )

    id: str = Field(default_factory=new_id, primary_key=True, sa_type=Id)
    department: str = Field(foreign_key="department.code", max_length=20)
    document_id: str | None = Field(default=None, foreign_key="document.id", sa_type=Id)
    form: ArtefactForm = Field(sa_type=StrEnumType(ArtefactForm))
    view: str | None = Field(default=None, max_length=32)
    text: str = Field(sa_type=sa.Text)
    digest: bytes = Field(sa_type=sa.LargeBinary)
    status_list: int | None = None
    status_index: int | None = None
    holder_kid: str | None = Field(default=None, max_length=43)
    """Thumbprint of the holder's key; None for a paper artefact."""
    claim_id: str | None = Field(default=None, sa_type=Id)
    state: ArtefactState = Field(default=ArtefactState.SIGNED, sa_type=StrEnumType(ArtefactState))
    batch_id: str | None = Field(default=None, foreign_key="batch.id", sa_type=Id)
    leaf_index: int | None = None
    iat: int = Field(sa_type=sa.BigInteger)
