"""The rows of new documents, and what stands in their way."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from ecert.kinds import Kind
from registry.documents.models import DocumentRecord, DocumentState
from registry.documents.preparing import Prepared


def free_expired(session: Session, fingerprints: Sequence[bytes], now: int) -> None:
    """Let an application be made again whose earlier document has expired."""
    session.execute(
        sa.update(DocumentRecord)
        .where(
            col(DocumentRecord.fingerprint).in_(fingerprints),
            col(DocumentRecord.valid_until) <= now,
        )
        .values(fingerprint=None)
        .execution_options(synchronize_session=False)
    )


def row_of(
    document_id: str,
    department: str,
    kind: Kind,
    prepared: Prepared,
    *,
    officer: str,
    now: int,
    state: DocumentState,
    import_id: str | None = None,
    row_number: int | None = None,
) -> dict[str, Any]:
    """Return the columns of a new document."""
    return {
        "id": document_id,
        "department": department,
        "kind": kind.code,
        "kind_version": kind.version,
        "claims": prepared.claims,
        "certificate_identifier": prepared.certificate_identifier,
        "fingerprint": prepared.fingerprint,
        "state": state,
        "created_by": officer,
        "import_id": import_id,
        "row_number": row_number,
        "status": 0,
        "created_at": now,
        "updated_at": now,
    }
