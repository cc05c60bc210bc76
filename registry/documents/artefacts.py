"""Keeping signed artefacts, and making stale ones anew."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlmodel import Session, col, select

from ecert.artefact import read
from ecert.kinds import Catalogue
from ecert.signing import PublicKey
from registry.clock import new_ids
from registry.database import insert_many
from registry.documents.issuing import Signed
from registry.documents.models import Artefact, ArtefactForm, ArtefactState


def keep(
    session: Session,
    department: str,
    signed: Iterable[tuple[str, Signed]],
    *,
    claim_id: str | None = None,
) -> None:
    """Insert artefacts, given with their documents' ids, in one statement."""
    pairs = list(signed)
    rows: list[dict[str, Any]] = [
        {
            "id": artefact_id,
            "department": department,
            "document_id": document_id,
            "form": made.form,
            "view": made.view,
            "text": made.text,
            "digest": made.digest,
            "status_list": made.status[0],
            "status_index": made.status[1],
            "holder_kid": None if made.holder is None else made.holder.kid,
            "claim_id": claim_id,
            "state": ArtefactState.SIGNED,
            "batch_id": None,
            "leaf_index": None,
            "iat": made.iat,
        }
        for artefact_id, (document_id, made) in zip(new_ids(len(pairs)), pairs, strict=True)
    ]
    insert_many(session, Artefact, rows)


def artefacts_of(session: Session, document_id: str) -> Sequence[Artefact]:
    """Return a document's artefacts that count, oldest first."""
    statement = (
        select(Artefact)
        .where(
            col(Artefact.document_id) == document_id,
            col(Artefact.state) != ArtefactState.SUPERSEDED,
        )
        .order_by(col(Artefact.id))
    )
    return session.exec(statement).all()


def holder_of(artefact: Artefact, catalogue: Catalogue) -> PublicKey | None:
    """Return the holder's key that an artefact names, read from its own text."""
    if artefact.form == ArtefactForm.PADDING or artefact.holder_kid is None:
        return None
    return read(artefact.text, catalogue=catalogue).holder
